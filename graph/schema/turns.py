"""How many operations run at once in this process; the others wait, the first who came first.

Answering more at once than there is a processor for makes all of them late, and takes the memory of
all of them. Who waits uses up the time of its own answer. Subscriptions take no turn: they mostly
wait for calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from graph.errors import Overloaded


class Turns:
    """At most `at_once` turns are taken, and at most `waiting` are waited for."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._most_waiting = waiting
        self._waiting = 0

    @asynccontextmanager
    async def turn(self, remaining_seconds: Callable[[], float]) -> AsyncIterator[None]:
        """A turn, at once or after those who wait.

        Overloaded where too many wait already, or it does not come in the time that remains.
        """
        if self._free.locked() and self._waiting >= self._most_waiting:
            raise Overloaded(f"{self._most_waiting} operations wait already")
        if self._free.locked():
            self._waiting += 1
            try:
                async with asyncio.timeout(remaining_seconds()):
                    await self._free.acquire()
            except TimeoutError:
                raise _late() from None
            finally:
                self._waiting -= 1
        else:
            await self._free.acquire()
        try:
            if remaining_seconds() <= 0:
                raise _late()
            yield
        finally:
            self._free.release()


def _late() -> Overloaded:
    return Overloaded("this question could not be begun before its deadline")
