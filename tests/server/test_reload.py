"""SIGHUP: other settings, and nobody who asks notices."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from graph import config
from graph.config import Settings
from graph.errors import ConfigError
from graph.server.app import create_app
from graph.server.serve import FIXED, Replaceable, changed
from tests.schema.test_subscriptions import Steps
from tests.server.test_cli import folder, free_port, post, running, serving, simulated, write
from tests.server.test_cli import sources as entries
from tests.server.test_live import until
from tests.support import Api, product, run

__all__ = ["folder", "simulated"]

LIST = "{ callRecords(first: 3) { complete nodes { id } outcomes { source { id } state } } }"


def without(settings: Settings, *gone: str, **server: Any) -> Settings:
    """The settings with these sources left out, and these keys of the server's"""
    return msgspec.structs.replace(
        settings,
        sources=tuple(source for source in settings.sources if source.id not in gone),
        server=msgspec.structs.replace(settings.server, **server),
    )


async def asked(api: Api) -> list[str]:
    data = await api.good(LIST)
    return [outcome["source"]["id"] for outcome in data["callRecords"]["outcomes"]]


def test_a_source_that_is_the_same_keeps_its_token_and_budget() -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", count=30, clock=Steps()) as api:
            assert await asked(api) == ["portsip", "yeastar"]
            kept, before = api.graph.sources.live["yeastar"], api.requests("yeastar", "get_token")
            await api.graph.reload(without(api.graph.settings, "portsip"))
            assert await asked(api) == ["yeastar"]
            assert api.graph.sources.live["yeastar"] is kept
            assert api.requests("yeastar", "get_token") == before == 1

    run(work)


def test_a_source_that_changed_is_opened_anew_and_the_old_one_closed_later() -> None:
    async def work() -> None:
        async with product("yeastar", count=30, clock=Steps()) as api:
            await asked(api)
            old = api.graph.sources.live["yeastar"]
            twin = api.worlds["yeastar"]  # the new source will have another one

            def signed_out() -> bool:
                return any("del_token" in request.path for request in twin.received)

            [entry] = api.graph.settings.sources
            slower = msgspec.structs.replace(entry, timeout_ms=4000)
            new = msgspec.structs.replace(api.graph.settings, sources=(slower,))
            await api.graph.reload(new)
            assert await asked(api) == ["yeastar"]
            fresh = api.graph.sources.live["yeastar"]
            assert fresh is not old
            assert fresh.timeout_seconds == 4
            assert isinstance(api.clock, Steps)
            await api.clock.passes(119)  # as long as statistics may take, less a second
            assert not signed_out()
            await api.clock.passes(2)
            await until(signed_out)

    run(work)


def test_a_request_under_way_ends_as_it_began() -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", count=30, clock=Steps()) as api:
            app = Replaceable(create_app(api.graph))
            carrier = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=carrier, base_url="http://here") as http:
                api.worlds["portsip"].fault("late", seconds=2)
                under_way = asyncio.create_task(http.post("/graphql", json={"query": LIST}))
                await until(lambda: api.requests("portsip"))
                await api.graph.reload(without(api.graph.settings, "portsip"))
                app.current = create_app(api.graph)
                later = await http.post("/graphql", json={"query": LIST})
                assert not under_way.done()
                assert isinstance(api.clock, Steps)
                await api.clock.passes(3)
                states = (await under_way).json()["data"]["callRecords"]["outcomes"]
                assert {o["source"]["id"]: o["state"] for o in states} == {
                    "portsip": "OK",
                    "yeastar": "OK",
                }
                [outcome] = later.json()["data"]["callRecords"]["outcomes"]
                assert outcome["source"]["id"] == "yeastar"

    run(work)


def test_limits_and_documents_are_those_of_the_new_settings() -> None:
    async def work() -> None:
        async with product("portsip", count=10) as api:
            deep = "{ callRecords { nodes { caller { number } } } }"
            await api.good(deep)
            limits = msgspec.structs.replace(api.graph.settings.server.limits, depth=3)
            await api.graph.reload(without(api.graph.settings, limits=limits))
            [error] = (await api.ask(deep)).errors
            assert error["extensions"]["limit"] == "depth"

    run(work)


def test_a_subscription_goes_on_unless_the_sources_changed() -> None:
    async def work() -> None:
        query = "subscription { callRecordAdded { kind } }"
        async with product("portsip", "yeastar", count=10, clock=Steps()) as api:
            context = api.graph.context()
            events = await api.graph.schema.subscribe(query, context_value=context)
            async with aclosing(events):
                waiting = asyncio.ensure_future(anext(events))
                await until(lambda: len(api.graph.watches) == 1)
                await api.graph.reload(without(api.graph.settings, max_page_size=5))
                assert len(api.graph.watches) == 1
                assert not waiting.done()
                await api.graph.reload(without(api.graph.settings, "yeastar"))
                with pytest.raises(StopAsyncIteration):
                    await waiting

    run(work)


def test_settings_that_cannot_be_used_change_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with product("portsip", count=10) as api:
            before = api.graph.settings, api.graph.sources, api.graph.documents
            [entry] = api.graph.settings.sources
            wrong = msgspec.structs.replace(entry, vendor="nobody")
            with pytest.raises(ConfigError, match="nobody"):
                await api.graph.reload(msgspec.structs.replace(before[0], sources=(wrong,)))
            missing = str(tmp_path / "none.json")
            with pytest.raises(ConfigError, match="documents_file"):
                await api.graph.reload(without(before[0], documents_file=missing))
            assert (api.graph.settings, api.graph.sources, api.graph.documents) == before
            assert await asked(api) == ["portsip"]

    run(work)


@pytest.mark.parametrize("name", FIXED)
def test_what_cannot_change_while_it_runs_is_named(name: str, tmp_path: Path) -> None:
    values: Mapping[str, str] = {
        "secret": '"other"',
        "trusted_proxies": '["10.0.0.1"]',
        "root_path": '"/calls"',
        "shutdown_ms": "5",
        "metrics_port": "9999",
        "traces": "true",
        "compiled": "false",
        "federation": "true",
        "shared_url": '"redis://127.0.0.1"',
        "shared_timeout_ms": "900",
    }
    file = tmp_path / "graph.toml"
    file.write_text('[server]\nsecret = "one"\n')
    old = config.load(file)
    assert changed(config.read(file), file, old) == old
    own = 'secret = "one"\n' if name != "secret" else ""
    file.write_text(f"[server]\n{own}{name} = {values[name]}\n")
    with pytest.raises(ConfigError, match=rf"server\.{name} cannot change"):
        changed(config.read(file), file, old)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('folder = "a"', 'folder = "b"', r"reports\.folder cannot change"),
        (
            'folder = "a"',
            'folder = "a"\ndatabase = "postgresql://h/n"',
            r"reports\.database",
        ),
        ('folder = "a"', None, "whether it keeps reports cannot change"),
        (None, 'folder = "a"', "whether it keeps reports cannot change"),
    ],
)
def test_where_reports_are_kept_cannot_change_while_it_runs(
    before: str | None, after: str | None, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "graph.toml"

    def write_reports(table: str | None) -> None:
        file.write_text("" if table is None else f"[reports]\n{table}\n")

    write_reports(before)
    old = config.load(file)
    write_reports(after)
    with pytest.raises(ConfigError, match=told):
        changed(config.read(file), file, old)


# ---------------------------------------------------------------- as a command


IDS = "{ sources { id } }"


@asynccontextmanager
async def asking(address: str, failed: list[object]) -> AsyncIterator[None]:
    """Asks again and again meanwhile; what is no answer is a failure"""
    going = True

    async def ask(http: httpx.AsyncClient) -> None:
        while going:
            try:
                answer = await http.post(address, json={"query": LIST})
                if answer.status_code != 200 or answer.json().get("errors"):
                    failed.append(answer.text)
            except httpx.HTTPError as error:
                failed.append(error)

    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        tasks = [asyncio.create_task(ask(http)) for _ in range(4)]
        try:
            yield
        finally:
            going = False
            await asyncio.gather(*tasks)


def ids(address: str) -> list[str]:
    return [source["id"] for source in post(address, IDS)["sources"]]


@pytest.mark.parametrize("workers", [1, 2])
def test_kill_hup_drops_no_request(simulated: str, folder: Path, workers: int) -> None:
    every = entries(simulated)
    path = write(folder / f"hup-{workers}.toml", every)
    with serving("--config", path, "--workers", str(workers)) as (server, address):
        assert len(ids(address)) == len(every)

        async def work() -> None:
            failed: list[object] = []
            async with asking(address, failed):
                write(path, every[:2])
                server.process.send_signal(signal.SIGHUP)
                async with asyncio.timeout(60):
                    # Every process has taken them when nobody tells of more for a while.
                    agreed = 0
                    while agreed < 12:
                        agreed = (
                            agreed + 1 if len(await asyncio.to_thread(ids, address)) == 2 else 0
                        )
                        await asyncio.sleep(0.05)
                path.write_text("[server]\nnothing = 1\n")
                server.process.send_signal(signal.SIGHUP)
                await asyncio.to_thread(server.said, "told", "unknown key 'server.nothing'")
                assert len(ids(address)) == 2
            assert not failed

        asyncio.run(work())
        done = server.stop(signal.SIGTERM)
        assert done.code == 0
        assert "Traceback" not in done.told


def test_metrics_have_a_port_of_their_own_and_workers_add_theirs_up(
    simulated: str, folder: Path
) -> None:
    port = free_port()
    path = write(
        folder / "metrics.toml", entries(simulated)[:1], f"[server]\nmetrics_port = {port}\n"
    )
    for workers in ("1", "2"):
        with serving("--config", path, "--workers", workers) as (_, address):
            for _ in range(12):
                post(address, IDS)
            text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
            counted = {
                tuple(sample.labels.values()): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
                if sample.name == "cdr_graph_operations_total"
            }
            assert counted == {("query", "ok"): 12}


def test_a_server_logs_json_if_it_is_told_to(simulated: str, folder: Path) -> None:
    path = write(folder / "json.toml", entries(simulated)[:1])
    with running("--log", "json", "serve", "--port", "0", "--config", path) as server:
        address = server.said("told", r"serves (http://\S+)")[1]
        post(address, LIST)
        line = msgspec.json.decode(server.said("told", r'\{.*"operation".*\}')[0])
        assert (line["outcome"], line["kind"]) == ("ok", "query")
