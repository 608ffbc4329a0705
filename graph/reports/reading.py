"""One operation's reading of reports: every list and every detail is asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Literal, NamedTuple, TypeVar

from graph.errors import SourceError, SourceMalformed
from graph.gather.ask import attempt
from graph.gather.cost import ONE
from graph.observe import Trace
from graph.reports.address import Addresses
from graph.reports.gateway import Asker, Gateway
from graph.sources.contract import Ask, Condition, Found, Page, Reply, Reports, Resource, RowKey
from graph.transport.open import Sources
from graph.transport.source import LiveSource

T = TypeVar("T")
Kind = Literal["report", "completed"]

LONGEST_LIST = 2000
"""how many entries of one source are read at most"""

_PASSES = 2


class Whole(NamedTuple):
    """A list as it was read: its rows, how many could not be understood, whether more are there."""

    rows: list[Any]
    skipped: int
    truncated: bool


def reports_of(live: LiveSource) -> Reports:
    """The report engine of a source that is known to have one"""
    assert live.manifest.reports is not None
    return live.manifest.reports


def resource_of(live: LiveSource, kind: Kind) -> Resource:
    engine = reports_of(live)
    return engine.definitions if kind == "report" else engine.completed


class Reading:
    """What one operation has read, or is reading, of reports."""

    def __init__(
        self, sources: Sources, trace: Trace, addresses: Addresses, gateway: Gateway | None = None
    ) -> None:
        self.sources = sources
        self.trace = trace
        self.addresses = addresses
        self.gateway = gateway
        self._tasks: dict[Hashable, asyncio.Task[Any]] = {}

    @property
    def asker(self) -> Asker:
        return Asker(self.trace.caller, self.sources, self.addresses)

    def seen(self, source: str) -> LiveSource | None:
        """The source, if it exists for the caller, can be asked and runs reports"""
        live = self.sources.live.get(source)
        if live is None or not self.trace.caller.sees(source) or live.manifest.reports is None:
            return None
        return live

    async def whole(self, live: LiveSource, kind: Kind, search: str | None = None) -> Whole:
        """All rows of a list, at most LONGEST_LIST of them; SourceError if it could not be read"""
        key = (live.id, kind, search)
        return await self._once(key, lambda: self._read_whole(live, kind, search))

    async def detail(self, live: LiveSource, kind: Kind, row: str) -> Found:
        """The one row that the detail call brings, or none"""
        key = (live.id, kind, "detail", row)
        return await self._once(key, lambda: self._read_detail(live, kind, row))

    async def _once(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        async def begin() -> T | SourceError:
            await self.trace.reserve(ONE)
            return await attempt(work())

        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(begin())
        found: T | SourceError = await task
        if isinstance(found, SourceError):
            raise found
        return found

    async def _read_detail(self, live: LiveSource, kind: Kind, row: str) -> Found:
        resource = resource_of(live, kind)
        assert resource.locate is not None
        assert resource.read_located is not None
        read_located = resource.read_located
        (request,) = resource.locate(live.site, RowKey(row))

        def read(reply: Reply) -> Found:
            return read_located(live.site, reply, request, False)

        return await live.send(request, read, self.trace)

    async def _read_whole(self, live: LiveSource, kind: Kind, search: str | None) -> Whole:
        """Twice if one pass brought fewer rows than there are: the list moved meanwhile."""
        resource = resource_of(live, kind)
        found: dict[str, Any] = {}
        skipped, truncated = 0, False
        for _ in range(_PASSES):
            told, skipped, truncated = await self._pass(live, resource, search, found)
            if truncated or told is None or len(found) + skipped >= told:
                break
        else:
            truncated = True
        return Whole(list(found.values()), skipped, truncated)

    async def _pass(
        self, live: LiveSource, resource: Resource, search: str | None, found: dict[str, Any]
    ) -> tuple[int | None, int, bool]:
        """Adds all rows to `found`; gives the told total, the skipped rows, whether it was cut"""
        site = live.site
        ask = Ask(
            since=None,
            until=None,
            newest_first=True,
            now=self.trace.timer.now(),
            conditions=() if not search else (Condition("search", (search,)),),
            amount=LONGEST_LIST,
        )
        offset = skipped = 0
        before: list[str] = []
        while True:
            request = resource.plan(site, ask, offset)

            def read(reply: Reply, request: Any = request) -> Page:
                return resource.read(site, reply, request, ask)

            page = await live.send(request, read, self.trace)
            own = [resource.row_key(site, row) for row in page.rows]
            if own and own == before:
                raise SourceMalformed("it sends the same page again, whatever page is asked for")
            before = own
            found.update(zip(own, page.rows, strict=True))
            skipped += page.skipped
            offset = page.offset + len(page.rows) + page.skipped
            if not page.more:
                return page.total, skipped, False
            if offset >= LONGEST_LIST:
                return page.total, skipped, True
