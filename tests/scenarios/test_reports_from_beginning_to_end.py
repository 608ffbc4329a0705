"""A frontend offers call reports: create, list, change, follow, download, destroy, over HTTP.

The phone system runs reports over its own calls; one of them fails, and files do not last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx

from graph.config import settings
from graph.server.app import Graph, create_app
from graph.sources import company, simulator
from graph.sources.twin import World
from tests.clients.serving import serve
from tests.reports.asking import CREATE, DESTROY, DESTROY_COMPLETED, UPDATE, report
from tests.support import Clock

FOLLOW = "subscription ($id: ID!) { file: callReportCompleted(reportId: $id) { id fileUrl } }"
LIST = "{ callReports { complete nodes { id name status } } }"
FILES = "{ completedCallReports { nodes { id name } } }"


class Frontend:
    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def ask(self, query: str, **variables: Any) -> Any:
        answer = self.http.post("/graphql", json={"query": query, "variables": variables})
        body = answer.json()
        assert not body.get("errors"), body
        return body["data"]

    def follow(self, id: str) -> Iterator[Any]:
        """the events of a subscription over SSE, to its end"""
        asked = {"query": FOLLOW, "variables": {"id": id}}
        headers = {"accept": "text/event-stream"}
        with self.http.stream("POST", "/graphql", json=asked, headers=headers) as answer:
            kind = ""
            for line in answer.iter_lines():
                if line.startswith("event:"):
                    kind = line.removeprefix("event:").strip()
                elif line.startswith("data:") and kind == "next":
                    yield json.loads(line.removeprefix("data:"))["data"]["file"]


def test_reports_from_beginning_to_end() -> None:
    clock = Clock()
    twin = simulator("portsip")
    world = World(company.calls(seed=4, count=300, until=clock.now(), days=20), clock=clock.now)
    switches = twin.Switches(aborted_reports=("Doomed",), report_retention_days=2)
    with serve(twin.simulate(world, switches)) as address:
        entry = {"id": "portsip", "vendor": "portsip", "base_url": address, **twin.SETTINGS}
        graph = Graph(settings({"sources": [entry]}, environment={}), timer=clock.timer)
        with serve(create_app(graph)) as own, httpx.Client(base_url=own, timeout=60) as http:
            _story(Frontend(http), clock, world)


def _story(frontend: Frontend, clock: Clock, world: World) -> None:
    # Two reports are created, and found in the list; one of them will fail.
    made = frontend.ask(CREATE, input=report(name="Long talks", idempotencyKey="1"))["made"]
    id = made["callReport"]["id"]
    doomed = frontend.ask(CREATE, input=report(name="Doomed"))["made"]["callReport"]["id"]
    names = [node["name"] for node in frontend.ask(LIST)["callReports"]["nodes"]]
    assert names == ["Doomed", "Long talks"]

    # The first is narrowed to long talks, and runs again.
    long = {"duration": {"kind": "TALK_DURATION", "minSeconds": 120}}
    changes = {"format": "HTML", "filter": {"normal": long}}
    assert frontend.ask(UPDATE, input={"id": id, **changes})["made"]["outcome"] == "DONE"

    # Both are followed: one gives a file and ends, the other ends without.
    (file,) = frontend.follow(id)
    assert list(frontend.follow(doomed)) == []
    listed = {n["name"]: n["status"] for n in frontend.ask(LIST)["callReports"]["nodes"]}
    assert listed == {"Doomed": "ABORTED", "Long talks": "SCHEDULED"}

    # The file is downloaded, and holds the calls that were meant.
    page = frontend.http.get(file["fileUrl"])
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    meant = [c for c in world.calls if c.started_at < today and c.talk_seconds >= 120]
    assert page.text.count("<tr>") == 1 + len(meant) > 10

    # Both definitions are destroyed, and the file; nothing is left.
    for query, one in ((DESTROY, id), (DESTROY, doomed), (DESTROY_COMPLETED, file["id"])):
        assert frontend.ask(query, input={"id": one})["made"]["destroyedId"] == one
    assert frontend.ask(LIST)["callReports"] == {"complete": True, "nodes": []}
    assert frontend.ask(FILES)["completedCallReports"]["nodes"] == []
    assert frontend.http.get(file["fileUrl"]).status_code == 404

    # Files do not last: after two days the phone system has cleared them away.
    frontend.ask(CREATE, input=report(name="Short-lived"))
    clock.advance(10)
    assert len(frontend.ask(FILES)["completedCallReports"]["nodes"]) == 1
    clock.advance(2 * 86_400)
    assert frontend.ask(FILES)["completedCallReports"]["nodes"] == []

    # Everything that changed something was sent exactly once.
    writes = [r.path for r in world.received if r.method == "POST" and "/auth/" not in r.path]
    assert len(writes) == 3 + 1 + 3
