"""A request's parameters, read as the PBX reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from graph.sources.company import QUEUES, STAFF
from graph.sources.yeastar.simulator import refusal
from graph.sources.yeastar.simulator.ledger import Shown, Test
from graph.sources.yeastar.simulator.refusal import Refusal
from graph.sources.yeastar.simulator.rows import DISPOSITIONS, LAST_STATUS, Row, Scribe
from graph.sources.yeastar.simulator.switches import Switches

ALL_EXTENSIONS = 1
"""the id of the only extension group"""
_MEMBERS = frozenset(person.number for person in STAFF)
_PARTIES = ("call_from", "call_to")
_LAST_NUMBER = re.compile(r"<([^<>]*)>$")


class Asked:
    """The query of one request. A blank parameter counts as left out."""

    def __init__(self, query: Mapping[str, str], switches: Switches, scribe: Scribe) -> None:
        self._query = query
        self._switches = switches
        self._scribe = scribe
        self._filters: dict[str, Callable[[str], Test]] = {
            "call_from": lambda value: self._party("call_from", value),
            "call_to": lambda value: self._party("call_to", value),
            "status": lambda value: _word("disposition", value, DISPOSITIONS),
            "last_status": lambda value: _word("last_status", value, LAST_STATUS),
            "extension_group": lambda value: _in_group([_whole(value)]),
            "ext_group": lambda value: _in_group(_wholes(value)),
            "queue_list": lambda value: _in_queues(_wholes(value)),
            "did": _dialled,
            "call_note_remark": _remarked,
            "disposition_code_list": _coded,
            "account_code": lambda _value: _never,
        }

    def text(self, name: str) -> str | None:
        return self._query.get(name) or None

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise Refusal(refusal.PARAMETER, name, "required")
        return value

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        value = self.text(name) or default
        if value not in allowed:
            raise Refusal(refusal.PARAMETER, value, "in")
        return value

    def page(self) -> tuple[int, int]:
        """The page asked for, and how many rows a page has"""
        most = self._switches.page_size
        page, size = _whole(self.text("page") or "1"), _whole(self.text("page_size") or str(most))
        if size > most and self._switches.oversize == "clamp":
            size = most
        for value, fits in ((page, page >= 1), (size, 1 <= size <= most)):
            if not fits:
                raise Refusal(refusal.PARAMETER, str(value), "range")
        return page, size

    def window(self, first: str, last: str, *, seconds: bool) -> tuple[int | None, int | None]:
        """Both edges, included; `seconds`: they may be given as seconds of the epoch"""
        since, until = self._moment(first, seconds), self._moment(last, seconds)
        if since is not None and not self._switches.start_inclusive:
            since += 1
        if until is not None and not self._switches.end_inclusive:
            until -= 1
        return since, until

    def tests(self, *names: str) -> list[Test]:
        """The conditions among these parameters"""
        values = {name: self.text(name) for name in names}
        return [self._filters[name](value) for name, value in values.items() if value is not None]

    def _moment(self, name: str, seconds: bool) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if seconds and re.fullmatch(r"[0-9]{1,10}", value):
            return int(value)
        try:
            return self._scribe.moment(value)
        except ValueError:
            raise Refusal(refusal.PARAMETER, value, "datetime") from None

    def _party(self, key: str, value: str) -> Test:
        fuzzy = self._switches.fuzzy
        if self._switches.profile == "A":
            fuzzy = self.choice("enable_fuzzy_search", ("0", "1"), "0") == "1"
        if fuzzy:
            return lambda shown: value in _number(shown.row, key)
        return lambda shown: value == _number(shown.row, key)


def _whole(value: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,9}", value):
        raise Refusal(refusal.PARAMETER, value, "integer")
    return int(value)


def _wholes(value: str) -> list[int]:
    return [_whole(part) for part in value.split(",")]


def _number(row: Row, key: str) -> str:
    label = str(row.get(key, ""))
    found = _LAST_NUMBER.search(label)
    return str(row.get(f"{key}_number") or (found[1] if found else label))


def _word(key: str, value: str, allowed: Collection[str]) -> Test:
    if value not in allowed:
        raise Refusal(refusal.PARAMETER, value, "in")
    return lambda shown: shown.row.get(key) == value


def _in_group(ids: list[int]) -> Test:
    if ALL_EXTENSIONS not in ids:
        return _never
    return lambda shown: any(_number(shown.row, key) in _MEMBERS for key in _PARTIES)


def _in_queues(ids: list[int]) -> Test:
    queues = [queue for number, queue in enumerate(QUEUES, 1) if number in ids]
    return lambda shown: shown.call is not None and shown.call.queue in queues


def _dialled(value: str) -> Test:
    wanted = value.split(",")
    if not all(":" in pair for pair in wanted):
        raise Refusal(refusal.PARAMETER, value, "did")

    def test(shown: Shown) -> bool:
        row, call = shown
        if call is None:
            return f"{row.get('did_number')}:{row.get('src_trunk')}" in wanted
        return f"{call.did}:{call.trunk}" in wanted

    return test


def _remarked(value: str) -> Test:
    return lambda shown: shown.call is not None and value in (shown.call.note or "")


def _coded(value: str) -> Test:
    # The company gives its calls remarks but no codes.
    _wholes(value)
    return _never


def _never(_shown: Shown) -> bool:
    return False
