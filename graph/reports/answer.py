"""The front door for lists and lookups of reports: ask → convert → sort → cut → finish.

Lists of reports are short, so each source's is read whole for every page and sorted here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from graph.errors import BadUserInput, SourceError, SourcesFailed
from graph.gather import keys
from graph.gather.answer import failure, outcome_of, refuse
from graph.gather.ask import attempt
from graph.gather.cut import not_asked
from graph.gather.plan import NotAsked, meant
from graph.reports.entries import Entry, converted, entries, finish
from graph.reports.expression import test_of
from graph.reports.order import (
    Question,
    descends,
    follows,
    place_of,
    read_cursor,
    write_cursor,
)
from graph.reports.reading import LONGEST_LIST, Kind, Reading, Whole
from graph.transport.source import LiveSource
from graph.types.answer import Count, CountRelation, Outcome, OutcomeState, PageInfo
from graph.types.inputs import CallFilter, OnPartial
from graph.types.report import (
    CallReport,
    CallReportConnection,
    CallReportEdge,
    CompletedCallReportConnection,
    CompletedCallReportEdge,
)
from graph.types.report_run import GatewayReports
from graph.types.source import Source, SourceState

FILTERED: Mapping[Kind, Mapping[str, type]] = {
    "report": {"name": str, "type": str, "status": str, "cronExpression": str},
    "completed": {
        "name": str, "type": str, "format": str, "completedAt": datetime, "fileName": str,
        "fileSizeBytes": int,
    },
}  # fmt: skip
"""what the `filter` of each list may name"""


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
    after = read_cursor(asked, signer)
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
    found: list[Entry] = []
    outcomes: list[Outcome] = []
    for live, whole in zip(able, wholes, strict=True):
        if isinstance(whole, SourceError):
            outcomes.append(outcome_of(live, whole, trace, records=0))
            continue
        theirs, undone = converted(live, asked.kind, whole.rows, asked.paths, asked.order, reading)
        found += [entry for entry in theirs if test is None or test(entry.record)]
        outcomes.append(_answered(live, whole, undone, reading))
    own = await _own(asked, reading) if not dry_run else []
    found += [entry for entry in own if test is None or test(entry.record)]
    failing = outcomes + [o for o in unasked if o.state is not OutcomeState.UNSUPPORTED]
    complete = all(o.state is OutcomeState.OK and o.skipped_records == 0 for o in failing)
    answered = bool(own) or any(not isinstance(whole, SourceError) for whole in wholes)
    if not dry_run:
        refuse(failing, on_partial, trace, complete=complete, answered=answered)
    found.sort(key=lambda entry: entry.place, reverse=descends(asked.order))
    rest = [e for e in found if after is None or follows(e.place, after, asked.order)]
    shown = rest[: asked.page.amount]
    for outcome in outcomes:
        outcome.records = sum(
            1 for entry in shown if entry.live and entry.live.told is outcome.source
        )
    await finish(shown, asked.kind, asked.paths, reading)
    cursors = [write_cursor(asked, entry.place, signer) for entry in shown]
    count = Count(
        value=len(found),
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
    if node.kind not in kinds:
        return None
    kind: Kind = "report" if node.kind == "report" else "completed"
    if node.source == keys.GATEWAY and reading.gateway is not None:
        own = await reading.gateway.entry(reading.asker, kind, node.row)
        if own is not None:
            await reading.gateway.finish(reading.asker, [own], paths)
        return own
    if live is None:
        return None
    found = await attempt(reading.detail(live, kind, node.row))
    if isinstance(found, SourceError):
        raise failure(live, found, reading.trace)
    if not found.rows:
        return None
    made = entries(live, kind, found.rows, paths, reading)
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


# ---------------------------------------------------------------- our own


def no_gateway() -> GatewayReports:
    """What a server tells that runs no reports itself"""
    return GatewayReports(
        available=False,
        reason="this server's configuration has no table [reports]",
        types=[],
        formats=[],
        presets=[],
        deliveries=[],
    )


async def _own(asked: Question, reading: Reading) -> list[Entry]:
    """What this server keeps itself of the list, as far as its arguments mean it"""
    gateway, search = reading.gateway, (asked.search or "").casefold()
    if gateway is None:
        return []
    records: Sequence[Any] = (
        await gateway.reports(reading.asker)
        if asked.kind == "report"
        else await gateway.completed(reading.asker)
    )
    wanted = None if asked.sources is None else set(asked.sources)
    return [
        Entry(place_of(record, keys.GATEWAY, asked.order), None, record, None)
        for record in records
        if (wanted is None or not wanted.isdisjoint(str(one.id) for one in record.sources))
        and search in (record.name or "").casefold()
    ]


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
    return not_asked(NotAsked(told, state, message))


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
