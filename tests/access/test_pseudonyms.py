"""Callers who may not see numbers: pseudonyms that join, and nothing that gives a number away."""

from __future__ import annotations

import inspect
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import FunctionType
from typing import Any

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)
from hypothesis import given
from hypothesis import strategies as st

from graph.caller import LOOPBACK, SCOPES, Caller
from graph.privacy import is_pseudonym
from graph.schema.build import build
from graph.sources import all_vendors, company, vendor_names
from graph.sources.contract import Site
from graph.sources.convert import e164
from graph.sources.masks import Mask
from graph.types.call import CallLog, CallRecord, Party
from graph.types.personal import Tells, attributes
from tests.access.test_rights import WINDOW, first_answer
from tests.reports.asking import FILTER, created
from tests.support import NOW, Api, product, run

MASKED = Caller("masked", frozenset(SCOPES) - {"numbers:clear"})
CALLS = company.calls(seed=3, count=60, until=NOW - timedelta(hours=5), days=3)
SCHEMA = build().plain


def everything(name: str, *, depth: int = 3, without: tuple[str, ...] = ("raw",)) -> str:
    """Every field of a type that can be selected, fragments on what it may be included"""
    kind = SCHEMA.type_map[name]
    parts: list[str] = []
    possible: list[GraphQLObjectType] = []
    if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
        possible = list(SCHEMA.get_possible_types(kind))
    if isinstance(kind, GraphQLInterfaceType | GraphQLObjectType):
        for field, about in kind.fields.items():
            inner = get_named_type(about.type)
            if field in without or inner.name in ("Source", "CallReportFiles"):
                continue
            if is_leaf_type(inner):
                parts.append(field)
            elif depth:
                below = everything(inner.name, depth=depth - 1, without=without)
                parts.append(f"{field} {{ {below} }}")
    parts += [f"... on {one.name} {{ {everything(one.name, depth=1)} }}" for one in possible]
    return " ".join(parts) or "__typename"


def personal() -> set[str]:
    """What names somebody: the end of every outside number, every name that a phone shows"""
    people = [person for call in CALLS for person in (call.caller, call.callee)]
    numbers = {*(p.number for p in people), *company.LINES}
    queues = {queue.name for queue in company.QUEUES}
    names = {p.name for p in people if len(p.name) > 3} - queues
    return {number[-7:] for number in numbers if len(number) > 7} | names


def check(shown: str) -> None:
    for mark in personal():
        assert mark not in shown, (
            f"{mark!r} stands in {shown[max(0, shown.find(mark) - 90) :][:200]}"
        )


async def seen(api: Api, caller: Caller, query: str, **variables: Any) -> Any:
    answer = await first_answer(api, caller, query, variables)
    assert not answer["errors"], answer["errors"]
    return answer["data"]


LATE = ("raw", "logs", "record", "cost", "account")


@pytest.mark.parametrize("root", ["callRecords", "callLogs"])
@pytest.mark.parametrize("vendor", vendor_names())
@pytest.mark.parametrize(("first", "without"), [(60, LATE), (2, ("raw",))])
def test_no_field_of_a_call_gives_a_number_or_a_name_away(
    vendor: str, root: str, first: int, without: tuple[str, ...]
) -> None:
    kind = "CallRecord" if root == "callRecords" else "CallLog"
    query = f"{{ {root}(first: {first}) {{ nodes {{ {everything(kind, without=without)} }} }} }}"

    async def work() -> None:
        async with product(vendor, calls=CALLS) as api:
            clear = json.dumps(await seen(api, LOOPBACK, query), default=str, ensure_ascii=False)
            assert any(mark in clear for mark in personal()), "there is something to hide"
            masked = await seen(api, MASKED, query)
            check(json.dumps(masked, default=str, ensure_ascii=False))
            nodes = masked[root]["nodes"]
            parties = [node[side] for node in nodes for side in ("caller", "callee")]
            assert any(party["number"] for party in parties)
            for party in parties:
                for part in ("number", "e164", "extension", "name", "domain"):
                    assert party[part] is None or is_pseudonym(party[part])

    run(work)


def test_lookups_and_events_are_masked_as_lists_are() -> None:
    query = f"{{ callRecords(first: 5) {{ nodes {{ {everything('CallRecord')} }} }} }}"
    node = f"query ($id: ID!) {{ callRecord(id: $id) {{ {everything('CallRecord')} }} }}"

    async def work() -> None:
        async with product(*vendor_names(), calls=CALLS) as api:
            listed = await seen(api, MASKED, query)
            for one in listed["callRecords"]["nodes"]:
                found = await seen(api, MASKED, node, id=one["id"])
                assert found["callRecord"] == one

    run(work)


def test_the_same_number_has_one_pseudonym_in_every_source_and_request() -> None:
    query = "{ callRecords(first: 300) { nodes { source { id } %s { number e164 } did } } }"

    async def work() -> None:
        async with product(*vendor_names(), calls=CALLS) as api:
            meant: dict[str, set[str]] = {}
            for side in ("caller", "callee"):
                clear = await seen(api, LOOPBACK, query % side)
                masked = await seen(api, MASKED, query % side)
                pairs = zip(
                    clear["callRecords"]["nodes"], masked["callRecords"]["nodes"], strict=True
                )
                for one, other in pairs:
                    number = one[side]["e164"]
                    if number is not None:
                        meant.setdefault(number, set()).add(other[side]["number"])
                        meant[number].add(other[side]["e164"])
                    if one["did"] in company.LINES:
                        meant.setdefault(one["did"], set()).add(other["did"])
            assert len(meant) > 10
            assert all(len(pseudonyms) == 1 for pseudonyms in meant.values()), meant
            told = [pseudonym for (pseudonym,) in meant.values()]
            assert len(set(told)) == len(told), "different numbers, different pseudonyms"
            assert all(one.startswith("p_de_") for number, (one,) in meant.items()
                       if number.startswith("+49"))  # fmt: skip

    run(work)


def test_a_pseudonym_finds_the_calls_of_its_number_and_no_vendor_is_told_it() -> None:
    fields = "nodes { id caller { number } callee { number } }"
    query = f"query ($f: CallFilter) {{ callRecords(first: 300, filter: $f) {{ {fields} }} }}"

    async def work() -> None:
        async with product(*vendor_names(), calls=CALLS) as api:
            clear = (await seen(api, LOOPBACK, query, f={}))["callRecords"]["nodes"]
            masked = (await seen(api, MASKED, query, f={}))["callRecords"]["nodes"]
            assert [one["id"] for one in clear] == [one["id"] for one in masked]
            for name in ("caller", "callee"):
                place = next(i for i, one in enumerate(clear) if one[name]["number"])
                number, pseudonym = (one[place][name]["number"] for one in (clear, masked))
                for world in api.worlds.values():
                    world.received.clear()
                found = await seen(api, MASKED, query, f={name: [pseudonym]})
                for world in api.worlds.values():
                    sent = repr(world.received)
                    assert pseudonym not in sent
                    assert number.lstrip("+") not in sent
                expected = [one["id"] for one in masked if one[name]["number"] == pseudonym]
                assert [one["id"] for one in found["callRecords"]["nodes"]] == expected
                assert place < len(masked)

    run(work)


@pytest.mark.parametrize(
    ("condition", "argument"),
    [
        ({"number": ["+493022610100"]}, "filter.number[0]"),
        ({"caller": ["+4930*"]}, "filter.caller[0]"),
        ({"callee": ["p_de_aaaaaaaaaaaaaaaaaaaa", "2001"]}, "filter.callee[1]"),
        ({"callee": ["p_de_aaaa*"]}, "filter.callee[0]"),
        ({"extension": ["2*"]}, "filter.extension[0]"),
        ({"did": ["+493022610100"]}, "filter.did[0]"),
        ({"agent": ["Anna Schmidt"]}, "filter.agent[0]"),
        ({"queue": ["+49 30 22610100"]}, "filter.queue[0]"),
        ({"perSource": [{"source": "portsip", "search": "4930"}]}, "filter.perSource[0].search"),
        ({"perSource": [{"source": "portsip", "identity": "x"}]}, "filter.perSource[0].identity"),
    ],
)
def test_what_would_find_a_number_out_is_refused_and_named(
    condition: Mapping[str, Any], argument: str
) -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            for root in ("callRecords", "callLogs"):
                query = f"query ($f: CallFilter) {{ {root}(filter: $f) {{ nodes {{ id }} }} }}"
                answer = await first_answer(api, MASKED, query, {"f": condition})
                (error,) = answer["errors"]
                assert error["extensions"] == {
                    "code": "FORBIDDEN", "scope": "numbers:clear", "argument": argument,
                }  # fmt: skip
                assert "4930" not in error["message"]
            assert api.requests("portsip") == 0

    run(work)


def test_a_queue_can_still_be_asked_for_by_its_name() -> None:
    async def work() -> None:
        async with product("yeastar", "vcclive", calls=CALLS) as api:
            query = "query ($f: CallFilter) { callRecords(filter: $f) { nodes { queue } } }"
            found = await seen(api, MASKED, query, f={"queue": ["Sal*"]})
            assert {node["queue"] for node in found["callRecords"]["nodes"]} == {"Sales"}

    run(work)


def test_statistics_of_pseudonyms_count_what_those_of_numbers_count() -> None:
    query = f"""{{ stats(filter: {WINDOW}, groupBy: [AGENT, EXTENSION]) {{
      topCallers(first: 50) {{ entries {{ value calls }} }}
      topCallees(first: 50) {{ entries {{ value calls }} }}
      topExtensions(first: 50) {{ entries {{ value calls }} }}
      missedNotReturned(withinMinutes: 240) {{ value }}
      groups {{ keys {{ key value }} offered }} }}
      countries: stats(filter: {WINDOW}, groupBy: [COUNTRY]) {{
        groups {{ keys {{ value }} offered }} }} }}"""

    async def work() -> None:
        async with product(*vendor_names(), calls=CALLS) as api:
            clear = await seen(api, LOOPBACK, query)
            masked = await seen(api, MASKED, query)
            check(json.dumps(masked))
            assert masked["countries"] == clear["countries"]
            assert len(clear["countries"]["groups"]) > 2
            one, other = clear["stats"], masked["stats"]
            assert other["missedNotReturned"] == one["missedNotReturned"]
            for top in ("topCallers", "topCallees", "topExtensions"):
                counts = [
                    Counter(entry["calls"] for entry in side[top]["entries"])
                    for side in (one, other)
                ]
                assert counts[0] == counts[1]
                assert counts[0]
            groups = [sorted(g["offered"] for g in side["groups"]) for side in (one, other)]
            assert groups[0] == groups[1]

    run(work)


def test_reports_are_told_without_addresses_and_numbers() -> None:
    party = {"kind": "NUMBER", "value": "+493022610100"}
    fields = f"name email {FILTER.replace('... on UnknownReportFilter { raw }', '')}"
    query = (
        f"{{ callReports {{ nodes {{ {fields} }} }} "
        "completedCallReports { nodes { name fileName } } }"
    )

    async def work() -> None:
        async with product("portsip", count=5) as api:
            await created(api, name="Of +49 30 22610100", filter={"normal": {"caller": party}})
            await created(api, name="Weekly", filter={"normal": {}})
            api.clock.advance(60)
            clear = (await seen(api, LOOPBACK, query))["callReports"]["nodes"]
            masked = await seen(api, MASKED, query)
            check(json.dumps(masked))
            assert "boss@example.com" not in json.dumps(masked)
            reports = masked["callReports"]["nodes"]
            assert {is_pseudonym(one["name"]) for one in reports} == {True, False}
            value = next(
                one["filter"]["caller"]["value"]
                for one in reports
                if one["filter"]["caller"]["kind"] == "NUMBER"
            )
            assert is_pseudonym(value)
            assert len(clear) == len(reports) == 2

    run(work)


def test_events_are_told_with_pseudonyms() -> None:
    from tests.schema.test_subscriptions import Listener, Steps, call, publish

    async def work() -> None:
        async with product("portsip", calls=[], clock=Steps()) as api:
            query = "subscription { callRecordAdded { record { caller { number e164 name } } } }"
            listeners = [Listener(api, query, who) for who in (LOOPBACK, MASKED)]
            clock = api.clock
            assert isinstance(clock, Steps)
            await clock.passes(30)
            publish(api, call(1, clock.now() - timedelta(minutes=1)))
            await clock.passes(60)
            clear, masked = [(await one.event())["record"]["caller"] for one in listeners]
            assert clear["number"]
            assert not is_pseudonym(clear["number"])
            assert is_pseudonym(masked["number"])
            for one in listeners:
                await one.leave()

    run(work)


# ---------------------------------------------------------------- by default


def test_a_text_of_which_nothing_is_said_is_personal_in_every_type_of_details() -> None:
    kinds = [CallRecord, CallLog, Party, *(manifest.details for manifest in all_vendors())]
    for kind in kinds:
        for field in kind.__strawberry_definition__.fields:  # type: ignore[attr-defined]
            if "tells" not in field.metadata:
                told = attributes(kind)[field.name].tells
                inner = getattr(field.type, "of_type", field.type)
                assert told is (Tells.PERSON if inner is str else told)
                assert told is not Tells.LABEL


def mask(key: bytes = b"key", region: str | None = "DE") -> Mask:
    from zoneinfo import ZoneInfo

    site = Site(id="x", zone=ZoneInfo("UTC"), credentials=None, options=None, region=region)
    return Mask(key, e164().make(site))


def test_forms_of_one_number_have_one_pseudonym_and_other_servers_another() -> None:
    one = mask()
    forms = ("+49 30 22610100", "+493022610100", "030 22610100", "0049 30 2261-0100")
    assert len({one.person(form) for form in forms}) == 1
    assert one.person(forms[0]) != mask(b"other key").person(forms[0])
    assert one.person("2001") != one.person("2002")


@given(st.text(min_size=1, max_size=40))
def test_a_pseudonym_is_one_whatever_it_stands_for(text: str) -> None:
    made = mask().person(text)
    assert is_pseudonym(made)
    assert not re.search(r"\d", made)
    assert made == mask().person(text)


@given(st.from_regex(r"[A-Za-z ]{0,9}\+?\d([ ./-]{0,2}\d){5,12}[A-Za-z ]{0,9}", fullmatch=True))
def test_a_label_with_a_phone_number_in_it_is_a_pseudonym(text: str) -> None:
    assert is_pseudonym(mask().label(text))


@pytest.mark.parametrize("label", ["Sales", "6400", "Trunk 2", "Support 2024", ""])
def test_a_label_without_one_stays_as_it_is(label: str) -> None:
    assert mask().label(label) == label


def names_in(function: Callable[..., Any]) -> set[str]:
    """What the function and those that it calls have in their closures"""
    held = inspect.getclosurevars(function).nonlocals
    names = set(held)
    for one in held.values():
        if isinstance(one, FunctionType) and one is not function:
            names |= names_in(one)
    return names


def test_who_may_see_numbers_has_conversions_without_a_mask_in_them() -> None:
    async def work() -> None:
        async with product("portsip", count=3) as api:
            live = api.graph.sources.live["portsip"]
            assert live.mask_for(LOOPBACK) is None
            query = "{ callRecords { nodes { caller { number name } } } }"
            for caller, masked in ((LOOPBACK, False), (MASKED, True)):
                live.site.converters.clear()
                await seen(api, caller, query)
                known = set().union(*map(names_in, live.site.converters.values()))
                held = [name for name in known if re.fullmatch(r"m\d+", name)]
                assert bool(held) is masked

    run(work)
