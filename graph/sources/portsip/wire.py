"""PortSIP's JSON as sent. Source: REST API "Call Detail Records" (PBX 22.x), read August 2026.

No field is marked as required. An unset time or text comes as "", as null, or not at all:

    {"id": "700551909773148160", "caller": "101", "callee": "102", "answered_at": "",
     "started_at": "2024-08-20T06:00:59.457188Z", "end_reason": "", "status_code": 486,
     "duration": 0, ...}
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

R = TypeVar("R")


class Leg(msgspec.Struct, gc=False):
    """A row of `/cdrs` and `/calllogs`, a leg of `/cdrs/{id}`, the object of `/calllogs/{id}`."""

    id: str = ""
    session_id: str | None = None
    caller: str | None = None
    caller_domain: str | None = None
    caller_display_name: str | None = None
    callee: str | None = None
    callee_domain: str | None = None
    callee_display_name: str | None = None
    started_at: str | None = None
    rang_at: str | None = None
    answered_at: str | None = None
    ended_at: str | None = None
    call_id: str | None = None
    direction: str | None = None
    end_reason: str | None = None
    reroute_reason: str | None = None
    status_code: int | str | None = None
    destination: str | None = None
    outbound_caller_id: str | None = None
    did_cid: str | None = None
    trunk: str | None = None
    duration: int | float | str | None = None
    cost: float | str | None = None
    billed_account: str | None = None
    service_number: str | None = None
    user_data: str | None = None


class List(msgspec.Struct, Generic[R]):
    """A page: `count` is the total of the collection, not of the page."""

    items: list[R]
    count: int | None = None


class Legs(msgspec.Struct):
    """The answer of `/cdrs/{id}`; `/user/cdrs/{id}` prints one object instead of a list."""

    items: list[Leg] | Leg


class RawLegs(msgspec.Struct):
    """The same, as sent."""

    items: Any


class Fault(msgspec.Struct):
    """One entry of an error body."""

    code: str = "UNKNOWN"


class Faults(msgspec.Struct):
    """The body of an error, which may also be empty or an empty object."""

    errors: list[Fault] = []


class SignIn(msgspec.Struct):
    """The token object, the 2FA object, or the older sign-in's, all with status 200."""

    access_token: str | None = None
    refresh_token: str | None = None
    expires_in: float | None = None
    expires_at: str | None = None
    two_factor_enabled: bool = False


class ReportRow(msgspec.Struct):
    """A row of `/call_reports`, which has the first five, or the object of `/call_reports/{id}`."""

    id: str
    name: str | None = None
    type: str | None = None
    cron_expr: str | None = None
    status: str | None = None
    email: str | None = None
    format: str | None = None
    range: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    filter: msgspec.Raw = msgspec.Raw()


class CompletedRow(msgspec.Struct):
    """A row of `/completed_call_reports`, and the object of `/completed_call_reports/{id}`.

    `file_url` is a path from the root of the host, and whoever has it can fetch the file.
    """

    id: str
    name: str | None = None
    type: str | None = None
    format: str | None = None
    completed_at: str | None = None
    file_name: str | None = None
    file_size: int | None = None
    file_url: str | None = None


class NormalFilter(msgspec.Struct, forbid_unknown_fields=True):
    """Alternative 0 of the twelve: reports of type NORMAL."""

    from_: str | None = msgspec.field(default=None, name="from")
    from_value: str | None = None
    to: str | None = None
    to_value: str | None = None
    answer_state: str | None = None
    duration: str | None = None
    duration_from: int | None = None
    duration_to: int | None = None


class CostFilter(msgspec.Struct, forbid_unknown_fields=True):
    """Alternative 2: EXTENSION_GROUP_CALL_COST."""

    type: str | None = None
    groups: list[str] | None = None


class QueueFilter(msgspec.Struct, forbid_unknown_fields=True):
    """Alternatives 3 to 8 and 10: reports on queues."""

    enable_exclude_calls_dropped_before_seconds: bool | None = None
    exclude_calls_dropped_before_seconds: int | None = None
    call_queues: list[str] | None = None


class CallbackFilter(msgspec.Struct, forbid_unknown_fields=True):
    """Alternative 9: QUEUE_FAILED_CALLBACKS."""

    call_queues: list[str] | None = None


class RingGroupFilter(msgspec.Struct, forbid_unknown_fields=True):
    """Alternative 11: RING_GROUP_STATISTICS."""

    ring_groups: list[str] | None = None


class Created(msgspec.Struct):
    """The answer to a report that was created, with status 201."""

    id: str


class DetailedFault(msgspec.Struct):
    """One entry of an error body with its detail, which may be any JSON."""

    code: str = "UNKNOWN"
    detail: Any = None


class DetailedFaults(msgspec.Struct):
    errors: list[DetailedFault] = []
