"""What a request asks for, checked as the server checks it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from graph.sources.voipnow.simulator.switches import Switches

Clock = Literal["published", "answered", "saved"]

STATUSES = {
    "access_denied": 401,
    "invalid_client": 401,
    "internal_server_error": 500,
    "server_error": 500,
    "request_not_implemented": 501,
    "too_many_requests": 429,
}
"""every other code answers 400"""

FIELDS = (
    "id", "ownerId", "ownerName", "extension", "published", "answered", "nonce",
    "phoneCallView", "links",
)  # fmt: skip
FILTERS = (
    "filterBy", "filterOp", "filterValue", "source", "destination", "disposition", "flow",
    "startDate", "endDate", "saveStartDate", "saveEndDate",
)  # fmt: skip
OPERATORS = (
    "contains", "equals", "greaterThan", "inArray", "lessThan", "present", "startsWith",
)  # fmt: skip

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?")
_PARTY = re.compile(r"\d{4}\*\d{3,}|\+?\d{3,}")
_PIECE = re.compile(r"[+*\d]+")


class Refusal(Exception):
    """A request that the server turns down with one of its codes."""

    def __init__(self, code: str, status: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status = status or STATUSES.get(code, 400)


class Bound(msgspec.Struct, frozen=True):
    """One end of a period; the moment itself lies inside."""

    clock: Clock
    moment: int


class Match(msgspec.Struct, frozen=True):
    """`filterBy`, `filterOp` and `filterValue`; moments or spellings to compare with."""

    by: str
    operator: str
    moments: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()


class Wanted(msgspec.Struct, frozen=True):
    """Which calls. Equal questions have equal answers while the history stays as it is."""

    low: Bound | None
    high: Bound | None
    extension: str | None = None
    source: tuple[str, ...] = ()
    destination: tuple[str, ...] = ()
    disposition: int | None = None
    flow: int | None = None
    match: Match | None = None


class Page(msgspec.Struct, frozen=True):
    """Which of these calls, and how they are shown."""

    start: int
    count: int
    descending: bool
    fields: tuple[str, ...] | None
    filtered: bool


class Question:
    """Reads the query parameters of one request. `extension` is that of the user in scope."""

    def __init__(
        self,
        parameters: Mapping[str, str],
        switches: Switches,
        now: datetime,
        extension: str | None,
    ) -> None:
        self.parameters = parameters
        self.switches = switches
        self.zone = ZoneInfo(switches.time_zone)
        self.now = now.astimezone(self.zone)
        self.extension = extension

    def period(self) -> Wanted:
        """The scope and the dates alone, as statistics take them"""
        low = self._bound("startDate", "cdr_start_date_invalid")
        high = self._bound("endDate", "cdr_end_date_invalid")
        if low is None and high is None:
            month = self.now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            return Wanted(Bound("published", int(month.timestamp())), None, self.extension)
        if low and high and low.moment > high.moment:
            raise Refusal("cdr_invalid_date_parameters")
        # Moments are whole seconds, so an end that is left out is one second further in.
        if low and not self.switches.start_inclusive:
            low = Bound(low.clock, low.moment + 1)
        if high and not self.switches.end_inclusive:
            high = Bound(high.clock, high.moment - 1)
        return Wanted(low, high, self.extension)

    def wanted(self) -> Wanted:
        period = self.period()
        return Wanted(
            period.low,
            period.high,
            self.extension,
            self._spellings("source"),
            self._spellings("destination"),
            self._one_of("disposition", range(6)),
            self._one_of("flow", (2, 4, 8)),
            self._match(),
        )

    def page(self) -> Page:
        switches = self.switches
        start = self._whole("startIndex", 0, 0, switches.largest_start, switches.start_index_error)
        count = self._whole("count", 20, 1, switches.largest_count, "count_invalid")
        order = self.parameters.get("sortOrder")
        if order is not None and order not in switches.sort_orders:
            raise Refusal("sortorder_invalid")
        asked = self.parameters.get("fields")
        fields = None if asked is None else tuple(asked.split(","))
        if fields is not None and not set(fields) <= set(FIELDS):
            raise Refusal("fields_invalid")
        return Page(
            start,
            count,
            (order or switches.default_order).startswith("desc"),
            fields,
            any(name in self.parameters for name in FILTERS),
        )

    def _bound(self, name: str, code: str) -> Bound | None:
        clock: Clock = "answered"
        text = self.parameters.get(name)
        if text is None:
            clock, code = "saved", code.replace("cdr_", "cdr_save_")
            text = self.parameters.get(f"save{name[0].upper()}{name[1:]}")
        if text is None:
            return None
        moment = self._moment(text)
        if moment is None:
            raise Refusal(code)
        return Bound(clock, moment)

    def _moment(self, text: str) -> int | None:
        if not _DATE.fullmatch(text):
            return None
        try:
            at = datetime.fromisoformat(text)
            return int((at if at.tzinfo else at.replace(tzinfo=self.zone)).timestamp())
        except (ValueError, OverflowError):
            return None

    def _spellings(self, name: str) -> tuple[str, ...]:
        text = self.parameters.get(name)
        return () if text is None else self._party(text, f"cdr_{name}_invalid")

    def _party(self, text: str, code: str) -> tuple[str, ...]:
        """The ways in which rows may spell the extension or number"""
        if text == "@self" and self.extension:
            return (self.extension,)
        if not _PARTY.fullmatch(text):
            raise Refusal(code)
        if "*" in text:
            if not text.startswith(f"{self.switches.prefix}*"):
                raise Refusal("extension_invalid")
            return (text,)
        digits = text.removeprefix("+")
        return (digits, f"+{digits}", f"{self.switches.prefix}*{digits}")

    def _match(self) -> Match | None:
        by = self.parameters.get("filterBy", "published")
        if by not in ("source", "destination", "published", "answered"):
            raise Refusal("filterby_invalid")
        asked = self.parameters.get("filterOp")
        operator = asked or self.switches.default_operator
        if operator not in OPERATORS:
            raise Refusal("filterop_invalid")
        if operator == "present":
            return Match(by, operator)
        value = self.parameters.get("filterValue")
        if value is None and asked is None:
            return None
        if not value:
            raise Refusal("filtervalue_invalid")
        values = value.split(",") if operator == "inArray" else [value]
        unfit = Refusal(f"cdr_invalid_filter_by_{by}")
        if by in ("published", "answered"):
            if operator in ("contains", "startsWith"):
                raise Refusal("filterop_invalid")
            moments = [self._moment(text) for text in values]
            if None in moments:
                raise unfit
            return Match(by, operator, moments=tuple(at for at in moments if at is not None))
        if operator in ("greaterThan", "lessThan"):
            raise Refusal("filterop_invalid")
        if operator in ("contains", "startsWith"):
            if not _PIECE.fullmatch(value):
                raise unfit
            return Match(by, operator, texts=(value,))
        spellings = [each for text in values for each in self._party(text, unfit.code)]
        return Match(by, operator, texts=tuple(spellings))

    def _one_of(self, name: str, allowed: range | tuple[int, ...]) -> int | None:
        text = self.parameters.get(name)
        if text is not None and text not in map(str, allowed):
            raise Refusal(f"cdr_{name}_invalid")
        return None if text is None else int(text)

    def _whole(self, name: str, blank: int, least: int, most: int, code: str) -> int:
        text = self.parameters.get(name)
        if text is None:
            return blank
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise Refusal(code)
        return int(text)
