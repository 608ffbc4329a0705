"""The settings of reports replaced while the server runs: what is sent and kept follows them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from graph.config import ReportSettings, Settings, settings
from tests.engine.asking import create, created, look, step
from tests.engine.receivers import hook, mailbox
from tests.schema.test_subscriptions import Steps
from tests.server.test_live import until
from tests.server.test_reload import without
from tests.support import Api, product, run


def reports(folder: Path, **table: Any) -> ReportSettings:
    made = settings({"reports": {"folder": str(folder), **table}}, environment={}).reports
    assert made is not None
    return made


async def reload(api: Api, folder: Path, **table: Any) -> None:
    new: Settings = msgspec.structs.replace(api.graph.settings, reports=reports(folder, **table))
    await api.graph.reload(new)


async def states(api: Api, id: str) -> list[str]:
    (done,) = (await look(api, id))["runs"]
    return [one["state"] for one in done["deliveries"]]


def test_mail_and_webhooks_go_where_the_new_settings_allow_and_nowhere_else(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        with mailbox() as (box, mail), hook() as (receiver, address, webhooks):
            targets = [{"mail": {"to": "a@example.com"}}, {"webhook": {"url": address}}]
            async with product("portsip", count=5, reports={"folder": str(tmp_path)}) as api:
                refused = await create(api, deliver=targets)
                assert [e["code"] for e in refused["userErrors"]] == ["UNSUPPORTED"] * 2

                public = "https://calls.example.com"
                await reload(api, tmp_path, mail=mail, webhooks=webhooks, public_url=public)
                about = await api.good("{ gatewayReports { deliveries } }")
                assert about["gatewayReports"]["deliveries"] == ["MAIL", "WEBHOOK"]
                id = await created(api, deliver=targets)
                await step(api)
                assert await states(api, id) == ["DONE", "DONE"]
                assert public in box.mails[0].get_content()
                assert receiver.taken[0]["file"]["url"].startswith(public)

                # What waits to be sent again is looked at with the settings of that time.
                box.refusals, receiver.statuses = ["451 later"], [503]
                id = await created(api, deliver=targets)
                await step(api)
                assert await states(api, id) == ["WAITING", "WAITING"]
                await reload(
                    api, tmp_path, mail={**mail, "domains": ["example.org"]},
                    webhooks={**webhooks, "hosts": ["hooks.example.com"]},
                )  # fmt: skip
                api.clock.advance(61)
                await step(api)
                assert await states(api, id) == ["FAILED", "FAILED"]
                assert (len(box.mails), len(receiver.taken)) == (1, 1)

    run(work)


def test_retention_and_the_most_reports_are_those_of_the_new_settings(tmp_path: Path) -> None:
    async def work() -> None:
        async with product("portsip", count=5, reports={"folder": str(tmp_path)}) as api:
            id = await created(api)
            await step(api)
            api.clock.advance(5 * 86_400)
            await step(api)
            assert (await look(api, id))["runs"][0]["file"] is not None
            await reload(api, tmp_path, retention_days=3, max_reports=1)
            await step(api)
            assert (await look(api, id))["runs"][0]["file"] is None
            refused = await create(api)
            assert [e["code"] for e in refused["userErrors"]] == ["TOO_MANY"]

    run(work)
    assert list((tmp_path / "files").iterdir()) == []


def test_a_run_under_way_ends_with_the_sources_it_began_with(tmp_path: Path) -> None:
    async def work() -> None:
        async with product(
            "portsip", "yeastar", count=30, reports={"folder": str(tmp_path)}, clock=Steps()
        ) as api:
            assert isinstance(api.clock, Steps)
            assert api.graph.reports is not None
            api.worlds["yeastar"].fault("late", path="/cdr/", seconds=2000, times=1)
            id = await created(api)
            scheduler = api.graph.reports.scheduler
            await scheduler._turn()
            await until(lambda: api.requests("yeastar", "/cdr/"))
            twin = api.worlds["yeastar"]

            def signed_out() -> bool:
                return any("del_token" in request.path for request in twin.received)

            await api.graph.reload(without(api.graph.settings, "yeastar"))
            assert list(api.graph.sources.live) == ["portsip"]
            await api.clock.passes(1900)  # longer than any other question may take
            assert scheduler.under_way
            assert not signed_out()
            await api.clock.passes(200)
            await asyncio.wait(scheduler.under_way, timeout=60)
            (done,) = (await look(api, id))["runs"]
            assert (done["state"], done["complete"]) == ("DONE", True)
            assert {o["source"]["id"] for o in done["outcomes"]} == {"portsip", "yeastar"}
            await until(signed_out)

    run(work)
