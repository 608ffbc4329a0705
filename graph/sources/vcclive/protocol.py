"""How VCC Live's `/v2/cdrs` and `/v2/cdr` are asked, and what their answers mean.

A list is a folder: one day of the customer's calendar, read whole by `start` and `num`, since its
order is not documented and nothing but a project can be asked for. A lookup needs the month in
which the call began beside the uuid, and a CDR is there only some minutes after the call.

Sources: "Get CDR log", "Get CDR log for a specified uuid", "Request and Response", "Modify quota
limits" (the errors), read August 2026.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from graph.errors import (
    SourceError,
    SourceRefused,
    SourceRejected,
    SourceThrottled,
    SourceUnavailable,
)
from graph.sources.contract import (
    Ask,
    Field,
    Found,
    Page,
    Reply,
    Request,
    Resource,
    RowKey,
    Shape,
    Site,
)
from graph.sources.convert import text
from graph.sources.decoding import decode, decode_list
from graph.sources.vcclive.mapping import LOGS, NEVER, RECORDS, UNTOLD, key_of
from graph.sources.vcclive.wire import Cdr, Errors, List, One

LARGEST_PAGE = 500
RETRY_SECONDS = 300
"""how long after a lookup that found nothing the next one makes sense, by the vendor's advice"""

_DAY = timedelta(days=1)
_NOT_FOUND = frozenset({404})


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`records_since`: no call is older than this day. `project_id`: only this project's calls.
    `path_month`: the clock that governs year, month and day of a path. `hold_in_talk`: `talktime`
    contains `holdtime`. `page_size`: at most 500, since VCC Live never sends more.
    """

    records_since: date | None = None
    project_id: int | None = None
    path_month: Literal["local", "utc"] = "local"
    hold_in_talk: bool = False
    page_size: int = LARGEST_PAGE

    def __post_init__(self) -> None:
        if not 1 <= self.page_size <= LARGEST_PAGE:
            raise ValueError(f"page_size must be from 1 to {LARGEST_PAGE}")


# ---------------------------------------------------------------- asking

# Folders are asked for by days of the site's zone. Where the vendor's are UTC days, the UTC day
# before is read for a local one. In every zone (UTC-12 to UTC+14) it begins before the local day
# does and ends at most 36 hours before that ends; and the UTC day of any moment is read for the
# second local day after it at the latest, two days that may have an hour more.
_LAG_SECONDS = 49 * 3600


def _other_days(site: Site) -> bool:
    """The vendor's days are not those of the site's zone"""
    return site.options.path_month == "utc" and site.zone.key != "UTC"


def shape(site: Site, _ask: Ask) -> Shape:
    """Days, which are not sorted inside"""
    first: date | None = site.options.records_since
    return Shape(
        name="day",
        sorted=False,
        folders=True,
        lag_seconds=_LAG_SECONDS if _other_days(site) else 0,
        floor=None if first is None else datetime.combine(first, time(), site.zone).astimezone(UTC),
    )


def plan(site: Site, ask: Ask, offset: int) -> Request:
    """A page of the day that begins at `ask.since`"""
    assert ask.since is not None
    day = ask.since.astimezone(site.zone).date()
    if _other_days(site):
        day -= _DAY
    params = {"start": str(offset), "num": str(site.options.page_size)}
    # Always in the same order: a token's allowed resources may be a pattern for the whole query.
    if site.options.project_id is not None:
        params["projectid"] = str(site.options.project_id)
    return Request("GET", f"/v2/cdrs/{day:%Y/%m/%d}", tuple(params.items()))


def locate(site: Site, key: RowKey) -> list[Request]:
    """The CDR in the month of its start, and in the next one if that is within a day"""
    if key.started_at is None:
        return []
    zone = UTC if site.options.path_month == "utc" else site.zone
    try:
        days = [(key.started_at + shift).astimezone(zone) for shift in (0 * _DAY, -_DAY, _DAY)]
    except OverflowError:
        raise SourceRejected("no call began at such a time") from None
    months = dict.fromkeys(f"{day.year:04}/{day.month:02}" for day in days)
    uuid = quote(key.row, safe="")
    return [Request("GET", f"/v2/cdr/{month}/{uuid}", accept=_NOT_FOUND) for month in months]


# ---------------------------------------------------------------- reading

_ONE = msgspec.json.Decoder(One)
_SEVERAL = msgspec.json.Decoder(list[msgspec.Raw])
_ROW = msgspec.json.Decoder(Cdr)
_ERRORS = msgspec.json.Decoder(Errors)
_NOTHING = frozenset({b"null", b"[]", b"{}", b'""'})
_BAD_JSON = (msgspec.DecodeError, UnicodeDecodeError)


def read(_site: Site, reply: Reply, request: Request, ask: Ask) -> Page:
    """A page of a day"""
    params = dict(request.params)
    offset = int(params["start"])
    sent, rows = decode_list(
        reply.body, "the list of a day", List, Cdr, _rows, wire=ask.wire, raw=ask.raw
    )
    total = None if isinstance(sent.response, list) else _count(sent.response.total_count)
    size = len(rows.rows) + rows.skipped
    # The total decides if it is told: the vendor's own cap may be smaller than what we ask for.
    full = size >= int(params["num"]) if total is None else offset + size < total
    return Page(
        rows.rows,
        offset,
        bool(size) and full,
        total,
        skipped=rows.skipped,
        raws=rows.raws,
        asked=int(params["num"]),
    )


def _rows(sent: List[Any]) -> list[Any]:
    return sent.response if isinstance(sent.response, list) else sent.response.rows


def _count(value: object) -> int | None:
    told = text(value)
    return int(told) if told is not None and told.isdecimal() else None


def read_located(_site: Site, reply: Reply, _request: Request, raw: bool) -> Found:
    """The CDR, or "not ready".

    The vendor answers alike for a CDR that it prepares and for one that never was: with 404, an
    empty `response` of any kind, or no body. Whoever knows the time may tell them apart.
    """
    waiting = Found([], ready=False, retry_after_seconds=RETRY_SECONDS)
    if reply.status in _NOT_FOUND or not reply.body.strip():
        return waiting
    sent = bytes(decode(_ONE, reply.body, "the CDR").response)
    if b"".join(sent.split()) in _NOTHING:
        return waiting
    several = sent.startswith(b"[")
    raws = decode(_SEVERAL, sent, "the CDR") if several else [msgspec.Raw(sent)]
    return Found([decode(_ROW, one, "the CDR") for one in raws], raws if raw else None)


# ---------------------------------------------------------------- refusals

# How a body ends in which all is well; then nothing of it needs to be decoded.
_CLEAN = re.compile(rb'"errors"\s*:\s*\[\s*\]\s*\}\s*\Z')
_LEFT_TO_STATUS = frozenset({408, 429})


def judge(reply: Reply, request: Request) -> SourceError | None:
    """Errors stand beside the `response`, also with status 200."""
    status = reply.status
    if status in (401, 403):
        return verdict(status)
    if 200 <= status < 300:
        if _CLEAN.search(reply.body[-100:]):
            return None
        errors = _errors(reply.body)
        if not errors:
            return None
        code = _code(errors)
        return None if code in request.accept else verdict(code)
    if status < 400 or status >= 500 or status in _LEFT_TO_STATUS or status in request.accept:
        return None
    return verdict(_code(_errors(reply.body)) or status)


def _errors(body: bytes) -> object:
    try:
        return _ERRORS.decode(body).errors
    except _BAD_JSON:
        return None  # whoever reads the body says what is wrong with it


def _code(errors: object) -> int | None:
    """The code of the first error that has one"""
    for error in errors if isinstance(errors, list) else [errors]:
        code = _count(error.get("errorcode")) if isinstance(error, dict) else None
        if code is not None:
            return code
    return None


def verdict(code: int | None) -> SourceError:
    """What an error code means; they look like HTTP statuses, and only 417 is documented"""
    detail = None if code is None else str(code)
    if code == 401:
        return SourceRefused("it does not take customer and token; check both", detail=detail)
    if code == 403:
        return SourceRefused(
            "it knows us but does not let us: our address must be among those the token is allowed "
            "to be used from, and /v2/cdr and /v2/cdrs among the token's allowed resources",
            detail=detail,
        )
    if code == 404:
        return SourceRejected(
            "it has no such resource; base_url is https://<customer>.asp.virtual-call-center.eu",
            detail=detail,
        )
    if code == 417:
        return SourceRejected("an argument of our request is missing or wrong", detail=detail)
    if code == 429:
        return SourceThrottled("it wants fewer requests", detail=detail)
    if code is not None and code >= 500:
        return SourceUnavailable("it reports an error of its own", detail=detail)
    return SourceRejected("its answer has an error beside it", detail=detail)


# ---------------------------------------------------------------- resources


LABELS = frozenset(
    {
        "userfullname",
        "projectname",
        "queue_label",
        "disposition_label",
        "disposition_export_name",
        "dispositionreach_label",
        "dispositionstatus_label",
        "dialermode_label",
    }
)
"""the wire attributes that only a list's rows have"""


def _list(fields: tuple[Field, ...]) -> Resource:
    return Resource(
        wire=Cdr,
        fields=fields,
        never=NEVER,
        untold=UNTOLD,
        row_key=lambda _site, row: row.uuid,
        shape=shape,
        plan=plan,
        read=read,
        always=("uuid", "start_ts", "start_ts_utc"),
        locate=locate,
        read_located=read_located,
        locate_lacks=LABELS,
        # As far as VCC Live tells, a call is one leg.
        legs_of=lambda _site, row: [row],
        call_of=key_of,
    )


RECORDS_LIST = _list(RECORDS)
LOGS_LIST = _list(LOGS)
