"""Every write over real sockets, and a line that breaks at every place there is.

A gate stands between the API and the simulated system. It lets everything through but one POST,
which suffers: before the system has got it, after it has acted, or in the middle of its answer.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple

import httpx
import pytest

from graph.config import SourceSettings, settings
from graph.server.app import Graph
from graph.sources import company, simulator
from graph.sources.contract import Manifest
from graph.sources.twin import World
from graph.transport.aiohttp import AiohttpTransport
from graph.transport.http import HttpxTransport, Transport
from tests.reports.asking import CREATE, DESTROY, DESTROY_COMPLETED, UPDATE, report
from tests.support import Clock

Fault = Literal[
    # the system has not acted
    "closed before", "reset before", "silent before", "500 before", "sign-in page",
    # the system has acted
    "closed after", "reset after", "silent after", "500 after", "head cut", "head cut early",
]  # fmt: skip


class Gate:
    """Passes HTTP on to a twin. `fault`: what the next POST suffers that is no sign-in.

    connections: for each, the requests that came over it; passed: the POSTs that the twin took
    """

    def __init__(self, twin: httpx.AsyncClient) -> None:
        self._twin = twin
        self.fault: Fault | None = None
        self.connections: list[list[str]] = []
        self.sent: list[str] = []
        self.passed: list[str] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its first request to its end"""
        mine: list[str] = []
        self.connections.append(mine)
        try:
            while asked := await _read(reader):
                mine.append(f"{asked.method} {asked.url.path}")
                if not await self._answer(asked, writer):
                    return
        finally:
            writer.close()

    async def _answer(self, asked: httpx.Request, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on"""
        fault: Fault | None = None
        writes = asked.method == "POST" and "/auth/" not in asked.url.path
        if writes:
            self.sent.append(asked.url.path)
            fault, self.fault = self.fault, None
        match fault:
            case "closed before":
                return False
            case "reset before":
                return _reset(writer)
            case "silent before":
                await asyncio.Event().wait()
            case "500 before":
                return await _write(writer, httpx.Response(500))
            case "sign-in page":
                return await _write(writer, httpx.Response(200, html="<title>Sign in</title>"))
        answer = await self._twin.send(asked)
        if writes and answer.is_success:
            self.passed.append(asked.url.path)
        match fault:
            case "closed after":
                return False
            case "reset after":
                return _reset(writer)
            case "silent after":
                await asyncio.Event().wait()
            case "500 after":
                return await _write(writer, httpx.Response(500))
            case "head cut":
                writer.write(_bytes(answer)[:-3])
                return False
            case "head cut early":
                writer.write(b"HTTP/1.1 2")
                return False
        return await _write(writer, answer) and asked.headers.get("connection") != "close"


async def _read(reader: asyncio.StreamReader) -> httpx.Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return None
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = [line.split(": ", 1) for line in lines]
    size = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    body = await reader.readexactly(size)
    return httpx.Request(
        method, f"http://pbx.twin{path}", headers=[(n, v) for n, v in headers], content=body
    )


def _bytes(answer: httpx.Response) -> bytes:
    lines = [f"{name}: {value}" for name, value in answer.headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}", *lines])
    return head.encode("latin-1") + b"\r\n\r\n" + answer.content


async def _write(writer: asyncio.StreamWriter, answer: httpx.Response) -> bool:
    if answer.status_code != 204 and "content-length" not in answer.headers:
        answer.headers["content-length"] = str(len(answer.content))
    writer.write(_bytes(answer))
    await writer.drain()
    return True


def _reset(writer: asyncio.StreamWriter) -> bool:
    """Ends the connection without the usual goodbye"""
    line: socket.socket = writer.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


class Line(NamedTuple):
    """The API, the gate before its one system, and that system's world."""

    graph: Graph
    gate: Gate
    world: World
    clock: Clock

    async def good(self, query: str, **variables: Any) -> Any:
        answer = await self.graph.ask(query, variables)
        assert not answer.get("errors"), answer
        return answer["data"]


Carrier = Callable[..., Transport]


@asynccontextmanager
async def line(carrier: Carrier, timeout_ms: int = 5000) -> AsyncIterator[Line]:
    clock = Clock()
    twin = simulator("portsip")
    calls = company.calls(seed=1, count=20, until=clock.now(), days=2)
    world = World(calls, clock=clock.now)
    app = httpx.ASGITransport(app=twin.simulate(world, twin.Switches()))

    def carry(_entry: SourceSettings, _manifest: Manifest, base_url: str) -> Transport:
        return carrier(base_url, verify=False)

    async with httpx.AsyncClient(transport=app, trust_env=False) as http:
        gate = Gate(http)
        talks: set[asyncio.Task[None]] = set()

        def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talks.add(asyncio.create_task(gate.talk(reader, writer)))

        server = await asyncio.start_server(met, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        entry = {
            "id": "portsip", "vendor": "portsip", "base_url": f"http://127.0.0.1:{port}",
            "timeout_ms": timeout_ms, **twin.SETTINGS,
        }  # fmt: skip
        graph = Graph(settings({"sources": [entry]}, environment={}), make_transport=carry)
        try:
            yield Line(graph, gate, world, clock)
        finally:
            await graph.close()
            server.close()
            for talk in talks:
                talk.cancel()
            await asyncio.gather(*talks, return_exceptions=True)


# ---------------------------------------------------------------- the four writes


class Write(NamedTuple):
    """A mutation: how it is asked for, how to see that it was done, where to look if unknown."""

    name: str
    query: str
    ids: str
    given: dict[str, Any]
    look_for: str


WRITES = [
    Write("create", CREATE, "", report(name="New"), 'callReports(sources: ["portsip"])'),
    Write("update", UPDATE, "report", {"name": "New"}, "callReport(id)"),
    Write("destroy", DESTROY, "report", {}, "callReport(id)"),
    Write("destroy completed", DESTROY_COMPLETED, "file", {}, "completedCallReport(id)"),
]
STATE = """{
  callReports { count { value relation } nodes { id name } }
  completedCallReports { count { value relation } nodes { id } } }"""


async def prepared(pbx: Line) -> dict[str, str]:
    """The ids of a report and of its finished file"""
    made = await pbx.good(CREATE, input=report(name="Old"))
    assert made["made"]["outcome"] == "DONE"
    pbx.clock.advance(10)
    state = await pbx.good(STATE)
    pbx.gate.sent.clear()
    pbx.gate.passed.clear()
    return {
        "report": state["callReports"]["nodes"][0]["id"],
        "file": state["completedCallReports"]["nodes"][0]["id"],
    }


async def acted(pbx: Line, write: Write) -> bool:
    """Whether the system has done it: once, not more often"""
    state = await pbx.good(STATE)
    for connection in state.values():
        assert connection["count"]["relation"] == "EXACT"
    names = sorted(node["name"] for node in state["callReports"]["nodes"])
    files = state["completedCallReports"]["count"]["value"]
    before = (["Old"], 1)
    after = {
        "create": (["New", "Old"], 1),
        "update": (["New"], 1),
        "destroy": ([], 1),
        "destroy completed": (["Old"], 0),
    }[write.name]
    assert (names, files) in (before, after)
    return (names, files) == after


def input_of(write: Write, ids: dict[str, str]) -> dict[str, Any]:
    return {**write.given, **({"id": ids[write.ids]} if write.ids else {})}


def lapse(pbx: Line, write: Write, times: int = 1) -> None:
    """Has the write find its token lapsed; an update reads the report first, and that goes well"""
    pbx.world.fault(
        "expire",
        path="/destroy" if "destroy" in write.name else "call_report",
        skip=1 if write.name == "update" else 0,
        times=times,
    )


CARRIERS = pytest.mark.parametrize("carrier", [AiohttpTransport, HttpxTransport])
BEFORE: list[Fault] = [
    "closed before", "reset before", "silent before", "500 before", "sign-in page",
]  # fmt: skip
AFTER: list[Fault] = [
    "closed after", "reset after", "silent after", "500 after", "head cut", "head cut early",
]  # fmt: skip


@CARRIERS
@pytest.mark.parametrize("fault", [*BEFORE, *AFTER])
def test_a_lost_answer_is_told_as_unknown_and_nothing_is_sent_again(
    fault: Fault, carrier: Carrier
) -> None:
    async def work(write: Write) -> None:
        async with line(carrier, 3000 if "silent" in fault else 20_000) as pbx:
            ids = await prepared(pbx)
            pbx.gate.fault = fault
            made = (await pbx.good(write.query, input=input_of(write, ids)))["made"]
            assert made["outcome"] == "OUTCOME_UNKNOWN", (write.name, made)
            assert made["userErrors"] == []
            assert write.look_for in made["lookFor"]
            assert not made.get("callReport")
            assert not made.get("destroyedId")
            assert await acted(pbx, write) is (fault in AFTER)
            assert len(pbx.gate.sent) == 1
            assert len(pbx.gate.passed) == (1 if fault in AFTER else 0)

    async def all_at_once() -> None:
        await asyncio.gather(*map(work, WRITES))

    asyncio.run(all_at_once())


@CARRIERS
def test_a_token_that_lapses_in_the_middle_is_renewed_once_and_the_write_is_done_once(
    carrier: Carrier,
) -> None:
    async def work(write: Write) -> None:
        async with line(carrier) as pbx:
            ids = await prepared(pbx)
            before = sum("/auth/sign_in" in one.path for one in pbx.world.received)
            lapse(pbx, write)
            made = (await pbx.good(write.query, input=input_of(write, ids)))["made"]
            assert made["outcome"] == "DONE", (write.name, made)
            assert await acted(pbx, write)
            # The first one was refused with 401 by a system that did nothing.
            assert (len(pbx.gate.sent), len(pbx.gate.passed)) == (2, 1)
            after = sum("/auth/sign_in" in one.path for one in pbx.world.received)
            assert after == before + 1

    for write in WRITES:
        asyncio.run(work(write))


@CARRIERS
def test_a_token_that_is_never_good_is_a_refusal_after_one_renewal(carrier: Carrier) -> None:
    async def work(write: Write) -> None:
        async with line(carrier) as pbx:
            ids = await prepared(pbx)
            lapse(pbx, write, times=2)
            made = (await pbx.good(write.query, input=input_of(write, ids)))["made"]
            assert made["outcome"] == "REFUSED", (write.name, made)
            assert [error["code"] for error in made["userErrors"]] == ["SOURCE_REFUSED"]
            assert not await acted(pbx, write)
            assert (len(pbx.gate.sent), len(pbx.gate.passed)) == (2, 0)

    for write in WRITES:
        asyncio.run(work(write))


@CARRIERS
def test_a_write_has_a_connection_of_its_own(carrier: Carrier) -> None:
    async def work(write: Write) -> None:
        async with line(carrier) as pbx:
            ids = await prepared(pbx)
            made = (await pbx.good(write.query, input=input_of(write, ids)))["made"]
            assert made["outcome"] == "DONE", (write.name, made)
            (path,) = pbx.gate.sent
            assert [one for one in pbx.gate.connections if f"POST {path}" in one] == [
                [f"POST {path}"]
            ] * (2 if write.name == "create" else 1)
            assert any(len(one) > 2 for one in pbx.gate.connections), "readings share one"

    for write in WRITES:
        asyncio.run(work(write))


@CARRIERS
def test_a_lost_create_keeps_its_key_and_looking_tells_what_became_of_it(carrier: Carrier) -> None:
    async def work() -> None:
        async with line(carrier) as pbx:
            await prepared(pbx)
            pbx.gate.fault = "closed after"
            given = report(name="New", idempotencyKey="one")
            first = (await pbx.good(CREATE, input=given))["made"]
            again = (await pbx.good(CREATE, input=given))["made"]
            assert first["outcome"] == again["outcome"] == "OUTCOME_UNKNOWN"
            assert again["idempotency"]["repeated"]
            other = (await pbx.good(CREATE, input={**given, "name": "Other"}))["made"]
            assert [e["code"] for e in other["userErrors"]] == ["IDEMPOTENCY_CONFLICT"]
            assert len(pbx.gate.sent) == 1
            # What `lookFor` says is to be done finds it.
            query = "query ($f: String) { callReports(filter: $f) { nodes { id } } }"
            told = await pbx.good(query, f="name eq 'New' and type eq 'NORMAL'")
            assert len(told["callReports"]["nodes"]) == 1

    asyncio.run(work())
