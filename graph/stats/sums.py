"""What is added up while calls stream by. Each state can be added to in any order.

A figure names the accumulators it is derived from, so that what nobody selected is neither asked
of a vendor nor added. A value that is not told is counted with its reason, never taken for zero.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from graph.errors import TooManyGroups
from graph.stats.groups import extension, trunk
from graph.types.call import AnsweredBy, CallDirection, CallDisposition

LONGEST_THRESHOLD_SECONDS = 3600
"""the largest threshold that may be asked for; waits are told apart up to here"""

OUTCOMES = (
    "answered", "unanswered", "busy", "failed", "not_allowed", "abandoned", "voicemail", "unknown",
)  # fmt: skip
"""the ways a call can end, as they are counted; each call is in exactly one"""

_OUTCOME = {
    CallDisposition.ANSWERED: "answered",
    CallDisposition.NO_ANSWER: "unanswered",
    CallDisposition.CANCELLED: "unanswered",
    CallDisposition.REJECTED: "unanswered",
    CallDisposition.BUSY: "busy",
    CallDisposition.FAILED: "failed",
    CallDisposition.NOT_ALLOWED: "not_allowed",
    CallDisposition.ABANDONED: "abandoned",
    CallDisposition.VOICEMAIL: "voicemail",
    CallDisposition.UNKNOWN: "unknown",
}
OUTCOME_NEEDS = ("direction", "disposition", "answered_by")

_MICROSECOND = timedelta(microseconds=1)

NOT_TOLD = "its phone system tells none for this call"


def outcome(call: Any) -> str:
    """Which of OUTCOMES a call is counted in. What a machine answered, no person did."""
    if call.disposition is CallDisposition.ANSWERED and call.answered_by is AnsweredBy.MACHINE:
        return "voicemail"
    return _OUTCOME[call.disposition]


def outcome_of(kind: CallDisposition) -> str:
    """Which of OUTCOMES a disposition is counted in"""
    return _OUTCOME[kind]


class Teller(NamedTuple):
    """A source, as far as sums need to know it: what it never tells, and why."""

    id: str
    vendor: str
    name: str
    never: Mapping[str, str]
    untold: Mapping[str, str]
    """outcomes that it has no word for"""

    def why(self, path: str) -> str:
        """Why a value at this path is missing"""
        return self.never.get(path) or self.never.get(path.partition(".")[0]) or NOT_TOLD


class Seen(NamedTuple):
    """A call with what many accumulators ask of it."""

    call: Any
    source: Teller
    outcome: str


class Room:
    """How much may be kept at the same time; TooManyGroups beyond it."""

    def __init__(self, limit: str, most: int, what: str) -> None:
        self.limit, self.most, self.what = limit, most, what
        self.used = 0

    def take(self) -> None:
        self.used += 1
        if self.used > self.most:
            raise TooManyGroups(
                self.limit,
                self.most,
                self.used,
                f"the answer needs more than {self.most} {self.what}; choose a shorter window, "
                "coarser or fewer keys in `groupBy`, a narrower filter, or fewer figures",
            )


class Accumulator(NamedTuple):
    """What it reads, its empty state, and how a call is added."""

    needs: tuple[str, ...]
    new: Callable[[], Any]
    add: Callable[[Any, Seen, Room], None]


# ---------------------------------------------------------------- states


def add_count(state: Counter[Any], seen: Seen, _room: Room) -> None:
    state[seen.source.id, seen.call.direction, seen.outcome] += 1


class Told:
    """A sum over the calls that tell a value."""

    __slots__ = ("amount", "count", "untold")

    def __init__(self) -> None:
        self.count = 0
        self.amount = 0
        self.untold: Counter[str] = Counter()

    def add(self, value: int | None, source: Teller, path: str) -> None:
        if value is None:
            self.untold[source.why(path)] += 1
        else:
            self.count += 1
            self.amount += value


def _seconds(path: str) -> Accumulator:
    def add(state: Told, seen: Seen, _room: Room) -> None:
        state.add(getattr(seen.call, path), seen.source, path)

    return Accumulator((path,), Told, add)


class Talk(Told):
    """Conversation of answered calls, and what the rounding rules make of it, in their steps."""

    __slots__ = ("lengths", "minutes", "six_seconds", "thirty_six")

    def __init__(self) -> None:
        super().__init__()
        self.minutes = 0
        self.six_seconds = 0
        self.thirty_six = 0
        self.lengths: Counter[int] = Counter()


def _add_talk(state: Talk, seen: Seen, _room: Room) -> None:
    if seen.outcome != "answered":
        return
    talk = seen.call.talk_seconds
    state.add(talk, seen.source, "talk_seconds")
    if talk is None:
        return
    sixes = -(-talk // 6)
    state.minutes += -(-talk // 60)
    state.six_seconds += sixes
    state.thirty_six += max(5, sixes) if talk else 0
    if talk <= LONGEST_THRESHOLD_SECONDS:
        state.lengths[talk] += 1


def _wait_us(call: Any) -> int | None:
    """From the start of a call to its answer, in microseconds"""
    if call.answered_at is None:
        return None
    waited: int = (call.answered_at - call.started_at) // _MICROSECOND
    return max(0, waited)


class Speed(Told):
    """How long inbound callers waited for an answer; the amount is in microseconds."""

    __slots__ = ()


def _add_speed(state: Speed, seen: Seen, _room: Room) -> None:
    if seen.outcome == "answered" and seen.call.direction is CallDirection.INBOUND:
        state.add(_wait_us(seen.call), seen.source, "answered_at")


class Waits:
    """Inbound calls: how many, and after how many whole seconds (rounded up) they were answered or
    given up. `blind` are calls of systems that cannot tell who gave up.
    """

    __slots__ = (
        "abandoned", "abandoned_untold", "answered", "answered_untold", "blind", "offered",
    )  # fmt: skip

    def __init__(self) -> None:
        self.offered = 0
        self.answered: Counter[int] = Counter()
        self.abandoned: Counter[int] = Counter()
        self.answered_untold: Counter[str] = Counter()
        self.abandoned_untold: Counter[str] = Counter()
        self.blind: Counter[str] = Counter()


_LONG = LONGEST_THRESHOLD_SECONDS + 1
UNKNOWN_END = "it is not known how the call ended"


def _add_wait(state: Waits, seen: Seen, _room: Room) -> None:
    call = seen.call
    if call.direction is not CallDirection.INBOUND:
        return
    if "abandoned" in seen.source.untold:
        state.blind[seen.source.untold["abandoned"]] += 1
        return
    if seen.outcome == "unknown":
        state.blind[UNKNOWN_END] += 1
        return
    state.offered += 1
    if seen.outcome == "answered":
        waited = _wait_us(call)
        if waited is None:
            state.answered_untold[seen.source.why("answered_at")] += 1
        else:
            state.answered[min(_LONG, math.ceil(waited / 1_000_000))] += 1
    elif seen.outcome == "abandoned":
        if call.total_seconds is None:
            state.abandoned_untold[seen.source.why("total_seconds")] += 1
        else:
            state.abandoned[min(_LONG, call.total_seconds)] += 1


class Costs:
    """Money by currency."""

    __slots__ = ("amounts", "count", "untold")

    def __init__(self) -> None:
        self.count = 0
        self.amounts: dict[str | None, Decimal] = {}
        self.untold: Counter[str] = Counter()

    def add(self, cost: Any) -> None:
        self.count += 1
        self.amounts[cost.currency] = self.amounts.get(cost.currency, Decimal(0)) + cost.amount


def add_cost(state: Costs, seen: Seen, _room: Room) -> None:
    """Adds a cost that the call itself tells"""
    if seen.call.cost is None:
        state.untold[seen.source.why("cost")] += 1
    else:
        state.add(seen.call.cost)


class Top:
    """Calls and answered calls by key, with the vendor's own text of the first in text order."""

    __slots__ = ("found", "untold")

    def __init__(self) -> None:
        self.found: dict[str, list[Any]] = {}
        self.untold: Counter[str] = Counter()


def _top(needs: tuple[str, ...], path: str, take: Callable[[Any], tuple[str, str] | None]
         ) -> Accumulator:  # fmt: skip
    def add(state: Top, seen: Seen, room: Room) -> None:
        taken = take(seen.call)
        if taken is None:
            state.untold[seen.source.why(path)] += 1
            return
        key, text = taken
        entry = state.found.get(key)
        if entry is None:
            room.take()
            entry = state.found[key] = [text, 0, 0]
        elif text < entry[0]:
            entry[0] = text
        entry[1] += 1
        entry[2] += seen.outcome == "answered"

    return Accumulator((*needs, *OUTCOME_NEEDS), Top, add)


def _party(side: str) -> Accumulator:
    def take(call: Any) -> tuple[str, str] | None:
        party = getattr(call, side)
        key = party.e164 or party.number
        return None if key is None else (key, party.number or key)

    return _top((f"{side}.e164", f"{side}.number"), f"{side}.number", take)


def _plain(needs: tuple[str, ...], path: str, read: Callable[[Any], str | None]) -> Accumulator:
    def take(call: Any) -> tuple[str, str] | None:
        key = read(call)
        return None if key is None else (key, key)

    return _top(needs, path, take)


ACCUMULATORS: Mapping[str, Accumulator] = {
    "counts": Accumulator(OUTCOME_NEEDS, Counter, add_count),
    "talk_seconds": _seconds("talk_seconds"),
    "ring_seconds": _seconds("ring_seconds"),
    "queue_seconds": _seconds("queue_seconds"),
    "hold_seconds": _seconds("hold_seconds"),
    "talk": Accumulator((*OUTCOME_NEEDS, "talk_seconds"), Talk, _add_talk),
    "speed": Accumulator((*OUTCOME_NEEDS, "answered_at"), Speed, _add_speed),
    "waits": Accumulator((*OUTCOME_NEEDS, "answered_at", "total_seconds"), Waits, _add_wait),
    "cost": Accumulator(("cost",), Costs, add_cost),
    "top_callers": _party("caller"),
    "top_callees": _party("callee"),
    "top_extensions": _plain(
        ("caller.extension", "callee.extension"), "callee.extension", extension
    ),
    "top_queues": _plain(("queue",), "queue", lambda call: call.queue),
    "top_trunks": _plain(("trunk_in", "trunk_out"), "trunk_in", trunk),
}
