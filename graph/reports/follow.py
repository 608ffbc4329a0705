"""Following a report until its files are there, by looking politely."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

from graph.errors import BadUserInput, SourceError
from graph.gather import keys
from graph.gather.answer import failure
from graph.gather.ask import attempt
from graph.reports.entries import entries, finish, records
from graph.reports.link import fits
from graph.reports.reading import Reading, reports_of
from graph.transport.source import LiveSource
from graph.types.report import CallReport, CompletedCallReport
from graph.types.report_words import CallReportStatus

_SHARE_OF_RATE = 0.2
_LONGEST_WAIT_SECONDS = 120.0


class _Look(NamedTuple):
    """A report and the files that fit it, the oldest first. No report: it was destroyed."""

    report: CallReport | None
    files: list[CompletedCallReport]


async def completed(
    id: str, paths: frozenset[str], make_reading: Callable[[], Reading]
) -> AsyncGenerator[CompletedCallReport, None]:
    """The files that a report makes from now on; it ends when the report is destroyed or aborted.

    A report that runs once and does so no more gives what it has made, and ends. What cannot be
    read for a while is looked at again later; a refusal is raised as SourcesFailed.
    """
    node = keys.read_id(id, "reportId")
    reading = make_reading()
    live = reading.seen(node.source)
    look = None if live is None else await _look(live, node, paths, reading, None)
    if live is None or look is None or look.report is None:
        raise BadUserInput("reportId", "there is no such report, or no longer")
    timer = reading.trace.timer
    known: set[str] = set() if _over(look.report) else {file.native_id for file in look.files}
    last: CallReport = look.report
    failures = 0
    while True:
        for file in look.files:
            if file.native_id not in known:
                known.add(file.native_id)
                yield file
        if look.report is None or look.report.status is CallReportStatus.ABORTED:
            return
        last = look.report
        if _over(last) and known:
            return
        found: _Look | SourceError | None = None
        while not isinstance(found, _Look):
            await timer.sleep(_wait(live, reading, failures))
            reading = make_reading()
            found = await attempt(_look(live, node, paths, reading, last))
            if isinstance(found, SourceError):
                failures += 1
                if not found.retryable:
                    raise failure(live, found, reading.trace)
        failures, look = 0, found


def _over(report: CallReport) -> bool:
    """It runs once, and has done so"""
    return report.cron_expression is None and report.status is not CallReportStatus.RUNNING


async def _look(
    live: LiveSource,
    node: keys.NodeId,
    paths: frozenset[str],
    reading: Reading,
    before: CallReport | None,
) -> _Look:
    """The report first, then its files, so that none is missed that came just before its end"""
    if node.kind != "report":
        return _Look(None, [])
    found = await reading.detail(live, "report", node.row)
    reports = records(live, "report", found.rows, frozenset())
    report = reports[0] if reports else None
    of = report or before
    if of is None:
        return _Look(None, [])
    whole = await reading.whole(live, "completed")
    made = entries(live, "completed", whole.rows, paths)
    own = [one for one in made if fits(of, one.record)]
    await finish(own, "completed", paths, reading)
    own.sort(key=lambda one: one.place)
    return _Look(report, [one.record for one in own])


def _wait(live: LiveSource, reading: Reading, failures: int) -> float:
    """Looking takes at most a fifth of the source's rate, and less while it fails"""
    requests = reading.trace.source(live.id).requests
    polite: float = requests / live.pace.requests_per_second / _SHARE_OF_RATE
    often: float = reports_of(live).follow_seconds * 2 ** min(failures, 5)
    return min(max(often, polite), max(_LONGEST_WAIT_SECONDS, polite))
