"""Entries by their keys, and entries finished: what needs a further request, batched by loaders."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
from aiodataloader import DataLoader

from graph.errors import BadUserInput, SourceError
from graph.gather.ask import attempt
from graph.gather.fold import fold, leg_paths
from graph.gather.keys import Kind
from graph.gather.parts import (
    closed,
    finish_legs,
    label,
    legs_of_call,
    part_names,
    set_part,
    sub,
)
from graph.gather.plan import NEEDS, choose
from graph.gather.reading import Row
from graph.gather.stream import Stream
from graph.observe import Trace
from graph.sources.compiling import Conversion, compiled, row_keys
from graph.sources.contract import Ask, Found, Part, Reply, Resource, RowKey
from graph.sources.selected import GIVEN_LATER, heads, wire_keys, wire_names
from graph.transport.open import Sources
from graph.transport.source import LiveSource
from graph.types.call import CallLog, CallRecord, CallUnit


class Loaders:
    """One operation's loaders: a part of an entry, or an entry by its key, is asked for once."""

    def __init__(self, sources: Sources, trace: Trace) -> None:
        self.sources = sources
        self.trace = trace
        self._made: dict[Any, DataLoader[Any, Any]] = {}

    def part(
        self, live: LiveSource, resource: Resource, name: str, *, raw: bool
    ) -> DataLoader[RowKey, Found]:
        """The rows of a late part, by row key"""
        part = resource.parts[name]

        async def load(row: RowKey) -> Found:
            return await _send_part(live, part, row, self.trace, raw=raw)

        return self._loader((live.id, "part", id(resource), name, raw), load)

    def entry(
        self, live: LiveSource, kind: Kind, paths: frozenset[str]
    ) -> DataLoader[RowKey, Lookup]:
        """An entry by its key"""

        async def load(row: RowKey) -> Lookup:
            return await look_up(live, kind, row, paths, self)

        return self._loader((live.id, "entry", kind, paths), load)

    def _loader(
        self, key: Any, load: Callable[[RowKey], Awaitable[Any]]
    ) -> DataLoader[RowKey, Any]:
        made = self._made.get(key)
        if made is None:

            async def batch(rows: list[RowKey]) -> list[Any]:
                # A failed key is its own error and no other's; the deadline is inside `load`.
                return list(await asyncio.gather(*(attempt(load(row)) for row in rows)))

            made = self._made[key] = DataLoader(batch_load_fn=batch)
        return made


async def _send_part(
    live: LiveSource, part: Part, row: RowKey, trace: Trace, *, raw: bool
) -> Found:
    request = part.ask(live.site, row)

    def read(reply: Reply) -> Found:
        return part.read(live.site, reply, request, raw)

    return await live.send(request, read, trace)


# ---------------------------------------------------------------- finishing entries


async def finish(
    entries: Sequence[Row], kind: Kind, paths: frozenset[str], loaders: Loaders
) -> None:
    """Gives every entry what its source's mapping does not: id, source, unit, late parts."""
    lives = [loaders.sources.live[source] for source in dict.fromkeys(map(_source, entries))]
    if not any(_is_more(live, kind, paths) for live in lives):
        return
    by_source: dict[str, list[Row]] = {live.id: [] for live in lives}
    for entry in entries:
        by_source[entry.source].append(entry)
    late: list[Awaitable[None]] = []
    for live in lives:
        of_source = by_source[live.id]
        resource = _finish_source(live, of_source, kind, paths, loaders)
        if resource is not None:
            late += [_fill(live, resource, entry, kind, paths, loaders) for entry in of_source]
    if late:
        await asyncio.gather(*late)


def _is_more(live: LiveSource, kind: Kind, paths: frozenset[str]) -> bool:
    """Something was asked for that the source's mapping alone does not give"""
    resource, _ = _resource(live, kind)
    return not GIVEN_LATER.isdisjoint(heads(paths)) or bool(part_names(resource, paths))


def _finish_source(
    live: LiveSource,
    entries: Sequence[Row],
    kind: Kind,
    paths: frozenset[str],
    loaders: Loaders,
) -> Resource | None:
    """What is there already; the resource of the late parts, where there are any"""
    resource, folded = _resource(live, kind)
    label([entry.record for entry in entries], map(_row_key, entries), live, kind, paths)
    wanted = heads(paths)
    if folded:
        if "logs" in wanted:
            for entry in entries:
                finish_legs(entry.record.logs, entry.wire, live, sub(paths, "logs"), entry.record)
        return None
    if kind != "log" and "logs" in wanted:
        for entry in entries:
            entry.record.logs = None  # a leg has none, and a late part brings them later
            if kind == "record" and resource.legs_of is not None:
                rows = resource.legs_of(live.site, entry.wire)
                entry.record.logs = legs_of_call(
                    live, rows, None, sub(paths, "logs"), entry.record, loaders.trace.caller
                )
    return resource if part_names(resource, paths) or "record" in wanted else None


_source, _row_key = attrgetter("source"), attrgetter("key")


async def _fill(
    live: LiveSource,
    resource: Resource,
    entry: Row,
    kind: Kind,
    paths: frozenset[str],
    loaders: Loaders,
) -> None:
    row = RowKey(entry.key, entry.moment)
    first = heads(paths)
    for name in part_names(resource, paths):
        raw = "logs.raw" in paths
        found = await attempt(loaders.part(live, resource, name, raw=raw).load(row))
        # A part that could not be had is null with an error at its path.
        values = (
            dict.fromkeys((field.path for field in resource.fields), found)
            if isinstance(found, SourceError)
            else resource.parts[name].values(live.site, found.rows)
        )
        mask = live.mask_for(loaders.trace.caller)
        set_part(entry.record, resource, name, values, paths, mask)
        if resource.legs_part == name and "logs" in first and kind == "record":
            entry.record.logs = (
                found
                if isinstance(found, SourceError)
                else legs_of_call(
                    live,
                    found.rows,
                    found.raws,
                    sub(paths, "logs"),
                    entry.record,
                    loaders.trace.caller,
                )
            )
    if "record" in first and kind == "log":
        entry.record.record = await _call_of(live, resource, entry, paths, loaders)


async def _call_of(
    live: LiveSource, resource: Resource, entry: Row, paths: frozenset[str], loaders: Loaders
) -> Any:
    if resource.call_of is None:
        return None
    row = resource.call_of(live.site, entry.wire)
    found = await attempt(loaders.entry(live, "record", sub(paths, "record")).load(row))
    return found if isinstance(found, SourceError) else found.record


# ---------------------------------------------------------------- lookups


class Lookup(NamedTuple):
    """What looking for one entry brought."""

    record: Any
    ready: bool = True
    retry_after_seconds: float | None = None


def _resource(live: LiveSource, kind: Kind) -> tuple[Resource, bool]:
    if kind == "record":
        return choose(live, "records", CallUnit.CALL)
    return live.manifest.logs, False


async def check_key(live: LiveSource, kind: Kind, row: RowKey) -> None:
    """BadUserInput or SourceError where no request could ever find an entry of this key"""
    resource, folded = _resource(live, kind)
    if resource.locate is None or not resource.locate(live.site, row):
        _windows(live, resource, folded, row)


async def look_up(
    live: LiveSource, kind: Kind, row: RowKey, paths: frozenset[str], loaders: Loaders
) -> Lookup:
    """One entry by its key, equal in every field to what a list gives; or a SourceError."""
    resource, folded = _resource(live, kind)
    paths = closed(paths) if kind == "record" else paths
    wanted = paths | NEEDS | {"call_key"}
    read_paths = leg_paths(wanted) if folded else wanted
    target: type = CallLog if folded or kind == "log" else CallRecord
    convert: Conversion[Any] = compiled(
        target,
        resource,
        read_paths,
        live.site,
        live.manifest.details,
        live.mask_for(loaders.trace.caller),
    )
    requests = [] if resource.locate is None else resource.locate(live.site, row)
    rows: list[Row] = []
    if requests:
        found = await _locate(
            live, resource, requests, loaders.trace, row, convert, raw="raw" in read_paths
        )
        if not isinstance(found, list):
            return found
        rows = found
        if rows and not wire_names(resource, read_paths).isdisjoint(resource.locate_lacks):
            # The key brought less than a list does; the window around its start brings all.
            at = rows[0].moment
            rows = (
                await _in_window(
                    live, resource, folded, row.row, at, at, read_paths, convert, loaders.trace
                )
                or rows
            )
    else:
        for since, until in _windows(live, resource, folded, row):
            rows = await _in_window(
                live, resource, folded, row.row, since, until, read_paths, convert, loaders.trace
            )
            if any(_belongs(found_row, row) for found_row in rows):
                break
    if folded:
        legs = [found_row for found_row in rows if found_row.record.call_key == row.row]
        matching = [fold(row.row, legs, heads(wanted))] if legs else []
    else:
        matching = [found_row for found_row in rows if found_row.key == row.row]
    if not matching:
        return Lookup(None)
    await finish(matching[:1], kind, paths, loaders)
    return Lookup(matching[0].record)


async def _locate(
    live: LiveSource,
    resource: Resource,
    requests: Sequence[Any],
    trace: Trace,
    row: RowKey,
    convert: Conversion[Any],
    *,
    raw: bool,
) -> list[Row] | Lookup:
    waiting: Lookup | None = None
    for request in requests:

        def read(reply: Reply, request: Any = request) -> Found:
            assert resource.read_located is not None
            return resource.read_located(live.site, reply, request, raw)

        found = await live.send(request, read, trace)
        rows = _rows(live, resource, found.rows, found.raws, convert)
        if any(_belongs(found_row, row) for found_row in rows):
            return rows
        if not found.ready:
            waiting = Lookup(None, False, found.retry_after_seconds)
    return waiting if waiting is not None else []


def _belongs(found: Row, wanted: RowKey) -> bool:
    return wanted.row in (found.key, found.record.call_key)


_ABOUT = timedelta(days=1)
"""how far off somebody's idea of a call's start may be"""


def _windows(
    live: LiveSource, resource: Resource, folded: bool, row: RowKey
) -> list[tuple[datetime, datetime]]:
    """The windows to look for an entry in, the likeliest first."""
    horizon = timedelta(seconds=resource.horizon_seconds if folded else 0)
    told = None if resource.key_start is None else resource.key_start(live.site, row.row)
    if row.started_at is not None and row.exact:
        return [(row.started_at, row.started_at + horizon)]
    if told is not None:
        return [(told, told + horizon + timedelta(minutes=5))]
    if row.started_at is not None:
        at = row.started_at
        return [(at, at + horizon), (at - _ABOUT, at + _ABOUT + horizon)]
    raise BadUserInput(
        "ref.native.startedAt",
        f"{live.manifest.title} finds a record only around its start: give `startedAt`",
    )


async def _in_window(
    live: LiveSource,
    resource: Resource,
    folded: bool,
    row: str,
    since: datetime,
    until: datetime,
    paths: frozenset[str],
    convert: Conversion[Any],
    trace: Trace,
) -> list[Row]:
    """The rows of a window, until the entry is among them."""
    ask = Ask(
        since=since,
        until=until,
        newest_first=False,
        now=trace.timer.now(),
        wire=None if "raw" in paths else wire_keys(resource, paths),
        raw="raw" in paths,
        amount=20,
    )
    stream = Stream(live, resource, trace, ask, convert)
    rows: list[Row] = []
    while not stream.done:
        await stream.pull()
        rows += stream.out
        stream.out.clear()
        passed = stream.frontier is not None and stream.frontier > until
        if passed or (not folded and any(found.key == row for found in rows)):
            break
    return rows


def _rows(
    live: LiveSource,
    resource: Resource,
    wires: Sequence[Any],
    raws: Sequence[msgspec.Raw] | None,
    convert: Conversion[Any],
) -> list[Row]:
    made, keys = convert(wires, raws), row_keys(resource, live.site, wires)
    return [
        Row(record.started_at, live.id, key, record, wire)
        for key, wire, record in zip(keys, wires, made, strict=True)
        if record is not None and record.started_at is not None
    ]
