"""What `serve` runs: one process or several, from the first request to a clean stop."""

from __future__ import annotations

import socket
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from graph import config, spans
from graph.config import Settings, Worker
from graph.errors import ConfigError
from graph.metrics import serve_shared
from graph.observe import log, system_timer
from graph.server.app import Graph, create_app, create_health_app, trusted
from graph.server.auth import Gate
from graph.server.run import bind, quiet_garbage, run, serve_all, serve_by_workers
from graph.transport.open import check_vendors

HOST = "127.0.0.1"
"""where metrics have a port of their own: nobody else's machine reaches it"""


class Replaceable:
    """An ASGI app in whose place another one may come; requests under way end where they began"""

    def __init__(self, app: ASGIApp) -> None:
        self._first = app
        self.current = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._first if scope["type"] == "lifespan" else self.current
        await app(scope, receive, send)


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says"""

    file: Path
    host: str
    port: int
    workers: int
    log_level: str
    log_format: str


def serve(given: Serving, settings: Settings) -> None:
    """Serves until a signal; ConfigError where it cannot begin"""
    with ExitStack() as stack:
        listener = stack.enter_context(bind(given.host, given.port))
        port = listener.getsockname()[1]
        own = settings.server.metrics_port
        metrics = None if own is None else stack.enter_context(bind(HOST, own))
        told = f"cdr-graph serves http://{_bracketed(given.host)}:{port}/graphql"
        if given.workers == 1:
            run(lambda: _one_process(given.file, settings, listener, metrics, told))
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="cdr-graph-"))
            _several(given, settings, listener, metrics, folder, told)


async def _one_process(
    file: Path,
    settings: Settings,
    listener: socket.socket,
    metrics: socket.socket | None,
    told: str,
) -> None:
    if settings.server.traces:
        spans.export()
    graph = Graph(settings)
    app = Replaceable(create_app(graph))

    async def reload() -> None:
        try:
            await graph.reload(changed(config.read(file), file, graph.settings))
        except ConfigError as error:
            log.error(_KEPT, error)
        else:
            app.current = create_app(graph)
            log.info("the configuration was read anew")

    apps: list[tuple[ASGIApp, socket.socket]] = [(app, listener)]
    if metrics is not None:
        apps.append((create_health_app(graph), metrics))
    print(told, file=sys.stderr, flush=True)
    quiet_garbage()
    await serve_all(apps, graph.end_streams, behind=settings.server, on_hangup=reload)


def _several(
    given: Serving,
    settings: Settings,
    listener: socket.socket,
    metrics: socket.socket | None,
    folder: str,
    told: str,
) -> None:
    Graph(settings)  # so that a fault of the configuration is told once, and here
    file, kept = given.file.resolve(), Path(folder) / "graph.toml"
    kept.write_text(config.read(file), encoding="utf-8")
    worker = Worker(
        file=str(file),
        kept=str(kept),
        share=given.workers,
        secret=config.shared_secret(settings),
        log_level=given.log_level,
        log_format=given.log_format,
        metrics_folder=folder,
    )
    config.tell_workers(worker)
    print(told, file=sys.stderr, flush=True)
    if metrics is not None:
        serve_shared(folder, metrics)
    latest = settings

    def may_restart() -> bool:
        nonlocal latest
        try:
            text = config.read(file)
            new = changed(text, file, latest)
            check_vendors(new)
            trusted(new.server)
            Gate(new.server, system_timer())
        except ConfigError as error:
            log.error(_KEPT, error)
            return False
        # At once, since a process may be starting from it just now.
        written = kept.with_suffix(".new")
        written.write_text(text, encoding="utf-8")
        written.replace(kept)
        latest = new
        log.info("the configuration was read anew, and processes are replaced one by one")
        return True

    serve_by_workers(
        "graph.server.worker:app", listener, given.workers, settings.server, may_restart
    )


_KEPT = "the configuration was not read anew, and the old one stays: %s"


def changed(text: str, file: Path, old: Settings) -> Settings:
    """The settings of a file's text; ConfigError if they cannot follow the old ones"""
    new = config.parse(text, file)
    if new.server.asks_who is not old.server.asks_who:
        raise ConfigError("whether callers sign in cannot change while the server runs; restart it")
    if (new.reports is None) is not (old.reports is None):
        raise ConfigError("whether it keeps reports cannot change while it runs; restart it")
    fixed = [
        f"{table}.{name}"
        for table, own, before, names in (
            ("server", new.server, old.server, FIXED),
            ("reports", new.reports, old.reports, FIXED_OF_REPORTS),
        )
        for name in names
        if getattr(own, name, None) != getattr(before, name, None)
    ]
    if fixed:
        raise ConfigError(f"{', '.join(fixed)} cannot change while the server runs; restart it")
    return new


FIXED: Sequence[str] = (
    "secret", "trusted_proxies", "root_path", "shutdown_ms", "metrics_port", "traces", "compiled",
    "shared_url", "shared_timeout_ms", "federation",
)  # fmt: skip
"""settings that what is open already depends on"""
FIXED_OF_REPORTS: Sequence[str] = ("folder", "database")
"""those of [reports]: where definitions and files are"""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
