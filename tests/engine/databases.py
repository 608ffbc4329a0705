"""The databases that tests run on: SQLite always, PostgreSQL where it is installed.

The server of PostgreSQL is one of a temporary folder, reached over a socket in it, and not run as
root, which it refuses.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest

_USER = "nobody"


def _binaries() -> Path | None:
    """The folder of initdb and pg_ctl, which Debian keeps out of the PATH"""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((p for p in places if (p / "initdb").exists() and (p / "pg_ctl").exists()), None)


class _Cluster:
    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self._user = _USER if os.getuid() == 0 else None
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "test", "-A", "trust",
                  "--no-sync", "-E", "UTF8", "--locale=C")  # fmt: skip
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-l",
                  str(self.folder / "log"), "-o", options, "start")  # fmt: skip

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._binaries / name), *arguments],
            check=True,
            user=self._user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=120,
        )

    def create(self) -> str:
        """the URL of a new database"""
        import psycopg

        name = f"t{uuid4().hex}"
        with psycopg.connect(f"host={self.folder} user=test dbname=postgres") as connection:
            connection.autocommit = True
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql://test@/{name}?host={self.folder}"

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


@cache
def _cluster() -> _Cluster:
    import atexit

    binaries = _binaries()
    if binaries is None:
        pytest.skip("there is no PostgreSQL here (initdb, pg_ctl)")
    made = _Cluster(binaries)
    atexit.register(made.stop)
    return made


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a new database, "sqlite" or "postgresql"; skips where there is none"""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'test.sqlite'}"
    else:
        yield _cluster().create()


BOTH = ("sqlite", "postgresql")
