"""A table of figures as stacked bars: an SVG of its own, without script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from graph.engine.spool import SpooledTable

MOST_BARS = 60
"""more bars than this cannot be told apart; the largest are drawn then, and the chart says so"""
_COLOURS = ("#2a9d78", "#e0803c", "#c9ced6", "#5b8def")
_WIDTH, _HEIGHT, _LEFT, _FLOOR, _TOP = 960, 260, 46, 212, 30


class Bar(NamedTuple):
    name: str
    parts: tuple[float, ...]


def drawn(table: SpooledTable) -> str:
    """The chart, or nothing where there is nothing to draw"""
    names = [column.name for column in table.columns]
    places = [names.index(name) for name in table.chart]
    first = min(
        place for place, column in enumerate(table.columns) if column.kind.name == "INTEGER"
    )
    read = [
        Bar(
            " · ".join(str(cell) for cell in row[:first] if cell is not None),
            tuple(row[place] or 0 for place in places),
        )
        for row in table.rows()
    ]
    if not read or not any(sum(bar.parts) for bar in read):
        return ""
    note = ""
    if len(read) > MOST_BARS:
        kept = set(sorted(range(len(read)), key=lambda n: -sum(read[n].parts))[:MOST_BARS])
        note = f'<p class="soft">The chart shows the {MOST_BARS} largest of {len(read):,}.</p>\n'
        read = [bar for place, bar in enumerate(read) if place in kept]
    titles = [table.columns[place].title for place in places]
    return _svg(read, titles, table.title) + note


def _svg(read: Sequence[Bar], titles: Sequence[str], about: str) -> str:
    top = _round_up(max(sum(bar.parts) for bar in read))
    step = (_WIDTH - _LEFT) / len(read)
    wide = min(step * 0.72, 64)
    scale = (_FLOOR - _TOP) / top
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    out = [f'<svg {size} role="img" aria-label="{escape(about)}">\n']
    for part in range(5):
        amount = top * part / 4
        y = _FLOOR - amount * scale
        out.append(
            f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{amount:,.0f}</text>\n'
        )
    every = max(1, -(-len(read) // 12))
    for place, bar in enumerate(read):
        middle = _LEFT + step * (place + 0.5)
        out.append(_bar(bar, middle, wide, scale, titles))
        if place % every == 0:
            text = escape(_short(bar.name, int(step * every / 6.5)))
            out.append(
                f'<text x="{middle:.1f}" y="{_FLOOR + 18}" text-anchor="middle">{text}</text>\n'
            )
    x = float(_LEFT)
    for title, colour in zip(titles, _COLOURS, strict=False):
        out.append(
            f'<rect x="{x:.0f}" y="6" width="10" height="10" rx="2" fill="{colour}"/>'
            f'<text x="{x + 15:.0f}" y="15">{escape(title)}</text>\n'
        )
        x += 15 + 7 * len(title) + 24
    return "".join(out) + "</svg>\n"


def _bar(bar: Bar, middle: float, wide: float, scale: float, titles: Sequence[str]) -> str:
    y = float(_FLOOR)
    out: list[str] = []
    told = ", ".join(f"{t}: {p:,.0f}" for t, p in zip(titles, bar.parts, strict=True))
    for amount, colour in zip(bar.parts, _COLOURS, strict=False):
        high = amount * scale
        if high:
            y -= high
            out.append(
                f'<rect x="{middle - wide / 2:.1f}" y="{y:.1f}" width="{wide:.1f}" '
                f'height="{high:.1f}" fill="{colour}"/>'
            )
    return f"<g><title>{escape(bar.name)}: {escape(told)}</title>{''.join(out)}</g>\n"


def _short(text: str, most: int) -> str:
    return text if len(text) <= max(3, most) else text[: max(2, most - 1)] + "…"


def _round_up(amount: float) -> float:
    """The next of 4, 8, 12, 20, 40 … at or above, so that four steps are whole numbers"""
    size = 1
    while True:
        for step in (4, 8, 12, 20, 32):
            if step * size >= amount:
                return step * size
        size *= 10
