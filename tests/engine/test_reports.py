"""Reports of this server: what they hold equals lists and statistics, in every kind of file."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engine.asking import content, create, created, look, made, step
from tests.reports.asking import DESTROY, DESTROY_COMPLETED, UPDATE
from tests.support import Api, product, run

ALL = ("portsip", "yeastar", "voipnow", "vcclive", "voicenter")
WEEK = 'since: "2026-02-25T00:00:00Z", until: "2026-03-04T00:00:00Z"'
"""the seven days before the day of the tests, in UTC"""


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def test_a_report_holds_the_calls_of_the_merged_list_and_its_totals_are_those_of_the_statistics(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with product(*ALL, reports={"folder": str(tmp_path)}) as api:
            done, data = await made(api)
            rows = table(data)
            listed = await api.pages(
                "source { id } startedAt talkSeconds", f"filter: {{{WEEK}}}, orderBy: OLDEST_FIRST"
            )
            assert [(row["source"], row["talk_seconds"]) for row in rows] == [
                (call["source"]["id"], _text(call["talkSeconds"])) for call in listed
            ]
            stats = (await api.good(f"{{ stats(filter: {{{WEEK}}}) {{ offered talkSeconds }} }}"))[
                "stats"
            ]
            assert len(rows) == stats["offered"] == done["entriesRead"] > 100
            assert sum(int(row["talk_seconds"] or 0) for row in rows) == stats["talkSeconds"]
            assert {row["report_complete"] for row in rows} == {"true"}
            assert done["complete"]
            assert {o["source"]["id"]: o["state"] for o in done["outcomes"]} == dict.fromkeys(
                ALL, "OK"
            )

    run(work)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def test_all_kinds_of_files_tell_the_same_rows_and_pandas_and_duckdb_open_them(
    tmp_path: Path,
) -> None:
    duckdb = pytest.importorskip("duckdb")
    pandas = pytest.importorskip("pandas")

    async def work() -> dict[str, bytes]:
        async with product("portsip", "yeastar", reports={"folder": str(tmp_path / "own")}) as api:
            kinds = ("CSV", "JSON_LINES", "HTML")
            return {kind: (await made(api, name=kind, format=kind))[1] for kind in kinds}

    files = run(work)
    names = {"CSV": "calls.csv", "JSON_LINES": "calls.jsonl"}
    for kind, name in names.items():
        (tmp_path / name).write_bytes(files[kind])
    rows = table(files["CSV"])
    lines = [json.loads(line) for line in files["JSON_LINES"].splitlines()]
    assert [line["started_at"] for line in lines] == [row["started_at"] for row in rows]
    assert files["HTML"].count(b"<tr><td>2026") == len(rows) + 7  # the days of the overview
    own = pandas.read_csv(tmp_path / "calls.csv")
    assert len(own) == len(rows)
    assert bool(own["report_complete"].all())
    assert own["talk_seconds"].sum() == sum(line["talk_seconds"] or 0 for line in lines)
    for name in names.values():
        found = duckdb.sql(
            f"SELECT count(*), sum(talk_seconds), bool_and(report_complete) "
            f"FROM '{tmp_path / name}'"
        ).fetchall()
        assert found == [(len(rows), own["talk_seconds"].sum(), True)]


@pytest.mark.parametrize(
    ("kind", "filter", "figures"),
    [
        ("QUEUE_PERFORMANCE", {"queue": {"queues": []}}, ("offered", "answered", "abandoned")),
        ("QUEUE_DETAILED_STATISTICS", {"queue": {"queues": ["6400"]}}, ("offered", "busy")),
        ("QUEUE_SLA_STATISTICS", {"queue": {"queues": []}}, ("offered", "answered")),
        ("TEAM_QUEUE_GENERAL_STATISTICS", {"queue": {"queues": ["6400", "6401"]}}, ("offered",)),
    ],
)
def test_reports_of_figures_add_up_to_the_statistics(
    tmp_path: Path, kind: str, filter: Any, figures: tuple[str, ...]
) -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", reports={"folder": str(tmp_path)}) as api:
            _, data = await made(api, type=kind, filter=filter)
            rows = table(data)
            queues = filter["queue"]["queues"]
            meant = f"{WEEK}, queue: {json.dumps(queues)}" if queues else WEEK
            groups = (
                await api.good(
                    f"{{ stats(filter: {{{meant}}}, groupBy: [QUEUE]) "
                    f"{{ groups {{ keys {{ value }} {' '.join(figures)} }} }} }}"
                )
            )["stats"]["groups"]
            for figure in figures:
                told = sum(g[figure] or 0 for g in groups if g["keys"][0]["value"] is not None)
                assert sum(int(row[figure] or 0) for row in rows) == told, figure
            assert rows

    run(work)


def test_abandoned_calls_are_those_of_queues_and_breaches_those_that_waited_too_long(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with product("vcclive", "voicenter", reports={"folder": str(tmp_path)}) as api:
            everything: Any = {"queue": {"queues": []}}
            _, data = await made(api, type="QUEUE_ABANDONED_CALLS", filter=everything)
            rows = table(data)
            calls = await api.pages("disposition queue totalSeconds", f"filter: {{{WEEK}}}")
            meant = [c for c in calls if c["disposition"] == "ABANDONED" and c["queue"]]
            assert len(rows) == len(meant) > 0
            limit = {"queue": {"queues": [], "answerWithinSeconds": 30}}
            _, data = await made(api, type="QUEUE_BREACHES_SLA_STATISTICS", filter=limit)
            for row in table(data):
                waited = row["total_seconds"] if row["disposition"] == "ABANDONED" else "31"
                assert row["queue"]
                assert int(waited) > 30

    run(work)


def test_a_type_that_no_source_supports_is_refused_with_the_reason(tmp_path: Path) -> None:
    async def work() -> None:
        async with product("voipnow", "portsip", reports={"folder": str(tmp_path)}) as api:
            queues: Any = {"queue": {"queues": []}}
            one = await create(api, type="QUEUE_PERFORMANCE", filter=queues, sources=["voipnow"])
            assert one["userErrors"][0]["field"] == "sources[0]"
            assert one["userErrors"][0]["code"] == "UNSUPPORTED"
            assert "queues" in one["userErrors"][0]["message"]
            never = await create(api, type="QUEUE_CALLBACKS", filter=queues)
            assert [(e["field"], e["code"]) for e in never["userErrors"]] == [
                ("type", "UNSUPPORTED")
            ]
            told = await api.good("{ gatewayReports { types { type supported reason sources } } }")
            types = {one["type"]: one for one in told["gatewayReports"]["types"]}
            assert types["NORMAL"]["sources"] == ["voipnow", "portsip"]
            assert types["QUEUE_PERFORMANCE"]["sources"] == ["portsip"]
            assert not types["RING_GROUP_STATISTICS"]["supported"]
            assert len(types) == 11
            assert all(one["supported"] or one["reason"] for one in types.values())

    run(work)


BAD: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"timeZone": "Mars/Olympus"}, [("timeZone", "INVALID_TIME_ZONE")]),
    ({"email": "boss@example.com"}, [("email", "UNSUPPORTED")]),
    ({"sources": []}, [("sources", "VALUE_REQUIRED")]),
    ({"sources": ["portsip", "nobody"]}, [("sources[1]", "NOT_FOUND")]),
    ({"source": "portsip", "sources": ["portsip"]}, [("source", "VALUE_NOT_ALLOWED")]),
    ({"cronExpression": "61 * * * *"}, [("cronExpression", "INVALID_CRON")]),
    (
        {"deliver": [{"webhook": {"url": "https://x.example"}}], "timeZone": "no"},
        [("timeZone", "INVALID_TIME_ZONE"), ("deliver[0].webhook.url", "UNSUPPORTED")],
    ),
    (
        {
            "type": "EXTENSION_GROUP_CALL_COST",
            "filter": {
                "extensionGroupCallCost": {"callKind": "MOBILE", "groups": ["Sales", "1-5000"]}
            },
        },
        [
            ("filter.extensionGroupCallCost.callKind", "UNSUPPORTED"),
            ("filter.extensionGroupCallCost.groups[0]", "INVALID_EXTENSION_RANGE"),
            ("filter.extensionGroupCallCost.groups[1]", "OUT_OF_RANGE"),
        ],
    ),
    (
        {"type": "TEAM_QUEUE_GENERAL_STATISTICS", "filter": {"queue": {"queues": []}}},
        [("filter.queue.queues", "VALUE_REQUIRED")],
    ),
    ({"engine": "VENDOR"}, [("source", "VALUE_REQUIRED"), ("email", "BLANK")]),
    (
        {"engine": "VENDOR", "source": "portsip", "email": "a@b.example", "sources": ["portsip"]},
        [("sources", "VALUE_NOT_ALLOWED")],
    ),
]


@pytest.mark.parametrize(("changes", "errors"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_what_is_wrong_is_told_all_at_once(
    tmp_path: Path, changes: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    async def work() -> None:
        async with product("portsip", count=1, reports={"folder": str(tmp_path)}) as api:
            told = await create(api, **changes)
            assert told["outcome"] == "REFUSED"
            assert [(e["field"], e["code"]) for e in told["userErrors"]] == errors
            assert await step(api) == 0

    run(work)


def test_without_a_table_of_reports_there_are_none_and_it_says_why() -> None:
    async def work() -> None:
        async with product("yeastar", count=1) as api:
            told = await create(api)
            assert [(e["field"], e["code"]) for e in told["userErrors"]] == [
                ("engine", "UNSUPPORTED")
            ]
            about = (await api.good("{ gatewayReports { available reason } }"))["gatewayReports"]
            assert about["available"] is False
            assert "[reports]" in about["reason"]

    run(work)


_LOADED = """
import sys
from graph import cli, config
from graph.server.app import Graph
Graph(config.settings({"sources": []}, environment={}))
print(*sorted({"sqlalchemy", "alembic", "smtplib"} & set(sys.modules)))
"""


def test_who_keeps_no_reports_does_not_wait_for_the_libraries_of_a_database() -> None:
    told = subprocess.run(
        [sys.executable, "-c", _LOADED], capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stdout.split() == []


def test_reports_of_both_engines_stand_in_one_list_and_are_changed_and_destroyed_alike(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", count=5, reports={"folder": str(tmp_path)}) as api:
            own = await created(api, name="Ours", cronExpression="0 7 * * *")
            theirs = await created(
                api, engine="VENDOR", source="portsip", email="a@b.example", name="Theirs"
            )
            assert await _names(api) == [("Ours", "GATEWAY"), ("Theirs", "VENDOR")]
            changed = await api.good(UPDATE, input={"id": own, "name": "Zz", "format": "HTML"})
            assert changed["made"]["outcome"] == "DONE"
            assert await _names(api) == [("Theirs", "VENDOR"), ("Zz", "GATEWAY")]
            assert (await look(api, own))["id"] == own
            assert (await api.good("query ($id: ID!) { node(id: $id) { id } }", id=own))["node"]
            for id in (own, theirs):
                destroyed = await api.good(DESTROY, input={"id": id})
                assert destroyed["made"]["destroyedId"] == id
            again = await api.good(DESTROY, input={"id": own})
            assert [e["code"] for e in again["made"]["userErrors"]] == ["NOT_FOUND"]
            assert await _names(api) == []

    run(work)


async def _names(api: Api) -> list[tuple[str, str]]:
    listed = await api.good("{ callReports { nodes { name engine sources { id } } } }")
    return [(node["name"], node["engine"]) for node in listed["callReports"]["nodes"]]


def test_a_file_outlives_its_report_and_is_destroyed_by_itself(tmp_path: Path) -> None:
    async def work() -> None:
        async with product("portsip", reports={"folder": str(tmp_path)}) as api:
            id = await created(api)
            await step(api)
            await api.good(DESTROY, input={"id": id})
            listed = await api.good(
                "{ completedCallReports { nodes { id name complete engine run { state } } } }"
            )
            (file,) = listed["completedCallReports"]["nodes"]
            assert file["run"] == {"state": "DONE"}
            assert file["engine"] == "GATEWAY"
            assert await content(api, file["id"])
            gone = await api.good(DESTROY_COMPLETED, input={"id": file["id"]})
            assert gone["made"]["destroyedId"] == file["id"]

    run(work)
    assert list((tmp_path / "files").iterdir()) == []


def test_the_same_idempotency_key_creates_once_also_for_another_process(tmp_path: Path) -> None:
    async def work() -> None:
        ids = []
        for _ in range(2):  # another process, as far as its memory goes
            async with product("portsip", count=1, reports={"folder": str(tmp_path)}) as api:
                told = await create(api, cronExpression="0 7 * * *", idempotencyKey="k")
                ids.append(told["callReport"]["id"])
                assert told["idempotency"]["store"] == "DATABASE"
        assert told["idempotency"]["repeated"]
        assert ids[0] == ids[1]
        async with product("portsip", count=1, reports={"folder": str(tmp_path)}) as api:
            assert len(await _names(api)) == 1
            other = await create(api, name="Other", idempotencyKey="k")
            assert [e["code"] for e in other["userErrors"]] == ["IDEMPOTENCY_CONFLICT"]

    run(work)


def test_a_report_that_misses_a_source_says_so_and_is_made_again_when_it_is_back(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", reports={"folder": str(tmp_path)}) as api:
            api.worlds["yeastar"].fault("status", status=500, times=10_000)
            id = await created(api, rerunIncomplete=True)
            assert await step(api) == 1
            first = (await look(api, id))["runs"][0]
            assert first["complete"] is False
            assert first["file"]["complete"] is False
            assert ".incomplete." in first["file"]["fileName"]
            states = {o["source"]["id"]: o["state"] for o in first["outcomes"]}
            assert states["portsip"] == "OK"
            assert states["yeastar"] != "OK"
            rows = table(await content(api, first["file"]["id"]))
            assert {row["report_complete"] for row in rows} == {"false"}
            assert {row["source"] for row in rows} == {"portsip"}
            api.worlds["yeastar"].faults.clear()
            assert await step(api) == 0
            api.clock.advance(700)
            assert await step(api) == 1
            (again,) = (await look(api, id))["runs"]
            assert again["complete"] is True
            assert again["file"]["id"] == first["file"]["id"]
            rows = table(await content(api, again["file"]["id"]))
            assert {row["source"] for row in rows} == {"portsip", "yeastar"}

    run(work)


def test_only_a_small_question_is_asked_until_the_missing_source_is_back(tmp_path: Path) -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", reports={"folder": str(tmp_path)}) as api:
            api.worlds["yeastar"].fault("status", status=500, times=0)
            id = await created(api, rerunIncomplete=True)
            await step(api)
            (before,) = (await look(api, id))["runs"]
            asked = api.requests("portsip", "/api/cdrs")
            for _ in range(20):
                api.clock.advance(600)
                await step(api)
            (after,) = (await look(api, id))["runs"]
            assert after["reason"] == "it waits for yeastar"
            same = ("state", "entriesRead", "shareDone", "complete", "outcomes", "window")
            assert {n: after[n] for n in same} == {n: before[n] for n in same}
            assert after["file"]["fileSizeBytes"] == before["file"]["fileSizeBytes"]
            assert api.requests("portsip", "/api/cdrs") == asked
            api.worlds["yeastar"].faults.clear()
            api.clock.advance(600)
            await step(api)
            (whole,) = (await look(api, id))["runs"]
            assert (whole["state"], whole["complete"], whole["reason"]) == ("DONE", True, None)

    run(work)


def test_after_three_days_without_the_missing_source_a_run_is_left_as_it_is(tmp_path: Path) -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", reports={"folder": str(tmp_path)}) as api:
            api.worlds["yeastar"].fault("status", status=500, times=0)
            id = await created(api, rerunIncomplete=True)
            await step(api)
            api.clock.advance(3 * 86_400)
            assert await step(api) == 1
            (left,) = (await look(api, id))["runs"]
            assert (left["state"], left["complete"]) == ("DONE", False)
            assert left["file"] is not None
            api.clock.advance(3600)
            assert await step(api) == 0

    run(work)


def test_a_run_that_nobody_could_answer_is_aborted_and_leaves_no_file(tmp_path: Path) -> None:
    async def work() -> None:
        async with product("portsip", reports={"folder": str(tmp_path)}) as api:
            api.worlds["portsip"].fault("status", status=500, times=10_000)
            id = await created(api)
            await step(api)
            report = await look(api, id)
            assert report["status"] == "ABORTED"
            (aborted,) = report["runs"]
            assert aborted["state"] == "ABORTED"
            assert "no source could answer" in aborted["reason"]
            assert aborted["file"] is None

    run(work)
    assert list((tmp_path / "files").iterdir()) == []
    assert list(tmp_path.glob("spool-*")) == []
