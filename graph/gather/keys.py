"""Keys, and the opaque text that clients hand back: ids and cursors.

A list has one total order: (start, source id, row key). An id is not signed, since it must survive
restarts; it holds only what finds the entry again. A cursor is signed, so that a changed one is
told apart from a good one, and bound to filter, order and unit.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Literal, NamedTuple

import msgspec

from graph.errors import BadUserInput

Kind = Literal["record", "leg", "log", "report", "completed"]
"""record: a call; leg: a CallRecord with unit LEG; log: a CallLog; reports and their files"""

GATEWAY = ""
"""stands for the source in the ids of what this server itself keeps; no source can have this id"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
_LAST_TEXT = "\U0010ffff"


class Key(NamedTuple):
    """The place of an entry in a list; compares as the list is ordered, oldest first."""

    started_at: datetime
    source: str
    row: str


def before_all_at(moment: datetime, *, newest_first: bool) -> Key:
    """The place just before every entry of this moment, in list order"""
    return Key(moment, _LAST_TEXT, "") if newest_first else Key(moment, "", "")


class NodeId(msgspec.Struct, frozen=True, array_like=True):
    """What an id holds."""

    kind: Kind
    source: str
    row: str
    started_us: int | None = None

    @property
    def started_at(self) -> datetime | None:
        return None if self.started_us is None else from_us(self.started_us)


class Hint(msgspec.Struct, frozen=True, array_like=True):
    """Where a source's reading may go on: a shape's name, the window asked, a position in it.

    `row` is a hash of the key of the row that stood there; it must still stand there.
    """

    shape: str
    since_us: int | None
    until_us: int | None
    offset: int
    row: bytes


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """What a cursor holds.

    `question` is a hash of kind, filter, order and unit. `key` None is the beginning of the list.
    `since_us`/`until_us` freeze the window. A repair cursor is bound to `source` and ends before
    the key `stop`. `key` stands last: cursors of one page have the same beginning.
    """

    version: int
    question: bytes
    since_us: int | None
    until_us: int | None
    hints: dict[str, Hint] = {}
    count: tuple[int, str] | None = None
    source: str | None = None
    stop: Key | None = None
    key: Key | None = None


VERSION = 2


def to_us(moment: datetime) -> int:
    """Microseconds since 1970"""
    return (moment - _EPOCH) // TICK


def from_us(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


def write_id(kind: Kind, source: str, row: str, started_at: datetime | None) -> str:
    """The opaque id of an entry"""
    started = None if started_at is None else to_us(started_at)
    return _text(msgspec.msgpack.encode(NodeId(kind, source, row, started)))


def read_id(text: str, argument: str = "id") -> NodeId:
    """What an id holds; BadUserInput if this server cannot have made it."""
    try:
        return msgspec.msgpack.decode(_bytes(text), type=NodeId)
    except (ValueError, msgspec.DecodeError, binascii.Error):
        raise BadUserInput(argument, "this is no id of this server") from None


class Signer:
    """Writes and reads cursors with one secret."""

    def __init__(self, secret: bytes) -> None:
        self._own = own = hashlib.sha256(b"cdr-graph cursor\0" + secret).digest()
        # Keyed BLAKE2 (RFC 7693) is a MAC of its own, and takes a fraction of an HMAC's time.
        self._keyed = hashlib.blake2s(key=own, digest_size=_MAC_BYTES)

    def of(self, sight: Sequence[str]) -> Signer:
        """A signer for one sight: what it seals is, to all others, as if nobody had sealed it"""
        return Signer(self._own + "\0".join(sight).encode())

    def write(self, cursor: Cursor) -> str:
        return self.seal(msgspec.msgpack.encode(cursor))

    def write_each(self, cursor: Cursor, keys: Iterable[tuple[datetime, str, str]]) -> list[str]:
        """A cursor for each key, equal in all else to one that has none"""
        assert cursor.key is None
        beginning = msgspec.msgpack.encode(cursor).removesuffix(_NIL)
        begun = self._keyed.copy()
        begun.update(beginning)
        ends = map(_encode_key, keys)
        written: list[str] = []
        # In parts, of which each step still finds in the processor's cache what the last one made.
        while part := list(islice(ends, _AT_ONCE)):
            lines: list[bytes] = []
            for end in part:
                mac = begun.copy()
                mac.update(end)
                lines.append(binascii.b2a_base64(mac.digest() + beginning + end))
            written += _url_safe(b"".join(lines)).splitlines()
        return written

    def seal(self, body: bytes) -> str:
        """The body as text that nobody else can make"""
        return _text(self._mac(body) + body)

    def unseal(self, text: str, argument: str) -> bytes:
        """The body of sealed text; BadUserInput names `argument` if it was changed."""
        try:
            data = _bytes(text)
        except (ValueError, binascii.Error):
            data = b""
        mac, body = data[:_MAC_BYTES], data[_MAC_BYTES:]
        # The same text must come out again: base64 lets some changed characters pass.
        if not body or not hmac.compare_digest(mac, self._mac(body)) or _text(data) != text:
            raise BadUserInput(
                argument, f"this `{argument}` was not made by this server, or was changed"
            )
        return body

    def read(self, text: str, question: bytes, argument: str) -> Cursor:
        """The cursor; BadUserInput names `argument` if it was changed or belongs elsewhere."""
        body = self.unseal(text, argument)
        try:
            cursor = msgspec.msgpack.decode(body, type=Cursor)
        except msgspec.DecodeError:
            cursor = None
        if cursor is None or cursor.version != VERSION:
            raise BadUserInput(argument, f"this `{argument}` is of another version of this server")
        if cursor.question != question:
            raise BadUserInput(
                argument, f"this `{argument}` belongs to another filter, order or unit"
            )
        return cursor

    def _mac(self, body: bytes) -> bytes:
        mac = self._keyed.copy()
        mac.update(body)
        return mac.digest()


_MAC_BYTES = 12
_AT_ONCE = 256
"""cursors, of which all that is made for them takes some hundred kilobytes"""
_NIL = msgspec.msgpack.encode(None)
_encode_key = msgspec.msgpack.Encoder().encode


def question_hash(*parts: Any) -> bytes:
    """What tells one question from another: kind, filter, order, unit"""
    return hashlib.sha256(msgspec.json.encode(parts)).digest()[:9]


def row_hash(row: str) -> bytes:
    """what tells one row key from another in a hint"""
    return hashlib.sha256(row.encode()).digest()[:6]


def _text(data: bytes) -> str:
    return _url_safe(binascii.b2a_base64(data, newline=False))


def _url_safe(text: bytes) -> str:
    return text.translate(_URL_SAFE, b"=").decode("ascii")


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
