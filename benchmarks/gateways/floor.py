"""The floor: the same pages fetched, decoded, converted, merged and written, without GraphQL.

POST /graphql with {"query": "..legs.."} gives the legs, anything else the merged records
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec

from benchmarks.gateways.records import LEGS, SOURCES, UP, Record, portsip, yeastar


class Call(msgspec.Struct, gc=False):
    id: str
    started_at: str
    answered_at: str | None = None
    ended_at: str | None = None
    direction: str | None = None
    end_reason: str | None = None
    reroute_reason: str | None = None
    status_code: int | None = None
    duration: int | None = None
    caller: str | None = None
    callee: str | None = None


class Calls(msgspec.Struct):
    items: list[Call]


class Leg(msgspec.Struct, gc=False):
    timestamp: int
    new_id: str | None = None
    id: int | None = None
    call_from: str | None = None
    call_from_number: str | None = None
    call_to: str | None = None
    call_to_number: str | None = None
    call_type: str | None = None
    src_trunk: str | None = None
    dst_trunk: str | None = None
    disposition: str | None = None
    duration: int | None = None
    ring_duration: int | None = None
    talk_duration: int | None = None


class Legs(msgspec.Struct):
    data: list[Leg]


class Party(msgspec.Struct, gc=False):
    number: str | None


class Written(msgspec.Struct, gc=False, rename="camel"):
    started_at: Any
    answered_at: Any
    ended_at: Any
    direction: str
    disposition: str
    talk_seconds: int | None
    total_seconds: int | None
    native_id: str
    caller: Party
    callee: Party


_CALLS = msgspec.json.Decoder(Calls)
_LEGS = msgspec.json.Decoder(Legs)
_ENCODE = msgspec.json.Encoder().encode
_sessions: list[aiohttp.ClientSession] = []


async def _get(path: str) -> bytes:
    if not _sessions:
        _sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1024)))
    async with _sessions[0].get(f"{UP}/{path}") as reply:
        return await reply.read()


def _written(made: Record) -> Written:
    return Written(
        made.started_at,
        made.answered_at,
        made.ended_at,
        made.direction,
        made.disposition,
        made.talk_seconds,
        made.total_seconds,
        made.native_id,
        Party(made.caller),
        Party(made.callee),
    )


async def _merged() -> bytes:
    pages = await asyncio.gather(*(_get(f"{source}/api/cdrs") for source in SOURCES))
    made = [portsip(row) for page in pages for row in _CALLS.decode(page).items]
    made.sort(key=lambda record: record.started_at, reverse=True)
    return _ENCODE({"data": {"callRecords": {"nodes": [_written(record) for record in made]}}})


async def _legs() -> bytes:
    made = [yeastar(row) for row in _LEGS.decode(await _get(LEGS)).data]
    return _ENCODE({"data": {"callRecords": {"nodes": [_written(record) for record in made]}}})


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    asked = await receive()
    body = await (_legs() if b"legs" in asked["body"] else _merged())
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
