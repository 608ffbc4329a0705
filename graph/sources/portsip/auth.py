"""Signing in to PortSIP: three generations of endpoint, refresh with rotation, and 2FA.

Sources: REST "Authentication" of 22.2+ (`/auth/sign_in`, `/auth/refresh_token`), the
authentication guide of 16 to 22 (`/login/oauth/token`), and 22.0/22.1 (`/login`).
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from graph.errors import SourceMalformed, SourceRefused
from graph.privacy import Secret
from graph.sources.contract import Auth, Kind, Reply, Request, Site, Token, post_json
from graph.sources.convert import instant
from graph.sources.decoding import decode
from graph.sources.portsip.wire import SignIn

# The authentication guide prints one constant for everybody; `options.client_id` overrides it.
_CLIENT_ID = "9d806019-75b2-4b3d-bb8b-f5a3a412cc0a"
_SIGN_IN = "/api/auth/sign_in"
_OAUTH = "/api/login/oauth/token"
_LOGIN = "/api/login"
_GENERATIONS = {"newest": _SIGN_IN, "oauth": _OAUTH, "login": _LOGIN}
_ABSENT = frozenset({404, 405, 501})


class Credentials(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`username` and `password` of one tenant's user (`domain` is the tenant's SIP domain), or a
    `token`.
    """

    username: str | None = None
    password: Secret | None = None
    domain: str | None = None
    token: Secret | None = None

    def __post_init__(self) -> None:
        if self.token is None and (self.username is None or self.password is None):
            raise ValueError("give username and password, or token")


def sign(site: Site, request: Request, token: Token | None) -> Request:
    secret: Secret = site.credentials.token if token is None else token.access
    return request.with_headers(authorization=f"Bearer {secret.reveal()}")


def sign_in(site: Site) -> Request | None:
    """The newest generation first; `read_token` goes on to older ones where it is absent"""
    if site.credentials.token is not None:
        return None
    return _sign_in(site, _GENERATIONS[site.options.sign_in])


def renew(site: Site, token: Token) -> Request | None:
    if token.renewal is None:
        return None
    renewal = token.renewal.reveal()
    if token.facts.get("sign_in") == _OAUTH:
        return _form({"grant_type": "refresh_token", "refresh_token": renewal}, site)
    return post_json("/api/auth/refresh_token", {"refresh_token": renewal}, Kind.SIGN_IN)


def sign_out(site: Site, token: Token) -> Request | None:
    path = {
        _SIGN_IN: "/api/auth/sign_out",
        _OAUTH: "/api/login/oauth/revoke",
        _LOGIN: "/api/logout",
    }.get(token.facts.get("sign_in", ""))
    if path is None:
        return None
    return sign(site, Request("POST", path, kind=Kind.SIGN_IN), token)


def read_token(site: Site, reply: Reply, request: Request, old: Token | None) -> Token | Request:
    if reply.status in _ABSENT:
        following = {_SIGN_IN: _OAUTH, _OAUTH: _LOGIN}.get(request.path)
        if following is None or site.options.sign_in != "newest":
            raise SourceRefused("none of its sign-in addresses exists; check base_url")
        return _sign_in(site, following)
    if request.path == _LOGIN and request.method == "POST" and not reply.body.strip():
        # The session's cookie is what tells the next request who signed in.
        session = reply.headers.get("set-cookie", "").partition(";")[0]
        return Request("GET", _LOGIN, headers=(("cookie", session),), kind=Kind.SIGN_IN)
    answer = decode(_SIGN_IN_DECODER, reply.body, "the answer to the sign-in")
    if answer.two_factor_enabled and answer.access_token is None:
        raise SourceRefused(
            "this account has two-factor authentication switched on, so no program can use it; "
            "use an account without it"
        )
    if answer.access_token is None:
        raise SourceMalformed("the answer to the sign-in has no access_token")
    used = request.path
    if used == "/api/auth/refresh_token":
        used = _SIGN_IN
    renewal = answer.refresh_token or (old.renewal.reveal() if old and old.renewal else None)
    return Token(
        access=Secret(answer.access_token),
        renewal=None if renewal is None else Secret(renewal),
        lifetime_seconds=_lifetime(answer, reply),
        facts={"sign_in": used},
    )


def _lifetime(answer: SignIn, reply: Reply) -> float | None:
    """Seconds, as told or up to the moment told by the server's own clock; None: not told"""
    if answer.expires_in is not None or answer.expires_at is None:
        return answer.expires_in
    try:
        ends = instant(answer.expires_at)
        told = parsedate_to_datetime(reply.headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return None if ends is None else max(0.0, (ends - told).total_seconds())


_SIGN_IN_DECODER = msgspec.json.Decoder(SignIn)


def _sign_in(site: Site, path: str) -> Request:
    login: Credentials = site.credentials
    assert login.username is not None
    assert login.password is not None
    fields: dict[str, Any] = {"username": login.username, "password": login.password.reveal()}
    if login.domain is not None:
        fields["domain"] = login.domain
    if path == _OAUTH:
        return _form({"grant_type": "password", "scope": "all", **fields}, site)
    return post_json(path, fields, Kind.SIGN_IN, accept=_ABSENT)


def _form(fields: dict[str, str], site: Site) -> Request:
    body = urlencode({**fields, "client_id": site.options.client_id or _CLIENT_ID}).encode()
    return Request(
        "POST",
        _OAUTH,
        headers=(("content-type", "application/x-www-form-urlencoded"),),
        body=body,
        kind=Kind.SIGN_IN,
        accept=_ABSENT,
    )


AUTH = Auth(
    sign=sign,
    sign_in=sign_in,
    renew=renew,
    sign_out=sign_out,
    read_token=read_token,
)
