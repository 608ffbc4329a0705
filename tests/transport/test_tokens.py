"""Signing in, as often as there is a reason to."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from graph.sources.contract import Auth, Reply, Request, Site
from graph.transport.token import TokenKeeper
from tests.support import Clock, run


def test_where_there_is_nothing_to_sign_in_with_that_is_found_out_once() -> None:
    asked = 0

    def sign_in(_site: Site) -> Request | None:
        nonlocal asked
        asked += 1
        return None

    async def carry(_request: Request) -> Reply:
        raise AssertionError("there is nothing to send")

    async def work() -> None:
        site = Site("hq", ZoneInfo("UTC"), None, None)
        auth = Auth(sign=lambda _site, request, _token: request, sign_in=sign_in)
        clock = Clock()
        keeper = TokenKeeper(site, auth, clock.timer, carry)
        for _ in range(3):
            assert await keeper.get() is None
            clock.advance(86_400)
        assert asked == 1
        assert await keeper.renew(None) is None
        assert asked == 2

    run(work)
