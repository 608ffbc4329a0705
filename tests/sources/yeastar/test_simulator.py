"""The Yeastar twin does what the vendor's pages say, and each open question is a switch."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest

from graph.sources import company, yeastar
from graph.sources.twin import World
from graph.sources.yeastar.simulator import SETTINGS, Switches, simulate
from graph.sources.yeastar.simulator.switches import Field

Row = dict[str, Any]
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
CALLS = company.calls(seed=7, count=180, until=NOW, days=6)
SAMPLE: list[Row] = json.loads(
    (Path(yeastar.__file__).parent / "samples" / "cdr_list.json").read_text(encoding="utf-8")
)
SHANGHAI = ZoneInfo("Asia/Shanghai")
FIELDS = get_args(Field)


class Clock:
    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Pbx:
    """One twin and a client of it, who signs in when first needed"""

    def __init__(
        self, calls: Sequence[company.Call] = CALLS, switches: Row | None = None, **options: Any
    ) -> None:
        self.clock = Clock()
        self.world = World(calls, **{"clock": self.clock, **options})
        self.app = simulate(self.world, Switches(**(switches or {})))
        self.token: str | None = None

    def send(
        self,
        method: str,
        path: str,
        *,
        address: str = "10.0.0.5",
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://pbx:8088") as http:
                return await http.request(method, path, headers=headers, **options)

        return asyncio.run(run())

    def post(self, endpoint: str, body: Any, address: str = "10.0.0.5") -> Row:
        return answer(self.send("POST", f"/openapi/v1.0/{endpoint}", json=body, address=address))

    def sign_in(self, secret: str | None = None, address: str = "10.0.0.5") -> Row:
        known = SETTINGS["credentials"]
        password = known["client_secret"] if secret is None else secret
        body = {"username": known["client_id"], "password": password}
        return self.post("get_token", body, address)

    def get(self, endpoint: str, version: str = "v1.0", **params: Any) -> Row:
        if self.token is None:
            self.token = self.sign_in()["access_token"]
        query = {"access_token": self.token, **params}
        return answer(self.send("GET", f"/openapi/{version}/{endpoint}", params=query))

    def rows(self, endpoint: str = "cdr/list", version: str = "v1.0", **params: Any) -> list[Row]:
        reply = self.get(endpoint, version, **params)
        assert reply["errcode"] == 0, reply
        data: list[Row] = reply["data"]
        return data


def answer(response: httpx.Response) -> Row:
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["connection"] == "close"
    reply: Row = response.json()
    return reply


def legs_by_call(rows: Sequence[Row]) -> dict[int, list[Row]]:
    found = defaultdict(list)
    for row in sorted(rows, key=lambda row: int(row["timestamp"])):
        found[int(row["call_id"].split(".")[1])].append(row)
    return found


def a_call(kind: str, calls: Sequence[company.Call] = CALLS) -> company.Call:
    kinds: dict[str, Callable[[company.Call], Any]] = {
        "queued": lambda call: call.queue and call.answered,
        "abandoned": lambda call: call.outcome == "abandoned",
        "voicemail": lambda call: call.outcome == "voicemail",
        "transferred": lambda call: call.transferred,
        "busy": lambda call: call.outcome == "busy",
        "failed": lambda call: call.outcome == "failed",
        "cancelled": lambda call: call.outcome == "cancelled",
        "missed": lambda call: call.outcome == "no_answer" and call.direction == "inbound",
        "inbound": lambda call: call.answered and call.did and len(call.legs) == 1,
        "outbound": lambda call: call.answered and call.direction == "outbound",
        "internal": lambda call: call.answered and call.direction == "internal",
    }
    fits = kinds[kind]
    return next(call for call in calls if fits(call))


def of(call: company.Call, switches: Row | None = None) -> list[Row]:
    """The rows of one call, by time"""
    rows = Pbx([call], switches).rows(sort_by="time", order_by="asc")
    return sorted(rows, key=lambda row: (row["timestamp"], "Queue" not in row["call_to"]))


# Sign-in


def test_a_sign_in_gives_two_tokens_of_32_letters_and_tells_how_long_they_live() -> None:
    reply = Pbx().sign_in()
    assert (reply["errcode"], reply["errmsg"]) == (0, "SUCCESS")
    assert reply["access_token_expire_time"] == 1800
    assert reply["refresh_token_expire_time"] == 86400
    assert re.fullmatch(r"\w{32}", reply["access_token"])
    assert re.fullmatch(r"\w{32}", reply["refresh_token"])


def test_a_token_lapses_after_half_an_hour_and_is_refused_with_http_200() -> None:
    pbx = Pbx()
    assert pbx.get("cdr/list")["errcode"] == 0
    pbx.clock.pass_by(1799)
    assert pbx.get("cdr/list")["errcode"] == 0
    pbx.clock.pass_by(1)
    assert pbx.get("cdr/list") == {"errcode": 10004, "errmsg": "TOKEN EXPIRED"}


def test_a_request_without_a_token_is_refused_as_one_with_a_lapsed_token() -> None:
    reply = answer(Pbx().send("GET", "/openapi/v1.0/cdr/list"))
    assert reply["errcode"] == 10004


def test_a_token_of_version_1_serves_version_2_as_well() -> None:
    assert Pbx(switches={"profile": "C"}).get("cdr/list", "v2.0")["errcode"] == 0


def test_a_renewal_gives_both_tokens_anew_and_ends_the_old_ones() -> None:
    pbx = Pbx()
    first = pbx.sign_in()
    second = pbx.post("refresh_token", {"refresh_token": first["refresh_token"]})
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    pbx.token = first["access_token"]
    assert pbx.get("cdr/list")["errcode"] == 10004
    pbx.token = second["access_token"]
    assert pbx.get("cdr/list")["errcode"] == 0
    again = pbx.post("refresh_token", {"refresh_token": first["refresh_token"]})
    assert again["errcode"] == 10004


def test_old_tokens_may_outlive_a_renewal() -> None:
    pbx = Pbx(switches={"refresh_ends_old": False})
    first = pbx.sign_in()
    pbx.post("refresh_token", {"refresh_token": first["refresh_token"]})
    pbx.token = first["access_token"]
    assert pbx.get("cdr/list")["errcode"] == 0


def test_a_renewal_works_long_after_the_access_token_lapsed_but_not_after_a_day() -> None:
    pbx = Pbx()
    token = pbx.sign_in()["refresh_token"]
    pbx.clock.pass_by(86399)
    renewed = pbx.post("refresh_token", {"refresh_token": token})
    assert renewed["errcode"] == 0
    pbx.clock.pass_by(86400)
    late = pbx.post("refresh_token", {"refresh_token": renewed["refresh_token"]})
    assert late["errcode"] == 10004


def test_a_ninth_token_is_refused_until_one_lapses() -> None:
    pbx = Pbx()
    assert [pbx.sign_in()["errcode"] for _ in range(8)] == [0] * 8
    assert pbx.sign_in() == {"errcode": 60002, "errmsg": "MAX LIMITATION EXCEEDED"}
    pbx.clock.pass_by(1800)
    assert pbx.sign_in()["errcode"] == 0


def test_revoking_a_token_ends_it_and_frees_its_slot() -> None:
    pbx = Pbx()
    tokens = [pbx.sign_in() for _ in range(8)]
    pbx.token = tokens[3]["access_token"]
    assert pbx.get("del_token") == {"errcode": 0, "errmsg": "SUCCESS"}
    assert pbx.get("cdr/list")["errcode"] == 10004
    renewal = {"refresh_token": tokens[3]["refresh_token"]}
    assert pbx.post("refresh_token", renewal)["errcode"] == 10004
    assert pbx.sign_in()["errcode"] == 0
    assert pbx.sign_in()["errcode"] == 60002


@pytest.mark.parametrize("ends_old", [True, False])
def test_a_renewal_takes_no_slot(ends_old: bool) -> None:
    pbx = Pbx(switches={"refresh_ends_old": ends_old})
    tokens = [pbx.sign_in() for _ in range(7)]
    for token in tokens:
        assert pbx.post("refresh_token", {"refresh_token": token["refresh_token"]})["errcode"] == 0
    assert [pbx.sign_in()["errcode"] for _ in range(2)] == [0, 60002]


def test_a_wrong_secret_is_a_parameter_error_or_what_a_switch_says() -> None:
    assert Pbx().sign_in("wrong") == {"errcode": 40002, "errmsg": "PARAMETER ERROR"}
    assert Pbx(switches={"wrong_secret": 10005}).sign_in("wrong")["errcode"] == 10005


def test_five_failed_logins_block_the_address_until_the_administrator_lets_it_in() -> None:
    pbx = Pbx()
    pbx.rows()
    assert [pbx.sign_in("wrong")["errcode"] for _ in range(6)] == [40002] * 5 + [70004]
    pbx.clock.pass_by(86400 * 30)
    assert pbx.sign_in()["errmsg"] == "ACCOUNT IP BLOCKED"
    assert pbx.get("cdr/list")["errcode"] == 70004
    assert pbx.sign_in(address="10.0.0.6")["errcode"] == 0
    assert pbx.send("POST", "/_twin/unblock").status_code == 204
    assert pbx.sign_in()["errcode"] == 0


def test_a_login_that_works_forgives_the_failed_ones() -> None:
    pbx = Pbx()
    for secrets in (4, 4):
        assert [pbx.sign_in("wrong")["errcode"] for _ in range(secrets)] == [40002] * secrets
        assert pbx.sign_in()["errcode"] == 0


def test_a_sign_in_has_to_be_a_json_object_with_both_fields() -> None:
    pbx = Pbx()
    path = "/openapi/v1.0/get_token"
    text = {"content-type": "text/plain"}
    for options in ({"content": b'{"username"'}, {"content": b"{}"}, {"json": [1]}):
        headers = text if options.get("content") == b"{}" else {"content-type": "application/json"}
        reply = answer(pbx.send("POST", path, headers=headers, **options))
        assert reply["errmsg"] == "PARAMETER SYNTAX ERROR"
    reply = pbx.post("get_token", {"username": "x"})
    assert reply["errcode"] == 40002
    assert reply["invalid_param_list"] == [{"value": "password", "validation_type": "required"}]
    assert answer(pbx.send("GET", path))["errcode"] == 10004


def test_a_request_without_a_user_agent_is_not_listened_to() -> None:
    bare = {"user-agent": ""}
    assert Pbx().send("GET", "/openapi/v1.0/cdr/list", headers=bare).status_code == 400
    lax = Pbx(switches={"user_agent": "ignored"})
    assert lax.send("GET", "/openapi/v1.0/cdr/list", headers=bare).status_code == 200


def test_the_api_may_be_off_or_closed_to_an_address() -> None:
    assert Pbx(switches={"api_enabled": False}).sign_in()["errmsg"] == "API UNAVAILABLE"
    pbx = Pbx(switches={"allowed_addresses": ["10.0.0.9"]})
    assert pbx.sign_in()["errmsg"] == "IP FORBIDDEN"
    assert pbx.sign_in(address="10.0.0.9")["errcode"] == 0


# Paths


def test_unknown_paths_and_methods_do_not_exist() -> None:
    pbx = Pbx(switches={"profile": "C"})
    missing = {"errcode": 10001, "errmsg": "INTERFACE NOT EXISTED"}
    assert pbx.get("cdr/everything") == missing
    assert pbx.get("system/information", "v2.0") == missing
    assert pbx.get("cdr/list", "v3.0")["errmsg"] == "API VERSION UNSUPPORTED"
    posted = pbx.send("POST", "/openapi/v1.0/cdr/list", params={"access_token": pbx.token}, json={})
    assert answer(posted) == missing
    assert pbx.send("GET", "/login").status_code == 404


def test_search_and_information_can_be_missing() -> None:
    pbx = Pbx(switches={"profile": "C", "search": False, "information": False})
    assert pbx.get("cdr/search")["errcode"] == 10001
    assert pbx.get("cdr/search", "v2.0")["errcode"] == 10001
    assert pbx.get("system/information")["errcode"] == 10001
    assert pbx.get("cdr/list")["errcode"] == 0


def test_version_2_is_refused_by_each_older_firmware_in_its_own_way() -> None:
    assert Pbx(switches={"profile": "A"}).get("cdr/list", "v2.0")["errcode"] == 10003
    assert Pbx().get("cdr/search", "v2.0")["errmsg"] == "INTERNAL SERVER ERROR"
    assert Pbx().get("queue/list", "v2.0")["errcode"] == 10001
    assert Pbx(switches={"v2_refusal": 10002}).get("cdr/list", "v2.0")["errcode"] == 10002


@pytest.mark.parametrize(
    ("profile", "firmware"), [("A", "37.7.0.16"), ("B", "37.23.0.83"), ("C", "37.23.0.123")]
)
def test_information_tells_the_firmware_of_the_profile(profile: str, firmware: str) -> None:
    data = Pbx(switches={"profile": profile}).get("system/information")["data"]
    assert data["firmware_version"] == firmware


def test_information_tells_clock_zone_and_display_format() -> None:
    data = Pbx().get("system/information")["data"]
    assert data["system_time"] == "03/04/2026 20:00:00"
    assert data["timestamp"] == NOW.timestamp()
    assert (data["system_date_format"], data["system_time_format"]) == ("MM/DD/YYYY", "hh:mm:ss")
    switches = {"date_format": "DD/MM/YYYY", "hours": 12, "time_zone": "Europe/Berlin"}
    data = Pbx(switches=switches).get("system/information")["data"]
    assert data["system_time"] == "04/03/2026 01:00:00 PM"
    assert data["system_date_format"] == "DD/MM/YYYY"
    assert data["system_time_format"] == "hh:mm:ss AM"


def test_rosters_tell_extensions_from_queues() -> None:
    pbx = Pbx()
    extensions = pbx.rows("extension/list", page_size=5, page=3)
    assert [row["number"] for row in extensions] == ["2011", "2012"]
    queues = pbx.get("queue/list")["queue_list"]
    assert [row["number"] for row in queues] == ["6400", "6401", "6402"]
    assert queues[0]["static_agent_list"][0]["text2"] == "2001"


# The list


def test_the_sample_of_the_guide_is_served_as_printed() -> None:
    pbx = Pbx(given=random.Random(1).sample(SAMPLE, 4), switches={"profile": "A"})
    reply = pbx.get("cdr/list", sort_by="id", order_by="desc")
    assert reply == {"errcode": 0, "errmsg": "SUCCESS", "total_number": 4, "data": SAMPLE}


def test_given_rows_are_searched_sorted_and_paged_like_calls() -> None:
    pbx = Pbx(given=SAMPLE, switches={"profile": "A"})
    ids = [row["id"] for row in pbx.rows(sort_by="talk_duration", order_by="asc")]
    assert ids == [2711, 2714, 2713, 2712]
    assert pbx.rows(sort_by="time", order_by="asc", page_size=1, page=2) == [SAMPLE[2]]
    found = pbx.rows("cdr/search", start_time="05/30/2022 14:55:49", call_from="2005")
    assert [row["id"] for row in found] == [2714, 2712]
    assert [row["id"] for row in pbx.rows("cdr/search", call_from="PlayFile")] == [2713]
    bare = [{key: value for key, value in row.items() if key != "timestamp"} for row in SAMPLE]
    pbx = Pbx(given=[*bare, {"time": "yesterday"}])
    assert pbx.rows("cdr/search", start_time=1655176768, end_time=1655176768) == [bare[0]]


def test_a_page_holds_ten_thousand_rows_unless_asked_otherwise() -> None:
    given = [{"timestamp": 1_700_000_000 + number, "uid": str(number)} for number in range(10_002)]
    pbx = Pbx(given=given)
    reply = pbx.get("cdr/list", page="", page_size="", sort_by="", order_by="")
    assert (reply["total_number"], len(reply["data"])) == (10_002, 10_000)
    assert len(pbx.rows(page=2)) == 2
    assert len(pbx.rows(page_size=3)) == 3


@pytest.mark.parametrize(
    "params",
    [
        {"page": 0},
        {"page": -1},
        {"page": "two"},
        {"page_size": 0},
        {"page_size": 10_001},
        {"page_size": "1.5"},
        {"sort_by": "reason"},
        {"order_by": "down"},
    ],
)
def test_an_invalid_parameter_is_refused_and_named(params: Row) -> None:
    reply = Pbx().get("cdr/list", **params)
    assert (reply["errcode"], reply["errmsg"]) == (40002, "PARAMETER ERROR")
    assert reply["invalid_param_list"][0]["value"] == str(next(iter(params.values())))


def test_unknown_parameters_are_tolerated() -> None:
    assert Pbx().get("cdr/list", **{"from": "new", "colour": "red"})["errcode"] == 0


def test_a_page_that_is_too_large_may_be_cut_instead() -> None:
    pbx = Pbx(switches={"page_size": 50, "oversize": "clamp"})
    assert len(pbx.rows(page_size=51)) == 50


def test_a_page_past_the_end_is_empty_or_not_found() -> None:
    reply = Pbx().get("cdr/list", page=99)
    assert reply["errcode"] == 0
    assert reply["data"] == []
    assert reply["total_number"] > 180
    pbx = Pbx(switches={"no_rows": "not_found"})
    assert pbx.get("cdr/list", page=99) == {"errcode": 60001, "errmsg": "DATA NOT FOUND"}
    assert pbx.get("cdr/search", call_from="nobody")["errcode"] == 60001


def test_pages_together_hold_every_row_once() -> None:
    pbx = Pbx()
    whole = pbx.rows(sort_by="time", order_by="asc")
    pages = [
        pbx.rows(sort_by="time", order_by="asc", page=page, page_size=64)
        for page in range(1, len(whole) // 64 + 2)
    ]
    assert [row for page in pages for row in page] == whole
    assert len({row["new_id"] for row in whole}) == len(whole)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_rows_come_in_the_order_of_any_documented_field(field: str, order: str) -> None:
    rows = Pbx(switches={"profile": "A"}).rows(sort_by=field, order_by=order)
    numeric = field in ("id", "duration", "ring_duration", "talk_duration")
    key = "timestamp" if field == "time" else field
    values = [row.get(key, -1 if numeric else "") for row in rows]
    assert values == sorted(values, key=lambda v: (v != "", v), reverse=order == "desc")
    assert len(set(values)) > 1 or field == "src_addr"


def test_the_newest_row_comes_first_unless_asked_otherwise() -> None:
    times = [row["timestamp"] for row in Pbx().rows()]
    assert times == sorted(times, reverse=True)
    times = [row["timestamp"] for row in Pbx(switches={"default_order": "asc"}).rows()]
    assert times == sorted(times)
    pbx = Pbx(switches={"default_sort": "talk_duration"})
    talks = [row.get("talk_duration", 0) for row in pbx.rows()]
    assert talks == sorted(talks, reverse=True)


def test_newer_rows_have_no_id_so_sorting_by_it_orders_nothing() -> None:
    rows = Pbx().rows(sort_by="id", order_by="asc")
    assert not any("id" in row for row in rows)
    times = [row["timestamp"] for row in rows]
    assert times != sorted(times)
    assert sorted(times) == sorted(row["timestamp"] for row in Pbx().rows())


def test_equal_rows_keep_an_order_that_ids_do_not_tell() -> None:
    at = NOW - timedelta(days=1)
    one = a_call("outbound")
    calls = [msgspec.structs.replace(one, number=n, started_at=at) for n in range(1, 31)]
    pbx = Pbx(calls, {"profile": "A"})
    ids = [row["id"] for row in pbx.rows(sort_by="time", order_by="asc")]
    assert ids == [row["id"] for row in pbx.rows(sort_by="time", order_by="asc")]
    assert ids not in (sorted(ids), sorted(ids, reverse=True))
    removed = pbx.world.calls[4]
    pbx.world.remove(removed)
    assert len(pbx.rows()) == 29
    left = [row["id"] for row in pbx.rows(sort_by="time", order_by="asc")]
    assert left == [number for number in ids if number in left]


def test_equal_rows_may_change_places_from_request_to_request() -> None:
    at = NOW - timedelta(days=1)
    one = a_call("outbound")
    calls = [msgspec.structs.replace(one, number=n, started_at=at) for n in range(1, 31)]
    late = msgspec.structs.replace(one, number=31, started_at=at + timedelta(seconds=1))
    pbx = Pbx([*calls, late], {"shuffle_ties": True})
    seen = {tuple(row["new_id"] for row in pbx.rows(page_size=5)) for _ in range(8)}
    assert len(seen) > 1
    assert len({ids[0] for ids in seen}) == 1
    assert len({row["new_id"] for row in pbx.rows()}) == 31


def test_only_calls_that_have_ended_are_shown() -> None:
    call = a_call("outbound")
    pbx = Pbx([call], {"delay_seconds": 10}, clock=(clock := Clock(call.ended_at)))
    assert pbx.rows() == []
    clock.pass_by(9)
    assert pbx.rows() == []
    clock.pass_by(1)
    assert len(pbx.rows()) == 1


def test_a_call_keeps_its_rows_when_others_come_and_go() -> None:
    whole, part = Pbx(CALLS).rows(), Pbx(CALLS[::3]).rows()
    assert [row for row in whole if row in part] == part
    pbx = Pbx(CALLS[1:])
    before = pbx.rows()
    pbx.world.add(CALLS[0])
    after = pbx.rows()
    assert len(after) == len(before) + len(CALLS[0].legs)
    assert [row for row in after if row in before] == before
    pbx.world.remove(CALLS[0])
    assert pbx.rows() == before


def test_a_corrected_call_replaces_its_rows() -> None:
    call = a_call("outbound")
    pbx = Pbx([call])
    assert pbx.rows()[0]["disposition"] == "ANSWERED"
    pbx.world.remove(call)
    legs = (msgspec.structs.replace(call.legs[0], answered=False, outcome="busy"),)
    pbx.world.add(msgspec.structs.replace(call, outcome="busy", legs=legs))
    assert pbx.rows()[0]["disposition"] == "BUSY"


# Rows


@pytest.mark.parametrize("profile", ["A", "B", "C"])
def test_there_is_one_row_per_hop(profile: str) -> None:
    rows = Pbx(switches={"profile": profile}).rows()
    shown = [call for call in CALLS if call.ended_at <= NOW]
    assert len(rows) == sum(len(call.legs) for call in shown)


def test_the_first_printing_numbers_each_row_and_gives_each_its_own_uid() -> None:
    rows = Pbx(switches={"profile": "A"}).rows()
    assert len({row["id"] for row in rows}) == len(rows)
    assert len({row["uid"] for row in rows}) == len(rows)
    new = ("new_id", "call_id", "did", "pin_code", "call_from_number", "call_to_name")
    assert not any(key in row for row in rows for key in new)
    assert all(re.fullmatch(r"(src|dst) \w+ {4}", row["reason"]) for row in rows)
    assert all("src_addr" in row for row in rows)


def test_newer_rows_share_uid_and_call_id_within_a_call_and_differ_in_new_id() -> None:
    rows = Pbx().rows()
    assert len({row["new_id"] for row in rows}) == len(rows)
    assert all(re.fullmatch(r"[0-9A-F]{8}-[0-9A-F]{8}", row["new_id"]) for row in rows)
    calls = {call.number: call for call in CALLS}
    legs = legs_by_call(rows)
    for number, hops in legs.items():
        start = int(calls[number].started_at.timestamp())
        assert {row["call_id"] for row in hops} == {f"{start}.{number}"}
        assert len({row["uid"] for row in hops}) == 1
    assert len({hops[0]["uid"] for hops in legs.values()}) == len(legs)
    always = {"time", "timestamp", "call_from", "call_to", "call_from_number", "call_to_number",
              "uid", "new_id", "call_id", "disposition", "call_type", "did",
              "pin_code"}  # fmt: skip
    assert all(always <= row.keys() for row in rows)
    assert not any(key in row for row in rows for key in ("id", "reason", "src_addr"))


def test_blank_values_are_left_out_except_did_and_pin_code() -> None:
    for profile in ("A", "B"):
        for row in Pbx(switches={"profile": profile}).rows():
            blank = {key for key, value in row.items() if value in ("", None, 0, [])}
            assert blank <= {"did", "pin_code"}


def test_a_queue_call_is_a_menu_a_queue_and_an_agent_with_the_talk_told_twice() -> None:
    call = a_call("queued")
    menu, queue, agent = of(call)
    assert menu["call_to"] == "IVR Main Menu<6201>"
    assert "ring_duration" not in menu
    assert menu["duration"] == menu["talk_duration"] == call.legs[0].talk_seconds
    assert queue["call_to"] == f"Queue {call.legs[1].target.name}<{call.legs[1].target.number}>"
    assert queue["ring_duration"] == call.queue_seconds
    assert agent["call_to"] == f"{call.callee.name}<{call.callee.number}>"
    assert agent["ring_duration"] == call.ring_seconds
    assert queue["talk_duration"] == agent["talk_duration"] == call.talk_seconds
    assert {row["disposition"] for row in (menu, queue, agent)} == {"ANSWERED"}
    assert {row["did_number"] for row in (menu, queue, agent)} == {call.did}
    assert {row["src_trunk"] for row in (menu, queue, agent)} == {call.trunk}
    for row, leg in zip((menu, queue, agent), call.legs, strict=True):
        start = call.started_at + timedelta(seconds=leg.after_seconds)
        assert row["timestamp"] == start.timestamp()


def test_an_abandoned_call_ends_in_a_queue_nobody_answered() -> None:
    call = a_call("abandoned")
    menu, queue = of(call)
    assert menu["disposition"] == "ANSWERED"
    assert queue["disposition"] == "NO ANSWER"
    assert queue["duration"] == queue["ring_duration"] == call.queue_seconds
    assert "talk_duration" not in queue


def test_a_voicemail_call_rings_and_then_records_a_message() -> None:
    call = a_call("voicemail")
    rung, message = of(call)
    assert (rung["disposition"], message["disposition"]) == ("NO ANSWER", "VOICEMAIL")
    assert rung["duration"] == rung["ring_duration"] == call.ring_seconds
    assert message["call_to"].startswith("Voicemail ")
    assert message["duration"] == message["talk_duration"] == call.legs[1].talk_seconds


def test_a_transferred_call_is_two_answered_extensions() -> None:
    call = a_call("transferred")
    rows = of(call)
    assert [row["call_to_number"] for row in rows] == [leg.target.number for leg in call.legs]
    assert [row["talk_duration"] for row in rows] == [leg.talk_seconds for leg in call.legs]
    assert {row["disposition"] for row in rows} == {"ANSWERED"}


@pytest.mark.parametrize(
    ("kind", "disposition", "call_type"),
    [
        ("inbound", "ANSWERED", "Inbound"),
        ("missed", "NO ANSWER", "Inbound"),
        ("outbound", "ANSWERED", "Outbound"),
        ("busy", "BUSY", "Outbound"),
        ("failed", "FAILED", "Outbound"),
        ("cancelled", "NO ANSWER", "Outbound"),
        ("internal", "ANSWERED", "Internal"),
    ],
)
def test_every_other_call_is_one_row(kind: str, disposition: str, call_type: str) -> None:
    call = a_call(kind)
    (row,) = of(call)
    assert (row["disposition"], row["call_type"]) == (disposition, call_type)
    assert row["call_from_number"] == call.caller.number
    assert row["call_to_number"] == call.callee.number
    assert row.get("ring_duration", 0) == call.ring_seconds
    assert row.get("talk_duration", 0) == call.talk_seconds
    assert row.get("duration", 0) == call.ring_seconds + call.talk_seconds
    assert row.get("src_trunk") == (call.trunk if call_type == "Inbound" else None)
    assert row.get("dst_trunk") == (call.trunk if call_type == "Outbound" else None)
    assert row.get("did_number") == call.did
    assert (row.get("dod_number") in company.LINES) == (call_type == "Outbound")


def test_an_unanswered_row_of_the_first_printing_has_no_durations() -> None:
    for kind in ("missed", "abandoned", "cancelled"):
        row = of(a_call(kind), {"profile": "A"})[-1]
        assert row["disposition"] == "NO ANSWER"
        assert not row.keys() & {"duration", "ring_duration", "talk_duration"}


def test_the_reason_tells_who_hung_up_and_is_padded() -> None:
    def reasons(kind: str) -> list[str]:
        return [row["reason"] for row in of(a_call(kind), {"profile": "A"})]

    assert reasons("busy") == ["dst extension_busy_no_forward    "]
    assert reasons("abandoned") == ["dst redirect    ", "src hangup    "]
    side = "src" if a_call("outbound").hung_up_by == "caller" else "dst"
    assert reasons("outbound") == [f"{side} hangup    "]


def test_a_recording_is_named_after_its_start_its_call_and_its_ends() -> None:
    call = next(call for call in CALLS if call.recorded and call.direction == "outbound")
    (row,) = of(call)
    assert call.answered_at is not None
    stamp = call.answered_at.astimezone(SHANGHAI).strftime("%Y%m%d%H%M%S")
    ends = f"{call.caller.number}-{call.callee.number}"
    assert row["record_file"] == f"{stamp}-{row['call_id']}-{ends}-Outbound.wav"
    assert "record_file" not in of(next(c for c in CALLS if not c.recorded))[0]


def test_names_are_written_as_they_are_and_numbers_alone_where_there_is_none() -> None:
    rows = Pbx().rows()
    labels = {row["call_to"] for row in rows} | {row["call_from"] for row in rows}
    assert {"Lars <IT> Holm<2006>", "李 明<2007>", "Tom, Front Desk<2010>"} <= labels
    for row in rows:
        if "call_from_name" in row:
            assert row["call_from"] == f"{row['call_from_name']}<{row['call_from_number']}>"
        else:
            assert row["call_from"] == row["call_from_number"]


@pytest.mark.parametrize(
    ("switches", "shown"),
    [
        ({}, "03/02/2026 00:30:05"),
        ({"date_format": "DD/MM/YYYY"}, "02/03/2026 00:30:05"),
        ({"date_format": "YYYY/MM/DD", "hours": 12}, "2026/03/02 12:30:05 AM"),
        ({"time_zone": "America/New_York", "hours": 12}, "03/01/2026 11:30:05 AM"),
    ],
)
def test_times_are_the_clock_on_the_wall_in_the_display_format(switches: Row, shown: str) -> None:
    at = datetime(2026, 3, 1, 16, 30, 5, tzinfo=UTC)
    call = msgspec.structs.replace(a_call("outbound"), started_at=at)
    pbx = Pbx([call], switches)
    (row,) = pbx.rows()
    assert (row["time"], row["timestamp"]) == (shown, at.timestamp())
    zone = ZoneInfo(switches.get("time_zone", "Asia/Shanghai"))
    assert row["uid"].startswith(at.astimezone(zone).strftime("%Y%m%d%H%M%S"))
    assert re.fullmatch(r"\d{14}[0-9A-F]{5}", row["uid"])
    assert pbx.rows("cdr/search", start_time=shown, end_time=shown) == [row]


def test_two_hours_look_alike_when_the_clock_goes_back_but_their_timestamps_differ() -> None:
    first = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    call = a_call("outbound")
    calls = [
        msgspec.structs.replace(call, number=n, started_at=first + timedelta(hours=n))
        for n in (0, 1)
    ]
    rows = Pbx(calls, {"time_zone": "Europe/Berlin"}).rows()
    assert {row["time"] for row in rows} == {"10/26/2025 02:30:00"}
    assert rows[0]["timestamp"] - rows[1]["timestamp"] == 3600


def test_optional_keys_follow_their_switches() -> None:
    call = a_call("inbound")
    (row,) = of(call, {"reason": True, "names": False, "did": "list", "notes": True})
    assert row["reason"].endswith("hangup    ")
    assert row["src_addr"]
    assert "call_to_name" not in row
    assert row["did"] == [call.did]
    assert row["enb_call_note"] == 1
    assert row["did_name"]
    (row,) = of(call)
    assert row["did"] == call.did
    assert (row["pin_code"], "enb_call_note" in row) == ("", False)


def test_a_busy_outbound_call_may_carry_the_wrong_type() -> None:
    (row,) = of(a_call("busy"), {"mislabel": True})
    assert (row["call_type"], row["dst_trunk"]) == ("Inbound", a_call("busy").trunk)


def test_a_survey_is_a_hop_whose_label_has_no_number() -> None:
    rows = of(a_call("queued"), {"survey": True})
    assert len(rows) == 4
    assert rows[-1]["call_to"] == rows[-1]["call_to_number"] == "Satisfaction Survey"
    assert "call_to_name" not in rows[-1]


# Search


def test_a_search_includes_both_edges_unless_a_switch_excludes_them() -> None:
    times = sorted({row["timestamp"] for row in Pbx().rows()})
    first, last = times[10], times[20]

    def found(**switches: Any) -> set[int]:
        pbx = Pbx(switches=switches)
        rows = pbx.rows("cdr/search", start_time=first, end_time=last)
        return {row["timestamp"] for row in rows}

    assert found() == set(times[10:21])
    assert found(start_inclusive=False) == set(times[11:21])
    assert found(end_inclusive=False) == set(times[10:20])


def test_a_search_may_name_one_edge_or_none() -> None:
    pbx = Pbx()
    middle = pbx.rows()[100]["timestamp"]
    early = pbx.get("cdr/search", end_time=middle - 1)["total_number"]
    late = pbx.get("cdr/search", start_time=middle)["total_number"]
    assert early + late == pbx.get("cdr/search")["total_number"] == len(pbx.rows())


@pytest.mark.parametrize(
    "text", ["2026-03-01T00:00:00Z", "2026/03/01 00:00:00", "3/1/2026 00:00:00", "1772366400000"]
)
def test_a_search_takes_seconds_or_the_display_format_only(text: str) -> None:
    reply = Pbx().get("cdr/search", start_time=text)
    assert (reply["errcode"], reply["invalid_param_list"][0]["value"]) == (40002, text)


def test_the_first_printing_searches_by_display_format_only_and_without_pages() -> None:
    pbx = Pbx(switches={"profile": "A"})
    assert pbx.get("cdr/search", start_time=1772366400)["errcode"] == 40002
    found = pbx.rows("cdr/search", start_time="03/02/2026 00:00:00", page=7, page_size=2)
    since = datetime(2026, 3, 2, tzinfo=SHANGHAI).timestamp()
    everything = pbx.rows()
    assert len(found) == sum(row["timestamp"] >= since for row in everything) > 2


def test_a_search_pages_through_its_matches_newest_first() -> None:
    pbx = Pbx()
    since = pbx.rows()[150]["timestamp"]
    whole = pbx.rows("cdr/search", start_time=since)
    times = [row["timestamp"] for row in whole]
    assert times == sorted(times, reverse=True)
    parts = [
        pbx.rows("cdr/search", start_time=since, page=page, page_size=40) for page in range(1, 6)
    ]
    assert [row for part in parts for row in part] == whole


def test_a_search_may_promise_no_order_at_all() -> None:
    pbx = Pbx(switches={"search_order": "shuffled"})
    rows = pbx.rows("cdr/search")
    times = [row["timestamp"] for row in rows]
    assert times not in (sorted(times), sorted(times, reverse=True))
    assert rows == pbx.rows("cdr/search")
    restless = Pbx(switches={"search_order": "shuffled", "shuffle_ties": True})
    first, second = restless.rows("cdr/search"), restless.rows("cdr/search")
    assert first != second
    assert Counter(row["new_id"] for row in first) == Counter(row["new_id"] for row in second)


@pytest.mark.parametrize("profile", ["A", "B"])
def test_a_search_can_name_the_ends_and_the_status(profile: str) -> None:
    pbx = Pbx(switches={"profile": profile})
    rows = pbx.rows()
    to = pbx.rows("cdr/search", call_to="2006")
    assert to == [row for row in rows if row["call_to"].endswith("<2006>")] != []
    caller = a_call("inbound").caller.number
    assert pbx.rows("cdr/search", call_from=caller)
    assert pbx.rows("cdr/search", call_from=caller[1:5]) == []
    busy = pbx.rows("cdr/search", status="BUSY")
    assert busy == [row for row in rows if row["disposition"] == "BUSY"] != []
    assert pbx.get("cdr/search", status="ABANDONED")["errcode"] == 40002


def test_part_of_a_number_is_found_if_the_request_or_the_pbx_says_so() -> None:
    old = Pbx(switches={"profile": "A"})
    assert old.rows("cdr/search", call_to="200", enable_fuzzy_search=1)
    assert old.rows("cdr/search", call_to="200", enable_fuzzy_search=0) == []
    assert Pbx().rows("cdr/search", call_to="200", enable_fuzzy_search=1) == []
    assert Pbx(switches={"fuzzy": True}).rows("cdr/search", call_to="200")


def test_a_search_can_name_a_group_a_dialled_number_and_a_remark() -> None:
    pbx = Pbx()
    rows = pbx.rows()
    staff = pbx.rows("cdr/search", extension_group=1)
    assert 0 < len(staff) < len(rows)
    assert pbx.rows("cdr/search", extension_group=2) == []
    assert pbx.get("cdr/search", extension_group="all")["errcode"] == 40002
    call = a_call("inbound")
    line = pbx.rows("cdr/search", did=f"{call.did}:{call.trunk},+1:nowhere")
    assert {(row["did_number"], row["src_trunk"]) for row in line} == {(call.did, call.trunk)}
    assert pbx.get("cdr/search", did=call.did)["errcode"] == 40002
    noted = {call.number for call in CALLS if call.note and "VIP" in call.note}
    for endpoint in ("cdr/list", "cdr/search"):
        assert set(legs_by_call(pbx.rows(endpoint, call_note_remark="VIP"))) == noted
        assert pbx.rows(endpoint, disposition_code_list="1,2") == []
        assert pbx.get(endpoint, disposition_code_list="a")["errcode"] == 40002
    assert len(Pbx(switches={"profile": "A"}).rows("cdr/search", did="x")) == len(rows)


# Version 2.0


def test_version_2_lists_one_row_per_call() -> None:
    pbx = Pbx(switches={"profile": "C"})
    rows = pbx.rows("cdr/list", "v2.0", sort_by="time", order_by="asc")
    shown = [call for call in CALLS if call.ended_at <= NOW]
    assert len(rows) == len(shown)
    assert {row["uid"] for row in rows} == {row["uid"] for row in pbx.rows()}
    queued = a_call("queued")
    (row,) = Pbx([queued], {"profile": "C"}).rows("cdr/list", "v2.0")
    assert queued.queue is not None
    assert queued.answered_at is not None
    assert (row["last_status"], row["call_type"]) == ("ANSWERED", "Inbound")
    assert row["call_duration"] == queued.total_seconds
    waited = (queued.answered_at - queued.started_at).total_seconds()
    assert row["routing_duration"] == waited
    assert row["handling_duration"] == queued.total_seconds - waited == queued.talk_seconds
    assert row["ivr_duration"] == queued.legs[0].talk_seconds
    assert row["queues"] == [{"number": queued.queue.number, "name": queued.queue.name}]
    assert (row["call_to"], row["segments"]) == ("IVR Main Menu<6201>", 3)
    assert row["last_participant_number"] == queued.callee.number
    assert (row["source_trunks"], row["dids"]) == ([queued.trunk], [queued.did])
    assert "timestamp" not in row
    switches = {"profile": "C", "v2_timestamp": True, "v2_id": "text"}
    (row,) = Pbx([queued], switches).rows("cdr/list", "v2.0")
    assert row["timestamp"] == queued.started_at.timestamp()
    assert re.fullmatch(r"[0-9A-F]{8}-[0-9A-F]{8}", row["id"])


def test_version_2_knows_abandoned_calls() -> None:
    pbx = Pbx(switches={"profile": "C"})
    rows = pbx.rows("cdr/search", "v2.0", last_status="ABANDONED")
    assert len(rows) == sum(c.outcome == "abandoned" and c.ended_at <= NOW for c in CALLS) > 0
    assert not any("handling_duration" in row for row in rows)
    assert pbx.get("cdr/search", "v2.0", last_status="LOST")["errcode"] == 40002


@pytest.mark.parametrize("field", ["time", "call_duration"])
def test_version_2_searches_by_display_format_and_sorts(field: str) -> None:
    pbx = Pbx(switches={"profile": "C"})
    window = {"time_begin": "03/01/2026 08:00:00", "time_end": "03/02/2026 20:00:00"}
    rows = pbx.rows("cdr/search", "v2.0", sort_by=field, order_by="asc", **window)
    since = datetime(2026, 3, 1, tzinfo=UTC)
    inside = [c for c in CALLS if since <= c.started_at <= since + timedelta(hours=36)]
    assert len(rows) == len(inside) > 0
    values = [row.get(field, 0) for row in rows]
    assert values == sorted(values)
    assert pbx.get("cdr/search", "v2.0", time_begin=1772366400)["errcode"] == 40002
    assert pbx.get("cdr/list", "v2.0", sort_by="id")["errcode"] == 40002


def test_version_2_searches_by_ends_queues_and_groups() -> None:
    pbx = Pbx(switches={"profile": "C"})
    sales = pbx.rows("cdr/search", "v2.0", queue_list="1,9")
    assert {row["queues"][0]["number"] for row in sales} == {"6400"}
    assert pbx.rows("cdr/search", "v2.0", call_to="6201", ext_group="2,3") == []
    assert pbx.rows("cdr/search", "v2.0", call_from="2006", ext_group="1")
    assert pbx.rows("cdr/search", "v2.0", account_code="1234") == []


def test_version_2_details_a_call_hop_by_hop() -> None:
    pbx = Pbx(switches={"profile": "C"})
    call = a_call("abandoned")
    uid = legs_by_call(pbx.rows())[call.number][0]["uid"]
    data = pbx.get("cdr/detail", "v2.0", uid=uid)["data"]
    assert (data["basic"]["uid"], data["basic"]["last_status"]) == (uid, "ABANDONED")
    assert data["call_notes"] == {"remark": call.note or "", "disposition_code_list": ""}
    assert [(leg["leg"], leg["status"]) for leg in data["timeline"]] == [
        (1, "ANSWERED"),
        (2, "ABANDONED"),
    ]
    reply = pbx.get("cdr/detail", "v2.0")
    assert (reply["errcode"], reply["invalid_param_list"][0]["value"]) == (40002, "uid")
    for unknown in ("20260301000000FFFFF", "nonsense"):
        assert pbx.get("cdr/detail", "v2.0", uid=unknown)["errcode"] == 60001


def test_given_rows_of_version_2_are_served_there_and_only_there() -> None:
    given = {"uid": "20260301080000ABCDE", "time": "03/01/2026 08:00:00", "last_status": "BUSY"}
    pbx = Pbx(given=[given, SAMPLE[0]], switches={"profile": "C"})
    assert pbx.rows("cdr/list", "v2.0") == [given]
    assert pbx.rows() == [SAMPLE[0]]
    data = pbx.get("cdr/detail", "v2.0", uid=given["uid"])["data"]
    assert data == {"basic": given, "call_notes": {}, "timeline": []}


# Faults


def test_the_pbx_can_fail_in_its_own_words() -> None:
    pbx = Pbx()
    pbx.rows()
    pbx.world.fault("error", path="cdr/list")
    assert pbx.get("cdr/list") == {"errcode": -2, "errmsg": "INTERNAL SERVER ERROR"}
    pbx.world.fault("error", path="cdr/list", code="70082")
    assert pbx.get("cdr/list") == {"errcode": 70082, "errmsg": "OVERLOAD_TASK_RUNNING"}
    assert pbx.get("cdr/list")["errcode"] == 0


def test_all_tokens_can_be_forgotten() -> None:
    pbx = Pbx()
    renewal = {"refresh_token": pbx.sign_in()["refresh_token"]}
    pbx.rows()
    pbx.world.fault("expire")
    assert pbx.get("cdr/list")["errcode"] == 10004
    assert pbx.post("refresh_token", renewal)["errcode"] == 10004
    pbx.token = None
    assert pbx.get("cdr/list")["errcode"] == 0


def test_the_first_page_can_come_again() -> None:
    pbx = Pbx()
    first, second = pbx.rows(page_size=10), pbx.rows(page_size=10, page=2)
    pbx.world.fault("repeat")
    assert pbx.rows(page_size=10, page=2) == first
    assert pbx.rows(page_size=10, page=2) == second


def test_a_row_can_come_twice_and_words_can_be_unheard_of() -> None:
    pbx = Pbx(switches={"profile": "C", "reason": True})
    row = pbx.rows(page_size=1)[0]
    pbx.world.fault("duplicate")
    assert pbx.rows("cdr/search", page_size=1) == [row, row]
    pbx.world.fault("unknown")
    spoilt = pbx.rows(page_size=1)[0]
    assert {key for key in row if row[key] != spoilt[key]} == {
        "disposition",
        "call_type",
        "reason",
    }
    pbx.world.fault("unknown")
    assert pbx.rows("cdr/list", "v2.0")[0]["last_status"] == "PARKED ELSEWHERE"
    assert pbx.rows(page_size=1)[0] == row


def test_switches_refuse_what_they_do_not_know() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"profil": "A"}, Switches)
    assert msgspec.convert({"profile": "C", "hours": 12}, Switches).hours == 12


def test_settings_reach_a_twin_of_usual_switches() -> None:
    assert SETTINGS["time_zone"] == Switches().time_zone
    assert Pbx().sign_in()["errcode"] == 0
