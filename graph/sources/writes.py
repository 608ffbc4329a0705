"""What is to be written to a vendor, and what it answered: the commands of reports."""

from __future__ import annotations

import msgspec

from graph.types.report import CallReportRange, ReportFilter
from graph.types.report_words import CallReportFormat, CallReportType


class ReportDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is to be, or what of it is to change: None is left as it is.

    An empty `cron_expression` takes the schedule away.
    """

    name: str | None = None
    type: CallReportType | None = None
    email: str | None = None
    format: CallReportFormat | None = None
    range: CallReportRange | None = None
    cron_expression: str | None = None
    filter: ReportFilter | None = None


class CreateReport(msgspec.Struct, frozen=True):
    draft: ReportDraft


class UpdateReport(msgspec.Struct, frozen=True):
    row: str
    draft: ReportDraft


class DestroyReport(msgspec.Struct, frozen=True):
    row: str


class DestroyCompletedReport(msgspec.Struct, frozen=True):
    row: str


ReportCommand = CreateReport | UpdateReport | DestroyReport | DestroyCompletedReport


class Refusal(msgspec.Struct, frozen=True):
    """One reason why a vendor did nothing, in our words.

    `field` is a path in `CreateCallReportInput`, e.g. "range.window.since"; None: the whole.
    `gone`: what was to be changed is not there.
    """

    message: str
    field: str | None = None
    gone: bool = False


class Written(msgspec.Struct, frozen=True):
    """What a vendor answered to a write: the new report's row key, or why nothing was done."""

    row: str | None = None
    refusals: tuple[Refusal, ...] = ()
