"""A call's hops as the PBX's rows, and a whole call as a row of version 2.0."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from graph.sources.company import LINES, Call, Leg, Person
from graph.sources.yeastar.simulator.switches import Switches

Row = dict[str, Any]

MOST_HOPS = 4
_DATES = {"MM/DD/YYYY": "%m/%d/%Y", "DD/MM/YYYY": "%d/%m/%Y", "YYYY/MM/DD": "%Y/%m/%d"}
_TITLES = {"ivr": "IVR ", "queue": "Queue ", "voicemail": "Voicemail "}
_TYPES = {"inbound": "Inbound", "outbound": "Outbound", "internal": "Internal"}
_STATUS = {
    "answered": "ANSWERED",
    "no_answer": "NO ANSWER",
    "busy": "BUSY",
    "failed": "FAILED",
    "voicemail": "VOICEMAIL",
    "abandoned": "ABANDONED",
    "cancelled": "NO ANSWER",
}
DISPOSITIONS = ("ANSWERED", "NO ANSWER", "BUSY", "FAILED", "VOICEMAIL")
LAST_STATUS = (*DISPOSITIONS, "ABANDONED")
UNHEARD = {
    "disposition": "PARKED ELSEWHERE",
    "last_status": "PARKED ELSEWHERE",
    "status": "PARKED ELSEWHERE",
    "call_type": "Sideways",
    "reason": "third party intervened    ",
}
"""words that no document knows, for every key that holds one"""
_KEPT_BLANK = frozenset(("did", "pin_code", "queues"))


def scatter(value: int, bits: int, salt: int) -> int:
    """A one-to-one jumble of the numbers of so many bits"""
    mask = (1 << bits) - 1
    value = ((value ^ salt) & mask) * 0x9E3779B1 & mask
    value ^= value >> (bits // 2)
    value = value * 0x85EBCA77 & mask
    return value ^ (value >> (bits // 2))


def epoch(call: Call) -> int:
    return int(call.started_at.timestamp())


class Scribe:
    """Writes rows in the clock, the display format and the keys of one PBX."""

    def __init__(self, switches: Switches, seed: int) -> None:
        self._switches = switches
        self._zone = ZoneInfo(switches.time_zone)
        self._old = switches.profile == "A"
        clock = "%H:%M:%S" if switches.hours == 24 else "%I:%M:%S %p"
        self._display = f"{_DATES[switches.date_format]} {clock}"
        self._seed = seed

    def display(self, at: int) -> str:
        return datetime.fromtimestamp(at, self._zone).strftime(self._display)

    def moments(self, text: str, display: str | None = None) -> list[int]:
        """The moments at which the PBX's clock shows this: two when a clock goes back"""
        local = datetime.strptime(text, display or self._display).replace(tzinfo=self._zone)
        return sorted({int(local.replace(fold=fold).timestamp()) for fold in (0, 1)})

    def moment(self, text: str) -> int:
        """ValueError if the text is not exactly what the PBX would display"""
        at = self.moments(text)[0]
        local = datetime.strptime(text, self._display)  # noqa: DTZ007 - only to be shown again
        if local.strftime(self._display) != text:
            raise ValueError(text)
        return at

    def given_at(self, row: Mapping[str, Any]) -> int:
        """When a row given from outside began"""
        if isinstance(row.get("timestamp"), int):
            return int(row["timestamp"])
        try:
            return self.moments(str(row.get("time", "")))[0]
        except ValueError:
            return 0

    def uid_moments(self, uid: str) -> list[int]:
        """When a call of this uid may have begun"""
        try:
            return self.moments(uid[:14], "%Y%m%d%H%M%S")
        except ValueError:
            return []

    def hops(self, call: Call) -> tuple[Leg, ...]:
        if not (self._switches.survey and call.queue and call.answered):
            return call.legs
        survey = Person("", "Satisfaction Survey")
        after = call.total_seconds
        return (*call.legs, Leg("ivr", call.caller, survey, after, None, 6, True, "answered"))

    def key(self, call: Call, index: int = 0) -> int:
        return call.number * MOST_HOPS + index

    def tie(self, call: Call, index: int = 0) -> int:
        """Orders rows of one sort value, whatever their ids are"""
        return scatter(self.key(call, index), 32, self._seed * 7919 + 5)

    def hop(self, call: Call, index: int) -> Row:
        """The row of one hop"""
        leg, key = self.hops(call)[index], self.key(call, index)
        start = epoch(call)
        at, call_id = start + leg.after_seconds, f"{start}.{call.number}"
        # An unanswered row of the seed era has no durations at all.
        timed = leg.answered or leg.outcome == "voicemail" or not self._old
        status = "NO ANSWER" if leg.outcome == "abandoned" else _STATUS[leg.outcome]
        row = {
            "id": key if self._old else None,
            "time": self.display(at),
            "call_from": _label(leg.source.name, leg.source.number),
            "call_to": _label(_name(leg), leg.target.number),
            "timestamp": at,
            "uid": self._uid(at, key) if self._old else self._uid(start, call.number),
            "src_trunk": call.trunk if call.direction == "inbound" else None,
            "dst_trunk": call.trunk if call.direction == "outbound" else None,
            "duration": leg.seconds if timed else None,
            "ring_duration": leg.ring_seconds if timed else None,
            "talk_duration": leg.talk_seconds if timed else None,
            "disposition": status,
            "call_type": self._type(call),
            "did_number": call.did,
            "dod_number": _shown_number(call),
            "record_file": self._recording(call, leg, at, call_id),
        }
        if self._old or self._switches.reason:
            row |= {"src_addr": _address(call), "reason": _reason(call, leg)}
        if not self._old:
            row |= self._newer(call, leg)
            row |= {"call_id": call_id, "new_id": self._new_id(at, key)}
        return _without_blanks(row)

    def call(self, call: Call) -> Row:
        """The row of a whole call, as version 2.0 has it"""
        first, last = call.legs[0], call.legs[-1]
        start = epoch(call)
        routing = call.total_seconds
        if call.answered_at is not None:
            routing = int(call.answered_at.timestamp()) - start
        ended_by = _label(call.caller.name, call.caller.number)
        if call.hung_up_by == "callee":
            ended_by = _label(_name(last), last.target.number)
        key = self.key(call)
        row = {
            "id": key if self._switches.v2_id == "number" else self._new_id(start, key),
            "uid": self._uid(start, call.number),
            "time": self.display(start),
            "timestamp": start if self._switches.v2_timestamp else None,
            "call_type": self._type(call),
            **_party("call_from", call.caller.name, call.caller.number),
            **_party("call_to", _name(first), first.target.number),
            **_party("last_participant", _name(last), last.target.number),
            "last_status": _STATUS[call.outcome],
            "call_duration": call.total_seconds,
            "routing_duration": routing,
            "ivr_duration": sum(leg.seconds for leg in call.legs if leg.place == "ivr"),
            "ring_duration": last.ring_seconds,
            "handling_duration": call.total_seconds - routing,
            "disconnected_by": ended_by,
            "segments": len(call.legs),
            "queues": call.queue and [{"number": call.queue.number, "name": call.queue.name}],
            "call_notes": {"remark": call.note or "", "disposition_code_list": ""},
        }
        trunk = [] if call.trunk is None else [call.trunk]
        return _without_blanks(row) | {
            "source_trunks": trunk if call.direction == "inbound" else [],
            "destination_trunks": trunk if call.direction == "outbound" else [],
            "dids": [] if call.did is None else [call.did],
        }

    def timeline(self, call: Call) -> list[Row]:
        """The hops of a call, as version 2.0 details them"""
        return [
            _without_blanks(
                {
                    "leg": number,
                    "time": self.display(epoch(call) + leg.after_seconds),
                    "status": _STATUS[leg.outcome],
                    "call_from": _label(leg.source.name, leg.source.number),
                    "call_to": _label(_name(leg), leg.target.number),
                    "call_duration": leg.seconds,
                    "ring_duration": leg.ring_seconds,
                    "talk_duration": leg.talk_seconds,
                    "hold_duration": call.hold_seconds if leg is call.legs[-1] else None,
                }
            )
            for number, leg in enumerate(self.hops(call), 1)
        ]

    def _newer(self, call: Call, leg: Leg) -> Row:
        switches = self._switches
        row: Row = {
            "call_from_number": leg.source.number,
            "call_to_number": leg.target.number or leg.target.name,
            "did": call.did or "",
            "pin_code": "",
        }
        if switches.did == "list":
            row["did"] = [call.did] if call.did else []
        if switches.names:
            row["call_from_name"] = leg.source.name
            row["call_to_name"] = _name(leg) if leg.target.number else ""
        if switches.notes:
            row["did_name"] = call.did and f"Line {call.did[-3:]}"
            row["call_note_id"] = call.note and f"{self.key(call)}"
            row["enb_call_note"] = 1
        return row

    def _uid(self, at: int, key: int) -> str:
        stamp = f"{datetime.fromtimestamp(at, self._zone):%Y%m%d%H%M%S}"
        return f"{stamp}{scatter(key, 20, self._seed):05X}"

    def _new_id(self, at: int, key: int) -> str:
        return f"{scatter(at, 32, self._seed):08X}-{scatter(key, 32, self._seed + 1):08X}"

    def _type(self, call: Call) -> str:
        wrong = self._switches.mislabel and call.outcome == "busy"
        return "Inbound" if wrong else _TYPES[call.direction]

    def _recording(self, call: Call, leg: Leg, at: int, call_id: str) -> str | None:
        if not (call.recorded and leg.answered and leg.place in ("extension", "outside")):
            return None
        begun = datetime.fromtimestamp(at + (leg.ring_seconds or 0), self._zone)
        ends = f"{leg.source.number}-{leg.target.number}"
        return f"{begun:%Y%m%d%H%M%S}-{call_id}-{ends}-{_TYPES[call.direction]}.wav"


def _without_blanks(row: Row) -> Row:
    return {key: value for key, value in row.items() if value or key in _KEPT_BLANK}


def _label(name: str, number: str) -> str:
    return f"{name}<{number}>" if name and number else name or number


def _name(leg: Leg) -> str:
    return _TITLES.get(leg.place, "") + leg.target.name if leg.target.number else leg.target.name


def _party(key: str, name: str, number: str) -> Row:
    return {key: _label(name, number), f"{key}_name": name, f"{key}_number": number}


def _shown_number(call: Call) -> str | None:
    return LINES[call.number % len(LINES)] if call.direction == "outbound" else None


def _address(call: Call) -> str:
    inside = call.direction != "inbound"
    return f"192.168.28.{int(call.caller.number[-2:]) + 20}" if inside else "203.0.113.10"


def _reason(call: Call, leg: Leg) -> str:
    if leg.after_seconds + leg.seconds < call.total_seconds:
        words = "dst redirect"
    elif leg.outcome == "busy":
        words = "dst extension_busy_no_forward"
    elif leg.outcome == "failed":
        words = "dst call_failed"
    elif leg.outcome == "no_answer" and call.hung_up_by == "callee":
        words = "dst no_answer"
    else:
        words = "src hangup" if call.hung_up_by == "caller" else "dst hangup"
    return words + "    "
