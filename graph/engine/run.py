"""One run, from its definition to a finished file: read, write beside, take its place at once.

A file is written under another name, flushed to the disk (fsync), and renamed within the
transaction that says the run is DONE; nobody ever sees half of one, and of two processes that take
themselves for the owner only one can finish.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from graph.config import ReportSettings, ServerSettings
from graph.engine.definition import Definition, window
from graph.engine.fill import Asking, Filling, Progress
from graph.engine.kept import runs
from graph.engine.kept.runs import KeptRun
from graph.engine.looks import Refused, unable
from graph.engine.spool import Spool
from graph.engine.store import Store
from graph.engine.tables import NEVER, blueprint
from graph.engine.tally import Fared
from graph.engine.writers import ENDINGS, WITH_ALL_TABLES, WRITERS
from graph.engine.writers.report import Report
from graph.errors import GraphError, SourcesFailed, StoreFailed
from graph.gather import check, keys
from graph.gather.plan import meant
from graph.observe import Timer, Trace, log
from graph.transport.open import Sources
from graph.transport.source import LiveSource
from graph.types.inputs import CallFilter
from graph.types.report_words import CallReportPreset

BEAT_SECONDS = 5.0
_SAFE = re.compile(r"[^\w .()-]")


class Away(Exception):
    """What the run missed before is still not there"""


class Lost(Exception):
    """The run is somebody else's by now, or its report is gone"""


class Making(NamedTuple):
    """What every run of a process needs. What may be replaced while the server runs is asked for
    each time.
    """

    store: Store
    folder: Path
    signer: keys.Signer
    timer: Timer
    sources: Callable[[], Sources]
    settings: Callable[[], ReportSettings]
    server: Callable[[], ServerSettings]

    @property
    def files(self) -> Path:
        return self.folder / "files"


def prepare(settings: ReportSettings) -> Path:
    """The folder, with what must be in it"""
    folder = Path(settings.folder)
    (folder / "files").mkdir(parents=True, exist_ok=True)
    return folder


def able(definition: Definition, sources: Sources) -> list[LiveSource]:
    """The sources that a run of the definition asks: those its author sees and meant, if they can
    support its type
    """
    wanted = None if definition.sources is None else set(definition.sources)
    found = []
    for told in meant(sources, definition.author.caller(), CallFilter()):
        live = sources.live.get(str(told.id))
        if live is None or (wanted is not None and live.id not in wanted):
            continue
        if unable(live, definition.kind) is None:
            found.append(live)
    return found


def window_of(run: KeptRun) -> tuple[datetime, datetime]:
    """What the run looks at: counted from when it was due, however late it is"""
    definition = run.definition
    if definition.since_us is not None and definition.until_us is not None:
        return keys.from_us(definition.since_us), keys.from_us(definition.until_us)
    return window(CallReportPreset[definition.preset], definition.zone, run.due_at)


async def make(run: KeptRun, making: Making) -> None:
    """Makes the file of a claimed run, or says why there is none; Lost without the lease"""
    heart = _Heart(run, making)
    try:
        async with heart:
            await _make(run, making, heart)
    except Away as away:
        await _abort(run, making, run.fared, str(away), may_help=True)
    except SourcesFailed as failed:
        may_help = bool(failed.shown["retryable"])
        await _abort(run, making, heart.fared, str(failed), may_help=may_help)
    except Refused as refused:
        await _abort(run, making, heart.fared, str(refused), may_help=False)
    except OSError as error:
        reason = f"its file could not be written: {error.strerror}"
        await _abort(run, making, heart.fared, reason, may_help=True)
    except StoreFailed:
        raise  # its lease ends by itself, and it is begun again then
    except GraphError as error:
        await _abort(run, making, heart.fared, str(error), may_help=False)
    except Lost:
        raise
    except Exception:  # noqa: BLE001
        log.exception("run %s of report %s broke off", run.id, run.report_id)
        reason = "it broke off by a fault of this server; its log says more"
        await _abort(run, making, heart.fared, reason, may_help=False)


async def _make(run: KeptRun, making: Making, heart: _Heart) -> None:
    definition, (since, until) = run.definition, window_of(run)
    if definition.kind in NEVER:
        raise Refused("type", NEVER[definition.kind])
    sources = making.sources()
    await _look_for_missing(run, making, sources)
    live = able(definition, sources)
    if not live:
        raise Refused("sources", "none of its sources can be asked for this, or exists any more")
    plan = blueprint(definition)
    caller = definition.author.caller()
    asking = Asking(
        sources=sources,
        signer=making.signer,
        timer=making.timer,
        caller=caller,
        max_groups=making.server().max_groups,
        told=heart.told,
    )
    with Spool(making.folder) as spool:
        ids = [one.id for one in live]
        filling = Filling(asking, spool, ids, (since, until), definition.zone)
        whole = definition.file_kind in WITH_ALL_TABLES
        await filling.all(plan.tables if whole else plan.tables[:1])
        unasked = _unasked(definition, live, sources)
        complete = filling.tally.complete and not unasked
        report = Report(
            name=definition.name,
            kind=definition.type,
            since=since,
            until=until,
            zone=definition.zone,
            made_at=making.timer.now(),
            complete=complete,
            fared=[*filling.tally.fared, *unasked],
            sources={str(told.id): told.name for told in sources.told},
            tables=spool.tables,
            notes=plan.notes,
            masked="numbers:clear" not in caller.scopes,
        )
        part = making.files / f"{run.id}-{run.passes}-{run.attempts}.part"
        parts = WRITERS[definition.file_kind](report)
        try:
            size = await asyncio.to_thread(_write, part, parts)
            await _finish(run, making, report, part, size, filling)
        finally:
            part.unlink(missing_ok=True)


async def _look_for_missing(run: KeptRun, making: Making, sources: Sources) -> None:
    """Away if the run is made again for sources of which none is back"""
    missing = {one.source for one in run.fared if one.away}
    if not run.passes or not missing:
        return
    caller, deadline_ms = run.definition.author.caller(), making.server().stats_deadline_ms
    trace = Trace(caller, making.timer, deadline_ms=deadline_ms)
    there = [told for told in sources.told if str(told.id) in missing]
    looked = await asyncio.gather(*(check.source(told, sources, trace) for told in there))
    if not any(health.good for health in looked):
        raise Away(f"it waits for {', '.join(sorted(missing))}")


def _unasked(definition: Definition, live: list[LiveSource], sources: Sources) -> list[Fared]:
    """The sources that were meant by name, or would be, and that could not be asked at all"""
    if definition.sources is None:
        caller = definition.author.caller()
        ids = [str(told.id) for told in meant(sources, caller, CallFilter())
               if told.id not in sources.live]  # fmt: skip
    else:
        asked = {one.id for one in live}
        ids = [id for id in definition.sources if id not in asked]
    return [
        Fared(source=id, state="DISABLED", code=None, message="it cannot be asked, or is not there",
              retryable=False, records=0, skipped_records=0, requests=0, retries=0, elapsed_ms=0,
              missing=[])
        for id in ids
    ]  # fmt: skip


def _write(path: Path, parts: Iterable[bytes]) -> int:
    """Writes the parts and flushes them to the disk; gives the size in bytes"""
    with path.open("wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


async def _finish(
    run: KeptRun, making: Making, report: Report, part: Path, size: int, filling: Filling
) -> None:
    ending = ENDINGS[run.definition.file_kind]
    stored_as = f"{run.id}{ending}"

    def work(connection: Any) -> bool:
        held = runs.finish(
            connection,
            run,
            making.timer.now(),
            window=(report.since, report.until),
            entries=filling.entries,
            complete=report.complete,
            fared=report.fared,
            name=run.definition.name,
            file_name=file_name(report, ending),
            stored_as=stored_as,
            size_bytes=size,
        )
        if held:
            part.replace(making.files / stored_as)
            _sync(making.files)
        return held

    if not await making.store.write(work):
        raise Lost


def _sync(folder: Path) -> None:
    """Flushes the folder's list of names to the disk"""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_name(report: Report, ending: str) -> str:
    """What a download is called: the report, the days it looks at, and whether it is whole"""
    name = _SAFE.sub("_", report.name).strip(" .")[:80] or "report"
    last = report.until - timedelta(microseconds=1)
    first, last = (one.astimezone(report.zone) for one in (report.since, last))
    days = f"{first:%Y-%m-%d}"
    if first.date() != last.date():
        days += f" to {last:%Y-%m-%d}"
    whole = "" if report.complete else ".incomplete"
    return f"{name} {days}{whole}{ending}"


async def _abort(
    run: KeptRun, making: Making, fared: Sequence[Fared], reason: str, *, may_help: bool
) -> None:
    log.warning("run %s of report %s came to nothing: %s", run.id, run.report_id, reason)
    await making.store.write(
        lambda connection: runs.abort(
            connection, run, making.timer.now(), reason, fared, may_help=may_help
        )
    )


class _Heart:
    """Holds the lease of a run while it is made, and tells the database how far it is.

    Beats come from a task of their own, so that a long silence of a source loses nothing; without
    the lease the work is cancelled, and Lost is raised.
    """

    def __init__(self, run: KeptRun, making: Making) -> None:
        self.seen: Progress | None = None
        self._run, self._making = run, making
        self._lost = False
        self._beating: asyncio.Task[None] | None = None
        self._working: asyncio.Task[Any] | None = None

    @property
    def fared(self) -> list[Fared]:
        """How the sources fared, as far as it is known"""
        return [] if self.seen is None else self.seen.fared

    async def told(self, progress: Progress) -> None:
        self.seen = progress
        if self._lost:
            raise Lost

    async def __aenter__(self) -> Self:
        self._working = asyncio.current_task()
        self._beating = asyncio.create_task(self._beat())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._beating is not None
        self._beating.cancel()
        await asyncio.gather(self._beating, return_exceptions=True)
        if self._lost and isinstance(error, asyncio.CancelledError):
            assert self._working is not None
            self._working.uncancel()
            raise Lost

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                held = await self._making.store.write(self._hold)
            except GraphError:
                continue  # the database was away; the lease outlives several beats
            if not held:
                self._lost = True
                assert self._working is not None
                self._working.cancel()
                return

    def _hold(self, connection: Any) -> bool:
        seen, now = self.seen, self._making.timer.now()
        if seen is None:
            own = self._run
            return runs.beat(connection, own, now, own.entries, own.share, own.fared)
        return runs.beat(connection, self._run, now, seen.entries, seen.share, seen.fared)
