"""A disk that is full, for files and for the database: a clear state, and nothing is lost."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graph.engine.kept import definitions
from tests.engine.asking import CREATE, created, look, ours, step
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
