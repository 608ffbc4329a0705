"""WebSockets and event streams take a token, and end with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from graph.caller import SCOPES
from graph.server import tokens
from graph.server.app import create_app
from graph.server.run import _Server, bind
from tests.schema.test_subscriptions import Steps
from tests.server.test_live import ADDED, PROTOCOL, Client, follows, until
from tests.support import NOW, Api, product, run


class Running:
    """The product behind its gate, on a loopback port"""

    def __init__(self, api: Api, address: str, path: Path) -> None:
        self.api = api
        self.address = address
        self.path = path

    def token(self, name: str, *, seconds: float | None = None) -> str:
        ends = None if seconds is None else NOW + timedelta(seconds=seconds)
        scopes = tuple(SCOPES)
        return tokens.add(
            self.path, name=name, scopes=scopes, sources=None, expires_at=ends, now=NOW
        )


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Running]:
    path = folder / "tokens.toml"
    tokens.add(path, name="x", scopes=["stats:read"], sources=None, expires_at=None, now=NOW)
    server = {"tokens_file": str(path), "allowed_origins": ["https://wall.example.com"]}
    async with product("portsip", count=10, clock=Steps(), server=server) as api:
        listener = bind("127.0.0.1", 0)
        config = uvicorn.Config(create_app(api.graph), log_level="warning", lifespan="off")
        uvicorn_server = _Server(config)
        task = asyncio.create_task(uvicorn_server.serve([listener]))
        await until(lambda: uvicorn_server.started)
        try:
            yield Running(api, f"127.0.0.1:{listener.getsockname()[1]}", path)
        finally:
            uvicorn_server.should_exit = True
            await task
            listener.close()


@asynccontextmanager
async def opened(address: str, **options: Any) -> AsyncIterator[tuple[ClientConnection, Client]]:
    where = f"ws://{address}/graphql"
    async with connect(where, subprotocols=[PROTOCOL], **options) as socket:
        yield socket, Client(socket)


async def closed(socket: ClientConnection) -> int | None:
    """The code that the server closes with"""
    try:
        async with asyncio.timeout(60):
            async for _ in socket:
                pass
    except ConnectionClosed:
        pass
    return socket.close_code


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (None, 4401),
        ({}, 4401),
        ({"authorization": 5}, 4401),
        ({"authorization": "Bearer cdrg_nothing"}, 4403),
        ({"authorization": "cdrg_nothing"}, 4403),
    ],
)
def test_a_socket_without_a_good_token_is_closed(payload: Any, code: int, tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as server, opened(server.address) as (socket, client):
            message = {} if payload is None else {"payload": payload}
            await client.send(type="connection_init", **message)
            assert await closed(socket) == code

    run(work)


def test_a_socket_that_shows_nothing_at_all_is_answered_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as server, opened(server.address) as (socket, client):
            await client.subscribe("1", "{ sources { id } }")
            assert await closed(socket) == 4401
            assert len(server.api.worlds["portsip"].received) == 0

    run(work)


@pytest.mark.parametrize("name", ["authorization", "Authorization"])
def test_a_socket_with_a_token_answers_as_its_caller(name: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as server, opened(server.address) as (_, client):
            payload = {name: f"Bearer {server.token('one')}"}
            await client.send(type="connection_init", payload=payload)
            assert await client.message() == {"type": "connection_ack"}
            answer = await client.answer("1", "{ sources { id } }")
            assert answer == {"data": {"sources": [{"id": "portsip"}]}}

    run(work)


Ending = Callable[[Running], Any]


def _revoke(server: Running) -> None:
    tokens.revoke(server.path, "one")


ENDINGS: dict[str, tuple[float | None, Ending]] = {
    "revoked": (None, _revoke),
    "past its end": (600, lambda _server: None),
}


@pytest.mark.parametrize(("seconds", "end"), ENDINGS.values(), ids=ENDINGS)
def test_a_socket_ends_with_its_token(seconds: float | None, end: Ending, tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as server, opened(server.address) as (socket, client):
            payload = {"authorization": f"Bearer {server.token('one', seconds=seconds)}"}
            await client.send(type="connection_init", payload=payload)
            await client.message()
            await client.subscribe("1", ADDED)
            clock = await follows(server.api)
            end(server)
            await clock.passes(600)
            assert await closed(socket) == 4403
            await until(lambda: not server.api.graph.watches)

    run(work)


@pytest.mark.parametrize(("seconds", "end"), ENDINGS.values(), ids=ENDINGS)
def test_an_event_stream_ends_with_its_token_and_says_so(
    seconds: float | None, end: Ending, tmp_path: Path
) -> None:
    async def work() -> None:
        async with running(tmp_path) as server, httpx.AsyncClient(timeout=60) as http:
            token = server.token("one", seconds=seconds)
            headers = {"accept": "text/event-stream", "authorization": f"Bearer {token}"}
            where, body = f"http://{server.address}/graphql", {"query": ADDED}
            async with http.stream("POST", where, json=body, headers=headers) as answer:
                assert answer.status_code == 200
                clock = await follows(server.api)
                end(server)
                await clock.passes(600)
                lines = [line async for line in answer.aiter_lines()]
            told = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
            assert [one["errors"][0]["extensions"]["code"] for one in told] == ["UNAUTHENTICATED"]
            assert "event: complete" in lines
            await until(lambda: not server.api.graph.watches)

    run(work)


def test_an_event_stream_without_a_token_is_401(tmp_path: Path) -> None:
    async def work() -> None:
        async with running(tmp_path) as server, httpx.AsyncClient(timeout=60) as http:
            where, body = f"http://{server.address}/graphql", {"query": ADDED}
            answer = await http.post(where, json=body, headers={"accept": "text/event-stream"})
            assert answer.status_code == 401

    run(work)


@pytest.mark.parametrize(
    ("origin", "good"),
    [
        ("https://wall.example.com", True),
        ("https://evil.example.com", False),
        ("http://{address}", True),
        ("null", False),
    ],
)
def test_a_page_of_another_site_opens_no_socket_unless_it_is_allowed(
    origin: str, good: bool, tmp_path: Path
) -> None:
    async def work() -> None:
        async with running(tmp_path) as server:
            headers = {"origin": origin.format(address=server.address)}
            if good:
                async with opened(server.address, additional_headers=headers) as (socket, client):
                    await client.send(type="connection_init")
                    assert await closed(socket) == 4401
            else:
                with pytest.raises(InvalidStatus) as refused:
                    async with opened(server.address, additional_headers=headers):
                        pass
                assert refused.value.response.status_code == 403

    run(work)
