"""A bad day of one vendor: the others give what they would have given, and nothing is lost.

The truth is one list of calls, which every twin shows. A fault is played at the twin of one vendor
while a healthy one stands beside it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from graph.config import settings
from graph.errors import GraphError
from graph.observe import Trace
from graph.server.app import Graph
from graph.sources import company, vendor_names
from graph.sources.contract import Kind, Request
from graph.sources.twin import FaultKind, World
from tests.gather.test_pages import given_to, in_order, truth
from tests.support import NOW, Answered, Api, Clock, product
from tests.virtual_time import Passing, run

SINCE = datetime(2026, 2, 25, tzinfo=UTC)
CALLS = company.calls(seed=7, count=24, until=NOW - timedelta(hours=5), days=6)
NEWEST, OLDEST = "NEWEST_FIRST", "OLDEST_FIRST"

QUERY = """
query ($filter: CallFilter, $order: CallOrder!, $first: Int, $last: Int, $after: String,
       $before: String, $options: AskOptions) {
  page: callRecords(filter: $filter, orderBy: $order, first: $first, last: $last, after: $after,
                    before: $before, options: $options) {
    nodes { id startedAt source { id } direction disposition talkSeconds caller { number } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    complete
    outcomes {
      source { id } state code message retryable retryAfterSeconds records skippedRecords requests
      retries covered { since until } missing { since until } repairCursor
    }
  }
}
"""

LISTS = {
    "portsip": "/api/cdrs",
    "yeastar": "/cdr/",
    "voipnow": "/uapi/cdr",
    "vcclive": "/v2/cdrs",
    "voicenter": "/hub/cdr",
}
SIGN_INS = {"portsip": "sign_in", "yeastar": "get_token", "voipnow": "token.php"}
# Small pages, so that a list has a middle.
SMALL: Mapping[str, Mapping[str, Any]] = {
    "portsip": {"page_size": 7},
    "yeastar": {"page_size": 50},
    "voipnow": {"page_size": 20},
    "vcclive": {"page_size": 3},
    "voicenter": {},
}
# Whole seconds, as the truth has them.
PLAIN: Mapping[str, Mapping[str, Any]] = {"portsip": {"fraction_digits": 0}}


def small(vendor: str, **more: Any) -> dict[str, Any]:
    return {"vendor": vendor, "options": SMALL[vendor], **more}


class Reader:
    """Pages through a list, checks what each page says of itself, and then pays what is owed."""

    def __init__(
        self, api: Api, order: str = NEWEST, *, first: int = 9, backwards: bool = False,
        **filter: Any,
    ) -> None:  # fmt: skip
        self.api = api
        self.order = order
        self.first = first
        self.backwards = backwards
        self.filter = {"since": SINCE.isoformat(), **filter}
        self.nodes: list[dict[str, Any]] = []
        self.outcomes: list[dict[str, Any]] = []
        self.starts_are_true = True

    async def ask(self, cursor: str | None = None, **options: Any) -> Answered:
        amount, side = ("last", "before") if self.backwards else ("first", "after")
        return await self.api.ask(
            QUERY,
            **{amount: self.first, side: cursor},
            filter=self.filter,
            order=self.order,
            options=options or None,
        )

    async def page(self, cursor: str | None = None, **options: Any) -> dict[str, Any]:
        answered = await self.ask(cursor, **options)
        assert not answered.errors, answered.errors
        page: dict[str, Any] = answered.data["page"]
        return page

    async def read(self, cursor: str | None = None, **options: Any) -> None:
        """every page from there on"""
        for _ in range(200):
            page = await self.page(cursor, **options)
            nodes = page["nodes"]
            self.nodes = nodes + self.nodes if self.backwards else self.nodes + nodes
            self.outcomes += page["outcomes"]
            if self.starts_are_true:
                self._check(page)
            info = page["pageInfo"]
            if not info["hasPreviousPage" if self.backwards else "hasNextPage"]:
                return
            following = info["startCursor" if self.backwards else "endCursor"]
            assert following != cursor, "a page that leads nowhere"
            cursor = following
        raise AssertionError("the list has no end")

    async def repair(self) -> None:
        """every page of every repair cursor; they are read forwards, and owe nothing"""
        cursors = [o["repairCursor"] for o in self.outcomes if o["repairCursor"]]
        self.backwards = False
        for cursor in cursors:
            before = len(self.outcomes)
            await self.read(cursor)
            assert {o["state"] for o in self.outcomes[before:]} == {"OK"}

    def _check(self, page: Mapping[str, Any]) -> None:
        """What a page calls covered has been given, on it or on a page before."""
        given = given_to(self.nodes)
        for outcome in page["outcomes"]:
            source, covered = outcome["source"]["id"], outcome["covered"]
            if covered is not None:
                inside = [
                    call
                    for call in self.api.worlds[source].calls
                    if within(call, covered)
                    and not any(within(call, window) for window in outcome["missing"])
                ]
                lacking = truth([source], inside) - given
                assert not lacking, (outcome["state"], covered, lacking)

    def of(self, source: str) -> list[dict[str, Any]]:
        return [o for o in self.outcomes if o["source"]["id"] == source]

    def states(self, source: str) -> list[str]:
        """how a source fared where it did not fare well, page by page"""
        return [o["state"] for o in self.of(source) if o["state"] != "OK"]

    def bytes_of(self, source: str) -> bytes:
        return msgspec.json.encode([n for n in self.nodes if n["source"]["id"] == source])

    def unnamed(self, source: str, calls: Sequence[company.Call]) -> list[company.Call]:
        """calls that were not given, and that no `missing` names"""
        given = given_to(self.nodes)
        windows = [window for outcome in self.of(source) for window in outcome["missing"]]
        return [
            call
            for call in calls
            if truth([source], [call]) - given and not any(within(call, w) for w in windows)
        ]


def within(call: company.Call, window: Mapping[str, str | None]) -> bool:
    since, until = window["since"], window["until"]
    return (since is None or call.started_at >= datetime.fromisoformat(since)) and (
        until is None or call.started_at < datetime.fromisoformat(until)
    )


def neighbour(vendor: str) -> str:
    return "portsip" if vendor != "portsip" else "yeastar"


@cache
def undisturbed(vendor: str, order: str) -> bytes:
    """what a vendor's twin gives where nobody stands beside it"""
    found: list[bytes] = []

    async def work() -> None:
        async with product(vendor, calls=CALLS, switches=PLAIN) as api:
            reader = Reader(api, order)
            await reader.read()
            assert given_to(reader.nodes) == truth([vendor], CALLS)
            assert reader.states(vendor) == []
            found.append(reader.bytes_of(vendor))

    run(work)
    return found[0]


# ---------------------------------------------------------------- the matrix


class Bad(NamedTuple):
    """A fault as it is played, and how its source may fare.

    `must`: it fares in one of these ways; where there is none, nobody notices, unless in a way that
    it `may`. `but` says it of single vendors.
    """

    name: str
    kind: FaultKind
    options: Mapping[str, Any] = {}
    must: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()
    but: Mapping[str, frozenset[str]] = {}


def bad(
    name: str, kind: FaultKind, *must: str, may: str = "", but: Mapping[str, str] | None = None,
    **options: Any,
) -> Bad:  # fmt: skip
    return Bad(
        name,
        kind,
        options,
        frozenset(must),
        frozenset(may.split()),
        {vendor: frozenset({state}) for vendor, state in (but or {}).items()},
    )


LASTING = {"vcclive": "REFUSED", "voicenter": "REFUSED"}
"""credentials that are never renewed"""

FAULTS = (
    bad("refused", "hang", "UNAVAILABLE", times=3),
    bad("refused once", "hang"),
    bad("500", "status", "UNAVAILABLE", times=3),
    bad("503 once", "status", status=503),
    bad("429", "status", "THROTTLED", status=429, times=3),
    bad("429 for a minute", "status", "THROTTLED", status=429, retry_after=60),
    bad("429 for a moment", "status", status=429, retry_after=2),
    bad("401", "status", "REFUSED", status=401, times=2),
    bad("expired", "expire", but=LASTING),
    bad("cut", "cut", "MALFORMED"),
    bad("html", "html", "MALFORMED"),
    bad("image", "content_type", times=9),
    bad("empty", "empty", "MALFORMED"),
    bad("huge", "huge", "MALFORMED", size_mb=2),
    bad("new words", "unknown", times=9),
    # More rows than were asked for: a folder of several pages may then be named as missing.
    bad("duplicate", "duplicate", may="TRUNCATED BUDGET", times=9),
    bad("repeat", "repeat", may="MALFORMED", times=9),
)
PLACES = ((0, NEWEST), (1, OLDEST), (2, NEWEST))
"""how many requests pass before, and the order that is read in"""

# A breaker that opened, a pause that the vendor asked for: what a fault leaves behind for a while.
AFTERMATH = frozenset({"BREAKER_OPEN", "BUDGET"})


async def refuse(_seconds: float) -> None:
    raise httpx.ConnectError("nobody listens")


async def suffer(api: Api, vendor: str, fault: Bad, skip: int, order: str) -> None:
    """One walk through a list while one vendor suffers, and the laws that it has to obey"""
    other, world = neighbour(vendor), api.worlds[vendor]
    planned = world.fault(fault.kind, path=LISTS[vendor], skip=skip, **fault.options)
    times = planned.times
    reader = Reader(api, order)
    await reader.read()
    assert planned not in world.faults or planned.times < times, "it was never played"
    world.faults.clear()

    states, must = reader.states(vendor), fault.but.get(vendor, fault.must)
    allowed = must | fault.may | AFTERMATH if must or fault.may else frozenset()
    assert allowed.issuperset(states), states
    assert not must or states[0] in must, states
    assert reader.states(other) == []
    assert reader.bytes_of(other) == undisturbed(other, order)
    assert in_order(reader.nodes, newest_first=order == NEWEST)
    assert reader.unnamed(vendor, CALLS) == []

    api.clock.advance(600)
    await reader.repair()
    everything = truth([vendor, other], CALLS)
    given = given_to(reader.nodes)
    assert given <= everything
    lost = [o["missing"] for o in reader.of(vendor) if not o["repairCursor"]]
    if not any(lost):
        assert given == everything
    assert len({node["id"] for node in reader.nodes}) == len(reader.nodes)
    api.clock.advance(600)


@pytest.mark.parametrize("vendor", vendor_names())
@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_of_one_vendor_costs_the_others_nothing_and_is_repaired(
    fault: Bad, vendor: str
) -> None:
    for _, order in PLACES:
        undisturbed(neighbour(vendor), order)

    async def work() -> None:
        source = small(vendor, max_response_mb=1)
        async with product(source, neighbour(vendor), calls=CALLS, switches=PLAIN) as api:
            api.worlds[vendor].sleep = refuse
            for skip, order in PLACES:
                await suffer(api, vendor, fault, skip, order)

    run(work)


REFUSALS = (
    ("portsip", "", "UNAVAILABLE"),
    ("portsip", "VALIDATE_FAILED", "REJECTED"),
    ("portsip", "EMPTY", "REJECTED"),
    ("portsip", "403", "REFUSED"),
    ("portsip", "429", "THROTTLED"),
    ("portsip", "UNAUTHORIZED", "REFUSED"),
    ("yeastar", "-2", "UNAVAILABLE"),
    ("yeastar", "70082", "THROTTLED"),
    ("yeastar", "40002", "REJECTED"),
    ("yeastar", "10005", "REFUSED"),
    ("yeastar", "10004", "REFUSED"),
    ("yeastar", "31337", "REJECTED"),
    ("voipnow", "internal_server_error", "UNAVAILABLE"),
    ("voipnow", "too_many_requests", "THROTTLED"),
    ("voipnow", "user_invalid", "REJECTED"),
    ("voipnow", "startindex_invalid", "REJECTED"),
    ("vcclive", "partial", "UNAVAILABLE"),
    ("vcclive", "417", "REJECTED"),
    ("vcclive", "403", "REFUSED"),
    ("voicenter", "1", "THROTTLED"),
    ("voicenter", "2", "REFUSED"),
    ("voicenter", "3", None),  # too many rows: its halves are asked
    ("voicenter", "4", "REFUSED"),
    ("voicenter", "5", "REJECTED"),
    ("voicenter", "6", "UNAVAILABLE"),
)


@pytest.mark.parametrize(("vendor", "code", "state"), REFUSALS)
def test_a_refusal_in_a_vendors_own_words_is_its_outcome(
    vendor: str, code: str, state: str | None
) -> None:
    fault = bad(code, "error", *([state] if state else []), code=code, times=3)
    undisturbed(neighbour(vendor), OLDEST)

    async def work() -> None:
        sources = small(vendor), neighbour(vendor)
        async with product(*sources, calls=CALLS, switches=PLAIN) as api:
            await suffer(api, vendor, fault, 1, OLDEST)

    run(work)


@pytest.mark.parametrize("vendor", SIGN_INS)
@pytest.mark.parametrize(
    ("kind", "options", "state"),
    [
        ("status", {"times": 3}, "UNAVAILABLE"),
        ("status", {"times": 3, "status": 429}, "THROTTLED"),
        ("hang", {"times": 6}, "UNAVAILABLE"),
        ("html", {}, "MALFORMED"),
        ("cut", {}, "MALFORMED"),
        ("status", {"status": 401}, "REFUSED"),
    ],
    ids=["500", "429", "refused", "html", "cut", "401"],
)
def test_a_fault_while_signing_in_is_repaired_like_any_other(
    kind: FaultKind, options: Mapping[str, Any], state: str, vendor: str
) -> None:
    sources = vendor, neighbour(vendor)
    undisturbed(sources[1], NEWEST)

    async def work() -> None:
        async with product(*sources, calls=CALLS, switches=PLAIN) as api:
            world = api.worlds[vendor]
            world.sleep = refuse
            world.fault(kind, path=SIGN_INS[vendor], **options)
            reader = Reader(api)
            await reader.read()
            assert reader.states(vendor)[0] == state
            assert frozenset(reader.states(vendor)) <= AFTERMATH | {state}
            assert reader.bytes_of(sources[1]) == undisturbed(sources[1], NEWEST)
            if state == "REFUSED":
                # Bad credentials are tried once and never again, by this process.
                assert api.requests(vendor) == api.requests(vendor, SIGN_INS[vendor]) == 1
                assert len(set(reader.states(vendor))) == 1
        # The same secret, as after a restart: cursors are still good.
        async with product(*sources, calls=CALLS, switches=PLAIN) as again:
            reader.api = again
            await reader.repair()
            assert given_to(reader.nodes) == truth(list(sources), CALLS)

    run(work)


@pytest.mark.parametrize("vendor", vendor_names())
@pytest.mark.parametrize("order", [NEWEST, OLDEST])
def test_what_is_owed_to_a_list_read_backwards_is_repaired_forwards(
    order: str, vendor: str
) -> None:
    other = neighbour(vendor)

    async def work() -> None:
        async with product(small(vendor), other, calls=CALLS, switches=PLAIN) as api:
            for skip in (0, 2):
                api.worlds[vendor].fault("html", path=LISTS[vendor], skip=skip)
                reader = Reader(api, order, backwards=True)
                await reader.read()
                assert reader.states(vendor) == ["MALFORMED"]
                assert reader.states(other) == []
                assert in_order(reader.nodes, newest_first=order == NEWEST)
                assert reader.unnamed(vendor, CALLS) == []
                api.clock.advance(600)
                await reader.repair()
                assert given_to(reader.nodes) == truth([vendor, other], CALLS)

    run(work)


def test_an_address_at_which_nobody_listens_is_unavailable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    entry = {
        "id": "gone", "vendor": "vcclive", "base_url": f"http://127.0.0.1:{port}",
        "credentials": {"customer": "acme", "token": "made-up"},
    }  # fmt: skip

    async def work() -> None:
        graph = Graph(settings({"sources": [entry]}, environment={}), timer=Clock().timer)
        (error,) = (await graph.ask("{ callRecords(first: 1) { nodes { id } } }"))["errors"]
        await graph.close()
        assert error["extensions"]["code"] == "UNAVAILABLE"
        assert error["extensions"]["retryable"]
        assert str(port) not in error["message"]

    run(work)


# ---------------------------------------------------------------- time


DEADLINE: Mapping[str, Any] = {"deadlineMs": 300}


async def timed(clock: Passing, ask: Callable[[], Awaitable[Answered]]) -> Answered:
    """An answer that came just at the deadline"""
    began = clock.monotonic()
    answered = await ask()
    assert clock.monotonic() - began == pytest.approx(DEADLINE["deadlineMs"] / 1000)
    return answered


def hold(world: World, gate: asyncio.Event) -> asyncio.Event:
    """Whatever the twin waits for, it waits until the gate opens; the event says that it does"""
    waits = asyncio.Event()

    async def wait(_seconds: float) -> None:
        waits.set()
        await gate.wait()

    world.sleep = wait
    return waits


@pytest.mark.parametrize("vendor", vendor_names())
@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_vendor_that_does_not_end_costs_no_more_than_the_deadline(
    kind: FaultKind, vendor: str
) -> None:
    other, clock = neighbour(vendor), Passing()
    undisturbed(other, NEWEST)

    async def work() -> None:
        async with product(small(vendor), other, calls=CALLS, switches=PLAIN, clock=clock) as api:
            world, gate = api.worlds[vendor], asyncio.Event()
            hold(world, gate)
            reader = Reader(api, first=100)
            await reader.page()  # everybody is signed in
            clock.advance(60)
            world.fault(kind, path=LISTS[vendor], times=0)
            answered = await timed(clock, lambda: reader.ask(cursor=None, **DEADLINE))
            page = answered.data["page"]
            reader.nodes, reader.outcomes = page["nodes"], page["outcomes"]
            assert reader.states(vendor) == ["TIMEOUT"]
            assert reader.states(other) == []
            assert reader.bytes_of(other) == undisturbed(other, NEWEST)
            world.faults.clear()
            gate.set()
            clock.advance(600)
            await reader.repair()
            assert given_to(reader.nodes) == truth([vendor, other], CALLS)

    run(work)


@pytest.mark.parametrize("vendor", ["portsip", "voipnow", "vcclive"])
def test_what_was_read_before_a_hang_is_given_and_the_page_ends_there(vendor: str) -> None:
    other = neighbour(vendor)

    async def work() -> None:
        async with product(small(vendor), other, calls=CALLS, switches=PLAIN) as api:
            world, gate = api.worlds[vendor], asyncio.Event()
            hold(world, gate)
            reader = Reader(api, first=100)
            await reader.page()
            api.clock.advance(60)
            world.fault("hang", path=LISTS[vendor], skip=1)
            page = await reader.page(deadlineMs=800)
            (mine,) = (o for o in page["outcomes"] if o["source"]["id"] == vendor)
            assert mine["state"] == "BUDGET"
            assert 0 < mine["records"] < len(CALLS)
            assert mine["repairCursor"] is None
            assert page["pageInfo"]["hasNextPage"]
            assert not page["complete"]
            gate.set()
            reader.nodes = page["nodes"]
            await reader.read(page["pageInfo"]["endCursor"])
            assert reader.states(vendor) == []
            assert given_to(reader.nodes) == truth([vendor, other], CALLS)

    run(work)


def test_five_hanging_vendors_are_an_error_by_the_deadline() -> None:
    clock = Passing()

    async def work() -> None:
        async with product(*vendor_names(), calls=CALLS, clock=clock) as api:
            reader = Reader(api, first=100)
            await reader.page()
            clock.advance(60)
            for world in api.worlds.values():
                hold(world, asyncio.Event())
                world.fault("hang", times=0)
            answered = await timed(clock, lambda: reader.ask(cursor=None, **DEADLINE))
            (error,) = answered.errors
            assert answered.data == {"page": None}
            assert error["path"] == ["page"]
            assert error["extensions"]["code"] == "TIMEOUT"
            assert error["extensions"]["retryable"]
            told = error["extensions"]["outcomes"]
            assert {(o["source"], o["state"]) for o in told} == {
                (vendor, "TIMEOUT") for vendor in vendor_names()
            }
            for world in api.worlds.values():
                world.faults.clear()

    run(work)


# ---------------------------------------------------------------- repeats, breaker, budgets


def test_a_read_is_repeated_twice_and_then_its_source_has_failed() -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", calls=CALLS) as api:
            reader = Reader(api)
            await reader.page()
            before = api.requests("portsip", LISTS["portsip"])
            api.worlds["portsip"].fault("status", path=LISTS["portsip"], times=2)
            (mine, _) = (await reader.page())["outcomes"]
            assert (mine["state"], mine["requests"], mine["retries"]) == ("OK", 3, 2)
            api.clock.advance(600)
            api.worlds["portsip"].fault("status", path=LISTS["portsip"], times=0)
            (mine, _) = (await reader.page())["outcomes"]
            assert (mine["state"], mine["requests"], mine["retries"]) == ("UNAVAILABLE", 3, 2)
            assert api.requests("portsip", LISTS["portsip"]) == before + 6

    run(work)


@pytest.mark.parametrize("kind", [Kind.WRITE, Kind.SIGN_IN])
def test_what_is_no_read_is_sent_once(kind: Kind) -> None:
    async def work() -> None:
        async with product("portsip") as api:
            live = api.graph.sources.live["portsip"]
            trace = Trace(api.graph.context().caller, api.graph.timer, deadline_ms=8000)
            api.worlds["portsip"].fault("status", path=LISTS["portsip"], times=0)
            request = Request("POST", LISTS["portsip"], kind=kind)
            with pytest.raises(GraphError):
                await live.send(request, lambda reply: reply, trace)
            assert api.requests("portsip", LISTS["portsip"]) == 1

    run(work)


def test_repeats_stay_within_a_fifth_of_all_requests_and_a_small_reserve() -> None:
    async def work() -> None:
        source = {"vendor": "portsip", "requests_per_second": 1000}
        async with product(source, calls=CALLS[:1]) as api:
            reader, world = Reader(api, first=1), api.worlds["portsip"]
            retries = failed = 0
            # One request of three fails, which a breaker takes for a bad line, not for a dead one.
            for turn in range(120):
                if turn % 2:
                    world.fault("status", path=LISTS["portsip"])
                answered = await reader.ask()
                if answered.errors:
                    failed += 1
                    assert answered.errors[0]["extensions"]["code"] == "UNAVAILABLE"
                else:
                    retries += answered.data["page"]["outcomes"][0]["retries"]
                api.clock.advance(1)
            assert retries + failed == 60
            assert failed, "the reserve has no end"
            assert 10 < retries <= 10 + api.requests("portsip") / 5

    run(work)


def test_a_breaker_opens_after_failures_and_probes_after_a_rest_that_grows() -> None:
    async def work() -> None:
        # Nobody waits for the pace, so that only the rest moves the clock.
        source = {"vendor": "vcclive", "requests_per_second": 1000}
        async with product(source, "portsip", calls=CALLS) as api:
            world, reader = api.worlds["vcclive"], Reader(api, first=5)
            rested = truth(["vcclive"], CALLS)

            async def asked() -> tuple[str, int]:
                """how the source fared, and how many requests its twin got for it"""
                before = len(world.received)
                (mine, other) = (await reader.page())["outcomes"]
                assert other["state"] == "OK"
                assert mine["state"] == "OK" or mine["retryable"]
                return mine["state"], len(world.received) - before

            world.fault("status", times=0)
            assert await asked() == ("UNAVAILABLE", 3)
            assert await asked() == ("UNAVAILABLE", 3)
            for rest in (5, 10, 20, 40, 60, 60):
                assert await asked() == ("BREAKER_OPEN", 0)
                api.clock.advance(rest - 0.5)
                assert await asked() == ("BREAKER_OPEN", 0)
                api.clock.advance(0.5)
                state, sent = await asked()
                assert sent == 1, "one probe"
                assert state in ("UNAVAILABLE", "BREAKER_OPEN")
            world.faults.clear()
            assert await asked() == ("BREAKER_OPEN", 0)
            api.clock.advance(60)
            page = await reader.page()
            assert page["outcomes"][0]["state"] == "OK"
            # Closed again, and it has forgotten the failures.
            world.fault("status")
            assert (await asked())[0] == "OK"
            reader = Reader(api)
            await reader.read()
            assert rested <= given_to(reader.nodes)

    run(work)


@pytest.mark.parametrize("most", [1, 2, 3, 5, 8])
def test_a_question_never_costs_more_requests_than_it_may(most: int) -> None:
    vendors = vendor_names()

    async def work() -> None:
        sources = [small(vendor) for vendor in vendors]
        async with product(*sources, calls=CALLS, switches=PLAIN) as api:
            await Reader(api, first=1).page()
            api.clock.advance(600)
            reader = Reader(api, first=20)
            cursor: str | None = None
            for _ in range(100):
                before = sum(api.requests(vendor) for vendor in vendors)
                answered = await reader.ask(cursor, maxRequests=most)
                assert sum(api.requests(vendor) for vendor in vendors) - before <= most
                page = answered.data["page"]
                reader.nodes += page["nodes"]
                reader.outcomes += page["outcomes"]
                assert {o["state"] for o in page["outcomes"]} <= {"OK", "BUDGET"}
                for outcome in page["outcomes"]:
                    # It is known how far it was read, or it owes.
                    assert outcome["covered"] or outcome["repairCursor"] or not page["nodes"]
                if not page["pageInfo"]["hasNextPage"]:
                    break
                assert page["pageInfo"]["endCursor"] not in (None, cursor)
                cursor = page["pageInfo"]["endCursor"]
                api.clock.advance(60)
            budget = [v for v in vendors if "BUDGET" in reader.states(v)]
            assert budget, "the limit was never met"
            api.clock.advance(600)
            reader.first = 100
            await reader.repair()
            assert given_to(reader.nodes) == truth(list(vendors), CALLS)

    run(work)


def test_retries_count_for_the_limit_too() -> None:
    async def work() -> None:
        async with product("portsip", calls=CALLS) as api:
            reader = Reader(api)
            await reader.page()
            before = api.requests("portsip")
            api.worlds["portsip"].fault("status", path=LISTS["portsip"], times=0)
            answered = await reader.ask(maxRequests=2)
            assert answered.errors[0]["extensions"]["code"] == "BUDGET"
            assert api.requests("portsip") - before == 2

    run(work)


# ---------------------------------------------------------------- shared flights


@pytest.mark.parametrize("gives_up", [0, 1], ids=["the first", "the second"])
@pytest.mark.parametrize("vendor", vendor_names())
def test_a_shared_flight_outlives_a_caller_that_gives_up(vendor: str, gives_up: int) -> None:
    async def work() -> None:
        async with product(vendor, calls=CALLS, switches=PLAIN) as api:
            world, gate = api.worlds[vendor], asyncio.Event()
            waits = hold(world, gate)
            reader = Reader(api, first=100)
            await reader.page()
            api.clock.advance(60)
            alone = len(world.received)
            await reader.page()
            alone = len(world.received) - alone

            before = len(world.received)
            world.fault("hang", path=LISTS[vendor])
            asks = [asyncio.create_task(reader.ask()) for _ in range(2)]
            await waits.wait()
            for _ in range(20):  # the second one has joined it by then
                await asyncio.sleep(0)
            asks[gives_up].cancel()
            gate.set()
            answered = await asks[1 - gives_up]
            with pytest.raises(asyncio.CancelledError):
                await asks[gives_up]
            assert given_to(answered.data["page"]["nodes"]) == truth([vendor], CALLS)
            assert len(world.received) - before == alone

    run(work)


# ---------------------------------------------------------------- late parts

COSTS = """
query ($first: Int!, $options: AskOptions) {
  page: callRecords(first: $first, options: $options, filter: {since: "2026-02-25T00:00:00Z"}) {
    nodes { nativeId cost { amount currency } caller { number } logs { id } }
    outcomes { state requests }
  }
}
"""


@pytest.mark.parametrize(
    ("kind", "options", "code"),
    [
        ("status", {"times": 3}, "UNAVAILABLE"),
        ("html", {}, "MALFORMED"),
        ("cut", {}, "MALFORMED"),
        ("error", {"code": "403"}, "REFUSED"),
        ("error", {"code": "VALIDATE_FAILED"}, None),
    ],
    ids=["500", "html", "cut", "403", "400"],
)
def test_a_detail_that_fails_is_null_with_an_error_at_its_path(
    kind: FaultKind, options: Mapping[str, Any], code: str | None
) -> None:
    async def work() -> None:
        async with product("portsip", calls=CALLS) as api:
            whole = (await api.good(COSTS, first=6))["page"]["nodes"]
            assert any(node["cost"] for node in whole)
            bare = next(n for n, node in enumerate(whole) if node["cost"])
            api.clock.advance(60)
            path = f"/api/cdrs/{whole[bare]['nativeId']}"
            api.worlds["portsip"].fault(kind, path=path, **options)
            answered = await api.ask(COSTS, first=6)
            nodes = answered.data["page"]["nodes"]
            if code is None:  # the vendor's way to say that there is no such detail
                assert not answered.errors
                assert nodes[bare] == {**whole[bare], "cost": None, "logs": []}
                return
            assert nodes[bare] == {**whole[bare], "cost": None, "logs": None}
            assert nodes[:bare] + nodes[bare + 1 :] == whole[:bare] + whole[bare + 1 :]
            assert {tuple(error["path"]) for error in answered.errors} == {
                ("page", "nodes", bare, "cost"),
                ("page", "nodes", bare, "logs"),
            }
            assert {error["extensions"]["code"] for error in answered.errors} == {code}
            assert answered.data["page"]["outcomes"][0]["state"] == "OK"

    run(work)


def test_more_details_than_may_be_asked_for_are_refused_before_anybody_is_asked() -> None:
    async def work() -> None:
        async with product("portsip", calls=CALLS) as api:
            answered = await api.ask(COSTS, first=5, options={"maxRequests": 4})
            (error,) = answered.errors
            assert error["extensions"] == {
                "code": "LIMIT_EXCEEDED", "limit": "maxRequests", "allowed": 4, "asked": 5,
            }  # fmt: skip
            # At ten a second and twenty at once, eight seconds are enough for a hundred.
            answered = await api.ask(COSTS, first=101)
            (error,) = answered.errors
            assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
            assert (error["extensions"]["allowed"], error["extensions"]["asked"]) == (100, 101)
            assert "101" in error["message"]
            assert api.worlds["portsip"].received == []

    run(work)


# ---------------------------------------------------------------- ties, ceilings, clocks

MOMENT = datetime(2026, 3, 1, 12, 0, 7, tzinfo=UTC)


def tied(many: int, around: int = 12) -> list[company.Call]:
    """calls before and after a second in which many began"""
    made = company.calls(seed=3, count=many + 2 * around, until=NOW - timedelta(hours=5), days=6)
    before, inside, after = (
        made[:around], made[around : around + many], made[around + many :],
    )  # fmt: skip
    return [
        *(move(call, min(call.started_at, MOMENT - timedelta(minutes=n + 1)))
          for n, call in enumerate(before)),
        *(move(call, MOMENT) for call in inside),
        *(move(call, max(call.started_at, MOMENT + timedelta(hours=n + 1)))
          for n, call in enumerate(after)),
    ]  # fmt: skip


def move(call: company.Call, at: datetime) -> company.Call:
    return msgspec.structs.replace(call, started_at=at)


TIES: tuple[tuple[str, Mapping[str, Any], int], ...] = (
    ("portsip", {}, 250),  # of which a page holds a hundred
    ("portsip", {"page_size": 7}, 30),
    ("yeastar", {"page_size": 50}, 120),
    ("yeastar", {"page_size": 50, "search": "none"}, 120),
    ("voipnow", {"page_size": 20}, 120),
    ("vcclive", {"page_size": 30}, 120),
    ("voicenter", {}, 300),
)


@pytest.mark.parametrize(("vendor", "options", "many"), TIES)
@pytest.mark.parametrize("order", [NEWEST, OLDEST])
@pytest.mark.parametrize("backwards", [False, True], ids=["first", "last"])
def test_calls_of_one_second_that_no_page_holds_come_once_each(
    backwards: bool, order: str, vendor: str, options: Mapping[str, Any], many: int
) -> None:
    calls = tied(many)
    switches = {vendor: {"shuffle_ties": True, **PLAIN.get(vendor, {})}}
    source = {"vendor": vendor, "options": options, "requests_per_second": 1000}

    async def work() -> None:
        async with product(source, calls=calls, switches=switches) as api:
            reader = Reader(api, order, first=many // 2 + 5, backwards=backwards)
            await reader.read()
            assert reader.states(vendor) == []
            assert given_to(reader.nodes) == truth([vendor], calls)
            assert len({node["id"] for node in reader.nodes}) == len(reader.nodes)
            assert in_order(reader.nodes, newest_first=order == NEWEST)

    run(work)


@pytest.mark.parametrize("api_version", ["current", "0.1"])
@pytest.mark.parametrize("order", [NEWEST, OLDEST])
@pytest.mark.parametrize("since", [SINCE, None], ids=["bounded", "open"])
def test_a_second_that_holds_more_than_can_be_had_is_named_and_all_else_is_given(
    since: datetime | None, order: str, api_version: str
) -> None:
    # Calls of one leg, so that a call is all in the second or all outside of it.
    short = [call for call in company.calls(seed=3, count=400, until=NOW, days=4)
             if len(call.legs) == 1 and call.outcome != "answered"][:80]  # fmt: skip
    step = timedelta(seconds=1)
    calls = [
        *(move(call, MOMENT - timedelta(hours=n)) for n, call in enumerate(short[:20], 1)),
        move(short[20], MOMENT - step),
        *(move(call, MOMENT) for call in short[21:50]),
        move(short[50], MOMENT + step),
        *(move(call, MOMENT + timedelta(hours=n)) for n, call in enumerate(short[51:], 1)),
    ]
    inside = [call for call in calls if call.started_at == MOMENT]
    cap = {"api": api_version, "cap": 20}
    clock = Clock(NOW + timedelta(microseconds=123_456))

    async def work() -> None:
        source = {
            "vendor": "voicenter", "options": {**cap, "oldest": "2026-02-20"},
            "requests_per_second": 1000,
        }  # fmt: skip
        switches = {"voicenter": {**cap, "requests_per_minute": 0}}
        async with product(
            source, "portsip", calls=calls, switches={**PLAIN, **switches}, clock=clock
        ) as api:
            reader = Reader(api, order, first=30, since=since and since.isoformat())
            await reader.read()
            assert set(reader.states("voicenter")) == {"TRUNCATED"}
            assert reader.states("portsip") == []
            missing = {(m["since"], m["until"]) for o in reader.outcomes for m in o["missing"]}
            assert missing == {("2026-03-01T12:00:07Z", "2026-03-01T12:00:08Z")}
            assert given_to(reader.nodes) == (
                truth(["voicenter", "portsip"], calls) - truth(["voicenter"], inside)
            )

    run(work)


CHANGES = (
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2026, 3, 28, 18, 30, tzinfo=UTC)),
)
WALLS: tuple[tuple[str, Mapping[str, Any], Mapping[str, Any]], ...] = (
    ("portsip", {}, PLAIN["portsip"]),
    ("yeastar", {}, {}),
    ("yeastar", {"search": "display", "date_format": "MM/DD/YYYY"}, {}),
    ("voipnow", {"request_zone": "zone"}, {}),
    ("vcclive", {}, {}),
    ("vcclive", {"path_month": "utc"}, {"utc_paths": True}),
    ("voicenter", {"date_zone": "zone"}, {"date_style": "bare"}),
)


@pytest.mark.parametrize(("zone", "change"), CHANGES)
@pytest.mark.parametrize(("vendor", "options", "switches"), WALLS)
def test_no_call_is_lost_or_doubled_where_clocks_are_changed(
    vendor: str, options: Mapping[str, Any], switches: Mapping[str, Any], zone: str,
    change: datetime,
) -> None:  # fmt: skip
    made = company.calls(seed=5, count=60, until=change + timedelta(hours=3), days=0.25)
    clock = Clock(change + timedelta(days=2))
    own = {name: zone if value == "zone" else value for name, value in options.items()}
    source = {"vendor": vendor, "options": own, "requests_per_second": 1000}
    switched = dict(switches)
    if vendor != "portsip":
        source["time_zone"] = switched["time_zone"] = zone
    # Of an hour that a wall shows twice, Voicenter's rows do not tell which one they mean.
    told = vendor != "voicenter" or change.month < 6

    async def work() -> None:
        async with product(source, calls=made, switches={vendor: switched}, clock=clock) as api:
            found: list[list[dict[str, Any]]] = []
            for order in (NEWEST, OLDEST):
                since = (change - timedelta(days=1)).isoformat()
                reader = Reader(api, order, first=25, since=since)
                reader.starts_are_true = told
                await reader.read()
                everything = truth([vendor], made)
                assert len(reader.nodes) == everything.total()
                assert given_to(reader.nodes) == everything or not told
                found.append(reader.nodes)
            ids = [{node["id"] for node in nodes} for nodes in found]
            assert ids[0] == ids[1]
            assert len(ids[0]) == len(found[0])
            # Every half hour asked for by itself: the windows together are the whole.
            pieces: list[dict[str, Any]] = []
            for half in range(-7, 7):
                edges = [(change + timedelta(minutes=30 * n)).isoformat() for n in (half, half + 1)]
                reader = Reader(api, NEWEST, first=100, since=edges[0], until=edges[1])
                reader.starts_are_true = told
                await reader.read()
                pieces = reader.nodes + pieces
                api.clock.advance(60)
            assert pieces == found[0]

    run(work)
