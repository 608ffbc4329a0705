"""How Acme is asked: one list, newest first or oldest first, by the second."""

import msgspec

from graph.privacy import Secret
from graph.sources.acme.mapping import Call
from graph.sources.contract import Page, Request, Shape
from graph.sources.decoding import decode


class Credentials(msgspec.Struct, forbid_unknown_fields=True):
    key: Secret


class Options(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Calls(msgspec.Struct):
    calls: list[Call]
    left: int


_CALLS = msgspec.json.Decoder(Calls)


def sign(site, request, _token):
    return request.with_headers(x_key=site.credentials.key.reveal())


def shape(_site, _ask):
    return Shape(name="calls")


def plan(_site, ask, offset):
    params = {"order": "new" if ask.newest_first else "old", "skip": str(offset), "most": "9"}
    if ask.since is not None:
        params["from"] = str(int(ask.since.timestamp()))
    if ask.until is not None:
        params["to"] = str(int(ask.until.timestamp()))
    return Request("GET", "/calls", tuple(params.items()))


def read(_site, reply, request, _ask):
    body = decode(_CALLS, reply.body, "the list")
    return Page(body.calls, int(dict(request.params)["skip"]), body.left > 0)


def row_key(_site, row):
    return row.no
