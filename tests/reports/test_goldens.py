"""Bodies of the vendor's documents, out and back: every type, range and format, both directions."""

from __future__ import annotations

from itertools import product as product_of
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph import config
from graph.server.app import Graph
from graph.sources import vendor
from graph.sources.contract import Reply, RowKey, Site
from graph.sources.portsip import report_mapping
from graph.sources.portsip.report_mapping import read_filter, write_filter
from graph.sources.writes import CreateReport, ReportDraft
from graph.transport.http import HttpxTransport
from graph.types.report import (
    NormalReportFilter,
    ReportDuration,
    ReportParty,
    UnknownReportFilter,
)
from graph.types.report_words import (
    CallReportPreset,
    CallReportType,
    ReportAnswerState,
    ReportDurationKind,
    ReportPartyKind,
    takes_value,
)
from tests.reports.asking import DETAIL, FILTER, UPDATE, create, created, posts
from tests.support import product, run

SAMPLES = Path(report_mapping.__file__).parent / "samples"
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


WINDOW = {"since": "2026-02-01T00:00:00+01:00", "until": "2026-03-01T00:00:00+01:00"}
UTC_WINDOW = {"since": "2026-01-31T23:00:00Z", "until": "2026-02-28T23:00:00Z"}
RANGES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    **{
        name: ({"preset": name}, {"range": name}, {"preset": name, "window": None})
        for name in PRESETS
    },
    "CUSTOM": (
        {"window": WINDOW},
        {
            "range": "CUSTOM",
            "started_at": UTC_WINDOW["since"],
            "ended_at": UTC_WINDOW["until"],
        },
        {"preset": "CUSTOM", "window": UTC_WINDOW},
    ),
}


def test_the_table_has_all_seven_ranges() -> None:
    assert set(RANGES) == {one.name for one in CallReportPreset} - {"UNKNOWN"}
    assert len(RANGES) == 7


@pytest.mark.parametrize("format", ["CSV", "HTML"])
def test_every_type_and_range_goes_out_as_documented_and_comes_back_as_it_was_meant(
    format: str,
) -> None:
    async def work() -> None:
        source = {"vendor": "portsip", "requests_per_second": 10_000}
        async with product(source, count=5) as api:
            for (name, (asked, wire, told)), (ask, span, window) in product_of(
                FILTERS.items(), RANGES.values()
            ):
                given = {"type": name, "format": format, "filter": asked, "range": ask}
                id = await created(api, **given)
                assert posts(api)[-1] == {
                    "name": "Weekly",
                    "type": name,
                    "email": "boss@example.com",
                    "format": format,
                    "filter": wire,
                    **span,
                }
                back = await api.good(f'{{ callReport(id: "{id}") {{ {DETAIL} }} }}')
                assert back["callReport"] == {
                    "id": id,
                    "name": "Weekly",
                    "type": name,
                    "email": "boss@example.com",
                    "format": format,
                    "cronExpression": None,
                    "status": "RUNNING",
                    "filter": told,
                    "range": window,
                }

    run(work)


def test_a_change_of_everything_goes_out_as_documented_and_comes_back_as_it_was_meant() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            for name, (asked, wire, told) in FILTERS.items():
                id = await created(api, type=name, filter=asked)
                for ask, span, window in RANGES.values():
                    changes = {"name": "Costs", "email": "a@example.org", "format": "HTML"}
                    given = {**changes, "cronExpression": "0 7 * * MON", "range": ask}
                    made = await api.good(UPDATE, input={"id": id, **given, "filter": asked})
                    assert made["made"]["outcome"] == "DONE"
                    cron = {"cron_expr": "0 7 * * MON"}
                    assert posts(api)[-1] == {**changes, **cron, "filter": wire, **span}
                    back = await api.good(f'{{ callReport(id: "{id}") {{ {DETAIL} }} }}')
                    assert back["callReport"] == {
                        "id": id, "type": name, "status": "SCHEDULED", **changes,
                        "cronExpression": "0 7 * * MON", "filter": told, "range": window,
                    }  # fmt: skip

    run(work)


# ---------------------------------------------------------------- the documents' own bodies


def sample(name: str) -> Any:
    return msgspec.json.decode((SAMPLES / name).read_bytes())


MEANT = {"from", "to", "answer_state", "duration"}
"""what of the documents' filter says something: their values go with kinds that take none"""
IDLE = {"started_at", "ended_at"}
"""only valid when the range is CUSTOM, say the documents, and theirs is TODAY"""


def documented(name: str, **changes: Any) -> dict[str, Any]:
    """A body of the documents without what means nothing, and with usable e-mail and cron"""
    body = {key: value for key, value in sample(name).items() if key not in IDLE}
    kept = {key: value for key, value in body["filter"].items() if key in MEANT}
    return {**body, "filter": kept, **changes}


def test_the_documents_bodies_go_out_as_they_are_meant() -> None:
    own = {"email": "text@example.com", "cron_expr": "0 7 * * *"}
    given = {
        "name": "text", "email": own["email"], "format": "CSV", "range": {"preset": "TODAY"},
        "cronExpression": own["cron_expr"], "filter": {"normal": {}},
    }  # fmt: skip

    async def work() -> None:
        async with product("portsip", count=5) as api:
            id = await created(api, type="NORMAL", **given)
            assert posts(api)[-1] == documented("call_report_create.json", **own)
            made = await api.good(UPDATE, input={"id": id, **given})
            assert made["made"]["outcome"] == "DONE"
            assert posts(api)[-1] == documented("call_report_update.json", **own)
            # What a value next to ANY means is nothing, so it is not taken either.
            lengthy = {"normal": {"duration": {"kind": "ANY", "minSeconds": 1, "maxSeconds": 1}}}
            made = await create(api, filter=lengthy)
            assert made["outcome"] == "REFUSED"

    run(work)


NATIVE = "NzAwNTUxOTA5NzczMTQ4MTYw"
TOLD = {
    "nativeId": NATIVE, "name": "text", "type": "NORMAL", "status": "RUNNING",
    "cronExpression": "text", "nextRuns": [],
}  # fmt: skip
LATE = {
    "email": "[email\u00a0protected]", "format": "CSV",
    "range": {"preset": "TODAY", "window": None},
    "filter": {
        "__typename": "NormalReportFilter",
        "caller": {"kind": "ANY", "value": None}, "callee": {"kind": "ANY", "value": None},
        "answerState": "ANY", "duration": {"kind": "ANY", "minSeconds": None, "maxSeconds": None},
    },
}  # fmt: skip
FILE = {
    "nativeId": NATIVE, "name": "text", "type": "NORMAL", "format": "CSV",
    "completedAt": "2017-07-21T17:32:28Z", "fileName": "text", "fileSizeBytes": 0,
}  # fmt: skip


class Documents:
    """A system that answers with the documents' own bodies, byte for byte"""

    def __init__(self) -> None:
        self.app = Starlette(routes=[Route("/api/{rest:path}", self.answer)])

    async def answer(self, request: Request) -> Response:
        kind, _, id = request.path_params["rest"].partition("/")
        name = kind if not id else kind.removesuffix("s")
        body = (SAMPLES / f"{name}.json").read_bytes()
        if request.query_params.get("skip", "0") != "0":
            # They print one row, and a count of 100.
            body = msgspec.json.encode({**msgspec.json.decode(body), "items": []})
        return Response(body, media_type="application/json")


def test_the_documents_bodies_come_back_with_their_meaning() -> None:
    query = f"""{{
      reports: callReports {{ complete nodes {{
        id nativeId name type status cronExpression nextRuns {{ at }} email format
        range {{ preset window {{ since until }} }} {FILTER} }} }}
      files: completedCallReports {{ nodes {{
        id nativeId name type format completedAt fileName fileSizeBytes fileUrl }} }}
    }}"""
    entry = {
        "id": "portsip", "vendor": "portsip", "base_url": "http://pbx.twin",
        "credentials": {"token": "t"},
    }  # fmt: skip

    async def work() -> None:
        carried = httpx.ASGITransport(app=Documents().app)
        graph = Graph(
            config.settings({"sources": [entry]}, environment={}),
            make_transport=lambda *_: HttpxTransport("http://pbx.twin", transport=carried),
        )
        data = (await graph.ask(query))["data"]
        await graph.close()
        (told,), (file,) = data["reports"]["nodes"], data["files"]["nodes"]
        assert told == {"id": told["id"], **TOLD, **LATE}
        assert file == {"id": file["id"], "fileUrl": f"/reports/{file['id']}/file", **FILE}
        # One row of a hundred is not all of them, and the answer does not say that it were.
        assert data["reports"]["complete"] is False

    run(work)


def test_what_the_documents_body_means_is_written_as_it_was_read() -> None:
    read = read_filter(
        "NORMAL", msgspec.Raw(msgspec.json.encode(sample("call_report.json")["filter"]))
    )
    assert isinstance(read, NormalReportFilter)
    assert write_filter(read) == documented("call_report.json")["filter"]


def test_the_id_of_the_documents_answer_is_the_new_reports() -> None:
    engine = vendor("portsip").reports
    assert engine is not None
    site: Any = Site("x", None, None, None)  # type: ignore[arg-type]
    reply = Reply(201, {}, (SAMPLES / "call_report_created.json").read_bytes())
    assert engine.read_written(site, reply, CreateReport(ReportDraft(name="x"))).row == NATIVE


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
    assert isinstance(read, UnknownReportFilter)
    assert read.raw == write_filter(read) == msgspec.json.decode(raw)


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
