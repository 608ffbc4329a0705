"""The page at the GraphQL endpoint, in a real browser that can reach nothing but this machine."""

import asyncio
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType, SimpleNamespace

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from graph.server import page
from graph.server.app import create_app
from graph.server.examples import FIRST
from graph.sources import vendor_names
from tests.clients.chromium import Chromium, find_chromium
from tests.clients.serving import serve
from tests.support import product

EDITOR = ".graphiql-query-editor"
VARIABLES = ".graphiql-editor-tool .graphiql-editor:not(.hidden)"
SHOW_VARIABLES = ".graphiql-editor-tools button"
RESULT = ".result-window"
TAB = ".graphiql-tab-button"
EXECUTE = ".graphiql-execute-button"
SHOW_DOCS = '[aria-label="Show Documentation Explorer"]'
DOCS = ".graphiql-doc-explorer"


def lines(selector: str) -> str:
    """An expression: what an editor shows, where a space is a no-break space."""
    return (
        f"(document.querySelector({json.dumps(f'{selector} .view-lines')})?.innerText ?? '')"
        r".replaceAll('\u00a0', ' ')"
    )


def text(selector: str) -> str:
    """An expression: the words in an element."""
    return f"(document.querySelector({json.dumps(selector)})?.innerText ?? '')"


def has_focus(selector: str) -> str:
    """An expression: whether what is typed goes into an element."""
    return f"document.activeElement.closest({json.dumps(selector)}) !== null"


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """The product over five simulated systems, with the example that `demo` shows"""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        api = runner.run(stack.enter_async_context(product(*vendor_names(), count=200)))
        with serve(create_app(api.graph, example=FIRST)) as url:
            yield url
        runner.run(stack.aclose())


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    executable = find_chromium()
    if executable is None:
        pytest.skip("needs Chromium: none of its usual names is on the PATH")
    if not page.is_built():
        pytest.skip("needs the page: python -m graph.server.page.build builds it")
    with Chromium(executable) as chromium:
        yield chromium


@pytest.fixture
def opened(browser: Chromium, base: str) -> Iterator[Chromium]:
    """The browser at its first visit; afterwards, the page must have been content and at home."""
    browser.start_afresh()
    browser.navigate(f"{base}/graphql")
    browser.wait_for(f"{lines(EDITOR)}.includes('callRecords(first: 20)')")
    yield browser
    here = (f"{base}/", f"{base.replace('http', 'ws')}/", "data:")
    assert [url for url in browser.requests if not url.startswith(here)] == []
    assert [url for url in browser.requests if url.startswith(f"{base}/graphql/page/")]
    assert browser.console == []


def enlarge(browser: Chromium) -> None:
    """Make room for every line: an editor has only those in its page that can be seen."""
    size = {"width": 1280, "height": 9000, "deviceScaleFactor": 1, "mobile": False}
    browser._call("Emulation.setDeviceMetricsOverride", size)


def test_it_opens_with_the_example_and_shows_calls_of_five_vendors(opened: Chromium) -> None:
    assert "query NewestCalls {" in opened.evaluate(lines(EDITOR))
    assert opened.evaluate("document.title") == "cdr-graph"
    opened.click(EXECUTE)
    opened.wait_for(f"""{lines(RESULT)}.includes('"complete": true')""")
    enlarge(opened)
    opened.wait_for(f"{lines(RESULT)}.includes('hasNextPage')")
    shown = opened.evaluate(lines(RESULT))
    calls = shown[shown.index('"nodes"') : shown.index('"pageInfo"')]
    assert calls.count('"startedAt"') == 20
    for vendor in vendor_names():
        assert f'"vendor": "{vendor.upper()}"' in calls
    assert shown.count('"state": "OK"') == len(vendor_names())


def test_the_docs_explorer_opens(opened: Chromium) -> None:
    opened.click(SHOW_DOCS)
    opened.wait_for(f"{text(DOCS)}.includes('query: Query')")
    opened.click(f"{DOCS} .graphiql-doc-explorer-type-name")
    opened.wait_for(f"{text(DOCS)}.includes('Everything that can be asked.')")
    assert "callRecords" in opened.evaluate(text(DOCS))


def test_variables_have_an_editor(opened: Chromium) -> None:
    rewrite(opened, "query ($of: [Vendor!]) { sources { id } page: callRecords(first: 1, "
                    "filter: {vendors: $of}) { nodes { source { vendor } } } }")  # fmt: skip
    opened.click(SHOW_VARIABLES)
    write_into(opened, VARIABLES, '{"of": ["VCCLIVE"]}')
    opened.wait_for(f"""{lines(VARIABLES)}.includes('"VCCLIVE"')""")
    opened.click(EXECUTE)
    opened.wait_for(f"""{lines(RESULT)}.includes('"vendor": "VCCLIVE"')""")


def write_into(browser: Chromium, editor: str, text: str) -> None:
    """Writes into an editor that has just been opened: while it settles, what is typed is lost."""
    for _ in range(5):
        browser.click(editor)
        browser.wait_for(has_focus(editor))
        browser.write(text)
        with suppress(TimeoutError):
            browser.wait_for(f"{lines(editor)}.trim() !== ''", timeout=5)
            return
    raise TimeoutError(f"nothing that was written into {editor} is there")


def rewrite(browser: Chromium, query: str, name: str = "<untitled>") -> None:
    """Put a query in place of the one in the editor; its name becomes that of the tab."""
    browser.click(EDITOR)
    browser.wait_for(has_focus(EDITOR))
    browser.press("Control+a")
    browser.write(query)
    # GraphiQL takes a moment to read what was typed; then its tab no longer has the old name.
    browser.wait_for(f"{text(TAB)} === {json.dumps(name)}")


def test_the_editor_completes_what_is_typed(opened: Chromium) -> None:
    opened.wait_for("!document.querySelector('.graphiql-spinner')")  # until the schema is there
    rewrite(opened, "{ callRecordL")
    opened.press("Control+ ")
    opened.wait_for(f"{text('.suggest-widget.visible')}.includes('callRecordLookup')")
    opened.press("Enter")
    opened.wait_for(f"{lines(EDITOR)}.includes('callRecordLookup')")


def test_a_subscription_goes_over_a_websocket(opened: Chromium, base: str) -> None:
    query = {"query": "{ callRecords(first: 1) { nodes { id startedAt } } }"}
    answer = httpx.post(f"{base}/graphql", json=query, trust_env=False).json()
    [call] = answer["data"]["callRecords"]["nodes"]
    ready = f'callRecordReady(ref: {{id: "{call["id"]}"}}) {{ state record {{ startedAt }} }}'
    rewrite(opened, f"subscription {{ {ready} }}")
    opened.click(EXECUTE)
    opened.wait_for(f"""{lines(RESULT)}.includes('"state": "FOUND"')""")
    assert call["startedAt"] in opened.evaluate(lines(RESULT))
    assert f"{base.replace('http', 'ws')}/graphql" in opened.requests


class Markup(HTMLParser):
    """What a page would load or run, and the text of its JSON script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.scripts: list[dict[str, str | None]] = []
        self.styles = 0
        self.words = ""
        self.json = ""
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [str(values[name]) for name in ("src", "href") if name in values]
        self.styles += tag == "style"
        if tag == "script":
            self.scripts.append(values)
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.json += data
        elif self._inside != "style":
            self.words += data


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the built files, not there yet."""
    folder = tmp_path / "dist"
    monkeypatch.setattr(page, "_DIST", folder)
    return folder


def fill(dist: Path) -> None:
    dist.mkdir()
    (dist / "main-1.js").write_text("1;")
    (dist / "main-2.css").write_text("a {}")
    (dist / "manifest.json").write_text('{"script": "main-1.js", "style": "main-2.css"}')


@pytest.mark.parametrize(
    "query",
    [
        '# </script><script>document.title = "broken out"</script> <!-- &\n{ a }\n',
        "</SCRIPT ><script>alert(1)</script>",
        "<!-- <script>",
        '&lt;&amp;\u2028\u2029 "quoted" \\ é 日本 \U0001f4de',
        "$script $$",
    ],
)
def test_a_default_query_stays_in_its_script_element(dist: Path, query: str) -> None:
    fill(dist)
    html = page.page_html(query)
    markup = Markup(html)
    assert json.loads(markup.json) == {"endpoint": "/graphql", "defaultQuery": query}
    assert [script.get("type") for script in markup.scripts] == ["application/json", "module"]
    assert not set("<>&\u2028\u2029") & set(markup.json)
    loaded = ["data:,", "/graphql/page/main-2.css", "/graphql/page/main-1.js"]
    assert markup.addresses == loaded


def test_the_files_lie_beside_the_endpoint(dist: Path) -> None:
    fill(dist)
    markup = Markup(page.page_html("{ a }", "/calls/graphql"))
    assert json.loads(markup.json)["endpoint"] == "/calls/graphql"
    assert markup.addresses[1:] == [
        "/calls/graphql/page/main-2.css",
        "/calls/graphql/page/main-1.js",
    ]


def test_files_are_kept_for_long_and_the_manifest_is_not(dist: Path) -> None:
    app = Starlette(routes=[Mount("/graphql/page", page.assets())])
    with serve(app) as url, httpx.Client(base_url=f"{url}/graphql/page") as client:
        missing = client.get("/main-1.js")
        assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-store")
        fill(dist)
        script = client.get("/main-1.js")
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        again = client.get("/main-1.js", headers={"If-None-Match": script.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get("/manifest.json").headers["cache-control"] == "no-cache"
        assert client.get("/../build.py").status_code == 404
        assert client.get("/%2e%2e/dist/main-3.js").status_code == 404


def test_without_its_files_the_page_says_how_to_get_them(dist: Path) -> None:
    assert not page.is_built()
    markup = Markup(page.page_html('{ a(b: "<i>$c</i>") }'))
    assert (markup.scripts, markup.addresses) == ([], ["data:,"])
    for words in (
        "Node.js was missing",
        "Node.js 20 or newer",
        "python -m graph.server.page.build",
        "python graph/server/page/build.py",
        "The API works.",
        "curl ADDRESS",
        '{ a(b: "<i>$c</i>") }',
    ):
        assert words in markup.words
    (dist / "nothing").parent.mkdir()
    (dist / "manifest.json").write_text("{}")
    assert not page.is_built()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The build script and its sources, in a folder of their own."""
    folder = tmp_path / "page"
    shutil.copytree(
        Path(page.__file__).parent, folder, ignore=shutil.ignore_patterns("dist", "__pycache__")
    )
    return folder / "build.py"


def load(script: Path) -> ModuleType:
    """The build script, loaded as Hatchling loads it."""
    spec = importlib.util.spec_from_file_location("build_under_test", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def install(module: ModuleType, target: str = "wheel") -> list[str]:
    """The warnings that the hook gives."""
    pytest.importorskip("hatchling", reason="needs Hatchling, which runs the hook")
    warnings: list[str] = []
    app = SimpleNamespace(display_warning=warnings.append)
    hook = module.CustomBuildHook(".", {}, None, None, ".", target, app)
    hook.initialize("editable", {})
    return warnings


def tools(folder: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> None:
    """Let only these shell scripts, and the system's own tools, be found by their names."""
    folder.mkdir()
    for name, lines_ in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{lines_}\n")
        (folder / name).chmod(0o755)
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: found(name, path=str(folder)))


NODE = """\
[ "$1" = --version ] && { echo v22.1.0; exit; }
[ "$1" = bundle.mjs ] && [ -e node_modules ] || exit 1
mkdir "$2" && echo 1 > "$2/main-1.js" && echo "{\\"stamp\\": \\"$3\\"}" > "$2/manifest.json"
"""


def test_it_is_built_once_and_leaves_nothing_behind(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools(tmp_path / "bin", monkeypatch, node=NODE, npm="mkdir node_modules")
    before = {path.name for path in script.parent.iterdir()}
    module = load(script)
    assert module.build() is True
    dist = script.parent / "dist"
    assert {path.name for path in script.parent.iterdir()} - before - {"__pycache__"} == {"dist"}
    assert {path.name for path in dist.iterdir()} == {"main-1.js", "manifest.json"}
    assert module.build() is False
    assert install(module) == []
    (dist / "main-old.js").touch()
    (script.parent / "main.css").write_text("a {}")
    assert module.build() is True
    assert not (dist / "main-old.js").exists()


@pytest.mark.parametrize(
    ("scripts", "reason"),
    [
        ({}, "Node.js was not found (Node.js 20 or newer is needed)"),
        ({"node": NODE}, "npm was not found"),
        ({"node": "echo v18.20.1", "npm": ""}, "Node.js is v18.20.1, and 20 or newer is needed"),
        (
            {"node": NODE, "npm": "echo no network >&2; exit 7"},
            "npm ci failed (exit code 7)\nno net",
        ),
        ({"node": NODE, "npm": ""}, "the bundler failed (exit code 1)"),
    ],
)
def test_an_install_goes_on_without_the_page(
    script: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scripts: dict[str, str],
    reason: str,
) -> None:
    tools(tmp_path / "bin", monkeypatch, **scripts)
    module = load(script)
    [warning] = install(module)
    assert reason in warning
    assert "python -m graph.server.page.build" in warning
    assert not (script.parent / "dist").exists()
    assert install(module, target="sdist") == []


def test_the_script_says_why_it_could_not_build(script: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("GraphiQL was not built: Node.js was not found")
