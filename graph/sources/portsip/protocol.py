"""How PortSIP's `/api/cdrs` and `/api/calllogs` are asked, and what their answers mean.

Paging: `skip` leaves items out (the schema is right, the prose that calls it 1-based is not),
`top` is 100 at most, `count` is the total of the filtered collection. Filters look like OData with
every literal in single quotes; which fields may be filtered by is not documented, so the options
say which ones are used.
"""

from __future__ import annotations

from datetime import UTC, datetime
from operator import attrgetter
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from graph.errors import SourceError, SourceRefused, SourceRejected
from graph.sources.columns import by_column
from graph.sources.contract import (
    Ask,
    Condition,
    Exactness,
    Expired,
    Found,
    Kind,
    Page,
    Part,
    Reply,
    Request,
    Resource,
    RowKey,
    Shape,
    Site,
)
from graph.sources.convert import pushable, text
from graph.sources.decoding import Decoded, decode, decode_list
from graph.sources.portsip.mapping import DIRECTIONS, LOGS, NEVER, RECORDS, WORDS, late_values
from graph.sources.portsip.wire import Faults, Leg, Legs, List, RawLegs

LARGEST_PAGE = 100
_NUMBERS = {
    "number": ("caller", "callee"),
    "caller": ("caller",),
    "callee": ("callee",),
    "extension": ("caller", "callee"),
}


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`sign_in`: "newest" tries all generations, "oauth" and "login" only the older ones.
    `client_id` is for "oauth". `filter_fields`: the fields that this PBX filters by. `currency`:
    what its costs are in. `page_size`: at most 100.
    """

    sign_in: str = "newest"
    client_id: str | None = None
    filter_fields: tuple[str, ...] = ("started_at", "id", "caller", "callee")
    currency: str | None = None
    page_size: int = LARGEST_PAGE

    def __post_init__(self) -> None:
        if self.sign_in not in ("newest", "oauth", "login"):
            raise ValueError("sign_in is newest, oauth or login")
        if not 2 <= self.page_size <= LARGEST_PAGE:
            raise ValueError(f"page_size must be from 2 to {LARGEST_PAGE}")


# ---------------------------------------------------------------- asking


def shape(_site: Site, _ask: Ask) -> Shape:
    return Shape(name="list")


def exactness(site: Site, condition: Condition) -> Exactness:
    """How much of a condition the options allow to be told"""
    fields = frozenset(site.options.filter_fields)
    name, values = condition.name, condition.values
    if name == "search":
        return Exactness.EXACT
    if name in _NUMBERS and fields.issuperset(_NUMBERS[name]):
        short = len(values) * len(_NUMBERS[name]) <= 8
        if short and pushable(values) and not any("*" in value for value in values):
            return Exactness.SUPERSET
    if name == "direction" and "direction" in fields and _directions(values) is not None:
        return Exactness.EXACT
    return Exactness.NONE


def _directions(values: tuple[Any, ...]) -> list[str] | None:
    words = [key for key, direction in DIRECTIONS.items() if direction in values]
    return words if len(words) == len(values) else None


def _alternatives(condition: Condition) -> list[str]:
    """The condition as expressions of which any one may hold"""
    if condition.name == "direction":
        return [f"direction eq '{value}'" for value in _directions(condition.values) or ()]
    if condition.name not in _NUMBERS:
        return []
    made: list[str] = []
    for value in condition.values:
        # The last digits alone, since a number may be stored with or without prefixes.
        tail = "".join(c for c in value if c.isalnum())[-6:]
        how = "{} eq '{}'" if condition.name == "extension" else "contains({},'{}')"
        wanted = value if condition.name == "extension" else tail
        made += [how.format(field, wanted) for field in _NUMBERS[condition.name]]
    return made


def moment(at: datetime) -> str:
    """RFC 3339 in UTC, with microseconds only where there are any"""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def expression(ask: Ask) -> str:
    """The filter; alternatives are written out, since parentheses are not documented."""
    window: list[str] = []
    if ask.since is not None:
        window.append(f"started_at ge '{moment(ask.since)}'")
    if ask.until is not None:
        window.append(f"started_at {'lt' if ask.until_open else 'le'} '{moment(ask.until)}'")
    branches = [window]
    for condition in ask.conditions:
        alternatives = _alternatives(condition)
        if alternatives:
            branches = [[*branch, one] for branch in branches for one in alternatives]
    return " or ".join(" and ".join(branch) for branch in branches if branch)


def _plan(path: str) -> Any:
    def plan(site: Site, ask: Ask, offset: int) -> Request:
        largest: int = site.options.page_size
        params = {
            "orderby": f"started_at {'desc' if ask.newest_first else 'asc'}",
            "skip": str(offset),
            "top": str(max(2, min(largest, ask.amount))),
        }
        wanted = expression(ask)
        if wanted:
            params = {"filter": wanted, **params}
        for condition in ask.conditions:
            if condition.name == "search":
                params["search"] = condition.values[0]
        return Request("GET", path, tuple(params.items()))

    return plan


# ---------------------------------------------------------------- reading

_ROW = msgspec.json.Decoder(Leg)
_LEGS = msgspec.json.Decoder(Legs)
_RAW_LEGS = msgspec.json.Decoder(RawLegs)
_FAULTS = msgspec.json.Decoder(Faults)


def read(_site: Site, reply: Reply, request: Request, ask: Ask) -> Page:
    offset = int(dict(request.params).get("skip", "0"))
    sent, rows = _decoded(reply.body, ask.wire, raw=ask.raw)
    count = sent.count
    seen = offset + len(rows.rows) + rows.skipped
    full = int(dict(request.params).get("top", LARGEST_PAGE))
    more = bool(rows.rows) and (seen < count if count is not None else len(rows.rows) >= full)
    return Page(rows.rows, offset, more, count, skipped=rows.skipped, raws=rows.raws, asked=full)


def _decoded(body: bytes, wire: frozenset[str] | None, *, raw: bool) -> tuple[Any, Decoded]:
    return decode_list(body, "the list", List, Leg, attrgetter("items"), wire=wire, raw=raw)


def read_row(_site: Site, reply: Reply, _request: Request, raw: bool) -> Found:
    """One call out of the list that was filtered by its id"""
    _, rows = _decoded(reply.body, None, raw=raw)
    return Found(rows.rows, rows.raws)


def read_log(site: Site, reply: Reply, request: Request, raw: bool) -> Found:
    """A page of `/calllogs`; `/calllogs/{id}`: one flat object; `/cdrs/{id}`: the legs of a call"""
    if request.path == _LOGS:
        return read_row(site, reply, request, raw)
    if request.path.startswith(_DETAIL) or reply.status != 200:
        return read_legs(site, reply, request, raw)
    return Found(
        [decode(_ROW, reply.body, "the call log")], [msgspec.Raw(reply.body)] if raw else None
    )


def read_legs(_site: Site, reply: Reply, request: Request, raw: bool) -> Found:
    """`/cdrs/{id}`: legs without ids of their own, which are made of the call's id and a number"""
    if reply.status != 200:
        return Found([])
    session = unquote(request.path.removeprefix(_DETAIL))
    items = decode(_LEGS, reply.body, "the detail of a call").items
    legs = items if isinstance(items, list) else [items]
    for number, leg in enumerate(legs):
        leg.id, leg.session_id = f"{session}#{number}", session
    raws = None
    if raw:
        sent = decode(_RAW_LEGS, reply.body, "the detail of a call").items
        every = sent if isinstance(sent, list) else [sent]
        raws = [msgspec.Raw(msgspec.json.encode(leg)) for leg in every]
    return Found(list(legs), raws)


_RECORDS, _LOGS = "/api/cdrs", "/api/calllogs"
_DETAIL = f"{_RECORDS}/"
_GONE = frozenset({400, 404})


def _by_id(path: str, key: RowKey) -> list[Request]:
    """The entry as the list has it, since its detail tells more"""
    wanted = key.row.replace("'", "''")
    return [Request("GET", path, (("filter", f"id eq '{wanted}'"), ("top", "2")))]


def locate_record(_site: Site, key: RowKey) -> list[Request]:
    return _by_id(_RECORDS, key)


def locate_log(site: Site, key: RowKey) -> list[Request]:
    return [detail(site, key)] if "#" in key.row else _by_id(_LOGS, key)


def detail(_site: Site, key: RowKey) -> Request:
    session = key.row.partition("#")[0]
    return Request(
        "GET",
        f"{_DETAIL}{quote(session, safe='')}",
        accept=_GONE,
    )


def log_detail(site: Site, key: RowKey) -> Request:
    if "#" in key.row:
        return detail(site, key)
    return Request("GET", f"{_LOGS}/{quote(key.row, safe='')}", accept=_GONE)


def judge(reply: Reply, request: Request) -> SourceError | Expired | None:
    """401, and 400 with the code UNAUTHORIZED, speak of the token or of the credentials."""
    if reply.status not in (400, 401, 403):
        return None
    try:
        faults = _FAULTS.decode(reply.body).errors
    except (msgspec.DecodeError, UnicodeDecodeError):
        faults = []
    code = text(faults[0].code) if faults else None
    if request.kind is Kind.SIGN_IN:
        if code == "VALIDATE_FAILED":
            return SourceRejected("the sign-in is not understood", detail=code)
        return SourceRefused(
            "it refused to sign us in; check username, password and domain", detail=code
        )
    if reply.status == 401 or code == "UNAUTHORIZED":
        return Expired()
    if reply.status == 403:
        may = "manage reports" if request.kind is Kind.WRITE else "read this"
        return SourceRefused(
            f"this account may not {may}; it needs the role Admin or QueueManager", detail=code
        )
    if reply.status in request.accept:
        return None
    return SourceRejected("it did not take our request", detail=code)


@by_column(lambda _site, rows: [row.id for row in rows])
def _row_key(_site: Site, row: Leg) -> str:
    return row.id


def _call_of(_site: Site, row: Leg) -> RowKey:
    return RowKey(row.session_id or "")


_PUSHES = {
    "search": Exactness.EXACT,
    "number": Exactness.SUPERSET,
    "caller": Exactness.SUPERSET,
    "callee": Exactness.SUPERSET,
    "extension": Exactness.SUPERSET,
}

RECORDS_LIST = Resource(
    wire=Leg,
    fields=RECORDS,
    words=WORDS,
    never=NEVER,
    queue_answers="PortSIP tells when a menu or a queue picked up, not when a person did.",
    row_key=_row_key,
    shape=shape,
    plan=_plan(_RECORDS),
    read=read,
    always=("id",),
    locate=locate_record,
    read_located=read_row,
    exactness=exactness,
    pushes=_PUSHES,
    parts={"detail": Part(detail, read_legs, late_values)},
    legs_part="detail",
)

LOGS_LIST = Resource(
    wire=Leg,
    fields=LOGS,
    words=WORDS,
    never=NEVER,
    row_key=_row_key,
    shape=shape,
    plan=_plan(_LOGS),
    read=read,
    always=("id", "session_id"),
    locate=locate_log,
    read_located=read_log,
    exactness=exactness,
    pushes=_PUSHES,
    parts={"detail": Part(log_detail, read_log, late_values)},
    call_of=_call_of,
)
