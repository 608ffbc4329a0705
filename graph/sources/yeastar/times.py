"""When a hop was answered and ended, and how long it was talked in: its start and its lengths."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from graph.sources.columns import by_column
from graph.sources.convert import lasting
from graph.types.call import CallDisposition

_ANSWERED, _UNKNOWN = CallDisposition.ANSWERED, CallDisposition.UNKNOWN


def _answered_at(*columns: list[Any]) -> list[datetime | None]:
    return [
        started + lasting(ring)
        if outcome is _ANSWERED and started is not None and ring is not None
        else answered_at(started, outcome, ring, talk, length)
        for started, outcome, ring, talk, length in zip(*columns, strict=True)
    ]


@by_column(_answered_at)
def answered_at(
    started: datetime | None,
    outcome: CallDisposition,
    ring: int | None,
    talk: int | None,
    length: int | None,
) -> datetime | None:
    """The start and the ringing. A hop that tells no ringing, as every menu's, is all talk from its
    beginning, or as much of it as the talk leaves.
    """
    if started is None or outcome is not _ANSWERED:
        return None
    if ring is None:
        if talk is None or length is None or talk > length:
            return None
        ring = length - talk
    return started + lasting(ring)


def _ended_at(starts: list[datetime | None], lengths: list[int | None]) -> list[datetime | None]:
    return [
        None if started is None or length is None else started + lasting(length)
        for started, length in zip(starts, lengths, strict=True)
    ]


@by_column(_ended_at)
def ended_at(started: datetime | None, length: int | None) -> datetime | None:
    if started is None or length is None:
        return None
    return started + lasting(length)


def _talk_seconds(talks: list[int | None], outcomes: list[CallDisposition]) -> list[int | None]:
    return [
        talk if outcome is _ANSWERED or outcome is _UNKNOWN else 0
        for talk, outcome in zip(talks, outcomes, strict=True)
    ]


@by_column(_talk_seconds)
def talk_seconds(talk: int | None, outcome: CallDisposition) -> int | None:
    """As told of an answered hop; none in one that was not, a mailbox's message included."""
    return talk if outcome is _ANSWERED or outcome is _UNKNOWN else 0
