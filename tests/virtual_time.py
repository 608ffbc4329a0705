"""Time that passes only while nobody has anything to do: then it is at once what is waited for.

A time-out of five seconds takes no time, is exactly five seconds, and never fires because the
machine is slow. For what is all in one process: who waits for another one waits for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tests.support import Clock

T = TypeVar("T")


class _Loop(asyncio.SelectorEventLoop):
    """`time` may be another one's, as asyncio documents; that it passes has no public place"""

    _moment = 0.0
    _ready: Any
    _scheduled: Any
    _selector: Any

    def time(self) -> float:
        return self._moment

    def _run_once(self) -> None:
        if not self._ready and not self._selector.select(0):
            timers = [timer.when() for timer in self._scheduled if not timer.cancelled()]
            self._moment = max(self._moment, min(timers, default=self._moment))
        super()._run_once()  # type: ignore[misc]


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Runs a coroutine function to its end"""

    async def outer() -> T:
        return await work()

    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(outer())


class Passing(Clock):
    """The clock of such a loop: it goes on as real ones do; its own sleepers only move it."""

    def _passed(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._passed())

    def monotonic(self) -> float:
        return super().monotonic() + self._passed()
