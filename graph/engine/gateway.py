"""The front door of the reports that this server runs itself: see `reports/gateway.py`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from graph.config import ReportSettings, ServerSettings
from graph.engine import retention, rules
from graph.engine.definition import Definition
from graph.engine.download import opened
from graph.engine.kept import definitions, deliveries, runs
from graph.engine.kept.runs import KeptFile, KeptRun
from graph.engine.looks import unable
from graph.engine.run import Making, prepare
from graph.engine.scheduler import TICK_SECONDS, Scheduler
from graph.engine.store import Store, url_of
from graph.engine.tables import NEVER, SUPPORTED
from graph.engine.telling import Telling, files_of
from graph.engine.writers import WRITERS
from graph.errors import BadUserInput
from graph.gather import keys
from graph.observe import Timer
from graph.reports.gateway import Asker, Download, Kept
from graph.reports.rules import wrong
from graph.sources.selected import heads
from graph.transport.open import Sources
from graph.types.report import CallReport, CompletedCallReport
from graph.types.report_inputs import (
    CreateCallReportInput,
    Idempotency,
    IdempotencyStore,
    UpdateCallReportInput,
    UserErrorCode,
)
from graph.types.report_run import (
    CallReportDelivery,
    CallReportRun,
    DeliveryKind,
    GatewayReports,
    GatewayReportType,
)
from graph.types.report_words import CallReportPreset, CallReportType

MOST_RUNS_TOLD = 50
_GONE = Kept((wrong("id", UserErrorCode.NOT_FOUND, "there is no such report, or no longer"),))


class KeptReports:
    """The definitions, runs and files of one database, and the scheduler that sees to them."""

    def __init__(self, making: Making) -> None:
        self.scheduler = Scheduler(making)
        self._making = making

    async def close(self) -> None:
        await self.scheduler.close()
        await self._making.store.close()

    def capabilities(self, asker: Asker) -> GatewayReports:
        types = [self._type(kind, asker) for kind in (*SUPPORTED, *NEVER)]
        settings = self._making.settings()
        ways = ((DeliveryKind.MAIL, settings.mail),
                (DeliveryKind.WEBHOOK, settings.webhooks))  # fmt: skip
        return GatewayReports(
            available=True,
            reason=None,
            types=types,
            formats=list(WRITERS),
            presets=[one for one in CallReportPreset if one is not CallReportPreset.UNKNOWN],
            deliveries=[kind for kind, own in ways if own is not None],
        )

    def _type(self, kind: CallReportType, asker: Asker) -> GatewayReportType:
        live = [one for one in asker.sources.live.values() if asker.caller.sees(one.id)]
        reasons = {one.id: unable(one, kind) for one in live}
        ids: list[Any] = [id for id, why in reasons.items() if why is None]
        reason = NEVER.get(kind)
        if reason is not None:
            ids = []
        elif not ids:
            reason = "; ".join(sorted({why for why in reasons.values() if why})) or "no source"
        return GatewayReportType(type=kind, supported=bool(ids), reason=reason, sources=ids)

    # ------------------------------------------------------------ to be looked at

    async def reports(self, asker: Asker) -> Sequence[CallReport]:
        kept, latest = await self._making.store.read(
            lambda connection: (definitions.every(connection), runs.latest(connection))
        )
        telling = self._telling(asker)
        return [
            telling.report(one, latest.get(one.id))
            for one in kept
            if rules.sees(asker, one.definition.author, one.definition.sources)
        ]

    async def completed(self, asker: Asker) -> Sequence[CompletedCallReport]:
        kept = await self._making.store.read(runs.kept_files)
        return [self._telling(asker).file(one, []) for one in kept if _sees_file(asker, one)]

    async def entry(self, asker: Asker, kind: str, row: str) -> Any:
        if kind == "completed":
            file = await self._file(asker, row)
            return None if file is None else self._telling(asker).file(file, [])
        kept = await self._one(asker, row)
        if kept is None:
            return None
        last = await self._making.store.read(lambda connection: runs.of_report(connection, row, 1))
        return self._telling(asker).report(kept, last[0] if last else None)

    async def finish(self, asker: Asker, records: Sequence[Any], paths: frozenset[str]) -> None:
        wanted = heads(paths)
        for record in records:
            row = str(record.native_id)
            if isinstance(record, CompletedCallReport):
                if "run" in wanted and record.run is not None:
                    record.run.deliveries = await self._sent(asker, row)
                continue
            if "runs" in wanted:
                record.runs = await self._runs(asker, row)
            if "completed" in wanted:
                record.completed = files_of(await self._files(asker, row))

    async def _sent(self, asker: Asker, run_id: str) -> list[CallReportDelivery]:
        found = await self._making.store.read(
            lambda connection: deliveries.of_run(connection, run_id)
        )
        return self._telling(asker).deliveries(found)

    async def _runs(self, asker: Asker, report_id: str) -> list[CallReportRun]:
        telling = self._telling(asker)
        kept, files, sent = await self._making.store.read(
            lambda connection: (
                found := runs.of_report(connection, report_id, MOST_RUNS_TOLD),
                runs.kept_files(connection, report_id=report_id),
                {run.id: deliveries.of_run(connection, run.id) for run in found},
            )
        )
        made = {one.run.id: one for one in files if _sees_file(asker, one)}
        told: list[CallReportRun] = []
        for run in kept:
            own = telling.run(run, sent[run.id])
            if run.id in made:
                own.file = telling.file(made[run.id], sent[run.id])
            told.append(own)
        return told

    async def _files(self, asker: Asker, report_id: str) -> list[CompletedCallReport]:
        kept = await self._making.store.read(
            lambda connection: runs.kept_files(connection, report_id=report_id)
        )
        return [self._telling(asker).file(one, []) for one in kept if _sees_file(asker, one)]

    # ------------------------------------------------------------ changes

    async def create(self, asker: Asker, given: CreateCallReportInput) -> Kept:
        made, errors = rules.of_new(given, asker, self._making.settings())
        if made is None:
            return Kept(tuple(errors))
        definition, id, now = made, uuid4().hex, self._making.timer.now()
        key, caller = given.idempotency_key, asker.caller.name

        def work(connection: Any) -> Kept:
            meant = definitions.meaning(definition)
            if key is not None:
                known = definitions.keyed(connection, caller, key, now)
                if known is not None and known.meant != meant:
                    return Kept((_CONFLICT,))
                if known is not None:
                    return Kept((), known.report_id, _idempotency(key, known, repeated=True))
            most = self._making.settings().max_reports
            if definitions.count(connection) >= most:
                return Kept((wrong(None, UserErrorCode.TOO_MANY, f"there are {most} already"),))
            definitions.create(connection, id, definition, now)
            if definition.cron_expression is None:
                runs.begin(connection, id, definition, now)
            if key is None:
                return Kept((), id)
            new = definitions.keep_key(connection, caller, key, meant, id, now)
            return Kept((), id, _idempotency(key, new, repeated=False))

        kept = await self._making.store.write(work)
        self.scheduler.wake()
        return kept

    async def update(self, asker: Asker, row: str, given: UpdateCallReportInput) -> Kept:
        before = await self._one(asker, row)
        if before is None:
            return _GONE
        made, errors = rules.of_change(before.definition, given, asker, self._making.settings())
        if made is None:
            return Kept(tuple(errors))
        definition, now = made, self._making.timer.now()

        def work(connection: Any) -> Kept:
            now_there = definitions.one(connection, row, to_change=True)
            if now_there is None:
                return _GONE
            if now_there.definition != before.definition:
                changed = "it was changed by somebody else meanwhile; look at it and try again"
                return Kept((wrong("id", UserErrorCode.SOURCE_REFUSED, changed),))
            definitions.change(connection, row, definition, now)
            if definition.cron_expression is None:
                runs.begin(connection, row, definition, now)
            return Kept()

        kept = await self._making.store.write(work)
        self.scheduler.wake()
        return kept

    async def destroy(self, asker: Asker, kind: str, row: str) -> Kept:
        if kind == "completed":
            seen = await self._file(asker, row)
            if seen is None or not await retention.destroy(self._making, row):
                return _GONE
            return Kept()
        if await self._one(asker, row) is None:
            return _GONE
        now = self._making.timer.now()

        def work(connection: Any) -> Kept:
            if not definitions.destroy(connection, row):
                return _GONE
            runs.end_all(connection, row, now)
            return Kept()

        return await self._making.store.write(work)

    async def run(self, asker: Asker, row: str) -> Kept:
        kept = await self._one(asker, row)
        if kept is None:
            return _GONE
        definition, now = kept.definition, self._making.timer.now()
        begun = await self._making.store.write(
            lambda connection: runs.begin(connection, row, definition, now)
        )
        if begun is None:
            taken = "it has just been run; a moment has one run"
            return Kept((wrong("id", UserErrorCode.TOO_MANY, taken),))
        self.scheduler.wake()
        return Kept((), row)

    # ------------------------------------------------------------ files

    async def follow(
        self, asker: Asker, row: str, paths: frozenset[str]
    ) -> AsyncGenerator[CompletedCallReport, None]:
        if await self._one(asker, row) is None:
            raise BadUserInput("reportId", "there is no such report, or no longer")
        known: set[tuple[str, object]] | None = None
        while True:
            kept = await self._one(asker, row)
            last, files = await self._making.store.read(
                lambda connection: (
                    runs.of_report(connection, row, 1),
                    runs.kept_files(connection, report_id=row),
                )
            )
            ended = kept is None or (
                kept.definition.cron_expression is None
                and not any(run.state in ("WAITING", "RUNNING") for run in last)
            )
            made = [one for one in reversed(files) if _sees_file(asker, one)]
            if known is None:
                # What a report that runs once has made already is what is waited for.
                known = set() if ended else {_mark(one) for one in made}
                if kept is not None and kept.definition.cron_expression is None:
                    known = set()
            for one in made:
                if _mark(one) not in known:
                    known.add(_mark(one))
                    file = self._telling(asker).file(one, [])
                    await self.finish(asker, [file], paths)
                    yield file
            if ended or any(run.state == "ABORTED" for run in last):
                return
            await self._making.timer.sleep(TICK_SECONDS)

    @asynccontextmanager
    async def download(
        self, asker: Asker, row: str, range: str | None
    ) -> AsyncIterator[Download | None]:
        kept = await self._file(asker, row)
        if kept is None:
            yield None
            return
        told = self._telling(asker).file(kept, [])
        async with opened(self._making.files / kept.stored_as, told, range) as found:
            yield found

    # ------------------------------------------------------------ what may be seen

    def _telling(self, asker: Asker) -> Telling:
        return Telling(asker, self._making.timer.now())

    async def _one(self, asker: Asker, row: str) -> definitions.KeptReport | None:
        kept = await self._making.store.read(lambda connection: definitions.one(connection, row))
        if kept is None:
            return None
        definition: Definition = kept.definition
        return kept if rules.sees(asker, definition.author, definition.sources) else None

    async def _file(self, asker: Asker, row: str) -> KeptFile | None:
        found = await self._making.store.read(
            lambda connection: runs.kept_files(connection, id=row)
        )
        return next((one for one in found if _sees_file(asker, one)), None)


def keep_reports(
    *,
    signer: keys.Signer,
    timer: Timer,
    sources: Callable[[], Sources],
    settings: Callable[[], ReportSettings],
    server: Callable[[], ServerSettings],
) -> KeptReports:
    """What keeps reports where the settings say; ConfigError where nothing can be kept there"""
    own = settings()
    folder = prepare(own)
    store = Store(url_of(None if own.database is None else own.database.reveal(), folder))
    return KeptReports(Making(store, folder, signer, timer, sources, settings, server))


_CONFLICT = wrong(
    "idempotencyKey",
    UserErrorCode.IDEMPOTENCY_CONFLICT,
    "this key was used for another report; take a new key for each report you mean",
)


def _idempotency(key: str, known: definitions.Keyed, *, repeated: bool) -> Idempotency:
    return Idempotency(
        key=key, repeated=repeated, store=IdempotencyStore.DATABASE, kept_until=known.kept_until
    )


def _sees_file(asker: Asker, file: KeptFile) -> bool:
    run: KeptRun = file.run
    asked = tuple(fared.source for fared in run.fared)
    return rules.sees(asker, run.definition.author, asked)


def _mark(file: KeptFile) -> tuple[str, object]:
    """Tells a file from one that took its place"""
    return file.run.id, file.completed_at
