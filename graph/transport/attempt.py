"""One request that is really sent: the breaker lets it pass, numbers and a span tell of it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

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


class Attempt:
    """What came of it so far, told when it ends. `failed` None: nothing can be said of the
    source's health.
    """

    def __init__(self, attempts: Attempts, span: AbstractContextManager[Any]) -> None:
        self._attempts = attempts
        self._span = span
        self._began = attempts.timer.monotonic()
        self.failed: bool | None = None
        self.state = _ABANDONED
        self.status: int | None = None
        self.bytes = 0

    def answered(self, reply: Reply, verdict: object, *, slow: bool) -> None:
        """A whole reply came, and this is what it means"""
        self.status, self.bytes = reply.status, len(reply.body)
        self.state = verdict.state if isinstance(verdict, SourceError) else "OK"
        self.failed = slow or isinstance(verdict, SICK)

    def __enter__(self) -> Self:
        self._attempts.breaker.enter()
        self._attempts.metrics.busy.inc()
        self._told = self._span.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, SourceError):
            self.failed, self.state = isinstance(error, SICK), error.state
        breaker, metrics = self._attempts.breaker, self._attempts.metrics
        was_open = breaker.open
        breaker.leave(failed=self.failed)
        if breaker.open is not was_open:
            metrics.resting.set(breaker.open)
        metrics.busy.dec()
        metrics.ended(self.state, self._attempts.timer.monotonic() - self._began, self.bytes)
        spans.tell(
            self._told,
            {
                "cdr_graph.state": self.state,
                "http.response.status_code": self.status or 0,
                "http.response.body.size": self.bytes,
            },
        )
        self._span.__exit__(kind, error, traceback)


class Attempts:
    """The attempts of one source."""

    def __init__(
        self, source_id: str, vendor: str, breaker: Breaker, metrics: SourceMetrics, timer: Timer
    ) -> None:
        self._source_id = source_id
        self._vendor = vendor
        self.breaker = breaker
        self.metrics = metrics
        self.timer = timer
        metrics.resting.set(breaker.open)

    def one(self, request: Request) -> Attempt:
        """Entering it raises SourceResting; within it stands whatever sending raises"""
        span = spans.request(
            f"{self._vendor} {request.method}",
            {
                "cdr_graph.source": self._source_id,
                "cdr_graph.kind": request.kind.value,
                "http.request.method": request.method,
            },
        )
        return Attempt(self, span)
