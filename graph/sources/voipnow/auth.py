"""Signing in to VoipNow: a trusted App's token, a lasting token, or a browser session.

Sources: "Authentication and Authorization", "Register App", "Obtain Authorization", and the
vendor's own example programs; read August 2026. The lifetime of a token changed from one edition to
the next, so only `expires_in` counts.
"""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from graph.errors import SourceMalformed
from graph.privacy import Secret
from graph.sources.contract import Auth, Kind, Reply, Request, Site, Token
from graph.sources.convert import integer
from graph.sources.decoding import decode
from graph.sources.voipnow.wire import SignIn

TOKEN_PATH = "/oauth/token.php"  # noqa: S105


class Credentials(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`client_id` and `client_secret` are App key and App secret of a trusted App; or a lasting
    `token`; or a browser session's `xsrf_token` with the text of its `cookie` header.
    """

    client_id: str | None = None
    client_secret: Secret | None = None
    token: Secret | None = None
    xsrf_token: Secret | None = None
    cookie: Secret | None = None

    def __post_init__(self) -> None:
        app = self.client_id is not None and self.client_secret is not None
        session = self.xsrf_token is not None and self.cookie is not None
        if not app and self.token is None and not session:
            raise ValueError("give client_id and client_secret, or token, or xsrf_token and cookie")
        for name in ("token", "xsrf_token", "cookie"):
            secret: Secret | None = getattr(self, name)
            text = "-" if secret is None else secret.reveal()
            if not text or not text.isascii() or not text.isprintable():
                raise ValueError(f"{name} cannot be sent as a header")


def sign(site: Site, request: Request, token: Token | None) -> Request:
    login: Credentials = site.credentials
    bearer = login.token if token is None else token.access
    if bearer is not None:
        return request.with_headers(authorization=f"Bearer {bearer.reveal()}")
    assert login.xsrf_token is not None
    assert login.cookie is not None
    return request.with_headers(
        x_xsrf_token=login.xsrf_token.reveal(), cookie=login.cookie.reveal()
    )


def sign_in(site: Site) -> Request | None:
    """The client-credentials grant; asking again is also how a token is renewed."""
    login: Credentials = site.credentials
    if login.client_id is None or login.client_secret is None or login.token is not None:
        return None
    fields = {
        "grant_type": "client_credentials",
        "client_id": login.client_id,
        "client_secret": login.client_secret.reveal(),
        "redirect_uri": site.options.redirect_uri,
        "type": "unifiedapi",
    }
    return Request(
        "POST",
        TOKEN_PATH,
        headers=(("content-type", "application/x-www-form-urlencoded"),),
        body=urlencode(fields).encode(),
        kind=Kind.SIGN_IN,
    )


def read_token(_site: Site, reply: Reply, _request: Request, _old: Token | None) -> Token:
    answer = decode(_SIGN_IN, reply.body, "the answer to the sign-in")
    if not answer.access_token:
        raise SourceMalformed("the answer to the sign-in has no access_token")
    try:
        lifetime = integer(answer.expires_in)
    except (ValueError, ArithmeticError):
        raise SourceMalformed("expires_in of the sign-in is no number") from None
    return Token(access=Secret(answer.access_token), lifetime_seconds=lifetime)


_SIGN_IN = msgspec.json.Decoder(SignIn)

AUTH = Auth(sign=sign, sign_in=sign_in, read_token=read_token)
