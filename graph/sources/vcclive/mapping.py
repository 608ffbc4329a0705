"""VCC Live's fields, words, and what it never has.

Times come twice, in UTC and as the customer's wall clock shows them; a list may leave the former
out. Seconds add up: ringing, then `billingtime` = before the queue + queue + talk + hold.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from graph.sources.contract import Field, PerSite, RowKey, Site
from graph.sources.convert import (
    boolean,
    code,
    decimal,
    e164,
    instant,
    integer,
    lasting,
    local,
    seconds,
    text,
    word,
)
from graph.sources.vcclive.wire import Cdr
from graph.types.call import (
    AnsweredBy,
    CallDirection,
    CallDisposition,
    Hangup,
    HangupParty,
    Recording,
)
from graph.types.scalars import Money

DIRECTIONS = {"inbound": CallDirection.INBOUND, "outbound": CallDirection.OUTBOUND}

# ITU-T Q.850 causes of calls without a conversation. 0 is no information.
CAUSES = {
    0: CallDisposition.UNKNOWN,
    1: CallDisposition.FAILED,
    3: CallDisposition.FAILED,
    16: CallDisposition.NO_ANSWER,
    17: CallDisposition.BUSY,
    18: CallDisposition.NO_ANSWER,
    19: CallDisposition.NO_ANSWER,
    20: CallDisposition.NO_ANSWER,
    21: CallDisposition.REJECTED,
    22: CallDisposition.FAILED,
    27: CallDisposition.FAILED,
    28: CallDisposition.FAILED,
    31: CallDisposition.NO_ANSWER,
    34: CallDisposition.FAILED,
    38: CallDisposition.FAILED,
    41: CallDisposition.FAILED,
    42: CallDisposition.FAILED,
    47: CallDisposition.FAILED,
    102: CallDisposition.FAILED,
    127: CallDisposition.FAILED,
}

_INBOUND, _OUTBOUND = "inbound", "outbound"
_CUSTOMER = "customer"
_SYSTEM = "-1"
_WITHHELD = "0000000000"


def _said(value: Any) -> str:
    """A vendor's word for comparing"""
    return (text(value) or "").lower()


# ---------------------------------------------------------------- times


def _moment(site: Site) -> Callable[[object, object], datetime | None]:
    wall = local(site)
    compared: set[str] = set()
    """the days of which one pair of times was compared, and agreed"""

    def convert(utc: object, wall_clock: object) -> datetime | None:
        told = instant(utc)
        if told is None:
            return wall(wall_clock)
        if isinstance(wall_clock, str) and (day := wall_clock[:10]) not in compared:
            if len(compared) > _MOST_DAYS:
                compared.clear()
            if _of_zone(told, wall_clock, site):
                compared.add(day)
            else:
                # Its days are not those that are asked for; the calls that come are right.
                site.unknown_words.met(f"a local time that is not of {site.zone.key}")
        return told

    return convert


_MOST_DAYS = 10_000


def _of_zone(told: datetime, wall_clock: str, site: Site) -> bool:
    """The site's clock may have shown this at that moment"""
    shown = instant(wall_clock)
    return shown is None or shown.replace(tzinfo=None) == told.astimezone(site.zone).replace(
        tzinfo=None
    )


moment = PerSite(_moment)
"""the UTC twin where it is told, else the wall clock's time by the site's zone"""


def _answered_at(site: Site) -> Callable[..., datetime | None]:
    read = _moment(site)

    def convert(
        utc: object, wall: object, talk: object, direction: object, before: object, queue: object
    ) -> datetime | None:
        picked_up = read(utc, wall)
        if picked_up is None or not seconds(talk):
            return None
        if _said(direction) != _INBOUND:
            return picked_up
        # The platform picked up first: the agent came after menu and queue.
        return picked_up + lasting((seconds(before) or 0) + (seconds(queue) or 0))

    return convert


def _ended_at(site: Site) -> Callable[..., datetime | None]:
    read = _moment(site)

    def convert(
        utc: object, wall: object, start_utc: object, start: object, ring: object, billing: object
    ) -> datetime | None:
        picked_up, billed = read(utc, wall), seconds(billing)
        if picked_up is not None:
            return None if billed is None else picked_up + lasting(billed)
        began, rang = read(start_utc, start), seconds(ring)
        if began is None or rang is None:
            return None
        return began + lasting(rang + (billed or 0))

    return convert


def total_seconds(ring: object, billing: object) -> int | None:
    """From the start to the end: the ringing, and all that is billed"""
    rang, billed = seconds(ring), seconds(billing)
    return None if rang is None or billed is None else rang + billed


def _talk_seconds(site: Site) -> Callable[[object, object], int | None]:
    if not site.options.hold_in_talk:
        return lambda talk, _hold: seconds(talk)

    def convert(talk: object, hold: object) -> int | None:
        talked = seconds(talk)
        return None if talked is None else max(0, talked - (seconds(hold) or 0))

    return convert


def work_seconds(value: str | None) -> int | None:
    """The seconds of hh:mm:ss"""
    stripped = text(value)
    if stripped is None:
        return None
    hours, minutes, rest = map(int, stripped.split(":"))
    return hours * 3600 + minutes * 60 + rest


# ---------------------------------------------------------------- how it went


def _disposition(site: Site) -> Callable[..., CallDisposition]:
    by_cause = code(CAUSES, CallDisposition.UNKNOWN).make(site)

    def convert(
        talk: object, cause: object, direction: object, queue: object, hangup: object
    ) -> CallDisposition:
        talked = seconds(talk)
        if talked is None:
            return CallDisposition.UNKNOWN
        if talked > 0:
            return CallDisposition.ANSWERED
        if _said(direction) == _INBOUND and seconds(queue) and _said(hangup) == _CUSTOMER:
            return CallDisposition.ABANDONED
        outcome: CallDisposition = by_cause(cause)
        return outcome

    return convert


def answered_by(talk: object, billing: object, direction: object) -> AnsweredBy:
    """An agent who talked is a person.

    Without one, what picked up an inbound call was a menu or a queue; an outbound call was picked
    up by whoever was called, person or not.
    """
    talked, billed = seconds(talk), seconds(billing)
    if talked:
        return AnsweredBy.PERSON
    if billed:
        return AnsweredBy.MACHINE if _said(direction) == _INBOUND else AnsweredBy.UNKNOWN
    return AnsweredBy.UNKNOWN if talked is None else AnsweredBy.NOBODY


def _hangup(site: Site) -> Callable[..., Hangup | None]:
    caller, callee = HangupParty.CALLER, HangupParty.CALLEE
    parties = {
        way: word({_CUSTOMER: customer, "operator": operator}, HangupParty.UNKNOWN).make(site)
        for way, customer, operator in ((_INBOUND, caller, callee), (_OUTBOUND, callee, caller))
    }

    def convert(cause: object, who: object, direction: object) -> Hangup | None:
        told, by = text(cause), text(who)
        # It is declared as text; what is no number stays in the details.
        number = int(told) if told is not None and told.isdecimal() else 0
        if not number and by is None:
            return None
        party = parties.get(_said(direction))
        return Hangup(
            cause=number or None,
            sip_code=None,
            party=HangupParty.UNKNOWN if party is None else party(by),
            reason=None,
        )

    return convert


# ---------------------------------------------------------------- who and what


def number(value: object) -> str | None:
    """The digits as sent; None where the caller withheld them"""
    digits = text(value)
    return None if digits == _WITHHELD else digits


def _e164(site: Site) -> Callable[[object], str | None]:
    international = e164(plus=True).make(site)
    return lambda value: international(number(value))


NUMBERS = PerSite(_e164)


def _when(way: str) -> Callable[[object, object], str | None]:
    """The number, if the call went this way"""
    return lambda value, direction: number(value) if _said(direction) == way else None


def agent(name: object, user: object) -> str | None:
    """The name, or the id where no name is told; the system is no agent"""
    known = text(user)
    return None if known == _SYSTEM else text(name) or known


def queue(label: object, queue_id: object) -> str | None:
    """The label, or the id where no label is told"""
    return text(label) or text(queue_id)


def cost(fee: object, currency: object) -> Money | None:
    """The fee; None while fee or currency are not told yet"""
    amount, unit = decimal(fee), text(currency)
    return None if amount is None or unit is None else Money(amount=amount, currency=unit)


def recording(name: object, trashed_by: object, deleted_by: object) -> Recording | None:
    """The voice file, unless somebody threw it away"""
    file = text(name)
    if file is None or integer(trashed_by) or integer(deleted_by):
        return None
    return Recording(name=file, url=None, expected=True)


def custom_fields(value: Any, misspelt: Any) -> Any:
    """The fields by name; {} for an empty array, which is how PHP writes it"""
    told = misspelt if value is None else value
    return {} if told == [] else told


_COMMON = (
    Field("started_at", ("start_ts_utc", "start_ts"), moment),
    Field("native_id", "uuid", str),
    Field("call_key", "uuid", str),
    Field("caller.number", "source", number),
    Field("caller.e164", "source", NUMBERS),
    Field("callee.number", "destination", number),
    Field("callee.e164", "destination", NUMBERS),
    Field("direction", "direction", word(DIRECTIONS, CallDirection.UNKNOWN)),
    Field(
        "disposition",
        ("talktime", "dc", "direction", "queuetime", "hangup_disposition"),
        PerSite(_disposition),
    ),
    Field("answered_by", ("talktime", "billingtime", "direction"), answered_by),
    Field(
        "answered_at",
        ("billing_ts_utc", "billing_ts", "talktime", "direction", "beforequeuetime", "queuetime"),
        PerSite(_answered_at),
    ),
    Field(
        "ended_at",
        ("billing_ts_utc", "billing_ts", "start_ts_utc", "start_ts", "ringtime", "billingtime"),
        PerSite(_ended_at),
    ),
    Field("total_seconds", ("ringtime", "billingtime"), total_seconds),
    Field("ring_seconds", "ringtime", seconds),
    Field("talk_seconds", ("talktime", "holdtime"), PerSite(_talk_seconds)),
    Field("hold_seconds", "holdtime", seconds),
    Field("queue_seconds", "queuetime", seconds),
    Field("billed_seconds", "billingtime", seconds),
    Field("did", ("destination", "direction"), _when(_INBOUND)),
    Field("shown_number", ("source", "direction"), _when(_OUTBOUND)),
    # Filled on outbound calls as well.
    Field("queue", ("queue_label", "queueid"), queue),
    Field("agent", ("userfullname", "userid"), agent),
    Field("hangup", ("dc", "hangup_disposition", "direction"), PerSite(_hangup)),
    Field("cost", ("total_fee", "currency"), cost),
    Field("recording", ("callfilename", "trash_user_id", "deleted_user_id"), recording),
    Field("details.short_id", "shortid", text),
    Field("details.direction", "direction", text),
    Field("details.project_id", "projectid", text),
    Field("details.project_name", "projectname", text),
    Field("details.number_id", "numberid", text),
    Field("details.user_id", "userid", text),
    Field("details.queue_id", "queueid", text),
    Field("details.billing_at", ("billing_ts_utc", "billing_ts"), moment),
    Field("details.before_queue_seconds", "beforequeuetime", seconds),
    Field("details.prework_seconds", "prework", seconds),
    Field("details.afterwork_seconds", "afterwork", seconds),
    Field("details.work_seconds", "sum_work", work_seconds),
    Field("details.disposition_id", "dispositionid", text),
    Field("details.disposition_label", "disposition_label", text),
    Field("details.disposition_export_name", "disposition_export_name", text),
    Field("details.disposition_reach", "dispositionreach", integer),
    Field("details.disposition_reach_label", "dispositionreach_label", text),
    Field("details.disposition_status", "dispositionstatus", integer),
    Field("details.disposition_status_label", "dispositionstatus_label", text),
    Field("details.disposition_comment", "disposition_comment", text),
    Field("details.hangup_disposition", "hangup_disposition", text),
    Field("details.dc", "dc", text),
    Field("details.dialer_mode", "dialermode", integer),
    Field("details.dialer_mode_label", "dialermode_label", text),
    Field("details.call_quantity", "call_quantity", decimal),
    Field("details.call_rate", "call_rate", decimal),
    Field("details.total_fee", "total_fee", decimal),
    Field("details.currency", "currency", text),
    Field("details.price_tag", "pricetag", text),
    Field("details.vcc_score", "vcc_score", text),
    Field("details.special", "special", boolean),
    Field("details.next_contact_at", ("next_contact_utc", "next_contact"), moment),
    Field("details.call_file_name", "callfilename", text),
    Field("details.status_archived", "status_archived", text),
    Field("details.last_archived_at", ("last_archived_time_utc", "last_archived_time"), moment),
    Field("details.trash_user_id", "trash_user_id", text),
    Field("details.deleted_user_id", "deleted_user_id", text),
    Field("details.custom_fields", ("custom_fields", "custom_fields_misspelt"), custom_fields),
)

RECORDS = _COMMON
LOGS = (*_COMMON, Field("session_id", "uuid", str))

_INSIDE = "VCC Live tells the customer's and the call centre's numbers, and never an extension."
_NAME = "VCC Live shows no names of numbers; `agent` is who had the call."
_DOMAIN = "VCC Live tells no SIP domains."
_TRUNK = "VCC Live names no trunks."
NEVER = {
    "caller.extension": _INSIDE,
    "callee.extension": _INSIDE,
    "caller.name": _NAME,
    "callee.name": _NAME,
    "caller.domain": _DOMAIN,
    "callee.domain": _DOMAIN,
    "ringing_at": "VCC Live tells how long it rang, and not since when.",
    "trunk_in": _TRUNK,
    "trunk_out": _TRUNK,
    "account": "VCC Live has one account, the customer's own.",
    "user_data": "VCC Live has fields by name and an agent's comment instead, which are in "
    "`details`.",
    "hangup.sip_code": "VCC Live tells Q.850 causes, not SIP codes.",
    "hangup.reason": "VCC Live gives no reason in words.",
    "recording.url": "VCC Live does not document the address of one call's voice file.",
}

UNTOLD = {
    CallDisposition.VOICEMAIL: "VCC Live tells of no mailboxes, so a call that one took is among "
    "the unanswered.",
    CallDisposition.NOT_ALLOWED: "VCC Live tells Q.850 causes, of which none says that a call was "
    "not permitted; it is among the failed.",
}


def key_of(site: Site, row: Cdr) -> RowKey:
    """What finds the row's call again: its uuid, and its start for the month"""
    return RowKey(row.uuid, _moment(site)(row.start_ts_utc, row.start_ts))
