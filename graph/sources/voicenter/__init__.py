"""Voicenter, a cloud telephone exchange: its call log, in both published versions."""

from __future__ import annotations

from graph.sources.contract import Manifest, Pace, Readiness
from graph.sources.voicenter.auth import AUTH, Credentials
from graph.sources.voicenter.details import VoicenterDetails
from graph.sources.voicenter.mapping import NUMBERS
from graph.sources.voicenter.options import Options
from graph.sources.voicenter.protocol import LOGS_LIST, judge

VENDOR = Manifest(
    name="voicenter",
    title="Voicenter",
    documentation="Voicenter API: Call Log, and Call log (Version 0.1)",
    prefix="/hub/cdr",
    credentials=Credentials,
    options=Options,
    default_zone="UTC",
    pace=Pace(requests_per_second=0.4, burst=6, max_concurrency=2),
    auth=AUTH,
    details=VoicenterDetails,
    logs=LOGS_LIST,
    logs_note="Each row of Voicenter's call log: an extension, a queue, a mailbox, a leg of a "
    "Click2Call, a transfer.",
    judge=judge,
    settles_after_seconds=900,
    readiness=Readiness(every_seconds=60, tries=15),
    page_rows=10_000,
    reach_rows=10_000,
    sorts=False,
    numbers=NUMBERS,
)
