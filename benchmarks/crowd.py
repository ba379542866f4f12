"""5,000 idle, 200 silent and 50 busy clients at once: what is delivered, and what memory it takes.

The idle listen and hear nothing. The silent listen to a group in which the busy talk, and never read. The
busy each wait for their reply, and write to the group and to one reader in turn. At the end everything that
was acknowledged must be in the group's history, and with the reader, once and in order.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import select
import time

from benchmarks.server import Line, Server, pin_load


class Busy:
    """One who sends, waits for the reply, and sends again: to the group and to the reader in turn."""

    def __init__(self, server: Server, name: str) -> None:
        self.line = server.connect().login(name)
        self.line.ask(do="join", group="crowd")
        self.name = name
        self.count = 0
        self.stored = 0

    def send(self) -> None:
        self.count += 1
        to = "crowd" if self.count % 2 else "lineker"
        text = f"{self.name} {self.count} {'m' * 400}"
        command = {"do": "send", "to": to, "text": text, "cid": f"{self.name}:{self.count}"}
        self.line.socket.send(json.dumps(command).encode() + b"\r\n")

    def hear(self) -> None:
        data = self.line.socket.recv(4096)
        if b'"OK"' not in data:
            raise RuntimeError(data)
        self.stored += 1


class Rush:
    """The busy at work, with one who reads what they write to it."""

    def __init__(self, server: Server, busy: list[Busy], reader: Line) -> None:
        self._server = server
        self._busy = {each.line.socket.fileno(): each for each in busy}
        self._reader = reader.socket
        self._heard = bytearray()
        self.peak = 0

    def run(self, seconds: float) -> None:
        poll = select.epoll()
        poll.register(self._reader, select.EPOLLIN)
        for each in self._busy.values():
            poll.register(each.line.socket, select.EPOLLIN)
            each.send()
        end = time.perf_counter() + seconds
        looked = 0.0
        in_flight = len(self._busy)
        while in_flight:
            now = time.perf_counter()
            for number, _ in poll.poll(5):
                if number == self._reader.fileno():
                    self._heard += self._reader.recv(262144)
                    continue
                self._busy[number].hear()
                if now < end:
                    self._busy[number].send()
                else:
                    in_flight -= 1
            if now - looked > 0.5:
                looked = now
                self.peak = max(self.peak, self._server.resident_bytes())

    def texts(self) -> list[str]:
        """Return what the reader was told, when nothing more comes."""
        self._reader.settimeout(3)
        with contextlib.suppress(TimeoutError):
            while piece := self._reader.recv(262144):
                self._heard += piece
        return [json.loads(line)["text"] for line in self._heard.split(b"\r\n") if line]


def listening(server: Server, user: str, group: str | None = None) -> Line:
    """Return a connection that listens, to a group too."""
    line = server.connect().login(user)
    if group is not None:
        line.ask(do="join", group=group)
    line.ask(do="listen")
    return line


def check(reader: list[str], history: list[str], busy: list[Busy]) -> None:
    """Compare what was acknowledged with what arrived, sender by sender."""
    for texts, parity, where in ((reader, 0, "with the reader"), (history, 1, "in the history")):
        for each in busy:
            got = [int(text.split()[1]) for text in texts if text.startswith(f"{each.name} ")]
            want = [number for number in range(1, each.count + 1) if number % 2 == parity]
            if got != want:
                raise SystemExit(f"crowd: {each.name}: {len(want)} acknowledged, {len(got)} {where}")


def group_history(line: Line) -> list[str]:
    texts: list[str] = []
    after = 0
    while True:
        page = line.ask(**{"do": "history", "with": "crowd", "after": after, "limit": 200})
        texts += [item["text"] for item in page["messages"] if "kind" not in item]
        if page["complete"]:
            return texts
        after = page["messages"][-1]["seq"]


def is_cut(line: Line) -> bool:
    """Tell whether the server ended a connection that never read: there is an end behind what it was sent."""
    line.socket.setblocking(False)
    try:
        while line.socket.recv(1 << 20):
            pass
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle", type=int, default=5000)
    parser.add_argument("--silent", type=int, default=200)
    parser.add_argument("--busy", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=45.0)
    options = parser.parse_args()
    pin_load()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with Server("--log-level", "warn") as server:
        owner = server.connect().login("messi")
        owner.ask(do="create", group="crowd")
        empty = server.resident_bytes()
        idle = [listening(server, "henderson") for _ in range(options.idle)]
        with_idle = server.resident_bytes()
        silent = [listening(server, f"silent{number}", "crowd") for number in range(options.silent)]
        busy = [Busy(server, f"busy{number}") for number in range(options.busy)]
        rush = Rush(server, busy, listening(server, "lineker"))
        before, start = server.processor_seconds(), time.perf_counter()
        rush.run(options.seconds)
        seconds = time.perf_counter() - start
        cost = server.processor_seconds() - before
        stored = sum(each.stored for each in busy)
        check(rush.texts(), group_history(owner), busy)
        cut = sum(is_cut(line) for line in silent)
        print(
            f"crowd: {len(idle):,} idle, {len(silent)} silent, {len(busy)} busy: {stored:,} messages in "
            f"{seconds:.0f} s ({stored / seconds:,.0f}/s, {cost / stored * 1e6:.0f} us of processor each), "
            f"all of them once and in order; {cut} of the silent were cut; resident {empty / 2**20:.0f} MiB "
            f"empty, {with_idle / 2**20:.0f} MiB with the idle, {rush.peak / 2**20:.0f} MiB at most"
        )


if __name__ == "__main__":
    main()
