"""How large a document may be: counted before it is validated, since validating costs more.

Counting takes time in proportion to the text, however its fragments spread each other: each
definition is counted once on its own, then what its spreads add is added up, innermost first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from graph.config import Limits
from graph.errors import OverLimit

_MOST = 1_000_000_000
"""counts end here: fragments that spread each other twice make numbers no line can hold"""


class Size(msgspec.Struct):
    """What a definition holds, with its fragments opened: each spread counts what it spreads.

    `depth` counts fields within fields. What lies below `__schema` and `__type` adds none to it:
    tools ask deep there, and GraphQL has a limit of its own for that.
    """

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    root_fields: int = 0
    repeated_fields: int = 0


class _Counted(msgspec.Struct):
    """A definition alone; what it spreads, and below how many fields, where depth counts"""

    own: Size
    spreads: list[tuple[str, int | None]]


def measure(document: DocumentNode) -> Size:
    """The size of a document: its operations together, the deepest for the depth"""
    fragments = {
        definition.name.value: _count(definition)
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    whole = Size()
    sizes: dict[str, Size] = {}
    for name in _innermost_first(fragments):
        sizes[name] = _opened(fragments[name], sizes)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            _add(whole, _opened(_count(definition), sizes), 0)
            whole.directives += sum(
                len(variable.directives or ()) for variable in definition.variable_definitions or ()
            )
    return whole


def check(size: Size, limits: Limits) -> None:
    """OverLimit names the first limit that a document goes beyond"""
    for name in Size.__struct_fields__:
        allowed, asked = getattr(limits, name), getattr(size, name)
        if asked > allowed:
            raise OverLimit(
                name, allowed, asked, f"the query's {_SAYS[name]}: {asked}, and {allowed} may be"
            )


def check_variables(variables: Mapping[str, object] | None, limits: Limits) -> None:
    """OverLimit where the variables hold more values than may be, those in lists included"""
    allowed = limits.variable_values
    asked = 0
    open_ones: list[object] = [variables] if variables else []
    while open_ones:
        value = open_ones.pop()
        inner = value.values() if isinstance(value, Mapping) else value
        if isinstance(inner, str) or not hasattr(inner, "__len__"):
            continue
        asked += len(inner)
        if asked > allowed:
            raise OverLimit(
                "variable_values",
                allowed,
                asked,
                f"the variables hold at least {asked} values, and {allowed} may be",
            )
        open_ones.extend(inner)  # type: ignore[arg-type]


_SAYS = {
    "depth": "fields lie within fields too deep",
    "fields": "fields are too many, with every fragment opened where it is spread",
    "aliases": "aliases are too many",
    "directives": "directives are too many",
    "root_fields": "root fields are too many",
    "repeated_fields": "fields stand too often beside themselves, which adds nothing",
}


def _count(definition: OperationDefinitionNode | FragmentDefinitionNode) -> _Counted:
    size = Size(directives=len(definition.directives or ()))
    spreads: list[tuple[str, int | None]] = []
    top = definition.selection_set
    open_sets: list[tuple[SelectionSetNode, int, bool, bool]] = [(top, 1, True, False)]
    while open_sets:
        selections, depth, root, schema = open_sets.pop()
        names: set[str] = set()
        for node in selections.selections:
            size.directives += len(node.directives or ())
            if isinstance(node, FieldNode):
                name = node.name.value
                size.fields += 1
                size.aliases += node.alias is not None
                size.root_fields += root
                size.depth = max(size.depth, depth)
                shown = name if node.alias is None else node.alias.value
                size.repeated_fields += shown in names
                names.add(shown)
                if node.selection_set is not None:
                    within = schema or name.startswith("__")
                    open_sets.append((node.selection_set, depth + (not within), False, within))
            elif isinstance(node, FragmentSpreadNode):
                spreads.append((node.name.value, None if schema else depth - 1))
            else:
                inner = node.selection_set  # type: ignore[attr-defined]
                open_sets.append((inner, depth, root, schema))
    return _Counted(size, spreads)


def _innermost_first(fragments: Mapping[str, _Counted]) -> Iterator[str]:
    """The fragments, each after those it spreads. In a circle one comes first; it is no query."""
    begun: set[str] = set()
    done: set[str] = set()
    for root in fragments:
        path = [root]
        while path:
            name = path[-1]
            if name not in begun:
                begun.add(name)
                path += [
                    spread
                    for spread, _ in fragments[name].spreads
                    if spread in fragments and spread not in begun
                ]
                continue
            path.pop()
            if name not in done:
                done.add(name)
                yield name


def _opened(counted: _Counted, sizes: Mapping[str, Size]) -> Size:
    size = counted.own
    for name, depth in counted.spreads:
        inner = sizes.get(name)
        if inner is not None:  # one that does not exist is told by validation
            _add(size, inner, depth)
    return size


def _add(size: Size, inner: Size, depth: int | None) -> None:
    if depth is not None:
        size.depth = max(size.depth, depth + inner.depth)
    if depth == 0:
        size.root_fields = min(_MOST, size.root_fields + inner.root_fields)
    for name in ("fields", "aliases", "directives", "repeated_fields"):
        setattr(size, name, min(_MOST, getattr(size, name) + getattr(inner, name)))
