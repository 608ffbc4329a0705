"""What Voicenter tells beyond the common fields."""

from __future__ import annotations

from typing import ClassVar

import strawberry
from strawberry.scalars import JSON

from graph.types.call import VendorDetails
from graph.types.personal import PLAIN
from graph.types.scalars import Long


@strawberry.type(description="What Voicenter tells of a call beyond the common fields.")
class VoicenterDetails(VendorDetails):
    VENDOR_NAME: ClassVar[str] = "voicenter"

    type: str | None = strawberry.field(
        metadata=PLAIN,
        description="What kind of entry it is, in Voicenter's own word, e.g. `Click2Call leg2`.",
    )
    cdr_type: int | None = strawberry.field(
        description="The same as Voicenter's number, e.g. 10; null in version 0.1."
    )
    dial_status: str | None = strawberry.field(
        metadata=PLAIN,
        description="How it ended, in Voicenter's own word, e.g. `NOANSWER`.",
    )
    dial_status2: str | None = strawberry.field(
        metadata=PLAIN,
        description="A second such word, told by version 0.1 alone and not explained by Voicenter.",
    )
    date_epoch: Long | None = strawberry.field(
        description="When it began as Voicenter counts it, in seconds since 1970; `startedAt` is "
        "to be trusted."
    )
    duration_seconds: int | None = strawberry.field(
        description="The length as Voicenter tells it; of a call through a queue it holds the "
        "waiting too."
    )
    target_prefix_name: str | None = strawberry.field(
        metadata=PLAIN,
        description="The country or network that was called, e.g. `Israel Mobile`.",
    )
    representative_code: str | None = strawberry.field(
        description="The code of the agent, as the company gave it."
    )
    user_name: str | None = strawberry.field(description="The name of the user account.")
    user_id: str | None = strawberry.field(description="Voicenter's id of the user account.")
    department_id: str | None = strawberry.field(
        metadata=PLAIN,
        description="Voicenter's id of the department that `account` names.",
    )
    dtmf_data: JSON | None = strawberry.field(
        description="What the caller chose in voice menus, in order: a list of objects with the "
        "texts `layerName` and `layerNumber` of the menu, and `dtmf`, the key that was pressed."
    )
    custom_data: JSON | None = strawberry.field(
        description="Free data of the call as an object of texts. `OriginalIvrUniqueID` in it is "
        "the id of the call that this one was transferred from."
    )
