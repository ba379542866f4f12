"""A hub with a thousand links: what each costs while nothing is said, and how the hub comes back to all.

The hub is ``chatproto serve`` on SQLite, on one core; the others are realms in one process on another, each
linked to it by a connection of its own. Printed are the hub's resident memory and processor time for each
link, and after ``kill -9``: the time until all are linked again, how many dials came, and what they cost.
``--realms 100`` for fewer; ``--simulated`` links all with all instead, in one process on virtual time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.link import free_port
from benchmarks.neighbours import SECRET, name_of
from benchmarks.server import Server
from chatproto.federation.link import State
from chatproto.testing import Network

REALMS = 1000
IDLE_SECONDS = 60
#: How long the hub is away: shortly, so that all are about to dial it again.
AWAY_SECONDS = 5.0
_MOST_SECONDS = 600


class Neighbours:
    """The process of all realms but the hub."""

    def __init__(self, count: int, port: int) -> None:
        self.count = count
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.neighbours", str(count), str(port)],
            stdout=subprocess.PIPE,
            text=True,
        )
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(self._process.pid, {cores[-1]})
        #: When it told, on the clock that all processes share, and how many dials there were.
        self.dials: list[tuple[float, int]] = []
        self.linked = 0
        self.processor_seconds = self.kib = 0.0
        self.look()
        self.kib_alone = self.kib

    def look(self) -> None:
        """Read the next line; the first is of the process before it makes them."""
        assert self._process.stdout is not None
        at, linked, begun, cpu, kib = self._process.stdout.readline().split()
        self.linked, self.processor_seconds, self.kib = int(linked), float(cpu), float(kib)
        self.dials.append((float(at), int(begun)))

    def watch(self, seconds: float) -> None:
        """Read for a while."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.look()

    def until_linked(self) -> float:
        """Read until all are linked, and return the seconds."""
        begin = time.perf_counter()
        self.look()
        while self.linked < self.count or self.dials[-1][0] < begin:
            if time.perf_counter() - begin > _MOST_SECONDS:
                raise RuntimeError(f"{self.linked} of {self.count} are linked")
            self.look()
        return self.dials[-1][0] - begin

    def counted(self, since: float) -> tuple[int, float]:
        """Return how many dials were begun since a time, and the most in a second."""
        looks = [look for look in self.dials if look[0] >= since]
        most = 0.0
        for index, (at, begun) in enumerate(looks):
            later = next((look for look in looks[index:] if look[0] >= at + 1), None)
            if later is not None:
                most = max(most, (later[1] - begun) / (later[0] - at))
        return looks[-1][1] - looks[0][1], most

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def hub_at(folder: Path, port: int, count: int) -> Iterator[Server]:
    """Serve the hub, which knows so many others and waits to be dialled."""
    path = folder / "hub.toml"
    path.write_text("".join(f'[peers.{name_of(n)}]\nsecret = "{SECRET}"\n' for n in range(count)))
    options = ("--config", str(path), "--log-level", "error")
    listen = f"peer=tcp:{port}:interface=127.0.0.1"
    with Server(*options, "--listen", listen, realm="hub", store=f"sqlite:///{folder}/hub.db") as server:
        yield server


def measure_loopback(count: int) -> None:
    with TemporaryDirectory(prefix="chatproto-mesh-") as name:
        folder, port = Path(name), free_port()
        with hub_at(folder, port, 1) as hub:
            time.sleep(1)
            empty = hub.resident_bytes()
        with hub_at(folder, port, count) as hub:
            time.sleep(1)
            known = hub.resident_bytes()
            began = hub.processor_seconds()
            neighbours = Neighbours(count, port)
            try:
                seconds = neighbours.until_linked()
                cpu = hub.processor_seconds() - began
                neighbours.watch(2)
                linked = hub.resident_bytes()
                print(
                    f"mesh: {count:,} realms linked to a hub {seconds:.1f} s after they began; the hub's "
                    f"processor: {cpu / count * 1e3:.2f} ms for each link; resident: {empty / 2**20:.0f} MiB "
                    f"alone, {(known - empty) / count / 1024:.1f} KiB for each realm that it knows, "
                    f"{(linked - known) / count / 1024:.1f} more for each that is linked; each of the others "
                    f"{(neighbours.kib - neighbours.kib_alone) / count:.0f} KiB with all that a realm is",
                    flush=True,
                )
                measure_idle(hub, neighbours)
                hub.process.kill()
                neighbours.watch(AWAY_SECONDS)
                measure_return(folder, port, neighbours)
            finally:
                neighbours.end()


def measure_idle(hub: Server, neighbours: Neighbours) -> None:
    before, other = hub.processor_seconds(), neighbours.processor_seconds
    begin = time.perf_counter()
    neighbours.watch(IDLE_SECONDS)
    seconds = time.perf_counter() - begin
    cpu = (hub.processor_seconds() - before) / seconds
    other = (neighbours.processor_seconds - other) / seconds
    print(
        f"mesh: {neighbours.count:,} idle links: {cpu:.2%} of a core at the hub, "
        f"{cpu / neighbours.count * 1e6:.1f} us a second for each; {other:.2%} for all other realms together",
        flush=True,
    )


def measure_return(folder: Path, port: int, neighbours: Neighbours) -> None:
    since = time.perf_counter()
    with hub_at(folder, port, neighbours.count) as hub:
        ready = time.perf_counter()
        neighbours.until_linked()
        seconds = time.perf_counter() - ready
        cpu = hub.processor_seconds()
        neighbours.watch(5)
        stay = neighbours.linked
        dials, most = neighbours.counted(ready)
        print(
            f"mesh: the hub is killed and away for {AWAY_SECONDS:.0f} s, ready after {ready - since:.1f} s, "
            f"and {seconds:.1f} s later all {neighbours.count:,} are linked ({stay:,} still are 5 s later): "
            f"{dials:,} dials from then on, at most {most:.0f} in a second, and {cpu:.2f} s of its processor "
            f"from its start",
            flush=True,
        )


def measure_simulated(count: int) -> None:
    """All linked with all, in one process."""
    network = Network(1)
    dials: Counter[int] = Counter()
    network.on_dial.append(lambda *_: dials.update([int(network.time.seconds())]))
    names = [name_of(number) for number in range(count)]
    hosts = [network.realm(name, peers=[other for other in names if other != name]) for name in names]
    before = time.process_time()
    for host in hosts:
        network.wait(host.start())
    ends = count * (count - 1)
    begin = network.time.seconds()

    def linked() -> bool:
        up = 0
        for host in hosts:
            links = host.links.peers.links.values() if host.links is not None else ()
            up += sum(link.state is State.UP for link in links)
        return up == ends

    while not linked():
        network.run(1)
    seconds, cpu = network.time.seconds() - begin, time.process_time() - before
    idle, steps = time.process_time(), network.time.steps
    network.run(IDLE_SECONDS)
    idle, steps = time.process_time() - idle, network.time.steps - steps
    print(
        f"mesh: {count} simulated realms, {ends // 2:,} links, all up after {seconds:.0f} virtual seconds "
        f"and {cpu:.1f} s of processor; {sum(dials.values()):,} dials, at most {max(dials.values())} in a "
        f"second, {max(dials.values()) / count:.1f} of each realm; idle: {steps / ends / IDLE_SECONDS:.2f} "
        f"steps a second at each end, {idle / ends / IDLE_SECONDS * 1e6:.2f} us of processor with the "
        f"simulated network",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--realms", type=int)
    parser.add_argument("--simulated", action="store_true")
    options = parser.parse_args()
    if options.simulated:
        measure_simulated(options.realms or 100)
    else:
        measure_loopback(options.realms or REALMS)


if __name__ == "__main__":
    main()
