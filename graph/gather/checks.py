"""The conditions of a filter: what each reads, how it is tested, what a vendor is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from graph.caller import Caller
from graph.errors import BadUserInput, NotAllowed
from graph.privacy import is_pseudonym
from graph.sources.contract import Condition
from graph.sources.masks import holds_phone_number
from graph.types.inputs import CallFilter, camel
from graph.types.scalars import IntRange

Test = Callable[[Any], bool]

_PARTY = ("number", "e164", "extension")


class Check(msgspec.Struct, frozen=True):
    """One condition on a record: the paths it reads, the test, and how a vendor is told of it."""

    name: str
    needs: tuple[str, ...]
    test: Test
    condition: Condition
    pushable: bool = True
    """a vendor may be told; it compares with what records hold before they are masked"""


def checks(filter: CallFilter | None, caller: Caller) -> tuple[Check, ...]:
    """Every condition of the filter that is tested on records; BadUserInput names a wrong one.

    NotAllowed where it would tell the caller what they may not see.
    """
    if filter is None:
        return ()
    _permit(filter, caller)
    made: list[Check] = []
    for name, make in _MAKERS.items():
        value = getattr(filter, name)
        if value is not None:
            if isinstance(value, list) and not value:
                raise BadUserInput(
                    f"filter.{camel(name)}", "give at least one value, or leave it out"
                )
            check = make(name, value)
            if not caller.clear and name in (*_WHO, *_LABELS):
                check = msgspec.structs.replace(check, pushable=False)
            made.append(check)
    if filter.answered_since is not None or filter.answered_until is not None:
        made.append(_answered(filter.answered_since, filter.answered_until))
    return tuple(made)


# ---------------------------------------------------------------- who may ask by what

_WHO = ("number", "caller", "callee", "extension", "did", "agent")
_LABELS = ("trunk", "queue")


def _permit(filter: CallFilter, caller: Caller) -> None:
    """What a caller sees as a pseudonym can be asked for by whole pseudonyms, and no other way"""
    if filter.has_recording is not None and "recordings:read" not in caller.scopes:
        raise NotAllowed(
            "recordings:read", "this needs the scope recordings:read", "filter.hasRecording"
        )
    if caller.clear:
        return
    for name in _WHO:
        for place, value in enumerate(getattr(filter, name) or ()):
            if not is_pseudonym(value):
                raise NotAllowed(
                    "numbers:clear",
                    "without the scope numbers:clear only whole pseudonyms can be asked for, as "
                    "answers give them: no numbers, names or prefixes",
                    f"filter.{name}[{place}]",
                )
    for name in _LABELS:
        for place, value in enumerate(getattr(filter, name) or ()):
            if holds_phone_number(value):
                raise NotAllowed(
                    "numbers:clear",
                    "without the scope numbers:clear no phone number can be asked for",
                    f"filter.{name}[{place}]",
                )
    for place, condition in enumerate(filter.per_source or ()):
        for name in ("search", "account", "identity"):
            if getattr(condition, name) is not None:
                raise NotAllowed(
                    "numbers:clear",
                    "the phone system compares this with numbers and names as they are, which "
                    "needs the scope numbers:clear",
                    f"filter.perSource[{place}].{name}",
                )


# ---------------------------------------------------------------- numbers

_PUNCTUATION = re.compile(r"[\s()/.\-]")


def _plain(number: str) -> str:
    return _PUNCTUATION.sub("", number)


def _forms(party: Any) -> set[str]:
    """Every spelling of a party's number that a caller might mean"""
    forms: set[str] = set()
    for value in (party.number, party.e164, party.extension):
        if value:
            forms |= _spellings(value)
    return forms


def _spellings(value: str) -> set[str]:
    """With and without `+` or 00; of an extension within an organization, its own part too"""
    plain = _plain(value)
    return {plain, plain.removeprefix("+"), plain.removeprefix("00"), plain.rpartition("*")[2]}


def _matcher(name: str, patterns: list[str]) -> Callable[[set[str]], bool]:
    whole: set[str] = set()
    prefixes: list[str] = []
    for pattern in patterns:
        plain = _plain(pattern)
        body = plain.removesuffix("*")
        if not body.strip("*"):
            raise BadUserInput(
                f"filter.{camel(name)}",
                "a number is given whole, or as a prefix with a `*` at its end",
            )
        # With or without `+` or 00 the same number is meant.
        body = body.removeprefix("+") if body != "+" else body
        body = body.removeprefix("00") if body.startswith("00") and len(body) > 4 else body
        if plain.endswith("*"):
            prefixes.append(body)
        else:
            whole.add(body)

    def match(forms: set[str]) -> bool:
        return not whole.isdisjoint(forms) or any(
            form.startswith(prefix) for prefix in prefixes for form in forms
        )

    return match


def _number(*sides: str) -> Callable[[str, list[str]], Check]:
    def make(name: str, patterns: list[str]) -> Check:
        match = _matcher(name, patterns)
        needs = tuple(f"{side}.{part}" for side in sides for part in _PARTY)
        return Check(
            name,
            needs,
            lambda record: any(match(_forms(getattr(record, side))) for side in sides),
            Condition(name, tuple(patterns)),
        )

    return make


def _extension(name: str, patterns: list[str]) -> Check:
    match = _matcher(name, patterns)
    return Check(
        name,
        ("caller.extension", "callee.extension"),
        lambda record: match(
            {
                form
                for side in (record.caller, record.callee)
                if side.extension
                for form in _spellings(side.extension)
            }
        ),
        Condition(name, tuple(patterns)),
    )


def _did(name: str, patterns: list[str]) -> Check:
    match = _matcher(name, patterns)

    def test(record: Any) -> bool:
        if not record.did:
            return False
        return match(_spellings(record.did))

    return Check(name, ("did",), test, Condition(name, tuple(patterns)))


# ---------------------------------------------------------------- words


def _one_of(path: str) -> Callable[[str, list[Any]], Check]:
    def make(name: str, values: list[Any]) -> Check:
        wanted = frozenset(values)
        return Check(
            name,
            (path,),
            lambda record: getattr(record, path) in wanted,
            Condition(name, tuple(values)),
        )

    return make


def _text(*paths: str) -> Callable[[str, list[str]], Check]:
    def make(name: str, patterns: list[str]) -> Check:
        if not all(pattern.strip("*") for pattern in patterns):
            raise BadUserInput(f"filter.{camel(name)}", "an empty value matches nothing")
        whole = {p.casefold() for p in patterns if not p.endswith("*")}
        prefixes = tuple(p[:-1].casefold() for p in patterns if p.endswith("*"))

        def fits(value: str | None) -> bool:
            if value is None:
                return False
            folded = value.casefold()
            return folded in whole or (bool(prefixes) and folded.startswith(prefixes))

        return Check(
            name,
            paths,
            lambda record: any(fits(getattr(record, path)) for path in paths),
            Condition(name, tuple(patterns)),
        )

    return make


def _keys(name: str, values: list[str]) -> Check:
    wanted = frozenset(values)
    return Check(
        name,
        ("call_key",),
        lambda record: record.call_key in wanted,
        Condition(name, tuple(values)),
    )


# ---------------------------------------------------------------- amounts


def _range(path: str) -> Callable[[str, IntRange], Check]:
    def make(name: str, bounds: IntRange) -> Check:
        low, high = bounds.min, bounds.max
        if low is None and high is None:
            raise BadUserInput(f"filter.{camel(name)}", "give `min`, `max` or both")
        if low is not None and high is not None and low > high:
            raise BadUserInput(f"filter.{camel(name)}", "`min` is more than `max`")

        def test(record: Any) -> bool:
            value = getattr(record, path)
            if value is None:
                return False
            return (low is None or value >= low) and (high is None or value <= high)

        return Check(name, (path,), test, Condition(name, (low, high)))

    return make


def _recording(name: str, wanted: bool) -> Check:
    return Check(
        name,
        ("recording",),
        lambda record: (record.recording is not None) is wanted,
        Condition(name, (wanted,)),
    )


def _answered(since: datetime | None, until: datetime | None) -> Check:
    if since is not None and until is not None and since >= until:
        raise BadUserInput("filter.answeredUntil", "`answeredUntil` is not after `answeredSince`")

    def test(record: Any) -> bool:
        moment = record.answered_at
        if moment is None:
            return False
        return (since is None or moment >= since) and (until is None or moment < until)

    return Check("answered", ("answered_at",), test, Condition("answered", (since, until)))


_MAKERS: Mapping[str, Callable[[str, Any], Check]] = {
    "number": _number("caller", "callee"),
    "caller": _number("caller"),
    "callee": _number("callee"),
    "extension": _extension,
    "direction": _one_of("direction"),
    "disposition": _one_of("disposition"),
    "talk_seconds": _range("talk_seconds"),
    "total_seconds": _range("total_seconds"),
    "trunk": _text("trunk_in", "trunk_out"),
    "did": _did,
    "queue": _text("queue"),
    "agent": _text("agent"),
    "has_recording": _recording,
    "call_key": _keys,
}
