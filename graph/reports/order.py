"""In what order lists of reports stand, and the cursors that say where in it somebody is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from graph.errors import BadUserInput
from graph.gather import keys
from graph.gather.plan import Page
from graph.reports.reading import Kind
from graph.types.report_inputs import CompletedReportOrder, ReportOrder

Order = ReportOrder | CompletedReportOrder

USUAL: Mapping[Kind, Order] = {
    "report": ReportOrder.NAME,
    "completed": CompletedReportOrder.NEWEST_FIRST,
}

_ORDERS: Mapping[Order, tuple[str, bool]] = {
    ReportOrder.NAME: ("name", False),
    ReportOrder.NAME_DESCENDING: ("name", True),
    ReportOrder.TYPE: ("type", False),
    ReportOrder.TYPE_DESCENDING: ("type", True),
    ReportOrder.STATUS: ("status", False),
    ReportOrder.STATUS_DESCENDING: ("status", True),
    CompletedReportOrder.NEWEST_FIRST: ("completed_at", True),
    CompletedReportOrder.OLDEST_FIRST: ("completed_at", False),
    CompletedReportOrder.NAME: ("name", False),
    CompletedReportOrder.NAME_DESCENDING: ("name", True),
    CompletedReportOrder.TYPE: ("type", False),
    CompletedReportOrder.TYPE_DESCENDING: ("type", True),
    CompletedReportOrder.SIZE: ("file_size_bytes", False),
    CompletedReportOrder.SIZE_DESCENDING: ("file_size_bytes", True),
}
"""the attribute that decides, and whether the largest comes first"""


class Place(NamedTuple):
    """Where an entry stands in its list; compares as the list is ordered, ascending."""

    value: str | int
    source: str
    row: str


class ReportCursor(msgspec.Struct, frozen=True, array_like=True):
    """What a cursor of a list of reports holds."""

    version: int
    question: bytes
    value: str | int
    source: str
    row: str


class Question(NamedTuple):
    """A page of reports as it was asked for."""

    kind: Kind
    sources: list[str] | None
    search: str | None
    filter: str | None
    order: Order
    page: Page
    paths: frozenset[str]

    @property
    def hash(self) -> bytes:
        return keys.question_hash(
            self.kind, self.sources, self.search, self.filter, self.order.name
        )


def descends(order: Order) -> bool:
    """The largest place comes first"""
    return _ORDERS[order][1]


def place_of(record: Any, source: str, order: Order) -> Place:
    """Where a record stands. What it lacks comes before all that there is, upper case is lower."""
    attribute = _ORDERS[order][0]
    value = getattr(record, attribute)
    if attribute == "completed_at":
        own: str | int = 0 if value is None else keys.to_us(value)
    elif attribute == "file_size_bytes":
        own = -1 if value is None else int(value)
    else:
        own = "" if value is None else str(getattr(value, "name", value)).casefold()
    return Place(own, source, record.native_id)


def follows(place: Place, after: Place, order: Order) -> bool:
    return place < after if descends(order) else place > after


def write_cursor(asked: Question, place: Place, signer: keys.Signer) -> str:
    return signer.seal(msgspec.msgpack.encode(ReportCursor(keys.VERSION, asked.hash, *place)))


def read_cursor(asked: Question, signer: keys.Signer) -> Place | None:
    """The place that the page is to begin after, if any; BadUserInput for another list's cursor"""
    if asked.page.after is None:
        return None
    body = signer.unseal(asked.page.after, "after")
    try:
        cursor = msgspec.msgpack.decode(body, type=ReportCursor)
    except msgspec.DecodeError:
        cursor = None
    if cursor is None or cursor.version != keys.VERSION or cursor.question != asked.hash:
        raise BadUserInput("after", "this `after` belongs to another list, filter or order")
    return Place(cursor.value, cursor.source, cursor.row)
