"""What is refused, what is partial and says so, and what is never asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from graph.sources import company
from tests.stats.small import ANNA, CALLS, ROSA, WINDOW, call
from tests.support import NOW, Answered, Api, product, run

ASK = "query($f: CallFilter!) {{ stats(filter: $f{arguments}) {{ {fields} }} }}"
MANY = company.calls(seed=3, count=300, until=NOW - timedelta(hours=6), days=2)
SPAN = {"since": (NOW - timedelta(days=3)).isoformat(), "until": NOW.isoformat()}


async def ask(api: Api, fields: str, arguments: str = "", **filter: Any) -> Answered:
    query = ASK.format(arguments=arguments, fields=fields)
    return await api.ask(query, f=filter or WINDOW)


@pytest.mark.parametrize(
    ("fields", "arguments", "argument"),
    [
        ("serviceLevel(seconds: -1) { value }", "", "serviceLevel.seconds"),
        ("serviceLevel(shortAbandonSeconds: 4000) { value }", "",
         "serviceLevel.shortAbandonSeconds"),
        ("abandonRate(shortAbandonSeconds: 3601) { value }", "", "abandonRate.shortAbandonSeconds"),
        ("shortCallRatio(seconds: 0) { value }", "", "shortCallRatio.seconds"),
        ("missedNotReturned(withinMinutes: 0) { value }", "", "missedNotReturned.withinMinutes"),
        ("topCallers(first: 1001) { distinct }", "", "topCallers.first"),
        ("groups { topQueues(first: 0) { distinct } }", ", groupBy: [DAY]", "topQueues.first"),
        ("offered", ', timeZone: "Europe/Nowhere"', "timeZone"),
        ("offered", ', timeZone: "../etc/passwd"', "timeZone"),
        ("offered", ', timeZone: "Europe"', "timeZone"),
        ("offered", ", groupBy: [DAY, SOURCE, DAY]", "groupBy[2]"),
        ("offered", ", options: {deadlineMs: 120001}", "options.deadlineMs"),
        ("offered", ", unit: UNKNOWN", "unit"),
        ('native(savedSince: "2026-03-02T00:00:00Z", savedUntil: "2026-03-01T00:00:00Z") { type }',
         "", "native.savedUntil"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named_before_anybody_is_asked(
    fields: str, arguments: str, argument: str
) -> None:
    async def work() -> None:
        async with product("yeastar", calls=CALLS) as api:
            answered = await ask(api, fields, arguments)
            assert answered.data == {"stats": None}
            [error] = answered.errors
            assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}
            assert api.requests("yeastar") == 0

    run(work)


@pytest.mark.parametrize(
    ("filter", "argument"),
    [
        ({"since": "2026-03-02T00:00:00Z"}, "filter.until"),
        ({"until": "2026-03-02T00:00:00Z"}, "filter.since"),
        ({"since": "2026-03-02T00:00:00Z", "until": "2026-03-02T00:00:00Z"}, "filter.until"),
        ({**WINDOW, "sources": ["nobody"]}, "filter.sources[0]"),
    ],
)
def test_a_window_with_both_ends_is_needed(filter: dict[str, Any], argument: str) -> None:
    async def work() -> None:
        async with product("yeastar", calls=CALLS) as api:
            [error] = (await ask(api, "offered", **filter)).errors
            assert error["extensions"]["argument"] == argument

    run(work)


def test_arguments_given_as_variables_are_checked_too() -> None:
    async def work() -> None:
        async with product("yeastar", calls=CALLS) as api:
            query = """query($f: CallFilter!, $n: Int!, $no: Boolean!) { stats(filter: $f) {
                topCallers(first: $n) { distinct } ...on CallFigures @skip(if: $no) {
                serviceLevel(seconds: 9999) { value } } } }"""
            answered = await api.ask(query, f=WINDOW, n=5000, no=True)
            assert answered.errors[0]["extensions"]["argument"] == "topCallers.first"
            assert (await api.ask(query, f=WINDOW, n=5, no=True)).errors == []
            answered = await api.ask(query, f=WINDOW, n=5, no=False)
            assert answered.errors[0]["extensions"]["argument"] == "serviceLevel.seconds"

    run(work)


@pytest.mark.parametrize(
    ("fields", "arguments", "limit"),
    [
        ("groups { offered }", ", groupBy: [QUARTER_HOUR]", "groups"),
        ("topCallers { distinct }", "", "keys"),
        ("missedNotReturned { value }", "", "keys"),
        ("busyHour { value }", "", "keys"),
    ],
)
def test_too_many_groups_or_keys_are_an_error_and_never_a_part(
    fields: str, arguments: str, limit: str
) -> None:
    async def work() -> None:
        async with product("yeastar", calls=MANY, server={"max_groups": 1}) as api:
            answered = await ask(api, fields, arguments, **SPAN)
            assert answered.data == {"stats": None}
            [error] = answered.errors
            assert error["extensions"]["code"] == "TOO_MANY_GROUPS"
            assert error["extensions"]["limit"] == limit
            assert error["extensions"]["allowed"] == {"groups": 1, "keys": 10}[limit]
            assert not (await ask(api, "offered answered", **SPAN)).errors

    run(work)


FIGURES = """complete comparableWindow { since until } offered
    outcomes { source { id } state records covered { since until } missing { since until } }
    answerSeizureRatio { value partial } topCallers { partial } peakConcurrency { partial }
    groups { keys { value } offered answerSeizureRatio { partial } }"""


def test_the_deadline_gives_what_was_read_and_says_how_far_that_is() -> None:
    async def work() -> None:
        slow = {"vendor": "portsip", "options": {"page_size": 20}}
        async with product(slow, "yeastar", calls=MANY) as api:
            api.worlds["portsip"].fault("hang", path="/cdrs", seconds=200, skip=4)
            answered = await ask(api, FIGURES, ", groupBy: [SOURCE]", **SPAN)
            stats = answered.data["stats"]
            outcomes = {o["source"]["id"]: o for o in stats["outcomes"]}
            slowly = outcomes["portsip"]
            assert slowly["state"] == "BUDGET"
            assert 60 <= slowly["records"] < 300
            assert outcomes["yeastar"]["records"] == 300
            assert not stats["complete"]
            # What is counted is exactly what began before the end of what is covered.
            end = slowly["covered"]["until"]
            truth = [c for c in MANY if c.started_at.isoformat()[:19] < end[:19]]
            assert slowly["records"] == len(truth)
            assert slowly["missing"] == [{"since": end, "until": "2026-03-04T15:30:00Z"}]
            assert stats["comparableWindow"]["until"] == end
            assert stats["answerSeizureRatio"]["partial"]
            assert stats["topCallers"]["partial"]
            assert stats["peakConcurrency"]["partial"]
            partial = {
                g["keys"][0]["value"]: g["answerSeizureRatio"]["partial"] for g in stats["groups"]
            }
            assert partial == {"portsip": True, "yeastar": False}

    run(work)


def test_what_can_be_compared_ends_before_a_hole() -> None:
    """Five calls of one second are more than this system ever tells at once."""
    hours = (5, 4, 4, 4, 4, 4, 2)
    calls = [
        call(number, NOW - timedelta(hours=before), "inbound", ROSA, ANNA, ring=5, talk=10)
        for number, before in enumerate(hours, 1)
    ]

    async def work() -> None:
        async with product("yeastar", "voicenter", calls=calls, switches={"voicenter": {"cap": 3}},
                           ) as api:  # fmt: skip
            stats = (await ask(api, FIGURES, ", groupBy: [SOURCE]", **SPAN)).data["stats"]
            holed = {o["source"]["id"]: o for o in stats["outcomes"]}["voicenter"]
            assert holed["state"] == "TRUNCATED"
            assert holed["records"] == 2
            assert not stats["complete"]
            assert stats["answerSeizureRatio"]["partial"]
            first = min(hole["since"] for hole in holed["missing"])
            assert stats["comparableWindow"] == {
                "since": SPAN["since"].replace("+00:00", "Z"), "until": first,
            }  # fmt: skip
            assert first <= "2026-03-04T11:30:00Z" < holed["covered"]["until"]

    run(work)


def test_a_source_that_is_down_leaves_the_others_and_is_missed() -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", calls=CALLS) as api:
            api.worlds["portsip"].fault("status", status=500, times=-1)
            stats = (await ask(api, FIGURES)).data["stats"]
            assert stats["offered"] == 10
            assert not stats["complete"]
            assert stats["comparableWindow"] is None
            states = {o["source"]["id"]: (o["state"], o["covered"]) for o in stats["outcomes"]}
            assert states["portsip"] == ("UNAVAILABLE", None)
            failed = await ask(api, "offered", ", options: {onPartial: FAIL}")
            assert failed.errors[0]["extensions"]["code"] == "PARTIAL"

    run(work)


def test_nobody_who_answers_is_an_error_with_every_outcome() -> None:
    async def work() -> None:
        async with product("yeastar", calls=CALLS) as api:
            api.worlds["yeastar"].fault("status", status=500, times=-1)
            gone = await ask(api, "offered")
            assert gone.errors[0]["extensions"]["code"] == "UNAVAILABLE"
            assert gone.data == {"stats": None}

    run(work)


def test_a_source_that_lacks_what_the_filter_needs_is_told_and_not_asked() -> None:
    async def work() -> None:
        async with product("voipnow", "yeastar", calls=CALLS) as api:
            answered = await ask(api, FIGURES, **WINDOW, queue=["Sales"])
            stats = answered.data["stats"]
            states = {o["source"]["id"]: o["state"] for o in stats["outcomes"]}
            assert states == {"voipnow": "UNSUPPORTED", "yeastar": "OK"}
            assert stats["offered"] == 2
            assert not stats["complete"]
            assert api.requests("voipnow") == 0

    run(work)


def test_the_future_is_not_covered_and_does_not_thin_the_traffic() -> None:
    async def work() -> None:
        async with product("yeastar", calls=CALLS) as api:
            answered = await ask(
                api,
                "traffic { denominator } outcomes { covered { until } }",
                since="2026-03-04T00:00:00Z",
                until="2026-03-10T00:00:00Z",
            )
            stats = answered.data["stats"]
            assert stats["traffic"]["denominator"] == 15.5 * 3600
            assert stats["outcomes"][0]["covered"]["until"] == "2026-03-04T15:30:00Z"

    run(work)


def test_a_dry_run_plans_and_asks_nobody() -> None:
    async def work() -> None:
        async with product("yeastar", "portsip", calls=CALLS) as api:
            answered = await ask(
                api, "offered complete native { type } groups { offered }",
                ", groupBy: [DAY], options: {dryRun: true}",
            )  # fmt: skip
            assert answered.data["stats"] == {
                "offered": 0, "complete": False, "native": [], "groups": [],
            }  # fmt: skip
            assert [s["source"] for s in answered.extensions["plan"][0]["sources"]] == [
                "yeastar", "portsip",
            ]  # fmt: skip
            assert api.requests("yeastar") == api.requests("portsip") == 0

    run(work)


def test_rows_that_are_not_as_documented_are_left_out_and_counted() -> None:
    async def work() -> None:
        given = {"yeastar": [{"id": 1, "timestamp": "soon", "uid": "x"}]}
        async with product("yeastar", given=given) as api:
            answered = await ask(api, "complete offered outcomes { skippedRecords }")
            stats = answered.data["stats"]
            assert stats["offered"] == 0
            assert stats["outcomes"] == [{"skippedRecords": 1}]
            assert not stats["complete"]

    run(work)
