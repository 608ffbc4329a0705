"""VoipNow's folder: what is asked, what answers mean, and the whole product over the twin."""

from __future__ import annotations

import asyncio
import functools
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from graph.errors import (
    SourceMalformed,
    SourceRefused,
    SourceRejected,
    SourceUnavailable,
)
from graph.privacy import Secret
from graph.sources import company, voipnow
from graph.sources.compiling import compiled
from graph.sources.contract import (
    Ask,
    Condition,
    Exactness,
    Expired,
    Kind,
    Reply,
    Request,
    Resource,
    Shape,
    Site,
    Token,
)
from graph.sources.voipnow.auth import AUTH, Credentials
from graph.sources.voipnow.details import VoipnowDetails
from graph.sources.voipnow.protocol import LOGS_LIST, RECORDS_LIST, Options, judge
from graph.types.call import (
    AnsweredBy,
    CallDirection,
    CallDisposition,
    CallLog,
    CallRecord,
    Recording,
)
from tests.support import NOW, Api, product

VENDOR = voipnow.VENDOR
SAMPLES = Path(str(voipnow.__file__)).parent / "samples"
CALL: dict[str, Any] = json.loads((SAMPLES / "call.json").read_text())
ENTRIES: list[dict[str, Any]] = json.loads((SAMPLES / "seed_entries.json").read_text())
PUBLISHED: dict[str, str] = json.loads((SAMPLES / "seed_published.json").read_text())
DATED = [{**entry, "published": PUBLISHED[entry["id"]]} for entry in ENTRIES]
STARTED = datetime(2018, 2, 6, 9, 41, 7, tzinfo=UTC)
APP = Credentials(client_id="app", client_secret=Secret("hush"))


def played(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: Any, **named: Any) -> None:
        async def whole() -> None:
            await test(*args, **named)

        asyncio.run(whole())

    return run


def site(credentials: Credentials = APP, **options: Any) -> Site:
    return Site("vn", ZoneInfo("UTC"), credentials, Options(**options), region="DE")


def asked(resource: Resource = RECORDS_LIST, where: Site | None = None, offset: int = 0,
          **given: Any) -> Request:  # fmt: skip
    """The request for an ask, with the shape that the resource chooses for it"""
    where = where or site()
    about: dict[str, Any] = {"since": None, "until": None, "newest_first": True, "now": NOW}
    ask = Ask(**{**about, **given})
    if "shape" not in given:
        ask = msgspec.structs.replace(ask, shape=resource.shape(where, ask))
    return resource.plan(where, ask, offset)


def wanted(*, raw: bool = False) -> Ask:
    return Ask(since=None, until=None, newest_first=True, now=NOW, raw=raw)


def params(request: Request) -> dict[str, str]:
    assert len(dict(request.params)) == len(request.params)
    return dict(request.params)


def period(request: Request) -> tuple[str, str]:
    return params(request)["saveStartDate"], params(request)["saveEndDate"]


def reply(body: Any, status: int = 200) -> Reply:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {"content-type": "application/json"}, sent)


def listed(*entries: Any, **about: Any) -> Reply:
    given = {"entry": list(entries), "startIndex": 0, "totalResults": len(entries)}
    return reply({**given, **about})


def paths(resource: Resource) -> frozenset[str]:
    return frozenset(field.path for field in resource.fields)


def converted(
    *entries: Any, resource: Resource = RECORDS_LIST, where: Site | None = None
) -> list[Any]:
    """Entries through read and mapping, with every field there is"""
    where = where or site()
    page = resource.read(where, listed(*entries), asked(resource, where), wanted())
    target: type = CallRecord if resource is RECORDS_LIST else CallLog
    made: list[Any] = compiled(target, resource, paths(resource), where, VoipnowDetails)(
        page.rows, None
    )
    assert all(made)
    return made


def call(*views: dict[str, Any], **about: Any) -> dict[str, Any]:
    return {"id": "53bec7de3c242d5f87e5", "published": "2018-02-06T09:41:07Z", **about,
            "phoneCallView": list(views)}  # fmt: skip


def one(*views: dict[str, Any], options: dict[str, Any] | None = None, **about: Any) -> Any:
    (record,) = converted(call(*views, **about), where=site(**(options or {})))
    return record


# ---------------------------------------------------------------- requests


def test_a_page_of_calls_is_asked_for_by_the_time_they_were_saved() -> None:
    since, until = NOW - timedelta(days=2), NOW - timedelta(days=1)
    request = asked(since=since, until=until, newest_first=False, wire=frozenset({"id"}))
    assert request == Request(
        "GET",
        "/uapi/cdr",
        (
            ("saveStartDate", "2026-03-02T15:30:00"),
            ("saveEndDate", "2026-03-03T19:30:00"),
            ("startIndex", "0"),
            ("count", "50"),
            ("sortOrder", "asc"),
            ("fields", "id"),
        ),
    )


def test_open_bounds_are_always_given() -> None:
    # Without any date the server answers with the current month.
    assert period(asked()) == ("2000-01-01T00:00:00", "2026-03-05T19:30:00")


def test_bounds_that_are_no_whole_seconds_are_widened() -> None:
    half = timedelta(milliseconds=500)
    request = asked(since=NOW + half - timedelta(days=1), until=NOW + half)
    assert period(request) == ("2026-03-03T15:30:00", "2026-03-04T19:30:01")


def test_bounds_no_clock_can_mean_are_brought_in() -> None:
    far = asked(since=datetime(1, 1, 1, tzinfo=UTC), until=datetime(9999, 12, 31, tzinfo=UTC))
    assert period(far) == period(asked())


def test_a_piece_of_a_list_that_is_not_sorted_is_the_vendors_own_window() -> None:
    ask: dict[str, Any] = {
        "since": NOW - timedelta(days=2),
        "until": NOW - timedelta(days=1),
    }
    request = asked(shape=Shape(sorted=False, lag_seconds=14_400), **ask)
    assert period(request) == ("2026-03-02T15:30:00", "2026-03-03T15:30:00")
    assert params(request)["count"] == "1000"
    legs = asked(LOGS_LIST, **ask)
    assert period(legs) == ("2026-03-02T15:30:00", "2026-03-03T15:30:00")
    assert (params(legs)["startIndex"], params(legs)["count"]) == ("0", "4999")


@pytest.mark.parametrize(
    ("amount", "about", "count"),
    [
        (1, {}, "20"),
        (71, {}, "71"),
        (4050, {}, "1000"),
        (20, {"since": NOW, "until": NOW}, "200"),
        (20, {"until": NOW - timedelta(days=1)}, "1000"),
        (20, {"until": NOW - timedelta(days=1), "offset": 40}, "20"),
    ],
)
def test_a_page_is_as_large_as_what_is_to_be_found_in_it(
    amount: int, about: dict[str, Any], count: str
) -> None:
    assert params(asked(amount=amount, **about))["count"] == count


def test_the_page_size_of_the_options_is_never_passed() -> None:
    small = site(page_size=30)
    assert params(asked(where=small, amount=500))["count"] == "30"
    assert params(asked(where=small, since=NOW, until=NOW))["count"] == "30"


def test_only_the_properties_that_are_needed_are_asked_for() -> None:
    wire = frozenset({"phoneCallView", "published", "id", "leg_id"})
    assert params(asked(wire=wire))["fields"] == "id,published,phoneCallView"
    assert "fields" not in params(asked(wire=None))


def test_both_spellings_of_the_order_can_be_sent() -> None:
    long = site(sort_order="ascending/descending")
    orders = [
        params(asked(where=where, newest_first=newest))["sortOrder"]
        for where in (site(), long)
        for newest in (False, True)
    ]
    assert orders == ["asc", "desc", "ascending", "descending"]


def test_dates_are_written_in_the_zone_in_which_the_system_reads_them() -> None:
    berlin = site(request_zone="Europe/Berlin", max_call_seconds=3600)
    winter = asked(where=berlin, since=NOW - timedelta(days=1), until=NOW)
    assert period(winter) == ("2026-03-03T16:30:00", "2026-03-04T17:30:00")
    # On 25 October 2026 the hour from two to three comes twice.
    twice = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    for moment in (twice, twice + timedelta(hours=1)):
        later: dict[str, Any] = {
            "since": moment,
            "until": moment - timedelta(hours=1),
            "now": moment,
        }
        assert period(asked(where=berlin, **later))[0] == "2026-10-25T01:30:00"
        sooner: dict[str, Any] = {
            "since": moment - timedelta(days=1),
            "until": moment - timedelta(hours=1),
        }
        assert period(asked(where=berlin, now=moment, **sooner))[1] == "2026-10-25T03:30:00"


def test_where_bounds_do_not_belong_to_a_period_a_second_more_is_asked_for() -> None:
    request = asked(where=site(inclusive=False), since=NOW - timedelta(days=1), until=NOW)
    assert period(request) == ("2026-03-03T15:29:59", "2026-03-04T19:30:01")


def test_whose_calls_are_wanted_stands_in_the_path() -> None:
    assert asked(where=site(user_id="33")).path == "/uapi/cdr/33"
    account = (Condition("account", ("761",)),)
    assert asked(where=site(user_id="33"), conditions=account).path == "/uapi/cdr/761"
    assert asked(LOGS_LIST, conditions=account).path == "/uapi/cdr/761"


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (None, None, ("2026-03-03T15:30:00", "2026-03-04T19:30:00")),
        (NOW - timedelta(hours=1), None, ("2026-03-04T14:30:00", "2026-03-04T19:30:00")),
        (None, NOW - timedelta(hours=1), ("2026-03-03T15:30:00", "2026-03-04T14:29:59")),
        (NOW - timedelta(days=3), None, ("2026-03-03T15:30:00", "2026-03-04T19:30:00")),
        (None, NOW + timedelta(days=3), ("2026-03-03T15:30:00", "2026-03-04T19:30:00")),
        (
            NOW - timedelta(milliseconds=500),
            NOW + timedelta(milliseconds=500),
            ("2026-03-04T15:30:00", "2026-03-04T15:30:00"),
        ),
        # Nothing lies in both periods: a second is asked for in which nothing was saved.
        (None, NOW - timedelta(days=3), ("2000-01-01T00:00:00", "2000-01-01T00:00:00")),
    ],
)
def test_the_condition_saved_narrows_the_period(
    since: datetime | None, until: datetime | None, expected: tuple[str, str]
) -> None:
    saved = (Condition("saved", (since, until)),)
    request = asked(since=NOW - timedelta(days=1), until=NOW, conditions=saved)
    assert period(request) == expected


@pytest.mark.parametrize(
    ("condition", "off", "on"),
    [
        (Condition("saved", (NOW, None)), Exactness.EXACT, Exactness.EXACT),
        (Condition("account", ("761",)), Exactness.EXACT, Exactness.EXACT),
        (Condition("account", ("stats",)), Exactness.NONE, Exactness.NONE),
        (Condition("account", ("../33",)), Exactness.NONE, Exactness.NONE),
        (Condition("search", ("Acme",)), Exactness.NONE, Exactness.NONE),
        (Condition("number", ("14141555",)), Exactness.NONE, Exactness.NONE),
        (Condition("caller", ("14141555",)), Exactness.NONE, Exactness.NONE),
        (Condition("direction", (CallDirection.INBOUND,)), Exactness.NONE, Exactness.SUPERSET),
        (Condition("direction", (CallDirection.TRANSIT,)), Exactness.NONE, Exactness.NONE),
        (Condition("direction", (CallDirection.UNKNOWN,)), Exactness.NONE, Exactness.NONE),
        (
            Condition("direction", (CallDirection.INBOUND, CallDirection.OUTBOUND)),
            Exactness.NONE,
            Exactness.NONE,
        ),
        (Condition("disposition", (CallDisposition.BUSY,)), Exactness.NONE, Exactness.SUPERSET),
        (Condition("disposition", (CallDisposition.UNKNOWN,)), Exactness.NONE, Exactness.NONE),
    ],
)
def test_only_what_means_the_same_there_is_told(
    condition: Condition, off: Exactness, on: Exactness
) -> None:
    assert RECORDS_LIST.exactness(site(), condition) is off
    assert RECORDS_LIST.exactness(site(push_filters=True), condition) is on
    # A leg may differ from its call, by which the server chooses.
    assert LOGS_LIST.exactness(site(push_filters=True), condition) is off


def test_direction_and_disposition_are_told_as_numbers() -> None:
    conditions = (
        Condition("direction", (CallDirection.OUTBOUND,)),
        Condition("disposition", (CallDisposition.NO_ANSWER,)),
    )
    request = asked(where=site(push_filters=True), conditions=conditions)
    assert (params(request)["flow"], params(request)["disposition"]) == ("4", "3")


# ---------------------------------------------------------------- credentials and options


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"client_id": "app"},
        {"client_secret": Secret("hush")},
        {"xsrf_token": Secret("x")},
        {"cookie": Secret("vn=1")},
        {"client_id": "app", "cookie": Secret("vn=1")},
    ],
)
def test_half_credentials_are_refused_in_one_sentence(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^give client_id and client_secret, or token, or xsrf"):
        Credentials(**given)


@pytest.mark.parametrize("text", ["", "two\r\nlines", "naïve"])
def test_a_secret_that_cannot_be_a_header_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"^token cannot be sent as a header$"):
        Credentials(token=Secret(text))


@pytest.mark.parametrize(
    "given",
    [
        {"user_id": "stats"},
        {"user_id": "3/3"},
        {"request_zone": "Mars/Olympus"},
        {"request_zone": "../etc"},
        {"max_call_seconds": 5},
        {"page_size": 5000},
        {"page_size": 1},
        {"sort_order": "up"},
        {"duration_is": "ring"},
        {"redirect_uri": ""},
    ],
)
def test_an_option_that_cannot_be_used_is_named(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(given))):
        Options(**given)


def test_an_app_signs_in_with_a_form_beside_the_api() -> None:
    request = AUTH.sign_in(site())
    assert request is not None
    assert (request.method, request.path) == ("POST", "/oauth/token.php")
    assert request.kind is Kind.SIGN_IN
    assert dict(request.headers) == {"content-type": "application/x-www-form-urlencoded"}
    assert request.body == (
        b"grant_type=client_credentials&client_id=app&client_secret=hush"
        b"&redirect_uri=https%3A%2F%2Flocalhost%2Foauth%2Ftoken.php&type=unifiedapi"
    )


def test_a_lasting_token_and_a_session_need_no_sign_in() -> None:
    session = Credentials(xsrf_token=Secret("x1"), cookie=Secret("dev=1; xsrf-token=x1; vn=2"))
    lasting = Credentials(token=Secret("t"), client_id="app", client_secret=Secret("hush"))
    assert AUTH.sign_in(site(session)) is None
    assert AUTH.sign_in(site(lasting)) is None
    assert dict(AUTH.sign(site(lasting), asked(), None).headers) == {"authorization": "Bearer t"}
    assert dict(AUTH.sign(site(session), asked(), None).headers) == {
        "x-xsrf-token": "x1",
        "cookie": "dev=1; xsrf-token=x1; vn=2",
    }
    signed = AUTH.sign(site(), asked(), Token(Secret("fresh")))
    assert dict(signed.headers) == {"authorization": "Bearer fresh"}


def read_token(body: Any) -> Any:
    request = AUTH.sign_in(site())
    assert request is not None
    assert AUTH.read_token is not None
    return AUTH.read_token(site(), reply(body), request, None)


def test_the_lifetime_is_what_the_answer_says() -> None:
    token = read_token({"access_token": "a1", "expires_in": 7200, "token_type": "Bearer"})
    assert (token.access.reveal(), token.lifetime_seconds) == ("a1", 7200)
    assert read_token({"access_token": "a1", "expires_in": "3600"}).lifetime_seconds == 3600
    assert read_token({"access_token": "a1"}).lifetime_seconds is None


@pytest.mark.parametrize(
    "body", [{}, {"access_token": ""}, {"access_token": "a", "expires_in": "soon"}, b"", b"<html>"]
)
def test_a_sign_in_without_a_token_is_malformed(body: Any) -> None:
    with pytest.raises(SourceMalformed):
        read_token(body)


# ---------------------------------------------------------------- verdicts

REQUEST = Request("GET", "/uapi/cdr")
SIGN_IN = Request("POST", "/oauth/token.php", kind=Kind.SIGN_IN)

REJECTED = (
    "cdr_start_date_invalid", "cdr_end_date_invalid", "cdr_save_start_date_invalid",
    "cdr_save_end_date_invalid", "cdr_invalid_date_parameters", "cdr_source_invalid",
    "cdr_destination_invalid", "cdr_flow_invalid", "cdr_disposition_invalid",
    "cdr_invalid_filter_by_answered", "cdr_invalid_filter_by_published",
    "cdr_invalid_filter_by_source", "cdr_invalid_filter_by_destination", "filterby_invalid",
    "filterop_invalid", "filtervalue_invalid", "fields_invalid", "count_invalid",
    "sortorder_invalid", "startindex_invalid", "user_invalid", "extension_invalid",
)  # fmt: skip


def refused(code: str, status: int = 400, request: Request = REQUEST) -> Any:
    return judge(reply({"error": {"code": code, "message": "No +4930123456."}}, status), request)


@pytest.mark.parametrize("code", REJECTED)
def test_every_documented_fault_of_a_request_is_named(code: str) -> None:
    verdict = refused(code)
    assert isinstance(verdict, SourceRejected)
    assert verdict.detail == code
    assert "4930" not in str(verdict)


@pytest.mark.parametrize("status", [401, 403])
def test_a_stale_token_may_be_told_in_two_ways(status: int) -> None:
    body = (SAMPLES / "error_api.json").read_bytes()
    assert isinstance(judge(Reply(status, {}, body), REQUEST), Expired)
    assert isinstance(judge(Reply(status, {}, b""), REQUEST), Expired)


def test_faults_of_the_server_can_pass_but_an_unknown_service_cannot() -> None:
    verdict = refused("internal_server_error", 500)
    assert isinstance(verdict, SourceUnavailable)
    assert verdict.detail == "internal_server_error"
    unknown = refused("request_not_implemented", 501)
    assert isinstance(unknown, SourceRejected)
    assert unknown.detail == "request_not_implemented"


@pytest.mark.parametrize(
    ("status", "body"), [(429, b"{}"), (500, b"<html>"), (404, b""), (302, b"")]
)
def test_what_the_documents_do_not_tell_is_left_to_the_common_table(
    status: int, body: bytes
) -> None:
    assert judge(Reply(status, {}, body), REQUEST) is None


@pytest.mark.parametrize("status", [200, 204])
def test_a_good_answer_is_not_even_looked_at(status: int) -> None:
    assert judge(Reply(status, {}, b'{"error": {"code": "access_denied"}}'), REQUEST) is None


def test_a_refused_sign_in_is_for_a_person_to_mend() -> None:
    token_error = (SAMPLES / "error_token.json").read_bytes()
    for status in (400, 401):
        verdict = judge(Reply(status, {}, token_error), SIGN_IN)
        assert isinstance(verdict, SourceRefused)
        assert verdict.detail == "invalid_client"
    assert isinstance(judge(reply({"error": "invalid_request"}, 400), SIGN_IN), SourceRejected)
    assert isinstance(judge(reply({"error": "server_error"}, 500), SIGN_IN), SourceUnavailable)


@pytest.mark.parametrize("code", ["Bad +4930123456", "", "x" * 99, 7])
def test_a_code_that_is_no_word_is_not_repeated(code: Any) -> None:
    verdict = judge(reply({"error": {"code": code}}, 400), REQUEST)
    assert isinstance(verdict, SourceRejected)
    assert verdict.detail is None


# ---------------------------------------------------------------- replies


def test_the_documented_reply_is_read_as_it_stands() -> None:
    body = (SAMPLES / "list.json").read_bytes()
    for raw in (False, True):
        page = RECORDS_LIST.read(site(), Reply(200, {}, body), asked(offset=200), wanted(raw=raw))
        assert [row.id for row in page.rows] == [entry["id"] for entry in ENTRIES]
        assert (page.offset, page.total, page.more, page.split) == (200, 34_922, True, True)
        assert (page.raws is not None) is raw


def test_entries_by_id_and_numbers_as_text_are_read_alike() -> None:
    body = (SAMPLES / "list_by_id.json").read_bytes()
    for raw in (False, True):
        page = RECORDS_LIST.read(site(), Reply(200, {}, body), asked(), wanted(raw=raw))
        assert [(row.id, row.published) for row in page.rows] == list(PUBLISHED.items())
        assert (page.offset, page.total, page.more, page.split) == (0, 2, False, False)


def test_no_content_is_an_empty_page() -> None:
    for resource in (RECORDS_LIST, LOGS_LIST):
        page = resource.read(site(), Reply(204, {}, b""), asked(offset=40), wanted())
        assert (page.rows, page.more, page.split) == ([], False, False)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"entry": 1}', b'{"entry": [', b'\xff{"entry": []}']
)
def test_a_body_that_is_no_list_is_malformed(body: bytes) -> None:
    for resource in (RECORDS_LIST, LOGS_LIST):
        for raw in (False, True):
            with pytest.raises(SourceMalformed):
                resource.read(site(), Reply(200, {}, body), asked(), wanted(raw=raw))


@pytest.mark.parametrize(
    "bad",
    [
        {**DATED[0], "phoneCallView": "none"},
        {**DATED[0], "ownerName": [1]},
        {"published": "2018-02-06T09:41:07Z"},
        {**DATED[0], "id": 5},
        7,
    ],
)
def test_one_bad_row_keeps_its_place_and_costs_no_other(bad: Any) -> None:
    for raw in (False, True):
        page = RECORDS_LIST.read(site(), listed(DATED[1], bad, DATED[1]), asked(), wanted(raw=raw))
        convert = compiled(CallRecord, RECORDS_LIST, frozenset({"started_at"}), site())
        made = convert(page.rows, None)
        starts = [record.started_at is not None for record in made if record is not None]
        assert starts == [True, False, True]
        assert page.rows[1].id
        assert not page.more


def test_a_row_that_cannot_be_read_is_one_row_of_the_logs_too() -> None:
    for raw in (False, True):
        page = LOGS_LIST.read(
            site(), listed(*DATED, {"id": "x", "nonce": 1}), asked(), wanted(raw=raw)
        )
        keys = [LOGS_LIST.row_key(site(), row) for row in page.rows]
        assert keys == [
            "53bec7de3c242d5f87e5.00",
            "53bec7de3c242d5f87e5.01",
            "ad5a65672e3f783665c0.00",
            "x",
        ]
        assert page.raws is None or len(page.raws) == len(page.rows)


def test_legs_tell_no_total_and_ask_for_halves_where_calls_are_left_over() -> None:
    page = LOGS_LIST.read(site(), listed(*DATED, totalResults=5000), asked(LOGS_LIST), wanted())
    assert (page.total, page.more, page.split) == (None, False, True)
    whole = LOGS_LIST.read(site(), listed(*DATED), asked(LOGS_LIST), wanted())
    assert (len(whole.rows), whole.total, whole.split) == (3, None, False)


# ---------------------------------------------------------------- mapping


def shown(thing: Any) -> Any:
    """A record as plain data"""
    if hasattr(thing, "__dict__") and not isinstance(thing, Enum):
        return {name: shown(value) for name, value in vars(thing).items()}
    return thing


def test_every_documented_property_of_a_call_reaches_the_record() -> None:
    (record,) = converted(CALL)
    answered = datetime(2018, 2, 6, 9, 41, 31, tzinfo=UTC)
    assert shown(record) == {
        "native_id": "53bec7de3c242d5f87e5",
        "call_key": "53bec7de3c242d5f87e5",
        "started_at": STARTED,
        "ringing_at": datetime(2018, 2, 6, 9, 41, 25, tzinfo=UTC),
        "answered_at": answered,
        "ended_at": answered + timedelta(seconds=62),
        "total_seconds": 86,
        "talk_seconds": 62,
        "caller": {
            "number": "14141555",
            "e164": "+4914141555",
            "extension": None,
            "name": "Acme",
        },
        "callee": {"number": "0003*006", "e164": None, "extension": "0003*006"},
        "direction": CallDirection.INBOUND,
        "disposition": CallDisposition.ANSWERED,
        "answered_by": AnsweredBy.PERSON,
        "account": "Example Telecom",
        "recording": {"name": None, "url": None, "expected": True},
        "details": {
            "vendor": "voipnow",
            "owner_id": "33",
            "owner_name": "Example Telecom",
            "extension": "0003*006",
            "nonce": "8c1f2d0a",
            "link": "https://api.example.com/uapi/phoneCalls/33/53bec7de3c242d5f87e5",
            "view_id": "01",
            "view_extension": "0003*006",
            "flow_code": 8,
            "disposition_code": 0,
            "duration_seconds": 62,
            "caller_id": "Acme <14141555>",
            "recording": "true",
            "status": 5,
            "parked_at": datetime(2018, 2, 6, 9, 41, 50, tzinfo=UTC),
            "parked_position": "701",
            "parked_by": "0003*006",
            "on_hold_at": datetime(2018, 2, 6, 9, 41, 40, tzinfo=UTC),
            "holder": "0003*002",
        },
    }


def test_a_leg_is_one_view_with_what_the_call_says_of_all() -> None:
    first, second = converted(CALL, resource=LOGS_LIST)
    (record,) = converted(CALL)
    assert (first.native_id, second.native_id) == (f"{CALL['id']}.00", f"{CALL['id']}.01")
    for leg in (first, second):
        assert (leg.session_id, leg.call_key) == (CALL["id"], CALL["id"])
        assert (leg.started_at, leg.account) == (STARTED, "Example Telecom")
    assert (first.callee.extension, first.disposition) == ("0003*002", CallDisposition.NO_ANSWER)
    assert (first.answered_by, first.answered_at) == (AnsweredBy.NOBODY, None)
    assert (first.talk_seconds, first.ended_at, first.recording) == (0, None, None)
    assert shown(second) == {
        **shown(record),
        "native_id": f"{CALL['id']}.01",
        "session_id": CALL["id"],
    }


def test_the_seeds_bare_sample_has_parties_and_no_start() -> None:
    first, second = converted(*ENTRIES)
    for record in (first, second):
        assert record.started_at is None
        assert record.caller.number == "14141555"
        assert record.direction is CallDirection.INBOUND
        assert record.disposition is CallDisposition.UNKNOWN
        assert record.answered_by is AnsweredBy.UNKNOWN
        assert record.talk_seconds is None
        assert record.account == "33"
    assert (first.callee.number, second.callee.number) == ("0003*006", "0003*002")
    assert [r.started_at for r in converted(*DATED)] == [
        STARTED,
        datetime(2018, 2, 6, 9, 38, 52, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("flows", "direction"),
    [
        ([8], CallDirection.INBOUND),
        ([4], CallDirection.OUTBOUND),
        ([2], CallDirection.INTERNAL),
        (["8"], CallDirection.INBOUND),
        ([2, 4, 8], CallDirection.INBOUND),
        ([2, 4], CallDirection.OUTBOUND),
        ([64], CallDirection.UNKNOWN),
        ([64, 2], CallDirection.INTERNAL),
        ([], CallDirection.UNKNOWN),
    ],
)
def test_the_direction_is_that_of_the_outermost_leg(
    flows: list[Any], direction: CallDirection
) -> None:
    assert one(*({"flow": flow} for flow in flows)).direction is direction


@pytest.mark.parametrize(
    ("source", "destination", "direction"),
    [
        ("14141555", "0003*002", CallDirection.INBOUND),
        ("0003*002", "14141555", CallDirection.OUTBOUND),
        ("0003*002", "0003*006", CallDirection.INTERNAL),
        ("14141555", "14141556", CallDirection.UNKNOWN),
        ("", None, CallDirection.UNKNOWN),
    ],
)
def test_without_a_flow_the_parties_tell_the_direction(
    source: Any, destination: Any, direction: CallDirection
) -> None:
    assert one({"source": source, "destination": destination}).direction is direction


@pytest.mark.parametrize(
    ("numbers", "word", "by"),
    [
        ([0], CallDisposition.ANSWERED, AnsweredBy.PERSON),
        ([1], CallDisposition.BUSY, AnsweredBy.NOBODY),
        ([2], CallDisposition.FAILED, AnsweredBy.NOBODY),
        ([3], CallDisposition.NO_ANSWER, AnsweredBy.NOBODY),
        ([4], CallDisposition.UNKNOWN, AnsweredBy.UNKNOWN),
        ([5], CallDisposition.NOT_ALLOWED, AnsweredBy.NOBODY),
        (["3"], CallDisposition.NO_ANSWER, AnsweredBy.NOBODY),
        ([42], CallDisposition.UNKNOWN, AnsweredBy.UNKNOWN),
        ([0, 3], CallDisposition.ANSWERED, AnsweredBy.PERSON),
        ([1, 3], CallDisposition.NO_ANSWER, AnsweredBy.NOBODY),
        ([], CallDisposition.UNKNOWN, AnsweredBy.UNKNOWN),
    ],
)
def test_the_disposition_is_that_of_the_answer_or_of_the_last_try(
    numbers: list[Any], word: CallDisposition, by: AnsweredBy
) -> None:
    record = one(*({"disposition": number} for number in numbers))
    assert (record.disposition, record.answered_by) == (word, by)


def test_a_number_never_seen_before_is_kept_and_counted() -> None:
    where = site()
    (record,) = converted(call({"flow": 64, "disposition": 42}), where=where)
    assert (record.details.flow_code, record.details.disposition_code) == (64, 42)
    assert where.unknown_words == Counter({"64": 1, "42": 1})


@pytest.mark.parametrize(
    ("identity", "name", "text"),
    [
        ("Acme <14141555>", "Acme", "Acme <14141555>"),
        ('"Acme, Inc" <14141555>', "Acme, Inc", '"Acme, Inc" <14141555>'),
        ("Lars <IT> Holm <0003*2006>", "Lars <IT> Holm", "Lars <IT> Holm <0003*2006>"),
        ("<14141555>", None, "<14141555>"),
        ("14141555 <14141555>", None, "14141555 <14141555>"),
        ("14141555", None, "14141555"),
        ("Acme", "Acme", "Acme"),
        (" ", None, None),
        (None, None, None),
    ],
)
def test_names_come_out_of_the_shown_identity(
    identity: str | None, name: str | None, text: str | None
) -> None:
    for key in ("callerId", "callerID"):
        record = one({"source": "14141555", key: identity})
        assert (record.caller.name, record.details.caller_id) == (name, text)


@pytest.mark.parametrize(
    ("source", "number", "extension", "e164"),
    [
        ("0003*210", "0003*210", "0003*210", None),
        ("+493022610100", "+493022610100", None, "+493022610100"),
        ("03022610100", "03022610100", None, "+493022610100"),
        ("210", "210", None, None),
        (" ", None, None, None),
        (["+493022610100", "210"], "+493022610100", None, "+493022610100"),
        ([], None, None, None),
    ],
)
def test_a_party_is_an_extension_or_a_number(
    source: Any, number: str | None, extension: str | None, e164: str | None
) -> None:
    for party in (one({"source": source}).caller, one({"destination": source}).callee):
        assert (party.number, party.extension, party.e164) == (number, extension, e164)


def test_numbers_that_only_lack_their_plus_are_read_if_the_options_say_so() -> None:
    view = {"source": "493022610100"}
    assert one(view, options={"numbers_without_plus": True}).caller.e164 == "+493022610100"


def test_without_a_source_the_shown_number_tells_the_caller() -> None:
    assert one({"callerId": "Acme <14141555>"}).caller.number == "14141555"


@pytest.mark.parametrize(
    ("mark", "text", "expected"),
    [
        (True, "true", Recording(name=None, url=None, expected=True)),
        ("1", "1", Recording(name=None, url=None, expected=True)),
        ("rec-00", "rec-00", Recording(name="rec-00", url=None, expected=True)),
        (False, "false", None),
        (0, "0", None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_a_recording_is_a_flag_or_a_name(
    mark: Any, text: str | None, expected: Recording | None
) -> None:
    record = one({"recording": mark})
    assert (record.recording, record.details.recording) == (expected, text)


ANSWERED = {"disposition": 0, "answered": "2018-02-06T09:41:20Z", "duration": 60}
LATER = {"disposition": 0, "answered": "2018-02-06T09:42:30Z", "duration": "30"}
MISSED = {"disposition": 3, "duration": 20}


@pytest.mark.parametrize(
    ("views", "measure", "talk", "ended"),
    [
        ([ANSWERED], "talk", 60, 73),
        ([MISSED, ANSWERED], "talk", 60, 73),
        ([ANSWERED, LATER], "talk", 30, 113),
        ([MISSED], "talk", 0, None),
        ([{"disposition": 0, "duration": 9}], "talk", 9, None),
        ([{"disposition": 0, "answered": "2018-02-06T09:41:20Z"}], "talk", None, None),
        ([ANSWERED], "total", 47, 60),
        ([ANSWERED, MISSED], "total", 47, 60),
        ([MISSED, ANSWERED], "total", None, None),
        ([MISSED], "total", 0, 20),
        ([{"disposition": 0, "duration": 9}], "total", None, 9),
    ],
)
def test_talk_and_end_follow_from_the_last_answer(
    views: list[dict[str, Any]], measure: str, talk: int | None, ended: int | None
) -> None:
    record = one(*views, options={"duration_is": measure})
    end = None if ended is None else STARTED + timedelta(seconds=ended)
    assert (record.talk_seconds, record.ended_at, record.total_seconds) == (talk, end, ended)


def test_a_later_leg_has_no_times_where_durations_include_the_ringing() -> None:
    where = site(duration_is="total")
    legs = converted(call(ANSWERED, LATER), resource=LOGS_LIST, where=where)
    assert [(leg.talk_seconds, leg.total_seconds) for leg in legs] == [(47, 60), (None, None)]


def test_the_calls_own_answer_comes_first() -> None:
    assert one(ANSWERED, answered="2018-02-06T09:41:11Z").answered_at == STARTED + timedelta(
        seconds=4
    )
    assert one(LATER, ANSWERED).answered_at == STARTED + timedelta(seconds=13)
    assert one(MISSED).answered_at is None
    alone = one({"disposition": 0, "duration": 5}, answered="2018-02-06T09:41:11Z")
    assert alone.ended_at == STARTED + timedelta(seconds=9)


@pytest.mark.parametrize("blank", ["", " ", None, "0000-00-00 00:00:00"])
def test_blanks_are_absent(blank: Any) -> None:
    record = one(
        {"source": blank, "destination": blank, "answered": blank, "callerId": blank},
        answered=blank, ownerName=blank, ownerId=blank, nonce=blank, extension=blank,
    )  # fmt: skip
    assert record.answered_at is record.account is record.details.nonce is None
    assert record.caller.number is record.callee.number is record.details.extension is None


def test_a_moment_without_a_zone_is_in_the_sites_own() -> None:
    where = Site("vn", ZoneInfo("Europe/Berlin"), APP, Options())
    (record,) = converted(call(published="2018-02-06T10:41:07"), where=where)
    assert record.started_at == STARTED
    (record,) = converted(call(published="2018-02-06T11:41:07+02:00"), where=where)
    assert record.started_at == STARTED


def test_views_with_one_id_are_told_apart_by_their_place() -> None:
    legs = converted(call({"id": "00"}, {"id": "00"}), resource=LOGS_LIST)
    assert [leg.native_id[-3:] for leg in legs] == [".00", ".01"]
    legs = converted(call({}, {"id": 7}), resource=LOGS_LIST)
    assert [leg.native_id[-3:] for leg in legs] == [".00", "5.7"]


CALL_PATHS = {
    "started_at", "native_id", "call_key", "direction", "disposition", "answered_by", "ringing_at",
    "answered_at", "ended_at", "total_seconds", "ring_seconds", "talk_seconds", "hold_seconds",
    "queue_seconds", "billed_seconds", "trunk_in", "trunk_out", "did", "shown_number", "queue",
    "agent", "hangup", "cost", "account", "recording", "user_data",
    *(f"{side}.{part}" for side in ("caller", "callee")
      for part in ("number", "e164", "extension", "name", "domain")),
}  # fmt: skip


@pytest.mark.parametrize("resource", [RECORDS_LIST, LOGS_LIST])
def test_every_field_has_a_source_or_a_reason(resource: Resource) -> None:
    known = {path for path in paths(resource) if not path.startswith("details.")}
    assert known - {"session_id"} | set(resource.never) == CALL_PATHS
    assert not known & set(resource.never)
    told = {path.removeprefix("details.") for path in paths(resource) if "details." in path}
    assert told | {"vendor", "VENDOR_NAME"} == set(VoipnowDetails.__annotations__) | {"vendor"}


# ---------------------------------------------------------------- the whole product

FIELDS = """
    id nativeId callKey unit startedAt ringingAt answeredAt endedAt totalSeconds talkSeconds
    direction disposition answeredBy account
    caller { number e164 extension name domain } callee { number e164 extension name domain }
    recording { name url expected }
    details { vendor ... on VoipnowDetails {
        ownerId ownerName extension nonce link viewId viewExtension flowCode dispositionCode
        durationSeconds callerId recording status parkedAt parkedPosition parkedBy onHoldAt holder
    } }
"""
WHOLE = FIELDS + " logs { sessionId " + FIELDS + " }"
EVERY_PROPERTY = "id,ownerId,ownerName,extension,published,answered,nonce,phoneCallView,links"
SWITCHES: tuple[dict[str, Any], ...] = (
    {},
    {"entry": "object", "numbers_as_text": True, "stats_beside_entry": True},
    {"paging": "array", "caller_id_key": "callerID", "recording": "name"},
    {"paging": "next", "shuffle_ties": True, "token_type": False},
    {"sort_orders": ("ascending", "descending"), "time_zone": "Europe/Berlin"},
    {"start_inclusive": False, "end_inclusive": False, "duration": "total"},
)
OPTIONS: dict[int, dict[str, Any]] = {
    4: {"sort_order": "ascending/descending", "request_zone": "Europe/Berlin"},
    5: {"inclusive": False, "duration_is": "total"},
}


def source(**options: Any) -> dict[str, Any]:
    return {"vendor": "voipnow", "options": options}


def stamp(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def truth(calls: list[company.Call]) -> Counter[Any]:
    """What a VoipNow can tell of these calls: a mailbox answers, a queue does not"""
    words = {"answered": "ANSWERED", "voicemail": "ANSWERED", "busy": "BUSY", "failed": "FAILED"}
    told: Counter[Any] = Counter()
    for each in calls:
        if each.ended_at > NOW:
            continue
        caller, callee = (
            number if number.startswith("+") else f"0003*{number}"
            for number in (each.caller.number, each.callee.number)
        )
        mailbox = sum(leg.talk_seconds or 0 for leg in each.legs if leg.place == "voicemail")
        rang = each.legs[0].ring_seconds or 0
        answered = (
            each.started_at + timedelta(seconds=rang)
            if each.outcome == "voicemail"
            else each.answered_at
        )
        told[
            stamp(each.started_at), caller, each.caller.name or None, callee,
            each.direction.upper(), words.get(each.outcome, "NO_ANSWER"), stamp(answered),
            mailbox or each.talk_seconds, each.recorded,
        ] += 1  # fmt: skip
    return told


def told(nodes: list[dict[str, Any]]) -> Counter[Any]:
    return Counter(
        (
            node["startedAt"], node["caller"]["number"], node["caller"]["name"],
            node["callee"]["number"], node["direction"], node["disposition"], node["answeredAt"],
            node["talkSeconds"], node["recording"] is not None,
        )
        for node in nodes
    )  # fmt: skip


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4])
@played
async def test_the_companys_calls_come_through_whatever_edition_the_server_is(number: int) -> None:
    calls = company.calls(seed=3, count=60, until=NOW, days=3)
    chosen = {"voipnow": SWITCHES[number]}
    async with product(source(**OPTIONS.get(number, {})), calls=calls, switches=chosen) as api:
        nodes = await api.pages(FIELDS, first=60)
    assert told(nodes) == truth(calls)
    for node in nodes:
        for side in (node["caller"], node["callee"]):
            inside = side["number"].startswith("0003*")
            assert side["extension"] == (side["number"] if inside else None)
            assert (side["e164"] is None) or side["e164"] == side["number"]
        assert node["account"] == "Example Telecom"


@played
async def test_the_end_of_a_call_is_worked_out_of_answer_and_talk() -> None:
    calls = [each for each in company.calls(seed=4, count=60, until=NOW) if each.answered]
    async with product("voipnow", calls=calls) as api:
        nodes = await api.pages("startedAt endedAt totalSeconds", first=60)
    ends = {(node["startedAt"], node["endedAt"], node["totalSeconds"]) for node in nodes}
    assert ends == {
        (stamp(each.started_at), stamp(each.ended_at), each.total_seconds)
        for each in calls
        if each.ended_at <= NOW
    }


@pytest.mark.parametrize("number", [0, 3, 5])
@pytest.mark.parametrize("root", ["callRecords", "callLogs"])
@pytest.mark.parametrize("oldest", [False, True])
@played
async def test_pages_joined_are_all_entries_once_and_in_order(
    number: int, root: str, oldest: bool
) -> None:
    order = "OLDEST_FIRST" if oldest else "NEWEST_FIRST"
    calls = company.calls(seed=6, count=45, until=NOW, days=0.3)
    chosen = {"voipnow": SWITCHES[number]}
    fields, arguments = "nativeId startedAt", f"orderBy: {order}"
    async with product(source(**OPTIONS.get(number, {})), calls=calls, switches=chosen) as api:
        nodes = await api.pages(fields, arguments, first=6, root=root)
        back = await api.pages(fields, arguments, first=25, root=root, backwards=True)
    places = [(node["startedAt"], node["nativeId"]) for node in nodes]
    assert places == sorted(set(places), reverse=not oldest)
    assert nodes == back
    shown_calls = [each for each in calls if each.ended_at <= NOW]
    views = sum(sum(leg.place != "ivr" for leg in each.legs) for each in shown_calls)
    assert len(nodes) == (len(shown_calls) if root == "callRecords" else views)


@played
async def test_a_lookup_gives_what_the_list_gave_with_one_request() -> None:
    async with product("voipnow", count=30, days=1) as api:
        for root, kind, fields in (
            ("callRecords", "CallRecord", WHOLE),
            ("callLogs", "CallLog", FIELDS + "sessionId record { " + FIELDS + "}"),
        ):
            nodes = await api.pages(fields, first=30, root=root)
            for node in nodes[::9]:
                before = api.requests("voipnow")
                asked = f'{{ node(id: "{node["id"]}") {{ ... on {kind} {{ {fields} }} }} }}'
                assert (await api.good(asked))["node"] == node
                spent = api.requests("voipnow") - before
                assert spent == (1 if root == "callRecords" else 2)


@played
async def test_the_logs_of_a_call_are_the_entries_of_the_log() -> None:
    async with product("voipnow", count=30, days=1) as api:
        records = await api.pages("callKey logs { sessionId " + FIELDS + "}", first=60)
        legs = await api.pages("sessionId " + FIELDS, "orderBy: OLDEST_FIRST", root="callLogs")
    by_call: dict[str, list[Any]] = {}
    for leg in legs:
        by_call.setdefault(leg["sessionId"], []).append(leg)
    assert {record["callKey"]: record["logs"] for record in records} == by_call
    assert any(len(found) > 1 for found in by_call.values())


@played
async def test_a_record_is_found_by_its_native_id_and_start() -> None:
    async with product("voipnow", count=30) as api:
        node = (await api.pages("nativeId startedAt", first=30))[4]
        looked = await api.good(
            "query ($ref: CallRecordRef!) { callRecordLookup(ref: $ref) "
            "{ state record { nativeId } } }",
            ref={"native": {"source": "voipnow", **node}},
        )
        assert looked["callRecordLookup"]["record"] == {"nativeId": node["nativeId"]}
        gone = await api.good(
            "query ($ref: CallRecordRef!) { callRecordLookup(ref: $ref) { state } }",
            ref={"native": {"source": "voipnow", **node, "nativeId": "nobody"}},
        )
        assert gone["callRecordLookup"]["state"] == "NOT_FOUND"


@played
async def test_only_what_is_selected_is_asked_of_the_server() -> None:
    async with product("voipnow") as api:
        for selected, fields in (
            ("startedAt", "id,published"),
            ("account", "id,ownerId,ownerName,published"),
            ("caller { name }", "id,published,phoneCallView"),
            ("logs { id }", EVERY_PROPERTY),
        ):
            await api.good(f"{{ callRecords(first: 1) {{ nodes {{ {selected} }} }} }}")
            query = api.worlds["voipnow"].received[-1].query
            assert query.endswith("fields=" + fields.replace(",", "%2C"))


@played
async def test_raw_is_the_entry_as_sent_and_switches_the_choice_of_fields_off() -> None:
    async with product("voipnow", given={"voipnow": [CALL]}) as api:
        for root, expected in (("callRecords", [CALL]), ("callLogs", CALL["phoneCallView"])):
            arguments = "first: 5, orderBy: OLDEST_FIRST"
            data = await api.good(f"{{ page: {root}({arguments}) {{ nodes {{ raw }} }} }}")
            assert [node["raw"] for node in data["page"]["nodes"]] == expected
            assert "fields=" not in api.worlds["voipnow"].received[-1].query


@played
async def test_the_seeds_bare_sample_is_skipped_and_counted_and_the_dated_one_is_read() -> None:
    query = "{ callRecords { complete nodes { nativeId startedAt callee { number } } outcomes "
    query += "{ state skippedRecords } } }"
    async with product("voipnow", given={"voipnow": ENTRIES}) as api:
        page = (await api.good(query))["callRecords"]
        assert page["nodes"] == []
        assert page["outcomes"] == [{"state": "OK", "skippedRecords": 2}]
        assert not page["complete"]
    async with product("voipnow", given={"voipnow": DATED}) as api:
        page = (await api.good(query))["callRecords"]
        assert page["complete"]
        assert page["nodes"] == [
            {
                "nativeId": entry["id"],
                "startedAt": entry["published"],
                "callee": {"number": entry["phoneCallView"][-1]["destination"]},
            }
            for entry in DATED
        ]


@played
async def test_account_and_saved_are_left_to_the_server() -> None:
    calls = company.calls(seed=8, count=80, until=NOW, days=3)
    async with product("voipnow", calls=calls) as api:
        own = 'filter: {perSource: [{source: "voipnow", account: "2003"}]}'
        nodes = await api.pages("caller { number } callee { number }", own, first=40)
        whole = await api.pages("caller { number } callee { number } logs { callee { number } }",
                                first=80)  # fmt: skip
        expected = [
            {"caller": node["caller"], "callee": node["callee"]}
            for node in whole
            if "0003*2003"
            in {
                node["caller"]["number"],
                node["callee"]["number"],
                *(leg["callee"]["number"] for leg in node["logs"]),
            }
        ]
        assert nodes == expected != []
        moment = stamp(NOW - timedelta(days=1))
        after = await api.pages("nativeId", f'filter: {{savedSince: "{moment}"}}', first=30)
        before = await api.pages("nativeId", f'filter: {{savedUntil: "{moment}"}}', first=30)
        every = await api.pages("nativeId", first=80)
        assert after
        assert before
        assert Counter(map(str, after + before)) == Counter(map(str, every))
        nothing = f'filter: {{savedUntil: "{moment}", since: "{moment}"}}'
        assert await api.pages("nativeId", nothing) == []
        wrong = '(filter: {perSource: [{source: "voipnow", account: "stats"}]})'
        shown_outcome = await outcome(api, f"{{ callRecords{wrong} {{ outcomes {{ state }} }} }}")
        assert shown_outcome["state"] == "UNSUPPORTED"


@pytest.mark.parametrize("pushed", [False, True])
@played
async def test_conditions_give_the_same_calls_pushed_or_not(pushed: bool) -> None:
    calls = company.calls(seed=9, count=80, until=NOW, days=3)
    async with product(source(push_filters=pushed), calls=calls) as api:
        every = await api.pages("nativeId direction disposition caller { number }", first=120)
        for wanted in ("INBOUND", "OUTBOUND", "INTERNAL"):
            found = await api.pages("nativeId", f"filter: {{direction: [{wanted}]}}", first=40)
            assert {node["nativeId"] for node in found} == {
                node["nativeId"] for node in every if node["direction"] == wanted
            }
            assert ("flow=" in api.worlds["voipnow"].received[-1].query) is pushed
        for wanted in ("ANSWERED", "NO_ANSWER", "BUSY", "FAILED"):
            found = await api.pages("nativeId", f"filter: {{disposition: [{wanted}]}}", first=40)
            assert {node["nativeId"] for node in found} == {
                node["nativeId"] for node in every if node["disposition"] == wanted
            }
        caller = next(n["caller"]["number"] for n in every if n["direction"] == "INBOUND")
        found = await api.pages("nativeId", f'filter: {{caller: ["{caller[1:]}"]}}', first=40)
        assert {node["nativeId"] for node in found} == {
            node["nativeId"] for node in every if node["caller"]["number"] == caller
        }


# ---------------------------------------------------------------- bad days

SMALL = """{ callRecords(first: 3) { nodes { nativeId } outcomes {
    state code retryable retryAfterSeconds skippedRecords retries } } }"""


async def outcome(api: Api, query: str = SMALL) -> dict[str, Any]:
    """The outcome of the one source, out of the answer or of the error"""
    answered = await api.ask(query)
    if answered.errors:
        (shown_outcome,) = answered.errors[0]["extensions"]["outcomes"]
    else:
        (shown_outcome,) = answered.data["callRecords"]["outcomes"]
    return dict(shown_outcome)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("internal_server_error", "UNAVAILABLE"),
        ("request_not_implemented", "REJECTED"),
        ("too_many_requests", "THROTTLED"),
        ("user_invalid", "REJECTED"),
        ("cdr_invalid_date_parameters", "REJECTED"),
    ],
)
@played
async def test_each_refusal_of_the_server_has_its_verdict(code: str, state: str) -> None:
    async with product("voipnow") as api:
        api.worlds["voipnow"].fault("error", path="/uapi", code=code, times=0)
        shown_outcome = await outcome(api)
    assert shown_outcome["state"] == state
    assert shown_outcome["code"] == (None if state == "THROTTLED" else code)


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ({"kind": "status", "status": 503}, "UNAVAILABLE"),
        ({"kind": "status", "status": 404}, "REJECTED"),
        ({"kind": "status", "status": 429, "retry_after": 60}, "THROTTLED"),
        ({"kind": "cut"}, "MALFORMED"),
        ({"kind": "html"}, "MALFORMED"),
        ({"kind": "empty"}, "MALFORMED"),
        ({"kind": "huge", "size_mb": 2}, "MALFORMED"),
        ({"kind": "content_type"}, "OK"),
        ({"kind": "drip", "seconds": 0.0}, "OK"),
    ],
)
@played
async def test_each_fault_of_the_line_has_its_verdict(fault: dict[str, Any], state: str) -> None:
    async with product({"vendor": "voipnow", "max_response_mb": 1}) as api:
        api.worlds["voipnow"].fault(path="/uapi", times=0, **fault)
        shown_outcome = await outcome(api)
    assert shown_outcome["state"] == state
    assert shown_outcome["retryAfterSeconds"] == fault.get("retry_after")


@played
async def test_a_fault_that_passes_is_not_seen() -> None:
    async with product("voipnow") as api:
        api.worlds["voipnow"].fault("error", path="/uapi", code="internal_server_error")
        shown_outcome = await outcome(api)
    assert (shown_outcome["state"], shown_outcome["retries"]) == ("OK", 1)


@played
async def test_rows_that_come_twice_and_numbers_never_seen_do_no_harm() -> None:
    async with product("voipnow", count=40) as api:
        every = await api.pages("nativeId", first=40)
        api.worlds["voipnow"].fault("duplicate", path="/uapi")
        assert await api.pages("nativeId", first=40) == every
        api.worlds["voipnow"].fault("unknown", path="/uapi")
        nodes = await api.pages(
            "direction disposition answeredBy details { ... on VoipnowDetails "
            "{ flowCode dispositionCode } }",
            first=40,
        )
        assert {json.dumps(node) for node in nodes} == {
            json.dumps(
                {
                    "direction": "UNKNOWN",
                    "disposition": "UNKNOWN",
                    "answeredBy": "UNKNOWN",
                    "details": {"flowCode": 64, "dispositionCode": 42},
                }
            )
        }


@played
async def test_a_page_that_comes_again_is_noticed_and_read_over() -> None:
    async with product("voipnow", count=60) as api:
        every = await api.pages("nativeId", first=60)
        for skip in (0, 1, 2):
            api.worlds["voipnow"].fault("repeat", path="/uapi", skip=skip)
            assert await api.pages("nativeId", first=10) == every


def sign_ins(api: Api) -> int:
    return api.requests("voipnow", "/oauth/token.php")


@pytest.mark.parametrize("status", [401, 403])
@played
async def test_a_token_that_lapses_is_got_anew_once(status: int) -> None:
    async with product("voipnow", switches={"voipnow": {"refused_status": status}}) as api:
        await outcome(api)
        api.worlds["voipnow"].fault("expire", path="/uapi")
        assert (await outcome(api))["state"] == "OK"
        assert sign_ins(api) == 2


@played
async def test_a_token_is_renewed_before_its_end_between_two_pages() -> None:
    async with product("voipnow", switches={"voipnow": {"token_seconds": 600}}) as api:
        page = (await api.good("{ callRecords(first: 3) { pageInfo { endCursor } } }"))[
            "callRecords"
        ]
        cursor = page["pageInfo"]["endCursor"]
        api.clock.advance(590)
        following = f'{{ callRecords(first: 3, after: "{cursor}") {{ outcomes {{ state }} }} }}'
        assert (await api.good(following))["callRecords"]["outcomes"] == [{"state": "OK"}]
        assert sign_ins(api) == 2
        refusals = [r for r in api.worlds["voipnow"].received if "oauth" not in r.path]
        assert len(refusals) == 2


@played
async def test_a_server_that_refuses_every_token_is_not_asked_for_ever() -> None:
    async with product("voipnow") as api:
        api.worlds["voipnow"].fault("expire", path="/uapi", times=0)
        assert (await outcome(api))["state"] == "REFUSED"
        assert sign_ins(api) == 2
        assert api.requests("voipnow", "/uapi") == 2


@played
async def test_bad_credentials_are_tried_once() -> None:
    wrong = {"client_id": "vn-app", "client_secret": "wrong"}
    async with product({"vendor": "voipnow", "credentials": wrong}) as api:
        for _ in range(3):
            shown_outcome = await outcome(api)
            assert (shown_outcome["state"], shown_outcome["code"]) == ("REFUSED", "invalid_client")
        assert [r.path for r in api.worlds["voipnow"].received] == ["/oauth/token.php"]


@pytest.mark.parametrize(
    ("credentials", "state"),
    [
        ({"xsrf_token": "x1", "cookie": "dev=d; xsrf-token=x1; vn=made-up-session-vn"}, "OK"),
        ({"xsrf_token": "x1", "cookie": "dev=d; xsrf-token=x2; vn=made-up-session-vn"}, "REFUSED"),
        ({"token": "made up"}, "REFUSED"),
    ],
)
@played
async def test_a_session_and_a_lasting_token_are_sent_as_they_are(
    credentials: dict[str, str], state: str
) -> None:
    async with product({"vendor": "voipnow", "credentials": credentials}) as api:
        assert (await outcome(api))["state"] == state
        assert [r.path for r in api.worlds["voipnow"].received] == ["/uapi/cdr"]


@played
async def test_a_scope_out_of_reach_is_refused() -> None:
    async with product(source(user_id="1")) as api:
        assert (await outcome(api))["state"] == "REFUSED"


@played
async def test_half_credentials_disable_the_source_with_a_reason() -> None:
    async with product({"vendor": "voipnow", "credentials": {"client_id": "app"}}) as api:
        (told_source,) = (await api.good("{ sources { state reason } }"))["sources"]
    assert told_source["state"] == "DISABLED"
    assert "client_secret" in told_source["reason"]


def test_the_address_may_be_given_with_the_path_of_the_api() -> None:
    assert VENDOR.prefix == "/uapi"
    assert VENDOR.name == VoipnowDetails.VENDOR_NAME == "voipnow"
