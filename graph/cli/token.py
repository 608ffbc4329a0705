"""The command `token`: makes, lists and revokes the tokens that callers show."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

from graph import config
from graph.caller import SCOPES
from graph.errors import ConfigError
from graph.server import tokens

_DEFAULT = Path("tokens.toml")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own commands: new, list, revoke"""
    parser.description = "Makes, lists and revokes tokens. The tokens file holds their hashes only."
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    new = commands.add_parser(
        "new",
        help="make a token and print it, this once",
        description="Makes a token, prints it this once, and keeps its hash. Scopes: "
        + "; ".join(f"{scope}: {about}" for scope, about in SCOPES.items())
        + ".",
    )
    _files(new)
    new.add_argument("--name", required=True, help="whose token it is; must be new")
    new.add_argument(
        "--scope",
        action="append",
        required=True,
        metavar="SCOPE",
        help="what it allows (may be repeated): " + ", ".join(SCOPES),
    )
    new.add_argument(
        "--source",
        action="append",
        metavar="ID",
        help="a source that exists for it (may be repeated; default: every source)",
    )
    new.add_argument(
        "--expires", metavar="WHEN", help="when it ends: 90d, 12h, or 2027-01-31 (default: never)"
    )
    new.set_defaults(act=_new)

    listed = commands.add_parser("list", help="show the tokens' names and rights")
    _files(listed)
    listed.set_defaults(act=_list)

    revoke = commands.add_parser(
        "revoke", help="take a token back; running servers refuse it from then on"
    )
    _files(revoke)
    revoke.add_argument("--name", required=True, help="whose token")
    revoke.set_defaults(act=_revoke)


def run(given: argparse.Namespace) -> int:
    """Does what is wanted of the tokens file"""
    code: int = given.act(given)
    return code


def _files(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--config", type=Path, metavar="FILE", help="the configuration that names the tokens file"
    )
    which.add_argument(
        "--tokens-file", type=Path, metavar="FILE", help=f"the tokens file (default {_DEFAULT})"
    )


def _file(given: argparse.Namespace, sources: list[str] | None = None) -> Path:
    """The tokens file; ConfigError if the configuration has none, or lacks one of the sources"""
    if given.config is None:
        return given.tokens_file or _DEFAULT
    settings = config.load(given.config)
    if settings.server.tokens_file is None:
        raise ConfigError(f'{given.config} names no tokens file: add tokens_file = "{_DEFAULT}" '
                          "to [server]")  # fmt: skip
    known = tuple(source.id for source in settings.sources)
    for source in sources or ():
        if source not in known:
            raise ConfigError(f"--source: {config.unknown_key(source, known)}".replace("key", "id"))
    return Path(settings.server.tokens_file)


def _new(given: argparse.Namespace) -> int:
    now = datetime.now(UTC).replace(microsecond=0)
    path = _file(given, given.source)
    token = tokens.add(
        path,
        name=given.name,
        scopes=given.scope,
        sources=given.source,
        expires_at=None if given.expires is None else ends_at(given.expires, now),
        now=now,
    )
    print(token)
    return 0


def ends_at(text: str, now: datetime) -> datetime:
    """A moment to come, as a person writes it"""
    try:
        if text[-1:] in _UNITS and text[:-1].isdecimal():
            moment = now + timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ConfigError(f"--expires {text[:40]!r}: write 90d, 12h, or 2027-01-31") from None
    if moment <= now:
        raise ConfigError(f"--expires {text[:40]!r}: that is over already")
    return moment


def _list(given: argparse.Namespace) -> int:
    rows = [("NAME", "SCOPES", "SOURCES", "CREATED", "EXPIRES")]
    rows += [
        (
            entry.name,
            " ".join(entry.scopes),
            "every" if entry.sources is None else " ".join(entry.sources),
            f"{entry.created_at:%Y-%m-%d}",
            "never" if entry.expires_at is None else f"{entry.expires_at:%Y-%m-%d %H:%M}",
        )
        for entry in tokens.read(_file(given))
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    return 0


def _revoke(given: argparse.Namespace) -> int:
    tokens.revoke(_file(given), given.name)
    return 0
