"""Yeastar's JSON as sent. Source: developer guide of the P-Series, "Query CDR List" (version 1.0)
and its newer printings, read August 2026.

Every answer has an `errcode`. A field that is empty is left out, never null, so that a missing
duration is not a zero. Which keys a row has depends on the firmware: `id`, `src_addr` and `reason`
on older ones, `new_id`, `call_id`, `did`, `pin_code` and the split names on newer ones:

    {"id": 2711, "time": "05/30/2022 14:55:00", "call_from": "Kristin Hale<2005>",
     "call_to": "21000", "timestamp": 1653893700, "uid": "2022053014550020730",
     "disposition": "NO ANSWER", "reason": "dst extension_busy_no_forward    ", ...}
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

R = TypeVar("R")


class Row(msgspec.Struct, gc=False):
    """A row of `cdr/list` and `cdr/search`: one hop of a call."""

    id: int | str | None = None
    new_id: str | None = None
    uid: str | None = None
    call_id: str | None = None
    time: str | None = None
    timestamp: int | str | None = None
    call_from: str | None = None
    call_from_number: int | str | None = None
    call_from_name: str | None = None
    call_to: str | None = None
    call_to_number: int | str | None = None
    call_to_name: str | None = None
    src_addr: str | None = None
    src_trunk: str | None = None
    dst_trunk: str | None = None
    duration: int | float | str | None = None
    ring_duration: int | float | str | None = None
    talk_duration: int | float | str | None = None
    disposition: str | None = None
    call_type: str | None = None
    did_number: int | str | None = None
    dod_number: int | str | None = None
    did: int | str | list[int | str] | None = None  # no printing tells its type
    did_name: str | None = None
    pin_code: int | str | None = None
    record_file: str | None = None
    reason: str | None = None
    call_note_id: int | str | None = None
    enb_call_note: bool | int | str | None = None


class List(msgspec.Struct, Generic[R]):
    """A page: `total_number` counts all rows of the list, not those of the page."""

    errcode: int
    total_number: int | None = None
    data: list[R] | None = None


class Envelope(msgspec.Struct):
    """What every answer has."""

    errcode: int | None = None


class SignIn(msgspec.Struct):
    """The answer of `get_token` and `refresh_token`; lifetimes in seconds."""

    access_token: str | None = None
    access_token_expire_time: float | None = None
    refresh_token: str | None = None


class System(msgspec.Struct):
    """What `system/information` tells of firmware and clock. `system_time` is what its display
    shows; "hh:mm:ss" stands for a 24-hour clock, too, unless an AM follows.
    """

    firmware_version: str | None = None
    system_time: str | None = None
    system_date_format: str | None = None
    system_time_format: str | None = None
    timestamp: int | None = None


class Information(System):
    """The same, in `data` or beside the error code; printings show both."""

    data: System | None = None
