"""aiohttp as carrier: a tenth of httpx's work per request, and less where many are under way."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from graph.errors import ConfigError, SourceError
from graph.sources.contract import Kind, Reply, Request
from graph.transport.http import (
    AS_IT_IS,
    CLOSING,
    HEADERS,
    KEPT_SECONDS,
    LONGEST_CONNECT_SECONDS,
    Streamed,
    broken_off,
    by_name,
    not_connected,
    root,
    sound,
    target,
    timed_out,
    tls,
    unanswered,
    whole,
)

_LONGEST_HEADER_BYTES = 65_536
_ITS_GUESSES = ("content-type",)
"""what aiohttp would add to all but a GET without a body, where forbidding it would take time"""
_BUFFER_BYTES = 262_144
"""what may have come and not been read yet, before the vendor has to wait"""


class AiohttpTransport:
    """aiohttp over its own sockets; one bounded pool per source."""

    def __init__(
        self, base_url: str, *, verify: bool | str = True, max_connections: int = 16
    ) -> None:
        self._base_url = sound(base_url)
        self._root = root(base_url)
        self._tls = tls(verify)
        self._proxy = environments_proxy(base_url)
        self._max_connections = max_connections

    async def send(self, request: Request, *, timeout: float, max_bytes: int) -> Reply:
        writes = request.kind is Kind.WRITE
        session = self._fresh if writes else self._kept
        closing = CLOSING if writes else ()
        try:
            async with await _sent(session, self._base_url, request, timeout, closing) as incoming:
                headers = by_name(incoming.raw_headers)
                body = await whole(incoming.content.readany, headers, max_bytes)
        except aiohttp.ClientError as error:
            raise _told(error, timeout) from None
        return Reply(incoming.status, headers, body)

    @asynccontextmanager
    async def stream(self, request: Request, *, timeout: float) -> AsyncIterator[Streamed]:
        try:
            incoming = await _sent(self._kept, self._root, request, timeout, AS_IT_IS)
        except aiohttp.ClientError as error:
            raise _told(error, timeout) from None
        async with incoming, aclosing(_parts(incoming, timeout)) as parts:
            yield Streamed(incoming.status, by_name(incoming.raw_headers), parts)

    async def close(self) -> None:
        for name in ("_kept", "_fresh"):
            if name in self.__dict__:
                await getattr(self, name).close()

    # A session belongs to the loop that runs when it is made, so it is made when first needed.
    @cached_property
    def _kept(self) -> aiohttp.ClientSession:
        return self._session(keepalive_timeout=KEPT_SECONDS)

    @cached_property
    def _fresh(self) -> aiohttp.ClientSession:
        return self._session(force_close=True)

    def _session(self, **options: Any) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._max_connections, ssl=self._tls, **options),
            headers=HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            proxy=self._proxy,
            read_bufsize=_BUFFER_BYTES,
            max_line_size=_LONGEST_HEADER_BYTES,
            max_field_size=_LONGEST_HEADER_BYTES,
        )
        # aiohttp would send a GET again if the connection closed, and has no option against it.
        session._retry_connection = False  # noqa: SLF001
        return session


def environments_proxy(base_url: str) -> str | None:
    """The proxy that the environment names for this address; ConfigError if it is no HTTP one"""
    address = urlsplit(base_url)
    proxies = getproxies()
    proxy = proxies.get(address.scheme, proxies.get("all"))
    if not proxy or proxy_bypass(address.hostname or ""):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not proxy.startswith(("http://", "https://")):
        raise ConfigError("the environment names a proxy for it that does not speak HTTP")
    return proxy


@lru_cache
def _timeouts(timeout: float) -> aiohttp.ClientTimeout:
    # `connect` counts the wait for a connection to come free, too.
    longest = min(timeout, LONGEST_CONNECT_SECONDS)
    return aiohttp.ClientTimeout(connect=timeout, sock_connect=longest, sock_read=timeout)


async def _sent(
    session: aiohttp.ClientSession,
    base: str,
    request: Request,
    timeout: float,
    headers: tuple[tuple[str, str], ...],
) -> aiohttp.ClientResponse:
    plain = request.method == "GET" and request.body is None
    return await session.request(
        request.method,
        URL(target(base, request), encoded=True),
        headers=request.headers + headers,
        data=request.body,
        skip_auto_headers=None if plain else _ITS_GUESSES,
        allow_redirects=False,
        timeout=_timeouts(timeout),
    )


def _told(error: aiohttp.ClientError, timeout: float) -> SourceError:
    """aiohttp's error as one of ours; it tells whether anything was sent"""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return timed_out(timeout, error, sent=False)
        case aiohttp.ServerTimeoutError():
            return timed_out(timeout, error, sent=True)
        case aiohttp.ServerDisconnectedError():
            return unanswered()
        case aiohttp.ClientConnectorError() | aiohttp.ClientHttpProxyError():
            return not_connected(error, sent=False)
        case aiohttp.ClientPayloadError() | aiohttp.ClientResponseError():
            return broken_off()
        case _:
            return not_connected(error, sent=True)


async def _parts(reply: aiohttp.ClientResponse, timeout: float) -> AsyncGenerator[bytes, None]:
    try:
        async for part in reply.content.iter_any():
            yield part
    except aiohttp.ClientError as error:
        raise _told(error, timeout) from None
