"""The command line: demo, serve, simulate, check, ask, stats, token, schema.

Whatever a person got wrong is one line on standard error and exit code 2.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import msgspec

from graph import __version__, config
from graph.errors import ConfigError
from graph.gather import check
from graph.observe import LOG_FORMATS, Trace, log, write_logs
from graph.schema import build
from graph.server import examples, figures, token_command
from graph.server.app import Graph, create_app
from graph.server.run import bind, serve_all
from graph.server.run import run as serve_until_stopped
from graph.server.serve import Serving, serve
from graph.server.twins import (
    HOST,
    Twin,
    read_faults,
    read_given,
    start_twins,
    twin_settings,
)
from graph.sources import vendor_names
from graph.types.stats import StatsKey


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; gives the exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
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


def _parser() -> argparse.ArgumentParser:
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

    demo = commands.add_parser(
        "demo",
        help="try it: five simulated phone systems and the API over them, in your browser",
        description="Starts a simulated phone system of each vendor on this machine, with a month "
        "of made-up calls, and the API over them with GraphiQL. Needs no settings, no network and "
        "no account. Ctrl-C ends it.",
    )
    demo.add_argument("--port", type=_port, default=8000, help="port of the API (default 8000)")
    demo.set_defaults(run=_demo)

    serve = commands.add_parser(
        "serve",
        help="serve the API over the phone systems of a configuration file",
        description="Serves the API at /graphql over the configured phone systems.",
    )
    _config_argument(serve)
    serve.add_argument("--host", default=HOST, help="address to listen on (default 127.0.0.1)")
    serve.add_argument("--port", type=_port, default=8000, help="port (default 8000)")
    serve.add_argument(
        "--workers", type=_positive, default=1, help="how many processes serve (default 1)"
    )
    serve.add_argument(
        "--insecure",
        action="store_true",
        help="listen on other addresses than this machine's own although nobody has to sign in: "
        "everybody who reaches the port reads every call",
    )
    serve.set_defaults(run=_serve)

    simulate = commands.add_parser(
        "simulate",
        help="run simulated phone systems alone",
        description="Runs simulated phone systems, each an HTTP server that behaves as its "
        "vendor's documents say, and prints a configuration that reaches them.",
    )
    simulate.add_argument(
        "--vendor",
        action="append",
        choices=vendor_names(),
        help="which vendor's (may be repeated; default: all)",
    )
    simulate.add_argument("--seed", type=int, default=1, help="picks the made-up calls (default 1)")
    simulate.add_argument(
        "--records", type=_positive, default=2000, help="calls in the last 30 days (default 2000)"
    )
    simulate.add_argument(
        "--port", type=_port, default=0, help="first port; each system has its own (default: any)"
    )
    simulate.add_argument(
        "--faults", type=Path, metavar="FILE", help="TOML file of [[faults]] to play"
    )
    simulate.add_argument(
        "--given",
        action="append",
        default=[],
        metavar="VENDOR=FILE",
        help="serve the entries of a JSON file, in the vendor's own shape, instead of made-up "
        "calls (may be repeated)",
    )
    simulate.set_defaults(run=_simulate)

    checks = commands.add_parser(
        "check",
        help="ask each configured phone system one small question",
        description="Asks each source one small question and prints a table: reachable, signed "
        "in, clock, newest record. Exit code 1 if any fails.",
    )
    _config_argument(checks)
    checks.set_defaults(run=_check)

    ask = commands.add_parser(
        "ask",
        help="run one query without a server",
        description="Runs one GraphQL query over the configured sources and prints the answer as "
        "JSON. Exit code 1 if it has errors.",
    )
    _config_argument(ask)
    text = ask.add_mutually_exclusive_group(required=True)
    text.add_argument("query", nargs="?", metavar="QUERY", help="the query")
    text.add_argument("-f", "--file", type=Path, metavar="FILE", help="a file with the query")
    ask.add_argument("--variables", metavar="JSON", help="the query's variables, a JSON object")
    ask.set_defaults(run=_ask)

    stats = commands.add_parser(
        "stats",
        help="print figures of calls as a table with bars; write them as a page with charts",
        description="Counts the calls of a window over the configured sources, prints a table with "
        "bars, and with --html writes a page with charts that needs no network. Exit code 1 if "
        "the figures are partial or there are none.",
    )
    _config_argument(stats)
    stats.add_argument(
        "--since", required=True, metavar="WHEN", help=f"the window's start: {figures.WHEN}"
    )
    stats.add_argument("--until", metavar="WHEN", help="the window's end (default: now)")
    stats.add_argument(
        "--group-by",
        default="day",
        metavar="KEYS",
        help="keys with commas between them, e.g. day or source,direction (default day); of "
        + ", ".join(key.name.lower() for key in StatsKey),
    )
    stats.add_argument(
        "--time-zone", default="UTC", metavar="ZONE", help="e.g. Europe/Berlin (default UTC)"
    )
    stats.add_argument("--html", type=Path, metavar="FILE", help="write a page with charts")
    stats.set_defaults(run=_stats)

    token = commands.add_parser(
        "token",
        help="make, list and revoke the tokens that callers show",
        description="Makes, lists and revokes tokens. The tokens file holds their hashes only.",
    )
    token_command.add_arguments(token)

    schema = commands.add_parser(
        "schema",
        help="print the schema",
        description="Prints the schema in GraphQL's schema language.",
    )
    schema.add_argument(
        "--federation",
        action="store_true",
        help="as a subgraph of Apollo Federation 2, for composition into a supergraph",
    )
    schema.set_defaults(run=_schema)
    return parser


def _config_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", required=True, type=Path, metavar="FILE", help="the configuration, TOML"
    )


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number up to 65535")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


# ---------------------------------------------------------------- commands


def _demo(given: argparse.Namespace) -> int:
    with bind(HOST, given.port) as listener, TemporaryDirectory(prefix="cdr-graph-") as folder:
        twins = start_twins(vendor_names(), seed=1, records=2000)

        async def run() -> None:
            graph = Graph(twin_settings(twins, reports_folder=folder))
            app = create_app(graph, example=examples.FIRST)
            address = f"http://{HOST}:{listener.getsockname()[1]}/graphql"
            systems = [(twin.vendor, twin.address) for twin in twins]
            print(examples.welcome(address, systems), flush=True)
            systems_too = ((twin.app, twin.listener) for twin in twins)
            await serve_all([(app, listener), *systems_too], graph.streams.close)

        serve_until_stopped(run)
    return 0


def _serve(given: argparse.Namespace) -> int:
    settings = config.load(given.config)
    if not settings.server.asks_who and not _loopback(given.host):
        if not given.insecure:
            raise ConfigError(
                "nobody has to sign in here, so it listens on this machine's own addresses only, "
                f"and {given.host} is none; set tokens_file or oidc in [server], put it behind a "
                "proxy that checks who asks, or say --insecure"
            )
        log.warning(
            "--insecure: nobody has to sign in, so everybody who reaches %s:%s reads every call "
            "and changes every report",
            given.host,
            given.port,
        )
    serve(
        Serving(
            file=given.config,
            host=given.host,
            port=given.port,
            workers=given.workers,
            log_level=given.log_level,
            log_format=given.log,
        ),
        settings,
    )
    return 0


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _simulate(given: argparse.Namespace) -> int:
    faults = None if given.faults is None else read_faults(given.faults)
    entries: dict[str, list[dict[str, Any]]] = {}
    for pair in given.given:
        name, _, path = pair.partition("=")
        if name not in vendor_names() or not path:
            known = ", ".join(vendor_names())
            raise ConfigError(f"--given {pair}: write VENDOR=FILE, with one of {known}")
        entries[name] = read_given(Path(path))
    twins = start_twins(
        given.vendor or vendor_names(),
        seed=given.seed,
        records=given.records,
        port=given.port,
        faults=faults,
        given=entries,
    )
    print(_as_toml(twins), flush=True)
    asyncio.run(serve_all([(twin.app, twin.listener) for twin in twins]))
    return 0


def _as_toml(twins: Sequence[Twin]) -> str:
    """A configuration that reaches the twins"""
    lines: list[str] = []
    for twin in twins:
        entry = twin.entry
        tables = {key: value for key, value in entry.items() if isinstance(value, dict)}
        lines.append("[[sources]]")
        lines += [f"{key} = {_toml(value)}" for key, value in entry.items() if key not in tables]
        for name, table in tables.items():
            lines.append(f"[sources.{name}]")
            lines += [f"{key} = {_toml(value)}" for key, value in table.items()]
        lines.append("")
    return "\n".join(lines)


def _toml(value: Any) -> str:
    # Text, numbers, booleans and lists of them are written alike in JSON and in TOML.
    return msgspec.json.encode(value).decode()


def _check(given: argparse.Namespace) -> int:
    settings = config.load(given.config)

    async def run() -> int:
        graph = Graph(settings)
        try:
            context = graph.context()
            trace = Trace(context.caller, graph.timer, deadline_ms=settings.server.deadline_ms)
            found = await check.all_sources(graph.sources, trace)
        finally:
            await graph.close()
        print(examples.table(found))
        return 0 if all(health.good for health in found) else 1

    return asyncio.run(run())


def _ask(given: argparse.Namespace) -> int:
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

    async def run() -> int:
        graph = Graph(settings)
        try:
            answer = await graph.ask(query, variables)
        finally:
            await graph.close()
        print(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())
        return 1 if answer.get("errors") else 0

    return asyncio.run(run())


def _stats(given: argparse.Namespace) -> int:
    return figures.run(
        config.load(given.config),
        since=given.since,
        until=given.until,
        group_by=given.group_by,
        time_zone=given.time_zone,
        page=given.html,
    )


def _schema(given: argparse.Namespace) -> int:
    sys.stdout.write(build.sdl(federation=given.federation))
    return 0
