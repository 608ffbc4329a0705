"""All sources at once, under one deadline; what failed becomes an outcome.

Here, and only here, a SourceError is caught. Each source is read only as far as the page needs:
another page is pulled from a source only while an entry of its unread part could belong to the
page that was asked for.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar

from graph.errors import SourceError, SourceOverBudget
from graph.gather import keys
from graph.gather.fold import FoldedStream
from graph.gather.keys import Key
from graph.gather.parts import changed_later
from graph.gather.plan import Plan, SourcePlan
from graph.gather.reading import Row
from graph.gather.stream import Stream
from graph.observe import Trace
from graph.sources.compiling import Conversion, compiled, compiled_starts
from graph.types.answer import OutcomeState
from graph.types.call import CallLog, CallRecord

T = TypeVar("T")


class Run:
    """One source while a page is gathered: its stream, what it gave, how it ended.

    `shares`: its records may be those of others who ask alike; nobody changes them but as `label`
    does, which gives all of them the same. And they are made only when `fill` asks for them.
    """

    def __init__(
        self,
        plan: Plan,
        source: SourcePlan,
        trace: Trace,
        *,
        keep_trail: bool = True,
        shares: bool = False,
    ) -> None:
        self.plan = plan
        self.source = source
        self.live = source.live
        self.entries: list[Row] = []
        self.error: SourceError | None = None
        target: type = CallLog if source.folded or plan.kind == "logs" else CallRecord
        convert: Conversion[Any] = compiled(
            target,
            source.resource,
            source.paths,
            self.live.site,
            self.live.manifest.details,
            self.live.mask_for(trace.caller),
        )
        same_for_all = shares and not changed_later(source.resource, plan.paths)
        self._legs = legs = Stream(
            self.live,
            source.resource,
            trace,
            source.ask,
            convert,
            hint=source.hint,
            keep_trail=keep_trail,
            alike=(plan.kind, plan.unit) if same_for_all else None,
            starts=self._starts() if shares else None,
        )
        self.stream: Stream | FoldedStream = (
            FoldedStream(legs, plan.paths | {p for c in source.checks for p in c.needs})
            if source.folded
            else legs
        )
        self._finished_early = False

    def _starts(self) -> Conversion[datetime] | None:
        """What tells where rows stand in the list, if nothing else decides which of them it has"""
        if self.source.folded or self.source.checks:
            return None
        return compiled_starts(self.source.resource, self.live.site)

    @property
    def failed(self) -> bool:
        """It gives nothing to this page: it failed, or was stopped before it had read anything"""
        return self.error is not None and not self.stopped

    @property
    def stopped(self) -> bool:
        """One of our budgets stopped it after a gapless read"""
        return isinstance(self.error, SourceOverBudget) and self.stream.frontier is not None

    @property
    def done(self) -> bool:
        return self.stream.done or self._finished_early

    @property
    def open(self) -> bool:
        """More could be read from it"""
        return self.error is None and not self.done

    @property
    def state(self) -> OutcomeState:
        if self.error is None:
            return OutcomeState.TRUNCATED if self.stream.missing else OutcomeState.OK
        if (
            isinstance(self.error, SourceOverBudget)
            and self.error.limit == "deadline"
            and not self.stopped
        ):
            return OutcomeState.TIMEOUT
        return OutcomeState(self.error.state)

    @property
    def frontier(self) -> Key | None:
        """Every entry before this place is known; None: nothing is"""
        moment = self.stream.frontier
        if moment is None:
            return None
        return keys.before_all_at(moment, newest_first=self.plan.newest_first)

    async def pull(self) -> list[Row]:
        """Reads on, and takes what is final and wanted; the entries that were taken"""
        try:
            await self.stream.pull()
        except SourceError as error:
            self.error = error
            return []
        taken, self.stream.out = self._wanted(self.stream.out), []
        self.entries += taken
        self._finished_early = self._beyond()
        return taken

    @property
    def sure(self) -> int:
        """How many of the entries are known to be as documented"""
        return sum(row.record is not None for row in self.entries)

    def fill(self, amount: int) -> bool:
        """Gives the first entries their records; whether all of them were as documented"""
        waiting = [row for row in self.entries[:amount] if row.record is None]
        try:
            if not waiting or self._legs.fill(waiting):
                return True
        except SourceError as error:
            self.error = error
        self.entries = [row for row in self.entries if row.record is not None]
        return False

    def _wanted(self, rows: list[Row]) -> list[Row]:
        """The rows, which come in order, that belong to the page and pass the checks"""
        for check in self.source.checks:
            rows = [row for row in rows if check.test(row.record)]
        wants = self.plan.wants
        # What lies between two entries of a range belongs to the range.
        if rows and not (wants(rows[0].list_key) and wants(rows[-1].list_key)):
            rows = [row for row in rows if wants(row.list_key)]
        return rows

    def _beyond(self) -> bool:
        """Nothing that is still unread can be wanted"""
        frontier = self.frontier
        if frontier is None:
            return False
        plan = self.plan
        if plan.stop is not None and not plan.ahead(frontier, plan.stop):
            return True
        if plan.newest_first:
            return plan.since is not None and frontier.started_at < plan.since
        return plan.until is not None and frontier.started_at >= plan.until


class _First:
    """The first entries of all sources, in list order: those of the page, and the one after it."""

    def __init__(self, plan: Plan, runs: list[Run]) -> None:
        self.need = plan.page.amount + 1
        self._newest_first = plan.newest_first
        self._runs = runs
        self._sorted: list[Row] = []
        self._fresh: list[Row] = []

    @property
    def entries(self) -> list[Row]:
        if self._fresh:
            known = sorted(self._sorted + self._fresh, reverse=self._newest_first)
            self._sorted, self._fresh = known[: self.need], []
        return self._sorted

    async def pull(self, run: Run) -> None:
        """Reads a source on, and takes what it gives"""
        taken = await run.pull()
        self._fresh += taken
        if run.failed:
            self.begin_anew()

    def begin_anew(self) -> None:
        """For entries that are there no more"""
        self._sorted = []
        self._fresh = [row for run in self._runs if not run.failed for row in run.entries]


async def all_sources(plan: Plan, trace: Trace) -> tuple[list[Run], list[Row]]:
    """Every source read as far as this page needs; the runs say what came of it.

    With them come the first entries of all, in list order: those of the page, and the one after it.
    """
    runs = [Run(plan, source, trace, shares=True) for source in plan.sources]
    first = _First(plan, runs)
    under_way: dict[asyncio.Task[None], Run] = {}
    ended = asyncio.Event()
    try:
        while True:
            busy = set(under_way.values())
            idle = [run for run in runs if run not in busy]
            for run in _to_pull(plan, runs, idle, first):
                task = asyncio.create_task(first.pull(run))
                task.add_done_callback(lambda _: ended.set())
                under_way[task] = run
            if not under_way:
                if _fill(runs, first):
                    return runs, first.entries
                first.begin_anew()
                continue
            await ended.wait()
            ended.clear()
            for task in [task for task in under_way if task.done()]:
                del under_way[task]
                task.result()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


def _to_pull(plan: Plan, runs: list[Run], idle: list[Run], first: _First) -> list[Run]:
    """Those of the idle sources whose unread part may hold an entry of the page"""
    # Who gave so many gave all that the page can hold of it: what it has not given comes after.
    short = [run for run in idle if run.open and len(run.entries) < first.need]
    if not short:
        return []
    # A budget that stopped one source ends the page there; nobody is read beyond that.
    ends = [run.frontier for run in runs if run.stopped]
    known = first.entries
    limit = known[-1].list_key if len(known) == first.need else None
    for end in ends:
        if end is not None and (limit is None or plan.ahead(end, limit)):
            limit = end
    return [
        run
        for run in short
        if limit is None or run.frontier is None or plan.ahead(run.frontier, limit)
    ]


def _fill(runs: list[Run], first: _First) -> bool:
    """Gives the first entries their records; whether all of them were as documented.

    Of a source that was read to its end every entry counts, so every one is looked at.
    """
    filled = [run.fill(len(run.entries)) for run in runs if run.done and not run.failed]
    read_in_part = [run for run in runs if not (run.done or run.failed)]
    if read_in_part:
        amounts = Counter(map(_source, first.entries))
        filled += [run.fill(amounts[run.live.id]) for run in read_in_part]
    return all(filled)


_source = attrgetter("source")


async def attempt(work: Awaitable[T]) -> T | SourceError:
    """What the work gives, or the SourceError that it ended with, as a value"""
    try:
        return await work
    except SourceError as error:
        return error


def state_of(error: SourceError) -> OutcomeState:
    """The outcome of one request that failed"""
    if isinstance(error, SourceOverBudget) and error.limit == "deadline":
        return OutcomeState.TIMEOUT
    return OutcomeState(error.state)
