"""Lists read by position: deep ones, ones with rows nobody can read, and ones that grow."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from graph.gather.fold import FoldedStream
from graph.sources import company
from tests.support import NOW, product


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def outer() -> None:
        await work()

    asyncio.run(outer())


@pytest.mark.parametrize("order", ["NEWEST_FIRST", "OLDEST_FIRST"])
def test_a_list_deeper_than_any_position_gives_each_call_once(order: str) -> None:
    calls = company.calls(seed=1, count=7000, until=NOW, days=0.3)

    async def work() -> None:
        async with product("voipnow", calls=calls) as api:
            wanted = f"orderBy: {order}, first: 1000, filter: {{disposition: [BUSY]}}"
            page = (await api.good(f"{{ callRecords({wanted}) {{ nodes {{ nativeId }} }} }}"))[
                "callRecords"
            ]
            seen = Counter(node["nativeId"] for node in page["nodes"])
            assert set(seen.values()) == {1}
            assert len(seen) == sum(c.outcome == "busy" and c.ended_at <= NOW for c in calls)

    run(work)


@pytest.mark.parametrize("order", ["NEWEST_FIRST", "OLDEST_FIRST"])
def test_rows_nobody_can_read_are_passed_and_counted(order: str) -> None:
    rows: list[dict[str, Any]] = [
        {
            "id": f"{number:020x}",
            "ownerId": "33",
            "published": f"2026-03-0{1 + number // 50}T10:{number % 50:02}:00Z",
            "phoneCallView": [],
        }
        for number in range(120)
    ]
    rows[60]["ownerName"] = rows[90]["ownerName"] = [1]

    async def work() -> None:
        source = {"vendor": "voipnow", "options": {"page_size": 20}}
        async with product(source, given={"voipnow": rows}) as api:
            wanted = f'orderBy: {order}, first: 200, filter: {{since: "2026-03-01T00:00:00Z"}}'
            page = (
                await api.good(
                    f"{{ callRecords({wanted}) {{ nodes {{ nativeId account }} "
                    "outcomes { state skippedRecords requests } } }"
                )
            )["callRecords"]
            assert len(page["nodes"]) == 118
            assert page["outcomes"] == [{"state": "OK", "skippedRecords": 2, "requests": 7}]

    run(work)


def test_a_list_that_grows_while_it_is_read_is_read_on() -> None:
    calls = company.calls(seed=1, count=3000, until=NOW + timedelta(hours=2), days=0.25)

    async def work() -> None:
        source = {"vendor": "voipnow", "options": {"page_size": 100}}
        async with product(source, calls=calls) as api:
            world = api.worlds["voipnow"]
            clock, passed = world.clock, 0

            def later() -> datetime:
                nonlocal passed
                passed += 3
                return clock() + timedelta(seconds=passed)

            world.clock = later
            wanted = "first: 500, options: {maxRequests: 12}"
            page = (
                await api.good(
                    f"{{ callRecords({wanted}) {{ nodes {{ nativeId }} outcomes {{ state }} }} }}"
                )
            )["callRecords"]
            assert len({node["nativeId"] for node in page["nodes"]}) == 500
            assert page["outcomes"] == [{"state": "OK"}]

    run(work)


@pytest.mark.parametrize(("newest_first", "from_place"), [(True, 3600), (False, -3600)])
def test_a_hint_for_calls_stands_where_no_leg_of_theirs_or_of_calls_before_is_cut_off(
    newest_first: bool, from_place: int
) -> None:
    # A page that began in the middle of a call took its last leg for a call of its own.
    asked: list[datetime] = []
    legs: Any = SimpleNamespace(
        newest_first=newest_first,
        resource=SimpleNamespace(horizon_seconds=3600),
        hint_for=asked.append,
    )
    FoldedStream(legs, frozenset()).hint_for(NOW)
    assert asked == [NOW + timedelta(seconds=from_place)]
