"""A whole product in process: twins behind real HTTP semantics, the API over them, no sockets.

    async with product("yeastar", count=200) as api:
        page = await api.ask("{ callRecords(first: 5) { nodes { startedAt } } }")
        api.worlds["yeastar"].fault("status", status=500)

Twins are reached through httpx's ASGI transport, so that requests and replies are real bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

from graph.config import SourceSettings, settings
from graph.observe import Timer
from graph.server.app import Graph
from graph.sources import company, simulator
from graph.sources.contract import Manifest
from graph.sources.twin import World
from graph.transport.http import HttpxTransport, Transport

T = TypeVar("T")

NOW = datetime(2026, 3, 4, 15, 30, tzinfo=UTC)
"""the moment at which tests take place, unless they move their clock"""


class Clock:
    """A clock that only moves when it is told to; sleeping moves it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.moment = now
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return (self.moment - NOW).total_seconds() + 1000.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    @property
    def timer(self) -> Timer:
        return Timer(self.now, self.monotonic, self.sleep)


class Answered:
    """What a query gave: `data`, `errors`, `extensions` as a client sees them."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.data: Any = body.get("data")
        self.errors: list[dict[str, Any]] = body.get("errors") or []
        self.extensions: Mapping[str, Any] = body.get("extensions") or {}


class Api:
    """The product: `ask` a query; `worlds` are the twins' worlds by source id."""

    def __init__(self, graph: Graph, worlds: dict[str, World], clock: Clock) -> None:
        self.graph = graph
        self.worlds = worlds
        self.clock = clock

    async def ask(self, query: str, **variables: Any) -> Answered:
        """the answer to a query, errors included"""
        return Answered(await self.graph.ask(query, variables))

    async def good(self, query: str, **variables: Any) -> Any:
        """the data of a query that must not have errors"""
        answered = await self.ask(query, **variables)
        assert not answered.errors, answered.errors
        return answered.data

    async def pages(
        self, fields: str, arguments: str = "", *, first: int = 7, root: str = "callRecords",
        backwards: bool = False, most: int = 2000,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """every node of a list, page by page to its end, in list order"""
        nodes: list[dict[str, Any]] = []
        cursor: str | None = None
        amount, side = ("last", "before") if backwards else ("first", "after")
        more = f", {arguments}" if arguments else ""
        query = (
            f"query ($cursor: String) {{ page: {root}({amount}: {first}, {side}: $cursor{more}) {{ "
            f"nodes {{ {fields} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}"
            " outcomes { source { id } state message } } }"
        )
        for _ in range(most):
            data = await self.good(query, cursor=cursor)
            page = data["page"]
            bad = [o for o in page["outcomes"] if o["state"] != "OK"]
            assert not bad, bad
            nodes = page["nodes"] + nodes if backwards else nodes + page["nodes"]
            info = page["pageInfo"]
            if not info["hasPreviousPage" if backwards else "hasNextPage"]:
                return nodes
            cursor = info["startCursor" if backwards else "endCursor"]
        raise AssertionError("the list has no end")

    def requests(self, source: str, path: str = "") -> int:
        """how many requests a twin got, to paths that contain the text"""
        return sum(1 for r in self.worlds[source].received if path in r.path)


@asynccontextmanager
async def product(
    *sources: str | Mapping[str, Any],
    seed: int = 1,
    count: int = 120,
    days: float = 10,
    calls: Sequence[company.Call] | None = None,
    given: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    switches: Mapping[str, Mapping[str, Any]] | None = None,
    server: Mapping[str, Any] | None = None,
    reports: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Api]:
    """The product over twins.

    A source is a vendor's name, or a mapping with `vendor`, maybe `id`, and other keys of
    `[[sources]]`, laid over the twin's own settings. All twins show the same `calls` (or those of
    `seed` and `count`). `reports` is [reports].
    `given` and `switches` go to the twin of that source id.
    """
    clock = clock or Clock()
    history = (
        list(calls)
        if calls is not None
        else company.calls(seed=seed, count=count, until=clock.now(), days=days)
    )
    worlds: dict[str, World] = {}
    entries: list[dict[str, Any]] = []
    for source in sources:
        own = {"vendor": source} if isinstance(source, str) else dict(source)
        own.setdefault("id", own["vendor"])
        entry = {"base_url": f"http://{own['id']}.twin", **simulator(own["vendor"]).SETTINGS}
        entries.append({**entry, **own})

    def carry(entry: SourceSettings, manifest: Manifest, base_url: str) -> Transport:
        twin = simulator(manifest.name)
        world = World(
            history,
            clock=clock.now,
            given=None if given is None else given.get(entry.id),
            sleep=clock.sleep,
        )
        worlds[entry.id] = world
        chosen = twin.Switches(**(switches or {}).get(entry.id, {}))
        return HttpxTransport(
            base_url, transport=httpx.ASGITransport(app=twin.simulate(world, chosen))
        )

    tree: dict[str, Any] = {
        "server": {"secret": "a secret for tests", **(server or {})},
        "sources": entries,
    }
    if reports is not None:
        tree["reports"] = dict(reports)
    made = settings(tree, environment={})
    graph = Graph(made, timer=clock.timer, make_transport=carry)
    try:
        yield Api(graph, worlds, clock)
    finally:
        await graph.close()


def run(work: Callable[[], Awaitable[T]]) -> T:
    """runs a coroutine function to its end"""

    async def outer() -> T:
        return await work()

    return asyncio.run(outer())
