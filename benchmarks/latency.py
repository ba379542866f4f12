"""Time from send to delivery at 100 messages a second, with real syncs."""

from __future__ import annotations

import threading
import time

from benchmarks.server import Line, Server, pin_load, sync_milliseconds

RATE = 100
MESSAGES = 1_500
WARM_UP = 100


def _receive(line: Line, arrived: list[float]) -> None:
    while len(arrived) < MESSAGES:
        line.read()
        arrived.append(time.perf_counter())


def times_of(sender: Line, listener: Line, to: str) -> list[float]:
    """Return the milliseconds from send to delivery of each message."""
    arrived: list[float] = []
    receiver = threading.Thread(target=_receive, args=(listener, arrived))
    receiver.start()
    drainer = threading.Thread(target=_receive, args=(sender, []))
    drainer.start()
    sent = []
    due = time.perf_counter()
    for number in range(MESSAGES):
        due += 1 / RATE
        time.sleep(max(0.0, due - time.perf_counter()))
        sent.append(time.perf_counter())
        text = f'{{"do":"send","to":"{to}","text":"{"m" * 64}","cid":"latency:{number}"}}\r\n'
        sender.socket.sendall(text.encode())
    receiver.join()
    drainer.join()
    return [(there - here) * 1000 for here, there in zip(sent, arrived, strict=True)]


def percentiles(times: list[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    times = sorted(times)
    return times[len(times) // 2], times[len(times) * 99 // 100]


def main() -> None:
    pin_load()
    with Server("--log-level", "warn") as server:
        sender = server.connect().login("messi")
        listener = server.connect().login("henderson")
        listener.ask(do="listen")
        median, late = percentiles(times_of(sender, listener, "henderson")[WARM_UP:])
        print(
            f"latency: {median:.2f} ms median, {late:.2f} ms 99th percentile from send to delivery "
            f"at {RATE} messages/s (a sync here: {sync_milliseconds(server.folder):.2f} ms)"
        )


if __name__ == "__main__":
    main()
