"""Who asks in the same moment shares requests and records, and gets an answer of its own."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest

from graph.sources import company, vendor_names
from tests.gather.test_faults import LISTS, hold
from tests.support import NOW, product
from tests.virtual_time import run

CALLS = company.calls(seed=11, count=24, until=NOW - timedelta(hours=5), days=6)
WINDOW = 'filter: {since: "2026-02-25T00:00:00Z", until: "2026-03-06T00:00:00Z"}'
FAST = {"requests_per_second": 1_000_000, "max_concurrency": 1000}
PLAIN = "startedAt direction caller { number } source { id }"
ALIASED = "source { name: id } __typename caller { is: number } direction at: startedAt"
LISTS_ALIKE = [
    f"{{ callRecords(first: 30, {WINDOW}) {{ nodes {{ id unit {PLAIN} }} }} }}",
    f"{{ callRecords(first: 30, unit: LEG, {WINDOW}) {{ nodes {{ id unit {PLAIN} }} }} }}",
    f"{{ callLogs(first: 30, {WINDOW}) {{ nodes {{ id unit {PLAIN} }} }} }}",
    f"{{ callLogs(first: 4, {WINDOW}) {{ nodes {{ id record {{ id nativeId }} }} }} }}",
    f"{{ callRecords(first: 30, {WINDOW}) {{ nodes {{ {PLAIN} }} }} }}",
    f"{{ callRecords(first: 30, {WINDOW}) {{ nodes {{ {ALIASED} }} }} }}",
    f"{{ callRecords(first: 5, {WINDOW}) {{ edges {{ cursor node {{ {PLAIN} }} }} }} }}",
    f"{{ callRecords(first: 4, {WINDOW}) {{ nodes {{ id logs {{ id record {{ id }} }} }} }} }}",
    f"{{ callRecords(first: 4, {WINDOW}) {{ nodes {{ id raw cost {{ amount }} }} }} }}",
]


@pytest.mark.parametrize("vendor", vendor_names())
def test_what_is_asked_in_one_moment_is_answered_as_if_it_were_asked_alone(vendor: str) -> None:
    async def work() -> None:
        async with product({"vendor": vendor, **FAST}, calls=CALLS) as api:
            alone = [await api.good(query) for query in LISTS_ALIKE]
            assert alone[0]["callRecords"]["nodes"]
            asked = list(range(len(LISTS_ALIKE))) * 3
            random.Random(5).shuffle(asked)
            together = await asyncio.gather(*(api.good(LISTS_ALIKE[which]) for which in asked))
            for which, answer in zip(asked, together, strict=True):
                assert answer == alone[which], LISTS_ALIKE[which]

    run(work)


@pytest.mark.parametrize("vendor", vendor_names())
def test_lists_with_an_open_end_are_the_same_question_within_a_second(vendor: str) -> None:
    query = "{ callRecords(first: 9) { nodes { id startedAt } window { until } } }"

    async def work() -> None:
        async with product(vendor, calls=CALLS) as api:
            await api.good(query)
            api.clock.advance(60)
            before = api.requests(vendor)
            await api.good(query)
            alone = api.requests(vendor) - before

            gate = asyncio.Event()
            waits = hold(api.worlds[vendor], gate)
            api.worlds[vendor].fault("hang", path=LISTS[vendor])
            before = api.requests(vendor)
            first = asyncio.create_task(api.good(query))
            await waits.wait()
            api.clock.advance(0.4)
            second = asyncio.create_task(api.good(query))
            for _ in range(20):  # it has joined the first one by then
                await asyncio.sleep(0)
            gate.set()
            answer = await first
            assert answer == await second
            assert answer["callRecords"]["nodes"]
            assert "." not in answer["callRecords"]["window"]["until"]
            assert api.requests(vendor) - before == alone

    run(work)
