"""PortSIP's reports: `/call_reports`, `/completed_call_reports`, and the files they name.

Creating answers 201 with an id, changing 200, destroying 204; everything that changes something
is a POST. No call ties a finished file to the report that made it, so name and type must do.
Source: REST API "Call Detail Records" (PBX 22.x), read August 2026.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any
from urllib.parse import quote

import msgspec

from graph.errors import SourceMalformed
from graph.sources.contract import (
    Ask,
    Exactness,
    Found,
    Kind,
    Page,
    Part,
    Reply,
    Reports,
    Request,
    Resource,
    RowKey,
    Shape,
    Site,
    post_json,
)
from graph.sources.convert import text
from graph.sources.decoding import decode, decode_list
from graph.sources.portsip.report_mapping import (
    COMPLETED,
    DEFINITIONS,
    FORMATS,
    PRESETS,
    TYPES,
    input_field,
    late_values,
    write_draft,
)
from graph.sources.portsip.wire import CompletedRow, Created, DetailedFaults, List, ReportRow
from graph.sources.writes import (
    CreateReport,
    DestroyCompletedReport,
    DestroyReport,
    Refusal,
    ReportCommand,
    ReportDraft,
    UpdateReport,
    Written,
)

_DEFINITIONS = "/api/call_reports"
_COMPLETED = "/api/completed_call_reports"
_LARGEST_PAGE = 100
_GONE = frozenset({400, 404})
_REFUSALS = frozenset({400, 404, 409, 422})
_CREATED = msgspec.json.Decoder(Created)
_FAULTS = msgspec.json.Decoder(DetailedFaults)


def _shape(_site: Site, _ask: Ask) -> Shape:
    return Shape(name="list", sorted=False, windowed=False)


def _plan(path: str) -> Any:
    def plan(_site: Site, ask: Ask, offset: int) -> Request:
        params = [("skip", str(offset)), ("top", str(_LARGEST_PAGE))]
        params += [("search", c.values[0]) for c in ask.conditions if c.name == "search"]
        return Request("GET", path, tuple(params))

    return plan


def _read(row: type[msgspec.Struct]) -> Any:
    def read(_site: Site, reply: Reply, request: Request, ask: Ask) -> Page:
        offset = int(dict(request.params)["skip"])
        sent, rows = decode_list(
            reply.body,
            "the list of reports",
            List,
            row,
            attrgetter("items"),
            wire=None,
            raw=ask.raw,
        )
        seen = offset + len(sent.items)
        full = len(sent.items) >= _LARGEST_PAGE
        more = bool(sent.items) and (seen < sent.count if sent.count is not None else full)
        return Page(rows.rows, offset, more, sent.count, skipped=rows.skipped, raws=rows.raws)

    return read


def _detail(path: str) -> Any:
    def detail(_site: Site, key: RowKey) -> Request:
        return Request("GET", f"{path}/{quote(key.row, safe='')}", accept=_GONE)

    return detail


def _read_detail(row: type[msgspec.Struct]) -> Any:
    decoder = msgspec.json.Decoder(row)

    def read(_site: Site, reply: Reply, _request: Request, raw: bool) -> Found:
        if reply.status != 200:
            return Found([])
        found = decode(decoder, reply.body, "the detail of a report")
        return Found([found], [msgspec.Raw(reply.body)] if raw else None)

    return read


def _resource(path: str, row: type[msgspec.Struct], fields: Any, parts: Any) -> Resource:
    detail = _detail(path)
    return Resource(
        wire=row,
        fields=fields,
        never={},
        row_key=lambda _site, wire: wire.id,
        shape=_shape,
        plan=_plan(path),
        read=_read(row),
        always=("id",),
        locate=lambda site, key: [detail(site, key)],
        read_located=_read_detail(row),
        pushes={"search": Exactness.EXACT},
        parts=parts,
    )


# ---------------------------------------------------------------- writing


def write(_site: Site, command: ReportCommand) -> Request:
    """The POST of a command; refusals with a reason are read by `read_written`"""
    match command:
        case CreateReport(draft):
            return post_json(_DEFINITIONS, write_draft(draft), Kind.WRITE, accept=_REFUSALS)
        case UpdateReport(row, draft):
            path = f"{_DEFINITIONS}/{quote(row, safe='')}"
            return post_json(path, write_draft(draft), Kind.WRITE, accept=_REFUSALS)
        case DestroyReport(row):
            path = f"{_DEFINITIONS}/{quote(row, safe='')}/destroy"
        case DestroyCompletedReport(row):
            path = f"{_COMPLETED}/{quote(row, safe='')}/destroy"
    return Request("POST", path, kind=Kind.WRITE, accept=_REFUSALS)


def read_written(_site: Site, reply: Reply, command: ReportCommand) -> Written:
    """The id of what was created, or why nothing was done.

    Anything else than the documented answer, e.g. somebody's sign-in page, is SourceMalformed.
    """
    if reply.status in _REFUSALS:
        return Written(refusals=tuple(_refusals(reply, command)))
    if isinstance(command, CreateReport):
        return Written(row=decode(_CREATED, reply.body, "the answer to a new report").id)
    if reply.body.strip():
        try:
            msgspec.json.decode(reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise SourceMalformed(
                f"the answer to a change should be empty, and is no JSON ({len(reply.body)} bytes)"
            ) from None
    return Written()


def _refusals(reply: Reply, command: ReportCommand) -> list[Refusal]:
    try:
        faults = _FAULTS.decode(reply.body).errors
    except (msgspec.DecodeError, UnicodeDecodeError):
        faults = []
    gone = reply.status == 404 and isinstance(command, UpdateReport)
    # Destroying answers 400 to an id it does not know.
    if gone or isinstance(command, DestroyReport | DestroyCompletedReport):
        return [Refusal("PortSIP has no such report, or no longer", field="id", gone=True)]
    made = [
        Refusal(f"PortSIP does not take this value of `{field}`", field=field)
        for fault in faults
        if fault.code == "VALIDATE_FAILED"
        for field in _fields(fault.detail, command.draft)
    ]
    if made:
        return made
    code = text(faults[0].code) if faults else None
    return [
        Refusal(
            f"PortSIP does not take this report and does not say why (HTTP status {reply.status}"
            + (f", code {code})" if code is not None and code.isupper() else ")")
        )
    ]


def _fields(detail: Any, draft: ReportDraft) -> list[str]:
    """The fields of our input that an error's detail names; its layout is not documented."""
    if isinstance(detail, list):
        return [field for one in detail for field in _fields(one, draft)]
    if isinstance(detail, dict):
        named = detail.get("field") or detail.get("name")
        candidates = [named] if isinstance(named, str) else list(detail)
    else:
        candidates = [detail] if isinstance(detail, str) else []
    found = (input_field(candidate, draft) for candidate in candidates)
    return [field for field in found if field is not None]


def _file(_site: Site, row: CompletedRow) -> str | None:
    return text(row.file_url)


REPORTS = Reports(
    types=tuple(TYPES.values()),
    formats=tuple(FORMATS.values()),
    presets=tuple(PRESETS.values()),
    definitions=_resource(
        _DEFINITIONS,
        ReportRow,
        DEFINITIONS,
        {"detail": Part(_detail(_DEFINITIONS), _read_detail(ReportRow), late_values)},
    ),
    completed=_resource(_COMPLETED, CompletedRow, COMPLETED, {}),
    write=write,
    read_written=read_written,
    file=_file,
    link="PortSIP does not say which report made a file; files of the same name and type are "
    "taken for its own",
)
