"""PortSIP's reports as ours, and ours as PortSIP's: words, ranges, filters, fields.

A filter has no discriminator and twelve alternatives for eleven types (the one without a type is
left over from a retired report), so its shape follows from the type. Source: REST API "Call Detail
Records", Create new call report (PBX 22.x), read August 2026.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar

import msgspec

from graph.sources.contract import Field, Site
from graph.sources.convert import instant, integer, text, word
from graph.sources.portsip.wire import (
    CallbackFilter,
    CostFilter,
    NormalFilter,
    QueueFilter,
    ReportRow,
    RingGroupFilter,
)
from graph.sources.writes import ReportDraft
from graph.types.report import (
    CallReportRange,
    ExtensionGroupCallCostReportFilter,
    NormalReportFilter,
    QueueFailedCallbacksReportFilter,
    QueueReportFilter,
    ReportDuration,
    ReportFilter,
    ReportParty,
    RingGroupReportFilter,
    UnknownReportFilter,
)
from graph.types.report_words import (
    CallReportFormat,
    CallReportPreset,
    CallReportStatus,
    CallReportType,
    ReportAnswerState,
    ReportCallKind,
    ReportDurationKind,
    ReportPartyKind,
    takes_value,
)
from graph.types.scalars import TimeWindow

E = TypeVar("E", bound=Enum)


def _words(kind: type[E]) -> dict[str, E]:
    """PortSIP's words for reports are those of the schema."""
    return {one.name: one for one in kind if one.name != "UNKNOWN"}


TYPES = _words(CallReportType)
FORMATS = _words(CallReportFormat)
PRESETS = _words(CallReportPreset)
STATUSES = _words(CallReportStatus)


# ---------------------------------------------------------------- filters


def _one(kind: type[E], told: str | None) -> E:
    """The word; a blank is ANY. KeyError for a word that nobody knows."""
    return kind[text(told) or "ANY"]


def _party(kind: str | None, told: str | None) -> ReportParty:
    known = _one(ReportPartyKind, kind)
    return ReportParty(kind=known, value=text(told) if takes_value(known) else None)


def _read_normal(raw: msgspec.Raw) -> NormalReportFilter:
    sent = msgspec.json.decode(raw, type=NormalFilter)
    length = _one(ReportDurationKind, sent.duration)
    measured = length is not ReportDurationKind.ANY
    return NormalReportFilter(
        caller=_party(sent.from_, sent.from_value),
        callee=_party(sent.to, sent.to_value),
        answer_state=_one(ReportAnswerState, sent.answer_state),
        duration=ReportDuration(
            kind=length,
            min_seconds=sent.duration_from if measured else None,
            max_seconds=sent.duration_to if measured else None,
        ),
    )


def _read_cost(raw: msgspec.Raw) -> ExtensionGroupCallCostReportFilter:
    sent = msgspec.json.decode(raw, type=CostFilter)
    return ExtensionGroupCallCostReportFilter(
        call_kind=_one(ReportCallKind, sent.type), groups=sent.groups or []
    )


def _read_queue(raw: msgspec.Raw) -> QueueReportFilter:
    sent = msgspec.json.decode(raw, type=QueueFilter)
    excludes = bool(sent.enable_exclude_calls_dropped_before_seconds)
    return QueueReportFilter(
        queues=sent.call_queues or [],
        exclude_dropped_before_seconds=sent.exclude_calls_dropped_before_seconds
        if excludes
        else None,
        answer_within_seconds=None,
    )


def _read_callbacks(raw: msgspec.Raw) -> QueueFailedCallbacksReportFilter:
    sent = msgspec.json.decode(raw, type=CallbackFilter)
    return QueueFailedCallbacksReportFilter(queues=sent.call_queues or [])


def _read_ring_groups(raw: msgspec.Raw) -> RingGroupReportFilter:
    sent = msgspec.json.decode(raw, type=RingGroupFilter)
    return RingGroupReportFilter(ring_groups=sent.ring_groups or [])


_READ: Mapping[CallReportType, Callable[[msgspec.Raw], ReportFilter]] = {
    **dict.fromkeys(TYPES.values(), _read_queue),
    CallReportType.NORMAL: _read_normal,
    CallReportType.EXTENSION_GROUP_CALL_COST: _read_cost,
    CallReportType.QUEUE_FAILED_CALLBACKS: _read_callbacks,
    CallReportType.RING_GROUP_STATISTICS: _read_ring_groups,
}


def read_filter(type_: str | None, raw: msgspec.Raw) -> ReportFilter | None:
    """The filter in the shape of its type; as it is told where it has another one or new words"""
    sent = bytes(raw)
    if sent in (b"", b"null"):
        return None
    read = _READ.get(TYPES.get(text(type_) or "", CallReportType.UNKNOWN))
    try:
        if read is not None:
            return read(raw)
    except (msgspec.ValidationError, KeyError):
        # Kept as it is told, below.
        pass
    return UnknownReportFilter(raw=msgspec.json.decode(sent))


def write_filter(filter: ReportFilter) -> Any:
    """The filter as PortSIP takes it; the inverse of `read_filter`"""
    match filter:
        case NormalReportFilter():
            length = filter.duration
            wire = {
                "from": filter.caller.kind.name,
                "from_value": filter.caller.value,
                "to": filter.callee.kind.name,
                "to_value": filter.callee.value,
                "answer_state": filter.answer_state.name,
                "duration": length.kind.name,
                "duration_from": length.min_seconds,
                "duration_to": length.max_seconds,
            }
            return {key: value for key, value in wire.items() if value is not None}
        case ExtensionGroupCallCostReportFilter():
            return {"type": filter.call_kind.name, "groups": filter.groups}
        case QueueReportFilter(exclude_dropped_before_seconds=None):
            return {
                "enable_exclude_calls_dropped_before_seconds": False,
                "call_queues": filter.queues,
            }
        case QueueReportFilter():
            return {
                "enable_exclude_calls_dropped_before_seconds": True,
                "exclude_calls_dropped_before_seconds": filter.exclude_dropped_before_seconds,
                "call_queues": filter.queues,
            }
        case QueueFailedCallbacksReportFilter():
            return {"call_queues": filter.queues}
        case RingGroupReportFilter():
            return {"ring_groups": filter.ring_groups}
        case UnknownReportFilter():
            return filter.raw


# ---------------------------------------------------------------- ranges and whole drafts


def read_range(told: str | None, started: str | None, ended: str | None) -> CallReportRange | None:
    own = text(told)
    if own is None:
        return None
    preset = PRESETS.get(own, CallReportPreset.UNKNOWN)
    window = None
    if preset is CallReportPreset.CUSTOM:
        window = TimeWindow(since=instant(started), until=instant(ended))
    return CallReportRange(preset=preset, native_preset=own, window=window)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _write_range(range: CallReportRange) -> dict[str, str]:
    wire = {"range": range.preset.name}
    if range.window is not None:
        if range.window.since is not None:
            wire["started_at"] = _moment(range.window.since)
        if range.window.until is not None:
            wire["ended_at"] = _moment(range.window.until)
    return wire


def write_draft(draft: ReportDraft) -> dict[str, Any]:
    """The body that creates or changes a report: what the draft leaves open is not in it"""
    wire: dict[str, Any] = {
        "name": draft.name,
        "type": None if draft.type is None else draft.type.name,
        "email": draft.email,
        "format": None if draft.format is None else draft.format.name,
        **({} if draft.range is None else _write_range(draft.range)),
        "cron_expr": draft.cron_expression,
        "filter": None if draft.filter is None else write_filter(draft.filter),
    }
    return {key: value for key, value in wire.items() if value is not None}


_INPUTS = {
    "name": "name",
    "type": "type",
    "email": "email",
    "format": "format",
    "range": "range",
    "started_at": "range.window.since",
    "ended_at": "range.window.until",
    "cron_expr": "cronExpression",
    "filter": "filter",
}
_EXCLUDED = "filter.queue.excludeDroppedBeforeSeconds"
_FILTER_INPUTS: Mapping[type, Mapping[str, str]] = {
    NormalReportFilter: {
        "from": "filter.normal.caller.kind",
        "from_value": "filter.normal.caller.value",
        "to": "filter.normal.callee.kind",
        "to_value": "filter.normal.callee.value",
        "answer_state": "filter.normal.answerState",
        "duration": "filter.normal.duration.kind",
        "duration_from": "filter.normal.duration.minSeconds",
        "duration_to": "filter.normal.duration.maxSeconds",
    },
    ExtensionGroupCallCostReportFilter: {
        "type": "filter.extensionGroupCallCost.callKind",
        "groups": "filter.extensionGroupCallCost.groups",
    },
    QueueReportFilter: {
        "call_queues": "filter.queue.queues",
        "exclude_calls_dropped_before_seconds": _EXCLUDED,
        "enable_exclude_calls_dropped_before_seconds": _EXCLUDED,
    },
    QueueFailedCallbacksReportFilter: {"call_queues": "filter.queueFailedCallbacks.queues"},
    RingGroupReportFilter: {"ring_groups": "filter.ringGroup.ringGroups"},
}


def input_field(told: str, draft: ReportDraft) -> str | None:
    """Where in our input a field of PortSIP's body comes from, e.g. `filter.call_queues[0]`"""
    *above, last = re.sub(r"\[\d+\]", "", told).split(".")
    inside = _FILTER_INPUTS.get(type(draft.filter), {})
    if "filter" in above:
        return inside.get(last, "filter")
    return _INPUTS.get(last) or inside.get(last)


# ---------------------------------------------------------------- fields


_NAMED = (
    Field("native_id", "id", str),
    Field("name", "name", text),
    Field("type", "type", word(TYPES, CallReportType.UNKNOWN)),
    Field("native_type", "type", text),
)


def _late(*_: Any) -> None:
    return None


DEFINITIONS = (
    *_NAMED,
    Field("cron_expression", "cron_expr", text),
    Field("status", "status", word(STATUSES, CallReportStatus.UNKNOWN)),
    Field("native_status", "status", text),
    Field("email", "email", _late, part="detail"),
    Field("format", "format", _late, part="detail"),
    Field("native_format", "format", _late, part="detail"),
    Field("range", ("range", "started_at", "ended_at"), _late, part="detail"),
    Field("filter", ("type", "filter"), _late, part="detail"),
)

COMPLETED = (
    *_NAMED,
    Field("format", "format", word(FORMATS, CallReportFormat.UNKNOWN)),
    Field("native_format", "format", text),
    Field("completed_at", "completed_at", instant),
    Field("file_name", "file_name", text),
    Field("file_size_bytes", "file_size", integer),
)


def late_values(_site: Site, rows: list[ReportRow]) -> Mapping[str, Any]:
    """What only the detail of a report tells; nothing if the report is gone by now"""
    if not rows:
        return dict.fromkeys(("email", "format", "native_format", "range", "filter"))
    row = rows[0]
    told = text(row.format)
    return {
        "email": text(row.email),
        "format": None if told is None else FORMATS.get(told, CallReportFormat.UNKNOWN),
        "native_format": told,
        "range": read_range(row.range, row.started_at, row.ended_at),
        "filter": read_filter(row.type, row.filter),
    }
