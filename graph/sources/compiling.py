"""FIELDS to one function: the wire rows of a page in, records with what was asked for out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from graph.sources import generate
from graph.sources.columns import each_of
from graph.sources.contract import Resource, Site
from graph.sources.generate import Changes, Columns
from graph.sources.words import UnknownWords

T = TypeVar("T")

Conversion = Callable[[Sequence[Any], Sequence[Any] | None], list[T | None]]
"""wire rows, and those as sent if they are wanted, to what is made of each; None if that cannot be
made, since the row is not as documented"""
_MOST = 500
"""conversions that a site remembers"""


def compiled(
    target: type[T],
    resource: Resource,
    paths: frozenset[str],
    site: Site,
    details: type | None = None,
    mask: Changes | None = None,
) -> Conversion[T]:
    """A function from the wire rows of a page to a `target` each with what was asked for.

    `paths` are like "talk_seconds", "caller.number", "details.pin_code", "raw". Late parts that
    were asked for are set to None; they are filled later. It is made once for a site and selection.
    `mask` says what becomes of what is personal; None: it stays as it is.
    """
    kind: type = target
    masked = mask is not None
    key = (kind, resource, paths, details, masked)
    made: Conversion[T] | None = site.converters.get(key)
    if made is None:
        code = generate.records(kind, resource, paths, details, masked=masked)
        made = _kept(site, key, code, mask)
    return made


def compiled_starts(resource: Resource, site: Site) -> Conversion[datetime]:
    """A function from the wire rows of a page to when each began, and to nothing else."""
    made: Conversion[datetime] | None = site.converters.get(resource)
    if made is None:
        made = _kept(site, resource, generate.starts(resource))
    return made


def row_keys(resource: Resource, site: Site, rows: Sequence[Any]) -> list[str]:
    """The keys of the rows"""
    each = each_of(resource.row_key)
    if each is not None:
        return each(site, rows)
    return [resource.row_key(site, row) for row in rows]


def _kept(
    site: Site, key: Hashable, code: generate.Code, mask: Changes | None = None
) -> Conversion[Any]:
    """The conversion of this site's rows, which it remembers from now on"""
    if len(site.converters) >= _MOST:
        site.converters.clear()
    made = site.converters[key] = _halved_if_need_be(code.bound(site, mask), site.unknown_words)
    return made


def _halved_if_need_be(columns: Columns[T], unknown_words: UnknownWords) -> Conversion[T]:
    """One row that is not as documented must not cost the others"""

    def convert(rows: Sequence[Any], raws: Sequence[Any] | None) -> list[T | None]:
        with suppress(*_NOT_AS_DOCUMENTED), unknown_words.all_or_none():
            return [*columns(rows, raws)]
        if len(rows) == 1:
            return [None]
        middle = len(rows) // 2
        first, second = (None, None) if raws is None else (raws[:middle], raws[middle:])
        return convert(rows[:middle], first) + convert(rows[middle:], second)

    return convert


_NOT_AS_DOCUMENTED = (ValueError, TypeError, ArithmeticError, KeyError)
