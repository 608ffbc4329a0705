"""The front door for lists and lookups: plan → ask → merge → cut → parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timedelta
from typing import Any

from graph.errors import BadUserInput, SourceError, SourcesFailed
from graph.gather import ask, keys, parts
from graph.gather.cost import ONE, estimate
from graph.gather.cut import cut, edges, not_run, window_of
from graph.gather.keys import Kind, NodeId
from graph.gather.lookup import Loaders, check_key, finish
from graph.gather.plan import Plan
from graph.observe import Trace
from graph.sources.contract import LONGEST_CALL_SECONDS, RowKey
from graph.transport.source import LiveSource
from graph.types.answer import (
    CallLogConnection,
    CallRecordConnection,
    CallRecordLookup,
    LookupState,
    Outcome,
    OutcomeState,
)
from graph.types.call import CallUnit
from graph.types.inputs import NativeCallRef, OnPartial


async def page(
    plan: Plan,
    trace: Trace,
    signer: keys.Signer,
    loaders: Loaders,
    wanted: Callable[[str], bool],
    *,
    on_partial: OnPartial = OnPartial.RETURN,
    dry_run: bool = False,
) -> CallRecordConnection | CallLogConnection:
    """One page of a list; SourcesFailed if no source could answer. `dry_run`: nobody is asked.

    `wanted` says of "edges", "edges.cursor", "page_info.end_cursor" and the like whether they were
    asked for; what takes time to make is made only then.
    """
    parts.check_late_parts(plan, trace)
    runs: list[ask.Run] = []
    if dry_run:
        trace.estimated = estimate(plan)
        made = not_run(plan)
    else:
        await trace.reserve(estimate(plan))
        runs, first = await ask.all_sources(plan, trace)
        made = cut(plan, runs, first, trace, signer, wanted)
        refuse(
            made.outcomes,
            on_partial,
            trace,
            complete=made.complete,
            answered=any(not run.failed for run in runs),
        )
    kind: Kind = "log" if plan.kind == "logs" else "leg" if plan.unit is CallUnit.LEG else "record"
    await finish(made.entries, kind, plan.paths, loaders)
    page: CallLogConnection | CallRecordConnection = (
        object.__new__(CallLogConnection)
        if plan.kind == "logs"
        else object.__new__(CallRecordConnection)
    )
    page.nodes = [entry.record for entry in made.entries]
    page.page_info = made.page_info
    page.count = made.total
    page.complete = made.complete
    page.window = window_of(plan)
    page.outcomes = made.outcomes
    if wanted("edges"):
        cursors_wanted = wanted("edges.cursor")
        page.edges = edges(plan, made.entries, signer, cursors_wanted=cursors_wanted)
    # What was read and did not come onto the page is freed once the answer is on its way.
    asyncio.get_running_loop().call_soon(runs.clear)
    return page


def refuse(
    outcomes: list[Outcome],
    on_partial: OnPartial,
    trace: Trace,
    *,
    complete: bool,
    answered: bool,
) -> None:
    """Raises if nobody answered, or not everybody did and the caller wants all or nothing"""
    bad = [outcome for outcome in outcomes if outcome.state is not OutcomeState.OK]
    if outcomes and not answered:
        raise SourcesFailed(
            f"no source could answer (request {trace.request_id}): " + _sentences(bad),
            code=bad[0].state.name,
            retryable=any(outcome.retryable for outcome in bad),
            outcomes=[_plain(outcome) for outcome in outcomes],
        )
    if on_partial is OnPartial.FAIL and not complete:
        raise SourcesFailed(
            f"the answer would be partial (request {trace.request_id}): " + _sentences(bad),
            code="PARTIAL",
            retryable=any(outcome.retryable for outcome in bad),
            outcomes=[_plain(outcome) for outcome in outcomes],
        )


def _sentences(outcomes: list[Outcome]) -> str:
    return "; ".join(
        f"{outcome.source.id}: {outcome.state.value}"
        + (f" ({outcome.message})" if outcome.message else "")
        for outcome in outcomes
    )


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {
        "source": str(outcome.source.id),
        "state": outcome.state.value,
        "code": outcome.code,
        "message": outcome.message,
        "retryable": outcome.retryable,
        "retryAfterSeconds": outcome.retry_after_seconds,
    }


# ---------------------------------------------------------------- lookups


async def entry(
    text: str, kinds: tuple[Kind, ...], paths: frozenset[str], loaders: Loaders, argument: str
) -> Any:
    """The entry of an id, or None if there is none, it is of another kind, or not to be seen."""
    node = keys.read_id(text, argument)
    live = _seen(node, loaders)
    if live is None or node.kind not in kinds:
        return None
    row = RowKey(node.row, node.started_at)
    await loaders.trace.reserve(ONE)
    found = await ask.attempt(loaders.entry(live, node.kind, paths).load(row))
    if isinstance(found, SourceError):
        raise failure(live, found, loaders.trace)
    return found.record


def _seen(node: NodeId, loaders: Loaders) -> LiveSource | None:
    if not loaders.trace.caller.sees(node.source):
        return None
    return loaders.sources.live.get(node.source)


def failure(live: LiveSource, error: SourceError, trace: Trace) -> SourcesFailed:
    outcome = outcome_of(live, error, trace, records=0)
    return SourcesFailed(
        f"source {live.id} could not answer (request {trace.request_id}): {error}",
        code=outcome.state.name,
        retryable=outcome.retryable,
        outcomes=[_plain(outcome)],
    )


def read_ref(id: str | None, native: NativeCallRef | None) -> NodeId:
    """What a reference to a record holds; BadUserInput if it cannot be one"""
    if native is None:
        return keys.read_id(str(id), "ref.id")
    if not native.native_id:
        raise BadUserInput("ref.native.nativeId", "an empty id finds nothing")
    started_us = None if native.started_at is None else keys.to_us(native.started_at)
    return NodeId("record", str(native.source), native.native_id, started_us)


async def lookup(
    node: NodeId, paths: frozenset[str], loaders: Loaders, *, exact: bool
) -> CallRecordLookup:
    """What became of looking for one record; a source's failure is a state, not an error.

    `exact`: the reference was ours, so the start in it is the record's own.
    """
    live = _seen(node, loaders)
    if live is None or node.kind not in ("record", "leg"):
        return _looked(LookupState.NOT_FOUND)
    trace = loaders.trace
    row = RowKey(node.row, node.started_at, exact)
    await trace.reserve(ONE)
    found = await ask.attempt(loaders.entry(live, node.kind, paths).load(row))
    if isinstance(found, SourceError):
        return _looked(LookupState.UNKNOWN, outcome=outcome_of(live, found, trace, records=0))
    if found.record is not None:
        outcome = outcome_of(live, None, trace, records=1)
        return _looked(LookupState.FOUND, record=found.record, outcome=outcome)
    outcome = outcome_of(live, None, trace, records=0)
    if not found.ready and _may_still_come(live, node, trace):
        retry_at = trace.timer.now() + timedelta(seconds=live.manifest.readiness.every_seconds)
        return _looked(LookupState.NOT_READY, retry_at=retry_at, outcome=outcome)
    return _looked(LookupState.NOT_FOUND, outcome=outcome)


def _may_still_come(live: LiveSource, node: NodeId, trace: Trace) -> bool:
    """Whether a record that is not there may still be in the making.

    Some vendors answer alike for a record that they prepare and for one that never was.
    """
    if node.started_at is None:
        return True
    late = timedelta(seconds=LONGEST_CALL_SECONDS + live.manifest.settles_after_seconds)
    return trace.timer.now() < node.started_at + late


def _looked(
    state: LookupState,
    *,
    record: Any = None,
    retry_at: datetime | None = None,
    outcome: Outcome | None = None,
) -> CallRecordLookup:
    return CallRecordLookup(state=state, record=record, retry_at=retry_at, outcome=outcome)


async def ready(
    node: NodeId, paths: frozenset[str], make_loaders: Callable[[], Loaders], *, exact: bool
) -> AsyncGenerator[CallRecordLookup, None]:
    """Looks for a record until it is there, as often as its vendor advises; each look is told."""
    loaders = make_loaders()
    timer = loaders.trace.timer
    live = _seen(node, loaders)
    if live is None or node.kind not in ("record", "leg"):
        yield _looked(LookupState.NOT_FOUND)
        return
    row = RowKey(node.row, node.started_at, exact)
    # What can never be found is told at once, not after the first wait.
    refused = await ask.attempt(check_key(live, node.kind, row))
    if isinstance(refused, SourceError):
        outcome = outcome_of(live, refused, loaders.trace, records=0)
        yield _looked(LookupState.UNKNOWN, outcome=outcome)
        return
    advice = live.manifest.readiness
    wait = advice.first_after_seconds
    for left in range(advice.tries, 0, -1):
        if wait:
            retry_at = timer.now() + timedelta(seconds=wait)
            if left == advice.tries:
                yield _looked(LookupState.NOT_READY, retry_at=retry_at)
            await timer.sleep(wait)
        wait = advice.every_seconds
        looked = await lookup(node, paths, make_loaders(), exact=exact)
        if looked.state is LookupState.FOUND:
            yield looked
            return
        unknown = looked.state is LookupState.UNKNOWN
        hopeless = unknown and looked.outcome is not None and not looked.outcome.retryable
        if left == 1 or hopeless:
            gone = looked.state if unknown else LookupState.NOT_FOUND
            yield _looked(gone, outcome=looked.outcome)
            return
        yield _looked(
            LookupState.NOT_READY,
            retry_at=timer.now() + timedelta(seconds=wait),
            outcome=looked.outcome,
        )


def outcome_of(
    live: LiveSource, error: SourceError | None, trace: Trace, *, records: int
) -> Outcome:
    seen = trace.source(live.id)
    after = None if error is None else error.retry_after_seconds
    return Outcome(
        source=live.told,
        state=OutcomeState.OK if error is None else ask.state_of(error),
        code=None if error is None else error.detail,
        message=None if error is None else str(error),
        retryable=error is not None and error.retryable,
        retry_after_seconds=None if after is None else max(1, round(after)),
        records=records,
        skipped_records=0,
        requests=seen.requests,
        retries=seen.retries,
        elapsed_ms=seen.elapsed_ms,
        covered=None,
        missing=[],
        settled_until=None,
        repair_cursor=None,
    )
