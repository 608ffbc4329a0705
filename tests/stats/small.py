"""A small company whose figures can be worked out on paper, and how its calls are made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from graph.sources.company import IVR, QUEUES, STAFF, Call, Direction, Leg, Outcome, Person, Place

DAY = datetime(2026, 3, 2, tzinfo=UTC)
ANNA, BEN = STAFF[0], STAFF[1]
ROSA = Person("+493012345601", "")
KURT = Person("+493012345602", "")
PAUL = Person("+493012345603", "")
LINE = "+493022610100"


def at(clock: str) -> datetime:
    hours, minutes, seconds = map(int, clock.split(":"))
    return DAY + timedelta(hours=hours, minutes=minutes, seconds=seconds)


def call(
    number: int,
    started_at: datetime,
    direction: Direction,
    caller: Person,
    callee: Person,
    outcome: Outcome = "answered",
    *,
    ring: int = 0,
    talk: int = 0,
    menu: int | None = None,
    queue: int | None = None,
    cents: int = 0,
) -> Call:
    """One call. With `menu` and `queue` it waited that long in both; `ring` is part of `queue`."""
    answered = outcome == "answered"

    def leg(place: Place, target: Person, after: int, rings: int | None, talks: int | None,
            ended: Outcome) -> Leg:  # fmt: skip
        return Leg(place, caller, target, after, rings, talks, ended == "answered", ended)

    last: Place = "outside" if direction == "outbound" else "extension"
    if queue is not None:
        first = menu or 0
        legs = [leg("ivr", IVR, 0, None, first, "answered")]
        if answered:
            legs.append(leg("queue", QUEUES[0], first, queue, talk, "answered"))
            legs.append(leg(last, callee, first + queue - ring, ring, talk, "answered"))
        else:
            legs.append(leg("queue", QUEUES[0], first, queue, None, "abandoned"))
    elif outcome == "voicemail":
        legs = [
            leg("extension", callee, 0, ring, None, "no_answer"),
            leg("voicemail", callee, ring, None, 30, "voicemail"),
        ]
    else:
        rings = None if outcome in ("busy", "failed") else ring
        legs = [leg(last, callee, 0, rings, talk if answered else None, outcome)]
    sip, cause = {
        "answered": (0, 16), "no_answer": (480, 19), "busy": (486, 17), "failed": (503, 38),
        "abandoned": (487, 16), "voicemail": (0, 16), "cancelled": (487, 16),
    }[outcome]  # fmt: skip
    return Call(
        number=number,
        started_at=started_at,
        direction=direction,
        caller=caller,
        callee=QUEUES[0] if queue is not None and not answered else callee,
        outcome=outcome,
        legs=tuple(legs),
        ring_seconds=queue if queue is not None and not answered else ring,
        talk_seconds=talk,
        queue_seconds=queue or 0,
        hold_seconds=0,
        cause=cause,
        sip_code=sip,
        hung_up_by="caller",
        price_cents=cents,
        recorded=False,
        did=LINE if direction == "inbound" else None,
        trunk=None if direction == "internal" else "berlin-sip",
        queue=QUEUES[0] if queue is not None else None,
    )


CALLS = [
    call(1, at("09:00:00"), "inbound", ROSA, ANNA, ring=10, talk=100),
    call(2, at("09:00:30"), "inbound", KURT, BEN, ring=30, talk=50),
    call(3, at("09:10:00"), "inbound", PAUL, ANNA, "no_answer", ring=25),
    call(4, at("09:20:00"), "inbound", ROSA, ANNA, "abandoned", menu=5, queue=10),
    call(5, at("09:30:00"), "inbound", KURT, ANNA, "abandoned", menu=5, queue=55),
    call(6, at("09:40:00"), "outbound", BEN, PAUL, ring=5, talk=61, cents=14),
    call(7, at("09:50:00"), "outbound", BEN, ROSA, "busy"),
    call(8, at("10:00:00"), "internal", ANNA, BEN, ring=4, talk=20),
    call(9, at("10:05:00"), "inbound", ROSA, ANNA, "voicemail", ring=20),
    call(10, at("10:20:00"), "outbound", ANNA, KURT, "failed"),
]
WINDOW: dict[str, Any] = {"since": "2026-03-02T00:00:00Z", "until": "2026-03-03T00:00:00Z"}
