"""The twin of 4PSA VoipNow / Hubgets: UnifiedAPI v5, CDR Service (last updated 13 Jan 2026).

Simulated, as that page and the vendor's pages "Authentication and Authorization", "HTTP Return
Codes", "Data Types", "List CDR", "PhoneCalls Resource" and "PhoneCallView" describe them:

- `POST /oauth/token.php` with the client-credentials grant of a trusted App;
- `GET /uapi/cdr[/{userId}]`, `GET /uapi/cdr/stats[/{userId}]` and the older `/uapi/stats/{userId}`;
- a token in the header or in the query, or a browser session;
- the scopes of an administrator, one organization, and its users.

The authorization-code grant, `@me` and its like, and live calls are not simulated.
"""

from __future__ import annotations

import re
from collections import deque
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph.sources.twin import Watched, World
from graph.sources.voipnow.simulator.history import History
from graph.sources.voipnow.simulator.query import STATUSES, Question, Refusal
from graph.sources.voipnow.simulator.rows import Row, Writer
from graph.sources.voipnow.simulator.switches import SETTINGS, Switches

__all__ = ["SETTINGS", "Switches", "simulate"]

_UNHEARD = {"disposition": 42, "flow": 64}
_FORM = "application/x-www-form-urlencoded"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def simulate(world: World, switches: Switches | None = None) -> Watched:
    twin = _Twin(world, switches or Switches())
    routes = [
        Route("/oauth/token.php", twin.token, methods=["POST"]),
        Route("/uapi/{rest:path}", twin.unified, methods=_METHODS),
    ]
    return Watched(Starlette(routes=routes), world)


class _Twin:
    def __init__(self, world: World, switches: Switches) -> None:
        self.world = world
        self.switches = switches
        self.writer = Writer(switches, world.seed)
        self.history = History(world, switches, self.writer)
        self.tokens: dict[str, tuple[datetime, str]] = {}
        """token -> its end, and the App's secret at that time"""
        self.asked: deque[datetime] = deque()

    async def token(self, request: Request) -> Response:
        switches = self.switches
        if fault := self.world.take(request.url.path, "error"):
            refusal = Refusal(fault.code or "server_error")
            return _json({"error": refusal.code}, refusal.status)
        form = {}
        if request.headers.get("content-type", "").partition(";")[0].strip() == _FORM:
            body = (await request.body()).decode("latin-1")
            form = {name: values[-1] for name, values in parse_qs(body).items()}
        if "grant_type" not in form or "redirect_uri" not in form:
            return _json({"error": "invalid_request"}, 400)
        if form["grant_type"] != "client_credentials":
            return _json({"error": "unsupported_grant_type"}, 400)
        known = (switches.app_key, switches.app_secret)
        if (form.get("client_id"), form.get("client_secret")) != known:
            return _json({"error": "invalid_client"}, STATUSES["invalid_client"])
        token = f"{self.world.chance.getrandbits(160):040x}"
        end = self.world.clock() + timedelta(seconds=switches.token_seconds)
        self.tokens[token] = (end, switches.app_secret)
        answer: dict[str, Any] = {"access_token": token, "expires_in": switches.token_seconds}
        if switches.token_type:
            answer["token_type"] = "Bearer"  # noqa: S105
        return _json(answer)

    async def unified(self, request: Request) -> Response:
        try:
            return self._answer(request)
        except Refusal as refusal:
            message = f"{refusal.code.replace('_', ' ').capitalize()}."
            body = {"error": {"code": refusal.code, "message": message}}
            return _json(body, refusal.status)

    def _answer(self, request: Request) -> Response:
        self._limit()
        self._authorize(request)
        if fault := self.world.take(request.url.path, "error"):
            raise Refusal(fault.code or "internal_server_error")
        match [request.method, *filter(None, request.url.path.split("/"))]:
            case ["GET", _, "cdr", "stats"]:
                return self._stats(request, self.switches.owner)
            case ["GET", _, "cdr", "stats", user]:
                return self._stats(request, user)
            case ["GET", _, "stats", user] if self.switches.old_stats_path:
                return self._stats(request, user)
            case ["GET", _, "cdr"]:
                return self._list(request, self.switches.owner)
            case ["GET", _, "cdr", user]:
                return self._list(request, user)
        raise Refusal("request_not_implemented")

    def _limit(self) -> None:
        if most := self.switches.requests_per_minute:
            now = self.world.clock()
            while self.asked and self.asked[0] <= now - timedelta(minutes=1):
                self.asked.popleft()
            if len(self.asked) >= most:
                raise Refusal("too_many_requests")
            self.asked.append(now)

    def _authorize(self, request: Request) -> None:
        stale = Refusal("access_denied", self.switches.refused_status)
        if self.world.take(request.url.path, "expire"):
            self.tokens.clear()
            raise stale
        header = request.headers.get("authorization", "")
        token = request.query_params.get("accessRequestToken", "")
        if header or token:
            # The query's token comes with the word Bearer or bare, the header's always with it.
            bare = re.sub(r"^Bearer +", "", header or token, flags=re.IGNORECASE)
            end, secret = self.tokens.get(bare, (None, None))
            lives = end is not None and self.world.clock() < end
            if bare == header or not lives or secret != self.switches.app_secret:
                raise stale
            return
        cookies, echo = request.cookies, request.headers.get("x-xsrf-token")
        signed_in = cookies.get("dev") and cookies.get("vn") == self.switches.session
        if not signed_in or not echo or echo != cookies.get("xsrf-token"):
            raise Refusal("access_denied")

    def _question(self, request: Request, user: str) -> Question:
        switches = self.switches
        if user not in (switches.administrator, switches.organization, *switches.users):
            raise Refusal("user_invalid")
        reaches = {
            switches.administrator: True,
            switches.organization: user != switches.administrator,
        }
        if not reaches.get(switches.owner, user == switches.owner):
            raise Refusal("access_denied")
        number = switches.users.get(user)
        extension = None if number is None else f"{switches.prefix}*{number}"
        return Question(request.query_params, switches, self.world.clock(), extension)

    def _list(self, request: Request, user: str) -> Response:
        question = self._question(request, user)
        page = question.page()
        found = self.history.search(question.wanted())
        path = request.url.path
        start = 0 if self.world.take(path, "repeat") else page.start
        records = self.history.page(found, start, page.count, page.descending)
        if not records:
            return Response(status_code=204)
        rows = [self.writer.row(record) for record in records]
        keys = [self.writer.key(row, record) for row, record in zip(rows, records, strict=True)]
        if page.fields is not None:
            rows = [{name: row[name] for name in page.fields if name in row} for row in rows]
        pairs = self._spoil(path, list(zip(keys, rows, strict=True)))
        number = self.writer.number
        answer = {
            "entry": [row for _, row in pairs] if self.switches.entry == "array" else dict(pairs),
            "startIndex": number(page.start),
            "totalResults": number(len(found)),
            "itemsPerPage": number(page.count),
            "filtered": page.filtered,
            "sorted": True,
            "paging": self._paging(request, page.start + page.count, len(found)),
        }
        if self.switches.stats_beside_entry:
            answer["phoneCallStat"] = [
                {**row, "total": str(row["total"])} for row in self.writer.stats(found)
            ]
        return _json(answer)

    def _stats(self, request: Request, user: str) -> Response:
        period = self._question(request, user).period()
        rows = self.writer.stats(self.history.search(period))
        return _json(self.world.spoil(request.url.path, rows, {"type": 7}))

    def _paging(self, request: Request, following: int, total: int) -> dict[str, str] | list[str]:
        if self.switches.paging == "array":
            return []
        reachable = following < total and following <= self.switches.largest_start
        if self.switches.paging == "object" or not reachable:
            return {}
        return {"next": str(request.url.include_query_params(startIndex=following))}

    def _spoil(self, path: str, pairs: list[tuple[str, Row]]) -> list[tuple[str, Row]]:
        # The vendor's words stand one level down, in the views, where `World.spoil` does not look.
        if self.world.take(path, "duplicate"):
            pairs = [pairs[0], *pairs]
        if self.world.take(path, "unknown"):
            for _, row in pairs:
                if views := row.get("phoneCallView"):
                    row["phoneCallView"] = [{**view, **_UNHEARD} for view in views]
        return pairs


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
