"""Filter, paths and page → one plan per source. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Literal

import msgspec

from graph.caller import Caller
from graph.errors import BadUserInput
from graph.gather import keys
from graph.gather.checks import Check, checks
from graph.gather.fold import leg_paths
from graph.gather.keys import Cursor, Hint, Key
from graph.observe import Trace
from graph.sources.contract import Ask, Condition, Exactness, Resource
from graph.sources.selected import wire_keys
from graph.transport.open import Sources
from graph.transport.source import LiveSource
from graph.types.answer import OutcomeState
from graph.types.call import CallUnit
from graph.types.inputs import CallFilter, SourceCondition, camel
from graph.types.scalars import IntRange
from graph.types.source import Source, SourceState

ListKind = Literal["records", "logs"]

NEEDS = frozenset({"started_at"})
"""what orders entries, beside keys of their rows; read of every one"""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a list is wanted: its arguments as given, checked.

    `amount` entries in the direction of reading; `backwards` where `last` was given.
    """

    amount: int
    backwards: bool
    after: str | None = None
    before: str | None = None


class SourcePlan(msgspec.Struct):
    """What one source is asked for this page."""

    live: LiveSource
    resource: Resource
    folded: bool
    ask: Ask
    paths: frozenset[str]
    checks: tuple[Check, ...]
    exact: bool
    """the vendor applies every condition exactly"""
    pushed: dict[str, str]
    hint: Hint | None


class NotAsked(msgspec.Struct):
    """A source that the filter means but that cannot be asked."""

    told: Source
    state: OutcomeState
    message: str


class Plan(msgspec.Struct, kw_only=True):
    """Everything about one page before anybody is asked.

    `newest_first` is the direction of reading: for `last` the opposite of the list's order.
    `start` and `stop` bound the keys, both exclusive, in the direction of reading.
    """

    kind: ListKind
    unit: CallUnit
    list_newest_first: bool
    newest_first: bool
    page: Page
    since: datetime | None
    until: datetime | None
    start: Key | None
    stop: Key | None
    repairs: str | None
    question: bytes
    count: tuple[int, str] | None
    sources: list[SourcePlan]
    not_asked: list[NotAsked]
    paths: frozenset[str]
    now: datetime

    @property
    def first_page(self) -> bool:
        return self.start is None and self.stop is None

    def ahead(self, one: Key, other: Key) -> bool:
        """`one` stands strictly before `other` in the direction of reading"""
        return one > other if self.newest_first else one < other

    def wants(self, key: Key) -> bool:
        """The entry belongs to this page's window and range of keys"""
        return (
            (self.since is None or key.started_at >= self.since)
            and (self.until is None or key.started_at < self.until)
            and (self.start is None or self.ahead(self.start, key))
            and (self.stop is None or self.ahead(key, self.stop))
        )


def page_arguments(
    first: int | None, after: str | None, last: int | None, before: str | None, largest: int
) -> Page:
    """The page arguments, checked. Never a clamp: what is too large is an error."""
    if first is not None and last is not None:
        raise BadUserInput("last", "give `first` or `last`, not both")
    for name, amount in (("first", first), ("last", last)):
        if amount is not None and not 0 <= amount <= largest:
            raise BadUserInput(name, f"`{name}` must be from 0 to {largest}, and {amount} is not")
    if last is not None:
        return Page(amount=last, backwards=True, after=after, before=before)
    return Page(amount=50 if first is None else first, backwards=False, after=after, before=before)


def page(
    sources: Sources,
    trace: Trace,
    signer: keys.Signer,
    *,
    kind: ListKind,
    unit: CallUnit,
    filter: CallFilter | None,
    newest_first: bool,
    wanted: Page,
    paths: frozenset[str],
) -> Plan:
    """The plan of one page of `callRecords` or `callLogs`"""
    if unit is CallUnit.UNKNOWN:
        raise BadUserInput("unit", "`unit` is CALL or LEG")
    filter = filter or CallFilter()
    tests = checks(filter, trace.caller)
    # Whole seconds, so that those who ask in the same moment ask the vendors for the same.
    now = trace.timer.now().replace(microsecond=0)
    since, until = window(filter)
    question = keys.question_hash(kind, unit.value, newest_first, plain(filter))
    cursors = {
        name: signer.read(text, question, name)
        for name, text in (("after", wanted.after), ("before", wanted.before))
        if text is not None
    }
    for cursor in cursors.values():
        # Page 2 speaks of the window that page 1 spoke of.
        since = None if cursor.since_us is None else keys.from_us(cursor.since_us)
        until = None if cursor.until_us is None else keys.from_us(cursor.until_us)
    if until is None:
        until = now
    start, stop, repairs = _bounds(wanted, cursors)
    reading_newest = newest_first is not wanted.backwards
    lead = cursors.get("before" if wanted.backwards else "after")
    plan = Plan(
        kind=kind,
        unit=unit,
        list_newest_first=newest_first,
        newest_first=reading_newest,
        page=wanted,
        since=since,
        until=until,
        start=start,
        stop=stop,
        repairs=repairs,
        question=question,
        count=None if lead is None else lead.count,
        sources=[],
        not_asked=[],
        paths=paths,
        now=now,
    )
    hints = {} if lead is None else lead.hints
    for told in meant(sources, trace.caller, filter):
        if repairs is not None and told.id != repairs:
            continue
        live = sources.live.get(str(told.id))
        if live is None:
            if told.state is SourceState.DISABLED:
                plan.not_asked.append(
                    NotAsked(told, OutcomeState.DISABLED, told.reason or "it is disabled")
                )
            continue
        made = _source(plan, live, filter, tests, hints.get(live.id))
        if isinstance(made, NotAsked):
            plan.not_asked.append(made)
        else:
            plan.sources.append(made)
    if repairs is not None and not plan.sources and not plan.not_asked:
        side = next(name for name, cursor in cursors.items() if cursor.source is not None)
        raise BadUserInput(side, f"this `{side}` repairs a source that is no longer there")
    return plan


def window(filter: CallFilter) -> tuple[datetime | None, datetime | None]:
    """The filter's window; BadUserInput where it is empty"""
    since, until = filter.since, filter.until
    for name, moment in (("since", since), ("until", until)):
        if moment is not None and not 1970 <= moment.year <= 2200:
            raise BadUserInput(f"filter.{name}", f"`{name}` must be of the years 1970 to 2200")
    if since is not None and until is not None and since >= until:
        raise BadUserInput("filter.until", "`until` is not after `since`, so nothing can match")
    return since, until


def meant(sources: Sources, caller: Caller, filter: CallFilter) -> list[Source]:
    """The sources that the filter does not rule out, as far as they exist for the caller"""
    seen = [told for told in sources.told if caller.sees(str(told.id))]
    known = {str(told.id) for told in seen}
    for place, wanted in enumerate(filter.sources or []):
        if wanted not in known:
            raise BadUserInput(f"filter.sources[{place}]", f"there is no source {wanted!r}")
    for place, condition in enumerate(filter.per_source or []):
        if condition.source not in known:
            raise BadUserInput(
                f"filter.perSource[{place}].source", f"there is no source {condition.source!r}"
            )
    vendors = None if filter.vendors is None else {vendor.value for vendor in filter.vendors}
    return [
        told
        for told in seen
        if told.state is not SourceState.OFF
        and (filter.sources is None or told.id in filter.sources)
        and (vendors is None or told.vendor.value in vendors)
    ]


def choose(live: LiveSource, kind: ListKind, unit: CallUnit) -> tuple[Resource, bool]:
    """The list to read for this kind and unit, and whether its legs are folded into calls"""
    manifest = live.manifest
    if kind == "logs" or unit is CallUnit.LEG:
        return manifest.logs, False
    if manifest.records is not None:
        return manifest.records, False
    return manifest.logs, True


def missing_path(resource: Resource, check: Check) -> str | None:
    """The field a check needs that this vendor never has; None if it has one that will do"""
    lacking = [path for path in check.needs if _never(resource, path)]
    return lacking[0] if lacking and len(lacking) == len(check.needs) else None


def _never(resource: Resource, path: str) -> bool:
    return path in resource.never or path.partition(".")[0] in resource.never


def _source(
    plan: Plan,
    live: LiveSource,
    filter: CallFilter,
    tests: tuple[Check, ...],
    hint: Hint | None,
) -> SourcePlan | NotAsked:
    resource, folded = choose(live, plan.kind, plan.unit)
    told = live.told
    own = _own_conditions(filter, live.id)
    conditions: list[Condition] = list(own)
    pushed: dict[str, str] = {}
    exact = True
    for condition in own:
        if resource.exactness(live.site, condition) is Exactness.NONE:
            return NotAsked(
                told,
                OutcomeState.UNSUPPORTED,
                f"{live.manifest.title} takes no condition `{condition.name}`, or not this value",
            )
        pushed[condition.name] = "exact"
    for test in tests:
        lacking = missing_path(resource, test)
        if lacking is not None:
            reason = resource.never.get(lacking) or resource.never.get(
                lacking.partition(".")[0], ""
            )
            return NotAsked(
                told,
                OutcomeState.UNSUPPORTED,
                f"the filter needs `{camel(test.needs[0])}`, which {live.manifest.title} never "
                f"has: {reason}",
            )
        how = resource.exactness(live.site, test.condition)
        if folded or not test.pushable:
            # A leg that does not match may belong to a call that does.
            how = Exactness.NONE
        if how is not Exactness.NONE:
            conditions.append(test.condition)
        exact = exact and how is Exactness.EXACT
        pushed[test.name] = how.value
    checked = {path for test in tests for path in test.needs}
    paths = plan.paths | NEEDS | checked
    if folded:
        paths = leg_paths(frozenset(paths))
    wire: frozenset[str] | None = None
    if "raw" not in paths:
        wire = wire_keys(resource, frozenset(paths))
    since, until = _edges(plan, resource, folded)
    ask = Ask(
        since=since,
        until=until,
        newest_first=plan.newest_first,
        now=plan.now,
        conditions=tuple(conditions),
        wire=wire,
        raw="raw" in paths,
        amount=_amount(plan.page.amount, exact=exact and not folded),
        until_open=until is not None and until == plan.until,
    )
    shape = resource.shape(live.site, ask)
    if shape.folders and since is None and not plan.newest_first and shape.floor is None:
        return NotAsked(
            told,
            OutcomeState.UNSUPPORTED,
            "it keeps its list in days and does not tell the first one: give `since`, or say in "
            "its options when its records begin",
        )
    return SourcePlan(
        live=live,
        resource=resource,
        folded=folded,
        ask=ask,
        paths=frozenset(paths),
        checks=tests,
        exact=exact and not folded,
        pushed=pushed,
        hint=hint,
    )


def onward(plan: Plan, source: SourcePlan, start: Key) -> tuple[Plan, SourcePlan]:
    """The rest of one source's list, from a place on"""
    rest = msgspec.structs.replace(plan, start=start)
    since, until = _edges(rest, source.resource, source.folded)
    ask = msgspec.structs.replace(source.ask, since=since, until=until)
    return rest, msgspec.structs.replace(source, ask=ask, hint=None)


def _amount(wanted: int, *, exact: bool) -> int:
    """Rows that probably suffice: one more tells of a next page, some more end a tie"""
    return wanted + 1 + min(20, 2 + wanted // 10) if exact else 4 * wanted + 50


def _edges(plan: Plan, resource: Resource, folded: bool) -> tuple[datetime | None, datetime | None]:
    """The window to read: from the start key on, and wider by a horizon where legs are folded"""
    since, until = plan.since, plan.until
    if plan.newest_first:
        if plan.start is not None:
            until = plan.start.started_at
        if plan.stop is not None and (since is None or plan.stop.started_at > since):
            since = plan.stop.started_at
    else:
        if plan.start is not None:
            since = plan.start.started_at
        if plan.stop is not None and (until is None or plan.stop.started_at < until):
            until = plan.stop.started_at
    if folded:
        horizon = timedelta(seconds=resource.horizon_seconds)
        since = None if since is None else since - horizon
        until = None if until is None else min(until + horizon, max(plan.now, until))
    return since, until


def _bounds(
    wanted: Page, cursors: Mapping[str, Cursor]
) -> tuple[Key | None, Key | None, str | None]:
    """Start and stop in the direction of reading, and the source that a repair cursor is for"""
    after = cursors.get("after")
    before = cursors.get("before")
    lower = None if after is None else after.key
    upper = None if before is None else before.key
    repairs = None
    for cursor in (after, before):
        if cursor is not None and cursor.source is not None:
            repairs = cursor.source
            if wanted.backwards:
                raise BadUserInput("last", "a repair cursor is read forwards, with `first`")
            upper = cursor.stop if upper is None else upper
    if wanted.backwards:
        return upper, lower, repairs
    return lower, upper, repairs


def _own_conditions(filter: CallFilter, source_id: str) -> list[Condition]:
    made: list[Condition] = []
    for condition in filter.per_source or []:
        if condition.source == source_id:
            for name in ("search", "account", "identity"):
                value = getattr(condition, name)
                if value is not None:
                    made.append(Condition(name, (value,)))
    if filter.saved_since is not None or filter.saved_until is not None:
        made.append(Condition("saved", (filter.saved_since, filter.saved_until)))
    return made


def plain(value: Any) -> Any:
    """A filter as plain data, the same for the same meaning"""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime):
        return keys.to_us(value)
    if isinstance(value, CallFilter | IntRange | SourceCondition):
        return {
            name: plain(inner) for name, inner in sorted(vars(value).items()) if inner is not None
        }
    return value
