"""Processes of ``chatproto front``, which may be started before what they are in front of."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from tests.serving import COMMAND, SECONDS, Connection, Server


class RunningFront:
    """``chatproto front`` before what listens on a port; started at once, on a free port."""

    def __init__(self, main: int, *more: str) -> None:
        self._server = Server(
            *("--main", f"127.0.0.1:{main}", "--listen", "client=tcp:0:interface=127.0.0.1"),
            *more,
            command=(*COMMAND, "front"),
        )
        (self.port,) = self._server.ports

    def dial(self) -> socket.socket:
        """Return a connected socket."""
        return socket.create_connection(("127.0.0.1", self.port), SECONDS)

    def connect(self) -> Connection:
        """Return a connection that speaks JSON lines."""
        return Connection(self.dial())

    def log(self) -> str:
        """Return what it wrote to standard error."""
        return self._server.errors()

    def terminate(self) -> int:
        """Ask it to end, and return its exit code."""
        with self._server:
            return self._server.stop(signal.SIGTERM)

    def close(self) -> None:
        """Leave nothing behind."""
        if self._server.process.poll() is None:
            with self._server:
                self._server.stop(signal.SIGKILL)


def until(ask: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    """Ask again and again until an answer is the one that is wanted, and return it."""
    deadline = time.monotonic() + SECONDS
    while not wanted(answer := ask()):
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)
    return answer
