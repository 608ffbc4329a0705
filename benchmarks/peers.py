"""The same work by cdr-graph, by other gateways, and without GraphQL, over the same upstream.

    python benchmarks/peers.py --setup      once: the gateways from npm, into benchmarks/gateways
    python benchmarks/peers.py              every table of README's section on speed
    python benchmarks/peers.py --tables merge --seconds 2 --runs 3 --only cdr-graph,floor

Merge: three PortSIP boxes, 100 calls each, ten fields, one list by start. Big: one Yeastar page of
1,000 legs. All convert the same fields and are compared field by field before they are measured,
except Tailcall, which can neither convert nor merge: it passes three lists on, and so does less.
Every gateway is one process on one core; callers and upstream are on the other. All run at once and
are measured in turn, so that what slows the machine slows all. cdr-graph is `cdr-graph serve`. Its
callers share what they read when they ask the same in the same moment, so it is measured a second
time with a question of its own for each request, of which nothing can be shared.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402

from benchmarks.callers import MOMENT, NUMBER, Load, measure  # noqa: E402
from benchmarks.together import slowest_ms  # noqa: E402
from benchmarks.upstream import (  # noqa: E402
    LEGS,
    free_port,
    stop,
    upstream,
    wait_for,
    yard,
)

GATEWAYS = ROOT / "benchmarks" / "gateways"
TAILCALL = GATEWAYS / "node_modules/@tailcallhq/core-linux-x64-gnu/bin/tailcall"
OURS, OWN = "cdr-graph", "cdr-graph, no two questions alike"

FIELDS = (
    "startedAt answeredAt endedAt direction disposition talkSeconds totalSeconds nativeId "
    "caller { number } callee { number }"
)
PORTSIP = (
    "startedAt: started_at answeredAt: answered_at endedAt: ended_at direction status_code "
    "end_reason talkSeconds: duration nativeId: id caller callee"
)
YEASTAR = (
    "startedAt: timestamp ring_duration totalSeconds: duration direction: call_type disposition "
    "talkSeconds: talk_duration nativeId: new_id caller: call_from callee: call_to"
)

Server = subprocess.Popen[bytes]


class Gateway(msgspec.Struct):
    """A gateway: how it is started, what it is asked, where in its answer the records are."""

    command: list[str]
    queries: Mapping[str, str]
    records: Callable[[Any], list[Any]] | None
    env: Mapping[str, str] = {}
    variables: Mapping[str, str] | None = None
    port: int = 0
    server: Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"


def pins() -> tuple[list[str], list[str]]:
    """The commands that keep callers with upstream, and a gateway, on a core of their own"""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2 or shutil.which("taskset") is None:
        return [], []
    return ["taskset", "-c", str(cores[0])], ["taskset", "-c", str(cores[1])]


def configuration(up: str, boxes: int, *, legs: Sequence[int] = (1000,)) -> str:
    """A configuration over the upstream, at a pace that measures us and not the vendors"""
    pace = "requests_per_second = 1000000\nmax_concurrency = 1024\ntimeout_ms = 30000\n"
    lines = ['[server]\nsecret = "of a benchmark"\nmax_page_size = 10000\ndeadline_ms = 30000\n']
    lines += [
        f'[[sources]]\nid = "hq{box}"\nvendor = "portsip"\nbase_url = "{up}/hq{box}"\n{pace}'
        '[sources.credentials]\ntoken = "t"\n'
        for box in range(1, boxes + 1)
    ]
    for amount in legs:
        name = yard(amount)
        lines.append(
            f'[[sources]]\nid = "{name}"\nvendor = "yeastar"\nbase_url = "{up}/{name}"\n{pace}'
            '[sources.credentials]\naccess_token = "t"\n[sources.options]\npage_size = 10000\n'
        )
    return "\n".join(lines)


def ask(first: int, sources: Sequence[str], unit: str = "CALL") -> str:
    """Our query for a page of these sources"""
    named = msgspec.json.encode(sources).decode()
    return (
        f"{{ callRecords(first: {first}, unit: {unit}, filter: {{sources: {named}}}) "
        f"{{ nodes {{ {FIELDS} }} }} }}"
    )


MERGE = ask(300, ["hq1", "hq2", "hq3"])
BIG = ask(1000, ["yard"], "LEG")


def ours(folder: Path, up: str, boxes: int = 3, legs: Sequence[int] = (1000,)) -> Gateway:
    """`cdr-graph serve`, as anybody starts it"""
    config = folder / f"graph{free_port()}.toml"
    config.write_text(configuration(up, boxes, legs=legs), encoding="utf-8")
    return Gateway(
        [sys.executable, "-m", "graph", "--log-level", "WARNING", "serve", "--config", str(config)],
        {"merge": MERGE, "big": BIG},
        lambda data: list(data["callRecords"]["nodes"]),
    )


def each_its_own(folder: Path, up: str) -> Gateway:
    """The same, with the time or the amount that is asked for named by no other request"""
    gateway = ours(folder, up)
    gateway.queries = {
        "merge": "query($since: DateTime) "
        + MERGE.replace("filter: {", "filter: {since: $since, "),
        "big": f"query($first: Int) {BIG.replace('first: 1000', 'first: $first')}",
    }
    gateway.variables = {"since": MOMENT, "first": NUMBER}
    return gateway


def others(folder: Path, up: str) -> dict[str, Gateway]:
    """Every other gateway that can run here"""
    environment = {"UP": up, "NODE_ENV": "production", "PYTHONPATH": str(ROOT)}
    plain = {"merge": f"{{ callRecords {{ {FIELDS} }} }}", "big": f"{{ legs {{ {FIELDS} }} }}"}

    def records(data: Any) -> list[Any]:
        return list(data.get("callRecords", data.get("legs")))

    def uvicorn(module: str) -> list[str]:
        app = f"benchmarks.gateways.{module}:app"
        return [sys.executable, "-m", "uvicorn", app, "--log-level", "critical"]

    made = {
        "floor, no GraphQL": Gateway(
            uvicorn("floor"),
            plain,
            lambda data: list(data["callRecords"]["nodes"]),
            environment,
        ),
        "Strawberry, httpx": Gateway(uvicorn("plain"), plain, records, environment),
    }
    if (GATEWAYS / "node_modules").is_dir():
        for name, module in (("Mercurius, jit", "mercurius"), ("Apollo Server", "apollo")):
            command = ["node", str(GATEWAYS / f"{module}.mjs")]
            made[name] = Gateway(command, plain, records, environment)
        tailcall = tailcall_command()
        if tailcall is not None:
            three = " ".join(f"hq{box} {{ items {{ {PORTSIP} }} }}" for box in (1, 2, 3))
            queries = {"merge": f"{{ {three} }}", "big": f"{{ yard {{ data {{ {YEASTAR} }} }} }}"}
            schema = folder / "tailcall.graphql"
            made["Tailcall"] = Gateway(
                [*tailcall, "start", str(schema)],
                queries,
                None,
                {"TAILCALL_LOG_LEVEL": "error", "TAILCALL_TRACKER": "false", "UP": up},
            )
    return made


def tailcall_command() -> list[str] | None:
    """How Tailcall is run: by itself, or by the loader of a newer libc that `--setup` unpacked"""
    if not TAILCALL.exists():
        return None
    loader = GATEWAYS / "libc/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
    own = [str(TAILCALL)]
    newer = [str(loader), "--library-path", f"{loader.parent}:/usr/lib/x86_64-linux-gnu", *own]
    for command in (own, newer) if loader.exists() else (own,):
        if (
            subprocess.run([*command, "--version"], capture_output=True, check=False).returncode
            == 0
        ):
            return command
    return None


def tailcall_schema(up: str, port: int) -> str:
    """Its configuration; types are the vendors', since it converts nothing"""
    texts = "started_at answered_at ended_at direction end_reason id caller callee"
    call = " ".join(f"{name}: String" for name in texts.split()) + " status_code: Int duration: Int"
    texts = "call_type disposition new_id call_from call_to"
    leg = " ".join(f"{name}: String" for name in texts.split())
    leg += " timestamp: Int ring_duration: Int duration: Int talk_duration: Int"
    boxes = " ".join(f'hq{n}: Calls @http(url: "{up}/hq{n}/api/cdrs")' for n in (1, 2, 3))
    return (
        f'schema @server(port: {port}, hostname: "127.0.0.1", workers: 1) '
        "@upstream(poolMaxIdlePerHost: 256) { query: Query }\n"
        f'type Query {{ {boxes} yard: Legs @http(url: "{up}/yard/openapi/v1.0/cdr/list") }}\n'
        f"type Calls {{ items: [Call!]! }} type Call {{ {call} }}\n"
        f"type Legs {{ data: [Leg!]! }} type Leg {{ {leg} }}\n"
    )


# ---------------------------------------------------------------- running


@contextmanager
def running(name: str, gateway: Gateway, pin: Sequence[str], folder: Path) -> Iterator[None]:
    """The gateway, until the end of the block; SystemExit if it does not answer"""
    gateway.port = free_port()
    port = ["--port", str(gateway.port)]
    if name == "Tailcall":
        text = tailcall_schema(gateway.env["UP"], gateway.port)
        Path(gateway.command[-1]).write_text(text, encoding="utf-8")
    command = gateway.command + (port if gateway.command[0] == sys.executable else [])
    environment = {**os.environ, **gateway.env, "PORT": str(gateway.port)}
    with (folder / f"{gateway.port}.log").open("wb") as log:
        server = subprocess.Popen(
            [*pin, *command], env=environment, cwd=ROOT, stdout=log, stderr=log
        )
        gateway.server = server
        try:
            wait_for(f"{gateway.url}?query={{__typename}}", server, any_status=True)
            yield
        finally:
            stop(server)


def answer(gateway: Gateway, query: str) -> Any:
    """The data of one answer; SystemExit if it has errors"""
    variables = {"since": "2001-09-09T01:46:40Z", "first": 1000} if gateway.variables else {}
    body = msgspec.json.encode({"query": query, "variables": variables})
    request = urllib.request.Request(gateway.url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        told = msgspec.json.decode(reply.read())
    if told.get("errors"):
        raise SystemExit(f"{gateway.command}: {told['errors'][:1]}")
    return told["data"]


def agree(gateways: Mapping[str, Gateway], kind: str) -> None:
    """SystemExit unless all that convert give the same records"""
    expected = None
    for name, gateway in gateways.items():
        data = answer(gateway, gateway.queries[kind])
        if gateway.records is None:
            continue
        found = sorted(map(_plain, gateway.records(data)), key=str)
        if expected is None:
            expected = found
        elif found != expected:
            pairs = zip(expected, found, strict=False)
            wrong = next(
                (pair for pair in pairs if pair[0] != pair[1]), (len(expected), len(found))
            )
            raise SystemExit(f"{name} gives other records ({kind}): {wrong}")


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with one spelling of its moments"""
    return {
        key: value.replace("+00:00", "Z") if key.endswith("At") and value else value
        for key, value in record.items()
    }


def megabytes(server: Server | None, what: str = "VmHWM") -> float:
    """The most memory the process has held (VmHWM), or what it holds (VmRSS)"""
    assert server is not None
    status = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
    return int(status.split(f"{what}:")[1].split()[0]) / 1024


class Options(msgspec.Struct):
    """How long and how often"""

    seconds: float
    runs: int
    callers: tuple[int, ...]
    folder: Path
    only: tuple[str, ...]


def in_turn(
    gateways: Mapping[str, Gateway], kind: str, callers: Sequence[int], options: Options
) -> dict[tuple[str, int], list[Load]]:
    """`runs` rounds, in each of which every gateway is measured once with each number of callers"""
    load, _ = pins()
    found: dict[tuple[str, int], list[Load]] = {}

    def one_run(gateway: Gateway, amount: int, seconds: float) -> Load:
        query = gateway.queries[kind]
        return measure(gateway.url, query, amount, seconds, load, gateway.variables)

    for gateway in gateways.values():
        one_run(gateway, 16, min(2.0, options.seconds))
    for _ in range(options.runs):
        for amount in callers:
            for name, gateway in gateways.items():
                one = one_run(gateway, amount, options.seconds)
                if one.failed:
                    print(f"{name}, {amount} callers: {one.failed} requests failed")
                found.setdefault((name, amount), []).append(one)
    return found


def median(loads: Sequence[Load], what: str) -> float:
    return statistics.median(getattr(one, what) for one in loads)


# ---------------------------------------------------------------- the tables


def table_of_peers(kind: str, title: str, options: Options) -> None:
    load, own = pins()
    with ExitStack() as stack:
        up = stack.enter_context(upstream(load))
        gateways = {
            OURS: ours(options.folder, up),
            OWN: each_its_own(options.folder, up),
            **others(options.folder, up),
        }
        if options.only:
            gateways = {name: it for name, it in gateways.items() if name.startswith(options.only)}
        for name, gateway in gateways.items():
            stack.enter_context(running(name, gateway, own, options.folder))
        agree(gateways, kind)
        found = in_turn(gateways, kind, options.callers, options)
        print(f"\n{title}\n")
        callers = [f"{amount} callers" for amount in options.callers]
        ratios_at = [
            f"{what}, at {amount}"
            for amount in options.callers
            for what in ("cdr-graph is", "with no two alike")
        ]
        print(f"| | {' | '.join(callers)} | {' | '.join(ratios_at)} | memory |")
        print("| --- |" + " ---: |" * (3 * len(options.callers) + 1))
        for name, gateway in gateways.items():
            cells, ratios = [], []
            for amount in options.callers:
                loads = found[name, amount]
                rate = median(loads, "per_second")
                cells.append(
                    f"{rate:,.0f}/s, {median(loads, 'median_ms'):.1f} / "
                    f"{median(loads, 'p99_ms'):.1f} ms"
                )
                for which in (OURS, OWN):
                    mine = found.get((which, amount))
                    ratios.append("" if mine is None or not rate or name in (OURS, OWN)
                                  else f"{median(mine, 'per_second') / rate:.2f} ×")  # fmt: skip
            print(f"| {name} | {' | '.join(cells)} | {' | '.join(ratios)} "
                  f"| {megabytes(gateway.server):.0f} MB |")  # fmt: skip


def merge(options: Options) -> None:
    table_of_peers("merge", "Three sources × 100 records × 10 fields, merged", options)


def big(options: Options) -> None:
    table_of_peers("big", "One source, 1,000 records × 10 fields", options)


def delayed(options: Options) -> None:
    """The first page of 50 over five systems that each take 20 ms"""
    load, own = pins()
    sources = [f"hq{box}" for box in range(1, 6)]
    found: dict[tuple[str, int], list[Load]] = {}
    alone = []
    with ExitStack() as stack:
        up = stack.enter_context(upstream(load, delay_ms=20))
        gateway = ours(options.folder, up, boxes=5)
        gateway.queries = {"delayed": ask(50, sources)}
        stack.enter_context(running(OURS, gateway, own, options.folder))
        # As many rows as are asked for a page of 50, by who stands where the gateway stands.
        pages = [f"{up}/{source}/api/cdrs?top=58" for source in sources]
        once = msgspec.structs.replace(options, runs=1)
        for _ in range(options.runs):
            alone.append(slowest_ms(pages, options.seconds, own))
            for key, loads in in_turn({OURS: gateway}, "delayed", (1, 16, 64), once).items():
                found.setdefault(key, []).extend(loads)
    print("\nFirst page of 50 over five systems that each take 20 ms\n")
    print("| callers | requests/s | median | p99 | p99 / median |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for (_, amount), loads in found.items():
        middle, last = median(loads, "median_ms"), median(loads, "p99_ms")
        print(f"| {amount} | {median(loads, 'per_second'):,.0f} | {middle:.1f} ms | {last:.1f} ms "
              f"| {last / middle:.1f} |")  # fmt: skip
    slowest = statistics.median(alone)
    over = [one.median_ms - least for one, least in zip(found[OURS, 1], alone, strict=True)]
    print(f"\nThe slowest of the five takes {slowest:.1f} ms when plain sockets ask them at once; "
          f"for one caller we add {statistics.median(over):.1f} ms.")  # fmt: skip


def memory(options: Options) -> None:
    """What one worker holds"""
    load, own = pins()
    with ExitStack() as stack:
        up = stack.enter_context(upstream(load))
        gateway = ours(options.folder, up)
        stack.enter_context(running(OURS, gateway, own, options.folder))
        idle = megabytes(gateway.server, "VmRSS")
        measure(gateway.url, MERGE, 16, options.seconds * 2, load)
        merged = megabytes(gateway.server)
    with ExitStack() as stack:
        up = stack.enter_context(upstream(load, delay_ms=3000))
        gateway = ours(options.folder, up)
        stack.enter_context(running(OURS, gateway, own, options.folder))
        slow = measure(gateway.url, MERGE, 1000, 20, load)
        held = megabytes(gateway.server)
    print("\nMemory of one worker\n\n| | |\n| --- | ---: |")
    print(f"| idle | {idle:.0f} MB |\n| merging for 16 callers | {merged:.0f} MB |")
    print(f"| 1,000 requests at once, each waiting 3 s for its systems | {held:.0f} MB |")
    if slow.failed:
        print(f"\n{slow.failed} of the slow requests failed.")


def linear(options: Options) -> None:
    """How the cost of an answer grows"""
    options = msgspec.structs.replace(options, seconds=max(options.seconds, 8))
    load, own = pins()
    boxes = (1, 2, 5, 10, 20, 50)
    with ExitStack() as stack:
        up = stack.enter_context(upstream(load))
        gateway = ours(options.folder, up, boxes=max(boxes), legs=LEGS)
        queries = {
            f"{legs:,} records of one source": ask(legs, [yard(legs)], "LEG") for legs in LEGS
        }
        for amount in boxes:
            sources = [f"hq{box}" for box in range(1, amount + 1)]
            queries[f"100 records of each of {amount} sources"] = ask(100 * amount, sources)
        gateway.queries = queries
        stack.enter_context(running(OURS, gateway, own, options.folder))
        print("\nHow the time of an answer grows, one caller\n")
        print("| | median | per record |\n| --- | ---: | ---: |")
        for kind, query in gateway.queries.items():
            records = len(answer(gateway, query)["callRecords"]["nodes"])
            loads = in_turn({OURS: gateway}, kind, (1,), options)[OURS, 1]
            took = median(loads, "median_ms")
            print(f"| {kind} | {took:.1f} ms | {took / records * 1000:.1f} µs |")


TABLES = {"merge": merge, "big": big, "delayed": delayed, "memory": memory, "linear": linear}


def newer_libc() -> None:
    """Unpacks the libc of the Debian release after 12, where apt and dpkg are there to do it"""
    if shutil.which("apt-get") is None:
        return
    told = subprocess.run(
        ["apt-cache", "policy", "bash"], capture_output=True, text=True, check=True
    )
    mirror = next((word for word in told.stdout.split() if word.startswith("http")), None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "lists/partial").mkdir(parents=True)
        (folder / "cache/archives/partial").mkdir(parents=True)
        (folder / "sources.list").write_text(f"deb {mirror} trixie main\n", encoding="utf-8")
        apt = ["apt-get", "-qq", "-o", f"Dir::Etc::sourcelist={folder}/sources.list",
               "-o", "Dir::Etc::sourceparts=-", "-o", f"Dir::State::lists={folder}/lists",
               "-o", f"Dir::Cache={folder}/cache"]  # fmt: skip
        wanted = ["libc6/trixie", "libgcc-s1/trixie"]
        for command in ([*apt, "update"], [*apt, "download", *wanted]):
            if subprocess.run(command, cwd=folder, check=False).returncode:
                return
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(GATEWAYS / "libc")], check=True)


def setup() -> None:
    """Installs the gateways; for Tailcall, where libc is too old, a newer one that only it uses"""
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=GATEWAYS, check=True)
    missing = [name for name in ("wrk", "nginx") if shutil.which(name) is None]
    if missing:
        print(f"not installed: {', '.join(missing)}; slower programs stand in")
    if TAILCALL.exists() and tailcall_command() is None:
        newer_libc()
    if tailcall_command() is None:
        print("Tailcall does not run here (it needs glibc 2.39), so it will not be measured")


def machine() -> str:
    model = ""
    with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "")
    versions = f"Python {platform.python_version()}"
    node = shutil.which("node")
    if node is not None:
        told_version = subprocess.run(
            [node, "--version"], capture_output=True, text=True, check=True
        )
        versions += f", Node {told_version.stdout.strip()}"
    return f"{os.cpu_count()} cores, {model}, {platform.system()}, {versions}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--setup", action="store_true", help="install the other gateways and end")
    parser.add_argument("--tables", default=",".join(TABLES), help=f"of {', '.join(TABLES)}")
    parser.add_argument("--only", default="", help="only those whose names begin so, with commas")
    parser.add_argument("--callers", default="1,16,64")
    parser.add_argument("--seconds", type=float, default=4, help="of one measurement (default 4)")
    parser.add_argument("--runs", type=int, default=5, help="medians of so many (default 5)")
    given = parser.parse_args()
    if given.setup:
        setup()
        return
    with tempfile.TemporaryDirectory(prefix="cdr-graph-") as folder:
        options = Options(
            given.seconds,
            given.runs,
            tuple(int(amount) for amount in given.callers.split(",")),
            Path(folder),
            tuple(filter(None, given.only.split(","))),
        )
        print(f"{machine()}. Medians of {given.runs} runs of {given.seconds:g} s;")
        print("requests a second, then median and 99th percentile of the time of an answer.")
        for name in given.tables.split(","):
            TABLES[name](options)
            sys.stdout.flush()


if __name__ == "__main__":
    main()
