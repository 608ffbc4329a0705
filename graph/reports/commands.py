"""Creating, changing and destroying reports: each write is sent once, and never repeated by us.

What is wrong with an input is found before anybody is asked. Once a write is sent it is seen
through to its end, even if whoever asked for it goes away, so that its outcome can be known.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import msgspec

from graph.errors import OutcomeUnknown, OverLimit, SourceError, SourceRefused, SourceRejected
from graph.gather import keys
from graph.gather.answer import failure
from graph.gather.ask import attempt
from graph.observe import Cost, Timer, Trace
from graph.reports import answer, rules
from graph.reports.gateway import Kept
from graph.reports.reading import Reading, reports_of
from graph.reports.rules import wrong
from graph.sources.contract import Reply
from graph.sources.writes import (
    CreateReport,
    DestroyCompletedReport,
    DestroyReport,
    ReportCommand,
    ReportDraft,
    UpdateReport,
    Written,
)
from graph.transport.source import LiveSource
from graph.types.report import CallReport
from graph.types.report_inputs import (
    CreateCallReportInput,
    Idempotency,
    IdempotencyStore,
    UpdateCallReportInput,
    UserError,
    UserErrorCode,
    WriteOutcome,
)
from graph.types.report_words import ReportEngine
from graph.types.source import Source

T = TypeVar("T")

KEPT = timedelta(hours=24)
"""how long the result of an idempotency key is kept"""
MOST_KEYS = 10_000


class Result(NamedTuple):
    """What became of a write. `row` is the key of what was created."""

    outcome: WriteOutcome
    errors: tuple[UserError, ...] = ()
    look_for: str | None = None
    row: str | None = None


class Created(NamedTuple):
    """What became of creating a report, and of its idempotency key"""

    result: Result
    source: Source | None
    idempotency: Idempotency | None = None


class _Kept(msgspec.Struct):
    meant: bytes
    until: datetime
    task: asyncio.Task[Result]


class Writes:
    """The writes of this process that are under way, and what became of those with a key."""

    def __init__(self, timer: Timer, email_domains: rules.Domains = None) -> None:
        self.email_domains = email_domains
        self._timer = timer
        self._under_way: set[asyncio.Task[Any]] = set()
        self._kept: dict[tuple[str, str], _Kept] = {}

    async def see_through(self, work: Awaitable[T]) -> T:
        """What the work gives; it goes on to its end though its caller may be cancelled"""
        return await asyncio.shield(self._start(work))

    async def once(
        self, caller: str, key: str, meant: bytes, work: Callable[[], Awaitable[Result]]
    ) -> tuple[Result, Idempotency | None]:
        """What the first work under this key gave; a conflict where it meant something else.

        Where nothing was sent, an error is raised and nothing is kept.
        """
        now = self._timer.now()
        self._forget(now)
        kept = self._kept.get((caller, key))
        repeated = kept is not None
        if kept is None:
            if len(self._kept) >= MOST_KEYS:
                raise OverLimit(
                    "idempotencyKeys",
                    MOST_KEYS,
                    len(self._kept) + 1,
                    "this server keeps no more idempotency keys; leave the key out, or ask later",
                )
            kept = _Kept(meant, now + KEPT, self._start(work()))
            self._kept[caller, key] = kept
        elif kept.meant != meant:
            conflict = wrong(
                "idempotencyKey",
                UserErrorCode.IDEMPOTENCY_CONFLICT,
                "this key was used for another report; take a new key for each report you mean",
            )
            return Result(WriteOutcome.REFUSED, (conflict,)), None
        try:
            result = await asyncio.shield(kept.task)
        except Exception:
            if self._kept.get((caller, key)) is kept:
                del self._kept[caller, key]
            raise
        return result, Idempotency(
            key=key, repeated=repeated, store=IdempotencyStore.PROCESS, kept_until=kept.until
        )

    async def close(self) -> None:
        """Waits for what is under way; each has a deadline of its own."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _start(self, work: Awaitable[T]) -> asyncio.Task[T]:
        async def outer() -> T:
            return await work

        task = asyncio.create_task(outer())
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            # Whoever asked may have gone; then nobody is left to hear of a failure.
            task.exception()

    def _forget(self, now: datetime) -> None:
        for key in [key for key, kept in self._kept.items() if kept.until <= now]:
            del self._kept[key]


# ---------------------------------------------------------------- create


async def create(given: CreateCallReportInput, reading: Reading, writes: Writes) -> Created:
    """What became of a new report; SourcesFailed where nothing was sent, and may be again"""
    if given.engine is ReportEngine.GATEWAY:
        return await _create_own(given, reading)
    source, live, errors = _source(given, reading)
    errors = [*errors, *rules.of_create(given, writes.email_domains)]
    if errors or live is None:
        return Created(Result(WriteOutcome.REFUSED, tuple(errors)), source)
    draft = rules.draft_of(given)
    able = live

    async def work() -> Result:
        return await _write(able, CreateReport(draft), reading.trace, _look_for_new(able, draft))

    if given.idempotency_key is None:
        return Created(await writes.see_through(work()), source)
    meant = hashlib.sha256(repr((live.id, draft)).encode()).digest()
    caller = reading.trace.caller.name
    result, idempotency = await writes.once(caller, given.idempotency_key, meant, work)
    return Created(result, source, idempotency)


_NO_GATEWAY = wrong(
    "engine",
    UserErrorCode.UNSUPPORTED,
    "this server is not set up to run reports itself: its configuration has no table [reports]",
)


async def _create_own(given: CreateCallReportInput, reading: Reading) -> Created:
    errors = rules.of_create(given, None)
    if reading.gateway is None:
        errors.insert(0, _NO_GATEWAY)
    if errors or reading.gateway is None:
        return Created(_gone(errors), None)
    kept = await reading.gateway.create(reading.asker, given)
    return Created(_result(kept), None, kept.idempotency)


def _result(kept: Kept) -> Result:
    outcome = WriteOutcome.REFUSED if kept.errors else WriteOutcome.DONE
    return Result(outcome, kept.errors, row=kept.row)


async def run(id: str, reading: Reading) -> Result:
    """What became of running a report once more"""
    node = keys.read_id(id, "input.id")
    if node.source == keys.GATEWAY and node.kind == "report" and reading.gateway is not None:
        return _result(await reading.gateway.run(reading.asker, node.row))
    report: CallReport | None = await answer.entry(node, ("report",), frozenset(), reading)
    if report is None:
        return _gone([_NO_REPORT])
    told = "a phone system's own report runs by its schedule; change it to run it once more"
    return _gone([wrong("id", UserErrorCode.UNSUPPORTED, told)])


def _source(
    given: CreateCallReportInput, reading: Reading
) -> tuple[Source | None, LiveSource | None, list[UserError]]:
    """The source that is to run the report, and what it cannot do of what is wanted"""
    if given.source is None:
        needed = wrong(
            "source", UserErrorCode.VALUE_REQUIRED, "say which phone system is to run it"
        )
        return None, None, [needed]
    told = next((told for told in reading.sources.told if told.id == given.source), None)
    if told is None or not reading.trace.caller.sees(given.source):
        missing = wrong("source", UserErrorCode.NOT_FOUND, "there is no such source")
        return None, None, [missing]
    if reading.sources.live.get(given.source) is None:
        reason = told.reason or "it is not asked"
        return told, None, [wrong("source", UserErrorCode.UNSUPPORTED, reason)]
    live = reading.seen(given.source)
    if live is None:
        return told, None, [wrong("source", UserErrorCode.UNSUPPORTED, answer.unable(told))]
    engine = reports_of(live)
    errors = [
        wrong(
            field,
            UserErrorCode.UNSUPPORTED,
            f"source {live.id} takes only {', '.join(one.name for one in able)} here",
        )
        for field, asked, able in (
            ("type", given.type, engine.types),
            ("format", given.format, engine.formats),
            ("range.preset", given.range.preset, engine.presets),
        )
        if asked and asked.name != "UNKNOWN" and asked not in able
    ]
    return told, live, errors


def _look_for_new(live: LiveSource, draft: ReportDraft) -> str:
    kind = "" if draft.type is None else f" of type {draft.type.name}"
    return (
        f'look whether callReports(sources: ["{live.id}"]) has a report{kind} with the name you '
        "gave that was not there before; if so, it was created"
    )


# ---------------------------------------------------------------- update, destroy


async def update(given: UpdateCallReportInput, reading: Reading, writes: Writes) -> Result:
    """What became of changing a report. It is read first, since its type decides on its filter."""
    node = keys.read_id(given.id, "input.id")
    if node.source == keys.GATEWAY and node.kind == "report" and reading.gateway is not None:
        return _result(await reading.gateway.update(reading.asker, node.row, given))
    errors = rules.of_update(given, writes.email_domains)
    report: CallReport | None = await answer.entry(node, ("report",), frozenset(), reading)
    live = reading.seen(node.source)
    if report is None or live is None:
        return _gone([_NO_REPORT, *errors])
    if given.filter is not None:
        errors += rules.of_filter_change(given.filter, report.type)
    if errors:
        return _gone(errors)
    command = UpdateReport(node.row, rules.draft_of(given))
    look_for = (
        "look whether callReport(id) shows your changes; if not, they were not made, and they can "
        "be sent again without harm"
    )
    return await writes.see_through(_write(live, command, reading.trace, look_for))


async def destroy(id: str, kind: keys.Kind, reading: Reading, writes: Writes) -> Result:
    """What became of destroying a report, or a finished one"""
    node = keys.read_id(id, "input.id")
    if node.source == keys.GATEWAY and node.kind == kind and reading.gateway is not None:
        return _result(await reading.gateway.destroy(reading.asker, kind, node.row))
    live = reading.seen(node.source)
    if live is None or node.kind != kind:
        return _gone([_NO_REPORT])
    report = kind == "report"
    command = DestroyReport(node.row) if report else DestroyCompletedReport(node.row)
    field = "callReport" if report else "completedCallReport"
    look_for = (
        f"look whether {field}(id) is null; then it was destroyed. If not, it can be destroyed "
        "again without harm"
    )
    return await writes.see_through(_write(live, command, reading.trace, look_for))


_NO_REPORT = wrong("id", UserErrorCode.NOT_FOUND, "there is no such report, or no longer")


def _gone(errors: list[UserError]) -> Result:
    return Result(WriteOutcome.REFUSED, tuple(errors))


# ---------------------------------------------------------------- the write itself


async def _write(live: LiveSource, command: ReportCommand, trace: Trace, look_for: str) -> Result:
    engine = reports_of(live)

    def read(reply: Reply) -> Written:
        return engine.read_written(live.site, reply, command)

    await trace.reserve(Cost(requests=1))
    try:
        written = await attempt(live.send(engine.write(live.site, command), read, trace))
    except OutcomeUnknown as lost:
        return Result(
            WriteOutcome.OUTCOME_UNKNOWN,
            look_for=f"it was sent, and its answer was lost ({lost}): {look_for}",
        )
    if isinstance(written, SourceRefused | SourceRejected):
        refused = wrong(None, UserErrorCode.SOURCE_REFUSED, str(written))
        return Result(WriteOutcome.REFUSED, (refused,))
    if isinstance(written, SourceError):
        raise failure(live, written, trace)
    if written.refusals:
        errors = [
            wrong(
                refusal.field,
                UserErrorCode.NOT_FOUND if refusal.gone else UserErrorCode.SOURCE_REFUSED,
                refusal.message,
            )
            for refusal in written.refusals
        ]
        return Result(WriteOutcome.REFUSED, tuple(errors))
    return Result(WriteOutcome.DONE, row=written.row)
