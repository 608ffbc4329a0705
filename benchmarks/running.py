"""A server and the systems it asks, each a process of its own, and what can be seen of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from prometheus_client.parser import text_string_to_metric_families

_START_SECONDS = 60.0
_UNPACED = "requests_per_second = 1000\nmax_concurrency = 50\n"


class Process:
    """A command of ours; what it writes to standard error is kept"""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "graph", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.told: list[str] = []
        self.printed: list[str] = []
        for pipe, lines in (
            (self._process.stderr, self.told),
            (self._process.stdout, self.printed),
        ):
            assert pipe is not None
            threading.Thread(target=self._read, args=(pipe, lines), daemon=True).start()

    def _read(self, pipe: Iterator[str], lines: list[str]) -> None:
        lines.extend(pipe)

    def says(self, lines: list[str], pattern: str) -> str:
        """What it wrote, once that matches"""
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            found = re.search(pattern, "".join(list(lines)), re.DOTALL)
            if found is not None:
                return found[1]
            if self._process.poll() is not None:
                raise SystemExit(f"it ended: {''.join(self.told)}")
            time.sleep(0.05)
        raise SystemExit(f"it never said {pattern}: {''.join(self.told)}")

    @property
    def resident_mb(self) -> float:
        """The memory that it holds now"""
        text = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        return int(text.split("VmRSS:")[1].split()[0]) / 1024

    @property
    def cpu_seconds(self) -> float:
        """The processor time that it has taken so far"""
        text = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8")
        in_user, in_kernel = text.rpartition(")")[2].split()[11:13]
        return (int(in_user) + int(in_kernel)) / os.sysconf("SC_CLK_TCK")

    @property
    def open_files(self) -> int:
        """Its files, sockets and pipes"""
        return len(list(Path(f"/proc/{self._process.pid}/fd").iterdir()))

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self, number: signal.Signals = signal.SIGTERM, *, within: float = 30) -> float:
        """Ends it; gives the seconds that took. SystemExit if it took longer or failed."""
        began = time.monotonic()
        if self.alive:
            self._process.send_signal(number)
        try:
            code = self._process.wait(within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise SystemExit(f"it did not end within {within:g} s") from None
        if code != 0:
            raise SystemExit(f"it ended with {code}: {''.join(self.told)[-2000:]}")
        return time.monotonic() - began


class Served(NamedTuple):
    """A server over the five simulated systems, the process of these, its address without a path"""

    server: Process
    systems: Process
    base: str


@contextmanager
def served(
    head: str = "",
    faults: str = "",
    arguments: Sequence[str] = (),
    *,
    records: int = 3000,
    unpaced: Sequence[str] = (),
) -> Iterator[Served]:
    """A server that answers, until the end of the block. `unpaced`: sources whose vendor's pace is
    not kept, so that nobody waits for it.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "faults.toml").write_text(faults)
        twins = Process(
            "simulate", "--records", str(records), "--faults", str(folder / "faults.toml")
        )
        stack.callback(twins.stop)
        sources = twins.says(twins.printed, r"(\[\[sources\]\].*voipnow.*?\n\n)")
        for id in unpaced:
            line = f'id = "{id}"\n'
            sources = sources.replace(line, line + _UNPACED)
        (folder / "graph.toml").write_text(head + "\n" + sources)
        file = str(folder / "graph.toml")
        server = Process(*arguments, "serve", "--port", "0", "--config", file)
        stack.callback(lambda: server.stop() if server.alive else None)
        base = server.says(server.told, r"serves (http://\S+)/graphql\n")
        yield Served(server, twins, base)


def gauges(base: str) -> dict[str, float]:
    """What is under way and waiting, by name, summed over labels"""
    text = httpx.get(f"{base}/metrics", trust_env=False).text
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if family.type == "gauge" and not sample.name.endswith("_created"):
                sums[sample.name] = sums.get(sample.name, 0) + sample.value
    return sums


def grew(samples: Sequence[float], *, share: float = 0.15, floor_mb: float = 30) -> str | None:
    """What is to be said where memory still rises at the end; the first third is warming up"""
    third = len(samples) // 3
    if not third:
        return None
    middle, end = samples[third : 2 * third], samples[2 * third :]
    before, after = sum(middle) / len(middle), sum(end) / len(end)
    if after - before > max(floor_mb, share * before):
        return f"memory rose from {before:.0f} to {after:.0f} MB"
    return None
