"""What the API accepts as the body of a report, by its documentation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from cronsim import CronSim, CronSimError

from graph.sources.portsip.simulator.query import microseconds
from graph.sources.portsip.simulator.refusals import invalid

_QUEUE_TYPES = (
    "QUEUE_PERFORMANCE", "QUEUE_DETAILED_STATISTICS", "QUEUE_ABANDONED_CALLS",
    "QUEUE_SLA_STATISTICS", "QUEUE_BREACHES_SLA_STATISTICS", "QUEUE_CALLBACKS",
    "TEAM_QUEUE_GENERAL_STATISTICS",
)  # fmt: skip
_FORMATS = ("CSV", "HTML")
_RANGES = (
    "TODAY", "YESTERDAY", "LAST_WEEK", "LAST_SEVEN_DAYS", "LAST_MONTH", "LAST_THIRTY_DAYS",
    "CUSTOM",
)  # fmt: skip
_PARTIES = (
    "ANY", "EXTENSION_OR_EXTENSION_RANGE", "NUMBER", "NUMBERS_START_WITH", "NUMBERS_CONTAIN",
    "INTERNAL_EXTENSIONS", "EXTERNAL_NUMBERS",
)  # fmt: skip
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
_NUMBER = re.compile(r"[0-9]{3,64}")

Says = Callable[[Any], bool]


def _one_of(*words: str) -> Says:
    return lambda value: value in words


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _seconds(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _list(says: Says) -> Says:
    return lambda value: isinstance(value, list) and all(says(one) for one in value)


def _queue(value: Any) -> bool:
    return _text(value) and _NUMBER.fullmatch(value) is not None


_Q: Mapping[str, Says] = {
    "enable_exclude_calls_dropped_before_seconds": _flag,
    "exclude_calls_dropped_before_seconds": _seconds,
    "call_queues": _list(_queue),
}
_FILTERS: Mapping[str, Mapping[str, Says]] = {
    **dict.fromkeys(_QUEUE_TYPES, _Q),
    "NORMAL": {
        "from": _one_of(*_PARTIES),
        "from_value": _text,
        "to": _one_of(*_PARTIES),
        "to_value": _text,
        "answer_state": _one_of("ANY", "ANSWERED", "NOT_ANSWERED"),
        "duration": _one_of("ANY", "RING_DURATION", "TALK_DURATION"),
        "duration_from": _seconds,
        "duration_to": _seconds,
    },
    "EXTENSION_GROUP_CALL_COST": {
        "type": _one_of("ANY", "LOCAL", "NATIONAL", "INTERNATIONAL", "MOBILE"),
        "groups": _list(lambda value: _text(value) and 1 <= len(value) <= 64),
    },
    "QUEUE_FAILED_CALLBACKS": {"call_queues": _list(_queue)},
    "RING_GROUP_STATISTICS": {"ring_groups": _list(_text)},
}


def _cron(value: Any) -> bool:
    if not _text(value):
        return False
    if not value:
        return True
    try:
        CronSim(value, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError:
        return False
    return len(value.split()) == 5


_FIELDS: Mapping[str, Says] = {
    "name": lambda value: _text(value) and bool(value),
    "type": _one_of(*_FILTERS),
    "email": lambda value: _text(value) and len(value) <= 128 and bool(_ADDRESS.fullmatch(value)),
    "format": _one_of(*_FORMATS),
    "range": _one_of(*_RANGES),
    "started_at": lambda value: _text(value) and microseconds(value) is not None,
    "ended_at": lambda value: _text(value) and microseconds(value) is not None,
    "cron_expr": _cron,
    "filter": lambda value: isinstance(value, dict),
}
_REQUIRED = ("name", "type", "email", "format", "range", "filter")


def check(sent: bytes, *, new: bool, type_: str | None = None) -> dict[str, Any]:
    """The body; VALIDATE_FAILED with the field that is wrong"""
    try:
        body = msgspec.json.decode(sent, type=dict[str, Any])
    except msgspec.DecodeError:
        raise invalid("body", "a JSON object is expected") from None
    if new:
        for name in _REQUIRED:
            if name not in body:
                raise invalid(name, "is required")
    elif "type" in body:
        raise invalid("type", "cannot be changed")
    for name, value in body.items():
        if name not in _FIELDS or not _FIELDS[name](value):
            raise invalid(name, "is not valid")
    known = _FILTERS[str(body.get("type", type_))]
    for name, value in body.get("filter", {}).items():
        if name not in known or not known[name](value):
            raise invalid(f"filter.{name}", "is not valid")
    return body
