"""The nouns of the schema: Strawberry types, plain data. No type ever fetches anything."""
