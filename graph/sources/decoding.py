"""Rows out of a vendor's JSON: of each no more than what is asked for, or all of it as sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
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


def decode_list(
    body: bytes,
    what: str,
    envelope: Any,
    row: type[msgspec.Struct],
    rows_of: Callable[[Any], list[Any] | None],
    *,
    wire: frozenset[str] | None,
    raw: bool,
) -> tuple[Any, Decoded]:
    """A list's envelope, which is generic in its rows, and these: all at once, or one by one where
    one is not as documented or all are wanted as sent. SourceMalformed names `what`.

    Rows have the attributes that have these keys on the wire, None: all. The others are not there,
    and are not made, which would be most of the work.
    """
    if not raw:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            sent = _list_decoder(envelope, row, wire).decode(body)
            return sent, Decoded(rows_of(sent) or [], None, 0)
    sent = decode(_list_decoder(envelope, msgspec.Raw, None), body, what)
    return sent, _decode_rows(_row_decoder(row, wire), rows_of(sent) or [], keep=raw)


@lru_cache(maxsize=_MOST)
def _list_decoder(
    envelope: Any, row: type[Any], wire: frozenset[str] | None
) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(envelope[_narrowed(row, wire)])


@lru_cache(maxsize=_MOST)
def _row_decoder(
    row: type[msgspec.Struct], wire: frozenset[str] | None
) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_narrowed(row, wire))


def _narrowed(row: type[Any], wire: frozenset[str] | None) -> type[Any]:
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


def _decode_rows(
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
