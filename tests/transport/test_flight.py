"""Shared reads, in the very turn of the loop in which they end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

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
            flight, _ = flights.board("key", fails)
            with pytest.raises(ValueError, match="1"):
                await flight

        async def second() -> None:
            await asyncio.sleep(0)  # now the first one fails, and its end is told in the next turn
            assert started == 1
            flight, shared = flights.board("key", fails)
            assert not shared
            with pytest.raises(ValueError, match="2"):
                await flight

        await asyncio.gather(first(), second())
        assert started == 2

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

        async def joined(start: Callable[[], Coroutine[Any, Any, int]]) -> tuple[int, bool]:
            flight, shared = flights.board("key", start)
            return await flight, shared

        async def second() -> tuple[int, bool]:
            await asyncio.sleep(0)
            return await joined(later)

        one = asyncio.create_task(joined(soon))
        two = asyncio.create_task(second())
        assert await one == (1, False)
        three = asyncio.create_task(joined(soon))
        await asyncio.sleep(0)
        go.set()
        assert await two == (2, False)
        assert await three == (2, True)
        assert await joined(soon) == (1, False)

    asyncio.run(work())
