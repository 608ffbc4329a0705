"""What was planned and done, as plain data for `extensions.plan`. No secrets, no numbers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from graph.gather.plan import Plan, SourcePlan
from graph.observe import SourceTrace, Trace


def plan_facts(plan: Plan, trace: Trace, field: str) -> dict[str, Any]:
    """One root field's plan: per source what the vendor applies, what is checked here, requests"""
    return {
        "field": field,
        "window": {"since": _at(plan.since), "until": _at(plan.until)},
        "order": "NEWEST_FIRST" if plan.list_newest_first else "OLDEST_FIRST",
        "amount": plan.page.amount,
        "sources": [_source(source, trace) for source in plan.sources],
        "notAsked": [
            {
                "source": str(source.told.id),
                "state": source.state.value,
                "message": source.message,
            }
            for source in plan.not_asked
        ],
        "requestId": trace.request_id,
        "elapsedMs": trace.elapsed_ms(),
    }


def _source(source: SourcePlan, trace: Trace) -> dict[str, Any]:
    live = source.live
    shape = source.resource.shape(live.site, source.ask)
    seen = trace.sources.get(live.id, SourceTrace())
    return {
        "source": live.id,
        "list": shape.name,
        "sortedByVendor": shape.sorted,
        "legsFoldedHere": source.folded,
        "window": {"since": _at(source.ask.since), "until": _at(source.ask.until)},
        "fields": sorted(source.paths),
        "askedOfVendor": None if source.ask.wire is None else sorted(source.ask.wire),
        "pushedDown": {k: v for k, v in source.pushed.items() if v != "none"},
        "checkedHere": sorted({check.name for check in source.checks}),
        "requests": [
            {
                "method": note.method,
                "path": note.path,
                "kind": note.kind,
                "startedMs": note.started_ms,
                "elapsedMs": note.elapsed_ms,
                "status": note.status,
                "bytes": note.bytes,
                "rows": note.rows,
                "retry": note.retry,
                "shared": note.shared,
                "error": note.error,
            }
            for note in seen.notes
        ],
        "rowsRead": seen.rows,
        "tokensLeft": round(live.budget.tokens_left, 1),
    }


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
