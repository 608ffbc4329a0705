"""The twins of all vendors on loopback, and the settings that reach them."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import msgspec

from graph.config import Settings, settings
from graph.errors import ConfigError
from graph.server.run import bind
from graph.sources import company, simulator, vendor, vendor_names
from graph.sources.twin import Fault, FaultKind, Watched, World

HOST = "127.0.0.1"


class Twin(msgspec.Struct):
    """One running twin: its vendor, its app, its socket."""

    vendor: str
    app: Watched
    listener: socket.socket

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.listener.getsockname()[1]}"

    @property
    def entry(self) -> dict[str, Any]:
        """A `[[sources]]` entry that reaches it"""
        own = simulator(self.vendor).SETTINGS
        entry = {"id": self.vendor, "vendor": self.vendor, "base_url": self.address}
        entry["name"] = f"{vendor(self.vendor).title} (twin)"
        return {**entry, **{key: value for key, value in own.items() if value}}


def start_twins(
    vendors: Sequence[str],
    *,
    seed: int,
    records: int,
    port: int = 0,
    faults: Mapping[str, Sequence[Fault]] | None = None,
    given: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> list[Twin]:
    """The twins of these vendors, on ports from `port` on (0: any free ones).

    All show the same company, each its own calls: `records` of them in the last 30 days, and more
    that become visible during the coming twelve hours.
    """
    now = datetime.now(UTC)
    twins: list[Twin] = []
    for place, name in enumerate(vendors):
        own = seed * 1000 + list(vendor_names()).index(name)
        past = company.calls(seed=own, count=records, until=now)
        coming = company.calls(
            seed=own + 500,
            count=max(1, records // 60),
            until=now + timedelta(hours=12),
            days=0.5,
            first_number=records + 1,
        )
        world = World(
            [*past, *coming],
            seed=own,
            given=None if given is None else given.get(name),
            faults=() if faults is None else faults.get(name, ()),
        )
        listener = bind(HOST, port + place if port else 0)
        twins.append(Twin(name, simulator(name).simulate(world), listener))
    return twins


def twin_settings(twins: Sequence[Twin], *, reports_folder: str | None = None) -> Settings:
    """Settings that reach these twins, with reports of this server's own where there is a folder"""
    tree: dict[str, Any] = {"sources": [twin.entry for twin in twins]}
    if reports_folder is not None:
        tree["reports"] = {"folder": reports_folder}
    return settings(tree, environment={})


def read_faults(path: Path) -> dict[str, list[Fault]]:
    """The `[[faults]]` of a TOML file, by vendor; ConfigError names what is wrong."""
    import tomllib

    planned: dict[str, list[Fault]] = {}
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no TOML: {error}") from None
    entries = tree.get("faults", [])
    if list(tree) not in ([], ["faults"]) or not isinstance(entries, list):
        raise ConfigError(f"{path}: faults must be written as [[faults]] entries, and nothing else")
    for place, entry in enumerate(entries, 1):
        name = entry.pop("vendor", None) if isinstance(entry, dict) else None
        if name not in vendor_names():
            known = ", ".join(vendor_names())
            raise ConfigError(f"{path}: faults[{place}].vendor must be one of {known}")
        if entry.get("kind") not in get_args(FaultKind):
            known = ", ".join(get_args(FaultKind))
            raise ConfigError(f"{path}: faults[{place}].kind must be one of {known}")
        try:
            planned.setdefault(name, []).append(msgspec.convert(entry, Fault))
        except msgspec.ValidationError as error:
            raise ConfigError(f"{path}: faults[{place}]: {error}".replace("`", "")) from None
    return planned


def read_given(path: Path) -> list[dict[str, Any]]:
    """Entries in a vendor's own shape: a JSON list, or an object with one list in it."""
    try:
        tree = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path} is no JSON: {error}") from None
    if isinstance(tree, dict):
        lists = [value for value in tree.values() if isinstance(value, list)]
        tree = lists[0] if len(lists) == 1 else None
    if not isinstance(tree, list) or not all(isinstance(entry, dict) for entry in tree):
        raise ConfigError(f"{path}: a list of objects is needed, or an object with one such list")
    return tree
