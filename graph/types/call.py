"""A call and a leg of a call, as every vendor's entries are told.

Vendors' conversions fill these types and set only what was asked for, so an attribute is a value,
None (there is none), a SourceError (it could not be had), or absent (nobody asked).
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Any, ClassVar

import strawberry
from strawberry.scalars import JSON

from graph.types.personal import FREE, LABEL, PLAIN, Tells, tells
from graph.types.scalars import Money
from graph.types.source import Source


@strawberry.interface(description="Anything that can be asked for again by its id.")
class Node:
    id: strawberry.ID = strawberry.field(
        description="Opaque, and good for ever: it survives restarts. Give it to `node`."
    )


def _value(value: str, description: str) -> str:
    chosen: str = strawberry.enum_value(value, description=description)  # type: ignore[assignment]
    return chosen


class Word(Enum):
    """An enum whose members are hashed as the single objects they are.

    Enum's own hash is Python code, and these are looked up for every row.
    """

    __hash__ = object.__hash__


@strawberry.enum(description="What one entry of a list stands for.")
class CallUnit(Word):
    CALL = _value("CALL", "A whole call, from the first ring to the last hang-up.")
    LEG = _value(
        "LEG",
        "One hop of a call: through a menu, a queue, a phone. One call may have many.",
    )
    UNKNOWN = _value("UNKNOWN", "The system does not say.")


@strawberry.enum(description="Which way a call went, as the phone system sees it.")
class CallDirection(Word):
    INBOUND = _value("INBOUND", "From outside to somebody of the company.")
    OUTBOUND = _value("OUTBOUND", "From somebody of the company to the outside.")
    INTERNAL = _value("INTERNAL", "Between two extensions of the system.")
    TRANSIT = _value("TRANSIT", "From outside to outside, through the system.")
    UNKNOWN = _value("UNKNOWN", "The system does not say, or in a word not known here.")


@strawberry.enum(description="How a call ended.")
class CallDisposition(Word):
    ANSWERED = _value("ANSWERED", "Somebody, or something, answered and there was a connection.")
    NO_ANSWER = _value("NO_ANSWER", "It rang and nobody answered.")
    BUSY = _value("BUSY", "The called party was busy.")
    FAILED = _value("FAILED", "It could not be put through.")
    CANCELLED = _value("CANCELLED", "The caller hung up before an answer.")
    REJECTED = _value("REJECTED", "The called party refused it.")
    VOICEMAIL = _value("VOICEMAIL", "A voice mailbox took it.")
    ABANDONED = _value("ABANDONED", "The caller gave up while waiting in a queue or a menu.")
    NOT_ALLOWED = _value("NOT_ALLOWED", "The system did not permit it.")
    UNKNOWN = _value("UNKNOWN", "The system does not say, or in a word not known here.")


@strawberry.enum(
    description="Who picked up. A menu or mailbox that picks up is no answered call for a human."
)
class AnsweredBy(Word):
    PERSON = _value("PERSON", "A person, as far as the system can tell.")
    MACHINE = _value("MACHINE", "A menu, an announcement, a mailbox or a fax.")
    NOBODY = _value("NOBODY", "Nobody picked up.")
    UNKNOWN = _value("UNKNOWN", "Somebody or something picked up; the system does not say which.")


@strawberry.enum(description="Who ended a call.")
class HangupParty(Enum):
    CALLER = _value("CALLER", "The calling party.")
    CALLEE = _value("CALLEE", "The called party.")
    SYSTEM = _value("SYSTEM", "The phone system.")
    UNKNOWN = _value("UNKNOWN", "The system does not say, or in a word not known here.")


@strawberry.type(
    description="One side of a call. Without the scope `numbers:clear` each of these is a "
    "pseudonym: equal for equal numbers and names, in all sources and answers."
)
class Party:
    number: str | None = strawberry.field(
        description="The number, or the extension, as the vendor writes it; null if withheld."
    )
    e164: str | None = strawberry.field(
        description="The number in international form with `+` (ITU-T E.164); null if it is none "
        "or if its country cannot be told."
    )
    extension: str | None = strawberry.field(
        description="The internal extension, if this side is one."
    )
    name: str | None = strawberry.field(description="The name shown for this side.")
    domain: str | None = strawberry.field(
        description="The SIP domain or host of this side, if the vendor tells it."
    )


@strawberry.type(description="How and by whom a call was ended.")
class Hangup:
    cause: int | None = strawberry.field(
        description="The release cause of ITU-T Q.850: 16 normal, 17 busy, 19 no answer …"
    )
    sip_code: int | None = strawberry.field(
        description="The SIP failure code, such as 486; null if the call did not fail."
    )
    party: HangupParty = strawberry.field(description="Who hung up.")
    reason: str | None = strawberry.field(
        metadata=FREE,
        description="The reason in the vendor's own words.",
    )


@strawberry.type(
    description="What is known of a call's recording. It needs the scope `recordings:read`; name "
    "and address need `numbers:clear`, too, and are null without."
)
class Recording:
    name: str | None = strawberry.field(
        metadata=FREE,
        description="The name of the recording file.",
    )
    url: str | None = strawberry.field(
        metadata=FREE,
        description="Where the vendor serves it; reaching it may need that vendor's sign-in.",
    )
    expected: bool = strawberry.field(
        description="A recording should exist; false if one was only possible."
    )


@strawberry.interface(
    description="What one vendor tells beyond the common fields, in that vendor's terms. "
    "Use `... on` with the vendor's own type. Without the scope `numbers:clear` texts that may "
    "name somebody are pseudonyms or null."
)
class VendorDetails:
    vendor: str = strawberry.field(
        metadata=PLAIN,
        description="The vendor's name, e.g. `yeastar`.",
    )


_LATE = " It may need a further request to the vendor for each entry."


class Kept:
    """What several callers may share.

    `written` is what the compiled selection `written_by` made of this, for whoever selects the same
    again.
    """

    written: ClassVar[Any] = None
    written_by: ClassVar[object] = None


@strawberry.interface(description="What a call and a leg of a call have in common.")
class Call(Node, Kept):
    id: strawberry.ID = strawberry.field(
        description="Opaque, and good for ever: it survives restarts. Give it to `node`."
    )
    source: Source = strawberry.field(description="The phone system that told of it.")
    native_id: str = strawberry.field(
        metadata=PLAIN,
        description="The vendor's own id of this entry.",
    )
    call_key: str = strawberry.field(
        metadata=PLAIN,
        description="Equal for all entries of one call within its source.",
    )
    unit: CallUnit = strawberry.field(description="Whether this entry is a whole call or a leg.")
    caller: Party = strawberry.field(description="The side that called.")
    callee: Party = strawberry.field(
        description="The side that was reached, or that was tried last."
    )
    direction: CallDirection = strawberry.field(description="Which way it went.")
    disposition: CallDisposition = strawberry.field(description="How it ended.")
    answered_by: AnsweredBy = strawberry.field(description="Who picked up.")
    started_at: datetime = strawberry.field(description="When it began; lists are sorted by this.")
    ringing_at: datetime | None = strawberry.field(
        description="When it began to ring; null if not told."
    )
    answered_at: datetime | None = strawberry.field(
        description="When it was answered; null if it was not, or if not told."
    )
    ended_at: datetime | None = strawberry.field(description="When it ended; null if not told.")
    total_seconds: int | None = strawberry.field(
        description="Seconds from start to end; null if not told."
    )
    ring_seconds: int | None = strawberry.field(
        description="Seconds of ringing before the answer or the end; null if not told."
    )
    talk_seconds: int | None = strawberry.field(
        description="Seconds of conversation; 0 if there was none, null if not told."
    )
    hold_seconds: int | None = strawberry.field(
        description="Seconds on hold; null if the vendor does not tell."
    )
    queue_seconds: int | None = strawberry.field(
        description="Seconds of waiting in a queue; null if the vendor does not tell."
    )
    billed_seconds: int | None = strawberry.field(
        description="Seconds that the vendor charges for; null if it does not tell."
    )
    trunk_in: str | None = strawberry.field(
        metadata=LABEL,
        description="The trunk an inbound call came in on.",
    )
    trunk_out: str | None = strawberry.field(
        metadata=LABEL,
        description="The trunk an outbound call went out on.",
    )
    did: str | None = strawberry.field(
        description="The company's own number that an outside caller dialled."
    )
    shown_number: str | None = strawberry.field(
        description="The number shown to the called party of an outbound call."
    )
    queue: str | None = strawberry.field(
        metadata=LABEL,
        description="The queue the call waited in.",
    )
    agent: str | None = strawberry.field(description="The agent who took or made the call.")
    hangup: Hangup | None = strawberry.field(
        description="How and by whom it was ended; null if nothing is told."
    )
    cost: Money | None = strawberry.field(
        description="What the vendor charged for it; null if not told." + _LATE
    )
    account: str | None = strawberry.field(description="The account it was charged to." + _LATE)
    recording: Recording | None = strawberry.field(
        metadata=tells(Tells.ANYTHING, "recordings:read"),
        description="Its recording; null if none.",
    )
    user_data: str | None = strawberry.field(
        metadata=FREE,
        description="Free text that an application attached to the call.",
    )
    details: VendorDetails | None = strawberry.field(
        description="Everything else the vendor tells, in its own terms."
    )
    raw: JSON | None = strawberry.field(
        metadata=tells(Tells.ANYTHING, "raw:read", "numbers:clear"),
        description="The entry exactly as the vendor sent it. Asking for it makes the vendor send "
        "every field. It needs the scopes `raw:read` and `numbers:clear`.",
    )


@strawberry.type(
    description="One call (or, with `unit: LEG`, one leg) as its phone system's call detail "
    "records tell it."
)
class CallRecord(Call):
    logs: list[Annotated[CallLog, strawberry.lazy("graph.types.call")]] | None = strawberry.field(
        description="The legs of the call in the order they began." + _LATE
    )

    def __repr__(self) -> str:
        return f"CallRecord({getattr(self, 'native_id', '?')})"


@strawberry.type(description="One entry of a call log, usually one leg of a call.")
class CallLog(Call):
    session_id: str | None = strawberry.field(
        metadata=PLAIN,
        description="The vendor's id of the call (the session) this leg belongs to.",
    )
    record: CallRecord | None = strawberry.field(
        description="The whole call this leg belongs to." + _LATE
    )

    def __repr__(self) -> str:
        return f"CallLog({getattr(self, 'native_id', '?')})"
