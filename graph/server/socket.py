"""Operations over one WebSocket (`graphql-transport-ws`), from its caller's token to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
from graphql import GraphQLError
from starlette.websockets import WebSocketDisconnect
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
)

from graph.caller import Caller
from graph.errors import NotSignedIn, OverLimit, SignInUnavailable
from graph.schema.context import Context

if TYPE_CHECKING:
    from graph.server.endpoint import Endpoint

UNAUTHORIZED, FORBIDDEN, LATER = 4401, 4403, 1013
"""how a socket is closed: no token was shown; it is not, or no longer, good; not to be said now"""


class Socket(ASGIWebSocketAdapter):
    """Messages as text, as `graphql-transport-ws` has them, though our JSON is bytes"""

    async def send_json(self, message: Mapping[str, object]) -> None:
        try:
            await self.ws.send_text(self.view.encode_json_string(message))
        except (WebSocketDisconnect, RuntimeError) as gone:
            # The second is Starlette's word for a socket that we have closed ourselves.
            raise WebSocketDisconnected from gone


class Message(msgspec.Struct):
    """Any message of `graphql-transport-ws`"""

    type: str
    id: str = ""
    payload: dict[str, Any] | None = None


class Payload(msgspec.Struct, rename="camel"):
    """What a message that asks for an operation holds"""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


class Subscribe(msgspec.Struct):
    """A message that asks for an operation"""

    id: str
    payload: Payload


class Operations(BaseGraphQLTransportWSHandler[Context, None]):
    """The operations of one WebSocket, which stays open long after one of them has its deadline"""

    view: Endpoint
    websocket: Socket
    _ending: asyncio.Task[None] | None = None

    @property
    def context(self) -> Context:
        """A new one for each operation"""
        return self._first.renewed()

    @context.setter
    def context(self, given: Context) -> None:
        self._first = given

    async def handle_message(self, message: Any) -> None:
        # Strawberry takes it on trust that the parts of a message are what they should be.
        try:
            if msgspec.convert(message, Message).type == "subscribe":
                if isinstance(message.get("payload"), dict):
                    self.context.documents.trusted.resolve(message["payload"])
                msgspec.convert(message, Subscribe)
        except msgspec.ValidationError:
            await self.handle_invalid_message("Failed to parse message")
        else:
            await super().handle_message(message)

    async def handle_subscribe(self, message: Any) -> None:
        most = self.max_subscriptions_per_connection
        if most is None or len(self.operations) < most or message["id"] in self.operations:
            await super().handle_subscribe(message)
            return
        told = f"{most} operations are under way on this socket, and no more may be"
        error = OverLimit("operations", most, most + 1, told)
        refusal = {"message": told, "extensions": error.extensions()}
        await self.websocket.send_json({"id": message["id"], "type": "error", "payload": [refusal]})

    async def handle_connection_init(self, message: Any) -> None:
        if not self.connection_init_received and not await self._signed_in(message):
            return
        await super().handle_connection_init(message)

    async def _signed_in(self, message: Any) -> bool:
        """Takes the token of the first message; closes the socket where it is not good"""
        shown = _authorization(message.get("payload"))
        try:
            caller = await self.view.gate.caller(
                shown or self.websocket.ws.headers.get("authorization")
            )
        except NotSignedIn as error:
            code = FORBIDDEN if error.given else UNAUTHORIZED
            await self.websocket.close(code, str(error))
            return False
        except SignInUnavailable as error:
            await self.websocket.close(LATER, str(error))
            return False
        self._first = self.view.context_of(self.websocket.ws, caller)
        self._ending = asyncio.create_task(self._end(caller))
        return True

    async def _end(self, caller: Caller) -> None:
        await self.view.gate.ended(caller)
        await self.websocket.close(FORBIDDEN, "the token was revoked, or is past its end")
        for id in list(self.operations):
            await self.cleanup_operation(id)

    async def shutdown(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            with suppress(asyncio.CancelledError):
                await self._ending
        await super().shutdown()

    async def handle_task_exception(self, error: Exception) -> None:
        # An answer that nobody waits for any more is no accident.
        if not isinstance(error, WebSocketDisconnected):
            await super().handle_task_exception(error)

    @staticmethod
    def _get_pre_execution_close_reason(error: GraphQLError) -> None:
        """None ever: what is wrong with one operation is told, and the others go on."""


def _authorization(payload: Any) -> str | None:
    """What `connection_init` shows as `authorization`, in whatever case the client writes it"""
    if not isinstance(payload, dict):
        return None
    shown = {str(key).lower(): value for key, value in payload.items()}.get("authorization")
    return shown if isinstance(shown, str) else None
