"""Who a source's rate and slots are shared with: nobody, or other processes through Valkey.

Without Valkey (or Redis, https://valkey.io/commands/) each of several processes takes its part of
everything. With it they share the whole, and fall back on their parts while it does not answer.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any, Protocol

from graph.errors import ConfigError
from graph.observe import Timer, log
from graph.privacy import Secret, keyed_hash
from graph.transport.buckets import Bucket, OwnBucket

_CONNECTIONS = 16
_AWAY_SECONDS = 5.0
_FIRST_LOOK_SECONDS = 0.01
_LONGEST_LOOK_SECONDS = 0.1

_TAKE = """
local capacity, rate, amount, patience = unpack(ARGV)
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = tonumber(kept[1]) or tonumber(capacity)
level = level + math.max(0, now - (tonumber(kept[2]) or now)) * rate
level = math.min(tonumber(capacity), level)
local wait = math.max(0, (amount - level) / rate)
if wait <= tonumber(patience) then
  level = math.min(tonumber(capacity), level - amount)
end
redis.call('HSET', KEYS[1], 'level', level, 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], math.ceil((capacity - level) / rate) + 60)
return {tostring(wait), tostring(level)}
"""

_HOLD = """
local most, holder, seconds = unpack(ARGV)
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local held = redis.call('ZSCORE', KEYS[1], holder)
if held or redis.call('ZCARD', KEYS[1]) < tonumber(most) then
  redis.call('ZADD', KEYS[1], now + seconds, holder)
  redis.call('EXPIRE', KEYS[1], math.ceil(seconds) + 60, held and 'GT' or 'NX')
  redis.call('EXPIRE', KEYS[1], math.ceil(seconds) + 60, 'GT')
  return 1
end
return 0
"""


class Slots(Protocol):
    """Places of which each holder takes one, for so long at most; then it is free again."""

    most: int

    async def acquire(self, wait_at_most: float) -> str | None:
        """A place, by the name of its holder; None if there was none in time"""
        ...

    async def hold(self, holder: str, seconds: float) -> bool:
        """Takes a place, or keeps it for longer; false if there is none"""
        ...

    async def release(self, holder: str) -> None:
        """Gives back a place that was acquired"""
        ...

    async def free(self, holder: str) -> None:
        """Gives back a place that was held"""
        ...


class Sharing(Protocol):
    """Makes what is shared, by names that are the same in every process.

    `share`: of how many parts this process may count on one.
    """

    share: int

    def bucket(self, name: str, capacity: float, per_second: float) -> Bucket: ...

    def slots(self, name: str, most: int, lease_seconds: float) -> Slots: ...

    async def close(self) -> None: ...


class OwnSlots:
    """The slots of this process."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._free = asyncio.Semaphore(most)

    async def acquire(self, wait_at_most: float) -> str | None:
        if not self._free.locked():
            await self._free.acquire()
            return ""
        if wait_at_most <= 0:
            return None
        try:
            async with asyncio.timeout(wait_at_most):
                await self._free.acquire()
        except TimeoutError:
            return None
        return ""

    async def hold(self, holder: str, seconds: float) -> bool:
        """Always: whoever is alone holds one at a time"""
        del holder, seconds
        return True

    async def release(self, holder: str) -> None:
        del holder
        self._free.release()

    async def free(self, holder: str) -> None:
        """There is nothing to give back"""


class Alone:
    """Nobody is asked; the process takes its part, one of `share`."""

    def __init__(self, timer: Timer, share: int = 1) -> None:
        self._timer = timer
        self.share = share

    def bucket(self, name: str, capacity: float, per_second: float) -> Bucket:
        del name
        part = max(1.0, capacity / self.share)
        return OwnBucket(part, per_second / self.share, self._timer)

    def slots(self, name: str, most: int, lease_seconds: float) -> Slots:
        del name, lease_seconds
        return OwnSlots(max(1, most // self.share))

    async def close(self) -> None:
        """There is nothing to close"""


class Together:
    """All processes that use one Valkey share the whole."""

    def __init__(
        self, url: Secret, key: bytes, timer: Timer, share: int = 1, *, answer_seconds: float = 0.5
    ) -> None:
        try:
            from redis.asyncio import BlockingConnectionPool, Redis
            from redis.exceptions import RedisError
        except ImportError:
            raise ConfigError(
                "server.shared_url: the client is not installed; pip install 'cdr-graph[shared]'"
            ) from None
        try:
            pool = BlockingConnectionPool.from_url(
                url.reveal(),
                max_connections=_CONNECTIONS,
                timeout=4 * answer_seconds,
                socket_timeout=answer_seconds,
                socket_connect_timeout=answer_seconds,
            )
        except ValueError:
            raise ConfigError("server.shared_url: this is no address such as redis://…") from None
        self._client: Any = Redis.from_pool(pool)
        self._errors = (RedisError, OSError, TimeoutError)
        self._key = key
        self._timer = timer
        self.share = 1
        self.alone = Alone(timer, share)
        self._away_until: float | None = None

    def bucket(self, name: str, capacity: float, per_second: float) -> Bucket:
        own = self.alone.bucket(name, capacity, per_second)
        return SharedBucket(self, self._named(name), capacity, per_second, own)

    def slots(self, name: str, most: int, lease_seconds: float) -> Slots:
        own = self.alone.slots(name, most, lease_seconds)
        return SharedSlots(self, self._named(name), most, lease_seconds, own, self._timer)

    async def run(self, script: str, name: str, arguments: Sequence[object]) -> Any:
        """What a script gives; None while Valkey does not answer"""
        return await self._asked(lambda: self._client.eval(script, 1, name, *arguments))

    async def free(self, name: str, holder: str) -> None:
        await self._asked(lambda: self._client.zrem(name, holder))

    async def close(self) -> None:
        await self._client.aclose()

    async def _asked(self, ask: Any) -> Any:
        now = self._timer.monotonic()
        if self._away_until is not None and now < self._away_until:
            return None
        try:
            answer = await ask()
        except self._errors as error:
            if self._away_until is None:
                log.warning(
                    "shared budgets: no answer (%s); each process takes its part meanwhile",
                    type(error).__name__,
                )
            self._away_until = now + _AWAY_SECONDS
            return None
        if self._away_until is not None:
            self._away_until = None
            log.warning("shared budgets: back")
        return answer

    def _named(self, name: str) -> str:
        # A caller's name may be that of a person.
        return f"cdr-graph:{keyed_hash(self._key, name)}"


class SharedBucket:
    """A bucket of all processes."""

    def __init__(
        self, sharing: Together, name: str, capacity: float, per_second: float, own: Bucket
    ) -> None:
        self.capacity = capacity
        self.per_second = per_second
        self._level = capacity
        self._sharing = sharing
        self._name = name
        self._own = own

    async def take(self, amount: float, wait_at_most: float) -> float:
        told = await self._ask(amount, wait_at_most)
        return await self._own.take(amount, wait_at_most) if told is None else told

    async def give(self, amount: float) -> None:
        # Taking less than nothing; a debt is taken however long it lasts.
        if await self._ask(-amount, 1e9) is None:
            await self._own.give(amount)

    async def left(self) -> float:
        if await self._ask(0, 0) is None:
            return await self._own.left()
        return self._level

    @property
    def known_level(self) -> float:
        return self._level

    async def _ask(self, amount: float, patience: float) -> float | None:
        arguments = (self.capacity, self.per_second, amount, patience)
        told = await self._sharing.run(_TAKE, self._name, arguments)
        if told is None:
            return None
        self._level = float(told[1])
        return float(told[0])


class SharedSlots:
    """Slots of all processes. Who dies with one loses it when its lease ends."""

    def __init__(
        self,
        sharing: Together,
        name: str,
        most: int,
        lease_seconds: float,
        own: Slots,
        timer: Timer,
    ) -> None:
        self.most = most
        self._sharing = sharing
        self._name = name
        self._lease_seconds = lease_seconds
        self._own = own
        self._timer = timer

    async def acquire(self, wait_at_most: float) -> str | None:
        holder = secrets.token_hex(8)
        until = self._timer.monotonic() + wait_at_most
        pause = _FIRST_LOOK_SECONDS
        while True:
            got = await self._hold(holder, self._lease_seconds)
            if got is None:
                return await self._own.acquire(until - self._timer.monotonic())
            if got:
                return holder
            if self._timer.monotonic() + pause > until:
                return None
            await self._timer.sleep(pause)
            pause = min(pause * 2, _LONGEST_LOOK_SECONDS)

    async def hold(self, holder: str, seconds: float) -> bool:
        return await self._hold(holder, seconds) is not False

    async def release(self, holder: str) -> None:
        if holder:
            await self._sharing.free(self._name, holder)
        else:
            await self._own.release(holder)

    async def free(self, holder: str) -> None:
        await self._sharing.free(self._name, holder)

    async def _hold(self, holder: str, seconds: float) -> bool | None:
        told = await self._sharing.run(_HOLD, self._name, (self.most, holder, seconds))
        return None if told is None else bool(told)
