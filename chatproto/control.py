"""The administration of a running realm over its control socket: the client's side.

The socket speaks the JSON dialect, and who may open the file is an administrator. Plain blocking
sockets: one command at a time from a program that does nothing else, and no reactor.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from chatproto.commands import Command, FilesExport
from chatproto.errors import ConnectionUnavailable
from chatproto.events import Reply
from chatproto.limits import SERVER_LINE_BYTES
from chatproto.wire.json import Answer, decode_from_server, encode_command

R = TypeVar("R", bound=Reply)

#: A busy realm hashes a password and commits in less; a realm that hangs should not hang its operator.
_SECONDS = 30.0


class NoServer(Exception):
    """Nobody answers at the control socket."""


class ControlConnection:
    """One connection to a control socket; use it in a ``with`` statement.

    :raises NoServer: no process listens at the path.
    :raises OSError: the path may not be used, or is no socket.
    """

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_SECONDS)
        try:
            self._socket.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError) as error:
            self._socket.close()
            raise NoServer(str(path)) from error
        except OSError:
            self._socket.close()
            raise
        self._lines = self._socket.makefile("rb")

    @property
    def pid(self) -> int:
        """The process on the other side."""
        size = struct.calcsize("3i")
        credentials = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        return int(struct.unpack("3i", credentials)[0])

    def ask(self, command: Command, expected: type[R]) -> R:
        """Send a command and return its reply.

        :raises ChatError: the realm refused it, or the connection was lost and the outcome is unknown.
        """
        try:
            # A file may have any size.
            self._socket.settimeout(None if isinstance(command, FilesExport) else _SECONDS)
            self._socket.sendall(encode_command(command, 1))
            line = self._lines.readline(SERVER_LINE_BYTES + 2)
        except OSError:
            raise ConnectionUnavailable() from None
        if not line.endswith(b"\n"):
            raise ConnectionUnavailable()
        answer = decode_from_server(line)
        if not isinstance(answer, Answer):
            raise ConnectionUnavailable()  # only a goodbye comes unasked here
        return answer.reply(expected)

    def close(self) -> None:
        """Close the connection."""
        self._lines.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
