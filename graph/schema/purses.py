"""What each caller may spend: a bucket of requests to sources, a bucket of rows, per minute.

What a question probably costs is taken before anybody is asked, and what it cost in truth is known
afterwards: the difference is given back, or owed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from graph.config import ServerSettings
from graph.errors import OverLimit, RateLimited
from graph.observe import Cost
from graph.transport.buckets import Bucket

MakeBucket = Callable[[str, float, float], Bucket]
"""of a name, a capacity, and an amount per second"""

_MOST_CALLERS = 10_000
_UNITS = ("requests", "rows")


class Purse:
    """What one operation has taken out of its caller's buckets, by unit."""

    def __init__(self, buckets: dict[str, Bucket]) -> None:
        self._buckets = buckets
        self._taken = Cost()

    async def take(self, cost: Cost) -> None:
        """RateLimited says when there will be enough; OverLimit, if there never is that much."""
        taken: list[tuple[Bucket, int]] = []
        for unit, bucket in self._buckets.items():
            amount = getattr(cost, unit)
            refusal = await _refusal(unit, bucket, amount)
            if refusal is not None:
                for other, back in taken:
                    await other.give(back)
                raise refusal
            taken.append((bucket, amount))
        self._taken += cost

    async def settle(self, spent: Cost) -> None:
        """Evens out what was taken and what the operation has cost in truth"""
        taken, self._taken = self._taken, spent
        for unit, bucket in self._buckets.items():
            difference = getattr(taken, unit) - getattr(spent, unit)
            if difference:
                await bucket.give(difference)

    async def told(self) -> list[dict[str, Any]]:
        """The buckets as `extensions.cost` shows them"""
        return [
            {
                "unit": unit,
                "perMinute": round(bucket.capacity),
                "left": int(await bucket.left()),
            }
            for unit, bucket in self._buckets.items()
        ]


async def _refusal(unit: str, bucket: Bucket, amount: int) -> RateLimited | OverLimit | None:
    limit = f"{unit}_per_minute"
    if amount > bucket.capacity:
        most = round(bucket.capacity)
        return OverLimit(
            limit,
            most,
            amount,
            f"this takes about {amount} {unit}, and {most} a minute may be; ask for less at once",
        )
    wait = await bucket.take(amount, 0.0)
    return RateLimited(limit, unit, amount, wait) if wait > 0 else None


class Purses:
    """The buckets of all callers; none where the settings set no limits."""

    def __init__(self, settings: ServerSettings, make: MakeBucket) -> None:
        self._limits = {
            unit: limit
            for unit in _UNITS
            if (limit := getattr(settings, f"{unit}_per_minute")) is not None
        }
        self._make = make
        self._known: OrderedDict[str, dict[str, Bucket]] = OrderedDict()

    def of(self, caller: str) -> Purse | None:
        """A purse for one operation; None where there is no limit"""
        if not self._limits:
            return None
        known = self._known.get(caller)
        if known is None:
            known = self._known[caller] = {
                unit: self._make(f"caller:{unit}:{caller}", limit, limit / 60)
                for unit, limit in self._limits.items()
            }
            # Whoever has not asked for long has a full bucket again.
            if len(self._known) > _MOST_CALLERS:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(caller)
        return Purse(known)
