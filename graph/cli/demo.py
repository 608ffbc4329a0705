"""The command `demo`: five simulated systems and the API over them."""

from __future__ import annotations

import argparse
from tempfile import TemporaryDirectory

from graph.cli.arguments import port
from graph.server import examples
from graph.server.app import Graph, create_app
from graph.server.run import bind, serve_all
from graph.server.run import run as serve_until_stopped
from graph.server.twins import HOST, start_twins, twin_settings
from graph.sources import vendor_names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes"""
    parser.description = (
        "Starts a simulated phone system of each vendor on this machine, with a month of made-up "
        "calls, and the API over them with GraphiQL. Needs no settings, no network and no account. "
        "Ctrl-C ends it."
    )
    parser.add_argument("--port", type=port, default=8000, help="port of the API (default 8000)")


def run(given: argparse.Namespace) -> int:
    """Serves until it is told to stop"""
    with bind(HOST, given.port) as listener, TemporaryDirectory(prefix="cdr-graph-") as folder:
        twins = start_twins(vendor_names(), seed=1, records=2000)

        async def work() -> None:
            graph = Graph(twin_settings(twins, reports_folder=folder))
            app = create_app(graph, example=examples.FIRST)
            address = f"http://{HOST}:{listener.getsockname()[1]}/graphql"
            systems = [(twin.vendor, twin.address) for twin in twins]
            print(examples.welcome(address, systems), flush=True)
            systems_too = ((twin.app, twin.listener) for twin in twins)
            await serve_all([(app, listener), *systems_too], graph.streams.close)

        serve_until_stopped(work)
    return 0
