"""Rows out of a vendor's JSON: of each no more than what is asked for, or all of it as sent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from graph.errors import SourceMalformed

T = TypeVar("T")

_MOST = 500
"""decoders that are remembered"""


class Decoded(msgspec.Struct):
    """The rows of a list, those as sent if wanted, and how many could not be decoded."""

    rows: list[Any]
    raws: list[msgspec.Raw] | None
    skipped: int


@lru_cache(maxsize=_MOST)
def row_decoder(
    row: type[msgspec.Struct], wire: frozenset[str] | None
) -> msgspec.json.Decoder[Any]:
    """Decodes one row: what has these keys on the wire, None: all. Its other attributes are not
    there, and are not made, which would be most of the work.
    """
    return msgspec.json.Decoder(_narrowed(row, wire))


@lru_cache(maxsize=_MOST)
def list_decoder(
    envelope: Any, row: type[msgspec.Struct], wire: frozenset[str] | None
) -> msgspec.json.Decoder[Any]:
    """Decodes a whole list, whose envelope is generic in its rows, with such rows"""
    return msgspec.json.Decoder(envelope[_narrowed(row, wire)])


def _narrowed(row: type[msgspec.Struct], wire: frozenset[str] | None) -> type[msgspec.Struct]:
    if wire is None:
        return row
    fields = [
        (field.name, field.type, msgspec.field(default=field.default, name=field.encode_name))
        for field in msgspec.structs.fields(row)
        if field.encode_name in wire
    ]
    return msgspec.defstruct(row.__name__, fields, gc=False)


def decode(decoder: msgspec.json.Decoder[T], body: bytes, what: str) -> T:
    """The body by the decoder; SourceMalformed names `what` and where it is not as documented"""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise SourceMalformed(f"{what} is not as documented: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        kind = "empty" if not body.strip() else "no JSON"
        raise SourceMalformed(f"{what} is {kind} ({len(body)} bytes)") from None


def decode_rows(
    row: msgspec.json.Decoder[Any], raws: Sequence[msgspec.Raw], *, keep: bool
) -> Decoded:
    """Rows decoded one by one, so that one bad row is skipped and counted, not all of them."""
    rows: list[Any] = []
    kept: list[msgspec.Raw] = []
    skipped = 0
    for raw in raws:
        try:
            rows.append(row.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError):
            skipped += 1
            continue
        kept.append(raw)
    return Decoded(rows, kept if keep else None, skipped)
