"""All tables as one HTML page that loads nothing: what it is about, what is missing, bars, rows.

It runs no script; charts are inline SVG (`bars.py`). Everything that is not ours is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from typing import Any

from graph.engine.spool import SpooledTable
from graph.engine.tables import Kind
from graph.engine.writers import bars
from graph.engine.writers.report import Report

_BATCH_ROWS = 200

_STYLE = """
:root { color-scheme: light dark; --ink: #17202b; --soft: #5a6675; --line: #dde3ea;
  --paper: #fff; --tint: #f4f7fa; --good: #1b7f5c; --bad: #b4472f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf1; --soft: #9aa7b6; --line: #2d3844;
  --paper: #12181f; --tint: #1a222b; --good: #4cc598; --bad: #f0886c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 78rem; padding: 2.5rem 1.5rem 4rem; color: var(--ink);
  background: var(--paper); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.01em; }
h2 { font-size: 1.1rem; margin: 2.6rem 0 .7rem; }
p, ul { margin: .3rem 0; } .soft { color: var(--soft); }
.state { margin: 1.2rem 0; padding: .8rem 1rem; border-left: 4px solid var(--good);
  background: var(--tint); border-radius: 0 6px 6px 0; }
.state.part { border-color: var(--bad); } .state ul { padding-left: 1.1rem; }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 13px;
  font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .7rem; text-align: left; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th { background: var(--tint); font-weight: 600; color: var(--soft); position: sticky; top: 0; }
td.n, th.n { text-align: right; } tfoot td { font-weight: 600; background: var(--tint);
  border-bottom: 0; } tbody tr:last-child td { border-bottom: 0; }
tfoot td { border-top: 1px solid var(--line); }
.chart { overflow-x: auto; margin: .4rem 0 1rem; }
svg { display: block; width: 100%; min-width: 42rem; height: auto; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
svg .axis { stroke: var(--line); }
@media print { body { max-width: none; padding: 0; } .wide, .chart { overflow: visible; } }
"""


def write(report: Report) -> Iterator[bytes]:
    yield "".join(_head(report)).encode()
    # What can be taken in at a glance stands before long lists.
    for table in sorted(report.tables, key=lambda table: not table.chart):
        yield from _table(table)
    yield b"</body>\n</html>\n"


def _head(report: Report) -> Iterator[str]:
    name = escape(report.name)
    since, until = (_moment(one.astimezone(report.zone)) for one in (report.since, report.until))
    made = _moment(report.made_at.astimezone(report.zone))
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{name}</h1>\n"
        f'<p class="soft">{escape(report.kind.replace("_", " ").capitalize())} · calls that '
        f"began from {since} to {until} · {escape(str(report.zone))} · made {made}</p>\n"
    )
    yield from _completeness(report)
    if report.masked:
        yield '<p class="soft">Numbers and names are pseudonyms.</p>\n'
    for note in report.notes:
        yield f'<p class="soft">{escape(note)}</p>\n'


def _completeness(report: Report) -> Iterator[str]:
    names = ", ".join(escape(report.sources.get(one.source, one.source)) for one in report.fared)
    if report.complete:
        yield f'<div class="state"><p><b>Complete.</b> Every system gave all: {names}.</p></div>\n'
        return
    yield '<div class="state part"><p><b>Incomplete.</b> Something is missing here.</p>\n<ul>\n'
    for one in report.fared:
        if not one.complete:
            name = escape(report.sources.get(one.source, one.source))
            why = escape(one.message or f"{one.skipped_records} entries are left out")
            yield f"<li><b>{name}</b>: {escape(one.state)}: {why}</li>\n"
    yield f"</ul><p>Systems asked: {names}.</p></div>\n"


def _table(table: SpooledTable) -> Iterator[bytes]:
    yield f"<h2>{escape(table.title)}</h2>\n".encode()
    if table.chart:
        yield bars.drawn(table).encode()
    for note in table.notes:
        yield f'<p class="soft">{escape(note)}</p>\n'.encode()
    kinds = [column.kind for column in table.columns]
    heads = "".join(
        f'<th scope="col"{_class(column.kind)}>{escape(column.title)}</th>'
        for column in table.columns
    )
    yield f'<div class="wide"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n'.encode()
    lines: list[str] = []
    for row in table.rows():
        lines.append(_row(row, kinds))
        if len(lines) == _BATCH_ROWS:
            yield "".join(lines).encode()
            lines.clear()
    yield "".join(lines).encode()
    yield b"</tbody>\n"
    if table.total is not None:
        yield f"<tfoot>{_row(table.total, kinds)}</tfoot>\n".encode()
    yield f'</table></div>\n<p class="soft">{table.count:,} rows</p>\n'.encode()


def _row(row: Sequence[Any], kinds: Sequence[Kind]) -> str:
    cells = "".join(
        f"<td{_class(kind)}>{shown(value, kind)}</td>"
        for value, kind in zip(row, kinds, strict=True)
    )
    return f"<tr>{cells}</tr>\n"


def _class(kind: Kind) -> str:
    return "" if kind in (Kind.TEXT, Kind.TIME, Kind.MOMENT) else ' class="n"'


def shown(value: Any, kind: Kind) -> str:
    """A value for people, escaped; a dash for what is not told"""
    if value is None:
        return "–"
    if kind is Kind.MOMENT:
        return _moment(datetime.fromisoformat(value))
    if kind is Kind.RATIO:
        return f"{value * 100:.1f}%"
    if kind is Kind.INTEGER:
        return f"{value:,}"
    if kind is Kind.SECONDS:
        minutes, seconds = divmod(int(value), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    if kind is Kind.NUMBER:
        return f"{value:.1f}"
    return escape(str(value))


def _moment(moment: datetime) -> str:
    offset = moment.strftime("%z")
    return f"{moment:%Y-%m-%d %H:%M:%S} {offset[:3]}:{offset[3:]}"
