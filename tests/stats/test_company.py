"""A small company, every figure worked out on paper, through each vendor alone and all together.

The ten calls are in `small.py`. Inbound: answered after 10 s (100 s of talk) and after 30 s (50 s),
one that rang out after 25 s, two given up after 15 s and 60 s (5 s of menu and 10 s or 55 s of
queue), one that a mailbox took after 20 s (30 s of message). Outbound: answered after 5 s (61 s),
busy, failed. Internal: answered after 4 s (20 s).
"""

from __future__ import annotations

from typing import Any

import pytest

from graph.sources import vendor as vendor_manifest
from graph.sources import vendor_names
from tests.stats.small import ANNA, CALLS, KURT, ROSA, WINDOW, at, call
from tests.support import Api, product, run

FIELDS = """
  complete legsFolded offered answered unanswered busy failed abandoned voicemail unknown
  talkSeconds
  asr: answerSeizureRatio { value numerator denominator sampleSize definition { standard } }
  ner: networkEffectivenessRatio { numerator denominator }
  acd: averageCallDuration { value sampleSize }
  asa: averageSpeedOfAnswer { value sampleSize }
  abandonRate { numerator denominator reason }
  short: abandonRate(shortAbandonSeconds: 20) { numerator denominator excluded { reason count } }
  serviceLevel { numerator denominator reason }
  traffic { value numerator denominator sampleSize }
  peakConcurrency { value since }
  fixed: busyHour { value since until }
  sliding: busyHour(kind: SLIDING) { value since until }
  missedNotReturned(withinMinutes: 60) { value sampleSize }
  soon: missedNotReturned(withinMinutes: 31) { value sampleSize }
  shortCallRatio(seconds: 60) { numerator denominator }
  exact: minutesOfUse { value }
  minutes: minutesOfUse(rounding: MINUTE_UP) { value }
  sixes: minutesOfUse(rounding: SIX_SECONDS_UP) { value }
  thirtySix: minutesOfUse(rounding: THIRTY_THEN_SIX) { value }
  byDirection { direction offered answered voicemail }
  topCallers(first: 1) { entries { value calls answered } }
"""

# What every vendor that tells of all ten calls, queues and mailboxes makes of them.
PAPER: dict[str, Any] = {
    "offered": 10,
    "answered": 4,  # two inbound, one outbound, one internal
    "unanswered": 1,
    "busy": 1,
    "failed": 1,
    "abandoned": 2,
    "voicemail": 1,
    "unknown": 0,
    "talkSeconds": 100 + 50 + 61 + 20,
    "asr": (4, 10),
    "ner": (9, 10),  # all but the failed one
    "acd": (231 / 4, 4),
    "asa": ((10 + 30) / 2, 2),
    "abandonRate": (2, 6),
    "short": (1, 5),  # without the one given up after 15 s
    "serviceLevel": (1, 6),  # 10 s is in time, 30 s is not
    # 110 + 80 + 25 + 15 + 60 inbound, 66 outbound, 24 internal, 20 + 30 in the mailbox
    "traffic": 430,
    "peakConcurrency": 2,  # the second call begins while the first goes on
    "fixed": ((110 + 80 + 25 + 15 + 60 + 66) / 3600, "2026-03-02T09:00:00Z"),
    "sliding": ((110 + 80 + 25 + 15 + 60 + 66) / 3600, "2026-03-02T08:45:00Z"),
    # Paul is called back after 30 min, Rosa after 30 and not again, Kurt after 50.
    "missedNotReturned": (1, 4),
    "soon": (2, 4),
    "shortCallRatio": (2, 4),
    "exact": 231 / 60,
    "minutes": 2 + 1 + 2 + 1,
    "sixes": (17 + 9 + 11 + 4) / 10,
    "thirtySix": (17 + 9 + 11 + 5) / 10,
}

# Where a vendor's data differs, and why.
DIFFERS: dict[str, dict[str, Any]] = {
    "portsip": {},
    "yeastar": {},
    "voicenter": {},
    # It tells of no internal calls and of no mailboxes: what one took is among the unanswered,
    # and does not tell how long the message was.
    "vcclive": {
        "offered": 9, "answered": 3, "unanswered": 2, "voicemail": None, "talkSeconds": 211,
        "asr": (3, 9), "ner": (8, 9), "acd": (211 / 3, 3), "traffic": 430 - 24,
        "shortCallRatio": (1, 3), "exact": 211 / 60, "minutes": 5, "sixes": 3.7, "thirtySix": 3.7,
    },
    # It tells of no queues: what was given up there is among the unanswered. A mailbox is told
    # like a person (after 20 s, so in time, 30 s of talk). Of calls that nobody answered it tells
    # no end.
    "voipnow": {
        "answered": 5, "unanswered": 3, "abandoned": None, "voicemail": None, "talkSeconds": 261,
        "asr": (5, 10), "acd": (261 / 5, 5), "asa": (20, 3), "abandonRate": (None, 0),
        "short": (None, 0), "serviceLevel": (2, 6), "traffic": 110 + 80 + 66 + 24 + 50,
        "fixed": ((110 + 80 + 66) / 3600, "2026-03-02T09:00:00Z"),
        "sliding": ((110 + 80 + 66) / 3600, "2026-03-02T08:45:00Z"),
        "missedNotReturned": (0, 3), "soon": (1, 3), "shortCallRatio": (3, 5), "exact": 261 / 60,
        "minutes": 7, "sixes": 4.6, "thirtySix": 4.7,
    },
}  # fmt: skip
RATIOS = ("asr", "ner", "abandonRate", "short", "serviceLevel", "shortCallRatio")
AVERAGES = ("acd", "asa", "missedNotReturned", "soon")
VALUES = ("exact", "minutes", "sixes", "thirtySix", "peakConcurrency")


async def ask(api: Api, fields: str = FIELDS, arguments: str = "", **more: Any) -> Any:
    data = await api.good(
        f"query($f: CallFilter!) {{ stats(filter: $f{arguments}) {{ {fields} }} }}",
        f={**WINDOW, **more},
    )
    return data["stats"]


def as_worked_out(stats: Any) -> dict[str, Any]:
    """the answer in the shape of PAPER"""
    found = {name: stats[name] for name in PAPER if not isinstance(stats[name], dict)}
    for name in RATIOS:
        found[name] = (stats[name]["numerator"], stats[name]["denominator"])
    for name in AVERAGES:
        found[name] = (stats[name]["value"], stats[name]["sampleSize"])
    for name in VALUES:
        found[name] = stats[name]["value"]
    for name in ("fixed", "sliding"):
        found[name] = (stats[name]["value"], stats[name]["since"])
    found["traffic"] = stats["traffic"]["numerator"]
    return found


def rounded(figures: Any) -> Any:
    """the same with nine decimals, so that thirds compare"""
    if isinstance(figures, dict):
        return {name: rounded(value) for name, value in figures.items()}
    if isinstance(figures, tuple):
        return tuple(rounded(value) for value in figures)
    return round(figures, 9) if isinstance(figures, float) else figures


@pytest.mark.parametrize("vendor", vendor_names())
def test_every_figure_is_what_was_worked_out_on_paper(vendor: str) -> None:
    async def work() -> None:
        async with product(vendor, calls=CALLS) as api:
            stats = await ask(api)
            assert rounded(as_worked_out(stats)) == rounded({**PAPER, **DIFFERS[vendor]})
            assert stats["complete"]
            assert stats["traffic"]["denominator"] == 86_400
            assert stats["asr"]["definition"]["standard"].startswith("ITU-T E.411, E.425")
            answered = 2 if vendor == "voipnow" else 1
            assert stats["topCallers"]["entries"] == [
                {"value": "+493012345601", "calls": 3, "answered": answered}
            ]

    run(work)


QUEUED = [
    call(1, at("09:00:00"), "inbound", ROSA, ANNA, menu=5, queue=20, ring=8, talk=40),
    call(2, at("09:10:00"), "inbound", KURT, ANNA, ring=10, talk=40),
]
"""one call that a person answered after a menu and a queue, and one after 10 s of ringing"""


@pytest.mark.parametrize(
    ("vendor", "untold"),
    [("vcclive", None), ("voipnow", None), ("yeastar", None),
     ("portsip", "PortSIP tells when a menu or a queue picked up, not when a person did."),
     ("voicenter", "its phone system tells none for this call")],
)  # fmt: skip
def test_a_queue_that_picks_up_is_no_answer(vendor: str, untold: str | None) -> None:
    """The caller of the first call waited 25 s for a person, or nobody can tell how long."""

    async def work() -> None:
        async with product(vendor, calls=QUEUED) as api:
            fields = "value sampleSize excluded { reason count }"
            stats = await ask(
                api,
                f"answered asa: averageSpeedOfAnswer {{ {fields} }} "
                f"level: serviceLevel(seconds: 24) {{ {fields} }}",
            )
            excluded = [] if untold is None else [{"reason": untold, "count": 1}]
            waits = [25, 10] if untold is None else [10]
            assert stats["answered"] == 2
            assert stats["asa"] == {
                "value": sum(waits) / len(waits), "sampleSize": len(waits), "excluded": excluded,
            }  # fmt: skip
            assert stats["level"] == {
                "value": 1 / len(waits), "sampleSize": len(waits), "excluded": excluded,
            }  # fmt: skip

    run(work)


def test_all_systems_together_are_the_sums_of_each_and_ratios_of_the_sums() -> None:
    async def work() -> None:
        async with product(*vendor_names(), calls=CALLS) as api:
            stats = await ask(api)
            each = [{**PAPER, **DIFFERS[vendor]} for vendor in vendor_names()]
            for name in ("offered", "answered", "unanswered", "busy", "failed", "talkSeconds"):
                assert stats[name] == sum(one[name] for one in each)
            for name in RATIOS:
                above = sum(one[name][0] or 0 for one in each)
                below = sum(one[name][1] for one in each)
                assert (stats[name]["numerator"], stats[name]["denominator"]) == (above, below)
            assert stats["asr"]["value"] == pytest.approx((4 + 4 + 4 + 3 + 5) / (4 * 10 + 9))
            talk = sum(one["talkSeconds"] for one in each)
            answered = sum(one["answered"] for one in each)
            assert stats["acd"]["value"] == pytest.approx(talk / answered)
            # PortSIP tells parts of a second, so its second call begins after the others'.
            assert stats["peakConcurrency"]["value"] == 10
            assert stats["traffic"]["numerator"] == 430 * 3 + 406 + 330
            # A call back from any system returns a call missed on any other.
            assert stats["missedNotReturned"] == {"value": 4, "sampleSize": 4 * 4 + 3}

    run(work)


def test_each_variant_of_the_service_level_on_one_example() -> None:
    """In time is 20 s: answered after 10 s and 30 s, given up after 15 s and 60 s, two others."""

    async def work() -> None:
        async with product("yeastar", calls=CALLS) as api:
            levels = {
                variant: f"{variant}: serviceLevel(seconds: 20, variant: {variant}, "
                "shortAbandonSeconds: 15) { value numerator denominator arguments { name value } }"
                for variant in (
                    "OF_ANSWERED", "OF_OFFERED", "OF_OFFERED_LESS_ABANDONED", "WITH_ABANDONED",
                    "WITH_ABANDONED_LESS_SHORT",
                )
            }  # fmt: skip
            stats = await ask(api, " ".join(levels.values()))
            found = {name: (level["numerator"], level["denominator"])
                     for name, level in stats.items()}  # fmt: skip
            assert found == {
                "OF_ANSWERED": (1, 2),
                "OF_OFFERED": (1, 6),
                "OF_OFFERED_LESS_ABANDONED": (1, 5),
                "WITH_ABANDONED": (2, 6),
                "WITH_ABANDONED_LESS_SHORT": (1, 5),
            }
            assert stats["OF_ANSWERED"]["arguments"] == [
                {"name": "seconds", "value": "20"},
                {"name": "variant", "value": "OF_ANSWERED"},
                {"name": "shortAbandonSeconds", "value": "15"},
            ]
            # With a limit below one of two given up in time, all five differ.
            five = await ask(
                api,
                " ".join(
                    text.replace("seconds: 20", "seconds: 60").replace("15)", "20)")
                    for text in levels.values()
                ),
            )
            assert [round(level["value"], 3) for level in five.values()] == [
                1.0,  # 2 of 2
                0.333,  # 2 of 6
                0.5,  # 2 of 4
                0.667,  # 4 of 6
                0.6,  # 3 of 5
            ]

    run(work)


def test_variants_that_do_not_ask_who_gave_up_include_systems_that_cannot_tell() -> None:
    """VoipNow tells of three inbound calls answered after 10, 20 and 30 s, and of three not."""

    async def work() -> None:
        fields = " ".join(
            f"{variant}: serviceLevel(variant: {variant}) "
            "{ numerator denominator reason excluded { reason count } }"
            for variant in ("OF_ANSWERED", "OF_OFFERED", "WITH_ABANDONED")
        )
        async with product("voipnow", "yeastar", calls=CALLS) as api:
            stats = await ask(
                api, f"{fields} groups {{ keys {{ value }} {fields} }}", ", groupBy: [SOURCE]"
            )
            alone, both = stats["groups"][0], stats
            found = {name: (figure["numerator"], figure["denominator"])
                     for name, figure in alone.items() if name != "keys"}  # fmt: skip
            assert found == {
                "OF_ANSWERED": (2, 3), "OF_OFFERED": (2, 6), "WITH_ABANDONED": (None, 0),
            }  # fmt: skip
            assert alone["OF_OFFERED"]["excluded"] == []
            assert (
                alone["WITH_ABANDONED"]["reason"] == both["WITH_ABANDONED"]["excluded"][0]["reason"]
            )
            assert both["WITH_ABANDONED"]["excluded"] == [
                {"reason": alone["WITH_ABANDONED"]["reason"], "count": 6}
            ]
            assert both["WITH_ABANDONED"]["denominator"] == 6
            assert both["OF_OFFERED"]["denominator"] == 12

    run(work)


def test_what_a_vendor_cannot_tell_is_null_with_its_reason_and_never_zero() -> None:
    async def work() -> None:
        async with product("voipnow", "yeastar", calls=CALLS) as api:
            fields = """ringSeconds holdSeconds cost { amounts { amount } reason }
                abandoned averageRing { value reason sampleSize excluded { reason count } }
                caveats { figure reason count }"""
            stats = await ask(
                api, f"{fields} groups {{ keys {{ value }} {fields} }}", ", groupBy: [SOURCE]"
            )
            assert [group["keys"][0]["value"] for group in stats["groups"]] == [
                "voipnow", "yeastar",
            ]  # fmt: skip
            group = stats["groups"][0]
            why = "VoipNow does not tell how long a call rang."
            assert (group["ringSeconds"], group["abandoned"]) == (None, None)
            assert group["averageRing"] == {
                "value": None,
                "reason": why,
                "sampleSize": 0,
                "excluded": [{"reason": why, "count": 10}],
            }
            assert {"figure": "ringSeconds", "reason": why, "count": 10} in group["caveats"]
            assert group["cost"] == {
                "amounts": None, "reason": "Costs are in another VoipNow API (SystemAPI).",
            }  # fmt: skip
            assert stats["abandoned"] == 2
            assert stats["holdSeconds"] is None
            assert stats["averageRing"]["sampleSize"] == 5

    run(work)


def test_currencies_are_told_apart() -> None:
    async def work() -> None:
        async with product(*vendor_names(), calls=CALLS) as api:
            stats = await ask(api, "cost { amounts { amount currency } sampleSize }")
            amounts = {m["currency"]: float(m["amount"]) for m in stats["cost"]["amounts"]}
            assert amounts == {None: 0.14, "EUR": 0.14, "ILS": 0.14}

    run(work)


def test_costs_that_take_a_request_each_are_asked_only_if_selected_and_if_they_fit() -> None:
    async def work() -> None:
        async with product("portsip", calls=CALLS) as api:
            await ask(api, "offered talkSeconds")
            assert api.requests("portsip", "/api/cdrs/") == 0
            assert api.requests("portsip", "/api/cdrs") == 1
            await ask(api, "cost { amounts { amount } }")
            assert api.requests("portsip", "/api/cdrs/") == 10
            stats = await ask(
                api,
                "offered cost { amounts { amount } reason excluded { count } }",
                ", options: {maxRequests: 6}",
            )
            assert stats["offered"] == 10
            assert stats["cost"]["amounts"] is None
            assert "no more than 5" in stats["cost"]["reason"]
            assert stats["cost"]["excluded"] == [{"count": 10}]
            assert api.requests("portsip", "/api/cdrs/") == 10

    run(work)


def test_only_the_fields_of_the_selected_figures_are_asked_of_a_vendor() -> None:
    async def work() -> None:
        async with product("voipnow", calls=CALLS) as api:
            await ask(api, "offered")
            asked = api.worlds["voipnow"].received[-1].query
            assert "owner" not in asked
            assert "link" not in asked
            answered = await api.ask(
                "query($f: CallFilter!, $o: AskOptions!) "
                "{ stats(filter: $f, options: $o) { offered } }",
                o={"explain": True},
                f=WINDOW,
            )
            plan = answered.extensions["plan"][0]
            assert plan["field"] == "stats"
            assert "caller.number" not in plan["sources"][0]["fields"]

    run(work)


def test_vendors_own_figures_stand_beside_the_computed_ones() -> None:
    async def work() -> None:
        async with product("voipnow", "yeastar", calls=CALLS) as api:
            counts = "{ total answered unanswered busy failed unknown unallowed }"
            own = (
                f"{{ source {{ id }} type counted {counts} computed {counts} difference {counts} "
                "note }"
            )
            bounds = 'savedSince: "2026-03-02T09:35:00Z", savedUntil: "2026-03-02T10:00:00Z"'
            stats = await ask(api, f"native {own} part: native({bounds}) {own}")
            inbound, outbound = stats["native"]
            assert (inbound["source"]["id"], inbound["type"]) == ("voipnow", "INBOUND")
            assert inbound["counted"] == {
                "total": 6, "answered": 3, "unanswered": 3, "busy": 0, "failed": 0, "unknown": 0,
                "unallowed": 0,
            }  # fmt: skip
            assert inbound["computed"] == inbound["counted"]
            assert outbound["computed"] == {
                "total": 3, "answered": 1, "unanswered": 0, "busy": 1, "failed": 1, "unknown": 0,
                "unallowed": 0,
            }  # fmt: skip
            assert set(inbound["difference"].values()) == {0}
            assert "stored or answered" in inbound["note"]
            part = {row["type"]: row for row in stats["part"]}
            assert part["OUTBOUND"]["counted"]["total"] == 2
            assert part["OUTBOUND"]["difference"]["total"] == 2 - 3
            assert api.requests("voipnow", "/cdr/stats") == 2
            assert api.requests("yeastar", "stats") == 0

    run(work)


def test_vendors_own_figures_that_cannot_be_had_are_null_and_leave_the_rest() -> None:
    async def work() -> None:
        async with product("voipnow", calls=CALLS) as api:
            api.worlds["voipnow"].fault("status", status=400, path="stats", times=-1)
            answered = await api.ask(
                "query($f: CallFilter!) { stats(filter: $f) { offered native { type } } }",
                f=WINDOW,
            )
            assert answered.data["stats"] == {"offered": 10, "native": [None]}
            [error] = answered.errors
            assert error["path"] == ["stats", "native", 0]
            assert error["extensions"]["code"] == "REJECTED"

    run(work)


def test_legs_can_be_counted_and_calls_say_how_many_legs_were_folded() -> None:
    async def work() -> None:
        async with product("yeastar", calls=CALLS) as api:
            calls = await ask(api, "unit offered legsFolded")
            legs = await ask(api, "unit offered legsFolded", ", unit: LEG")
            told = sum(len(call.legs) for call in CALLS)
            assert calls == {"unit": "CALL", "offered": 10, "legsFolded": told}
            assert legs == {"unit": "LEG", "offered": told, "legsFolded": 0}

    run(work)


def test_filters_test_the_folded_call() -> None:
    async def work() -> None:
        async with product("yeastar", calls=CALLS) as api:
            lost = await ask(api, "offered legsFolded", disposition=["ABANDONED"])
            assert lost == {"offered": 2, "legsFolded": 4}
            long = await ask(api, "offered", talkSeconds={"min": 60})
            assert long == {"offered": 2}

    run(work)


def test_several_keys_group_by_each_combination_that_occurs() -> None:
    async def work() -> None:
        async with product("portsip", calls=CALLS) as api:
            stats = await ask(
                api,
                "offered groups { keys { key value label } offered }",
                ", groupBy: [DIRECTION, COUNTRY, HOUR_OF_DAY, WEEKDAY]",
            )
            found = {
                tuple(key["value"] for key in group["keys"]): group["offered"]
                for group in stats["groups"]
            }
            assert found == {
                ("INBOUND", "DE", "09", "1"): 5,
                ("INBOUND", "DE", "10", "1"): 1,
                ("INTERNAL", None, "10", "1"): 1,
                ("OUTBOUND", "DE", "09", "1"): 2,
                ("OUTBOUND", "DE", "10", "1"): 1,
            }
            assert stats["groups"][0]["keys"][3]["label"] == "Monday"

    run(work)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("QUEUE", {"Sales": 2, None: 8}),
        ("EXTENSION", {"2001": 4, "2002": 4, None: 2}),
        ("TRUNK", {"berlin-sip": 9, None: 1}),
        ("DID", {"+493022610100": 6, None: 4}),
        ("VENDOR", {"yeastar": 10}),
        ("DISPOSITION", {"ANSWERED": 4, "NO_ANSWER": 1, "ABANDONED": 2, "BUSY": 1, "FAILED": 1,
                         "VOICEMAIL": 1}),
    ],
)  # fmt: skip
def test_keys_of_a_call(key: str, expected: dict[str | None, int]) -> None:
    async def work() -> None:
        async with product("yeastar", calls=CALLS) as api:
            stats = await ask(api, "groups { keys { value } offered }", f", groupBy: [{key}]")
            found = {g["keys"][0]["value"]: g["offered"] for g in stats["groups"]}
            assert found == expected

    run(work)


def test_every_figure_has_its_definition() -> None:
    async def work() -> None:
        async with product("yeastar", calls=CALLS) as api:
            stats = await ask(
                api, "offered queueSeconds serviceLevel { definition { figure formula numerator "
                "denominator } } definitions { figure name formula standard numerator }"
            )  # fmt: skip
            told = {d["figure"]: d for d in stats["definitions"]}
            assert set(told) == {"offered", "queueSeconds", "serviceLevel"}
            assert all(all(d.values()) for d in told.values())
            assert stats["serviceLevel"]["definition"]["denominator"]

    run(work)


@pytest.mark.parametrize("vendor", vendor_names())
def test_a_vendor_never_tells_an_end_that_it_declares_untold(vendor: str) -> None:
    manifest = vendor_manifest(vendor)
    for resource in (manifest.records, manifest.logs):
        if resource is not None:
            assert all(why.endswith(".") for why in resource.untold.values())
    untold = {kind.value for kind in (manifest.records or manifest.logs).untold}

    async def work() -> None:
        async with product(vendor, count=300) as api:
            stats = await ask(
                api, "groups { keys { value } }", ", groupBy: [DISPOSITION]",
                since="2026-02-01T00:00:00Z", until="2026-03-04T12:00:00Z",
            )  # fmt: skip
            told = {group["keys"][0]["value"] for group in stats["groups"]}
            assert len(told) > 3
            assert not told & untold

    run(work)
