"""What stands in a report's file. Its columns are not documented; these are a plausible choice."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from graph.sources import company
from graph.sources.portsip.simulator.query import microseconds

MOST_CALLS = 20_000
"""how many calls one report of type NORMAL holds at most"""

_HEAD = ("Start", "Caller", "Callee", "Direction", "State", "Ring", "Talk", "Cost", "DID", "Trunk")
_GROUPED = ("Number", "Name", "Calls", "Answered", "Abandoned", "Talk seconds")


def table(
    body: dict[str, Any], calls: Iterable[company.Call], now: datetime, zone: ZoneInfo
) -> bytes:
    """The file of a run at this moment"""
    since, until = span(body, now, zone)
    chosen = [call for call in calls if since <= call.started_at < until]
    if body["type"] == "NORMAL":
        chosen = [call for call in chosen if _wanted(call, body["filter"])]
        head: Sequence[str] = _HEAD
        rows = [_line(call, zone) for call in chosen[:MOST_CALLS]]
    else:
        head, rows = _GROUPED, _groups(body, chosen)
    return _html(body["name"], head, rows) if body["format"] == "HTML" else _csv(head, rows)


def span(body: dict[str, Any], now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From when and until when calls are looked at; days are those of the zone"""
    local = now.astimezone(zone)
    today = local.replace(hour=0, minute=0, second=0, microsecond=0)
    week = today - timedelta(days=today.weekday())
    month = today.replace(day=1)
    if body["range"] == "CUSTOM":
        ever = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        told = (body.get("started_at"), body.get("ended_at"))
        started, ended = (
            datetime.fromisoformat(text) if text and microseconds(text) is not None else end
            for text, end in zip(told, ever, strict=True)
        )
        return started, ended
    return {
        "TODAY": (today, today + timedelta(days=1)),
        "YESTERDAY": (today - timedelta(days=1), today),
        "LAST_WEEK": (week - timedelta(days=7), week),
        "LAST_SEVEN_DAYS": (today - timedelta(days=7), today),
        "LAST_MONTH": ((month - timedelta(days=1)).replace(day=1), month),
        "LAST_THIRTY_DAYS": (today - timedelta(days=30), today),
    }[body["range"]]


def _wanted(call: company.Call, filter: dict[str, Any]) -> bool:
    state = filter.get("answer_state", "ANY")
    measured = {"RING_DURATION": call.ring_seconds, "TALK_DURATION": call.talk_seconds}
    length = measured.get(filter.get("duration", "ANY"))
    return (
        _is(call.caller.number, filter.get("from", "ANY"), filter.get("from_value", ""))
        and _is(call.callee.number, filter.get("to", "ANY"), filter.get("to_value", ""))
        and (state == "ANY" or call.answered is (state == "ANSWERED"))
        and (
            length is None
            or filter.get("duration_from", 0) <= length <= filter.get("duration_to", length)
        )
    )


def _is(number: str, kind: str, value: str) -> bool:
    inside = number.isdigit() and len(number) <= 6
    if kind == "EXTENSION_OR_EXTENSION_RANGE":
        low, _, high = value.partition("-")
        return inside and int(low) <= int(number) <= int(high or low)
    return {
        "ANY": True,
        "NUMBER": number == value,
        "NUMBERS_START_WITH": number.startswith(value),
        "NUMBERS_CONTAIN": value in number,
        "INTERNAL_EXTENSIONS": inside,
        "EXTERNAL_NUMBERS": not inside,
    }[kind]


def _line(call: company.Call, zone: ZoneInfo) -> list[str]:
    return [
        call.started_at.astimezone(zone).isoformat(sep=" ", timespec="seconds"),
        call.caller.number,
        call.callee.number,
        call.direction,
        call.outcome,
        str(call.ring_seconds),
        str(call.talk_seconds),
        f"{call.price_cents / 100:.2f}",
        call.did or "",
        call.trunk or "",
    ]


def _groups(body: dict[str, Any], calls: list[company.Call]) -> list[list[str]]:
    """One line for each queue, or for each person who called"""
    by_queue = "QUEUE" in body["type"]
    wanted = body["filter"].get("call_queues") or []
    found: dict[company.Person, list[company.Call]] = {}
    for call in calls:
        who = call.queue if by_queue else call.caller
        if who is not None and (not wanted or who.number in wanted):
            found.setdefault(who, []).append(call)
    return [
        [
            who.number,
            who.name,
            str(len(own)),
            str(sum(call.answered for call in own)),
            str(sum(call.outcome == "abandoned" for call in own)),
            str(sum(call.talk_seconds for call in own)),
        ]
        for who, own in sorted(found.items(), key=lambda pair: pair[0].number)
    ]


def _csv(head: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue().encode()


def _html(name: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "\n".join([line(head, "th"), *(line(row, "td") for row in rows)])
    title = escape(name)
    return (
        f"<!doctype html><meta charset=utf-8><title>{title}</title><h1>{title}</h1>"
        f"<table>\n{body}\n</table>\n"
    ).encode()
