"""Credentials of Voicenter: a lasting code in each body, or a lasting token in a header.

There is no sign-in. Beside the code, the vendor wants requests to come from an address that was
made trusted in its control panel. Source: "Call Log API", read August 2026.
"""

from __future__ import annotations

import msgspec

from graph.privacy import Secret
from graph.sources.contract import Auth, Request, Site, Token


class Credentials(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`code`, the account's identifier, or `token`, a JWT that only the current API takes."""

    code: Secret | None = None
    token: Secret | None = None

    def __post_init__(self) -> None:
        if (self.code is None) is (self.token is None):
            raise ValueError("give code, or token, and not both")


def sign(site: Site, request: Request, _token: Token | None) -> Request:
    """The request with the code in its body, never in an address, which would be logged"""
    login: Credentials = site.credentials
    if login.token is not None:
        return request.with_headers(authorization=f"Bearer {login.token.reveal()}")
    assert login.code is not None
    assert request.body is not None
    body = {"code": login.code.reveal(), **msgspec.json.decode(request.body)}
    return msgspec.structs.replace(request, body=msgspec.json.encode(body))


AUTH = Auth(sign=sign)
