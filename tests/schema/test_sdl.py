"""schema.graphql is what the code prints, and everything in it is described."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    build_schema,
    get_named_type,
)

from graph.schema.build import sdl

FILE = Path(__file__).parent.parent.parent / "schema.graphql"
SCHEMA = build_schema(FILE.read_text(encoding="utf-8"))
OWN = [kind for name, kind in SCHEMA.type_map.items() if not name.startswith("__")]


def test_the_committed_schema_is_what_the_code_prints() -> None:
    assert FILE.read_text(encoding="utf-8") == sdl()


@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.name)
def test_every_type_field_argument_and_value_is_described(kind: GraphQLNamedType) -> None:
    if kind.name in ("ID", "String", "Int", "Float", "Boolean"):
        return
    assert kind.description, kind.name
    if isinstance(kind, GraphQLEnumType):
        for name, value in kind.values.items():
            assert value.description, f"{kind.name}.{name}"
    if isinstance(kind, GraphQLInputObjectType | GraphQLObjectType | GraphQLInterfaceType):
        for name, field in kind.fields.items():
            assert field.description, f"{kind.name}.{name}"
            for argument, about in getattr(field, "args", {}).items():
                assert about.description, f"{kind.name}.{name}({argument})"


CLOSED = {
    "Vendor",  # the folders there are
    "WriteOutcome", "UserErrorCode", "IdempotencyStore",  # what this server itself says
    "ReportEngine", "CallReportRunState", "DeliveryKind", "DeliveryState",
    "StatsKey", "FigureUnit",  # of figures that are computed here
    "ReportPartyKind", "ReportAnswerState", "ReportDurationKind", "ReportCallKind",
    # a filter with a word nobody knows is an UnknownReportFilter
}  # fmt: skip
"""enums that answers hold although no vendor's word becomes one of their values"""


def answered() -> set[str]:
    """the enums that a field of an answer may hold"""
    found: set[str] = set()
    for kind in OWN:
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field in kind.fields.values():
                held = get_named_type(field.type)
                if isinstance(held, GraphQLEnumType):
                    found.add(held.name)
    return found


def test_every_enum_that_a_vendor_fills_has_unknown() -> None:
    enums = {kind.name: kind for kind in OWN if isinstance(kind, GraphQLEnumType)}
    held = answered()
    assert held >= CLOSED, "an exception that no answer holds"
    for name in held - CLOSED:
        assert "UNKNOWN" in enums[name].values, name
    # What is only ever asked with is a closed set by nature; nobody can ask for what is unknown.
    for name in enums.keys() - held:
        assert "UNKNOWN" not in enums[name].values, name
