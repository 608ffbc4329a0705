"""The command `stats`: what is asked, what is printed, and how far it has come meanwhile."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from graph.config import Settings
from graph.errors import BadUserInput, ConfigError
from graph.observe import system_timer
from graph.server.app import Graph
from graph.stats import chart
from graph.stats.groups import zone_named
from graph.stats.page import html
from graph.types.answer import Outcome
from graph.types.stats import StatsKey

WHEN = "a date (2026-03-01), a moment (2026-03-01T08:00), or 7d, 24h, 90m ago"


def run(
    settings: Settings,
    *,
    since: str,
    until: str | None,
    group_by: str,
    time_zone: str,
    page: Path | None,
) -> int:
    """Prints the figures, and writes the page if wanted; 1 if they are partial or there are none"""
    zone = _zone(time_zone)
    keys = [_key(name.strip()) for name in group_by.split(",") if name.strip()]
    columns = shutil.get_terminal_size((120, 24)).columns
    meter = chart.ProgressBar(columns) if sys.stderr.isatty() else None

    def told(outcome: Outcome, share: float) -> None:
        if meter is not None:
            line = meter.line(str(outcome.source.id), share, outcome.records)
            print(line, end="", file=sys.stderr, flush=True)

    timer = system_timer()
    now = timer.now()
    window = {
        "since": when("--since", since, now, zone),
        "until": now if until is None else when("--until", until, now, zone),
    }
    variables = {
        "filter": {name: moment.isoformat() for name, moment in window.items()},
        "groupBy": keys,
        "timeZone": time_zone,
    }

    async def answered() -> dict[str, Any]:
        graph = Graph(settings, timer=timer)
        try:
            return await graph.ask(chart.QUERY, variables, progress=told)
        finally:
            await graph.close()

    answer = asyncio.run(answered())
    if meter is not None:
        print(meter.end(), end="", file=sys.stderr, flush=True)
    if answer.get("errors"):
        for error in answer["errors"]:
            print(f"cdr-graph: {error['message']}", file=sys.stderr)
        return 1
    stats = answer["data"]["stats"]
    print(chart.table(stats, columns))
    if page is not None:
        try:
            page.write_text(html(stats), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot write {page}: {error.strerror}") from None
        print(f"\nCharts: {page.resolve().as_uri()}")
    return 0 if stats["complete"] else 1


def _zone(name: str) -> ZoneInfo:
    try:
        return zone_named(name)
    except BadUserInput as error:
        raise ConfigError(f"--time-zone: {error}") from None


def _key(name: str) -> str:
    known = [key.name for key in StatsKey]
    key = name.upper().replace("-", "_")
    if key not in known:
        raise ConfigError(f"--group-by: there is no key {name!r}; the keys are "
                          + ", ".join(known).lower())  # fmt: skip
    return key


def when(option: str, text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """A moment as a person writes it; without an offset it is in the zone"""
    ago = re.fullmatch(r"(\d{1,5})([mhdw])", text)
    try:
        if ago is not None:
            unit = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[ago[2]]
            return now - timedelta(**{unit: int(ago[1])})
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(f"{option} {text[:40]!r}: write {WHEN}") from None
