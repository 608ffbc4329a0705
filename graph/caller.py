"""Who asks. Every plan, loader and shared flight is made for one Caller's sight."""

from __future__ import annotations

import msgspec


class Caller(msgspec.Struct, frozen=True):
    """Somebody who asks: what they may do, and which sources exist for them.

    `sources` None means every source. `sight` is what two callers must share to share a reply.
    """

    name: str
    scopes: frozenset[str]
    sources: frozenset[str] | None = None

    def sees(self, source_id: str) -> bool:
        return self.sources is None or source_id in self.sources

    @property
    def sight(self) -> tuple[str, ...]:
        return ("*",) if self.sources is None else tuple(sorted(self.sources))


SCOPES = frozenset(
    {
        "records:read",
        "stats:read",
        "reports:read",
        "reports:write",
        "raw:read",
        "recordings:read",
        "numbers:clear",
    }
)

LOOPBACK = Caller(name="loopback", scopes=SCOPES)
"""the caller of a server that only its own machine can reach: sees and may do everything"""
