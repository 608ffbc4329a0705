"""One log record for each mutation that somebody asks for, a refused one too: who, what, outcome"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension

from graph.errors import BadUserInput, GraphError
from graph.gather import keys
from graph.schema.context import Context

log = logging.getLogger("cdr_graph.audit")


class Audited(FieldExtension):
    """Tells of a mutation when it has come to its end, which it does though its caller leaves."""

    async def resolve_async(
        self,
        next_: Callable[..., Awaitable[Any]],
        source: Any,
        info: strawberry.Info,
        **arguments: Any,
    ) -> Any:
        context: Context = info.context
        action = info._raw_info.field_name  # noqa: SLF001  # the schema's name, which callers know

        async def work() -> Any:
            outcome, errors = "FAILED", ["INTERNAL"]
            try:
                made = await next_(source, info, **arguments)
                outcome = made.outcome.name
                errors = [error.code.name for error in made.user_errors]
            except GraphError as error:
                outcome, errors = "REFUSED", [str(error.extensions()["code"])]
                raise
            else:
                return made
            finally:
                _tell(context, action, arguments["input"], outcome, errors)

        return await context.writes.see_through(work())


def _tell(context: Context, action: str, given: Any, outcome: str, errors: list[str]) -> None:
    """What is told has neither secrets nor numbers: nothing of the input but what it is about"""
    source, id = _target(given)
    known = any(told.id == source for told in context.sources.told)
    facts = {
        "at": context.timer.now().isoformat(),
        "caller": context.caller.name,
        "action": action,
        # Anything may be given as a source; only what is one is repeated.
        "source": source if known else None,
        "id": id if known else None,
        "outcome": outcome,
        "errors": errors,
        "request": context.request_id,
    }
    log.info("a mutation was asked for", extra={"facts": facts})


def _target(given: Any) -> tuple[str | None, str | None]:
    """The source and the id that a mutation is about, as far as its input tells"""
    if hasattr(given, "source"):
        return str(given.source), None
    try:
        return keys.read_id(given.id, "input.id").source, str(given.id)
    except BadUserInput:
        return None, None
