"""What may differ from PBX to PBX, and the settings that reach a twin of the default kind."""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec

DOMAIN = "headoffice.example"


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who may sign in"""

    username: str
    password: str
    role: str = "Admin"
    domain: str | None = DOMAIN
    """the tenant's SIP domain; a system administrator has none"""
    number: str | None = None
    """the extension whose calls are this account's own"""
    two_factor: bool = False


ACCOUNTS = (
    Account("api", "correct-horse"),
    Account("careful", "battery-staple", two_factor=True),
    Account("hale", "kristin-2001", "StandardUser", number="2001"),
    Account("root", "whole-machine", "SystemAdmin", domain=None),
)


class Switches(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Every doubtful behaviour of the API, with what is most likely as its default"""

    generation: Literal["22.2", "22.0", "16"] = "22.2"
    """which sign-in endpoints exist: all, only `/login` and `/logout`, only `/login/oauth/*`"""
    version: str = "22.5"
    """of the PBX: words, blanks and limits; "22.5" is the newest 22.5.x"""

    accounts: tuple[Account, ...] = ACCOUNTS
    domain: str = DOMAIN
    expires_in: int = 1800
    expiry: Literal["expires_in", "expires_at"] = "expires_in"
    refresh_seconds: int = 86_400
    """how long a refresh token may be used"""
    refresh_rotates: bool = True
    """a refresh token works once, and the answer brings the next one"""
    refresh_ends_access: bool = False
    """a refresh ends the access token that came with the old refresh token"""
    login_answer: Literal["empty", "token"] = "empty"
    """what `POST /login` answers; after an empty answer `GET /login` tells the token by cookie"""
    client_id: str = "9d806019-75b2-4b3d-bb8b-f5a3a412cc0a"
    """the constant that the guide prints for `/login/oauth/token`; empty: any will do"""

    ids: Literal["base64", "bare"] = "base64"
    blanks: Literal["empty", "null", "absent"] = "empty"
    fraction_digits: Literal[0, 3, 6] = 6
    short_reasons: bool = False
    """`CALLER_DISCONNECT`, as one real answer has it, for `CALLER_DISCONNECTED`"""
    billing: bool = True
    """without it nothing has `cost` and `billed_account`"""
    user_detail: Literal["list", "object"] = "list"
    """what `items` of `/user/cdrs/{id}` is; the schema prints an object without `duration`"""
    extra: dict[str, Any] = {}
    """keys that every record has besides the documented ones"""
    delay_seconds: float = 0
    """from the end of a call until it is listed"""

    max_top: int = 100
    filter_fields: tuple[str, ...] = ()
    """what `filter` and `orderby` may name; empty: every field of the list"""
    parentheses: bool = True
    default_order: str = "started_at desc"
    """`orderby` where none is asked for"""
    count_unasked: bool = True
    """lists carry `count` without `count=true`"""
    shuffle_ties: bool = False
    """records of one moment come in another order with every request"""
    history_years: int = 5
    """how far back the records reach, from 22.5 on; 0: for ever"""
    unknown_id_status: Literal[404, 400] = 404

    report_seconds: float = 5
    """how long a report runs"""
    report_rests: Literal["SCHEDULED", "RUNNING", "ABORTED"] = "SCHEDULED"
    """the status of a report that ran once and is finished"""
    report_zone: str = "UTC"
    """the tenant's zone: that of cron expressions and of days"""
    report_retention_days: float = 30
    """how long finished reports and their files last"""
    aborted_reports: tuple[str, ...] = ()
    """the names of reports whose runs fail"""
    refused_reports: dict[str, Any] = msgspec.field(
        default_factory=lambda: {"refused by the PBX": {"field": "name", "reason": "is not ours"}}
    )
    """reports that the PBX does not like, by name, and the `detail` of its answer"""
    private_blobs: bool = False
    """files need a token, as they may since 22.6"""
    blob_ranges: bool = True
    """files can be had in part"""
    blob_root: str = ""
    """what `file_url` begins with before its path"""
    blob_redirect: str = ""
    """where a file is sent on to; `{digest}` in it is the file's own"""
    blob_mb: int = 0
    """files are at least that big, in megabytes"""
    blob_length_lie: int = 0
    """how many bytes more a file is said to have than it has"""
    blob_stalls_after: int = 0
    """files stop coming after so many bytes; 0: they do not"""

    requests_per_minute: int | None = None
    """per host; None: as the version has it"""
    retry_after: bool = True
    """a throttled answer says when to come again"""
    exempt_hosts: tuple[str, ...] = ()

    def since(self, *wanted: int) -> bool:
        """Whether the PBX is that version or newer"""
        own = (int(part) for part in self.version.split("."))
        return (*own, math.inf) >= wanted

    @property
    def pace(self) -> int:
        """Requests a minute"""
        if self.requests_per_minute is not None:
            return self.requests_per_minute
        return 10_000 if self.since(22, 1, 7) else 5_000 if self.since(16, 2) else 1_000


SETTINGS: dict[str, Any] = {
    "credentials": {
        "username": ACCOUNTS[0].username,
        "password": ACCOUNTS[0].password,
        "domain": DOMAIN,
    },
    "time_zone": "UTC",
    "region": "DE",
    "options": {},
}
