"""Yeastar P-Series PBX: the hops of calls over its OpenAPI, version 1.0."""

from __future__ import annotations

from graph.sources.contract import Manifest, Pace
from graph.sources.yeastar.auth import API, AUTH, Credentials
from graph.sources.yeastar.details import YeastarDetails
from graph.sources.yeastar.protocol import LARGEST_PAGE, LOGS_LIST, Options, judge

VENDOR = Manifest(
    name="yeastar",
    title="Yeastar",
    documentation="Yeastar P-Series OpenAPI 1.0, Query CDR List and Search Specific CDR",
    prefix=API,
    credentials=Credentials,
    options=Options,
    default_zone="UTC",
    pace=Pace(requests_per_second=5, burst=10, max_concurrency=2),
    auth=AUTH,
    details=YeastarDetails,
    logs=LOGS_LIST,
    logs_note="Yeastar's own rows, one for each hop of a call; calls are folded from them.",
    judge=judge,
    step_seconds=1.0,
    page_rows=LARGEST_PAGE,
)
