"""Every source read to its end, each at its own pace; calls are added and dropped as they come.

A source that fails, or that one of our budgets stops, has told everything up to its frontier; what
was read so far counts, and its outcome says how far that is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from graph.gather.whole import Reader
from graph.stats.book import Book
from graph.stats.late import LateCosts
from graph.stats.seen import teller
from graph.stats.traffic import to_us
from graph.types.answer import Outcome

Progress = Callable[[Outcome, float], None]
"""told how a source has fared so far, its calls among it, and how much of its window is read (0 to
1)
"""


class SourceReader:
    """One source while it is read to its end."""

    def __init__(self, reader: Reader, book: Book, costs: LateCosts | None) -> None:
        self.reader = reader
        self.book = book
        self.costs = costs
        self.calls = 0
        self.teller = teller(
            reader.source.live, reader.source.resource, costs_late=costs is not None
        )

    async def pull(self) -> None:
        """Reads on by a page, adds the calls that are final, and drops them"""
        folded = self.reader.source.folded
        for entry in await self.reader.pull():
            groups = self.book.add(entry.record, self.teller, len(entry.wire) if folded else 0)
            if groups:
                self.calls += 1
                if self.costs is not None:
                    self.costs.add(entry, groups)

    def outcome(self) -> Outcome:
        return self.reader.outcome(records=self.calls)


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

    async def _one(self, one: SourceReader) -> None:
        while one.reader.open:
            await one.pull()
            self._follow()
            if self.progress is not None:
                self.progress(one.outcome(), one.reader.share)

    def _follow(self) -> None:
        """Lets the sweep pass what no source can add to any more"""
        fronts = [one.reader.frontier for one in self.readers if one.reader.open]
        if all(front is not None for front in fronts):
            self.book.sweep.pass_to(
                min((to_us(front) for front in fronts if front is not None), default=None)
            )
