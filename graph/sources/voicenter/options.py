"""What the documents leave open about one account, and the defaults that fit most of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

ISRAEL = "Asia/Jerusalem"
IDENTITIES = {word.lower(): word for word in ("Account", "Hierarchical", "Department", "User")}
"""The words of `IdentityCriteria`, by themselves in lower case"""


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How this account's API is spoken to.

    `api`: "current", or "0.1" (api1.voicenter.co.il). `identity`: whose calls are asked for where
    a filter does not say; left out, the vendor decides. `date_zone`: the clock of `Date` and of
    the bounds; left out, UTC, and Israel's for 0.1. `id_zone`: the clock that a CallID begins
    with. `oldest`: no call is older than this day, which spares requests at the end of an open
    list. `cap`: rows of one answer at most. `minute_precision`: bounds are read to the minute.
    `duration_includes_ring`: `Duration` runs from the first ring on. `push_phones`: `phones`
    finds a number on either side of a call; false: numbers are compared here alone.
    """

    api: Literal["current", "0.1"] = "current"
    identity: str | None = None
    date_zone: str | None = None
    id_zone: str = ISRAEL
    oldest: date | None = None
    cap: int = 10_000
    minute_precision: bool = False
    duration_includes_ring: bool = False
    push_phones: bool = True

    def __post_init__(self) -> None:
        if self.date_zone is None:
            self.date_zone = ISRAEL if self.old else "UTC"
        for name in (self.date_zone, self.id_zone):
            try:
                ZoneInfo(name)
            except (KeyError, ValueError, OSError):
                raise ValueError(f"there is no zone {name!r}") from None
        if self.identity is not None:
            word = IDENTITIES.get(self.identity.lower())
            if word is None:
                raise ValueError(f"identity is one of {', '.join(IDENTITIES.values())}")
            self.identity = word
        if self.cap < 2:
            raise ValueError("cap must be at least 2")

    @property
    def old(self) -> bool:
        return self.api == "0.1"

    @property
    def floor(self) -> datetime | None:
        """Nothing is older, whatever zone the day was meant in"""
        if self.oldest is None:
            return None
        return datetime.combine(self.oldest, time(), UTC) - timedelta(days=1)
