"""Files out of tables that were read: a module for each kind, each a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from graph.engine.writers import as_csv, as_html, as_json_lines
from graph.engine.writers.report import Report
from graph.types.report_words import CallReportFormat

WRITERS: Mapping[CallReportFormat, Callable[[Report], Iterator[bytes]]] = {
    CallReportFormat.CSV: as_csv.write,
    CallReportFormat.HTML: as_html.write,
    CallReportFormat.JSON_LINES: as_json_lines.write,
}
WITH_ALL_TABLES = frozenset({CallReportFormat.HTML})
"""kinds of files for people; those for programs hold the main table, and no other is read"""
ENDINGS: Mapping[CallReportFormat, str] = {
    CallReportFormat.CSV: ".csv",
    CallReportFormat.HTML: ".html",
    CallReportFormat.JSON_LINES: ".jsonl",
}
