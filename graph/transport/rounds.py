"""How much of one round of the event loop may go into reading replies.

Identical requests share one reply: when it comes, a hundred operations may go on at once, each with
some milliseconds of converting. What does not fit into a round goes on in the next one, so that
requests which come meanwhile, and deadlines that pass, are seen in between.
"""

from __future__ import annotations

import asyncio

from graph.observe import Timer

_SLICE_SECONDS = 0.05
"""Longer rounds make everybody wait; in shorter ones fewer operations that read the same pages keep
step with each other, and who falls behind has to ask for the next page anew."""


class Rounds:
    """Lets tasks go on while the round is short, the first who came first."""

    def __init__(self, timer: Timer) -> None:
        self._timer = timer
        self._began: float | None = None

    async def turn(self) -> None:
        """Comes back in a round that has time left"""
        while self._spent_seconds() >= _SLICE_SECONDS:  # noqa: ASYNC110  # rounds tell nobody
            await asyncio.sleep(0)

    def _spent_seconds(self) -> float:
        """Since somebody was the first to go on in this round"""
        now = self._timer.monotonic()
        if self._began is None:
            self._began = now
            asyncio.get_running_loop().call_soon(self._end)
        return now - self._began

    def _end(self) -> None:
        self._began = None
