"""Every root field, crossed with every scope and with callers of disjoint sources.

The table is held against the schema: a new root field without an entry fails here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, NamedTuple

import msgspec
import pytest

from graph.caller import SCOPES, Caller
from graph.gather import keys
from graph.schema.build import build
from graph.schema.rights import ROOT_FIELDS
from tests.reports.asking import CREATE, DESTROY, DESTROY_COMPLETED, UPDATE, created, report
from tests.support import Api, product, run

WINDOW = '{since: "2026-03-01T00:00:00Z", until: "2026-03-04T00:00:00Z"}'
ALL = frozenset(SCOPES)
FEDERATED = {"federation": True}


class Question(NamedTuple):
    """How a root field is asked, and what that needs. `takes` is whose id or cursor it is given."""

    query: str
    needs: frozenset[str]
    takes: str = ""


def _q(query: str, *needs: str, takes: str = "") -> Question:
    return Question(query, frozenset(needs), takes)


READ, STATS, REPORTS, WRITE, CLEAR = (
    "records:read", "stats:read", "reports:read", "reports:write", "numbers:clear",
)  # fmt: skip

RUN = "mutation ($input: RunCallReportInput!) { runCallReport(input: $input) { outcome } }"

_ENTITY = (
    'query ($it: ID!) { _entities(representations: [{__typename: "%s", id: $it}]) { __typename } }'
)

QUESTIONS: Mapping[str, tuple[Question, ...]] = {
    "_service": (_q("{ _service { sdl } }"),),
    "_entities": (
        _q(_ENTITY % "CallRecord", READ, takes="record"),
        _q(_ENTITY % "CallLog", READ, takes="log"),
        _q(_ENTITY % "CallReport", REPORTS, takes="report"),
        _q(_ENTITY % "CompletedCallReport", REPORTS, takes="completed"),
        _q(_ENTITY % "Source", takes="source"),
    ),
    "node": (
        _q("query ($it: ID!) { node(id: $it) { id } }", READ, takes="record"),
        _q("query ($it: ID!) { node(id: $it) { id } }", READ, takes="log"),
        _q("query ($it: ID!) { node(id: $it) { id } }", REPORTS, takes="report"),
        _q("query ($it: ID!) { node(id: $it) { id } }", REPORTS, takes="completed"),
    ),
    "nodes": (
        _q("query ($it: ID!) { nodes(ids: [$it]) { id } }", READ, takes="leg"),
        _q("query ($it: ID!) { nodes(ids: [$it]) { id } }", REPORTS, takes="report"),
    ),
    "callRecords": (
        _q("query ($it: String) { callRecords(after: $it) { nodes { id } } }", READ, takes="after"),
        _q("query ($it: String) { callRecords(before: $it, last: 2) { nodes { id } } }", READ,
           takes="after"),
        _q("query ($it: String) { callRecords(after: $it) { nodes { id } } }", READ,
           takes="repair"),
        _q("query ($it: ID!) { callRecords(filter: {sources: [$it]}) { nodes { id } } }", READ,
           takes="source"),
        _q('query ($it: ID!) { callRecords(filter: {perSource: [{source: $it, search: "x"}]}) '
           "{ nodes { id } } }", READ, CLEAR, takes="source"),
        _q("{ callRecords { nodes { raw } } }", READ, "raw:read", CLEAR),
        _q("{ callRecords { nodes { logs { raw } } } }", READ, "raw:read", CLEAR),
        _q("{ callRecords { edges { node { recording { name } } } } }", READ, "recordings:read"),
        _q("{ callRecords { nodes { details { ... on VccliveDetails { callFileName } } } } }",
           READ, "recordings:read"),
        _q("{ callRecords(filter: {hasRecording: true}) { nodes { id } } }", READ,
           "recordings:read"),
        _q('{ callRecords(filter: {number: ["+49*"]}) { nodes { id } } }', READ, CLEAR),
        _q('{ callRecords(filter: {agent: ["Anna"]}) { nodes { id } } }', READ, CLEAR),
        _q('{ callRecords(filter: {trunk: ["+4930123456*"]}) { nodes { id } } }', READ, CLEAR),
    ),
    "callRecord": (
        _q("query ($it: ID!) { callRecord(id: $it) { id } }", READ, takes="record"),
        _q("query ($it: ID!) { callRecord(id: $it) { raw } }", READ, "raw:read", CLEAR,
           takes="record"),
    ),
    "callRecordLookup": (
        _q("query ($it: ID!) { callRecordLookup(ref: {id: $it}) { state record { id } "
           "outcome { state } } }", READ, takes="record"),
        _q('query ($it: ID!) { callRecordLookup(ref: {native: {source: $it, nativeId: "x", '
           'startedAt: "2026-03-01T00:00:00Z"}}) { state outcome { state } } }', READ,
           takes="source"),
    ),
    "callLogs": (
        _q("query ($it: String) { callLogs(after: $it) { nodes { id } } }", READ,
           takes="logs after"),
    ),
    "callLog": (_q("query ($it: ID!) { callLog(id: $it) { id } }", READ, takes="log"),),
    "stats": (
        _q(f"{{ stats(filter: {WINDOW}) {{ offered }} }}", STATS),
        _q('query ($it: ID!) { stats(filter: {since: "2026-03-01T00:00:00Z", '
           'until: "2026-03-04T00:00:00Z", sources: [$it]}) { offered } }', STATS,
           takes="source"),
    ),
    "callReports": (
        _q("query ($it: String) { callReports(after: $it) { nodes { id } } }", REPORTS,
           takes="reports after"),
        _q("query ($it: ID!) { callReports(sources: [$it]) { nodes { id } } }", REPORTS,
           takes="source"),
        _q('{ callReports(search: "x") { nodes { id } } }', REPORTS, CLEAR),
    ),
    "callReport": (
        _q("query ($it: ID!) { callReport(id: $it) { id completed { nodes { id } } } }", REPORTS,
           takes="report"),
    ),
    "completedCallReports": (
        _q("{ completedCallReports { nodes { id fileUrl } } }", REPORTS),
        _q("query ($it: ID!) { completedCallReports(sources: [$it]) { nodes { id } } }", REPORTS,
           takes="source"),
    ),
    "completedCallReport": (
        _q("query ($it: ID!) { completedCallReport(id: $it) { id } }", REPORTS,
           takes="completed"),
    ),
    "sources": (_q("{ sources { id name } }"),),
    "source": (_q("query ($it: ID!) { source(id: $it) { id name } }", takes="source"),),
    "gatewayReports": (_q("{ gatewayReports { available } }", REPORTS),),
    "createCallReport": (_q(CREATE, WRITE, CLEAR, takes="new report"),),
    "runCallReport": (_q(RUN, WRITE, takes="destroyed report"),),
    "updateCallReport": (_q(UPDATE, WRITE, CLEAR, takes="changed report"),),
    "destroyCallReport": (_q(DESTROY, WRITE, takes="destroyed report"),),
    "destroyCompletedCallReport": (
        _q(DESTROY_COMPLETED, WRITE, takes="destroyed completed"),
    ),
    "callRecordAdded": (
        _q("subscription { callRecordAdded { cursor } }", READ),
        _q("subscription ($it: String) { callRecordAdded(after: $it) { cursor } }", READ,
           takes="watch after"),
        _q("subscription ($it: ID!) { callRecordAdded(filter: {sources: [$it]}) { cursor } }",
           READ, takes="source"),
        _q("subscription { callRecordAdded { record { raw } } }", READ, "raw:read", CLEAR),
    ),
    "callRecordReady": (
        _q("subscription ($it: ID!) { callRecordReady(ref: {id: $it}) { state record { id } } }",
           READ, takes="record"),
    ),
    "callReportCompleted": (
        _q("subscription ($it: ID!) { callReportCompleted(reportId: $it) { id } }", REPORTS,
           takes="report"),
    ),
}  # fmt: skip

EACH = {
    f"{field}-{place}": question
    for field, questions in QUESTIONS.items()
    for place, question in enumerate(questions)
}


def test_every_root_field_has_an_entry() -> None:
    plain = build(federation=True).plain
    roots = [plain.query_type, plain.mutation_type, plain.subscription_type]
    fields = {name for root in roots if root is not None for name in root.fields}
    assert set(QUESTIONS) == fields
    assert set(ROOT_FIELDS) == fields


class Known:
    """What one caller was given: ids, cursors, and its source."""

    def __init__(self, source: str) -> None:
        self.given: dict[str, str] = {"source": source}

    def variables(self, takes: str) -> dict[str, Any]:
        """The variables of a question about what is known"""
        source = self.given["source"]
        match takes:
            case "":
                return {}
            case "new report":
                return {"input": report(source=source)}
            case "changed report":
                return {"input": {"id": self.given["report"], "name": "Other"}}
            case "destroyed report":
                return {"input": {"id": self.given["report"]}}
            case "destroyed completed":
                return {"input": {"id": self.given["completed"]}}
        return {"it": self.given[takes]}


async def first_answer(api: Api, caller: Caller, query: str, variables: Any) -> Any:
    """The answer, or the first of a subscription; None where none comes by itself"""
    context = api.graph.context(caller=caller)
    if not query.startswith("subscription"):
        result = await api.graph.schema.execute(
            query, variable_values=variables, context_value=context
        )
        return _plain(result)
    stream = await api.graph.schema.subscribe(
        query, variable_values=variables, context_value=context
    )
    async with aclosing(aiter(stream)) as answers:  # type: ignore[type-var]
        following = asyncio.ensure_future(anext(answers, None))
        for _ in range(60):
            await asyncio.sleep(0)
        if not following.done():
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            return None
        answer = following.result()
        return None if answer is None else _plain(answer)


def _plain(result: Any) -> dict[str, Any]:
    errors = [{"message": e.message, "extensions": e.extensions} for e in result.errors or ()]
    # Compiled selections leave rows for msgspec to write.
    return {"data": msgspec.to_builtins(result.data), "errors": errors}


def scopes_missed(answer: Any) -> set[str]:
    """The scopes that the answer says are missing"""
    return {
        error["extensions"]["scope"]
        for error in (answer or {"errors": []})["errors"]
        if error["extensions"]["code"] == "FORBIDDEN"
    }


async def known_to(api: Api, source: str) -> Known:
    """What a caller who sees one source can learn, with a failure and a finished report"""
    caller = Caller(f"of {source}", ALL, frozenset({source}))
    known = Known(source)
    given = known.given

    async def ask(query: str, **variables: Any) -> Any:
        answer = await first_answer(api, caller, query, variables)
        assert not answer["errors"], answer
        return answer["data"]

    listed = await ask("{ callRecords(first: 1) { nodes { id } pageInfo { endCursor } } }")
    given["record"] = listed["callRecords"]["nodes"][0]["id"]
    given["after"] = listed["callRecords"]["pageInfo"]["endCursor"]
    legs = await ask("{ callRecords(first: 1, unit: LEG) { nodes { id } } }")
    given["leg"] = legs["callRecords"]["nodes"][0]["id"]
    logs = await ask("{ callLogs(first: 1) { nodes { id } pageInfo { endCursor } } }")
    given["log"] = logs["callLogs"]["nodes"][0]["id"]
    given["logs after"] = logs["callLogs"]["pageInfo"]["endCursor"]
    await created(api, source=source)
    api.clock.advance(60)
    reports = await ask("{ callReports(first: 1) { nodes { id } pageInfo { endCursor } } }")
    given["report"] = reports["callReports"]["nodes"][0]["id"]
    given["reports after"] = reports["callReports"]["pageInfo"]["endCursor"]
    files = await ask("{ completedCallReports { nodes { id } } }")
    given["completed"] = files["completedCallReports"]["nodes"][0]["id"]
    signer = api.graph.signer.of(caller.sight)
    cursor = keys.Cursor(
        version=keys.VERSION,
        question=keys.question_hash("records", "CALL", True, {}),
        key=None,
        since_us=None,
        until_us=None,
        source=source,
    )
    given["repair"] = signer.write(cursor)
    given["watch after"] = signer.seal(msgspec.msgpack.encode([keys.VERSION, b"", {source: 1}]))
    return known


def made_up(known: Known) -> Known:
    """The same kinds of things, of a source that nobody has"""
    other = Known("nobody")
    for name, text in known.given.items():
        if name in ("record", "leg", "log", "report", "completed"):
            node = keys.read_id(text)
            other.given[name] = keys.write_id(node.kind, "nobody", node.row, node.started_at)
        elif name != "source":
            other.given[name] = keys.Signer(b"somebody else").seal(b"anything")
    return other


@pytest.mark.parametrize("question", EACH.values(), ids=EACH)
def test_a_question_needs_its_scopes_and_no_others(question: Question) -> None:
    async def work() -> None:
        async with product("portsip", "vcclive", count=8, server=FEDERATED) as api:
            known = await known_to(api, "portsip")
            variables = known.variables(question.takes)
            for scope in sorted(ALL):
                before = sum(len(world.received) for world in api.worlds.values())
                caller = Caller("one short", ALL - {scope})
                answer = await first_answer(api, caller, question.query, variables)
                if scope in question.needs:
                    assert scopes_missed(answer) == {scope}
                    after = sum(len(world.received) for world in api.worlds.values())
                    assert after == before, "a refused question reached a phone system"
                else:
                    assert scopes_missed(answer) == set()
            caller = Caller("just enough", question.needs)
            answer = await first_answer(api, caller, question.query, variables)
            assert scopes_missed(answer) == set()

    run(work)


ANOTHERS = {name: question for name, question in EACH.items() if question.takes}


@pytest.mark.parametrize("question", ANOTHERS.values(), ids=ANOTHERS)
def test_what_is_anothers_is_answered_as_what_does_not_exist(question: Question) -> None:
    async def work() -> None:
        sources = [{"vendor": "portsip", "id": id} for id in ("ours", "theirs")]
        async with product(*sources, count=8, server=FEDERATED) as api:
            theirs = await known_to(api, "theirs")
            we = Caller("we", ALL, frozenset({"ours"}))
            before = {name: len(world.received) for name, world in api.worlds.items()}
            answers = []
            for known in (theirs, made_up(theirs)):
                variables = known.variables(question.takes)
                answer = await first_answer(api, we, question.query, variables)
                answers.append(repr(answer).replace(f"'{known.given['source']}'", "'it'"))
            assert answers[0] == answers[1]
            after = {name: len(world.received) for name, world in api.worlds.items()}
            assert after == before, "somebody was asked about what the caller may not know of"

    run(work)


def test_nothing_of_another_source_is_told() -> None:
    async def work() -> None:
        sources = [{"vendor": "portsip", "id": id, "name": f"{id}!"} for id in ("ours", "theirs")]
        async with product(*sources, "yeastar", count=30) as api:
            api.worlds["theirs"].fault("status", status=500, times=0)
            we = Caller("we", ALL, frozenset({"ours"}))
            everybody = Caller("all", ALL)
            query = (
                "{ sources { id } "
                "callRecords(first: 50, options: {explain: true}) { complete count { value } "
                "outcomes { source { id } } nodes { source { id } } } "
                f"stats(filter: {WINDOW}, groupBy: [SOURCE]) {{ complete offered "
                "outcomes { source { id } } groups { keys { value } } } "
                "callReports { complete outcomes { source { id } } } }"
            )
            context = api.graph.context(caller=we)
            result = await api.graph.schema.execute(query, context_value=context)
            assert not result.errors
            data = msgspec.to_builtins(result.data)
            assert data["callRecords"]["complete"] is True
            told = repr((data, result.extensions, context.server_timing()))
            assert "ours" in told
            assert "theirs" not in told
            assert "yeastar" not in told
            assert len(api.worlds["theirs"].received) == 0
            whole = await first_answer(api, everybody, query, {})
            assert "theirs" in repr(whole)

    run(work)


def test_callers_of_different_sight_share_no_request_and_of_equal_sight_do() -> None:
    async def work() -> None:
        async with product("portsip", count=8) as api:
            query = "{ callRecords(first: 1) { nodes { id } } }"
            one = Caller("one", ALL, frozenset({"portsip"}))
            masked = Caller("masked", ALL - {CLEAR}, frozenset({"portsip"}))
            other = Caller("other", ALL, frozenset({"portsip"}))
            await first_answer(api, one, query, {})
            for together, requests in (((one, other), 1), ((one, masked), 2)):
                before = api.requests("portsip", "/api/cdrs")
                await asyncio.gather(*(first_answer(api, who, query, {}) for who in together))
                assert api.requests("portsip", "/api/cdrs") - before == requests

    run(work)
