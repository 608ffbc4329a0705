"""Selections of plain attributes, executed by functions that are generated once for each.

    selection ──▶ Shape ──▶ function: objects ──▶ rows ──▶ response bytes
            shape.py   generate.py        at each request   msgspec

An ordinary execution spends microseconds of bookkeeping on every field of every object. Where
everything below a field is a plain attribute, all that bookkeeping comes to is known beforehand:
`shape.py` says what the answer looks like, `generate.py` writes a function that makes it, and
`executor.py` uses it instead. What such a function is not sure of, it leaves alone: the ordinary
executor then does that value again, so results, errors, paths and nulls are always graphql-core's.
"""
