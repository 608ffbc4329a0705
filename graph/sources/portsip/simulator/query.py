"""The query options that every list takes: `filter`, `search`, `orderby`, `skip`, `top`, `count`.

A filter compares (`eq ne gt ge lt le`) or calls (`startswith endswith contains`), joined by `and`
and `or`. Every literal stands in single quotes, dates and numbers too; `''` is one quote.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NoReturn

import msgspec

from graph.sources.portsip.simulator.refusals import invalid
from graph.sources.portsip.simulator.switches import Switches

Kind = Literal["text", "number", "time"]
Columns = Mapping[str, Kind]
Value = str | int | float
Says = tuple[Any, ...]
"""what a row says, in the order of its columns; times in microseconds, None where it is blank"""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
EVER = 1 << 62

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_CALL: dict[str, Callable[[Any, Any], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": operator.contains,
}
_WORDS = re.compile(r"\s*(?:(?P<literal>'(?:[^']|'')*')|(?P<name>[A-Za-z_]\w*)|(?P<sign>[(),]))")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_INT32 = 2**31 - 1
_DEEPEST = 50


class Test(msgspec.Struct, frozen=True):
    """One field held against one literal."""

    field: str
    operation: str
    literal: Value


class Both(msgspec.Struct, frozen=True):
    parts: tuple[Where, ...]


class Either(msgspec.Struct, frozen=True):
    parts: tuple[Where, ...]


Where = Test | Both | Either


class Query(msgspec.Struct, frozen=True):
    """The options of one request. `order` is a list of field and whether it descends."""

    where: Where | None
    search: str
    order: tuple[tuple[str, bool], ...]
    skip: int
    top: int
    count: bool


def microseconds(text: str) -> int | None:
    """Since 1970, or None if this is no RFC 3339 time"""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return (datetime.fromisoformat(text) - EPOCH) // TICK
    except ValueError:
        return None


def read(params: Mapping[str, str], columns: Columns, switches: Switches, order: str) -> Query:
    """What a request asks for; `columns` may be named in it, `order` holds if it names none"""
    # Two examples of the guide write $filter and $skip.
    sent = {name.removeprefix("$"): value for name, value in params.items()} | dict(params)
    if switches.filter_fields:
        columns = {name: kind for name, kind in columns.items() if name in switches.filter_fields}
    asked = sent.get("filter", "")
    count = sent.get("count", str(switches.count_unasked).lower())
    if count not in ("true", "false"):
        raise invalid("count", "true or false is expected")
    return Query(
        _Reader(asked, columns, parentheses=switches.parentheses).whole()
        if asked.strip()
        else None,
        sent.get("search", "").strip(),
        _order(sent["orderby"], columns) if sent.get("orderby", "").strip() else _order(order),
        _integer(sent, "skip", 0, 0, _INT32),
        _integer(sent, "top", min(100, switches.max_top), 1, switches.max_top),
        count == "true",
    )


def _integer(sent: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = sent.get(name, str(default))
    if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or not least <= int(text) <= most:
        raise invalid(name, f"a whole number from {least} to {most} is expected")
    return int(text)


def _order(text: str, columns: Columns | None = None) -> tuple[tuple[str, bool], ...]:
    keys = []
    for part in text.split(",") if text else ():
        field, *direction = part.split() or [""]
        known = columns is None or field in columns
        if not known or direction not in ([], ["asc"], ["desc"]):
            raise invalid("orderby", f"cannot order by {part.strip()}")
        keys.append((field, direction == ["desc"]))
    return tuple(keys)


class _Reader:
    """Reads one filter expression, from left to right."""

    def __init__(self, text: str, columns: Columns, *, parentheses: bool) -> None:
        self._columns = columns
        self._parentheses = parentheses
        self._words: list[str] = []
        at = 0
        while rest := text[at:].strip():
            word = _WORDS.match(text, at)
            if word is None:
                self._fail(f"cannot read {rest[:20]}")
            self._words.append(word[0].strip())
            at = word.end()
        self._words.reverse()

    def whole(self) -> Where:
        where = self._either(0)
        if self._words:
            self._fail(f"unexpected {self._words[-1]}")
        return where

    def _either(self, depth: int) -> Where:
        parts = [self._both(depth)]
        while self._skip("or"):
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _both(self, depth: int) -> Where:
        parts = [self._part(depth)]
        while self._skip("and"):
            parts.append(self._part(depth))
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _part(self, depth: int) -> Where:
        if self._parentheses and depth < _DEEPEST and self._skip("("):
            where = self._either(depth + 1)
            self._expect(")")
            return where
        word = self._next()
        if word in _CALL and self._skip("("):
            field = self._field(self._next(), "text")
            self._expect(",")
            where = Test(field, word, self._literal("text"))
            self._expect(")")
            return where
        field = self._field(word)
        operation = self._next()
        if operation not in _COMPARE:
            self._fail(f"unknown operator {operation}")
        return Test(field, operation, self._literal(self._columns[field]))

    def _field(self, name: str, kind: Kind | None = None) -> str:
        if name not in self._columns or kind not in (None, self._columns[name]):
            self._fail(f"cannot filter by {name}")
        return name

    def _literal(self, kind: Kind) -> Value:
        word = self._next()
        if not word.startswith("'"):
            self._fail(f"{word} should stand in single quotes")
        text = word[1:-1].replace("''", "'")
        if kind == "text":
            return text
        if kind == "number" and _NUMBER.fullmatch(text):
            return float(text)
        moment = microseconds(text) if kind == "time" else None
        if moment is None:
            self._fail(f"{word} is no {kind}")
        return moment

    def _next(self) -> str:
        if not self._words:
            self._fail("it ends too early")
        return self._words.pop()

    def _skip(self, word: str) -> bool:
        if self._words and self._words[-1] == word:
            self._words.pop()
            return True
        return False

    def _expect(self, word: str) -> None:
        if self._next() != word:
            self._fail(f"{word} is missing")

    def _fail(self, reason: str) -> NoReturn:
        raise invalid("filter", reason)


def matcher(where: Where, columns: Columns, blank: str | None) -> Callable[[Says], bool]:
    """A test for what rows say. A blank text compares as `blank`; None fails whatever is asked."""
    if isinstance(where, Both | Either):
        tests = [matcher(part, columns, blank) for part in where.parts]
        join = all if isinstance(where, Both) else any
        return lambda says: join(test(says) for test in tests)
    at = list(columns).index(where.field)
    compare = _COMPARE.get(where.operation) or _CALL[where.operation]
    literal = where.literal
    instead = blank if columns[where.field] == "text" else None

    def holds(says: Says) -> bool:
        value = instead if says[at] is None else says[at]
        return value is not None and compare(value, literal)

    return holds


def window(where: Where | None) -> tuple[int, int]:
    """From when and until when every match must have started"""
    if where is None:
        return 0, EVER
    if isinstance(where, Both | Either):
        froms, untils = zip(*map(window, where.parts), strict=True)
        if isinstance(where, Both):
            return max(froms), min(untils)
        return min(froms), max(untils)
    if where.field != "started_at":
        return 0, EVER
    assert isinstance(where.literal, int)
    moment = max(where.literal, 0)
    # From 1, since rows that do not say when they started stand at 0.
    since, until = {
        "eq": (moment, moment + 1),
        "ne": (1, EVER),
        "gt": (moment + 1, EVER),
        "ge": (moment, EVER),
        "lt": (1, moment),
        "le": (1, moment + 1),
    }[where.operation]
    return max(since, 1), until


def is_window(where: Where | None) -> bool:
    """Whether the window says all that the filter says"""
    if isinstance(where, Both):
        return all(map(is_window, where.parts))
    return where is None or (
        isinstance(where, Test) and where.field == "started_at" and where.operation != "ne"
    )
