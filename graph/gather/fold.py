"""Legs → calls, for lists and for statistics.

A call's place in the list is the start of its first leg, so a call is final only when no further
leg of it can come and nothing before it can still come. Legs of one call begin within the vendor's
horizon; where the key of a call tells its start, a call read newest first is whole as soon as the
stream has passed that start.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from graph.gather.reading import Row
from graph.gather.stream import Stream
from graph.sources.selected import heads
from graph.types.call import AnsweredBy, CallDisposition, CallLog, CallRecord
from graph.types.scalars import Money

NEEDS = frozenset(
    {
        "started_at", "native_id", "call_key", "disposition", "answered_by", "answered_at",
        "ended_at", "talk_seconds", "queue",
    }
)  # fmt: skip
"""what the fold reads of every leg"""

# The best outcome of the legs is the call's. A machine that answered is none, if a person rang.
_RANK = {
    CallDisposition.ANSWERED: 0,
    CallDisposition.VOICEMAIL: 1,
    CallDisposition.ABANDONED: 2,
    CallDisposition.NO_ANSWER: 3,
    CallDisposition.CANCELLED: 4,
    CallDisposition.BUSY: 5,
    CallDisposition.REJECTED: 6,
    CallDisposition.NOT_ALLOWED: 7,
    CallDisposition.FAILED: 8,
    CallDisposition.UNKNOWN: 10,
}
_MACHINE_RANK = 9


def leg_paths(paths: frozenset[str]) -> frozenset[str]:
    """What to ask of legs so that a call with these paths can be made of them"""
    own = {path for path in paths if path.partition(".")[0] not in ("logs", "record", "id")}
    logs = {path.removeprefix("logs.") for path in paths if path.startswith("logs.")}
    if any(path in paths for path in ("total_seconds", "ended_at")):
        own |= {"total_seconds", "ended_at"}
    return frozenset(own | logs | NEEDS)


class FoldedStream:
    """A stream of legs, seen as a stream of calls: the same face, whole calls in `out`.

    `since` and `until` are those of the calls; the legs' stream was opened wider, by `horizon`.
    """

    def __init__(self, legs: Stream, paths: frozenset[str]) -> None:
        self.legs = legs
        self._wanted = heads(paths)
        self.newest_first = legs.newest_first
        self.horizon = timedelta(seconds=legs.resource.horizon_seconds)
        self.out: list[Row] = []
        self.frontier: datetime | None = None
        self.done = False
        self._open: dict[str, list[Row]] = {}
        self._late = 0

    live = property(lambda self: self.legs.live)
    ahead = property(lambda self: self.legs.ahead)
    missing = property(lambda self: self.legs.missing)
    total: int | None = None
    shape = property(lambda self: self.legs.shape)

    @property
    def skipped(self) -> int:
        return self.legs.skipped + self._late

    def hint_for(self, moment: datetime) -> Any:
        # The legs of calls after this place may stand up to a horizon before it, and those that
        # come after it may be of calls that began before: these are told by their first legs.
        return self.legs.hint_for(
            moment + self.horizon if self.newest_first else moment - self.horizon
        )

    async def pull(self) -> None:
        await self.legs.pull()
        for row in self.legs.out:
            key = row.record.call_key
            start = self._told_start(row)
            if start is not None and row.moment - start > self.horizon:
                self._late += 1
                continue
            self._open.setdefault(key, []).append(row)
        self.legs.out.clear()
        self._release()

    def _told_start(self, row: Row) -> datetime | None:
        tell = self.legs.resource.call_start
        return None if tell is None else tell(self.legs.live.site, row.wire)

    def _release(self) -> None:
        passed, end = self.legs.frontier, self.legs.done
        whole: list[tuple[datetime, str, list[Row]]] = []
        limit = passed
        for key, rows in self._open.items():
            first = rows[0].moment if len(rows) == 1 else min([row.moment for row in rows])
            if end or (passed is not None and self._complete(rows, first, passed)):
                whole.append((first, key, rows))
            elif limit is None or self.ahead(first, limit):
                # This call may still move to an earlier start, and nothing behind it is certain.
                limit = first
        final: list[Row] = []
        for first, key, rows in whole:
            if end or (limit is not None and self.ahead(first, limit)):
                del self._open[key]
                final.append(fold(key, rows, self._wanted))
        final.sort(reverse=self.newest_first)
        self.out.extend(final)
        self.frontier = limit
        self.done = end

    def _complete(self, rows: list[Row], first: datetime, passed: datetime) -> bool:
        if not self.newest_first:
            return passed > first + self.horizon
        starts = [start for row in rows if (start := self._told_start(row)) is not None]
        earliest = min(starts) if starts else max(row.moment for row in rows) - self.horizon
        return passed < min(earliest, first)


def _rank(leg: Any) -> int:
    if leg.disposition is CallDisposition.ANSWERED and leg.answered_by is AnsweredBy.MACHINE:
        return _MACHINE_RANK
    return _RANK[leg.disposition]


def fold(key: str, rows: Sequence[Row], wanted: frozenset[str]) -> Row:
    """One call of its legs, as a row of the list of calls; `wanted` are attributes of a call.

    Caller, direction and DID are those of the first leg. The deciding leg is the one with the best
    outcome, the latest of equals: in an answered call the leg in which a person talked last. From
    it come callee, talk, ring and details; never a sum of legs, which repeat each other.
    """
    if len(rows) > 1:
        rows = sorted(rows)
    legs = [row.record for row in rows]
    first, last = legs[0], legs[-1]
    # The first of the least is the latest, since they are looked at from the end.
    deciding = min(reversed(legs), key=_rank) if len(legs) > 1 else first
    call = object.__new__(CallRecord)
    call.started_at = first.started_at
    call.native_id = call.call_key = key
    call.disposition = deciding.disposition
    call.answered_by = deciding.answered_by
    if "caller" in wanted:
        call.caller = first.caller
    if "callee" in wanted:
        call.callee = deciding.callee
    if "direction" in wanted:
        call.direction = first.direction
    for name in ("did", "trunk_in", "shown_number", "ringing_at"):
        if name in wanted:
            setattr(call, name, _first(legs, name))
    for name in ("ring_seconds", "talk_seconds", "details"):
        if name in wanted:
            setattr(call, name, getattr(deciding, name))
    for name in ("queue", "account", "recording", "user_data"):
        if name in wanted:
            setattr(call, name, _first(legs, name))
    for name in ("agent", "trunk_out"):
        if name in wanted:
            own = getattr(deciding, name)
            setattr(call, name, own if own is not None else _first(legs[::-1], name))
    for name in ("hold_seconds", "queue_seconds", "billed_seconds"):
        if name in wanted:
            setattr(call, name, _sum(legs, name))
    if "hangup" in wanted:
        call.hangup = last.hangup if last.hangup is not None else deciding.hangup
    if "answered_at" in wanted:
        people = [leg for leg in legs if leg.answered_by is AnsweredBy.PERSON]
        call.answered_at = _first(people or [deciding], "answered_at")
    if "ended_at" in wanted or "total_seconds" in wanted:
        ends = [leg.ended_at for leg in legs if leg.ended_at is not None]
        ended = max(ends) if ends else None
        call.ended_at = ended
        call.total_seconds = (
            None if ended is None else round((ended - call.started_at).total_seconds())
        )
    if "cost" in wanted:
        call.cost = _cost(legs)
    if "raw" in wanted:
        call.raw = [leg.raw for leg in legs]  # type: ignore[assignment]
    if "logs" in wanted:
        call.logs = legs
    return Row(call.started_at, rows[0].source, key, call, [row.wire for row in rows])


def _first(legs: Sequence[Any], name: str) -> Any:
    return next((v for leg in legs if (v := getattr(leg, name)) is not None), None)


def _sum(legs: Sequence[CallLog], name: str) -> int | None:
    told = [value for leg in legs if (value := getattr(leg, name)) is not None]
    return sum(told) if told else None


def _cost(legs: Sequence[CallLog]) -> Money | None:
    costs = [leg.cost for leg in legs if leg.cost is not None]
    currencies = {cost.currency for cost in costs}
    if len(currencies) != 1:
        return None  # none told, or different currencies, which are never added
    return Money(amount=sum((cost.amount for cost in costs), Decimal(0)), currency=currencies.pop())
