"""What of a list is asked for: our paths, and what on the wire they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache

import msgspec

from graph.sources.contract import Field, Resource

GIVEN_LATER = frozenset({"id", "source", "unit", "logs", "record"})
"""paths that are set by whoever reads the list, not by a vendor's mapping"""
_MOST_SELECTIONS = 500
"""whose properties are remembered"""


@lru_cache(maxsize=_MOST_SELECTIONS)
def heads(paths: frozenset[str]) -> frozenset[str]:
    """The first steps of the paths"""
    return frozenset(path.partition(".")[0] for path in paths)


def asked(field: Field, paths: frozenset[str], first: frozenset[str]) -> bool:
    """The path is among those asked for; a field of a whole object answers for its parts."""
    return field.path in paths or ("." not in field.path and field.path in first)


@lru_cache(maxsize=_MOST_SELECTIONS)
def wire_names(resource: Resource, paths: frozenset[str]) -> frozenset[str]:
    """The wire attributes that the asked paths are made of, and those always needed"""
    first = heads(paths)
    needed = set(resource.always)
    for field in resource.fields:
        if field.part is None and asked(field, paths, first):
            needed.update(wire_of(field))
    return frozenset(needed)


def wire_of(field: Field) -> tuple[str, ...]:
    """The attributes of the wire Struct that the field is made of"""
    return (field.wire,) if isinstance(field.wire, str) else field.wire


@lru_cache(maxsize=_MOST_SELECTIONS)
def wire_keys(resource: Resource, paths: frozenset[str]) -> frozenset[str]:
    """The names on the wire of everything that the asked paths are made of"""
    names = _on_the_wire(resource.wire)
    if "logs" in heads(paths) and resource.legs_of is not None:
        return frozenset(names.values())  # any of it may be told of a leg
    return frozenset(names[name] for name in wire_names(resource, paths))


@cache
def _on_the_wire(wire: type[msgspec.Struct]) -> Mapping[str, str]:
    """How a Struct's attributes are called on the wire"""
    return {info.name: info.encode_name for info in msgspec.structs.fields(wire)}
