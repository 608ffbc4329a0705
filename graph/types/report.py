"""Call reports: definitions, the files they made, and what a report looks at.

Plain data that both directions share: what a caller defines becomes these objects, and so does
what a vendor tells.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from graph.types.answer import Count, Outcome, PageInfo
from graph.types.call import Node
from graph.types.personal import LABEL, PLAIN, Tells, tells
from graph.types.report_run import CallReportRun, DeliveryTarget
from graph.types.report_words import (
    CallReportFormat,
    CallReportPreset,
    CallReportStatus,
    CallReportType,
    ReportAnswerState,
    ReportCallKind,
    ReportDurationKind,
    ReportEngine,
    ReportPartyKind,
    value,
)
from graph.types.scalars import Long, TimeWindow
from graph.types.source import Source

# ---------------------------------------------------------------- what a report looks at


@strawberry.type(description="Which callers, or which callees, a report looks at.")
class ReportParty:
    kind: ReportPartyKind = strawberry.field(description="How they are told.")
    value: str | None = strawberry.field(
        description="The extension, range, number or part of one; null where the kind takes none."
    )


@strawberry.type(description="Calls of which length a report looks at. Both bounds belong to it.")
class ReportDuration:
    kind: ReportDurationKind = strawberry.field(description="Which duration is meant.")
    min_seconds: int | None = strawberry.field(description="The shortest, in seconds.")
    max_seconds: int | None = strawberry.field(description="The longest, in seconds.")


@strawberry.type(description="Which calls a report of type NORMAL looks at.")
class NormalReportFilter:
    caller: ReportParty = strawberry.field(description="Who called.")
    callee: ReportParty = strawberry.field(description="Who was called.")
    answer_state: ReportAnswerState = strawberry.field(description="Whether it was answered.")
    duration: ReportDuration = strawberry.field(description="How long it took.")


@strawberry.type(description="Which calls a report of type EXTENSION_GROUP_CALL_COST looks at.")
class ExtensionGroupCallCostReportFilter:
    call_kind: ReportCallKind = strawberry.field(description="Where the calls went.")
    groups: list[str] = strawberry.field(
        metadata=LABEL,
        description="The groups of extensions, by their names.",
    )


@strawberry.type(
    description="Which calls a report on queues looks at (all types on queues but "
    "QUEUE_FAILED_CALLBACKS)."
)
class QueueReportFilter:
    queues: list[str] = strawberry.field(
        metadata=LABEL,
        description="The numbers of the queues.",
    )
    exclude_dropped_before_seconds: int | None = strawberry.field(
        description="Calls whose caller gave up sooner than so many seconds are left out; null: "
        "none are."
    )
    answer_within_seconds: int | None = strawberry.field(
        description="The promised time of an answer, where this server runs the report; null: 20 "
        "seconds, or what the phone system has set for the queue."
    )


@strawberry.type(description="Which calls a report of type QUEUE_FAILED_CALLBACKS looks at.")
class QueueFailedCallbacksReportFilter:
    queues: list[str] = strawberry.field(
        metadata=LABEL,
        description="The numbers of the queues.",
    )


@strawberry.type(description="Which calls a report of type RING_GROUP_STATISTICS looks at.")
class RingGroupReportFilter:
    ring_groups: list[str] = strawberry.field(
        metadata=LABEL,
        description="The numbers of the ring groups.",
    )


@strawberry.type(description="What a report looks at, in a shape or with words not known here.")
class UnknownReportFilter:
    raw: JSON = strawberry.field(
        metadata=tells(Tells.ANYTHING, "raw:read", "numbers:clear"),
        description="As the phone system tells it.",
    )


ReportFilter = (
    NormalReportFilter
    | ExtensionGroupCallCostReportFilter
    | QueueReportFilter
    | QueueFailedCallbacksReportFilter
    | RingGroupReportFilter
    | UnknownReportFilter
)

CallReportFilter = Annotated[
    ReportFilter,
    strawberry.union("CallReportFilter", description="Which calls a report looks at, by its type."),
]


@strawberry.type(description="The span of time a report looks at.")
class CallReportRange:
    preset: CallReportPreset = strawberry.field(description="The span, counted from the run.")
    native_preset: str | None = strawberry.field(
        metadata=PLAIN,
        description="The span in the phone system's own word.",
    )
    window: TimeWindow | None = strawberry.field(
        description="The window of a CUSTOM span; null for all others."
    )


# ---------------------------------------------------------------- reports and their files


@strawberry.type(description="A moment at which a report runs.")
class NextRun:
    at: datetime = strawberry.field(description="The moment.")
    local_time: str = strawberry.field(
        description="The same as the phone system's clock shows it, with its offset from UTC."
    )
    time_zone: str = strawberry.field(description="The IANA zone of that clock.")


_FILE = Annotated["CompletedCallReport", strawberry.lazy("graph.types.report")]


@strawberry.enum(description="How sure it is that files were made by a report.")
class LinkCertainty(Enum):
    CERTAIN = value("CERTAIN", "The system says so.")
    LIKELY = value("LIKELY", "They fit this report, and no other report that exists now.")
    AMBIGUOUS = value("AMBIGUOUS", "They fit this report, and others just as well.")
    UNKNOWN = value("UNKNOWN", "Not known.")


@strawberry.type(description="The files a report has made, as well as that can be told.")
class CallReportFiles:
    certainty: LinkCertainty = strawberry.field(description="How sure the link is.")
    reason: str = strawberry.field(description="What the link rests on.")
    nodes: list[_FILE] = strawberry.field(description="The files, the newest first.")


@strawberry.type(
    description="The definition of a report: what it looks at, when it runs, what it makes. "
    "A finished run is a `CompletedCallReport`."
)
class CallReport(Node):
    id: strawberry.ID = strawberry.field(
        description="Opaque, and good for ever: it survives restarts. Give it to `node`."
    )
    engine: ReportEngine = strawberry.field(description="Who runs it.")
    source: Source = strawberry.field(
        description="The phone system that runs it; where this server does, the first of `sources`."
    )
    sources: list[Source] = strawberry.field(
        description="The phone systems whose calls it looks at; those of its next run where it "
        "was created for all."
    )
    time_zone: str = strawberry.field(
        metadata=PLAIN,
        description="The IANA zone in which its days, its cron expression and its file are meant.",
    )
    deliveries: list[DeliveryTarget] = strawberry.field(
        description="Who is told when this server has made a file; for reports of a phone system "
        "see `email`."
    )
    rerun_incomplete: bool = strawberry.field(
        description="A run that misses something is made again when a missing source is back."
    )
    runs: list[CallReportRun] | None = strawberry.field(
        description="Its latest runs, the newest first, at most 50; null where the phone system "
        "runs it, which does not tell."
    )
    native_id: str = strawberry.field(
        metadata=PLAIN,
        description="The phone system's own id of it.",
    )
    name: str | None = strawberry.field(
        metadata=LABEL,
        description="Its name for people.",
    )
    type: CallReportType = strawberry.field(description="What it is about. It never changes.")
    native_type: str | None = strawberry.field(
        metadata=PLAIN,
        description="What it is about, in the phone system's own word.",
    )
    cron_expression: str | None = strawberry.field(
        metadata=PLAIN,
        description="When it runs, as a cron expression of five fields in the zone of its source; "
        "null if it runs once.",
    )
    next_runs: list[NextRun] = strawberry.field(
        description="Its next five runs; none if it runs once, or if its cron expression is not "
        "understood here."
    )
    status: CallReportStatus = strawberry.field(description="Where it stands.")
    native_status: str | None = strawberry.field(
        metadata=PLAIN,
        description="Where it stands, in the phone system's own word.",
    )
    email: str | None = strawberry.field(
        description="Who is told when a file is ready; a pseudonym without `numbers:clear`. It may "
        "need a further request to the vendor for each report."
    )
    format: CallReportFormat | None = strawberry.field(
        description="The kind of file it makes. It may need a further request for each report."
    )
    native_format: str | None = strawberry.field(
        metadata=PLAIN,
        description="The same in the phone system's own word. It may need a further request.",
    )
    range: CallReportRange | None = strawberry.field(
        description="The span of time it looks at. It may need a further request for each report."
    )
    filter: CallReportFilter | None = strawberry.field(
        description="The calls it looks at. It may need a further request for each report."
    )
    completed: CallReportFiles | None = strawberry.field(
        description="The files it has made, and how sure that is."
    )


@strawberry.type(description="A finished run of a report, with its file.")
class CompletedCallReport(Node):
    id: strawberry.ID = strawberry.field(
        description="Opaque, and good for ever: it survives restarts. Give it to `node`."
    )
    engine: ReportEngine = strawberry.field(description="Who made it.")
    source: Source = strawberry.field(
        description="The phone system that made it; where this server did, the first of `sources`."
    )
    sources: list[Source] = strawberry.field(
        description="The phone systems whose calls it was made of."
    )
    complete: bool | None = strawberry.field(
        description="Every source gave everything for it; null where the phone system made it, "
        "which does not tell."
    )
    run: CallReportRun | None = strawberry.field(
        description="The run that made it, with how each source fared; null where the phone system "
        "made it."
    )
    native_id: str = strawberry.field(
        metadata=PLAIN,
        description="The phone system's own id of it.",
    )
    name: str | None = strawberry.field(
        metadata=LABEL,
        description="The name of the report.",
    )
    type: CallReportType = strawberry.field(description="What it is about.")
    native_type: str | None = strawberry.field(
        metadata=PLAIN,
        description="What it is about, in the phone system's own word.",
    )
    format: CallReportFormat = strawberry.field(description="The kind of file.")
    native_format: str | None = strawberry.field(
        metadata=PLAIN,
        description="The kind of file in the phone system's own word.",
    )
    completed_at: datetime | None = strawberry.field(description="When it was finished.")
    file_name: str | None = strawberry.field(
        metadata=LABEL,
        description="The name of the file.",
    )
    file_size_bytes: Long | None = strawberry.field(
        description="The size of the file in bytes, as the phone system tells it; 0 may mean that "
        "it does not know."
    )
    file_url: str = strawberry.field(
        description="Where this server serves the file: a path, with the same rights as this "
        "answer and `numbers:clear`. Where callers sign in it is signed for the one who asks, and "
        "good for five minutes. Files do not last for ever; then it answers 404."
    )


@strawberry.type(description="A report with its place in the list.")
class CallReportEdge:
    cursor: str = strawberry.field(description="The place of this entry in the list.")
    node: CallReport = strawberry.field(description="The report.")


_COMPLETE = "Every source that runs reports gave all of them, and nothing was left out."
_OUTCOMES = "How each source fared. One that runs no reports is UNSUPPORTED, and not missed."


@strawberry.type(description="One page of report definitions from all sources, in one order.")
class CallReportConnection:
    edges: list[CallReportEdge] = strawberry.field(description="The reports with their places.")
    nodes: list[CallReport] = strawberry.field(description="The reports.")
    page_info: PageInfo = strawberry.field(description="Where this page stands in the list.")
    count: Count = strawberry.field(description="How many entries the whole list has.")
    complete: bool = strawberry.field(description=_COMPLETE)
    outcomes: list[Outcome] = strawberry.field(description=_OUTCOMES)


@strawberry.type(description="A finished report with its place in the list.")
class CompletedCallReportEdge:
    cursor: str = strawberry.field(description="The place of this entry in the list.")
    node: CompletedCallReport = strawberry.field(description="The finished report.")


@strawberry.type(description="One page of finished reports from all sources, in one order.")
class CompletedCallReportConnection:
    edges: list[CompletedCallReportEdge] = strawberry.field(
        description="The finished reports with their places."
    )
    nodes: list[CompletedCallReport] = strawberry.field(description="The finished reports.")
    page_info: PageInfo = strawberry.field(description="Where this page stands in the list.")
    count: Count = strawberry.field(description="How many entries the whole list has.")
    complete: bool = strawberry.field(description=_COMPLETE)
    outcomes: list[Outcome] = strawberry.field(description=_OUTCOMES)
