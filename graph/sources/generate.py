"""Writes conversions: for each list and selection one, which all systems of a vendor share.

def bind(recall):                     what is written for "startedAt totalSeconds direction
                                      caller { number extension }" of PortSIP
 def make_direction(w_direction):
  v0 = c0(w_direction)                word
  return v0

 def make_caller(w_caller, w_direction):
  o = new(T_caller)
  v0 = c1(w_caller)                   text
  o.number = v0
  v1 = c2(w_caller, w_direction)      inside
  o.extension = v1
  return o

 def convert(rows, raws):             works on columns: what holds for all rows is done in C
  r = blank(Target, rows)
  v0 = [w.started_at for w in rows]
  v1 = c3(v0)                         instants; made once, though two fields need it
  v2 = [w.direction for w in rows]
  v3 = recall(make_direction, v2)     made once for all rows that say the same
  v4 = [w.ended_at for w in rows]
  v5 = c3(v4)
  v6 = c4(v1, v5)                     betweens
  v7 = [w.caller for w in rows]
  v8 = recall(make_caller, v7, v2)
  for r_, v1_, v3_, v6_, v8_ in zip(r, v1, v3, v6, v8):
   r_.started_at = v1_
   r_.direction = v3_
   r_.total_seconds = v6_
   r_.caller = v8_
  return r

 return convert

What differs from system to system is given to `bind`: what it made of its words before, converters
that need its settings, and what becomes of what is personal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any, Protocol, TypeVar

from graph.sources.columns import each_of
from graph.sources.contract import Composed, Field, PerSite, Resource, Site
from graph.sources.convert import told
from graph.sources.selected import GIVEN_LATER, asked, heads, wire_of
from graph.types.call import Party
from graph.types.personal import attributes
from graph.types.scalars import as_json

T = TypeVar("T")

Columns = Callable[[Sequence[Any], Sequence[Any] | None], list[T]]
"""wire rows, and those as sent if they are wanted, to what is made of each; it raises where a row
is not as documented"""


class Changes(Protocol):
    """What becomes of the attributes of records before anybody reads them."""

    def of(self, kind: type, attribute: str) -> Callable[[Any], Any] | None:
        """What becomes of an attribute's value; None where it stays as it is"""


_PARTIES: Mapping[str, type] = {"caller": Party, "callee": Party}
_MOST = 500
"""conversions that are remembered"""


@lru_cache(maxsize=_MOST)
def records(
    target: type, resource: Resource, paths: frozenset[str], details: type | None, *, masked: bool
) -> Code:
    """What converts to a `target` each with the paths; `masked`: what is personal changes"""
    return _Writer(target, resource, paths, details, masked=masked).records()


@lru_cache(maxsize=_MOST)
def starts(resource: Resource) -> Code:
    """What converts to no more than when each began"""
    return _Writer(object, resource, frozenset({"started_at"}), None, masked=False).column()


_Need = Callable[[Site, Changes | None], Any]
"""what differs from system to system: how it is had"""


class Code:
    """A conversion before it is known of which system the rows are."""

    def __init__(
        self, lines: Sequence[str], known: dict[str, Any], needs: Mapping[str, _Need]
    ) -> None:
        text = "\n".join((f"def bind({', '.join(needs)}):", *(f" {line}" for line in lines)))
        exec(compile(text, "<compiled conversion>", "exec"), known)  # noqa: S102
        self._bind: Callable[..., Columns[Any]] = known["bind"]
        self._needs = tuple(needs.values())

    def bound(self, site: Site, mask: Changes | None = None) -> Columns[Any]:
        """The conversion of this system's rows"""
        return self._bind(*(need(site, mask) for need in self._needs))


def _for_site(how: PerSite, site: Site) -> Callable[..., Any]:
    """The converter, which is made once for a site, with all that it remembers"""
    made: Callable[..., Any] | None = site.converters.get(how)
    if made is None:
        made = site.converters[how] = how.make(site)
    return made


def _by_column(convert: Callable[..., Any]) -> Callable[..., list[Any]]:
    """What does a converter's work for all rows of a page"""
    return each_of(convert) or (lambda *columns: list(map(convert, *columns)))


def _blank(kind: type[T], rows: Sequence[Any]) -> list[T]:
    """Objects of a class without any attribute, one for each row"""
    return list(map(object.__new__, repeat(kind, len(rows))))


class _Names:
    """What the generated functions know: the same for all systems, or given to `bind`."""

    def __init__(self, **known: Any) -> None:
        self.known = known
        self.needs: dict[str, _Need] = {"recall": lambda site, _mask: site.made.recall}
        self._names: dict[tuple[Any, ...], str] = {}

    def converter(self, how: Callable[..., Any] | PerSite) -> str:
        """The name of what converts the words of one row"""
        name = self._name("c", how)
        if isinstance(how, PerSite):
            self.needs[name] = lambda site, _mask: _for_site(how, site)
        else:
            self.known[name] = how
        return name

    def by_column(self, how: Callable[..., Any] | PerSite) -> str:
        """The name of what converts all rows of a page"""
        name = self._name("e", how)
        if isinstance(how, PerSite):
            self.needs[name] = lambda site, _mask: _by_column(_for_site(how, site))
        else:
            self.known[name] = _by_column(how)
        return name

    def change(self, kind: type, attribute: str) -> str:
        """The name of what becomes of something personal"""

        def need(_site: Site, mask: Changes | None) -> Callable[[Any], Any] | None:
            assert mask is not None, "a conversion for masked records is bound with a mask"
            return mask.of(kind, attribute)

        name = self._name("m", kind, attribute)
        self.needs[name] = need
        return name

    def _name(self, letter: str, *what: Any) -> str:
        """One name for each thing, which begins with the letter"""
        return self._names.setdefault((letter, *what), f"{letter}{len(self._names)}")


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

    def made(self, how: Callable[..., Any] | PerSite, given: Sequence[str]) -> str:
        """The name of what a converter makes of what has these names"""
        return self.local(f"{self.names.converter(how)}({', '.join(given)})")

    def changed(self, change: str, value: str) -> str:
        """The name of what becomes of a value, unless it is None"""
        return self.local(f"None if {value} is None else {change}({value})")

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

    def made(self, how: Callable[..., Any] | PerSite, given: Sequence[str]) -> str:
        """The name of what a converter makes of what has these names"""
        if not given:
            return self.local(f"[{self.names.converter(how)}() for w in rows]")
        return self.local(f"{self.names.by_column(how)}({', '.join(given)})")

    def recalled(self, function: str, given: Sequence[str]) -> str:
        """The name of what a function of words makes, or made before"""
        return self.local(f"recall({', '.join((function, *given))})")

    def changed(self, change: str, value: str) -> str:
        """The name of what becomes of values, unless they are None"""
        return self.local(f"[None if x is None else {change}(x) for x in {value}]")

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


class _Writer:
    """Writes one conversion."""

    def __init__(
        self,
        target: type,
        resource: Resource,
        paths: frozenset[str],
        details: type | None,
        *,
        masked: bool,
    ) -> None:
        self._target = target
        self._paths = paths
        self._masked = masked
        self._words = resource.words
        self._objects = dict(_PARTIES) if details is None else {**_PARTIES, "details": details}
        first = heads(paths)
        self._fields = [field for field in resource.fields if asked(field, paths, first)]
        self._first = first
        self._lines: list[str] = []
        self._names = _Names(
            new=object.__new__,
            blank=_blank,
            Target=target,
            as_json=as_json,
            vendor=getattr(details, "VENDOR_NAME", ""),
        )

    def column(self) -> Code:
        page = _Page(self._names)
        (field,) = self._fields
        return self._code(page, self._value(page, field))

    def records(self) -> Code:
        page = _Page(self._names)
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
            raw = head == "raw" and not self._masked
            page.set("r", head, page.local(_RAW) if raw else "None")
        return self._code(page, "r")

    def _code(self, page: _Page, result: str) -> Code:
        self._lines += ["def convert(rows, raws):", *page.whole(), f" return {result}"]
        return Code([*self._lines, "return convert"], self._names.known, self._names.needs)

    def _made_once(self, page: _Page, name: str, body: _Words, made: str) -> str:
        """What a function of words makes, which is looked for before it is called"""
        given = ", ".join(body.given)
        self._lines += [f"def make_{name}({given}):", *body.lines, f" return {made}"]
        return page.recalled(f"make_{name}", list(body.given.values()))

    def _object(self, page: _Page, head: str) -> None:
        """An object within the record: one for all records where words alone tell it"""
        self._names.known[f"T_{head}"] = self._objects[head]
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
        if self._masked and field.part is None and attributes(kind)[name].personal:
            value = body.changed(self._names.change(kind, name), value)
        body.set(holder, name, value)

    def _value(self, body: _Page | _Words, field: Field) -> str:
        """The name of what a field's converter makes of its wire attributes"""
        how, wire = field.convert, wire_of(field)
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
                given.append(body.made(inner, [body.attribute(name)]))
        given += [body.attribute(name) for name in wire[len(first) :]]
        return body.made(how, given)

    def _tells_words(self, field: Field) -> bool:
        """The field is made of nothing but words, and of whether something is told"""
        first = field.convert.first if isinstance(field.convert, Composed) else ()
        whether = {
            name for inner, name in zip(first, wire_of(field), strict=False) if inner is told
        }
        wire = set(wire_of(field))
        return field.part is None and bool(wire) and self._words.issuperset(wire - whether)


_RAW = "[None for w in rows] if raws is None else [as_json(raw) for raw in raws]"
