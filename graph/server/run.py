"""Servers in this process, on sockets that are bound before anything runs."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from graph.errors import ConfigError


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. ConfigError in one line if it is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else "no such port"
        raise ConfigError(f"cannot listen on {host}:{port}: {reason}") from None
    return listener


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs several of them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_all(apps: Sequence[tuple[ASGIApp, socket.socket]]) -> None:
    """Serves every app until SIGINT or SIGTERM, then stops all of them cleanly.

    The first app stops first, so that what it still asks of the others is answered.
    """
    servers = [
        (
            _Server(
                uvicorn.Config(
                    app,
                    log_level="warning",
                    access_log=False,  # a query string may hold phone numbers
                    lifespan="on" if place == 0 else "off",
                    timeout_graceful_shutdown=5,
                )
            ),
            listener,
        )
        for place, (app, listener) in enumerate(apps)
    ]
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(server.serve([listener])) for server, listener in servers]
    asked = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([*tasks, asked], return_when=asyncio.FIRST_COMPLETED)
        for (server, _), task in zip(servers, tasks, strict=True):
            server.should_exit = True
            await task
    finally:
        asked.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
