"""Every documented field of every vendor can be read in the schema.

One table per vendor, written from the vendors' documents: the key on the wire, the place in the
schema, a value that is sent and what is shown of it. Each line is sent through a twin and read by a
query.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import pytest

from graph.sources import vendor, vendor_names
from tests.support import product

DAY = "2026-03-03"
NOTHING: Mapping[str, Any] = MappingProxyType({})
SAME = object()


class Line(NamedTuple):
    """One key of the wire and one place where it can be read.

    `beside` are other keys that the entry must have, None for one that it must not. `root`: the
    list that has it. `api`: of which of the vendor's APIs it is told. A dot leads into an object
    (of a list the first).
    """

    wire: str
    path: str
    sent: Any
    shown: Any = SAME
    beside: Mapping[str, Any] = NOTHING
    root: str = "callRecords"
    api: str = ""

    @property
    def expected(self) -> Any:
        return self.sent if self.shown is SAME else self.shown


INBOUND, OUTBOUND = {"direction": "INBOUND_CALL"}, {"direction": "OUTBOUND_CALL"}

PORTSIP = (
    Line("id", "nativeId", "NDcxMTQ3MTE="),
    Line("session_id", "sessionId", "NDcxMTQ3MTI=", root="callLogs"),
    Line("caller", "caller.number", "+493055500471"),
    Line("caller_domain", "caller.domain", "tenant.example"),
    Line("caller_display_name", "caller.name", "Jörg <Acme>"),
    Line("callee", "callee.number", "8011"),
    Line("callee_domain", "callee.domain", "trunk.example"),
    Line("callee_display_name", "callee.name", "Sales & Co"),
    Line("started_at", "startedAt", f"{DAY}T07:08:09.123456Z"),
    Line("rang_at", "ringingAt", f"{DAY}T17:08:10Z"),
    Line("answered_at", "answeredAt", f"{DAY}T17:08:11Z"),
    Line("ended_at", "endedAt", f"{DAY}T17:08:12.000001Z"),
    Line("call_id", "details.callId", "6f1a@pbx"),
    Line("direction", "details.direction", "EXTENSION_CALL"),
    Line("direction", "direction", "INBOUND_OUTBOUND_CALL", "TRANSIT"),
    Line("end_reason", "details.endReason", "CALLEE_DISCONNECTED"),
    Line("end_reason", "hangup.reason", "CALLER_DISCONNECT"),
    Line("end_reason", "hangup.party", "CALLER_DISCONNECT", "CALLER"),
    Line("reroute_reason", "details.rerouteReason", "FORWARDING_BUSY"),
    Line("status_code", "details.statusCode", 486),
    Line("status_code", "hangup.sipCode", 603),
    Line("destination", "details.destination", "sip:102@192.0.2.7:5060"),
    Line("outbound_caller_id", "shownNumber", "+4930226101"),
    Line("did_cid", "did", "+4930226102"),
    Line("trunk", "trunkIn", "berlin", beside=INBOUND),
    Line("trunk", "trunkOut", "budapest", beside=OUTBOUND),
    Line("duration", "talkSeconds", 47),
    Line("cost", "cost.amount", 0.47, "0.47"),
    Line("billed_account", "account", "headquarters"),
    Line("service_number", "queue", "6471"),
    Line("service_number", "details.serviceNumber", "6472"),
    Line("user_data", "userData", "ticket 4711"),
    Line("user_data", "details.userData", "user-data=ticket;service-number=6400"),
)

YEASTAR = tuple(
    line._replace(root="callLogs")
    for line in (
        Line("id", "details.sequenceNumber", 4711, "4711"),
        Line("id", "nativeId", 4712, "4712", {"new_id": None}),
        Line("time", "details.time", "03/03/2026 17:08:09"),
        Line("timestamp", "startedAt", 1772521689, f"{DAY}T07:08:09Z"),
        Line("uid", "details.uid", "20260303170809CC54A"),
        Line("uid", "sessionId", "20260303170809CC54B", beside={"call_id": None}),
        Line("call_from", "details.callFrom", "Kristin <Hale><2005>"),
        Line("call_from", "caller.number", "Kristin <Hale><2005>", "2005"),
        Line("call_from", "caller.name", "Kristin <Hale><2005>", "Kristin <Hale>"),
        Line("call_to", "details.callTo", "Queue Sales<6400>"),
        Line("call_to", "queue", "Queue Sales<6400>", "Sales"),
        Line("src_addr", "details.srcAddr", "192.0.2.28"),
        Line("src_trunk", "trunkIn", "to28.41"),
        Line("dst_trunk", "trunkOut", "peer-to-34"),
        Line("duration", "totalSeconds", 48),
        Line("ring_duration", "ringSeconds", 3),
        Line("ring_duration", "queueSeconds", 4, beside={"call_to": "Queue Sales<6400>"}),
        Line("talk_duration", "talkSeconds", 46),
        Line("talk_duration", "details.talkDurationSeconds", 47),
        Line("disposition", "details.disposition", "VOICEMAIL"),
        Line("disposition", "disposition", "BUSY"),
        Line("call_type", "details.callType", "Internal"),
        Line("call_type", "direction", "Internal", "INTERNAL"),
        Line("did_number", "did", "+4930226101"),
        Line("dod_number", "shownNumber", "2005"),
        Line("record_file", "recording.name", "20260303-2005-2008-Internal.wav"),
        Line("reason", "details.reason", "src hangup    ", "src hangup"),
        Line("reason", "hangup.reason", "dst no_answer    ", "dst no_answer"),
        Line("reason", "hangup.party", "dst no_answer    ", "CALLEE"),
        Line("call_from_number", "caller.number", "+493055500472"),
        Line("call_from_name", "caller.name", "Jörg"),
        Line("call_to_number", "callee.number", "2008"),
        Line("call_to_name", "callee.name", "Anna"),
        Line("call_id", "details.callId", "1772521689.854"),
        Line("call_id", "sessionId", "1772521689.855"),
        Line("new_id", "details.newId", "0000A471-0000B471"),
        Line("new_id", "nativeId", "0000A472-0000B472"),
        Line("did", "details.did", "30226101"),
        Line("pin_code", "details.pinCode", "4713"),
        Line("did_name", "details.didName", "Hotline"),
        Line("call_note_id", "details.callNoteId", "note-4711"),
        Line("enb_call_note", "details.enbCallNote", 1, True),
    )
)

VIEW = "phoneCallView"
VOIPNOW = (
    Line("id", "nativeId", "53bec7de3c242d5f4711"),
    Line("ownerId", "details.ownerId", "471"),
    Line("ownerId", "account", "472"),
    Line("ownerName", "details.ownerName", "Example Telecom"),
    Line("ownerName", "account", "Example Telecom"),
    Line("extension", "details.extension", "0003*471"),
    Line("published", "startedAt", f"{DAY}T07:08:09Z"),
    Line("answered", "answeredAt", f"{DAY}T17:08:11Z"),
    Line("nonce", "details.nonce", "b3b1f8"),
    Line("links.self", "details.link", "https://pbx.example/uapi/phoneCalls/471"),
    Line(VIEW, "logs.caller.number", [{"id": "00", "source": "471"}], "471"),
    Line(f"{VIEW}.id", "details.viewId", "07"),
    Line(f"{VIEW}.id", "logs.details.viewId", "08"),
    Line(f"{VIEW}.source", "caller.number", "14141555"),
    Line(f"{VIEW}.destination", "callee.number", "0003*002"),
    Line(f"{VIEW}.destination", "callee.extension", "0003*003"),
    Line(f"{VIEW}.extension", "details.viewExtension", "0003*004"),
    Line(f"{VIEW}.flow", "details.flowCode", 4),
    Line(f"{VIEW}.flow", "direction", 8, "INBOUND"),
    Line(f"{VIEW}.disposition", "details.dispositionCode", 5),
    Line(f"{VIEW}.disposition", "disposition", 5, "NOT_ALLOWED"),
    Line(f"{VIEW}.answered", "answeredAt", f"{DAY}T17:08:12Z"),
    Line(f"{VIEW}.answered", "logs.answeredAt", f"{DAY}T17:08:13Z"),
    Line(f"{VIEW}.duration", "details.durationSeconds", "62", 62),
    Line(f"{VIEW}.duration", "talkSeconds", 63),
    Line(f"{VIEW}.callerId", "details.callerId", "Acme <14141555>"),
    Line(f"{VIEW}.callerId", "caller.name", "Acme <14141555>", "Acme"),
    Line(f"{VIEW}.callerID", "details.callerId", "Sample <14141556>"),
    Line(f"{VIEW}.recording", "details.recording", True, "true"),
    Line(f"{VIEW}.recording", "recording.expected", True),
    Line(f"{VIEW}.recording", "recording.name", "call-471.wav"),
    Line(f"{VIEW}.status", "details.status", 5),
    Line(f"{VIEW}.ringing", "ringingAt", f"{DAY}T17:08:10Z"),
    Line(f"{VIEW}.parked", "details.parkedAt", f"{DAY}T17:08:14Z"),
    Line(f"{VIEW}.onHold", "details.onHoldAt", f"{DAY}T17:08:15Z"),
    Line(f"{VIEW}.parkedPos", "details.parkedPosition", "701"),
    Line(f"{VIEW}.parkedBy", "details.parkedBy", "0003*005"),
    Line(f"{VIEW}.holder", "details.holder", "0003*006"),
)

WALL, UTC_TEXT = f"{DAY} 18:08:09", f"{DAY} 17:08:09"
SHOWN_UTC = f"{DAY}T17:08:09Z"
VCCLIVE = (
    Line("uuid", "nativeId", "85955f2e-049f-4a41-9145-f513abf54711"),
    Line("shortid", "details.shortId", "015T039E"),
    Line("callfilename", "details.callFileName", "file-471"),
    Line("callfilename", "recording.name", "file-472"),
    Line("projectid", "details.projectId", 471, "471"),
    Line("numberid", "details.numberId", 472, "472"),
    Line("userid", "details.userId", -1, "-1"),
    Line("userid", "agent", 473, "473"),
    Line("queueid", "details.queueId", 474, "474"),
    Line("queueid", "queue", 475, "475"),
    Line("direction", "details.direction", "outbound"),
    Line("direction", "direction", "outbound", "OUTBOUND"),
    Line("source", "caller.number", "3615100304"),
    Line("source", "shownNumber", "3615100305", beside={"direction": "outbound"}),
    Line("destination", "callee.number", "360100"),
    Line("destination", "did", "360101", beside={"direction": "inbound"}),
    Line("start_ts", "startedAt", f"{DAY} 08:08:09", f"{DAY}T07:08:09Z", {"start_ts_utc": None}),
    Line("start_ts_utc", "startedAt", f"{DAY} 07:18:09", f"{DAY}T07:18:09Z"),
    Line("billing_ts", "details.billingAt", WALL, SHOWN_UTC),
    Line("billing_ts_utc", "details.billingAt", UTC_TEXT, SHOWN_UTC),
    Line("ringtime", "ringSeconds", 8),
    Line("beforequeuetime", "details.beforeQueueSeconds", 9),
    Line("queuetime", "queueSeconds", 10),
    Line("talktime", "talkSeconds", 11),
    Line("holdtime", "holdSeconds", 12),
    Line("prework", "details.preworkSeconds", 13),
    Line("afterwork", "details.afterworkSeconds", 14),
    Line("sum_work", "details.workSeconds", "01:00:14", 3614),
    Line("billingtime", "billedSeconds", 16),
    Line("dispositionid", "details.dispositionId", 476, "476"),
    Line("dispositionreach", "details.dispositionReach", 3),
    Line("dispositionstatus", "details.dispositionStatus", 9),
    Line("disposition_comment", "details.dispositionComment", "call back"),
    Line("hangup_disposition", "details.hangupDisposition", "operator"),
    Line("hangup_disposition", "hangup.party", "customer", "CALLEE", {"direction": "outbound"}),
    Line("dc", "details.dc", 16, "16"),
    Line("dc", "hangup.cause", "17", 17),
    Line("dialermode", "details.dialerMode", 2),
    Line("call_quantity", "details.callQuantity", "0.100000"),
    Line("call_rate", "details.callRate", "7.25"),
    Line("currency", "details.currency", "HUF"),
    Line("currency", "cost.currency", "HUF", beside={"total_fee": "1.5"}),
    Line("total_fee", "details.totalFee", "1.470000"),
    Line("total_fee", "cost.amount", "1.480000", beside={"currency": "EUR"}),
    Line("pricetag", "details.priceTag", "hu-out-mobile"),
    Line("vcc_score", "details.vccScore", "71"),
    Line("special", "details.special", True),
    Line("next_contact", "details.nextContactAt", WALL, SHOWN_UTC),
    Line("next_contact_utc", "details.nextContactAt", UTC_TEXT, SHOWN_UTC),
    Line("statusArchived", "details.statusArchived", "yes"),
    Line("lastArchivedTime", "details.lastArchivedAt", WALL, SHOWN_UTC),
    Line("lastArchivedTime_utc", "details.lastArchivedAt", UTC_TEXT, SHOWN_UTC),
    Line("trashUserId", "details.trashUserId", 477, "477"),
    Line("deletedUserId", "details.deletedUserId", 478, "478"),
    Line("recordCustomFieldData", "details.customFields", {"egyedimezo": "érték"}),
    Line("recordCustomFielData", "details.customFields", {"egyedimezo": "más"}),
    Line("userfullname", "agent", "Kristin Hale"),
    Line("projectname", "details.projectName", "Sales campaign"),
    Line("queue_label", "queue", "Outgoing"),
    Line("disposition_label", "details.dispositionLabel", "Sold"),
    Line("disposition_export_name", "details.dispositionExportName", "sold"),
    Line("dispositionreach_label", "details.dispositionReachLabel", "Reached"),
    Line("dispositionstatus_label", "details.dispositionStatusLabel", "callback"),
    Line("dialermode_label", "details.dialerModeLabel", "Power"),
)

CHOICES = [{"LayerName": "Main Menu", "DTMF": 2, "LayerNumber": "6201"}]
CHOSEN = [{"layerName": "Main Menu", "layerNumber": "6201", "dtmf": "2"}]
VOICENTER = tuple(
    line._replace(root="callLogs")
    for line in (
        Line("CallID", "nativeId", "2026030319080900471"),
        Line("Date", "startedAt", f"{DAY}T07:08:09Z"),
        Line("DateEpoch", "details.dateEpoch", 1772521689),
        Line("Type", "details.type", "Incoming Call"),
        Line("Type", "direction", "Extension Outgoing", "OUTBOUND", {"CdrType": None}),
        Line("CdrType", "details.cdrType", 4),
        Line("CdrType", "direction", 23, "TRANSIT"),
        Line("DialStatus", "details.dialStatus", "NOANSWER"),
        Line("DialStatus", "disposition", "ABANDONE", "ABANDONED"),
        Line("DialStatus2", "details.dialStatus2", "BUSY", api="0.1"),
        Line("CallerNumber", "caller.number", "972547588535"),
        Line("CallerNumber", "caller.e164", "0547588535", "+972547588535"),
        Line("CallerExtension", "caller.extension", "SipSip"),
        Line("TargetNumber", "callee.number", "97272776772"),
        Line("TargetExtension", "callee.extension", "SipSop"),
        Line("TargetPrefixName", "details.targetPrefixName", "Israel Mobile"),
        Line("DID", "did", "037219000"),
        Line("QueueName", "queue", "Sales"),
        Line("Duration", "details.durationSeconds", 61),
        Line("Duration", "talkSeconds", 62),
        Line("RingTime", "ringSeconds", 7),
        Line("Price", "cost.amount", 471, "4.71"),
        Line("RecordURL", "recording.url", "https://cpanel.example/471.mp3"),
        Line("RecordExpect", "recording.expected", True),
        Line("RepresentativeName", "agent", "Noa Cohen"),
        Line("RepresentativeCode", "details.representativeCode", "R-471"),
        Line("UserName", "details.userName", "noa"),
        Line("UserName", "agent", "noa.c"),
        Line("UserId", "details.userId", 4711, "4711"),
        Line("DepartmentName", "account", "Support"),
        Line("DepartmentId", "details.departmentId", 4712, "4712"),
        Line("DTMFData", "details.dtmfData", CHOICES, CHOSEN),
        Line("CustomData", "details.customData", {"AiExists": "true", "Note": "VIP"}),
        Line(
            "CustomData",
            "sessionId",
            {"OriginalIvrUniqueID": "2026030319080700470"},
            "2026030319080700470",
        ),
    )
)

TABLES: Mapping[str, Sequence[Line]] = {
    "portsip": PORTSIP,
    "yeastar": YEASTAR,
    "voipnow": VOIPNOW,
    "vcclive": VCCLIVE,
    "voicenter": VOICENTER,
}

# The keys that the vendors' documents name, in the order in which they do.
DOCUMENTED: Mapping[str, str] = {
    # REST API "Call Detail Records": /cdrs, /cdrs/{id}, /calllogs, /calllogs/{id}
    "portsip": """
        id session_id caller caller_domain caller_display_name callee callee_domain
        callee_display_name started_at rang_at answered_at ended_at call_id direction end_reason
        reroute_reason status_code destination outbound_caller_id did_cid trunk duration cost
        billed_account service_number user_data
    """,
    # "Query CDR List", CDR_Details, and what newer printings and the event 30012 add
    "yeastar": """
        id time call_from call_to timestamp uid src_addr src_trunk dst_trunk duration ring_duration
        talk_duration disposition call_type did_number dod_number record_file reason
        call_from_number call_from_name call_to_number call_to_name call_id new_id did pin_code
        did_name call_note_id enb_call_note
    """,
    # UnifiedAPI v5: PhoneCall and PhoneCallView; its samples spell callerID
    "voipnow": """
        id ownerId ownerName extension published answered nonce phoneCallView links.self
        phoneCallView.id phoneCallView.source phoneCallView.destination phoneCallView.extension
        phoneCallView.flow phoneCallView.disposition phoneCallView.answered phoneCallView.duration
        phoneCallView.callerId phoneCallView.callerID phoneCallView.recording phoneCallView.status
        phoneCallView.ringing phoneCallView.parked phoneCallView.onHold phoneCallView.parkedPos
        phoneCallView.parkedBy phoneCallView.holder
    """,
    # "Get CDR log for a specified uuid": the table, the example, and what lists add
    "vcclive": """
        afterwork beforequeuetime billing_ts billing_ts_utc billingtime call_quantity call_rate
        currency dc deletedUserId destination dialermode direction disposition_comment dispositionid
        dispositionreach dispositionstatus hangup_disposition holdtime lastArchivedTime
        lastArchivedTime_utc numberid next_contact next_contact_utc prework pricetag projectid
        queueid queuetime recordCustomFielData ringtime source special start_ts start_ts_utc
        statusArchived sum_work talktime total_fee trashUserId userid uuid vcc_score
        shortid callfilename recordCustomFieldData
        userfullname projectname queue_label disposition_label disposition_export_name
        dispositionreach_label dispositionstatus_label dialermode_label
    """,
    # "Call log (Version 0.1)", and what the current "Call Log API" adds
    "voicenter": """
        Date Type DID CallerNumber CallerExtension TargetNumber TargetExtension TargetPrefixName
        Duration Price RecordURL RecordExpect RepresentativeName RepresentativeCode DTMFData CallID
        QueueName DialStatus DialStatus2 RingTime CustomData DepartmentName DepartmentId
        DateEpoch CdrType UserName UserId
    """,
}


class Ground(NamedTuple):
    """What an entry has beside the line that is tried: the key of its id, and the plain rest."""

    identity: str
    start: str
    rest: Mapping[str, Any]


GROUNDS: Mapping[str, Ground] = {
    "portsip": Ground("id", "started_at", {"answered_at": f"{DAY}T16:00:00Z"}),
    "yeastar": Ground(
        "new_id",
        "timestamp",
        {"disposition": "ANSWERED", "call_type": "Inbound", "call_id": "1772520000.1"},
    ),
    "voipnow": Ground(
        "id", "published", {VIEW: [{"id": "00", "source": "1", "disposition": 0, "duration": 5}]}
    ),
    "vcclive": Ground("uuid", "start_ts_utc", {"direction": "inbound"}),
    "voicenter": Ground("CallID", "Date", {"CdrType": 1, "DialStatus": "ANSWER", "RingTime": 1}),
}
APIS: Mapping[str, Mapping[str, Any]] = {"0.1": {"api": "0.1"}}


def entry(name: str, place: int, line: Line) -> tuple[str, dict[str, Any]]:
    """The id of a line's entry, and the entry in the vendor's shape"""
    ground = GROUNDS[name]
    started: Any = f"{DAY}T09:{place // 60:02}:{place % 60:02}Z"
    if ground.start == "timestamp":
        started = 1772528400 + place
    if name == "vcclive":
        started = started.replace("T", " ").rstrip("Z")
    made: dict[str, Any] = {ground.identity: f"row-{place:03}", ground.start: started}
    marked = {line.wire: line.sent} if line.wire else {}
    for key, value in {**ground.rest, **line.beside, **marked}.items():
        *steps, last = key.split(".")
        inside: Any = made
        for step in steps:
            if isinstance(inside.get(step), list):
                inside[step] = [dict(inside[step][0])]
                inside = inside[step][0]
            else:
                inside = inside.setdefault(step, {})
        if value is None:
            inside.pop(last, None)
        else:
            inside[last] = value
    if line.path == "nativeId":
        return line.expected, made
    return str(made[ground.identity]), made


PLAIN = Line("", "startedAt", None)
"""nothing but the ground"""
LINES = [(name, place) for name in TABLES for place in range(len(TABLES[name]))]


def made_of(name: str, place: int, line: Line, root: str) -> dict[str, Any]:
    """A line's entry; where one twin has two lists, an entry of the one that is asked for"""
    made = entry(name, place, line)[1]
    if line is PLAIN and name in TWO_LISTS and root == "callLogs":
        made |= TWO_LISTS[name]
    return made


TWO_LISTS: Mapping[str, Mapping[str, Any]] = {"portsip": {"session_id": "NDcxMQ=="}}
"""what makes an entry one of the other list, with vendors that have an entry in one only"""


def selection(name: str, paths: Sequence[str]) -> str:
    """The fields of these paths, in one selection"""
    tree: dict[str, Any] = {}
    for path in paths:
        inside = tree
        for step in path.split("."):
            inside = inside.setdefault(step, {})
            if step == "details":
                inside = inside.setdefault(f"... on {vendor(name).details.__name__}", {})

    def written(inside: Mapping[str, Any]) -> str:
        return " ".join(f"{k} {{ {written(v)} }}" if v else k for k, v in inside.items())

    return written(tree)


@cache
def answers(name: str, root: str, api: str) -> Mapping[str, Mapping[str, Any]]:
    """All lines of one list and one API as they are told, by the id of the entry"""
    lines = [
        (place, line)
        for place, line in enumerate([*TABLES[name], PLAIN])
        if line is PLAIN or (line.root, line.api) == (root, api)
    ]
    chosen = dict(APIS.get(api, {}))
    source = {"vendor": name, "options": chosen, "requests_per_second": 1000}
    fields = selection(name, [line.path for _, line in lines])
    query = (
        f'{{ page: {root}(first: 200, filter: {{since: "{DAY}T00:00:00Z"}}) '
        f"{{ complete outcomes {{ message }} nodes {{ nativeId {fields} }} }} }}"
    )

    async def work() -> Mapping[str, Mapping[str, Any]]:
        async with product(
            source,
            given={name: [made_of(name, place, line, root) for place, line in lines]},
            switches={name: chosen},
            server={"deadline_ms": 600_000},
        ) as opened:
            page = (await opened.good(query))["page"]
            assert page["complete"], page["outcomes"]
            return {node["nativeId"]: node for node in page["nodes"]}

    return asyncio.run(work())


def at(node: Any, path: str) -> Any:
    """The value at a path; of the legs of a call the only one's"""
    for step in path.split("."):
        if node is None:
            return None
        node = node[step]
        if step == "logs":
            (node,) = node
    return node


@pytest.mark.parametrize(
    ("name", "place"),
    LINES,
    ids=[f"{name}-{TABLES[name][place].wire}-{TABLES[name][place].path}" for name, place in LINES],
)
def test_what_is_sent_is_read_where_the_table_says(name: str, place: int) -> None:
    line = TABLES[name][place]
    told = answers(name, line.root, line.api)
    plain, _ = entry(name, len(TABLES[name]), PLAIN)
    assert at(told[entry(name, place, line)[0]], line.path) == line.expected
    # An entry that is not marked shows something else there.
    assert at(told[plain], line.path) != line.expected


def keys(kind: msgspec.inspect.Type, prefix: str = "") -> Iterator[str]:
    """The keys of a Struct as the wire spells them, those of the objects inside it as well"""
    if isinstance(kind, msgspec.inspect.StructType):
        for field in kind.fields:
            inner = list(keys(field.type, f"{prefix}{field.encode_name}."))
            if not inner or isinstance(field.type, msgspec.inspect.ListType):
                yield prefix + field.encode_name
            yield from inner
    elif isinstance(kind, msgspec.inspect.ListType):
        yield from keys(kind.item_type, prefix)
    elif isinstance(kind, msgspec.inspect.UnionType):
        for one in kind.types:
            yield from keys(one, prefix)


@pytest.mark.parametrize("name", vendor_names())
def test_the_table_the_documents_and_the_wire_know_the_same_keys(name: str) -> None:
    manifest = vendor(name)
    documented = DOCUMENTED[name].split()
    assert len(documented) == len(set(documented))
    tabled = {line.wire for line in TABLES[name]}
    wire = (manifest.records or manifest.logs).wire
    assert tabled == set(documented)
    assert set(keys(msgspec.inspect.type_info(wire))) == set(documented)
