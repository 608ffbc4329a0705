"""What the PBX has to show right now, as lists that are made anew only when something changed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, TypeVar

from graph.sources import company
from graph.sources.portsip.simulator.listing import Listing, Row
from graph.sources.portsip.simulator.rows import BLANK, COLUMNS, SEARCHED, CallRow, GivenRow, Writer
from graph.sources.portsip.simulator.switches import Switches
from graph.sources.twin import World

SessionRow = CallRow | GivenRow
R = TypeVar("R", bound=Row)


class History:
    """One row per call (`sessions`) and one per hop of it (`logs`)."""

    def __init__(self, world: World, switches: Switches) -> None:
        self.writer = Writer(world.seed, switches)
        self._world = world
        self._switches = switches
        self._state: object = None
        self._known: dict[int, CallRow] = {}
        self._rows: list[SessionRow] = []
        self._given_logs: list[GivenRow] = []
        self._sessions: dict[str | None, Listing[SessionRow]] = {}
        self._logs: Listing[Row] | None = None

    def sessions(self, number: str | None = None) -> Listing[SessionRow]:
        """All of them, or those in which this number took part"""
        self._refresh()
        if number not in self._sessions:
            rows = (row for row in self._rows if number is None or row.concerns(number))
            self._sessions[number] = self._listing(rows)
        return self._sessions[number]

    def logs(self) -> Listing[Row]:
        self._refresh()
        if self._logs is None:
            legs = chain.from_iterable(row.legs for row in self._rows if isinstance(row, CallRow))
            self._logs = self._listing(chain(legs, self._given_logs))
        return self._logs

    def _refresh(self) -> None:
        given = self._world.given
        calls = [] if given is not None else self._world.visible(self._switches.delay_seconds)
        oldest = self._oldest()
        state = (self._world.revision, len(calls), None if given is None else len(given), oldest)
        if state == self._state:
            return
        self._state = state
        self._sessions.clear()
        self._logs = None
        if given is None:
            self._show(calls[bisect_left(calls, oldest, key=_start) :] if oldest else calls)
        else:
            self._take(given)

    def _oldest(self) -> datetime | None:
        """The first day that can be asked for"""
        if not self._switches.history_years or not self._switches.since(22, 5):
            return None
        reach = timedelta(days=365.25 * self._switches.history_years)
        return (self._world.clock() - reach).replace(hour=0, minute=0, second=0, microsecond=0)

    def _show(self, calls: Iterable[company.Call]) -> None:
        known, self._known, self._rows = self._known, {}, []
        for call in calls:
            row = known.get(call.number)
            if row is None or row.call is not call:
                row = CallRow(self.writer, call)
            self._known[call.number] = row
            self._rows.append(row)

    def _take(self, given: Iterable[Mapping[str, Any]]) -> None:
        """Entries with a `session_id` are logs, those without an `id` legs of the session before"""
        self._rows, self._given_logs = [], []
        for entry in given:
            row = GivenRow(entry)
            if "session_id" in entry:
                self._given_logs.append(row)
            elif "id" in entry or not self._rows:
                self._rows.append(row)
            else:
                self._rows[-1].legs.append(row)
        for session in self._rows:
            if not session.legs:
                own = [row for row in self._given_logs if row.session == session.id]
                session.legs.extend(own or [session])

    def _listing(self, rows: Iterable[R]) -> Listing[R]:
        return Listing(
            rows,
            COLUMNS,
            searched=SEARCHED,
            blank=BLANK.get(self._switches.blanks),
            shuffle=self._world.chance if self._switches.shuffle_ties else None,
        )


def _start(call: company.Call) -> datetime:
    return call.started_at
