"""VCC Live: what is asked, what the answers mean, and the whole product against the twin."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
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
from graph.sources import company, vcclive
from graph.sources.compiling import compiled
from graph.sources.contract import Ask, Reply, Request, RowKey, Site
from graph.sources.vcclive import VENDOR
from graph.sources.vcclive.auth import Credentials, sign
from graph.sources.vcclive.details import VccliveDetails
from graph.sources.vcclive.mapping import LOGS, NEVER, RECORDS
from graph.sources.vcclive.protocol import (
    LOGS_LIST,
    RECORDS_LIST,
    Options,
    judge,
    locate,
    plan,
    read,
    read_located,
    shape,
)
from graph.sources.vcclive.simulator.rows import ids
from graph.sources.vcclive.wire import Cdr
from graph.types.call import (
    AnsweredBy,
    CallDirection,
    CallDisposition,
    CallRecord,
    HangupParty,
)
from graph.types.inputs import camel
from tests.support import NOW, Api, Clock, product, run

BUDAPEST = ZoneInfo("Europe/Budapest")
SAMPLE: dict[str, Any] = json.loads(
    (Path(vcclive.__file__).parent / "samples" / "cdr.json").read_text(encoding="utf-8")
)["response"]
UUID = SAMPLE["uuid"]
ZERO = "0000-00-00 00:00:00"
LABELS = {
    "userfullname": "Réka Szabó",
    "projectname": "Sales campaign",
    "queue_label": "Outgoing",
    "disposition_label": "Wrong person",
    "disposition_export_name": "wrong_person",
    "dispositionreach_label": "Not reached",
    "dispositionstatus_label": "discard",
    "dialermode_label": "Power",
}
FAST: dict[str, Any] = {"vendor": "vcclive", "requests_per_second": 1e6}
"""a source whose rate nobody has to wait for"""


def site(zone: str = "Europe/Budapest", region: str | None = "HU", **options: Any) -> Site:
    return Site(
        id="vcclive",
        zone=ZoneInfo(zone),
        credentials=Credentials(customer="acme", token=Secret("made-up")),
        options=msgspec.convert(options, Options),
        region=region,
    )


def asked(since: str, **more: Any) -> Ask:
    at = datetime.fromisoformat(since)
    until = at + timedelta(days=1) - timedelta(microseconds=1)
    return Ask(since=at, until=until, newest_first=True, now=NOW, **more)


def reply(body: Any, status: int = 200) -> Reply:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Reply(status, {"content-type": "text/plain; charset=utf-8"}, data)


def answer(response: Any, *errors: Any) -> Reply:
    return reply({"response": response, "errors": list(errors)})


def error(code: Any) -> dict[str, Any]:
    return {"errorcode": code, "index": 1, "errormessage": "error.some"}


PATHS = frozenset(field.path for field in LOGS) | NEVER.keys() - {
    "hangup.sip_code", "hangup.reason", "recording.url"
} | {"raw"}  # fmt: skip


def record(row: Mapping[str, Any], at: Site | None = None) -> Any:
    """The record of one wire row with every field"""
    at = at or site()
    convert = compiled(CallRecord, VENDOR.logs, PATHS, at, VccliveDetails)
    encoded = msgspec.json.encode(row)
    [made] = convert([msgspec.json.decode(encoded, type=Cdr)], [encoded])
    return made


def changed(**fields: Any) -> Any:
    return record({**SAMPLE, **fields})


# ---------------------------------------------------------------- credentials and settings


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "give customer"),
        ({"customer": "acme"}, "give customer"),
        ({"token": "t"}, "give customer"),
        ({"customer": "acme", "token": ""}, "give customer"),
        ({"customer": "acme:x", "token": "t"}, "sub-domain alone"),
        ({"customer": "https://acme.example", "token": "t"}, "sub-domain alone"),
        ({"customer": "acme", "token": "t", "password": "p"}, "unknown field"),
    ],
)
def test_unusable_credentials_are_told_in_a_sentence(given: Any, words: str) -> None:
    with pytest.raises((ValueError, msgspec.ValidationError), match=words):
        msgspec.convert(given, Credentials, dec_hook=secret_hook)


@pytest.mark.parametrize(
    "given",
    [
        {"page_size": 0},
        {"page_size": 501},
        {"path_month": "mars"},
        {"records_since": "long ago"},
        {"project_id": "x"},
        {"unheard": 1},
    ],
)
def test_unusable_options_are_refused(given: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, Options)


def test_options_have_the_defaults_of_the_notes() -> None:
    assert Options() == Options(
        records_since=None,
        project_id=None,
        path_month="local",
        hold_in_talk=False,
        page_size=500,
    )


def test_every_request_is_signed_with_customer_and_token() -> None:
    signed = sign(site(), Request("GET", "/v2/cdrs/2014/01/07"), None)
    told = dict(signed.headers)["authorization"].removeprefix("Basic ")
    assert base64.b64decode(told) == b"acme:made-up"
    assert VENDOR.auth.sign_in(site()) is None


# ---------------------------------------------------------------- asking


def test_a_day_is_asked_for_by_its_date_in_the_zone() -> None:
    request = plan(site(), asked("2014-01-06T23:00:00Z"), 0)
    assert request == Request("GET", "/v2/cdrs/2014/01/07", (("start", "0"), ("num", "500")))


def test_offset_page_size_and_project_stand_in_a_lasting_order() -> None:
    request = plan(site(page_size=20, project_id=7), asked("2026-07-31T22:00:00Z"), 40)
    assert request.path == "/v2/cdrs/2026/08/01"
    assert request.params == (("start", "40"), ("num", "20"), ("projectid", "7"))


def test_the_list_is_days_that_are_not_sorted() -> None:
    made = shape(site(), asked("2026-01-01T00:00:00Z"))
    assert (made.sorted, made.windowed, made.folders) == (False, True, True)
    assert made.floor is None
    assert made.lag_seconds == 0


def test_nothing_is_older_than_records_since() -> None:
    made = shape(site(records_since="2020-06-01"), asked("2026-01-01T00:00:00Z"))
    assert made.floor == datetime(2020, 5, 31, 22, tzinfo=UTC)
    assert msgspec.convert({"records_since": date(2020, 6, 1)}, Options).records_since == date(
        2020, 6, 1
    )


def test_utc_days_need_no_lag_only_where_the_zone_is_utc() -> None:
    ask = asked("2026-01-02T00:00:00Z")
    assert shape(site("UTC", path_month="utc"), ask).lag_seconds == 0
    assert plan(site("UTC", path_month="utc"), ask, 0).path == "/v2/cdrs/2026/01/02"
    assert shape(site(path_month="utc"), ask).lag_seconds == 49 * 3600
    assert plan(site(path_month="utc"), ask, 0).path == "/v2/cdrs/2026/01/01"


@pytest.mark.parametrize(
    ("zone", "path_month", "started", "months"),
    [
        ("Europe/Budapest", "local", "2014-01-07T13:19:30Z", ["2014/01"]),
        # 1 February there, 31 January in UTC
        ("Europe/Budapest", "local", "2014-01-31T23:30:00Z", ["2014/02", "2014/01"]),
        ("Europe/Budapest", "utc", "2014-01-31T23:30:00Z", ["2014/01", "2014/02"]),
        ("Europe/Budapest", "local", "2014-12-31T20:00:00Z", ["2014/12", "2015/01"]),
        ("Europe/Budapest", "local", "2014-01-01T22:30:00Z", ["2014/01", "2013/12"]),
        ("Europe/Budapest", "local", "2014-01-02T00:30:00Z", ["2014/01"]),
        ("America/New_York", "local", "2014-02-01T03:00:00Z", ["2014/01", "2014/02"]),
    ],
)
def test_a_lookup_names_the_month_of_the_start_and_a_near_neighbour(
    zone: str, path_month: str, started: str, months: list[str]
) -> None:
    key = RowKey(UUID, datetime.fromisoformat(started))
    requests = locate(site(zone, path_month=path_month), key)
    assert [request.path for request in requests] == [f"/v2/cdr/{m}/{UUID}" for m in months]
    assert all(r.params == () and r.accept == {404} for r in requests)


def test_without_a_start_nothing_can_be_looked_up_by_key() -> None:
    assert locate(site(), RowKey(UUID)) == []


def test_a_strange_id_stays_inside_its_path_step() -> None:
    [request] = locate(site(), RowKey("../x?y=1", datetime(2014, 1, 7, tzinfo=UTC)))
    assert request.path == "/v2/cdr/2014/01/..%2Fx%3Fy%3D1"


def test_a_start_at_the_end_of_time_is_refused() -> None:
    with pytest.raises(SourceRejected):
        locate(site(), RowKey(UUID, datetime(9999, 12, 31, 23, 59, tzinfo=UTC)))


# ---------------------------------------------------------------- reading


def rows_of_day(*, raw: bool = False) -> Ask:
    return asked("2014-01-07T00:00:00+00:00", raw=raw)


ROWS = rows_of_day()
DAY = Request("GET", "/v2/cdrs/2014/01/07", (("start", "0"), ("num", "2")))


def second_page(request: Request = DAY) -> Request:
    return msgspec.structs.replace(request, params=(("start", "2"), ("num", "2")))


def rows(count: int) -> list[dict[str, Any]]:
    return [{**SAMPLE, "uuid": f"u{n}"} for n in range(count)]


@pytest.mark.parametrize("total", [3, "3"])
def test_a_page_tells_where_it_stands_and_what_follows(total: Any) -> None:
    page = read(site(), answer({"rows": rows(2), "totalCount": total}), DAY, ROWS)
    assert [row.uuid for row in page.rows] == ["u0", "u1"]
    assert (page.offset, page.more, page.total, page.skipped) == (0, True, 3, 0)
    assert page.raws is None
    page = read(site(), answer({"rows": rows(1), "totalCount": total}), second_page(), ROWS)
    assert (page.offset, page.more, page.total) == (2, False, 3)


def test_a_smaller_cap_than_ours_is_noticed_by_the_total() -> None:
    page = read(site(), answer({"rows": rows(1), "totalCount": 9}), DAY, ROWS)
    assert page.more


@pytest.mark.parametrize(("count", "more"), [(2, True), (1, False), (0, False)])
@pytest.mark.parametrize("total", [{}, {"totalCount": None}, {"totalCount": "many"}])
def test_without_a_total_a_full_page_says_that_more_follows(
    count: int, more: bool, total: dict[str, Any]
) -> None:
    page = read(site(), answer({"rows": rows(count), **total}), DAY, ROWS)
    assert (page.more, page.total) == (more, None)


def test_a_day_without_calls_may_be_a_bare_array() -> None:
    for body in (answer([]), answer({"rows": [], "totalCount": 0})):
        page = read(site(), body, DAY, ROWS)
        assert (page.rows, page.more) == ([], False)


@pytest.mark.parametrize(
    "bad", [{"start_ts": "2014-01-07 14:19:30"}, {**SAMPLE, "uuid": ""}, {**SAMPLE, "dc": []}, 7]
)
def test_one_bad_row_is_skipped_and_counted(bad: Any) -> None:
    body = answer({"rows": [SAMPLE, bad], "totalCount": 5})
    for raw in (False, True):
        page = read(site(), body, DAY, rows_of_day(raw=raw))
        assert [row.uuid for row in page.rows] == [UUID]
        assert (page.skipped, page.more) == (1, True)


def test_raw_rows_are_the_rows_as_sent() -> None:
    page = read(site(), answer({"rows": [SAMPLE, 7], "totalCount": 2}), DAY, rows_of_day(raw=True))
    assert page.raws is not None
    assert [json.loads(bytes(raw)) for raw in page.raws] == [SAMPLE]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"response": 1, "errors": []}',
        b'{"response": {}, "errors": []}',
    ],
)
def test_a_list_that_is_not_as_documented_is_malformed(body: bytes) -> None:
    assert judge(reply(body), DAY) is None
    for raw in (False, True):
        with pytest.raises(SourceMalformed):
            read(site(), reply(body), DAY, rows_of_day(raw=raw))


def test_a_row_that_is_no_utf_8_costs_only_itself() -> None:
    sent = answer({"rows": [{**SAMPLE, "uuid": "?"}, SAMPLE], "totalCount": 2}).body
    broken = reply(sent.replace(b'"?"', b'"\xff"'))
    assert judge(broken, DAY) is None
    page = read(site(), broken, DAY, ROWS)
    assert ([row.uuid for row in page.rows], page.skipped) == ([UUID], 1)


[LOOKUP] = locate(site(), RowKey(UUID, datetime(2014, 1, 7, tzinfo=UTC)))


@pytest.mark.parametrize("response", [SAMPLE, [SAMPLE]])
def test_a_lookup_brings_its_row(response: Any) -> None:
    found = read_located(site(), answer(response), LOOKUP, False)
    assert [row.uuid for row in found.rows] == [UUID]
    assert found.ready
    assert found.raws is None
    found = read_located(site(), answer(response), LOOKUP, True)
    assert found.raws is not None
    assert json.loads(bytes(found.raws[0])) == SAMPLE


@pytest.mark.parametrize(
    "empty",
    [
        answer([]),
        answer({}),
        answer(None),
        reply({"errors": []}),
        reply(b'{"response": [ ], "errors": [ ]}\n'),
        reply(b""),
        reply(b" \n"),
        reply({"response": [], "errors": [error(404)]}, 404),
        reply(b"gone", 404),
        answer([], error(404)),
        answer([], error("404")),
    ],
    ids=range(11),
)
def test_all_ways_of_not_being_there_are_not_ready(empty: Reply) -> None:
    assert judge(empty, LOOKUP) is None
    found = read_located(site(), empty, LOOKUP, False)
    assert (found.rows, found.ready, found.retry_after_seconds) == ([], False, 300)


@pytest.mark.parametrize("body", [b"<html>", b'{"response": {"uuid": 5}}', b'{"response": 5}'])
def test_a_lookup_that_is_not_as_documented_is_malformed(body: bytes) -> None:
    with pytest.raises(SourceMalformed):
        read_located(site(), reply(body), LOOKUP, False)


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("status", [200, 400, 417])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (401, SourceRefused),
        (403, SourceRefused),
        (404, SourceRejected),
        (417, SourceRejected),
        ("417", SourceRejected),
        (429, SourceThrottled),
        (500, SourceUnavailable),
        (12, SourceRejected),
    ],
)
def test_errors_beside_the_response_are_judged_whatever_the_status(
    status: int, code: Any, kind: type[SourceError]
) -> None:
    refusal = judge(reply({"response": [], "errors": [error(code)]}, status), DAY)
    assert type(refusal) is kind
    assert refusal is not None
    assert refusal.detail == str(code)


def test_an_error_beside_a_whole_list_is_an_error() -> None:
    body = answer({"rows": rows(2), "totalCount": 2}, error(500))
    assert isinstance(judge(body, DAY), SourceUnavailable)
    first = reply(b'{"errors": [{"errorcode": 417}], "response": []}')
    assert isinstance(judge(first, DAY), SourceRejected)


@pytest.mark.parametrize("errors", ["bad", [{}], [7], {"errormessage": "x"}, [{"errorcode": "x"}]])
def test_an_error_without_a_code_is_an_error(errors: Any) -> None:
    refusal = judge(reply({"response": [], "errors": errors}), DAY)
    assert type(refusal) is SourceRejected
    assert refusal.detail is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"response":{"rows":[]},"errors":[]}',
        b'{"response": [], "errors": [ ]\n}\n',
        b'{"errors": [], "response": []}',
        b'{"response": [], "errors": {}}',
        b'{"response": [], "errors": null}',
        b'{"response": [{"x": "\\"errors\\": [1]"}]}',
        b"<html>",
        b"",
    ],
)
def test_an_answer_without_errors_is_fine(body: bytes) -> None:
    assert judge(reply(body), DAY) is None


@pytest.mark.parametrize(
    ("status", "words"), [(401, "customer and token"), (403, "allowed resources")]
)
def test_401_and_403_say_what_to_check(status: int, words: str) -> None:
    for body in (b"", b"no", b'{"response":[],"errors":[{"errorcode":403}]}'):
        refusal = judge(reply(body, status), DAY)
        assert isinstance(refusal, SourceRefused)
        assert words in str(refusal)
        assert refusal.detail == str(status)


@pytest.mark.parametrize("status", [302, 408, 429, 500, 503])
def test_other_statuses_are_left_to_the_common_table(status: int) -> None:
    assert judge(reply({"errors": [error(417)]}, status), DAY) is None


def test_a_missing_list_is_rejected_and_a_missing_cdr_is_not() -> None:
    assert isinstance(judge(reply(b"", 404), DAY), SourceRejected)
    assert judge(reply(b"", 404), LOOKUP) is None


# ---------------------------------------------------------------- the record


def test_the_vendors_own_example_is_read_field_by_field() -> None:
    made = record(SAMPLE)
    assert made.native_id == made.call_key == made.session_id == UUID
    assert made.started_at == datetime(2014, 1, 7, 13, 19, 30, tzinfo=UTC)
    assert made.answered_at == datetime(2014, 1, 7, 13, 19, 38, tzinfo=UTC)
    assert made.ended_at == datetime(2014, 1, 7, 13, 19, 44, tzinfo=UTC)
    assert made.direction is CallDirection.OUTBOUND
    # Its reach says "not reached": that is business, not telephony.
    assert made.disposition is CallDisposition.ANSWERED
    assert made.answered_by is AnsweredBy.PERSON
    assert (made.caller.number, made.caller.e164) == ("3615100304", "+3615100304")
    assert (made.callee.number, made.callee.e164) == ("360100", None)
    assert made.shown_number == "3615100304"
    assert made.did is None
    seconds = {
        name: getattr(made, f"{name}_seconds")
        for name in ("total", "ring", "talk", "hold", "queue", "billed")
    }
    assert seconds == {"total": 14, "ring": 8, "talk": 6, "hold": 0, "queue": 0, "billed": 6}
    assert (made.agent, made.queue) == ("5", "8")
    assert (made.hangup.cause, made.hangup.party) == (16, HangupParty.CALLEE)
    assert (made.hangup.sip_code, made.hangup.reason) == (None, None)
    assert made.cost is None
    assert (made.recording.name, made.recording.url, made.recording.expected) == (UUID, None, True)
    assert made.raw == SAMPLE
    for path in NEVER:
        head, _, rest = path.partition(".")
        holder = getattr(made, head)
        assert (getattr(holder, rest) if rest else holder) is None
    assert vars(made.details) == {
        "vendor": "vcclive",
        "short_id": "015T039E",
        "direction": "outbound",
        "project_id": "1",
        "project_name": None,
        "number_id": "2",
        "user_id": "5",
        "queue_id": "8",
        "billing_at": datetime(2014, 1, 7, 13, 19, 38, tzinfo=UTC),
        "before_queue_seconds": 0,
        "prework_seconds": 0,
        "afterwork_seconds": 0,
        "work_seconds": 14,
        "disposition_id": "2",
        "disposition_label": None,
        "disposition_export_name": None,
        "disposition_reach": 1,
        "disposition_reach_label": None,
        "disposition_status": 9,
        "disposition_status_label": None,
        "disposition_comment": None,
        "hangup_disposition": "customer",
        "dc": "16",
        "dialer_mode": 2,
        "dialer_mode_label": None,
        "call_quantity": Decimal("0.100000"),
        "call_rate": None,
        "total_fee": None,
        "currency": None,
        "price_tag": "hu-out-mobile",
        "vcc_score": None,
        "special": False,
        "next_contact_at": None,
        "call_file_name": UUID,
        "status_archived": "no",
        "last_archived_at": None,
        "trash_user_id": None,
        "deleted_user_id": None,
        "custom_fields": {"egyedimezo": "egyedimezo-ertek"},
    }


def test_every_documented_field_is_read_by_some_path() -> None:
    names = {info.name: info.encode_name for info in msgspec.structs.fields(Cdr)}
    used = {
        names[attribute]
        for field in RECORDS
        for attribute in ((field.wire,) if isinstance(field.wire, str) else field.wire)
    }
    documented = SAMPLE.keys() | LABELS.keys() | {"recordCustomFielData"}
    assert used == documented == set(names.values())
    assert used == {
        names[wire]
        for field in LOGS
        for wire in ((field.wire,) if isinstance(field.wire, str) else field.wire)
    }


def test_the_labels_of_a_list_name_what_ids_only_number() -> None:
    made = changed(**LABELS)
    assert (made.agent, made.queue) == ("Réka Szabó", "Outgoing")
    details = made.details
    assert details.project_name == "Sales campaign"
    assert details.disposition_label == "Wrong person"
    assert details.disposition_export_name == "wrong_person"
    assert details.disposition_reach_label == "Not reached"
    assert details.disposition_status_label == "discard"
    assert details.dialer_mode_label == "Power"
    assert (details.user_id, details.queue_id) == ("5", "8")


@pytest.mark.parametrize("user", [-1, "-1", " -1 "])
def test_the_system_is_no_agent(user: Any) -> None:
    made = changed(userid=user, userfullname="System")
    assert made.agent is None
    assert made.details.user_id == "-1"


def test_a_row_with_nothing_but_uuid_and_start_is_a_record() -> None:
    made = record({"uuid": UUID, "start_ts": "2014-07-07 14:19:30"})
    assert made.started_at == datetime(2014, 7, 7, 12, 19, 30, tzinfo=UTC)
    assert made.direction is CallDirection.UNKNOWN
    assert made.disposition is CallDisposition.UNKNOWN
    assert made.answered_by is AnsweredBy.UNKNOWN
    empty = {
        name: value
        for name, value in vars(made).items()
        if value is not None
        and name not in (
            "started_at", "native_id", "call_key", "session_id", "direction", "disposition",
            "answered_by", "caller", "callee", "details", "raw",
        )
    }  # fmt: skip
    assert empty == {}
    assert {value for name, value in vars(made.details).items() if name != "vendor"} == {None}


@pytest.mark.parametrize("blank", [None, "", " "])
def test_blanks_are_none_and_zero_is_zero(blank: Any) -> None:
    fields = SAMPLE.keys() - {"uuid", "start_ts", "start_ts_utc", "recordCustomFieldData"}
    made = changed(**dict.fromkeys(fields, blank))
    assert made.started_at == datetime(2014, 1, 7, 13, 19, 30, tzinfo=UTC)
    assert (made.caller.number, made.caller.e164, made.hangup, made.recording) == (None,) * 4
    assert (made.ring_seconds, made.total_seconds, made.answered_at, made.ended_at) == (None,) * 4
    assert (made.agent, made.queue, made.cost) == (None, None, None)
    made = changed(queuetime=0, afterwork="0", total_fee="0.000000", currency="EUR")
    assert (made.queue_seconds, made.details.afterwork_seconds) == (0, 0)
    assert made.cost.amount == 0


def test_numbers_may_come_as_text_and_text_as_numbers() -> None:
    numbers = {k: str(v) for k, v in SAMPLE.items() if type(v) is int}
    assert vars(changed(**numbers).details) == vars(record(SAMPLE).details)
    made = changed(source=3615100304, **numbers)
    assert made.caller.e164 == "+3615100304"
    assert (made.talk_seconds, made.total_seconds, made.hangup.cause) == (6, 14, 16)


# ---------------------------------------------------------------- times


def test_utc_times_win_over_local_ones() -> None:
    made = changed(start_ts="2014-01-07 01:02:03", billing_ts=ZERO)
    assert made.started_at == datetime(2014, 1, 7, 13, 19, 30, tzinfo=UTC)
    assert made.answered_at == datetime(2014, 1, 7, 13, 19, 38, tzinfo=UTC)


@pytest.mark.parametrize("none", [{}, {"start_ts_utc": ZERO}, {"start_ts_utc": ""}])
@pytest.mark.parametrize(
    ("wall", "zone", "expected"),
    [
        ("2014-01-07 14:19:30", "Europe/Budapest", "2014-01-07T13:19:30Z"),
        ("2014-07-07 14:19:30", "Europe/Budapest", "2014-07-07T12:19:30Z"),
        ("2014-07-07 14:19:30", "America/New_York", "2014-07-07T18:19:30Z"),
        # The hour that comes twice: the first is meant.
        ("2026-10-25 02:30:00", "Europe/Budapest", "2026-10-25T00:30:00Z"),
        ("2026-10-25 03:00:00", "Europe/Budapest", "2026-10-25T02:00:00Z"),
    ],
)
def test_without_utc_the_zone_tells(
    none: dict[str, str], wall: str, zone: str, expected: str
) -> None:
    made = record({"uuid": "u", "start_ts": wall, **none}, site(zone))
    assert made.started_at == datetime.fromisoformat(expected)


def test_other_dates_have_their_local_twins_as_well() -> None:
    made = changed(
        next_contact="2014-01-08 10:00:00",
        next_contact_utc=ZERO,
        lastArchivedTime="2014-01-09 10:00:00",
        lastArchivedTime_utc="2014-01-09 09:00:00",
    )
    assert made.details.next_contact_at == datetime(2014, 1, 8, 9, tzinfo=UTC)
    assert made.details.last_archived_at == datetime(2014, 1, 9, 9, tzinfo=UTC)


def test_an_agent_answers_an_inbound_call_after_menu_and_queue() -> None:
    fields: dict[str, Any] = {"beforequeuetime": 10, "queuetime": 20, "billingtime": 36}
    picked_up = datetime(2014, 1, 7, 13, 19, 38, tzinfo=UTC)
    assert changed(direction="inbound", **fields).answered_at == picked_up + timedelta(seconds=30)
    assert changed(direction="outbound", **fields).answered_at == picked_up


def test_a_call_that_nobody_took_ends_after_its_ringing() -> None:
    none = {"talktime": 0, "billingtime": 0, "dc": 19}
    for picked_up in (ZERO, SAMPLE["billing_ts"]):
        made = changed(billing_ts=picked_up, billing_ts_utc=ZERO, **none)
        assert made.answered_at is None
        assert made.ended_at == datetime(2014, 1, 7, 13, 19, 38, tzinfo=UTC)
        assert made.total_seconds == 8


def test_a_time_that_is_none_makes_the_row_unusable() -> None:
    assert changed(start_ts_utc="yesterday") is None


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [
        (1, "FAILED"),
        (3, "FAILED"),
        (16, "NO_ANSWER"),
        (17, "BUSY"),
        (18, "NO_ANSWER"),
        (19, "NO_ANSWER"),
        (20, "NO_ANSWER"),
        (21, "REJECTED"),
        (22, "FAILED"),
        (27, "FAILED"),
        (28, "FAILED"),
        (31, "NO_ANSWER"),
        (34, "FAILED"),
        (38, "FAILED"),
        (41, "FAILED"),
        (42, "FAILED"),
        (47, "FAILED"),
        (102, "FAILED"),
        (127, "FAILED"),
        (0, "UNKNOWN"),
        (None, "UNKNOWN"),
        (999, "UNKNOWN"),
        ("a word", "UNKNOWN"),
    ],
)
def test_a_call_without_talk_ended_as_its_cause_says(cause: Any, outcome: str) -> None:
    for sent in (cause, None if cause is None else f" {cause}"):
        made = changed(talktime=0, billingtime=0, dc=sent)
        assert made.disposition is CallDisposition[outcome]
        assert made.answered_by is AnsweredBy.NOBODY
        told = cause if isinstance(cause, int) and cause else None
        assert made.hangup.cause == told
        assert made.details.dc == (None if cause is None else str(cause))
    assert changed(dc=cause).disposition is CallDisposition.ANSWERED


def test_a_customer_who_leaves_a_queue_abandons_the_call() -> None:
    fields = {"direction": "inbound", "queuetime": 9, "billingtime": 9, "talktime": 0}
    made = changed(**fields)
    assert made.disposition is CallDisposition.ABANDONED
    assert made.answered_by is AnsweredBy.MACHINE
    for other in (
        {"direction": "outbound"},
        {"queuetime": 0},
        {"hangup_disposition": "operator"},
    ):
        assert changed(**{**fields, **other}).disposition is CallDisposition.NO_ANSWER


def test_who_picked_up_an_outbound_call_without_talk_is_unknown() -> None:
    assert changed(talktime=0, billingtime=5).answered_by is AnsweredBy.UNKNOWN


@pytest.mark.parametrize(
    ("direction", "who", "party"),
    [
        ("inbound", "customer", "CALLER"),
        ("inbound", "operator", "CALLEE"),
        ("outbound", "customer", "CALLEE"),
        ("Outbound", "OPERATOR", "CALLER"),
        ("inbound", "nobody", "UNKNOWN"),
        ("inbound", None, "UNKNOWN"),
        ("sideways", "customer", "UNKNOWN"),
        (None, "operator", "UNKNOWN"),
    ],
)
def test_the_customer_is_the_side_that_the_direction_says(
    direction: str | None, who: str | None, party: str
) -> None:
    made = changed(direction=direction, hangup_disposition=who)
    assert made.hangup.party is HangupParty[party]
    assert made.details.hangup_disposition == who


def test_words_that_nobody_has_seen_are_counted_and_kept() -> None:
    at = site()
    made = record(
        {**SAMPLE, "direction": "sideways", "dc": 999, "talktime": 0, "statusArchived": "perhaps"},
        at,
    )
    assert made.direction is CallDirection.UNKNOWN
    assert made.disposition is CallDisposition.UNKNOWN
    assert set(at.unknown_words) == {"sideways", "999"}
    assert made.details.direction == "sideways"
    assert (made.details.dc, made.details.status_archived) == ("999", "perhaps")


# ---------------------------------------------------------------- numbers, money and the rest


@pytest.mark.parametrize(
    ("sent", "number", "e164"),
    [
        ("3615100304", "3615100304", "+3615100304"),
        ("+3615100304", "+3615100304", "+3615100304"),
        ("4930226101", "4930226101", "+4930226101"),
        ("0615100304", "0615100304", "+3615100304"),
        ("360100", "360100", None),
        ("104", "104", None),
        ("0000000000", None, None),
        ("anonymous", "anonymous", None),
        ("", None, None),
    ],
)
def test_numbers_are_as_sent_and_international_where_they_can_be(
    sent: str, number: str | None, e164: str | None
) -> None:
    made = changed(source=sent, destination=sent)
    assert (made.caller.number, made.caller.e164) == (number, e164)
    assert (made.callee.number, made.callee.e164) == (number, e164)
    assert (made.shown_number, made.did) == (number, None)
    assert (changed(direction="inbound", destination=sent).did) == number


def test_a_withheld_number_is_none_in_every_region() -> None:
    assert record({**SAMPLE, "source": "0000000000"}, site(region="US")).caller.e164 is None


@pytest.mark.parametrize(
    ("fee", "currency", "amount"),
    [
        ("12.340000", "HUF", "12.340000"),
        (0.07, "EUR", "0.07"),
        ("0.1", None, None),
        (None, "EUR", None),
    ],
)
def test_a_cost_needs_fee_and_currency_and_is_exact(
    fee: Any, currency: str | None, amount: str | None
) -> None:
    made = changed(total_fee=fee, currency=currency, call_rate="0.110000")
    if amount is None:
        assert made.cost is None
    else:
        assert (made.cost.amount, made.cost.currency) == (Decimal(amount), currency)
    assert made.details.total_fee == (None if fee is None else Decimal(str(fee)))
    assert (made.details.currency, made.details.call_rate) == (currency, Decimal("0.11"))


def test_a_recording_that_was_thrown_away_is_none() -> None:
    for gone in ({"trashUserId": 5}, {"deletedUserId": "-1"}, {"callfilename": None}):
        assert changed(**gone).recording is None
    assert changed(trashUserId=5).details.call_file_name == UUID
    assert changed(trashUserId=5).details.trash_user_id == "5"
    assert changed(trashUserId="", deletedUserId=0).recording is not None


@pytest.mark.parametrize("name", ["recordCustomFieldData", "recordCustomFielData"])
@pytest.mark.parametrize(
    ("sent", "told"), [({"a": "1"}, {"a": "1"}), ({}, {}), ([], {}), (["x"], ["x"]), (None, None)]
)
def test_custom_fields_are_read_in_both_spellings(name: str, sent: Any, told: Any) -> None:
    row = {k: v for k, v in SAMPLE.items() if k != "recordCustomFieldData"}
    assert record({**row, name: sent}).details.custom_fields == told


def test_talk_never_contains_hold() -> None:
    at = site(hold_in_talk=True)
    row = {**SAMPLE, "talktime": 30, "holdtime": 10}
    assert record(row).talk_seconds == 30
    assert record(row, at).talk_seconds == 20
    assert record({**row, "holdtime": None}, at).talk_seconds == 30
    assert record({**row, "talktime": None}, at).talk_seconds is None


def test_a_log_is_the_leg_of_its_call() -> None:
    row = msgspec.json.decode(msgspec.json.encode(SAMPLE), type=Cdr)
    assert RECORDS_LIST.legs_of is not None
    assert RECORDS_LIST.legs_of(site(), row) == [row]
    assert LOGS_LIST.call_of is not None
    started = datetime(2014, 1, 7, 13, 19, 30, tzinfo=UTC)
    assert LOGS_LIST.call_of(site(), row) == RowKey(UUID, started)
    assert LOGS_LIST.row_key(site(), row) == RECORDS_LIST.row_key(site(), row) == UUID


# ---------------------------------------------------------------- the whole product

COMMON = """
    id nativeId callKey unit startedAt ringingAt answeredAt endedAt direction disposition answeredBy
    caller { number e164 extension name domain } callee { number e164 extension name domain }
    totalSeconds ringSeconds talkSeconds holdSeconds queueSeconds billedSeconds
    trunkIn trunkOut did shownNumber queue agent hangup { cause sipCode party reason }
    cost { amount currency } account recording { name url expected } userData
"""
DETAILS = " ".join(
    camel(field.path.removeprefix("details."))
    for field in RECORDS
    if field.path.startswith("details.")
)
EVERYTHING = COMMON + f"details {{ vendor ... on VccliveDetails {{ {DETAILS} }} }}"
LISTED_ONLY = {"projectName", "dialerModeLabel"} | {
    f"disposition{rest}" for rest in ("Label", "ExportName", "ReachLabel", "StatusLabel")
}
ALL = """query($filter: CallFilter) { callRecords(filter: $filter, first: 1000) {
    nodes { %s } count { value relation } outcomes { state message skippedRecords requests } } }"""


def outside(calls: list[company.Call], until: datetime = NOW) -> list[company.Call]:
    """The calls that this vendor sees"""
    return [c for c in calls if c.direction != "internal" and c.ended_at <= until]


NODE = """query($id: ID!) { node(id: $id) { ... on CallRecord {
    %s logs { nativeId sessionId endedAt } } } }"""


async def everything(api: Api, fields: str, **filter: str) -> list[dict[str, Any]]:
    window = {"since": (NOW - timedelta(days=11)).isoformat(), **filter}
    data = await api.good(ALL % fields, filter=window)
    page = data["callRecords"]
    assert [outcome["state"] for outcome in page["outcomes"]] == ["OK"]
    assert page["outcomes"][0]["skippedRecords"] == 0
    nodes: list[dict[str, Any]] = page["nodes"]
    return nodes


def told(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


OUTCOMES = {
    "answered": "ANSWERED",
    "no_answer": "NO_ANSWER",
    "busy": "BUSY",
    "failed": "FAILED",
    "abandoned": "ABANDONED",
    # It cannot be told apart from a call that nobody took.
    "voicemail": "NO_ANSWER",
    "cancelled": "NO_ANSWER",
}


@pytest.mark.parametrize("hold_in_talk", [False, True])
def test_records_tell_what_really_happened(hold_in_talk: bool) -> None:
    async def story() -> None:
        source = {**FAST, "options": {"hold_in_talk": hold_in_talk}}
        switches = {"vcclive": {"hold_in_talk": hold_in_talk}}
        async with product(source, count=250, switches=switches) as api:
            nodes = (await everything(api, EVERYTHING))[::-1]
            calls = outside(api.worlds["vcclive"].calls)
            assert len(nodes) == len(calls)
            assert {call.outcome for call in calls} == OUTCOMES.keys()
            # Calls of one second stand in the order of their uuids, so they are paired by what
            # tells them apart.
            seen: dict[Any, Any] = {}
            for node in nodes:
                outer = node["caller" if node["direction"] == "INBOUND" else "callee"]
                seen[node["startedAt"], outer["e164"] or outer["number"], node["endedAt"]] = node
            for call in calls:
                inbound = call.direction == "inbound"
                far = call.caller if inbound else call.callee
                digits = far.number.removeprefix("+")
                key = told(call.started_at), told(call.ended_at)
                node = next(
                    n for (start, who, end), n in seen.items()
                    if (start, end) == key and who.removeprefix("+") == digits
                )  # fmt: skip
                agrees(node, call)

    run(story)


def agrees(node: dict[str, Any], call: company.Call) -> None:
    inbound = call.direction == "inbound"
    assert node["direction"] == call.direction.upper()
    assert node["disposition"] == OUTCOMES[call.outcome]
    assert (node["answeredBy"] == "PERSON") is call.answered
    assert node["answeredAt"] == told(call.answered_at)
    assert node["totalSeconds"] == call.total_seconds
    assert node["queueSeconds"] == call.queue_seconds
    parts = ("ringSeconds", "queueSeconds", "talkSeconds", "holdSeconds")
    before = node["details"]["beforeQueueSeconds"]
    assert sum(node[part] for part in parts) + before == call.total_seconds
    if not call.transferred:
        assert node["holdSeconds"] == call.hold_seconds
        assert node["talkSeconds"] + node["holdSeconds"] == call.talk_seconds
    assert node["billedSeconds"] == call.total_seconds - node["ringSeconds"]
    assert node["hangup"]["cause"] == call.cause
    assert node["hangup"]["party"] == call.hung_up_by.upper()
    assert Decimal(node["cost"]["amount"]) == Decimal(call.price_cents) / 100
    assert node["cost"]["currency"] == "EUR"
    assert (node["recording"] is not None) is call.recorded
    assert node["did"] == (call.did and call.did.lstrip("+") if inbound else None)
    assert node["details"]["dispositionComment"] == call.note
    assert node["queue"] == (call.queue.name if call.queue else None if inbound else "Outgoing")
    if call.outcome != "abandoned":
        assert node["agent"] == (call.callee if inbound else call.caller).name
    else:
        assert node["agent"] is None


def test_the_vendors_own_example_comes_through_a_lookup_and_its_day() -> None:
    async def story() -> None:
        async with product("vcclive", given={"vcclive": [SAMPLE]}) as api:
            lookup = (
                "query($ref: CallRecordRef!) { callRecordLookup(ref: $ref) { state record {"
                f" {EVERYTHING} raw logs {{ sessionId }} }} }} }}"
            )
            native = {"source": "vcclive", "nativeId": UUID, "startedAt": "2014-01-07T00:00:00Z"}
            found = (await api.good(lookup, ref={"native": native}))["callRecordLookup"]
            assert found["state"] == "FOUND"
            node = found["record"]
            assert node["startedAt"] == "2014-01-07T13:19:30Z"
            assert (node["ringSeconds"], node["talkSeconds"]) == (8, 6)
            assert node["hangup"] == {
                "cause": 16, "sipCode": None, "party": "CALLEE", "reason": None,
            }  # fmt: skip
            assert (node["disposition"], node["details"]["dispositionReach"]) == ("ANSWERED", 1)
            assert node["raw"] == SAMPLE
            assert node["logs"] == [{"sessionId": UUID}]
            # The key finds it; its day is read for what only lists tell.
            assert [r.path for r in api.worlds["vcclive"].received] == [
                f"/v2/cdr/2014/01/{UUID}",
                "/v2/cdrs/2014/01/07",
            ]
            window = {"since": "2014-01-07T00:00:00Z", "until": "2014-01-07T20:00:00Z"}
            fields = f"{EVERYTHING} raw logs {{ sessionId }}"
            listed = await api.good(ALL % fields, filter=window)
            assert listed["callRecords"]["nodes"] == [node]
            assert api.worlds["vcclive"].received[-1].path == "/v2/cdrs/2014/01/07"
            assert api.requests("vcclive") == 3

    run(story)


Settings = dict[str, Any]
PAGED: dict[str, tuple[Settings, Settings, Settings]] = {
    "plain": ({}, {}, {}),
    "shuffled": ({}, {}, {"list_order": "shuffled", "total_count_text": True}),
    "a smaller cap": ({}, {}, {"utc_in_lists": False, "most_rows": 4}),
    "moving ties": ({}, {"page_size": 500}, {"shuffle_ties": True}),
    "utc days": ({}, {"path_month": "utc"}, {"utc_paths": True}),
    "utc days, far west": (
        {"time_zone": "Pacific/Pago_Pago"},
        {"path_month": "utc"},
        {"utc_paths": True, "time_zone": "Pacific/Pago_Pago", "utc_in_lists": False},
    ),
    "utc days, far east": (
        {"time_zone": "Pacific/Kiritimati"},
        {"path_month": "utc"},
        {"utc_paths": True, "time_zone": "Pacific/Kiritimati"},
    ),
    "zone and days are utc": ({"time_zone": "UTC"}, {"path_month": "utc"}, {"utc_paths": True}),
}


@pytest.mark.parametrize("name", PAGED)
def test_pages_bring_every_call_once_and_in_order(name: str) -> None:
    own, options, switches = PAGED[name]
    source = {**FAST, **own, "options": {"page_size": 5, "records_since": "2026-02-28", **options}}

    async def story() -> None:
        async with product(source, count=40, days=3, switches={"vcclive": switches}, seed=3) as api:
            calls = outside(api.worlds["vcclive"].calls)
            fields = "nativeId startedAt"
            newest = await api.pages(fields, "orderBy: NEWEST_FIRST", first=11)
            oldest = await api.pages(fields, "orderBy: OLDEST_FIRST", first=13)
            assert oldest == newest[::-1]
            assert oldest == sorted(oldest, key=lambda n: (n["startedAt"], n["nativeId"]))
            assert [n["startedAt"] for n in oldest] == [told(c.started_at) for c in calls]
            assert len({n["nativeId"] for n in oldest}) == len(calls)
            if name == "plain":
                for order, expected in (("NEWEST", newest), ("OLDEST", oldest)):
                    by = f"orderBy: {order}_FIRST"
                    pages = await api.pages(fields, by, first=7, backwards=True)
                    assert pages == expected

    run(story)


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
@pytest.mark.parametrize("zone", ["Europe/Budapest", "Europe/London", "America/New_York"])
@pytest.mark.parametrize("utc_paths", [False, True])
def test_days_of_23_and_25_hours_lose_nothing(day: str, zone: str, utc_paths: bool) -> None:
    now = datetime.fromisoformat(f"{day}T23:00:00+00:00") + timedelta(days=1)
    some = outside(company.calls(seed=2, count=20, until=now, days=2), now)[0]
    # One in each half hour of both nights.
    calls = [
        msgspec.structs.replace(some, number=n, started_at=now - timedelta(minutes=30 * n))
        for n in range(120, 4, -1)
    ]
    options = {"page_size": 25, "path_month": "utc" if utc_paths else "local"}
    source = {**FAST, "time_zone": zone, "options": options}
    switches = {"utc_paths": utc_paths, "time_zone": zone}
    times = [told(call.started_at) for call in calls]

    async def story() -> None:
        async with product(
            source, calls=calls, switches={"vcclive": switches}, clock=Clock(now)
        ) as api:
            # Windows that begin and end inside of days, in all places of them.
            for first, last in ((0, 115), (22, 31)):
                window = f"since: {json.dumps(times[first])}, until: {json.dumps(times[last])}"
                for order in ("OLDEST_FIRST", "NEWEST_FIRST"):
                    nodes = await api.pages(
                        "startedAt", f"filter: {{ {window} }}, orderBy: {order}", first=70
                    )
                    seen = [node["startedAt"] for node in nodes]
                    wanted = times[first:last]
                    assert seen == (wanted if order == "OLDEST_FIRST" else wanted[::-1])

    run(story)


def test_a_lookup_equals_the_lists_entry() -> None:
    async def story() -> None:
        async with product(FAST, count=40) as api:
            nodes = await everything(api, EVERYTHING + " logs { nativeId sessionId endedAt }")
            for node in nodes[:12]:
                found = await api.good(NODE % EVERYTHING, id=node["id"])
                assert found["node"] == node

    run(story)


def test_a_lookup_near_the_months_edge_tries_the_neighbour() -> None:
    call = company.calls(seed=1, count=1, until=NOW)[0]
    # Half an hour after midnight in Budapest: it is April there, and March in UTC.
    began = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)
    call = msgspec.structs.replace(call, direction="inbound", started_at=began)
    lookup = """query($ref: NativeCallRef!) { callRecordLookup(ref: { native: $ref }) {
        state record { nativeId startedAt } } }"""

    async def story() -> None:
        clock = Clock(datetime(2026, 4, 2, tzinfo=UTC))
        async with product("vcclive", calls=[call], clock=clock) as api:
            world = api.worlds["vcclive"]
            uuid = ids(call, world.seed)[0]
            ref = {"source": "vcclive", "nativeId": uuid, "startedAt": "2026-03-31T12:00:00Z"}
            found = (await api.good(lookup, ref=ref))["callRecordLookup"]
            assert found["state"] == "FOUND"
            assert found["record"] == {"nativeId": uuid, "startedAt": told(began)}
            paths = [request.path for request in world.received]
            assert paths == [f"/v2/cdr/2026/03/{uuid}", f"/v2/cdr/2026/04/{uuid}"]

    run(story)


@pytest.mark.parametrize("form", ["404", "empty_list", "empty_object", "empty_body"])
def test_a_cdr_that_is_still_prepared_is_not_ready_and_then_found(form: str) -> None:
    call = company.calls(seed=4, count=1, until=NOW)[0]
    call = msgspec.structs.replace(
        call, direction="inbound", started_at=NOW - timedelta(seconds=call.total_seconds + 30)
    )
    lookup = """query($ref: NativeCallRef!) { callRecordLookup(ref: { native: $ref }) {
        state retryAt record { nativeId } outcome { state } } }"""

    async def story() -> None:
        switches = {"vcclive": {"delay_seconds": 600, "not_ready": form}}
        async with product("vcclive", calls=[call], switches=switches) as api:
            uuid = ids(call, api.worlds["vcclive"].seed)[0]
            ref = {"source": "vcclive", "nativeId": uuid, "startedAt": call.started_at.isoformat()}
            looked = (await api.good(lookup, ref=ref))["callRecordLookup"]
            assert (looked["state"], looked["record"]) == ("NOT_READY", None)
            assert looked["outcome"] == {"state": "OK"}
            assert looked["retryAt"] == told(NOW + timedelta(seconds=300))
            api.clock.advance(600)
            looked = (await api.good(lookup, ref=ref))["callRecordLookup"]
            assert (looked["state"], looked["record"]) == ("FOUND", {"nativeId": uuid})

    run(story)


def test_a_lookup_without_a_start_says_what_is_needed() -> None:
    async def story() -> None:
        async with product("vcclive", count=5) as api:
            answered = await api.ask(
                '{ callRecordLookup(ref: { native: { source: "vcclive", nativeId: "x" } })'
                " { state outcome { state message } } }"
            )
            assert answered.data == {"callRecordLookup": None}
            assert answered.errors[0]["extensions"] == {
                "code": "BAD_USER_INPUT",
                "argument": "ref.native.startedAt",
            }
            assert api.requests("vcclive") == 0

    run(story)


def test_logs_are_the_calls_again_and_know_their_records() -> None:
    async def story() -> None:
        async with product(FAST, count=12, days=2) as api:
            records = await everything(api, "nativeId startedAt agent details { vendor }")
            data = await api.good(
                "query($filter: CallFilter) { callLogs(filter: $filter, first: 20) { nodes {"
                " nativeId callKey sessionId unit startedAt agent record { nativeId unit } } } }",
                filter={"since": (NOW - timedelta(days=3)).isoformat()},
            )
            logs = data["callLogs"]["nodes"]
            for log, call in zip(logs, records, strict=True):
                uuid = call["nativeId"]
                assert [log[name] for name in ("nativeId", "callKey", "sessionId")] == [uuid] * 3
                assert (log["startedAt"], log["agent"]) == (call["startedAt"], call["agent"])
                assert (log["unit"], log["record"]) == ("LEG", {"nativeId": uuid, "unit": "CALL"})

    run(story)


def test_only_the_projects_calls_come_where_one_is_configured() -> None:
    async def story() -> None:
        source = {**FAST, "options": {"project_id": 1}}
        async with product(source, count=60, days=3) as api:
            nodes = await everything(
                api, "direction details { ... on VccliveDetails { projectId } }"
            )
            assert {n["details"]["projectId"] for n in nodes} == {"1"}
            calls = outside(api.worlds["vcclive"].calls)
            assert len(nodes) == sum(1 for call in calls if call.direction == "inbound")

    run(story)


def test_conditions_are_tested_here_and_what_is_never_told_is_not_asked() -> None:
    async def story() -> None:
        async with product(FAST, count=60, days=3) as api:
            nodes = await everything(api, "nativeId agent talkSeconds direction")
            agent = next(n["agent"] for n in nodes if n["agent"])
            query = ALL % "nativeId"
            since = (NOW - timedelta(days=4)).isoformat()
            conditions: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
                ({"agent": [agent]}, [n for n in nodes if n["agent"] == agent]),
                ({"direction": ["OUTBOUND"]}, [n for n in nodes if n["direction"] == "OUTBOUND"]),
                ({"talkSeconds": {"min": 60}}, [n for n in nodes if n["talkSeconds"] >= 60]),
            ]
            for condition, fitting in conditions:
                page = (await api.good(query, filter={"since": since, **condition}))["callRecords"]
                wanted = [{"nativeId": n["nativeId"]} for n in fitting]
                assert wanted
                assert page["nodes"] == wanted
            before = api.requests("vcclive")
            for condition in ({"extension": ["2001"]}, {"trunk": ["berlin*"]}):
                answered = await api.ask(query, filter={"since": since, **condition})
                assert "UNSUPPORTED" in json.dumps([answered.data, answered.errors])
            assert api.requests("vcclive") == before

    run(story)


# ---------------------------------------------------------------- bad days

LIST = (
    '{ callRecords(filter: { since: "2026-03-04T00:00:00Z" }) { nodes { nativeId } outcomes '
    "{ state code message skippedRecords } } }"
)


def outcome_of(answered: Any) -> dict[str, Any]:
    """The outcome of the one source, of a page or of its failure"""
    if answered.data and answered.data["callRecords"]:
        outcome: dict[str, Any] = answered.data["callRecords"]["outcomes"][0]
        return outcome
    failed: dict[str, Any] = answered.errors[0]["extensions"]["outcomes"][0]
    return failed


FAULTS: list[tuple[dict[str, Any], str, str | None, int]] = [
    ({"kind": "error", "code": "401"}, "REFUSED", "401", 1),
    ({"kind": "error", "code": "403"}, "REFUSED", "403", 1),
    ({"kind": "error", "code": "404"}, "REJECTED", "404", 1),
    ({"kind": "error", "code": "417"}, "REJECTED", "417", 1),
    ({"kind": "error", "code": "partial"}, "UNAVAILABLE", "500", 3),
    ({"kind": "error", "code": "500"}, "UNAVAILABLE", None, 3),
    ({"kind": "expire"}, "REFUSED", "401", 1),
    ({"kind": "status", "status": 503}, "UNAVAILABLE", None, 3),
    ({"kind": "status", "status": 429, "retry_after": 2}, "THROTTLED", None, 3),
    ({"kind": "status", "status": 302}, "MALFORMED", None, 1),
    ({"kind": "status", "status": 418}, "REJECTED", "418", 1),
    ({"kind": "html"}, "MALFORMED", None, 1),
    ({"kind": "empty"}, "MALFORMED", None, 1),
    ({"kind": "cut"}, "MALFORMED", None, 1),
    ({"kind": "huge", "size_mb": 2}, "MALFORMED", None, 1),
]


def test_each_fault_of_a_list_has_its_outcome_and_costs_only_its_question() -> None:
    async def story() -> None:
        async with product({"vendor": "vcclive", "max_response_mb": 1}, count=20, days=1) as api:
            world = api.worlds["vcclive"]
            for fault, state, code, requests in FAULTS:
                world.fault(times=0, **fault)
                before = len(world.received)
                outcome = outcome_of(await api.ask(LIST))
                assert (outcome["state"], outcome["code"]) == (state, code), fault
                assert len(world.received) - before == requests, fault
                assert "made-up-token" not in json.dumps(outcome)
                world.faults.clear()
                # Whoever failed often is left in peace for a minute.
                api.clock.advance(120)
                assert outcome_of(await api.ask(LIST))["state"] == "OK", fault

    run(story)


PASSING: list[dict[str, Any]] = [
    {"kind": "error", "code": "500"},
    {"kind": "error", "code": "partial"},
    {"kind": "status", "status": 503},
    {"kind": "content_type"},
    {"kind": "duplicate"},
    {"kind": "drip", "seconds": 0},
]


def test_a_fault_that_passes_costs_nothing() -> None:
    async def story() -> None:
        async with product(FAST, count=30, days=2) as api:
            expected = await everything(api, "nativeId startedAt talkSeconds")
            for fault in PASSING:
                api.worlds["vcclive"].fault(**fault)
                assert await everything(api, "nativeId startedAt talkSeconds") == expected, fault
                assert api.worlds["vcclive"].faults == []
                api.clock.advance(120)

    run(story)


def test_a_vendor_that_sends_the_first_page_again_and_again_is_found_out() -> None:
    async def story() -> None:
        async with product({**FAST, "options": {"page_size": 2}}, count=40, days=1) as api:
            api.worlds["vcclive"].fault("repeat", times=0)
            outcome = outcome_of(await api.ask(LIST))
            assert outcome["state"] == "MALFORMED"
            assert "same page" in str(outcome["message"])

    run(story)


def test_words_that_nobody_has_seen_become_unknown() -> None:
    async def story() -> None:
        async with product(FAST, count=10, days=1) as api:
            api.worlds["vcclive"].fault("unknown", times=0)
            nodes = await everything(
                api,
                "direction disposition hangup { party } details { ... on VccliveDetails "
                "{ direction hangupDisposition dc statusArchived dispositionStatusLabel } }",
            )
            assert nodes
            for node in nodes:
                assert node["direction"] == "UNKNOWN"
                assert node["disposition"] in ("ANSWERED", "UNKNOWN")
                assert node["hangup"]["party"] == "UNKNOWN"
                assert node["details"] == {
                    "direction": "sideways",
                    "hangupDisposition": "nobody",
                    "dc": "999",
                    "statusArchived": "perhaps",
                    "dispositionStatusLabel": "on the moon",
                }
            words = api.graph.sources.live["vcclive"].site.unknown_words
            assert {"sideways", "999"} <= set(words)

    run(story)


def test_wrong_credentials_are_refused_with_one_request() -> None:
    async def story() -> None:
        login = {"customer": "acme", "token": "another-made-up-token"}
        async with product({"vendor": "vcclive", "credentials": login}, count=5) as api:
            outcome = outcome_of(await api.ask(LIST))
            assert (outcome["state"], outcome["code"]) == ("REFUSED", "401")
            assert "customer and token" in outcome["message"]
            assert api.requests("vcclive") == 1

    run(story)


@pytest.mark.parametrize(
    "switches", [{"allowed_ips": ["192.0.2.1"]}, {"allowed_resources": "/v2/cdr/.*"}]
)
def test_an_address_or_resource_that_is_not_allowed_is_refused(switches: dict[str, Any]) -> None:
    async def story() -> None:
        async with product("vcclive", count=5, switches={"vcclive": switches}) as api:
            outcome = outcome_of(await api.ask(LIST))
            assert (outcome["state"], outcome["code"]) == ("REFUSED", "403")
            assert "allowed" in outcome["message"]

    run(story)


def test_a_fee_that_is_computed_later_is_null_at_first() -> None:
    async def story() -> None:
        switches = {"vcclive": {"fee_delay_seconds": 3 * 86400}}
        async with product(FAST, count=60, days=6, switches=switches) as api:
            nodes = await everything(api, "startedAt cost { amount }")
            costs = [node["cost"] is None for node in nodes]
            assert costs[0]
            assert not costs[-1]
            assert costs == sorted(costs, reverse=True)

    run(story)
