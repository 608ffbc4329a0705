"""How the database came to be what it is; Alembic reads this folder."""
