"""Arguments that several commands have, and what they must be."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_config(parser: argparse.ArgumentParser) -> None:
    """`--config FILE`"""
    parser.add_argument(
        "--config", required=True, type=Path, metavar="FILE", help="the configuration, TOML"
    )


def port(text: str) -> int:
    """The number of a port; 0 is any free one"""
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number up to 65535")
    return int(text)


def positive(text: str) -> int:
    """A whole number above 0"""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)
