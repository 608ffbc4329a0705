"""Every error of this project, grouped by what happens next.

    GraphError
    ├── BadUserInput          the caller must change an argument    → error BAD_USER_INPUT
    ├── NotSignedIn           no token, or none that is good        → HTTP 401, UNAUTHENTICATED
    ├── SignInUnavailable     nobody can say whether it is good     → HTTP 503, UNAVAILABLE
    ├── NotAllowed            not this scope                        → error FORBIDDEN
    ├── OverLimit             more than may be asked for            → error LIMIT_EXCEEDED
    │   └── TooManyGroups       statistics with too many groups       → error TOO_MANY_GROUPS
    ├── DocumentUnknown       no persisted document, see there      → PERSISTED_QUERY_NOT_FOUND …
    ├── RateLimited           the caller's bucket is empty          → error RATE_LIMITED, HTTP 429
    ├── Overloaded            too many operations wait already      → error OVERLOADED, HTTP 503
    ├── SourcesFailed         no source could answer                → error of the root field
    ├── SourceError           one source could not answer           → an Outcome, others go on
    │   ├── SourceTimeout       TIMEOUT      a READ again, within deadline and retry budget
    │   ├── SourceUnavailable   UNAVAILABLE  the same: no connection, or 5xx
    │   ├── SourceThrottled     THROTTLED    waited for if the deadline allows
    │   ├── SourceResting       BREAKER_OPEN nothing was sent; asked again when the breaker probes
    │   ├── SourceOverBudget    BUDGET       our own limit stopped it; the vendor is well
    │   ├── SourceRefused       REFUSED      never again: credentials, rights; a person acts
    │   ├── SourceRejected      REJECTED     never again: our request was wrong
    │   └── SourceMalformed     MALFORMED    never again: the answer is not as documented
    ├── OutcomeUnknown        a WRITE whose answer was lost         → payload OUTCOME_UNKNOWN
    ├── StoreFailed           the reports' database is away          → error DATABASE_UNAVAILABLE
    └── ConfigError           the program cannot start              → one line, exit code 2

A message says what was tried, what came back and what to do. It never holds a secret, a full phone
number, an address with a token in it, or a vendor's body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import ceil
from typing import Any, ClassVar


class GraphError(Exception):
    """The root of the tree. `code` is stable and part of the public surface."""

    code: ClassVar[str] = "INTERNAL"

    def extensions(self) -> dict[str, Any]:
        """What a GraphQL error says beside its message"""
        return {"code": self.code}


class ConfigError(GraphError):
    """The configuration cannot be used. The message is one line for a person."""

    code = "CONFIG"


class BadUserInput(GraphError):
    """An argument is wrong; `argument` names it as the schema spells it."""

    code = "BAD_USER_INPUT"

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(message)
        self.argument = argument

    def extensions(self) -> dict[str, Any]:
        return {"code": self.code, "argument": self.argument}


class NotSignedIn(GraphError):
    """Nobody knows who asks. `given`: there was a token, and it is not, or no longer, good."""

    code = "UNAUTHENTICATED"

    def __init__(self, message: str, *, given: bool = True) -> None:
        super().__init__(message)
        self.given = given


class SignInUnavailable(GraphError):
    """Whoever could say whether a token is good does not answer."""

    code = "UNAVAILABLE"

    def extensions(self) -> dict[str, Any]:
        return {"code": self.code, "retryable": True}


class NotAllowed(GraphError):
    """The caller has no right to ask this; `scope` names the missing one.

    `argument` is the one that needs it, if it is not the whole question.
    """

    code = "FORBIDDEN"

    def __init__(self, scope: str, message: str, argument: str | None = None) -> None:
        super().__init__(message)
        self.scope = scope
        self.argument = argument

    def extensions(self) -> dict[str, Any]:
        said = {"code": self.code, "scope": self.scope}
        return said if self.argument is None else {**said, "argument": self.argument}


class OverLimit(GraphError):
    """The question is larger than may be asked; it names the limit and the amount."""

    code = "LIMIT_EXCEEDED"

    def __init__(self, limit: str, allowed: int, asked: int, message: str) -> None:
        super().__init__(message)
        self.limit, self.allowed, self.asked = limit, allowed, asked

    def extensions(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "limit": self.limit,
            "allowed": self.allowed,
            "asked": self.asked,
        }


class TooManyGroups(OverLimit):
    """Statistics would have to keep more groups, or more distinct keys, than may be kept."""

    code = "TOO_MANY_GROUPS"


class DocumentUnknown(GraphError):
    """A persisted document was named that nobody knows, or another one was sent where one must be.

    The messages of the first two are what clients look for: they send the text, then.
    """

    _CODES: ClassVar[Mapping[str, str]] = {
        "PersistedQueryNotFound": "PERSISTED_QUERY_NOT_FOUND",
        "PersistedQueryNotSupported": "PERSISTED_QUERY_NOT_SUPPORTED",
        "PersistedQueryRequired": "PERSISTED_QUERY_REQUIRED",
    }

    def __init__(self, kind: str) -> None:
        more = ": only documents of server.documents_file are executed here"
        super().__init__(kind + more if kind == "PersistedQueryRequired" else kind)
        self._kind = kind

    def extensions(self) -> dict[str, Any]:
        return {"code": self._CODES[self._kind]}


class RateLimited(GraphError):
    """The caller has used up what it may use in a minute; `retry_after_seconds` is when not."""

    code = "RATE_LIMITED"

    def __init__(self, limit: str, unit: str, asked: int, wait_seconds: float) -> None:
        self.limit = limit
        self.retry_after_seconds = max(1, ceil(wait_seconds))
        super().__init__(
            f"this takes about {asked} {unit} and is more than is left of {limit}; ask again in "
            f"{self.retry_after_seconds} s, or for less"
        )

    def extensions(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "limit": self.limit,
            "retryAfterSeconds": self.retry_after_seconds,
        }


class Overloaded(GraphError):
    """The process has as much to do as it takes on; nothing was begun."""

    code = "OVERLOADED"
    retry_after_seconds = 1

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the server has as much to do as it can: {why}; ask again in "
            f"{self.retry_after_seconds} s"
        )

    def extensions(self) -> dict[str, Any]:
        return {"code": self.code, "retryAfterSeconds": self.retry_after_seconds}


class SourcesFailed(GraphError):
    """No source could answer (or the caller wanted all or nothing); holds each one's outcome."""

    code = "SOURCES_FAILED"

    def __init__(
        self, message: str, *, code: str, retryable: bool, outcomes: list[Mapping[str, Any]]
    ) -> None:
        super().__init__(message)
        self.shown = {"code": code, "retryable": retryable, "outcomes": outcomes}

    def extensions(self) -> dict[str, Any]:
        return dict(self.shown)


_CODE = re.compile(r"[A-Za-z0-9_.-]{1,48}")


class SourceError(GraphError):
    """One source could not answer.

    `detail` is the vendor's own code, if it has a documented one. `retry_after_seconds` is when
    asking again makes sense, if that is known. `sent` is false where nothing left this machine.
    """

    state: ClassVar[str] = "UNAVAILABLE"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        detail: str | None = None,
        retry_after_seconds: float | None = None,
        sent: bool = True,
    ) -> None:
        super().__init__(message)
        # A vendor may put anything there; only what looks like a code is passed on.
        self.detail = detail if detail is not None and _CODE.fullmatch(detail) else None
        self.retry_after_seconds = retry_after_seconds
        self.sent = sent

    def extensions(self) -> dict[str, Any]:
        return {"code": self.state, "retryable": self.retryable}


class SourceTimeout(SourceError):
    """No answer in time."""

    state = "TIMEOUT"
    retryable = True


class SourceUnavailable(SourceError):
    """No connection, or the vendor says that it is out of order."""

    state = "UNAVAILABLE"
    retryable = True


class SourceThrottled(SourceError):
    """The vendor wants fewer questions."""

    state = "THROTTLED"
    retryable = True


class SourceResting(SourceError):
    """The breaker is open: nothing was sent."""

    state = "BREAKER_OPEN"
    retryable = True


class SourceOverBudget(SourceError):
    """Our own limit stopped the reading; `limit` names it: deadline, rate, requests."""

    state = "BUDGET"
    retryable = True

    def __init__(
        self, limit: str, message: str, *, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds)
        self.limit = limit


class SourceRefused(SourceError):
    """Credentials, rights or our address were refused. A person must act."""

    state = "REFUSED"


class SourceRejected(SourceError):
    """The vendor says that our request is wrong."""

    state = "REJECTED"


class SourceMalformed(SourceError):
    """The answer is not as documented."""

    state = "MALFORMED"


class OutcomeUnknown(GraphError):
    """A write was sent and its answer was lost: it may be done or not. It is never repeated."""

    code = "OUTCOME_UNKNOWN"


class StoreFailed(GraphError):
    """The database of reports could not be asked, or did not take what was to be kept."""

    code = "DATABASE_UNAVAILABLE"

    def extensions(self) -> dict[str, Any]:
        return {"code": self.code, "retryable": True}
