"""The tables of a report filled from the merged list and the statistics, row by row, onto disk.

Nobody waits in front of a screen, so a source that fails is asked again a few times before its
part is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from graph.caller import Caller
from graph.engine.looks import Sight
from graph.engine.spool import Spool, SpooledTable
from graph.engine.tables import (
    CallTable,
    Column,
    FigureTable,
    Kind,
    Table,
    shown,
)
from graph.engine.tally import Tally, fell_short
from graph.errors import SourcesFailed
from graph.gather import answer, keys, plan
from graph.gather.lookup import Loaders
from graph.observe import Timer, Trace
from graph.stats import answer as statistics
from graph.stats.groups import TIME_KEYS
from graph.transport.open import Sources
from graph.types.answer import OutcomeState
from graph.types.call import CallUnit
from graph.types.inputs import AskOptions, CallFilter

T = TypeVar("T")

PAGE_ROWS = 10_000
WAITS_SECONDS = (2.0, 10.0, 30.0)
"""how long is waited before a source that failed is asked again, and how often that is"""

LONGEST_MS = 6 * 3_600_000
"""how long statistics of a report may take; a list is read page by page, each with its deadline"""

_ALWAYS = frozenset({"started_at", "source.id", "id"})


class Progress(NamedTuple):
    """How far a run has come: entries read, and which share of it is done (0 to 1)"""

    entries: int
    share: float
    tally: Tally


class Asking(NamedTuple):
    """What a run needs to ask its questions. `told` hears of progress."""

    sources: Sources
    signer: keys.Signer
    timer: Timer
    caller: Caller
    deadline_ms: int
    max_groups: int
    told: Callable[[Progress], Awaitable[None]]

    def trace(self, deadline_ms: int | None = None) -> Trace:
        return Trace(self.caller, self.timer, deadline_ms=deadline_ms or self.deadline_ms)


class Filling:
    """One run's reading."""

    def __init__(
        self,
        asking: Asking,
        spool: Spool,
        source_ids: Sequence[str],
        window: tuple[datetime, datetime],
        zone: ZoneInfo,
    ) -> None:
        self.tally = Tally()
        self.entries = 0
        self._asking = asking
        self._spool = spool
        self._ids = list(source_ids)
        self._since, self._until = window
        self._zone = zone
        self._done = 0
        self._parts = 1

    async def all(self, tables: Sequence[Table]) -> None:
        """Every table; SourcesFailed where no source could answer one. The main one comes first."""
        self._parts = sum(
            len(table.slices) if isinstance(table, FigureTable) else 1 for table in tables
        )
        for place, table in enumerate(tables):
            await self._table(table, main=place == 0)

    async def _table(self, table: Table, *, main: bool) -> None:
        if isinstance(table, CallTable):
            await self._calls(table, main=main)
        else:
            await self._figures(table, main=main)

    def _meant(self, filter: CallFilter) -> CallFilter:
        own = copy(filter)
        own.sources = self._ids  # type: ignore[assignment]  # ids are text
        own.since, own.until = self._since, self._until
        return own

    async def _tell(self, share: float) -> None:
        whole = min(1.0, (self._done + share) / self._parts)
        await self._asking.told(Progress(self.entries, whole, self.tally))

    # ------------------------------------------------------------ calls

    async def _calls(self, table: CallTable, *, main: bool) -> None:
        asking, filter = self._asking, self._meant(table.filter)
        spooled = self._spool.table(table.title, [one.column for one in table.columns])
        paths = frozenset({*(one.path for one in table.columns), *table.needs, *_ALWAYS})
        reads = [(attrgetter(one.path), one.column.kind) for one in table.columns]
        sight = Sight(asking.sources.live)
        length = (self._until - self._since).total_seconds()
        after: str | None = None

        async def page() -> Any:
            trace = asking.trace()
            made = plan.page(
                asking.sources, trace, asking.signer, kind="records", unit=CallUnit.CALL,
                filter=filter, newest_first=False,
                wanted=plan.Page(amount=PAGE_ROWS, backwards=False, after=after), paths=paths,
            )  # fmt: skip
            loaders = Loaders(asking.sources, trace)
            return await answer.page(made, trace, asking.signer, loaders)

        while True:
            got = await self._again(page, lambda got: got.outcomes)
            self.tally.add(got.outcomes, counted=main)
            self.entries += len(got.nodes) if main else 0
            kept = (
                got.nodes
                if table.test is None
                else [call for call in got.nodes if table.test(call, sight)]
            )
            rows = [[self._cell(read(call), kind) for read, kind in reads] for call in kept]
            await asyncio.to_thread(spooled.add, rows)
            info = got.page_info
            if not info.has_next_page:
                break
            if info.end_cursor == after:
                # Each try was stopped before it had read anything: it will not get any further.
                raise _stuck(got)
            after = info.end_cursor
            if got.nodes:
                read_to = (got.nodes[-1].started_at - self._since).total_seconds()
                await self._tell(read_to / length)
        self._done += 1
        await self._tell(0.0)

    # ------------------------------------------------------------ figures

    async def _figures(self, table: FigureTable, *, main: bool) -> None:
        heads = [Column(key.name.lower(), key.name.replace("_", " ").capitalize(), Kind.TEXT)
                 for key in table.keys]  # fmt: skip
        if table.slice_title is not None:
            heads = [Column(table.slice_title.lower(), table.slice_title, Kind.TEXT)]
        columns = [*heads, *(one.column for one in table.columns)]
        spooled = self._spool.table(table.title, columns, table.chart)
        for name, filter in table.slices:
            await self._slice(table, name, self._meant(filter), spooled, main=main)
            self._done += 1
            await self._tell(0.0)

    async def _slice(
        self,
        table: FigureTable,
        name: str | None,
        filter: CallFilter,
        spooled: SpooledTable,
        *,
        main: bool,
    ) -> None:
        asking = self._asking
        asked: dict[str, list[Any]] = {}
        for one in table.columns:
            asked.setdefault(one.figure, []).append(one.arguments)
        question = statistics.Question(
            filter=filter, unit=CallUnit.CALL, group_by=table.keys, time_zone=str(self._zone),
            whole=asked, grouped=asked if table.keys else {}, native=(),
        )  # fmt: skip
        shares: dict[str, tuple[float, int]] = {}

        def progress(source: str, share: float, calls: int) -> None:
            shares[source] = share, calls

        async def stats() -> Any:
            trace = asking.trace(LONGEST_MS)
            made = statistics.planned(question, asking.sources, trace, asking.signer)
            return await statistics.stats(
                made, trace, Loaders(asking.sources, trace), most_groups=asking.max_groups,
                options=AskOptions(), progress=progress,
            )  # fmt: skip

        work = asyncio.ensure_future(self._again(stats, lambda got: got.outcomes))
        try:
            while not (await asyncio.wait({work}, timeout=1.0))[0]:
                least = min((share for share, _ in shares.values()), default=0.0)
                await self._tell(least)
            got = await work
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        self.tally.add(got.outcomes, counted=main)
        if main:
            self.entries += sum(calls for _, calls in shares.values())
        values = [(one.figure, one.arguments, one.column.kind) for one in table.columns]

        def figures(of: Any) -> list[Any]:
            return [self._cell(shown(of.read(name, given)), kind) for name, given, kind in values]

        if not table.keys:
            spooled.add([[name, *figures(got)]])
            return
        rows = []
        for group in got.groups:
            if table.drop_unnamed and group.keys[0].value is None:
                continue
            # A day is written as a date, whoever reads it; other keys as they are called.
            keys = [one.value if one.key in TIME_KEYS else one.label or one.value
                    for one in group.keys]  # fmt: skip
            rows.append([*keys, *figures(group)])
        spooled.add(rows)
        if not table.drop_unnamed:
            spooled.total = ["All", *[None] * (len(table.keys) - 1), *figures(got)]

    # ------------------------------------------------------------ both

    async def _again(self, ask: Callable[[], Awaitable[T]], outcomes: Callable[[T], Any]) -> T:
        """What the question gives once no source fails that may yet answer, or after all waits"""
        for wait in WAITS_SECONDS:
            try:
                got = await ask()
            except SourcesFailed as failed:
                if not failed.shown["retryable"]:
                    raise
            else:
                if not any(o.retryable and fell_short(o) for o in outcomes(got)):
                    return got
            await self._asking.timer.sleep(wait)
        return await ask()

    def _cell(self, value: Any, kind: Kind) -> Any:
        """A value as it is kept: a moment with the offset of the report's zone, a word as text"""
        if value is None:
            return None
        if kind is Kind.MOMENT:
            return value.astimezone(self._zone).isoformat()
        if kind is Kind.TEXT:
            return str(getattr(value, "name", value))
        return value


def _stuck(got: Any) -> SourcesFailed:
    return SourcesFailed(
        "a source gives nothing more within the deadline, and reading cannot go on",
        code=OutcomeState.BUDGET.name,
        retryable=True,
        outcomes=[{"source": str(o.source.id), "state": o.state.name} for o in got.outcomes],
    )
