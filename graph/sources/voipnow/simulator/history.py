"""The calls that the server knows by now, ready to be searched."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Any

from graph.sources.twin import World
from graph.sources.voipnow.simulator.query import Bound, Match, Wanted
from graph.sources.voipnow.simulator.rows import UNDATED, Record, Writer
from graph.sources.voipnow.simulator.switches import Switches

_REMEMBERED = 16


class History:
    """Visible calls in the order of `published`, and the answers to the last questions.

    Both are made again only when the calls changed or more of them became visible, so that one
    page of a long history costs no more than its own rows.
    """

    def __init__(self, world: World, switches: Switches, writer: Writer) -> None:
        self.world = world
        self.switches = switches
        self.writer = writer
        self._revision: int | None = None
        self._known: dict[int, Record] = {}
        self._all: list[Record] = []
        self._saved: list[int] = []
        self._longest = 0
        self._shown: list[Record] = []
        self._published: list[int] = []
        self._found: dict[Wanted, list[Record]] = {}

    def search(self, wanted: Wanted) -> list[Record]:
        """What was asked for, in ascending order of `published`"""
        self._refresh()
        found = self._found.get(wanted)
        if found is None:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = self._found[wanted] = self._search(wanted)
        return found

    def page(self, found: list[Record], start: int, count: int, descending: bool) -> list[Record]:
        total = len(found)
        first, end = min(start, total), min(start + count, total)
        if descending:
            first, end = total - end, total - first
        low, high = first, end
        if self.switches.shuffle_ties and first < end:
            while low > 0 and found[low - 1].published == found[low].published:
                low -= 1
            while high < total and found[high].published == found[high - 1].published:
                high += 1
        rows = found[low:high]
        if self.switches.shuffle_ties:
            rows.sort(key=lambda record: (record.published, self.world.chance.random()))
        rows = rows[first - low : end - low]
        return rows[::-1] if descending else rows

    def _refresh(self) -> None:
        if self._revision != self.world.revision:
            self._revision = self.world.revision
            self._all = sorted(self._records(), key=lambda record: (record.published, record.tie))
            self._saved = sorted(record.saved for record in self._all)
            self._longest = max(
                (each.saved - each.published for each in self._all if each.published != UNDATED),
                default=0,
            )
            self._shown, self._published = [], []
            self._found.clear()
        now = self.world.clock().timestamp() - self.switches.delay_seconds
        # A given row has been on its server before; only made-up calls wait to be saved.
        given = self.world.given is not None
        visible = len(self._all) if given else bisect_right(self._saved, now)
        # What is visible only grows with time, so the same number means the same calls.
        if visible != len(self._shown):
            self._shown = [record for record in self._all if given or record.saved <= now]
            self._published = [record.published for record in self._shown]
            self._found.clear()

    def _records(self) -> list[Record]:
        if self.world.given is not None:
            return [self.writer.given(row) for row in self.world.given]
        known = self._known
        records = []
        for call in self.world.calls:
            record = known.get(call.number)
            if record is None or record.truth is not call:
                record = self.writer.record(call)
            records.append(record)
        self._known = {
            call.number: each for call, each in zip(self.world.calls, records, strict=True)
        }
        return records

    def _search(self, wanted: Wanted) -> list[Record]:
        # The other two clocks run at most `_longest` behind `published`.
        undated = bisect_right(self._published, UNDATED)
        first, end = undated, len(self._shown)
        if wanted.low:
            first = bisect_left(self._published, wanted.low.moment - self._longest, undated)
        if wanted.high:
            end = bisect_right(self._published, wanted.high.moment, undated)
        found = self._shown[:undated] + self._shown[first:end]
        for test in self._tests(wanted):
            found = list(filter(test, found))
        return found

    def _tests(self, wanted: Wanted) -> list[Callable[[Record], bool]]:
        traits = self.writer.traits
        tests: list[Callable[[Record], bool]] = []

        def inside(bound: Bound, fits: Callable[[int], bool]) -> None:
            def test(record: Record) -> bool:
                if record.published == UNDATED:
                    return True
                moment = self._moment(record, bound)
                return moment is not None and fits(moment)

            tests.append(test)

        if low := wanted.low:
            inside(low, low.moment.__le__)
        if high := wanted.high:
            inside(high, high.moment.__ge__)
        if extension := wanted.extension:
            tests.append(lambda record: extension in traits(record).extensions)
        if source := wanted.source:
            tests.append(lambda record: not set(source).isdisjoint(traits(record).sources))
        if goal := wanted.destination:
            tests.append(lambda record: not set(goal).isdisjoint(traits(record).destinations))
        if (disposition := wanted.disposition) is not None:
            tests.append(lambda record: traits(record).disposition == disposition)
        if (flow := wanted.flow) is not None:
            tests.append(lambda record: traits(record).flow == flow)
        if match := wanted.match:
            tests.append(lambda record: self._matches(record, match))
        return tests

    def _moment(self, record: Record, bound: Bound) -> int | None:
        if bound.clock == "published":
            return record.published
        if bound.clock == "saved":
            return record.saved
        if record.answered is None and self.switches.unanswered_by_published:
            return record.published
        return record.answered

    def _matches(self, record: Record, match: Match) -> bool:
        values: list[Any]
        if match.by == "published":
            values = [] if record.published == UNDATED else [record.published]
        elif match.by == "answered":
            values = [] if record.answered is None else [record.answered]
        elif match.by == "source":
            values = list(self.writer.traits(record).sources)
        else:
            values = list(self.writer.traits(record).destinations)
        fits: Callable[[Any], bool] = {
            "present": bool,
            "equals": lambda value: value in match.moments or value in match.texts,
            "inArray": lambda value: value in match.moments or value in match.texts,
            "greaterThan": lambda value: value > match.moments[0],
            "lessThan": lambda value: value < match.moments[0],
            "contains": lambda value: match.texts[0] in value,
            "startsWith": lambda value: value.startswith(match.texts[0]),
        }[match.operator]
        return any(fits(value) for value in values)
