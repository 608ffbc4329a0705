"""The command `stats`: what is asked, what is printed, and how far it has come meanwhile."""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from graph import config
from graph.cli.arguments import add_config
from graph.errors import BadUserInput, ConfigError
from graph.observe import system_timer
from graph.server.app import Graph
from graph.stats import chart
from graph.stats.groups import zone_named
from graph.stats.page import html
from graph.types.answer import Outcome
from graph.types.stats import StatsKey

WHEN = "a date (2026-03-01), a moment (2026-03-01T08:00), or 7d, 24h, 90m ago"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes"""
    parser.description = (
        "Counts the calls of a window over the configured sources, prints a table with bars, and "
        "with --html writes a page with charts that needs no network. Exit code 1 if the figures "
        "are partial or there are none."
    )
    add_config(parser)
    parser.add_argument(
        "--since", required=True, metavar="WHEN", help=f"the window's start: {WHEN}"
    )
    parser.add_argument("--until", metavar="WHEN", help="the window's end (default: now)")
    parser.add_argument(
        "--group-by",
        default="day",
        metavar="KEYS",
        help="keys with commas between them, e.g. day or source,direction (default day); of "
        + ", ".join(key.name.lower() for key in StatsKey),
    )
    parser.add_argument(
        "--time-zone", default="UTC", metavar="ZONE", help="e.g. Europe/Berlin (default UTC)"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with charts")


def run(given: argparse.Namespace) -> int:
    """Prints the figures, and writes the page if wanted; 1 if they are partial or there are none"""
    settings = config.load(given.config)
    zone = _zone(given.time_zone)
    keys = [_key(name.strip()) for name in given.group_by.split(",") if name.strip()]
    columns = shutil.get_terminal_size((120, 24)).columns
    meter = chart.ProgressBar(columns) if sys.stderr.isatty() else None

    def told(outcome: Outcome, share: float) -> None:
        if meter is not None:
            line = meter.line(str(outcome.source.id), share, outcome.records)
            print(line, end="", file=sys.stderr, flush=True)

    timer = system_timer()
    now = timer.now()
    window = {
        "since": when("--since", given.since, now, zone),
        "until": now if given.until is None else when("--until", given.until, now, zone),
    }
    variables = {
        "filter": {name: moment.isoformat() for name, moment in window.items()},
        "groupBy": keys,
        "timeZone": given.time_zone,
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
    if given.html is not None:
        try:
            given.html.write_text(html(stats), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot write {given.html}: {error.strerror}") from None
        print(f"\nCharts: {given.html.resolve().as_uri()}")
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
