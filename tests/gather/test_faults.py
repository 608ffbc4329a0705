"""A bad day of one vendor: the others give what they would have given, and nothing is lost.

The truth is one list of calls, which every twin shows. A fault is played at the twin of one vendor
while a healthy one stands beside it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from graph.sources import company, vendor_names
from graph.sources.twin import Fault, FaultKind
from tests.gather.test_pages import given_to, in_order, known_to, second, truth
from tests.support import NOW, Answered, Api, Clock, product

SINCE = datetime(2026, 2, 25, tzinfo=UTC)
CALLS = company.calls(seed=7, count=26, until=NOW - timedelta(hours=5), days=6)
ORDERS = ("NEWEST_FIRST", "OLDEST_FIRST")

QUERY = """
query ($filter: CallFilter, $order: CallOrder!, $first: Int, $after: String, $options: AskOptions) {
  page: callRecords(filter: $filter, orderBy: $order, first: $first, after: $after,
                    options: $options) {
    nodes { id startedAt source { id } direction disposition talkSeconds caller { number } }
    pageInfo { hasNextPage endCursor }
    complete
    outcomes {
      source { id } state code message retryable retryAfterSeconds records skippedRecords requests
      retries covered { since until } missing { since until } repairCursor
    }
  }
}
"""

LIST_PATH = {
    "portsip": "/api/cdrs",
    "yeastar": "/cdr/",
    "voipnow": "/uapi/cdr",
    "vcclive": "/v2/cdrs",
    "voicenter": "/hub/cdr",
}
# Small pages, so that a list has a middle.
SMALL = {
    "portsip": {"page_size": 7},
    "yeastar": {"page_size": 50},
    "voipnow": {"page_size": 20},
    "vcclive": {"page_size": 3},
    "voicenter": {},
}


class Reader:
    """Pages through a list, checks what each page says of itself, and then pays what is owed."""

    def __init__(self, api: Api, order: str, *, first: int = 9, **filter: Any) -> None:
        self.api = api
        self.order = order
        self.first = first
        self.filter = {"since": SINCE.isoformat(), **filter}
        self.nodes: list[dict[str, Any]] = []
        self.outcomes: list[dict[str, Any]] = []
        self.sizes: list[int] = []

    async def page(self, after: str | None = None, **options: Any) -> dict[str, Any]:
        answered = await self.ask(after, **options)
        assert not answered.errors, answered.errors
        page: dict[str, Any] = answered.data["page"]
        return page

    async def ask(self, after: str | None = None, **options: Any) -> Answered:
        return await self.api.ask(
            QUERY,
            filter=self.filter,
            order=self.order,
            first=self.first,
            after=after,
            options=options or None,
        )

    async def read(self, after: str | None = None, **options: Any) -> None:
        """every page from there on"""
        for _ in range(200):
            page = await self.page(after, **options)
            self.nodes += page["nodes"]
            self.outcomes += page["outcomes"]
            self.sizes.append(len(page["nodes"]))
            self.check(page)
            if not page["pageInfo"]["hasNextPage"]:
                return
            following = page["pageInfo"]["endCursor"]
            assert following != after, "a page that leads nowhere"
            after = following
        raise AssertionError("the list has no end")

    async def repair(self) -> None:
        """every page of every repair cursor"""
        for outcome in self.outcomes:
            if outcome["repairCursor"]:
                await self.read(outcome["repairCursor"])

    def check(self, page: Mapping[str, Any]) -> None:
        """What a page calls covered has been given, on it or on a page before."""
        given = given_to(self.nodes)
        for outcome in page["outcomes"]:
            source, covered = outcome["source"]["id"], outcome["covered"]
            if covered is not None:
                inside = [c for c in self.api.worlds[source].calls if _within(c, covered)]
                lacking = truth([source], inside) - given
                assert not lacking, (outcome["state"], covered, lacking)

    def of(self, source: str) -> list[dict[str, Any]]:
        return [o for o in self.outcomes if o["source"]["id"] == source]

    def states(self, source: str) -> list[str]:
        """how a source fared, page by page, where it did not fare well"""
        return [o["state"] for o in self.of(source) if o["state"] != "OK"]

    def bytes_of(self, source: str) -> bytes:
        return msgspec.json.encode([n for n in self.nodes if n["source"]["id"] == source])


def _within(call: company.Call, window: Mapping[str, str | None]) -> bool:
    since, until = window["since"], window["until"]
    return (since is None or call.started_at >= datetime.fromisoformat(since)) and (
        until is None or call.started_at < datetime.fromisoformat(until)
    )


def neighbour(vendor: str) -> str:
    return "portsip" if vendor != "portsip" else "yeastar"


@cache
def undisturbed(vendor: str, order: str) -> bytes:
    """what a vendor's twin gives where nobody stands beside it"""

    async def work() -> bytes:
        async with product(vendor, calls=CALLS, switches=SW) as api:
            reader = Reader(api, order)
            await reader.read()
            assert given_to(reader.nodes) == truth([vendor], CALLS)
            return reader.bytes_of(vendor)

    return asyncio.run(work())


class Bad(NamedTuple):
    """A fault as it is played, and how its source may fare; no state: nobody may notice."""

    name: str
    kind: FaultKind
    states: frozenset[str] = frozenset()
    options: Mapping[str, Any] = {}
    only: str | None = None


def bad(name: str, kind: FaultKind, *states: str, only: str | None = None, **options: Any) -> Bad:
    return Bad(name, kind, frozenset(states), options, only)


FAULTS = (
    bad("refused", "hang", "UNAVAILABLE", times=3),
    bad("500", "status", "UNAVAILABLE", times=3),
    bad("503 once", "status", status=503),
    bad("429", "status", "THROTTLED", status=429, times=3),
    bad("429 for a minute", "status", "THROTTLED", status=429, retry_after=60),
    bad("429 for a moment", "status", status=429, retry_after=2),
    bad("401", "status", "REFUSED", status=401, times=2),
    bad("expired token", "expire"),
    bad("cut", "cut", "MALFORMED"),
    bad("html", "html", "MALFORMED"),
    bad("content type", "content_type"),
    bad("empty", "empty", "MALFORMED"),
    bad("huge", "huge", "MALFORMED", size_mb=2),
    bad("unknown words", "unknown", times=0),
    bad("duplicate", "duplicate", times=0),
    bad("repeat", "repeat", "MALFORMED"),
)

SW = {'portsip': {'fraction_digits': 0}}
PLACES = [(skip, order) for skip in (0, 1, 2) for order in ORDERS]

async def never(_seconds: float) -> None:
    raise httpx.ConnectError("refused")

if __name__ == "__main__":
    import sys, time, traceback
    async def one(vendor, fault, skip, order):
        source = {"vendor": vendor, "options": SMALL[vendor], "max_response_mb": 1}
        other = neighbour(vendor)
        want = U[other, order]
        async with product(source, other, calls=CALLS, switches=SW) as api:
            world = api.worlds[vendor]
            if fault.name == "refused":
                world.sleep = never
            planned = world.fault(fault.kind, path=LIST_PATH[vendor], skip=skip, **fault.options)
            before = msgspec.structs.replace(planned)
            reader = Reader(api, order)
            await reader.read()
            suffered = planned != before or planned not in world.faults
            api.worlds[vendor].faults.clear()
            st = reader.states(vendor)
            assert reader.states(other) == []
            assert reader.bytes_of(other) == want, "OTHER DIFFERS"
            n1=len(reader.nodes)
            api.clock.advance(600)
            await reader.repair()
            assert given_to(reader.nodes) == truth([vendor, other], CALLS), (truth([vendor, other], CALLS)-given_to(reader.nodes), given_to(reader.nodes)-truth([vendor, other], CALLS))
            return suffered, st, n1, len(reader.nodes), len(reader.sizes), [o["message"] for o in reader.of(vendor) if o["message"]][:1]
    import logging
    logging.disable(50)
    U = {(v,o): undisturbed(v,o) for v in vendor_names() for o in ORDERS}
    for f in FAULTS:
        if len(sys.argv)>1 and sys.argv[1]!=f.name: continue
        for v in vendor_names():
            for skip, order in PLACES:
                t=time.perf_counter()
                try:
                    r = asyncio.run(one(v,f,skip,order))
                    if "-v" in sys.argv or (set(r[1])-f.states) or not r[0] : print(f.name, v, skip, order[:3], r, round(time.perf_counter()-t,3))
                except Exception as e:
                    tb = traceback.extract_tb(e.__traceback__)
                    print("FAIL", f.name, v, skip, order[:3], type(e).__name__, str(e)[:600], [x.lineno for x in tb if "test_faults" in x.filename])
