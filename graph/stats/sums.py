"""What is added up while calls stream by, in any order.

A figure names the sums it is derived from, so that what nobody selected is neither asked of a
vendor nor added. A value that is not told is counted with its reason, never taken for zero.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from graph.errors import TooManyGroups
from graph.stats.groups import extension, trunk
from graph.stats.seen import OUTCOME_NEEDS, Seen, Teller
from graph.types.call import CallDirection

_MICROSECOND = timedelta(microseconds=1)


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


class Sum(Protocol):
    """Something that calls are added to."""

    def add(self, seen: Seen, room: Room) -> None: ...


# ---------------------------------------------------------------- counts, seconds, money


class Counts:
    """Calls by source, direction and outcome."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: dict[tuple[str, CallDirection, str], int] = {}

    def add(self, seen: Seen, _room: Room) -> None:
        key = (seen.source.id, seen.call.direction, seen.outcome)
        self.found[key] = self.found.get(key, 0) + 1


class Told:
    """A sum over the calls that tell a value."""

    __slots__ = ("amount", "count", "path", "untold")

    def __init__(self, path: str) -> None:
        self.path = path
        self.count = 0
        self.amount = 0
        self.untold: Counter[str] = Counter()

    def take(self, value: int | None, source: Teller) -> None:
        """Adds a value, or counts why there is none"""
        if value is None:
            self.untold[source.why(self.path)] += 1
        else:
            self.count += 1
            self.amount += value


class Seconds(Told):
    """Seconds of all calls."""

    __slots__ = ()

    def add(self, seen: Seen, _room: Room) -> None:
        self.take(getattr(seen.call, self.path), seen.source)


class Steps:
    """How many values are at most each of the limits that were asked for."""

    __slots__ = ("counts", "limits")

    def __init__(self, limits: Iterable[int]) -> None:
        self.limits = sorted(set(limits))
        self.counts = [0] * (len(self.limits) + 1)

    def add(self, value: int) -> None:
        self.counts[bisect_left(self.limits, value)] += 1

    def within(self, limit: int) -> int:
        """How many are `limit` or less; it must be one of those asked for"""
        return sum(self.counts[: self.limits.index(limit) + 1])

    @property
    def total(self) -> int:
        return sum(self.counts)


class Talk(Told):
    """Conversation of answered calls, and what the rounding rules make of it, in their steps."""

    __slots__ = ("lengths", "minutes", "six_seconds", "thirty_six")

    def __init__(self, limits: Iterable[int]) -> None:
        super().__init__("talk_seconds")
        self.minutes = 0
        self.six_seconds = 0
        self.thirty_six = 0
        self.lengths = Steps(limits)

    def add(self, seen: Seen, _room: Room) -> None:
        if seen.outcome != "answered":
            return
        talk = seen.call.talk_seconds
        self.take(talk, seen.source)
        if talk is None:
            return
        sixes = -(-talk // 6)
        self.minutes += -(-talk // 60)
        self.six_seconds += sixes
        self.thirty_six += max(5, sixes) if talk else 0
        self.lengths.add(talk)


_WAIT_NEEDS = ("answered_at", "queue")


def _wait_us(seen: Seen) -> int | None:
    """From the start of a call to a person's answer, in microseconds; None if that is not told"""
    call = seen.call
    if call.answered_at is None or (seen.source.queue_answers and call.queue is not None):
        return None
    waited: int = (call.answered_at - call.started_at) // _MICROSECOND
    return max(0, waited)


WAITED_NEEDS = (*OUTCOME_NEEDS, *_WAIT_NEEDS, "total_seconds")


def waited_seconds(seen: Seen) -> int | None:
    """Whole seconds (rounded up) that an inbound caller waited for an answer, or until giving up;
    None for all other calls, and where that is not told
    """
    if seen.call.direction is not CallDirection.INBOUND:
        return None
    if seen.outcome == "abandoned":
        told: int | None = seen.call.total_seconds
        return told
    waited = _wait_us(seen) if seen.outcome == "answered" else None
    return None if waited is None else _whole_seconds(waited)


def _whole_seconds(microseconds: int) -> int:
    return -(-microseconds // 1_000_000)


def _why_no_wait(seen: Seen) -> str:
    if seen.source.queue_answers and seen.call.answered_at is not None:
        return seen.source.queue_answers
    return seen.source.why("answered_at")


class Speed:
    """How long inbound callers waited for an answer; the amount is in microseconds."""

    __slots__ = ("amount", "count", "untold")

    def __init__(self) -> None:
        self.count = 0
        self.amount = 0
        self.untold: Counter[str] = Counter()

    def add(self, seen: Seen, _room: Room) -> None:
        if seen.outcome != "answered" or seen.call.direction is not CallDirection.INBOUND:
            return
        waited = _wait_us(seen)
        if waited is None:
            self.untold[_why_no_wait(seen)] += 1
        else:
            self.count += 1
            self.amount += waited


class Costs:
    """Money by currency."""

    __slots__ = ("amounts", "count", "untold")

    def __init__(self) -> None:
        self.count = 0
        self.amounts: dict[str | None, Decimal] = {}
        self.untold: Counter[str] = Counter()

    def add(self, seen: Seen, _room: Room) -> None:
        """Adds a cost that the call itself tells; one that comes later is left for `take`"""
        if seen.source.costs_late:
            return
        if seen.call.cost is None:
            self.untold[seen.source.why("cost")] += 1
        else:
            self.take(seen.call.cost)

    def take(self, cost: Any) -> None:
        self.count += 1
        self.amounts[cost.currency] = self.amounts.get(cost.currency, Decimal(0)) + cost.amount


# ---------------------------------------------------------------- waiting


class Waiting:
    """Inbound calls of which it is known how they ended: how many, and after how many whole
    seconds (rounded up) they were answered or given up.
    """

    __slots__ = ("abandoned", "abandoned_untold", "answered", "answered_untold", "offered")

    def __init__(self, limits: Iterable[int]) -> None:
        self.offered = 0
        self.answered = Steps(limits)
        self.abandoned = Steps(limits)
        self.answered_untold: Counter[str] = Counter()
        self.abandoned_untold: Counter[str] = Counter()

    def add(self, seen: Seen) -> None:
        call = seen.call
        self.offered += 1
        if seen.outcome == "answered":
            waited = _wait_us(seen)
            if waited is None:
                self.answered_untold[_why_no_wait(seen)] += 1
            else:
                self.answered.add(_whole_seconds(waited))
        elif seen.outcome == "abandoned":
            if call.total_seconds is None:
                self.abandoned_untold[seen.source.why("total_seconds")] += 1
            else:
                self.abandoned.add(call.total_seconds)


class Waits:
    """Inbound calls that waited. Those of systems that cannot tell who gave up are kept apart, by
    the reason: among their unanswered calls are some that were given up.
    """

    __slots__ = ("_limits", "blind", "clear", "unknown")

    def __init__(self, limits: Iterable[int]) -> None:
        self._limits = tuple(limits)
        self.clear = Waiting(limits)
        self.blind: dict[str, Waiting] = {}
        self.unknown = 0

    def add(self, seen: Seen, _room: Room) -> None:
        if seen.call.direction is not CallDirection.INBOUND:
            return
        if seen.outcome == "unknown":
            self.unknown += 1
            return
        why = seen.source.untold.get("abandoned")
        if why is None:
            self.clear.add(seen)
            return
        if why not in self.blind:
            self.blind[why] = Waiting(self._limits)
        self.blind[why].add(seen)


# ---------------------------------------------------------------- top lists


class TopParties:
    """Calls and answered calls by a side's number, with the vendor's own text of the first in text
    order.
    """

    __slots__ = ("found", "side", "untold")

    def __init__(self, side: str) -> None:
        self.side = side
        self.found: dict[str, list[Any]] = {}
        self.untold: Counter[str] = Counter()

    def add(self, seen: Seen, room: Room) -> None:
        party = getattr(seen.call, self.side)
        text = party.number
        key = party.e164 or text
        if key is None:
            self.untold[seen.source.why(f"{self.side}.number")] += 1
            return
        entry = self.found.get(key)
        if entry is None:
            room.take()
            entry = self.found[key] = [text or key, 0, 0]
        elif text is not None and text < entry[0]:
            entry[0] = text
        entry[1] += 1
        entry[2] += seen.outcome == "answered"


class TopValues:
    """Calls and answered calls by a value of the call."""

    __slots__ = ("found", "path", "read", "untold")

    def __init__(self, path: str, read: Callable[[Any], str | None]) -> None:
        self.path = path
        self.read = read
        self.found: dict[str, list[Any]] = {}
        self.untold: Counter[str] = Counter()

    def add(self, seen: Seen, room: Room) -> None:
        key = self.read(seen.call)
        if key is None:
            self.untold[seen.source.why(self.path)] += 1
            return
        entry = self.found.get(key)
        if entry is None:
            room.take()
            entry = self.found[key] = [key, 0, 0]
        entry[1] += 1
        entry[2] += seen.outcome == "answered"


# ---------------------------------------------------------------- the table


class Kind(NamedTuple):
    """One kind of sum: the paths of a call it reads, and an empty one for the limits asked for."""

    needs: tuple[str, ...]
    new: Callable[[Iterable[int]], Sum]


def _seconds(path: str) -> Kind:
    return Kind((path,), lambda _limits: Seconds(path))


def _party(side: str) -> Kind:
    return Kind(
        (f"{side}.e164", f"{side}.number", *OUTCOME_NEEDS), lambda _limits: TopParties(side)
    )


def _value(needs: tuple[str, ...], path: str, read: Callable[[Any], str | None]) -> Kind:
    return Kind((*needs, *OUTCOME_NEEDS), lambda _limits: TopValues(path, read))


SUMS: Mapping[str, Kind] = {
    "counts": Kind(OUTCOME_NEEDS, lambda _limits: Counts()),
    "talk_seconds": _seconds("talk_seconds"),
    "ring_seconds": _seconds("ring_seconds"),
    "queue_seconds": _seconds("queue_seconds"),
    "hold_seconds": _seconds("hold_seconds"),
    "talk": Kind((*OUTCOME_NEEDS, "talk_seconds"), Talk),
    "speed": Kind((*OUTCOME_NEEDS, *_WAIT_NEEDS), lambda _limits: Speed()),
    "waits": Kind(WAITED_NEEDS, Waits),
    "cost": Kind(("cost",), lambda _limits: Costs()),
    "top_callers": _party("caller"),
    "top_callees": _party("callee"),
    "top_extensions": _value(
        ("caller.extension", "callee.extension"), "callee.extension", extension
    ),
    "top_queues": _value(("queue",), "queue", lambda call: call.queue),
    "top_trunks": _value(("trunk_in", "trunk_out"), "trunk_in", trunk),
}
