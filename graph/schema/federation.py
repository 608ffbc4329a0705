"""The schema as a subgraph of Apollo Federation 2: entities by their keys, and SDL that says so.

https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, NewType

import msgspec
import strawberry
from graphql import ConstDirectiveNode, ObjectTypeDefinitionNode, parse, print_ast
from strawberry.types.scalar import ScalarDefinition

from graph.errors import BadUserInput
from graph.gather import answer
from graph.gather.keys import Kind
from graph.reports import reading
from graph.schema import reports
from graph.schema.context import Info
from graph.schema.query import Query, source_by_id
from graph.schema.rights import permit, permit_kind
from graph.types.call import CallLog, CallRecord
from graph.types.report import CallReport, CompletedCallReport
from graph.types.source import Source

VERSION = "v2.3"
"""the lowest version of the specification that has everything used here"""

CALLS: Mapping[str, tuple[Kind, ...]] = {"CallRecord": ("record", "leg"), "CallLog": ("log",)}
REPORTS: Mapping[str, tuple[reading.Kind, ...]] = {
    "CallReport": ("report",),
    "CompletedCallReport": ("completed",),
}
ENTITIES = (*CALLS, *REPORTS, "Source")
"""the types that other subgraphs may add fields to; the key of each is its id"""

Representation = NewType("Representation", object)

FEDERATION_SCALARS: Mapping[object, ScalarDefinition] = {
    Representation: strawberry.scalar(
        name="_Any",
        description="An entity as a gateway names it: an object of its type's name and its key.",
        serialize=lambda value: value,
        parse_value=lambda value: value,
    )
}

Entity = Annotated[
    CallRecord | CallLog | CallReport | CompletedCallReport | Source,
    strawberry.union("_Entity", description="Whatever has a key."),
]


class Reference(msgspec.Struct, rename={"kind": "__typename"}):
    """What a representation must hold: which entity is meant. A gateway may send more."""

    kind: str
    id: str


@strawberry.type(name="_Service", description="This subgraph, as a gateway asks for it.")
class Service:
    sdl: str = strawberry.field(description="The subgraph's schema with its directives.")


@strawberry.type(name="Query", description="Everything that can be asked.")
class FederatedQuery(Query):
    @strawberry.field(name="_service", description="This subgraph, as a gateway asks for it.")
    def service(self) -> Service:
        return Service(sdl=_sdl())

    @strawberry.field(
        name="_entities",
        description="Entities by their keys, in the order of the keys; null where there is none.",
    )
    async def entities(
        self,
        info: Info,
        representations: Annotated[
            list[Representation], strawberry.argument(description="Which entities are wanted.")
        ],
    ) -> list[Entity | None]:
        largest = info.context.settings.max_page_size
        if len(representations) > largest:
            raise BadUserInput(
                "representations", f"at most {largest} entities may be asked for at once"
            )
        found: list[Any] = await asyncio.gather(
            *(
                _entity(info, representation, f"representations[{place}]")
                for place, representation in enumerate(representations)
            ),
            return_exceptions=True,
        )
        return found  # an exception becomes the error of its own place, and costs no other


async def _entity(info: Info, representation: object, argument: str) -> Any:
    try:
        reference = msgspec.convert(representation, Reference)
    except msgspec.ValidationError:
        raise BadUserInput(argument, "it must have a `__typename` and an `id`") from None
    kind, wanted, paths = reference.kind, f"{argument}.id", permit(info).paths
    if kind in CALLS:
        permit_kind(info, CALLS[kind][0])
        return await answer.entry(reference.id, CALLS[kind], paths, info.context.lookups, wanted)
    if kind in REPORTS:
        permit_kind(info, REPORTS[kind][0])
        return await reports.entry(info, reference.id, REPORTS[kind], wanted, paths)
    if kind == "Source":
        return source_by_id(info.context, reference.id)
    raise BadUserInput(f"{argument}.__typename", f"the entities are {', '.join(ENTITIES)}")


# ---------------------------------------------------------------- SDL


def subgraph_sdl(plain: str) -> str:
    """The SDL of the subgraph, from the plain one: keys, what is shared, what a gateway hides"""
    document = parse(plain, no_location=True)
    marked = tuple(
        _marked_type(definition) if isinstance(definition, ObjectTypeDefinitionNode) else definition
        for definition in document.definitions
    )
    return f"{_LINK}\n\n{print_ast(replace(document, definitions=marked))}\n"


_LINK = (
    f'extend schema @link(url: "https://specs.apollo.dev/federation/{VERSION}", '
    'import: ["@key", "@shareable", "@inaccessible"])'
)


def _marked_type(kind: ObjectTypeDefinitionNode) -> ObjectTypeDefinitionNode:
    if kind.name.value in ENTITIES:
        return replace(kind, directives=(_KEY,))
    if kind.name.value == "PageInfo":
        return replace(kind, directives=(_SHAREABLE,))
    if kind.name.value == "Query":
        # A gateway's own `node`, if it has one, must find the entities of every subgraph.
        fields = tuple(
            replace(field, directives=(_INACCESSIBLE,))
            if field.name.value in ("node", "nodes")
            else field
            for field in kind.fields or ()
        )
        return replace(kind, fields=fields)
    return kind


def _directive(text: str) -> ConstDirectiveNode:
    (holder,) = parse(f"type T {text}", no_location=True).definitions
    assert isinstance(holder, ObjectTypeDefinitionNode)
    (found,) = holder.directives or ()
    return found


_KEY = _directive('@key(fields: "id")')
_SHAREABLE = _directive("@shareable")
_INACCESSIBLE = _directive("@inaccessible")


def _sdl() -> str:
    from graph.schema.build import sdl  # the whole schema, of which this is a part

    return sdl(federation=True)
