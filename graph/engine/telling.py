"""What is kept, as the schema tells it: definitions, runs, files, deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import strawberry

from graph.engine.definition import Definition, Looks, Mail, Target
from graph.engine.kept.definitions import KeptReport
from graph.engine.kept.deliveries import KeptDelivery
from graph.engine.kept.runs import KeptFile, KeptRun
from graph.engine.run import able, window_of
from graph.engine.tally import told
from graph.gather import keys
from graph.reports.cron import next_runs
from graph.reports.gateway import Asker
from graph.types.report import (
    CallReport,
    CallReportFiles,
    CallReportRange,
    CompletedCallReport,
    ExtensionGroupCallCostReportFilter,
    LinkCertainty,
    NormalReportFilter,
    QueueFailedCallbacksReportFilter,
    QueueReportFilter,
    ReportDuration,
    ReportFilter,
    ReportParty,
    RingGroupReportFilter,
)
from graph.types.report_run import (
    CallReportDelivery,
    CallReportRun,
    CallReportRunState,
    DeliveryKind,
    DeliveryState,
    DeliveryTarget,
)
from graph.types.report_words import (
    CallReportPreset,
    CallReportStatus,
    CallReportType,
    ReportAnswerState,
    ReportCallKind,
    ReportDurationKind,
    ReportEngine,
    ReportPartyKind,
)
from graph.types.scalars import Long, TimeWindow
from graph.types.source import Source, SourceState
from graph.types.vendor import Vendor

LINK = "Each run keeps its file"


class Telling(NamedTuple):
    """What is needed to tell: whoever asks, with the sources as they are now, and the moment"""

    asker: Asker
    now: datetime

    def source(self, id: str) -> Source:
        """The source, also one that is no longer in the configuration"""
        for one in self.asker.sources.told:
            if one.id == id:
                return one
        return Source(
            id=strawberry.ID(id),
            vendor=next(iter(Vendor)),
            name=id,
            state=SourceState.UNKNOWN,
            reason="it is no longer in the configuration; its vendor is not known any more",
            time_zone="UTC",
            capabilities=None,
        )

    def asked(self, definition: Definition) -> list[Source]:
        ids = definition.sources
        if ids is None:
            ids = tuple(live.id for live in able(definition, self.asker.sources))
        return [self.source(id) for id in ids]

    def report(self, kept: KeptReport, last: KeptRun | None) -> CallReport:
        definition = kept.definition
        asked = self.asked(definition)
        report: CallReport = object.__new__(CallReport)
        report.id = strawberry.ID(keys.write_id("report", keys.GATEWAY, kept.id, None))
        report.engine = ReportEngine.GATEWAY
        report.sources = asked
        report.source = asked[0] if asked else self.source("")
        report.native_id = kept.id
        report.name = definition.name
        report.type = definition.kind
        report.native_type = definition.type
        report.cron_expression = definition.cron_expression
        report.next_runs = next_runs(definition.cron_expression, definition.zone, self.now)
        report.status = _status(last)
        report.native_status = None if last is None else last.state
        report.time_zone = definition.time_zone
        report.deliveries = [target(one) for one in definition.targets]
        mails = [one.to for one in definition.targets if isinstance(one, Mail)]
        report.email = mails[0] if mails else None
        report.rerun_incomplete = definition.rerun_incomplete
        report.format = definition.file_kind
        report.native_format = definition.format
        report.range = _range(definition)
        report.filter = _filter(definition.kind, definition.looks)
        return report

    def run(self, kept: KeptRun, sent: list[KeptDelivery]) -> CallReportRun:
        """The run without its file"""
        since, until = kept.window or window_of(kept)
        run: CallReportRun = object.__new__(CallReportRun)
        run.id = strawberry.ID(kept.id)
        run.due_at = kept.due_at
        run.state = CallReportRunState[kept.state]
        run.started_at, run.ended_at = kept.started_at, kept.ended_at
        run.window = TimeWindow(since=since, until=until)
        run.attempts = kept.attempts
        run.entries_read = Long(kept.entries)
        run.share_done = kept.share
        run.complete = kept.complete
        run.outcomes = [told(fared, self.source(fared.source)) for fared in kept.fared]
        run.reason = kept.reason
        run.deliveries = self.deliveries(sent)
        run.file = None
        return run

    def deliveries(self, sent: list[KeptDelivery]) -> list[CallReportDelivery]:
        return [_delivery(one) for one in sent]

    def file(self, kept: KeptFile, sent: list[KeptDelivery]) -> CompletedCallReport:
        definition = kept.run.definition
        made_of = [self.source(fared.source) for fared in kept.run.fared]
        file: CompletedCallReport = object.__new__(CompletedCallReport)
        file.id = strawberry.ID(keys.write_id("completed", keys.GATEWAY, kept.run.id, None))
        file.engine = ReportEngine.GATEWAY
        file.sources = made_of
        file.source = made_of[0] if made_of else self.source("")
        file.native_id = kept.run.id
        file.name = kept.name
        file.type = definition.kind
        file.native_type = definition.type
        file.format = definition.file_kind
        file.native_format = definition.format
        file.completed_at = kept.completed_at
        file.file_name = kept.file_name
        file.file_size_bytes = Long(kept.size_bytes)
        file.file_url = self.asker.addresses.write(file.id, self.asker.caller)
        file.complete = kept.run.complete
        file.run = self.run(kept.run, sent)
        file.run.file = file
        return file


def files_of(files: list[CompletedCallReport]) -> CallReportFiles:
    return CallReportFiles(certainty=LinkCertainty.CERTAIN, reason=f"{LINK}.", nodes=files)


def target(one: Target) -> DeliveryTarget:
    if isinstance(one, Mail):
        return DeliveryTarget(kind=DeliveryKind.MAIL, address=one.to, attached=one.attach)
    return DeliveryTarget(kind=DeliveryKind.WEBHOOK, address=one.url, attached=False)


def _delivery(kept: KeptDelivery) -> CallReportDelivery:
    return CallReportDelivery(
        id=strawberry.ID(kept.id),
        target=target(kept.target),
        state=DeliveryState[kept.state],
        attempts=kept.attempts,
        delivered_at=kept.delivered_at,
        reason=kept.reason,
    )


def _status(last: KeptRun | None) -> CallReportStatus:
    if last is None or last.state == "DONE":
        return CallReportStatus.SCHEDULED
    if last.state == "ABORTED":
        return CallReportStatus.ABORTED
    # A run that is tried again has been over once.
    return CallReportStatus.SCHEDULED if last.passes else CallReportStatus.RUNNING


def _range(definition: Definition) -> CallReportRange:
    window = None
    if definition.since_us is not None and definition.until_us is not None:
        window = TimeWindow(
            since=keys.from_us(definition.since_us), until=keys.from_us(definition.until_us)
        )
    return CallReportRange(
        preset=CallReportPreset[definition.preset], native_preset=definition.preset, window=window
    )


def _filter(kind: CallReportType, looks: Looks) -> ReportFilter:
    if kind is CallReportType.NORMAL:
        assert looks.caller is not None
        assert looks.callee is not None
        return NormalReportFilter(
            caller=ReportParty(kind=ReportPartyKind[looks.caller.kind], value=looks.caller.value),
            callee=ReportParty(kind=ReportPartyKind[looks.callee.kind], value=looks.callee.value),
            answer_state=ReportAnswerState[looks.answer_state or "ANY"],
            duration=ReportDuration(
                kind=ReportDurationKind[looks.duration_kind or "ANY"],
                min_seconds=looks.min_seconds,
                max_seconds=looks.max_seconds,
            ),
        )
    if kind is CallReportType.EXTENSION_GROUP_CALL_COST:
        return ExtensionGroupCallCostReportFilter(
            call_kind=ReportCallKind[looks.call_kind or "ANY"], groups=list(looks.groups)
        )
    if kind is CallReportType.RING_GROUP_STATISTICS:
        return RingGroupReportFilter(ring_groups=list(looks.ring_groups))
    if kind is CallReportType.QUEUE_FAILED_CALLBACKS:
        return QueueFailedCallbacksReportFilter(queues=list(looks.queues))
    return QueueReportFilter(
        queues=list(looks.queues),
        exclude_dropped_before_seconds=looks.exclude_dropped_before_seconds,
        answer_within_seconds=looks.answer_within_seconds,
    )
