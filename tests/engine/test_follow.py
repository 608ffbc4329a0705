"""Reports of this server followed by subscription, until their files are there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from graphql import GraphQLError

from tests.engine.asking import created, look, step
from tests.reports.asking import DESTROY
from tests.reports.test_follow import all_of, follow
from tests.schema.test_subscriptions import Steps
from tests.support import product, run


def test_a_report_that_runs_once_is_told_once_and_it_ends(tmp_path: Path) -> None:
    async def work() -> None:
        async with product("portsip", count=5, reports={"folder": str(tmp_path)}) as api:
            id = await created(api, name="once")
            await step(api)
            assert await all_of(api, id) == ["once"]
            assert api.clock.slept == [], "whoever comes late is told at once"

    run(work)


def test_only_files_that_come_from_now_on_are_told_of_a_schedule_until_it_is_destroyed(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with product("portsip", count=5, reports={"folder": str(tmp_path)}) as api:
            id = await created(api, name="often", cronExpression="0 * * * *")
            api.clock.advance(3600)
            assert await step(api) == 1
            files = follow(api, id)
            coming = asyncio.ensure_future(anext(files))
            while not api.clock.slept:  # noqa: ASYNC110  # it has looked, and found nothing new
                await asyncio.sleep(0)
            api.clock.advance(3600)
            assert await step(api) == 1
            told = await coming
            newest = (await look(api, id))["runs"][0]["file"]
            assert told["id"] == newest["id"]
            await api.good(DESTROY, input={"id": id})
            assert [file async for file in files] == []

    run(work)


def test_a_report_that_is_not_there_cannot_be_followed(tmp_path: Path) -> None:
    async def work() -> None:
        async with product("portsip", count=1, reports={"folder": str(tmp_path)}) as api:
            id = await created(api, cronExpression="0 7 * * *")
            await api.good(DESTROY, input={"id": id})
            with pytest.raises(GraphQLError, match="no such report"):
                await all_of(api, id)

    run(work)


def test_a_run_tells_how_far_it_is_while_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.engine.run.BEAT_SECONDS", 0.01)
    paged = {"vendor": "portsip", "options": {"page_size": 50}}

    async def work() -> None:
        async with product(
            paged, "yeastar", count=300, reports={"folder": str(tmp_path)}, clock=Steps()
        ) as api:
            assert isinstance(api.clock, Steps)
            assert api.graph.reports is not None
            api.worlds["portsip"].fault("late", path="/api/cdrs", skip=3, seconds=60)
            id = await created(api)
            scheduler = api.graph.reports.scheduler
            await scheduler._turn()
            seen: list[tuple[int, float]] = []
            while not seen or not seen[-1][0]:
                (run,) = (await look(api, id))["runs"]
                assert run["state"] == "RUNNING"
                seen.append((run["entriesRead"], run["shareDone"]))
            entries, share = seen[-1]
            assert 0 < share < 1
            records = {o["source"]["id"]: o["records"] for o in run["outcomes"]}
            assert sum(records.values()) == entries
            assert set(records) == {"portsip", "yeastar"}
            await api.clock.passes(61)
            await asyncio.wait(scheduler.under_way, timeout=20)
            (done,) = (await look(api, id))["runs"]
            assert (done["state"], done["shareDone"]) == ("DONE", 1)
            assert done["entriesRead"] > entries

    run(work)
