"""Statistics as they are told: figures with their definitions, groups, and what they leave out.

`read` gives a figure by its name and arguments out of sums that are already there; nothing here
reads a call or asks a vendor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import strawberry

from graph.types.answer import Answer
from graph.types.call import CallDirection, CallUnit, Word
from graph.types.figure import (
    IN_TIME_SECONDS,
    SHORT_ABANDON_SECONDS,
    SHORT_CALL_SECONDS,
    BusyHourKind,
    Caveat,
    CostFigure,
    DirectionCounts,
    Figure,
    FigureDefinition,
    PeakFigure,
    RoundingRule,
    ServiceLevelVariant,
    TopList,
)
from graph.types.scalars import Long, TimeWindow
from graph.types.source import Source

_about = strawberry.argument


def _value(value: str, description: str) -> str:
    chosen: str = strawberry.enum_value(value, description=description)  # type: ignore[assignment]
    return chosen


@strawberry.enum(description="What calls are grouped by.")
class StatsKey(Word):
    SOURCE = _value("SOURCE", "The phone system that told of the call.")
    VENDOR = _value("VENDOR", "The company that made that phone system.")
    DIRECTION = _value("DIRECTION", "Which way the call went.")
    DISPOSITION = _value("DISPOSITION", "How the call ended, as lists show it.")
    QUEUE = _value("QUEUE", "The first queue the call waited in.")
    AGENT = _value("AGENT", "The agent who answered or made it.")
    EXTENSION = _value(
        "EXTENSION",
        "The extension that answered, or was tried last; of a call to the outside, the one that "
        "called.",
    )
    TRUNK = _value("TRUNK", "The first trunk it came in or went out on.")
    DID = _value("DID", "The company's own number that was dialled first.")
    COUNTRY = _value(
        "COUNTRY",
        "The country of the outside party by its E.164 number, as ISO 3166-1 code.",
    )
    HOUR_OF_DAY = _value("HOUR_OF_DAY", "The hour of the day at the call's start, 00 to 23.")
    WEEKDAY = _value("WEEKDAY", "The day of the week, 1 (Monday) to 7 (ISO 8601).")
    QUARTER_HOUR = _value("QUARTER_HOUR", "Each quarter of an hour.")
    HOUR = _value("HOUR", "Each hour. A day with a change of clocks has 23 or 25 of them.")
    DAY = _value("DAY", "Each calendar day.")
    WEEK = _value("WEEK", "Each ISO 8601 week, from Monday to Sunday.")
    MONTH = _value("MONTH", "Each calendar month.")


Short = Annotated[
    int,
    _about(
        description="Calls given up within so many seconds are left out, above and below the line; "
        "0 to 3600. 0 leaves none out."
    ),
]


def _count(name: str, description: str) -> Any:
    def resolve(self: Any) -> Long | None:
        made: Long | None = self.read(name, {})
        return made

    return strawberry.field(resolver=resolve, description=description)


def _figure(name: str, description: str) -> Any:
    def resolve(self: Any) -> Figure:
        made: Figure = self.read(name, {})
        return made

    return strawberry.field(resolver=resolve, description=description)


def _top(name: str, description: str) -> Any:
    def resolve(
        self: Any,
        first: Annotated[int, _about(description="How many, 1 to 1000.")] = 10,
    ) -> TopList:
        made: TopList = self.read(name, {"first": first})
        return made

    return strawberry.field(resolver=resolve, description=description + " The most calls first.")


_UNTOLD = " Null if no phone system here can tell; see `caveats`."


@strawberry.interface(
    description="Figures over calls (or legs). Only what is selected is asked of vendors."
)
class CallFigures:
    read: strawberry.Private[Callable[[str, Mapping[str, Any]], Any]]

    offered: Long | None = _count("offered", "All calls, however they ended.")
    answered: Long | None = _count(
        "answered", "Calls that a person answered, or somebody of whom nothing else is known."
    )
    unanswered: Long | None = _count(
        "unanswered", "Calls that rang out, were given up while ringing, or were refused."
    )
    busy: Long | None = _count("busy", "Calls whose called party was busy." + _UNTOLD)
    failed: Long | None = _count("failed", "Calls that could not be put through." + _UNTOLD)
    not_allowed: Long | None = _count(
        "not_allowed", "Calls that the phone system did not permit." + _UNTOLD
    )
    abandoned: Long | None = _count(
        "abandoned", "Calls given up while waiting in a queue or a menu." + _UNTOLD
    )
    voicemail: Long | None = _count(
        "voicemail", "Calls that a mailbox or another machine took, and no person." + _UNTOLD
    )
    unknown: Long | None = _count("unknown", "Calls of which it is not known how they ended.")
    talk_seconds: Long | None = _count("talk_seconds", "Seconds of conversation." + _UNTOLD)
    ring_seconds: Long | None = _count("ring_seconds", "Seconds of ringing." + _UNTOLD)
    queue_seconds: Long | None = _count("queue_seconds", "Seconds of waiting in queues." + _UNTOLD)
    hold_seconds: Long | None = _count("hold_seconds", "Seconds on hold." + _UNTOLD)
    answer_seizure_ratio: Figure = _figure(
        "answer_seizure_ratio", "ASR: the share of calls that were answered."
    )
    network_effectiveness_ratio: Figure = _figure(
        "network_effectiveness_ratio",
        "NER: the share of calls that reached the called side, whatever it did then.",
    )
    average_call_duration: Figure = _figure(
        "average_call_duration", "ACD: the average seconds of conversation of an answered call."
    )
    average_ring: Figure = _figure("average_ring", "The average seconds of ringing.")
    average_speed_of_answer: Figure = _figure(
        "average_speed_of_answer",
        "ASA: the average seconds from the start of an inbound call to a person's answer.",
    )
    traffic: Figure = _figure(
        "traffic", "The traffic carried, in erlangs, attributed to the time it occupied."
    )
    peak_concurrency: PeakFigure = _figure(
        "peak_concurrency", "The most calls that were going on at the same moment."
    )
    cost: CostFigure = _figure(
        "cost",
        "What the calls cost. With some phone systems this needs a request for each call, and is "
        "left out, with the reason, where that is too many.",
    )
    top_callers: TopList = _top("top_callers", "Who called most often.")
    top_callees: TopList = _top("top_callees", "Who was called most often.")
    top_extensions: TopList = _top("top_extensions", "The extensions with the most calls.")
    top_queues: TopList = _top("top_queues", "The queues with the most calls.")
    top_trunks: TopList = _top("top_trunks", "The trunks with the most calls.")

    @strawberry.field(description="The same counts for each direction that occurs.")
    def by_direction(self) -> list[DirectionCounts]:
        made: list[DirectionCounts] = self.read("by_direction", {})
        return made

    @strawberry.field(description="Minutes of conversation, by a named rounding rule.")
    def minutes_of_use(
        self,
        rounding: Annotated[
            RoundingRule, _about(description="How seconds become minutes.")
        ] = RoundingRule.EXACT,
    ) -> Figure:
        made: Figure = self.read("minutes_of_use", {"rounding": rounding})
        return made

    @strawberry.field(description="The share of inbound calls given up while waiting.")
    def abandon_rate(self, short_abandon_seconds: Short = 0) -> Figure:
        made: Figure = self.read("abandon_rate", {"short_abandon_seconds": short_abandon_seconds})
        return made

    @strawberry.field(description="The share of inbound calls answered in time.")
    def service_level(
        self,
        seconds: Annotated[
            int, _about(description="How many seconds are in time, 0 to 3600.")
        ] = IN_TIME_SECONDS,
        variant: Annotated[
            ServiceLevelVariant, _about(description="Which formula.")
        ] = ServiceLevelVariant.OF_OFFERED,
        short_abandon_seconds: Annotated[
            int,
            _about(
                description="The short-abandon limit of WITH_ABANDONED_LESS_SHORT, in seconds, "
                "0 to 3600; the other variants do not use it."
            ),
        ] = SHORT_ABANDON_SECONDS,
    ) -> Figure:
        made: Figure = self.read(
            "service_level",
            {
                "seconds": seconds,
                "variant": variant,
                "short_abandon_seconds": short_abandon_seconds,
            },
        )
        return made

    @strawberry.field(description="The hour that carried the most traffic.")
    def busy_hour(
        self,
        kind: Annotated[
            BusyHourKind, _about(description="Which hours are compared.")
        ] = BusyHourKind.FIXED,
    ) -> PeakFigure:
        made: PeakFigure = self.read("busy_hour", {"kind": kind})
        return made

    @strawberry.field(description="The share of answered calls that were very short.")
    def short_call_ratio(
        self,
        seconds: Annotated[
            int,
            _about(description="Conversations of less than this are short; 1 to 3600 seconds."),
        ] = SHORT_CALL_SECONDS,
    ) -> Figure:
        made: Figure = self.read("short_call_ratio", {"seconds": seconds})
        return made

    @strawberry.field(
        description="Inbound calls that no person answered and whose number was not called back in "
        "time, from any source. Calls back are matched by number in E.164 form."
    )
    def missed_not_returned(
        self,
        within_minutes: Annotated[
            int, _about(description="How long there is to call back, 1 to 44640 minutes.")
        ] = 1440,
    ) -> Figure:
        made: Figure = self.read("missed_not_returned", {"within_minutes": within_minutes})
        return made

    @strawberry.field(
        description="What the plain counts and sums selected here do not cover, and why."
    )
    def caveats(self) -> list[Caveat]:
        made: list[Caveat] = self.read("caveats", {})
        return made


@strawberry.type(description="One key of a group, with its value.")
class StatsGroupKey:
    key: StatsKey = strawberry.field(description="The key.")
    value: str | None = strawberry.field(
        description="Its value; null for calls that have none, or whose vendor does not tell."
    )
    label: str | None = strawberry.field(description="The value for people, where it differs.")
    since: datetime | None = strawberry.field(
        description="When the span of time begins; null if the key is none."
    )
    until: datetime | None = strawberry.field(
        description="When the span of time ends; null if the key is none."
    )


@strawberry.type(description="The calls that agree in all keys, and their figures.")
class StatsGroup(CallFigures):
    keys: list[StatsGroupKey] = strawberry.field(description="The keys in the order of `groupBy`.")


class NativeBounds(NamedTuple):
    """The bounds of a vendor's own figures; None is open."""

    answered_since: datetime | None = None
    answered_until: datetime | None = None
    saved_since: datetime | None = None
    saved_until: datetime | None = None


@strawberry.type(description="Counts as a vendor makes them, or their equals made here.")
class NativeCounts:
    total: int = strawberry.field(description="All calls.")
    answered: int = strawberry.field(description="Answered.")
    unanswered: int = strawberry.field(description="Not answered.")
    busy: int = strawberry.field(description="Busy.")
    failed: int = strawberry.field(description="Failed.")
    unknown: int = strawberry.field(description="Not known.")
    unallowed: int = strawberry.field(description="Not permitted.")


@strawberry.type(
    description="What a vendor counted itself, beside what is computed here. The two may differ in "
    "what they mean; `note` says how."
)
class NativeStats:
    source: Source = strawberry.field(description="Whose figures they are.")
    type: CallDirection = strawberry.field(description="The direction they are about.")
    counted: NativeCounts = strawberry.field(description="What the vendor counted.")
    computed: NativeCounts = strawberry.field(description="The same, computed from its calls here.")
    difference: NativeCounts = strawberry.field(description="Counted less computed.")
    note: str = strawberry.field(description="In what the two differ by meaning.")


@strawberry.type(description="Statistics over the calls of all sources that the filter means.")
class Stats(Answer, CallFigures):
    unit: CallUnit = strawberry.field(description="What was counted: calls, or legs.")
    time_zone: str = strawberry.field(description="The IANA zone of hours, days and weeks.")
    comparable_window: TimeWindow | None = strawberry.field(
        description="The window that every source asked has covered; null if there is none."
    )
    legs_folded: Long = strawberry.field(
        description="How many legs were folded into the calls counted here; vendors that tell "
        "whole calls add none."
    )
    groups: list[StatsGroup] = strawberry.field(
        description="The groups in the order of their keys; empty without `groupBy`."
    )
    definitions: list[FigureDefinition] = strawberry.field(
        description="What every figure selected in this answer means."
    )

    compared: strawberry.Private[list[tuple[NativeBounds, list[Any]]]]

    @strawberry.field(
        description="The figures that vendors count themselves (VoipNow), beside the same computed "
        "from their calls. Each one costs a further request. Without bounds the vendor counts "
        "what it saved within the window."
    )
    def native(
        self,
        answered_since: Annotated[
            datetime | None, _about(description="Calls answered at this moment or later.")
        ] = None,
        answered_until: Annotated[
            datetime | None, _about(description="Calls answered until this moment.")
        ] = None,
        saved_since: Annotated[
            datetime | None,
            _about(description="Calls that the vendor stored at this moment or later."),
        ] = None,
        saved_until: Annotated[
            datetime | None, _about(description="Calls that the vendor stored until this moment.")
        ] = None,
    ) -> list[NativeStats | None]:
        bounds = NativeBounds(answered_since, answered_until, saved_since, saved_until)
        made: list[NativeStats | None] = next(
            rows for asked, rows in self.compared if asked == bounds
        )
        return made
