"""The Schema and its SDL."""

from __future__ import annotations

from functools import cache
from typing import Any

from graphql import GraphQLError, GraphQLSchema
from strawberry import Schema
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import SchemaExtension
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.schema.name_converter import NameConverter
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType
from strawberry.utils.str_converters import to_camel_case

from graph.errors import GraphError
from graph.observe import log, request_id
from graph.schema.compiled.executor import compiling
from graph.schema.context import Context
from graph.schema.documents import check_variables
from graph.schema.federation import FEDERATION_SCALARS, FederatedQuery, subgraph_sdl
from graph.schema.mutation import Mutation
from graph.schema.nulls import without_null_defaults
from graph.schema.observed import Hooks, Observed
from graph.schema.query import Query
from graph.schema.subscription import Subscription
from graph.sources import all_vendors
from graph.types.scalars import SCALARS

_camel_case = cache(to_camel_case)


class Names(NameConverter):
    """Strawberry's names, each made once: it asks for all of an input's whenever one is given."""

    def apply_naming_config(self, name: str) -> str:
        return _camel_case(name)


class GraphSchema(Schema):
    """A Schema whose errors say what an allow-list lets them say, and log the rest."""

    @property
    def plain(self) -> GraphQLSchema:
        """The schema as graphql-core has it; Strawberry has no other way to it"""
        return self._schema

    async def execute(self, *args: Any, **options: Any) -> ExecutionResult:
        # A subscription has no one answer; it goes over WebSocket or SSE, to `subscribe`.
        allowed = options.get("allowed_operation_types") or OperationType
        options["allowed_operation_types"] = set(allowed) - {OperationType.SUBSCRIPTION}
        return await super().execute(*args, **options)

    def create_extensions_runner(
        self, execution_context: ExecutionContext, extensions: list[SchemaExtension]
    ) -> SchemaExtensionsRunner:
        return Hooks(execution_context, extensions)

    async def _prepare_operation_async(
        self, context: ExecutionContext, extensions_runner: SchemaExtensionsRunner
    ) -> PreExecutionError | None:
        # Instead of parsing and validating: the document as it was read and checked once.
        del extensions_runner
        if not context.query:
            raise MissingQueryError
        asked: Context = context.context
        read = asked.document = asked.documents.read(context.query)
        context.graphql_document = read.tree
        errors = read.errors
        if read.tree is not None:
            try:
                kind = context.operation_type
            except RuntimeError as error:
                raise CannotGetOperationTypeError(context.operation_name) from error
            if kind not in context.allowed_operations:
                raise InvalidOperationTypeError(kind)
            asked.begin(kind.value)
            errors = errors or check_variables(context.variables, asked.settings.limits)
        context.pre_execution_errors = errors
        return PreExecutionError(data=None, errors=errors) if errors else None

    async def _execute_operation(
        self, execution_context: ExecutionContext, *args: Any, **options: Any
    ) -> Any:
        # Whatever it comes by: HTTP, SSE and WebSocket all execute their queries here.
        asked: Context = execution_context.context
        async with asked.turns.turn(asked.remaining_seconds):
            return await super()._execute_operation(execution_context, *args, **options)

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        asked: Context | None = None if execution_context is None else execution_context.context
        for error in errors:
            present(error, request_id() if asked is None else asked.request_id)
            if asked is not None and not asked.settings.suggestions:
                error.message = error.message.partition(" Did you mean")[0]


_NO_OPERATION = (
    GraphQLError,
    MissingQueryError,
    CannotGetOperationTypeError,
    InvalidOperationTypeError,
)
"""what is wrong with a query that cannot be executed"""
_LONGEST_MESSAGE = 1000


def present(error: GraphQLError, request_id: str) -> None:
    """Makes an error fit to be seen: our own as they are, an unexpected one as INTERNAL.

    Of that the log has the details; `request_id` is what the caller and the log call the request.
    """
    cause = error.original_error
    if cause is None or isinstance(cause, _NO_OPERATION):
        # It quotes the query, a name as long as it was.
        if len(error.message) > _LONGEST_MESSAGE:
            error.message = error.message[:_LONGEST_MESSAGE] + "…"
        error.extensions = {"code": "GRAPHQL_INVALID", **(error.extensions or {})}
        return
    if isinstance(cause, GraphError):
        error.extensions = {**(error.extensions or {}), **cause.extensions()}
        return
    named = f" (request {request_id})"
    log.error("unexpected %s at %s%s", type(cause).__name__, error.path, named, exc_info=cause)
    error.message = f"something unexpected went wrong; the server's log has the details{named}"
    error.extensions = {"code": "INTERNAL", "requestId": request_id}


@cache
def build(*, compiled: bool = True, federation: bool = False) -> GraphSchema:
    """The schema with the details types of every vendor folder, made once for the process.

    `compiled`: selections of plain attributes are executed by generated functions. Without it
    everything is the same, and slower. `federation`: with what a gateway of Apollo Federation asks
    of a subgraph.
    """
    scalars = {**SCALARS, **FEDERATION_SCALARS} if federation else SCALARS
    schema = GraphSchema(
        query=FederatedQuery if federation else Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[manifest.details for manifest in all_vendors()],
        config=StrawberryConfig(name_converter=Names(), scalar_map=scalars),
        execution_context_class=compiling() if compiled else None,
        extensions=[Observed],
    )
    without_null_defaults(schema.plain)
    return schema


@cache
def sdl(*, federation: bool = False) -> str:
    """The schema as text, exactly as `schema.graphql` has it; or as a subgraph of a supergraph"""
    plain = print_schema(build()).rstrip() + "\n"
    return subgraph_sdl(plain) if federation else plain
