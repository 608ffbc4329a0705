"""Server processes of reports that may be killed at any moment: `python -m tests.engine.process`.

This one imports the server once and forks the others, so that each serves at once. It takes the
settings as one JSON object; a line `start` begins a process and is answered by its id, `kill ID`
ends one (SIGKILL). They end with it. Leases are held for seconds, so that nobody waits long
for what a process leaves behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from datetime import timedelta

from graph.config import settings
from graph.engine import run, scheduler
from graph.engine.kept import deliveries, runs
from graph.server.app import Graph

LEASE = timedelta(seconds=4)


async def serve(tree: dict[str, object]) -> None:
    graph = Graph(settings(tree, environment={}))
    assert graph.reports is not None
    graph.reports.scheduler.start()
    await asyncio.Event().wait()


def start(tree: dict[str, object]) -> int:
    """The id of a new process"""
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(serve(tree))
        finally:
            os._exit(1)
    return child


def kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def main(tree: dict[str, object]) -> None:
    children: set[int] = set()
    try:
        for line in sys.stdin:
            word, _, id = line.strip().partition(" ")
            if word == "start":
                child = start(tree)
                children.add(child)
            else:
                child = int(id)
                children.remove(child)
                kill(child)
            sys.stdout.write(f"{child}\n")
            sys.stdout.flush()
    finally:
        for child in children:
            kill(child)


if __name__ == "__main__":
    runs.LEASE = deliveries.LEASE = LEASE
    runs.MOST_ATTEMPTS = 50  # it is killed far more often than any server dies
    run.BEAT_SECONDS = 0.3
    scheduler.TICK_SECONDS = 0.2
    main(json.loads(sys.argv[1]))
