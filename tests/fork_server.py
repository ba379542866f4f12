"""The ``chatproto`` command in processes forked from one that has imported it.

Importing is nearly all that a command costs the processor, and the tests run hundreds. What is forked is
a process of its own all the same: it has its own reactor, is killed, and ends with its own exit code. How
the command starts from nothing is seen by the tests of its packages, of its help and of its demonstration.

``python -m tests.fork_server`` is the process that is forked from; each test process has one.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, NoReturn, Self

import msgspec

from chatproto.cli import COMMANDS, main

_ROOT = Path(__file__).parent.parent
#: What commands import only when they are run; none of it may import the reactor, which cannot be shared.
_LATER = ("alembic.command", "chatproto.lab", "chatproto.opening", "chatproto.store.sql", "rich.table")
#: A pid, and later an exit code.
_NUMBER = struct.Struct("i")
#: Of one order: arguments, environment and folder.
_MOST_BYTES = 200_000
_FDS = 4
#: Until a fork server has imported everything, in seconds, on a machine that does much else.
_PATIENCE = 60.0


class _Order(msgspec.Struct):
    arguments: list[str]
    environ: dict[str, str]
    folder: str


class Forked:
    """A running ``chatproto`` command, used as :class:`subprocess.Popen` is, for texts.

    What ``stdin``, ``stdout`` and ``stderr`` are is said by a descriptor, ``PIPE`` or ``DEVNULL``.
    """

    def __init__(
        self,
        *arguments: str,
        environ: Mapping[str, str],
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
    ) -> None:
        self.args = arguments
        self.returncode: int | None = None
        self.stdin: IO[str] | None = None
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None
        with contextlib.ExitStack() as given:
            fds = [self._end(given, number, kind) for number, kind in enumerate((stdin, stdout, stderr))]
            self._told, telling = os.pipe()
            given.callback(os.close, telling)
            order = _Order(list(arguments), dict(environ), str(Path.cwd()))
            socket.send_fds(_fork_server(), [msgspec.json.encode(order)], [*fds, telling])
        self.pid = self._number()

    def _end(self, given: contextlib.ExitStack, number: int, kind: int) -> int:
        """Return the descriptor that the command gets, and keep the other end of a pipe."""
        if kind == subprocess.DEVNULL:
            kind = os.open(os.devnull, os.O_RDWR)
            given.callback(os.close, kind)
        elif kind == subprocess.PIPE:
            read, write = os.pipe()
            kind, kept = (read, write) if number == 0 else (write, read)
            given.callback(os.close, kind)
            name = ("stdin", "stdout", "stderr")[number]
            setattr(self, name, open(kept, "w" if number == 0 else "r", encoding="utf-8"))  # noqa: PTH123, SIM115
        return kind

    def _is_told(self, seconds: float | None) -> bool:
        waiting = select.poll()  # unlike select it takes descriptors above 1,023
        waiting.register(self._told, select.POLLIN)
        return bool(waiting.poll(None if seconds is None else seconds * 1000))

    def _number(self) -> int:
        told = b""
        if self._is_told(_PATIENCE):
            told = os.read(self._told, _NUMBER.size)
        if not told:
            raise AssertionError("the fork server has ended, or does not begin")
        return int(_NUMBER.unpack(told)[0])

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        if self.returncode is None and self._is_told(0):
            self.returncode = self._number()
            os.close(self._told)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when it has ended; a signal's number is negative."""
        if self.returncode is None:
            self._is_told(timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, sign: int) -> None:
        """Send it a signal if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, sign)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, given: str = "", timeout: float | None = None) -> tuple[str, str]:
        """Write what it is given, and return what it has written when it has ended."""
        if self.stdin is not None:
            with contextlib.suppress(BrokenPipeError), self.stdin:
                self.stdin.write(given)
        with self, ThreadPoolExecutor(2) as pool:
            said, complained = pool.submit(_read, self.stdout), pool.submit(_read, self.stderr)
            try:
                texts = said.result(timeout), complained.result(timeout)
                self.wait(timeout)
            except (TimeoutError, subprocess.TimeoutExpired):
                self.kill()
                raise
            return texts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.kill()
        for pipe in (self.stdin, self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()
        self.wait()


@functools.cache
def can_fork() -> bool:
    """Tell whether this system lets a process wait for several others and a socket at once."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def _read(pipe: IO[str] | None) -> str:
    return "" if pipe is None else pipe.read()


@functools.cache
def _fork_server() -> socket.socket:
    """Start this process's fork server. It ends when the socket is closed, so with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        # A session of its own: what is typed at the terminal of the tests, as Ctrl-C, is for them.
        _started.append(
            subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        )
    return ours


_started: list[subprocess.Popen[bytes]] = []


# -- in the process that is forked from


def _serve(control: socket.socket) -> list[str]:
    """Fork at every order, and tell how each child ended; return in the children, with their arguments."""
    children: dict[int, tuple[int, int]] = {}  # by a descriptor of the process: pid, and where to tell
    events = select.poll()
    events.register(control, select.POLLIN)
    while True:
        for ready, _ in events.poll():
            if ready == control.fileno():
                order, fds, _, _ = socket.recv_fds(control, _MOST_BYTES, _FDS)
                if not order:
                    _end(children)
                pid = os.fork()
                if pid == 0:
                    control.close()
                    for process, (_, telling) in children.items():
                        os.close(process)
                        os.close(telling)
                    return _become(msgspec.json.decode(order, type=_Order), fds)
                for fd in fds[:3]:
                    os.close(fd)
                os.write(fds[3], _NUMBER.pack(pid))
                process = os.pidfd_open(pid)
                children[process] = (pid, fds[3])
                events.register(process, select.POLLIN)
            else:
                events.unregister(ready)
                pid, telling = children.pop(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                with contextlib.suppress(BrokenPipeError):
                    os.write(telling, _NUMBER.pack(code))
                os.close(ready)
                os.close(telling)


def _end(children: dict[int, tuple[int, int]]) -> NoReturn:
    for pid, _ in children.values():
        os.kill(pid, signal.SIGKILL)
    sys.exit(0)


def _become(order: _Order, fds: list[int]) -> list[str]:
    """Make this process what was ordered."""
    for number, fd in enumerate(fds[:3]):
        os.dup2(fd, number)
    for fd in fds:
        os.close(fd)
    os.environ.clear()
    os.environ.update(order.environ)
    os.chdir(order.folder)
    return order.arguments


if __name__ == "__main__":
    for _name in (*(f"chatproto.cli.{command.replace('-', '_')}" for command in COMMANDS), *_LATER):
        importlib.import_module(_name)
    assert "twisted.internet.reactor" not in sys.modules
    gc.collect()
    gc.freeze()
    main(_serve(socket.socket(fileno=int(sys.argv[1]))))
