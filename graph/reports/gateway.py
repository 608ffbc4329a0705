"""What the reports that this server runs itself look like from here: a keeper of definitions, runs
and files beside the phone systems, which may be there or not.

Its ids have no source (`keys.GATEWAY`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

from graph.caller import Caller
from graph.errors import SourceError
from graph.reports.address import Addresses
from graph.transport.open import Sources
from graph.types.report import CallReport, CompletedCallReport
from graph.types.report_inputs import (
    CreateCallReportInput,
    Idempotency,
    UpdateCallReportInput,
    UserError,
)
from graph.types.report_run import GatewayReports


class Download(NamedTuple):
    """A file on its way. Status 200, 206 or 416; a SourceError among the parts is their end."""

    status: int
    headers: dict[str, str]
    parts: AsyncIterator[bytes | SourceError]


class Asker(NamedTuple):
    """Who asks, which sources there are now, and how addresses of files are written"""

    caller: Caller
    sources: Sources
    addresses: Addresses


class Kept(NamedTuple):
    """What became of a change: why there is none, or the row of what was created"""

    errors: tuple[UserError, ...] = ()
    row: str | None = None
    idempotency: Idempotency | None = None


class Gateway(Protocol):
    """The keeper. What a caller may not see is not there; StoreFailed if it cannot be asked."""

    def capabilities(self, asker: Asker) -> GatewayReports: ...

    async def reports(self, asker: Asker) -> Sequence[CallReport]:
        """All definitions, not yet finished"""

    async def completed(self, asker: Asker) -> Sequence[CompletedCallReport]:
        """All files, not yet finished"""

    async def entry(self, asker: Asker, kind: str, row: str) -> Any:
        """A definition ("report") or a file ("completed"), not yet finished; None: none"""

    async def finish(self, asker: Asker, records: Sequence[Any], paths: frozenset[str]) -> None:
        """Gives records what takes another look into the database, where selected"""

    async def create(self, asker: Asker, given: CreateCallReportInput) -> Kept: ...

    async def update(self, asker: Asker, row: str, given: UpdateCallReportInput) -> Kept: ...

    async def destroy(self, asker: Asker, kind: str, row: str) -> Kept: ...

    async def run(self, asker: Asker, row: str) -> Kept:
        """Runs a report once more, now"""

    def follow(
        self, asker: Asker, row: str, paths: frozenset[str]
    ) -> AsyncGenerator[CompletedCallReport, None]:
        """The files that a report makes from now on; BadUserInput if there is none"""

    def download(
        self, asker: Asker, row: str, range: str | None
    ) -> AbstractAsyncContextManager[Download | None]: ...
