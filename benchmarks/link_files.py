"""What a file on a link costs the messages on it: two realms, real syncs, and a line of limited speed.

Bytes a second from realm to realm, the processor time of both, and the time from send to delivery of messages
at 100 a second, alone and while a large file goes the same way. ``--line`` puts a relay between the realms
that lets so many MB/s through.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.latency import WARM_UP, percentiles, times_of
from benchmarks.link import TO, alpha_to, beta_at
from benchmarks.server import Line, Server, pin_load

_CHUNK = 64 * 1024
#: What the relay holds: as little as a line of some metres.
_HELD = 16 * 1024


class Relay:
    """A line between two realms, on which bytes take their time."""

    def __init__(self, port: int, rate: float) -> None:
        self._to = port
        self._rate = rate
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _HELD)
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._socket.accept()
            far = socket.create_connection(("127.0.0.1", self._to))
            for one, other in ((near, far), (far, near)):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _HELD)
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        free = time.perf_counter()
        while data := one.recv(4096):
            free = max(free, time.perf_counter()) + len(data) / self._rate
            time.sleep(max(0.0, free - time.perf_counter()))
            other.sendall(data)
        other.close()


def upload(line: Line, data: bytes) -> None:
    """Send a file to the other realm."""
    began = line.ask(do="upload", to=TO, name="goal.bin", size=len(data))
    file, window = began["file"], began["window"]
    under_way = 0
    for offset in range(0, len(data), _CHUNK):
        piece = data[offset : offset + _CHUNK]
        head = f'{{"do":"chunk","file":"{file}","offset":{offset},"size":{len(piece)}}}\r\n'
        line.socket.sendall(head.encode() + piece)
        under_way += 1
        if under_way * _CHUNK >= window // 2:
            line.read()
            under_way -= 1
    for _ in range(under_way):
        line.read()
    line.ask(do="finish", file=file, sha256=hashlib.sha256(data).hexdigest())


def has(folder: Path, digest: str) -> bool:
    return any(any(beta.rglob(digest)) for beta in folder.glob("beta*"))


class Listener(Line):
    """A connection that hears of messages, and of nothing else."""

    def read(self) -> dict[str, Any]:
        """Return the next line that is no hint about a file."""
        while True:
            line = super().read()
            if line.get("event") != "file":
                return line


def send(alpha: Server, size: int) -> str:
    """Send a file of random bytes; return its hash."""
    data = os.urandom(size)
    upload(alpha.connect().login("messi"), data)
    return hashlib.sha256(data).hexdigest()


def measure(alpha: Server, beta: Server, size: int, line: str, files: Path) -> None:
    sender = alpha.connect().login("messi")
    listener = Listener(beta.port).login("henderson")
    listener.ask(do="listen")
    alone = percentiles(times_of(sender, listener, TO)[WARM_UP:])
    digest = send(alpha, size)
    before = [server.processor_seconds() for server in (alpha, beta)]
    start = time.perf_counter()
    listener.read()  # the file's message
    while not has(files, digest):
        time.sleep(0.02)
    seconds = time.perf_counter() - start
    used = sum(server.processor_seconds() - was for server, was in zip((alpha, beta), before, strict=True))
    digests = [send(alpha, size) for _ in range(2)]
    for _ in digests:
        listener.read()
    beside = percentiles(times_of(alpha.connect().login("lineker"), listener, TO)[WARM_UP:])
    still = not all(has(files, digest) for digest in digests)
    print(
        f"files on a link ({line}): {size / seconds / 1e6:.1f} MB/s, {used / size * 1e9:.1f} ms of processor "
        f"for each MB, both realms; messages at 100/s: {alone[0]:.1f} ms median, {alone[1]:.1f} 99th "
        f"percentile alone; {beside[0]:.1f} and {beside[1]:.1f} {'while' if still else 'partly while'} files "
        "go the same way",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--line", type=float, default=0.0, help="MB/s that get through; 0: all")
    parser.add_argument("--megabytes", type=int, default=40)
    arguments = parser.parse_args()
    pin_load()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="chatproto-files-")))
        beta = stack.enter_context(beta_at(folder, 0))
        port, line = beta.peer_port, "loopback"
        if arguments.line:
            port, line = Relay(port, arguments.line * 1e6).port, f"a line of {arguments.line:g} MB/s"
        alpha = stack.enter_context(alpha_to(folder, port))
        measure(alpha, beta, arguments.megabytes * 1_000_000, line, folder)


if __name__ == "__main__":
    main()
