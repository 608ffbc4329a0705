"""FIELDS to one function: wire row in, record with what was asked for out, and nothing else set.

def make_direction(w_direction):     what is compiled for "startedAt totalSeconds direction
v0 = word(w_direction)               caller { number extension }" of PortSIP
return v0

def make_caller(w_caller, w_direction):
o = new(T_caller)
v0 = text(w_caller)
o.number = v0
v1 = inside(w_caller, w_direction)
o.extension = v1
return o

def convert(w, raw):
r = new(Target)
v0 = w.started_at
v1 = instant(v0)                     made once, though two fields need it
r.started_at = v1
v2 = w.direction
v3 = made[make_direction, v2,]       made once for all rows that say the same
r.direction = v3
v4 = w.ended_at
v5 = instant(v4)
v6 = between(v1, v5)
r.total_seconds = v6
v7 = w.caller
r.caller = made[make_caller, v7, v2,]
return r
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Protocol, TypeVar

import msgspec

from graph.sources.contract import Composed, Field, PerSite, Resource, Site
from graph.sources.convert import told
from graph.types.call import Party
from graph.types.scalars import as_json

T = TypeVar("T")


class Changes(Protocol):
    """What becomes of the attributes of records before anybody reads them."""

    def of(self, kind: type, attribute: str) -> Callable[[Any], Any] | None:
        """What becomes of an attribute's value; None where it stays as it is"""


_PARTIES: Mapping[str, type] = {"caller": Party, "callee": Party}

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
            needed.update(_wire(field))
    return frozenset(needed)


def _wire(field: Field) -> tuple[str, ...]:
    return (field.wire,) if isinstance(field.wire, str) else field.wire


@lru_cache(maxsize=_MOST_SELECTIONS)
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
    resource: Resource,
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
    key = (target, resource, paths, details, mask is not None)
    made = site.converters.get(key)
    if made is None:
        if len(site.converters) >= _MOST_CONVERTERS:
            site.converters.clear()
        made = site.converters[key] = _Compiler(target, resource, paths, site, details, mask).made()
    return made


_MOST_CONVERTERS = 500


class _Body:
    """The lines of one generated function, in which `w` is a wire row."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._locals: dict[str, str] = {}

    def local(self, expression: str) -> str:
        """The name of what was made of it before in this row, or is made of it now"""
        if expression not in self._locals:
            self._locals[expression] = f"v{len(self._locals)}"
            self.lines.append(f" {self._locals[expression]} = {expression}")
        return self._locals[expression]

    def attribute(self, name: str) -> str:
        """The name of a wire attribute's value"""
        return self.local(f"w.{name}")

    def call(self, function: str, given: Sequence[str]) -> str:
        """The name of what a function makes of what has these names"""
        return self.local(f"{function}({', '.join(given)})")


class _OfWords(_Body):
    """The same of a function that is given words instead of a row: its parameters, and what they
    are called in the function for a row, which calls it.
    """

    def __init__(self, row: _Body) -> None:
        super().__init__()
        self.given: dict[str, str] = {}
        self._row = row

    def attribute(self, name: str) -> str:
        self.given[f"w_{name}"] = self._row.attribute(name)
        return f"w_{name}"

    def is_told(self, function: str, name: str) -> str:
        """The same of whether something is told"""
        self.given[f"is_{name}"] = self._row.call(function, [self._row.attribute(name)])
        return f"is_{name}"


class _Compiler:
    """Writes one conversion."""

    def __init__(
        self,
        target: type,
        resource: Resource,
        paths: frozenset[str],
        site: Site,
        details: type | None,
        mask: Changes | None,
    ) -> None:
        self._target = target
        self._paths = paths
        self._site = site
        self._mask = mask
        self._words = resource.words
        self._objects = dict(_PARTIES) if details is None else {**_PARTIES, "details": details}
        first = heads(paths)
        self._fields = [field for field in resource.fields if asked(field, paths, first)]
        self._first = first
        self._lines: list[str] = []
        self.names: dict[str, Any] = {
            "new": object.__new__,
            "Target": target,
            "as_json": as_json,
            "made": site.made,
            "vendor": getattr(details, "VENDOR_NAME", ""),
        }
        """what the generated functions know"""

    def made(self) -> Callable[[Any, Any], Any]:
        """The conversion"""
        row = _Body()
        row.lines.append(" r = new(Target)")
        done = set(_GIVEN_LATER)
        for field in self._fields:
            if "." not in field.path:
                done.add(field.path)
                self._fill(row, f"r.{field.path}", self._target, field.path, field)
        for head in self._objects:
            if head in self._first and head not in done:
                done.add(head)
                self._object(row, head)
        for head in sorted(self._first - done):
            row.lines.append(f" r.{head} = {self._raw if head == 'raw' else None}")
        self._define("convert", ("w", "raw"), row, "r")
        exec(compile("\n".join(self._lines), "<compiled conversion>", "exec"), self.names)  # noqa: S102
        made: Callable[[Any, Any], Any] = self.names["convert"]
        return made

    @property
    def _raw(self) -> str:
        return "None if raw is None else as_json(raw)" if self._mask is None else "None"

    def _define(self, name: str, given: Iterable[str], body: _Body, made: str) -> None:
        self._lines += [f"def {name}({', '.join(given)}):", *body.lines, f" return {made}"]

    def _made_once(self, name: str, body: _OfWords, made: str) -> str:
        """What a function of words makes, which is looked for before it is called"""
        self._define(f"make_{name}", body.given, body, made)
        return f"made[{', '.join((f'make_{name}', *body.given.values()))},]"

    def _object(self, row: _Body, head: str) -> None:
        """An object within the record: one for all records where words alone tell it"""
        self.names[f"T_{head}"] = self._objects[head]
        inside = [field for field in self._fields if field.path.startswith(f"{head}.")]
        if head in _PARTIES and all(map(self._tells_words, inside)):
            party = _OfWords(row)
            party.lines.append(f" o = new(T_{head})")
            self._fill_all(party, "o", head, inside)
            row.lines.append(f" r.{head} = {self._made_once(head, party, 'o')}")
            return
        row.lines.append(f" {head} = r.{head} = new(T_{head})")
        if head == "details":
            row.lines.append(f" {head}.vendor = vendor")
        self._fill_all(row, head, head, inside)

    def _fill_all(self, body: _Body, holder: str, head: str, inside: Sequence[Field]) -> None:
        """Sets what was asked for of an object; what the vendor never tells is None"""
        for field in inside:
            name = field.path.removeprefix(f"{head}.")
            self._fill(body, f"{holder}.{name}", self._objects[head], name, field)
        done = {field.path for field in inside} | {"details.vendor"}
        for path in sorted(self._paths - done):
            if path.startswith(f"{head}."):
                body.lines.append(f" {holder}.{path.removeprefix(f'{head}.')} = None")

    def _fill(self, body: _Body, where: str, kind: type, name: str, field: Field) -> None:
        value = "None" if field.part is not None else self._value(body, field)
        change = None if self._mask is None else self._mask.of(kind, name)
        if change is not None and field.part is None:
            self.names[f"m{id(change)}"] = change
            value = f"None if {value} is None else m{id(change)}({value})"
        body.lines.append(f" {where} = {value}")

    def _value(self, body: _Body, field: Field) -> str:
        """The name of what a field's converter makes of its wire attributes"""
        how, wire = field.convert, _wire(field)
        # A plain function of one word takes no longer than a look for what it made before.
        dear = not callable(how) or len(wire) > 1
        if dear and not isinstance(body, _OfWords) and self._tells_words(field):
            words = _OfWords(body)
            made = self._value(words, field)
            return body.local(self._made_once(field.path.replace(".", "_"), words, made))
        first: Sequence[Callable[..., Any] | PerSite] = ()
        if isinstance(how, Composed):
            first, how = how.first, how.convert
        given: list[str] = []
        for inner, name in zip(first, wire, strict=False):
            function = self._function(inner)
            if inner is told and isinstance(body, _OfWords):
                given.append(body.is_told(function, name))
            else:
                given.append(body.call(function, [body.attribute(name)]))
        given += [body.attribute(name) for name in wire[len(first) :]]
        return body.call(self._function(how), given)

    def _function(self, how: Callable[..., Any] | PerSite) -> str:
        convert = _for_site(how, self._site)
        self.names[f"c{id(convert)}"] = convert
        return f"c{id(convert)}"

    def _tells_words(self, field: Field) -> bool:
        """The field is made of nothing but words, and of whether something is told"""
        first = field.convert.first if isinstance(field.convert, Composed) else ()
        whether = {name for inner, name in zip(first, _wire(field), strict=False) if inner is told}
        return field.part is None and self._words.issuperset(set(_wire(field)) - whether)


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
