"""Bytes out, bytes in. Whatever carries them stands behind `Transport`.

What every carrier has in common is here, and `HttpxTransport`: the one that runs anywhere, and over
anything httpx can be given, such as an app in this process. `aiohttp.py` is the faster one.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import zlib
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import NamedTuple, Protocol
from urllib.parse import quote, quote_plus, urlencode, urlsplit

import httpx

from graph.errors import (
    ConfigError,
    SourceMalformed,
    SourceRejected,
    SourceTimeout,
    SourceUnavailable,
)
from graph.sources.contract import Kind, Reply, Request

# httpx tells every address at INFO, and some vendors' addresses hold their token.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)


class Streamed(NamedTuple):
    """A reply whose body has yet to come: in parts, as they arrive and as they were sent."""

    status: int
    headers: Mapping[str, str]
    parts: AsyncGenerator[bytes, None]


class Transport(Protocol):
    """Sends one request and gives the reply; never follows a redirect, never repeats.

    Raises SourceUnavailable where there is no connection, SourceTimeout, and SourceMalformed where
    the reply has more than `max_bytes`, as sent or unpacked, or breaks off. A WRITE goes over a
    connection of its own: one that was kept may be dead, and then nobody could tell whether the
    request arrived. `stream` joins the request's path to the root of the host and gives the body
    part by part. No cookie is kept. The environment's proxies are used.
    """

    async def send(self, request: Request, *, timeout: float, max_bytes: int) -> Reply: ...

    def stream(
        self, request: Request, *, timeout: float
    ) -> AbstractAsyncContextManager[Streamed]: ...

    async def close(self) -> None: ...


# ---------------------------------------------------------------- what all carriers share

HEADERS = {"user-agent": "cdr-graph", "accept-encoding": "gzip, deflate"}
AS_IT_IS = (("accept-encoding", "identity"),)
CLOSING = (("connection", "close"),)
LONGEST_CONNECT_SECONDS = 5.0
KEPT_SECONDS = 5.0
"""how long an idle connection is kept: shorter than most servers keep theirs"""

_LONGEST_ADDRESS = 65_536
# What may stand in a path with its query (RFC 3986), and % since it comes escaped.
_IN_PATH = "/?%:@!$&'()*+,;=-._~"


@cache
def tls(verify: bool | str) -> ssl.SSLContext:
    """The context for `verify_tls`: true, false, or the path of a CA file (OSError if unusable)"""
    if isinstance(verify, str):
        return ssl.create_default_context(cafile=verify)
    return httpx.create_ssl_context(verify=verify)


def sound(base_url: str) -> str:
    """The address, if requests can be sent to it; ConfigError, without a word of it, if not"""
    try:
        address = httpx.URL(base_url)
    except httpx.InvalidURL:
        raise ConfigError("base_url: this is no address") from None
    if not address.host:
        raise ConfigError("base_url: it names no host")
    if address.userinfo:
        raise ConfigError("base_url: no user or password in it; they belong in credentials")
    return base_url.rstrip("/")


def root(base_url: str) -> str:
    """Scheme and host of an address"""
    return "{0.scheme}://{0.netloc}".format(urlsplit(base_url))


def target(base: str, request: Request) -> str:
    """The whole address of a request, escaped; SourceRejected where HTTP cannot carry it"""
    try:
        address = base + quote(request.path, safe=_IN_PATH)
        if request.params:
            address += ("&" if "?" in address else "?") + _form(request.params)
    except UnicodeEncodeError:
        raise _cannot_be_carried() from None
    if len(address) > _LONGEST_ADDRESS or not all(
        text.isascii() and text.isprintable() for header in request.headers for text in header
    ):
        raise _cannot_be_carried()
    return address


_ESCAPES = str.maketrans({chr(n): quote_plus(chr(n)) for n in range(128)})


def _form(params: Sequence[tuple[str, str]]) -> str:
    """The same as `urlencode`, a tenth of whose time is enough where all is ASCII"""
    text = "&".join([f"{n.translate(_ESCAPES)}={v.translate(_ESCAPES)}" for n, v in params])
    return text if text.isascii() else urlencode(params)


def _cannot_be_carried() -> SourceRejected:
    return SourceRejected("the request is too long, or has characters that HTTP cannot carry")


def by_name(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Headers by their names in lower case; what comes several times is one list (RFC 9110, 5.3)"""
    named: dict[str, str] = {}
    for given, sent in headers:
        name, value = given.decode("latin-1").lower(), sent.decode("latin-1")
        named[name] = f"{named[name]}, {value}" if name in named else value
    return named


async def whole(
    read: Callable[[], Awaitable[bytes]], headers: Mapping[str, str], max_bytes: int
) -> bytes:
    """The body of a reply, unpacked; SourceMalformed if it is too large or cannot be unpacked.

    `read` gives what has come; nothing at the end.
    """
    told = headers.get("content-length", "")
    if told.isdigit() and int(told) > max_bytes:
        raise _too_large(max_bytes)
    came: list[bytes] = []
    size = 0
    while part := await read():
        size += len(part)
        if size > max_bytes:
            raise _too_large(max_bytes)
        came.append(part)
    body = came[0] if len(came) == 1 else b"".join(came)
    coding = headers.get("content-encoding", "identity").strip().lower()
    return body if coding in ("identity", "") or not body else _unpacked(body, coding, max_bytes)


# zlib's words for which wrappings of its format to expect, in the order to try them.
_WRAPPINGS = {
    "gzip": (zlib.MAX_WBITS | 16,),
    "x-gzip": (zlib.MAX_WBITS | 16,),
    "deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS),  # some servers leave its wrapping out
}


def _unpacked(body: bytes, coding: str, max_bytes: int) -> bytes:
    for wrapping in _WRAPPINGS.get(coding, ()):
        unpacking = zlib.decompressobj(wrapping)
        try:
            plain = unpacking.decompress(body, max_bytes + 1)
        except zlib.error:
            continue
        if len(plain) > max_bytes:
            raise _too_large(max_bytes)
        if unpacking.eof:
            return plain
    raise SourceMalformed("the body's compression is broken, or not one that was asked for")


def _too_large(max_bytes: int) -> SourceMalformed:
    return SourceMalformed(
        f"the answer has more than {max_bytes // 1_000_000} MB (max_response_mb)"
    )


def timed_out(timeout: float, error: Exception, *, sent: bool) -> SourceTimeout:
    # The class alone: an exception's text may hold the address, and with it a token.
    return SourceTimeout(f"no answer within {timeout:.1f} s ({type(error).__name__})", sent=sent)


def not_connected(error: Exception, *, sent: bool) -> SourceUnavailable:
    return SourceUnavailable(f"no connection ({type(error).__name__})", sent=sent)


def unanswered() -> SourceUnavailable:
    """A kept connection that the vendor closes while we send: nothing of an answer came"""
    return SourceUnavailable("it closed the connection and did not answer")


def broken_off() -> SourceMalformed:
    return SourceMalformed("the connection ended in the middle of the answer")


# ---------------------------------------------------------------- httpx


class HttpxTransport:
    """httpx over its own sockets, or over `transport`; one bounded pool per source."""

    def __init__(
        self,
        base_url: str,
        *,
        verify: bool | str = True,
        max_connections: int = 16,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base_url = sound(base_url)
        self._root = root(base_url)
        context = tls(verify)

        def client(kept: int) -> httpx.AsyncClient:
            return httpx.AsyncClient(
                verify=context,
                follow_redirects=False,
                limits=httpx.Limits(
                    max_connections=max_connections,
                    max_keepalive_connections=kept,
                    keepalive_expiry=KEPT_SECONDS,
                ),
                headers=HEADERS,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
                transport=transport,
            )

        self._client = client(max_connections)
        self._fresh = client(0)

    async def send(self, request: Request, *, timeout: float, max_bytes: int) -> Reply:
        writes = request.kind is Kind.WRITE
        client = self._fresh if writes else self._client
        outgoing = _request(client, self._base_url, request, timeout, CLOSING if writes else ())
        with _told(timeout):
            incoming = await client.send(outgoing, stream=True)
            try:
                headers = by_name(incoming.headers.raw)
                raw = incoming.aiter_raw()
                body = await whole(lambda: anext(raw, b""), headers, max_bytes)
            finally:
                await incoming.aclose()
        return Reply(incoming.status_code, headers, body)

    @asynccontextmanager
    async def stream(self, request: Request, *, timeout: float) -> AsyncIterator[Streamed]:
        outgoing = _request(self._client, self._root, request, timeout, AS_IT_IS)
        with _told(timeout):
            incoming = await self._client.send(outgoing, stream=True)
        try:
            async with aclosing(_parts(incoming, timeout)) as parts:
                headers = by_name(incoming.headers.raw)
                yield Streamed(incoming.status_code, headers, parts)
        finally:
            await incoming.aclose()

    async def close(self) -> None:
        await self._client.aclose()
        await self._fresh.aclose()


async def fetch(
    address: str, *, verify: bool | str = True, timeout: float = 5.0, max_bytes: int = 1_000_000
) -> bytes:
    """The body that an address outside of every source has; a SourceError if it has none in time"""
    place = urlsplit(address)
    path = (place.path or "/") + (f"?{place.query}" if place.query else "")
    carrier = HttpxTransport(f"{place.scheme}://{place.netloc}", verify=verify, max_connections=1)
    try:
        async with asyncio.timeout(timeout):
            reply = await carrier.send(Request("GET", path), timeout=timeout, max_bytes=max_bytes)
    except TimeoutError:
        raise SourceTimeout(f"no whole answer within {timeout:g} s") from None
    finally:
        await carrier.close()
    if reply.status != 200:
        raise SourceUnavailable(f"it answered with HTTP status {reply.status}")
    return reply.body


def _request(
    client: httpx.AsyncClient,
    base: str,
    request: Request,
    timeout: float,
    headers: tuple[tuple[str, str], ...],
) -> httpx.Request:
    return client.build_request(
        request.method,
        target(base, request),
        headers=[*request.headers, *headers],
        content=request.body,
        timeout=httpx.Timeout(timeout, connect=min(timeout, LONGEST_CONNECT_SECONDS)),
    )


@contextmanager
def _told(timeout: float) -> Iterator[None]:
    """Turns httpx's errors into ours; they tell whether anything was sent"""
    try:
        yield
    except httpx.TimeoutException as error:
        sent = not isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
        raise timed_out(timeout, error, sent=sent) from None
    except httpx.RemoteProtocolError as error:
        if str(error).startswith("Server disconnected"):
            raise unanswered() from None
        raise broken_off() from None
    except httpx.TransportError as error:
        raise not_connected(error, sent=not isinstance(error, httpx.ConnectError)) from None


async def _parts(reply: httpx.Response, timeout: float) -> AsyncGenerator[bytes, None]:
    with _told(timeout):
        async for part in reply.aiter_raw():
            yield part
