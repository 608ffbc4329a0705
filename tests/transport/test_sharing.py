"""Several processes share what a source bears, through a real Valkey or Redis."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from graph.errors import RateLimited, SourceOverBudget
from graph.observe import Cost, system_timer
from graph.privacy import Secret
from graph.transport.sharing import Alone, Together
from tests.support import product, run

PROGRAM = shutil.which("valkey-server") or shutil.which("redis-server")
needs_it = pytest.mark.skipif(PROGRAM is None, reason="neither valkey-server nor redis-server here")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Store:
    """A store of its own, which can be killed and started again"""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._folder = folder
        self.start()

    def start(self) -> None:
        assert PROGRAM is not None
        self._process = subprocess.Popen(
            [PROGRAM, "--port", str(self.port), "--save", "", "--dir", str(self._folder)],
            stdout=subprocess.DEVNULL,
        )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("it never listened")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(20)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    made = Store(tmp_path_factory.mktemp("store"))
    yield made
    made.kill()


def with_processes(
    store: Store, work: Callable[[list[Together]], Awaitable[None]], *, count: int = 3
) -> None:
    """As many clients as processes would have, each with its own connections"""

    async def all_of_it() -> None:
        timer = system_timer()
        url = Secret(store.url)
        made = [Together(url, b"key", timer, share=count, answer_seconds=20) for _ in range(count)]
        try:
            await work(made)
        finally:
            for one in made:
                await one.close()

    asyncio.run(all_of_it())


@needs_it
def test_a_bucket_of_all_gives_no_more_than_its_rate(store: Store) -> None:
    async def work(processes: list[Together]) -> None:
        buckets = [one.bucket("rate:hq", 10, 5) for one in processes]
        began = time.monotonic()
        waits = await asyncio.gather(*(buckets[n % 3].take(1, 0.0) for n in range(60)))
        most = 10 + 5 * (time.monotonic() - began)
        assert 10 <= sum(wait == 0 for wait in waits) <= most
        await buckets[0].give(-await buckets[0].left())
        assert await buckets[1].take(50, 0.5) > 0.5  # not taken
        level = await buckets[2].left()
        assert await buckets[2].take(20, 100.0) > 0  # taken before it is there
        assert await buckets[0].left() < level
        await buckets[0].give(-90)
        assert await buckets[2].left() < 0
        await buckets[0].give(1000)
        assert await buckets[2].left() == 10

    with_processes(store, work)


@needs_it
def test_slots_of_all_are_never_more_than_there_are(store: Store) -> None:
    async def work(processes: list[Together]) -> None:
        slots = [one.slots("slots:hq", 2, 30) for one in processes]
        inside = most = 0

        async def use(n: int) -> None:
            nonlocal inside, most
            holder = await slots[n % 3].acquire(20)
            assert holder is not None
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            await slots[n % 3].release(holder)

        await asyncio.gather(*(use(n) for n in range(12)))
        assert (inside, most) == (0, 2)
        held = [await slots[0].acquire(1), await slots[1].acquire(1)]
        assert None not in held
        assert await slots[2].acquire(0.05) is None

    with_processes(store, work)


@needs_it
def test_who_dies_with_a_slot_loses_it_when_its_lease_ends(store: Store) -> None:
    async def work(processes: list[Together]) -> None:
        dying, other, _ = (one.slots("slots:long", 1, 300) for one in processes)
        assert await dying.acquire(1)
        assert await other.acquire(0.01) is None
        dying, other, _ = (one.slots("slots:short", 1, 0.1) for one in processes)
        assert await dying.acquire(1)
        assert await other.acquire(20) is not None

    with_processes(store, work)


@needs_it
def test_tokens_that_a_system_counts_are_counted_by_all(store: Store) -> None:
    async def work() -> None:
        server = {"shared_url": store.url, "shared_timeout_ms": 20_000}
        pbx = {"vendor": "yeastar", "id": "yard"}
        query = "{ callRecords(first: 1) { outcomes { state message } nodes { id } } }"
        url, key = Secret(store.url), b"a secret for tests"
        others = Together(url, key, system_timer(), answer_seconds=20)
        tokens = others.slots("tokens:yard", 8, 60)
        for n in range(8):
            assert await tokens.hold(f"process {n}", 60)
        async with product(pbx, count=5, server=server) as api:
            [error] = (await api.ask(query)).errors
            assert error["extensions"]["code"] == "BUDGET"
            assert "all 8 tokens" in error["message"]
            assert api.requests("yard") == 0
            await tokens.free("process 3")
            assert (await api.good(query))["callRecords"]["nodes"]
            assert not await tokens.hold("one more", 60)
        # Its own was given back when it stopped.
        assert await tokens.hold("one more", 60)
        await others.close()

    run(work)


@needs_it
def test_a_callers_limit_holds_over_all_processes(store: Store) -> None:
    async def work() -> None:
        server = {"shared_url": store.url, "shared_timeout_ms": 20_000, "requests_per_minute": 6}
        async with (
            product("portsip", server=server) as one,
            product("portsip", server=server) as two,
        ):
            for api in (one, two, one):
                purse = api.graph.purses.of("shared caller")
                assert purse is not None
                await purse.take(Cost(requests=2))
            purse = two.graph.purses.of("shared caller")
            assert purse is not None
            with pytest.raises(RateLimited):
                await purse.take(Cost(requests=2))

    run(work)


@needs_it
def test_while_the_store_is_away_each_takes_its_part(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path)
    clock = 0.0

    async def work() -> None:
        nonlocal clock
        timer = system_timer()
        moved = type(timer)(timer.now, lambda: clock, timer.sleep)
        sharing = Together(Secret(store.url), b"key", moved, share=2, answer_seconds=20)
        bucket, slots = sharing.bucket("rate", 10, 1), sharing.slots("slots", 4, 5)
        assert await bucket.take(1, 0) == 0
        store.kill()
        taken = [await bucket.take(1, 0.0) for _ in range(8)]
        assert taken.count(0.0) == 5
        held = [await slots.acquire(0.01) for _ in range(3)]
        assert held == ["", "", None]
        for holder in held[:2]:
            assert holder is not None
            await slots.release(holder)
        store.start()
        clock += 6
        assert await bucket.take(9, 0.0) == 0
        await sharing.close()

    with caplog.at_level("WARNING"):
        try:
            asyncio.run(work())
        finally:
            store.kill()
    told = [r.message for r in caplog.records if "shared budgets" in r.message]
    assert len(told) == 2
    assert "each process takes its part" in told[0]
    assert told[1] == "shared budgets: back"


def test_alone_a_process_takes_its_part() -> None:
    async def work() -> None:
        alone = Alone(system_timer(), share=4)
        bucket = alone.bucket("rate", 8, 2)
        assert (bucket.capacity, bucket.per_second) == (2, 0.5)
        assert alone.bucket("rate", 2, 2).capacity == 1
        assert alone.slots("slots", 8, 5).most == 2
        assert alone.slots("slots", 1, 5).most == 1

    asyncio.run(work())


def test_a_store_that_was_never_there_stops_nobody() -> None:
    async def work() -> None:
        server = {"shared_url": f"redis://127.0.0.1:{free_port()}"}
        async with product("portsip", count=5, server=server) as api:
            assert (await api.good("{ callRecords(first: 1) { complete } }"))["callRecords"][
                "complete"
            ]

    run(work)


def test_a_slot_that_nobody_gives_back_is_told_at_the_deadline() -> None:
    async def work() -> None:
        async with product({"vendor": "portsip", "max_concurrency": 1}, count=5) as api:
            live = api.graph.sources.live["portsip"]
            trace = api.graph.context().trace()
            slot = await live.budget.enter(trace)
            api.clock.advance(9)
            with pytest.raises(SourceOverBudget):
                await live.budget.enter(trace)
            await live.budget.leave(slot)
            await live.budget.leave(await live.budget.enter(api.graph.context().trace()))

    run(work)
