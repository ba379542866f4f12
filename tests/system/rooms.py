"""The older client of a room as it really reads: one read a field, and then exactly a file's bytes."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self

from tests.serving import SECONDS

#: The original waits 0.1 seconds after each field it sends; here many tests share a machine.
PAUSE = 0.25


class RoomClient:
    """A guest of a room; use it in a ``with`` statement. A thread of its own reads, as in the original.

    ``shown`` is what its window would show, and ``files`` what it received.
    """

    def __init__(self, port: int, name: str, room: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.shown: list[str] = []
        self.files: list[tuple[str, str, bytes]] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.say(name, room)

    def say(self, *fields: str | bytes) -> None:
        """Send fields, with the original's pause behind each."""
        for field in fields:
            self.socket.sendall(field if isinstance(field, bytes) else field.encode())
            time.sleep(PAUSE)

    def send_file(self, name: str, content: bytes) -> None:
        """Send a file as the original does, in pieces of 1024 bytes."""
        self.say("FILE", f"client_{name}", str(len(content)))
        for start in range(0, len(content), 1024):
            self.socket.sendall(content[start : start + 1024])

    def shows(self, *texts: str) -> None:
        """Wait until so much is shown, and compare it."""
        self._wait(self.shown, [*texts])

    def has(self, *files: tuple[str, str, bytes]) -> None:
        """Wait until so many files are received, and compare them."""
        self._wait(self.files, [*files])

    def _wait(self, found: list[object] | list[str] | list[tuple[str, str, bytes]], expected: object) -> None:
        assert isinstance(expected, list)
        with self._changed:
            self._changed.wait_for(lambda: len(found) >= len(expected), SECONDS)
            assert found == expected
            found.clear()

    def _read(self) -> None:
        while True:
            try:
                field = self.socket.recv(1024)
                if not field:
                    return
                if field == b"FILE":
                    self._read_file()
                    continue
            except OSError:
                return
            with self._changed:
                self.shown.append(field.decode())
                self._changed.notify_all()

    def _read_file(self) -> None:
        name, size, user = (self.socket.recv(1024).decode() for _ in range(3))
        content = b""
        while len(content) != int(size):
            content += self.socket.recv(1024)
        with self._changed:
            self.files.append((name, user, content))
            self._changed.notify_all()

    def leave(self) -> None:
        """End the connection."""
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing alone would not wake the thread that reads.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self._thread.join(SECONDS)
