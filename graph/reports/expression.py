"""The `filter` of report lists: an expression that is read and applied here, for every source.

    name eq 'Weekly' and (type eq 'NORMAL' or contains(name,'cost'))

Comparisons are `eq ne gt ge lt le`, functions `startswith endswith contains`; every literal stands
in single quotes, `''` is one quote. Absent values match nothing. It is what PortSIP's own `filter`
looks like ("About", REST API, read August 2026), with the field names of the schema.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NoReturn

from graph.errors import BadUserInput

Test = Callable[[Any], bool]

_WORDS = re.compile(r"\s*(?:(?P<literal>'(?:[^']|'')*')|(?P<name>[A-Za-z_]\w*)|(?P<sign>[(),]))")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge,
    "lt": operator.lt, "le": operator.le,
}  # fmt: skip
_CALL: Mapping[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": operator.contains,
}
_LONGEST = 2000
_DEEPEST = 50


def test_of(expression: str, fields: Mapping[str, type]) -> Test:
    """Whether a record matches; BadUserInput where the expression cannot be read.

    `fields` are the names that may be used, as the schema spells them, with what they hold.
    """
    if len(expression) > _LONGEST:
        raise BadUserInput("filter", f"`filter` has more than {_LONGEST} characters")
    return _Reader(expression, fields).whole()


def attribute(name: str) -> str:
    """The attribute of a name that is spelt as in the schema, or as vendors do"""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class _Reader:
    def __init__(self, text: str, fields: Mapping[str, type]) -> None:
        self._fields = {attribute(name): kind for name, kind in fields.items()}
        self._known = ", ".join(f"`{name}`" for name in fields)
        self._words: list[str] = []
        at = 0
        while text[at:].strip():
            found = _WORDS.match(text, at)
            if found is None:
                self._fail(f"cannot be read from {text[at:].strip()[:20]!r} on")
            self._words.append(found[0].strip())
            at = found.end()
        self._words.reverse()

    def whole(self) -> Test:
        test = self._either(0)
        if self._words:
            self._fail(f"has {self._words[-1][:20]!r} where it should end")
        return test

    def _either(self, depth: int) -> Test:
        tests = [self._both(depth)]
        while self._skip("or"):
            tests.append(self._both(depth))
        return tests[0] if len(tests) == 1 else lambda record: any(t(record) for t in tests)

    def _both(self, depth: int) -> Test:
        tests = [self._part(depth)]
        while self._skip("and"):
            tests.append(self._part(depth))
        return tests[0] if len(tests) == 1 else lambda record: all(t(record) for t in tests)

    def _part(self, depth: int) -> Test:
        if self._skip("("):
            if depth >= _DEEPEST:
                self._fail(f"is nested deeper than {_DEEPEST} parentheses")
            test = self._either(depth + 1)
            self._expect(")")
            return test
        word = self._next()
        if word in _CALL and self._skip("("):
            name = self._field(self._next())
            self._expect(",")
            test = self._test(name, _CALL[word], self._literal(str))
            self._expect(")")
            return test
        name = self._field(word)
        how = self._next()
        if how not in _COMPARE:
            self._fail(f"has {how[:20]!r} where eq, ne, gt, ge, lt or le should stand")
        return self._test(name, _COMPARE[how], self._literal(self._fields[name]))

    @staticmethod
    def _test(name: str, compare: Callable[[Any, Any], bool], literal: Any) -> Test:
        def holds(record: Any) -> bool:
            value = getattr(record, name)
            if isinstance(value, Enum):
                value = value.name
            if isinstance(literal, str) and value is not None:
                value = str(value)
            return value is not None and compare(value, literal)

        return holds

    def _field(self, word: str) -> str:
        name = attribute(word)
        if name not in self._fields:
            self._fail(f"names {word[:40]!r}; it may name {self._known}")
        return name

    def _literal(self, kind: type) -> Any:
        word = self._next()
        if not word.startswith("'"):
            self._fail(f"has {word[:20]!r} where a text in single quotes should stand")
        text = word[1:-1].replace("''", "'")
        try:
            if kind is int:
                return int(text)
            if kind is datetime:
                moment = datetime.fromisoformat(text)
                return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        except ValueError:
            self._fail(
                f"has {word[:40]} where a {'number' if kind is int else 'time'} should stand"
            )
        return text

    def _next(self) -> str:
        if not self._words:
            self._fail("ends too early")
        return self._words.pop()

    def _skip(self, word: str) -> bool:
        if self._words and self._words[-1] == word:
            self._words.pop()
            return True
        return False

    def _expect(self, word: str) -> None:
        if self._next() != word:
            self._fail(f"lacks a {word!r}")

    def _fail(self, reason: str) -> NoReturn:
        raise BadUserInput("filter", f"`filter` {reason}")
