"""Following what is published: polls that all subscribers of one question share.

No vendor tells everything it publishes, so every source is read again and again, each time over
the span in which a call may still appear or be corrected: a call is published after its end, and
by some vendors much later. What was told is remembered by id and content for just that span. Each
event is told at least once; its cursor says up to when each source had been read.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Hashable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from graph.errors import BadUserInput, OverLimit
from graph.gather import keys, parts
from graph.gather.ask import Entry, Run
from graph.gather.keys import Key, Signer
from graph.gather.parts import Loaders
from graph.gather.plan import Page, meant, page, plain
from graph.observe import Trace, log
from graph.sources.contract import LONGEST_CALL_SECONDS
from graph.transport.open import Sources
from graph.types.call import CallRecord, CallUnit
from graph.types.event import CallRecordEvent, EventKind
from graph.types.inputs import CallFilter

KEPT_EVENTS = 5000
"""how many events a subscriber may be behind"""

_SHORTEST_WAIT_SECONDS = 10.0
_SHARE_OF_RATE = 0.2
_AT_ONCE = 1000


class Watermarks(msgspec.Struct, frozen=True, array_like=True):
    """What an event's cursor holds: per source, up to when it had been read."""

    version: int
    question: bytes
    read_until_us: dict[str, int]


class Numbered(NamedTuple):
    """An event with its place among all events of a watch."""

    place: int
    event: CallRecordEvent


class Watch:
    """One question that is followed, for as long as somebody listens."""

    def __init__(
        self,
        sources: Sources,
        signer: Signer,
        make_trace: Callable[[], Trace],
        filter: CallFilter | None,
        paths: frozenset[str],
    ) -> None:
        self._sources = sources
        self._signer = signer
        self._make_trace = make_trace
        self._filter = filter or CallFilter()
        self._paths = paths
        self._question = keys.question_hash("watch", plain(self._filter))
        self._told: dict[Key, bytes] = {}
        self._read_until: dict[str, datetime] = {}
        self._events: deque[Numbered] = deque(maxlen=KEPT_EVENTS)
        self._count = 0
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self.listeners = 0

    async def events(self, after: str | None) -> AsyncGenerator[CallRecordEvent, None]:
        """Events from now on, or from a cursor on; OverLimit if the listener falls behind."""
        marks = None if after is None else self._read_cursor(after)
        self.listeners += 1
        try:
            if self._task is None:
                await self._poll(silent=True)
                self._task = asyncio.create_task(self._follow())
            place = self._count
            if marks is not None:
                for event in await self._catch_up(marks):
                    yield event
            while True:
                async with self._news:
                    while self._count <= place and not self._ended:
                        await self._news.wait()
                if self._ended:
                    assert self._task is not None
                    self._task.result()
                    return
                if self._events[0].place > place:
                    raise OverLimit(
                        "events",
                        KEPT_EVENTS,
                        self._count - place,
                        "this listener is too slow; subscribe again with `after` set to the "
                        "cursor of the last event it got",
                    )
                for numbered in [n for n in self._events if n.place >= place]:
                    place = numbered.place + 1
                    yield numbered.event
        finally:
            self.listeners -= 1

    @property
    def _ended(self) -> bool:
        return self._task is not None and self._task.done()

    async def stop(self) -> None:
        """Ends the polling."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ------------------------------------------------------------ polling

    async def _follow(self) -> None:
        try:
            while True:
                trace = self._make_trace()
                wait = await self._poll()
                await trace.timer.sleep(wait)
        finally:
            async with self._news:
                self._news.notify_all()

    async def _poll(self, *, silent: bool = False) -> float:
        """Reads every source once, tells what is new, and gives the seconds until the next time"""
        trace = self._make_trace()
        now = trace.timer.now()
        chosen = meant(self._sources, trace.caller, self._filter)
        ids = [str(told.id) for told in chosen if str(told.id) in self._sources.live]
        since = {name: self._span_start(name, now) for name in ids}
        found = await asyncio.gather(*(self._read(name, since[name], now, trace) for name in ids))
        fresh: list[tuple[EventKind, Entry]] = []
        for name, entries in zip(ids, found, strict=True):
            if entries is None:
                continue
            self._read_until[name] = now
            for entry in entries:
                content = digest(entry.record)
                before = self._told.get(entry.key)
                self._told[entry.key] = content
                if before is None:
                    fresh.append((EventKind.ADDED, entry))
                elif before != content:
                    fresh.append((EventKind.CORRECTED, entry))
        self._forget(now)
        if not silent and fresh:
            await self._tell(fresh)
        return self._wait(trace, ids)

    async def _tell(self, fresh: list[tuple[EventKind, Entry]]) -> None:
        fresh.sort(key=lambda pair: pair[1].key)
        cursor = self._write_cursor()
        async with self._news:
            for kind, entry in fresh:
                event = CallRecordEvent(kind=kind, cursor=cursor, record=entry.record)
                self._events.append(Numbered(self._count, event))
                self._count += 1
            self._news.notify_all()

    def _span(self, name: str) -> timedelta:
        manifest = self._sources.live[name].manifest
        return timedelta(seconds=LONGEST_CALL_SECONDS + manifest.settles_after_seconds)

    def _span_start(self, name: str, now: datetime) -> datetime:
        # A source that could not be read is read again from where it was last read.
        return self._read_until.get(name, now) - self._span(name)

    async def _read(
        self, name: str, since: datetime, until: datetime, trace: Trace
    ) -> list[Entry] | None:
        """All entries of one source in a span, finished; None if it could not be read whole"""
        own = copy_filter(self._filter, name, since, until)
        if own is None:
            return []
        plan = page(
            self._sources,
            trace,
            self._signer,
            kind="records",
            unit=CallUnit.CALL,
            filter=own,
            newest_first=False,
            wanted=Page(amount=_AT_ONCE, backwards=False),
            paths=self._paths,
        )
        if not plan.sources:
            return []
        run = Run(plan, plan.sources[0], trace)
        while run.open:
            await run.pull()
        if run.error is not None:
            log.info("following: source %s: %s: %s", name, run.state.value, run.error)
            return None
        await parts.finish(run.entries, "record", self._paths, Loaders(self._sources, trace))
        return run.entries

    def _forget(self, now: datetime) -> None:
        starts = {name: self._span_start(name, now) for name in self._read_until}
        for key in [k for k in self._told if k.started_at < starts.get(k.source, now)]:
            del self._told[key]

    def _wait(self, trace: Trace, ids: list[str]) -> float:
        """Polling takes at most a fifth of any source's rate."""
        waits = [
            trace.source(name).requests / self._sources.live[name].pace.requests_per_second
            for name in ids
        ]
        return max([_SHORTEST_WAIT_SECONDS, *(wait / _SHARE_OF_RATE for wait in waits)])

    # ------------------------------------------------------------ resuming

    async def _catch_up(self, marks: Watermarks) -> list[CallRecordEvent]:
        """What was published since the cursor, and maybe some that was told before"""
        trace = self._make_trace()
        now = trace.timer.now()
        told: list[Entry] = []
        for name, us in marks.read_until_us.items():
            if name in self._sources.live and trace.caller.sees(name):
                since = keys.from_us(us) - self._span(name)
                entries = await self._read(name, since, now, trace)
                if entries is None:
                    raise BadUserInput(
                        "after", f"source {name!r} cannot be read now; subscribe again later"
                    )
                told += entries
        told.sort(key=lambda entry: entry.key)
        cursor = self._write_cursor()
        return [
            CallRecordEvent(kind=EventKind.ADDED, cursor=cursor, record=entry.record)
            for entry in told
        ]

    def _write_cursor(self) -> str:
        marks = {name: keys.to_us(moment) for name, moment in self._read_until.items()}
        return self._signer.seal(
            msgspec.msgpack.encode(Watermarks(keys.VERSION, self._question, marks))
        )

    def _read_cursor(self, text: str) -> Watermarks:
        body = self._signer.unseal(text, "after")
        try:
            marks = msgspec.msgpack.decode(body, type=Watermarks)
        except msgspec.DecodeError:
            marks = None
        if marks is None or marks.version != keys.VERSION or marks.question != self._question:
            raise BadUserInput("after", "this `after` belongs to another subscription or version")
        return marks


class Watches:
    """The watches under way, by who may see what and what is asked."""

    def __init__(self) -> None:
        self._watches: dict[Hashable, Watch] = {}

    async def follow(
        self, key: Hashable, make: Callable[[], Watch], after: str | None
    ) -> AsyncGenerator[CallRecordEvent, None]:
        """The events of a question; its polling ends when nobody listens any more."""
        watch = self._watches.get(key)
        if watch is None:
            watch = self._watches[key] = make()
        events = watch.events(after)
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()
            if watch.listeners == 0 and self._watches.get(key) is watch:
                del self._watches[key]
                await watch.stop()

    async def close(self) -> None:
        """Ends all of them."""
        for watch in list(self._watches.values()):
            await watch.stop()
        self._watches.clear()


def copy_filter(
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
    """Equal for records with equal content"""
    return hashlib.sha256(msgspec.json.encode(_plain(record))).digest()[:12]


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, BaseException):
        return None
    if hasattr(value, "__dict__") and hasattr(type(value), "__strawberry_definition__"):
        fields = {k: v for k, v in vars(value).items() if k != "source"}
        return {name: _plain(inner) for name, inner in sorted(fields.items())}
    return value
