"""How it is asked for: selections, root fields, limits, the schema."""
