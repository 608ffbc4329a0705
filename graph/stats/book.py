"""The book: what was added up for the whole and for each group, and how it is read.

`add` takes calls in any order between sources. What is kept is bounded by groups and distinct
keys; `Room` raises TooManyGroups beyond the limits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from graph.errors import OverLimit
from graph.stats.groups import CALL_KEYS, TIME_KEYS, Bucket, Calendar
from graph.stats.returns import Missed, Returns
from graph.stats.seen import OUTCOMES, Seen, Teller, outcome
from graph.stats.sums import SUMS, Room
from graph.stats.traffic import QUARTER_US, Sweep, quarters, to_us
from graph.types.call import CallDirection
from graph.types.scalars import Long
from graph.types.stats import StatsKey

WHOLE = 0
"""the number of the group that every call belongs to"""
_KEYS_PER_GROUP = 10
_MOST_QUARTERS = 366 * 96 * 10
_MOST_KNOWN = 65_536


class Keeps(NamedTuple):
    """What is kept of the calls of a group: sums with their limits, and what goes beyond sums."""

    sums: Mapping[str, tuple[int, ...]]
    occupancy: bool
    cells: bool
    peaks: bool
    returns: bool


class Group:
    """The sums of the calls that agree in all keys."""

    __slots__ = (
        "adders", "cells", "keeps", "keys", "number", "occupants", "occupied_us", "sums", "untold",
    )  # fmt: skip

    def __init__(self, number: int, keys: tuple[str | None, ...], keeps: Keeps) -> None:
        self.number = number
        self.keys = keys
        self.keeps = keeps
        self.sums: dict[str, Any] = {
            name: SUMS[name].new(limits) for name, limits in keeps.sums.items()
        }
        self.adders = tuple(kept.add for kept in self.sums.values())
        self.occupied_us = 0
        self.occupants = 0
        self.untold: Counter[str] = Counter()
        self.cells: dict[int, int] = {}


class Book:
    """Adds calls up. The window is half-open; `now` bounds what time has passed."""

    def __init__(
        self,
        whole: Keeps,
        grouped: Keeps,
        group_by: Sequence[StatsKey],
        calendar: Calendar,
        since: datetime,
        until: datetime,
        now: datetime,
        most_groups: int,
    ) -> None:
        self.group_by = tuple(group_by)
        self.calendar = calendar
        self.since = since
        self.since_us = to_us(since)
        self.until = until
        self.until_us = max(self.since_us, min(to_us(until), to_us(now)))
        self._end_us = to_us(until)
        self._grouped = grouped
        self._occupancy = whole.occupancy or grouped.occupancy
        self._groups_room = Room("groups", most_groups, "groups")
        self.room = Room("keys", most_groups * _KEYS_PER_GROUP, "distinct keys")
        self._rules = [CALL_KEYS[key].value for key in group_by if key in CALL_KEYS]
        self._timed = [place for place, key in enumerate(group_by) if key in TIME_KEYS]
        self.whole = Group(WHOLE, (), whole)
        self.groups: list[Group] = []
        self._by_keys: dict[tuple[str | None, ...], Group] = {}
        self._known: dict[tuple[int, tuple[str | None, ...]], Group] = {}
        self.sweep = Sweep()
        self.returns = Returns(self.room)
        self.buckets: dict[tuple[StatsKey, str], Bucket] = {}
        self._lengths: dict[tuple[str | None, ...], int] | None = None
        self.legs_folded = 0

    # ------------------------------------------------------------ adding

    def add(self, call: Any, source: Teller, legs: int) -> tuple[Group, ...]:
        """Adds a call; gives the groups it was counted in, none if it began before the window."""
        seen = Seen(call, source, outcome(call), to_us(call.started_at))
        start, room = seen.start_us, self.room
        fixed = tuple([rule(call, source) for rule in self._rules])
        if self._occupancy:
            self._occupy(seen, fixed)
        if not self.since_us <= start < self._end_us:
            return ()
        whole = self.whole
        for add in whole.adders:
            add(seen, room)
        self.legs_folded += legs
        if not self.group_by:
            groups: tuple[Group, ...] = (whole,)
        else:
            group = self._group(start // QUARTER_US, fixed)
            for add in group.adders:
                add(seen, room)
            groups = (whole, group)
        if whole.keeps.returns or self._grouped.returns:
            self.returns.add(seen, [group.number for group in groups if group.keeps.returns])
        return groups

    def _group(self, quarter: int, fixed: tuple[str | None, ...]) -> Group:
        """The group of calls with these keys, those that are no spans of time, in this quarter"""
        place = (quarter if self._timed else 0, fixed)
        group = self._known.get(place)
        if group is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            group = self._known[place] = self._group_of(self._keys(quarter, fixed))
        return group

    def _keys(self, quarter: int, fixed: tuple[str | None, ...]) -> tuple[str | None, ...]:
        """All keys in the order of `group_by`"""
        values: list[str | None] = []
        rest = iter(fixed)
        for key in self.group_by:
            if key in TIME_KEYS:
                bucket = self.calendar.bucket(key, quarter)
                self.buckets.setdefault((key, bucket.value), bucket)
                values.append(bucket.value)
            else:
                values.append(next(rest))
        return tuple(values)

    def _group_of(self, keys: tuple[str | None, ...]) -> Group:
        group = self._by_keys.get(keys)
        if group is None:
            self._groups_room.take()
            self.groups.append(Group(WHOLE + 1 + len(self.groups), keys, self._grouped))
            group = self._by_keys[keys] = self.groups[-1]
        return group

    def _occupy(self, seen: Seen, fixed: tuple[str | None, ...]) -> None:
        """Attributes the time a call took to the quarters, and so to the groups, it took it in"""
        start, ended_at = seen.start_us, seen.call.ended_at
        if ended_at is None:
            if self.since_us <= start < self.until_us:
                why = seen.source.why("ended_at")
                self.whole.untold[why] += 1
                if self.group_by:
                    self._group(start // QUARTER_US, fixed).untold[why] += 1
            return
        start, end = max(start, self.since_us), min(to_us(ended_at), self.until_us)
        if start >= end:
            return
        if self.whole.keeps.occupancy:
            self._take_span(self.whole, start, end)
        if not self._grouped.occupancy or not self.group_by:
            return
        first = start // QUARTER_US
        if not self._timed or first == (end - 1) // QUARTER_US:
            self._take_span(self._group(first, fixed), start, end)
            return
        # Parts that fall into one group are one part, so that a call is counted once in it.
        begun, group = start, None
        for quarter, part, _stop in quarters(start, end):
            here = self._group(quarter, fixed)
            if group is not None and here is not group:
                self._take_span(group, begun, part)
                begun = part
            group = here
        assert group is not None
        self._take_span(group, begun, end)

    def _take_span(self, group: Group, start: int, end: int) -> None:
        group.occupied_us += end - start
        group.occupants += 1
        if group.keeps.cells:
            cells = group.cells
            for quarter, part, stop in quarters(start, end):
                if quarter not in cells:
                    self.room.take()
                    cells[quarter] = 0
                cells[quarter] += stop - part
        if group.keeps.peaks:
            self.sweep.add(start, end, group.number)

    # ------------------------------------------------------------ reading

    def grouped(self) -> list[Group]:
        """The groups in the order of their keys; what is not told comes last"""
        return sorted(
            self.groups, key=lambda group: [(key is None, key or "") for key in group.keys]
        )

    def length_us(self, group: Group) -> int:
        """How much of the window, as far as it has passed, belongs to the group's spans of time"""
        if not self._timed or group.number == WHOLE:
            return self.until_us - self.since_us
        if self._lengths is None:
            self._lengths = self._measure()
        return self._lengths.get(tuple(group.keys[place] for place in self._timed), 0)

    def check_length(self) -> None:
        """OverLimit if the window is too long to be measured in quarters of an hour"""
        asked = (self.until_us - self.since_us) // QUARTER_US
        if self._timed and self._grouped.occupancy and asked > _MOST_QUARTERS:
            raise OverLimit(
                "quarters",
                _MOST_QUARTERS,
                asked,
                "traffic by spans of time needs a window of at most ten years",
            )

    def _measure(self) -> dict[tuple[str | None, ...], int]:
        lengths: dict[tuple[str | None, ...], int] = {}
        keys = [self.group_by[place] for place in self._timed]
        for quarter, start, stop in quarters(self.since_us, self.until_us):
            values = tuple(self.calendar.bucket(key, quarter).value for key in keys)
            lengths[values] = lengths.get(values, 0) + stop - start
        return lengths


class Reading:
    """A group as figures read it, once everything has been added."""

    def __init__(
        self, book: Book, group: Group, asked: Sequence[Teller], incomplete: frozenset[str],
        seen_until_us: int,
    ) -> None:  # fmt: skip
        self._book = book
        self._group = group
        self._asked = asked
        self._incomplete = incomplete
        self._seen_until_us = seen_until_us

    def sum(self, name: str) -> Any:
        return self._group.sums[name]

    def outcomes(
        self, direction: CallDirection | None = None, source: str | None = None
    ) -> Counter[str]:
        """How many calls ended in each way, all or those of one direction and one source"""
        found: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        for (teller, way, ended), count in self._group.sums["counts"].found.items():
            if direction in (None, way) and source in (None, teller):
                found[ended] += count
        return found

    def calls_of(self, teller: Teller) -> int:
        """How many of the calls a source told of"""
        return sum(self.outcomes(source=teller.id).values())

    @property
    def tellers(self) -> list[Teller]:
        """The sources that told of these calls; all that were asked where there are none"""
        told = {source for source, _, _ in self._group.sums["counts"].found}
        return [teller for teller in self._asked if teller.id in told] or list(self._asked)

    @property
    def partial(self) -> bool:
        """Some source that may have such calls gave less than the whole window"""
        own = self._own_source()
        return bool(self._incomplete) if own is None else own in self._incomplete

    @property
    def partial_anywhere(self) -> bool:
        return bool(self._incomplete)

    def _own_source(self) -> str | None:
        keys = self._book.group_by
        if self._group.number == WHOLE or StatsKey.SOURCE not in keys:
            return None
        return self._group.keys[keys.index(StatsKey.SOURCE)]

    @property
    def calendar(self) -> Calendar:
        return self._book.calendar

    @property
    def occupied_us(self) -> int:
        return self._group.occupied_us

    @property
    def window_us(self) -> int:
        return self._book.length_us(self._group)

    @property
    def occupants(self) -> tuple[Long, Counter[str]]:
        """How many calls took time here, and how many do not tell when they ended"""
        return Long(self._group.occupants), self._group.untold

    @property
    def cells(self) -> dict[int, int]:
        return self._group.cells

    @property
    def peak(self) -> tuple[int, int] | None:
        return self._book.sweep.peaks.get(self._group.number)

    def missed(self, within_us: int) -> Missed:
        return self._book.returns.of(self._group.number, within_us, self._seen_until_us)
