"""Throws whatever can be made up at a running server, for as long as wanted.

    python -m benchmarks.soak --minutes 10

Queries that are valid by the schema (schemathesis), queries of broken words, bodies that are no
JSON, mad headers, cursors and ids that were changed by a letter, garbage on a WebSocket. Exit code
1 on any 5xx, an answer that takes longer than 20 s, memory that grows, or a server that ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import h11
import httpx
import schemathesis
from hypothesis.errors import NonInteractiveExampleWarning
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from benchmarks.running import Process, gauges, grew, served

LONGEST_SECONDS = 20.0
_AT_ONCE = 8
_SCHEMA = Path(__file__).parent.parent / "schema.graphql"
_HEAD = """
[server]
deadline_ms = 1500
stats_deadline_ms = 3000
"""
_PAGE = (
    "{ callRecords(first: 3) { nodes { id } pageInfo { endCursor } outcomes { repairCursor } } }"
)
_UNSENDABLE = (httpx.LocalProtocolError, h11.LocalProtocolError, httpx.InvalidURL)
_PATHS = ("/graphql", "/graphql", "/reports/x/file", "/%00", "/readyz")
_TYPES = ("application/json", "text/plain", "")
_EVENTS = "subscription { callRecordAdded { kind } }"
_MESSAGES = (
    '{"type": "connection_init"}',
    '{"type": "connection_init", "payload": 5}',
    '{"type": "ping"}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}}',
    f'{{"type": "subscribe", "id": "2", "payload": {{"query": "{_EVENTS}"}}}}',
    '{"type": "complete", "id": "2"}',
    "[]",
    "null",
    "{",
    "\x00",
)
_WORDS = ("{", "}", "(", ")", "...", "$", "@", ":", "!", "[", "]", "query", "fragment", "on", "a",
          "callRecords", "nodes", "id", "first", "1", '"x"', '"""', "#", "\ufeff", "\x00", "é",
          "__schema", "types", "subscription", "mutation", "null", "-1e999", "logs", "record",
          "createCallReport", "stats", "filter", "since", '"2026-03-04T00:00:00Z"')  # fmt: skip


class Soak:
    """What is sent, and what came of it"""

    def __init__(self, base: str, seed: int) -> None:
        self._base = base
        self._chance = random.Random(seed)
        self._valid = _valid_queries()
        self._known: list[str] = []
        self.statuses: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.wrong: list[str] = []

    async def run(self, seconds: float, server: Process) -> list[float]:
        """Sends for so long; gives the server's memory, looked at every second"""
        memory: list[float] = []
        end = time.monotonic() + seconds
        limits = httpx.Limits(max_connections=_AT_ONCE)
        async with httpx.AsyncClient(
            base_url=self._base, timeout=LONGEST_SECONDS, limits=limits, trust_env=False
        ) as http:
            page = (await http.post("/graphql", json={"query": _PAGE})).json()["data"][
                "callRecords"
            ]
            self._known = [node["id"] for node in page["nodes"]]
            self._known += [c for c in [page["pageInfo"]["endCursor"]] if c]
            tasks = [asyncio.create_task(self._send_until(http, end)) for _ in range(_AT_ONCE)]
            while not all(task.done() for task in tasks) and server.alive:
                memory.append(server.resident_mb)
                await asyncio.sleep(1)
            await asyncio.gather(*tasks)
        return memory

    async def _send_until(self, http: httpx.AsyncClient, end: float) -> None:
        kinds = (self._valid_query, self._words, self._changed_key, self._body, self._headers)
        while time.monotonic() < end:
            if self._chance.random() < 0.03:
                await self._socket()
                continue
            await self._one(http, self._chance.choice(kinds)())

    async def _one(self, http: httpx.AsyncClient, how: dict[str, Any]) -> None:
        try:
            answer = await http.request(**how)
        except (*_UNSENDABLE, UnicodeEncodeError):
            return  # the client itself would not send that
        except httpx.RemoteProtocolError:
            self.statuses["cut off"] += 1  # no HTTP: nothing to be answered
            return
        except httpx.HTTPError as error:
            self.wrong.append(f"{type(error).__name__}: {str(how)[:500]}")
            return
        self.statuses[str(answer.status_code)] += 1
        if answer.status_code >= 500 and answer.status_code != 503:
            self.wrong.append(f"{answer.status_code}: {str(how)[:500]} -> {answer.text[:500]}")
        if "application/json" in answer.headers.get("content-type", ""):
            told = answer.json()
            for error in told.get("errors", ()) if isinstance(told, dict) else ():
                code = error.get("extensions", {}).get("code", "none")
                self.codes[code] += 1
                if code in ("INTERNAL", "none"):
                    self.wrong.append(f"{code}: {str(how)[:700]} -> {str(error)[:500]}")

    def _post(self, body: Any) -> dict[str, Any]:
        return {"method": "POST", "url": "/graphql", "json": body}

    def _valid_query(self) -> dict[str, Any]:
        return self._post({"query": next(self._valid)})

    def _words(self) -> dict[str, Any]:
        many = self._chance.randint(1, 60)
        return self._post({"query": " ".join(self._chance.choices(_WORDS, k=many))})

    def _changed_key(self) -> dict[str, Any]:
        key = list(self._chance.choice(self._known))
        for _ in range(self._chance.randint(1, 3)):
            key[self._chance.randrange(len(key))] = chr(self._chance.choice([65, 97, 48, 45, 233]))
        changed = "".join(key[: self._chance.randint(1, len(key))])
        query = self._chance.choice([
            "query($k: String) { callRecords(after: $k) { nodes { id } } }",
            "query($k: String) { callRecords(last: 2, before: $k) { nodes { id } } }",
            "query($k: ID!) { node(id: $k) { id } a: callLog(id: $k) { id } }",
            "query($k: ID!) { callReport(id: $k) { id } completedCallReport(id: $k) { id } }",
            "query($k: ID!) { callRecordLookup(ref: {id: $k}) { state } }",
        ])  # fmt: skip
        return self._post({"query": query, "variables": {"k": changed}})

    def _body(self) -> dict[str, Any]:
        good = json.dumps({"query": _PAGE, "variables": {"a": [1, {"b": None}]}}).encode()
        body = bytearray(good)
        for _ in range(self._chance.randint(1, 8)):
            body[self._chance.randrange(len(body))] = self._chance.randrange(256)
        cut = bytes(body[: self._chance.randint(0, len(body))])
        content = self._chance.choice([bytes(body), cut, b"[" * 5000, b"null", b"1e999"])
        return {
            "method": self._chance.choice(["POST", "POST", "PUT", "GET", "OPTIONS"]),
            "url": self._chance.choice(_PATHS),
            "content": content,
            "headers": {"content-type": self._chance.choice(_TYPES)},
        }

    def _headers(self) -> dict[str, Any]:
        def text() -> str:
            letters = "abc,;=\"'/*\\ é\x7f0123456789-+"
            return "".join(self._chance.choices(letters, k=self._chance.randint(0, 300))).strip()

        names = ["accept", "accept-encoding", "content-type", "origin", "x-request-id", "range",
                 "authorization", "traceparent", "sec-fetch-site", "content-length", "cookie",
                 "if-range", "x-forwarded-for", "upgrade", "te", "expect"]  # fmt: skip
        chosen = self._chance.sample(names, 3)
        return {
            "method": self._chance.choice(["GET", "POST"]),
            "url": "/graphql",
            "params": {"query": "{ __typename }", "variables": text(), "extensions": text()},
            "headers": [(name.encode(), text().encode("utf-8", "replace")) for name in chosen],
        }

    async def _socket(self) -> None:
        address = self._base.replace("http://", "ws://") + "/graphql"
        with suppress(WebSocketException, OSError, TimeoutError):
            async with connect(
                address,
                subprotocols=[Subprotocol("graphql-transport-ws")],
                open_timeout=LONGEST_SECONDS,
                close_timeout=2,
            ) as socket:
                for message in self._chance.choices(_MESSAGES, k=6):
                    await socket.send(message)
                async with asyncio.timeout(0.5):
                    async for _ in socket:
                        self.statuses["socket"] += 1


def _valid_queries() -> Iterator[str]:
    """Queries that the schema allows, for ever"""
    schema = schemathesis.graphql.from_file(_SCHEMA.read_text(encoding="utf-8"))
    operations = [found.ok() for found in schema.get_all_operations()]
    chance = random.Random(1)
    kept: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonInteractiveExampleWarning)
        for _ in range(40):
            for operation in operations:
                kept.append(str(operation.as_strategy().example().body))
                yield kept[-1]
    while True:
        yield chance.choice(kept)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with served(_HEAD, records=500) as (server, _, base):
        soak = Soak(base, given.seed)
        memory = asyncio.run(soak.run(given.minutes * 60, server))
        wrong = soak.wrong
        if not server.alive:
            wrong.append("the server ended: " + "".join(server.told)[-2000:])
        else:
            time.sleep(5)
            left = gauges(base)
            wrong += [f"{n} is {v:g} at rest" for n, v in left.items() if v and "breaker" not in n]
            print(f"stopped within {server.stop():.1f} s")
        rose = grew(memory)
        wrong += [rose] if rose else []
        if "Traceback" in "".join(server.told):
            wrong.append("".join(server.told)[-3000:])
        print(f"memory {memory[0]:.0f} MB at first, {max(memory):.0f} most, {memory[-1]:.0f} last")
        print("answers:", dict(soak.statuses.most_common()))
        print("errors:", dict(soak.codes.most_common()))
    for complaint in wrong[:20]:
        print(f"WRONG: {complaint}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
