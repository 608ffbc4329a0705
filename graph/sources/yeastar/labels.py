"""Who a hop leads from and to, as its labels tell: `Name<number>`, a number, `Queue X<6400>`.

A menu, a queue and a mailbox "answer" as a person does; only their labels tell them apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from graph.sources.contract import Site
from graph.sources.convert import text


class Side(NamedTuple):
    """One side of a hop. A system label has no number."""

    number: str | None
    name: str | None


_LABEL = re.compile(r"(.*)<([^<>]*)>", re.DOTALL)
_DIGITS = re.compile(r"[+\d\s()./*#-]+")


def _is_number(value: str) -> bool:
    """Digits with the usual punctuation, or one word with a digit in it, such as a SIP user"""
    if not any(map(str.isdigit, value)):
        return False
    return _DIGITS.fullmatch(value) is not None or not any(map(str.isspace, value))


@lru_cache(maxsize=65_536)
def side(label: str | None, number: object = None, name: object = None) -> Side:
    """Number and name: as newer firmware tells them apart, else out of `Name<number>`.

    A name may hold `<`, so the last pair of brackets counts. What is no number, as the word
    "anonymous" or a system label that newer firmware repeats for want of one, is a name.
    """
    shown = text(label) or ""
    match = _LABEL.fullmatch(shown)
    parts = (match[1], match[2]) if match else (None, shown) if _is_number(shown) else (shown, None)
    told = [one for one in (text(number), text(parts[1])) if one is not None]
    words = [one for one in told if not _is_number(one)]
    return Side(
        next((one for one in told if one not in words), None),
        text(name) or text(parts[0]) or (words[0] if words else None),
    )


class Place(Enum):
    """What a hop leads to."""

    PHONE = "phone"
    QUEUE = "queue"
    MAILBOX = "mailbox"
    MACHINE = "machine"


QUEUE = re.compile(r"queue\b\s*", re.IGNORECASE)
_MAILBOX = re.compile(r"voice ?mail", re.IGNORECASE)
_MACHINE = re.compile(r"(?:ivr|play ?file|play ?prompt|satisfaction survey)\b", re.IGNORECASE)


def place(site: Site) -> Callable[..., Place]:
    """What `call_to` leads to, by the beginning of its label, or by its number in the options."""
    return _teller(frozenset(site.options.queue_numbers), frozenset(site.options.machine_numbers))


@lru_cache
def _teller(queues: frozenset[str], machines: frozenset[str]) -> Callable[..., Place]:
    @lru_cache(maxsize=65_536)
    def tell(label: str | None, number: object = None, name: object = None) -> Place:
        callee = side(label, number, name)
        if callee.number in queues:
            return Place.QUEUE
        if callee.number in machines:
            return Place.MACHINE
        shown = text(label) or callee.name or ""
        if QUEUE.match(shown):
            return Place.QUEUE
        if _MAILBOX.match(shown):
            return Place.MAILBOX
        return Place.MACHINE if _MACHINE.match(shown) else Place.PHONE

    return tell
