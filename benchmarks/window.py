"""Processor time of the server per durable message: one sender, one listener, 256 in flight.

Every message has an ordered cid, as our client sends it; ``--no-cid`` leaves it out.
"""

from __future__ import annotations

import sys
import threading
import time

from benchmarks.server import Line, Server, pin_load

WINDOW = 256
BURST = 64
MESSAGES = 40_000
WARM_UP = 5_000


def _lines(first: int, count: int, *, cids: bool, to: str) -> bytes:
    cid = ',"cid":"bench:%d"' if cids else "%.0s"
    text = "m" * 64
    return "".join(
        f'{{"do":"send","id":{n},"to":"{to}","text":"{text}"' + cid % n + "}\r\n"
        for n in range(first, first + count)
    ).encode()


def drive(
    sender: Line, listener: Line, first: int, count: int, *, cids: bool, to: str = "henderson"
) -> float:
    """Send messages with a window, wait until all are acknowledged and delivered; return the seconds."""
    blobs = [_lines(n, BURST, cids=cids, to=to) for n in range(first, first + count, BURST)]
    total = len(blobs) * BURST
    delivered = threading.Thread(target=_drain, args=(listener, total))
    delivered.start()
    start = time.perf_counter()
    acknowledged = sent = 0
    for blob in blobs:
        while sent - acknowledged > WINDOW - BURST:
            acknowledged += _read(sender)
        sender.socket.sendall(blob)
        sent += BURST
    while acknowledged < total:
        acknowledged += _read(sender)
    delivered.join()
    return time.perf_counter() - start


def _read(line: Line) -> int:
    data = line.socket.recv(262_144)
    if not data or b"ERROR" in data:
        raise RuntimeError(data[:500])
    return data.count(b"\n")


def _drain(line: Line, count: int) -> None:
    while count > 0:
        count -= _read(line)


def main() -> None:
    cids = "--no-cid" not in sys.argv
    pin_load()
    with Server() as server:
        sender = server.connect().login("messi")
        listener = server.connect().login("henderson")
        listener.ask(do="listen")
        drive(sender, listener, 1, WARM_UP, cids=cids)
        before = server.processor_seconds()
        seconds = drive(sender, listener, WARM_UP + BURST, MESSAGES, cids=cids)
        cost = (server.processor_seconds() - before) / MESSAGES * 1e6
        print(
            f"window: {cost:.1f} us of processor per durable message, {MESSAGES / seconds:,.0f} messages/s "
            f"(1:1, window {WINDOW}, {server.kind}, {'ordered cids' if cids else 'no cids'}, listener live)"
        )


if __name__ == "__main__":
    main()
