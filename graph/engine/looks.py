"""What a report looks at, as a filter of the merged list, and a test of what no filter can say.

Also which types a source's calls can support, with the reason where they cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graph.engine.definition import Looks
from graph.gather.plan import choose
from graph.stats.seen import Seen, Teller, outcome, teller
from graph.transport.source import LiveSource
from graph.types.call import CallDisposition, CallUnit
from graph.types.inputs import CallFilter
from graph.types.report_words import CallReportType as Type
from graph.types.scalars import IntRange

MOST_EXTENSIONS = 1000
"""how many extensions a range may hold"""


class Refused(Exception):
    """A report that cannot be run as it is asked for; `field` is of its input."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Sight:
    """What a test may need to know of a call's source"""

    def __init__(self, live: Mapping[str, LiveSource]) -> None:
        self._live = live
        self._tellers: dict[str, Teller] = {}

    def seen(self, call: Any) -> Seen:
        """The call as statistics look at it"""
        id = str(call.source.id)
        if id not in self._tellers:
            live = self._live[id]
            self._tellers[id] = teller(live, choose(live, "records", CallUnit.CALL)[0])
        return Seen(call, self._tellers[id], outcome(call), 0)


Test = Callable[[Any, Sight], bool]

# ---------------------------------------------------------------- which calls


def calls_filter(looks: Looks) -> tuple[CallFilter, Test | None, tuple[str, ...]]:
    """The filter of a report of type NORMAL, the test of the rest, and the paths that it reads"""
    filter = CallFilter()
    tests: list[Test] = []
    needs: list[str] = []
    for side in ("caller", "callee"):
        party = getattr(looks, side)
        if party is None:
            continue
        patterns = _patterns(side, party.kind, party.value)
        if patterns is not None:
            setattr(filter, side, patterns)
        test = _party_test(side, party.kind, party.value)
        if test is not None:
            tests.append(test)
            needs += [f"{side}.number", f"{side}.e164", f"{side}.extension"]
    if looks.answer_state == "ANSWERED":
        filter.disposition = [CallDisposition.ANSWERED]
    elif looks.answer_state == "NOT_ANSWERED":
        known = (CallDisposition.ANSWERED, CallDisposition.UNKNOWN)
        filter.disposition = [one for one in CallDisposition if one not in known]
    low, high = looks.min_seconds, looks.max_seconds
    if looks.duration_kind == "TALK_DURATION":
        filter.talk_seconds = IntRange(min=low, max=high)
    elif looks.duration_kind == "RING_DURATION":
        tests.append(
            lambda call, _sight: (
                call.ring_seconds is not None
                and (low is None or call.ring_seconds >= low)
                and (high is None or call.ring_seconds <= high)
            )
        )
        needs.append("ring_seconds")
    if not tests:
        return filter, None, ()
    return filter, lambda call, sight: all(test(call, sight) for test in tests), tuple(needs)


def _patterns(side: str, kind: str, value: str | None) -> list[str] | None:
    if kind == "NUMBER":
        return [str(value)]
    if kind == "NUMBERS_START_WITH":
        return [f"{value}*"]
    if kind == "EXTENSION_OR_EXTENSION_RANGE":
        return extensions(f"filter.normal.{side}.value", str(value))
    return None


def _party_test(side: str, kind: str, value: str | None) -> Test | None:
    if kind == "NUMBERS_CONTAIN":
        part = str(value).removeprefix("+")
        return lambda call, _sight: any(
            part in text for text in (getattr(call, side).number, getattr(call, side).e164) if text
        )
    if kind in ("EXTENSION_OR_EXTENSION_RANGE", "INTERNAL_EXTENSIONS"):
        return lambda call, _sight: getattr(call, side).extension is not None
    if kind == "EXTERNAL_NUMBERS":
        return lambda call, _sight: getattr(call, side).extension is None
    return None


def extensions(field: str, text: str) -> list[str]:
    """All extensions of `101` or `101-110`, as long as they are written"""
    first, _, last = text.partition("-")
    if not last:
        return [first]
    if int(last) - int(first) >= MOST_EXTENSIONS:
        raise Refused(field, f"a range of this server's reports has at most {MOST_EXTENSIONS}")
    width = len(first)
    return [str(number).zfill(width) for number in range(int(first), int(last) + 1)]


def group_filter(group: str) -> CallFilter:
    """The calls of a group, which is written as an extension or a range of them"""
    return CallFilter(extension=extensions("filter.extensionGroupCallCost.groups", group))


# ---------------------------------------------------------------- which sources

_QUEUED = frozenset(kind for kind in Type if kind.name.startswith(("QUEUE_", "TEAM_QUEUE_")))


def unable(live: LiveSource, kind: Type) -> str | None:
    """Why a source's calls do not support a type of report; None if they do"""
    resource, _ = choose(live, "records", CallUnit.CALL)
    title = live.manifest.title
    if kind in _QUEUED and "queue" in resource.never:
        return f"{title} does not tell queues: {resource.never['queue']}"
    if kind is Type.QUEUE_ABANDONED_CALLS and CallDisposition.ABANDONED in resource.untold:
        return f"{title} does not tell who gave up: {resource.untold[CallDisposition.ABANDONED]}"
    if kind is Type.QUEUE_BREACHES_SLA_STATISTICS and "answered_at" in resource.never:
        return f"{title} does not tell answers: {resource.never['answered_at']}"
    if kind is Type.EXTENSION_GROUP_CALL_COST:
        if "cost" in resource.never:
            return f"{title} does not tell costs: {resource.never['cost']}"
        lacking = [resource.never.get(f"{side}.extension") for side in ("caller", "callee")]
        if all(lacking):
            return f"{title} does not tell extensions: {lacking[0]}"
    return None
