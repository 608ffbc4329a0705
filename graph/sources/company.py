"""A made-up company and its calls: the truth that every twin shows in its vendor's own words.

The same seed gives the same people, queues and calls, so five twins can show one history, and a
test can compare what came through a vendor with what really happened. Nothing here knows a vendor.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

Direction = Literal["inbound", "outbound", "internal"]
Outcome = Literal["answered", "no_answer", "busy", "failed", "voicemail", "abandoned", "cancelled"]
Place = Literal["ivr", "queue", "extension", "outside", "voicemail"]


class Person(msgspec.Struct, frozen=True):
    """Somebody of the company, or an outside number with the name its phone shows."""

    number: str
    name: str


class Leg(msgspec.Struct, frozen=True):
    """One hop of a call, in the order the hops began. Seconds; None where the hop has none."""

    place: Place
    source: Person
    target: Person
    after_seconds: int
    """from the start of the call to the start of this hop"""
    ring_seconds: int | None
    talk_seconds: int | None
    answered: bool
    outcome: Outcome

    @property
    def seconds(self) -> int:
        return (self.ring_seconds or 0) + (self.talk_seconds or 0)


class Call(msgspec.Struct, frozen=True):
    """One call as it really was. `started_at` is UTC and whole seconds."""

    number: int
    """counts the calls of one history from 1; larger is not always later"""
    started_at: datetime
    direction: Direction
    caller: Person
    callee: Person
    """whom the caller reached in the end, or whom the call tried last"""
    outcome: Outcome
    legs: tuple[Leg, ...]
    ring_seconds: int
    talk_seconds: int
    """conversation with a person; 0 where there was none"""
    queue_seconds: int
    hold_seconds: int
    cause: int
    """ITU-T Q.850"""
    sip_code: int
    """the SIP failure code; 0 for an answered call"""
    hung_up_by: Literal["caller", "callee"]
    price_cents: int
    recorded: bool
    did: str | None = None
    trunk: str | None = None
    queue: Person | None = None
    transferred: bool = False
    note: str | None = None

    @property
    def answered(self) -> bool:
        """A person answered"""
        return self.outcome == "answered"

    @property
    def total_seconds(self) -> int:
        return max(leg.after_seconds + leg.seconds for leg in self.legs)

    @property
    def ended_at(self) -> datetime:
        return self.started_at + timedelta(seconds=self.total_seconds)

    @property
    def answered_at(self) -> datetime | None:
        """When a person first answered"""
        for leg in self.legs:
            if leg.answered and leg.place in ("extension", "outside"):
                wait = leg.after_seconds + (leg.ring_seconds or 0)
                return self.started_at + timedelta(seconds=wait)
        return None


STAFF = tuple(
    Person(str(2001 + place), name)
    for place, name in enumerate(
        (
            "Kristin Hale",
            "Anna Simmons",
            "José Álvarez",
            "Zoë O'Brien",
            "Mehmet Yılmaz",
            "Lars <IT> Holm",
            "李 明",
            "Noa Cohen",
            "Réka Szabó",
            "Tom, Front Desk",
            "Grace Otieno",
            "Ivan Petrov",
        )
    )
)
IVR = Person("6201", "Main Menu")
QUEUES = (Person("6400", "Sales"), Person("6401", "Support"), Person("6402", "Billing"))
VOICEMAIL = Person("6500", "Voicemail")
LINES = ("+493022610100", "+493022610200", "+97237219000", "+3615100300")
TRUNKS = ("berlin-sip", "budapest-pri")
_COUNTRIES = (("+4930", 7), ("+49171", 7), ("+361", 7), ("+9725", 8), ("+4420", 8), ("+1212", 7))
_OUTSIDE_NAMES = ("", "", "", "Acme GmbH", "Dana Levi", "N. Kovács", "Müller & Söhne", "Bob=1+1")
_KINDS = (
    ("in_answered", 17),
    ("in_missed", 9),
    ("in_queued", 16),
    ("in_abandoned", 6),
    ("in_voicemail", 5),
    ("in_transferred", 4),
    ("out_answered", 20),
    ("out_no_answer", 6),
    ("out_busy", 4),
    ("out_failed", 3),
    ("out_cancelled", 2),
    ("int_answered", 6),
    ("int_missed", 2),
)
# Calls by hour of the day: quiet at night, a peak before and after lunch.
_HOURS = (1, 1, 1, 1, 1, 2, 4, 12, 40, 70, 80, 75, 50, 62, 78, 74, 60, 35, 14, 8, 5, 3, 2, 1)
_SAME_SECOND = 0.2


def calls(
    *, seed: int, count: int, until: datetime, days: float = 30.0, first_number: int = 1
) -> list[Call]:
    """`count` calls that began in the `days` before `until` (UTC), sorted by start.

    About a fifth of them begin in the same second as another one. They are numbered from
    `first_number` on.
    """
    chance = random.Random(seed)
    since = until - timedelta(days=days)
    starts: list[datetime] = []
    while len(starts) < count:
        at = since + timedelta(seconds=chance.randrange(int(days * 86400)))
        weight = _HOURS[at.hour] * (0.15 if at.weekday() >= 5 else 1.0)
        if chance.random() * 80 < weight or days < 1:
            starts.append(at.replace(microsecond=0))
            while len(starts) < count and chance.random() < _SAME_SECOND:
                starts.append(starts[-1])
    starts.sort()
    return [_call(chance, number, at) for number, at in enumerate(starts, first_number)]


def _outside(chance: random.Random) -> Person:
    # Few callers call often and many once, so that repeat callers and top lists mean something.
    rank = min(int(chance.paretovariate(0.8)), 400)
    prefix, digits = _COUNTRIES[rank % len(_COUNTRIES)]
    number = f"{prefix}{(rank * 7919) % 10**digits:0{digits}d}"
    return Person(number, _OUTSIDE_NAMES[rank % len(_OUTSIDE_NAMES)])


def _talk(chance: random.Random) -> int:
    return max(1, min(int(chance.lognormvariate(4.4, 1.1)), 5400))


def _call(chance: random.Random, number: int, at: datetime) -> Call:
    kind = chance.choices([k for k, _ in _KINDS], [w for _, w in _KINDS])[0]
    agent, other = chance.sample(STAFF, 2)
    outside = _outside(chance)
    ring = chance.randrange(1, 25)
    talk = _talk(chance)
    by: Literal["caller", "callee"] = "caller" if chance.random() < 0.6 else "callee"
    hold = chance.randrange(1, max(2, talk // 3)) if talk > 60 and chance.random() < 0.15 else 0
    direction: Direction = (
        "inbound"
        if kind.startswith("in_")
        else "internal"
        if kind.startswith("int")
        else "outbound"
    )
    caller, callee = {
        "inbound": (outside, agent),
        "outbound": (agent, outside),
        "internal": (agent, other),
    }[direction]
    outcome: Outcome = "answered"
    queue: Person | None = None
    queue_seconds = 0
    sip, cause = 0, 16
    last: Place = "outside" if direction == "outbound" else "extension"

    def leg(place: Place, target: Person, after: int, rings: int | None, talks: int | None,
            ended: Outcome = "answered") -> Leg:  # fmt: skip
        return Leg(place, caller, target, after, rings, talks, ended == "answered", ended)

    if kind in ("in_missed", "out_no_answer", "int_missed"):
        outcome, talk, hold, ring, sip, cause = "no_answer", 0, 0, ring + 15, 480, 19
        legs = [leg(last, callee, 0, ring, None, "no_answer")]
    elif kind == "out_busy":
        outcome, talk, hold, ring, sip, cause, by = "busy", 0, 0, 0, 486, 17, "callee"
        legs = [leg(last, callee, 0, None, None, "busy")]
    elif kind == "out_failed":
        outcome, talk, hold, ring, sip, cause, by = "failed", 0, 0, 0, 503, 38, "callee"
        legs = [leg(last, callee, 0, None, None, "failed")]
    elif kind == "out_cancelled":
        outcome, talk, hold, sip, cause, by = "cancelled", 0, 0, 487, 16, "caller"
        legs = [leg(last, callee, 0, ring, None, "cancelled")]
    elif kind == "in_voicemail":
        outcome, hold, ring = "voicemail", 0, ring + 12
        message = min(talk, 90)
        talk = 0
        legs = [
            leg("extension", agent, 0, ring, None, "no_answer"),
            leg("voicemail", agent, ring, None, message, "voicemail"),
        ]
    elif kind == "in_abandoned":
        outcome, talk, hold, sip, cause, by = "abandoned", 0, 0, 487, 16, "caller"
        queue = chance.choice(QUEUES)
        menu = chance.randrange(3, 20)
        queue_seconds = chance.randrange(2, 180)
        ring, callee = queue_seconds, queue
        legs = [
            leg("ivr", IVR, 0, None, menu),
            leg("queue", queue, menu, queue_seconds, None, "abandoned"),
        ]
    elif kind == "in_queued":
        queue = chance.choice(QUEUES)
        menu = chance.randrange(3, 20)
        queue_seconds = ring + chance.randrange(0, 120)
        legs = [
            leg("ivr", IVR, 0, None, menu),
            leg("queue", queue, menu, queue_seconds, talk),
            leg("extension", agent, menu + queue_seconds - ring, ring, talk),
        ]
    elif kind == "in_transferred":
        second_ring, second_talk = chance.randrange(1, 12), _talk(chance)
        legs = [
            leg("extension", agent, 0, ring, talk),
            leg("extension", other, ring + talk, second_ring, second_talk),
        ]
        callee, talk = other, second_talk
    else:
        legs = [leg(last, callee, 0, ring, talk)]
    minutes = -(-talk // 60)
    return Call(
        number=number,
        started_at=at.astimezone(UTC),
        direction=direction,
        caller=caller,
        callee=callee,
        outcome=outcome,
        legs=tuple(legs),
        ring_seconds=ring,
        talk_seconds=talk,
        queue_seconds=queue_seconds,
        hold_seconds=hold,
        cause=cause,
        sip_code=sip,
        hung_up_by=by,
        price_cents=minutes * 7 if direction == "outbound" else 0,
        recorded=outcome == "answered" and chance.random() < 0.4,
        did=chance.choice(LINES) if direction == "inbound" else None,
        trunk=chance.choice(TRUNKS) if direction != "internal" else None,
        queue=queue,
        transferred=kind == "in_transferred",
        note=chance.choice(("ticket 4711", "call back", "VIP")) if chance.random() < 0.1 else None,
    )
