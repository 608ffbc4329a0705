"""Statistics for people: the query behind the command, a table with bars, a progress bar.

What is drawn is the answer to QUERY as any client gets it, so a chart has no arithmetic of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_ABOUT = "reason partial sampleSize excluded { reason count }"

_FIGURES = f"""
    offered answered unanswered busy failed notAllowed abandoned voicemail unknown talkSeconds
    answerSeizureRatio {{ value {_ABOUT} }}
    averageCallDuration {{ value {_ABOUT} }}
    averageSpeedOfAnswer {{ value {_ABOUT} }}
    serviceLevel {{ value {_ABOUT} arguments {{ name value }} }}
    traffic {{ value {_ABOUT} }}
    peakConcurrency {{ value since {_ABOUT} }}
"""

QUERY = f"""
query Figures($filter: CallFilter!, $groupBy: [StatsKey!], $timeZone: String!) {{
  stats(filter: $filter, groupBy: $groupBy, timeZone: $timeZone) {{
    complete timeZone window {{ since until }} comparableWindow {{ since until }}
    outcomes {{ source {{ id name }} state message records requests covered {{ since until }} }}
    {_FIGURES}
    busyHour {{ value since until {_ABOUT} }}
    networkEffectivenessRatio {{ value {_ABOUT} }}
    abandonRate {{ value {_ABOUT} }}
    missedNotReturned {{ value {_ABOUT} }}
    byDirection {{
      direction offered answered unanswered busy failed notAllowed abandoned voicemail unknown
    }}
    topCallers(first: 10) {{ distinct partial entries {{ value calls answered }} }}
    topExtensions(first: 10) {{ distinct partial entries {{ value calls answered }} }}
    topQueues(first: 10) {{ distinct partial entries {{ value calls answered }} }}
    caveats {{ figure reason count }}
    definitions {{ figure name formula standard numerator denominator }}
    groups {{ keys {{ key value label since until }} {_FIGURES} }}
  }}
}}
"""

_FULL, _LIGHT = "█", "░"
_EIGHTHS = " ▏▎▍▌▋▊▉"


def label(group: Mapping[str, Any]) -> str:
    """A group's keys as one text"""
    return " · ".join(
        "(none)" if key["value"] is None else key["label"] or key["value"] for key in group["keys"]
    )


def bar(answered: int, offered: int, most: int, width: int) -> str:
    """Offered calls as a bar as wide as `width` for `most`; the answered ones are its full part"""
    if not most:
        return ""
    whole, full = offered * width * 8 // most, answered * width * 8 // most
    blocks = _FULL * (full // 8)
    if full % 8 and whole // 8 == full // 8:
        blocks += _EIGHTHS[full % 8]
    elif full % 8:
        blocks += _FULL if full % 8 >= 4 else _LIGHT
    blocks += _LIGHT * (whole // 8 - len(blocks))
    return blocks or _EIGHTHS[max(1, whole)]


def clock(seconds: float | None) -> str:
    """Seconds as minutes and seconds; a dash for null"""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def percent(ratio: float | None) -> str:
    """A ratio in per cent; a dash for null"""
    return "–" if ratio is None else f"{ratio * 100:.1f}%"


_HEAD = ("", "", "OFFERED", "ANSWERED", "ASR", "ACD", "ASA", "IN 20 S", "ERLANG", "PEAK")


def table(stats: Mapping[str, Any], columns: int) -> str:
    """The groups with bars, the whole below them, and what is missing; `columns` wide at most"""
    groups: Sequence[Mapping[str, Any]] = stats["groups"]
    most = max((group["offered"] for group in groups), default=0)
    cells = [_cells(label(group), group) for group in groups]
    cells.append(_cells("ALL", stats))
    widths = [max(len(row[place]) for row in [_HEAD, *cells]) for place in range(len(_HEAD))]
    widths[0] = min(widths[0], 40)
    room = columns - sum(widths) - 2 * (len(_HEAD) - 1)
    widths[1] = max(8, min(room, 50))
    lines = [_line(_HEAD, widths)]
    for group, row in zip(groups, cells, strict=False):
        drawn = bar(group["answered"], group["offered"], most, widths[1])
        lines.append(_line((row[0], drawn, *row[2:]), widths))
    lines.append("─" * min(columns, sum(widths) + 2 * (len(_HEAD) - 1)))
    lines.append(_line(cells[-1], widths))
    lines += _notes(stats)
    return "\n".join(lines)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    left = [cell[:width].ljust(width) for cell, width in zip(row[:2], widths, strict=False)]
    right = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
    return "  ".join([*left, *right]).rstrip()


def _cells(name: str, figures: Mapping[str, Any]) -> tuple[str, ...]:
    traffic, peak = figures["traffic"]["value"], figures["peakConcurrency"]["value"]
    return (
        name,
        "",
        f"{figures['offered']:,}",
        f"{figures['answered']:,}",
        percent(figures["answerSeizureRatio"]["value"]),
        clock(figures["averageCallDuration"]["value"]),
        clock(figures["averageSpeedOfAnswer"]["value"]),
        percent(figures["serviceLevel"]["value"]),
        "–" if traffic is None else f"{traffic:.2f}",
        "–" if peak is None else f"{peak:.0f}",
    )


def _notes(stats: Mapping[str, Any]) -> list[str]:
    """What the figures leave out"""
    window, zone = stats["window"], stats["timeZone"]
    lines = ["", f"Calls that began from {window['since']} to {window['until']}; hours in {zone}."]
    for name, title in (("serviceLevel", "Service level"), ("traffic", "Traffic")):
        lines += [
            f"{title} leaves out {excluded['count']:,} calls: {excluded['reason']}"
            for excluded in stats[name]["excluded"]
        ]
    for outcome in stats["outcomes"]:
        if outcome["state"] == "OK" and outcome["message"] is None:
            continue
        covered = outcome["covered"]
        until = f"read up to {covered['until']}" if covered else "nothing of it is counted"
        lines.append(
            f"INCOMPLETE: {outcome['source']['id']}: {outcome['state']}: {outcome['message']} "
            f"({until})"
        )
    return lines


class ProgressBar:
    """How far each source is read, as one line that is written anew."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._shares: dict[str, tuple[float, int]] = {}

    def line(self, source: str, share: float, calls: int) -> str:
        """The line after a source came so far; it begins at the start of the terminal's line"""
        self._shares[source] = (share, calls)
        slowest = min(share for share, _ in self._shares.values())
        total = sum(calls for _, calls in self._shares.values())
        width = max(10, min(40, self._columns - 45))
        full = int(slowest * width)
        text = (
            f"[{_FULL * full}{_LIGHT * (width - full)}] {slowest:4.0%}  "
            f"{total:,} calls of {len(self._shares)} sources"
        )
        return "\r" + text[: self._columns - 1].ljust(self._columns - 1)

    def end(self) -> str:
        """What takes the line away again"""
        return "\r" + " " * (self._columns - 1) + "\r"
