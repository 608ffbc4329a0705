"""From the company's calls to CDR rows.

One call is one row, but for calls made by Click2Call (two rows of one `CallID`) and transferred
calls (two rows, each with its own). `Duration` runs from the moment somebody or something picked
up: without ringing on plain calls, with menu, waiting and ringing where a queue took the call.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

import msgspec

from graph.sources.company import LINES, QUEUES, Call, Leg, Outcome, Person
from graph.sources.voicenter.simulator.switches import Switches

ISRAEL = ZoneInfo("Asia/Jerusalem")
RECORDINGS = "https://cpanel.voicenter.co.il/CallsHistory/PlayRecord"
INCOMING, OUTGOING, QUEUE, LEG1, LEG2, VOICEMAIL, TRANSFER = 1, 4, 8, 9, 10, 11, 13
TYPES = {
    INCOMING: "Incoming Call",
    OUTGOING: "Extension Outgoing",
    QUEUE: "Queue",
    LEG1: "Click2Call leg1",
    LEG2: "Click2Call leg2",
    VOICEMAIL: "VoiceMail",
    TRANSFER: "XferCDR",
}
STATUS: dict[Outcome, str] = {
    "answered": "ANSWER",
    "no_answer": "NOANSWER",
    "busy": "BUSY",
    "failed": "CONGESTION",
    "voicemail": "VOICEMAIL",
    "abandoned": "ABANDONE",
    "cancelled": "CANCEL",
}
DEPARTMENTS = ("Sales", "Support", "Billing")
BELOW = {"Support": ("Billing",)}
COUNTRIES = (
    ("49171", "Germany Mobile"),
    ("49", "Germany"),
    ("36", "Hungary"),
    ("9725", "Israel Mobile"),
    ("972", "Israel"),
    ("44", "United Kingdom"),
    ("1", "United States"),
)
_ODD = {"call_id": "CallID", "did": "DID", "record_url": "RecordURL", "dtmf_data": "DTMFData"}


def _spelling(name: str) -> str:
    return _ODD.get(name) or name.title().replace("_", "")


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename=_spelling):
    """One CDR. The defaults are how the vendor leaves a value blank."""

    call_id: str = ""
    date: str = ""
    date_epoch: int = 0
    type: str = ""
    cdr_type: int = 0
    dial_status: str = ""
    dial_status2: str = ""
    caller_number: str = ""
    caller_extension: str = ""
    target_number: str = ""
    target_extension: str = ""
    target_prefix_name: str = ""
    did: str = ""
    queue_name: str = ""
    duration: int = 0
    ring_time: int = 0
    price: int = 0
    record_url: str = ""
    record_expect: bool = False
    representative_name: str = ""
    representative_code: str = ""
    user_name: str = ""
    user_id: int = 0
    department_name: str = ""
    department_id: int = 0
    dtmf_data: list[dict[str, Any]] = []
    custom_data: dict[str, str] = {}


COLUMNS = {field.encode_name.lower(): field for field in msgspec.structs.fields(Row)}
"""by name in lower case"""
ABSENT = {"current": ("dialstatus2",), "0.1": ("dateepoch", "cdrtype", "username", "userid")}


def types(call: Call, switches: Switches) -> list[tuple[int, int]]:
    """The call's rows: their type, and how many seconds after the call's start they begin"""
    every = switches.click2call_every
    if call.direction == "outbound" and call.answered and every and call.number % every == 0:
        return [(LEG1, 0), (LEG2, _agent_ring(call, switches))]
    if call.direction != "inbound":
        return [(OUTGOING, 0)]
    if call.outcome == "voicemail":
        return [(VOICEMAIL, 0)]
    first = QUEUE if call.queue else INCOMING
    if call.transferred:
        return [(first, 0), (TRANSFER, call.legs[-1].after_seconds)]
    return [(first, 0)]


def make(call: Call, kind: int, after: int, seed: int, switches: Switches) -> Row:
    """The call's row of this kind, which begins `after` seconds into the call"""
    start = int(call.started_at.timestamp())
    moment = start + after + switches.date_skew_seconds
    row_id = first_id = _call_id(seed, call, start, 1)
    custom = {"Note": call.note} if call.note else {}
    if kind == TRANSFER:
        row_id = _call_id(seed, call, start + after, 2)
        custom["OriginalIvrUniqueID"] = first_id

    leg = _person_leg(call, last=kind == TRANSFER)
    ring = (leg.ring_seconds or 0) if leg else 0
    duration = (leg.talk_seconds or 0) if leg else 0
    if kind == LEG1:
        ring = _agent_ring(call, switches)
        duration = call.total_seconds - ring
    elif kind == LEG2:
        ring -= after
    elif kind == VOICEMAIL:
        duration = call.legs[-1].talk_seconds or 0
    elif kind == QUEUE:
        duration = call.legs[-1].after_seconds if call.transferred else call.total_seconds

    agent = call.caller if call.direction != "inbound" else leg.target if leg else None
    ours = agent.number if agent else ""
    outside = _number(call.callee if call.direction == "outbound" else call.caller, switches)
    caller, target = (outside, ""), (ours, ours)
    if call.direction == "internal":
        caller, target = (ours, ours), (call.callee.number, call.callee.number)
    elif kind in (OUTGOING, LEG2):
        line = Person(LINES[crc32(ours.encode()) % len(LINES)], "")
        caller, target = (_number(line, switches, own=True), ours), (outside, "")
    elif kind == QUEUE:
        target = ("", ours)

    recorded = call.recorded and kind != LEG1
    if recorded:
        custom["AiExists"] = "true"
    department = department_of(agent or call.queue)
    return Row(
        call_id=row_id,
        date=_date(moment, switches),
        date_epoch=moment,
        type=TYPES[kind],
        cdr_type=kind,
        dial_status=STATUS[leg.outcome if leg and kind in (INCOMING, TRANSFER) else call.outcome],
        dial_status2=STATUS[call.outcome] if kind == LEG1 else "",
        caller_number=caller[0],
        caller_extension=caller[1],
        target_number=target[0],
        target_extension=target[1],
        target_prefix_name=_country(call.callee) if kind in (OUTGOING, LEG2) else "",
        did=_number(Person(call.did, ""), switches, own=True) if call.did else "",
        queue_name=call.queue.name if call.queue and kind == QUEUE else "",
        duration=duration,
        ring_time=ring,
        price=call.price_cents if kind in (OUTGOING, LEG2) else 0,
        record_url=f"{RECORDINGS}/{row_id}.mp3" if recorded else "",
        record_expect=recorded,
        representative_name=agent.name if agent else "",
        representative_code=str(key(ours)) if agent else "",
        user_name=agent.name if agent else "",
        user_id=key(ours) if agent else 0,
        department_name=department,
        department_id=key(department),
        dtmf_data=_choices(call) if kind == QUEUE else [],
        custom_data=custom,
    )


@cache
def key(name: str) -> int:
    """The vendor's number for a user (by extension) or a department"""
    return 10_000_000 + crc32(name.encode()) % 90_000_000


def department_of(whom: Person | None) -> str:
    """A queue belongs to the department of its name"""
    if whom and whom.name in DEPARTMENTS:
        return whom.name
    return DEPARTMENTS[crc32(whom.number.encode()) % len(DEPARTMENTS)] if whom else ""


@cache
def _shift(zone: ZoneInfo, quarter: int) -> int:
    offset = datetime.fromtimestamp(quarter * 900, zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def wall(zone: ZoneInfo, epoch: int) -> int:
    """What the clocks of the zone showed, as if they had been UTC's"""
    return epoch + _shift(zone, epoch // 900)


def _date(epoch: int, switches: Switches) -> str:
    style = switches.date_style or ("bare" if switches.old else "z")
    shown = datetime.fromtimestamp(wall(switches.zone, epoch), UTC).replace(tzinfo=None)
    return shown.isoformat(" " if style == "space" else "T") + "Z" * (style == "z")


def _call_id(seed: int, call: Call, epoch: int, part: int) -> str:
    local = datetime.fromtimestamp(wall(ISRAEL, epoch), UTC)
    tail = blake2b(f"{seed}/{call.number}/{part}".encode(), digest_size=9).hexdigest()
    return f"{local:%Y%m%d%H%M%S}{tail}"


def _person_leg(call: Call, *, last: bool) -> Leg | None:
    legs = [leg for leg in call.legs if leg.place in ("extension", "outside")]
    return legs[-1 if last else 0] if legs else None


def _agent_ring(call: Call, switches: Switches) -> int:
    # Part of the call's ringing, so that both legs together take as long as the call did.
    return min(1 + call.number // switches.click2call_every % 5, call.ring_seconds)


def _number(whose: Person, switches: Switches, *, own: bool = False) -> str:
    digits = whose.number.removeprefix("+")
    shown = switches.national_numbers
    national = digits.startswith("972") and (shown == "all" or (own and shown == "lines"))
    return f"0{digits[3:]}" if national else digits


def _country(whose: Person) -> str:
    if not whose.number.startswith("+"):
        return ""
    return next((name for code, name in COUNTRIES if whose.number[1:].startswith(code)), "")


def _choices(call: Call) -> list[dict[str, Any]]:
    digit = QUEUES.index(call.queue) + 1 if call.queue in QUEUES else 0
    return [
        {"LayerName": leg.target.name, "DTMF": digit, "LayerNumber": leg.target.number}
        for leg in call.legs
        if leg.place == "ivr"
    ]
