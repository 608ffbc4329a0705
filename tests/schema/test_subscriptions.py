"""Subscriptions, in process: what is told, when, and how many requests each system gets for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from graph.caller import LOOPBACK, Caller
from graph.gather import watch
from graph.sources import company, vendor, vendor_names
from graph.sources.vcclive.simulator.rows import ids as vcclive_ids
from tests.support import NOW, Api, Clock, product, run

VENDORS = vendor_names()
ADDED = "kind cursor record { id startedAt source { id } talkSeconds direction }"
EVERYTHING = """kind cursor record {
  id source { id } nativeId callKey unit caller { number e164 name } callee { number extension }
  direction disposition answeredBy startedAt ringingAt answeredAt endedAt totalSeconds ringSeconds
  talkSeconds holdSeconds queueSeconds billedSeconds trunkIn trunkOut did shownNumber queue agent
  hangup { cause party reason } recording { name url expected } userData details { vendor } raw
}"""
HOUR = 3600.0


async def idle() -> None:
    """Lets everybody go on until all wait for a clock, or for somebody else.

    In process nothing is waited for but callbacks, and these the loop has in its queue.
    """
    loop: Any = asyncio.get_running_loop()
    await asyncio.sleep(0)
    while loop._ready:  # noqa: ASYNC110  # the loop does not say when its queue is empty
        await asyncio.sleep(0)


class Steps(Clock):
    """A clock whose sleepers wait until it is moved as far as they sleep."""

    def __init__(self, now: datetime = NOW) -> None:
        super().__init__(now)
        self._sleepers: dict[asyncio.Future[None], datetime] = {}

    async def sleep(self, seconds: float) -> None:
        wake = asyncio.get_running_loop().create_future()
        self._sleepers[wake] = self.moment + timedelta(seconds=seconds)
        try:
            await wake
        finally:
            self._sleepers.pop(wake, None)

    async def passes(self, seconds: float) -> None:
        """Moves on; whoever sleeps until then wakes in turn, and does what there is to do."""
        end = self.moment + timedelta(seconds=seconds)
        await idle()
        while self._sleepers:
            wake, due = min(self._sleepers.items(), key=lambda sleeper: sleeper[1])
            if due > end:
                break
            self.moment = max(self.moment, due)
            wake.set_result(None)
            await idle()
        self.moment = end


class Listener:
    """A subscriber who takes every answer at once."""

    def __init__(self, api: Api, query: str, caller: Caller = LOOPBACK) -> None:
        self._answers: asyncio.Queue[Any] = asyncio.Queue()
        self._task = asyncio.create_task(self._listen(api, query, caller))

    async def _listen(self, api: Api, query: str, caller: Caller) -> None:
        stream = await api.graph.schema.subscribe(
            query, context_value=api.graph.context(caller=caller)
        )
        async for answer in stream:
            self._answers.put_nowait(answer)
        self._answers.put_nowait(None)

    async def answer(self) -> Any:
        """The next answer; None at the end"""
        await idle()
        assert not self._answers.empty(), "nothing has been told"
        return self._answers.get_nowait()

    async def event(self) -> Any:
        """The next event"""
        answer = await self.answer()
        assert answer is not None, "it has ended"
        assert not answer.errors, answer.errors
        (event,) = answer.data.values()
        return event

    async def events(self) -> list[Any]:
        """All events so far that were not taken yet"""
        await idle()
        return [await self.event() for _ in range(self._answers.qsize())]

    async def refusal(self) -> Mapping[str, Any]:
        """The extensions of the one error that is the next answer, and its message"""
        answer = await self.answer()
        (error,) = answer.errors
        assert answer.data is None
        return {**error.extensions, "message": error.message}

    async def leave(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def added(api: Api, arguments: str = "", fields: str = ADDED, caller: Caller = LOOPBACK
          ) -> Listener:  # fmt: skip
    return Listener(api, f"subscription {{ callRecordAdded{arguments} {{ {fields} }} }}", caller)


@asynccontextmanager
async def listening(api: Api, arguments: str = "", fields: str = ADDED) -> AsyncIterator[Listener]:
    """A listener to `callRecordAdded` from when every source has been polled once."""
    listener = added(api, arguments, fields)
    await idle()
    try:
        yield listener
    finally:
        await listener.leave()


Happened = tuple[str, str, str]
"""the kind of an event, its source, and the second in which the call began"""


def happened(*events: Mapping[str, Any]) -> list[Happened]:
    records = [(event["kind"], event["record"]) for event in events]
    return sorted((kind, r["source"]["id"], r["startedAt"][:19]) for kind, r in records)


def told(kind: str, sources: Iterable[str], *calls: company.Call) -> list[Happened]:
    """What is told of these calls by each of the sources"""
    starts = [call.started_at.isoformat()[:19] for call in calls]
    return sorted((kind, source, start) for source in sources for start in starts)


PATTERN = next(
    call
    for call in company.calls(seed=7, count=200, until=NOW)
    if call.direction == "outbound" and call.answered and not call.hold_seconds
)


def call(number: int, ended: datetime, talk: int = 60) -> company.Call:
    """A call to the outside that ended then, after so much talk"""
    made = talked(msgspec.structs.replace(PATTERN, number=number), talk)
    started = ended - timedelta(seconds=made.total_seconds)
    return msgspec.structs.replace(made, started_at=started)


def talked(call: company.Call, seconds: int) -> company.Call:
    """The same call with another talk time"""
    (leg,) = call.legs
    leg = msgspec.structs.replace(leg, talk_seconds=seconds)
    return msgspec.structs.replace(call, talk_seconds=seconds, legs=(leg,))


def publish(api: Api, *calls: company.Call) -> None:
    """Every system has these calls, and no other of their numbers"""
    numbers = {call.number for call in calls}
    for world in api.worlds.values():
        world.remove(*[known for known in world.calls if known.number in numbers])
        world.add(*calls)


# ---------------------------------------------------------------- callRecordReady


READY = """subscription {{ callRecordReady(ref: {ref}) {{
  state retryAt record {{ nativeId }} outcome {{ state }}
}} }}"""


async def looks(api: Api, ref: str) -> list[Any]:
    """Every look that is told, to the end"""
    listener = Listener(api, READY.format(ref=ref))
    answers = []
    while (answer := await listener.answer()) is not None:
        assert not answer.errors, answer.errors
        answers.append(answer.data["callRecordReady"])
    return answers


def webhook(native_id: str, started_at: datetime, source: str = "vcclive") -> str:
    when = started_at.isoformat()
    return f'{{native: {{source: "{source}", nativeId: "{native_id}", startedAt: "{when}"}}}}'


@pytest.mark.parametrize(
    ("delay", "needed"), [(0, 1), (299, 1), (301, 2), (1450, 5), (5999, 20), (6001, None)]
)
def test_a_record_in_preparation_is_looked_for_as_its_vendor_advises(
    delay: float, needed: int | None
) -> None:
    ended = call(1, NOW)
    uuid, _ = vcclive_ids(ended, 0)

    async def work() -> None:
        switches = {"vcclive": {"delay_seconds": delay}}
        async with product("vcclive", calls=[ended], switches=switches) as api:
            answers = await looks(api, webhook(uuid, ended.started_at))
            count = needed or 20
            assert [r.at for r in api.worlds["vcclive"].received] == [
                NOW + timedelta(minutes=5 * look) for look in range(1, count + 1)
            ]
            assert [a["state"] for a in answers[:-1]] == ["NOT_READY"] * count
            assert [datetime.fromisoformat(a["retryAt"]) for a in answers[:-1]] == [
                NOW + timedelta(minutes=5 * look) for look in range(1, count + 1)
            ]
            assert answers[-1]["state"] == ("FOUND" if needed else "NOT_FOUND")
            assert answers[-1]["record"] == ({"nativeId": uuid} if needed else None)

    run(work)


@pytest.mark.parametrize("name", [name for name in VENDORS if name != "vcclive"])
def test_a_record_that_is_there_is_found_at_once(name: str) -> None:
    async def work() -> None:
        async with product(name, count=20) as api:
            data = await api.good("{ callRecords(first: 1) { nodes { id nativeId } } }")
            (node,) = data["callRecords"]["nodes"]
            before = api.requests(name)
            (answer,) = await looks(api, f'{{id: "{node["id"]}"}}')
            assert answer["state"] == "FOUND"
            assert answer["record"]["nativeId"] == node["nativeId"]
            assert api.requests(name) == before + 1
            assert api.clock.slept == []

    run(work)


def test_a_record_that_its_vendor_lists_late_is_found_by_a_later_look() -> None:
    ended = call(1, NOW)

    async def work() -> None:
        async with product("portsip", calls=[ended]) as api:
            data = await api.good("{ callRecords { nodes { id } } }")
        switches = {"portsip": {"delay_seconds": 70}}
        async with product("portsip", calls=[ended], switches=switches) as late:
            answers = await looks(late, f'{{id: "{data["callRecords"]["nodes"][0]["id"]}"}}')
            assert [a["state"] for a in answers] == ["NOT_READY"] * 3 + ["FOUND"]
            assert late.clock.slept == [30, 30, 30]

    run(work)


@pytest.mark.parametrize(
    ("ref", "argument"),
    [
        ('{id: "no id"}', "ref.id"),
        ('{id: ""}', "ref.id"),
        ('{native: {source: "vcclive", nativeId: ""}}', "ref.native.nativeId"),
        ('{native: {source: "vcclive", nativeId: "b"}}', "ref.native.startedAt"),
        ("{}", None),
        ('{id: "a", native: {source: "vcclive", nativeId: "b"}}', None),
    ],
)
def test_a_reference_that_cannot_be_one_is_an_error_at_once(ref: str, argument: str | None) -> None:
    async def work() -> None:
        async with product("vcclive", count=0) as api:
            listener = Listener(api, READY.format(ref=ref))
            refusal = await listener.refusal()
            assert refusal["code"] == ("BAD_USER_INPUT" if argument else "GRAPHQL_INVALID")
            assert refusal.get("argument") == argument
            assert await listener.answer() is None
            assert not api.requests("vcclive")
            assert api.clock.slept == []

    run(work)


def test_a_time_at_which_no_call_began_is_told_at_once() -> None:
    async def work() -> None:
        async with product("vcclive", count=0) as api:
            late = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
            (answer,) = await looks(api, webhook("a", late))
            assert (answer["state"], answer["outcome"]["state"]) == ("UNKNOWN", "REJECTED")
            assert not api.requests("vcclive")
            assert api.clock.slept == []

    run(work)


def test_what_can_never_be_a_record_here_is_not_looked_for() -> None:
    async def work() -> None:
        async with product("vcclive", count=5) as api:
            data = await api.good("{ callLogs(first: 1) { nodes { id } } }")
            before = api.requests("vcclive")
            for ref in (
                f'{{id: "{data["callLogs"]["nodes"][0]["id"]}"}}',
                webhook("a", NOW, source="elsewhere"),
            ):
                (answer,) = await looks(api, ref)
                assert answer["state"] == "NOT_FOUND"
            assert api.requests("vcclive") == before
            assert api.clock.slept == []

    run(work)


@pytest.mark.parametrize(
    ("fault", "state", "tries"), [("500", "UNAVAILABLE", 20), ("401", "REFUSED", 1)]
)
def test_a_system_that_could_not_be_asked_leaves_it_unknown(
    fault: str, state: str, tries: int
) -> None:
    async def work() -> None:
        async with product("vcclive", count=0) as api:
            api.worlds["vcclive"].fault("error", code=fault, times=0)
            answers = await looks(api, webhook("a", NOW))
            assert [a["state"] for a in answers] == ["NOT_READY"] * tries + ["UNKNOWN"]
            assert answers[-1]["outcome"]["state"] == state

    run(work)


# ---------------------------------------------------------------- callRecordAdded


@pytest.mark.parametrize("name", VENDORS)
def test_a_call_is_told_once_when_it_is_published_however_long_ago_it_began(name: str) -> None:
    async def work() -> None:
        clock = Steps()
        async with (
            product(name, count=60, days=0.2, clock=clock) as api,
            listening(api, fields=EVERYTHING) as listener,
        ):
            # As long as a call may change it is read with every poll, and then it is forgotten.
            for number, talk, away in ((1, 60, 60), (2, 12_600, HOUR), (3, 60, 20 * HOUR)):
                await clock.passes(60)
                clock.advance(away)
                await clock.passes(60)
                assert await listener.events() == []
                publish(api, new := call(1000 + number, clock.moment, talk))
                await clock.passes(60)
                assert happened(*await listener.events()) == told("ADDED", [name], new)

    run(work)


@pytest.mark.parametrize("name", VENDORS)
def test_a_call_that_changes_is_told_as_corrected(name: str) -> None:
    async def work() -> None:
        clock = Steps()
        known, new = call(1001, NOW - timedelta(minutes=5)), call(1002, NOW)
        async with (
            product(name, calls=[known], clock=clock) as api,
            listening(api) as listener,
        ):
            publish(api, new)
            await clock.passes(60)
            (first,) = await listener.events()
            for seconds in (70, 80):
                publish(api, talked(known, seconds), talked(new, seconds))
                await clock.passes(60)
                events = await listener.events()
                assert happened(*events) == told("CORRECTED", [name], known, new)
                assert [event["record"]["talkSeconds"] for event in events] == [seconds, seconds]
                assert events[-1]["record"]["id"] == first["record"]["id"]

    run(work)


@pytest.mark.parametrize(
    ("filter", "sources"),
    [
        ("{talkSeconds: {min: 100}}", ["portsip", "yeastar"]),
        ('{sources: ["portsip"], talkSeconds: {min: 100}}', ["portsip"]),
        ("{vendors: [YEASTAR], talkSeconds: {min: 100}}", ["yeastar"]),
    ],
)
def test_what_the_filter_rules_out_is_neither_told_nor_asked_for(
    filter: str, sources: list[str]
) -> None:
    async def work() -> None:
        clock = Steps()
        async with (
            product("portsip", "yeastar", count=20, clock=clock) as api,
            listening(api, f"(filter: {filter})") as listener,
        ):
            short, wanted = call(1001, clock.moment, talk=99), call(1002, clock.moment, talk=100)
            publish(api, short, wanted)
            await clock.passes(60)
            assert happened(*await listener.events()) == told("ADDED", sources, wanted)
            assert [name for name in api.worlds if api.requests(name)] == sources

    run(work)


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ('(filter: {sources: ["elsewhere"]})', "filter.sources[0]"),
        (
            '(filter: {since: "2026-01-02T00:00:00Z", until: "2026-01-01T00:00:00Z"})',
            "filter.until",
        ),
        ("(filter: {talkSeconds: {min: 5, max: 4}})", "filter.talkSeconds"),
    ],
)
def test_a_filter_that_nothing_can_match_is_an_error_at_once(arguments: str, argument: str) -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            refusal = await added(api, arguments).refusal()
            assert (refusal["code"], refusal["argument"]) == ("BAD_USER_INPUT", argument)
            assert not api.graph.watches

    run(work)


def test_a_late_field_is_asked_for_only_of_what_is_told() -> None:
    async def work() -> None:
        clock = Steps()
        fields = "record { cost { amount currency } }"
        async with (
            product("portsip", count=40, days=0.1, clock=clock) as api,
            listening(api, fields=fields) as listener,
        ):
            await clock.passes(60)
            assert api.requests("portsip", "/cdrs/") == 0
            publish(api, call(1001, clock.moment), call(1002, clock.moment, talk=90))
            await clock.passes(60)
            assert [bool(e["record"]["cost"]) for e in await listener.events()] == [True, True]
            assert api.requests("portsip", "/cdrs/") == 2

    run(work)


# ---------------------------------------------------------------- how the systems are polled


SOME = Caller("some", LOOPBACK.scopes, frozenset({"portsip"}))


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("arguments", "fields", "caller", "shared"),
    [
        ("", ADDED, LOOPBACK, True),
        ("(filter: {})", f"{ADDED} kind", LOOPBACK, True),
        ("(filter: {talkSeconds: {min: 100}})", ADDED, LOOPBACK, False),
        ("", "record { id }", LOOPBACK, False),
        ("", ADDED, SOME, False),
    ],
)
def test_subscribers_share_polls_if_question_and_sight_are_the_same(
    arguments: str, fields: str, caller: Caller, *, shared: bool, at_once: bool
) -> None:
    async def polls(*, both: bool) -> int:
        clock = Steps()
        async with product("portsip", count=60, days=0.2, clock=clock) as api:
            listeners = [added(api)]
            if not at_once:
                await idle()
            if both:
                listeners.append(added(api, arguments, fields, caller))
            await clock.passes(100)
            publish(api, call(1001, clock.moment, talk=120))
            await clock.passes(20)
            for listener in listeners:
                assert len(await listener.events()) == 1
            assert len(api.graph.watches) == (2 if both and not shared else 1)
            for listener in listeners:
                await listener.leave()
            return api.requests("portsip", "/cdrs")

    async def work() -> None:
        alone, together = await polls(both=False), await polls(both=True)
        assert together == alone if shared else together > alone

    run(work)


@pytest.mark.parametrize(
    ("name", "questions"), [*((name, 1) for name in VENDORS), ("yeastar", 3), ("voicenter", 3)]
)
def test_polling_takes_at_most_a_fifth_of_what_a_system_allows(name: str, questions: int) -> None:
    async def work() -> None:
        clock = Steps()
        async with product(name, count=100, days=0.3, clock=clock) as api:
            listeners = [
                added(api, f"(filter: {{talkSeconds: {{min: {talk}}}}})")
                for talk in range(questions)
            ]
            await clock.passes(60)
            received = api.worlds[name].received
            first = len(received)
            await clock.passes(300)
            polled = received[first:]
            assert 8 < len(polled) <= 300 * vendor(name).pace.requests_per_second / 5
            if questions == 1:
                times = sorted({request.at for request in polled})
                assert all((b - a).total_seconds() >= 10 for a, b in pairwise(times))
            for listener in listeners:
                await listener.leave()

    run(work)


def test_a_system_that_fails_is_read_again_without_a_gap_and_holds_up_no_other() -> None:
    async def work() -> None:
        clock = Steps()
        both = ["portsip", "yeastar"]
        async with product(*both, count=30, clock=clock) as api, listening(api) as listener:
            fault = api.worlds["portsip"].fault("status", status=500, times=0)
            missed = []
            for number in range(1001, 1008):  # for longer than any call may last
                publish(api, new := call(number, clock.moment))
                missed.append(new)
                await clock.passes(60)
                assert happened(*await listener.events()) == told("ADDED", ["yeastar"], new)
                clock.advance(2 * HOUR)
            api.worlds["portsip"].faults.remove(fault)
            await clock.passes(120)
            assert happened(*await listener.events()) == told("ADDED", ["portsip"], *missed)
            publish(api, last := call(1010, clock.moment))
            await clock.passes(60)
            assert happened(*await listener.events()) == told("ADDED", both, last)

    run(work)


def test_a_system_that_is_down_at_first_loses_no_call_of_the_time_since() -> None:
    async def work() -> None:
        clock = Steps()
        there = call(1001, NOW - timedelta(minutes=10))
        async with product("portsip", "yeastar", calls=[there], clock=clock) as api:
            fault = api.worlds["portsip"].fault("status", status=500, times=0)
            async with listening(api) as listener:
                publish(api, new := call(1002, clock.moment))
                await clock.passes(60)
                assert happened(*await listener.events()) == told("ADDED", ["yeastar"], new)
                api.worlds["portsip"].faults.remove(fault)
                await clock.passes(120)
                # Nobody can say whether the older one had been published before.
                events = await listener.events()
                assert happened(*events) == told("ADDED", ["portsip"], there, new)

    run(work)


def test_a_system_that_is_slower_to_read_than_a_query_may_last_is_followed_too() -> None:
    async def work() -> None:
        clock = Steps()
        source = {"vendor": "vcclive", "requests_per_second": 0.25}
        switches = {"vcclive": {"most_rows": 10}}
        there = [call(number, NOW - timedelta(minutes=number)) for number in range(1, 80)]
        async with (
            product(source, calls=there, switches=switches, clock=clock) as api,
            listening(api) as listener,
        ):
            await clock.passes(60)
            publish(api, new := call(1001, clock.moment))
            await clock.passes(600)
            assert happened(*await listener.events()) == told("ADDED", ["vcclive"], new)

    run(work)


def test_where_there_is_nothing_to_follow_the_subscription_ends() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            assert await added(api, "(filter: {vendors: [YEASTAR]})").answer() is None
            assert not api.graph.watches
            assert not api.requests("portsip")

    run(work)


# ---------------------------------------------------------------- resuming


async def last_cursor(api: Api, *calls: company.Call) -> str:
    """The cursor of the last event of a subscriber who was told of these calls, and left"""
    assert isinstance(api.clock, Steps)
    async with listening(api) as listener:
        publish(api, *calls)
        await api.clock.passes(120)
        events = await listener.events()
        assert happened(*events) == told("ADDED", api.worlds, *calls)
        cursor: str = events[-1]["cursor"]
        return cursor


@pytest.mark.parametrize("away", [60.0, 30 * HOUR])
def test_a_subscriber_resumes_where_it_was_though_everything_was_started_anew(away: float) -> None:
    async def work() -> None:
        clock = Steps()
        async with product(*VENDORS, count=40, days=2, clock=clock) as api:
            cursor = await last_cursor(api, call(1000, clock.moment))
            calls = list(api.worlds["portsip"].calls)
        # Published meanwhile: at the beginning, at the end, and one that began long before.
        early = call(1001, clock.moment)
        clock.advance(away)
        late, long = call(1002, clock.moment), call(1003, clock.moment, talk=14_000)
        calls += [early, late, long]
        async with (
            product(*VENDORS, calls=calls, clock=clock) as api,
            listening(api, f'(after: "{cursor}")') as listener,
        ):
            await clock.passes(60)
            events = happened(*await listener.events())
            assert set(events) >= set(told("ADDED", VENDORS, early, late, long))
            assert len(set(events)) == len(events)
            publish(api, new := call(1004, clock.moment))
            await clock.passes(120)
            assert happened(*await listener.events()) == told("ADDED", VENDORS, new)

    run(work)


def test_whoever_stops_in_the_middle_of_many_events_resumes_without_a_gap() -> None:
    """The calls were published during an outage, so they are told at once, the oldest first."""

    async def work() -> None:
        clock = Steps()
        both = ["portsip", "yeastar"]
        async with product(*both, count=30, clock=clock) as api:
            async with listening(api) as listener:
                faults = {w: w.fault("status", status=500, times=0) for w in api.worlds.values()}
                calls = [call(1000 + n, NOW + timedelta(hours=n)) for n in range(0, 20, 3)]
                publish(api, *calls)
                clock.advance(20 * HOUR)
                await clock.passes(60)
                for world, fault in faults.items():
                    world.faults.remove(fault)
                await clock.passes(120)
                first = await listener.events()
                assert happened(*first) == told("ADDED", both, *calls)
            number = iter(range(2000, 3000))
            for seen in range(0, len(first), 3):
                events, stop = first, seen
                left = set(told("ADDED", both, *calls))
                for _ in range(3):  # then in the middle of what is told again
                    left -= set(happened(*events[: stop + 1]))
                    publish(api, new := call(next(number), clock.moment))
                    left.update(told("ADDED", both, new))
                    after = f'(after: "{events[stop]["cursor"]}")'
                    async with listening(api, after) as again:
                        await clock.passes(10)
                        events = await again.events()
                    assert left <= set(happened(*events))
                    stop = len(events) // 2

    run(work)


def test_what_is_read_for_those_who_resume_counts_as_polling() -> None:
    async def work() -> None:
        clock = Steps()
        async with product("voicenter", count=5, clock=clock) as api:
            cursor = await last_cursor(api, call(1000, clock.moment))
            clock.advance(HOUR)
            before = api.requests("voicenter")
            listeners = [added(api, f'(after: "{cursor}")') for _ in range(10)]
            await clock.passes(300)
            rate = vendor("voicenter").pace.requests_per_second
            # The first poll had been over, and the wait for the second one had begun.
            assert 10 < api.requests("voicenter") - before <= 300 * rate / 5 + 2
            for listener in listeners:
                assert len(await listener.events()) == 1
                await listener.leave()

    run(work)


def test_a_system_that_is_down_when_somebody_resumes_tells_when_it_is_back() -> None:
    async def work() -> None:
        clock = Steps()
        async with product("portsip", "yeastar", count=30, clock=clock) as api:
            cursor = await last_cursor(api, call(1000, clock.moment))
            clock.advance(20 * HOUR)
            publish(api, early := call(1001, clock.moment - timedelta(hours=10)))
            fault = api.worlds["portsip"].fault("status", status=500, times=0)
            for number in (1002, 1003):  # whoever leaves and resumes meanwhile is owed the same
                async with listening(api, f'(after: "{cursor}")') as listener:
                    await clock.passes(60)
                    publish(api, call(number, clock.moment))
                    await clock.passes(60)
                    events = await listener.events()
                    assert {event["record"]["source"]["id"] for event in events} == {"yeastar"}
                    cursor = events[-1]["cursor"]
            async with listening(api, f'(after: "{cursor}")') as listener:
                api.worlds["portsip"].faults.remove(fault)
                await clock.passes(120)
                assert told("ADDED", ["portsip"], early)[0] in happened(*await listener.events())

    run(work)


@pytest.mark.parametrize("slow", [0, 1])
def test_a_call_that_is_published_while_somebody_resumes_is_told(slow: int) -> None:
    """Whichever of the requests for what there is and for what was missed takes its time."""

    async def work() -> None:
        clock = Steps()
        async with product("portsip", count=5, clock=clock) as api:
            cursor = await last_cursor(api, call(1000, clock.moment))
            clock.advance(HOUR)
            api.worlds["portsip"].fault("hang", path="/cdrs", skip=slow, seconds=3)
            async with listening(api, f'(after: "{cursor}")') as listener:
                await clock.passes(1)
                publish(api, new := call(1001, clock.moment))
                await clock.passes(60)
                assert told("ADDED", ["portsip"], new)[0] in happened(*await listener.events())

    run(work)


@pytest.mark.parametrize(
    "arguments",
    [
        '(after: "{changed}")',
        '(after: "{cursor}AAAA")',
        '(after: "{cursor}", filter: {{talkSeconds: {{min: 1}}}})',
        '(after: "{page}")',
        '(after: "no cursor")',
        '(after: "")',
    ],
)
def test_a_cursor_that_was_changed_or_belongs_elsewhere_is_an_error(arguments: str) -> None:
    async def work() -> None:
        clock = Steps()
        async with product("portsip", count=5, clock=clock) as api:
            cursor = await last_cursor(api, call(1001, clock.moment))
            data = await api.good("{ callRecords(first: 1) { pageInfo { endCursor } } }")
            before = api.requests("portsip")
            given = arguments.format(
                cursor=cursor,
                changed=cursor[:30] + ("A" if cursor[30] != "A" else "B") + cursor[31:],
                page=data["callRecords"]["pageInfo"]["endCursor"],
            )
            listener = added(api, given)
            refusal = await listener.refusal()
            assert (refusal["code"], refusal["argument"]) == ("BAD_USER_INPUT", "after")
            assert await listener.answer() is None
            assert api.requests("portsip") == before
            assert not api.graph.watches

    run(work)


# ---------------------------------------------------------------- how it ends


@pytest.mark.parametrize(
    "how", ["closed unread", "closed between events", "cancelled", "cancelled at once"]
)
def test_polling_ends_with_the_last_subscriber(how: str) -> None:
    async def work() -> None:
        clock = Steps()
        async with product("portsip", "yeastar", count=5, clock=clock) as api:
            before = asyncio.all_tasks()
            async with listening(api):
                under_way = asyncio.all_tasks()
                if how.startswith("closed"):
                    stream: Any = await api.graph.schema.subscribe(
                        f"subscription {{ callRecordAdded {{ {ADDED} }} }}",
                        context_value=api.graph.context(),
                    )
                    if how == "closed between events":
                        publish(api, call(1001, clock.moment))
                        event = asyncio.create_task(anext(stream))
                        await clock.passes(60)
                        assert event.done()
                    await stream.aclose()
                else:
                    another = added(api)
                    if how == "cancelled":
                        await clock.passes(60)
                    await another.leave()
                assert asyncio.all_tasks() == under_way > before
                assert len(api.graph.watches) == 1
            assert asyncio.all_tasks() == before
            assert not api.graph.watches
            requests = api.requests("portsip")
            await clock.passes(60)
            assert api.requests("portsip") == requests

    run(work)


def test_polling_ends_in_the_middle_of_a_poll_too() -> None:
    async def work() -> None:
        clock = Steps()
        before = asyncio.all_tasks()
        async with product("portsip", count=5, clock=clock) as api:
            async with listening(api):
                requests = api.requests("portsip", "/cdrs")
                api.worlds["portsip"].fault("hang", path="/cdrs", seconds=HOUR)
                await clock.passes(15)
                assert api.requests("portsip", "/cdrs") == requests + 1
            assert not api.graph.watches
        assert asyncio.all_tasks() == before

    run(work)


def test_closing_the_product_ends_every_subscription_without_an_error() -> None:
    async def work() -> None:
        clock = Steps()
        async with product("portsip", "yeastar", count=5, clock=clock) as api:
            before = asyncio.all_tasks()
            listeners = [added(api, f) for f in ("", "", "(filter: {hasRecording: true})")]
            await clock.passes(60)
            assert len(api.graph.watches) == 2
            await api.graph.close()
            for listener in listeners:
                assert await listener.answer() is None
            assert asyncio.all_tasks() == before

    run(work)


def test_nobody_keeps_more_than_some_events_for_a_slow_subscriber(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "KEPT_EVENTS", 3)

    async def work() -> None:
        clock = Steps()
        async with product("portsip", count=5, clock=clock) as api:
            stream: Any = await api.graph.schema.subscribe(
                f"subscription {{ callRecordAdded {{ {ADDED} }} }}",
                context_value=api.graph.context(),
            )
            answer = asyncio.create_task(anext(stream))
            calls = []
            async with listening(api) as quick:
                for number in range(1001, 1009):
                    calls.append(call(number, clock.moment))
                    publish(api, calls[-1])
                    await clock.passes(60)
                events = await quick.events()
                assert happened(*events) == told("ADDED", ["portsip"], *calls)
            assert (await answer).data["callRecordAdded"] == events[0]
            (error,) = (await anext(stream)).errors
            assert error.extensions == {
                "code": "LIMIT_EXCEEDED",
                "limit": "events",
                "allowed": 3,
                "asked": 7,
            }
            assert "subscribe again with `after`" in error.message
            assert [answer async for answer in stream] == []
            assert not api.graph.watches
            async with listening(api, f'(after: "{events[0]["cursor"]}")') as again:
                missed = told("ADDED", ["portsip"], *calls[1:])
                assert set(missed) <= set(happened(*await again.events()))

    run(work)


def test_what_fails_unexpectedly_is_an_error_for_every_listener_and_the_next_starts_anew() -> None:
    def broken() -> datetime:
        raise ZeroDivisionError("secret")

    async def work() -> None:
        clock = Steps()
        async with product("portsip", "yeastar", count=5, clock=clock) as api:
            slow: Any = await api.graph.schema.subscribe(
                f"subscription {{ callRecordAdded {{ {ADDED} }} }}",
                context_value=api.graph.context(),
            )
            event = asyncio.create_task(anext(slow))
            listeners = [added(api), added(api)]
            await clock.passes(60)
            publish(api, first := call(1001, clock.moment))
            await clock.passes(60)
            api.worlds["portsip"].clock = broken
            await clock.passes(60)
            for listener in listeners:
                assert happened(await listener.event(), await listener.event()) == told(
                    "ADDED", api.worlds, first
                )
                refusal = await listener.refusal()
                assert refusal["code"] == "INTERNAL"
                assert "secret" not in refusal["message"]
                assert await listener.answer() is None
            api.worlds["portsip"].clock = clock.now
            async with listening(api) as again:
                publish(api, new := call(1002, clock.moment))
                await clock.passes(60)
                assert happened(*await again.events()) == told("ADDED", api.worlds, new)
                # Whoever takes its time gets all that was told, and then the error.
                answers = [await event, *[answer async for answer in slow]]
                assert [bool(answer.errors) for answer in answers] == [False, False, True]
                assert len(api.graph.watches) == 1
            assert not api.graph.watches

    run(work)


def test_streams_that_begin_together_do_not_mix() -> None:
    """A stream is opened first and read later, as SSE does it."""

    async def work() -> None:
        async with product("portsip", count=5) as api:
            opened: list[Any] = [
                await api.graph.schema.stream(query, context_value=api.graph.context())
                for query in ("{ sources { id } }", "{ sources { no")
            ]
            (good,) = [answer async for answer in opened[0]]
            assert msgspec.to_builtins(good.data) == {"sources": [{"id": "portsip"}]}
            assert good.errors is None
            (bad,) = [answer async for answer in opened[1]]
            assert [error.extensions["code"] for error in bad.errors] == ["GRAPHQL_INVALID"]

    run(work)
