"""What questions cost as the log grows: a page of history, a replay, an inbox, and the start of the server.

The log has messages of 100 conversations of one user in turn. ``--sizes 1000,100000`` chooses others.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.filling import fill
from benchmarks.server import Line, Server, pin_load
from chatproto.records import ConversationRow, CursorRow, MemberRow, MessageRow, Record

SIZES = "1000,100000,1000000"
CONVERSATIONS = 100
#: Messages in a replay and in an inbox: what comes in while somebody is away for a day.
NEWS = 1_000
ROUNDS = 30


def rows(size: int) -> Iterator[Record]:
    """Yield a log in which messi talks with henderson and 99 others."""
    others = ["henderson", *(f"u{number:02}" for number in range(1, CONVERSATIONS))]
    for number, other in enumerate(others, 1):
        a, b = sorted((f"{other}@alpha", "messi@alpha"))
        yield ConversationRow(number, a, b, a, b)
        yield MemberRow(number, a, 0, 0, "member")
        yield MemberRow(number, b, 0, 0, "member")
    for seq in range(1, size + 1):
        number = seq % CONVERSATIONS
        sender = f"{others[number]}@alpha" if seq % 2 else "messi@alpha"
        yield MessageRow(
            seq, number + 1, f"alpha/x{seq}", sender, 0, 1_700_000_000_000 + seq, "text", 0, "m" * 64
        )
    yield CursorRow("messi", "inbox", 0, max(0, size - NEWS))


def median(ask: Callable[[], object]) -> float:
    """Return the median time of a question in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def replay(server: Server, after: int) -> float:
    """Return the milliseconds until a listener has had what followed a position, at most NEWS messages."""
    line = server.connect().login("messi")
    start = time.perf_counter()
    line.socket.sendall(json.dumps({"do": "listen", "after": after, "own": True}).encode() + b"\n")
    line.read()
    for _ in range(NEWS):
        line.read()
    line.socket.close()
    return (time.perf_counter() - start) * 1000


def inbox(server: Server) -> float:
    """Return the milliseconds that an older client waits for NEWS messages."""
    line = server.connect().login("messi")
    start = time.perf_counter()
    line.socket.sendall(b"inbox\r\n")
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += line.socket.recv(65536)
    return (time.perf_counter() - start) * 1000


def measure(size: int, folder: Path) -> None:
    path = folder / f"{size}.db"
    fill(path, rows(size), seq=size, serial=CONVERSATIONS)
    with Server("--log-level", "warn", store=f"sqlite:///{path}") as server:
        line: Line = server.connect().login("messi")
        newest = median(lambda: line.ask(**{"do": "history", "with": "henderson", "limit": 50}))
        middle = median(
            lambda: line.ask(**{"do": "history", "with": "henderson", "before": size // 2, "limit": 50})
        )
        overview = median(lambda: line.ask(do="conversations"))
        first, last = replay(server, 0), replay(server, max(0, size - NEWS))
        taken = inbox(server)
        print(
            f"growth: {size:>9,} messages: start {server.seconds_to_start:.2f} s; "
            f"page of history {newest:.1f}, from the middle {middle:.1f} ms; {CONVERSATIONS} conversations "
            f"{overview:.1f} ms; replay of {NEWS:,} from the start {first:.0f}, of the newest {last:.0f} ms; "
            f"inbox of {NEWS:,} {taken:.0f} ms; file {path.stat().st_size / 2**20:.0f} MiB",
            flush=True,
        )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--sizes", default=SIZES)
    sizes = arguments.parse_args().sizes
    pin_load()
    with tempfile.TemporaryDirectory(prefix="chatproto-growth-") as folder:
        for size in sizes.split(","):
            measure(int(size), Path(folder))


if __name__ == "__main__":
    main()
