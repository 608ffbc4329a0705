"""The app of one of several worker processes, made from what `serve --workers` left for it."""

from __future__ import annotations

from starlette.applications import Starlette

from graph import config
from graph.observe import write_logs
from graph.server.app import Graph, create_app
from graph.server.run import first_on_signals


def app() -> Starlette:
    """Called by uvicorn in each process."""
    write_logs()
    settings, share = config.of_worker()
    graph = Graph(settings, share=share)
    first_on_signals(graph.streams.close)
    return create_app(graph)
