"""Records for callers who may not see phone numbers and names: the same function for all of them.

A number or a name becomes a keyed pseudonym, equal for equal numbers of all sources; what could
hold anything is left out. It is decided by the declared types when a conversion is compiled, so
that a caller who may see everything pays nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy
from functools import lru_cache
from typing import Any

from graph.privacy import pseudonym
from graph.sources.convert import country
from graph.types.personal import About, Tells, attributes

Change = Callable[[Any], Any]

_PUNCTUATION = re.compile(r"[\s()/.\-]")
_PHONE_NUMBER = re.compile(r"\d(?:[\s()/.\-]{0,3}\d){5}")
"""six digits: five and fewer are extensions, queues and service numbers"""


def holds_phone_number(text: str) -> bool:
    """There is a number of six digits or more in it"""
    return _PHONE_NUMBER.search(text) is not None


class Mask:
    """The pseudonyms of one source. `international` reads a number of it as E.164.

    `key` is of the whole server, so that the same number has one pseudonym everywhere.
    """

    def __init__(self, key: bytes, international: Callable[[object], str | None]) -> None:
        self._key = key
        self._international = international
        self._person = lru_cache(maxsize=65_536)(self._make)

    def __repr__(self) -> str:
        return "<Mask>"

    def of(self, kind: type, attribute: str) -> Change | None:
        """What becomes of an attribute's value; None where it stays as it is"""
        return self._change(attributes(kind)[attribute])

    def changed(self, kind: type, attribute: str, value: Any) -> Any:
        """What becomes of one value, which may be None"""
        change = self.of(kind, attribute)
        return value if change is None or value is None else change(value)

    def person(self, value: object) -> str:
        """The pseudonym of a number or a name"""
        return self._person(str(value))

    def label(self, value: object) -> str:
        """A label as it is, or its pseudonym if it holds a phone number"""
        text = str(value)
        return self._person(text) if holds_phone_number(text) else text

    def _make(self, text: str) -> str:
        number = self._international(text)
        if number is None:
            return pseudonym(self._key, _PUNCTUATION.sub("", text))
        return pseudonym(self._key, number, country(number))

    def _change(self, about: About) -> Change | None:
        if not about.personal:
            return None
        if about.tells is Tells.PERSON:
            return _each(self.person)
        if about.tells is Tells.LABEL:
            return _each(self.label)
        return self._anything

    def _anything(self, value: Any) -> Any:
        """None, or an object of ours with its own attributes masked"""
        if not hasattr(type(value), "__strawberry_definition__"):
            return None
        kind: type = type(value)
        made = copy(value)
        for name, about in attributes(kind).items():
            held = self.changed(kind, name, getattr(value, name))
            if held is None and not about.nullable:
                return None
            setattr(made, name, held)
        return made


def _each(change: Callable[[object], str]) -> Change:
    def changed(value: Any) -> Any:
        return [change(one) for one in value] if isinstance(value, list) else change(value)

    return changed
