"""Servers in this process, on sockets that are bound before anything runs."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from graph.config import ServerSettings
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


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs a server to its end, on uvloop where there is one"""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(work())


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes uvloop's event loops; None where there is no uvloop"""
    try:
        import uvloop
    except ImportError:  # there is none for Windows, nor for other Pythons than CPython
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


_NEW_OBJECTS = 20_000


def quiet_garbage() -> None:
    """Spares the collector what stays for good, and has it look less often: an answer of a thousand
    records makes more objects than Python means to let pass between two looks, and none is garbage.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 50)


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs several of them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _how(settings: ServerSettings) -> Mapping[str, Any]:
    """What uvicorn is to know"""
    return {
        "log_config": None,  # its lines go where ours go, and are masked there
        "log_level": "warning",
        "access_log": False,  # a query string may hold phone numbers
        "server_header": False,
        "timeout_worker_healthcheck": 30,
        # Longer than nginx keeps a connection to us (60 s): whoever closes first must be the one
        # that sends, or else a request may go into a connection that is just being closed.
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": settings.shutdown_ms / 1000,
        "ws_max_size": settings.limits.body_bytes,
        "proxy_headers": bool(settings.trusted_proxies),
        "forwarded_allow_ips": list(settings.trusted_proxies),
        "root_path": settings.root_path,
    }


SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""what asks a server to stop"""


async def serve_all(
    apps: Sequence[tuple[ASGIApp, socket.socket]],
    before_stop: Callable[[], Awaitable[None]] | None = None,
    *,
    behind: ServerSettings | None = None,
    on_hangup: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serves every app until SIGINT or SIGTERM, then stops all of them cleanly.

    The first app stops first, so that what it still asks of the others is answered; `before_stop`
    ends what would not end by itself, such as subscriptions. `behind` tells of proxies in front;
    `on_hangup` is what SIGHUP does.
    """
    how = _how(behind or ServerSettings())
    servers = [
        (
            _Server(uvicorn.Config(app, lifespan="on" if place == 0 else "off", **how)),
            listener,
        )
        for place, (app, listener) in enumerate(apps)
    ]
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop.set)
    hangups = None if on_hangup is None else _Hangups(on_hangup)
    if hangups is not None:
        loop.add_signal_handler(signal.SIGHUP, hangups.take)
    tasks = [asyncio.create_task(server.serve([listener])) for server, listener in servers]
    asked = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([*tasks, asked], return_when=asyncio.FIRST_COMPLETED)
        if before_stop is not None:
            await before_stop()
        for (server, _), task in zip(servers, tasks, strict=True):
            server.should_exit = True
            await task
    finally:
        asked.cancel()
        for number in SIGNALS:
            loop.remove_signal_handler(number)
        if hangups is not None:
            loop.remove_signal_handler(signal.SIGHUP)
            await hangups.done()


class _Hangups:
    """One SIGHUP after the other, however soon they come"""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._wanted = False
        self._task: asyncio.Task[None] | None = None

    def take(self) -> None:
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._all())

    async def _all(self) -> None:
        while self._wanted:
            self._wanted = False
            await self._work()

    async def done(self) -> None:
        """Waits for what is under way"""
        if self._task is not None:
            await self._task


class _Supervisor(Multiprocess):
    """Replaces processes on SIGHUP only where what they would begin with is usable"""

    may_restart: Callable[[], bool]

    def handle_hup(self) -> None:
        if self.may_restart():
            super().handle_hup()


def serve_by_workers(
    factory: str,
    listener: socket.socket,
    workers: int,
    settings: ServerSettings,
    may_restart: Callable[[], bool],
) -> None:
    """Serves what the factory ("module:function") makes in so many processes, until a signal"""
    how = uvicorn.Config(factory, factory=True, workers=workers, **_how(settings))
    supervisor = _Supervisor(how, [listener])
    supervisor.may_restart = may_restart
    supervisor.run()


def first_on_signals(work: Callable[[], Awaitable[None]]) -> None:
    """Has SIGINT and SIGTERM do the work before whatever they do now.

    For a server whose signals somebody else takes, such as the supervisor of worker processes.
    """
    loop = asyncio.get_running_loop()
    under_way: set[asyncio.Task[None]] = set()

    def take(number: int, then: Callable[[int, FrameType | None], Any]) -> None:
        async def both() -> None:
            try:
                await work()
            finally:
                then(number, None)

        task = loop.create_task(both())
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    for number in SIGNALS:
        then = signal.getsignal(number)
        if callable(then):
            loop.add_signal_handler(number, take, number, then)
