"""A table of figures as stacked bars: an SVG of its own, without script.

Times stand beside each other, from left to right; everything else lies below each other, so that
there is room for names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import takewhile
from typing import NamedTuple
from unicodedata import east_asian_width

from graph.engine.spool import SpooledTable
from graph.engine.tables import Column, Kind

_COLOURS = {
    "answered": "#2a9d78", "voicemail": "#5b8def", "abandoned": "#e0803c", "unanswered": "#aeb6c2",
    "busy": "#b07cc6", "failed": "#c8554a",
}  # fmt: skip
"""by the name of a column, so that a colour has one meaning in all charts"""

MOST_STANDING, MOST_LYING = 62, 30
"""more bars than this say nothing; the largest are drawn then, and the chart says so"""

_WIDTH, _TOP, _STEPS = 960, 30, 4
_HIGH, _LEFT, _BELOW = 182, 46, 48
_ROW, _NAMES, _AMOUNTS = 24, 230, 60


class Bar(NamedTuple):
    name: str
    parts: tuple[float, ...]

    @property
    def whole(self) -> float:
        return sum(self.parts)


def drawn(table: SpooledTable) -> str:
    """The chart, or nothing where there is nothing to draw"""
    columns = {column.name: place for place, column in enumerate(table.columns)}
    places = [columns[name] for name in table.chart]
    keys = list(takewhile(lambda column: column.kind in _KEYS, table.columns))
    every = [
        Bar(
            " · ".join("–" if cell is None else str(cell) for cell in row[: len(keys)]),
            tuple(row[place] or 0 for place in places),
        )
        for row in table.rows()
    ]
    if not any(bar.whole for bar in every):
        return ""
    standing = [column.kind for column in keys] == [Kind.TIME]
    most = MOST_STANDING if standing else MOST_LYING
    largest = set(sorted(range(len(every)), key=lambda place: -every[place].whole)[:most])
    bars = [bar for place, bar in enumerate(every) if place in largest]
    parts = [table.columns[place] for place in places]
    high, marks = (_standing if standing else _lying)(bars, parts)
    svg = (
        f'<div class="chart"><svg viewBox="0 0 {_WIDTH} {high}" role="img" '
        f'aria-label="{escape(table.title)}">\n'
        f"{_legend(parts, _LEFT if standing else _NAMES)}{''.join(marks)}</svg></div>\n"
    )
    if len(every) > most:
        svg += f'<p class="soft">The chart shows the {most} largest of {len(every):,}.</p>\n'
    return svg


_KEYS = (Kind.TEXT, Kind.TIME)


def _legend(parts: Sequence[Column], x: int) -> str:
    out = ""
    for column in parts:
        out += (
            f'<rect x="{x}" y="6" width="10" height="10" rx="2" fill="{_COLOURS[column.name]}"/>'
            f'<text x="{x + 15}" y="15">{escape(column.title)}</text>\n'
        )
        x += 15 + _length(column.title) + 17
    return out


def _standing(bars: Sequence[Bar], parts: Sequence[Column]) -> tuple[int, Iterator[str]]:
    """How high the chart is, and what is in it"""

    def marks() -> Iterator[str]:
        top, floor = _round_up(max(bar.whole for bar in bars)), _TOP + _HIGH
        for amount in _grid(top):
            y = floor - amount * _HIGH / top
            yield f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield _word(f"{amount:,.0f}", _LEFT - 6, y + 4, "end")
        step = (_WIDTH - _LEFT) / len(bars)
        wide = min(step * 0.72, 64)
        every = max(1, -(-len(bars) // 12))
        for place, bar in enumerate(bars):
            middle = _LEFT + step * (place + 0.5)
            yield f"<g>{_told(bar, parts)}"
            y = float(floor)
            for amount, column in zip(bar.parts, parts, strict=True):
                y -= amount * _HIGH / top
                yield _rect(middle - wide / 2, y, wide, amount * _HIGH / top, column)
            yield "</g>\n"
            if place % every == 0:
                room = min(step * every, 2 * (_WIDTH - middle)) - 4
                yield _word(_short(bar.name, room), middle, floor + 18, "middle")

    return _TOP + _HIGH + _BELOW, marks()


def _lying(bars: Sequence[Bar], parts: Sequence[Column]) -> tuple[int, Iterator[str]]:
    """How high the chart is, and what is in it"""
    high = _TOP + _ROW * len(bars) + 8

    def marks() -> Iterator[str]:
        scale = (_WIDTH - _NAMES - _AMOUNTS) / max(bar.whole for bar in bars)
        yield f'<line class="axis" x1="{_NAMES}" x2="{_NAMES}" y1="{_TOP}" y2="{high - 8}"/>\n'
        for place, bar in enumerate(bars):
            y, x = _TOP + _ROW * place, float(_NAMES)
            yield _word(_short(bar.name, _NAMES - 20), _NAMES - 8, y + 16, "end")
            yield f"<g>{_told(bar, parts)}"
            for amount, column in zip(bar.parts, parts, strict=True):
                yield _rect(x, y + 4, amount * scale, _ROW - 8, column)
                x += amount * scale
            yield "</g>\n"
            yield _word(f"{bar.whole:,.0f}", x + 6, y + 16, "start")

    return high, marks()


def _told(bar: Bar, parts: Sequence[Column]) -> str:
    """What is said of a bar that is pointed at"""
    amounts = ", ".join(f"{c.title}: {n:,.0f}" for c, n in zip(parts, bar.parts, strict=True))
    return f"<title>{escape(bar.name)}: {escape(amounts)}</title>"


def _rect(x: float, y: float, wide: float, high: float, column: Column) -> str:
    if not wide or not high:
        return ""
    size = f'x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}"'
    return f'<rect {size} fill="{_COLOURS[column.name]}"/>'


def _word(text: str, x: float, y: float, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>\n'


def _short(text: str, room: float) -> str:
    """As much of a text as there is room for (units of the chart)"""
    if _length(text) <= room:
        return text
    while text and _length(text) + 13 > room:
        text = text[:-1]
    return f"{text.rstrip(' ·')}…" if text else ""


def _length(text: str) -> int:
    """How long a text is at most; signs of East Asian scripts are as wide as two others (UAX 11)"""
    return sum(13 if east_asian_width(sign) in "WF" else 7 for sign in text)


def _grid(top: float) -> list[float]:
    return [top * step / _STEPS for step in range(_STEPS + 1)]


def _round_up(amount: float) -> float:
    """The next of 4, 8, 12, 20, 32, 40 … at or above, so that all steps are whole numbers"""
    size = 1
    while True:
        for step in (4, 8, 12, 20, 32):
            if step * size >= amount:
                return step * size
        size *= 10
