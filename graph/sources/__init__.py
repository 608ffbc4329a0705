"""How a vendor is spoken to: one folder per vendor, found by its name.

Every folder here is a vendor. Nothing outside the folder names it.
"""

from __future__ import annotations

import importlib
from functools import cache
from types import ModuleType

from graph.sources.contract import Manifest
from graph.types.vendor import vendor_names as vendor_names


@cache
def vendor(name: str) -> Manifest:
    """The manifest of one vendor"""
    manifest: Manifest = importlib.import_module(f"{__name__}.{name}").VENDOR
    return manifest


def all_vendors() -> tuple[Manifest, ...]:
    """Every vendor's manifest, by name"""
    return tuple(vendor(name) for name in vendor_names())


def simulator(name: str) -> ModuleType:
    """The module of a vendor's twin: `simulate`, `Switches`, `SETTINGS`"""
    return importlib.import_module(f"{__name__}.{name}.simulator")
