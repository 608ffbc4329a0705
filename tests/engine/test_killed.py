"""Server processes are killed (SIGKILL) at random moments while reports are due.

`CDR_GRAPH_KILLS=200` makes it a soak: so many processes are killed, each as a report falls due.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest

from graph.config import settings
from graph.server.app import Graph
from graph.sources import company, simulator
from graph.sources.twin import World
from tests.clients.serving import serve
from tests.engine.asking import CREATE, look, ours
from tests.engine.databases import BOTH, database
from tests.engine.receivers import hook, mailbox
from tests.support import Api, Clock

KILLS = int(os.environ.get("CDR_GRAPH_KILLS", "4"))
PROCESSES = 3
CALLS = 400


class Fleet:
    """Three processes on one database; whoever is killed is started again."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self._command = [sys.executable, "-m", "tests.engine.process", json.dumps(tree)]
        self._serving: list[str] = []

    def __enter__(self) -> Self:
        self._mother = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=os.environ, text=True,
        )  # fmt: skip
        self._serving = [self._told("start") for _ in range(PROCESSES)]
        return self

    def _told(self, command: str) -> str:
        """The id of the process that was started or killed"""
        assert self._mother.stdin is not None
        assert self._mother.stdout is not None
        self._mother.stdin.write(f"{command}\n")
        self._mother.stdin.flush()
        id = self._mother.stdout.readline().strip()
        assert id, f"{command}: the processes are gone"
        return id

    def kill_one(self, chance: random.Random) -> None:
        # They live by the real clock, so it is waited for by that.
        time.sleep(chance.uniform(0.0, 0.8))
        place = chance.randrange(PROCESSES)
        self._told(f"kill {self._serving[place]}")
        self._serving[place] = self._told("start")

    def __exit__(self, *_: object) -> None:
        self._mother.communicate(timeout=30)


@pytest.mark.parametrize("kind", BOTH)
def test_every_due_run_ends_with_one_whole_file_or_aborted_however_many_processes_die(
    kind: str, tmp_path: Path
) -> None:
    clock = Clock()
    calls = company.calls(seed=3, count=CALLS, until=clock.now(), days=5)
    twin = simulator("yeastar")
    chance = random.Random(20)
    with ExitStack() as stack:
        url = stack.enter_context(database(kind, tmp_path))
        # Whoever is killed cannot give its token back, and the twin's clock stands still.
        world, switches = World(calls, clock=clock.now), twin.Switches(slots=10_000)
        address = stack.enter_context(serve(twin.simulate(world, switches)))
        box, mail = stack.enter_context(mailbox())
        receiver, hooked, webhooks = stack.enter_context(hook())
        tree = {
            "sources": [{"id": "yard", "vendor": "yeastar", "base_url": address,
                         **twin.SETTINGS, "requests_per_second": 20,
                         "options": {"page_size": 50}}],
            "reports": {
                "folder": str(tmp_path / "own"), "database": url, "mail": mail,
                "webhooks": webhooks,
            },
        }  # fmt: skip
        api = Api(Graph(settings(tree, environment={})), {}, clock)
        window = {"since": "2026-02-20T00:00:00Z", "until": "2026-03-05T00:00:00Z"}
        deliver = [{"mail": {"to": "boss@example.com"}}, {"webhook": {"url": hooked}}]
        given = ours(range={"window": window}, deliver=deliver)
        ids: list[str] = []
        with Fleet(tree) as fleet:
            for n in range(KILLS):
                ids.append(asyncio.run(_create(api, {**given, "name": f"r{n}"})))
                fleet.kill_one(chance)
            deadline = time.monotonic() + 60 + 3 * KILLS
            while not (reports := asyncio.run(_ended(api, ids))):
                assert time.monotonic() < deadline, "not all runs have ended"
                time.sleep(0.2)
        runs = [report["runs"] for report in reports]
        assert [len(own) for own in runs] == [1] * KILLS
        done = [own[0] for own in runs if own[0]["state"] == "DONE"]
        assert len(done) == KILLS, "none of them had a reason to be given up"
        if KILLS >= 40:
            assert sum(run["attempts"] for run in done) > 1.1 * KILLS, "hit while at work"
        _files_are_whole(tmp_path / "own" / "files", done, len(calls))
        _told_under_one_id(done, [str(one["Message-ID"]) for one in box.mails], receiver.ids)


async def _create(api: Api, given: dict[str, Any]) -> str:
    """The id of one more report, which is due at once"""
    graph = Graph(api.graph.settings)
    try:
        made = (await Api(graph, {}, api.clock).good(CREATE, input=given))["made"]
        id: str = made["callReport"]["id"]
    finally:
        await graph.close()
    return id


async def _ended(api: Api, ids: list[str]) -> list[Any]:
    """The reports once all their runs and deliveries have ended; none before that"""
    graph = Graph(api.graph.settings)
    try:
        reports = [await look(Api(graph, {}, api.clock), id) for id in ids]
    finally:
        await graph.close()
    for report in reports:
        for run in report["runs"]:
            states = {run["state"], *(one["state"] for one in run["deliveries"])}
            if states & {"WAITING", "RUNNING"}:
                return []
    return reports


def _files_are_whole(folder: Path, done: list[Any], calls: int) -> None:
    finished = [path for path in folder.iterdir() if path.suffix != ".part"]
    assert len(finished) == len(done)
    for path in finished:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == calls
        assert {row["report_complete"] for row in rows} == {"true"}
    sizes = Counter(path.stat().st_size for path in finished)
    assert sizes == Counter(run["file"]["fileSizeBytes"] for run in done)


def _told_under_one_id(done: list[Any], mails: list[str], posts: list[str]) -> None:
    wanted = [{one["id"] for one in run["deliveries"]} for run in done]
    every = set().union(*wanted)
    heard = {one.strip("<>").rpartition("@")[0] for one in mails} | set(posts)
    assert heard == every, "each delivery is heard of, and nothing else is"
    # A second message of one delivery can only be of a process that was killed in between.
    assert len(mails) + len(posts) <= len(every) + KILLS
