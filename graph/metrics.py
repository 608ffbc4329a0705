"""What is counted for Prometheus. Labels are bounded: sources of the configuration, fixed words.

Each server has its own numbers; where several processes serve, prometheus_client shares them
through files, and whichever process is asked tells the sum of all.
"""

from __future__ import annotations

import socket
import threading
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    make_wsgi_app,
)
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)


class Metrics:
    """The numbers of one server."""

    def __init__(self, shared_folder: str | None = None) -> None:
        self._shared_folder = shared_folder
        self._registry = registry = CollectorRegistry()
        self._found: dict[tuple[str, ...], tuple[Any, ...]] = {}
        self._operations = Counter(
            "cdr_graph_operations",
            "Operations that ended, by kind and by what came of them.",
            ("kind", "outcome"),
            registry=registry,
        )
        self._operation_seconds = Histogram(
            "cdr_graph_operation_seconds",
            "How long queries and mutations took.",
            ("kind",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._in_flight = Gauge(
            "cdr_graph_operations_in_flight",
            "Operations under way; a subscription is, until it ends.",
            ("kind",),
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._requests = Counter(
            "cdr_graph_upstream_requests",
            "Requests that were sent to a source, by how they ended.",
            ("source", "state"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "cdr_graph_upstream_request_seconds",
            "From sending a request to its whole answer.",
            ("source",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._bytes = Counter(
            "cdr_graph_upstream_bytes", "What sources answered.", ("source",), registry=registry
        )
        self._retries = Counter(
            "cdr_graph_upstream_retries",
            "Requests that were sent again.",
            ("source",),
            registry=registry,
        )
        self._busy = Gauge(
            "cdr_graph_upstream_in_flight",
            "Requests that a source has not answered yet.",
            ("source",),
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._queue = Gauge(
            "cdr_graph_upstream_queue",
            "Requests that wait for a source's rate or for one of its slots.",
            ("source",),
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._unknown_words = Counter(
            "cdr_graph_unknown_words",
            "Words of a source that became UNKNOWN; `cdr-graph check` tells which.",
            ("source",),
            registry=registry,
        )
        self._resting = Gauge(
            "cdr_graph_breaker_open",
            "1 while a source is left in peace because it failed too often.",
            ("source",),
            multiprocess_mode="livemax",
            registry=registry,
        )

    def began(self, kind: str) -> None:
        """Counts an operation that is under way"""
        known = self._found.get((kind,))
        if known is None:
            known = self._found[kind,] = (self._in_flight.labels(kind),)
        known[0].inc()

    def ended(self, kind: str | None, outcome: str, seconds: float) -> None:
        """Counts an operation that ended; `kind` None: it was none, and never under way"""
        told = kind or "none"
        known = self._found.get((told, outcome))
        if known is None:
            known = self._found[told, outcome] = (
                self._operations.labels(told, outcome),
                None if kind is None else self._in_flight.labels(kind),
                self._operation_seconds.labels(kind) if kind in ("query", "mutation") else None,
            )
        operations, in_flight, timed = known
        operations.inc()
        if in_flight is not None:
            in_flight.dec()
        if timed is not None:
            timed.observe(seconds)

    def source(self, source_id: str) -> SourceMetrics:
        """The numbers of one source"""
        return SourceMetrics(
            self._requests,
            self._request_seconds.labels(source_id),
            self._bytes.labels(source_id),
            self._retries.labels(source_id),
            self._busy.labels(source_id),
            self._queue.labels(source_id),
            self._resting.labels(source_id),
            self._unknown_words.labels(source_id),
            source_id,
        )

    def text(self) -> bytes:
        """All numbers in the format that Prometheus reads"""
        if self._shared_folder is None:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together, self._shared_folder)  # type: ignore[no-untyped-call]
        return generate_latest(together)


def serve_shared(folder: str, listener: socket.socket) -> None:
    """Tells the sum of all processes' numbers at a port, from a thread of its own, to the end"""
    together = CollectorRegistry()
    MultiProcessCollector(together, folder)  # type: ignore[no-untyped-call]
    server = WSGIServer(listener.getsockname(), _Quiet, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.set_app(make_wsgi_app(together))
    server.server_name, server.server_port = listener.getsockname()
    server.setup_environ()
    threading.Thread(target=server.serve_forever, daemon=True).start()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Nothing: who reads numbers reads them every few seconds"""


class SourceMetrics:
    """The numbers of one source, found once."""

    def __init__(
        self,
        requests: Counter,
        seconds: Histogram,
        received_bytes: Counter,
        retries: Counter,
        busy: Gauge,
        queue: Gauge,
        resting: Gauge,
        unknown_words: Counter,
        source_id: str,
    ) -> None:
        self._requests = requests
        self._by_state: dict[str, Counter] = {}
        self._id = source_id
        self._seconds, self._bytes, self.retries = seconds, received_bytes, retries
        self.busy, self.queue, self.resting = busy, queue, resting
        self.unknown_words = unknown_words

    def ended(self, state: str, seconds: float, received_bytes: int) -> None:
        """Counts a request that was sent; `state` is OK or that of a SourceError"""
        known = self._by_state.get(state)
        if known is None:
            known = self._by_state[state] = self._requests.labels(self._id, state)
        known.inc()
        self._seconds.observe(seconds)
        self._bytes.inc(received_bytes)
