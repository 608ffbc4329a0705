"""The door: how often a host may ask, which planned refusals it meets, and the life of tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph.sources.portsip.simulator.refusals import RefusalError, planned
from graph.sources.portsip.simulator.switches import Account, Switches
from graph.sources.twin import World

COOKIE = "session"


class Session(msgspec.Struct, frozen=True):
    """One signed-in account: its two tokens and their ends."""

    account: Account
    access: str
    refresh: str
    ends: datetime
    refresh_ends: datetime


Open = Callable[[Request], Awaitable[Response]]
Signed = Callable[[Request, Session], Awaitable[Response]]


class Access:
    """Who is signed in. Every endpoint is reached through `open` or `signed`."""

    def __init__(self, world: World, switches: Switches) -> None:
        self._world = world
        self._switches = switches
        self._by_access: dict[str, Session] = {}
        self._by_refresh: dict[str, Session] = {}
        self._given = 0
        self._asked: dict[str, tuple[int, int]] = {}

    def open(self, path: str, answer: Open, *methods: str) -> Route:
        """An endpoint that needs no token"""

        async def endpoint(request: Request) -> Response:
            self._admit(request)
            return await answer(request)

        return Route(f"/api{path}", endpoint, methods=methods or ("GET",))

    def signed(self, path: str, answer: Signed, *methods: str) -> Route:
        """An endpoint that needs a token"""

        async def endpoint(request: Request) -> Response:
            self._admit(request)
            if self._world.take(request.url.path, "expire"):
                self._by_access.clear()
                self._by_refresh.clear()
            return await answer(request, self.session(request))

        return Route(f"/api{path}", endpoint, methods=methods or ("GET",))

    def sign_in(self, username: str, password: str, domain: str | None) -> Account:
        for account in self._switches.accounts:
            names = (account.username, account.password, account.domain)
            if names == (username, password, domain or None):
                return account
        # 22.6 has other codes here, and their list is not public.
        raise RefusalError(400, "LOGIN_FAILED" if self._switches.since(22, 6) else "UNAUTHORIZED")

    def start(self, account: Account) -> Session:
        now = self._world.clock()
        session = Session(
            account,
            self._token(),
            self._token(),
            now + timedelta(seconds=self._switches.expires_in),
            now + timedelta(seconds=self._switches.refresh_seconds),
        )
        self._by_access[session.access] = self._by_refresh[session.refresh] = session
        return session

    def renew(self, refresh: str) -> Session:
        old = self._by_refresh.get(refresh)
        if old is None or self._world.clock() >= old.refresh_ends:
            raise RefusalError(400)
        if self._switches.refresh_ends_access:
            self._by_access.pop(old.access, None)
        new = self.start(old.account)
        if self._switches.refresh_rotates:
            del self._by_refresh[refresh]
            return new
        del self._by_refresh[new.refresh]
        new = msgspec.structs.replace(new, refresh=refresh, refresh_ends=old.refresh_ends)
        self._by_access[new.access] = self._by_refresh[refresh] = new
        return new

    def end(self, session: Session) -> None:
        self._by_access.pop(session.access, None)
        self._by_refresh.pop(session.refresh, None)

    def token_object(self, session: Session) -> dict[str, Any]:
        return {
            "token_type": "Bearer",
            "access_token": session.access,
            "refresh_token": session.refresh,
            **self.expiry(session, self._switches.expiry),
        }

    def expiry(self, session: Session, *names: str) -> dict[str, Any]:
        """When the access token ends, under these names"""
        left = int((session.ends - self._world.clock()).total_seconds())
        ends = session.ends.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
        told = {"expires_at": f"{ends}Z", "expires_in": left}
        return {name: told[name] for name in names}

    def session(self, request: Request) -> Session:
        """Whose token, or sign-in cookie, this request carries"""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            token = request.cookies.get(COOKIE, "")
        session = self._by_access.get(token)
        if session is None or self._world.clock() >= session.ends:
            raise RefusalError(401, "UNAUTHORIZED")
        return session

    def _admit(self, request: Request) -> None:
        host = request.client.host if request.client else ""
        if host not in self._switches.exempt_hosts:
            self._count(host)
        if fault := self._world.take(request.url.path, "error"):
            raise planned(fault.code)

    def _count(self, host: str) -> None:
        minute, second = divmod(int(self._world.clock().timestamp()), 60)
        since, asked = self._asked.get(host, (minute, 0))
        if since != minute:
            asked = 0
        if asked >= self._switches.pace:
            wait = 60 - second
            raise RefusalError(429, retry_after=wait if self._switches.retry_after else None)
        self._asked[host] = (minute, asked + 1)

    def _token(self) -> str:
        self._given += 1
        told = f"{self._world.seed}/{self._given}"
        return hashlib.sha256(told.encode()).hexdigest()[:48].upper()
