"""A source: one configured connection to one phone system, as it is told to callers."""

from __future__ import annotations

from enum import Enum

import strawberry

from graph.types.report_words import CallReportFormat, CallReportPreset, CallReportType
from graph.types.vendor import Vendor


@strawberry.enum(description="Whether a source is asked.")
class SourceState(Enum):
    READY = strawberry.enum_value("READY", description="It is asked.")
    DISABLED = strawberry.enum_value(
        "DISABLED",
        description="Its settings cannot be used, so it is not asked; `reason` says why.",
    )
    OFF = strawberry.enum_value(
        "OFF", description="It is switched off in the configuration; nobody misses it."
    )
    UNKNOWN = strawberry.enum_value("UNKNOWN", description="Not known.")


@strawberry.enum(description="How exactly a vendor can apply a condition of a filter itself.")
class PushDown(Enum):
    EXACT = strawberry.enum_value(
        "EXACT", description="The vendor applies it; nothing needs to be checked again."
    )
    SUPERSET = strawberry.enum_value(
        "SUPERSET", description="The vendor narrows the list; the rest is checked here."
    )
    NONE = strawberry.enum_value(
        "NONE", description="The vendor cannot; entries are read and checked here."
    )
    UNKNOWN = strawberry.enum_value("UNKNOWN", description="Not known.")


@strawberry.type(description="How a source can apply one condition of `CallFilter`.")
class ConditionCapability:
    name: str = strawberry.field(description="The condition, as `CallFilter` names it.")
    records: PushDown = strawberry.field(description="For `callRecords`.")
    logs: PushDown = strawberry.field(description="For `callLogs`.")


@strawberry.type(description="A field that a source can never fill, and why.")
class MissingField:
    path: str = strawberry.field(description="The field, e.g. `cost` or `caller.name`.")
    reason: str = strawberry.field(description="Why the vendor's data has nothing for it.")


@strawberry.type(description="What the report engine of a source can do.")
class ReportCapabilities:
    types: list[CallReportType] = strawberry.field(description="What reports can be about.")
    formats: list[CallReportFormat] = strawberry.field(
        description="The kinds of files that reports can make."
    )
    presets: list[CallReportPreset] = strawberry.field(
        description="The spans of time that reports can look at; CUSTOM is a window."
    )
    link: str = strawberry.field(
        description="What ties a finished file to the report that made it, and how surely."
    )


@strawberry.type(description="What a source can do, and where its limits are.")
class Capabilities:
    records: str = strawberry.field(
        description="Where `callRecords` come from: the vendor's calls, or calls folded from legs."
    )
    logs: str = strawberry.field(description="Where `callLogs` come from.")
    lookup: str = strawberry.field(description="How one entry is found again by its id.")
    sorts: bool = strawberry.field(
        description="The vendor sorts by start; otherwise whole pieces are read and sorted here."
    )
    page_rows: int = strawberry.field(description="How many rows one request brings at most.")
    reach_rows: int | None = strawberry.field(
        description="How many rows of one window can be reached at most; larger windows are split. "
        "Null: no limit is known."
    )
    settles_after_seconds: int = strawberry.field(
        description="How late a call may still appear after it began."
    )
    requests_per_second: float = strawberry.field(description="How fast it is asked at most.")
    max_concurrency: int = strawberry.field(
        description="How many requests it is sent at the same time at most."
    )
    conditions: list[ConditionCapability] = strawberry.field(
        description="How each condition of `CallFilter` reaches the vendor."
    )
    late_fields: list[str] = strawberry.field(
        description="Fields that cost a further request for each entry."
    )
    never: list[MissingField] = strawberry.field(
        description="Fields this source can never fill, with the reason."
    )
    reports: ReportCapabilities | None = strawberry.field(
        description="What its report engine can do; null if it has none."
    )


@strawberry.type(description="One configured connection to one phone system.")
class Source:
    id: strawberry.ID = strawberry.field(description="Its id in the configuration, e.g. `hq`.")
    vendor: Vendor = strawberry.field(description="Whose system it is.")
    name: str = strawberry.field(description="Its name for people.")
    state: SourceState = strawberry.field(description="Whether it is asked.")
    reason: str | None = strawberry.field(description="Why it is not asked; null if it is.")
    time_zone: str = strawberry.field(
        description="The IANA zone of its clock, for vendors that speak local time."
    )
    capabilities: Capabilities | None = strawberry.field(
        description="What it can do; null if its settings cannot be used."
    )
