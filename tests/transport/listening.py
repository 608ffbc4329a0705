"""A server that says byte for byte what it is told to, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from graph.errors import GraphError
from graph.sources.contract import Request
from graph.transport.aiohttp import AiohttpTransport
from graph.transport.http import HttpxTransport, Transport
from tests.support import run

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
CARRIERS: list[Callable[..., Transport]] = [HttpxTransport, AiohttpTransport]


def reply(body: bytes = b"ok", *headers: str, status: str = "200 OK") -> bytes:
    """A whole HTTP/1.1 reply"""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Listener:
    """`heard`: the heads of all requests, each with the number of its connection."""

    def __init__(self, *replies: bytes, close: bool = False, talk: Talk | None = None) -> None:
        self.heard: list[tuple[int, bytes]] = []
        self.port = 0
        self.connections = 0
        self.asked = asyncio.Event()
        self._replies = list(replies)
        self._close = close
        self._talk = talk

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        own = self.connections
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                told = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(told or 0))
                self.heard.append((own, head))
                self.asked.set()
                if self._talk is not None:
                    await self._talk(reader, writer)
                    return
                writer.write(self._replies.pop(0) if len(self._replies) > 1 else self._replies[0])
                await writer.drain()
                if self._close or b"connection: close" in head.lower():
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # whoever asked has gone
        finally:
            writer.close()


@asynccontextmanager
async def listening(
    listener: Listener, context: ssl.SSLContext | None = None
) -> AsyncIterator[Listener]:
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0, ssl=context)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()


def results(
    carrier: Callable[..., Transport],
    listener: Listener,
    *requests: Request,
    timeout: float = 5,
    max_bytes: int = 1_000_000,
    context: ssl.SSLContext | None = None,
    **options: Any,
) -> list[Any]:
    """What came of the requests, one after another: replies, and errors as values"""
    found: list[Any] = []

    async def work() -> None:
        async with listening(listener, context):
            address = listener.address if context is None else f"https://localhost:{listener.port}"
            transport = carrier(address, **options)
            try:
                for request in requests:
                    try:
                        found.append(
                            await transport.send(request, timeout=timeout, max_bytes=max_bytes)
                        )
                    except GraphError as error:
                        found.append(error)
                    for _ in range(20):  # until it is known here what the server has closed
                        await asyncio.sleep(0)
            finally:
                await transport.close()

    run(work)
    return found
