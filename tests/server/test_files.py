"""Downloads of report files over real sockets: streamed, in parts, and cleanly broken off."""

from __future__ import annotations

import logging
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from graph.caller import SCOPES, Caller
from graph.config import settings
from graph.reports.files import disposition, safe_name
from graph.schema.context import Context
from graph.server.app import Graph, create_app
from graph.server.files import ReportFile
from graph.sources import company, simulator
from graph.sources.twin import World
from graph.types.report import CompletedCallReport
from graph.types.report_words import CallReportFormat
from tests.clients.serving import serve
from tests.reports.asking import CREATE, created, finished, report
from tests.support import Clock, product, run


class Served(NamedTuple):
    """The API and the twin behind it, on sockets; `path` is that of a finished report's file."""

    http: httpx.Client
    world: World
    clock: Clock
    path: str
    graph: Graph

    def ask(self, query: str, **variables: Any) -> Any:
        answer = self.http.post("/graphql", json={"query": query, "variables": variables})
        body = answer.json()
        assert not body.get("errors"), body
        return body["data"]


@contextmanager
def served(
    *, timeout_ms: int = 5000, name: str = "Weekly", format: str = "CSV", **switches: Any
) -> Iterator[Served]:
    clock = Clock()
    twin = simulator("portsip")
    world = World(company.calls(seed=1, count=80, until=clock.now(), days=10), clock=clock.now)
    with serve(twin.simulate(world, twin.Switches(**switches))) as address:
        entry = {"id": "portsip", "vendor": "portsip", "base_url": address, **twin.SETTINGS}
        made = settings({"sources": [{**entry, "timeout_ms": timeout_ms}]}, environment={})
        graph = Graph(made, timer=clock.timer)
        with serve(create_app(graph)) as own, httpx.Client(base_url=own, timeout=60) as http:
            asked = {"query": CREATE, "variables": {"input": report(name=name, format=format)}}
            answer = http.post("/graphql", json=asked).json()
            assert answer["data"]["made"]["outcome"] == "DONE", answer
            clock.advance(10)
            query = "{ completedCallReports { nodes { fileUrl fileSizeBytes } } }"
            body = http.post("/graphql", json={"query": query}).json()
            (file,) = body["data"]["completedCallReports"]["nodes"]
            yield Served(http, world, clock, file["fileUrl"], graph)


def test_a_file_comes_as_it_is_with_a_name_and_rules_for_browsers() -> None:
    with served() as api:
        answer = api.http.get(api.path)
        assert answer.status_code == 200
        lines = answer.text.splitlines()
        assert lines[0].startswith("Start,Caller,Callee")
        # The last thirty days do not hold today.
        today = api.clock.now().replace(hour=0, minute=0, second=0)
        assert len(lines) == 1 + sum(call.started_at < today for call in api.world.calls)
        headers = answer.headers
        assert headers["content-type"] == "text/csv; charset=utf-8"
        assert headers["content-disposition"].startswith('attachment; filename="Weekly_2026')
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("sandbox")
        assert headers["cache-control"] == "private, no-store"
        assert int(headers["content-length"]) == len(answer.content)
        assert "content-encoding" not in headers
        head = api.http.head(api.path)
        assert head.headers["content-length"] == headers["content-length"]
        assert head.content == b""


def test_parts_of_a_file_can_be_had_where_the_vendor_gives_them() -> None:
    with served() as api:
        whole = api.http.get(api.path).content
        part = api.http.get(api.path, headers={"range": "bytes=5-14"})
        assert (part.status_code, part.content) == (206, whole[5:15])
        assert part.headers["content-range"] == f"bytes 5-14/{len(whole)}"
        assert api.http.get(api.path, headers={"range": "bytes=-7"}).content == whole[-7:]
        beyond = api.http.get(api.path, headers={"range": f"bytes={len(whole)}-"})
        assert beyond.status_code == 416
        assert beyond.headers["content-range"] == f"bytes */{len(whole)}"
        # Several parts at once, or only if nothing changed: the whole file is always right.
        assert api.http.get(api.path, headers={"range": "bytes=0-1,3-4"}).content == whole
        several = {"range": "bytes=0-1", "if-range": '"x"'}
        assert api.http.get(api.path, headers=several).content == whole


def test_where_the_vendor_gives_no_parts_the_whole_comes() -> None:
    with served(blob_ranges=False) as api:
        part = api.http.get(api.path, headers={"range": "bytes=5-14"})
        assert part.status_code == 200
        assert "accept-ranges" not in part.headers


def test_a_big_file_flows_through_flat_memory() -> None:
    with served(blob_mb=200) as api:
        tracemalloc.start()
        try:
            got = 0
            with api.http.stream("GET", api.path) as answer:
                assert answer.headers["content-length"] == "200000000"
                for part in answer.iter_raw():
                    got += len(part)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert got == 200_000_000
        # The API, the twin and this client together.
        assert peak < 25_000_000


def test_a_vendor_that_stalls_ends_in_a_clean_error(caplog: pytest.LogCaptureFixture) -> None:
    with served(blob_mb=3, blob_stalls_after=1_000_000, timeout_ms=300) as api:
        with (
            caplog.at_level(logging.WARNING, "cdr_graph"),
            pytest.raises(httpx.RemoteProtocolError),
        ):
            api.http.get(api.path)
        assert any("TIMEOUT" in record.getMessage() for record in caplog.records)
        assert not any("blobs" in record.getMessage() for record in caplog.records)
        assert api.http.get("/healthz").status_code == 200


def test_a_vendor_that_never_begins_is_a_gateway_timeout() -> None:
    with served(timeout_ms=300) as api:
        api.world.fault("hang", path="/api/blobs", seconds=0.6)
        answer = api.http.get(api.path)
        assert answer.status_code == 504
        assert answer.json()["errors"][0]["extensions"]["code"] == "TIMEOUT"


def test_a_vendor_that_lies_about_the_length_is_found_out() -> None:
    with served(blob_length_lie=10) as api, pytest.raises(httpx.RemoteProtocolError):
        api.http.get(api.path)


def test_a_vendor_that_sends_more_than_it_said_is_found_out() -> None:
    with served(blob_length_lie=-10) as api:
        try:
            answer = api.http.get(api.path)
        except httpx.RemoteProtocolError:
            return
        assert answer.status_code == 502


@contextmanager
def stranger() -> Iterator[tuple[str, list[Request]]]:
    """another host, and what it was asked"""
    received: list[Request] = []

    async def take(request: Request) -> Response:
        received.append(request)
        return PlainTextResponse("somebody else's bytes")

    with serve(Starlette(routes=[Route("/{path:path}", take)])) as address:
        yield address, received


def test_no_other_host_is_asked_and_none_gets_the_bearer() -> None:
    with stranger() as (address, received):
        elsewhere: tuple[dict[str, Any], ...] = (
            {"blob_redirect": address + "/api/blobs/{digest}"},
            {"blob_root": address},
        )
        for switches in elsewhere:
            with served(**switches) as api:
                answer = api.http.get(api.path)
                assert answer.status_code == 502
                error = answer.json()["errors"][0]
                assert error["extensions"]["code"] == "REFUSED"
                assert address not in error["message"]
        assert received == []


def test_a_redirect_to_the_same_host_is_followed_but_not_for_ever() -> None:
    with served(blob_redirect="/api/blobs/{digest}?again=1") as api:
        answer = api.http.get(api.path)
        assert answer.status_code == 502
        assert answer.json()["errors"][0]["extensions"]["code"] == "MALFORMED"
        asked = [one for one in api.world.received if one.path.startswith("/api/blobs")]
        assert len(asked) == 5
        assert all(one.headers["authorization"].startswith("Bearer ") for one in asked)


def test_private_files_are_fetched_with_a_token_that_is_renewed_once() -> None:
    with served(private_blobs=True) as api:
        assert api.http.get(api.path).status_code == 200
        api.world.fault("expire", path="/api/blobs")
        before = len(api.world.received)
        assert api.http.get(api.path).status_code == 200
        blobs = [one for one in api.world.received[before:] if "/blobs/" in one.path]
        assert len(blobs) == 2


def test_a_file_that_is_gone_or_never_was_is_not_found() -> None:
    with served(report_retention_days=1) as api:
        assert api.http.get("/reports/nonsense!/file").status_code == 400
        id = api.ask("{ callReports { nodes { id } } }")["callReports"]["nodes"][0]["id"]
        assert api.http.get(f"/reports/{id}/file").status_code == 404
        assert api.http.post(api.path).status_code == 405
        api.clock.advance(2 * 86_400)
        answer = api.http.get(api.path)
        assert answer.status_code == 404
        assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


def test_a_system_that_is_down_is_a_bad_gateway_and_tells_no_address() -> None:
    with served() as api:
        api.world.fault("status", path="/api/blobs", status=500, times=0)
        answer = api.http.get(api.path)
        assert answer.status_code == 502
        assert "blobs" not in answer.text


def test_a_caller_without_the_scope_or_the_source_gets_no_file() -> None:
    async def work() -> None:
        async with product("portsip", count=20) as api:
            await created(api)
            api.clock.advance(10)
            (one,) = await finished(api)
            for caller, status in (
                (Caller("clerk", frozenset({"records:read"})), 403),
                (Caller("guest", frozenset(SCOPES), frozenset({"other"})), 404),
                (Caller("masked", frozenset({"reports:read"})), 403),
                (Caller("reader", frozenset({"reports:read", "numbers:clear"})), 200),
            ):

                def context(request: Request, _asks: Caller, caller: Caller = caller) -> Context:
                    return api.graph.context(request, caller)

                file = ReportFile(api.graph, context)
                app = Starlette(routes=[Route("/reports/{id}/file", file)])
                carried = httpx.ASGITransport(app=app)
                async with httpx.AsyncClient(transport=carried, base_url="http://api") as http:
                    answer = await http.get(one["fileUrl"])
                assert answer.status_code == status

    run(work)


def file(name: str | None, format: CallReportFormat = CallReportFormat.CSV) -> CompletedCallReport:
    made = object.__new__(CompletedCallReport)
    made.name, made.file_name, made.format = "Weekly", name, format
    return made


@pytest.mark.parametrize(
    ("told", "safe"),
    [
        ("Weekly.csv", "Weekly.csv"),
        ("../../etc/passwd", "passwd.csv"),
        ("..\\..\\boot.ini", "boot.ini"),
        ('a"b\r\nset-cookie: x.csv', "a_b__set-cookie_ x.csv"),
        ("...", "report.csv"),
        (None, "Weekly.csv"),
        ("Bericht für März.csv", "Bericht für März.csv"),
    ],
)
def test_names_of_files_are_safe(told: str | None, safe: str) -> None:
    assert safe_name(file(told)) == safe


@given(st.text(max_size=300))
def test_no_name_breaks_out_of_its_header(name: str) -> None:
    header = disposition(file(name))
    header.encode("ascii")
    assert "\r" not in header
    assert "\n" not in header
    assert header.count('"') == 2
    assert "/" not in header
    assert "\\" not in header
