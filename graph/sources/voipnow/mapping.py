"""VoipNow's fields, words, and what it never has.

A leg (`wire.Leg`) is a call with one view, so calls and legs share their rows of FIELDS. The
*deciding* view is the one that was answered last, else the last one tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from graph.sources.contract import Field, PerSite, Site
from graph.sources.convert import boolean, code, integer, lasting, local, local_instant, text
from graph.sources.convert import e164 as in_e164
from graph.sources.voipnow.wire import Leg, Links, PhoneCall, View
from graph.types.call import AnsweredBy, CallDirection, CallDisposition, Recording

FLOWS = {
    2: CallDirection.INTERNAL,
    4: CallDirection.OUTBOUND,
    8: CallDirection.INBOUND,
}

DISPOSITIONS = {
    0: CallDisposition.ANSWERED,
    1: CallDisposition.BUSY,
    2: CallDisposition.FAILED,
    3: CallDisposition.NO_ANSWER,
    4: CallDisposition.UNKNOWN,
    5: CallDisposition.NOT_ALLOWED,
}

Views = Sequence[View]


# ---------------------------------------------------------------- views


def answers(view: View) -> bool:
    """Somebody or something picked this leg up"""
    disposition = integer(view.disposition)
    if disposition is None:
        return text(view.answered) is not None
    return DISPOSITIONS.get(disposition) is CallDisposition.ANSWERED


def deciding(views: Views) -> View | None:
    """The view that was answered last, else the last one; None where there is none"""
    for view in reversed(views):
        if answers(view):
            return view
    return views[-1] if views else None


def legs(_site: Site, call: PhoneCall) -> list[Leg]:
    """The views of a call, each as a leg with what the call says of all of them"""
    keys = [text(view.id) or f"{number:02}" for number, view in enumerate(call.views)]
    if len(set(keys)) < len(keys):
        keys = [f"{number:02}" for number in range(len(keys))]
    answered_once = sum(map(answers, call.views)) == 1
    return [
        Leg(
            id=call.id,
            owner_id=call.owner_id,
            owner_name=call.owner_name,
            extension=call.extension,
            published=call.published,
            # The moment of the whole call is a leg's own only where one leg answered.
            answered=call.answered if answered_once and answers(view) else None,
            nonce=call.nonce,
            views=[view],
            links=call.links,
            key=f"{call.id}.{key}",
            ordinal=number,
        )
        for number, (key, view) in enumerate(zip(keys, call.views, strict=True))
    ]


def _of_view(name: str, convert: Callable[[Any], Any]) -> Callable[[Views], Any]:
    """An attribute of the deciding view"""

    def take(views: Views) -> Any:
        view = deciding(views)
        return None if view is None else convert(getattr(view, name))

    return take


# ---------------------------------------------------------------- parties

_EXTENSION = re.compile(r"\d+\*\d+")
_CALLER_ID = re.compile(r'\s*"?(.*?)"?\s*<([^<>]*)>\s*', re.DOTALL)


def _party(value: str | list[str] | None) -> str | None:
    """One side of a view, which calls going on write as a list"""
    if isinstance(value, list):
        value = value[0] if value else None
    return text(value)


def caller_id(view: View) -> str | None:
    return text(view.caller_id) or text(view.caller_id_in_samples)


def _shown(view: View) -> tuple[str | None, str | None]:
    """Name and number of the identity that was shown, `Name <number>`"""
    identity = caller_id(view)
    if identity is None:
        return None, None
    match = _CALLER_ID.fullmatch(identity)
    if match is not None:
        name, number = text(match[1]), text(match[2])
        return (None if name == number else name), number
    if identity.lstrip("+").replace("*", "").isdigit():
        return None, identity
    return identity, None


def caller(views: Views) -> str | None:
    if not views:
        return None
    return _party(views[0].source) or _shown(views[0])[1]


def caller_name(views: Views) -> str | None:
    return _shown(views[0])[0] if views else None


def callee(views: Views) -> str | None:
    view = deciding(views)
    return None if view is None else _party(view.destination)


def _extension(side: Callable[[Views], str | None]) -> Callable[[Views], str | None]:
    """The number of this side, if it is an extension (`0003*210`)"""

    def convert(views: Views) -> str | None:
        number = side(views)
        return number if number is not None and _EXTENSION.fullmatch(number) else None

    return convert


def _e164(side: Callable[[Views], str | None]) -> PerSite:
    """The number of this side in international form; an extension has none"""

    def make(site: Site) -> Callable[[Views], str | None]:
        international = _international(site)
        return lambda views: international(side(views))

    return PerSite(make)


def _international(site: Site) -> Callable[[object], str | None]:
    read = in_e164(plus=site.options.numbers_without_plus).make(site)
    return lambda number: None if number is None or "*" in str(number) else read(number)


NUMBERS = PerSite(_international)


# ---------------------------------------------------------------- words


def _local(party: str | None) -> bool:
    return party is not None and _EXTENSION.fullmatch(party) is not None


def _derived(view: View) -> CallDirection:
    """The direction of a view that names no flow, by which of its sides are extensions"""
    inside = _local(_party(view.source)), _local(_party(view.destination))
    return {
        (True, True): CallDirection.INTERNAL,
        (False, True): CallDirection.INBOUND,
        (True, False): CallDirection.OUTBOUND,
    }.get(inside, CallDirection.UNKNOWN)


def _direction(site: Site) -> Callable[[Views], CallDirection]:
    """Inbound if any leg is, else outbound if any is, else internal if any is"""
    known = code(FLOWS, CallDirection.UNKNOWN).make(site)

    def convert(views: Views) -> CallDirection:
        ways = {
            _derived(view) if (flow := integer(view.flow)) is None else known(flow)
            for view in views
        }
        for way in (CallDirection.INBOUND, CallDirection.OUTBOUND, CallDirection.INTERNAL):
            if way in ways:
                return way
        return CallDirection.UNKNOWN

    return convert


def _disposition(site: Site) -> Callable[[Views], CallDisposition]:
    known = code(DISPOSITIONS, CallDisposition.UNKNOWN).make(site)

    def convert(views: Views) -> CallDisposition:
        view = deciding(views)
        if view is not None and answers(view):
            return CallDisposition.ANSWERED
        word: CallDisposition = known(None if view is None else integer(view.disposition))
        return word

    return convert


def answered_by(views: Views) -> AnsweredBy:
    """A mailbox or a menu that picks up is told like a person."""
    view = deciding(views)
    if view is None:
        return AnsweredBy.UNKNOWN
    if answers(view):
        return AnsweredBy.PERSON
    word = DISPOSITIONS.get(integer(view.disposition), CallDisposition.UNKNOWN)  # type: ignore[arg-type]
    return AnsweredBy.UNKNOWN if word is CallDisposition.UNKNOWN else AnsweredBy.NOBODY


# ---------------------------------------------------------------- time


class _Spans:
    """The times of a call by its site's zone and by what its durations measure.

    `duration` of a view is talk, or with `duration_is = "total"` ringing and talk. Nothing tells
    when a later leg began, so then only a call's first leg has times.
    """

    def __init__(self, site: Site) -> None:
        self.moment = local(site)
        self.total: bool = site.options.duration_is == "total"

    def answered(self, views: Views, answered: str | None) -> datetime | None:
        """The call's own moment, else the earliest of its views"""
        told = self.moment(answered)
        if told is not None:
            return told
        return self._first(view.answered for view in views)

    def ringing(self, views: Views) -> datetime | None:
        """When the first leg began to ring, of those that tell it"""
        return self._first(view.ringing for view in views)

    def talk(
        self, views: Views, published: str | None, answered: str | None, ordinal: int = 0
    ) -> int | None:
        """Seconds of talk in the leg that was answered last; 0 where nobody answered"""
        by = answered_by(views)
        if by is not AnsweredBy.PERSON:
            return 0 if by is AnsweredBy.NOBODY else None
        view = deciding(views)
        assert view is not None
        lasted = integer(view.duration)
        if not self.total or lasted is None:
            return lasted
        began, picked_up = self.moment(published), self._picked_up(view, views, answered)
        if began is None or picked_up is None or ordinal or view is not views[0]:
            return None
        return max(0, lasted - round((picked_up - began).total_seconds()))

    def ended(
        self, views: Views, published: str | None, answered: str | None, ordinal: int = 0
    ) -> datetime | None:
        """Where the last answer and its talk end, if both are known"""
        view = deciding(views)
        lasted = None if view is None else integer(view.duration)
        if view is None or lasted is None:
            return None
        if self.total:
            first = not ordinal and view is views[0]
            start = self.moment(published) if first else None
        else:
            start = self._picked_up(view, views, answered) if answers(view) else None
        return None if start is None else start + lasting(lasted)

    def total_seconds(
        self, views: Views, published: str | None, answered: str | None, ordinal: int = 0
    ) -> int | None:
        began = self.moment(published)
        ended = self.ended(views, published, answered, ordinal)
        if began is None or ended is None or ended < began:
            return None
        return round((ended - began).total_seconds())

    def _first(self, told: Iterable[str | None]) -> datetime | None:
        return min((at for each in told if (at := self.moment(each)) is not None), default=None)

    def _picked_up(self, view: View, views: Views, answered: str | None) -> datetime | None:
        told = self.moment(view.answered)
        if told is None and sum(map(answers, views)) == 1:
            return self.moment(answered)
        return told


# ---------------------------------------------------------------- the rest


def account(owner_name: str | None, owner_id: object) -> str | None:
    return text(owner_name) or text(owner_id)


def marker(value: object) -> str | None:
    """A recording's mark as text"""
    return str(value).lower() if isinstance(value, bool) else text(value)


def recording(views: Views) -> Recording | None:
    """A flag says that there is one; any other text is taken for its name."""
    for view in reversed(views):
        mark = marker(view.recording)
        flag = boolean(mark)
        if mark is not None and flag is not False:
            return Recording(name=None if flag else mark, url=None, expected=True)
    return None


def link(links: Links | list[Any] | None) -> str | None:
    return text(links.itself) if isinstance(links, Links) else None


def _moment_of_view(name: str) -> PerSite:
    return PerSite(lambda site: _of_view(name, local(site)))


def _fields(*place: str) -> tuple[Field, ...]:
    """What calls and legs share; `place` is where a leg keeps its number within the call"""
    times = ("views", "published", "answered", *place)
    return (
        Field("started_at", "published", local_instant),
        Field("call_key", "id", str),
        Field("caller.number", "views", caller),
        Field("caller.e164", "views", _e164(caller)),
        Field("caller.extension", "views", _extension(caller)),
        Field("caller.name", "views", caller_name),
        Field("callee.number", "views", callee),
        Field("callee.e164", "views", _e164(callee)),
        Field("callee.extension", "views", _extension(callee)),
        Field("direction", "views", PerSite(_direction)),
        Field("disposition", "views", PerSite(_disposition)),
        Field("answered_by", "views", answered_by),
        Field("ringing_at", "views", PerSite(lambda site: _Spans(site).ringing)),
        Field("answered_at", ("views", "answered"), PerSite(lambda site: _Spans(site).answered)),
        Field("ended_at", times, PerSite(lambda site: _Spans(site).ended)),
        Field("total_seconds", times, PerSite(lambda site: _Spans(site).total_seconds)),
        Field("talk_seconds", times, PerSite(lambda site: _Spans(site).talk)),
        Field("account", ("owner_name", "owner_id"), account),
        Field("recording", "views", recording),
        Field("details.owner_id", "owner_id", text),
        Field("details.owner_name", "owner_name", text),
        Field("details.extension", "extension", text),
        Field("details.nonce", "nonce", text),
        Field("details.link", "links", link),
        Field("details.view_id", "views", _of_view("id", text)),
        Field("details.view_extension", "views", _of_view("extension", text)),
        Field("details.flow_code", "views", _of_view("flow", integer)),
        Field("details.disposition_code", "views", _of_view("disposition", integer)),
        Field("details.duration_seconds", "views", _of_view("duration", integer)),
        Field(
            "details.caller_id",
            "views",
            lambda views: None if not views else caller_id(deciding(views) or views[0]),
        ),
        Field("details.recording", "views", _of_view("recording", marker)),
        Field("details.status", "views", _of_view("status", integer)),
        Field("details.parked_at", "views", _moment_of_view("parked")),
        Field("details.parked_position", "views", _of_view("parked_pos", text)),
        Field("details.parked_by", "views", _of_view("parked_by", text)),
        Field("details.on_hold_at", "views", _moment_of_view("on_hold")),
        Field("details.holder", "views", _of_view("holder", text)),
    )


RECORDS = (*_fields(), Field("native_id", "id", str))
LOGS = (
    *_fields("ordinal"),
    Field("native_id", "key", str),
    Field("session_id", "id", text),
)

NEVER = {
    "caller.domain": "VoipNow tells extensions and numbers, not SIP addresses.",
    "callee.domain": "VoipNow tells extensions and numbers, not SIP addresses.",
    "callee.name": "VoipNow names the calling side only.",
    "ring_seconds": "VoipNow does not tell how long a call rang.",
    "hold_seconds": "VoipNow does not tell time on hold of calls that have ended.",
    "queue_seconds": "VoipNow does not tell of queues.",
    "billed_seconds": "What is billed is in another VoipNow API (SystemAPI).",
    "trunk_in": "VoipNow does not tell of trunks.",
    "trunk_out": "VoipNow does not tell of trunks.",
    "did": "VoipNow tells which extension was reached, not which number was dialled.",
    "shown_number": "VoipNow tells the shown identity as one text, which is in the details.",
    "queue": "VoipNow does not tell of queues.",
    "agent": "VoipNow names no agent; the extension that was reached is the callee.",
    "hangup": "VoipNow tells neither a cause nor who hung up.",
    "cost": "Costs are in another VoipNow API (SystemAPI).",
    "user_data": "VoipNow keeps no text that an application attached.",
}

UNTOLD = {
    CallDisposition.ABANDONED: "VoipNow does not tell of queues, so a call given up in one is "
    "among the unanswered.",
    CallDisposition.VOICEMAIL: "VoipNow tells a mailbox that picks up like a person, so such a "
    "call is among the answered.",
}
