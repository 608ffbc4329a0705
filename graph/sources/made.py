"""What pure functions made of a system's words, kept for the next row that says the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

from graph.sources.words import UnknownWords


class Made(dict[tuple[Any, ...], Any]):
    """What pure functions made of words, by the function and the words; `made[function, *words]`.

    Phone systems say the same few words, numbers and names again and again. Whoever gets what was
    made shares it with others and must not change it. What counted a word that nobody knows is
    made anew each time, so that each is counted.
    """

    def __init__(self, unknown_words: UnknownWords) -> None:
        super().__init__()
        self._unknown_words = unknown_words

    def __repr__(self) -> str:
        return f"<Made, {len(self)} entries>"  # what it holds may tell who called whom

    def recall(self, function: Callable[..., Any], *words: Iterable[Any]) -> list[Any]:
        """What a function makes of each row's words, which are given as columns"""
        return list(map(self.__getitem__, zip(repeat(function), *words, strict=False)))

    def __missing__(self, key: tuple[Any, ...]) -> Any:
        function, *words = key
        before = self._unknown_words.times
        made = function(*words)
        if self._unknown_words.times == before:
            if len(self) >= _MOST:
                self.clear()
            self[key] = made
        return made


_MOST = 4096
"""entries, of half a kilobyte each, for each site"""
