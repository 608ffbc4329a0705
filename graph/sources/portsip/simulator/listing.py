"""Lists of rows in the order of time, and their pages.

A page that asks for nothing but a window in time, in the order of time, costs a bisection and the
page itself, however long the list is. What else is asked for is looked up once and kept.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Generic, TypeVar
from zlib import crc32

from graph.sources.portsip.simulator.query import (
    Both,
    Columns,
    Either,
    Query,
    Says,
    Test,
    Where,
    is_window,
    matcher,
    window,
)

_KEPT = 32


class Row(ABC):
    """One entry of a list: its place in time, and what it says once somebody asks."""

    __slots__ = ("_said", "id", "place", "session")

    def __init__(self, at: int, id: str, session: str) -> None:
        # Rows of one moment have a firm order that has nothing to do with the order of their ids.
        self.place = at << 32 | crc32(id.encode())
        self.id = id
        self.session = session
        self._said: Says | None = None

    @property
    def at(self) -> int:
        """Microseconds since 1970; 0 if it does not say when it started"""
        return self.place >> 32

    @property
    def says(self) -> Says:
        if self._said is None:
            self._said = self._say()
        return self._said

    @abstractmethod
    def _say(self) -> Says:
        """What it says, which is made once"""


R = TypeVar("R", bound=Row)


class Listing(Generic[R]):
    """Rows that can be filtered, searched, ordered and paged."""

    def __init__(
        self,
        rows: Iterable[R],
        columns: Columns,
        *,
        searched: Sequence[str],
        blank: str | None,
        shuffle: random.Random | None = None,
    ) -> None:
        self._rows = sorted(rows, key=attrgetter("place"))
        self._places = [row.place for row in self._rows]
        self._columns = columns
        self._searched = [list(columns).index(name) for name in searched]
        self._blank = blank
        self._shuffle = shuffle
        self._kept: dict[tuple[Where | None, str, str], list[R]] = {}
        self._named: dict[str, dict[str, list[R]]] = {}

    def get(self, id: str) -> R | None:
        return next(iter(self._by("id", id)), None)

    def page(self, query: Query) -> tuple[int, list[R]]:
        """How many rows match, and those of the page"""
        first, backwards = query.order[0] if query.order else ("", False)
        line, since, until = self._matching(query, first)
        count = until - since
        start = min(query.skip, count)
        stop = min(start + query.top, count)
        if start == stop:
            return count, []
        low, high = (until - stop, until - start) if backwards else (since + start, since + stop)
        # Whole groups of equal rows, since the other keys (or chance) decide inside of them.
        key = self._key(first)
        lowest, highest = low, high
        while lowest > since and key(line[lowest - 1]) == key(line[lowest]):
            lowest -= 1
        while highest < until and key(line[highest - 1]) == key(line[highest]):
            highest += 1
        groups = [list(group) for _, group in groupby(line[lowest:highest], key)]
        for group in groups:
            if self._shuffle is not None:
                self._shuffle.shuffle(group)
            for field, descends in reversed(query.order[1:]):
                group.sort(key=self._key(field), reverse=descends)
        if backwards:
            groups.reverse()
        ahead = highest - high if backwards else low - lowest
        rows = [row for group in groups for row in group]
        return count, rows[ahead : ahead + stop - start]

    def _matching(self, query: Query, first: str) -> tuple[list[R], int, int]:
        """A list in the order of the first key, and between which places of it the matches are"""
        by_time = first in ("", "started_at")
        since, until = window(query.where)
        low = bisect_left(self._places, since << 32)
        high = max(low, bisect_left(self._places, until << 32))
        if by_time and is_window(query.where) and not query.search:
            return self._rows, low, high
        asked = (query.where, query.search, "" if by_time else first)
        line = self._kept.get(asked)
        if line is None:
            named = self._pick(query.where)
            rows = self._rows[low:high] if named is None else named
            tests = self._tests(query)
            line = [row for row in rows if all(test(row.says) for test in tests)]
            if not by_time:
                line.sort(key=self._key(first))
            if len(self._kept) == _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[asked] = line
        return line, 0, len(line)

    def _tests(self, query: Query) -> list[Callable[[Says], bool]]:
        tests = []
        if query.where is not None:
            tests.append(matcher(query.where, self._columns, self._blank))
        if query.search:
            alternatives = [text.split() for text in query.search.casefold().split(" or ")]

            def found(says: Says) -> bool:
                text = "\n".join(str(says[at] or "") for at in self._searched).casefold()
                return any(all(word in text for word in words) for words in alternatives)

            tests.append(found)
        return tests

    def _pick(self, where: Where | None) -> list[R] | None:
        """The rows named by their ids among which all matches are, if the filter names any"""
        match where:
            case Test(field="id" | "session_id" as field, operation="eq", literal=str(literal)):
                return self._by(field, literal)
            case Both(parts):
                picks = (self._pick(part) for part in parts)
                return next((rows for rows in picks if rows is not None), None)
            case Either(parts):
                each = [self._pick(part) for part in parts]
                named = {id(row): row for rows in each if rows is not None for row in rows}
                return None if None in each else sorted(named.values(), key=attrgetter("place"))
        return None

    def _by(self, field: str, value: str) -> list[R]:
        if field not in self._named:
            named: dict[str, list[R]] = {}
            name = attrgetter("id" if field == "id" else "session")
            for row in self._rows:
                named.setdefault(name(row), []).append(row)
            self._named[field] = named
        return self._named[field].get(value, [])

    def _key(self, field: str) -> Callable[[R], Any]:
        """What rows are ordered by; blanks come first"""
        if field in ("", "started_at"):
            return attrgetter("at")
        at = list(self._columns).index(field)

        def key(row: R) -> tuple[bool, Any]:
            value = row.says[at]
            return value is not None, value

        return key
