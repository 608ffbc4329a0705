"""One source in list order, exactly: pages, ties, ceilings, moved lists, frontier.

    pending   rows that are known but not final
    frontier  every row strictly before this moment, in list order, is final
    out       final rows, in list order, not yet taken

A row is final when nothing before it can still come. A tie (rows of one moment) is never final
before it was read whole, since a vendor orders it as it likes. How a list is read follows from its
Shape: a sorted list that can be windowed is asked again from the frontier; a sorted list with
positions only is read on from the row before the tie, which must still stand there; a list that is
not sorted is read in whole pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter, gt, lt
from typing import Any

import msgspec

from graph.errors import SourceMalformed
from graph.gather import keys, pieces
from graph.gather.keys import TICK, Hint
from graph.gather.reading import Pass, Reader, Row, agreement, none_is_documented
from graph.observe import Trace
from graph.sources.compiling import Conversion
from graph.sources.contract import Ask, Page, Resource
from graph.transport.source import LiveSource
from graph.types.scalars import TimeWindow

_WHOLE = 1000
"""as many rows as a page may have, where all are needed"""


_MOST_ROWS = 10_000


class Moved(Exception):
    """The vendor's list changed while it was read, so a position means nothing any more."""


class Stream:
    """Reads one source from `start` on, in list order, a page at a time.

    `since` and `until` bound the rows wanted (the half-open test is made by whoever takes them);
    None is open. `pull` reads the next page or piece. `missing` are pieces that can never fit.
    """

    def __init__(
        self,
        live: LiveSource,
        resource: Resource,
        trace: Trace,
        ask: Ask,
        convert: Conversion[Any],
        *,
        hint: Hint | None = None,
        keep_trail: bool = True,
        alike: Hashable | None = None,
        starts: Conversion[datetime] | None = None,
    ) -> None:
        self.live = live
        self.resource = resource
        self.trace = trace
        self.newest_first = ask.newest_first
        self.ahead: Callable[[datetime, datetime], bool] = gt if ask.newest_first else lt
        """the first moment stands strictly before the other in list order"""
        self.step = timedelta(seconds=live.manifest.step_seconds)
        self.shape = resource.shape(live.site, ask)
        self.ask = msgspec.structs.replace(ask, shape=self.shape)
        self.out: list[Row] = []
        self.pending: dict[str, Row] = {}
        self.frontier: datetime | None = None
        self.done = False
        self.missing: list[TimeWindow] = []
        self.total: int | None = None
        self._reader = Reader(live, resource, trace, convert, alike, starts)
        kept = keep_trail and self._by_position
        self._trail: list[Row] | None = [] if kept else None
        self._offset: int | None = None
        self._expected: bytes | None = None
        self._sent: list[str] = []
        self._planned = self.ask
        self._pieces: pieces.Pieces | None = None
        if hint is not None and hint.shape == self._hint_name and self._by_position:
            self._planned = msgspec.structs.replace(
                self.ask,
                since=None if hint.since_us is None else keys.from_us(hint.since_us),
                until=None if hint.until_us is None else keys.from_us(hint.until_us),
            )
            self._offset, self._expected = hint.offset, hint.row

    # ------------------------------------------------------------ what others see

    @property
    def skipped(self) -> int:
        """how many rows were not as documented and had to be left out"""
        return self._reader.skipped

    @property
    def edge(self) -> datetime | None:
        """Where the unread part begins, in list order"""
        if self.frontier is not None:
            return self.frontier
        return self.ask.until if self.newest_first else self.ask.since

    def hint_for(self, moment: datetime) -> Hint | None:
        """Where to go on reading so that nothing of `moment` and after is missed"""
        if not self._trail or not self._by_position:
            return None
        ahead = self.ahead
        before = [row for row in self._trail if ahead(row.moment, moment)]
        if not before:
            return None
        furthest = max(before, key=attrgetter("place"))
        planned = self._planned
        return Hint(
            self._hint_name,
            None if planned.since is None else keys.to_us(planned.since),
            None if planned.until is None else keys.to_us(planned.until),
            furthest.place,
            keys.row_hash(furthest.key),
        )

    def fill(self, rows: Sequence[Row]) -> bool:
        """Gives rows their records, see `Reader`"""
        return self._reader.fill(rows)

    async def pull(self) -> None:
        """Reads the next page or piece; sets `frontier`, `out` and `done`."""
        if self.done:
            return
        if not self.shape.sorted:
            await self._pull_piece()
            return
        try:
            await self._pull_sorted()
            self._ask_for_more()
        except Moved:
            self._forget_position()
        except pieces.NotSorted:
            # It does not sort as it promises; then it is read whole and sorted here.
            self._read_whole()
            self._forget_position()

    # ------------------------------------------------------------ sorted lists

    @property
    def _hint_name(self) -> str:
        return f"{self.shape.name}:{'newest' if self.newest_first else 'oldest'}"

    @property
    def _by_position(self) -> bool:
        return self.shape.sorted and (not self.shape.windowed or self.shape.lag_seconds > 0)

    def _read_whole(self) -> None:
        self.shape = msgspec.structs.replace(self.shape, sorted=False)
        self.ask = msgspec.structs.replace(self.ask, shape=self.shape)

    def _ask_for_more(self) -> None:
        """Who needs one page more probably needs several: each asks for twice as many rows"""
        amount = min(self.ask.amount * 2, _MOST_ROWS)
        self.ask = msgspec.structs.replace(self.ask, amount=amount)
        self._planned = msgspec.structs.replace(self._planned, amount=amount)

    def _forget_position(self) -> None:
        self._offset = None
        self._expected = None
        if self._trail is not None:
            self._trail.clear()

    async def _pull_sorted(self) -> None:
        edge = self.edge
        if self._offset is None:
            if not self.shape.windowed and edge is not None and not self._at_the_top(edge):
                page, rows = await self._bisect(edge)
            else:
                self._planned = self._ask_from(edge)
                page, rows = await self._reader.page(self._planned, 0)
        else:
            page, rows = await self._reader.page(self._planned, self._offset)
            self._verify(page, rows, edge)
        self._in_order(rows)
        sent = [row.key for row in rows]
        repeated = page.more and sent == self._sent
        self._sent = sent
        if (repeated and page.short) or (page.more and not page.rows):
            self._end_early(rows)
            return
        if repeated and self._by_position:
            raise SourceMalformed("it sends the same page again, whatever page is asked for")
        self._keep(rows)
        if self.total is None and self.frontier is None:
            self.total = page.total
        if not page.more:
            self._finish()
            return
        if not rows:
            raise none_is_documented()
        last = rows[-1].moment
        if self._beyond_the_end(last):
            self._finish()
            return
        first_of_tie = len(rows) - 1
        while first_of_tie and rows[first_of_tie - 1].moment == last:
            first_of_tie -= 1
        if first_of_tie == 0 or self._stuck(page, rows, first_of_tie):
            await self._tie(last, page)
            return
        if self._by_position:
            self._go_on(rows, first_of_tie)
        elif last == self.frontier:
            raise SourceMalformed("it sends the same page again, whatever is asked for")
        self._advance(last)

    def _end_early(self, rows: list[Row]) -> None:
        """It says that rows follow, and gives none: what there is is given, the rest is named"""
        self._keep(rows)
        edge = self.edge
        known = [row.moment for row in self.pending.values()]
        if known:
            edge = min(known) if self.newest_first else max(known)
        rest = (self.ask.since, edge) if self.newest_first else (edge, self.ask.until)
        self.missing.append(TimeWindow(since=rest[0], until=rest[1]))
        self._finish()

    def _stuck(self, page: Page, rows: list[Row], first_of_tie: int) -> bool:
        """A tie fills the page behind the row before it, so going on there would change nothing"""
        asked = page.offset if self._offset is None else self._offset
        return self._by_position and rows[first_of_tie - 1].place <= asked

    def _go_on(self, rows: list[Row], first_of_tie: int) -> None:
        """Plans the page after this one, so that the tie at its end is read whole"""
        offset = rows[first_of_tie - 1].place
        reach = self.shape.reach
        if reach is not None and offset >= reach:
            # Too deep for a position: ask again from the frontier on. Where even that is too deep,
            # because the window lies later than the calls, it is read in pieces.
            start = self._planned.until if self.newest_first else self._planned.since
            if start is not None and not self.ahead(start, rows[-1].moment):
                self._read_whole()
            self._forget_position()
            return
        self._offset = offset
        self._expected = keys.row_hash(rows[first_of_tie - 1].key)

    def _verify(self, page: Page, rows: list[Row], edge: datetime | None) -> None:
        # What stands behind the expected row is what was to come, even where newer calls have
        # moved both on. More rows than there are is another page than the one asked for.
        if page.total is not None and page.offset + len(page.rows) > page.total:
            raise Moved
        if self._expected is not None:
            stands = any(keys.row_hash(row.key) == self._expected for row in rows)
        else:  # after a tie that was read whole, any row of it will do
            stands = edge is not None and bool(rows) and self.ahead(rows[0].moment, edge)
        if not stands:
            raise Moved

    def _in_order(self, rows: list[Row]) -> None:
        moments = [row.moment for row in rows]
        if moments != sorted(moments, reverse=self.newest_first):
            raise pieces.NotSorted

    def _at_the_top(self, edge: datetime) -> bool:
        return self.newest_first and edge >= self.ask.now

    def _beyond_the_end(self, moment: datetime) -> bool:
        end = self.ask.since if self.newest_first else self.ask.until
        return end is not None and self.ahead(end, moment)

    def _ask_from(self, edge: datetime | None) -> Ask:
        if self.newest_first:
            first = self.frontier is None
            return msgspec.structs.replace(
                self.ask, until=edge, until_open=self.ask.until_open and first
            )
        return msgspec.structs.replace(self.ask, since=edge)

    async def _bisect(self, edge: datetime) -> tuple[Page, list[Row]]:
        """The page with the last row strictly before `edge`, of a list with positions only."""
        self._planned = self.ask
        page, rows = await self._reader.page(self._planned, 0)
        if not rows or not page.more or not self.ahead(rows[-1].moment, edge):
            return page, rows
        size, total = len(rows), page.total
        if total is None:
            return page, rows
        # Invariant: the first row of page `low` is strictly before the edge; of `high` it is not.
        low, high = 0, -(-total // size)
        best = page, rows
        while high - low > 1:
            middle = (low + high) // 2
            page, rows = await self._reader.page(self._planned, middle * size)
            if rows and self.ahead(rows[0].moment, edge):
                low, best = middle, (page, rows)
                if not self.ahead(rows[-1].moment, edge):
                    break
            else:
                high = middle
        return best

    async def _tie(self, moment: datetime, page: Page) -> None:
        """Reads all rows of one moment that fill a page."""
        if self._by_position:
            found = await agreement(lambda: self._tie_by_position(moment, page.offset))
        else:
            ask = msgspec.structs.replace(
                self.ask, since=moment, until=moment, until_open=False, amount=_WHOLE
            )
            found = await self._reader.agreed(ask, self.shape.reach)
        if found is None:
            self._give_up(moment, moment)
            return
        self._remember(row for row in found.values() if row.moment == moment)
        self._advance(self._just_after(moment))

    async def _tie_by_position(self, moment: datetime, offset: int) -> Pass:
        found: dict[str, Row] = {}
        places: set[int] = set()
        totals: set[int | None] = set()
        while offset > 0:  # the tie may begin before the page on which it was met
            page, rows = await self._reader.page(self._planned, offset - 1)
            if not rows or self.ahead(rows[0].moment, moment):
                offset = min([offset, *(row.place for row in rows if row.moment == moment)])
                break
            offset = min(page.offset, offset - 1)
        while self.shape.reach is None or offset < self.shape.reach:
            page, rows = await self._reader.page(self._planned, offset)
            tied = [row for row in rows if row.moment == moment]
            found.update({row.key: row for row in tied})
            places.update(row.place for row in tied)
            totals.add(page.total)
            after = [i for i, row in enumerate(rows) if self.ahead(moment, row.moment)]
            if after or not page.more or not rows:
                # Go on from the last row of the tie, which stands before all that is unread.
                last = rows[after[0] - 1 if after and after[0] else -1] if rows else None
                self._offset = last.place if last is not None else max(0, page.offset - 1)
                self._expected = None
                # In a list that has not moved meanwhile, each place holds another row.
                firm = len(totals) == 1 and None not in totals
                return Pass(found, len(places) if firm else None)
            offset = page.offset + len(rows)
        return Pass(None, None)

    def _just_after(self, moment: datetime) -> datetime:
        """The next moment in list order that the vendor can be asked for"""
        return moment - self.step if self.newest_first else moment + self.step

    # ------------------------------------------------------------ lists that are not sorted

    async def _pull_piece(self) -> None:
        if self._pieces is None:
            self._pieces = pieces.Pieces(
                self.shape, self.ask, self.edge, self.step, self.live.site.zone
            )
        piece = self._pieces.next()
        if piece is None:
            self._finish()
            return
        ask = msgspec.structs.replace(
            self.ask,
            since=piece.low,
            until=piece.high,
            until_open=self.ask.until_open and piece.is_all,
        )
        found = await self._reader.agreed(ask, self.shape.reach)
        if self.total is None and piece.is_all and found is not None:
            self.total = len(found)
        if found is None:
            if not self._pieces.halve(piece):
                self._give_up(piece.low, piece.high)
                if self._pieces.finished:
                    self._finish()
            return
        self._remember(found.values())
        self._pieces.was(piece, len(found))
        if self._pieces.finished:
            self._finish()
        else:
            self._advance(self._pieces.frontier(piece))

    # ------------------------------------------------------------ rows

    def _keep(self, rows: list[Row]) -> None:
        self._remember(rows)
        if self._trail is not None:
            self._trail += rows

    def _remember(self, rows: Iterable[Row]) -> None:
        edge = self.frontier
        if edge is not None:
            rows = [row for row in rows if not self.ahead(row.moment, edge)]
        self.pending.update({row.key: row for row in rows})

    def _advance(self, frontier: datetime) -> None:
        if self.frontier is not None and not self.ahead(self.frontier, frontier):
            return  # a list that was asked for anew has not come as far again
        self._release([r for r in self.pending.values() if self.ahead(r.moment, frontier)])
        self.frontier = frontier

    def _finish(self) -> None:
        self._release(list(self.pending.values()))
        self.done = True

    def _release(self, final: list[Row]) -> None:
        if len(final) == len(self.pending):
            self.pending.clear()
        for row in final if self.pending else ():
            del self.pending[row.key]
        final.sort(reverse=self.newest_first)
        self.out += final

    def _give_up(self, low: datetime, high: datetime) -> None:
        """A piece that can never fit: it is named, its rows are not given, reading goes on"""
        self.missing.append(TimeWindow(since=low, until=high + max(self.step, TICK)))
        for row in [r for r in self.pending.values() if low <= r.moment <= high]:
            del self.pending[row.key]
        beyond = low if self.newest_first else high
        self._advance(self._just_after(beyond))
        if self._beyond_the_end(self.frontier or beyond):
            self._finish()
