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


_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_PSEUDONYM = re.compile(r"p_(?:([a-z]{2})_)?[a-p]{20}")


def letters(digits: str) -> str:
    """Hex digits as letters, which nobody takes for a phone number"""
    return digits.translate(_LETTERS)


def pseudonym_key(secret: bytes) -> bytes:
    """The key of all pseudonyms of a server, which says nothing about its secret"""
    return hashlib.sha256(b"cdr-graph pseudonym\0" + secret).digest()


def pseudonym(key: bytes, text: str, country: str | None = None) -> str:
    """What stands for a number or a name: equal for equal text, and no more without the key.

    Of an international number it tells the country.
    """
    own = letters(keyed_hash(key, text))
    return f"p_{own}" if country is None else f"p_{country.lower()}_{own}"


def is_pseudonym(text: str) -> bool:
    return _PSEUDONYM.fullmatch(text) is not None


def country_of_pseudonym(text: str) -> str | None:
    """The ISO 3166-1 code that a pseudonym tells; None where it tells none, or is none"""
    match = _PSEUDONYM.fullmatch(text)
    return None if match is None or match[1] is None else match[1].upper()


_NUMBER = re.compile(r"(\(request [^)\s]{1,128}\))|\+?\d[\d ()/-]{5,}\d")
_TOKEN = re.compile(
    r"((?:access_token|accessRequestToken|code|token|password|secret)=)[^&\s\"']+", re.IGNORECASE
)


def redact(text: str) -> str:
    """The text with token parameters masked and long numbers cut to three digits, for logs.

    A request's id stays whole, since it joins the log to what the caller was told.
    """
    text = _TOKEN.sub(r"\1…", text)
    return _NUMBER.sub(lambda match: match[1] or match[0][:3] + "…", text)
