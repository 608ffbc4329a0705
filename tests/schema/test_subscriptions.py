"""Subscriptions, in process: what is told, when, and how many requests each system gets for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from graph.caller import LOOPBACK, Caller
from graph.gather import watch
from graph.sources import company, vendor, vendor_names
from graph.sources.contract import LONGEST_CALL_SECONDS
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
    while loop._ready:
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


def place(record: Mapping[str, Any]) -> tuple[str, str]:
    return record["source"]["id"], record["startedAt"][:19]


def told(kind: str, source: str, *calls: company.Call) -> list[tuple[str, str, str]]:
    return sorted((kind, source, call.started_at.isoformat()[:19]) for call in calls)


PATTERN = next(
    call
    for call in company.calls(seed=7, count=200, until=NOW)
    if call.direction == "outbound" and call.answered and not call.hold_seconds
)


def call(
    number: int, ended: datetime, talk: int = 60, *, pattern: company.Call = PATTERN
) -> company.Call:
    """A call between an extension and the outside that has just ended, after so much talk"""
    (leg,) = pattern.legs
    leg = msgspec.structs.replace(leg, talk_seconds=talk)
    made = msgspec.structs.replace(pattern, number=number, legs=(leg,), talk_seconds=talk)
    started = ended - timedelta(seconds=made.total_seconds)
    return msgspec.structs.replace(made, started_at=started)


def publish(api: Api, *calls: company.Call) -> None:
    for world in api.worlds.values():
        world.add(*calls)


def settles(name: str) -> timedelta:
    """From the start of a call until a system will not tell of it any more"""
    return timedelta(seconds=LONGEST_CALL_SECONDS + vendor(name).settles_after_seconds)


# ---------------------------------------------------------------- callRecordReady


READY = "subscription {{ callRecordReady(ref: {ref}) {{ state retryAt record {{ nativeId }} outcome {{ state }} }} }}"


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
            product(name, count=150, days=0.4, clock=clock) as api,
            listening(api, fields=EVERYTHING, polls=1) as listener,
        ):
            # While a call may still change, it is read again with every poll, and forgotten then.
            for number, talk, away in ((1, 60, 60), (2, 12_600, HOUR), (3, 60, 20 * HOUR)):
                await clock.passes(60)
                clock.advance(away)
                await clock.passes(60)
                publish(api, new := call(1000 + number, clock.moment, talk=talk))
                await clock.passes(60)
                assert await listener.started(1) == told("ADDED", name, new)

    run(work)


@pytest.mark.parametrize("name", VENDORS)
def test_a_call_that_changes_is_told_as_corrected(name: str) -> None:
    known = call(1001, NOW - timedelta(minutes=5))

    async def work() -> None:
        clock = Steps()
        async with (
            product(name, calls=[known], clock=clock) as api,
            listening(api, polls=1) as listener,
        ):
            new = call(1002, clock.moment)
            publish(api, new)
            await clock.passes(60)
            assert (await listener.event())["kind"] == "ADDED"
            ids = {}
            for talk in (70, 80):
                for old in (known, new):
                    (leg,) = old.legs
                    changed = msgspec.structs.replace(
                        old,
                        talk_seconds=talk,
                        legs=(msgspec.structs.replace(leg, talk_seconds=talk),),
                    )
                    world = api.worlds[name]
                    world.remove(next(c for c in world.calls if c.number == old.number))
                    world.add(changed)
                    await clock.passes(60)
                    event = await listener.event()
                    assert event["kind"] == "CORRECTED"
                    assert event["record"]["talkSeconds"] == talk
                    assert place(event["record"]) == told("", name, old)[0][1:]
                    assert (
                        ids.setdefault(old.number, event["record"]["id"]) == event["record"]["id"]
                    )

    run(work)


@pytest.mark.parametrize(
    "filter",
    ["{talkSeconds: {min: 100}}", '{sources: ["portsip"], talkSeconds: {min: 100, max: 300}}'],
)
def test_what_the_filter_rules_out_is_not_told(filter: str) -> None:
    async def work() -> None:
        clock = Steps()
        only = "sources" in filter
        polls = 1 if only else 2
        async with (
            product("portsip", "yeastar", count=20, clock=clock) as api,
            listening(api, f"(filter: {filter})", polls=polls) as listener,
        ):
            publish(api, call(1001, clock.moment, talk=99))
            await clock.passes(60)
            wanted = call(1002, clock.moment, talk=100)
            publish(api, wanted)
            await clock.passes(60)
            expected = told("ADDED", "portsip", wanted)
            if not only:
                expected += told("ADDED", "yeastar", wanted)
            assert await listener.started(polls) == expected
            assert only == (not api.requests("yeastar"))

    run(work)


def test_a_late_field_is_asked_for_only_of_what_is_told() -> None:
    async def work() -> None:
        clock = Steps()
        fields = "kind record { id cost { amount currency } }"
        async with (
            product("portsip", count=40, days=0.1, clock=clock) as api,
            listening(api, fields=fields, polls=1) as listener,
        ):
            await clock.passes(120)
            assert api.requests("portsip", "/cdrs/") == 0
            publish(api, call(1001, clock.moment), call(1002, clock.moment, talk=90))
            await clock.passes(120)
            assert (await listener.event())["record"]["cost"]["amount"]
            assert (await listener.event())["record"]["cost"]["amount"]
            assert api.requests("portsip", "/cdrs/") == 2

    run(work)


# ---------------------------------------------------------------- how the systems are polled


SOME = Caller("some", LOOPBACK.scopes, frozenset({"portsip"}))
SAME = ("", ADDED, LOOPBACK)


@pytest.mark.parametrize(
    ("second", "watches"),
    [
        (SAME, 1),
        (("(filter: {})", ADDED, LOOPBACK), 1),
        (("(filter: {talkSeconds: {min: 100}})", ADDED, LOOPBACK), 2),
        (("", "kind record { id }", LOOPBACK), 2),
        (("", ADDED, SOME), 2),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_subscribers_share_polls_if_question_and_sight_are_the_same(
    second: tuple[str, str, Caller], watches: int, at_once: bool
) -> None:
    async def polled(*subscribers: tuple[str, str, Caller]) -> tuple[int, int]:
        clock = Steps()
        async with product("portsip", count=150, days=0.5, clock=clock) as api:
            listeners = []
            for arguments, fields, caller in subscribers:
                query = f"subscription {{ callRecordAdded{arguments} {{ {fields} }} }}"
                listeners.append(Listener(api, query, caller))
                if not at_once:
                    await clock.asleep(1)
            await clock.asleep(watches if len(subscribers) > 1 else 1)
            first = api.requests("portsip", "/cdrs")
            await clock.passes(100)
            publish(api, call(1001, clock.moment, talk=120))
            await clock.passes(20)
            for listener in listeners:
                assert (await listener.event())["kind"] == "ADDED"
            count = len(api.graph.watches)
            for listener in listeners:
                await listener.leave()
            assert first
            return count, api.requests("portsip", "/cdrs")

    async def work() -> None:
        _, alone = await polled(SAME)
        assert (await polled(SAME, second))[0] == watches
        _, both = await polled(SAME, second)
        assert both == alone if watches == 1 else both > alone

    run(work)


@pytest.mark.parametrize("questions", [1, 3])
@pytest.mark.parametrize("name", VENDORS)
def test_polling_takes_at_most_a_fifth_of_what_a_system_allows(name: str, questions: int) -> None:
    async def work() -> None:
        clock = Steps()
        async with product(name, count=100, days=0.3, clock=clock) as api:
            listeners = []
            for talk in range(questions):
                arguments = f"(filter: {{talkSeconds: {{min: {talk}}}}})"
                query = f"subscription {{ callRecordAdded{arguments} {{ {ADDED} }} }}"
                listeners.append(Listener(api, query))
                await clock.asleep(len(listeners))
            received = api.worlds[name].received
            first = len(received)
            await clock.passes(1200)
            rate = vendor(name).pace.requests_per_second
            assert first < len(received) - first <= 1200 * rate / 5
            if questions == 1:
                times = sorted({r.at for r in received})
                polls = [b for a, b in pairwise(times) if b - a > timedelta(seconds=3)]
                assert all(b - a >= timedelta(seconds=10) for a, b in pairwise(polls))
            for listener in listeners:
                await listener.leave()

    run(work)


def test_a_system_that_fails_is_read_again_without_a_gap_and_holds_up_no_other() -> None:
    async def work() -> None:
        clock = Steps()
        async with (
            product("portsip", "yeastar", count=30, clock=clock) as api,
            listening(api, polls=2) as listener,
        ):
            fault = api.worlds["portsip"].fault("status", status=500, times=0)
            missed = []
            for number in range(1001, 1008):  # longer than any call may last
                missed.append(call(number, clock.moment))
                publish(api, missed[-1])
                await clock.passes(60)
                clock.advance(2 * HOUR)
                assert await listener.started(1) == told("ADDED", "yeastar", missed[-1])
            api.worlds["portsip"].faults.remove(fault)
            await clock.passes(300)
            assert await listener.started(7) == told("ADDED", "portsip", *missed)
            publish(api, last := call(1010, clock.moment))
            await clock.passes(60)
            assert await listener.started(2) == [
                *told("ADDED", "portsip", last),
                *told("ADDED", "yeastar", last),
            ]

    run(work)


def test_a_system_that_is_down_at_first_is_followed_from_when_it_is_back() -> None:
    there = call(1001, NOW - timedelta(minutes=10))

    async def work() -> None:
        clock = Steps()
        async with product("portsip", "yeastar", calls=[there], clock=clock) as api:
            fault = api.worlds["portsip"].fault("status", status=500, times=0)
            query = f"subscription {{ callRecordAdded {{ {ADDED} }} }}"
            listener = Listener(api, query)
            await clock.asleep(2)
            await clock.passes(10)  # a repeat, and the poll of the other system
            publish(api, new := call(1002, clock.moment))
            await clock.passes(60)
            assert await listener.started(1) == told("ADDED", "yeastar", new)
            api.worlds["portsip"].faults.remove(fault)
            await clock.passes(300)
            # Nobody can say whether the older one was there before.
            assert await listener.started(2) == told("ADDED", "portsip", there, new)
            await listener.leave()

    run(work)


# ---------------------------------------------------------------- resuming


async def cursor_of(api: Api, count: int) -> str:
    """The cursor of the last event of a call that has just ended, told by so many sources"""
    assert isinstance(api.clock, Steps)
    async with listening(api, polls=count) as listener:
        publish(api, call(900, api.clock.moment))
        await api.clock.passes(120)
        events = [await listener.event() for _ in range(count)]
        cursor: str = events[-1]["cursor"]
        return cursor


async def gathered(listener: Listener, wanted: Sequence[tuple[str, str, str]]) -> list[str]:
    """Listens until all that is wanted has been told, and gives the cursors on the way."""
    left, cursors = set(wanted), []
    while left:
        event = await listener.event()
        cursors.append(event["cursor"])
        left.discard((event["kind"], *place(event["record"])))
    return cursors


@pytest.mark.parametrize("away", [60.0, 30 * HOUR])
def test_a_subscriber_resumes_where_it_was_though_everything_was_started_anew(away: float) -> None:
    async def work() -> None:
        clock = Steps()
        names = list(VENDORS)
        async with product(*names, count=40, days=2, clock=clock) as api:
            cursor = await cursor_of(api, 5)
            calls = list(api.worlds["portsip"].calls)
        # Published meanwhile: early on, at the end, and one that began before all that.
        early, late = call(1001, clock.moment), call(1002, clock.moment + timedelta(seconds=away))
        clock.advance(away)
        long = call(1003, clock.moment, talk=14_000)
        resumed = Steps(clock.moment)
        async with (
            product(*names, calls=[*calls, early, late, long], clock=resumed) as api,
            listening(api, f'(after: "{cursor}")', polls=5) as listener,
        ):
            wanted = [e for name in names for e in told("ADDED", name, early, late, long)]
            await gathered(listener, wanted)
            publish(api, new := call(1004, resumed.moment))
            await resumed.passes(120)
            await gathered(listener, [e for name in names for e in told("ADDED", name, new)])

    run(work)


def test_whoever_stops_in_the_middle_of_many_events_resumes_without_a_gap() -> None:
    """The calls were published during an outage, so they are told at once, the oldest first."""

    async def work() -> None:
        clock = Steps()
        async with product("portsip", count=30, clock=clock) as api:
            async with listening(api, polls=1) as listener:
                fault = api.worlds["portsip"].fault("status", status=500, times=0)
                missed = [call(1000 + n, clock.moment + timedelta(hours=n)) for n in range(1, 20)]
                publish(api, *missed)
                clock.advance(20 * HOUR)
                await clock.passes(60)
                api.worlds["portsip"].faults.remove(fault)
                await clock.passes(300)
                cursors = [(await listener.event())["cursor"] for _ in missed]
            for seen in range(0, len(missed), 3):
                async with listening(api, f'(after: "{cursors[seen]}")', polls=1) as again:
                    # Stopping in the middle of that is no different.
                    rest = told("ADDED", "portsip", *missed[seen + 1 :])
                    later = await gathered(again, rest)
                async with listening(api, f'(after: "{later[len(later) // 2]}")', polls=1) as again:
                    half = len(missed) - len(later) + len(later) // 2 + 1
                    await gathered(again, told("ADDED", "portsip", *missed[half:]))

    run(work)


def test_a_system_that_is_down_when_somebody_resumes_tells_when_it_is_back() -> None:
    async def work() -> None:
        clock = Steps()
        async with product("portsip", "yeastar", count=30, clock=clock) as api:
            cursor = await cursor_of(api, 2)
            clock.advance(20 * HOUR)
            early = call(1001, clock.moment - timedelta(hours=10))
            publish(api, early)
            fault = api.worlds["portsip"].fault("status", status=500, times=0)
            for _ in range(2):  # who leaves and resumes meanwhile is still owed the same
                query = f'subscription {{ callRecordAdded(after: "{cursor}") {{ {ADDED} }} }}'
                listener = Listener(api, query)
                await gathered(listener, told("ADDED", "yeastar", early))
                await clock.asleep(2)
                await clock.passes(60)
                publish(api, new := call(1002, clock.moment))
                await clock.passes(60)
                cursor = (await gathered(listener, told("ADDED", "yeastar", new)))[-1]
                await listener.leave()
            listener = Listener(api, query)
            await clock.asleep(2)
            api.worlds["portsip"].faults.remove(fault)
            await clock.passes(300)
            await gathered(listener, told("ADDED", "portsip", early, new))
            await listener.leave()

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
            cursor = await cursor_of(api, 1)
            data = await api.good("{ callRecords(first: 1) { pageInfo { endCursor } } }")
            before = api.requests("portsip")
            given = arguments.format(
                cursor=cursor,
                changed=cursor[:30] + ("A" if cursor[30] != "A" else "B") + cursor[31:],
                page=data["callRecords"]["pageInfo"]["endCursor"],
            )
            listener = Listener(api, f"subscription {{ callRecordAdded{given} {{ {ADDED} }} }}")
            refusal = await listener.refusal()
            assert (refusal["code"], refusal["argument"]) == ("BAD_USER_INPUT", "after")
            assert await listener.answer() is None
            assert api.requests("portsip") == before
            assert not api.graph.watches

    run(work)


# ---------------------------------------------------------------- how it ends


@pytest.mark.parametrize("how", ["closed between events", "closed", "given up", "given up early"])
def test_polling_ends_with_the_last_subscriber(how: str) -> None:
    async def work() -> None:
        clock = Steps()
        async with product("portsip", "yeastar", count=5, clock=clock) as api:
            before = asyncio.all_tasks()
            async with listening(api, polls=2):
                query = f"subscription {{ callRecordAdded {{ {ADDED} }} }}"
                if how == "closed between events":
                    stream: Any = await api.graph.schema.subscribe(
                        query, context_value=api.graph.context()
                    )
                    event = asyncio.ensure_future(anext(stream))
                    publish(api, call(1001, clock.moment))
                    await clock.passes(60)
                    await event
                    await stream.aclose()
                elif how == "closed":
                    stream = await api.graph.schema.subscribe(
                        query, context_value=api.graph.context()
                    )
                    await stream.aclose()
                else:
                    listener = Listener(api, query)
                    if how == "given up":
                        await clock.passes(60)
                    await listener.leave()
                assert len(api.graph.watches) == 1
                assert len(asyncio.all_tasks() - before) == 4  # one listens; all, and two sources
            assert not api.graph.watches
            assert asyncio.all_tasks() == before
            requests = api.requests("portsip")
            clock.advance(HOUR)
            await clock.passes(60)
            assert api.requests("portsip") == requests

    run(work)


def test_polling_ends_in_the_middle_of_a_poll_too() -> None:
    async def work() -> None:
        clock = Steps()
        async with product("portsip", count=5, clock=clock) as api:
            before = asyncio.all_tasks()
            async with listening(api, polls=1):
                api.worlds["portsip"].fault("hang", seconds=1000, times=0)
                await clock.passes(60)
                assert api.worlds["portsip"].received[-1].at < clock.moment
            assert not api.graph.watches
        assert asyncio.all_tasks() == before

    run(work)


def test_closing_the_product_ends_every_subscription_without_an_error() -> None:
    async def work() -> None:
        clock = Steps()
        async with product("portsip", "yeastar", count=5, clock=clock) as api:
            before = asyncio.all_tasks()
            queries = [
                f"subscription {{ callRecordAdded{arguments} {{ {ADDED} }} }}"
                for arguments in ("", "", "(filter: {talkSeconds: {min: 1}})")
            ]
            listeners = [Listener(api, query) for query in queries]
            await clock.asleep(4)
            await api.graph.close()
            for listener in listeners:
                assert await listener.answer() is None
                await listener.leave()
            assert asyncio.all_tasks() == before

    run(work)


def test_nobody_keeps_more_than_some_events_for_a_slow_subscriber(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "KEPT_EVENTS", 3)

    async def work() -> None:
        clock = Steps()
        async with product("portsip", count=5, clock=clock) as api:
            query = f"subscription {{ callRecordAdded {{ {ADDED} }} }}"
            stream: Any = await api.graph.schema.subscribe(query, context_value=api.graph.context())
            answer = asyncio.ensure_future(anext(stream))
            await clock.asleep(1)
            calls = []
            async with listening(api, polls=1) as quick:
                for number in range(1001, 1009):
                    calls.append(call(number, clock.moment))
                    publish(api, calls[-1])
                    await clock.passes(60)
                    assert await quick.started(1) == told("ADDED", "portsip", calls[-1])
            first = (await answer).data["callRecordAdded"]
            assert place(first["record"]) == told("", "portsip", calls[0])[0][1:]
            (error,) = (await anext(stream)).errors
            assert error.extensions == {
                "code": "LIMIT_EXCEEDED", "limit": "events", "allowed": 3, "asked": 7,
            }  # fmt: skip
            assert "subscribe again with `after`" in error.message
            assert [answer async for answer in stream] == []
            assert not api.graph.watches
            after = f'(after: "{first["cursor"]}")'
            async with listening(api, after, polls=1) as again:
                await gathered(again, told("ADDED", "portsip", *calls[1:]))

    run(work)


def test_a_poll_that_fails_unexpectedly_is_told_to_every_listener_and_the_next_starts_anew() -> (
    None
):
    async def work() -> None:
        clock = Steps()
        async with product("portsip", "yeastar", count=5, clock=clock) as api:
            query = f"subscription {{ callRecordAdded {{ {ADDED} }} }}"
            listeners = [Listener(api, query) for _ in range(2)]
            await clock.asleep(2)
            world = api.worlds["portsip"]

            def broken() -> datetime:
                raise ZeroDivisionError("the clock +493055501234 stands still")

            world.clock = broken
            clock.advance(60)
            moving = asyncio.ensure_future(clock.passes(0))
            for listener in listeners:
                refusal = await listener.refusal()
                assert refusal["code"] == "INTERNAL"
                assert "clock" not in refusal["message"]
                assert await listener.answer() is None
            moving.cancel()
            assert not api.graph.watches
            world.clock = clock.now
            async with listening(api, polls=2) as listener:
                publish(api, new := call(1001, clock.moment))
                await clock.passes(60)
                assert await listener.started(2) == [
                    *told("ADDED", "portsip", new),
                    *told("ADDED", "yeastar", new),
                ]

    run(work)


def test_operations_that_begin_together_do_not_mix() -> None:
    """A stream is begun when it is asked for, and read later: over SSE always."""

    async def work() -> None:
        async with product("portsip", count=5) as api:
            schema = api.graph.schema
            good: Any = await schema.stream("{ sources { id } }", context_value=api.graph.context())
            bad: Any = await schema.stream("{ sources { no", context_value=api.graph.context())
            (answer,) = [answer async for answer in good]
            assert (answer.data, answer.errors) == ({"sources": [{"id": "portsip"}]}, None)
            (answer,) = [answer async for answer in bad]
            assert answer.errors[0].extensions["code"] == "GRAPHQL_INVALID"

    run(work)
