"""The published ways to wear a GraphQL server out: each is refused, clearly and soon."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.config import Limits
from graph.schema import limits
from graph.schema.documents import Documents
from graph.server.app import create_app
from tests import virtual_time
from tests.support import Api, product, run

MOST_SECONDS = 5.0
"""of this process's own work, however busy the machine is; many times what the slowest of them
takes, and without a limit some would take hours"""


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[asyncio.Runner, Api, httpx.AsyncClient]]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        api = runner.run(stack.enter_async_context(product("portsip", count=20)))
        carrier = httpx.ASGITransport(app=create_app(api.graph))
        http = httpx.AsyncClient(transport=carrier, base_url="http://here")
        runner.run(stack.enter_async_context(http))
        yield runner, api, http
        runner.run(stack.aclose())


Served = tuple[asyncio.Runner, Api, httpx.AsyncClient]


def refused(served: Served, body: Any) -> dict[str, Any]:
    """The one kind of error that this body is refused with, in time, and without any request"""
    runner, api, http = served
    before = api.requests("portsip")
    began = time.process_time()
    answer = runner.run(http.post("/graphql", json=body))
    assert time.process_time() - began < MOST_SECONDS
    assert answer.status_code < 500
    assert len(answer.content) < 20_000  # an answer is no amplifier
    assert api.requests("portsip") == before
    told = answer.json()
    assert "data" not in told or told["data"] is None
    [extensions] = {json.dumps(error["extensions"]) for error in told["errors"]}
    found: dict[str, Any] = json.loads(extensions)
    return found


def nested(times: int) -> str:
    return "{callRecords{nodes" + "{logs{record" * times + "{id}" + "}}" * times + "}}"


def chain(length: int, spreads: int, field: str = "__typename") -> str:
    """Fragments that each spread the next one so many times"""
    links = "".join(
        f" fragment f{n} on Query {{" + f" ...f{n + 1}" * spreads + "}" for n in range(length)
    )
    return f"{{...f0}}{links} fragment f{length} on Query {{{field}}}"


def circle(length: int, *, all_to_all: bool) -> str:
    return "{...f0}" + "".join(
        f" fragment f{n} on Query {{"
        + "".join(f" ...f{m}" for m in (range(length) if all_to_all else [(n + 1) % length]))
        + "}"
        for n in range(length)
    )


def overlapping(fragments: int) -> str:
    spreads = "".join(f" ...f{n}" for n in range(fragments))
    return f"{{sources{{{spreads}}}}}" + "".join(
        f" fragment f{n} on Source {{id name capabilities {{logs}}}}" for n in range(fragments)
    )


LISTS = "{__schema{types{fields{type{fields{type{fields{name}}}}}}}}"


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        (nested(7), "depth"),
        (nested(60), "depth"),
        (nested(10_000), "depth"),
        ("{a" * 20_000 + "}" * 20_000, "depth"),
        ("query($a:" + "[" * 5000 + "Int" + "]" * 5000 + "){__typename}", "depth"),
        ("{" + "".join(f" a{n}: __typename" for n in range(101)) + "}", "aliases"),
        ("{sources{" + "".join(f" a{n}: id" for n in range(101)) + "}}", "aliases"),
        ("{" + "".join(f" a{n}: __typename" for n in range(2000)) + "}", "tokens"),
        ("{__typename" + " @include(if: true)" * 51 + "}", "directives"),
        ("{__typename" + "@aa" * 51 + "}", "directives"),
        ("query" + " @a" * 51 + "{__typename}", "directives"),
        ("query($a: Int" + " @a" * 51 + "){__typename}", "directives"),
        ("{" + " __typename" * 500 + "}", "root_fields"),
        ("{sources{" + " id" * 500 + "}}", "repeated_fields"),
        ("{sources{" + " id" * 5000 + "}}", "tokens"),
        ("{sources{" + "".join(f" x{n}" for n in range(2001)) + "}}", "fields"),
        (chain(10, 2, "sources{id name state}"), "fields"),
        (chain(90, 2), "fields"),
        (chain(90, 9), "fields"),
        (overlapping(250), "comparisons"),
        ("{__typename}" + "#\n" * 100_000, "tokens"),
        ("{nodes(ids:[" + "1," * 4000 + "]){id}}", "tokens"),
        (LISTS, "introspection_lists"),
    ],
    ids=lambda value: value if len(value) < 24 else f"{value[:20]}…{len(value)}",
)
def test_a_document_beyond_a_limit_is_refused_by_its_name(
    served: Served, query: str, limit: str
) -> None:
    told = refused(served, {"query": query})
    assert told["code"] == "LIMIT_EXCEEDED"
    assert told["limit"] == limit
    assert told["asked"] > told["allowed"] > 0


@pytest.mark.parametrize(
    "query",
    [
        circle(1, all_to_all=False),
        circle(100, all_to_all=False),
        circle(35, all_to_all=True),
        chain(300, 1),
        "{" + "a" * 400_000 + "}",
        "{sources{" + "".join(f" x{n}" for n in range(1900)) + "}}",
        "query(" + " ".join(f"$a{n}:Int" for n in range(990)) + "){__typename}",
    ],
    ids=lambda value: f"{value[:20]}…{len(value)}",
)
def test_a_document_that_is_none_is_refused_soon(served: Served, query: str) -> None:
    code = refused(served, {"query": query})["code"]
    assert code in ("GRAPHQL_INVALID", "LIMIT_EXCEEDED")


@pytest.mark.parametrize(
    "query",
    [
        '{source(id: "' + "\\u0041" * 60_000 + '"){id}}',
        '{source(id: """' + "a\n" * 150_000 + '"""){id}}',
        "{__typename}#" + "x" * 480_000,
        "{__typename" + "," * 480_000 + "}",
    ],
    ids=lambda value: f"{value[:20]}…{len(value)}",
)
def test_a_long_text_of_few_tokens_is_read_soon(served: Served, query: str) -> None:
    runner, _, http = served
    began = time.process_time()
    answer = runner.run(http.post("/graphql", json={"query": query}))
    assert time.process_time() - began < MOST_SECONDS
    assert "errors" not in answer.json()


def deep(levels: int) -> Any:
    made: Any = {}
    for _ in range(levels):
        made = {"a": [made]}
    return made


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"ids": ["x"] * 5001}, "LIMIT_EXCEEDED"),
        ({"ids": [["x"] * 100] * 100}, "LIMIT_EXCEEDED"),
        ({f"v{n}": 1 for n in range(5001)}, "LIMIT_EXCEEDED"),
        ({"ids": ["x"] * 1001}, "BAD_USER_INPUT"),
        ({"ids": deep(200)}, "GRAPHQL_INVALID"),
    ],
    ids=["many", "many in many", "many names", "more than a page", "deep"],
)
def test_variables_that_hold_too_much_are_refused(
    served: Served, variables: Any, told: str
) -> None:
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert refused(served, {"query": query, "variables": variables})["code"] == told


@pytest.mark.parametrize("size", [2, 10, 1000])
def test_several_operations_in_one_body_are_refused(served: Served, size: int) -> None:
    assert refused(served, [{"query": "{__typename}"}] * size)["code"] == "BAD_REQUEST"


# ---------------------------------------------------------------- bodies


async def parts(size: int, taken: list[int]) -> AsyncIterator[bytes]:
    """A body that never ends by itself; `taken` counts what was read of it"""
    while True:
        taken.append(size)
        yield b" " * size


def test_a_body_is_refused_while_it_comes() -> None:
    async def work() -> None:
        async with product("portsip", count=5, server={"limits": {"body_bytes": 10_000}}) as api:
            carrier = httpx.ASGITransport(app=create_app(api.graph))
            async with httpx.AsyncClient(transport=carrier, base_url="http://here") as http:
                taken: list[int] = []
                answer = await http.post(
                    "/graphql",
                    content=parts(1000, taken),
                    headers={"content-type": "application/json"},
                )
                assert answer.status_code == 413
                [error] = answer.json()["errors"]
                assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
                assert error["extensions"]["limit"] == "body_bytes"
                assert sum(taken) <= 12_000

    run(work)


def test_a_body_that_trickles_in_is_given_up() -> None:
    async def work() -> None:
        async def slow() -> AsyncIterator[bytes]:
            yield b"{"
            await asyncio.Event().wait()

        async with product("portsip", count=5, server={"limits": {"body_timeout_ms": 9000}}) as api:
            carrier = httpx.ASGITransport(app=create_app(api.graph))
            async with httpx.AsyncClient(transport=carrier, base_url="http://here") as http:
                answer = await http.post(
                    "/graphql", content=slow(), headers={"content-type": "application/json"}
                )
                assert answer.status_code == 408
                assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"

    virtual_time.run(work)


# ---------------------------------------------------------------- what may be asked all the same


def test_what_tools_ask_of_the_schema_is_within_the_limits(served: Served) -> None:
    runner, api, _ = served
    query = get_introspection_query(
        specified_by_url=True, directive_is_repeatable=True, input_value_deprecation=True
    )
    assert "types" in runner.run(api.good(query))["__schema"]


def test_introspection_and_suggestions_can_be_switched_off() -> None:
    async def work() -> None:
        off = {"introspection": False, "suggestions": False}
        async with product("portsip", count=5, server=off) as api:
            told = await api.ask("{ __schema { types { name } } }")
            assert told.data is None
            assert "introspection" in told.errors[0]["message"]
            assert (await api.good("{ __typename }")) == {"__typename": "Query"}
            for query in ("{ sorces { id } }", '{ source(idd: "x") { id } }'):
                assert "Did you mean" not in str((await api.ask(query)).errors)
            unit = "query($u: CallUnit) { callRecords(unit: $u) { complete } }"
            wrong = await api.ask(unit, u="LEGG")
            assert wrong.errors
            assert "Did you mean" not in wrong.errors[0]["message"]
        async with product("portsip", count=5) as api:
            for query in ("{ sorces { id } }", '{ source(idd: "x") { id } }'):
                assert "Did you mean" in str((await api.ask(query)).errors)

    run(work)


# ---------------------------------------------------------------- laws


SPREADS = st.lists(st.lists(st.integers(0, 6), max_size=3), min_size=7, max_size=7)


@settings(max_examples=200)
@given(SPREADS)
def test_fragments_count_as_often_as_they_are_spread(spreads: list[list[int]]) -> None:
    """Against the plain definition: opening every spread, which only small trees can bear"""
    from graphql import parse

    forward = {n: [m for m in inner if m > n] for n, inner in enumerate(spreads)}
    text = "{ a { ...f0 } }" + "".join(
        f" fragment f{n} on Query {{ x: b {{ c @d }} {''.join(f'...f{m} ' for m in inner)}}}"
        for n, inner in forward.items()
    )

    def opened(n: int) -> int:
        return 2 + sum(opened(m) for m in forward[n])

    size = limits.measure(parse(text))
    assert size.fields == 1 + opened(0)
    assert size.aliases == size.directives == opened(0) // 2
    assert size.depth == 3
    assert size.root_fields == 1


@settings(max_examples=100)
@given(SPREADS)
def test_counting_ends_whatever_spreads_what(spreads: list[list[int]]) -> None:
    from graphql import parse

    text = "{ ...f0 }" + "".join(
        f" fragment f{n} on Query {{ a {''.join(f'...f{m} ' for m in inner)}}}"
        for n, inner in enumerate(spreads)
    )
    assert limits.measure(parse(text)).fields >= 1


def test_kept_documents_never_take_more_than_their_room() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            kept: Documents = api.graph.documents
            for n in range(300):
                long = "x" * 1000 * (n % 40)
                assert not kept.read(f"query Q{n} {{ sources {{ id }} }} # {long}").errors
                kept.read(f"{{ wrong{n} }}")
            texts = list(kept._kept)
            assert not any("wrong" in text for text in texts)
            assert texts[-1].startswith("query Q299 ")
            assert sum(map(len, texts)) < 12_000_000
            first = kept.read(texts[0])
            assert kept.read(texts[0]) is first
            assert kept._tokens <= 100_000

    run(work)


def test_every_limit_has_words_of_its_own() -> None:
    counted = set(limits.Size.__struct_fields__)
    assert counted <= set(Limits.__struct_fields__)
    assert counted == set(limits._SAYS)
