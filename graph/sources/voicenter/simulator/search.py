"""What a request asks, and the rows that answer it."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from math import ceil, floor, inf
from operator import attrgetter
from typing import Any
from zlib import crc32

import msgspec

from graph.sources.company import QUEUES, Call, Person
from graph.sources.twin import World
from graph.sources.voicenter.simulator import rows
from graph.sources.voicenter.simulator.rows import Row
from graph.sources.voicenter.simulator.switches import Switches

Asked = Mapping[str, Any]
"""Parameters by name in lower case; a value, or a list of them"""
Page = tuple[list[dict[str, Any]], int]
"""The rows that are sent, and how many were found"""


class RefusedError(Exception):
    """The request is answered with this ERROR_NUMBER."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def values(asked: Asked, name: str) -> list[str]:
    value = asked.get(name)
    several = value if isinstance(value, list) else [value]
    return [str(one) for one in several if one not in (None, "")]


def text(asked: Asked, name: str) -> str:
    return next(iter(values(asked, name)), "")


class Entry(msgspec.Struct, eq=False, gc=False):
    """A row's place in the list, made for every call; the row is made when first looked at."""

    order: int
    """the moment of `Date` in seconds on the API's clock, then 32 bits that order a tie"""
    kind: int = 0
    after: int = 0
    call: Call | None = None
    given: Mapping[str, Any] | None = None
    row: Row | None = None


def _order(entry: Entry) -> int:
    return entry.order


class Search:
    def __init__(self, world: World, switches: Switches) -> None:
        self.world = world
        self.switches = switches
        self.columns = [name for name in rows.COLUMNS if name not in rows.ABSENT[switches.api]]
        self.entries: list[Entry] = []
        self.planned: dict[int, list[Entry]] = {}
        """by the id() of their call, which they keep alive"""
        self.state = (-1, -1)

    def page(self, asked: Asked) -> Page:
        since, until = self._window(asked)
        self._refresh()
        entries, total = self._find(asked, since, until)
        if self.switches.old and total > self.switches.cap:
            raise RefusedError(3)
        return self._show(entries, values(asked, "fields")), total

    def _window(self, asked: Asked) -> tuple[float, float]:
        since = _moment(text(asked, "fromdate"), self.switches)
        until = _moment(text(asked, "todate"), self.switches)
        if not self.switches.old:
            longest = self.switches.max_days * 86400 or inf
            if since is None or until is None or not 0 <= until - since <= longest:
                raise RefusedError(5)
        return -inf if since is None else since, inf if until is None else until

    def _refresh(self) -> None:
        """The entries, in the order of `Date`, if other calls are visible than last time"""
        world = self.world
        if world.given is not None:
            state = (world.revision, len(world.given))
            if state != self.state:
                self.entries = sorted(self._given(world.given), key=_order)
        else:
            calls = world.visible(self.switches.delay_seconds)
            # Time only adds to what is visible, so the count tells whether anything has changed.
            state = (world.revision, len(calls))
            if state != self.state:
                known = self.planned
                self.planned = {id(call): known.get(id(call)) or self._plan(call) for call in calls}
                entries = (entry for plan in self.planned.values() for entry in plan)
                self.entries = sorted(entries, key=_order)
        self.state = state

    def _plan(self, call: Call) -> list[Entry]:
        start = int(call.started_at.timestamp()) + self.switches.date_skew_seconds
        zone = self.switches.zone
        mixed = call.number * 2654435761 + self.world.seed
        return [
            Entry(
                rows.wall(zone, start + after) << 32 | (mixed + kind * 40503) & 0xFFFFFFFF,
                kind,
                after,
                call,
            )
            for kind, after in rows.types(call, self.switches)
        ]

    def _given(self, given: list[dict[str, Any]]) -> list[Entry]:
        entries = []
        moment = 0.0
        for place, entry in enumerate(given):
            known = {name.lower(): value for name, value in entry.items()}
            # One without a readable date stands where the one before it stands.
            found = _moment(str(known.get("date", "")), self.switches)
            moment = moment if found is None else found
            tie = crc32(f"{self.world.seed}/{place}".encode())
            row = Row(
                **{
                    field.name: known[name]
                    for name, field in rows.COLUMNS.items()
                    if known.get(name) not in (None, "")
                }
            )
            entries.append(Entry(floor(moment) << 32 | tie, given=entry, row=row))
        return entries

    def _row(self, entry: Entry) -> Row:
        if entry.row is None:
            assert entry.call
            seed = self.world.seed
            entry.row = rows.make(entry.call, entry.kind, entry.after, seed, self.switches)
        return entry.row

    def _find(self, asked: Asked, since: float, until: float) -> tuple[list[Entry], int]:
        """The entries that are sent, and how many match"""
        first = 0 if since == -inf else self._place(ceil(since))
        end = len(self.entries) if until == inf else max(first, self._place(floor(until) + 1))
        cap = self.switches.cap
        sort = self._sort(asked)
        tests = self._tests(asked)
        if not tests and not self.switches.shuffle_ties and [by for by, _ in sort] == ["date"]:
            # The common question; it must not cost a look at rows that are not sent.
            if sort[0][1]:
                return self.entries[max(first, end - cap) : end][::-1], end - first
            return self.entries[first : min(end, first + cap)], end - first
        found = self.entries[first:end]
        if tests:
            found = [e for e in found if all(test(self._row(e)) for test in tests)]
        if self.switches.shuffle_ties:
            self.world.chance.shuffle(found)
        for by, descending in reversed(sort):
            found.sort(key=self._sort_key(by), reverse=descending)
        return found[:cap], len(found)

    def _place(self, second: int) -> int:
        return bisect.bisect_left(self.entries, second << 32, key=_order)

    def _sort(self, asked: Asked) -> list[tuple[str, bool]]:
        """Columns, and whether they descend"""
        sort = [] if self.switches.old else asked.get("sort")
        wanted = [
            (str(by.get("field")).lower(), str(by.get("order")).lower() == "desc")
            for by in (sort if isinstance(sort, list) else [sort])
            if isinstance(by, dict)
        ]
        return [by for by in wanted if by[0] in self.columns] or [("date", False)]

    def _sort_key(self, column: str) -> Callable[[Entry], Any]:
        if column == "date":
            return lambda entry: entry.order >> 32
        read = attrgetter(rows.COLUMNS[column].name)

        def sort_key(entry: Entry) -> tuple[float, str]:
            value = read(self._row(entry))
            return (value, "") if isinstance(value, int | float) else (inf, str(value))

        return sort_key

    def _tests(self, asked: Asked) -> list[Callable[[Row], bool]]:
        """What a row has to pass: all of them, and of one criterion's values any"""
        tests: list[Callable[[Row], bool]] = []
        phones = {_plain(phone) for phone in values(asked, "phones")}
        if phones:
            tests.append(lambda row: not phones.isdisjoint(_plain_parties(row)))
        extensions = {*values(asked, "extensions"), *values(asked, "extension")}
        if extensions:
            tests.append(
                lambda row: row.caller_extension in extensions or row.target_extension in extensions
            )
        if self.switches.identity_criteria:
            tests += _identity(text(asked, "identitycriteria").lower(), self.switches.user)
        if self.switches.old:
            return tests
        ids = set(values(asked, "callid"))
        if ids:
            tests.append(lambda row: row.call_id in ids)
        kinds = set(values(asked, "cdrtypes"))
        if kinds:
            tests.append(lambda row: str(row.cdr_type) in kinds)
        queue_ids = set(values(asked, "queueid"))
        if queue_ids:
            queues = {queue.name for queue in QUEUES if queue.number in queue_ids}
            tests.append(lambda row: row.queue_name in queues)
        if values(asked, "campaignid"):
            tests.append(lambda _: False)  # nobody here dials by campaign
        return tests

    def _show(self, entries: list[Entry], fields: list[str]) -> list[dict[str, Any]]:
        asked = {field.lower(): field for field in fields}
        case = self.switches.key_case

        def spell(name: str) -> str:
            if case == "pascal":
                return name
            return asked.get(name.lower(), name.lower()) if case == "echo" else name.lower()

        if self.world.given is not None:
            return [
                {
                    spell(name): value
                    for name, value in (entry.given or {}).items()
                    if not asked or name.lower() in asked
                }
                for entry in entries
            ]
        shown = [
            (rows.COLUMNS[name].name, spell(rows.COLUMNS[name].encode_name))
            for name in self.columns
            if not asked or name in asked
        ]
        page = [
            {name: getattr(row, attribute) for attribute, name in shown}
            for row in map(self._recorded, entries)
        ]
        if self.switches.nulls or self.switches.quoted_numbers:
            page = [{name: self._odd(value) for name, value in row.items()} for row in page]
        return page

    def _recorded(self, entry: Entry) -> Row:
        """The row, without its recording while that is not there yet"""
        row = self._row(entry)
        delay = self.switches.recording_delay_seconds
        if delay and row.record_url and entry.call:
            age = self.world.clock() - entry.call.ended_at
            if age.total_seconds() < delay:
                return msgspec.structs.replace(row, record_url="")
        return row

    def _odd(self, value: Any) -> Any:
        if value == "" and self.switches.nulls:
            return None
        if type(value) is int and self.switches.quoted_numbers:
            return str(value)
        return value


def _moment(when: str, switches: Switches) -> float | None:
    """Seconds on the API's clock; None if this is no date"""
    try:
        moment = datetime.fromisoformat(when)
        if moment.tzinfo:
            moment = moment.astimezone(switches.zone)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC).timestamp()


@lru_cache(maxsize=65536)
def _plain(number: str) -> str:
    """Israeli numbers may come without their country code"""
    digits = number.removeprefix("+")
    return f"972{digits[1:]}" if digits[:1] == "0" else digits


def _plain_parties(row: Row) -> tuple[str, str]:
    return _plain(row.caller_number), _plain(row.target_number)


def _identity(scope: str, user: str) -> list[Callable[[Row], bool]]:
    own = rows.department_of(Person(user, ""))
    if scope == "user":
        return [lambda row: str(row.user_id) == str(rows.key(user))]
    if scope == "department":
        return [lambda row: row.department_name == own]
    if scope == "hierarchical":
        below = rows.BELOW.get(own, ())
        return [lambda row: row.department_name in (own, *below)]
    return []
