"""FIELDS to one function: wire row in, record with what was asked for out, and nothing else set.

def convert(w, raw):            what is compiled for "startedAt totalSeconds" of PortSIP
r = new(Target)
v0 = w.started_at
v1 = instant(v0)            made once, though two fields need it
r.started_at = v1
v2 = w.ended_at
v3 = instant(v2)
v4 = between(v1, v3)
r.total_seconds = v4
return r
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol, TypeVar

import msgspec

from graph.sources.contract import Composed, Field, PerSite, Resource, Site
from graph.types.call import Party
from graph.types.scalars import as_json

T = TypeVar("T")


class Changes(Protocol):
    """What becomes of the attributes of records before anybody reads them."""

    def of(self, kind: type, attribute: str) -> Callable[[Any], Any] | None:
        """What becomes of an attribute's value; None where it stays as it is"""


_NESTED: Mapping[str, type] = {"caller": Party, "callee": Party}


def heads(paths: Iterable[str]) -> frozenset[str]:
    """The first steps of the paths"""
    return frozenset(path.partition(".")[0] for path in paths)


def asked(field: Field, paths: frozenset[str], first: frozenset[str]) -> bool:
    """The path is among those asked for; a field of a whole object answers for its parts."""
    return field.path in paths or ("." not in field.path and field.path in first)


def wire_names(resource: Resource, paths: frozenset[str]) -> frozenset[str]:
    """The wire attributes that the asked paths are made of, and those always needed"""
    first = heads(paths)
    needed = set(resource.always)
    for field in resource.fields:
        if field.part is None and asked(field, paths, first):
            needed.update((field.wire,) if isinstance(field.wire, str) else field.wire)
    return frozenset(needed)


def wire_keys(resource: Resource, paths: frozenset[str]) -> frozenset[str]:
    """The names on the wire of everything that the asked paths are made of"""
    names = _on_the_wire(resource.wire)
    keys = frozenset(names[name] for name in wire_names(resource, paths))
    return keys | frozenset(resource.legs_wire) if "logs" in heads(paths) else keys


@cache
def _on_the_wire(wire: type[msgspec.Struct]) -> Mapping[str, str]:
    """How a Struct's attributes are called on the wire"""
    return {info.name: info.encode_name for info in msgspec.structs.fields(wire)}


def compiled(
    target: type[T],
    fields: Sequence[Field],
    paths: frozenset[str],
    site: Site,
    details: type | None = None,
    mask: Changes | None = None,
) -> Callable[[Any, Any], T]:
    """A function from a wire row, and the row as sent, to a `target` with what was asked for.

    `paths` are like "talk_seconds", "caller.number", "details.pin_code", "raw". Late parts that
    were asked for are set to None; they are filled later. It is made once for a site and selection.
    `mask` says what becomes of what is personal; None: it stays as it is.
    """
    key = (target, id(fields), paths, details, mask is not None)
    made = site.converters.get(key)
    if made is None:
        if len(site.converters) >= _MOST_CONVERTERS:
            site.converters.clear()
        made = site.converters[key] = _compile(target, fields, paths, site, details, mask)
    return made


_MOST_CONVERTERS = 500


def _compile(
    target: type[T],
    fields: Sequence[Field],
    paths: frozenset[str],
    site: Site,
    details: type | None,
    mask: Changes | None,
) -> Callable[[Any, Any], T]:
    nested = dict(_NESTED)
    if details is not None:
        nested["details"] = details
    first = heads(paths)
    names: dict[str, Any] = {"new": object.__new__, "Target": target, "as_json": as_json}
    lines = ["def convert(w, raw):", " r = new(Target)"]
    opened: set[str] = set()
    done: set[str] = set()
    locals_: dict[Any, str] = {}

    def local_of(key: Any, expression: str) -> str:
        """the name of what was made of it before in this row, or is made of it now"""
        if key not in locals_:
            locals_[key] = f"v{len(locals_)}"
            lines.append(f" {locals_[key]} = {expression}")
        return locals_[key]

    def value(how: Callable[..., Any] | PerSite | Composed, wire: Sequence[str]) -> str:
        """the name of what a converter makes of wire attributes"""
        first: Sequence[Callable[..., Any] | PerSite] = ()
        if isinstance(how, Composed):
            first, how = how.first, how.convert
        given = [value(inner, (name,)) for inner, name in zip(first, wire, strict=False)]
        given += [local_of(name, f"w.{name}") for name in wire[len(first) :]]
        convert = _for_site(how, site)
        function = f"c{id(convert)}"
        names[function] = convert
        return local_of((function, *given), f"{function}({', '.join(given)})")

    def open_object(head: str) -> None:
        if head not in opened:
            opened.add(head)
            names[f"T_{head}"] = nested[head]
            lines.append(f" {head} = r.{head} = new(T_{head})")
            if head == "details":
                lines.append(f" {head}.vendor = vendor")

    for field in fields:
        if not asked(field, paths, first):
            continue
        head, _, rest = field.path.partition(".")
        done.add(field.path)
        if rest:
            open_object(head)
        where = f"{head}.{rest}" if rest else f"r.{head}"
        if field.part is not None:
            lines.append(f" {where} = None")
            continue
        change = None if mask is None else mask.of(nested[head] if rest else target, rest or head)
        wire = (field.wire,) if isinstance(field.wire, str) else field.wire
        given = value(field.convert, wire)
        if change is not None:
            names[f"m{id(change)}"] = change
            given = f"None if {given} is None else m{id(change)}({given})"
        lines.append(f" {where} = {given}")
    for path in sorted(paths - done):
        head, _, rest = path.partition(".")
        if head in nested:
            open_object(head)
            if rest and path != "details.vendor":
                lines.append(f" {head}.{rest} = None")
        elif head in done or head in _GIVEN_LATER:
            continue
        elif head == "raw":
            sent = "None if raw is None else as_json(raw)" if mask is None else "None"
            lines.append(f" r.raw = {sent}")
        else:
            done.add(head)
            lines.append(f" r.{head} = None")
    names["vendor"] = getattr(details, "VENDOR_NAME", "")
    lines.append(" return r")
    exec(compile("\n".join(lines), "<compiled conversion>", "exec"), names)  # noqa: S102
    made: Callable[[Any, Any], T] = names["convert"]
    return made


def _for_site(how: Callable[..., Any] | PerSite, site: Site) -> Callable[..., Any]:
    """The converter; one that needs the site is made once, with all that it remembers"""
    if not isinstance(how, PerSite):
        return how
    if how not in site.converters:
        site.converters[how] = how.make(site)
    return site.converters[how]


_GIVEN_LATER = frozenset({"id", "source", "unit", "logs", "record"})
"""paths that are set by whoever reads the list, not by a vendor's mapping"""


def convert_rows(
    convert: Callable[[Any, Any], T], rows: Sequence[Any], raws: Sequence[Any] | None
) -> tuple[list[T | None], int]:
    """The rows converted, None where one is not as documented, and how many of those."""
    made: list[T | None] = []
    skipped = 0
    for place, row in enumerate(rows):
        try:
            made.append(convert(row, None if raws is None else raws[place]))
        except (ValueError, TypeError, ArithmeticError, KeyError):
            # One row that is not as documented must not cost the others; it is counted.
            made.append(None)
            skipped += 1
    return made, skipped
