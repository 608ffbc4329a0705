"""Reports of this server followed by subscription, until their files are there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from graphql import GraphQLError

from tests.engine.asking import created, look, step
from tests.reports.asking import DESTROY
from tests.reports.test_follow import all_of, follow
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
