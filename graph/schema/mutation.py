"""The root fields of mutations: they read arguments and hand on."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from graph.gather import keys
from graph.reports import answer, commands
from graph.reports.commands import Result
from graph.schema import selection
from graph.schema.audit import Audited
from graph.schema.context import Info
from graph.schema.rights import permit, permit_draft
from graph.types.report_inputs import (
    CreateCallReportInput,
    CreateCallReportPayload,
    DestroyCallReportInput,
    DestroyCallReportPayload,
    DestroyCompletedCallReportInput,
    DestroyCompletedCallReportPayload,
    RunCallReportInput,
    RunCallReportPayload,
    UpdateCallReportInput,
    UpdateCallReportPayload,
    WriteOutcome,
)
from graph.types.report_words import ReportEngine

_about = strawberry.argument
_SENT_ONCE = " It is sent once and never repeated by this server; see `outcome`."


@strawberry.type(description="Everything that can be changed.")
class Mutation:
    @strawberry.mutation(
        description="Creates a report, which runs now or by a schedule." + _SENT_ONCE,
        extensions=[Audited()],
    )
    async def create_call_report(
        self,
        info: Info,
        input: Annotated[CreateCallReportInput, _about(description="The new report.")],
    ) -> CreateCallReportPayload | None:
        permit_draft(info, ours=input.engine is ReportEngine.GATEWAY)
        made = await commands.create(input, info.context.reading(), info.context.writes)
        result = made.result
        node = None
        if result.row is not None:
            runner = keys.GATEWAY if made.source is None else str(made.source.id)
            node = keys.NodeId("report", runner, result.row)
        return CreateCallReportPayload(
            outcome=result.outcome,
            user_errors=list(result.errors),
            look_for=result.look_for,
            source=made.source,
            call_report=await _report(info, result, node),
            idempotency=made.idempotency,
        )

    @strawberry.mutation(
        description="Changes a report; its type cannot change." + _SENT_ONCE, extensions=[Audited()]
    )
    async def update_call_report(
        self,
        info: Info,
        input: Annotated[
            UpdateCallReportInput, _about(description="The report, and what is to change.")
        ],
    ) -> UpdateCallReportPayload | None:
        permit_draft(info, ours=keys.read_id(input.id, "input.id").source == keys.GATEWAY)
        result = await commands.update(input, info.context.reading(), info.context.writes)
        return UpdateCallReportPayload(
            outcome=result.outcome,
            user_errors=list(result.errors),
            look_for=result.look_for,
            call_report=await _report(info, result, keys.read_id(input.id, "input.id")),
        )

    @strawberry.mutation(
        description="Runs a report of this server once more, now. Only with the engine GATEWAY.",
        extensions=[Audited()],
    )
    async def run_call_report(
        self,
        info: Info,
        input: Annotated[RunCallReportInput, _about(description="The report to run.")],
    ) -> RunCallReportPayload | None:
        permit(info)
        result = await commands.run(input.id, info.context.reading())
        return RunCallReportPayload(
            outcome=result.outcome,
            user_errors=list(result.errors),
            call_report=await _report(info, result, keys.read_id(input.id, "input.id")),
        )

    @strawberry.mutation(
        description="Destroys a report; the files it made stay." + _SENT_ONCE,
        extensions=[Audited()],
    )
    async def destroy_call_report(
        self,
        info: Info,
        input: Annotated[DestroyCallReportInput, _about(description="The report to destroy.")],
    ) -> DestroyCallReportPayload | None:
        permit(info)
        result = await commands.destroy(
            input.id, "report", info.context.reading(), info.context.writes
        )
        return DestroyCallReportPayload(
            outcome=result.outcome,
            user_errors=list(result.errors),
            look_for=result.look_for,
            destroyed_id=_destroyed(input.id, result),
        )

    @strawberry.mutation(
        description="Destroys a finished report and its file." + _SENT_ONCE, extensions=[Audited()]
    )
    async def destroy_completed_call_report(
        self,
        info: Info,
        input: Annotated[
            DestroyCompletedCallReportInput,
            _about(description="The finished report to destroy."),
        ],
    ) -> DestroyCompletedCallReportPayload | None:
        permit(info)
        result = await commands.destroy(
            input.id, "completed", info.context.reading(), info.context.writes
        )
        return DestroyCompletedCallReportPayload(
            outcome=result.outcome,
            user_errors=list(result.errors),
            look_for=result.look_for,
            destroyed_id=_destroyed(input.id, result),
        )


def _destroyed(id: strawberry.ID, result: Result) -> strawberry.ID | None:
    return id if result.outcome is WriteOutcome.DONE else None


async def _report(info: Info, result: Result, node: keys.NodeId | None) -> Any:
    """The report as it is after the write, if it is selected; a failure to read it is a value.

    Whatever happens here, the write is done, and the payload says so.
    """
    selected = selection.of(info._raw_info)  # noqa: SLF001
    if result.outcome is not WriteOutcome.DONE or node is None or not selected.has("call_report"):
        return None
    return await answer.entry_or_failure(
        node, selected.below("call_report"), info.context.reading()
    )
