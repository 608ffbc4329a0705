"""Law: a compiled selection gives what the ordinary executor gives, errors and all."""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random
from types import SimpleNamespace
from typing import Any, ClassVar

import httpx
import msgspec
import pytest
import strawberry
from graphql import GraphQLError
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig

from graph.config import settings as configured
from graph.errors import SourceTimeout
from graph.schema.arguments import Filter, First, Options, Unit
from graph.schema.build import GraphSchema
from graph.schema.compiled.executor import CompiledExecutor, compiling
from graph.schema.context import Info
from graph.schema.documents import Documents
from graph.server.app import Graph, create_app
from graph.sources import all_vendors
from graph.types.answer import Answer, CallLogConnection, CallRecordConnection, CallRecordLookup
from graph.types.call import Call, CallLog, CallRecord, CallUnit, Node, Recording
from graph.types.report import (
    CallReportConnection,
    CompletedCallReport,
    CompletedCallReportConnection,
)
from graph.types.scalars import SCALARS, Money
from graph.types.source import Capabilities, Source
from graph.types.stats import Stats
from tests.schema import generated
from tests.support import Api, product, run

CASES = int(os.environ.get("CDR_GRAPH_CASES", "50"))
"""how many cases the law is tried with; the soak command in README sets it to thousands"""


@strawberry.type
class Query:
    """A root of given answers, over the product's own types."""

    page: CallRecordConnection | None
    records: list[CallRecord]
    logs: list[CallLog | None] | None
    legs: CallLogConnection
    calls: list[Call] | None
    node: Node | None
    nodes: list[Node | None]
    answers: list[Answer]
    looked: CallRecordLookup | None
    reports: CallReportConnection | None
    files: CompletedCallReportConnection | None
    sources: list[Source]
    stats: Stats | None
    grid: list[list[CallUnit | None]] | None
    counts: list[int]


RESOLVED = ("stats", "answers")
"""roots below which some fields have resolvers"""
ROOTS = [field.name for field in Query.__strawberry_definition__.fields]  # type: ignore[attr-defined]


# graphql-core drops what it has begun of an object, or a list, in which something else failed.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:coroutine 'Executor\..* was never awaited:RuntimeWarning"
)


@pytest.fixture(scope="module", autouse=True)
def dropped() -> Iterator[None]:
    """Has such coroutines end here, and not while other tests run, which must leave none"""
    yield
    gc.collect()


class Silent(GraphSchema):
    """Errors as they come: neither reworded nor logged."""

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        pass


def made(executor: type[CompiledExecutor] | None, *extensions: type[SchemaExtension]) -> Silent:
    return Silent(
        query=Query,
        types=[CallLog, *(manifest.details for manifest in all_vendors())],
        config=StrawberryConfig(scalar_map=SCALARS),
        execution_context_class=executor,
        extensions=extensions,
    )


def over(schema: Silent) -> Graph:
    """A product without sources over another schema"""
    graph = Graph(configured({"server": {"secret": "a secret for tests"}}, environment={}))
    graph.schema = schema
    graph.documents = Documents(schema.plain, graph.settings.server)
    return graph


COMPILING = compiling()
COUNTS = COMPILING.compiled
FAST, SLOW = over(made(COMPILING)), over(made(None))
SLOW.documents = FAST.documents  # both schemas are the same to a document
SCHEMA = FAST.schema.plain


class Told(msgspec.Struct):
    """All that there is to a result."""

    text: bytes | str
    plain: Any
    errors: list[Any]


def told(graph: Graph, query: generated.Query, root: Any) -> Told:
    result = asyncio.run(
        graph.schema.execute(
            query.text,
            dict(query.variables),
            context_value=graph.context(),
            root_value=root,
        )
    )
    errors = [
        (
            error.message,
            error.path,
            [(place.line, place.column) for place in error.locations or ()],
            type(error.original_error),
            str(error.original_error),
        )
        for error in result.errors or ()
    ]
    try:
        text: bytes | str = msgspec.json.encode(result.data)
        plain = msgspec.to_builtins(result.data)
    except (TypeError, OverflowError) as error:
        return Told(str(error), None, errors)
    return Told(text, plain, errors)


def case(
    random: Random, wrong: float, roots: Sequence[str] = ROOTS
) -> tuple[generated.Query, list[Any]]:
    """A query that may be executed, and some answers to it"""
    root = random.choice(roots)
    query = generated.query(SCHEMA, root, random)
    assume(not FAST.documents.read(query.text).errors)
    answers = [generated.answer(SCHEMA, query, root, random, wrong) for _ in range(3)]
    return query, [SimpleNamespace(**{root: answer}) for answer in answers]


laws = settings(
    max_examples=CASES,
    derandomize=CASES < 1000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@laws
@given(seed=st.integers(0, 2**64), wrong=st.sampled_from((0.002, 0.01, 0.03, 0.1)))
def test_whatever_is_amiss_is_told_as_the_ordinary_executor_tells_it(
    seed: int, wrong: float
) -> None:
    query, roots = case(Random(seed), wrong)
    for root in roots:
        assert told(FAST, query, root) == told(SLOW, query, root)


@laws
@given(seed=st.integers(0, 2**64))
def test_where_nothing_is_amiss_all_is_compiled_and_the_bytes_are_the_same(seed: int) -> None:
    plain = [root for root in ROOTS if root not in RESOLVED]
    query, roots = case(Random(seed), 0.0, plain)
    for root in roots:
        used, unsure = COUNTS.used, COUNTS.unsure
        fast = told(FAST, query, root)
        assert fast == told(SLOW, query, root)
        assert not fast.errors
        (value,) = vars(root).values()
        assert COUNTS.unsure == unsure
        assert COUNTS.used == used + (value is not None)


def counted(root: Any, text: str, **variables: bool) -> tuple[Told, int, int]:
    """A result that equals the ordinary one, and how many values were and were not compiled"""
    used, unsure = COUNTS.used, COUNTS.unsure
    query = generated.Query(text, variables)
    fast = told(FAST, query, root)
    assert fast == told(SLOW, query, root)
    return fast, COUNTS.used - used, COUNTS.unsure - unsure


def of(kind: type, **attributes: Any) -> Any:
    given: Any = object.__new__(kind)
    for name, value in attributes.items():
        setattr(given, name, value)
    return given


LEAVES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "Int": ("{ records { talkSeconds } }", lambda v: [of(CallRecord, talk_seconds=v)]),
    "String": ("{ records { nativeId } }", lambda v: [of(CallRecord, native_id=v)]),
    "ID": ("{ records { id } }", lambda v: [of(CallRecord, id=v)]),
    "DateTime": ("{ records { startedAt } }", lambda v: [of(CallRecord, started_at=v)]),
    "JSON": ("{ records { raw } }", lambda v: [of(CallRecord, raw=v)]),
    "Enum": ("{ records { direction } }", lambda v: [of(CallRecord, direction=v)]),
    "Decimal": (
        "{ records { cost { amount } } }",
        lambda v: [of(CallRecord, cost=of(Money, amount=v))],
    ),
    "Boolean": (
        "{ records { recording { expected } } }",
        lambda v: [of(CallRecord, recording=of(Recording, expected=v))],
    ),
    "Float": (
        "{ sources { capabilities { requestsPerSecond } } }",
        lambda v: [of(Source, capabilities=of(Capabilities, requests_per_second=v))],
    ),
    "Long": (
        "{ files { nodes { fileSizeBytes } } }",
        lambda v: of(
            CompletedCallReportConnection, nodes=[of(CompletedCallReport, file_size_bytes=v)]
        ),
    ),
}
NEARLY = {**generated.NEARLY, "Enum": generated.STRANGERS}


@pytest.mark.parametrize("kind", LEAVES)
def test_each_value_that_does_not_belong_is_the_ordinary_executors(kind: str) -> None:
    text, place = LEAVES[kind]
    root = text.split()[1]
    for value in (*NEARLY[kind], *(make() for make in generated.AMISS)):
        counted(SimpleNamespace(**{root: place(value)}), text)


LISTS: tuple[Any, ...] = (
    (1, 2),
    {1, 2},
    {1: 2},
    "12",
    b"12",
    iter(()),
    5,
    None,
    [[1]],
    [None],
    [True],
)


@pytest.mark.parametrize("given", LISTS, ids=lambda given: type(given).__name__)
def test_what_is_no_list_is_the_ordinary_executors(given: Any) -> None:
    counted(SimpleNamespace(counts=given), "{ counts }")
    counted(SimpleNamespace(grid=[given]), "{ grid }")
    counted(SimpleNamespace(grid=given), "{ grid }")


def test_what_one_record_lacks_costs_no_other_record_its_compiled_selection() -> None:
    late = SourceTimeout("no answer in time")
    records = [of(CallRecord, native_id=str(n), cost=None if n != 7 else late) for n in range(20)]
    fast, used, unsure = counted(
        SimpleNamespace(records=records), "{ records { nativeId cost { amount } } }"
    )
    assert [error[:2] for error in fast.errors] == [("no answer in time", ["records", 7, "cost"])]
    assert (used, unsure) == (19, 2)  # the list and the one record were not to be had at once


def test_a_selection_goes_by_the_variables_of_each_request() -> None:
    root = SimpleNamespace(records=[of(CallRecord, native_id="1", talk_seconds=5)])
    text = "query($t: Boolean!) { records { nativeId talkSeconds @include(if: $t) } }"
    for yes in (True, False, True):
        fast, used, _ = counted(root, text, t=yes)
        assert used == 1
        assert ("talkSeconds" in fast.plain["records"][0]) is yes


class Watching(SchemaExtension):
    """Sees every field, as a tracing extension does."""

    seen: ClassVar[list[str]] = []

    def resolve(self, _next: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(info.field_name)
        return _next(root, info, *args, **kwargs)


def test_who_watches_every_field_sees_every_field() -> None:
    executor = compiling()
    root = SimpleNamespace(records=[of(CallRecord, native_id="1")])
    told(over(made(executor, Watching)), generated.Query("{ records { nativeId } }", {}), root)
    assert Watching.seen == ["records", "nativeId"]
    assert executor.compiled.used == 0


def test_fields_with_resolvers_are_left_to_them_and_what_is_below_is_compiled() -> None:
    figures = {"offered": 5}
    stats = of(Stats, read=lambda name, given: figures[name], groups=[], complete=True)
    fast, used, unsure = counted(
        SimpleNamespace(stats=stats), "{ stats { offered complete groups { __typename } } }"
    )
    assert fast.plain == {"stats": {"offered": 5, "complete": True, "groups": []}}
    assert (used, unsure) == (1, 0)


FIELDS = "id startedAt source { id vendor } caller { number } direction cost { amount } raw"


def tally(api: Api) -> Counter[str]:
    """How many values of the product's answers were compiled, and were not, up to now"""
    executor: Any = api.graph.schema.execution_context_class
    return Counter(used=executor.compiled.used, unsure=executor.compiled.unsure)


def test_the_product_answers_alike_with_and_without() -> None:
    async def work() -> None:
        answers = []
        for compiled in (True, False):
            async with product("portsip", "yeastar", server={"compiled": compiled}) as api:
                query = f"{{ callRecords(first: 30) {{ nodes {{ {FIELDS} }} }} }}"
                executor: Any = api.graph.schema.execution_context_class
                assert compiled is issubclass(executor, CompiledExecutor)
                before = tally(api) if compiled else Counter[str]()
                answers.append(await api.good(query))
                if compiled:
                    assert tally(api) - before == {"used": 1}
        assert answers[0] == answers[1]

    run(work)


@strawberry.type
class Asked:
    """A root that tells what its resolver was called with."""

    @strawberry.field
    async def asked(
        self,
        info: Info,
        filter: Filter = None,
        unit: Unit = CallUnit.CALL,
        first: First = None,
        options: Options = None,
        ids: list[strawberry.ID] = strawberry.UNSET,
    ) -> str:
        return f"{info.field_name} {info.path.as_list()} {filter} {unit} {first} {options} {ids}"


ASKING = compiling()
ASKED = [
    over(Silent(query=Asked, config=StrawberryConfig(scalar_map=SCALARS),
                execution_context_class=executor))
    for executor in (ASKING, None)
]  # fmt: skip
QUESTIONS = (
    "{ asked }",
    "{ asked(first: 3, ids: []) }",
    "{ asked(first: null, unit: LEG, filter: null, ids: 7) }",
    '{ asked(filter: {sources: "hq", direction: [INBOUND], talkSeconds: {min: 1}}) }',
    '{ asked(filter: {since: "2026-03-01T00:00:00Z", perSource: [{source: "hq"}]}) }',
    "{ asked(options: {explain: true, onPartial: FAIL}, ids: [1, null]) }",
    '{ asked(filter: {since: "no moment"}, first: 3000000000) }',
    "{ a: asked(first: 1) b: asked(first: 2) ...F } fragment F on Asked { c: asked(first: 3) }",
    "query ($n: Int, $s: Boolean = true) { asked(first: $n) @include(if: $s) }",
    "query ($n: Int = 4) { asked(filter: {talkSeconds: {min: $n}}) }",
    "query ($n: [String!]) { asked(filter: {number: $n}) asked(filter: {number: $n}) }",
    "query ($f: CallFilter, $o: AskOptions) { asked(filter: $f, options: $o) }",
)
VARIABLES: tuple[dict[str, Any], ...] = (
    {},
    {"n": 5},
    {"n": ["*"], "s": False},
    {"n": None, "f": {"sources": ["hq"]}, "o": {"dryRun": True}},
    {"f": {"nothing": 1}},
)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_resolver_is_always_called_as_strawberry_would_call_it(question: str) -> None:
    for variables in VARIABLES * 2:  # whatever is kept must do for the next request, too
        query = generated.Query(question, variables)
        compiled, ordinary = (told(graph, query, None) for graph in ASKED)
        assert compiled == ordinary


def test_what_a_resolver_is_given_is_the_same_for_the_next_request() -> None:
    text = (
        '{ callRecords(first: 9, filter: {number: ["+*", "1*"], sources: ["yeastar", "portsip"], '
        "talkSeconds: {max: 300}, direction: [INBOUND, OUTBOUND], perSource: []}, options: "
        "{explain: false}) { nodes { id startedAt } } callLogs(last: 3) { nodes { id } } }"
    )

    async def work() -> None:
        async with product("portsip", "yeastar") as api:
            answers = [await api.good(text) for _ in range(3)]
        assert answers[0]["callRecords"]["nodes"]
        assert answers == answers[:1] * 3

    run(work)


def test_every_way_out_writes_what_a_compiled_selection_left() -> None:
    query = f"{{ callRecords(first: 3) {{ edges {{ node {{ {FIELDS} }} }} }} }}"

    async def work() -> None:
        async with product("portsip", "yeastar") as api:
            before = tally(api)
            given = {"data": await api.good(query)}
            transport = httpx.ASGITransport(app=create_app(api.graph))
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                plain = await client.post("/graphql", json={"query": query})
                assert plain.json() == given
                events = await client.post(
                    "/graphql", json={"query": query}, headers={"accept": "text/event-stream"}
                )
                (line,) = [one for one in events.text.splitlines() if one.startswith("data: {")]
                assert msgspec.json.decode(line.removeprefix("data: ")) == given
            assert tally(api) - before == {"used": 3}

    run(work)
