"""The page that is given: where it ends, what each source owes, the cursors that go on."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from operator import attrgetter
from typing import Any, NamedTuple

from graph.gather import keys
from graph.gather.ask import Run
from graph.gather.keys import TICK, Cursor, Hint, Key
from graph.gather.plan import NotAsked, Plan
from graph.gather.reading import Row
from graph.observe import Trace
from graph.sources.contract import LONGEST_CALL_SECONDS
from graph.types.answer import (
    CallLogEdge,
    CallRecordEdge,
    Count,
    CountRelation,
    Outcome,
    OutcomeState,
    PageInfo,
)
from graph.types.scalars import TimeWindow


class Cut(NamedTuple):
    """A page: its entries in the list's order, and what is said about it."""

    entries: list[Row]
    page_info: PageInfo
    total: Count
    outcomes: list[Outcome]
    complete: bool


def cut(
    plan: Plan,
    runs: Sequence[Run],
    first: list[Row],
    trace: Trace,
    signer: keys.Signer,
    wanted: Callable[[str], bool],
) -> Cut:
    """Cuts the page out of the first entries of all runs, in the direction of reading."""
    # The page ends at the nearest frontier: beyond it an entry of a stopped source may be missing.
    nearest: Key | None = None
    for run in runs:
        frontier = run.frontier
        if (
            not (run.failed or run.done)
            and frontier is not None
            and (nearest is None or plan.ahead(frontier, nearest))
        ):
            nearest = frontier
    sure = first if nearest is None else first[: _before(plan, first, nearest)]
    page = sure[: plan.page.amount]
    more = len(sure) > plan.page.amount or nearest is not None
    end: Key | None = None
    if more:
        full = len(page) == plan.page.amount
        end = page[-1].list_key if full and page else plan.start if full else nearest
    count = _count(plan, runs)
    amounts = Counter(map(_source, page))
    outcomes = [_outcome(plan, run, amounts, end, more, trace, signer) for run in runs]
    outcomes += [not_asked(source) for source in plan.not_asked]
    complete = all(o.state is OutcomeState.OK and o.skipped_records == 0 for o in outcomes)
    return Cut(
        entries=page[::-1] if plan.page.backwards else page,
        page_info=_page_info(plan, runs, page, end, more, count, signer, wanted),
        total=count,
        outcomes=outcomes,
        complete=complete,
    )


_source, _place = attrgetter("source"), attrgetter("moment", "source", "key")


def _before(plan: Plan, rows: Sequence[Row], place: Key) -> int:
    """How many of the rows, which are in order, stand before a place"""
    return bisect_left(rows, True, key=lambda row: not plan.ahead(row.list_key, place))


def not_run(plan: Plan) -> Cut:
    """What is said where a plan was made and nobody was asked"""
    unasked = [
        not_asked(NotAsked(source.live.told, OutcomeState.UNKNOWN, "a dry run: not asked"))
        for source in plan.sources
    ]
    return Cut(
        entries=[],
        page_info=PageInfo(
            has_next_page=False, has_previous_page=False, start_cursor=None, end_cursor=None
        ),
        total=Count(value=None, relation=CountRelation.UNKNOWN),
        outcomes=unasked + [not_asked(source) for source in plan.not_asked],
        complete=False,
    )


def window_of(plan: Plan) -> TimeWindow:
    """The window the answer speaks of"""
    return TimeWindow(since=plan.since, until=plan.until)


def edges(
    plan: Plan, entries: Sequence[Row], signer: keys.Signer, *, cursors_wanted: bool
) -> list[Any]:
    """The edges of a page, with cursors if they are wanted: keys, no hints"""
    kind: Any = CallLogEdge if plan.kind == "logs" else CallRecordEdge
    made: list[Any] = []
    for entry in entries:
        edge = object.__new__(kind)
        edge.node = entry.record
        made.append(edge)
    if cursors_wanted:
        cursors = signer.write_each(_cursor(plan, None), map(_place, entries))
        for edge, cursor in zip(made, cursors, strict=True):
            edge.cursor = cursor
    return made


def _cursor(
    plan: Plan,
    key: Key | None,
    hints: dict[str, Hint] | None = None,
    count: Count | None = None,
    source: str | None = None,
    stop: Key | None = None,
) -> Cursor:
    repairs = source or plan.repairs
    if plan.repairs is not None and stop is None:
        stop = plan.stop
    return Cursor(
        version=keys.VERSION,
        question=plan.question,
        since_us=None if plan.since is None else keys.to_us(plan.since),
        until_us=None if plan.until is None else keys.to_us(plan.until),
        hints=hints or {},
        count=(count.value, count.relation.name)
        if count is not None and count.value is not None
        else None,
        source=repairs,
        stop=None if repairs is None else stop,
        key=key,
    )


def _page_info(
    plan: Plan,
    runs: Sequence[Run],
    page: list[Row],
    end: Key | None,
    more: bool,
    count: Count,
    signer: keys.Signer,
    wanted: Callable[[str], bool],
) -> PageInfo:
    near_name, far_name = "page_info.start_cursor", "page_info.end_cursor"
    if plan.page.backwards:
        near_name, far_name = far_name, near_name
    far_cursor = near_cursor = None
    far = end if end is not None else page[-1].list_key if page else None
    if far is not None and wanted(far_name):
        hints: dict[str, Hint] = {}
        for run in runs:
            hint = None if run.failed else run.stream.hint_for(far.started_at)
            if hint is not None:
                hints[run.live.id] = hint
        far_cursor = signer.write(_cursor(plan, far, hints, count))
    if page and wanted(near_name):
        near_cursor = signer.write(_cursor(plan, page[0].list_key, count=count))
    if plan.page.backwards:
        return PageInfo(
            has_next_page=plan.start is not None,
            has_previous_page=more,
            start_cursor=far_cursor,
            end_cursor=near_cursor,
        )
    return PageInfo(
        has_next_page=more,
        has_previous_page=plan.start is not None,
        start_cursor=near_cursor,
        end_cursor=far_cursor,
    )


# ---------------------------------------------------------------- counting


def _count(plan: Plan, runs: Sequence[Run]) -> Count:
    """How many entries the list has, as far as it is known without reading for it."""
    if plan.count is not None:
        value, relation = plan.count
        return Count(value=value, relation=CountRelation(relation))
    if not plan.first_page or plan.repairs is not None:
        return Count(value=None, relation=CountRelation.UNKNOWN)
    total, exact = 0, not plan.not_asked
    for run in runs:
        stream = run.stream
        told = stream.total
        shape = stream.shape
        if run.error is None and run.done and not stream.missing:
            total += len(run.entries)
        elif (
            run.error is None
            and not stream.missing
            and told is not None
            and run.source.exact
            and shape.windowed
            and shape.lag_seconds == 0
            and not shape.folders
        ):
            total += told
        else:
            total += 0 if run.failed else run.sure
            exact = False
    return Count(value=total, relation=CountRelation.EXACT if exact else CountRelation.AT_LEAST)


# ---------------------------------------------------------------- outcomes


def _outcome(
    plan: Plan,
    run: Run,
    amounts: Mapping[str, int],
    end: Key | None,
    more: bool,
    trace: Trace,
    signer: keys.Signer,
) -> Outcome:
    missing = list(run.stream.missing)
    repair: str | None = None
    covered: TimeWindow | None = None
    far = end if more else plan.stop
    if more and far == plan.start:
        missing = []  # `first: 0`: the page ends where it begins, so nothing is given or owed
    elif run.failed:
        missing = [_span(plan, plan.start, far)]
        # A repair cursor is read forwards, whichever way this page was.
        first, last = (far, plan.start) if plan.page.backwards else (plan.start, far)
        repair = signer.write(_cursor(plan, first, source=run.live.id, stop=last))
    else:
        covered = _covered(plan, far)
    return fared(
        run,
        trace,
        records=amounts.get(run.live.id, 0),
        skipped=0 if run.failed else run.stream.skipped,
        covered=covered,
        missing=missing,
        repair=repair,
    )


def fared(
    run: Run,
    trace: Trace,
    *,
    records: int,
    skipped: int,
    covered: TimeWindow | None,
    missing: list[TimeWindow],
    repair: str | None = None,
) -> Outcome:
    """How a source that was asked fared; what it covered and owes is for whoever read it to say"""
    seen, error = trace.source(run.live.id), run.error
    retry_after = None if error is None else error.retry_after_seconds
    message = None if error is None else str(error)
    if error is None and missing:
        message = "some moments hold more entries than it can ever give; `missing` names them"
    elif skipped and message is None:
        message = f"{skipped} of its entries were not as documented and are left out"
    late = LONGEST_CALL_SECONDS + run.live.manifest.settles_after_seconds
    return Outcome(
        source=run.live.told,
        state=run.state,
        code=None if error is None else error.detail,
        message=message,
        retryable=error is not None and error.retryable,
        retry_after_seconds=None if retry_after is None else max(1, round(retry_after)),
        records=records,
        skipped_records=skipped,
        requests=seen.requests,
        retries=seen.retries,
        elapsed_ms=seen.elapsed_ms,
        covered=covered,
        missing=missing,
        settled_until=run.plan.now - timedelta(seconds=late),
        repair_cursor=repair,
    )


def not_asked(source: NotAsked) -> Outcome:
    return Outcome(
        source=source.told,
        state=source.state,
        code=None,
        message=source.message,
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


def _covered(plan: Plan, far: Key | None) -> TimeWindow | None:
    """The span whose entries are all on this page; None if there is none.

    Of the moments at which the page begins and ends, some entries may stand on its neighbours.
    """
    near = plan.start
    if plan.newest_first:
        near, far = far, near
    since = plan.since if near is None else near.started_at + TICK
    until = plan.until if far is None else far.started_at
    if since is not None and until is not None and since >= until:
        return None
    return TimeWindow(since=since, until=until)


def _span(plan: Plan, start: Key | None, end: Key | None) -> TimeWindow:
    """The moments that a range of keys touches"""
    first = None if start is None else start.started_at
    last = None if end is None else end.started_at
    if plan.newest_first:
        return TimeWindow(
            since=plan.since if last is None else last,
            until=plan.until if first is None else first + TICK,
        )
    return TimeWindow(
        since=plan.since if first is None else first,
        until=plan.until if last is None else last + TICK,
    )
