"""Every source read to its end, each at its own pace; calls are added and dropped as they come.

A source that fails, or that one of our budgets stops, has told everything up to its frontier; what
was read so far counts, and its outcome says how far that is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from graph.gather.ask import Run
from graph.gather.cut import fared
from graph.observe import Trace
from graph.stats.book import Book
from graph.stats.late import LateCosts
from graph.stats.seen import teller
from graph.stats.traffic import at_us, to_us
from graph.types.answer import Outcome
from graph.types.scalars import TimeWindow

Progress = Callable[[str, float, int], None]
"""told of a source's id, how much of its window is read (0 to 1), how many calls that were"""


class SourceReader:
    """One source while it is read to its end, and what came of it."""

    def __init__(self, run: Run, book: Book, costs: LateCosts | None) -> None:
        self.run = run
        self.book = book
        self.costs = costs
        self.calls = 0
        self.teller = teller(run.live, run.source.resource, costs_late=costs is not None)

    async def pull(self) -> None:
        """Reads on by a page, adds the calls that are final, and drops them"""
        await self.run.pull()
        folded = self.run.source.folded
        for entry in self.run.entries:
            groups = self.book.add(entry.record, self.teller, len(entry.wire) if folded else 0)
            if groups:
                self.calls += 1
                if self.costs is not None:
                    self.costs.add(entry, groups)
        self.run.entries.clear()

    @property
    def read_to(self) -> datetime | None:
        """Every call before this moment was read; None: none"""
        if self.run.error is None and self.run.done:
            return at_us(self.book.until_us)
        return self.run.stream.frontier

    @property
    def covered(self) -> TimeWindow | None:
        """The part of the window whose calls are all counted, as far as it has passed"""
        until = self.read_to
        if until is None or (until <= self.book.since and not self.run.done):
            return None
        return TimeWindow(
            since=self.book.since, until=max(self.book.since, min(until, at_us(self.book.until_us)))
        )

    @property
    def share(self) -> float:
        covered = self.covered
        length = self.book.until_us - self.book.since_us
        if covered is None or covered.until is None or not length:
            return 0.0
        return (to_us(covered.until) - self.book.since_us) / length

    def outcome(self, trace: Trace) -> Outcome:
        run, covered = self.run, self.covered
        missing = list(run.stream.missing)
        if run.error is not None:
            since = self.book.since if covered is None else covered.until
            missing.append(TimeWindow(since=since, until=self.book.until))
        return fared(
            run,
            trace,
            records=self.calls,
            skipped=run.stream.skipped,
            covered=covered,
            missing=missing,
        )


class AllSources:
    """All sources at once, each at its own pace, and the sweep that follows the slowest."""

    def __init__(
        self, readers: Sequence[SourceReader], book: Book, progress: Progress | None
    ) -> None:
        self.readers = readers
        self.book = book
        self.progress = progress

    async def all(self) -> None:
        """Reads every source to its end. Whatever one raises ends the others too."""
        tasks = [asyncio.create_task(self._one(reader)) for reader in self.readers]
        try:
            for done in asyncio.as_completed(tasks):
                await done
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.book.sweep.pass_to(None)

    async def _one(self, reader: SourceReader) -> None:
        while reader.run.open:
            await reader.pull()
            self._follow()
            if self.progress is not None:
                self.progress(reader.run.live.id, reader.share, reader.calls)

    def _follow(self) -> None:
        """Lets the sweep pass what no source can add to any more"""
        fronts = [reader.run.stream.frontier for reader in self.readers if reader.run.open]
        if all(front is not None for front in fronts):
            self.book.sweep.pass_to(
                min((to_us(front) for front in fronts if front is not None), default=None)
            )
