"""The command `stats`: the table, the page, the progress bar, and what it says to bad input."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from graph.cli import main
from graph.stats import chart
from graph.stats.page import html
from tests.stats.small import CALLS, WINDOW
from tests.support import product, run


def answer(*sources: str, broken: str | None = None, **more: Any) -> Any:
    found: list[Any] = []

    async def work() -> None:
        async with product(*sources, calls=CALLS) as api:
            if broken is not None:
                api.worlds[broken].fault("status", status=500, times=-1)
            data = await api.good(
                chart.QUERY, filter=WINDOW, groupBy=["HOUR"], timeZone="UTC", **more
            )
            found.append(data["stats"])

    run(work)
    return found[0]


def test_the_table_shows_groups_with_bars_and_the_whole() -> None:
    text = chart.table(answer("yeastar"), 110)
    lines = text.splitlines()
    assert lines[0].split() == [
        "OFFERED", "ANSWERED", "ASR", "ACD", "ASA", "IN", "20", "S", "ERLANG", "PEAK",
    ]  # fmt: skip
    nine = lines[1]
    assert nine.startswith("2026-03-02T09:00:00+00:00  ███")
    assert "░" in nine
    assert re.search(r" 7 +3 +42\.9% +1:10 +0:20 +20\.0% +0\.10 +2$", nine)
    whole = next(line for line in lines if line.startswith("ALL"))
    assert re.search(r" 10 +4 +40\.0% +0:58 +0:20 ", whole)
    assert all(len(line) <= 110 for line in lines[:4])
    assert "INCOMPLETE" not in text


def test_the_table_says_what_is_missing() -> None:
    text = chart.table(answer("yeastar", "portsip", broken="portsip"), 110)
    assert "INCOMPLETE: portsip: UNAVAILABLE" in text


@pytest.mark.parametrize(
    ("answered", "offered", "most", "expected"),
    [(0, 0, 0, ""), (8, 8, 8, "████████"), (4, 8, 8, "████░░░░"), (0, 8, 8, "░░░░░░░░"),
     (0, 1, 1000, "▏"), (2, 4, 8, "██░░")],
)  # fmt: skip
def test_bars_are_as_long_as_their_share(
    answered: int, offered: int, most: int, expected: str
) -> None:
    assert chart.bar(answered, offered, most, 8) == expected


def test_the_page_holds_everything_and_loads_nothing() -> None:
    stats = answer("yeastar", "voipnow")
    stats["outcomes"][0]["source"]["name"] = "</script><b>Yard & Co</b>"
    page = html(stats)
    own = page[: page.index("<script>")] + page[page.rindex("<script>") :]
    assert not re.search(r"(?:src|href)\s*=|@import|url\(", own)
    assert "Plotly.react" in own
    assert "default-src 'none'" in own
    assert "&lt;/script&gt;&lt;b&gt;Yard &amp; Co" in own
    assert page.count("</script>") == 3
    for text in ("Answer-seizure ratio (ASR)", "ITU-T E.425", "VoipNow does not tell of queues"):
        assert text in own


def test_a_partial_page_says_so() -> None:
    assert "These figures are partial" in html(answer("yeastar", "portsip", broken="portsip"))


def test_the_progress_bar_shows_the_slowest_source_and_all_calls() -> None:
    meter = chart.ProgressBar(80)
    meter.line("one", 1.0, 900)
    line = meter.line("two", 0.25, 100)
    assert line.startswith("\r[")
    assert " 25%  1,000 calls of 2 sources" in line
    assert len(line) == 80


def test_reading_tells_how_far_it_has_come() -> None:
    told: list[tuple[str, float, int]] = []

    async def work() -> None:
        async with product({"vendor": "portsip", "options": {"page_size": 3}}, calls=CALLS) as api:
            answered = await api.graph.ask(
                "query($f: CallFilter!) { stats(filter: $f) { offered } }",
                {"f": WINDOW},
                progress=lambda outcome, share: told.append(
                    (str(outcome.source.id), share, outcome.records)
                ),
            )
            assert answered["data"]["stats"]["offered"] == 10

    run(work)
    shares = [share for _, share, _ in told]
    assert len(told) > 3
    assert shares == sorted(shares)
    assert told[-1] == ("portsip", 1.0, 10)


NOWHERE = """
[[sources]]
id = "yard"
vendor = "yeastar"
base_url = "http://127.0.0.1:9"
[sources.credentials]
client_id = "a"
client_secret = "b"
"""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--since", "yesterday"], "--since 'yesterday'"),
        (["--since", "7d", "--until", "2026-99-01"], "--until '2026-99-01'"),
        (["--since", "7d", "--group-by", "shoe"], "there is no key 'shoe'"),
        (["--since", "7d", "--time-zone", "Mars"], "--time-zone"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "graph.toml"
    file.write_text(NOWHERE)
    assert main(["stats", "--config", str(file), *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.strip().splitlines()) == 1


def test_no_source_that_answers_is_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "graph.toml"
    file.write_text(NOWHERE)
    assert main(["--log-level", "ERROR", "stats", "--config", str(file), "--since", "1d"]) == 1
    assert "no source could answer" in capsys.readouterr().err


def test_moments_are_read_as_people_write_them() -> None:
    from graph.cli.stats import when

    now, zone = datetime(2026, 3, 4, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin")
    assert when("--since", "2026-03-01", now, zone) == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert when("--since", "36h", now, zone) == datetime(2026, 3, 3, tzinfo=UTC)
    assert when("--since", "2026-03-01T08:00Z", now, zone) == datetime(2026, 3, 1, 8, tzinfo=UTC)
