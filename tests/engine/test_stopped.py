"""A server stops in the middle of a run: nothing half-made is seen, and the run is begun anew."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.engine.asking import content, created, look, step
from tests.engine.databases import BOTH, database
from tests.server.test_live import until
from tests.support import Api, Clock, product, run


def reports(folder: Path, url: str) -> dict[str, str]:
    return {"folder": str(folder / "own"), "database": url}


async def stop_in_the_middle(api: Api) -> None:
    """begins what is due, and stops when the second page is asked for"""
    assert api.graph.reports is not None
    scheduler = api.graph.reports.scheduler
    await scheduler._turn()
    await until(lambda: api.requests("portsip", "/api/cdrs") > 1)
    assert scheduler.under_way
    await scheduler.close()
    assert not scheduler.under_way


def source() -> dict[str, Any]:
    return {"vendor": "portsip", "options": {"page_size": 50}}


@pytest.mark.parametrize("kind", BOTH)
def test_a_run_is_handed_back_and_another_server_begins_it_at_once(
    kind: str, tmp_path: Path
) -> None:
    folder = tmp_path / "own"

    async def work(url: str) -> None:
        own, clock = reports(tmp_path, url), Clock()
        async with (
            product(source(), count=200, reports=own, clock=clock) as stopping,
            product(source(), count=200, reports=own, clock=clock) as other,
        ):
            # It answers the first page and keeps the second to itself.
            stopping.worlds["portsip"].fault("hang", path="/api/cdrs", skip=1, seconds=0, times=0)
            id = await created(stopping)
            await stop_in_the_middle(stopping)
            (waiting,) = (await look(other, id))["runs"]
            assert (waiting["state"], waiting["file"]) == ("WAITING", None)
            assert (await look(other, id))["status"] == "RUNNING"
            assert list((folder / "files").iterdir()) == []
            assert list(folder.glob("spool-*")) == []

            assert await step(other) == 1, "nobody waits for a lease to end"
            (done,) = (await look(other, id))["runs"]
            assert (done["state"], done["attempts"], done["complete"]) == ("DONE", 1, True)
            assert (await content(other, done["file"]["id"])).count(b"\r\n") > 100

    with database(kind, tmp_path) as url:
        run(lambda: work(url))


def test_where_no_other_server_lives_the_run_waits_for_the_next_start(tmp_path: Path) -> None:
    with database("sqlite", tmp_path) as url:

        async def first() -> str:
            async with product(source(), count=200, reports=reports(tmp_path, url)) as api:
                id = await created(api)
                await stop_in_the_middle(api)
                return id

        async def second(id: str) -> None:
            async with product(source(), count=200, reports=reports(tmp_path, url)) as api:
                report = await look(api, id)
                assert (report["status"], report["runs"][0]["state"]) == ("RUNNING", "WAITING")
                assert report["runs"][0]["reason"] is None
                assert await step(api) == 1
                assert (await look(api, id))["runs"][0]["state"] == "DONE"

        id = run(first)
        run(lambda: second(id))


@pytest.mark.parametrize("rounds", range(5))
def test_a_scheduler_that_is_woken_as_it_is_to_stop_stops(rounds: int, tmp_path: Path) -> None:
    async def work() -> None:
        async with product("portsip", count=1, reports={"folder": str(tmp_path)}) as api:
            assert api.graph.reports is not None
            scheduler = api.graph.reports.scheduler
            turned = asyncio.Event()

            async def turn() -> None:
                turned.set()

            scheduler._loops = [asyncio.create_task(scheduler._for_ever(turn))]
            await turned.wait()
            for _ in range(5):  # until it waits for the next turn
                await asyncio.sleep(0)
            scheduler.wake()
            for _ in range(rounds):
                await asyncio.sleep(0)
            async with asyncio.timeout(10):
                await scheduler.close()

    run(work)
