"""Shape → a function that makes rows out of objects, in Python generated for just this shape.

The function gives what msgspec writes as the very bytes of the ordinary answer. It gives None
wherever the ordinary executor might have anything to say: null where none may be, a value of
another type or class, a number that does not fit. What attributes or scalars raise, it raises.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
)
from graphql.pyutils import Undefined
from graphql.type.scalars import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graph.schema.compiled.shape import Field, Leaf, Many, Object, OneOf, Shape, Value
from graph.types.call import Kept
from graph.types.scalars import SCALARS

_AS_IT_IS: Mapping[str, str] = {
    GraphQLString.name: "type({v}) is not str",
    GraphQLID.name: "type({v}) is not str",
    GraphQLBoolean.name: "type({v}) is not bool",
    GraphQLInt.name: f"type({{v}}) is not int or not {GRAPHQL_MIN_INT} <= {{v}} <= "
    f"{GRAPHQL_MAX_INT}",
    GraphQLFloat.name: "type({v}) is not float or not isfinite({v})",
}
"""built-in scalars, whose values are written as they are unless this holds"""

_NO_INSTANT = "type({v}) is not datetime or {v}.tzinfo is not UTC"
"""msgspec writes moments in UTC just as our DateTime does"""

_SURELY_VALUES = frozenset(
    {str, int, float, bool, list, tuple, dict, Decimal, datetime, date, time}
)
"""what any other scalar may be given: surely no error and nothing to wait for"""


def function_of(shape: Shape) -> Callable[[Any], Any]:
    """A function from an object (or a list) to what is written of it, or to None: not sure"""
    writer = _Writer()
    made = writer.expression(shape, "o")
    lines = ["def made(o):", *writer.lines, f" return {made}"]
    names = writer.names
    exec(compile("\n".join(lines), "<compiled selection>", "exec"), names)  # noqa: S102
    function: Callable[[Any], Any] = names["made"]
    return function


@lru_cache(maxsize=1000)
def _row(keys: tuple[str, ...]) -> type:
    """A class of rows that are written with these keys, in this order"""
    fields = [f"f{place}" for place in range(len(keys))]
    rename = dict(zip(fields, keys, strict=True))
    return msgspec.defstruct("Row", fields, rename=rename, gc=False)


class _Writer:
    """The lines of one function, and the names that stand in them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {
            "datetime": datetime,
            "UTC": UTC,
            "isfinite": math.isfinite,
            "Undefined": Undefined,
            "SURELY_VALUES": _SURELY_VALUES,
        }
        self._depth = 1
        self._count = 0

    def _line(self, text: str) -> None:
        self.lines.append(" " * self._depth + text)

    def _new(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def _name(self, letter: str, thing: Any) -> str:
        name = self._new(letter)
        self.names[name] = thing
        return name

    def expression(self, shape: Shape, given: str) -> str:
        """Writes the lines that check and convert; an expression of what comes out"""
        if isinstance(shape, Leaf):
            return self._leaf(shape.kind, given)
        if isinstance(shape, Object):
            self._unsure_if(f"type({given}) is not {self._name('C', shape.origin)}")
            return self._object(shape, given)
        if isinstance(shape, Many):
            return self._many(shape, given)
        return self._one_of(shape, given)

    def _unsure_if(self, test: str) -> None:
        self._line(f"if {test}: return None")

    def _value(self, value: Value, given: str) -> str:
        if not value.nullable:
            return self.expression(value.shape, given)
        if isinstance(value.shape, Leaf):
            test = _test_of(value.shape.kind)
            if test is not None:
                self._unsure_if(f"{given} is not None and ({test.format(v=given)})")
                return given
        made = self._new("x")
        self._line(f"{made} = None")
        self._line(f"if {given} is not None:")
        self._depth += 1
        self._line(f"{made} = {self.expression(value.shape, given)}")
        self._depth -= 1
        return made

    def _leaf(self, kind: GraphQLLeafType, given: str) -> str:
        test = _test_of(kind)
        if test is not None:
            self._unsure_if(test.format(v=given))
            return given
        if isinstance(kind, GraphQLEnumType):
            definition = kind.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
            self._unsure_if(f"type({given}) is not {self._name('E', definition.wrapped_cls)}")
            told = {
                member.name: kind.coerce_output_value(member) for member in definition.wrapped_cls
            }
            return f"{self._name('N', told)}[{given}._name_]"
        made = self._new("x")
        self._unsure_if(f"type({given}) not in SURELY_VALUES")
        self._line(f"{made} = {self._name('S', kind.coerce_output_value)}({given})")
        self._unsure_if(f"{made} is None or {made} is Undefined")
        return made

    def _object(self, shape: Object, given: str) -> str:
        if not issubclass(shape.origin, Kept):
            return self._row(shape, given)
        # What several callers share is written once for all who select the same.
        made, selection = self._new("x"), self._name("K", object())
        self._line(f"if {given}.written_by is {selection}: {made} = {given}.written")
        self._line("else:")
        self._depth += 1
        self._line(f"{made} = {self._row(shape, given)}")
        self._line(f"{given}.written, {given}.written_by = {made}, {selection}")
        self._depth -= 1
        return made

    def _row(self, shape: Object, given: str) -> str:
        told = [self._field(field, shape, given) for field in shape.fields]
        row = self._name("R", _row(tuple(field.key for field in shape.fields)))
        return f"{row}({', '.join(told)})"

    def _field(self, field: Field, shape: Object, given: str) -> str:
        if field.attribute is None:
            return repr(shape.name)
        value = self._new("v")
        self._line(f"{value} = {given}.{field.attribute}")
        return self._value(field.value, value)

    def _one_of(self, shape: OneOf, given: str) -> str:
        made, its_class = self._new("x"), self._new("c")
        self._line(f"{its_class} = type({given})")
        for place, of in enumerate(shape.objects):
            word = "elif" if place else "if"
            self._line(f"{word} {its_class} is {self._name('C', of.origin)}:")
            self._depth += 1
            self._line(f"{made} = {self._object(of, given)}")
            self._depth -= 1
        self._line("else: return None")
        return made

    def _many(self, shape: Many, given: str) -> str:
        made, item = self._new("x"), self._new("i")
        self._unsure_if(f"type({given}) is not list")
        self._line(f"{made} = []")
        self._line(f"for {item} in {given}:")
        self._depth += 1
        self._line(f"{made}.append({self._value(shape.item, item)})")
        self._depth -= 1
        return made


def _test_of(kind: GraphQLLeafType) -> str | None:
    """What must not hold for a value to be written as it is; None if it must be converted"""
    if kind.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF) is SCALARS[datetime]:
        return _NO_INSTANT
    return _AS_IT_IS.get(kind.name)
