"""What each root field needs of its caller. Here, and only here, a scope is asked for.

A resolver calls `permit` first: it gives the selection once the caller may have it, and refuses
before anybody is asked. Which sources exist for a caller is `plan.meant`'s business, and whether
numbers are pseudonyms is decided where records are made.
"""

from __future__ import annotations

from collections.abc import Mapping

from graph.errors import NotAllowed
from graph.gather.keys import GATEWAY, Kind, NodeId
from graph.schema import selection
from graph.schema.context import Context, Info
from graph.schema.selection import Selection
from graph.sources import all_vendors
from graph.types.call import CallLog, CallRecord
from graph.types.inputs import camel
from graph.types.personal import scopes
from graph.types.report import UnknownReportFilter

RECORDS, STATS, READ_REPORTS, WRITE_REPORTS, CLEAR = (
    "records:read", "stats:read", "reports:read", "reports:write", "numbers:clear",
)  # fmt: skip

ROOT_FIELDS: Mapping[str, tuple[str, ...]] = {
    "_service": (),
    "_entities": (),
    "node": (),
    "nodes": (),
    "callRecords": (RECORDS,),
    "callRecord": (RECORDS,),
    "callRecordLookup": (RECORDS,),
    "callLogs": (RECORDS,),
    "callLog": (RECORDS,),
    "stats": (STATS,),
    "callReports": (READ_REPORTS,),
    "callReport": (READ_REPORTS,),
    "completedCallReports": (READ_REPORTS,),
    "completedCallReport": (READ_REPORTS,),
    "sources": (),
    "source": (),
    "gatewayReports": (READ_REPORTS,),
    "createCallReport": (WRITE_REPORTS,),
    "updateCallReport": (WRITE_REPORTS,),
    "runCallReport": (WRITE_REPORTS,),
    "destroyCallReport": (WRITE_REPORTS,),
    "destroyCompletedCallReport": (WRITE_REPORTS,),
    "callRecordAdded": (RECORDS,),
    "callRecordReady": (RECORDS,),
    "callReportCompleted": (READ_REPORTS,),
}
"""by root field; what `node`, `nodes` and `_entities` need is told by the kind of the id"""

_OF_KINDS: Mapping[Kind, str] = {
    "record": RECORDS,
    "leg": RECORDS,
    "log": RECORDS,
    "report": READ_REPORTS,
    "completed": READ_REPORTS,
}

_SELECTED = scopes(
    CallRecord, CallLog, UnknownReportFilter, *(manifest.details for manifest in all_vendors())
)
"""by attribute: what selecting it needs, wherever it stands"""


def files_of(node: NodeId) -> tuple[str, ...]:
    """What the file of a report needs. Nobody takes the numbers out of a phone system's; who may
    have one that this server made is kept with it.
    """
    return (READ_REPORTS,) if node.source == GATEWAY else (READ_REPORTS, CLEAR)


def permit(info: Info) -> Selection:
    """The selection of the root field; NotAllowed if the caller may not have it"""
    raw = info._raw_info  # noqa: SLF001  # Strawberry has no other way to it
    require(info.context, *ROOT_FIELDS[raw.field_name])
    selected = selection.of(raw)
    for step in sorted(selected.steps & _SELECTED.keys()):
        require(info.context, *_SELECTED[step], what=f"selecting `{camel(step)}`")
    return selected


def permit_draft(info: Info, *, ours: bool) -> None:
    """NotAllowed if the caller may not say what a report makes. What a phone system makes holds
    numbers as they are, and goes out by e-mail; a report of this server sees what its author does.
    """
    permit(info)
    if not ours:
        require(info.context, CLEAR)


def permit_kind(info: Info, kind: Kind) -> None:
    """NotAllowed if the caller may not have things of this kind"""
    require(info.context, _OF_KINDS[kind])


def require(context: Context, *scopes: str, what: str = "this") -> None:
    """NotAllowed names the first scope that the caller lacks"""
    for scope in scopes:
        if scope not in context.caller.scopes:
            raise NotAllowed(scope, f"{what} needs the scope {scope}")
