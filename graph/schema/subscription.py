"""The root fields of subscriptions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from graph.gather import answer
from graph.gather.checks import checks
from graph.gather.keys import question_hash
from graph.gather.lookup import Loaders
from graph.gather.plan import meant, plain, window
from graph.gather.watch import Watch
from graph.reports import follow
from graph.schema.arguments import Filter, Ref, Resume
from graph.schema.context import Info
from graph.schema.query import read_ref
from graph.schema.rights import permit
from graph.types.answer import CallRecordLookup
from graph.types.event import CallRecordEvent
from graph.types.inputs import CallFilter
from graph.types.report import CompletedCallReport

_about = strawberry.argument


@strawberry.type(description="Everything that can be followed.")
class Subscription:
    @strawberry.subscription(
        description="Calls as their phone systems publish them, from now on or from a cursor on. "
        "Every source is polled politely; corrections are marked."
    )
    async def call_record_added(
        self, info: Info, filter: Filter = None, after: Resume = None
    ) -> AsyncGenerator[CallRecordEvent, None]:
        context = info.context
        paths = permit(info).below("record")
        given = filter or CallFilter()
        checks(given, context.caller)
        window(given)
        meant(context.sources, context.caller, given)

        def make() -> Watch:
            turns = context.watches.turns
            return Watch(context.sources, context.signer, context.fresh_trace, turns, given, paths)

        key = (context.caller.sight, question_hash(plain(given)), paths)
        events = context.streams.until_closed(context.watches.follow(key, make, after))
        async with aclosing(events):
            async for event in events:
                yield event

    @strawberry.subscription(
        description="Looks for one record until its phone system has prepared it, as often as "
        "that vendor advises, and tells of each look. Ends with FOUND, NOT_FOUND, or UNKNOWN where "
        "the phone system could not be asked."
    )
    async def call_record_ready(
        self, info: Info, ref: Ref
    ) -> AsyncGenerator[CallRecordLookup, None]:
        context = info.context
        paths = permit(info).below("record")
        node, exact = read_ref(ref)
        looks = context.streams.until_closed(
            answer.ready(
                node,
                paths,
                lambda: Loaders(context.sources, context.fresh_trace()),
                exact=exact,
            )
        )
        async with aclosing(looks):
            async for look in looks:
                yield look

    @strawberry.subscription(
        description="The files that a report makes from now on, as they are finished. Its phone "
        "system is looked at politely. Ends when the report is destroyed or aborted, or when it "
        "runs once and has done so."
    )
    async def call_report_completed(
        self,
        info: Info,
        report_id: Annotated[strawberry.ID, _about(description="The id of the report.")],
    ) -> AsyncGenerator[CompletedCallReport, None]:
        context = info.context
        paths = permit(info).paths
        files = context.streams.until_closed(
            follow.completed(
                report_id,
                paths,
                lambda: context.reading(context.fresh_trace()),
                context.watches.turns,
            )
        )
        async with aclosing(files):
            async for file in files:
                yield file
