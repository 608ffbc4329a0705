"""Writes are sent once, and the payload says the truth about them, whatever goes wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from graph.config import settings
from graph.errors import SourcesFailed
from graph.observe import system_timer
from graph.reports import commands
from graph.server.app import Graph
from graph.sources.twin import FaultKind
from graph.types.report_inputs import WriteOutcome
from tests import virtual_time
from tests.reports.asking import (
    CREATE,
    DESTROY,
    DESTROY_COMPLETED,
    UPDATE,
    create,
    created,
    finished,
    posts,
    report,
)
from tests.support import Api, product, run


async def never(_seconds: float) -> None:
    """waits until it is cancelled"""
    await asyncio.Event().wait()


async def reports(api: Api) -> int:
    """how many reports the PBX has"""
    api.worlds["portsip"].faults.clear()
    data = await api.good("{ callReports { count { value relation } } }")
    count = data["callReports"]["count"]
    assert count["relation"] == "EXACT"
    value: int = count["value"]
    return value


@pytest.mark.parametrize(
    ("kind", "options", "outcome"),
    [
        ("status", {"status": 502}, "OUTCOME_UNKNOWN"),
        ("html", {}, "OUTCOME_UNKNOWN"),
        ("empty", {}, "OUTCOME_UNKNOWN"),
        ("error", {"code": "VALIDATE_FAILED"}, "REFUSED"),
        ("error", {"code": "EMPTY"}, "REFUSED"),
    ],
)
def test_an_answer_that_is_none_of_the_documented_ones_is_never_taken_for_done(
    kind: FaultKind, options: dict[str, Any], outcome: str
) -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            assert await reports(api) == 0
            api.worlds["portsip"].fault(kind, path="/api/call_reports", **options)
            made = await create(api)
            assert made["outcome"] == outcome, made
            assert made["callReport"] is None
            assert len(posts(api)) == 1
            assert await reports(api) == 0

    run(work)


def test_our_own_deadline_leaves_the_outcome_open_too() -> None:
    async def work() -> None:
        async with product("portsip", count=5, server={"deadline_ms": 4000}) as api:
            await reports(api)
            world = api.worlds["portsip"]
            world.sleep = never
            world.fault("late", path="/api/call_reports")
            made = await create(api)
            assert made["outcome"] == "OUTCOME_UNKNOWN"
            assert await reports(api) == 1

    virtual_time.run(work)


def test_throttled_means_that_nothing_was_done() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            await reports(api)
            api.worlds["portsip"].fault("status", status=429, path="/api/call_reports")
            answered = await api.ask(CREATE, input=report())
            assert answered.data == {"made": None}
            said = answered.errors[0]["extensions"]
            assert (said["code"], said["retryable"]) == ("THROTTLED", True)
            assert len(posts(api)) == 1
            assert await reports(api) == 0

    run(work)


def test_a_refused_connection_is_an_error_that_may_be_asked_again() -> None:
    async def work() -> None:
        # Nothing listens on port 9 of this machine.
        entry = {
            "id": "portsip",
            "vendor": "portsip",
            "base_url": "http://127.0.0.1:9",
            "credentials": {"token": "a-token"},
        }
        graph = Graph(settings({"sources": [entry]}, environment={}), timer=system_timer())
        try:
            answered = await graph.ask(CREATE, {"input": report()})
        finally:
            await graph.close()
        assert answered["data"] == {"made": None}
        said = answered["errors"][0]["extensions"]
        assert (said["code"], said["retryable"]) == ("UNAVAILABLE", True)

    run(work)


# ---------------------------------------------------------------- idempotency


def test_a_repeated_create_gives_the_first_result_and_creates_nothing() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            first = await create(api, idempotencyKey="one")
            again = await create(api, idempotencyKey="one")
            assert first["outcome"] == again["outcome"] == "DONE"
            assert first["callReport"] == again["callReport"]
            assert not first["idempotency"]["repeated"]
            assert again["idempotency"]["repeated"]
            assert again["idempotency"]["store"] == "PROCESS"
            assert len(posts(api)) == 1

    run(work)


def test_the_same_key_with_another_input_is_a_conflict() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            await create(api, idempotencyKey="one")
            made = await create(api, idempotencyKey="one", name="Monthly")
            assert made["outcome"] == "REFUSED"
            assert [(e["field"], e["code"]) for e in made["userErrors"]] == [
                ("idempotencyKey", "IDEMPOTENCY_CONFLICT")
            ]
            assert made["idempotency"] is None
            assert len(posts(api)) == 1

    run(work)


def test_an_unknown_outcome_stays_unknown_under_its_key() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            await reports(api)
            world = api.worlds["portsip"]
            world.sleep = never
            world.fault("late", path="/api/call_reports")
            first = await create(api, idempotencyKey="one")
            again = await create(api, idempotencyKey="one")
            assert first["outcome"] == again["outcome"] == "OUTCOME_UNKNOWN"
            assert again["idempotency"]["repeated"]
            assert again["lookFor"] == first["lookFor"]
            assert len(posts(api)) == 1

    virtual_time.run(work)


def test_where_nothing_was_sent_the_key_is_free_again() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            await reports(api)
            api.worlds["portsip"].fault("status", status=429, path="/api/call_reports")
            answered = await api.ask(CREATE, input=report(idempotencyKey="one"))
            assert answered.errors
            api.clock.advance(60)
            made = await create(api, idempotencyKey="one")
            assert made["outcome"] == "DONE"
            assert not made["idempotency"]["repeated"]

    run(work)


def test_a_key_is_forgotten_after_the_time_that_was_told() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            first = await create(api, idempotencyKey="one")
            assert first["idempotency"]["keptUntil"] == "2026-03-05T15:30:00Z"
            api.clock.advance(24 * 3600)
            again = await create(api, idempotencyKey="one")
            assert not again["idempotency"]["repeated"]
            assert len(posts(api)) == 2

    run(work)


def test_equal_keys_at_the_same_time_share_one_write() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            made = await asyncio.gather(*(create(api, idempotencyKey="one") for _ in range(5)))
            assert len({one["callReport"]["id"] for one in made}) == 1
            assert sorted(one["idempotency"]["repeated"] for one in made) == [
                False, True, True, True, True,
            ]  # fmt: skip
            assert len(posts(api)) == 1

    run(work)


def test_keys_belong_to_their_caller() -> None:
    async def work() -> None:
        writes = commands.Writes(system_timer())
        done = commands.Result(WriteOutcome.DONE, row="1")

        async def one() -> commands.Result:
            return done

        _, mine = await writes.once("anna", "key", b"this", one)
        _, others = await writes.once("bela", "key", b"that", one)
        assert mine is not None
        assert others is not None
        assert not others.repeated
        await writes.close()

    run(work)


def test_a_write_is_seen_through_though_its_caller_goes_away() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            await reports(api)
            world = api.worlds["portsip"]
            reached, go_on = asyncio.Event(), asyncio.Event()

            async def wait(_seconds: float) -> None:
                reached.set()
                await go_on.wait()

            world.sleep = wait
            world.fault("late", path="/api/call_reports")
            caller = asyncio.create_task(create(api, idempotencyKey="one"))
            await reached.wait()
            caller.cancel()
            await asyncio.gather(caller, return_exceptions=True)
            go_on.set()
            made = await create(api, idempotencyKey="one")
            assert made["outcome"] == "DONE"
            assert made["idempotency"]["repeated"]
            assert len(posts(api)) == 1

    run(work)


def test_more_keys_than_are_kept_is_an_error_and_drops_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "MOST_KEYS", 2)

    async def work() -> None:
        async with product("portsip", count=5) as api:
            for key in ("one", "two"):
                await create(api, idempotencyKey=key)
            answered = await api.ask(CREATE, input=report(idempotencyKey="three"))
            assert answered.errors[0]["extensions"]["limit"] == "idempotencyKeys"
            assert (await create(api, idempotencyKey="one"))["idempotency"]["repeated"]

    run(work)


# ---------------------------------------------------------------- update, destroy


def test_what_is_changed_is_sent_and_the_rest_stays() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            id = await created(api)
            changes = {"name": "Monthly", "cronExpression": "0 7 1 * *"}
            made = (await api.good(UPDATE, input={"id": id, **changes}))["made"]
            assert made["callReport"] == {"id": id, **changes}
            assert posts(api)[-1] == {"name": "Monthly", "cron_expr": "0 7 1 * *"}
            made = (await api.good(UPDATE, input={"id": id, "cronExpression": ""}))["made"]
            assert made["callReport"]["cronExpression"] is None
            assert made["callReport"]["name"] == "Monthly"

    run(work)


def test_destroying_what_is_gone_is_not_found() -> None:
    async def work() -> None:
        async with product("portsip", count=20) as api:
            id = await created(api)
            api.clock.advance(10)
            (file,) = await finished(api)
            for query, one in ((DESTROY, id), (DESTROY_COMPLETED, file["id"])):
                first = (await api.good(query, input={"id": one}))["made"]
                assert (first["outcome"], first["destroyedId"]) == ("DONE", one)
                again = (await api.good(query, input={"id": one}))["made"]
                assert (again["outcome"], again["destroyedId"]) == ("REFUSED", None)
                assert again["userErrors"] == [{"field": "id", "code": "NOT_FOUND"}]
            made = (await api.good(UPDATE, input={"id": id, "name": "x"}))["made"]
            assert made["userErrors"][0]["code"] == "NOT_FOUND"
            # A report is no finished one, and the other way round.
            made = (await api.good(DESTROY, input={"id": file["id"]}))["made"]
            assert made["userErrors"][0]["code"] == "NOT_FOUND"

    run(work)


def test_an_id_that_is_none_is_bad_input() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            for query in (DESTROY, DESTROY_COMPLETED, UPDATE):
                answered = await api.ask(query, input={"id": "nonsense!"})
                said = answered.errors[0]["extensions"]
                assert said == {"code": "BAD_USER_INPUT", "argument": "input.id"}

    run(work)


def test_a_report_that_cannot_be_read_again_is_still_done() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            api.worlds["portsip"].fault("status", path="/api/call_reports/", times=0)
            answered = await api.ask(CREATE, input=report())
            assert answered.data["made"]["outcome"] == "DONE"
            assert answered.data["made"]["callReport"] is None
            assert answered.errors[0]["path"] == ["made", "callReport"]
            assert answered.errors[0]["extensions"]["code"] == "UNAVAILABLE"

    run(work)


def test_without_the_scope_nothing_is_written() -> None:
    from graph.caller import Caller

    reader = Caller("reader", frozenset({"reports:read"}))

    async def work() -> None:
        async with product("portsip", count=5) as api:
            context = api.graph.context(caller=reader)
            result = await api.graph.schema.execute(
                CREATE, variable_values={"input": report()}, context_value=context
            )
            (error,) = result.errors or []
            assert error.extensions == {"code": "FORBIDDEN", "scope": "reports:write"}
            assert api.requests("portsip") == 0

    run(work)


def test_a_source_that_a_caller_may_not_see_does_not_exist() -> None:
    from graph.caller import SCOPES, Caller

    stranger = Caller("stranger", frozenset(SCOPES), frozenset({"other"}))

    async def work() -> None:
        async with product("portsip", count=5) as api:
            id = await created(api)
            for query, given in ((CREATE, report()), (DESTROY, {"id": id})):
                result = await api.graph.schema.execute(
                    query,
                    variable_values={"input": given},
                    context_value=api.graph.context(caller=stranger),
                )
                made = result.data["made"]  # type: ignore[index]
                assert made["userErrors"][0]["code"] == "NOT_FOUND"
            assert len(posts(api)) == 1

    run(work)


def test_a_failure_that_sent_nothing_is_the_error_of_everybody_who_waits() -> None:
    async def work() -> None:
        timer = system_timer()
        writes = commands.Writes(timer)

        async def fail() -> commands.Result:
            raise SourcesFailed("nobody", code="UNAVAILABLE", retryable=True, outcomes=[])

        with pytest.raises(SourcesFailed):
            await writes.once("anna", "key", b"this", fail)
        with pytest.raises(SourcesFailed):
            await writes.once("anna", "key", b"that", fail)

    run(work)
