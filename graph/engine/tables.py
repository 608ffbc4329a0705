"""What each type of report is made of: tables over the merged list of calls, and of statistics.

A table of calls names paths of a call, a table of figures names rows of the statistics' table of
figures; nothing is computed here. Types that no call history supports say why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import msgspec

from graph.engine.definition import Definition, Looks
from graph.engine.looks import Refused, Sight, calls_filter, group_filter
from graph.stats.sums import WAITED_NEEDS, waited_seconds
from graph.types.call import CallDisposition
from graph.types.figure import IN_TIME_SECONDS, CostFigure, ServiceLevelVariant
from graph.types.inputs import CallFilter
from graph.types.report_words import CallReportType as Type
from graph.types.stats import StatsKey


class Kind(Enum):
    """How a column's values are written"""

    TEXT = "text"
    TIME = "time"
    """a day, an hour of the day, … by which figures are grouped"""
    MOMENT = "moment"
    INTEGER = "integer"
    SECONDS = "seconds"
    NUMBER = "number"
    RATIO = "ratio"


class Column(msgspec.Struct, frozen=True):
    """`name` is for programs, `title` for people."""

    name: str
    title: str
    kind: Kind


class CallColumn(msgspec.Struct, frozen=True):
    """A column of a table of calls: what it reads of a call"""

    column: Column
    path: str


class FigureColumn(msgspec.Struct, frozen=True):
    """A column of a table of figures: the figure, with its arguments"""

    column: Column
    figure: str
    arguments: Mapping[str, Any] = {}


class CallTable(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of the merged list, the oldest first. `test` is what a filter cannot say."""

    title: str
    columns: tuple[CallColumn, ...]
    filter: CallFilter
    test: Callable[[Any, Sight], bool] | None = None
    needs: tuple[str, ...] = ()


class FigureTable(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics: of each group, or of each slice (a name and its own filter) as a whole.

    `chart` names the columns that are drawn as bars, stacked.
    """

    title: str
    columns: tuple[FigureColumn, ...]
    slices: tuple[tuple[str | None, CallFilter], ...]
    keys: tuple[StatsKey, ...] = ()
    slice_title: str | None = None
    drop_unnamed: bool = False
    chart: tuple[str, ...] = ()


Table = CallTable | FigureTable


class Blueprint(msgspec.Struct, frozen=True):
    """The tables of a report, the main one first, and notes for whoever reads it"""

    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()

    @property
    def needs(self) -> frozenset[str]:
        """The paths without which a source's calls say nothing in this report"""
        return frozenset(
            path for table in self.tables if isinstance(table, CallTable) for path in table.needs
        )


# ---------------------------------------------------------------- columns


def _call(name: str, title: str, kind: Kind = Kind.TEXT, path: str | None = None) -> CallColumn:
    return CallColumn(Column(name, title, kind), path or name)


CALL_COLUMNS = (
    _call("started_at", "Start", Kind.MOMENT),
    _call("source", "System", path="source.id"),
    _call("direction", "Direction"),
    _call("disposition", "End"),
    _call("answered_by", "Answered by"),
    _call("caller", "Caller", path="caller.number"),
    _call("caller_name", "Caller's name", path="caller.name"),
    _call("caller_extension", "Caller's extension", path="caller.extension"),
    _call("callee", "Callee", path="callee.number"),
    _call("callee_name", "Callee's name", path="callee.name"),
    _call("callee_extension", "Callee's extension", path="callee.extension"),
    _call("answered_at", "Answer", Kind.MOMENT),
    _call("ended_at", "End at", Kind.MOMENT),
    _call("total_seconds", "Total", Kind.SECONDS),
    _call("ring_seconds", "Ringing", Kind.SECONDS),
    _call("talk_seconds", "Talk", Kind.SECONDS),
    _call("hold_seconds", "Hold", Kind.SECONDS),
    _call("queue_seconds", "In queues", Kind.SECONDS),
    _call("did", "Dialled"),
    _call("queue", "Queue"),
    _call("agent", "Agent"),
    _call("trunk_in", "Trunk in"),
    _call("trunk_out", "Trunk out"),
    _call("call_key", "Call"),
)
"""costs are not among them: with some vendors each would take a request of its own"""


def _figure(
    name: str, title: str, kind: Kind = Kind.INTEGER, figure: str | None = None, **arguments: Any
) -> FigureColumn:
    return FigureColumn(Column(name, title, kind), figure or name, arguments)


_OFFERED = _figure("offered", "Offered")
_ANSWERED = _figure("answered", "Answered")
_ABANDONED = _figure("abandoned", "Given up")
_UNANSWERED = _figure("unanswered", "Not answered")
_TALK = _figure("talk_seconds", "Talk", Kind.SECONDS)
_WAITING = _figure("queue_seconds", "In queues", Kind.SECONDS)
_AVERAGE_TALK = _figure(
    "average_talk_seconds", "Average talk", Kind.NUMBER, "average_call_duration"
)
_SPEED = _figure(
    "average_speed_of_answer_seconds", "Speed of answer", Kind.NUMBER, "average_speed_of_answer"
)
_SEIZURE = _figure("answer_seizure_ratio", "Answered share", Kind.RATIO)
_MAILBOX = _figure("voicemail", "Mailbox")
_BUSY = _figure("busy", "Busy")
_FAILED = _figure("failed", "Failed")
_DRAWN = ("answered", "voicemail", "abandoned", "unanswered", "busy", "failed")


def _abandon_rate(looks: Looks) -> FigureColumn:
    short = looks.exclude_dropped_before_seconds or 0
    return _figure("abandon_rate", "Given up, share", Kind.RATIO, short_abandon_seconds=short)


def _level(name: str, title: str, looks: Looks, variant: ServiceLevelVariant) -> FigureColumn:
    return _figure(
        name,
        title,
        Kind.RATIO,
        "service_level",
        seconds=within_seconds(looks),
        variant=variant,
        short_abandon_seconds=looks.exclude_dropped_before_seconds or 0,
    )


def within_seconds(looks: Looks) -> int:
    """The promised time of an answer"""
    given = looks.answer_within_seconds
    return IN_TIME_SECONDS if given is None else given


# ---------------------------------------------------------------- types


def _overview(filter: CallFilter) -> FigureTable:
    return FigureTable(
        title="By day",
        columns=(_OFFERED, _ANSWERED, _MAILBOX, _ABANDONED, _UNANSWERED, _BUSY, _FAILED, _TALK),
        slices=((None, filter),),
        keys=(StatsKey.DAY,),
        chart=_DRAWN,
    )


def _normal(definition: Definition) -> Blueprint:
    filter, test, needs = calls_filter(definition.looks)
    calls = CallTable(title="Calls", columns=CALL_COLUMNS, filter=filter, test=test, needs=needs)
    if test is None:
        return Blueprint((calls, _overview(filter)))
    note = "There is no table by day: statistics have no condition like this report's filter."
    return Blueprint((calls,), (note,))


def _cost(definition: Definition) -> Blueprint:
    slices = tuple((group, group_filter(group)) for group in definition.looks.groups)
    return Blueprint(
        (
            FigureTable(
                title="Cost by group of extensions",
                columns=(_OFFERED, _ANSWERED, _TALK, _figure("cost", "Cost", Kind.TEXT)),
                slices=slices,
                slice_title="Group",
                chart=("answered",),
            ),
        )
    )


def _queues(definition: Definition, **more: Any) -> CallFilter:
    queues = list(definition.looks.queues)
    return CallFilter(queue=queues or None, **more)


def _by_queue(
    title: str, columns: tuple[FigureColumn, ...], filter: CallFilter, *keys: StatsKey
) -> FigureTable:
    return FigureTable(
        title=title,
        columns=columns,
        slices=((None, filter),),
        keys=(StatsKey.QUEUE, *keys),
        drop_unnamed=True,
        chart=tuple(one.column.name for one in columns if one.column.name in _DRAWN),
    )


def _of_queues(looks: Looks) -> tuple[FigureColumn, ...]:
    return (
        _OFFERED, _ANSWERED, _MAILBOX, _ABANDONED, _UNANSWERED, _BUSY, _FAILED,
        _abandon_rate(looks), _SPEED, _AVERAGE_TALK, _TALK, _WAITING,
    )  # fmt: skip


def _performance(definition: Definition) -> Blueprint:
    looks, filter = definition.looks, _queues(definition)
    agents = (_OFFERED, _ANSWERED, _AVERAGE_TALK, _TALK)
    return Blueprint(
        (
            _by_queue("By queue", _of_queues(looks), filter),
            _by_queue("By queue and agent", agents, filter, StatsKey.AGENT),
        )
    )


def _detailed(definition: Definition) -> Blueprint:
    looks, filter = definition.looks, _queues(definition)
    columns = _of_queues(looks)
    return Blueprint(
        (
            _by_queue("By queue and day", columns, filter, StatsKey.DAY),
            _by_queue("By queue and hour of the day", columns, filter, StatsKey.HOUR_OF_DAY),
        )
    )


def _sla(definition: Definition) -> Blueprint:
    looks, filter = definition.looks, _queues(definition)
    variant = ServiceLevelVariant
    columns = (
        _OFFERED, _ANSWERED, _ABANDONED,
        _level("service_level", "In time of all", looks, variant.WITH_ABANDONED_LESS_SHORT),
        _level("in_time_of_answered", "In time of answered", looks, variant.OF_ANSWERED),
        _level("in_time_of_offered", "In time of offered", looks, variant.OF_OFFERED),
        _SPEED,
    )  # fmt: skip
    return Blueprint(
        (
            _by_queue("By queue", columns, filter),
            _by_queue("By queue and day", columns, filter, StatsKey.DAY),
        )
    )


def _abandoned(definition: Definition) -> Blueprint:
    least = definition.looks.exclude_dropped_before_seconds

    def test(call: Any, _sight: Sight) -> bool:
        if call.queue is None:
            return False
        return not least or call.total_seconds is None or call.total_seconds >= least

    filter = _queues(definition, disposition=[CallDisposition.ABANDONED])
    calls = CallTable(
        title="Calls given up in queues", columns=CALL_COLUMNS, filter=filter, test=test,
        needs=("queue", "total_seconds"),
    )  # fmt: skip
    columns = (_figure("abandoned", "Given up"), _WAITING)
    notes: tuple[str, ...] = ()
    if least:
        told = (
            f"Calls given up within {least} seconds are left out of the list, not of the figures."
        )
        notes = (told,)
    return Blueprint((calls, _by_queue("By queue", columns, filter)), notes)


def _breaches(definition: Definition) -> Blueprint:
    limit = within_seconds(definition.looks)
    short = definition.looks.exclude_dropped_before_seconds or 0

    def test(call: Any, sight: Sight) -> bool:
        waited = waited_seconds(sight.seen(call))
        if call.queue is None or waited is None or waited <= limit:
            return False
        return call.disposition is not CallDisposition.ABANDONED or waited > short

    calls = CallTable(
        title=f"Calls in queues that waited for more than {limit} seconds",
        columns=CALL_COLUMNS,
        filter=_queues(definition),
        test=test,
        needs=("queue", *WAITED_NEEDS),
    )
    return Blueprint(
        (calls,),
        ("Calls of which their phone system does not tell how long they waited are not here.",),
    )


def _team(definition: Definition) -> Blueprint:
    looks, filter = definition.looks, _queues(definition)
    columns = (_OFFERED, _ANSWERED, _ABANDONED, _UNANSWERED, _SEIZURE, _abandon_rate(looks),
               _level("service_level", "In time", looks,
                      ServiceLevelVariant.WITH_ABANDONED_LESS_SHORT),
               _SPEED, _AVERAGE_TALK, _TALK, _WAITING)  # fmt: skip
    whole = FigureTable(
        title="All queues of the team",
        columns=columns,
        slices=((", ".join(definition.looks.queues), filter),),
        slice_title="Queues",
    )
    return Blueprint((whole, _overview(filter)))


_MAKERS: Mapping[Type, Callable[[Definition], Blueprint]] = {
    Type.NORMAL: _normal,
    Type.EXTENSION_GROUP_CALL_COST: _cost,
    Type.QUEUE_PERFORMANCE: _performance,
    Type.QUEUE_DETAILED_STATISTICS: _detailed,
    Type.QUEUE_ABANDONED_CALLS: _abandoned,
    Type.QUEUE_SLA_STATISTICS: _sla,
    Type.QUEUE_BREACHES_SLA_STATISTICS: _breaches,
    Type.TEAM_QUEUE_GENERAL_STATISTICS: _team,
}
_NO_CALLBACKS = "no call history tells who asked to be called back, or which call was the answer"
NEVER: Mapping[Type, str] = {
    Type.QUEUE_CALLBACKS: _NO_CALLBACKS,
    Type.QUEUE_FAILED_CALLBACKS: _NO_CALLBACKS,
    Type.RING_GROUP_STATISTICS: "no call history tells which calls went to a group that rings "
    "together; a report on the calls to its number is of type NORMAL",
}
"""types that this server cannot run on any source, and why"""

SUPPORTED = tuple(_MAKERS)


def blueprint(definition: Definition) -> Blueprint:
    """The tables of a report; Refused where its filter asks for what no table can show"""
    kind = definition.kind
    if kind in NEVER:
        raise Refused("type", NEVER[kind])
    return _MAKERS[kind](definition)


def shown(figure: Any) -> Any:
    """A figure of the statistics as one value; several currencies stand side by side"""
    if isinstance(figure, CostFigure):
        if figure.amounts is None:
            return None
        return "; ".join(f"{one.amount:f} {one.currency or ''}".strip() for one in figure.amounts)
    return figure.value if hasattr(figure, "value") else figure
