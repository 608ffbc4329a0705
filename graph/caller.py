"""Who asks. Every plan, loader and shared flight is made for one Caller's sight."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

SCOPES: Mapping[str, str] = {
    "records:read": "calls and their legs",
    "stats:read": "statistics of calls",
    "reports:read": "reports and their files",
    "reports:write": "create, change and destroy reports",
    "raw:read": "entries exactly as the phone system sent them",
    "recordings:read": "what is known of recordings",
    "numbers:clear": "phone numbers and names as they are; without it they are pseudonyms",
}
"""what a caller may be allowed, and what it is about"""


class Caller(msgspec.Struct, frozen=True):
    """Somebody who asks: what they may do, and which sources exist for them.

    `name` tells callers apart. `sources` None means every source. `expires_at` is when the token
    ends, if it does; `credential` says which token of the tokens file it is, without being it.
    """

    name: str
    scopes: frozenset[str]
    sources: frozenset[str] | None = None
    expires_at: datetime | None = None
    credential: str | None = None

    def sees(self, source_id: str) -> bool:
        return self.sources is None or source_id in self.sources

    @property
    def clear(self) -> bool:
        """Sees phone numbers and names, and not pseudonyms"""
        return "numbers:clear" in self.scopes

    @property
    def sight(self) -> tuple[str, ...]:
        """What two callers must have in common to share a reply, a watch or a cursor"""
        seen = ("*",) if self.sources is None else tuple(sorted(self.sources))
        return ("clear" if self.clear else "masked", *seen)


LOOPBACK = Caller(name="loopback", scopes=frozenset(SCOPES))
"""the caller of a server that only its own machine can reach: sees and may do everything"""

NOBODY = Caller(name="nobody", scopes=frozenset(), sources=frozenset())
"""who has not said yet who they are: sees and may do nothing"""
