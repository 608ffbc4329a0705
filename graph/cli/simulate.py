"""The command `simulate`: simulated systems alone."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from graph.cli.arguments import port, positive
from graph.errors import ConfigError
from graph.server.run import serve_all
from graph.server.twins import Twin, read_faults, read_given, start_twins
from graph.sources import vendor_names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes"""
    parser.description = (
        "Runs simulated phone systems, each an HTTP server that behaves as its vendor's documents "
        "say, and prints a configuration that reaches them."
    )
    parser.add_argument(
        "--vendor",
        action="append",
        choices=vendor_names(),
        help="which vendor's (may be repeated; default: all)",
    )
    parser.add_argument("--seed", type=int, default=1, help="picks the made-up calls (default 1)")
    parser.add_argument(
        "--records", type=positive, default=2000, help="calls in the last 30 days (default 2000)"
    )
    parser.add_argument(
        "--port", type=port, default=0, help="first port; each system has its own (default: any)"
    )
    parser.add_argument(
        "--faults", type=Path, metavar="FILE", help="TOML file of [[faults]] to play"
    )
    parser.add_argument(
        "--given",
        action="append",
        default=[],
        metavar="VENDOR=FILE",
        help="serve the entries of a JSON file, in the vendor's own shape, instead of made-up "
        "calls (may be repeated)",
    )


def run(given: argparse.Namespace) -> int:
    """Prints how to reach them, and serves until it is told to stop"""
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
