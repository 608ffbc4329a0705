"""Calls as PhoneCall rows, and the statistics over them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from graph.sources import company
from graph.sources.voipnow.simulator.switches import Switches

Row = dict[str, Any]

ANSWERED, BUSY, FAILED, NO_ANSWER, UNKNOWN, NOT_ALLOWED = range(6)
LOCAL, OUTGOING, INCOMING = 2, 4, 8
UNDATED = -1
"""the `published` of a given row that has none; such rows lie inside every period"""

_FLOWS = {"internal": LOCAL, "outbound": OUTGOING, "inbound": INCOMING}
_REFUSED_BY_POLICY = 403
_STATS = {
    "answered": ANSWERED,
    "unanswered": NO_ANSWER,
    "busy": BUSY,
    "failed": FAILED,
    "unknown": UNKNOWN,
    "unallowed": NOT_ALLOWED,
}


class Traits(msgspec.Struct, frozen=True):
    """What filters and statistics look at."""

    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    extensions: tuple[str, ...]
    disposition: int
    flow: int


class Record(msgspec.Struct, eq=False):
    """One call with the three clocks it can be found by, in seconds since 1970."""

    truth: company.Call | Row
    digest: bytes
    published: int
    answered: int | None
    saved: int
    traits: Traits | None = None

    @property
    def tie(self) -> bytes:
        """Orders calls of one second, and has nothing to do with the id"""
        return self.digest[26:30]


class Writer:
    """Writes calls as this server would. Ids depend on the call alone, never on its neighbours."""

    def __init__(self, switches: Switches, seed: int) -> None:
        self.switches = switches
        self.seed = seed
        self.number = str if switches.numbers_as_text else int

    def record(self, call: company.Call) -> Record:
        published = int(call.started_at.timestamp())
        digest = self._digest(f"{call.number}:{published}")
        # Most calls are saved within seconds, a few late: so the orders of `published`, of the
        # ends and of saving all differ.
        late = digest[30] % 60 + 1 if digest[31] < 32 else digest[30] % 5 + 1
        answered = None
        for leg in call.legs:
            if self._answers(leg):
                answered = published + leg.after_seconds + (leg.ring_seconds or 0)
                break
        saved = published + call.total_seconds + min(late, self.switches.slowest_save)
        return Record(call, digest, published, answered, saved)

    def given(self, row: Row) -> Record:
        """A record of a row that is already in the vendor's shape"""
        views = row.get("phoneCallView") or ()
        published = _seconds(row.get("published"), UNDATED)
        moments = [_seconds(part.get("answered"), UNDATED) for part in (row, *views)]
        answered = min((at for at in moments if at != UNDATED), default=None)
        length = max((int(view.get("duration") or 0) for view in views), default=0)
        saved = max(published, answered or 0) + length
        return Record(row, self._digest(str(row.get("id"))), published, answered, saved)

    def row(self, record: Record) -> Row:
        call = record.truth
        if isinstance(call, dict):
            return dict(call)
        name = record.digest[:10].hex()
        views = self._views(call, record.published, name)
        charged = [view for view in views if int(view["disposition"]) == ANSWERED] or views
        row = {
            "id": name,
            "ownerId": self.switches.organization,
            "ownerName": self.switches.organization_name,
            "extension": charged[-1]["extension"],
            "published": _stamp(record.published),
        }
        if record.answered is not None:
            row["answered"] = _stamp(record.answered)
        row["nonce"] = record.digest[10:26].hex()
        row["phoneCallView"] = views
        return row

    def key(self, row: Row, record: Record) -> str:
        """The row's key where `entry` is an object"""
        known = record.truth.get("id") if isinstance(record.truth, dict) else None
        return str(row.get("id") or known or record.digest[:10].hex())

    def traits(self, record: Record) -> Traits:
        if record.traits is None:
            record.traits = _traits(self.row(record))
        return record.traits

    def stats(self, records: Iterable[Record]) -> list[Row]:
        """PhoneCallStat rows: incoming, then outgoing"""
        types = {INCOMING: 0, OUTGOING: 1}
        if self.switches.local_in_outgoing:
            types[LOCAL] = 1
        counts = [[0] * len(_STATS), [0] * len(_STATS)]
        for record in records:
            traits = self.traits(record)
            if traits.flow in types:
                counts[types[traits.flow]][traits.disposition] += 1
        return [
            {
                "type": self.number(kind),
                "total": self.number(sum(count)),
                **{word: self.number(count[number]) for word, number in _STATS.items()},
            }
            for kind, count in enumerate(counts)
        ]

    def _digest(self, text: str) -> bytes:
        return hashlib.blake2b(f"{self.seed}:{text}".encode(), digest_size=32).digest()

    def _answers(self, leg: company.Leg) -> bool:
        # A queue's own extension never answers: it hands the call on, which is a view of its own.
        if leg.place == "voicemail":
            return self.switches.voicemail_answers
        return leg.answered and leg.place in ("extension", "outside")

    def _views(self, call: company.Call, published: int, name: str) -> list[Row]:
        flow = _FLOWS[call.direction]
        views: list[Row] = []
        for leg in [leg for leg in call.legs if leg.place != "ivr"] or call.legs:
            answers = self._answers(leg)
            source = self._party(leg.source.number, flow != INCOMING)
            destination = self._party(leg.target.number, leg.place != "outside")
            ring, talk = leg.ring_seconds or 0, leg.talk_seconds or 0
            view: Row = {
                "id": f"{len(views):02}",
                "source": source,
                "destination": destination,
                "extension": destination if flow == INCOMING else source,
                "flow": self.number(flow),
                "disposition": self.number(_disposition(call, leg, answers)),
            }
            if answers:
                view["answered"] = _stamp(published + leg.after_seconds + ring)
            waited = ring if self.switches.duration == "total" else 0
            view["duration"] = self.number(waited + (talk if answers else 0))
            view[self.switches.caller_id_key] = f"{leg.source.name} <{source}>".strip()
            if call.recorded and answers and leg.place != "voicemail":
                if self.switches.recording == "flag":
                    view["recording"] = True
                elif self.switches.recording == "name":
                    view["recording"] = f"{name}-{view['id']}"
            views.append(view)
        return views

    def _party(self, number: str, local: bool) -> str:
        if local:
            return f"{self.switches.prefix}*{number}"
        return number if self.switches.plus_sign else number.removeprefix("+")


def _disposition(call: company.Call, leg: company.Leg, answers: bool) -> int:
    if answers:
        return ANSWERED
    if leg.outcome == "busy":
        return BUSY
    if leg.outcome == "failed":
        return NOT_ALLOWED if call.sip_code == _REFUSED_BY_POLICY else FAILED
    return NO_ANSWER


def _traits(row: Row) -> Traits:
    views = row.get("phoneCallView") or ()
    words = [int(view["disposition"]) for view in views if "disposition" in view]
    disposition = ANSWERED if ANSWERED in words else words[-1] if words else UNKNOWN
    parties = [(str(view.get("source", "")), str(view.get("destination", ""))) for view in views]
    flows = {int(view["flow"]) for view in views if "flow" in view}
    if not flows:
        flows = {_derived(*pair) for pair in parties}
    flow = INCOMING if INCOMING in flows else OUTGOING if OUTGOING in flows else LOCAL
    sources, destinations = zip(*parties, strict=True) if parties else ((), ())
    own = {str(part["extension"]) for part in (row, *views) if part.get("extension")}
    return Traits(
        sources,
        destinations,
        tuple(own.union(sources, destinations)),
        disposition if disposition in _STATS.values() else UNKNOWN,
        flow,
    )


def _derived(source: str, destination: str) -> int:
    if "*" in source:
        return LOCAL if "*" in destination else OUTGOING
    return INCOMING


def _stamp(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}Z"


def _seconds(text: str | None, blank: int) -> int:
    return int(datetime.fromisoformat(text).timestamp()) if text else blank
