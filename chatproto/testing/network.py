"""A whole federation in one process: real realms and clients on virtual time, under one seed.

Machines, the ways between them, names that lead to machines, and the running of it all. What happens is
decided by the seed alone: two runs of the same program with the same seed are the same, step by step.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any, TypeVar

from msgspec import Struct
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.backoff import Backoff
from chatproto.client import ChatClient
from chatproto.realm import Policy
from chatproto.testing.clock import START, ProcessClock, Time, Timer
from chatproto.testing.dialling import MemoryEndpoint
from chatproto.testing.disks import Disk, InMemory, OnSqlite
from chatproto.testing.hosts import RealmHost
from chatproto.testing.machines import Machine
from chatproto.testing.names import CLIENT, PASSWORD, PEER
from chatproto.testing.paths import Path
from chatproto.testing.shaping import Shape
from chatproto.testing.tampering import Tampering
from chatproto.testing.transports import MemoryTransport, pair

T = TypeVar("T")

#: Seconds that a piece takes between two machines, at least and at most: from the same room to far away.
LATENCY = (0.0005, 0.05)
#: So many calls without any time passing are two parts of the program that wake each other for ever.
_MOST_AT_ONCE = 20_000


class DidNotHappen(AssertionError):
    """What was waited for did not happen in time."""


class Wire(Struct, frozen=True):
    """A connection: from where to where, to which port, and its two ends."""

    here: Machine
    there: Machine
    port: str
    near: MemoryTransport
    far: MemoryTransport


class Network:
    """Machines and the ways between them.

    ``folder`` is where stores are kept in SQLite; without it they are in memory.
    """

    _log = Logger()

    def __init__(self, seed: int | str = 0, *, folder: FilePath | None = None) -> None:
        self.seed = seed
        self.time = Time()
        self.time.on_error = self._failed
        self.started = self.time.seconds()
        self.machines: dict[str, Machine] = {}
        self.realms: dict[str, RealmHost] = {}
        #: Called after each step, with the clock of the process that made it.
        self.on_step: list[Callable[[ProcessClock], None]] = []
        #: Called at each attempt to connect, with who tries, and the machine and the port.
        self.on_dial: list[Callable[[str, str, str], None]] = []
        #: Called with each new connection.
        self.on_wire: list[Callable[[Wire], None]] = []
        #: What is told of what happens, with the time before it; None if nobody wants to know.
        self.trace: Callable[[str], None] | None = None
        #: How new connections come in pieces.
        self.shape: Callable[[], Shape] = lambda: Shape(self._shaping)
        self._folder = folder
        self._paths: dict[tuple[str, str], Path] = {}
        self._leads: dict[tuple[str, str], str] = {}
        self._shaping = self.random("shapes")
        self._wires = 0

    def random(self, name: str) -> random.Random:
        """Return a source of chance of its own, so that one part does not change what another meets."""
        return random.Random(f"{self.seed} {name}")  # noqa: S311 - no secret

    # -- what there is

    def machine(self, name: str) -> Machine:
        """Return a machine, a new one if there is none of that name."""
        machine = self.machines.get(name)
        if machine is None:
            number = len(self.machines) + 1
            machine = Machine(self.time, name, f"10.0.{number // 250}.{number % 250 + 1}")
            self.machines[name] = machine
        return machine

    def realm(
        self,
        name: str,
        users: Iterable[str] = (),
        *,
        peers: Iterable[str] = (),
        routes: Mapping[str, str] | None = None,
        relay: bool = False,
        honest: bool = True,
        policy: Policy | None = None,
    ) -> RealmHost:
        """Add a realm with these users, linked to the realms ``peers``, which is not started yet.

        ``routes`` are realms that it reaches by others, and by which. With ``relay`` it is a gateway; one
        that is not ``honest`` drops, doubles, delays, alters and forges what it should pass on.
        """
        disk: Disk = InMemory() if self._folder is None else OnSqlite(self._folder / name)
        machine = self.machine(name)
        host = self.realms[name] = RealmHost(self, machine, disk, tuple(users), tuple(peers), policy)
        host.routes = dict(routes or {})
        host.relay = relay
        if not honest:
            host.tampering = Tampering(name, self.random(f"tampering {name}"))
        return host

    def client(self, user: str, realm: str, **options: Any) -> ChatClient:
        """Return a client on a machine of its own, not connected yet; it knows the password."""
        machine = self.machine(f"{user}@{realm}")
        clock = machine.clock if machine.running else machine.begin()
        backoff = Backoff(self.random(f"backoff {user}@{realm} {self.time.steps}").random)
        options.setdefault("password", PASSWORD)
        options.setdefault("backoff", backoff)
        return ChatClient(clock, self.endpoint(machine, realm, CLIENT), user=user, **options)

    def endpoint(self, machine: Machine, to: str, port: str = CLIENT) -> IStreamClientEndpoint:
        """Return an endpoint that connects a machine to a name."""
        return MemoryEndpoint(self, machine, to, port)

    # -- the ways

    def path(self, here: str, there: str) -> Path:
        """Return the way from one machine to another."""
        path = self._paths.get((here, there))
        if path is None:
            path = Path(self.time, self.random(f"path {here} {there}"), *LATENCY)
            self._paths[here, there] = path
        return path

    def partition(self, here: str, there: str, *, one_way: bool = False) -> None:
        """Let nothing through from one machine to another, and unless ``one_way`` nothing back."""
        self.note(f"partition {here} {there}{' one way' if one_way else ''}")
        self.path(here, there).block()
        if not one_way:
            self.path(there, here).block()

    def heal(self, here: str | None = None, there: str | None = None) -> None:
        """Let everything through again, or everything between two machines."""
        self.note(f"heal {here or 'all'} {there or ''}")
        for (one, two), path in self._paths.items():
            if path.cut and (here is None or {one, two} == {here, there}):
                path.heal()

    def redirect(self, name: str | None = None, port: str = PEER, to: str | None = None) -> None:
        """Let a name lead to another machine, as if its address were stolen; without ``to`` end that."""
        if name is None:
            self._leads.clear()
        elif to is None:
            self._leads.pop((name, port), None)
        else:
            self._leads[name, port] = to

    def machine_of(self, name: str, port: str) -> Machine:
        """Return the machine that a name leads to now."""
        return self.machine(self._leads.get((name, port), name))

    def wire(self, here: Machine, there: Machine, port: str) -> tuple[MemoryTransport, MemoryTransport]:
        """Return the two ends of a new connection."""
        ends = []
        for one, two in ((here, there), (there, here)):
            path = self.path(one.name, two.name)
            ends.append(MemoryTransport(one.clock, path, self.shape(), one.next_address()))
            one.add(ends[-1])
        pair(*ends)
        for call in self.on_wire:
            call(Wire(here, there, port, *ends))
        return ends[0], ends[1]

    def dialled(self, machine: Machine, to: str, port: str) -> None:
        """Hear of an attempt to connect."""
        self.note(f"{machine.name} dials {to} {port}")
        for call in self.on_dial:
            call(machine.name, to, port)

    # -- running

    def note(self, text: str) -> None:
        """Tell the trace."""
        if self.trace is not None:
            self.trace(f"{self.time.seconds() - START:12.4f} {text}")

    def step(self) -> Timer | None:
        """Make the next call; None if nothing will ever happen again."""
        timer = self.time.step()
        if timer is not None:
            if self.trace is not None:
                self.note(f"{timer.clock.name}: {timer.what()}")
            for call in self.on_step:
                call(timer.clock)
        return timer

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        self._run(seconds, lambda: False)

    def until(self, condition: Callable[[], bool], within: float = 60.0) -> None:
        """Let time pass until something is so.

        :raises DidNotHappen: it is not, after so many seconds.
        """
        if not self._run(within, condition):
            raise DidNotHappen(f"it did not happen within {within} seconds")

    def wait(self, deferred: Deferred[T], within: float = 60.0) -> T:
        """Let time pass until a Deferred fires; return or raise what it has.

        :raises DidNotHappen: it does not, within so many seconds.
        """
        results: list[T | Failure] = []
        deferred.addBoth(results.append)
        self.until(lambda: bool(results), within)
        result = results[0]
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def _run(self, seconds: float, condition: Callable[[], bool]) -> bool:
        end = self.time.seconds() + seconds
        now, at_once = self.time.seconds(), 0
        while not condition():
            if self.time.next() is None or self.time.due() > end:
                self.time.wait_until(end)
                return condition()
            self.step()
            at_once = at_once + 1 if self.time.seconds() == now else 0
            now = self.time.seconds()
            if at_once > _MOST_AT_ONCE:
                raise DidNotHappen("no time passes: two parts wake each other for ever")
        return True

    def _failed(self, timer: Timer, error: BaseException) -> None:
        self._log.failure("a call of {name} failed", name=timer.clock.name, failure=Failure(error))
