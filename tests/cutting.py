"""A way to a PostgreSQL server that can be cut in the middle of a commit."""

from __future__ import annotations

import enum
import select
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

#: What a client sends to commit.
_COMMIT = b"COMMIT\0"


class Cut(enum.Enum):
    """Where the next commit is cut off."""

    #: The server never hears of it.
    BEFORE = "before"
    #: It is done, and the client never hears of that.
    AFTER = "after"
    #: Only the client's side goes; the server still believes in its own, with a transaction on it.
    HALF = "half"
    #: Likewise, and the server is told to commit when the client is gone.
    LATE = "late"


class CuttingProxy:
    """Passes on what is said to and by the server at ``port``, until told otherwise; for ``with``."""

    def __init__(self, port: int) -> None:
        self._server = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._cuts: list[Cut] = []
        self._pairs: list[socket.socket] = []
        self._closed = False
        self._open = threading.Event()
        self._open.set()
        self._close_after = False
        #: How many commits were cut.
        self.cut_off = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, *cuts: Cut, and_close: bool = False) -> None:
        """Cut the next commits; ``and_close``: from then on the server cannot be reached."""
        self._close_after = and_close
        self._cuts += cuts

    def close_way(self) -> None:
        """Let nobody reach the server any more."""
        self._open.clear()
        self._drop()

    def open_way(self) -> None:
        """Let connections through again."""
        self._open.set()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if not self._open.is_set():
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._server))
            self._pairs += [client, server]
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(1 << 16)
                    if not data:
                        raise ConnectionError
                    if ready is client and self._cuts and _COMMIT in data:
                        self._cut_commit(self._cuts.pop(0), client, server, data)
                        return
                    (server if ready is client else client).sendall(data)
        except (OSError, ValueError):
            _close(client, server)

    def _cut_commit(self, cut: Cut, client: socket.socket, server: socket.socket, data: bytes) -> None:
        self.cut_off += 1
        if self._close_after:
            self._open.clear()
        if cut is Cut.AFTER:
            server.sendall(data)
            assert b"COMMIT" in server.recv(1 << 16)
        _close(client)
        if cut is Cut.LATE:
            time.sleep(0.02)
            server.sendall(data)
        if cut in (Cut.BEFORE, Cut.AFTER):
            _close(server)

    def _drop(self) -> None:
        for each in self._pairs:
            _close(each)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        _close(self._listening)
        self._drop()


def _close(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
