"""VoipNow's JSON as sent. Source: UnifiedAPI v5, "CDR Service" (last updated 13 Jan 2026), with the
pages "PhoneCalls Resource", "PhoneCallView" and "Data Types"; read August 2026.

A property without a value is left out, and numbers may come as text:

    {"id": "53bec7de3c242d5f87e5", "ownerId": "33", "published": "2018-02-06T09:41:07Z",
     "phoneCallView": [{"id": "00", "source": "14141555", "destination": "0003*002", "flow": 8,
                        "disposition": 0, "duration": "62", "callerId": "Acme <14141555>"}]}
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

R = TypeVar("R")
Number = int | float | str | None


class View(msgspec.Struct, gc=False, rename="camel"):
    """A PhoneCallView: one leg. The properties after `recording` belong to calls going on."""

    id: str | int | None = None
    source: str | list[str] | None = None
    destination: str | list[str] | None = None
    extension: str | None = None
    flow: Number = None
    disposition: Number = None
    answered: str | None = None
    duration: Number = None
    caller_id: str | None = None
    caller_id_in_samples: str | None = msgspec.field(default=None, name="callerID")
    recording: str | bool | int | None = None
    status: Number = None
    ringing: str | None = None
    parked: str | None = None
    on_hold: str | None = None
    parked_pos: str | int | None = None
    parked_by: str | None = None
    holder: str | None = None


class Links(msgspec.Struct, gc=False):
    """The links of a PhoneCall."""

    itself: str | None = msgspec.field(default=None, name="self")


class PhoneCall(msgspec.Struct, gc=False, rename="camel"):
    """A call. With `fields` only the properties asked for are there."""

    id: str = ""
    owner_id: str | int | None = None
    owner_name: str | None = None
    extension: str | None = None
    published: str | None = None
    answered: str | None = None
    nonce: str | None = None
    views: list[View] = msgspec.field(default_factory=list, name="phoneCallView")
    # PHP writes an empty object as an empty list.
    links: Links | list[Any] | None = None


class Leg(PhoneCall, gc=False, rename="camel"):
    """A call cut down to one of its views: our own making, no wire object.

    `key` tells the view from the others of the call; `ordinal` counts them from 0.
    """

    key: str = ""
    ordinal: int = 0


class List(msgspec.Struct, Generic[R], rename="camel"):
    """A page. `entry` is a list, or an object with the calls by id on deployed servers."""

    entry: list[R] | dict[str, R]
    start_index: Number = None
    total_results: Number = None


class Named(msgspec.Struct):
    """The id of a call of which nothing else may be readable."""

    id: str = ""


class Views(msgspec.Struct):
    """The views of a call as sent."""

    views: list[msgspec.Raw] = msgspec.field(default_factory=list, name="phoneCallView")


class Fault(msgspec.Struct):
    """The inside of an error body."""

    code: str | None = None


class Faults(msgspec.Struct):
    """An error body: an object inside from the API, a word from the token address."""

    error: Fault | str | None = None


class SignIn(msgspec.Struct):
    """The answer of the token address."""

    access_token: str | None = None
    expires_in: Number = None
