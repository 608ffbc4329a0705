import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

import graph.sources.portsip
from graph.sources import company
from graph.sources.portsip.simulator import SETTINGS, Account, Switches, simulate
from graph.sources.portsip.simulator.query import Says
from graph.sources.portsip.simulator.rows import CallRow, Writer
from graph.sources.twin import World

NOW = datetime(2026, 8, 20, 6, 0, 0, tzinfo=UTC)
CALLS = company.calls(seed=7, count=400, until=NOW - timedelta(hours=3), days=20)
SAMPLES = Path(graph.sources.portsip.__file__).parent / "samples"
LISTED = [
    *("id", "caller", "caller_domain", "caller_display_name"),
    *("callee", "callee_domain", "callee_display_name"),
    *("started_at", "rang_at", "answered_at", "ended_at", "call_id", "direction", "end_reason"),
    *("reroute_reason", "status_code", "destination", "outbound_caller_id", "did_cid", "trunk"),
    *("duration", "service_number", "user_data"),
]
TIMES = ("started_at", "rang_at", "answered_at", "ended_at")

Json = Any
Story = Callable[["Api"], Awaitable[None]]


class Clock:
    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Api:
    """A client of one twin, with its world, its clock and a token"""

    def __init__(self, world: World, clock: Clock, http: httpx.AsyncClient) -> None:
        self.world = world
        self.clock = clock
        self.http = http
        self.token = ""

    async def sign_in(self, username: str = "api") -> Json:
        answer = await self.http.post("/api/auth/sign_in", json=credentials(username))
        assert answer.status_code == 200
        told = answer.json()
        self.token = told["access_token"]
        return told

    async def ask(self, path: str, method: str = "GET", **params: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        return await self.http.request(method, f"/api{path}", params=params, headers=headers)

    async def get(self, path: str, **params: Any) -> Json:
        answer = await self.ask(path, **params)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        return answer.json()

    async def items(self, path: str = "/cdrs", **params: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.get(path, **params))["items"]
        return items

    async def everything(self, path: str = "/cdrs", **params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while page := await self.items(path, skip=len(found), **params):
            found += page
        return found

    async def refused(self, path: str, status: int, code: str, **params: Any) -> None:
        refusal(await self.ask(path, **params), status, code)


def credentials(username: str = "api") -> dict[str, str]:
    account = next(account for account in Switches().accounts if account.username == username)
    told = {"username": username, "password": account.password}
    return told | ({"domain": account.domain} if account.domain else {})


def refusal(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["code"] == code
    assert answer.json()["errors"][0]["message"]


def play(
    story: Story,
    calls: Sequence[company.Call] = CALLS,
    *,
    given: list[dict[str, Any]] | None = None,
    signed: bool = True,
    seed: int = 3,
    **switches: Any,
) -> None:
    async def stage() -> None:
        clock = Clock()
        world = World(calls, clock=clock, given=given, seed=seed)
        transport = httpx.ASGITransport(app=simulate(world, Switches(**switches)))
        async with httpx.AsyncClient(transport=transport, base_url="https://pbx.test") as http:
            api = Api(world, clock, http)
            if signed:
                await api.sign_in()
            await story(api)

    asyncio.run(stage())


def sample(name: str) -> Json:
    return json.loads((SAMPLES / name).read_text())


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def whole(text: str) -> datetime:
    return moment(text).replace(microsecond=0)


def kind(call: company.Call) -> str:
    """Which of the company's kinds of calls this is"""
    places = "+".join(leg.place for leg in call.legs)
    return f"{call.direction} {places} {call.outcome}"


KINDS = {kind(call): call for call in reversed(CALLS)}
QUEUED = "inbound ivr+queue+extension answered"
ABANDONED = "inbound ivr+queue abandoned"
VOICEMAIL = "inbound extension+voicemail voicemail"
TRANSFERRED = "inbound extension+extension answered"
DIALLED = "outbound outside answered"


async def session_of(api: Api, call: company.Call) -> dict[str, Any]:
    start = call.started_at.replace(tzinfo=None).isoformat()
    window = f"started_at ge '{start}Z' and started_at le '{start}.999999Z'"
    rows = await api.items(filter=window)
    return next(row for row in rows if row["call_id"].split("@")[0].endswith(f"{call.number:06x}"))


# Signing in


def test_signing_in_gives_the_documented_token_object() -> None:
    async def story(api: Api) -> None:
        told = await api.sign_in()
        assert list(told) == ["token_type", "access_token", "refresh_token", "expires_in"]
        assert (told["token_type"], told["expires_in"]) == ("Bearer", 1800)

    play(story)


def test_the_settings_reach_a_default_twin() -> None:
    async def story(api: Api) -> None:
        answer = await api.http.post("/api/auth/sign_in", json=SETTINGS["credentials"])
        assert answer.json()["access_token"]

    play(story, signed=False)
    assert set(SETTINGS) == {"credentials", "time_zone", "region", "options"}


@pytest.mark.parametrize(("version", "code"), [("22.5", "UNAUTHORIZED"), ("22.6", "LOGIN_FAILED")])
def test_wrong_credentials_are_refused_with_400(version: str, code: str) -> None:
    async def story(api: Api) -> None:
        for wrong in ({"password": "guess"}, {"username": "nobody"}, {"domain": "other.example"}):
            answer = await api.http.post("/api/auth/sign_in", json=credentials() | wrong)
            refusal(answer, 400, code)

    play(story, signed=False, version=version)


def test_a_sign_in_is_validated_before_it_is_judged() -> None:
    async def story(api: Api) -> None:
        unusable: list[Json] = [
            {"username": "api"},
            {"password": "x"},
            credentials() | {"username": "x" * 65},
            credentials() | {"domain": "x" * 281},
            credentials() | {"password": 5},
            [],
        ]
        for sent in unusable:
            answer = await api.http.post("/api/auth/sign_in", json=sent)
            refusal(answer, 400, "VALIDATE_FAILED")
        answer = await api.http.post("/api/auth/sign_in", content=b"{")
        refusal(answer, 400, "VALIDATE_FAILED")

    play(story, signed=False)


def test_a_system_administrator_signs_in_without_a_domain_and_sees_no_tenants_calls() -> None:
    async def story(api: Api) -> None:
        assert "domain" not in credentials("root")
        await api.sign_in("root")
        assert (await api.get("/auth/user"))["role"] == "SystemAdmin"
        await api.refused("/cdrs", 403, "UNKNOWN")

    play(story, signed=False)


def test_an_account_with_two_factors_gets_200_without_a_token() -> None:
    async def story(api: Api) -> None:
        answer = await api.http.post("/api/auth/sign_in", json=credentials("careful"))
        assert answer.status_code == 200
        assert answer.json()["two_factor_enabled"] is True
        assert "access_token" not in answer.json()
        api.token = answer.json()["token"]
        await api.refused("/cdrs", 401, "UNAUTHORIZED")
        answer = await api.http.post("/api/login", json=credentials("careful"))
        assert answer.json()["two_factor_enabled"] is True

    play(story, signed=False)


def test_nothing_is_shown_without_a_token() -> None:
    async def story(api: Api) -> None:
        for path in ("/cdrs", "/cdrs/x", "/calllogs", "/calllogs/x", "/user/cdrs", "/auth/user"):
            await api.refused(path, 401, "UNAUTHORIZED")
        api.token = "made-up"
        await api.refused("/cdrs", 401, "UNAUTHORIZED")

    play(story, signed=False)


def test_an_access_token_ends_by_the_clock() -> None:
    async def story(api: Api) -> None:
        api.clock.forward(59)
        await api.get("/cdrs")
        api.clock.forward(1)
        await api.refused("/cdrs", 401, "UNAUTHORIZED")

    play(story, expires_in=60)


def test_the_end_may_be_told_as_a_moment() -> None:
    async def story(api: Api) -> None:
        told = await api.sign_in()
        assert told["expires_at"] == "2026-08-20T06:30:00Z"
        assert "expires_in" not in told

    play(story, signed=False, expiry="expires_at")


async def refresh(api: Api, token: str) -> httpx.Response:
    return await api.http.post("/api/auth/refresh_token", json={"refresh_token": token})


def test_a_refresh_token_works_once_and_brings_the_next() -> None:
    async def story(api: Api) -> None:
        first = await api.sign_in()
        api.clock.forward(1800)
        answer = await refresh(api, first["refresh_token"])
        second = answer.json()
        assert second["refresh_token"] != first["refresh_token"]
        api.token = second["access_token"]
        await api.get("/cdrs")
        refusal(await refresh(api, first["refresh_token"]), 400, "UNKNOWN")
        assert (await refresh(api, second["refresh_token"])).status_code == 200

    play(story)


def test_a_refresh_token_may_be_one_that_stays() -> None:
    async def story(api: Api) -> None:
        token = (await api.sign_in())["refresh_token"]
        for _ in range(2):
            answer = await refresh(api, token)
            assert answer.json()["refresh_token"] == token
            api.token = answer.json()["access_token"]
            await api.get("/cdrs")

    play(story, refresh_rotates=False)


@pytest.mark.parametrize("ends", [False, True])
def test_a_refresh_ends_the_old_access_token_only_by_its_switch(ends: bool) -> None:
    async def story(api: Api) -> None:
        told = await api.sign_in()
        await refresh(api, told["refresh_token"])
        assert (await api.ask("/cdrs")).status_code == (401 if ends else 200)

    play(story, refresh_ends_access=ends)


def test_a_refresh_token_ends_too() -> None:
    async def story(api: Api) -> None:
        told = await api.sign_in()
        api.clock.forward(100)
        refusal(await refresh(api, told["refresh_token"]), 400, "UNKNOWN")
        refusal(await api.http.post("/api/auth/refresh_token", json={}), 400, "VALIDATE_FAILED")

    play(story, refresh_seconds=100)


def test_signing_out_ends_both_tokens() -> None:
    async def story(api: Api) -> None:
        told = await api.sign_in()
        answer = await api.ask("/auth/sign_out", "POST")
        assert (answer.status_code, answer.content) == (200, b"")
        await api.refused("/cdrs", 401, "UNAUTHORIZED")
        refusal(await refresh(api, told["refresh_token"]), 400, "UNKNOWN")

    play(story)


def test_the_user_answer_grew_with_22_3() -> None:
    old = ["role", "password_verified", "password_force_reset"]

    async def before(api: Api) -> None:
        assert list(await api.get("/auth/user")) == old

    async def since(api: Api) -> None:
        told = await api.get("/auth/user")
        assert list(told) == [*old, "domain", "role_id", "role_name", "capabilities"]

    play(before, version="22.2.14")
    play(since, version="22.3")


async def grant(api: Api, **form: str) -> httpx.Response:
    form = {"client_id": Switches().client_id} | form
    return await api.http.post("/api/login/oauth/token", data=form)


def test_the_form_endpoint_grants_by_password_and_by_refresh_token() -> None:
    async def story(api: Api) -> None:
        answer = await grant(api, grant_type="password", scope="all", **credentials())
        first = answer.json()
        assert first["expires_in"] == 1800
        answer = await grant(api, grant_type="refresh_token", refresh_token=first["refresh_token"])
        api.token = answer.json()["access_token"]
        await api.get("/cdrs")
        answer = await api.ask("/login/oauth/revoke", "POST")
        assert (answer.status_code, answer.content) == (200, b"")
        await api.refused("/cdrs", 401, "UNAUTHORIZED")

    play(story, signed=False, generation="16")


def test_the_form_endpoint_refuses_what_the_guide_does_not_have() -> None:
    async def story(api: Api) -> None:
        good = {"grant_type": "password", "scope": "all"} | credentials()
        for wrong in ({"grant_type": "implicit"}, {"scope": "some"}, {"username": ""}):
            refusal(await grant(api, **good | wrong), 400, "VALIDATE_FAILED")
        refusal(await grant(api, **good | {"password": "guess"}), 400, "UNAUTHORIZED")
        refusal(await grant(api, **good | {"client_id": "mine"}), 400, "UNAUTHORIZED")
        refusal(await grant(api, grant_type="refresh_token", refresh_token="x"), 400, "UNKNOWN")
        answer = await api.http.post("/api/login/oauth/token", json=good)
        refusal(answer, 400, "VALIDATE_FAILED")

    play(story, signed=False)


def test_the_login_of_22_0_tells_its_token_by_cookie() -> None:
    async def story(api: Api) -> None:
        await api.refused("/login", 401, "UNAUTHORIZED")
        answer = await api.http.post("/api/login", json=credentials())
        assert (answer.status_code, answer.content) == (200, b"")
        told = await api.get("/login")
        assert list(told) == ["access_token", "expires_at", "expires_in", "role"]
        assert (told["expires_in"], told["role"]) == (1800, "Admin")
        api.http.cookies.clear()
        api.token = told["access_token"]
        await api.get("/cdrs")
        assert (await api.ask("/logout", "POST")).status_code == 204
        await api.refused("/cdrs", 401, "UNAUTHORIZED")

    play(story, signed=False, generation="22.0")


def test_the_login_of_22_0_may_tell_its_token_at_once() -> None:
    async def story(api: Api) -> None:
        answer = await api.http.post("/api/login", json=credentials())
        assert answer.json()["access_token"]

    play(story, signed=False, login_answer="token")


@pytest.mark.parametrize(
    ("generation", "auth", "login", "oauth"),
    [("22.2", 400, 400, 400), ("22.0", 404, 400, 404), ("16", 404, 404, 400)],
)
def test_each_generation_has_its_own_endpoints(
    generation: str, auth: int, login: int, oauth: int
) -> None:
    async def story(api: Api) -> None:
        for path, status in (
            ("/auth/sign_in", auth),
            ("/auth/refresh_token", auth),
            ("/login", login),
            ("/login/oauth/token", oauth),
        ):
            assert (await api.ask(path, "POST")).status_code == status, path

    play(story, signed=False, generation=generation)


# Lists


def test_a_list_row_has_the_documented_keys_in_their_order() -> None:
    async def story(api: Api) -> None:
        assert list((await api.items())[0]) == LISTED
        log = ["id", "session_id", *LISTED[1:]]
        assert list((await api.items("/calllogs"))[0]) == log

    play(story)
    assert list(sample("cdrs.json")["items"][0]) == LISTED
    assert list(sample("calllogs.json")["items"][0]) == ["id", "session_id", *LISTED[1:]]


def test_paging_by_skip_gives_every_call_once() -> None:
    async def story(api: Api) -> None:
        first = await api.get("/cdrs")
        assert (first["count"], len(first["items"])) == (400, 100)
        rows = await api.everything(top=37)
        assert len({row["id"] for row in rows}) == len(rows) == 400
        starts = sorted(whole(row["started_at"]) for row in rows)
        assert starts == [call.started_at for call in CALLS]
        assert await api.items(skip=400) == []

    play(story)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("top", "101"), ("top", "0"), ("top", "-1"), ("top", "ten"), ("top", "")),
        *(("skip", "-1"), ("skip", "2147483648"), ("skip", "1.5")),
        *(("count", "yes"), ("orderby", "color"), ("orderby", "caller up")),
        *(("orderby", "caller,,callee"), ("orderby", "cost"), ("orderby", "session_id")),
    ],
)
def test_an_option_out_of_its_range_is_refused(option: str, value: str) -> None:
    async def story(api: Api) -> None:
        await api.refused("/cdrs", 400, "VALIDATE_FAILED", **{option: value})
        error = (await api.ask("/cdrs", **{option: value})).json()["errors"][0]
        assert error["detail"]["field"] == option

    play(story, CALLS[:3])


def test_unknown_parameters_are_tolerated_and_dollar_names_understood() -> None:
    async def story(api: Api) -> None:
        dollars: Json = {"$top": 3, "page": 9}
        assert len(await api.items(**dollars)) == 3
        assert len(await api.items(top=2, **dollars)) == 2
        dollars = {"$skip": 1, "$orderby": "started_at asc", "$top": 1}
        dollar = await api.items(**dollars)
        assert dollar == (await api.items(orderby="started_at asc", top=2))[1:]

    play(story)


def test_the_total_comes_unasked_and_can_be_declined() -> None:
    async def unasked(api: Api) -> None:
        assert (await api.get("/cdrs", top=1))["count"] == 400
        assert "count" not in await api.get("/cdrs", count="false")

    async def asked(api: Api) -> None:
        assert "count" not in await api.get("/cdrs")
        assert (await api.get("/cdrs", count="true"))["count"] == 400

    play(unasked)
    play(asked, count_unasked=False)


def test_the_cap_of_a_page_is_a_switch() -> None:
    async def story(api: Api) -> None:
        assert len(await api.items()) == 20
        await api.refused("/cdrs", 400, "VALIDATE_FAILED", top=21)

    play(story, max_top=20)


def test_the_list_answers_post_as_one_guide_prints_it() -> None:
    async def story(api: Api) -> None:
        posted = await api.ask("/cdrs", "POST", top=2)
        assert posted.json() == await api.get("/cdrs", top=2)
        assert (await api.ask("/cdrs", "DELETE")).status_code == 405

    play(story)


def test_lists_are_ordered_by_several_keys() -> None:
    async def story(api: Api) -> None:
        rows = await api.everything(orderby="direction desc, duration, started_at asc")
        keys = [(row["duration"], row["started_at"]) for row in rows]
        words = [row["direction"] for row in rows]
        assert words == sorted(words, reverse=True)
        for word in set(words):
            own = [key for key, row in zip(keys, rows, strict=True) if row["direction"] == word]
            assert own == sorted(own)
        newest = await api.everything(orderby="started_at desc, id asc")
        assert newest == sorted(
            sorted(rows, key=lambda row: str(row["id"])),
            key=lambda row: str(row["started_at"]),
            reverse=True,
        )
        oldest = await api.everything(orderby="started_at")
        assert [row["started_at"] for row in oldest] == [
            row["started_at"] for row in reversed(newest)
        ]

    play(story)


def test_the_default_order_is_a_switch() -> None:
    async def newest(api: Api) -> None:
        starts = [row["started_at"] for row in await api.items()]
        assert starts == sorted(starts, reverse=True)

    async def oldest(api: Api) -> None:
        starts = [row["started_at"] for row in await api.items()]
        assert starts == sorted(starts)

    play(newest)
    play(oldest, default_order="")


def test_some_calls_of_one_second_share_their_microsecond() -> None:
    async def story(api: Api) -> None:
        starts = [row["started_at"] for row in await api.everything(orderby="started_at asc")]
        seconds = [whole(start) for start in starts]
        ties = len(starts) - len(set(starts))
        assert 10 < ties < len(seconds) - len(set(seconds))

    play(story)


def tied(rows: list[dict[str, Any]]) -> list[list[str]]:
    """The ids of the rows that share their start, group by group"""
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(row["started_at"], []).append(row["id"])
    return [group for group in groups.values() if len(group) > 1]


def test_ties_have_a_firm_order_that_is_not_that_of_the_ids() -> None:
    async def story(api: Api) -> None:
        rows = await api.everything(orderby="started_at asc")
        assert rows == await api.everything(orderby="started_at asc", top=7)
        assert any(group != sorted(group) for group in tied(rows))
        assert any(group == sorted(group) for group in tied(rows))

    play(story)


def test_ties_may_come_in_another_order_with_every_request() -> None:
    async def story(api: Api) -> None:
        answers = [await api.everything(orderby="started_at asc") for _ in range(4)]
        starts = [[row["started_at"] for row in rows] for rows in answers]
        assert starts == [starts[0]] * 4
        assert any(tied(rows) != tied(answers[0]) for rows in answers)
        same = [await api.everything(orderby="started_at asc, id") for _ in range(3)]
        assert same == [same[0]] * 3

    play(story, shuffle_ties=True)


def test_a_call_added_between_two_pages_moves_the_second() -> None:
    async def story(api: Api) -> None:
        first = await api.items(top=10)
        late = msgspec.structs.replace(CALLS[0], number=9999, started_at=NOW - timedelta(hours=2))
        api.world.add(late)
        second = await api.items(top=10, skip=10)
        assert second[0] == first[-1]
        assert (await api.get("/cdrs"))["count"] == 401
        api.world.remove(late)
        assert await api.items(top=10) == first

    play(story)


def test_a_call_keeps_its_ids_whatever_else_there_is() -> None:
    async def ids(api: Api) -> None:
        found.append({row["call_id"]: row["id"] for row in await api.everything()})

    found: list[dict[str, str]] = []
    play(ids)
    play(ids, CALLS[::2])
    play(ids, seed=4)
    assert len(found[1]) == 200
    assert found[1].items() <= found[0].items()
    assert not set(found[2].values()) & set(found[0].values())


def test_a_page_of_a_window_looks_at_no_rows_but_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[CallRow] = []
    look = Writer.session

    def session(writer: Writer, row: CallRow) -> Says:
        looked.append(row)
        return look(writer, row)

    async def story(api: Api) -> None:
        window = "started_at ge '2026-08-05T00:00:00Z'"
        for _ in range(2):
            page = await api.get("/cdrs", filter=window, orderby="started_at desc", skip=30, top=10)
            assert page["count"] > 100
            assert len(looked) == 10

    monkeypatch.setattr(Writer, "session", session)
    play(story)


def test_a_call_is_listed_when_it_has_ended_and_the_delay_has_passed() -> None:
    async def story(api: Api) -> None:
        api.clock.now = call.ended_at + timedelta(seconds=59)
        assert (await api.get("/cdrs"))["count"] == 0
        api.clock.forward(1)
        assert (await api.get("/cdrs"))["count"] == 1
        assert (await api.get("/calllogs"))["count"] == len(call.legs)

    call = KINDS[QUEUED]
    play(story, [call], delay_seconds=60, expires_in=10**8)


def test_calls_reach_back_five_years_from_22_5_on() -> None:
    async def cut(api: Api) -> None:
        assert (await api.get("/cdrs"))["count"] == 1
        assert (await api.get("/calllogs"))["count"] == len(recent.legs)

    async def whole_history(api: Api) -> None:
        assert (await api.get("/cdrs"))["count"] == 2

    recent = CALLS[0]
    old = msgspec.structs.replace(recent, started_at=NOW - timedelta(days=2000), number=2)
    play(cut, [old, recent])
    play(whole_history, [old, recent], version="22.4")
    play(whole_history, [old, recent], history_years=0)


# Filters


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("duration gt '60'", lambda row: row["duration"] > 60),
        ("duration ge '60' and duration le '90'", lambda row: 60 <= row["duration"] <= 90),
        ("status_code ne '0'", lambda row: row["status_code"] != 0),
        ("caller eq '2005'", lambda row: row["caller"] == "2005"),
        ("caller lt '2'", lambda row: row["caller"] < "2"),
        ("startswith(caller,'+4930')", lambda row: row["caller"].startswith("+4930")),
        ("endswith( callee , '01' )", lambda row: row["callee"].endswith("01")),
        (
            "contains(caller_display_name,'O''Brien')",
            lambda row: "O'Brien" in row["caller_display_name"],
        ),
        ("trunk eq ''", lambda row: row["trunk"] == ""),
        ("answered_at gt '2000-01-01T00:00:00Z'", lambda row: row["answered_at"] != ""),
        (
            "direction eq 'INBOUND_CALL' or direction eq 'EXTENSION_CALL' and duration eq '0'",
            lambda row: (
                row["direction"] == "INBOUND_CALL"
                or (row["direction"] == "EXTENSION_CALL" and row["duration"] == 0)
            ),
        ),
        (
            "(direction eq 'INBOUND_CALL' or direction eq 'EXTENSION_CALL') and duration eq '0'",
            lambda row: (
                row["direction"] in ("INBOUND_CALL", "EXTENSION_CALL") and row["duration"] == 0
            ),
        ),
        (
            "started_at lt '2026-08-10T02:00:00+02:00' or started_at ge '2026-08-15T00:00:00Z'",
            lambda row: not "2026-08-10" <= row["started_at"] < "2026-08-15",
        ),
        (
            "started_at ne '2026-08-10T00:00:00Z' and started_at gt '2026-08-10T00:00:00.5Z'",
            lambda row: row["started_at"] > "2026-08-10",
        ),
    ],
)
def test_a_filter_keeps_exactly_the_rows_for_which_it_is_true(
    expression: str, holds: Callable[[dict[str, Any]], bool]
) -> None:
    async def story(api: Api) -> None:
        every = await api.everything()
        expected = [row for row in every if holds(row)]
        assert 0 < len(expected) < len(every)
        assert await api.everything(filter=expression) == expected
        assert (await api.get("/cdrs", filter=expression))["count"] == len(expected)

    play(story)


def test_a_window_includes_and_excludes_its_edges_to_the_microsecond() -> None:
    async def story(api: Api) -> None:
        rows = await api.everything(orderby="started_at asc")
        starts = [row["started_at"] for row in rows]
        edge = tied(rows)[0]
        at = next(row["started_at"] for row in rows if row["id"] == edge[0])
        for operator, expected in (
            ("lt", starts.index(at)),
            ("le", starts.index(at) + len(edge)),
            ("eq", len(edge)),
            ("gt", len(starts) - starts.index(at) - len(edge)),
            ("ge", len(starts) - starts.index(at)),
            ("ne", len(starts) - len(edge)),
        ):
            told = await api.get("/cdrs", filter=f"started_at {operator} '{at}'")
            assert told["count"] == expected, operator

    play(story)


def test_rows_are_found_by_their_ids() -> None:
    async def story(api: Api) -> None:
        rows = (await api.items(orderby="started_at asc"))[:3]
        one, two, three = (row["id"] for row in rows)
        assert await api.items(filter=f"id eq '{one}'") == rows[:1]
        either = f"id eq '{three}' or id eq '{one}' or id eq '{one}'"
        assert await api.items(filter=either, orderby="started_at asc") == [rows[0], rows[2]]
        assert await api.items(filter=f"id eq '{two}' and id eq '{one}'") == []
        assert await api.items(filter="id eq 'nothing'") == []
        legs = await api.items("/calllogs", filter=f"session_id eq '{two}'")
        assert {leg["session_id"] for leg in legs} == {two}

    play(story)


@pytest.mark.parametrize(
    "expression",
    [
        *("caller", "caller eq", "caller eq 2001", "caller is '2001'", "caller eq '2001"),
        *("caller eq '2001' and", "and", "color eq 'red'", "cost gt '1'", "caller EQ '2001'"),
        *("started_at gt '2026-08-10'", "started_at gt 'today'", "answered_at eq ''"),
        *("started_at gt '2026-13-10T00:00:00Z'", "duration gt 'long'", "not caller eq '2001'"),
        *("startswith(caller '2')", "startswith(duration,'2')", "substring(caller,'2')"),
        *("(caller eq '2001'", "caller eq '2001')", "caller in ('2001')", "caller eq null"),
        *("caller eq '2001' caller eq '2002'", "caller & callee", "(" * 60),
    ],
)
def test_a_bad_filter_is_refused(expression: str) -> None:
    async def story(api: Api) -> None:
        await api.refused("/cdrs", 400, "VALIDATE_FAILED", filter=expression)

    play(story, [])


def test_parentheses_and_fields_may_be_missing_from_the_grammar() -> None:
    async def story(api: Api) -> None:
        assert await api.items(
            filter="startswith(caller,'2') and started_at gt '2026-08-01T00:00:00Z'"
        )
        await api.refused("/cdrs", 400, "VALIDATE_FAILED", filter="(caller eq '2001')")
        await api.refused("/cdrs", 400, "VALIDATE_FAILED", filter="callee eq '2001'")
        await api.refused("/cdrs", 400, "VALIDATE_FAILED", orderby="id")

    play(story, parentheses=False, filter_fields=("caller", "started_at"))


def test_a_search_finds_any_of_its_texts_and_joins_the_filter_by_and() -> None:
    async def story(api: Api) -> None:
        every = await api.everything()
        either = await api.everything(search="2005 or zoë")
        assert either == [
            row
            for row in every
            if "2005" in row["caller"] + row["callee"] + row["did_cid"] or "Zoë" in str(row)
        ]
        both = await api.everything(search="2005 or zoë", filter="duration gt '0'")
        assert both == [row for row in either if row["duration"] > 0]
        assert 0 < len(both) < len(either) < len(every)

    play(story)


# How calls are told


def test_an_answered_queue_call_is_one_session_whose_menu_picked_up() -> None:
    async def story(api: Api) -> None:
        row = await session_of(api, call)
        assert row["callee"] == company.IVR.number
        assert row["callee_display_name"] == company.IVR.name
        assert call.queue is not None
        assert row["service_number"] == call.queue.number
        assert row["answered_at"] == row["started_at"]
        assert row["rang_at"] == ""
        assert row["duration"] == call.talk_seconds
        assert (row["status_code"], row["reroute_reason"]) == (0, "")
        assert moment(row["ended_at"]) - moment(row["started_at"]) == timedelta(
            seconds=call.total_seconds
        )
        assert row["did_cid"] == call.did
        assert row["caller_domain"] == f"{call.trunk}.example.net"
        assert row["callee_domain"] == "headoffice.example"
        legs = await api.items(f"/cdrs/{row['id']}")
        assert [leg["callee"] for leg in legs] == [leg.target.number for leg in call.legs]
        assert [leg["duration"] for leg in legs] == [leg.talk_seconds for leg in call.legs]
        assert whole(legs[2]["answered_at"]) == call.answered_at
        assert legs[0]["end_reason"] == "REDIRECTED"
        assert legs[2]["end_reason"] == row["end_reason"]
        assert legs[2]["service_number"] == call.queue.number
        assert legs[2]["destination"].startswith(f"sip:{call.callee.number}@")

    call = KINDS[QUEUED]
    play(story)


@pytest.mark.parametrize(("version", "word"), [("22.5", "QUEUE_ABANDONED"), ("22.2.14", "")])
def test_a_caller_lost_in_the_queue_was_answered_by_the_menu(version: str, word: str) -> None:
    async def story(api: Api) -> None:
        row = await session_of(api, call)
        assert (row["answered_at"], row["duration"]) == (row["started_at"], 0)
        assert (row["status_code"], row["reroute_reason"]) == (0, word)
        assert row["end_reason"] == "CALLER_DISCONNECTED"
        menu, queue = await api.items(f"/cdrs/{row['id']}")
        assert menu["answered_at"]
        assert (queue["answered_at"], queue["status_code"]) == ("", 487)
        assert (queue["end_reason"], queue["reroute_reason"]) == ("CANCELLED", word)

    call = KINDS[ABANDONED]
    play(story, version=version)


@pytest.mark.parametrize(("version", "word"), [("22.5", "FORWARDING_NO_ANSWER"), ("22.2.14", "")])
def test_a_mailbox_answers_for_the_extension(version: str, word: str) -> None:
    async def story(api: Api) -> None:
        row = await session_of(api, call)
        assert row["callee"] == call.legs[0].target.number
        assert moment(row["answered_at"]) - moment(row["started_at"]) == timedelta(
            seconds=call.ring_seconds
        )
        assert (row["duration"], row["status_code"], row["reroute_reason"]) == (0, 0, word)
        rang, mailbox = await api.items(f"/cdrs/{row['id']}")
        assert (rang["answered_at"], rang["status_code"]) == ("", 480)
        assert rang["end_reason"] == "REDIRECTED"
        assert mailbox["duration"] == call.legs[1].talk_seconds
        assert mailbox["reroute_reason"] == word
        assert mailbox["destination"] == f"sip:{company.VOICEMAIL.number}@headoffice.example:5060"

    call = KINDS[VOICEMAIL]
    play(story, version=version)


def test_a_transfer_is_told_by_both_of_its_hops() -> None:
    async def story(api: Api) -> None:
        row = await session_of(api, call)
        assert row["callee"] == call.legs[0].target.number
        assert row["reroute_reason"] == "TRANSFER"
        assert row["duration"] == call.talk_seconds
        first, second = await api.items(f"/cdrs/{row['id']}")
        assert (first["end_reason"], first["reroute_reason"]) == ("BLIND_TRANSFER_COMPLETED", "")
        assert (second["reroute_reason"], second["callee"]) == ("TRANSFER", call.callee.number)

    call = KINDS[TRANSFERRED]
    play(story)


@pytest.mark.parametrize(
    ("which", "status", "end_reason"),
    [
        ("inbound extension no_answer", 480, ""),
        ("outbound outside no_answer", 480, ""),
        ("outbound outside busy", 486, ""),
        ("outbound outside failed", 503, ""),
        ("outbound outside cancelled", 487, "CANCELLED"),
        ("internal extension no_answer", 480, ""),
    ],
)
def test_an_unanswered_call_says_why(which: str, status: int, end_reason: str) -> None:
    async def story(api: Api) -> None:
        row = await session_of(api, call)
        assert (row["status_code"], row["end_reason"]) == (status, end_reason)
        assert (row["answered_at"], row["duration"]) == ("", 0)
        assert bool(row["rang_at"]) == (call.legs[0].ring_seconds is not None)
        assert len(await api.items(f"/cdrs/{row['id']}")) == 1

    call = KINDS[which]
    play(story)


def test_directions_and_parties_are_told_in_the_vendors_words() -> None:
    async def story(api: Api) -> None:
        for which, direction in (
            (DIALLED, "OUTBOUND_CALL"),
            ("inbound extension answered", "INBOUND_CALL"),
            ("internal extension answered", "EXTENSION_CALL"),
        ):
            call = KINDS[which]
            row = await session_of(api, call)
            assert row["direction"] == direction
            assert (row["caller"], row["callee"]) == (call.caller.number, call.callee.number)
            assert row["caller_display_name"] == call.caller.name
            assert row["trunk"] == (call.trunk or "")
            assert row["end_reason"] == f"{call.hung_up_by.upper()}_DISCONNECTED"
            assert bool(row["outbound_caller_id"]) == (call.direction == "outbound")
            assert moment(row["answered_at"]) - moment(row["rang_at"]) == timedelta(
                seconds=call.ring_seconds
            )

    play(story)


def test_a_call_from_trunk_to_trunk_has_its_own_direction() -> None:
    async def story(api: Api) -> None:
        assert (await api.items())[0]["direction"] == "INBOUND_OUTBOUND_CALL"

    call = KINDS["inbound extension answered"]
    leg = msgspec.structs.replace(call.legs[0], place="outside")
    play(story, [msgspec.structs.replace(call, legs=(leg,))])


def test_every_hop_is_one_row_of_the_call_logs() -> None:
    async def story(api: Api) -> None:
        logs = await api.everything("/calllogs")
        assert len(logs) == sum(len(call.legs) for call in CALLS)
        sessions = {row["id"] for row in await api.everything()}
        assert {row["session_id"] for row in logs} == sessions
        assert len({row["id"] for row in logs} | sessions) == len(logs) + len(sessions)
        detail = await api.get(f"/calllogs/{logs[0]['id']}")
        assert list(detail) == list(sample("calllog.json"))
        assert {name: detail[name] for name in logs[0]} == logs[0]

    play(story)


def test_the_price_stands_on_the_hop_that_carried_the_call() -> None:
    async def story(api: Api) -> None:
        row = await session_of(api, call)
        (leg,) = await api.items(f"/cdrs/{row['id']}")
        assert list(leg) == list(sample("cdr.json")["items"][0])
        assert (leg["cost"], leg["billed_account"]) == (call.price_cents / 100, call.caller.number)
        free = await api.items(f"/cdrs/{(await session_of(api, KINDS[QUEUED]))['id']}")
        assert [(leg["cost"], leg["billed_account"]) for leg in free] == [(0, "")] * 3
        (log,) = await api.items("/calllogs", filter=f"session_id eq '{row['id']}'")
        assert "cost" not in log
        assert (await api.get(f"/calllogs/{log['id']}"))["cost"] == call.price_cents / 100

    call = KINDS[DIALLED]
    play(story)


def test_without_billing_nothing_has_a_price() -> None:
    async def story(api: Api) -> None:
        row = (await api.items("/calllogs"))[0]
        for told in (
            (await api.items(f"/cdrs/{row['session_id']}"))[0],
            await api.get(f"/calllogs/{row['id']}"),
        ):
            assert not {"cost", "billed_account"} & set(told)

    play(story, billing=False)


def test_user_data_of_a_queue_call_is_composite_since_22_2_11() -> None:
    async def composite(api: Api) -> None:
        row = await session_of(api, queued)
        assert queued.queue
        assert row["user_data"] == f"user-data={queued.note};service-number={queued.queue.number}"
        assert (await session_of(api, plain))["user_data"] == plain.note

    async def simple(api: Api) -> None:
        assert (await session_of(api, queued))["user_data"] == queued.note

    queued = next(call for call in CALLS if call.note and call.queue)
    plain = next(call for call in CALLS if call.note and not call.queue)
    play(composite)
    play(simple, version="22.2.10")


@pytest.mark.parametrize(("version", "told"), [("22.5.0", False), ("22.5.1", True), ("22.5", True)])
def test_22_5_1_corrected_the_menus_name_and_the_callees_hang_up(version: str, told: bool) -> None:
    async def story(api: Api) -> None:
        assert bool((await session_of(api, KINDS[QUEUED]))["callee_display_name"]) == told
        row = await session_of(api, by_callee)
        assert row["end_reason"] == ("CALLEE_DISCONNECTED" if told else "")
        assert row["callee_display_name"]

    by_callee = next(
        call for call in CALLS if kind(call).startswith("internal") and call.hung_up_by == "callee"
        and call.answered
    )  # fmt: skip
    play(story, version=version)


def test_a_real_answer_spells_the_hang_up_shorter() -> None:
    async def story(api: Api) -> None:
        words = {row["end_reason"] for row in await api.everything()}
        assert {"CALLER_DISCONNECT", "CALLEE_DISCONNECT"} <= words
        assert "CALLER_DISCONNECTED" not in words

    play(story, short_reasons=True)


def test_older_versions_lack_two_fields_and_the_call_logs() -> None:
    async def old(api: Api) -> None:
        assert list((await api.items())[0]) == LISTED[:-2]
        assert (await api.ask("/calllogs")).status_code == 404
        await api.refused("/cdrs", 400, "VALIDATE_FAILED", filter="user_data eq 'VIP'")

    async def middle(api: Api) -> None:
        assert list((await api.items())[0]) == LISTED
        assert (await api.ask("/calllogs")).status_code == 404

    play(old, version="16.4")
    play(middle, version="22.0.41")


# Blanks, ids, times


@pytest.mark.parametrize("style", ["empty", "null", "absent"])
def test_blanks_come_in_three_styles(style: str) -> None:
    async def story(api: Api) -> None:
        row = await session_of(api, KINDS["outbound outside busy"])
        for name in ("rang_at", "answered_at", "end_reason", "did_cid", "user_data"):
            assert row.get(name, "absent") == {"empty": "", "null": None, "absent": "absent"}[style]
        assert row["duration"] == 0
        # A blank is a text only where it is sent as one.
        blank = await api.get("/cdrs", filter="trunk eq ''")
        assert (blank["count"] > 0) == (style == "empty")
        named = await api.get("/cdrs", filter="trunk ne 'none'")
        assert (named["count"] == 400) == (style == "empty")

    play(story, blanks=style)


@pytest.mark.parametrize("style", ["base64", "bare"])
def test_ids_are_snowflakes_of_the_start(style: str) -> None:
    async def story(api: Api) -> None:
        row = (await api.items())[0]
        text = base64.b64decode(row["id"]).decode() if style == "base64" else row["id"]
        born = datetime(2018, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(text) >> 22)
        assert abs(born - moment(row["started_at"])) <= timedelta(milliseconds=2)
        assert (await api.get(f"/cdrs/{row['id']}"))["items"]

    play(story, ids=style)


@pytest.mark.parametrize("digits", [0, 3, 6])
def test_times_carry_as_many_digits_as_the_pbx_stores(digits: int) -> None:
    async def story(api: Api) -> None:
        rows = await api.everything()
        for row in rows:
            for name in TIMES:
                assert len(row[name]) in (0, len("2017-07-21T17:32:28Z") + digits + bool(digits))
                assert row[name][-1:] in ("", "Z")
        found = await api.get("/cdrs", filter=f"started_at eq '{rows[0]['started_at']}'")
        assert found["items"][0]["started_at"] == rows[0]["started_at"]

    play(story, fraction_digits=digits)


def test_records_may_have_keys_that_no_page_documents() -> None:
    async def story(api: Api) -> None:
        assert (await api.items())[0]["ai_summary"] == {"mood": "calm"}

    play(story, extra={"ai_summary": {"mood": "calm"}})


# Details, own calls, roles


@pytest.mark.parametrize("status", [404, 400])
def test_an_unknown_id_is_refused(status: int) -> None:
    async def story(api: Api) -> None:
        for path in ("/cdrs/x", "/calllogs/x", "/user/cdrs/x"):
            await api.refused(path, status, "UNKNOWN")

    play(story, unknown_id_status=status)


def test_a_user_sees_own_calls_and_nobody_elses() -> None:
    async def story(api: Api) -> None:
        await api.sign_in("hale")
        mine = await api.everything("/user/cdrs")
        own = [
            call
            for call in CALLS
            if "2001" in {leg.source.number for leg in call.legs}
            | {leg.target.number for leg in call.legs}
        ]  # fmt: skip
        assert 0 < len(mine) == len(own) < 400
        assert list(mine[0]) == LISTED
        assert (await api.get(f"/user/cdrs/{mine[0]['id']}"))["items"][0]["duration"] >= 0
        for path in ("/cdrs", f"/cdrs/{mine[0]['id']}", "/calllogs", "/calllogs/x"):
            await api.refused(path, 403, "UNKNOWN")
        await api.sign_in("api")
        assert (await api.get("/user/cdrs"))["count"] == 0

    play(story)


def test_an_own_call_may_come_as_one_object_without_its_duration() -> None:
    async def story(api: Api) -> None:
        await api.sign_in("hale")
        row = (await api.items("/user/cdrs"))[0]
        told = (await api.get(f"/user/cdrs/{row['id']}"))["items"]
        assert set(sample("cdr.json")["items"][0]) - set(told) == {"duration"}

    play(story, user_detail="object")


def test_queue_managers_see_all_calls() -> None:
    async def story(api: Api) -> None:
        answer = await api.http.post(
            "/api/auth/sign_in", json={"username": "lead", "password": "p", "domain": "d.example"}
        )
        api.token = answer.json()["access_token"]
        assert (await api.get("/cdrs"))["count"] == 400

    account = Account("lead", "p", "QueueManager", "d.example")
    play(story, signed=False, accounts=(account,), domain="d.example")


# Given entries


def given_sample() -> list[dict[str, Any]]:
    return [*sample("cdrs.json")["items"], *sample("cdr.json")["items"], sample("calllog.json")]


def test_the_documents_own_examples_are_served_as_they_are() -> None:
    async def story(api: Api) -> None:
        own = sample("calllog.json")["id"]
        assert await api.get("/cdrs") == sample("cdrs.json") | {"count": 1}
        assert await api.get(f"/cdrs/{own}") == sample("cdr.json")
        assert await api.get("/calllogs") == sample("calllogs.json") | {"count": 1}
        assert await api.get(f"/calllogs/{own}") == sample("calllog.json")
        for right, wrong in (
            ("started_at eq '2017-07-21T17:32:28Z'", "started_at gt '2017-07-21T17:32:28Z'"),
            ("caller eq 'text' and duration eq '1'", "duration gt '1'"),
        ):
            assert (await api.get("/cdrs", filter=right))["count"] == 1
            assert (await api.get("/cdrs", filter=wrong))["count"] == 0

    play(story, given=given_sample())


def test_given_entries_are_paged_and_ordered_like_calls() -> None:
    async def story(api: Api) -> None:
        rows = await api.items(orderby="started_at asc", top=2)
        assert [row["id"] for row in rows] == ["no-start", "a"]
        assert [row["id"] for row in await api.items(orderby="duration desc", top=1)] == ["b"]
        assert [row["id"] for row in await api.items(filter="contains(caller,'x')")] == ["b"]
        window = "started_at lt '2030-01-01T00:00:00Z'"
        assert {row["id"] for row in await api.items(filter=window)} == {"a", "b"}
        assert await api.items("/cdrs/a") == [{"caller": "leg of a"}]
        assert await api.items("/cdrs/b") == [{"caller": "leg of b"}]
        assert (await api.items("/cdrs/no-start"))[0]["duration"] == 5

    play(
        story,
        given=[
            {"id": "b", "caller": "x", "started_at": "2020-01-01T00:00:02.5Z", "duration": 9},
            {"id": "a", "caller": "y", "started_at": "2020-01-01T02:00:00+02:00", "duration": 1},
            {"caller": "leg of a"},
            {"id": "no-start", "caller": "", "started_at": "", "duration": 5},
            {"id": "log", "session_id": "b", "caller": "leg of b"},
        ],
    )


# Limits and faults


def test_a_host_that_asks_too_often_is_throttled_until_the_next_minute() -> None:
    async def story(api: Api) -> None:
        for _ in range(4):
            await api.get("/cdrs")
        answer = await api.ask("/cdrs")
        refusal(answer, 429, "UNKNOWN")
        assert answer.headers["retry-after"] == "60"
        api.clock.forward(60)
        await api.get("/cdrs")

    play(story, requests_per_minute=5)


def test_a_throttled_answer_may_keep_its_wait_to_itself() -> None:
    async def story(api: Api) -> None:
        assert "retry-after" not in (await api.ask("/cdrs")).headers

    play(story, requests_per_minute=1, retry_after=False)


def test_exempt_hosts_are_never_throttled() -> None:
    async def story(api: Api) -> None:
        await api.get("/cdrs")

    play(story, requests_per_minute=0, exempt_hosts=("127.0.0.1",))


def test_the_pace_grew_with_the_versions() -> None:
    paces = {version: Switches(version=version).pace for version in ("16.1", "16.2", "22.1.7")}
    assert paces == {"16.1": 1_000, "16.2": 5_000, "22.1.7": 10_000}


@pytest.mark.parametrize(
    ("code", "status", "word"),
    [
        *(("", 500, "UNKNOWN"), ("UNKNOWN", 400, "UNKNOWN"), ("429", 429, "UNKNOWN")),
        *(("VALIDATE_FAILED", 400, "VALIDATE_FAILED"), ("UNAUTHORIZED", 400, "UNAUTHORIZED")),
        *(("401", 401, "UNAUTHORIZED"), ("403", 403, "UNKNOWN"), ("404", 404, "UNKNOWN")),
        ("NEVER_HEARD", 400, "NEVER_HEARD"),
    ],
)
def test_a_planned_refusal_is_one_of_the_vendors_own(code: str, status: int, word: str) -> None:
    async def story(api: Api) -> None:
        api.world.fault("error", path="/cdrs", code=code)
        await api.get("/calllogs")
        await api.refused("/cdrs", status, word)
        await api.get("/cdrs")

    play(story)


def test_a_refusal_may_have_an_empty_object_for_its_body() -> None:
    async def story(api: Api) -> None:
        api.world.fault("error", code="EMPTY")
        answer = await api.ask("/cdrs")
        assert (answer.status_code, answer.json()) == (400, {})

    play(story)


def test_the_sign_in_can_be_refused_too() -> None:
    async def story(api: Api) -> None:
        api.world.fault("error", path="/auth/sign_in")
        refusal(await api.http.post("/api/auth/sign_in", json=credentials()), 500, "UNKNOWN")

    play(story, signed=False)


def test_all_tokens_can_be_forgotten_at_once() -> None:
    async def story(api: Api) -> None:
        told = await api.sign_in()
        api.world.fault("expire", path="/cdrs")
        await api.refused("/cdrs", 401, "UNAUTHORIZED")
        refusal(await refresh(api, told["refresh_token"]), 400, "UNKNOWN")
        await api.sign_in()
        await api.get("/cdrs")

    play(story)


def test_a_page_can_come_again_with_double_rows_and_unheard_words() -> None:
    async def story(api: Api) -> None:
        first = await api.items(top=5)
        api.world.fault("repeat", path="/cdrs")
        assert await api.items(top=5, skip=5) == first
        api.world.fault("duplicate", path="/cdrs")
        assert await api.items(top=5) == [first[0], *first]
        api.world.fault("unknown", path="/cdrs")
        for row in await api.items(top=5):
            assert row["direction"] == "SATELLITE_CALL"
            assert row["end_reason"] == "MEDIA_LOST"
            assert row["reroute_reason"] == "FORWARDING_HOLIDAY"
        assert await api.items(top=5) == first

    play(story)


def test_the_request_log_remembers_what_was_asked() -> None:
    async def story(api: Api) -> None:
        await api.get("/cdrs", top=1)
        assert [(seen.method, seen.path) for seen in api.world.received] == [
            ("POST", "/api/auth/sign_in"),
            ("GET", "/api/cdrs"),
        ]

    play(story)
