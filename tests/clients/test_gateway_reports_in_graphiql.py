"""A report over all systems, made in GraphiQL by clicks and typing, and its files where they go.

`CDR_GRAPH_PICTURES=FOLDER` keeps pictures of the page: by day, by night, and as wide as a phone.
"""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from graph.config import settings
from graph.server.app import Graph, create_app
from graph.server.examples import FIRST
from graph.sources import company, simulator, vendor_names
from graph.sources.twin import World
from tests.clients.chromium import Chromium
from tests.clients.serving import serve
from tests.clients.test_reports_in_graphiql import browser, execute, picture, visit
from tests.support import NOW

__all__ = ["browser"]

WINDOW = 'since: "2026-02-25T00:00:00Z", until: "2026-03-04T00:00:00Z"'
KINDS = {
    "csv": ("All calls", "NORMAL", "CSV", "normal: {}"),
    "lines": ("All calls", "NORMAL", "JSON_LINES", "normal: {}"),
    "page": ("All calls", "NORMAL", "HTML", "normal: {}"),
    "queues": ("Queues", "QUEUE_PERFORMANCE", "HTML", "queue: {queues: []}"),
}
"""name, type, format and filter of the reports that are made, by the word that answers them"""

STATS = f"""query Figures {{ stats(filter: {{{WINDOW}}}, groupBy: [QUEUE]) {{
  complete offered answered voicemail abandoned unanswered busy failed talkSeconds
  groups {{ keys {{ value }} offered answered }} }} }}"""


def create() -> str:
    made = " ".join(
        f"""{word}: createCallReport(input: {{engine: GATEWAY, name: "{name}", type: {kind},
          format: {format}, timeZone: "Europe/Berlin", range: {{window: {{{WINDOW}}}}},
          filter: {{{filter}}}}}) {{
            outcome userErrors {{ field message }} callReport {{ id }} }}"""
        for word, (name, kind, format, filter) in KINDS.items()
    )
    return f"mutation Create {{ {made} }}"


def follow(word: str, id: str) -> str:
    return f"""subscription Follow_{word} {{ {word}_file: callReportCompleted(reportId: "{id}") {{
      fileName fileUrl complete run {{ entriesRead shareDone outcomes {{ source {{ id }} state }} }}
    }} }}"""


def test_a_report_on_all_systems_is_made_followed_downloaded_and_opened_everywhere(
    browser: Chromium, tmp_path: Path
) -> None:
    calls = company.calls(seed=11, count=400, until=NOW, days=12)
    with ExitStack() as stack:
        entries = []
        for vendor in vendor_names():
            twin = simulator(vendor)
            address = stack.enter_context(serve(twin.simulate(World(calls))))
            entries.append({"id": vendor, "vendor": vendor, "base_url": address, **twin.SETTINGS,
                            "requests_per_second": 1000})  # fmt: skip
        tree = {"sources": entries, "reports": {"folder": str(tmp_path / "own")}}
        graph = Graph(settings(tree, environment={}))
        base = stack.enter_context(serve(create_app(graph, example=FIRST)))
        visit(browser, base)
        made = execute(browser, create(), "queues")
        assert [(one["outcome"], one["userErrors"]) for one in made.values()] == [("DONE", [])] * 4
        files: dict[str, Path] = {}
        for word in KINDS:
            step = follow(word, made[word]["callReport"]["id"])
            told = execute(browser, step, f"{word}_file")[f"{word}_file"]
            assert told["complete"] is True
            assert told["run"]["shareDone"] == 1
            states = {one["source"]["id"]: one["state"] for one in told["run"]["outcomes"]}
            asked = set(vendor_names()) if word != "queues" else set(states)
            assert states == dict.fromkeys(asked, "OK")
            files[word] = browser.download(base + told["fileUrl"], tmp_path)
            assert files[word].name == told["fileName"]
        stats = execute(browser, STATS, "stats")["stats"]
        assert stats["complete"] is True
        picture(browser, "gateway-asked")
        assert browser.console == []
        _tables(files["csv"], files["lines"], stats)
        _page(browser, files["page"], stats)
        _charts(browser, files["queues"], stats)


def _tables(csv: Path, lines: Path, stats: Any) -> None:
    """Both open in pandas and in DuckDB as they are, and add up to the statistics"""
    pandas = pytest.importorskip("pandas")
    duckdb = pytest.importorskip("duckdb")
    answered = sum(group["answered"] for group in stats["groups"])
    wanted = (stats["offered"], answered, stats["talkSeconds"])
    assert stats["offered"] > 1000
    for table in (pandas.read_csv(csv), pandas.read_json(lines, lines=True)):
        people = table[table["disposition"] == "ANSWERED"]
        people = people[people["answered_by"] != "MACHINE"]
        assert (len(table), len(people), int(table["talk_seconds"].sum())) == wanted
        assert bool(table["report_complete"].all())
    for file in (csv, lines):
        found = duckdb.sql(
            "SELECT count(*), count(*) FILTER (disposition = 'ANSWERED' AND answered_by <> "
            f"'MACHINE'), sum(talk_seconds), bool_and(report_complete) FROM '{file}'"
        ).fetchall()
        assert found == [(*wanted, True)]


SHAPES = {"day": (1280, "light"), "night": (1280, "dark"), "phone": (390, "light")}


def _shapes(browser: Chromium, file: Path, name: str) -> None:
    """Nothing is wider than the window or lies upon something else, by day, by night, on a phone"""
    browser.navigate(file.as_uri())
    for shape, (width, scheme) in SHAPES.items():
        browser.show(width=width, height=1400, scheme=scheme)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width, shape
        assert browser.evaluate(OVERLAPS) == [], shape
        picture(browser, f"{name}-{shape}", as_shown=True)


OVERLAPS = """[...document.querySelectorAll('svg')].flatMap(svg => {
  const place = part => part.getBoundingClientRect();
  const upon = (a, b) =>
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const words = [...svg.querySelectorAll('text')].map(word => [word.textContent, place(word)]);
  const whole = place(svg);
  return words.flatMap(([word, box], n) => [
    ...words.slice(n + 1).filter(other => upon(box, other[1])).map(other => [word, other[0]]),
    ...(box.left < whole.left - 1 || box.right > whole.right + 1 ? [[word, 'outside']] : []),
  ]);
})"""
"""An expression: which words of charts lie upon each other, or beyond their chart"""


def _cells(browser: Chromium, table: int, row: str) -> list[list[str]]:
    rows: list[list[str]] = browser.evaluate(
        f"[...[...document.querySelectorAll('table')][{table}].querySelectorAll({json.dumps(row)})]"
        ".map(row => [...row.children].map(cell => cell.textContent))"
    )
    return rows


def _page(browser: Chromium, file: Path, stats: Any) -> None:
    _shapes(browser, file, "gateway-calls")
    assert browser.evaluate("document.querySelector('.state').innerText").startswith("Complete.")
    ((_, *whole),) = _cells(browser, 0, "tfoot tr")
    named = ("offered", "answered", "voicemail", "abandoned", "unanswered", "busy", "failed")
    assert [int(cell.replace(",", "")) for cell in whole[:-1]] == [stats[name] for name in named]
    assert len(_cells(browser, 1, "tbody tr")) == stats["offered"]
    assert browser.evaluate("document.querySelectorAll('svg').length") == 1


def _charts(browser: Chromium, file: Path, stats: Any) -> None:
    _shapes(browser, file, "gateway-queues")
    groups = {group["keys"][0]["value"]: group for group in stats["groups"]}
    rows = {row[0]: row for row in _cells(browser, 0, "tbody tr")}
    assert len(rows) == len([value for value in groups if value is not None]) > 2
    offered = sum(int(row[1].replace(",", "")) for row in rows.values())
    assert offered == sum(group["offered"] for value, group in groups.items() if value is not None)
