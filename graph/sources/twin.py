"""What all twins share: the history they show, a clock, faults, and a log of what was asked.

A twin is a vendor's API as a Starlette app. It behaves as that vendor's documents say: its sign-in,
limits, caps, error bodies, odd content types and clocks. It never imports its vendor's mapping, so
that a mistake made in the mapping cannot be made again here.
"""

from __future__ import annotations

import asyncio
import bisect
import random
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.sources import company

Clock = Callable[[], datetime]

FaultKind = Literal[
    # played by the wrapper around every twin:
    "status",  # answers `status` (with Retry-After if `retry_after` is set)
    "hang",  # waits `seconds`, then answers as usual
    "drip",  # sends the body in small parts with `seconds` between them
    "late",  # acts at once, and waits `seconds` before it answers
    "cut",  # ends in the middle of the body
    "html",  # answers 200 with an HTML page
    "content_type",  # the right body with a wrong content type
    "empty",  # answers 200 with no body
    "huge",  # answers 200 with `size_mb` megabytes of valid but endless JSON
    # played by the vendor's simulator, in that vendor's own words:
    "error",  # the vendor's way to refuse inside (or with) its answer; `code` picks which
    "expire",  # every token given out so far is forgotten
    "duplicate",  # the first row of a page comes twice
    "unknown",  # words that nobody has seen before
    "repeat",  # the first page again, whatever page was asked for
]


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """What goes wrong. It lets `skip` matching requests pass, then plays `times` times."""

    kind: FaultKind
    path: str = ""
    """only requests whose path contains this text"""
    skip: int = 0
    times: int = 1
    """0: for ever"""
    status: int = 500
    retry_after: float | None = None
    seconds: float = 30.0
    size_mb: int = 50
    code: str = ""


class Received(msgspec.Struct, frozen=True):
    """One request that a twin got."""

    method: str
    path: str
    query: str
    at: datetime
    body: bytes = b""
    headers: dict[str, str] = {}


class World:
    """One twin's history, clock, faults and request log. Tests hold it while the twin runs.

    `calls` is sorted by start and may be changed with `add` and `remove`. `given` are entries in
    the vendor's own shape, to be served instead of calls. Calls going on are not shown.
    """

    def __init__(
        self,
        calls: Sequence[company.Call] = (),
        *,
        clock: Clock | None = None,
        given: Sequence[Mapping[str, Any]] | None = None,
        faults: Sequence[Fault] = (),
        seed: int = 0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.calls = sorted(calls, key=_start)
        self.clock: Clock = clock or (lambda: datetime.now(UTC))
        self.given = None if given is None else [dict(entry) for entry in given]
        self.faults = list(faults)
        self.received: list[Received] = []
        self.revision = 0
        self.seed = seed
        self.chance = random.Random(seed)
        self.sleep = sleep

    def add(self, *calls: company.Call) -> None:
        for call in calls:
            bisect.insort(self.calls, call, key=_start)
        self.revision += 1

    def remove(self, *calls: company.Call) -> None:
        for call in calls:
            self.calls.remove(call)
        self.revision += 1

    def visible(self, delay_seconds: float = 0) -> list[company.Call]:
        """The calls that have ended, and that long ago, sorted by start"""
        now = self.clock() - timedelta(seconds=delay_seconds)
        end = bisect.bisect_right(self.calls, now, key=_start)
        shown = self.calls[:end]
        # Only the last hours can hold calls that are still going on.
        recent = bisect.bisect_left(shown, now - timedelta(hours=8), key=_start)
        return shown[:recent] + [call for call in shown[recent:] if call.ended_at <= now]

    def fault(self, kind: FaultKind, **options: Any) -> Fault:
        """Plans a fault and returns it"""
        planned = Fault(kind, **options)
        self.faults.append(planned)
        return planned

    def take(self, path: str, *kinds: FaultKind) -> Fault | None:
        """The fault of these kinds that this request has to suffer, if any; it counts as played"""
        for fault in self.faults:
            if fault.kind in kinds and fault.path in path:
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.times == 1:
                    self.faults.remove(fault)
                elif fault.times > 1:
                    fault.times -= 1
                return fault
        return None

    def spoil(
        self, path: str, rows: list[dict[str, Any]], words: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """The page's rows with the planned "duplicate" and "unknown" faults in them.

        `words` are the keys that hold a vendor's words, with a word nobody has seen before.
        """
        if rows and self.take(path, "duplicate"):
            rows = [rows[0], *rows]
        if rows and self.take(path, "unknown"):
            rows = [{key: words.get(key, value) for key, value in row.items()} for row in rows]
        return rows


def _start(call: company.Call) -> datetime:
    return call.started_at


_WRAPPED: tuple[FaultKind, ...] = (
    "status", "hang", "late", "drip", "cut", "html", "content_type", "empty", "huge",
)  # fmt: skip


class Watched:
    """The twin's app with its request log, its faults, and a look inside at `/_twin/received`."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self.app = app
        self.world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"] == "/_twin/received":
            await _reply(send, 200, msgspec.json.encode(self.world.received), b"application/json")
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if message["type"] != "http.request" or not message.get("more_body"):
                break
        self.world.received.append(
            Received(
                scope["method"],
                scope["path"],
                scope["query_string"].decode("latin-1"),
                self.world.clock(),
                body,
                {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]},
            )
        )
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        fault = self.world.take(scope["path"], *_WRAPPED)
        if fault is None:
            await self.app(scope, again, send)
        else:
            await self._suffer(fault, scope, again, send)

    async def _suffer(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind == "status":
            headers = []
            if fault.retry_after is not None:
                headers.append((b"retry-after", f"{fault.retry_after:g}".encode()))
            await _reply(send, fault.status, b"the twin was told to fail", b"text/plain", headers)
        elif fault.kind == "html":
            await _reply(send, 200, b"<!doctype html><title>Login</title>", b"text/html")
        elif fault.kind == "empty":
            await _reply(send, 200, b"", b"application/json")
        elif fault.kind == "huge":
            await send(_head(200, [(b"content-type", b"application/json")]))
            await send({"type": "http.response.body", "body": b'{"items":[', "more_body": True})
            block = b'"' + b"x" * 65530 + b'",'
            for _ in range(fault.size_mb * 16):
                await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": b'""]}'})
        else:
            if fault.kind == "hang":
                await self.world.sleep(fault.seconds)
            status, headers, body = await self._whole(scope, receive)
            if fault.kind == "late":
                await self.world.sleep(fault.seconds)
            if fault.kind == "content_type":
                headers = [h for h in headers if h[0] != b"content-type"]
                headers.append((b"content-type", b"image/png"))
            await send(_head(status, headers))
            if fault.kind == "cut":
                await send({"type": "http.response.body", "body": body[: len(body) // 2]})
                return
            if fault.kind == "drip":
                for at in range(0, len(body), 16):
                    part = {"type": "http.response.body", "body": body[at : at + 16]}
                    await send({**part, "more_body": True})
                    await self.world.sleep(fault.seconds)
                body = b""
            await send({"type": "http.response.body", "body": body})

    async def _whole(
        self, scope: Scope, receive: Receive
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        status, headers, parts = 200, [], []

        async def collect(message: MutableMapping[str, Any]) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message["headers"])
            else:
                parts.append(message.get("body", b""))

        await self.app(scope, receive, collect)
        return status, headers, b"".join(parts)


def _head(status: int, headers: list[tuple[bytes, bytes]]) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


async def _reply(
    send: Send,
    status: int,
    body: bytes,
    content_type: bytes,
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    length = str(len(body)).encode()
    every = [(b"content-type", content_type), (b"content-length", length), *headers]
    await send(_head(status, every))
    await send({"type": "http.response.body", "body": body})
