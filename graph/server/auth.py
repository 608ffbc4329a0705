"""Who asks: the token of a request becomes a Caller, and stops being one when it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

from graph.caller import LOOPBACK, NOBODY, Caller
from graph.config import ServerSettings
from graph.errors import GraphError, NotSignedIn
from graph.observe import Timer
from graph.server.oidc import Fetch, Provider
from graph.server.tokens import Tokens

_CHECK_SECONDS = 2.0
"""how soon a revoked token ends what is still open"""


class Gate:
    """Tells who asks, by the tokens file and the OpenID provider of the settings.

    Where neither is configured nobody has to sign in, and everybody is the caller of a server
    that only its own machine can reach.
    """

    def __init__(self, settings: ServerSettings, timer: Timer, fetch: Fetch | None = None) -> None:
        self._timer = timer
        self._tokens: Tokens | None = None
        self._provider: Provider | None = None
        if settings.tokens_file is not None:
            self._tokens = Tokens(Path(settings.tokens_file), timer.now)
        if settings.oidc is not None:
            self._provider = Provider(settings.oidc, timer, fetch)
        self.asks = settings.asks_who
        self.first = NOBODY if self.asks else LOOPBACK
        """who asks before a token was shown"""

    async def caller(self, authorization: str | None) -> Caller:
        """Who shows this `Authorization` (RFC 6750); NotSignedIn where nobody is known by it"""
        if not self.asks:
            return LOOPBACK
        if not authorization:
            raise NotSignedIn("sign in: send `Authorization: Bearer <token>`", given=False)
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise NotSignedIn("send the token as `Authorization: Bearer <token>`")
        if self._tokens is not None:
            known = self._tokens.caller(token)
            if known is not None:
                return known
        # What our own command makes has no dots, and a JWT has two.
        if self._provider is not None and token.count(".") == 2:
            return await self._provider.caller(token)
        raise NotSignedIn("this token is not known here, was revoked, or is past its end")

    def good(self, caller: Caller) -> bool:
        """The caller's token has neither ended nor been revoked since it was shown"""
        if caller.credential is not None:
            return self._tokens is not None and self._tokens.knows(caller)
        return caller.expires_at is None or self._timer.now() < caller.expires_at

    async def ended(self, caller: Caller) -> None:
        """Comes back when the caller's token is no longer good; never, if it is good for ever"""
        if caller.credential is None and caller.expires_at is None:
            await asyncio.Event().wait()
        while self.good(caller):
            wait = _CHECK_SECONDS
            if caller.expires_at is not None:
                wait = min(wait, (caller.expires_at - self._timer.now()).total_seconds())
            await self._timer.sleep(max(wait, 0.0))


def challenge(error: GraphError) -> dict[str, str]:
    """What a refusal's header says of how to sign in (RFC 6750, 3); empty for other refusals"""
    if not isinstance(error, NotSignedIn):
        return {}
    told = ', error="invalid_token"' if error.given else ""
    return {"www-authenticate": f'Bearer realm="cdr-graph"{told}'}


STATUSES = {"UNAUTHENTICATED": 401, "UNAVAILABLE": 503}
"""what a refusal at the gate is in HTTP"""
