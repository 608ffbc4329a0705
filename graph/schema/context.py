"""What every resolver is handed: who asks, which sources there are, how long it may take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import strawberry

from graph.caller import Caller
from graph.config import ServerSettings
from graph.errors import BadUserInput
from graph.gather.keys import Signer
from graph.gather.parts import Loaders
from graph.observe import Timer, Trace
from graph.transport.open import Sources
from graph.types.inputs import AskOptions


class Context:
    """One operation. Root fields of one operation share trace, deadline and loaders."""

    def __init__(
        self,
        sources: Sources,
        settings: ServerSettings,
        signer: Signer,
        timer: Timer,
        caller: Caller,
        request: Any = None,
    ) -> None:
        self.sources = sources
        self.settings = settings
        self.signer = signer
        self.timer = timer
        self.caller = caller
        self.request = request
        self.traces: list[Trace] = []
        self._loaders: dict[int, Loaders] = {}
        self._plain: Trace | None = None

    def trace(self, options: AskOptions | None = None) -> Trace:
        """the trace to use under these options; fields without options share one"""
        deadline, most = self.settings.deadline_ms, None
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
        own = deadline != self.settings.deadline_ms or most is not None
        if not own and self._plain is not None:
            return self._plain
        made = Trace(self.caller, self.timer, deadline_ms=deadline, max_requests=most)
        self.traces.append(made)
        if not own:
            self._plain = made
        return made

    def loaders(self, trace: Trace) -> Loaders:
        """the loaders that go with a trace"""
        return self._loaders.setdefault(id(trace), Loaders(self.sources, trace))

    def facts(self) -> Mapping[str, Any]:
        """what the operation did so far, for extensions and headers"""
        return {"request_id": self.traces[0].request_id if self.traces else None}


Info = strawberry.Info[Context, None]
