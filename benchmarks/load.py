"""200 callers at once while one phone system hangs and another wants to be left in peace.

    python -m benchmarks.load --minutes 5

First everybody is asked while all are well, then the same with the two faults. Callers ask all
sources, or only healthy ones: the latter's times must not suffer. Then the server is told to stop
while all of them still ask. Exit code 1 if anything of that is not as it should be.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter

import httpx

from benchmarks.running import Process, gauges, grew, served

_FAULTS = """
[[faults]]
vendor = "vcclive"
kind = "hang"
times = 0
skip = {skip}
[[faults]]
vendor = "yeastar"
kind = "status"
status = 429
retry_after = 5
times = 0
skip = {skip}
"""
_HEALTHY = ["portsip", "voipnow", "voicenter"]
_HEAD = """
[server]
deadline_ms = 3000
"""


def query(healthy: bool, first: int) -> str:
    sources = "[" + ", ".join(f'"{name}"' for name in _HEALTHY) + "]"
    filter = f", filter: {{sources: {sources}}}" if healthy else ""
    return (
        f"{{ callRecords(first: {first}{filter}) {{ complete nodes {{ id startedAt caller "
        "{ number } talkSeconds } outcomes { source { id } state } } }"
    )


class Load:
    """The callers, and what they saw"""

    def __init__(self, base: str, callers: int, pause_seconds: float) -> None:
        self._base = base
        self._pause_seconds = pause_seconds
        self._callers = callers
        self.seconds: dict[bool, list[float]] = {True: [], False: []}
        self.outcomes: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.stopping = False

    async def run(self, seconds: float, server: Process) -> list[float]:
        """Asks for so long; gives the server's memory, looked at every second"""
        memory: list[float] = []
        end = time.monotonic() + seconds
        limits = httpx.Limits(max_connections=self._callers)
        async with httpx.AsyncClient(timeout=30, limits=limits, trust_env=False) as http:
            tasks = [asyncio.create_task(self._caller(http, end, n)) for n in range(self._callers)]
            while time.monotonic() < end and server.alive:
                memory.append(server.resident_mb)
                await asyncio.sleep(1)
            await asyncio.gather(*tasks)
        return memory

    async def _caller(self, http: httpx.AsyncClient, end: float, n: int) -> None:
        chance = random.Random(n)
        healthy = n % 2 == 0
        while time.monotonic() < end and not self.stopping:
            await asyncio.sleep(chance.random() * 2 * self._pause_seconds)
            began = time.monotonic()
            text = query(healthy, chance.choice([5, 20]))
            try:
                answer = await http.post(f"{self._base}/graphql", json={"query": text})
            except httpx.HTTPError as error:
                if not self.stopping:
                    self.wrong[type(error).__name__] += 1
                continue
            took = time.monotonic() - began
            self.seconds[healthy].append(took)
            if answer.status_code != 200:
                self.wrong[f"status {answer.status_code}"] += 1
                continue
            page = answer.json()["data"]["callRecords"]
            for outcome in page["outcomes"] if page else ():
                self.outcomes[f"{outcome['source']['id']} {outcome['state']}"] += 1


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def measured(
    seconds: float, callers: int, pause_seconds: float, *, ill: bool
) -> tuple[Load, list[str]]:
    """One run over sources that are well, or two of which are not; what was wrong with it"""
    complaints: list[str] = []
    faults = _FAULTS.format(skip=20) if ill else ""
    with served(_HEAD, faults) as (server, base):
        httpx.get(f"{base}/healthz", trust_env=False)
        files = server.open_files
        load = Load(base, callers, pause_seconds)
        memory = asyncio.run(load.run(seconds, server))
        rose = grew(memory)
        if rose:
            complaints.append(rose)
        complaints += [f"{what}: {times} times" for what, times in load.wrong.items()]
        time.sleep(6)  # the longest that anything may still be under way
        left = {name: value for name, value in gauges(base).items() if "breaker" not in name}
        complaints += [f"{name} is {value:g} at rest" for name, value in left.items() if value]
        more = server.open_files - files
        if more > 60:  # connections to sources that are kept on purpose, and the last callers'
            complaints.append(f"{more} more files are open at rest")
        print(f"  memory {memory[0]:.0f} MB at first, {max(memory):.0f} at most, {memory[-1]:.0f} "
              f"at last; {more:+d} files at rest")  # fmt: skip
        again = Load(base, callers, pause_seconds)

        async def stop_under_load() -> float:
            asking = asyncio.create_task(again.run(30, server))
            await asyncio.sleep(3)
            again.stopping = True
            took = await asyncio.to_thread(server.stop)
            await asyncio.gather(asking, return_exceptions=True)
            return took

        print(f"  stopped under load within {asyncio.run(stop_under_load()):.1f} s")
        if "Traceback" in "".join(server.told):
            complaints.append("".join(server.told)[-3000:])
    for healthy, name in ((True, "healthy sources"), (False, "all sources")):
        times = load.seconds[healthy]
        print(f"  {name}: {len(times)} answers, median {percentile(times, 0.5) * 1000:.0f} ms, "
              f"95 % within {percentile(times, 0.95) * 1000:.0f} ms")  # fmt: skip
    print("  " + ", ".join(f"{name} {times}" for name, times in sorted(load.outcomes.items())))
    return load, complaints


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--callers", type=int, default=200)
    parser.add_argument("--pause", type=float, default=15, help="seconds between questions of one")
    given = parser.parse_args()
    seconds = given.minutes * 60
    print("all are well")
    well, complaints = measured(seconds / 3, given.callers, given.pause, ill=False)
    print("one hangs, one throttles")
    ill, more = measured(seconds, given.callers, given.pause, ill=True)
    complaints += more
    before, after = (percentile(run.seconds[True], 0.95) for run in (well, ill))
    if after > max(2 * before, before + 0.25):
        complaints.append(f"healthy sources: 95 % within {before:.2f} s, then {after:.2f} s")
    for complaint in complaints:
        print(f"WRONG: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    raise SystemExit(main())
