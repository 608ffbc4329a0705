"""Operations that wait for others, and the time they have for it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from graph.errors import Overloaded
from graph.schema.turns import Turns
from graph.server.app import create_app
from tests.support import Api, product, run

PAGE = "{ callRecords(first: 1) { nodes { id } outcomes { state } } }"
ONE_AT_A_TIME = {"max_operations": 1, "deadline_ms": 8000}


async def two_at_once(api: Api, query: str = PAGE) -> list[httpx.Response]:
    """The answers to two that come together, in their order"""
    carrier = httpx.ASGITransport(app=create_app(api.graph))
    async with httpx.AsyncClient(transport=carrier, base_url="http://here") as http:
        return await asyncio.gather(*(http.post("/graphql", json={"query": query}) for _ in "12"))


def test_what_cannot_be_begun_before_its_deadline_is_refused_and_nobody_is_asked() -> None:
    async def work() -> None:
        async with product("portsip", server=ONE_AT_A_TIME) as api:
            api.worlds["portsip"].fault("hang", seconds=9, path="cdrs")
            first, second = await two_at_once(api)
            assert first.status_code == 200
            assert second.status_code == 503
            assert second.headers["retry-after"] == "1"
            [error] = second.json()["errors"]
            assert error["extensions"] == {"code": "OVERLOADED", "retryAfterSeconds": 1}
            assert "before its deadline" in error["message"]
            assert api.requests("portsip", "cdrs") == 1

    run(work)


def test_who_waits_for_a_turn_has_that_much_less_time_to_be_answered() -> None:
    async def work() -> None:
        async with product("portsip", "voicenter", server=ONE_AT_A_TIME) as api:
            for world in api.worlds.values():
                world.fault("hang", seconds=2.5, path="cdr")
            explained = "{ callRecords(first: 1, options: {explain: true}) { nodes { id } } }"
            _, second = await two_at_once(api, explained)
            assert second.status_code == 200
            [total] = [
                int(part.partition("dur=")[2])
                for part in second.headers["server-timing"].split(", ")
                if part.startswith("total;")
            ]
            assert total >= 5000  # both vendors took their time before it had its turn

    run(work)


def test_a_turn_that_never_comes_is_waited_for_until_the_deadline_and_leaves_no_trace() -> None:
    async def work() -> None:
        turns = Turns(1, 1)

        def ten_ms() -> float:
            return 0.01

        def long() -> float:
            return 1000.0

        async def takes(remaining: Any) -> str:
            async with turns.turn(remaining):
                return "taken"

        async with turns.turn(long):
            with pytest.raises(Overloaded, match="before its deadline"):
                await takes(ten_ms)
            waits = asyncio.create_task(takes(long))  # the place of the one that gave up is free
            await asyncio.sleep(0)
            with pytest.raises(Overloaded, match="1 operations wait already"):
                await takes(long)
        assert await waits == "taken"

    run(work)
