"""What the Voicenter folder promises: requests, replies, words, refusals; and the whole product."""

from __future__ import annotations

import functools
import inspect
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
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
from graph.sources import company
from graph.sources.company import Call
from graph.sources.compiling import compiled
from graph.sources.contract import Ask, Condition, Exactness, Kind, Page, Reply, Request, Site
from graph.sources.selected import wire_keys
from graph.sources.voicenter import VENDOR
from graph.sources.voicenter.auth import Credentials
from graph.sources.voicenter.mapping import DISPOSITIONS, KINDS, NEVER
from graph.sources.voicenter.options import Options
from graph.sources.voicenter.simulator import Switches
from graph.sources.voicenter.wire import ABSENT, COLUMNS, Leg
from graph.types.call import AnsweredBy, CallDirection, CallDisposition, CallLog
from graph.types.scalars import Money
from tests.support import NOW, Api, Clock, product, run

SAMPLES = Path(inspect.getfile(Options)).parent / "samples"
LOGS = VENDOR.logs
AT = datetime(2024, 6, 10, 9, 4, 58, tzinfo=UTC)
ISRAEL = ZoneInfo("Asia/Jerusalem")
LEAVES = (
    "caller.number", "caller.e164", "caller.extension", "caller.name", "caller.domain",
    "callee.number", "callee.e164", "callee.extension", "callee.name", "callee.domain",
    "direction", "disposition", "answered_by", "started_at", "native_id", "call_key",
    "ringing_at", "answered_at", "ended_at", "total_seconds", "ring_seconds", "talk_seconds",
    "hold_seconds", "queue_seconds", "billed_seconds", "trunk_in", "trunk_out", "did",
    "shown_number", "queue", "agent", "hangup", "cost", "account", "recording", "user_data",
)  # fmt: skip
EVERY_PATH = frozenset(field.path for field in LOGS.fields) | set(LEAVES)


def site(region: str | None = "IL", **options: Any) -> Site:
    return Site(
        id="vc",
        zone=ZoneInfo("UTC"),
        credentials=Credentials(code=Secret("top secret")),
        options=msgspec.convert(options, Options),
        region=region,
    )


def ask(
    since: datetime = AT,
    until: datetime = AT + timedelta(hours=1),
    *conditions: Condition,
    wire: frozenset[str] | None = None,
    **options: Any,
) -> Ask:
    return Ask(since, until, True, NOW, conditions=conditions, wire=wire, **options)


def body_of(request: Request) -> dict[str, Any]:
    assert request.body is not None
    body: dict[str, Any] = json.loads(request.body)
    return body


def planned(asked: Ask, **options: Any) -> dict[str, Any]:
    return body_of(LOGS.plan(site(**options), asked, 0))


def window(since: str, until: str, **options: Any) -> tuple[str, str]:
    """The bounds that are sent for these moments"""
    asked = ask(datetime.fromisoformat(since), datetime.fromisoformat(until))
    search = planned(asked, **options)["search"]
    return search["fromdate"], search["todate"]


def reply(body: Any, status: int = 200) -> Reply:
    return Reply(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def answer(*rows: Any, **head: Any) -> Reply:
    return reply({"ERROR_NUMBER": 0, "ERROR_DESCRIPTION": "OK", **head, "CDR_LIST": rows})


def row(**values: Any) -> dict[str, Any]:
    return {"CallID": "a1", "Date": "2024-06-10T09:04:58Z", **values}


def page(sent: Reply, *, raw: bool = False, asked: Ask | None = None, **options: Any) -> Page:
    here = site(**options)
    wanted = asked or ask(raw=raw)
    return LOGS.read(here, sent, LOGS.plan(here, wanted, 0), wanted)


def records(here: Site, rows: Sequence[Any], raws: Sequence[Any] | None = None) -> list[Any]:
    convert = compiled(CallLog, LOGS, EVERY_PATH | {"raw"}, here, VENDOR.details)
    return convert(rows, raws)


def record(*, region: str | None = "IL", options: Any = None, **values: Any) -> Any:
    """The record of one row"""
    here = site(region, **(options or {}))
    read = LOGS.read(here, answer(row(**values)), LOGS.plan(here, ask(), 0), ask())
    (made,) = records(here, read.rows)
    return made


def sample(name: str) -> Reply:
    return reply((SAMPLES / name).read_bytes())


# ---------------------------------------------------------------- requests


def test_a_question_is_one_post_of_a_window_without_any_secret() -> None:
    request = LOGS.plan(site(), ask(), 0)
    assert (request.method, request.path, request.params) == ("POST", "/hub/cdr/", ())
    assert request.kind is Kind.READ
    assert dict(request.headers) == {"content-type": "application/json"}
    assert body_of(request) == {
        "search": {"fromdate": "2024-06-10T09:04:58", "todate": "2024-06-10T10:04:58"}
    }
    assert "top secret" not in repr(request)


def test_the_documents_example_is_what_version_0_1_is_asked() -> None:
    example = json.loads((SAMPLES / "request_0.1.json").read_bytes())
    since, until = (
        datetime.fromisoformat(example["search"][name]).replace(tzinfo=ISRAEL)
        for name in ("fromdate", "todate")
    )
    here = site(api="0.1", minute_precision=True)
    asked = ask(
        since,
        until,
        Condition("number", ("+972-72-776772",)),
        wire=frozenset(example["fields"]) | {"CallID", "CdrType", "CustomData"},
    )
    signed = VENDOR.auth.sign(here, LOGS.plan(here, asked, 0), None)
    body = body_of(signed)
    assert [*body] == [*example]
    assert body["code"] == "top secret"
    assert body["format"] == example["format"]
    assert set(body["fields"]) == {*example["fields"], "CallID", "CustomData"}
    assert {**body["search"], "phones": ["97272776772"]} == example["search"]
    assert body["search"]["phones"] == ["97272776772", "072776772"]


def test_a_code_goes_into_the_body_and_a_token_into_the_header() -> None:
    here = site()
    request = LOGS.plan(here, ask(), 0)
    by_code = VENDOR.auth.sign(here, request, None)
    assert body_of(by_code) == {"code": "top secret", **body_of(request)}
    assert by_code.headers == request.headers
    here.credentials = Credentials(token=Secret("jwt"))
    by_token = VENDOR.auth.sign(here, request, None)
    assert by_token.body == request.body
    assert ("authorization", "Bearer jwt") in by_token.headers


def test_only_the_columns_that_are_needed_and_exist_are_asked_for() -> None:
    paths = frozenset({"started_at", "native_id", "call_key", "details.dial_status2", "agent"})
    wire = wire_keys(LOGS, paths)
    always = ["CallID", "Date", "Type"]
    assert planned(ask(wire=wire))["fields"] == [
        *always, "CdrType", "RepresentativeName", "UserName", "CustomData",
    ]  # fmt: skip
    assert planned(ask(wire=wire), api="0.1")["fields"] == [
        *always, "DialStatus2", "RepresentativeName", "CustomData",
    ]  # fmt: skip
    assert "fields" not in planned(ask(wire=None))


def test_bounds_are_on_the_configured_clock_and_rounded_outwards() -> None:
    since, until = "2024-06-10T09:04:58.6+00:00", "2024-06-10T11:04:58.2+02:00"
    assert window(since, until) == ("2024-06-10T09:04:58", "2024-06-10T09:04:59")
    assert window(since, until, api="0.1") == ("2024-06-10T12:04:58", "2024-06-10T12:04:59")
    assert window(since, until, minute_precision=True) == ("2024-06-10T09:04", "2024-06-10T09:05")
    whole = "2024-06-10T09:05:00+00:00"
    assert window(since, whole)[1] == "2024-06-10T09:05:00"
    assert window(since, whole, minute_precision=True)[1] == "2024-06-10T09:05"
    assert window(since, until, date_zone="Europe/Berlin")[0] == "2024-06-10T11:04:58"


def test_a_window_from_the_first_to_the_last_year_has_bounds_in_every_zone() -> None:
    for zone in ("Asia/Jerusalem", "America/New_York"):
        bounds = window("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9Z", date_zone=zone)
        assert bounds[0].startswith("1970-01-0")
        assert bounds[1].startswith("9999-12-")


def test_the_hour_that_comes_twice_never_turns_a_window_round_or_makes_it_smaller() -> None:
    # 01:00 to 02:00 in Israel is shown from 22:00 to 24:00 UTC.
    first, second = "2025-10-25T22:45:00+00:00", "2025-10-25T23:15:00+00:00"
    assert window(first, second, api="0.1") == ("2025-10-26T01:45:00", "2025-10-26T02:15:00")
    following = "2025-10-26T00:30:00+00:00"
    assert window(second, following, api="0.1") == ("2025-10-26T01:15:00", "2025-10-26T02:30:00")


def test_identity_criteria_come_from_the_options_or_from_the_filter() -> None:
    assert "IdentityCriteria" not in planned(ask())["search"]
    assert planned(ask(), identity="department")["search"]["IdentityCriteria"] == "Department"
    wanted = Condition("identity", ("User",))
    asked = ask(AT, AT, wanted)
    assert planned(asked, identity="Account")["search"]["IdentityCriteria"] == "User"
    assert LOGS.exactness(site(), wanted) is Exactness.EXACT
    assert LOGS.exactness(site(), Condition("identity", ("Everybody",))) is Exactness.NONE


@pytest.mark.parametrize(
    ("value", "phones"),
    [
        ("+972 54-123 4567", ["972541234567", "0541234567"]),
        ("00972541234567", ["972541234567", "0541234567"]),
        ("0541234567", ["0541234567", "972541234567"]),
        ("+49 (30) 226101", ["4930226101"]),
        ("97254*", None),
        ("123456", None),
        ("0012345", None),
        ("SipSipAB", None),
        ("972541234567 or 1=1", None),
        ("٩٧٢٥٤١٢٣٤٥٦٧", None),
    ],
)
def test_a_whole_number_is_asked_for_in_every_way_it_is_written(
    value: str, phones: list[str] | None
) -> None:
    for name in ("number", "caller", "callee"):
        wanted = Condition(name, (value,))
        how = LOGS.exactness(site(), wanted)
        assert how is (Exactness.NONE if phones is None else Exactness.SUPERSET)
        if phones is not None:
            assert planned(ask(AT, AT, wanted))["search"]["phones"] == phones


def test_numbers_are_not_pushed_where_they_may_be_written_otherwise() -> None:
    wanted = Condition("number", ("+972541234567",))
    assert LOGS.exactness(site(), Condition("number", (*wanted.values, "2001"))) is Exactness.NONE
    assert LOGS.exactness(site(push_phones=False), wanted) is Exactness.NONE
    assert LOGS.exactness(site("DE"), wanted) is Exactness.NONE
    for name in ("extension", "did", "direction", "queue", "call_key", "search", "account"):
        assert LOGS.exactness(site(), Condition(name, wanted.values)) is Exactness.NONE


def test_an_open_window_is_asked_by_the_week_and_from_its_beginning_at_once() -> None:
    here = site(oldest="2020-02-02")
    newest, oldest = (Ask(None, NOW, turned, NOW) for turned in (True, False))
    assert LOGS.shape(here, newest).first_days == 7
    assert LOGS.shape(here, oldest).first_days > 36_500
    assert LOGS.shape(here, newest).floor == datetime(2020, 2, 1, tzinfo=UTC)
    assert LOGS.shape(site(), newest).floor is None
    assert not LOGS.shape(here, newest).sorted


# ---------------------------------------------------------------- replies


def test_every_field_of_the_current_sample_is_told() -> None:
    here = site()
    day = ask(AT, AT + timedelta(hours=2))
    read = LOGS.read(here, sample("answer_current.json"), LOGS.plan(here, day, 0), day)
    assert (read.split, read.skipped, read.more) == (False, 0, False)
    queue, to_agent, to_customer, transfer = records(here, read.rows)
    keys = [LOGS.row_key(here, wire) for wire in read.rows]
    assert keys == [
        "20240610120455aaaaaaaaaaaaaaaaaa:08:090458",
        "20240610130000bbbbbbbbbbbbbbbbbb:09:100000",
        "20240610130000bbbbbbbbbbbbbbbbbb:10:100003",
        "20240610130045cccccccccccccccccc:13:100045",
    ]
    assert queue.started_at == AT
    assert queue.native_id == queue.call_key == "20240610120455aaaaaaaaaaaaaaaaaa"
    assert vars(queue.caller) == {
        "number": "972500000000", "e164": "+972500000000", "extension": None,
        "name": None, "domain": None,
    }  # fmt: skip
    assert queue.callee.number == queue.callee.extension == "SipSipAB"
    assert queue.callee.e164 is None
    assert queue.direction is CallDirection.INBOUND
    assert queue.disposition is CallDisposition.ANSWERED
    assert queue.answered_by is AnsweredBy.PERSON
    assert queue.answered_at is queue.talk_seconds is queue.queue_seconds is None
    assert (queue.total_seconds, queue.ring_seconds) == (95, 7)
    assert queue.ended_at == AT + timedelta(seconds=95)
    assert (queue.did, queue.queue, queue.agent) == ("0722000000", "Support", "An Agent")
    assert queue.account == "A Department"
    assert queue.cost == Money(amount=Decimal(0), currency="ILS")
    assert queue.recording.url.endswith("/20240610120455aaaaaaaaaaaaaaaaaa.mp3")
    assert (queue.recording.name, queue.recording.expected) == (None, True)
    assert vars(queue.details) == {
        "vendor": "voicenter", "type": "Queue", "cdr_type": 8, "dial_status": "ANSWER",
        "dial_status2": None, "date_epoch": 1718010298, "duration_seconds": 95,
        "target_prefix_name": None, "representative_code": "1001", "user_name": "A User",
        "user_id": "501", "department_id": "77",
        "dtmf_data": [{"layerName": "Main menu", "layerNumber": "10", "dtmf": "2"}],
        "custom_data": {"AiExists": "true"},
    }  # fmt: skip

    assert to_agent.caller.number == to_agent.caller.extension == "SipSipAB"
    assert (to_agent.callee.number, to_agent.callee.e164) == ("0500000001", "+972500000001")
    assert to_agent.direction is CallDirection.OUTBOUND
    assert to_agent.answered_by is AnsweredBy.MACHINE
    assert (to_agent.talk_seconds, to_agent.total_seconds) == (0, 43)
    assert to_agent.recording is None
    assert to_agent.details.dtmf_data == []

    assert to_customer.caller.number == "0722000000"
    assert to_customer.caller.extension == "SipSipAB"
    assert to_customer.callee.number == "0500000001"
    assert to_customer.callee.extension is None
    assert to_customer.answered_by is AnsweredBy.PERSON
    assert to_customer.answered_at == datetime(2024, 6, 10, 10, 0, 12, tzinfo=UTC)
    assert (to_customer.talk_seconds, to_customer.total_seconds) == (31, 40)
    assert to_customer.cost == Money(amount=Decimal("0.125"), currency="ILS")
    assert (to_customer.recording.url, to_customer.recording.expected) == (None, True)
    assert to_customer.agent == "A User"
    assert to_customer.details.target_prefix_name == "Israel Mobile"

    assert transfer.call_key == transfer.session_id == to_customer.call_key
    assert transfer.native_id == "20240610130045cccccccccccccccccc"
    assert transfer.direction is CallDirection.INBOUND
    assert transfer.disposition is CallDisposition.NO_ANSWER
    assert transfer.answered_by is AnsweredBy.NOBODY
    assert (transfer.talk_seconds, transfer.answered_at, transfer.account) == (0, None, None)


def test_every_field_of_the_sample_of_version_0_1_is_told() -> None:
    here = site(api="0.1")
    read = LOGS.read(here, sample("answer_0.1.json"), LOGS.plan(here, ask(), 0), ask())
    assert (read.split, read.skipped) == (False, 0)
    (call,) = records(here, read.rows)
    assert LOGS.row_key(here, read.rows[0]) == "20240610120455aaaaaaaaaaaaaaaaaa:01:120458"
    assert call.started_at == AT
    assert call.direction is CallDirection.INBOUND
    assert call.disposition is CallDisposition.BUSY
    assert (call.details.type, call.details.cdr_type) == ("incoming_call", None)
    assert (call.details.dial_status, call.details.dial_status2) == ("BUSY", "CANCEL")
    assert (call.ring_seconds, call.talk_seconds, call.total_seconds) == (4, 0, 4)
    assert call.cost is call.recording is call.agent is call.queue is None
    assert call.details.custom_data is call.details.dtmf_data is call.details.user_id is None


def test_keys_in_any_case_give_the_same_record_and_strange_columns_are_left_out() -> None:
    sent = json.loads((SAMPLES / "answer_current.json").read_bytes())["CDR_LIST"][0]
    here = site()
    told = []
    for case in (str, str.lower, str.upper):
        spelled = {case(key): value for key, value in sent.items()}
        read = page(answer({**spelled, "BrandNew": [1]}))
        assert (len(read.rows), read.skipped) == (1, 0)
        told.append(records(here, read.rows)[0])
    plain = page(answer(sent)).rows
    for one in (told[1], told[2], records(here, plain)[0]):
        for name, value in vars(told[0]).items():
            other = getattr(one, name)
            same = vars(other) == vars(value) if hasattr(value, "__dict__") else other == value
            assert same, name


def test_blanks_are_absent_and_zero_is_zero() -> None:
    texts = [c for c in COLUMNS if c not in ("CallID", "Date", "RecordExpect", "DTMFData")]
    for blank in ("", " ", None):
        call = record(**dict.fromkeys(texts, blank), RecordExpect=False, DTMFData=blank)
        for name in (
            "answered_at", "ended_at", "total_seconds", "ring_seconds", "talk_seconds", "did",
            "queue", "agent", "cost", "account", "recording",
        ):  # fmt: skip
            assert getattr(call, name) is None, name
        assert set(vars(call.details).values()) == {None, "voicenter"}
        assert call.direction is CallDirection.UNKNOWN
        assert call.disposition is CallDisposition.UNKNOWN
        assert call.answered_by is AnsweredBy.UNKNOWN
    call = record(Duration=0, RingTime="0", Price=0, DialStatus="ANSWER", CdrType=1)
    assert (call.ring_seconds, call.talk_seconds, call.total_seconds) == (0, 0, 0)
    assert call.cost == Money(amount=Decimal(0), currency="ILS")


def test_blank_words_are_not_counted_as_unknown_and_new_ones_are() -> None:
    here = site()
    wires = page(answer(row(), row(DialStatus="TELEPORTED", Type="Hologram Call", CdrType=99))).rows
    _, new = records(here, wires)
    assert new.direction is CallDirection.UNKNOWN
    assert new.disposition is CallDisposition.UNKNOWN
    assert new.answered_by is AnsweredBy.UNKNOWN
    assert new.talk_seconds is None
    assert (new.details.type, new.details.dial_status) == ("Hologram Call", "TELEPORTED")
    assert here.unknown_words == Counter({"TELEPORTED": 1, "Hologram Call": 1})
    assert LOGS.row_key(here, wires[1]) == "a1:99:090458"


def test_a_row_that_is_not_as_documented_is_skipped_and_costs_no_other() -> None:
    read = page(answer(row(), {"Date": "x"}, row(CallID=None), row(Duration=[1]), row(), "text"))
    assert (len(read.rows), read.skipped) == (2, 4)
    bad = page(answer(row(Date="yesterday"), row(Price="much"), row(DTMFData=[7]), row(CallID="")))
    assert records(site(), bad.rows) == [None] * 4
    (undated,) = records(site(), page(answer(row(Date=None))).rows)
    assert undated.started_at is None


def test_rows_are_kept_as_sent_where_they_are_wanted() -> None:
    rows = [row(), "no row", {"callid": "b", "date": "2024-06-10 09:10:00", "Novelty": {"a": 1}}]
    read = page(answer(*rows), raw=True)
    assert read.raws is not None
    assert [r.raw for r in records(site(), read.rows, read.raws)] == [rows[0], rows[2]]
    assert read.skipped == 1


@pytest.mark.parametrize(
    ("body", "split"),
    [
        ({"ERROR_NUMBER": 0, "TOTAL_HITS": 2, "RETURN_HITS": 1, "CDR_LIST": [row()]}, True),
        ({"ERROR_NUMBER": "0", "TOTAL_HITS": "1", "CDR_LIST": [row()]}, False),
        ({"ERROR_NUMBER": 0, "CDR_LIST": [row()] * 3}, True),
        ({"ERROR_NUMBER": 0, "CDR_LIST": [row()] * 2}, False),
        ({"ERROR_NUMBER": 0, "CDR_LIST": None}, False),
        ({"ERROR_NUMBER": 0}, False),
        ({"ERROR_NUMBER": 3, "ERROR_DESCRIPTION": "CDR limit exceeded."}, True),
    ],
)
def test_a_window_is_split_where_more_was_found_than_came(
    body: dict[str, Any], split: bool
) -> None:
    assert page(reply(body), cap=3).split is split


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"ERROR_NUMBER": null}', b'{"ERROR_NUMBER":0,"CDR']
)
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    with pytest.raises(SourceMalformed):
        page(reply(body))


def test_calls_far_outside_of_the_window_are_another_questions_answer() -> None:
    near = page(answer(row(Date="2024-06-10T08:30:00Z"), row(Date="2024-06-10 11:00:00")))
    assert len(near.rows) == 2
    for date_told in ("2024-06-10T08:00:00Z", "2024-06-10 12:00:00", "2024-06-10T14:00:00+02:00"):
        with pytest.raises(SourceMalformed, match="date_zone"):
            page(answer(row(), row(Date=date_told)))
    assert len(page(answer(row(Date="yesterday"), row(Date=""), row())).rows) == 3


@pytest.mark.parametrize(
    ("told", "options", "moment"),
    [
        ("2024-06-10T09:04:58Z", {}, AT),
        ("2024-06-10 09:04:58", {}, AT),
        ("2024-06-10T09:04:58", {}, AT),
        ("2024-06-10T12:04:58", {"api": "0.1"}, AT),
        ("2024-06-10T09:04:58Z", {"api": "0.1"}, AT),
        ("2024-06-10T09:04:58", {"api": "0.1", "date_zone": "UTC"}, AT),
        ("2024-06-10 11:04:58", {"date_zone": "Europe/Berlin"}, AT),
    ],
)
def test_dates_come_in_several_styles_on_the_configured_clock(
    told: str, options: dict[str, Any], moment: datetime
) -> None:
    assert record(Date=told, options=options).started_at == moment


def test_israels_clock_knows_summer_winter_and_takes_the_first_of_a_repeated_hour() -> None:
    old = site(api="0.1")
    dates = ["2025-01-10T12:00:00", "2025-07-10T12:00:00", "2025-10-26T01:30:00"]
    year = ask(datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 12, 1, tzinfo=UTC))
    read = LOGS.read(old, answer(*(row(Date=d) for d in dates)), LOGS.plan(old, year, 0), year)
    assert [r.started_at.strftime("%d %H:%M") for r in records(old, read.rows)] == [
        "10 10:00",
        "10 09:00",
        "25 22:30",
    ]


# ---------------------------------------------------------------- words, sides, lengths


DIRECTION_WORDS = {
    "INBOUND": (1, 8, 11, 18, 19),
    "OUTBOUND": (4, 9, 10, 14, 15, 16, 17),
    "TRANSIT": (23,),
    "UNKNOWN": (2, 12, 20, 13, 21, 22),
}


def test_directions_follow_the_type_and_two_extensions_are_internal() -> None:
    for word, kinds in DIRECTION_WORDS.items():
        for kind in kinds:
            assert record(CdrType=kind).direction.value == word
            assert record(CdrType=str(kind), Type="new").direction.value == word
            both = record(CdrType=kind, CallerExtension="A", TargetExtension="B")
            assert both.direction is CallDirection.INTERNAL
    for kind in (13, 21, 22):
        assert record(CdrType=kind, TargetExtension="B").direction is CallDirection.INBOUND
        assert record(CdrType=kind, CallerExtension="A").direction is CallDirection.OUTBOUND
    assert {int(key) for key in KINDS if key.isdecimal()} == {
        kind for kinds in DIRECTION_WORDS.values() for kind in kinds
    }


def test_a_types_name_is_known_however_it_is_spelled() -> None:
    for name in ("Extension Outgoing", "extensionoutgoing", "EXTENSION_OUTGOING"):
        assert record(Type=name).direction is CallDirection.OUTBOUND
        assert LOGS.row_key(site(), page(answer(row(Type=name))).rows[0]) == "a1:04:090458"
    assert LOGS.row_key(site(), page(answer(row(Type="New_One"))).rows[0]) == "a1:newone:090458"


DISPOSITION_WORDS = {
    "ANSWERED": "ANSWER",
    "BUSY": "BUSY",
    "NO_ANSWER": "NOANSWER NOTDIALED NOTCALLED TIMEOUT FULL JOINEMPTY",
    "CANCELLED": "CANCEL",
    "ABANDONED": "ABANDONE ABANDON VOEND EXIT",
    "FAILED": "TE CONGESTION CHANUNAVAIL INVALIDARGS SSWPREAUTH",
    "VOICEMAIL": "VOICEMAIL",
}


def test_every_documented_status_has_its_disposition() -> None:
    for word, statuses in DISPOSITION_WORDS.items():
        for status in statuses.split():
            assert record(DialStatus=status, CdrType=1).disposition.value == word
            assert record(DialStatus=f" {status.lower()} ", CdrType=1).disposition.value == word
    every = " ".join(DISPOSITION_WORDS.values()).split()
    assert sorted(every) == sorted(DISPOSITIONS)


def test_who_picked_up_follows_the_type() -> None:
    def by(kind: int, status: str = "ANSWER") -> str:
        return str(record(CdrType=kind, DialStatus=status).answered_by.value)

    assert {by(kind) for kind in (1, 4, 8, 10, 13, 14, 15, 19, 21, 22, 23)} == {"PERSON"}
    assert {by(kind) for kind in (9, 11, 16, 18, 20)} == {"MACHINE"}
    assert {by(kind) for kind in (2, 12, 17, 99)} == {"UNKNOWN"}
    assert by(1, "VOICEMAIL") == "MACHINE"
    assert by(1, "NOANSWER") == by(9, "BUSY") == by(8, "ABANDONE") == "NOBODY"


def test_a_voicemail_is_one_whatever_the_phone_before_it_did() -> None:
    for status in ("VOICEMAIL", "NOANSWER", "ANSWER", ""):
        call = record(CdrType=11, DialStatus=status, Duration=30, RingTime=10)
        assert call.disposition is CallDisposition.VOICEMAIL
        assert call.answered_by is AnsweredBy.MACHINE
        assert (call.talk_seconds, call.total_seconds, call.answered_at) == (0, 40, None)


def test_lengths_follow_the_type_and_the_option() -> None:
    plain: dict[str, Any] = {"DialStatus": "ANSWER", "Duration": 60, "RingTime": "8"}
    call = record(CdrType=1, **plain)
    assert (call.ring_seconds, call.talk_seconds, call.total_seconds) == (8, 60, 68)
    assert call.answered_at == AT + timedelta(seconds=8)
    assert call.ended_at == AT + timedelta(seconds=68)
    call = record(CdrType=1, **plain, options={"duration_includes_ring": True})
    assert (call.ring_seconds, call.talk_seconds, call.total_seconds) == (8, 52, 60)
    assert call.ended_at == AT + timedelta(seconds=60)
    for kind in (8, 19):
        call = record(CdrType=kind, **plain)
        assert (call.talk_seconds, call.total_seconds, call.answered_at) == (None, 60, None)
        left = record(CdrType=kind, DialStatus="ABANDONE", Duration=60, RingTime=0)
        assert (left.talk_seconds, left.total_seconds) == (0, 60)
    call = record(CdrType=1, DialStatus="ANSWER", Duration=60)
    assert (call.talk_seconds, call.total_seconds, call.answered_at) == (60, None, None)
    assert call.details.duration_seconds == 60


@pytest.mark.parametrize(
    ("number", "extension", "e164"),
    [
        ("972541234567", "", "+972541234567"),
        ("0541234567", None, "+972541234567"),
        ("037219000", "", "+97237219000"),
        ("493022610100", "", "+493022610100"),
        ("+493022610100", "", "+493022610100"),
        ("2001", "2001", None),
        ("4930226101", "4930226101", None),
        ("*6500", "", None),
        ("anonymous", "", None),
        ("", "SipSip", None),
        (972541234567, "", "+972541234567"),
    ],
)
def test_numbers_become_international(number: Any, extension: Any, e164: str | None) -> None:
    for region in ("IL", None):
        call = record(CallerNumber=number, CallerExtension=extension, CdrType=4, region=region)
        assert call.caller.e164 == e164
        assert call.caller.number == str(number or extension)
        assert call.caller.extension == (extension or None)


def test_the_original_call_is_found_in_custom_data_of_any_shape() -> None:
    first = "20240610120455x"
    for key in ("OriginalIvrUniqueID", "originalivruniqueid"):
        assert record(CustomData={"Note": "n", key: first}).call_key == first
    strange: list[Any] = [{}, "", None, [], "text", {"OriginalIvrUniqueID": ""}, {"Other": first}]
    for custom in strange:
        assert record(CustomData=custom).call_key == "a1"
    assert record(CustomData={"Note": 1}).details.custom_data == {"Note": 1}


# ---------------------------------------------------------------- legs of one call


def start(call_id: str, told: str = "2024-06-10T09:04:58Z", **options: Any) -> datetime | None:
    custom = {"OriginalIvrUniqueID": options.pop("of")} if "of" in options else {}
    here = site(**options)
    tell = LOGS.call_start
    assert tell is not None
    return tell(here, page(answer(row(CallID=call_id, Date=told, CustomData=custom))).rows[0])


def test_a_calls_id_tells_its_start_with_a_minute_of_tolerance() -> None:
    assert start("20240610120455abc") == datetime(2024, 6, 10, 9, 3, 55, tzinfo=UTC)
    assert start("20240610090455abc", id_zone="UTC") == datetime(2024, 6, 10, 9, 3, 55, tzinfo=UTC)
    transferred = start("20240610120455abc", of="20240610115000def")
    assert transferred == datetime(2024, 6, 10, 8, 49, tzinfo=UTC)


def test_a_start_is_never_later_than_the_row_and_is_told_only_by_a_time() -> None:
    assert start("20240610121500abc") == AT
    for call_id in ("a1", "1718010298123456", "2024061012zz55", "20249910120455", "", "2" * 32):
        assert start(call_id or "-") is None
    # Its own id shows another clock than the options say, so nothing is known.
    assert start("20240610030455abc") is None
    assert start("a1", of="20240610115000def") is None
    assert start("20240610120455abc", of="a1") is None


def test_a_leg_names_its_call() -> None:
    assert LOGS.call_of is not None
    wire = page(answer(row(CallID="20240610120455a"), row(CallID="b"))).rows
    found = [LOGS.call_of(site(), one) for one in wire]
    assert [key.row for key in found] == ["20240610120455a", "b"]
    assert [key.started_at for key in found] == [AT - timedelta(seconds=63), AT]


# ---------------------------------------------------------------- refusals


def judged(body: Any, status: int = 200, days: float = 1) -> Any:
    asked = LOGS.plan(site(), ask(AT - timedelta(days=days), AT), 0)
    return VENDOR.judge(reply(body, status), asked)


@pytest.mark.parametrize("status", [200, 403, 404, 500])
def test_every_documented_error_has_its_verdict_whatever_the_status(status: int) -> None:
    verdicts = [judged(body, status) for body in json.loads((SAMPLES / "errors.json").read_bytes())]
    kinds = [SourceThrottled, SourceRefused, None, SourceRefused, SourceRejected]
    for number, (verdict, kind) in enumerate(zip(verdicts, kinds, strict=True), 1):
        if kind is None:
            assert verdict is None
        else:
            assert type(verdict) is kind
            assert verdict.detail == str(number)
            assert "xx.xx" not in str(verdict)
    assert verdicts[0].retry_after_seconds == 5


def test_unknown_errors_and_other_bodies_are_judged_by_their_status() -> None:
    assert type(judged({"ERROR_NUMBER": 77}, 500)) is SourceUnavailable
    assert type(judged({"ERROR_NUMBER": 77, "STATUS_CODE": 503})) is SourceUnavailable
    assert type(judged({"ERROR_NUMBER": "77"}, 403)) is SourceRejected
    for body in (b"<html>", b"", b"[1]", {"message": "x"}, {"ERROR_NUMBER": "many"}):
        assert type(judged(body, 403)) is SourceRefused
        assert type(judged(body, 404)) is SourceRejected
        assert judged(body, 500) is judged(body, 401) is judged(body, 200) is None
    for status in (200, 403):
        assert judged({"ERROR_NUMBER": 0, "CDR_LIST": []}, status) is None


def test_a_long_range_that_is_refused_is_halved_and_a_short_one_is_our_fault() -> None:
    refusal = {"ERROR_NUMBER": 5, "ERROR_DESCRIPTION": "Date range invalid."}
    assert judged(refusal, 404, days=40) is None
    assert page(reply(refusal, 404), asked=ask(AT - timedelta(days=40), AT)).split
    assert type(judged(refusal, 404, days=31)) is SourceRejected
    assert isinstance(VENDOR.judge(reply(refusal), Request("POST", "/hub/cdr/")), SourceError)


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"code": "hush"}, None),
        ({"token": "hush"}, None),
        ({}, "give code, or token"),
        ({"code": "hush", "token": "hush"}, "not both"),
        ({"code": "hush", "user": "u"}, "user"),
    ],
)
def test_credentials_are_one_code_or_one_token(given: dict[str, str], wrong: str | None) -> None:
    if wrong is None:
        made = msgspec.convert(given, Credentials, dec_hook=secret_hook)
        assert "hush" not in repr(made)
    else:
        with pytest.raises(ValueError, match=wrong):
            msgspec.convert(given, Credentials, dec_hook=secret_hook)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"api": "2"}, "api"),
        ({"identity": "Everybody"}, "identity is one of Account, Hierarchical, Department, User"),
        ({"date_zone": "Mars/Base"}, "no zone 'Mars/Base'"),
        ({"id_zone": ""}, "no zone"),
        ({"cap": 1}, "cap"),
        ({"oldest": "long ago"}, "oldest"),
        ({"apis": "0.1"}, "apis"),
    ],
)
def test_unusable_options_are_named(given: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        msgspec.convert(given, Options)


def test_options_have_the_documented_defaults() -> None:
    plain, old = Options(), Options(api="0.1")
    assert (plain.date_zone, old.date_zone) == ("UTC", "Asia/Jerusalem")
    assert plain.id_zone == old.id_zone == "Asia/Jerusalem"
    assert (plain.identity, plain.cap, plain.floor) == (None, 10_000, None)
    assert msgspec.convert({"oldest": date(2020, 2, 2)}, Options).oldest == date(2020, 2, 2)


def test_every_path_has_a_source_or_a_reason_and_every_column_a_field() -> None:
    told = {field.path for field in LOGS.fields}
    assert told | set(NEVER) >= set(LEAVES)
    assert not told & set(NEVER)
    assert all(reason.endswith(".") for reason in NEVER.values())
    used = {
        name
        for field in LOGS.fields
        for name in ((field.wire,) if isinstance(field.wire, str) else field.wire)
    }
    assert used == {info.name for info in msgspec.structs.fields(Leg)}
    details = {path.removeprefix("details.") for path in told if path.startswith("details.")}
    assert details == set(VENDOR.details.__annotations__) - {"VENDOR_NAME"}
    assert set().union(*ABSENT.values()) <= set(COLUMNS)


# ---------------------------------------------------------------- the whole product

FAST = {"vendor": "voicenter", "requests_per_second": 1000.0}
OLD = {**FAST, "options": {"api": "0.1"}}
SAME = (
    "id startedAt nativeId callKey unit caller { number e164 extension name domain } "
    "callee { number e164 extension name domain } direction disposition answeredBy ringingAt "
    "answeredAt endedAt totalSeconds ringSeconds talkSeconds holdSeconds queueSeconds "
    "billedSeconds trunkIn trunkOut did shownNumber queue agent hangup { party } "
    "cost { amount currency } account recording { name url expected } userData raw "
    "details { vendor ... on VoicenterDetails { type cdrType dialStatus dialStatus2 dateEpoch "
    "durationSeconds targetPrefixName representativeCode userName userId departmentId dtmfData "
    "customData } }"
)


def whole(
    *sources: Mapping[str, Any], twin: Mapping[str, Any] | None = None, **options: Any
) -> Callable[[Callable[[Api], Awaitable[None]]], Callable[[], None]]:
    """Runs a test against the product over twins that have no limit of requests"""
    every = sources or (FAST,)
    switches = {
        str(source.get("id", "voicenter")): {"requests_per_minute": 0, **(twin or {})}
        for source in every
    }

    def decorate(test: Callable[[Api], Awaitable[None]]) -> Callable[[], None]:
        @functools.wraps(test)
        def wrapper() -> None:
            async def work() -> None:
                async with product(*every, switches=switches, **options) as api:
                    await test(api)

            run(work)

        # pytest would take the wrapped function's argument for a fixture.
        del wrapper.__wrapped__
        return wrapper

    return decorate


def calls(count: int = 120, days: float = 10) -> list[Call]:
    """The calls that have ended: what the company did, newest first"""
    made = company.calls(seed=1, count=count, until=NOW, days=days)
    return [call for call in made[::-1] if call.ended_at <= NOW]


def told(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


DISPOSITION = {
    "answered": "ANSWERED", "no_answer": "NO_ANSWER", "busy": "BUSY", "failed": "FAILED",
    "voicemail": "VOICEMAIL", "abandoned": "ABANDONED", "cancelled": "CANCELLED",
}  # fmt: skip


def compare(node: dict[str, Any], call: Call) -> None:
    assert node["startedAt"] == told(call.started_at)
    local = call.started_at.astimezone(ISRAEL)
    assert node["callKey"] == node["nativeId"]
    assert node["callKey"].startswith(f"{local:%Y%m%d%H%M%S}")
    assert node["direction"] == call.direction.upper()
    assert node["disposition"] == DISPOSITION[call.outcome]
    picked_up = {"answered": "PERSON", "voicemail": "MACHINE"}
    assert node["answeredBy"] == picked_up.get(call.outcome, "NOBODY")
    if call.direction == "inbound":
        assert node["caller"]["e164"] == call.caller.number
        reached = None if call.outcome == "abandoned" else call.callee.number
        assert node["callee"]["extension"] == node["callee"]["number"] == reached
    else:
        assert node["caller"]["extension"] == call.caller.number
        where = "e164" if call.direction == "outbound" else "extension"
        assert node["callee"][where] == call.callee.number
    assert node["endedAt"] == told(call.ended_at)
    assert node["totalSeconds"] == call.total_seconds
    if call.queue is not None:
        assert node["queue"] == call.queue.name
        assert node["talkSeconds"] == (None if call.answered else 0)
        assert node["answeredAt"] is None
    else:
        assert node["queue"] is None
        assert node["talkSeconds"] == call.talk_seconds
        assert node["answeredAt"] == told(call.answered_at)
    assert Decimal(node["cost"]["amount"]) == Decimal(call.price_cents) / 100
    assert node["cost"]["currency"] == "ILS"
    assert (node["recording"] is not None) is call.recorded
    line = None if call.did is None else call.did.removeprefix("+").replace("972", "0", 1)
    assert node["did"] in (line, call.did and call.did.removeprefix("+"))
    if call.outcome != "abandoned":
        ours = call.callee if call.direction == "inbound" else call.caller
        assert node["agent"] == ours.name
    assert node["details"]["customData"].get("Note") == call.note
    legs = [leg["details"]["type"] for leg in node["logs"]]
    assert ("XferCDR" in legs) is call.transferred
    assert all(leg["callKey"] == node["callKey"] for leg in node["logs"])


WITH_LEGS = SAME.replace(" raw ", " ") + (
    " logs { callKey sessionId details { ... on VoicenterDetails { type } } }"
)


@pytest.mark.parametrize(
    ("source", "twin"),
    [
        (FAST, {}),
        (FAST, {"key_case": "lower", "nulls": True, "quoted_numbers": True}),
        (FAST, {"key_case": "echo", "national_numbers": "all", "date_style": "space"}),
        (FAST, {"shuffle_ties": True, "list_when_none": False, "http_status": False}),
        (OLD, {"api": "0.1"}),
        (OLD, {"api": "0.1", "key_case": "lower", "http_status": True}),
    ],
)
def test_what_comes_out_is_what_happened(source: dict[str, Any], twin: dict[str, Any]) -> None:
    @whole(source, twin=twin, count=110)
    async def test(api: Api) -> None:
        nodes = await api.pages(WITH_LEGS, first=300)
        happened = calls(110)
        assert len(nodes) == len(happened)
        assert [node["startedAt"] for node in nodes] == [told(c.started_at) for c in happened]
        for at in {node["startedAt"] for node in nodes}:
            tied = [node for node in nodes if node["startedAt"] == at]
            really = [call for call in happened if told(call.started_at) == at]
            # Calls of one second come in an order of their own; match them by who called whom.
            for call in really:
                fits = [node for node in tied if same_call(node, call)]
                assert fits, call
                compare(fits[0], call)
                tied.remove(fits[0])
        if source is OLD:
            assert api.worlds["voicenter"].received[0].body.count(b'"format":"JSON"') == 1

    test()


def same_call(node: dict[str, Any], call: Call) -> bool:
    try:
        compare(node, call)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("source", [FAST, OLD])
@pytest.mark.parametrize("unit", ["CALL", "LEG"])
def test_small_pages_give_everything_once_in_order_in_both_orders_and_ways(
    source: dict[str, Any], unit: str
) -> None:
    @whole(source, twin={"api": "0.1"} if source is OLD else {"shuffle_ties": True}, count=60)
    async def test(api: Api) -> None:
        fields, at = "id startedAt", f"unit: {unit}"
        newest = await api.pages(fields, at, first=7)
        assert len({node["id"] for node in newest}) == len(newest)
        if unit == "CALL":
            assert len(newest) == len(calls(60))
        else:
            assert len(newest) > len(calls(60))
        assert newest == await api.pages(fields, at, first=11, backwards=True)
        oldest = await api.pages(fields, at + ", orderBy: OLDEST_FIRST", first=13)
        assert oldest == newest[::-1]
        assert newest == await api.pages(fields, at, first=500)

    test()


@pytest.mark.parametrize(
    ("source", "twin"),
    [
        ({**FAST, "options": {"cap": 8}}, {"cap": 8}),
        (FAST, {"cap": 8}),
        (OLD, {"api": "0.1", "cap": 8}),
        (OLD, {"api": "0.1", "cap": 8, "http_status": True}),
        (FAST, {"max_days": 32}),
    ],
)
def test_windows_beyond_the_vendors_limits_are_split_until_they_fit(
    source: dict[str, Any], twin: dict[str, Any]
) -> None:
    @whole(source, twin=twin, count=60)
    async def test(api: Api) -> None:
        since = NOW - timedelta(days=200)
        window = f'filter: {{ since: "{told(since)}" }}'
        for order in ("NEWEST_FIRST", "OLDEST_FIRST"):
            nodes = await api.pages("startedAt", f"{window}, orderBy: {order}", first=100)
            starts = [told(call.started_at) for call in calls(60)]
            assert [n["startedAt"] for n in nodes] == starts[:: 1 if order[0] == "N" else -1]

    test()


def test_a_second_that_holds_more_than_an_answer_is_named_and_nothing_else_is_lost() -> None:
    pattern = next(c for c in calls() if c.direction == "inbound" and len(c.legs) == 1)
    moments = [NOW - timedelta(hours=hours) for hours in (2, 3, 3, 3, 3, 3, 4)]
    several = [
        msgspec.structs.replace(pattern, number=number, started_at=at)
        for number, at in enumerate(moments, 1)
    ]

    @whole(twin={"cap": 3}, calls=several)
    async def test(api: Api) -> None:
        data = await api.good(
            '{ callLogs(filter: { since: "2026-03-04T00:00:00Z" }) { nodes { startedAt } '
            "complete outcomes { state missing { since until } } } }"
        )
        page = data["callLogs"]
        assert [n["startedAt"] for n in page["nodes"]] == [told(moments[0]), told(moments[-1])]
        (outcome,) = page["outcomes"]
        assert outcome["state"] == "TRUNCATED"
        assert any(m["since"] <= told(moments[1]) < m["until"] for m in outcome["missing"])

    test()


@whole(twin={"date_skew_seconds": 3}, count=60)
async def test_dates_some_seconds_after_the_ids_fold_alike(api: Api) -> None:
    nodes = await api.pages("startedAt logs { startedAt }", first=9)
    late = [told(call.started_at + timedelta(seconds=3)) for call in calls(60)]
    assert [node["startedAt"] for node in nodes] == late


def test_the_repeated_hour_of_version_0_1_loses_nothing() -> None:
    clock = Clock(datetime(2026, 10, 27, 12, tzinfo=UTC))
    pattern = next(c for c in calls() if c.direction == "inbound" and len(c.legs) == 1)
    first = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)
    several = [
        msgspec.structs.replace(pattern, number=n, started_at=first + timedelta(minutes=20 * n))
        for n in range(1, 20)
    ]

    async def work() -> None:
        switches = {"voicenter": {"api": "0.1", "requests_per_minute": 0}}
        async with product(OLD, calls=several, switches=switches, clock=clock) as api:
            for unit in ("CALL", "LEG"):
                newest = await api.pages("id startedAt", f"unit: {unit}", first=4)
                assert len({n["id"] for n in newest}) == len(several)
                oldest = await api.pages("id", f"unit: {unit}, orderBy: OLDEST_FIRST", first=3)
                assert [n["id"] for n in oldest] == [n["id"] for n in newest[::-1]]

    run(work)


@whole(count=60)
async def test_looking_up_gives_what_the_list_gives_in_every_field(api: Api) -> None:
    for root, kind in (("callRecords", "CallRecord"), ("callLogs", "CallLog")):
        own = " logs { id }" if kind == "CallRecord" else " sessionId"
        nodes = await api.pages(SAME + own, first=100, root=root)
        for node in nodes[::4]:
            found = await api.good(
                f"query($id: ID!) {{ node(id: $id) {{ ... on {kind} {{ {SAME + own} }} }} }}",
                id=node["id"],
            )
            assert found["node"] == node


@whole(count=60)
async def test_a_call_is_found_by_its_own_id_and_about_its_start(api: Api) -> None:
    node = (await api.pages("id nativeId startedAt", first=100))[5]
    query = (
        "query($ref: CallRecordRef!) { callRecordLookup(ref: $ref) "
        "{ state record { id } outcome { state message } } }"
    )
    native = {"source": "voicenter", "nativeId": node["nativeId"]}
    dated = {**native, "startedAt": node["startedAt"]}
    found = (await api.good(query, ref={"native": dated}))["callRecordLookup"]
    assert (found["state"], found["record"]["id"]) == ("FOUND", node["id"])
    other = {**dated, "nativeId": "20260101000000nothing"}
    missed = (await api.good(query, ref={"native": other}))["callRecordLookup"]
    assert (missed["state"], missed["record"]) == ("NOT_FOUND", None)


@whole(count=60)
async def test_a_leg_leads_to_its_call(api: Api) -> None:
    listed = await api.pages("id callKey logs { id }", first=100)
    of_leg = {leg["id"]: call["id"] for call in listed for leg in call["logs"]}
    data = await api.good("{ callLogs(first: 6) { nodes { id record { id } } } }")
    for leg in data["callLogs"]["nodes"]:
        assert leg["record"]["id"] == of_leg[leg["id"]]


@whole(count=80)
async def test_legs_by_number_are_narrowed_by_the_vendor_and_checked_here(api: Api) -> None:
    every = await api.pages("id caller { number e164 } callee { number e164 }", root="callLogs")
    numbers = [
        n[side]["e164"] for n in every[:40] for side in ("caller", "callee") if n[side]["e164"]
    ]
    for number in dict.fromkeys(numbers[:4]):
        for name, sides in (("number", ("caller", "callee")), ("caller", ("caller",))):
            api.worlds["voicenter"].received.clear()
            found = await api.pages(
                "id", f'filter: {{ {name}: ["{number}"] }}', root="callLogs", first=500
            )
            wanted = [n["id"] for n in every if number in (n[side]["e164"] for side in sides)]
            assert [n["id"] for n in found] == wanted
            for request in api.worlds["voicenter"].received:
                phones = json.loads(request.body)["search"]["phones"]
                assert number.removeprefix("+") in phones
    parties = "caller { number e164 extension } callee { number e164 extension }"
    await api.pages(parties, f'filter: {{ number: ["{numbers[0]}"] }}', first=500)
    assert b"phones" not in api.worlds["voicenter"].received[-1].body


@whole(count=120)
async def test_identity_is_the_vendors_to_apply(api: Api) -> None:
    amounts = []
    for word in ("User", "Department", "Account"):
        wanted = f'filter: {{ perSource: [{{ source: "voicenter", identity: "{word}" }}] }}'
        amounts.append(len(await api.pages("id", wanted, first=500)))
        body = json.loads(api.worlds["voicenter"].received[-1].body)
        assert body["search"]["IdentityCriteria"] == word
    assert 0 < amounts[0] < amounts[1] < amounts[2] == len(calls())
    answered = await api.ask(
        '{ callRecords(filter: { perSource: [{ source: "voicenter", identity: "Nobody" }] }) '
        "{ outcomes { state } } }"
    )
    outcomes = (
        answered.errors[0]["extensions"]["outcomes"]
        if answered.errors
        else (answered.data["callRecords"]["outcomes"])
    )
    assert [outcome["state"] for outcome in outcomes] == ["UNSUPPORTED"]


@whole(count=40)
async def test_only_what_is_selected_is_asked_of_the_vendor(api: Api) -> None:
    await api.good("{ callLogs(first: 3) { nodes { startedAt agent } } }")
    (request,) = api.worlds["voicenter"].received
    body = json.loads(request.body)
    assert body["fields"] == [
        "CallID", "Date", "Type", "CdrType", "RepresentativeName", "UserName", "CustomData",
    ]  # fmt: skip
    assert (request.method, request.path, request.query) == ("POST", "/hub/cdr/", "")
    await api.good("{ callLogs(first: 3) { nodes { raw } } }")
    assert "fields" not in json.loads(api.worlds["voicenter"].received[-1].body)


def test_an_address_with_its_path_and_a_token_do_as_well() -> None:
    source = {
        **FAST,
        "base_url": "http://voicenter.twin/hub/cdr/",
        "credentials": {"token": Switches().token},
    }

    @whole(source, twin={"trusted_ips": ("10.0.0.1",)}, count=20)
    async def test(api: Api) -> None:
        assert len(await api.pages("id", first=30)) == len(calls(20))
        (request, *_) = api.worlds["voicenter"].received
        assert request.path == "/hub/cdr/"
        assert b"code" not in request.body

    test()


# ---------------------------------------------------------------- bad days


async def outcome(api: Api) -> dict[str, Any]:
    """How the source fared in one small question"""
    answered = await api.ask(
        "{ callRecords(first: 5) { nodes { id } outcomes "
        "{ state code message retryable retryAfterSeconds requests retries } } }"
    )
    if answered.errors:
        (shown,) = answered.errors[0]["extensions"]["outcomes"]
        return dict(shown)
    (made,) = answered.data["callRecords"]["outcomes"]
    return dict(made)


@pytest.mark.parametrize(
    ("fault", "state", "code"),
    [
        ({"kind": "error", "code": "1"}, "THROTTLED", "1"),
        ({"kind": "error", "code": "2"}, "REFUSED", "2"),
        ({"kind": "error", "code": "4"}, "REFUSED", "4"),
        ({"kind": "error", "code": "5"}, "REJECTED", "5"),
        ({"kind": "error", "code": "77"}, "UNAVAILABLE", "77"),
        ({"kind": "expire"}, "REFUSED", "2"),
        ({"kind": "status", "status": 500}, "UNAVAILABLE", None),
        ({"kind": "status", "status": 401}, "REFUSED", None),
        ({"kind": "status", "status": 403}, "REFUSED", None),
        ({"kind": "status", "status": 404}, "REJECTED", None),
        ({"kind": "status", "status": 429}, "THROTTLED", None),
        ({"kind": "status", "status": 302}, "MALFORMED", None),
        ({"kind": "html"}, "MALFORMED", None),
        ({"kind": "empty"}, "MALFORMED", None),
        ({"kind": "cut"}, "MALFORMED", None),
        ({"kind": "content_type"}, "OK", None),
        ({"kind": "unknown"}, "OK", None),
        ({"kind": "duplicate"}, "OK", None),
        ({"kind": "error", "code": "3"}, "TRUNCATED", None),
    ],
)
def test_every_bad_day_has_its_outcome(fault: dict[str, Any], state: str, code: str | None) -> None:
    @whole(twin={"trusted_ips": ()}, count=30)
    async def test(api: Api) -> None:
        if fault != {"kind": "error", "code": "3"}:
            api.worlds["voicenter"].fault(**fault, times=0)
            made = await outcome(api)
            assert (made["state"], made["code"]) == (state, code), made
            message = made["message"] or ""
            assert "demo4code7" not in message
            assert "127.0.0.1" not in message
        else:
            api.worlds["voicenter"].fault(**fault)
            assert (await outcome(api))["state"] == "OK"

    test()


@whole(count=30)
async def test_a_throttle_is_waited_for_and_then_answered(api: Api) -> None:
    api.worlds["voicenter"].fault("error", code="1")
    before = api.clock.moment
    made = await outcome(api)
    assert (made["state"], made["retries"]) == ("OK", 1)
    assert api.clock.moment - before >= timedelta(seconds=5)


@whole(count=30)
async def test_a_refused_code_is_sent_once_for_a_question(api: Api) -> None:
    api.worlds["voicenter"].fault("expire", times=0)
    assert (await outcome(api))["state"] == "REFUSED"
    assert api.requests("voicenter") == 1
    api.worlds["voicenter"].faults.clear()
    assert (await outcome(api))["state"] == "OK"


@whole({**FAST, "credentials": {"code": "stolen"}}, count=10)
async def test_a_wrong_code_is_refused(api: Api) -> None:
    made = await outcome(api)
    assert (made["state"], made["code"], made["retryable"]) == ("REFUSED", "2", False)
    assert "stolen" not in made["message"]


@whole(twin={"trusted_ips": ("10.9.8.7",)}, count=10)
async def test_an_address_that_is_not_trusted_is_refused_without_naming_it(api: Api) -> None:
    made = await outcome(api)
    assert (made["state"], made["code"]) == ("REFUSED", "4")
    assert "control panel" in made["message"]
    assert "127.0.0.1" not in made["message"]


@whole(count=40)
async def test_an_answer_to_another_question_is_malformed_and_loses_nothing(api: Api) -> None:
    await api.good("{ callRecords(first: 5) { nodes { id } } }")
    api.worlds["voicenter"].fault("repeat")
    answered = await api.ask(
        '{ callRecords(filter: { until: "2026-02-26T00:00:00Z" }) { nodes { id } } }'
    )
    assert answered.errors[0]["extensions"]["code"] == "MALFORMED"


@whole(count=40)
async def test_words_nobody_has_heard_are_unknown_and_kept(api: Api) -> None:
    api.worlds["voicenter"].fault("unknown", times=0)
    nodes = await api.pages(
        "direction disposition answeredBy details { ... on VoicenterDetails { type dialStatus } }",
        first=50,
        root="callLogs",
    )
    assert nodes
    for node in nodes:
        assert {node[n] for n in ("direction", "disposition", "answeredBy")} == {"UNKNOWN"}
        assert node["details"] == {"type": "Hologram Call", "dialStatus": "TELEPORTED"}


GIVEN: list[dict[str, Any]] = [
    {"callid": "x1", "date": "2026-03-04 09:00:00", "type": "FaxCdr", "duration": "2"},
    {"CallID": "x2", "Date": "2026-03-04T10:00:00Z", "Type": "Queue", "Novelty": [1]},
    {"CallID": "x3", "Date": "not yet", "Type": "Scrubber"},
    {"Date": "2026-03-04T11:00:00Z", "Type": "Scrubber"},
]


@whole(given={"voicenter": GIVEN}, count=0)
async def test_rows_without_an_id_or_a_start_are_left_out_and_counted(api: Api) -> None:
    data = await api.good(
        "{ callLogs { nodes { nativeId } complete outcomes { state skippedRecords } } }"
    )
    logs = data["callLogs"]
    assert [node["nativeId"] for node in logs["nodes"]] == ["x2", "x1"]
    assert logs["outcomes"] == [{"state": "OK", "skippedRecords": 2}]
    assert logs["complete"] is False


def test_a_leg_to_the_agent_alone_is_not_answered_by_a_person() -> None:
    lone = {
        "CallID": "20260304110000a", "Date": "2026-03-04T09:00:00Z", "CdrType": 9,
        "Type": "Click2Call leg1", "DialStatus": "ANSWER", "CallerNumber": "972541234567",
        "TargetNumber": "2001", "TargetExtension": "2001", "Duration": 9, "RingTime": 2,
    }  # fmt: skip
    undialled = {**lone, "CdrType": 10, "Type": "Click2Call leg2", "DialStatus": "NOTDIALED"}
    for rows, disposition, by in (
        ([lone], "ANSWERED", "MACHINE"),
        ([lone, undialled], "NO_ANSWER", "NOBODY"),
    ):

        @whole(given={"voicenter": rows}, count=0)
        async def test(api: Api, disposition: str = disposition, by: str = by) -> None:
            (node,) = await api.pages("disposition answeredBy talkSeconds caller { number }")
            assert node == {
                "disposition": disposition,
                "answeredBy": by,
                "talkSeconds": 0,
                "caller": {"number": "2001"},
            }

        test()


@whole(count=60)
async def test_a_first_page_is_one_request(api: Api) -> None:
    await api.good("{ callRecords(first: 20) { nodes { id startedAt } } }")
    assert api.requests("voicenter") == 1
