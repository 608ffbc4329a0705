"""A sixth vendor is one new folder and a reprinted schema."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SIXTH = Path(__file__).parent / "sixth" / "acme"

STORY = """
import asyncio, json
from tests.support import product

async def story():
    async with product("acme", "portsip", count=60, days=2) as api:
        nodes = await api.pages(
            "id startedAt source { id vendor } caller { number } direction disposition "
            "details { vendor ... on AcmeDetails { bell } } logs { id unit }", first=7)
        told = (await api.good('{ source(id: "acme") { vendor state capabilities { records } } }'))
        by_id = [
            (await api.good("query($id: ID!) { node(id: $id) { ... on CallRecord { id startedAt "
                "source { id vendor } caller { number } direction disposition details { vendor "
                "... on AcmeDetails { bell } } logs { id unit } } } }", id=node["id"]))["node"]
            for node in nodes[:3]
        ]
        print(json.dumps({"nodes": nodes, "told": told, "by_id": by_id}))

asyncio.run(story())
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """the package and the tests' support with one folder more"""
    folder = tmp_path_factory.mktemp("sixth")
    ignored = shutil.ignore_patterns("__pycache__", "dist", "node_modules")
    shutil.copytree(ROOT / "graph", folder / "graph", ignore=ignored)
    (folder / "tests").mkdir()
    for name in ("__init__.py", "support.py"):
        shutil.copy(ROOT / "tests" / name, folder / "tests" / name)
    shutil.copytree(SIXTH, folder / "graph" / "sources" / "acme", ignore=ignored)
    return folder


def python(copy: Path, *arguments: str) -> str:
    """what a Python that sees only the copy prints"""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_calls_come_beside_those_of_the_others(copy: Path) -> None:
    import json

    printed = json.loads(python(copy, "-c", STORY))
    nodes = printed["nodes"]
    of_acme = [node for node in nodes if node["source"]["id"] == "acme"]
    of_other = [node for node in nodes if node["source"]["id"] == "portsip"]
    assert len(of_acme) == len(of_other) == 60
    assert {node["details"]["bell"] for node in of_acme} == {"brass"}
    assert {node["source"]["vendor"] for node in of_acme} == {"ACME"}
    assert all(node["logs"][0]["unit"] == "LEG" for node in of_acme)
    starts = [node["startedAt"][:19] for node in nodes]
    assert starts == sorted(starts, reverse=True)
    assert printed["by_id"] == nodes[:3]
    assert printed["told"]["source"]["state"] == "READY"


def test_the_reprinted_schema_has_it_and_is_the_same_otherwise(copy: Path) -> None:
    before = (ROOT / "schema.graphql").read_text(encoding="utf-8").splitlines()
    after = python(copy, "-m", "graph", "schema").splitlines()
    new = [line for line in after if line not in set(before)]
    assert "  ACME" in new
    assert "type AcmeDetails implements VendorDetails {" in new
    assert set(before) <= set(after)


def test_nothing_but_its_folder_differs(copy: Path) -> None:
    for path in (copy / "graph").rglob("*.py"):
        name = path.relative_to(copy)
        if name.parts[:3] != ("graph", "sources", "acme"):
            assert path.read_bytes() == (ROOT / name).read_bytes(), name
