"""Addresses of report files: signed for one caller and one file, and good for five minutes.

A browser that follows one shows no token, so the address itself says who asked for it, and no more
can be had with it than its asker could have.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from graph.caller import LOOPBACK, Caller
from graph.errors import BadUserInput, NotSignedIn
from graph.gather.keys import VERSION, Signer
from graph.observe import Timer

LIFETIME = timedelta(minutes=5)


class _Signed(msgspec.Struct, frozen=True, array_like=True):
    version: int
    id: str
    until: datetime
    caller: Caller


class Addresses:
    """Writes and reads addresses with the server's secret."""

    def __init__(self, signer: Signer, timer: Timer) -> None:
        self._signer = signer.of(("address",))
        self._timer = timer

    def write(self, id: str, caller: Caller) -> str:
        """The address of a file; without a signature where nobody has to sign in"""
        path = f"/reports/{id}/file"
        if caller == LOOPBACK:
            return path
        until = self._timer.now() + LIFETIME
        if caller.expires_at is not None:
            until = min(until, caller.expires_at)
        signed = _Signed(VERSION, id, until, caller)
        return f"{path}?signed={self._signer.seal(msgspec.msgpack.encode(signed))}"

    def read(self, id: str, text: str) -> Caller:
        """Who asked for the address; NotSignedIn unless it is of this file and still good"""
        try:
            signed = msgspec.msgpack.decode(self._signer.unseal(text, "signed"), type=_Signed)
        except (BadUserInput, msgspec.DecodeError):
            raise _not_good() from None
        if signed.version != VERSION or signed.id != id or signed.until <= self._timer.now():
            raise _not_good()
        return signed.caller


def _not_good() -> NotSignedIn:
    return NotSignedIn("this address of a file is not, or no longer, good; ask for a new one")
