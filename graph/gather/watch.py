"""Following what is published: polls that all subscribers of one question share.

No vendor tells everything it publishes, so every source is read again and again, at its own pace,
each time over the span in which a call may still appear or be corrected: a call is published after
its end, and by some vendors much later. What was told is remembered by id and content for just
that span.

Each event is told at least once. Its cursor holds a mark for each source: whoever has got the
event has been told of every call that began before the mark, and what began later is read again,
and maybe told again, after an interruption.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from contextlib import aclosing
from datetime import datetime
from itertools import islice
from typing import NamedTuple

import msgspec

from graph.errors import BadUserInput, OverLimit
from graph.gather import keys
from graph.gather.keys import Key, Signer
from graph.gather.lookup import Loaders, finish
from graph.gather.plan import meant, plain
from graph.gather.polls import Reading, Turns, digest, read_from, span
from graph.gather.reading import Row
from graph.observe import Trace, log
from graph.transport.open import Sources
from graph.transport.source import LiveSource
from graph.types.call import CallRecord
from graph.types.event import CallRecordEvent, EventKind
from graph.types.inputs import CallFilter

KEPT_EVENTS = 5000
"""how many events a subscriber may be behind"""

Marks = Mapping[str, datetime]
"""by source, from which start on there may be calls that one has not been told of"""


class Watermarks(msgspec.Struct, frozen=True, array_like=True):
    """What an event's cursor holds: marks, in microseconds since 1970."""

    version: int
    question: bytes
    marks_us: dict[str, int]


class Told(NamedTuple):
    """What is told to all listeners; the marks hold for who has been told everything up to it."""

    kind: EventKind
    record: CallRecord
    marks: Marks


class Watch:
    """One question that is followed, for as long as somebody listens."""

    def __init__(
        self,
        sources: Sources,
        signer: Signer,
        make_trace: Callable[[], Trace],
        turns: Turns,
        filter: CallFilter,
        paths: frozenset[str],
    ) -> None:
        self._sources = sources
        self._signer = signer
        self._make_trace = make_trace
        self._turns = turns
        self._filter = filter
        self._paths = paths
        self._question = keys.question_hash("watch", plain(filter))
        trace = make_trace()
        chosen = [str(told.id) for told in meant(sources, trace.caller, filter)]
        self._live = {name: sources.live[name] for name in chosen if name in sources.live}
        now = trace.timer.now()
        self._marks: Marks = {name: now - span(live) for name, live in self._live.items()}
        self._known: dict[str, dict[Key, bytes]] = {name: {} for name in self._live}
        self._away = set(self._live)
        """the sources that were not polled yet, or did not answer the last time"""
        self._events: deque[Told] = deque(maxlen=KEPT_EVENTS)
        self._count = 0
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.listeners = 0

    async def events(self, after: str | None) -> AsyncGenerator[CallRecordEvent, None]:
        """Events from now on, or from a cursor on; OverLimit if the listener falls behind."""
        owed = {} if after is None else self._read_cursor(after)
        place, marks = self._count, self._marks
        self.listeners += 1
        try:
            if self._task is None:
                self._task = asyncio.create_task(self._follow_all())
                self._task.add_done_callback(lambda _task: self._wake())
            while True:
                news = self._news  # taken first: what comes while this is told is news too
                # A source that is down keeps what it owes, and holds up no other.
                for name in sorted(self._live.keys() & owed.keys() - self._away):
                    async with aclosing(self._missed(self._live[name], marks, owed)) as missed:
                        async for event in missed:
                            yield event
                for told in self._since(place):
                    place, marks = place + 1, told.marks
                    yield self._event(told.kind, told.record, {**marks, **owed})
                if place == self._count:
                    if self.ended:
                        break
                    await news.wait()
            if not self._task.cancelled():
                self._task.result()
        finally:
            self.listeners -= 1

    def _since(self, place: int) -> list[Told]:
        """What was told from this place on"""
        behind, kept = self._count - place, len(self._events)
        if behind > kept:
            raise OverLimit(
                "events",
                kept,
                behind,
                "this listener is too slow; subscribe again with `after` set to the cursor of "
                "the last event it got",
            )
        return list(islice(self._events, kept - behind, None))

    @property
    def ended(self) -> bool:
        """Nothing is polled any more"""
        return self._task is not None and self._task.done()

    async def stop(self) -> None:
        """Ends the polling"""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    # ------------------------------------------------------------ polling

    async def _follow_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for live in self._live.values():
                group.create_task(self._follow(live))

    async def _follow(self, live: LiveSource) -> None:
        """Polls one source for ever; what it has at first is known, and told to nobody.

        What it has when it was down at first is told when it is back, since it may be new.
        """
        trace = await self._poll(live, silent=True)
        while True:
            await trace.timer.sleep(self._turns.wait_seconds(live, trace.timer))
            trace = await self._poll(live, silent=False)

    async def _poll(self, live: LiveSource, *, silent: bool) -> Trace:
        """Reads a source from its mark on, and tells what is new or has changed"""
        trace = self._make_trace()
        reading = self._read(live, self._marks[live.id], trace)
        while reading.open:
            fresh = self._compare(live, await reading.pull())
            if not silent:
                await self._tell(live, fresh, reading.mark, trace)
            self._marks = {**self._marks, live.id: reading.mark}
        if not reading.whole:
            # What was not read is read the next time, from the mark on.
            log.info("following: source %s: %s", live.id, reading.why)
        self._forget(live)
        self._turns.took(live, trace)
        (self._away.add if reading.failed else self._away.discard)(live.id)
        self._wake()
        return trace

    def _read(self, live: LiveSource, since: datetime, trace: Trace) -> Reading:
        return read_from(self._sources, live, self._filter, self._paths, since, trace, self._signer)

    def _compare(self, live: LiveSource, entries: list[Row]) -> list[tuple[EventKind, Row]]:
        """Those that are new or have changed; they are known from now on"""
        known = self._known[live.id]
        fresh: list[tuple[EventKind, Row]] = []
        for entry in entries:
            key, content = entry.list_key, digest(entry.record)
            before = known.get(key)
            known[key] = content
            if before is None:
                fresh.append((EventKind.ADDED, entry))
            elif before != content:
                fresh.append((EventKind.CORRECTED, entry))
        return fresh

    async def _tell(
        self, live: LiveSource, fresh: list[tuple[EventKind, Row]], mark: datetime, trace: Trace
    ) -> None:
        loaders = Loaders(self._sources, trace)
        for told in fresh:
            kind, entry = told
            # One after the other, so that further requests do not crowd out queries.
            await finish([entry], "record", self._paths, loaders)
            if told is fresh[-1]:
                self._marks = {**self._marks, live.id: mark}
            self._events.append(Told(kind, entry.record, self._marks))
            self._count += 1
            self._wake()

    def _forget(self, live: LiveSource) -> None:
        known, mark = self._known[live.id], self._marks[live.id]
        for key in [key for key in known if key.started_at < mark]:
            del known[key]

    # ------------------------------------------------------------ resuming

    async def _missed(
        self, live: LiveSource, marks: Marks, owed: dict[str, datetime]
    ) -> AsyncGenerator[CallRecordEvent, None]:
        """What a source owes, and maybe some that was told before.

        It owes from its mark in `owed` on, and nothing any more when that could be read to the end.
        """
        trace = self._make_trace()
        loaders = Loaders(self._sources, trace)
        reading = self._read(live, owed[live.id], trace)
        try:
            while reading.open:
                entries = await reading.pull()
                for entry in entries:
                    await finish([entry], "record", self._paths, loaders)
                    if entry is entries[-1]:
                        owed[live.id] = reading.mark
                    yield self._event(EventKind.ADDED, entry.record, {**marks, **owed})
                owed[live.id] = reading.mark
            if reading.whole:
                del owed[live.id]
        finally:
            self._turns.took(live, trace)

    def _event(self, kind: EventKind, record: CallRecord, marks: Marks) -> CallRecordEvent:
        marks_us = {name: keys.to_us(moment) for name, moment in marks.items()}
        cursor = Watermarks(keys.VERSION, self._question, marks_us)
        sealed = self._signer.seal(msgspec.msgpack.encode(cursor))
        return CallRecordEvent(kind=kind, cursor=sealed, record=record)

    def _read_cursor(self, text: str) -> dict[str, datetime]:
        body = self._signer.unseal(text, "after")
        try:
            cursor = msgspec.msgpack.decode(body, type=Watermarks)
        except msgspec.DecodeError:
            cursor = None
        if cursor is None or cursor.version != keys.VERSION or cursor.question != self._question:
            raise BadUserInput("after", "this `after` belongs to another subscription or version")
        return {name: keys.from_us(us) for name, us in cursor.marks_us.items()}


class Watches:
    """The watches under way, by who may see what and what is asked."""

    def __init__(self) -> None:
        self.turns = Turns()
        self._watches: dict[Hashable, Watch] = {}

    def __len__(self) -> int:
        return len(self._watches)

    async def follow(
        self, key: Hashable, make: Callable[[], Watch], after: str | None
    ) -> AsyncGenerator[CallRecordEvent, None]:
        """The events of a question; its polling ends when nobody listens any more."""
        watch = self._watches.get(key)
        if watch is None or watch.ended:
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
