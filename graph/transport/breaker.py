"""Leaves a source in peace that fails again and again, and keeps repeats from piling onto it."""

from __future__ import annotations

from collections import deque

from graph.errors import SourceResting
from graph.observe import Timer

_WINDOW_SECONDS = 60.0
_FEWEST = 6
_REST_SECONDS = 5.0
_LONGEST_REST_SECONDS = 60.0


class Breaker:
    """Closed: everything passes. Open: nothing does. Then one probe decides.

    It opens when at least half of the last minute's requests failed, and at least six were made.
    What counts as a failure is no connection, a 5xx, throttling, no answer in time, and an answer
    that took nearly all of that time; a refusal or a wrong request does not.
    """

    def __init__(self, timer: Timer) -> None:
        self._timer = timer
        self._last: deque[tuple[float, bool]] = deque()
        self._failures = 0
        """among those"""
        self._closed_at: float | None = None
        self._rest = _REST_SECONDS
        self._probing = False

    @property
    def open(self) -> bool:
        return self._closed_at is not None

    def enter(self) -> None:
        """Lets a request pass, or raises SourceResting."""
        if self._closed_at is None:
            return
        wait = self._closed_at - self._timer.monotonic()
        if wait > 0 or self._probing:
            raise SourceResting(
                "it failed too often lately and is left in peace for a moment",
                retry_after_seconds=max(wait, 1.0),
            )
        self._probing = True

    def leave(self, *, failed: bool | None) -> None:
        """Tells how a request that had entered went; None: nothing can be said."""
        probe, self._probing = self._probing, False
        if failed is None:
            return
        now = self._timer.monotonic()
        if probe or self._closed_at is not None:
            if failed:
                self._rest = min(self._rest * 2, _LONGEST_REST_SECONDS)
                self._closed_at = now + self._rest
            else:
                self._closed_at, self._rest = None, _REST_SECONDS
                self._last.clear()
                self._failures = 0
            return
        self._last.append((now, failed))
        self._failures += failed
        while self._last[0][0] < now - _WINDOW_SECONDS:
            self._failures -= self._last.popleft()[1]
        if len(self._last) >= _FEWEST and self._failures * 2 >= len(self._last):
            self._closed_at = now + self._rest


class RetryBudget:
    """Repeats are at most a fifth of all requests, beyond a small reserve."""

    def __init__(self, reserve: float = 10.0) -> None:
        self._reserve = self._left = reserve

    def request(self) -> None:
        self._left = min(self._reserve, self._left + 0.2)

    def take(self) -> bool:
        """Whether one more repeat is allowed"""
        if self._left < 1:
            return False
        self._left -= 1
        return True
