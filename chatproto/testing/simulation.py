"""One run: realms, users and troubles made from a seed, and the checks that have to hold."""

from __future__ import annotations

import enum
import gc
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct
from twisted.logger import globalLogPublisher

from chatproto.testing.adversary import STRANGER_SECONDS, Adversary
from chatproto.testing.bounds import Bounds
from chatproto.testing.clock import ProcessClock
from chatproto.testing.failures import Failures
from chatproto.testing.file_clearing import clear_up
from chatproto.testing.file_life import FileLife
from chatproto.testing.group_life import GroupLife
from chatproto.testing.hosts import RealmHost
from chatproto.testing.ledger import Broken, Ledger
from chatproto.testing.network import DidNotHappen, Network
from chatproto.testing.rogue import ROGUE, RogueRealm
from chatproto.testing.rogue_files import RogueFiles
from chatproto.testing.scenario import Troubles
from chatproto.testing.schedule import Schedule
from chatproto.testing.shaping import Shape
from chatproto.testing.tampering import Tampering
from chatproto.testing.topology import Topology, leaves, place
from chatproto.testing.watching import Watch
from chatproto.testing.workload import RESTS, Habits, SimulatedUser

#: How long the troubles go on.
SECONDS = 600.0
#: How long it may take until everything is at rest after the last one: the longest pause between two dials is
#: an hour, after a day in vain.
_REST_SECONDS = 4500.0
#: And how many steps for each realm: links that come and go all the time do not rest either.
_REST_STEPS = 25_000
#: How often it is looked whether that is so.
_LOOK_SECONDS = 5.0


class Mode(enum.Enum):
    """What a run is after."""

    #: Everything may go wrong, older copies too; in the end all is repaired, and has to be accounted for.
    SAFETY = "safety"
    #: Some part stays broken for good; the rest has to come to rest without it.
    LIVENESS = "liveness"


class Options(Struct, frozen=True, kw_only=True):
    """What a run is made of, beside its seed: ``groups`` have members in all realms.

    ``files`` is how many each user sends, ``folder`` is for stores in SQLite.
    """

    realms: int = 3
    groups: int = 0
    files: int = 0
    topology: Topology = Topology.MESH
    mode: Mode = Mode.SAFETY
    seconds: float = SECONDS
    folder: Path | None = None


class Report(Struct, frozen=True, kw_only=True):
    """What a run came to; ``broken`` is the rule that did not hold, with what is known about it."""

    seed: int
    virtual_seconds: float
    cpu_seconds: float
    steps: int
    counts: dict[str, int]
    broken: str = ""


class Simulation:
    """One run of a seed. Use :func:`simulate`, which also cleans up."""

    def __init__(
        self, seed: int, options: Options, ledger: Ledger, trace: Callable[[str], None] | None = None
    ) -> None:
        self._options = options
        self.network = network = Network(seed, folder=options.folder)
        network.trace = trace
        self.random = network.random("simulation")
        self.ledger = ledger
        self._shaping = network.random("shapes")
        network.shape = self._shape
        self.hosts = [self._host(number) for number in range(options.realms)]
        self.bounds = Bounds(network, self.hosts, self.ledger)
        self.schedule = Schedule(network, ledger)
        linked = {host.name for host in self.hosts} | {ROGUE}
        watch = Watch(network, ledger, linked, self.schedule)
        for host in self.hosts:
            watch.routed |= {(host.name, other) for other in host.routes}
            host.on_commit.append(watch.committed)
            host.on_start.append(self.schedule.restarted)
        network.on_step.append(self._look)
        self._adversary = Adversary(network, ledger, self.hosts, network.random("adversary"))
        self._rogue = RogueRealm(
            network, [host.name for host in self.hosts], network.random("rogue"), self._rogue_files()
        )
        self._groups = [
            f"group{number}@{self.random.choice(self.hosts).name}" for number in range(options.groups)
        ]
        ledger.groups.names.update(self._groups)
        common = network.random("files in common")
        self._common = [common.randbytes(size) for size in (10, 70_000)] if options.files else []
        self.users = [user for host in self.hosts for user in self._users(host)]
        self._troubles = Troubles(
            network,
            self.ledger,
            self.hosts,
            self.users,
            network.random("troubles"),
            restore=options.mode is Mode.SAFETY,
            relapse=options.mode is Mode.SAFETY and options.groups > 0,
            files=bool(options.files),
            attacks=((6, self._adversary.attack), (4, self._rogue.lie)),
        )

    def run(self) -> None:
        """Run it all.

        :raises Broken: a rule does not hold.
        """
        network = self.network
        for host in self.hosts:
            network.wait(host.start())
        for user in self.users:
            user.start()
        self._troubles.start()
        network.run(self._options.seconds)
        self._rest()

    def end(self) -> None:
        """End all processes."""
        for machine in self.network.machines.values():
            machine.end()
        for host in self.hosts:
            host.disk.crash()
            host.files.crash()

    def _rest(self) -> None:
        whole = self._whole()
        self.network.note(f"the troubles are over for {', '.join(host.name for host in whole)}")
        names = {host.name for host in whole}
        self._make_honest()
        self._troubles.end(whole)
        for user in self.users:
            user.stop_writing()
        users = [user for user in self.users if user.realm in names]
        self._come_to_rest(whole, users)
        self.ledger.at_rest()
        self.network.run(STRANGER_SECONDS)
        self._adversary.check()
        self.ledger.check()
        self.ledger.settled(names)
        if self._options.files:
            clear_up(self.network, self.ledger.files, whole)
            self.ledger.look()

    def _whole(self) -> list[RealmHost]:
        """Return the realms that are repaired."""
        if self._options.mode is Mode.SAFETY or len(self.hosts) < 3:
            return self.hosts
        without = leaves(self._options.topology, [host.name for host in self.hosts])
        out = self.random.choice([host for host in self.hosts if host.name in without])
        return [host for host in self.hosts if host is not out]

    def _make_honest(self) -> None:
        """Let gateways do from now on what they should, as after somebody has looked."""
        for host in self.hosts:
            if host.tampering is not None and host.tampering.active:
                self.ledger.counts["tampered"] += host.tampering.done
                host.tampering.active = False
                if host.machine.running:
                    host.crash()

    def _come_to_rest(self, hosts: list[RealmHost], users: list[SimulatedUser]) -> None:
        time = self.network.time
        end, most = time.seconds() + _REST_SECONDS, time.steps + _REST_STEPS * len(self.hosts)
        while left := self._left(hosts, users):
            if time.seconds() >= end or time.steps >= most:
                raise Broken(f"progress: {'; '.join(left)}")
            self._look_after(hosts)
            self.network.run(_LOOK_SECONDS)

    def _look_after(self, hosts: list[RealmHost]) -> None:
        """Do what an operator does about realms that could not prove who they are."""
        for host in hosts:
            parked = host.links.retry() if host.links is not None else []
            for name in parked:
                self.schedule.contacted(host.name, name)
            if parked and not self._adversary.hijacked:
                raise Broken(f"parked: {host.name} has parked {parked}, and nobody used their names")

    def _left(self, hosts: list[RealmHost], users: list[SimulatedUser]) -> list[str]:
        names = {host.name for host in hosts}
        left = [f"{host.name} does not serve" for host in hosts if not host.serving]
        left += [f"{user.address} waits for {user.waiting}" for user in users if not user.done]
        left = left or [f"{message} is open" for message in self.ledger.open(names)]
        left = left or list(self.ledger.groups.open(names))
        left = left or list(self.ledger.files.open(names))
        return left or [each for user in users if user.files is not None for each in user.files.open(names)]

    def _look(self, clock: ProcessClock) -> None:
        self.bounds.look(clock)
        self.ledger.look()

    def _shape(self) -> Shape:
        random = self._shaping
        shred = random.random() < 0.3
        slow = random.choice((0.0, 0.0, 0.0, 0.0, 5_000.0, 100_000.0))
        if shred and self._options.topology is not Topology.MESH:
            slow = 0.0  # together they let some ten bytes through in a second, and a gateway's are for many
        return Shape(random, shred=shred, slow=slow)

    def _host(self, number: int) -> RealmHost:
        users = [f"u{each}" for each in range(self.random.randint(1, 3))]
        options = self._options
        where = place(options.topology, [_name(each) for each in range(options.realms)], number)
        host = self.network.realm(_name(number), users, peers=[*where.peers, ROGUE])
        host.routes, host.relay = where.routes, where.relay
        if host.relay and self.random.random() < 0.5:
            host.tampering = Tampering(host.name, self.network.random(f"tampering {host.name}"))
        self.ledger.watch(host)
        return host

    def _users(self, host: RealmHost) -> list[SimulatedUser]:
        everybody = [f"{user}@{other.name}" for other in self.hosts for user in other.users]
        everybody += [f"nobody@{other.name}" for other in self.hosts]
        everybody.append(f"u0@{ROGUE}")
        everybody += self._groups * 3  # where they are members, or not
        return [
            SimulatedUser(
                self.network,
                self.ledger,
                name,
                host.name,
                self._habits(everybody),
                self.network.random(f"user {name}@{host.name}"),
                self._group_life(name, host),
                self._file_life(name, host, everybody),
            )
            for name in host.users
        ]

    def _group_life(self, name: str, host: RealmHost) -> GroupLife | None:
        """Return what a user does about groups; the first user of a realm makes those of it."""
        if not self._groups:
            return None
        own = [group for group in self._groups if group.endswith(f"@{host.name}") and name == "u0"]
        people = [f"{user}@{other.name}" for other in self.hosts for user in other.users]
        pause = self.random.choice((3.0, 15.0, 60.0))
        random = self.network.random(f"groups of {name}@{host.name}")
        return GroupLife(random, pause, own, self._groups, people)

    def _rogue_files(self) -> RogueFiles | None:
        if not self._options.files:
            return None
        files = self.ledger.files
        return RogueFiles(ROGUE, self.network.random("files of rogue"), files.mids, files.made)

    def _file_life(self, name: str, host: RealmHost, everybody: list[str]) -> FileLife | None:
        """Return what a user does about files, if anybody does."""
        files, seconds = self._options.files, self._options.seconds
        if not files:
            return None
        random = self.network.random(f"files of {name}@{host.name}")
        return FileLife(self.ledger, f"{name}@{host.name}", everybody, files, seconds, self._common, random)

    def _habits(self, everybody: list[str]) -> Habits:
        """Return habits by which somebody writes as long as there are troubles."""
        messages = self.random.randint(5, 60)
        pause = self.random.choice((0.1, 1.0, 10.0))
        return Habits(pause, self._options.seconds / messages / RESTS, everybody, messages)


def _name(number: int) -> str:
    return ("alpha", "beta", "gamma", "delta")[number] if number < 4 else f"realm{number}"


def simulate(seed: int, options: Options, trace: Callable[[str], None] | None = None) -> Report:
    """Run a seed, and report.

    What the collector would end at a time of its own is ended afterwards: nothing but the seed may decide.
    """
    collecting = gc.isenabled()
    gc.disable()
    started = time.process_time()
    ledger = Ledger()
    failures = Failures(ledger)
    globalLogPublisher.addObserver(failures)
    try:
        steps, seconds, broken = _run(seed, options, ledger, trace)
        # A Deferred whose failure nobody took tells it only now; what a finalizer woke is found once more.
        failures.collecting = True
        while gc.collect():
            pass
        broken = broken or ledger.broken or ""
    finally:
        globalLogPublisher.removeObserver(failures)
        if collecting:
            gc.enable()
    return Report(
        seed=seed,
        virtual_seconds=seconds,
        cpu_seconds=time.process_time() - started,
        steps=steps,
        counts=dict(sorted(ledger.counts.items())),
        broken=broken,
    )


def _run(
    seed: int, options: Options, ledger: Ledger, trace: Callable[[str], None] | None
) -> tuple[int, float, str]:
    simulation = Simulation(seed, options, ledger, trace)
    clock = simulation.network.time
    broken = ""
    try:
        simulation.run()
    except Broken as error:
        broken = str(error)
    except DidNotHappen as error:
        broken = f"progress: {error}"
    finally:
        simulation.end()
    return clock.steps, clock.seconds() - simulation.network.started, broken
