"""What every answer says about itself: how complete it is, and from whom."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import strawberry

from graph.types.call import CallLog, CallRecord
from graph.types.scalars import TimeWindow
from graph.types.source import Source


@strawberry.enum(description="How one source fared while an answer was made.")
class OutcomeState(Enum):
    OK = strawberry.enum_value("OK", description="It gave all it was asked for.")
    TIMEOUT = strawberry.enum_value("TIMEOUT", description="It did not answer in time.")
    UNAVAILABLE = strawberry.enum_value(
        "UNAVAILABLE", description="It could not be reached, or it is out of order."
    )
    THROTTLED = strawberry.enum_value(
        "THROTTLED", description="It wants fewer questions; see `retryAfterSeconds`."
    )
    REFUSED = strawberry.enum_value(
        "REFUSED",
        description="It refused the credentials, the rights or the address of this server. "
        "A person must act.",
    )
    REJECTED = strawberry.enum_value(
        "REJECTED",
        description="It says that the request is wrong, which is a fault of this server.",
    )
    MALFORMED = strawberry.enum_value(
        "MALFORMED", description="Its answer is not what its documentation says."
    )
    TRUNCATED = strawberry.enum_value(
        "TRUNCATED",
        description="Some of the window holds more than it can ever give; see `missing`.",
    )
    BUDGET = strawberry.enum_value(
        "BUDGET",
        description="A limit of this server (deadline, requests, rate) stopped the reading; "
        "`pageInfo.endCursor` goes on from there.",
    )
    UNSUPPORTED = strawberry.enum_value(
        "UNSUPPORTED", description="It has no data for a field the filter needs; it was not asked."
    )
    BREAKER_OPEN = strawberry.enum_value(
        "BREAKER_OPEN", description="It failed too often lately and is left in peace for a moment."
    )
    DISABLED = strawberry.enum_value(
        "DISABLED", description="Its settings cannot be used; it was not asked."
    )
    UNKNOWN = strawberry.enum_value("UNKNOWN", description="Not known.")


@strawberry.type(description="How one source fared while an answer was made.")
class Outcome:
    source: Source = strawberry.field(description="The source.")
    state: OutcomeState = strawberry.field(description="How it fared.")
    code: str | None = strawberry.field(
        description="The vendor's own error code, if it has a documented one."
    )
    message: str | None = strawberry.field(description="What happened, and what to do about it.")
    retryable: bool = strawberry.field(description="Asking again may help.")
    retry_after_seconds: int | None = strawberry.field(
        description="When asking again makes sense; null if not known."
    )
    records: int = strawberry.field(description="How many entries of this answer came from it.")
    skipped_records: int = strawberry.field(
        description="How many of its entries could not be understood and were left out."
    )
    requests: int = strawberry.field(description="How many requests it was sent.")
    retries: int = strawberry.field(description="How many of them were repeats.")
    elapsed_ms: int = strawberry.field(description="How long it took in all.")
    covered: TimeWindow | None = strawberry.field(
        description="The window for which its entries are all in this answer (or were before it); "
        "null: none."
    )
    missing: list[TimeWindow] = strawberry.field(
        description="The windows for which it owes entries."
    )
    settled_until: datetime | None = strawberry.field(
        description="Up to here its past is firm; later calls may still appear."
    )
    repair_cursor: str | None = strawberry.field(
        description="Pass it as `after` with the same filter: pages through exactly what this "
        "source owes. Null: it owes nothing that could be had."
    )


@strawberry.interface(description="Implemented by whatever says how complete it is.")
class Answer:
    complete: bool = strawberry.field(
        description="Every source asked gave everything, and nothing was left out."
    )
    window: TimeWindow = strawberry.field(
        description="The window this answer speaks of; without an end in the filter, it ends with "
        "the last whole second."
    )
    outcomes: list[Outcome] = strawberry.field(
        description="How each source fared. Sources that the filter rules out are not here."
    )


@strawberry.enum(description="How exact a count is.")
class CountRelation(Enum):
    EXACT = strawberry.enum_value("EXACT", description="Exactly so many.")
    AT_LEAST = strawberry.enum_value("AT_LEAST", description="So many, or more.")
    UNKNOWN = strawberry.enum_value("UNKNOWN", description="Not known.")


@strawberry.type(
    description="How many entries the whole list has. Nothing is read to find out: it is told only "
    "as far as the vendors tell."
)
class Count:
    value: int | None = strawberry.field(description="The number; null if not known.")
    relation: CountRelation = strawberry.field(description="How exact the number is.")


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Entries follow, or may follow.")
    has_previous_page: bool = strawberry.field(description="Entries come before, or may.")
    start_cursor: str | None = strawberry.field(
        description="Give it as `before` for the entries before this page."
    )
    end_cursor: str | None = strawberry.field(
        description="Give it as `after` for the entries after this page. It may be set on a page "
        "without entries: reading goes on from there."
    )


@strawberry.type(description="A call with its place in the list.")
class CallRecordEdge:
    cursor: str = strawberry.field(description="The place of this entry in the list.")
    node: CallRecord = strawberry.field(description="The call.")


@strawberry.type(description="One page of calls from all sources, in one order.")
class CallRecordConnection(Answer):
    edges: list[CallRecordEdge] = strawberry.field(description="The calls with their places.")
    nodes: list[CallRecord] = strawberry.field(description="The calls.")
    page_info: PageInfo = strawberry.field(description="Where this page stands in the list.")
    count: Count = strawberry.field(description="How many entries the whole list has.")


@strawberry.type(description="A call log entry with its place in the list.")
class CallLogEdge:
    cursor: str = strawberry.field(description="The place of this entry in the list.")
    node: CallLog = strawberry.field(description="The entry.")


@strawberry.type(description="One page of call log entries from all sources, in one order.")
class CallLogConnection(Answer):
    edges: list[CallLogEdge] = strawberry.field(description="The entries with their places.")
    nodes: list[CallLog] = strawberry.field(description="The entries.")
    page_info: PageInfo = strawberry.field(description="Where this page stands in the list.")
    count: Count = strawberry.field(description="How many entries the whole list has.")


@strawberry.enum(description="What a lookup found.")
class LookupState(Enum):
    FOUND = strawberry.enum_value("FOUND", description="The record is here.")
    NOT_READY = strawberry.enum_value(
        "NOT_READY", description="The vendor is still preparing it; see `retryAt`."
    )
    NOT_FOUND = strawberry.enum_value("NOT_FOUND", description="There is no such record.")
    UNKNOWN = strawberry.enum_value(
        "UNKNOWN", description="It could not be found out; `outcome` says why."
    )


@strawberry.type(description="What became of looking for one record.")
class CallRecordLookup:
    state: LookupState = strawberry.field(description="What was found.")
    record: CallRecord | None = strawberry.field(description="The record; null unless FOUND.")
    retry_at: datetime | None = strawberry.field(
        description="When looking again makes sense; null unless NOT_READY."
    )
    outcome: Outcome | None = strawberry.field(
        description="How the source fared; null if no source was asked."
    )
