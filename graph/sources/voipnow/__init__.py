"""4PSA VoipNow and Hubgets: calls with their legs inside, over UnifiedAPI."""

from __future__ import annotations

from graph.sources.contract import Manifest, Pace
from graph.sources.voipnow.auth import AUTH, Credentials
from graph.sources.voipnow.details import VoipnowDetails
from graph.sources.voipnow.mapping import NUMBERS
from graph.sources.voipnow.native import native_stats, read_native_stats
from graph.sources.voipnow.protocol import LARGEST, LOGS_LIST, RECORDS_LIST, Options, judge

VENDOR = Manifest(
    name="voipnow",
    title="VoipNow",
    documentation="4PSA VoipNow / Hubgets UnifiedAPI v5, CDR Service",
    prefix="/uapi",
    credentials=Credentials,
    options=Options,
    default_zone="UTC",
    pace=Pace(requests_per_second=5, burst=10, max_concurrency=4),
    auth=AUTH,
    details=VoipnowDetails,
    records=RECORDS_LIST,
    logs=LOGS_LIST,
    logs_note="The views of VoipNow's calls, one entry for each leg.",
    judge=judge,
    settles_after_seconds=120,
    step_seconds=1.0,
    page_rows=LARGEST,
    reach_rows=2 * LARGEST,
    native_stats=native_stats,
    read_native_stats=read_native_stats,
    numbers=NUMBERS,
)
