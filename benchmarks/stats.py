"""Statistics over many records: whether they are right, how fast they come, what memory they take.

    python -m benchmarks.stats --records 1000000

Starts the five twins in a process of their own, each with a fifth of the records, and asks for the
usual figures in this one, over HTTP on loopback. Prints records per second, requests to each
source, and how far memory rose above that of the idle server; compares the counts with the truth.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from graph import config
from graph.observe import write_logs
from graph.server.app import Graph
from graph.server.run import bind, serve_all
from graph.server.twins import Twin
from graph.sources import company, simulator, vendor_names
from graph.sources.twin import World

QUERY = """
query($filter: CallFilter!) {
  stats(filter: $filter, groupBy: [SOURCE, HOUR_OF_DAY], timeZone: "Europe/Berlin") {
    complete offered answered abandoned talkSeconds legsFolded
    answerSeizureRatio { value } serviceLevel { value } averageCallDuration { value }
    traffic { value } peakConcurrency { value since } busyHour { value since }
    topCallers(first: 3) { distinct entries { calls } }
    outcomes { source { id } state message records requests elapsedMs }
    groups { keys { value } offered answered talkSeconds }
  }
}
"""


def resident_mb() -> float:
    """The memory this process holds now"""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


async def highest(task: asyncio.Task[Any]) -> float:
    """The most memory this process held while the task went on, looked at 20 times a second"""
    most = 0.0
    while not task.done():
        most = max(most, resident_mb())
        await asyncio.wait({task}, timeout=0.05)
    return max(most, resident_mb())


def serve(records: int, until: datetime) -> None:
    """Runs the twins; prints as a line of JSON how they are reached, and what they have to tell.

    The truth is counted here, so that it takes no memory of the process that is measured.
    """
    twins: list[Twin] = []
    expected: dict[str, list[int]] = {}
    for seed, name in enumerate(vendor_names()):
        calls = company.calls(seed=seed, count=records, until=until)
        expected[name] = truth(name, calls)
        made = simulator(name)
        # The one that has a limit of its own would be what is measured.
        switches = {"requests_per_minute": 0} if name == "voicenter" else {}
        twin = made.simulate(World(calls), made.Switches(**switches))
        twins.append(Twin(name, twin, bind("127.0.0.1", 0)))
    told = {"sources": [twin.entry for twin in twins], "expected": expected}
    print(msgspec.json.encode(told).decode(), flush=True)
    asyncio.run(serve_all([(twin.app, twin.listener) for twin in twins]))


def truth(vendor: str, calls: Sequence[company.Call]) -> list[int]:
    """Calls, answered calls, and seconds of talk (0 if not compared), as this vendor tells them"""
    told = [c for c in calls if vendor != "vcclive" or c.direction != "internal"]
    # A mailbox that picks up is told like a person there.
    answered = ("answered", "voicemail") if vendor == "voipnow" else ("answered",)
    talk = sum(call.talk_seconds for call in told) if vendor in ("portsip", "yeastar") else 0
    return [len(told), sum(call.outcome in answered for call in told), talk]


def counted(stats: dict[str, Any], vendor: str) -> list[int]:
    """The same out of the answer, added up over the groups of this source"""
    groups = [group for group in stats["groups"] if group["keys"][0]["value"] == vendor]
    talk = vendor in ("portsip", "yeastar")
    return [
        sum(group["offered"] for group in groups),
        sum(group["answered"] for group in groups),
        sum(group["talkSeconds"] or 0 for group in groups) if talk else 0,
    ]


def start_twins(records: int, until: datetime) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    """The twins in a process of their own, and what `serve` told"""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.stats", "--records", str(records),
         "--serve", until.isoformat()], stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit("the twins did not start")
    return process, msgspec.json.decode(line)


def settings(sources: Any, minutes: int) -> config.Settings:
    """As usual, but at a pace that measures the code and not the vendors' limits"""
    fast = {"requests_per_second": 10_000, "timeout_ms": 120_000, "max_response_mb": 256}
    return config.settings(
        {
            "server": {"stats_deadline_ms": minutes * 60_000, "secret": "of a benchmark"},
            "sources": [{**source, **fast} for source in sources],
        },
        environment={},
    )


async def measure(
    made: config.Settings, variables: dict[str, Any], expected: dict[str, Any]
) -> None:
    graph = Graph(made)
    try:
        await graph.ask("{ sources { id } }")
        gc.collect()
        idle = resident_mb()
        began, cpu = time.perf_counter(), time.process_time()
        task = asyncio.create_task(graph.ask(QUERY, variables))
        most = await highest(task)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        answer = task.result()
    finally:
        await graph.close()
    if answer.get("errors"):
        raise SystemExit(str(answer["errors"]))
    stats = answer["data"]["stats"]
    for outcome in stats["outcomes"]:
        print(
            f"{outcome['source']['id']:<10} {outcome['state']:<8} {outcome['records']:>9,} calls "
            f"{outcome['requests']:>7,} requests {outcome['elapsedMs'] / 1000:8.1f} s "
            f"{outcome['message'] or ''}"
        )
    requests = sum(outcome["requests"] for outcome in stats["outcomes"])
    print(f"calls      {stats['offered']:,} ({stats['legsFolded']:,} legs folded)")
    print(
        f"time       {took:.1f} s, {stats['offered'] / took:,.0f} calls per second; of this "
        f"process {cpu:.1f} s, {stats['offered'] / cpu:,.0f} calls per second"
    )
    print(f"requests   {requests:,}")
    print(f"memory     {idle:.0f} MB idle, {most:.0f} MB at most: {most - idle:+.0f} MB")
    print(
        f"figures    ASR {stats['answerSeizureRatio']['value']:.4f}, peak "
        f"{stats['peakConcurrency']['value']:.0f}, busy hour {stats['busyHour']['value']:.1f} E"
    )
    wrong = [vendor for vendor, told in expected.items() if counted(stats, vendor) != told]
    right = not wrong and stats["complete"]
    right = right and stats["offered"] == sum(told[0] for told in expected.values())
    print(f"truth      {'equal for every source' if right else f'DIFFERENT: {wrong}'}")
    if not right:
        raise SystemExit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, default=1_000_000, help="of all twins together")
    parser.add_argument("--minutes", type=int, default=60, help="the deadline (default 60)")
    parser.add_argument("--serve", metavar="UNTIL", help=argparse.SUPPRESS)
    given = parser.parse_args()
    write_logs("ERROR")
    if given.serve is not None:
        serve(given.records, datetime.fromisoformat(given.serve))
        return
    until = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
    each = given.records // len(vendor_names())
    process, told = start_twins(each, until)
    try:
        window = {"since": until - timedelta(days=31), "until": until}
        filter = {name: moment.isoformat() for name, moment in window.items()}
        made = settings(told["sources"], given.minutes)
        asyncio.run(measure(made, {"filter": filter}, told["expected"]))
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
