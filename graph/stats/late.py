"""Costs that take a further request for each call, as far as that many are possible."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from graph.errors import SourceError
from graph.gather.ask import attempt
from graph.gather.lookup import Loaders
from graph.gather.parts import part_names
from graph.gather.reading import Row
from graph.gather.whole import Reader
from graph.observe import Trace
from graph.sources.contract import Found, Part, RowKey
from graph.stats.book import Group
from graph.stats.seen import NOT_TOLD

LARGEST = 1000
"""how many costs are asked for one by one at most, however much time there is"""
_COST = frozenset({"cost"})


def late(reader: Reader) -> bool:
    """The source tells a cost only when it is asked for one call"""
    return bool(part_names(reader.source.resource, _COST))


class LateCosts:
    """The calls of one source whose costs are still to be asked for, with their groups.

    Where there are more than can be asked for in time, none is: a sum of some costs would look
    like the sum of all.
    """

    def __init__(self, reader: Reader, trace: Trace) -> None:
        self._live, self._resource = reader.source.live, reader.source.resource
        self._trace = trace
        self._calls: list[tuple[RowKey, tuple[Group, ...]]] = []
        self._by_group: Counter[Group] = Counter()

    def add(self, entry: Row, groups: tuple[Group, ...]) -> None:
        groups = tuple(group for group in groups if "cost" in group.sums)
        self._by_group.update(groups)
        if len(self._calls) <= LARGEST:
            self._calls.append((RowKey(entry.key, entry.moment), groups))

    def _allowed(self) -> int:
        """How many requests there is time and leave for, now that the calls are known"""
        trace, pace = self._trace, self._live.pace
        by_rate = int(pace.burst + max(0.0, trace.remaining_seconds) * pace.requests_per_second)
        most = min(LARGEST, by_rate)
        if trace.max_requests is not None:
            most = min(most, trace.max_requests - trace.issued)
        return max(0, most)

    async def fill(self, loaders: Loaders) -> None:
        """Asks for the costs and adds them to their groups, or says why not"""
        allowed = self._allowed()
        if len(self._calls) > allowed:
            why = (
                f"{self._live.manifest.title} tells a cost only in a further request for each "
                f"call, and no more than {allowed} of those are possible"
            )
            for group, count in self._by_group.items():
                group.sums["cost"].untold[why] += count
            return
        live, resource = self._live, self._resource
        for name in part_names(resource, _COST):
            loader = loaders.part(live, resource, name, raw=False)
            found = await asyncio.gather(
                *(attempt(loader.load(row)) for row, _groups in self._calls)
            )
            for (_row, groups), one in zip(self._calls, found, strict=True):
                self._add(resource.parts[name], one, groups)

    def _add(self, part: Part, found: Found | SourceError, groups: Sequence[Group]) -> None:
        for group in groups:
            state = group.sums["cost"]
            if isinstance(found, SourceError):
                state.untold[f"its cost could not be had ({found.state})"] += 1
                continue
            cost = part.values(self._live.site, found.rows).get("cost")
            if cost is None:
                state.untold[NOT_TOLD] += 1
            else:
                state.take(cost)
