"""Settings → sources that can be asked. What cannot be used is DISABLED with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import strawberry

from graph.config import Settings, SourceSettings, secret_hook, unknown_key
from graph.errors import ConfigError
from graph.metrics import Metrics
from graph.observe import Timer, log
from graph.privacy import pseudonym_key
from graph.sources import vendor, vendor_names
from graph.sources.contract import LONGEST_CALL_SECONDS, Exactness, Manifest, Pace, Resource, Site
from graph.sources.convert import e164
from graph.sources.masks import Mask
from graph.sources.words import UnknownWords
from graph.transport.budget import Budget
from graph.transport.http import HttpxTransport, Transport
from graph.transport.rounds import Rounds
from graph.transport.sharing import Alone, Sharing
from graph.transport.source import LiveSource
from graph.types.inputs import CONDITIONS, camel
from graph.types.source import (
    Capabilities,
    ConditionCapability,
    MissingField,
    PushDown,
    ReportCapabilities,
    Source,
    SourceState,
)
from graph.types.vendor import Vendor

MakeTransport = Callable[[SourceSettings, Manifest, str], Transport]


class Sources(msgspec.Struct, frozen=True):
    """Every configured source as it is told, and those that can be asked, by id.

    `entries` is what the configuration says of each, by which a source is known again; `rounds` is
    what the replies of all are read in.
    """

    told: Sequence[Source]
    live: Mapping[str, LiveSource]
    entries: Mapping[str, SourceSettings]
    rounds: Rounds

    async def close(self) -> None:
        """Gives tokens back and closes connections, all at once."""
        await asyncio.gather(*(live.close() for live in self.live.values()))


def default_transport(settings: SourceSettings, manifest: Manifest, base_url: str) -> Transport:
    """What carries the bytes unless somebody brings another one: aiohttp where it is installed"""
    concurrency = settings.max_concurrency or manifest.pace.max_concurrency
    return carrier()(base_url, verify=settings.verify_tls, max_connections=concurrency + 2)


@cache
def carrier() -> Callable[..., Transport]:
    """The fastest transport that this Python has"""
    try:
        from graph.transport.aiohttp import AiohttpTransport
    except ImportError:
        return HttpxTransport
    return AiohttpTransport


def check_vendors(settings: Settings) -> None:
    """ConfigError names a vendor that nobody knows"""
    for place, entry in enumerate(settings.sources, 1):
        if entry.vendor not in vendor_names():
            raise ConfigError(
                f"sources[{place}].vendor: "
                + unknown_key(entry.vendor, vendor_names()).replace("key", "vendor", 1)
            )


def open_sources(
    settings: Settings,
    timer: Timer,
    hash_key: bytes,
    make_transport: MakeTransport = default_transport,
    sharing: Sharing | None = None,
    metrics: Metrics | None = None,
    before: Sources | None = None,
) -> Sources:
    """All sources of the settings. Nothing is sent; only a vendor nobody knows is an error.

    `sharing`: with which other processes each source's pace is shared. A source that was open
    `before`, with just these settings, stays: its connections, token and budget, too.
    """
    check_vendors(settings)
    metrics = metrics or Metrics()
    sharing = sharing or Alone(timer)
    before = before or Sources((), {}, {}, Rounds(timer))
    common = _Common(timer, hash_key, make_transport, sharing, metrics, before.rounds)
    known = {str(source.id): source for source in before.told}
    told: list[Source] = []
    live: dict[str, LiveSource] = {}
    for entry in settings.sources:
        kept = before.live.get(entry.id) if before.entries.get(entry.id) == entry else None
        if kept is not None:
            told.append(known[entry.id])
            live[entry.id] = kept
            continue
        manifest = vendor(entry.vendor)
        source = _told(entry, manifest)
        told.append(source)
        if not entry.enabled:
            source.state = SourceState.OFF
            source.reason = "it is switched off in the configuration (enabled = false)"
            continue
        try:
            live[entry.id] = _live(entry, manifest, source, common)
        except ConfigError as error:
            source.state = SourceState.DISABLED
            source.reason = str(error)
            log.warning("source %s is disabled: %s", entry.id, error)
    entries = {entry.id: entry for entry in settings.sources}
    return Sources(told, live, entries, before.rounds)


def _told(entry: SourceSettings, manifest: Manifest) -> Source:
    return Source(
        id=strawberry.ID(entry.id),
        vendor=Vendor(entry.vendor),
        name=entry.name or entry.id,
        state=SourceState.READY,
        reason=None,
        time_zone=entry.time_zone or manifest.default_zone,
        capabilities=None,
    )


class _Common(NamedTuple):
    """What all sources have in common."""

    timer: Timer
    hash_key: bytes
    make_transport: MakeTransport
    sharing: Sharing
    metrics: Metrics
    rounds: Rounds


def _live(entry: SourceSettings, manifest: Manifest, told: Source, common: _Common) -> LiveSource:
    sharing, metrics = common.sharing, common.metrics.source(entry.id)
    try:
        zone = ZoneInfo(told.time_zone)
    except (KeyError, ValueError, OSError):
        raise ConfigError(f"time_zone: there is no zone {told.time_zone!r}") from None
    if entry.region is not None and not (len(entry.region) == 2 and entry.region.isupper()):
        raise ConfigError(f"region: {entry.region!r} is no country code such as DE")
    base_url = _address(entry.base_url, manifest)
    site = Site(
        id=entry.id,
        zone=zone,
        credentials=_struct(entry.credentials, manifest.credentials, "credentials"),
        options=_struct(entry.options, manifest.options, "options"),
        region=entry.region,
        hash_key=common.hash_key,
        facts={},
        unknown_words=UnknownWords(metrics.unknown_words.inc),
    )
    whole = Pace(
        requests_per_second=entry.requests_per_second or manifest.pace.requests_per_second,
        burst=max(1, manifest.pace.burst),
        max_concurrency=entry.max_concurrency or manifest.pace.max_concurrency,
    )
    pace = Pace(
        requests_per_second=whole.requests_per_second / sharing.share,
        burst=max(1, whole.burst // sharing.share),
        max_concurrency=max(1, whole.max_concurrency // sharing.share),
    )
    lease_seconds = 2 * entry.timeout_ms / 1000
    budget = Budget(
        sharing.bucket(f"rate:{entry.id}", whole.burst, whole.requests_per_second),
        sharing.slots(f"slots:{entry.id}", whole.max_concurrency, lease_seconds),
        common.timer,
        metrics,
    )
    at_once = manifest.auth.tokens_at_once
    try:
        transport = common.make_transport(entry, manifest, base_url)
    except OSError as error:
        raise ConfigError(f"verify_tls: cannot use this CA file: {error.strerror}") from None
    told.capabilities = capabilities(manifest, pace)
    return LiveSource(
        told,
        manifest,
        site,
        transport,
        timer=common.timer,
        pace=pace,
        timeout_seconds=entry.timeout_ms / 1000,
        max_bytes=entry.max_response_mb * 1_000_000,
        base_url=base_url,
        metrics=metrics,
        budget=budget,
        rounds=common.rounds,
        token_slots=None
        if at_once is None
        else sharing.slots(f"tokens:{entry.id}", at_once, lease_seconds),
        mask=Mask(pseudonym_key(common.hash_key), (manifest.numbers or e164()).make(site)),
    )


def _address(base_url: str, manifest: Manifest) -> str:
    """The source's address without the path that every request of the vendor begins with"""
    if not base_url.startswith(("http://", "https://")) or len(base_url.split("/")) < 3:
        raise ConfigError("base_url: it must begin with https:// or http://")
    if "?" in base_url or "#" in base_url:
        raise ConfigError("base_url: it must not have a query")
    return base_url.rstrip("/").removesuffix(manifest.prefix.rstrip("/")).rstrip("/")


def _struct(values: Mapping[str, object], kind: type[msgspec.Struct], where: str) -> msgspec.Struct:
    """The vendor's own settings; ConfigError names a wrong key, never a value."""
    known = tuple(info.name for info in msgspec.structs.fields(kind))
    for key in values:
        if key not in known:
            raise ConfigError(f"{where}: {unknown_key(key, known)}")
    try:
        return msgspec.convert(values, kind, dec_hook=secret_hook)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(f"{where}: {error}".replace("`", "")) from None


# ---------------------------------------------------------------- capabilities


def capabilities(manifest: Manifest, pace: Pace) -> Capabilities:
    """What a source can do, told from its manifest and its options."""
    records = manifest.records or manifest.logs
    return Capabilities(
        records="The vendor lists whole calls."
        if manifest.records is not None
        else "The vendor lists legs; calls are folded from them here.",
        logs=manifest.logs_note,
        lookup="By its key, with one request."
        if records.locate is not None
        else "By the smallest window around its start.",
        sorts=manifest.sorts,
        page_rows=manifest.page_rows,
        reach_rows=manifest.reach_rows,
        settles_after_seconds=LONGEST_CALL_SECONDS + manifest.settles_after_seconds,
        requests_per_second=pace.requests_per_second,
        max_concurrency=pace.max_concurrency,
        conditions=[
            ConditionCapability(
                name=camel(name),
                records=_push_down(records, name, folded=manifest.records is None),
                logs=_push_down(manifest.logs, name),
            )
            for name in CONDITIONS
        ],
        late_fields=sorted(
            {_camel_path(field.path) for field in records.fields if field.part is not None}
            | ({"logs"} if records.legs_part is not None else set())
        ),
        never=[
            MissingField(path=_camel_path(path), reason=reason)
            for path, reason in sorted(records.never.items())
        ],
        reports=_report_capabilities(manifest),
    )


def _report_capabilities(manifest: Manifest) -> ReportCapabilities | None:
    engine = manifest.reports
    if engine is None:
        return None
    return ReportCapabilities(
        types=list(engine.types),
        formats=list(engine.formats),
        presets=list(engine.presets),
        link=engine.link,
    )


def _camel_path(path: str) -> str:
    return ".".join(camel(step) for step in path.split("."))


def _push_down(resource: Resource, name: str, *, folded: bool = False) -> PushDown:
    how = resource.pushes.get(name, Exactness.NONE)
    return PushDown[how.name] if not folded or name in _PER_SOURCE else PushDown.NONE


_PER_SOURCE = frozenset({"search", "account", "identity", "saved"})
