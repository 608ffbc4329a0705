"""Tokens of the tokens file, from made to revoked, as requests over HTTP meet them."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from graph import cli
from graph.caller import SCOPES
from graph.cli.token import ends_at
from graph.errors import ConfigError
from graph.server import tokens
from tests.access.asking import Guarded, codes, guarded
from tests.reports.asking import CREATE, DESTROY, report
from tests.support import NOW, run

LIST = "{ callRecords(first: 1) { nodes { id } } }"


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        (None, 'Bearer realm="cdr-graph"'),
        ("Bearer cdrg_nothing", 'Bearer realm="cdr-graph", error="invalid_token"'),
        ("Bearer a.b.c", 'Bearer realm="cdr-graph", error="invalid_token"'),
        ("Basic YTpi", 'Bearer realm="cdr-graph", error="invalid_token"'),
        ("Bearer ", 'Bearer realm="cdr-graph", error="invalid_token"'),
    ],
)
def test_without_a_good_token_nothing_is_answered(
    shown: str | None, told: str, tmp_path: Path
) -> None:
    async def work() -> None:
        async with guarded(tmp_path, "portsip", count=5) as api:
            headers = {} if shown is None else {"authorization": shown}
            for query in (LIST, "{ __typename }", "{ no such", CREATE):
                answer = await api.http.post("/graphql", json={"query": query}, headers=headers)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == told
                assert codes(answer.json()) == {"UNAUTHENTICATED"}
                assert "cdrg_nothing" not in answer.text
            assert (await api.http.get("/graphql?query={__typename}")).status_code == 401
            assert api.requests() == 0

    run(work)


def test_a_token_is_good_until_it_is_revoked_or_ends(tmp_path: Path) -> None:
    async def work() -> None:
        async with guarded(tmp_path, "portsip", count=5) as api:
            one = api.token("one")
            other = api.token("other", expires_at=NOW + timedelta(hours=1))
            for token in (one, other):
                assert (await api.post(LIST, token)).status_code == 200
            tokens.revoke(api.path, "one")
            assert (await api.post(LIST, one)).status_code == 401
            assert (await api.post(LIST, other)).status_code == 200
            api.api.clock.advance(3601)
            assert (await api.post(LIST, other)).status_code == 401

    run(work)


@pytest.mark.parametrize("broken", ["[[tokens", '[[tokens]]\nname = "x"\n', None])
def test_while_the_file_cannot_be_read_no_token_is_good(
    broken: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with guarded(tmp_path, "portsip", count=5) as api:
            token = api.token("one")
            assert (await api.post(LIST, token)).status_code == 200
            good = api.path.read_text()
            if broken is None:
                api.path.unlink()
            else:
                api.path.write_text(broken)
            assert (await api.post(LIST, token)).status_code == 401
            api.path.write_text(good)
            assert (await api.post(LIST, token)).status_code == 200

    run(work)
    assert "nobody can sign in with a token" in caplog.text


def test_the_file_holds_no_token_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    made = {"scopes": ["stats:read"], "sources": ["hq"], "expires_at": None, "now": NOW}
    token = tokens.add(path, name='a "name"', **made)  # type: ignore[arg-type]
    assert re.fullmatch(r"cdrg_[A-Za-z0-9_-]{43}", token)
    assert token not in path.read_text()
    assert token.removeprefix(tokens.PREFIX) not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    (entry,) = tokens.read(path)
    assert (entry.name, entry.scopes, entry.sources) == ('a "name"', ("stats:read",), ("hq",))
    with pytest.raises(ConfigError, match="there is a token"):
        tokens.add(path, name='a "name"', **made)  # type: ignore[arg-type]


def test_the_command_makes_lists_and_revokes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "graph.toml"
    config.write_text(
        '[server]\ntokens_file = "tokens.toml"\n[[sources]]\nid = "hq"\nvendor = "portsip"\n'
        'base_url = "https://a"\n'
    )

    def token(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["token", *arguments, "--config", str(config)])
        said = capsys.readouterr()
        return code, said.out, said.err

    code, made, _ = token("new", "--name", "wall", "--scope", "records:read", "--source", "hq",
                          "--expires", "90d")  # fmt: skip
    assert code == 0
    assert tokens.hashed(made.strip()) in (tmp_path / "tokens.toml").read_text()
    code, listed, _ = token("list")
    assert "wall" in listed
    assert "records:read" in listed
    assert made.strip() not in listed
    for wrong, told in (
        (("new", "--name", "b", "--scope", "record:read"), "did you mean 'records:read'?"),
        (("new", "--name", "b", "--scope", "raw:read", "--source", "hp"), "did you mean 'hq'?"),
        (("new", "--name", "b", "--scope", "raw:read", "--expires", "soon"), "--expires 'soon'"),
        (("revoke", "--name", "nobody"), "there is no token 'nobody'"),
    ):
        code, _, said = token(*wrong)
        assert code == 2
        assert told in said
    assert token("revoke", "--name", "wall")[0] == 0
    assert tokens.read(tmp_path / "tokens.toml") == ()


def test_an_end_is_a_span_or_a_moment_to_come() -> None:
    assert ends_at("90d", NOW) == NOW + timedelta(days=90)
    assert ends_at("2026-04-01", NOW).isoformat() == "2026-04-01T00:00:00+00:00"
    with pytest.raises(ConfigError, match="over already"):
        ends_at("2020-01-01", NOW)


def test_who_may_not_know_of_every_source_is_not_told_how_it_is(tmp_path: Path) -> None:
    async def work() -> None:
        async with guarded(tmp_path, "portsip", "vcclive", count=5) as api:
            every, one = api.token("every"), api.token("one", sources=["portsip"])
            for token, sources, status in (
                (None, None, 401),
                (every, {"portsip", "vcclive"}, 200),
                (one, {"portsip"}, 403),
            ):
                headers = {} if token is None else {"authorization": f"Bearer {token}"}
                ready = (await api.http.get("/readyz", headers=headers)).json()
                assert ready["status"] == "ready"
                assert (set(ready["sources"]) if "sources" in ready else None) == sources
                assert (await api.http.get("/metrics", headers=headers)).status_code == status
            assert (await api.http.get("/healthz")).status_code == 200

    run(work)


# ---------------------------------------------------------------- files


async def file_of(api: Guarded, token: str) -> str:
    """The address of a finished report's file, as a caller is given it"""
    made = await api.good(CREATE, token, input=report(source="portsip"))
    assert made["made"]["outcome"] == "DONE", made
    api.api.clock.advance(60)
    listed = await api.good("{ completedCallReports { nodes { fileUrl } } }", token)
    url: str = listed["completedCallReports"]["nodes"][0]["fileUrl"]
    return url


def test_an_address_of_a_file_works_in_a_browser_for_five_minutes(tmp_path: Path) -> None:
    async def work() -> None:
        async with guarded(tmp_path, "portsip", count=5) as api:
            token = api.token("one")
            url = await file_of(api, token)
            whole = await api.http.get(url)
            assert whole.status_code == 200
            part = await api.http.get(url, headers={"range": "bytes=0-4"})
            assert (part.status_code, part.content) == (206, whole.content[:5])
            path, signed = url.split("?signed=")
            assert (await api.http.get(path)).status_code == 401
            changed = signed[:-1] + ("A" if signed[-1] != "A" else "B")
            other = path.replace("/reports/", "/reports/x")
            for wrong in (f"{path}?signed={changed}", f"{other}?signed={signed}",
                          f"{path}?signed="):  # fmt: skip
                assert (await api.http.get(wrong)).status_code == 401
            api.api.clock.advance(301)
            assert (await api.http.get(url)).status_code == 401

    run(work)


def test_an_address_of_a_file_ends_with_its_askers_token_and_gives_no_more_than_that(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with guarded(tmp_path, "portsip", count=5) as api:
            one = api.token("one")
            url = await file_of(api, one)
            masked = api.token("masked", [scope for scope in SCOPES if scope != "numbers:clear"])
            listed = await api.good("{ completedCallReports { nodes { fileUrl } } }", masked)
            (theirs,) = {node["fileUrl"] for node in listed["completedCallReports"]["nodes"]}
            refused = await api.http.get(theirs)
            assert refused.status_code == 403
            assert refused.json()["errors"][0]["extensions"]["scope"] == "numbers:clear"
            assert (await api.http.get(url)).status_code == 200
            tokens.revoke(api.path, "one")
            assert (await api.http.get(url)).status_code == 401

    run(work)


# ---------------------------------------------------------------- writes


def test_every_mutation_is_told_to_the_audit_log_and_nothing_of_its_input(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cdr_graph.audit")

    async def work() -> None:
        async with guarded(tmp_path, "portsip", count=5) as api:
            clerk, reader = api.token("clerk"), api.token("reader", ["reports:read"])
            given = report(name="Of +49 30 22610100", email="boss@example.com")
            made = await api.good(CREATE, clerk, input=given)
            id = made["made"]["callReport"]["id"]
            await api.ask(CREATE, clerk, input=report(email="boss@elsewhere.example"))
            await api.ask(CREATE, reader, input=given)
            await api.ask(CREATE, clerk, input=report(source="+493022610100"))
            await api.good(DESTROY, clerk, input={"id": id})
            await api.ask(DESTROY, clerk, input={"id": "+493022610100"})

    run(work)
    told: list[Any] = [record.facts for record in caplog.records if hasattr(record, "facts")
                       and record.name == "cdr_graph.audit"]  # fmt: skip
    seen = [(one["caller"], one["action"], one["source"], one["outcome"], one["errors"])
            for one in told]  # fmt: skip
    assert seen == [
        ("token clerk", "createCallReport", "portsip", "DONE", []),
        ("token clerk", "createCallReport", "portsip", "REFUSED", ["EMAIL_NOT_ALLOWED"]),
        ("token reader", "createCallReport", "portsip", "REFUSED", ["FORBIDDEN"]),
        ("token clerk", "createCallReport", None, "REFUSED", ["NOT_FOUND"]),
        ("token clerk", "destroyCallReport", "portsip", "DONE", []),
        ("token clerk", "destroyCallReport", None, "REFUSED", ["BAD_USER_INPUT"]),
    ]
    for one in told:
        assert one["at"].startswith("2026-03-04T15:3")
        assert one["request"]
        assert "22610100" not in repr(one)
        assert "boss" not in repr(one)


def test_what_nobody_expected_is_internal_under_an_id_that_the_log_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> str:
        async with guarded(tmp_path, "portsip", count=5) as api:
            token = api.token("one")
            api.api.graph.sources.live["portsip"].manifest = None  # type: ignore[assignment]
            answer = await api.ask(LIST, token)
            (error,) = answer["errors"]
            assert error["extensions"]["code"] == "INTERNAL"
            id: str = error["extensions"]["requestId"]
            api.api.graph.sources.live.clear()  # type: ignore[attr-defined]
            return id

    found: list[str] = []

    async def keep() -> None:
        found.append(await work())

    run(keep)
    (line,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert found[0] in line.getMessage()
