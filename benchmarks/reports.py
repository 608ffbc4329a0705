"""A report of many calls: whether it is whole, how fast it comes, what memory it takes.

    python -m benchmarks.reports --records 1000000 --format CSV

Starts the five twins in a process of their own, each with a fifth of the records, and lets this one
make one report of type NORMAL over all of them. Prints its progress as the API tells it, calls per
second, how far memory rose above that of the idle server; compares the rows with the truth.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.stats import highest, resident_mb, settings, start_twins
from graph import config
from graph.observe import write_logs
from graph.server.app import Graph
from graph.sources import vendor_names

CREATE = """
mutation ($input: CreateCallReportInput!) {
  createCallReport(input: $input) { outcome userErrors { field message } callReport { id } }
}
"""
LOOK = """
query ($id: ID!) {
  callReport(id: $id) {
    runs { state reason entriesRead shareDone complete file { fileName fileSizeBytes } }
  }
}
"""


async def follow(graph: Graph, id: str) -> dict[str, Any]:
    """The run once it has ended; prints how far it is every few seconds"""
    told = 0.0
    while True:
        answer = await graph.ask(LOOK, {"id": id})
        (run,) = answer["data"]["callReport"]["runs"]
        if run["state"] not in ("WAITING", "RUNNING"):
            made: dict[str, Any] = run
            return made
        if run["shareDone"] - told >= 0.05:
            told = run["shareDone"]
            print(f"progress   {told:5.0%}  {run['entriesRead']:>9,} entries", flush=True)
        await asyncio.sleep(1)


async def measure(made: config.Settings, given: dict[str, Any], expected: int) -> None:
    graph = Graph(made)
    assert graph.reports is not None
    try:
        await graph.ask("{ gatewayReports { available } }")
        gc.collect()
        idle = resident_mb()
        began, cpu = time.perf_counter(), time.process_time()
        created = (await graph.ask(CREATE, {"input": given}))["data"]["createCallReport"]
        if created["outcome"] != "DONE":
            raise SystemExit(str(created["userErrors"]))
        graph.reports.scheduler.start()
        following = asyncio.create_task(follow(graph, created["callReport"]["id"]))
        most = await highest(following)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        run = following.result()
    finally:
        await graph.close()
    print(f"run        {run['state']} {run['reason'] or ''}")
    print(f"calls      {run['entriesRead']:,}, complete: {run['complete']}")
    print(
        f"time       {took:.1f} s, {run['entriesRead'] / took:,.0f} calls per second; of this "
        f"process {cpu:.1f} s, {run['entriesRead'] / cpu:,.0f} calls per second"
    )
    print(f"memory     {idle:.0f} MB idle, {most:.0f} MB at most: {most - idle:+.0f} MB")
    if run["file"] is not None:
        print(f"file       {run['file']['fileName']}, {run['file']['fileSizeBytes']:,} bytes")
    right = run["complete"] and run["entriesRead"] == expected
    print(f"truth      {'every call is there' if right else f'DIFFERENT: {expected:,} calls'}")
    if not right:
        raise SystemExit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, default=1_000_000, help="of all twins together")
    parser.add_argument("--format", default="CSV", choices=("CSV", "HTML", "JSON_LINES"))
    given = parser.parse_args()
    write_logs("ERROR")
    until = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
    process, told = start_twins(given.records // len(vendor_names()), until)
    try:
        window = {"since": until - timedelta(days=31), "until": until}
        report = {
            "engine": "GATEWAY", "name": "All calls", "type": "NORMAL", "format": given.format,
            "filter": {"normal": {}},
            "range": {"window": {name: at.isoformat() for name, at in window.items()}},
        }  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            own = config.ReportSettings(folder=str(Path(folder)))
            made = msgspec.structs.replace(settings(told["sources"], 60), reports=own)
            expected = sum(count for count, *_ in told["expected"].values())
            asyncio.run(measure(made, report, expected))
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
