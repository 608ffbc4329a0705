"""Who is told of files: a real SMTP server and a real receiver of webhooks, on loopback."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from asyncio import Server
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Event
from typing import Any

from aiosmtpd.controller import Controller
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.clients.serving import serve

SECRET = "a secret of webhooks for tests"


class Mailbox:
    """The mails that were taken; `refusals` are answered first."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.refusals: list[str] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refusals:
            return self.refusals.pop(0)
        made = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(made, EmailMessage)
        self.mails.append(made)
        self.recipients.append(envelope.rcpt_tos)
        return "250 taken"


class _AnyPort(Controller):
    """Listens at a port that is free, and says which"""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # the library is untyped here


@contextmanager
def mailbox() -> Iterator[tuple[Mailbox, dict[str, Any]]]:
    """A mail server, and the table [reports.mail] that sends to it"""
    box = Mailbox()
    controller = _AnyPort(box, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        yield (
            box,
            {
                "host": "127.0.0.1",
                "port": controller.port,
                "security": "none",
                "sender": "Reports <reports@example.com>",
                "domains": ["example.com"],
            },
        )
    finally:
        controller.stop()


class Hook:
    """The messages that were taken, by their ids; `statuses` are answered first.

    While `open` is not set nobody is answered.
    """

    def __init__(self) -> None:
        self.open = Event()
        self.open.set()
        self.taken: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.statuses: list[int] = []

    async def receive(self, request: Request) -> Response:
        body = await request.body()
        signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}."
        mac = hmac.new(SECRET.encode(), signed.encode() + body, hashlib.sha256).digest()
        assert request.headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
        self.ids.append(request.headers["webhook-id"])
        await asyncio.to_thread(self.open.wait, 30)
        if self.statuses:
            return Response(status_code=self.statuses.pop(0), headers={"location": "/elsewhere"})
        self.taken.append(json.loads(body))
        return Response(status_code=204)


@contextmanager
def hook() -> Iterator[tuple[Hook, str, dict[str, Any]]]:
    """A receiver, its address, and the table [reports.webhooks] that allows it"""
    made = Hook()
    app = Starlette(routes=[Route("/{path:path}", made.receive, methods=["POST", "GET"])])
    with serve(app) as address:
        table = {"secret": SECRET, "hosts": ["127.0.0.1"], "private": True}
        yield made, f"{address}/reports", table
