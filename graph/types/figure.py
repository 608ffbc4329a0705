"""Figures as they are told: each with its definition, its sample and what it leaves out."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import strawberry

from graph.types.call import CallDirection
from graph.types.scalars import Long, Money

IN_TIME_SECONDS = 20
SHORT_ABANDON_SECONDS = 5
SHORT_CALL_SECONDS = 10
"""what figures are computed with unless they are told otherwise"""


def _value(value: str, description: str) -> str:
    chosen: str = strawberry.enum_value(value, description=description)  # type: ignore[assignment]
    return chosen


@strawberry.enum(description="What the value of a figure is counted in.")
class FigureUnit(Enum):
    RATIO = _value("RATIO", "A share from 0 to 1.")
    SECONDS = _value("SECONDS", "Seconds.")
    MINUTES = _value("MINUTES", "Minutes.")
    ERLANGS = _value("ERLANGS", "Erlangs: how many calls were going on at once, on average.")
    CALLS = _value("CALLS", "Calls.")


@strawberry.enum(description="How seconds of talk become minutes of use.")
class RoundingRule(Enum):
    EXACT = _value("EXACT", "All seconds together, divided by 60.")
    MINUTE_UP = _value("MINUTE_UP", "Each call up to a whole minute (60/60).")
    SIX_SECONDS_UP = _value("SIX_SECONDS_UP", "Each call up to whole six seconds (6/6).")
    THIRTY_THEN_SIX = _value(
        "THIRTY_THEN_SIX", "Each call at least 30 seconds, then up to whole six seconds (30/6)."
    )


@strawberry.enum(description="Which of the usual formulas a service level is computed by.")
class ServiceLevelVariant(Enum):
    OF_ANSWERED = _value("OF_ANSWERED", "Answered in time ÷ answered.")
    OF_OFFERED = _value("OF_OFFERED", "Answered in time ÷ offered.")
    OF_OFFERED_LESS_ABANDONED = _value(
        "OF_OFFERED_LESS_ABANDONED", "Answered in time ÷ (offered - abandoned within that time)."
    )
    WITH_ABANDONED = _value(
        "WITH_ABANDONED", "(Answered in time + abandoned within that time) ÷ offered."
    )
    WITH_ABANDONED_LESS_SHORT = _value(
        "WITH_ABANDONED_LESS_SHORT",
        "As WITH_ABANDONED, without the calls abandoned within the short-abandon limit, above and "
        "below the line.",
    )


@strawberry.enum(description="Which hours are compared to find the busiest.")
class BusyHourKind(Enum):
    FIXED = _value("FIXED", "Hours of the clock in the zone asked for.")
    SLIDING = _value("SLIDING", "Any four quarters of an hour in a row.")


@strawberry.type(description="What a figure means, exactly.")
class FigureDefinition:
    figure: str = strawberry.field(description="The field it belongs to.")
    name: str = strawberry.field(description="Its name in the trade.")
    formula: str = strawberry.field(description="How it is computed.")
    standard: str = strawberry.field(description="The standard or the trade's usage behind it.")
    numerator: str = strawberry.field(description="What is counted above the line, or added up.")
    denominator: str | None = strawberry.field(description="What it is divided by; null for a sum.")


@strawberry.type(description="Calls that a figure leaves out, and why.")
class Excluded:
    reason: str = strawberry.field(description="Why they are left out.")
    count: Long = strawberry.field(description="How many calls.")


@strawberry.type(description="What a plain count or sum does not cover, and why.")
class Caveat:
    figure: str = strawberry.field(description="The field that it is about.")
    reason: str = strawberry.field(description="What is not in it, and why.")
    count: Long = strawberry.field(description="How many calls this concerns.")


@strawberry.type(description="An argument that a figure was computed with.")
class FigureArgument:
    name: str = strawberry.field(description="The argument's name.")
    value: str = strawberry.field(description="Its value, as text.")


@strawberry.type(description="A computed figure with what it was computed from.")
class Figure:
    value: float | None = strawberry.field(
        description="The figure; null if it cannot be computed, see `reason`."
    )
    unit: FigureUnit = strawberry.field(description="What it is counted in.")
    numerator: float | None = strawberry.field(
        description="What stands above the line; null if nothing is told of it."
    )
    denominator: float | None = strawberry.field(
        description="What stands below the line; null for a sum."
    )
    sample_size: Long = strawberry.field(description="How many calls it was computed from.")
    excluded: list[Excluded] = strawberry.field(description="Calls left out, by reason.")
    reason: str | None = strawberry.field(description="Why `value` is null; null if it is not.")
    partial: bool = strawberry.field(
        description="Some source gave less than the whole window, so this may still change."
    )
    arguments: list[FigureArgument] = strawberry.field(
        description="The arguments it was computed with."
    )
    definition: FigureDefinition = strawberry.field(description="What it means, exactly.")


@strawberry.type(description="The largest value of something, and when it was reached.")
class PeakFigure:
    value: float | None = strawberry.field(
        description="The largest value; null if there is none, see `reason`."
    )
    unit: FigureUnit = strawberry.field(description="What it is counted in.")
    since: datetime | None = strawberry.field(
        description="When it began, the first time if it was reached more than once."
    )
    until: datetime | None = strawberry.field(description="When the hour ended; null for a moment.")
    sample_size: Long = strawberry.field(description="How many calls it was computed from.")
    excluded: list[Excluded] = strawberry.field(description="Calls left out, by reason.")
    reason: str | None = strawberry.field(description="Why `value` is null; null if it is not.")
    partial: bool = strawberry.field(
        description="Some source gave less than the whole window, so this may still change."
    )
    arguments: list[FigureArgument] = strawberry.field(
        description="The arguments it was computed with."
    )
    definition: FigureDefinition = strawberry.field(description="What it means, exactly.")


@strawberry.type(description="What calls cost, by currency. Currencies are never added together.")
class CostFigure:
    amounts: list[Money] | None = strawberry.field(
        description="The sum in each currency; null if no cost is told, see `reason`."
    )
    sample_size: Long = strawberry.field(description="How many calls told a cost.")
    excluded: list[Excluded] = strawberry.field(description="Calls left out, by reason.")
    reason: str | None = strawberry.field(description="Why `amounts` is null; null if it is not.")
    partial: bool = strawberry.field(
        description="Some source gave less than the whole window, so this may still change."
    )
    definition: FigureDefinition = strawberry.field(description="What it means, exactly.")


@strawberry.type(description="One of the most frequent, with its calls.")
class TopEntry:
    value: str = strawberry.field(
        description="The number in E.164 form where there is one, else the vendor's text."
    )
    text: str = strawberry.field(description="The vendor's own text.")
    calls: Long = strawberry.field(description="How many calls.")
    answered: Long = strawberry.field(description="How many of them a person answered.")


@strawberry.type(description="The most frequent, the most calls first; equals by their value.")
class TopList:
    entries: list[TopEntry] = strawberry.field(description="The most frequent.")
    distinct: Long = strawberry.field(description="How many different ones there are in all.")
    sample_size: Long = strawberry.field(description="How many calls it was computed from.")
    excluded: list[Excluded] = strawberry.field(description="Calls left out, by reason.")
    partial: bool = strawberry.field(
        description="Some source gave less than the whole window, so this may still change."
    )
    definition: FigureDefinition = strawberry.field(description="What it means, exactly.")


@strawberry.type(description="The calls of one direction.")
class DirectionCounts:
    direction: CallDirection = strawberry.field(description="Which way the calls went.")
    offered: Long = strawberry.field(description="All of them.")
    answered: Long = strawberry.field(description="A person answered.")
    unanswered: Long = strawberry.field(description="Nobody answered, and none of the below.")
    busy: Long = strawberry.field(description="The called party was busy.")
    failed: Long = strawberry.field(description="They could not be put through.")
    not_allowed: Long = strawberry.field(description="The phone system did not permit them.")
    abandoned: Long = strawberry.field(description="The caller gave up in a queue or a menu.")
    voicemail: Long = strawberry.field(description="A mailbox or another machine took them.")
    unknown: Long = strawberry.field(description="How they ended is not known.")
