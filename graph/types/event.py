"""What subscriptions tell."""

from __future__ import annotations

from enum import Enum

import strawberry

from graph.types.call import CallRecord


@strawberry.enum(description="What happened to a call record.")
class EventKind(Enum):
    ADDED = strawberry.enum_value("ADDED", description="It appeared.")
    CORRECTED = strawberry.enum_value(
        "CORRECTED", description="It had appeared before, and its phone system changed it since."
    )
    UNKNOWN = strawberry.enum_value("UNKNOWN", description="Not known.")


@strawberry.type(
    description="A call record that appeared or was corrected. Each is told at least once; after "
    "an interruption some may be told again."
)
class CallRecordEvent:
    kind: EventKind = strawberry.field(description="What happened.")
    cursor: str = strawberry.field(
        description="Give it as `after` to go on from here after an interruption."
    )
    record: CallRecord = strawberry.field(description="The record as it is now.")
