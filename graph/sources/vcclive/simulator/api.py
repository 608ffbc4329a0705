"""Who may ask what, and how it is answered."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph.sources.twin import Watched, World
from graph.sources.vcclive.simulator.book import Book
from graph.sources.vcclive.simulator.rows import UNHEARD_OF, Row
from graph.sources.vcclive.simulator.switches import Switches

_ERRORS = {
    401: "error.unauthorized",
    403: "error.forbidden",
    404: "error.not_found",
    405: "error.method_not_allowed",
    417: "error.missing_arguments",
    500: "error.internal",
}


def simulate(world: World, switches: Switches | None = None) -> Watched:
    """The API as an app over this world.

    The codes of an "error" fault: "401", "403", "404" and "500" (also no code) with that status,
    "417" as for a bad value, "partial" for a whole answer that has an error beside it.
    """
    api = _Api(world, switches or Switches())
    app = Starlette(
        routes=[
            Route("/v2/cdr/{year}/{month}/{uuid}", api.one),
            Route("/v2/cdrs/{year}/{month}", api.many),
            Route("/v2/cdrs/{year}/{month}/{day}", api.many),
        ],
        exception_handlers={HTTPException: api.refuse},
    )
    app.router.redirect_slashes = False
    return Watched(app, world)


class _Api:
    def __init__(self, world: World, switches: Switches) -> None:
        self.world = world
        self.switches = switches
        self.book = Book(world, switches)
        self.zone = UTC if switches.utc_paths else ZoneInfo(switches.time_zone)

    async def one(self, request: Request) -> Response:
        errors = self._admit(request)
        item = self.book.find(request.path_params["uuid"], self._days(request))
        if item is None:
            return self._not_there(request)
        row = self.book.row(item, listed=False)
        if self.world.take(request.url.path, "unknown"):
            row = {key: UNHEARD_OF.get(key, value) for key, value in row.items()}
        return _answer(request, row, errors)

    async def many(self, request: Request) -> Response:
        errors = self._admit(request)
        days = self._days(request)
        query, path = request.query_params, request.url.path
        start = _whole(query.get("start", "0"))
        num = _whole(query.get("num", str(self.switches.default_num)), least=1)
        project = _whole(query["projectid"]) if "projectid" in query else None
        items = self.book.between(days, project)
        if self.world.take(path, "repeat"):
            start = 0
        page = self.book.page(items, start, min(num, self.switches.most_rows))
        rows = [self.book.row(item, listed=True) for item in page]
        rows = self.world.spoil(path, rows, UNHEARD_OF)
        count = str(len(items)) if self.switches.total_count_text else len(items)
        return _answer(request, {"rows": rows, "totalCount": count}, errors)

    async def refuse(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = error.status_code
        status = self.switches.argument_error_status if code == 417 else code
        return _answer(request, [], [_error(code)], status, error.headers)

    def _admit(self, request: Request) -> list[Row]:
        """The errors to put beside the answer; raises if there shall be no answer"""
        path, query = request.url.path, request.url.query
        allowed = self.switches.allowed_ips
        if allowed is not None and not _is_among(request, allowed):
            raise HTTPException(403)
        given = request.headers.get("authorization", "")
        if not _opens(given, self.switches) or self.world.take(path, "expire"):
            raise HTTPException(401, headers={"WWW-Authenticate": 'Basic realm="VCC Live"'})
        if not re.fullmatch(self.switches.allowed_resources, f"{path}?{query}" if query else path):
            raise HTTPException(403)
        fault = self.world.take(path, "error")
        if fault is None:
            return []
        if fault.code == "partial":
            return [_error(500)]
        raise HTTPException(int(fault.code or 500))

    def _days(self, request: Request) -> list[datetime]:
        """The midnights that bound each day of the path's day or month"""
        parts = request.path_params
        year = _whole(parts["year"], digits=4, least=1000)
        month = _whole(parts["month"], digits=2)
        day = _whole(parts.get("day", "1"), digits=2)
        try:
            first = datetime(year, month, day, tzinfo=self.zone)
            after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=self.zone)
        except ValueError:
            raise HTTPException(417) from None
        count = 1 if "day" in parts else (after - first).days
        return [(first + timedelta(days=n)).astimezone(UTC) for n in range(count + 1)]

    def _not_there(self, request: Request) -> Response:
        match self.switches.not_ready:
            case "empty_list":
                return _answer(request, [])
            case "empty_object":
                return _answer(request, {})
            case "empty_body":
                return Response(b"", media_type="text/plain")
            case "404":
                raise HTTPException(404)


def _answer(
    request: Request,
    response: Any,
    errors: Sequence[Row] = (),
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    body = msgspec.json.encode({"response": response, "errors": errors})
    every = {
        "Allow": "GET",
        "Etag": f'"{zlib.crc32(body):08x}"',
        "X-Resource": request.url.path,
        **(headers or {}),
    }
    # Text, although it is JSON; Starlette adds the charset.
    return Response(body, status, every, media_type="text/plain")


def _error(code: int) -> Row:
    return {"errorcode": code, "index": 1, "errormessage": _ERRORS[code]}


def _whole(text: str, *, least: int = 0, digits: int = 9) -> int:
    if re.fullmatch(rf"[0-9]{{1,{digits}}}", text) and int(text) >= least:
        return int(text)
    raise HTTPException(417)


def _is_among(request: Request, allowed: Sequence[str]) -> bool:
    if request.client is None:
        return False
    address = ip_address(request.client.host)
    return any(address in ip_network(entry) for entry in allowed)


def _opens(authorization: str, switches: Switches) -> bool:
    scheme, _, text = authorization.partition(" ")
    try:
        given = base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    wanted = f"{switches.customer}:{switches.token}".encode()
    return scheme.lower() == "basic" and secrets.compare_digest(given, wanted)
