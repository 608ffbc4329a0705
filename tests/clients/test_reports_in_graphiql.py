"""Reports in GraphiQL, by clicks and typing: created, followed, opened and destroyed."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graph.config import settings
from graph.server import page
from graph.server.app import Graph, create_app
from graph.server.examples import FIRST
from graph.sources import company, simulator
from graph.sources.twin import World
from tests.clients.chromium import Chromium, find_chromium
from tests.clients.serving import serve
from tests.clients.test_page import EDITOR, EXECUTE, RESULT, lines, rewrite
from tests.support import Clock

STEPS = {
    "createCallReport": """mutation Create { createCallReport(input: {source: "portsip",
      name: "Long talks", type: NORMAL, email: "boss@example.com", format: HTML,
      range: {preset: LAST_SEVEN_DAYS}, filter: {normal: {}}
    }) { outcome userErrors { field code message } callReport { id status } } }""",
    "callReports": "query List { callReports { complete nodes { id name status email } } }",
    "updateCallReport": """mutation Update { updateCallReport(input: {id: "%s", filter: {normal: {
      duration: {kind: TALK_DURATION, minSeconds: 120}}}}) { outcome callReport { filter {
      ... on NormalReportFilter { duration { kind minSeconds } } } } } }""",
    "callReportCompleted": """subscription Follow { callReportCompleted(reportId: "%s") {
      id name fileName fileUrl } }""",
    "destroyCallReport": """mutation Destroy { destroyCallReport(input: {id: "%s"}) {
      outcome destroyedId } }""",
    "destroyCompletedCallReport": """mutation Clear { destroyCompletedCallReport(input: {id: "%s"})
      { outcome destroyedId } }""",
    "completedCallReports": "query Rest { completedCallReports { nodes { id } } callReports { "
    "nodes { id } } }",
}
"""what is typed, by the field that answers it"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    executable = find_chromium()
    if executable is None:
        pytest.skip("needs Chromium: none of its usual names is on the PATH")
    if not page.is_built():
        pytest.skip("needs the page: python -m graph.server.page.build builds it")
    with Chromium(executable) as chromium:
        yield chromium


def visit(browser: Chromium, base: str) -> None:
    """Opens GraphiQL as at a first visit"""
    browser.start_afresh()
    # Room for every line in its whole length: the page has no others, and breaks long ones.
    size = {"width": 4000, "height": 3000, "deviceScaleFactor": 1, "mobile": False}
    browser._call("Emulation.setDeviceMetricsOverride", size)
    browser.navigate(f"{base}/graphql")
    browser.wait_for(f"{lines(EDITOR)}.includes('callRecords(first: 20)')")


def run(browser: Chromium, field: str, id: str = "") -> Any:
    """Takes a step, and gives the data of its answer"""
    return execute(browser, STEPS[field] % id if id else STEPS[field], field)


def execute(browser: Chromium, text: str, field: str) -> Any:
    """Types an operation, executes it, and gives the data that the page shows once it has `field`.

    The second word of the text is the operation's name.
    """
    words = text.split()
    # In one line: the editor would close the braces of an unfinished one by itself.
    rewrite(browser, " ".join(words), name=words[1])
    browser.click(EXECUTE)
    answer = browser.wait_for(
        f"""(() => {{
            const lines = [...document.querySelectorAll({json.dumps(f"{RESULT} .view-line")})];
            lines.sort((one, other) => parseFloat(one.style.top) - parseFloat(other.style.top));
            const shown = lines.map(line => line.textContent.replaceAll('\\u00a0', ' '));
            try {{
                const answer = JSON.parse(shown.join(' '));
                return (answer.errors || {json.dumps(field)} in answer.data) && answer;
            }} catch {{
                return null;  // it is not there yet, or is being shown
            }}
        }})()"""
    )
    assert "errors" not in answer, answer
    return answer["data"]


def picture(browser: Chromium, name: str, *, as_shown: bool = False) -> None:
    """Keeps a picture of the page where somebody wants to look at it, in a window of usual size"""
    folder = os.environ.get("CDR_GRAPH_PICTURES")
    if folder:
        if not as_shown:
            browser._call("Emulation.clearDeviceMetricsOverride", {})
        browser.screenshot(Path(folder) / f"reports-{name}.png")


def test_a_report_is_created_followed_opened_and_destroyed_in_graphiql(
    browser: Chromium, tmp_path: Path
) -> None:
    clock = Clock()
    twin = simulator("portsip")
    calls = company.calls(seed=4, count=300, until=clock.now(), days=5)
    world = World(calls, clock=clock.now)
    with serve(twin.simulate(world, twin.Switches())) as address:
        entry = {"id": "portsip", "vendor": "portsip", "base_url": address, **twin.SETTINGS}
        graph = Graph(settings({"sources": [entry]}, environment={}), timer=clock.timer)
        with serve(create_app(graph, example=FIRST)) as base:
            visit(browser, base)
            _story(browser, base, world, clock, tmp_path)
            assert browser.console == []
    writes = [one.path for one in world.received if one.method == "POST"]
    assert len([path for path in writes if "/auth/" not in path]) == 4


def _story(browser: Chromium, base: str, world: World, clock: Clock, folder: Path) -> None:
    made = run(browser, "createCallReport")["createCallReport"]
    assert (made["outcome"], made["userErrors"]) == ("DONE", [])
    id = made["callReport"]["id"]
    assert run(browser, "callReports")["callReports"]["nodes"] == [
        {"id": id, "name": "Long talks", "status": "RUNNING", "email": "boss@example.com"}
    ]
    changed = run(browser, "updateCallReport", id)["updateCallReport"]
    length = {"kind": "TALK_DURATION", "minSeconds": 120}
    assert changed == {"outcome": "DONE", "callReport": {"filter": {"duration": length}}}

    file = run(browser, "callReportCompleted", id)["callReportCompleted"]
    assert f"{base.replace('http', 'ws')}/graphql" in browser.requests
    # That was all: the button asks again, and no longer stands for ending the subscription.
    browser.wait_for(f"document.querySelector({json.dumps(EXECUTE)}).ariaLabel.startsWith('Exec')")
    picture(browser, "followed")

    saved = browser.download(base + file["fileUrl"], folder)
    assert saved.name == file["fileName"]
    browser.navigate(saved.as_uri())
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    meant = [c for c in world.calls if c.started_at < today and c.talk_seconds >= 120]
    assert browser.evaluate("document.querySelector('h1').innerText") == "Long talks"
    assert browser.evaluate("document.querySelectorAll('tr').length") == 1 + len(meant) > 10
    picture(browser, "opened")
    assert browser.console == []

    visit(browser, base)
    for field, one in (("destroyCallReport", id), ("destroyCompletedCallReport", file["id"])):
        assert run(browser, field, one) == {field: {"outcome": "DONE", "destroyedId": one}}
    nothing: dict[str, list[object]] = {"nodes": []}
    rest = run(browser, "completedCallReports")
    assert rest == {"completedCallReports": nothing, "callReports": nothing}
    picture(browser, "destroyed")
