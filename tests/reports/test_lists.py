"""Lists of reports: merged over sources, searched, filtered, ordered, paged; lookups; links."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.reports import reading
from tests.reports.asking import DETAIL, create, created, finished, posts
from tests.support import Api, product, run

TWO = ({"vendor": "portsip", "id": "hq"}, {"vendor": "portsip", "id": "yard"})
NAMES = ["Costs", "abandoned", "Weekly", "weekly", "Zebra", "Costs"]


async def fill(api: Api, *sources: str) -> None:
    for place, name in enumerate(NAMES):
        source = sources[place % len(sources)]
        made = await create(api, source=source, name=name)
        assert made["outcome"] == "DONE", made


async def walk(api: Api, arguments: str, *, first: int, root: str = "callReports") -> list[Any]:
    nodes: list[Any] = []
    cursor: str | None = None
    while True:
        place = f', after: "{cursor}"' if cursor else ""
        data = await api.good(
            f"{{ page: {root}(first: {first}{place}{arguments}) "
            "{ nodes { id name source { id } } pageInfo { hasNextPage endCursor } } }"
        )
        nodes += data["page"]["nodes"]
        if not data["page"]["pageInfo"]["hasNextPage"]:
            return nodes
        cursor = data["page"]["pageInfo"]["endCursor"]


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(first=st.integers(1, 7), order=st.sampled_from(["NAME", "NAME_DESCENDING", "STATUS"]))
def test_pages_of_any_size_joined_are_the_whole_list(first: int, order: str) -> None:
    async def work() -> None:
        async with product(*TWO, count=5) as api:
            await fill(api, "hq", "yard")
            arguments = f", orderBy: {order}"
            whole = await walk(api, arguments, first=100)
            assert len(whole) == len(NAMES)
            assert await walk(api, arguments, first=first) == whole
            if order != "STATUS":
                names = [node["name"].casefold() for node in whole]
                assert names == sorted(names, reverse=order == "NAME_DESCENDING")

    asyncio.run(work())


def test_an_empty_page_and_a_count() -> None:
    async def work() -> None:
        async with product(*TWO, "yeastar", count=5) as api:
            await fill(api, "hq", "yard")
            data = await api.good(
                "{ callReports(first: 0) { nodes { id } count { value relation } complete "
                "outcomes { source { id } state records } pageInfo { hasNextPage } } }"
            )
            page = data["callReports"]
            assert page["nodes"] == []
            assert page["count"] == {"value": 6, "relation": "EXACT"}
            assert page["complete"]
            assert {o["source"]["id"]: o["state"] for o in page["outcomes"]} == {
                "hq": "OK", "yard": "OK", "yeastar": "UNSUPPORTED",
            }  # fmt: skip
            assert page["pageInfo"]["hasNextPage"]

    run(work)


FILTERED = [
    ("name eq 'Costs'", ["Costs", "Costs"]),
    ("name eq 'Costs' or name eq 'Zebra'", ["Costs", "Costs", "Zebra"]),
    ("startswith(name,'W')", ["Weekly"]),
    ("contains(name,'eek') and not_there eq 'x'", None),
    ("contains(name,'eek') and (status eq 'RUNNING' or status eq 'ABORTED')", ["Weekly", "weekly"]),
    ("type ne 'NORMAL'", []),
    ("name eq 'O''Brien'", []),
    ("cron_expr eq ''", None),
    ("cronExpression eq ''", []),
    ("name eq Costs", None),
    ("name eq 'Costs' and", None),
    ("name like 'Costs'", None),
    ("(name eq 'Costs'", None),
    ("name eq 'Costs')", None),
    ("(" * 60 + "name eq 'x'" + ")" * 60, None),
    ("x" * 3000, None),
]


@pytest.mark.parametrize(("expression", "expected"), FILTERED, ids=[f[:30] for f, _ in FILTERED])
def test_a_filter_is_applied_or_refused(expression: str, expected: list[str] | None) -> None:
    query = "query ($f: String) { callReports(filter: $f) { nodes { name } count { value } } }"

    async def work() -> None:
        async with product(*TWO, count=5) as api:
            await fill(api, "hq", "yard")
            asked = api.requests("hq")
            answered = await api.ask(query, f=expression)
            if expected is None:
                said = answered.errors[0]["extensions"]
                assert said == {"code": "BAD_USER_INPUT", "argument": "filter"}
                assert api.requests("hq") == asked
            else:
                page = answered.data["callReports"]
                assert [node["name"] for node in page["nodes"]] == expected
                assert page["count"]["value"] == len(expected)

    run(work)


def test_finished_reports_are_ordered_and_filtered_by_time_and_size() -> None:
    async def work() -> None:
        async with product("portsip", count=60) as api:
            for name, preset in (("big", "LAST_THIRTY_DAYS"), ("small", "TODAY")):
                await create(api, name=name, range={"preset": preset})
                api.clock.advance(60)
            page = await api.good(
                "{ newest: completedCallReports { nodes { name } } "
                "size: completedCallReports(orderBy: SIZE_DESCENDING) { nodes { name } } "
                "late: completedCallReports(filter: \"completedAt gt '2026-03-04T15:30:30Z'\") "
                "{ nodes { name completedAt } } "
                "large: completedCallReports(filter: \"fileSizeBytes gt '1000'\") "
                "{ nodes { name } } }"
            )
            assert [n["name"] for n in page["newest"]["nodes"]] == ["small", "big"]
            assert [n["name"] for n in page["size"]["nodes"]] == ["big", "small"]
            assert page["late"]["nodes"] == [
                {"name": "small", "completedAt": "2026-03-04T15:31:05Z"}
            ]
            assert [n["name"] for n in page["large"]["nodes"]] == ["big"]

    run(work)


def test_search_is_the_vendors() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            await fill(api, "portsip")
            nodes = await walk(api, ', search: "costs or zebra"', first=10)
            assert [node["name"] for node in nodes] == ["Costs", "Costs", "Zebra"]
            queries = [one.query for one in api.worlds["portsip"].received]
            assert any("search=costs+or+zebra" in query for query in queries)

    run(work)


def test_a_cursor_of_another_question_is_refused() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            await fill(api, "portsip")
            data = await api.good("{ callReports(first: 2) { pageInfo { endCursor } } }")
            cursor = data["callReports"]["pageInfo"]["endCursor"]
            for arguments in (
                f'after: "{cursor}", orderBy: TYPE',
                f'after: "{cursor}x"',
                f'after: "{cursor}", search: "a"',
                "first: -1",
                "first: 100000",
                'sources: ["nowhere"]',
            ):
                answered = await api.ask(f"{{ callReports({arguments}) {{ nodes {{ id }} }} }}")
                assert answered.errors[0]["extensions"]["code"] == "BAD_USER_INPUT", arguments

    run(work)


def test_one_system_down_and_the_other_answers() -> None:
    query = "{ callReports%s { nodes { name } complete outcomes { source { id } state } count { relation } } }"  # noqa: E501

    async def work() -> None:
        async with product(*TWO, count=5) as api:
            await fill(api, "hq", "yard")
            api.worlds["yard"].fault("status", path="/call_reports", times=0)
            page = (await api.good(query % ""))["callReports"]
            assert len(page["nodes"]) == 3
            assert not page["complete"]
            assert page["count"]["relation"] == "AT_LEAST"
            states = {o["source"]["id"]: o["state"] for o in page["outcomes"]}
            assert states == {"hq": "OK", "yard": "UNAVAILABLE"}
            answered = await api.ask(query % "(options: {onPartial: FAIL})")
            assert answered.errors[0]["extensions"]["code"] == "PARTIAL"
            answered = await api.ask(query % '(sources: ["yard"])')
            assert answered.errors[0]["extensions"]["code"] in ("UNAVAILABLE", "BREAKER_OPEN")

    run(work)


def test_a_list_longer_than_is_read_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LONGEST_LIST", 100)

    async def work() -> None:
        source = {"vendor": "portsip", "requests_per_second": 1000}
        async with product(source, count=5) as api:
            for place in range(101):
                await create(api, name=f"report {place}")
            data = await api.good(
                "{ callReports(first: 3) { complete outcomes { state message } "
                "count { relation } } }"
            )
            page = data["callReports"]
            assert not page["complete"]
            assert page["outcomes"][0]["state"] == "TRUNCATED"
            assert "`search`" in page["outcomes"][0]["message"]
            assert page["count"]["relation"] == "AT_LEAST"

    run(work)


def test_a_list_of_many_pages_is_read_whole() -> None:
    async def work() -> None:
        source = {"vendor": "portsip", "requests_per_second": 1000}
        async with product(source, count=5) as api:
            for place in range(150):
                await create(api, name=f"report {place}")
            before = api.requests("portsip", "/call_reports")
            data = await api.good("{ callReports(first: 3) { complete count { value relation } } }")
            assert data["callReports"]["complete"]
            assert data["callReports"]["count"] == {"value": 150, "relation": "EXACT"}
            assert api.requests("portsip", "/call_reports") == before + 2

    run(work)


def test_only_the_detail_call_tells_late_parts_and_only_if_they_are_selected() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            await fill(api, "portsip")
            before = len(api.worlds["portsip"].received)
            await api.good("{ callReports { nodes { id name type status nextRuns { at } } } }")
            assert len(api.worlds["portsip"].received) == before + 1
            data = await api.good(
                "{ callReports(first: 2) { nodes { email format range { preset } } } }"
            )
            assert data["callReports"]["nodes"][0]["email"] == "boss@example.com"
            assert len(api.worlds["portsip"].received) == before + 1 + 1 + 2

    run(work)


def test_more_late_parts_than_a_question_may_cost_are_refused() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            await fill(api, "portsip")
            answered = await api.ask(
                "{ callReports(options: {maxRequests: 3}) { nodes { email } } }"
            )
            said = answered.errors[0]["extensions"]
            assert (said["code"], said["asked"], said["allowed"]) == ("LIMIT_EXCEEDED", 6, 2)

    run(work)


def test_a_late_part_that_fails_is_null_and_the_rest_is_there() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            await created(api)
            api.worlds["portsip"].fault("status", path="/api/call_reports/", times=0)
            answered = await api.ask("{ callReports { nodes { name email } } }")
            assert answered.data["callReports"]["nodes"] == [{"name": "Weekly", "email": None}]
            assert answered.errors[0]["path"] == ["callReports", "nodes", 0, "email"]

    run(work)


def test_a_lookup_equals_the_lists_entry_in_every_field() -> None:
    fields = DETAIL + " nativeId nativeType source { id } completed { certainty nodes { id } }"
    own = "id nativeId name type nativeType format completedAt fileName fileSizeBytes fileUrl"

    async def work() -> None:
        async with product("portsip", count=40) as api:
            await created(api, cronExpression="*/5 * * * *")
            api.clock.advance(660)
            data = await api.good(
                f"{{ callReports {{ nodes {{ {fields} }} }} "
                f"completedCallReports {{ nodes {{ {own} }} }} }}"
            )
            (report,) = data["callReports"]["nodes"]
            files = data["completedCallReports"]["nodes"]
            assert len(files) == 2
            found = await api.good(
                f'{{ callReport(id: "{report["id"]}") {{ {fields} }} '
                f'completedCallReport(id: "{files[0]["id"]}") {{ {own} }} '
                f'node(id: "{report["id"]}") {{ id ... on CallReport {{ name }} }} '
                f'nodes(ids: ["{files[1]["id"]}", "{report["id"]}"]) {{ __typename id }} }}'
            )
            assert found["callReport"] == report
            assert found["completedCallReport"] == files[0]
            assert found["node"] == {"id": report["id"], "name": "Weekly"}
            assert [n["__typename"] for n in found["nodes"]] == [
                "CompletedCallReport",
                "CallReport",
            ]
            swapped = await api.good(
                f'{{ callReport(id: "{files[0]["id"]}") {{ id }} '
                f'completedCallReport(id: "{report["id"]}") {{ id }} '
                f'callRecord(id: "{report["id"]}") {{ id }} }}'
            )
            assert set(swapped.values()) == {None}

    run(work)


def test_files_are_linked_and_the_link_says_how_sure_it_is() -> None:
    query = "{ callReports { nodes { name completed { certainty reason nodes { name } } } } }"

    async def work() -> None:
        async with product("portsip", count=40) as api:
            await created(api, name="once")
            await created(api, name="twice")
            api.clock.advance(10)
            nodes = (await api.good(query))["callReports"]["nodes"]
            assert [n["completed"]["certainty"] for n in nodes] == ["LIKELY", "LIKELY"]
            assert [f["name"] for f in nodes[0]["completed"]["nodes"]] == ["once"]
            await created(api, name="twice")
            nodes = (await api.good(query))["callReports"]["nodes"]
            twice = [n["completed"] for n in nodes if n["name"] == "twice"]
            assert [one["certainty"] for one in twice] == ["AMBIGUOUS", "AMBIGUOUS"]
            assert "2 reports" in twice[0]["reason"]

    run(work)


def test_expired_files_are_gone() -> None:
    async def work() -> None:
        switches = {"portsip": {"report_retention_days": 1}}
        async with product("portsip", count=40, switches=switches) as api:
            await created(api)
            api.clock.advance(10)
            (file,) = await finished(api)
            api.clock.advance(86_400)
            assert await finished(api) == []
            data = await api.good(f'{{ completedCallReport(id: "{file["id"]}") {{ id }} }}')
            assert data["completedCallReport"] is None

    run(work)


def test_explaining_shows_requests_and_no_file_addresses() -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", count=5) as api:
            await created(api)
            answered = await api.ask("{ callReports(options: {explain: true}) { nodes { id } } }")
            (plan,) = answered.extensions["plan"]
            assert plan["field"] == "callReports"
            paths = [r["path"] for s in plan["sources"] for r in s["requests"]]
            assert paths == ["/api/call_reports"]
            before = len(posts(api)) + api.requests("portsip")
            answered = await api.ask(
                "{ callReports(options: {dryRun: true}) { nodes { id } outcomes { state } } }"
            )
            states = [o["state"] for o in answered.data["callReports"]["outcomes"]]
            assert states == ["UNKNOWN", "UNSUPPORTED"]
            assert len(posts(api)) + api.requests("portsip") == before

    run(work)
