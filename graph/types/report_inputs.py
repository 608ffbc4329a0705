"""What callers give for reports, and what they are told about a write."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import strawberry

from graph.types.report import CallReport
from graph.types.report_words import (
    CallReportFormat,
    CallReportPreset,
    CallReportType,
    ReportAnswerState,
    ReportCallKind,
    ReportDurationKind,
    ReportEngine,
    ReportPartyKind,
    value,
)
from graph.types.source import Source


@strawberry.enum(description="The order of a list of reports. Equal ones are ordered by source.")
class ReportOrder(Enum):
    NAME = value("NAME", "By name, from A to Z.")
    NAME_DESCENDING = value("NAME_DESCENDING", "By name, from Z to A.")
    TYPE = value("TYPE", "By type, from A to Z.")
    TYPE_DESCENDING = value("TYPE_DESCENDING", "By type, from Z to A.")
    STATUS = value("STATUS", "By status, from A to Z.")
    STATUS_DESCENDING = value("STATUS_DESCENDING", "By status, from Z to A.")


@strawberry.enum(
    description="The order of a list of finished reports. Equal ones are ordered by source."
)
class CompletedReportOrder(Enum):
    NEWEST_FIRST = value("NEWEST_FIRST", "The one finished last comes first.")
    OLDEST_FIRST = value("OLDEST_FIRST", "The one finished first comes first.")
    NAME = value("NAME", "By name, from A to Z.")
    NAME_DESCENDING = value("NAME_DESCENDING", "By name, from Z to A.")
    TYPE = value("TYPE", "By type, from A to Z.")
    TYPE_DESCENDING = value("TYPE_DESCENDING", "By type, from Z to A.")
    SIZE = value("SIZE", "The smallest file first.")
    SIZE_DESCENDING = value("SIZE_DESCENDING", "The largest file first.")


# ---------------------------------------------------------------- definitions


@strawberry.input(description="A span of time from `since` (included) to `until` (not included).")
class ReportWindowInput:
    since: datetime = strawberry.field(description="The first moment inside.")
    until: datetime = strawberry.field(description="The first moment after.")


@strawberry.input(
    one_of=True,
    description="The span of time a report looks at: counted from each run, or one window.",
)
class CallReportRangeInput:
    preset: CallReportPreset | None = strawberry.field(
        default=strawberry.UNSET, description="Counted from the day of each run; not CUSTOM."
    )
    window: ReportWindowInput | None = strawberry.field(
        default=strawberry.UNSET, description="A window of its own."
    )


@strawberry.input(description="Which callers, or which callees, a report looks at.")
class ReportPartyInput:
    kind: ReportPartyKind = strawberry.field(
        default=ReportPartyKind.ANY, description="How they are told."
    )
    value: str | None = strawberry.field(
        default=None,
        description="The extension, range, number or part of one; the kinds "
        "EXTENSION_OR_EXTENSION_RANGE, NUMBER, NUMBERS_START_WITH and NUMBERS_CONTAIN need it.",
    )


@strawberry.input(description="Calls of which length a report looks at. Both bounds belong to it.")
class ReportDurationInput:
    kind: ReportDurationKind = strawberry.field(
        default=ReportDurationKind.ANY, description="Which duration is meant."
    )
    min_seconds: int | None = strawberry.field(
        default=None, description="The shortest, in seconds; 0 or more."
    )
    max_seconds: int | None = strawberry.field(
        default=None, description="The longest, in seconds; 0 or more."
    )


@strawberry.input(description="Which calls a report of type NORMAL looks at. Without it: all.")
class NormalReportFilterInput:
    caller: ReportPartyInput = strawberry.field(
        default_factory=ReportPartyInput, description="Who called."
    )
    callee: ReportPartyInput = strawberry.field(
        default_factory=ReportPartyInput, description="Who was called."
    )
    answer_state: ReportAnswerState = strawberry.field(
        default=ReportAnswerState.ANY, description="Whether it was answered."
    )
    duration: ReportDurationInput = strawberry.field(
        default_factory=ReportDurationInput, description="How long it took."
    )


@strawberry.input(description="Which calls a report of type EXTENSION_GROUP_CALL_COST looks at.")
class ExtensionGroupCallCostReportFilterInput:
    call_kind: ReportCallKind = strawberry.field(
        default=ReportCallKind.ANY, description="Where the calls went."
    )
    groups: list[str] = strawberry.field(
        description="The groups of extensions, by their names of 1 to 64 characters."
    )


@strawberry.input(
    description="Which calls a report on queues looks at (all types on queues but "
    "QUEUE_FAILED_CALLBACKS)."
)
class QueueReportFilterInput:
    queues: list[str] = strawberry.field(
        description="The numbers of the queues, of 3 to 64 digits each; with the engine GATEWAY "
        "also their names, and none at all means all queues."
    )
    answer_within_seconds: int | None = strawberry.field(
        default=None,
        description="The promised time of an answer, 0 to 3600; only with the engine GATEWAY. "
        "Without it: 20.",
    )
    exclude_dropped_before_seconds: int | None = strawberry.field(
        default=None,
        description="Leave out calls whose caller gave up sooner than so many seconds.",
    )


@strawberry.input(description="Which calls a report of type QUEUE_FAILED_CALLBACKS looks at.")
class QueueFailedCallbacksReportFilterInput:
    queues: list[str] = strawberry.field(
        description="The numbers of the queues, of 3 to 64 digits each."
    )


@strawberry.input(description="Which calls a report of type RING_GROUP_STATISTICS looks at.")
class RingGroupReportFilterInput:
    ring_groups: list[str] = strawberry.field(description="The numbers of the ring groups.")


@strawberry.input(
    one_of=True, description="Which calls a report looks at: the one that fits its type."
)
class CallReportFilterInput:
    normal: NormalReportFilterInput | None = strawberry.field(
        default=strawberry.UNSET, description="For NORMAL."
    )
    extension_group_call_cost: ExtensionGroupCallCostReportFilterInput | None = strawberry.field(
        default=strawberry.UNSET, description="For EXTENSION_GROUP_CALL_COST."
    )
    queue: QueueReportFilterInput | None = strawberry.field(
        default=strawberry.UNSET,
        description="For QUEUE_PERFORMANCE, QUEUE_DETAILED_STATISTICS, QUEUE_ABANDONED_CALLS, "
        "QUEUE_SLA_STATISTICS, QUEUE_BREACHES_SLA_STATISTICS, QUEUE_CALLBACKS and "
        "TEAM_QUEUE_GENERAL_STATISTICS.",
    )
    queue_failed_callbacks: QueueFailedCallbacksReportFilterInput | None = strawberry.field(
        default=strawberry.UNSET, description="For QUEUE_FAILED_CALLBACKS."
    )
    ring_group: RingGroupReportFilterInput | None = strawberry.field(
        default=strawberry.UNSET, description="For RING_GROUP_STATISTICS."
    )


@strawberry.input(description="A mail to one address when a file is ready.")
class MailDeliveryInput:
    to: str = strawberry.field(description="The address, in a domain that the server allows.")
    attach: bool = strawberry.field(
        default=False,
        description="With the file in it, if it is not too large; else a link. Where callers sign "
        "in to the server, the link alone opens nothing: it takes a token, too.",
    )


@strawberry.input(description="A signed POST when a file is ready (Standard Webhooks).")
class WebhookDeliveryInput:
    url: str = strawberry.field(description="The https address, of a host that the server allows.")


@strawberry.input(one_of=True, description="How somebody is told that a file is ready.")
class DeliveryInput:
    mail: MailDeliveryInput | None = strawberry.field(
        default=strawberry.UNSET, description="By e-mail."
    )
    webhook: WebhookDeliveryInput | None = strawberry.field(
        default=strawberry.UNSET, description="By a webhook."
    )


_OURS = " Only with the engine GATEWAY."
_SOURCES = (
    "The sources whose calls it looks at, by their ids in the configuration. Without it: all that "
    "you see and that support the type, at each run." + _OURS
)
_ZONE = (
    "The IANA zone in which its days and its cron expression are meant, and its file is written, "
    "e.g. `Europe/Berlin`." + _OURS
)
_DELIVER = "Who is told when a file is ready, at most 10." + _OURS
_RERUN = (
    "A run that misses a source is made again when it is back: that is looked for every 10 minutes "
    "for 3 days. It is made at most 6 times more." + _OURS
)
_NAME = "Its name for people, of 1 to 256 characters."
_EMAIL = "Who is told when a file is ready: an e-mail address of at most 128 characters."
_CRON = (
    "When it runs: a cron expression of five fields (minute, hour, day of month, month, day of "
    "week) in the zone of the source, e.g. `0 7 * * MON`. "
)


@strawberry.input(description="A new report.")
class CreateCallReportInput:
    engine: ReportEngine = strawberry.field(
        default=ReportEngine.VENDOR,
        description="Who is to run it: the phone system itself, or this server.",
    )
    source: strawberry.ID | None = strawberry.field(
        default=None,
        description="The id of the source that is to run it; see `Capabilities.reports`. Needed "
        "with the engine VENDOR.",
    )
    sources: list[strawberry.ID] | None = strawberry.field(default=None, description=_SOURCES)
    time_zone: str | None = strawberry.field(default=None, description=_ZONE + " Without it: UTC.")
    deliver: list[DeliveryInput] | None = strawberry.field(default=None, description=_DELIVER)
    rerun_incomplete: bool | None = strawberry.field(default=None, description=_RERUN)
    name: str = strawberry.field(description=_NAME)
    type: CallReportType = strawberry.field(
        description="What it is about. It can never be changed."
    )
    email: str | None = strawberry.field(
        default=None,
        description=_EMAIL + " Needed with the engine VENDOR; with GATEWAY a link is mailed there.",
    )
    format: CallReportFormat = strawberry.field(description="The kind of file it makes.")
    range: CallReportRangeInput = strawberry.field(description="The span of time it looks at.")
    cron_expression: str | None = strawberry.field(
        default=None, description=_CRON + "Without it: once, now."
    )
    filter: CallReportFilterInput = strawberry.field(description="Which calls it looks at.")
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Any text of 1 to 255 characters, new for each report that you mean. Asking "
        "again with the same key and input gives the first result, an unknown outcome included, "
        "and nothing is created twice. Kept for 24 hours: with the engine GATEWAY in the database "
        "that all processes share; with VENDOR in the memory of the process that answered, so a "
        "restart, or another worker process, does not know it.",
    )


@strawberry.input(
    description="Changes of a report: what is left out, or null, stays. Its type cannot change."
)
class UpdateCallReportInput:
    id: strawberry.ID = strawberry.field(description="The id of the report.")
    sources: list[strawberry.ID] | None = strawberry.field(default=None, description=_SOURCES)
    time_zone: str | None = strawberry.field(default=None, description=_ZONE)
    deliver: list[DeliveryInput] | None = strawberry.field(
        default=None, description=_DELIVER + " It takes the place of all that was there."
    )
    rerun_incomplete: bool | None = strawberry.field(default=None, description=_RERUN)
    name: str | None = strawberry.field(default=None, description=_NAME)
    email: str | None = strawberry.field(default=None, description=_EMAIL)
    format: CallReportFormat | None = strawberry.field(
        default=None, description="The kind of file it makes."
    )
    range: CallReportRangeInput | None = strawberry.field(
        default=None, description="The span of time it looks at."
    )
    cron_expression: str | None = strawberry.field(
        default=None, description=_CRON + "An empty text takes the schedule away."
    )
    filter: CallReportFilterInput | None = strawberry.field(
        default=None, description="Which calls it looks at; it must fit the report's type."
    )


@strawberry.input(description="A report to destroy. The files it made stay.")
class DestroyCallReportInput:
    id: strawberry.ID = strawberry.field(description="The id of the report.")


@strawberry.input(description="A report of this server to run once more, now.")
class RunCallReportInput:
    id: strawberry.ID = strawberry.field(description="The id of the report.")


@strawberry.input(description="A finished report to destroy, with its file.")
class DestroyCompletedCallReportInput:
    id: strawberry.ID = strawberry.field(description="The id of the finished report.")


# ---------------------------------------------------------------- what came of it


@strawberry.enum(description="What became of a write. It is sent once and never repeated by us.")
class WriteOutcome(Enum):
    DONE = value("DONE", "It is done.")
    REFUSED = value("REFUSED", "Nothing was done; `userErrors` say why.")
    OUTCOME_UNKNOWN = value(
        "OUTCOME_UNKNOWN",
        "It was sent, and the answer was lost: it may be done or not. `lookFor` says how to find "
        "out. Sending it again may do it twice.",
    )


@strawberry.enum(description="What is wrong with an input.")
class UserErrorCode(Enum):
    BLANK = value("BLANK", "Something must stand here.")
    TOO_LONG = value("TOO_LONG", "It has too many characters.")
    INVALID_EMAIL = value("INVALID_EMAIL", "It does not look like an e-mail address.")
    EMAIL_NOT_ALLOWED = value(
        "EMAIL_NOT_ALLOWED", "This server has reports sent to addresses of other domains only."
    )
    INVALID_CRON = value("INVALID_CRON", "It is no cron expression of five fields that runs.")
    INVALID_WINDOW = value("INVALID_WINDOW", "The window ends before it begins, or is empty.")
    WINDOW_REQUIRED = value("WINDOW_REQUIRED", "A CUSTOM span is asked for with `window`.")
    FILTER_MISMATCH = value("FILTER_MISMATCH", "The filter is one for other types of report.")
    VALUE_REQUIRED = value("VALUE_REQUIRED", "This kind needs a value.")
    VALUE_NOT_ALLOWED = value("VALUE_NOT_ALLOWED", "This kind takes no value.")
    INVALID_EXTENSION_RANGE = value(
        "INVALID_EXTENSION_RANGE", "It is neither an extension such as `101` nor `101-110`."
    )
    INVALID_NUMBER = value("INVALID_NUMBER", "It is no number, or not one of this length.")
    OUT_OF_RANGE = value("OUT_OF_RANGE", "It is too small or too large.")
    UNKNOWN_VALUE = value("UNKNOWN_VALUE", "UNKNOWN cannot be asked for.")
    NOTHING_TO_CHANGE = value("NOTHING_TO_CHANGE", "No change was given.")
    INVALID_TIME_ZONE = value("INVALID_TIME_ZONE", "There is no IANA zone of this name.")
    INVALID_ADDRESS = value("INVALID_ADDRESS", "Nothing can be sent to this address.")
    TOO_MANY = value("TOO_MANY", "There are more than may be.")
    NOT_FOUND = value("NOT_FOUND", "There is no such thing, or no longer.")
    UNSUPPORTED = value("UNSUPPORTED", "The source cannot do this.")
    IDEMPOTENCY_CONFLICT = value("IDEMPOTENCY_CONFLICT", "This key was used with another input.")
    SOURCE_REFUSED = value("SOURCE_REFUSED", "The phone system does not take it.")


@strawberry.type(description="Something that is wrong with an input.")
class UserError:
    field: str | None = strawberry.field(
        description="The field of the input, e.g. `filter.normal.caller.value`; null if it is the "
        "input as a whole."
    )
    message: str = strawberry.field(description="What is wrong, and what would be right.")
    code: UserErrorCode = strawberry.field(description="What is wrong, for programs.")


@strawberry.enum(description="Where the results of idempotency keys are kept.")
class IdempotencyStore(Enum):
    PROCESS = value(
        "PROCESS", "In the memory of this process: a restart or another process forgets them."
    )
    DATABASE = value("DATABASE", "In a database that all processes share.")


@strawberry.type(description="What became of an idempotency key.")
class Idempotency:
    key: str = strawberry.field(description="The key.")
    repeated: bool = strawberry.field(
        description="The result is that of an earlier request with this key; nothing was sent."
    )
    store: IdempotencyStore = strawberry.field(description="Where it is kept.")
    kept_until: datetime = strawberry.field(description="Until when it is kept.")


_ERRORS = "All that is wrong with the input; empty if nothing is."
_LOOK = "Where the outcome is unknown: how to find out. Null otherwise."


@strawberry.type(description="What became of creating a report.")
class CreateCallReportPayload:
    outcome: WriteOutcome = strawberry.field(description="What became of it.")
    user_errors: list[UserError] = strawberry.field(description=_ERRORS)
    look_for: str | None = strawberry.field(description=_LOOK)
    source: Source | None = strawberry.field(description="The source; null if there is none.")
    call_report: CallReport | None = strawberry.field(
        description="The report, read again after the write; null unless DONE."
    )
    idempotency: Idempotency | None = strawberry.field(
        description="What became of the idempotency key; null if none was given or used."
    )


@strawberry.type(description="What became of running a report once more.")
class RunCallReportPayload:
    outcome: WriteOutcome = strawberry.field(description="What became of it.")
    user_errors: list[UserError] = strawberry.field(description=_ERRORS)
    call_report: CallReport | None = strawberry.field(
        description="The report, whose first run is the new one; null unless DONE."
    )


@strawberry.type(description="What became of changing a report.")
class UpdateCallReportPayload:
    outcome: WriteOutcome = strawberry.field(description="What became of it.")
    user_errors: list[UserError] = strawberry.field(description=_ERRORS)
    look_for: str | None = strawberry.field(description=_LOOK)
    call_report: CallReport | None = strawberry.field(
        description="The report, read again after the write; null unless DONE."
    )


@strawberry.type(description="What became of destroying a report.")
class DestroyCallReportPayload:
    outcome: WriteOutcome = strawberry.field(description="What became of it.")
    user_errors: list[UserError] = strawberry.field(description=_ERRORS)
    look_for: str | None = strawberry.field(description=_LOOK)
    destroyed_id: strawberry.ID | None = strawberry.field(
        description="The id of what was destroyed; null unless DONE."
    )


@strawberry.type(description="What became of destroying a finished report.")
class DestroyCompletedCallReportPayload:
    outcome: WriteOutcome = strawberry.field(description="What became of it.")
    user_errors: list[UserError] = strawberry.field(description=_ERRORS)
    look_for: str | None = strawberry.field(description=_LOOK)
    destroyed_id: strawberry.ID | None = strawberry.field(
        description="The id of what was destroyed; null unless DONE."
    )
