"""What every resolver is handed: who asks, which sources there are, how long it may take."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import msgspec
import strawberry

from graph.caller import Caller
from graph.config import ServerSettings
from graph.errors import BadUserInput
from graph.gather.keys import Signer
from graph.gather.lookup import Loaders
from graph.gather.watch import Watches
from graph.metrics import Metrics
from graph.observe import Cost, Timer, Trace, request_id
from graph.reports.address import Addresses
from graph.reports.commands import Writes
from graph.reports.gateway import Gateway
from graph.reports.reading import Reading
from graph.schema.documents import Document, Documents
from graph.schema.purses import Purses
from graph.schema.streams import Streams
from graph.schema.turns import Turns
from graph.stats.reading import Progress
from graph.transport.open import Sources
from graph.types.inputs import AskOptions


class Context:
    """One operation. Its root fields share a start; its lookups share loaders."""

    def __init__(
        self,
        sources: Sources,
        settings: ServerSettings,
        signer: Signer,
        timer: Timer,
        caller: Caller,
        watches: Watches,
        streams: Streams,
        writes: Writes,
        addresses: Addresses,
        gateway: Gateway | None,
        documents: Documents,
        metrics: Metrics,
        purses: Purses,
        turns: Turns,
        renewed: Callable[[], Context],
        request: Any = None,
    ) -> None:
        self.renewed = renewed
        """makes the context of another operation of the same caller over the same connection"""
        self.turns = turns
        self.purse = purses.of(caller.name)
        self.metrics = metrics
        self.kind: str | None = None
        """query, mutation or subscription; None until it is known"""
        self.request_id = _request_id(request)
        self.addresses = addresses
        self.documents = documents
        self.document: Document | None = None
        """the query text that is being executed"""
        self.watches = watches
        self.streams = streams
        self.writes = writes
        self.gateway = gateway
        """what keeps the reports that this server runs itself; None where it runs none"""
        self.sources = sources
        self.settings = settings
        self.signer = signer
        self.timer = timer
        self.caller = caller
        self.request = request
        self.traces: list[Trace] = []
        self.plans: list[dict[str, Any]] = []
        """what `options.explain` wants to be told"""
        self.progress: Progress | None = None
        """whom statistics tell how far they have come"""
        self.started = timer.monotonic()

    def begin(self, kind: str) -> None:
        """There is something to execute, of this kind"""
        self.kind = kind
        self.metrics.began(kind)

    def remaining_seconds(self) -> float:
        """Until the answer to an ordinary question is due"""
        return self.started + self.settings.deadline_ms / 1000 - self.timer.monotonic()

    def trace(self, options: AskOptions | None = None, *, longest_ms: int | None = None) -> Trace:
        """A trace for one field that asks a list. All fields' deadlines count from one start.

        `longest_ms`: the server's own deadline for this kind of question, if it is another one.
        """
        deadline, most = longest_ms or self.settings.deadline_ms, None
        if options is not None:
            if options.deadline_ms is not None:
                if not 0 < options.deadline_ms <= deadline:
                    raise BadUserInput(
                        "options.deadlineMs",
                        f"`deadlineMs` must be from 1 to {deadline}, the server's own",
                    )
                deadline = options.deadline_ms
            most = options.max_requests
            if most is not None and most < 1:
                raise BadUserInput("options.maxRequests", "`maxRequests` must be at least 1")
        made = Trace(
            self.caller,
            self.timer,
            deadline_ms=deadline,
            max_requests=most,
            started=self.started,
            named=self.request_id,
            purse=self.purse,
        )
        self.traces.append(made)
        return made

    @cached_property
    def lookups(self) -> Loaders:
        """the loaders that all lookups of this operation share"""
        return Loaders(self.sources, self.trace())

    def reading(self, trace: Trace | None = None) -> Reading:
        """What one field reads of reports"""
        return Reading(self.sources, trace or self.trace(), self.addresses, self.gateway)

    def fresh_trace(self) -> Trace:
        """A trace of its own, for work that goes on after this operation's deadline"""
        return Trace(
            self.caller,
            self.timer,
            deadline_ms=self.settings.stats_deadline_ms,
            named=self.request_id,
        )

    @property
    def spent(self) -> Cost:
        """What all its fields have cost so far"""
        return sum((trace.spent for trace in self.traces), Cost())

    async def cost(self) -> dict[str, Any]:
        """What was guessed, what it was in truth, and what the caller has left of its limits"""
        estimated = sum((trace.estimated for trace in self.traces), Cost())
        told: dict[str, Any] = {
            "estimated": msgspec.structs.asdict(estimated),
            "actual": msgspec.structs.asdict(self.spent),
        }
        if self.purse is not None:
            told["limits"] = await self.purse.told()
        return told

    def server_timing(self) -> str:
        """Where the time went, per source, as the Server-Timing header says it"""
        spent: dict[str, int] = {}
        for trace in self.traces:
            for source, seen in trace.sources.items():
                spent[source] = max(spent.get(source, 0), seen.elapsed_ms)
        total = max((trace.elapsed_ms() for trace in self.traces), default=0)
        return ", ".join(f"{name};dur={ms}" for name, ms in [*spent.items(), ("total", total)])


def _request_id(request: Any) -> str:
    """The id of the HTTP request; a new one for each operation of a WebSocket, or without HTTP"""
    state = {} if request is None else request.scope.get("state", {})
    return str(state.get("request_id") or request_id())


Info = strawberry.Info[Context, None]
