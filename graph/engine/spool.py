"""Rows on disk between reading and writing: a file begins with what is known only at the end.

One line of JSON a row, in a file of its own for each table, so that memory stays small however
many rows there are.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec

from graph.engine.tables import Column

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Any]).decode


class SpooledTable:
    """A table that was read: its columns, its rows in order, and the whole below them if any.

    `chart` names the columns that are drawn.
    """

    def __init__(
        self, path: Path, title: str, columns: Sequence[Column], chart: Sequence[str] = ()
    ) -> None:
        self.title = title
        self.columns = tuple(columns)
        self.chart = tuple(chart)
        self.total: list[Any] | None = None
        self.count = 0
        self.notes: list[str] = []
        self._path = path
        self._file: BinaryIO | None = path.open("wb")

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        assert self._file is not None
        self._file.writelines(_encode(row) + b"\n" for row in rows)
        self.count += len(rows)

    def rows(self) -> Iterator[list[Any]]:
        """The rows from the first on; what was added is on disk then"""
        self.close()
        with self._path.open("rb") as file:
            for line in file:
                yield _decode(line)

    def close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.close()


class Spool:
    """The tables of one run, in a folder that goes when it is over."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="spool-", dir=folder))
        self.tables: list[SpooledTable] = []

    def table(
        self, title: str, columns: Sequence[Column], chart: Sequence[str] = ()
    ) -> SpooledTable:
        made = SpooledTable(self._folder / str(len(self.tables)), title, columns, chart)
        self.tables.append(made)
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Closing writes what is left, for which there may be no room; the folder goes all the same.
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
            for table in self.tables:
                stack.callback(table.close)
