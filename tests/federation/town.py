"""Two realms with links, on virtual time, and connections between them that are lists of frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from chatproto.executors import InlineExecutor
from chatproto.federation.connection import LinkEnd
from chatproto.federation.link import PeerLink, State
from chatproto.federation.peers import Peers
from chatproto.federation.setting import PeerSetting
from chatproto.federation.trust import Kind, Trust
from chatproto.files import MemoryFileDisk
from chatproto.frames import Chunk, Frame, Freight, Goodbye, Item, PeerLimits
from chatproto.limits import Limits, without_rates
from chatproto.names import RealmName
from chatproto.realm import PasswordHasher, Policy, Registration
from chatproto.records import Batch, MessageRow
from chatproto.store.memory import MemoryDisk, MemoryStore
from chatproto.testing.clock import ProcessClock, Time
from chatproto.testing.faults import FaultyStore
from chatproto.wire.peer import decode_frame, encode_frame
from tests.realm.house import Client, House

ALPHA, BETA = RealmName("alpha"), RealmName("beta")
SECRET = "at least 16 characters"
_STEPS = 200_000


class FailingStore(FaultyStore):
    """A store that fails after some commits, though the last of them may be ``stored``."""

    left: int | None = None
    stored = False
    after_broken: Callable[[], object] | None = None

    async def _commit(self, batch: Batch) -> Sequence[int]:
        broken = await super()._commit(batch)
        if broken and self.after_broken is not None:
            self.after_broken()
        return broken

    def commit(self, batch: Batch) -> Deferred[Sequence[int]]:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                self.fail_next(stored=self.stored)
        return super().commit(batch)


def _nowhere(*_: object) -> Any:
    raise AssertionError("there is nobody to dial")


class Place(House):
    """One of the realms. What is on its disk stays when it crashes; everything else is gone."""

    def __init__(self, town: Town, name: str, limits: Limits | None, peer_limits: PeerLimits | None) -> None:
        self.town = town
        self.name = name
        self.disk = MemoryDisk()
        self.file_disk = MemoryFileDisk()
        self.policy = Policy(limits=without_rates(limits or Limits()), registration=Registration.OPEN)
        self.peer_limits = peer_limits
        self.hasher = PasswordHasher(InlineExecutor(), cheap=True)
        self.authenticator = None
        self.other = BETA if name == ALPHA else ALPHA
        self.setting = PeerSetting(realm=self.other, trust=Trust(Kind.SECRET, secret=SECRET), neighbour=True)
        self._random = 0 if name == ALPHA else 1_000_000
        self.process: ProcessClock
        self.faults: FailingStore
        self.peers: Peers
        self.open()

    def open(self) -> None:
        self.process = ProcessClock(self.town.time, self.name)
        self.clock: Any = self.process
        super().open()
        self.furnish()
        self.peers = self.wait(
            Peers.open(
                self.realm,
                self.slow,
                self.clock,
                [self.setting],
                limits=self.peer_limits,
                entropy=self._entropy,
                random=lambda: 0.5,
            )
        )

    def furnish(self) -> None:
        """Replace parts of the realm, before it is linked."""

    def crash(self) -> None:
        """End without a word, and open again."""
        self.end()
        self.open()

    def end(self) -> None:
        """End without a word."""
        self.process.end()
        self.disk.crash()
        self.file_disk.crash()
        for wire in self.town.wires:
            wire.cut()

    def stop(self) -> None:
        """Close, as an operator does."""
        self.peers.close()
        self.turn()
        self.wait(self.realm.close())
        self.end()

    def turn(self, seconds: float = 0) -> None:
        self.town.turn(seconds)

    def start(self) -> None:
        """Look for what is overdue, and for what may go. There is nobody to dial."""
        self.peers.start(_nowhere, _nowhere)

    def fail_at(self, commits: int, *, stored: bool) -> None:
        """Let the store fail after so many more commits; that one is ``stored``, or not."""
        self.faults.left, self.faults.stored = commits, stored

    def make_store(self) -> FailingStore:
        return FailingStore(MemoryStore(self.disk))

    @property
    def link(self) -> PeerLink:
        return self.peers.links[self.other]

    def texts(self, kind: str = "text") -> list[str]:
        """The texts of the messages on the disk."""
        return [row.text for row in self.rows(MessageRow) if row.kind == kind]

    def person(self, name: str) -> Client:
        """Return a new connection of somebody who has an account."""
        client = Client(self)
        client.log_in(name)
        return client


class Port:
    """One end of a connection, as a link uses it."""

    def __init__(self, wire: Wire, place: Place, dialled: bool) -> None:
        self._wire = wire
        self.place = place
        self.dialled = dialled
        self.capabilities: frozenset[str] = frozenset()
        self.peer_limits = PeerLimits()
        self.end: LinkEnd | None = None
        self.other: Port
        self.closed = False
        #: What was sent and has not arrived, and everything that ever arrived here.
        self.queue: list[Frame | tuple[Chunk | Freight, bytes] | None] = []
        self.heard: list[Frame] = []
        #: Nothing arrives at the other side for now.
        self.held = False
        #: How many more frames can be sent.
        self.room = 2**53
        self.paused = False

    def send(self, *frames: Frame) -> bool:
        if self.closed:
            return False
        self.queue.extend(frames)
        self.room -= len(frames)
        self._wire.carry(self)
        return self.room > 0

    @property
    def full(self) -> bool:
        return self.closed or self.room <= 0

    idle = property(lambda self: not self.closed and self.room > 0)

    def send_raw(self, frame: Chunk | Freight, data: bytes) -> None:
        if not self.closed:
            self.queue.append((frame, data))
            self.room -= 1
            self._wire.carry(self)

    def drain(self, room: int = 2**53) -> None:
        self.room = room
        assert self.end is not None
        self.end.drained()

    def goodbye(self, reason: str, retry_after: float = 0) -> None:
        if not self.closed:
            self.send(Goodbye(reason=reason, retry_after=retry_after))
            self._close()

    def abort(self) -> None:
        if not self.closed:
            self._close()

    def _close(self) -> None:
        self.closed = True
        self.queue.append(None)
        self._wire.carry(self)
        self._wire.later(self, lambda: self.tell_lost("closed"))

    def tell_lost(self, reason: str) -> None:
        end, self.end = self.end, None
        self.closed = True
        if end is not None:
            end.lost(reason)

    def pause(self, on: bool) -> None:
        self.paused = on

    def release(self) -> None:
        self.held = False
        self._wire.carry(self)


class Wire:
    """A connection between the two realms."""

    def __init__(self, town: Town, dialler: Place) -> None:
        self._town = town
        self.ports = {place.name: Port(self, place, place is dialler) for place in (town.alpha, town.beta)}
        one, other = self.ports.values()
        one.other, other.other = other, one
        for port in (one, other):
            port.peer_limits = port.other.place.peers.identity.limits
            both = (each.place.peers.identity.capabilities for each in (one, other))
            port.capabilities = frozenset.intersection(*map(frozenset, both))
        self._lives = {name: port.place.process for name, port in self.ports.items()}

    def connect(self) -> None:
        for port in self.ports.values():
            port.place.peers.dialer.linked(port.place.other, port.dialled)
            end = port.place.peers.authenticated(port.place.other, port)
            if not port.closed:
                port.end = end

    def later(self, port: Port, call: Any) -> None:
        self._lives[port.place.name].callLater(0, call)

    def carry(self, port: Port) -> None:
        """Bring what was sent to the other side, in a later turn."""
        if not port.held and port.queue:
            self.later(port.other, lambda: self._arrive(port))

    def _arrive(self, port: Port) -> None:
        if port.held:
            return
        queue, port.queue = port.queue, []
        for frame in queue:
            other = port.other
            if frame is None:
                other.tell_lost("closed")
            elif isinstance(frame, tuple):
                if not other.closed and other.end is not None:
                    other.heard.append(frame[0])
                    other.end.raw_received(*frame)
            elif not other.closed and other.end is not None:
                line = encode_frame(frame)
                again = decode_frame(line[:-1])
                assert again is not None
                other.heard.append(again)
                other.end.received(again)
                if isinstance(again, Goodbye):
                    other.tell_lost("goodbye")

    def step(self) -> bool:
        """Let one frame arrive, of the side that has more; False if there is none."""
        port = max(self.ports.values(), key=lambda port: len(port.queue))
        if not port.queue:
            return False
        rest, port.queue = port.queue[1:], port.queue[:1]
        port.held = False
        self._arrive(port)
        port.held = True
        port.queue = rest + port.queue
        self._town.turn()
        return True

    def step_until(self, name: str, kind: type[Frame]) -> None:
        """Let frames arrive until the realm of that name has heard one of a kind."""
        while not any(isinstance(frame, kind) for frame in self.ports[name].heard):
            assert self.step()

    def cut(self) -> None:
        """End it; what is under way is lost."""
        for port in self.ports.values():
            port.queue.clear()
            port.closed = True
            self.later(port, lambda port=port: port.tell_lost("cut"))


class Town:
    """Both realms, and what is between them."""

    place = Place

    def __init__(self, limits: Limits | None = None, peer_limits: PeerLimits | None = None) -> None:
        self.time = Time()
        self.wires: list[Wire] = []
        self.alpha = self.place(self, ALPHA, limits, peer_limits)
        self.beta = self.place(self, BETA, limits, peer_limits)
        self.alpha.add("messi", "henderson")
        self.beta.add("amsal", "lineker")

    def turn(self, seconds: float = 0) -> None:
        """Let time pass, and everything happen that can."""
        until = self.time.seconds() + seconds
        for _ in range(_STEPS):
            if self.time.next() is None or self.time.due() > until:
                self.time.wait_until(until)
                return
            self.time.step()
        raise AssertionError("the realms do not come to rest")

    def connect(self, dialler: Place | None = None) -> Wire:
        """Connect the realms."""
        wire = Wire(self, dialler or self.alpha)
        self.wires.append(wire)
        wire.connect()
        self.turn()
        return wire

    def connect_held(self) -> Wire:
        """Connect the realms, so that frames arrive only by :meth:`Wire.step`."""
        wire = Wire(self, self.alpha)
        self.wires.append(wire)
        for port in wire.ports.values():
            port.held = True
        wire.connect()
        self.turn()
        return wire

    def check_up(self) -> None:
        assert self.alpha.link.state is self.beta.link.state is State.UP


def make_item(number: int, mid: str) -> Item:
    """Return an item of alpha, as nobody there has made it."""
    return Item(
        number=number,
        mid=mid,
        from_="messi@alpha",
        to="amsal@beta",
        text="halo",
        at=1,
        expires=2_000_000_000_000,
    )
