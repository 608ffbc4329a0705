"""The charts of the page, as the charting library takes them: one question each.

Colours of text and lines are the page's own (`page.js`); there is no arithmetic here but what is
left over of a sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from graph.stats.chart import clock

OUTCOMES = (
    ("answered", "Answered", "#2a9d8f"),
    ("voicemail", "Voicemail", "#8ab17d"),
    ("unanswered", "Unanswered", "#e9c46a"),
    ("abandoned", "Abandoned", "#f4a261"),
    ("busy", "Busy", "#9d8df1"),
    ("failed", "Failed", "#e0575b"),
    ("notAllowed", "Not allowed", "#a86464"),
    ("unknown", "Unknown", "#9aa7b2"),
)
_ANSWERED, _OTHERS, _FIRST, _SECOND = "#2a9d8f", "#e9c46a", "#4f83b8", "#e76f51"

Figures = Mapping[str, Any]


class Chart(NamedTuple):
    """A chart with the question it answers; a wide one takes the page's whole width."""

    place: str
    title: str
    note: str
    traces: list[dict[str, Any]]
    layout: dict[str, Any]
    wide: bool = False


def charts(stats: Figures) -> list[Chart]:
    """The charts that there is anything to show in"""
    groups: Sequence[Figures] = stats["groups"]
    zone = ZoneInfo(stats["timeZone"])
    names = [name(group, zone) for group in groups]
    made = [_outcomes(names, groups), _load(names, groups), _waits(names, groups)] if groups else []
    if stats["byDirection"]:
        made.append(_directions(stats["byDirection"]))
    for place, title in (
        ("topCallers", "Who calls most?"),
        ("topExtensions", "Which extensions have the most calls?"),
        ("topQueues", "Which queues have the most calls?"),
    ):
        if stats[place]["entries"]:
            made.append(_top(place, title, stats[place]))
    return made


# ---------------------------------------------------------------- names


def name(group: Figures, zone: ZoneInfo) -> str:
    """A group's keys as people say them"""
    return " · ".join(_key(key, zone) for key in group["keys"])


def _key(key: Figures, zone: ZoneInfo) -> str:
    if key["value"] is None:
        return "(none)"
    if key["since"] is None:
        value = str(key["label"] or key["value"])
        return _words(value) if key["key"] in ("DIRECTION", "DISPOSITION") else value
    # A day that has no midnight begins within an hour after it, in its own zone as well.
    since = datetime.fromisoformat(key["since"]).astimezone(zone)
    kind = key["key"]
    if kind == "WEEK":
        return f"Week of {day(since)}"
    if kind == "MONTH":
        return f"{since:%b %Y}"
    return f"{since:%a} {day(since)}" if kind == "DAY" else f"{day(since)} {since:%H:%M}"


def _words(value: str) -> str:
    """`No answer` for NO_ANSWER"""
    return value.replace("_", " ").capitalize()


def _ordered(groups: Sequence[Figures]) -> bool:
    """The groups follow each other in time, so that a line between them means something"""
    [*others, last] = groups[0]["keys"]
    return not others and (last["since"] is not None or last["key"] in ("HOUR_OF_DAY", "WEEKDAY"))


def day(moment: datetime) -> str:
    """`4 Mar`"""
    return f"{moment.day} {moment:%b}"


# ---------------------------------------------------------------- charts


def _bar(title: str, x: Sequence[Any], y: Sequence[Any], color: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "bar",
        "name": title,
        "x": x,
        "y": y,
        "marker": {"color": color, "line": {"width": 0}},
        **more,
    }


def _line(
    title: str, x: Sequence[Any], y: Sequence[Any], color: str, *, ordered: bool, **more: Any
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers" if ordered else "markers",
        "name": title,
        "x": x,
        "y": y,
        "line": {"color": color, "width": 2},
        "marker": {"size": 5 if ordered else 9, "color": color},
        **more,
    }


def _halves(upper: float, **axes: Any) -> dict[str, Any]:
    """Two charts above each other over the same groups; `upper` is the share of the upper one"""
    return {
        "hovermode": "x unified",
        "xaxis": {"type": "category", "anchor": "y2"},
        "yaxis": {"domain": [1 - upper, 1], "rangemode": "tozero", **axes["above"]},
        "yaxis2": {"domain": [0, 0.92 - upper], "rangemode": "tozero", **axes["below"]},
    }


def _outcomes(names: list[str], groups: Sequence[Figures]) -> Chart:
    traces = [
        _bar(title, names, [group[outcome] for group in groups], color)
        for outcome, title, color in OUTCOMES
        if any(group[outcome] for group in groups)
    ]
    for figure, title, color in (
        ("answerSeizureRatio", "Answered (ASR)", _FIRST),
        ("serviceLevel", "In 20 s (service level)", _SECOND),
    ):
        shares = [group[figure]["value"] for group in groups]
        traces.append(
            _line(title, names, shares, color, ordered=_ordered(groups), yaxis="y2",
                  hovertemplate="%{y:.1%}")
        )  # fmt: skip
    layout = _halves(
        0.6,
        above={"title": {"text": "calls"}},
        below={"range": [0, 1], "tickformat": ".0%", "dtick": 0.25},
    )
    return Chart(
        "outcomes",
        "How do calls end, and are they answered?",
        "Above all calls by how they ended, below the shares answered at all and within 20 s.",
        traces,
        {"barmode": "stack", **layout},
        wide=True,
    )


def _load(names: list[str], groups: Sequence[Figures]) -> Chart:
    peaks = [group["peakConcurrency"]["value"] for group in groups]
    carried = [group["traffic"]["value"] for group in groups]
    return Chart(
        "load",
        "How many calls go on at once?",
        "Above the most at one moment, below the average: the traffic in erlangs.",
        [
            _bar("Peak", names, peaks, _SECOND),
            _bar("Average (erlangs)", names, carried, _FIRST, yaxis="y2",
                 hovertemplate="%{y:.2f}"),
        ],
        _halves(0.5, above={}, below={}),
    )  # fmt: skip


def _waits(names: list[str], groups: Sequence[Figures]) -> Chart:
    def clocks(figure: str) -> tuple[list[float | None], list[str]]:
        values = [group[figure]["value"] for group in groups]
        return values, [clock(value) for value in values]

    (talk, talk_told), (wait, wait_told) = (
        clocks("averageCallDuration"), clocks("averageSpeedOfAnswer"),
    )  # fmt: skip
    template = "%{customdata} min"
    return Chart(
        "waits",
        "How long do callers wait, and how long is the talk?",
        "Averages of answered calls in seconds: above until a person answers, below the talk.",
        [
            _line("Wait (ASA)", names, wait, _SECOND, ordered=_ordered(groups),
                  customdata=wait_told, hovertemplate=template),
            _line("Talk (ACD)", names, talk, _FIRST, ordered=_ordered(groups), yaxis="y2",
                  customdata=talk_told, hovertemplate=template),
        ],
        _halves(0.5, above={}, below={}),
    )  # fmt: skip


def _directions(found: Sequence[Figures]) -> Chart:
    rows = list(reversed(found))
    names = [_words(row["direction"]) for row in rows]
    return Chart(
        "directions",
        "Which way do calls go?",
        "Calls by direction, and how they ended.",
        [
            _bar(title, [row[outcome] for row in rows], names, color, orientation="h")
            for outcome, title, color in OUTCOMES
            if any(row[outcome] for row in rows)
        ],
        {"barmode": "stack", "hovermode": "y unified", "xaxis": {}, "yaxis": {"type": "category"}},
    )


def _top(place: str, title: str, found: Figures) -> Chart:
    entries = found["entries"][::-1]
    # The blank keeps a number from being read as one.
    names = [entry["value"] + " " for entry in entries]
    note = f"The first {len(entries)} of {found['distinct']:,}"
    return Chart(
        place,
        title,
        note + (", of what was read." if found["partial"] else "."),
        [
            _bar("Answered", [entry["answered"] for entry in entries], names, _ANSWERED,
                 orientation="h"),
            _bar("Others", [entry["calls"] - entry["answered"] for entry in entries], names,
                 _OTHERS, orientation="h"),
        ],
        {"barmode": "stack", "hovermode": "y unified", "xaxis": {}, "yaxis": {"type": "category"}},
    )  # fmt: skip
