"""A file's bytes as they flow through: each part in time, and as many as were told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from urllib.parse import urljoin, urlsplit

from graph.errors import SourceMalformed, SourceRefused, SourceTimeout
from graph.transport.http import Streamed, root

MOVED = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 3


def own_path(host: str, location: str) -> str:
    """The path of a file on a host (the `root` of its address); SourceRefused if it lies elsewhere.

    Our credentials go only to our own host, and a vendor does not make us fetch from elsewhere.
    """
    whole = urljoin(host + "/", location)
    if root(whole) != host:
        raise SourceRefused(
            "its file is said to lie on another host than its own; nothing is fetched from there"
        )
    address = urlsplit(whole)
    return (address.path or "/") + (f"?{address.query}" if address.query else "")


async def flowing(got: Streamed, timeout_seconds: float) -> AsyncGenerator[bytes, None]:
    """The parts of a reply's body; never more than one is in memory.

    SourceTimeout if the next one does not come in time, SourceMalformed if there are more or fewer
    bytes than `content-length` says.
    """
    told = got.headers.get("content-length", "")
    left = int(told) if told.isdigit() else None
    while True:
        try:
            async with asyncio.timeout(timeout_seconds):
                part = await anext(got.parts, None)
        except TimeoutError:
            raise SourceTimeout(f"the file stopped coming for {timeout_seconds:g} s") from None
        if part is None:
            break
        if left is not None:
            left -= len(part)
            if left < 0:
                raise SourceMalformed("the file has more bytes than it was said to have")
        yield part
    if left:
        raise SourceMalformed(f"the file ended {left} bytes too early")
