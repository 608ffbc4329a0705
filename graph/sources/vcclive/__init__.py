"""VCC Live: the CDR log of a call centre over the Database API v2."""

from __future__ import annotations

from graph.sources.contract import Manifest, Pace, Readiness
from graph.sources.vcclive.auth import AUTH, Credentials
from graph.sources.vcclive.details import VccliveDetails
from graph.sources.vcclive.mapping import NUMBERS
from graph.sources.vcclive.protocol import (
    LARGEST_PAGE,
    LOGS_LIST,
    RECORDS_LIST,
    RETRY_SECONDS,
    Options,
    judge,
)

VENDOR = Manifest(
    name="vcclive",
    title="VCC Live",
    documentation="VCC Live Database API v2, CDR log",
    prefix="/v2",
    credentials=Credentials,
    options=Options,
    default_zone="Europe/Budapest",
    pace=Pace(requests_per_second=2, burst=4, max_concurrency=2),
    auth=AUTH,
    details=VccliveDetails,
    records=RECORDS_LIST,
    logs=LOGS_LIST,
    logs_note="VCC Live tells each call as one entry, so a call has one leg.",
    judge=judge,
    # 20 lookups, 5 minutes apart, is what the vendor advises before giving up.
    settles_after_seconds=6000,
    readiness=Readiness(first_after_seconds=RETRY_SECONDS, every_seconds=RETRY_SECONDS, tries=20),
    step_seconds=1.0,
    page_rows=LARGEST_PAGE,
    sorts=False,
    numbers=NUMBERS,
)
