"""PortSIP: what is asked, what answers mean, and calls through the whole product."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from graph.errors import ConfigError, SourceError, SourceMalformed, SourceRefused, SourceRejected
from graph.privacy import Secret
from graph.sources import company
from graph.sources.contract import Ask, Condition, Exactness, Expired, Kind, Reply, Request, Site
from graph.sources.portsip import auth, protocol
from graph.types.call import CallDirection
from tests.support import NOW, product, run

SAMPLES = Path(protocol.__file__).parent / "samples"


def site(**options: Any) -> Site:
    return Site(
        id="hq",
        zone=ZoneInfo("UTC"),
        credentials=auth.Credentials(username="api", password=Secret("pw"), domain="example.com"),
        options=protocol.Options(**options),
    )


def ask(**changes: Any) -> Ask:
    given: dict[str, Any] = {
        "since": datetime(2026, 3, 1, tzinfo=UTC),
        "until": datetime(2026, 3, 2, 8, 30, 0, 250_000, tzinfo=UTC),
        "newest_first": True,
        "now": NOW,
    }
    return Ask(**{**given, **changes})


def planned(options: Mapping[str, Any] | None = None, offset: int = 0, **changes: Any) -> Any:
    request = protocol.RECORDS_LIST.plan(site(**(options or {})), ask(**changes), offset)
    return request.path, dict(request.params)


WINDOW = "started_at ge '2026-03-01T00:00:00Z' and started_at le '2026-03-02T08:30:00.250000Z'"


def test_a_list_is_asked_by_window_order_and_page() -> None:
    assert planned(amount=71) == (
        "/api/cdrs",
        {"filter": WINDOW, "orderby": "started_at desc", "skip": "0", "top": "71"},
    )


def test_no_more_than_a_hundred_rows_are_asked_for_and_never_one_alone() -> None:
    assert planned(amount=5000)[1]["top"] == "100"
    assert planned(amount=1)[1]["top"] == "2"
    assert planned({"page_size": 30}, amount=5000)[1]["top"] == "30"


def test_an_open_window_has_no_filter_and_the_other_order_ascends() -> None:
    _, params = planned(since=None, until=None, newest_first=False, offset=7)
    assert params == {"orderby": "started_at asc", "skip": "7", "top": "50"}


def test_the_end_of_a_window_that_is_not_wanted_itself_is_left_out() -> None:
    assert planned(until_open=True)[1]["filter"] == WINDOW.replace(" le ", " lt ")


def test_alternatives_are_written_out_since_parentheses_are_not_documented() -> None:
    either = Condition("number", ("+493012345678",))
    assert planned(conditions=(either,))[1]["filter"] == (
        f"{WINDOW} and contains(caller,'345678') or {WINDOW} and contains(callee,'345678')"
    )


def test_search_is_its_own_parameter() -> None:
    assert planned(conditions=(Condition("search", ("101 or 102",)),))[1]["search"] == "101 or 102"


@pytest.mark.parametrize(
    ("condition", "options", "how"),
    [
        (Condition("number", ("+4930123456",)), {}, Exactness.SUPERSET),
        (Condition("number", ("+4930*",)), {}, Exactness.NONE),
        (Condition("number", ("x' or 'a' eq 'a",)), {}, Exactness.NONE),
        (Condition("caller", ("2001",)), {"filter_fields": ["started_at"]}, Exactness.NONE),
        (Condition("direction", (CallDirection.INBOUND,)), {}, Exactness.NONE),
        (
            Condition("direction", (CallDirection.INBOUND,)),
            {"filter_fields": ["started_at", "direction"]},
            Exactness.EXACT,
        ),
        (
            Condition("direction", (CallDirection.UNKNOWN,)),
            {"filter_fields": ["started_at", "direction"]},
            Exactness.NONE,
        ),
        (Condition("talk_seconds", (1, 2)), {}, Exactness.NONE),
    ],
)
def test_only_what_the_options_allow_and_safe_text_is_pushed_down(
    condition: Condition, options: Mapping[str, Any], how: Exactness
) -> None:
    assert protocol.exactness(site(**options), condition) is how


# ---------------------------------------------------------------- replies


def reply(body: Any, status: int = 200, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Reply(status, headers, raw)


def page(body: Any, skip: int = 0, top: int = 100, *, raw: bool = False) -> Any:
    request = Request("GET", "/api/cdrs", (("skip", str(skip)), ("top", str(top))))
    return protocol.read(site(), reply(body), request, ask(raw=raw))


@pytest.mark.parametrize(
    ("count", "rows", "skip", "more"),
    [(3, 3, 0, False), (9, 3, 0, True), (9, 3, 6, False), (9, 0, 0, False), (None, 3, 0, False)],
)
def test_more_follows_while_the_total_is_not_reached(
    count: int | None, rows: int, skip: int, more: bool
) -> None:
    body = {"count": count, "items": [{"id": str(n)} for n in range(rows)]}
    assert page(body, skip).more is more


def test_a_row_that_is_not_as_documented_is_left_out_and_counted() -> None:
    read = page({"count": 2, "items": [{"id": ["x"]}, {"id": "2"}]})
    assert [row.id for row in read.rows] == ["2"]
    assert read.skipped == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff{}", b'{"items": 3}', b"[1]"])
def test_a_reply_that_is_no_list_is_malformed(body: bytes) -> None:
    with pytest.raises(SourceMalformed):
        page(body)


def test_an_entry_is_kept_exactly_as_sent_where_that_is_wanted() -> None:
    read = page({"count": 1, "items": [{"id": "1", "new": [1]}]}, raw=True)
    assert [msgspec.json.decode(raw) for raw in read.raws] == [{"id": "1", "new": [1]}]


@pytest.mark.parametrize(
    ("status", "body", "kind", "verdict"),
    [
        (400, {"errors": [{"code": "UNAUTHORIZED"}]}, Kind.SIGN_IN, SourceRefused),
        (400, {"errors": [{"code": "LOGIN_FAILED"}]}, Kind.SIGN_IN, SourceRefused),
        (400, {"errors": [{"code": "VALIDATE_FAILED"}]}, Kind.SIGN_IN, SourceRejected),
        (401, {}, Kind.SIGN_IN, SourceRefused),
        (401, {}, Kind.READ, Expired),
        (400, {"errors": [{"code": "UNAUTHORIZED"}]}, Kind.READ, Expired),
        (400, {"errors": [{"code": "VALIDATE_FAILED"}]}, Kind.READ, SourceRejected),
        (400, {}, Kind.READ, SourceRejected),
        (400, b"oops", Kind.READ, SourceRejected),
        (403, {"errors": [{"code": "UNKNOWN"}]}, Kind.READ, SourceRefused),
        (500, {}, Kind.READ, type(None)),
        (200, {}, Kind.READ, type(None)),
    ],
)
def test_each_error_means_what_the_documents_say(
    status: int, body: Any, kind: Kind, verdict: type
) -> None:
    assert type(protocol.judge(reply(body, status), Request("GET", "/", kind=kind))) is verdict


def test_the_vendors_code_is_kept() -> None:
    judged = protocol.judge(
        reply({"errors": [{"code": "VALIDATE_FAILED"}]}, 400), Request("GET", "/")
    )
    assert isinstance(judged, SourceError)
    assert judged.detail == "VALIDATE_FAILED"


# ---------------------------------------------------------------- sign-in


def test_credentials_need_a_user_or_a_token() -> None:
    with pytest.raises(ValueError, match="username and password, or token"):
        auth.Credentials(username="api")


def test_a_lasting_token_needs_no_sign_in() -> None:
    own = site()
    own.credentials = auth.Credentials(token=Secret("lasting"))
    assert auth.sign_in(own) is None
    signed = auth.sign(own, Request("GET", "/api/cdrs"), None)
    assert ("authorization", "Bearer lasting") in signed.headers


@pytest.mark.parametrize(
    ("switches", "options"),
    [
        ({"generation": "22.2"}, {}),
        ({"generation": "16"}, {}),
        ({"generation": "22.0"}, {}),
        ({"generation": "22.0", "login_answer": "token"}, {}),
        ({"generation": "16"}, {"sign_in": "oauth"}),
        ({"generation": "22.0"}, {"sign_in": "login"}),
        ({"expiry": "expires_at"}, {}),
    ],
)
def test_every_generation_of_sign_in_works_and_is_renewed(
    switches: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    async def story() -> None:
        source = {"vendor": "portsip", "options": options}
        async with product(source, count=5, switches={"portsip": switches}) as api:
            query = "{ callRecords { nodes { id } } }"
            before = await api.good(query)
            api.clock.advance(1790)
            assert await api.good(query) == before
            api.clock.advance(3600)
            assert await api.good(query) == before

    run(story)


def test_an_account_with_two_factors_is_refused_once_with_the_reason() -> None:
    async def story() -> None:
        login = {"username": "careful", "password": "battery-staple"}
        source = {"vendor": "portsip", "credentials": {**login, "domain": "headoffice.example"}}
        async with product(source, count=3) as api:
            for _ in range(3):
                answered = await api.ask("{ callRecords { nodes { id } } }")
                assert answered.errors[0]["extensions"]["code"] == "REFUSED"
                assert "two-factor" in answered.errors[0]["message"]
            assert api.requests("portsip") == 1

    run(story)


def test_tokens_are_given_back_at_the_end() -> None:
    async def story() -> None:
        async with product("portsip", count=3) as api:
            await api.good("{ callRecords { nodes { id } } }")
        assert api.requests("portsip", "/auth/sign_out") == 1

    run(story)


def test_a_wrong_option_disables_the_source_and_names_the_option() -> None:
    async def story() -> None:
        source = {"vendor": "portsip", "options": {"pagesize": 5}}
        async with product(source, "voicenter", count=3) as api:
            told = (await api.good("{ sources { id state reason } }"))["sources"][0]
            assert told["state"] == "DISABLED"
            assert "pagesize" in told["reason"]
            assert "page_size" in told["reason"]

    run(story)
    with pytest.raises(ValueError, match="page_size"):
        protocol.Options(page_size=1)
    assert issubclass(ConfigError, Exception)


# ---------------------------------------------------------------- the vendor's own examples

EVERYTHING = """
  nativeId callKey unit direction disposition answeredBy startedAt ringingAt answeredAt endedAt
  totalSeconds ringSeconds talkSeconds holdSeconds queueSeconds billedSeconds trunkIn trunkOut did
  shownNumber queue agent account userData recording { name }
  caller { number e164 extension name domain } callee { number e164 extension name domain }
  hangup { cause sipCode party reason } cost { amount currency }
  details { vendor ... on PortsipDetails {
    callId direction endReason rerouteReason statusCode destination serviceNumber userData } }
"""
PARTY = {"number": "text", "e164": None, "extension": None, "name": "text", "domain": "text"}
MOMENT = "2017-07-21T17:32:28Z"
ID = "NzAwNTUxOTA5NzczMTQ4MTYw"
PLACEHOLDERS = {
    "nativeId": ID,
    "callKey": ID,
    "direction": "INBOUND",
    "disposition": "ANSWERED",
    "answeredBy": "PERSON",
    "startedAt": MOMENT,
    "ringingAt": MOMENT,
    "answeredAt": MOMENT,
    "endedAt": MOMENT,
    "totalSeconds": 0,
    "ringSeconds": 0,
    "talkSeconds": 1,
    "holdSeconds": None,
    "queueSeconds": None,
    "billedSeconds": None,
    "trunkIn": "text",
    "trunkOut": None,
    "did": "text",
    "shownNumber": "text",
    "queue": "text",
    "agent": None,
    "account": "text",
    "userData": "text",
    "recording": None,
    "caller": PARTY,
    "callee": PARTY,
    "hangup": {
        "cause": None, "sipCode": 1, "party": "CALLER", "reason": "CALLER_DISCONNECTED",
    },
    "cost": {"amount": "1.0", "currency": "EUR"},
    "details": {
        "vendor": "portsip",
        "callId": "text",
        "direction": "INBOUND_CALL",
        "endReason": "CALLER_DISCONNECTED",
        "rerouteReason": "TRANSFER",
        "statusCode": 1,
        "destination": "text",
        "serviceNumber": "text",
        "userData": "text",
    },
}  # fmt: skip


def sample(name: str) -> list[dict[str, Any]]:
    body = msgspec.json.decode((SAMPLES / name).read_bytes())
    items: list[dict[str, Any]] = body.get("items", [body])
    return items


def test_the_vendors_examples_reach_every_field() -> None:
    async def story() -> None:
        given = [*sample("cdrs.json"), *sample("cdr.json"), *sample("calllog.json")]
        source = {"vendor": "portsip", "options": {"currency": "EUR"}}
        async with product(source, given={"portsip": given}) as api:
            data = await api.good(
                f"{{ callRecords {{ nodes {{ {EVERYTHING} }} }} "
                f"callLogs {{ nodes {{ {EVERYTHING} sessionId }} }} }}"
            )
            assert data["callRecords"]["nodes"] == [{**PLACEHOLDERS, "unit": "CALL"}]
            assert data["callLogs"]["nodes"] == [{**PLACEHOLDERS, "unit": "LEG", "sessionId": ID}]

    run(story)


# ---------------------------------------------------------------- the company's calls

SWITCHES = [
    {},
    {"blanks": "null"},
    {"blanks": "absent", "ids": "bare"},
    {"fraction_digits": 0, "shuffle_ties": True},
    {"fraction_digits": 3, "short_reasons": True, "extra": {"new_field": {"a": 1}}},
    {"version": "22.1", "count_unasked": False},
]


@pytest.mark.parametrize("switches", SWITCHES)
def test_calls_come_through_as_they_were(switches: Mapping[str, Any]) -> None:
    async def story() -> None:
        calls = company.calls(seed=3, count=60, until=NOW - timedelta(hours=4), days=3)
        truth = {
            (call.started_at.replace(microsecond=0), call.caller.number, call.number): call
            for call in calls
        }
        async with product("portsip", calls=calls, switches={"portsip": switches}) as api:
            nodes = await api.pages(
                "startedAt direction disposition talkSeconds totalSeconds did trunkIn trunkOut "
                "caller { number name extension } hangup { sipCode }",
                first=17,
            )
            assert len(nodes) == len(calls)
            told = sorted(
                (
                    node["startedAt"][:19],
                    node["caller"]["number"],
                    node["direction"].lower(),
                    node["talkSeconds"],
                    node["totalSeconds"],
                    node["did"],
                    (node["hangup"] or {}).get("sipCode") or 0,
                )
                for node in nodes
            )
            assert told == sorted(
                (
                    call.started_at.isoformat()[:19],
                    call.caller.number,
                    call.direction,
                    call.talk_seconds,
                    call.total_seconds,
                    call.did,
                    0 if call.outcome == "abandoned" else call.sip_code,
                )
                for call in truth.values()
            )

    run(story)


OUTCOMES = {
    "answered": "ANSWERED",
    "no_answer": "NO_ANSWER",
    "busy": "BUSY",
    "failed": "FAILED",
    "cancelled": "CANCELLED",
    "abandoned": "ABANDONED",
    # The session says answered, by a machine: nobody talked.
    "voicemail": "ANSWERED",
}


def test_outcomes_are_told_as_they_were() -> None:
    async def story() -> None:
        calls = company.calls(seed=8, count=90, until=NOW - timedelta(hours=4), days=3)
        async with product("portsip", calls=calls) as api:
            nodes = await api.pages("disposition answeredBy", first=50)
            told = sorted(node["disposition"] for node in nodes)
            assert told == sorted(OUTCOMES[call.outcome] for call in calls)
            people = sum(node["answeredBy"] == "PERSON" for node in nodes)
            assert people == sum(call.answered for call in calls)

    run(story)


def test_the_cost_and_the_legs_of_a_call_come_with_one_request_each() -> None:
    async def story() -> None:
        async with product("portsip", count=30) as api:
            data = await api.good(
                "{ callRecords(first: 8) { nodes { nativeId cost { amount } account "
                "logs { nativeId callKey sessionId cost { amount } record { nativeId } } } } }"
            )
            nodes = data["callRecords"]["nodes"]
            assert api.requests("portsip", "/api/cdrs/") == 8
            assert api.requests("portsip", "/api/calllogs") == 0
            for node in nodes:
                assert node["logs"]
                for leg in node["logs"]:
                    assert leg["callKey"] == leg["sessionId"] == node["nativeId"]
                    assert leg["record"]["nativeId"] == node["nativeId"]

    run(story)


def test_without_billing_there_is_no_cost() -> None:
    async def story() -> None:
        async with product("portsip", count=5, switches={"portsip": {"billing": False}}) as api:
            data = await api.good("{ callRecords { nodes { cost { amount } account } } }")
            assert data["callRecords"]["nodes"] == [{"cost": None, "account": None}] * 5

    run(story)


def test_words_nobody_has_heard_are_unknown_and_kept() -> None:
    async def story() -> None:
        async with product("portsip", count=4) as api:
            api.worlds["portsip"].fault("unknown", path="/api/cdrs", times=0)
            data = await api.good(
                "{ callRecords { nodes { direction details { ... on PortsipDetails { direction } } "
                "} } }"
            )
            for node in data["callRecords"]["nodes"]:
                assert node["direction"] == "UNKNOWN"
                assert node["details"]["direction"]
            assert api.graph.sources.live["portsip"].site.unknown_words.total() >= 4

    run(story)


def test_the_composite_user_data_of_newer_versions_gives_the_applications_text() -> None:
    async def story() -> None:
        base = {"id": "1", "started_at": "2026-03-01T08:00:00Z"}
        given = [{**base, "user_data": "user-data=a;b;service-number=6400"}]
        async with product("portsip", given={"portsip": given}) as api:
            data = await api.good(
                "{ callRecords { nodes { userData details { ... on PortsipDetails { userData } } "
                "} } }"
            )
            assert data["callRecords"]["nodes"] == [
                {"userData": "a;b", "details": {"userData": given[0]["user_data"]}}
            ]

    run(story)
