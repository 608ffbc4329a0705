"""One request that is really sent: the breaker lets it pass, numbers and a span tell of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from graph import spans
from graph.errors import SourceError, SourceThrottled, SourceTimeout, SourceUnavailable
from graph.metrics import SourceMetrics
from graph.observe import Timer
from graph.sources.contract import Reply, Request
from graph.transport.breaker import Breaker

SICK = (SourceTimeout, SourceUnavailable, SourceThrottled)
"""what may be different a moment later"""
_ABANDONED = "ABANDONED"
"""the state of a request whose answer nobody waited for"""


class Attempt(msgspec.Struct):
    """What came of it so far. `failed` None: nothing can be said of the source's health."""

    failed: bool | None = None
    state: str = _ABANDONED
    status: int | None = None
    bytes: int = 0

    def answered(self, reply: Reply, verdict: object, *, slow: bool) -> None:
        """A whole reply came, and this is what it means"""
        self.status, self.bytes = reply.status, len(reply.body)
        self.state = verdict.state if isinstance(verdict, SourceError) else "OK"
        self.failed = slow or isinstance(verdict, SICK)


class Attempts:
    """The attempts of one source."""

    def __init__(
        self, source_id: str, vendor: str, breaker: Breaker, metrics: SourceMetrics, timer: Timer
    ) -> None:
        self._source_id = source_id
        self._vendor = vendor
        self._breaker = breaker
        self._metrics = metrics
        self._timer = timer

    @contextmanager
    def one(self, request: Request) -> Iterator[Attempt]:
        """Raises SourceResting before, or whatever sending raises"""
        self._breaker.enter()
        metrics = self._metrics
        attempt = Attempt()
        began = self._timer.monotonic()
        metrics.busy.inc()
        with spans.request(
            f"{self._vendor} {request.method}",
            {
                "cdr_graph.source": self._source_id,
                "cdr_graph.kind": request.kind.value,
                "http.request.method": request.method,
            },
        ) as span:
            try:
                yield attempt
            except SourceError as error:
                attempt.failed, attempt.state = isinstance(error, SICK), error.state
                raise
            finally:
                self._breaker.leave(failed=attempt.failed)
                metrics.busy.dec()
                metrics.ended(attempt.state, self._timer.monotonic() - began)
                metrics.bytes.inc(attempt.bytes)
                metrics.resting.set(self._breaker.open)
                spans.tell(
                    span,
                    {
                        "cdr_graph.state": attempt.state,
                        "http.response.status_code": attempt.status or 0,
                        "http.response.body.size": attempt.bytes,
                    },
                )
