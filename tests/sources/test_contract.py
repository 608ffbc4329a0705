"""One suite over every vendor: what its folder promises, held against its twin.

No vendor is named but in the tables below, which say where a vendor's own documents leave it no
other choice (see its NOTES.md).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar, get_type_hints
from zoneinfo import ZoneInfo

import msgspec
import pytest
from graphql import GraphQLNamedType, build_schema, get_named_type, is_leaf_type
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.config import secret_hook
from graph.privacy import Secret
from graph.schema.build import sdl
from graph.schema.selection import snake
from graph.sources import company, simulator, vendor, vendor_names
from graph.sources.compiling import compiled
from graph.sources.contract import Condition, Exactness, Manifest, Request, Resource, Site, Token
from graph.types.call import CallDirection, CallDisposition, CallLog
from graph.types.inputs import CONDITIONS
from tests import virtual_time
from tests.support import NOW, Api, product

T = TypeVar("T")

VENDORS = vendor_names()
SCHEMA = build_schema(sdl())
CASES = max(3, int(os.environ.get("CDR_GRAPH_CASES", "24")) // 8)
"""how many random companies are tried with each vendor"""

HISTORY = company.calls(seed=11, count=34, until=NOW - timedelta(hours=5), days=2)
SINCE, ENDED = "2026-03-02T00:00:00Z", "2026-03-04T11:00:00Z"
"""all of these calls lie between them"""


class Listing(NamedTuple):
    """A list of the schema: its field, what tells it from its neighbours, how one entry is got."""

    name: str
    root: str
    unit: str
    one: str
    type: str

    def query(self, fields: str, *, first: int = 500) -> str:
        """The whole list in one page, as `page`; it takes the variable `filter`"""
        return (
            f"query($filter: CallFilter) {{ page: {self.root}(first: {first}, {self.unit} "
            f"filter: $filter) {{ nodes {{ {fields} }} complete "
            "outcomes { source { id } state message records repairCursor } } }"
        )


def window(**conditions: Any) -> dict[str, Any]:
    """A filter of the days in which the company's calls are"""
    return {"since": SINCE, **conditions}


CALLS = Listing("calls", "callRecords", "", "callRecord", "CallRecord")
LEGS = Listing("legs", "callRecords", "unit: LEG", "callRecord", "CallRecord")
LOGS = Listing("logs", "callLogs", "", "callLog", "CallLog")

each_vendor = pytest.mark.parametrize("name", VENDORS)
each_list = pytest.mark.parametrize("listing", [CALLS, LEGS, LOGS], ids=lambda one: one.name)
calls_and_logs = pytest.mark.parametrize("listing", [CALLS, LOGS], ids=lambda one: one.name)

# ---------------------------------------------------------------- what differs by vendor


class Truth(NamedTuple):
    """What a vendor's system can tell of a call; the defaults tell it as it was."""

    knows: Callable[[company.Call], bool] = lambda _call: True
    dispositions: Mapping[str, str] = MappingProxyType({})
    """what an outcome looks like where the vendor has no word for it"""
    talk: Callable[[company.Call], int | None] = lambda call: call.talk_seconds
    callers: Callable[[company.Call], Sequence[str]] = lambda call: (call.caller.number,)


def _with_message(call: company.Call) -> int | None:
    """a mailbox that picks up looks like a person"""
    return call.legs[-1].talk_seconds if call.outcome == "voicemail" else call.talk_seconds


def _with_everybody(call: company.Call) -> int:
    """all agents of the call together, without the time on hold"""
    people = [leg.talk_seconds or 0 for leg in call.legs if leg.place in ("extension", "outside")]
    return sum(people) - call.hold_seconds


def _but_in_queues(call: company.Call) -> int | None:
    """a queue's length holds the waiting, so its talk is not told"""
    return None if call.queue is not None and call.answered else call.talk_seconds


def _own_line(call: company.Call) -> Sequence[str]:
    """an outbound call comes from one of the company's lines"""
    return company.LINES if call.direction == "outbound" else (call.caller.number,)


TRUTH: Mapping[str, Truth] = {
    "portsip": Truth(dispositions={"voicemail": "ANSWERED"}),
    "yeastar": Truth(dispositions={"cancelled": "NO_ANSWER"}),
    "voipnow": Truth(
        dispositions={
            "voicemail": "ANSWERED",
            "abandoned": "NO_ANSWER",
            "cancelled": "NO_ANSWER",
        },
        talk=_with_message,
    ),
    "vcclive": Truth(
        knows=lambda call: call.direction != "internal",
        dispositions={"voicemail": "NO_ANSWER", "cancelled": "NO_ANSWER"},
        talk=_with_everybody,
        callers=_own_line,
    ),
    "voicenter": Truth(talk=_but_in_queues),
}

SMALL: Mapping[str, Mapping[str, Any]] = {
    "portsip": {"page_size": 9},
    "yeastar": {"page_size": 50},
    "voipnow": {"page_size": 20},
    "vcclive": {"page_size": 9},
    "voicenter": {"cap": 20},
}
"""options that make one list cost many requests"""

WIDE: Mapping[str, Mapping[str, Any]] = {
    "portsip": {"filter_fields": ("started_at", "id", "caller", "callee", "direction")},
    "voipnow": {"push_filters": True},
}
"""options that let the vendor do as much of a filter as it ever does"""

BRISK: Mapping[str, Mapping[str, Any]] = {"voicenter": {"requests_per_minute": 0}}
"""switches without which the twin would throttle a test"""

NEW_WORDS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "portsip": (
        {"direction": "UNKNOWN"},
        {"direction": "SATELLITE_CALL", "rerouteReason": "FORWARDING_HOLIDAY"},
    ),
    "yeastar": (
        {"direction": "UNKNOWN", "disposition": "UNKNOWN", "answeredBy": "UNKNOWN"},
        {"disposition": "PARKED ELSEWHERE", "callType": "Sideways"},
    ),
    "voipnow": (
        {"direction": "UNKNOWN", "disposition": "UNKNOWN", "answeredBy": "UNKNOWN"},
        {"flowCode": 64, "dispositionCode": 42},
    ),
    "vcclive": (
        {"direction": "UNKNOWN"},
        {"direction": "sideways", "hangupDisposition": "nobody", "dc": "999"},
    ),
    "voicenter": (
        {"direction": "UNKNOWN", "disposition": "UNKNOWN", "answeredBy": "UNKNOWN"},
        {"type": "Hologram Call", "cdrType": 99, "dialStatus": "TELEPORTED"},
    ),
}
"""the fault "unknown": what common fields become, and where the vendor's word is kept"""

ERRORS: Mapping[str, Mapping[str, str]] = {
    "portsip": {
        "": "UNAVAILABLE", "UNKNOWN": "REJECTED", "VALIDATE_FAILED": "REJECTED",
        "UNAUTHORIZED": "REFUSED", "EMPTY": "REJECTED", "401": "REFUSED", "403": "REFUSED",
        "404": "REJECTED", "429": "THROTTLED", "NEVER_HEARD_OF": "REJECTED",
    },
    "yeastar": {
        "": "UNAVAILABLE", "10001": "REJECTED", "10004": "REFUSED", "10005": "REFUSED",
        "40002": "REJECTED", "60002": "REJECTED", "70004": "REFUSED", "70082": "THROTTLED",
        "70087": "REFUSED", "70123": "REFUSED", "99999": "REJECTED",
    },
    "voipnow": {
        "": "UNAVAILABLE", "access_denied": "REFUSED", "user_invalid": "REJECTED",
        "startindex_invalid": "REJECTED", "request_not_implemented": "REJECTED",
        "too_many_requests": "THROTTLED",
    },
    "vcclive": {
        "": "UNAVAILABLE", "401": "REFUSED", "403": "REFUSED", "404": "REJECTED",
        "417": "REJECTED", "partial": "UNAVAILABLE",
    },
    "voicenter": {
        "": "THROTTLED", "2": "REFUSED", "4": "REFUSED", "5": "REJECTED", "77": "UNAVAILABLE",
    },
}  # fmt: skip
"""codes of the fault "error", and the outcome each has; "" is the fault's own choice"""

PASSING: Mapping[str, Sequence[str]] = {
    "portsip": ("", "429"),
    "yeastar": ("", "2", "70082"),
    "voipnow": ("", "too_many_requests"),
    "vcclive": ("",),
    "voicenter": ("", "3", "77"),
}
"""codes that ask for patience, or for smaller questions"""


class Clockwork(NamedTuple):
    """A source in a zone that is not its twin's: what else is set, and whether times shift."""

    name: str
    entry: Mapping[str, Any]
    switches: Mapping[str, Any] = MappingProxyType({})
    shifted: bool = False


TOKYO = "Asia/Tokyo"
ZONES = (
    Clockwork("portsip", {"time_zone": TOKYO}),
    Clockwork("yeastar", {"time_zone": TOKYO}),
    Clockwork("yeastar", {"time_zone": TOKYO}, {"time_zone": TOKYO}),
    Clockwork("voipnow", {"time_zone": TOKYO}),
    Clockwork("voipnow", {"options": {"request_zone": TOKYO}}, {"time_zone": TOKYO}),
    Clockwork("vcclive", {"time_zone": TOKYO}, {"time_zone": TOKYO}),
    Clockwork("vcclive", {"time_zone": TOKYO}, {"time_zone": TOKYO, "utc_in_lists": False}),
    Clockwork("vcclive", {"time_zone": TOKYO}, {"utc_in_lists": False}, shifted=True),
    Clockwork("voicenter", {"time_zone": TOKYO}),
    Clockwork(
        "voicenter", {"options": {"date_zone": TOKYO}}, {"time_zone": TOKYO, "date_style": "bare"}
    ),
    Clockwork("voicenter", {"options": {"date_zone": TOKYO}}, {"date_style": "bare"}, shifted=True),
)

# ---------------------------------------------------------------- the product around one vendor


def brisk(name: str, **more: Any) -> dict[str, Any]:
    """A source that no pace of our own holds up"""
    return {"vendor": name, "requests_per_second": 1000, **more}


def around(
    *entries: Mapping[str, Any],
    calls: Sequence[company.Call] = HISTORY,
    switches: Mapping[str, Mapping[str, Any]] | None = None,
    **more: Any,
) -> Any:
    """The product over these sources, with time enough for anything"""
    own = {
        entry["vendor"]: {
            **BRISK.get(entry["vendor"], {}),
            **(switches or {}).get(entry["vendor"], {}),
        }
        for entry in entries
    }
    return product(*entries, calls=calls, switches=own, server={"deadline_ms": 3_600_000}, **more)


def site(name: str, **options: Any) -> Site:
    """What a vendor's functions are told of a source with the twin's own settings"""
    manifest, own = vendor(name), simulator(name).SETTINGS
    return Site(
        id=name,
        zone=ZoneInfo(own["time_zone"]),
        credentials=msgspec.convert(own["credentials"], manifest.credentials, dec_hook=secret_hook),
        options=manifest.options(**{**own["options"], **options}),
        region=own["region"],
        hash_key=b"a key",
    )


def resources(manifest: Manifest) -> list[Resource]:
    return [one for one in (manifest.records, manifest.logs) if one is not None]


def resource_of(manifest: Manifest, listing: Listing) -> Resource:
    whole = manifest.records if listing is CALLS else None
    return whole or manifest.logs


# ---------------------------------------------------------------- selections

Path = tuple[str, ...]


def leaves(
    kind: GraphQLNamedType, name: str, *, without: frozenset[str] = frozenset()
) -> Iterator[Path]:
    """Every field that can be selected of a type, with the details of one vendor"""
    of_a_call = kind.name in ("CallRecord", "CallLog")
    for field, about in kind.fields.items():  # type: ignore[attr-defined]
        if of_a_call and field in without:
            continue
        inner = get_named_type(about.type)
        if is_leaf_type(inner):
            yield (field,)
            continue
        steps: Path = (field,)
        if inner.name == "VendorDetails":
            inner = SCHEMA.type_map[vendor(name).details.__name__]
            steps = (field, f"... on {inner.name}")
        # A call has legs and a leg has a call; each is told of the other once.
        inward = without | {"logs", "record"} if field in ("logs", "record") else without
        for rest in leaves(inner, name, without=inward):
            yield (*steps, *rest)


def select(paths: Iterable[Path]) -> str:
    """The text of a selection"""
    tree: dict[str, Any] = {}
    for path in paths:
        inside = tree
        for step in path:
            inside = inside.setdefault(step, {})

    def written(inside: Mapping[str, Any]) -> str:
        return " ".join(
            f"{step} {{ {written(below)} }}" if below else step for step, below in inside.items()
        )

    return written(tree)


def chosen(value: Any, paths: Iterable[Path]) -> Any:
    """What is left of an entry if only these fields are asked for"""
    if isinstance(value, list):
        return [chosen(one, paths) for one in value]
    heads: dict[str, list[Path]] = {}
    for path in paths:
        step = path[1:] if path[0].startswith("... on ") else path
        heads.setdefault(step[0], []).append(step[1:])
    if value is None:
        return None
    return {
        head: chosen(value[head], below) if below[0] else value[head]
        for head, below in heads.items()
    }


def everything(name: str, listing: Listing, *, without: Iterable[str] = ("record",)) -> list[Path]:
    return list(leaves(SCHEMA.type_map[listing.type], name, without=frozenset(without)))


class Bench:
    """Products that tests only read from: one for each vendor, and one with many small pages"""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._apis: dict[tuple[str, bool], Api] = {}
        self._lists: dict[tuple[str, Listing], list[dict[str, Any]]] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def api(self, name: str, *, small: bool = False) -> Api:
        key = name, small
        if key not in self._apis:
            options = SMALL[name] if small else WIDE.get(name, {})
            opening = around(brisk(name, options=dict(options)))
            self._apis[key] = self.run(self._stack.enter_async_context(opening))
        return self._apis[key]

    def good(self, name: str, query: str, **variables: Any) -> Any:
        """The data of a query that must not have errors"""
        return self.run(self.api(name).good(query, **variables))

    def whole(self, name: str, listing: Listing) -> list[dict[str, Any]]:
        """All entries of a list with all their fields, newest first"""
        if (name, listing) not in self._lists:
            fields = select(everything(name, listing))
            page = self.good(name, listing.query(fields), filter=window())["page"]
            assert page["complete"], page["outcomes"]
            self._lists[name, listing] = page["nodes"]
        return self._lists[name, listing]

    def rows(self, name: str, listing: Listing | None = None) -> list[dict[str, Any]]:
        """The rows that the vendor sent, of one of its lists"""
        if listing is None:
            listing = CALLS if vendor(name).records else LOGS
        return [entry["raw"] for entry in self.whole(name, listing)]

    def shown(self, name: str) -> str:
        """A source's calls as JSON where no other source is asked"""
        entries = self.whole(name, CALLS)
        return json.dumps(chosen(entries, SHOWN))

    @contextmanager
    def telling(self, name: str, calls: Sequence[company.Call]) -> Iterator[None]:
        """A vendor's system has other calls for a while"""
        world = self.api(name).worlds[name]
        before = list(world.calls)
        world.remove(*before)
        world.add(*calls)
        try:
            yield
        finally:
            world.remove(*calls)
            world.add(*before)

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def second(text: str) -> str:
    return text[:19]


# ---------------------------------------------------------------- the manifest

GIVEN = frozenset({"id", "source", "unit", "details", "raw"})
"""what an entry has without its vendor's mapping"""
PRESENT = frozenset(
    {"started_at", "native_id", "call_key", "direction", "disposition", "answered_by"}
)
PARTIES = ("caller", "callee")


def call_paths() -> set[str]:
    """The paths of `Call` that a mapping has to account for; an object but a party is one path"""
    paths: set[str] = set()
    for field, about in SCHEMA.type_map["Call"].fields.items():  # type: ignore[attr-defined]
        inner = get_named_type(about.type)
        if field in PARTIES:
            paths.update(f"{field}.{snake(part)}" for part in inner.fields)
        elif field not in GIVEN:
            paths.add(snake(field))
    return paths


def parts_of(path: str) -> set[str]:
    """The paths below one of `Call`'s objects"""
    field = SCHEMA.type_map["Call"].fields.get(_camel(path))  # type: ignore[attr-defined]
    inner = None if field is None else get_named_type(field.type)
    if inner is None or is_leaf_type(inner):
        return set()
    return {f"{path}.{snake(part)}" for part in inner.fields}


def _camel(path: str) -> str:
    head, *rest = path.split("_")
    return head + "".join(map(str.capitalize, rest))


@each_vendor
def test_every_path_of_a_call_is_told_or_has_a_reason_and_never_both(name: str) -> None:
    for resource in resources(vendor(name)):
        told = [field.path for field in resource.fields]
        assert len(told) == len(set(told))
        for path in call_paths():
            lacking = path in resource.never or path.partition(".")[0] in resource.never
            assert (path in told) is not lacking, path
        assert set(told) >= PRESENT
        assert not set(told) & set(resource.never)


@each_vendor
def test_a_reason_is_a_sentence_about_a_path_that_there_is(name: str) -> None:
    known = call_paths()
    known |= {part for path in known for part in parts_of(path)}
    for resource in resources(vendor(name)):
        assert set(resource.never) <= known
        for path, reason in resource.never.items():
            assert re.fullmatch(r"[A-Z`].{15,}\.", reason), path


@each_vendor
def test_details_are_exactly_what_the_mapping_fills(name: str) -> None:
    manifest = vendor(name)
    own = SCHEMA.type_map[manifest.details.__name__].fields  # type: ignore[attr-defined]
    there = {f"details.{snake(field)}" for field in own} - {"details.vendor"}
    for resource in resources(manifest):
        assert {f.path for f in resource.fields if f.path.startswith("details.")} == there


@each_vendor
def test_the_mapping_reads_what_a_row_has_and_every_key_of_it(name: str) -> None:
    for resource in resources(vendor(name)):
        attributes = {field.name for field in msgspec.structs.fields(resource.wire)}
        read: set[str] = set(resource.always)
        for field in resource.fields:
            read.update((field.wire,) if isinstance(field.wire, str) else field.wire)
            assert field.part is None or field.part in resource.parts
        assert read <= attributes
        # A log's row may tell its call, which is asked for by key.
        assert attributes - read <= {"session_id"}
        assert resource.locate_lacks <= attributes
        assert resource.legs_part is None or resource.legs_part in resource.parts


@each_vendor
def test_a_log_tells_its_call_and_a_manifest_its_name(name: str) -> None:
    manifest = vendor(name)
    assert "session_id" in {field.path for field in manifest.logs.fields}
    assert manifest.logs.call_of is not None
    assert manifest.name == manifest.details.VENDOR_NAME == name  # type: ignore[attr-defined]
    assert manifest.title
    assert manifest.logs_note.endswith(".")
    assert manifest.prefix.startswith("/")
    assert not manifest.prefix.endswith("/")
    ZoneInfo(manifest.default_zone)
    assert manifest.records is not None or manifest.logs.call_start is not None


SAMPLES = (
    *(
        Condition(side, values)
        for side in ("number", "caller", "callee", "extension", "did")
        for values in (("+493055500123",), ("2001",), ("2001", "2002"), ("+49*",), ("2' or 1",))
    ),
    *(
        Condition("direction", values)
        for values in (
            (CallDirection.INBOUND,), (CallDirection.OUTBOUND, CallDirection.INTERNAL),
            (CallDirection.TRANSIT,), (CallDirection.UNKNOWN,),
        )
    ),
    *(Condition("disposition", (value,)) for value in CallDisposition),
    Condition("disposition", (CallDisposition.BUSY, CallDisposition.ANSWERED)),
    Condition("talk_seconds", (1, None)),
    Condition("total_seconds", (None, 60)),
    *(Condition(text, ("Sales",)) for text in ("trunk", "queue", "agent", "call_key", "search")),
    Condition("has_recording", (True,)),
    Condition("answered", (NOW - timedelta(days=1), None)),
    Condition("saved", (NOW - timedelta(days=1), NOW)),
    *(Condition("account", (text,)) for text in ("33", "nobody at all")),
    *(Condition("identity", (text,)) for text in ("User", "nobody at all")),
)  # fmt: skip
RANK = {Exactness.NONE: 0, Exactness.SUPERSET: 1, Exactness.EXACT: 2}


def test_there_is_a_sample_of_every_condition() -> None:
    assert {sample.name for sample in SAMPLES} == set(CONDITIONS)


@each_vendor
def test_no_condition_is_told_better_than_the_manifest_says_and_each_as_well_once(
    name: str,
) -> None:
    plain, wide = site(name), site(name, **WIDE.get(name, {}))
    for resource in resources(vendor(name)):
        best: Counter[str] = Counter()
        for sample in SAMPLES:
            most = resource.pushes.get(sample.name, Exactness.NONE)
            told = RANK[resource.exactness(plain, sample)]
            assert told <= RANK[most], sample
            best[sample.name] = max(best[sample.name], told, RANK[resource.exactness(wide, sample)])
        for condition, how in resource.pushes.items():
            assert best[condition] == RANK[how], condition


# ---------------------------------------------------------------- law 1: round trip

companies = settings(
    max_examples=CASES,
    derandomize=CASES < 100,
)


def tail(number: str | None) -> str:
    """The last digits, which are the same however a number is written"""
    return re.sub(r"\D", "", (number or "").rpartition("*")[2])[-7:]


@each_vendor
@companies
@given(seed=st.integers(0, 100_000), days=st.sampled_from((0.01, 1.0, 9.0)))
def test_what_comes_through_is_what_happened(
    bench: Bench, name: str, seed: int, days: float
) -> None:
    calls = company.calls(seed=seed, count=30, until=NOW - timedelta(hours=4), days=days)
    truth = TRUTH[name]
    known = [call for call in calls if truth.knows(call)]
    query = CALLS.query("startedAt direction disposition talkSeconds caller { number extension }")
    with bench.telling(name, calls):
        page = bench.good(name, query, filter=window(since="2026-02-22T00:00:00Z"))["page"]
    assert page["complete"], page["outcomes"]
    told = Counter(
        (second(node["startedAt"]), node["direction"], node["disposition"], node["talkSeconds"])
        for node in page["nodes"]
    )
    assert told == Counter(
        (
            second(call.started_at.isoformat()),
            call.direction.upper(),
            truth.dispositions.get(call.outcome, call.outcome.upper()),
            truth.talk(call),
        )
        for call in known
    )
    callers: dict[str, set[str]] = {}
    for call in known:
        of_second = callers.setdefault(second(call.started_at.isoformat()), set())
        of_second.update(map(tail, truth.callers(call)))
    for node in page["nodes"]:
        shown = {tail(node["caller"][key]) for key in ("number", "extension")}
        assert shown & callers[second(node["startedAt"])], node


@each_vendor
def test_the_legs_of_a_call_are_its_logs_and_the_legs_are_the_log(bench: Bench, name: str) -> None:
    same = ("startedAt", "direction", "disposition", "talkSeconds", "callKey", "caller", "callee")

    def told(entries: Iterable[Mapping[str, Any]]) -> Counter[str]:
        return Counter(json.dumps([entry[key] for key in same]) for entry in entries)

    calls, legs, logs = (bench.whole(name, listing) for listing in (CALLS, LEGS, LOGS))
    assert told(leg for call in calls for leg in call["logs"]) == told(logs)
    assert told(legs) == told(logs)
    assert {call["callKey"] for call in calls} == {log["callKey"] for log in logs}
    assert len({entry["id"] for entry in (*calls, *legs, *logs)}) == len(calls) + 2 * len(logs)
    assert {leg["unit"] for leg in (*legs, *logs)} == {"LEG"}
    assert {call["unit"] for call in calls} == {"CALL"}


# ---------------------------------------------------------------- paging


@each_vendor
@each_list
@pytest.mark.parametrize("order", ["NEWEST_FIRST", "OLDEST_FIRST"])
def test_pages_of_any_size_and_side_joined_are_the_list(
    bench: Bench, name: str, listing: Listing, order: str
) -> None:
    expected = [chosen(entry, [("id",), ("startedAt",)]) for entry in bench.whole(name, listing)]
    expected = expected if order == "NEWEST_FIRST" else expected[::-1]
    api = bench.api(name, small=True)
    for first, backwards in ((14, False), (25, True)):
        assert bench.run(walk(api, listing, order, first, backwards=backwards)) == expected


async def walk(
    api: Api, listing: Listing, order: str, first: int, *, backwards: bool = False
) -> list[dict[str, Any]]:
    """Every entry of a list, page by page to its end, in list order"""
    amount, side = ("last", "before") if backwards else ("first", "after")
    query = (
        f"query($filter: CallFilter, $cursor: String) {{ page: {listing.root}({amount}: {first}, "
        f"{side}: $cursor, {listing.unit} orderBy: {order}, filter: $filter) {{ nodes {{ id "
        "startedAt } complete pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"
    )
    more, edge = ("hasPreviousPage", "startCursor") if backwards else ("hasNextPage", "endCursor")
    info: dict[str, Any] = {more: True, edge: None}
    nodes: list[dict[str, Any]] = []
    while info[more]:
        page = (await api.good(query, filter=window(), cursor=info[edge]))["page"]
        assert page["complete"]
        assert page["nodes"]
        nodes = page["nodes"] + nodes if backwards else nodes + page["nodes"]
        info = page["pageInfo"]
    return nodes


# ---------------------------------------------------------------- law 4: lookups


@each_vendor
@each_list
def test_a_lookup_equals_the_lists_entry_in_every_field(
    bench: Bench, name: str, listing: Listing
) -> None:
    fields = select(everything(name, listing, without=()))
    query = listing.query(fields, first=5)
    page = bench.good(name, query, filter=window(until="2026-03-04T09:00:00Z"))["page"]
    assert len(page["nodes"]) == 5
    for entry in page["nodes"]:
        found = bench.good(
            name,
            f"query($id: ID!) {{ one: {listing.one}(id: $id) {{ {fields} }} "
            f"node(id: $id) {{ ... on {listing.type} {{ {fields} }} }} }}",
            id=entry["id"],
        )
        assert found["one"] == entry
        assert found["node"] == entry


@each_vendor
def test_a_leg_of_a_call_is_found_by_its_own_id(bench: Bench, name: str) -> None:
    # A leg's row as sent is only there where the vendor sends legs as rows.
    paths = everything(name, LOGS, without=("record", "raw"))
    query = f"query($id: ID!) {{ callLog(id: $id) {{ {select(paths)} }} }}"
    for leg in [leg for call in bench.whole(name, CALLS)[:5] for leg in call["logs"]]:
        found = bench.good(name, query, id=leg["id"])
        assert found["callLog"] == chosen(leg, paths)


LONE = next(
    call
    for call in HISTORY
    if call.direction == "inbound" and [c.started_at for c in HISTORY].count(call.started_at) == 1
)
"""a call that every vendor knows, with no other in its second"""


@each_vendor
def test_an_id_that_nothing_has_any_more_is_null(bench: Bench, name: str) -> None:
    lists = [bench.whole(name, listing) for listing in (CALLS, LEGS, LOGS)]
    ids = [
        next(
            entry["id"]
            for entry in entries
            if second(entry["startedAt"]) == second(LONE.started_at.isoformat())
        )
        for entries in lists
    ]
    with bench.telling(name, [call for call in HISTORY if call is not LONE]):
        found = bench.good(name, "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)
    assert found["nodes"] == [None, None, None]


# ---------------------------------------------------------------- law 2: conditions

Test = Callable[[Mapping[str, Any]], bool]


class Case(NamedTuple):
    """Conditions as a filter has them, the paths each is about, and what they mean for an entry."""

    filter: Mapping[str, Any]
    about: tuple[tuple[str, ...], ...]
    fits: Test


def bare(number: str) -> str:
    """A number without what people write into it"""
    plain = re.sub(r"[\s()/.\-]", "", number)
    return plain.removeprefix("+").removeprefix("00") if plain[:1] in "+0" else plain


def meets(values: Sequence[str], forms: Iterable[str | None]) -> bool:
    """A number in any form is one of the values, or begins as one that ends in `*`"""
    shown = {bare(form) for form in forms if form} | {form for form in forms if form}
    return any(
        form.startswith(bare(value[:-1])) if value.endswith("*") else form == bare(value)
        for value in values
        for form in shown
    )


def _of_parties(condition: str, *sides: str, parts: Sequence[str] = ("number", "e164", "extension")
                ) -> Callable[..., Case]:  # fmt: skip
    def make(*values: str) -> Case:
        return Case(
            {condition: values},
            (tuple(f"{side}.{part}" for side in sides for part in parts),),
            lambda entry: any(
                meets(values, [entry[side][part] for part in parts]) for side in sides
            ),
        )

    return make


def _of_texts(condition: str, *fields: str) -> Callable[..., Case]:
    def make(*values: str) -> Case:
        wanted = [value.casefold() for value in values]
        return Case(
            {condition: values},
            (tuple(map(snake, fields)),),
            lambda entry: any(
                shown.casefold().startswith(value[:-1])
                if value.endswith("*")
                else shown.casefold() == value
                for field in fields
                if (shown := entry[field])
                for value in wanted
            ),
        )

    return make


def _of_words(condition: str) -> Callable[..., Case]:
    return lambda *words: Case(
        {condition: words}, ((condition,),), lambda entry: entry[condition] in words
    )


def _of_seconds(condition: str) -> Callable[..., Case]:
    def make(low: int | None, high: int | None) -> Case:
        return Case(
            {condition: {"min": low, "max": high}},
            ((snake(condition),),),
            lambda entry: (
                entry[condition] is not None
                and (low is None or entry[condition] >= low)
                and (high is None or entry[condition] <= high)
            ),
        )

    return make


def _answered(since: str | None, until: str | None) -> Case:
    return Case(
        {"answeredSince": since, "answeredUntil": until},
        (("answered_at",),),
        lambda entry: (
            entry["answeredAt"] is not None
            and (since is None or _at(entry["answeredAt"]) >= _at(since))
            and (until is None or _at(entry["answeredAt"]) < _at(until))
        ),
    )


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _both(*cases: Case) -> Case:
    return Case(
        {key: value for case in cases for key, value in case.filter.items()},
        tuple(paths for case in cases for paths in case.about),
        lambda entry: all(case.fits(entry) for case in cases),
    )


NUMBER = _of_parties("number", "caller", "callee")
CALLER = _of_parties("caller", "caller")
CALLEE = _of_parties("callee", "callee")
EXTENSION = _of_parties("extension", "caller", "callee", parts=("extension",))
DIRECTION, DISPOSITION = _of_words("direction"), _of_words("disposition")
TALK, TOTAL = _of_seconds("talkSeconds"), _of_seconds("totalSeconds")
TRUNK = _of_texts("trunk", "trunkIn", "trunkOut")
QUEUE, AGENT = _of_texts("queue", "queue"), _of_texts("agent", "agent")


def _did(*values: str) -> Case:
    return Case({"did": values}, (("did",),), lambda entry: meets(values, [entry["did"]]))


def _recorded(wanted: bool) -> Case:
    return Case(
        {"hasRecording": wanted},
        (("recording",),),
        lambda entry: (entry["recording"] is not None) is wanted,
    )


def _key(*values: str) -> Case:
    return Case({"callKey": values}, (("call_key",),), lambda entry: entry["callKey"] in values)


def cases(entries: Sequence[Mapping[str, Any]]) -> Iterator[Case]:
    """Conditions of every kind, with values that some of the entries have"""

    def some(*path: str) -> list[str]:
        """values of a field, those with the most different beginnings first"""
        found: set[str] = set()
        for entry in entries:
            value: Any = entry
            for step in path:
                value = value[step]
            if value:
                found.add(value)
        return sorted(found, key=lambda value: value[::-1]) or ["nowhere"]

    for make, side in ((NUMBER, "caller"), (CALLER, "caller"), (CALLEE, "callee")):
        one, *more = some(side, "number")
        e164 = (some(side, "e164"))[0]
        yield make(one)
        yield make(*more[:3])
        yield make(f"{one[:4]}*")
        yield make(f"{e164[:3]} ({e164[3:5]}) {e164[5:]}")
        yield make(f"00{e164[1:]}", "no such' or 1")
    own = some("callee", "extension")
    yield EXTENSION(own[0])
    yield EXTENSION(f"{own[0][:-2]}*", own[-1])
    yield DIRECTION("INBOUND")
    yield DIRECTION("OUTBOUND", "INTERNAL")
    yield DIRECTION("TRANSIT", "UNKNOWN")
    for words in (("ANSWERED",), ("NO_ANSWER", "ABANDONED"), ("BUSY",), ("VOICEMAIL", "UNKNOWN")):
        yield DISPOSITION(*words)
    for seconds in (TALK, TOTAL):
        for low, high in ((1, None), (None, 0), (20, 300)):
            yield seconds(low, high)
    for text, field in (
        (TRUNK, "trunkIn"),
        (TRUNK, "trunkOut"),
        (QUEUE, "queue"),
        (AGENT, "agent"),
    ):
        one = some(field)[0]
        yield text(one.upper())
        yield text(f"{one[:3]}*", "nobody")
    did = some("did")[0]
    yield _did(did)
    yield _did(f"{did[:5]}*")
    yield _recorded(True)
    yield _recorded(False)
    yield _key(*some("callKey")[:2])
    moment = some("answeredAt")[0]
    yield _answered(moment, None)
    yield _answered(None, moment)
    yield _answered("2026-03-03T00:00:00+01:00", "2026-03-04T00:00:00Z")
    yield _both(DIRECTION("INBOUND"), DISPOSITION("ANSWERED"), TALK(10, None))
    yield _both(NUMBER(f"{some('caller', 'number')[0][:5]}*"), _recorded(False))


@each_vendor
@calls_and_logs
def test_a_filtered_list_is_the_list_filtered(bench: Bench, name: str, listing: Listing) -> None:
    entries = bench.whole(name, listing)
    never = resource_of(vendor(name), listing).never
    query, api = listing.query("id"), bench.api(name)
    tried: Counter[bool] = Counter()

    def lacks(path: str) -> bool:
        return path in never or path.partition(".")[0] in never

    for place, case in enumerate(cases(entries)):
        # A window that ends in the past may be asked for in another way than one that is open.
        until = {"until": ENDED} if place % 2 else {}
        answered = bench.run(api.ask(query, filter=window(**until, **case.filter)))
        lacking = [paths[0] for paths in case.about if all(map(lacks, paths))]
        if lacking:
            (error,) = answered.errors
            assert error["extensions"]["code"] == "UNSUPPORTED", case.filter
            assert f"`{_camel(lacking[0])}`" in error["message"]
            continue
        assert not answered.errors, (case.filter, answered.errors)
        page = answered.data["page"]
        assert page["complete"], (case.filter, page["outcomes"])
        expected = [entry["id"] for entry in entries if case.fits(entry)]
        assert [node["id"] for node in page["nodes"]] == expected, case.filter
        tried[bool(expected)] += 1
    assert tried[True] > 25


# ---------------------------------------------------------------- law 6: selection


@each_vendor
@calls_and_logs
def test_asking_for_less_never_changes_the_rest(bench: Bench, name: str, listing: Listing) -> None:
    paths = everything(name, listing)
    random.Random(name).shuffle(paths)
    entries = bench.whole(name, listing)
    for start in range(0, len(paths), 30):
        some = paths[start : start + 30]
        page = bench.good(name, listing.query(select(some)), filter=window())["page"]
        assert page["nodes"] == chosen(entries, some), some


# ---------------------------------------------------------------- rows as sent


@each_vendor
def test_raw_is_the_entry_as_it_was_sent(bench: Bench, name: str) -> None:
    calls = bench.rows(name)
    known = [part for row in calls for part in (row, *parts_inside(row))]
    only_in_logs = [row for row in bench.rows(name, LOGS) if row not in known]
    sent = [{**row, "nobody-knows": ["it", {"is": 1.5}]} for row in (*calls, *only_in_logs)]
    inside = [part for row in sent for part in (row, *parts_inside(row))]
    amounts = {listing: len(bench.whole(name, listing)) for listing in (CALLS, LEGS, LOGS)}

    async def work() -> None:
        async with around(brisk(name), given={name: sent}) as api:
            for listing, amount in amounts.items():
                page = (await api.good(listing.query("raw"), filter=window()))["page"]
                assert len(page["nodes"]) == amount
                raws = [raw for node in page["nodes"] for raw in as_list(node["raw"])]
                assert all(raw in inside for raw in raws)
                assert listing is not CALLS or all(raw in sent for raw in raws)

    asyncio.run(work())


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def parts_inside(row: Mapping[str, Any]) -> list[Any]:
    """The objects that a row holds in lists"""
    return [
        part
        for value in row.values()
        if isinstance(value, list)
        for part in value
        if isinstance(part, dict)
    ]


# ---------------------------------------------------------------- blanks


def shown(value: Any) -> Any:
    """A converted entry as plain data"""
    if hasattr(value, "__dict__") and not isinstance(value, type):
        return {key: shown(inner) for key, inner in sorted(vars(value).items())}
    return value


def spots(row: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Where a row has a single value, in its objects too"""
    for key, value in row.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield from ((key, 0, *rest) for rest in spots(value[0]))
        elif not isinstance(value, list | dict):
            yield (key,)


_MISSING = object()


def changed(row: Mapping[str, Any], spot: tuple[Any, ...], value: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(row))
    inside: Any = copy
    for step in spot[:-1]:
        inside = inside[step]
    if value is _MISSING:
        inside.pop(spot[-1], None)
    else:
        inside[spot[-1]] = value
    return copy


@each_vendor
def test_every_style_of_blank_reads_alike(bench: Bench, name: str) -> None:
    manifest = vendor(name)
    resource = manifest.records or manifest.logs
    at = site(name)
    convert = compiled(
        CallLog,
        resource,
        frozenset(field.path for field in resource.fields),
        at,
        manifest.details,
    )

    def read(row: Mapping[str, Any]) -> Any:
        wire = msgspec.json.decode(json.dumps(row).encode(), type=resource.wire)
        [made] = convert([wire], None)
        assert made is not None
        return shown(made)

    def identifies(row: Mapping[str, Any], spot: tuple[Any, ...]) -> bool:
        wire = msgspec.json.decode(json.dumps(row).encode(), type=resource.wire)
        try:
            changed_row = changed(row, spot, "another")
            other = msgspec.json.decode(json.dumps(changed_row).encode(), type=resource.wire)
            return resource.row_key(at, wire) != resource.row_key(at, other)
        except msgspec.ValidationError:
            return False

    tried: Counter[bool] = Counter()
    richest = sorted(bench.rows(name), key=lambda row: -len(json.dumps(row)))[:4]
    for row in richest:
        as_sent = read(row)
        for spot in spots(row):
            if len(spot) == 1 and identifies(row, spot):
                continue
            styles = [_MISSING, None, "", " "]
            if isinstance(row.get(spot[0]), str) and re.match(r"\d{4}-\d\d-\d\d", row[spot[0]]):
                styles.append("0000-00-00 00:00:00")
            read_as = [read(changed(row, spot, style)) for style in styles]
            assert all(other == read_as[0] for other in read_as[1:]), spot
            tried[read_as[0] != as_sent] += 1
    assert tried[True] > 20


# ---------------------------------------------------------------- words nobody knows


@each_vendor
def test_a_word_nobody_knows_is_unknown_kept_and_counted(bench: Bench, name: str) -> None:
    common, kept = NEW_WORDS[name]
    details = vendor(name).details.__name__
    fields = f"{' '.join(common)} details {{ ... on {details} {{ {' '.join(kept)} }} }}"
    amount = len(bench.whole(name, LOGS))

    api = bench.api(name)
    api.worlds[name].fault("unknown", times=0)
    counted = api.graph.sources.live[name].site.unknown_words
    before = counted.total()
    page = bench.good(name, LOGS.query(fields), filter=window())["page"]
    api.worlds[name].faults.clear()
    assert page["complete"]
    assert page["nodes"] == [{**common, "details": dict(kept)}] * amount
    assert counted.total() - before >= amount
    assert not {"", "None"} & set(counted)


# ---------------------------------------------------------------- law 7: failure


class Trouble(NamedTuple):
    """A fault that does not go away, and the states that it may end in."""

    kind: Any
    states: frozenset[str]
    options: Mapping[str, Any] = MappingProxyType({})


def _ends(*states: str) -> frozenset[str]:
    return frozenset(states)


TROUBLES: Mapping[str, Trouble] = {
    "a broken server": Trouble("status", _ends("UNAVAILABLE"), {"status": 500}),
    "a server behind a dead gateway": Trouble("status", _ends("UNAVAILABLE"), {"status": 502}),
    "too many requests": Trouble("status", _ends("THROTTLED"), {"status": 429, "retry_after": 1.0}),
    "too slow, as it says": Trouble("status", _ends("TIMEOUT"), {"status": 408}),
    "no token is any good": Trouble("status", _ends("REFUSED"), {"status": 401}),
    "not for us": Trouble("status", _ends("REFUSED"), {"status": 403}),
    "no such address": Trouble("status", _ends("REJECTED"), {"status": 404}),
    "another address": Trouble("status", _ends("MALFORMED"), {"status": 302}),
    "an answer that ends in its middle": Trouble("cut", _ends("MALFORMED")),
    "a page for people": Trouble("html", _ends("MALFORMED")),
    "an answer without a body": Trouble("empty", _ends("MALFORMED")),
    "an endless answer": Trouble("huge", _ends("MALFORMED"), {"size_mb": 2}),
    "every token forgotten at once": Trouble("expire", _ends("REFUSED")),
    "a wrong content type": Trouble("content_type", _ends("OK")),
    "a body in small parts": Trouble("drip", _ends("OK"), {"seconds": 0.0}),
    "rows that come twice": Trouble("duplicate", _ends("OK")),
}
SLY: Mapping[str, Trouble] = {
    "the first page again and again": Trouble("repeat", _ends("OK", "MALFORMED", "TRUNCATED")),
    "rows that come twice on every page": Trouble("duplicate", _ends("OK")),
}
"""what only shows where one list is many pages"""

LISTS: Mapping[str, str] = {
    "portsip": "/cdrs",
    "yeastar": "/cdr/",
    "voipnow": "/uapi/",
    "vcclive": "/v2/",
    "voicenter": "/hub/",
}
"""what the addresses of lists have and those of a sign-in have not"""

SHOWN: list[Path] = [
    ("id",), ("startedAt",), ("source", "id"), ("direction",), ("disposition",), ("talkSeconds",),
    ("caller", "number"), ("details", "vendor"),
]  # fmt: skip
SHOWING = CALLS.query(select(SHOWN).replace("vendor", "... on VendorDetails { vendor }"))


def neighbour(name: str) -> str:
    return VENDORS[(VENDORS.index(name) + 1) % len(VENDORS)]


class Judge:
    """Holds a page on which one source had a fault against what each source gives alone"""

    def __init__(self, bench: Bench, name: str) -> None:
        self.name, self.other = name, neighbour(name)
        self.own, self.others = bench.shown(self.name), bench.shown(self.other)

    def __call__(self, page: Mapping[str, Any], states: Iterable[str], fault: str) -> None:
        fared = self.outcome(page, self.name)
        assert fared["state"] in states, (fault, fared)
        assert page["complete"] is (fared["state"] == "OK"), fault
        assert self.outcome(page, self.other)["state"] == "OK", fault
        assert self.of_source(page, self.other) == self.others, fault
        if fared["state"] == "OK":
            assert self.of_source(page, self.name) == self.own, fault
            return
        assert self.of_source(page, self.name) == "[]", fault
        assert fared["records"] == 0
        assert fared["message"], fault

    @staticmethod
    def outcome(page: Mapping[str, Any], source: str) -> Mapping[str, Any]:
        (found,) = [one for one in page["outcomes"] if one["source"]["id"] == source]
        assert isinstance(found, dict)
        return found

    @staticmethod
    def of_source(page: Mapping[str, Any], source: str) -> str:
        return json.dumps([node for node in page["nodes"] if node["source"]["id"] == source])


async def suffer(
    api: Api, name: str, kind: Any, options: Mapping[str, Any], *, times: int = 0
) -> Mapping[str, Any]:
    """The page that is given while a fault lasts, after a good one"""
    api.clock.advance(3600)  # the breaker forgets
    before = (await api.good(CALLS.query("id", first=1), filter=window()))["page"]
    assert before["complete"], before["outcomes"]
    api.worlds[name].fault(kind, path=LISTS[name], times=times, **options)
    page: Mapping[str, Any] = (await api.good(SHOWING, filter=window()))["page"]
    assert bool(api.worlds[name].faults) is (times == 0)
    api.worlds[name].faults.clear()
    return page


@each_vendor
def test_every_fault_has_its_outcome_and_costs_no_other_source_anything(
    bench: Bench, name: str
) -> None:
    judge = Judge(bench, name)

    async def work() -> None:
        async with around(brisk(name, max_response_mb=1), brisk(neighbour(name))) as api:
            for fault, (kind, states, options) in TROUBLES.items():
                page = await suffer(api, name, kind, options)
                judge(page, states, fault)
                owes = judge.outcome(page, name)["repairCursor"] is not None
                assert owes is not page["complete"], fault

    asyncio.run(work())


@pytest.mark.parametrize("name", [name for name in VENDORS if "page_size" in SMALL[name]])
def test_a_list_of_pages_that_lies_never_gives_a_wrong_list(bench: Bench, name: str) -> None:
    judge = Judge(bench, name)

    async def work() -> None:
        small = brisk(name, options=dict(SMALL[name]))
        async with around(small, brisk(neighbour(name))) as api:
            for fault, (kind, states, options) in SLY.items():
                page = await suffer(api, name, kind, options)
                judge(page, states, fault)

    asyncio.run(work())


@each_vendor
@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_source_that_never_ends_is_a_time_out(bench: Bench, name: str, kind: Any) -> None:
    judge = Judge(bench, name)

    async def for_ever(_seconds: float) -> None:
        await asyncio.Event().wait()

    async def work() -> None:
        async with around(brisk(name, timeout_ms=5000), brisk(neighbour(name))) as api:
            api.worlds[name].sleep = for_ever
            api.worlds[name].fault(kind, times=0)
            page = (await api.good(SHOWING, filter=window()))["page"]
            judge(page, ("TIMEOUT",), kind)

    virtual_time.run(work)


@each_vendor
def test_every_refusal_in_the_vendors_words_has_its_outcome(bench: Bench, name: str) -> None:
    judge = Judge(bench, name)

    async def work() -> None:
        async with around(brisk(name), brisk(neighbour(name))) as api:
            for code, state in ERRORS[name].items():
                page = await suffer(api, name, "error", {"code": code})
                judge(page, (state,), f"error {code}")
            for code in PASSING[name]:
                page = await suffer(api, name, "error", {"code": code}, times=1)
                judge(page, ("OK",), f"error {code} once")

    asyncio.run(work())


# ---------------------------------------------------------------- zones


@pytest.mark.parametrize("clockwork", ZONES, ids=lambda one: one.name)
def test_a_zone_moves_only_what_is_told_in_local_time(bench: Bench, clockwork: Clockwork) -> None:
    name = clockwork.name
    own = ZoneInfo(simulator(name).SETTINGS["time_zone"])
    paths: list[Path] = [("startedAt",), ("answeredAt",), ("endedAt",)]

    def moved(text: str | None) -> str | None:
        """the moment at which a clock in the source's zone shows what the twin's clock showed"""
        if text is None or not clockwork.shifted:
            return text
        wall = _at(text).astimezone(own).replace(tzinfo=ZoneInfo(TOKYO))
        return wall.astimezone(UTC).isoformat().replace("+00:00", "Z")

    expected = [
        {key: moved(text) for key, text in times.items()}
        for times in chosen(bench.whole(name, LOGS), paths)
    ]

    async def work() -> None:
        entry = {**brisk(name), **clockwork.entry}
        async with around(entry, switches={name: clockwork.switches}) as api:
            page = (await api.good(LOGS.query(select(paths)), filter=window()))["page"]
            assert page["complete"], page["outcomes"]
            assert page["nodes"] == expected

    asyncio.run(work())


# ---------------------------------------------------------------- signing in

GIVEN_BACK: Mapping[str, str] = {
    "portsip": "/api/auth/sign_out",
    "yeastar": "/openapi/v1.0/del_token",
}
"""where a token goes in the end, with vendors that keep them in slots or sessions"""

TOKEN = Token(Secret("an access"), renewal=Secret("a renewal"))
WITH_TOKEN = [name for name in VENDORS if vendor(name).auth.sign_in(site(name)) is not None]
with_token = pytest.mark.parametrize("name", WITH_TOKEN)


def secrets(name: str) -> list[str]:
    """The names of a vendor's secret credentials, of those that the twin's settings have"""
    hints = get_type_hints(vendor(name).credentials)
    return [
        key
        for key in simulator(name).SETTINGS["credentials"]
        if Secret in getattr(hints[key], "__args__", (hints[key],))
    ]


def sign_ins(name: str, api: Api) -> int:
    """How many requests for a token a twin got"""
    at, auth = site(name), vendor(name).auth
    asked: list[Request | None] = [auth.sign_in(at), auth.renew(at, TOKEN)]
    paths = {request.path for request in asked if request is not None}
    return sum(1 for received in api.worlds[name].received if received.path in paths)


async def refused(api: Api, listing: Listing) -> str:
    """All that is said where the only source refuses us"""
    answered = await api.ask(listing.query("id"), filter=window())
    (error,) = answered.errors
    assert error["extensions"]["code"] == "REFUSED", error
    return json.dumps([answered.data, answered.errors])


@each_vendor
def test_wrong_credentials_are_not_tried_again_and_never_shown(name: str) -> None:
    wrong = {
        **simulator(name).SETTINGS["credentials"],
        **dict.fromkeys(secrets(name), "not-the-right-one-7781"),
    }

    async def work() -> None:
        async with around(brisk(name, credentials=wrong)) as api:
            for asked, listing in enumerate((CALLS, LOGS, LEGS, CALLS), 1):
                if asked == 4:
                    api.clock.advance(86_400)
                said = await refused(api, listing)
                assert not any(wrong[key] in said for key in secrets(name))
                # A token is asked for once; what has no token is asked once for each question.
                assert len(api.worlds[name].received) == (1 if name in WITH_TOKEN else asked)

    asyncio.run(work())


@with_token
def test_a_token_that_ends_in_the_middle_of_a_list_is_renewed_once(bench: Bench, name: str) -> None:
    expected = [entry["id"] for entry in bench.whole(name, CALLS)]
    query = (
        "query($filter: CallFilter, $after: String) { page: callRecords(first: 9, after: $after, "
        "filter: $filter) { nodes { id } complete pageInfo { hasNextPage endCursor } } }"
    )

    async def work() -> None:
        async with around(brisk(name, options=dict(SMALL[name]))) as api:
            ids: list[str] = []
            info: Mapping[str, Any] = {"hasNextPage": True, "endCursor": None}
            for place in range(len(expected)):
                page = (await api.good(query, filter=window(), after=info["endCursor"]))["page"]
                assert page["complete"]
                ids += [node["id"] for node in page["nodes"]]
                info = page["pageInfo"]
                if not info["hasNextPage"]:
                    break
                if place == 1:
                    assert sign_ins(name, api) == 1
                    api.clock.advance(4000)
            assert ids == expected
            assert sign_ins(name, api) == 2

    asyncio.run(work())


@with_token
def test_a_token_that_is_suddenly_forgotten_is_replaced_at_once(bench: Bench, name: str) -> None:
    expected = [entry["id"] for entry in bench.whole(name, CALLS)]

    async def work() -> None:
        async with around(brisk(name)) as api:
            received = api.worlds[name].received

            async def ask() -> int:
                """how many requests for lists a question cost"""
                before = len(received)
                page = (await api.good(CALLS.query("id"), filter=window()))["page"]
                assert [node["id"] for node in page["nodes"]] == expected
                return sum(1 for request in received[before:] if LISTS[name] in request.path)

            await ask()
            usual, signed_in = await ask(), sign_ins(name, api)
            api.worlds[name].fault("expire", path=LISTS[name])
            # Only the request that met the old token is sent again.
            assert await ask() == usual + 1
            # What renews a token may be forgotten with it.
            assert sign_ins(name, api) - signed_in in (1, 2)
            assert await ask() == usual

    asyncio.run(work())


@each_vendor
def test_a_token_is_given_back_where_there_is_a_way_to(name: str) -> None:
    async def work() -> None:
        async with around(brisk(name)) as api:
            await api.good(CALLS.query("id"), filter=window())
            before = len(api.worlds[name].received)
        later = [received.path for received in api.worlds[name].received[before:]]
        assert later == ([GIVEN_BACK[name]] if name in GIVEN_BACK else [])

    asyncio.run(work())


# ---------------------------------------------------------------- one flight


@each_vendor
@calls_and_logs
def test_equal_questions_at_one_time_cost_one_set_of_requests(
    bench: Bench, name: str, listing: Listing
) -> None:
    expected = [entry["id"] for entry in bench.whole(name, listing)[:9]]
    api = bench.api(name, small=True)
    query = listing.query("id talkSeconds", first=9)

    async def cost(times: int) -> int:
        before = len(api.worlds[name].received)
        answers = await asyncio.gather(*(api.good(query, filter=window()) for _ in range(times)))
        for answer in answers:
            assert [node["id"] for node in answer["page"]["nodes"]] == expected
        return len(api.worlds[name].received) - before

    bench.run(cost(1))  # signed in
    assert bench.run(cost(5)) == bench.run(cost(1)) > 0
