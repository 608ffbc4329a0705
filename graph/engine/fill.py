"""The tables of a report filled from the merged list and the statistics, row by row, onto disk.

Nobody waits in front of a screen, so a source that fails is asked again a few times before the rest
of its calls is given up.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from copy import copy
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from graph.caller import Caller
from graph.engine.looks import Sight
from graph.engine.spool import Spool, SpooledTable
from graph.engine.tables import CallColumn, CallTable, Column, FigureTable, Kind, Table, shown
from graph.engine.tally import Fared, Tally
from graph.gather import keys, plan
from graph.gather.answer import refuse
from graph.gather.cut import not_asked
from graph.gather.lookup import Loaders, finish
from graph.gather.whole import Reader, merged
from graph.observe import Timer, Trace
from graph.stats import answer as statistics
from graph.stats.groups import TIME_KEYS
from graph.transport.open import Sources
from graph.types.answer import Outcome
from graph.types.call import CallUnit
from graph.types.inputs import AskOptions, CallFilter, OnPartial
from graph.types.stats import StatsKey

PAGE_ROWS = 2000
"""what a source is asked for at first; it grows as the source is read on"""
WAITS_SECONDS = (2.0, 10.0, 30.0)
"""how long is waited before a source that failed is asked again, until it comes on"""

LONGEST_MS = 6 * 3_600_000
"""how long one table may take to be read; what has not come by then is missing in it"""

_ALWAYS = frozenset({"started_at", "source.id", "id"})


class Progress(NamedTuple):
    """How far a run has come: entries read, which share of it is done (0 to 1), how sources fare"""

    entries: int
    share: float
    fared: list[Fared]


class Asking(NamedTuple):
    """What a run needs to ask its questions. `told` hears of progress."""

    sources: Sources
    signer: keys.Signer
    timer: Timer
    caller: Caller
    max_groups: int
    told: Callable[[Progress], Awaitable[None]]

    def trace(self) -> Trace:
        return Trace(self.caller, self.timer, deadline_ms=LONGEST_MS, noting=False)


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
            if isinstance(table, CallTable):
                await self._calls(table, main=place == 0)
            else:
                await self._figures(table, main=place == 0)

    def _meant(self, filter: CallFilter) -> CallFilter:
        own = copy(filter)
        own.sources = self._ids  # type: ignore[assignment]  # ids are text
        own.since, own.until = self._since, self._until
        return own

    async def _tell(self, share: float, outcomes: Iterable[Outcome], *, main: bool) -> None:
        """`share` and `outcomes` are of the part that is being read"""
        now = sum(outcome.records for outcome in outcomes) if main else 0
        await self._asking.told(
            Progress(
                self.entries + now,
                min(1.0, (self._done + share) / self._parts),
                self.tally.joined(outcomes, counted=main),
            )
        )

    async def _was(self, outcomes: Sequence[Outcome], *, main: bool) -> None:
        """A part was read"""
        self.tally.add(outcomes, counted=main)
        if main:
            self.entries += sum(outcome.records for outcome in outcomes)
        self._done += 1
        await self._tell(0.0, (), main=main)

    # ------------------------------------------------------------ calls

    async def _calls(self, table: CallTable, *, main: bool) -> None:
        asking, trace = self._asking, self._asking.trace()
        paths = frozenset({*(one.path for one in table.columns), *table.needs, *_ALWAYS})
        made = plan.page(
            asking.sources, trace, asking.signer, kind="records", unit=CallUnit.CALL,
            filter=self._meant(table.filter), newest_first=False,
            wanted=plan.Page(amount=PAGE_ROWS, backwards=False), paths=paths,
        )  # fmt: skip
        window = (self._since, self._until)
        readers = [
            Reader(made, source, trace, window=window, waits_seconds=WAITS_SECONDS)
            for source in made.sources
        ]
        spooled = self._spool.table(table.title, [one.column for one in table.columns])
        row, sight = _row_of(table.columns, self._zone), Sight(asking.sources.live)
        read: Counter[str] = Counter()

        def outcomes() -> list[Outcome]:
            own = [reader.outcome(records=read[reader.source.live.id]) for reader in readers]
            return own + [not_asked(source) for source in made.not_asked]

        async with aclosing(merged(readers)) as batches:
            async for batch in batches:
                # Loaders remember what they were asked for: these go with their batch.
                await finish(batch, "record", paths, Loaders(asking.sources, trace))
                read.update(entry.source for entry in batch)
                calls = [entry.record for entry in batch]
                if table.test is not None:
                    calls = [call for call in calls if table.test(call, sight)]
                await asyncio.to_thread(spooled.add, list(map(row, calls)))
                share = (batch[-1].moment - self._since) / (self._until - self._since)
                await self._tell(share, outcomes(), main=main)
        told = outcomes()
        await self._tell(0.0, told, main=main)
        answered = any(outcome.covered is not None for outcome in told)
        refuse(told, OnPartial.RETURN, trace, complete=answered, answered=answered)
        await self._was(told, main=main)

    # ------------------------------------------------------------ figures

    async def _figures(self, table: FigureTable, *, main: bool) -> None:
        heads = [_head(key) for key in table.keys]
        if table.slice_title is not None:
            heads = [Column(table.slice_title.lower(), table.slice_title, Kind.TEXT)]
        columns = [*heads, *(one.column for one in table.columns)]
        spooled = self._spool.table(table.title, columns, table.chart)
        for name, filter in table.slices:
            await self._slice(table, name, self._meant(filter), spooled, main=main)

    async def _slice(
        self,
        table: FigureTable,
        name: str | None,
        filter: CallFilter,
        spooled: SpooledTable,
        *,
        main: bool,
    ) -> None:
        asking, trace = self._asking, self._asking.trace()
        asked: dict[str, list[Any]] = {}
        for one in table.columns:
            asked.setdefault(one.figure, []).append(one.arguments)
        question = statistics.Question(
            filter=filter, unit=CallUnit.CALL, group_by=table.keys, time_zone=str(self._zone),
            whole=asked, grouped=asked if table.keys else {}, native=(),
        )  # fmt: skip
        latest: dict[str, tuple[Outcome, float]] = {}

        def progress(outcome: Outcome, share: float) -> None:
            latest[str(outcome.source.id)] = outcome, share

        work = asyncio.ensure_future(
            statistics.stats(
                statistics.planned(question, asking.sources, trace, asking.signer), trace,
                Loaders(asking.sources, trace), most_groups=asking.max_groups,
                options=AskOptions(), progress=progress, waits_seconds=WAITS_SECONDS,
            )
        )  # fmt: skip
        try:
            while not (await asyncio.wait({work}, timeout=1.0))[0]:
                least = min((share for _, share in latest.values()), default=0.0)
                await self._tell(least, [outcome for outcome, _ in latest.values()], main=main)
            got: Any = await work
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        values = [(one.figure, one.arguments) for one in table.columns]

        def figures(of: Any) -> list[Any]:
            return [shown(of.read(name, given)) for name, given in values]

        if not table.keys:
            spooled.add([[name, *figures(got)]])
        else:
            spooled.add(_groups(table, got, figures))
            if not table.drop_unnamed:
                spooled.total = ["All", *[None] * (len(table.keys) - 1), *figures(got)]
        await self._was(got.outcomes, main=main)


def _head(key: StatsKey) -> Column:
    kind = Kind.TIME if key in TIME_KEYS else Kind.TEXT
    return Column(key.name.lower(), key.name.replace("_", " ").capitalize(), kind)


def _groups(
    table: FigureTable, got: Any, figures: Callable[[Any], list[Any]]
) -> list[Sequence[Any]]:
    """A row of each group; a day is written as a date, whoever reads it"""
    return [
        [
            *(one.value if one.key in TIME_KEYS else one.label or one.value for one in group.keys),
            *figures(group),
        ]
        for group in got.groups
        if not (table.drop_unnamed and group.keys[0].value is None)
    ]


def _row_of(columns: Sequence[CallColumn], zone: ZoneInfo) -> Callable[[Any], list[Any]]:
    """What makes a row of a call, its moments with the offset of the report's zone"""
    read = attrgetter(*(one.path for one in columns))
    moments = [place for place, one in enumerate(columns) if one.column.kind is Kind.MOMENT]

    def row(call: Any) -> list[Any]:
        cells = list(read(call))
        for place in moments:
            moment = cells[place]
            if moment is not None:
                cells[place] = moment.astimezone(zone).isoformat()
        return cells

    return row
