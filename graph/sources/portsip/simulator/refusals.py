"""How the API says no: a status, and a body with a code in capitals."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

MESSAGES = {
    "UNKNOWN": "unknown error",
    "VALIDATE_FAILED": "field validation failed",
    "UNAUTHORIZED": "Login failed, authentication error",
}


class RefusalError(Exception):
    """An answer that is not the one asked for. Without a code its body is an empty object."""

    def __init__(
        self, status: int, code: str = "UNKNOWN", detail: Any = None, retry_after: int | None = None
    ) -> None:
        super().__init__(status, code, detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after = retry_after


_PLANNED = {
    "": (500, "UNKNOWN"),
    "UNKNOWN": (400, "UNKNOWN"),
    "VALIDATE_FAILED": (400, "VALIDATE_FAILED"),
    "UNAUTHORIZED": (400, "UNAUTHORIZED"),
    "EMPTY": (400, ""),
    "401": (401, "UNAUTHORIZED"),
    "403": (403, "UNKNOWN"),
    "404": (404, "UNKNOWN"),
    "429": (429, "UNKNOWN"),
}


def planned(code: str) -> RefusalError:
    """What the fault "error" plays; a code that is not known here is one nobody has seen before"""
    return RefusalError(*_PLANNED.get(code, (400, code)))


def invalid(field: str, reason: str) -> RefusalError:
    return RefusalError(400, "VALIDATE_FAILED", {"field": field, "reason": reason})


def reply(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


async def refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusalError)
    if not error.code:
        return reply({}, error.status)
    entry = {"code": error.code, "message": MESSAGES.get(error.code, "the request was refused")}
    if error.detail is not None:
        entry["detail"] = error.detail
    answer = reply({"errors": [entry]}, error.status)
    if error.retry_after is not None:
        answer.headers["retry-after"] = str(error.retry_after)
    return answer
