"""The database: SQLite or PostgreSQL, behind transactions that run in a thread of their own.

Every transaction that writes takes its lock at once (SQLite: BEGIN IMMEDIATE), so that two
processes never find out at the end that both had begun. Migrations run in one transaction under a
lock, so that one that is interrupted has not happened.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from graph.errors import ConfigError, StoreFailed
from graph.observe import log

# At INFO Alembic tells of its plugins at every start.
logging.getLogger("alembic").setLevel(logging.WARNING)

T = TypeVar("T")

MIGRATIONS = Path(__file__).parent / "migrations"
LOCKED_MS = 10_000
"""how long SQLite waits for another process's transaction to end"""
_MIGRATION_LOCK = 5_271_009


def url_of(database: str | None, folder: Path) -> str:
    """The SQLAlchemy URL of the setting; ConfigError if it is none that can be used"""
    if database is None:
        return f"sqlite:///{folder / 'reports.sqlite'}"
    try:
        url = make_url(database)
    except ArgumentError:
        raise ConfigError(
            "reports.database: this is no URL such as postgresql://host/name"
        ) from None
    backend = url.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise ConfigError(f"reports.database: sqlite or postgresql, not {backend}")
    if backend == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return url.render_as_string(hide_password=False)


class Store:
    """One database. It need not be there yet: uses begin with the migrations until they ran."""

    def __init__(self, url: str) -> None:
        self._sqlite = url.startswith("sqlite")
        given: dict[str, Any] = (
            {"timeout": LOCKED_MS / 1000, "check_same_thread": False}
            if self._sqlite
            else {"connect_timeout": 5, "options": "-c lock_timeout=10000"}
        )
        try:
            self._engine = create_engine(url, connect_args=given, pool_pre_ping=True, pool_size=8)
        except ModuleNotFoundError:
            raise ConfigError(
                "reports.database: PostgreSQL needs pip install 'cdr-graph[postgres]'"
            ) from None
        if self._sqlite:
            _sqlite_as_it_should_be(self._engine)
        self._reads = self._engine.execution_options(reads=True)
        self._migrated = False
        self._migrating = asyncio.Lock()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """What the work gives, in one transaction; StoreFailed where it could not be done"""
        return await self._in_thread(self._engine, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """The same for work that changes nothing"""
        return await self._in_thread(self._reads, work)

    async def migrate(self) -> None:
        """Brings the tables to the newest form, unless that is done"""
        async with self._migrating:
            if not self._migrated:
                await asyncio.to_thread(self._told, self._migrate)
                self._migrated = True

    async def close(self) -> None:
        await asyncio.to_thread(self._engine.dispose)

    async def _in_thread(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        await self.migrate()

        def transact() -> T:
            with engine.begin() as connection:
                return work(connection)

        # A transaction that began is seen through, so that nobody is left to guess its end.
        return await asyncio.shield(asyncio.to_thread(self._told, transact))

    def _told(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except DBAPIError as error:
            # The driver's own words may hold values; its class and SQLSTATE do not.
            state = getattr(error.orig, "sqlstate", None)
            name = type(error.orig).__name__
            reason = f"{name} {state}" if state else f"{name}: {_plain(error.orig)}"
        except SQLAlchemyError as error:
            reason = type(error).__name__
        log.warning("the database of reports failed: %s", reason)
        raise StoreFailed(f"the database of reports could not be asked ({reason}); try again later")

    def _migrate(self) -> None:
        # Whoever keeps no reports need not wait for it at every start.
        from alembic import command
        from alembic.config import Config
        from alembic.migration import MigrationContext

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self._engine.begin() as connection:
            if not self._sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _MIGRATION_LOCK})
            config.attributes["connection"] = connection
            tables = MigrationContext.configure(connection)
            before = tables.get_current_revision()
            command.upgrade(config, "head")
            now = tables.get_current_revision()
        if now != before:
            log.info("the database of reports has new tables: %s, was %s", now, before or "empty")


_SQLITE_SAYS = ("database is locked", "database or disk is full", "disk I/O error",
                "unable to open database file", "attempt to write a readonly database",
                "database disk image is malformed", "file is not a database")  # fmt: skip


def _plain(error: BaseException | None) -> str:
    """What SQLite says, where it is one of its own fixed sentences"""
    said = str(error)
    return next((known for known in _SQLITE_SAYS if known in said), "failed")


def write_ahead(cursor: sqlite3.Cursor) -> None:
    """Keeps a log of writes, as the file remembers from then on (https://sqlite.org/wal.html).

    Unlike everything else, that switch fails at once where another process has the file locked.
    """
    give_up = time.monotonic() + LOCKED_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.02)
        else:
            return


def _sqlite_as_it_should_be(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        # The driver must not begin transactions by itself (SQLAlchemy, "pysqlite: transactions").
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={LOCKED_MS}", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        write_ahead(cursor)
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
