"""From a resolver's result to response bytes: compiled selections against the ordinary executor.

    taskset -c 0 python -m benchmarks.execution

Records as the conversions make them, the product's own types and encoder, both executors in turns
in the same run. Prints medians in milliseconds of computing, which a busy machine stretches less
than those of a clock, and ratios. Edges are made, and cursors signed, within the time.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import strawberry
from strawberry.schema.config import StrawberryConfig

from graph.config import settings
from graph.gather.cut import edges
from graph.gather.keys import Signer
from graph.gather.plan import Page, Plan
from graph.gather.reading import Row
from graph.schema.build import GraphSchema
from graph.schema.compiled.executor import compiling
from graph.schema.documents import Documents
from graph.server.app import Graph
from graph.server.run import quiet_garbage
from graph.sources import all_vendors
from graph.types.answer import CallRecordConnection
from graph.types.call import (
    AnsweredBy,
    CallDirection,
    CallDisposition,
    CallLog,
    CallRecord,
    CallUnit,
    Party,
)
from graph.types.scalars import SCALARS

FEW = "id startedAt direction talkSeconds caller { number }"
SOME = (
    "id startedAt endedAt direction disposition talkSeconds totalSeconds queue "
    "caller { number } callee { number }"
)
MANY = (
    "id nativeId callKey unit direction disposition answeredBy startedAt answeredAt endedAt "
    "totalSeconds ringSeconds talkSeconds trunkIn did queue agent userData "
    "caller { number } callee { number }"
)
SELECTIONS = {5: FEW, 10: SOME, 20: MANY}
LISTS = {
    "nodes": "nodes {{ {} }}",
    "edges": "edges {{ node {{ {} }} }}",
    "edges with cursors": "edges {{ cursor node {{ {} }} }}",
}
SIGNER = Signer(b"a secret for measuring")
START = datetime(2026, 3, 4, 15, 30, tzinfo=UTC)
PLAN = Plan(
    kind="records",
    unit=CallUnit.CALL,
    list_newest_first=True,
    newest_first=True,
    page=Page(amount=10_000, backwards=False),
    since=START - timedelta(days=30),
    until=START,
    start=None,
    stop=None,
    repairs=None,
    question=b"123456789",
    count=None,
    sources=[],
    not_asked=[],
    paths=frozenset(),
    now=START,
)


@strawberry.type
class Query:
    """A page that is there already, as a resolver has it when it returns."""

    @strawberry.field
    async def page(self, cursors: bool = False, edged: bool = False) -> CallRecordConnection | None:
        assert isinstance(self, Given)
        page = object.__new__(CallRecordConnection)
        page.nodes = [entry.record for entry in self.entries]
        if edged:
            page.edges = edges(PLAN, self.entries, SIGNER, cursors_wanted=cursors)
        return page


class Given(msgspec.Struct):
    """What there is to be executed."""

    entries: list[Row]


def record(place: int) -> CallRecord:
    made = object.__new__(CallRecord)
    began = START - timedelta(seconds=37 * place)
    # The types are filled as conversions fill them: attribute by attribute.
    made.id = strawberry.ID(f"lKZyZWNvcmSncG9ydHNpcLxNVEE0TVRVNE5E{place:08}")
    made.native_id = f"MTA4MTU4NDA4NjE3{place:08}"
    made.call_key = f"call-{place:010}"
    made.unit = CallUnit.CALL
    made.direction = (CallDirection.INBOUND, CallDirection.OUTBOUND)[place % 2]
    made.disposition = (CallDisposition.ANSWERED, CallDisposition.BUSY)[place % 2]
    made.answered_by = AnsweredBy.PERSON
    made.started_at = began
    made.answered_at = began + timedelta(seconds=5) if place % 2 else None
    made.ended_at = began + timedelta(seconds=65)
    made.total_seconds, made.ring_seconds, made.talk_seconds = 65, 5, place % 600
    made.trunk_in = "trunk-berlin" if place % 3 else None
    made.did = "+493055500000"
    made.queue = "support" if place % 4 else None
    made.agent = f"agent {place % 40}"
    made.user_data = None
    for side, number in (("caller", f"+4930555{place:06}"), ("callee", f"2{place % 900:03}")):
        party = object.__new__(Party)
        party.number = number
        setattr(made, side, party)
    return made


def made(*, compiled: bool) -> GraphSchema:
    return GraphSchema(
        query=Query,
        types=[CallLog, *(manifest.details for manifest in all_vendors())],
        config=StrawberryConfig(scalar_map=SCALARS),
        execution_context_class=compiling() if compiled else None,
    )


def runner(schema: GraphSchema, query: str, given: Given) -> Callable[[], bytes]:
    """A function that answers the query once, from the resolver on to the bytes"""
    graph = Graph(settings({"server": {"secret": "a secret for measuring"}}, environment={}))
    graph.schema = schema
    graph.documents = Documents(schema.plain, graph.settings.server)
    loop = asyncio.new_event_loop()
    encode = msgspec.json.Encoder().encode

    async def answered() -> bytes:
        result = await schema.execute(query, context_value=graph.context(), root_value=given)
        assert not result.errors, result.errors
        return encode({"data": result.data})

    return lambda: loop.run_until_complete(answered())


def in_turns(works: Sequence[Callable[[], Any]], turns: int, given: Given) -> list[float]:
    """The median milliseconds that functions compute for, taking turns; waiting does not count.

    Records are new to each of them: what was written before of what is `given` is forgotten.
    """
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(turns):
        for times, work in zip(spent, works, strict=True):
            for entry in given.entries:
                entry.record.written_by = None
            began = time.thread_time()
            work()
            times.append((time.thread_time() - began) * 1000)
    return [statistics.median(times) for times in spent]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=15, help="how often each is measured")
    parser.add_argument("--records", type=int, nargs="*", default=[1000, 10_000])
    asked = parser.parse_args()
    compiled, ordinary = made(compiled=True), made(compiled=False)
    print(f"{'records x fields':>17} {'list':20} {'ordinary':>9} {'compiled':>9} {'ratio':>6}"
          f" {'of nodes':>9}")  # fmt: skip
    for amount in asked.records:
        entries = [
            Row(made.started_at, "portsip", made.native_id, made, None)
            for made in map(record, range(amount))
        ]
        given = Given(entries)
        quiet_garbage()  # as a server does
        for fields, selection in SELECTIONS.items():
            works: list[Callable[[], bytes]] = []
            for name, form in LISTS.items():
                flags = [str(word in name).lower() for word in ("edges", "cursors")]
                page = "{{ page(edged: {}, cursors: {}) {{ {} }} }}"
                query = page.format(*flags, form.format(selection))
                pair = [runner(schema, query, given) for schema in (compiled, ordinary)]
                assert pair[0]() == pair[1](), "both give the same bytes"
                works += pair
            medians = in_turns(works, max(3, asked.turns * 1000 // amount), given)
            for place, name in enumerate(LISTS):
                fast, slow = medians[2 * place : 2 * place + 2]
                print(
                    f"{amount:>9,} x {fields:>5} {name:20} {slow:9.2f} {fast:9.2f} "
                    f"{slow / fast:6.1f} {fast / medians[0]:9.2f}"
                )
    counts = compiled.execution_context_class.compiled  # type: ignore[attr-defined]
    assert counts.unsure == 0


if __name__ == "__main__":
    main()
