"""What the Python programs share: vendors' rows as records, written as plainly as one would."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

UP = os.environ.get("UP", "http://127.0.0.1:1")
SOURCES = os.environ.get("SOURCES", "hq1,hq2,hq3").split(",")
LEGS = "yard/openapi/v1.0/cdr/list"

DIRECTIONS = {
    "INBOUND_CALL": "INBOUND", "OUTBOUND_CALL": "OUTBOUND", "EXTENSION_CALL": "INTERNAL",
    "INBOUND_OUTBOUND_CALL": "TRANSIT",
}  # fmt: skip
STATUSES = {
    0: "NO_ANSWER", 403: "NOT_ALLOWED", 408: "NO_ANSWER", 480: "NO_ANSWER", 486: "BUSY",
    487: "CANCELLED", 600: "BUSY", 603: "REJECTED",
}  # fmt: skip
WAYS = {"Inbound": "INBOUND", "Outbound": "OUTBOUND", "Internal": "INTERNAL"}
ENDS = {
    "ANSWERED": "ANSWERED", "NO ANSWER": "NO_ANSWER", "BUSY": "BUSY", "FAILED": "FAILED",
    "VOICEMAIL": "VOICEMAIL", "ABANDONED": "ABANDONED",
}  # fmt: skip
_LABEL = re.compile(r"(.*)<([^<>]*)>", re.DOTALL)
_QUEUE = re.compile(r"queue\b", re.IGNORECASE)


class Record(NamedTuple):
    """The ten fields, converted"""

    native_id: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    direction: str
    disposition: str
    talk_seconds: int | None
    total_seconds: int | None
    caller: str | None
    callee: str | None


def _moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def portsip(row: Any) -> Record:
    """A row of PortSIP's list"""
    started, ended = datetime.fromisoformat(row.started_at), _moment(row.ended_at)
    if row.reroute_reason == "QUEUE_ABANDONED":
        disposition = "ABANDONED"
    elif row.answered_at:
        disposition = "ANSWERED"
    elif row.reroute_reason == "CAPACITY_BLOCKED":
        disposition = "FAILED"
    elif row.end_reason == "CANCELLED":
        disposition = "CANCELLED"
    elif row.status_code is None:
        disposition = "UNKNOWN"
    else:
        disposition = STATUSES.get(row.status_code, "FAILED")
    return Record(
        row.id,
        started,
        _moment(row.answered_at),
        ended,
        DIRECTIONS.get(row.direction, "UNKNOWN"),
        disposition,
        row.duration,
        None if ended is None else round((ended - started).total_seconds()),
        row.caller or None,
        row.callee or None,
    )


def _number(label: str | None, told: str | None) -> str | None:
    if told and any(map(str.isdigit, told)):
        return told
    match = _LABEL.fullmatch(label or "")
    return match[2] if match and any(map(str.isdigit, match[2])) else None


def yeastar(row: Any) -> Record:
    """A row of Yeastar's list"""
    started = datetime.fromtimestamp(row.timestamp, UTC)
    end = ENDS.get(row.disposition, "UNKNOWN")
    way = WAYS.get(row.call_type, "UNKNOWN")
    if way == "INBOUND" and row.dst_trunk and not row.src_trunk:
        way = "OUTBOUND"
    ring = row.ring_duration
    if ring is None and row.talk_duration is not None and row.duration is not None:
        ring = row.duration - row.talk_duration
    answered = end == "ANSWERED" and ring is not None
    return Record(
        row.new_id or str(row.id),
        started,
        started + timedelta(seconds=ring) if answered else None,
        None if row.duration is None else started + timedelta(seconds=row.duration),
        way,
        "ABANDONED" if end == "NO_ANSWER" and _QUEUE.match(row.call_to or "") else end,
        row.talk_duration if end in ("ANSWERED", "UNKNOWN") else 0,
        row.duration,
        _number(row.call_from, row.call_from_number),
        _number(row.call_to, row.call_to_number),
    )
