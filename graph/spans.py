"""OpenTelemetry spans, where they are wanted: one of each operation, one of each request it sends.

Nothing here costs anything until `export` was called. Where spans go is told by the environment
variables that OpenTelemetry has for it (OTEL_EXPORTER_OTLP_ENDPOINT and others,
https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from graph.errors import ConfigError

_tracer: Any = None

Attributes = Mapping[str, str | int | float]


def export(exporter: Any = None) -> None:
    """From now on spans are sent; ConfigError where the extra is not installed."""
    global _tracer  # noqa: PLW0603  # OpenTelemetry's provider is one for the process, too
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    except ImportError:
        raise ConfigError(
            "server.traces: OpenTelemetry is not installed; pip install 'cdr-graph[traces]'"
        ) from None
    provider = TracerProvider(resource=Resource.create({"service.name": "cdr-graph"}))
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter())
        if exporter is None
        else SimpleSpanProcessor(exporter)
    )
    _tracer = provider.get_tracer("cdr_graph")


def operation(name: str, headers: Mapping[str, str] | None) -> AbstractContextManager[Any]:
    """The span of an operation, within that of whoever sent it, if the headers tell (W3C)"""
    if _tracer is None:
        return nullcontext()
    from opentelemetry import propagate, trace

    context = None if headers is None else propagate.extract(headers)
    started: AbstractContextManager[Any] = _tracer.start_as_current_span(
        name, context, trace.SpanKind.SERVER
    )
    return started


def request(name: str, attributes: Attributes) -> AbstractContextManager[Any]:
    """The span of a request to a source"""
    if _tracer is None:
        return nullcontext()
    from opentelemetry import trace

    started: AbstractContextManager[Any] = _tracer.start_as_current_span(
        name, None, trace.SpanKind.CLIENT, attributes
    )
    return started


def tell(span: Any, attributes: Attributes) -> None:
    """Adds what is known at the end; nothing where there is no span"""
    if span is not None:
        span.set_attributes(attributes)
