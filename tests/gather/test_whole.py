"""A list read to its end: all of it, once, in order, whatever breaks on the way; little is held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from graph.gather import plan
from graph.gather.keys import Key
from graph.gather.whole import AHEAD, Reader, merged
from graph.observe import Trace
from graph.sources import company
from graph.types.answer import Outcome
from graph.types.call import CallUnit
from graph.types.inputs import CallFilter
from tests.gather.test_faults import LISTS, PLAIN, small
from tests.gather.test_pages import CASES, history, laws, second, truth, vendors
from tests.support import NOW, Api, product, run

some = settings(laws, max_examples=max(8, CASES // 2))


class Whole:
    """What a reading gave, and how the sources fared."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.outcomes: dict[str, Outcome] = {}


async def read(
    api: Api,
    days: float,
    waits: tuple[float, ...] = (),
    amount: int = 6,
    look: Callable[[Whole], None] = lambda _: None,
) -> Whole:
    """the calls of the last days, read to the end; `look` is taken after each batch"""
    graph, whole = api.graph, Whole()
    trace = Trace(graph.context().caller, graph.timer, deadline_ms=10**9, noting=False)
    since, until = NOW - timedelta(days=days), NOW
    made = plan.page(
        graph.sources, trace, graph.signer, kind="records", unit=CallUnit.CALL,
        filter=CallFilter(since=since, until=until), newest_first=False,
        wanted=plan.Page(amount=amount, backwards=False), paths=frozenset({"started_at"}),
    )  # fmt: skip
    readers = [
        Reader(made, one, trace, window=(since, until), waits_seconds=waits) for one in made.sources
    ]
    async with aclosing(merged(readers)) as batches:
        async for batch in batches:
            whole.keys += [row.list_key for row in batch]
            look(whole)
    for reader in readers:
        id = reader.source.live.id
        records = sum(key.source == id for key in whole.keys)
        whole.outcomes[id] = reader.outcome(records=records)
        assert trace.source(id).notes == [], "what is noted of each request would grow and grow"
    return whole


def starts(whole: Whole) -> Counter[tuple[str, str]]:
    return Counter((key.source, second(key.started_at.isoformat())) for key in whole.keys)


@some
@given(
    sources=vendors,
    seed=st.integers(0, 10_000),
    count=st.integers(0, 60),
    days=st.sampled_from([0.05, 1.0, 5.0]),
    faults=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 12), st.integers(1, 9)), max_size=4
    ),
)
def test_every_call_comes_once_and_in_order_though_sources_fail_on_the_way(
    sources: list[str], seed: int, count: int, days: float, faults: list[tuple[int, int, int]]
) -> None:
    calls = history(seed, count, days)

    async def work() -> None:
        async with product(*map(small, sources), calls=calls) as api:
            for place, skip, times in faults:
                vendor = sources[place % len(sources)]
                api.worlds[vendor].fault("status", path=LISTS[vendor], skip=skip, times=times)
            whole = await read(api, days + 1, waits=(60.0,) * 20)
            assert whole.keys == sorted(whole.keys)
            assert starts(whole) == truth(sources, calls)
            assert {o.state.name for o in whole.outcomes.values()} <= {"OK"}
            assert all(not o.missing for o in whole.outcomes.values())

    run(work)


def test_who_fails_for_good_keeps_what_it_gave_and_its_rest_is_missing() -> None:
    calls = history(3, 60, 5)

    async def work() -> None:
        sources = small("portsip"), small("yeastar")
        async with product(*sources, calls=calls, switches=PLAIN) as api:
            api.worlds["portsip"].fault("status", path=LISTS["portsip"], skip=4, times=0)
            whole = await read(api, 6, waits=(2.0, 10.0, 30.0))
            assert whole.keys == sorted(whole.keys)
            broken = whole.outcomes["portsip"]
            assert whole.outcomes["yeastar"].state.name == "OK"
            assert whole.outcomes["yeastar"].records == len(calls)
            assert broken.state.name in ("UNAVAILABLE", "BREAKER_OPEN")
            assert broken.covered is not None
            (rest,) = broken.missing
            assert rest.since == broken.covered.until
            assert rest.until == NOW
            given_up_at = rest.since
            assert given_up_at is not None
            before = [call for call in calls if call.started_at < given_up_at]
            assert 0 < broken.records == len(before) < len(calls)
            assert [s for s in api.clock.slept if s in (2.0, 10.0, 30.0)] == [2.0, 10.0, 30.0]

    run(work)


def test_nothing_is_read_twice_and_nobody_reads_far_ahead_of_the_slowest() -> None:
    calls = company.calls(seed=5, count=3 * AHEAD, until=NOW - timedelta(days=1), days=30)
    ahead: list[int] = []

    async def work() -> None:
        quick = {"vendor": "portsip", "id": "quick", "options": {"page_size": 100}}
        slow = {"vendor": "portsip", "id": "slow", "options": {"page_size": 10}}
        async with product(quick, slow, calls=calls) as api:

            def look(whole: Whole) -> None:
                given = sum(key.source == "quick" for key in whole.keys)
                ahead.append(100 * api.requests("quick", "/api/cdrs") - given)

            whole = await read(api, 31, amount=100, look=look)
            assert starts(whole) == truth(["quick", "slow"], calls)
            asked = api.requests("quick", "/api/cdrs")
            assert asked <= len(calls) / 100 * 1.1, "each page once, ties at their ends apart"

    run(work)
    assert AHEAD < max(ahead) < AHEAD + 500 < len(calls)
