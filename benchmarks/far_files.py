"""Files between realms, for ``benchmarks.files``: beside messages, by a gateway, and in a group."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.far_groups import GROUP, World
from benchmarks.file_tools import MIB, End, in_words, make
from benchmarks.gateway import by_gateway
from benchmarks.latency import RATE, WARM_UP, percentiles, times_of
from benchmarks.link import TO, two_realms
from benchmarks.link_files import Listener
from benchmarks.server import Line, Server
from chatproto.client import ChatClient
from chatproto.executors import InlineExecutor
from chatproto.testing.names import PEER
from chatproto.testing.network import Wire

_LAST = "last"


def send(server: Server, path: Path) -> None:
    """Send a file to the other realm, with the shipped client."""
    with End("client", str(server.port), "messi") as client:
        client.read()
        client.do("send", TO, path)


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Watch:
    """Tells whether a realm has a file by now."""

    def __init__(self, server: Server, digest: str) -> None:
        self._contents = server.files
        self._digest = digest
        #: When it was seen.
        self.at = 0.0

    def has(self) -> bool:
        found = (self._contents / "contents" / self._digest[:2] / self._digest).exists()
        if found and not self.at:
            self.at = time.perf_counter()
        return found


def times_while(sender: Line, listener: Listener, busy: Callable[[], bool]) -> list[float]:
    """Return the milliseconds from send to delivery of texts, sent as long as ``busy``."""
    arrived: list[float] = []

    def hear() -> None:
        while (text := listener.read().get("text")) != _LAST:
            if text:
                arrived.append((time.perf_counter() - float(text)) * 1000)

    def drain() -> None:
        while sender.read().get("re") != _LAST:
            pass

    readers = [threading.Thread(target=hear), threading.Thread(target=drain)]
    for reader in readers:
        reader.start()
    due = time.perf_counter()
    while busy():
        _say(sender, repr(time.perf_counter()))
        due += 1 / RATE
        time.sleep(max(0.0, due - time.perf_counter()))
    _say(sender, _LAST)
    for reader in readers:
        reader.join()
    return arrived


def _say(sender: Line, text: str) -> None:
    line = f'{{"do":"send","id":"{text}","to":"{TO}","text":"{text}"}}\r\n'
    sender.socket.sendall(line.encode())


def measure_link(size: int, folder: Path) -> None:
    source = folder / "goal.bin"
    make(source, size)
    with two_realms() as (alpha, beta):
        beta.move()  # realms do not share a core, elsewhere
        sender = alpha.connect().login("lineker")
        listener = Listener(beta.port).login("henderson")
        listener.ask(do="listen")
        alone = percentiles(times_of(sender, listener, TO)[WARM_UP:])
        watch = Watch(beta, digest_of(source))
        sending = threading.Thread(target=send, args=(alpha, source))
        sending.start()
        while listener.read().get("event") != "message":  # the file's: its bytes are on their way now
            pass
        start = time.perf_counter()
        beside = sorted(times_while(sender, listener, lambda: not watch.has()))
        seconds = watch.at - start
        sending.join()
    print(
        f"files on a link: texts at {RATE}/s: {alone[0]:.1f} ms median, {alone[1]:.1f} 99th percentile "
        f"without; {in_words(beside)} while a file of {size // MIB} MiB crosses it at "
        f"{size / seconds / 1e6:.0f} MB/s",
        flush=True,
    )


def measure_gateway(size: int, folder: Path) -> None:
    source = folder / "goal.bin"
    make(source, size)
    with two_realms() as servers:
        _cross("directly", servers, source, size)
    with by_gateway() as three:
        _cross("by a gateway", three, source, size)


def _cross(what: str, servers: Sequence[Server], source: Path, size: int) -> None:
    listener = Listener(servers[-1].port).login("henderson")
    listener.ask(do="listen")
    watch = Watch(servers[-1], digest_of(source))
    sending = threading.Thread(target=send, args=(servers[0], source))
    sending.start()
    while listener.read().get("event") != "message":
        pass
    start = time.perf_counter()
    before = [server.processor_seconds() for server in servers]
    while not watch.has():
        time.sleep(0.02)
    seconds = time.perf_counter() - start
    costs = [server.processor_seconds() - was for server, was in zip(servers, before, strict=True)]
    sending.join()
    each = ", ".join(f"{cost / size * MIB * 1000:.2f}" for cost in costs)
    print(
        f"files between realms, {what}: {size / seconds / 1e6:.1f} MB/s; processor for each MiB, from the "
        f"sender's realm to the recipient's: {each} ms",
        flush=True,
    )


# -- a group

_REALMS = 5
_MEMBERS = 200


class FileWorld(World):
    """Realms whose bytes on wires are counted, by who says them and to whom, raw bytes and lines alike."""

    def __init__(self) -> None:
        self.ways: Counter[tuple[str, str]] = Counter()
        super().__init__(_REALMS, _MEMBERS // _REALMS)

    def client(self, user: int, realm: str) -> ChatClient:
        client = self.network.client(f"u{user}", realm, executor=InlineExecutor())
        self.network.wait(client.connect())
        return client

    def _wired(self, wire: Wire) -> None:
        if wire.port == PEER:
            names = wire.here.name, wire.there.name
            for way, end in ((names, wire.near), (names[::-1], wire.far)):
                end.taps.append(partial(self._said, way))

    def _said(self, way: tuple[str, str], data: bytes) -> None:
        self.ways[way] += len(data)


def measure_group(size: int, folder: Path) -> None:
    source, target = folder / "goal.bin", folder / "saved"
    make(source, size)
    target.mkdir()
    world = FileWorld()
    network = world.network
    founders = world.found()
    members = dict(zip(world.names, founders, strict=True))
    everybody = list(members.items())
    for number in range(1, _MEMBERS // _REALMS):
        for name in world.names:
            client = world.client(number, name)
            network.wait(client.groups.join(_group(name)))
            everybody.append((name, client))
    network.until(world.agree, 60)
    network.run(30)
    world.ways.clear()
    sender = world.names[1]
    network.wait(members[sender].send_file(GROUP, source))
    network.run(30)
    print(
        f"files in a group: sent by a member in {sender}, its home is {world.names[0]}: {_state(world, size)}"
    )
    for name, client in everybody:
        page = network.wait(client.history(_group(name)))
        network.wait(client.save(page.messages[-1], target)).unlink()
    print(
        f"files in a group: saved by all {len(everybody)} members in {_REALMS} realms: {_state(world, size)}",
        flush=True,
    )


def _group(realm: str) -> str:
    return GROUP if realm != GROUP.partition("@")[2] else GROUP.partition("@")[0]


def _state(world: FileWorld, size: int) -> str:
    """Return in words what is stored and what was sent, in sizes of the file."""
    stored = ", ".join(f"{host.files.used / size:.3g} in {host.name}" for host in world.hosts)
    times = {way: count // size for way, count in world.ways.items() if count >= size}
    sent = ", ".join(f"{count} from {here} to {there}" for (here, there), count in times.items())
    rest = sum(world.ways.values()) - sum(times.values()) * size
    return f"stored {stored} times its size; sent {sent}; {rest:,} bytes between realms beside that"
