"""README's examples do what README says, against the product as it is served."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from graph.server.app import create_app
from tests.clients.serving import serve
from tests.support import product

README = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")


def example(language: str) -> str:
    """The one example in a language"""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    (only,) = found
    return only


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, list[str]]]:
    """The base URL of the product over two systems, and the starts of all its calls in order"""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        api = runner.run(stack.enter_async_context(product("portsip", "voipnow", count=60)))
        told = runner.run(api.good("{ callRecords(first: 500) { nodes { startedAt } } }"))
        with serve(create_app(api.graph)) as base:
            yield base, [node["startedAt"] for node in told["callRecords"]["nodes"]]
        runner.run(stack.aclose())


def done(command: list[str], text: str, base: str) -> str:
    """What a command prints that is given an example of README as its last argument"""
    pointed = text.replace("http://127.0.0.1:8000", base)
    assert pointed != text
    ran = subprocess.run(
        [*command, pointed],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "NO_PROXY": "*"},
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout


def test_the_python_example_prints_every_call(served: tuple[str, list[str]]) -> None:
    base, starts = served
    printed = done([sys.executable, "-c"], example("python"), base)
    assert [line.split()[0] for line in printed.splitlines()] == starts


def test_the_curl_example_prints_three_calls(served: tuple[str, list[str]]) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    base, starts = served
    printed = done(["sh", "-c"], example("sh"), base)
    assert re.findall(r'"startedAt":"([^"]+)"', printed) == starts[:3]
