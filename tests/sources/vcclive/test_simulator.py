"""The twin of VCC Live does what the vendor's pages say, and each open question is a switch."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest

from graph.sources import company, vcclive
from graph.sources.twin import World
from graph.sources.vcclive.simulator import SETTINGS, Switches, simulate

NOW = datetime(2024, 5, 20, 12, tzinfo=UTC)
BUDAPEST = ZoneInfo("Europe/Budapest")
CALLS = company.calls(seed=7, count=700, until=NOW - timedelta(hours=6), days=6)
OURS = [call for call in CALLS if call.direction != "internal"]
SAMPLE = json.loads(
    (Path(vcclive.__file__).parent / "samples" / "cdr.json").read_text(encoding="utf-8")
)
ACME = (SETTINGS["credentials"]["customer"], SETTINGS["credentials"]["token"])
MONTH = "/v2/cdrs/2024/05"
ZERO = "0000-00-00 00:00:00"
Row = dict[str, Any]


class Clock:
    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def world(calls: Sequence[company.Call] = CALLS, **options: Any) -> World:
    return World(calls, **{"clock": lambda: NOW, **options})


def ask(
    twin: World,
    *paths: str,
    switches: Switches | None = None,
    auth: tuple[str, str] | None = ACME,
    ip: str = "127.0.0.1",
    headers: dict[str, str] | None = None,
) -> list[httpx.Response]:
    """The answers to these paths, asked one after another of one app"""

    async def run() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=simulate(twin, switches), client=(ip, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://acme.example") as http:
            return [await http.get(path, auth=auth, headers=headers) for path in paths]

    return asyncio.run(run())


def told(answer: httpx.Response) -> Any:
    assert answer.status_code == 200
    body = answer.json()
    assert body["errors"] == []
    return body["response"]


def rows(twin: World, path: str = MONTH, switches: Switches | None = None) -> list[Row]:
    """All rows of a list, page after page"""
    found: list[Row] = []
    mark = "&" if "?" in path else "?"
    while True:
        [answer] = ask(twin, f"{path}{mark}start={len(found)}&num=500", switches=switches)
        page = told(answer)
        found += page["rows"]
        if len(page["rows"]) < 500:
            assert int(page["totalCount"]) == len(found)
            return found


def only(call: company.Call, switches: Switches | None = None, clock: Clock | None = None) -> Row:
    [row] = rows(world([call], clock=clock or (lambda: NOW)), switches=switches)
    return row


def some(direction: str, outcome: str, **facts: Any) -> company.Call:
    return next(
        call
        for call in OURS
        if (call.direction, call.outcome) == (direction, outcome)
        and all(bool(getattr(call, key)) is value for key, value in facts.items())
    )


def error(code: int, word: str) -> dict[str, Any]:
    return {"errorcode": code, "index": 1, "errormessage": f"error.{word}"}


def refused(answer: httpx.Response, status: int, code: int, word: str) -> None:
    assert answer.status_code == status
    assert answer.json() == {"response": [], "errors": [error(code, word)]}
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def path_of(row: Row) -> str:
    year, month, _ = row["start_ts"].split("-", 2)
    return f"/v2/cdr/{year}/{month}/{row['uuid']}"


# Sign-in


def test_the_settings_open_a_twin_with_default_switches() -> None:
    [answer] = ask(world(), MONTH)
    assert told(answer)["totalCount"] == len(OURS)
    assert set(SETTINGS) == {"credentials", "time_zone", "region", "options"}


@pytest.mark.parametrize("auth", [None, ("acme", "wrong"), ("other", ACME[1])])
def test_wrong_or_no_credentials_get_401(auth: tuple[str, str] | None) -> None:
    for answer in ask(world(), MONTH, "/v2/cdr/2024/05/x", auth=auth):
        refused(answer, 401, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("header", ["Basic", "Basic %%%", "Bearer abc", "Basic w7w="])
def test_a_header_that_is_no_basic_credentials_gets_401(header: str) -> None:
    [answer] = ask(world(), MONTH, auth=None, headers={"Authorization": header})
    refused(answer, 401, 401, "unauthorized")


def test_the_customer_and_token_are_the_switches() -> None:
    switches = Switches(customer="globex", token="t-1")
    [answer] = ask(world(), MONTH, switches=switches, auth=("globex", "t-1"))
    assert told(answer)["rows"]
    [answer] = ask(world(), MONTH, switches=switches)
    refused(answer, 401, 401, "unauthorized")


def test_an_address_that_is_not_allowed_gets_403_whatever_its_credentials() -> None:
    switches = Switches(allowed_ips=["10.1.0.0/16", "192.0.2.7"])
    for ip in ("10.1.2.3", "192.0.2.7"):
        assert told(ask(world(), MONTH, switches=switches, ip=ip)[0])
    for auth in (ACME, None):
        [answer] = ask(world(), MONTH, switches=switches, ip="10.2.0.1", auth=auth)
        refused(answer, 403, 403, "forbidden")


def test_allowed_resources_see_the_path_and_the_query_as_a_whole() -> None:
    switches = Switches(allowed_resources=r"/v2/cdrs/\d{4}/\d\d\?start=\d+&num=\d+")
    right, *wrong = ask(
        world(),
        f"{MONTH}?start=0&num=5",
        f"{MONTH}?num=5&start=0",
        f"{MONTH}?start=0&num=5&more=1",
        MONTH,
        "/v2/cdr/2024/05/x",
        switches=switches,
    )
    assert len(told(right)["rows"]) == 5
    for answer in wrong:
        refused(answer, 403, 403, "forbidden")


# Envelope


def test_every_answer_is_compact_json_that_calls_itself_text() -> None:
    [answer] = ask(world(), f"{MONTH}?num=1")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["allow"] == "GET"
    assert answer.headers["etag"]
    assert answer.headers["x-resource"] == MONTH
    assert answer.text.startswith('{"response":{"rows":[{"')
    assert answer.text.endswith('"errors":[]}')


def test_other_resources_and_methods_are_refused_in_the_envelope() -> None:
    for answer in ask(world(), "/v1/cdr/2024/05/x", "/v2/cdr/2024/05", MONTH + "/"):
        refused(answer, 404, 404, "not_found")

    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(app=simulate(world()))
        async with httpx.AsyncClient(transport=transport, base_url="http://acme.example") as http:
            return await http.post(MONTH, auth=ACME)

    refused(asyncio.run(post()), 405, 405, "method_not_allowed")


BAD = (
    "/v2/cdrs/24/05",
    "/v2/cdrs/2024/13",
    "/v2/cdrs/2024/00",
    "/v2/cdrs/2024/may",
    "/v2/cdrs/2024/02/30",
    "/v2/cdrs/9999/12",
    "/v2/cdr/2024/13/x",
    f"{MONTH}?start=-1",
    f"{MONTH}?num=0",
    f"{MONTH}?num=many",
    f"{MONTH}?projectid=",
    f"{MONTH}?start=1_0",
)


def test_a_bad_value_gets_200_with_the_error_beside_an_empty_response() -> None:
    for answer in ask(world(), *BAD):
        refused(answer, 200, 417, "missing_arguments")
    for answer in ask(world(), *BAD, switches=Switches(argument_error_status=417)):
        refused(answer, 417, 417, "missing_arguments")


def test_unknown_parameters_are_tolerated() -> None:
    [plain, more] = ask(world(), MONTH, f"{MONTH}?direction=inbound&x=1")
    assert plain.content == more.content


# Lists


def test_a_list_gives_ten_rows_unless_asked_and_never_more_than_500() -> None:
    answers = ask(world(), MONTH, f"{MONTH}?num=3", f"{MONTH}?num=1000")
    assert [len(told(answer)["rows"]) for answer in answers] == [10, 3, 500]
    switches = Switches(default_num=4, most_rows=6)
    answers = ask(world(), MONTH, f"{MONTH}?num=9", switches=switches)
    assert [len(told(answer)["rows"]) for answer in answers] == [4, 6]


def test_start_is_an_offset_and_pages_join_without_gap_or_double() -> None:
    total = len(OURS)
    pages = ask(world(), *(f"{MONTH}?start={at}&num=70" for at in range(0, total, 70)))
    uuids = [row["uuid"] for page in pages for row in told(page)["rows"]]
    assert len(uuids) == len(set(uuids)) == total
    [beyond] = ask(world(), f"{MONTH}?start={total}")
    assert told(beyond) == {"rows": [], "totalCount": total}


def test_the_total_count_is_a_number_or_by_switch_a_text() -> None:
    [answer] = ask(world(), MONTH, switches=Switches(total_count_text=True))
    assert told(answer)["totalCount"] == str(len(OURS))


def test_project_id_filters_rows_and_total() -> None:
    every = rows(world())
    for project in (1, 2, 3):
        wanted = [row for row in every if row["projectid"] == project]
        assert wanted
        assert rows(world(), f"{MONTH}?projectid={project}") == wanted
    assert rows(world(), f"{MONTH}?projectid=77") == []


def test_the_list_ascends_by_start() -> None:
    starts = [row["start_ts_utc"] for row in rows(world())]
    assert starts == sorted(starts)


def test_rows_of_one_second_stand_in_an_order_of_their_own_that_lasts() -> None:
    first, second = rows(world()), rows(world())
    assert first == second
    assert ties(first, "uuid") > 0


def ties(found: list[Row], key: str) -> int:
    """How many groups of rows of one second are not ordered by this key"""
    groups = [list(g) for _, g in groupby(found, key=lambda row: str(row["start_ts_utc"]))]
    return sum([row[key] for row in g] != sorted(row[key] for row in g) for g in groups)


def test_ties_change_places_from_request_to_request_by_switch() -> None:
    switches = Switches(shuffle_ties=True)
    path = f"{MONTH}?num=200"
    pages = [told(page)["rows"] for page in ask(world(), *[path] * 4, switches=switches)]
    starts = [[row["start_ts"] for row in page] for page in pages]
    assert starts[0] == starts[1] == starts[2] == starts[3]
    assert len({json.dumps(page) for page in pages}) > 1


def test_a_tie_that_a_page_cuts_is_complete_over_both_pages() -> None:
    at = NOW - timedelta(hours=3)
    tied = [msgspec.structs.replace(call, started_at=at) for call in OURS[:9]]
    answers = ask(world(tied), *(f"{MONTH}?start={start}&num=4" for start in (0, 4, 8)))
    uuids = [row["uuid"] for answer in answers for row in told(answer)["rows"]]
    assert len(set(uuids)) == len(uuids) == 9


def test_the_order_may_be_a_lasting_shuffle_of_each_day() -> None:
    switches = Switches(list_order="shuffled")
    plain, mixed = rows(world()), rows(world(), switches=switches)
    assert mixed == rows(world(), switches=switches)
    assert mixed != plain
    assert sorted(r["uuid"] for r in mixed) == sorted(r["uuid"] for r in plain)
    days = [row["start_ts"][:10] for row in mixed]
    assert days == sorted(days)
    on_that_day = [row for row in mixed if row["start_ts"].startswith("2024-05-16")]
    assert rows(world(), f"{MONTH}/16", switches) == on_that_day


def test_days_and_months_are_those_of_the_local_start() -> None:
    late = msgspec.structs.replace(OURS[0], started_at=datetime(2024, 4, 30, 22, 30, tzinfo=UTC))
    early = msgspec.structs.replace(OURS[1], started_at=datetime(2024, 4, 30, 21, 59, tzinfo=UTC))
    twin = world([early, late])
    [row] = rows(twin, "/v2/cdrs/2024/05")
    assert (row["start_ts"], row["start_ts_utc"]) == ("2024-05-01 00:30:00", "2024-04-30 22:30:00")
    assert rows(twin, "/v2/cdrs/2024/05/01") == [row]
    [row] = rows(twin, "/v2/cdrs/2024/04/30")
    assert row["start_ts"] == "2024-04-30 23:59:00"
    assert len(rows(twin, "/v2/cdrs/2024/04", Switches(utc_paths=True))) == 2
    assert len(rows(twin, "/v2/cdrs/2024/04", Switches(time_zone="UTC"))) == 2


def test_the_days_of_a_month_join_to_the_month_also_when_the_clocks_change() -> None:
    chosen = company.calls(seed=3, count=200, until=datetime(2023, 10, 31, 23, tzinfo=UTC), days=6)
    twin = world(chosen)
    days = [row for day in range(1, 32) for row in rows(twin, f"/v2/cdrs/2023/10/{day:02d}")]
    assert days == rows(twin, "/v2/cdrs/2023/10")
    assert len(days) == sum(call.direction != "internal" for call in chosen)


def test_one_digit_does_for_a_month_or_day() -> None:
    call = msgspec.structs.replace(OURS[0], started_at=datetime(2024, 5, 3, 9, tzinfo=UTC))
    two, one = ask(world([call]), "/v2/cdrs/2024/05/03", "/v2/cdrs/2024/5/3")
    assert two.json() == one.json()
    assert two.json()["response"]["totalCount"] == 1


def test_list_rows_have_labels_and_by_switch_no_utc_twins() -> None:
    call = some("inbound", "answered", queue=True)
    row = only(call)
    assert row["userfullname"] == call.callee.name
    assert row["projectname"] == "Customer care"
    assert call.queue is not None
    assert row["queue_label"] == call.queue.name
    for key in ("disposition_label", "disposition_export_name", "dispositionreach_label",
                "dispositionstatus_label", "shortid"):  # fmt: skip
        assert row[key]
    local = only(call, Switches(utc_in_lists=False))
    assert local == {key: value for key, value in row.items() if not key.endswith("_utc")}
    assert set(row) - set(local) == {
        "start_ts_utc",
        "billing_ts_utc",
        "next_contact_utc",
        "lastArchivedTime_utc",
    }


# Lookup


def test_a_lookup_gives_the_list_row_without_its_labels() -> None:
    listed = rows(world())[::50]
    answers = ask(world(), *(path_of(row) for row in listed))
    for row, answer in zip(listed, answers, strict=True):
        one = told(answer)
        assert set(one) == set(SAMPLE["response"])
        assert one == {key: row[key] for key in one}
    assert told(ask(world(), path_of(listed[0]).replace("/05/", "/5/"))[0])["uuid"]


def test_a_lookup_keeps_the_utc_twins_that_lists_may_lack() -> None:
    switches = Switches(utc_in_lists=False)
    [row] = rows(world(OURS[:1]), switches=switches)
    [answer] = ask(world(OURS[:1]), path_of(row), switches=switches)
    assert "start_ts_utc" in told(answer)


@pytest.mark.parametrize(
    ("form", "status", "text"),
    [
        (
            "404",
            404,
            '{"response":[],"errors":[{"errorcode":404,"index":1,"errormessage":"error.not_found"}]}',
        ),
        ("empty_list", 200, '{"response":[],"errors":[]}'),
        ("empty_object", 200, '{"response":{},"errors":[]}'),
        ("empty_body", 200, ""),
    ],
)
def test_not_ready_and_wrong_month_and_unknown_uuid_answer_alike(
    form: Literal["404", "empty_list", "empty_object", "empty_body"], status: int, text: str
) -> None:
    [row] = rows(world(OURS[-1:]))
    right, wrong = path_of(row), path_of(row).replace("/05/", "/04/")
    unknown = "/v2/cdr/2024/05/bbf5825e-85de-4ec1-8625-e6eaf5c96b1e"
    late = Switches(not_ready=form, delay_seconds=10 * 86400)
    answers = ask(world(OURS[-1:]), wrong, unknown, switches=Switches(not_ready=form))
    answers += ask(world(OURS[-1:]), right, switches=late)
    for answer in answers:
        assert (answer.status_code, answer.text) == (status, text)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"


# Availability


def test_a_call_is_there_when_it_has_ended_and_the_delay_is_over() -> None:
    call = some("inbound", "answered", queue=True)
    path = path_of(only(call))
    for delay in (0, 300):
        clock = Clock()
        twin = world([call], clock=clock)
        for moment, there in ((-1, False), (0, True), (1, True), (-1, False)):
            clock.at = call.ended_at + timedelta(seconds=delay + moment)
            listed, found = ask(twin, MONTH, path, switches=Switches(delay_seconds=delay))
            assert told(listed)["totalCount"] == len(told(listed)["rows"]) == there
            assert found.status_code == (200 if there else 404)


def test_one_app_shows_calls_as_they_end_and_as_the_world_changes() -> None:
    clock = Clock(NOW - timedelta(hours=30))
    twin = world(clock=clock)

    async def run() -> None:
        transport = httpx.ASGITransport(app=simulate(twin, Switches(delay_seconds=60)))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://acme.example", auth=ACME
        ) as http:

            async def total() -> int:
                return int((await http.get(MONTH)).json()["response"]["totalCount"])

            def wanted() -> int:
                shown = twin.visible(60)
                return sum(call.direction != "internal" for call in shown)

            for _ in range(60):
                assert await total() == wanted()
                clock.at += timedelta(minutes=7)
            gone = OURS[3]
            twin.remove(gone)
            assert await total() == wanted()
            twin.add(gone)
            assert await total() == wanted()

    asyncio.run(run())


def test_money_is_null_at_first_and_filled_later() -> None:
    call = some("outbound", "answered")
    switches = Switches(fee_delay_seconds=600)
    clock = Clock(call.ended_at + timedelta(seconds=599))
    early = only(call, switches, clock)
    assert [early[key] for key in ("call_rate", "currency", "total_fee")] == [None] * 3
    assert early["pricetag"].endswith(("-mobile", "-fixed"))
    clock.at += timedelta(seconds=1)
    later = only(call, switches, clock)
    fee = f"{call.price_cents // 100}.{call.price_cents % 100:02d}0000"
    assert [later[key] for key in ("call_rate", "currency", "total_fee")] == [
        "0.070000",
        "EUR",
        fee,
    ]
    assert only(call) == later


# Rows


def test_every_call_but_internal_ones_is_one_row() -> None:
    assert len(rows(world())) == len(OURS) < len(CALLS)
    internal = [call for call in CALLS if call.direction == "internal"]
    assert rows(world(internal)) == []


def test_a_row_has_the_keys_and_types_of_the_documented_example() -> None:
    example = SAMPLE["response"]
    for row in rows(world()):
        for key, value in example.items():
            if value is not None and row[key] is not None:
                assert type(row[key]) is type(value), key


@pytest.mark.parametrize("hold_in_talk", [False, True])
def test_the_seconds_of_every_row_add_up(hold_in_talk: bool) -> None:
    switches = Switches(hold_in_talk=hold_in_talk)
    spoken = {row["uuid"]: row for row in rows(world())}
    for row in rows(world(), switches=switches):
        hold = 0 if hold_in_talk else row["holdtime"]
        billing = row["beforequeuetime"] + row["queuetime"] + row["talktime"] + hold
        assert row["billingtime"] == billing
        assert row["call_quantity"] == f"{billing / 60:.6f}"
        work = row["prework"] + row["ringtime"] + row["talktime"] + hold + row["afterwork"]
        hours, minutes, seconds = map(int, row["sum_work"].split(":"))
        assert hours * 3600 + minutes * 60 + seconds == work
        if row["billing_ts"] != ZERO:
            for twin in ("", "_utc"):
                start, begun = row[f"start_ts{twin}"], row[f"billing_ts{twin}"]
                apart = datetime.fromisoformat(begun) - datetime.fromisoformat(start)
                assert apart.total_seconds() == row["ringtime"]
        assert row["billingtime"] == spoken[row["uuid"]]["billingtime"]


def test_the_seconds_of_every_row_are_those_of_the_call() -> None:
    by_start = {call.started_at: call for call in OURS}
    apart = [
        call
        for call in by_start.values()
        if sum(c.started_at == call.started_at for c in CALLS) == 1
    ]
    found = {row["start_ts_utc"]: row for row in rows(world())}
    kinds: Counter[str] = Counter()
    for call in apart:
        row = found[str(call.started_at.replace(tzinfo=None))]
        kinds[f"{call.direction} {call.outcome}"] += 1
        assert row["ringtime"] + row["billingtime"] == call.total_seconds
        assert (row["talktime"] > 0) is call.answered
        assert row["queuetime"] == call.queue_seconds
        assert row["dc"] == call.cause
        if call.answered_at is not None:
            wait = row["ringtime"] + row["beforequeuetime"] + row["queuetime"]
            assert call.started_at + timedelta(seconds=wait) == call.answered_at
        if call.answered and not call.transferred:
            assert row["holdtime"] == call.hold_seconds
            assert row["talktime"] == call.talk_seconds - call.hold_seconds
    assert len(kinds) == 9


def test_a_transferred_call_is_one_row_with_the_last_agent() -> None:
    call = some("inbound", "answered", transferred=True)
    row = only(call)
    first, second = call.legs
    assert row["userid"] == int(call.callee.number)
    assert row["holdtime"] == call.hold_seconds + (second.ring_seconds or 0)
    talked = (first.talk_seconds or 0) + (second.talk_seconds or 0)
    assert row["talktime"] == talked - call.hold_seconds


def test_an_abandoned_call_waited_and_the_customer_hung_up() -> None:
    row = only(some("inbound", "abandoned"))
    assert row["queuetime"] > 0
    assert row["beforequeuetime"] > 0
    assert (row["ringtime"], row["talktime"], row["userid"]) == (0, 0, -1)
    assert row["hangup_disposition"] == "customer"
    assert row["userfullname"] is None
    assert row["dispositionstatus_label"] == "dropped"
    assert row["billing_ts"] == row["start_ts"]


def test_a_voicemail_is_billed_for_its_message_and_has_no_talk_time() -> None:
    call = some("inbound", "voicemail")
    row = only(call)
    message = call.legs[1].talk_seconds
    assert (row["talktime"], row["queuetime"], row["billingtime"]) == (0, 0, message)
    assert row["beforequeuetime"] == message
    assert row["ringtime"] == call.ring_seconds


def test_what_nobody_picked_up_has_a_zero_billing_date_unless_switched() -> None:
    call = some("outbound", "busy")
    row = only(call)
    assert (row["billing_ts"], row["billing_ts_utc"]) == (ZERO, ZERO)
    assert (row["billingtime"], row["call_quantity"], row["dc"]) == (0, "0.000000", 17)
    row = only(call, Switches(zero_billing=False))
    assert row["billing_ts"] == row["start_ts"]


def test_a_missed_inbound_call_has_no_disposition() -> None:
    row = only(some("inbound", "no_answer"))
    for key in ("dispositionid", "dispositionreach", "dispositionstatus", "disposition_label"):
        assert row[key] is None
    assert row["userid"] > 0


def test_reach_is_a_verdict_and_not_whether_anybody_talked() -> None:
    talked = [row for row in rows(world()) if row["talktime"]]
    assert {row["dispositionreach"] for row in talked} == {1, 2, 3}


def test_inbound_rows_go_from_the_outside_number_to_our_line() -> None:
    call = some("inbound", "answered", transferred=False)
    row = only(call)
    assert call.did is not None
    assert ("+" + row["source"], "+" + row["destination"]) == (call.caller.number, call.did)
    assert row["userid"] == int(call.callee.number)
    assert (row["dialermode"], row["pricetag"], row["queueid"]) == (None, None, None)


def test_outbound_rows_go_from_our_line_to_the_outside_number() -> None:
    call = some("outbound", "answered")
    row = only(call)
    assert "+" + row["source"] in company.LINES
    assert "+" + row["destination"] == call.callee.number
    assert row["userid"] == int(call.caller.number)
    assert row["dialermode_label"] in ("Manual", "Power")
    assert (row["queueid"], row["queue_label"]) == (8, "Outgoing")


def test_the_party_that_hung_up_is_customer_or_operator() -> None:
    for call in OURS[:200]:
        customer = (call.direction == "inbound") == (call.hung_up_by == "caller")
        assert only(call)["hangup_disposition"] == ("customer" if customer else "operator")


def test_callers_are_withheld_by_switch() -> None:
    outside = company.Person("+4930555100", "Acme GmbH")
    inbound = msgspec.structs.replace(some("inbound", "answered"), caller=outside)
    outbound = msgspec.structs.replace(some("outbound", "answered"), callee=outside)
    assert only(inbound)["source"] == "4930555100"
    row = only(inbound, Switches(withheld=True))
    assert (row["source"], row["recordCustomFieldData"]["name"]) == ("0000000000", "")
    assert only(outbound, Switches(withheld=True))["destination"] == "4930555100"


def test_the_disconnect_cause_is_a_number_or_by_switch_a_text() -> None:
    call = some("outbound", "busy")
    assert only(call)["dc"] == 17
    assert only(call, Switches(dc_text=True))["dc"] == "17"


def test_custom_fields_are_filled_or_one_of_two_empties_under_one_of_two_keys() -> None:
    call = some("outbound", "answered")
    filled = {"name": call.callee.name, "line": call.trunk}
    assert only(call)["recordCustomFieldData"] == filled
    assert only(call, Switches(custom_fields="{}"))["recordCustomFieldData"] == {}
    assert only(call, Switches(custom_fields="[]"))["recordCustomFieldData"] == []
    row = only(call, Switches(custom_fields_key="recordCustomFielData"))
    assert row["recordCustomFielData"] == filled
    assert "recordCustomFieldData" not in row


def test_a_planned_call_back_has_a_date_and_others_the_zero_date() -> None:
    call = msgspec.structs.replace(OURS[0], note="call back")
    row = only(call)
    at = call.ended_at + timedelta(days=1)
    assert row["next_contact_utc"] == str(at.replace(tzinfo=None))
    assert row["next_contact"] == str(at.astimezone(BUDAPEST).replace(tzinfo=None))
    assert row["disposition_comment"] == "call back"
    row = only(msgspec.structs.replace(OURS[0], note=None))
    assert (row["next_contact"], row["next_contact_utc"]) == (ZERO, ZERO)
    assert row["disposition_comment"] is None


def test_recorded_calls_name_a_file_and_some_are_archived() -> None:
    every = rows(world())
    assert sum(row["callfilename"] is not None for row in every) == sum(c.recorded for c in OURS)
    assert all(row["callfilename"] in (None, row["uuid"]) for row in every)
    archived = [row for row in every if row["statusArchived"] == "yes"]
    assert archived
    assert all(row["callfilename"] and row["lastArchivedTime"] > ZERO for row in archived)
    rest = [row for row in every if row["statusArchived"] == "no"]
    assert all(row["lastArchivedTime"] == row["lastArchivedTime_utc"] == ZERO for row in rest)


def test_a_call_keeps_its_ids_when_its_neighbours_go() -> None:
    before = {row["uuid"]: row["shortid"] for row in rows(world())}
    after = {row["uuid"]: row["shortid"] for row in rows(world(OURS[::3]))}
    assert after.items() <= before.items()
    assert len(before) == len(OURS)
    assert all(len(short) == 8 for short in before.values())
    assert not before.keys() & {row["uuid"] for row in rows(world(seed=1))}


def test_uuids_say_version_1_or_4_and_tell_no_date() -> None:
    versions = Counter(row["uuid"][14] for row in rows(world()))
    assert set(versions) == {"1", "4"}


# Entries in the vendor's own shape


def test_the_documented_example_is_served_as_it_stands() -> None:
    entry = SAMPLE["response"]
    month, day, other, found, wrong = ask(
        world(given=[entry]),
        "/v2/cdrs/2014/01",
        "/v2/cdrs/2014/01/07?projectid=1",
        "/v2/cdrs/2014/01/07?projectid=2",
        "/v2/cdr/2014/01/85955f2e-049f-4a41-9145-f513abf50c7b",
        "/v2/cdr/2014/02/85955f2e-049f-4a41-9145-f513abf50c7b",
    )
    assert told(month) == told(day) == {"rows": [entry], "totalCount": 1}
    assert told(other)["totalCount"] == 0
    assert found.json() == SAMPLE
    assert wrong.status_code == 404


def test_given_entries_are_sorted_paged_projected_and_delayed_like_calls() -> None:
    entry = {**SAMPLE["response"], "projectname": "One", "ringtime": None}
    local = {key: value for key, value in entry.items() if not key.endswith("_utc")}
    given = [
        {**entry, "uuid": "c", "start_ts_utc": "2014-01-07 13:20:00"},
        {**entry, "uuid": "a"},
        {**local, "uuid": "b", "start_ts": "2014-01-07 14:19:31", "start_ts_utc": ZERO},
    ]
    twin = world(given=given)
    found = rows(twin, "/v2/cdrs/2014/01/07")
    assert [row["uuid"] for row in found] == ["a", "b", "c"]
    [page] = ask(twin, "/v2/cdrs/2014/01/07?start=1&num=1", switches=Switches(utc_in_lists=False))
    [row] = told(page)["rows"]
    assert row["uuid"] == "b"
    assert not any(key.endswith("_utc") for key in row)
    [one] = ask(twin, "/v2/cdr/2014/01/a")
    assert "projectname" not in told(one)
    early = world(given=given, clock=lambda: datetime(2014, 1, 7, 13, 19, 36, tzinfo=UTC))
    assert [row["uuid"] for row in rows(early, "/v2/cdrs/2014/01/07")] == ["a"]


# Faults


@pytest.mark.parametrize(
    ("code", "status", "told_code", "word"),
    [
        ("", 500, 500, "internal"),
        ("500", 500, 500, "internal"),
        ("401", 401, 401, "unauthorized"),
        ("403", 403, 403, "forbidden"),
        ("404", 404, 404, "not_found"),
        ("417", 200, 417, "missing_arguments"),
    ],
)
def test_an_error_fault_refuses_once_in_the_vendors_words(
    code: str, status: int, told_code: int, word: str
) -> None:
    twin = world()
    twin.fault("error", code=code)
    first, second = ask(twin, MONTH, MONTH)
    refused(first, status, told_code, word)
    assert told(second)["rows"]


def test_a_partial_fault_puts_an_error_beside_a_whole_answer() -> None:
    twin = world()
    path = path_of(rows(twin)[0])
    twin.fault("error", code="partial", times=2)
    for partial in ask(twin, MONTH, path):
        assert partial.status_code == 200
        assert partial.json()["response"]
        assert partial.json()["errors"] == [error(500, "internal")]


def test_an_expire_fault_refuses_the_credentials_once() -> None:
    twin = world()
    twin.fault("expire")
    first, second = ask(twin, MONTH, MONTH)
    refused(first, 401, 401, "unauthorized")
    assert told(second)["rows"]


def test_a_repeat_fault_gives_the_first_page_again() -> None:
    twin = world()
    twin.fault("repeat", skip=1)
    one, two, right = ask(twin, f"{MONTH}?start=0", f"{MONTH}?start=10", f"{MONTH}?start=10")
    assert one.content == two.content != right.content


def test_a_duplicate_fault_gives_the_first_row_twice() -> None:
    twin = world()
    twin.fault("duplicate", path="/v2/cdrs")
    [page] = ask(twin, MONTH)
    found = told(page)["rows"]
    assert len(found) == 11
    assert found[0] == found[1]


def test_an_unknown_fault_says_words_that_nobody_has_heard() -> None:
    twin = world()
    before = rows(twin)[0]
    twin.fault("unknown", times=2)
    listed, found, after = ask(twin, MONTH, path_of(before), MONTH)
    for row in (told(listed)["rows"][0], told(found)):
        assert (row["direction"], row["dc"], row["dialermode"]) == ("sideways", 999, 99)
        assert row["uuid"] == before["uuid"]
    assert told(after)["rows"][0] == before


def test_the_requests_are_on_record() -> None:
    twin = world()
    ask(twin, f"{MONTH}?num=2")
    assert [(got.method, got.path, got.query) for got in twin.received] == [("GET", MONTH, "num=2")]


def test_switches_refuse_a_misspelt_name() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"dealy_seconds": 1}, Switches)
