"""Selection → field paths. Fragments, aliases, `@skip` and `@include` are applied here, once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLResolveInfo,
    InlineFragmentNode,
    SelectionSetNode,
    VariableNode,
    value_from_ast_untyped,
)

from graph.schema.documents import Document

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def snake(name: str) -> str:
    """A schema name as the attribute that holds it"""
    return _CAPITAL.sub("_", name).lower()


class Selection:
    """What a root field's answer is asked for, as dotted paths of attributes.

    `paths` has every leaf, e.g. "page_info.end_cursor" or "edges.node.caller.number".
    """

    def __init__(self, paths: frozenset[str]) -> None:
        self.paths = paths
        self._below: dict[tuple[str, ...], frozenset[str]] = {}

    @cached_property
    def steps(self) -> frozenset[str]:
        """Every attribute that is on the way to a leaf, or is one"""
        return frozenset(step for path in self.paths for step in path.split("."))

    @cached_property
    def _prefixes(self) -> frozenset[str]:
        found: set[str] = set()
        for path in self.paths:
            steps = path.split(".")
            found.update(".".join(steps[:length]) for length in range(1, len(steps) + 1))
        return frozenset(found)

    def below(self, *prefixes: str) -> frozenset[str]:
        """The paths below any of the prefixes, without it"""
        known = self._below.get(prefixes)
        if known is not None:
            return known
        found: set[str] = set()
        for prefix in prefixes:
            start = prefix + "."
            found.update(p[len(start) :] for p in self.paths if p.startswith(start))
        return self._below.setdefault(prefixes, frozenset(found))

    def has(self, prefix: str) -> bool:
        """The path itself or anything below it was selected"""
        return prefix in self._prefixes


def of(info: GraphQLResolveInfo[Any]) -> Selection:
    """The selection of the field that is being resolved"""
    # Strawberry hands resolvers the plain coerced variables.
    variables: Any = info.variable_values

    def make() -> Selection:
        found: set[str] = set()
        for node in info.field_nodes:
            _walk(node.selection_set, "", info.fragments, variables, found)
        return Selection(frozenset(found))

    document: Document = info.context.document
    return document.once(Selection, info.field_nodes, variables, make)


def arguments(info: GraphQLResolveInfo[Any]) -> list[tuple[str, dict[str, Any]]]:
    """The arguments given to fields below the one that is being resolved, by path, as plain values.

    A path that is selected several times under aliases comes several times; a field without
    arguments comes with none.
    """
    variables: Any = info.variable_values
    found: list[tuple[str, dict[str, Any]]] = []

    def walk(selections: SelectionSetNode | None, prefix: str) -> None:
        for node in _flat(selections, info.fragments, variables):
            path = prefix + snake(node.name.value)
            given = {
                snake(argument.name.value): value_from_ast_untyped(argument.value, variables)
                for argument in node.arguments or ()
                if not isinstance(argument.value, VariableNode)
                or argument.value.name.value in variables
            }
            found.append((path, given))
            walk(node.selection_set, path + ".")

    for node in info.field_nodes:
        walk(node.selection_set, "")
    return found


def _walk(
    selections: SelectionSetNode | None,
    prefix: str,
    fragments: Mapping[str, Any],
    variables: Mapping[str, Any],
    found: set[str],
) -> None:
    for node in _flat(selections, fragments, variables):
        name = node.name.value
        if name.startswith("__"):
            continue
        path = prefix + snake(name)
        if node.selection_set is None:
            found.add(path)
        else:
            below: set[str] = set()
            _walk(node.selection_set, path + ".", fragments, variables, below)
            found |= below or {path}  # an object of which only `__typename` is asked is one, too


def _flat(
    selections: SelectionSetNode | None, fragments: Mapping[str, Any], variables: Mapping[str, Any]
) -> Iterator[FieldNode]:
    """The fields of a selection set, with fragments opened and left-out ones left out"""
    nodes: Sequence[Any] = () if selections is None else selections.selections
    for node in nodes:
        if not _included(node, variables):
            continue
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            yield from _flat(node.selection_set, fragments, variables)
        elif isinstance(node, FragmentSpreadNode):
            fragment = fragments[node.name.value]
            yield from _flat(fragment.selection_set, fragments, variables)


def _included(node: Any, variables: Mapping[str, Any]) -> bool:
    for directive in node.directives or ():
        if directive.name.value in ("skip", "include"):
            value = directive.arguments[0].value
            # Validation has seen to it that this is a Boolean or a Boolean variable.
            holds = (
                variables.get(value.name.value) if isinstance(value, VariableNode) else value.value
            )
            if bool(holds) is (directive.name.value == "skip"):
                return False
    return True
