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


def test_every_enum_that_a_vendor_fills_has_unknown() -> None:
    inputs = {
        "CallOrder", "OnPartial", "Vendor", "ReportOrder", "CompletedReportOrder",
        # closed sets of ours; a filter with a word nobody knows is an UnknownReportFilter
        "WriteOutcome", "UserErrorCode", "IdempotencyStore",
        "StatsKey", "FigureUnit", "RoundingRule", "ServiceLevelVariant", "BusyHourKind",
        "ReportPartyKind", "ReportAnswerState", "ReportDurationKind", "ReportCallKind",
    }  # fmt: skip
    for kind in OWN:
        if isinstance(kind, GraphQLEnumType) and kind.name not in inputs:
            assert "UNKNOWN" in kind.values, kind.name
