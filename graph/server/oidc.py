"""Access tokens (JWT) of an OpenID provider, checked against the keys that it publishes.

Sources: OpenID Connect Discovery 1.0; RFC 7517 (JWK), RFC 7519 (JWT), RFC 8725 (what to beware of).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from math import inf
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from graph.caller import SCOPES, Caller
from graph.config import OidcSettings
from graph.errors import (
    ConfigError,
    NotSignedIn,
    SignInUnavailable,
    SourceError,
    SourceMalformed,
)
from graph.gather.ask import attempt
from graph.observe import Timer, log
from graph.sources.decoding import decode
from graph.transport.http import fetch

Fetch = Callable[[str], Awaitable[bytes]]
"""what brings the bytes of an address, or raises SourceError"""

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}
)
"""with a key for signing and another for checking: with a shared secret, who checks could forge"""

_LONGEST_TOKEN = 16_000
_FRESH_SECONDS = 3600.0
_BETWEEN_LOOKS_SECONDS = 60.0
_STALE_SECONDS = 24 * 3600.0


class Verifier(Protocol):
    """What the library does for us."""

    def claims(self, token: str, keys: Any, now: int) -> Mapping[str, Any]: ...

    def keys(self, body: bytes) -> Any:
        """A provider's set of keys; None if the bytes are none"""

    def key_id(self, token: str) -> str | None: ...

    def has(self, keys: Any, key_id: str | None) -> bool: ...


class Provider:
    """One provider: its keys, kept while they are fresh, and what its tokens say of callers."""

    def __init__(self, settings: OidcSettings, timer: Timer, get: Fetch | None = None) -> None:
        _check(settings)
        self._settings = settings
        self._timer = timer
        self._fetch = get or partial(fetch, verify=settings.verify_tls)
        self._verifier = _verifier(settings)
        self._keys: Any = None
        self._read_at = self._looked_at = -inf
        self._lock = asyncio.Lock()

    async def caller(self, token: str) -> Caller:
        """Who a token speaks for; NotSignedIn says what is wrong with it, and nothing of it"""
        if len(token) > _LONGEST_TOKEN:
            raise NotSignedIn("this token is too long")
        keys = await self._keys_for(self._verifier.key_id(token))
        now = int(self._timer.now().timestamp())
        return self._as_caller(self._verifier.claims(token, keys, now))

    def _as_caller(self, claims: Mapping[str, Any]) -> Caller:
        own = self._settings
        name = claims.get(own.name_claim)
        if not isinstance(name, str) or not name:
            raise NotSignedIn(f"this token has no claim {own.name_claim!r}")
        sources = None
        if own.sources_claim is not None:
            # Without the claim nothing exists for the caller: a right is given, never assumed.
            sources = frozenset(_words(claims.get(own.sources_claim)))
        return Caller(
            name=f"oidc {name}",
            scopes=frozenset(_words(claims.get(own.scope_claim))) & frozenset(SCOPES),
            sources=sources,
            expires_at=datetime.fromtimestamp(claims["exp"] + own.leeway_seconds, UTC),
        )

    # ------------------------------------------------------------ keys

    async def _keys_for(self, key_id: str | None) -> Any:
        """The provider's keys, read again when they are old, or when a token names another one.

        Somebody who makes names up causes no more than one reading a minute.
        """
        if not self._fresh(key_id):
            async with self._lock:
                now = self._timer.monotonic()
                if not self._fresh(key_id) and now - self._looked_at >= _BETWEEN_LOOKS_SECONDS:
                    self._looked_at = now
                    await self._look()
        if self._timer.monotonic() - self._read_at > _STALE_SECONDS:
            raise SignInUnavailable(
                "the provider that signs people in does not answer; ask again later"
            )
        return self._keys

    def _fresh(self, key_id: str | None) -> bool:
        age = self._timer.monotonic() - self._read_at
        return age < _FRESH_SECONDS and self._verifier.has(self._keys, key_id)

    async def _look(self) -> None:
        found = await attempt(self._read())
        keys = None if isinstance(found, SourceError) else self._verifier.keys(found)
        if keys is None:
            told = found if isinstance(found, SourceError) else "what it gave is no set of keys"
            log.warning("the keys of %s cannot be read: %s", self._settings.issuer, told)
        else:
            self._keys, self._read_at = keys, self._timer.monotonic()

    async def _read(self) -> bytes:
        own = self._settings
        if own.jwks_url is not None:
            return await self._fetch(own.jwks_url)
        found = await self._fetch(own.issuer.rstrip("/") + "/.well-known/openid-configuration")
        told = decode(_METADATA, found, "what it says of itself")
        if told.issuer != own.issuer or not _is_secure(told.jwks_uri):
            raise SourceMalformed("it says that it is another issuer, or names no https address")
        return await self._fetch(told.jwks_uri)


class _Metadata(msgspec.Struct):
    """The part of a provider's metadata that is needed (Discovery 1.0, 3)."""

    issuer: str
    jwks_uri: str


_METADATA = msgspec.json.Decoder(_Metadata)


def _words(claim: Any) -> list[str]:
    """A claim's words: text with blanks between them, or a list"""
    if isinstance(claim, str):
        return claim.split()
    return [one for one in claim if isinstance(one, str)] if isinstance(claim, list) else []


def _check(settings: OidcSettings) -> None:
    for name in ("issuer", "jwks_url"):
        address = getattr(settings, name)
        if address is not None and not _is_secure(address):
            raise ConfigError(f"server.oidc.{name}: it must begin with https://")
    wrong = sorted(set(settings.algorithms) - ALGORITHMS)
    if wrong or not settings.algorithms:
        known = ", ".join(sorted(ALGORITHMS))
        raise ConfigError(f"server.oidc.algorithms: {', '.join(wrong) or 'none'}; take of {known}")
    if not 0 <= settings.leeway_seconds <= 600:
        raise ConfigError("server.oidc.leeway_seconds: must be from 0 to 600")


def _is_secure(address: str) -> bool:
    told = urlsplit(address)
    local = told.hostname in ("localhost", "127.0.0.1", "::1")
    return bool(told.hostname) and (told.scheme == "https" or (told.scheme == "http" and local))


# ---------------------------------------------------------------- the library


def _verifier(settings: OidcSettings) -> Verifier:
    """joserfc with our rules; ConfigError where it is not installed"""
    try:
        from joserfc import jws, jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet
    except ImportError:
        raise ConfigError(
            "server.oidc: tokens of a provider need more packages: pip install 'cdr-graph[oidc]'"
        ) from None

    class Joserfc:
        def keys(self, body: bytes) -> KeySet | None:
            try:
                told = msgspec.json.decode(body, type=dict[str, list[dict[str, Any]]])
                usable = [
                    key
                    for key in told["keys"]
                    if key.get("kty") in ("RSA", "EC") and key.get("use", "sig") == "sig"
                ]
                return KeySet.import_key_set({"keys": usable})
            except (msgspec.DecodeError, KeyError, ValueError, TypeError, JoseError):
                return None

        def key_id(self, token: str) -> str | None:
            try:
                told = jws.extract_compact(token.encode()).headers().get("kid")
            except (JoseError, ValueError):
                raise NotSignedIn("this is no token of this server, and no JWT") from None
            return told if isinstance(told, str) else None

        def has(self, keys: KeySet, key_id: str | None) -> bool:
            return key_id is None or any(key.kid == key_id for key in keys)

        def claims(self, token: str, keys: KeySet, now: int) -> Mapping[str, Any]:
            rules = jwt.JWTClaimsRegistry(
                now=now,
                leeway=settings.leeway_seconds,
                iss={"essential": True, "value": settings.issuer},
                aud={"essential": True, "value": settings.audience},
                exp={"essential": True},
            )
            try:
                read = jwt.decode(token, keys, algorithms=list(settings.algorithms))
                rules.validate(read.claims)
            except (JoseError, ValueError, TypeError) as error:
                # The library's own words may repeat what stands in the token.
                raise NotSignedIn(_told(error)) from None
            return read.claims

    return Joserfc()


_TOLD = {
    "expired_token": "this token is past its end",
    "bad_signature": "this token was not signed by the provider",
    "missing_claim": "this token lacks a claim that is needed: exp, iss or aud",
    "invalid_claim": "this token is of another issuer, or for another audience or time",
}


def _told(error: Exception) -> str:
    code = getattr(error, "error", "")
    return _TOLD.get(code, "this token is not as it must be: its form, algorithm or key")
