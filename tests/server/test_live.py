"""Live answers over real sockets: WebSocket (`graphql-transport-ws`) and SSE."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.typing import Subprotocol

from graph.server.app import create_app
from graph.server.run import _Server, bind
from tests.schema.test_subscriptions import Steps, call, idle, publish
from tests.support import Api, product, run

ADDED = "subscription { callRecordAdded { kind cursor record { id talkSeconds } } }"
PROTOCOL = Subprotocol("graphql-transport-ws")


@asynccontextmanager
async def serving(
    *sources: str, server: Mapping[str, Any] | None = None
) -> AsyncIterator[tuple[Api, str]]:
    """The product on a loopback port, its twins in process, and where it is"""
    async with (
        product(*(sources or ("portsip",)), count=10, clock=Steps(), server=server) as api,
        serving_app(create_app(api.graph)) as address,
    ):
        yield api, address


@asynccontextmanager
async def serving_app(app: ASGIApp) -> AsyncIterator[str]:
    """An app on a loopback port, and where it is"""
    listener = bind("127.0.0.1", 0)
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    server = _Server(config)
    task = asyncio.create_task(server.serve([listener]))
    await until(lambda: server.started)
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


async def until(holds: Callable[[], object]) -> None:
    """Waits for what is to be seen soon, and for no longer than that takes."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  # there is nothing that tells
            await asyncio.sleep(0)


async def follows(api: Api, *, watches: int = 1) -> Steps:
    """Waits until so many questions are followed, and every source has been polled."""
    clock = api.clock
    assert isinstance(clock, Steps)
    await until(lambda: len(api.graph.watches) == watches)
    await clock.passes(30)
    return clock


class Client:
    """One WebSocket, from the first message to the last"""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, **message: Any) -> None:
        await self._socket.send(json.dumps(message))

    async def subscribe(self, id: str, query: str) -> None:
        await self.send(id=id, type="subscribe", payload={"query": query})

    async def message(self) -> Any:
        async with asyncio.timeout(60):
            message = await self._socket.recv()
        assert isinstance(message, str), "the protocol is one of text"
        return json.loads(message)

    async def answers(self, id: str, query: str) -> AsyncGenerator[Any, None]:
        """The payloads of an operation until it is complete, or the errors it was refused with"""
        await self.subscribe(id, query)
        while True:
            message = await self.message()
            assert message["id"] == id
            if message["type"] == "complete":
                return
            if message["type"] == "error":
                yield {"errors": message["payload"]}
                return
            assert message["type"] == "next"
            yield message["payload"]

    async def answer(self, id: str, query: str) -> Any:
        (answer,) = [answer async for answer in self.answers(id, query)]
        return answer


@asynccontextmanager
async def greeted(address: str) -> AsyncIterator[Client]:
    async with connect(f"ws://{address}/graphql", subprotocols=[PROTOCOL]) as socket:
        client = Client(socket)
        await client.send(type="connection_init")
        assert await client.message() == {"type": "connection_ack"}
        yield client


async def over_websocket(address: str, query: str) -> AsyncGenerator[Any, None]:
    async with greeted(address) as client, aclosing(client.answers("1", query)) as answers:
        async for answer in answers:
            yield answer


async def over_sse(address: str, query: str) -> AsyncGenerator[Any, None]:
    headers = {"accept": "text/event-stream"}
    async with (
        httpx.AsyncClient(timeout=60) as client,
        client.stream(
            "POST", f"http://{address}/graphql", json={"query": query}, headers=headers
        ) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in response.headers  # it would hold events back
        event = ""
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data" and event == "next":
                yield json.loads(value)
            elif name.startswith("data"):
                assert event == "complete"
                return
    raise AssertionError("it broke off")


CARRIERS = [over_websocket, over_sse]
carriers = pytest.mark.parametrize("carrier", CARRIERS)
Carrier = Callable[[str, str], AsyncGenerator[Any, None]]


@carriers
def test_a_record_is_looked_for_and_then_that_is_all(carrier: Carrier) -> None:
    async def work() -> None:
        async with serving() as (api, address):
            data = await api.good("{ callRecords(first: 1) { nodes { id nativeId } } }")
            (node,) = data["callRecords"]["nodes"]
            ready = (
                f'callRecordReady(ref: {{id: "{node["id"]}"}}) {{ state record {{ nativeId }} }}'
            )
            answers = [a async for a in carrier(address, f"subscription {{ {ready} }}")]
            found = {"state": "FOUND", "record": {"nativeId": node["nativeId"]}}
            assert answers == [{"data": {"callRecordReady": found}}]

    run(work)


@carriers
def test_calls_are_told_as_they_are_published(carrier: Carrier) -> None:
    async def work() -> None:
        async with serving("portsip", "yeastar") as (api, address):
            async with aclosing(carrier(address, ADDED)) as answers:
                for number in (1001, 1002):
                    under_way = asyncio.create_task(anext(answers))
                    clock = await follows(api)
                    publish(api, call(number, clock.moment, talk=number))
                    await clock.passes(30)
                    events = [await under_way, await anext(answers)]
                    kinds = [event["data"]["callRecordAdded"]["kind"] for event in events]
                    assert kinds == ["ADDED", "ADDED"]
                    records = [event["data"]["callRecordAdded"]["record"] for event in events]
                    assert [record["talkSeconds"] for record in records] == [number, number]
            await until(lambda: not api.graph.watches)

    run(work)


@carriers
@pytest.mark.parametrize(
    ("query", "extensions"),
    [
        (
            'subscription { callRecordReady(ref: {id: "no id"}) { state } }',
            {"code": "BAD_USER_INPUT", "argument": "ref.id"},
        ),
        (
            'subscription { callRecordAdded(after: "no cursor") { kind } }',
            {"code": "BAD_USER_INPUT", "argument": "after"},
        ),
        ("subscription { callRecordAdded { nothing } }", {"code": "GRAPHQL_INVALID"}),
        ("subscription { callRecordAdded {", {"code": "GRAPHQL_INVALID"}),
        (
            "{ callRecords(first: 100000) { nodes { id } } }",
            {"code": "BAD_USER_INPUT", "argument": "first"},
        ),
    ],
)
def test_what_is_wrong_is_one_error_and_the_end(
    carrier: Carrier, query: str, extensions: Mapping[str, str]
) -> None:
    async def work() -> None:
        async with serving() as (api, address):
            (answer,) = [answer async for answer in carrier(address, query)]
            (error,) = answer["errors"]
            assert error["extensions"] == extensions
            assert not api.graph.watches

    run(work)


@pytest.mark.parametrize("how", ["complete", "closed", "aborted", "sse closed", "sse aborted"])
def test_polling_ends_when_a_subscriber_is_gone_however_that_comes(how: str) -> None:
    async def sse(address: str) -> asyncio.StreamWriter:
        reader, writer = await asyncio.open_connection(*address.split(":"))
        body = json.dumps({"query": ADDED}).encode()
        writer.write(
            b"POST /graphql HTTP/1.1\r\nhost: here\r\naccept: text/event-stream\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
        )
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        return writer

    async def work() -> None:
        async with serving() as (api, address):
            before = asyncio.all_tasks()
            if how.startswith("sse"):
                writer = await sse(address)
                clock = await follows(api)
                if how == "sse closed":
                    writer.close()
                else:
                    writer.transport.abort()
            else:
                async with greeted(address) as client:
                    await client.subscribe("1", ADDED)
                    clock = await follows(api)
                    if how == "complete":
                        await client.send(id="1", type="complete")
                        await until(lambda: not api.graph.watches)
                        # The connection is as good as before.
                        assert await client.answer("1", "{ __typename }")
                    elif how == "aborted":
                        client._socket.transport.abort()
            await until(lambda: not api.graph.watches)
            await until(lambda: asyncio.all_tasks() <= before)
            requests = api.requests("portsip")
            await clock.passes(60)
            assert api.requests("portsip") == requests

    run(work)


def test_one_socket_carries_many_operations_each_with_its_own_deadline_and_facts() -> None:
    query = "{ callRecords(first: 1, options: {explain: true}) { complete nodes { id } } }"

    async def work() -> None:
        async with serving() as (api, address), greeted(address) as client:
            await client.subscribe("events", ADDED)
            clock = await follows(api)
            for number in (1001, 1002):
                answer = await client.answer(f"query {number}", query)
                assert answer["data"]["callRecords"]["complete"] is True
                assert len(answer["extensions"]["plan"]) == 1
                clock.advance(3600)  # far beyond the deadline of an operation
                publish(api, call(number, clock.moment, talk=number))
                await clock.passes(30)
                message = await client.message()
                assert (message["id"], message["type"]) == ("events", "next")
                record = message["payload"]["data"]["callRecordAdded"]["record"]
                assert record["talkSeconds"] == number
            answer = await client.answer("again", f'{{ node(id: "{record["id"]}") {{ id }} }}')
            assert answer == {"data": {"node": {"id": record["id"]}}}

    run(work)


def test_a_ping_is_answered_and_an_error_of_one_operation_leaves_the_others_alone() -> None:
    async def work() -> None:
        async with serving() as (api, address), greeted(address) as client:
            await client.subscribe("events", ADDED)
            clock = await follows(api)
            for wrong in (
                "",
                "#",
                "{ no",
                "{ nothing }",
                "query A { a: __typename } query B { a }",
            ):
                answer = await client.answer("wrong", wrong)
                assert [e["extensions"]["code"] for e in answer["errors"]] == ["GRAPHQL_INVALID"]
            await client.send(type="ping")
            assert await client.message() == {"type": "pong"}
            await client.send(type="pong")
            publish(api, call(1001, clock.moment))
            await clock.passes(30)
            assert (await client.message())["id"] == "events"

    run(work)


INIT = '{"type": "connection_init"}'
OPEN = json.dumps({"id": "1", "type": "subscribe", "payload": {"query": ADDED}})


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([OPEN], 4401),
        ([INIT, INIT], 4429),
        ([INIT, OPEN, OPEN], 4409),
        ([INIT, '{"id": "1", "type": "subscribe"}'], 4400),
        ([INIT, '{"id": "1", "type": "subscribe", "payload": "query"}'], 4400),
        ([INIT, '{"id": [], "type": "subscribe", "payload": {"query": ""}}'], 4400),
        ([INIT, '{"id": "1", "type": "subscribe", "payload": {"query": 5}}'], 4400),
        (
            [INIT, '{"id": "1", "type": "subscribe", "payload": {"query": "", "variables": 5}}'],
            4400,
        ),
        (['{"type": "nothing"}'], 4400),
        (["{}"], 4400),
        (["no JSON"], 4400),
        (["[]"], 4400),
        (["null"], 4400),
        ([b"{}"], 4400),
    ],
)
def test_what_breaks_the_protocol_closes_the_socket_with_its_code(
    messages: list[str | bytes], code: int
) -> None:
    async def work() -> None:
        async with (
            serving() as (api, address),
            connect(f"ws://{address}/graphql", subprotocols=[PROTOCOL]) as socket,
        ):
            for message in messages:
                await socket.send(message)
            async with asyncio.timeout(60):
                acknowledged = [message async for message in ended(socket)]
            assert acknowledged in ([], ['{"type":"connection_ack"}'])
            assert socket.close_code == code
            await until(lambda: not api.graph.watches)

    async def ended(socket: ClientConnection) -> AsyncGenerator[str | bytes, None]:
        with suppress(ConnectionClosedError):
            async for message in socket:
                yield message

    run(work)


def test_a_page_of_another_site_gets_no_socket() -> None:
    async def work() -> None:
        async with serving() as (_, address):
            with pytest.raises(InvalidStatus) as refused:
                await connect(
                    f"ws://{address}/graphql",
                    subprotocols=[PROTOCOL],
                    origin="https://evil.example",  # type: ignore[arg-type]
                )
            assert refused.value.response.status_code == 403

    run(work)


def test_an_answer_to_a_socket_that_was_closed_meanwhile_is_no_accident(
    caplog: pytest.LogCaptureFixture,
) -> None:
    messages = [INIT, OPEN.replace(ADDED, "{ __typename }"), '{"type": "nothing"}']

    async def work() -> None:
        async with product("portsip", count=5) as api:
            coming: list[Any] = [{"type": "websocket.connect"}]
            coming += [{"type": "websocket.receive", "text": message} for message in messages]
            sent: list[Any] = []

            async def receive() -> Any:
                if coming:
                    return coming.pop(0)
                for _ in range(50):  # the other side takes its time to say that it has gone
                    await asyncio.sleep(0)
                return {"type": "websocket.disconnect", "code": 1005}

            async def send(message: Any) -> None:
                sent.append(message["type"])

            scope = {"type": "websocket", "path": "/graphql", "headers": [], "query_string": b"",
                     "subprotocols": [PROTOCOL], "scheme": "ws", "root_path": ""}  # fmt: skip
            await create_app(api.graph)(scope, receive, send)
            assert sent == ["websocket.accept", "websocket.send", "websocket.close"]

    run(work)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_socket_carries_no_more_operations_than_may_be_at_once() -> None:
    async def work() -> None:
        async with serving() as (api, address), greeted(address) as client:
            for n in range(101):
                await client.subscribe(str(n), ADDED)
            told = await client.message()
            assert (told["id"], told["type"]) == ("100", "error")
            [error] = told["payload"]
            assert error["extensions"] == {
                "code": "LIMIT_EXCEEDED",
                "limit": "operations",
                "allowed": 100,
                "asked": 101,
            }
            assert len(api.graph.watches) == 1  # they follow the same question
            await client.send(id="7", type="complete")
            assert await client.answer("again", "{ __typename }")

    run(work)


@carriers
def test_queries_take_turns_whatever_they_come_by(carrier: Carrier) -> None:
    async def work() -> None:
        page = "{ callRecords(first: 1) { nodes { id } } }"
        async with serving(server={"max_operations": 1, "max_waiting": 1}) as (api, address):
            api.worlds["portsip"].fault("hang", seconds=5)
            others = [asyncio.create_task(api.ask(page)) for _ in range(2)]
            await idle()
            [refused] = [answer async for answer in carrier(address, page)]
            [error] = refused["errors"]
            assert error["extensions"] == {"code": "OVERLOADED", "retryAfterSeconds": 1}
            assert isinstance(api.clock, Steps)
            await api.clock.passes(5)
            for other in others:
                assert (await other).data["callRecords"]["nodes"]
            [taken] = [answer async for answer in carrier(address, page)]
            assert taken["data"]["callRecords"]["nodes"]

    run(work)
