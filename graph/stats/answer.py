"""The front door of statistics: plan → read every source to its end → sums → figures.

The streams and the fold are the list's, so statistics count the calls that a list shows. Entries
are added and dropped as they come; nobody waits for another source.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from graph.errors import BadUserInput
from graph.gather import keys, plan
from graph.gather.answer import refuse
from graph.gather.cost import at_least
from graph.gather.cut import not_asked
from graph.gather.lookup import Loaders
from graph.gather.plan import NotAsked, Page, Plan
from graph.gather.whole import Reader
from graph.observe import Trace
from graph.sources.contract import LONGEST_CALL_SECONDS
from graph.stats import figures, native
from graph.stats.book import Book, Group, Keeps, Reading
from graph.stats.groups import CALL_KEYS, TIME_KEYS, Bucket, Calendar, zone_named
from graph.stats.late import LateCosts, late
from graph.stats.reading import AllSources, Progress, SourceReader
from graph.stats.traffic import to_us
from graph.transport.open import Sources
from graph.types.answer import Outcome, OutcomeState
from graph.types.call import CallUnit
from graph.types.inputs import AskOptions, CallFilter
from graph.types.scalars import Long, TimeWindow
from graph.types.stats import NativeBounds, Stats, StatsGroup, StatsGroupKey, StatsKey

_LEAD = timedelta(seconds=LONGEST_CALL_SECONDS)
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_AMOUNT = 1_000_000
"""how many rows would do: each vendor makes it its largest page"""


class Question(msgspec.Struct, kw_only=True):
    """What is asked: `whole` and `grouped` are the figures of the whole and of each group."""

    filter: CallFilter
    unit: CallUnit
    group_by: tuple[StatsKey, ...]
    time_zone: str
    whole: figures.Asked
    grouped: figures.Asked
    native: tuple[NativeBounds, ...]


class Planned(msgspec.Struct, kw_only=True):
    """A question with everything that is known before anybody is asked."""

    question: Question
    plan: Plan
    calendar: Calendar
    since: datetime
    until: datetime
    whole: Keeps
    grouped: Keeps


def planned(question: Question, sources: Sources, trace: Trace, signer: keys.Signer) -> Planned:
    """The plan; BadUserInput names an argument that cannot be used"""
    wanted = question.filter
    since, until = plan.window(wanted)
    for name, moment in (("since", since), ("until", until)):
        if moment is None:
            raise BadUserInput(
                f"filter.{name}", f"statistics are about a window: give `filter.{name}`"
            )
    assert since is not None
    assert until is not None
    for place, key in enumerate(question.group_by):
        if key in question.group_by[:place]:
            raise BadUserInput(f"groupBy[{place}]", f"{key.name} is given twice")
    calendar = Calendar(zone_named(question.time_zone))
    whole, grouped = figures.keeps(question.whole), figures.keeps(question.grouped)
    read = copy(wanted)
    if whole.occupancy or grouped.occupancy:
        # Calls that began before the window may still be going on in it.
        read.since = max(since - _LEAD, _FIRST)
    paths = set(figures.needs(question.whole) | figures.needs(question.grouped))
    for key in question.group_by:
        if key in CALL_KEYS:
            paths.update(CALL_KEYS[key].needs)
    made = plan.page(
        sources,
        trace,
        signer,
        kind="records",
        unit=question.unit,
        filter=read,
        newest_first=False,
        wanted=Page(amount=_AMOUNT, backwards=False),
        paths=frozenset(paths),
    )
    return Planned(
        question=question,
        plan=made,
        calendar=calendar,
        since=since,
        until=until,
        whole=whole,
        grouped=grouped,
    )


async def stats(
    made: Planned,
    trace: Trace,
    loaders: Loaders,
    *,
    most_groups: int,
    options: AskOptions,
    progress: Progress | None = None,
    waits_seconds: Sequence[float] = (),
) -> Stats:
    """The statistics; SourcesFailed if no source could answer, TooManyGroups beyond the limit.

    `waits_seconds`: how long is waited before a source that failed is asked again.
    """
    if options.dry_run:
        trace.estimated = at_least(made.plan)
    else:
        await trace.reserve(at_least(made.plan))
    window = (made.since, made.until)
    plans = [] if options.dry_run else made.plan.sources
    whole = [
        Reader(made.plan, source, trace, window=window, waits_seconds=waits_seconds)
        for source in plans
    ]
    lates = {
        reader.source.live.id: LateCosts(reader, trace)
        for reader in whole
        if "cost" in {*made.whole.sums, *made.grouped.sums} and late(reader)
    }
    book = Book(
        made.whole,
        made.grouped,
        made.question.group_by,
        made.calendar,
        made.since,
        made.until,
        made.plan.now,
        most_groups,
    )
    book.check_length()
    readers = [SourceReader(one, book, lates.get(one.source.live.id)) for one in whole]
    await AllSources(readers, book, progress).all()
    await asyncio.gather(*(costs.fill(loaders) for costs in lates.values()))
    outcomes = [reader.outcome() for reader in readers]
    outcomes += [not_asked(source) for source in made.plan.not_asked]
    if options.dry_run:
        outcomes += [
            not_asked(NotAsked(s.live.told, OutcomeState.UNKNOWN, "a dry run: not asked"))
            for s in made.plan.sources
        ]
    complete = all(o.state is OutcomeState.OK and not o.skipped_records for o in outcomes)
    if not options.dry_run:
        answered = any(outcome.covered is not None for outcome in outcomes)
        refuse(outcomes, options.on_partial, trace, complete=complete, answered=answered)
    answer = _Answer(made, book, readers, outcomes, complete=complete)
    return await answer.stats(trace)


# ---------------------------------------------------------------- telling


class _Answer:
    """What was added up, as the schema tells it."""

    def __init__(
        self,
        made: Planned,
        book: Book,
        readers: Sequence[SourceReader],
        outcomes: list[Outcome],
        *,
        complete: bool,
    ) -> None:
        self.made = made
        self.book = book
        self.readers = readers
        self.outcomes = outcomes
        self.complete = complete
        self.window = TimeWindow(since=made.since, until=made.until)
        self._incomplete = frozenset(
            str(o.source.id)
            for o in outcomes
            if o.state is not OutcomeState.OK or o.skipped_records
        )

    async def stats(self, trace: Trace) -> Stats:
        question, comparable = self.made.question, self._comparable()
        names = frozenset(question.whole), frozenset(question.grouped)
        whole = self._reading(self.book.whole, comparable)
        window = (self.made.since, self.made.until)
        return Stats(
            complete=self.complete,
            window=self.window,
            outcomes=self.outcomes,
            unit=question.unit,
            time_zone=question.time_zone,
            comparable_window=comparable,
            legs_folded=Long(self.book.legs_folded),
            groups=[
                StatsGroup(
                    keys=self._keys(group),
                    read=self._read(self._reading(group, comparable), names[1]),
                )
                for group in self.book.grouped()
            ],
            definitions=[figures.definition(name) for name in sorted(names[0] | names[1])],
            read=self._read(whole, names[0]),
            compared=await native.compare(
                [one.reader.source for one in self.readers],
                trace,
                question.native,
                window,
                whole,
            ),
        )

    def _reading(self, group: Group, comparable: TimeWindow | None) -> Reading:
        until = self.book.until_us
        if comparable is not None and comparable.until is not None:
            until = to_us(comparable.until)
        tellers = [reader.teller for reader in self.readers]
        return Reading(self.book, group, tellers, self._incomplete, until)

    def _read(
        self, reading: Reading, names: frozenset[str]
    ) -> Callable[[str, Mapping[str, Any]], Any]:
        def read(name: str, arguments: Mapping[str, Any]) -> Any:
            if name == "caveats":
                return figures.caveats(reading, names)
            return figures.figure(reading, name, arguments)

        return read

    def _comparable(self) -> TimeWindow | None:
        """What every source that the filter means has covered, up to the first hole of any"""
        since = self.made.since
        covered = [outcome.covered for outcome in self.outcomes]
        ends = [window.until for window in covered if window is not None and window.until]
        if not covered or len(ends) < len(covered):
            return None
        holes = [window for outcome in self.outcomes for window in outcome.missing]
        ends += [hole.since or since for hole in holes if hole.until is None or hole.until > since]
        until = min(ends)
        return TimeWindow(since=since, until=until) if until > since else None

    def _keys(self, group: Group) -> list[StatsGroupKey]:
        made: list[StatsGroupKey] = []
        names = {reader.teller.id: reader.teller.name for reader in self.readers}
        for key, value in zip(self.book.group_by, group.keys, strict=True):
            bucket = Bucket(value or "")
            if key in TIME_KEYS and value is not None:
                bucket = self.book.buckets[key, value]
            label = names.get(value or "") if key is StatsKey.SOURCE else bucket.label
            made.append(
                StatsGroupKey(
                    key=key, value=value, label=label, since=bucket.since, until=bucket.until
                )
            )
        return made
