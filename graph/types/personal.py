"""What an attribute tells of people: said once, where the attribute is declared.

Whoever may not see phone numbers and names gets records in which what is personal is replaced or
left out (`sources/masks.py`). What says nothing here is taken to be personal.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

from strawberry.types.base import StrawberryList, StrawberryOptional
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

from graph.types.scalars import Long, Money, TimeWindow


class Tells(Enum):
    """What an attribute tells of people."""

    PERSON = "person"
    """who it was: a number or a name, which becomes a pseudonym; text is taken for that"""
    LABEL = "label"
    """what an administrator called something; it becomes a pseudonym if it holds a phone number"""
    NOTHING = "nothing"
    """a system's own word, id, amount or moment"""
    ANYTHING = "anything"
    """free text, files, entries as sent: left out; what is neither text nor amount is taken so"""


def tells(what: Tells, *scopes: str) -> Mapping[str, Any]:
    """The metadata of an attribute: what it tells, and the scopes that selecting it needs"""
    return {"tells": what, "scopes": scopes}


LABEL = tells(Tells.LABEL)
PLAIN = tells(Tells.NOTHING)
FREE = tells(Tells.ANYTHING)


class About(NamedTuple):
    """One attribute: what it tells, and whether it may be null"""

    tells: Tells
    nullable: bool

    @property
    def personal(self) -> bool:
        """Not everybody may see it as it is"""
        return self.tells is not Tells.NOTHING


_AMOUNTS = (int, float, bool, Decimal, datetime, Long, Money, TimeWindow)


@lru_cache
def attributes(kind: type) -> Mapping[str, About]:
    """What each attribute of a type of the schema tells"""
    return {field.name: _about(field) for field in _fields(kind)}


def scopes(*kinds: type) -> Mapping[str, tuple[str, ...]]:
    """The attributes that need a scope of their own, by name"""
    return {
        field.name: field.metadata["scopes"]
        for kind in kinds
        for field in _fields(kind)
        if field.metadata.get("scopes")
    }


def _fields(kind: type) -> list[StrawberryField]:
    return [field for field in dataclasses.fields(kind) if isinstance(field, StrawberryField)]


def _about(field: StrawberryField) -> About:
    told, nullable = field.type, False
    while isinstance(told, StrawberryOptional | StrawberryList):
        nullable = nullable or isinstance(told, StrawberryOptional)
        told = told.of_type
    said = field.metadata.get("tells")
    if said is None:
        harmless = told in _AMOUNTS or isinstance(told, StrawberryEnumDefinition)
        said = Tells.PERSON if told is str else Tells.NOTHING if harmless else Tells.ANYTHING
    return About(said, nullable)
