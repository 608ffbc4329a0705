"""The twin's reports: what it accepts, how runs go, what it says of what it does not know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from graph.sources import company
from graph.sources.portsip.simulator import Switches, simulate
from graph.sources.twin import World

NOW = datetime(2026, 8, 20, 6, 0, 0, tzinfo=UTC)
GOOD = {
    "name": "Weekly", "type": "NORMAL", "email": "boss@example.com", "format": "CSV",
    "range": "LAST_SEVEN_DAYS", "filter": {"from": "ANY", "to": "ANY"},
}  # fmt: skip


class Pbx:
    def __init__(self, http: httpx.AsyncClient, account: str) -> None:
        self.http = http
        self.account = account
        self.now = NOW
        self.headers: dict[str, str] = {}

    async def sign_in(self) -> None:
        account = next(a for a in Switches().accounts if a.username == self.account)
        body = {"username": account.username, "password": account.password}
        answer = await self.http.post("/api/auth/sign_in", json=body | {"domain": account.domain})
        self.headers = {"authorization": "Bearer " + answer.json()["access_token"]}

    async def get(self, path: str, **params: str) -> httpx.Response:
        return await self.http.get(f"/api{path}", params=params, headers=self.headers)

    async def post(self, path: str, body: Any = None) -> httpx.Response:
        return await self.http.post(f"/api{path}", json=body, headers=self.headers)

    async def create(self, **changes: Any) -> str:
        answer = await self.post("/call_reports", GOOD | changes)
        assert answer.status_code == 201, answer.text
        id: str = answer.json()["id"]
        return id


def play(story: Callable[[Pbx], Awaitable[None]], account: str = "api", **switches: Any) -> None:
    async def stage() -> None:
        calls = company.calls(seed=7, count=200, until=NOW, days=20)
        world = World(calls, clock=lambda: pbx.now)
        carried = httpx.ASGITransport(app=simulate(world, Switches(**switches)))
        async with httpx.AsyncClient(transport=carried, base_url="https://pbx.test") as http:
            pbx = Pbx(http, account)
            await pbx.sign_in()
            await story(pbx)

    asyncio.run(stage())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"type": "COFFEE"}, "type"),
        ({"email": "x" * 129 + "@example.com"}, "email"),
        ({"format": "PDF"}, "format"),
        ({"range": "EVER"}, "range"),
        ({"started_at": "yesterday"}, "started_at"),
        ({"cron_expr": "often"}, "cron_expr"),
        ({"filter": []}, "filter"),
        ({"filter": {"ring_groups": ["1"]}}, "filter.ring_groups"),
        ({"filter": {"from": "NOBODY"}}, "filter.from"),
        ({"type": "QUEUE_CALLBACKS", "filter": {"call_queues": ["64"]}}, "filter.call_queues"),
        ({"status": "RUNNING"}, "status"),
    ],
)
def test_a_wrong_body_is_refused_with_its_field(changes: dict[str, Any], field: str) -> None:
    async def story(pbx: Pbx) -> None:
        answer = await pbx.post("/call_reports", GOOD | changes)
        assert answer.status_code == 400
        (error,) = answer.json()["errors"]
        assert error["code"] == "VALIDATE_FAILED"
        assert error["detail"]["field"] == field
        assert (await pbx.get("/call_reports")).json()["count"] == 0

    play(story)


@pytest.mark.parametrize("lacking", GOOD)
def test_what_is_required_must_be_there(lacking: str) -> None:
    async def story(pbx: Pbx) -> None:
        body = {key: value for key, value in GOOD.items() if key != lacking}
        answer = await pbx.post("/call_reports", body)
        assert answer.json()["errors"][0]["detail"]["field"] == lacking

    play(story)


def test_the_type_cannot_change_and_all_else_can() -> None:
    async def story(pbx: Pbx) -> None:
        id = await pbx.create()
        answer = await pbx.post(f"/call_reports/{id}", {"type": "NORMAL"})
        assert answer.json()["errors"][0]["detail"]["field"] == "type"
        answer = await pbx.post(f"/call_reports/{id}", {"name": "Monthly", "format": "HTML"})
        assert (answer.status_code, answer.content) == (200, b"")
        told = (await pbx.get(f"/call_reports/{id}")).json()
        assert told == {**GOOD, "id": id, "name": "Monthly", "format": "HTML", "status": "RUNNING"}

    play(story)


def test_a_run_takes_its_time_and_then_a_file_is_there() -> None:
    async def story(pbx: Pbx) -> None:
        id = await pbx.create()
        pbx.now += timedelta(seconds=4)
        assert (await pbx.get("/completed_call_reports")).json() == {"count": 0, "items": []}
        pbx.now += timedelta(seconds=1)
        told = (await pbx.get("/completed_call_reports")).json()
        (item,) = told["items"]
        assert item["completed_at"] == "2026-08-20T06:00:05Z"
        blob = await pbx.http.get(item["file_url"])  # no token is needed
        assert blob.headers["content-type"] == "application/octet-stream"
        assert len(blob.content) == item["file_size"]
        assert (await pbx.get(f"/call_reports/{id}")).json()["status"] == "SCHEDULED"
        summary = (await pbx.get("/call_reports")).json()["items"][0]
        assert set(summary) == {"id", "name", "type", "cron_expr", "status"}

    play(story)


def test_a_schedule_runs_in_the_tenants_zone_until_it_is_destroyed() -> None:
    async def story(pbx: Pbx) -> None:
        id = await pbx.create(cron_expr="0 9 * * *")
        pbx.now += timedelta(days=3)
        await pbx.sign_in()
        items = (await pbx.get("/completed_call_reports")).json()["items"]
        assert [item["completed_at"][11:] for item in items] == ["07:00:05Z"] * 3
        assert (await pbx.post(f"/call_reports/{id}/destroy")).status_code == 204
        pbx.now += timedelta(days=3)
        await pbx.sign_in()
        assert (await pbx.get("/completed_call_reports")).json()["count"] == 3

    play(story, report_zone="Europe/Berlin")


def test_unknown_ids_are_refused() -> None:
    async def story(pbx: Pbx) -> None:
        for kind in ("call_reports", "completed_call_reports"):
            assert (await pbx.get(f"/{kind}/none")).status_code == 404
            assert (await pbx.post(f"/{kind}/none/destroy")).status_code == 400
        assert (await pbx.post("/call_reports/none", {"name": "x"})).status_code == 404
        assert (await pbx.get("/blobs/none")).status_code == 404

    play(story)


def test_who_may_only_read_cannot_write() -> None:
    async def story(pbx: Pbx) -> None:
        assert (await pbx.get("/call_reports")).status_code == 403
        assert (await pbx.post("/call_reports", GOOD)).status_code == 403

    play(story, account="hale")
