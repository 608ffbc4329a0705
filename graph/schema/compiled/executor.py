"""Strawberry's execution context, with compiled selections where they will do.

`Executor.execute_field`, `complete_object_value` and `complete_list_value` are graphql-core's own
steps and may change with its versions: `pyproject.toml` pins them, and
`tests/schema/test_compiled.py` compares.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

from graphql import (
    GraphQLField,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    OperationType,
)
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graph.schema.compiled.arguments import Call, call_of
from graph.schema.compiled.generate import function_of
from graph.schema.compiled.shape import NotPlain, Shape, shape_of
from graph.schema.documents import Document


class Compiled:
    """The functions of one schema, and how often they did and did not do."""

    def __init__(self) -> None:
        self._by_shape: dict[Shape, Callable[[Any], Any]] = {}
        self.used = 0
        """values that a compiled function made"""
        self.unsure = 0
        """values that a compiled function left to the ordinary executor"""

    def function_of(self, shape: Shape) -> Callable[[Any], Any]:
        """The function of a shape; queries that differ in their arguments only share it"""
        made = self._by_shape.get(shape)
        if made is None:
            if len(self._by_shape) >= _MOST_SHAPES:
                self._by_shape.clear()
            made = self._by_shape[shape] = function_of(shape)
        return made


_MOST_SHAPES = 200


class CompiledExecutor(StrawberryGraphQLCoreExecutionContext):
    """Makes objects and lists by compiled functions, and by its parent's ways where unsure."""

    compiled: ClassVar[Compiled]

    @cached_property
    def _ordinary_only(self) -> bool:
        """There is no list to gain by, or something wants to see, or to stop, every single field"""
        manager = self.middleware_manager
        return (
            self.operation.operation is not OperationType.QUERY
            or self.abort_signal is not None
            or bool(manager and manager.middlewares)
        )

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: Any,
    ) -> Any:
        document: Document | None = self.context_value.document
        if path.prev is None and document is not None and not self._ordinary_only:
            nodes = [detail.node for detail in field_details_list]
            field = self.schema.get_field(parent_type, nodes[0].name.value)
            if field is not None:

                def info() -> GraphQLResolveInfo[Any]:
                    return self.build_resolve_info(field, nodes, parent_type, path)

                call = document.once(
                    (Call, parent_type),
                    nodes,
                    self.variable_values.coerced,
                    lambda: _call(field, info()),
                )
                if call is not None:
                    told = info()
                    return self.complete_awaitable_value(
                        field.type,
                        field_details_list,
                        told,
                        path,
                        call.begin(source, told),
                        position_context,
                    )
        return super().execute_field(
            parent_type, source, field_details_list, path, position_context
        )

    def complete_object_value(
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        made = self._compiled(return_type, field_details_list, result)
        if made is not None:
            return made
        return super().complete_object_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def complete_list_value(
        self,
        return_type: GraphQLList[GraphQLOutputType],
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        made = self._compiled(return_type, field_details_list, result)
        if made is not None:
            return made
        return super().complete_list_value(
            return_type, field_details_list, info, path, result, position_context
        )

    def _compiled(
        self, kind: GraphQLOutputType, details: FieldDetailsList, result: Any
    ) -> Any | None:
        """What a compiled function makes of the result; None if that is the parent's business"""
        document: Document | None = self.context_value.document
        if document is None or self._ordinary_only:
            return None
        function = document.once(
            kind,
            [detail.node for detail in details],
            self.variable_values.coerced,
            lambda: self._function(kind, details),
        )
        if function is None:
            return None
        try:
            made = function(result)
        except Exception:  # noqa: BLE001  # the ordinary executor meets it again, and tells
            made = None
        if made is None:
            self.compiled.unsure += 1
        else:
            self.compiled.used += 1
        return made

    def _function(
        self, kind: GraphQLOutputType, details: FieldDetailsList
    ) -> Callable[[Any], Any] | None:
        # What a fragment's own variables or `@defer` mean for a field stands beside its node.
        if any(
            detail.defer_usage is not None or detail.fragment_variable_values for detail in details
        ):
            return None
        try:
            return self.compiled.function_of(shape_of(self, kind, details))
        except NotPlain:
            return None


def _call(field: GraphQLField, info: GraphQLResolveInfo[Any]) -> Call | None:
    try:
        return call_of(field, info)
    except Exception:  # noqa: BLE001  # the ordinary executor meets it again, and tells
        return None


def compiling() -> type[CompiledExecutor]:
    """An execution context class for one schema, whose functions it keeps"""
    return type("Compiling", (CompiledExecutor,), {"compiled": Compiled()})
