"""Cursors, page arguments and counts: what is taken, what is refused, and what is promised."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from graph.gather.keys import VERSION, Cursor
from graph.sources import company, vendor_names
from tests.gather.test_pages import given_to, truth
from tests.support import NOW, Answered, Api, product, run

SINCE = "2026-02-25T00:00:00Z"
CALLS = company.calls(seed=11, count=14, until=NOW - timedelta(hours=5), days=5)
NEWEST, OLDEST = "NEWEST_FIRST", "OLDEST_FIRST"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

QUERY = """
query ($filter: CallFilter, $unit: CallUnit, $order: CallOrder, $first: Int, $last: Int,
       $after: String, $before: String, $options: AskOptions) {
  page: %s(filter: $filter, %s orderBy: $order, first: $first, last: $last, after: $after,
           before: $before, options: $options) {
    edges { cursor node { id startedAt source { id } } }
    nodes { id startedAt source { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    count { value relation }
    complete
    window { since until }
    outcomes { source { id } state repairCursor }
  }
}
"""
RECORDS = QUERY % ("callRecords", "unit: $unit,")
LOGS = QUERY.replace("$unit: CallUnit, ", "") % ("callLogs", "")


async def asked(api: Api, query: str = RECORDS, **arguments: Any) -> Answered:
    filter = {"since": SINCE, **arguments.pop("filter", {})}
    return await api.ask(query, filter=filter, **{"order": NEWEST, **arguments})


async def given(api: Api, query: str = RECORDS, **arguments: Any) -> dict[str, Any]:
    answered = await asked(api, query, **arguments)
    assert not answered.errors, answered.errors
    page: dict[str, Any] = answered.data["page"]
    return page


async def refused(api: Api, argument: str, query: str = RECORDS, **arguments: Any) -> str:
    """the words of a refusal that names the argument, and that cost no request"""
    before = sum(len(world.received) for world in api.worlds.values())
    answered = await asked(api, query, **arguments)
    assert answered.data == {"page": None}
    (error,) = answered.errors
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}
    assert sum(len(world.received) for world in api.worlds.values()) == before
    message: str = error["message"]
    return message


# ---------------------------------------------------------------- cursors that are no good


@pytest.mark.parametrize("side", ["after", "before"])
def test_a_cursor_with_one_character_changed_anywhere_is_refused(side: str) -> None:
    async def work() -> None:
        async with product("portsip", "voipnow", calls=CALLS) as api:
            page = await given(api, first=8)
            cursors = [page["pageInfo"]["endCursor"], *(e["cursor"] for e in page["edges"])]
            api.clock.advance(60)
            for place, character in enumerate(cursors[0]):
                other = ALPHABET[ALPHABET.index(character) - 1]
                changed = cursors[0][:place] + other + cursors[0][place + 1 :]
                await refused(api, side, **{side: changed})
            # The bits that a last character has too many do not matter to base64, but to us.
            (uneven, *_) = (cursor for cursor in cursors if len(cursor) % 4)
            assert not (await asked(api, **{side: uneven})).errors
            for other in ALPHABET.replace(uneven[-1], ""):
                await refused(api, side, **{side: uneven[:-1] + other})

    run(work)


@pytest.mark.parametrize("side", ["after", "before"])
def test_what_is_no_cursor_is_refused(side: str) -> None:
    async def work() -> None:
        async with product("portsip", calls=CALLS) as api:
            page = await given(api, first=5)
            cursor, node = page["pageInfo"]["endCursor"], page["nodes"][0]["id"]
            texts = (
                "", " ", "x", "null", cursor[:-1], cursor[1:], cursor + "A", cursor + "=",
                " " + cursor, cursor + "\n", cursor.lower(), cursor * 2, node, "é", "\0",
                "A" * 9999,
            )  # fmt: skip
            for text in texts:
                message = await refused(api, side, **{side: text})
                assert f"`{side}`" in message
                assert not text.strip() or text not in message or len(text) < 5

    run(work)


@pytest.mark.parametrize("side", ["after", "before"])
@pytest.mark.parametrize(
    "elsewhere",
    [
        {"filter": {"direction": ["INBOUND"]}},
        {"filter": {"sources": ["portsip"]}},
        {"filter": {"since": "2026-02-25T00:00:01Z"}},
        {"filter": {"until": "2026-03-04T00:00:00Z"}},
        {"filter": {"talkSeconds": {"min": 0}}},
        {"order": OLDEST},
        {"unit": "LEG"},
        {"query": LOGS},
    ],
    ids=["condition", "sources", "since", "until", "range", "order", "unit", "root field"],
)
def test_a_cursor_of_another_question_is_refused(elsewhere: Mapping[str, Any], side: str) -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", calls=CALLS) as api:
            page = await given(api, first=5)
            for cursor in (page["pageInfo"]["endCursor"], page["edges"][2]["cursor"]):
                message = await refused(api, side, **elsewhere, **{side: cursor})
                assert "another filter, order or unit" in message
                assert not (await asked(api, **{side: cursor})).errors

    run(work)


def test_a_cursor_of_the_legs_of_records_is_none_of_logs() -> None:
    async def work() -> None:
        async with product("yeastar", calls=CALLS) as api:
            cursor = (await given(api, first=5, unit="LEG"))["pageInfo"]["endCursor"]
            await refused(api, "after", LOGS, after=cursor)
            cursor = (await given(api, LOGS, first=5))["pageInfo"]["endCursor"]
            await refused(api, "after", unit="LEG", after=cursor)

    run(work)


def test_the_same_filter_in_other_words_is_the_same_question() -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", calls=CALLS) as api:
            cursor = (await given(api, first=5))["pageInfo"]["endCursor"]
            there: dict[str, Any] = {"since": "2026-02-25T01:00:00+01:00", "until": None}
            assert await given(api, after=cursor, filter=there) == await given(api, after=cursor)

    run(work)


def test_a_cursor_is_good_after_a_restart_and_for_nobody_with_another_secret() -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", calls=CALLS) as api:
            cursor = (await given(api, first=5))["pageInfo"]["endCursor"]
            following = (await given(api, first=5, after=cursor))["nodes"]
        async with product("portsip", "yeastar", calls=CALLS) as api:
            assert (await given(api, first=5, after=cursor))["nodes"] == following
        async with product(
            "portsip", "yeastar", calls=CALLS, server={"secret": "another secret"}
        ) as api:
            await refused(api, "after", after=cursor)

    run(work)


@pytest.mark.parametrize("side", ["after", "before"])
def test_a_cursor_of_another_version_is_refused(side: str) -> None:
    async def work() -> None:
        async with product("portsip", calls=CALLS) as api:
            signer = api.graph.context().signer
            cursor = (await given(api, first=5))["pageInfo"]["endCursor"]
            held = msgspec.msgpack.decode(signer.unseal(cursor, "after"), type=Cursor)
            assert signer.write(held) == cursor
            newer = signer.write(msgspec.structs.replace(held, version=VERSION + 1))
            strange = signer.seal(b"\x93\x01\x02\x03")
            for text in (newer, strange):
                assert "another version" in await refused(api, side, **{side: text})

    run(work)


# ---------------------------------------------------------------- page arguments


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"first": 1, "last": 1}, "last"),
        ({"first": 0, "last": 0}, "last"),
        ({"first": -1}, "first"),
        ({"last": -1}, "last"),
        ({"first": 21}, "first"),
        ({"last": 21}, "last"),
        ({"filter": {"until": SINCE}}, "filter.until"),
        ({"filter": {"until": "2026-02-24T00:00:00Z"}}, "filter.until"),
        ({"filter": {"sources": ["portsip", "nowhere"]}}, "filter.sources[1]"),
        ({"filter": {"perSource": [{"source": "nowhere", "search": "x"}]}},
         "filter.perSource[0].source"),
        ({"options": {"deadlineMs": 0}}, "options.deadlineMs"),
        ({"options": {"deadlineMs": 8001}}, "options.deadlineMs"),
        ({"options": {"maxRequests": 0}}, "options.maxRequests"),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("query", [RECORDS, LOGS], ids=["records", "logs"])
def test_an_argument_that_makes_no_sense_is_refused_by_its_name(
    query: str, arguments: Mapping[str, Any], argument: str
) -> None:
    async def work() -> None:
        async with product("portsip", calls=CALLS, server={"max_page_size": 20}) as api:
            await refused(api, argument, query, **arguments)

    run(work)


def test_fifty_come_where_no_amount_is_given_and_the_largest_page_is_given_whole() -> None:
    calls = company.calls(seed=2, count=70, until=NOW - timedelta(hours=5), days=5)

    async def work() -> None:
        async with product("portsip", calls=calls, server={"max_page_size": 60}) as api:
            assert len((await given(api))["nodes"]) == 50
            assert len((await given(api, first=None, last=None))["nodes"]) == 50
            assert len((await given(api, first=60))["nodes"]) == 60
            assert len((await given(api, last=60))["nodes"]) == 60

    run(work)


@pytest.mark.parametrize("order", [NEWEST, OLDEST])
@pytest.mark.parametrize("vendor", vendor_names())
def test_any_two_edges_bound_what_stands_between_them(vendor: str, order: str) -> None:
    async def work() -> None:
        async with product(vendor, "portsip" if vendor != "portsip" else "yeastar",
                           calls=CALLS[:4]) as api:  # fmt: skip
            whole = await given(api, order=order)
            nodes, cursors = whole["nodes"], [edge["cursor"] for edge in whole["edges"]]
            assert [edge["node"] for edge in whole["edges"]] == nodes
            assert len(set(cursors)) == len(nodes)
            for low, after in enumerate([None, *cursors]):
                page = await given(api, order=order, after=after)
                assert page["nodes"] == nodes[low:]
                page = await given(api, order=order, last=3, after=after)
                assert page["nodes"] == nodes[low:][-3:]
                assert page["pageInfo"]["hasPreviousPage"] is (len(nodes) - low > 3)
                api.clock.advance(30)
            for high, before in enumerate(cursors):
                for amount in (2, 20):
                    page = await given(api, order=order, last=amount, before=before)
                    assert page["nodes"] == nodes[max(0, high - amount) : high]
                    page = await given(
                        api, order=order, first=amount, after=cursors[2], before=before
                    )
                    assert page["nodes"] == nodes[3 : max(3, high)][:amount]
                    api.clock.advance(30)

    run(work)


@pytest.mark.parametrize("order", [NEWEST, OLDEST])
def test_the_last_without_a_cursor_are_the_end_of_the_list(order: str) -> None:
    async def work() -> None:
        async with product(*vendor_names(), calls=CALLS) as api:
            nodes = (await given(api, order=order, first=100))["nodes"]
            assert len(nodes) == sum(truth(list(vendor_names()), CALLS).values())
            for amount in (1, 9, len(nodes), 100):
                api.clock.advance(600)
                page = await given(api, order=order, last=amount)
                assert page["nodes"] == nodes[-amount:]
                info = page["pageInfo"]
                assert info["hasNextPage"] is False
                assert info["hasPreviousPage"] is (amount < len(nodes))

    run(work)


@pytest.mark.parametrize("vendor", vendor_names())
@pytest.mark.parametrize("order", [NEWEST, OLDEST])
def test_what_follows_and_what_comes_before_is_told_truly(order: str, vendor: str) -> None:
    async def work() -> None:
        async with product(vendor, calls=CALLS) as api:
            nodes = (await given(api, order=order, first=100))["nodes"]
            many = len(nodes)
            for amount in (1, many // 2, many - 1, many, many + 1):
                api.clock.advance(600)
                page = await given(api, order=order, first=amount)
                info = page["pageInfo"]
                assert info["hasPreviousPage"] is False
                assert info["hasNextPage"] is (amount < many)
                assert (page["edges"][0]["node"], page["nodes"]) == (nodes[0], nodes[:amount])
                page = await given(api, order=order, first=many, after=info["endCursor"])
                assert page["nodes"] == nodes[amount:]
                assert page["pageInfo"]["hasNextPage"] is False
                assert page["pageInfo"]["hasPreviousPage"] is True
                back = await given(api, order=order, last=many, before=info["startCursor"])
                assert back["nodes"] == []

    run(work)


@pytest.mark.parametrize("amount", [{"first": 0}, {"last": 0}], ids=["first", "last"])
def test_a_page_of_none_gives_and_owes_nothing(amount: Mapping[str, Any]) -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", calls=CALLS) as api:
            api.worlds["yeastar"].fault("html", times=0, path="/cdr/")
            page = await given(api, **amount)
            assert page["nodes"] == page["edges"] == []
            info = page["pageInfo"]
            assert info["hasNextPage" if "first" in amount else "hasPreviousPage"] is True
            assert [o["repairCursor"] for o in page["outcomes"]] == [None, None]

    run(work)


@pytest.mark.parametrize("arguments", [{"first": 5}, {"last": 5}, {"first": 0}], ids=str)
def test_an_empty_list_is_whole(arguments: Mapping[str, Any]) -> None:
    async def work() -> None:
        async with product(*vendor_names(), calls=[]) as api:
            page = await given(api, **arguments)
            assert page["nodes"] == []
            assert page["complete"] is True
            assert page["count"] == {"value": 0, "relation": "EXACT"}
            assert page["pageInfo"] == {
                "hasNextPage": False, "hasPreviousPage": False, "startCursor": None,
                "endCursor": None,
            }  # fmt: skip

    run(work)


# ---------------------------------------------------------------- repair cursors


async def owing(api: Api, **arguments: Any) -> str:
    """the repair cursor of a page that one source owed everything to"""
    api.worlds["yeastar"].fault("html", path="/cdr/")
    page = await given(api, first=6, **arguments)
    (cursor,) = (o["repairCursor"] for o in page["outcomes"] if o["repairCursor"])
    api.clock.advance(60)
    return str(cursor)


def test_a_repair_cursor_brings_its_own_source_and_is_bound_to_its_question() -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", calls=CALLS) as api:
            cursor = await owing(api)
            before = api.requests("portsip")
            page = await given(api, first=100, after=cursor)
            assert {node["source"]["id"] for node in page["nodes"]} == {"yeastar"}
            assert [o["source"]["id"] for o in page["outcomes"]] == ["yeastar"]
            assert api.requests("portsip") == before
            assert page["pageInfo"]["hasNextPage"] is False
            for elsewhere in ({"filter": {"sources": ["portsip"]}}, {"order": OLDEST}):
                await refused(api, "after", after=cursor, **elsewhere)
            await refused(api, "last", last=5, after=cursor)

    run(work)


@pytest.mark.parametrize("first", [1, 2, 5])
def test_a_repair_cursor_pages_like_any_list_and_ends_where_the_page_did(first: int) -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", calls=CALLS) as api:
            whole = (await given(api, first=100))["nodes"]
            cursor: str | None = await owing(api)
            page = await given(api, first=6)
            ends = datetime.fromisoformat(page["nodes"][-1]["startedAt"])
            nodes: list[dict[str, Any]] = []
            while cursor is not None:
                page = await given(api, first=first, after=cursor)
                nodes += page["nodes"]
                info = page["pageInfo"]
                cursor = info["endCursor"] if info["hasNextPage"] else None
            owed = [node for node in whole if node["source"]["id"] == "yeastar"]
            assert nodes == owed[: len(nodes)]
            left = owed[len(nodes) :]
            assert nodes
            assert all(datetime.fromisoformat(node["startedAt"]) <= ends for node in left)

    run(work)


def test_a_repair_cursor_of_a_source_that_is_gone_is_refused() -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", calls=CALLS) as api:
            cursor = await owing(api)
        off = {"vendor": "yeastar", "enabled": False}
        for sources in (("portsip",), ("portsip", off)):
            async with product(*sources, calls=CALLS) as api:
                await refused(api, "after", first=6, after=cursor)

    run(work)


# ---------------------------------------------------------------- counts, frozen windows

FILTERS: tuple[Mapping[str, Any], ...] = (
    {},
    {"direction": ["INBOUND"]},
    {"disposition": ["ANSWERED"]},
    {"disposition": ["NO_ANSWER", "BUSY"], "direction": ["OUTBOUND"]},
    {"number": ["2001"]},
    {"talkSeconds": {"min": 30}},
    {"until": "2026-03-03T12:00:00Z"},
)


@pytest.mark.parametrize("vendor", vendor_names())
@pytest.mark.parametrize("root", ["calls", "legs", "logs"])
def test_a_count_is_exact_or_too_small_and_page_two_repeats_it(root: str, vendor: str) -> None:
    query = LOGS if root == "logs" else RECORDS
    unit = {} if root == "logs" else {"unit": "CALL" if root == "calls" else "LEG"}

    async def work() -> None:
        source = {"vendor": vendor, "requests_per_second": 1000}
        async with product(source, "portsip" if vendor != "portsip" else "voicenter",
                           calls=CALLS) as api:  # fmt: skip
            exact = 0
            for number, filter in enumerate(FILTERS):
                order = (NEWEST, OLDEST)[number % 2]
                wanted: dict[str, Any] = {"filter": filter, "order": order, **unit}
                many = len((await given(api, query, first=500, **wanted))["nodes"])
                for amount in (1, 4, 500):
                    page = await given(api, query, first=amount, **wanted)
                    value, relation = page["count"]["value"], page["count"]["relation"]
                    assert relation in ("EXACT", "AT_LEAST")
                    assert value == many if relation == "EXACT" else value <= many
                    assert value >= len(page["nodes"])
                    exact += relation == "EXACT"
                    if page["pageInfo"]["hasNextPage"]:
                        after = page["pageInfo"]["endCursor"]
                        second = await given(api, query, first=amount, after=after, **wanted)
                        assert second["count"] == page["count"]
                api.clock.advance(60)
            assert exact >= len(FILTERS)

    run(work)


def test_the_count_of_a_list_that_a_source_owes_to_is_no_exact_one() -> None:
    async def work() -> None:
        async with product("portsip", "yeastar", calls=CALLS) as api:
            api.worlds["yeastar"].fault("html", times=0, path="/cdr/")
            page = await given(api, first=100)
            assert page["count"] == {"value": len(CALLS), "relation": "AT_LEAST"}
            cursor = page["outcomes"][1]["repairCursor"]
            api.worlds["yeastar"].faults.clear()
            # A repair page is a part of the list, and says nothing about its size.
            page = await given(api, first=3, after=cursor)
            assert page["count"] == {"value": None, "relation": "UNKNOWN"}

    run(work)


@pytest.mark.parametrize("vendor", vendor_names())
@pytest.mark.parametrize("order", [NEWEST, OLDEST])
@pytest.mark.parametrize("bounded", [True, False])
def test_calls_that_come_after_page_one_appear_on_no_later_page(
    bounded: bool, order: str, vendor: str
) -> None:
    late = company.calls(
        seed=4, count=8, until=NOW + timedelta(hours=2), days=1 / 24, first_number=900
    )

    async def work() -> None:
        # A list that is kept by days is not read from the beginning of time.
        options = {"records_since": "2026-02-20"} if vendor == "vcclive" else {}
        source = {"vendor": vendor, "requests_per_second": 1000, "options": options}
        async with product(source, calls=CALLS) as api:
            filter = {} if bounded else {"since": None}
            page = await given(api, first=4, order=order, filter=filter)
            nodes, window = page["nodes"], page["window"]
            assert window["until"] == "2026-03-04T15:30:00Z"
            api.worlds[vendor].add(*late)
            api.clock.advance(24 * 3600)
            while page["pageInfo"]["hasNextPage"]:
                after = page["pageInfo"]["endCursor"]
                page = await given(api, first=4, order=order, filter=filter, after=after)
                nodes += page["nodes"]
                assert page["window"] == window
            assert given_to(nodes) == truth([vendor], CALLS)
            fresh = await given(api, first=100, filter=filter)
            assert given_to(fresh["nodes"]) == truth([vendor], [*CALLS, *late])

    run(work)
