"""A report over two systems, from creation to download, over HTTP, made by the server's loop."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import httpx

from graph.config import settings
from graph.server.app import Graph, create_app
from graph.sources import company, simulator
from graph.sources.twin import World
from tests.clients.serving import serve
from tests.engine.asking import CREATE, ours
from tests.scenarios.test_reports_from_beginning_to_end import Frontend
from tests.support import NOW


def test_a_report_is_made_by_the_server_followed_and_downloaded_in_parts(tmp_path: Path) -> None:
    calls = company.calls(seed=2, count=60, until=NOW, days=3)
    with ExitStack() as stack:
        entries = []
        for vendor in ("portsip", "yeastar"):
            twin = simulator(vendor)
            address = stack.enter_context(serve(twin.simulate(World(calls))))
            entries.append({"id": vendor, "vendor": vendor, "base_url": address, **twin.SETTINGS})
        tree = {"sources": entries, "reports": {"folder": str(tmp_path)}}
        own = stack.enter_context(serve(create_app(Graph(settings(tree, environment={})))))
        http = stack.enter_context(httpx.Client(base_url=own, timeout=60))
        frontend = Frontend(http)
        window = {"since": "2026-03-01T00:00:00Z", "until": "2026-03-05T00:00:00Z"}
        made = frontend.ask(CREATE, input=ours(range={"window": window}))["made"]
        (file,) = frontend.follow(made["callReport"]["id"])
        whole = http.get(file["fileUrl"])
        assert whole.status_code == 200
        assert whole.headers["content-type"] == "text/csv; charset=utf-8"
        assert whole.content.count(b"\r\n") == 1 + 2 * len(calls)
        size = len(whole.content)
        part = http.get(file["fileUrl"], headers={"range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, whole.content[10:20])
        assert part.headers["content-range"] == f"bytes 10-19/{size}"
        last = http.get(file["fileUrl"], headers={"range": "bytes=-5"})
        assert last.content == whole.content[-5:]
        beyond = http.get(file["fileUrl"], headers={"range": f"bytes={size}-"})
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
