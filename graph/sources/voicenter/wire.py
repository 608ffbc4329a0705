"""Voicenter's JSON as sent. Sources: "Call log (Version 0.1)" and "Call Log API", read August 2026.

Columns come as asked for in `fields`; what was not asked for is absent, and a blank is "":

    {"ERROR_NUMBER": 0, "ERROR_DESCRIPTION": "OK", "STATUS_CODE": 200,
     "TOTAL_HITS": 1, "RETURN_HITS": 1,
     "CDR_LIST": [{"CallID": "20240610120455…", "Date": "2024-06-10T09:04:58Z", "CdrType": 8,
                   "Duration": 61, "DID": "", "DTMFData": [], "CustomData": {}}]}

A number may be quoted, and the keys of a row may be in lower case throughout.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

R = TypeVar("R")
Scalar = str | int | float | None
"""Text or number: which of the two it is cannot be relied on"""


class Leg(msgspec.Struct, rename="pascal", forbid_unknown_fields=True, gc=False):
    """A row of `CDR_LIST`, in the documented spelling; any other is folded to it.

    `call_id` and `date` are always asked for, so a row without them is spelled in another way.
    """

    call_id: str | int = msgspec.field(name="CallID")
    date: str | None
    date_epoch: Scalar = None
    type: Scalar = None
    cdr_type: Scalar = None
    dial_status: Scalar = None
    dial_status2: Scalar = None
    caller_number: Scalar = None
    caller_extension: Scalar = None
    target_number: Scalar = None
    target_extension: Scalar = None
    target_prefix_name: Scalar = None
    did: Scalar = msgspec.field(name="DID", default=None)
    queue_name: Scalar = None
    duration: Scalar = None
    ring_time: Scalar = None
    price: Scalar = None
    record_url: Scalar = msgspec.field(name="RecordURL", default=None)
    record_expect: bool | Scalar = None
    representative_name: Scalar = None
    representative_code: Scalar = None
    user_name: Scalar = None
    user_id: Scalar = None
    department_name: Scalar = None
    department_id: Scalar = None
    dtmf_data: Any = msgspec.field(name="DTMFData", default=None)
    custom_data: Any = None


COLUMNS = tuple(field.encode_name for field in msgspec.structs.fields(Leg))
SPELLINGS = {column.lower(): column for column in COLUMNS}
ABSENT = {
    "current": frozenset({"DialStatus2"}),
    "0.1": frozenset({"DateEpoch", "CdrType", "UserName", "UserId"}),
}
"""Columns that a version of the API does not have"""


class Verdict(msgspec.Struct, rename="upper"):
    """The head of every answer, and all of one that is a refusal."""

    error_number: int | None = None
    status_code: int | None = None


class List(msgspec.Struct, Generic[R], rename="upper"):
    """An answer with rows. `total_hits`: rows found, sent or not."""

    error_number: int
    total_hits: int | None = None
    cdr_list: list[R] | None = None


class Bounds(msgspec.Struct):
    """The window of a request, on the API's clock."""

    fromdate: str
    todate: str


class Asked(msgspec.Struct):
    """The body of a request, as far as reading its answer needs it."""

    search: Bounds
