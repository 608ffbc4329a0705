"""Converters of whole columns: what is done for all rows of a page at once is mostly done in C."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def by_column(each: Callable[..., list[Any]]) -> Callable[[F], F]:
    """Declares what does a function's work for all rows of a page at once.

    `each` is given a list for whatever the function is given of a row, and gives a list of what the
    function gives. Where the function raises, `each` does, or gives up with a ValueError.
    """

    def declare(one: F) -> F:
        vars(one)["by_column"] = each  # with which it is forgotten
        return one

    return declare


def each_of(one: Callable[..., Any]) -> Callable[..., list[Any]] | None:
    """What does a function's work for all rows of a page at once, if that was declared"""
    each: Callable[..., list[Any]] | None = getattr(one, "by_column", None)
    return each


def plain(values: Sequence[Any], *kinds: type) -> bool:
    """All values are of just these classes"""
    return set(map(type, values)).issubset(kinds)
