"""What is made of a system's words once, and shared by the records of rows that say the same."""

from __future__ import annotations

import types
import typing
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from graph.sources import all_vendors, generate, vendor
from graph.sources.compiling import compiled
from graph.sources.contract import Resource, Site
from graph.sources.made import Made
from graph.sources.words import OTHERS, UnknownWords
from graph.types.call import CallDirection, CallLog

_LISTS = [
    pytest.param(resource, id=f"{manifest.name}-{kind}")
    for manifest in all_vendors()
    for kind, resource in (("logs", manifest.logs), ("records", manifest.records))
    if resource is not None
]


def site_of(name: str) -> Site:
    return Site("here", ZoneInfo("UTC"), None, vendor(name).options(), converters={})


@pytest.mark.parametrize("resource", _LISTS)
def test_words_are_told_apart_as_keys_of_a_dict(resource: Resource) -> None:
    hints = typing.get_type_hints(resource.wire)
    for name in resource.words:
        hint = hints[name]
        kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        # 1 and 1.0 and True are one key, and a list is none.
        assert set(kinds) <= {str, int, type(None)}, name


def test_rows_that_say_the_same_share_what_is_made_of_it_and_no_others() -> None:
    site, resource = site_of("portsip"), vendor("portsip").logs
    paths = frozenset({"caller.number", "caller.name", "callee.number", "disposition"})
    convert = compiled(CallLog, resource, paths, site)

    def row(caller: str, code: int, answered: str = "") -> CallLog:
        wire = resource.wire(id="1", caller=caller, callee="2002", status_code=code,
                             answered_at=answered)  # fmt: skip
        [made] = convert([wire], None)
        assert made is not None
        return made

    one, same, other = row("2001", 486), row("2001", 486), row("2003", 486, "2026-03-01T08:00:00Z")
    assert one.caller is same.caller
    assert one.callee is other.callee
    assert [call.caller.number for call in (one, same, other)] == ["2001", "2001", "2003"]
    assert [call.disposition.name for call in (one, same, other)] == ["BUSY", "BUSY", "ANSWERED"]


def test_all_systems_of_a_vendor_share_a_conversion_that_knows_whose_rows_it_gets() -> None:
    manifest = vendor("voicenter")
    paths = frozenset({"started_at", "disposition", "talk_seconds", "caller.name"})
    row = manifest.logs.wire(call_id="1", date="2026-03-01 10:00:00", dial_status="ODD")
    generate.records.cache_clear()
    for zone, hour in (("Asia/Jerusalem", 8), ("UTC", 10), ("America/New_York", 15)):
        site = msgspec.structs.replace(
            site_of("voicenter"), options=manifest.options(date_zone=zone), converters={}
        )
        [made] = compiled(CallLog, manifest.logs, paths, site)([row], None)
        assert made is not None
        assert made.started_at == datetime(2026, 3, 1, hour, tzinfo=UTC)
        assert site.unknown_words == {"ODD": 1}
    assert generate.records.cache_info().misses == 1


def test_a_word_that_nobody_knows_is_counted_in_each_row_that_says_it() -> None:
    site, resource = site_of("portsip"), vendor("portsip").logs
    convert = compiled(CallLog, resource, frozenset({"direction"}), site)
    for word in ("SIDEWAYS", "INBOUND_CALL", "SIDEWAYS", "SIDEWAYS"):
        wire = resource.wire(id="1", direction=word)
        [made] = convert([wire], None)
        assert made is not None
        assert (made.direction is CallDirection.UNKNOWN) is not (word == "INBOUND_CALL")
    assert site.unknown_words == {"SIDEWAYS": 3}


def test_what_is_kept_is_bounded_and_never_shown() -> None:
    made = Made(UnknownWords())
    calls: list[str] = []

    def shout(word: str) -> str:
        calls.append(word)
        return word.upper()

    for number in range(20_000):
        assert made[shout, f"+4930{number}"] == f"+4930{number}"
    assert len(made) < 5_000
    assert len(calls) == 20_000
    assert "+4930" not in repr(made)
    assert made[shout, "+493019999"]
    assert len(calls) == 20_000


def test_what_cannot_be_made_is_not_kept() -> None:
    made = Made(UnknownWords())
    for _ in range(2):
        with pytest.raises(ValueError, match="none"):
            made[int, "none"]
    assert not made


def test_a_site_that_is_copied_counts_its_own_words() -> None:
    site = site_of("portsip")
    copy = msgspec.structs.replace(site, unknown_words=UnknownWords())
    copy.made[copy.unknown_words.met, "SIDEWAYS"]
    assert not copy.made
    assert not site.unknown_words


def test_unknown_words_are_counted_one_by_one_up_to_a_hundred_and_then_together() -> None:
    told: list[bool] = []
    words = UnknownWords(lambda: told.append(True))
    for number in range(500):
        words.met(f"WORD-{number}" + "x" * 1000)
    words.met("WORD-0" + "x" * 1000)
    assert words.total() == len(told) == 501
    assert len(words) == 101
    assert words[OTHERS] == 400
    assert max(map(len, words)) == 60
