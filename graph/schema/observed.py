"""What every operation leaves behind when it ends: numbers, a span, a line in the log."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.extensions.runner import SchemaExtensionsRunner

from graph import spans
from graph.observe import event, operations
from graph.schema.context import Context

_OUTCOMES = {
    "LIMIT_EXCEEDED": "limit",
    "TOO_MANY_GROUPS": "limit",
    "RATE_LIMITED": "limit",
    "OVERLOADED": "limit",
    "BAD_USER_INPUT": "invalid",
    "GRAPHQL_INVALID": "invalid",
    "BAD_REQUEST": "invalid",
    "FORBIDDEN": "denied",
    "INTERNAL": "internal",
}
"""by the code of the first error; every other one is `failed`: no source could answer"""
_LONGEST_NAME = 80


class Observed(SchemaExtension):
    """Adds `extensions.plan` where a field was asked to explain itself, and `extensions.cost` there
    and for callers whose costs are limited.
    """

    async def on_operation(self) -> AsyncIterator[None]:
        operation = self.execution_context
        context: Context = operation.context
        headers = None if context.request is None else context.request.headers
        with spans.operation("graphql", headers) as span:
            try:
                yield
            finally:
                if context.purse is not None:
                    await context.purse.settle(context.spent)
                told = _told(context, operation.pre_execution_errors or ())
                name = _name(operation.operation_name)
                kind = context.kind or "none"
                seconds = context.timer.monotonic() - context.started
                context.metrics.ended(context.kind, told["outcome"], seconds)
                spans.tell(
                    span,
                    {
                        "graphql.operation.type": kind,
                        "graphql.operation.name": name or "",
                        "cdr_graph.request_id": context.request_id,
                        "cdr_graph.outcome": told["outcome"],
                    },
                )
                if context.request is not None and operations.isEnabledFor(logging.INFO):
                    event(
                        operations,
                        "operation",
                        request=context.request_id,
                        kind=kind,
                        name=name,
                        document=context.documents.hash_of(operation.query),
                        caller=context.caller.name,
                        ms=round(seconds * 1000),
                        **told,
                    )

    async def get_results(self) -> dict[str, Any]:
        context: Context = self.execution_context.context
        if not context.plans and context.purse is None:
            return {}
        cost = {"cost": await context.cost()}
        return {"plan": context.plans, **cost} if context.plans else cost


_observed = asynccontextmanager(Observed.on_operation)


class Hooks(SchemaExtensionsRunner):
    """Strawberry's, which looks for hooks in each operation anew; of ours alone they are known."""

    def operation(self) -> Any:
        match self.extensions:
            case [Observed() as observed]:
                return _observed(observed)
        return super().operation()

    def executing(self) -> Any:
        match self.extensions:
            case [Observed()]:
                return nullcontext()
        return super().executing()


def _told(context: Context, errors: Sequence[GraphQLError]) -> Mapping[str, Any]:
    """What came of it: one word; the codes of its errors; per source how it fared"""
    requests = 0
    states: dict[str, str] = {}
    for trace in context.traces:
        for source, seen in trace.sources.items():
            requests += seen.requests
            if seen.state is not None and states.get(source, "OK") == "OK":
                states[source] = seen.state
    codes = sorted({str((error.extensions or {}).get("code")) for error in errors})
    if errors:
        first = str((errors[0].extensions or {}).get("code"))
        outcome = _OUTCOMES.get(first, "failed")
    else:
        outcome = "ok" if all(state == "OK" for state in states.values()) else "partial"
    return {"outcome": outcome, "requests": requests, "sources": states, "errors": codes}


def _name(name: str | None) -> str | None:
    # A caller chooses it.
    return None if name is None else name[:_LONGEST_NAME]
