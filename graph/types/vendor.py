"""The vendors, an enum made from the folder names under `sources/` without importing them."""

from __future__ import annotations

import ast
import pkgutil
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import strawberry

SOURCES = Path(__file__).parent.parent / "sources"


def vendor_names() -> tuple[str, ...]:
    """The names of the vendor folders, sorted; nothing is imported"""
    return tuple(
        sorted(module.name for module in pkgutil.iter_modules([str(SOURCES)]) if module.ispkg)
    )


def _title(name: str) -> str:
    """the first line of a vendor folder's docstring"""
    text = (SOURCES / name / "__init__.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or name).splitlines()[0]


if TYPE_CHECKING:

    class Vendor(Enum):
        """A company whose phone systems can be asked; the members are the folder names."""

else:
    Vendor = strawberry.enum(
        Enum(
            "Vendor",
            {
                name.upper(): strawberry.enum_value(name, description=_title(name))
                for name in vendor_names()
            },
        ),
        name="Vendor",
        description="A company whose phone systems can be asked.",
    )
