"""What browsers may do with this server, what every answer carries, and who stands in front."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp

from graph.config import ServerSettings
from graph.server.app import create_app
from graph.server.run import _how, _Server, bind
from tests.support import product, run

QUERY = {"query": "{ sources { id } }"}
OURS = "https://calls.example.com"


@asynccontextmanager
async def client(**server: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with product("portsip", count=5, server=server) as api:
        carrier = httpx.ASGITransport(app=create_app(api.graph))
        async with httpx.AsyncClient(transport=carrier, base_url="http://here") as http:
            yield http


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        # no browser, or one that says nothing
        ({}, True),
        # a page of ours, an address that somebody typed
        ({"sec-fetch-site": "same-origin", "origin": "http://here"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"origin": "http://here"}, True),
        # behind a proxy that has another name for us
        ({"sec-fetch-site": "same-origin", "origin": "https://public.example.com"}, True),
        # a page of a site that is allowed
        ({"sec-fetch-site": "cross-site", "origin": OURS}, True),
        ({"origin": OURS}, True),
        # any other page
        ({"sec-fetch-site": "cross-site", "origin": "https://evil.example"}, False),
        ({"sec-fetch-site": "same-site", "origin": "http://other.here"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://calls.example.com.evil.example"}, False),
        ({"origin": "null"}, False),
        # an image, a script, a form, a link of any other page
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, False),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_only_pages_of_allowed_sites_may_ask(
    method: str, headers: Mapping[str, str], allowed: bool
) -> None:
    async def work() -> None:
        async with client(allowed_origins=[OURS]) as http:
            how: Any = {"params": QUERY} if method == "GET" else {"json": QUERY}
            answer = await http.request(method, "/graphql", headers=dict(headers), **how)
            assert answer.status_code == (200 if allowed else 403)
            if allowed:
                assert answer.json() == {"data": {"sources": [{"id": "portsip"}]}}
            else:
                [error] = answer.json()["errors"]
                assert error["extensions"]["code"] == "FORBIDDEN"
                assert "server.allowed_origins" in error["message"]

    run(work)


def test_a_link_of_another_site_may_open_the_page() -> None:
    async def work() -> None:
        async with client(graphiql=True) as http:
            headers = {
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "accept": "text/html",
            }
            page = await http.get("/graphql", headers=headers)
            assert page.status_code == 200
            assert page.headers["content-type"].startswith("text/html")
            asked = await http.get("/graphql", params=QUERY, headers=headers)
            assert asked.status_code == 403

    run(work)


@pytest.mark.parametrize("asked", [True, False])
def test_the_page_is_there_only_where_it_was_asked_for(asked: bool) -> None:
    async def work() -> None:
        async with client(graphiql=asked) as http:
            page = await http.get("/graphql", headers={"accept": "text/html"})
            assert page.status_code == (200 if asked else 400)
            assert asked or "server.graphiql" in page.json()["errors"][0]["message"]

    run(work)


PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type, authorization",
}


def test_a_browser_that_asks_first_is_told_what_an_allowed_page_may() -> None:
    async def work() -> None:
        async with client(allowed_origins=[OURS]) as http:
            told = await http.options("/graphql", headers={"origin": OURS, **PREFLIGHT})
            assert told.status_code == 200
            assert told.headers["access-control-allow-origin"] == OURS
            assert "authorization" in told.headers["access-control-allow-headers"]
            assert "access-control-allow-credentials" not in told.headers
            asked = await http.post("/graphql", json=QUERY, headers={"origin": OURS})
            assert asked.headers["access-control-allow-origin"] == OURS
            assert "retry-after" in asked.headers["access-control-expose-headers"]
            evil = await http.options(
                "/graphql", headers={"origin": "https://evil.example", **PREFLIGHT}
            )
            assert evil.status_code >= 400
            assert "access-control-allow-origin" not in evil.headers
        async with client() as http:
            told = await http.options("/graphql", headers={"origin": OURS, **PREFLIGHT})
            assert told.status_code >= 400
            assert "access-control-allow-origin" not in told.headers

    run(work)


@pytest.mark.parametrize("path", ["/graphql?query={__typename}", "/healthz", "/readyz", "/none"])
def test_every_answer_says_what_browsers_must_not_do_with_it(path: str) -> None:
    async def work() -> None:
        async with client() as http:
            headers = (await http.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["content-security-policy"].startswith("default-src 'none'")
            assert len(headers.get_list("content-security-policy")) == 1
            assert "strict-transport-security" not in headers

    run(work)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a-request.of:mine_1", True),
        ("4bf92f3577b34da6a3ce929d0e0e4736", True),
        ("x" * 129, False),
        ("two words", False),
        ("<b>", False),
        ("", False),
        (None, False),
    ],
)
def test_a_request_has_one_id_and_keeps_a_sane_one(given: str | None, kept: bool) -> None:
    async def work() -> None:
        async with client() as http:
            headers = {} if given is None else {"x-request-id": given}
            query = "{ callRecords(first: 1, options: {explain: true}) { complete } }"
            answer = await http.post("/graphql", json={"query": query}, headers=headers)
            [id] = answer.headers.get_list("x-request-id")
            assert answer.json()["extensions"]["plan"][0]["requestId"] == id
            if kept:
                assert id == given
            else:
                assert re.fullmatch("[a-z]{16}", id)

    run(work)


# ---------------------------------------------------------------- proxies


@asynccontextmanager
async def behind(app: ASGIApp, settings: ServerSettings) -> AsyncIterator[str]:
    """The app on a loopback port, told of its proxies"""
    listener = bind("127.0.0.1", 0)
    server = _Server(uvicorn.Config(app, lifespan="off", **_how(settings)))
    task = asyncio.create_task(server.serve([listener]))
    async with asyncio.timeout(60):
        while not server.started:  # noqa: ASYNC110  # there is nothing that tells
            await asyncio.sleep(0)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


@pytest.mark.parametrize(
    ("proxies", "believed"),
    [([], False), (["127.0.0.1"], True), (["127.0.0.0/8"], True), (["10.0.0.1"], False)],
)
def test_only_a_trusted_proxy_is_believed(proxies: list[str], believed: bool) -> None:
    async def work() -> None:
        server = {"trusted_proxies": proxies, "root_path": "/calls"}
        async with product("portsip", count=5, server=server) as api:
            app, settings = create_app(api.graph), api.graph.settings.server
            async with behind(app, settings) as address, httpx.AsyncClient() as http:
                answer = await http.post(
                    f"{address}/graphql", json=QUERY, headers={"x-forwarded-proto": "https"}
                )
                assert answer.status_code == 200
                assert "server" not in answer.headers
                assert ("strict-transport-security" in answer.headers) is believed
                front = await http.get(address + "/")
                assert front.headers["location"] == "/calls/graphql"

    run(work)


def test_a_proxy_closes_idle_connections_before_the_server_does() -> None:
    nginx_keepalive_timeout = 60
    assert _how(ServerSettings())["timeout_keep_alive"] > nginx_keepalive_timeout
