"""How Voicenter's call log is asked, and what its answers mean.

One address, and no pages: an answer holds a whole window or says that it does not. Refusals come
as a number in the body, whatever the HTTP status is.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from graph.errors import (
    SourceError,
    SourceMalformed,
    SourceRefused,
    SourceRejected,
    SourceThrottled,
    SourceUnavailable,
)
from graph.sources.contract import (
    Ask,
    Condition,
    Exactness,
    Page,
    Reply,
    Request,
    Resource,
    RowKey,
    Shape,
    Site,
    post_json,
)
from graph.sources.decoding import Decoded, decode
from graph.sources.voicenter.mapping import (
    LOGS,
    NEVER,
    UNTOLD,
    call_key,
    clock,
    kind_of,
    original_id,
)
from graph.sources.voicenter.options import IDENTITIES, Options
from graph.sources.voicenter.wire import (
    ABSENT,
    COLUMNS,
    SPELLINGS,
    Asked,
    Leg,
    List,
    Verdict,
)

PATH = "/hub/cdr/"
HORIZON_SECONDS = 14_400
_OK, _THROTTLED, _UNKNOWN_CODE, _TOO_MANY, _UNTRUSTED, _BAD_RANGE = range(6)
_BACK_OFF_SECONDS = 5.0
_JUDGED_BY_BODY = frozenset({403, 404})

# The longest range is not documented. A range of ours is never turned round, so one of more than a
# month that is refused may only be too long, and its halves are asked.
_SURELY_SHORT = timedelta(days=31)

# ---------------------------------------------------------------- asking


def shape(site: Site, ask: Ask) -> Shape:
    """Whole pieces: a week of an open window, and more where that held little.

    From the very beginning on all is asked at once: an answer that does not hold it says so, and
    halving costs less than a walk through years without calls.
    """
    from_the_beginning = ask.since is None and not ask.newest_first
    return Shape(
        name="search",
        sorted=False,
        first_days=36_525.0 if from_the_beginning else 7.0,
        floor=site.options.floor,
    )


def exactness(site: Site, condition: Condition) -> Exactness:
    """`phones` finds a number on either side, in the two ways Voicenter writes it."""
    if condition.name == "identity":
        return Exactness.EXACT if _identity(condition) else Exactness.NONE
    if condition.name in _NUMBERS and site.options.push_phones and site.region in (None, "IL"):
        return Exactness.SUPERSET if all(map(_spellings, condition.values)) else Exactness.NONE
    return Exactness.NONE


_NUMBERS = ("number", "caller", "callee")
_PUNCTUATION = re.compile(r"[\s()/.\-]")
# A shorter one may be an extension, which `phones` need not find.
_NUMBER = re.compile(r"\+?+(?:00)?+(\d{7,})", re.ASCII)


def _spellings(value: str) -> tuple[str, ...]:
    """The ways in which Voicenter may write a whole number; none if this is no whole number"""
    match = _NUMBER.fullmatch(_PUNCTUATION.sub("", value))
    if match is None:
        return ()
    digits = match[1]
    if digits.startswith("972"):
        return digits, "0" + digits[3:]
    if digits.startswith("0"):
        return digits, "972" + digits[1:]
    return (digits,)


def _identity(condition: Condition) -> str | None:
    return IDENTITIES.get(str(condition.values[0]).lower())


# Beyond these, a clock of another zone may have no date at all.
_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def _bounds(options: Options, since: datetime, until: datetime) -> tuple[str, str]:
    """Both bounds on the vendor's clock, rounded outwards to what it reads; both belong to it."""
    assert options.date_zone is not None
    zone = ZoneInfo(options.date_zone)
    low, high = (min(max(at, _EARLIEST), _LATEST).astimezone(zone) for at in (since, until))
    if high.fold:
        # In the repeated autumn hour all that this hour shows may lie before the end.
        high += timedelta(hours=1)
    precision, step = "seconds", timedelta(seconds=1)
    if options.minute_precision:
        precision, step = "minutes", timedelta(minutes=1)
        low = low.replace(second=0)
    whole = high.replace(microsecond=0, second=0 if options.minute_precision else high.second)
    high = whole if whole == high else whole + step
    return _written(low, precision), _written(high, precision)


def _written(wall: datetime, precision: str) -> str:
    return wall.replace(tzinfo=None).isoformat(timespec=precision)


def plan(site: Site, ask: Ask, _offset: int) -> Request:
    options: Options = site.options
    assert ask.since is not None
    assert ask.until is not None
    fromdate, todate = _bounds(options, ask.since, ask.until)
    search: dict[str, Any] = {"fromdate": fromdate, "todate": todate}
    identity = options.identity
    for condition in ask.conditions:
        if condition.name == "identity":
            identity = _identity(condition)
        elif condition.name in _NUMBERS:
            # Of several conditions one narrows the list; all of them are checked here.
            search["phones"] = [one for value in condition.values for one in _spellings(value)]
    if identity is not None:
        search["IdentityCriteria"] = identity
    body: dict[str, Any] = {"format": "JSON"} if options.old else {}
    if ask.wire is not None:
        body["fields"] = [
            column for column in COLUMNS if column in ask.wire and column not in ABSENT[options.api]
        ]
    return post_json(PATH, {**body, "search": search}, accept=_JUDGED_BY_BODY)


# ---------------------------------------------------------------- reading

_FAST = msgspec.json.Decoder(List[Leg], strict=False)
_SLOW = msgspec.json.Decoder(List[msgspec.Raw], strict=False)
_ROW = msgspec.json.Decoder(Leg)
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_VERDICT = msgspec.json.Decoder(Verdict, strict=False)
_ASKED = msgspec.json.Decoder(Asked)
_ASTRAY = timedelta(hours=1)


def read(site: Site, reply: Reply, request: Request, ask: Ask) -> Page:
    """A window's rows; `split` where it holds more than the answer does.

    No total is handed on: nothing is left to be read that it could be compared with.
    """
    answer, rows = _decoded(reply, raw=ask.raw)
    if answer.error_number in (_TOO_MANY, _BAD_RANGE):
        return Page([], split=True)
    _in_window(site, request, rows.rows)
    came = len(rows.rows) + rows.skipped
    found = came if answer.total_hits is None else answer.total_hits
    split = found > came or came >= site.options.cap
    return Page(rows.rows, split=split, skipped=rows.skipped, raws=rows.raws)


def _decoded(reply: Reply, *, raw: bool) -> tuple[List[Any], Decoded]:
    """All rows at once; one by one where one is spelled in another way, or wanted as sent"""
    if not raw:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            fast = _FAST.decode(reply.body)
            return fast, Decoded(fast.cdr_list or [], None, 0)
    slow = decode(_SLOW, reply.body, "the call log")
    made: list[Leg] = []
    kept: list[msgspec.Raw] = []
    for sent in slow.cdr_list or []:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            made.append(_leg(sent))
            kept.append(sent)
    skipped = len(slow.cdr_list or []) - len(made)
    return slow, Decoded(made, kept if raw else None, skipped)


def _leg(sent: msgspec.Raw) -> Leg:
    """One row, whatever the case of its keys; columns nobody knows are left out"""
    with suppress(msgspec.ValidationError):
        return _ROW.decode(sent)
    told = _OBJECT.decode(sent)
    known = {SPELLINGS[key.lower()]: told[key] for key in told if key.lower() in SPELLINGS}
    return msgspec.convert(known, Leg)


def _in_window(site: Site, request: Request, rows: list[Leg]) -> None:
    """SourceMalformed if rows lie far outside of what was asked for.

    Such an answer is another question's, or our zone is not the vendor's; calls would be lost.
    """
    dates = [row.date for row in rows if row.date]
    if not dates or request.body is None:
        return
    asked = _ASKED.decode(request.body).search
    shown = clock(site.options.date_zone)
    low, high = shown(asked.fromdate), shown(asked.todate)
    for date in (min(dates), max(dates)):
        with suppress(ValueError, OverflowError):  # such a row is skipped and counted later
            at = shown(date)
            if at and low and high and not low - _ASTRAY <= at <= high + _ASTRAY:
                raise SourceMalformed(
                    "it sent calls from outside the window asked for; check the option date_zone"
                )


# ---------------------------------------------------------------- refusals


def judge(reply: Reply, request: Request) -> SourceError | None:
    """By the number in the body; the status tells only where the body is not Voicenter's."""
    try:
        told = _VERDICT.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = Verdict()
    number, detail = told.error_number, str(told.error_number)
    if number is None:
        return _by_status(reply, request)
    if number in (_OK, _TOO_MANY):
        return None
    if number == _THROTTLED:
        return SourceThrottled(
            "its limit of requests is reached (30 a minute for each account)",
            detail=detail,
            retry_after_seconds=_BACK_OFF_SECONDS,
        )
    if number == _UNKNOWN_CODE:
        return SourceRefused("it does not know our code or token", detail=detail)
    if number == _UNTRUSTED:
        return SourceRefused(
            "it does not trust the address we ask from; add that in Voicenter's control panel",
            detail=detail,
        )
    if number == _BAD_RANGE:
        if _long(request):
            return None
        return SourceRejected("it does not take our range of dates", detail=detail)
    if max(reply.status, told.status_code or 0) >= 500:
        return SourceUnavailable(f"it failed with its error {number}", detail=detail)
    return SourceRejected(f"it refused our request with its error {number}", detail=detail)


def _by_status(reply: Reply, request: Request) -> SourceError | None:
    if reply.status not in request.accept:
        return None
    if reply.status == 403:
        return SourceRefused("HTTP status 403: our credentials, rights or address are refused")
    return SourceRejected(f"HTTP status {reply.status}: no such address; check base_url")


def _long(request: Request) -> bool:
    if request.body is None:
        return False
    asked = _ASKED.decode(request.body).search
    length = datetime.fromisoformat(asked.todate) - datetime.fromisoformat(asked.fromdate)
    return length > _SURELY_SHORT


# ---------------------------------------------------------------- rows and calls

_TOLERANCE = timedelta(seconds=60)
_HORIZON = timedelta(seconds=HORIZON_SECONDS)


def row_key(_site: Site, row: Leg) -> str:
    """A CallID is not unique: both legs of a Click2Call have the same, and nobody promises that a
    call has one row of each type. So the key holds the type and the time of day, too.
    """
    time = (row.date or "")[11:19].replace(":", "")
    return f"{row.call_id}:{kind_of(row.cdr_type, row.type).key.zfill(2)}:{time}"


def call_start(site: Site, row: Leg) -> datetime | None:
    """The time that a call's id begins with; None where this row's own id tells no such time.

    `Date` is seen some seconds after it.
    """
    options: Options = site.options
    assert options.date_zone is not None
    began = clock(options.date_zone)(row.date)
    own = _told(str(row.call_id), options.id_zone)
    if began is None or own is None or abs(began - own) > _HORIZON:
        return None
    original = original_id(row.custom_data)
    told = own if original is None else _told(original, options.id_zone)
    return None if told is None else min(told - _TOLERANCE, began)


def _told(call_id: str, zone: str) -> datetime | None:
    day, time = call_id[:8], call_id[8:14]
    if not (day + time).isdecimal():
        return None
    try:
        return clock(zone)(f"{day}T{time}")
    except (ValueError, OverflowError):
        return None


def _key_start(site: Site, key: str) -> datetime | None:
    told = _told(key, site.options.id_zone)
    return None if told is None else told - _TOLERANCE


def _call_of(site: Site, row: Leg) -> RowKey:
    began = call_start(site, row) or clock(site.options.date_zone)(row.date)
    return RowKey(call_key(row.call_id, row.custom_data), began)


LOGS_LIST = Resource(
    wire=Leg,
    fields=LOGS,
    never=NEVER,
    untold=UNTOLD,
    row_key=row_key,
    shape=shape,
    plan=plan,
    read=read,
    always=("call_id", "date", "type", "cdr_type", "custom_data"),
    exactness=exactness,
    pushes={
        "identity": Exactness.EXACT,
        "number": Exactness.SUPERSET,
        "caller": Exactness.SUPERSET,
        "callee": Exactness.SUPERSET,
    },
    call_start=call_start,
    key_start=_key_start,
    horizon_seconds=HORIZON_SECONDS,
    call_of=_call_of,
)
