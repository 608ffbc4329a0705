"""What PortSIP tells beyond the common fields."""

from __future__ import annotations

from typing import ClassVar

import strawberry

from graph.types.call import VendorDetails
from graph.types.personal import FREE, LABEL, PLAIN


@strawberry.type(description="What a PortSIP PBX tells of a call beyond the common fields.")
class PortsipDetails(VendorDetails):
    VENDOR_NAME: ClassVar[str] = "portsip"

    call_id: str | None = strawberry.field(
        metadata=FREE,
        description="The SIP Call-ID of the INVITE that reached the PBX.",
    )
    direction: str | None = strawberry.field(
        metadata=PLAIN,
        description="The direction in PortSIP's own word.",
    )
    end_reason: str | None = strawberry.field(
        metadata=PLAIN,
        description="Why it ended, in PortSIP's own word, e.g. `CALLER_DISCONNECTED`.",
    )
    reroute_reason: str | None = strawberry.field(
        metadata=PLAIN,
        description="Why it was sent elsewhere, in PortSIP's own word, e.g. `QUEUE_ABANDONED`.",
    )
    status_code: int | None = strawberry.field(
        description="0 for no error, otherwise the SIP failure code."
    )
    destination: str | None = strawberry.field(
        description="The SIP address that was rung, where it is told."
    )
    service_number: str | None = strawberry.field(
        metadata=LABEL,
        description="The number of the queue, ring group or menu that served the call.",
    )
    user_data: str | None = strawberry.field(
        metadata=FREE,
        description="The free text as stored, which since 22.2.11 may be "
        "`user-data=<text>;service-number=<number>`.",
    )
