"""The schema is stable: nothing breaks a client of the last release without a note."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_schema, find_breaking_changes

HERE = Path(__file__).parent
TOP = HERE.parent.parent
RELEASED = build_schema((HERE / "released.graphql").read_text(encoding="utf-8"))


def breaking(schema: GraphQLSchema) -> list[str]:
    return [change.description for change in find_breaking_changes(RELEASED, schema)]


def test_whatever_breaks_a_client_of_the_last_release_has_a_line_in_the_changelog() -> None:
    now = build_schema((TOP / "schema.graphql").read_text(encoding="utf-8"))
    told = (TOP / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    assert [change for change in breaking(now) if f"- {change}" not in told] == []


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("callKey: String!", "keyOfCall: String!", "Field Call.callKey was removed."),
        (
            "settledUntil: DateTime",
            "settledUntil: String",
            "Field Outcome.settledUntil changed type from DateTime to String.",
        ),
    ],
)
def test_a_field_taken_away_or_of_another_type_is_noticed(old: str, new: str, change: str) -> None:
    text = (TOP / "schema.graphql").read_text(encoding="utf-8")
    assert old in text
    assert change in breaking(build_schema(text.replace(old, new)))
