"""What a link costs: messages from one realm to another, both on SQLite with real syncs.

Three figures. Messages a second, and processor time of both realms for each: one sender, one listener, 256 in
flight. The time from send to delivery at 100 a second. How long 100,000 messages take that waited while the
other realm was away, how long the sender's realm takes to start with them, and the memory of both meanwhile.
``--only`` chooses one: window, latency or outage.
"""

from __future__ import annotations

import argparse
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.latency import WARM_UP as FIRST
from benchmarks.latency import percentiles, times_of
from benchmarks.server import Line, Server, pin_load, sync_milliseconds
from benchmarks.window import BURST, MESSAGES, WARM_UP, WINDOW, drive

#: Messages that wait for the other realm.
WAITING = 100_000
TO = "henderson@beta"


@contextmanager
def beta_at(folder: Path, port: int) -> Iterator[Server]:
    """Serve the realm that waits to be dialled, with its store in a folder."""
    path = folder / "beta.toml"
    path.write_text(f'[peers.alpha]\nsecret = "{"benchmark" * 3}"\n')
    listen = f"peer=tcp:{port}:interface=127.0.0.1"
    store = f"sqlite:///{folder}/beta.db"
    with Server(*_options(path), "--listen", listen, realm="beta", store=store) as server:
        yield server


@contextmanager
def alpha_to(folder: Path, port: int) -> Iterator[Server]:
    """Serve the realm that dials."""
    path = folder / "alpha.toml"
    path.write_text(f'[peers.beta]\nconnect = "tcp:127.0.0.1:{port}"\nsecret = "{"benchmark" * 3}"\n')
    with Server(*_options(path), store=f"sqlite:///{folder}/alpha.db") as server:
        yield server


def _options(path: Path) -> tuple[str, ...]:
    return ("--config", str(path), "--log-level", "warn")


@contextmanager
def two_realms() -> Iterator[tuple[Server, Server]]:
    """Serve two linked realms."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="chatproto-link-")))
        beta = stack.enter_context(beta_at(folder, 0))
        yield stack.enter_context(alpha_to(folder, beta.peer_port)), beta


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def measure_window() -> None:
    with two_realms() as (alpha, beta):
        sender = alpha.connect().login("messi")
        listener = beta.connect().login("henderson")
        listener.ask(do="listen")
        drive(sender, listener, 1, WARM_UP, cids=True, to=TO)
        before = [server.processor_seconds() for server in (alpha, beta)]
        seconds = drive(sender, listener, WARM_UP + BURST, MESSAGES, cids=True, to=TO)
        after = [server.processor_seconds() for server in (alpha, beta)]
        here, there = ((end - begin) / MESSAGES * 1e6 for begin, end in zip(before, after, strict=True))
        print(
            f"link: {MESSAGES / seconds:,.0f} messages/s from realm to realm, until delivered; "
            f"{here + there:.1f} us of processor each ({here:.1f} at the sender's realm, {there:.1f} at the "
            f"recipient's; window {WINDOW}, SQLite)",
            flush=True,
        )


def measure_latency() -> None:
    with two_realms() as (alpha, beta):
        sender = alpha.connect().login("messi")
        listener = beta.connect().login("henderson")
        listener.ask(do="listen")
        median, late = percentiles(times_of(sender, listener, TO)[FIRST:])
        print(
            f"link: {median:.2f} ms median, {late:.2f} ms 99th percentile from send in one realm to delivery "
            f"in the other at 100 messages/s (a sync here: {sync_milliseconds(alpha.folder):.2f} ms)",
            flush=True,
        )


def measure_outage() -> None:
    with TemporaryDirectory(prefix="chatproto-link-") as name:
        folder, port = Path(name), free_port()
        with alpha_to(folder, port) as alpha:
            sender = alpha.connect().login("messi")
            empty = alpha.resident_bytes()
            _fill(sender)
        with alpha_to(folder, port) as alpha:
            waiting = alpha.resident_bytes()
            with beta_at(folder, port) as beta:
                listener = beta.connect().login("henderson")
                listener.ask(do="listen")
                peaks = [alpha.resident_bytes(), first := beta.resident_bytes()]
                done = threading.Event()
                watch = threading.Thread(target=_watch, args=((alpha, beta), peaks, done))
                watch.start()
                listener.read()
                start = time.perf_counter()
                for _ in range(WAITING - 1):
                    listener.read()
                seconds = time.perf_counter() - start
                done.set()
                watch.join()
        print(
            f"link: {WAITING:,} messages that waited arrive in {seconds:.1f} s ({WAITING / seconds:,.0f}/s); "
            f"the sender's realm starts with them in {alpha.seconds_to_start:.1f} s; "
            f"resident: its {_mib(empty)} MiB empty, {_mib(waiting)} with all waiting, {_mib(peaks[0])} at "
            f"most; recipient's {_mib(first)} empty, {_mib(peaks[1])} at most",
            flush=True,
        )


def _fill(sender: Line) -> None:
    """Send what has to wait: nobody is there."""
    for first in range(1, WAITING + 1, BURST):
        count = min(BURST, WAITING + 1 - first)
        text = "m" * 64
        lines = "".join(
            f'{{"do":"send","to":"{TO}","text":"{text}","cid":"bench:{n}"}}\r\n'
            for n in range(first, first + count)
        )
        sender.socket.sendall(lines.encode())
        for _ in range(count):
            sender.read()


def _watch(servers: tuple[Server, Server], peaks: list[int], done: threading.Event) -> None:
    while not done.wait(0.1):
        for index, server in enumerate(servers):
            peaks[index] = max(peaks[index], server.resident_bytes())


def _mib(size: int) -> int:
    return round(size / 2**20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("window", "latency", "outage"))
    only = parser.parse_args().only
    pin_load()
    for name, measure in (
        ("window", measure_window),
        ("latency", measure_latency),
        ("outage", measure_outage),
    ):
        if only in (None, name):
            measure()


if __name__ == "__main__":
    main()
