"""Signing in to a Yeastar PBX: client id and secret for a token of half an hour.

Sources: developer guide "Get Access Token", "Authorization Rule", "Query PBX Information", read
August 2026. A PBX gives out eight tokens at a time and blocks an address after five refused
sign-ins, so a refusal is never repeated, a token is renewed in its slot and given back at the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from graph.errors import SourceMalformed
from graph.privacy import Secret
from graph.sources.contract import Auth, Kind, Reply, Request, Site, Token, post_json
from graph.sources.decoding import decode
from graph.sources.yeastar.wire import Information, SignIn, System

API = "/openapi/v1.0"
AGENT = (("user-agent", "OpenAPI"),)
"""the PBX wants every request to name a program; any name will do"""
_ANY_STATUS = frozenset(range(300, 600))


class Credentials(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`client_id` and `client_secret` of Integrations > API; or an `access_token`, which lasts for
    half an hour and is not renewed.
    """

    client_id: str | None = None
    client_secret: Secret | None = None
    access_token: Secret | None = None

    def __post_init__(self) -> None:
        pair = (self.client_id, self.client_secret)
        if self.access_token is not None:
            if pair != (None, None):
                raise ValueError("give client_id and client_secret, or access_token, not both")
        elif None in pair:
            raise ValueError("give client_id and client_secret, or access_token")
        given = (self.client_id, _text(self.client_secret), _text(self.access_token))
        if "" in given:
            raise ValueError("client_id, client_secret and access_token must not be empty")


def _text(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


class Look(Request, frozen=True):
    """The look at the firmware that ends a sign-in; it carries the token that is already there."""

    token: Token | None = None


def sign(site: Site, request: Request, token: Token | None) -> Request:
    secret: Secret = site.credentials.access_token if token is None else token.access
    return request.with_params(access_token=secret.reveal())


def sign_in(site: Site) -> Request | None:
    login: Credentials = site.credentials
    if login.client_id is None or login.client_secret is None:
        return None
    return _post("get_token", username=login.client_id, password=login.client_secret.reveal())


def renew(_site: Site, token: Token) -> Request | None:
    if token.renewal is None:
        return None
    return _post("refresh_token", refresh_token=token.renewal.reveal())


def sign_out(site: Site, token: Token) -> Request | None:
    return sign(site, Request("GET", f"{API}/del_token", headers=AGENT, kind=Kind.SIGN_IN), token)


def _post(endpoint: str, **fields: str) -> Request:
    request = post_json(f"{API}/{endpoint}", fields, Kind.SIGN_IN)
    return msgspec.structs.replace(request, headers=request.headers + AGENT)


_SIGN_IN = msgspec.json.Decoder(SignIn)
_INFORMATION = msgspec.json.Decoder(Information)


def read_token(site: Site, reply: Reply, request: Request, _old: Token | None) -> Token | Request:
    """The token; after a first sign-in the look at the firmware, which is allowed to fail."""
    if isinstance(request, Look) and request.token is not None:
        return msgspec.structs.replace(request.token, facts=read_facts(reply, site.zone))
    answer = decode(_SIGN_IN, reply.body, "the answer to the sign-in")
    if not answer.access_token:
        raise SourceMalformed("the answer to the sign-in has no access_token")
    token = Token(
        access=Secret(answer.access_token),
        renewal=Secret(answer.refresh_token) if answer.refresh_token else None,
        lifetime_seconds=answer.access_token_expire_time,
    )
    if not site.options.look_at_firmware or not request.path.endswith("/get_token"):
        return token
    return Look(
        "GET",
        f"{API}/system/information",
        params=(("access_token", answer.access_token),),
        headers=AGENT,
        kind=Kind.SIGN_IN,
        accept=_ANY_STATUS,
        token=token,
    )


# ---------------------------------------------------------------- what the PBX tells of itself


def read_facts(reply: Reply, zone: ZoneInfo) -> Mapping[str, Any]:
    """Firmware, display format and clock; what is not told, or not understood, is left out.

    `firmware` "37.23.0.83"; `date_format` like "MM/DD/YYYY"; `clock_hours` 12 or 24;
    `utc_offset_seconds` of the PBX's clock now; `zone_agrees`: the configured zone has that offset.
    """
    try:
        told = _INFORMATION.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    system = told.data or told
    shown = f"{system.system_time_format} {system.system_time}".upper()
    facts: dict[str, Any] = {
        "firmware": system.firmware_version or None,
        "date_format": system.system_date_format if _order(system.system_date_format) else None,
        "clock_hours": None
        if system.system_time is None
        else 12
        if re.search(r"\b[AP]M\b", shown)
        else 24,
        "utc_offset_seconds": _offset(system),
    }
    if facts["utc_offset_seconds"] is not None and system.timestamp is not None:
        at = datetime.fromtimestamp(system.timestamp, zone)
        facts["zone_agrees"] = at.utcoffset() == timedelta(seconds=facts["utc_offset_seconds"])
    return {name: value for name, value in facts.items() if value is not None}


def _order(date_format: str | None) -> list[int] | None:
    """Where year, month and day stand in "MM/DD/YYYY"; None if it is no such format"""
    parts = (date_format or "").split("/")
    if sorted(parts) != ["DD", "MM", "YYYY"]:
        return None
    return [parts.index(part) for part in ("YYYY", "MM", "DD")]


def _offset(system: System) -> int | None:
    """The PBX's clock minus UTC, in seconds; zones differ by whole quarters of an hour"""
    order = _order(system.system_date_format)
    if order is None or system.system_time is None or system.timestamp is None:
        return None
    numbers = [int(digits) for digits in re.findall(r"\d+", system.system_time)]
    half = re.search(r"\b([AP])M\b", system.system_time.upper())
    try:
        year, month, day = (numbers[place] for place in order)
        hour, minute, second = numbers[3:6]
        if half is not None:
            hour = hour % 12 + (12 if half[1] == "P" else 0)
        shown = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except (ValueError, IndexError):
        return None
    return round((shown.timestamp() - system.timestamp) / 900) * 900


AUTH = Auth(
    sign=sign,
    sign_in=sign_in,
    renew=renew,
    sign_out=sign_out,
    tokens_at_once=8,
    read_token=read_token,
)
