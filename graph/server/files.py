"""`/reports/{id}/file`: the file of a finished report, passed on as it comes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette_compress import CompressMiddleware, remove_compress_type

from graph.caller import Caller
from graph.errors import (
    BadUserInput,
    GraphError,
    NotAllowed,
    NotSignedIn,
    SignInUnavailable,
    SourceError,
    SourcesFailed,
)
from graph.gather import keys
from graph.observe import log
from graph.reports.address import Addresses
from graph.reports.files import download
from graph.reports.gateway import Download
from graph.schema.context import Context
from graph.schema.rights import files_of, require
from graph.server.auth import Gate
from graph.server.endpoint import refusal_at_the_gate

_STATUSES = {"TIMEOUT": 504, "THROTTLED": 503, "BREAKER_OPEN": 503, "BUDGET": 503}
"""what a source's failure is in HTTP; all others are 502"""


class Served(Protocol):
    """Who tells who asks: by a token, by an address. It may change meanwhile."""

    gate: Gate
    addresses: Addresses


class ReportFile:
    """The ASGI endpoint. Once bytes flow, a failure can only end them: short of the length told."""

    def __init__(self, served: Served, context_of: Callable[[Request, Caller], Context]) -> None:
        self._served = served
        self._context_of = context_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        async with AsyncExitStack() as stack:
            try:
                context = self._context_of(request, await self._caller(request))
                require(context, *files_of(keys.read_id(request.path_params["id"])))
                asked = request.headers.get("range") if "if-range" not in request.headers else None
                id = request.path_params["id"]
                found = await stack.enter_async_context(download(id, asked, context.reading()))
            except GraphError as error:
                await _refusal(error)(scope, receive, send)
                return
            if found is None:
                message = "there is no such file, or no longer"
                await _answer(404, message, {"code": "NOT_FOUND"})(scope, receive, send)
            else:
                await _pass_on(found, send, head_only=request.method == "HEAD")

    async def _caller(self, request: Request) -> Caller:
        """Who asks: by a token, or by an address that was signed for somebody who may still ask"""
        signed = request.query_params.get("signed")
        if signed is None or "authorization" in request.headers:
            return await self._served.gate.caller(request.headers.get("authorization"))
        caller = self._served.addresses.read(request.path_params["id"], signed)
        if not self._served.gate.good(caller):
            raise NotSignedIn("the token that this address was made for is no longer good")
        return caller


async def _pass_on(found: Download, send: Send, *, head_only: bool) -> None:
    headers = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in found.headers.items()]
    await send({"type": "http.response.start", "status": found.status, "headers": headers})
    if not head_only:
        async for part in found.parts:
            if isinstance(part, SourceError):
                # Without its last message the server cuts the connection, so nobody takes what
                # has come for the whole file.
                log.warning("a report file broke off: %s: %s", part.state, part)
                return
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _refusal(error: GraphError) -> Response:
    said = error.extensions()
    if isinstance(error, BadUserInput):
        return _answer(400, str(error), said)
    if isinstance(error, NotAllowed):
        return _answer(403, str(error), said)
    if isinstance(error, NotSignedIn | SignInUnavailable):
        return refusal_at_the_gate(error)
    status = 500
    if isinstance(error, SourcesFailed):
        status = _STATUSES.get(said["code"], 502)
    return _answer(status, str(error), said)


def _answer(status: int, message: str, extensions: Any) -> Response:
    body = {"errors": [{"message": message, "extensions": extensions}]}
    return Response(msgspec.json.encode(body), status, media_type="application/json")


# An event is told when it happens, to whoever is between us and the caller as well.
remove_compress_type("text/event-stream")


class Compressed:
    """Compresses answers (zstd, Brotli or gzip, as the caller accepts), but not files: they flow as
    they are, in the length that was told.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._packed = CompressMiddleware(app, minimum_size=2048)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        file = scope["type"] == "http" and scope["path"].startswith("/reports/")
        await (self._plain if file else self._packed)(scope, receive, send)
