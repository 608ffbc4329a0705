"""Yeastar: what is asked, what the answers mean, and the whole product against its twin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec
import pytest

from graph.config import secret_hook
from graph.errors import (
    SourceError,
    SourceMalformed,
    SourceRefused,
    SourceRejected,
    SourceThrottled,
    SourceUnavailable,
)
from graph.privacy import Secret
from graph.sources import company, yeastar
from graph.sources.compiling import compiled
from graph.sources.contract import (
    Ask,
    Condition,
    Exactness,
    Expired,
    Kind,
    Reply,
    Request,
    Shape,
    Site,
    Token,
)
from graph.sources.yeastar import auth, labels, mapping, protocol, wire
from graph.sources.yeastar.auth import Credentials
from graph.sources.yeastar.details import YeastarDetails
from graph.sources.yeastar.protocol import Options, judge, page_of
from graph.types.call import (
    AnsweredBy,
    Call,
    CallDirection,
    CallDisposition,
    CallLog,
    HangupParty,
)
from tests.support import NOW, Api, Clock, product, run

SAMPLE: list[dict[str, Any]] = json.loads(
    (Path(yeastar.__file__).parent / "samples" / "cdr_list.json").read_text(encoding="utf-8")
)
AGENT = ("user-agent", "OpenAPI")
LIST = Shape(name="list", sorted=True, windowed=False)
CALLS = company.calls(seed=4, count=60, until=NOW, days=4)
NEWEST = {"firmware": "37.23.0.83", "date_format": "MM/DD/YYYY", "clock_hours": 24,
          "utc_offset_seconds": 28800, "zone_agrees": True}  # fmt: skip
OLD = {**NEWEST, "firmware": "37.7.0.16"}


def site(
    zone: str = "Asia/Shanghai", facts: Mapping[str, Any] | None = None, **options: Any
) -> Site:
    return Site(
        id="pbx",
        zone=ZoneInfo(zone),
        credentials=Credentials(client_id="an id", client_secret=Secret("a secret")),
        options=Options(**options),
        region="DE",
        hash_key=b"a key",
        facts=dict(facts or {}),
    )


def ask(
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    newest: bool = True,
    **more: Any,
) -> Ask:
    return Ask(since=since, until=until, newest_first=newest, now=NOW, **more)


def planned(at: Site, wanted: Ask, offset: int = 0) -> Request:
    chosen = msgspec.structs.replace(wanted, shape=protocol.shape(at, wanted))
    return protocol.plan(at, chosen, offset)


def reply(body: Any, status: int = 200) -> Reply:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {"content-type": "application/json"}, sent)


PATHS = frozenset(field.path for field in mapping.LOGS)


def leg(row: Mapping[str, Any], at: Site | None = None, paths: frozenset[str] = PATHS) -> Any:
    convert = compiled(CallLog, protocol.LOGS_LIST, paths, at or site(), YeastarDetails)
    [made] = convert([msgspec.convert(row, wire.Row)], None)
    assert made is not None
    return made


def minutes(amount: float) -> timedelta:
    return timedelta(minutes=amount)


# Credentials and options


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"client_id": "a", "client_secret": "b"}, None),
        ({"access_token": "c"}, None),
        ({}, "give client_id and client_secret, or access_token"),
        ({"client_id": "a"}, "give client_id and client_secret"),
        ({"client_secret": "b"}, "give client_id and client_secret"),
        ({"client_id": "a", "client_secret": "b", "access_token": "c"}, "not both"),
        ({"client_id": "", "client_secret": "b"}, "must not be empty"),
        ({"client_id": "a", "client_secret": ""}, "must not be empty"),
        ({"access_token": ""}, "must not be empty"),
        ({"client": "a"}, "unknown field"),
    ],
)
def test_credentials_are_a_pair_or_a_token(given: dict[str, str], wrong: str | None) -> None:
    if wrong is None:
        made = msgspec.convert(given, Credentials, dec_hook=secret_hook)
        assert "Secret('…')" in repr(made)
    else:
        with pytest.raises(msgspec.ValidationError, match=wrong):
            msgspec.convert(given, Credentials, dec_hook=secret_hook)


@pytest.mark.parametrize(
    "given",
    [{"page_size": 49}, {"page_size": 10_001}, {"search": "iso"}, {"search_days": -1},
     {"overlap_seconds": -1}, {"clock_hours": 13}, {"date_format": "YYYY-MM-DD"}, {"pages": 1}],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, Options)


# Signing in


def test_signing_in_posts_id_and_secret_as_json_and_carries_no_token() -> None:
    request = auth.sign_in(site())
    assert request == Request(
        "POST",
        "/openapi/v1.0/get_token",
        headers=(("content-type", "application/json"), AGENT),
        body=b'{"username":"an id","password":"a secret"}',
        kind=Kind.SIGN_IN,
    )


def test_a_token_travels_in_the_query_and_nowhere_else() -> None:
    token = Token(Secret("abc"), Secret("def"))
    signed = auth.sign(site(), Request("GET", "/openapi/v1.0/cdr/list", headers=(AGENT,)), token)
    assert signed.params == (("access_token", "abc"),)
    assert signed.headers == (AGENT,)
    assert auth.renew(site(), token) == Request(
        "POST",
        "/openapi/v1.0/refresh_token",
        headers=(("content-type", "application/json"), AGENT),
        body=b'{"refresh_token":"def"}',
        kind=Kind.SIGN_IN,
    )
    ended = auth.sign_out(site(), token)
    assert ended is not None
    assert (ended.path, ended.params) == ("/openapi/v1.0/del_token", (("access_token", "abc"),))
    assert "abc" not in repr(token)


def test_a_configured_token_needs_no_sign_in_and_is_not_given_back() -> None:
    fixed = msgspec.structs.replace(site(), credentials=Credentials(access_token=Secret("xyz")))
    assert auth.sign_in(fixed) is None
    signed = auth.sign(fixed, Request("GET", "/openapi/v1.0/cdr/list"), None)
    assert signed.params == (("access_token", "xyz"),)
    assert auth.renew(fixed, Token(Secret("xyz"))) is None


SIGNED_IN = {"errcode": 0, "errmsg": "SUCCESS", "access_token_expire_time": 1800,
             "access_token": "abc", "refresh_token_expire_time": 86400,
             "refresh_token": "def"}  # fmt: skip


def test_a_sign_in_ends_with_a_look_at_the_firmware_which_carries_the_token() -> None:
    at = site()
    first = auth.sign_in(at)
    assert first is not None
    look = auth.read_token(at, reply(SIGNED_IN), first, None)
    assert isinstance(look, auth.Look)
    assert (look.method, look.path) == ("GET", "/openapi/v1.0/system/information")
    assert (look.params, look.headers) == ((("access_token", "abc"),), (AGENT,))
    token = auth.read_token(at, reply({"errcode": 0, "data": INFORMATION}), look, None)
    assert isinstance(token, Token)
    assert (token.access, token.renewal) == (Secret("abc"), Secret("def"))
    assert token.lifetime_seconds == 1800
    assert token.facts == {**NEWEST, "date_format": "DD/MM/YYYY", "clock_hours": 12}
    for body, status in (({"errcode": 10001}, 200), (b"<html>", 200), (b"", 500), ([], 404)):
        assert judge(reply(body, status), look) is None
        assert status in look.accept or status == 200
        bare = auth.read_token(at, reply(body, status), look, None)
        assert isinstance(bare, Token)
        assert (bare.access, bare.facts) == (Secret("abc"), {})


def test_a_renewal_and_an_option_leave_the_look_out() -> None:
    at, old = site(), Token(Secret("a"), Secret("b"))
    renewal = auth.renew(at, old)
    assert renewal is not None
    token = auth.read_token(at, reply(SIGNED_IN), renewal, old)
    assert isinstance(token, Token)
    assert token.renewal == Secret("def")
    hurried = site(look_at_firmware=False)
    first = auth.sign_in(hurried)
    assert first is not None
    assert isinstance(auth.read_token(hurried, reply(SIGNED_IN), first, None), Token)
    for body in ({"errcode": 0}, b"<html>", b""):
        with pytest.raises(SourceMalformed):
            auth.read_token(at, reply(body), first, None)


INFORMATION = {
    "device_name": "PBX", "model_name": "P560", "sn": "3631A2124000",
    "firmware_version": "37.23.0.83", "system_time": "18/10/2025 03:10:26 PM", "up_time": 99,
    "system_date_format": "DD/MM/YYYY", "system_time_format": "hh:mm:ss AM",
    "timestamp": 1760771426,
}  # fmt: skip


@pytest.mark.parametrize(
    ("shown", "date_format", "clock", "hours", "offset"),
    [
        ("10/18/2025 15:10:26", "MM/DD/YYYY", "hh:mm:ss", 24, 28800),
        ("2025/10/18 12:10:26 AM", "YYYY/MM/DD", "hh:mm:ss AM", 12, -25200),
        ("2025/10/18 12:55:26", "YYYY/MM/DD", "hh:mm:ss", 24, 20700),
        ("18-10-2025 15:10:26", "DD-MM-YYYY", "hh:mm:ss", 24, None),
        ("soon", "YYYY/MM/DD", "hh:mm:ss", 24, None),
        ("2025/13/45 99:00:00", "YYYY/MM/DD", "hh:mm:ss", 24, None),
    ],
)
def test_clock_format_and_offset_are_learnt_from_the_system_time(
    shown: str, date_format: str, clock: str, hours: int, offset: int | None
) -> None:
    told = {**INFORMATION, "system_time": shown, "system_date_format": date_format,
            "system_time_format": clock}  # fmt: skip
    facts = auth.read_facts(reply({"errcode": 0, **told}), ZoneInfo("Asia/Shanghai"))
    assert facts["firmware"] == "37.23.0.83"
    assert facts["clock_hours"] == hours
    assert facts.get("utc_offset_seconds") == offset
    assert facts.get("zone_agrees") == (None if offset is None else offset == 28800)
    assert facts.get("date_format") == (None if "-" in date_format else date_format)


# Which list is asked


def test_the_list_is_read_from_its_top_or_bottom_and_short_windows_are_searched() -> None:
    hour = NOW - minutes(60)
    day = NOW - timedelta(days=1)
    known = site(facts=NEWEST)
    assert protocol.shape(known, ask(day, NOW)).name == "list"
    assert protocol.shape(known, ask(day)).name == "list"
    assert protocol.shape(known, ask()).name == "list"
    assert protocol.shape(known, ask(None, hour)).name == "list"
    assert protocol.shape(known, ask(newest=False)).name == "list"
    assert protocol.shape(known, ask(None, hour, newest=False)).name == "list"
    assert protocol.shape(known, ask(day, newest=False)).name == "list"
    assert protocol.shape(known, ask(day, hour)).name == "search"
    assert protocol.shape(known, ask(day, NOW, newest=False)).name == "search"
    assert protocol.shape(known, ask(NOW - timedelta(days=9), hour)).name == "list"
    far = site(facts=NEWEST, search_days=30)
    assert protocol.shape(far, ask(NOW - timedelta(days=9), hour)).name == "search"


@pytest.mark.parametrize(
    ("facts", "options", "name"),
    [
        ({}, {}, "list"),
        (NEWEST, {}, "search"),
        ({"firmware": "84.20.0.21"}, {}, "search"),
        (OLD, {}, "search-display"),
        ({**OLD, "zone_agrees": False}, {}, "list"),
        ({"firmware": "37.7.0.16"}, {}, "list"),
        ({"firmware": "37.7.0.16", "zone_agrees": True}, {"date_format": "DD/MM/YYYY"},
         "search-display"),
        ({"firmware": "unheard of"}, {}, "list"),
        (NEWEST, {"search": "none"}, "list"),
        (NEWEST, {"search": "display"}, "search-display"),
        ({}, {"search": "epoch"}, "search"),
    ],
)  # fmt: skip
def test_the_firmware_or_the_option_tells_how_to_search(
    facts: Mapping[str, Any], options: dict[str, Any], name: str
) -> None:
    chosen = protocol.shape(site(facts=facts, **options), ask(NOW - minutes(60), NOW - minutes(30)))
    assert chosen.name == name
    assert (chosen.sorted, chosen.windowed) == ((True, False) if name == "list" else (False, True))


# Requests


def test_the_list_is_asked_by_page_and_size_sorted_by_time() -> None:
    assert planned(site(), ask(amount=250)) == Request(
        "GET",
        "/openapi/v1.0/cdr/list",
        (("page", "1"), ("page_size", "250"), ("sort_by", "time"), ("order_by", "desc")),
        headers=(AGENT,),
    )
    oldest = planned(site(), ask(newest=False, amount=250), 500)
    assert dict(oldest.params) == {
        "page": "3", "page_size": "250", "sort_by": "time", "order_by": "asc",
    }  # fmt: skip


def test_a_search_asks_in_seconds_with_a_second_more_on_both_sides() -> None:
    since = datetime(2026, 3, 1, 8, 0, 0, 500_000, tzinfo=UTC)
    until = datetime(2026, 3, 1, 9, 0, 0, 500_000, tzinfo=UTC)
    busy = Condition("disposition", (CallDisposition.BUSY,))
    wanted = ask(since, until, conditions=(busy,))
    assert planned(site(facts=NEWEST), wanted, 1000) == Request(
        "GET",
        "/openapi/v1.0/cdr/search",
        (
            ("page", "2"), ("page_size", "1000"),
            ("start_time", "1772351999"), ("end_time", "1772355602"),
            ("status", "BUSY"),
        ),
        headers=(AGENT,),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("date_format", "hours", "start", "end"),
    [
        ("MM/DD/YYYY", 24, "03/01/2026 23:59:59", "03/02/2026 12:00:01"),
        ("DD/MM/YYYY", 12, "01/03/2026 11:59:59 PM", "02/03/2026 12:00:01 PM"),
        ("YYYY/MM/DD", 12, "2026/03/01 11:59:59 PM", "2026/03/02 12:00:01 PM"),
    ],
)
def test_an_older_search_asks_in_the_display_format_and_without_pages(
    date_format: str, hours: int, start: str, end: str
) -> None:
    at = site(facts={**OLD, "date_format": date_format, "clock_hours": hours})
    since = datetime(2026, 3, 1, 16, 0, tzinfo=UTC)
    request = planned(at, ask(since, since + timedelta(hours=12)))
    assert request.path == "/openapi/v1.0/cdr/search"
    assert request.params == (("start_time", start), ("end_time", end))


def test_an_edge_in_an_hour_that_the_clock_shows_twice_moves_out_of_it() -> None:
    # Berlin, 26 October 2025: 02:00 to 03:00 is shown first at 00 UTC and again at 01 UTC.
    at = site("Europe/Berlin", OLD)
    for minute in (10, 70):
        moment = int((datetime(2025, 10, 26, tzinfo=UTC) + minutes(minute)).timestamp())
        early = protocol.displayed(at, moment, earlier=True)
        late = protocol.displayed(at, moment, earlier=False)
        assert early.startswith("10/26/2025 01:")
        assert late.startswith("10/26/2025 03:")


@pytest.mark.parametrize("largest", [50, 57, 1000])
def test_a_page_holds_the_position_asked_for_and_enough_after_it(largest: int) -> None:
    for amount in (1, 78, 250, 5000):
        for offset in [*range(0, 700, 7), 999, 1000, 12_345, 99_991]:
            page, size = page_of(offset, amount, largest)
            first = (page - 1) * size
            assert 1 <= size <= largest
            assert first <= offset < first + size
            assert first + size - offset >= min(amount, largest) // 3
    assert page_of(0, 250, 1000) == (1, 250)
    assert page_of(997, 250, 1000) == (4, 312)


def test_one_disposition_is_told_to_a_search_and_numbers_never_are() -> None:
    at = site(facts=NEWEST)

    def how(name: str, *values: Any) -> Exactness:
        return protocol.exactness(at, Condition(name, values))

    assert how("disposition", CallDisposition.ANSWERED) is Exactness.SUPERSET
    both = (CallDisposition.NO_ANSWER, CallDisposition.ABANDONED)
    assert how("disposition", *both) is Exactness.SUPERSET
    assert how("disposition", CallDisposition.ANSWERED, CallDisposition.BUSY) is Exactness.NONE
    assert how("disposition", CallDisposition.REJECTED) is Exactness.NONE
    for name in ("number", "caller", "callee", "extension", "did", "direction"):
        assert how(name, "2005") is Exactness.NONE


# Replies

LIST_REQUEST = Request(
    "GET", "/openapi/v1.0/cdr/list", (("page", "3"), ("page_size", "4"), ("sort_by", "time"))
)
WHOLE_REQUEST = Request("GET", "/openapi/v1.0/cdr/search", (("start_time", "x"),))


def answer(rows: list[Any], total: int | None = 2579) -> Reply:
    body = {"errcode": 0, "errmsg": "SUCCESS", "data": rows}
    return reply(body if total is None else {**body, "total_number": total})


def test_a_page_tells_where_it_stands_and_whether_more_follows() -> None:
    page = protocol.read(site(), answer(SAMPLE), LIST_REQUEST, ask())
    assert [row.id for row in page.rows] == [2714, 2713, 2712, 2711]
    assert (page.offset, page.more, page.total, page.split) == (8, True, 2579, False)
    last = protocol.read(site(), answer(SAMPLE, 12), LIST_REQUEST, ask())
    assert (last.more, last.total) == (False, 12)
    untold = protocol.read(site(), answer(SAMPLE, None), LIST_REQUEST, ask())
    assert (untold.more, untold.total) == (True, None)
    short = protocol.read(site(), answer(SAMPLE[:3], None), LIST_REQUEST, ask())
    assert not short.more


def test_an_answer_without_pages_is_whole_or_must_be_split() -> None:
    whole = protocol.read(site(), answer(SAMPLE, 4), WHOLE_REQUEST, ask())
    assert (whole.offset, whole.more, whole.split) == (0, False, False)
    part = protocol.read(site(), answer(SAMPLE, 5), WHOLE_REQUEST, ask())
    assert (part.more, part.split) == (False, True)


def test_data_not_found_is_an_empty_list() -> None:
    missing = reply({"errcode": 60001, "errmsg": "DATA NOT FOUND"})
    assert judge(missing, LIST_REQUEST) is None
    page = protocol.read(site(), missing, LIST_REQUEST, ask(raw=True))
    assert (page.rows, page.raws, page.more, page.total) == ([], [], False, 0)
    nothing = protocol.read(site(), answer([], 0), LIST_REQUEST, ask())
    assert (nothing.rows, nothing.more) == ([], False)


def test_a_row_that_is_not_as_documented_is_skipped_and_counted() -> None:
    rows = [SAMPLE[0], {**SAMPLE[1], "disposition": {"no": "word"}}, "no row", SAMPLE[3]]
    page = protocol.read(site(), answer(rows), LIST_REQUEST, ask())
    assert [row.id for row in page.rows] == [2714, 2711]
    assert (page.skipped, page.offset, page.more) == (2, 8, True)


def test_rows_are_kept_as_sent_if_they_are_wanted() -> None:
    page = protocol.read(site(), answer(SAMPLE), LIST_REQUEST, ask(raw=True))
    assert page.raws is not None
    assert [json.loads(bytes(raw)) for raw in page.raws] == SAMPLE


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"data": []}', b'{"errcode": 0, "data": 7}', b'{"errcode":']
)
def test_what_is_no_answer_of_a_pbx_is_malformed(body: bytes) -> None:
    assert judge(reply(body), LIST_REQUEST) is None
    with pytest.raises(SourceMalformed):
        protocol.read(site(), reply(body), LIST_REQUEST, ask())


# Verdicts

DOCUMENTED = (
    -2, -1, 1, 2, 10001, 10002, 10003, 10004, 10005, 10009, 40001, 40002, 40003, 40004, 60002,
    60101, 70004, 70082, 70084, 70087, 70091, 70093, 70106, 70120, 70123, 70128, 70130, 70132,
    70510, 70514, 70515,
)  # fmt: skip


def verdict(code: int, request: Request = LIST_REQUEST) -> SourceError | Expired | None:
    return judge(reply({"errcode": code, "errmsg": "…"}), request)


@pytest.mark.parametrize("code", DOCUMENTED)
def test_every_documented_code_has_its_verdict(code: int) -> None:
    found = verdict(code)
    if code == 10004:
        assert isinstance(found, Expired)
        return
    wanted = {
        -2: SourceUnavailable, -1: SourceUnavailable, 1: SourceUnavailable, 2: SourceUnavailable,
        70082: SourceThrottled, 10005: SourceRefused, 10009: SourceRefused, 70004: SourceRefused,
        70084: SourceRefused, 70087: SourceRefused, 70120: SourceRefused, 70123: SourceRefused,
    }.get(code, SourceRejected)  # fmt: skip
    assert type(found) is wanted
    assert isinstance(found, SourceError)
    assert found.detail == str(code)
    assert code in protocol._VERDICTS


def test_success_has_no_verdict_and_an_unheard_code_is_our_mistake() -> None:
    assert verdict(0) is None
    assert type(verdict(79999)) is SourceRejected


def test_a_code_is_found_wherever_it_stands() -> None:
    late = reply({"errmsg": "TOKEN EXPIRED", "data": SAMPLE, "errcode": 10004})
    assert isinstance(judge(late, LIST_REQUEST), Expired)
    assert type(judge(reply({"errcode": 40002}, 400), LIST_REQUEST)) is SourceRejected
    assert judge(reply(b"Bad Gateway", 502), LIST_REQUEST) is None


def test_a_refused_sign_in_is_refused_whatever_the_code_but_a_full_house_is_waited_for() -> None:
    request = auth.sign_in(site())
    assert request is not None
    for code in (-1, 10001, 10004, 10005, 40001, 40002, 60001, 70004, 70087, 70123, 79999):
        found = verdict(code, request)
        assert type(found) is SourceRefused, code
        assert found.detail == str(code)
    full = verdict(60002, request)
    assert type(full) is SourceThrottled
    assert full.retry_after_seconds == 60
    assert type(verdict(-2, request)) is SourceUnavailable
    assert type(verdict(70082, request)) is SourceThrottled
    assert verdict(0, request) is None


# The mapping


def test_every_path_of_a_call_has_a_source_or_a_reason() -> None:
    told = {field.path for field in mapping.LOGS if not field.path.startswith("details.")}
    wanted = {"session_id"}
    for name in Call.__annotations__:
        if name in ("caller", "callee"):
            wanted |= {f"{name}.{part}" for part in ("number", "e164", "extension", "name",
                                                     "domain")}  # fmt: skip
        elif name not in ("id", "source", "unit", "details", "raw"):
            wanted.add(name)
    assert told.isdisjoint(mapping.NEVER)
    assert told | {path for path in mapping.NEVER if not path.startswith("hangup.")} == wanted
    assert all(reason.endswith(".") for reason in mapping.NEVER.values())


def test_every_documented_key_of_a_row_is_reached_by_a_field() -> None:
    documented = {
        "id", "time", "timestamp", "uid", "call_from", "call_to", "src_addr", "src_trunk",
        "dst_trunk", "duration", "ring_duration", "talk_duration", "disposition", "call_type",
        "did_number", "dod_number", "record_file", "reason", "call_from_number", "call_from_name",
        "call_to_number", "call_to_name", "call_id", "new_id", "did", "pin_code", "did_name",
        "call_note_id", "enb_call_note",
    }  # fmt: skip
    used: set[str] = set()
    for field in mapping.LOGS:
        used.update((field.wire,) if isinstance(field.wire, str) else field.wire)
    assert used == documented == {info.name for info in msgspec.structs.fields(wire.Row)}
    shown = {field.path[8:] for field in mapping.LOGS if field.path.startswith("details.")}
    assert shown == set(YeastarDetails.__annotations__) - {"VENDOR_NAME"}


def test_the_guides_first_row_is_told_field_by_field() -> None:
    made = leg(SAMPLE[0])
    party = {"e164": None}
    assert vars(made.caller) == {
        "number": "2005", "extension": "2005", "name": "Kristin Hale", **party,
    }  # fmt: skip
    assert vars(made.callee) == {
        "number": "2008", "extension": "2008", "name": "Anna Simmons", **party,
    }  # fmt: skip
    assert vars(made.hangup) == {
        "cause": None, "sip_code": None, "party": HangupParty.CALLER, "reason": "src hangup",
    }  # fmt: skip
    assert vars(made.recording) == {
        "name": "20220614111933-1655176768.0-2005-2008-Internal.wav", "url": None, "expected": True,
    }  # fmt: skip
    assert vars(made.details) == {
        "vendor": "yeastar", "sequence_number": "2714", "new_id": None,
        "uid": "20220614111928CC54A", "call_id": None, "time": "06/14/2022 11:19:28",
        "call_from": "Kristin Hale<2005>", "call_to": "Anna Simmons<2008>",
        "src_addr": "192.168.28.25", "talk_duration_seconds": 46, "disposition": "ANSWERED",
        "call_type": "Internal", "reason": "src hangup", "did": None, "did_name": None,
        "pin_code": None, "call_note_id": None, "enb_call_note": None,
    }  # fmt: skip
    plain = {
        name: value
        for name, value in vars(made).items()
        if name not in ("caller", "callee", "hangup", "recording", "details")
    }
    assert plain == {
        "native_id": "2714", "call_key": "20220614111928CC54A",
        "session_id": "20220614111928CC54A",
        "started_at": datetime(2022, 6, 14, 3, 19, 28, tzinfo=UTC),
        "answered_at": datetime(2022, 6, 14, 3, 19, 30, tzinfo=UTC),
        "ended_at": datetime(2022, 6, 14, 3, 20, 16, tzinfo=UTC),
        "direction": CallDirection.INTERNAL, "disposition": CallDisposition.ANSWERED,
        "answered_by": AnsweredBy.PERSON, "total_seconds": 48, "ring_seconds": 2,
        "talk_seconds": 46, "queue_seconds": None, "trunk_in": None, "trunk_out": None,
        "did": None, "shown_number": None, "queue": None,
    }  # fmt: skip


def test_newer_firmware_tells_more_of_a_row() -> None:
    made = leg(
        {
            "time": "07/01/2026 02:37:17", "timestamp": 1782844640, "uid": "20260701023717A1B2C",
            "new_id": "0A1B2C3D-4E5F6071", "call_id": "1782844637.854",
            "call_from": "Acme <x><+4930123456>", "call_from_number": "+4930123456",
            "call_from_name": "Acme <x>", "call_to": "Queue Sales<6400>", "call_to_number": "6400",
            "call_to_name": "Queue Sales", "src_trunk": "berlin-sip", "duration": 85,
            "ring_duration": 11, "talk_duration": 74, "disposition": "ANSWERED",
            "call_type": "Inbound", "did_number": "+493022610100", "did": ["+493022610100", "x"],
            "pin_code": " ", "did_name": "Line 1", "call_note_id": 7, "enb_call_note": 1,
        }
    )  # fmt: skip
    assert (made.native_id, made.call_key) == ("0A1B2C3D-4E5F6071", "1782844637.854")
    assert (made.caller.name, made.caller.e164) == ("Acme <x>", "+4930123456")
    assert (made.caller.extension, made.callee.extension) == (None, None)
    assert (made.queue, made.queue_seconds, made.ring_seconds) == ("Sales", 11, None)
    assert (made.answered_by, made.talk_seconds) == (AnsweredBy.MACHINE, 74)
    assert (made.trunk_in, made.did) == ("berlin-sip", "+493022610100")
    details = made.details
    assert (details.did, details.did_name, details.pin_code) == ("+493022610100, x", "Line 1", None)
    assert (details.call_note_id, details.enb_call_note) == ("7", True)


@pytest.mark.parametrize(
    ("word", "to", "disposition", "by", "talk"),
    [
        ("ANSWERED", "Anna<2008>", "ANSWERED", "PERSON", 9),
        ("ANSWERED", "21000", "ANSWERED", "PERSON", 9),
        ("ANSWERED", "IVR Main<6201>", "ANSWERED", "MACHINE", 9),
        ("ANSWERED", "ivr", "ANSWERED", "MACHINE", 9),
        ("ANSWERED", "PlayFile", "ANSWERED", "MACHINE", 9),
        ("ANSWERED", "Play Prompt welcome", "ANSWERED", "MACHINE", 9),
        ("ANSWERED", "Satisfaction Survey", "ANSWERED", "MACHINE", 9),
        ("ANSWERED", "Voicemail Anna<2008>", "ANSWERED", "MACHINE", 9),
        ("ANSWERED", "QUEUE sales<6400>", "ANSWERED", "MACHINE", 9),
        ("ANSWERED", "Menü<6209>", "ANSWERED", "MACHINE", 9),
        ("ANSWERED", "队列<6409>", "ANSWERED", "MACHINE", 9),
        ("ANSWERED", "Queueing Theo<2009>", "ANSWERED", "PERSON", 9),
        ("NO ANSWER", "Anna<2008>", "NO_ANSWER", "NOBODY", 0),
        ("NO ANSWER", "Queue Sales<6400>", "ABANDONED", "NOBODY", 0),
        ("NO ANSWER", "队列<6409>", "ABANDONED", "NOBODY", 0),
        ("BUSY", "Anna<2008>", "BUSY", "NOBODY", 0),
        ("FAILED", "Anna<2008>", "FAILED", "NOBODY", 0),
        ("VOICEMAIL", "Voicemail Anna<2008>", "VOICEMAIL", "MACHINE", 0),
        (" answered ", "Anna<2008>", "ANSWERED", "PERSON", 9),
        ("PARKED ELSEWHERE", "Anna<2008>", "UNKNOWN", "UNKNOWN", 9),
        (None, "Anna<2008>", "UNKNOWN", "UNKNOWN", 9),
    ],
)
def test_words_and_labels_tell_how_it_ended_and_who_picked_up(
    word: str | None, to: str, disposition: str, by: str, talk: int
) -> None:
    at = site(queue_numbers=("6409",), machine_numbers=("6209",))
    row = {"timestamp": 1, "disposition": word, "call_to": to, "talk_duration": 9}
    made = leg(row, at)
    assert (made.disposition.value, made.answered_by.value) == (disposition, by)
    assert (made.talk_seconds, made.details.talk_duration_seconds) == (talk, 9)
    assert dict(at.unknown_words) == ({word: 1} if word and "PARKED" in word else {})


def test_blanks_are_null_and_zero_is_zero() -> None:
    made = leg({"timestamp": 1, "id": 5, "call_to": " ", "record_file": "", "reason": "   "})
    for name in ("total_seconds", "ring_seconds", "talk_seconds", "queue_seconds", "ended_at",
                 "answered_at", "recording", "hangup", "queue", "did", "trunk_in"):  # fmt: skip
        assert getattr(made, name) is None, name
    assert (made.callee.number, made.callee.name, made.caller.number) == (None, None, None)
    zero = leg({"timestamp": 1, "disposition": "ANSWERED", "duration": 0, "ring_duration": 0,
                "talk_duration": 0, "call_to": "2008"})  # fmt: skip
    assert (zero.total_seconds, zero.ring_seconds, zero.talk_seconds) == (0, 0, 0)
    assert zero.answered_at == zero.ended_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_a_hop_without_ringing_was_answered_when_its_talk_began() -> None:
    row = {"timestamp": 1000, "disposition": "ANSWERED", "call_to": "IVR Main<6201>"}
    begin = datetime.fromtimestamp(1000, UTC)
    assert leg({**row, "duration": 8, "talk_duration": 8}).answered_at == begin
    assert leg({**row, "duration": 8, "talk_duration": 5}).answered_at == begin + minutes(0.05)
    assert leg({**row, "duration": 8}).answered_at is None
    assert leg({**row, "disposition": "VOICEMAIL", "duration": 8}).answered_at is None


@pytest.mark.parametrize(
    ("reason", "party", "kept"),
    [
        ("src hangup    ", HangupParty.CALLER, "src hangup"),
        ("dst extension_busy_no_forward    ", HangupParty.CALLEE, "dst extension_busy_no_forward"),
        ("third party intervened", HangupParty.UNKNOWN, "third party intervened"),
    ],
)
def test_the_first_word_of_a_reason_tells_who_hung_up(
    reason: str, party: HangupParty, kept: str
) -> None:
    made = leg({"timestamp": 1, "reason": reason}).hangup
    assert (made.party, made.reason) == (party, kept)


@pytest.mark.parametrize(
    ("label", "number", "name", "side"),
    [
        ("Kristin Hale<2005>", None, None, ("2005", "Kristin Hale")),
        ("Lars <IT> Holm<2006>", None, None, ("2006", "Lars <IT> Holm")),
        ("Tom, Front Desk<2010>", None, None, ("2010", "Tom, Front Desk")),
        ("李 明<2007>", None, None, ("2007", "李 明")),
        ("21000", None, None, ("21000", None)),
        ("+49 (30) 12-34", None, None, ("+49 (30) 12-34", None)),
        ("*97", None, None, ("*97", None)),
        ("PlayFile", None, None, (None, "PlayFile")),
        ("Play Prompt 1", None, None, (None, "Play Prompt 1")),
        ("anonymous<anonymous>", None, None, (None, "anonymous")),
        ("Satisfaction Survey", "Satisfaction Survey", "", (None, "Satisfaction Survey")),
        ("IVR Main<6201>", "IVR Main", None, ("6201", "IVR Main")),
        ("Anna<1>", 2008, "Anna S.", ("2008", "Anna S.")),
        ("Anna", "2008", None, ("2008", "Anna")),
        (None, None, None, (None, None)),
    ],
)
def test_a_label_is_read_as_name_and_number(
    label: str | None, number: object, name: object, side: tuple[str | None, str | None]
) -> None:
    assert labels.side(label, number, name) == side


def test_a_busy_outbound_call_that_is_labelled_inbound_is_outbound_by_its_trunk() -> None:
    row = {"timestamp": 1, "call_type": "Inbound", "dst_trunk": "berlin-sip",
           "call_from": "Anna<2008>", "call_to": "+4930123456"}  # fmt: skip
    assert leg(row).direction is CallDirection.OUTBOUND
    assert leg(row).caller.extension == "2008"
    assert leg(row).details.call_type == "Inbound"
    assert leg(row, site(mend_direction=False)).direction is CallDirection.INBOUND
    assert leg({**row, "src_trunk": "x"}).direction is CallDirection.INBOUND
    at = site()
    assert leg({**row, "call_type": "Sideways"}, at).direction is CallDirection.UNKNOWN
    assert dict(at.unknown_words) == {"Sideways": 1}


def test_a_row_without_ids_is_known_by_a_keyed_hash() -> None:
    row = wire.Row(uid="20220614111928CC54A", timestamp=1, call_from="a<1>", call_to="b<2>")
    key = mapping.row_key(site(), row)
    assert key == mapping.row_key(site(), msgspec.structs.replace(row, duration=9))
    other = msgspec.structs.replace(site(), hash_key=b"another")
    assert key != mapping.row_key(other, row)
    assert key != mapping.row_key(site(), msgspec.structs.replace(row, call_to="c<3>"))
    assert leg({"uid": row.uid, "timestamp": 1, "call_from": "a<1>", "call_to": "b<2>"}
               ).native_id == key  # fmt: skip
    bare = wire.Row(timestamp=1)
    assert mapping.call_key(site(), bare) == mapping.row_key(site(), bare)


@pytest.mark.parametrize(
    ("zone", "row", "facts", "start"),
    [
        ("UTC", {"call_id": "1655176768.0"}, {}, 1655176768),
        ("Asia/Shanghai", {"uid": "20220614111928CC54A"}, {}, 1655176768),
        ("Asia/Shanghai", {"uid": "20220614101928CC54A"}, {}, 1655173168),
        ("Asia/Shanghai", {"uid": "20220614111928CC54A"}, {"zone_agrees": False}, None),
        ("UTC", {"uid": "20220614111928CC54A"}, {}, None),
        ("America/New_York", {"uid": "20220614111928CC54A"}, {}, None),
        ("Asia/Shanghai", {"uid": "20220614061928CC54A"}, {}, None),
        ("Asia/Shanghai", {"uid": "20221314111928CC54A"}, {}, None),
        ("Asia/Shanghai", {"uid": "nonsense", "call_id": "SIP/2005-1"}, {}, None),
        ("Asia/Shanghai", {"new_id": "0A1B2C3D-4E5F6071"}, {}, None),
    ],
)
def test_a_key_tells_when_its_call_began_unless_it_contradicts_the_row(
    zone: str, row: dict[str, Any], facts: dict[str, Any], start: int | None
) -> None:
    found = mapping.call_start(site(zone, facts), wire.Row(timestamp=1655176768, **row))
    assert found == (None if start is None else datetime.fromtimestamp(start, UTC))


# The whole product

EVERYTHING = (
    "id nativeId callKey unit startedAt answeredAt ringingAt endedAt direction disposition "
    "answeredBy totalSeconds ringSeconds talkSeconds holdSeconds queueSeconds billedSeconds "
    "trunkIn trunkOut did shownNumber queue agent account userData cost { amount } "
    "caller { number e164 extension name domain } callee { number e164 extension name domain } "
    "hangup { cause sipCode party reason } recording { name url expected } "
    "details { vendor ... on YeastarDetails { sequenceNumber newId uid callId time callFrom callTo "
    "srcAddr talkDurationSeconds disposition callType reason did didName pinCode callNoteId "
    "enbCallNote } }"
)
OUTCOME = "outcomes { state code message retryable retryAfterSeconds skippedRecords retries }"


def seconds_of(text: str | None) -> int | None:
    return None if text is None else int(datetime.fromisoformat(text).timestamp())


def epoch_of(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


async def outcome(api: Api) -> dict[str, Any]:
    """What became of one question, whether or not it could be answered"""
    answered = await api.ask(f"{{ callRecords(first: 5) {{ nodes {{ id }} {OUTCOME} }} }}")
    if answered.errors:
        found: dict[str, Any] = answered.errors[0]["extensions"]["outcomes"][0]
    else:
        found = answered.data["callRecords"]["outcomes"][0]
    return found


def test_the_guides_rows_come_through_the_product_field_by_field() -> None:
    async def work() -> None:
        profile = {"yeastar": {"profile": "A"}}
        async with product("yeastar", given={"yeastar": SAMPLE}, switches=profile) as api:
            page = await api.pages(f"{EVERYTHING} logs {{ nativeId }}")
        assert [node["callKey"] for node in page] == [row["uid"] for row in SAMPLE]
        assert [[one["nativeId"] for one in node["logs"]] for node in page] == [
            ["2714"], ["2713"], ["2712"], ["2711"],
        ]  # fmt: skip
        names = (
            "startedAt", "answeredAt", "endedAt", "direction", "disposition", "answeredBy",
            "totalSeconds", "ringSeconds", "talkSeconds", "trunkOut", "shownNumber",
        )  # fmt: skip
        assert [tuple(node[name] for name in names) for node in page] == [
            ("2022-06-14T03:19:28Z", "2022-06-14T03:19:30Z", "2022-06-14T03:20:16Z", "INTERNAL",
             "ANSWERED", "PERSON", 48, 2, 46, None, None),
            ("2022-05-30T06:57:00Z", "2022-05-30T06:57:01Z", "2022-05-30T06:57:49Z", "INTERNAL",
             "ANSWERED", "PERSON", 49, 1, 48, None, None),
            ("2022-05-30T06:55:49Z", "2022-05-30T06:55:51Z", "2022-05-30T06:56:43Z", "OUTBOUND",
             "ANSWERED", "PERSON", 54, 2, 52, "to28.41", "2005"),
            ("2022-05-30T06:55:00Z", None, None, "OUTBOUND",
             "NO_ANSWER", "NOBODY", None, None, 0, "peer-to-34", "2005"),
        ]  # fmt: skip
        kristin = {"number": "2005", "e164": None, "extension": "2005", "name": "Kristin Hale",
                   "domain": None}  # fmt: skip
        outside = {**kristin, "number": "21000", "extension": None, "name": None}
        sides = [(node["caller"], node["callee"]) for node in page]
        anna = {**kristin, "number": "2008", "extension": "2008", "name": "Anna Simmons"}
        machine = {**kristin, "number": None, "extension": None, "name": "PlayFile"}
        assert sides == [
            (kristin, anna), (machine, kristin), (kristin, outside), (kristin, outside),
        ]  # fmt: skip
        ends = [(node["hangup"]["party"], node["hangup"]["reason"]) for node in page]
        assert ends == [
            ("CALLER", "src hangup"),
            ("CALLER", "src hangup"),
            ("CALLEE", "dst hangup"),
            ("CALLEE", "dst extension_busy_no_forward"),
        ]
        files = [node["recording"] and node["recording"]["name"] for node in page]
        assert files == [row.get("record_file") for row in SAMPLE]
        never = ("did", "trunkIn", "queue", "queueSeconds", "holdSeconds", "ringingAt", "cost",
                 "agent", "account", "userData", "billedSeconds")  # fmt: skip
        assert {node[name] for node in page for name in never} == {None}

    run(work)


@pytest.mark.parametrize("more", [{}, {"mislabel": True, "reason": True, "survey": True}])
def test_calls_are_what_really_happened(more: dict[str, Any]) -> None:
    async def work() -> None:
        switches = {"yeastar": {"profile": "B", **more}}
        async with product("yeastar", calls=CALLS, switches=switches) as api:
            page = await api.pages(f"{EVERYTHING} logs {{ talkSeconds }}", first=60)
        found = {node["callKey"]: node for node in page}
        assert len(page) == len(found) == len(CALLS)
        for call in CALLS:
            node = found[f"{epoch_of(call.started_at)}.{call.number}"]
            outcomes = {"cancelled": "NO_ANSWER"}
            assert node["disposition"] == outcomes.get(call.outcome, call.outcome.upper())
            assert node["direction"] == call.direction.upper()
            assert seconds_of(node["startedAt"]) == epoch_of(call.started_at)
            assert seconds_of(node["answeredAt"]) == epoch_of(call.answered_at)
            assert node["caller"]["number"] == call.caller.number
            assert node["caller"]["name"] == (call.caller.name or None)
            assert node["callee"]["number"] == call.callee.number
            assert node["talkSeconds"] == call.talk_seconds
            assert (node["queueSeconds"] or 0) == call.queue_seconds
            assert node["queue"] == (call.queue and call.queue.name)
            assert node["did"] == call.did
            assert (node["trunkIn"] or node["trunkOut"]) == call.trunk
            assert (node["recording"] is not None) == call.recorded
            extra = 1 if more and call.queue and call.answered else 0
            assert len(node["logs"]) == len(call.legs) + extra
            if not extra:
                assert (node["totalSeconds"] or 0) == call.total_seconds
            by = {"answered": "PERSON", "voicemail": "MACHINE"}
            assert node["answeredBy"] == by.get(call.outcome, "NOBODY")
            inside = call.direction != "inbound"
            assert node["caller"]["extension"] == (call.caller.number if inside else None)
            if more and call.outcome == "answered":
                assert node["hangup"]["party"] == call.hung_up_by.upper()

    run(work)


PAGED: tuple[dict[str, Any], ...] = (
    {"profile": "A"},
    {"profile": "B", "shuffle_ties": True, "no_rows": "not_found"},
)


@pytest.mark.parametrize("switches", PAGED)
def test_small_pages_give_every_call_once_in_both_orders(switches: dict[str, Any]) -> None:
    async def work() -> None:
        source = {"vendor": "yeastar", "options": {"page_size": 50}}
        async with product(source, calls=CALLS, switches={"yeastar": switches}) as api:
            whole = await api.pages("id startedAt nativeId", first=200)
            newest = await api.pages("id startedAt nativeId", first=9)
            oldest = await api.pages("id startedAt nativeId", "orderBy: OLDEST_FIRST", first=9)
            last = await api.pages("id startedAt nativeId", first=25, backwards=True)
            legs = await api.pages("nativeId", root="callLogs", first=50)
        assert whole == newest == oldest[::-1] == last
        keys = [(node["startedAt"], node["nativeId"]) for node in whole]
        assert keys == sorted(keys, reverse=True)
        hops = sum(len(call.legs) for call in CALLS)
        assert len({node["nativeId"] for node in legs}) == len(legs) == hops
        assert len(whole) == (hops if switches["profile"] == "A" else len(CALLS))

    run(work)


SEARCHED: tuple[tuple[dict[str, Any], dict[str, Any], str], ...] = (
    ({"profile": "B", "start_inclusive": False, "end_inclusive": False}, {}, "cdr/search"),
    ({"profile": "B", "search_order": "shuffled", "shuffle_ties": True}, {}, "cdr/search"),
    ({"profile": "B", "information": False}, {}, "cdr/list"),
    ({"profile": "B", "search": False}, {"options": {"search": "none"}}, "cdr/list"),
    ({"profile": "A", "date_format": "DD/MM/YYYY", "hours": 12}, {}, "cdr/search"),
    ({"profile": "A"}, {"time_zone": "UTC"}, "cdr/list"),
)


@pytest.mark.parametrize(("switches", "settings", "path"), SEARCHED)
def test_a_window_gives_exactly_its_calls_however_the_pbx_is_searched(
    switches: dict[str, Any], settings: dict[str, Any], path: str
) -> None:
    since, until = CALLS[20].started_at, CALLS[40].started_at
    window = f'filter: {{ since: "{since.isoformat()}", until: "{until.isoformat()}" }}'

    async def work() -> None:
        source = {"vendor": "yeastar", **settings}
        async with product(source, calls=CALLS, switches={"yeastar": switches}) as api:
            every = await api.pages("startedAt nativeId", "unit: LEG", first=200)
            seen = len(api.worlds["yeastar"].received)
            legs = await api.pages("startedAt nativeId", f"unit: LEG, {window}", first=70)
            calls = await api.pages("startedAt nativeId callKey", window, first=30)
            asked = {r.path for r in api.worlds["yeastar"].received[seen:]}
        assert asked == {f"/openapi/v1.0/{path}"}
        inside = [
            node for node in every if since <= datetime.fromisoformat(node["startedAt"]) < until
        ]
        assert legs == inside
        wanted = [call for call in CALLS if since <= call.started_at < until]
        if switches["profile"] == "B":
            assert {node["callKey"] for node in calls} == {
                f"{epoch_of(call.started_at)}.{call.number}" for call in wanted
            }
        else:
            assert [node["startedAt"] for node in calls] == [n["startedAt"] for n in inside]

    run(work)


def test_a_disposition_is_told_to_a_search_and_checked_again() -> None:
    until = NOW - minutes(1)
    window = (f'filter: {{ since: "{(until - timedelta(days=1.9)).isoformat()}", '
              f'until: "{until.isoformat()}", disposition: [ABANDONED] }}')  # fmt: skip

    async def work() -> None:
        async with product("yeastar", calls=CALLS) as api:
            await outcome(api)
            found = await api.pages("disposition queue answeredBy", f"unit: LEG, {window}")
            asked = api.worlds["yeastar"].received[-1]
            calls = await api.pages("disposition", window)
        assert "status=NO+ANSWER" in asked.query
        assert len(found) == len(calls) > 0
        assert {node["disposition"] for node in found + calls} == {"ABANDONED"}
        assert all(node["queue"] and node["answeredBy"] == "NOBODY" for node in found)

    run(work)


@pytest.mark.parametrize("options", [{}, {"search": "none"}])
@pytest.mark.parametrize("profile", ["A", "B"])
def test_a_lookup_gives_what_the_list_gave(profile: str, options: dict[str, Any]) -> None:
    async def work() -> None:
        source = {"vendor": "yeastar", "options": options}
        switches = {"yeastar": {"profile": profile, "reason": True}}
        async with product(source, calls=CALLS, switches=switches) as api:
            legs = f"logs {{ {EVERYTHING} }}"
            page = await api.pages(f"{EVERYTHING} {legs}", first=60)
            for node in page[3:60:11]:
                again = await api.good(
                    f"query Q($id: ID!) {{ callRecord(id: $id) {{ {EVERYTHING} {legs} }} }}",
                    id=node["id"],
                )
                assert again["callRecord"] == node
                log = await api.good(
                    f"query Q($id: ID!) {{ callLog(id: $id) {{ {EVERYTHING} sessionId "
                    "record { id callKey } } }",
                    id=node["logs"][-1]["id"],
                )
                found = log["callLog"]
                assert found.pop("sessionId") == node["callKey"]
                assert found.pop("record") == {"id": node["id"], "callKey": node["callKey"]}
                assert found == node["logs"][-1]

    run(work)


def test_the_rows_as_sent_can_be_had() -> None:
    async def work() -> None:
        switches = {"yeastar": {"profile": "A"}}
        async with product("yeastar", given={"yeastar": SAMPLE}, switches=switches) as api:
            page = await api.pages("raw", root="callLogs")
        assert [node["raw"] for node in page] == SAMPLE

    run(work)


# Faults


@pytest.mark.parametrize(
    ("fault", "state", "code"),
    [
        ({"kind": "status", "status": 503}, "UNAVAILABLE", None),
        ({"kind": "status", "status": 403}, "REFUSED", None),
        ({"kind": "status", "status": 404}, "REJECTED", None),
        ({"kind": "status", "status": 429}, "THROTTLED", None),
        ({"kind": "html"}, "MALFORMED", None),
        ({"kind": "cut"}, "MALFORMED", None),
        ({"kind": "empty"}, "MALFORMED", None),
        ({"kind": "error"}, "UNAVAILABLE", "-2"),
        ({"kind": "error", "code": "70082"}, "THROTTLED", "70082"),
        ({"kind": "error", "code": "10001"}, "REJECTED", "10001"),
        ({"kind": "error", "code": "10005"}, "REFUSED", "10005"),
        ({"kind": "error", "code": "40002"}, "REJECTED", "40002"),
        ({"kind": "error", "code": "70087"}, "REFUSED", "70087"),
        ({"kind": "error", "code": "60001"}, "OK", None),
        ({"kind": "content_type"}, "OK", None),
    ],
)
def test_each_fault_of_the_list_is_told_for_what_it_is(
    fault: dict[str, Any], state: str, code: str | None
) -> None:
    async def work() -> None:
        async with product("yeastar", count=5) as api:
            api.worlds["yeastar"].fault(**{"path": "cdr/list", "times": 0, **fault})
            found = await outcome(api)
        assert (found["state"], found["code"]) == (state, code)

    run(work)


@pytest.mark.parametrize("code", ["", "70082"])
def test_what_passes_by_itself_is_asked_again(code: str) -> None:
    async def work() -> None:
        async with product("yeastar", count=5) as api:
            api.worlds["yeastar"].fault("error", path="cdr/list", code=code)
            found = await outcome(api)
            assert (found["state"], found["retries"]) == ("OK", 1)

    run(work)


def test_rows_that_come_twice_or_with_new_words_do_no_harm() -> None:
    async def work() -> None:
        async with product("yeastar", calls=CALLS) as api:
            world = api.worlds["yeastar"]
            whole = await api.pages("id", "unit: LEG", first=200)
            world.fault("duplicate", path="cdr/list", times=3)
            assert await api.pages("id", "unit: LEG", first=30) == whole
            world.fault("repeat", path="cdr/list", skip=1)
            assert await api.pages("id", "unit: LEG", first=30) == whole
            world.fault("unknown", path="cdr/list")
            words = "direction disposition answeredBy details { ... on YeastarDetails {"
            page = await api.pages(f"{words} callType }} }}", "unit: LEG", first=200)
            assert {(n["direction"], n["disposition"], n["answeredBy"]) for n in page} == {
                ("UNKNOWN", "UNKNOWN", "UNKNOWN")
            }
            assert {n["details"]["callType"] for n in page} == {"Sideways"}
            counted = api.graph.sources.live["yeastar"].site.unknown_words
            assert counted == {"Sideways": len(page), "PARKED ELSEWHERE": len(page)}

    run(work)


def test_rows_of_the_wrong_form_are_left_out_and_counted() -> None:
    async def work() -> None:
        rows = [SAMPLE[0], {**SAMPLE[1], "duration": [1]}, {**SAMPLE[2], "timestamp": "soon"}]
        switches = {"yeastar": {"profile": "A"}}
        async with product("yeastar", given={"yeastar": rows}, switches=switches) as api:
            data = await api.good("{ callRecords { nodes { nativeId } complete " + OUTCOME + " } }")
        page = data["callRecords"]
        assert [node["nativeId"] for node in page["nodes"]] == [SAMPLE[0]["uid"]]
        assert page["complete"] is False
        assert page["outcomes"][0]["skippedRecords"] == 2

    run(work)


# The token's life


def test_every_request_names_a_program_and_the_token_is_given_back() -> None:
    async def work() -> None:
        async with product("yeastar", count=5) as api:
            await outcome(api)
            world = api.worlds["yeastar"]
        paths = [r.path.removeprefix("/openapi/v1.0/") for r in world.received]
        assert paths == ["get_token", "system/information", "cdr/list", "del_token"]
        assert {r.headers["user-agent"] for r in world.received} == {"OpenAPI"}
        for request in world.received[1:]:
            assert "authorization" not in request.headers
            assert "access_token=" in request.query
            assert request.body == b""

    run(work)


def test_an_expired_token_is_renewed_in_its_slot_before_it_ends() -> None:
    async def work() -> None:
        clock = Clock()
        async with product("yeastar", count=5, clock=clock) as api:
            for _ in range(4):
                assert (await outcome(api))["state"] == "OK"
                clock.advance(1790)
            assert api.requests("yeastar", "get_token") == 1
            assert api.requests("yeastar", "refresh_token") == 3
            clock.advance(90_000)
            assert (await outcome(api))["state"] == "OK"
            assert api.requests("yeastar", "refresh_token") == 4
            assert api.requests("yeastar", "get_token") == 2

    run(work)


def test_a_token_that_is_forgotten_in_the_middle_is_replaced_once() -> None:
    async def work() -> None:
        async with product("yeastar", calls=CALLS) as api:
            whole = await api.pages("id", first=200)
            api.worlds["yeastar"].fault("expire", path="cdr/list", skip=2)
            assert await api.pages("id", first=11) == whole
            assert api.requests("yeastar", "get_token") == 2
            assert api.requests("yeastar", "refresh_token") == 1

    run(work)


def test_bad_credentials_are_tried_once_and_never_again() -> None:
    async def work() -> None:
        wrong = {"client_id": "an id", "client_secret": "a secret that is wrong"}
        async with product({"vendor": "yeastar", "credentials": wrong}, count=5) as api:
            for _ in range(7):
                found = await outcome(api)
                assert (found["state"], found["code"]) == ("REFUSED", "40002")
                assert "a secret" not in found["message"]
            assert len(api.worlds["yeastar"].received) == 1

    run(work)


@pytest.mark.parametrize("code", ["70004", "70087", "70123"])
def test_a_closed_door_is_knocked_at_once(code: str) -> None:
    async def work() -> None:
        async with product("yeastar", count=5) as api:
            api.worlds["yeastar"].fault("error", path="get_token", code=code)
            for _ in range(3):
                found = await outcome(api)
                assert (found["state"], found["code"]) == ("REFUSED", code)
            assert len(api.worlds["yeastar"].received) == 1

    run(work)


def test_a_full_house_is_waited_for_without_a_storm() -> None:
    async def work() -> None:
        async with product("yeastar", count=5) as api:
            api.worlds["yeastar"].fault("error", path="get_token", code="60002")
            found = await outcome(api)
            assert (found["state"], found["code"]) == ("THROTTLED", "60002")
            assert found["retryAfterSeconds"] == 60
            assert api.requests("yeastar") == 1
            assert (await outcome(api))["state"] == "OK"

    run(work)


@pytest.mark.parametrize(
    "fault",
    [{"kind": "error", "code": "10005"}, {"kind": "status", "status": 500}, {"kind": "html"}],
)
def test_a_look_at_the_firmware_that_fails_does_not_fail_the_sign_in(fault: dict[str, Any]) -> None:
    async def work() -> None:
        async with product("yeastar", count=5) as api:
            api.worlds["yeastar"].fault(**{"path": "system/information", **fault})
            assert (await outcome(api))["state"] == "OK"
            assert api.graph.sources.live["yeastar"].site.facts == {}

    run(work)


def test_a_configured_token_is_used_as_it_is_and_refused_once_it_lapsed() -> None:
    async def work() -> None:
        source = {"vendor": "yeastar", "credentials": {"access_token": "a token that lapsed"}}
        async with product(source, count=5) as api:
            assert (await outcome(api))["state"] == "REFUSED"
            world = api.worlds["yeastar"]
        assert [r.path for r in world.received] == ["/openapi/v1.0/cdr/list"]

    run(work)


def test_the_manifest_takes_an_address_with_the_api_path_in_it() -> None:
    assert yeastar.VENDOR.prefix == "/openapi/v1.0"
    assert yeastar.VENDOR.records is None
    assert set(get_args(protocol.DateFormat)) == {"MM/DD/YYYY", "DD/MM/YYYY", "YYYY/MM/DD"}

    async def work() -> None:
        source = {"vendor": "yeastar", "base_url": "http://pbx.twin/openapi/v1.0/"}
        async with product(source, count=5) as api:
            assert (await outcome(api))["state"] == "OK"

    run(work)
