"""Servers of systems A and E in the manner of the older ones: a read is a field, and there are defects."""

from __future__ import annotations

import json
import socket
import threading
import time
from types import TracebackType
from typing import Any, Self

#: Between two fields, as students write it.
PAUSE = 0.06


class ThreadServer:
    """One thread a connection; use it in a ``with`` statement."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def serve(self, connection: socket.socket) -> None:
        """Serve one connection to its end."""
        raise NotImplementedError

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            self.serve(connection)
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing alone would not wake the thread that accepts.
        self._listening.shutdown(socket.SHUT_RDWR)
        for closed in (self._listening, *self.connections):
            closed.close()


class NaiveRooms(ThreadServer):
    """System E with one of its defects: no pause before the bytes of a file."""

    def __init__(self) -> None:
        self._rooms: dict[str, list[tuple[str, socket.socket]]] = {}
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        name = connection.recv(1024).decode().replace("User ", "")
        room = connection.recv(1024).decode().replace("Join ", "")
        known = room in self._rooms
        members = self._rooms.setdefault(room, [])
        members.append((name, connection))
        connection.sendall(b"Welcome to chat room" if known else b"New Group created")
        try:
            while data := connection.recv(1024):
                if data == b"FILE":
                    self._file(connection, name, members)
                else:
                    self._tell(connection, members, f"<{name}> ".encode() + data)
        finally:
            members.remove((name, connection))

    def _tell(self, sender: socket.socket, members: list[tuple[str, socket.socket]], data: bytes) -> None:
        for _, member in members:
            if member is not sender:
                member.sendall(data)

    def pauses_before_bytes(self) -> float:
        return 0

    def _file(self, connection: socket.socket, name: str, members: list[tuple[str, socket.socket]]) -> None:
        file, size = connection.recv(1024), connection.recv(1024)
        for field in (b"FILE", file, size):
            self._tell(connection, members, field)
            time.sleep(PAUSE)
        left = int(size)
        data = b""
        while len(data) < left:
            data += connection.recv(1024)
        # What is sent at once is one read of a client's.
        pause = self.pauses_before_bytes()
        for field in (name.encode(), data) if pause else (name.encode() + data,):
            time.sleep(pause)
            self._tell(connection, members, field)


class LateRooms(NaiveRooms):
    """System E as it should be, but late by a pause in the first file, as on a busy machine."""

    def __init__(self) -> None:
        self._files = 0
        super().__init__()

    def pauses_before_bytes(self) -> float:
        self._files += 1
        return PAUSE if self._files > 1 else 0


class NaivePushes(ThreadServer):
    """System A, pushes with the ``tipe`` that its client does not know."""

    def __init__(self) -> None:
        self._online: dict[str, socket.socket] = {}
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        while data := connection.recv(1024):
            connection.sendall(json.dumps(self._answer(connection, json.loads(data))).encode())

    def _answer(self, connection: socket.socket, asked: dict[str, Any]) -> dict[str, Any]:
        match asked:
            case {"tipe": "login", "username": str(user), "password": "surabaya"}:
                self._online[user] = connection
                return {"status": "berhasil", "tipe": "balasan"}
            case {"tipe": "kirim", "to": str(to)} if to in self._online:
                self._online[to].sendall(json.dumps(asked).encode())
                return {"status": "berhasil"}
            case {"tipe": "login"}:
                return {"status": "gagal", "pesan": "Username atau password salah"}
        return {"status": "gagal", "pesan": "Tidak ada percakapan"}
