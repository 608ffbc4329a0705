"""Three generations of endpoints to sign in, stay signed in and sign out."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph.sources.portsip.simulator.access import COOKIE, Access, Session
from graph.sources.portsip.simulator.refusals import RefusalError, invalid, reply
from graph.sources.portsip.simulator.switches import Account, Switches

_FORM = "application/x-www-form-urlencoded"
_CAPABILITIES = {"Admin": ["Analytics:FullAccess"], "QueueManager": ["Analytics:ViewOnly"]}


def routes(access: Access, switches: Switches) -> list[Route]:
    """The endpoints that this generation of the API has"""
    desk = _Desk(access, switches)
    auth = [
        access.open("/auth/sign_in", desk.sign_in, "POST"),
        access.open("/auth/refresh_token", desk.refresh, "POST"),
        access.signed("/auth/sign_out", desk.sign_out, "POST"),
        access.signed("/auth/user", desk.user),
    ]
    login = [
        access.open("/login", desk.login, "POST"),
        access.signed("/login", desk.login_status),
        access.signed("/logout", desk.logout, "POST"),
    ]
    oauth = [
        access.open("/login/oauth/token", desk.grant, "POST"),
        access.signed("/login/oauth/revoke", desk.sign_out, "POST"),
    ]
    return {"22.2": [*auth, *login, *oauth], "22.0": login, "16": oauth}[switches.generation]


class _Desk:
    def __init__(self, access: Access, switches: Switches) -> None:
        self._access = access
        self._switches = switches

    async def sign_in(self, request: Request) -> Response:
        return self._welcome(self._account(await _json(request)))

    async def refresh(self, request: Request) -> Response:
        token = _text(await _json(request), "refresh_token", 1 << 16)
        return reply(self._access.token_object(self._access.renew(token)))

    async def sign_out(self, _: Request, session: Session) -> Response:
        self._access.end(session)
        return Response()

    async def user(self, _: Request, session: Session) -> Response:
        account = session.account
        told: dict[str, Any] = {
            "role": account.role,
            "password_verified": True,
            "password_force_reset": False,
        }
        if self._switches.since(22, 3):
            told["domain"] = account.domain or ""
            told["role_id"] = account.role
            told["role_name"] = account.role
            told["capabilities"] = _CAPABILITIES.get(account.role, [])
        return reply(told)

    async def login(self, request: Request) -> Response:
        account = self._account(await _json(request))
        if account.two_factor:
            return self._welcome(account)
        session = self._access.start(account)
        told = self._switches.login_answer == "token"
        answer = reply(self._login_object(session)) if told else Response()
        answer.set_cookie(COOKIE, session.access, path="/api", httponly=True)
        return answer

    async def login_status(self, _: Request, session: Session) -> Response:
        return reply(self._login_object(session))

    async def logout(self, _: Request, session: Session) -> Response:
        self._access.end(session)
        return Response(status_code=204)

    async def grant(self, request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith(_FORM):
            raise invalid("content-type", f"{_FORM} is expected")
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        # The guide itself misspells the name on one of its pages.
        client = form.get("client_id") or _text(form, "clicent_id", 64)
        if self._switches.client_id and client != self._switches.client_id:
            raise RefusalError(400, "UNAUTHORIZED")
        match form.get("grant_type"):
            case "password":
                if form.get("scope") != "all":
                    raise invalid("scope", "the value is always all")
                return self._welcome(self._account(form))
            case "refresh_token":
                session = self._access.renew(_text(form, "refresh_token", 1 << 16))
                return reply(self._access.token_object(session))
        raise invalid("grant_type", "password or refresh_token is expected")

    def _account(self, sent: dict[str, Any]) -> Account:
        domain = None if sent.get("domain") is None else _text(sent, "domain", 280)
        return self._access.sign_in(
            _text(sent, "username", 64), _text(sent, "password", 1 << 16), domain
        )

    def _welcome(self, account: Account) -> Response:
        if account.two_factor:
            return reply({"two_factor_enabled": True, "token": "awaits-a-code"})
        return reply(self._access.token_object(self._access.start(account)))

    def _login_object(self, session: Session) -> dict[str, Any]:
        return {
            "access_token": session.access,
            **self._access.expiry(session, "expires_at", "expires_in"),
            "role": session.account.role,
        }


async def _json(request: Request) -> dict[str, Any]:
    try:
        return msgspec.json.decode(await request.body(), type=dict[str, Any])
    except msgspec.DecodeError:
        raise invalid("body", "a JSON object is expected") from None


def _text(sent: dict[str, Any], field: str, longest: int) -> str:
    value = sent.get(field)
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise invalid(field, f"a text of 1 to {longest} characters is expected")
    return value
