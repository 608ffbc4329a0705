"""The product behind its gate: callers with tokens, and every root field with its arguments."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from graph.caller import SCOPES
from graph.server import tokens
from graph.server.app import create_app
from tests.support import NOW, Api, Clock, product


class Guarded:
    """The API over HTTP, in process; `ask` shows a token."""

    def __init__(self, api: Api, http: httpx.AsyncClient, path: Path) -> None:
        self.api = api
        self.http = http
        self.path = path

    def token(
        self,
        name: str,
        scopes: Sequence[str] = tuple(SCOPES),
        sources: Sequence[str] | None = None,
        expires_at: datetime | None = None,
    ) -> str:
        """A new token of the tokens file"""
        return tokens.add(
            self.path, name=name, scopes=scopes, sources=sources, expires_at=expires_at, now=NOW
        )

    async def post(self, query: str, token: str | None, **variables: Any) -> httpx.Response:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        body = {"query": query, "variables": variables}
        return await self.http.post("/graphql", json=body, headers=headers)

    async def ask(self, query: str, token: str | None, **variables: Any) -> Mapping[str, Any]:
        """The answer's JSON"""
        answer: Mapping[str, Any] = (await self.post(query, token, **variables)).json()
        return answer

    async def good(self, query: str, token: str | None, **variables: Any) -> Any:
        """The data of an answer that must not have errors"""
        answer = await self.ask(query, token, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def requests(self) -> int:
        """how many requests all twins got"""
        return sum(len(world.received) for world in self.api.worlds.values())


@asynccontextmanager
async def guarded(
    folder: Path, *sources: str | Mapping[str, Any], clock: Clock | None = None, **options: Any
) -> AsyncIterator[Guarded]:
    """The product over twins, with a tokens file in the folder"""
    path = folder / "tokens.toml"
    tokens.add(path, name="first", scopes=["records:read"], sources=None, expires_at=None, now=NOW)
    server = {"tokens_file": str(path), "report_email_domains": ["example.com"]}
    server.update(options.pop("server", {}))
    async with product(*sources, server=server, clock=clock, **options) as api:
        carried = httpx.ASGITransport(app=create_app(api.graph))
        async with httpx.AsyncClient(transport=carried, base_url="http://api") as http:
            yield Guarded(api, http, path)


def codes(answer: Mapping[str, Any]) -> set[str]:
    """The codes of an answer's errors"""
    return {error["extensions"]["code"] for error in answer.get("errors", ())}
