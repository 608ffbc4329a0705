"""Late parts and legs: which a selection needs, and how a record gets them. Nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import strawberry

from graph.caller import Caller
from graph.errors import OverLimit, SourceError
from graph.gather import keys
from graph.gather.keys import Kind
from graph.gather.plan import NEEDS, Plan, SourcePlan
from graph.observe import Trace
from graph.sources.compiling import compiled
from graph.sources.contract import Resource
from graph.sources.masks import Mask
from graph.sources.selected import heads
from graph.transport.source import LiveSource
from graph.types.call import CallLog, CallRecord, CallUnit

# ---------------------------------------------------------------- what a selection needs


@lru_cache(maxsize=500)
def part_names(resource: Resource, paths: frozenset[str]) -> frozenset[str]:
    """The late parts that the asked paths come from"""
    first = heads(paths)
    names = {
        field.part
        for field in resource.fields
        if field.part is not None and (field.path in paths or field.path in first)
    }
    if "logs" in first and resource.legs_part is not None:
        names.add(resource.legs_part)
    return frozenset(names)


def changed_later(resource: Resource, paths: frozenset[str]) -> bool:
    """Records get more than everybody who asks alike would give them: late parts, legs, calls"""
    return bool(part_names(resource, paths)) or not heads(paths).isdisjoint({"logs", "record"})


def late_requests(source: SourcePlan, plan: Plan) -> int:
    """How many further requests the late parts of a full page take, if all are this source's"""
    late = len(part_names(source.resource, plan.paths)) + ("record" in heads(plan.paths))
    return late * plan.page.amount


def check_late_parts(plan: Plan, trace: Trace) -> None:
    """OverLimit if the late parts of a full page are more than this question may cost."""
    for source in plan.sources:
        needed = late_requests(source, plan)
        if not needed:
            continue
        pace = source.live.pace
        by_rate = int(pace.burst + max(0.0, trace.remaining_seconds) * pace.requests_per_second)
        allowed = by_rate if trace.max_requests is None else min(by_rate, trace.max_requests)
        if needed > allowed:
            raise OverLimit(
                "maxRequests",
                allowed,
                needed,
                f"the fields selected need one further request for each entry of source "
                f"{source.live.id!r}: up to {needed} for this page, and {allowed} are possible "
                "before the deadline; ask for fewer entries or without these fields",
            )


def set_part(
    record: Any,
    resource: Resource,
    name: str,
    values: Mapping[str, Any],
    paths: frozenset[str],
    mask: Mask | None,
) -> None:
    """Gives the record the fields of a late part that were asked for"""
    first = heads(paths)
    for field in resource.fields:
        if field.part == name and (field.path in paths or field.path in first):
            *steps, last = field.path.split(".")
            holder = record
            for step in steps:
                holder = getattr(holder, step)
            value = values[field.path]
            if mask is not None and not isinstance(value, SourceError):
                value = mask.changed(type(holder), last, value)
            setattr(holder, last, value)


def label(
    records: Sequence[Any], rows: Iterable[str], live: LiveSource, kind: Kind, paths: frozenset[str]
) -> None:
    """Gives records, whose row keys are `rows`, what their source's mapping does not."""
    wanted = heads(paths)
    if "source" in wanted:
        for record in records:
            record.source = live.told
    if "unit" in wanted:
        unit = CallUnit.CALL if kind == "record" else CallUnit.LEG
        for record in records:
            record.unit = unit
    if "id" in paths:
        for record, row in zip(records, rows, strict=True):
            if getattr(record, "id", None) is None:  # which it has where others share it
                record.id = strawberry.ID(keys.write_id(kind, live.id, row, record.started_at))


def legs_of_call(
    live: LiveSource,
    rows: Sequence[Any],
    raws: Sequence[Any] | None,
    paths: frozenset[str],
    call: CallRecord,
    caller: Caller,
) -> list[CallLog]:
    """The legs of a call, out of wire rows that hold their late parts, in the order they began."""
    resource, mask = live.manifest.logs, live.mask_for(caller)
    details = live.manifest.details
    convert = compiled(CallLog, resource, paths | NEEDS, live.site, details, mask)
    made = convert(rows, raws)
    for name in part_names(resource, paths):
        for leg, wire in zip(made, rows, strict=True):
            if leg is not None:
                values = resource.parts[name].values(live.site, [wire])
                set_part(leg, resource, name, values, paths, mask)
    legs = [
        (leg, wire)
        for leg, wire in zip(made, rows, strict=True)
        if leg is not None and leg.started_at is not None
    ]
    legs.sort(key=lambda pair: (pair[0].started_at, resource.row_key(live.site, pair[1])))
    finish_legs([leg for leg, _ in legs], [wire for _, wire in legs], live, paths, call)
    return [leg for leg, _ in legs]


def finish_legs(
    legs: Sequence[CallLog],
    wires: Sequence[Any],
    live: LiveSource,
    paths: frozenset[str],
    call: CallRecord,
) -> None:
    row_key = live.manifest.logs.row_key
    label(legs, (row_key(live.site, wire) for wire in wires), live, "log", paths)
    for leg in legs:
        leg.record = call


@lru_cache(maxsize=500)
def closed(paths: frozenset[str]) -> frozenset[str]:
    """A call's paths with those that its legs ask of it: the record of a leg is the call itself"""
    while True:
        more = paths | sub(paths, "logs.record")
        if more == paths:
            return paths
        paths = more


def sub(paths: frozenset[str], head: str) -> frozenset[str]:
    """The paths below a head, without it"""
    prefix = head + "."
    return frozenset(path.removeprefix(prefix) for path in paths if path.startswith(prefix))
