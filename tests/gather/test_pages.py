"""Laws of paging, over random companies, page sizes, directions, faults and moving lists."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.sources import company, vendor_names
from tests.support import NOW, Api, Clock, product

CASES = int(os.environ.get("CDR_GRAPH_CASES", "12"))
"""how many cases each law is tried with; the soak command in README sets it to thousands"""

laws = settings(
    max_examples=CASES,
    derandomize=CASES < 1000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

FIELDS = "id startedAt source { id } direction disposition talkSeconds caller { number }"

vendors = st.lists(st.sampled_from(vendor_names()), min_size=1, max_size=5, unique=True)


def known_to(vendor: str, call: company.Call) -> bool:
    """whether this vendor's system tells of the call at all"""
    return vendor != "vcclive" or call.direction != "internal"


def second(text: str) -> str:
    return text[:19]


def truth(sources: list[str], calls: list[company.Call]) -> Counter[tuple[str, str]]:
    """each call as (source, second of its start), as many times as it happened"""
    return Counter(
        (source, second(call.started_at.isoformat()))
        for source in sources
        for call in calls
        if known_to(source, call)
    )


def given_to(nodes: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    return Counter((node["source"]["id"], second(node["startedAt"])) for node in nodes)


def in_order(nodes: list[dict[str, Any]], *, newest_first: bool) -> bool:
    starts = [(datetime.fromisoformat(n["startedAt"]), n["source"]["id"]) for n in nodes]
    return starts == sorted(starts, reverse=newest_first)


class Walk:
    """Pages through a list as a patient client does, and through every repair cursor after."""

    def __init__(self, api: Api, arguments: str, first: int, *, backwards: bool = False) -> None:
        self.api = api
        self.arguments = arguments
        self.first = first
        self.backwards = backwards
        self.nodes: list[dict[str, Any]] = []
        self.repairs: list[str] = []
        self.pages = 0

    async def page(self, cursor: str | None, extra: str = "") -> Mapping[str, Any]:
        amount, side = ("last", "before") if self.backwards else ("first", "after")
        # The cursor is a variable, so that a walk of many pages is parsed once.
        query = (
            f"query ($cursor: String) {{ page: callRecords({amount}: {self.first}, "
            f"{side}: $cursor{self.arguments}{extra}) {{ "
            f"nodes {{ {FIELDS} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}"
            " complete outcomes { source { id } state message repairCursor } } }"
        )
        answered = await self.api.ask(query, cursor=cursor)
        for _ in range(20):
            if not answered.errors:
                break
            # No source at all could answer: a patient client asks for the same page again.
            assert "no source could answer" in answered.errors[0]["message"], answered.errors
            self.api.clock.advance(120)
            answered = await self.api.ask(query, cursor=cursor)
        assert not answered.errors, answered.errors
        self.pages += 1
        assert self.pages <= 500, "the list has no end"  # there are 5 × 90 calls at most
        page: Mapping[str, Any] = answered.data["page"]
        return page

    async def all(
        self, between: Callable[[], None] = lambda: None, extra: str = "", start: str | None = None
    ) -> list[dict[str, Any]]:
        cursor = start
        while True:
            page = await self.page(cursor, extra)
            new = page["nodes"]
            self.nodes = new + self.nodes if self.backwards else self.nodes + new
            self.repairs += [o["repairCursor"] for o in page["outcomes"] if o["repairCursor"]]
            info = page["pageInfo"]
            if not info["hasPreviousPage" if self.backwards else "hasNextPage"]:
                return self.nodes
            following = info["startCursor" if self.backwards else "endCursor"]
            assert following is not None
            assert following != cursor or page["nodes"] or extra, "a page that leads nowhere"
            cursor = following
            between()


def history(seed: int, count: int, days: float, first_number: int = 1) -> list[company.Call]:
    """calls that have all ended, and have been published, well before the tests' now"""
    until = NOW - timedelta(hours=4)
    return company.calls(seed=seed, count=count, until=until, days=days, first_number=first_number)


@laws
@given(
    sources=vendors,
    seed=st.integers(0, 10_000),
    count=st.integers(0, 90),
    days=st.sampled_from([0.002, 0.05, 1.0, 20.0]),
    first=st.integers(1, 40),
    newest_first=st.booleans(),
    backwards=st.booleans(),
)
def test_pages_joined_are_every_call_once_and_in_order(
    sources: list[str],
    seed: int,
    count: int,
    days: float,
    first: int,
    newest_first: bool,
    backwards: bool,
) -> None:
    clock = Clock()
    calls = history(seed, count, days)
    order = "NEWEST_FIRST" if newest_first else "OLDEST_FIRST"
    since = 'filter: {since: "2026-02-01T00:00:00Z"}'

    async def work() -> None:
        async with product(*sources, calls=calls, clock=clock) as api:
            walk = Walk(api, f", {since}, orderBy: {order}", first, backwards=backwards)
            nodes = await walk.all()
            assert given_to(nodes) == truth(sources, calls)
            assert len({node["id"] for node in nodes}) == len(nodes)
            assert in_order(nodes, newest_first=newest_first)

    asyncio.run(work())


@laws
@given(
    sources=vendors,
    seed=st.integers(0, 10_000),
    first=st.integers(1, 20),
    newest_first=st.booleans(),
    changes=st.lists(
        st.tuples(st.sampled_from(["add", "remove"]), st.integers(0, 79)), max_size=25
    ),
    data=st.data(),
)
def test_calls_that_come_and_go_between_pages_cost_no_other_call(
    sources: list[str],
    seed: int,
    first: int,
    newest_first: bool,
    changes: list[tuple[str, int]],
    data: st.DataObject,
) -> None:
    clock = Clock()
    calls = history(seed, 80, 2.0)
    late = history(seed + 1, 80, 2.0, first_number=500)
    order = "NEWEST_FIRST" if newest_first else "OLDEST_FIRST"
    since = 'filter: {since: "2026-02-01T00:00:00Z"}'
    steps = iter(changes)
    added: list[company.Call] = []
    removed: list[company.Call] = []

    async def work() -> None:
        async with product(*sources, calls=calls, clock=clock) as api:

            def between() -> None:
                for _ in range(data.draw(st.integers(0, 3))):
                    step = next(steps, None)
                    if step is None:
                        return
                    kind, place = step
                    for world in api.worlds.values():
                        call = late[place] if kind == "add" else calls[place]
                        if kind == "add" and call not in world.calls:
                            world.add(call)
                        elif kind == "remove" and call in world.calls:
                            world.remove(call)
                    (added if kind == "add" else removed).append(
                        late[place] if kind == "add" else calls[place]
                    )

            nodes = await Walk(api, f", {since}, orderBy: {order}", first).all(between)
            assert len({node["id"] for node in nodes}) == len(nodes)
            assert in_order(nodes, newest_first=newest_first)
            seen = given_to(nodes)
            stayed = [c for c in calls if c not in removed]
            must = truth(sources, stayed)
            may = truth(sources, [*calls, *added])
            assert must <= seen
            assert seen <= may

    asyncio.run(work())


FAULTS = st.tuples(
    st.sampled_from(["status", "html", "empty", "cut", "error", "expire", "duplicate", "repeat"]),
    st.integers(0, 8),
    st.integers(1, 4),
)


@laws
@given(
    sources=vendors,
    seed=st.integers(0, 10_000),
    first=st.integers(1, 25),
    newest_first=st.booleans(),
    planned=st.lists(FAULTS, max_size=4),
    budget=st.sampled_from([None, None, 3, 6]),
    data=st.data(),
)
def test_pages_and_repair_pages_together_are_everything(
    sources: list[str],
    seed: int,
    first: int,
    newest_first: bool,
    planned: list[tuple[Any, int, int]],
    budget: int | None,
    data: st.DataObject,
) -> None:
    clock = Clock()
    calls = history(seed, 70, 3.0)
    order = "NEWEST_FIRST" if newest_first else "OLDEST_FIRST"
    since = 'filter: {since: "2026-02-25T00:00:00Z"}'

    async def work() -> None:
        async with product(*sources, calls=calls, clock=clock) as api:
            for kind, skip, times in planned:
                unlucky = data.draw(st.sampled_from(sources))
                api.worlds[unlucky].fault(kind, skip=skip, times=times)
            walk = Walk(api, f", {since}, orderBy: {order}", first)
            extra = f", options: {{maxRequests: {budget}}}" if budget else ""
            await walk.all(lambda: clock.advance(30), extra)
            assert in_order(walk.nodes, newest_first=newest_first)
            nodes = list(walk.nodes)
            for world in api.worlds.values():
                world.faults.clear()
            clock.advance(3600)
            for _ in range(50):
                repairs, walk.repairs = walk.repairs, []
                if not repairs:
                    break
                for cursor in repairs:
                    walk.nodes = []
                    nodes += await walk.all(lambda: clock.advance(5), start=cursor)
            assert not walk.repairs
            assert given_to(nodes) == truth(sources, calls)

    asyncio.run(work())
