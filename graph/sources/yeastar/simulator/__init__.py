"""A Yeastar P-Series PBX, as far as its call history goes: the twin of the vendor's OpenAPI.

After the developer guide's pages "Query CDR List", "Search Specific CDR", "Search Specific CDR
(v2.0)", "Query CDR Detail (v2.0)", "Get Access Token", "Authorization Rule", "Request Structure",
"Query PBX Information" and "Error Code"
(https://help.yeastar.com/en/p-series-appliance-edition/developer-guide/), with what was observed on
real systems where the guide is silent.

Shown: the token life (eight slots, renewal, revocation, five strikes), `cdr/list` and `cdr/search`
of version 1.0 with one row per hop of a call, `cdr/list`, `cdr/search` and `cdr/detail` of version
2.0 with one row per call, the system's own clock and display format, and the rosters of extensions
and queues. Refusals come with HTTP 200 and an `errcode`. Not shown: recordings, downloads, call
reports, webhooks and the event socket; they answer "interface not existed".

`POST /_twin/unblock` is the administrator who lets blocked addresses in again.
"""

from graph.sources.yeastar.simulator.pbx import simulate
from graph.sources.yeastar.simulator.switches import SETTINGS, Switches

__all__ = ["SETTINGS", "Switches", "simulate"]
