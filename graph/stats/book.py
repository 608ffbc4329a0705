"""The book: what was added up for the whole and for each group, and how it is read.

`add` takes calls in any order between sources. What is kept is bounded by groups and distinct
keys; `Room` raises TooManyGroups beyond the limits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from graph.errors import OverLimit
from graph.stats import sums
from graph.stats.groups import CALL_KEYS, TIME_KEYS, Bucket, Calendar
from graph.stats.returns import Missed, Returns
from graph.stats.sums import ACCUMULATORS, Room, Seen, Teller
from graph.stats.traffic import QUARTER_US, Sweep, quarters, to_us
from graph.types.call import CallDirection
from graph.types.scalars import Long
from graph.types.stats import StatsKey

WHOLE = 0
"""the number of the group that every call belongs to"""
_KEYS_PER_GROUP = 10
_MOST_QUARTERS = 366 * 96 * 10


class Keeps(NamedTuple):
    """What is to be kept."""

    accumulators: frozenset[str]
    occupancy: bool
    cells: bool
    peaks: bool
    returns: bool
    costs_late: frozenset[str]
    """sources whose costs come one by one, later"""


class Group:
    """The sums of the calls that agree in all keys."""

    __slots__ = ("cells", "keys", "number", "occupants", "occupied_us", "states", "untold")

    def __init__(self, number: int, keys: tuple[str | None, ...], names: Sequence[str]) -> None:
        self.number = number
        self.keys = keys
        self.states: dict[str, Any] = {name: ACCUMULATORS[name].new() for name in names}
        self.occupied_us = 0
        self.occupants = 0
        self.untold: Counter[str] = Counter()
        self.cells: dict[int, int] = {}


class Book:
    """Adds calls up. The window is half-open; `now` bounds what time has passed."""

    def __init__(
        self,
        keeps: Keeps,
        group_by: Sequence[StatsKey],
        calendar: Calendar,
        since: datetime,
        until: datetime,
        now: datetime,
        most_groups: int,
    ) -> None:
        self.keeps = keeps
        self.group_by = tuple(group_by)
        self.calendar = calendar
        self.since_us = to_us(since)
        self.until_us = max(self.since_us, min(to_us(until), to_us(now)))
        self.until = until
        self.since = since
        self._names = sorted(keeps.accumulators)
        self._adders = [(name, ACCUMULATORS[name].add) for name in self._names]
        self._groups_room = Room("groups", most_groups, "groups")
        self.room = Room("keys", most_groups * _KEYS_PER_GROUP, "distinct keys")
        self._timed = [place for place, key in enumerate(group_by) if key in TIME_KEYS]
        self.groups: list[Group] = [Group(WHOLE, (), self._names)]
        self._by_keys: dict[tuple[str | None, ...], Group] = {}
        self.sweep = Sweep()
        self.returns = Returns(self.room)
        self.buckets: dict[tuple[StatsKey, str], Bucket] = {}
        self._lengths: dict[tuple[str | None, ...], int] | None = None
        self.legs_folded = 0

    # ------------------------------------------------------------ adding

    def add(self, seen: Seen, legs: int) -> tuple[Group, ...]:
        """Adds a call; gives the groups it was counted in, none if it began before the window."""
        call = seen.call
        fixed = self._fixed_keys(seen)
        if self.keeps.occupancy:
            self._occupy(seen, fixed)
        if call.started_at < self.since or call.started_at >= self.until:
            return ()
        start_us = to_us(call.started_at)
        groups: tuple[Group, ...] = (self.groups[WHOLE],)
        if self.group_by:
            groups += (self._group(fixed, start_us // QUARTER_US),)
        late = seen.source.id in self.keeps.costs_late
        for name, add in self._adders:
            if name == "cost" and late:
                continue
            for group in groups:
                add(group.states[name], seen, self.room)
        if self.keeps.returns:
            self.returns.add(seen, start_us, tuple(group.number for group in groups))
        self.legs_folded += legs
        return groups

    def _fixed_keys(self, seen: Seen) -> list[str | None]:
        """The keys' values, with None in the places of spans of time"""
        return [
            CALL_KEYS[key].value(seen.call, seen.source) if key in CALL_KEYS else None
            for key in self.group_by
        ]

    def _group(self, fixed: list[str | None], quarter: int) -> Group:
        values = fixed
        if self._timed:
            values = list(fixed)
            for place in self._timed:
                key = self.group_by[place]
                bucket = self.calendar.bucket(key, quarter)
                values[place] = bucket.value
                self.buckets.setdefault((key, bucket.value), bucket)
        keys = tuple(values)
        group = self._by_keys.get(keys)
        if group is None:
            self._groups_room.take()
            group = self._by_keys[keys] = Group(len(self.groups), keys, self._names)
            self.groups.append(group)
        return group

    def _occupy(self, seen: Seen, fixed: list[str | None]) -> None:
        """Attributes the time a call took to the quarters, and so to the groups, it took it in"""
        call = seen.call
        start = to_us(call.started_at)
        if call.ended_at is None:
            if self.since_us <= start < self.until_us:
                why = seen.source.why("ended_at")
                self.groups[WHOLE].untold[why] += 1
                if self.group_by:
                    self._group(fixed, start // QUARTER_US).untold[why] += 1
            return
        start, end = max(start, self.since_us), min(to_us(call.ended_at), self.until_us)
        if start >= end:
            return
        self._take_span(self.groups[WHOLE], start, end)
        if not self.group_by:
            return
        if not self._timed:
            self._take_span(self._group(fixed, 0), start, end)
            return
        # Parts that fall into one group are one part, so that a call is counted once in it.
        begun, group = start, None
        for quarter, part, _stop in quarters(start, end):
            here = self._group(fixed, quarter)
            if group is not None and here is not group:
                self._take_span(group, begun, part)
                begun = part
            group = here
        assert group is not None
        self._take_span(group, begun, end)

    def _take_span(self, group: Group, start: int, end: int) -> None:
        group.occupied_us += end - start
        group.occupants += 1
        if self.keeps.cells:
            for quarter, part, stop in quarters(start, end):
                if quarter not in group.cells:
                    self.room.take()
                    group.cells[quarter] = 0
                group.cells[quarter] += stop - part
        if self.keeps.peaks:
            self.sweep.add(start, end, group.number)

    # ------------------------------------------------------------ reading

    def grouped(self) -> list[Group]:
        """The groups in the order of their keys; what is not told comes last"""
        return sorted(
            self.groups[1:], key=lambda group: [(key is None, key or "") for key in group.keys]
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
        if self._timed and self.keeps.occupancy and asked > _MOST_QUARTERS:
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

    def state(self, name: str) -> Any:
        return self._group.states[name]

    def outcomes(self, direction: CallDirection | None = None) -> Counter[str]:
        """How many calls ended in each way"""
        found: Counter[str] = Counter(dict.fromkeys(sums.OUTCOMES, 0))
        for (_, way, outcome), count in self.state("counts").items():
            if direction is None or way is direction:
                found[outcome] += count
        return found

    def calls_of(self, teller: Teller) -> int:
        """How many of the calls a source told of"""
        counts: Counter[Any] = self.state("counts")
        return sum(n for (source, _, _), n in counts.items() if source == teller.id)

    @property
    def tellers(self) -> list[Teller]:
        """The sources that told of these calls; all that were asked where there are none"""
        if "counts" not in self._group.states:
            return list(self._asked)
        told = {source for source, _, _ in self.state("counts")}
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
