"""Reports: definitions, their runs over the PBX's own calls, finished files, and the files' bytes.

A report runs at once; with a cron expression it rests as SCHEDULED between its runs. A run takes
some seconds, and then either a finished report appears, or the definition is ABORTED. Nothing
ties a finished report to the one that made it. What a report that ran once rests as is not
documented, and is a switch.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from graph.sources.portsip.simulator.access import Access, Session
from graph.sources.portsip.simulator.listing import Listing, Row
from graph.sources.portsip.simulator.query import EPOCH, TICK, Kind, Says, read
from graph.sources.portsip.simulator.refusals import RefusalError, reply
from graph.sources.portsip.simulator.report_body import check
from graph.sources.portsip.simulator.report_file import table
from graph.sources.portsip.simulator.switches import Switches
from graph.sources.twin import World

_READERS = ("Admin", "QueueManager")
_DEFINITION: dict[str, Kind] = {
    "id": "text", "name": "text", "type": "text", "cron_expr": "text", "status": "text",
}  # fmt: skip
_FINISHED: dict[str, Kind] = {
    "id": "text", "name": "text", "type": "text", "format": "text", "completed_at": "time",
    "file_name": "text", "file_size": "number", "file_url": "text",
}  # fmt: skip
_BLOCK = 65_536


class _Report(msgspec.Struct):
    """A definition. `ends`: when its run that is under way ends; `due`: when the next one begins"""

    id: str
    body: dict[str, Any]
    status: str
    ends: datetime | None
    due: datetime | None


class _Finished(msgspec.Struct):
    id: str
    body: dict[str, Any]
    digest: str
    content: bytes
    at: datetime


class _Line(Row):
    """A row of either list"""

    __slots__ = ("_values",)

    def __init__(self, at: int, id: str, values: Says) -> None:
        super().__init__(at, id, id)
        self._values = values

    def _say(self) -> Says:
        return self._values


def routes(world: World, switches: Switches, access: Access) -> list[Route]:
    desk = _Desk(world, switches)
    blob = access.signed if switches.private_blobs else _unsigned(access)
    return [
        access.signed("/call_reports", desk.definitions),
        access.signed("/call_reports", desk.create, "POST"),
        access.signed("/call_reports/{id}", desk.definition),
        access.signed("/call_reports/{id}", desk.update, "POST"),
        access.signed("/call_reports/{id}/destroy", desk.destroy, "POST"),
        access.signed("/completed_call_reports", desk.finished_ones),
        access.signed("/completed_call_reports/{id}", desk.finished),
        access.signed("/completed_call_reports/{id}/destroy", desk.destroy_finished, "POST"),
        blob("/blobs/{digest}", desk.blob),
    ]


def _unsigned(access: Access) -> Callable[[str, Any], Route]:
    def make(path: str, answer: Any) -> Route:
        async def endpoint(request: Request) -> Response:
            answered: Response = await answer(request, None)
            return answered

        return access.open(path, endpoint)

    return make


class _Desk:
    def __init__(self, world: World, switches: Switches) -> None:
        self._world = world
        self._switches = switches
        self._zone = ZoneInfo(switches.report_zone)
        self._reports: dict[str, _Report] = {}
        self._finished: dict[str, _Finished] = {}
        self._given = 0

    # -------------------------------------------------------- definitions

    async def definitions(self, request: Request, session: Session) -> Response:
        _see(session)
        self._settle()
        rows = [
            _Line(index, one.id, tuple(self._summary(one)[name] for name in _DEFINITION))
            for index, one in enumerate(self._reports.values())
        ]
        return self._page(request, rows, _DEFINITION)

    async def definition(self, request: Request, session: Session) -> Response:
        _see(session)
        self._settle()
        one = self._find(request, self._reports, self._switches.unknown_id_status)
        return reply({"id": one.id, **one.body, "status": one.status})

    async def create(self, request: Request, session: Session) -> Response:
        _manage(session)
        body = self._liked(check(await request.body(), new=True))
        self._settle()
        one = _Report(self._id(), body, "RUNNING", None, None)
        self._reports[one.id] = one
        self._begin(one, self._world.clock())
        return reply({"id": one.id}, 201)

    async def update(self, request: Request, session: Session) -> Response:
        _manage(session)
        self._settle()
        one = self._find(request, self._reports, self._switches.unknown_id_status)
        changes = self._liked(check(await request.body(), new=False, type_=one.body["type"]))
        if "range" in changes:
            one.body = {k: v for k, v in one.body.items() if k not in ("started_at", "ended_at")}
        one.body = {**one.body, **changes}
        if not one.body.get("cron_expr"):
            one.body.pop("cron_expr", None)
        self._begin(one, self._world.clock())
        return Response()

    async def destroy(self, request: Request, session: Session) -> Response:
        _manage(session)
        self._settle()
        del self._reports[self._find(request, self._reports, 400).id]
        return Response(status_code=204)

    def _liked(self, body: dict[str, Any]) -> dict[str, Any]:
        refused = self._switches.refused_reports
        if body.get("name") in refused:
            raise RefusalError(400, "VALIDATE_FAILED", refused[body["name"]])
        return body

    # -------------------------------------------------------- finished ones

    async def finished_ones(self, request: Request, session: Session) -> Response:
        _see(session)
        self._settle()
        rows = [
            _Line((one.at - EPOCH) // TICK, one.id, self._says(one))
            for one in self._finished.values()
        ]
        return self._page(request, rows, _FINISHED)

    async def finished(self, request: Request, session: Session) -> Response:
        _see(session)
        self._settle()
        one = self._find(request, self._finished, self._switches.unknown_id_status)
        return reply(self._object(one))

    async def destroy_finished(self, request: Request, session: Session) -> Response:
        _manage(session)
        self._settle()
        del self._finished[self._find(request, self._finished, 400).id]
        return Response(status_code=204)

    async def blob(self, request: Request, _session: Session | None) -> Response:
        self._settle()
        digest = request.path_params["digest"]
        one = next((one for one in self._finished.values() if one.digest == digest), None)
        if one is None:
            raise RefusalError(404)
        if self._switches.blob_redirect:
            return RedirectResponse(self._switches.blob_redirect.format(digest=digest))
        size = self._size(one)
        first, last, status = 0, size - 1, 200
        headers = {"content-disposition": f'attachment; filename="{one.body["file_name"]}"'}
        asked = request.headers.get("range", "")
        if self._switches.blob_ranges:
            headers["accept-ranges"] = "bytes"
            if asked.startswith("bytes="):
                start, _, stop = asked.removeprefix("bytes=").partition("-")
                first = max(0, size - int(stop)) if not start else int(start)
                last = min(size - 1, int(stop)) if start and stop else size - 1
                if first > last:
                    return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
                headers["content-range"] = f"bytes {first}-{last}/{size}"
                status = 206
        headers["content-length"] = str(last - first + 1 + self._switches.blob_length_lie)
        parts = self._bytes(one, first, last)
        return StreamingResponse(
            parts, status, headers=headers, media_type="application/octet-stream"
        )

    async def _bytes(self, one: _Finished, first: int, last: int) -> AsyncIterator[bytes]:
        """The file, which is padded with blank lines to the size of the switch"""
        at = first
        while at <= last:
            if self._switches.blob_stalls_after and at >= self._switches.blob_stalls_after:
                await self._world.sleep(3600)
            stop = min(at + _BLOCK, last + 1)
            part = one.content[at:stop]
            yield part + b"\n" * (stop - at - len(part))
            at = stop

    # -------------------------------------------------------- runs

    def _settle(self) -> None:
        """Plays everything that should have happened by now"""
        now = self._world.clock()
        for one in self._reports.values():
            while True:
                if one.ends is not None and one.ends <= now:
                    self._end(one, one.ends)
                elif one.ends is None and one.due is not None and one.due <= now:
                    one.status, one.ends, one.due = "RUNNING", one.due + self._takes, None
                else:
                    break
        oldest = now - timedelta(days=self._switches.report_retention_days)
        for id, file in list(self._finished.items()):
            if file.at <= oldest:
                del self._finished[id]

    @property
    def _takes(self) -> timedelta:
        return timedelta(seconds=self._switches.report_seconds)

    def _begin(self, one: _Report, now: datetime) -> None:
        one.due = one.ends = None
        if one.body.get("cron_expr"):
            one.status, one.due = "SCHEDULED", self._next(one, now)
        else:
            one.status, one.ends = "RUNNING", now + self._takes

    def _next(self, one: _Report, now: datetime) -> datetime | None:
        return next(CronSim(one.body["cron_expr"], now.astimezone(self._zone)), None)

    def _end(self, one: _Report, at: datetime) -> None:
        one.ends = None
        if one.body["name"] in self._switches.aborted_reports:
            one.status = "ABORTED"
            return
        one.status = self._switches.report_rests
        if one.body.get("cron_expr"):
            one.status, one.due = "SCHEDULED", self._next(one, at)
        content = table(one.body, self._world.visible(), at, self._zone)
        id = self._id()
        digest = base64.urlsafe_b64encode(hashlib.sha256(id.encode()).digest())[:31].decode()
        ending = one.body["format"].lower()
        name = f"{one.body['name']}_{at:%Y%m%d%H%M%S}.{ending}"
        body = {key: one.body[key] for key in ("name", "type", "format")} | {"file_name": name}
        self._finished[id] = _Finished(id, body, digest, content, at)

    # -------------------------------------------------------- rows

    def _summary(self, one: _Report) -> Mapping[str, Any]:
        return {"id": one.id, "cron_expr": None, **one.body, "status": one.status}

    def _size(self, one: _Finished) -> int:
        return max(len(one.content), self._switches.blob_mb * 1_000_000)

    def _says(self, one: _Finished) -> Says:
        told = {**self._object(one), "completed_at": (one.at - EPOCH) // TICK}
        return tuple(told[name] for name in _FINISHED)

    def _object(self, one: _Finished) -> dict[str, Any]:
        at = one.at.astimezone(UTC).replace(tzinfo=None)
        return {
            "id": one.id,
            **one.body,
            "completed_at": at.isoformat(timespec="seconds") + "Z",
            "file_size": self._size(one),
            "file_url": self._switches.blob_root + f"/api/blobs/{one.digest}",
        }

    def _page(self, request: Request, rows: list[_Line], columns: dict[str, Kind]) -> Response:
        query = read(request.query_params, columns, self._switches, "")
        listing: Listing[_Line] = Listing(rows, columns, searched=("name", "type"), blank="")
        count, page = listing.page(query)
        items = []
        for row in page:
            one = dict(zip(columns, row.says, strict=True))
            if "completed_at" in one:
                one = self._object(self._finished[row.id])
            items.append({key: "" if value is None else value for key, value in one.items()})
        items = self._world.spoil(request.url.path, items, {"type": "TEA_CONSUMPTION"})
        return reply({"count": count, "items": items} if query.count else {"items": items})

    def _find(self, request: Request, among: Mapping[str, Any], status: int) -> Any:
        one = among.get(request.path_params["id"])
        if one is None:
            raise RefusalError(status)
        return one

    def _id(self) -> str:
        self._given += 1
        milliseconds = int(self._world.clock().timestamp() * 1000) - 1_514_764_800_000
        number = milliseconds << 22 | self._given
        if self._switches.ids == "bare":
            return str(number)
        return base64.b64encode(b"%d" % number).decode()


def _see(session: Session) -> None:
    if session.account.role not in _READERS:
        raise RefusalError(403)


def _manage(session: Session) -> None:
    if session.account.role != "Admin":
        raise RefusalError(403)
