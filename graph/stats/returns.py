"""Missed calls and calls back, matched by number over all sources."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from graph.stats.seen import Seen
from graph.stats.sums import Room
from graph.types.call import CallDirection

NEEDS = (
    "direction", "disposition", "answered_by", "caller.e164", "callee.e164", "caller.number",
    "callee.number",
)  # fmt: skip
NO_NUMBER = "the caller's number is withheld or cannot be read as E.164"
NOT_PASSED = "the time to call back had not passed by the end of what was read"
_ANSWERED = ("answered", "unknown")


class Missed(NamedTuple):
    """What became of a group's missed calls."""

    missed: int
    not_returned: int
    excluded: dict[str, int]


class Returns:
    """When each number's calls were missed, in which groups, and when it was called.

    A call is missed if it came in and no person answered it. It is returned by any later call to
    the same number, from any source, answered or not. Moments are kept, not calls.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._missed: dict[str, tuple[array[int], array[int]]] = {}
        self._called: dict[str, array[int]] = {}
        self._nameless: Counter[int] = Counter()
        self._answers: dict[int, dict[int, list[int]]] = {}

    def add(self, seen: Seen, groups: Iterable[int]) -> None:
        call, start_us = seen.call, seen.start_us
        if call.direction is CallDirection.OUTBOUND and call.callee.e164 is not None:
            called = self._called.get(call.callee.e164)
            if called is None:
                self._room.take()
                called = self._called[call.callee.e164] = array("q")
            called.append(start_us)
        elif call.direction is CallDirection.INBOUND and seen.outcome not in _ANSWERED:
            number = call.caller.e164
            if number is None:
                self._nameless.update(groups)
                return
            missed = self._missed.get(number)
            if missed is None:
                self._room.take()
                missed = self._missed[number] = (array("q"), array("l"))
            for group in groups:
                missed[0].append(start_us)
                missed[1].append(group)

    def of(self, group: int, within_us: int, end_us: int) -> Missed:
        """A group's missed calls; `end_us` is until when calls back would have been seen"""
        tally = self._tally(within_us, end_us).get(group, [0, 0, 0])
        judged, lost, pending = tally
        excluded = {NO_NUMBER: self._nameless[group], NOT_PASSED: pending}
        return Missed(judged, lost, {reason: n for reason, n in excluded.items() if n})

    def _tally(self, within_us: int, end_us: int) -> dict[int, list[int]]:
        """Group → judged, not returned, pending; made once for each length of time"""
        known = self._answers.get(within_us)
        if known is not None:
            return known
        made: dict[int, list[int]] = {}
        for number, (starts, groups) in self._missed.items():
            called = sorted(self._called.get(number, ()))
            for start, group in zip(starts, groups, strict=True):
                place = bisect_right(called, start)
                returned = place < len(called) and called[place] - start <= within_us
                tally = made.setdefault(group, [0, 0, 0])
                if returned:
                    tally[0] += 1
                elif start + within_us > end_us:
                    tally[2] += 1
                else:
                    tally[0] += 1
                    tally[1] += 1
        self._answers[within_us] = made
        return made
