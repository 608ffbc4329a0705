"""LiveSource: the one place where a vendor's requests are signed, sent, repeated and judged."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar
from urllib.parse import urljoin

import msgspec

from graph.caller import Caller
from graph.errors import (
    OutcomeUnknown,
    SourceError,
    SourceMalformed,
    SourceOverBudget,
    SourceRefused,
    SourceThrottled,
    SourceTimeout,
    SourceUnavailable,
)
from graph.metrics import SourceMetrics
from graph.observe import RequestNote, SourceTrace, Timer, Trace, log
from graph.sources.contract import Expired, Kind, Manifest, Pace, Reply, Request, Site, Token
from graph.sources.masks import Mask
from graph.transport.attempt import SICK, Attempts
from graph.transport.breaker import Breaker, RetryBudget
from graph.transport.budget import Budget
from graph.transport.files import MOST_REDIRECTS, MOVED, flowing, own_path
from graph.transport.flight import Flights
from graph.transport.http import Streamed, Transport, root
from graph.transport.rounds import Rounds
from graph.transport.sharing import Slots
from graph.transport.token import TokenKeeper
from graph.transport.verdict import verdict_on
from graph.types.source import Source

T = TypeVar("T")

_REPEATS = 2
_LOST = (SourceTimeout, SourceUnavailable, SourceMalformed, SourceOverBudget)
"""what leaves open whether a request that was sent has done its work"""
_FIRST_WAIT_SECONDS = 0.15
_FILE_STATUSES = frozenset({404, 410, 416})
_REFUSAL_BYTES = 64_000


class _Sending(msgspec.Struct):
    """Whether a request is with the vendor, or was when its answer was lost."""

    under_way: bool = False


class LiveSource:
    """A source that can be asked."""

    def __init__(
        self,
        told: Source,
        manifest: Manifest,
        site: Site,
        transport: Transport,
        *,
        timer: Timer,
        pace: Pace,
        timeout_seconds: float,
        max_bytes: int,
        base_url: str,
        metrics: SourceMetrics,
        budget: Budget,
        rounds: Rounds,
        mask: Mask,
        token_slots: Slots | None = None,
    ) -> None:
        self.id = site.id
        self._mask = mask
        self.told = told
        self.manifest = manifest
        self.site = site
        self.pace = pace
        self.timeout_seconds = timeout_seconds
        self._max_bytes = max_bytes
        self._root = root(base_url)
        self._transport = transport
        self._timer = timer
        self.budget = budget
        self._rounds = rounds
        self._tokens = TokenKeeper(site, manifest.auth, timer, self._carry_sign_in, token_slots)
        self._flights: Flights[Reply] = Flights()
        self._chance = random.Random()
        self._failing = False
        self.breaker = Breaker(timer)
        self._metrics = metrics
        self._attempts = Attempts(self.id, manifest.name, self.breaker, metrics, timer)
        self._retries = RetryBudget()

    def mask_for(self, caller: Caller) -> Mask | None:
        """What becomes of personal data in records for this caller; None: it stays as it is"""
        return None if caller.clear else self._mask

    async def send(self, request: Request, read: Callable[[Reply], T], trace: Trace) -> T:
        """What `read` makes of the vendor's reply, or a SourceError.

        A READ is repeated while deadline and retry budget last. Waiting ends at the deadline,
        though a shared flight goes on for the others. A WRITE is sent once; OutcomeUnknown if its
        answer was lost, and any SourceError then says that nothing was done.
        """
        seen = trace.source(self.id)
        sending = _Sending()
        if seen.started is None:
            seen.started = self._timer.monotonic()
        try:
            for attempt in range(_REPEATS + 1):
                try:
                    reply = await self._once(request, trace, seen, sending, retry=attempt > 0)
                    answer = read(reply)
                except RecursionError:
                    # Only decoding what a vendor sent goes that deep.
                    deep = SourceMalformed("its answer is nested deeper than it can be read")
                    self._gone(deep)
                    _lost(request, sending, deep)
                    raise deep from None
                except SourceError as error:
                    wait = self._wait_before_repeat(request, error, attempt, trace)
                    if wait is None:
                        seen.state = error.state
                        self._gone(error)
                        _lost(request, sending, error)
                        raise
                    seen.retries += 1
                    self._metrics.retries.inc()
                    await self._timer.sleep(wait)
                else:
                    seen.state = "OK"
                    self._back()
                    return answer
        finally:
            seen.ended = self._timer.monotonic()
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Gives the token back and closes the connections."""
        await self._flights.close()
        await self._tokens.release()
        await self._transport.close()

    # ------------------------------------------------------------ one attempt

    async def _once(
        self,
        request: Request,
        trace: Trace,
        seen: SourceTrace,
        sending: _Sending,
        *,
        retry: bool,
    ) -> Reply:
        if trace.max_requests is not None and trace.issued >= trace.max_requests:
            raise SourceOverBudget(
                "requests", f"maxRequests ({trace.max_requests}) is used up for this question"
            )
        remaining = trace.remaining_seconds
        if remaining <= 0:
            raise SourceOverBudget("deadline", "the deadline passed before it was asked")
        note = RequestNote(
            request.method,
            request.path,
            request.kind.value,
            started_ms=trace.elapsed_ms(),
            elapsed_ms=0,
            status=None,
            bytes=0,
            retry=retry,
            shared=False,
        )
        began = self._timer.monotonic()
        trace.issued += 1
        try:
            async with asyncio.timeout(remaining):
                if request.kind is Kind.READ:
                    reply, note.shared = await self._join(request, trace)
                    await self._rounds.turn()
                else:
                    reply = await self._fly(request, trace, sending)
            note.status, note.bytes = reply.status, len(reply.body)
            note.date = reply.headers.get("date")
        except TimeoutError:
            note.error = "TIMEOUT"
            raise SourceOverBudget(
                "deadline", "no answer was read before the deadline of this question"
            ) from None
        except SourceError as error:
            note.error = error.state
            raise
        else:
            return reply
        finally:
            note.elapsed_ms = round((self._timer.monotonic() - began) * 1000)
            if trace.noting:
                seen.notes.append(note)
            if note.shared:
                seen.shared += 1
                trace.issued -= 1
            else:
                seen.requests += 1

    async def _join(self, request: Request, trace: Trace) -> tuple[Reply, bool]:
        """the reply of a flight, and whether somebody else had started it"""
        key = (trace.caller.sight, request)
        while True:
            flight, shared = self._flights.board(key, lambda: self._fly(request, trace, _Sending()))
            try:
                return await flight, shared
            except SourceOverBudget:
                # That was the deadline of whoever started it; ours may be later.
                if not shared:
                    raise

    async def _fly(self, request: Request, trace: Trace, sending: _Sending) -> Reply:
        stale: Token | None = None
        renewed = False
        while True:
            token = await (self._tokens.renew(stale) if renewed else self._tokens.get())
            signed = self.manifest.auth.sign(self.site, request, token)
            slot = await self.budget.enter(trace)
            try:
                sending.under_way = True
                verdict, reply = await self._watched(signed, request)
            finally:
                await self.budget.leave(slot)
            if verdict is None:
                return reply
            if isinstance(verdict, SourceError):
                if isinstance(verdict, SourceThrottled):
                    self.budget.pause(verdict.retry_after_seconds or 0.0)
                raise verdict
            sending.under_way = False  # the token lapsed, so the vendor did nothing
            if renewed or token is None:
                raise SourceRefused(
                    "it does not take our credentials for this request"
                    + (" even right after signing in" if renewed else "")
                )
            stale, renewed = token, True

    # ------------------------------------------------------------ files

    @asynccontextmanager
    async def stream(
        self, location: str, trace: Trace, headers: tuple[tuple[str, str], ...] = ()
    ) -> AsyncIterator[Streamed]:
        """A file of the vendor's as it arrives; SourceError where it cannot be had.

        `location` is a path from the root of its host, or an address there. Its status is 200,
        206, 404, 410 or 416. Reading its parts raises SourceError too. It takes one of the
        source's slots only until its head is here.
        """
        path = own_path(self._root, location)
        stale: Token | None = None
        renewed = False
        for _ in range(MOST_REDIRECTS + 2):
            token = await (self._tokens.renew(stale) if renewed else self._tokens.get())
            request = Request("GET", path, headers=headers, accept=_FILE_STATUSES)
            async with self._head(self.manifest.auth.sign(self.site, request, token), trace) as got:
                moved = got.headers.get("location")
                if got.status in MOVED and moved is not None:
                    path = own_path(self._root, urljoin(self._root + path, moved))
                    continue
                verdict = await self._file_verdict(got, request)
                if verdict is None:
                    self._back()
                    parts = flowing(got, self.timeout_seconds)
                    async with aclosing(parts):
                        yield Streamed(got.status, got.headers, parts)
                    return
            if isinstance(verdict, SourceError):
                raise verdict
            if renewed or token is None:
                raise SourceRefused("it does not take our credentials for this file")
            stale, renewed = token, True
        raise SourceMalformed("the file moves on and on")

    @asynccontextmanager
    async def _head(self, signed: Request, trace: Trace) -> AsyncIterator[Streamed]:
        """The reply, its body yet to come. What is noted does not say where the file is."""
        seen = trace.source(self.id)
        note = RequestNote(
            "GET",
            "(a file)",
            Kind.READ.value,
            started_ms=trace.elapsed_ms(),
            elapsed_ms=0,
            status=None,
            bytes=0,
            retry=False,
            shared=False,
        )
        opened = self._transport.stream(signed, timeout=self.timeout_seconds)
        slot = await self.budget.enter(trace)
        try:
            with self._attempts.one(signed) as attempt:
                seen.notes.append(note)
                seen.requests += 1
                trace.issued += 1
                try:
                    async with asyncio.timeout(min(self.timeout_seconds, trace.remaining_seconds)):
                        got = await opened.__aenter__()
                except TimeoutError:
                    note.error = "TIMEOUT"
                    raise SourceTimeout(f"no answer within {self.timeout_seconds:g} s") from None
                except SourceError as error:
                    note.error = error.state
                    raise
                attempt.status, attempt.failed = got.status, got.status >= 500
                attempt.state = "UNAVAILABLE" if attempt.failed else "OK"
        finally:
            await self.budget.leave(slot)
        note.status, note.elapsed_ms = got.status, trace.elapsed_ms() - note.started_ms
        try:
            yield got
        finally:
            await opened.__aexit__(None, None, None)

    async def _file_verdict(self, got: Streamed, request: Request) -> SourceError | Expired | None:
        if got.status in (200, 206):
            if got.headers.get("content-encoding", "identity") == "identity":
                return None
            return SourceMalformed("it compresses a file that was asked for as it is")
        body = b""
        async with aclosing(flowing(got, self.timeout_seconds)) as parts:
            async for part in parts:
                body += part
                if len(body) > _REFUSAL_BYTES:
                    break
        return verdict_on(Reply(got.status, got.headers, body), request, self.manifest)

    async def _watched(
        self, signed: Request, request: Request
    ) -> tuple[SourceError | Expired | None, Reply]:
        """The reply and what it means, past the breaker, which learns how it went"""
        with self._attempts.one(request) as attempt:
            self._retries.request()
            began = self._timer.monotonic()
            reply = await self._carry(signed)
            verdict = verdict_on(reply, request, self.manifest)
            slow = self._timer.monotonic() - began > self.timeout_seconds * 0.9
            attempt.answered(reply, verdict, slow=slow)
            return verdict, reply

    async def _carry(self, request: Request) -> Reply:
        try:
            async with asyncio.timeout(self.timeout_seconds):
                return await self._transport.send(
                    request, timeout=self.timeout_seconds, max_bytes=self._max_bytes
                )
        except TimeoutError:
            raise SourceTimeout(f"no whole answer within {self.timeout_seconds:g} s") from None

    async def _carry_sign_in(self, request: Request) -> Reply:
        try:
            verdict, reply = await self._watched(request, request)
        except (SourceUnavailable, SourceTimeout):
            await self._timer.sleep(_FIRST_WAIT_SECONDS)
            verdict, reply = await self._watched(request, request)
        if isinstance(verdict, SourceError):
            raise verdict
        if verdict is not None:
            raise SourceRefused("it refused to sign us in")
        return reply

    # ------------------------------------------------------------ what a failure means

    def _wait_before_repeat(
        self, request: Request, error: SourceError, attempt: int, trace: Trace
    ) -> float | None:
        """Seconds to wait before the request is sent again; None: it is not"""
        if request.kind is not Kind.READ or attempt >= _REPEATS:
            return None
        if not isinstance(error, SICK):
            return None
        backoff: float = _FIRST_WAIT_SECONDS * 3**attempt * (0.5 + self._chance.random())
        wait = max(backoff, error.retry_after_seconds or 0.0)
        if wait >= trace.remaining_seconds or not self._retries.take():
            return None
        return wait

    def _gone(self, error: SourceError) -> None:
        if not self._failing and not isinstance(error, SourceOverBudget):
            self._failing = True
            log.warning("source %s is failing: %s: %s", self.id, error.state, error)

    def _back(self) -> None:
        if self._failing:
            self._failing = False
            log.warning("source %s is back", self.id)


def _lost(request: Request, sending: _Sending, error: SourceError) -> None:
    """Raises OutcomeUnknown if nobody can tell whether this write was done"""
    open_ended = sending.under_way and error.sent and isinstance(error, _LOST)
    if request.kind is Kind.WRITE and open_ended:
        raise OutcomeUnknown(str(error)) from error
