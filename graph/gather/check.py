"""One small question to each source: is it there, does it know us, is its clock right."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import msgspec

from graph.errors import SourceError
from graph.gather.ask import attempt, state_of
from graph.gather.plan import NEEDS, choose
from graph.gather.stream import Stream
from graph.observe import Trace
from graph.privacy import redact
from graph.sources.compiling import compiled
from graph.sources.contract import Ask
from graph.sources.selected import wire_keys
from graph.transport.open import Sources
from graph.transport.source import LiveSource
from graph.types.answer import OutcomeState
from graph.types.call import CallLog, CallUnit
from graph.types.source import Source, SourceState


class Health(msgspec.Struct):
    """What one source answered. `skew_seconds`: its clock less ours, where it tells the time."""

    source: Source
    state: OutcomeState | None
    message: str | None
    newest_at: datetime | None = None
    skew_seconds: float | None = None
    elapsed_ms: int = 0

    @property
    def good(self) -> bool:
        return self.state is OutcomeState.OK or self.source.state is SourceState.OFF


async def all_sources(sources: Sources, trace: Trace) -> list[Health]:
    """Every source's answer, in the order of the configuration"""
    return list(await asyncio.gather(*(source(told, sources, trace) for told in sources.told)))


async def source(told: Source, sources: Sources, trace: Trace) -> Health:
    """One source's answer"""
    live = sources.live.get(str(told.id))
    if live is None:
        state = None if told.state is SourceState.OFF else OutcomeState.DISABLED
        return Health(told, state, told.reason)
    newest = await attempt(_newest(live, trace))
    seen = trace.source(live.id)
    health = Health(told, OutcomeState.OK, None, elapsed_ms=seen.elapsed_ms)
    if isinstance(newest, SourceError):
        health.state, health.message = state_of(newest), str(newest)
    else:
        health.newest_at = newest
        health.message = _unknown(live) or (None if newest else "no call in the last week")
    dates = [note.date for note in seen.notes if note.date is not None]
    if dates:
        try:
            told_at = parsedate_to_datetime(dates[-1])
        except ValueError:
            return health
        health.skew_seconds = (told_at - trace.timer.now()).total_seconds()
    return health


def _unknown(live: LiveSource) -> str | None:
    """What it said that is not as documented or configured, the most frequent first"""
    said = live.site.unknown_words.most_common(3)
    return None if not said else "not known here: " + ", ".join(redact(word) for word, _ in said)


async def _newest(live: LiveSource, trace: Trace) -> datetime | None:
    """The start of the newest call of the last week"""
    resource, _ = choose(live, "records", CallUnit.CALL)
    now = trace.timer.now()
    ask = Ask(
        since=now - timedelta(days=7),
        until=now,
        newest_first=True,
        now=now,
        wire=wire_keys(resource, NEEDS),
        amount=1,
    )
    convert = compiled(CallLog, resource, NEEDS, live.site)
    stream = Stream(live, resource, trace, ask, convert, keep_trail=False)
    while not stream.done and not stream.out:
        await stream.pull()
    known = [row.moment for row in [*stream.out, *stream.pending.values()] if row.moment < now]
    return max(known) if known else None
