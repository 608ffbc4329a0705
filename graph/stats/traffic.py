"""Traffic: how long calls occupied each span of time, how many went on at once, and when most.

Moments are whole microseconds since 1970 in UTC; a call occupies [start, end). Nothing here knows
groups but by their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

from graph.stats.groups import QUARTER_SECONDS, Calendar
from graph.types.figure import BusyHourKind
from graph.types.stats import StatsKey

QUARTER_US = QUARTER_SECONDS * 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR_QUARTERS = 4


def to_us(moment: datetime) -> int:
    """Microseconds since 1970"""
    return (moment - _EPOCH) // _MICROSECOND


def at_us(us: int) -> datetime:
    """The moment so many microseconds after 1970"""
    return _EPOCH + timedelta(microseconds=us)


def quarters(start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """[start, end) cut at quarters of an hour: each quarter's number, and the part inside"""
    while start < end:
        quarter = start // QUARTER_US
        stop = min(end, (quarter + 1) * QUARTER_US)
        yield quarter, start, stop
        start = stop


class Sweep:
    """The most calls that went on at once, by group, while sources bring theirs each in its order.

    `add` takes calls of any order that begin at or after the last moment `pass_to` was told. What
    waits are the calls by which one source is ahead of another, packed into whole numbers.
    """

    _LENGTH_BITS, _GROUP_BITS = 48, 24

    def __init__(self) -> None:
        self._waiting: list[int] = []
        self._ends: list[tuple[int, int]] = []
        self._going: dict[int, int] = {}
        self.peaks: dict[int, tuple[int, int]] = {}
        """group → its peak, and when that was first reached"""

    def add(self, start: int, end: int, group: int) -> None:
        packed = (start << self._LENGTH_BITS | (end - start)) << self._GROUP_BITS | group
        heappush(self._waiting, packed)

    def pass_to(self, moment: int | None) -> None:
        """No call that begins before this moment will come any more; None: no call at all"""
        while self._waiting:
            packed = self._waiting[0]
            start = packed >> self._LENGTH_BITS + self._GROUP_BITS
            if moment is not None and start >= moment:
                return
            heappop(self._waiting)
            group = packed & (1 << self._GROUP_BITS) - 1
            length = packed >> self._GROUP_BITS & (1 << self._LENGTH_BITS) - 1
            self._begin(start, start + length, group)

    def _begin(self, start: int, end: int, group: int) -> None:
        while self._ends and self._ends[0][0] <= start:
            _, over = heappop(self._ends)
            self._going[over] -= 1
        going = self._going[group] = self._going.get(group, 0) + 1
        heappush(self._ends, (end, group))
        if going > self.peaks.get(group, (0, 0))[0]:
            self.peaks[group] = (going, start)


def busy_hour(
    cells: Mapping[int, int], kind: BusyHourKind, calendar: Calendar
) -> tuple[int, datetime, datetime] | None:
    """The hour with the most traffic: its microseconds, its bounds; None without any traffic.

    `cells` has the microseconds occupied in each quarter. Of equal hours the first is taken.
    """
    if not any(cells.values()):
        return None
    if kind is BusyHourKind.SLIDING:
        starts = {cell - back for cell in cells for back in range(_HOUR_QUARTERS)}
        carried, first = max(
            (sum(cells.get(start + step, 0) for step in range(_HOUR_QUARTERS)), -start)
            for start in starts
        )
        since = at_us(-first * QUARTER_US)
        return carried, since, since + timedelta(hours=1)
    hours: dict[tuple[datetime, datetime], int] = {}
    for cell, amount in cells.items():
        bucket = calendar.bucket(StatsKey.HOUR, cell)
        assert bucket.since is not None
        assert bucket.until is not None
        place = (bucket.since, bucket.until)
        hours[place] = hours.get(place, 0) + amount
    (since, until), carried = min(hours.items(), key=lambda item: (-item[1], item[0]))
    return carried, since, until
