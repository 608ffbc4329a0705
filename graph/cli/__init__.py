"""The command line: one module for each command, imported only when that command runs.

Each has `add_arguments(parser)` and `run(given)`, which gives the exit code. Whatever a person got
wrong is one line on standard error and exit code 2.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from graph import __version__
from graph.errors import ConfigError
from graph.observe import LOG_FORMATS, write_logs

COMMANDS = {
    "demo": "try it: five simulated phone systems and the API over them, in your browser",
    "serve": "serve the API over the phone systems of a configuration file",
    "simulate": "run simulated phone systems alone",
    "check": "ask each configured phone system one small question",
    "ask": "run one query without a server",
    "stats": "print figures of calls as a table with bars; write them as a page with charts",
    "token": "make, list and revoke the tokens that callers show",
    "schema": "print the schema",
}
"""what each does, in a line; its module has its name"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; gives the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    given = _parser(words).parse_args(words)
    write_logs(given.log_level, given.log)
    try:
        code: int = given.run(given)
    except ConfigError as error:
        print(f"cdr-graph: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return code


class _Parser(argparse.ArgumentParser):
    """Tells what is wrong with the arguments in one line, as everything else is told."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """What understands these words: every command's name, and the arguments of those among them"""
    parser = _Parser(
        prog="cdr-graph",
        description="One GraphQL API over the call histories of many phone systems.",
    )
    parser.add_argument("--version", action="version", version=f"cdr-graph {__version__}")
    parser.add_argument(
        "--log-level",
        default="INFO",
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
        help="how much to log on standard error (default INFO)",
    )
    parser.add_argument(
        "--log",
        default="console",
        choices=sorted(LOG_FORMATS),
        help="lines for people, or a JSON object a line (default console)",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, does in COMMANDS.items():
        command = commands.add_parser(name, help=does)
        if name in words:
            module = import_module(f"{__name__}.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser
