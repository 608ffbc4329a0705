"""Files that nobody need fear to open: no formulas, no markup, nothing loaded, zones told."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.engine.writers.as_csv import harmless
from graph.sources import company
from graph.sources.company import Call, Person
from tests.engine.asking import made
from tests.support import NOW, product, run

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
NASTY = (
    '=HYPERLINK("http://thief.example","x")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)",
    " =1+1", "<img src=x onerror=alert(1)>", "</td></table><script>alert(1)</script>",
    "\"><svg onload='alert(1)'>", 'a,b;c"d', "{{7*7}}", "&lt;b&gt;", "李 明",
)  # fmt: skip
SPOKEN = [*NASTY, "Anna"]


def renamed(call: Call, name: str) -> Call:
    """the call of somebody whose phone shows another name"""
    number = call.caller.number

    def other(person: Person) -> Person:
        return Person(number, name) if person.number == number else person

    legs = tuple(
        msgspec.structs.replace(leg, source=other(leg.source), target=other(leg.target))
        for leg in call.legs
    )
    return msgspec.structs.replace(call, caller=Person(number, name), legs=legs)


def calls() -> list[Call]:
    history = company.calls(seed=9, count=60, until=NOW - timedelta(days=1), days=5)
    return [renamed(call, SPOKEN[n % len(SPOKEN)]) for n, call in enumerate(history)]


def file(folder: Path, format: str, **changes: Any) -> bytes:
    async def work() -> bytes:
        async with product("portsip", calls=calls(), reports={"folder": str(folder)}) as api:
            given = {"name": NASTY[6], "format": format, "timeZone": "Asia/Kolkata", **changes}
            return (await made(api, **given))[1]

    return run(work)


def test_no_cell_of_a_spreadsheet_is_a_formula_and_every_text_is_still_there(
    tmp_path: Path,
) -> None:
    rows = list(csv.reader(io.StringIO(file(tmp_path, "CSV").decode(), newline="")))
    assert len(rows) > 40
    cells = [cell for row in rows for cell in row]
    bad = [cell for cell in cells if cell.startswith(DANGEROUS) and not _is_number(cell)]
    assert bad == []
    names = {row[rows[0].index("caller_name")].removeprefix("'") for row in rows[1:]}
    assert {name.strip() for name in NASTY} <= {name.strip() for name in names}


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", cell) is not None and not cell.startswith("+")


@given(st.text())
def test_what_is_made_harmless_begins_no_formula_and_loses_nothing(text: str) -> None:
    safe = harmless(text)
    assert not safe.lstrip(" ").startswith(DANGEROUS)
    assert safe == text or safe == "'" + text


@pytest.mark.parametrize("text", ["Anna", "030-123", "a=b", "", "'", "1+1", "李"])
def test_a_harmless_text_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


class Page(HTMLParser):
    """What a browser would make of a page: its elements, their attributes, and its words."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.words: list[str] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._style = tag == "style"
        self.attributes.update(attrs)

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.words.append(data)


OURS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "b", "ul", "li", "div",
    "table", "thead", "tbody", "tfoot", "tr", "th", "td", "svg", "g", "line", "rect", "text",
}  # fmt: skip


def test_a_page_has_only_its_own_elements_loads_nothing_and_shows_every_text(
    tmp_path: Path,
) -> None:
    data = file(tmp_path, "HTML").decode()
    page = Page()
    page.feed(data)
    assert page.tags <= OURS
    names = {name for name, _ in page.attributes}
    assert not {name for name in names if name.startswith("on")}
    assert not names & {"src", "href", "style", "srcset", "action", "data", "xlink:href"}
    assert not re.search(r"https?:|url\(|@import", re.sub(r"(?s)<body>.*", "", data))
    shown = {word.strip() for word in page.words}
    assert {name.strip() for name in NASTY} <= shown
    assert NASTY[6] in shown, "the report's own name is text, too"


def test_json_lines_hold_texts_as_they_are(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in file(tmp_path, "JSON_LINES").splitlines()]
    assert {name.strip() for name in NASTY} <= {line["caller_name"] for line in lines}
    assert all(isinstance(line["talk_seconds"], int | None) for line in lines)


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Europe/Berlin", "America/New_York"])
def test_every_moment_of_a_file_says_its_offset(tmp_path: Path, zone: str) -> None:
    lines = file(tmp_path, "JSON_LINES", timeZone=zone).splitlines()
    offset = {"Asia/Kolkata": 5.5, "Europe/Berlin": 1, "America/New_York": -5}[zone]
    starts = [datetime.fromisoformat(json.loads(line)["started_at"]) for line in lines]
    assert starts
    assert {start.utcoffset() for start in starts} == {timedelta(hours=offset)}
    truth = {call.started_at for call in calls()}
    assert {start.replace(microsecond=0) for start in starts} <= truth
