"""Acme's twin."""

import msgspec
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from graph.sources.twin import Watched

SETTINGS = {"credentials": {"key": "open-sesame"}}


class Switches(msgspec.Struct, forbid_unknown_fields=True):
    pass


def simulate(world, switches=None):
    async def calls(request):
        if request.headers.get("x-key") != "open-sesame":
            return JSONResponse({}, status_code=403)
        asked = request.query_params
        rows = [
            {
                "no": f"A{call.number}",
                "at": int(call.started_at.timestamp()),
                "who": call.caller.number,
                "whom": call.callee.number,
                "way": {"inbound": "in", "outbound": "out"}.get(call.direction, "round"),
                "end": {"answered": "ok", "busy": "busy"}.get(call.outcome, "else"),
                "talk": call.talk_seconds,
                "bell": "brass",
            }
            for call in world.visible()
        ]
        rows = [
            row
            for row in rows
            if int(asked.get("from", 0)) <= row["at"] <= int(asked.get("to", 1 << 40))
        ]
        rows.sort(key=lambda row: row["at"], reverse=asked["order"] == "new")
        skip, most = int(asked["skip"]), int(asked["most"])
        left = max(0, len(rows) - skip - most)
        return JSONResponse({"calls": rows[skip : skip + most], "left": left})

    return Watched(Starlette(routes=[Route("/calls", calls)]), world)
