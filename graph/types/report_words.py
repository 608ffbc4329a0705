"""The words of reports: closed sets that definitions, files and capabilities share."""

from __future__ import annotations

from enum import Enum

import strawberry


def value(text: str, description: str) -> str:
    chosen: str = strawberry.enum_value(text, description=description)  # type: ignore[assignment]
    return chosen


_UNHEARD = (
    "The system says it in a word not known here; see the field of the same name with `native`."
)


@strawberry.enum(description="What a report is about.")
class CallReportType(Enum):
    NORMAL = value("NORMAL", "The calls themselves, one line for each.")
    EXTENSION_GROUP_CALL_COST = value(
        "EXTENSION_GROUP_CALL_COST", "What calls cost, by group of extensions."
    )
    QUEUE_PERFORMANCE = value("QUEUE_PERFORMANCE", "How queues and their agents perform.")
    QUEUE_DETAILED_STATISTICS = value(
        "QUEUE_DETAILED_STATISTICS", "Calls offered, answered and lost, by queue, in detail."
    )
    QUEUE_ABANDONED_CALLS = value(
        "QUEUE_ABANDONED_CALLS", "Calls whose caller gave up while waiting in a queue."
    )
    QUEUE_SLA_STATISTICS = value(
        "QUEUE_SLA_STATISTICS", "How many calls were answered within a queue's promised time."
    )
    QUEUE_BREACHES_SLA_STATISTICS = value(
        "QUEUE_BREACHES_SLA_STATISTICS", "The calls that were not answered within that time."
    )
    QUEUE_CALLBACKS = value("QUEUE_CALLBACKS", "Callers in a queue who asked to be called back.")
    QUEUE_FAILED_CALLBACKS = value(
        "QUEUE_FAILED_CALLBACKS", "Call-backs that did not reach the caller."
    )
    TEAM_QUEUE_GENERAL_STATISTICS = value(
        "TEAM_QUEUE_GENERAL_STATISTICS", "Figures of all queues of a team together."
    )
    RING_GROUP_STATISTICS = value("RING_GROUP_STATISTICS", "Calls to groups that ring together.")
    UNKNOWN = value("UNKNOWN", _UNHEARD)


@strawberry.enum(description="Who runs a report.")
class ReportEngine(Enum):
    VENDOR = value("VENDOR", "The phone system, with a report engine of its own.")
    GATEWAY = value("GATEWAY", "This server, over the calls of any number of phone systems.")


@strawberry.enum(description="The kind of file a report makes.")
class CallReportFormat(Enum):
    CSV = value("CSV", "A table as text, for spreadsheets.")
    HTML = value("HTML", "A page for people.")
    JSON_LINES = value(
        "JSON_LINES", "One JSON object a line, for programs. Only reports of this server have it."
    )
    UNKNOWN = value("UNKNOWN", _UNHEARD)


@strawberry.enum(description="The span of time a report looks at, counted from the day it runs.")
class CallReportPreset(Enum):
    TODAY = value("TODAY", "The day on which the report runs.")
    YESTERDAY = value("YESTERDAY", "The day before.")
    LAST_WEEK = value("LAST_WEEK", "The week before the one in which the report runs.")
    LAST_SEVEN_DAYS = value("LAST_SEVEN_DAYS", "The seven days before.")
    LAST_MONTH = value("LAST_MONTH", "The month before the one in which the report runs.")
    LAST_THIRTY_DAYS = value("LAST_THIRTY_DAYS", "The thirty days before.")
    CUSTOM = value("CUSTOM", "A window of its own. To ask for it, give `window`.")
    UNKNOWN = value("UNKNOWN", _UNHEARD)


@strawberry.enum(description="Where a report stands.")
class CallReportStatus(Enum):
    RUNNING = value("RUNNING", "It is being made, or waits to be.")
    SCHEDULED = value("SCHEDULED", "It rests until its next run.")
    ABORTED = value("ABORTED", "Its run failed; no file comes of it.")
    UNKNOWN = value("UNKNOWN", _UNHEARD)


@strawberry.enum(description="Which callers, or which callees, a report looks at.")
class ReportPartyKind(Enum):
    ANY = value("ANY", "All.")
    EXTENSION_OR_EXTENSION_RANGE = value(
        "EXTENSION_OR_EXTENSION_RANGE", "An extension such as `101`, or a range: `101-110`."
    )
    NUMBER = value("NUMBER", "This number.")
    NUMBERS_START_WITH = value("NUMBERS_START_WITH", "Numbers that begin so.")
    NUMBERS_CONTAIN = value("NUMBERS_CONTAIN", "Numbers that contain this.")
    INTERNAL_EXTENSIONS = value("INTERNAL_EXTENSIONS", "All extensions of the system.")
    EXTERNAL_NUMBERS = value("EXTERNAL_NUMBERS", "All numbers outside the system.")


_VALUED = frozenset(
    {
        ReportPartyKind.EXTENSION_OR_EXTENSION_RANGE,
        ReportPartyKind.NUMBER,
        ReportPartyKind.NUMBERS_START_WITH,
        ReportPartyKind.NUMBERS_CONTAIN,
    }
)


def takes_value(kind: ReportPartyKind) -> bool:
    """The kind says nothing without a value"""
    return kind in _VALUED


@strawberry.enum(description="Whether a report looks at answered calls.")
class ReportAnswerState(Enum):
    ANY = value("ANY", "At all calls.")
    ANSWERED = value("ANSWERED", "At answered calls only.")
    NOT_ANSWERED = value("NOT_ANSWERED", "At calls that nobody answered only.")


@strawberry.enum(description="Which duration of a call a report looks at.")
class ReportDurationKind(Enum):
    ANY = value("ANY", "None: calls of every length.")
    RING_DURATION = value("RING_DURATION", "The time it rang.")
    TALK_DURATION = value("TALK_DURATION", "The time of conversation.")


@strawberry.enum(description="Which calls are charged, by where they go.")
class ReportCallKind(Enum):
    ANY = value("ANY", "All.")
    LOCAL = value("LOCAL", "Local calls.")
    NATIONAL = value("NATIONAL", "Calls within the country.")
    INTERNATIONAL = value("INTERNATIONAL", "Calls to other countries.")
    MOBILE = value("MOBILE", "Calls to mobile phones.")
