"""What a file tells of a report, whatever its kind."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from graph.engine.spool import SpooledTable
from graph.engine.tally import Fared

COMPLETE = "report_complete"
"""The column of tables for programs that says whether the report has all it should have.

It stands in every row, and not in a comment or beside the file, so that pandas, DuckDB and
spreadsheets open the file as it is, and rows that are put together with others keep it.
"""


class Report(msgspec.Struct, kw_only=True):
    """A report that was read. `sources` are their names by id; the main table comes first."""

    name: str
    kind: str
    since: datetime
    until: datetime
    zone: ZoneInfo
    made_at: datetime
    complete: bool
    fared: list[Fared]
    sources: dict[str, str]
    tables: list[SpooledTable]
    notes: tuple[str, ...]
    masked: bool
    """numbers and names in it are pseudonyms"""
