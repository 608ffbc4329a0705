"""What a root field's resolver is called with, made once per document where no variable stands in
it. graphql-core and Strawberry make it; one request's is the next one's too, so no resolver may
change what it is given.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, NamedTuple

import strawberry
from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLResolveInfo,
    ListValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
)
from graphql.execution.values import get_argument_values
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver


class Call(NamedTuple):
    """A resolver that is asynchronous, and the arguments that it is always called with."""

    field: StrawberryField
    resolver: StrawberryResolver[Any]
    info: str
    """the name of the parameter that takes the info"""
    arguments: dict[str, Any]

    def begin(self, source: Any, info: GraphQLResolveInfo[Any]) -> Coroutine[Any, Any, Any]:
        """The resolver at work, as Strawberry would have called it"""
        given: Any = {self.info: strawberry.Info(_raw_info=info, _field=self.field)}
        begun: Coroutine[Any, Any, Any] = self.resolver(source, **given, **self.arguments)
        return begun


def call_of(field: GraphQLField, info: GraphQLResolveInfo[Any]) -> Call | None:
    """The call of the field that is to be resolved; None where Strawberry has to make it each time.

    Raises whatever is wrong with the arguments.
    """
    node = info.field_nodes[0]
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(definition, StrawberryField) or definition.extensions or _varies(node):
        return None
    resolver = definition.base_resolver
    if resolver is None or not resolver.is_async:
        return None
    told = resolver.info_parameter
    others = (resolver.parent_parameter, resolver.root_parameter)
    if resolver.self_parameter is None or told is None or any(others):
        return None
    schema: Any = strawberry.Info(_raw_info=info, _field=definition).schema
    arguments = convert_arguments(
        get_argument_values(field, node),
        definition.arguments,
        schema.schema_converter.scalar_registry,
        schema.config,
    )
    return Call(definition, resolver, told.name, arguments)


def _varies(node: FieldNode) -> bool:
    """Some argument is another with other variables"""
    open_ones: list[ValueNode] = [argument.value for argument in node.arguments or ()]
    while open_ones:
        value = open_ones.pop()
        if isinstance(value, VariableNode):
            return True
        if isinstance(value, ListValueNode):
            open_ones += value.values
        elif isinstance(value, ObjectValueNode):
            open_ones += [field.value for field in value.fields]
    return False
