"""What the documents leave open, every limit, and the two ways the API was published."""

from __future__ import annotations

from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec


class Switches(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An empty text, or None, means: as `api` has it."""

    api: Literal["current", "0.1"] = "current"
    code: str = "demo4code7voicenter1twin"
    token: str = "eyJhbGciOiJIUzI1NiJ9.eyJhY2NvdW50IjoiZGVtbyJ9.dHdpbg"  # noqa: S105  # made up
    trusted_ips: tuple[str, ...] = ()
    """addresses that may ask; none: all may"""
    bearer_skips_ip: bool = True
    requests_per_minute: int = 30
    """admitted in any 60 seconds, per credential; 0: no limit"""
    cap: int = 10_000
    """rows in one answer: more are cut off (current) or refused (0.1)"""
    max_days: float = 0
    """the longest date range of the current API; 0: any"""
    delay_seconds: float = 0
    """how long after its end a call appears"""
    recording_delay_seconds: float = 0
    """how long after its end a recorded call has `RecordExpect` but no `RecordURL`"""
    http_status: bool | None = None
    """whether the HTTP status is `STATUS_CODE` (current) or always 200 (0.1)"""
    time_zone: str = ""
    """the clock of `Date` and of the bounds: UTC (current) or Asia/Jerusalem (0.1)"""
    date_style: Literal["", "z", "bare", "space"] = ""
    """`2024-06-10T09:04:58Z` (current), without Z (0.1), or `2024-06-10 09:04:58`"""
    date_skew_seconds: int = 0
    """how long after the start of the call, with which `CallID` begins, `Date` lies"""
    key_case: Literal["pascal", "lower", "echo"] = "pascal"
    """keys of a row; "echo": as `fields` spells them, and lower case where there is no `fields`"""
    nulls: bool = False
    """null instead of an empty text"""
    quoted_numbers: bool = False
    national_numbers: Literal["lines", "all", "none"] = "lines"
    """which Israeli numbers look like 037219000: the company's own, or every one"""
    list_on_error: bool = False
    """`CDR_LIST: []` beside an error"""
    list_when_none: bool = True
    """`CDR_LIST: []` where nothing was found; else the key is absent"""
    click2call_every: int = 3
    """answered outbound calls whose number this divides were made by Click2Call; 0: none"""
    identity_criteria: bool = True
    """whether `IdentityCriteria` narrows the answer"""
    user: str = "2001"
    """the extension of the user whom the credentials belong to"""
    shuffle_ties: bool = False
    """rows of one moment come in another order each time"""

    @property
    def old(self) -> bool:
        return self.api == "0.1"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone or ("Asia/Jerusalem" if self.old else "UTC"))


SETTINGS: dict[str, Any] = {
    "credentials": {"code": Switches().code},
    "time_zone": "UTC",
    "region": "IL",
    "options": {},
}
