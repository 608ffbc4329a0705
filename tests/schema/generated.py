"""Queries and answers made at random from the real schema, for the law of compiled selections.

A query selects whatever the schema has: aliases, fragments of all kinds, merged fields, `@skip`,
`@include`, `__typename`. An answer is made of the real classes, and in some answers values stand
that have no business there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from random import Random
from types import SimpleNamespace
from typing import Any, NamedTuple

from graphql import (
    GraphQLEnumType,
    GraphQLNamedType,
    GraphQLScalarType,
    GraphQLSchema,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)

from graph.errors import SourceTimeout

BACKREF = "strawberry-definition"


# ---------------------------------------------------------------- queries


class Query(NamedTuple):
    """A query text, and the values of its variables."""

    text: str
    variables: dict[str, Any]


def query(schema: GraphQLSchema, root: str, random: Random) -> Query:
    """A query that selects at random below one root field"""
    return _Asking(schema, random).query(root)


class _Asking:
    def __init__(self, schema: GraphQLSchema, random: Random) -> None:
        self._schema = schema
        self._random = random
        self._fragments: list[str] = []
        self._aliases = 0

    def query(self, root: str) -> Query:
        assert self._schema.query_type is not None
        kind = _bare(self._schema.query_type.fields[root].type)
        asked = f"{root} {self._selection(kind, 0)}"
        if self._random.random() < 0.2:  # the same field again: both selections are merged
            asked += f" {root} {self._selection(kind, 0)}"
        head = "query($yes: Boolean!, $no: Boolean = false)"
        used = " @include(if: $yes) q: __typename @skip(if: $no)"
        text = f"{head} {{ {asked} p: __typename{used} }} {' '.join(self._fragments)}"
        variables = {"yes": self._random.random() < 0.7}
        if self._random.random() < 0.3:
            variables["no"] = self._random.random() < 0.5
        return Query(text, variables)

    def _selection(self, kind: GraphQLNamedType, depth: int) -> str:
        parts = [self._part(kind, depth) for _ in range(self._random.randint(1, 4))]
        return "{ " + " ".join(parts) + " }"

    def _part(self, kind: GraphQLNamedType, depth: int) -> str:
        chance = self._random.random()
        if chance < 0.08:
            return f"{self._alias(0.5)}__typename"
        if chance < 0.2 and depth < 5:
            return f"...{self._directive()} {self._selection(kind, depth + 1)}"
        if chance < 0.32 and depth < 5:
            on = self._narrowed(kind)
            return f"... on {on}{self._directive()} {self._selection(on, depth + 1)}"
        if chance < 0.4 and depth < 5:
            on = self._narrowed(kind)
            name = f"F{len(self._fragments)}"
            self._fragments.append("")
            self._fragments[int(name[1:])] = (
                f"fragment {name} on {on} {self._selection(on, depth + 1)}"
            )
            return f"...{name}{self._directive()}"
        return self._field(kind, depth)

    def _field(self, kind: GraphQLNamedType, depth: int) -> str:
        fields: dict[str, Any] = getattr(kind, "fields", {})
        fitting = [
            name for name, field in fields.items() if depth < 6 or is_leaf_type(_bare(field.type))
        ]
        if not fitting:
            return "__typename"
        name = self._random.choice(fitting)
        below = _bare(fields[name].type)
        selection = "" if is_leaf_type(below) else self._selection(below, depth + 1)
        return f"{self._alias(0.3)}{name}{self._directive()} {selection}"

    def _narrowed(self, kind: GraphQLNamedType) -> GraphQLNamedType:
        """The type itself, or one that some of its objects are of"""
        others: list[Any] = [kind]
        if is_abstract_type(kind):
            others += self._schema.get_possible_types(kind)
        elif is_object_type(kind):
            others += kind.interfaces
        chosen: GraphQLNamedType = self._random.choice(others)
        return chosen

    def _alias(self, chance: float) -> str:
        if self._random.random() >= chance:
            return ""
        self._aliases += 1
        return f"a{self._aliases}: "

    def _directive(self) -> str:
        if self._random.random() >= 0.1:
            return ""
        word = self._random.choice(("skip", "include"))
        return f" @{word}(if: {self._random.choice(('true', 'false', '$yes', '$no'))})"


def _bare(kind: Any) -> Any:
    while is_non_null_type(kind) or is_list_type(kind):
        kind = kind.of_type
    return kind


# ---------------------------------------------------------------- answers


class Waiting:
    """A value that has to be waited for, as often as somebody asks."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, None, Any]:
        yield from ()
        return self._value


class Foreign:
    """An object that is of no type of the schema."""


class Other(Enum):
    UNKNOWN = "UNKNOWN"
    SOMETHING = "SOMETHING"


def answer(schema: GraphQLSchema, asked: Query, root: str, random: Random, wrong: float) -> Any:
    """What a root field may resolve to, with the attributes that a query asks for and no others.

    `wrong`: the share of values that are amiss.
    """
    assert schema.query_type is not None
    names = frozenset(re.findall(r"\w+", asked.text))
    return _Answering(schema, random, wrong, names).value(schema.query_type.fields[root].type, 0)


_WORDS = ("", "x", "+493055501234", "Größe \u2028 𝄞", '\n\t"\\\x00', "0")
_MOMENTS = (
    datetime(2026, 3, 4, 15, 30, tzinfo=UTC),
    datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(33, 1, 1, 7, 0, 0, 500000, tzinfo=UTC),
)
_AMOUNTS = tuple(map(Decimal, ("0", "0.10", "-1E+3", "12345678901234567890.5", "1E-7")))
_GOOD: dict[str, tuple[Any, ...]] = {
    "String": _WORDS,
    "ID": _WORDS,
    "Int": (0, 1, -1, 2**31 - 1, -(2**31)),
    "Float": (0.0, -1.5, 1e300, 0.1),
    "Boolean": (True, False),
    "DateTime": _MOMENTS,
    "Decimal": _AMOUNTS,
    "Long": (0, 2**31, -(2**63), 2**63 - 1),
    "JSON": ({"a": [1, None, "x"], "b": {}}, [], "text", 0, 1.5, True),
}
AMISS: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: ValueError("this could not be had"),
    lambda: SourceTimeout("no answer in time"),
    lambda: SourceTimeout,
    lambda: Waiting("later"),
    lambda: Waiting(None),
    lambda: 5,
    lambda: 1.5,
    lambda: True,
    lambda: "5",
    lambda: b"bytes",
    object,
    lambda: {"number": "1", "id": "2"},
    lambda: SimpleNamespace(number="1", id="2", vendor="v", amount=Decimal(1)),
    list,
    tuple,
    lambda: date(2026, 3, 4),
    lambda: Decimal("NaN"),
    lambda: Other.UNKNOWN,
)
"""what belongs hardly anywhere"""
NEARLY: dict[str, tuple[Any, ...]] = {
    "Int": (2**31, -(2**31) - 1, 2**40, 1.0, 1.5, True, "5", float("nan")),
    "Float": (float("nan"), float("inf"), 1, True, "1.5"),
    "String": (5, 1.0, True),
    "ID": (5, 1.0, True),
    "Boolean": (0, 1.0, "true"),
    "Long": (2**63, 1.5, True, "5"),
    "Decimal": (Decimal("NaN"), Decimal("Infinity"), 5, 1.5),
    "JSON": (float("nan"), Decimal(1), (1, 2), b"bytes"),
    "DateTime": (
        datetime(2026, 3, 4, 15),  # noqa: DTZ001
        datetime(2026, 3, 4, 15, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(2026, 3, 4, 15, tzinfo=timezone(timedelta(0), "GMT")),
        date(2026, 3, 4),
    ),
}
"""what nearly is a value of a scalar"""
STRANGERS = (Other.UNKNOWN, Other.SOMETHING, "UNKNOWN", "INBOUND", "SOMETHING")
"""what nearly is a value of an enum"""


class _Answering:
    def __init__(
        self, schema: GraphQLSchema, random: Random, wrong: float, names: frozenset[str]
    ) -> None:
        self._schema = schema
        self._random = random
        self._wrong = wrong
        self._names = names

    def value(self, kind: Any, depth: int) -> Any:
        if self._random.random() < self._wrong:
            return self._amiss(kind)
        if is_non_null_type(kind):
            return self._present(kind.of_type, depth)
        empty = self._random.random() < 0.2 or (depth > 5 and not is_leaf_type(kind))
        return None if empty else self._present(kind, depth)

    def _amiss(self, kind: Any) -> Any:
        if is_non_null_type(kind):
            kind = kind.of_type
        nearly = STRANGERS if isinstance(kind, GraphQLEnumType) else ()
        if isinstance(kind, GraphQLScalarType):
            nearly = NEARLY[kind.name]
        if nearly and self._random.random() < 0.6:
            return self._random.choice(nearly)
        return self._random.choice(AMISS)()

    def _present(self, kind: Any, depth: int) -> Any:
        if is_list_type(kind):
            most = 3 if depth < 4 else 1 if depth < 6 else 0
            made = [self.value(kind.of_type, depth) for _ in range(self._random.randint(0, most))]
            return tuple(made) if self._random.random() < self._wrong else made
        if isinstance(kind, GraphQLScalarType):
            return self._random.choice(_GOOD[kind.name])
        if isinstance(kind, GraphQLEnumType):
            return self._random.choice(list(kind.extensions[BACKREF].wrapped_cls))
        if is_abstract_type(kind):
            kind = self._random.choice(self._schema.get_possible_types(kind))
        return self._object(kind, depth)

    def _object(self, kind: Any, depth: int) -> Any:
        origin = kind.extensions[BACKREF].origin
        if self._random.random() < self._wrong:
            # Of another class, as like the right one as can be.
            origin = self._random.choice((type(origin.__name__, (origin,), {}), Foreign))
        made = object.__new__(origin)
        for name, field in kind.fields.items():
            definition = field.extensions[BACKREF]
            if definition.base_resolver is not None or name not in self._names:
                continue
            if self._random.random() >= self._wrong / 2:
                setattr(made, definition.python_name, self.value(field.type, depth + 1))
        return made
