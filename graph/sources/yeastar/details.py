"""What Yeastar tells beyond the common fields."""

from __future__ import annotations

from typing import ClassVar

import strawberry

from graph.types.call import VendorDetails
from graph.types.personal import FREE, LABEL, PLAIN


@strawberry.type(
    description="What a Yeastar P-Series PBX tells of one hop of a call beyond the common fields; "
    "for a whole call, of the hop that decided how it ended."
)
class YeastarDetails(VendorDetails):
    VENDOR_NAME: ClassVar[str] = "yeastar"

    sequence_number: str | None = strawberry.field(
        metadata=PLAIN,
        description="The row's number on this PBX (`id`); newer firmware has none.",
    )
    new_id: str | None = strawberry.field(
        metadata=PLAIN,
        description="The row's own id on newer firmware, two groups of hexadecimal digits.",
    )
    uid: str | None = strawberry.field(
        metadata=PLAIN,
        description="The local start as digits and five more characters. Unique for each row on "
        "older firmware, shared by all hops of a call on newer.",
    )
    call_id: str | None = strawberry.field(
        metadata=PLAIN,
        description="The call's id on newer firmware, shared by all its hops; also in the PBX's "
        "event at the end of a call.",
    )
    time: str | None = strawberry.field(
        metadata=PLAIN,
        description="The start as the PBX displays it: its own local time, in the date and clock "
        "format that its administrator chose.",
    )
    call_from: str | None = strawberry.field(
        description="The calling side as displayed: `Name<number>`, a number, or a system label."
    )
    call_to: str | None = strawberry.field(
        description="The called side as displayed: `Name<number>`, a number, or a system label "
        "such as `Queue Sales<6400>`."
    )
    src_addr: str | None = strawberry.field(
        description="The IP address of the caller's device, where it is told."
    )
    talk_duration_seconds: int | None = strawberry.field(
        description="Seconds from answer to end as told, a mailbox's or menu's included; null if "
        "not told. The hops of one call repeat each other, so these are never added."
    )
    disposition: str | None = strawberry.field(
        metadata=PLAIN,
        description="How this hop ended, in Yeastar's own word, e.g. `NO ANSWER`.",
    )
    call_type: str | None = strawberry.field(
        metadata=PLAIN,
        description="`Inbound`, `Outbound` or `Internal`, as labelled, which can be wrong.",
    )
    reason: str | None = strawberry.field(
        description="Who or what ended it, in Yeastar's own words, e.g. `dst hangup`."
    )
    did: str | None = strawberry.field(
        description="An undocumented field of newer firmware about the number dialled; several "
        "values are joined by commas."
    )
    did_name: str | None = strawberry.field(
        metadata=LABEL,
        description="The name given to the number that the caller dialled.",
    )
    pin_code: str | None = strawberry.field(
        metadata=FREE,
        description="The PIN that was keyed in to be allowed to call out.",
    )
    call_note_id: str | None = strawberry.field(
        metadata=PLAIN,
        description="The id of the note on this call.",
    )
    enb_call_note: bool | None = strawberry.field(
        description="Whether notes can be taken on this call."
    )
