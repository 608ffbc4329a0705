"""The configuration file: every key, where values come from, and what a wrong one is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from graph import config
from graph.config import Limits, OidcSettings, ServerSettings, Settings, SourceSettings
from graph.errors import ConfigError
from graph.observe import system_timer
from graph.privacy import Secret
from graph.sources import all_vendors, simulator, vendor_names
from graph.transport.open import Sources, open_sources
from graph.types.source import SourceState
from tests.support import product, run

SECRET = "hush-hush-5510"

WHOLE = """
[server]
deadline_ms = 7000
stats_deadline_ms = 60000
max_page_size = 200
max_groups = 300
max_operations = 40
max_waiting = 30
federation = true
compiled = false
secret = "env:GRAPH_SECRET"
introspection = false
suggestions = false
tokens_file = "tokens.toml"
report_email_domains = ["example.com"]
allowed_origins = ["https://calls.example.com"]
trusted_proxies = ["10.0.0.0/8"]
root_path = "/calls"
graphiql = true
shutdown_ms = 2000
traces = true
metrics_port = 9464
shared_url = "redis://127.0.0.1"
shared_timeout_ms = 250
documents_file = "documents.json"
documents = "require"
requests_per_minute = 100
rows_per_minute = 2000
[server.limits]
depth = 8
fields = 100
root_fields = 5
aliases = 6
directives = 7
repeated_fields = 4
tokens = 500
variable_values = 50
body_bytes = 10000
body_timeout_ms = 900
[server.oidc]
issuer = "https://login.example.com"
audience = "calls"

[[sources]]
id = "hq"
vendor = "portsip"
name = "Head office"
base_url = "https://pbx.example.com:8887"
time_zone = "Europe/Berlin"
region = "DE"
verify_tls = "ca.pem"
requests_per_second = 2.5
max_concurrency = 3
timeout_ms = 1500
max_response_mb = 8
enabled = false
[sources.credentials]
username = "api"
password = "file:secrets/password"
domain = "env:DOMAIN"
[sources.options]
page_size = 50

[[sources]]
id = "branch-2"
vendor = "yeastar"
base_url = "https://pbx2.example.com"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "graph.toml"
    path.write_text(text, encoding="utf-8")
    return path


def entry(**keys: Any) -> dict[str, Any]:
    """A `[[sources]]` entry that can be used, with these keys laid over it"""
    good = {
        "id": "hq",
        "vendor": "portsip",
        "base_url": "https://pbx.example.com",
        "credentials": {"username": "api", "password": SECRET},
    }
    return {**good, **keys}


def opened(*entries: Mapping[str, Any]) -> Sources:
    """The sources of these entries; nothing is sent"""
    made = config.settings({"sources": list(entries)}, environment={})
    return open_sources(made, system_timer(), b"key")


# ---------------------------------------------------------------- keys


def test_every_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "password").write_text("from a file\n")
    environment = {"GRAPH_SECRET": "from the environment", "DOMAIN": "example.com"}
    made = config.load(write(tmp_path, WHOLE), environment)
    assert made.server == ServerSettings(
        deadline_ms=7000,
        stats_deadline_ms=60_000,
        max_page_size=200,
        max_groups=300,
        max_operations=40,
        max_waiting=30,
        federation=True,
        compiled=False,
        secret=Secret("from the environment"),
        introspection=False,
        suggestions=False,
        tokens_file=str(tmp_path / "tokens.toml"),
        report_email_domains=("example.com",),
        oidc=OidcSettings(issuer="https://login.example.com", audience="calls"),
        allowed_origins=("https://calls.example.com",),
        trusted_proxies=("10.0.0.0/8",),
        root_path="/calls",
        graphiql=True,
        shutdown_ms=2000,
        traces=True,
        metrics_port=9464,
        shared_url=Secret("redis://127.0.0.1"),
        shared_timeout_ms=250,
        documents_file=str(tmp_path / "documents.json"),
        documents="require",
        requests_per_minute=100,
        rows_per_minute=2000,
        limits=Limits(
            depth=8,
            fields=100,
            root_fields=5,
            aliases=6,
            directives=7,
            repeated_fields=4,
            tokens=500,
            variable_values=50,
            body_bytes=10_000,
            body_timeout_ms=900,
        ),
    )
    assert made.sources == (
        SourceSettings(
            id="hq",
            vendor="portsip",
            base_url="https://pbx.example.com:8887",
            name="Head office",
            time_zone="Europe/Berlin",
            region="DE",
            verify_tls="ca.pem",
            requests_per_second=2.5,
            max_concurrency=3,
            timeout_ms=1500,
            max_response_mb=8,
            enabled=False,
            credentials={
                "username": "api",
                "password": "from a file",
                "domain": "example.com",
            },
            options={"page_size": 50},
        ),
        SourceSettings(id="branch-2", vendor="yeastar", base_url="https://pbx2.example.com"),
    )


def test_the_example_above_has_every_key() -> None:
    for kind in (ServerSettings, Limits, SourceSettings):
        for field in msgspec.structs.fields(kind):
            assert re.search(rf"^(\[(sources|server)\.)?{field.name}\b", WHOLE, re.MULTILINE), (
                field.name
            )


def test_without_keys_the_documented_defaults_hold() -> None:
    made = config.settings(
        {"sources": [{"id": "hq", "vendor": "portsip", "base_url": "https://a"}]}, environment={}
    )
    server, [source] = made.server, made.sources
    assert (server.deadline_ms, server.stats_deadline_ms) == (8000, 120_000)
    assert (server.max_page_size, server.secret, server.tokens_file) == (1000, None, None)
    assert (source.timeout_ms, source.max_response_mb) == (5000, 64)
    assert (source.enabled, source.verify_tls) == (True, True)
    assert (source.requests_per_second, source.max_concurrency) == (None, None)
    assert (source.credentials, source.options) == ({}, {})


def test_an_empty_file_is_a_server_without_sources(tmp_path: Path) -> None:
    assert config.load(write(tmp_path, "")) == Settings()


# ---------------------------------------------------------------- env: and file:


def test_a_file_is_looked_for_beside_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, elsewhere = tmp_path / "etc", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "key").write_text("beside")
    (elsewhere / "key").write_text("in the working directory")
    absolute = tmp_path / "absolute"
    absolute.write_text("  anywhere\r\n")
    monkeypatch.chdir(elsewhere)
    path = write(
        folder,
        '[[sources]]\nid = "a"\nvendor = "portsip"\nbase_url = "https://a"\n'
        f'credentials = {{ token = "file:key", password = "file:{absolute}" }}\n',
    )
    [source] = config.load(path, {}).sources
    assert source.credentials == {"token": "beside", "password": "anywhere"}


def test_a_value_is_read_from_elsewhere_wherever_it_stands() -> None:
    tree = {
        "sources": [
            entry(id="env:ID", options={"filter_fields": ["id", "env:FIELD"]}, timeout_ms=7),
            entry(id="plain", name="environment: env:ID"),
        ]
    }
    made = config.settings(tree, {"ID": "hq", "FIELD": "caller"})
    assert made.sources[0].id == "hq"
    assert made.sources[0].options == {"filter_fields": ["id", "caller"]}
    assert made.sources[1].name == "environment: env:ID"


def test_what_the_environment_says_is_not_looked_up_again() -> None:
    made = config.settings({"sources": [entry(name="env:NAME")]}, {"NAME": "file:/etc/passwd"})
    assert made.sources[0].name == "file:/etc/passwd"


# ---------------------------------------------------------------- what stops the program

AN_ENTRY = 'vendor = "portsip"\nbase_url = "https://a"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[serve]\n", "unknown key 'serve'; did you mean 'server'?"),
        ("[server]\ndeadline = 3\n", "unknown key 'server.deadline'; did you mean 'deadline_ms'?"),
        ("[server]\nzzz = 80\n", "unknown key 'server.zzz'; known are allowed_origins, "),
        ("[server.limits]\ndeep = 3\n", "unknown key 'server.limits.deep'; did you mean 'depth'?"),
        ('[server]\nallowed_origins = ["*"]\n', "server.allowed_origins[1]: '*' is no origin"),
        ('[server]\nroot_path = "calls"\n', "server.root_path: 'calls' is no path such as /calls"),
        ('[server]\ndocuments = "require"\n', 'server.documents: "require" needs a documents_file'),
        ('[server]\nshared_url = "redis://a"\n', "server.shared_url: it needs a secret"),
        ("[server.limits]\ndepth = 0\n", "server.limits.depth: must be more than 0"),
        (
            f'[[sources]]\nid = "a"\n{AN_ENTRY}[[sources]]\nid = "b"\n{AN_ENTRY}timezone = "UTC"\n',
            "unknown key 'sources[2].timezone'; did you mean 'time_zone'?",
        ),
        (f'[[sources]]\n{AN_ENTRY}baseurl = "x"\n', "did you mean 'base_url'?"),
        (f"[[sources]]\n{AN_ENTRY}", "sources[1]: object missing required field id"),
        ('[[sources]]\nid = "a"\nvendor = "portsip"\n', "missing required field base_url"),
        (f'[[sources]]\nid = "A b"\n{AN_ENTRY}', "sources[1].id: 'A b' must be of a-z, 0-9 and -"),
        (f'[[sources]]\nid = ""\n{AN_ENTRY}', "sources[1].id: ''"),
        (f'[[sources]]\nid = "a\\n"\n{AN_ENTRY}', r"sources[1].id: 'a\n'"),
        (
            f'[[sources]]\nid = "a"\n{AN_ENTRY}[[sources]]\nid = "a"\n{AN_ENTRY}',
            "sources[2].id: there are two sources with the id 'a'",
        ),
        (f'[sources]\nid = "a"\n{AN_ENTRY}', "sources must be written as [[sources]] entries"),
        ("sources = [3]\n", "sources[1] must be a table"),
        ("server = 3\n", "server must be a table"),
        ('[server]\ndeadline_ms = "long"\n', "server.deadline_ms: expected int, got str"),
        ("[server]\ndeadline_ms = 0\n", "server.deadline_ms: must be more than 0"),
        ("[server]\nstats_deadline_ms = -1\n", "server.stats_deadline_ms: must be more than 0"),
        ("[server]\nmax_page_size = 0\n", "server.max_page_size: must be more than 0"),
        ('[server]\nsecret = ""\n', "server.secret: must not be empty"),
        ("[server]\nsecret = 3\n", "server.secret"),
        ('[server]\nallowed_origins = "a"\n', "server.allowed_origins: expected array, got str"),
        ("[server]\noidc = 3\n", "server.oidc must be a table"),
        (
            '[server.oidc]\nissuer = "https://a"\naudience = "b"\naudiences = "c"\n',
            "unknown key 'server.oidc.audiences'; did you mean 'audience'?",
        ),
        ('[server.oidc]\nissuer = "https://a"\n', "audience"),
        (f'[[sources]]\nid = "a"\n{AN_ENTRY}requests_per_second = nan\n', "must be more than 0"),
        (f'[[sources]]\nid = "a"\n{AN_ENTRY}requests_per_second = inf\n', "must be more than 0"),
        *(
            (f'[[sources]]\nid = "a"\n{AN_ENTRY}{key} = 0\n', f"sources[1].{key}: must be more")
            for key in ("timeout_ms", "max_response_mb", "requests_per_second", "max_concurrency")
        ),
        (f'[[sources]]\nid = "a"\n{AN_ENTRY}enabled = "no"\n', "sources[1].enabled: expected bool"),
        (
            f'[[sources]]\nid = "a"\n{AN_ENTRY}credentials = "x"\n',
            "sources[1].credentials: expected object, got str",
        ),
        (
            f'[[sources]]\nid = "a"\n{AN_ENTRY}[sources.credentials]\ntoken = "env:NOT_SET"\n',
            "sources[1].credentials.token: the environment variable NOT_SET is not set",
        ),
        (
            f'[[sources]]\nid = "a"\n{AN_ENTRY}[sources.credentials]\ntoken = "file:none"\n',
            "sources[1].credentials.token: cannot read ",
        ),
        ("[server\n", "is no TOML: "),
    ],
)
def test_what_is_wrong_with_the_file_is_told_in_one_line(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text), {})
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "told"), [(None, "No such file"), (b"\xff\xfe\x00", "is no UTF-8 text")]
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    path = tmp_path / "graph.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        config.load(path, {})
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("yeaster", "sources[2].vendor: unknown vendor 'yeaster'; did you mean 'yeastar'?"),
        ("", "unknown vendor ''; known are portsip, vcclive, voicenter, voipnow, yeastar"),
        ("keymaster", "unknown vendor 'keymaster'"),
    ],
)
def test_a_vendor_that_nobody_knows_is_named_before_anything_else(
    wrong: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigError) as caught:
        opened(entry(credentials={}), entry(id="b", vendor=wrong))
    assert told in str(caught.value)
    assert caplog.records == []


# ---------------------------------------------------------------- what disables one source


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"base_url": "pbx.example.com"}, "base_url: it must begin with https:// or http://"),
        ({"base_url": ""}, "base_url: "),
        ({"base_url": "ftp://pbx.example.com"}, "base_url: "),
        ({"base_url": "https://"}, "base_url: it names no host"),
        ({"base_url": f"https://api:{SECRET}@pbx.example.com"}, "base_url: no user or password"),
        ({"base_url": "https://pbx.example.com:port"}, "base_url: this is no address"),
        ({"base_url": "https://pbx\u0000.example.com"}, "base_url: this is no address"),
        ({"base_url": f"https://pbx.example.com/?token={SECRET}"}, "base_url: it must not have a"),
        ({"time_zone": "Europe/Berlim"}, "time_zone: there is no zone 'Europe/Berlim'"),
        ({"time_zone": "../../etc/passwd"}, "time_zone: there is no zone"),
        ({"time_zone": "Europe"}, "time_zone: there is no zone 'Europe'"),
        ({"region": "Germany"}, "region: 'Germany' is no country code such as DE"),
        ({"region": "de"}, "region: 'de' is no country code"),
        ({"verify_tls": "/nowhere/ca.pem"}, "verify_tls: cannot use this CA file: No such file"),
        ({"credentials": {}}, "credentials: give username and password, or token"),
        (
            {"credentials": {"user": "api", "password": SECRET}},
            "credentials: unknown key 'user'; did you mean 'username'?",
        ),
        (
            {"credentials": {"token": 3}},
            "credentials: expected text - at $.token",
        ),
        (
            {"options": {"pagesize": 50}},
            "options: unknown key 'pagesize'; did you mean 'page_size'",
        ),
        ({"options": {"page_size": 5000}}, "options: page_size must be from 2 to 100"),
        ({"options": {"page_size": "many"}}, "options: Expected int, got str - at $.page_size"),
    ],
)
def test_a_source_that_cannot_be_used_says_why_and_stops_no_other(
    keys: dict[str, Any], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    sources = opened(entry(**keys), entry(id="other"))
    broken, other = sources.told
    assert broken.state is SourceState.DISABLED
    assert broken.reason is not None
    assert told in broken.reason
    assert (other.state, other.reason) == (SourceState.READY, None)
    assert list(sources.live) == ["other"]
    [logged] = [record.getMessage() for record in caplog.records]
    assert logged == f"source hq is disabled: {broken.reason}"
    assert SECRET not in logged


@pytest.mark.parametrize("name", vendor_names())
def test_every_vendor_names_a_wrong_key_of_its_own(name: str) -> None:
    own = {key: value for key, value in simulator(name).SETTINGS.items() if value}
    whole = {"id": "a", "vendor": name, "base_url": "https://a", **own}
    kinds = {manifest.name: manifest for manifest in all_vendors()}[name]
    for where, kind in (("credentials", kinds.credentials), ("options", kinds.options)):
        for field in msgspec.structs.fields(kind):
            wrong = {**whole, where: {**own.get(where, {}), f"{field.name}x": SECRET}}
            [told] = opened(wrong).told
            assert told.state is SourceState.DISABLED
            unknown = f"{where}: unknown key '{field.name}x'; did you mean '{field.name}'?"
            assert told.reason == unknown
    assert opened(whole).told[0].state is SourceState.READY


@pytest.mark.parametrize("name", vendor_names())
def test_every_vendor_says_which_credentials_it_wants(name: str) -> None:
    [told] = opened({"id": "a", "vendor": name, "base_url": "https://a"}).told
    assert told.reason is not None
    assert told.reason.startswith("credentials: give ")


def test_the_path_that_a_vendor_always_asks_for_may_stand_in_the_address() -> None:
    for manifest in all_vendors():
        addresses = (
            "http://a",
            "http://a/",
            f"http://a{manifest.prefix}",
            f"http://a/x{manifest.prefix}/",
        )
        seen: list[str] = []
        own = {key: value for key, value in simulator(manifest.name).SETTINGS.items() if value}
        entries = [
            {"id": f"n{n}", "vendor": manifest.name, "base_url": address, **own}
            for n, address in enumerate(addresses)
        ]
        made = config.settings({"sources": entries}, environment={})

        def carry(settings: SourceSettings, manifest: Any, base_url: str, seen: Any = seen) -> Any:
            seen.append(base_url)

        open_sources(made, system_timer(), b"", carry)
        assert seen == ["http://a", "http://a", "http://a", "http://a/x"]


# ---------------------------------------------------------------- what is off, and what is told


def test_a_source_that_is_switched_off_is_neither_asked_nor_missed() -> None:
    async def work() -> None:
        async with product("portsip", {"vendor": "yeastar", "enabled": False}, count=30) as api:
            data = await api.good(
                "{ callRecords(first: 3) { complete nodes { source { id } } "
                "outcomes { source { id } } } sources { id state reason capabilities { sorts } } }"
            )
            page = data["callRecords"]
            assert page["complete"] is True
            assert page["outcomes"] == [{"source": {"id": "portsip"}}]
            assert {node["source"]["id"] for node in page["nodes"]} == {"portsip"}
            off = data["sources"][1]
            assert (off["state"], off["capabilities"]) == ("OFF", None)
            assert "enabled = false" in off["reason"]

    run(work)


def test_one_that_is_off_may_be_as_wrong_as_it_likes() -> None:
    [told] = opened(entry(enabled=False, credentials={"nonsense": 1}, base_url="?")).told
    assert told.state is SourceState.OFF


def test_a_disabled_source_is_missed() -> None:
    async def work() -> None:
        broken = {"vendor": "yeastar", "time_zone": "Mars/Olympus"}
        async with product("portsip", broken, count=30) as api:
            page = (
                await api.good(
                    "{ callRecords(first: 3) { complete nodes { id } outcomes { source { id } "
                    "state message retryable } } }"
                )
            )["callRecords"]
            assert page["complete"] is False
            assert len(page["nodes"]) == 3
            assert page["outcomes"][1] == {
                "source": {"id": "yeastar"},
                "state": "DISABLED",
                "message": "time_zone: there is no zone 'Mars/Olympus'",
                "retryable": False,
            }

    run(work)


def test_name_zone_and_pace_default_to_what_suits_the_vendor() -> None:
    for manifest in all_vendors():
        own = {"credentials": simulator(manifest.name).SETTINGS["credentials"]}
        plain = {"id": "a", "vendor": manifest.name, "base_url": "https://a", **own}
        [told] = opened(plain).told
        assert (told.name, told.time_zone) == ("a", manifest.default_zone)
        assert told.capabilities is not None
        assert told.capabilities.requests_per_second == manifest.pace.requests_per_second
        assert told.capabilities.max_concurrency == manifest.pace.max_concurrency
        more = {"requests_per_second": 0.25, "max_concurrency": 1, "time_zone": "Asia/Tokyo"}
        [told] = opened({**plain, **more, "name": "Tokyo"}).told
        assert (told.name, told.time_zone) == ("Tokyo", "Asia/Tokyo")
        assert told.capabilities is not None
        assert told.capabilities.requests_per_second == 0.25
        assert told.capabilities.max_concurrency == 1


def test_a_larger_page_than_the_configuration_allows_is_an_error() -> None:
    async def work() -> None:
        async with product("portsip", server={"max_page_size": 5, "deadline_ms": 900}) as api:
            assert await api.good("{ callRecords(first: 5) { complete } }")
            refused = await api.ask("{ callRecords(first: 6) { complete } }")
            assert refused.errors[0]["extensions"] == {
                "code": "BAD_USER_INPUT",
                "argument": "first",
            }
            longer = "{ callRecords(first: 5, options: {deadlineMs: 901}) { complete } }"
            assert (await api.ask(longer)).errors[0]["extensions"]["argument"] == (
                "options.deadlineMs"
            )

    run(work)
