"""How hard a source may be asked: a token bucket, slots, and what the vendor says about both."""

from __future__ import annotations

from graph.errors import SourceOverBudget
from graph.metrics import SourceMetrics
from graph.observe import Timer, Trace
from graph.transport.buckets import Bucket
from graph.transport.sharing import Slots


class Budget:
    """One source's rate and concurrency, shared by all that ask it."""

    def __init__(self, bucket: Bucket, slots: Slots, timer: Timer, metrics: SourceMetrics) -> None:
        self._bucket = bucket
        self._slots = slots
        self._metrics = metrics
        self._timer = timer
        self._not_before = 0.0

    @property
    def tokens_left(self) -> float:
        return self._bucket.known_level

    def pause(self, seconds: float) -> None:
        """The vendor wants no request for so long."""
        self._not_before = max(self._not_before, self._timer.monotonic() + seconds)

    async def enter(self, trace: Trace) -> str:
        """The slot, by its holder, once rate and slots allow the request; it must be left again.

        Raises SourceOverBudget if the deadline is nearer.
        """
        remaining = max(0.0, trace.remaining_seconds)
        pause = self._not_before - self._timer.monotonic()
        if pause > remaining:
            raise self._too_late(pause)
        wait = await self._bucket.take(1, remaining)
        if wait > remaining:
            raise self._too_late(wait)
        if max(wait, pause) > 0:
            with self._metrics.queue.track_inprogress():
                await self._timer.sleep(max(wait, pause))
        holder = await self._slots.acquire(0.0)
        if holder is None:
            with self._metrics.queue.track_inprogress():
                holder = await self._slots.acquire(trace.remaining_seconds)
        if holder is None:
            raise SourceOverBudget(
                "deadline",
                f"all {self._slots.most} slots (max_concurrency) stayed in use until the deadline",
            )
        return holder

    async def leave(self, holder: str) -> None:
        """Gives the slot to the next one"""
        await self._slots.release(holder)

    def _too_late(self, wait: float) -> SourceOverBudget:
        return SourceOverBudget(
            "rate",
            f"its rate ({self._bucket.per_second:g} requests a second) allows the next request in "
            f"{wait:.1f} s, after the deadline",
            retry_after_seconds=wait,
        )
