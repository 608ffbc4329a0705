"""Scalars, and the small values that several nouns share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

Long = NewType("Long", int)


def _write_instant(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")


def _read_instant(text: object) -> datetime:
    if not isinstance(text, str):
        raise GraphQLError("a DateTime is written as text, e.g. 2026-03-01T08:00:00Z")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise GraphQLError(
            f"{text[:40]!r} is no DateTime: write it like 2026-03-01T08:00:00Z"
        ) from None
    if moment.tzinfo is None:
        raise GraphQLError(f"{text[:40]!r} has no zone: end it with Z or an offset such as +01:00")
    return moment.astimezone(UTC)


def _read_long(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise GraphQLError("a Long is a whole number")
    try:
        number = int(value)
    except ValueError:
        raise GraphQLError(f"{str(value)[:40]!r} is no whole number") from None
    if not -(2**63) <= number < 2**63:
        raise GraphQLError("a Long has at most 64 bits")
    return number


def _write_decimal(amount: Decimal) -> str:
    return format(amount, "f")


SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment, RFC 3339 with a zone; answers are always in UTC: "
        "`2026-03-01T08:00:00Z`.",
        serialize=_write_instant,
        parse_value=_read_instant,
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
    ),
    Long: strawberry.scalar(
        name="Long",
        description="A whole number of up to 64 bits, for file sizes and sums of seconds.",
        serialize=int,
        parse_value=_read_long,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description="An exact decimal number, written as text so that no digit is lost.",
        serialize=_write_decimal,
        parse_value=lambda text: Decimal(str(text)),
    ),
}


@strawberry.type(description="An amount of money as the vendor tells it; positive means charged.")
class Money:
    amount: Decimal = strawberry.field(description="The amount, exact.")
    currency: str | None = strawberry.field(
        description="ISO 4217 code such as EUR; null if the vendor does not tell it."
    )


@strawberry.type(description="A span of time from `since` (included) to `until` (not included).")
class TimeWindow:
    since: datetime | None = strawberry.field(
        description="The first moment inside; null: as far back as there is anything."
    )
    until: datetime | None = strawberry.field(description="The first moment after; null: no end.")


@strawberry.input(description="A range of whole numbers; both bounds belong to it.")
class IntRange:
    min: int | None = strawberry.field(default=None, description="The smallest number that fits.")
    max: int | None = strawberry.field(default=None, description="The largest number that fits.")


def as_json(raw: bytes) -> Any:
    """The JSON value of the bytes a vendor sent"""
    import msgspec

    return msgspec.json.decode(raw)
