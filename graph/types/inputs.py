"""What callers give: filters, orders, options, references."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import strawberry

from graph.types.call import CallDirection, CallDisposition
from graph.types.scalars import IntRange
from graph.types.vendor import Vendor


def camel(name: str) -> str:
    """A name as the schema spells it"""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


CONDITIONS = (
    "number", "caller", "callee", "extension", "direction", "disposition", "talk_seconds",
    "total_seconds", "trunk", "did", "queue", "agent", "has_recording", "call_key", "answered",
    "saved", "search", "account", "identity",
)  # fmt: skip
"""the conditions of a filter, apart from the window and the choice of sources"""

_NUMBERS = (
    "Whole numbers in any usual form, or a prefix with a trailing `*`: `+4930*`. Without the scope "
    "`numbers:clear`: whole pseudonyms, as answers give them."
)


@strawberry.enum(description="The order of a list of calls.")
class CallOrder(Enum):
    NEWEST_FIRST = strawberry.enum_value("NEWEST_FIRST", description="The latest start first.")
    OLDEST_FIRST = strawberry.enum_value("OLDEST_FIRST", description="The earliest start first.")


@strawberry.enum(description="What to do if not every source could answer.")
class OnPartial(Enum):
    RETURN = strawberry.enum_value(
        "RETURN", description="Give what there is; `outcomes` says what is missing."
    )
    FAIL = strawberry.enum_value("FAIL", description="Answer with an error instead.")


@strawberry.input(description="A condition that only one source understands.")
class SourceCondition:
    source: strawberry.ID = strawberry.field(description="The id of the source.")
    search: str | None = strawberry.field(
        default=None, description="Free text; what matches is that vendor's choice (PortSIP)."
    )
    account: str | None = strawberry.field(
        default=None, description="The account whose calls are wanted (VoipNow: a user id)."
    )
    identity: str | None = strawberry.field(
        default=None,
        description="Whose calls are wanted (Voicenter IdentityCriteria: Account, Hierarchical, "
        "Department or User).",
    )


@strawberry.input(
    description="Which calls are wanted. Every condition given must hold; of a list of values any "
    "one may hold. Without conditions: all calls."
)
class CallFilter:
    sources: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Only these sources, by their ids in the configuration."
    )
    vendors: list[Vendor] | None = strawberry.field(
        default=None, description="Only sources of these vendors."
    )
    since: datetime | None = strawberry.field(
        default=None, description="Calls that began at this moment or later."
    )
    until: datetime | None = strawberry.field(
        default=None, description="Calls that began before this moment."
    )
    answered_since: datetime | None = strawberry.field(
        default=None, description="Calls answered at this moment or later."
    )
    answered_until: datetime | None = strawberry.field(
        default=None, description="Calls answered before this moment."
    )
    saved_since: datetime | None = strawberry.field(
        default=None,
        description="Calls that the vendor stored at this moment or later. Only VoipNow knows; "
        "its word is taken unchecked.",
    )
    saved_until: datetime | None = strawberry.field(
        default=None,
        description="Calls that the vendor stored before this moment. Only VoipNow knows; "
        "its word is taken unchecked.",
    )
    number: list[str] | None = strawberry.field(
        default=None, description="Caller or callee. " + _NUMBERS
    )
    caller: list[str] | None = strawberry.field(
        default=None, description="The calling side. " + _NUMBERS
    )
    callee: list[str] | None = strawberry.field(
        default=None, description="The called side. " + _NUMBERS
    )
    extension: list[str] | None = strawberry.field(
        default=None, description="The internal extension of either side, or a prefix with `*`."
    )
    direction: list[CallDirection] | None = strawberry.field(
        default=None, description="Which way the call went."
    )
    disposition: list[CallDisposition] | None = strawberry.field(
        default=None, description="How the call ended."
    )
    talk_seconds: IntRange | None = strawberry.field(
        default=None, description="Seconds of conversation."
    )
    total_seconds: IntRange | None = strawberry.field(
        default=None, description="Seconds from start to end."
    )
    trunk: list[str] | None = strawberry.field(
        default=None, description="The trunk it came in or went out on, or a prefix with `*`."
    )
    did: list[str] | None = strawberry.field(
        default=None, description="The company's number that was dialled. " + _NUMBERS
    )
    queue: list[str] | None = strawberry.field(
        default=None, description="The queue, or a prefix with `*`."
    )
    agent: list[str] | None = strawberry.field(
        default=None, description="The agent, or a prefix with `*`."
    )
    has_recording: bool | None = strawberry.field(
        default=None, description="Whether there is a recording."
    )
    call_key: list[str] | None = strawberry.field(
        default=None, description="The `callKey` of the calls wanted."
    )
    per_source: list[SourceCondition] | None = strawberry.field(
        default=None, description="Conditions that only one source understands."
    )


@strawberry.input(description="How a question is to be answered.")
class AskOptions:
    deadline_ms: int | None = strawberry.field(
        default=None,
        description="Milliseconds until the answer must be there; at most the server's own.",
    )
    max_requests: int | None = strawberry.field(
        default=None, description="How many requests to vendors this question may cost at most."
    )
    on_partial: OnPartial = strawberry.field(
        default=OnPartial.RETURN, description="What to do if not every source could answer."
    )
    explain: bool = strawberry.field(
        default=False, description="Add `extensions.plan`: what was asked of whom, and why."
    )
    dry_run: bool = strawberry.field(
        default=False, description="Plan only, and ask nobody; implies `explain`."
    )


@strawberry.input(description="A record as its phone system calls it, e.g. from a webhook.")
class NativeCallRef:
    source: strawberry.ID = strawberry.field(description="The id of the source.")
    native_id: str = strawberry.field(description="The vendor's own id of the record.")
    started_at: datetime | None = strawberry.field(
        default=None,
        description="When the call began, as well as is known. VCC Live needs at least its month.",
    )


@strawberry.input(one_of=True, description="One record: by its id here, or by the vendor's own.")
class CallRecordRef:
    id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The id of the record here."
    )
    native: NativeCallRef | None = strawberry.field(
        default=strawberry.UNSET, description="The record as its phone system calls it."
    )
