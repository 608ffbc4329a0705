"""Words of a system that no table knows, since its vendor made them up after it was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

_MOST_WORDS, _LONGEST_WORD = 100, 60
OTHERS = "(others)"


class UnknownWords(Counter[str]):
    """How often each was met: a hundred words, the others together. `tell` hears of each time."""

    def __init__(self, tell: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self._tell = tell

    def met(self, word: str) -> None:
        """Counts a word"""
        shown = word[:_LONGEST_WORD]
        self[shown if shown in self or len(self) < _MOST_WORDS else OTHERS] += 1
        self._tell()
