"""So many callers that each ask again as soon as they are answered: by wrk where it is installed.

Where the text `{moment}` or `{number}` is a variable, every request has a moment, or a number from
1,000 to 1,999, of its own.

python -m benchmarks.callers URL BODY CALLERS SECONDS     what `measure` runs where there is no wrk
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import count

import msgspec


class Load(msgspec.Struct, frozen=True):
    """Requests a second, latencies in milliseconds, and how many were not answered with 200."""

    per_second: float
    median_ms: float
    p99_ms: float
    failed: int


_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


MOMENT, NUMBER = "{moment}", "{number}"
_FIRST = 1_000_000_000
"""seconds since 1970 of the first moment of a run; before all records"""


def measure(
    url: str,
    query: str,
    callers: int,
    seconds: float,
    pin: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Load:
    """One run. `pin`: the command that keeps the callers on a core of their own."""
    body = msgspec.json.encode({"query": query, "variables": variables or {}}).decode()
    wrk = shutil.which("wrk")
    if wrk is None:
        itself = [sys.executable, "-m", "benchmarks.callers"]
        command = [*itself, url, body, str(callers), str(seconds)]
        told = subprocess.run([*pin, *command], capture_output=True, check=True)
        return msgspec.json.decode(told.stdout, type=Load)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(
            "wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\n"
            f"wrk.body = [==[{body}]==]\n"
        )
        if MOMENT in body or NUMBER in body:
            script.write(
                f"local asked, at = wrk.body, {_FIRST}\n"
                "request = function()\n"
                " at = at + 1\n"
                " local moment = os.date('!\"%Y-%m-%dT%H:%M:%SZ\"', at)\n"
                f" local own = asked:gsub('\"{MOMENT}\"', moment)\n"
                f" own = own:gsub('\"{NUMBER}\"', tostring(1000 + at % 1000))\n"
                " return wrk.format(nil, nil, nil, own)\n"
                "end\n"
            )
        script.flush()
        command = [wrk, "-t1", f"-c{callers}", f"-d{seconds:g}s", "--timeout", "30s", "--latency"]
        told_text = subprocess.run(
            [*pin, *command, "-s", script.name, url], capture_output=True, text=True, check=True
        ).stdout
    return _read(told_text)


def _read(told: str) -> Load:
    """What wrk printed"""

    def found(pattern: str) -> str:
        match = re.search(pattern, told, re.MULTILINE)
        return "0" if match is None else match[1]

    def milliseconds(percent: str) -> float:
        amount, unit = re.fullmatch(r"([\d.]+)(\w*)", found(rf"^\s+{percent}%\s+(\S+)")).groups()  # type: ignore[union-attr]
        return float(amount) * _MS.get(unit, 1.0)

    failed = int(found(r"Non-2xx or 3xx responses: (\d+)"))
    failed += sum(map(int, re.findall(r"Socket errors.*", told)[:1] and re.findall(
        r"(?:connect|read|write|timeout) (\d+)", told)))  # fmt: skip
    rate = float(found(r"Requests/sec:\s+([\d.]+)"))
    return Load(rate, milliseconds("50"), milliseconds("99"), failed)


def _own(text: str, at: int) -> bytes:
    """What is asked by one request"""
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    own = text.replace(MOMENT, moment).replace(f'"{NUMBER}"', str(1000 + at % 1000))
    return own.encode()


async def _ask(url: str, text: str, callers: int, seconds: float) -> Load:
    import aiohttp

    took: list[float] = []
    failed = 0
    numbers = count(_FIRST)
    headers = {"content-type": "application/json"}
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=callers), headers=headers
    ) as session:
        until = time.monotonic() + seconds

        async def caller() -> None:
            nonlocal failed
            while (began := time.monotonic()) < until:
                async with session.post(url, data=_own(text, next(numbers))) as reply:
                    await reply.read()
                    failed += reply.status != 200
                took.append(time.monotonic() - began)

        await asyncio.gather(*(caller() for _ in range(callers)))
    took.sort()
    return Load(
        len(took) / seconds,
        took[len(took) // 2] * 1000,
        took[int(len(took) * 0.99)] * 1000,
        failed,
    )


if __name__ == "__main__":
    address, text, amount, lasting = sys.argv[1:5]
    load = asyncio.run(_ask(address, text, int(amount), float(lasting)))
    print(msgspec.json.encode(load).decode())
    sys.stdout.flush()
