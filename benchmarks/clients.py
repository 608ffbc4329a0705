"""HTTP clients that fetch one page of a vendor again and again: what each request costs.

    pip install pyreqwest httpx-aiohttp          optional: who is not there is left out
    python benchmarks/clients.py --seconds 2 --runs 5

Each client runs in a process of its own on one core, the upstream on the other. `http.py` and
`aiohttp.py` are the product's own transports, with all that they check.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402

from benchmarks.peers import pins  # noqa: E402
from benchmarks.upstream import upstream  # noqa: E402

PAGE = "/hq1/api/cdrs"
Get = Callable[[], Awaitable[bytes]]
Close = Callable[[], Awaitable[object]]


def our_httpx(base: str, callers: int) -> tuple[Get, Close]:
    from graph.transport.http import HttpxTransport

    return _ours(HttpxTransport(base, max_connections=callers))


def our_aiohttp(base: str, callers: int) -> tuple[Get, Close]:
    from graph.transport.aiohttp import AiohttpTransport

    return _ours(AiohttpTransport(base, max_connections=callers))


def _ours(transport: object) -> tuple[Get, Close]:
    from typing import cast

    from graph.sources.contract import Request
    from graph.transport.http import Transport

    made, request = cast("Transport", transport), Request("GET", PAGE)

    async def get() -> bytes:
        return (await made.send(request, timeout=30, max_bytes=64_000_000)).body

    return get, made.close


def httpx_alone(base: str, callers: int) -> tuple[Get, Close]:
    import httpx

    client = httpx.AsyncClient(limits=httpx.Limits(max_connections=callers), timeout=30)
    return _by(client, base)


def httpx_over_aiohttp(base: str, callers: int) -> tuple[Get, Close]:
    import httpx
    from httpx_aiohttp import AiohttpTransport

    limits = httpx.Limits(max_connections=callers)
    client = httpx.AsyncClient(transport=AiohttpTransport(limits=limits), timeout=30)
    return _by(client, base)


def _by(client: object, base: str) -> tuple[Get, Close]:
    from typing import cast

    import httpx

    made = cast("httpx.AsyncClient", client)

    async def get() -> bytes:
        return (await made.get(base + PAGE)).content

    return get, made.aclose


def aiohttp_alone(base: str, callers: int) -> tuple[Get, Close]:
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=callers))

    async def get() -> bytes:
        async with session.get(base + PAGE) as reply:
            return await reply.read()

    return get, session.close


def pyreqwest_alone(base: str, _callers: int) -> tuple[Get, Close]:
    from pyreqwest.client import ClientBuilder

    client = ClientBuilder().build()

    async def get() -> bytes:
        reply = await client.get(base + PAGE).build().send()
        return bytes(await reply.bytes())

    return get, client.close


CLIENTS = {
    "httpx": (httpx_alone, "httpx"),
    "our transport over httpx": (our_httpx, "httpx"),
    "httpx over aiohttp's sockets": (httpx_over_aiohttp, "httpx_aiohttp"),
    "aiohttp": (aiohttp_alone, "aiohttp"),
    "our transport over aiohttp": (our_aiohttp, "aiohttp"),
    "pyreqwest": (pyreqwest_alone, "pyreqwest"),
}


async def rate(name: str, base: str, callers: int, seconds: float) -> tuple[float, float]:
    """Requests a second, and CPU milliseconds for each"""
    get, close = CLIENTS[name][0](base, callers)
    assert len(await get()) > 50_000
    until, done = time.monotonic() + seconds, 0

    async def caller() -> None:
        nonlocal done
        while time.monotonic() < until:
            await get()
            done += 1

    began, used = time.monotonic(), _used()
    await asyncio.gather(*(caller() for _ in range(callers)))
    took, spent = time.monotonic() - began, _used() - used
    await close()
    return done / took, spent / done * 1000


def _used() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def one(name: str, base: str, callers: int, seconds: float) -> None:
    """What each client's own process does; prints a line of JSON"""
    from graph.server.run import loop_factory

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        print(msgspec.json.encode(runner.run(rate(name, base, callers, seconds))).decode())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--one", nargs=3, metavar=("NAME", "BASE", "CALLERS"))
    given = parser.parse_args()
    if given.one:
        one(given.one[0], given.one[1], int(given.one[2]), given.seconds)
        return
    load, own = pins()
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    names = [name for name, (_, module) in CLIENTS.items() if importlib.util.find_spec(module)]
    with upstream(load) as base:
        for _ in range(given.runs):
            for callers in (1, 16, 100):
                for name in names:
                    command = [sys.executable, __file__, "--seconds", str(given.seconds)]
                    told = subprocess.run(
                        [*own, *command, "--one", name, base, str(callers)],
                        capture_output=True, check=True,
                    )  # fmt: skip
                    pair = msgspec.json.decode(told.stdout, type=tuple[float, float])
                    found.setdefault((name, callers), []).append(pair)
    print("Requests a second (CPU ms for each) of a page of 65 KB\n")
    print("| client | 1 at a time | 16 | 100 |\n| --- | ---: | ---: | ---: |")
    for name in names:
        cells = []
        for callers in (1, 16, 100):
            rates, costs = zip(*found[name, callers], strict=True)
            cells.append(f"{statistics.median(rates):,.0f} ({statistics.median(costs):.2f})")
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
