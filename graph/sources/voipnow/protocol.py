"""How VoipNow's `/uapi/cdr` is asked, and what its answers mean.

The order is always by `published`, the start of a call; the window is always on the moment at which
the call was saved, which comes after its end. Answered dates are never sent: what they do to calls
that nobody answered is not documented. `startIndex` and `count` end near 5000, so what lies deeper
is asked for in smaller windows. An answer without calls is 204.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from graph.errors import SourceError, SourceRefused, SourceRejected, SourceUnavailable
from graph.sources.contract import (
    LONGEST_CALL_SECONDS,
    Ask,
    Condition,
    Exactness,
    Expired,
    Kind,
    Page,
    Reply,
    Request,
    Resource,
    RowKey,
    Shape,
    Site,
)
from graph.sources.convert import integer, local
from graph.sources.decoding import decode
from graph.sources.voipnow.mapping import DISPOSITIONS, FLOWS, LOGS, NEVER, RECORDS, UNTOLD, legs
from graph.sources.voipnow.wire import Faults, Leg, List, Named, PhoneCall, Views
from graph.types.call import CallDirection, CallDisposition

LARGEST = 4999
"""the last `startIndex` and the largest `count` that are taken"""
_ACCOUNT = re.compile(r"@?[0-9A-Za-z_-]+")
_STATS = "stats"  # `/cdr/stats` is another service
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_LEAST_ROWS = 20
_LOOKUP_ROWS = 200
_PROPERTIES = tuple(info.encode_name for info in msgspec.structs.fields(PhoneCall))


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`user_id`: whose calls, the App's own scope if empty. `request_zone`: the zone in which the
    system reads dates. `inclusive`: calls saved at the very bounds of a period belong to it.
    `max_call_seconds`: how long after its start a call is saved at the latest. `page_size`: at most
    4999. `sort_order`: how it spells the two orders. `push_filters`: lets the system narrow a list
    by direction and disposition. `duration_is`: what a leg's duration measures, "talk" or "total".
    `numbers_without_plus`: outside numbers are international and only lack their `+`.
    `redirect_uri`: what the sign-in sends, which no known system checks.
    """

    user_id: str = ""
    request_zone: str = "UTC"
    inclusive: bool = True
    max_call_seconds: int = LONGEST_CALL_SECONDS
    page_size: int = 1000
    sort_order: str = "asc/desc"
    push_filters: bool = False
    duration_is: str = "talk"
    numbers_without_plus: bool = False
    redirect_uri: str = "https://localhost/oauth/token.php"

    def __post_init__(self) -> None:
        if self.user_id and not _is_account(self.user_id):
            raise ValueError("user_id is the id of a user, an organization or the administrator")
        try:
            ZoneInfo(self.request_zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"request_zone: there is no zone {self.request_zone!r}") from None
        if not 60 <= self.max_call_seconds <= 31 * 86_400:
            raise ValueError("max_call_seconds must be from 60 to 2678400")
        if not _LEAST_ROWS <= self.page_size <= LARGEST:
            raise ValueError(f"page_size must be from {_LEAST_ROWS} to {LARGEST}")
        if self.sort_order not in _ORDERS:
            raise ValueError(f"sort_order is {' or '.join(_ORDERS)}")
        if self.duration_is not in ("talk", "total"):
            raise ValueError("duration_is is talk or total")
        if not self.redirect_uri:
            raise ValueError("redirect_uri must not be empty")


_ORDERS = {
    "asc/desc": ("asc", "desc"),
    "ascending/descending": ("ascending", "descending"),
}


def _is_account(value: object) -> bool:
    return isinstance(value, str) and _ACCOUNT.fullmatch(value) is not None and value != _STATS


# ---------------------------------------------------------------- asking


def shape_records(site: Site, _ask: Ask) -> Shape:
    return Shape(name="calls", lag_seconds=site.options.max_call_seconds, reach=LARGEST)


def shape_logs(site: Site, _ask: Ask) -> Shape:
    """Positions and totals count calls, so legs are read in whole pieces and sorted here."""
    return Shape(name="legs", sorted=False, lag_seconds=site.options.max_call_seconds)


def exactness_logs(_site: Site, condition: Condition) -> Exactness:
    """How much of a condition can be told where legs are wanted

    What selects calls by direction or disposition may leave a leg out that differs from its call.
    A filter on numbers matches them as views write them, which is not how ours compares them.
    """
    if condition.name == "saved":
        return Exactness.EXACT
    if condition.name == "account" and _is_account(condition.values[0]):
        return Exactness.EXACT
    return Exactness.NONE


def exactness_records(site: Site, condition: Condition) -> Exactness:
    """The same where calls are wanted"""
    if site.options.push_filters and _number(condition) is not None:
        return Exactness.SUPERSET
    return exactness_logs(site, condition)


_PUSHES_LOGS = {"account": Exactness.EXACT, "saved": Exactness.EXACT}
_PUSHES_RECORDS = {
    **_PUSHES_LOGS,
    "direction": Exactness.SUPERSET,
    "disposition": Exactness.SUPERSET,
}


_PARAMETERS: Mapping[str, tuple[str, Mapping[int, CallDirection | CallDisposition]]] = {
    "direction": ("flow", FLOWS),
    "disposition": ("disposition", DISPOSITIONS),
}


def _number(condition: Condition) -> tuple[str, int] | None:
    """The parameter that stands for a condition of one value, and its number.

    Our UNKNOWN also means what is not told, which no number asks for.
    """
    known = _PARAMETERS.get(condition.name)
    unknown = (CallDirection.UNKNOWN, CallDisposition.UNKNOWN)
    if known is None or len(condition.values) != 1 or condition.values[0] in unknown:
        return None
    name, table = known
    return next(((name, n) for n, word in table.items() if word is condition.values[0]), None)


def saved_period(site: Site, ask: Ask) -> tuple[datetime, datetime]:
    """The first and the last whole second, both inside, in which the calls asked for were saved.

    A period that nothing can lie in is told as a second in which nothing was saved.
    """
    tomorrow = ask.now + timedelta(days=1)
    lag = timedelta(seconds=ask.shape.lag_seconds if ask.shape.sorted else 0)
    first = _floor(max(ask.since or _BEGINNING, _BEGINNING))
    last = _ceil(min(ask.until or tomorrow, tomorrow) + lag)
    for condition in ask.conditions:
        if condition.name == "saved":
            since, until = condition.values
            first = first if since is None else max(first, _ceil(since))
            last = last if until is None else min(last, _ceil(until) - _SECOND)
    if first > last:
        first = last = _BEGINNING
    if not site.options.inclusive:
        first, last = first - _SECOND, last + _SECOND
    return first, last


def _floor(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _ceil(moment: datetime) -> datetime:
    return _floor(moment) + (_SECOND if moment.microsecond else timedelta())


def stamp(moment: datetime, zone: ZoneInfo, *, end: bool) -> str:
    """The date and time in the zone, without its offset.

    A local time that comes twice in autumn is moved out of its hours, back for the beginning of a
    period and on for its end.
    """
    local_time = moment.astimezone(zone)
    while local_time.utcoffset() != local_time.replace(fold=1 - local_time.fold).utcoffset():
        moment += timedelta(hours=1 if end else -1)
        local_time = moment.astimezone(zone)
    return local_time.replace(tzinfo=None).isoformat()


def _request(site: Site, ask: Ask, offset: int, count: int) -> Request:
    options: Options = site.options
    zone = ZoneInfo(options.request_zone)
    first, last = saved_period(site, ask)
    account = options.user_id
    params = {
        "saveStartDate": stamp(first, zone, end=False),
        "saveEndDate": stamp(last, zone, end=True),
        "startIndex": str(offset),
        "count": str(count),
        "sortOrder": _ORDERS[options.sort_order][ask.newest_first],
    }
    for condition in ask.conditions:
        if condition.name == "account":
            account = condition.values[0]
        elif (told := _number(condition)) is not None:
            params[told[0]] = str(told[1])
    if ask.wire is not None:
        params["fields"] = ",".join(name for name in _PROPERTIES if name in ask.wire)
    path = f"/uapi/cdr/{account}" if account else "/uapi/cdr"
    return Request("GET", path, tuple(params.items()))


def plan_records(site: Site, ask: Ask, offset: int) -> Request:
    """A page of calls.

    Whole pieces are read in large pages. A look-up passes the calls that were going on when its own
    began. A list that ends in the past begins with the calls that began after its end.
    """
    largest: int = site.options.page_size
    count = max(ask.amount, _LEAST_ROWS)
    if not ask.shape.sorted:
        count = largest
    elif ask.since is not None and ask.since == ask.until:
        count = max(count, _LOOKUP_ROWS)
    elif ask.newest_first and not offset and ask.until is not None and ask.until < ask.now:
        count = largest
    return _request(site, ask, offset, min(count, largest))


def plan_logs(site: Site, ask: Ask, _offset: int) -> Request:
    """All calls of a piece, in one request"""
    return _request(site, ask, 0, LARGEST)


# ---------------------------------------------------------------- reading

_FAST = msgspec.json.Decoder(List[PhoneCall])
_SLOW = msgspec.json.Decoder(List[msgspec.Raw])
_ROW = msgspec.json.Decoder(PhoneCall)
_NAMED = msgspec.json.Decoder(Named)
_VIEWS = msgspec.json.Decoder(Views)
_FAULTS = msgspec.json.Decoder(Faults)


def read_records(_site: Site, reply: Reply, request: Request, ask: Ask) -> Page:
    """A page of calls. `split` only matters to who reads a whole piece by positions.

    A call that is not as documented keeps its place as one without a start, which is skipped and
    counted by whoever reads the page; so positions stay those of the vendor's list.
    """
    asked = dict(request.params)
    offset, count = int(asked["startIndex"]), int(asked["count"])
    if reply.status == 204:
        return Page([], offset, raws=[] if ask.raw else None)
    page = None if ask.raw else _read_fast(reply.body)
    page = page or _read_slow(reply.body, offset, raw=ask.raw)
    page.offset = page.offset if page.offset >= 0 else offset
    page.asked = count
    if page.total is None:
        page.more = len(page.rows) >= count
    else:
        page.more = page.offset + len(page.rows) < page.total
        page.split = page.total > LARGEST
    return page


def _read_fast(body: bytes) -> Page | None:
    """The page if every call is as documented"""
    try:
        found = _FAST.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if isinstance(found.entry, dict):
        for key, call in found.entry.items():
            call.id = call.id or key
        rows = list(found.entry.values())
    else:
        rows = found.entry
    if not all(call.id for call in rows):
        return None
    return _page(found, rows)


def _read_slow(body: bytes, offset: int, *, raw: bool) -> Page:
    """The page, call by call"""
    found = decode(_SLOW, body, "the list")
    sent: list[tuple[str, msgspec.Raw]] = (
        list(found.entry.items())
        if isinstance(found.entry, dict)
        else [("", call) for call in found.entry]
    )
    rows = [_read_row(call, key, place) for place, (key, call) in enumerate(sent, offset)]
    page = _page(found, rows)
    page.raws = [call for _, call in sent] if raw else None
    return page


def _read_row(sent: msgspec.Raw, key: str, place: int) -> PhoneCall:
    """One call; of one that is not as documented, or that nothing names, no more than a name"""
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        call = _ROW.decode(sent)
        call.id = call.id or key
        if call.id:
            return call
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        key = _NAMED.decode(sent).id or key
    return PhoneCall(id=key or f"?{place}")


def _page(found: List[Any], rows: list[PhoneCall]) -> Page:
    """The page with the position, -1 if it is not told, and the total that its envelope tells"""
    try:
        offset, total = integer(found.start_index), integer(found.total_results)
    except (ValueError, ArithmeticError):
        offset, total = None, None
    return Page(rows, -1 if offset is None else offset, total=total)


def read_logs(site: Site, reply: Reply, request: Request, ask: Ask) -> Page:
    """The legs of all calls of a piece; as sent, a leg is its view.

    The vendor's total counts calls, so it is not handed on.
    """
    page = read_records(site, reply, request, ask)
    rows: list[Leg] = []
    raws: list[msgspec.Raw] = []
    for place, call in enumerate(page.rows):
        # What could not be read is one row, so that it is counted.
        found = legs(site, call) if call.published else [Leg(id=call.id, key=call.id)]
        rows += found
        if page.raws is not None:
            sent = page.raws[place]
            raws += _VIEWS.decode(sent).views if call.published else [sent]
    return Page(rows, split=page.more, raws=None if page.raws is None else raws)


# ---------------------------------------------------------------- verdicts

_CODE = re.compile(r"[a-z][a-z_]{1,60}")
_OAUTH_REFUSALS = frozenset(
    {"invalid_client", "unauthorized_client", "access_denied", "invalid_grant"}
)


def judge(reply: Reply, request: Request) -> SourceError | Expired | None:
    """What an error body means.

    401 and 403 speak of the token, of our rights or of both, so a new token is tried once. 429 and
    a fault without a code are left to the common table.
    """
    if reply.status < 400 or reply.status == 429:
        return None
    code = _error_code(reply.body)
    if reply.status >= 500:
        if code == "request_not_implemented":
            return SourceRejected("it does not know this request; check base_url", detail=code)
        return None if code is None else SourceUnavailable("it is out of order", detail=code)
    if request.kind is Kind.SIGN_IN:
        if reply.status in (401, 403) or code in _OAUTH_REFUSALS:
            return SourceRefused(
                "it refused to sign us in; check client_id and client_secret", detail=code
            )
        return SourceRejected("the sign-in is not understood", detail=code) if code else None
    if reply.status in (401, 403):
        return Expired()
    if reply.status != 400:
        return None
    if code in ("user_invalid", "extension_invalid"):
        return SourceRejected(
            "it does not know this account; check user_id or the condition `account`", detail=code
        )
    return SourceRejected("it did not take our request", detail=code)


def _error_code(body: bytes) -> str | None:
    """The vendor's word for an error: of an API answer, or of the token address"""
    try:
        error = _FAULTS.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    code = error if isinstance(error, str) or error is None else error.code
    return code if code is not None and _CODE.fullmatch(code) else None


# ---------------------------------------------------------------- resources


def _key_of_call(_site: Site, row: PhoneCall) -> str:
    return row.id


def _key_of_leg(_site: Site, row: Leg) -> str:
    return row.key


def _call_of(site: Site, row: Leg) -> RowKey:
    return RowKey(row.id, local(site)(row.published))


RECORDS_LIST = Resource(
    wire=PhoneCall,
    fields=RECORDS,
    never=NEVER,
    untold=UNTOLD,
    row_key=_key_of_call,
    shape=shape_records,
    plan=plan_records,
    read=read_records,
    always=("id", "published"),
    exactness=exactness_records,
    pushes=_PUSHES_RECORDS,
    legs_of=legs,
)

LOGS_LIST = Resource(
    wire=Leg,
    fields=LOGS,
    never=NEVER,
    untold=UNTOLD,
    row_key=_key_of_leg,
    shape=shape_logs,
    plan=plan_logs,
    read=read_logs,
    always=("id", "published", "views"),
    exactness=exactness_logs,
    pushes=_PUSHES_LOGS,
    call_of=_call_of,
)
