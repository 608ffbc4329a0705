"""Access tokens of an OpenID provider: good ones, forged ones, and keys that change."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from graph.config import OidcSettings
from graph.errors import ConfigError, NotSignedIn, SignInUnavailable, SourceUnavailable
from graph.server.oidc import Provider
from tests.support import NOW, Clock, run

ISSUER = "https://login.example.com"
KEY = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"}, private=True)
NEXT = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"}, private=True)
CLAIMS = {
    "iss": ISSUER,
    "aud": "calls",
    "sub": "anna",
    "exp": int(NOW.timestamp()) + 600,
    "scope": "openid records:read stats:read",
    "systems": ["hq", "branch"],
}


def signed(claims: Mapping[str, Any] = CLAIMS, key: Any = KEY, alg: str = "ES256") -> str:
    header = {"alg": alg, "kid": key.kid}
    return jwt.encode(header, dict(claims), key, algorithms=[alg])


class Published:
    """A provider's published keys; each look at them is counted"""

    def __init__(self, *keys: Any) -> None:
        self.keys = list(keys)
        self.looks: list[str] = []
        self.down = False

    async def fetch(self, address: str) -> bytes:
        self.looks.append(address)
        if self.down:
            raise SourceUnavailable("no connection")
        if address.endswith("openid-configuration"):
            return json.dumps({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}).encode()
        keys = [key.as_dict(private=False) for key in self.keys]
        return json.dumps({"keys": keys}).encode()


def provider(published: Published, clock: Clock | None = None, **more: Any) -> Provider:
    given = {"issuer": ISSUER, "audience": "calls", "jwks_url": f"{ISSUER}/keys", **more}
    return Provider(OidcSettings(**given), (clock or Clock()).timer, published.fetch)


def test_a_good_token_says_who_what_and_which_sources() -> None:
    async def work() -> None:
        caller = await provider(Published(KEY), sources_claim="systems").caller(signed())
        assert caller.name == "oidc anna"
        assert caller.scopes == {"records:read", "stats:read"}
        assert caller.sources == frozenset({"hq", "branch"})
        assert caller.expires_at is not None
        assert (caller.expires_at - NOW).total_seconds() == 660
        plain = await provider(Published(KEY)).caller(signed())
        assert plain.sources is None
        without = {name: value for name, value in CLAIMS.items() if name != "systems"}
        none = await provider(Published(KEY), sources_claim="systems").caller(signed(without))
        assert none.sources == frozenset()

    run(work)


def test_keys_are_found_by_discovery() -> None:
    async def work() -> None:
        published = Published(KEY)
        assert await provider(published, jwks_url=None).caller(signed())
        assert published.looks == [
            f"{ISSUER}/.well-known/openid-configuration", f"{ISSUER}/keys",
        ]  # fmt: skip

    run(work)


@pytest.mark.parametrize(
    "token",
    [
        signed({**CLAIMS, "aud": "other"}),
        signed({**CLAIMS, "iss": "https://evil.example.com"}),
        signed({**CLAIMS, "exp": int(NOW.timestamp()) - 61}),
        signed({**CLAIMS, "nbf": int(NOW.timestamp()) + 61}),
        signed({name: value for name, value in CLAIMS.items() if name != "exp"}),
        signed({name: value for name, value in CLAIMS.items() if name != "aud"}),
        signed({**CLAIMS, "sub": ""}),
        signed(key=ECKey.generate_key("P-256", {"kid": "one"}, private=True)),
        signed(key=NEXT, alg="RS256"),
        "eyJhbGciOiJub25lIiwia2lkIjoib25lIn0.e30.",
        "a.b.c",
        "x" * 20_000,
    ],
)
def test_a_token_that_is_not_as_it_must_be_is_refused(token: str) -> None:
    async def work() -> None:
        with pytest.raises(NotSignedIn) as refused:
            await provider(Published(KEY)).caller(token)
        assert token[:30] not in str(refused.value)
        assert "evil" not in str(refused.value)

    run(work)


def test_a_public_key_is_no_shared_secret() -> None:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "kid": "one"}, CLAIMS)
    ]
    mac = hmac.digest(KEY.as_pem(private=False), b".".join(parts), "sha256")
    parts.append(base64.urlsafe_b64encode(mac).rstrip(b"="))
    token = b".".join(parts).decode()

    async def work() -> None:
        with pytest.raises(NotSignedIn):
            await provider(Published(KEY)).caller(token)

    run(work)
    with pytest.raises(ConfigError, match=r"server.oidc.algorithms: HS256"):
        provider(Published(KEY), algorithms=("HS256",))


def test_a_clock_may_be_a_little_off() -> None:
    async def work() -> None:
        late = {**CLAIMS, "exp": int(NOW.timestamp()) - 59}
        assert await provider(Published(KEY)).caller(signed(late))

    run(work)


def test_new_keys_are_read_when_they_are_met_and_made_up_ones_once_a_minute() -> None:
    async def work() -> None:
        clock, published = Clock(), Published(KEY)
        own = provider(published, clock)
        await own.caller(signed())
        await own.caller(signed())
        assert len(published.looks) == 1
        published.keys = [NEXT]
        clock.advance(61)
        assert await own.caller(signed(key=NEXT, alg="RS256"))
        assert len(published.looks) == 2
        stranger = ECKey.generate_key("P-256", {"kid": "made up"}, private=True)
        for _ in range(5):
            with pytest.raises(NotSignedIn):
                await own.caller(signed(key=stranger))
        assert len(published.looks) == 2
        with pytest.raises(NotSignedIn):
            await own.caller(signed())  # its key was withdrawn

    run(work)


def test_a_token_whose_key_was_withdrawn_is_good_for_an_hour_at_most() -> None:
    async def work() -> None:
        clock, published = Clock(), Published(KEY)
        own = provider(published, clock)
        long = signed({**CLAIMS, "exp": int(NOW.timestamp()) + 1_000_000})
        await own.caller(long)
        published.keys = [NEXT]
        clock.advance(3599)
        assert await own.caller(long)
        clock.advance(1)
        for _ in range(3):
            with pytest.raises(NotSignedIn):
                await own.caller(long)
        assert len(published.looks) == 2  # and that is no way to have it ask the provider

    run(work)


def test_a_provider_that_is_away_for_a_while_locks_nobody_out_and_a_day_everybody() -> None:
    async def work() -> None:
        clock, published = Clock(), Published(KEY)
        own = provider(published, clock)
        long = {**CLAIMS, "exp": int(NOW.timestamp()) + 1_000_000}
        await own.caller(signed(long))
        published.down = True
        clock.advance(7200)
        assert await own.caller(signed(long))
        clock.advance(86_400)
        with pytest.raises(SignInUnavailable):
            await own.caller(signed(long))
        with pytest.raises(SignInUnavailable):
            await provider(published, clock).caller(signed(long))

    run(work)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"issuer": "http://login.example.com"}, "server.oidc.issuer: it must begin with https"),
        ({"jwks_url": "ftp://a"}, "server.oidc.jwks_url: it must begin with https"),
        ({"algorithms": ()}, "server.oidc.algorithms: none"),
        ({"leeway_seconds": -1}, "server.oidc.leeway_seconds: must be from 0"),
    ],
)
def test_unusable_settings_are_told_in_one_line(wrong: Mapping[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        provider(Published(KEY), **wrong)
