"""A realm's process that can be killed, ended and started again on the same store and port."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path
from typing import Any

from tests.serving import COMMAND, SECONDS, Connection, Server

#: The password of the demo users.
PASSWORD = "surabaya"


class RunningRealm:
    """``chatproto serve --lab`` on a SQLite store in ``folder``.

    Started by :meth:`start`, at first on free ports and later on the same ones. ``command`` stands before
    the options, so that the process can run under another program.
    """

    def __init__(
        self,
        folder: Path,
        *more: str,
        command: tuple[str, ...] = (*COMMAND, "serve"),
        name: str = "alpha",
        listeners: tuple[str, ...] = ("client",),
    ) -> None:
        self.name = name
        self.store = folder / f"{name}.db"
        self.ports = dict.fromkeys(listeners, 0)
        self._more = more
        self._command = command
        self._server: Server | None = None
        self._past: list[str] = []

    def start(self) -> None:
        """Start the process and return when it says that it is ready."""
        self._server = Server(
            *("--realm", self.name, "--lab", "--store", f"sqlite:///{self.store}"),
            *(f"--listen={name}=tcp:{port}:interface=127.0.0.1" for name, port in self.ports.items()),
            *self._more,
            command=self._command,
        )
        self.ports = dict(zip(self.ports, self._server.ports, strict=True))

    @property
    def port(self) -> int:
        """The port for clients."""
        return self.ports["client"]

    @property
    def pid(self) -> int:
        assert self._server is not None
        return self._server.process.pid

    def kill(self) -> None:
        """End the process as a crash would."""
        assert self.stop(signal.SIGKILL) == -signal.SIGKILL

    def terminate(self) -> int:
        """Ask the process to end, and return its exit code."""
        return self.stop(signal.SIGTERM)

    def stop(self, sign: int) -> int:
        """Send a signal, and return the exit code."""
        server = self._server
        assert server is not None
        with server:
            code = server.stop(sign)
        self._past.append(server.errors())
        self._server = None
        return code

    def send_signal(self, sign: int) -> None:
        """Send a signal without waiting for what it does."""
        assert self._server is not None
        self._server.process.send_signal(sign)

    def wait(self) -> int:
        """Wait for the end of a process that was told to end; return its exit code."""
        return self.stop(0)

    def log(self) -> str:
        """Return what all lives of the process wrote to standard error."""
        present = [] if self._server is None else [self._server.errors()]
        return "".join([*self._past, *present])

    def close(self) -> None:
        """Leave nothing behind."""
        if self._server is not None:
            self.stop(signal.SIGKILL)

    # -- clients

    def dial(self) -> socket.socket:
        """Return a connected socket."""
        return socket.create_connection(("127.0.0.1", self.port), SECONDS)

    def connect(self) -> Connection:
        """Return a connection that speaks JSON lines."""
        return Connection(self.dial())

    def login(self, user: str, **more: Any) -> Connection:
        """Return a connection of a demo user."""
        client = self.connect()
        reply = client.ask(do="login", user=user, password=PASSWORD, **more)
        assert reply["status"] == "OK", reply
        return client

    def reach(self, until: float) -> socket.socket:
        """Connect as a client does that comes back: try again, until a moment of the monotonic clock."""
        while True:
            try:
                return self.dial()
            except OSError:
                assert time.monotonic() < until, "the server does not come back"
                time.sleep(0.02)


def history(client: Connection, other: str) -> list[dict[str, Any]]:
    """Return a whole conversation, read page by page from its start."""
    messages: list[dict[str, Any]] = []
    complete = False
    while not complete:
        after = messages[-1]["seq"] if messages else 0
        page = client.ask(do="history", limit=200, after=after, **{"with": other})
        assert page["status"] == "OK", page
        messages += page["messages"]
        complete = page["complete"]
    return messages


def encoded(**command: Any) -> bytes:
    """Return a JSON command as a line."""
    return json.dumps(command).encode() + b"\r\n"
