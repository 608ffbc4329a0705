"""Following a report until its files are there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import GraphQLError

from tests.reports.asking import DESTROY, create, created, finished
from tests.schema.test_subscriptions import Steps
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


def test_all_who_follow_share_a_fifth_of_what_the_system_allows() -> None:
    async def work() -> None:
        clock = Steps()
        source = {"vendor": "portsip", "requests_per_second": 0.1}
        switches = {"portsip": {"report_seconds": 1e9}}
        async with product(source, count=5, clock=clock, switches=switches) as api:
            id = await report_id(api)
            before = api.requests("portsip", "call_reports")
            followers = [asyncio.create_task(all_of(api, id)) for _ in range(3)]
            await clock.passes(20_000)
            asked = api.requests("portsip", "call_reports") - before
            # A fifth of 0.1 a second for 20,000 s, and before that the first look of each.
            assert 390 <= asked <= 400 + 6
            for follower in followers:
                follower.cancel()
            await asyncio.gather(*followers, return_exceptions=True)

    run(work)


def test_a_system_that_is_down_from_the_start_is_an_error_at_once() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            id = await report_id(api)
            api.worlds["portsip"].fault("status", path="call_reports", times=0)
            with pytest.raises(GraphQLError) as refused:
                await all_of(api, id)
            assert refused.value.extensions is not None
            assert refused.value.extensions["code"] == "UNAVAILABLE"
            assert refused.value.extensions["retryable"] is True

    run(work)


def test_a_refusal_while_following_ends_it_with_its_reason() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            id = await report_id(api)
            api.worlds["portsip"].fault("error", code="403", path="call_reports", skip=2, times=0)
            with pytest.raises(GraphQLError) as refused:
                await all_of(api, id)
            assert refused.value.extensions is not None
            assert refused.value.extensions["code"] == "REFUSED"
            assert api.clock.slept == [10.0]

    run(work)


def test_a_schedule_whose_run_is_aborted_ends_what_follows_it() -> None:
    async def work() -> None:
        switches = {"portsip": {"aborted_reports": ("doomed",)}}
        async with product("portsip", count=20, switches=switches) as api:
            id = await report_id(api, name="doomed", cronExpression="* * * * *")
            assert await all_of(api, id) == []

    run(work)


def test_what_cannot_be_followed_is_bad_input() -> None:
    async def work() -> None:
        async with product("portsip", count=20) as api:
            await create(api)
            api.clock.advance(10)
            (file,) = await finished(api)
            gone = await report_id(api)
            await api.good(DESTROY, input={"id": gone})
            for id in ("nonsense!", file["id"], gone):
                with pytest.raises(GraphQLError) as refused:
                    await all_of(api, id)
                said = {"code": "BAD_USER_INPUT", "argument": "reportId"}
                assert refused.value.extensions == said

    run(work)
