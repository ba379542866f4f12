"""A group with members in many realms, on virtual time: what a post costs each, and how a partition heals.

Two figures. A group of 10,000 members in 10 realms, 10 of whom listen in each: bytes between realms, rows and
processor time of each realm for a post, and the virtual time until the last of the hundred has it. Stores are
SQLite, whose commits take no virtual time, and each piece of a connection takes 10 ms. Then 30 realms, all
linked with all: they are parted in two halves, members join from both, and what is between is mended: the
virtual time until all know the same members, and the frames exchanged for it. ``--only`` chooses post or
parted.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.defer import Deferred

from chatproto.client import ChatClient
from chatproto.events import Message
from chatproto.federation.link import State
from chatproto.names import RealmName
from chatproto.records import Batch, Entry, MemberRow
from chatproto.testing import Network, ProcessClock, RealmHost
from chatproto.testing.disks import rows_of
from chatproto.testing.mirror import Mirror
from chatproto.testing.names import PEER
from chatproto.testing.network import Wire
from chatproto.wire.peer import decode_frame

REALMS = 10
MEMBERS = 10_000
#: In each realm.
LISTENING = 10
POSTS = 256
SINGLE = 50
#: Between two machines.
SECONDS = 0.01
PARTED_REALMS = 30
#: A partition that connections survive, and one in which all give up.
PARTED_SECONDS = (60.0, 3600.0)
GROUP = "room@realm0"
_BATCH = 4096
#: Frames that are there whatever happens.
_LIFE = ("Ping", "Pong")


class World:
    """Realms that are all linked, what is on their disks, and what they say to each other."""

    def __init__(self, count: int, users: int, folder: Path | None = None) -> None:
        self.network = Network(1, folder=folder)
        self.names = [f"realm{number}" for number in range(count)]
        self.mirrors = {name: Mirror() for name in self.names}
        self.bytes: Counter[str] = Counter()
        self.frames: Counter[str] = Counter()
        self.rows: Counter[tuple[str, str]] = Counter()
        self.cpu: dict[str, float] = defaultdict(float)
        #: Virtual seconds until the last one heard.
        self.latest = 0.0
        self._asking = _cost_of_asking()
        self._last = time.process_time()
        self._tails: dict[object, bytes] = {}
        self.network.on_wire.append(self._wired)
        self.network.on_step.append(self._stepped)
        self.hosts = [self._host(name, users) for name in self.names]
        for host in self.hosts:
            self.network.wait(host.start())
        self.network.until(self.all_linked, 600)

    def _host(self, name: str, users: int) -> RealmHost:
        others = [other for other in self.names if other != name]
        host = self.network.realm(name, [f"u{number}" for number in range(users)], peers=others)
        host.on_commit.append(self._committed)
        return host

    def _wired(self, wire: Wire) -> None:
        for machine, end in ((wire.here, wire.near), (wire.there, wire.far)):
            for other in (wire.here, wire.there):
                path = self.network.path(machine.name, other.name)
                path.shortest = path.longest = SECONDS
            if wire.port == PEER:
                end.taps.append(partial(self._wrote, machine.name, end))

    def _wrote(self, name: str, end: object, data: bytes) -> None:
        self.bytes[name] += len(data)
        *lines, self._tails[end] = (self._tails.get(end, b"") + data).split(b"\n")
        self.frames.update(type(decode_frame(line)).__name__ for line in lines)

    def _committed(self, host: RealmHost, batch: Batch, failed: Sequence[int]) -> None:
        self.mirrors[host.name].commit(batch, failed)
        self.rows.update((host.name, type(row).__name__) for row in rows_of(batch, failed))

    def _stepped(self, clock: ProcessClock) -> None:
        now = time.process_time()
        self.cpu[clock.name] += now - self._last - self._asking
        self._last = now

    def count_anew(self) -> None:
        for counter in (self.bytes, self.frames, self.rows, self.cpu):
            counter.clear()
        self._last = time.process_time()

    def written(self, name: str, count: int) -> str:
        """Return what a realm wrote for each of some posts."""
        kinds = Counter({kind: number for (realm, kind), number in self.rows.items() if realm == name})
        return ", ".join(f"{number / count:.2f} {kind}" for kind, number in kinds.most_common())

    def all_linked(self) -> bool:
        links = [link for host in self.hosts if host.links for link in host.links.peers.links.values()]
        return all(link.state is State.UP for link in links)

    def members(self, name: str) -> dict[str, str]:
        """Return the members of the group as a realm's disk has them."""
        mirror = self.mirrors[name]
        group = mirror.groups.get(GROUP, 0)
        rows = (row for row in mirror.every(MemberRow) if row.conversation == group and not row.until)
        return {row.member: row.role for row in rows}

    def client(self, user: int, realm: str) -> ChatClient:
        client = self.network.client(f"u{user}", realm)
        self.network.wait(client.connect())
        return client

    def found(self) -> list[ChatClient]:
        """Make the group, with a member of each realm."""
        firsts = [self.client(0, name) for name in self.names]
        self.network.wait(firsts[0].groups.create("room"))
        for client in firsts[1:]:
            self.network.wait(client.groups.join(GROUP))
        return firsts

    def agree(self) -> bool:
        home = self.members(self.names[0])
        return all(self.members(name) == home for name in self.names)


def _cost_of_asking() -> float:
    """Return what it costs to ask for the processor time, which some machines answer slowly."""
    begin = time.process_time()
    for _ in range(1000):
        time.process_time()
    return (time.process_time() - begin) / 1000


# -- a post


def fill(world: World) -> None:
    """Add the other members to all stores, while the realms are away."""
    everybody = [f"{_user(number)}@{world.names[number % REALMS]}" for number in range(MEMBERS)]
    for host in world.hosts:
        conversation = world.mirrors[host.name].groups[GROUP]
        missing = [member for member in everybody if member not in world.members(host.name)]
        rows = (MemberRow(conversation, member, 0, 0, "member") for member in missing)
        host.crash()
        store = host.disk.open(host.clock)
        state = _now(store.open(RealmName(host.name)))
        number = state.batch
        while piece := tuple(islice(rows, _BATCH)):
            number += 1
            batch = Batch(number, state.seq, state.serial, [Entry(piece)])
            assert not _now(store.commit(batch))
            world.mirrors[host.name].commit(batch, ())
        _now(store.close())
    for host in world.hosts:
        world.network.wait(host.start())
    world.network.until(world.all_linked, 600)
    assert all(len(world.members(name)) == MEMBERS for name in world.names)


def _user(number: int) -> str:
    each = number // REALMS
    return f"u{each}" if each < LISTENING else f"m{each}"


def _now(deferred: Deferred[Any]) -> Any:
    results: list[Any] = []
    deferred.addCallback(results.append)
    return results[0]


def measure_post() -> None:
    with TemporaryDirectory(prefix="chatproto-far-") as folder:
        world = World(REALMS, LISTENING, Path(folder))
        world.found()
        fill(world)
        heard: list[Message] = []
        clients = [world.client(number, name) for name in world.names for number in range(LISTENING)]
        for client in clients:
            client.on_message(heard.append)
        world.network.run(120)  # until nothing is said of the beginning any more
        heard.clear()
        for name, sender in (("a member at home", clients[0]), ("a member elsewhere", clients[-1])):
            to = "room" if sender is clients[0] else GROUP
            # Who is elsewhere hears by the entry that the own post is in the group.
            listening = len(clients) - (sender is clients[0])
            for count, words in ((SINGLE, "one after the other"), (POSTS, "at once")):
                _post(world, sender, to, count, count == POSTS, heard, listening)
                _print_posts(world, f"{count} posts of {name}, {words}", count)


def _post(
    world: World,
    sender: ChatClient,
    to: str,
    count: int,
    together: bool,
    heard: list[Message],
    listening: int,
) -> None:
    network = world.network
    heard.clear()
    world.count_anew()
    world.latest = 0.0
    for number in range(count):
        begin = network.time.seconds()
        sender.send(to, "m" * 64, f"far{begin}:{number + 1}")
        if not together:
            network.until(partial(_have, heard, (number + 1) * listening))
            world.latest = max(world.latest, network.time.seconds() - begin)
            network.run(2)
    begin = network.time.seconds()
    if together:
        network.until(partial(_have, heard, count * listening))
        world.latest = network.time.seconds() - begin
    network.run(5)
    assert len(heard) == count * listening, (len(heard), count * listening)


def _have(heard: list[Message], count: int) -> bool:
    return len(heard) >= count


def _print_posts(world: World, what: str, count: int) -> None:
    home, sender, *others = world.names[0], world.names[-1], *world.names[1:-1]
    cpu = [world.cpu[name] / count * 1e6 for name in (home, sender)]
    rest = sum(world.cpu[name] for name in others) / len(others) / count * 1e6
    print(
        f"far groups: {what}, {MEMBERS:,} members in {REALMS} realms: "
        f"{sum(world.bytes.values()) / count:,.0f} bytes between realms for each "
        f"({world.bytes[home] / count:,.0f} from its home); rows written at home "
        f"{world.written(home, count)}; in {sender} {world.written(sender, count)}; in another "
        f"{world.written(others[0], count)}; processor: {cpu[0]:.0f} us at home, {cpu[1]:.0f} in {sender}, "
        f"{rest:.0f} in each other, with SQLite; "
        f"the last of {REALMS * LISTENING} who listen has it {world.latest * 1000:.0f} virtual ms later "
        f"(10 ms between machines)",
        flush=True,
    )


# -- a partition


def measure_parted() -> None:
    world = World(PARTED_REALMS, 1 + len(PARTED_SECONDS))
    world.found()
    world.network.until(world.agree, 60)
    for number, seconds in enumerate(PARTED_SECONDS, 1):
        _part(world, number, seconds)


def _part(world: World, number: int, seconds: float) -> None:
    network = world.network
    coming = [world.client(number, name) for name in world.names]
    network.run(700)
    half = len(world.names) // 2
    ways = [(here, there) for here in world.names[:half] for there in world.names[half:]]
    for here, there in ways:
        network.partition(here, there)
    for client in coming:
        client.groups.join(GROUP).addErrback(lambda _: None)  # those of the other half come later
    network.run(seconds)
    apart = sum(world.members(name) != world.members(world.names[0]) for name in world.names)
    begin = network.time.seconds()
    world.count_anew()
    for here, there in ways:
        network.heal(here, there)
    wanted = PARTED_REALMS * (number + 1)
    network.until(lambda: len(world.members(world.names[0])) == wanted and world.agree(), 4000)
    needed = network.time.seconds() - begin
    said = {name: count for name, count in world.frames.most_common() if name not in _LIFE}
    told = ", ".join(f"{count:,} {name}" for name, count in said.items())
    print(
        f"far groups: {PARTED_REALMS} realms parted in two for {seconds:,.0f} s, {PARTED_REALMS} members "
        f"come meanwhile ({apart} realms differ from home): {needed:.2f} virtual seconds after it is mended "
        f"all know the same {wanted} members; {sum(said.values()):,} frames on {len(ways)} + "
        f"{half * (half - 1)} links by then: {told}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("post", "parted"))
    only = parser.parse_args().only
    for name, measure in (("post", measure_post), ("parted", measure_parted)):
        if only in (None, name):
            measure()


if __name__ == "__main__":
    main()
