"""What can be seen of a server that runs: numbers, spans, lines in the log."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from graph import observe, spans
from graph.server.app import create_app
from tests.support import Api, product, run

NUMBER = "+4930123456789"
LIST = "query Newest { callRecords(first: 3) { complete nodes { id } } }"


@asynccontextmanager
async def served(*sources: str, **server: Any) -> AsyncIterator[tuple[Api, httpx.AsyncClient]]:
    async with product(*(sources or ("portsip",)), count=40, server=server) as api:
        carrier = httpx.ASGITransport(app=create_app(api.graph))
        async with httpx.AsyncClient(transport=carrier, base_url="http://here") as http:
            yield api, http


async def numbers(http: httpx.AsyncClient) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every number of `/metrics` by its name and the values of its labels"""
    answer = await http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


# ---------------------------------------------------------------- numbers


def test_operations_are_counted_by_kind_and_outcome() -> None:
    async def work() -> None:
        async with served("portsip", "yeastar") as (api, http):
            for query in (
                LIST,
                LIST,
                "{ nothing }",
                "{ callRecords(first: -1) { complete } }",
                "{ sources {" + " id" * 100 + "} }",
                "{",
            ):
                await http.post("/graphql", json={"query": query})
            api.worlds["yeastar"].fault("status", status=500, times=0)
            await http.post("/graphql", json={"query": LIST})
            api.worlds["portsip"].fault("status", status=500, times=0)
            await http.post("/graphql", json={"query": LIST})
            told = await numbers(http)
            of = {
                labels: value
                for (name, labels), value in told.items()
                if name == "cdr_graph_operations_total"
            }
            assert of == {
                ("query", "ok"): 2,
                ("query", "partial"): 1,
                ("query", "failed"): 1,
                ("query", "invalid"): 2,
                ("query", "limit"): 1,
                ("none", "invalid"): 1,
            }
            assert told["cdr_graph_operations_in_flight", ("query",)] == 0
            assert told["cdr_graph_operation_seconds_count", ("query",)] == 7

    run(work)


def test_what_is_sent_to_sources_is_counted_as_the_twins_count_it() -> None:
    async def work() -> None:
        async with served("portsip", "yeastar") as (api, http):
            await http.post("/graphql", json={"query": LIST})
            api.worlds["yeastar"].fault("status", status=500, times=0)
            await http.post("/graphql", json={"query": LIST})
            told = await numbers(http)
            for source in ("portsip", "yeastar"):
                sent = sum(
                    value
                    for (name, labels), value in told.items()
                    if name == "cdr_graph_upstream_requests_total" and labels[0] == source
                )
                assert sent == api.requests(source) > 0
                assert told["cdr_graph_upstream_request_seconds_count", (source,)] == sent
                assert told["cdr_graph_upstream_in_flight", (source,)] == 0
                assert told["cdr_graph_upstream_queue", (source,)] == 0
                assert told["cdr_graph_upstream_bytes_total", (source,)] > 100
            failed = told["cdr_graph_upstream_requests_total", ("yeastar", "UNAVAILABLE")]
            assert failed == 3
            assert told["cdr_graph_upstream_retries_total", ("yeastar",)] == failed - 1
            assert told["cdr_graph_upstream_retries_total", ("portsip",)] == 0
            assert told["cdr_graph_breaker_open", ("portsip",)] == 0
            for _ in range(3):
                await http.post("/graphql", json={"query": LIST})
            assert (await numbers(http))["cdr_graph_breaker_open", ("yeastar",)] == 1

    run(work)


def test_words_that_no_table_knows_are_counted_for_each_source() -> None:
    async def work() -> None:
        async with served("portsip", "vcclive") as (api, http):
            query = {"query": "{ callRecords(first: 50) { nodes { direction disposition } } }"}
            await http.post("/graphql", json=query)
            assert (await numbers(http))["cdr_graph_unknown_words_total", ("portsip",)] == 0
            api.worlds["portsip"].fault("unknown", times=0)
            await http.post("/graphql", json=query)
            told = await numbers(http)
            counted = api.graph.sources.live["portsip"].site.unknown_words
            assert told["cdr_graph_unknown_words_total", ("portsip",)] == counted.total() > 0
            assert told["cdr_graph_unknown_words_total", ("vcclive",)] == 0
            assert not any(word in str(told) for word in counted)

    run(work)


def test_no_caller_can_make_new_labels() -> None:
    async def work() -> None:
        async with served() as (_, http):
            before: set[Any] = set()
            for n in range(30):
                name = f"Q{n}"
                body = {"query": f"query {name} {{ a{n}: __typename x{n} }}", "operationName": name}
                await http.post("/graphql", json=body, headers={"x-request-id": name})
                await http.post("/graphql", json={"query": f"{{ sources {{ b{n}: id }} }}"})
                before = before or set(await numbers(http))
            assert set(await numbers(http)) == before

    run(work)


# ---------------------------------------------------------------- lines


@pytest.fixture
def lines() -> io.StringIO:
    """What a server with `--log json` writes"""
    root, told = logging.getLogger(), io.StringIO()
    handlers = root.handlers[:]
    observe.write_logs("INFO", "json")
    (handler,) = set(root.handlers) - set(handlers)
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(told)
    return told


def operations(lines: io.StringIO) -> list[dict[str, Any]]:
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    return [line for line in told if line["message"] == "operation"]


def test_each_operation_is_one_line_without_its_variables(lines: io.StringIO) -> None:
    async def work() -> None:
        async with served("portsip", "yeastar") as (api, http):
            api.worlds["yeastar"].fault("status", status=500, times=0)
            query = (
                "query Who($n: [String!]) { callRecords(first: 3, filter: {number: $n}) "
                "{ nodes { id } } }"
            )
            body = {"query": query, "variables": {"n": [NUMBER]}}
            await http.post("/graphql", json=body, headers={"x-request-id": "mine-1"})
            await http.post("/graphql", json={"query": f'{{ wrong(number: "{NUMBER}") }}'})
            first, second = operations(lines)
            assert first["level"] == "INFO"
            assert first["request"] == "mine-1"
            assert (first["kind"], first["name"]) == ("query", "Who")
            assert first["caller"] == "loopback"
            assert first["outcome"] == "partial"
            assert first["sources"] == {"portsip": "OK", "yeastar": "UNAVAILABLE"}
            assert first["requests"] >= 2
            assert len(first["document"]) == 64
            assert first["ms"] >= 0
            assert second["errors"] == ["GRAPHQL_INVALID"]
            assert NUMBER not in lines.getvalue()
            assert NUMBER[1:] not in lines.getvalue()

    run(work)


def test_a_source_that_goes_and_comes_back_is_told_once_each(lines: io.StringIO) -> None:
    async def work() -> None:
        async with served() as (api, http):
            await http.post("/graphql", json={"query": LIST})
            api.worlds["portsip"].fault("status", status=500, times=0)
            for _ in range(2):
                await http.post("/graphql", json={"query": LIST})
            api.worlds["portsip"].faults.clear()
            api.clock.advance(120)
            for _ in range(3):
                await http.post("/graphql", json={"query": LIST})
            told = [json.loads(line) for line in lines.getvalue().splitlines()]
            said = [line["message"] for line in told if line["level"] == "WARNING"]
            assert len(said) == 2
            assert said[0].startswith("source portsip is failing: UNAVAILABLE")
            assert said[1] == "source portsip is back"

    run(work)


@pytest.mark.parametrize("style", ["console", "json"])
def test_no_line_holds_a_token_or_a_whole_number_whoever_wrote_it(style: str) -> None:
    formatter = observe.LOG_FORMATS[style]()
    secret = "access_token=hush-8812&x=1"

    def told(message: str, facts: Mapping[str, Any] | None = None, wrong: Any = None) -> str:
        record = logging.LogRecord("any", logging.ERROR, "", 1, message, (), wrong)
        if facts is not None:
            record.facts = facts
        return str(formatter.format(record))

    error = ValueError(f"{NUMBER} at {secret}")
    wrong = (ValueError, error, None)
    everything = told(f"{NUMBER} {secret}", {"text": f"{NUMBER} {secret}", "n": 3}, wrong)
    assert "hush-8812" not in everything
    assert NUMBER not in everything
    assert "ValueError" in everything
    assert "n=3" in everything or '"n":3' in everything


# ---------------------------------------------------------------- spans


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(spans, "_tracer", None)
    spans.export(exporter)
    return exporter


def test_every_request_to_a_source_has_a_span_within_that_of_its_operation(
    exported: InMemorySpanExporter,
) -> None:
    async def work() -> None:
        async with served("portsip", "yeastar") as (api, http):
            api.worlds["yeastar"].fault("status", status=500, times=0)
            trace = "4bf92f3577b34da6a3ce929d0e0e4736"
            headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
            await http.post("/graphql", json={"query": LIST}, headers=headers)
            *sent, operation = exported.get_finished_spans()
            assert len(sent) == api.requests("portsip") + api.requests("yeastar")
            assert operation.attributes is not None
            assert operation.attributes["graphql.operation.name"] == "Newest"
            assert operation.attributes["cdr_graph.outcome"] == "partial"
            states = set()
            for span in sent:
                assert span.attributes is not None
                assert f"{span.context.trace_id:032x}" == trace
                states.add(
                    (span.attributes["cdr_graph.source"], span.attributes["cdr_graph.state"])
                )
                assert "http" not in str(span.attributes.get("url.full", ""))
            assert states == {("portsip", "OK"), ("yeastar", "UNAVAILABLE")}

    run(work)
