from __future__ import annotations

import asyncio
import functools
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
import msgspec
import pytest

from graph.sources import company, voipnow
from graph.sources.twin import World
from graph.sources.voipnow.simulator import SETTINGS, Switches, simulate

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
CALLS = company.calls(seed=5, count=600, until=NOW - timedelta(hours=1), days=12)
SAMPLES = Path(str(voipnow.__file__)).parent / "samples"
ENTRIES: list[dict[str, Any]] = json.loads((SAMPLES / "seed_entries.json").read_text())
PUBLISHED: dict[str, str] = json.loads((SAMPLES / "seed_published.json").read_text())
DATED = [{**entry, "published": PUBLISHED[entry["id"]]} for entry in ENTRIES]
ALL = {"count": "4999", "sortOrder": "asc"}
FORM = {
    "grant_type": "client_credentials",
    "client_id": SETTINGS["credentials"]["client_id"],
    "client_secret": SETTINGS["credentials"]["client_secret"],
    "redirect_uri": "https://pbx.example/ouath/token.php",
    "type": "unifiedapi",
}


def played(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: Any, **named: Any) -> None:
        async def whole() -> None:
            await test(*args, **named)

        asyncio.run(whole())

    return run


class Time:
    """A clock that a test sets."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def world_of(*calls: company.Call, clock: Time | None = None, **options: Any) -> World:
    return World(calls or CALLS, clock=clock or Time(), **options)


@asynccontextmanager
async def stranger(
    world: World, switches: Switches | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=simulate(world, switches))
    async with httpx.AsyncClient(transport=transport, base_url="https://pbx.example") as client:
        yield client


@asynccontextmanager
async def signed_in(
    world: World, switches: Switches | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    async with stranger(world, switches) as client:
        client.headers["authorization"] = f"Bearer {await sign_in(client)}"
        yield client


async def sign_in(client: httpx.AsyncClient) -> str:
    reply = await client.post("/oauth/token.php", data=FORM)
    assert reply.status_code == 200
    return str(reply.json()["access_token"])


async def listed(client: httpx.AsyncClient, path: str = "/uapi/cdr", **asked: str) -> list[Any]:
    """The rows of the whole answer, oldest first unless asked otherwise"""
    reply = await client.get(path, params={**ALL, **asked})
    assert reply.status_code in (200, 204), reply.text
    return list(reply.json()["entry"]) if reply.status_code == 200 else []


def code(reply: httpx.Response) -> str:
    assert set(reply.json()) == {"error"}
    assert set(reply.json()["error"]) == {"code", "message"}
    return str(reply.json()["error"]["code"])


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def plain(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def first(**traits: Any) -> company.Call:
    """The first made-up call with these traits"""
    return next(
        call
        for call in CALLS
        if all(getattr(call, name) == value for name, value in traits.items())
    )


async def row_of(call: company.Call, switches: Switches | None = None) -> dict[str, Any]:
    async with signed_in(world_of(call), switches) as client:
        (row,) = await listed(client)
    return dict(row)


# Signing in


@played
async def test_a_trusted_app_gets_a_token_with_its_lifetime_in_seconds() -> None:
    async with stranger(world_of()) as client:
        reply = await client.post("/oauth/token.php", data=FORM)
        assert reply.headers["content-type"] == "application/json"
        assert isinstance(reply.json()["access_token"], str)
        assert reply.json()["expires_in"] == 3600
        assert reply.json()["token_type"] == "Bearer"


@played
async def test_the_token_type_may_be_left_out() -> None:
    async with stranger(world_of(), Switches(token_type=False)) as client:
        reply = await client.post("/oauth/token.php", data=FORM)
        assert set(reply.json()) == {"access_token", "expires_in"}


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"redirect_uri": None}, 400, "invalid_request"),
        ({"type": None, "state": "1"}, 200, None),
        ({"redirect_uri": "anything"}, 200, None),
    ],
)
@played
async def test_the_token_request_is_judged_in_the_words_of_oauth(
    change: dict[str, str | None], status: int, error: str | None
) -> None:
    form = {key: value for key, value in {**FORM, **change}.items() if value is not None}
    async with stranger(world_of()) as client:
        reply = await client.post("/oauth/token.php", data=form)
        assert reply.status_code == status
        assert reply.json().get("error") == error


@played
async def test_a_token_request_has_to_be_a_form() -> None:
    async with stranger(world_of()) as client:
        reply = await client.post("/oauth/token.php", json=FORM)
        assert (reply.status_code, reply.json()) == (400, {"error": "invalid_request"})


@pytest.mark.parametrize("status", [401, 403])
@played
async def test_a_token_is_refused_from_its_last_second_on(status: Literal[401, 403]) -> None:
    clock = Time()
    switches = Switches(token_seconds=60, refused_status=status)
    async with signed_in(world_of(clock=clock), switches) as client:
        clock.now += timedelta(seconds=59)
        assert (await client.get("/uapi/cdr")).status_code == 200
        clock.now += timedelta(seconds=1)
        reply = await client.get("/uapi/cdr")
        assert (reply.status_code, code(reply)) == (status, "access_denied")


@played
async def test_a_second_token_leaves_the_first_one_alive() -> None:
    async with signed_in(world_of()) as client:
        await sign_in(client)
        assert (await client.get("/uapi/cdr")).status_code == 200


@played
async def test_a_new_app_secret_kills_every_token_given_out() -> None:
    switches = Switches()
    async with signed_in(world_of(), switches) as client:
        switches.app_secret = "made anew"
        assert (await client.get("/uapi/cdr")).status_code == 401


@played
async def test_a_token_may_stand_in_the_query_with_or_without_its_word() -> None:
    async with stranger(world_of()) as client:
        token = await sign_in(client)
        for text in (token, f"Bearer {token}"):
            reply = await client.get("/uapi/cdr", params={"accessRequestToken": text})
            assert reply.status_code == 200


@played
async def test_a_token_in_the_header_needs_its_word() -> None:
    async with stranger(world_of()) as client:
        token = await sign_in(client)
        reply = await client.get("/uapi/cdr", headers={"authorization": token})
        assert (reply.status_code, code(reply)) == (401, "access_denied")


@pytest.mark.parametrize(
    ("echo", "cookies", "status"),
    [
        ("44Hz", "dev=ffff; xsrf-token=44Hz; vn=made-up-session-vn", 200),
        ("other", "dev=ffff; xsrf-token=44Hz; vn=made-up-session-vn", 401),
        ("44Hz", "dev=ffff; xsrf-token=44Hz; vn=another", 401),
        ("44Hz", "xsrf-token=44Hz; vn=made-up-session-vn", 401),
        ("44Hz", "dev=ffff; vn=made-up-session-vn", 401),
        ("", "dev=ffff; xsrf-token=; vn=made-up-session-vn", 401),
    ],
)
@played
async def test_a_browser_session_needs_its_cookies_and_their_echo(
    echo: str, cookies: str, status: int
) -> None:
    headers = {"x-xsrf-token": echo, "cookie": cookies, "content-type": "application/json"}
    async with stranger(world_of()) as client:
        assert (await client.get("/uapi/cdr/33", headers=headers)).status_code == status


@played
async def test_nobody_unknown_sees_anything() -> None:
    async with stranger(world_of()) as client:
        for path in ("/uapi/cdr", "/uapi/cdr/33", "/uapi/cdr/stats", "/uapi/stats/33"):
            reply = await client.get(path)
            assert (reply.status_code, code(reply)) == (401, "access_denied")


# Paths and scopes


@played
async def test_the_own_scope_has_two_spellings_and_equals_the_owners_id() -> None:
    async with signed_in(world_of()) as client:
        whole = await listed(client, "/uapi/cdr")
        assert len(whole) == len(CALLS)
        assert await listed(client, "/uapi/cdr/") == whole
        assert await listed(client, "/uapi/cdr/33") == whole


@played
async def test_a_user_sees_only_calls_of_the_own_extension() -> None:
    expected = [
        call
        for call in CALLS
        if any("2001" in (leg.source.number, leg.target.number) for leg in call.legs)
    ]
    async with signed_in(world_of()) as client:
        rows = await listed(client, "/uapi/cdr/2001")
    assert Counter(row["published"] for row in rows) == Counter(
        stamp(call.started_at) for call in expected
    )


@pytest.mark.parametrize(
    ("owner", "user", "status", "error"),
    [
        ("33", "2001", 200, None),
        ("33", "1", 401, "access_denied"),
        ("33", "9999", 400, "user_invalid"),
        ("33", "@me", 400, "user_invalid"),
        ("1", "33", 200, None),
        ("1", "1", 200, None),
        ("1", "2001", 200, None),
        ("2001", "2001", 200, None),
        ("2001", "2002", 401, "access_denied"),
        ("2001", "33", 401, "access_denied"),
    ],
)
@played
async def test_a_scope_has_to_exist_and_to_lie_within_the_owners_reach(
    owner: str, user: str, status: int, error: str | None
) -> None:
    async with signed_in(world_of(), Switches(owner=owner)) as client:
        for path in (f"/uapi/cdr/{user}", f"/uapi/cdr/stats/{user}"):
            reply = await client.get(path)
            assert reply.status_code == status
            assert error is None or code(reply) == error


@played
async def test_a_token_of_a_user_means_that_user_where_no_id_is_named() -> None:
    async with signed_in(world_of(), Switches(owner="2001")) as client:
        assert await listed(client) == await listed(client, "/uapi/cdr/2001")


@played
async def test_unknown_services_and_methods_are_not_implemented() -> None:
    async with signed_in(world_of()) as client:
        for reply in (
            await client.get("/uapi/phoneCalls"),
            await client.get("/uapi/cdr/33/more"),
            await client.post("/uapi/cdr"),
            await client.delete("/uapi/cdr/33"),
        ):
            assert (reply.status_code, code(reply)) == (501, "request_not_implemented")


@played
async def test_a_rate_limit_can_be_switched_on() -> None:
    clock = Time()
    async with signed_in(world_of(clock=clock), Switches(requests_per_minute=2)) as client:
        statuses = [(await client.get("/uapi/cdr")).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        clock.now += timedelta(seconds=61)
        assert (await client.get("/uapi/cdr")).status_code == 200


# Pages and order


@played
async def test_a_page_tells_where_it_stands_in_the_filtered_set() -> None:
    async with signed_in(world_of()) as client:
        answer = (await client.get("/uapi/cdr")).json()
        assert len(answer.pop("entry")) == 20
        assert answer == {
            "startIndex": 0,
            "totalResults": len(CALLS),
            "itemsPerPage": 20,
            "filtered": False,
            "sorted": True,
            "paging": {},
        }
        asked = {"startIndex": "590", "count": "100", "startDate": "2026-03-01T00:00:00"}
        answer = (await client.get("/uapi/cdr", params=asked)).json()
        assert len(answer["entry"]) == 10
        assert (answer["startIndex"], answer["itemsPerPage"], answer["filtered"]) == (
            590,
            100,
            True,
        )


@played
async def test_nothing_found_and_a_page_beyond_the_end_have_no_content() -> None:
    async with signed_in(world_of()) as client:
        for asked in ({"startDate": "2027-01-01T00:00:00"}, {"startIndex": str(len(CALLS))}):
            reply = await client.get("/uapi/cdr", params=asked)
            assert (reply.status_code, reply.content) == (204, b"")


@played
async def test_pages_bring_every_call_once() -> None:
    async with signed_in(world_of()) as client:
        ids = []
        for start in range(0, len(CALLS), 70):
            asked = {"startIndex": str(start), "count": "70"}
            rows = (await client.get("/uapi/cdr", params=asked)).json()["entry"]
            ids += [row["id"] for row in rows]
        assert len(ids) == len(set(ids)) == len(CALLS)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"count": "4999"}, None),
        ({"count": "5000"}, "count_invalid"),
        ({"count": "0"}, "count_invalid"),
        ({"count": "-1"}, "count_invalid"),
        ({"count": "many"}, "count_invalid"),
        ({"count": ""}, "count_invalid"),
        ({"startIndex": "0"}, None),
        ({"startIndex": "5000"}, "startindex_invalid"),
        ({"startIndex": "-1"}, "startindex_invalid"),
        ({"startIndex": "1.5"}, "startindex_invalid"),
        ({"startDate": "2026-03-01"}, "cdr_start_date_invalid"),
        ({"startDate": "2026-03-32T00:00:00"}, "cdr_start_date_invalid"),
        ({"startDate": "2026-03-01T00:00:00+01:00"}, None),
        ({"startDate": "2026-03-01T00:00:00Z"}, None),
        ({"endDate": "yesterday"}, "cdr_end_date_invalid"),
        ({"saveStartDate": "1"}, "cdr_save_start_date_invalid"),
        ({"saveEndDate": ""}, "cdr_save_end_date_invalid"),
        (
            {"startDate": "2026-03-02T00:00:00", "endDate": "2026-03-01T00:00:00"},
            "cdr_invalid_date_parameters",
        ),
        (
            {"saveStartDate": "2026-03-02T00:00:00", "endDate": "2026-03-01T00:00:00"},
            "cdr_invalid_date_parameters",
        ),
        ({"saveStartDate": "1", "startDate": "2026-03-01T00:00:00"}, None),
        ({"source": "Anna"}, "cdr_source_invalid"),
        ({"source": "@self"}, "cdr_source_invalid"),
        ({"source": ""}, "cdr_source_invalid"),
        ({"source": "0004*2001"}, "extension_invalid"),
        ({"destination": "003*2001"}, "cdr_destination_invalid"),
        ({"destination": "+493022610100"}, None),
        ({"disposition": "6"}, "cdr_disposition_invalid"),
        ({"disposition": "ANSWERED"}, "cdr_disposition_invalid"),
        ({"flow": "1"}, "cdr_flow_invalid"),
        ({"fields": "id,price"}, "fields_invalid"),
        ({"fields": ""}, "fields_invalid"),
        ({"sortOrder": "down"}, "sortorder_invalid"),
        ({"filterBy": "duration"}, "filterby_invalid"),
        ({"filterBy": "source"}, None),
        ({"filterOp": "resembles"}, "filterop_invalid"),
        ({"filterOp": "equals"}, "filtervalue_invalid"),
        ({"filterValue": ""}, "filtervalue_invalid"),
        ({"filterValue": "2001"}, "cdr_invalid_filter_by_published"),
        ({"filterBy": "answered", "filterValue": "x"}, "cdr_invalid_filter_by_answered"),
        ({"filterBy": "source", "filterValue": "x"}, "cdr_invalid_filter_by_source"),
        ({"filterBy": "destination", "filterValue": "x"}, "cdr_invalid_filter_by_destination"),
        (
            {"filterBy": "source", "filterOp": "contains", "filterValue": "x"},
            "cdr_invalid_filter_by_source",
        ),
        (
            {"filterBy": "source", "filterOp": "lessThan", "filterValue": "2001"},
            "filterop_invalid",
        ),
        ({"filterOp": "contains", "filterValue": "2026-03-01T00:00:00"}, "filterop_invalid"),
        ({"asortOrder": "down", "colour": "blue"}, None),
    ],
)
@played
async def test_a_bad_value_is_refused_with_its_own_code(
    asked: dict[str, str], error: str | None
) -> None:
    async with signed_in(world_of(*CALLS[:3])) as client:
        reply = await client.get("/uapi/cdr", params=asked)
        if error is None:
            assert reply.status_code in (200, 204)
        else:
            assert (reply.status_code, code(reply)) == (400, error)


@played
async def test_the_paging_object_may_be_a_list_or_name_the_next_page() -> None:
    async with signed_in(world_of(), Switches(paging="array")) as client:
        assert (await client.get("/uapi/cdr")).json()["paging"] == []
    async with signed_in(world_of(), Switches(paging="next")) as client:
        answer = (await client.get("/uapi/cdr", params={"count": "400"})).json()
        assert answer["paging"]["next"].startswith("https://pbx.example/uapi/cdr?")
        last = (await client.get(answer["paging"]["next"])).json()
        assert (last["startIndex"], last["paging"]) == (400, {})
        assert len(last["entry"]) == 200


@played
async def test_newest_come_first_unless_asked_otherwise() -> None:
    async with signed_in(world_of()) as client:
        by_default = (await client.get("/uapi/cdr", params={"count": "4999"})).json()["entry"]
        times = [row["published"] for row in by_default]
        assert times == sorted(times, reverse=True)
        for order in ("desc", "descending"):
            assert await listed(client, sortOrder=order) == by_default
        for order in ("asc", "ascending"):
            assert await listed(client, sortOrder=order) == by_default[::-1]
    async with signed_in(world_of(), Switches(default_order="asc")) as client:
        assert (await client.get("/uapi/cdr", params=ALL)).json()["entry"] == by_default[::-1]


@played
async def test_a_server_may_know_only_one_spelling_of_the_order() -> None:
    switches = Switches(sort_orders=("ascending", "descending"))
    async with signed_in(world_of(), switches) as client:
        asked = {"sortOrder": "asc"}
        assert code(await client.get("/uapi/cdr", params=asked)) == "sortorder_invalid"


@played
async def test_calls_of_one_second_come_in_an_order_that_ids_do_not_tell() -> None:
    at = CALLS[0].started_at
    many = [msgspec.structs.replace(call, started_at=at) for call in CALLS[:40]]
    async with signed_in(world_of(*many)) as client:
        rows = await listed(client)
        again = await listed(client)
    ids = [row["id"] for row in rows]
    assert ids not in (sorted(ids), sorted(ids, reverse=True))
    assert rows == again


@played
async def test_ties_can_be_shuffled_from_request_to_request() -> None:
    async with signed_in(world_of(), Switches(shuffle_ties=True)) as client:
        answers = [await listed(client, sortOrder="desc") for _ in range(2)]
        assert answers[0] != answers[1]
        assert _times(answers[0]) == _times(answers[1])
        times = [row["published"] for row in answers[0]]
        assert times == sorted(times, reverse=True)
        assert len({row["id"] for row in answers[0]}) == len(CALLS)
        part = await listed(client, startIndex="100", count="50")
        assert [row["published"] for row in part] == times[::-1][100:150]


def _times(rows: list[Any]) -> list[str]:
    return list(dict.fromkeys(row["published"] for row in rows))


# Dates


@played
async def test_without_dates_the_current_month_is_meant() -> None:
    calls = company.calls(seed=2, count=300, until=NOW, days=60)
    until = Time(NOW + timedelta(days=1))
    expected = [call for call in calls if call.started_at >= datetime(2026, 3, 1, tzinfo=UTC)]
    async with signed_in(world_of(*calls, clock=until)) as client:
        assert len(await listed(client)) == len(expected) < 300
        total = (await client.get("/uapi/cdr/stats")).json()
        inbound = [call for call in expected if call.direction == "inbound"]
        assert total[0]["total"] == len(inbound)


@played
async def test_dates_without_an_offset_are_read_in_the_servers_zone() -> None:
    calls = company.calls(seed=2, count=300, until=NOW, days=60)
    since = datetime(2026, 2, 10, 6, tzinfo=UTC)
    expected = sum(call.started_at >= since for call in calls)
    switches = Switches(time_zone="America/New_York")
    world = world_of(*calls, clock=Time(NOW + timedelta(days=1)))
    async with signed_in(world, switches) as client:
        asked = [
            await listed(client, saveStartDate=text)
            for text in ("2026-02-10T01:00:00", "2026-02-10T06:00:00Z", "2026-02-10T07:00:00+01:00")
        ]
        assert asked[0] == asked[1] == asked[2]
        assert len(asked[0]) >= expected
        month = await listed(client)
        assert min(row["published"] for row in month) >= "2026-03-01T05:00:00Z"


@played
async def test_answered_dates_weigh_unanswered_calls_by_their_start() -> None:
    low, high = NOW - timedelta(days=6), NOW - timedelta(days=3)
    asked = {"startDate": plain(low), "endDate": plain(high)}
    async with signed_in(world_of()) as client:
        rows, whole = await listed(client, **asked), await listed(client)
    inside = [
        row
        for row in whole
        if stamp(low) <= (row.get("answered") or row["published"]) <= stamp(high)
    ]
    assert rows == inside
    assert any("answered" not in row for row in rows)
    async with signed_in(world_of(), Switches(unanswered_by_published=False)) as client:
        assert await listed(client, **asked) == [row for row in inside if "answered" in row]


@played
async def test_a_call_that_rang_across_the_bound_is_found_by_its_answer() -> None:
    call = first(direction="outbound", outcome="answered")
    answered = call.answered_at
    assert answered
    assert answered > call.started_at
    async with signed_in(world_of(call)) as client:
        second = timedelta(seconds=1)
        assert await listed(client, startDate=plain(answered), endDate=plain(answered))
        assert not await listed(client, startDate=plain(answered + second))
        assert not await listed(client, endDate=plain(answered - second))
        by_start = {"filterBy": "published", "filterValue": plain(call.started_at)}
        assert await listed(client, **by_start)


@played
async def test_ends_of_a_period_can_be_left_out() -> None:
    answered = plain(first(direction="outbound", outcome="answered").answered_at or NOW)
    call = first(direction="outbound", outcome="answered")
    for switches in (Switches(start_inclusive=False), Switches(end_inclusive=False)):
        async with signed_in(world_of(call), switches) as client:
            assert not await listed(client, startDate=answered, endDate=answered)


@played
async def test_saving_dates_follow_the_end_of_a_call_within_a_minute() -> None:
    async with signed_in(world_of()) as client:
        late = 0
        for call in CALLS[:80]:
            span = {
                "saveStartDate": plain(call.ended_at),
                "saveEndDate": plain(call.ended_at + timedelta(minutes=1)),
            }
            found = await listed(client, **span)
            assert stamp(call.started_at) in [row["published"] for row in found]
            span["saveEndDate"] = plain(call.ended_at + timedelta(seconds=6))
            found = await listed(client, **span)
            late += stamp(call.started_at) not in [row["published"] for row in found]
        assert 0 < late < 20


@played
async def test_answered_dates_outrank_saving_dates_bound_by_bound() -> None:
    early, late = plain(NOW - timedelta(days=8)), plain(NOW - timedelta(days=2))
    async with signed_in(world_of()) as client:
        assert await listed(client, startDate=late, saveStartDate=early) == await listed(
            client, startDate=late
        )
        assert await listed(client, endDate=early, saveEndDate=late) == await listed(
            client, endDate=early
        )
        mixed = await listed(client, startDate=early, saveEndDate=late)
        after = await listed(client, startDate=early)
        before = await listed(client, saveEndDate=late)
        both = {row["id"] for row in after} & {row["id"] for row in before}
        assert {row["id"] for row in mixed} == both
        assert 0 < len(both) < len(after)


@played
async def test_a_call_is_seen_once_it_is_saved() -> None:
    call = CALLS[0]
    clock = Time(call.ended_at)
    async with signed_in(world_of(call, clock=clock)) as client:
        assert not await listed(client)
        clock.now = call.ended_at + timedelta(minutes=1)
        assert await listed(client)
    clock.now = call.ended_at
    async with signed_in(world_of(call, clock=clock), Switches(slowest_save=0)) as client:
        assert await listed(client)
    switches = Switches(slowest_save=0, delay_seconds=30)
    async with signed_in(world_of(call, clock=clock), switches) as client:
        assert not await listed(client)
        clock.now += timedelta(seconds=30)
        assert await listed(client)


# Filters


@played
async def test_a_party_can_be_named_in_every_spelling() -> None:
    call = first(direction="outbound", outcome="answered")
    extension, number = f"0003*{call.caller.number}", call.callee.number
    async with signed_in(world_of()) as client:
        rows = await listed(client, source=extension)
        assert rows
        assert rows == await listed(client, source=call.caller.number)
        assert {row["phoneCallView"][0]["source"] for row in rows} == {extension}
        rows = await listed(client, destination=number)
        assert rows
        assert rows == await listed(client, destination=number.removeprefix("+"))
        assert {row["phoneCallView"][-1]["destination"] for row in rows} == {number}
        user = f"/uapi/cdr/{call.caller.number}"
        assert await listed(client, user, source="@self") == await listed(
            client, user, source=extension
        )


@played
async def test_any_view_may_have_the_named_destination() -> None:
    call = first(transferred=True)
    async with signed_in(world_of(call)) as client:
        for leg in call.legs:
            assert await listed(client, destination=f"0003*{leg.target.number}")


@played
async def test_a_disposition_and_a_flow_are_those_of_the_whole_call() -> None:
    async with signed_in(world_of()) as client:
        counts = [len(await listed(client, disposition=str(number))) for number in range(6)]
        outcomes = Counter(call.outcome for call in CALLS)
        unanswered = outcomes["no_answer"] + outcomes["abandoned"] + outcomes["cancelled"]
        answered = outcomes["answered"] + outcomes["voicemail"]
        assert counts == [answered, outcomes["busy"], outcomes["failed"], unanswered, 0, 0]
        flows = [len(await listed(client, flow=flow)) for flow in ("2", "4", "8")]
        directions = Counter(call.direction for call in CALLS)
        assert flows == [directions[word] for word in ("internal", "outbound", "inbound")]


@played
async def test_filter_operators_compare_times_and_parties() -> None:
    at = CALLS[300].started_at
    async with signed_in(world_of()) as client:
        whole = await listed(client)

        async def matched(by: str, operator: str | None, value: str | None) -> list[Any]:
            asked = {"filterBy": by, "filterOp": operator, "filterValue": value}
            return await listed(client, **{key: text for key, text in asked.items() if text})

        times = [row for row in whole if row["published"] == stamp(at)]
        assert await matched("published", None, plain(at)) == times
        assert await matched("published", "equals", plain(at)) == times
        assert await matched("published", "inArray", f"{plain(at)},{plain(at)}") == times
        assert await matched("published", "greaterThan", plain(at)) == [
            row for row in whole if row["published"] > stamp(at)
        ]
        assert await matched("answered", "lessThan", plain(at)) == [
            row for row in whole if row.get("answered", "9") < stamp(at)
        ]
        assert await matched("answered", "present", None) == [
            row for row in whole if "answered" in row
        ]
        by_source = await matched("source", "equals", "2003")
        assert by_source == await listed(client, source="2003")
        assert len(await matched("source", "inArray", "2003,0003*2004")) > len(by_source)
        assert len(await matched("destination", "startsWith", "0003*")) == sum(
            call.direction != "outbound" for call in CALLS
        )
        assert await matched("source", "contains", "+49171") == [
            row for row in whole if "+49171" in row["phoneCallView"][0]["source"]
        ]


@played
async def test_fields_keep_only_the_named_properties_of_calls() -> None:
    async with signed_in(world_of()) as client:
        rows = await listed(client, fields="id,published")
        assert {frozenset(row) for row in rows} == {frozenset({"id", "published"})}
        rows = await listed(client, fields="answered,links")
        assert {frozenset(row) for row in rows} == {frozenset(), frozenset({"answered"})}


# What a call looks like


@played
async def test_an_answered_outbound_call_has_one_view() -> None:
    call = first(direction="outbound", outcome="answered", recorded=True)
    row = await row_of(call)
    extension = f"0003*{call.caller.number}"
    assert len(row["id"]) == 20
    assert set(row["id"]) <= set("0123456789abcdef")
    assert row.pop("nonce") not in ("", row.pop("id"))
    assert row == {
        "ownerId": "33",
        "ownerName": "Example Telecom",
        "extension": extension,
        "published": stamp(call.started_at),
        "answered": stamp(call.answered_at or NOW),
        "phoneCallView": [
            {
                "id": "00",
                "source": extension,
                "destination": call.callee.number,
                "extension": extension,
                "flow": 4,
                "disposition": 0,
                "answered": stamp(call.answered_at or NOW),
                "duration": call.talk_seconds,
                "callerId": f"{call.caller.name} <{extension}>",
                "recording": True,
            }
        ],
    }


@pytest.mark.parametrize(("outcome", "disposition"), [("busy", 1), ("failed", 2), ("cancelled", 3)])
@played
async def test_an_unanswered_call_has_no_answered_anywhere(outcome: str, disposition: int) -> None:
    row = await row_of(first(outcome=outcome))
    (view,) = row["phoneCallView"]
    assert "answered" not in row
    assert set(view) == {
        "id", "source", "destination", "extension", "flow", "disposition", "duration", "callerId",
    }  # fmt: skip
    assert (view["disposition"], view["duration"]) == (disposition, 0)
    assert None not in row.values()


@played
async def test_a_call_refused_by_policy_is_not_allowed() -> None:
    call = first(outcome="failed")
    forbidden = msgspec.structs.replace(call, sip_code=403)
    assert (await row_of(forbidden))["phoneCallView"][0]["disposition"] == 5


@played
async def test_a_queued_call_shows_the_queue_unanswered_and_then_the_agent() -> None:
    call = next(call for call in CALLS if call.queue and call.outcome == "answered")
    row = await row_of(call)
    queue, agent = row["phoneCallView"]
    assert call.queue
    assert queue["destination"] == f"0003*{call.queue.number}"
    assert (queue["disposition"], queue["duration"]) == (3, 0)
    assert "answered" not in queue
    assert agent["destination"] == agent["extension"] == f"0003*{call.callee.number}"
    assert (agent["disposition"], agent["duration"], agent["flow"]) == (0, call.talk_seconds, 8)
    assert row["answered"] == agent["answered"] == stamp(call.answered_at or NOW)
    assert queue["source"] == agent["source"] == call.caller.number
    assert [queue["id"], agent["id"]] == ["00", "01"]


@played
async def test_an_abandoned_call_shows_the_queue_alone() -> None:
    call = first(outcome="abandoned")
    row = await row_of(call)
    (view,) = row["phoneCallView"]
    assert view["destination"] == row["extension"] == f"0003*{call.callee.number}"
    assert (view["disposition"], "answered" in row) == (3, False)


@played
async def test_a_voicemail_box_answers_for_its_extension_unless_switched() -> None:
    call = first(outcome="voicemail")
    row = await row_of(call)
    rang, box = row["phoneCallView"]
    assert rang["destination"] == box["destination"] == f"0003*{call.callee.number}"
    assert (rang["disposition"], box["disposition"]) == (3, 0)
    assert box["duration"] == call.legs[1].talk_seconds
    assert row["answered"] == box["answered"]
    row = await row_of(call, Switches(voicemail_answers=False))
    assert [view["disposition"] for view in row["phoneCallView"]] == [3, 3]
    assert "answered" not in row


@played
async def test_a_transferred_call_has_a_view_for_each_who_spoke() -> None:
    call = first(transferred=True)
    row = await row_of(call)
    assert [view["duration"] for view in row["phoneCallView"]] == [
        leg.talk_seconds for leg in call.legs
    ]
    assert row["answered"] == row["phoneCallView"][0]["answered"]
    assert row["extension"] == f"0003*{call.callee.number}"


@played
async def test_a_caller_without_a_name_is_presented_by_number_alone() -> None:
    call = next(call for call in CALLS if not call.caller.name)
    (view, *_) = (await row_of(call))["phoneCallView"]
    assert view["callerId"] == f"<{call.caller.number}>"


@played
async def test_row_details_can_be_switched() -> None:
    call = first(direction="outbound", outcome="answered", recorded=True)
    row = await row_of(
        call,
        Switches(
            duration="total",
            plus_sign=False,
            caller_id_key="callerID",
            recording="name",
            numbers_as_text=True,
        ),
    )
    (view,) = row["phoneCallView"]
    assert view["duration"] == str(call.total_seconds)
    assert view["destination"] == call.callee.number.removeprefix("+")
    assert view["callerID"]
    assert view["recording"] == f"{row['id']}-00"
    assert (view["flow"], view["disposition"]) == ("4", "0")
    (view,) = (await row_of(call, Switches(recording="none")))["phoneCallView"]
    assert "recording" not in view


@played
async def test_entry_may_be_an_object_keyed_by_id() -> None:
    switches = Switches(entry="object", numbers_as_text=True, stats_beside_entry=True)
    async with signed_in(world_of(), switches) as client:
        answer = (await client.get("/uapi/cdr", params={"fields": "published"})).json()
        assert len(answer["entry"]) == 20
        assert all(set(row) == {"published"} for row in answer["entry"].values())
        assert all(len(key) == 20 for key in answer["entry"])
        assert answer["totalResults"] == str(len(CALLS))
        assert len(answer["phoneCallStat"]) == 2


@played
async def test_ids_stay_when_other_calls_come_and_go() -> None:
    world = world_of(*CALLS[::2])
    async with signed_in(world) as client:
        before = {row["id"]: row for row in await listed(client)}
        world.add(*CALLS[1::2])
        world.remove(CALLS[0])
        after = {row["id"]: row for row in await listed(client)}
        assert len(after) == len(CALLS) - 1
        assert len(before.keys() - after.keys()) == 1
        assert all(after[name] == before[name] for name in before.keys() & after.keys())
    async with signed_in(world_of(seed=1)) as client:
        assert not before.keys() & {row["id"] for row in await listed(client)}


# The seed's own rows


@played
async def test_the_seeds_bare_rows_are_served_as_they_stand_in_every_period() -> None:
    async with signed_in(World(clock=Time(), given=ENTRIES)) as client:
        rows = await listed(client, "/uapi/cdr/33", startDate="2018-02-01T00:00:00")
        assert sorted(rows, key=lambda row: str(row["id"])) == ENTRIES
        assert len(await listed(client)) == 2
        assert len(await listed(client, destination="0003*006")) == 1
        assert not await listed(client, disposition="0")
        stats = (await client.get("/uapi/stats/33")).json()
        assert (stats[0]["total"], stats[0]["unknown"], stats[1]["total"]) == (2, 2, 0)


@played
async def test_the_seeds_rows_with_dates_are_found_by_them() -> None:
    async with signed_in(World(clock=Time(), given=DATED)) as client:
        asked = {"startDate": "2018-02-01T00:00:00", "endDate": "2018-03-01T00:00:00"}
        assert await listed(client, **asked, sortOrder="desc") == DATED
        assert await listed(client, **asked) == DATED[::-1]
        asked["startDate"] = DATED[0]["published"]
        assert await listed(client, **asked) == DATED[:1]
        assert await listed(client, fields="id", saveStartDate=asked["startDate"]) == [
            {"id": DATED[0]["id"]}
        ]
        assert not await listed(client)


@played
async def test_given_rows_keep_their_own_words_in_filters_and_objects() -> None:
    row = {
        "id": "aa",
        "published": "2026-03-02T10:00:00+01:00",
        "phoneCallView": [
            {"source": "0003*002", "destination": "0003*006", "disposition": "1", "flow": "2"},
            {
                "source": "0003*002",
                "destination": "0003*007",
                "disposition": "0",
                "answered": "2026-03-02T09:00:10Z",
                "duration": "30",
            },
        ],
    }
    switches = Switches(entry="object", users={"761": "007"})
    async with signed_in(World(clock=Time(), given=[row]), switches) as client:
        asked = {"disposition": "0", "flow": "2", "startDate": "2026-03-02T09:00:10"}
        reply = await client.get("/uapi/cdr/761", params=asked)
        assert reply.json()["entry"] == {"aa": row}
        reply = await client.get("/uapi/cdr", params={"fields": "published"})
        assert reply.json()["entry"] == {"aa": {"published": row["published"]}}


# Statistics


@played
async def test_stats_count_incoming_and_outgoing_calls_by_disposition() -> None:
    asked = {"startDate": plain(NOW - timedelta(days=9)), "endDate": plain(NOW)}
    counted = {"answered": 0, "busy": 1, "failed": 2, "unanswered": 3, "unknown": 4, "unallowed": 5}
    seeds = json.loads((SAMPLES / "seed_stats.json").read_text())
    async with signed_in(world_of()) as client:
        rows = (await client.get("/uapi/cdr/stats", params=asked)).json()
        for row, flow, seed in zip(rows, ("8", "4"), seeds, strict=True):
            assert set(row) == set(seed)
            assert row["type"] == seed["type"]
            assert row["total"] == sum(row[word] for word in counted) > 0
            for word, number in counted.items():
                found = await listed(client, flow=flow, disposition=str(number), **asked)
                assert row[word] == len(found)
        for path in ("/uapi/cdr/stats/", "/uapi/cdr/stats/33", "/uapi/stats/33"):
            assert (await client.get(path, params=asked)).json() == rows
        own = (await client.get("/uapi/cdr/stats/2001", params=asked)).json()
        assert own[0]["total"] == len(await listed(client, "/uapi/cdr/2001", flow="8", **asked))


@played
async def test_stats_leave_local_calls_out_unless_switched() -> None:
    calls = [call for call in CALLS if call.direction == "internal"]
    async with signed_in(world_of(*calls)) as client:
        assert [row["total"] for row in (await client.get("/uapi/cdr/stats")).json()] == [0, 0]
    async with signed_in(world_of(*calls), Switches(local_in_outgoing=True)) as client:
        rows = (await client.get("/uapi/cdr/stats")).json()
        assert [row["total"] for row in rows] == [0, len(calls)]


@played
async def test_stats_of_an_empty_period_are_two_rows_of_zeros() -> None:
    async with signed_in(world_of()) as client:
        reply = await client.get("/uapi/cdr/stats", params={"startDate": "2027-01-01T00:00:00"})
        assert reply.status_code == 200
        assert [sum(row.values()) - row["type"] for row in reply.json()] == [0, 0]
        reply = await client.get("/uapi/cdr/stats", params={"startDate": "soon"})
        assert (reply.status_code, code(reply)) == (400, "cdr_start_date_invalid")


@played
async def test_the_old_stats_path_can_be_switched_off() -> None:
    async with signed_in(world_of(), Switches(old_stats_path=False)) as client:
        assert code(await client.get("/uapi/stats/33")) == "request_not_implemented"


# Faults


@pytest.mark.parametrize(
    ("chosen", "status", "error"),
    [
        ("", 500, "internal_server_error"),
        ("access_denied", 401, "access_denied"),
        ("cdr_start_date_invalid", 400, "cdr_start_date_invalid"),
        ("request_not_implemented", 501, "request_not_implemented"),
        ("too_many_requests", 429, "too_many_requests"),
    ],
)
@played
async def test_an_error_fault_refuses_in_the_vendors_words(
    chosen: str, status: int, error: str
) -> None:
    world = world_of()
    async with signed_in(world) as client:
        world.fault("error", code=chosen)
        reply = await client.get("/uapi/cdr")
        assert (reply.status_code, code(reply)) == (status, error)
        assert (await client.get("/uapi/cdr")).status_code == 200


@played
async def test_an_error_fault_at_sign_in_speaks_oauth() -> None:
    world = world_of()
    async with stranger(world) as client:
        world.fault("error", path="/oauth")
        reply = await client.post("/oauth/token.php", data=FORM)
        assert (reply.status_code, reply.json()) == (500, {"error": "server_error"})
        world.fault("error", path="/oauth", code="invalid_client")
        reply = await client.post("/oauth/token.php", data=FORM)
        assert (reply.status_code, reply.json()) == (401, {"error": "invalid_client"})


@played
async def test_an_expire_fault_forgets_every_token() -> None:
    world = world_of()
    async with signed_in(world) as client:
        world.fault("expire")
        for _ in range(2):
            assert (await client.get("/uapi/cdr")).status_code == 401
        client.headers["authorization"] = f"Bearer {await sign_in(client)}"
        assert (await client.get("/uapi/cdr")).status_code == 200


@played
async def test_a_repeat_fault_brings_the_first_page_again() -> None:
    world = world_of()
    async with signed_in(world) as client:
        first_page = await listed(client, count="10")
        world.fault("repeat")
        assert await listed(client, count="10", startIndex="10") == first_page
        assert await listed(client, count="10", startIndex="10") != first_page


@played
async def test_a_duplicate_fault_brings_the_first_row_twice() -> None:
    world = world_of()
    async with signed_in(world) as client:
        rows = await listed(client)
        world.fault("duplicate")
        assert await listed(client) == [rows[0], *rows]
        assert await listed(client) == rows


@played
async def test_an_unknown_fault_puts_unheard_numbers_into_views_and_stats() -> None:
    world = world_of()
    async with signed_in(world) as client:
        world.fault("unknown", times=2)
        for _ in range(2):
            views = [view for row in await listed(client) for view in row["phoneCallView"]]
            assert {(view["disposition"], view["flow"]) for view in views} == {(42, 64)}
        views = [view for row in await listed(client) for view in row["phoneCallView"]]
        assert {view["disposition"] for view in views} <= {0, 1, 2, 3}
        world.fault("unknown")
        assert [row["type"] for row in (await client.get("/uapi/cdr/stats")).json()] == [7, 7]


@played
async def test_the_twin_logs_what_it_was_asked() -> None:
    world = world_of()
    async with signed_in(world) as client:
        await client.get("/uapi/cdr/33", params={"count": "5"})
    assert [(each.method, each.path, each.query) for each in world.received] == [
        ("POST", "/oauth/token.php", ""),
        ("GET", "/uapi/cdr/33", "count=5"),
    ]
