"""Builds GraphiQL's files into ``dist``, with Node.js and npm.

Hatchling runs it for every wheel and editable install; ``python -m graph.server.page.build`` and
``python graph/server/page/build.py`` do it by hand. An install goes on without the files where
they cannot be built: the server then says how to get them.
"""

import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_DIST = _HERE / "dist"
_MANIFEST = "manifest.json"
_SOURCES = (".npmrc", "bundle.mjs", "main.css", "main.jsx", "package-lock.json", "package.json")
_OLDEST_NODE = 20
_MINUTES = 10
_NPM_CI = (
    "ci",
    "--ignore-scripts",
    "--include=dev",
    "--include=optional",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--prefer-offline",
    "--fetch-retries=1",
    "--loglevel=error",
)


class BuildError(Exception):
    """The files could not be built; it says why."""


def _stamp() -> str:
    """A hash of all that the files are made from."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        content = (_HERE / name).read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _built_stamp() -> str | None:
    try:
        manifest = json.loads((_DIST / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    stamp = manifest.get("stamp") if isinstance(manifest, dict) else None
    return stamp if isinstance(stamp, str) else None


def _run(what: str, command: list[str], folder: Path) -> str:
    """What the command printed."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_MINUTES * 60,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{what} took longer than {_MINUTES} minutes") from error
    except OSError as error:
        raise BuildError(f"{what} could not be started: {error}") from error
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise BuildError("\n".join([f"{what} failed (exit code {done.returncode})", *lines[:12]]))
    return done.stdout


def _node_and_npm() -> tuple[str, str]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        missing = "Node.js" if node is None else "npm"
        raise BuildError(f"{missing} was not found (Node.js {_OLDEST_NODE} or newer is needed)")
    version = _run("node --version", [node, "--version"], _HERE).strip()
    major = re.match(r"v(\d+)\.", version)
    if major is None or int(major[1]) < _OLDEST_NODE:
        raise BuildError(f"Node.js is {version}, and {_OLDEST_NODE} or newer is needed")
    return node, npm


def build() -> bool:
    """Build the files unless they are up to date; whether it built.

    The work is done in a temporary folder. The manifest is the last file to be put into ``dist``:
    where it is, all the others are.
    """
    stamp = _stamp()
    if _built_stamp() == stamp:
        return False
    node, npm = _node_and_npm()
    with tempfile.TemporaryDirectory(prefix="cdr-graph-page-") as name:
        work = Path(name)
        for source in _SOURCES:
            shutil.copyfile(_HERE / source, work / source)
        _run("npm ci", [npm, *_NPM_CI], work)
        _run("the bundler", [node, "bundle.mjs", "dist", stamp], work)
        built = work / "dist"
        (_DIST / _MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(_DIST, ignore_errors=True)
        _DIST.mkdir(exist_ok=True)
        for file in sorted(built.iterdir()):
            if file.name != _MANIFEST:
                shutil.copyfile(file, _DIST / file.name)
        shutil.copyfile(built / _MANIFEST, _DIST / _MANIFEST)
    return True


if importlib.util.find_spec("hatchling") is not None:
    from hatchling.builders.config import BuilderConfig
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    class CustomBuildHook(BuildHookInterface[BuilderConfig]):
        """Builds the files for a wheel or an editable install, or warns that it could not."""

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
            if self.target_name != "wheel":
                return
            try:
                build()
            except (BuildError, OSError) as error:
                self.app.display_warning(
                    f"cdr-graph is installed without its GraphiQL page: {error}\n"
                    "The API works without it. To build the page later: install Node.js "
                    f"{_OLDEST_NODE} or newer and run python -m graph.server.page.build"
                )


def main() -> int:
    try:
        done = build()
    except (BuildError, OSError) as error:
        sys.stderr.write(f"GraphiQL was not built: {error}\n")
        return 1
    sys.stdout.write("GraphiQL is built.\n" if done else "GraphiQL was up to date already.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
