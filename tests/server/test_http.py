"""GraphQL over HTTP: what comes back for every kind of request, good or bad."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import brotli
import httpx
import pytest
import zstandard
from graphql import build_client_schema, get_introspection_query, print_schema
from starlette.applications import Starlette
from starlette.routing import Mount

from graph.server.app import create_app
from tests.support import product, run

QUERY = "{ sources { id } }"
JSON = {"content-type": "application/json"}
NEWER = "application/graphql-response+json"
"""the media type of GraphQL over HTTP, under which the status says whether the query ran"""


@asynccontextmanager
async def client(
    *sources: str | Mapping[str, Any],
    example: str | None = None,
    under: str = "",
    server: Mapping[str, Any] | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the product over twins; `under`: mounted below this path"""
    async with product(*(sources or ("portsip",)), count=60, server=server) as api:
        app = create_app(api.graph, example=example)
        if under:
            app = Starlette(routes=[Mount(under, app)])
        carrier = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=carrier, base_url="http://here") as made:
            yield made


Send = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def send() -> Iterator[Send]:
    """Gives the answer to one request, of one app for all tests, or of one with an example"""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        plain = runner.run(stack.enter_async_context(client()))
        shown = runner.run(stack.enter_async_context(client(example=QUERY)))

        def one(
            method: str, path: str = "/graphql", *, example: bool = False, **options: Any
        ) -> httpx.Response:
            return runner.run((shown if example else plain).request(method, path, **options))

        yield one
        runner.run(stack.aclose())


def code(answer: httpx.Response) -> str:
    """The code of the one error that the answer must hold"""
    [error] = answer.json()["errors"]
    assert error["message"]
    return str(error["extensions"]["code"])


# ---------------------------------------------------------------- good requests


VARIABLES = "query ($id: ID!) { source(id: $id) { id } }"


@pytest.mark.parametrize(
    ("method", "options", "data"),
    [
        ("POST", {"json": {"query": QUERY}}, {"sources": [{"id": "portsip"}]}),
        ("GET", {"params": {"query": QUERY}}, {"sources": [{"id": "portsip"}]}),
        (
            "POST",
            {"json": {"query": VARIABLES, "variables": {"id": "portsip"}}},
            {"source": {"id": "portsip"}},
        ),
        (
            "GET",
            {"params": {"query": VARIABLES, "variables": '{"id": "portsip"}'}},
            {"source": {"id": "portsip"}},
        ),
        (
            "POST",
            {
                "json": {
                    "query": "query A { a: sources { id } } query B { b: sources { id } }",
                    "operationName": "B",
                    "variables": None,
                    "extensions": {},
                }
            },
            {"b": [{"id": "portsip"}]},
        ),
        (
            "POST",
            {
                "content": json.dumps({"query": QUERY}),
                "headers": {"content-type": "application/json; charset=utf-8"},
            },
            {"sources": [{"id": "portsip"}]},
        ),
    ],
)
def test_a_query_is_answered(send: Send, method: str, options: Any, data: Any) -> None:
    answer = send(method, **options)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {"data": data}


def test_the_name_of_a_type_alone_may_be_asked_of_anything(send: Send) -> None:
    parts = ["caller", "callee", "source", "hangup", "cost", "details", "recording", "logs"]
    below = " ".join(f"{part} {{ __typename }}" for part in parts)
    query = (
        f"{{ __typename callRecords(first: 3) {{ count {{ __typename }} nodes {{ {below} }} }} }}"
    )
    answer = send("POST", json={"query": query}).json()
    assert "errors" not in answer
    for node in answer["data"]["callRecords"]["nodes"]:
        assert node["caller"] == node["callee"] == {"__typename": "Party"}
        assert node["details"] == {"__typename": "PortsipDetails"}
        assert {"__typename": "CallLog"} in node["logs"]


# ---------------------------------------------------------------- bad requests


def body(value: Any) -> dict[str, Any]:
    return {"content": value, "headers": JSON}


@pytest.mark.parametrize(
    ("method", "options", "status", "expected"),
    [
        # what is no request of GraphQL over HTTP
        ("POST", body("{"), 400, "BAD_REQUEST"),
        ("POST", body(""), 400, "BAD_REQUEST"),
        ("POST", body(b'{"query": "\xff"}'), 400, "BAD_REQUEST"),
        ("POST", body("3"), 400, "BAD_REQUEST"),
        ("POST", body("null"), 400, "BAD_REQUEST"),
        ("POST", body('"{ sources { id } }"'), 400, "BAD_REQUEST"),
        ("POST", body("[" * 100_000), 400, "BAD_REQUEST"),
        ("POST", {"json": {}}, 400, "BAD_REQUEST"),
        ("POST", {"json": {"query": None}}, 400, "BAD_REQUEST"),
        ("POST", {"json": {"query": ""}}, 400, "BAD_REQUEST"),
        ("POST", {"json": {"query": 3}}, 400, "BAD_REQUEST"),
        ("POST", {"json": {"query": QUERY, "variables": "x"}}, 400, "BAD_REQUEST"),
        ("POST", {"json": {"query": QUERY, "variables": [1]}}, 400, "BAD_REQUEST"),
        ("POST", {"json": {"query": QUERY, "extensions": 3}}, 400, "BAD_REQUEST"),
        ("POST", {"json": {"query": QUERY, "operationName": "B"}}, 400, "BAD_REQUEST"),
        ("POST", {"json": {"query": QUERY, "operationName": {"a": 1}}}, 400, "BAD_REQUEST"),
        ("POST", {"json": {"query": "fragment F on Query { __typename }"}}, 400, "BAD_REQUEST"),
        ("POST", {"json": [{"query": QUERY}]}, 400, "BAD_REQUEST"),
        ("POST", {"json": []}, 400, "BAD_REQUEST"),
        ("GET", {}, 400, "BAD_REQUEST"),
        ("GET", {"headers": {"accept": "text/html"}}, 400, "BAD_REQUEST"),
        ("GET", {"params": {"query": QUERY, "variables": "{"}}, 400, "BAD_REQUEST"),
        ("GET", {"params": {"query": QUERY, "variables": "[1]"}}, 400, "BAD_REQUEST"),
        ("GET", {"params": {"query": "mutation { a }"}}, 400, "BAD_REQUEST"),
        (
            "GET",
            {"params": {"query": "subscription { callRecordAdded { kind } }"}},
            400,
            "BAD_REQUEST",
        ),
        (
            "POST",
            {"json": {"query": "subscription { callRecordAdded { kind } }"}},
            400,
            "BAD_REQUEST",
        ),
        # what a page of another site could send without asking first
        ("POST", {"content": json.dumps({"query": QUERY})}, 415, "BAD_REQUEST"),
        (
            "POST",
            {"content": json.dumps({"query": QUERY}), "headers": {"content-type": "text/plain"}},
            415,
            "BAD_REQUEST",
        ),
        ("POST", {"data": {"query": QUERY}}, 415, "BAD_REQUEST"),
        ("POST", {"files": {"operations": b"{}"}}, 415, "BAD_REQUEST"),
        # what is no such method
        ("PUT", {"json": {"query": QUERY}}, 405, "METHOD_NOT_ALLOWED"),
        ("PATCH", {"json": {"query": QUERY}}, 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", {}, 405, "METHOD_NOT_ALLOWED"),
        ("OPTIONS", {}, 405, "METHOD_NOT_ALLOWED"),
        # what is a request, but no query of this schema
        ("POST", {"json": {"query": "{"}}, 200, "GRAPHQL_INVALID"),
        ("POST", {"json": {"query": "{ nothing }"}}, 200, "GRAPHQL_INVALID"),
        ("POST", {"json": {"query": "{ source { id } }"}}, 200, "GRAPHQL_INVALID"),
        ("POST", {"json": {"query": VARIABLES}}, 200, "GRAPHQL_INVALID"),
        ("POST", {"json": {"query": "{ callRecords(first: -1) { complete } }"}}, 200,
         "BAD_USER_INPUT"),
        ("GET", {"params": {"query": '{ node(id: "?") { id } }'}}, 200, "BAD_USER_INPUT"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_an_error_with_a_code(
    send: Send, method: str, options: Any, status: int, expected: str
) -> None:
    answer = send(method, **options)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert code(answer) == expected
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"json": {"query": QUERY}}, 200),
        ({"json": {"query": "{ callRecords(first: -1) { complete } }"}}, 200),
        ({"json": {"query": "{"}}, 400),
        ({"json": {"query": "{ nothing }"}}, 400),
        ({"json": {"query": VARIABLES}}, 400),
        (body("{"), 400),
        ({"data": {"query": QUERY}}, 415),
    ],
)
def test_under_the_newer_media_type_the_status_says_whether_the_query_ran(
    send: Send, options: dict[str, Any], status: int
) -> None:
    headers = {**options.get("headers", {}), "accept": f"{NEWER}, application/json;q=0.9"}
    answer = send("POST", **{**options, "headers": headers})
    assert answer.status_code == status
    assert answer.headers["content-type"] == NEWER
    assert set(answer.json()) <= {"data", "errors"}


# ---------------------------------------------------------------- headers


def test_server_timing_names_every_source_that_was_asked() -> None:
    async def work() -> None:
        async with client("portsip", "yeastar") as http:
            query = "{ callRecords(first: 3) { nodes { id } } }"
            asked = await http.post("/graphql", json={"query": query})
            parts = [part.split(";") for part in asked.headers["server-timing"].split(", ")]
            assert [name for name, _ in parts] == ["portsip", "yeastar", "total"]
            assert all(amount.removeprefix("dur=").isdigit() for _, amount in parts)
            only = 'filter: {sources: ["yeastar"]}'
            query = f"{{ callRecords(first: 3, {only}) {{ nodes {{ id }} }} }}"
            asked = await http.get("/graphql", params={"query": query})
            assert "portsip" not in asked.headers["server-timing"]

    run(work)


UNPACKED: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda packed: zstandard.ZstdDecompressor().decompressobj().decompress(packed),
}


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0, gzip", "gzip"),
    ],
)
def test_a_long_answer_is_compressed_for_who_can_read_it(accepted: str, coding: str) -> None:
    async def work() -> None:
        async with client() as http:
            query = {"query": "{ callRecords(first: 50) { nodes { id startedAt } } }"}
            whole = await http.post("/graphql", json=query, headers={"accept-encoding": "identity"})
            asked = {"accept-encoding": accepted}
            async with http.stream("POST", "/graphql", json=query, headers=asked) as small:
                packed = b"".join([part async for part in small.aiter_raw()])
            assert small.headers["content-encoding"] == coding
            assert "accept-encoding" in small.headers["vary"].lower()
            assert "content-encoding" not in whole.headers
            assert UNPACKED[coding](packed) == whole.content
            assert len(packed) < len(whole.content) / 2
            short = await http.post("/graphql", json={"query": "{ __typename }"}, headers=asked)
            assert "content-encoding" not in short.headers

    run(work)


def test_who_finds_too_many_waiting_is_told_when_to_come_again() -> None:
    async def work() -> None:
        limits = {"max_operations": 1, "max_waiting": 2}
        query = {"query": "{ callRecords(first: 1) { nodes { startedAt } } }"}
        async with client(server=limits) as http:
            answers = await asyncio.gather(*(http.post("/graphql", json=query) for _ in range(5)))
            assert [answer.status_code for answer in answers] == [200, 200, 200, 503, 503]
            refused = answers[-1]
            assert refused.headers["retry-after"] == "1"
            error = refused.json()["errors"][0]
            assert error["extensions"] == {"code": "OVERLOADED", "retryAfterSeconds": 1}
            again = await http.post("/graphql", json=query)
            assert again.json()["data"]["callRecords"]["nodes"]

    run(work)

    run(work)


# ---------------------------------------------------------------- the page


def test_a_browser_gets_the_page_only_where_there_is_an_example(send: Send) -> None:
    html = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    shown = send("GET", example=True, headers=html)
    assert shown.status_code == 200
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert "sources" in shown.text
    assert send("GET", headers=html).status_code == 400


@pytest.mark.parametrize("example", [False, True])
def test_a_query_in_the_address_is_answered_and_not_shown(send: Send, example: bool) -> None:
    answer = send("GET", example=example, params={"query": QUERY}, headers={"accept": "text/html"})
    assert answer.json() == {"data": {"sources": [{"id": "portsip"}]}}


@pytest.mark.parametrize("under", ["", "/calls"])
def test_the_front_leads_to_the_page_wherever_the_app_is_mounted(under: str) -> None:
    async def work() -> None:
        async with client(example=QUERY, under=under) as http:
            front = await http.get(f"{under}/")
            assert front.headers["location"] == f"{under}/graphql"
            page = await http.get(front.headers["location"])
            assert page.status_code == 200
            # Where it is not built, the page loads nothing.
            assert f'"{under}/graphql/page/' in page.text or "<script" not in page.text

    run(work)


# ---------------------------------------------------------------- health


SECRET = "hush-hush-8812"
BROKEN: dict[str, Any] = {
    "id": "broken",
    "vendor": "voipnow",
    "credentials": {"client_id": SECRET, "client_secert": SECRET},
}


@pytest.mark.parametrize(
    ("sources", "status", "states"),
    [
        (("portsip",), 200, {"portsip": "READY"}),
        (("portsip", BROKEN), 200, {"portsip": "READY", "broken": "DISABLED"}),
        ((BROKEN,), 503, {"broken": "DISABLED"}),
        (({**BROKEN, "enabled": False},), 503, {"broken": "OFF"}),
    ],
)
def test_readyz_says_whether_any_source_can_be_asked(
    sources: tuple[Any, ...], status: int, states: dict[str, str]
) -> None:
    async def work() -> None:
        async with client(*sources) as http:
            ready = await http.get("/readyz")
            assert ready.status_code == status
            assert ready.json()["sources"] == states
            alive = await http.get("/healthz")
            assert (alive.status_code, alive.json()) == (200, {"status": "ok"})

    run(work)


def test_a_disabled_source_says_why_and_keeps_its_secrets() -> None:
    async def work() -> None:
        async with client("portsip", BROKEN) as http:
            query = (
                "{ sources { id state reason } callRecords(first: 2) "
                "{ complete nodes { id } outcomes { source { id } state message } } }"
            )
            answer = await http.post("/graphql", json={"query": query})
            data = answer.json()["data"]
            broken = data["sources"][1]
            assert broken["state"] == "DISABLED"
            assert "client_secret" in broken["reason"]
            states = {o["source"]["id"]: o["state"] for o in data["callRecords"]["outcomes"]}
            assert states == {"portsip": "OK", "broken": "DISABLED"}
            assert data["callRecords"]["complete"] is False
            assert len(data["callRecords"]["nodes"]) == 2
            ready = await http.get("/readyz")
            assert SECRET not in answer.text + ready.text

    run(work)


# ---------------------------------------------------------------- introspection


def test_introspection_tells_the_whole_schema(send: Send) -> None:
    answer = send("POST", json={"query": get_introspection_query(descriptions=True)})
    told = build_client_schema(answer.json()["data"])
    for name in ("CallRecordConnection", "CallFilter", "VoipnowDetails"):
        assert name in told.type_map
    assert "callRecords(" in print_schema(told)
