"""Run by Alembic for each migration, on the connection that `store.py` hands it."""

from __future__ import annotations

from alembic import context

from graph.engine.kept.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite's, too: a migration happens whole or not at all
)
context.run_migrations()
