"""Replies that many wait for, and how much of a round of the event loop goes into reading them."""

from __future__ import annotations

import asyncio
from collections import Counter

from graph.transport.rounds import Rounds
from tests import virtual_time
from tests.support import Clock, product, run

PAGE = '{ callRecords(first: 3, filter: {until: "2026-03-04T15:00:00Z"}) { nodes { id } } }'


class Slow(Clock):
    """A clock of a machine on which each look at it takes five milliseconds."""

    def monotonic(self) -> float:
        self.advance(0.005)
        return super().monotonic()


def test_a_round_has_time_for_some_and_the_others_follow_in_their_order() -> None:
    async def work() -> None:
        clock = Clock()
        rounds = Rounds(clock.timer)
        now = 0
        went: list[tuple[int, int]] = []

        async def counts() -> None:
            nonlocal now
            while len(went) < 20:
                now += 1
                await asyncio.sleep(0)

        async def reads(n: int) -> None:
            await rounds.turn()
            went.append((n, now))
            clock.advance(0.02)

        await asyncio.gather(counts(), *map(reads, range(20)))
        assert [n for n, _ in went] == list(range(20))
        together = Counter(moment for _, moment in went)
        assert list(together.values()) == [3, 3, 3, 3, 3, 3, 2]

    run(work)


async def ended_together(clock: Clock) -> list[int]:
    """How many of thirty who share a reply have their answers in each round in which any has"""
    async with product("portsip", count=40, clock=clock) as api:
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
        return list(ended.values())


def test_who_shares_a_reply_goes_on_together_only_where_that_is_quickly_done() -> None:
    async def work() -> None:
        assert await ended_together(Clock()) == [30]
        slowly = await ended_together(Slow())
        assert len(slowly) > 3
        assert max(slowly) < 30 / 2

    run(work)


def test_a_reply_that_could_not_be_read_before_the_deadline_is_a_time_out() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    async def work() -> None:
        async with product("portsip", "voicenter", count=40) as api:
            await api.good(PAGE)
            rounds = api.graph.sources.rounds
            rounds.turn = never  # type: ignore[method-assign]
            answered = await api.ask(PAGE)
            [error] = answered.errors
            assert error["extensions"]["code"] == "TIMEOUT"
            assert "was read before the deadline" in error["message"]
            del rounds.turn
            assert len((await api.good(PAGE))["callRecords"]["nodes"]) == 3

    virtual_time.run(work)
