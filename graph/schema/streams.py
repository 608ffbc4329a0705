"""The subscriptions of this process, which a server that stops brings to a proper end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import TypeVar

T = TypeVar("T")


class Streams:
    """Whoever waits for events of one of these can be told that there will be no more."""

    def __init__(self) -> None:
        self._waits: set[asyncio.Timeout] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._closed = False

    async def until_closed(self, events: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """The events, to their end or to the one that was told last when all are closed"""
        async with aclosing(events):
            while not self._closed:
                wait = asyncio.timeout(None)
                try:
                    async with wait:
                        with self._known(wait):
                            event = await anext(events)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    if wait.expired():
                        return
                    raise
                yield event

    async def close(self) -> None:
        """Ends all, and those at once that begin later. Nobody waits for an event then.

        Who takes too long over one that was told already is not waited for.
        """
        if not self._closed:
            self._closed = True
            now = asyncio.get_running_loop().time()
            for wait in self._waits:
                wait.reschedule(now)
        await self._quiet.wait()

    @contextmanager
    def _known(self, wait: asyncio.Timeout) -> Iterator[None]:
        self._waits.add(wait)
        self._quiet.clear()
        try:
            yield
        finally:
            self._waits.discard(wait)
            if not self._waits:
                self._quiet.set()
