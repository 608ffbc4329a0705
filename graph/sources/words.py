"""Words of a system that no table knows, since its vendor made them up after it was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_MOST_WORDS, _LONGEST_WORD = 100, 60
OTHERS = "(others)"


class UnknownWords(Counter[str]):
    """How often each was met: a hundred words, the others together. `tell` hears of each time."""

    def __init__(self, tell: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self._tell = tell
        self._held: list[str] | None = None
        self.times = 0
        """how often any was met"""

    @contextmanager
    def all_or_none(self) -> Iterator[None]:
        """Words that are met inside count only if the block ends well"""
        held: list[str] = []
        self._held = held
        try:
            yield
        finally:
            self._held = None
        for word in held:
            self._count(word)

    def met(self, word: str) -> None:
        """Counts a word"""
        self.times += 1
        if self._held is not None:
            self._held.append(word)
        else:
            self._count(word)

    def _count(self, word: str) -> None:
        shown = word[:_LONGEST_WORD]
        self[shown if shown in self or len(self) < _MOST_WORDS else OTHERS] += 1
        self._tell()
