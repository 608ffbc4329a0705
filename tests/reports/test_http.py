"""What HTTP adds: a mutation is never run by a GET."""

from __future__ import annotations

import httpx

from graph.server.app import create_app
from tests.reports.asking import posts
from tests.support import product, run


def test_a_mutation_by_get_is_refused_and_nothing_is_sent() -> None:
    async def work() -> None:
        async with product("portsip", count=5) as api:
            app = httpx.ASGITransport(app=create_app(api.graph))
            async with httpx.AsyncClient(transport=app, base_url="http://api") as http:
                query = 'mutation { destroyCallReport(input: {id: "x"}) { outcome } }'
                answer = await http.get("/graphql", params={"query": query})
            assert answer.status_code in (400, 405)
            assert posts(api) == []
            assert api.requests("portsip") == 0

    run(work)
