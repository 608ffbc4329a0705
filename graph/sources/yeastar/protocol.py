"""How a Yeastar PBX's `cdr/list` and `cdr/search` are asked, and what their answers mean.

`cdr/list` sorts but knows no window, so it is read by position. `cdr/search` has a window and no
order: newer firmware takes seconds of the epoch and gives pages, older only the display format and
gives everything at once. Refusals come with HTTP 200 and an `errcode`.

Sources: developer guide "Query CDR List", "Search Specific CDR" (four printings), "Error Code",
read August 2026.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Literal

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
    Condition,
    Exactness,
    Expired,
    Kind,
    Page,
    Reply,
    Request,
    Resource,
    Shape,
    Site,
)
from graph.sources.decoding import decode_list
from graph.sources.yeastar.auth import AGENT, API, Look
from graph.sources.yeastar.mapping import (
    HORIZON_SECONDS,
    LOGS,
    NEVER,
    UNTOLD,
    WORDS,
    call_of,
    call_start,
    key_start,
    row_key,
)
from graph.sources.yeastar.wire import Envelope, List, Row
from graph.types.call import CallDisposition

LARGEST_PAGE = 10_000
_SMALLEST_PAGE = 50
_FEWEST_ROWS = 100
_EPOCH_SINCE = 20
_FOR_EVER_DAYS = 36_525.0

DateFormat = Literal["MM/DD/YYYY", "DD/MM/YYYY", "YYYY/MM/DD"]
Search = Literal["epoch", "display", "none"]


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`search`: how `cdr/search` is used; "auto" goes by the firmware, "none" never.
    `search_days`: windows up to that long are searched, longer ones read from the list.
    `overlap_seconds`: how much more than a window is searched, since nobody says whether its edges
    belong to it. `page_size`: at most 10000. `look_at_firmware`: ask for firmware and display
    format when signing in. `date_format`, `clock_hours`: the display format, where the PBX does not
    tell it. `queue_numbers`, `machine_numbers`: queues and menus whose labels do not begin with
    "Queue" or "IVR". `mend_direction`: take an inbound call that only went out for outbound.
    """

    search: Literal["auto", "epoch", "display", "none"] = "auto"
    search_days: float = 7.0
    overlap_seconds: int = 1
    page_size: int = 1000
    look_at_firmware: bool = True
    date_format: DateFormat | None = None
    clock_hours: Literal[12, 24] | None = None
    queue_numbers: tuple[str, ...] = ()
    machine_numbers: tuple[str, ...] = ()
    mend_direction: bool = True

    def __post_init__(self) -> None:
        if not _SMALLEST_PAGE <= self.page_size <= LARGEST_PAGE:
            raise ValueError(f"page_size must be from {_SMALLEST_PAGE} to {LARGEST_PAGE}")
        if self.search_days < 0 or self.overlap_seconds < 0:
            raise ValueError("search_days and overlap_seconds must not be negative")


# ---------------------------------------------------------------- asking

# A list that breaks its order is read whole at once, hence the days.
_LIST = Shape(name="list", sorted=True, windowed=False, first_days=_FOR_EVER_DAYS)
_SEARCHES: Mapping[str, Shape] = {
    "epoch": Shape(name="search", sorted=False, windowed=True),
    "display": Shape(name="search-display", sorted=False, windowed=True),
}


def searching(site: Site) -> Search:
    """How this PBX can be searched, as the options say or as far as sign-in has shown."""
    chosen: Literal["auto", "epoch", "display", "none"] = site.options.search
    if chosen != "auto":
        return chosen
    version = re.match(r"\d+\.(\d+)", site.facts.get("firmware", ""))
    if version is None:
        return "none"
    if int(version[1]) >= _EPOCH_SINCE:
        return "epoch"
    # In the display format a wrong zone would search the wrong hours.
    known = "date_format" in site.facts or site.options.date_format is not None
    return "display" if known and site.facts.get("zone_agrees") else "none"


def shape(site: Site, ask: Ask) -> Shape:
    """A short window with both edges is searched; all else is read from the list."""
    if ask.since is None or ask.until is None:
        return _LIST
    if ask.newest_first and ask.until >= ask.now:
        return _LIST  # the window begins where the list does
    if ask.until - ask.since > timedelta(days=site.options.search_days):
        return _LIST
    return _SEARCHES.get(searching(site), _LIST)


def page_of(offset: int, amount: int, largest: int) -> tuple[int, int]:
    """The page and page size that hold the row at `offset` and `amount` rows from it on.

    A page begins at a multiple of its size, so its first row stands at `offset` or somewhat before;
    the smallest size that will do is taken. Where none is, what brings the most rows.
    """
    base = min(max(amount, _FEWEST_ROWS), largest)  # a connection costs more than a hundred rows
    for size in range(base, min(2 * base, largest) + 1):
        if size - offset % size >= base:
            return offset // size + 1, size
    size = max(range(base // 2, largest + 1), key=lambda size: size - offset % size)
    return offset // size + 1, size


def plan(site: Site, ask: Ask, offset: int) -> Request:
    largest: int = site.options.page_size
    params: dict[str, str] = {}
    if ask.shape.name == _LIST.name:
        page, size = page_of(offset, ask.amount, largest)
        params = {"sort_by": "time", "order_by": "desc" if ask.newest_first else "asc"}
    else:
        page, size = offset // largest + 1, largest
        params = _window(site, ask)
        for condition in ask.conditions:
            wanted = _status(condition)
            if wanted is not None:
                params["status"] = wanted
    if ask.shape.name != _SEARCHES["display"].name:
        params = {"page": str(page), "page_size": str(size), **params}
    path = "cdr/list" if ask.shape.name == _LIST.name else "cdr/search"
    return Request("GET", f"{API}/{path}", tuple(params.items()), headers=AGENT)


def _window(site: Site, ask: Ask) -> dict[str, str]:
    """Both edges in whole seconds, a little apart, as nobody says whether they belong to it"""
    assert ask.since is not None
    assert ask.until is not None
    overlap: int = site.options.overlap_seconds
    since = math.floor(ask.since.timestamp()) - overlap
    until = math.ceil(ask.until.timestamp()) + overlap
    if ask.shape.name == _SEARCHES["epoch"].name:
        return {"start_time": str(since), "end_time": str(until)}
    return {
        "start_time": displayed(site, since, earlier=True),
        "end_time": displayed(site, until, earlier=False),
    }


def displayed(site: Site, at: int, *, earlier: bool) -> str:
    """A moment as the PBX displays it. One in an hour that the clock shows twice is moved out of
    that hour, to the side where nothing is lost.
    """
    local = datetime.fromtimestamp(at, site.zone)
    while local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset():
        at += -900 if earlier else 900
        local = datetime.fromtimestamp(at, site.zone)
    options, facts = site.options, site.facts
    date = options.date_format or facts.get("date_format") or "MM/DD/YYYY"
    hours = options.clock_hours or facts.get("clock_hours") or 24
    for name, value in (("YYYY", local.year), ("MM", local.month), ("DD", local.day)):
        date = date.replace(name, f"{value:0{len(name)}d}")
    clock = f"{local.minute:02d}:{local.second:02d}"
    if hours == 24:
        return f"{date} {local.hour:02d}:{clock}"
    return f"{date} {local.hour % 12 or 12:02d}:{clock} {'AM' if local.hour < 12 else 'PM'}"


_STATUSES = {
    CallDisposition.ANSWERED: "ANSWERED",
    CallDisposition.NO_ANSWER: "NO ANSWER",
    CallDisposition.ABANDONED: "NO ANSWER",  # that of a queue
    CallDisposition.BUSY: "BUSY",
    CallDisposition.FAILED: "FAILED",
    CallDisposition.VOICEMAIL: "VOICEMAIL",
}


def _status(condition: Condition) -> str | None:
    """The one word that brings all rows of a condition on the disposition; None: no word does"""
    if condition.name != "disposition":
        return None
    words = {_STATUSES.get(value) for value in condition.values}
    return words.pop() if len(words) == 1 else None


def exactness(_site: Site, condition: Condition) -> Exactness:
    """A search takes one disposition. Numbers are matched whole or in part as the PBX is set, which
    nobody can see from outside, so they are not told.
    """
    return Exactness.NONE if _status(condition) is None else Exactness.SUPERSET


# ---------------------------------------------------------------- reading

_ENVELOPE = msgspec.json.Decoder(Envelope)
_NOT_FOUND = 60001


def read(_site: Site, reply: Reply, request: Request, ask: Ask) -> Page:
    """A page stands where its request says. Without page and size all rows come in one answer."""
    params = dict(request.params)
    size = int(params.get("page_size", "0"))
    offset = (int(params.get("page", "1")) - 1) * size
    sent, rows = decode_list(
        reply.body, "the list", List, Row, attrgetter("data"), wire=ask.wire, raw=ask.raw
    )
    if sent.errcode == _NOT_FOUND:
        return Page([], offset, total=0, raws=[] if ask.raw else None)
    total: int | None = sent.total_number
    seen = offset + len(rows.rows) + rows.skipped
    more = seen < total if total is not None else bool(size) and seen - offset >= size
    # An answer that should hold everything and does not: ask for less at a time.
    split = more and not size
    return Page(
        rows.rows, offset, more and not split, total, split, rows.skipped, rows.raws, size or None
    )


# ---------------------------------------------------------------- judging

_SNIFFED = re.compile(rb'\s*\{\s*"errcode"\s*:\s*(-?\d+)\s*[,}]')
_EXPIRED = 10004
_TOO_MANY = 60002
_BUSY = 70082

# The page "Error Code"; what is not about call records is our mistake, as is a code never seen.
_VERDICTS: Mapping[int, tuple[type[SourceError], str]] = {
    -2: (SourceUnavailable, "it reports an internal error"),
    -1: (SourceUnavailable, "it reports a failure"),
    1: (SourceUnavailable, "it says that it answered only in part"),
    2: (SourceUnavailable, "it is still working on the answer"),
    10001: (SourceRejected, "its firmware lacks what was asked for; see the option search"),
    10002: (SourceRejected, "its API no longer has this version"),
    10003: (SourceRejected, "its API does not have this version"),
    10005: (SourceRefused, "it denies access; check the rights of this API application"),
    10009: (SourceRefused, "the feature is switched off, or the right to use it is missing"),
    40001: (SourceRejected, "it does not understand our request"),
    40002: (SourceRejected, "it does not take a parameter of our request"),
    40003: (SourceRejected, "it says that a key is there twice"),
    40004: (SourceRejected, "it says that a file is too large"),
    _TOO_MANY: (SourceRejected, "it says that a limit is exceeded"),
    60101: (SourceRejected, "it does not know a role"),
    70004: (SourceRefused, "it has blocked our address; an administrator must unblock it"),
    _BUSY: (SourceThrottled, "it is busy with a heavy task"),
    70084: (SourceRefused, "it forbids this action"),
    70087: (SourceRefused, "our address is not on its list of permitted addresses"),
    70091: (SourceRejected, "it says that a relation exists already"),
    70093: (SourceRejected, "it does not know a phone book"),
    70106: (SourceRejected, "it has no rates"),
    70120: (SourceRefused, "its organization is disabled"),
    70123: (SourceRefused, "its API is switched off; an administrator must switch it on"),
    70128: (SourceRejected, "it does not know a contact"),
    70130: (SourceRejected, "it does not know a channel"),
    70132: (SourceRejected, "it does not support this operation"),
    70510: (SourceRejected, "it says that there are too many participants"),
    70514: (SourceRejected, "a trunk is not available"),
    70515: (SourceRejected, "it does not know a trunk"),
}


def errcode(body: bytes) -> int | None:
    """The answer's code, which almost always stands first; None if it has none"""
    sniffed = _SNIFFED.match(body)
    if sniffed is not None:
        return int(sniffed[1])
    try:
        return _ENVELOPE.decode(body).errcode
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def judge(reply: Reply, request: Request) -> SourceError | Expired | None:
    """By the code alone, whatever the status. The look at the firmware never fails a sign-in.

    Any other refusal of a sign-in than too many tokens or an inner fault is taken for wrong
    credentials, since the fifth wrong try blocks our address.
    """
    if isinstance(request, Look):
        return None
    code = errcode(reply.body)
    if not code or (code == _NOT_FOUND and request.kind is Kind.READ):
        return None
    signing_in = request.kind is Kind.SIGN_IN
    if code == _EXPIRED and not signing_in:
        return Expired()
    if code == _TOO_MANY and signing_in:
        return SourceThrottled(
            "all eight tokens of this API application are in use; one is free within half an hour",
            detail=str(code),
            retry_after_seconds=60,
        )
    kind, words = _VERDICTS.get(code, (SourceRejected, "it did not take our request"))
    if signing_in and code not in (-2, _BUSY):
        if kind is not SourceRefused:
            words = "it refused to sign us in; check client_id and client_secret"
        kind = SourceRefused
    wait = {2: 1.0, _BUSY: 2.0}.get(code)
    return kind(words, detail=str(code), retry_after_seconds=wait)


LOGS_LIST = Resource(
    wire=Row,
    fields=LOGS,
    words=WORDS,
    never=NEVER,
    untold=UNTOLD,
    row_key=row_key,
    shape=shape,
    plan=plan,
    read=read,
    always=("id", "new_id", "uid", "call_id", "timestamp", "call_from", "call_to"),
    exactness=exactness,
    pushes={"disposition": Exactness.SUPERSET},
    call_start=call_start,
    key_start=key_start,
    horizon_seconds=HORIZON_SECONDS,
    call_of=call_of,
)
