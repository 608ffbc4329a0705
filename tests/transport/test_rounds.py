"""Replies that many wait for, read one in each round of the event loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from graph.transport.rounds import Rounds
from tests.support import NOW, product, run

PAGE = "{ callRecords(first: 3) { nodes { id } outcomes { source { id } state } } }"


def test_one_goes_on_in_each_round_in_the_order_in_which_they_came() -> None:
    async def work() -> None:
        rounds = Rounds()
        now = 0
        went: list[tuple[int, int]] = []

        async def counts() -> None:
            nonlocal now
            while len(went) < 20:
                now += 1
                await asyncio.sleep(0)

        async def takes(n: int) -> None:
            await rounds.turn()
            went.append((n, now))

        await asyncio.gather(counts(), *map(takes, range(20)))
        assert [n for n, _ in went] == list(range(20))
        assert len({moment for _, moment in went}) == 20

    run(work)


def test_operations_that_share_a_reply_do_not_all_read_it_before_anything_else_is_done() -> None:
    async def work() -> None:
        async with product("portsip", count=40) as api:
            await api.good(PAGE)  # signs in
            before = api.requests("portsip")
            now, left = 0, 30
            ended: Counter[int] = Counter()

            async def counts() -> None:
                nonlocal now
                while left:
                    now += 1
                    await asyncio.sleep(0)

            async def asks() -> None:
                nonlocal left
                assert len((await api.good(PAGE))["callRecords"]["nodes"]) == 3
                ended[now] += 1
                left -= 1

            await asyncio.gather(counts(), *(asks() for _ in range(30)))
            assert api.requests("portsip") == before + 1
            assert max(ended.values()) == 1

    run(work)


def test_a_reply_whose_turn_comes_after_the_deadline_is_not_read() -> None:
    async def work() -> None:
        async with product("portsip", "voicenter", count=40) as api:
            await api.good(PAGE)
            busy = asyncio.create_task(forever(api.graph.sources.rounds))
            since = (NOW - timedelta(days=1)).isoformat()
            query = (
                f'{{ callRecords(first: 3, filter: {{since: "{since}"}}, '
                "options: {deadlineMs: 50}) { nodes { id } } }"
            )
            answered = await api.ask(query)
            busy.cancel()
            [error] = answered.errors
            assert error["extensions"]["code"] == "TIMEOUT"
            assert "was read before the deadline" in error["message"]
            assert len((await api.good(PAGE))["callRecords"]["nodes"]) == 3

    async def forever(rounds: Rounds) -> None:
        async with rounds._next:
            await asyncio.Event().wait()

    run(work)
