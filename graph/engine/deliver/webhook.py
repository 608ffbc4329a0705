"""A signed POST that says where a file is (Standard Webhooks 1.0.0), to an allowed public address.

Headers `webhook-id`, `webhook-timestamp`, `webhook-signature` (v1, HMAC-SHA256, Base64), read
2026-03: https://github.com/standard-webhooks/standard-webhooks. The id is also `Idempotency-Key`.
Names are looked up here, and only a public address of them is connected to, so that no name can
lead into the own network; redirects are not followed.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

import httpcore
import msgspec
from httpcore import AsyncNetworkBackend, AsyncNetworkStream

from graph.config import WebhookSettings
from graph.engine.deliver.message import Message, Undelivered

_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: an IPv4 address in the last 32 bits"""


def allowed(url: str, settings: WebhookSettings) -> str | None:
    """Why nothing may be posted there; None if it may"""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "this is no address such as https://hooks.example.com/reports"
    schemes = ("https", "http") if settings.private else ("https",)
    if parts.scheme not in schemes or not parts.hostname:
        return "this is no address such as https://hooks.example.com/reports"
    if parts.username is not None or parts.password is not None:
        return "credentials do not belong into an address; messages are signed"
    known = {host.casefold() for host in settings.hosts}
    host = parts.hostname.casefold()
    if host not in known and f"{host}:{port}" not in known:
        return "this host is not among those that this server may tell of files"
    return None


def body_of(message: Message) -> bytes:
    return msgspec.json.encode(
        {
            "type": "report.completed",
            "id": message.id,
            "report": {"id": message.report_id, "name": message.name, "type": message.type},
            "run": message.run_id,
            "window": {"since": message.since, "until": message.until},
            "timeZone": message.time_zone,
            "complete": message.complete,
            "missing": message.missing,
            "entries": message.entries,
            "file": {
                "format": message.format,
                "name": message.file_name,
                "sizeBytes": message.size_bytes,
                "path": message.file_path,
                "url": message.link,
            },
        }
    )


def signature(secret: bytes, id: str, timestamp: int, body: bytes) -> str:
    signed = f"{id}.{timestamp}.".encode() + body
    mac = hmac.new(secret, signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode()


async def send(url: str, message: Message, settings: WebhookSettings, now: datetime) -> None:
    """Undelivered where it was not taken with a status of 2xx"""
    refused = allowed(url, settings)
    if refused is not None:
        raise Undelivered(refused, may_help=False)
    body, timestamp = body_of(message), int(now.astimezone(UTC).timestamp())
    headers: dict[bytes | str, bytes | str] = {
        "content-type": "application/json",
        "user-agent": "cdr-graph",
        "idempotency-key": message.id,
        "webhook-id": message.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(
            settings.secret.reveal().encode(), message.id, timestamp, body
        ),
        "content-length": str(len(body)),
        "host": urlsplit(url).netloc,
    }
    seconds = settings.timeout_ms / 1000
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
    backend = _Public() if not settings.private else httpcore.AnyIOBackend()
    try:
        async with (
            asyncio.timeout(2 * seconds),
            httpcore.AsyncConnectionPool(
                network_backend=backend, ssl_context=ssl.create_default_context()
            ) as pool,
            pool.stream(
                "POST", url, headers=headers, content=body, extensions={"timeout": timeouts}
            ) as reply,
        ):
            status = reply.status
    except _Private:
        raise Undelivered(
            "the host has no public address, and others are not connected to", may_help=False
        ) from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException,
            TimeoutError, OSError) as error:  # fmt: skip
        raise Undelivered(
            f"the host could not be reached ({type(error).__name__})", may_help=True
        ) from None
    if not 200 <= status < 300:
        again = status in (408, 425, 429) or status >= 500
        raise Undelivered(f"the host answered {status}", may_help=again)


class _Private(Exception):
    """A name that leads to no public address"""


class _Public(AsyncNetworkBackend):
    """Connects to public addresses only, and to those that it has looked at itself."""

    def __init__(self) -> None:
        self._own = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        public = [address for address in addresses if is_public(address)]
        if not public:
            raise _Private
        return await self._own.connect_tcp(public[0], port, timeout, local_address, socket_options)


def is_public(address: str) -> bool:
    """An address of the public internet; those that wrap an IPv4 address are what that is"""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        ip = inner or ip
    return ip.is_global and not ip.is_multicast
