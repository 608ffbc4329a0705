"""A request's body, refused while it comes: when it is too large, or takes too long."""

from __future__ import annotations

import asyncio

from cross_web import HTTPException
from starlette.types import Message, Receive

from graph.config import Limits
from graph.errors import OverLimit


def bounded(receive: Receive, limits: Limits) -> Receive:
    """The same messages. OverLimit, or HTTPException 408, as soon as a limit is passed."""
    largest = limits.body_bytes
    size = 0
    whole = False
    until: float | None = None

    async def next_message() -> Message:
        nonlocal size, whole, until
        if whole:
            # What comes now is only that the client went away, and that may take as long as it
            # likes.
            return await receive()
        if until is None:
            until = asyncio.get_running_loop().time() + limits.body_timeout_ms / 1000
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise HTTPException(
                408, f"the request's body took more than {limits.body_timeout_ms} ms"
            ) from None
        size += len(message.get("body", b""))
        if size > largest:
            raise OverLimit(
                "body_bytes",
                largest,
                size,
                f"the request's body has more than the {largest} bytes that may be",
            )
        whole = not message.get("more_body", False)
        return message

    return next_message
