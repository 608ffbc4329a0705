"""The first tables.

They are written out here and not taken from `schema.py`, which goes on changing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "reports",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("updated_us", sa.BigInteger, nullable=False),
        sa.Column("next_due_us", sa.BigInteger),
    )
    op.create_index("reports_due", "reports", ["next_due_us"])
    op.create_table(
        "runs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("report_id", sa.String(32), nullable=False),
        sa.Column("due_us", sa.BigInteger, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("not_before_us", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("passes", sa.Integer, nullable=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("lease_until_us", sa.BigInteger),
        sa.Column("started_us", sa.BigInteger),
        sa.Column("ended_us", sa.BigInteger),
        sa.Column("since_us", sa.BigInteger),
        sa.Column("until_us", sa.BigInteger),
        sa.Column("entries", sa.BigInteger, nullable=False),
        sa.Column("share", sa.Float, nullable=False),
        sa.Column("complete", sa.Boolean),
        sa.Column("fared", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.UniqueConstraint("report_id", "due_us", name="runs_once"),
    )
    op.create_index("runs_claim", "runs", ["state", "not_before_us"])
    op.create_table(
        "files",
        sa.Column("id", sa.String(32), sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("file_name", sa.String(256), nullable=False),
        sa.Column("stored_as", sa.String(80), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("completed_us", sa.BigInteger, nullable=False),
    )
    op.create_index("files_age", "files", ["completed_us"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("run_id", sa.String(32), sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("not_before_us", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("lease_until_us", sa.BigInteger),
        sa.Column("delivered_us", sa.BigInteger),
        sa.Column("reason", sa.Text),
    )
    op.create_index("deliveries_claim", "deliveries", ["state", "not_before_us"])
    op.create_index("deliveries_run", "deliveries", ["run_id"])
    op.create_table(
        "idempotency",
        sa.Column("caller", sa.String(256), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("meant", sa.String(64), nullable=False),
        sa.Column("report_id", sa.String(32), nullable=False),
        sa.Column("kept_until_us", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for name in ("idempotency", "deliveries", "files", "runs", "reports"):
        op.drop_table(name)
