"""Who may ask: addresses, the client's secret, and the life of tokens."""

from __future__ import annotations

import random
import string
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from graph.sources.twin import World
from graph.sources.yeastar.simulator import refusal
from graph.sources.yeastar.simulator.refusal import Refusal
from graph.sources.yeastar.simulator.switches import Switches

_LETTERS = string.ascii_letters + string.digits


class _Session(msgspec.Struct, eq=False):
    access: str
    access_until: datetime
    renewal: str
    renewal_until: datetime
    slot: bool = True


class Gate:
    """Lets requests in, and keeps the tokens of one application."""

    def __init__(self, world: World, switches: Switches) -> None:
        self._world = world
        self._switches = switches
        self._chance = random.Random(f"tokens of {world.seed}")
        self._sessions: list[_Session] = []
        self._failures: Counter[str] = Counter()

    def admit(self, address: str) -> None:
        """Refuses whom the PBX does not even listen to"""
        switches = self._switches
        if not switches.api_enabled:
            raise Refusal(refusal.API_OFF)
        if switches.allowed_addresses is not None and address not in switches.allowed_addresses:
            raise Refusal(refusal.ADDRESS_FORBIDDEN)
        if self._failures[address] >= switches.strikes:
            raise Refusal(refusal.ADDRESS_BLOCKED)

    def unblock(self) -> None:
        self._failures.clear()

    def sign_in(self, address: str, body: dict[str, str]) -> dict[str, Any]:
        """The answer to `get_token`"""
        given = _required(body, "username"), _required(body, "password")
        if given != (self._switches.client_id, self._switches.client_secret):
            self._failures[address] += 1
            raise Refusal(self._switches.wrong_secret)
        del self._failures[address]
        now = self._world.clock()
        live = sum(session.slot and session.access_until > now for session in self._sessions)
        if live >= self._switches.slots:
            raise Refusal(refusal.LIMIT)
        return self._open(now)

    def renew(self, body: dict[str, str]) -> dict[str, Any]:
        """The answer to `refresh_token`: both tokens anew, in the slot of the old ones"""
        token = _required(body, "refresh_token")
        now = self._world.clock()
        old = self._find(lambda session: session.renewal == token and session.renewal_until > now)
        if self._switches.refresh_ends_old:
            self._sessions.remove(old)
        old.slot = False
        return self._open(now)

    def check(self, token: str) -> None:
        self._holder(token)

    def end(self, token: str) -> None:
        """What `del_token` does: both tokens end and their slot is free"""
        self._sessions.remove(self._holder(token))

    def forget(self) -> None:
        """Ends every token given out so far"""
        self._sessions.clear()

    def _open(self, now: datetime) -> dict[str, Any]:
        switches = self._switches
        session = _Session(
            access="".join(self._chance.choices(_LETTERS, k=32)),
            access_until=now + timedelta(seconds=switches.access_seconds),
            renewal="".join(self._chance.choices(_LETTERS, k=32)),
            renewal_until=now + timedelta(seconds=switches.refresh_seconds),
        )
        self._sessions = [
            kept for kept in self._sessions if max(kept.access_until, kept.renewal_until) > now
        ]
        self._sessions.append(session)
        return {
            "access_token_expire_time": switches.access_seconds,
            "access_token": session.access,
            "refresh_token_expire_time": switches.refresh_seconds,
            "refresh_token": session.renewal,
        }

    def _holder(self, token: str) -> _Session:
        now = self._world.clock()
        return self._find(lambda session: session.access == token and session.access_until > now)

    def _find(self, fits: Callable[[_Session], bool]) -> _Session:
        for session in self._sessions:
            if fits(session):
                return session
        raise Refusal(refusal.TOKEN_EXPIRED)


def _required(body: dict[str, str], name: str) -> str:
    if not body.get(name):
        raise Refusal(refusal.PARAMETER, name, "required")
    return body[name]
