"""The page of `cdr-graph stats --html` in a real browser that reaches nothing but this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from graph.sources import company, vendor_names
from graph.stats import chart
from graph.stats.page import html
from tests.clients.chromium import Chromium, find_chromium
from tests.support import NOW, product, run

CHARTS = ["outcomes", "load", "waits", "directions", "topCallers", "topExtensions", "topQueues"]
BROWSER = find_chromium()
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a week of calls over five systems, one of which fails"""
    calls = company.calls(seed=1, count=150, until=NOW, days=7)
    found: list[Any] = []

    async def work() -> None:
        async with product(*vendor_names(), calls=calls) as api:
            api.worlds["voicenter"].fault("status", status=500, times=-1)
            window = {"since": (NOW - timedelta(days=7)).isoformat(), "until": NOW.isoformat()}
            data = await api.good(
                chart.QUERY, filter=window, groupBy=["DAY"], timeZone="Europe/Berlin"
            )
            found.append(data["stats"])

    run(work)
    file = tmp_path_factory.mktemp("page") / "stats.html"
    file.write_text(html(found[0]), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    assert BROWSER is not None
    with Chromium(BROWSER) as started:
        yield started


def drawn(browser: Chromium) -> None:
    """Waits until every chart has something in it"""
    places = json.dumps(CHARTS)
    browser.wait_for(
        f"{places}.every(p => document.querySelectorAll(`#${{p}} .point, #${{p}} .js-line`).length)"
    )


def test_it_draws_every_chart_asks_no_network_and_complains_of_nothing(
    page: Path, browser: Chromium
) -> None:
    browser.start_afresh()
    browser.navigate(page.as_uri())
    drawn(browser)
    assert browser.requests == [page.as_uri()]
    assert browser.console == []
    shown = browser.evaluate("document.body.innerText")
    assert "These figures are partial: voicenter did not tell everything." in shown
    assert "How do calls end, and are they answered?" in shown
    assert "Leaves out" in shown


def test_its_own_policy_forbids_it_to_load_anything(page: Path, browser: Chromium) -> None:
    browser.navigate(page.as_uri())
    refused = browser.evaluate(
        "fetch('http://127.0.0.1:9/').then(() => 'sent', error => error.message)"
    )
    assert "Failed to fetch" in refused
    assert any("Content Security Policy" in line for line in browser.console)
    browser.console.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_phones_and_the_night(
    page: Path, browser: Chromium, scheme: str, width: int
) -> None:
    browser.show(width=width, height=900, scheme=scheme)
    browser.navigate(page.as_uri())
    drawn(browser)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    ground, ink = browser.evaluate(
        "[getComputedStyle(document.body.parentElement).backgroundColor, "
        "document.querySelector('#outcomes .xtick text').style.fill]"
    )
    light = [sum(map(int, color[4:-1].split(","))) > 382 for color in (ground, ink)]
    assert light == ([True, False] if scheme == "light" else [False, True])
    assert browser.console == []
