"""What may differ from one PBX to the next, and what the documents leave open."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Profile = Literal["A", "B", "C"]
Field = Literal[
    "id", "uid", "time", "duration", "ring_duration", "talk_duration", "disposition",
    "src_trunk", "dst_trunk", "call_type", "did_number", "dod_number", "src_addr",
]  # fmt: skip
CallField = Literal[
    "uid", "time", "call_type", "last_status",
    "call_duration", "routing_duration", "handling_duration",
]  # fmt: skip


class Switches(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How this PBX behaves."""

    profile: Profile = "B"
    """A: the first printing (`id`, a `uid` per row, `reason`; search unpaged). B: firmware
    x.23.0.83 (`new_id`, `call_id`, a `uid` per call). C: x.23.0.123, B with version 2.0 as well"""
    search: bool = True
    """whether `cdr/search` exists"""
    information: bool = True
    """whether `system/information` exists"""
    v2_refusal: int | None = None
    """what profiles A and B answer to version 2.0; None: 10003 from A, -2 from B"""

    client_id: str = "kJ7pGXmZ2tQvW4sRnY8cHdL1bF6aUe3o"
    client_secret: str = "q9TzB5wVxM2rKfN7yPjC4hSgD8uLaE1i"  # noqa: S105 - a made-up one
    access_seconds: int = 1800
    refresh_seconds: int = 86400
    slots: int = 8
    strikes: int = 5
    wrong_secret: int = 40002
    refresh_ends_old: bool = True
    """a renewal ends the tokens it replaces; otherwise they live on until they lapse"""
    api_enabled: bool = True
    allowed_addresses: list[str] | None = None
    user_agent: Literal["required", "ignored"] = "required"

    time_zone: str = "Asia/Shanghai"
    date_format: Literal["MM/DD/YYYY", "DD/MM/YYYY", "YYYY/MM/DD"] = "MM/DD/YYYY"
    hours: Literal[12, 24] = 24

    page_size: int = 10_000
    """the largest page, and the usual one"""
    oversize: Literal["error", "clamp"] = "error"
    """a larger page than that"""
    no_rows: Literal["empty", "not_found"] = "empty"
    """a page past the end, or a search without matches: no rows, or 60001"""
    default_sort: Field = "time"
    default_order: Literal["asc", "desc"] = "desc"
    search_order: Literal["time_desc", "shuffled"] = "time_desc"
    shuffle_ties: bool = False
    """rows of one sort value change places from request to request; with `search_order`
    "shuffled" all rows of a search do"""
    start_inclusive: bool = True
    end_inclusive: bool = True
    fuzzy: bool = False
    """B and C: numbers are searched for as parts of numbers"""

    delay_seconds: float = 0
    """from the end of a call to its rows"""
    reason: bool = False
    """B and C: rows have `reason` and `src_addr` too, as A's"""
    names: bool = True
    """B and C: rows have `call_from_name` and `call_to_name`"""
    did: Literal["text", "list"] = "text"
    """B and C: the form of the key `did`, which no document explains"""
    notes: bool = False
    """B and C: rows have `did_name`, `call_note_id` and `enb_call_note`, as the call end event"""
    survey: bool = False
    """answered queue calls end in a hop to "Satisfaction Survey", which has no number"""
    mislabel: bool = False
    """outbound calls that met a busy line are labelled `Inbound`"""
    v2_id: Literal["number", "text"] = "number"
    v2_timestamp: bool = False


SETTINGS: dict[str, Any] = {
    "credentials": {
        "client_id": Switches().client_id,
        "client_secret": Switches().client_secret,
    },
    "time_zone": Switches().time_zone,
    "region": "DE",
    "options": {},
}
