"""Durable messages per second from 50 connections that each wait for their reply before they send again."""

from __future__ import annotations

import select
import time

from benchmarks.server import Line, Server, pin_load, sync_milliseconds

CONNECTIONS = 50
SECONDS = 5.0


class Sender:
    """One connection with at most one message in flight."""

    def __init__(self, line: Line, number: int) -> None:
        self.socket = line.socket
        self._prefix = f'{{"do":"send","to":"henderson","text":"{"m" * 64}","cid":"s{number}:'.encode()
        self._count = 0

    def send(self) -> None:
        self._count += 1
        self.socket.send(b'%b%d"}\r\n' % (self._prefix, self._count))


def main() -> None:
    pin_load()
    with Server("--log-level", "warn") as server:
        senders = [Sender(server.connect().login(f"sender{n}"), n) for n in range(CONNECTIONS)]
        poll = select.epoll()
        by_number = {sender.socket.fileno(): sender for sender in senders}
        for sender in senders:
            poll.register(sender.socket, select.EPOLLIN)
            sender.send()
        stored = 0
        before = server.processor_seconds()
        start = time.perf_counter()
        while (seconds := time.perf_counter() - start) < SECONDS:
            for number, _ in poll.poll(1):
                data = by_number[number].socket.recv(4096)
                if b'"OK"' not in data:
                    raise RuntimeError(data)
                stored += 1
                by_number[number].send()
        cost = (server.processor_seconds() - before) / stored * 1e6
        print(
            f"waiting: {stored / seconds:,.0f} durable messages/s from {CONNECTIONS} connections that each "
            f"wait, {cost:.1f} us of processor each ({server.kind}, a sync here: "
            f"{sync_milliseconds(server.folder):.2f} ms)"
        )


if __name__ == "__main__":
    main()
