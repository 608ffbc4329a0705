"""Every doubtful behaviour, limit and edition of the twin, with the likeliest one as default."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from graph.sources import company


class Switches(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How this server behaves where the documents differ, are silent, or name a limit.

    A running twin obeys changes to signing in and to limits; the rest wants a new twin.
    """

    # The accounts. Who owns the App decides how far its tokens reach.
    administrator: str = "1"
    organization: str = "33"
    organization_name: str = "Example Telecom"
    users: dict[str, str] = msgspec.field(
        default_factory=lambda: {person.number: person.number for person in company.STAFF}
    )
    """user id -> extension without its prefix"""
    prefix: str = "0003"
    """the organization's part of `NNNN*NNN`"""
    owner: str = "33"

    # Signing in.
    app_key: str = "vn-app-5d1c0e77"
    app_secret: str = "vn-made-up-secret-8f2b"  # noqa: S105
    """changing it kills every token already given out, as the control panel does"""
    token_seconds: int = 3600
    token_type: bool = True
    """whether the token answer names its `token_type`"""
    refused_status: Literal[401, 403] = 401
    """for a stale or unknown token; servers in the field were seen to say 403"""
    session: str = "made-up-session-vn"
    """the `vn` cookie of the one browser that is signed in"""
    requests_per_minute: int = 0
    """0: no limit, since none is published"""

    # What a request may ask.
    largest_start: int = 4999
    largest_count: int = 4999
    start_index_error: str = "startindex_invalid"
    sort_orders: tuple[str, ...] = ("asc", "desc", "ascending", "descending")
    default_order: Literal["asc", "desc"] = "desc"
    default_operator: str = "equals"
    time_zone: str = "UTC"
    """of request dates without an offset, and of the current month"""
    start_inclusive: bool = True
    end_inclusive: bool = True
    unanswered_by_published: bool = True
    """whether answered-date bounds weigh an unanswered call by `published`, or drop it"""
    old_stats_path: bool = True
    """whether `/uapi/stats/{userId}` still works"""

    # What a list looks like.
    entry: Literal["array", "object"] = "array"
    """`object`: calls keyed by id, as older and deployed servers answer"""
    paging: Literal["object", "array", "next"] = "object"
    """`{}`, PHP's empty `[]`, or an absolute URL in `paging.next`"""
    numbers_as_text: bool = False
    stats_beside_entry: bool = False
    """the third edition's `phoneCallStat` next to `entry`"""
    shuffle_ties: bool = False
    """whether calls of one second change places from request to request"""

    # What a call looks like.
    delay_seconds: float = 0
    """from saving a call to showing it"""
    slowest_save: int = 60
    """the longest time from a call's end to its saving"""
    duration: Literal["talk", "total"] = "talk"
    voicemail_answers: bool = True
    """whether a voicemail box counts as ANSWERED, or as NO ANSWER"""
    local_in_outgoing: bool = False
    """whether stats count local calls as outgoing, or leave them out"""
    plus_sign: bool = True
    """whether outside numbers keep their `+`"""
    caller_id_key: Literal["callerId", "callerID"] = "callerId"
    recording: Literal["flag", "name", "none"] = "flag"


_made_with = Switches()
SETTINGS: dict[str, Any] = {
    "credentials": {
        "client_id": _made_with.app_key,
        "client_secret": _made_with.app_secret,
    },
    "time_zone": _made_with.time_zone,
    "region": "DE",
    "options": {},
}
"""What a source needs, besides its address, to reach a twin made with default switches."""
