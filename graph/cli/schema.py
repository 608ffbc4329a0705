"""The command `schema`: the schema in GraphQL's schema language."""

from __future__ import annotations

import argparse
import sys

from graph.schema import build


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes"""
    parser.description = "Prints the schema in GraphQL's schema language."
    parser.add_argument(
        "--federation",
        action="store_true",
        help="as a subgraph of Apollo Federation 2, for composition into a supergraph",
    )


def run(given: argparse.Namespace) -> int:
    """Prints the schema"""
    sys.stdout.write(build.sdl(federation=given.federation))
    return 0
