"""Identical reads of equal sight share one flight, which outlives a caller that gives up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """The flights under way, by key."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}

    def board(
        self, key: Hashable, start: Callable[[], Coroutine[Any, Any, T]]
    ) -> tuple[asyncio.Future[T], bool]:
        """The flight of this key, to be awaited, and whether somebody else had started it"""
        # One that has ended is still listed until the loop's next turn. Whoever took it for one
        # under way, and tried again on its failure, would do so for ever within this turn.
        flight = self._under_way.get(key)
        shared = flight is not None and not flight.done()
        if flight is None or not shared:
            flight = self._under_way[key] = asyncio.create_task(start())
            flight.add_done_callback(lambda done: self._landed(key, done))
        return asyncio.shield(flight), shared

    def _landed(self, key: Hashable, task: asyncio.Task[T]) -> None:
        if self._under_way.get(key) is task:
            del self._under_way[key]
        if not task.cancelled():
            # Nobody may be left to hear of a failure; that is no fault of the event loop.
            task.exception()

    async def close(self) -> None:
        """Ends what is still under way"""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
