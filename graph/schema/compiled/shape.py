"""Selection → the shape of its answer, if everything in it is a plain attribute."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    FieldNode,
    GraphQLAbstractType,
    GraphQLField,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    is_abstract_type,
    is_enum_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField


class NotPlain(Exception):
    """Something in the selection needs the ordinary executor."""


class Leaf(NamedTuple):
    """A scalar or an enum."""

    kind: GraphQLLeafType


class Field(NamedTuple):
    """What stands under one response key: an attribute's value, or, without one, `__typename`."""

    key: str
    attribute: str | None
    value: Value


class Object(NamedTuple):
    """An object of exactly this class."""

    name: str
    origin: type
    fields: tuple[Field, ...]


class OneOf(NamedTuple):
    """An object of an interface or a union: of one of these classes."""

    objects: tuple[Object, ...]


class Many(NamedTuple):
    """A list."""

    item: Value


Shape: TypeAlias = Leaf | Object | OneOf | Many


class Value(NamedTuple):
    """A shape, and whether null may stand in its place."""

    shape: Shape
    nullable: bool


DEEPEST = 15
"""how many levels a shape may have; Python refuses functions with many more loops in each other"""


def shape_of(executor: Executor[Any], kind: GraphQLOutputType, details: FieldDetailsList) -> Shape:
    """The shape of a field's answer; NotPlain where it is not made of plain attributes alone"""
    return _value(executor, kind, details, 0).shape


def _value(
    executor: Executor[Any], kind: GraphQLOutputType, details: FieldDetailsList, depth: int
) -> Value:
    nullable = not is_non_null_type(kind)
    if is_non_null_type(kind):
        kind = kind.of_type
    shape: Shape
    if depth > DEEPEST:
        raise NotPlain
    if is_leaf_type(kind):
        if is_enum_type(kind) and GraphQLCoreConverter.DEFINITION_BACKREF not in kind.extensions:
            raise NotPlain  # an enum of introspection
        shape = Leaf(kind)
    elif is_list_type(kind):
        shape = Many(_value(executor, kind.of_type, details, depth + 1))
    elif is_object_type(kind):
        shape = _object(executor, kind, details, depth)
    else:
        assert is_abstract_type(kind)
        shape = _one_of(executor, kind, details, depth)
    return Value(shape, nullable)


def _one_of(
    executor: Executor[Any], kind: GraphQLAbstractType, details: FieldDetailsList, depth: int
) -> OneOf:
    objects: list[Object] = []
    for of in executor.schema.get_possible_types(kind):
        # An object of a type that is not plain is of no class known here.
        with suppress(NotPlain):
            objects.append(_object(executor, of, details, depth))
    if not objects:
        raise NotPlain
    return OneOf(tuple(objects))


def _object(
    executor: Executor[Any], kind: GraphQLObjectType, details: FieldDetailsList, depth: int
) -> Object:
    definition = kind.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(definition, StrawberryObjectDefinition) or definition.is_type_of:
        raise NotPlain
    # Fragments, `@skip`, `@include` and fields that are merged are graphql-core's own business.
    collected = executor.collect_subfields(kind, details)
    if collected.new_defer_usages:
        raise NotPlain
    fields: list[Field] = []
    for key, below in collected.grouped_field_set.items():
        if not all(_plainly_asked(detail.node) for detail in below):
            raise NotPlain
        name = below[0].node.name.value
        field = executor.schema.get_field(kind, name)
        if field is None:
            raise NotPlain
        value = _value(executor, field.type, below, depth + 1)
        fields.append(Field(key, None if name == "__typename" else _attribute(field), value))
    return Object(kind.name, definition.origin, tuple(fields))


def _plainly_asked(node: FieldNode) -> bool:
    """No directive changes how the field is executed: `@stream`, or one that we do not know"""
    return all(directive.name.value in ("skip", "include") for directive in node.directives or ())


def _attribute(field: GraphQLField) -> str:
    """The attribute that a field without a resolver, an argument or a permission reads"""
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if (
        not isinstance(definition, StrawberryField)
        or not definition.is_basic_field
        or definition.default_resolver is not getattr
        or not getattr(field.resolve, "_is_default", False)
        or field.args
    ):
        raise NotPlain
    name: str = definition.python_name
    return name
