"""How many requests each question costs, counted at the twins."""

from __future__ import annotations

import asyncio
import math

import pytest

from graph.sources import vendor_names
from tests.support import Api, product, run

ALL = vendor_names()
QUIET = "{ callRecords(first: 1) { nodes { id } } }"


async def signed_in(api: Api) -> dict[str, int]:
    """everybody is signed in and rested; what each twin has received so far"""
    await api.good(QUIET)
    api.clock.advance(600)
    return {name: api.requests(name) for name in api.worlds}


def spent(api: Api, before: dict[str, int]) -> dict[str, int]:
    return {name: api.requests(name) - count for name, count in before.items()}


def test_the_first_page_of_a_window_that_fits_a_vendor_page_costs_one_request_per_source() -> None:
    async def story() -> None:
        async with product(*ALL, count=45, days=0.4) as api:
            before = await signed_in(api)
            data = await api.good(
                '{ callRecords(first: 50, filter: {since: "2026-03-04T00:00:00Z"}) '
                "{ nodes { id } outcomes { requests } } }"
            )
            assert len(data["callRecords"]["nodes"]) == 50
            assert spent(api, before) == dict.fromkeys(ALL, 1)
            assert [o["requests"] for o in data["callRecords"]["outcomes"]] == [1] * len(ALL)

    run(story)


@pytest.mark.parametrize("vendor", ["portsip", "voipnow", "yeastar"])
def test_a_late_page_costs_per_row_read_what_the_second_costs(vendor: str) -> None:
    async def story() -> None:
        source = {"vendor": vendor, "requests_per_second": 1e6}
        async with product(source, count=2500, days=1) as api:
            cursor, costs = "", []
            for _ in range(45):
                before = api.requests(vendor)
                answered = await api.ask(
                    f"{{ callRecords(first: 50{cursor}, options: {{explain: true}}) "
                    "{ pageInfo { endCursor } } }"
                )
                end = answered.data["callRecords"]["pageInfo"]["endCursor"]
                cursor = f', after: "{end}"'
                rows = answered.extensions["plan"][0]["sources"][0]["rowsRead"]
                costs.append((api.requests(vendor) - before) / rows)
            assert max(costs[1:]) <= costs[1] * 1.5

    run(story)


@pytest.mark.parametrize("vendor", ALL)
def test_one_record_by_its_id_costs_one_request(vendor: str) -> None:
    async def story() -> None:
        async with product(vendor, count=150, days=3) as api:
            data = await api.good("{ callRecords(first: 30) { nodes { id startedAt } } }")
            node = data["callRecords"]["nodes"][-1]
            before = await signed_in(api)
            found = await api.good(
                "query($id: ID!) { node(id: $id) { ... on CallRecord { id startedAt } } }",
                id=node["id"],
            )
            assert found["node"] == node
            assert spent(api, before) == {vendor: 1}

    run(story)


def test_without_a_search_a_record_is_found_by_bisecting_pages() -> None:
    async def story() -> None:
        source = {"vendor": "yeastar", "options": {"search": "none", "page_size": 100}}
        async with product(source, count=3000, days=20) as api:
            data = await api.good(
                '{ callRecords(first: 1, filter: {until: "2026-02-20T00:00:00Z"}) '
                "{ nodes { id } } }"
            )
            wanted = data["callRecords"]["nodes"][0]["id"]
            before = await signed_in(api)
            found = await api.good("query($id: ID!) { callRecord(id: $id) { id } }", id=wanted)
            assert found["callRecord"]["id"] == wanted
            rows = sum(len(call.legs) for call in api.worlds["yeastar"].calls)
            assert spent(api, before)["yeastar"] <= math.ceil(math.log2(rows / 100)) + 1

    run(story)


def test_fifty_costs_are_the_list_and_one_detail_each_also_with_the_legs() -> None:
    async def story() -> None:
        async with product("portsip", count=60) as api:
            await signed_in(api)
            before = api.requests("portsip")
            await api.good("{ callRecords(first: 50) { nodes { cost { amount } logs { id } } } }")
            assert api.requests("portsip", "/api/cdrs/") == 50
            assert api.requests("portsip") - before <= 52

    run(story)


def test_identical_questions_at_once_cost_one_set_of_requests() -> None:
    async def story() -> None:
        query = (
            '{ callRecords(first: 20, filter: {since: "2026-03-04T00:00:00Z"}) { nodes { id } } }'
        )
        async with product(*ALL, count=40, days=0.4) as api:
            before = await signed_in(api)
            answers = await asyncio.gather(*(api.good(query) for _ in range(6)))
            assert all(answer == answers[0] for answer in answers)
            assert spent(api, before) == dict.fromkeys(ALL, 1)

    run(story)


def test_only_what_is_selected_is_asked_of_those_who_take_a_list_of_fields() -> None:
    async def story() -> None:
        async with product("voipnow", "voicenter", count=10) as api:
            await api.good("{ callRecords { nodes { startedAt caller { number } } } }")
            voipnow = api.worlds["voipnow"].received[-1].query
            assert "fields=" in voipnow
            assert "ownerName" not in voipnow
            voicenter = api.worlds["voicenter"].received[-1].body
            assert b'"CallerNumber"' in voicenter
            assert b'"RecordURL"' not in voicenter

    run(story)


def test_a_dry_run_plans_and_asks_nobody() -> None:
    async def story() -> None:
        async with product(*ALL, count=10) as api:
            answered = await api.ask(
                "{ callRecords(options: {dryRun: true}) { complete nodes { id } } }"
            )
            assert answered.data == {"callRecords": {"complete": False, "nodes": []}}
            planned = [source["source"] for source in answered.extensions["plan"][0]["sources"]]
            assert planned == list(ALL)
            assert sum(api.requests(name) for name in ALL) == 0

    run(story)
