"""Statistics as one HTML page with interactive charts: everything in it, nothing from a network."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.util import find_spec
from typing import Any

import msgspec

from graph.errors import ConfigError
from graph.stats.chart import clock, label, percent

_OUTCOMES = (
    ("answered", "Answered", "#2a9d8f"),
    ("voicemail", "Voicemail", "#8ab17d"),
    ("unanswered", "Unanswered", "#e9c46a"),
    ("abandoned", "Abandoned", "#f4a261"),
    ("busy", "Busy", "#c77dff"),
    ("failed", "Failed", "#d1495b"),
    ("notAllowed", "Not allowed", "#7a1e2e"),
    ("unknown", "Unknown", "#adb5bd"),
)


_NAMES = {"type": "category", "automargin": True}
"""an axis of groups: their names as they are, also where they look like dates"""


def _library() -> str:
    """The text of the charting library; ConfigError if it is not installed"""
    if find_spec("plotly") is None:
        raise ConfigError("charts need a further package: pip install 'cdr-graph[charts]'")
    from plotly.offline import get_plotlyjs

    text: str = get_plotlyjs()
    return text


def html(stats: Mapping[str, Any]) -> str:
    """The page of an answer to `chart.QUERY`"""
    window = stats["window"]
    title = f"Calls from {window['since'][:10]} to {window['until'][:10]}"
    charts = msgspec.json.encode(_charts(stats)).decode().replace("</", "<\\/")
    return _PAGE.format(
        title=escape(title),
        window=escape(
            f"{_minute(window['since'])} to {_minute(window['until'])} UTC, "
            f"hours in {stats['timeZone']}"
        ),
        banner=_banner(stats),
        cards=_cards(stats),
        places="".join(f'<div class="chart" id="{chart}"></div>' for chart in _charts(stats)),
        rows=_rows(stats),
        definitions=_definitions(stats),
        library=_library().replace("</script", "<\\/script"),
        charts=charts,
        style=_STYLE,
    )


# ---------------------------------------------------------------- charts


def _charts(stats: Mapping[str, Any]) -> dict[str, Any]:
    """Each chart's place → its traces and layout, as the library takes them"""
    made: dict[str, Any] = {}
    groups = stats["groups"]
    if groups:
        names = [label(group) for group in groups]
        made["outcomes"] = _by_outcome(names, groups)
        made["load"] = _load(names, groups)
    for name, title in (("topCallers", "Top callers"), ("topExtensions", "Top extensions")):
        if stats[name]["entries"]:
            made[name] = _top(title, stats[name])
    return made


def _by_outcome(names: list[str], groups: list[Mapping[str, Any]]) -> dict[str, Any]:
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "name": title,
            "x": names,
            "y": [group[outcome] for group in groups],
            "marker": {"color": color},
        }
        for outcome, title, color in _OUTCOMES
        if any(group[outcome] for group in groups)
    ]
    for name, title, color in (
        ("answerSeizureRatio", "ASR", "#264653"),
        ("serviceLevel", "Service level 20 s", "#6d597a"),
    ):
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": title,
                "x": names,
                "y": [group[name]["value"] for group in groups],
                "yaxis": "y2",
                "line": {"color": color, "width": 2},
                "hovertemplate": "%{y:.1%}",
            }
        )
    layout = {
        "title": {"text": "Calls by outcome, and the share that was answered"},
        "barmode": "stack",
        "xaxis": _NAMES,
        "yaxis": {"title": {"text": "calls"}},
        "yaxis2": {
            "overlaying": "y",
            "side": "right",
            "range": [0, 1.05],
            "tickmode": "linear",
            "dtick": 0.25,
            "tickformat": ".0%",
            "showgrid": False,
        },
    }
    return {"traces": traces, "layout": layout}


def _load(names: list[str], groups: list[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "traces": [
            {
                "type": "bar",
                "name": "Traffic (erlangs)",
                "x": names,
                "y": [group["traffic"]["value"] for group in groups],
                "marker": {"color": "#457b9d"},
                "hovertemplate": "%{y:.2f} E",
            },
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "Peak concurrency",
                "x": names,
                "y": [group["peakConcurrency"]["value"] for group in groups],
                "yaxis": "y2",
                "line": {"color": "#e76f51", "shape": "hvh"},
            },
        ],
        "layout": {
            "title": {"text": "Traffic carried, and the most calls at once"},
            "xaxis": _NAMES,
            "yaxis": {"title": {"text": "erlangs"}},
            "yaxis2": {
                "overlaying": "y",
                "side": "right",
                "rangemode": "tozero",
                "tickmode": "auto",
                "showgrid": False,
                "title": {"text": "calls at once"},
            },
        },
    }


def _top(title: str, found: Mapping[str, Any]) -> dict[str, Any]:
    entries = found["entries"][::-1]
    # The blank keeps a number from being read as one.
    names = [entry["value"] + " " for entry in entries]
    return {
        "traces": [
            {
                "type": "bar",
                "orientation": "h",
                "name": "Answered",
                "y": names,
                "x": [entry["answered"] for entry in entries],
                "marker": {"color": "#2a9d8f"},
            },
            {
                "type": "bar",
                "orientation": "h",
                "name": "Others",
                "y": names,
                "x": [entry["calls"] - entry["answered"] for entry in entries],
                "marker": {"color": "#e9c46a"},
            },
        ],
        "layout": {
            "title": {"text": f"{title} ({len(entries)} of {found['distinct']:,})"},
            "barmode": "stack",
            "yaxis": {"type": "category", "automargin": True},
        },
    }


# ---------------------------------------------------------------- text


def _banner(stats: Mapping[str, Any]) -> str:
    if stats["complete"]:
        sources = ", ".join(escape(o["source"]["name"]) for o in stats["outcomes"])
        return f'<p class="whole">Complete: every call of {sources}.</p>'
    lines = []
    for outcome in stats["outcomes"]:
        if outcome["state"] == "OK" and not outcome["message"]:
            continue
        covered = outcome["covered"]
        until = f"counted up to {covered['until']}" if covered else "not counted"
        lines.append(
            f"<li>{escape(outcome['source']['name'])}: {outcome['state']} "
            f"({escape(until)}). {escape(outcome['message'] or '')}</li>"
        )
    return f'<div class="part">These figures are partial.<ul>{"".join(lines)}</ul></div>'


def _cards(stats: Mapping[str, Any]) -> str:
    traffic, peak, hour = stats["traffic"], stats["peakConcurrency"], stats["busyHour"]
    cards = (
        ("Offered", f"{stats['offered']:,}", ""),
        ("Answered", f"{stats['answered']:,}", percent(stats["answerSeizureRatio"]["value"])),
        ("NER", percent(stats["networkEffectivenessRatio"]["value"]), ""),
        ("Talk per call", clock(stats["averageCallDuration"]["value"]), "min:s"),
        ("Speed of answer", clock(stats["averageSpeedOfAnswer"]["value"]), "min:s"),
        ("In 20 s", percent(stats["serviceLevel"]["value"]), "service level"),
        ("Abandoned", percent(stats["abandonRate"]["value"]), "of inbound"),
        ("Traffic", "-" if traffic["value"] is None else f"{traffic['value']:.2f} E", ""),
        (
            "Peak",
            "-" if peak["value"] is None else f"{peak['value']:.0f}",
            _minute(peak["since"]),
        ),
        (
            "Busy hour",
            "-" if hour["value"] is None else f"{hour['value']:.2f} E",
            _minute(hour["since"]),
        ),
    )
    return "".join(
        f'<div class="card"><span>{escape(name)}</span><b>{escape(value)}</b>'
        f"<i>{escape(note)}</i></div>"
        for name, value, note in cards
    )


def _minute(moment: str | None) -> str:
    """A moment of an answer without its seconds"""
    return (moment or "")[:16].replace("T", " ")


def _rows(stats: Mapping[str, Any]) -> str:
    rows = [(label(group), group) for group in stats["groups"]] + [("All", stats)]
    return "".join(
        f"<tr><th>{escape(name)}</th>"
        + "".join(
            f"<td>{'–' if of[o] is None else format(of[o], ',')}</td>" for o, _, _ in _OUTCOMES
        )
        + f"<td>{of['offered']:,}</td>"
        + f"<td>{percent(of['answerSeizureRatio']['value'])}</td>"
        + f"<td>{clock(of['averageCallDuration']['value'])}</td>"
        + f"<td>{percent(of['serviceLevel']['value'])}</td></tr>"
        for name, of in rows
    )


def _definitions(stats: Mapping[str, Any]) -> str:
    notes = "".join(
        f"<li>{escape(c['figure'])}: {escape(c['reason'])} ({c['count']:,} calls)</li>"
        for c in stats["caveats"]
    )
    means = "".join(
        f"<dt>{escape(d['name'])}</dt>"
        f"<dd>{escape(d['formula'])} <i>{escape(d['standard'])}</i></dd>"
        for d in stats["definitions"]
    )
    left = f"<h2>What is not in it</h2><ul>{notes}</ul>" if notes else ""
    return f"{left}<h2>What the figures mean</h2><dl>{means}</dl>"


_STYLE = """
:root{color-scheme:light;font:15px/1.5 system-ui,sans-serif;color:#1d2b36;background:#f5f7f9}
body{max-width:1180px;margin:0 auto;padding:24px}
h1{margin:0;font-size:26px}h2{font-size:18px;margin:32px 0 8px}
.sub{color:#5c6b77;margin:2px 0 14px}
.whole{color:#21756b}.part{background:#fdf0d5;border-left:4px solid #f4a261;padding:10px 14px}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:10px}
.cards{margin:16px 0}
.card{background:#fff;border-radius:10px;padding:10px 14px;box-shadow:0 1px 3px #0002}
.card span,.card i{display:block;color:#5c6b77;font-size:12px;font-style:normal;min-height:17px}
.card b{font-size:22px}
.charts{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:14px}
.chart{background:#fff;border-radius:10px;box-shadow:0 1px 3px #0002;height:390px;overflow:hidden}
#outcomes,#load{grid-column:1/-1}
table{border-collapse:collapse;width:100%;background:#fff;font-variant-numeric:tabular-nums}
th,td{padding:5px 9px;text-align:right;border-bottom:1px solid #e4e9ed}
th:first-child{text-align:left}thead th{color:#5c6b77;font-weight:500}
tr:last-child{font-weight:600}
.scroll{overflow-x:auto;border-radius:10px;box-shadow:0 1px 3px #0002}
dt{font-weight:600}dd{margin:0 0 8px}dd i{color:#5c6b77}
@media(max-width:760px){.charts{grid-template-columns:1fr}}
"""

_HEADS = "".join(f"<th>{title}</th>" for _, title, _ in _OUTCOMES)

_PAGE = (
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title}</title><style>{style}</style></head><body>
<h1>{title}</h1><p class="sub">{window}</p>{banner}
<div class="cards">{cards}</div>
<div class="charts">{places}</div>
<h2>Figures</h2><div class="scroll"><table><thead><tr><th></th>"""
    + _HEADS
    + """
<th>Offered</th><th>ASR</th><th>ACD</th><th>In 20 s</th></tr></thead><tbody>{rows}</tbody></table>
</div>
{definitions}
<script>{library}</script>
<script>
const charts = {charts};
for (const [place, chart] of Object.entries(charts)) {{
  Plotly.newPlot(place, chart.traces, {{
    margin: {{t: 48, r: 56, b: 60, l: 56}}, font: {{family: "system-ui, sans-serif"}},
    hovermode: place.startsWith("top") ? "closest" : "x unified",
    legend: {{orientation: "h", y: -0.16}}, ...chart.layout,
    title: {{...chart.layout.title, x: 0.02, xanchor: "left"}},
  }}, {{
    responsive: true, displaylogo: false,
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  }});
}}
</script></body></html>
"""
)
