"""The table of figures: what each reads, what it adds, how it is derived, what it means.

A row's `keeps` names sums of `sums.py`; `occupies` and `returns` say that it also needs the time
calls occupied, or missed calls and calls back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from graph.errors import BadUserInput
from graph.stats import derive, returns, seen, sums
from graph.stats.book import Keeps, Reading
from graph.stats.derive import Arguments, Derivation
from graph.stats.seen import OUTCOMES
from graph.types.figure import (
    IN_TIME_SECONDS,
    SHORT_ABANDON_SECONDS,
    SHORT_CALL_SECONDS,
    Caveat,
    FigureDefinition,
)
from graph.types.inputs import camel
from graph.types.scalars import Long


class Row(NamedTuple):
    """One figure."""

    derive: Derivation
    keeps: tuple[str, ...]
    name: str
    formula: str
    standard: str
    numerator: str
    denominator: str | None = None
    occupies: bool = False
    returns: bool = False
    plain: bool = False
    """its value is told bare, so what it leaves out stands in `caveats`"""
    limits: Callable[[Arguments], tuple[int, ...]] | None = None
    """at which values of what it keeps it asks how many calls there are up to there"""


_TRADE = "trade usage"
_CALLS = "all calls in the window (bids, ITU-T E.600)"
_JUDGED = "all calls but those of which it is not known how they ended"
_INBOUND = "inbound calls, but those of systems that cannot tell who gave up, and unknown ends"
_LONGEST_SECONDS = 3600
"""the largest limit that may be asked for"""


def _counted(name: str, title: str, numerator: str, standard: str = _TRADE) -> Row:
    return Row(derive.outcome(name), ("counts",), title, "count", standard, numerator, plain=True)


def _summed(name: str, title: str, numerator: str) -> Row:
    return Row(derive.summed(name), (name,), title, "sum of seconds", _TRADE, numerator, plain=True)


def _ranked(name: str, title: str, numerator: str) -> Row:
    return Row(derive.top(name), (name,), title, "count by key, largest first", _TRADE, numerator)


FIGURES: Mapping[str, Row] = {
    "offered": Row(derive.offered, ("counts",), "Offered calls", "count", "bid, ITU-T E.600",
                   _CALLS, plain=True),
    "answered": _counted("answered", "Answered calls", "disposition ANSWERED, and not by a machine",
                         "answer, ITU-T E.600"),
    "unanswered": _counted("unanswered", "Unanswered calls",
                           "dispositions NO_ANSWER, CANCELLED, REJECTED"),
    "busy": _counted("busy", "Busy calls", "disposition BUSY"),
    "failed": _counted("failed", "Failed calls", "disposition FAILED"),
    "not_allowed": _counted("not_allowed", "Calls not allowed", "disposition NOT_ALLOWED"),
    "abandoned": _counted("abandoned", "Abandoned calls", "disposition ABANDONED",
                          "abandoned call attempt, ITU-T E.600"),
    "voicemail": _counted("voicemail", "Voicemail calls",
                          "disposition VOICEMAIL, or ANSWERED by a machine"),
    "unknown": _counted("unknown", "Calls with an unknown end", "disposition UNKNOWN"),
    "by_direction": Row(derive.by_direction, ("counts",), "Counts by direction",
                        "count by direction and outcome", _TRADE, _CALLS, plain=True),
    "talk_seconds": _summed("talk_seconds", "Seconds of talk", "talkSeconds of all calls"),
    "ring_seconds": _summed("ring_seconds", "Seconds of ringing", "ringSeconds of all calls"),
    "queue_seconds": _summed("queue_seconds", "Seconds in queues", "queueSeconds of all calls"),
    "hold_seconds": _summed("hold_seconds", "Seconds on hold", "holdSeconds of all calls"),
    "minutes_of_use": Row(
        derive.minutes_of_use, ("talk",), "Minutes of use (MOU)",
        "sum of talkSeconds of answered calls, each rounded by the rule, in minutes",
        _TRADE, "seconds of talk of answered calls"),
    "answer_seizure_ratio": Row(
        derive.answer_seizure_ratio, ("counts",), "Answer-seizure ratio (ASR)",
        "answered ÷ seizures",
        "ITU-T E.411, E.425; compare RFC 6076 SER, which leaves redirections out",
        "answered calls", _JUDGED),
    "network_effectiveness_ratio": Row(
        derive.network_effectiveness_ratio, ("counts",), "Network effectiveness ratio (NER)",
        "(answered + busy + rung out + refused + given up + machine) ÷ seizures",
        "ITU-T E.425; compare RFC 6076 SEER",
        "calls that were neither failed nor not allowed", _JUDGED),
    "average_call_duration": Row(
        derive.average("talk"), ("talk",), "Average call duration (ACD, ALOC)",
        "talkSeconds of answered calls ÷ answered calls",
        "ITU-T E.437; RFC 6076 SDT", "seconds of talk of answered calls",
        "answered calls that tell their talk"),
    "average_ring": Row(
        derive.average("ring_seconds"), ("ring_seconds",), "Average ring time",
        "ringSeconds ÷ calls that tell it", _TRADE, "seconds of ringing",
        "calls that tell their ringing"),
    "average_speed_of_answer": Row(
        derive.average("speed", per=1_000_000), ("speed",), "Average speed of answer (ASA)",
        "(answeredAt - startedAt) of answered inbound calls ÷ their number", _TRADE,
        "seconds from the start of the call to a person's answer, menus and queues included",
        "answered inbound calls that tell when they were answered"),
    "abandon_rate": Row(
        derive.abandon_rate, ("waits",), "Abandon rate", "abandoned ÷ offered, inbound",
        _TRADE, "inbound calls given up in a queue or a menu after more than the short limit",
        _INBOUND + ", and those given up within the short limit",
        limits=lambda given: (given.get("short_abandon_seconds", 0),)),
    "service_level": Row(
        derive.service_level, ("waits",), "Service level",
        "by variant; in time: answeredAt - startedAt, or totalSeconds of a call given up, is at "
        "most `seconds`",
        _TRADE, "inbound calls answered (or answered or given up) in time",
        "inbound calls (OF_ANSWERED: answered ones) with a known end that tell how long they "
        "waited; where it matters who gave up, only of systems that can tell, and less what the "
        "variant says",
        limits=lambda given: (given.get("seconds", IN_TIME_SECONDS),
                              given.get("short_abandon_seconds", SHORT_ABANDON_SECONDS))),
    "traffic": Row(
        derive.traffic, (), "Traffic intensity",
        "seconds occupied by calls from start to end within the span ÷ seconds of the span",
        "ITU-T E.600 (erlang); E.500",
        "seconds of the span that calls occupied, also calls that began up to 4 hours before it",
        "seconds of the span, as far as it lies in the window and in the past", occupies=True),
    "peak_concurrency": Row(
        derive.peak_concurrency, (), "Peak concurrency",
        "largest number of calls going on at one moment",
        "ITU-T E.600 (simultaneous occupation)",
        "calls from start to end; one that ends the moment another begins does not overlap it",
        occupies=True),
    "busy_hour": Row(
        derive.busiest_hour, (), "Busy hour", "the hour with the largest traffic, in erlangs",
        "ITU-T E.600 (busy hour)", "seconds occupied by calls in an hour ÷ 3600", occupies=True),
    "short_call_ratio": Row(
        derive.short_call_ratio, ("talk",), "Short-call ratio",
        "answered with talk < limit ÷ answered",
        _TRADE, "answered calls that talked for less than `seconds`",
        "answered calls that tell their talk",
        limits=lambda given: (
            derive.shorter_than(given.get("seconds", SHORT_CALL_SECONDS)),)),
    "missed_not_returned": Row(
        derive.missed_not_returned, (), "Missed calls not returned",
        "inbound calls no person answered, with no call to their number within the time", _TRADE,
        "missed calls whose number no source called, answered or not, within the time",
        returns=True),
    "cost": Row(derive.cost, ("cost",), "Cost", "sum of cost in each currency", _TRADE,
                "cost of all calls that tell it"),
    "top_callers": _ranked("top_callers", "Top callers", "calls by the caller's number"),
    "top_callees": _ranked("top_callees", "Top callees", "calls by the called number"),
    "top_extensions": _ranked("top_extensions", "Top extensions",
                              "calls by answering or calling extension"),
    "top_queues": _ranked("top_queues", "Top queues", "calls by first queue"),
    "top_trunks": _ranked("top_trunks", "Top trunks", "calls by first trunk"),
}  # fmt: skip


def definition(name: str) -> FigureDefinition:
    """What a figure of the table means"""
    row = FIGURES[name]
    return FigureDefinition(
        figure=camel(name),
        name=row.name,
        formula=row.formula,
        standard=row.standard,
        numerator=row.numerator,
        denominator=row.denominator,
    )


def caveats(of: Reading, names: frozenset[str]) -> list[Caveat]:
    """What the plain figures of these names leave out, or count elsewhere"""
    made: list[Caveat] = []
    for name in sorted(names):
        row = FIGURES.get(name)
        if row is None or not row.plain:
            continue
        if name in OUTCOMES:
            blind = {
                teller.untold[name]: of.calls_of(teller)
                for teller in of.tellers
                if name in teller.untold
            }
        else:
            blind = {} if name in ("offered", "by_direction") else of.sum(name).untold
        made += [
            Caveat(figure=camel(name), reason=why, count=Long(n))
            for why, n in sorted(blind.items())
        ]
    return made


RANGES: Mapping[tuple[str, str], tuple[int, int]] = {
    ("abandon_rate", "short_abandon_seconds"): (0, _LONGEST_SECONDS),
    ("service_level", "seconds"): (0, _LONGEST_SECONDS),
    ("service_level", "short_abandon_seconds"): (0, _LONGEST_SECONDS),
    ("short_call_ratio", "seconds"): (1, _LONGEST_SECONDS),
    ("missed_not_returned", "within_minutes"): (1, 44_640),
    **{(name, "first"): (1, 1000) for name in FIGURES if name.startswith("top_")},
}
"""what the arguments of figures may be"""


def check(name: str, arguments: Arguments) -> None:
    """BadUserInput if an argument of a figure is out of its range"""
    for argument, value in arguments.items():
        bounds = RANGES.get((name, argument))
        if bounds is not None and not (isinstance(value, int) and bounds[0] <= value <= bounds[1]):
            raise BadUserInput(
                f"{camel(name)}.{camel(argument)}",
                f"`{camel(argument)}` of `{camel(name)}` must be from {bounds[0]} to {bounds[1]}",
            )


def figure(of: Reading, name: str, arguments: Arguments) -> Any:
    """A figure out of what was added up"""
    return FIGURES[name].derive(of, arguments, definition(name))


Asked = Mapping[str, Sequence[Arguments]]
"""figures by name, with the arguments of each time they are selected"""


def keeps(asked: Asked) -> Keeps:
    """What has to be kept of calls so that these figures can be derived"""
    limits: dict[str, set[int]] = {"counts": set()}
    for name, selections in asked.items():
        row = FIGURES[name]
        for kept in row.keeps:
            found = limits.setdefault(kept, set())
            if row.limits is not None:
                found.update(*(row.limits(arguments) for arguments in selections))
    rows = [FIGURES[name] for name in asked]
    return Keeps(
        sums={name: tuple(sorted(found)) for name, found in sorted(limits.items())},
        occupancy=any(row.occupies for row in rows),
        cells="busy_hour" in asked,
        peaks="peak_concurrency" in asked,
        returns=any(row.returns for row in rows),
    )


def needs(asked: Asked) -> frozenset[str]:
    """The paths of a call that these figures read"""
    paths = set(seen.OUTCOME_NEEDS)
    for name in asked:
        row = FIGURES[name]
        for kept in row.keeps:
            paths.update(sums.SUMS[kept].needs)
        if row.occupies:
            paths.update(("started_at", "ended_at"))
        if row.returns:
            paths.update(returns.NEEDS)
    return frozenset(paths)
