"""Reports of this server as several tests ask for them: one step of the scheduler at a time."""

from __future__ import annotations

from typing import Any

from tests.support import Api

CREATE = """
mutation ($input: CreateCallReportInput!) {
  made: createCallReport(input: $input) {
    outcome userErrors { field code message }
    callReport { id } idempotency { repeated store keptUntil }
  }
}
"""
RUNS = """
query ($id: ID!) {
  report: callReport(id: $id) {
    id name status engine timeZone sources { id } nextRuns { at localTime }
    runs {
      dueAt state attempts entriesRead shareDone complete reason window { since until }
      outcomes { source { id } state message records missing { since until } }
      deliveries { id state attempts reason target { kind address attached } }
      file { id fileName fileSizeBytes fileUrl complete format }
    }
    completed { certainty nodes { id fileName } }
  }
}
"""


def ours(**changes: Any) -> dict[str, Any]:
    """the input of a report of this server that nothing is wrong with, with changes"""
    return {
        "engine": "GATEWAY",
        "name": "All calls",
        "type": "NORMAL",
        "format": "CSV",
        "range": {"preset": "LAST_SEVEN_DAYS"},
        "filter": {"normal": {}},
        **changes,
    }


async def create(api: Api, **changes: Any) -> Any:
    """the payload of creating a report"""
    return (await api.good(CREATE, input=ours(**changes)))["made"]


async def created(api: Api, **changes: Any) -> str:
    """the id of a report that could be created"""
    made = await create(api, **changes)
    assert made["outcome"] == "DONE", made
    id: str = made["callReport"]["id"]
    return id


async def step(api: Api) -> int:
    """does what is due now; how many runs that were"""
    assert api.graph.reports is not None
    return await api.graph.reports.scheduler.step()


async def look(api: Api, id: str) -> Any:
    return (await api.good(RUNS, id=id))["report"]


async def made(api: Api, **changes: Any) -> tuple[Any, bytes]:
    """creates a report and runs it: its run, and the bytes of its file"""
    id = await created(api, **changes)
    assert await step(api) == 1
    run = (await look(api, id))["runs"][0]
    assert run["state"] == "DONE", run
    return run, await content(api, run["file"]["id"])


async def content(api: Api, file_id: str) -> bytes:
    """the file as it is downloaded"""
    from graph.reports.files import download

    async with download(file_id, None, api.graph.context().reading()) as found:
        assert found is not None
        assert found.status == 200
        parts = [part async for part in found.parts]
    assert all(isinstance(part, bytes) for part in parts)
    return b"".join(part for part in parts if isinstance(part, bytes))
