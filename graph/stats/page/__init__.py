"""Statistics as one HTML page with interactive charts: everything in it, nothing from a network.

`page.html` is its frame, `page.css` its looks by day and by night, `page.js` draws `charts.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html import escape
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from graph.errors import ConfigError
from graph.stats.chart import clock, percent
from graph.stats.page.charts import OUTCOMES, Chart, charts, day, name

_HERE = Path(__file__).parent
Figures = Mapping[str, Any]


def html(stats: Figures) -> str:
    """The page of an answer to `chart.QUERY`; ConfigError if the charting library is missing"""
    zone = ZoneInfo(stats["timeZone"])
    drawn = charts(stats)
    window = stats["window"]
    since, until = (_moment(window[end], zone) for end in ("since", "until"))
    return Template(_read("page.html")).substitute(
        title=escape(f"Calls from {since} to {until}"),
        lead=escape(_lead(stats)),
        state=_state(stats, zone),
        tiles=_tiles(stats, zone),
        places="".join(map(_place, drawn)),
        table=_table(stats, zone),
        sources=_sources(stats, zone),
        caveats=_caveats(stats),
        definitions=_definitions(stats),
        charts=_json({chart.place: _drawn(chart) for chart in drawn}),
        library=_library().replace("</script", "<\\/script"),
        style=_read("page.css"),
        script=_read("page.js"),
    )


def _read(file: str) -> str:
    return (_HERE / file).read_text(encoding="utf-8")


def _library() -> str:
    """The text of the charting library"""
    if find_spec("plotly") is None:
        raise ConfigError("charts need a further package: pip install 'cdr-graph[charts]'")
    from plotly.offline import get_plotlyjs

    text: str = get_plotlyjs()
    return text


def _json(value: Any) -> str:
    """JSON that does not end the script element it stands in"""
    return msgspec.json.encode(value).decode().replace("<", "\\u003c")


def _drawn(chart: Chart) -> dict[str, Any]:
    return {"traces": chart.traces, "layout": chart.layout}


def _place(chart: Chart) -> str:
    return (
        f'<section class="card{" wide" if chart.wide else ""}"><h3>{escape(chart.title)}</h3>'
        f'<p>{escape(chart.note)}</p><div class="plot" id="{chart.place}"></div></section>'
    )


# ---------------------------------------------------------------- what it is about


def _moment(text: str, zone: ZoneInfo) -> str:
    """`4 Mar 2026, 16:30` in the zone; a midnight without its time"""
    at = datetime.fromisoformat(text).astimezone(zone)
    time = "" if (at.hour, at.minute) == (0, 0) else f", {at:%H:%M}"
    return f"{day(at)} {at.year}{time}"


def _lead(stats: Figures) -> str:
    systems = len(stats["outcomes"])
    keys = [key["key"].replace("_", " ").lower() for key in next(
        (group["keys"] for group in stats["groups"]), ())]  # fmt: skip
    by = f", by {' and '.join(keys)}" if keys else ""
    plural = "" if systems == 1 else "s"
    return f"{systems} phone system{plural}{by}; times in {stats['timeZone']}"


def _short(outcome: Figures) -> bool:
    """It gave less than the whole"""
    return outcome["state"] != "OK" or bool(outcome["message"])


def _state(stats: Figures, zone: ZoneInfo) -> str:
    if stats["complete"]:
        return '<p class="state whole">Complete: every call of every system is counted.</p>'
    names = ", ".join(escape(o["source"]["name"]) for o in stats["outcomes"] if _short(o))
    common = stats["comparableWindow"]
    until = (
        f"What all of them have told reaches to {_moment(common['until'], zone)}."
        if common
        else "There is no time that all of them have told of."
    )
    return (
        f'<p class="state part">These figures are partial: {names} did not tell everything. '
        f"{escape(until)}</p>"
    )


# ---------------------------------------------------------------- tiles


def _tiles(stats: Figures, zone: ZoneInfo) -> str:
    formulas = {d["figure"]: d["formula"] for d in stats["definitions"]}
    peak, hour = stats["peakConcurrency"], stats["busyHour"]
    level = {a["name"]: a["value"] for a in stats["serviceLevel"]["arguments"]}
    ratios = percent(stats["answerSeizureRatio"]["value"])
    tiles = [
        _tile("Offered", f"{stats['offered']:,}", "All calls that began in this time.", None),
        _tile("Answered", f"{stats['answered']:,}", f"{ratios} of the calls below (ASR).",
              stats["answerSeizureRatio"]),
    ]  # fmt: skip
    tiles += [
        _tile(title, show(stats[figure]["value"]), formulas[figure], stats[figure])
        for figure, title, show in (
            ("networkEffectivenessRatio", "Got through (NER)", percent),
            ("averageSpeedOfAnswer", "Wait for an answer (ASA)", clock),
            ("averageCallDuration", "Talk per call (ACD)", clock),
        )
    ]
    tiles += [
        _tile(f"Answered within {level['seconds']} s", percent(stats["serviceLevel"]["value"]),
              f"Service level {level['variant']}: answered in time ÷ offered, inbound.",
              stats["serviceLevel"]),
        _tile("Given up", percent(stats["abandonRate"]["value"]), formulas["abandonRate"],
              stats["abandonRate"]),
        _tile("Missed, not called back", _number(stats["missedNotReturned"]["value"]),
              "Inbound calls no person answered, whose number nobody called within a day.",
              stats["missedNotReturned"]),
        _tile("Talk in all", _hours(stats["talkSeconds"]), "Hours and minutes of talk, all calls.",
              None),
        _tile("Calls at once, on average", _erlangs(stats["traffic"]["value"]),
              "Traffic: seconds occupied ÷ seconds of this time.", stats["traffic"]),
        _tile("Most calls at once", _number(peak["value"]),
              "" if peak["since"] is None else f"First on {_moment(peak['since'], zone)}.", peak),
        _tile("Busy hour", _erlangs(hour["value"]),
              "" if hour["since"] is None else f"The hour from {_moment(hour['since'], zone)}.",
              hour),
    ]  # fmt: skip
    return "".join(tiles)


def _tile(title: str, value: str, meaning: str, figure: Figures | None) -> str:
    lines = [f"<p>{escape(meaning)}</p>"] if meaning else []
    if figure is not None:
        lines.append(f"<p>From {figure['sampleSize']:,} calls.</p>")
        left_out = sum(excluded["count"] for excluded in figure["excluded"])
        reasons = "; ".join(excluded["reason"].rstrip(".") for excluded in figure["excluded"])
        if figure["reason"]:
            lines.append(f'<p class="left-out">{escape(figure["reason"])}</p>')
        elif left_out:
            lines.append(
                f'<p class="left-out" title="{escape(reasons)}">Leaves out {left_out:,} calls: '
                f"{escape(reasons)}.</p>"
            )
    return (
        f'<div class="card tile"><span class="quiet">{escape(title)}</span>'
        f"<b>{escape(value)}</b>{''.join(lines)}</div>"
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _erlangs(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} E"


def _hours(seconds: int | None) -> str:
    if seconds is None:
        return "–"
    hours, rest = divmod(seconds, 3600)
    return f"{hours:,}:{rest // 60:02} h"


# ---------------------------------------------------------------- tables


def _table(stats: Figures, zone: ZoneInfo) -> str:
    heads = ["Offered", *(title for _, title, _ in OUTCOMES), "ASR", "In 20 s", "Wait", "Talk",
             "Erlangs", "Peak"]  # fmt: skip
    rows = [_row(name(group, zone), group) for group in stats["groups"]]
    rows.append(_row("All", stats, "all"))
    return (
        "<table><thead><tr><th></th>"
        + "".join(f"<th>{head}</th>" for head in heads)
        + f"</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _row(title: str, of: Figures, kind: str = "") -> str:
    traffic = of["traffic"]["value"]
    cells = [
        f"{of['offered']:,}",
        *(_number(of[outcome]) for outcome, _, _ in OUTCOMES),
        percent(of["answerSeizureRatio"]["value"]),
        percent(of["serviceLevel"]["value"]),
        clock(of["averageSpeedOfAnswer"]["value"]),
        clock(of["averageCallDuration"]["value"]),
        "–" if traffic is None else f"{traffic:.2f}",
        _number(of["peakConcurrency"]["value"]),
    ]
    return (
        f'<tr class="{kind}"><th>{escape(title)}</th>'
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>"
    )


def _sources(stats: Figures, zone: ZoneInfo) -> str:
    window = stats["window"]
    begin, end = (datetime.fromisoformat(window[name]) for name in ("since", "until"))
    rows = []
    for outcome in stats["outcomes"]:
        covered = outcome["covered"]
        share, until = 0.0, "nothing of it is counted"
        if covered is not None:
            reached = datetime.fromisoformat(covered["until"])
            share, until = (reached - begin) / (end - begin), _moment(covered["until"], zone)
        rows.append(
            f"<tr><th>{escape(outcome['source']['name'])}</th>"
            f'<td class="told">{escape(outcome["state"].replace("_", " ").capitalize())}</td>'
            f"<td>{outcome['records']:,}</td>"
            f'<td class="told"><span class="share"><i style="width:{share:.1%}"></i></span> '
            f"{escape(until)}</td><td>{outcome['requests']:,}</td>"
            f'<td class="told">{escape(outcome["message"] or "")}</td></tr>'
        )
    return (
        '<table><thead><tr><th>Phone system</th><th class="told">State</th><th>Calls</th>'
        '<th class="told">Counted up to</th><th>Requests</th><th class="told"></th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


# ---------------------------------------------------------------- text


def _caveats(stats: Figures) -> str:
    notes = "".join(
        f"<li><b>{escape(c['figure'])}</b>: {escape(c['reason'])} "
        f'<span class="quiet">({c["count"]:,} calls)</span></li>'
        for c in stats["caveats"]
    )
    return f'<h2>What is not in them</h2><div class="card"><ul>{notes}</ul></div>' if notes else ""


def _definitions(stats: Figures) -> str:
    return "".join(
        f"<div><dt>{escape(d['name'])}</dt>"
        f"<dd>{escape(d['formula'])}<br><i>{escape(d['standard'])}</i></dd></div>"
        for d in stats["definitions"]
    )
