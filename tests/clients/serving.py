"""Serves an ASGI application on a loopback port for as long as a test needs it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

DEADLINE = 30.0


@contextmanager
def serve(app: Any) -> Iterator[str]:
    """The base URL (with no slash at its end) of the application, served in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            ws="websockets-sansio",
            timeout_graceful_shutdown=5,
        )
    )
    thread = threading.Thread(target=server.run, args=([listener],), name="server", daemon=True)
    thread.start()
    try:
        give_up = time.monotonic() + DEADLINE
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the server ended before it had started")
            if time.monotonic() > give_up:
                raise TimeoutError("the server did not start")
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(DEADLINE)
        listener.close()
