"""Secrets, tokens and whole phone numbers stay where they belong, also on bad days."""

from __future__ import annotations

import base64
import binascii
import io
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from graph.caller import SCOPES
from graph.config import settings
from graph.observe import Trace, system_timer, write_logs
from graph.privacy import Secret
from graph.server import tokens
from graph.server.app import create_app
from graph.sources import company, vendor_names
from graph.sources.contract import Kind, Reply, Request, Token
from graph.sources.portsip.simulator.switches import Account
from graph.sources.twin import FaultKind, Received
from graph.transport.open import open_sources
from graph.transport.source import LiveSource
from graph.types.source import SourceState
from tests.support import NOW, Answered, Api, product, run

SERVER_SECRET = "mark-server-aa41"

MARKED: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    # per vendor: the switches of a twin that knows the marked credentials, and the credentials
    "portsip": (
        {"accounts": (Account("mark-user-b1", "mark-pass-b2", domain="mark.domain.b3"),),
         "domain": "mark.domain.b3"},
        {"username": "mark-user-b1", "password": "mark-pass-b2", "domain": "mark.domain.b3"},
    ),
    "yeastar": (
        {"client_id": "mark-id-c1", "client_secret": "mark-secret-c2"},
        {"client_id": "mark-id-c1", "client_secret": "mark-secret-c2"},
    ),
    "voipnow": (
        {"app_key": "mark-key-d1", "app_secret": "mark-secret-d2"},
        {"client_id": "mark-key-d1", "client_secret": "mark-secret-d2"},
    ),
    "vcclive": (
        {"customer": "mark-customer-e1", "token": "mark-token-e2"},
        {"customer": "mark-customer-e1", "token": "mark-token-e2"},
    ),
    "voicenter": ({"code": "mark4code7f1"}, {"code": "mark4code7f1"}),
}  # fmt: skip

TOKENED = ("portsip", "voipnow", "yeastar")
"""the vendors that hand out tokens"""

CALLS = company.calls(seed=3, count=60, until=NOW - timedelta(hours=5), days=3)


def numbers() -> set[str]:
    """The end of every outside and own number: more of a number than anybody may find"""
    people = [*(p for c in CALLS for p in (c.caller, c.callee)), *map(_line, company.LINES)]
    digits = {person.number.removeprefix("+") for person in people}
    return {number[-8:] for number in digits if len(number) > 8}


def _line(number: str) -> company.Person:
    return company.Person(number, "")


def test_the_marks_are_worth_looking_for() -> None:
    assert set(MARKED) == set(vendor_names())
    assert len(numbers()) > 10


class Watch:
    """Everything that came out, and what must not be in it."""

    def __init__(self, secrets: set[str]) -> None:
        self.forbidden = {*secrets, *numbers()}
        self.shown: list[str] = []

    def show(self, text: str) -> None:
        self.shown.append(text)

    def check(self) -> None:
        """Looks at everything as it is, and at what base64 in it holds"""
        for text in self.shown:
            for seen in (text, *_opened(text)):
                for mark in self.forbidden:
                    assert mark not in seen, f"{mark} stands in {text[:300]}"


_BASE64 = re.compile(r"[A-Za-z0-9_+/-]{12,}={0,2}")


def _opened(text: str, depth: int = 2) -> Iterator[str]:
    """What is inside of everything in the text that could be base64, and inside of that"""
    for found in _BASE64.findall(text):
        body = found.rstrip("=").translate(str.maketrans("-_", "+/"))
        # Something may stand before it that only looks like a part of it.
        for start in range(4):
            part = body[start:]
            part = part[: len(part) - 1] if len(part) % 4 == 1 else part
            try:
                inside = base64.b64decode(part + "=" * (-len(part) % 4)).decode("latin-1")
            except binascii.Error:
                continue
            yield inside
            if depth > 1 and _BASE64.search(inside):
                yield from _opened(inside, depth - 1)


def test_the_watch_sees_through_base64() -> None:
    hidden = base64.urlsafe_b64encode(b"\x94" + base64.b64encode(b"x mark-pass-b2")).decode()
    for text in ("mark-pass-b2", hidden, f'{{"cursor":"{hidden}"}}', f"id {hidden.rstrip('=')}"):
        watch = Watch({"mark-pass-b2"})
        watch.show(text)
        with pytest.raises(AssertionError, match="mark-pass-b2 stands in"):
            watch.check()


# ---------------------------------------------------------------- a bad day, played whole


LIST = """query List($filter: CallFilter, $after: String, $unit: CallUnit) {
  records: callRecords(
    first: 5, filter: $filter, after: $after, unit: $unit, options: {explain: true}
  ) {
    complete
    edges { cursor node { id callKey } }
    pageInfo { startCursor endCursor }
    outcomes { source { id reason } state code message repairCursor }
  }
  logs: callLogs(first: 5, filter: $filter, options: {explain: true}) {
    edges { cursor node { id callKey } }
    pageInfo { startCursor endCursor }
    outcomes { source { id } state code message repairCursor }
  }
}"""

LOOKUP = """query Lookup($ids: [ID!]!, $id: ID!) {
  nodes(ids: $ids) { id ... on Call { callKey } }
  callRecord(id: $id) { id callKey logs { id } }
  callRecordLookup(ref: {id: $id}) { state outcome { state code message } }
}"""

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "huge": {"size_mb": 2},
    "status": {"status": 503},
    "hang": {"seconds": 60.0},
    "drip": {"seconds": 0.5},
}


class Day:
    """The product over twins that know the marked credentials, with all its words recorded."""

    def __init__(self, api: Api, watch: Watch, tokens: Sequence[str] = ()) -> None:
        self.carried = httpx.ASGITransport(app=create_app(api.graph))
        self.shown = list(tokens)
        """with these every question is asked over HTTP, one after the other"""
        self.api = api
        self.watch = watch
        self.tokens: dict[str, set[str]] = {}
        self.states: set[str] = set()
        for live in api.graph.sources.live.values():
            self.tokens[live.id] = set()
            overhear(live, partial(self.hear, live.id))

    def hear(self, name: str, _request: Request, reply: Reply) -> None:
        told = re.findall(rb'"(?:access|refresh)_token" ?: ?"([^"]+)"', reply.body)
        self.tokens[name].update(token.decode() for token in told)

    async def ask(self, query: str, **variables: Any) -> Answered:
        if self.shown:
            await self.over_http(query, variables)
        answered = await self.api.ask(query, **variables)
        whole = [answered.data, answered.errors, answered.extensions]
        self.watch.show(json.dumps(whole, default=str))
        for part in (answered.data or {}).values():
            if isinstance(part, dict):
                self.states |= {o["state"] for o in part.get("outcomes", ())}
        self.states |= {error["extensions"]["code"] for error in answered.errors}
        return answered

    async def over_http(self, query: str, variables: Mapping[str, Any]) -> None:
        """All that a client is told: status, headers, body"""
        body = {"query": query, "variables": variables}
        async with httpx.AsyncClient(transport=self.carried, base_url="http://api") as http:
            for token in (*self.shown, "mark-token-that-is-none"):
                headers = {"authorization": f"Bearer {token}"}
                for answer in (
                    await http.post("/graphql", json=body, headers=headers),
                    await http.get("/metrics", headers=headers),
                    await http.get("/readyz", headers=headers),
                ):
                    self.watch.show(f"{answer.status_code} {answer.headers} {answer.text}")

    async def round(self) -> None:
        """Lists with and without numbers in the filter, repairs, and lookups"""
        ends = [call.caller.number for call in CALLS if len(call.caller.number) > 8][:3]
        for filter in ({}, {"number": ends}, {"caller": [ends[0], "+4930*"], "did": ["+49*"]}):
            listed = (await self.ask(LIST, filter=filter)).data or {}
            for outcome in (listed.get("records") or {}).get("outcomes", ()):
                if outcome["repairCursor"]:
                    await self.ask(LIST, filter=filter, after=outcome["repairCursor"])
        await self.ask(LIST, filter={}, unit="LEG")
        for id in self.ids:
            await self.ask(LOOKUP, ids=[id], id=id)

    async def learn(self) -> None:
        """One call of each source, to look for on the bad day"""
        self.ids: list[str] = []
        for name in self.api.worlds:
            data = (await self.ask(LIST, filter={"sources": [name]})).data
            self.ids.append(data["records"]["edges"][0]["node"]["id"])


def overhear(live: LiveSource, hear: Callable[[Request, Reply], None]) -> None:
    """Lets `hear` know of everything that is sent to a source, signed, and what comes back"""
    send = live._transport.send

    async def overheard(request: Request, *, timeout: float, max_bytes: int) -> Reply:
        reply = await send(request, timeout=timeout, max_bytes=max_bytes)
        hear(request, reply)
        return reply

    live._transport.send = overheard  # type: ignore[method-assign]


def sources(**more: Any) -> list[dict[str, Any]]:
    return [
        {"vendor": name, "credentials": dict(credentials), "max_response_mb": 1, **more}
        for name, (_, credentials) in MARKED.items()
    ]


SWITCHES = {name: switches for name, (switches, _) in MARKED.items()}
SECRETS = {
    SERVER_SECRET,
    *(value for _, credentials in MARKED.values() for value in credentials.values()),
}


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Every log line with what was put into it, before anybody masks anything"""
    plain = logging.Formatter("%(name)s %(message)s")
    return [f"{plain.format(record)} {record.args!r}" for record in caplog.records]


@pytest.mark.parametrize("kind", get_args(FaultKind))
def test_no_fault_brings_a_secret_a_token_or_a_number_to_light(
    kind: FaultKind, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "tokens.toml"
    shown = [
        tokens.add(path, name=name, scopes=scopes, sources=None, expires_at=None, now=NOW)
        for name, scopes in (("clear", [*SCOPES]), ("masked", ["records:read"]))
    ]
    watch = Watch({*SECRETS, *shown, "mark-token-that-is-none"})

    async def work() -> None:
        server = {"secret": SERVER_SECRET, "tokens_file": str(path)}
        async with product(*sources(), calls=CALLS, switches=SWITCHES, server=server) as api:
            day = Day(api, watch, shown)
            await day.learn()
            api.clock.advance(300)
            for world in api.worlds.values():
                world.fault(kind, times=0, **OPTIONS.get(kind, {}))
            await day.round()
            assert day.states - {"OK"} or kind in ("content_type", "unknown", "expire", "duplicate")
            # The marks did go to the twins, so they could have come to light.
            for name, world in api.worlds.items():
                said = b"\n".join(_bytes(r) for r in world.received).decode("latin-1")
                hidden = "".join(_opened(said)) if name == "vcclive" else said
                assert all(secret in hidden for secret in MARKED[name][1].values()), name
            for name in TOKENED:
                assert day.tokens[name]
                watch.forbidden |= day.tokens[name]
            things = [api.graph.gate, api.graph.addresses, api.graph.settings, *api.worlds]
            for thing in (*things, *map(api.graph.gate._tokens.caller, shown)):  # type: ignore[union-attr]
                watch.show(f"{thing!r} {thing!s}")

    run(work)
    for line in logged(caplog):
        watch.show(line)
    watch.check()


def _bytes(received: Received) -> bytes:
    return f"{received.query} {received.headers} ".encode() + received.body


WORDS = (
    "code", "message", "error", "error_code", "error_description", "errcode", "errmsg", "type",
    "status", "STATUS_CODE", "STATUS_DESCRIPTION", "ERROR_NUMBER", "ERROR_DESCRIPTION", "msg",
    "access_token",
)  # fmt: skip

ECHOES: tuple[Callable[[str], Any], ...] = (
    lambda said: said,
    lambda said: [said],
    lambda said: {said: said},
    lambda said: dict.fromkeys(WORDS, said),
    lambda said: {"error": dict.fromkeys(WORDS, said), "errors": [dict.fromkeys(WORDS, said)]},
    lambda said: {"items": [{"started_at": said, "id": said}], "CDR_LIST": [{"Date": said}]},
)
"""bodies with everything that was sent in them, where vendors put their words"""


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
def test_a_vendor_that_repeats_what_it_was_sent_is_not_repeated(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    watch = Watch(SECRETS)

    async def work() -> None:
        async with product(*sources(), calls=CALLS, switches=SWITCHES) as api:
            day = Day(api, watch)
            await day.learn()
            for echo in ECHOES:

                async def repeat(
                    request: Request, *, echo: Any = echo, timeout: float, max_bytes: int
                ) -> Reply:
                    sent = str((request.params, request.headers, request.body))
                    said = " ".join([sent, *_opened(sent)])
                    body = json.dumps(echo(said)).encode()
                    headers = {"content-type": "application/json", "location": said}
                    return Reply(status, headers, body)

                for live in api.graph.sources.live.values():
                    live._transport.send = repeat  # type: ignore[method-assign]
                    live._tokens._refusal = None
                api.clock.advance(300)
                await day.ask(LIST, filter={"number": ["+493022610100"]})
                await day.ask(LOOKUP, ids=day.ids, id=day.ids[0])
            for tokens in day.tokens.values():
                watch.forbidden |= tokens

    run(work)
    for line in logged(caplog):
        watch.show(line)
    watch.check()


def test_refused_credentials_are_not_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    watch = Watch(SECRETS)

    async def work() -> None:
        # The twins have their usual credentials, so the marked ones are wrong.
        async with product(*sources(), calls=CALLS, server={"secret": SERVER_SECRET}) as api:
            day = Day(api, watch)
            answered = await day.ask(LIST, filter={})
            told = {o["source"]: o for o in answered.errors[0]["extensions"]["outcomes"]}
            assert {o["state"] for o in told.values()} == {"REFUSED"}
            assert set(told) == set(vendor_names())

    run(work)
    for line in logged(caplog):
        watch.show(line)
    assert len([line for line in watch.shown if "is failing: REFUSED" in line]) == len(MARKED)
    watch.check()


def test_unusable_settings_are_not_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    watch = Watch(SECRETS)

    wrong: list[dict[str, Any]] = []
    for entry in sources(base_url="https://twin"):
        login = entry["credentials"]
        name, value = next(iter(login.items()))
        wrong += [
            {**entry, "credentials": {f"{name}s": value}},
            {**entry, "credentials": {**login, name: [value]}},
            {**entry, "base_url": f"https://{value}:{value}@twin"},
            {**entry, "base_url": f"https://twin?token={value}"},
            {**entry, "base_url": f"https://twin:{value}"},
            {**entry, "options": {"page_size": value}},
        ]
    wrong = [{**entry, "id": f"s{place}"} for place, entry in enumerate(wrong)]
    made = settings({"sources": wrong}, environment={})
    told = open_sources(made, system_timer(), SERVER_SECRET.encode()).told
    assert {source.state for source in told} == {SourceState.DISABLED}
    for source in told:
        watch.show(str(source.reason))
    for line in logged(caplog):
        watch.show(line)
    assert len(watch.shown) == 2 * len(wrong)  # each reason in the answer, and in the log
    watch.check()


# ---------------------------------------------------------------- what prints itself


def test_nothing_that_holds_a_secret_prints_it() -> None:
    watch = Watch(SECRETS)

    async def work() -> None:
        server = {"secret": SERVER_SECRET}
        async with product(*sources(), calls=CALLS, switches=SWITCHES, server=server) as api:
            watch.show(repr(api.graph.settings))
            messages: list[Request | Reply] = []
            for live in api.graph.sources.live.values():
                overhear(live, lambda request, reply: messages.extend((request, reply)))
            await api.good("{ callRecords(first: 5) { nodes { id caller { number } } } }")
            assert len(messages) > 2 * len(MARKED)
            context = api.graph.context()
            for live in api.graph.sources.live.values():
                token = await live._tokens.get()
                shown = [live, live.site, live.told, token, live.manifest.auth, live._tokens]
                watch.forbidden |= {
                    secret.reveal()
                    for secret in (() if token is None else (token.access, token.renewal))
                    if secret is not None
                }
                trace = Trace(context.caller, context.timer, deadline_ms=1000)
                shown += [trace, trace.source(live.id), context]
                for thing in shown:
                    watch.show(f"{thing!r} {thing!s}")
            for message in messages:
                watch.show(f"{message!r} {message!s}")

    run(work)
    assert len(watch.forbidden) > len({*SECRETS, *numbers()})
    watch.check()


def test_a_request_says_what_it_is_about_all_the_same() -> None:
    request = Request(
        "POST",
        "/api/list",
        params=(("access_token", "hush"),),
        headers=(("authorization", "hush"),),
        body=b"hush",
        kind=Kind.SIGN_IN,
    )
    assert "POST" in repr(request)
    assert "/api/list" in repr(request)
    assert "hush" not in repr(request)
    assert "hush" not in repr(request.with_params(token="hush"))
    assert "200" in repr(Reply(200, {"set-cookie": "hush"}, b"hush"))
    assert "hush" not in repr(Reply(200, {"set-cookie": "hush"}, b"hush"))


# ---------------------------------------------------------------- the log as it is written


@pytest.mark.parametrize(
    ("line", "gone", "kept"),
    [
        ("GET /list?access_token=mark-a1&page=2", "mark-a1", "page=2"),
        ("code=mark-a2 is wrong", "mark-a2", "is wrong"),
        ("a call from +493022610100 came", "3022610100", "a call from +49"),
        ("a call from 0049 30 22610100 came", "22610100", "came"),
        ("a call from (030) 2261-0100 came", "2261-0100", "came"),
        ("extension 2001 rang", "\0", "extension 2001 rang"),
    ],
)
def test_whoever_logs_something_it_is_masked_where_it_is_written(
    line: str, gone: str, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    write_logs("DEBUG")
    logging.getLogger("somebody.else").info("%s", line)
    error = ValueError(line)
    logging.getLogger("somebody.else").error("it failed", exc_info=error)
    told = written.getvalue()
    assert gone not in told
    assert told.count(kept) == 2
    # The moment at its beginning is no phone number.
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO somebody.else: ", told)


def test_a_token_shows_nothing_of_itself() -> None:
    token = Token(access=Secret("hush-1"), renewal=Secret("hush-2"), lifetime_seconds=60)
    for shown in (repr(token), str(token), f"{token.access}", f"{token.access:>20}"):
        assert "hush" not in shown
