"""The configuration file, read once into Settings that never change.

A value "env:NAME" is read from the environment and "file:PATH" from a file, so that no secret
stands in the configuration. Nobody else reads files of settings or the environment.
"""

from __future__ import annotations

import difflib
import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any, Literal

import msgspec

from graph.errors import ConfigError
from graph.privacy import Secret


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[server.limits]: how large one request may be. Beyond each is an error, never a cut."""

    depth: int = 12
    fields: int = 2000
    root_fields: int = 50
    aliases: int = 100
    directives: int = 50
    repeated_fields: int = 50
    tokens: int = 4000
    variable_values: int = 5000
    body_bytes: int = 500_000
    body_timeout_ms: int = 10_000


class OidcSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[server.oidc]: the OpenID provider whose access tokens are taken."""

    issuer: str
    audience: str
    jwks_url: str | None = None
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    leeway_seconds: int = 60
    name_claim: str = "sub"
    scope_claim: str = "scope"
    sources_claim: str | None = None
    verify_tls: bool | str = True


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[server]"""

    deadline_ms: int = 8000
    stats_deadline_ms: int = 120_000
    max_page_size: int = 1000
    max_groups: int = 20_000
    max_operations: int = 500
    """of one process at once, subscriptions apart; others wait"""
    max_waiting: int = 1000
    compiled: bool = True
    """selections of plain attributes are executed by generated functions"""
    federation: bool = False
    secret: Secret | None = None
    tokens_file: str | None = None
    limits: Limits = Limits()
    requests_per_minute: int | None = None
    rows_per_minute: int | None = None
    oidc: OidcSettings | None = None
    allowed_origins: tuple[str, ...] = ()
    report_email_domains: tuple[str, ...] | None = None
    trusted_proxies: tuple[str, ...] = ()
    root_path: str = ""
    graphiql: bool = False
    documents_file: str | None = None
    documents: Literal["log", "require"] = "log"
    shutdown_ms: int = 10_000
    traces: bool = False
    shared_url: Secret | None = None
    shared_timeout_ms: int = 500
    """longer than this and each process takes its part of what is shared"""
    metrics_port: int | None = None
    introspection: bool = True
    suggestions: bool = True

    @property
    def asks_who(self) -> bool:
        """Callers have to sign in"""
        return self.tokens_file is not None or self.oidc is not None


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[[sources]]; `credentials` and `options` are checked by the vendor."""

    id: str
    vendor: str
    base_url: str
    name: str | None = None
    time_zone: str | None = None
    region: str | None = None
    verify_tls: bool | str = True
    requests_per_second: float | None = None
    max_concurrency: int | None = None
    timeout_ms: int = 5000
    max_response_mb: int = 64
    enabled: bool = True
    credentials: dict[str, Any] = {}
    options: dict[str, Any] = {}

    def __repr__(self) -> str:
        # The credentials are plain text until the vendor has read them.
        return f"<SourceSettings {self.id}: {self.vendor}>"


class MailSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[reports.mail]: the SMTP server that takes mails, and whom they may go to"""

    host: str
    sender: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: Secret | None = None
    timeout_ms: int = 30_000
    domains: tuple[str, ...] = ()
    attachment_mb: int = 10


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[reports.webhooks]: which hosts may be told of files, and what messages are signed with"""

    secret: Secret
    hosts: tuple[str, ...] = ()
    private: bool = False
    """also at addresses that are not reached over the public internet"""
    timeout_ms: int = 15_000


class ReportSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[reports]: reports that this server runs itself, over calls of all sources"""

    folder: str
    database: Secret | None = None
    """a URL that may hold a password; without it an SQLite file in the folder"""
    public_url: str | None = None
    missed: Literal["once", "skip"] = "once"
    max_concurrent_runs: int = 2
    max_reports: int = 10_000
    retention_days: int = 90
    retention_mb: int = 10_000
    history_days: int = 400
    """how long it is told of runs whose files have gone"""
    mail: MailSettings | None = None
    webhooks: WebhookSettings | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    server: ServerSettings = ServerSettings()
    reports: ReportSettings | None = None
    sources: tuple[SourceSettings, ...] = ()


def load(path: str | Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a TOML file; ConfigError says in one line what is wrong with it."""
    file = Path(path)
    return parse(read(file), file, environment)


def read(file: Path) -> str:
    """The text of a file; ConfigError if there is none"""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file} is no UTF-8 text") from None


def parse(text: str, file: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the text of a file"""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is no TOML: {error}") from None
    return settings(tree, environment, file.parent)


def read_file(path: str, setting: str) -> bytes:
    """The content of a file that a setting names; ConfigError if it cannot be read"""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{setting}: cannot read {path}: {error.strerror}") from None


class Worker(msgspec.Struct, frozen=True):
    """What one of several processes needs to know.

    `kept` is a copy of the configuration `file` as it was when it could last be used: a process
    may have to be replaced while somebody is still writing. `secret` is the same for all, or a
    cursor of one would be refused by the next. `share` is how many there are; `metrics_folder` is
    where they keep what they count together.
    """

    file: str
    kept: str
    share: int
    secret: str
    log_level: str
    log_format: str
    metrics_folder: str

    def settings(self) -> Settings:
        made = parse(read(Path(self.kept)), Path(self.file))
        server = msgspec.structs.replace(made.server, secret=Secret(self.secret))
        return msgspec.structs.replace(made, server=server)


_WORKER = "CDR_GRAPH_WORKER"


def tell_workers(worker: Worker) -> None:
    """What the processes started from now on find in their environment"""
    os.environ[_WORKER] = msgspec.json.encode(worker).decode()
    # prometheus_client's own name
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = worker.metrics_folder


def of_worker() -> Worker:
    """What this process was told"""
    return msgspec.json.decode(os.environ[_WORKER], type=Worker)


def shared_secret(made: Settings) -> str:
    """The secret of the settings, or one that all processes of this start share"""
    given = made.server.secret
    return secrets.token_urlsafe(32) if given is None else given.reveal()


def settings(
    tree: Mapping[str, Any], environment: Mapping[str, str] = os.environ, folder: Path = Path()
) -> Settings:
    """The settings of a parsed file; `file:` paths are relative to `folder`."""
    resolved = _resolve(tree, "", environment, folder)
    _known_keys(resolved, Settings, "")
    reports = resolved.get("reports", {})
    _known_keys(reports, ReportSettings, "reports.")
    _known_keys(reports.get("mail", {}), MailSettings, "reports.mail.")
    _known_keys(reports.get("webhooks", {}), WebhookSettings, "reports.webhooks.")
    if isinstance(reports.get("folder"), str):
        reports["folder"] = str(folder / reports["folder"])
    server = resolved.get("server", {})
    _known_keys(server, ServerSettings, "server.")
    for name, kind in (("limits", Limits), ("oidc", OidcSettings)):
        _known_keys(server.get(name, {}), kind, f"server.{name}.")
    for name in ("documents_file", "tokens_file"):
        if isinstance(server.get(name), str):
            server[name] = str(folder / server[name])
    entries = resolved.get("sources", [])
    if not isinstance(entries, list):
        raise ConfigError("sources must be written as [[sources]] entries")
    for place, entry in enumerate(entries, 1):
        _known_keys(entry, SourceSettings, f"sources[{place}].")
    try:
        made = msgspec.convert(resolved, Settings, dec_hook=secret_hook)
    except msgspec.ValidationError as error:
        raise ConfigError(_in_toml_words(str(error))) from None
    _check(made)
    return made


def secret_hook(kind: type, value: object) -> object:
    """Lets msgspec make Secrets out of text"""
    if kind is Secret:
        if isinstance(value, Secret):
            return value
        if isinstance(value, str):
            return Secret(value)
        raise ValueError("expected text")
    raise NotImplementedError


def unknown_key(key: str, known: tuple[str, ...]) -> str:
    """A sentence that names an unknown key and the nearest known one"""
    near = difflib.get_close_matches(key.rpartition(".")[2], known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(known))}"
    return f"unknown key {key!r}{hint}"


def _known_keys(tree: object, kind: type[msgspec.Struct], where: str) -> None:
    if not isinstance(tree, dict):
        raise ConfigError(f"{where.rstrip('.') or 'the file'} must be a table")
    known = tuple(info.name for info in msgspec.structs.fields(kind))
    for key in tree:
        if key not in known:
            raise ConfigError(unknown_key(where + key, known))


def _resolve(value: Any, where: str, environment: Mapping[str, str], folder: Path) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _resolve(entry, f"{where}.{key}".lstrip("."), environment, folder)
            for key, entry in value.items()
        }
    if isinstance(value, list):
        return [
            _resolve(entry, f"{where}[{place}]", environment, folder)
            for place, entry in enumerate(value, 1)
        ]
    if isinstance(value, str) and value.startswith("env:"):
        name = value[4:]
        if name not in environment:
            raise ConfigError(f"{where}: the environment variable {name} is not set")
        return environment[name]
    if isinstance(value, str) and value.startswith("file:"):
        path = folder / value[5:]
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
            raise ConfigError(f"{where}: cannot read {path}: {reason}") from None
    return value


_ID = re.compile(r"[a-z0-9-]+")


def _check(made: Settings) -> None:
    seen: set[str] = set()
    for place, source in enumerate(made.sources, 1):
        where = f"sources[{place}]"
        if not _ID.fullmatch(source.id):
            raise ConfigError(f"{where}.id: {source.id!r} must be of a-z, 0-9 and - only")
        if source.id in seen:
            raise ConfigError(f"{where}.id: there are two sources with the id {source.id!r}")
        seen.add(source.id)
        for name in ("timeout_ms", "max_response_mb", "requests_per_second", "max_concurrency"):
            amount = getattr(source, name)
            if amount is not None and not 0 < amount < inf:
                raise ConfigError(f"{where}.{name}: must be more than 0, and finite")
    server = made.server
    if server.secret is not None and not server.secret.reveal():
        raise ConfigError("server.secret: must not be empty")
    for place, origin in enumerate(server.allowed_origins, 1):
        if not re.fullmatch(r"https?://[^/\s]+", origin):
            raise ConfigError(
                f"server.allowed_origins[{place}]: {origin!r} is no origin such as "
                "https://calls.example.com"
            )
    if server.shared_url is not None and server.secret is None:
        raise ConfigError("server.shared_url: it needs a secret, the same for all who share it")
    if server.documents == "require" and server.documents_file is None:
        raise ConfigError('server.documents: "require" needs a documents_file')
    if server.root_path and not re.fullmatch(r"(/[^/\s?#]+)+", server.root_path):
        raise ConfigError(f"server.root_path: {server.root_path!r} is no path such as /calls")
    reports = made.reports
    if reports is not None:
        _check_reports(reports)
    tables: list[tuple[str, msgspec.Struct | None]] = [
        ("server", server),
        ("server.limits", server.limits),
        ("reports", reports),
        ("reports.mail", reports and reports.mail),
        ("reports.webhooks", reports and reports.webhooks),
    ]
    for where, table in tables:
        if table is None:
            continue
        for name, amount in msgspec.structs.asdict(table).items():
            if isinstance(amount, int) and not isinstance(amount, bool) and amount <= 0:
                raise ConfigError(f"{where}.{name}: must be more than 0")


def _check_reports(reports: ReportSettings) -> None:
    if reports.public_url is not None and not re.fullmatch(r"https?://\S+", reports.public_url):
        raise ConfigError(
            "reports.public_url: must be an address such as https://calls.example.com"
        )
    mail = reports.mail
    if mail is not None and not mail.domains:
        raise ConfigError(
            'reports.mail.domains: name the domains that mails may go to, e.g. ["example.com"]'
        )
    if mail is not None and (mail.username is None) is not (mail.password is None):
        raise ConfigError("reports.mail: give `username` and `password`, or neither")
    if reports.webhooks is not None and not reports.webhooks.hosts:
        raise ConfigError("reports.webhooks.hosts: name the hosts that may be told of files")
    if reports.webhooks is not None and len(reports.webhooks.secret.reveal()) < 16:
        raise ConfigError("reports.webhooks.secret: must have at least 16 characters")


_PLACE = re.compile(r" - at `\$\.?([^`]*)`")


def _in_toml_words(message: str) -> str:
    # msgspec: "Expected `int`, got `str` - at `$.server.deadline_ms`", counting lists from 0.
    match = _PLACE.search(message)
    if match is None:
        return message
    where = re.sub(r"\[(\d+)\]", lambda m: f"[{int(m[1]) + 1}]", match[1])
    return f"{where}: {message[: match.start()].lower().replace('`', '')}"
