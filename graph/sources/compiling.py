"""FIELDS to one function: the wire rows of a page in, records with what was asked for out.

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

def convert(rows, raws):             works on columns: what holds for all rows is done in C
v0 = [w.started_at for w in rows]
v1 = instants(v0)                    made once, though two fields need it
v2 = [w.direction for w in rows]
v3 = recall(make_direction, v2)      made once for all rows that say the same
v4 = [w.ended_at for w in rows]
v5 = instants(v4)
v6 = betweens(v1, v5)
v7 = [w.caller for w in rows]
v8 = recall(make_caller, v7, v2)
r = blank(Target, rows)
for r_, v1_, v3_, v6_, v8_ in zip(r, v1, v3, v6, v8):
 r_.started_at = v1_
 r_.direction = v3_
 r_.total_seconds = v6_
 r_.caller = v8_
return r
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from itertools import repeat
from typing import Any, Protocol, TypeVar

import msgspec

from graph.sources.columns import each_of
from graph.sources.contract import Composed, Field, PerSite, Resource, Site
from graph.sources.convert import told
from graph.sources.words import UnknownWords
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


Conversion = Callable[[Sequence[Any], Sequence[Any] | None], list[T | None]]
"""wire rows, and those as sent if they are wanted, to what is made of each; None if that cannot be
made, since the row is not as documented"""


def compiled(
    target: type[T],
    resource: Resource,
    paths: frozenset[str],
    site: Site,
    details: type | None = None,
    mask: Changes | None = None,
) -> Conversion[T]:
    """A function from the wire rows of a page to a `target` each with what was asked for.

    `paths` are like "talk_seconds", "caller.number", "details.pin_code", "raw". Late parts that
    were asked for are set to None; they are filled later. It is made once for a site and selection.
    `mask` says what becomes of what is personal; None: it stays as it is.
    """
    key = (target, resource, paths, details, mask is not None)
    made: Conversion[T] | None = site.converters.get(key)
    if made is None:
        if len(site.converters) >= _MOST_CONVERTERS:
            site.converters.clear()
        compiler = _Compiler(target, resource, paths, site, details, mask)
        made = _halved_if_need_be(compiler.records(), site.unknown_words)
        site.converters[key] = made
    return made


_MOST_CONVERTERS = 500


def compiled_column(resource: Resource, path: str, site: Site) -> Conversion[Any]:
    """A function from the wire rows of a page to what is at one path in the record of each."""
    key = (resource, path)
    made: Conversion[Any] | None = site.converters.get(key)
    if made is None:
        compiler = _Compiler(object, resource, frozenset({path}), site)
        made = _halved_if_need_be(compiler.column(), site.unknown_words)
        site.converters[key] = made
    return made


_Columns = Callable[[Sequence[Any], Sequence[Any] | None], list[T]]
"""a conversion that raises where a row is not as documented"""


def _halved_if_need_be(columns: _Columns[T], unknown_words: UnknownWords) -> Conversion[T]:
    """One row that is not as documented must not cost the others"""

    def convert(rows: Sequence[Any], raws: Sequence[Any] | None) -> list[T | None]:
        with suppress(*_NOT_AS_DOCUMENTED), unknown_words.all_or_none():
            return [*columns(rows, raws)]
        if len(rows) == 1:
            return [None]
        middle = len(rows) // 2
        first, second = (None, None) if raws is None else (raws[:middle], raws[middle:])
        return convert(rows[:middle], first) + convert(rows[middle:], second)

    return convert


_NOT_AS_DOCUMENTED = (ValueError, TypeError, ArithmeticError, KeyError)


class _Names(dict[str, Any]):
    """What the generated functions know, by its name in them."""

    def of(self, thing: Any, letter: str = "c") -> str:
        """The name of a function, which begins with the letter"""
        name = f"{letter}{id(thing)}"
        self[name] = thing  # which keeps it, so that no other thing gets its id
        return name


class _Body:
    """The lines of one generated function."""

    def __init__(self, names: _Names) -> None:
        self.lines: list[str] = []
        self.names = names
        self._locals: dict[str, str] = {}

    def local(self, expression: str) -> str:
        """The name of what was made of it before, or is made of it now"""
        if expression not in self._locals:
            self._locals[expression] = f"v{len(self._locals)}"
            self.lines.append(f" {self._locals[expression]} = {expression}")
        return self._locals[expression]


class _Words(_Body):
    """A generated function of words: its parameters, and what they are called in the function of a
    page, which calls it.
    """

    def __init__(self, page: _Page) -> None:
        super().__init__(page.names)
        self.given: dict[str, str] = {}
        self._page = page

    def attribute(self, name: str) -> str:
        self.given[f"w_{name}"] = self._page.attribute(name)
        return f"w_{name}"

    def is_told(self, name: str) -> str:
        """Whether something is told, which the page finds out"""
        self.given[f"is_{name}"] = self._page.made(told, [self._page.attribute(name)])
        return f"is_{name}"

    def made(self, convert: Callable[..., Any], given: Sequence[str]) -> str:
        """The name of what a converter makes of what has these names"""
        return self.local(f"{self.names.of(convert)}({', '.join(given)})")

    def changed(self, change: Callable[[Any], Any], value: str) -> str:
        """The name of what becomes of a value, unless it is None"""
        return self.local(f"None if {value} is None else {self.names.of(change, 'm')}({value})")

    def set(self, holder: str, attribute: str, value: str) -> None:
        self.lines.append(f" {holder}.{attribute} = {value}")


class _Page(_Body):
    """The generated function of a page, in which every name is that of a column."""

    def __init__(self, names: _Names) -> None:
        super().__init__(names)
        self._set: list[str] = []
        self._read: dict[str, None] = {}

    def attribute(self, name: str) -> str:
        """The name of a wire attribute's values"""
        return self.local(f"[w.{name} for w in rows]")

    def made(self, convert: Callable[..., Any], given: Sequence[str]) -> str:
        """The name of what a converter makes of what has these names"""
        if not given:
            return self.local(f"[{self.names.of(convert)}() for w in rows]")
        each = each_of(convert)
        if each is not None:
            return self.local(f"{self.names.of(each)}({', '.join(given)})")
        return self.local(f"list(map({', '.join((self.names.of(convert), *given))}))")

    def recalled(self, function: str, given: Sequence[str]) -> str:
        """The name of what a function of words makes, or made before"""
        return self.local(f"recall({', '.join((function, *given))})")

    def changed(self, change: Callable[[Any], Any], value: str) -> str:
        """The name of what becomes of values, unless they are None"""
        name = self.names.of(change, "m")
        return self.local(f"[None if x is None else {name}(x) for x in {value}]")

    def new(self, kind: str, name: str) -> str:
        """The name of a new object for each row"""
        self.lines.append(f" {name} = blank({kind}, rows)")
        return name

    def set(self, holder: str, attribute: str, value: str) -> None:
        """Has all objects of a column get their value, out of a column or the same for all"""
        self._set.append(f"  {self._one(holder)}.{attribute} = {self._one(value)}")

    def whole(self) -> list[str]:
        """All lines, with those that set what was made"""
        if not self._set:
            return self.lines
        each = ", ".join(f"{name}_" for name in self._read)
        return [*self.lines, f" for {each}, in zip({', '.join(self._read)}):", *self._set]

    def _one(self, name: str) -> str:
        if name in _CONSTANTS:
            return name
        self._read[name] = None
        return f"{name}_"


_CONSTANTS = frozenset({"None", "vendor"})


def _blank(kind: type[T], rows: Sequence[Any]) -> list[T]:
    """Objects of a class without any attribute, one for each row"""
    return list(map(object.__new__, repeat(kind, len(rows))))


class _Compiler:
    """Writes one conversion."""

    def __init__(
        self,
        target: type,
        resource: Resource,
        paths: frozenset[str],
        site: Site,
        details: type | None = None,
        mask: Changes | None = None,
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
        self.names = _Names(
            new=object.__new__,
            blank=_blank,
            Target=target,
            as_json=as_json,
            recall=site.made.recall,
            vendor=getattr(details, "VENDOR_NAME", ""),
        )

    def column(self) -> _Columns[Any]:
        """The conversion to the one thing that was asked for"""
        page = _Page(self.names)
        (field,) = self._fields
        return self._convert(self._value(page, field), page)

    def records(self) -> _Columns[Any]:
        """The conversion to records"""
        page = _Page(self.names)
        page.new("Target", "r")
        done = set(GIVEN_LATER)
        for field in self._fields:
            if "." not in field.path:
                done.add(field.path)
                self._fill(page, "r", self._target, field.path, field)
        for head in self._objects:
            if head in self._first and head not in done:
                done.add(head)
                self._object(page, head)
        for head in sorted(self._first - done):
            raw = head == "raw" and self._mask is None
            page.set("r", head, page.local(_RAW) if raw else "None")
        return self._convert("r", page)

    def _convert(self, result: str, page: _Page) -> _Columns[Any]:
        self._lines += ["def convert(rows, raws):", *page.whole(), f" return {result}"]
        exec(compile("\n".join(self._lines), "<compiled conversion>", "exec"), self.names)  # noqa: S102
        convert: _Columns[Any] = self.names["convert"]
        return convert

    def _made_once(self, page: _Page, name: str, body: _Words, made: str) -> str:
        """What a function of words makes, which is looked for before it is called"""
        given = ", ".join(body.given)
        self._lines += [f"def make_{name}({given}):", *body.lines, f" return {made}"]
        return page.recalled(f"make_{name}", list(body.given.values()))

    def _object(self, page: _Page, head: str) -> None:
        """An object within the record: one for all records where words alone tell it"""
        self.names[f"T_{head}"] = self._objects[head]
        inside = [field for field in self._fields if field.path.startswith(f"{head}.")]
        if head in _PARTIES and inside and all(map(self._tells_words, inside)):
            party = _Words(page)
            party.lines.append(f" o = new(T_{head})")
            self._fill_all(party, "o", head, inside)
            page.set("r", head, self._made_once(page, head, party, "o"))
            return
        page.set("r", head, page.new(f"T_{head}", head))
        if head == "details":
            page.set(head, "vendor", "vendor")
        self._fill_all(page, head, head, inside)

    def _fill_all(
        self, body: _Page | _Words, holder: str, head: str, inside: Sequence[Field]
    ) -> None:
        """Sets what was asked for of an object; what the vendor never tells is None"""
        for field in inside:
            name = field.path.removeprefix(f"{head}.")
            self._fill(body, holder, self._objects[head], name, field)
        done = {field.path for field in inside} | {"details.vendor"}
        for path in sorted(self._paths - done):
            if path.startswith(f"{head}."):
                body.set(holder, path.removeprefix(f"{head}."), "None")

    def _fill(self, body: _Page | _Words, holder: str, kind: type, name: str, field: Field) -> None:
        value = "None" if field.part is not None else self._value(body, field)
        change = None if self._mask is None else self._mask.of(kind, name)
        if change is not None and field.part is None:
            value = body.changed(change, value)
        body.set(holder, name, value)

    def _value(self, body: _Page | _Words, field: Field) -> str:
        """The name of what a field's converter makes of its wire attributes"""
        how, wire = field.convert, _wire(field)
        # A plain function of one word takes no longer than a look for what it made before.
        dear = not callable(how) or len(wire) > 1
        if dear and isinstance(body, _Page) and self._tells_words(field):
            words = _Words(body)
            made = self._value(words, field)
            return self._made_once(body, field.path.replace(".", "_"), words, made)
        first: Sequence[Callable[..., Any] | PerSite] = ()
        if isinstance(how, Composed):
            first, how = how.first, how.convert
        given: list[str] = []
        for inner, name in zip(first, wire, strict=False):
            if inner is told and isinstance(body, _Words):
                given.append(body.is_told(name))
            else:
                given.append(body.made(_for_site(inner, self._site), [body.attribute(name)]))
        given += [body.attribute(name) for name in wire[len(first) :]]
        return body.made(_for_site(how, self._site), given)

    def _tells_words(self, field: Field) -> bool:
        """The field is made of nothing but words, and of whether something is told"""
        first = field.convert.first if isinstance(field.convert, Composed) else ()
        whether = {name for inner, name in zip(first, _wire(field), strict=False) if inner is told}
        wire = set(_wire(field))
        return field.part is None and bool(wire) and self._words.issuperset(wire - whether)


_RAW = "[None for w in rows] if raws is None else [as_json(raw) for raw in raws]"


def row_keys(resource: Resource, site: Site, rows: Sequence[Any]) -> list[str]:
    """The keys of the rows"""
    each = each_of(resource.row_key)
    if each is not None:
        return each(site, rows)
    return [resource.row_key(site, row) for row in rows]


def _for_site(how: Callable[..., Any] | PerSite, site: Site) -> Callable[..., Any]:
    """The converter; one that needs the site is made once, with all that it remembers"""
    if not isinstance(how, PerSite):
        return how
    made: Callable[..., Any] | None = site.converters.get(how)
    if made is None:
        made = site.converters[how] = how.make(site)
    return made


GIVEN_LATER = frozenset({"id", "source", "unit", "logs", "record"})
"""paths that are set by whoever reads the list, not by a vendor's mapping"""
