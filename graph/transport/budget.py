"""How hard a source may be asked: a token bucket, slots, and what the vendor says about both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graph.errors import SourceOverBudget
from graph.metrics import SourceMetrics
from graph.observe import Timer, Trace
from graph.sources.contract import Pace


class Budget:
    """One source's rate and concurrency, shared by all that ask it."""

    def __init__(self, pace: Pace, timer: Timer, metrics: SourceMetrics) -> None:
        self.pace = pace
        self._metrics = metrics
        self._timer = timer
        self._tokens = float(max(1, pace.burst))
        self._filled = timer.monotonic()
        self._not_before = 0.0
        self._slots = asyncio.Semaphore(pace.max_concurrency)

    @property
    def tokens_left(self) -> float:
        self._fill()
        return self._tokens

    def pause(self, seconds: float) -> None:
        """The vendor wants no request for so long."""
        self._not_before = max(self._not_before, self._timer.monotonic() + seconds)

    @asynccontextmanager
    async def slot(self, trace: Trace) -> AsyncIterator[None]:
        """A turn: waits for rate and slot, or raises SourceOverBudget if the deadline is nearer."""
        with self._metrics.queue.track_inprogress():
            await self._turn(trace)
        try:
            yield
        finally:
            self._slots.release()

    async def _turn(self, trace: Trace) -> None:
        wait = self._reserve(trace)
        if wait > 0:
            await self._timer.sleep(wait)
        if self._slots.locked():
            try:
                async with asyncio.timeout(max(0.0, trace.remaining_seconds)):
                    await self._slots.acquire()
            except TimeoutError:
                raise SourceOverBudget(
                    "deadline",
                    f"all {self.pace.max_concurrency} slots (max_concurrency) stayed in use until "
                    "the deadline",
                ) from None
        else:
            await self._slots.acquire()

    def _fill(self) -> None:
        now = self._timer.monotonic()
        grown = (now - self._filled) * self.pace.requests_per_second
        self._tokens = min(float(max(1, self.pace.burst)), self._tokens + grown)
        self._filled = now

    def _reserve(self, trace: Trace) -> float:
        """Seconds until this request's turn; a token is taken only if it comes in time"""
        self._fill()
        wait = max(0.0, (1 - self._tokens) / self.pace.requests_per_second)
        wait = max(wait, self._not_before - self._timer.monotonic())
        if wait > max(0.0, trace.remaining_seconds):
            raise SourceOverBudget(
                "rate",
                f"its rate ({self.pace.requests_per_second:g} requests a second) allows the next "
                f"request in {wait:.1f} s, after the deadline",
                retry_after_seconds=wait,
            )
        self._tokens -= 1
        return wait
