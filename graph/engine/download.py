"""A file on its way from the disk: part by part, and a single range if that is asked for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from graph.errors import SourceError
from graph.reports.files import ONE_RANGE, about
from graph.reports.gateway import Download
from graph.types.report import CompletedCallReport

_PART_BYTES = 256 * 1024


@asynccontextmanager
async def opened(
    path: Path, file: CompletedCallReport, range: str | None
) -> AsyncIterator[Download | None]:
    """The file, or None if it is gone. `range` is the header of RFC 9110, 14.2."""
    try:
        stream = await asyncio.to_thread(path.open, "rb")
    except FileNotFoundError:
        yield None
        return
    with stream:
        size = stream.seek(0, os.SEEK_END)
        start, end = _span(range, size)
        headers = {"accept-ranges": "bytes"}
        if start >= end and size:
            headers["content-range"] = f"bytes */{size}"
            yield Download(416, headers, _nothing())
            return
        headers |= {**about(file), "content-length": str(end - start)}
        partial = (start, end) != (0, size)
        if partial:
            headers["content-range"] = f"bytes {start}-{end - 1}/{size}"

        async def parts() -> AsyncIterator[bytes | SourceError]:
            await asyncio.to_thread(stream.seek, start)
            left = end - start
            while left:
                part = await asyncio.to_thread(stream.read, min(left, _PART_BYTES))
                if not part:
                    return
                left -= len(part)
                yield part

        async with aclosing(parts()) as flow:  # type: ignore[type-var]  # it is a generator
            yield Download(206 if partial else 200, headers, flow)


async def _nothing() -> AsyncIterator[bytes | SourceError]:
    none: tuple[bytes, ...] = ()
    for part in none:
        yield part


def _span(range: str | None, size: int) -> tuple[int, int]:
    """The first byte and the one after the last; an empty span where there is none like that"""
    if range is None or ONE_RANGE.fullmatch(range) is None:
        return 0, size
    first, _, last = range.removeprefix("bytes=").partition("-")
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size
