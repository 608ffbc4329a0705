"""A window as pieces that a vendor can answer whole, taken from the end that is asked for first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from graph.gather.keys import TICK
from graph.sources.contract import Ask, Shape

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""no call is older than this, where a window without a lower bound needs one"""


class NotSorted(Exception):
    """The rows of a list that promises an order did not come in it."""


class Piece(NamedTuple):
    """A part of a window; both edges are asked inclusively."""

    low: datetime
    high: datetime
    is_all: bool


class Pieces:
    """The pieces of one ask, in list order.

    A bounded window is one piece until the vendor says that it is too much. Of an open one, a
    piece of `first_days` comes first, and each further one is larger while little is found. A list
    kept in folders comes by local days.
    """

    def __init__(
        self, shape: Shape, ask: Ask, edge: datetime | None, step: timedelta, zone: ZoneInfo
    ) -> None:
        self.shape = shape
        self.newest_first = ask.newest_first
        self.step = step
        self.zone = zone
        lag = timedelta(seconds=shape.lag_seconds)
        low = ask.since if ask.since is not None else (shape.floor or BEGINNING)
        high = ask.until if ask.until is not None else ask.now + timedelta(days=1)
        self._bounded = ask.since is not None and ask.until is not None
        if edge is not None:
            low, high = (low, edge) if self.newest_first else (edge, high)
        self.low, self.high = low, max(low, high + lag)
        self.amount = ask.amount
        self.span = timedelta(days=shape.first_days)
        self.finished = False
        self._lag = lag
        self._whole = True
        self._queue: list[Piece] = []

    def next(self) -> Piece | None:
        """The piece to read now; None where nothing is left"""
        if self._queue:
            return self._queue.pop()
        if self.finished or self.low > self.high:
            return None
        low, high = self._folder() if self.shape.folders else self._span()
        is_all = self._whole and low <= self.low and high >= self.high
        self._whole = False
        return Piece(low, high, is_all)

    def _span(self) -> tuple[datetime, datetime]:
        if self._bounded or self.high - self.low <= self.span:
            return self.low, self.high
        if self.newest_first:
            return self.high - self.span, self.high
        return self.low, self.low + self.span

    def _folder(self) -> tuple[datetime, datetime]:
        at = (self.high if self.newest_first else self.low).astimezone(self.zone)
        day = datetime(at.year, at.month, at.day, tzinfo=self.zone)
        following = datetime.combine(
            day.date() + timedelta(days=1), day.timetz().replace(tzinfo=None), self.zone
        )
        return day.astimezone(UTC), following.astimezone(UTC) - TICK

    def was(self, piece: Piece, found: int) -> None:
        """The piece was read and held that many rows; moves on behind it."""
        if found == 0:
            self.span = min(self.span * 16, timedelta(days=4096))
        elif found * 4 < self.amount:
            self.span = min(self.span * 4, timedelta(days=4096))
        elif found > self.amount * 4:
            self.span = max(self.span / 2, timedelta(hours=1))
        self._pass(piece)

    def _pass(self, piece: Piece) -> None:
        if self._queue:
            return
        last = piece.low <= self.low if self.newest_first else piece.high >= self.high
        if last:
            self.finished = True
        elif self.newest_first:
            self.high = piece.low - TICK if self.shape.folders else piece.low
        else:
            self.low = piece.high + TICK if self.shape.folders else piece.high

    def frontier(self, piece: Piece) -> datetime:
        """Every row strictly before this moment, in list order, is known once the piece is"""
        if self.newest_first:
            return piece.low - TICK if self.shape.folders else piece.low
        beyond = piece.high + TICK if self.shape.folders else piece.high
        return beyond - self._lag

    def halve(self, piece: Piece) -> bool:
        """Puts two halves in place of the piece; False if it is as small as can be"""
        if self.shape.folders:
            self._pass(piece)
            return False
        steps = (piece.high - piece.low) // self.step
        if steps < 1:
            self._pass(piece)
            return False
        low, high = piece.low, piece.high
        if steps > 1:
            low += self.step * (steps // 2)
            # On a whole step, so that the smallest pieces hold one moment of the vendor's.
            low = high = low - (low - BEGINNING) % self.step
        lower, upper = Piece(piece.low, low, False), Piece(high, piece.high, False)
        self._queue += [lower, upper] if self.newest_first else [upper, lower]
        return True
