"""Yeastar's fields, words, and what it never has. A row is one hop; times are UTC seconds.

A queue's hop repeats the talk of the agent's hop that follows, so the queue counts as a machine and
the agent's hop decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from graph.privacy import keyed_hash
from graph.sources.columns import by_column
from graph.sources.contract import LONGEST_CALL_SECONDS, Composed, Field, PerSite, RowKey, Site
from graph.sources.convert import (
    boolean,
    e164,
    epoch,
    integer,
    seconds,
    text,
    texts,
    word,
)
from graph.sources.yeastar.labels import QUEUE, Place, place, side
from graph.sources.yeastar.times import answered_at, ended_at, talk_seconds
from graph.sources.yeastar.wire import Row
from graph.types.call import (
    AnsweredBy,
    CallDirection,
    CallDisposition,
    Hangup,
    HangupParty,
    Recording,
)

HORIZON_SECONDS = LONGEST_CALL_SECONDS
"""hops of one call begin within that of its start"""

DIRECTIONS = {
    "Inbound": CallDirection.INBOUND,
    "Outbound": CallDirection.OUTBOUND,
    "Internal": CallDirection.INTERNAL,
}

DISPOSITIONS = {
    "ANSWERED": CallDisposition.ANSWERED,
    "NO ANSWER": CallDisposition.NO_ANSWER,
    "BUSY": CallDisposition.BUSY,
    "FAILED": CallDisposition.FAILED,
    "VOICEMAIL": CallDisposition.VOICEMAIL,
    "ABANDONED": CallDisposition.ABANDONED,  # so far only version 2.0 and events have it
}

# The first word of a reason.
PARTIES = {"src": HangupParty.CALLER, "dst": HangupParty.CALLEE}


# ---------------------------------------------------------------- who a hop leads from and to

_FROM = ("call_from", "call_from_number", "call_from_name")
_TO = ("call_to", "call_to_number", "call_to_name")
_WAY = ("call_type", "src_trunk", "dst_trunk")


def _number(label: str | None, number: object, name: object) -> str | None:
    return side(label, number, name).number


def _name(label: str | None, number: object, name: object) -> str | None:
    return side(label, number, name).name


def _e164(site: Site) -> Callable[..., str | None]:
    international = e164().make(site)

    @lru_cache(maxsize=65_536)
    def convert(label: str | None, number: object, name: object) -> str | None:
        made: str | None = international(side(label, number, name).number)
        return made

    return convert


def _mended(site: Site) -> Callable[[CallDirection, str | None, str | None], CallDirection]:
    """Outbound calls that met a busy line were seen labelled Inbound; the trunks tell better."""
    mend = site.options.mend_direction

    def convert(found: CallDirection, src: str | None, dst: str | None) -> CallDirection:
        if mend and found is CallDirection.INBOUND and text(dst) and not text(src):
            return CallDirection.OUTBOUND
        return found

    return convert


def _direction(site: Site) -> Callable[..., CallDirection]:
    plain, mended = word(DIRECTIONS, CallDirection.UNKNOWN).make(site), _mended(site)
    return lambda call_type, src, dst: mended(plain(call_type), src, dst)


def _extension(*directions: CallDirection, of_callee: bool = False) -> PerSite:
    """The number, if this side is one of ours: all digits, and neither queue nor menu."""
    known = {key.upper(): value for key, value in DIRECTIONS.items()}

    def make(site: Site) -> Callable[..., str | None]:
        mended, tell = _mended(site), place(site)

        @lru_cache(maxsize=65_536)
        def convert(
            label: str | None, number: object, name: object,
            call_type: str | None, src: str | None, dst: str | None,
        ) -> str | None:  # fmt: skip
            value = side(label, number, name).number
            if value is None or not value.isdigit() or len(value) > 7:
                return None
            way = known.get((text(call_type) or "").upper(), CallDirection.UNKNOWN)
            if mended(way, src, dst) not in directions:
                return None
            if of_callee and tell(label, number, name) in (Place.QUEUE, Place.MACHINE):
                return None
            return value

        return convert

    return PerSite(make)


# ---------------------------------------------------------------- how it went


def _disposition(site: Site) -> Callable[..., CallDisposition]:
    """A queue that nobody answered was left by its caller."""
    plain, tell = word(DISPOSITIONS, CallDisposition.UNKNOWN).make(site), place(site)

    def convert(told: str | None, *to: Any) -> CallDisposition:
        found: CallDisposition = plain(told)
        if found is CallDisposition.NO_ANSWER and tell(*to) is Place.QUEUE:
            return CallDisposition.ABANDONED
        return found

    return convert


def _answered_by(site: Site) -> Callable[..., AnsweredBy]:
    """A queue counts as a machine, so that the hop of the agent who answered decides."""
    tell = place(site)

    def convert(found: CallDisposition, *to: Any) -> AnsweredBy:
        if found is CallDisposition.ANSWERED:
            return AnsweredBy.PERSON if tell(*to) is Place.PHONE else AnsweredBy.MACHINE
        if found is CallDisposition.VOICEMAIL:
            return AnsweredBy.MACHINE
        return AnsweredBy.UNKNOWN if found is CallDisposition.UNKNOWN else AnsweredBy.NOBODY

    return convert


@lru_cache(maxsize=256)
def _outcome(told: str | None) -> CallDisposition:
    """The word without a look at where the hop led, and without being counted"""
    return DISPOSITIONS.get((text(told) or "").upper(), CallDisposition.UNKNOWN)


def _ringing(*, in_queue: bool) -> PerSite:
    """`ring_duration`: how long the caller waited in a queue; of any other hop, how long it rang"""

    def make(site: Site) -> Callable[..., int | None]:
        tell = place(site)
        return lambda rang, *to: seconds(rang) if (tell(*to) is Place.QUEUE) is in_queue else None

    return PerSite(make)


def _queue(site: Site) -> Callable[..., str | None]:
    """The queue's name without the word Queue, or its number"""
    tell = place(site)

    def convert(*to: Any) -> str | None:
        if tell(*to) is not Place.QUEUE:
            return None
        called = side(*to)
        return text(QUEUE.sub("", called.name or "", count=1)) or called.number

    return convert


def _hangup(site: Site) -> Callable[[str | None], Hangup | None]:
    """`src …` or `dst …`, padded with blanks; which words follow is not documented"""
    party = word(PARTIES, HangupParty.UNKNOWN).make(site)

    def convert(value: str | None) -> Hangup | None:
        reason = text(value)
        if reason is None:
            return None
        who = party(reason.split(maxsplit=1)[0])
        return Hangup(cause=None, sip_code=None, party=who, reason=reason)

    return convert


def recording(name: str | None) -> Recording | None:
    file = text(name)
    return None if file is None else Recording(name=file, url=None, expected=True)


def did(value: Any) -> str | None:
    """Text, or a list of texts: no printing tells"""
    if isinstance(value, list):
        return text(", ".join(str(one) for one in value))
    return text(value)


# ---------------------------------------------------------------- what identifies a hop


_IDENTITY = ("new_id", "id", "uid", "call_id", "timestamp", "call_from", "call_to")


def _row_keys(site: Site, rows: Sequence[Row]) -> list[str]:
    told = texts([row.new_id for row in rows])
    return told if all(told) else [row_key(site, row) for row in rows]  # type: ignore[return-value]


@by_column(_row_keys)
def row_key(site: Site, row: Row) -> str:
    """`new_id` or `id`, whichever the firmware has; without both a hash of what tells rows apart"""
    return (
        text(row.new_id)
        or text(row.id)
        or _hashed(site, row.uid, row.call_id, row.timestamp, row.call_from, row.call_to)
    )


def _hashed(site: Site, *parts: object) -> str:
    return keyed_hash(site.hash_key, "\0".join(map(str, parts)))


def _native_id(site: Site) -> Callable[..., str]:
    def each(*columns: list[Any]) -> list[str]:
        told = texts(columns[0])
        return told if all(told) else list(map(native_id, *columns))  # type: ignore[return-value]

    @by_column(each)
    def native_id(
        new_id: Any, number: Any, uid: Any, call_id: Any, timestamp: Any, start: Any, end: Any
    ) -> str:
        told = text(new_id) or text(number)
        return told or _hashed(site, uid, call_id, timestamp, start, end)

    return native_id


def session_id(call_id: str | None, uid: str | None) -> str | None:
    return text(call_id) or text(uid)


def call_key(site: Site, row: Row) -> str:
    """What all hops of a call share; the row alone where nothing is shared."""
    return session_id(row.call_id, row.uid) or row_key(site, row)


def _call_key(site: Site) -> Callable[..., str]:
    native_id = _native_id(site)

    def convert(new_id: Any, number: Any, uid: str | None, call_id: str | None, *rest: Any) -> str:
        return session_id(call_id, uid) or native_id(new_id, number, uid, call_id, *rest)

    return convert


_CALL_ID = re.compile(r"(\d{9,10})\.\d+")
_UID = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)[0-9A-Fa-f]*")


def key_start(site: Site, key: str) -> datetime | None:
    """When a call began, as its key tells: `call_id` has the second in UTC, `uid` in the PBX's own
    time. Of a repeated autumn hour the first is meant.
    """
    told = _CALL_ID.fullmatch(key)
    if told is not None:
        return datetime.fromtimestamp(int(told[1]), UTC)
    stamp = _UID.fullmatch(key)
    if stamp is None or site.facts.get("zone_agrees") is False:
        return None
    try:
        year, month, day, hour, minute, second = (int(digits) for digits in stamp.groups())
        local = datetime(year, month, day, hour, minute, second, tzinfo=site.zone)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def call_start(site: Site, row: Row) -> datetime | None:
    """When the hop's call began; None where neither `call_id` nor `uid` tells, and where a `uid`
    contradicts the hop's own start, as it does if the configured zone is not the PBX's.
    """
    call_id = text(row.call_id)
    if call_id is not None and _CALL_ID.fullmatch(call_id):
        return key_start(site, call_id)
    start, began = key_start(site, text(row.uid) or ""), epoch(row.timestamp)
    if start is None or began is None:
        return None
    if not timedelta() <= began - start <= timedelta(seconds=HORIZON_SECONDS):
        return None
    return start


def call_of(site: Site, row: Row) -> RowKey:
    """The hop's call, to be looked for from where it began"""
    return RowKey(call_key(site, row), call_start(site, row) or epoch(row.timestamp))


# ---------------------------------------------------------------- the mapping

LOGS = (
    Field("started_at", "timestamp", epoch),
    Field("native_id", _IDENTITY, PerSite(_native_id)),
    Field("call_key", _IDENTITY, PerSite(_call_key)),
    Field("session_id", ("call_id", "uid"), session_id),
    Field("caller.number", _FROM, _number),
    Field("caller.e164", _FROM, PerSite(_e164)),
    Field(
        "caller.extension",
        (*_FROM, *_WAY),
        _extension(CallDirection.OUTBOUND, CallDirection.INTERNAL),
    ),
    Field("caller.name", _FROM, _name),
    Field("callee.number", _TO, _number),
    Field("callee.e164", _TO, PerSite(_e164)),
    Field(
        "callee.extension",
        (*_TO, *_WAY),
        _extension(CallDirection.INBOUND, CallDirection.INTERNAL, of_callee=True),
    ),
    Field("callee.name", _TO, _name),
    Field("direction", _WAY, PerSite(_direction)),
    Field("disposition", ("disposition", *_TO), PerSite(_disposition)),
    Field("answered_by", ("disposition", *_TO), Composed(PerSite(_answered_by), _outcome)),
    Field(
        "answered_at",
        ("timestamp", "disposition", "ring_duration", "talk_duration", "duration"),
        Composed(answered_at, epoch, _outcome, seconds, seconds, seconds),
    ),
    Field("ended_at", ("timestamp", "duration"), Composed(ended_at, epoch, seconds)),
    Field("total_seconds", "duration", seconds),
    Field("ring_seconds", ("ring_duration", *_TO), _ringing(in_queue=False)),
    Field(
        "talk_seconds", ("talk_duration", "disposition"), Composed(talk_seconds, seconds, _outcome)
    ),
    Field("queue_seconds", ("ring_duration", *_TO), _ringing(in_queue=True)),
    Field("trunk_in", "src_trunk", text),
    Field("trunk_out", "dst_trunk", text),
    Field("did", "did_number", text),
    Field("shown_number", "dod_number", text),
    Field("queue", _TO, PerSite(_queue)),
    Field("hangup", "reason", PerSite(_hangup)),
    Field("recording", "record_file", recording),
    Field("details.sequence_number", "id", text),
    Field("details.new_id", "new_id", text),
    Field("details.uid", "uid", text),
    Field("details.call_id", "call_id", text),
    Field("details.time", "time", text),
    Field("details.call_from", "call_from", text),
    Field("details.call_to", "call_to", text),
    Field("details.src_addr", "src_addr", text),
    Field("details.talk_duration_seconds", "talk_duration", integer),
    Field("details.disposition", "disposition", text),
    Field("details.call_type", "call_type", text),
    Field("details.reason", "reason", text),
    Field("details.did", "did", did),
    Field("details.did_name", "did_name", text),
    Field("details.pin_code", "pin_code", text),
    Field("details.call_note_id", "call_note_id", text),
    Field("details.enb_call_note", "enb_call_note", boolean),
)

WORDS = frozenset({*_FROM, *_TO, *_WAY, "disposition", "reason"})

NEVER = {
    "ringing_at": "Yeastar tells how long it rang, not when it began to.",
    "hold_seconds": "Rows of version 1.0 do not tell time on hold.",
    "billed_seconds": "Yeastar does not tell for how long a call is charged.",
    "agent": "A row names no agent; the callee of a call from a queue is who took it.",
    "cost": "A CDR has no costs; they are only in the PBX's billing reports.",
    "account": "Yeastar tells no account; a PIN that was keyed in is in the details.",
    "user_data": "No application can attach text to a row of version 1.0.",
    "caller.domain": "Yeastar tells numbers, not SIP domains.",
    "callee.domain": "Yeastar tells numbers, not SIP domains.",
    "hangup.cause": "Yeastar tells the end of a call in words, not as a Q.850 cause.",
    "hangup.sip_code": "Yeastar tells the end of a call in words, not as a SIP code.",
}

UNTOLD = {
    CallDisposition.NOT_ALLOWED: "Yeastar has no word for a call that was not permitted; it is "
    "among the failed.",
}
