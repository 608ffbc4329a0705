"""Spans of time in a zone: days of 23 and 25 hours, half hours, weeks, and what is read by them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.sources.convert import country
from graph.stats.groups import Calendar
from graph.types.stats import StatsKey
from tests.stats.small import ANNA, ROSA, at, call
from tests.support import Clock, product, run

CHANGES = [
    ("Europe/Berlin", "2026-03-29", 23),
    ("Europe/Berlin", "2026-10-25", 25),
    ("America/New_York", "2026-03-08", 23),
    ("America/New_York", "2026-11-01", 25),
    ("Asia/Kolkata", "2026-03-29", 24),
    ("Asia/Kathmandu", "2026-03-29", 24),
    ("Australia/Lord_Howe", "2026-04-05", 24.5),
    ("Australia/Lord_Howe", "2026-10-04", 23.5),
]


@pytest.mark.parametrize(("zone", "day", "hours"), CHANGES)
def test_a_day_with_a_change_of_clocks_has_the_hours_it_has(
    zone: str, day: str, hours: float
) -> None:
    """One call at each quarter of the day, and of the hour before and after it."""
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    end = begin + timedelta(hours=hours)
    quarters = int(hours * 4)
    calls = [
        call(n + 9, begin + timedelta(minutes=15 * n), "inbound", ROSA, ANNA, ring=5, talk=10)
        for n in range(-4, quarters + 4)
    ]
    clock = Clock(end + timedelta(days=2))

    async def work() -> None:
        async with product("yeastar", calls=calls, clock=clock) as api:
            answer: dict[str, Any] = {}
            for key in ("DAY", "HOUR", "QUARTER_HOUR", "HOUR_OF_DAY"):
                data = await api.good(
                    f"query($f: CallFilter!, $z: String!) {{ stats(filter: $f, groupBy: [{key}], "
                    "timeZone: $z) { offered groups { keys { value since until } offered "
                    "traffic { denominator } } } }",
                    f={"since": begin.isoformat(), "until": end.isoformat()},
                    z=zone,
                )
                answer[key] = data["stats"]["groups"]
            [whole] = answer["DAY"]
            assert whole["keys"][0]["value"] == day
            since, until = (
                datetime.fromisoformat(whole["keys"][0][name]) for name in ("since", "until")
            )
            assert (since, until) == (begin, end)
            assert whole["offered"] == quarters
            assert whole["traffic"]["denominator"] == hours * 3600
            spans = [
                (datetime.fromisoformat(g["keys"][0]["since"]),
                 datetime.fromisoformat(g["keys"][0]["until"]))
                for g in answer["HOUR"]
            ]  # fmt: skip
            assert len(answer["HOUR"]) == -(-hours // 1)
            assert min(spans)[0] == begin
            assert all(b == c for (_, b), (c, _) in pairwise(sorted(spans)))
            for group, (one, other) in zip(answer["HOUR"], spans, strict=True):
                assert group["offered"] * 900 == (other - one).total_seconds()
                assert group["traffic"]["denominator"] == (other - one).total_seconds()
            assert [g["offered"] for g in answer["QUARTER_HOUR"]] == [1] * quarters
            # An hour that comes twice is one hour of the day; one that is skipped is none.
            by_hour = {g["keys"][0]["value"]: g for g in answer["HOUR_OF_DAY"]}
            assert sum(g["offered"] for g in by_hour.values()) == quarters
            for group in by_hour.values():
                assert group["traffic"]["denominator"] == group["offered"] * 900

    run(work)


def test_hours_begin_where_the_zone_has_them() -> None:
    calls = [
        call(minute, at(f"09:{minute}:00"), "inbound", ROSA, ANNA, talk=10) for minute in (20, 40)
    ]

    async def work() -> None:
        async with product("voicenter", calls=calls) as api:
            data = await api.good(
                '{ stats(filter: {since: "2026-03-02T00:00:00Z", until: "2026-03-03T00:00:00Z"}, '
                'groupBy: [HOUR], timeZone: "Asia/Kolkata") '
                "{ groups { keys { value since } offered } busyHour { since } } }"
            )
            assert [
                (g["keys"][0]["value"], g["keys"][0]["since"]) for g in data["stats"]["groups"]
            ] == [
                ("2026-03-02T14:00:00+05:30", "2026-03-02T08:30:00Z"),
                ("2026-03-02T15:00:00+05:30", "2026-03-02T09:30:00Z"),
            ]
            assert data["stats"]["busyHour"]["since"] == "2026-03-02T08:30:00Z"

    run(work)


@pytest.mark.parametrize(
    ("key", "moment", "value", "since"),
    [
        (StatsKey.WEEK, "2026-01-01T00:00:00+01:00", "2026-W01", "2025-12-28T23:00:00+00:00"),
        (StatsKey.WEEK, "2027-01-03T23:59:00+01:00", "2026-W53", "2026-12-27T23:00:00+00:00"),
        (StatsKey.MONTH, "2026-03-31T23:45:00+02:00", "2026-03", "2026-02-28T23:00:00+00:00"),
        (StatsKey.HOUR, "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+02:00",
         "2026-10-25T00:00:00+00:00"),
        (StatsKey.HOUR, "2026-10-25T02:30:00+01:00", "2026-10-25T02:00:00+01:00",
         "2026-10-25T01:00:00+00:00"),
    ],
)  # fmt: skip
def test_spans_are_named_by_iso_8601(key: StatsKey, moment: str, value: str, since: str) -> None:
    at = datetime.fromisoformat(moment)
    bucket = Calendar(ZoneInfo("Europe/Berlin")).bucket(key, int(at.timestamp()) // 900)
    assert bucket.value == value
    assert bucket.since == datetime.fromisoformat(since)


zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe",
     "America/Havana", "America/Santiago", "Africa/Cairo", "Pacific/Apia", "Asia/Tehran"]
)  # fmt: skip
spans = st.sampled_from([StatsKey.QUARTER_HOUR, StatsKey.HOUR, StatsKey.DAY, StatsKey.WEEK,
                         StatsKey.MONTH])  # fmt: skip


@given(zone=zones, key=spans, quarter=st.integers(1_100_000, 2_300_000))
def test_every_quarter_lies_in_its_span_and_spans_follow_each_other(
    zone: str, key: StatsKey, quarter: int
) -> None:
    calendar = Calendar(ZoneInfo(zone))
    bucket = calendar.bucket(key, quarter)
    at = datetime.fromtimestamp(quarter * 900, UTC)
    assert bucket.since is not None
    assert bucket.until is not None
    assert bucket.since <= at < bucket.until
    following = calendar.bucket(key, int(bucket.until.timestamp()) // 900)
    assert following.since == bucket.until
    assert following.value != bucket.value
    assert calendar.bucket(key, int(bucket.since.timestamp()) // 900) == bucket


@pytest.mark.parametrize(
    ("number", "expected"),
    [("+493012345678", "DE"), ("+97237219000", "IL"), ("+442055500317", "GB"),
     ("+12125550100", "US"), ("+14165550100", "CA"), (None, None), ("6201", None)],
)  # fmt: skip
def test_countries_come_from_international_numbers(
    number: str | None, expected: str | None
) -> None:
    assert country(number) == expected
