"""Vendors that cost nothing: pages that the twins once gave, served by nginx (or Node) as files.

    with upstream() as address: ...

    <address>/hq1/api/cdrs … /hq50/…       a PortSIP page of 100 calls, each box its own calls
    <address>/yard/openapi/v1.0/cdr/list   a Yeastar page of 1,000 legs; yard10, yard100, yard10000

With `delay_ms`, Node answers everything so much later. The bytes are what the twins of this
repository send, so that what is measured reads real formats.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec

from graph.sources import company, simulator
from graph.sources.contract import Request
from graph.sources.twin import World
from graph.transport.http import HttpxTransport

HERE = Path(__file__).parent
PAGES = HERE / "pages"
BOXES = 50
LEGS = (10, 100, 1_000, 10_000)


def pages(folder: Path = PAGES) -> None:
    """Writes every page once; those that are there already are left alone."""
    until = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
    for box in range(1, BOXES + 1):
        path = folder / f"hq{box}" / "api" / "cdrs"
        if not path.exists():
            _write(path, asyncio.run(_portsip(box, until)))
    for legs in LEGS:
        path = folder / yard(legs) / "openapi" / "v1.0" / "cdr" / "list"
        if not path.exists():
            _write(path, asyncio.run(_yeastar(legs, until)))


def yard(legs: int) -> str:
    """The folder of the Yeastar page with so many legs"""
    return "yard" if legs == 1_000 else f"yard{legs}"


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


async def _portsip(seed: int, until: datetime) -> bytes:
    """The newest 100 calls of a PBX that has no more"""
    world = World(company.calls(seed=seed, count=100, until=until))
    body = await _asked("portsip", world, "/api/cdrs", top="100", orderby="started_at desc")
    assert len(msgspec.json.decode(body)["items"]) == 100
    return body


async def _yeastar(legs: int, until: datetime) -> bytes:
    """The newest legs of a PBX that has no more"""
    world = World(company.calls(seed=7, count=legs, until=until))
    path = "/openapi/v1.0/cdr/list"
    size = {"page": "1", "page_size": str(max(legs, 50)), "sort_by": "time", "order_by": "desc"}
    page = msgspec.json.decode(await _asked("yeastar", world, path, **size))
    page["data"] = page["data"][:legs]
    page["total_number"] = len(page["data"])
    assert len(page["data"]) == legs
    return msgspec.json.encode(page)


async def _asked(vendor: str, world: World, path: str, **params: str) -> bytes:
    """What a twin answers, signed in as the product does it"""
    from graph.config import settings
    from graph.server.app import Graph

    twin = simulator(vendor)
    kept: list[bytes] = []

    def carry(_entry: Any, _manifest: Any, base_url: str) -> HttpxTransport:
        return HttpxTransport(base_url, transport=httpx.ASGITransport(app=twin.simulate(world)))

    entry = {"id": "one", "vendor": vendor, "base_url": "http://one.twin", **twin.SETTINGS}
    graph = Graph(settings({"sources": [entry]}, environment={}), make_transport=carry)
    live = graph.sources.live["one"]
    agent = (("user-agent", "benchmark"),)
    request = Request("GET", path, tuple(params.items()), headers=agent)
    try:
        await live.send(request, lambda reply: kept.append(reply.body), graph.context().trace())
    finally:
        await graph.close()
    return kept[0]


# ---------------------------------------------------------------- serving them

NGINX = """
daemon off; {user} worker_processes 1; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 300; sendfile on; tcp_nopush on;
  client_body_temp_path {folder}/t; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/t;
  uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
  default_type application/json; open_file_cache max=1000;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def upstream(pin: Sequence[str] = (), *, delay_ms: int = 0) -> Iterator[str]:
    """Serves the pages; gives the address. `pin`: the command that runs it on a core of its own."""
    folder = PAGES
    pages()
    port = free_port()
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is not None and not delay_ms:
        config = folder / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""  # or it gives up the right to read
        config.write_text(NGINX.format(folder=folder.resolve(), port=port, user=user))
        command = [nginx, "-c", str(config.resolve())]
    else:
        command = ["node", str(HERE / "upstream.mjs"), str(folder), str(port), str(delay_ms)]
    server = subprocess.Popen([*pin, *command], stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/hq1/api/cdrs", server)
        yield address
    finally:
        stop(server)


def wait_for(url: str, server: subprocess.Popen[bytes], *, any_status: bool = False) -> None:
    """Until the address answers, with any status or with a good one; SystemExit if it never does"""
    until = time.monotonic() + 30
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:
            if any_status:
                return
        except OSError:
            pass
        time.sleep(0.1)
    stop(server)
    raise SystemExit(f"{server.args!r} does not answer at {url}")


def stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
