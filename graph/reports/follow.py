"""Following a report until its files are there, by looking politely."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import NamedTuple

from graph.errors import BadUserInput, SourceError
from graph.gather import keys
from graph.gather.answer import failure
from graph.gather.ask import attempt
from graph.gather.polls import Turns
from graph.reports.entries import entries, finish, records
from graph.reports.link import fits
from graph.reports.reading import Reading, reports_of
from graph.transport.source import LiveSource
from graph.types.report import CallReport, CompletedCallReport
from graph.types.report_words import CallReportStatus

_LONGEST_WAIT_SECONDS = 120.0


class _Look(NamedTuple):
    """A report and the files that fit it, the oldest first. No report: there is none any more."""

    report: CallReport | None
    files: list[CompletedCallReport]


async def completed(
    id: str, paths: frozenset[str], make_reading: Callable[[], Reading], turns: Turns
) -> AsyncGenerator[CompletedCallReport, None]:
    """The files that a report makes from now on; it ends when the report is destroyed or aborted.

    A report that runs once and does so no more gives what it has made, and ends. What cannot be
    read for a while is looked at again later; at first, or where a person must act, that is
    raised as SourcesFailed. Looks take their `turns` with all other polls of the source.
    """
    node = keys.read_id(id, "reportId")
    reading = make_reading()
    if node.source == keys.GATEWAY and node.kind == "report" and reading.gateway is not None:
        async with aclosing(reading.gateway.follow(reading.asker, node.row, paths)) as own:
            async for file in own:
                yield file
        return
    live = reading.seen(node.source)
    if live is None or node.kind != "report":
        raise _no_report()
    look = await _look(live, node.row, paths, reading, turns, None)
    if isinstance(look, SourceError):
        raise failure(live, look, reading.trace)
    if look.report is None:
        raise _no_report()
    known = set() if _over(look.report) else {file.native_id for file in look.files}
    failures = 0
    while True:
        for file in look.files:
            if file.native_id not in known:
                known.add(file.native_id)
                yield file
        last = look.report
        if last is None or last.status is CallReportStatus.ABORTED or (_over(last) and known):
            return
        found: _Look | SourceError | None = None
        while not isinstance(found, _Look):
            await reading.trace.timer.sleep(_wait_seconds(live, reading, turns, failures))
            reading = make_reading()
            found = await _look(live, node.row, paths, reading, turns, last)
            if isinstance(found, SourceError):
                failures += 1
                if not found.retryable:
                    raise failure(live, found, reading.trace)
        failures, look = 0, found


def _no_report() -> BadUserInput:
    return BadUserInput("reportId", "there is no such report, or no longer")


def _over(report: CallReport) -> bool:
    """It runs once, and has done so"""
    return report.cron_expression is None and report.status is not CallReportStatus.RUNNING


def _wait_seconds(live: LiveSource, reading: Reading, turns: Turns, failures: int) -> float:
    """From one look to the next: longer while the source fails, and until it is our turn again"""
    often: float = reports_of(live).follow_seconds * 2 ** min(failures, 5)
    turn = turns.wait_seconds(live, reading.trace.timer)
    return max(turn, min(often, _LONGEST_WAIT_SECONDS))


async def _look(
    live: LiveSource,
    row: str,
    paths: frozenset[str],
    reading: Reading,
    turns: Turns,
    before: CallReport | None,
) -> _Look | SourceError:
    """What there is now. `before`: the report as it was, whose last files may yet be found"""
    try:
        return await attempt(_read(live, row, paths, reading, before))
    finally:
        turns.took(live, reading.trace)


async def _read(
    live: LiveSource,
    row: str,
    paths: frozenset[str],
    reading: Reading,
    before: CallReport | None,
) -> _Look:
    """The report first, then its files, so that none is missed that came just before its end"""
    found = await reading.detail(live, "report", row)
    reports = records(live, "report", found.rows, frozenset(), reading)
    report = reports[0] if reports else None
    of = report or before
    if of is None:
        return _Look(None, [])
    whole = await reading.whole(live, "completed")
    made = entries(live, "completed", whole.rows, paths, reading)
    own = [one for one in made if fits(of, one.record)]
    await finish(own, "completed", paths, reading)
    own.sort(key=lambda one: one.place)
    return _Look(report, [one.record for one in own])
