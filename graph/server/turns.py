"""How many operations run at once in this process; the others wait, the first who came first.

Answering more at once than there is a processor for makes all of them late, and takes the memory of
all of them. Subscriptions take no turn: they mostly wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graph.errors import Overloaded


class Turns:
    """At most `at_once` turns are taken, and at most `waiting` are waited for."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._most_waiting = waiting
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A turn, at once or in its turn; Overloaded where too many wait already"""
        if self._free.locked() and self._waiting >= self._most_waiting:
            raise Overloaded(self._most_waiting)
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()
