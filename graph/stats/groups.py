"""What calls are grouped by: keys of a call, and spans of time in a named zone.

Time is cut at quarters of an hour, since every zone's offset is a multiple of one; so all calls of
one quarter share their buckets, and a zone is looked up once for each quarter, not for each call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from graph.errors import BadUserInput
from graph.sources.convert import country
from graph.types.call import CallDirection
from graph.types.stats import StatsKey

QUARTER_SECONDS = 900
_QUARTER = timedelta(seconds=QUARTER_SECONDS)


def zone_named(name: str) -> ZoneInfo:
    """The IANA zone; BadUserInput if there is none of that name"""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadUserInput(
            "timeZone", f"there is no time zone {name[:60]!r}; write it like Europe/Berlin"
        ) from None


# ---------------------------------------------------------------- keys of a call


class KeyRule(NamedTuple):
    """How a key's value comes from a call, and what it reads."""

    needs: tuple[str, ...]
    value: Callable[[Any, Any], str | None]
    """of the record, and of the source that told it"""


def extension(call: Any, _source: Any = None) -> str | None:
    """The extension that answered or was tried last; of an outbound call the one that called"""
    side = call.caller if call.direction is CallDirection.OUTBOUND else call.callee
    told: str | None = side.extension
    return told


def trunk(call: Any, _source: Any = None) -> str | None:
    told: str | None = call.trunk_in or call.trunk_out
    return told


def _country(call: Any, _source: Any) -> str | None:
    if call.direction is CallDirection.INBOUND:
        return country(call.caller.e164)
    if call.direction is CallDirection.OUTBOUND:
        return country(call.callee.e164)
    return None


CALL_KEYS: Mapping[StatsKey, KeyRule] = {
    StatsKey.SOURCE: KeyRule((), lambda _call, source: source.id),
    StatsKey.VENDOR: KeyRule((), lambda _call, source: source.vendor),
    StatsKey.DIRECTION: KeyRule(("direction",), lambda call, _: call.direction.value),
    StatsKey.DISPOSITION: KeyRule(("disposition",), lambda call, _: call.disposition.value),
    StatsKey.QUEUE: KeyRule(("queue",), lambda call, _: call.queue),
    StatsKey.AGENT: KeyRule(("agent",), lambda call, _: call.agent),
    StatsKey.EXTENSION: KeyRule(("direction", "caller.extension", "callee.extension"), extension),
    StatsKey.TRUNK: KeyRule(("trunk_in", "trunk_out"), trunk),
    StatsKey.DID: KeyRule(("did",), lambda call, _: call.did),
    StatsKey.COUNTRY: KeyRule(("direction", "caller.e164", "callee.e164"), _country),
}


# ---------------------------------------------------------------- spans of time


class Bucket(NamedTuple):
    """A span of time, or an hour or day that comes again: its value, its bounds if it has any."""

    value: str
    label: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Calendar:
    """The buckets of one zone. Quarters are counted from 1970 in UTC."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self.bucket = lru_cache(maxsize=65_536)(self._bucket)

    def _bucket(self, key: StatsKey, quarter: int) -> Bucket:
        at = datetime.fromtimestamp(quarter * QUARTER_SECONDS, UTC)
        local = at.astimezone(self.zone)
        return TIME_KEYS[key](self, at, local)

    def _midnight(self, day: date) -> datetime:
        """The first moment of a day, in UTC, also where the clocks change at midnight"""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def _days(self, first: date, following: date, value: str) -> Bucket:
        return Bucket(value, None, self._midnight(first), self._midnight(following))

    def _span(self, at: datetime, local: datetime, seconds: int) -> Bucket:
        """The hour or quarter around `at`. A change of clocks in its middle ends it."""
        offset = local.utcoffset() or timedelta()
        wall = local.replace(tzinfo=None)
        into = (wall.minute * 60 + wall.second) % seconds
        since, until = at - timedelta(seconds=into), at + timedelta(seconds=seconds - into)
        text = f"{(wall - timedelta(seconds=into)).isoformat()}{_offset(offset)}"
        while self._offset_at(since) != offset:
            since += _QUARTER
        while self._offset_at(until - _QUARTER) != offset:
            until -= _QUARTER
        return Bucket(text, None, since, until)

    def _offset_at(self, at: datetime) -> timedelta | None:
        return at.astimezone(self.zone).utcoffset()

    def _hour(self, at: datetime, local: datetime) -> Bucket:
        return self._span(at, local, 3600)

    def _quarter(self, at: datetime, local: datetime) -> Bucket:
        return self._span(at, local, QUARTER_SECONDS)

    def _day(self, _at: datetime, local: datetime) -> Bucket:
        day = local.date()
        return self._days(day, day + timedelta(days=1), day.isoformat())

    def _week(self, _at: datetime, local: datetime) -> Bucket:
        year, week, weekday = local.date().isocalendar()
        monday = local.date() - timedelta(days=weekday - 1)
        return self._days(monday, monday + timedelta(days=7), f"{year}-W{week:02}")

    def _month(self, _at: datetime, local: datetime) -> Bucket:
        first = local.date().replace(day=1)
        following = (first + timedelta(days=31)).replace(day=1)
        return self._days(first, following, f"{first:%Y-%m}")

    def _hour_of_day(self, _at: datetime, local: datetime) -> Bucket:
        return Bucket(f"{local.hour:02}")

    def _weekday(self, _at: datetime, local: datetime) -> Bucket:
        number = local.isoweekday()
        return Bucket(str(number), _WEEKDAYS[number - 1])


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _offset(offset: timedelta) -> str:
    """`+01:00`"""
    sign, minutes = ("-", -offset) if offset < timedelta() else ("+", offset)
    whole = int(minutes.total_seconds()) // 60
    return f"{sign}{whole // 60:02}:{whole % 60:02}"


TIME_KEYS: Mapping[StatsKey, Callable[[Calendar, datetime, datetime], Bucket]] = {
    StatsKey.HOUR_OF_DAY: Calendar._hour_of_day,  # noqa: SLF001
    StatsKey.WEEKDAY: Calendar._weekday,  # noqa: SLF001
    StatsKey.QUARTER_HOUR: Calendar._quarter,  # noqa: SLF001
    StatsKey.HOUR: Calendar._hour,  # noqa: SLF001
    StatsKey.DAY: Calendar._day,  # noqa: SLF001
    StatsKey.WEEK: Calendar._week,  # noqa: SLF001
    StatsKey.MONTH: Calendar._month,  # noqa: SLF001
}
