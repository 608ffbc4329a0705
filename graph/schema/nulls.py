"""Takes the default `null` from optional arguments and input fields, where it says nothing."""

from __future__ import annotations

from graphql import GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema
from graphql.pyutils import Undefined


def without_null_defaults(schema: GraphQLSchema) -> None:
    """Python's `= None` is how an argument is made optional; in SDL it would read `= null`."""
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInputObjectType):
            for field in kind.fields.values():
                if field.default_value is None:
                    field.default_value = Undefined
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for output in kind.fields.values():
                for argument in output.args.values():
                    if argument.default_value is None:
                        argument.default_value = Undefined
