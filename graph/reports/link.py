"""Which finished files a report made, as well as a vendor's data allows."""

from __future__ import annotations

from collections.abc import Sequence

from graph.sources.contract import Reports
from graph.types.report import CallReport, CallReportFiles, CompletedCallReport, LinkCertainty


def fits(report: CallReport, file: CompletedCallReport) -> bool:
    """The file may be the report's: both have the same name and type"""
    return (report.name, report.native_type) == (file.name, file.native_type)


def files_of(
    engine: Reports,
    report: CallReport,
    reports: Sequence[CallReport],
    files: Sequence[CompletedCallReport],
    *,
    truncated: bool,
) -> CallReportFiles:
    """The files of a report, in the order of `files`, and how sure that is.

    `reports` are all definitions of its source, `files` all finished ones; `truncated`: not all.
    """
    own = [file for file in files if fits(report, file)]
    if truncated:
        return CallReportFiles(
            certainty=LinkCertainty.AMBIGUOUS,
            reason=f"{engine.link}. The source has more reports or files than are read.",
            nodes=own,
        )
    alike = sum(
        1
        for other in reports
        if (other.name, other.native_type) == (report.name, report.native_type)
    )
    if engine.certain:
        return CallReportFiles(certainty=LinkCertainty.CERTAIN, reason=engine.link, nodes=own)
    if alike > 1:
        return CallReportFiles(
            certainty=LinkCertainty.AMBIGUOUS,
            reason=f"{engine.link}. {alike} reports have this name and type.",
            nodes=own,
        )
    return CallReportFiles(
        certainty=LinkCertainty.LIKELY,
        reason=f"{engine.link}. No other report has this name and type now.",
        nodes=own,
    )
