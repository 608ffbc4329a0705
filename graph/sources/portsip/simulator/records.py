"""The endpoints of calls and their logs."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graph.sources.portsip.simulator.access import Access, Session
from graph.sources.portsip.simulator.history import History, SessionRow
from graph.sources.portsip.simulator.listing import Listing, R
from graph.sources.portsip.simulator.query import read
from graph.sources.portsip.simulator.refusals import RefusalError, reply
from graph.sources.portsip.simulator.rows import COLUMNS, UNHEARD
from graph.sources.portsip.simulator.switches import Switches
from graph.sources.twin import World

_TENANT_WIDE = ("Admin", "QueueManager")
_BILL = frozenset({"cost", "billed_account"})


def routes(world: World, switches: Switches, access: Access) -> list[Route]:
    """The endpoints that this version of the PBX has"""
    desk = _Desk(world, switches)
    found = [
        # One guide prints POST for the list; everything else says GET.
        access.signed("/cdrs", desk.sessions, "GET", "POST"),
        access.signed("/cdrs/{id}", desk.session),
        access.signed("/user/cdrs", desk.own_sessions),
        access.signed("/user/cdrs/{id}", desk.own_session),
    ]
    if switches.since(22, 0, 42):
        found.append(access.signed("/calllogs", desk.logs))
        found.append(access.signed("/calllogs/{id}", desk.log))
    return found


class _Desk:
    def __init__(self, world: World, switches: Switches) -> None:
        self._world = world
        self._switches = switches
        self._history = History(world, switches)
        unbilled = frozenset() if switches.billing else _BILL
        recent = frozenset() if switches.since(22) else {"service_number", "user_data"}
        self._session_hides = _BILL | {"session_id"} | recent
        self._leg_hides = unbilled | {"id", "session_id"}
        self._log_hides = _BILL
        self._log_detail_hides = unbilled

    async def sessions(self, request: Request, session: Session) -> Response:
        _see_all(session)
        return self._page(request, self._history.sessions(), self._session_hides)

    async def session(self, request: Request, session: Session) -> Response:
        _see_all(session)
        row = self._find(request, self._history.sessions())
        return reply({"items": self._legs(request, row)})

    async def own_sessions(self, request: Request, session: Session) -> Response:
        return self._page(request, self._own(session), self._session_hides)

    async def own_session(self, request: Request, session: Session) -> Response:
        legs = self._legs(request, self._find(request, self._own(session)))
        if self._switches.user_detail == "list":
            return reply({"items": legs})
        return reply({"items": {name: legs[0][name] for name in legs[0] if name != "duration"}})

    async def logs(self, request: Request, session: Session) -> Response:
        _see_all(session)
        return self._page(request, self._history.logs(), self._log_hides)

    async def log(self, request: Request, session: Session) -> Response:
        _see_all(session)
        row = self._find(request, self._history.logs())
        return reply(self._history.writer.wire(row, self._log_detail_hides))

    def _own(self, session: Session) -> Listing[SessionRow]:
        return self._history.sessions(session.account.number or "")

    def _page(self, request: Request, rows: Listing[R], hidden: frozenset[str]) -> Response:
        columns = {name: kind for name, kind in COLUMNS.items() if name not in hidden}
        switches = self._switches
        query = read(request.query_params, columns, switches, switches.default_order)
        path = request.url.path
        if self._world.take(path, "repeat"):
            query = msgspec.structs.replace(query, skip=0)
        count, page = rows.page(query)
        items = [self._history.writer.wire(row, hidden) for row in page]
        items = self._world.spoil(path, items, UNHEARD)
        return reply({"count": count, "items": items} if query.count else {"items": items})

    def _legs(self, request: Request, row: SessionRow) -> list[dict[str, object]]:
        legs = [self._history.writer.wire(leg, self._leg_hides) for leg in row.legs]
        return self._world.spoil(request.url.path, legs, UNHEARD)

    def _find(self, request: Request, rows: Listing[R]) -> R:
        row = rows.get(request.path_params["id"])
        if row is None:
            raise RefusalError(self._switches.unknown_id_status)
        return row


def _see_all(session: Session) -> None:
    if session.account.role not in _TENANT_WIDE:
        raise RefusalError(403)
