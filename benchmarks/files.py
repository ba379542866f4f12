"""What files cost: throughput, memory, what messages feel of them, how often they are stored and sent.

``--only`` chooses one. ``throughput``: a file sent and saved by the shipped client, against ``cp`` with a
sync and against a plain byte pump of Twisted, in processes of their own on one loopback and one disk.
``client``: the time from send to delivery of texts that a client sends while it uploads, and that come
while it downloads. ``link``: the same between two realms while a file crosses their link, and without.
``gateway``: a file from realm to realm directly, and by a gateway. ``group``: a file in a group of 200
members in 5 realms, all of whom save it, on virtual time, as only bytes are counted. ``--megabytes`` says
how large files are, in MiB.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.far_files import measure_gateway, measure_group, measure_link
from benchmarks.file_ends import END
from benchmarks.file_tools import MIB, End, in_words, make
from benchmarks.latency import RATE, WARM_UP, percentiles, times_of
from benchmarks.link_files import Listener
from benchmarks.server import Line, Server, pin_load

_CORES = sorted(os.sched_getaffinity(0))


def report(what: str, size: int, seconds: float, costs: str) -> None:
    print(f"files: {what}: {size / seconds / 1e6:,.0f} MB/s ({seconds:.2f} s); {costs}", flush=True)


def cost(server: float, client: float, size: int) -> str:
    """Return processor time in words."""
    here, there = (seconds / size * MIB * 1000 for seconds in (server, client))
    return f"processor for each MiB: {here:.2f} ms of the server, {there:.2f} ms of the client"


# -- throughput and memory


def measure_throughput(size: int, folder: Path) -> None:
    source = folder / "goal.bin"
    make(source, size)
    _copy(source, folder / "copy", size)
    _pump(source, folder, size)
    with Server("--log-level", "warn") as server, End("client", str(server.port), "messi") as client:
        client.read()
        with watched(server) as used:
            sent = client.do("send", "henderson", source)
        _transfer("upload", "sending", size, sent, used)
        client.process.communicate()
        with End("client", str(server.port), "henderson") as other:
            other.read()
            target = folder / "saved"
            target.mkdir()
            with watched(server) as used:
                saved = other.do("save", "messi", target)
            _transfer("download", "fetching", size, saved, used)


@contextmanager
def watched(server: Server) -> Iterator[dict[str, float]]:
    """Note what a server needs."""
    process = Path(f"/proc/{server.process.pid}")
    used: dict[str, float] = {}
    (process / "clear_refs").write_text("5")
    before, begun = server.resident_bytes(), server.processor_seconds()
    yield used
    used["processor"] = server.processor_seconds() - begun
    used["grown"] = server.resident_bytes("VmHWM") - before
    used["resident"] = before


def _transfer(what: str, stage: str, size: int, ours: dict[str, Any], theirs: dict[str, float]) -> None:
    stages: dict[str, float] = ours["stages"]
    told = ", ".join(f"{name} {seconds:.2f}" for name, seconds in stages.items())
    report(
        what,
        size,
        sum(stages.values()),
        f"{size / stages[stage] / 1e6:,.0f} MB/s while {stage} (seconds: {told}); "
        f"{cost(theirs['processor'], ours['processor'], size)}; resident memory: the server's "
        f"{theirs['resident'] / MIB:.0f} MiB grew by {theirs['grown'] / MIB:.1f}, the client's "
        f"{ours['resident'] / MIB:.0f} by {ours['grown'] / MIB:.1f}",
    )


def _copy(source: Path, copy: Path, size: int) -> None:
    start = time.perf_counter()
    subprocess.run(["cp", "--reflink=never", source, copy], check=True)
    subprocess.run(["sync", copy], check=True)
    report("cp, and sync of the copy", size, time.perf_counter() - start, "no other process")
    copy.unlink()


def _pump(source: Path, folder: Path, size: int) -> None:
    with End("sink", str(folder)) as sink:
        os.sched_setaffinity(sink.process.pid, {_CORES[0]})
        port = sink.read()["port"]
        with End("source", str(port), str(source)) as pump:
            ours, theirs = pump.read(), sink.read()
    costs = cost(theirs["processor"], ours["processor"], size)
    report("a byte pump of Twisted, with a sync", size, ours["seconds"], costs)
    (folder / "pumped").unlink()


# -- texts on a connection with a file


def measure_client(size: int, folder: Path) -> None:
    source, target = folder / "goal.bin", folder / "saved"
    make(source, size)
    target.mkdir()
    with Server("--log-level", "warn") as server:
        listener = Listener(server.port).login("henderson")
        listener.ask(do="listen")
        sender = server.connect().login("lineker")
        alone = percentiles(times_of(sender, listener, "henderson")[WARM_UP:])
        with End("client", str(server.port), "messi") as client:
            client.read()
            client.begin("talk", "henderson", source)
            uploading = sorted(_ages(listener))
            client.read()
            client.begin("hear", "henderson", target)
            stop = threading.Event()
            talking = threading.Thread(target=_talk, args=(sender, "messi", stop))
            talking.start()
            downloading = sorted(client.read()["heard"])
            stop.set()
            talking.join()
    print(
        f"files: texts at {RATE}/s of a client: {alone[0]:.1f} ms median, {alone[1]:.1f} 99th percentile "
        f"without a file; {in_words(uploading)} sent while it uploads; {in_words(downloading)} come while it "
        "downloads",
        flush=True,
    )


def _ages(listener: Listener) -> list[float]:
    """Return how old texts were that say when they were sent, until the last one."""
    ages: list[float] = []
    while True:
        line = listener.read()
        if line.get("file"):
            continue
        if line["text"] == END:
            return ages
        ages.append((time.perf_counter() - float(line["text"])) * 1000)


def _talk(sender: Line, to: str, stop: threading.Event) -> None:
    while not stop.wait(1 / RATE):
        sender.ask(do="send", to=to, text=repr(time.perf_counter()))


_FIGURES: dict[str, Callable[[int, Path], None]] = {
    "throughput": measure_throughput,
    "client": measure_client,
    "link": measure_link,
    "gateway": measure_gateway,
    "group": measure_group,
}
#: Where only bytes are counted: a large one would take long.
_GROUP_MIB = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=tuple(_FIGURES))
    parser.add_argument("--megabytes", type=int, help="size of a file, in MiB: 1024, in a group 4")
    parser.add_argument("--folder", help="where files are, on the disk that is to be measured")
    arguments = parser.parse_args()
    pin_load()
    for name, measure in _FIGURES.items():
        if arguments.only in (None, name):
            mib = arguments.megabytes or (_GROUP_MIB if name == "group" else 1024)
            with TemporaryDirectory(prefix="chatproto-files-", dir=arguments.folder) as folder:
                measure(mib * MIB, Path(folder))


if __name__ == "__main__":
    main()
