"""The tables of the database as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

reports = Table(
    "reports",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("definition", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("next_due_us", BigInteger),
)
Index("reports_due", reports.c.next_due_us)

runs = Table(
    "runs",
    metadata,
    Column("id", String(32), primary_key=True),
    # A destroyed report leaves its runs, for the files they made.
    Column("report_id", String(32), nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("definition", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("not_before_us", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("passes", Integer, nullable=False),
    Column("owner", String(64)),
    Column("lease_until_us", BigInteger),
    Column("started_us", BigInteger),
    Column("ended_us", BigInteger),
    Column("since_us", BigInteger),
    Column("until_us", BigInteger),
    Column("entries", BigInteger, nullable=False),
    Column("share", Float, nullable=False),
    Column("complete", Boolean),
    Column("fared", Text, nullable=False),
    Column("reason", Text),
    UniqueConstraint("report_id", "due_us", name="runs_once"),
)
Index("runs_claim", runs.c.state, runs.c.not_before_us)

files = Table(
    "files",
    metadata,
    # A run has one file; when it runs again, the new one takes its place.
    Column("id", ForeignKey("runs.id"), primary_key=True),
    Column("name", String(256), nullable=False),
    Column("file_name", String(256), nullable=False),
    Column("stored_as", String(80), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("completed_us", BigInteger, nullable=False),
)
Index("files_age", files.c.completed_us)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("target", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before_us", BigInteger, nullable=False),
    Column("owner", String(64)),
    Column("lease_until_us", BigInteger),
    Column("delivered_us", BigInteger),
    Column("reason", Text),
)
Index("deliveries_claim", deliveries.c.state, deliveries.c.not_before_us)
Index("deliveries_run", deliveries.c.run_id)

idempotency = Table(
    "idempotency",
    metadata,
    Column("caller", String(256), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("meant", String(64), nullable=False),
    Column("report_id", String(32), nullable=False),
    Column("kept_until_us", BigInteger, nullable=False),
)
