"""The Schema and its SDL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError
from strawberry import Schema
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.graphql import OperationType

from graph.errors import GraphError
from graph.observe import log
from graph.schema.mutation import Mutation
from graph.schema.nulls import without_null_defaults
from graph.schema.query import Query
from graph.schema.subscription import Subscription
from graph.sources import all_vendors
from graph.types.scalars import SCALARS


class GraphSchema(Schema):
    """A Schema whose errors say what an allow-list lets them say, and log the rest."""

    async def execute(self, *args: Any, **options: Any) -> ExecutionResult:
        # A subscription has no one answer; it goes over WebSocket or SSE, to `subscribe`.
        allowed = options.get("allowed_operation_types") or OperationType
        options["allowed_operation_types"] = set(allowed) - {OperationType.SUBSCRIPTION}
        return await super().execute(*args, **options)

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        del execution_context
        for error in errors:
            present(error)


_NO_OPERATION = (
    GraphQLError,
    MissingQueryError,
    CannotGetOperationTypeError,
    InvalidOperationTypeError,
)
"""what is wrong with a query that cannot be executed"""


def present(error: GraphQLError) -> None:
    """Makes an error fit to be seen: our own as they are, an unexpected one as INTERNAL."""
    cause = error.original_error
    if cause is None or isinstance(cause, _NO_OPERATION):
        error.extensions = {"code": "GRAPHQL_INVALID", **(error.extensions or {})}
        return
    if isinstance(cause, GraphError):
        error.extensions = {**(error.extensions or {}), **cause.extensions()}
        return
    log.error("unexpected %s at %s", type(cause).__name__, error.path, exc_info=cause)
    error.message = "something unexpected went wrong; the server's log has the details"
    error.extensions = {"code": "INTERNAL"}


class Parsed(ParserCache):
    """Parses each text once; what cannot be parsed is left to Strawberry, which tells so."""

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        with suppress(GraphQLSyntaxError):
            context.graphql_document = self.cached_parse_document(
                context.query, **context.parse_options
            )
        yield


class Explained(SchemaExtension):
    """Adds `extensions.plan` where a field was asked to explain itself."""

    def get_results(self) -> dict[str, Any]:
        context = self.execution_context.context
        return {"plan": context.plans} if context is not None and context.plans else {}


def build() -> GraphSchema:
    """The schema with the details types of every vendor folder."""
    schema = GraphSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[manifest.details for manifest in all_vendors()],
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=[
            # One of its own for each operation; what they keep, all of them share.
            lambda: Parsed(maxsize=500),
            lambda: ValidationCache(maxsize=500),
            Explained,
        ],
    )
    without_null_defaults(schema._schema)  # noqa: SLF001  # Strawberry has no other way to it
    return schema


def sdl() -> str:
    """The schema as text, exactly as `schema.graphql` has it"""
    return print_schema(build()).rstrip() + "\n"
