"""Being stopped while people ask, and a clock that is wrong: what was seen."""

from __future__ import annotations

import asyncio
import signal
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from graph.observe import Timer
from tests.server.test_cli import running, serving, sources, write
from tests.support import Clock, product, run

SLOW = '[[faults]]\nvendor = "portsip"\nkind = "late"\npath = "/cdrs"\nseconds = {}\ntimes = 0\n'
LIST = "{ callRecords(first: 3) { complete nodes { id } outcomes { state } } }"


@pytest.mark.parametrize(
    ("late_seconds", "shutdown_ms", "answered"), [(1.5, 10_000, True), (4.0, 500, False)]
)
def test_kill_term_lets_requests_end_until_its_deadline_cuts_them(
    tmp_path: Path, late_seconds: float, shutdown_ms: int, answered: bool
) -> None:
    (tmp_path / "faults.toml").write_text(SLOW.format(late_seconds))
    simulate = ("simulate", "--vendor", "portsip", "--records", "50", "--faults")
    with running(*simulate, tmp_path / "faults.toml") as twins:
        text = twins.said("out", r"(?s)\[\[sources\]\].*\n\n")[0]
        head = f"[server]\nshutdown_ms = {shutdown_ms}\n"
        path = write(tmp_path / "graph.toml", sources(text), head)
        with serving("--config", path) as (server, address):

            async def work() -> httpx.Response:
                async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
                    asking = asyncio.create_task(http.post(address, json={"query": LIST}))
                    counting = address.removesuffix("graphql") + "metrics"
                    under_way = 'cdr_graph_upstream_in_flight{source="portsip"} 1.0'
                    async with asyncio.timeout(60):
                        while under_way not in (await http.get(counting)).text:
                            pass
                    server.process.send_signal(signal.SIGTERM)
                    return await asking

            came = asyncio.run(work())
            server.process.wait(60)
            done = server.stop()
            assert done.code == 0
            assert "Traceback" not in done.told
            if answered:
                assert came.json()["data"]["callRecords"]["complete"] is True
            else:
                assert (came.status_code, came.headers["retry-after"]) == (503, "1")
                [error] = came.json()["errors"]
                assert error["extensions"]["code"] == "UNAVAILABLE"


class Skewed(Clock):
    """A machine whose wall clock is put wrong while it runs; what counts seconds goes on.

    The phone systems' clocks stay right.
    """

    def __init__(self) -> None:
        super().__init__()
        self.skew = timedelta()

    @property
    def timer(self) -> Timer:
        return Timer(self._wrong, self.monotonic, self.sleep)

    def _wrong(self) -> datetime:
        return self.moment + self.skew


@pytest.mark.parametrize("hours", [-48, -1, 1, 48])
def test_a_wall_clock_that_is_put_wrong_neither_hangs_nor_refills_anything(hours: int) -> None:
    async def work() -> None:
        clock = Skewed()
        query = "query($a: String) { callRecords(first: 5, after: $a) { nodes { nativeId } "
        query += "pageInfo { endCursor } outcomes { state requests } } }"
        server: dict[str, Any] = {"requests_per_minute": 4}
        async with product("portsip", count=40, clock=clock, server=server) as api:
            whole = await api.good("{ callRecords(first: 10) { nodes { nativeId } } }")
            first = (await api.good(query))["callRecords"]
            clock.skew = timedelta(hours=hours)
            # Page 2 speaks of the window that page 1 spoke of, whatever the clock says now.
            after = first["pageInfo"]["endCursor"]
            second = (await api.good(query, a=after))["callRecords"]
            assert second["outcomes"][0]["state"] == "OK"
            seen = first["nodes"] + second["nodes"]
            assert seen == whole["callRecords"]["nodes"]
            await api.good(query)
            [error] = (await api.ask(query)).errors
            assert error["extensions"]["code"] == "RATE_LIMITED"

    run(work)
