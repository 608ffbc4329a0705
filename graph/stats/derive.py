"""How figures are derived: only here is anything divided, and only what was added up.

Each derivation takes what was added up for a group, its arguments and its definition. Where
nothing stands below the line it gives null and the reason, never zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from graph.stats.book import Reading
from graph.stats.seen import OUTCOMES, UNKNOWN_END
from graph.stats.sums import Waits
from graph.stats.traffic import at_us, busy_hour
from graph.types.call import CallDirection
from graph.types.figure import (
    CostFigure,
    DirectionCounts,
    Excluded,
    Figure,
    FigureArgument,
    FigureDefinition,
    FigureUnit,
    PeakFigure,
    RoundingRule,
    ServiceLevelVariant,
    TopEntry,
    TopList,
)
from graph.types.inputs import camel
from graph.types.scalars import Long, Money

Arguments = Mapping[str, Any]
Derivation = Callable[[Reading, Arguments, FigureDefinition], Any]


# ---------------------------------------------------------------- making figures


def _excluded(reasons: Mapping[str, int]) -> list[Excluded]:
    return [Excluded(reason=why, count=Long(n)) for why, n in sorted(reasons.items()) if n]


def _why_null(excluded: Mapping[str, int]) -> str:
    told = [why for why, n in sorted(excluded.items()) if n]
    return "; ".join(told) if told else "there is no such call in what was read"


def _arguments(arguments: Arguments) -> list[FigureArgument]:
    return [
        FigureArgument(
            name=camel(name), value=value.name if isinstance(value, Enum) else str(value)
        )
        for name, value in arguments.items()
    ]


def _ratio(
    of: Reading,
    means: FigureDefinition,
    unit: FigureUnit,
    numerator: float,
    denominator: float,
    excluded: Mapping[str, int],
    *,
    size: int | None = None,
    arguments: Arguments | None = None,
) -> Figure:
    """Numerator ÷ denominator; null with a reason where nothing stands below the line"""
    empty = not denominator
    untold = empty and any(excluded.values())
    return Figure(
        value=None if empty else numerator / denominator,
        unit=unit,
        numerator=None if untold else float(numerator),
        denominator=float(denominator),
        sample_size=Long(int(denominator) if size is None else size),
        excluded=_excluded(excluded),
        reason=_why_null(excluded) if empty else None,
        partial=of.partial,
        arguments=_arguments(arguments or {}),
        definition=means,
    )


# ---------------------------------------------------------------- counts and sums


def outcome(name: str) -> Callable[[Reading, Arguments, FigureDefinition], int | None]:
    def derive(of: Reading, _arguments: Arguments, _means: FigureDefinition) -> int | None:
        tellers = of.tellers
        if tellers and all(name in teller.untold for teller in tellers):
            return None
        return of.outcomes()[name]

    return derive


def offered(of: Reading, _arguments: Arguments, _means: FigureDefinition) -> int:
    return sum(of.outcomes().values())


def by_direction(of: Reading, _arguments: Arguments, _means: FigureDefinition
                  ) -> list[DirectionCounts]:  # fmt: skip
    made: list[DirectionCounts] = []
    for direction in CallDirection:
        found = of.outcomes(direction)
        if any(found.values()):
            counts: dict[str, Any] = {name: found[name] for name in OUTCOMES}
            made.append(
                DirectionCounts(direction=direction, offered=sum(counts.values()), **counts)
            )
    return made


def summed(name: str) -> Callable[[Reading, Arguments, FigureDefinition], int | None]:
    def derive(of: Reading, _arguments: Arguments, _means: FigureDefinition) -> int | None:
        state = of.sum(name)
        return None if state.untold and not state.count else state.amount

    return derive


# ---------------------------------------------------------------- ratios and averages


def answer_seizure_ratio(of: Reading, _arguments: Arguments, means: FigureDefinition) -> Figure:
    found = of.outcomes()
    judged = sum(found.values()) - found["unknown"]
    return _ratio(
        of, means, FigureUnit.RATIO, found["answered"], judged, {UNKNOWN_END: found["unknown"]}
    )


def network_effectiveness_ratio(
    of: Reading, _arguments: Arguments, means: FigureDefinition
) -> Figure:
    found = of.outcomes()
    judged = sum(found.values()) - found["unknown"]
    reached = judged - found["failed"] - found["not_allowed"]
    return _ratio(of, means, FigureUnit.RATIO, reached, judged, {UNKNOWN_END: found["unknown"]})


def average(name: str, *, per: int = 1) -> Callable[[Reading, Arguments, FigureDefinition], Figure]:
    def derive(of: Reading, _arguments: Arguments, means: FigureDefinition) -> Figure:
        state = of.sum(name)
        return _ratio(of, means, FigureUnit.SECONDS, state.amount / per, state.count, state.untold)

    return derive


def minutes_of_use(of: Reading, arguments: Arguments, means: FigureDefinition) -> Figure:
    talk = of.sum("talk")
    minutes = {
        RoundingRule.EXACT: talk.amount / 60,
        RoundingRule.MINUTE_UP: float(talk.minutes),
        RoundingRule.SIX_SECONDS_UP: talk.six_seconds / 10,
        RoundingRule.THIRTY_THEN_SIX: talk.thirty_six / 10,
    }[arguments["rounding"]]
    untold = talk.untold and not talk.count
    return Figure(
        value=None if untold else minutes,
        unit=FigureUnit.MINUTES,
        numerator=None if untold else minutes,
        denominator=None,
        sample_size=talk.count,
        excluded=_excluded(talk.untold),
        reason=_why_null(talk.untold) if untold else None,
        partial=of.partial,
        arguments=_arguments(arguments),
        definition=means,
    )


def short_call_ratio(of: Reading, arguments: Arguments, means: FigureDefinition) -> Figure:
    talk = of.sum("talk")
    short = talk.lengths.within(shorter_than(arguments["seconds"]))
    return _ratio(of, means, FigureUnit.RATIO, short, talk.count, talk.untold, arguments=arguments)


def shorter_than(seconds: int) -> int:
    """The most whole seconds that are less than these"""
    return seconds - 1


def _given_up(waits: Waits, limit: int) -> tuple[int, dict[str, int]]:
    """Calls given up within the short-abandon limit, and what that leaves out; 0 leaves none out"""
    short = waits.clear.abandoned.within(limit) if limit else 0
    return short, {f"given up within {limit} s": short} if limit else {}


def _unclear(waits: Waits) -> dict[str, int]:
    """Calls of which it is not known whether they were given up"""
    return {UNKNOWN_END: waits.unknown} | {why: b.offered for why, b in waits.blind.items()}


def abandon_rate(of: Reading, arguments: Arguments, means: FigureDefinition) -> Figure:
    waits = of.sum("waits")
    limit = arguments["short_abandon_seconds"]
    short, excluded = _given_up(waits, limit)
    given_up, offered = waits.clear.abandoned.total - short, waits.clear.offered - short
    untold = waits.clear.abandoned_untold
    if limit:
        offered -= sum(untold.values())
        excluded |= untold
    else:
        given_up += sum(untold.values())
    excluded |= _unclear(waits)
    return _ratio(of, means, FigureUnit.RATIO, given_up, offered, excluded, arguments=arguments)


_ABOUT_ANSWERS = (ServiceLevelVariant.OF_ANSWERED, ServiceLevelVariant.OF_OFFERED)
"""variants for which it does not matter who gave up, and when"""


def service_level(of: Reading, arguments: Arguments, means: FigureDefinition) -> Figure:
    waits = of.sum("waits")
    seconds, variant = arguments["seconds"], arguments["variant"]
    excluded: Counter[str] = Counter()
    if variant in _ABOUT_ANSWERS:
        parts = [waits.clear, *waits.blind.values()]
        excluded[UNKNOWN_END] = waits.unknown
    else:
        parts = [waits.clear]
        excluded.update(_unclear(waits))
        excluded.update(waits.clear.abandoned_untold)
    for part in parts:
        excluded.update(part.answered_untold)
    answered = sum(part.answered.within(seconds) for part in parts)
    offered = sum(part.offered - sum(part.answered_untold.values()) for part in parts)
    if variant is ServiceLevelVariant.OF_ANSWERED:
        above, below = answered, sum(part.answered.total for part in parts)
    elif variant is ServiceLevelVariant.OF_OFFERED:
        above, below = answered, offered
    else:
        above, below = _with_abandoned(waits, arguments, answered, offered, excluded)
    return _ratio(of, means, FigureUnit.RATIO, above, below, excluded, arguments=arguments)


def _with_abandoned(
    waits: Waits, arguments: Arguments, answered: int, offered: int, excluded: Counter[str]
) -> tuple[int, int]:
    """What stands above and below the line in the variants that ask who gave up, and when"""
    abandoned = waits.clear.abandoned.within(arguments["seconds"])
    offered -= sum(waits.clear.abandoned_untold.values())
    variant = arguments["variant"]
    if variant is ServiceLevelVariant.OF_OFFERED_LESS_ABANDONED:
        return answered, offered - abandoned
    if variant is ServiceLevelVariant.WITH_ABANDONED:
        return answered + abandoned, offered
    short, left_out = _given_up(waits, arguments["short_abandon_seconds"])
    excluded.update(left_out)
    return answered + max(0, abandoned - short), offered - short


# ---------------------------------------------------------------- traffic, returns, cost, top


def traffic(of: Reading, _arguments: Arguments, means: FigureDefinition) -> Figure:
    occupied, length = of.occupied_us / 1_000_000, of.window_us / 1_000_000
    size, untold = of.occupants
    excluded = untold if untold and not size else None
    return _ratio(
        of,
        means,
        FigureUnit.ERLANGS,
        occupied,
        0 if excluded else length,
        untold,
        size=size,
    )


def peak_concurrency(of: Reading, _arguments: Arguments, means: FigureDefinition) -> PeakFigure:
    found = of.peak
    return _peak_figure(
        of,
        means,
        FigureUnit.CALLS,
        None if found is None else (found[0], at_us(found[1]), None),
        {},
    )


def busiest_hour(of: Reading, arguments: Arguments, means: FigureDefinition) -> PeakFigure:
    found = busy_hour(of.cells, arguments["kind"], of.calendar)
    return _peak_figure(
        of,
        means,
        FigureUnit.ERLANGS,
        None if found is None else (found[0] / 3_600_000_000, found[1], found[2]),
        arguments,
    )


def _peak_figure(
    of: Reading,
    means: FigureDefinition,
    unit: FigureUnit,
    found: tuple[float, Any, Any] | None,
    arguments: Arguments,
) -> PeakFigure:
    value, since, until = (None, None, None) if found is None else found
    size, untold = of.occupants
    return PeakFigure(
        value=None if value is None else float(value),
        unit=unit,
        since=since,
        until=until,
        sample_size=size,
        excluded=_excluded(untold),
        reason=_why_null(untold) if found is None else None,
        partial=of.partial,
        arguments=_arguments(arguments),
        definition=means,
    )


def missed_not_returned(of: Reading, arguments: Arguments, means: FigureDefinition) -> Figure:
    missed = of.missed(arguments["within_minutes"] * 60_000_000)
    empty = not missed.missed
    return Figure(
        value=None if empty and missed.excluded else float(missed.not_returned),
        unit=FigureUnit.CALLS,
        numerator=float(missed.not_returned),
        denominator=None,
        sample_size=Long(missed.missed),
        excluded=_excluded(missed.excluded),
        reason=_why_null(missed.excluded) if empty and missed.excluded else None,
        partial=of.partial_anywhere,
        arguments=_arguments(arguments),
        definition=means,
    )


def cost(of: Reading, _arguments: Arguments, means: FigureDefinition) -> CostFigure:
    state = of.sum("cost")
    untold = bool(state.untold) and not state.count
    return CostFigure(
        amounts=None
        if untold
        else [
            Money(amount=amount, currency=currency)
            for currency, amount in sorted(state.amounts.items(), key=lambda pair: pair[0] or "")
        ],
        sample_size=state.count,
        excluded=_excluded(state.untold),
        reason=_why_null(state.untold) if untold else None,
        partial=of.partial,
        definition=means,
    )


def top(name: str) -> Callable[[Reading, Arguments, FigureDefinition], TopList]:
    def derive(of: Reading, arguments: Arguments, means: FigureDefinition) -> TopList:
        state = of.sum(name)
        ranked = sorted(state.found.items(), key=lambda item: (-item[1][1], item[0]))
        return TopList(
            entries=[
                TopEntry(value=key, text=text, calls=calls, answered=answered)
                for key, (text, calls, answered) in ranked[: arguments["first"]]
            ],
            distinct=Long(len(state.found)),
            sample_size=Long(sum(entry[1] for entry in state.found.values())),
            excluded=_excluded(state.untold),
            partial=of.partial,
            definition=means,
        )

    return derive
