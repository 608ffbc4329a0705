"""The main table as CSV (RFC 4180, UTF-8), for spreadsheets, pandas and DuckDB."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from graph.engine.writers.report import COMPLETE, Report

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
_BATCH_BYTES = 64 * 1024


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula (OWASP, CSV injection): after an apostrophe.

    Also behind blanks, which some spreadsheets take away first.
    """
    return (
        "'" + text
        if text.startswith(_DANGEROUS) or text.lstrip(" ").startswith(_DANGEROUS)
        else text
    )


def write(report: Report) -> Iterator[bytes]:
    table = report.tables[0]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([*(column.name for column in table.columns), COMPLETE])
    complete = "true" if report.complete else "false"
    for row in table.rows():
        writer.writerow([*map(_cell, row), complete])
        if buffer.tell() >= _BATCH_BYTES:
            yield _taken(buffer)
    yield _taken(buffer)


def _cell(value: Any) -> Any:
    # A number is no text that could be run, so a negative one stays a number.
    return harmless(value) if isinstance(value, str) else value


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()
