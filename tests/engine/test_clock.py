"""When reports run and what they look at: changed clocks, ends of months and years, odd zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.engine.definition import window
from graph.types.report_words import CallReportPreset as Preset
from tests.engine.test_kept import DAILY

ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo",
         "Pacific/Apia", "America/New_York", "Asia/Kathmandu")  # fmt: skip
COUNTED = [one for one in Preset if one not in (Preset.CUSTOM, Preset.UNKNOWN)]


@pytest.mark.parametrize(
    ("preset", "zone", "at", "since", "until"),
    [
        # On the first of a month it is the whole month before, a leap day included.
        (Preset.LAST_MONTH, "UTC", "2028-03-01T07:00Z", "2028-02-01T00:00Z", "2028-03-01T00:00Z"),
        (Preset.LAST_MONTH, "UTC", "2026-01-31T07:00Z", "2025-12-01T00:00Z", "2026-01-01T00:00Z"),
        # The first of the month in Berlin is still the last one in UTC.
        (Preset.LAST_MONTH, "Europe/Berlin", "2026-02-28T23:30Z",
         "2026-01-31T23:00Z", "2026-02-28T23:00Z"),
        # Around New Year a week belongs to two years (ISO 8601: Monday to Sunday).
        (Preset.LAST_WEEK, "UTC", "2027-01-01T07:00Z", "2026-12-21T00:00Z", "2026-12-28T00:00Z"),
        (Preset.LAST_WEEK, "UTC", "2027-01-04T00:00Z", "2026-12-28T00:00Z", "2027-01-04T00:00Z"),
        # The days on which clocks change have 23 and 25 hours.
        (Preset.YESTERDAY, "Europe/Berlin", "2026-03-30T05:00Z",
         "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
        (Preset.YESTERDAY, "Europe/Berlin", "2026-10-26T06:00Z",
         "2026-10-24T22:00Z", "2026-10-25T23:00Z"),
        # Zones of half hours, and one whose clock changes by half an hour.
        (Preset.YESTERDAY, "Asia/Kolkata", "2026-03-04T20:00Z",
         "2026-03-03T18:30Z", "2026-03-04T18:30Z"),
        (Preset.YESTERDAY, "Australia/Lord_Howe", "2026-04-05T20:00Z",
         "2026-04-04T13:00Z", "2026-04-05T13:30Z"),
        # TODAY ends with the run.
        (Preset.TODAY, "Asia/Kolkata", "2026-03-04T20:00Z",
         "2026-03-04T18:30Z", "2026-03-04T20:00Z"),
    ],
)  # fmt: skip
def test_a_range_is_of_the_days_of_its_zone(
    preset: Preset, zone: str, at: str, since: str, until: str
) -> None:
    moments = [datetime.fromisoformat(one) for one in (at, since, until)]
    assert window(preset, ZoneInfo(zone), moments[0]) == (moments[1], moments[2])


@given(
    st.sampled_from(COUNTED),
    st.sampled_from(ZONES),
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_a_window_is_never_empty_and_never_reaches_beyond_its_run(
    preset: Preset, zone: str, at: datetime
) -> None:
    since, until = window(preset, ZoneInfo(zone), at)
    assert since < until
    assert until <= at + timedelta(microseconds=1)


@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_the_yesterdays_of_two_days_meet_and_do_not_overlap(zone: str, at: datetime) -> None:
    own = ZoneInfo(zone)
    _, until = window(Preset.YESTERDAY, own, at)
    since, _ = window(Preset.YESTERDAY, own, until + timedelta(hours=25))
    assert since == until


@pytest.mark.parametrize(
    ("cron", "zone", "after", "due"),
    [
        # In spring 02:30 does not exist, and the run is not lost; in autumn it comes once.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00Z",
         ["2026-03-29T01:00Z", "2026-03-30T00:30Z"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z",
         ["2026-10-25T00:30Z", "2026-10-26T01:30Z"]),
        # Seven in the morning stays seven in the morning.
        ("0 7 * * *", "America/New_York", "2026-03-07T13:00Z",
         ["2026-03-08T11:00Z", "2026-03-09T11:00Z"]),
        ("0 7 * * *", "Asia/Kolkata", "2026-03-04T12:00Z",
         ["2026-03-05T01:30Z", "2026-03-06T01:30Z"]),
        ("0 0 1 1 *", "Pacific/Apia", "2026-06-01T00:00Z",
         ["2026-12-31T11:00Z", "2027-12-31T11:00Z"]),
    ],
)  # fmt: skip
def test_a_schedule_follows_the_clock_of_its_zone(
    cron: str, zone: str, after: str, due: list[str]
) -> None:
    report = msgspec.structs.replace(DAILY, cron_expression=cron, time_zone=zone)
    moment: datetime | None = datetime.fromisoformat(after)
    found = []
    for _ in due:
        assert moment is not None
        moment = report.next_due(moment)
        found.append(moment)
    assert found == [datetime.fromisoformat(one) for one in due]


@given(
    st.sampled_from(ZONES),
    st.sampled_from(["0 7 * * *", "*/30 * * * *", "30 2 * * *", "0 0 1 * *", "15 * * * MON"]),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_due_moments_only_go_forward(zone: str, cron: str, after: datetime) -> None:
    report = msgspec.structs.replace(DAILY, cron_expression=cron, time_zone=zone)
    moment: datetime | None = after
    for _ in range(60):
        assert moment is not None
        following = report.next_due(moment)
        assert following is not None
        assert following > moment
        moment = following
