"""The rules of the house: who may import whom, where things may live, what README must name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec
import pytest

from graph import config
from graph.sources import vendor_names

ROOT = Path(__file__).parent.parent
GRAPH = ROOT / "graph"

# In the order of dependence: a room imports only what stands before it, and itself.
ROOMS = (
    "errors", "privacy", "config", "caller", "observe", "metrics", "spans", "types", "sources",
    "transport", "gather", "stats", "reports", "engine", "schema", "server", "cli", "__main__",
)  # fmt: skip

ONLY_IN = {
    "strawberry": ("types/", "schema/", "server/endpoint.py", "server/socket.py", "server/app.py",
                   "/details.py",
                   "gather/parts.py", "engine/telling.py", "transport/open.py"),
    "httpx": ("transport/http.py",),
    "aiohttp": ("transport/aiohttp.py",),
    "starlette": ("server/", "/simulator/", "sources/twin.py"),
    "redis": ("transport/sharing.py",),
    "sqlalchemy": ("engine/store.py", "engine/kept/", "engine/migrations/"),
    "alembic": ("engine/store.py", "engine/migrations/"),
    "httpcore": ("engine/deliver/webhook.py",),
    "prometheus_client": ("metrics.py",),
    "opentelemetry": ("spans.py",),
    "aiodataloader": ("gather/lookup.py",),
    "joserfc": ("server/oidc.py",),
}  # fmt: skip


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(GRAPH.rglob("*.py")):
        yield path.relative_to(GRAPH).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


MODULES = list(modules())


@cache
def nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree))


@cache
def imported(tree: ast.Module) -> tuple[str, ...]:
    found: list[str] = []
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            found.append(node.module)
            found += (f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(found)


def room(name: str) -> str:
    return name.partition("/")[0].removesuffix(".py")


def test_a_room_imports_only_what_stands_above_it() -> None:
    order = {name: place for place, name in enumerate(ROOMS)}
    wrong = [
        f"{name} imports {module}"
        for name, tree in MODULES
        for module in imported(tree)
        if module.startswith("graph.")
        and room(name) in order
        and order.get(module.split(".")[1], 0) > order[room(name)]
    ]
    assert not wrong


def test_each_library_is_used_only_where_it_belongs() -> None:
    for name, tree in MODULES:
        for module in imported(tree):
            library = module.partition(".")[0]
            places = ONLY_IN.get(library)
            if places is not None:
                assert any(place in f"/{name}" for place in places), f"{name} imports {library}"


def test_nothing_outside_a_vendors_folder_names_the_vendor() -> None:
    for name, tree in MODULES:
        own = name.split("/")[1] if name.startswith("sources/") and "/" in name[8:] else None
        others = set(vendor_names()) - {own}
        for module in imported(tree):
            path = module.split(".")
            assert path[:2] != ["graph", "sources"] or not others & set(path[2:3]), (
                f"{name} imports {module}"
            )
        for node in nodes(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value not in others, f"{name} names {node.value}"


@pytest.mark.parametrize("vendor", vendor_names())
def test_a_vendor_never_awaits_and_its_twin_never_sees_its_mapping(vendor: str) -> None:
    for name, tree in MODULES:
        if not name.startswith(f"sources/{vendor}/"):
            continue
        twin = "/simulator" in name
        if not twin:
            awaits = [n for n in nodes(tree) if isinstance(n, ast.AsyncFunctionDef | ast.Await)]
            assert not awaits, f"{name} awaits"
        for module in imported(tree):
            if not module.startswith("graph."):
                continue
            inside = module.startswith(f"graph.sources.{vendor}")
            if twin:
                allowed = (
                    f"graph.sources.{vendor}.simulator", "graph.sources.twin",
                    "graph.sources.company", "graph.sources",
                )  # fmt: skip
                fine = module in ("graph.sources", "graph.sources.twin", "graph.sources.company")
                assert fine or module.startswith(allowed[:3]), f"{name} imports {module}"
            else:
                assert not module.startswith(f"graph.sources.{vendor}.simulator"), name
                assert inside or module.startswith((
                    "graph.sources.contract", "graph.sources.writes", "graph.sources.convert",
                    "graph.sources.columns", "graph.sources.decoding",
                    "graph.types", "graph.errors", "graph.privacy",
                )), f"{name} imports {module}"  # fmt: skip


def test_source_errors_are_caught_only_where_outcomes_are_made() -> None:
    allowed = (
        "gather/ask.py", "transport/source.py", "transport/attempt.py", "transport/token.py",
    )  # fmt: skip
    for name, tree in MODULES:
        for node in nodes(tree):
            if isinstance(node, ast.ExceptHandler) and node.type is not None:
                caught = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)}
                if any(c == "SourceError" for c in caught):
                    assert name in allowed, f"{name} catches SourceError"


def test_only_config_reads_the_environment() -> None:
    for name, tree in MODULES:
        for node in nodes(tree):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
                assert name == "config.py", f"{name} reads the environment"


def test_modules_have_one_subject_and_plain_names() -> None:
    for path in GRAPH.rglob("*.py"):
        assert path.stem not in ("utils", "helpers", "common", "manager", "misc"), path
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 450, path


def test_the_readme_names_every_setting_and_every_error_code() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for kind in (
        config.ServerSettings,
        config.Limits,
        config.OidcSettings,
        config.SourceSettings,
        config.ReportSettings,
        config.MailSettings,
        config.WebhookSettings,
    ):
        for field in msgspec.structs.fields(kind):
            assert re.search(rf"\b{field.name}\b", readme), f"README lacks {field.name}"
    for code in ("BAD_USER_INPUT", "UNAUTHENTICATED", "FORBIDDEN", "LIMIT_EXCEEDED", "RATE_LIMITED",
                 "INTERNAL", "OVERLOADED", "PARTIAL", "GRAPHQL_INVALID", "BAD_REQUEST",
                 "METHOD_NOT_ALLOWED"):  # fmt: skip
        assert code in readme, f"README lacks {code}"
