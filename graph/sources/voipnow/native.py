"""VoipNow's own figures: `/uapi/cdr/stats`, an array of PhoneCallStat.

`type` is 0 for incoming and 1 for outgoing calls; where internal calls count is not documented.
`total` is the sum of the six others. The request takes the four dates and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec

from graph.errors import SourceMalformed
from graph.sources.contract import Reply, Request, Site
from graph.sources.convert import integer
from graph.sources.decoding import decode
from graph.sources.voipnow.protocol import Options, stamp
from graph.types.call import CallDirection
from graph.types.stats import NativeBounds, NativeCounts

Number = int | str | None

_TYPES = {0: CallDirection.INBOUND, 1: CallDirection.OUTBOUND}
_PARAMETERS = ("startDate", "endDate", "saveStartDate", "saveEndDate")
_SECOND = timedelta(seconds=1)


class PhoneCallStat(msgspec.Struct):
    """One row; deployed servers write the numbers as text."""

    type: Number = None
    total: Number = None
    answered: Number = None
    unanswered: Number = None
    busy: Number = None
    failed: Number = None
    unknown: Number = None
    unallowed: Number = None


_ROWS = msgspec.json.Decoder(list[PhoneCallStat])


def native_stats(site: Site, bounds: NativeBounds) -> Request:
    """Asks for the figures. Bounds are ours, half-open; an end is told as the second before it."""
    options: Options = site.options
    zone = ZoneInfo(options.request_zone)
    params: list[tuple[str, str]] = []
    for name, moment, end in zip(_PARAMETERS, bounds, (False, True, False, True), strict=True):
        if moment is None:
            continue
        told = moment
        if options.inclusive:
            # Moments are whole seconds there, so the next one begins the calls that are meant.
            told = moment.replace(microsecond=0)
            if end:
                told = told if moment.microsecond else told - _SECOND
            elif moment.microsecond:
                told += _SECOND
        params.append((name, stamp(told, zone, end=end)))
    path = "/uapi/cdr/stats"
    return Request("GET", f"{path}/{options.user_id}" if options.user_id else path, tuple(params))


def read_native_stats(reply: Reply) -> Mapping[CallDirection, NativeCounts]:
    """The figures by direction; a direction it does not tell is not there"""
    if reply.status == 204:
        return {}
    made: dict[CallDirection, NativeCounts] = {}
    for row in decode(_ROWS, reply.body, "the statistics"):
        try:
            direction = _TYPES.get(integer(row.type))  # type: ignore[arg-type]
            counts = NativeCounts(
                total=integer(row.total) or 0,
                answered=integer(row.answered) or 0,
                unanswered=integer(row.unanswered) or 0,
                busy=integer(row.busy) or 0,
                failed=integer(row.failed) or 0,
                unknown=integer(row.unknown) or 0,
                unallowed=integer(row.unallowed) or 0,
            )
        except ValueError:
            raise SourceMalformed("the statistics hold a count that is no number") from None
        if direction is not None:
            made[direction] = counts
    return made
