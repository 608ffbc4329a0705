"""How each source fared over all that one run asked: the outcomes of many answers as one."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from datetime import datetime

import msgspec

from graph.gather import keys
from graph.types.answer import Outcome, OutcomeState
from graph.types.scalars import TimeWindow
from graph.types.source import Source


class Fared(msgspec.Struct):
    """How one source fared, as it is kept. `missing` are spans in microseconds since 1970."""

    source: str
    state: str
    code: str | None
    message: str | None
    retryable: bool
    records: int
    skipped_records: int
    requests: int
    retries: int
    elapsed_ms: int
    missing: list[tuple[int | None, int | None]]

    @property
    def complete(self) -> bool:
        return self.state == OutcomeState.OK.name and not self.skipped_records

    @property
    def away(self) -> bool:
        """It failed as a whole, so that more may come of it when it is back"""
        return self.state not in (OutcomeState.OK.name, OutcomeState.TRUNCATED.name)


class Tally:
    """What was asked so far. A source that failed once has failed, whatever it gave later."""

    def __init__(self) -> None:
        self._seen: dict[str, Fared] = {}

    def joined(self, outcomes: Iterable[Outcome], *, counted: bool) -> list[Fared]:
        """What it would say with these, which are of an answer that is still coming"""
        both = deepcopy(self)
        both.add(outcomes, counted=counted)
        return both.fared

    def add(self, outcomes: Iterable[Outcome], *, counted: bool) -> None:
        """`counted`: the entries are those of the main table, and not read once more"""
        for outcome in outcomes:
            id = str(outcome.source.id)
            own = self._seen.get(id)
            if own is None:
                own = self._seen[id] = Fared(
                    source=id, state=OutcomeState.OK.name, code=None, message=None,
                    retryable=False, records=0, skipped_records=0, requests=0, retries=0,
                    elapsed_ms=0, missing=[],
                )  # fmt: skip
            if fell_short(outcome) and own.state == OutcomeState.OK.name:
                own.state, own.code, own.message = outcome.state.name, outcome.code, outcome.message
                own.retryable = outcome.retryable
            if own.message is None and outcome.skipped_records:
                own.message = outcome.message
            if counted:
                own.records += outcome.records
                own.skipped_records += outcome.skipped_records
            own.requests += outcome.requests
            own.retries += outcome.retries
            own.elapsed_ms += outcome.elapsed_ms
            for window in outcome.missing:
                span = (_us(window.since), _us(window.until))
                if span not in own.missing:
                    own.missing.append(span)

    @property
    def fared(self) -> list[Fared]:
        return list(self._seen.values())

    @property
    def complete(self) -> bool:
        """Every source gave everything, and nothing was left out"""
        return all(one.complete for one in self._seen.values())


def fell_short(outcome: Outcome) -> bool:
    """It did not give what it should have. Where our own limit only ended a page it owes nothing:
    the next page goes on there.
    """
    if outcome.state is OutcomeState.BUDGET:
        return bool(outcome.missing)
    return outcome.state is not OutcomeState.OK


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else keys.to_us(moment)


def _moment(us: int | None) -> datetime | None:
    return None if us is None else keys.from_us(us)


def told(fared: Fared, source: Source) -> Outcome:
    """How a source fared, as the schema tells it"""
    return Outcome(
        source=source,
        state=OutcomeState[fared.state],
        code=fared.code,
        message=fared.message,
        retryable=fared.retryable,
        retry_after_seconds=None,
        records=fared.records,
        skipped_records=fared.skipped_records,
        requests=fared.requests,
        retries=fared.retries,
        elapsed_ms=fared.elapsed_ms,
        covered=None,
        missing=[TimeWindow(since=_moment(a), until=_moment(b)) for a, b in fared.missing],
        settled_until=None,
        repair_cursor=None,
    )
