"""What closed connections mean: before an answer another try may help, within one it is over."""

from __future__ import annotations

import asyncio

import pytest

from graph.errors import SourceError, SourceMalformed, SourceUnavailable
from graph.sources.contract import Request
from graph.transport.http import HttpxTransport
from tests.support import run

WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def answers(*replies: bytes) -> list[object]:
    """what comes of one request after another to a server that closes after each of these"""
    found: list[object] = []
    left = list(replies)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0))
        await writer.drain()
        writer.close()

    async def work() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        transport = HttpxTransport(f"http://127.0.0.1:{port}")
        try:
            for _ in replies:
                try:
                    reply = await transport.send(Request("GET", "/"), timeout=5, max_bytes=100)
                    found.append(reply.body)
                except SourceError as error:
                    found.append(type(error))
        finally:
            await transport.close()
            server.close()
            await server.wait_closed()

    run(work)
    return found


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (b"", SourceUnavailable),
        (WHOLE[:-1], SourceMalformed),
        (WHOLE, b"ok"),
    ],
)
def test_what_a_closed_connection_means(reply: bytes, outcome: object) -> None:
    assert answers(reply, WHOLE) == [outcome, b"ok"]
