"""What a question costs, and what a caller may spend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.server.app import create_app
from graph.transport.buckets import OwnBucket
from tests.support import Api, Clock, product, run

NEWER = {"accept": "application/graphql-response+json"}


def page(first: int = 3, more: str = "", fields: str = "id") -> str:
    return f"{{ callRecords(first: {first}{more}) {{ complete nodes {{ {fields} }} }} }}"


@asynccontextmanager
async def served(*sources: str, **server: Any) -> AsyncIterator[tuple[Api, httpx.AsyncClient]]:
    async with product(*(sources or ("portsip",)), count=300, server=server) as api:
        carrier = httpx.ASGITransport(app=create_app(api.graph))
        async with httpx.AsyncClient(transport=carrier, base_url="http://here") as http:
            yield api, http


def test_a_dry_run_tells_the_cost_and_asks_nobody() -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", count=300) as api:
            dry = ", options: {dryRun: true}"
            cost = (await api.ask(page(3, dry))).extensions["cost"]
            assert cost["actual"] == {"requests": 0, "rows": 0}
            assert cost["estimated"]["requests"] == 2
            assert "limits" not in cost
            more = (await api.ask(page(20, dry, "id cost { amount }"))).extensions["cost"]
            # PortSIP's costs take a request for each entry.
            assert more["estimated"]["requests"] == 2 + 20
            assert api.requests("portsip") == api.requests("yeastar") == 0

    run(work)


@pytest.mark.parametrize("sources", [("portsip",), ("portsip", "yeastar", "voipnow")])
@pytest.mark.parametrize("first", [1, 40, 250])
def test_the_actual_cost_is_what_the_twins_count(sources: tuple[str, ...], first: int) -> None:
    async def work() -> None:
        async with product(*sources, count=300) as api:
            for _ in range(2):  # the second time nobody has to sign in
                before = sum(api.requests(source) for source in sources)
                told = await api.ask(page(first, ", options: {explain: true}"))
                sent = sum(api.requests(source) for source in sources) - before
            cost = told.extensions["cost"]
            assert cost["actual"]["requests"] == sent
            assert cost["actual"]["rows"] >= first
            plan = told.extensions["plan"][0]["sources"]
            assert cost["actual"]["rows"] == sum(source["rowsRead"] for source in plan)

    run(work)


def test_nothing_is_said_of_costs_where_nobody_asks() -> None:
    async def work() -> None:
        async with product("portsip", count=20) as api:
            assert "cost" not in (await api.ask(page())).extensions

    run(work)


def test_what_is_used_up_is_refused_until_it_is_there_again() -> None:
    async def work() -> None:
        async with served(requests_per_minute=6) as (api, http):
            for left in range(5, -1, -1):
                answer = (await http.post("/graphql", json={"query": page()})).json()
                assert answer["data"]["callRecords"]["nodes"]
                [limit] = answer["extensions"]["cost"]["limits"]
                assert limit == {"unit": "requests", "perMinute": 6, "left": left}
            sent = api.requests("portsip")
            refused = await http.post("/graphql", json={"query": page()}, headers=NEWER)
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == "10"
            [error] = refused.json()["errors"]
            assert error["extensions"] == {
                "code": "RATE_LIMITED",
                "limit": "requests_per_minute",
                "retryAfterSeconds": 10,
            }
            older = await http.post("/graphql", json={"query": page()})
            assert (older.status_code, older.headers["retry-after"]) == (200, "10")
            assert api.requests("portsip") == sent
            # What asks no source costs nothing.
            assert (await http.post("/graphql", json={"query": "{ sources { id } }"})).json()[
                "data"
            ]
            api.clock.advance(10)
            again = await http.post("/graphql", json={"query": page()}, headers=NEWER)
            assert again.status_code == 200

    run(work)


def test_a_question_that_never_fits_is_told_so_at_once() -> None:
    async def work() -> None:
        async with served(requests_per_minute=10) as (api, http):
            query = page(20, fields="cost { amount }")
            [error] = (await http.post("/graphql", json={"query": query})).json()["errors"]
            assert error["extensions"] == {
                "code": "LIMIT_EXCEEDED",
                "limit": "requests_per_minute",
                "allowed": 10,
                "asked": 21,
            }
            assert api.requests("portsip") == 0

    run(work)


def test_what_was_guessed_too_high_is_given_back_and_too_low_is_owed() -> None:
    async def work() -> None:
        async with served(requests_per_minute=100, rows_per_minute=1000) as (_, http):
            # Nobody has the number, so costs are read of nobody.
            none = ', filter: {number: ["+999999"], since: "2026-03-04T15:29:00Z"}'
            query = page(50, none, "cost { amount }")
            cost = (await http.post("/graphql", json={"query": query})).json()["extensions"]["cost"]
            assert cost["estimated"]["requests"] > 50
            assert cost["actual"]["requests"] < 5
            assert cost["limits"][0]["left"] == 100 - cost["actual"]["requests"]
            # Statistics read every call of the window, which nobody knows before.
            window = '{since: "2026-02-20T00:00:00Z", until: "2026-03-04T15:00:00Z"}'
            query = f"{{ stats(filter: {window}) {{ offered }} }}"
            cost = (await http.post("/graphql", json={"query": query})).json()["extensions"]["cost"]
            assert cost["actual"]["rows"] > cost["estimated"]["rows"] > 0
            rows = cost["limits"][1]
            assert rows["left"] == 1000 - cost["actual"]["rows"]

    run(work)


def test_one_caller_cannot_use_up_what_is_anothers() -> None:
    async def work() -> None:
        async with product("portsip", count=20, server={"requests_per_minute": 2}) as api:
            purses = api.graph.purses
            from graph.errors import RateLimited
            from graph.observe import Cost

            one, other = purses.of("one"), purses.of("other")
            assert one is not None
            assert other is not None
            await one.take(Cost(2, 0))
            with pytest.raises(RateLimited):
                await one.take(Cost(1, 0))
            await other.take(Cost(2, 0))

    run(work)


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.floats(0.1, 5), st.floats(0, 3), st.floats(0, 10), st.sampled_from([0.0, 1.0, 100.0])
        ),
        max_size=30,
    )
)
def test_a_bucket_never_gives_more_than_its_rate(
    steps: list[tuple[float, float, float, float]],
) -> None:
    async def work() -> None:
        clock = Clock()
        bucket = OwnBucket(5, 0.5, clock.timer)
        began = clock.monotonic()
        due = 0.0
        for amount, back, later, patience in steps:
            wait = await bucket.take(amount, patience)
            if wait <= patience:
                due += amount
                reached = clock.monotonic() + wait - began
                assert due <= 5 + 0.5 * reached + 1e-6
                if back < amount:
                    await bucket.give(back)
                    due -= back
            clock.advance(later)
            assert await bucket.left() <= 5

    asyncio.run(work())
