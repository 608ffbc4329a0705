"""What VoipNow tells beyond the common fields."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import strawberry

from graph.types.call import VendorDetails
from graph.types.personal import PLAIN, Tells, tells

_LEG = " Of a whole call: of the leg that was answered last, else of the last one tried."
_LIVE = " Only told of calls that are still going on." + _LEG


@strawberry.type(
    description="What a VoipNow or Hubgets system tells of a call beyond the common fields."
)
class VoipnowDetails(VendorDetails):
    VENDOR_NAME: ClassVar[str] = "voipnow"

    owner_id: str | None = strawberry.field(
        description="The id of the account that owns the call, an organization as a rule."
    )
    owner_name: str | None = strawberry.field(description="The name of that account.")
    extension: str | None = strawberry.field(
        description="The extension that is charged for the call; it need not take part in it."
    )
    nonce: str | None = strawberry.field(
        metadata=PLAIN,
        description="Unique text that the system gave the call; it has no other meaning.",
    )
    link: str | None = strawberry.field(
        description="The address at which the system serves this call itself."
    )
    view_id: str | None = strawberry.field(
        metadata=PLAIN,
        description="The number of the leg within its call: `00`, `01` …" + _LEG,
    )
    view_extension: str | None = strawberry.field(
        description="The extension that the leg belongs to." + _LEG
    )
    flow_code: int | None = strawberry.field(
        description="The direction as the system's number: 2 inside the system, 4 to the public "
        "network, 8 from it." + _LEG
    )
    disposition_code: int | None = strawberry.field(
        description="How it ended as the system's number: 0 answered, 1 busy, 2 failed, 3 no "
        "answer, 4 unknown, 5 not allowed." + _LEG
    )
    duration_seconds: int | None = strawberry.field(
        description="Seconds as the system tells them; whether they include the ringing is not "
        "documented." + _LEG
    )
    caller_id: str | None = strawberry.field(
        description="The identity that was shown, written `Name <number>`." + _LEG
    )
    recording: str | None = strawberry.field(
        metadata=tells(Tells.ANYTHING, "recordings:read"),
        description="What marks a recording: `true`, `false` or a name." + _LEG,
    )
    status: int | None = strawberry.field(
        description="The stage of a call that is going on: 0 unknown, 1 off hook, 2 trying, 3 "
        "ringing, 4 ringing at the far side, 5 talking." + _LIVE
    )
    parked_at: datetime | None = strawberry.field(description="When it was parked." + _LIVE)
    parked_position: str | None = strawberry.field(
        metadata=PLAIN,
        description="The parking position it waits in." + _LIVE,
    )
    parked_by: str | None = strawberry.field(description="Who parked it." + _LIVE)
    on_hold_at: datetime | None = strawberry.field(description="When it was put on hold." + _LIVE)
    holder: str | None = strawberry.field(description="Who put it on hold." + _LIVE)
