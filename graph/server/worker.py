"""The app of one of several worker processes, made from what `serve --workers` left for it."""

from __future__ import annotations

from starlette.applications import Starlette

from graph import config, spans
from graph.observe import write_logs
from graph.server.app import Graph, create_app
from graph.server.run import first_on_signals, quiet_garbage


def app() -> Starlette:
    """Called by uvicorn in each process."""
    worker = config.of_worker()
    write_logs(worker.log_level, worker.log_format)
    settings = worker.settings()
    if settings.server.traces:
        spans.export()
    graph = Graph(settings, share=worker.share, shared_metrics=worker.metrics_folder)
    first_on_signals(graph.end_streams)
    made = create_app(graph)
    quiet_garbage()
    return made
