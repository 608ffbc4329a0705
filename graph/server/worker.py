"""The app of one of several worker processes, made from what `serve --workers` left for it."""

from __future__ import annotations

from starlette.applications import Starlette

from graph import config
from graph.observe import write_logs
from graph.server.app import Graph, create_app


def app() -> Starlette:
    """Called by uvicorn in each process."""
    write_logs()
    settings, share = config.of_worker()
    return create_app(Graph(settings, share=share), example=None)
