"""What people see first: the queries to try, the welcome, the table of `check`."""

from __future__ import annotations

from collections.abc import Sequence

from graph.gather.check import Health
from graph.types.source import SourceState

FIRST = """# The newest calls of all phone systems, in one list.
# Press the triangle above (or Ctrl-Enter). Then ask for the next page:
# give pageInfo.endCursor as `after`.
query NewestCalls {
  callRecords(first: 20) {
    complete
    count { value relation }
    nodes {
      source { id vendor }
      startedAt
      direction
      disposition
      caller { number name }
      callee { number name }
      talkSeconds
    }
    pageInfo { hasNextPage endCursor }
    outcomes { source { id } state records requests elapsedMs message }
  }
}
"""

MISSED = """{
  callRecords(first: 10, filter: {direction: [INBOUND], disposition: [NO_ANSWER, ABANDONED]}) {
    nodes {
      startedAt source { id } caller { e164 } queue ringSeconds
      logs { startedAt disposition }
    }
    outcomes { source { id } state message }
  }
}"""

CAPABLE = """{
  sources {
    id vendor state timeZone
    capabilities { records logs sorts pageRows reachRows never { path reason } }
  }
}"""


def welcome(address: str, twins: Sequence[tuple[str, str]]) -> str:
    """What `demo` prints"""
    width = max(len(name) for name, _ in twins)
    systems = "\n".join(f"  {name:<{width}}  {where}" for name, where in twins)
    return f"""
cdr-graph demo: one GraphQL API over {len(twins)} phone systems.

  Open {address} in a browser.

Simulated phone systems (each is the vendor's own API, at its own address):
{systems}

Three queries to try.

1. The newest calls of all systems in one list (GraphiQL opens with it):

{_indented(FIRST.split("query NewestCalls ")[1].strip())}

2. Missed calls, with the legs of each call. A system that lacks a field the filter needs
   says so in `outcomes`:

{_indented(MISSED)}

3. What each system can do, and what it never tells and why:

{_indented(CAPABLE)}

From a shell: curl {address} --json '{{"query": "{{ callRecords {{ nodes {{ startedAt }} }} }}"}}'

Ctrl-C ends it.
"""


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())


def table(found: Sequence[Health]) -> str:
    """What `check` prints"""
    head = ("SOURCE", "VENDOR", "STATE", "CLOCK", "NEWEST CALL", "TIME", "")
    rows = [head, *(_row(health) for health in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _row(health: Health) -> tuple[str, ...]:
    state = health.state.name if health.state is not None else SourceState.OFF.name
    skew = "" if health.skew_seconds is None else f"{health.skew_seconds:+.0f} s"
    newest = "" if health.newest_at is None else f"{health.newest_at:%Y-%m-%d %H:%M:%S}Z"
    took = f"{health.elapsed_ms} ms" if health.elapsed_ms else ""
    source = health.source
    return (str(source.id), source.vendor.value, state, skew, newest, took, health.message or "")
