"""The CDRs in order: which are visible, in which window, on which page."""

from __future__ import annotations

import bisect
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from operator import attrgetter
from zoneinfo import ZoneInfo

import msgspec

from graph.sources import company
from graph.sources.twin import World
from graph.sources.vcclive.simulator import rows
from graph.sources.vcclive.simulator.rows import Row
from graph.sources.vcclive.simulator.switches import Switches


class Given(msgspec.Struct, frozen=True):
    """An entry that came in the vendor's shape, with the moments that it names."""

    started_at: datetime
    ended_at: datetime
    row: Row


Item = company.Call | Given
_start = attrgetter("started_at")


class _Seen(msgspec.Struct, frozen=True):
    """What a window shows from `since` until the next of its calls ends."""

    items: list[Item]
    since: datetime
    until: datetime


class Book:
    """The CDRs sorted by start, and what has been worked out about them.

    `days` are the midnights that bound each day of a window.
    """

    def __init__(self, world: World, switches: Switches) -> None:
        self.world = world
        self.switches = switches
        self.zone = ZoneInfo(switches.time_zone)
        self.revision = -1
        self.items: list[Item] = []
        self.seen: dict[tuple[datetime, datetime, int | None], _Seen] = {}
        self.by_uuid: dict[tuple[datetime, datetime], dict[str, Item]] = {}
        # By id(), since hashing a call costs more; with the call, so that no other gets its id.
        self.uuids: dict[int, tuple[company.Call, str]] = {}
        self.rows: dict[int, tuple[company.Call, Row]] = {}

    def between(self, days: Sequence[datetime], project: int | None) -> list[Item]:
        """What is visible now of the calls that began on these days, in list order"""
        self._refresh()
        key = (days[0], days[-1], project)
        now = self._horizon()
        seen = self.seen.get(key)
        if seen is None or not seen.since <= now < seen.until:
            seen = self.seen[key] = self._look(days, project, now)
        return seen.items

    def find(self, uuid: str, days: Sequence[datetime]) -> Item | None:
        """The call of this uuid, if it began on these days and is visible now"""
        self._refresh()
        key = (days[0], days[-1])
        if key not in self.by_uuid:
            self.by_uuid[key] = {self._uuid(item): item for item in self._part(*key)}
        item = self.by_uuid[key].get(uuid)
        return item if item is not None and item.ended_at <= self._horizon() else None

    def page(self, items: list[Item], start: int, num: int) -> list[Item]:
        """The asked part of the list. Only rows of one second change places within it."""
        first, last = min(start, len(items)), min(start + num, len(items))
        if first == last or self.switches.list_order == "shuffled":
            return items[first:last]
        while first > 0 and items[first - 1].started_at == items[first].started_at:
            first -= 1
        while last < len(items) and items[last].started_at == items[last - 1].started_at:
            last += 1
        ordered: list[Item] = []
        for _, tied in groupby(items[first:last], key=_start):
            group = sorted(tied, key=_rank)
            if self.switches.shuffle_ties:
                self.world.chance.shuffle(group)
            ordered += group
        return ordered[start - first : start - first + num]

    def row(self, item: Item, *, listed: bool) -> Row:
        """The row as a list or a lookup shows it now"""
        if isinstance(item, Given):
            row = item.row
        else:
            kept = self.rows.get(id(item))
            if kept is None:
                made = rows.row(item, self.switches, self.zone, self.world.seed)
                kept = self.rows[id(item)] = (item, made)
            row = kept[1]
            fee = timedelta(seconds=self.switches.fee_delay_seconds)
            if fee and self.world.clock() < item.ended_at + fee:
                row = {**row, **dict.fromkeys(rows.MONEY)}
        if not listed:
            return {key: value for key, value in row.items() if key not in rows.LABELS}
        if not self.switches.utc_in_lists:
            return {key: value for key, value in row.items() if key not in rows.UTC_TWINS}
        return row

    def _refresh(self) -> None:
        if self.revision == self.world.revision:
            return
        self.revision = self.world.revision
        self.seen.clear()
        self.by_uuid.clear()
        if self.world.given is None:
            self.items = [call for call in self.world.calls if call.direction != "internal"]
        else:
            self.items = sorted((_given(row, self.zone) for row in self.world.given), key=_start)

    def _horizon(self) -> datetime:
        """What had ended by this moment is visible now"""
        return self.world.clock() - timedelta(seconds=self.switches.delay_seconds)

    def _part(self, since: datetime, until: datetime) -> list[Item]:
        first = bisect.bisect_left(self.items, since, key=_start)
        return self.items[first : bisect.bisect_left(self.items, until, key=_start)]

    def _look(self, days: Sequence[datetime], project: int | None, now: datetime) -> _Seen:
        # As in `World.visible`, only the last hours can hold calls that are still going on.
        recent = now - timedelta(hours=8)
        items: list[Item] = []
        until = datetime.max.replace(tzinfo=UTC)
        for since, before in pairwise(days):
            day: list[Item] = []
            for item in self._part(since, before):
                if item.started_at > recent and (ended := item.ended_at) > now:
                    until = min(until, ended)
                elif project is None or _project(item) == project:
                    day.append(item)
            if self.switches.list_order == "shuffled":
                day.sort(key=_rank)
            items += day
        return _Seen(items, now, until)

    def _uuid(self, item: Item) -> str:
        if isinstance(item, Given):
            return str(item.row["uuid"])
        kept = self.uuids.get(id(item))
        if kept is None:
            kept = self.uuids[id(item)] = (item, rows.ids(item, self.world.seed)[0])
        return kept[1]


def _given(row: Row, zone: ZoneInfo) -> Given:
    utc = row.get("start_ts_utc")
    if utc and utc != rows.ZERO:
        started = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    else:
        started = datetime.fromisoformat(row["start_ts"]).replace(tzinfo=zone).astimezone(UTC)
    seconds = int(row.get("ringtime") or 0) + int(row.get("billingtime") or 0)
    return Given(started, started + timedelta(seconds=seconds), row)


def _rank(item: Item) -> int:
    """A place among equals that follows neither ids nor time"""
    name = item.row["uuid"] if isinstance(item, Given) else item.number
    return zlib.crc32(str(name).encode())


def _project(item: Item) -> int:
    return int(item.row["projectid"]) if isinstance(item, Given) else rows.project(item)
