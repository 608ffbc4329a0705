"""The rows in the order of time, and how pages are cut from them.

The rows themselves are written only when they are shown or looked through.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import msgspec

from graph.sources.company import Call
from graph.sources.twin import World
from graph.sources.yeastar.simulator.rows import Row
from graph.sources.yeastar.simulator.switches import Switches

_ROWS_KEPT = 1 << 16


class Shown(NamedTuple):
    """A row and the call behind it, if there is one."""

    row: Row
    call: Call | None


Test = Callable[[Shown], bool]


class Line(msgspec.Struct, eq=False, gc=False):
    """One row to be written: a hop of a call, a whole call, or a row given from outside."""

    at: int
    tie: int
    call: Call | None = None
    index: int = 0
    given: Row | None = None

    @property
    def order(self) -> int:
        return self.at << 32 | self.tie


class View(NamedTuple):
    """Lines in ascending order of their keys; those of one key in no meaningful order."""

    lines: Sequence[Line]
    keys: Sequence[Any]

    def where(self, fits: Callable[[Line], bool]) -> View:
        kept = [place for place, line in enumerate(self.lines) if fits(line)]
        return View([self.lines[place] for place in kept], [self.keys[place] for place in kept])


class Ledger:
    """All rows of one kind that the PBX shows now."""

    def __init__(
        self,
        world: World,
        switches: Switches,
        *,
        lines: Callable[[Call], list[Line]],
        write: Callable[[Call, int], Row],
        given_at: Callable[[Mapping[str, Any]], int | None],
    ) -> None:
        self._world = world
        self._switches = switches
        self._lines = lines
        self._given_at = given_at
        self._write = lru_cache(_ROWS_KEPT)(lambda line: write(line.call, line.index))
        self._known: dict[int, tuple[Call, list[Line]]] = {}
        self._state: object = None
        self._views: dict[str, View] = {}

    def view(self, field: str = "time") -> View:
        """All rows, sorted by a field; rows without it come first"""
        self._refresh()
        if field not in self._views:
            lines = sorted(self._views["time"].lines, key=attrgetter("tie"))
            pairs = [(_rank(self.row(line).get(field)), line) for line in lines]
            pairs.sort(key=itemgetter(0))
            self._views[field] = View([line for _, line in pairs], [rank for rank, _ in pairs])
        return self._views[field]

    def window(self, since: int | None, until: int | None) -> View:
        """The rows that began in the window, both edges included"""
        lines, keys = self.view()
        low = 0 if since is None else bisect_left(keys, since)
        high = len(keys) if until is None else bisect_right(keys, until)
        return View(lines[low:high], keys[low:high])

    def chosen(self, view: View, tests: Sequence[Test]) -> View:
        """The rows of a view that pass all tests"""
        if not tests:
            return view

        def passes(line: Line) -> bool:
            shown = Shown(self.row(line), line.call)
            return all(test(shown) for test in tests)

        return view.where(passes)

    def unordered(self, view: View) -> View:
        """The rows of a view as if all were equal"""
        return View(sorted(view.lines, key=attrgetter("tie")), [0] * len(view.lines))

    def cut(self, view: View, start: int, stop: int, *, descending: bool) -> list[Line]:
        """The lines from one position to another"""
        count = len(view.lines)
        start, stop = min(start, count), min(stop, count)
        if descending:
            start, stop = count - stop, count - start
        if self._switches.shuffle_ties and start < stop:
            low = bisect_left(view.keys, view.keys[start])
            high = bisect_right(view.keys, view.keys[stop - 1])
            part = self._shuffled(View(view.lines[low:high], view.keys[low:high]))
            part = part[start - low : stop - low]
        else:
            part = list(view.lines[start:stop])
        return part[::-1] if descending else part

    def row(self, line: Line) -> Row:
        return self._write(line) if line.given is None else line.given

    def _shuffled(self, view: View) -> list[Line]:
        lines: list[Line] = []
        for _, group in groupby(zip(view.keys, view.lines, strict=True), key=itemgetter(0)):
            equal = [line for _, line in group]
            self._world.chance.shuffle(equal)
            lines += equal
        return lines

    def _refresh(self) -> None:
        given = self._world.given
        shown = self._world.visible(self._switches.delay_seconds) if given is None else []
        # Calls that end only join: as long as none is added or taken away, their number tells.
        state = (self._world.revision, len(shown), given and len(given))
        if state == self._state:
            return
        lines = [line for call in shown for line in self._of(call)]
        for row in given or ():
            at = self._given_at(row)
            if at is not None:
                lines.append(Line(at, zlib.crc32(msgspec.json.encode(row)), given=row))
        lines.sort(key=attrgetter("order"))
        self._views = {"time": View(lines, [line.at for line in lines])}
        self._state = state

    def _of(self, call: Call) -> list[Line]:
        known = self._known.get(call.number)
        if known is None or known[0] is not call:
            known = self._known[call.number] = (call, self._lines(call))
        return known[1]


def _rank(value: Any) -> tuple[int, Any]:
    """Blanks first, numbers before words"""
    if value is None:
        return (0, 0)
    return (1, value) if isinstance(value, int | float) else (2, str(value))
