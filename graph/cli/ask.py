"""The command `ask`: one query without a server."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

import msgspec

from graph import config
from graph.cli.arguments import add_config
from graph.errors import ConfigError
from graph.server.app import Graph


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes"""
    parser.description = (
        "Runs one GraphQL query over the configured sources and prints the answer as JSON. Exit "
        "code 1 if it has errors."
    )
    add_config(parser)
    text = parser.add_mutually_exclusive_group(required=True)
    text.add_argument("query", nargs="?", metavar="QUERY", help="the query")
    text.add_argument("-f", "--file", type=Path, metavar="FILE", help="a file with the query")
    parser.add_argument("--variables", metavar="JSON", help="the query's variables, a JSON object")


def run(given: argparse.Namespace) -> int:
    """Prints the answer"""
    settings = config.load(given.config)
    query = given.query
    if given.file is not None:
        try:
            query = given.file.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot read {given.file}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{given.file} is no UTF-8 text") from None
    variables: dict[str, Any] | None = None
    if given.variables is not None:
        try:
            variables = msgspec.json.decode(given.variables, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise ConfigError(f"--variables is no JSON object: {error}") from None

    async def work() -> int:
        graph = Graph(settings)
        try:
            answer = await graph.ask(query, variables)
        finally:
            await graph.close()
        print(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())
        return 1 if answer.get("errors") else 0

    return asyncio.run(work())
