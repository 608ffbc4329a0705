"""Bytes out, bytes in. Whatever carries them stands behind `Transport`."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from typing import Protocol

import httpx

from graph.errors import (
    ConfigError,
    SourceMalformed,
    SourceRejected,
    SourceTimeout,
    SourceUnavailable,
)
from graph.sources.contract import Reply, Request

# httpx tells every address at INFO, and some vendors' addresses hold their token.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)


class Transport(Protocol):
    """Sends one request and gives the whole reply; never follows a redirect, never repeats.

    Raises SourceUnavailable where there is no connection, SourceTimeout, and SourceMalformed where
    the reply has more than `max_bytes` or breaks off.
    """

    async def send(self, request: Request, *, timeout: float, max_bytes: int) -> Reply: ...

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
        self._client = httpx.AsyncClient(
            verify=tls(verify),
            follow_redirects=False,
            limits=httpx.Limits(
                max_connections=max_connections, max_keepalive_connections=max_connections
            ),
            headers={"user-agent": "cdr-graph", "accept-encoding": "gzip, deflate"},
            transport=transport,
        )

    async def send(self, request: Request, *, timeout: float, max_bytes: int) -> Reply:
        try:
            outgoing = self._client.build_request(
                request.method,
                self._base_url + request.path,
                params=list(request.params) or None,
                headers=list(request.headers),
                content=request.body,
                timeout=httpx.Timeout(timeout, connect=min(timeout, 5.0)),
            )
        except (httpx.InvalidURL, UnicodeEncodeError):
            raise SourceRejected(
                "the request is too long, or has characters that HTTP cannot carry"
            ) from None
        try:
            incoming = await self._client.send(outgoing, stream=True)
            try:
                body = await _read(incoming, max_bytes)
            finally:
                await incoming.aclose()
        except httpx.TimeoutException as error:
            raise SourceTimeout(f"no answer within {timeout:.1f} s ({_name(error)})") from None
        except httpx.DecodingError:
            raise SourceMalformed("the body's compression is broken") from None
        except httpx.RemoteProtocolError:
            raise SourceMalformed("the connection ended in the middle of the answer") from None
        except httpx.TransportError as error:
            raise SourceUnavailable(f"no connection ({_name(error)})") from None
        return Reply(incoming.status_code, _headers(incoming.headers), body)

    async def close(self) -> None:
        await self._client.aclose()


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
