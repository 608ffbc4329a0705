"""What holds for every request, before anything else looks at it, and for every answer.

A request gets an id; a page of another site that is not allowed here gets nothing; answers get the
headers that keep browsers from doing with them what nobody meant.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.errors import NotAllowed
from graph.observe import request_id

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_ONLY_TLS = (b"strict-transport-security", b"max-age=31536000")


class Edge:
    """The outermost ASGI app. The id is `scope["state"]["request_id"]`, and `X-Request-Id`."""

    def __init__(self, app: ASGIApp, *, allowed_origins: Collection[str] = ()) -> None:
        self._app = app
        self._allowed = frozenset(origin.rstrip("/").lower() for origin in allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        given = headers.get(b"x-request-id", "")
        id = given if _SANE_ID.fullmatch(given) else request_id()
        scope.setdefault("state", {})["request_id"] = id
        own = [(b"x-request-id", id.encode()), *_HEADERS]
        if scope["scheme"] == "https":
            own.append(_ONLY_TLS)

        begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                there = [*message["headers"], *own]
                if not any(name == _POLICY[0] for name, _ in message["headers"]):
                    there.append(_POLICY)
                message["headers"] = there
            await send(message)

        app = self._app
        if scope["path"].endswith("/graphql") and not self._may_ask(scope, headers):
            app = _refusal()
        try:
            await app(scope, receive, send_with_headers)
        except asyncio.CancelledError:
            # A server that has waited for long enough before it stops; nothing else does that.
            if not begun:
                await _stopping()(scope, receive, send_with_headers)

    def _may_ask(self, scope: Scope, headers: Mapping[bytes, str]) -> bool:
        """It comes from no page of a browser, from one of ours, or from one that is allowed here.

        Browsers tell (Fetch Metadata, https://www.w3.org/TR/fetch-metadata/, and RFC 6454). What
        tells nothing is no browser, or an old one, which cannot read an answer of another site.
        """
        site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
        if site in ("same-origin", "none"):
            return True
        if origin is not None:
            own = urlsplit(origin).netloc.lower() == headers.get(b"host", "").lower()
            return own or origin.rstrip("/").lower() in self._allowed
        if site is None:
            return True
        # A link to our page may stand anywhere; one that asks something may not.
        opens = headers.get(b"sec-fetch-mode") == "navigate" and scope["method"] == "GET"
        return opens and not scope["query_string"]


def _stopping() -> Response:
    message = "the server is being stopped; ask again"
    extensions = {"code": "UNAVAILABLE", "retryable": True, "retryAfterSeconds": 1}
    body = {"errors": [{"message": message, "extensions": extensions}]}
    headers = {"retry-after": "1", "connection": "close"}
    return Response(msgspec.json.encode(body), 503, headers, media_type="application/json")


def _refusal() -> Response:
    error = NotAllowed(
        "origin",
        "a page of another site asks; if it may, its origin belongs in server.allowed_origins",
    )
    body = {"errors": [{"message": str(error), "extensions": {"code": error.code}}]}
    return Response(msgspec.json.encode(body), 403, media_type="application/json")
