"""The Voicenter twin: the Call Log API, one path for POST JSON and for GET.

Documentation: "Call log (Version 0.1)", https://api1.voicenter.co.il/hub/cdr/, and the current
"Call Log API", https://api.voicenter.com/hub/cdr/, at https://www.voicenter.com/API/Call-Log.
`Switches.api` says which of the two is spoken.

Simulated: `code`, Bearer token and trusted addresses; 30 requests a minute; the limit of 10,000
rows, which cuts the list (current) or refuses it (0.1); error numbers inside the body; projection
by `fields`; every search criterion; `sort`; the HTML table of 0.1. Not simulated: the history with
AI data of one call, and the push of finished calls.

The vendor has no pages: the fault "repeat" gives the rows of the answer before, whatever is asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from graph.sources.twin import Watched, World
from graph.sources.voicenter.simulator.search import Asked, Page, RefusedError, Search, text
from graph.sources.voicenter.simulator.switches import SETTINGS, Switches

__all__ = ["SETTINGS", "Switches", "simulate"]

_ERRORS = {
    0: (200, "OK"),
    1: (403, "Request limit exceeded. Please try again later."),
    2: (403, "Authorization failed."),
    3: (403, "CDR limit exceeded."),
    4: (403, "IP address {ip} is not trusted."),
    5: (404, "Date range invalid."),
}
_UNHEARD = {
    "type": "Hologram Call",
    "cdrtype": 99,
    "dialstatus": "TELEPORTED",
    "dialstatus2": "TELEPORTED",
}
_MINUTE = timedelta(seconds=60)


def simulate(world: World, switches: Switches | None = None) -> Watched:
    """The twin as an ASGI app"""
    log = _CallLog(world, switches or Switches())
    paths = ("/hub/cdr/", "/hub/cdr")
    routes = [Route(path, log.answer, methods=["GET", "POST"]) for path in paths]
    return Watched(Starlette(routes=routes), world)


class _CallLog:
    def __init__(self, world: World, switches: Switches) -> None:
        self.world = world
        self.switches = switches
        self.search = Search(world, switches)
        self.admitted: dict[str, deque[datetime]] = {}
        self.page_before: Page | None = None

    async def answer(self, request: Request) -> Response:
        asked = _asked(request, await request.body())
        path = request.url.path
        ip = request.client.host if request.client else ""
        try:
            self._admit(request, asked, ip)
            rows, total = self._page(path, asked)
        except RefusedError as refused:
            body = self._head(refused.number, ip)
            rows = []
            if self.switches.list_on_error:
                body["CDR_LIST"] = rows
            status = _status(refused.number)
        else:
            body = self._head(0, ip)
            if not self.switches.old:
                body |= {"TOTAL_HITS": total, "RETURN_HITS": len(rows)}
            rows = self.world.spoil(path, rows, _unheard(rows))
            if rows or self.switches.list_when_none:
                body["CDR_LIST"] = rows
            status = 200
        in_http = self.switches.http_status
        if in_http is None:
            in_http = not self.switches.old
        if not in_http:
            status = 200
        if self.switches.old and text(asked, "format").upper() == "HTML":
            return HTMLResponse(_html(body), status)
        return Response(msgspec.json.encode(body), status, media_type="application/json")

    def _admit(self, request: Request, asked: Asked, ip: str) -> None:
        fault = self.world.take(request.url.path, "error")
        if fault:
            raise RefusedError(int(fault.code) if fault.code.isdigit() else 1)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        bearer = scheme.lower() == "bearer" and not self.switches.old
        credential = token.strip() if bearer else text(asked, "code")
        known = credential == (self.switches.token if bearer else self.switches.code)
        if not known or self.world.take(request.url.path, "expire"):
            raise RefusedError(2)
        trusted = self.switches.trusted_ips
        if trusted and ip not in trusted and not (bearer and self.switches.bearer_skips_ip):
            raise RefusedError(4)
        now = self.world.clock()
        times = self.admitted.setdefault(credential, deque())
        while times and now - times[0] >= _MINUTE:
            times.popleft()
        if len(times) >= self.switches.requests_per_minute > 0:
            raise RefusedError(1)
        times.append(now)

    def _page(self, path: str, asked: Asked) -> Page:
        page = self.search.page(asked)
        if self.world.take(path, "repeat") and self.page_before:
            return self.page_before
        self.page_before = page
        return page

    def _head(self, number: int, ip: str) -> dict[str, Any]:
        words = _ERRORS[number][1].format(ip=ip) if number in _ERRORS else "Internal error."
        head: dict[str, Any] = {"ERROR_NUMBER": number, "ERROR_DESCRIPTION": words}
        if not self.switches.old:
            head["STATUS_CODE"] = _status(number)
        return head


def _status(number: int) -> int:
    return _ERRORS[number][0] if number in _ERRORS else 500


def _asked(request: Request, body: bytes) -> Asked:
    """The parameters: flat in GET; in POST those of `search` too, wherever they stand"""
    asked: dict[str, Any] = {}
    if request.method != "POST":
        for name, value in request.query_params.multi_items():
            asked.setdefault(name.lower(), []).append(value)
        return asked
    try:
        sent = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return asked
    if isinstance(sent, dict):
        asked |= {name.lower(): value for name, value in sent.items()}
        search = asked.pop("search", None)
        for criteria in search if isinstance(search, list) else [search]:
            if isinstance(criteria, dict):
                asked |= {name.lower(): value for name, value in criteria.items()}
    return asked


def _unheard(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = rows[0] if rows else {}
    return {name: _UNHEARD[name.lower()] for name in names if name.lower() in _UNHEARD}


def _html(body: Mapping[str, Any]) -> str:
    """A page with a table of the rows, or of the error"""
    rows = body.get("CDR_LIST")
    if not rows:
        rows = [{name: value for name, value in body.items() if name != "CDR_LIST"}]
    lines = [_line("th", rows[0]), *(_line("td", row.values()) for row in rows)]
    return f"<!doctype html><title>Call log</title><table>{''.join(lines)}</table>"


def _line(tag: str, cells: Any) -> str:
    written = (c if isinstance(c, str) else msgspec.json.encode(c).decode() for c in cells)
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in written)}</tr>"
