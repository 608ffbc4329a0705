"""Old files go, by age and by size: from the disk, from the lists, and from behind their links."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from graph.config import Settings
from graph.server.app import create_app
from tests.engine.asking import created, look, step
from tests.engine.databases import BOTH, database
from tests.engine.receivers import hook
from tests.support import Api, product, run

DAY_SECONDS = 86_400
LISTED = "{ completedCallReports { nodes { name } } }"
ONE = "query ($id: ID!) { completedCallReport(id: $id) { id } node(id: $id) { id } }"


async def listed(api: Api) -> list[str]:
    nodes = (await api.good(LISTED))["completedCallReports"]["nodes"]
    return sorted(node["name"] for node in nodes)


async def file_of(api: Api, id: str) -> Any:
    return (await look(api, id))["runs"][0]["file"]


async def status(api: Api, url: str) -> int:
    """what the link of a file answers"""
    carried = httpx.ASGITransport(app=create_app(api.graph))
    async with httpx.AsyncClient(transport=carried, base_url="http://api") as http:
        return (await http.get(url)).status_code


@pytest.mark.parametrize("kind", BOTH)
def test_a_file_goes_when_it_is_too_old_and_its_run_still_tells_what_it_was(
    kind: str, tmp_path: Path
) -> None:
    async def work(url: str) -> None:
        with hook() as (receiver, address, webhooks):
            reports = {
                "folder": str(tmp_path), "database": url, "retention_days": 3, "webhooks": webhooks,
            }  # fmt: skip
            async with product("portsip", count=20, reports=reports) as api:
                # Nobody takes the message, so it still waits when the file goes.
                receiver.statuses = [503] * 10
                old = await created(api, name="old", deliver=[{"webhook": {"url": address}}])
                await step(api)
                api.clock.advance(2 * DAY_SECONDS)
                young = await created(api, name="young")
                await step(api)
                file = await file_of(api, old)
                assert await listed(api) == ["old", "young"]
                assert await status(api, file["fileUrl"]) == 200

                receiver.statuses = [503] * 10
                api.clock.advance(DAY_SECONDS + 1)
                await step(api)
                assert await listed(api) == ["young"]
                assert await status(api, file["fileUrl"]) == 404
                assert await api.good(ONE, id=file["id"]) == {
                    "completedCallReport": None,
                    "node": None,
                }
                (told,) = (await look(api, old))["runs"]
                assert (told["state"], told["file"], told["complete"]) == ("DONE", None, True)
                assert told["entriesRead"] > 0
                (sent,) = told["deliveries"]
                assert sent["state"] == "FAILED"
                assert "cleared away" in sent["reason"]
                assert await file_of(api, young) is not None

    with database(kind, tmp_path) as url:
        run(lambda: work(url))
    assert len(list((tmp_path / "files").iterdir())) == 1


def test_the_oldest_files_go_where_all_together_are_too_large(tmp_path: Path) -> None:
    async def work() -> None:
        reports = {"folder": str(tmp_path), "retention_mb": 1}
        async with product("portsip", count=1000, days=6, reports=reports) as api:
            ids = []
            for name in ("first", "second", "third"):
                ids.append(await created(api, name=name, format="JSON_LINES"))
                await step(api)
                api.clock.advance(60)
            sizes = [path.stat().st_size for path in (tmp_path / "files").iterdir()]
            assert 500_000 < sum(sizes) <= 1_000_000
            assert await listed(api) == ["second", "third"][-len(sizes) :]
            assert await file_of(api, ids[0]) is None
            assert await file_of(api, ids[2]) is not None

    run(work)


@pytest.mark.parametrize("kind", BOTH)
def test_runs_are_forgotten_when_they_and_their_files_are_old(kind: str, tmp_path: Path) -> None:
    async def work(url: str) -> None:
        with hook() as (_, address, webhooks):
            reports = {
                "folder": str(tmp_path), "database": url, "webhooks": webhooks,
                "retention_days": 2, "history_days": 4,
            }  # fmt: skip
            async with product("portsip", count=20, reports=reports) as api:
                id = await created(
                    api, cronExpression="0 7 * * *", deliver=[{"webhook": {"url": address}}]
                )
                for _ in range(9):
                    api.clock.advance(DAY_SECONDS)
                    assert await step(api) == 1
                runs = (await look(api, id))["runs"]
                assert len(runs) == 5
                assert {one["deliveries"][0]["state"] for one in runs} == {"DONE"}
                assert [one["file"] is not None for one in runs] == [True] * 3 + [False] * 2
                # What has a file is never forgotten before it.
                await api.graph.reload(_with(api, retention_days=50, history_days=1))
                api.clock.advance(10 * DAY_SECONDS)
                await step(api)
                kept = (await look(api, id))["runs"]
                assert [one["file"] is not None for one in kept] == [True] * 4

    with database(kind, tmp_path) as url:
        run(lambda: work(url))


def _with(api: Api, **changes: Any) -> Settings:
    before = api.graph.settings.reports
    assert before is not None
    reports = msgspec.structs.replace(before, **changes)
    return msgspec.structs.replace(api.graph.settings, reports=reports)


def test_a_scheduled_report_goes_on_when_its_files_have_gone(tmp_path: Path) -> None:
    async def work() -> None:
        reports = {"folder": str(tmp_path), "retention_days": 2}
        async with product("portsip", count=20, reports=reports) as api:
            id = await created(api, cronExpression="0 7 * * *")
            for _ in range(6):
                api.clock.advance(DAY_SECONDS)
                assert await step(api) == 1
            runs = (await look(api, id))["runs"]
            assert [one["state"] for one in runs] == ["DONE"] * 6
            assert [one["file"] is not None for one in runs] == [True] * 3 + [False] * 3

    run(work)
