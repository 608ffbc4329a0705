"""The stories beside this file: each is told in Markdown and true as it stands.

A story's title is a sentence; its fenced blocks are played from top to bottom:

    toml settings   [server] and [[sources]] as in a configuration (what a twin needs is there
                    already), and [switches.<source>] for its twin
    toml seed       the company: seed, count, days, hours_ago (how long ago its last call began)
    toml faults     [[faults]]: a source and what goes wrong at its twin
    toml later      seconds that pass; `faults_end = true` ends all faults
    graphql         a query that is asked, with what was kept as variables; "graphql 3 at once"
    json answer     what its answer has, among other things; {"length": 2} stands for a list,
                    "…" for anything that is there
    toml keep       names for parts of the answer, by path
    toml pages      asks the last query `pages` times more, each time after `pageInfo.endCursor`
    toml requests   what each twin was sent since the last such block: a number, "at most 7", or
                    numbers by a part of the path; who is not named was sent nothing
    toml fields     the fields that a twin was last asked for, no more and no less
"""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import msgspec
import pytest

from graph.sources import company
from graph.sources.twin import Received
from tests.support import NOW, Answered, Api, product, run

STORIES = sorted(Path(__file__).parent.glob("*.md"))
_BLOCK = re.compile(r"^```(\S+)[ ]?(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SETTING = ("settings", "seed", "faults")


class Block(NamedTuple):
    """One fenced block: what it is, and its text."""

    kind: str
    text: str
    line: int

    @property
    def toml(self) -> dict[str, Any]:
        return tomllib.loads(self.text)


def blocks(text: str) -> Iterator[Block]:
    for match in _BLOCK.finditer(text):
        language, word, inside = match.groups()
        line = text.count("\n", 0, match.start()) + 2
        yield Block(word if language in ("toml", "json") else f"{language} {word}", inside, line)


class Story:
    """A story while it is played."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.kept: dict[str, Any] = {}
        self.query = ""
        self.answer: Answered | None = None
        self.seen = dict.fromkeys(api.worlds, 0)

    async def play(self, block: Block) -> None:
        kind, _, rest = block.kind.partition(" ")
        match kind:
            case "graphql":
                self.query = block.text
                await self._ask(int(rest.split()[0]) if rest else 1)
            case "answer":
                assert self.answer is not None
                whole = {
                    "data": self.answer.data,
                    "errors": self.answer.errors,
                    "extensions": self.answer.extensions,
                }
                expect(msgspec.json.decode(block.text), whole, "answer")
            case "keep":
                assert self.answer is not None
                for name, path in block.toml.items():
                    self.kept[name] = at(self.answer.data, path)
            case "pages":
                for _ in range(block.toml["pages"]):
                    self._go_on()
                    await self._ask(1)
                self._go_on()
            case "later":
                self.api.clock.advance(block.toml.get("seconds", 0))
                if block.toml.get("faults_end"):
                    for world in self.api.worlds.values():
                        world.faults.clear()
            case "requests":
                self._count(block.toml)
            case "fields":
                for source, fields in block.toml.items():
                    asked = fields_of(self.api.worlds[source].received[-1])
                    assert sorted(asked) == sorted(fields), source
            case _:
                raise AssertionError(f"there are no blocks {block.kind!r}")

    async def _ask(self, times: int) -> None:
        known = {name: value for name, value in self.kept.items() if f"${name}" in self.query}
        answers = await asyncio.gather(*(self.api.ask(self.query, **known) for _ in range(times)))
        self.answer = answers[0]
        for other in answers[1:]:
            assert (other.data, other.errors) == (self.answer.data, self.answer.errors)

    def _go_on(self) -> None:
        assert self.answer is not None
        assert not self.answer.errors, self.answer.errors
        (page,) = self.answer.data.values()
        assert page["pageInfo"]["hasNextPage"]
        self.kept["after"] = page["pageInfo"]["endCursor"]

    def _count(self, expected: Mapping[str, Any]) -> None:
        assert set(expected) <= set(self.api.worlds)
        for source, world in self.api.worlds.items():
            sent = [request.path for request in world.received[self.seen[source] :]]
            self.seen[source] = len(world.received)
            wanted = expected.get(source, 0)
            if isinstance(wanted, Mapping):
                told = {part: sum(part in path for path in sent) for part in wanted}
                assert told == dict(wanted), source
                wanted = sum(wanted.values())
            if isinstance(wanted, str):
                assert 0 < len(sent) <= int(wanted.removeprefix("at most ")), (source, sent)
            else:
                assert len(sent) == wanted, (source, sent)


def at(value: Any, path: str) -> Any:
    """the part of an answer that a path like "calls.nodes.0.id" names"""
    for step in path.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def expect(expected: Any, found: Any, where: str) -> None:
    """What is expected is there; a mapping may have more keys than those named."""
    if isinstance(expected, dict) and isinstance(found, list):
        assert set(expected) == {"length"}, where
        assert len(found) == expected["length"], where
    elif isinstance(expected, dict):
        assert isinstance(found, Mapping), where
        for key, value in expected.items():
            assert key in found, f"{where}.{key}"
            expect(value, found[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert isinstance(found, list), where
        assert len(found) == len(expected), f"{where}: {found}"
        for place, (one, other) in enumerate(zip(expected, found, strict=True)):
            expect(one, other, f"{where}[{place}]")
    elif expected == "…":
        assert found is not None, where
    else:
        assert found == expected, f"{where}: {found!r}"


def fields_of(request: Received) -> list[str]:
    """the fields that a request names, in its query or in its body"""
    if request.body:
        named = msgspec.json.decode(request.body)["fields"]
        return [str(name) for name in named]
    return parse_qs(request.query)["fields"][0].split(",")


@pytest.mark.parametrize("path", STORIES, ids=[path.stem for path in STORIES])
def test_the_story_is_true(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.match(r"# [A-Z].*[a-z0-9]\n", text), "its title is a sentence"
    played = list(blocks(text))
    assert text.count("\n```") == 2 * len(played), "a block that is none"
    assert any(block.kind == "requests" for block in played), "it counts no requests"
    given = {block.kind: block.toml for block in played if block.kind in _SETTING}
    settings, seed = given["settings"], given.get("seed", {})
    until = NOW - timedelta(hours=seed.pop("hours_ago", 5))

    async def work() -> None:
        async with product(
            *settings["sources"],
            calls=company.calls(until=until, **{"seed": 1, "count": 40, "days": 3.0, **seed}),
            switches=settings.get("switches"),
            server=settings.get("server"),
        ) as api:
            for fault in given.get("faults", {}).get("faults", []):
                plan = dict(fault)
                api.worlds[plan.pop("source")].fault(plan.pop("kind"), **plan)
            story = Story(api)
            for block in played:
                if block.kind not in _SETTING:
                    try:
                        await story.play(block)
                    except AssertionError as error:
                        error.add_note(f"{path.name}, line {block.line}")
                        raise

    run(work)
