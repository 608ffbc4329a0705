"""The root fields of queries about reports: they read arguments and hand on."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graph.errors import NotAllowed
from graph.gather import keys, plan
from graph.reports import answer
from graph.reports.order import Question
from graph.reports.reading import Kind
from graph.schema.arguments import After, First, Id, Options
from graph.schema.context import Info
from graph.schema.rights import CLEAR, permit
from graph.types.inputs import AskOptions
from graph.types.report import (
    CallReport,
    CallReportConnection,
    CompletedCallReport,
    CompletedCallReportConnection,
)
from graph.types.report_inputs import CompletedReportOrder, ReportOrder
from graph.types.report_run import GatewayReports

_about = strawberry.argument

Sources = Annotated[
    list[strawberry.ID] | None,
    _about(description="Only these sources, by their ids in the configuration. Without it: all."),
]
Search = Annotated[
    str | None,
    _about(description="Free text that each vendor applies itself; what matches is its choice."),
]
_EXPRESSION = (
    "Which entries are wanted, e.g. `name eq 'Weekly' and contains(type,'QUEUE')`: `eq ne gt ge lt "
    "le`, `startswith endswith contains`, `and`, `or`, parentheses, every value in single quotes. "
    "It may name "
)
_names = {kind: ", ".join(f"`{n}`" for n in names) for kind, names in answer.FILTERED.items()}
Expression = Annotated[str | None, _about(description=f"{_EXPRESSION}{_names['report']}.")]
CompletedExpression = Annotated[
    str | None, _about(description=f"{_EXPRESSION}{_names['completed']}.")
]
Order = Annotated[
    ReportOrder | None, _about(description="The order of the list. Without it: NAME.")
]
CompletedOrder = Annotated[
    CompletedReportOrder | None,
    _about(description="The order of the list. Without it: NEWEST_FIRST."),
]


@strawberry.type(description="Everything that can be asked about reports.")
class ReportQuery:
    @strawberry.field(
        description="Report definitions of all sources that run reports, in one order."
    )
    async def call_reports(
        self,
        info: Info,
        sources: Sources = None,
        search: Search = None,
        filter: Expression = None,
        order_by: Order = None,
        first: First = None,
        after: After = None,
        options: Options = None,
    ) -> CallReportConnection | None:
        order = order_by or ReportOrder.NAME
        made = await _page(info, "report", sources, search, filter, order, first, after, options)
        assert isinstance(made, CallReportConnection)
        return made

    @strawberry.field(description="One report definition by its id; null if there is none.")
    async def call_report(self, info: Info, id: Id) -> CallReport | None:
        found = await entry(info, id, ("report",), "id", permit(info).paths)
        assert not isinstance(found, CompletedCallReport)
        return found

    @strawberry.field(
        description="Finished reports of all sources that run reports, in one order. They do not "
        "last for ever: each phone system clears them away after a time."
    )
    async def completed_call_reports(
        self,
        info: Info,
        sources: Sources = None,
        search: Search = None,
        filter: CompletedExpression = None,
        order_by: CompletedOrder = None,
        first: First = None,
        after: After = None,
        options: Options = None,
    ) -> CompletedCallReportConnection | None:
        order = order_by or CompletedReportOrder.NEWEST_FIRST
        made = await _page(info, "completed", sources, search, filter, order, first, after, options)
        assert isinstance(made, CompletedCallReportConnection)
        return made

    @strawberry.field(description="One finished report by its id; null if there is none.")
    async def completed_call_report(self, info: Info, id: Id) -> CompletedCallReport | None:
        found = await entry(info, id, ("completed",), "id", permit(info).paths)
        assert not isinstance(found, CallReport)
        return found

    @strawberry.field(
        description="The reports that this server can run itself, over calls of the sources that "
        "you see."
    )
    async def gateway_reports(self, info: Info) -> GatewayReports:
        permit(info)
        reading = info.context.reading()
        if reading.gateway is None:
            return answer.no_gateway()
        return reading.gateway.capabilities(reading.asker)


async def entry(
    info: Info, id: str, kinds: tuple[Kind, ...], argument: str, paths: frozenset[str]
) -> CallReport | CompletedCallReport | None:
    """The report or file of an id, with what is selected of it"""
    node = keys.read_id(id, argument)
    found: CallReport | CompletedCallReport | None = await answer.entry(
        node, kinds, paths, info.context.reading()
    )
    return found


async def _page(
    info: Info,
    kind: Kind,
    sources: list[strawberry.ID] | None,
    search: str | None,
    filter: str | None,
    order: ReportOrder | CompletedReportOrder,
    first: int | None,
    after: str | None,
    options: AskOptions | None,
) -> CallReportConnection | CompletedCallReportConnection:
    context, selected = info.context, permit(info)
    if search is not None and not context.caller.clear:
        raise NotAllowed(
            CLEAR,
            f"the phone system searches in names as they are, which needs the scope {CLEAR}",
            "search",
        )
    wanted = plan.page_arguments(first, after, None, None, context.settings.max_page_size)
    paths = selected.below("nodes", "edges.node")
    ids = None if sources is None else [str(source) for source in sources]
    asked = Question(kind, ids, search, filter, order, wanted, paths)
    own = context.reading(context.trace(options))
    chosen = options or AskOptions()
    made = await answer.page(
        asked, own, context.signer, on_partial=chosen.on_partial, dry_run=chosen.dry_run
    )
    if chosen.explain or chosen.dry_run:
        field = ".".join(str(step) for step in info.path.as_list())
        context.plans.append(answer.facts(asked, made.outcomes, own, field))
    return made
