"""Bodies of the vendor's documents, out and back: every type, range and format, both directions."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.sources import vendor
from graph.sources.contract import CreateReport, ReportDraft, RowKey, Site
from graph.sources.portsip.report_mapping import read_filter, write_filter
from graph.types.report import NormalReportFilter, ReportDuration, ReportParty
from graph.types.report_words import (
    CallReportType,
    ReportAnswerState,
    ReportDurationKind,
    ReportPartyKind,
    takes_value,
)
from tests.reports.asking import DETAIL, created, posts
from tests.support import product, run

ANY_CALLS = {"from": "ANY", "to": "ANY", "answer_state": "ANY", "duration": "ANY"}
NORMAL = {
    "from": "EXTENSION_OR_EXTENSION_RANGE", "from_value": "101-110",
    "to": "NUMBERS_START_WITH", "to_value": "+4930",
    "answer_state": "ANSWERED",
    "duration": "TALK_DURATION", "duration_from": 0, "duration_to": 60,
}  # fmt: skip
QUEUES = {
    "enable_exclude_calls_dropped_before_seconds": True,
    "exclude_calls_dropped_before_seconds": 0,
    "call_queues": ["6400", "6401"],
}
ASKED_NORMAL = {
    "normal": {
        "caller": {"kind": "EXTENSION_OR_EXTENSION_RANGE", "value": "101-110"},
        "callee": {"kind": "NUMBERS_START_WITH", "value": "+4930"},
        "answerState": "ANSWERED",
        "duration": {"kind": "TALK_DURATION", "minSeconds": 0, "maxSeconds": 60},
    }
}
ASKED_QUEUES = {"queue": {"queues": ["6400", "6401"], "excludeDroppedBeforeSeconds": 0}}
QUEUE_TYPES = (
    "QUEUE_PERFORMANCE", "QUEUE_DETAILED_STATISTICS", "QUEUE_ABANDONED_CALLS",
    "QUEUE_SLA_STATISTICS", "QUEUE_BREACHES_SLA_STATISTICS", "QUEUE_CALLBACKS",
    "TEAM_QUEUE_GENERAL_STATISTICS",
)  # fmt: skip
FILTERS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "NORMAL": (
        ASKED_NORMAL,
        NORMAL,
        {"__typename": "NormalReportFilter", **ASKED_NORMAL["normal"]},
    ),
    "EXTENSION_GROUP_CALL_COST": (
        {"extensionGroupCallCost": {"callKind": "MOBILE", "groups": ["Sales", "Support"]}},
        {"type": "MOBILE", "groups": ["Sales", "Support"]},
        {
            "__typename": "ExtensionGroupCallCostReportFilter",
            "callKind": "MOBILE",
            "groups": ["Sales", "Support"],
        },
    ),
    "QUEUE_FAILED_CALLBACKS": (
        {"queueFailedCallbacks": {"queues": ["6402"]}},
        {"call_queues": ["6402"]},
        {"__typename": "QueueFailedCallbacksReportFilter", "queues": ["6402"]},
    ),
    "RING_GROUP_STATISTICS": (
        {"ringGroup": {"ringGroups": ["6300"]}},
        {"ring_groups": ["6300"]},
        {"__typename": "RingGroupReportFilter", "ringGroups": ["6300"]},
    ),
    **{
        name: (ASKED_QUEUES, QUEUES, {"__typename": "QueueReportFilter", **ASKED_QUEUES["queue"]})
        for name in QUEUE_TYPES
    },
}
PRESETS = (
    "TODAY", "YESTERDAY", "LAST_WEEK", "LAST_SEVEN_DAYS", "LAST_MONTH", "LAST_THIRTY_DAYS",
)  # fmt: skip


def test_the_table_has_all_eleven_types() -> None:
    assert set(FILTERS) == {one.name for one in CallReportType} - {"UNKNOWN"}
    assert len(FILTERS) == 11


def test_every_type_goes_out_as_documented_and_comes_back_as_it_was_meant() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            for name, (asked, wire, told) in FILTERS.items():
                id = await created(api, type=name, filter=asked)
                assert posts(api)[-1] == {
                    "name": "Weekly",
                    "type": name,
                    "email": "boss@example.com",
                    "format": "CSV",
                    "range": "LAST_THIRTY_DAYS",
                    "filter": wire,
                }
                back = await api.good(f'{{ callReport(id: "{id}") {{ {DETAIL} }} }}')
                assert back["callReport"]["type"] == name
                assert back["callReport"]["filter"] == told

    run(work)


def test_every_range_and_format_goes_out_and_comes_back() -> None:
    window = {"since": "2026-02-01T00:00:00+01:00", "until": "2026-03-01T00:00:00+01:00"}
    utc = {"since": "2026-01-31T23:00:00Z", "until": "2026-02-28T23:00:00Z"}

    async def work() -> None:
        async with product("portsip", count=5) as api:
            for format in ("CSV", "HTML"):
                for preset in PRESETS:
                    id = await created(api, format=format, range={"preset": preset})
                    sent = posts(api)[-1]
                    assert (sent["format"], sent["range"]) == (format, preset)
                    assert "started_at" not in sent
                    back = await api.good(f'{{ callReport(id: "{id}") {{ {DETAIL} }} }}')
                    assert back["callReport"]["format"] == format
                    assert back["callReport"]["range"] == {"preset": preset, "window": None}
            id = await created(api, range={"window": window})
            sent = posts(api)[-1]
            assert sent["range"] == "CUSTOM"
            assert (sent["started_at"], sent["ended_at"]) == (utc["since"], utc["until"])
            back = (await api.good(f'{{ callReport(id: "{id}") {{ {DETAIL} }} }}'))["callReport"]
            assert back["range"] == {"preset": "CUSTOM", "window": utc}

    run(work)


SEED = b"""{
  "id": "NzAwNTUxOTA5NzczMTQ4MTYw", "name": "text", "type": "NORMAL",
  "email": "text@example.com", "format": "CSV", "range": "TODAY",
  "started_at": "2017-07-21T17:32:28Z", "ended_at": "2017-07-21T17:32:28Z", "cron_expr": "text",
  "filter": {"from": "ANY", "from_value": "text", "to": "ANY", "to_value": "text",
             "answer_state": "ANY", "duration": "ANY", "duration_from": 1, "duration_to": 1},
  "status": "RUNNING"
}"""


def test_the_documented_body_is_read_with_its_meaning() -> None:
    sent = msgspec.json.decode(SEED, type=dict[str, msgspec.Raw])
    read = read_filter("NORMAL", sent["filter"])
    # A value that its kind does not take means nothing, and is not told.
    assert isinstance(read, NormalReportFilter)
    assert write_filter(read) == ANY_CALLS


@pytest.mark.parametrize(
    ("type", "raw"),
    [
        # the leftover among the twelve alternatives, which fits none of the eleven types
        ("NORMAL", b'{"extension":"ANY","extension_value":"101","type":"INTERNAL"}'),
        ("NORMAL", b'{"from":"EVERYBODY_BUT","from_value":"101"}'),
        ("QUEUE_CALLBACKS", b'{"call_queues":"6400"}'),
        ("TEA_CONSUMPTION", b'{"cups":3}'),
    ],
)
def test_a_filter_of_an_unknown_shape_is_told_as_it_is(type: str, raw: bytes) -> None:
    read = read_filter(type, msgspec.Raw(raw))
    assert read is not None
    assert write_filter(read) == msgspec.json.decode(raw)
    assert type == "NORMAL" or read.__class__.__name__ == "UnknownReportFilter"


def parties() -> st.SearchStrategy[ReportParty]:
    return st.sampled_from(list(ReportPartyKind)).flatmap(
        lambda kind: st.builds(
            ReportParty,
            kind=st.just(kind),
            value=st.integers(0, 10**9).map(str) if takes_value(kind) else st.none(),
        )
    )


def durations() -> st.SearchStrategy[ReportDuration]:
    bound = st.none() | st.integers(0, 2**31 - 1)
    return st.builds(
        ReportDuration,
        kind=st.just(ReportDurationKind.TALK_DURATION),
        min_seconds=bound,
        max_seconds=bound,
    ) | st.just(ReportDuration(kind=ReportDurationKind.ANY, min_seconds=None, max_seconds=None))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parties(), parties(), st.sampled_from(list(ReportAnswerState)), durations())
def test_reading_is_the_inverse_of_writing(
    caller: ReportParty, callee: ReportParty, state: ReportAnswerState, length: ReportDuration
) -> None:
    meant = NormalReportFilter(caller=caller, callee=callee, answer_state=state, duration=length)
    raw = msgspec.Raw(msgspec.json.encode(write_filter(meant)))
    assert read_filter("NORMAL", raw) == meant


def test_what_is_asked_for_by_any_id_stays_on_its_path() -> None:
    engine = vendor("portsip").reports
    assert engine is not None
    assert engine.definitions.locate is not None
    site: Any = Site("x", None, None, None)  # type: ignore[arg-type]
    (request,) = engine.definitions.locate(site, RowKey("../cdrs?x=1"))
    assert request.path == "/api/call_reports/..%2Fcdrs%3Fx%3D1"
    written = engine.write(site, CreateReport(ReportDraft(name="x")))
    assert written.body == b'{"name":"x"}'


def test_blanks_of_every_style_are_absent() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            await created(api)
            data = await api.good("{ callReports { nodes { cronExpression nextRuns { at } } } }")
            assert data["callReports"]["nodes"] == [{"cronExpression": None, "nextRuns": []}]

    run(work)


def test_a_type_nobody_knows_is_unknown_and_its_word_is_kept() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            await created(api)
            api.worlds["portsip"].fault("unknown", path="/api/call_reports")
            data = await api.good("{ callReports { nodes { type nativeType } } }")
            assert data["callReports"]["nodes"] == [
                {"type": "UNKNOWN", "nativeType": "TEA_CONSUMPTION"}
            ]

    run(work)
