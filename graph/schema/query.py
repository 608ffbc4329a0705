"""The root fields of queries: they read arguments and hand on."""

from __future__ import annotations

import asyncio
from typing import Any

import strawberry

from graph.errors import BadUserInput
from graph.gather import answer, keys, plan
from graph.gather.explain import plan_facts
from graph.gather.keys import NodeId
from graph.gather.lookup import Loaders
from graph.gather.parts import closed
from graph.gather.plan import ListKind
from graph.schema import stats as statistics
from graph.schema.arguments import (
    After,
    Before,
    Filter,
    First,
    GroupBy,
    Id,
    Ids,
    Last,
    Options,
    Order,
    Ref,
    SourceId,
    StatsFilter,
    TimeZone,
    Unit,
)
from graph.schema.context import Context, Info
from graph.schema.reports import ReportQuery, entry
from graph.schema.rights import permit, permit_kind
from graph.types.answer import CallLogConnection, CallRecordConnection, CallRecordLookup
from graph.types.call import CallLog, CallRecord, CallUnit, Node
from graph.types.inputs import AskOptions, CallFilter, CallOrder, CallRecordRef
from graph.types.source import Source
from graph.types.stats import Stats

_LIST = (
    " From all sources that the filter does not rule out, in one order; `complete` and `outcomes` "
    "say whether anything is missing and how to get it."
)


async def _page(
    info: Info,
    kind: ListKind,
    unit: CallUnit,
    filter: CallFilter | None,
    order_by: CallOrder,
    page: plan.Page,
    options: AskOptions | None,
) -> CallRecordConnection | CallLogConnection:
    context: Context = info.context
    selected = permit(info)
    paths = closed(selected.below("nodes", "edges.node"))
    trace = context.trace(options)
    made = plan.page(
        context.sources,
        trace,
        context.signer,
        kind=kind,
        unit=unit,
        filter=filter,
        newest_first=order_by is CallOrder.NEWEST_FIRST,
        wanted=page,
        paths=paths,
    )
    asked = options or AskOptions()
    try:
        return await answer.page(
            made,
            trace,
            context.signer,
            Loaders(context.sources, trace),
            selected.has,
            on_partial=asked.on_partial,
            dry_run=asked.dry_run,
        )
    finally:
        if asked.explain or asked.dry_run:
            field = ".".join(str(step) for step in info.path.as_list())
            context.plans.append(plan_facts(made, trace, field))


def read_ref(ref: CallRecordRef) -> tuple[NodeId, bool]:
    """The reference that was given, of the two ways to give one, and whether its start is exact"""
    native = ref.native if ref.native is not strawberry.UNSET else None
    return answer.read_ref(None if native is not None else ref.id, native), native is None


@strawberry.type(description="Everything that can be asked.")
class Query(ReportQuery):
    @strawberry.field(description="Anything by its id; null if there is no such thing.")
    async def node(self, info: Info, id: Id) -> Node | None:
        return await _node(info, id, "id")

    @strawberry.field(
        description="Several things by their ids, in the order of the ids; null where there is "
        "none."
    )
    async def nodes(self, info: Info, ids: Ids) -> list[Node | None]:
        largest = info.context.settings.max_page_size
        if len(ids) > largest:
            raise BadUserInput("ids", f"at most {largest} ids may be asked for at once")
        found: list[Any] = await asyncio.gather(
            *(_node(info, id, f"ids[{n}]") for n, id in enumerate(ids)), return_exceptions=True
        )
        return found  # an exception becomes the error of its own place, and costs no other

    @strawberry.field(description="Calls." + _LIST)
    async def call_records(
        self,
        info: Info,
        filter: Filter = None,
        unit: Unit = CallUnit.CALL,
        order_by: Order = CallOrder.NEWEST_FIRST,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        options: Options = None,
    ) -> CallRecordConnection | None:
        largest = info.context.settings.max_page_size
        page = plan.page_arguments(first, after, last, before, largest)
        made = await _page(info, "records", unit, filter, order_by, page, options)
        assert isinstance(made, CallRecordConnection)
        return made

    @strawberry.field(description="One call by its id; null if there is none.")
    async def call_record(self, info: Info, id: Id) -> CallRecord | None:
        paths = permit(info).paths
        found: CallRecord | None = await answer.entry(
            id, ("record", "leg"), paths, info.context.lookups, "id"
        )
        return found

    @strawberry.field(
        description="Looks for one call, also one that its phone system may still be preparing."
    )
    async def call_record_lookup(self, info: Info, ref: Ref) -> CallRecordLookup | None:
        paths = permit(info).below("record")
        node, exact = read_ref(ref)
        return await answer.lookup(node, paths, info.context.lookups, exact=exact)

    @strawberry.field(description="Entries of call logs, usually the legs of calls." + _LIST)
    async def call_logs(
        self,
        info: Info,
        filter: Filter = None,
        order_by: Order = CallOrder.NEWEST_FIRST,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        options: Options = None,
    ) -> CallLogConnection | None:
        largest = info.context.settings.max_page_size
        page = plan.page_arguments(first, after, last, before, largest)
        made = await _page(info, "logs", CallUnit.LEG, filter, order_by, page, options)
        assert isinstance(made, CallLogConnection)
        return made

    @strawberry.field(description="One call log entry by its id; null if there is none.")
    async def call_log(self, info: Info, id: Id) -> CallLog | None:
        paths = permit(info).paths
        found: CallLog | None = await answer.entry(id, ("log",), paths, info.context.lookups, "id")
        return found

    @strawberry.field(
        description="Statistics over the calls that `callRecords` shows for the same filter. Only "
        "what the selected figures need is asked of vendors; `complete` and `outcomes` say whether "
        "anything is missing."
    )
    async def stats(
        self,
        info: Info,
        filter: StatsFilter,
        unit: Unit = CallUnit.CALL,
        group_by: GroupBy = None,
        time_zone: TimeZone = "UTC",
        options: Options = None,
    ) -> Stats | None:
        permit(info)
        return await statistics.stats(info, filter, unit, group_by, time_zone, options)

    @strawberry.field(description="The configured sources, in the order of the configuration.")
    async def sources(self, info: Info) -> list[Source]:
        permit(info)
        return [
            told for told in info.context.sources.told if info.context.caller.sees(str(told.id))
        ]

    @strawberry.field(
        description="One source by its id in the configuration; null if there is none."
    )
    async def source(self, info: Info, id: SourceId) -> Source | None:
        permit(info)
        return source_by_id(info.context, id)


def source_by_id(context: Context, id: str) -> Source | None:
    """The source of that id in the configuration, if there is one that the caller may see"""
    for told in context.sources.told:
        if told.id == id and context.caller.sees(id):
            return told
    return None


async def _node(info: Info, id: str, argument: str) -> Node | None:
    paths, kind = permit(info).paths, keys.read_id(id, argument).kind
    permit_kind(info, kind)
    if kind in ("report", "completed"):
        return await entry(info, id, ("report", "completed"), argument, paths)
    found: Node | None = await answer.entry(
        id, ("record", "leg", "log"), paths, info.context.lookups, argument
    )
    return found
