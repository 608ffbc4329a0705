"""PortSIP's fields, words, and what it never has. Times are UTC; blanks come in three styles."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from graph.sources.columns import by_column
from graph.sources.contract import Composed, Field, Site
from graph.sources.convert import decimal, e164, instant, integer, seconds, text, told, word
from graph.sources.portsip.wire import Leg
from graph.types.call import AnsweredBy, CallDirection, CallDisposition, Hangup, HangupParty
from graph.types.scalars import Money

DIRECTIONS = {
    "INBOUND_CALL": CallDirection.INBOUND,
    "OUTBOUND_CALL": CallDirection.OUTBOUND,
    "EXTENSION_CALL": CallDirection.INTERNAL,
    "INBOUND_OUTBOUND_CALL": CallDirection.TRANSIT,
}

# SIP failure codes (RFC 3261, 21) of calls that nobody answered; all others are failures.
STATUSES: Mapping[int, CallDisposition] = {
    0: CallDisposition.NO_ANSWER,
    403: CallDisposition.NOT_ALLOWED,
    408: CallDisposition.NO_ANSWER,
    480: CallDisposition.NO_ANSWER,
    486: CallDisposition.BUSY,
    487: CallDisposition.CANCELLED,
    600: CallDisposition.BUSY,
    603: CallDisposition.REJECTED,
}

# Both the documented words and the one observed in a real answer.
PARTIES = {
    "CALLER_DISCONNECTED": HangupParty.CALLER,
    "CALLER_DISCONNECT": HangupParty.CALLER,
    "CANCELLED": HangupParty.CALLER,
    "CALLEE_DISCONNECTED": HangupParty.CALLEE,
    "CALLEE_DISCONNECT": HangupParty.CALLEE,
}


def disposition(
    answered: bool, code: int | None, reason: str | None, reroute: str | None
) -> CallDisposition:
    """How it ended: a queue that was left, an answer, or what the SIP code says"""
    if reroute == "QUEUE_ABANDONED":
        return CallDisposition.ABANDONED
    if answered:
        return CallDisposition.ANSWERED
    if reroute == "CAPACITY_BLOCKED":
        return CallDisposition.FAILED
    if reason == "CANCELLED":
        return CallDisposition.CANCELLED
    if code is None:
        return CallDisposition.UNKNOWN
    return STATUSES.get(code, CallDisposition.FAILED)


def answered_by(answered: bool, talked: int | None) -> AnsweredBy:
    """A session that was answered without a second of talk was picked up by a menu or a mailbox."""
    if not answered:
        return AnsweredBy.NOBODY
    return AnsweredBy.PERSON if talked else AnsweredBy.MACHINE


def ring_seconds(
    rang: datetime | None, answered: datetime | None, ended: datetime | None
) -> int | None:
    """From the first ring to the answer, or to the end where nobody answered"""
    return _between(rang, answered if answered is not None else ended)


def _betweens(firsts: list[datetime | None], lasts: list[datetime | None]) -> list[int | None]:
    spans = [
        None if first is None or last is None else last - first
        for first, last in zip(firsts, lasts, strict=True)
    ]
    return [
        None if span is None or span.days < 0
        else round(span.total_seconds()) if span.microseconds or span.days else span.seconds
        for span in spans
    ]  # fmt: skip


@by_column(_betweens)
def _between(first: datetime | None, last: datetime | None) -> int | None:
    if first is None or last is None or last < first:
        return None
    return round((last - first).total_seconds())


def hangup(reason: str | None, code: int | None) -> Hangup | None:
    if reason is None and not code:
        return None
    return Hangup(
        cause=None,
        sip_code=code or None,
        party=PARTIES.get(reason or "", HangupParty.UNKNOWN),
        reason=reason,
    )


def _inside(*directions: str) -> Any:
    """The number, if this side is one of ours; an extension has at most six digits."""

    def convert(number: str | None, direction: str | None) -> str | None:
        value = text(number)
        if value is None or direction not in directions:
            return None
        return value if value.isdigit() and len(value) <= 6 else None

    return convert


def _when(*directions: str) -> Any:
    return lambda value, direction: text(value) if direction in directions else None


def user_data(value: str | None) -> str | None:
    """The application's own text, out of the composite that newer versions store"""
    stored = text(value)
    if stored is not None and stored.startswith("user-data=") and ";service-number=" in stored:
        return text(stored[len("user-data=") :].rpartition(";service-number=")[0])
    return stored


_IN = ("INBOUND_CALL", "INBOUND_OUTBOUND_CALL")
_OUT = ("OUTBOUND_CALL", "INBOUND_OUTBOUND_CALL")
_WITHIN = "EXTENSION_CALL"


def _nothing(*_: Any) -> None:
    return None


_COMMON = (
    Field("started_at", "started_at", instant),
    Field("native_id", "id", str),
    Field("caller.number", "caller", text),
    Field("caller.e164", "caller", e164()),
    Field("caller.extension", ("caller", "direction"), _inside("OUTBOUND_CALL", _WITHIN)),
    Field("caller.name", "caller_display_name", text),
    Field("caller.domain", "caller_domain", text),
    Field("callee.number", "callee", text),
    Field("callee.e164", "callee", e164()),
    Field("callee.extension", ("callee", "direction"), _inside("INBOUND_CALL", _WITHIN)),
    Field("callee.name", "callee_display_name", text),
    Field("callee.domain", "callee_domain", text),
    Field("direction", "direction", word(DIRECTIONS, CallDirection.UNKNOWN)),
    Field(
        "disposition",
        ("answered_at", "status_code", "end_reason", "reroute_reason"),
        Composed(disposition, told, integer, text, text),
    ),
    Field("answered_by", ("answered_at", "duration"), Composed(answered_by, told, seconds)),
    Field("ringing_at", "rang_at", instant),
    Field("answered_at", "answered_at", instant),
    Field("ended_at", "ended_at", instant),
    Field("total_seconds", ("started_at", "ended_at"), Composed(_between, instant, instant)),
    Field(
        "ring_seconds",
        ("rang_at", "answered_at", "ended_at"),
        Composed(ring_seconds, instant, instant, instant),
    ),
    Field("talk_seconds", "duration", seconds),
    Field("trunk_in", ("trunk", "direction"), _when(*_IN)),
    Field("trunk_out", ("trunk", "direction"), _when(*_OUT)),
    Field("did", "did_cid", text),
    Field("shown_number", "outbound_caller_id", text),
    Field("queue", "service_number", text),
    Field("hangup", ("end_reason", "status_code"), Composed(hangup, text, integer)),
    Field("cost", "cost", _nothing, part="detail"),
    Field("account", "billed_account", _nothing, part="detail"),
    Field("user_data", "user_data", user_data),
    Field("details.call_id", "call_id", text),
    Field("details.direction", "direction", text),
    Field("details.end_reason", "end_reason", text),
    Field("details.reroute_reason", "reroute_reason", text),
    Field("details.status_code", "status_code", integer),
    Field("details.destination", "destination", text),
    Field("details.service_number", "service_number", text),
    Field("details.user_data", "user_data", text),
)

RECORDS = (*_COMMON, Field("call_key", "id", str))
LOGS = (*_COMMON, Field("call_key", "session_id", str), Field("session_id", "session_id", text))

WORDS = frozenset(
    {
        "caller", "caller_domain", "caller_display_name",
        "callee", "callee_domain", "callee_display_name",
        "direction", "status_code", "end_reason", "reroute_reason", "trunk",
    }
)  # fmt: skip

NEVER = {
    "hold_seconds": "PortSIP does not tell time on hold.",
    "queue_seconds": "PortSIP does not tell time in a queue.",
    "billed_seconds": "PortSIP tells what was charged, not for how long.",
    "agent": "PortSIP names no agent; the legs of a call show who answered.",
    "recording": "A CDR does not refer to its recording.",
    "hangup.cause": "PortSIP tells SIP codes, not Q.850 causes.",
}


def late_values(site: Site, legs: list[Leg]) -> Mapping[str, Any]:
    """What only the detail tells: the cost of all legs together, and the account that paid.

    Billing can be switched off; then nothing is told.
    """
    costs = [cost for leg in legs if (cost := decimal(leg.cost)) is not None]
    accounts = [account for leg in legs if (account := text(leg.billed_account)) is not None]
    return {
        "cost": Money(amount=sum(costs, Decimal(0)), currency=site.options.currency)
        if costs
        else None,
        "account": accounts[0] if accounts else None,
    }
