"""The root field `stats`: what its selection and arguments ask for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from graph.errors import BadUserInput
from graph.gather.explain import plan_facts
from graph.gather.lookup import Loaders
from graph.schema import selection
from graph.schema.context import Context, Info
from graph.stats import answer, figures
from graph.types.call import CallUnit
from graph.types.inputs import AskOptions, CallFilter, camel
from graph.types.scalars import SCALARS
from graph.types.stats import NativeBounds, Stats, StatsKey


async def stats(
    info: Info,
    filter: CallFilter,
    unit: CallUnit,
    group_by: Sequence[StatsKey] | None,
    time_zone: str,
    options: AskOptions | None,
) -> Stats:
    """Reads what the selection asks for, checks its arguments, and hands on"""
    context: Context = info.context
    asked = options or AskOptions()
    question = _question(info, filter, unit, group_by, time_zone)
    trace = context.trace(options, longest_ms=context.settings.stats_deadline_ms)
    made = answer.planned(question, context.sources, trace, context.signer)
    try:
        return await answer.stats(
            made,
            trace,
            Loaders(context.sources, trace),
            most_groups=context.settings.max_groups,
            options=asked,
            progress=context.progress,
        )
    finally:
        if asked.explain or asked.dry_run:
            field = ".".join(str(step) for step in info.path.as_list())
            context.plans.append(plan_facts(made.plan, trace, field))


def _question(
    info: Info,
    filter: CallFilter,
    unit: CallUnit,
    group_by: Sequence[StatsKey] | None,
    time_zone: str,
) -> answer.Question:
    whole: dict[str, list[dict[str, Any]]] = {}
    grouped: dict[str, list[dict[str, Any]]] = {}
    native: list[NativeBounds] = []
    for path, given in selection.arguments(info._raw_info):  # noqa: SLF001
        name = path.removeprefix("groups.")
        if name == "native" and name == path:
            native.append(_bounds(given))
        elif name in figures.FIGURES:
            figures.check(name, given)
            (whole if name == path else grouped).setdefault(name, []).append(given)
    return answer.Question(
        filter=filter,
        unit=unit,
        group_by=tuple(group_by or ()),
        time_zone=time_zone,
        whole=whole,
        grouped=grouped if group_by else {},
        native=tuple(dict.fromkeys(native)),
    )


def _bounds(given: dict[str, Any]) -> NativeBounds:
    bounds = NativeBounds(**{name: _moment(value) for name, value in given.items()})
    for kind in ("answered", "saved"):
        since, until = getattr(bounds, f"{kind}_since"), getattr(bounds, f"{kind}_until")
        if since is not None and until is not None and since >= until:
            name = camel(f"{kind}_until")
            raise BadUserInput(f"native.{name}", f"`{name}` of `native` is not after its start")
    return bounds


def _moment(value: Any) -> datetime | None:
    """A moment that stands in the query as text, or came as a variable and was read before"""
    if value is None or isinstance(value, datetime):
        return value
    read = SCALARS[datetime].parse_value
    assert read is not None
    moment: datetime = read(value)
    return moment
