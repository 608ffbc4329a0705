"""Rows that are not as documented: those that a page would hold are left out, counted and made up
for; what lies behind the page is no concern of it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gather.test_faults import hold
from tests.support import NOW, Api, product
from tests.virtual_time import run

PLACES = 80
"""calls of each system, one a minute: place 0 is the newest"""
QUERY = """query ($first: Int, $after: String, $before: String, $last: Int) {
  page: callRecords(first: $first, after: $after, last: $last, before: $before,
                    filter: {since: "2026-01-01T00:00:00Z"}) {
    nodes { nativeId answeredAt } pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
    count { value relation } complete outcomes { state code skippedRecords requests }
  }
}"""


def rows(name: str, bad: set[int]) -> list[dict[str, Any]]:
    newest = NOW - timedelta(days=2)
    return [
        {
            "id": f"{name}{place:02}",
            "started_at": (newest - timedelta(minutes=place)).isoformat(),
            "answered_at": "yesterday" if place in bad else None,
        }
        for place in range(PLACES)
    ]


def systems(bad: dict[str, set[int]], **options: Any) -> Any:
    """The product over PortSIP systems that each have bad rows at these places"""
    sources = [{"vendor": "portsip", "id": name, "options": options} for name in bad]
    return product(*sources, given={name: rows(name, places) for name, places in bad.items()})


async def page(api: Api, **variables: Any) -> dict[str, Any]:
    made: dict[str, Any] = (await api.good(QUERY, **variables))["page"]
    return made


def names(page: dict[str, Any]) -> list[str]:
    return [node["nativeId"] for node in page["nodes"]]


def test_the_next_row_stands_in_for_a_bad_one() -> None:
    async def work() -> None:
        async with systems({"a": {3, 12, 40}}) as api:
            first = await page(api, first=10)
            assert names(first) == [f"a{place:02}" for place in range(11) if place != 3]
            assert first["complete"] is False
            assert first["outcomes"][0]["skippedRecords"] == 2, "now the system is read with care"
            assert first["pageInfo"]["hasNextPage"]

    run(work)


def test_a_bad_row_behind_the_page_is_no_concern_of_it() -> None:
    async def work() -> None:
        async with systems({"a": {12}, "b": set()}) as api:
            first = await page(api, first=10)
            assert first["complete"] is True
            assert [o["skippedRecords"] for o in first["outcomes"]] == [0, 0]
            assert [o["requests"] for o in first["outcomes"]] == [1, 1]

    run(work)


def test_only_what_is_asked_for_of_a_row_must_be_as_documented() -> None:
    async def work() -> None:
        sent = [{**row, "trunk": {"no": "text"}} for row in rows("a", set())[:3]]
        source = {"vendor": "portsip", "id": "a"}
        async with product(source, given={"a": sent}) as api:
            whole = await page(api, first=10)
            assert names(whole) == ["a00", "a01", "a02"]
            assert whole["complete"] is True
            with_trunk = QUERY.replace("nativeId", "nativeId trunkIn")
            other = (await api.good(with_trunk, first=10))["page"]
            assert names(other) == []
            assert other["outcomes"][0]["skippedRecords"] == 3

    run(work)


def test_more_is_read_where_bad_rows_leave_too_few() -> None:
    async def work() -> None:
        async with systems({"a": set(range(2, 30))}) as api:
            first = await page(api, first=24)
            assert names(first) == ["a00", "a01", *(f"a{place}" for place in range(30, 52))]
            assert first["outcomes"][0]["state"] == "OK"
            assert first["outcomes"][0]["skippedRecords"] == 28
            assert first["outcomes"][0]["requests"] == 2

    run(work)


def test_a_system_of_which_no_row_of_a_page_can_be_read_has_failed() -> None:
    async def work() -> None:
        async with systems({"a": set(range(PLACES)), "b": set()}) as api:
            first = await page(api, first=4)
            assert names(first) == ["b00", "b01", "b02", "b03"]
            assert [o["state"] for o in first["outcomes"]] == ["MALFORMED", "OK"]
            assert first["outcomes"][0]["requests"] == 1, "and is not read on"

    run(work)


def test_of_a_list_that_was_read_to_its_end_no_bad_row_is_counted() -> None:
    async def work() -> None:
        async with systems({"a": {70}, "b": set()}) as api:
            whole = await page(api, first=159)
            assert whole["count"] == {"value": 159, "relation": "EXACT"}
            assert len(whole["nodes"]) == 159

    run(work)


def test_nor_where_others_leave_its_rows_behind_the_page() -> None:
    async def work() -> None:
        async with systems({"a": {40}, "b": set()}, page_size=50) as api:
            gate = asyncio.Event()
            waits = hold(api.worlds["b"], gate)
            api.worlds["b"].fault("hang", path="/api/cdrs")
            asked = asyncio.create_task(page(api, first=60))
            await waits.wait()
            await asyncio.sleep(0.5)  # which passes when nothing else is left to be done
            assert api.requests("a", "/api/cdrs") == 2, "it was read to its end"
            gate.set()
            whole = await asked
            assert "a40" not in names(whole)
            assert "a39" not in names(whole)
            assert whole["count"] == {"value": 159, "relation": "EXACT"}
            assert [o["skippedRecords"] for o in whole["outcomes"]] == [1, 0]

    run(work)


def test_who_tests_every_row_shares_none_with_who_makes_only_those_of_the_page() -> None:
    # Both ask the system for the same 54 rows, and for the same of each.
    since = 'since: "2026-01-01T00:00:00Z"'
    few = f"{{ callRecords(first: 1, filter: {{{since}, talkSeconds: {{max: 5}}}}) {{ "
    many = f"{{ callRecords(first: 47, filter: {{{since}}}) {{ "
    rest = "nodes { nativeId talkSeconds } outcomes { state } } }"

    async def work() -> None:
        for queries in ([many + rest, few + rest], [few + rest, many + rest]):
            async with systems({"a": set()}) as api:
                alone = [await api.good(query) for query in queries]
                before = api.requests("a", "/api/cdrs")
                together = await asyncio.gather(*(api.good(query) for query in queries))
                assert together == alone
                after = api.requests("a", "/api/cdrs")
                assert after - before == before - 1, "they share a request"

    run(work)


# Of a page that holds nothing else, a system has failed.
places = st.sets(st.integers(0, PLACES // 2 - 1)).map(lambda chosen: {2 * n for n in chosen})


@settings(max_examples=15, deadline=None)
@given(bad=st.fixed_dictionaries({"a": places, "b": places}), first=st.integers(3, 60),
       backwards=st.booleans())  # fmt: skip
def test_pages_joined_are_every_good_row_once_and_in_order(
    bad: dict[str, set[int]], first: int, backwards: bool
) -> None:
    async def work() -> None:
        async with systems(bad) as api:
            seen: list[str] = []
            cursor = None
            while True:
                if backwards:
                    one = await page(api, last=first, before=cursor)
                    seen[:0] = names(one)
                    more, cursor = (one["pageInfo"][k] for k in ("hasPreviousPage", "startCursor"))
                else:
                    one = await page(api, first=first, after=cursor)
                    seen += names(one)
                    more, cursor = (one["pageInfo"][k] for k in ("hasNextPage", "endCursor"))
                assert len(one["nodes"]) == first or not more
                if not more:
                    break
            good = [
                f"{name}{place:02}"
                for place in range(PLACES)
                for name in sorted(bad, reverse=True)
                if place not in bad[name]
            ]
            assert seen == good

    run(work)
