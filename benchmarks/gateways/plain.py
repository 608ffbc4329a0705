"""Strawberry with httpx and dataclasses, the way the documentation does it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import httpx
import strawberry
from strawberry.asgi import GraphQL

from benchmarks.gateways.records import LEGS, SOURCES, UP, Record, portsip, yeastar

_clients: list[httpx.AsyncClient] = []


@strawberry.type
class Party:
    number: str | None


@strawberry.type
class CallRecord:
    native_id: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    direction: str
    disposition: str
    talk_seconds: int | None
    total_seconds: int | None
    caller: Party
    callee: Party


class _Row(SimpleNamespace):
    def __getattr__(self, _name: str) -> None:
        return None


def _record(made: Record) -> CallRecord:
    fields = made._asdict()
    caller, callee = Party(number=fields.pop("caller")), Party(number=fields.pop("callee"))
    return CallRecord(**fields, caller=caller, callee=callee)


async def _rows(path: str, key: str) -> list[Any]:
    if not _clients:
        _clients.append(httpx.AsyncClient(limits=httpx.Limits(max_connections=256)))
    reply = await _clients[0].get(f"{UP}/{path}")
    return [_Row(**row) for row in reply.json()[key]]


@strawberry.type
class Query:
    @strawberry.field
    async def call_records(self) -> list[CallRecord]:
        pages = await asyncio.gather(*(_rows(f"{one}/api/cdrs", "items") for one in SOURCES))
        made = [portsip(row) for page in pages for row in page]
        made.sort(key=lambda record: record.started_at, reverse=True)
        return [_record(record) for record in made]

    @strawberry.field
    async def legs(self) -> list[CallRecord]:
        return [_record(yeastar(row)) for row in await _rows(LEGS, "data")]


app = GraphQL[None, None](strawberry.Schema(query=Query))
