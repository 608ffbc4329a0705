"""What a delivery says, whatever carries it, and how it can fail."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple


class Undelivered(Exception):
    """A delivery that was not accepted; `may_help`: sending it again may."""

    def __init__(self, message: str, *, may_help: bool) -> None:
        super().__init__(message)
        self.may_help = may_help


class Message(NamedTuple):
    """That a file is there. `id` is the same each time it is told. `link` None: nobody knows the
    server's public address. `sign_in`: whoever follows a link has to say who they are.
    """

    id: str
    report_id: str
    run_id: str
    name: str
    type: str
    format: str
    since: datetime
    until: datetime
    time_zone: str
    complete: bool
    missing: tuple[str, ...]
    """the sources that something is missing of"""
    entries: int
    file_name: str
    size_bytes: int
    path: Path
    file_id: str
    file_path: str
    link: str | None
    sign_in: bool
