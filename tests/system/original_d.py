"""An original server of system D, as far as its live groups go, with what is wrong in it.

A thread for each connection, blocking reads of 1024 bytes, a read ends a command only if it ends in CRLF, one
read is one text, ``exit`` and the reply to it are one write after the other, and there are no time limits.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import uuid
from typing import Self

from tests.serving import SECONDS

END = "\r\n\r\n"


class OriginalD:
    """The server; use it in a ``with`` statement. ``neighbour`` is the port of the other realm's."""

    def __init__(self, neighbour: int = 0, **users: str) -> None:
        self.neighbour = neighbour
        self._users = users
        self._tokens: dict[str, str] = {}
        self._groups: dict[str, list[tuple[str, socket.socket]]] = {}
        #: What came from and went to the neighbour, as it was read, in both roles.
        self.checks: list[str] = []
        self._lock = threading.Lock()
        #: Then nobody is told anything any more, however long it takes to end all connections.
        self._dead = False
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Die with all connections; again does nothing."""
        if self._listener.fileno() < 0:
            return
        self._dead = True
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(5)

    def dial(self) -> socket.socket:
        """Return a client's connected socket."""
        return socket.create_connection(("127.0.0.1", self.port), SECONDS)

    def members(self, group: str) -> list[str]:
        """Return who is live in a group."""
        with self._lock:
            return [user for user, _ in self._groups.get(group, [])]

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=self._quietly, args=(target, *arguments), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _quietly(self, target: object, *arguments: object) -> None:
        with contextlib.suppress(OSError):  # a thread of the original dies, and nobody hears of it
            target(*arguments)  # type: ignore[operator]

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            self._sockets.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        heard = ""
        while data := connection.recv(1024):
            heard += data.decode()
            if heard.endswith("\r\n"):
                line, heard = heard, ""
                reply = self._do(connection, line.strip("\r\n").split(" "))
                if reply is not None:
                    connection.sendall((json.dumps(reply) + END).encode())

    def _do(self, connection: socket.socket, words: list[str]) -> dict[str, object] | None:
        match words:
            case ["auth", user, password, *_]:
                if self._users.get(user) != password:
                    return {"status": "ERROR", "message": "Password Salah"}
                token = str(uuid.uuid4())
                self._tokens[token] = user
                return {"status": "OK", "tokenid": token}
            case ["group", token, group, "origin", *_]:
                self._enter(connection, self._tokens[token], group)
            case ["check", "group", user, group, "other", *_]:
                self.checks.append(" ".join(words))
                if group not in self._groups:
                    return {"status": "PENDING", "message": f"Tidak ada grup {group} di server"}
                self._talk(connection, user, group)
            case ["inbox", token, *_] if token in self._tokens:
                return {"status": "OK", "messages": {}}
            case _:
                return {"status": "ERROR", "message": "**Protocol Tidak Benar"}
        return None

    def _enter(self, connection: socket.socket, user: str, group: str) -> None:
        if group not in self._groups and self.neighbour:
            far = socket.create_connection(("127.0.0.1", self.neighbour))
            self._sockets.append(far)
            far.sendall(f"check group {user} {group} other \r\n".encode())
            first = far.recv(1024)
            self.checks.append(first.decode())
            if b"PENDING" not in first:
                connection.sendall(first)
                self._relay(connection, far)
                return
            far.close()
        self._talk(connection, user, group)

    def _relay(self, connection: socket.socket, far: socket.socket) -> None:
        """Copy raw bytes both ways, until the user has left."""
        gone = threading.Event()

        def copy() -> None:
            shown = b""
            while data := far.recv(1024):
                connection.sendall(data)
                shown = (shown + data)[-1024:]
                if shown.endswith(b"\r\n\r\n"):
                    break
            gone.set()

        self._start(copy)
        while data := connection.recv(1024):
            far.sendall(data)
            if data == b"exit":
                break
        gone.wait(5)
        far.close()

    def _talk(self, connection: socket.socket, user: str, group: str) -> None:
        with self._lock:
            self._groups.setdefault(group, []).append((user, connection))
        self._tell(group, f"{user} telah bergabung")
        while data := connection.recv(1024):
            if data == b"exit":
                break
            self._tell(group, f"{user}: {data.decode()}")
        with self._lock:
            self._groups[group].remove((user, connection))
            if not self._groups[group]:
                del self._groups[group]
        self._tell(group, f"{user} meninggalkan group")
        if data:
            connection.sendall(b"exit")
            reply = {"status": "OK", "message": f"Telah keluar dari grup {group}"}
            connection.sendall((json.dumps(reply) + END).encode())

    def _tell(self, group: str, text: str) -> None:
        with self._lock:
            members = [] if self._dead else list(self._groups.get(group, []))
        for _, member in members:
            with contextlib.suppress(OSError):
                member.sendall(text.encode())
