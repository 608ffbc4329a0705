"""Pages of one source as rows, and asks read whole until that is certain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from datetime import datetime
from itertools import count, repeat
from typing import Any, NamedTuple

import msgspec

from graph.errors import SourceMalformed
from graph.gather.keys import Key
from graph.observe import Trace
from graph.sources.compiling import Conversion, row_keys
from graph.sources.contract import Ask, Page, Reply, Request, Resource
from graph.transport.source import LiveSource

_PASSES, _BARREN_PASSES = 20, 6


class Row(msgspec.Struct, order=True, gc=False):
    """One entry of a source: its start, its row key, the record made of it, the wire row(s) it came
    from. Rows are ordered as their places in the list are. No record: none was needed yet.
    """

    moment: datetime
    source: str
    key: str
    record: Any
    wire: Any
    place: int = 0
    """its position in the vendor's list"""

    @property
    def list_key(self) -> Key:
        """Its place in the list of all sources"""
        return Key(self.moment, self.source, self.key)


class Pass(NamedTuple):
    """What one reading of a whole ask brought, by row key, and how many the vendor says there are.

    None: more than can be reached.
    """

    found: dict[str, Row] | None
    told: int | None


async def agreement(read: Callable[[], Awaitable[Pass]]) -> dict[str, Row] | None:
    """All rows of an ask that may have to be read more than once; None if that is never certain.

    A vendor may order rows anew for each page, so a row can be missed. Where a total is told, the
    passes are united until they hold that many; otherwise two passes must agree. Reading goes on
    while it still brings something new.
    """
    united: dict[str, Row] = {}
    before: set[str] | None = None
    barren = 0
    for _ in range(_PASSES):
        found, told = await read()
        if found is None:
            return None
        agreed, before = before == set(found), set(found)
        if told == len(found) or (told is None and agreed):
            return found
        barren = barren + 1 if before <= united.keys() else 0
        united.update(found)
        if told == len(united):
            return united
        if barren == _BARREN_PASSES:
            break
    return None


def none_is_documented() -> SourceMalformed:
    """What is raised where a page holds nothing to go on with"""
    return SourceMalformed("none of the rows of a whole page is as documented")


def _once_each(page: Page, keys: list[str]) -> tuple[Page, list[str]]:
    """The page without the rows that it sends again, which hide that others are still to come"""
    places = {key: place for place, key in reversed(list(enumerate(keys)))}
    kept = sorted(places.values())
    behind = page.offset + len(kept) + page.skipped
    once = msgspec.structs.replace(
        page,
        rows=[page.rows[place] for place in kept],
        raws=None if page.raws is None else [page.raws[place] for place in kept],
        more=page.more or (page.total is not None and behind < page.total),
    )
    return once, [keys[place] for place in kept]


class Read(NamedTuple):
    """A page, its rows as records, and the keys of the rows that were not as documented."""

    page: Page
    rows: list[Row]
    bad: frozenset[str]


class Reader:
    """Sends what the resource plans and converts what comes; counts rows that do not convert.

    With `starts`, which tells no more than where rows stand in the list, rows of a page that others
    follow have no record until `fill` gives them one: of many sources, most rows that are read end
    up behind the page.

    Readers that are `alike` make the same of one reply, and whoever takes their records leaves
    these as they are: where they share a reply, it is decoded and converted once. None: whoever
    takes these records changes them.
    """

    def __init__(
        self,
        live: LiveSource,
        resource: Resource,
        trace: Trace,
        convert: Conversion[Any],
        alike: Hashable | None = None,
        starts: Conversion[datetime] | None = None,
    ) -> None:
        self._live = live
        self._resource = resource
        self._trace = trace
        self._convert = convert
        self._alike = alike
        self._starts = starts
        self._waiting: list[list[Row]] = []
        """pages whose rows may have no record yet"""
        self._bad_rows: set[str] = set()
        self._undecoded = 0

    @property
    def skipped(self) -> int:
        """How many rows were not as documented and had to be left out"""
        return len(self._bad_rows) + self._undecoded

    async def page(self, ask: Ask, offset: int) -> tuple[Page, list[Row]]:
        """One page, converted; rows that are not as documented are counted and left out"""
        request = self._resource.plan(self._live.site, ask, offset)

        def read(reply: Reply) -> Read:
            if self._alike is None:
                return self._read(reply, request, ask)
            key = (self._alike, self._convert, self._starts)
            known: Read | None = reply.made.get(key)
            if known is None:
                known = reply.made[key] = self._read(reply, request, ask)
            return known

        page, rows, bad = await self._live.send(request, read, self._trace)
        if self._starts is not None and rows:
            self._waiting.append(rows)
        self._bad_rows |= bad
        self._undecoded = max(self._undecoded, page.skipped)
        seen = self._trace.source(self._live.id)
        seen.rows += len(page.rows)
        if seen.notes:
            seen.notes[-1].rows = len(page.rows)
        return page, rows

    def _read(self, reply: Reply, request: Request, ask: Ask) -> Read:
        site = self._live.site
        page = self._resource.read(site, reply, request, ask)
        keys = row_keys(self._resource, site, page.rows)
        if len(set(keys)) < len(keys):
            page, keys = _once_each(page, keys)
        starts = self._starts if page.more and page.raws is None else None
        records: Iterable[Any] = repeat(None)
        if starts is not None:
            moments = starts(page.rows, None)
        else:
            records = made = self._convert(page.rows, page.raws)
            moments = [None if record is None else record.started_at for record in made]
        source = repeat(self._live.id)
        placed = map(Row, moments, source, keys, records, page.rows, count(page.offset))
        rows = list(placed) if all(moments) else [row for row in placed if row.moment is not None]
        bad = set(keys) - {row.key for row in rows} if len(rows) < len(keys) else ()
        return Read(page, rows, frozenset(bad))

    def fill(self, rows: Sequence[Row]) -> bool:
        """Gives rows their records; whether all are as documented.

        Who has one that is not may have more: all that was read is looked at, now and from now on.
        SourceMalformed if there is nothing else on a page.
        """
        self._make_records(rows)
        if all(row.record is not None for row in rows):
            return True
        self._starts = None
        for page in self._waiting:
            self._make_records([row for row in page if row.record is None])
            if all(row.record is None for row in page):
                raise none_is_documented()
        self._waiting.clear()
        return False

    def _make_records(self, rows: Sequence[Row]) -> None:
        made = self._convert([row.wire for row in rows], None)
        for row, record in zip(rows, made, strict=True):
            row.record = record
        self._bad_rows |= {row.key for row in rows if row.record is None}

    async def agreed(self, ask: Ask, reach: int | None) -> dict[str, Row] | None:
        """All rows of an ask; None if it must be split"""
        return await agreement(lambda: self._whole(ask, reach))

    async def _whole(self, ask: Ask, reach: int | None) -> Pass:
        found: dict[str, Row] = {}
        offset = bad = 0
        before: list[str] | None = None
        totals: set[int | None] = set()
        while True:
            page, rows = await self.page(ask, offset)
            bad += page.skipped + len(page.rows) - len(rows)
            told = page.total
            totals.add(told)
            if page.split or (reach is not None and (told or offset) > reach + len(rows)):
                return Pass(None, None)
            sent = [row.key for row in rows]
            if offset and rows and sent == before:
                if page.short:
                    return Pass(found, None)  # it says that rows follow, and gives none
                raise SourceMalformed("it sends the same page again, whatever page is asked for")
            before = sent
            found.update({row.key: row for row in rows})
            if not page.more or not rows:
                # Where nothing is left to be asked for, one page is its own proof.
                if told is None and offset == 0 and not page.more:
                    return Pass(found, len(found))
                return Pass(found, None if told is None or len(totals) > 1 else told - bad)
            offset = page.offset + len(page.rows) + page.skipped
