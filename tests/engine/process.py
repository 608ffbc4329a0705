"""A server process of reports that may be killed at any moment: `python -m tests.engine.process`.

It takes the settings as one JSON object, and holds leases for a second so that nobody waits long
for what it leaves behind.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import timedelta

from graph.config import settings
from graph.engine import run, scheduler
from graph.engine.kept import deliveries, runs
from graph.server.app import Graph

LEASE = timedelta(seconds=1.5)


async def serve(tree: dict[str, object]) -> None:
    graph = Graph(settings(tree, environment={}))
    assert graph.reports is not None
    graph.reports.scheduler.start()
    sys.stdout.write("serving\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    runs.LEASE = deliveries.LEASE = LEASE
    runs.MOST_ATTEMPTS = 50  # it is killed far more often than any server dies
    run.BEAT_SECONDS = 0.3
    scheduler.TICK_SECONDS = 0.2
    asyncio.run(serve(json.loads(sys.argv[1])))
