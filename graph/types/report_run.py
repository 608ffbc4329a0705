"""Runs of reports that this server makes itself, how they are delivered, and what it can run."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry

from graph.types.answer import Outcome
from graph.types.report_words import (
    CallReportFormat,
    CallReportPreset,
    CallReportType,
    value,
)
from graph.types.scalars import Long, TimeWindow

if TYPE_CHECKING:
    from graph.types.report import CompletedCallReport

_FILE = Annotated["CompletedCallReport", strawberry.lazy("graph.types.report")]


@strawberry.enum(description="How somebody is told that a file is ready.")
class DeliveryKind(Enum):
    MAIL = value("MAIL", "By e-mail, with the file or a link to it.")
    WEBHOOK = value("WEBHOOK", "By a signed POST that says where the file is.")


@strawberry.enum(description="What has become of a delivery.")
class DeliveryState(Enum):
    WAITING = value("WAITING", "It is on its way, or will be tried again.")
    DONE = value("DONE", "It was accepted.")
    FAILED = value("FAILED", "It was refused, or tried often enough; it is not tried again.")


@strawberry.type(description="Somebody who is told when a file of a report is ready.")
class DeliveryTarget:
    kind: DeliveryKind = strawberry.field(description="How.")
    address: str = strawberry.field(description="The e-mail address, or the address to post to.")
    attached: bool = strawberry.field(
        description="A mail has the file in it, if it is not too large."
    )


@strawberry.type(description="One message that says that a file is ready, sent at least once.")
class CallReportDelivery:
    id: strawberry.ID = strawberry.field(
        description="The same each time it is sent: part of a mail's Message-ID, and a webhook's "
        "`webhook-id`."
    )
    target: DeliveryTarget = strawberry.field(description="Who is told.")
    state: DeliveryState = strawberry.field(description="What has become of it.")
    attempts: int = strawberry.field(description="How often it was tried.")
    delivered_at: datetime | None = strawberry.field(
        description="When it was accepted; null unless DONE."
    )
    reason: str | None = strawberry.field(
        description="Why the last try failed; null if it did not."
    )


@strawberry.enum(description="Where a run stands.")
class CallReportRunState(Enum):
    WAITING = value("WAITING", "It is due, or will be tried again, and has not begun.")
    RUNNING = value("RUNNING", "It is being made.")
    DONE = value("DONE", "Its file is there.")
    ABORTED = value("ABORTED", "It failed, and no file comes of it; `reason` says why.")


@strawberry.type(description="One run of a report that this server makes.")
class CallReportRun:
    id: strawberry.ID = strawberry.field(description="Tells it from all other runs.")
    due_at: datetime = strawberry.field(
        description="The moment it was due; its window is counted from here, however late it runs."
    )
    state: CallReportRunState = strawberry.field(description="Where it stands.")
    started_at: datetime | None = strawberry.field(
        description="When it was begun, the last time; null if it was not."
    )
    ended_at: datetime | None = strawberry.field(description="When it ended; null if it has not.")
    window: TimeWindow = strawberry.field(description="The span of time it looks at.")
    attempts: int = strawberry.field(
        description="How often it was begun since it was last due: more than once where a server "
        "process died at it."
    )
    entries_read: Long = strawberry.field(
        description="How many calls of its main table were read so far."
    )
    share_done: float = strawberry.field(
        description="How much of it is done, from 0 to 1, by the time that was read."
    )
    complete: bool | None = strawberry.field(
        description="Every source gave everything for it; null while there is no file."
    )
    outcomes: list[Outcome] = strawberry.field(description="How each source fared so far.")
    reason: str | None = strawberry.field(
        description="Why its last try failed; null if it did not."
    )
    deliveries: list[CallReportDelivery] = strawberry.field(
        description="Who is told of its file, and what has become of that."
    )
    file: _FILE | None = strawberry.field(
        description="Its file; null if there is none, or no longer."
    )


@strawberry.type(description="Whether this server can run a type of report, and why not.")
class GatewayReportType:
    type: CallReportType = strawberry.field(description="The type.")
    supported: bool = strawberry.field(description="At least one source that you see supports it.")
    reason: str | None = strawberry.field(description="Why it cannot be run; null if it can.")
    sources: list[strawberry.ID] = strawberry.field(
        description="The sources whose calls support it, by their ids in the configuration."
    )


@strawberry.type(description="The reports that this server can run itself, over calls of sources.")
class GatewayReports:
    available: bool = strawberry.field(description="It runs reports.")
    reason: str | None = strawberry.field(description="Why it runs none; null if it does.")
    types: list[GatewayReportType] = strawberry.field(description="What reports can be about.")
    formats: list[CallReportFormat] = strawberry.field(description="The kinds of files it makes.")
    presets: list[CallReportPreset] = strawberry.field(
        description="The spans of time that reports can look at; CUSTOM is a window."
    )
    deliveries: list[DeliveryKind] = strawberry.field(
        description="How it can tell somebody of a file; none if it is not set up to."
    )
