"""What a question costs: requests to sources and rows read, guessed before and known after."""

from __future__ import annotations

from math import ceil

from graph.gather.parts import late_requests
from graph.gather.plan import Plan
from graph.observe import Cost

ONE = Cost(1, 1)
"""what a lookup costs at least"""


def estimate(plan: Plan) -> Cost:
    """What a page probably costs: full vendor pages for as many rows as should suffice, and every
    late part of every entry. Ties and conditions that are checked here may make it more.
    """
    requests = rows = 0
    for source in plan.sources:
        wanted = source.ask.amount
        requests += ceil(wanted / source.live.manifest.page_rows) + late_requests(source, plan)
        rows += wanted
    return Cost(requests, rows)


def at_least(plan: Plan) -> Cost:
    """What reading a whole window costs, of which nobody knows how much it holds: a first page"""
    rows = sum(source.live.manifest.page_rows for source in plan.sources)
    return Cost(len(plan.sources), rows)
