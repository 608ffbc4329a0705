"""Token buckets: how much of something may be used in a time, and when more of it will be there."""

from __future__ import annotations

from typing import Protocol

from graph.observe import Timer


class Bucket(Protocol):
    """Filled at a steady rate up to `capacity`; what was used too much is a debt."""

    capacity: float
    per_second: float

    async def take(self, amount: float, wait_at_most: float) -> float:
        """Seconds until the amount is there. It is taken only if that is soon enough."""
        ...

    async def give(self, amount: float) -> None:
        """Puts back what was not used, or takes what was used beyond (a negative amount)"""
        ...

    async def left(self) -> float:
        """What is there now; below zero if it is owed"""
        ...

    @property
    def known_level(self) -> float:
        """What was there when it was last looked at"""
        ...


class OwnBucket:
    """A bucket of this process."""

    def __init__(self, capacity: float, per_second: float, timer: Timer) -> None:
        self.capacity = capacity
        self.per_second = per_second
        self._timer = timer
        self._level = capacity
        self._filled = timer.monotonic()

    async def take(self, amount: float, wait_at_most: float) -> float:
        wait = max(0.0, (amount - self._now()) / self.per_second)
        if wait <= wait_at_most:
            self._level -= amount
        return wait

    async def give(self, amount: float) -> None:
        self._level = min(self.capacity, self._now() + amount)

    async def left(self) -> float:
        return self._now()

    @property
    def known_level(self) -> float:
        return self._now()

    def _now(self) -> float:
        now = self._timer.monotonic()
        self._level = min(self.capacity, self._level + (now - self._filled) * self.per_second)
        self._filled = now
        return self._level
