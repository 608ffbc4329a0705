"""Where the time of an answer goes, in one process and without a network.

    python benchmarks/where.py merge            stages of merging 3 × 100 records, then a profile
    python benchmarks/where.py big --lines 60

The whole server is asked as uvicorn asks it; what stands in for the vendors gives kept pages. Times
are of the processor, the least of many, since other work on the machine only adds to them.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402

from benchmarks.peers import BIG, MERGE, configuration  # noqa: E402
from benchmarks.upstream import PAGES, pages  # noqa: E402
from graph import config  # noqa: E402
from graph.observe import write_logs  # noqa: E402
from graph.server.app import Graph, create_app  # noqa: E402
from graph.server.run import quiet_garbage  # noqa: E402
from graph.sources import vendor  # noqa: E402
from graph.sources.contract import Manifest, Reply, Request  # noqa: E402
from graph.transport.http import Streamed  # noqa: E402

QUERIES = {"merge": MERGE, "big": BIG}


class Kept:
    """A transport whose every answer is there already, of which nothing was made yet"""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def send(self, _request: Request, *, timeout: float, max_bytes: int) -> Reply:
        del timeout, max_bytes
        return Reply(200, {"content-type": "application/json"}, self._body)

    def stream(self, _request: Request, *, timeout: float) -> AbstractAsyncContextManager[Streamed]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def least_ms(work: Callable[[], object], rounds: int = 60) -> float:
    """Milliseconds of the processor"""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(3):
            work()
        times.append((time.process_time() - began) / 3)
    return min(times) * 1000


def scope_of(body: bytes) -> Mapping[str, Any]:
    headers = [(b"host", b"here"), (b"content-type", b"application/json"),
               (b"content-length", str(len(body)).encode())]  # fmt: skip
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "path": "/graphql", "raw_path": b"/graphql", "query_string": b"", "root_path": "",
        "scheme": "http", "headers": headers, "client": ("127.0.0.1", 1), "server": ("here", 80),
    }  # fmt: skip


def asking(graph: Graph, query: str) -> Callable[[], Awaitable[bytes]]:
    """Asks the whole app; gives the body of its answer"""
    app = create_app(graph)
    body = msgspec.json.encode({"query": query})

    async def ask() -> bytes:
        sent: list[bytes] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message.get("body", b""))

        await app(dict(scope_of(body)), receive, send)
        return b"".join(sent)

    return ask


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("query", choices=QUERIES, nargs="?", default="merge")
    parser.add_argument("--lines", type=int, default=40, help="of the profile (default 40)")
    given = parser.parse_args()
    write_logs("ERROR")
    with tempfile.TemporaryDirectory(prefix="cdr-graph-") as name:
        folder = Path(name)
        pages()
        file = folder / "graph.toml"
        file.write_text(configuration("http://127.0.0.1:1", 3), encoding="utf-8")

        def carry(entry: config.SourceSettings, manifest: Manifest, _base: str) -> Kept:
            lists = {"hq": "api/cdrs", "ya": "openapi/v1.0/cdr/list"}
            path = PAGES / entry.id / lists[entry.id[:2]]
            assert manifest is vendor(entry.vendor)
            return Kept(path.read_bytes())

        graph = Graph(config.load(file), make_transport=carry)
        ask = asking(graph, QUERIES[given.query])
        with asyncio.Runner() as runner:
            loop = runner.get_loop()  # which, unlike the runner, sets no signals each time
            answer = loop.run_until_complete(ask())
            assert b'"errors"' not in answer, answer[:500]
            quiet_garbage()
            whole = least_ms(lambda: loop.run_until_complete(ask()))
            print(f"{given.query}: {len(answer):,} bytes in {whole:.2f} ms of the processor\n")
            profile = cProfile.Profile()
            profile.enable()
            for _ in range(100):
                loop.run_until_complete(ask())
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(given.lines)
            runner.run(graph.close())


if __name__ == "__main__":
    main()
