"""What is made of a column is what is made of its values one by one."""

from __future__ import annotations

import typing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.sources import all_vendors, vendor
from graph.sources.columns import by_column, each_of, plain
from graph.sources.compiling import compiled, row_keys
from graph.sources.contract import Field, Resource
from graph.sources.convert import constant, epoch, instant, integer, text, told
from graph.sources.portsip.mapping import _between
from graph.sources.yeastar.times import answered_at, ended_at, talk_seconds
from graph.types.call import CallDisposition, CallLog
from tests.sources.test_made import site_of

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
SPELLINGS = [
    None, "", " ", "\u3000", "0", "0000-00-00 00:00:00", "2026-03-01", "2026-03-01T08:09:10Z",
    "2026-03-01 08:09:10", " 2026-03-01T08:09:10Z ", "2026-03-01T08:09:10.1234567Z",
    "2026-03-01T08:09:10+05:30", "2026-03-01T08:09:10+00:00", "20260301T080910Z", "2026-13-01",
    "2026-03-01T24:00:00Z", "0001-01-01T00:00:00Z", "1767225600", "12.5", "-3", "no number",
    "\xa0told\xa0",
]  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(SPELLINGS),
    st.integers(-(10**9), 2**33),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.text(max_size=6),
)
MOMENTS = st.none() | st.integers(0, 2**31).map(lambda us: SINCE + timedelta(microseconds=us * 99))
SECONDS = st.none() | st.integers(0, 10**6)
OUTCOMES = st.sampled_from(CallDisposition)
_FAILURES = (ValueError, TypeError, ArithmeticError)


def outcome(work: Callable[[], list[Any]]) -> list[Any] | None:
    try:
        return work()
    except _FAILURES:
        return None


def check(one: Callable[..., Any], rows: list[tuple[Any, ...]]) -> None:
    each = each_of(one)
    assert each is not None
    columns = [list(column) for column in zip(*rows, strict=True)]
    expected = outcome(lambda: [one(*row) for row in rows])
    found = outcome(lambda: each(*columns))
    assert found == expected
    if found is not None and expected is not None:
        assert list(map(type, found)) == list(map(type, expected))
        assert [getattr(value, "tzinfo", None) for value in found] == [
            getattr(value, "tzinfo", None) for value in expected
        ]


@pytest.mark.parametrize("one", [text, told, integer, instant, epoch], ids=lambda one: one.__name__)
def test_a_column_of_values_is_converted_as_each_value_is(one: Callable[..., Any]) -> None:
    # JSON has truth values, but no wire type that is a moment does.
    values_of = VALUES if one in (instant, epoch) else VALUES | st.booleans()

    @given(st.lists(values_of, min_size=1, max_size=8))
    def law(values: list[Any]) -> None:
        check(one, [(value,) for value in values])

    law()
    for value in SPELLINGS:
        check(one, [(value,), ("2026-03-01T08:09:10Z",), (value,)])


@given(st.lists(st.tuples(MOMENTS, MOMENTS), min_size=1, max_size=8))
def test_spans_of_a_column_are_those_of_each_row(rows: list[tuple[Any, ...]]) -> None:
    check(_between, rows)


@given(st.lists(st.tuples(MOMENTS, OUTCOMES, SECONDS, SECONDS, SECONDS), min_size=1, max_size=8))
def test_answers_of_a_column_are_those_of_each_hop(rows: list[tuple[Any, ...]]) -> None:
    check(answered_at, rows)
    check(ended_at, [(row[0], row[2]) for row in rows])
    check(talk_seconds, [(row[3], row[1]) for row in rows])


LISTS = [
    pytest.param(manifest.name, resource, id=f"{manifest.name}-{kind}")
    for manifest in all_vendors()
    for kind, resource in (("logs", manifest.logs), ("records", manifest.records))
    if resource is not None
]


def shown(value: Any) -> Any:
    """A record as what it is made of, whatever attributes it has"""
    return (
        (type(value), {k: shown(v) for k, v in vars(value).items()})
        if hasattr(value, "__dict__") and not isinstance(value, Enum)
        else value
    )


WORDS = ["SIDEWAYS", "Inbound", "ANSWERED", "NO ANSWER", "INBOUND_CALL", "2001", "+4930123456"]


@pytest.mark.parametrize(("name", "resource"), LISTS)
def test_a_page_is_converted_as_each_row_is(name: str, resource: Resource) -> None:
    """Whatever one row says: the others are as they were, and no unknown word is counted twice"""
    hints = typing.get_type_hints(resource.wire)
    texts = [field for field, hint in hints.items() if str in (hint, *typing.get_args(hint))]
    paths = frozenset(field.path for field in resource.fields if field.part is None)
    plain_row: dict[str, Any] = {}
    for field in ("id", "uuid", "call_id", "new_id", "date"):
        if field in resource.wire.__struct_fields__:
            plain_row[field] = "7"

    @given(
        st.lists(
            st.dictionaries(st.sampled_from(texts), st.sampled_from([*WORDS, *SPELLINGS])),
            min_size=1,
            max_size=6,
        )
    )
    def law(given_rows: list[dict[str, Any]]) -> None:
        at_once, one_by_one = site_of(name), site_of(name)
        rows = [resource.wire(**{**plain_row, **row}) for row in given_rows]
        found = compiled(CallLog, resource, paths, at_once)(rows, None)
        convert = compiled(CallLog, resource, paths, one_by_one)
        expected = [made for row in rows for made in convert([row], None)]
        assert [shown(made) for made in found] == [shown(made) for made in expected]
        assert at_once.unknown_words == one_by_one.unknown_words
        keys = outcome(lambda: [resource.row_key(at_once, row) for row in rows])
        assert outcome(lambda: row_keys(resource, at_once, rows)) == keys

    law()


def test_what_needs_nothing_of_a_row_is_the_same_for_all() -> None:
    site, logs = site_of("portsip"), vendor("portsip").logs
    fields = (
        Field("started_at", "started_at", instant),
        Field("trunk_in", (), constant("the only one")),
        Field("caller.name", (), constant("nobody")),
    )
    resource = msgspec.structs.replace(logs, fields=fields)
    convert = compiled(CallLog, resource, frozenset({"trunk_in", "caller.name"}), site)
    made = convert([logs.wire(id="1"), logs.wire(id="2")], None)
    assert [call and (call.trunk_in, call.caller.name) for call in made] == [
        ("the only one", "nobody")
    ] * 2


def test_what_was_not_declared_has_no_columns() -> None:
    def one(value: int) -> int:
        return value + 1

    assert each_of(one) is None
    twice = by_column(lambda values: [value + 1 for value in values])(one)
    assert twice is one
    each = each_of(one)
    assert each is not None
    assert each([1, 2]) == [2, 3]


def test_values_of_other_classes_are_seen() -> None:
    assert plain([1, None], int, type(None))
    assert not plain([True], int)
    assert not plain([timedelta()], int)
