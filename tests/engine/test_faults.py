"""Disks that are full, databases that are locked or go away: a clear state, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from graph.engine.kept import definitions
from tests.engine.asking import CREATE, created, look, ours, step
from tests.engine.databases import database
from tests.server.test_live import until
from tests.support import product, run


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """No file may grow beyond this, as on a disk that has no more room (POSIX, RLIMIT_FSIZE)"""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_does_not_fit_on_the_disk_is_aborted_and_made_when_there_is_room(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with product("portsip", count=3000, reports={"folder": str(tmp_path)}) as api:
            id = await created(api, rerunIncomplete=True)
            with files_of_at_most(250_000):
                assert await step(api) == 1
            report = await look(api, id)
            (first,) = report["runs"]
            assert first["state"] == "WAITING"
            assert first["file"] is None
            assert "could not be written: File too large" in first["reason"]
            api.clock.advance(700)
            assert await step(api) == 1
            (again,) = (await look(api, id))["runs"]
            assert (again["state"], again["complete"]) == ("DONE", True)

    run(work)
    (made,) = (tmp_path / "files").iterdir()
    assert made.suffix == ".csv"
    assert list(tmp_path.glob("spool-*")) == []


def test_a_database_without_room_takes_nothing_and_says_so(tmp_path: Path) -> None:
    async def work() -> None:
        async with product("portsip", count=1, reports={"folder": str(tmp_path)}) as api:
            await created(api, cronExpression="0 7 * * *")
            with files_of_at_most(1000):
                answer = await api.ask(CREATE, input=ours(name="Second"))
            (error,) = answer.errors
            assert error["extensions"]["code"] == "DATABASE_UNAVAILABLE"
            assert error["extensions"]["retryable"] is True
            assert api.graph.reports is not None
            store = api.graph.reports._making.store
            kept = await store.read(definitions.every)
            assert [one.definition.name for one in kept] == ["All calls"]
            await created(api, name="Third")

    run(work)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Somebody else writes to the database, and does not come to an end"""
    other = sqlite3.connect(folder / "reports.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.engine.store.LOCKED_MS", 50)


@pytest.mark.usefixtures("impatient")
def test_a_run_that_ends_while_the_database_is_locked_is_made_once_more_and_has_one_file(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with product("portsip", count=50, reports={"folder": str(tmp_path)}) as api:
            id = await created(api)
            assert api.graph.reports is not None
            scheduler = api.graph.reports.scheduler
            run = await scheduler._claim()
            assert run is not None
            with locked(tmp_path):
                await scheduler._run(run)
            (waiting,) = (await look(api, id))["runs"]
            assert (waiting["state"], waiting["file"]) == ("RUNNING", None)
            assert list((tmp_path / "files").iterdir()) == []
            assert await step(api) == 0, "as long as it may be at work, nobody else begins"
            api.clock.advance(61)
            assert await step(api) == 1
            (done,) = (await look(api, id))["runs"]
            assert (done["state"], done["attempts"]) == ("DONE", 2)

    run(work)
    assert len(list((tmp_path / "files").iterdir())) == 1


@pytest.mark.usefixtures("impatient")
def test_a_scheduler_whose_database_is_locked_says_so_and_goes_on_when_it_is_free(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with product("portsip", count=5, reports={"folder": str(tmp_path)}) as api:
            assert api.graph.reports is not None
            scheduler = api.graph.reports.scheduler
            id = await created(api)
            with locked(tmp_path):
                refused = await api.ask(CREATE, input=ours(name="Second"))
                (error,) = refused.errors
                assert error["extensions"]["code"] == "DATABASE_UNAVAILABLE"
                assert "database is locked" in error["message"]
                assert (await look(api, id))["name"] == "All calls", "reading goes on"
                scheduler.start()
                await until(lambda: "reports wait for their database" in caplog.text)
            scheduler.wake()
            while (await look(api, id))["runs"][0]["state"] != "DONE":  # noqa: ASYNC110
                await asyncio.sleep(0)

    run(work)


def test_a_connection_lost_while_a_run_is_ended_leaves_one_file_of_one_run(tmp_path: Path) -> None:
    async def work(url: str) -> None:
        reports = {"folder": str(tmp_path), "database": url}
        async with product("portsip", count=50, reports=reports) as api:
            id = await created(api)
            assert api.graph.reports is not None
            scheduler = api.graph.reports.scheduler
            held = await scheduler._claim()
            assert held is not None
            cut = 0

            def lose(connection: Connection) -> None:
                # The file has its place already; that it is there was not said yet.
                nonlocal cut
                if cut == 0 and list((tmp_path / "files").glob("*.csv")):
                    cut += 1
                    with psycopg.connect(url, autocommit=True) as other:
                        other.execute(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                            "pid <> pg_backend_pid() AND datname = current_database()"
                        )

            engine = api.graph.reports._making.store._engine
            event.listen(engine, "commit", lose)
            await scheduler._run(held)
            assert cut == 1
            (lost,) = (await look(api, id))["runs"]
            assert (lost["state"], lost["file"]) == ("RUNNING", None)
            api.clock.advance(61)
            assert await step(api) == 1
            (done,) = (await look(api, id))["runs"]
            assert (done["state"], done["complete"]) == ("DONE", True)

    with database("postgresql", tmp_path) as url:
        psycopg = pytest.importorskip("psycopg")
        run(lambda: work(url))
    assert len(list((tmp_path / "files").iterdir())) == 1


def test_what_dead_processes_left_goes_after_a_day_and_nothing_else_does(tmp_path: Path) -> None:
    async def work() -> None:
        async with product("portsip", count=5, reports={"folder": str(tmp_path)}) as api:
            id = await created(api)
            await step(api)
            files = tmp_path / "files"
            (own,) = files.iterdir()
            (tmp_path / "spool-dead").mkdir()
            (tmp_path / "spool-dead" / "0").write_bytes(b"[]")
            left = [files / "dead-0-1.part", files / "unknown.csv", tmp_path / "spool-dead"]
            for path in left[:2]:
                path.write_bytes(b"half")
            young = files / "young-0-1.part"
            young.write_bytes(b"half")
            now = api.clock.now().timestamp()
            os.utime(young, (now, now))
            for path in [*left, own]:
                os.utime(path, (now - 90_000, now - 90_000))
            await step(api)
            assert not any(path.exists() for path in left)
            assert set(files.iterdir()) == {own, young}
            assert (await look(api, id))["runs"][0]["file"] is not None

    run(work)
