"""Laws of statistics, over random companies: against an oracle, and against themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from graph.sources import company, vendor_names
from tests.gather.test_pages import CASES, history, known_to, laws, vendors
from tests.support import NOW, Api, Clock, product, run

some = settings(laws, max_examples=max(6, CASES // 4))
"""each case asks whole products several times over"""

SINCE = NOW - timedelta(days=6)
UNTIL = NOW - timedelta(hours=4)

COUNTS = (
    "offered", "answered", "unanswered", "busy", "failed", "notAllowed", "abandoned", "voicemail",
    "unknown", "talkSeconds", "ringSeconds", "queueSeconds",
)  # fmt: skip
SUMS = f"""{" ".join(COUNTS)} traffic {{ numerator }} cost {{ amounts {{ amount currency }} }}
    minutesOfUse(rounding: MINUTE_UP) {{ numerator }}"""


async def ask(api: Api, fields: str, since: datetime, until: datetime, arguments: str = "") -> Any:
    data = await api.good(
        f"query($f: CallFilter!) {{ stats(filter: $f{arguments}) {{ {fields} }} }}",
        f={"since": since.isoformat(), "until": until.isoformat()},
    )
    return data["stats"]


def sums(stats: Any) -> Counter[str]:
    """everything in an answer to SUMS that can be added"""
    found: Counter[str] = Counter()
    for name in COUNTS:
        found[name] += stats[name] or 0
    found["traffic"] = round(stats["traffic"]["numerator"] or 0, 5)
    found["minutes"] = stats["minutesOfUse"]["numerator"] or 0
    for money in stats["cost"]["amounts"] or []:
        found[f"cost {money['currency']}"] = Decimal(money["amount"])  # type: ignore[assignment]
    return found


def added(*parts: Counter[str]) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in parts:
        for name, value in part.items():
            total[name] += value
    return rounded(total)


def rounded(figures: Counter[str]) -> Counter[str]:
    return Counter({name: round(value, 4) for name, value in figures.items() if value})


@some
@given(
    sources=vendors,
    seed=st.integers(0, 10_000),
    count=st.integers(0, 60),
    days=st.sampled_from([0.05, 1.0, 5.0]),
    share=st.floats(0.05, 0.95),
)
def test_two_windows_add_up_to_both_and_groups_to_the_whole(
    sources: list[str], seed: int, count: int, days: float, share: float
) -> None:
    calls = history(seed, count, days)
    first = UNTIL - timedelta(days=days)
    middle = (first + (UNTIL - first) * share).replace(microsecond=0)

    async def work() -> None:
        async with product(*sources, calls=calls, clock=Clock()) as api:
            keys = ", groupBy: [SOURCE, DIRECTION, HOUR]"
            whole = await ask(api, f"{SUMS} complete groups {{ {SUMS} }}", SINCE, UNTIL, keys)
            parts = [
                await ask(api, SUMS, SINCE, middle),
                await ask(api, SUMS, middle, UNTIL),
            ]
            assert whole["complete"]
            assert added(*map(sums, parts)) == rounded(sums(whole))
            assert added(*map(sums, whole["groups"])) == rounded(sums(whole))
            kinds = COUNTS[1:9]
            assert sum(whole[kind] or 0 for kind in kinds) == whole["offered"]

    run(work)


def overlap(call: company.Call, since: datetime, until: datetime) -> float:
    """seconds of a call within a span, by the truth"""
    begin, end = max(call.started_at, since), min(call.ended_at, until)
    return max(0.0, (end - begin).total_seconds())


def most_at_once(calls: list[company.Call], since: datetime, until: datetime) -> int:
    inside = [(max(c.started_at, since), min(c.ended_at, until)) for c in calls]
    inside = [(a, b) for a, b in inside if a < b]
    return max((sum(1 for c, d in inside if c <= a < d) for a, _ in inside), default=0)


@some
@given(
    sources=st.lists(st.sampled_from(["vcclive", "voicenter"]), min_size=1, unique=True),
    seed=st.integers(0, 10_000),
    count=st.integers(0, 80),
    days=st.sampled_from([0.02, 0.2, 3.0]),
)
def test_traffic_peaks_and_busy_hours_are_the_oracles(
    sources: list[str], seed: int, count: int, days: float
) -> None:
    """Over the vendors that tell the end of every call, in whole seconds."""
    calls = [c for c in history(seed, count, days) if c.outcome != "voicemail"]
    told = [c for source in sources for c in calls if known_to(source, c)]
    since, until = UNTIL - timedelta(days=days / 2), UNTIL

    async def work() -> None:
        async with product(*sources, calls=calls, clock=Clock()) as api:
            fields = "traffic { value numerator denominator } peakConcurrency { value }"
            stats = await ask(
                api,
                f"{fields} fixed: busyHour {{ value since until }} sliding: "
                f"busyHour(kind: SLIDING) {{ value }} groups {{ keys {{ since until }} {fields} }}",
                since,
                until,
                ", groupBy: [HOUR]",
            )
            seconds = sum(overlap(c, since, until) for c in told)
            assert round(stats["traffic"]["numerator"], 3) == seconds
            assert stats["traffic"]["denominator"] == (until - since).total_seconds()
            assert (stats["peakConcurrency"]["value"] or 0) == most_at_once(told, since, until)
            hours: dict[datetime, float] = {}
            for group in stats["groups"]:
                begin, end = (
                    datetime.fromisoformat(group["keys"][0][name]) for name in ("since", "until")
                )
                begin, end = max(begin, since), min(end, until)
                expected = sum(overlap(c, begin, end) for c in told)
                assert round(group["traffic"]["numerator"], 3) == expected
                assert group["traffic"]["denominator"] == (end - begin).total_seconds()
                assert (group["peakConcurrency"]["value"] or 0) == most_at_once(told, begin, end)
                hours[begin] = expected
            if seconds:
                assert round(stats["fixed"]["value"] * 3600, 3) == max(hours.values())
                quarter = since.replace(minute=0, second=0) - timedelta(hours=1)
                best = 0.0
                while quarter < until:
                    span = (max(quarter, since), min(quarter + timedelta(hours=1), until))
                    best = max(best, sum(overlap(c, *span) for c in told))
                    quarter += timedelta(minutes=15)
                assert round(stats["sliding"]["value"] * 3600, 3) == best

    run(work)


def ranked(values: Iterable[str | None], first: int) -> list[tuple[str, int]]:
    """the most frequent, equals by their value"""
    counted = Counter(value for value in values if value is not None)
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:first]


@some
@given(seed=st.integers(0, 10_000), count=st.integers(0, 120), first=st.sampled_from([1, 3, 50]))
def test_top_lists_of_every_kind_are_the_oracles(seed: int, count: int, first: int) -> None:
    """Through Yeastar, which tells of extensions, queues and trunks."""
    calls = history(seed, count, 5.0)
    reached = [c for c in calls if c.outcome != "abandoned"]
    expected = {
        "topCallers": ranked((c.caller.number for c in calls), first),
        "topCallees": ranked((c.callee.number for c in calls), first),
        "topExtensions": ranked(
            ((c.caller if c.direction == "outbound" else c.callee).number for c in reached), first
        ),
        "topQueues": ranked((c.queue.name for c in calls if c.queue), first),
        "topTrunks": ranked((c.trunk for c in calls), first),
    }

    async def work() -> None:
        async with product("yeastar", calls=calls, clock=Clock()) as api:
            fields = " ".join(
                f"{name}(first: {first}) {{ entries {{ value calls answered }} sampleSize }}"
                for name in expected
            )
            stats = await ask(api, f"offered {fields}", SINCE, UNTIL)
            found = {
                name: [(entry["value"], entry["calls"]) for entry in stats[name]["entries"]]
                for name in expected
            }
            assert found == expected
            assert stats["topCallers"]["sampleSize"] == stats["offered"] == len(calls)
            if first == 50:
                answered = sum(entry["answered"] for entry in stats["topCallers"]["entries"])
                assert answered == sum(c.answered for c in calls)

    run(work)


def rows_at_voicenter(call: company.Call) -> int:
    """It tells transferred calls, and every third answered outbound one (by click), in two rows"""
    by_click = call.direction == "outbound" and call.answered and call.number % 3 == 0
    return 2 if call.transferred or by_click else 1


@some
@given(
    vendor=st.sampled_from(["yeastar", "voicenter", "portsip"]),
    seed=st.integers(0, 10_000),
    count=st.integers(0, 60),
)
def test_legs_and_calls_agree_with_the_truth(vendor: str, seed: int, count: int) -> None:
    """Every leg that its vendor tells of is counted as a leg, and folded into one call."""
    calls = history(seed, count, 5.0)
    hops = sum(len(call.legs) for call in calls)
    legs = {"yeastar": hops, "portsip": hops, "voicenter": sum(map(rows_at_voicenter, calls))}[
        vendor
    ]
    folds = vendor != "portsip"  # it tells calls whole

    async def work() -> None:
        async with product(vendor, calls=calls, clock=Clock()) as api:
            fields = "offered legsFolded talkSeconds"
            whole = await ask(api, fields, SINCE, UNTIL)
            single = await ask(api, fields, SINCE, UNTIL, ", unit: LEG")
            assert whole["offered"] == len(calls)
            assert whole["legsFolded"] == (legs if folds else 0)
            assert single["offered"] == legs
            assert single["legsFolded"] == 0
            if vendor != "voicenter" and calls:
                assert whole["talkSeconds"] == sum(c.talk_seconds for c in calls)

    run(work)


@some
@given(
    seed=st.integers(0, 10_000), count=st.integers(0, 60), added_one=st.sampled_from(vendor_names())
)
def test_another_source_never_changes_a_sources_figures(
    seed: int, count: int, added_one: str
) -> None:
    calls = history(seed, count, 5.0)
    own = {"vendor": "yeastar", "id": "own"}
    keys = ", groupBy: [SOURCE]"
    fields = (
        f"groups {{ keys {{ value }} {SUMS} peakConcurrency {{ value since }} "
        "serviceLevel { value } partial: busyHour { value since partial } }"
    )

    async def work() -> None:
        async with product(own, calls=calls, clock=Clock()) as api:
            alone = await ask(api, fields, SINCE, UNTIL, keys)
        async with product(
            own, {"vendor": added_one, "id": "other"}, calls=calls, clock=Clock()
        ) as api:
            together = await ask(api, fields, SINCE, UNTIL, keys)
            mine = [g for g in together["groups"] if g["keys"][0]["value"] == "own"]
            assert mine == alone["groups"]
        async with product(
            {"vendor": added_one, "id": "other"}, own, calls=calls, clock=Clock()
        ) as api:
            api.worlds["other"].fault("status", status=500, times=-1)
            broken = await ask(api, f"complete {fields}", SINCE, UNTIL, keys)
            assert broken["groups"] == alone["groups"]
            assert not broken["complete"] or not calls

    run(work)


@some
@given(sources=vendors, seed=st.integers(0, 10_000), count=st.integers(0, 60))
def test_statistics_count_the_calls_that_a_list_shows(
    sources: list[str], seed: int, count: int
) -> None:
    calls = history(seed, count, 5.0)
    window = f'filter: {{since: "{SINCE.isoformat()}", until: "{UNTIL.isoformat()}"}}'

    async def work() -> None:
        patient = {"deadline_ms": 120_000}
        async with product(*sources, calls=calls, clock=Clock(), server=patient) as api:
            nodes = await api.pages("source { id } direction talkSeconds", window, first=50)
            stats = await ask(
                api,
                "offered talkSeconds legsFolded byDirection { direction offered } "
                "outcomes { source { id } records }",
                SINCE,
                UNTIL,
            )
            assert stats["offered"] == len(nodes)
            assert stats["offered"] == sum(known_to(s, c) for s in sources for c in calls)
            assert (stats["talkSeconds"] or 0) == sum(n["talkSeconds"] or 0 for n in nodes)
            ways = {d["direction"]: d["offered"] for d in stats["byDirection"]}
            assert ways == Counter(node["direction"] for node in nodes)
            told = {o["source"]["id"]: o["records"] for o in stats["outcomes"]}
            by_source = Counter(node["source"]["id"] for node in nodes)
            assert told == {source: by_source[source] for source in sources}
            if sources == ["yeastar"]:
                assert stats["legsFolded"] == sum(len(call.legs) for call in calls)

    run(work)


@some
@given(
    order=st.permutations(list(vendor_names())),
    seed=st.integers(0, 10_000),
    count=st.integers(0, 25),
    sizes=st.tuples(*[st.sampled_from([3, 7, 50])] * 2),
)
def test_the_order_of_reading_does_not_matter(
    order: list[str], seed: int, count: int, sizes: tuple[int, int]
) -> None:
    """Sources in any order, some in pages so small that they are read to their end last."""
    calls = history(seed, count, 1.0)
    keys = ", groupBy: [SOURCE, HOUR]"
    fields = (
        f"{SUMS} peakConcurrency {{ value since }} busyHour {{ value since }} "
        "serviceLevel { value } topCallers { entries { value text calls } } "
        "missedNotReturned { value } "
        f"groups {{ keys {{ value }} {SUMS} peakConcurrency {{ value since }} }}"
    )
    paged = dict(zip(("portsip", "vcclive"), sizes, strict=True))
    slow = [
        {"vendor": name, "options": {"page_size": paged[name]}} if name in paged else name
        for name in order
    ]

    async def work() -> None:
        async with product(*vendor_names(), calls=calls, clock=Clock()) as api:
            plain = await ask(api, fields, SINCE, UNTIL, keys)
        patient = {"stats_deadline_ms": 600_000}
        async with product(*slow, calls=calls, clock=Clock(), server=patient) as api:
            assert await ask(api, fields, SINCE, UNTIL, keys) == plain

    run(work)
