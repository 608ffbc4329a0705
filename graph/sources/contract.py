"""What a vendor folder promises: pure data and pure functions that never await.

    manifest (VENDOR)  what the vendor is called, has, lacks, allows and needs
    auth.py            how a request is signed, how a token lives
    protocol.py        Resource: plan a request, read its reply, find one entry again
    mapping.py         FIELDS: which of our paths comes from which wire key, by which conversion

The transport sends what is planned here, and `gather` decides what to plan next.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from graph.errors import SourceError
from graph.privacy import Secret
from graph.sources.made import Made
from graph.sources.words import UnknownWords
from graph.sources.writes import ReportCommand, Written
from graph.types.call import CallDirection, CallDisposition, VendorDetails
from graph.types.report_words import CallReportFormat, CallReportPreset, CallReportType
from graph.types.stats import NativeBounds, NativeCounts


class Kind(Enum):
    """Whether a request may be repeated. It never follows from the HTTP method."""

    READ = "read"  # changes nothing: repeated while deadline and retry budget last
    SIGN_IN = "sign_in"  # repeated after a lost connection, never after a refusal
    WRITE = "write"  # sent once


class Request(msgspec.Struct, frozen=True):
    """One HTTP request as data. Equal requests of equal sight may share a reply.

    `path` begins with "/" and is joined to the source's address. `accept` lists status codes
    outside 2xx that the reading function wants to judge itself.
    """

    method: Literal["GET", "POST"]
    path: str
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    kind: Kind = Kind.READ
    accept: frozenset[int] = frozenset()

    def __repr__(self) -> str:
        # Headers, parameters and body may hold tokens and numbers.
        return f"<{type(self).__name__} {self.method} {self.path}>"

    def with_headers(self, **headers: str) -> Request:
        added = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return msgspec.structs.replace(self, headers=self.headers + added)

    def with_params(self, **params: str) -> Request:
        return msgspec.structs.replace(self, params=self.params + tuple(params.items()))


def post_json(path: str, body: Any, kind: Kind = Kind.READ, **options: Any) -> Request:
    """A POST of JSON"""
    request = Request("POST", path, body=msgspec.json.encode(body), kind=kind, **options)
    return request.with_headers(content_type="application/json")


class Reply(msgspec.Struct, frozen=True):
    """What came back: the status, the headers with names in lower case, the bytes.

    `made` is what was made of it, for all who share it and ask it alike; nobody changes that.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    made: dict[Hashable, Any] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Reply {self.status}, {len(self.body)} bytes>"


class Expired(Exception):
    """The token lapsed and the vendor did nothing: renewing and sending again is safe."""


class Token(msgspec.Struct, frozen=True):
    """A sign-in that worked. `lifetime_seconds` None: until the vendor says otherwise.

    `facts` is what was learnt about the system on the way, e.g. its firmware.
    """

    access: Secret
    renewal: Secret | None = None
    lifetime_seconds: float | None = None
    facts: Mapping[str, Any] = {}


class Site(msgspec.Struct):
    """One configured system, as a vendor's functions need to know it.

    `facts` holds what sign-in learnt. `unknown_words` counts words no table knows, by word.
    `converters` keeps the compiled conversions by what they convert, and what each PerSite made;
    `made` is what they made of the system's words.
    """

    id: str
    zone: ZoneInfo
    credentials: Any
    options: Any
    region: str | None = None
    hash_key: bytes = b""
    facts: dict[str, Any] = {}
    unknown_words: UnknownWords = msgspec.field(default_factory=UnknownWords)
    converters: dict[Any, Any] = {}
    made: Made = msgspec.field(default_factory=lambda: Made(UnknownWords()))

    def __post_init__(self) -> None:
        self.made = Made(self.unknown_words)

    def __repr__(self) -> str:
        return f"<Site {self.id}>"


class Exactness(Enum):
    """How much of a condition a vendor's request can express."""

    EXACT = "exact"
    """every row that comes satisfies it, and none that does is left out"""
    SUPERSET = "superset"
    """nothing is left out, but rows may come that do not satisfy it"""
    NONE = "none"


class Condition(msgspec.Struct, frozen=True):
    """One condition of a filter, e.g. `direction` in (INBOUND,). Any of the values may hold."""

    name: str
    values: tuple[Any, ...]


class Shape(msgspec.Struct, frozen=True):
    """How a vendor's list behaves for one ask.

    `sorted`: rows come in the asked order, so a page can be given before the rest is read.
    `windowed`: the request can name a window; otherwise only a position in the whole list.
    `folders`: the list is kept in local days of the site's zone, one asked at a time.
    `lag_seconds`: the window a request names is on a moment that may be that much later than a
    call's start. `reach`: the last position that can be asked for. `first_days`: how much of a
    window without a lower bound an unsorted list is asked for first; it grows from there. `floor`:
    nothing is older. `name` lets the vendor's own `plan` know what it chose.
    """

    name: str = ""
    sorted: bool = True
    windowed: bool = True
    folders: bool = False
    lag_seconds: int = 0
    reach: int | None = None
    first_days: float = 1.0
    floor: datetime | None = None


class Ask(msgspec.Struct, frozen=True):
    """What one request is to bring. Both edges of the window are meant inclusively.

    Where the vendor's own window lags behind a call's start (`Shape.lag_seconds`), the plan of a
    sorted list adds the lag to `until`; of a list that is not sorted, the window is the vendor's.
    `wire` names the wire keys that are needed, None for all. `amount` is how many rows would do.
    """

    since: datetime | None
    until: datetime | None
    newest_first: bool
    now: datetime
    shape: Shape = Shape()
    conditions: tuple[Condition, ...] = ()
    wire: frozenset[str] | None = None
    raw: bool = False
    amount: int = 50
    until_open: bool = False
    """rows at `until` itself are not wanted; leaving them out only makes a told total exact"""


class Page(msgspec.Struct):
    """The rows of one reply, in the vendor's order.

    `offset`: the position of the first row in the vendor's list. `more`: rows follow. `total`: how
    many the ask has, if told. `split`: the piece holds more than the vendor can give. `skipped`:
    rows that could not even be decoded. `raws`: the rows as sent, if the ask wanted them. `asked`:
    how many rows were asked for, where the vendor is asked for a number.
    """

    rows: list[Any]
    offset: int = 0
    more: bool = False
    total: int | None = None
    split: bool = False
    skipped: int = 0
    raws: list[msgspec.Raw] | None = None
    asked: int | None = None

    @property
    def short(self) -> bool:
        """fewer rows came than were asked for"""
        return self.asked is not None and len(self.rows) + self.skipped < self.asked


class RowKey(msgspec.Struct, frozen=True):
    """What finds one entry again. `exact`: the start is its own, not somebody's idea of it."""

    row: str
    started_at: datetime | None = None
    exact: bool = True


class Found(msgspec.Struct):
    """What a lookup brought: rows, or none, or "the vendor is still preparing it"."""

    rows: list[Any]
    raws: list[msgspec.Raw] | None = None
    ready: bool = True
    retry_after_seconds: float | None = None


class PerSite:
    """A converter that needs the site: its zone, its region, its counters."""

    def __init__(self, make: Callable[[Site], Callable[..., Any]]) -> None:
        self.make = make


class Composed:
    """A converter of attributes that are converted `first`, each by the converter at its place; the
    others are given as they are. What several fields need of one attribute is made once for a row.
    """

    def __init__(
        self, convert: Callable[..., Any] | PerSite, *first: Callable[..., Any] | PerSite
    ) -> None:
        self.convert = convert
        self.first = first


class Field(NamedTuple):
    """One row of a mapping: our path, the attributes of the wire Struct it comes from, how.

    `convert` is called with the attributes' values in that order. `part` names the further request
    that supplies the field; its value then comes from that `Part`.
    """

    path: str
    wire: str | tuple[str, ...]
    convert: Callable[..., Any] | PerSite | Composed
    part: str | None = None


class Part(msgspec.Struct, frozen=True):
    """A late part: one further request for one entry.

    `values` gives, from the rows that `read` brought, the value of each field that names this
    part. Where the resource's `legs_part` names it, the rows are also the legs of the call.
    """

    ask: Callable[[Site, RowKey], Request]
    read: Callable[[Site, Reply, Request, bool], Found]
    values: Callable[[Site, list[Any]], Mapping[str, Any]]


def _no_push(_site: Site, _condition: Condition) -> Exactness:
    return Exactness.NONE


class Resource(msgspec.Struct, frozen=True, eq=False):
    """A list of a vendor's: its calls (`records`) or its legs (`logs`). All functions are pure.

    `read` makes rows of no more than `Ask.wire` names, if it likes. `read_located` is told at last
    whether the rows are wanted as sent, too.
    `locate` gives the requests that find an entry by its key, tried in order until one finds it;
    without it, or with none, the window around the entry's start is read.
    `call_start` gives the earliest start that a leg's call may have, if the leg tells; legs of one
    call begin within `horizon_seconds` of it. `legs_of` gives a call's leg rows where a call's row
    holds them, `legs_part` the part that brings them where a further request does.
    """

    wire: type[msgspec.Struct]
    fields: tuple[Field, ...]
    never: Mapping[str, str]
    row_key: Callable[[Site, Any], str]
    shape: Callable[[Site, Ask], Shape]
    plan: Callable[[Site, Ask, int], Request]
    read: Callable[[Site, Reply, Request, Ask], Page]
    always: tuple[str, ...] = ()
    """the wire attributes that `row_key`, `call_start`, `call_of` and the like read of every row"""
    words: frozenset[str] = frozenset()
    """the wire attributes, of texts and whole numbers alone, that say the same few things again and
    again: what a system calls something, its numbers and names; what is made of nothing else is
    made once, and shared by records"""
    locate: Callable[[Site, RowKey], list[Request]] | None = None
    read_located: Callable[[Site, Reply, Request, bool], Found] | None = None
    locate_lacks: frozenset[str] = frozenset()
    """wire attributes that only a list brings, and what `locate` finds does not have"""
    exactness: Callable[[Site, Condition], Exactness] = _no_push
    pushes: Mapping[str, Exactness] = {}
    """how exactly each condition can be pushed down at best, as `exactness` decides it by values"""
    parts: Mapping[str, Part] = {}
    call_start: Callable[[Site, Any], datetime | None] | None = None
    horizon_seconds: int = 0
    key_start: Callable[[Site, str], datetime | None] | None = None
    """the earliest start that the text of a call's key tells, where there is no other"""
    legs_of: Callable[[Site, Any], list[Any]] | None = None
    legs_part: str | None = None
    call_of: Callable[[Site, Any], RowKey] | None = None
    """the key of the call that a leg belongs to, where `records` can look it up"""
    untold: Mapping[CallDisposition, str] = {}
    """the ways a call can end that it has no word for, and as what such calls are told"""
    queue_answers: str | None = None
    """why `answered_at` of a call with a `queue` is not when a person answered; None if it is"""


class Auth(msgspec.Struct, frozen=True):
    """A vendor's sign-in as data. A vendor without tokens leaves `sign_in` out.

    `sign_in` gives None where a lasting token is configured. `read_token` gives the token or the
    next request of the same sign-in: an older endpoint, a look at the firmware. `tokens_at_once`:
    how many the system gives out, if it counts them.
    """

    sign: Callable[[Site, Request, Token | None], Request]
    sign_in: Callable[[Site], Request | None] = lambda _site: None
    renew: Callable[[Site, Token], Request | None] = lambda _site, _token: None
    sign_out: Callable[[Site, Token], Request | None] = lambda _site, _token: None
    read_token: Callable[[Site, Reply, Request, Token | None], Token | Request] | None = None
    tokens_at_once: int | None = None


class Pace(msgspec.Struct, frozen=True):
    """How hard a system may be asked unless the configuration says otherwise."""

    requests_per_second: float
    burst: int
    max_concurrency: int


LONGEST_CALL_SECONDS = 14_400
"""How long a call may last. A call is published after its end, so the past is firm only later."""


class Readiness(msgspec.Struct, frozen=True):
    """When to look for a record that a vendor may still be preparing, and how often."""

    first_after_seconds: float = 0
    every_seconds: float = 30
    tries: int = 20


class Reports(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor's own report engine: definitions, their files, and how both are changed.

    `definitions` and `completed` are lists that are short enough to be read whole; they take the
    condition `search`, and `locate` finds one entry. `write` gives a request of kind WRITE that
    accepts the refusals that `read_written` reads. `file` gives, of a row of `completed`, where
    its file is: a path from the root of the host, or an address; None if it has none. `link` says
    what ties a finished file to its report, `certain` whether that is sure.
    """

    types: tuple[CallReportType, ...]
    formats: tuple[CallReportFormat, ...]
    presets: tuple[CallReportPreset, ...]
    definitions: Resource
    completed: Resource
    write: Callable[[Site, ReportCommand], Request]
    read_written: Callable[[Site, Reply, ReportCommand], Written]
    file: Callable[[Site, Any], str | None]
    link: str
    certain: bool = False
    follow_seconds: float = 10
    """how often a report that somebody waits for is looked at"""


class Manifest(msgspec.Struct, frozen=True):
    """A vendor in one literal.

    `prefix` is the path that every request begins with; an address may be configured with it.
    `settles_after_seconds` is how late a call may still appear after it ended. `judge` says what a
    reply outside 2xx means, or None to leave it to the common table. Without `records`, calls are
    folded from `logs`. Without `reports` it runs none. `page_rows` and `reach_rows` are told to
    people. `numbers` reads a number as E.164, where that takes more than the site's region.
    """

    name: str
    title: str
    documentation: str
    prefix: str
    credentials: type[msgspec.Struct]
    options: type[msgspec.Struct]
    default_zone: str
    pace: Pace
    auth: Auth
    details: type[VendorDetails]
    logs: Resource
    logs_note: str
    records: Resource | None = None
    native_stats: Callable[[Site, NativeBounds], Request] | None = None
    read_native_stats: Callable[[Reply], Mapping[CallDirection, NativeCounts]] | None = None
    reports: Reports | None = None
    judge: Callable[[Reply, Request], SourceError | Expired | None] = lambda _reply, _request: None
    settles_after_seconds: int = 60
    readiness: Readiness = Readiness()
    step_seconds: float = 1.0
    page_rows: int = 100
    reach_rows: int | None = None
    sorts: bool = True
    numbers: PerSite | None = None
