"""What one operation did: the one record of outcomes, explanations, headers and logs."""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import Awaitable, Callable
from copy import copy
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Protocol, TextIO

import msgspec

from graph.caller import Caller
from graph.privacy import redact

log = logging.getLogger("cdr_graph")


class Timer(msgspec.Struct, frozen=True):
    """Where time comes from, so that tests can bring their own."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


def system_timer() -> Timer:
    """The machine's own clock"""
    import asyncio

    return Timer(lambda: datetime.now(UTC), monotonic, asyncio.sleep)


class RequestNote(msgspec.Struct):
    """One request to a vendor: what was asked (without secrets), how it went."""

    method: str
    path: str
    kind: str
    started_ms: int
    elapsed_ms: int
    status: int | None
    bytes: int
    retry: bool
    shared: bool
    error: str | None = None
    rows: int | None = None
    date: str | None = None
    """the reply's own idea of the time (RFC 9110, 6.6.1)"""


operations = logging.getLogger("cdr_graph.operations")
"""where each operation is told: to programs, and to people who want to know everything"""


def event(logger: logging.Logger, what: str, /, **facts: Any) -> None:
    """One line in the log that says what happened, with facts that programs can read."""
    logger.info(what, extra={"facts": facts})


def request_id() -> str:
    """A name for one request, of letters: digits in a row could be taken for a phone number."""
    return secrets.token_hex(8).translate(_LETTERS)


_LETTERS = str.maketrans("0123456789", "ghijkmnpqr")
_PLAIN = frozenset({"at", "document", "id", "request"})
"""facts that are no text of anybody's, though they may have many digits"""


class _Console(logging.Formatter):
    """Lines for people, without tokens and without whole phone numbers, whoever wrote them."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        # Another handler's formatter may have left the exception's text in it, unmasked.
        own = copy(record)
        own.exc_text = None
        return super().format(own)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        record.message = redact(record.message)
        facts = getattr(record, "facts", {})
        told = "".join(
            f" {key}={value if key in _PLAIN else _word(value)}"
            for key, value in facts.items()
            if value
        )
        return super().formatMessage(record) + told

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return redact(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return redact(super().formatStack(stack_info))


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what is standard error at the time, unless another stream is set."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self._chosen: TextIO | None = None

    @property
    def stream(self) -> TextIO:
        return self._chosen or sys.stderr

    @stream.setter
    def stream(self, chosen: TextIO) -> None:
        self._chosen = chosen


def _word(value: object) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}:{inner}" for key, inner in value.items())
    if isinstance(value, list):
        return ",".join(map(str, value))
    return redact(str(value))


class _Json(logging.Formatter):
    """One JSON object a line: `at`, `level`, `logger`, `message`, and the facts beside them."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        for key, value in getattr(record, "facts", {}).items():
            plain = key in _PLAIN or not isinstance(value, str)
            line[key] = value if plain else redact(value)
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return msgspec.json.encode(line, enc_hook=str).decode()


LOG_FORMATS = {"console": _Console, "json": _Json}


def write_logs(level: str = "INFO", style: str = "console") -> None:
    """Sends the logs of this process to standard error, redacted; other handlers stay.

    Lines for people leave out what every operation did, unless everything is wanted (DEBUG).
    """
    root = logging.getLogger()
    for before in [one for one in root.handlers if isinstance(one, _StandardError)]:
        root.removeHandler(before)
    handler = _StandardError()
    handler.setFormatter(LOG_FORMATS[style]())
    root.addHandler(handler)
    root.setLevel(level)
    told = style == "json" or level == "DEBUG"
    operations.setLevel(logging.NOTSET if told else logging.WARNING)


class Cost(msgspec.Struct, frozen=True):
    """What scarce things a question takes: requests to sources, rows they give."""

    requests: int = 0
    rows: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.requests + other.requests, self.rows + other.rows)


class Purse(Protocol):
    """What a caller may still spend; taking more raises RateLimited or OverLimit"""

    async def take(self, cost: Cost) -> None: ...


class SourceTrace(msgspec.Struct):
    """What one operation did with one source."""

    requests: int = 0
    retries: int = 0
    shared: int = 0
    rows: int = 0
    kept: int = 0
    notes: list[RequestNote] = []
    state: str | None = None
    """how its last request ended: OK, or the state of a SourceError"""
    plan: dict[str, Any] = {}
    started: float | None = None
    ended: float | None = None

    @property
    def elapsed_ms(self) -> int:
        if self.started is None or self.ended is None:
            return 0
        return round((self.ended - self.started) * 1000)


class Trace:
    """One operation: who asks, until when, how much it may cost, and what it has done so far.

    `deadline` is on the timer's monotonic clock; `started` is when the operation began, where that
    was before now. `issued` counts requests from the moment they are decided on. `noting`: each
    request is noted, for whoever explains the operation; one that may take millions is not.
    """

    def __init__(
        self,
        caller: Caller,
        timer: Timer,
        *,
        deadline_ms: int,
        max_requests: int | None = None,
        started: float | None = None,
        named: str | None = None,
        purse: Purse | None = None,
        noting: bool = True,
    ) -> None:
        self.caller = caller
        self.noting = noting
        self.timer = timer
        self.started = timer.monotonic() if started is None else started
        self.deadline = self.started + deadline_ms / 1000
        self.max_requests = max_requests
        self.issued = 0
        self.estimated = Cost()
        self._purse = purse
        self.request_id = named or request_id()
        self.sources: dict[str, SourceTrace] = {}

    async def reserve(self, cost: Cost) -> None:
        """Says before anybody is asked what this probably costs; refused if that is too much"""
        self.estimated += cost
        if self._purse is not None:
            await self._purse.take(cost)

    @property
    def spent(self) -> Cost:
        """What it has cost so far"""
        seen = self.sources.values()
        return Cost(sum(one.requests for one in seen), sum(one.rows for one in seen))

    def source(self, source_id: str) -> SourceTrace:
        known = self.sources.get(source_id)
        if known is None:
            known = self.sources[source_id] = SourceTrace()
        return known

    @property
    def remaining_seconds(self) -> float:
        return self.deadline - self.timer.monotonic()

    def elapsed_ms(self) -> int:
        return round((self.timer.monotonic() - self.started) * 1000)
