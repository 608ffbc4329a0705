"""Clients, gateways and code generators from npm, each against the product as it is served."""

from __future__ import annotations

import asyncio
import fcntl
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from graph.server.app import create_app
from tests.clients.serving import serve
from tests.support import product

HERE = Path(__file__).parent / "node"
TOP = Path(__file__).parent.parent.parent
SCHEMA, README = TOP / "schema.graphql", TOP / "README.md"
INSTALL = ("ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
SOURCES = ("portsip", "yeastar", "voipnow")
IDS = "{ callRecords(first: 1000) { nodes { id } } }"


@pytest.fixture(scope="module")
def node() -> str:
    """Node.js with the packages installed, once for however many processes run these tests"""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None:
        pytest.skip("needs Node.js 20 or later with npm")
    wanted = (HERE / "package-lock.json").read_bytes()
    with (HERE / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        installed = HERE / "node_modules" / ".installed"
        if not installed.exists() or installed.read_bytes() != wanted:
            subprocess.run([npm, *INSTALL], cwd=HERE, check=True, timeout=240, capture_output=True)
            installed.write_bytes(wanted)
    return found


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, list[str]]]:
    """The endpoint of a subgraph over three systems, and the ids of all its calls in order"""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        server = {"federation": True}
        made = product(*SOURCES, count=30, server=server)
        api = runner.run(stack.enter_async_context(made))
        told = runner.run(api.good(IDS))["callRecords"]["nodes"]
        with serve(create_app(api.graph)) as base:
            yield f"{base}/graphql", [node["id"] for node in told]
        runner.run(stack.aclose())


def ran(node: str, *arguments: str) -> str:
    """What Node.js prints"""
    done = subprocess.run(
        [node, *arguments], cwd=HERE, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def tell(node: str, script: str, *arguments: str) -> Any:
    """What a script prints, as JSON"""
    return json.loads(ran(node, script, *arguments))


def test_every_audit_of_graphql_over_http_is_passed(
    node: str, served: tuple[str, list[str]]
) -> None:
    assert tell(node, "audit.mjs", served[0]) == {"audits": 61, "failed": []}


def test_a_gateway_joins_it_with_a_second_subgraph_and_resolves_entities_across(
    node: str, served: tuple[str, list[str]]
) -> None:
    url, ids = served
    told = tell(node, "supergraph.mjs", url)
    assert told["errors"] == []
    assert told["hints"] == []
    assert told["hidden"] is True

    there = told["there"]
    assert "errors" not in there
    tickets = there["data"]["tickets"]
    assert [ticket["call"]["id"] for ticket in tickets] == ids[:3]
    assert all(ticket["call"]["startedAt"].startswith("2026-03-0") for ticket in tickets)

    back = told["back"]
    assert "errors" not in back
    nodes = back["data"]["callRecords"]["nodes"]
    assert [one["note"] for one in nodes] == [f"a note on {id}" for id in ids[:3]]
    assert all(one["source"]["contact"] == f"{one['source']['id']}@example.com" for one in nodes)


@pytest.mark.parametrize("client", ["apollo", "urql"])
def test_a_client_pages_through_every_call_once(
    node: str, served: tuple[str, list[str]], client: str
) -> None:
    url, ids = served
    assert tell(node, "clients.mjs", url, client) == ids


def test_relay_compiles_a_paginated_fragment_and_pages_with_it(
    node: str, served: tuple[str, list[str]]
) -> None:
    url, ids = served
    told = tell(node, "relay.mjs", url, str(SCHEMA))
    assert "Compilation completed" in told["told"]
    assert told["ids"] == ids


@pytest.mark.parametrize("client", ["ws", "sse", "urql"])
def test_a_client_hears_a_subscription_to_its_end(
    node: str, served: tuple[str, list[str]], client: str
) -> None:
    url, ids = served
    told = tell(node, "subscriptions.mjs", url, ids[0], client)
    assert told == [{"state": "FOUND", "record": {"id": ids[0]}}]


def test_types_for_typescript_are_made_out_of_the_schema(node: str) -> None:
    made = tell(node, "types.mjs", str(SCHEMA))["made"]
    assert "export type CallsQuery = " in made
    assert "export type CallsQueryVariables = Exact<{" in made
    assert "startedAt: string" in made


def test_the_typescript_example_of_readme_prints_every_call(
    node: str, served: tuple[str, list[str]]
) -> None:
    url, ids = served
    (found,) = re.findall(r"```typescript\n(.*?)```", README.read_text(), re.DOTALL)
    plain = found.replace("after: string | null", "after")  # Node.js 20 knows no types
    pointed = plain.replace("http://127.0.0.1:8000/graphql", url)
    assert pointed != plain
    printed = ran(node, "--input-type=module", "--eval", pointed)
    assert len(printed.splitlines()) == len(ids)
