"""PortSIP PBX: call sessions, their legs, and its reports over its REST API."""

from __future__ import annotations

from graph.sources.contract import Manifest, Pace
from graph.sources.portsip.auth import AUTH, Credentials
from graph.sources.portsip.details import PortsipDetails
from graph.sources.portsip.protocol import LOGS_LIST, RECORDS_LIST, Options, judge
from graph.sources.portsip.reports import REPORTS

VENDOR = Manifest(
    name="portsip",
    title="PortSIP",
    documentation="PortSIP PBX REST API, Call Detail Records",
    prefix="/api",
    credentials=Credentials,
    options=Options,
    default_zone="UTC",
    pace=Pace(requests_per_second=10, burst=20, max_concurrency=8),
    auth=AUTH,
    details=PortsipDetails,
    records=RECORDS_LIST,
    logs=LOGS_LIST,
    reports=REPORTS,
    logs_note="PortSIP's own call logs, one entry for each leg.",
    judge=judge,
    settles_after_seconds=120,
    step_seconds=1e-6,
    page_rows=100,
)
