"""Real processes for tests: the ``chatproto`` command, and servers that tests talk to over sockets."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import queue
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chatproto.cli import main
from tests.fork_server import Forked, can_fork

ROOT = Path(__file__).parent.parent
#: Generous: a loaded machine may be slow, and nothing waits so long where all is well.
SECONDS = 30.0
COMMAND = (sys.executable, "-m", "chatproto")


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment with the source first on the path."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


def start(
    *arguments: str,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    environ: Mapping[str, str] | None = None,
) -> Forked | subprocess.Popen[str]:
    """Start the command in a process of its own, forked from one that has imported it where that can be."""
    whole = environment(**(environ or {}))
    if can_fork():
        return Forked(*arguments, environ=whole, stdin=stdin, stdout=stdout, stderr=stderr)
    command = [*COMMAND, *arguments]
    return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, env=whole, text=True)


def chatproto(*arguments: str, given: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, with ``given`` on standard input."""
    process = start(*arguments, stdin=subprocess.PIPE, environ=environ)
    said, complained = process.communicate(given, SECONDS)
    assert process.returncode is not None
    return subprocess.CompletedProcess(arguments, process.returncode, said, complained)


def here(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command as :func:`chatproto` does, but in this process: for what needs no reactor, quickly."""
    said, complained = io.StringIO(), io.StringIO()
    before, sys.stdin = sys.stdin, io.StringIO(given)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            main(arguments)
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdin = before
    assert isinstance(code, int)
    return subprocess.CompletedProcess(arguments, code, said.getvalue(), complained.getvalue())


def on_terminal(*arguments: str, typed: str = "", width: int = 100) -> tuple[int, str]:
    """Run the command to its end at a terminal, where ``typed`` is typed; return exit code and screen."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    process = start(
        *arguments,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        environ={"TERM": "xterm", "COLUMNS": str(width)},
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    shown = b""
    try:
        while select.select([ours], [], [], SECONDS)[0]:
            shown += os.read(ours, 65_536)
    except OSError:  # how the other end's closing is told
        pass
    finally:
        os.close(ours)
        code = process.wait(SECONDS)
    return code, shown.decode().replace("\r\n", "\n")


def _begin(command: list[str]) -> Forked | subprocess.Popen[str]:
    if tuple(command[: len(COMMAND)]) == COMMAND:
        return start(*command[len(COMMAND) :])
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment(), text=True)


class Server:
    """A ``chatproto serve`` that accepts connections; killed at the end if it still runs.

    ``ports`` are the TCP ports it told, in its order, ``lines`` all that it printed.
    """

    def __init__(self, *arguments: str, command: tuple[str, ...] = (*COMMAND, "serve")) -> None:
        self.process = _begin([*command, *arguments])
        self._printed: queue.Queue[str | None] = queue.Queue()
        self._errors: list[str] = []
        self._threads = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self.lines: list[str] = []
        while not self.lines or not self.lines[-1].startswith("ready "):
            line = self._printed.get(timeout=SECONDS)
            if line is None:
                self.process.wait(SECONDS)
                raise AssertionError(f"the server ended: {self.errors()}")
            self.lines.append(line)
        self.ports = [int(line.split()[-1]) for line in self.lines if line.split()[-1].isdigit()]

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._printed.put(line.rstrip("\n"))
        self._printed.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self._errors.extend(self.process.stderr)

    def errors(self) -> str:
        """Return what came on standard error, all of it once the process has ended."""
        if self.process.poll() is not None:
            self._threads[1].join(SECONDS)
        return "".join(self._errors)

    def printed_since(self) -> list[str]:
        """Return what came on standard output after ``ready``, once the process has ended."""
        self._threads[0].join(SECONDS)
        return [line for line in self._printed.queue if line is not None]

    def connect(self) -> Connection:
        """Return a connection to the first port."""
        return Connection(socket.create_connection(("127.0.0.1", self.ports[0]), SECONDS))

    def stop(self, sign: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(sign)
        return self.process.wait(SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(SECONDS)
        for thread in self._threads:
            thread.join(SECONDS)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


class Connection:
    """A plain socket that speaks JSON lines; use it in a ``with`` statement."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._lines = connected.makefile("rb")

    def write(self, **command: Any) -> None:
        """Send a command without waiting for its reply."""
        self.write_line(json.dumps(command).encode())

    def write_line(self, line: bytes) -> None:
        """Send a line as it is."""
        self.socket.sendall(line + b"\r\n")

    def read_line(self) -> bytes:
        """Return the next line as it is, nothing at the end of the connection."""
        return self._lines.readline()

    def read_bytes(self, count: int) -> bytes:
        """Return so many bytes as they are."""
        return self._lines.read(count)

    def read(self) -> dict[str, Any] | None:
        """Return the next line's object, None at the end of the connection, however it ends."""
        try:
            line = self._lines.readline()
        except ConnectionResetError:
            return None
        return json.loads(line) if line else None

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and return the next line's object, which has to be there."""
        self.write(**command)
        reply = self.read()
        assert reply is not None, "the server closed the connection"
        return reply

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self.socket.close()
