"""One poll of a source: when it may be, what it reads, what tells that a call has changed."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import msgspec

from graph.gather.ask import Run
from graph.gather.keys import Signer
from graph.gather.plan import Page, page
from graph.gather.reading import Row
from graph.observe import Timer, Trace
from graph.sources.contract import LONGEST_CALL_SECONDS
from graph.transport.open import Sources
from graph.transport.source import LiveSource
from graph.types.call import CallRecord, CallUnit
from graph.types.inputs import CallFilter

_SHORTEST_WAIT_SECONDS = 10.0
_SHARE_OF_RATE = 0.2
_AT_ONCE = 1000


class Turns:
    """When each source may be polled again: the polls of all questions share a part of its rate."""

    def __init__(self) -> None:
        self._free_at: dict[str, float] = {}

    def wait_seconds(self, live: LiveSource, timer: Timer) -> float:
        """From the end of a poll to the next one"""
        free_at = self._free_at.get(live.id, 0.0)
        return max(_SHORTEST_WAIT_SECONDS, free_at - timer.monotonic())

    def took(self, live: LiveSource, trace: Trace) -> None:
        """Counts what a poll sent"""
        spent = trace.source(live.id).requests / (live.pace.requests_per_second * _SHARE_OF_RATE)
        free_at = max(self._free_at.get(live.id, 0.0), trace.timer.monotonic())
        self._free_at[live.id] = free_at + spent


class Reading:
    """A source's calls from a moment on, unfinished, oldest first, part by part.

    `mark`: all that began before it has been read, and will not change any more.
    """

    def __init__(self, run: Run | None, since: datetime, now: datetime, span: timedelta) -> None:
        self.mark = since
        self._run = run
        self._now = now
        self._firm = now - span
        if run is None:
            self._reach(now)

    def _reach(self, moment: datetime) -> None:
        self.mark = max(self.mark, min(self._firm, moment))

    async def pull(self) -> list[Row]:
        """The next part"""
        run = self._run
        assert run is not None
        await run.pull()
        entries, run.entries = run.entries, []
        self._reach(self._now if run.done else run.stream.frontier or self.mark)
        return entries

    @property
    def open(self) -> bool:
        """There is more, and it may be had"""
        return self._run is not None and self._run.open

    @property
    def whole(self) -> bool:
        """Nothing is left"""
        return self._run is None or (self._run.error is None and self._run.done)

    @property
    def failed(self) -> bool:
        """The source could not answer"""
        return self._run is not None and self._run.failed

    @property
    def why(self) -> str:
        """What ended it early"""
        return "" if self._run is None else f"{self._run.state.value}: {self._run.error}"


def read_from(
    sources: Sources,
    live: LiveSource,
    filter: CallFilter,
    paths: frozenset[str],
    since: datetime,
    trace: Trace,
    signer: Signer,
) -> Reading:
    """What a source has that the filter asks for, from a moment to now"""
    now = trace.timer.now()
    own = _copy_filter(filter, live.id, since, now)
    run = None
    if own is not None:
        plan = page(
            sources,
            trace,
            signer,
            kind="records",
            unit=CallUnit.CALL,
            filter=own,
            newest_first=False,
            wanted=Page(amount=_AT_ONCE, backwards=False),
            paths=paths,
        )
        run = Run(plan, plan.sources[0], trace, keep_trail=False) if plan.sources else None
    return Reading(run, since, now, span(live))


def span(live: LiveSource) -> timedelta:
    """From the start of a call until it will not appear or change any more, at the latest"""
    return timedelta(seconds=LONGEST_CALL_SECONDS + live.manifest.settles_after_seconds)


def _copy_filter(
    filter: CallFilter, source: str, since: datetime, until: datetime
) -> CallFilter | None:
    """The filter for one source and a span within its own window; None if that is empty"""
    if filter.since is not None:
        since = max(since, filter.since)
    if filter.until is not None:
        until = min(until, filter.until)
    if since >= until:
        return None
    fields = {**vars(filter), "sources": [source], "vendors": None, "since": since, "until": until}
    if filter.per_source is not None:
        fields["per_source"] = [c for c in filter.per_source if c.source == source] or None
    return CallFilter(**fields)


def digest(record: CallRecord) -> bytes:
    """Equal for records with equal content, as far as a list tells it"""
    return hashlib.sha256(msgspec.json.encode(_plain(record))).digest()[:12]


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, Enum):  # Strawberry labels enums as it does types
        return value.value
    if hasattr(type(value), "__strawberry_definition__"):
        return {name: _plain(inner) for name, inner in sorted(vars(value).items())}
    return value
