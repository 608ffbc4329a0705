"""What keeps secrets secret: values that mask themselves, and numbers cut short for logs."""

from __future__ import annotations

import hashlib
import hmac
import re


class Secret:
    """Text that shows itself only to `reveal`. It compares, hashes and prints as a mask."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it"""
        return self._text

    def __repr__(self) -> str:
        return "Secret('…')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(
            self._text.encode(), other._text.encode()
        )

    def __hash__(self) -> int:
        return hash(self._text)


def keyed_hash(key: bytes, text: str, *, length: int = 20) -> str:
    """Hex digits that are equal for equal text and say nothing about it without the key"""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:length]


_NUMBER = re.compile(r"\+?\d[\d ()/-]{5,}\d")
_TOKEN = re.compile(
    r"((?:access_token|accessRequestToken|code|token|password|secret)=)[^&\s\"']+", re.IGNORECASE
)


def redact(text: str) -> str:
    """The text with token parameters masked and long numbers cut to three digits, for logs."""
    text = _TOKEN.sub(r"\1…", text)
    return _NUMBER.sub(lambda match: match[0][:3] + "…", text)
