"""What is wrong with an input is found before the vendor is asked, all of it at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from graph.reports.cron import fault, next_runs
from tests.reports.asking import CREATE, UPDATE, create, created, posts, report
from tests.support import product, run

Wrong = list[tuple[str | None, str]]


def normal(**parts: Any) -> dict[str, Any]:
    return {"filter": {"normal": parts}}


def caller(kind: str, value: str | None = None) -> dict[str, Any]:
    return normal(caller={"kind": kind, "value": value})


def length(**bounds: Any) -> dict[str, Any]:
    return normal(duration=bounds)


VALUE = "filter.normal.caller.value"
LENGTH = "filter.normal.duration"
EXTENSIONS = "EXTENSION_OR_EXTENSION_RANGE"
BAD: list[tuple[dict[str, Any], Wrong]] = [
    ({"source": "nowhere"}, [("source", "NOT_FOUND")]),
    ({"source": "yeastar"}, [("source", "UNSUPPORTED")]),
    ({"source": "broken"}, [("source", "UNSUPPORTED")]),
    ({"name": "  "}, [("name", "BLANK")]),
    ({"name": "x" * 257}, [("name", "TOO_LONG")]),
    ({"email": ""}, [("email", "BLANK")]),
    ({"email": "nobody"}, [("email", "INVALID_EMAIL")]),
    ({"email": "a@b@example.com"}, [("email", "INVALID_EMAIL")]),
    ({"email": "a b@example.com"}, [("email", "INVALID_EMAIL")]),
    ({"email": "a@example"}, [("email", "INVALID_EMAIL")]),
    ({"email": "a" * 117 + "@example.com"}, [("email", "TOO_LONG")]),
    ({"type": "UNKNOWN"}, [("type", "UNKNOWN_VALUE")]),
    ({"format": "UNKNOWN"}, [("format", "UNKNOWN_VALUE")]),
    ({"range": {"preset": "UNKNOWN"}}, [("range.preset", "UNKNOWN_VALUE")]),
    ({"range": {"preset": "CUSTOM"}}, [("range.preset", "WINDOW_REQUIRED")]),
    (
        {"range": {"window": {"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}}},
        [("range.window", "INVALID_WINDOW")],
    ),
    (
        {"range": {"window": {"since": "2026-03-01T00:00:00Z", "until": "2026-03-01T00:00:00Z"}}},
        [("range.window", "INVALID_WINDOW")],
    ),
    ({"cronExpression": ""}, [("cronExpression", "INVALID_CRON")]),
    ({"cronExpression": "every monday"}, [("cronExpression", "INVALID_CRON")]),
    ({"cronExpression": "61 * * * *"}, [("cronExpression", "INVALID_CRON")]),
    ({"cronExpression": "0 0 7 * * MON"}, [("cronExpression", "INVALID_CRON")]),
    ({"cronExpression": "0 0 30 2 *"}, [("cronExpression", "INVALID_CRON")]),
    ({"type": "QUEUE_CALLBACKS"}, [("filter.normal", "FILTER_MISMATCH")]),
    ({"filter": {"queue": {"queues": []}}}, [("filter.queue", "FILTER_MISMATCH")]),
    (
        {"type": "QUEUE_FAILED_CALLBACKS", "filter": {"queue": {"queues": ["6400"]}}},
        [("filter.queue", "FILTER_MISMATCH")],
    ),
    (caller(EXTENSIONS), [(VALUE, "VALUE_REQUIRED")]),
    (caller("NUMBER", " "), [(VALUE, "VALUE_REQUIRED")]),
    (caller("NUMBERS_START_WITH"), [(VALUE, "VALUE_REQUIRED")]),
    (caller("NUMBERS_CONTAIN"), [(VALUE, "VALUE_REQUIRED")]),
    (caller("ANY", "101"), [(VALUE, "VALUE_NOT_ALLOWED")]),
    (caller("INTERNAL_EXTENSIONS", "101"), [(VALUE, "VALUE_NOT_ALLOWED")]),
    (caller(EXTENSIONS, "110-101"), [(VALUE, "INVALID_EXTENSION_RANGE")]),
    (caller(EXTENSIONS, "101-"), [(VALUE, "INVALID_EXTENSION_RANGE")]),
    (caller(EXTENSIONS, "101-105-110"), [(VALUE, "INVALID_EXTENSION_RANGE")]),
    (caller(EXTENSIONS, "desk"), [(VALUE, "INVALID_EXTENSION_RANGE")]),
    (caller("NUMBER", "' or 1 eq 1"), [(VALUE, "INVALID_NUMBER")]),
    (length(kind="ANY", minSeconds=1), [(f"{LENGTH}.minSeconds", "VALUE_NOT_ALLOWED")]),
    (length(kind="RING_DURATION"), [(f"{LENGTH}.minSeconds", "VALUE_REQUIRED")]),
    (
        length(kind="TALK_DURATION", minSeconds=-1),
        [(f"{LENGTH}.minSeconds", "OUT_OF_RANGE")],
    ),
    (
        length(kind="TALK_DURATION", minSeconds=9, maxSeconds=8),
        [(f"{LENGTH}.maxSeconds", "OUT_OF_RANGE")],
    ),
    (
        {
            "type": "QUEUE_CALLBACKS",
            "filter": {"queue": {"queues": ["6400", "64", "x"], "excludeDroppedBeforeSeconds": -1}},
        },
        [
            ("filter.queue.queues[1]", "INVALID_NUMBER"),
            ("filter.queue.queues[2]", "INVALID_NUMBER"),
            ("filter.queue.excludeDroppedBeforeSeconds", "OUT_OF_RANGE"),
        ],
    ),
    (
        {
            "type": "EXTENSION_GROUP_CALL_COST",
            "filter": {"extensionGroupCallCost": {"groups": ["", "x" * 65]}},
        },
        [
            ("filter.extensionGroupCallCost.groups[0]", "BLANK"),
            ("filter.extensionGroupCallCost.groups[1]", "TOO_LONG"),
        ],
    ),
    (
        {"type": "RING_GROUP_STATISTICS", "filter": {"ringGroup": {"ringGroups": ["a"]}}},
        [("filter.ringGroup.ringGroups[0]", "INVALID_NUMBER")],
    ),
    ({"idempotencyKey": ""}, [("idempotencyKey", "BLANK")]),
    ({"idempotencyKey": "x" * 256}, [("idempotencyKey", "TOO_LONG")]),
    (
        {
            "source": "nowhere",
            "name": "",
            "email": "nobody" * 30,
            "cronExpression": "x",
            "range": {"preset": "CUSTOM"},
            **normal(
                caller={"kind": "NUMBER"},
                callee={"kind": EXTENSIONS, "value": "9-1"},
                duration={"kind": "RING_DURATION", "maxSeconds": -5},
            ),
        },
        [
            ("source", "NOT_FOUND"),
            ("name", "BLANK"),
            ("email", "TOO_LONG"),
            ("email", "INVALID_EMAIL"),
            ("range.preset", "WINDOW_REQUIRED"),
            ("cronExpression", "INVALID_CRON"),
            (VALUE, "VALUE_REQUIRED"),
            ("filter.normal.callee.value", "INVALID_EXTENSION_RANGE"),
            (f"{LENGTH}.maxSeconds", "OUT_OF_RANGE"),
        ],
    ),
]


def test_every_bad_input_gets_its_field_and_code_and_the_vendor_is_not_asked() -> None:
    broken = {"vendor": "portsip", "id": "broken", "credentials": {"username": "only"}}

    async def work() -> None:
        async with product("portsip", "yeastar", broken, count=5) as api:
            for changes, expected in BAD:
                made = await create(api, **changes)
                found = [(error["field"], error["code"]) for error in made["userErrors"]]
                assert found == expected, changes
                assert made["outcome"] == "REFUSED"
                assert made["callReport"] is None
                assert made["lookFor"] is None
                assert all(error["message"] for error in made["userErrors"])
            assert api.requests("portsip") == 0
            assert api.requests("yeastar") == 0

    run(work)


def test_every_bad_change_gets_the_same_field_and_code_as_in_a_new_report() -> None:
    fixed = {"source", "type", "idempotencyKey"}
    # An empty cron expression takes a schedule away.
    shared = [
        (changes, expected)
        for changes, expected in BAD
        if fixed.isdisjoint(changes) and changes != {"cronExpression": ""}
    ]

    async def work() -> None:
        async with product("portsip", count=5) as api:
            id = await created(api)
            for changes, expected in shared:
                made = (await api.good(UPDATE, input={"id": id, **changes}))["made"]
                found = [(error["field"], error["code"]) for error in made["userErrors"]]
                assert (made["outcome"], found) == ("REFUSED", expected), changes
            assert len(posts(api)) == 1

    assert len(shared) > 30
    run(work)


@pytest.mark.parametrize("moment", ["2026-03-01T00:00:00", "0001-01-01T00:00:00+14:00", "soon"])
def test_a_window_of_no_moments_is_refused_before_anything_else(moment: str) -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            window = {"since": moment, "until": "2026-03-02T00:00:00Z"}
            answered = await api.ask(CREATE, input=report(range={"window": window}))
            assert answered.data is None
            (error,) = answered.errors
            assert "range.window.since" in error["message"]
            assert error["extensions"]["code"] == "GRAPHQL_INVALID"
            assert api.requests("portsip") == 0

    run(work)


def test_a_source_without_reports_says_what_it_can_do() -> None:
    async def work() -> None:
        async with product("yeastar", count=5) as api:
            made = await create(api, source="yeastar")
            assert made["userErrors"][0]["code"] == "UNSUPPORTED"
            assert "calls are folded" in made["userErrors"][0]["message"]
            data = await api.good(
                "mutation ($input: CreateCallReportInput!) { createCallReport(input: $input) "
                "{ source { id capabilities { reports { types } records } } } }",
                input=report(source="yeastar"),
            )
            told = data["createCallReport"]["source"]
            assert told["id"] == "yeastar"
            assert told["capabilities"]["reports"] is None

    run(work)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [(None, "NOTHING_TO_CHANGE")]),
        ({"email": "x", "name": " "}, [("name", "BLANK"), ("email", "INVALID_EMAIL")]),
        ({"filter": {"ringGroup": {"ringGroups": []}}}, [("filter.ringGroup", "FILTER_MISMATCH")]),
        ({"range": {"preset": "CUSTOM"}}, [("range.preset", "WINDOW_REQUIRED")]),
        ({"cronExpression": "* * *"}, [("cronExpression", "INVALID_CRON")]),
    ],
)
def test_bad_changes_are_refused_and_nothing_is_written(
    changes: dict[str, Any], expected: Wrong
) -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            id = await created(api)
            made = (await api.good(UPDATE, input={"id": id, **changes}))["made"]
            assert made["outcome"] == "REFUSED"
            assert [(e["field"], e["code"]) for e in made["userErrors"]] == expected
            assert len(posts(api)) == 1

    run(work)


def test_the_type_cannot_even_be_named_in_a_change() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            id = await created(api)
            answered = await api.ask(UPDATE, input={"id": id, "type": "QUEUE_CALLBACKS"})
            assert answered.data is None
            assert "type" in answered.errors[0]["message"]

    run(work)


def test_what_the_vendor_refuses_comes_back_at_its_field_in_our_words() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            made = await create(api, name="refused by the PBX")
            assert made["outcome"] == "REFUSED"
            assert made["userErrors"] == [
                {
                    "field": "name",
                    "code": "SOURCE_REFUSED",
                    "message": "PortSIP does not take this value of `name`",
                }
            ]
            api.worlds["portsip"].fault("error", code="UNKNOWN", path="/api/call_reports")
            made = await create(api)
            assert [(e["field"], e["code"]) for e in made["userErrors"]] == [
                (None, "SOURCE_REFUSED")
            ]
            api.worlds["portsip"].fault("error", code="403", path="/api/call_reports")
            made = await create(api)
            assert made["outcome"] == "REFUSED"
            assert "manage reports" in made["userErrors"][0]["message"]

    run(work)


NORMAL = {"normal": {"caller": {"kind": "NUMBER", "value": "1"}}}
QUEUE = {"queue": {"queues": ["6400"]}}
FAILED = {"queueFailedCallbacks": {"queues": ["6400"]}}
COST = {"extensionGroupCallCost": {"groups": ["Sales"]}}
RING = {"ringGroup": {"ringGroups": ["6300"]}}


@pytest.mark.parametrize(
    ("type", "filter", "told", "field"),
    [
        ("NORMAL", NORMAL, {"field": "email", "reason": "x"}, "email"),
        ("NORMAL", NORMAL, {"field": "ended_at"}, "range.window.until"),
        ("NORMAL", NORMAL, {"field": "filter.from_value"}, "filter.normal.caller.value"),
        ("NORMAL", NORMAL, "duration_to", "filter.normal.duration.maxSeconds"),
        ("NORMAL", NORMAL, {"field": "filter.tea"}, "filter"),
        ("NORMAL", NORMAL, {"cron_expr": "is not valid"}, "cronExpression"),
        ("NORMAL", NORMAL, {"field": "tea"}, None),
        ("NORMAL", NORMAL, None, None),
        ("QUEUE_CALLBACKS", QUEUE, {"field": "filter.call_queues[0]"}, "filter.queue.queues"),
        (
            "QUEUE_FAILED_CALLBACKS",
            FAILED,
            [{"name": "filter.call_queues"}],
            "filter.queueFailedCallbacks.queues",
        ),
        (
            "EXTENSION_GROUP_CALL_COST",
            COST,
            {"field": "filter.type"},
            "filter.extensionGroupCallCost.callKind",
        ),
        ("EXTENSION_GROUP_CALL_COST", COST, {"field": "type"}, "type"),
        (
            "RING_GROUP_STATISTICS",
            RING,
            {"field": "ring_groups"},
            "filter.ringGroup.ringGroups",
        ),
    ],
)
def test_a_refusal_comes_back_at_the_field_of_our_input_that_it_is_about(
    type: str, filter: dict[str, Any], told: Any, field: str | None
) -> None:
    async def work() -> None:
        switches = {"portsip": {"refused_reports": {"Weekly": told}}}
        async with product("portsip", count=5, switches=switches) as api:
            made = await create(api, type=type, filter=filter)
            assert made["outcome"] == "REFUSED"
            assert [(e["field"], e["code"]) for e in made["userErrors"]] == [
                (field, "SOURCE_REFUSED")
            ]

    run(work)


def test_next_runs_are_those_of_the_sources_clock_over_the_change_to_summer_time() -> None:
    now = datetime(2026, 3, 27, 12, tzinfo=UTC)
    runs = next_runs("0 7 * * *", ZoneInfo("Europe/Berlin"), now)
    assert [run.local_time for run in runs[:3]] == [
        "2026-03-28T07:00:00+01:00",
        "2026-03-29T07:00:00+02:00",
        "2026-03-30T07:00:00+02:00",
    ]
    assert runs[1].at == datetime(2026, 3, 29, 5, tzinfo=UTC)
    assert {run.time_zone for run in runs} == {"Europe/Berlin"}
    assert len(runs) == 5


@pytest.mark.parametrize("good", ["0 7 * * MON", "*/15 8-18 * * 1-5", "0 0 1 * *", "0  0 * * 0"])
def test_usual_cron_expressions_are_taken(good: str) -> None:
    assert fault(good) is None


def test_next_runs_are_shown_for_a_schedule() -> None:
    async def work() -> None:
        source = {"vendor": "portsip", "time_zone": "Europe/Berlin"}
        async with product(source, count=5) as api:
            data = await api.good(
                CREATE.replace("callReport { id }", "callReport { nextRuns { at localTime } }"),
                input=report(cronExpression="0 7 * * MON"),
            )
            assert data["made"]["callReport"]["nextRuns"][0] == {
                "at": "2026-03-09T06:00:00Z",
                "localTime": "2026-03-09T07:00:00+01:00",
            }

    run(work)
