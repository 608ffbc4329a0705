"""Signing requests to VCC Live: HTTP Basic on each of them, and no token that could lapse.

Source: "Authentication and Security", read August 2026.
"""

from __future__ import annotations

import base64

import msgspec

from graph.privacy import Secret
from graph.sources.contract import Auth, Request, Site, Token


class Credentials(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`customer`: the call centre's sub-domain, which is the user name as well. `token`: made in
    the product's administration; it names the addresses and resources that it is good for.
    """

    customer: str = ""
    token: Secret = Secret("")

    def __post_init__(self) -> None:
        if not self.customer or not self.token.reveal():
            raise ValueError("give customer (the sub-domain of your call centre) and token")
        if not self.customer.isprintable() or any(c in self.customer for c in ":/. "):
            raise ValueError("customer is the sub-domain alone, such as acme, without any address")


def sign(site: Site, request: Request, _token: Token | None) -> Request:
    """The request with name and token of the customer on it"""
    login: Credentials = site.credentials
    pair = f"{login.customer}:{login.token.reveal()}".encode()
    return request.with_headers(authorization="Basic " + base64.b64encode(pair).decode())


AUTH = Auth(sign=sign)
