"""One of five phone systems has a bad day: the others' calls are what they would have been."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import cache, partial
from typing import Any, NamedTuple

import httpx
import pytest

from graph.sources import company, vendor_names
from graph.sources.contract import Reply, Request
from graph.transport.http import HttpxTransport
from tests.support import NOW, Api, product
from tests.virtual_time import run

CALLS = company.calls(seed=11, count=90, until=NOW, days=4)
VENDORS = vendor_names()

PAGES = """query Pages($after: String, $options: AskOptions) {
  records: callRecords(first: 12, after: $after, options: $options) {
    complete
    nodes {
      id startedAt answeredAt endedAt source { id } direction disposition answeredBy callKey
      caller { number e164 extension name } callee { number e164 extension name }
      talkSeconds ringSeconds totalSeconds did queue details { __typename }
    }
    pageInfo { hasNextPage endCursor }
    outcomes { source { id } state message retryable records covered { since } missing { since }
      repairCursor }
  }
}"""

LOGS = """{
  logs: callLogs(first: 30) {
    complete
    nodes { id startedAt source { id } caller { number } sessionId talkSeconds }
    outcomes { source { id } state }
  }
}"""


# ---------------------------------------------------------------- what may happen


class Trouble(NamedTuple):
    """What happens to one system, and what its outcome must say."""

    state: str
    retryable: bool
    begin: Callable[[Api, str], None] = lambda _api, _name: None
    settings: Mapping[str, Any] = {}
    told: str = ""
    """a part of the message"""


def fault(kind: Any, **options: Any) -> Callable[[Api, str], None]:
    def begin(api: Api, name: str) -> None:
        api.worlds[name].fault(kind, times=0, **options)

    return begin


def hang(api: Api, name: str) -> None:
    """It takes requests and never answers"""

    async def never(_seconds: float) -> None:
        await asyncio.Event().wait()

    api.worlds[name].sleep = never
    api.worlds[name].fault("hang", times=0)


def carried_by(transport: httpx.AsyncBaseTransport | None, port: int = 9) -> Any:
    def begin(api: Api, name: str) -> None:
        address = f"http://127.0.0.1:{port}"
        api.graph.sources.live[name]._transport = HttpxTransport(address, transport=transport)

    return begin


class _Refusing(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)


def closed_port(api: Api, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    carried_by(None, port)(api, name)


def nested(api: Api, name: str) -> None:
    """It answers with JSON that is deeper than anybody can read"""

    async def deep(request: Request, *, timeout: float, max_bytes: int) -> Reply:
        return Reply(200, {"content-type": "application/json"}, b'{"x":' * 100_000)

    api.graph.sources.live[name]._transport.send = deep  # type: ignore[method-assign]


WRONG: Mapping[str, Mapping[str, Any]] = {
    "portsip": {"username": "api", "password": "wrong", "domain": "headoffice.example"},
    "vcclive": {"customer": "acme", "token": "wrong"},
    "voicenter": {"code": "wrong"},
    "voipnow": {"client_id": "wrong", "client_secret": "wrong"},
    "yeastar": {"client_id": "wrong", "client_secret": "wrong"},
}

TROUBLES = {
    "answers 500 for ever": Trouble("UNAVAILABLE", True, fault("status"), told="HTTP status 500"),
    "refuses connections": Trouble(
        "UNAVAILABLE", True, carried_by(_Refusing()), told="no connection"
    ),
    "is not at that port": Trouble("UNAVAILABLE", True, closed_port, told="no connection"),
    "does not know our credentials": Trouble("REFUSED", False),
    "hangs beyond its time-out": Trouble(
        "TIMEOUT", True, hang, {"timeout_ms": 2000}, told="no whole answer within 2 s"
    ),
    "shows a login page": Trouble("MALFORMED", False, fault("html")),
    "answers with nothing": Trouble("MALFORMED", False, fault("empty")),
    "breaks off": Trouble("MALFORMED", False, fault("cut")),
    "answers with far too much": Trouble(
        "MALFORMED", False, fault("huge", size_mb=2), {"max_response_mb": 1}, told="more than 1 MB"
    ),
    "answers too deep to read": Trouble("MALFORMED", False, nested, told="nested deeper"),
    "has settings nobody can use": Trouble(
        "DISABLED", False, settings={"time_zone": "Mars/Olympus"}, told="no zone 'Mars/Olympus'"
    ),
}


def company_with(vendor: str, trouble: Trouble) -> AbstractAsyncContextManager[Api]:
    """The five systems, of which one has, or will have, its trouble"""
    own = dict(trouble.settings)
    if trouble.state == "REFUSED":
        own["credentials"] = dict(WRONG[vendor])
    return product(*({"vendor": v, **(own if v == vendor else {})} for v in VENDORS), calls=CALLS)


async def two_pages(api: Api) -> list[Any]:
    """The first two pages, as a client sees them"""
    first = (await api.good(PAGES))["records"]
    second = (await api.good(PAGES, after=first["pageInfo"]["endCursor"]))["records"]
    return [first, second]


@cache
def without(vendor: str) -> tuple[list[str], str]:
    """The nodes of two pages, and of a list of logs, of a company that never had this system"""

    async def work() -> tuple[list[str], str]:
        async with product(*(v for v in VENDORS if v != vendor), calls=CALLS) as api:
            pages = await two_pages(api)
            assert all(page["complete"] for page in pages)
            logs = (await api.good(LOGS))["logs"]
            assert logs["complete"]
            return [_nodes(page) for page in pages], _nodes(logs)

    return run(work)


def _nodes(page: Mapping[str, Any]) -> str:
    return json.dumps(page["nodes"])


def outcomes(page: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {outcome["source"]["id"]: outcome for outcome in page["outcomes"]}


each_in_turn = pytest.mark.parametrize("vendor", VENDORS)
# Who is unreachable or unknown is so for a vendor's own reasons; the rest happens in the transport,
# so that one vendor after the other has it.
OF_EACH = tuple(TROUBLES)[:4]
CASES = [(vendor, name) for name in OF_EACH for vendor in VENDORS] + [
    (VENDORS[place % len(VENDORS)], name) for place, name in enumerate(tuple(TROUBLES)[4:])
]


# ---------------------------------------------------------------- what must hold


@pytest.mark.parametrize(("vendor", "name"), CASES)
def test_the_others_calls_are_what_they_would_have_been(vendor: str, name: str) -> None:
    trouble = TROUBLES[name]
    nodes, _ = without(vendor)

    async def work() -> None:
        async with company_with(vendor, trouble) as api:
            trouble.begin(api, vendor)
            pages = await two_pages(api)
            assert [_nodes(page) for page in pages] == nodes
            assert not any(page["complete"] for page in pages)
            told = outcomes(pages[0])
            broken = told.pop(vendor)
            assert {outcome["state"] for outcome in told.values()} == {"OK"}
            assert set(told) | {vendor} == set(VENDORS)
            assert broken["state"] == trouble.state
            assert broken["retryable"] is trouble.retryable
            assert trouble.told in broken["message"]
            assert (broken["records"], broken["covered"]) == (0, None)
            if trouble.state != "DISABLED":
                assert broken["missing"]
                assert broken["repairCursor"]

    run(work)


@each_in_turn
def test_the_others_logs_are_what_they_would_have_been(vendor: str) -> None:
    _, nodes = without(vendor)

    async def work() -> None:
        trouble = TROUBLES["answers 500 for ever"]
        async with company_with(vendor, trouble) as api:
            trouble.begin(api, vendor)
            logs = (await api.good(LOGS))["logs"]
            assert _nodes(logs) == nodes
            assert logs["complete"] is False
            states = {name: outcome["state"] for name, outcome in outcomes(logs).items()}
            assert states == dict.fromkeys(VENDORS, "OK") | {vendor: "UNAVAILABLE"}

    run(work)


def test_one_that_hangs_costs_its_own_calls_and_no_more_than_the_deadline() -> None:
    expected = {vendor: without(vendor)[0][0] for vendor in VENDORS}

    async def work(vendor: str) -> None:
        async with product(*VENDORS, calls=CALLS) as api:
            hang(api, vendor)
            page = (await api.good(PAGES, options={"deadlineMs": 4000}))["records"]
            assert _nodes(page) == expected[vendor]
            assert page["complete"] is False
            told = outcomes(page)
            states = {name: outcome["state"] for name, outcome in told.items()}
            assert states == dict.fromkeys(VENDORS, "OK") | {vendor: "TIMEOUT"}
            assert told[vendor]["retryable"] is True
            assert "before the deadline" in told[vendor]["message"]

    for vendor in VENDORS:
        run(partial(work, vendor))


@pytest.mark.parametrize(
    ("vendor", "name"),
    [(vendor, tuple(TROUBLES)[place * 2]) for place, vendor in enumerate(VENDORS)]
    + [("portsip", "does not know our credentials"), ("yeastar", "has settings nobody can use")],
)
def test_who_wants_all_or_nothing_gets_an_error(vendor: str, name: str) -> None:
    trouble = TROUBLES[name]

    async def work() -> None:
        async with company_with(vendor, trouble) as api:
            trouble.begin(api, vendor)
            answered = await api.ask(PAGES, options={"onPartial": "FAIL"})
            assert answered.data == {"records": None}
            [error] = answered.errors
            assert error["path"] == ["records"]
            assert error["extensions"]["code"] == "PARTIAL"
            assert error["extensions"]["retryable"] is trouble.retryable
            states = {o["source"]: o["state"] for o in error["extensions"]["outcomes"]}
            assert states == dict.fromkeys(VENDORS, "OK") | {vendor: trouble.state}
            assert f"{vendor}: {trouble.state}" in error["message"]

    run(work)


@each_in_turn
def test_what_it_owes_can_be_had_when_it_is_back(vendor: str) -> None:
    async def work() -> None:
        async with product(*VENDORS, calls=CALLS) as api:
            query = (
                "query ($after: String) { callRecords(first: 1000, after: $after, "
                'filter: {since: "2026-02-27T00:00:00Z"}) { complete nodes { id source { id } } '
                "outcomes { state repairCursor } } }"
            )
            whole = (await api.good(query))["callRecords"]
            assert whole["complete"]
            api.clock.advance(60)
            api.worlds[vendor].fault("status", times=0)
            page = (await api.good(query))["callRecords"]
            assert page["complete"] is False
            [cursor] = [o["repairCursor"] for o in page["outcomes"] if o["repairCursor"]]
            api.worlds[vendor].faults.clear()
            api.clock.advance(120)
            repair = (await api.good(query, after=cursor))["callRecords"]
            assert repair["complete"]
            assert {node["source"]["id"] for node in repair["nodes"]} == {vendor}
            ids = sorted(node["id"] for node in page["nodes"] + repair["nodes"])
            assert ids == sorted(node["id"] for node in whole["nodes"])

    run(work)


@each_in_turn
def test_a_lookup_of_its_call_fails_alone(vendor: str) -> None:
    async def work() -> None:
        async with product(*VENDORS, calls=CALLS) as api:
            page = (await api.good("{ callRecords(first: 60) { nodes { id source { id } } } }"))[
                "callRecords"
            ]
            ids = {node["source"]["id"]: node["id"] for node in page["nodes"]}
            assert set(ids) == set(VENDORS)
            api.worlds[vendor].fault("status", times=0)
            answered = await api.ask(
                "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=list(ids.values())
            )
            expected = [None if name == vendor else {"id": id} for name, id in ids.items()]
            assert answered.data == {"nodes": expected}
            [error] = answered.errors
            assert error["path"] == ["nodes", list(ids).index(vendor)]
            assert error["extensions"]["code"] == "UNAVAILABLE"

    run(work)


@each_in_turn
def test_credentials_that_were_refused_are_not_tried_again_and_again(vendor: str) -> None:
    async def work() -> None:
        trouble = TROUBLES["does not know our credentials"]
        async with company_with(vendor, trouble) as api:
            for _ in range(3):
                page = (await api.good(PAGES))["records"]
                assert outcomes(page)[vendor]["state"] == "REFUSED"
                api.clock.advance(60)
            tries = api.requests(vendor)
            # Where there is a sign-in, it is tried once; a lasting key, once with each question.
            assert tries == (1 if vendor in ("portsip", "voipnow", "yeastar") else 3)

    run(work)
