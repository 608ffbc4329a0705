"""What the documents leave open, what a customer sets, and how to reach the plain twin."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Switches(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    customer: str = "acme"
    """the sub-domain, which is also the user name"""
    token: str = msgspec.field(default="made-up-token")
    allowed_ips: list[str] | None = None
    """addresses or networks; others are refused. None: any"""
    allowed_resources: str = ".*"
    """a pattern for a path with its query string; what does not match as a whole is refused"""
    time_zone: str = "Europe/Budapest"
    utc_paths: bool = False
    """year, month and day of a path are those of the start in UTC, not of the local one"""
    delay_seconds: float = 0
    """how long after its end a call stays invisible, to lookups and lists"""
    not_ready: Literal["404", "empty_list", "empty_object", "empty_body"] = "404"
    """how a lookup says that it has no such uuid in that month, or not yet"""
    list_order: Literal["start", "shuffled"] = "start"
    """"shuffled": day after day, but the rows of a day in a lasting order without a meaning"""
    shuffle_ties: bool = False
    """rows of one second change places from request to request"""
    default_num: int = 10
    most_rows: int = 500
    argument_error_status: int = 200
    """the HTTP status of an answer that complains about a value in the request"""
    total_count_text: bool = False
    dc_text: bool = False
    utc_in_lists: bool = True
    zero_billing: bool = True
    """`billing_ts` is the zero date if nobody and nothing picked up"""
    hold_in_talk: bool = False
    """`talktime` includes the seconds on hold; `billingtime` then does not add them again"""
    fee_delay_seconds: float = 0
    """how long after the call its rate, currency and fee stay null"""
    custom_fields: Literal["filled", "{}", "[]"] = "filled"
    custom_fields_key: Literal["recordCustomFieldData", "recordCustomFielData"] = (
        "recordCustomFieldData"
    )
    withheld: bool = False
    """callers whose number ends in 00 do not show it"""


SETTINGS: dict[str, Any] = {
    "credentials": {"customer": Switches().customer, "token": Switches().token},
    "time_zone": Switches().time_zone,
    "region": "HU",
    "options": {},
}
