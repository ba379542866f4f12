"""A server in a process of its own, what it costs, and sockets to it.

The server is pinned to one processor and the load to another where there are two, so that the load does not
take the server's time. What a server costs is its processor time, which survives a busy neighbour.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_CORES = sorted(os.sched_getaffinity(0))
PASSWORD = "surabaya"


def pin_load() -> None:
    """Keep this process off the server's processor."""
    if len(_CORES) > 1:
        os.sched_setaffinity(0, {_CORES[1]})


class Server:
    """``chatproto serve`` on a store: that of ``BENCHMARK_STORE``, or a new SQLite one, if none is given.

    ``lab`` makes the demo users and hashes passwords at the least cost. ``seconds_to_start`` is how long it
    took until it was ready.
    """

    def __init__(
        self, *options: str, store: str | None = None, lab: bool = True, realm: str = "alpha"
    ) -> None:
        store = store or os.environ.get("BENCHMARK_STORE")
        #: The kind of the store, for print.
        self.kind = "PostgreSQL" if store is not None and store.startswith("postgresql:") else "SQLite"
        self._folder = tempfile.TemporaryDirectory(prefix="chatproto-benchmark-")
        self.folder = Path(self._folder.name)
        #: Where its files are, if its store is SQLite.
        self.files = Path((store or f"{self.folder}/{realm}.db").removeprefix("sqlite:///") + ".files")
        begin = time.perf_counter()
        self._log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "chatproto", "serve", "--realm", realm),
                *(("--lab",) if lab else ()),
                *("--listen", "client=tcp:0:interface=127.0.0.1"),
                *(
                    "--store",
                    store or f"sqlite:///{self.folder}/{realm}.db",
                ),
                *("--control", f"{self.folder}/control"),
                *options,
            ],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        os.sched_setaffinity(self.process.pid, {_CORES[0]})
        #: The ports of clients and of other realms.
        self.port = self.peer_port = 0
        assert self.process.stdout is not None
        for line in self.process.stdout:
            words = line.split()
            if words[0] == "listening" and words[1] == "client":
                self.port = int(words[3])
            if words[0] == "listening" and words[1] == "peer":
                self.peer_port = int(words[3])
            if words[0] == "ready":
                break
        else:
            raise RuntimeError((self.folder / "log").read_text())
        self.seconds_to_start = time.perf_counter() - begin

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(20)
        self._log.close()
        self._folder.cleanup()

    def move(self) -> None:
        """Run on the other processor from now on."""
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {_CORES[-1]})

    def processor_seconds(self) -> float:
        """Return the time that all threads of the server have run, to the nanosecond."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9

    def resident_bytes(self, key: str = "VmRSS") -> int:
        """Return the memory that the server has in use; with ``VmHWM`` the most that it had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(f"{key}:"))
        return int(line.split()[1]) * 1024

    def connect(self) -> Line:
        """Return a new connection."""
        return Line(self.port)


class Line:
    """A connection that sends commands and reads lines, one by one: for everything but the measured load."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self.socket.makefile("rb")

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and return its reply."""
        self.socket.sendall(json.dumps(command).encode() + b"\r\n")
        return self.read()

    def read(self) -> dict[str, Any]:
        """Return the next line."""
        answer: dict[str, Any] = json.loads(self._reader.readline())
        if answer.get("status") == "ERROR":
            raise RuntimeError(answer)
        return answer

    def login(self, user: str) -> Self:
        """Log in as a demo user, or as a new one."""
        command = "login" if user in ("messi", "henderson", "lineker") else "register"
        self.ask(do=command, user=user, password=PASSWORD)
        return self


def sync_milliseconds(folder: Path) -> float:
    """Return how long one sync of a small appended file takes here: the median of 50."""
    times = []
    with (folder / "sync").open("wb") as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            file.flush()
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2] * 1000
