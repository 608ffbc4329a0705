"""What VCC Live tells beyond the common fields."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

import strawberry
from strawberry.scalars import JSON

from graph.types.call import VendorDetails
from graph.types.personal import FREE, LABEL, PLAIN, Tells, tells

_LISTED = " VCC Live tells it in lists only; null in a single lookup."


@strawberry.type(description="What VCC Live tells of a call beyond the common fields.")
class VccliveDetails(VendorDetails):
    VENDOR_NAME: ClassVar[str] = "vcclive"

    short_id: str | None = strawberry.field(
        metadata=PLAIN,
        description="A short code of the call, for people.",
    )
    direction: str | None = strawberry.field(
        metadata=PLAIN,
        description="The direction in VCC Live's own word.",
    )
    project_id: str | None = strawberry.field(
        metadata=PLAIN,
        description="The project, that is the campaign, the call belongs to.",
    )
    project_name: str | None = strawberry.field(
        metadata=LABEL,
        description="The project's name." + _LISTED,
    )
    number_id: str | None = strawberry.field(
        description="The customer's record in the project's database."
    )
    user_id: str | None = strawberry.field(
        description="The user who had the call; `-1` is the system itself, without an agent."
    )
    queue_id: str | None = strawberry.field(
        metadata=PLAIN,
        description="The queue's id.",
    )
    billing_at: datetime | None = strawberry.field(
        description="When the billed time began: the called side, a menu or a queue picked up. "
        "Null if nobody and nothing did."
    )
    before_queue_seconds: int | None = strawberry.field(
        description="Seconds before the call was put into a queue, for instance in a menu."
    )
    prework_seconds: int | None = strawberry.field(
        description="Seconds the agent worked on the call before it."
    )
    afterwork_seconds: int | None = strawberry.field(
        description="Seconds the agent worked on the call after it."
    )
    work_seconds: int | None = strawberry.field(
        description="Seconds of the agent's work on the call altogether, the call included."
    )
    disposition_id: str | None = strawberry.field(
        metadata=PLAIN,
        description="What the call came to, as chosen in the project: the choice's id.",
    )
    disposition_label: str | None = strawberry.field(
        metadata=LABEL,
        description="That choice's name." + _LISTED,
    )
    disposition_export_name: str | None = strawberry.field(
        metadata=LABEL,
        description="That choice's name in exports." + _LISTED,
    )
    disposition_reach: int | None = strawberry.field(
        description="What the call came to as business: 1 the customer was not reached, 2 reached, "
        "3 successful. It is an agent's or dialler's verdict: a call with a conversation may be 1."
    )
    disposition_reach_label: str | None = strawberry.field(
        metadata=PLAIN,
        description="The same in words." + _LISTED,
    )
    disposition_status: int | None = strawberry.field(
        description="The kind of that choice, as a number without a published meaning."
    )
    disposition_status_label: str | None = strawberry.field(
        metadata=PLAIN,
        description="The same in words, such as `callback` or `answering machine`." + _LISTED,
    )
    disposition_comment: str | None = strawberry.field(
        metadata=FREE,
        description="The agent's note.",
    )
    hangup_disposition: str | None = strawberry.field(
        metadata=PLAIN,
        description="Who hung up, in VCC Live's own word: `customer` or `operator`.",
    )
    dc: str | None = strawberry.field(
        metadata=PLAIN,
        description="The disconnect cause as sent.",
    )
    dialer_mode: int | None = strawberry.field(
        description="How the number was dialled, as a number without a published meaning."
    )
    dialer_mode_label: str | None = strawberry.field(
        metadata=PLAIN,
        description="The same in words, such as `Power`." + _LISTED,
    )
    call_quantity: Decimal | None = strawberry.field(
        description="How much is billed; by all that is seen, in minutes."
    )
    call_rate: Decimal | None = strawberry.field(description="The rate it is billed at.")
    total_fee: Decimal | None = strawberry.field(
        description="The fee; computed after the call, so it may be null at first."
    )
    currency: str | None = strawberry.field(
        metadata=PLAIN,
        description="The currency of rate and fee.",
    )
    price_tag: str | None = strawberry.field(
        metadata=PLAIN,
        description="The tariff, such as `hu-out-mobile`.",
    )
    vcc_score: str | None = strawberry.field(
        metadata=PLAIN,
        description="The score of VCC Live's call analysis.",
    )
    special: bool | None = strawberry.field(description="It is marked as a special entry.")
    next_contact_at: datetime | None = strawberry.field(
        description="When the customer is to be called again; null if not planned."
    )
    call_file_name: str | None = strawberry.field(
        metadata=tells(Tells.ANYTHING, "recordings:read"),
        description="The name of the voice file, also if it was thrown away.",
    )
    status_archived: str | None = strawberry.field(
        metadata=tells(Tells.NOTHING, "recordings:read"),
        description="Whether the voice file is archived, in VCC Live's own word: `yes` or `no`.",
    )
    last_archived_at: datetime | None = strawberry.field(
        metadata=tells(Tells.NOTHING, "recordings:read"),
        description="When the voice file was last archived; null if never.",
    )
    trash_user_id: str | None = strawberry.field(
        metadata=tells(Tells.PERSON, "recordings:read"),
        description="The user who moved the voice file to the trash; null if nobody did.",
    )
    deleted_user_id: str | None = strawberry.field(
        metadata=tells(Tells.PERSON, "recordings:read"),
        description="The user who deleted the voice file; null if nobody did.",
    )
    custom_fields: JSON | None = strawberry.field(
        description="The project's own fields chosen for its calls, by name; empty if there are "
        "none."
    )
