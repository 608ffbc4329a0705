"""The PBX's web interface: which path answers what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from graph.sources.company import QUEUES, STAFF, Call
from graph.sources.twin import Watched, World
from graph.sources.yeastar.simulator import refusal
from graph.sources.yeastar.simulator.asked import Asked
from graph.sources.yeastar.simulator.gate import Gate
from graph.sources.yeastar.simulator.ledger import Ledger, Line, View
from graph.sources.yeastar.simulator.refusal import Refusal
from graph.sources.yeastar.simulator.rows import UNHEARD, Scribe, epoch
from graph.sources.yeastar.simulator.switches import CallField, Field, Switches

Body = dict[str, Any]
_FIRMWARE = {"A": "37.7.0.16", "B": "37.23.0.83", "C": "37.23.0.123"}
_ORDERS = ("asc", "desc")
_NOTES = ("disposition_code_list", "call_note_remark")


def simulate(world: World, switches: Switches | None = None) -> Watched:
    """The PBX as an app"""
    pbx = _Pbx(world, switches or Switches())
    routes = [
        Route("/openapi/{version}/{endpoint:path}", pbx.answer, methods=["GET", "POST"]),
        Route("/_twin/unblock", pbx.unblock, methods=["POST"]),
    ]
    return Watched(Starlette(routes=routes), world)


class _Pbx:
    def __init__(self, world: World, switches: Switches) -> None:
        self._world = world
        self._switches = switches
        self._gate = Gate(world, switches)
        self._scribe = scribe = Scribe(switches, world.seed)
        self._booted = world.clock()
        self._hops = Ledger(
            world,
            switches,
            lines=self._hop_lines,
            write=scribe.hop,
            given_at=lambda row: None if "last_status" in row else scribe.given_at(row),
        )
        self._calls = Ledger(
            world,
            switches,
            lines=lambda call: [Line(epoch(call), scribe.tie(call), call)],
            write=lambda call, _index: scribe.call(call),
            given_at=lambda row: scribe.given_at(row) if "last_status" in row else None,
        )
        self._endpoints: dict[tuple[str, str], Callable[[str, Asked], Body]] = {
            ("v1.0", "cdr/list"): self._list,
            ("v1.0", "extension/list"): self._extensions,
            ("v1.0", "queue/list"): self._queues,
        }
        if switches.search:
            self._endpoints["v1.0", "cdr/search"] = self._search
        if switches.information:
            self._endpoints["v1.0", "system/information"] = self._information
        if switches.profile == "C":
            self._endpoints["v2.0", "cdr/list"] = self._call_list
            self._endpoints["v2.0", "cdr/detail"] = self._detail
            if switches.search:
                self._endpoints["v2.0", "cdr/search"] = self._call_search

    async def unblock(self, _request: Request) -> Response:
        self._gate.unblock()
        return Response(status_code=204)

    async def answer(self, request: Request) -> Response:
        agent = request.headers.get("user-agent", "").strip()
        if not agent and self._switches.user_agent == "required":
            return PlainTextResponse("Bad Request", 400, {"connection": "close"})
        try:
            body = {"errcode": 0, "errmsg": "SUCCESS"} | await self._served(request)
        except Refusal as refused:
            body = refused.body
        return Response(
            msgspec.json.encode(body),
            media_type="application/json",
            headers={"connection": "close"},
        )

    async def _served(self, request: Request) -> Body:
        path, method = request.url.path, request.method
        version, endpoint = request.path_params["version"], request.path_params["endpoint"]
        address = request.client.host if request.client else ""
        self._gate.admit(address)
        fault = self._world.take(path, "error")
        if fault:
            raise Refusal(int(fault.code or refusal.INTERNAL))
        if (method, version, endpoint) == ("POST", "v1.0", "get_token"):
            return self._gate.sign_in(address, await _json(request))
        if self._world.take(path, "expire"):
            self._gate.forget()
        if (method, version, endpoint) == ("POST", "v1.0", "refresh_token"):
            return self._gate.renew(await _json(request))
        token = request.query_params.get("access_token", "")
        self._gate.check(token)
        if (method, version, endpoint) == ("GET", "v1.0", "del_token"):
            self._gate.end(token)
            return {}
        serve = self._endpoints.get((version, endpoint))
        if serve is None or method != "GET":
            raise self._missing(version, endpoint)
        return serve(path, Asked(request.query_params, self._switches, self._scribe))

    def _missing(self, version: str, endpoint: str) -> Refusal:
        profile, chosen = self._switches.profile, self._switches.v2_refusal
        if version == "v1.0" or (version, profile) == ("v2.0", "C"):
            return Refusal(refusal.NO_INTERFACE)
        if version == "v2.0" and profile == "A":
            return Refusal(refusal.NO_VERSION if chosen is None else chosen)
        if version == "v2.0" and endpoint.startswith(("cdr/", "call_report/")):
            return Refusal(refusal.INTERNAL if chosen is None else chosen)
        return Refusal(refusal.NO_INTERFACE if version == "v2.0" else refusal.NO_VERSION)

    def _list(self, path: str, asked: Asked) -> Body:
        field = asked.choice("sort_by", get_args(Field), self._switches.default_sort)
        descending = self._descending(asked)
        tests = [] if self._switches.profile == "A" else asked.tests(*_NOTES)
        view = self._hops.chosen(self._hops.view(field), tests)
        return self._page(path, asked, self._hops, view, descending=descending)

    def _search(self, path: str, asked: Asked) -> Body:
        old = self._switches.profile == "A"
        window = asked.window("start_time", "end_time", seconds=not old)
        names = ("call_from", "call_to", "extension_group", "status")
        tests = asked.tests(*names, *(() if old else (*_NOTES, "did")))
        view = self._hops.chosen(self._hops.window(*window), tests)
        if self._switches.search_order == "shuffled":
            view = self._hops.unordered(view)
        return self._page(path, asked, self._hops, view, descending=True, whole=old)

    def _call_list(self, path: str, asked: Asked) -> Body:
        field = asked.choice("sort_by", get_args(CallField), "time")
        descending = self._descending(asked)
        return self._page(path, asked, self._calls, self._calls.view(field), descending=descending)

    def _call_search(self, path: str, asked: Asked) -> Body:
        field = asked.choice("sort_by", get_args(CallField), "time")
        descending = self._descending(asked)
        since, until = asked.window("time_begin", "time_end", seconds=False)
        low, high = since or 0, until if until is not None else 1 << 40
        tests = asked.tests(
            "call_from", "call_to", "ext_group", "last_status", "queue_list", "did",
            "account_code", *_NOTES,
        )  # fmt: skip
        if field == "time":
            view = self._calls.window(low, high)
        else:
            view = self._calls.view(field).where(lambda line: low <= line.at <= high)
        view = self._calls.chosen(view, tests)
        return self._page(path, asked, self._calls, view, descending=descending)

    def _detail(self, path: str, asked: Asked) -> Body:
        uid = asked.required("uid")
        if self._world.given is None:
            moments = self._scribe.uid_moments(uid)
            near = [line for at in moments for line in self._calls.window(at, at).lines]
        else:
            near = list(self._calls.view().lines)
        found = [line for line in near if self._calls.row(line).get("uid") == uid]
        if not found:
            raise Refusal(refusal.NOT_FOUND)
        basic, call = self._calls.row(found[0]), found[0].call
        timeline = [] if call is None else self._scribe.timeline(call)
        return {
            "data": {
                "basic": basic,
                "call_notes": basic.get("call_notes", {}),
                "timeline": self._world.spoil(path, timeline, UNHEARD),
            }
        }

    def _information(self, _path: str, _asked: Asked) -> Body:
        now = self._world.clock()
        return {
            "data": {
                "device_name": "PBX",
                "model_name": "P560",
                "sn": "3631A2124000",
                "firmware_version": _FIRMWARE[self._switches.profile],
                "system_time": self._scribe.display(int(now.timestamp())),
                "up_time": int((now - self._booted).total_seconds()),
                "system_date_format": self._switches.date_format,
                # The 24-hour clock is spelled with a small h too: only the AM tells.
                "system_time_format": "hh:mm:ss" + (" AM" if self._switches.hours == 12 else ""),
                "timestamp": int(now.timestamp()),
            }
        }

    def _extensions(self, _path: str, asked: Asked) -> Body:
        rows = [
            {"id": place, "number": person.number, "caller_id_name": person.name}
            for place, person in enumerate(STAFF, 1)
        ]
        page, size = asked.page()
        return {"total_number": len(rows), "data": rows[(page - 1) * size : page * size]}

    def _queues(self, _path: str, asked: Asked) -> Body:
        agents = [
            {"text": person.name, "text2": person.number, "value": str(place), "type": "extension"}
            for place, person in enumerate(STAFF, 1)
        ]
        rows = [
            {
                "id": place,
                "number": queue.number,
                "name": queue.name,
                "ring_strategy": "ring_all",
                "dynamic_agent_list": [],
                "static_agent_list": agents,
            }
            for place, queue in enumerate(QUEUES, 1)
        ]
        page, size = asked.page()
        return {"total_number": len(rows), "queue_list": rows[(page - 1) * size : page * size]}

    def _hop_lines(self, call: Call) -> list[Line]:
        start = epoch(call)
        return [
            Line(start + leg.after_seconds, self._scribe.tie(call, index), call, index)
            for index, leg in enumerate(self._scribe.hops(call))
        ]

    def _descending(self, asked: Asked) -> bool:
        return asked.choice("order_by", _ORDERS, self._switches.default_order) == "desc"

    def _page(
        self,
        path: str,
        asked: Asked,
        ledger: Ledger,
        view: View,
        *,
        descending: bool,
        whole: bool = False,
    ) -> Body:
        total = len(view.lines)
        page, size = (1, total) if whole else asked.page()
        if self._world.take(path, "repeat"):
            page = 1
        lines = ledger.cut(view, (page - 1) * size, page * size, descending=descending)
        if not lines and self._switches.no_rows == "not_found":
            raise Refusal(refusal.NOT_FOUND)
        rows = [ledger.row(line) for line in lines]
        return {"total_number": total, "data": self._world.spoil(path, rows, UNHEARD)}


async def _json(request: Request) -> dict[str, str]:
    """The body of a POST: an object of texts"""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise Refusal(refusal.SYNTAX)
    try:
        return msgspec.json.decode(await request.body(), type=dict[str, str])
    except msgspec.MsgspecError:
        raise Refusal(refusal.SYNTAX) from None
