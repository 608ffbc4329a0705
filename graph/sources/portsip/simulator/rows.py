"""The company's calls in PortSIP's words: one session row per call, one log row per hop of it.

A session's `callee` is whom the PBX tried first (an IVR, a queue, an extension), and the pick-up of
an IVR or of a mailbox counts as its answer; `duration` is the talk with a person all the same.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from graph.sources import company
from graph.sources.portsip.simulator.listing import Row
from graph.sources.portsip.simulator.query import EPOCH, TICK, Kind, Says, microseconds
from graph.sources.portsip.simulator.switches import Switches

COLUMNS: dict[str, Kind] = {
    "id": "text",
    "session_id": "text",
    "caller": "text",
    "caller_domain": "text",
    "caller_display_name": "text",
    "callee": "text",
    "callee_domain": "text",
    "callee_display_name": "text",
    "started_at": "time",
    "rang_at": "time",
    "answered_at": "time",
    "ended_at": "time",
    "call_id": "text",
    "direction": "text",
    "end_reason": "text",
    "reroute_reason": "text",
    "status_code": "number",
    "destination": "text",
    "outbound_caller_id": "text",
    "did_cid": "text",
    "trunk": "text",
    "duration": "number",
    "cost": "number",
    "billed_account": "text",
    "service_number": "text",
    "user_data": "text",
}
SEARCHED = ("caller", "caller_display_name", "callee", "callee_display_name", "did_cid")
UNHEARD = {
    "direction": "SATELLITE_CALL",
    "end_reason": "MEDIA_LOST",
    "reroute_reason": "FORWARDING_HOLIDAY",
}
"""a word nobody has seen before for every key that holds words"""
BLANK = {"empty": "", "null": None}

_SECOND = 1_000_000
_SNOWFLAKE = (datetime(2018, 1, 1, tzinfo=UTC) - EPOCH) // TICK
_DIRECTIONS = {
    "inbound": "INBOUND_CALL",
    "outbound": "OUTBOUND_CALL",
    "internal": "EXTENSION_CALL",
}
_CODES = {"no_answer": 480, "busy": 486, "failed": 503, "cancelled": 487, "abandoned": 487}
_RESOLUTIONS = {0: (_SECOND, "seconds"), 3: (1000, "milliseconds"), 6: (1, "microseconds")}
_NAIVE_EPOCH = EPOCH.replace(tzinfo=None)


class CallRow(Row):
    """The session of a call."""

    __slots__ = ("_legs", "call", "number", "writer")

    def __init__(self, writer: Writer, call: company.Call) -> None:
        self.call = call
        self.writer = writer
        start, self.number = writer.identify(call)
        told = writer.id(self.number)
        super().__init__(start, told, told)
        self._legs: list[Row] | None = None

    @property
    def legs(self) -> list[Row]:
        if self._legs is None:
            self._legs = [LegRow(self, index) for index in range(len(self.call.legs))]
        return self._legs

    def concerns(self, number: str) -> bool:
        """Whether this number took part"""
        people = {person.number for leg in self.call.legs for person in (leg.source, leg.target)}
        return number in people - {""}

    def _say(self) -> Says:
        return self.writer.session(self)


class LegRow(Row):
    """One hop of a call."""

    __slots__ = ("_of", "index")

    def __init__(self, of: CallRow, index: int) -> None:
        self._of = of
        self.index = index
        after = of.call.legs[index].after_seconds * _SECOND
        super().__init__(of.at + after, of.writer.id(of.number + 1 + index), of.id)

    def _say(self) -> Says:
        return self._of.writer.leg(self._of, self)


class GivenRow(Row):
    """An entry given in the API's own shape."""

    __slots__ = ("entry", "legs")

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.entry = entry
        self.legs: list[Row] = []
        at = microseconds(str(entry.get("started_at"))) or 0
        own = str(entry.get("id", ""))
        super().__init__(at, own, str(entry.get("session_id", own)))

    def concerns(self, number: str) -> bool:
        return number in {self.entry.get("caller"), self.entry.get("callee")} - {""}

    def _say(self) -> Says:
        return tuple(_read(self.entry.get(name), kind) for name, kind in COLUMNS.items())


def _read(value: Any, kind: Kind) -> Any:
    if value in (None, ""):
        return None
    if kind == "time":
        return microseconds(str(value))
    if kind == "number":
        return value if isinstance(value, int | float) else None
    return str(value)


class Writer:
    """What the rows of calls say. All of it follows from the call and the seed alone."""

    def __init__(self, seed: int, switches: Switches) -> None:
        self._seed = seed
        self._switches = switches
        self._step, self._timespec = _RESOLUTIONS[switches.fraction_digits]
        self._many_reroutes = switches.since(22, 3)
        self._corrected = switches.since(22, 5, 1)
        self._composite = switches.since(22, 2, 11)

    def identify(self, call: company.Call) -> tuple[int, int]:
        """The call's start in microseconds, and its id: the next fifteen are kept for its legs"""
        # Up to three calls that follow each other share a fraction, so that real ties exist.
        fraction = crc32(b"%d/%d" % (self._seed, call.number // 3)) % _SECOND
        exact = int(call.started_at.timestamp()) * _SECOND + fraction
        # An odd factor gives every number of 18 bits its own place.
        within = (call.number * 40_503 + self._seed * 7_919) % 2**18
        number = (exact - _SNOWFLAKE) // 1000 << 22 | within << 4
        return exact - exact % self._step, number

    def id(self, number: int) -> str:
        if self._switches.ids == "bare":
            return str(number)
        return base64.b64encode(b"%d" % number).decode()

    def session(self, row: CallRow) -> Says:
        call = row.call
        first = call.legs[0]
        picked = [_rings_until(leg) for leg in call.legs if _picked(leg)]
        answered = min(picked, default=None)
        reroutes = (self._reroute(call, index) for index in range(len(call.legs)))
        menus = (leg.target.number for leg in call.legs if leg.place == "ivr")
        return self._says(
            row,
            row,
            first,
            (
                0,
                None if first.ring_seconds is None else first.after_seconds,
                answered,
                call.total_seconds,
            ),
            end_reason=self._end(call, answered=answered is not None),
            reroute=next((reroute for reroute in reroutes if reroute), None),
            status=_code(call, call.outcome) if answered is None else 0,
            destination=None,
            duration=call.talk_seconds,
            bill=(None, None),
            service=call.queue.number if call.queue else next(menus, None),
        )

    def leg(self, of: CallRow, row: LegRow) -> Says:
        call, index = of.call, row.index
        leg = call.legs[index]
        picked = _picked(leg)
        ends = leg.after_seconds + leg.seconds
        return self._says(
            row,
            of,
            leg,
            (
                leg.after_seconds,
                None if leg.ring_seconds is None else leg.after_seconds,
                _rings_until(leg) if picked else None,
                ends,
            ),
            end_reason=self._leg_end(call, leg, picked=picked, ends=ends),
            reroute=self._reroute(call, index),
            status=0 if picked else _code(call, leg.outcome),
            destination=self._destination(call, leg),
            duration=leg.talk_seconds or 0,
            bill=self._bill(call, index),
            service=_service(call, leg),
        )

    def wire(self, row: Row, hidden: frozenset[str]) -> dict[str, Any]:
        """The row as it is sent"""
        if isinstance(row, GivenRow):
            return {name: value for name, value in row.entry.items() if name not in hidden}
        style = self._switches.blanks
        told: dict[str, Any] = {}
        for (name, kind), value in zip(COLUMNS.items(), row.says, strict=True):
            if name in hidden:
                continue
            if value is None:
                if style != "absent":
                    told[name] = BLANK[style]
            else:
                told[name] = self.time(value) if kind == "time" else value
        told.update(self._switches.extra)
        return told

    def time(self, at: int) -> str:
        return (_NAIVE_EPOCH + at * TICK).isoformat(timespec=self._timespec) + "Z"

    def _says(
        self,
        row: Row,
        of: CallRow,
        leg: company.Leg,
        seconds: tuple[int | None, ...],
        *,
        end_reason: str | None,
        reroute: str | None,
        status: int,
        destination: str | None,
        duration: int,
        bill: tuple[float | None, str | None],
        service: str | None,
    ) -> Says:
        start, call = of.at, of.call
        named = self._corrected or call.direction != "inbound" or leg.place not in ("ivr", "queue")
        transit = call.direction == "inbound" and call.legs[-1].place == "outside"
        return (
            row.id,
            row.session,
            leg.source.number or None,
            self._domain(call, outside=call.direction == "inbound"),
            leg.source.name or None,
            leg.target.number or None,
            self._domain(call, outside=leg.place == "outside"),
            (named and leg.target.name) or None,
            *(None if after is None else start + after * _SECOND for after in seconds),
            f"{crc32(of.id.encode()):08x}{call.number:06x}@{self._switches.domain}",
            "INBOUND_OUTBOUND_CALL" if transit else _DIRECTIONS[call.direction],
            end_reason,
            reroute,
            status,
            destination,
            company.LINES[0] if call.direction == "outbound" else None,
            call.did,
            call.trunk,
            duration,
            *bill,
            service,
            self._user_data(call),
        )

    def _domain(self, call: company.Call, *, outside: bool) -> str:
        return f"{call.trunk}.example.net" if outside and call.trunk else self._switches.domain

    def _destination(self, call: company.Call, leg: company.Leg) -> str:
        number = company.VOICEMAIL.number if leg.place == "voicemail" else leg.target.number
        if leg.place == "extension":
            return f"sip:{number}@192.0.2.{crc32(number.encode()) % 254 + 1}:5060"
        return f"sip:{number}@{self._domain(call, outside=leg.place == 'outside')}:5060"

    def _user_data(self, call: company.Call) -> str | None:
        if call.note and call.queue and self._composite:
            return f"user-data={call.note};service-number={call.queue.number}"
        return call.note

    def _end(self, call: company.Call, *, answered: bool) -> str | None:
        """How the whole call ended"""
        if not answered:
            return "CANCELLED" if call.outcome in ("cancelled", "abandoned") else None
        # Until 22.5.1 a hang-up of the called side was not told reliably.
        if call.hung_up_by == "callee" and not self._corrected:
            return None
        ending = "" if self._switches.short_reasons else "ED"
        return f"{call.hung_up_by.upper()}_DISCONNECT{ending}"

    def _leg_end(
        self, call: company.Call, leg: company.Leg, *, picked: bool, ends: int
    ) -> str | None:
        if not picked and leg.outcome in ("cancelled", "abandoned"):
            return "CANCELLED"
        if leg is call.legs[-1] or ends == call.total_seconds:
            return self._end(call, answered=picked)
        if picked and call.transferred and leg.place == "extension":
            return "BLIND_TRANSFER_COMPLETED"
        return "REDIRECTED" if picked or call.legs[-1].place == "voicemail" else None

    def _reroute(self, call: company.Call, index: int) -> str | None:
        """Why the call came to this hop, or left the queue"""
        leg = call.legs[index]
        before = call.legs[index - 1] if index else None
        word = None
        if leg.place == "queue" and leg.outcome == "abandoned":
            word = "QUEUE_ABANDONED"
        elif leg.place == "voicemail" and before:
            busy = "FORWARDING_BUSY" if before.outcome == "busy" else "FORWARDING_NO_ANSWER"
            word = "OVERFLOW" if before.place == "queue" else busy
        elif call.transferred and leg is call.legs[-1]:
            word = "TRANSFER"
        return word if self._many_reroutes or word in ("TRANSFER", "OVERFLOW") else None

    def _bill(self, call: company.Call, index: int) -> tuple[float, str | None]:
        """The call's price on the hop that carried it: the last one answered outside"""
        outside = [
            at for at, leg in enumerate(call.legs) if leg.place == "outside" and leg.answered
        ]
        if not call.price_cents or index != (outside or [len(call.legs) - 1])[-1]:
            return 0.0, None
        return call.price_cents / 100, call.caller.number


def _picked(leg: company.Leg) -> bool:
    """Whether anybody or anything answered; a queue answers when somebody of it does"""
    return leg.answered or leg.place == "voicemail"


def _rings_until(leg: company.Leg) -> int:
    return leg.after_seconds + (leg.ring_seconds or 0)


def _code(call: company.Call, outcome: company.Outcome) -> int:
    """The SIP code of what failed: the call's own where this is what it ended with"""
    if outcome == call.outcome and call.sip_code:
        return call.sip_code
    return _CODES.get(outcome, 480)


def _service(call: company.Call, leg: company.Leg) -> str | None:
    if leg.place in ("ivr", "queue"):
        return leg.target.number
    return call.queue.number if call.queue else None
