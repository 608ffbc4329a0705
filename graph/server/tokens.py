"""The tokens file: who may ask, with what rights. It holds hashes of tokens, and no token.

A token is 256 random bits, so nobody finds it by trying: one SHA-256 keeps it as safe as a slow
hash of a password would, and a look-up stays a hash and a dict.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from graph.caller import SCOPES, Caller
from graph.config import unknown_key
from graph.errors import ConfigError
from graph.observe import log

PREFIX = "cdrg_"
"""how every token begins, so that scanners for secrets know one"""

_HEAD = "# Made by `cdr-graph token`. It holds hashes: the tokens themselves are kept nowhere.\n"


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[[tokens]]; `sources` None means every source, those that are added later too."""

    name: str
    sha256: str
    scopes: tuple[str, ...]
    sources: tuple[str, ...] | None = None
    created_at: datetime
    expires_at: datetime | None = None

    @property
    def caller(self) -> Caller:
        return Caller(
            name=f"token {self.name}",
            scopes=frozenset(self.scopes),
            sources=None if self.sources is None else frozenset(self.sources),
            expires_at=self.expires_at,
            credential=self.sha256[:_CREDENTIAL],
        )


_CREDENTIAL = 24
"""how much of a hash tells tokens apart"""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    tokens: tuple[Entry, ...] = ()


def hashed(token: str) -> str:
    """How a token stands in the file"""
    return hashlib.sha256(token.encode()).hexdigest()


# ---------------------------------------------------------------- the file


def read(path: Path) -> tuple[Entry, ...]:
    """The file's entries; ConfigError says in one line what is wrong with it"""
    try:
        entries = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).tokens
    except FileNotFoundError:
        raise ConfigError(
            f"there is no tokens file {path}; make one with "
            "`cdr-graph token new --name NAME --scope SCOPE`"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}".replace("`", "")) from None
    names: set[str] = set()
    for place, entry in enumerate(entries, 1):
        where = f"{path}: tokens[{place}]"
        check_scopes(entry.scopes, f"{where}.scopes")
        if entry.name in names:
            raise ConfigError(f"{where}.name: there are two tokens with the name {entry.name!r}")
        names.add(entry.name)
        for moment in (entry.created_at, entry.expires_at):
            if moment is not None and moment.tzinfo is None:
                raise ConfigError(
                    f"{where}: write moments with their offset, e.g. 2026-03-01T08:00Z"
                )
    return entries


def check_scopes(scopes: Sequence[str], where: str) -> None:
    """ConfigError names a scope that there is not"""
    for scope in scopes:
        if scope not in SCOPES:
            raise ConfigError(
                f"{where}: {unknown_key(scope, tuple(SCOPES))}".replace("key", "scope")
            )


def add(
    path: Path,
    *,
    name: str,
    scopes: Sequence[str],
    sources: Sequence[str] | None,
    expires_at: datetime | None,
    now: datetime,
) -> str:
    """A new token, which is written nowhere: only its hash is added to the file"""
    entries = read(path) if path.exists() else ()
    check_scopes(scopes, "--scope")
    if any(entry.name == name for entry in entries):
        raise ConfigError(f"--name: there is a token {name!r} already; revoke it, or take another")
    token = PREFIX + secrets.token_urlsafe(32)
    made = Entry(
        name=name,
        sha256=hashed(token),
        scopes=tuple(dict.fromkeys(scopes)),
        sources=None if sources is None else tuple(dict.fromkeys(sources)),
        created_at=now,
        expires_at=expires_at,
    )
    _write(path, (*entries, made))
    return token


def revoke(path: Path, name: str) -> None:
    """Takes a token out of the file; running servers refuse it from then on"""
    entries = read(path)
    kept = tuple(entry for entry in entries if entry.name != name)
    if len(kept) == len(entries):
        raise ConfigError(f"there is no token {name!r} in {path}")
    _write(path, kept)


def _write(path: Path, entries: Sequence[Entry]) -> None:
    """Replaces the file at once, so that nobody ever reads half of it; only its owner may read"""
    lines = [_HEAD]
    for entry in entries:
        lines.append("\n[[tokens]]\n")
        for field in msgspec.structs.fields(Entry):
            value = getattr(entry, field.name)
            if isinstance(value, datetime):
                lines.append(f"{field.name} = {value.isoformat()}\n")
            elif value is not None:
                # Text and lists of it are written alike in JSON and in TOML.
                lines.append(f"{field.name} = {msgspec.json.encode(value).decode()}\n")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as to:
            to.writelines(lines)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None


# ---------------------------------------------------------------- while a server runs


class Tokens:
    """The file's tokens as they are now: it is read again whenever it has changed.

    While it cannot be read no token is good, since it may have been meant to revoke one.
    """

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self._path = path
        self._now = now
        self._seen = self._state()
        self._by_hash = self._read()

    def caller(self, token: str) -> Caller | None:
        """Whose token it is; None if it is unknown, revoked or past its end"""
        sha256 = hashed(token)
        self._refresh()
        return self._in_time(self._by_hash.get(sha256))

    def knows(self, caller: Caller) -> bool:
        """The caller's token is still good, with the rights it had"""
        self._refresh()
        return self._in_time(caller) is not None and caller in self._by_hash.values()

    def _in_time(self, found: Caller | None) -> Caller | None:
        if found is None or (found.expires_at is not None and found.expires_at <= self._now()):
            return None
        return found

    def _refresh(self) -> None:
        state = self._state()
        if state != self._seen:
            self._seen = state
            try:
                self._by_hash = self._read()
                log.info("the tokens file has changed; it has %s tokens now", len(self._by_hash))
            except ConfigError as error:
                self._by_hash = {}
                log.error("nobody can sign in with a token: %s", error)

    def _state(self) -> tuple[int, int, int] | None:
        try:
            told = self._path.stat()
        except OSError:
            return None
        return told.st_mtime_ns, told.st_size, told.st_ino

    def _read(self) -> Mapping[str, Caller]:
        return {entry.sha256: entry.caller for entry in read(self._path)}
