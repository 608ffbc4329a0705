"""One token, one lock, one clock per source. Bad credentials are tried once, and never again."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from graph.errors import SourceError, SourceOverBudget, SourceRefused
from graph.observe import Timer, log
from graph.sources.contract import Auth, Reply, Request, Site, Token
from graph.transport.sharing import Slots

_EARLY_SECONDS = 60.0
_SIGN_IN_SECONDS = 60.0


class TokenKeeper:
    """Signs in when first needed, renews before the end, gives back at the close.

    `carry` sends a request without a token and gives its reply. Everybody who needs a token while
    one is being fetched waits for that one; fetching it outlives a caller that gives up.
    """

    def __init__(
        self,
        site: Site,
        auth: Auth,
        timer: Timer,
        carry: Callable[[Request], Awaitable[Reply]],
        slots: Slots | None = None,
    ) -> None:
        self._site = site
        self._auth = auth
        self._timer = timer
        self._carry = carry
        self._slots = slots
        self._holder = secrets.token_hex(8)
        self._token: Token | None = None
        self._good_until = 0.0
        """of the token, or of the knowledge that none is needed"""
        self._refusal: SourceRefused | None = None
        self._work: asyncio.Task[Token | None] | None = None

    async def get(self) -> Token | None:
        """A token that is good for now; None where the vendor needs none"""
        if self._refusal is not None:
            raise self._refusal
        if self._timer.monotonic() < self._good_until:
            return self._token
        return await self._share()

    async def renew(self, stale: Token | None) -> Token | None:
        """Another token than `stale`, which the vendor no longer takes"""
        if self._token is stale:
            self._good_until = 0.0
        return await self.get()

    async def release(self) -> None:
        """Gives the token back, where the vendor counts them"""
        if self._work is not None:
            self._work.cancel()
        if self._token is None:
            return
        request = self._auth.sign_out(self._site, self._token)
        self._token, self._good_until = None, 0.0
        if request is not None:
            try:
                await self._carry(request)
            except SourceError as error:
                log.info("source %s: giving the token back failed: %s", self._site.id, error)
        if self._slots is not None:
            await self._slots.free(self._holder)

    async def _share(self) -> Token | None:
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._fetch())
        return await asyncio.shield(self._work)

    async def _fetch(self) -> Token | None:
        await self._hold(_SIGN_IN_SECONDS)
        try:
            token = await self._renewed() or await self._signed_in()
        except SourceRefused as refusal:
            self._refusal = refusal
            raise
        self._token = token
        self._good_until = float("inf") if token is None else self._end(token)
        if token is not None:
            self._site.facts.update(token.facts)
            await self._hold(token.lifetime_seconds or _SIGN_IN_SECONDS)
        return token

    async def _hold(self, seconds: float) -> None:
        """Takes or keeps one of the tokens that the system gives out at a time"""
        if self._slots is not None and not await self._slots.hold(self._holder, seconds):
            raise SourceOverBudget(
                "tokens",
                f"all {self._slots.most} tokens that it gives out at a time are in use by other "
                "processes of this server",
                retry_after_seconds=_SIGN_IN_SECONDS,
            )

    def _end(self, token: Token) -> float:
        if token.lifetime_seconds is None:
            return float("inf")
        early = min(_EARLY_SECONDS, token.lifetime_seconds * 0.1)
        return self._timer.monotonic() + token.lifetime_seconds - early

    async def _renewed(self) -> Token | None:
        if self._token is None:
            return None
        request = self._auth.renew(self._site, self._token)
        if request is None:
            return None
        try:
            return await self._exchange(request, self._token)
        except SourceRefused:
            # The renewal lapsed too; the credentials themselves have not been tried.
            self._token = None
            return None

    async def _signed_in(self) -> Token | None:
        request = self._auth.sign_in(self._site)
        if request is None:
            return None
        return await self._exchange(request, None)

    async def _exchange(self, request: Request, token: Token | None) -> Token:
        assert self._auth.read_token is not None
        for _ in range(6):
            reply = await self._carry(request)
            answer = self._auth.read_token(self._site, reply, request, token)
            if isinstance(answer, Token):
                return answer
            request = answer
        raise SourceRefused("the sign-in never came to an end")
