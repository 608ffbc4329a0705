"""Rows of reports become entries of a list: converted, placed, and finished with what is late.

Finishing gives an entry its id and source, its next runs, what only its detail tells, and the
files it made; of these only what is selected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from graph.errors import OverLimit, SourceError
from graph.gather import keys
from graph.gather.ask import attempt
from graph.gather.parts import part_names, set_part
from graph.reports.cron import next_runs
from graph.reports.link import files_of
from graph.reports.order import USUAL, Order, Place, place_of
from graph.reports.reading import Kind, Reading, reports_of, resource_of
from graph.sources.compiling import Conversion, compiled
from graph.sources.contract import Resource
from graph.sources.selected import heads
from graph.transport.source import LiveSource
from graph.types.report import CallReport, CompletedCallReport
from graph.types.report_words import ReportEngine

_TARGETS: dict[Kind, type] = {"report": CallReport, "completed": CompletedCallReport}


class Entry(NamedTuple):
    """`live` and `wire` are None for what this server keeps itself."""

    place: Place
    live: LiveSource | None
    record: Any
    wire: Any


def converted(
    live: LiveSource,
    kind: Kind,
    rows: Sequence[Any],
    paths: frozenset[str],
    order: Order,
    reading: Reading,
) -> tuple[list[Entry], int]:
    """The rows as entries with their places, and how many could not be converted"""
    resource = resource_of(live, kind)
    # What orders and filters a list is on every record; the late parts only where selected.
    own = frozenset(field.path for field in resource.fields if field.part is None)
    mask = live.mask_for(reading.trace.caller)
    convert: Conversion[Any] = compiled(_TARGETS[kind], resource, paths | own, live.site, mask=mask)
    made = convert(rows, None)
    return [
        Entry(place_of(record, live.id, order), live, record, wire)
        for record, wire in zip(made, rows, strict=True)
        if record is not None
    ], sum(record is None for record in made)


def entries(
    live: LiveSource, kind: Kind, rows: Sequence[Any], paths: frozenset[str], reading: Reading
) -> list[Entry]:
    """Rows of one source as entries in the usual order of their list, not yet finished"""
    return converted(live, kind, rows, paths, USUAL[kind], reading)[0]


def records(
    live: LiveSource, kind: Kind, rows: Sequence[Any], paths: frozenset[str], reading: Reading
) -> list[Any]:
    """Rows of one source as records, not yet finished"""
    return [one.record for one in entries(live, kind, rows, paths, reading)]


# ---------------------------------------------------------------- finishing


async def finish(
    entries: Sequence[Entry], kind: Kind, paths: frozenset[str], reading: Reading
) -> None:
    """Gives every entry its id and source, and what needs further requests, where selected"""
    wanted = heads(paths)
    own = [one.record for one in entries if one.live is None]
    if own and reading.gateway is not None:
        await reading.gateway.finish(reading.asker, own, paths)
    theirs = [(one, one.live) for one in entries if one.live is not None]
    for one, live in theirs:
        record = one.record
        record.source = live.told
        record.sources = [live.told]
        record.engine = ReportEngine.VENDOR
        record.id = keys.write_id(kind, live.id, record.native_id, None)
        if kind == "completed":
            record.file_url = reading.addresses.write(record.id, reading.trace.caller)
            record.complete = record.run = None
            continue
        record.time_zone = str(live.site.zone)
        record.deliveries, record.rerun_incomplete, record.runs = [], False, None
        if "next_runs" in wanted:
            now = reading.trace.timer.now()
            record.next_runs = next_runs(record.cron_expression, live.site.zone, now)
    if kind == "completed":
        return
    _check_late_parts(theirs, paths, reading)
    await asyncio.gather(*(_fill(one, live, paths, reading) for one, live in theirs))
    if "completed" in wanted:
        await asyncio.gather(*(_link(one, live, paths, reading) for one, live in theirs))


def _late(resource: Resource, paths: frozenset[str]) -> list[str]:
    first = heads(paths)
    return [
        field.path
        for field in resource.fields
        if field.part is not None and (field.path in paths or field.path in first)
    ]


def _check_late_parts(
    entries: Sequence[tuple[Entry, LiveSource]], paths: frozenset[str], reading: Reading
) -> None:
    """OverLimit if the details of this page are more than this question may cost"""
    trace = reading.trace
    for live in {live.id: live for _, live in entries}.values():
        own = [one for one, its in entries if its is live]
        needed = len(part_names(resource_of(live, "report"), paths)) * len(own)
        if len(own) < 2 or not needed:
            continue
        pace = live.pace
        by_rate = int(pace.burst + max(0.0, trace.remaining_seconds) * pace.requests_per_second)
        left = by_rate if trace.max_requests is None else trace.max_requests - trace.issued
        allowed = max(0, min(by_rate, left))
        if needed > allowed:
            raise OverLimit(
                "maxRequests",
                allowed,
                needed,
                f"the fields selected need one further request for each report of source "
                f"{live.id!r}: {needed} for this page, and {allowed} are possible before the "
                "deadline; ask for fewer reports or without these fields",
            )


async def _fill(one: Entry, live: LiveSource, paths: frozenset[str], reading: Reading) -> None:
    """Sets what only the detail tells; a SourceError where it could not be had"""
    resource = resource_of(live, "report")
    late = _late(resource, paths)
    if not late:
        return
    (name,) = part_names(resource, paths)
    found = await attempt(reading.detail(live, "report", one.record.native_id))
    values = (
        dict.fromkeys(late, found)
        if isinstance(found, SourceError)
        else resource.parts[name].values(live.site, found.rows)
    )
    set_part(one.record, resource, name, values, paths, live.mask_for(reading.trace.caller))


async def _link(one: Entry, live: LiveSource, paths: frozenset[str], reading: Reading) -> None:
    async def files() -> Any:
        own, completed = await asyncio.gather(
            reading.whole(live, "report"), reading.whole(live, "completed")
        )
        below = frozenset(
            path.removeprefix("completed.nodes.")
            for path in paths
            if path.startswith("completed.nodes.")
        )
        made = entries(live, "completed", completed.rows, below, reading)
        await finish(made, "completed", below, reading)
        made.sort(key=lambda entry: entry.place, reverse=True)
        return files_of(
            reports_of(live),
            one.record,
            records(live, "report", own.rows, frozenset(), reading),
            [entry.record for entry in made],
            truncated=own.truncated or completed.truncated,
        )

    one.record.completed = await attempt(files())
