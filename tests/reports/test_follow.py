"""Following a report until its files are there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from tests.reports.asking import DESTROY, create, created, finished
from tests.support import Api, product, run

FOLLOW = "subscription ($id: ID!) { file: callReportCompleted(reportId: $id) { id name fileUrl } }"


async def follow(api: Api, id: str) -> AsyncIterator[Any]:
    """what a subscriber gets, as data or as the error it ends with"""
    events: Any = await api.graph.schema.subscribe(
        FOLLOW, variable_values={"id": id}, context_value=api.graph.context()
    )
    async for event in events:
        if event.errors:
            raise event.errors[0]
        yield event.data["file"]


async def all_of(api: Api, id: str) -> list[str]:
    return [file["name"] async for file in follow(api, id)]


async def report_id(api: Api, **changes: Any) -> str:
    return await created(api, **changes)


def test_a_report_that_runs_once_is_told_once_and_it_ends() -> None:
    async def work() -> None:
        async with product("portsip", count=20) as api:
            id = await report_id(api, name="once")
            assert await all_of(api, id) == ["once"]
            assert api.clock.slept == [10.0]
            # Whoever comes late is told what there is, and it ends at once.
            assert await all_of(api, id) == ["once"]
            assert api.clock.slept == [10.0]

    run(work)


def test_only_files_that_come_from_now_on_are_told_of_a_schedule() -> None:
    async def work() -> None:
        async with product("portsip", count=20) as api:
            id = await report_id(api, name="often", cronExpression="* * * * *")
            api.clock.advance(120)
            before = {file["id"] for file in await finished(api)}
            assert len(before) == 1
            files = follow(api, id)
            told = {(await anext(files))["id"] for _ in range(3)}
            await files.aclose()  # type: ignore[attr-defined]
            assert len(told) == 3
            assert told.isdisjoint(before)

    run(work)


def test_it_ends_when_the_report_is_destroyed() -> None:
    async def work() -> None:
        async with product("portsip", count=20) as api:
            id = await report_id(api, cronExpression="* * * * *")
            files = follow(api, id)
            await anext(files)
            await api.good(DESTROY, input={"id": id})
            rest = [file async for file in files]
            assert len(rest) <= 1

    run(work)


def test_it_ends_when_the_run_is_aborted() -> None:
    async def work() -> None:
        switches = {"portsip": {"aborted_reports": ("doomed",)}}
        async with product("portsip", count=20, switches=switches) as api:
            id = await report_id(api, name="doomed")
            assert await all_of(api, id) == []
            data = await api.good(f'{{ callReport(id: "{id}") {{ status }} }}')
            assert data["callReport"]["status"] == "ABORTED"

    run(work)


def test_a_system_that_is_out_of_order_for_a_while_loses_nothing() -> None:
    async def work() -> None:
        async with product("portsip", count=20) as api:
            id = await report_id(api, name="once")
            # The first look is well; the next three, each with its repeats, are not.
            api.worlds["portsip"].fault("status", path="call_reports", skip=2, times=9)
            assert await all_of(api, id) == ["once"]
            assert len(api.clock.slept) > 3

    run(work)


def test_looking_is_polite() -> None:
    async def work() -> None:
        switches = {"portsip": {"report_seconds": 100.0}}
        async with product("portsip", count=20, switches=switches) as api:
            id = await report_id(api)
            before = api.requests("portsip")
            await all_of(api, id)
            assert api.clock.slept == [10.0] * 10
            # Eleven looks of two requests each: the report, and the list of files.
            assert api.requests("portsip") == before + 22

    run(work)


def test_what_cannot_be_followed_is_bad_input() -> None:
    async def work() -> None:
        async with product("portsip", count=20) as api:
            await create(api)
            api.clock.advance(10)
            (file,) = await finished(api)
            for id in ("nonsense!", file["id"]):
                try:
                    await all_of(api, id)
                except Exception as error:  # noqa: BLE001  # whatever a subscriber would see
                    said = error.extensions  # type: ignore[attr-defined]
                    assert said["code"] == "BAD_USER_INPUT"
                    assert said["argument"] == "reportId"
                else:
                    raise AssertionError(id)

    run(work)
