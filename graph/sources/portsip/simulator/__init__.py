"""The twin of a PortSIP PBX: its REST API for calls, as a Starlette app.

Written from the vendor's pages (https://support.portsip.com/development-portsip/rest-apis): "Call
Detail Records" of 22.2 and 22.3, "About", "Authentication", "Accessing CDRs and Recordings", the
release notes and the rate limit FAQ. Simulated are

    sign_in    `/api/auth/*`, `/api/login`, `/api/login/oauth/*`: tokens, 2FA, refresh, sign-out
    records    `/api/cdrs`, `/api/calllogs`, `/api/user/cdrs`: lists and details
    reports    `/api/call_reports`, `/api/completed_call_reports`, `/api/blobs`

with the query options, the limits and the error bodies of those pages. What they leave open is a
switch. Each subject is a module that gives `routes`.
"""

from __future__ import annotations

from starlette.applications import Starlette

from graph.sources.portsip.simulator import records, reports, sign_in
from graph.sources.portsip.simulator.access import Access
from graph.sources.portsip.simulator.refusals import RefusalError, refuse
from graph.sources.portsip.simulator.switches import SETTINGS, Account, Switches
from graph.sources.twin import Watched, World

__all__ = ["SETTINGS", "Account", "Switches", "simulate"]


def simulate(world: World, switches: Switches | None = None) -> Watched:
    """The API over this world's calls"""
    switches = switches or Switches()
    access = Access(world, switches)
    routes = [
        *sign_in.routes(access, switches),
        *records.routes(world, switches, access),
        *reports.routes(world, switches, access),
    ]
    return Watched(Starlette(routes=routes, exception_handlers={RefusalError: refuse}), world)
