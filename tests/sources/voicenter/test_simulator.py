"""What the Voicenter twin promises, one sentence a test."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import pytest
from starlette.types import ASGIApp

from graph.sources import company
from graph.sources.company import Call, Leg, Person
from graph.sources.twin import World
from graph.sources.voicenter.simulator import SETTINGS, Switches, simulate
from graph.sources.voicenter.simulator.search import Search

CODE = SETTINGS["credentials"]["code"]
TOKEN = Switches().token
NOW = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)
CALLS = company.calls(seed=7, count=240, until=NOW - timedelta(hours=6), days=4)
WHOLE = {"fromdate": "2026-06-20T00:00", "todate": "2026-07-01T00:00"}
ISRAEL = ZoneInfo("Asia/Jerusalem")
MENU, SALES, ANNA, JOSE = company.IVR, company.QUEUES[0], company.STAFF[1], company.STAFF[2]
DANA = Person("+972541234567", "Dana")


class Twin:
    """A twin, its world, a clock to turn, and shorthand for questions."""

    def __init__(self, calls: Iterable[Call] = CALLS, **switches: Any) -> None:
        self.now = NOW
        self.world = World([*calls], clock=lambda: self.now, seed=3)
        self.app: ASGIApp = simulate(self.world, Switches(**{"requests_per_minute": 0, **switches}))

    def send(self, method: str, path: str = "/hub/cdr/", **options: Any) -> httpx.Response:
        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://twin") as client:
                return await client.request(method, path, **options)

        return asyncio.run(sent())

    def ask(self, body: dict[str, Any] | None = None, /, **search: Any) -> dict[str, Any]:
        question = {"code": CODE, "search": {**WHOLE, **search}, **(body or {})}
        answer: dict[str, Any] = self.send("POST", json=question).json()
        return answer

    def rows(self, body: dict[str, Any] | None = None, /, **search: Any) -> list[dict[str, Any]]:
        answer = self.ask(body, **search)
        assert answer["ERROR_NUMBER"] == 0
        rows: list[dict[str, Any]] = answer["CDR_LIST"]
        return rows

    def error(self, body: dict[str, Any] | None = None, /, **search: Any) -> int:
        number: int = self.ask(body, **search)["ERROR_NUMBER"]
        return number


def numbered(*numbers: int, at: Sequence[datetime]) -> list[Call]:
    """Plain answered inbound calls"""
    pattern = next(c for c in CALLS if c.direction == "inbound" and len(c.legs) == 1 and c.answered)
    replace = msgspec.structs.replace
    return [
        replace(pattern, number=number, started_at=start)
        for number, start in zip(numbers, at, strict=True)
    ]


def moments(*texts: str) -> list[datetime]:
    return [datetime.fromisoformat(f"{text}+00:00") for text in texts]


def some(condition: Callable[[Call], bool]) -> list[Call]:
    found = [call for call in CALLS if condition(call)]
    assert found
    return found


def of(call: Call, **switches: Any) -> list[dict[str, Any]]:
    """The rows of one call"""
    return Twin([call], **switches).rows()


def iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def at_seconds(row: dict[str, Any]) -> float:
    return datetime.fromisoformat(row["Date"]).timestamp()


# Who may ask


def test_a_code_in_the_body_or_in_the_query_is_enough() -> None:
    twin = Twin()
    answer = twin.ask()
    assert [*answer][:5] == [
        "ERROR_NUMBER", "ERROR_DESCRIPTION", "STATUS_CODE", "TOTAL_HITS", "RETURN_HITS",
    ]  # fmt: skip
    assert answer["ERROR_DESCRIPTION"] == "OK"
    assert answer["STATUS_CODE"] == 200
    assert answer == twin.send("GET", params={"code": CODE, **WHOLE}).json()


def test_a_wrong_code_is_error_2_and_its_status_is_the_bodys() -> None:
    reply = Twin().send("POST", json={"code": "stolen", "search": WHOLE})
    assert reply.status_code == 403
    assert reply.json() == {
        "ERROR_NUMBER": 2,
        "ERROR_DESCRIPTION": "Authorization failed.",
        "STATUS_CODE": 403,
    }


def test_a_body_that_cannot_be_read_holds_no_code() -> None:
    for body in (b"", b"{", b"[1]", b"null", b'"code"'):
        assert Twin().send("POST", content=body).json()["ERROR_NUMBER"] == 2


def test_version_0_1_refuses_with_http_200_and_without_status_code() -> None:
    reply = Twin(api="0.1").send("POST", json={"code": "stolen"})
    assert reply.status_code == 200
    assert reply.json() == {"ERROR_NUMBER": 2, "ERROR_DESCRIPTION": "Authorization failed."}


def test_a_switch_turns_the_http_status_round() -> None:
    assert Twin(http_status=False).send("POST", json={}).status_code == 200
    assert Twin(api="0.1", http_status=True).send("POST", json={}).status_code == 403


def test_a_bearer_token_does_for_the_code_in_the_current_api_alone() -> None:
    header = {"Authorization": f"Bearer {TOKEN}"}
    for api, error in (("current", 0), ("0.1", 2)):
        reply = Twin(api=api).send("POST", json={"search": WHOLE}, headers=header)
        assert reply.json()["ERROR_NUMBER"] == error


def test_a_wrong_token_is_refused_even_beside_a_good_code() -> None:
    header = {"Authorization": "Bearer no"}
    reply = Twin().send("POST", json={"code": CODE, "search": WHOLE}, headers=header)
    assert reply.json()["ERROR_NUMBER"] == 2


def test_an_address_that_is_not_trusted_is_error_4_with_its_name() -> None:
    twin = Twin(trusted_ips=("10.0.0.1",))
    answer = twin.ask()
    assert answer["ERROR_NUMBER"] == 4
    assert answer["ERROR_DESCRIPTION"] == "IP address 127.0.0.1 is not trusted."
    assert Twin(trusted_ips=("127.0.0.1",)).error() == 0


def test_a_token_skips_the_check_of_the_address_unless_switched() -> None:
    header = {"Authorization": f"Bearer {TOKEN}"}
    for skips, error in ((True, 0), (False, 4)):
        twin = Twin(trusted_ips=("10.0.0.1",), bearer_skips_ip=skips)
        reply = twin.send("POST", json={"search": WHOLE}, headers=header)
        assert reply.json()["ERROR_NUMBER"] == error


def test_the_31st_request_of_a_minute_is_error_1_until_the_first_is_a_minute_old() -> None:
    twin = Twin(CALLS[:5], requests_per_minute=Switches().requests_per_minute)
    for _ in range(30):
        assert twin.error() == 0
        twin.now += timedelta(seconds=1)
    answer = twin.ask()
    assert answer["ERROR_NUMBER"] == 1
    assert answer["STATUS_CODE"] == 403
    assert answer["ERROR_DESCRIPTION"] == "Request limit exceeded. Please try again later."
    twin.now += timedelta(seconds=29)
    assert twin.error() == 1
    twin.now += timedelta(seconds=1)
    assert twin.error() == 0
    assert twin.error() == 1


def test_one_request_every_two_seconds_is_never_throttled() -> None:
    twin = Twin([], requests_per_minute=30)
    for _ in range(70):
        assert twin.error() == 0
        twin.now += timedelta(seconds=2)


def test_the_limit_counts_per_credential_and_not_what_was_refused() -> None:
    twin = Twin(CALLS[:5], requests_per_minute=1)
    header = {"Authorization": f"Bearer {TOKEN}"}
    assert twin.error({"code": "stolen"}) == 2
    assert [twin.error(), twin.error()] == [0, 1]
    assert twin.send("POST", json={"search": WHOLE}, headers=header).json()["ERROR_NUMBER"] == 0


# What is asked


def test_a_range_that_lacks_a_date_or_is_no_range_is_error_5() -> None:
    twin = Twin()
    for search in (
        {},
        {"fromdate": "2026-06-29T08:00"},
        {"todate": "2026-06-29T08:00"},
        {"fromdate": "2026-06-29T08:01", "todate": "2026-06-29T08:00"},
        {"fromdate": "yesterday", "todate": "2026-06-29T08:00"},
        {"fromdate": "", "todate": None},
    ):
        reply = twin.send("POST", json={"code": CODE, "search": search})
        assert reply.status_code == reply.json()["STATUS_CODE"] == 404
        assert reply.json()["ERROR_NUMBER"] == 5
        assert reply.json()["ERROR_DESCRIPTION"] == "Date range invalid."


def test_a_range_may_have_a_longest_length() -> None:
    twin = Twin(max_days=1)
    assert twin.error(fromdate="2026-06-28T00:00", todate="2026-06-29T00:00") == 0
    assert twin.error(fromdate="2026-06-28T00:00", todate="2026-06-29T00:01") == 5


def test_version_0_1_knows_no_error_5() -> None:
    twin = Twin(api="0.1")
    everything = twin.send("POST", json={"code": CODE}).json()
    assert len(everything["CDR_LIST"]) == len(twin.rows())
    assert twin.rows(fromdate="2026-06-29T08:01", todate="2026-06-29T08:00") == []


def test_both_bounds_are_inclusive_to_the_second() -> None:
    at = moments("2026-06-29T08:00:00", "2026-06-29T08:00:30", "2026-06-29T08:01:00")
    twin = Twin(numbered(1, 2, 3, at=at))
    assert len(twin.rows(fromdate="2026-06-29T08:00", todate="2026-06-29T08:01")) == 3
    assert len(twin.rows(fromdate="2026-06-29T08:00:01", todate="2026-06-29T08:00:59")) == 1
    assert len(twin.rows(fromdate="2026-06-29T08:00:30", todate="2026-06-29T08:00:30")) == 1
    assert len(twin.rows(fromdate="2026-06-29T08:00:30.5", todate="2026-06-29T08:01:00")) == 1


def test_dates_may_have_minutes_or_seconds_and_a_zone_or_none() -> None:
    twin = Twin(numbered(1, at=moments("2026-06-29T08:00:00")))
    for date in (
        "2026-06-29T08:00",
        "2026-06-29T08:00:00",
        "2026-06-29T08:00Z",
        "2026-06-29T08:00:00Z",
        "2026-06-29T08:00:00.000Z",
        "2026-06-29 08:00:00",
        "2026-06-29T11:00:00+03:00",
    ):
        assert len(twin.rows(fromdate=date, todate=date)) == 1, date


def test_criteria_may_stand_beside_search_instead_of_inside() -> None:
    twin = Twin()
    beside = twin.send("POST", json={"code": CODE, **WHOLE, "cdrTypes": [8]}).json()
    assert beside["CDR_LIST"] == twin.rows(cdrTypes=[8]) != []
    listed = twin.send("POST", json={"code": CODE, "search": [{**WHOLE, "cdrTypes": [8]}]}).json()
    assert listed == beside


def test_get_takes_the_same_keys_flat_repeated_and_in_any_case() -> None:
    twin = Twin()
    numbers = [DANA.number, *{call.caller.number.removeprefix("+") for call in CALLS[:40]}]
    asked = [
        ("CODE", CODE), ("format", "JSON"), ("todate", "2026-07-01T00:00"),
        ("fromdate", "2026-06-20T00:00"), *(("phones", number) for number in numbers),
        ("extension", "2003"), ("extensions", "2004"), ("fields", "Date"), ("fields", "Type"),
        ("Fields", "DID"), ("Fields", "CallerNumber"),
    ]  # fmt: skip
    got = twin.send("GET", params=asked).json()["CDR_LIST"]
    fields = ["CallerNumber", "DID", "Type", "Date"]
    assert got
    assert got == twin.rows({"fields": fields}, phones=numbers, extensions=["2003", "2004"])


def test_the_documents_example_request_is_answered() -> None:
    start = moments("2015-05-14T05:00:00")
    call = numbered(1, at=start)[0]
    call = msgspec.structs.replace(call, caller=Person("+97272776772", ""))
    example = {
        "code": CODE,
        "format": "JSON",
        "fields": [
            "Date", "Type", "DID", "CallerNumber", "CallerExtension", "TargetNumber", "Duration",
            "RecordURL", "RepresentativeName",
        ],
        "search": {
            "fromdate": "2015-05-14T08:00",
            "todate": "2015-05-14T16:30",
            "phones": ["97272776772"],
        },
    }  # fmt: skip
    (row,) = Twin([call], api="0.1").send("POST", json=example).json()["CDR_LIST"]
    assert sorted(row) == sorted(example["fields"])
    assert row["Date"] == "2015-05-14T08:00:00"
    assert Twin([call]).send("POST", json=example).json()["TOTAL_HITS"] == 0


def test_the_path_works_without_its_last_slash() -> None:
    twin = Twin()
    question = {"code": CODE, "search": WHOLE}
    assert twin.send("POST", "/hub/cdr", json=question).json() == twin.ask()
    assert twin.send("PUT", json=question).status_code == 405


def test_parameters_nobody_knows_are_tolerated() -> None:
    assert Twin().error({"version": 2, "type": "x", "limit": 3}, offset=9) == 0


def test_a_phone_is_found_on_either_side_in_any_of_its_forms() -> None:
    calls = [
        msgspec.structs.replace(call, **{side: DANA})
        for side, call in (
            ("caller", some(lambda c: c.direction == "inbound")[0]),
            ("callee", some(lambda c: c.direction == "outbound")[0]),
        )
    ]
    twin = Twin([*calls, *some(lambda c: c.direction == "internal")], click2call_every=0)
    for form in ("972541234567", "0541234567", "+972541234567"):
        assert len(twin.rows(phones=[form])) == 2, form
    assert len(twin.rows(phones=["0541234567", "0500000000"])) == 2
    assert twin.rows(phones=["54123456"]) == []
    assert twin.ask(phones=[])["TOTAL_HITS"] > 2


def test_extensions_are_those_of_both_sides_and_criteria_combine() -> None:
    twin = Twin()
    every = twin.rows()
    wanted = [r for r in every if {"2003", "2004"} & {r["CallerExtension"], r["TargetExtension"]}]
    assert twin.rows(extensions=["2003", "2004"]) == wanted
    queued = [r for r in wanted if r["CdrType"] == 8]
    assert 0 < len(queued) < len(wanted)
    assert twin.rows(extensions=["2003", "2004"], cdrTypes=["8"]) == queued


def test_types_queues_campaigns_and_ids_narrow_the_list() -> None:
    twin = Twin()
    every = twin.rows()
    one, two = every[3]["CallID"], every[9]["CallID"]
    assert {r["CallID"] for r in twin.rows(callID=one)} == {one}
    assert {r["CallID"] for r in twin.rows(callID=[one, two])} == {one, two}
    assert twin.rows(cdrTypes=[9, 10]) == [r for r in every if r["Type"].startswith("Click2Call")]
    assert twin.rows(queueID=[6401]) == [r for r in every if r["QueueName"] == "Support"]
    assert twin.rows(campaignID=[1]) == []


def test_a_call_is_found_by_id_only_within_the_dates() -> None:
    twin = Twin()
    call_id = twin.rows()[0]["CallID"]
    assert twin.error({"search": {"callID": call_id}}) == 5
    assert twin.rows(callID=call_id, fromdate="2026-06-30T00:00") == []


def test_version_0_1_knows_only_the_criteria_of_its_page() -> None:
    twin = Twin(api="0.1")
    everything = len(twin.rows())
    assert len(twin.rows(callID="x", cdrTypes=[8], queueID=[1], campaignID=[1])) == everything
    assert 0 < len(twin.rows(extensions=["2003"])) < everything


def test_identity_criteria_go_from_the_user_to_the_account() -> None:
    twin = Twin()
    counts = [
        len(twin.rows(IdentityCriteria=scope))
        for scope in ("User", "Department", "Hierarchical", "Account")
    ]
    assert 0 < counts[0] < counts[1] < counts[2] < counts[3] == len(twin.rows())
    assert {r["RepresentativeName"] for r in twin.rows(IdentityCriteria="User")} == {"Kristin Hale"}
    assert len({r["DepartmentName"] for r in twin.rows(IdentityCriteria="Department")}) == 1
    assert len(Twin(identity_criteria=False).rows(IdentityCriteria="User")) == counts[3]


# How much is answered, and in what order


def test_the_default_order_is_ascending_and_sort_turns_it() -> None:
    twin = Twin()
    dates = [row["Date"] for row in twin.rows()]
    assert dates == sorted(dates)
    turned = twin.rows({"sort": [{"field": "date", "order": "desc"}]})
    assert [row["Date"] for row in turned] == dates[::-1]
    assert twin.rows({"sort": [{"field": "DATE", "order": "asc"}]}) == twin.rows({"sort": []})


def test_sort_takes_several_columns_and_ignores_what_it_does_not_know() -> None:
    sort = [
        {"field": "Nonsense", "order": "desc"},
        {"field": "Type", "order": "asc"},
        {"field": "duration", "order": "DESC"},
    ]
    rows = [(row["Type"], -row["Duration"]) for row in Twin().rows({"sort": sort})]
    assert rows == sorted(rows)


def test_version_0_1_does_not_sort() -> None:
    twin = Twin(api="0.1")
    assert twin.rows({"sort": [{"field": "date", "order": "desc"}]}) == twin.rows()


def test_beyond_the_cap_the_first_rows_of_the_asked_order_stay_and_the_total_tells() -> None:
    whole, cut = Twin(), Twin(cap=10)
    for sort in ([], [{"field": "Date", "order": "desc"}], [{"field": "Duration", "order": "asc"}]):
        everything = whole.ask({"sort": sort})
        answer = cut.ask({"sort": sort})
        assert answer["TOTAL_HITS"] == everything["TOTAL_HITS"] == len(everything["CDR_LIST"])
        assert answer["RETURN_HITS"] == 10
        assert answer["CDR_LIST"] == everything["CDR_LIST"][:10]
    found = cut.ask(cdrTypes=[8])
    assert found["CDR_LIST"] == whole.rows(cdrTypes=[8])[:10]
    assert found["TOTAL_HITS"] == len(whole.rows(cdrTypes=[8]))
    assert Switches().cap == 10_000


def test_beyond_the_cap_version_0_1_answers_error_3() -> None:
    rows = len(Twin(api="0.1").rows())
    assert "TOTAL_HITS" not in Twin(api="0.1", cap=rows).ask()
    answer = Twin(api="0.1", cap=rows - 1).ask()
    assert answer == {"ERROR_NUMBER": 3, "ERROR_DESCRIPTION": "CDR limit exceeded."}


def test_ties_keep_their_order_from_request_to_request_but_not_that_of_ids() -> None:
    calls = numbered(*range(1, 41), at=moments("2026-06-29T08:00:00") * 40)
    ids = [row["CallID"] for row in Twin(calls).rows()]
    twin = Twin(calls)
    assert [row["CallID"] for row in twin.rows()] == ids
    assert [row["CallID"] for row in twin.rows()] == ids
    assert sorted(ids) != ids != sorted(ids, reverse=True)


def test_shuffled_ties_come_in_another_order_each_time_and_moments_do_not() -> None:
    at = moments("2026-06-29T08:00:00") * 20 + moments("2026-06-29T08:00:01") * 20
    twin = Twin(numbered(*range(1, 41), at=at), shuffle_ties=True)
    for sort in ([], [{"field": "date", "order": "desc"}]):
        orders = [
            [(row["Date"], row["CallID"]) for row in twin.rows({"sort": sort})] for _ in range(3)
        ]
        assert len({str(order) for order in orders}) == 3
        for order in orders:
            assert sorted(order) == sorted(orders[0])
            dates = [date for date, _ in order]
            assert dates == sorted(dates, reverse=bool(sort))


def test_a_small_window_makes_only_its_own_rows() -> None:
    search = Search(World(CALLS, clock=lambda: NOW), Switches())
    day = {"fromdate": "2026-06-29T08:00", "todate": "2026-06-29T09:00"}
    rows, total = search.page(day)
    assert len(rows) == total
    assert sum(entry.row is not None for entry in search.entries) == total < len(search.entries)
    kept = [*search.entries]
    search.page(day)
    assert all(a is b for a, b in zip(kept, search.entries, strict=True))


# What a row looks like


def test_fields_choose_columns_in_any_case_and_unknown_ones_are_ignored() -> None:
    (row, *_) = Twin().rows({"fields": ["callerNUMBER", "date", "fromdate", "phones", "Nonsense"]})
    assert set(row) == {"CallerNumber", "Date"}


def test_without_fields_every_column_of_the_version_comes() -> None:
    current, old = Twin().rows()[0], Twin(api="0.1").rows()[0]
    assert set(current) - set(old) == {"DateEpoch", "CdrType", "UserName", "UserId"}
    assert set(old) - set(current) == {"DialStatus2"}
    assert len(current) == 26
    assert Twin().rows({"fields": []})[0] == current


def test_keys_of_rows_have_a_switch() -> None:
    asked = {"fields": ["callID", "DATE"]}
    assert set(Twin(key_case="lower").rows(asked)[0]) == {"callid", "date"}
    assert set(Twin(key_case="echo").rows(asked)[0]) == {"callID", "DATE"}
    assert "callernumber" in Twin(key_case="echo").rows()[0]
    assert "callernumber" in Twin(key_case="lower").rows()[0]


def test_an_id_has_32_characters_and_begins_with_israels_clock_at_the_start() -> None:
    for call in CALLS[:60]:
        first = of(call)[0]
        local = call.started_at.astimezone(ISRAEL)
        assert re.fullmatch(rf"{local:%Y%m%d%H%M%S}[0-9a-f]{{18}}", first["CallID"])
        assert first["Date"] == iso(call.started_at)
        assert first["DateEpoch"] == call.started_at.timestamp()


def test_an_id_survives_what_is_added_or_removed_around_it() -> None:
    twin = Twin(CALLS[100:200])
    before = {row["CallID"] for row in twin.rows()}
    twin.world.add(*CALLS[:100])
    assert before < {row["CallID"] for row in twin.rows()}
    twin.world.remove(*CALLS[150:200])
    left = {row["CallID"] for row in twin.rows()}
    assert left & before == {row["CallID"] for row in Twin(CALLS[100:150]).rows()}


def test_dates_have_three_styles_and_may_lie_after_the_start() -> None:
    call = numbered(1, at=moments("2026-06-10T09:04:55"))[0]
    day = {"fromdate": "2026-06-10T00:00", "todate": "2026-06-11T00:00"}

    def shown(**switches: Any) -> str:
        (row,) = Twin([call], **switches).rows(**day)
        assert row["CallID"].startswith("20260610120455")
        return str(row["Date"])

    assert shown() == "2026-06-10T09:04:55Z"
    assert shown(date_style="bare") == "2026-06-10T09:04:55"
    assert shown(date_style="space") == "2026-06-10 09:04:55"
    assert shown(date_skew_seconds=3) == "2026-06-10T09:04:58Z"
    assert shown(api="0.1") == "2026-06-10T12:04:55"
    assert shown(api="0.1", time_zone="UTC") == "2026-06-10T09:04:55"
    assert shown(time_zone="Asia/Jerusalem", date_style="space") == "2026-06-10 12:04:55"


def test_version_0_1_reads_bounds_on_israels_clock_also_when_an_hour_comes_twice() -> None:
    at = moments("2025-10-25T22:30:00", "2025-10-25T23:30:00", "2025-10-26T00:30:00")
    twin = Twin(numbered(1, 2, 3, at=at), api="0.1")
    rows = twin.rows(fromdate="2025-10-26T01:30", todate="2025-10-26T01:30")
    assert [row["Date"] for row in rows] == ["2025-10-26T01:30:00"] * 2
    assert len({row["CallID"] for row in rows}) == 2
    assert len(twin.rows(fromdate="2025-10-25T23:30Z", todate="2025-10-26T02:30")) == 3


def test_an_inbound_call_is_one_row_from_the_outside_number_to_the_extension() -> None:
    for call in some(lambda c: c.direction == "inbound" and len(c.legs) == 1):
        (row,) = of(call, national_numbers="none")
        assert (row["Type"], row["CdrType"]) == ("Incoming Call", 1)
        assert row["CallerNumber"] == call.caller.number.removeprefix("+")
        assert row["CallerExtension"] == ""
        assert row["TargetNumber"] == row["TargetExtension"] == call.callee.number
        assert row["DID"] == (call.did or "").removeprefix("+")
        assert row["RepresentativeName"] == row["UserName"] == call.callee.name
        assert row["RepresentativeCode"] == str(row["UserId"])
        assert (row["RingTime"], row["Duration"]) == (call.ring_seconds, call.talk_seconds)
        assert row["DialStatus"] == ("ANSWER" if call.answered else "NOANSWER")
        assert row["Price"] == 0


def test_an_outbound_call_shows_a_line_and_costs_agorot() -> None:
    words = {
        "answered": "ANSWER", "no_answer": "NOANSWER", "busy": "BUSY", "failed": "CONGESTION",
        "cancelled": "CANCEL",
    }  # fmt: skip
    seen = set()
    for call in some(lambda c: c.direction == "outbound"):
        (row,) = of(call, click2call_every=0, national_numbers="none")
        assert (row["Type"], row["CdrType"]) == ("Extension Outgoing", 4)
        assert "+" + row["CallerNumber"] in company.LINES
        assert row["CallerExtension"] == call.caller.number
        assert row["TargetNumber"] == call.callee.number.removeprefix("+")
        assert row["TargetExtension"] == row["DID"] == row["QueueName"] == ""
        assert row["TargetPrefixName"]
        assert (row["RingTime"], row["Duration"]) == (call.ring_seconds, call.talk_seconds)
        assert row["Price"] == call.price_cents
        assert row["DialStatus"] == words[call.outcome]
        seen.add(call.outcome)
    assert seen == set(words)


def test_an_internal_call_goes_out_from_an_extension_to_an_extension() -> None:
    for call in some(lambda c: c.direction == "internal"):
        (row,) = of(call)
        assert row["Type"] == "Extension Outgoing"
        assert row["CallerNumber"] == row["CallerExtension"] == call.caller.number
        assert row["TargetNumber"] == row["TargetExtension"] == call.callee.number
        assert row["TargetPrefixName"] == ""


def test_a_third_of_the_answered_outbound_calls_are_two_rows_with_one_id() -> None:
    answered = some(lambda c: c.direction == "outbound" and c.answered)
    twice = [call for call in answered if len(of(call)) == 2]
    assert twice == [call for call in answered if call.number % 3 == 0]
    for call in twice:
        to_agent, to_customer = of(call, national_numbers="none")
        assert to_agent["CallID"] == to_customer["CallID"]
        assert (to_agent["Type"], to_agent["CdrType"]) == ("Click2Call leg1", 9)
        assert (to_customer["Type"], to_customer["CdrType"]) == ("Click2Call leg2", 10)
        customer = call.callee.number.removeprefix("+")
        assert (to_agent["CallerNumber"], to_agent["CallerExtension"]) == (customer, "")
        assert to_agent["TargetNumber"] == to_agent["TargetExtension"] == call.caller.number
        assert to_customer["CallerExtension"] == call.caller.number
        assert (to_customer["TargetNumber"], to_customer["TargetExtension"]) == (customer, "")
        agent_ring = to_agent["RingTime"]
        assert 1 <= agent_ring <= 5
        assert to_agent["Date"] == iso(call.started_at)
        assert at_seconds(to_customer) == at_seconds(to_agent) + agent_ring
        assert agent_ring + to_customer["RingTime"] == call.ring_seconds
        assert to_customer["Duration"] == call.talk_seconds
        assert agent_ring + to_agent["Duration"] == call.total_seconds
        assert (to_agent["Price"], to_customer["Price"]) == (0, call.price_cents)
        assert (to_agent["RecordExpect"], to_customer["RecordExpect"]) == (False, call.recorded)


def test_the_second_leg_may_lie_beyond_the_window_of_the_first() -> None:
    call = some(lambda c: c.direction == "outbound" and c.answered and c.number % 3 == 0)[0]
    moment = f"{call.started_at:%Y-%m-%dT%H:%M:%S}"
    (row,) = Twin([call]).rows(fromdate=moment, todate=moment)
    assert row["CdrType"] == 9


def test_a_transferred_call_is_two_rows_and_the_second_names_the_first() -> None:
    for call in some(lambda c: c.transferred):
        first, second = of(call)
        assert (first["Type"], second["Type"]) == ("Incoming Call", "XferCDR")
        assert (first["CdrType"], second["CdrType"]) == (1, 13)
        assert first["CallID"] != second["CallID"]
        assert "OriginalIvrUniqueID" not in first["CustomData"]
        assert second["CustomData"]["OriginalIvrUniqueID"] == first["CallID"]
        begun = call.started_at + timedelta(seconds=call.legs[1].after_seconds)
        assert second["Date"] == iso(begun)
        assert second["CallID"].startswith(f"{begun.astimezone(ISRAEL):%Y%m%d%H%M%S}")
        for row, leg in zip((first, second), call.legs, strict=True):
            assert row["CallerNumber"] == first["CallerNumber"]
            assert row["TargetExtension"] == leg.target.number
            assert (row["RingTime"], row["Duration"]) == (leg.ring_seconds, leg.talk_seconds)
            assert row["DialStatus"] == "ANSWER"


def test_a_queued_call_is_one_row_whose_duration_holds_the_waiting() -> None:
    for call in some(lambda c: c.queue is not None):
        (row,) = of(call)
        assert call.queue
        assert (row["Type"], row["CdrType"]) == ("Queue", 8)
        assert row["QueueName"] == call.queue.name
        assert row["Duration"] == call.total_seconds
        assert row["TargetNumber"] == ""
        assert [choice["LayerName"] for choice in row["DTMFData"]] == [MENU.name]
        if call.answered:
            assert (row["DialStatus"], row["TargetExtension"]) == ("ANSWER", call.callee.number)
            assert row["RingTime"] == call.ring_seconds
        else:
            assert (row["DialStatus"], row["TargetExtension"]) == ("ABANDONE", "")
            assert (row["RepresentativeName"], row["UserId"], row["RingTime"]) == ("", 0, 0)
            assert row["DepartmentName"] == call.queue.name


def test_a_voicemail_is_one_row_with_the_length_of_the_message() -> None:
    for call in some(lambda c: c.outcome == "voicemail"):
        (row,) = of(call)
        assert (row["Type"], row["CdrType"], row["DialStatus"]) == ("VoiceMail", 11, "VOICEMAIL")
        assert (row["RingTime"], row["Duration"]) == (call.ring_seconds, call.legs[1].talk_seconds)


def test_a_call_transferred_out_of_a_queue_ends_its_first_row_at_the_transfer() -> None:
    legs = (
        Leg("ivr", DANA, MENU, 0, None, 5, answered=True, outcome="answered"),
        Leg("queue", DANA, SALES, 5, 20, 40, answered=True, outcome="answered"),
        Leg("extension", DANA, ANNA, 15, 10, 40, answered=True, outcome="answered"),
        Leg("extension", DANA, JOSE, 65, 8, None, answered=False, outcome="no_answer"),
    )
    call = some(lambda c: c.transferred)[0]
    call = msgspec.structs.replace(call, caller=DANA, callee=JOSE, queue=SALES, legs=legs)
    first, second = of(call)
    assert (first["CdrType"], first["Duration"], first["TargetExtension"]) == (8, 65, "2002")
    assert (second["DialStatus"], second["Duration"], second["RingTime"]) == ("NOANSWER", 0, 8)


def test_israeli_numbers_come_in_national_form_for_lines_for_all_or_never() -> None:
    call = some(lambda c: c.direction == "inbound" and len(c.legs) == 1)[0]
    call = msgspec.structs.replace(call, caller=DANA, did="+97237219000")

    def shown(which: str) -> tuple[str, str]:
        (row,) = of(call, national_numbers=which)
        return row["CallerNumber"], row["DID"]

    assert shown("lines") == ("972541234567", "037219000")
    assert shown("all") == ("0541234567", "037219000")
    assert shown("none") == ("972541234567", "97237219000")


def test_blanks_are_empty_texts_or_null_and_numbers_may_be_quoted() -> None:
    call = some(lambda c: c.direction == "internal" and not c.recorded and not c.note)[0]
    (plain,), (odd,) = of(call), of(call, nulls=True, quoted_numbers=True)
    assert plain["DID"] == plain["QueueName"] == plain["RecordURL"] == ""
    assert (plain["DTMFData"], plain["CustomData"], plain["RecordExpect"]) == ([], {}, False)
    assert odd["DID"] is odd["QueueName"] is odd["RecordURL"] is None
    assert (odd["Duration"], odd["CdrType"]) == (str(plain["Duration"]), "4")
    assert odd["RecordExpect"] is False


def test_a_recording_is_expected_before_it_is_there() -> None:
    call = some(lambda c: c.recorded and c.direction == "inbound" and not c.transferred)[0]
    twin = Twin([call], recording_delay_seconds=600)
    twin.now = call.ended_at + timedelta(seconds=599)
    (row,) = twin.rows()
    assert (row["RecordExpect"], row["RecordURL"]) == (True, "")
    twin.now += timedelta(seconds=1)
    (row,) = twin.rows()
    place = "https://cpanel.voicenter.co.il/CallsHistory/PlayRecord"
    assert row["RecordURL"] == f"{place}/{row['CallID']}.mp3"
    assert row["CustomData"]["AiExists"] == "true"


def test_a_note_is_custom_data() -> None:
    call = some(lambda c: c.note is not None)[0]
    assert of(call)[0]["CustomData"]["Note"] == call.note


def test_only_calls_that_ended_are_shown_and_after_the_delay() -> None:
    call = CALLS[0]
    for delay in (0, 240):
        twin = Twin([call], delay_seconds=delay)
        twin.now = call.ended_at + timedelta(seconds=delay - 1)
        assert twin.rows() == []
        twin.now += timedelta(seconds=1)
        assert len(twin.rows()) > 0


def test_what_is_not_found_is_an_empty_list_or_no_list() -> None:
    nothing = {"ERROR_NUMBER": 0, "ERROR_DESCRIPTION": "OK", "STATUS_CODE": 200}
    nothing |= {"TOTAL_HITS": 0, "RETURN_HITS": 0}
    assert Twin([]).ask() == {**nothing, "CDR_LIST": []}
    assert Twin([], list_when_none=False).ask() == nothing
    assert "CDR_LIST" not in Twin().ask({"code": ""})
    assert Twin(list_on_error=True).ask({"code": ""})["CDR_LIST"] == []


def test_version_0_1_writes_html_tables() -> None:
    twin = Twin(api="0.1")
    reply = twin.send("GET", params={"code": CODE, "format": "html", **WHOLE})
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.text.count("<tr>") == len(twin.rows()) + 1
    assert "<th>CallerNumber</th>" in reply.text
    assert "Lars &lt;IT&gt; Holm" in reply.text
    refused = twin.send("GET", params={"format": "HTML"}).text
    assert "<td>2</td><td>Authorization failed.</td>" in refused
    plain = Twin().send("GET", params={"code": CODE, "format": "HTML", **WHOLE})
    assert plain.headers["content-type"] == "application/json"


# Given rows


GIVEN: list[dict[str, Any]] = [
    {"CallID": "b", "Date": "2026-06-10T09:04:58Z", "Type": "Queue", "QueueName": "Sales",
     "CallerNumber": "0722776772", "Duration": "20", "DID": None, "NewColumn": [1]},
    {"callid": "a", "date": "2026-06-09 09:04:58", "type": "Fax Cdr", "duration": 2},
    {"CallID": "c", "Date": "", "Type": "Scrubber"},
]  # fmt: skip
JUNE = {"fromdate": "2026-06-01T00:00", "todate": "2026-06-30T00:00"}


def given(**switches: Any) -> Twin:
    twin = Twin([], **switches)
    twin.world.given = [dict(row) for row in GIVEN]
    return twin


def test_given_rows_are_sent_as_they_are_in_the_order_of_their_dates() -> None:
    rows = given().rows(**JUNE)
    assert rows[-1] == GIVEN[0]
    assert all(row in rows for row in GIVEN)


def test_a_given_row_without_a_date_stands_where_the_one_before_it_stands() -> None:
    rows = given().rows(fromdate="2026-06-09T09:04:58", todate="2026-06-09T09:05")
    assert rows == [GIVEN[1], GIVEN[2]] or rows == [GIVEN[2], GIVEN[1]]


def test_given_rows_pass_through_filters_projection_sorting_and_cap() -> None:
    assert given().rows(**JUNE, phones=["972722776772"]) == [GIVEN[0]]
    assert given().rows(**JUNE, queueID=["6400"]) == [GIVEN[0]]
    assert given().rows(**JUNE, callID="a") == [GIVEN[1]]
    named = given().rows({"fields": ["CALLID", "NewColumn"]}, **JUNE)
    assert sorted(len(row) for row in named) == [1, 1, 2]
    lower = given(key_case="lower").rows(**JUNE)
    assert all(key == key.lower() for row in lower for key in row)
    sort = {"sort": [{"field": "CallID", "order": "desc"}]}
    assert given().rows(sort, **JUNE)[0] == GIVEN[2]
    assert given(cap=1).ask(**JUNE)["TOTAL_HITS"] == 3


# Faults


@pytest.mark.parametrize(
    ("code", "number", "status"),
    [("", 1, 403), ("2", 2, 403), ("3", 3, 403), ("4", 4, 403), ("5", 5, 404), ("77", 77, 500)],
)
def test_the_fault_error_plays_a_numbered_refusal_once(code: str, number: int, status: int) -> None:
    twin = Twin()
    twin.world.fault("error", code=code)
    reply = twin.send("POST", json={"code": CODE, "search": WHOLE})
    assert (reply.status_code, reply.json()["ERROR_NUMBER"]) == (status, number)
    assert "CDR_LIST" not in reply.json()
    assert twin.error() == 0


def test_the_fault_expire_refuses_good_credentials_once() -> None:
    twin = Twin()
    twin.world.fault("expire")
    assert [twin.error(), twin.error()] == [2, 0]


def test_the_fault_repeat_gives_the_answer_before_again() -> None:
    twin = Twin()
    first = twin.ask(fromdate="2026-06-28T00:00", todate="2026-06-28T12:00")
    twin.world.fault("repeat")
    second = {"fromdate": "2026-06-29T00:00", "todate": "2026-06-29T12:00"}
    assert twin.ask(**second) == first
    assert twin.rows(**second) != first["CDR_LIST"]


def test_the_fault_duplicate_sends_the_first_row_twice() -> None:
    twin = Twin()
    clean = twin.rows()
    twin.world.fault("duplicate")
    assert twin.rows() == [clean[0], *clean]
    assert twin.rows() == clean


def test_the_fault_unknown_puts_unheard_words_in_every_word_column() -> None:
    for case in ("pascal", "lower", "echo"):
        twin = Twin(key_case=case)
        asked = {"fields": ["TYPE", "CdrType", "dialStatus", "Date"]}
        clean = twin.rows(asked)
        twin.world.fault("unknown")
        for row, was in zip(twin.rows(asked), clean, strict=True):
            assert row.keys() == was.keys()
            assert sum(row[key] == was[key] for key in row) == 1


def test_settings_reach_a_twin_made_with_default_switches() -> None:
    twin = Twin(requests_per_minute=30)
    question = {**SETTINGS["credentials"], "search": WHOLE}
    assert twin.send("POST", json=question).json()["ERROR_NUMBER"] == 0


def test_the_same_seed_gives_the_same_bytes() -> None:
    question = {"code": CODE, "search": WHOLE}
    assert Twin().send("POST", json=question).content == Twin().send("POST", json=question).content
