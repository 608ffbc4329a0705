"""A call as it is added up: how it ended, and which source told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from graph.sources.contract import Resource
from graph.transport.source import LiveSource
from graph.types.call import AnsweredBy, CallDisposition

OUTCOMES = (
    "answered", "unanswered", "busy", "failed", "not_allowed", "abandoned", "voicemail", "unknown",
)  # fmt: skip
"""the ways a call can end, as they are counted; each call is in exactly one"""

_OUTCOME = {
    CallDisposition.ANSWERED: "answered",
    CallDisposition.NO_ANSWER: "unanswered",
    CallDisposition.CANCELLED: "unanswered",
    CallDisposition.REJECTED: "unanswered",
    CallDisposition.BUSY: "busy",
    CallDisposition.FAILED: "failed",
    CallDisposition.NOT_ALLOWED: "not_allowed",
    CallDisposition.ABANDONED: "abandoned",
    CallDisposition.VOICEMAIL: "voicemail",
    CallDisposition.UNKNOWN: "unknown",
}
OUTCOME_NEEDS = ("direction", "disposition", "answered_by")

NOT_TOLD = "its phone system tells none for this call"
UNKNOWN_END = "it is not known how the call ended"


def outcome(call: Any) -> str:
    """Which of OUTCOMES a call is counted in. What a machine answered, no person did."""
    if call.disposition is CallDisposition.ANSWERED and call.answered_by is AnsweredBy.MACHINE:
        return "voicemail"
    return _OUTCOME[call.disposition]


def outcome_of(kind: CallDisposition) -> str:
    """Which of OUTCOMES a disposition is counted in"""
    return _OUTCOME[kind]


class Teller(NamedTuple):
    """A source, as far as sums need to know it: what it never tells, and why."""

    id: str
    vendor: str
    name: str
    never: Mapping[str, str]
    untold: Mapping[str, str]
    """outcomes that it has no word for"""
    queue_answers: str | None
    """why it does not tell when a person answered a call with a queue; None if it does"""
    costs_late: bool
    """it tells costs one by one, later"""

    def why(self, path: str) -> str:
        """Why a value at this path is missing"""
        return self.never.get(path) or self.never.get(path.partition(".")[0]) or NOT_TOLD


def teller(live: LiveSource, resource: Resource, *, costs_late: bool = False) -> Teller:
    """What sums need to know of a source whose calls come from this list"""
    return Teller(
        id=live.id,
        vendor=live.manifest.name,
        name=live.told.name,
        never=resource.never,
        untold={outcome_of(kind): why for kind, why in resource.untold.items()},
        queue_answers=resource.queue_answers,
        costs_late=costs_late,
    )


class Seen(NamedTuple):
    """A call with what many sums ask of it."""

    call: Any
    source: Teller
    outcome: str
    start_us: int
    """its start, in microseconds since 1970"""
