"""VCC Live's JSON as sent. Source: Database API v2, "Get CDR log for a specified uuid" and "Get CDR
log", read August 2026.

Only the uuid is certain. Numbers come as numbers or as text, a date that there is none as zeros,
custom fields that there are none as a PHP array, and a list's row has labels beside its ids:

    {"uuid": "85955f2e-049f-4a41-9145-f513abf50c7b", "start_ts": "2014-01-07 14:19:30",
     "start_ts_utc": "2014-01-07 13:19:30", "next_contact": "0000-00-00 00:00:00", "dc": 16,
     "call_quantity": "0.100000", "total_fee": null, "recordCustomFieldData": [], ...}
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

import msgspec

R = TypeVar("R")
Value = str | int | float | None
"""a number or a text, either of which may come as the other"""


class Cdr(
    msgspec.Struct,
    gc=False,
    rename={
        "status_archived": "statusArchived",
        "last_archived_time": "lastArchivedTime",
        "last_archived_time_utc": "lastArchivedTime_utc",
        "trash_user_id": "trashUserId",
        "deleted_user_id": "deletedUserId",
        "custom_fields": "recordCustomFieldData",
        "custom_fields_misspelt": "recordCustomFielData",
    },
):
    """The object of `/v2/cdr/…/{uuid}`, and a row of `/v2/cdrs/…`. Plain times are local ones."""

    uuid: Annotated[str, msgspec.Meta(min_length=1)]
    shortid: Value = None
    callfilename: Value = None
    projectid: Value = None
    numberid: Value = None
    userid: Value = None
    queueid: Value = None
    direction: Value = None
    source: Value = None
    destination: Value = None
    start_ts: str | None = None
    start_ts_utc: str | None = None
    billing_ts: str | None = None
    billing_ts_utc: str | None = None
    ringtime: Value = None
    beforequeuetime: Value = None
    queuetime: Value = None
    talktime: Value = None
    holdtime: Value = None
    prework: Value = None
    afterwork: Value = None
    sum_work: str | None = None
    billingtime: Value = None
    dispositionid: Value = None
    dispositionreach: Value = None
    dispositionstatus: Value = None
    disposition_comment: Value = None
    hangup_disposition: Value = None
    dc: Value = None
    dialermode: Value = None
    call_quantity: Value = None
    call_rate: Value = None
    currency: Value = None
    total_fee: Value = None
    pricetag: Value = None
    vcc_score: Value = None
    special: bool | Value = None
    next_contact: str | None = None
    next_contact_utc: str | None = None
    status_archived: Value = None
    last_archived_time: str | None = None
    last_archived_time_utc: str | None = None
    trash_user_id: Value = None
    deleted_user_id: Value = None
    custom_fields: Any = None
    custom_fields_misspelt: Any = None
    """the table of the documentation has it without its second d, the example has it whole"""

    # Only in lists:
    userfullname: Value = None
    projectname: Value = None
    queue_label: Value = None
    disposition_label: Value = None
    disposition_export_name: Value = None
    dispositionreach_label: Value = None
    dispositionstatus_label: Value = None
    dialermode_label: Value = None


class Rows(msgspec.Struct, Generic[R], rename="camel"):
    """A page: `total_count` is that of the day, and may be text."""

    rows: list[R]
    total_count: Value = None


class List(msgspec.Struct, Generic[R]):
    """The envelope of a page; a day without calls may be a bare PHP array."""

    response: Rows[R] | list[R]


class One(msgspec.Struct):
    """The envelope of a lookup, with the object, an array of it, or nothing."""

    response: msgspec.Raw = msgspec.Raw(b"null")


class Errors(msgspec.Struct):
    """What stands beside every `response`: `[{"errorcode": 417, "index": 1, "errormessage":
    "error.missing_arguments"}]`, and an empty array when all is well, with whatever HTTP status.
    """

    errors: Any = None
