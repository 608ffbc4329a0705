"""What Acme tells beyond the common fields."""

from typing import ClassVar

import strawberry

from graph.types.call import VendorDetails


@strawberry.type(description="What an Acme exchange tells beyond the common fields.")
class AcmeDetails(VendorDetails):
    VENDOR_NAME: ClassVar[str] = "acme"

    bell: str | None = strawberry.field(description="Which bell rang.")
