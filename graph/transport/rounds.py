"""Replies are read one by one, and in between the event loop looks at everything else.

Identical requests share one reply: when it comes, a hundred operations may go on at once, each with
some milliseconds of converting. One in each round of the loop, they leave room for requests that
come meanwhile, and for deadlines that pass.
"""

from __future__ import annotations

import asyncio


class Rounds:
    """Lets one task go on in each round of the event loop, the first who came first."""

    def __init__(self) -> None:
        self._next = asyncio.Lock()

    async def turn(self) -> None:
        """Comes back when nobody else who takes turns goes on in this round"""
        async with self._next:
            await asyncio.sleep(0)
