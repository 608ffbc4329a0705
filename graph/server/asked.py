"""What a request to `/graphql` asks (GraphQL over HTTP, draft read November 2026)."""

from __future__ import annotations

from collections.abc import Mapping
from json import JSONDecodeError
from typing import Any

import msgspec
from cross_web import AsyncHTTPRequestAdapter, HTTPException

from graph.schema.trusted import Trusted

JSON = "application/json"

_PARTS: Mapping[str, tuple[type, str]] = {
    "query": (str, "a text"),
    "operationName": (str, "a text"),
    "variables": (dict, "an object"),
    "extensions": (dict, "an object"),
}
_DECODER = msgspec.json.Decoder(dict[str, Any] | list[Any])


async def read(request: AsyncHTTPRequestAdapter, trusted: Trusted) -> Mapping[str, Any]:
    """Its parts, from its body or, of a GET, from its address; HTTPException where it has others.

    A document that is called by its id is there as `query`.
    """
    if request.method == "POST":
        if JSON not in (request.content_type or ""):
            raise HTTPException(415, f"send the query as JSON, with the content type {JSON}")
        parts = _decoded(await request.get_body(), "the request's body")
    else:
        parts = dict(request.query_params)
        for name in ("variables", "extensions"):
            if parts.get(name):
                parts[name] = _decoded(parts[name], f"`{name}`")
    if not isinstance(parts, dict):
        raise HTTPException(400, "send one operation, as an object; several at once are not taken")
    for name, (kind, said) in _PARTS.items():
        if not isinstance(parts.get(name), kind | None):
            raise HTTPException(400, f"the request's `{name}` must be {said}, or null")
    trusted.resolve(parts)
    return parts


def decode(data: str | bytes) -> Any:
    """An object or a list; JSONDecodeError, as from Python's own `json`, where it is neither"""
    try:
        return _DECODER.decode(data)
    except (ValueError, RecursionError) as error:
        raise JSONDecodeError(str(error), "", 0) from None


def _decoded(data: str | bytes, what: str) -> Any:
    try:
        return decode(data)
    except JSONDecodeError:
        raise HTTPException(400, f"{what} is no object of JSON") from None
