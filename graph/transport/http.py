"""Bytes out, bytes in. Whatever carries them stands behind `Transport`."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

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
    the reply has more than `max_bytes` or breaks off. A WRITE goes over a connection of its own:
    one that was kept may be dead, and then nobody could tell whether the request arrived.
    `stream` joins the request's path to the root of the host and gives the body part by part.
    """

    async def send(self, request: Request, *, timeout: float, max_bytes: int) -> Reply: ...

    def stream(
        self, request: Request, *, timeout: float
    ) -> AbstractAsyncContextManager[Streamed]: ...

    async def close(self) -> None: ...


def tls(verify: bool | str) -> ssl.SSLContext | bool:
    """What httpx takes for `verify_tls`: true, false, or the path of a CA file"""
    if isinstance(verify, bool):
        return verify
    return ssl.create_default_context(cafile=verify)


class HttpxTransport:
    """httpx over its own sockets, one bounded pool per source."""

    def __init__(
        self,
        base_url: str,
        *,
        verify: bool | str = True,
        max_connections: int = 16,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base_url = _sound(base_url).rstrip("/")
        self._root = "{0.scheme}://{0.netloc}".format(urlsplit(base_url))
        context = tls(verify)

        def client(kept: int) -> httpx.AsyncClient:
            return httpx.AsyncClient(
                verify=context,
                follow_redirects=False,
                limits=httpx.Limits(
                    max_connections=max_connections, max_keepalive_connections=kept
                ),
                headers={"user-agent": "cdr-graph", "accept-encoding": "gzip, deflate"},
                transport=transport,
            )

        self._client = client(max_connections)
        self._fresh = client(0)

    async def send(self, request: Request, *, timeout: float, max_bytes: int) -> Reply:
        writes = request.kind is Kind.WRITE
        client = self._fresh if writes else self._client
        headers = (("connection", "close"),) if writes else ()
        outgoing = _request(client, self._base_url, request, timeout, headers)
        with _told(timeout):
            incoming = await client.send(outgoing, stream=True)
            try:
                body = await _read(incoming, max_bytes)
            finally:
                await incoming.aclose()
        return Reply(incoming.status_code, _headers(incoming.headers), body)

    @asynccontextmanager
    async def stream(self, request: Request, *, timeout: float) -> AsyncIterator[Streamed]:
        as_it_is = (("accept-encoding", "identity"),)
        outgoing = _request(self._client, self._root, request, timeout, as_it_is)
        with _told(timeout):
            incoming = await self._client.send(outgoing, stream=True)
        try:
            async with aclosing(_parts(incoming, timeout)) as parts:
                yield Streamed(incoming.status_code, _headers(incoming.headers), parts)
        finally:
            await incoming.aclose()

    async def close(self) -> None:
        await self._client.aclose()
        await self._fresh.aclose()


def _request(
    client: httpx.AsyncClient,
    base: str,
    request: Request,
    timeout: float,
    headers: tuple[tuple[str, str], ...],
) -> httpx.Request:
    try:
        return client.build_request(
            request.method,
            base + request.path,
            params=list(request.params) or None,
            headers=[*request.headers, *headers],
            content=request.body,
            timeout=httpx.Timeout(timeout, connect=min(timeout, 5.0)),
        )
    except (httpx.InvalidURL, UnicodeEncodeError):
        raise SourceRejected(
            "the request is too long, or has characters that HTTP cannot carry"
        ) from None


@contextmanager
def _told(timeout: float) -> Iterator[None]:
    """Turns httpx's errors into ours; they tell whether anything was sent"""
    try:
        yield
    except httpx.TimeoutException as error:
        sent = not isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
        raise SourceTimeout(
            f"no answer within {timeout:.1f} s ({_name(error)})", sent=sent
        ) from None
    except httpx.DecodingError:
        raise SourceMalformed("the body's compression is broken") from None
    except httpx.RemoteProtocolError as error:
        if str(error).startswith("Server disconnected"):
            # A kept connection that the vendor closes while we send: nothing of an answer came.
            raise SourceUnavailable("it closed the connection and did not answer") from None
        raise SourceMalformed("the connection ended in the middle of the answer") from None
    except httpx.TransportError as error:
        sent = not isinstance(error, httpx.ConnectError)
        raise SourceUnavailable(f"no connection ({_name(error)})", sent=sent) from None


async def _parts(reply: httpx.Response, timeout: float) -> AsyncGenerator[bytes, None]:
    with _told(timeout):
        async for part in reply.aiter_raw():
            yield part


def _sound(base_url: str) -> str:
    """The address, if requests can be sent to it; ConfigError, without a word of it, if not"""
    try:
        address = httpx.URL(base_url)
    except httpx.InvalidURL:
        raise ConfigError("base_url: this is no address") from None
    if not address.host:
        raise ConfigError("base_url: it names no host")
    if address.userinfo:
        raise ConfigError("base_url: no user or password in it; they belong in credentials")
    return base_url


async def _read(reply: httpx.Response, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in reply.aiter_bytes():
        size += len(part)
        if size > max_bytes:
            raise SourceMalformed(
                f"the answer has more than {max_bytes // 1_000_000} MB (max_response_mb)"
            )
        parts.append(part)
    return b"".join(parts)


def _headers(headers: httpx.Headers) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _name(error: Exception) -> str:
    # The class alone: an exception's text may hold the address, and with it a token.
    return type(error).__name__
