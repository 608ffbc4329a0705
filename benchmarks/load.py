"""200 callers at once while one phone system hangs and another wants to be left in peace.

    python -m benchmarks.load --minutes 5

First everybody is asked while all are well, then the same with the two faults. Half of the callers
ask all sources, half only healthy ones, whose times must not suffer; no answer may come later than
its deadline. Then the server is told to stop while all of them still ask. Exit code 1 if anything
of that is not as it should be.

What is measured is that the ill do no harm to others, not how much a machine can do: each caller
asks about every `--pause` seconds, which leaves the processor idle most of the time (its shares are
printed), and the healthy ones are asked at any pace. Voicenter keeps the pace of its API, 30
requests a minute, which is less than so many callers ask: its answers wait for that whoever is ill,
so it is not among them.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter

import aiohttp
import httpx

from benchmarks.running import Process, Served, gauges, grew, served

_FAULTS = """
[[faults]]
vendor = "vcclive"
kind = "hang"
times = 0
skip = 20
[[faults]]
vendor = "yeastar"
kind = "status"
status = 429
retry_after = 5
times = 0
skip = 20
"""
_HEALTHY = ["portsip", "voipnow"]
_DEADLINE_SECONDS, _GRACE_SECONDS = 3.0, 1.0
_HEAD = f"""
[server]
deadline_ms = {_DEADLINE_SECONDS * 1000:.0f}
"""
_UNDER_WAY_SECONDS = 6.0
"""the longest that anything may still be under way after the last answer: a vendor's time-out"""


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
        self.late_seconds = 0.0
        """by how much this process itself was late at worst: the machine has other things to do"""
        self.stopping = False

    async def run(self, seconds: float, server: Process) -> list[float]:
        """Asks for so long; gives the server's memory, looked at every second"""
        memory: list[float] = []
        end = time.monotonic() + seconds
        # Not httpx: with so many connections its client takes more time than the server.
        async with aiohttp.ClientSession(
            self._base,
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=30),
        ) as http:
            tasks = [asyncio.create_task(self._caller(http, end, n)) for n in range(self._callers)]
            while time.monotonic() < end and server.alive:
                memory.append(server.resident_mb)
                due = time.monotonic() + 1
                await asyncio.sleep(1)
                self.late_seconds = max(self.late_seconds, time.monotonic() - due)
            await asyncio.gather(*tasks)
        return memory

    async def _caller(self, http: aiohttp.ClientSession, end: float, n: int) -> None:
        chance = random.Random(n)
        healthy = n % 2 == 0
        while True:
            await asyncio.sleep(chance.random() * 2 * self._pause_seconds)
            if time.monotonic() >= end or self.stopping:
                return
            began = time.monotonic()
            text = query(healthy, chance.choice([5, 20]))
            try:
                async with http.post("/graphql", json={"query": text}) as answer:
                    told = await answer.json()
            except (aiohttp.ClientError, TimeoutError) as error:
                if not self.stopping:
                    self.wrong[type(error).__name__] += 1
                continue
            self.seconds[healthy].append(time.monotonic() - began)
            if answer.status != 200:
                self.wrong[f"status {answer.status}"] += 1
                continue
            page = told["data"]["callRecords"]
            for outcome in page["outcomes"] if page else ():
                self.outcomes[f"{outcome['source']['id']} {outcome['state']}"] += 1


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class Shares:
    """How much of one processor each process takes"""

    def __init__(self, where: Served) -> None:
        self._where = where
        self._began = time.monotonic()
        self._before = self._taken()

    def _taken(self) -> list[float]:
        where = self._where
        return [where.server.cpu_seconds, where.systems.cpu_seconds, time.process_time()]

    def __str__(self) -> str:
        seconds = time.monotonic() - self._began
        shares = [
            f"{name} {(now - before) / seconds:.0%}"
            for name, now, before in zip(
                ("server", "simulated systems", "callers"), self._taken(), self._before, strict=True
            )
        ]
        return "shares of one processor: " + ", ".join(shares)


def measured(
    seconds: float, callers: int, pause_seconds: float, *, ill: bool
) -> tuple[Load, list[str]]:
    """One run over sources that are well, or two of which are not; what was wrong with it"""
    complaints: list[str] = []
    with served(_HEAD, _FAULTS if ill else "", unpaced=_HEALTHY) as where:
        server, _, base = where
        httpx.get(f"{base}/healthz", trust_env=False)
        files = server.open_files
        load = Load(base, callers, pause_seconds)
        shares = Shares(where)
        memory = asyncio.run(load.run(seconds, server))
        print(f"  {shares}; the machine makes who waits late by {load.late_seconds:.2f} s at worst")
        rose = grew(memory)
        if rose:
            complaints.append(rose)
        complaints += [f"{what}: {times} times" for what, times in load.wrong.items()]
        time.sleep(_UNDER_WAY_SECONDS)
        left = {name: value for name, value in gauges(base).items() if "breaker" not in name}
        complaints += [f"{name} is {value:g} at rest" for name, value in left.items() if value]
        more = server.open_files - files
        if more > 60:  # connections to sources that are kept on purpose, and the last callers'
            complaints.append(f"{more} more files are open at rest")
        print(f"  memory {memory[0]:.0f} MB at first, {max(memory):.0f} at most, {memory[-1]:.0f} "
              f"at last; {more:+d} files at rest")  # fmt: skip
        print(f"  stopped under load within {asyncio.run(stopped(where, callers)):.1f} s")
        if "Traceback" in "".join(server.told):
            complaints.append("".join(server.told)[-3000:])
    for healthy, name in ((True, "healthy sources"), (False, "all sources")):
        times = load.seconds[healthy]
        last = max(times, default=0.0)
        print(f"  {name}: {len(times)} answers, median {percentile(times, 0.5) * 1000:.0f} ms, "
              f"95 % within {percentile(times, 0.95) * 1000:.0f} ms, all within "
              f"{last * 1000:.0f} ms")  # fmt: skip
        if last > _DEADLINE_SECONDS + _GRACE_SECONDS + load.late_seconds:
            complaints.append(f"{name}: {last:.2f} s, with a deadline of {_DEADLINE_SECONDS:g} s")
    print("  " + ", ".join(f"{name} {times}" for name, times in sorted(load.outcomes.items())))
    return load, complaints


async def stopped(where: Served, callers: int) -> float:
    """How long it took the server to stop while all callers asked without a pause"""
    load = Load(where.base, callers, pause_seconds=0.5)
    asking = asyncio.create_task(load.run(30, where.server))
    await asyncio.sleep(3)
    load.stopping = True
    took = await asyncio.to_thread(where.server.stop)
    await asking
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--callers", type=int, default=200)
    parser.add_argument("--pause", type=float, default=10, help="seconds between questions of one")
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
