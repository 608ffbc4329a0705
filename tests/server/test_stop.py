"""A server that stops ends its subscriptions properly, at once and without a word of complaint."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from graph.schema.streams import Streams
from graph.sources import company, simulator
from graph.sources.twin import World
from tests.clients.serving import serve
from tests.reports.asking import CREATE, report
from tests.server.test_cli import serving, write
from tests.server.test_live import PROTOCOL, Client, until

ADDED = "subscription { callRecordAdded { kind } }"
READY = """subscription { callRecordReady(ref: {native: {
  source: "vcclive", nativeId: "0b1b1a2c", startedAt: "%s"}}) { state } }"""
COMPLETED = 'subscription { callReportCompleted(reportId: "%s") { id } }'
NAMES = ("portsip", "vcclive")


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """The configuration of two simulated systems whose reports take an hour"""
    with serve_twins() as entries:
        yield write(tmp_path / "graph.toml", entries, '[server]\nsecret = "for all workers"\n')


@contextmanager
def serve_twins() -> Iterator[list[dict[str, Any]]]:
    now = datetime.now(UTC)
    calls = company.calls(seed=1, count=20, until=now, days=1)
    slow = simulator("portsip").Switches(report_seconds=3600)
    portsip = simulator("portsip").simulate(World(calls), slow)
    vcclive = simulator("vcclive").simulate(World(calls), simulator("vcclive").Switches())
    with serve(portsip) as one, serve(vcclive) as other:
        yield [
            {"id": name, "vendor": name, "base_url": address, **simulator(name).SETTINGS}
            for name, address in zip(NAMES, (one, other), strict=True)
        ]


async def queries(address: str) -> list[str]:
    """Three subscriptions that have nothing to tell for a long time"""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        body = {"query": CREATE, "variables": {"input": report()}}
        made = (await http.post(address, json=body)).json()["data"]["made"]
    return [ADDED, READY % datetime.now(UTC).isoformat(), COMPLETED % made["callReport"]["id"]]


@asynccontextmanager
async def over_sse(address: str, query: str) -> AsyncIterator[AsyncIterator[str]]:
    """The names of the events, once the subscription is accepted"""

    async def names() -> AsyncIterator[str]:
        async for line in answer.aiter_lines():
            if line.startswith("event:"):
                yield line.removeprefix("event:").strip()

    headers = {"accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(trust_env=False, timeout=60) as http,
        http.stream("POST", address, json={"query": query}, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        yield names()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_subscriptions_are_completed_when_the_server_stops(config: Path, workers: str) -> None:
    with serving("--config", config, "--workers", workers) as (server, address):

        async def work() -> None:
            await answers(address)
            asked = await queries(address)
            async with AsyncExitStack() as stack:
                streams = [await stack.enter_async_context(over_sse(address, q)) for q in asked]
                where = address.replace("http", "ws")
                socket = await stack.enter_async_context(connect(where, subprotocols=[PROTOCOL]))
                client = Client(socket)
                await client.send(type="connection_init")
                assert await client.message() == {"type": "connection_ack"}
                for place, query in enumerate(asked):
                    await client.subscribe(str(place), query)
                # That it is being prepared is told at once: then all three are under way.
                assert (await client.message())["payload"]["data"]["callRecordReady"]
                assert await anext(streams[1]) == "next"

                server.process.send_signal(signal.SIGTERM)
                for stream in streams:
                    assert [name async for name in stream] == ["complete"]
                ended = [json.loads(message) async for message in until_closed(socket)]
                assert sorted(message["id"] for message in ended) == ["0", "1", "2"]
                assert {message["type"] for message in ended} == {"complete"}
                assert socket.close_code == 1012  # the server restarts or goes away

        async def until_closed(socket: Any) -> AsyncIterator[str]:
            try:
                async for message in socket:
                    yield message
            except ConnectionClosed:
                pass

        asyncio.run(work())
        done = server.stop()
        assert (done.code, done.out) == (0, "")
        # Nothing was cancelled, nothing broke off: there was nothing to complain of.
        complaints = [line for line in done.told.splitlines() if " INFO cdr_graph" not in line]
        assert complaints == [f"cdr-graph serves {address}"]


async def answers(address: str) -> None:
    """Waits until a worker answers: the port listens before there is one"""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        answer = await http.get(address.replace("/graphql", "/healthz"))
        assert answer.status_code == 200


# ---------------------------------------------------------------- the mechanism


def test_a_stream_that_is_closed_has_put_its_things_in_order() -> None:
    ended: list[str] = []

    async def events(name: str) -> Any:
        try:
            yield name
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    async def take(streams: Streams, name: str) -> list[str]:
        return [event async for event in streams.until_closed(events(name))]

    async def work() -> None:
        streams = Streams()
        readers = [asyncio.create_task(take(streams, name)) for name in "ab"]
        await until(lambda: len(streams._waits) == 2)
        await streams.close()
        assert sorted(ended) == ["a", "b"]
        assert await asyncio.gather(*readers) == [["a"], ["b"]]
        # What begins later ends before it has begun, and closing again is nothing.
        assert await take(streams, "c") == []
        await streams.close()

    asyncio.run(work())


def test_a_reader_that_is_busy_is_not_waited_for_and_gets_no_more() -> None:
    async def events() -> Any:
        yield 1
        yield 2

    async def work() -> None:
        streams = Streams()
        mine = streams.until_closed(events())
        assert await anext(mine) == 1
        await streams.close()
        assert [event async for event in mine] == []

    asyncio.run(work())


def test_a_timeout_of_the_events_own_is_no_end() -> None:
    async def events() -> Any:
        yield 1
        raise TimeoutError("its own")

    async def work() -> None:
        mine = Streams().until_closed(events())
        assert await anext(mine) == 1
        with pytest.raises(TimeoutError, match="its own"):
            await anext(mine)

    asyncio.run(work())
