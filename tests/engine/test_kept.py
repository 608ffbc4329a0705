"""What the database promises, on SQLite and PostgreSQL alike: once, by one, and told truly."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from graph.engine.definition import Author, Definition, Looks, Party
from graph.engine.kept import definitions, runs
from graph.engine.kept.runs import KeptRun
from graph.engine.store import Store, url_of, write_ahead
from graph.errors import ConfigError, StoreFailed
from tests.engine.databases import BOTH, database
from tests.support import NOW, run

ANYBODY = Party("ANY", None)
DAILY = Definition(
    name="Daily",
    type="NORMAL",
    format="CSV",
    preset="YESTERDAY",
    time_zone="Europe/Berlin",
    cron_expression="0 7 * * *",
    sources=None,
    looks=Looks(caller=ANYBODY, callee=ANYBODY),
    author=Author("somebody", ("reports:write",), None),
)
DUE = NOW + timedelta(days=1)
"""some moment at which it is due, for it was made the day before"""


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as made:
        yield url_of(made, tmp_path)


@asynccontextmanager
async def stores(url: str, count: int = 1) -> AsyncIterator[list[Store]]:
    """so many processes' connections to one database, as far as locks go"""
    made = [Store(url) for _ in range(count)]
    try:
        yield made
    finally:
        for store in made:
            await store.close()


async def _report(store: Store, definition: Definition = DAILY, id: str = "r") -> None:
    await store.write(lambda c: definitions.create(c, id, definition, NOW))


def test_many_processes_that_start_at_once_migrate_once(url: str) -> None:
    async def work() -> None:
        async with stores(url, 4) as several:
            await asyncio.gather(*(store.migrate() for store in several))
            assert await several[3].read(definitions.every) == []

    run(work)


def test_a_due_moment_has_one_run_and_one_process_has_it(url: str) -> None:
    async def work() -> None:
        async with stores(url, 4) as several:
            for n in range(5):
                await _report(several[0], id=f"r{n}")

            async def process(store: Store, owner: str) -> list[str]:
                await store.write(lambda c: runs.make_due(c, DUE, missed_once=True))
                mine: list[str] = []
                while (found := await store.write(lambda c: runs.claim(c, owner, DUE))) is not None:
                    mine.append(found.report_id)
                return mine

            owned = await asyncio.gather(
                *(process(store, f"p{n}") for n, store in enumerate(several))
            )
            claimed = Counter(id for mine in owned for id in mine)
            assert claimed == Counter({f"r{n}": 1 for n in range(5)})

    run(work)


def test_a_run_whose_process_died_is_taken_over_and_at_last_aborted(url: str) -> None:
    async def work() -> None:
        async with stores(url) as (store,):
            await _report(store)
            await store.write(lambda c: runs.make_due(c, DUE, missed_once=True))
            moment = DUE
            for attempt in range(1, runs.MOST_ATTEMPTS + 1):
                held = await _claim(store, "dies", moment)
                assert held is not None
                assert held.attempts == attempt
                early = moment + runs.LEASE - timedelta(seconds=1)
                assert await _claim(store, "other", early) is None
                moment += runs.LEASE + timedelta(seconds=1)
            assert await _claim(store, "last", moment) is None
            (ended,) = await store.read(lambda c: runs.of_report(c, "r", 5))
            assert (ended.state, ended.reason) == ("ABORTED", "3 processes died at it")

    run(work)


async def _claim(store: Store, owner: str, now: datetime) -> KeptRun | None:
    return await store.write(lambda c: runs.claim(c, owner, now))


def test_who_lost_the_lease_can_neither_beat_nor_finish_nor_abort(url: str) -> None:
    async def work() -> None:
        async with stores(url, 2) as (one, two):
            await _report(one)
            await one.write(lambda c: runs.make_due(c, DUE, missed_once=True))
            slow = await one.write(lambda c: runs.claim(c, "slow", DUE))
            assert slow is not None
            late = DUE + runs.LEASE + timedelta(seconds=1)
            fast = await two.write(lambda c: runs.claim(c, "fast", late))
            assert fast is not None
            assert not await one.write(lambda c: runs.beat(c, slow, late, 1, 0.5, []))
            assert not await one.write(lambda c: runs.abort(c, slow, late, "x", [], may_help=True))
            assert not await _finish(one, slow)
            assert await _finish(two, fast)
            assert not await _finish(two, fast), "nothing is finished twice"
            (file,) = await one.read(lambda c: runs.kept_files(c, report_id="r"))
            assert file.size_bytes == 1

    run(work)


async def _finish(store: Store, held: KeptRun) -> bool:
    return await store.write(
        lambda c: runs.finish(
            c, held, DUE, window=(NOW, DUE), entries=1, complete=True, fared=[], name="n",
            file_name="n.csv", stored_as="n.csv", size_bytes=1,
        )
    )  # fmt: skip


@pytest.mark.parametrize(("missed_once", "made"), [(True, 1), (False, 0)])
def test_after_a_day_without_a_server_missed_runs_come_once_or_not_at_all(
    url: str, missed_once: bool, made: int
) -> None:
    hourly = msgspec.structs.replace(DAILY, cron_expression="0 * * * *")

    async def work() -> None:
        async with stores(url) as (store,):
            await _report(store, hourly)
            back = NOW + timedelta(days=1)  # half past: the last run was due 30 minutes ago
            await store.write(lambda c: runs.make_due(c, back, missed_once=missed_once))
            found = await store.read(lambda c: runs.of_report(c, "r", 100))
            assert len(found) == made
            assert all(one.due_at == back - timedelta(minutes=30) for one in found)
            soon = back + timedelta(minutes=30)
            await store.write(lambda c: runs.make_due(c, soon, missed_once=missed_once))
            assert len(await store.read(lambda c: runs.of_report(c, "r", 100))) == made + 1

    run(work)


# ---------------------------------------------------------------- faults


def test_a_database_that_is_locked_fails_clearly_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.engine.store.LOCKED_MS", 50)

    async def work() -> None:
        async with stores(url_of(None, tmp_path), 2) as (one, two):
            await _report(one)
            await two.migrate()

            def hold(connection: object) -> None:
                with pytest.raises(StoreFailed, match="database is locked"):
                    asyncio.run(_report(Store(url_of(None, tmp_path)), id="second"))

            await one.write(hold)
            assert [r.id for r in await two.read(definitions.every)] == ["r"]
            await _report(two, id="second")
            assert len(await one.read(definitions.every)) == 2

    run(work)


def test_a_connection_lost_in_a_transaction_fails_clearly_and_the_next_one_works(
    tmp_path: Path,
) -> None:
    with database("postgresql", tmp_path) as made:

        async def work() -> None:
            async with stores(url_of(made, tmp_path), 2) as (one, two):
                await _report(one)
                await two.migrate()

                def lost(connection: object) -> None:
                    definitions.destroy(connection, "r")  # type: ignore[arg-type]
                    asyncio.run(_cut(url_of(made, tmp_path)))
                    definitions.count(connection)  # type: ignore[arg-type]

                with pytest.raises(StoreFailed, match="try again later"):
                    await one.write(lost)
                assert [r.id for r in await one.read(definitions.every)] == ["r"]

        run(work)


async def _cut(url: str) -> None:
    cutter = Store(url)
    cutter._migrated = True
    query = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    await cutter.read(lambda c: c.execute(query))
    await cutter.close()


_KILLED = """
import os, sys
from pathlib import Path
from alembic import op
from graph.engine.store import Store
create = op.create_table
def create_and_die(name, *columns, **more):
    create(name, *columns, **more)
    if name == "files":
        os._exit(9)
op.create_table = create_and_die
import asyncio
asyncio.run(Store(sys.argv[1]).migrate())
"""


def test_a_migration_that_is_killed_has_not_happened_and_is_done_by_the_next(url: str) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLED, url], timeout=60, check=False)
    assert killed.returncode == 9

    async def work() -> None:
        async with stores(url) as (store,):
            await _report(store)
            assert len(await store.read(definitions.every)) == 1

    run(work)


def test_new_tables_are_told_of_once_and_nothing_at_other_starts(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def work() -> None:
        for amount in (1, 0):
            caplog.clear()
            store = Store(url)
            await store.migrate()
            await store.close()
            told = [record.getMessage() for record in caplog.records]
            assert len(told) == amount, told
            assert all("new tables" in line and "was empty" in line for line in told)

    run(work)


def test_a_file_that_others_read_becomes_one_with_a_log_of_writes_once_they_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "reports.sqlite"
    reader, writer = (sqlite3.connect(file, isolation_level=None, timeout=0) for _ in range(2))
    reader.execute("CREATE TABLE one (x)")
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM one").fetchall()
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        reader.execute("COMMIT")

    monkeypatch.setattr("graph.engine.store.time.sleep", wait)
    write_ahead(writer.cursor())
    assert len(waits) == 1
    assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    reader.close()
    writer.close()


@pytest.mark.parametrize("given", ["mysql://host/name", "nonsense"])
def test_a_database_that_cannot_be_one_is_told_at_the_start(given: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"reports\.database"):
        url_of(given, tmp_path)
