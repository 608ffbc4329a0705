"""Traffic: how long calls occupied each span of time, how many went on at once, and when most.

Moments are whole microseconds since 1970 in UTC; a call occupies [start, end). Nothing here knows
groups but by their number.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from graph.stats.groups import QUARTER_SECONDS, Calendar
from graph.types.figure import BusyHourKind
from graph.types.stats import StatsKey

QUARTER_US = QUARTER_SECONDS * 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR_QUARTERS = 4
_HOUR_US = _HOUR_QUARTERS * QUARTER_US


def to_us(moment: datetime) -> int:
    """Microseconds since 1970"""
    return (moment - _EPOCH) // _MICROSECOND


def at_us(us: int) -> datetime:
    """The moment so many microseconds after 1970"""
    return _EPOCH + timedelta(microseconds=us)


def quarters(start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """[start, end) cut at quarters of an hour: each quarter's number, and the part inside"""
    while start < end:
        quarter = start // QUARTER_US
        stop = min(end, (quarter + 1) * QUARTER_US)
        yield quarter, start, stop
        start = stop


class Sweep:
    """The most calls that went on at once, by group, while sources bring theirs each in its order.

    `add` takes calls of any order that begin at or after the last moment `pass_to` was told. Their
    beginnings and ends wait by the hour they lie in, eight bytes each, until no source can add to
    that hour any more; so what waits is what one source is ahead of another.
    """

    # An end sorts before a beginning of the same moment: they do not overlap.
    _GROUP_BITS = 24
    _BEGINS = 1 << _GROUP_BITS
    _GROUP = _BEGINS - 1
    _MOMENT_BITS = _GROUP_BITS + 1

    def __init__(self) -> None:
        self._hours: dict[int, array[int]] = {}
        self._passed = 0
        self._going: dict[int, int] = {}
        self.peaks: dict[int, tuple[int, int]] = {}
        """group → its peak, and when that was first reached"""

    def add(self, start: int, end: int, group: int) -> None:
        hour, moment = divmod(start, _HOUR_US)
        self._hour(hour).append(moment << self._MOMENT_BITS | self._BEGINS | group)
        hour, moment = divmod(end, _HOUR_US)
        self._hour(hour).append(moment << self._MOMENT_BITS | group)

    def _hour(self, hour: int) -> array[int]:
        waiting = self._hours.get(hour)
        if waiting is None:
            waiting = self._hours[hour] = array("Q")
        return waiting

    def pass_to(self, moment: int | None) -> None:
        """No call that begins before this moment will come any more; None: no call at all"""
        if moment is None:
            passed = sorted(self._hours)
        elif moment // _HOUR_US <= self._passed:
            return
        else:
            self._passed = moment // _HOUR_US
            passed = sorted(hour for hour in self._hours if hour < self._passed)
        for hour in passed:
            self._go_through(hour * _HOUR_US, sorted(self._hours.pop(hour)))

    def _go_through(self, start: int, events: list[int]) -> None:
        going, peaks = self._going, self.peaks
        for event in events:
            group = event & self._GROUP
            if not event & self._BEGINS:
                going[group] -= 1
                continue
            now = going[group] = going.get(group, 0) + 1
            if group not in peaks or now > peaks[group][0]:
                peaks[group] = (now, start + (event >> self._MOMENT_BITS))


def busy_hour(
    cells: Mapping[int, int], kind: BusyHourKind, calendar: Calendar
) -> tuple[int, datetime, datetime] | None:
    """The hour with the most traffic: its microseconds, its bounds; None without any traffic.

    `cells` has the microseconds occupied in each quarter. Of equal hours the first is taken.
    """
    if not any(cells.values()):
        return None
    if kind is BusyHourKind.SLIDING:
        starts = {cell - back for cell in cells for back in range(_HOUR_QUARTERS)}
        carried, first = max(
            (sum(cells.get(start + step, 0) for step in range(_HOUR_QUARTERS)), -start)
            for start in starts
        )
        since = at_us(-first * QUARTER_US)
        return carried, since, since + timedelta(hours=1)
    hours: dict[tuple[datetime, datetime], int] = {}
    for cell, amount in cells.items():
        bucket = calendar.bucket(StatsKey.HOUR, cell)
        assert bucket.since is not None
        assert bucket.until is not None
        place = (bucket.since, bucket.until)
        hours[place] = hours.get(place, 0) + amount
    (since, until), carried = min(hours.items(), key=lambda item: (-item[1], item[0]))
    return carried, since, until
