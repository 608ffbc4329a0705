"""The command `check`: one small question to each configured system."""

from __future__ import annotations

import argparse
import asyncio

from graph import config
from graph.cli.arguments import add_config
from graph.gather import check
from graph.observe import Trace
from graph.server import examples
from graph.server.app import Graph


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes"""
    parser.description = (
        "Asks each source one small question and prints a table: reachable, signed in, clock, "
        "newest record. Exit code 1 if any fails."
    )
    add_config(parser)


def run(given: argparse.Namespace) -> int:
    """Prints the table"""
    settings = config.load(given.config)

    async def work() -> int:
        graph = Graph(settings)
        try:
            context = graph.context()
            trace = Trace(context.caller, graph.timer, deadline_ms=settings.server.deadline_ms)
            found = await check.all_sources(graph.sources, trace)
        finally:
            await graph.close()
        print(examples.table(found))
        return 0 if all(health.good for health in found) else 1

    return asyncio.run(work())
