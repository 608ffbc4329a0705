"""What a gateway of Apollo Federation asks of a subgraph, and what it must not learn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from graphql import build_schema

from graph.schema.build import sdl
from graph.schema.federation import ENTITIES
from tests.support import Api, product, run

LIST = """{ callRecords(first: 3) { nodes { id startedAt caller { number } } }
            callLogs(first: 2) { nodes { id startedAt } } }"""
ENTITY = """query ($these: [_Any!]!) { _entities(representations: $these) { __typename
    ... on CallRecord { id startedAt caller { number } }
    ... on CallLog { id startedAt }
    ... on CallReport { id name }
    ... on CompletedCallReport { id name }
    ... on Source { id vendor } } }"""


@asynccontextmanager
async def subgraph(*sources: str, **options: Any) -> AsyncIterator[Api]:
    async with product(*sources, server={"federation": True}, count=40, **options) as api:
        yield api


def test_the_sdl_names_each_entity_by_its_id_and_is_otherwise_the_plain_one() -> None:
    plain, federated = sdl(), sdl(federation=True)
    for entity in ENTITIES:
        (line,) = [line for line in federated.splitlines() if line.startswith(f"type {entity} ")]
        assert '@key(fields: "id")' in line
    assert "type PageInfo @shareable" in federated
    assert federated.count("@inaccessible") == 3  # where it is imported, `node` and `nodes`
    declared = """
        scalar FieldSet
        directive @link(url: String!, import: [String]) on SCHEMA
        directive @key(fields: FieldSet!) on OBJECT
        directive @shareable on OBJECT
        directive @inaccessible on FIELD_DEFINITION
        """
    names = set(build_schema(federated + declared).type_map)
    assert names == set(build_schema(plain).type_map) | {"FieldSet"}


def test_a_gateway_is_told_the_sdl_that_the_command_prints() -> None:
    async def work() -> None:
        async with subgraph("portsip") as api:
            data = await api.good("{ _service { sdl } }")
            assert data["_service"]["sdl"] == sdl(federation=True)

    run(work)


def test_entities_are_what_lists_give_in_the_order_of_their_keys() -> None:
    async def work() -> None:
        async with subgraph("portsip", "yeastar") as api:
            lists = await api.good(LIST)
            records, logs = lists["callRecords"]["nodes"], lists["callLogs"]["nodes"]
            wanted = [
                *({"__typename": "CallRecord", "id": record["id"]} for record in records),
                {"__typename": "Source", "id": "yeastar"},
                *({"__typename": "CallLog", "id": log["id"]} for log in logs),
            ]
            found = (await api.good(ENTITY, these=wanted))["_entities"]
            assert found == [
                *({"__typename": "CallRecord", **record} for record in records),
                {"__typename": "Source", "id": "yeastar", "vendor": "YEASTAR"},
                *({"__typename": "CallLog", **log} for log in logs),
            ]

    run(work)


def test_one_entity_asked_for_twice_costs_one_request() -> None:
    async def work() -> None:
        async with subgraph("portsip") as api:
            (first, *_) = (await api.good(LIST))["callRecords"]["nodes"]
            before = api.requests("portsip")
            these = [{"__typename": "CallRecord", "id": first["id"]}] * 3
            found = (await api.good(ENTITY, these=these))["_entities"]
            assert found == [{"__typename": "CallRecord", **first}] * 3
            assert api.requests("portsip") == before + 1

    run(work)


def test_what_is_of_another_type_or_of_no_source_is_null() -> None:
    async def work() -> None:
        async with subgraph("portsip") as api:
            (log, *_) = (await api.good(LIST))["callLogs"]["nodes"]
            these = [
                {"__typename": "CallRecord", "id": log["id"]},
                {"__typename": "Source", "id": "elsewhere"},
                {"__typename": "CallReport", "id": log["id"]},
            ]
            assert (await api.good(ENTITY, these=these))["_entities"] == [None] * 3

    run(work)


@pytest.mark.parametrize(
    ("representation", "argument"),
    [
        ({"id": "x"}, "representations[1]"),
        ({"__typename": "CallRecord"}, "representations[1]"),
        ({"__typename": "CallRecord", "id": 7}, "representations[1]"),
        ("CallRecord", "representations[1]"),
        ({"__typename": "Query", "id": "x"}, "representations[1].__typename"),
        ({"__typename": "CallRecord", "id": "x"}, "representations[1].id"),
    ],
)
def test_a_bad_representation_is_named_and_costs_no_other(
    representation: object, argument: str
) -> None:
    async def work() -> None:
        async with subgraph("portsip") as api:
            these = [{"__typename": "Source", "id": "portsip"}, representation]
            answered = await api.ask(ENTITY, these=these)
            (error,) = answered.errors
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
            assert error["extensions"]["argument"] == argument
            assert error["path"] == ["_entities", 1]
            assert [one and one["id"] for one in answered.data["_entities"]] == ["portsip", None]

    run(work)


def test_more_entities_than_a_page_may_have_are_refused() -> None:
    async def work() -> None:
        async with subgraph("portsip") as api:
            these = [{"__typename": "Source", "id": "portsip"}] * 1001
            (error,) = (await api.ask(ENTITY, these=these)).errors
            assert error["extensions"]["argument"] == "representations"

    run(work)


def test_a_plain_server_is_no_subgraph() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            (error,) = (await api.ask("{ _service { sdl } }")).errors
            assert error["extensions"]["code"] == "GRAPHQL_INVALID"

    run(work)
