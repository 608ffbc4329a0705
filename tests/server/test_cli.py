"""The commands as people run them: real ports, real signals, and processes of their own.

What never gets as far as serving runs in this process, since starting Python takes far longer than
being told what is wrong.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from graph.cli import main
from graph.server.page import is_built
from graph.sources import vendor_names

ROOT = Path(__file__).parent.parent.parent
SECONDS = 60
"""how long a command may take before a test gives it up"""

CALLS = """query Calls($first: Int = 20, $after: String, $filter: CallFilter) {
  callRecords(first: $first, after: $after, filter: $filter) {
    complete
    nodes { id startedAt source { id } caller { number } talkSeconds }
    pageInfo { endCursor hasNextPage }
    outcomes { source { id } state message }
  }
}"""


class Done:
    """How a command ended."""

    def __init__(self, code: int, out: str, told: str) -> None:
        self.code = code
        self.out = out
        self.told = told
        """standard error"""

    @property
    def data(self) -> Any:
        return json.loads(self.out)["data"]


class Running:
    """A command that runs until it is told to stop; what it writes is read all the time."""

    def __init__(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            command(*arguments),
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that the whole family can be sent a signal, as Ctrl-C does
        )
        self.lines: dict[str, list[str]] = {"out": [], "told": []}
        self._news = threading.Condition()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        pipes = {"out": self.process.stdout, "told": self.process.stderr}
        self._readers = [
            threading.Thread(target=self._read, args=(name, pipe), daemon=True)
            for name, pipe in pipes.items()
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str, pipe: Any) -> None:
        with pipe:
            for line in pipe:
                with self._news:
                    self.lines[name].append(line)
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def text(self, name: str) -> str:
        return "".join(self.lines[name])

    def said(self, name: str, pattern: str) -> re.Match[str]:
        """What it wrote, once that matches"""

        def ready() -> bool:
            gone = not any(reader.is_alive() for reader in self._readers)
            return gone or re.search(pattern, self.text(name)) is not None

        with self._news:
            assert self._news.wait_for(ready, SECONDS), f"it never said {pattern}: {self.lines}"
        found = re.search(pattern, self.text(name))
        assert found is not None, f"it ended without {pattern}: {self.lines}"
        return found

    def stop(self, number: signal.Signals = signal.SIGINT, *, family: bool = False) -> Done:
        """Ends it with a signal, which a terminal sends to the whole `family`"""
        if self.process.poll() is None:
            if family:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)
        code = self.process.wait(SECONDS)
        for reader in self._readers:
            reader.join(SECONDS)
        return Done(code, self.text("out"), self.text("told"))


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "graph", *map(str, arguments)]


def cli(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Done:
    """Runs one command to its end"""
    done = subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=SECONDS,
    )
    return Done(done.returncode, done.stdout, done.stderr)


Cli = Callable[..., Done]


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs one command to its end in this process"""

    def run(*arguments: str | Path) -> Done:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        shown = capsys.readouterr()
        return Done(code, shown.out, shown.err)

    return run


@contextmanager
def running(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    made = Running(*arguments, env=env)
    try:
        yield made
    finally:
        with suppress(ProcessLookupError):
            os.killpg(made.process.pid, signal.SIGKILL)
        made.process.wait(SECONDS)


def free_port(in_a_row: int = 1) -> int:
    """The first of so many ports that nobody listens at just now"""
    while True:
        with ExitStack() as stack, suppress(OSError):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            port: int = listener.getsockname()[1]
            for n in range(1, in_a_row):
                stack.enter_context(socket.create_server(("127.0.0.1", port + n)))
            return port


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def ports(text: str) -> set[int]:
    """The ports of the addresses in a text"""
    return {int(port) for port in re.findall(r"http://127\.0\.0\.1:(\d+)", text)}


def post(address: str, query: str, **variables: Any) -> dict[str, Any]:
    """The data of a query over real HTTP, on a connection of its own"""
    answer = httpx.post(
        address, json={"query": query, "variables": variables}, timeout=SECONDS, trust_env=False
    )
    told = answer.json()
    assert "errors" not in told, told
    data: dict[str, Any] = told["data"]
    return data


# ---------------------------------------------------------------- what the tests share


@pytest.fixture(scope="module")
def simulated() -> Iterator[str]:
    """The configuration that `simulate` prints, while it runs"""
    with running("simulate", "--records", "150", "--seed", "7") as twins:
        twins.said("out", r"(?s)yeastar.*client_secret = .*\n")
        yield twins.text("out")
        done = twins.stop(signal.SIGTERM)
        assert (done.code, done.told) == (0, "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def config(simulated: str, folder: Path) -> Path:
    """A file that reaches the simulated systems, with a secret of its own"""
    path = folder / "graph.toml"
    path.write_text(f'[server]\nsecret = "good for two starts"\n\n{simulated}')
    return path


def sources(text: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = tomllib.loads(text)["sources"]
    return entries


def write(path: Path, entries: list[dict[str, Any]], head: str = "") -> Path:
    """A configuration of these entries"""
    lines = [head]
    for entry in entries:
        lines.append("[[sources]]")
        for key, value in entry.items():
            shown = json.dumps(value)
            if isinstance(value, dict):
                pairs = (f"{name} = {json.dumps(one)}" for name, one in value.items())
                shown = "{" + ", ".join(pairs) + "}"
            lines.append(f"{key} = {shown}")
    path.write_text("\n".join(lines))
    return path


# ---------------------------------------------------------------- demo


def test_demo_answers_queries_over_five_vendors_and_stops_cleanly() -> None:
    with running("demo", "--port", "0") as demo:
        demo.said("out", "Ctrl-C ends it")
        shown = demo.text("out")
        opened = re.search(r"Open (http://127\.0\.0\.1:(\d+)/graphql) in a browser", shown)
        assert opened is not None
        address, port = opened[1], opened[2]
        assert len(ports(shown)) == 6
        assert all(
            re.search(rf"^  {name} +http://", shown, re.MULTILINE) for name in vendor_names()
        )

        # The three queries are run as they were printed.
        queries = [
            re.sub(r"^    ", "", text, flags=re.MULTILINE)
            for text in re.findall(r"(?m)^\d\. (?:.+\n)+\n((?:    .*\n)+)", shown)
        ]
        assert len(queries) == 3
        newest = post(address, f"query {queries[0]}")["callRecords"]
        assert newest["complete"] is True
        assert len(newest["nodes"]) == 20
        assert {o["state"] for o in newest["outcomes"]} == {"OK"}
        assert {o["source"]["id"] for o in newest["outcomes"]} == set(vendor_names())
        assert post(address, queries[1])["callRecords"]["nodes"]
        assert {s["id"] for s in post(address, queries[2])["sources"]} == set(vendor_names())

        # Calls of all five come, if one looks far enough.
        calls = post(address, CALLS, first=100)["callRecords"]
        assert calls["complete"] is True
        assert {node["source"]["id"] for node in calls["nodes"]} == set(vendor_names())

        page = httpx.get(address, headers={"accept": "text/html"}, trust_env=False)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "NewestCalls" in page.text
        if is_built():
            script = re.search(r'src="(/graphql/page/[^"]+\.js)"', page.text)
            assert script is not None
            loaded = httpx.get(f"http://127.0.0.1:{port}{script[1]}", trust_env=False)
            assert loaded.status_code == 200

        done = demo.stop(signal.SIGINT)
        assert done.code == 0
        assert "Traceback" not in done.told
        assert not any(listens(used) for used in ports(shown))


# ---------------------------------------------------------------- simulate


def test_simulate_prints_a_configuration_of_what_it_runs(simulated: str) -> None:
    entries = sources(simulated)
    assert [entry["vendor"] for entry in entries] == list(vendor_names())
    assert all(listens(port) for port in ports(simulated))
    assert len(ports(simulated)) == len(entries)


def test_simulate_plays_faults_and_given_entries_of_chosen_vendors(folder: Path, here: Cli) -> None:
    port = free_port(2)
    faults = folder / "faults.toml"
    faults.write_text(
        '[[faults]]\nvendor = "voicenter"\nkind = "status"\nstatus = 503\ntimes = 0\n'
        '[[faults]]\nvendor = "portsip"\nkind = "hang"\nskip = 1000000\n'
    )
    given = ROOT / "graph/sources/yeastar/samples/cdr_list.json"
    rows = msgspec.json.decode(given.read_bytes())
    with running(
        "simulate", "--vendor", "voicenter", "--vendor", "yeastar", "--port", str(port),
        "--faults", faults, "--given", f"yeastar={given}",
    ) as twins:  # fmt: skip
        twins.said("out", r"(?s)yeastar.*client_secret = .*\n")
        printed = twins.text("out")
        assert ports(printed) == {port, port + 1}
        path = folder / "two.toml"
        path.write_text(printed)
        checked = here("check", "--config", path)
        assert checked.code == 1
        assert re.search(r"voicenter +voicenter +UNAVAILABLE ", checked.out)
        query = "{ callRecords(unit: LEG, filter: {vendors: YEASTAR}) { nodes { nativeId } } }"
        asked = here("ask", query, "--config", path)
        nodes = asked.data["callRecords"]["nodes"]
        assert [node["nativeId"] for node in nodes] == [str(row["id"]) for row in rows]


# ---------------------------------------------------------------- check


def test_check_prints_a_table_and_exits_with_0(config: Path, here: Cli) -> None:
    done = here("check", "--config", config)
    assert (done.code, done.told) == (0, "")
    head, *rows = done.out.splitlines()
    assert head.split("  ")[0] == "SOURCE"
    assert [row.split()[:3] for row in rows] == [[name, name, "OK"] for name in vendor_names()]
    assert all(re.search(r"[+-]\d+ s  +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ  +\d+ ms$", r) for r in rows)


def test_check_tells_what_is_wrong_with_whom_and_exits_with_1(
    simulated: str, folder: Path, here: Cli
) -> None:
    entries = {entry["id"]: entry for entry in sources(simulated)}
    entries["vcclive"]["base_url"] = f"http://127.0.0.1:{free_port()}"
    entries["voipnow"]["credentials"]["client_secret"] = "wrong-secret-991"
    entries["yeastar"]["credentials"] = {}
    entries["voicenter"]["enabled"] = False
    done = here("check", "--config", write(folder / "bad.toml", list(entries.values())))
    assert done.code == 1
    states = {row.split()[0]: row.split()[2] for row in done.out.splitlines()[1:]}
    assert states == {
        "portsip": "OK",
        "vcclive": "UNAVAILABLE",
        "voicenter": "OFF",
        "voipnow": "REFUSED",
        "yeastar": "DISABLED",
    }
    rows = {row.split()[0]: row for row in done.out.splitlines()}
    assert "no connection" in rows["vcclive"]
    assert "client_id and client_secret" in rows["voipnow"]
    assert "client_id and client_secret" in rows["yeastar"]
    assert "wrong-secret-991" not in done.out + done.told


def test_a_source_that_is_off_is_no_failure_of_check(
    simulated: str, folder: Path, here: Cli
) -> None:
    entries = [{**entry, "enabled": entry["id"] == "portsip"} for entry in sources(simulated)]
    assert here("check", "--config", write(folder / "off.toml", entries)).code == 0


# ---------------------------------------------------------------- ask


def test_ask_prints_the_answer_as_json(config: Path) -> None:
    done = cli(
        "ask", "{ callRecords(first: 3) { complete nodes { startedAt } } }", "--config", config
    )
    assert (done.code, done.told) == (0, "")
    page = done.data["callRecords"]
    assert page["complete"] is True
    assert len(page["nodes"]) == 3
    assert set(json.loads(done.out)) == {"data"}


def test_ask_reads_a_file_and_variables_and_its_cursors_work_the_next_time(
    config: Path, folder: Path, here: Cli
) -> None:
    query = folder / "calls.graphql"
    query.write_text(CALLS, encoding="utf-8")

    def page(**variables: Any) -> Any:
        done = here("ask", "-f", query, "--variables", json.dumps(variables), "--config", config)
        assert done.code == 0
        return done.data["callRecords"]

    whole = page(first=6)
    start = page(first=2)
    rest = page(first=4, after=start["pageInfo"]["endCursor"])
    assert start["nodes"] + rest["nodes"] == whole["nodes"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ callRecords(first: -1) { complete } }", "BAD_USER_INPUT"),
        ("{ nothing }", "GRAPHQL_INVALID"),
        ("{", "GRAPHQL_INVALID"),
        ("", "BAD_REQUEST"),
        ("fragment F on Query { __typename }", "BAD_REQUEST"),
        ("subscription { callRecordAdded { kind } }", "BAD_REQUEST"),
    ],
)
def test_ask_exits_with_1_where_the_answer_has_errors(
    config: Path, here: Cli, query: str, code: str
) -> None:
    done = here("ask", query, "--config", config)
    assert (done.code, done.told) == (1, "")
    [error] = json.loads(done.out)["errors"]
    assert error["extensions"]["code"] == code


# ---------------------------------------------------------------- schema


def test_schema_prints_the_file_at_the_top(here: Cli) -> None:
    done = here("schema")
    assert (done.code, done.told) == (0, "")
    assert done.out == (ROOT / "schema.graphql").read_text(encoding="utf-8")


def test_a_reader_that_goes_away_is_no_accident() -> None:
    made = subprocess.Popen(
        command("schema"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert made.stdout is not None
    assert made.stderr is not None
    made.stdout.close()
    told = made.stderr.read()
    made.stderr.close()
    assert (made.wait(SECONDS), told) == (1, "")


# ---------------------------------------------------------------- serve


@contextmanager
def serving(*arguments: str | Path) -> Iterator[tuple[Running, str]]:
    """`serve` with the address it serves at"""
    with running("serve", "--port", "0", *arguments) as server:
        address = server.said("told", r"cdr-graph serves (http://\S+)")[1]
        yield server, address


def test_serve_answers_and_stops_cleanly(config: Path) -> None:
    with serving("--config", config) as (server, address):
        assert post(address, CALLS)["callRecords"]["complete"] is True
        base = address.removesuffix("/graphql")
        assert httpx.get(f"{base}/healthz", trust_env=False).json() == {"status": "ok"}
        assert httpx.get(f"{base}/readyz", trust_env=False).json()["status"] == "ready"
        done = server.stop(signal.SIGTERM)
        assert (done.code, done.out) == (0, "")
        assert done.told.splitlines() == [f"cdr-graph serves {address}"]
        assert not any(listens(port) for port in ports(address))


def test_ids_and_cursors_outlive_a_restart(simulated: str, folder: Path) -> None:
    # Two sources of each vendor, whose clocks have other zones than their twins'.
    zones = ("Asia/Kathmandu", "America/St_Johns")
    entries = [
        {**entry, "id": f"{entry['id']}-{place}", "time_zone": zone}
        for entry in sources(simulated)
        for place, zone in enumerate(zones)
    ]
    path = write(folder / "zones.toml", entries, '[server]\nsecret = "for both starts"\n')
    # Each source is asked on its own, a little, so that none is held up by its own pace.
    first = "".join(
        f"{entry['id'].replace('-', '_')}: "
        f'callRecords(first: 2, filter: {{sources: "{entry["id"]}"}}) '
        "{ nodes { ...Call } pageInfo { endCursor } outcomes { state message } } "
        for entry in entries
    )
    fragment = (
        "fragment Call on Call { id startedAt talkSeconds source { id } caller { number } details "
        "{ __typename } }"
    )
    lookup = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ...Call }} }} {fragment}"

    with serving("--config", path) as (server, address):
        lists = post(address, f"{{ {first} }} {fragment}")
        assert {o["state"] for page in lists.values() for o in page["outcomes"]} == {"OK"}
        nodes = [node for page in lists.values() for node in page["nodes"]]
        assert {node["source"]["id"] for node in nodes} == {entry["id"] for entry in entries}
        assert server.stop().code == 0
    with serving("--config", path) as (_, address):
        assert post(address, lookup, ids=[node["id"] for node in nodes])["nodes"] == nodes
        for name in ("portsip-0", "yeastar-1"):
            after = lists[name.replace("-", "_")]["pageInfo"]["endCursor"]
            only = {"sources": [name]}
            second = post(address, CALLS, first=2, after=after, filter=only)["callRecords"]
            both = post(address, CALLS, first=4, filter=only)["callRecords"]
            assert [n["id"] for n in both["nodes"]] == [
                *(node["id"] for node in nodes if node["source"]["id"] == name),
                *(node["id"] for node in second["nodes"]),
            ]


def test_workers_share_cursors_and_ids(simulated: str, folder: Path) -> None:
    # No secret is configured: the workers must be given one to share.
    path = folder / "workers.toml"
    path.write_text(simulated)
    with serving("--config", path, "--workers", "2") as (server, address):
        [port] = ports(address)
        while not listens(port):
            assert server.process.poll() is None, server.lines
            time.sleep(0.05)
        quick = {"vendors": ["PORTSIP", "VOIPNOW", "YEASTAR"]}
        whole = post(address, CALLS, first=60, filter=quick)["callRecords"]
        assert whole["complete"] is True
        # Each request has a connection of its own, so both processes get some.
        nodes: list[Any] = []
        after = None
        for _ in range(12):
            page = post(address, CALLS, first=5, after=after, filter=quick)["callRecords"]
            nodes += page["nodes"]
            after = page["pageInfo"]["endCursor"]
        assert nodes == whole["nodes"]
        done = server.stop(family=True)
        assert done.code == 0
        assert "Traceback" not in done.told
        assert not any(listens(port) for port in ports(address))


# ---------------------------------------------------------------- what people get wrong

AN_ENTRY = '[[sources]]\nid = "a"\nvendor = "portsip"\nbase_url = "http://127.0.0.1:9"\n'


def at(text: str | bytes) -> Callable[[Path], Path]:
    """Writes a file into the folder of a test; gives its path"""

    def make(folder: Path) -> Path:
        path = folder / f"wrong-{len(list(folder.iterdir()))}.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return make


Argument = str | Callable[[Path], str | Path]
GOOD = at(AN_ENTRY)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        # the configuration
        (("serve", "--config", "nowhere.toml"), "cannot read nowhere.toml: No such file"),
        (("check", "--config", "."), "cannot read .: Is a directory"),
        (("check", "--config", at("[server")), ".toml is no TOML"),
        (("check", "--config", at(b"\xff\xfe")), ".toml is no UTF-8 text"),
        (("serve", "--config", at("[server]\ndeadline = 3\n")), "did you mean 'deadline_ms'?"),
        (
            ("ask", "{ sources { id } }", "--config", at(f"{AN_ENTRY}timezone = 'UTC'\n")),
            "unknown key 'sources[1].timezone'; did you mean 'time_zone'?",
        ),
        (
            ("serve", "--config", at(f"{AN_ENTRY}credentials.token = 'env:NOT_SET_1'\n")),
            "sources[1].credentials.token: the environment variable NOT_SET_1 is not set",
        ),
        (
            ("serve", "--config", at(f"{AN_ENTRY}credentials.token = 'file:no/such'\n")),
            "sources[1].credentials.token: cannot read ",
        ),
        (("serve", "--config", at(AN_ENTRY * 2)), "two sources with the id 'a'"),
        (
            ("serve", "--port", "0", "--config", at(AN_ENTRY.replace("portsip", "portsipp"))),
            "sources[1].vendor: unknown vendor 'portsipp'; did you mean 'portsip'?",
        ),
        (
            ("serve", "--workers", "2", "--port", "0", "--config",
             at(AN_ENTRY.replace("portsip", "portsipp"))),
            "unknown vendor 'portsipp'",
        ),
        (
            ("ask", "{ sources { id } }", "--config", at(AN_ENTRY.replace("portsip", "x"))),
            "unknown vendor 'x'",
        ),
        # where to listen
        (("serve", "--config", GOOD, "--host", "0.0.0.0"), "0.0.0.0 is none; set tokens_file"),
        (("serve", "--config", GOOD, "--host", "::"), "say --insecure"),
        (("serve", "--config", GOOD, "--host", "pbx.example.com"), "say --insecure"),
        (("serve", "--config", GOOD, "--port", "70000"), "'70000' is no port"),
        (("serve", "--config", GOOD, "--workers", "0"), "'0' is no whole number above 0"),
        (("demo", "--port", "http"), "'http' is no port"),
        # the query
        (("ask", "--config", GOOD), "one of the arguments QUERY -f/--file is required"),
        (("ask", "{ a }", "-f", "x", "--config", GOOD), "not allowed with argument QUERY"),
        (("ask", "-f", "nowhere.graphql", "--config", GOOD), "cannot read nowhere.graphql: No "),
        (("ask", "-f", at(b"\xff\xfe"), "--config", GOOD), ".toml is no UTF-8 text"),
        (("ask", "{ a }", "--variables", "{", "--config", GOOD), "--variables is no JSON object"),
        (("ask", "{ a }", "--variables", "[1]", "--config", GOOD), "--variables is no JSON object"),
        # the figures
        (("stats", "--config", GOOD), "the following arguments are required: --since"),
        (("stats", "--config", GOOD, "--since", "some day"), "some day"),
        (("stats", "--config", GOOD, "--since", "2026-01-01", "--time-zone", "Mars"), "Mars"),
        (("stats", "--config", GOOD, "--since", "2026-01-01", "--group-by", "mood"), "mood"),
        # the simulated systems
        (("simulate", "--faults", "nowhere.toml"), "cannot read nowhere.toml"),
        (("simulate", "--faults", at("[[faults")), "is no TOML"),
        (("simulate", "--faults", at("faults = 3")), "must be written as [[faults]]"),
        (("simulate", "--faults", at("faults = [3]")), "faults[1].vendor must be one of portsip"),
        (("simulate", "--faults", at("[[fault]]\n")), "must be written as [[faults]]"),
        (
            ("simulate", "--faults", at("[[faults]]\nvendor = 'portsip'\nkind = 'explode'\n")),
            "faults[1].kind must be one of status, hang, ",
        ),
        (
            ("simulate", "--faults", at("[[faults]]\nvendor = 'x'\nkind = 'hang'\n")),
            "faults[1].vendor must be one of portsip",
        ),
        (
            ("simulate", "--faults", at("[[faults]]\nvendor='portsip'\nkind='hang'\nsecond=1\n")),
            "faults[1]: ",
        ),
        (("simulate", "--given", "portsip"), "--given portsip: write VENDOR=FILE"),
        (("simulate", "--given", "x=y.json"), "--given x=y.json: write VENDOR=FILE"),
        (("simulate", "--given", "portsip=nowhere.json"), "cannot read nowhere.json"),
        (("simulate", "--given", lambda f: f"portsip={at('[')(f)}"), "is no JSON"),
        (("simulate", "--given", lambda f: f"portsip={at('5')(f)}"), "a list of objects is needed"),
        (("simulate", "--vendor", "x"), "invalid choice: 'x'"),
        (("simulate", "--records", "none"), "'none' is no whole number above 0"),
        # the command itself
        ((), "COMMAND"),
        (("surf",), "invalid choice: 'surf'"),
        (("serve",), "the following arguments are required: --config"),
        (("schema", "--yaml"), "unrecognized arguments: --yaml"),
        (("--log-level", "LOUD", "schema"), "invalid choice: 'LOUD'"),
    ],
)  # fmt: skip
def test_whatever_somebody_got_wrong_is_one_line_and_exit_code_2(
    arguments: tuple[Argument, ...], told: str, tmp_path: Path, here: Cli
) -> None:
    done = here(*(made if isinstance(made, str) else made(tmp_path) for made in arguments))
    assert (done.code, done.out) == (2, "")
    [line] = done.told.splitlines()
    assert line.startswith("cdr-graph")
    assert told in line


def test_a_process_that_was_called_wrongly_leaves_no_traceback(tmp_path: Path) -> None:
    done = cli("serve", "--config", GOOD(tmp_path), "--host", "0.0.0.0")
    assert (done.code, done.out) == (2, "")
    assert len(done.told.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments", [("demo",), ("serve",), ("serve", "--workers", "2"), ("simulate",)]
)
def test_a_port_in_use_is_named_in_one_line(
    arguments: tuple[str, ...], tmp_path: Path, here: Cli
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        more = ("--config", GOOD(tmp_path)) if arguments[0] == "serve" else ()
        done = here(*arguments, "--port", str(port), *more)
    assert (done.code, done.out) == (2, "")
    told = f"cdr-graph: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    assert done.told == told


def test_insecure_listens_everywhere_and_says_loudly_what_that_means(
    tmp_path: Path, here: Cli
) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        where = ("--config", GOOD(tmp_path), "--host", "0.0.0.0", "--port", str(port))
        done = here("serve", *where, "--insecure")
    warning, refusal = done.told.splitlines()
    assert "WARNING" in warning
    assert "--insecure: nobody has to sign in" in warning
    assert f"everybody who reaches 0.0.0.0:{port} reads every call" in warning
    # It is only the port that keeps it from listening there.
    assert refusal == f"cdr-graph: cannot listen on 0.0.0.0:{port}: Address already in use"


def test_a_command_imports_only_what_it_needs() -> None:
    code = (
        "import sys; from graph.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    heavy = {"strawberry", "graphql", "starlette", "uvicorn", "httpx", "aiohttp", "sqlalchemy"}
    for arguments in (["--version"], ["--help"], ["token", "list", "--tokens-file", "nowhere"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
            timeout=SECONDS,
        )
        assert not heavy & set(done.stdout.splitlines()[-1].split()), arguments


@pytest.mark.parametrize(
    ("command_name", "words"),
    [
        ((), ("demo", "serve", "simulate", "check", "ask", "stats", "schema", "--log-level")),
        (("demo",), ("--port", "Ctrl-C")),
        (("serve",), ("--config", "--host", "--port", "--workers", "--insecure")),
        (("simulate",), ("--vendor", "--seed", "--records", "--port", "--faults", "--given")),
        (("check",), ("--config", "Exit code 1")),
        (("ask",), ("QUERY", "--file", "--variables", "--config")),
        (("stats",), ("--config", "--since", "--until", "--group-by", "--time-zone", "--html")),
        (("schema",), ("schema language",)),
    ],
)
def test_every_command_explains_itself(
    command_name: tuple[str, ...], words: tuple[str, ...], here: Cli
) -> None:
    done = here(*command_name, "--help")
    assert (done.code, done.told) == (0, "")
    shown = " ".join(done.out.split())
    assert all(word in shown for word in words)
