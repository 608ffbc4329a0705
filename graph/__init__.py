"""cdr-graph: one GraphQL API over the call histories of many phone systems."""

__version__ = "0.1.0"
