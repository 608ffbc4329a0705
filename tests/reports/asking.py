"""Queries about reports that several tests ask."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.support import Api

CREATE = """
mutation ($input: CreateCallReportInput!) {
  made: createCallReport(input: $input) {
    outcome lookFor userErrors { field code message }
    callReport { id } idempotency { repeated store keptUntil }
  }
}
"""
UPDATE = """
mutation ($input: UpdateCallReportInput!) {
  made: updateCallReport(input: $input) {
    outcome lookFor userErrors { field code message } callReport { id name cronExpression }
  }
}
"""
DESTROY = """
mutation ($input: DestroyCallReportInput!) {
  made: destroyCallReport(input: $input) {
    outcome lookFor userErrors { field code } destroyedId
  }
}
"""
DESTROY_COMPLETED = """
mutation ($input: DestroyCompletedCallReportInput!) {
  made: destroyCompletedCallReport(input: $input) {
    outcome lookFor userErrors { field code } destroyedId
  }
}
"""
FILTER = """
filter {
  __typename
  ... on NormalReportFilter {
    caller { kind value } callee { kind value } answerState
    duration { kind minSeconds maxSeconds }
  }
  ... on ExtensionGroupCallCostReportFilter { callKind groups }
  ... on QueueReportFilter { queues excludeDroppedBeforeSeconds }
  ... on QueueFailedCallbacksReportFilter { queues }
  ... on RingGroupReportFilter { ringGroups }
  ... on UnknownReportFilter { raw }
}
"""
DETAIL = (
    "id name type email format range { preset window { since until } } cronExpression status "
    + FILTER
)


def report(**changes: Any) -> dict[str, Any]:
    """an input that nothing is wrong with, with changes"""
    return {
        "source": "portsip",
        "name": "Weekly",
        "type": "NORMAL",
        "email": "boss@example.com",
        "format": "CSV",
        "range": {"preset": "LAST_THIRTY_DAYS"},
        "filter": {"normal": {}},
        **changes,
    }


async def create(api: Api, **changes: Any) -> Any:
    """the payload of creating a report"""
    return (await api.good(CREATE, input=report(**changes)))["made"]


async def created(api: Api, **changes: Any) -> str:
    """the id of a report that could be created"""
    made = await create(api, **changes)
    assert made["outcome"] == "DONE", made
    id: str = made["callReport"]["id"]
    return id


def posts(api: Api, path: str = "/api/call_reports", source: str = "portsip") -> list[Any]:
    """the bodies of the writes that the twin received"""
    received = api.worlds[source].received
    return [
        json.loads(one.body) if one.body else None
        for one in received
        if one.method == "POST" and one.path.startswith(path)
    ]


async def finished(api: Api, fields: str = "id name fileUrl") -> list[Mapping[str, Any]]:
    nodes: list[Mapping[str, Any]] = (
        await api.good(f"{{ completedCallReports {{ nodes {{ {fields} }} }} }}")
    )["completedCallReports"]["nodes"]
    return nodes
