"""The front door for lists and lookups of reports: ask → convert → sort → cut → finish.

Lists of reports are short, so each source's is read whole for every page and sorted here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from graph.errors import BadUserInput, OverLimit, SourceError, SourcesFailed
from graph.gather import keys
from graph.gather.answer import failure, outcome_of, refuse
from graph.gather.ask import attempt
from graph.gather.parts import part_names
from graph.gather.plan import Page, meant
from graph.reports.cron import next_runs
from graph.reports.expression import test_of
from graph.reports.link import files_of
from graph.reports.reading import LONGEST_LIST, Kind, Reading, Whole, reports_of, resource_of
from graph.sources.contract import Resource
from graph.sources.convert import compiled, convert_rows, heads
from graph.transport.source import LiveSource
from graph.types.answer import Count, CountRelation, Outcome, OutcomeState, PageInfo
from graph.types.inputs import CallFilter, OnPartial
from graph.types.report import (
    CallReport,
    CallReportConnection,
    CallReportEdge,
    CompletedCallReport,
    CompletedCallReportConnection,
    CompletedCallReportEdge,
)
from graph.types.report_inputs import CompletedReportOrder, ReportOrder
from graph.types.source import Source, SourceState

FILTERED: Mapping[Kind, Mapping[str, type]] = {
    "report": {"name": str, "type": str, "status": str, "cronExpression": str},
    "completed": {
        "name": str, "type": str, "format": str, "completedAt": datetime, "fileName": str,
        "fileSizeBytes": int,
    },
}  # fmt: skip
"""what the `filter` of each list may name"""

_ORDERS: Mapping[ReportOrder | CompletedReportOrder, tuple[str, bool]] = {
    ReportOrder.NAME: ("name", False),
    ReportOrder.NAME_DESCENDING: ("name", True),
    ReportOrder.TYPE: ("type", False),
    ReportOrder.TYPE_DESCENDING: ("type", True),
    ReportOrder.STATUS: ("status", False),
    ReportOrder.STATUS_DESCENDING: ("status", True),
    CompletedReportOrder.NEWEST_FIRST: ("completed_at", True),
    CompletedReportOrder.OLDEST_FIRST: ("completed_at", False),
    CompletedReportOrder.NAME: ("name", False),
    CompletedReportOrder.NAME_DESCENDING: ("name", True),
    CompletedReportOrder.TYPE: ("type", False),
    CompletedReportOrder.TYPE_DESCENDING: ("type", True),
    CompletedReportOrder.SIZE: ("file_size_bytes", False),
    CompletedReportOrder.SIZE_DESCENDING: ("file_size_bytes", True),
}


class Place(NamedTuple):
    """Where an entry stands in its list; compares as the list is ordered, ascending."""

    value: str | int
    source: str
    row: str


class Entry(NamedTuple):
    place: Place
    live: LiveSource
    record: Any
    wire: Any


class ReportCursor(msgspec.Struct, frozen=True, array_like=True):
    """What a cursor of a list of reports holds."""

    version: int
    question: bytes
    value: str | int
    source: str
    row: str


class Question(NamedTuple):
    """A page of reports as it was asked for."""

    kind: Kind
    sources: list[str] | None
    search: str | None
    filter: str | None
    order: ReportOrder | CompletedReportOrder
    page: Page
    paths: frozenset[str]

    @property
    def hash(self) -> bytes:
        return keys.question_hash(
            self.kind, self.sources, self.search, self.filter, self.order.name
        )


async def page(
    asked: Question,
    reading: Reading,
    signer: keys.Signer,
    *,
    on_partial: OnPartial = OnPartial.RETURN,
    dry_run: bool = False,
) -> CallReportConnection | CompletedCallReportConnection:
    """One page of a list; SourcesFailed if no source that runs reports could answer"""
    test = test_of(asked.filter, FILTERED[asked.kind]) if asked.filter else None
    after = None if asked.page.after is None else _read_cursor(asked, signer)
    trace = reading.trace
    able: list[LiveSource] = []
    unasked: list[Outcome] = []
    for told in _meant(asked, reading):
        live = reading.seen(str(told.id))
        if live is not None and not dry_run:
            able.append(live)
        else:
            unasked.append(_not_asked(told, able=live is not None))
    wholes = await asyncio.gather(
        *(attempt(reading.whole(live, asked.kind, asked.search)) for live in able)
    )
    entries: list[Entry] = []
    outcomes: list[Outcome] = []
    for live, whole in zip(able, wholes, strict=True):
        if isinstance(whole, SourceError):
            outcomes.append(outcome_of(live, whole, trace, records=0))
            continue
        own, undone = _entries(live, whole, asked)
        entries += [entry for entry in own if test is None or test(entry.record)]
        outcomes.append(_answered(live, whole, undone, reading))
    failing = outcomes + [o for o in unasked if o.state is not OutcomeState.UNSUPPORTED]
    complete = all(o.state is OutcomeState.OK and o.skipped_records == 0 for o in failing)
    answered = any(not isinstance(whole, SourceError) for whole in wholes)
    if not dry_run:
        refuse(failing, on_partial, trace, complete=complete, answered=answered)
    descending = _ORDERS[asked.order][1]
    entries.sort(key=lambda entry: entry.place, reverse=descending)
    rest = [e for e in entries if after is None or _follows(e.place, after, descending)]
    shown = rest[: asked.page.amount]
    for outcome in outcomes:
        outcome.records = sum(1 for entry in shown if entry.live.told is outcome.source)
    await finish(shown, asked.kind, asked.paths, reading)
    cursors = [_cursor(asked, entry.place, signer) for entry in shown]
    count = Count(
        value=len(entries),
        relation=CountRelation.EXACT if complete else CountRelation.AT_LEAST,
    )
    about: dict[str, Any] = {
        "nodes": [entry.record for entry in shown],
        "page_info": PageInfo(
            has_next_page=len(rest) > len(shown),
            has_previous_page=after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else asked.page.after,
        ),
        "count": count,
        "complete": complete,
        "outcomes": outcomes + unasked,
    }
    pairs = list(zip(cursors, about["nodes"], strict=True))
    if asked.kind == "report":
        return CallReportConnection(
            edges=[CallReportEdge(cursor=c, node=n) for c, n in pairs], **about
        )
    return CompletedCallReportConnection(
        edges=[CompletedCallReportEdge(cursor=c, node=n) for c, n in pairs], **about
    )


async def entry(
    node: keys.NodeId, kinds: Sequence[Kind], paths: frozenset[str], reading: Reading
) -> Any:
    """The report or file of an id, or None; SourcesFailed if its source could not answer"""
    live = reading.seen(node.source)
    if live is None or node.kind not in kinds:
        return None
    kind: Kind = "report" if node.kind == "report" else "completed"
    found = await attempt(reading.detail(live, kind, node.row))
    if isinstance(found, SourceError):
        raise failure(live, found, reading.trace)
    if not found.rows:
        return None
    made = entries(live, kind, found.rows, paths)
    if not made:
        return None
    await finish(made, kind, paths, reading)
    return made[0].record


async def entry_or_failure(
    node: keys.NodeId, paths: frozenset[str], reading: Reading
) -> CallReport | SourcesFailed | None:
    """The report, or why it could not be read as a value, which is null with an error then"""
    try:
        found: CallReport | None = await entry(node, ("report",), paths, reading)
    except SourcesFailed as failed:
        return failed
    return found


def facts(asked: Question, outcomes: Sequence[Outcome], reading: Reading, field: str) -> Any:
    """What was asked of whom, as plain data for `extensions.plan`"""
    return {
        "field": field,
        "order": asked.order.name,
        "amount": asked.page.amount,
        "search": "applied by the vendor" if asked.search else None,
        "filter": "checked here" if asked.filter else None,
        "sources": [
            {
                "source": str(outcome.source.id),
                "state": outcome.state.value,
                "requests": [
                    {"method": note.method, "path": note.path, "status": note.status}
                    for note in reading.trace.source(str(outcome.source.id)).notes
                ],
            }
            for outcome in outcomes
        ],
        "requestId": reading.trace.request_id,
        "elapsedMs": reading.trace.elapsed_ms(),
    }


# ---------------------------------------------------------------- which sources


def _meant(asked: Question, reading: Reading) -> list[Source]:
    try:
        chosen = CallFilter(sources=asked.sources)  # type: ignore[arg-type]  # ids are text
        return meant(reading.sources, reading.trace.caller, chosen)
    except BadUserInput as error:
        raise BadUserInput(error.argument.removeprefix("filter."), str(error)) from None


def _not_asked(told: Source, *, able: bool) -> Outcome:
    state, message = OutcomeState.UNSUPPORTED, unable(told)
    if able:
        state, message = OutcomeState.UNKNOWN, "a dry run: not asked"
    elif told.state is SourceState.DISABLED:
        state, message = OutcomeState.DISABLED, told.reason or "it is disabled"
    return Outcome(
        source=told,
        state=state,
        code=None,
        message=message,
        retryable=False,
        retry_after_seconds=None,
        records=0,
        skipped_records=0,
        requests=0,
        retries=0,
        elapsed_ms=0,
        covered=None,
        missing=[],
        settled_until=None,
        repair_cursor=None,
    )


def unable(told: Source) -> str:
    """That a source runs no reports, and what it can do instead"""
    can = told.capabilities
    if can is None:
        return f"source {told.id} runs no reports"
    return (
        f"source {told.id} runs no reports. What it can do: calls ({can.records}) "
        f"and call logs ({can.logs})"
    )


def _answered(live: LiveSource, whole: Whole, undone: int, reading: Reading) -> Outcome:
    outcome = outcome_of(live, None, reading.trace, records=0)
    outcome.skipped_records = whole.skipped + undone
    if whole.truncated:
        outcome.state = OutcomeState.TRUNCATED
        outcome.message = (
            f"it has more entries than the {LONGEST_LIST} that are read of one source, or its "
            "list did not hold still; narrow it with `search`"
        )
    elif outcome.skipped_records:
        outcome.message = (
            f"{outcome.skipped_records} of its entries were not as documented and are left out"
        )
    return outcome


# ---------------------------------------------------------------- records, order, cursors


def _entries(live: LiveSource, whole: Whole, asked: Question) -> tuple[list[Entry], int]:
    """The rows as records with their places, and how many could not be converted"""
    resource = resource_of(live, asked.kind)
    target: type = CallReport if asked.kind == "report" else CompletedCallReport
    # What orders and filters a list is on every record; the late parts only where selected.
    own = frozenset(field.path for field in resource.fields if field.part is None)
    convert: Callable[[Any, Any], Any] = compiled(
        target, resource.fields, asked.paths | own, live.site
    )
    made, undone = convert_rows(convert, whole.rows, None)
    attribute = _ORDERS[asked.order][0]
    return [
        Entry(Place(_value(record, attribute), live.id, record.native_id), live, record, wire)
        for record, wire in zip(made, whole.rows, strict=True)
        if record is not None
    ], undone


def entries(live: LiveSource, kind: Kind, rows: list[Any], paths: frozenset[str]) -> list[Entry]:
    """Rows of one source as entries in the usual order of their list, not yet finished"""
    made, _ = _entries(live, Whole(rows, 0, False), _asking(kind, paths))
    return made


def records(live: LiveSource, kind: Kind, rows: list[Any], paths: frozenset[str]) -> list[Any]:
    """Rows of one source as records, not yet finished"""
    return [one.record for one in entries(live, kind, rows, paths)]


def _value(record: Any, attribute: str) -> str | int:
    value = getattr(record, attribute)
    if attribute == "completed_at":
        return 0 if value is None else keys.to_us(value)
    if attribute == "file_size_bytes":
        return -1 if value is None else int(value)
    return "" if value is None else str(getattr(value, "name", value)).casefold()


def _asking(kind: Kind, paths: frozenset[str]) -> Question:
    order = ReportOrder.NAME if kind == "report" else CompletedReportOrder.NEWEST_FIRST
    return Question(kind, None, None, None, order, Page(amount=1, backwards=False), paths)


def _follows(place: Place, after: Place, descending: bool) -> bool:
    return place < after if descending else place > after


def _cursor(asked: Question, place: Place, signer: keys.Signer) -> str:
    return signer.seal(msgspec.msgpack.encode(ReportCursor(keys.VERSION, asked.hash, *place)))


def _read_cursor(asked: Question, signer: keys.Signer) -> Place:
    assert asked.page.after is not None
    body = signer.unseal(asked.page.after, "after")
    numeric = _ORDERS[asked.order][0] in ("completed_at", "file_size_bytes")
    try:
        cursor = msgspec.msgpack.decode(body, type=ReportCursor)
    except msgspec.DecodeError:
        cursor = None
    if cursor is None or cursor.version != keys.VERSION or cursor.question != asked.hash:
        raise BadUserInput("after", "this `after` belongs to another list, filter or order")
    assert isinstance(cursor.value, int) is numeric
    return Place(cursor.value, cursor.source, cursor.row)


# ---------------------------------------------------------------- finishing


async def finish(
    entries: Sequence[Entry], kind: Kind, paths: frozenset[str], reading: Reading
) -> None:
    """Gives every entry its id and source, and what needs further requests, where selected"""
    wanted = heads(paths)
    for one in entries:
        record = one.record
        record.source = one.live.told
        record.id = keys.write_id(kind, one.live.id, record.native_id, None)
        if kind == "completed":
            record.file_url = f"/reports/{record.id}/file"
        elif "next_runs" in wanted:
            now = reading.trace.timer.now()
            record.next_runs = next_runs(record.cron_expression, one.live.site.zone, now)
    if kind == "completed":
        return
    _check_late_parts(entries, paths, reading)
    await asyncio.gather(*(_fill(one, paths, reading) for one in entries))
    if "completed" in wanted:
        await asyncio.gather(*(_link(one, paths, reading) for one in entries))


def _late(resource: Resource, paths: frozenset[str]) -> list[str]:
    first = heads(paths)
    return [
        field.path
        for field in resource.fields
        if field.part is not None and (field.path in paths or field.path in first)
    ]


def _check_late_parts(entries: Sequence[Entry], paths: frozenset[str], reading: Reading) -> None:
    """OverLimit if the details of this page are more than this question may cost"""
    trace = reading.trace
    for live in {one.live.id: one.live for one in entries}.values():
        own = [one for one in entries if one.live is live]
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


async def _fill(one: Entry, paths: frozenset[str], reading: Reading) -> None:
    """Sets what only the detail tells; a SourceError where it could not be had"""
    resource = resource_of(one.live, "report")
    late = _late(resource, paths)
    if not late:
        return
    (name,) = part_names(resource, paths)
    found = await attempt(reading.detail(one.live, "report", one.record.native_id))
    values = (
        dict.fromkeys(late, found)
        if isinstance(found, SourceError)
        else resource.parts[name].values(one.live.site, found.rows)
    )
    for path in late:
        setattr(one.record, path, values[path])


async def _link(one: Entry, paths: frozenset[str], reading: Reading) -> None:
    live = one.live

    async def files() -> Any:
        own, completed = await asyncio.gather(
            reading.whole(live, "report"), reading.whole(live, "completed")
        )
        below = frozenset(
            path.removeprefix("completed.nodes.")
            for path in paths
            if path.startswith("completed.nodes.")
        )
        made = entries(live, "completed", completed.rows, below)
        await finish(made, "completed", below, reading)
        made.sort(key=lambda entry: entry.place, reverse=True)
        return files_of(
            reports_of(live),
            one.record,
            records(live, "report", own.rows, frozenset()),
            [entry.record for entry in made],
            truncated=own.truncated or completed.truncated,
        )

    one.record.completed = await attempt(files())
