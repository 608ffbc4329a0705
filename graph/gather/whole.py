"""A list read to its end, for whoever wants all of it and not a page.

    Reader   one source; one that fails is asked anew from where it stands, if there is patience
    merged   all of them as one list, a batch at a time

Streams stay open from the first entry to the last, so nothing is read twice. What is held is what
each source has read ahead of the slowest one: about a page.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from operator import attrgetter

from graph.errors import SourceOverBudget
from graph.gather import keys
from graph.gather.ask import Run
from graph.gather.cut import fared
from graph.gather.plan import Plan, SourcePlan, onward
from graph.gather.reading import Row
from graph.observe import Trace
from graph.types.answer import Outcome
from graph.types.scalars import TimeWindow

AHEAD = 1000
"""how many entries of a source may wait for the others before it is not read on"""


class Reader:
    """One source of a plan that reads the oldest entries first, and what came of it.

    `window` is the part of the plan's that is told of. `waits_seconds` is how long is waited before
    a source that failed is asked again, once for each; having come on, it has them all again.
    """

    def __init__(
        self,
        plan: Plan,
        source: SourcePlan,
        trace: Trace,
        *,
        window: tuple[datetime, datetime],
        waits_seconds: Sequence[float] = (),
    ) -> None:
        assert not plan.newest_first
        self._plan, self.source, self._trace = plan, source, trace
        self._since, self._until = window
        self._passed = max(self._since, min(self._until, plan.now))
        self._run = Run(plan, source, trace, keep_trail=False)
        self._waits_seconds = waits_seconds
        self._waited = 0
        self._waiting = False
        self._resumed_at: datetime | None = None
        self._skipped = 0

    @property
    def open(self) -> bool:
        """More may come of it"""
        return self._waiting or self._run.open

    async def pull(self) -> list[Row]:
        """Reads on by a page: the entries that are final now, in list order"""
        run = self._run
        await run.pull()
        rows, run.entries = run.entries, []
        if run.error is not None:
            await self._ask_again()
        return rows

    async def _ask_again(self) -> None:
        error, front = self._run.error, self.frontier
        assert error is not None
        if front != self._resumed_at:
            self._waited = 0
        if (
            not error.retryable
            or isinstance(error, SourceOverBudget)
            or self._waited == len(self._waits_seconds)
        ):
            return
        wait = self._waits_seconds[self._waited]
        self._waited += 1
        self._waiting = True
        await self._trace.timer.sleep(wait)
        self._waiting = False
        self._resumed_at = front
        plan, source = self._plan, self.source
        if front is not None:
            start = keys.before_all_at(front, newest_first=False)
            plan, source = onward(self._plan, self.source, start)
        before, self._run = self._run, Run(plan, source, self._trace, keep_trail=False)
        self._run.stream.missing.extend(before.stream.missing)
        self._skipped += before.stream.skipped

    @property
    def frontier(self) -> datetime | None:
        """Every entry before this moment was given; None: nothing is known yet"""
        own = self._run.stream.frontier
        if own is None or self._resumed_at is None:
            return own or self._resumed_at
        return max(own, self._resumed_at)

    @property
    def covered(self) -> TimeWindow | None:
        """The part of the window whose entries were all given, as far as it has passed"""
        done = self._run.error is None and self._run.done
        until = self._passed if done else self.frontier
        if until is None or (until <= self._since and not done):
            return None
        return TimeWindow(since=self._since, until=max(self._since, min(until, self._passed)))

    @property
    def share(self) -> float:
        """How much of what has passed of the window that is (0 to 1)"""
        covered, length = self.covered, self._passed - self._since
        if covered is None or covered.until is None or not length:
            return 0.0
        return (covered.until - self._since) / length

    def outcome(self, *, records: int) -> Outcome:
        """How it fared so far; `records` is how many of its entries were told of"""
        run, covered = self._run, self.covered
        missing = list(run.stream.missing)
        if run.error is not None:
            since = self._since if covered is None else covered.until
            missing.append(TimeWindow(since=since, until=self._until))
        return fared(
            run,
            self._trace,
            records=records,
            skipped=self._skipped + run.stream.skipped,
            covered=covered,
            missing=missing,
        )


async def merged(readers: Sequence[Reader]) -> AsyncGenerator[list[Row], None]:
    """The entries of all sources as one list, the oldest first; batches are never empty.

    A source that has failed for good holds nobody back: what it gave before is in the list.
    """
    held: list[list[Row]] = [[] for _ in readers]
    under_way: dict[asyncio.Task[list[Row]], int] = {}
    try:
        while True:
            busy = set(under_way.values())
            for place, reader in enumerate(readers):
                if reader.open and place not in busy and len(held[place]) < AHEAD:
                    under_way[asyncio.create_task(reader.pull())] = place
            if not under_way:
                break
            finished, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                held[under_way.pop(task)] += task.result()
            fronts = [reader.frontier for reader in readers if reader.open]
            batch = [] if None in fronts else _taken(held, min(filter(None, fronts), default=None))
            if batch:
                yield batch
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


_moment = attrgetter("moment")


def _taken(held: list[list[Row]], before: datetime | None) -> list[Row]:
    """What begins before a moment, all if that is None, in list order; it is no longer held"""
    batch: list[Row] = []
    for rows in held:
        end = len(rows) if before is None else bisect_left(rows, before, key=_moment)
        batch += rows[:end]
        del rows[:end]
    batch.sort()
    return batch
