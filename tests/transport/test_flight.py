"""Shared reads, in the very turn of the loop in which they end."""

from __future__ import annotations

import asyncio

import pytest

from graph.transport.flight import Flights


def test_a_flight_that_has_ended_is_not_joined_though_nobody_was_told_yet() -> None:
    async def work() -> None:
        flights: Flights[int] = Flights()
        started = 0

        async def fails() -> int:
            nonlocal started
            started += 1
            raise ValueError(str(started))

        async def first() -> None:
            with pytest.raises(ValueError, match="1"):
                await flights.join("key", fails)

        async def second() -> None:
            await asyncio.sleep(
                0
            )  # in this turn the first one fails, and its end is told in the next
            assert started == 1
            assert not flights.has("key")
            with pytest.raises(ValueError, match="2"):
                await flights.join("key", fails)

        await asyncio.gather(first(), second())
        assert started == 2
        assert not flights.has("key")

    asyncio.run(work())


def test_the_end_of_one_flight_leaves_the_next_one_listed() -> None:
    async def work() -> None:
        flights: Flights[int] = Flights()
        go = asyncio.Event()

        async def soon() -> int:
            return 1

        async def later() -> int:
            await go.wait()
            return 2

        async def second() -> tuple[int, bool]:
            await asyncio.sleep(0)
            return await flights.join("key", later)

        one = asyncio.create_task(flights.join("key", soon))
        two = asyncio.create_task(second())
        assert await one == (1, False)
        assert flights.has("key")
        three = asyncio.create_task(flights.join("key", soon))
        await asyncio.sleep(0)
        go.set()
        assert await two == (2, False)
        assert await three == (2, True)

    asyncio.run(work())
