"""How long the slowest of several systems takes when plain sockets ask all in the same moment.

    python -m benchmarks.together SECONDS ADDRESS...      what `slowest_ms` runs

Nothing is made of the answers, so this is what whoever waits for all of them cannot be below.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

_PAUSE_SECONDS = 0.005
"""between two turns: about what a gateway does with the answers"""


def slowest_ms(addresses: Sequence[str], seconds: float, pin: Sequence[str] = ()) -> float:
    """The median, in milliseconds. `pin`: the command that keeps the asker on a core of its own."""
    command = [sys.executable, "-m", "benchmarks.together", f"{seconds:g}", *addresses]
    told = subprocess.run([*pin, *command], capture_output=True, text=True, check=True).stdout
    return float(told)


class _System:
    """A kept connection to a system whose answer always has the same length."""

    def __init__(self, address: str) -> None:
        place = urlsplit(address)
        self._line = socket.create_connection((place.hostname, place.port or 80))
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        path = f"{place.path}?{place.query}"
        self._request = f"GET {path} HTTP/1.1\r\nhost: {place.netloc}\r\n\r\n".encode()
        self._began = 0.0
        self._length = self._first_length()

    def _first_length(self) -> int:
        self.ask()
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = self._line.recv(65_536)
            if not part:
                raise SystemExit("the connection ended in the middle of an answer")
            answer += part
        head = answer.partition(b"\r\n\r\n")[0]
        named = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = len(head) + 4 + int(named[b"content-length"])
        self._line.recv(length - len(answer), socket.MSG_WAITALL)
        return length

    def ask(self) -> None:
        self._began = time.perf_counter()
        self._line.sendall(self._request)

    def took_ms(self) -> float:
        """Waits for the whole answer; milliseconds since it was asked"""
        if len(self._line.recv(self._length, socket.MSG_WAITALL)) != self._length:
            raise SystemExit("the connection ended in the middle of an answer")
        return (time.perf_counter() - self._began) * 1000


def _slowest_ms(addresses: Sequence[str], seconds: float) -> float:
    systems = [_System(address) for address in addresses]
    slowest = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for system in systems:
            system.ask()
        slowest.append(max([system.took_ms() for system in systems]))
        time.sleep(_PAUSE_SECONDS)
    return statistics.median(slowest)


if __name__ == "__main__":
    print(_slowest_ms(sys.argv[2:], float(sys.argv[1])))
