"""Cron expressions of five fields, read as the phone system's clock would."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from graph.types.report import NextRun

SHOWN_RUNS = 5


def fault(expression: str) -> str | None:
    """What is wrong with an expression; None if it is one that will run"""
    if len(expression.split()) != 5:
        return "a cron expression has five fields: minute, hour, day of month, month, day of week"
    try:
        runs = CronSim(" ".join(expression.split()), datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        return f"this is no cron expression ({str(error).lower()})"
    return None if next(runs, None) is not None else "no day fits this cron expression"


def next_runs(expression: str | None, zone: ZoneInfo, now: datetime) -> list[NextRun]:
    """The next runs after `now`, the soonest first; none without an expression that will run"""
    if expression is None or fault(expression) is not None:
        return []
    runs = CronSim(" ".join(expression.split()), now.astimezone(zone))
    return [
        NextRun(
            at=run.astimezone(UTC),
            local_time=run.isoformat(timespec="seconds"),
            time_zone=str(zone),
        )
        for run in islice(runs, SHOWN_RUNS)
    ]
