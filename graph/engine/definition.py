"""The definition of a report as it is kept, and its window at a moment.

Whoever wrote a definition last is kept with it: a report sees what that caller may see, no more.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim

from graph.caller import Caller
from graph.types.report_words import CallReportFormat, CallReportPreset, CallReportType


class Author(msgspec.Struct, frozen=True):
    """The caller with whose rights a report runs. `sources` None: all, also those to come."""

    name: str
    scopes: tuple[str, ...]
    sources: tuple[str, ...] | None

    def caller(self) -> Caller:
        return Caller(
            name=self.name,
            scopes=frozenset(self.scopes),
            sources=None if self.sources is None else frozenset(self.sources),
        )


def author_of(caller: Caller) -> Author:
    sources = None if caller.sources is None else tuple(sorted(caller.sources))
    return Author(caller.name, tuple(sorted(caller.scopes)), sources)


class Mail(msgspec.Struct, frozen=True, tag="mail"):
    """A mail to one address, with the file in it or with a link to it"""

    to: str
    attach: bool


class Webhook(msgspec.Struct, frozen=True, tag="webhook"):
    """A signed POST to an address"""

    url: str


Target = Mail | Webhook


class Party(msgspec.Struct, frozen=True):
    kind: str
    value: str | None


class Looks(msgspec.Struct, frozen=True):
    """Which calls a report looks at, of the filters of all types. What does not apply is empty."""

    caller: Party | None = None
    callee: Party | None = None
    answer_state: str | None = None
    duration_kind: str | None = None
    min_seconds: int | None = None
    max_seconds: int | None = None
    call_kind: str | None = None
    groups: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    exclude_dropped_before_seconds: int | None = None
    answer_within_seconds: int | None = None
    ring_groups: tuple[str, ...] = ()


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """What a report looks at, when it runs, what it makes, and who is told of it.

    `sources` None: all that its author sees and that can support its type, at each run.
    `since_us`/`until_us` are the window of a CUSTOM range.
    """

    name: str
    type: str
    format: str
    preset: str
    since_us: int | None = None
    until_us: int | None = None
    time_zone: str
    cron_expression: str | None
    sources: tuple[str, ...] | None
    looks: Looks
    targets: tuple[Target, ...] = ()
    rerun_incomplete: bool = False
    author: Author

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def kind(self) -> CallReportType:
        return CallReportType[self.type]

    @property
    def file_kind(self) -> CallReportFormat:
        return CallReportFormat[self.format]

    def next_due(self, after: datetime) -> datetime | None:
        """The first moment after `after` at which it is due; None if it has no schedule"""
        if self.cron_expression is None:
            return None
        runs = CronSim(" ".join(self.cron_expression.split()), after.astimezone(self.zone))
        found = next(runs, None)
        return None if found is None else found.astimezone(UTC)


def window(preset: CallReportPreset, zone: ZoneInfo, at: datetime) -> tuple[datetime, datetime]:
    """The span of a range, [since, until), counted from the day on which `at` falls in the zone.

    Weeks begin on Monday (ISO 8601). TODAY ends at `at`: what has not been is no part of a report.
    """
    today = at.astimezone(zone).date()
    since, until = today, today
    if preset is CallReportPreset.YESTERDAY:
        since = today - timedelta(days=1)
    elif preset is CallReportPreset.LAST_WEEK:
        until = today - timedelta(days=today.weekday())
        since = until - timedelta(days=7)
    elif preset is CallReportPreset.LAST_SEVEN_DAYS:
        since = today - timedelta(days=7)
    elif preset is CallReportPreset.LAST_MONTH:
        until = today.replace(day=1)
        since = (until - timedelta(days=1)).replace(day=1)
    elif preset is CallReportPreset.LAST_THIRTY_DAYS:
        since = today - timedelta(days=30)
    else:
        assert preset is CallReportPreset.TODAY
    start, end = (
        datetime.combine(day, time(), tzinfo=zone).astimezone(UTC) for day in (since, until)
    )
    if preset is CallReportPreset.TODAY:
        # The run may fall on the first moment of its day; a window is never empty.
        end = max(at.astimezone(UTC), start + timedelta(microseconds=1))
    return start, end
