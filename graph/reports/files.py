"""Downloads: the file of a finished report, streamed through and never whole in memory."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from urllib.parse import quote

from graph.errors import SourceError
from graph.gather import keys
from graph.gather.answer import failure
from graph.gather.ask import attempt
from graph.reports.entries import entries
from graph.reports.gateway import Download
from graph.reports.reading import Reading, reports_of
from graph.types.report import CompletedCallReport
from graph.types.report_words import CallReportFormat

_MEDIA = {
    CallReportFormat.CSV: "text/csv; charset=utf-8",
    CallReportFormat.HTML: "text/html; charset=utf-8",
    CallReportFormat.JSON_LINES: "application/jsonl; charset=utf-8",
}
_ENDINGS = {CallReportFormat.CSV: ".csv", CallReportFormat.HTML: ".html",
            CallReportFormat.JSON_LINES: ".jsonl"}  # fmt: skip
ONE_RANGE = re.compile(r"bytes=(\d+-\d*|-\d+)", re.ASCII)
_PASSED_ON = ("content-length", "content-range", "accept-ranges", "last-modified")
_LONGEST_NAME = 120


@asynccontextmanager
async def download(id: str, range: str | None, reading: Reading) -> AsyncIterator[Download | None]:
    """The file of a finished report, or None if there is none, or no longer.

    `range` is the header of RFC 9110, 14.2; only a single range is passed on, and what else is
    asked for gets the whole file. BadUserInput where the id is none, SourcesFailed where the
    source could not answer. No part is asked for before the reader has taken the one before.
    """
    node = keys.read_id(id)
    if node.source == keys.GATEWAY and node.kind == "completed" and reading.gateway is not None:
        async with reading.gateway.download(reading.asker, node.row, range) as own:
            yield own
        return
    live = reading.seen(node.source)
    if live is None or node.kind != "completed":
        yield None
        return
    found = await attempt(reading.detail(live, "completed", node.row))
    if isinstance(found, SourceError):
        raise failure(live, found, reading.trace)
    made = entries(live, "completed", found.rows, frozenset(), reading)
    location = reports_of(live).file(live.site, made[0].wire) if made else None
    if location is None:
        yield None
        return
    headers = (("range", range),) if range is not None and ONE_RANGE.fullmatch(range) else ()
    async with AsyncExitStack() as stack:
        stream = live.stream(location, reading.trace, headers)
        got = await attempt(stack.enter_async_context(stream))
        if isinstance(got, SourceError):
            raise failure(live, got, reading.trace)
        if got.status in (404, 410):
            yield None
            return
        told = {name: got.headers[name] for name in _PASSED_ON if name in got.headers}
        if got.status == 416:
            told.pop("content-length", None)
            yield Download(416, told, _nothing())
            return
        first = await attempt(anext(got.parts, b""))
        if isinstance(first, SourceError):
            raise failure(live, first, reading.trace)
        parts = await stack.enter_async_context(aclosing(_parts(first, got.parts)))
        yield Download(got.status, {**told, **about(made[0].record)}, parts)


async def _nothing() -> AsyncGenerator[bytes | SourceError, None]:
    none: tuple[bytes, ...] = ()
    for part in none:
        yield part


async def _parts(
    first: bytes, rest: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes | SourceError, None]:
    yield first
    while True:
        part = await attempt(anext(rest, None))
        if part is None:
            return
        yield part
        if isinstance(part, SourceError):
            return


def about(file: CompletedCallReport) -> dict[str, str]:
    """What a browser is told: save it under a safe name, and never run it as ours"""
    return {
        "content-type": _MEDIA.get(file.format, "application/octet-stream"),
        "content-disposition": disposition(file),
        "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
        "cache-control": "private, no-store",
    }


def disposition(file: CompletedCallReport) -> str:
    """Content-Disposition (RFC 6266): a name that no file system or header trips over"""
    name = safe_name(file)
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def safe_name(file: CompletedCallReport) -> str:
    """The last step of the vendor's file name, of letters, digits and a few signs"""
    ending = _ENDINGS.get(file.format, "")
    last = re.split(r"[/\\]", file.file_name or file.name or "")[-1]
    kept = re.sub(r"[^\w .()-]", "_", last).strip(" .")[:_LONGEST_NAME].strip(" .")
    if not kept:
        return f"report{ending}"
    return kept if "." in kept else kept + ending
