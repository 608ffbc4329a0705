"""The command `serve`: the API over configured systems."""

from __future__ import annotations

import argparse
from ipaddress import ip_address

from graph import config
from graph.cli.arguments import add_config, port, positive
from graph.errors import ConfigError
from graph.observe import log
from graph.server.serve import HOST, Serving, serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes"""
    parser.description = "Serves the API at /graphql over the configured phone systems."
    add_config(parser)
    parser.add_argument("--host", default=HOST, help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=port, default=8000, help="port (default 8000)")
    parser.add_argument(
        "--workers", type=positive, default=1, help="how many processes serve (default 1)"
    )
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="listen on other addresses than this machine's own although nobody has to sign in: "
        "everybody who reaches the port reads every call",
    )


def run(given: argparse.Namespace) -> int:
    """Serves until it is told to stop; ConfigError where nobody may"""
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
