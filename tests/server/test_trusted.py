"""Persisted documents: named by their ids, in both forms, over everything that carries GraphQL."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from graph.errors import ConfigError
from graph.schema.trusted import sha256
from graph.server.app import create_app
from tests.server.test_live import greeted, serving_app
from tests.support import Api, product, run

QUERY = "query Sources { sources { id } }"
ONE = "query One($id: ID!) { source(id: $id) { id } }"
DATA = {"sources": [{"id": "portsip"}]}
APOLLO = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [
        {"id": sha256(QUERY), "name": "Sources", "type": "query", "body": QUERY},
        {"id": "x-one", "name": "One", "type": "query", "body": ONE},
    ],
}
PLAIN = {f"sha256:{sha256(QUERY)}": QUERY, "x-one": ONE}


@asynccontextmanager
async def served(
    folder: Path, content: Any = PLAIN, documents: str = "log", **more: Any
) -> AsyncIterator[tuple[Api, httpx.AsyncClient]]:
    file = folder / "documents.json"
    file.write_text(json.dumps(content))
    server = {"documents_file": str(file), "documents": documents, **more}
    async with product("portsip", count=5, server=server) as api:
        carrier = httpx.ASGITransport(app=create_app(api.graph))
        async with httpx.AsyncClient(transport=carrier, base_url="http://here") as http:
            yield api, http


def apollo(hashed: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hashed}}}


def codes(answer: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("content", [APOLLO, PLAIN], ids=["apollo", "plain"])
@pytest.mark.parametrize("documents", ["log", "require"])
@pytest.mark.parametrize(
    "named",
    [
        {"documentId": f"sha256:{sha256(QUERY)}"},
        {"documentId": sha256(QUERY)},
        apollo(sha256(QUERY)),
        {"query": QUERY},
        {"query": QUERY, **apollo(sha256(QUERY))},
        {"query": None, "documentId": sha256(QUERY)},
    ],
)
def test_a_known_document_is_answered(
    tmp_path: Path, content: Any, documents: str, named: dict[str, Any]
) -> None:
    async def work() -> None:
        async with served(tmp_path, content, documents) as (_, http):
            posted = await http.post("/graphql", json=named)
            assert posted.json() == {"data": DATA}
            params = {
                key: value if isinstance(value, str) else json.dumps(value)
                for key, value in named.items()
                if value is not None
            }
            got = await http.get("/graphql", params=params)
            assert got.json() == {"data": DATA}

    run(work)


def test_an_id_of_the_vendors_own_and_variables_work_as_ever(tmp_path: Path) -> None:
    async def work() -> None:
        async with served(tmp_path, APOLLO, "require", graphiql=True) as (_, http):
            body = {"documentId": "x-one", "variables": {"id": "portsip"}}
            assert (await http.post("/graphql", json=body)).json() == {
                "data": {"source": {"id": "portsip"}}
            }
            # Where there is a page, too, an address that names a document asks.
            params = {"documentId": "x-one", "variables": '{"id": "portsip", "documentId": "x"}'}
            answer = await http.get("/graphql", params=params, headers={"accept": "text/html"})
            assert answer.json()["data"] == {"source": {"id": "portsip"}}

    run(work)


@pytest.mark.parametrize("documents", ["log", "require"])
@pytest.mark.parametrize("named", [{"documentId": "no"}, apollo("0" * 64)])
def test_an_unknown_id_is_told_so_that_clients_send_the_text(
    tmp_path: Path, documents: str, named: dict[str, Any]
) -> None:
    async def work() -> None:
        async with served(tmp_path, PLAIN, documents) as (_, http):
            answer = await http.post("/graphql", json=named)
            assert codes(answer) == ["PERSISTED_QUERY_NOT_FOUND"]
            assert answer.json()["errors"][0]["message"] == "PersistedQueryNotFound"
        async with product("portsip", count=5) as api:
            carrier = httpx.ASGITransport(app=create_app(api.graph))
            async with httpx.AsyncClient(transport=carrier, base_url="http://here") as http:
                answer = await http.post("/graphql", json=named)
                assert codes(answer) == ["PERSISTED_QUERY_NOT_SUPPORTED"]

    run(work)


@pytest.mark.parametrize(
    "query", ["{ sources { id } }", QUERY + " ", "{ __schema { types { name } } }"]
)
def test_any_other_text_is_refused_where_ids_are_required(tmp_path: Path, query: str) -> None:
    async def work() -> None:
        async with served(tmp_path, PLAIN, "require") as (api, http):
            answer = await http.post("/graphql", json={"query": query})
            assert codes(answer) == ["PERSISTED_QUERY_REQUIRED"]
            assert "documents_file" in answer.json()["errors"][0]["message"]
            # Naming a document does not make another text a known one.
            both = {"query": query, "documentId": sha256(QUERY)}
            assert codes(await http.post("/graphql", json=both)) == ["PERSISTED_QUERY_REQUIRED"]
        async with served(tmp_path, PLAIN, "log") as (api, http):
            told = await api.ask(query)
            assert not told.errors

    run(work)


def test_a_text_that_is_not_persisted_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with served(tmp_path) as (_, http):
            with caplog.at_level("INFO"):
                for query in (QUERY, "{ __typename }", "{ __typename }", "{ wrong }", "{ wrong }"):
                    await http.post("/graphql", json={"query": query})
            told = [r for r in caplog.records if r.message == "a document that is not persisted"]
            assert len(told) == 2
            assert told[0].__dict__["facts"] == {"document": sha256("{ __typename }")}

    run(work)


def test_a_socket_takes_ids_too(tmp_path: Path) -> None:
    async def work() -> None:
        async with (
            served(tmp_path, PLAIN, "require") as (api, _),
            serving_app(create_app(api.graph)) as address,
            greeted(address) as client,
        ):
            for id, payload in (
                ("1", {"documentId": sha256(QUERY)}),
                ("2", {"documentId": "no"}),
                ("3", {"query": "{ __typename }"}),
            ):
                await client.send(id=id, type="subscribe", payload=payload)
                told = await client.message()
                assert told["id"] == id
                if id == "1":
                    assert told["payload"] == {"data": DATA}
                    assert (await client.message())["type"] == "complete"
                else:
                    assert told["type"] == "error"
                    assert told["payload"][0]["extensions"]["code"].startswith("PERSISTED_QUERY")

    run(work)


@pytest.mark.parametrize(
    "content", ["[", "[1]", '{"a": 1}', '{"format": "other", "operations": []}']
)
def test_a_file_that_is_none_is_told_in_one_line(tmp_path: Path, content: str) -> None:
    async def work() -> None:
        file = tmp_path / "documents.json"
        file.write_text(content)
        with pytest.raises(ConfigError, match=r"server\.documents_file"):
            async with product("portsip", count=5, server={"documents_file": str(file)}):
                pass

    run(work)
