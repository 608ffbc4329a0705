"""The main table as JSON lines: one object a row, numbers as numbers, what is not told as null."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from graph.engine.writers.report import COMPLETE, Report

_BATCH_ROWS = 500


def write(report: Report) -> Iterator[bytes]:
    table = report.tables[0]
    names = [column.name for column in table.columns]
    encode = msgspec.json.Encoder().encode
    lines: list[bytes] = []
    for row in table.rows():
        lines.append(encode({**dict(zip(names, row, strict=True)), COMPLETE: report.complete}))
        if len(lines) == _BATCH_ROWS:
            yield b"\n".join(lines) + b"\n"
            lines.clear()
    yield b"".join(line + b"\n" for line in lines)
