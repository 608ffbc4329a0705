"""Voicenter's fields, words, and what it never has.

A row is a leg; `CdrType` says of what kind. Rows of one `CallID`, and those that were transferred
from it, are one call. Sources: "Call Log API", "Call log (Version 0.1)", "CDR Notification".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from graph.sources.contract import Field, PerSite, Site
from graph.sources.convert import boolean, e164, integer, lasting, local, money, seconds, text
from graph.sources.voicenter.wire import Scalar
from graph.types.call import AnsweredBy, CallDirection, CallDisposition, Recording

T = TypeVar("T")

# ---------------------------------------------------------------- words


class CdrKind(NamedTuple):
    """A type of row. `direction` None: as its parties tell. `key`: what names it in a row key."""

    key: str
    name: str
    direction: CallDirection | None
    answerer: AnsweredBy


_IN, _OUT, _THROUGH = CallDirection.INBOUND, CallDirection.OUTBOUND, CallDirection.TRANSIT
_PERSON, _MACHINE, _ANYBODY = AnsweredBy.PERSON, AnsweredBy.MACHINE, AnsweredBy.UNKNOWN

# The agent's own phone (9) is no person to the call: whether one answered is told by leg 2.
_TABLE = (
    CdrKind("1", "Incoming Call", _IN, _PERSON),
    CdrKind("2", "CC", CallDirection.UNKNOWN, _ANYBODY),
    CdrKind("4", "Extension Outgoing", _OUT, _PERSON),
    CdrKind("8", "Queue", _IN, _PERSON),
    CdrKind("9", "Click2Call leg1", _OUT, _MACHINE),
    CdrKind("10", "Click2Call leg2", _OUT, _PERSON),
    CdrKind("11", "VoiceMail", _IN, _MACHINE),
    CdrKind("12", "Callference", CallDirection.UNKNOWN, _ANYBODY),
    CdrKind("13", "XferCDR", None, _PERSON),
    CdrKind("14", "ProductiveCall Leg1", _OUT, _PERSON),
    CdrKind("15", "ProductiveCall Leg2", _OUT, _PERSON),
    CdrKind("16", "Scrubber", _OUT, _MACHINE),
    CdrKind("17", "Click 2 IVR", _OUT, _ANYBODY),
    CdrKind("18", "Click 2 IVR Incoming", _IN, _MACHINE),
    CdrKind("19", "Click 2 Queue Incoming", _IN, _PERSON),
    CdrKind("20", "FaxCdr", CallDirection.UNKNOWN, _MACHINE),
    CdrKind("21", "Attended CDR leg1", None, _PERSON),
    CdrKind("22", "Attended CDR leg2", None, _PERSON),
    CdrKind("23", "Auto forward", _THROUGH, _PERSON),
)
_TO_AGENT, _VOICEMAIL, _WAITING = "9", "11", frozenset({"8", "19"})

DISPOSITIONS = {
    "ANSWER": CallDisposition.ANSWERED,
    "BUSY": CallDisposition.BUSY,
    "NOANSWER": CallDisposition.NO_ANSWER,
    "CANCEL": CallDisposition.CANCELLED,
    "ABANDONE": CallDisposition.ABANDONED,
    "ABANDON": CallDisposition.ABANDONED,
    "VOEND": CallDisposition.ABANDONED,
    "TE": CallDisposition.FAILED,
    "NOTDIALED": CallDisposition.NO_ANSWER,
    "NOTCALLED": CallDisposition.NO_ANSWER,
    "TIMEOUT": CallDisposition.NO_ANSWER,
    "FULL": CallDisposition.NO_ANSWER,
    "EXIT": CallDisposition.ABANDONED,
    "JOINEMPTY": CallDisposition.NO_ANSWER,
    "VOICEMAIL": CallDisposition.VOICEMAIL,
    "CONGESTION": CallDisposition.FAILED,
    "CHANUNAVAIL": CallDisposition.FAILED,
    "INVALIDARGS": CallDisposition.FAILED,
    "SSWPREAUTH": CallDisposition.FAILED,
}


def _bare(name: Scalar) -> str:
    """A type's name without what its spellings differ in"""
    return str(name or "").lower().translate({ord(blank): None for blank in " _"})


KINDS = {kind.key: kind for kind in _TABLE} | {_bare(kind.name): kind for kind in _TABLE}
"""By number as text, and by name without blanks in lower case"""


@lru_cache(maxsize=1024)
def kind_of(cdr_type: Scalar, name: Scalar) -> CdrKind:
    """The kind of a row by its number, or by its name where that is all there is"""
    number, word = text(cdr_type) or "", _bare(name)
    known = KINDS.get(number) or KINDS.get(word)
    return known or CdrKind(number or word, "", CallDirection.UNKNOWN, _ANYBODY)


@lru_cache(maxsize=4096)
def outcome(status: Scalar, cdr_type: Scalar, name: Scalar) -> CallDisposition:
    """How the leg ended. What reached a mailbox is told by the type alone."""
    if kind_of(cdr_type, name).key == _VOICEMAIL:
        return CallDisposition.VOICEMAIL
    return DISPOSITIONS.get((text(status) or "").upper(), CallDisposition.UNKNOWN)


def _counting(site: Site, *words: Scalar) -> None:
    """Counts the first of the words that is there, because no table knows it"""
    for word in words:
        if (told := text(word)) is not None:
            site.unknown_words.met(told)
            return


def _disposition(site: Site) -> Callable[..., CallDisposition]:
    def convert(status: Scalar, cdr_type: Scalar, name: Scalar) -> CallDisposition:
        found = outcome(status, cdr_type, name)
        if found is CallDisposition.UNKNOWN:
            _counting(site, status)
        return found

    return convert


def answered_by(status: Scalar, cdr_type: Scalar, name: Scalar) -> AnsweredBy:
    how = outcome(status, cdr_type, name)
    if how is CallDisposition.ANSWERED:
        return kind_of(cdr_type, name).answerer
    if how is CallDisposition.VOICEMAIL:
        return AnsweredBy.MACHINE
    return _ANYBODY if how is CallDisposition.UNKNOWN else AnsweredBy.NOBODY


def _direction(site: Site) -> Callable[..., CallDirection]:
    def convert(cdr_type: Scalar, name: Scalar, caller: Scalar, target: Scalar) -> CallDirection:
        kind = kind_of(cdr_type, name)
        if not kind.name:
            _counting(site, name, cdr_type)
            return CallDirection.UNKNOWN
        ours, theirs = text(caller), text(target)
        if ours is not None and theirs is not None:
            return CallDirection.INTERNAL
        if kind.direction is not None:
            return kind.direction
        if theirs is not None:
            return CallDirection.INBOUND
        return CallDirection.UNKNOWN if ours is None else CallDirection.OUTBOUND

    return convert


# ---------------------------------------------------------------- who and when


@lru_cache(maxsize=64)
def clock(zone: str) -> Callable[[object], datetime | None]:
    """Text of a wall clock to UTC; kept for each zone, because it remembers the offsets"""
    return local(Site(id="", zone=ZoneInfo(zone), credentials=None, options=None))


def _date(site: Site) -> Callable[[object], datetime | None]:
    return clock(site.options.date_zone)


def original_id(custom: Any) -> str | None:
    """The call that this one was transferred from"""
    if isinstance(custom, dict):
        for key, value in custom.items():
            if key.lower() == "originalivruniqueid":
                return text(value)
    return None


def native_id(call_id: Scalar) -> str:
    told = text(call_id)
    if told is None:
        raise ValueError("a row without a CallID")
    return told


def call_key(call_id: Scalar, custom: Any) -> str:
    return original_id(custom) or native_id(call_id)


def _side(first: bool, read: Callable[[Scalar, Scalar], T]) -> Callable[..., T]:
    """What `read` makes of one side's number and extension.

    A leg to the agent is told with the customer as its caller; here the agent calls.
    """

    def convert(cdr_type: Scalar, name: Scalar, *sides: Scalar) -> T:
        as_told = kind_of(cdr_type, name).key != _TO_AGENT
        place = 0 if first is as_told else 2
        return read(sides[place], sides[place + 1])

    return convert


def _number(number: Scalar, extension: Scalar) -> str | None:
    return text(number) or text(extension)


def _extension(_number: Scalar, extension: Scalar) -> str | None:
    return text(extension)


def _in_e164(site: Site) -> Callable[[object], str | None]:
    """Numbers come without `+`, Israeli ones with one 0 in place of 972, too."""
    israeli = msgspec.structs.replace(site, region=site.region or "IL")
    return e164(plus=True).make(israeli)


NUMBERS = PerSite(_in_e164)


def _international(site: Site) -> Callable[[Scalar, Scalar], str | None]:
    convert = _in_e164(site)

    def international(number: Scalar, extension: Scalar) -> str | None:
        told = text(number)
        return None if told is None or told == text(extension) else convert(told)

    return international


def _caller_e164(site: Site) -> Callable[..., str | None]:
    return _side(True, _international(site))


def _callee_e164(site: Site) -> Callable[..., str | None]:
    return _side(False, _international(site))


# ---------------------------------------------------------------- how long, how much


def _talk(site: Site) -> Callable[..., int | None]:
    """Null for an answered call of a queue, whose length holds the waiting as well"""
    with_ring: bool = site.options.duration_includes_ring

    def convert(
        length: Scalar, ring: Scalar, status: Scalar, cdr_type: Scalar, name: Scalar
    ) -> int | None:
        how, kind = outcome(status, cdr_type, name), kind_of(cdr_type, name)
        if how is CallDisposition.UNKNOWN:
            return None
        if how is not CallDisposition.ANSWERED or kind.key == _TO_AGENT:
            return 0
        talk = None if kind.key in _WAITING else seconds(length)
        if not with_ring or talk is None:
            return talk
        rang = seconds(ring)
        return None if rang is None else max(0, talk - rang)

    return convert


def _total(site: Site) -> Callable[..., int | None]:
    with_ring: bool = site.options.duration_includes_ring

    def convert(length: Scalar, ring: Scalar, cdr_type: Scalar, name: Scalar) -> int | None:
        took = seconds(length)
        if took is None or with_ring or kind_of(cdr_type, name).key in _WAITING:
            return took
        rang = seconds(ring)
        return None if rang is None else took + rang

    return convert


def _ended_at(site: Site) -> Callable[..., datetime | None]:
    read, total = _date(site), _total(site)

    def convert(date: str | None, *length: Scalar) -> datetime | None:
        return _after(read(date), total(*length))

    return convert


def _answered_at(site: Site) -> Callable[..., datetime | None]:
    """After the ringing; not told for a queue, where the waiting comes before that"""
    read = _date(site)

    def convert(
        date: str | None, ring: Scalar, status: Scalar, cdr_type: Scalar, name: Scalar
    ) -> datetime | None:
        if outcome(status, cdr_type, name) is not CallDisposition.ANSWERED:
            return None
        if kind_of(cdr_type, name).key in _WAITING:
            return None
        return _after(read(date), seconds(ring))

    return convert


def _after(began: datetime | None, later: int | None) -> datetime | None:
    return None if began is None or later is None else began + lasting(later)


def recording(url: Scalar, expected: Any) -> Recording | None:
    """Also one that is expected and not there yet"""
    where = text(url)
    if where is None and not boolean(expected):
        return None
    return Recording(name=None, url=where, expected=True)


def agent(representative: Scalar, user: Scalar) -> str | None:
    return text(representative) or text(user)


def choices(told: Any) -> list[dict[str, str | None]] | None:
    """The choices in a caller's order, whatever the case of their keys"""
    if not isinstance(told, list):
        return None
    made = []
    for choice in told:
        if not isinstance(choice, dict):
            raise TypeError("a choice in DTMFData is no object")
        row = {key.lower(): value for key, value in choice.items()}
        made.append({key: text(row.get(key.lower())) for key in _CHOICE})
    return made


_CHOICE = ("layerName", "layerNumber", "dtmf")


def custom_data(told: Any) -> Any:
    return text(told) if isinstance(told, str) else told


_KIND = ("cdr_type", "type")
_SIDES = (*_KIND, "caller_number", "caller_extension", "target_number", "target_extension")
_STATUS = ("dial_status", *_KIND)
_LENGTH = ("duration", "ring_time")

LOGS = (
    Field("started_at", "date", PerSite(_date)),
    Field("native_id", "call_id", native_id),
    Field("call_key", ("call_id", "custom_data"), call_key),
    Field("session_id", ("call_id", "custom_data"), call_key),
    Field("caller.number", _SIDES, _side(True, _number)),
    Field("caller.e164", _SIDES, PerSite(_caller_e164)),
    Field("caller.extension", _SIDES, _side(True, _extension)),
    Field("callee.number", _SIDES, _side(False, _number)),
    Field("callee.e164", _SIDES, PerSite(_callee_e164)),
    Field("callee.extension", _SIDES, _side(False, _extension)),
    Field("direction", (*_KIND, "caller_extension", "target_extension"), PerSite(_direction)),
    Field("disposition", _STATUS, PerSite(_disposition)),
    Field("answered_by", _STATUS, answered_by),
    Field("answered_at", ("date", "ring_time", *_STATUS), PerSite(_answered_at)),
    Field("ended_at", ("date", *_LENGTH, *_KIND), PerSite(_ended_at)),
    Field("total_seconds", (*_LENGTH, *_KIND), PerSite(_total)),
    Field("ring_seconds", "ring_time", seconds),
    Field("talk_seconds", (*_LENGTH, *_STATUS), PerSite(_talk)),
    Field("did", "did", text),
    Field("queue", "queue_name", text),
    Field("agent", ("representative_name", "user_name"), agent),
    Field("cost", "price", money("ILS", per=100)),  # the wire has agorot
    Field("account", "department_name", text),
    Field("recording", ("record_url", "record_expect"), recording),
    Field("details.type", "type", text),
    Field("details.cdr_type", "cdr_type", integer),
    Field("details.dial_status", "dial_status", text),
    Field("details.dial_status2", "dial_status2", text),
    Field("details.date_epoch", "date_epoch", integer),
    Field("details.duration_seconds", "duration", seconds),
    Field("details.target_prefix_name", "target_prefix_name", text),
    Field("details.representative_code", "representative_code", text),
    Field("details.user_name", "user_name", text),
    Field("details.user_id", "user_id", text),
    Field("details.department_id", "department_id", text),
    Field("details.dtmf_data", "dtmf_data", choices),
    Field("details.custom_data", "custom_data", custom_data),
)

NEVER: Mapping[str, str] = {
    "caller.name": "Voicenter tells no name of a caller; `agent` names its own side.",
    "caller.domain": "Voicenter tells numbers, not SIP addresses.",
    "callee.name": "Voicenter tells no name of a called party; `agent` names its own side.",
    "callee.domain": "Voicenter tells numbers, not SIP addresses.",
    "ringing_at": "Voicenter tells how long it rang, not when that began.",
    "hold_seconds": "Voicenter does not tell time on hold.",
    "queue_seconds": "Voicenter counts the waiting into a queue call's length, and not apart.",
    "billed_seconds": "Voicenter tells what a call cost, not for how many seconds.",
    "trunk_in": "Voicenter is the operator itself and tells no trunks.",
    "trunk_out": "Voicenter is the operator itself and tells no trunks.",
    "shown_number": "Voicenter tells the calling number, and not another one that was shown.",
    "hangup": "Voicenter tells how a call ended, not who hung up, and no release cause.",
    "user_data": "Voicenter's custom data is an object and not one text; it is in `details`.",
}

UNTOLD = {
    CallDisposition.NOT_ALLOWED: "Voicenter has no word for a call that was not permitted; it is "
    "among the failed.",
}
