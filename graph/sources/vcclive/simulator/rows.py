"""One company call as the CDR of this vendor."""

from __future__ import annotations

import base64
import hashlib
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from graph.sources import company
from graph.sources.vcclive.simulator.switches import Switches

Row = dict[str, Any]


class Disposition(msgspec.Struct, frozen=True):
    id: int
    label: str
    export_name: str
    reach: int
    status: int
    status_label: str


CALL_AGAIN = Disposition(1, "Call again", "call_again", 1, 1, "callback")
LOST = Disposition(5, "Lost in queue", "lost_in_queue", 1, 4, "dropped")
# What a conversation led to is the agent's verdict: "not reached" may stand beside talk time.
VERDICTS = (
    Disposition(2, "Wrong person", "wrong_person", 1, 9, "discard"),
    Disposition(3, "Thinks about it", "thinks_about_it", 2, 2, "shared callback"),
    Disposition(4, "Sold", "sold", 3, 7, "finished"),
)
REACHES = {1: "Not reached", 2: "Reached", 3: "Successful"}
PROJECTS = {1: "Customer care", 2: "Sales campaign", 3: "Invoice reminders"}
DIALER_MODES = {1: "Manual", 2: "Power"}


class Campaign(msgspec.Struct, frozen=True):
    """What outbound calls have in common; a trunk's calls are one campaign."""

    project: int
    dialer_mode: int
    line: str
    queue_id: int = 8
    queue: str = "Outgoing"


CAMPAIGNS = {
    "berlin-sip": Campaign(2, 2, company.LINES[0]),
    "budapest-pri": Campaign(3, 1, company.LINES[3]),
}
_OTHER_CAMPAIGN = Campaign(2, 2, company.LINES[3])
_PRICE_TAGS = {
    "49171": "de-out-mobile",
    "49": "de-out-fixed",
    "36": "hu-out-fixed",
    "972": "il-out-mobile",
    "44": "gb-out-fixed",
    "1": "us-out-fixed",
}
_WITHHELD = company.Person("0000000000", "")

ZERO = "0000-00-00 00:00:00"
MONEY = ("call_rate", "currency", "total_fee")
LABELS = frozenset(
    {
        "userfullname",
        "projectname",
        "queue_label",
        "disposition_label",
        "disposition_export_name",
        "dispositionreach_label",
        "dispositionstatus_label",
        "dialermode_label",
    }
)
UTC_TWINS = frozenset(
    {"start_ts_utc", "billing_ts_utc", "next_contact_utc", "lastArchivedTime_utc"}
)
UNHEARD_OF: Row = {
    "direction": "sideways",
    "hangup_disposition": "nobody",
    "statusArchived": "perhaps",
    "dispositionreach": 99,
    "dispositionreach_label": "Reached twice",
    "dispositionstatus": 99,
    "dispositionstatus_label": "on the moon",
    "dialermode": 99,
    "dialermode_label": "Telepathic",
    "dc": 999,
}


def ids(call: company.Call, seed: int) -> tuple[str, str]:
    """The call's uuid and short id. Some uuids say version 1, and yet tell no date."""
    text = f"{seed}/{call.number}/{int(call.started_at.timestamp())}"
    digest = hashlib.blake2b(text.encode(), digest_size=21).digest()
    h = digest.hex()
    version, variant = (4 if digest[6] % 4 else 1), "89ab"[digest[8] % 4]
    uuid = f"{h[:8]}-{h[8:12]}-{version}{h[13:16]}-{variant}{h[17:20]}-{h[20:32]}"
    return uuid, base64.b32hexencode(digest[16:]).decode()


def project(call: company.Call) -> int:
    return 1 if call.direction == "inbound" else _campaign(call).project


def row(call: company.Call, switches: Switches, zone: ZoneInfo, seed: int) -> Row:
    """The CDR with all that a list or a lookup may show"""
    inbound = call.direction == "inbound"
    if inbound:
        outside, person, line = call.caller, call.callee, call.did or call.callee.number
        mode, queue_id, queue = None, None, None
        if switches.withheld and outside.number.endswith("00"):
            outside = _WITHHELD
    else:
        campaign = _campaign(call)
        outside, person, line = call.callee, call.caller, campaign.line
        mode, queue_id, queue = campaign.dialer_mode, campaign.queue_id, campaign.queue
    if call.queue is not None:
        queue_id, queue = int(call.queue.number), call.queue.name
    agent = None if call.outcome == "abandoned" else person
    ours, theirs = line.lstrip("+"), outside.number.lstrip("+")
    ring, before, waited, with_agent, hold = _seconds(call)
    billing = before + waited + with_agent
    picked_up = call.started_at + timedelta(seconds=ring)
    prework = 0 if inbound else call.number % 4
    afterwork = call.number * 7 % 31 if call.answered else 0
    said = _disposition(call)
    archived = call.recorded and call.number % 8 == 0
    customer_ended = (call.hung_up_by == "caller") == inbound
    custom = {"name": outside.name, "line": call.trunk or ""}
    uuid, short = ids(call, seed)
    project_id = project(call)
    return {
        "projectid": project_id,
        "ringtime": ring,
        "special": call.note == "VIP",
        "dispositionreach": said and said.reach,
        "direction": call.direction,
        "prework": prework,
        "uuid": uuid,
        "shortid": short,
        "beforequeuetime": before,
        "userid": int(agent.number) if agent else -1,
        "dispositionstatus": said and said.status,
        "callfilename": uuid if call.recorded else None,
        "destination": ours if inbound else theirs,
        **_dates("start_ts", call.started_at, zone),
        "afterwork": afterwork,
        "source": theirs if inbound else ours,
        "queuetime": waited,
        "numberid": zlib.crc32(theirs.encode()) % 900_000 + 1,
        "billingtime": billing,
        "dispositionid": said and said.id,
        **_dates("billing_ts", picked_up if billing or not switches.zero_billing else None, zone),
        "holdtime": hold,
        "talktime": with_agent if switches.hold_in_talk else with_agent - hold,
        "queueid": queue_id,
        **_dates("next_contact", _tomorrow(call) if call.note == "call back" else None, zone),
        "sum_work": _hours(prework + ring + with_agent + afterwork),
        "call_quantity": f"{billing / 60:.6f}",
        "call_rate": _money(0 if inbound else 7),
        "currency": "EUR",
        "hangup_disposition": "customer" if customer_ended else "operator",
        "dc": str(call.cause) if switches.dc_text else call.cause,
        "dialermode": mode,
        "vcc_score": str(50 + call.number % 50) if call.recorded else None,
        "pricetag": None if inbound else _price_tag(theirs),
        "disposition_comment": call.note,
        "total_fee": _money(call.price_cents),
        switches.custom_fields_key: {"filled": custom, "{}": {}, "[]": []}[switches.custom_fields],
        "statusArchived": "yes" if archived else "no",
        **_dates("lastArchivedTime", call.ended_at if archived else None, zone),
        "trashUserId": None,
        "deletedUserId": None,
        "userfullname": agent and agent.name,
        "projectname": PROJECTS[project_id],
        "queue_label": queue,
        "disposition_label": said and said.label,
        "disposition_export_name": said and said.export_name,
        "dispositionreach_label": said and REACHES[said.reach],
        "dispositionstatus_label": said and said.status_label,
        "dialermode_label": mode and DIALER_MODES[mode],
    }


def _campaign(call: company.Call) -> Campaign:
    return CAMPAIGNS.get(call.trunk or "", _OTHER_CAMPAIGN)


def _seconds(call: company.Call) -> tuple[int, int, int, int, int]:
    """Ringing, before the queue, in the queue, with an agent, and on hold of these last"""
    first = call.legs[0]
    # A menu or queue picks up at once.
    ring = 0 if first.place in ("ivr", "queue") else first.ring_seconds or 0
    after_ring, queue = call.total_seconds - ring, call.queue_seconds
    if not call.answered or call.answered_at is None:
        return ring, after_ring - queue, queue, 0, 0
    reached = int((call.answered_at - call.started_at).total_seconds())
    # Whoever is handed on waits on hold while the next agent's phone rings.
    handed_on = sum(leg.ring_seconds or 0 for leg in call.legs if leg.after_seconds >= reached)
    before = reached - ring - queue
    return ring, before, queue, after_ring - before - queue, call.hold_seconds + handed_on


def _disposition(call: company.Call) -> Disposition | None:
    """None for an inbound call that was missed: no agent had it, so nobody judged it"""
    if call.answered:
        return VERDICTS[call.number % len(VERDICTS)]
    if call.outcome == "abandoned":
        return LOST
    return None if (call.direction, call.outcome) == ("inbound", "no_answer") else CALL_AGAIN


def _price_tag(digits: str) -> str:
    return next((tag for start, tag in _PRICE_TAGS.items() if digits.startswith(start)), "intl-out")


def _dates(key: str, at: datetime | None, zone: ZoneInfo) -> Row:
    if at is None:
        return {key: ZERO, f"{key}_utc": ZERO}
    local, utc = at.astimezone(zone), at.astimezone(UTC)
    return {key: str(local.replace(tzinfo=None)), f"{key}_utc": str(utc.replace(tzinfo=None))}


def _tomorrow(call: company.Call) -> datetime:
    return call.ended_at + timedelta(days=1)


def _hours(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}0000"
