"""What vendors count themselves, beside the same computed from their calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from graph.errors import SourceError
from graph.gather.ask import attempt
from graph.gather.plan import SourcePlan
from graph.observe import Trace
from graph.sources.contract import Reply
from graph.stats.book import Reading
from graph.transport.source import LiveSource
from graph.types.call import CallDirection
from graph.types.stats import NativeBounds, NativeCounts, NativeStats

_COUNTS = ("total", "answered", "unanswered", "busy", "failed", "unknown", "unallowed")
_OURS: Mapping[str, tuple[str, ...]] = {
    "answered": ("answered",),
    "unanswered": ("unanswered", "abandoned", "voicemail"),
    "busy": ("busy",),
    "failed": ("failed",),
    "unknown": ("unknown",),
    "unallowed": ("not_allowed",),
}
_NOTE = (
    "The vendor counts by when it stored or answered a call, ours by when the call began; "
    "which internal calls it counts is not documented, and ours has none of them."
)
_FILTERED = " The vendor's figures know no filter but these bounds, ours keep to the whole filter."


async def compare(
    sources: Sequence[SourcePlan],
    trace: Trace,
    asked: Sequence[NativeBounds],
    window: tuple[datetime, datetime],
    computed: Reading,
) -> list[tuple[NativeBounds, list[Any]]]:
    """The vendors' own figures for each set of bounds; one that failed is its SourceError.

    `computed` reads all calls; those of a source are told apart by its id.
    """
    able = [s.live for s in sources if s.live.manifest.native_stats is not None]
    filtered = any(source.checks for source in sources)
    made: list[tuple[NativeBounds, list[Any]]] = []
    for bounds in asked:
        told = NativeBounds(None, None, *window) if bounds == NativeBounds() else bounds
        found = await asyncio.gather(*(attempt(_ask(live, told, trace)) for live in able))
        rows: list[Any] = []
        for live, counts in zip(able, found, strict=True):
            if isinstance(counts, SourceError):
                rows.append(counts)
            else:
                note = _NOTE + (_FILTERED if filtered else "")
                rows += _rows(live, counts, computed, note)
        made.append((bounds, rows))
    return made


async def _ask(
    live: LiveSource, bounds: NativeBounds, trace: Trace
) -> Mapping[CallDirection, NativeCounts]:
    plan, read = live.manifest.native_stats, live.manifest.read_native_stats
    assert plan is not None
    assert read is not None
    reading = read

    def understand(reply: Reply) -> Mapping[CallDirection, NativeCounts]:
        return reading(reply)

    return await live.send(plan(live.site, bounds), understand, trace)


def _rows(
    live: LiveSource,
    counted: Mapping[CallDirection, NativeCounts],
    reading: Reading,
    note: str,
) -> list[NativeStats]:
    rows: list[NativeStats] = []
    for direction, counts in counted.items():
        ours = _computed(reading.outcomes(direction, live.id))
        rows.append(
            NativeStats(
                source=live.told,
                type=direction,
                counted=counts,
                computed=ours,
                difference=NativeCounts(
                    **{name: getattr(counts, name) - getattr(ours, name) for name in _COUNTS}
                ),
                note=note,
            )
        )
    return rows


def _computed(found: Mapping[str, int]) -> NativeCounts:
    counts = {name: sum(found[outcome] for outcome in outcomes) for name, outcomes in _OURS.items()}
    return NativeCounts(total=sum(counts.values()), **counts)
