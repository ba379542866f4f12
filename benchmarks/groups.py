"""A message to groups of 10 to 10,000 members, 1 % of whom listen: what one send costs the server."""

from __future__ import annotations

import json
import select
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.filling import fill
from benchmarks.server import Line, Server, pin_load
from chatproto.records import ConversationRow, GroupRow, MemberRow, NameRow, Record

SIZES = (10, 100, 1_000, 10_000)
SENDS = 64 * 400
WINDOW = 256
BURST = 64


def rows() -> Iterator[Record]:
    """Yield groups whose first members are those who will listen; messi owns them all."""
    for number, size in enumerate(SIZES, 1):
        name = f"g{size}"
        yield NameRow(name, "group")
        yield ConversationRow(number, f"{name}@alpha", "", f"{name}@alpha", "")
        yield GroupRow(name, name, number, "messi", 1)
        yield MemberRow(number, "messi@alpha", 0, 0, "owner")
        for member in range(1, size):
            yield MemberRow(number, f"m{member}@alpha", 0, 0, "member")


def measure(server: Server, size: int, listeners: dict[int, Line], sender: Line) -> None:
    online = len(listeners)
    poll = select.epoll()
    poll.register(sender.socket, select.EPOLLIN)
    waiting = dict.fromkeys(listeners, SENDS)
    for number in waiting:
        poll.register(number, select.EPOLLIN)
    before, start = server.processor_seconds(), time.perf_counter()
    sent = stored = 0
    while stored < SENDS or waiting:
        if sent < SENDS and sent - stored <= WINDOW - BURST:
            line = json.dumps({"do": "send", "to": f"g{size}", "text": "m" * 64}).encode() + b"\r\n"
            sender.socket.sendall(line * BURST)
            sent += BURST
        for number, _ in poll.poll(5):
            if number == sender.socket.fileno():
                stored += sender.socket.recv(65536).count(b'"OK"')
            else:
                waiting[number] -= listeners[number].socket.recv(262144).count(b"\r\n")
                if waiting[number] <= 0:
                    poll.unregister(number)
                    del waiting[number]
    seconds = time.perf_counter() - start
    cost = (server.processor_seconds() - before) / SENDS * 1e6
    print(
        f"groups: {size:>6,} members, {online:>3} of them listening: {cost:7.1f} us of processor per send, "
        f"{SENDS / seconds:,.0f} sends/s, {SENDS * online / seconds:,.0f} deliveries/s",
        flush=True,
    )


def main() -> None:
    pin_load()
    with tempfile.TemporaryDirectory(prefix="chatproto-groups-") as folder:
        path = Path(folder) / "alpha.db"
        fill(path, rows(), seq=0, serial=len(SIZES))
        with Server("--log-level", "warn", store=f"sqlite:///{path}") as server:
            sender = server.connect().login("messi")
            listeners: dict[int, Line] = {}
            for size in SIZES:  # the first members are in all groups, so nobody else may listen yet
                for member in range(len(listeners) + 1, max(1, size // 100) + 1):
                    line = server.connect().login(f"m{member}")
                    line.ask(do="listen")
                    listeners[line.socket.fileno()] = line
                measure(server, size, listeners, sender)


if __name__ == "__main__":
    main()
