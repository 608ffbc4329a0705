"""`/graphql`: GraphQL over HTTP, WebSocket and SSE; msgspec writes the bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import msgspec
from cross_web import AsyncHTTPRequestAdapter, HTTPException, StarletteRequestAdapter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.base import BaseRequestProtocol
from strawberry.http.streaming import SSETransport
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult

from graph.caller import Caller
from graph.config import Settings
from graph.errors import (
    GraphError,
    NotSignedIn,
    OverLimit,
    Overloaded,
    RateLimited,
    SignInUnavailable,
)
from graph.schema.build import GraphSchema
from graph.schema.context import Context
from graph.schema.documents import Documents
from graph.server import asked
from graph.server.auth import STATUSES, Gate, challenge
from graph.server.body import bounded
from graph.server.page import CONTENT_SECURITY_POLICY, page_html
from graph.server.socket import Operations, Socket


class Events(SSETransport):
    """Server-sent events for those who take nothing else.

    Some clients name them after JSON for every operation, and mean: for subscriptions only.
    """

    def accepts(self, accept: str) -> bool:
        return super().accepts(accept) and not any(kind in accept for kind in (asked.JSON, _NEWER))

    def encode_event(self, event: str, data: str | None = None) -> str:
        # The standard has three ways to end a line; not every client knows all of them.
        return super().encode_event(event, data).replace("\r\n", "\n")


class Served(Protocol):
    """What the endpoint serves; it may change while requests are under way"""

    settings: Settings
    documents: Documents
    gate: Gate


class Endpoint(GraphQL[Context, None]):
    """Strawberry's ASGI view with our context, our JSON, our page and errors that are GraphQL."""

    websocket_adapter_class = Socket
    stream_transport_classes_by_protocol = MappingProxyType({GRAPHQL_SSE_PROTOCOL: Events})
    graphql_transport_ws_handler_class = Operations

    def __init__(
        self,
        schema: GraphSchema,
        context_of: Callable[[Request | WebSocket, Caller], Context],
        served: Served,
        *,
        example: str | None,
    ) -> None:
        super().__init__(
            schema,
            graphql_ide="graphiql" if example is not None else None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
        )
        self.context_of = context_of
        self._served = served
        self._events = Events()
        self._example = example or ""

    @property
    def gate(self) -> Gate:
        """Who tells who asks"""
        return self._served.gate

    def is_websocket_origin_allowed(self, request: WebSocket, origin: str) -> bool:
        del request
        allowed = self._served.settings.server.allowed_origins
        return origin.rstrip("/").lower() in [one.rstrip("/").lower() for one in allowed]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        request = Request(scope, bounded(receive, self._served.settings.server.limits))
        try:
            if self.should_render_graphql_ide(StarletteRequestAdapter(request)):
                response = await self.render_graphql_ide(request)
            else:
                shown = request.headers.get("authorization")
                request.state.caller = await self.gate.caller(shown)
                streams = self._events.accepts(request.headers.get("accept", ""))
                response = await (self.run(request) if streams else self._answer(request))
        except HTTPException as error:
            response = _refusal(error.status_code, error.reason)
        except OverLimit as error:
            response = _refusal(413, str(error), error)
        except (NotSignedIn, SignInUnavailable) as error:
            response = refusal_at_the_gate(error)
        if response.media_type == asked.JSON and _wants_newer(request):
            response.headers["content-type"] = _NEWER
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        """The whole answer to what is asked: Strawberry's `run`, without its other ways"""
        adapter = StarletteRequestAdapter(request)
        if not self.is_request_allowed(adapter):
            raise HTTPException(405, "GraphQL only supports GET and POST requests.")
        context = self.context_of(request, request.state.caller)
        operation = await self._asked(adapter)
        result = await self.execute_single(request, adapter, _NOTHING, context, None, operation)
        return self._written(await self.process_result(request, result), context)

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> Context:
        caller: Caller = getattr(request.state, "caller", self.gate.first)
        context = self.context_of(request, caller)
        if isinstance(response, Response):
            response.context = context  # type: ignore[attr-defined]
        return context

    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
        if self.graphql_ide is None or not super().should_render_graphql_ide(request):
            return False
        return not any(name in request.query_params for name in ("documentId", "extensions"))

    async def _asked(
        self, request: AsyncHTTPRequestAdapter, *, events: bool = False
    ) -> GraphQLRequestData:
        if request.method == "GET" and not request.query_params:
            raise HTTPException(
                400,
                "send a query: by POST, or as ?query=…"
                + ("" if self.graphql_ide else "; there is no page here (server.graphiql)"),
            )
        parts = await asked.read(request, self._served.documents.trusted)
        return GraphQLRequestData(
            parts.get("query"),
            parts.get("variables"),
            parts.get("operationName"),
            parts.get("extensions"),
            "sse" if events else "http",
        )

    async def parse_http_body(
        self, request: AsyncHTTPRequestAdapter
    ) -> GraphQLRequestData | list[GraphQLRequestData]:
        return await self._asked(request, events=True)  # Strawberry's `run` is for nothing else

    async def render_graphql_ide(self, request: Request) -> Response:
        html = page_html(self._example, f"{request.scope.get('root_path', '')}/graphql")
        headers = {"content-security-policy": CONTENT_SECURITY_POLICY}
        return HTMLResponse(html, headers=headers)

    async def create_streaming_response(
        self,
        request: Request | WebSocket,
        stream: Callable[[], AsyncIterator[str]],
        sub_response: Response,
        headers: Mapping[str, str],
    ) -> Response:
        def ending() -> AsyncIterator[str]:
            return self._while_good(stream(), request.state.caller)

        return await super().create_streaming_response(request, ending, sub_response, headers)

    async def _while_good(self, events: AsyncIterator[str], caller: Caller) -> AsyncIterator[str]:
        """The events of a stream until the caller's token ends; then that, as the last of them"""
        ended = asyncio.ensure_future(self.gate.ended(caller))
        following: asyncio.Task[str | None] | None = None
        try:
            while True:
                following = asyncio.ensure_future(_next(events))
                await asyncio.wait({following, ended}, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    error = NotSignedIn("the token was revoked, or is past its end")
                    told = self.encode_json(_body(str(error), error.extensions())).decode()
                    yield f"event: next\ndata: {told}\n\nevent: complete\ndata:\n\n"
                    return
                event = following.result()
                if event is None:
                    return
                yield event
        finally:
            ended.cancel()
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
            if isinstance(events, AsyncGenerator):
                await events.aclose()

    def encode_json(self, data: object) -> bytes:
        return _ENCODER.encode(data)

    def decode_json(self, data: str | bytes) -> object:
        return asked.decode(data)

    async def process_result(
        self, request: Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        answer = await super().process_result(request, result)
        if _never_ran(answer):
            del answer["data"]  # there is data, null or not, only where something was executed
        return answer

    def create_response(
        self,
        response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse],
        sub_response: Response,
    ) -> Response:
        assert isinstance(response_data, dict), "one operation is asked for at a time"
        return self._written(response_data, sub_response.context)  # type: ignore[attr-defined]

    def _written(self, answer: GraphQLHTTPResponse, context: Context) -> Response:
        headers = {"cache-control": "no-store", "server-timing": context.server_timing()}
        newer = _wants_newer(context.request)
        status = 200
        if answer.get("errors"):
            overloaded, limited = (_wait_seconds(answer, kind) for kind in _LATER)
            if overloaded is not None:
                status = 503
            elif newer and _never_ran(answer):
                status = 400
            elif newer and limited is not None:
                status = 429
            wait = overloaded if limited is None else limited
            if wait is not None:
                headers["retry-after"] = str(wait)
        media_type = _NEWER if newer else asked.JSON
        return Response(self.encode_json(answer), status, headers, media_type)


_NEWER = "application/graphql-response+json"
_NOTHING = Response()
"""what resolvers could add to the response; none does"""


def _wants_newer(request: Request) -> bool:
    """The caller knows the media type whose status says whether the query was one at all"""
    return _NEWER in request.headers.get("accept", "")


def _never_ran(answer: Any) -> bool:
    """The query was refused as a whole: it has errors, and none is a field's"""
    errors = answer.get("errors")
    return bool(errors) and all("path" not in error for error in errors)


_LATER = (Overloaded, RateLimited)
"""why the same may be asked again, later"""


def _wait_seconds(answer: Any, why: type[GraphError]) -> int | None:
    """Seconds until this may be asked again, if that was why nothing was answered"""
    errors = answer.get("errors") or ()
    waits = [error["extensions"].get("retryAfterSeconds", 0) for error in errors
             if error.get("extensions", {}).get("code") == why.code]  # fmt: skip
    nothing = not any((answer.get("data") or {}).values())
    return max(waits) if waits and nothing else None


def _plain(value: object) -> Any:
    # What scalars and enums did not turn into JSON is a fault of the schema, not of the caller.
    raise TypeError(f"{type(value).__name__} is no JSON")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)


async def _next(events: AsyncIterator[str]) -> str | None:
    return await anext(events, None)


def _body(message: str, extensions: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"errors": [{"message": message, "extensions": extensions}]}


def refusal_at_the_gate(error: NotSignedIn | SignInUnavailable) -> Response:
    """The answer to a request of which nobody knows, or can say, who asks"""
    return Response(
        msgspec.json.encode(_body(str(error), error.extensions())),
        status_code=STATUSES[error.code],
        headers={"cache-control": "no-store", **challenge(error)},
        media_type=asked.JSON,
    )


def _refusal(status: int, message: str, error: GraphError | None = None) -> Response:
    """A request that is no GraphQL request, answered with a GraphQL error"""
    code = "METHOD_NOT_ALLOWED" if status == 405 else "BAD_REQUEST"
    extensions = {"code": code} if error is None else error.extensions()
    return Response(
        msgspec.json.encode(_body(message, extensions)),
        status_code=status,
        headers={"allow": "GET, POST"} if status == 405 else None,
        media_type=asked.JSON,
    )
