"""Acme's wire, and which of our paths comes from which of its keys."""

import msgspec

from graph.sources.contract import Field
from graph.sources.convert import constant, e164, epoch, seconds, text, word
from graph.types.call import AnsweredBy, CallDirection, CallDisposition


class Call(msgspec.Struct):
    no: str
    at: int
    who: str | None = None
    whom: str | None = None
    way: str | None = None
    end: str | None = None
    talk: int | None = None
    bell: str | None = None


DIRECTIONS = {"in": CallDirection.INBOUND, "out": CallDirection.OUTBOUND}
ENDS = {"ok": CallDisposition.ANSWERED, "busy": CallDisposition.BUSY}

FIELDS = (
    Field("started_at", "at", epoch),
    Field("native_id", "no", str),
    Field("call_key", "no", str),
    Field("caller.number", "who", text),
    Field("caller.e164", "who", e164()),
    Field("callee.number", "whom", text),
    Field("callee.e164", "whom", e164()),
    Field("direction", "way", word(DIRECTIONS, CallDirection.UNKNOWN)),
    Field("disposition", "end", word(ENDS, CallDisposition.UNKNOWN)),
    Field("answered_by", (), constant(AnsweredBy.UNKNOWN)),
    Field("talk_seconds", "talk", seconds),
    Field("details.bell", "bell", text),
)

NEVER = dict.fromkeys(
    (
        "caller.extension", "caller.name", "caller.domain", "callee.extension", "callee.name",
        "callee.domain", "ringing_at", "answered_at", "ended_at", "total_seconds", "ring_seconds",
        "hold_seconds", "queue_seconds", "billed_seconds", "trunk_in", "trunk_out", "did",
        "shown_number", "queue", "agent", "hangup", "cost", "account", "recording", "user_data",
    ),
    "Acme does not tell it.",
)  # fmt: skip
