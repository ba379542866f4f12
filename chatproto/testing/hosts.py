"""A realm on a machine: started, stopped, crashed, and started again from what its disk has."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import ChatError, NameTaken, StoreError
from chatproto.executors import InlineExecutor
from chatproto.federation.identity import Identity
from chatproto.files import MemoryFileDisk, MemoryFileStore
from chatproto.frames import PeerLimits
from chatproto.interfaces import IFileStore, IStore
from chatproto.limits import Limits, without_rates
from chatproto.names import RealmName
from chatproto.protocols.factory import ChatServerFactory
from chatproto.realm import PasswordHasher, Policy, Realm
from chatproto.records import Batch
from chatproto.testing.clock import ProcessClock
from chatproto.testing.disks import Disk, Troubles, UnsteadyStore
from chatproto.testing.federating import Links, link
from chatproto.testing.file_disks import UnsteadyFiles
from chatproto.testing.machines import Machine
from chatproto.testing.names import CLIENT, PASSWORD, PEER

if TYPE_CHECKING:
    from chatproto.testing.network import Network
    from chatproto.testing.tampering import Tampering

#: How long a supervisor waits before it starts a process again.
RESTART_SECONDS = 1.0


class RealmHost:
    """A realm and its machine.

    ``peers`` are the names of the realms that it is linked to. ``on_commit`` hears of every batch that is on
    disk, ``on_start`` of every process that begins.
    """

    _log = Logger()

    def __init__(
        self,
        network: Network,
        machine: Machine,
        disk: Disk,
        users: Sequence[str],
        peers: Sequence[str],
        policy: Policy | None,
    ) -> None:
        self._network = network
        self.machine = machine
        self.name = machine.name
        self.disk = disk
        #: The contents of files that it has.
        self.files = MemoryFileDisk()
        self.users = users
        self.peers = peers
        #: Realms that are reached by others, and by which; whether it is a gateway.
        self.routes: dict[str, str] = {}
        self.relay = False
        #: What it does to the frames of others, if it is no honest gateway.
        self.tampering: Tampering | None = None
        #: What it takes from its peers, if that is not the usual.
        self.peer_limits: PeerLimits | None = None
        self.policy = policy or Policy(limits=without_rates(Limits()))
        self.troubles = Troubles()
        #: The realm, while it is open.
        self.realm: Realm | None = None
        self.factory: ChatServerFactory | None = None
        #: Whether it is started again when it ended by itself.
        self.supervised = True
        self.on_commit: list[Callable[[RealmHost, Batch, Sequence[int]], None]] = []
        self.on_start: list[Callable[[RealmHost], None]] = []
        #: The links, while it serves.
        self.links: Links | None = None
        #: How often it was started.
        self.lives = 0
        #: How often its machine has lost its power.
        self.outages = 0
        #: The clock of the process that is told to end, and whether another one is wanted after it.
        self._stopping: ProcessClock | None = None
        self._wanted = False
        self._hasher = PasswordHasher(InlineExecutor(), cheap=True)
        self._random: Random = network.random(f"realm {self.name}")

    @property
    def clock(self) -> ProcessClock:
        """The clock of its process."""
        return self.machine.clock

    @property
    def serving(self) -> bool:
        """Whether clients can connect."""
        return self.machine.running and self.machine.listening(CLIENT) is not None

    @property
    def seed(self) -> bytes:
        """Its private key."""
        return self._network.random(f"key {self.name}").randbytes(32)

    def key_of(self, name: str) -> str:
        """Return the public key of a realm."""
        seed = self._network.random(f"key {name}").randbytes(32)
        return Identity(RealmName(name), seed).key

    def start(self) -> Deferred[None]:
        """Begin a process that opens the store and serves; fires when it does."""
        self._network.note(f"{self.name} starts")
        self.lives += 1
        for call in self.on_start:
            call(self)
        clock = self.machine.begin()
        starting = Deferred.fromCoroutine(self._start(clock))
        return starting.addErrback(self._not_started, clock)

    async def _start(self, clock: ProcessClock) -> None:
        store = self._store(clock)
        realm = await Realm.open(
            self.name,
            store,
            clock,
            policy=self.policy,
            hasher=self._hasher,
            files=self._files(clock),
            entropy=self.entropy,
        )
        self.realm = realm
        realm.when_failed().addErrback(lambda failure: clock.callLater(0, self._store_failed, clock, failure))
        for user in self.users:
            with contextlib.suppress(NameTaken):
                await realm.add_user(user, PASSWORD)
        if self.peers or self.routes:
            connect = partial(self._network.endpoint, self.machine, port=PEER)
            self.links = await link(self, realm, store, connect)
        self.factory = ChatServerFactory(realm, clock, random=self.random)
        self.listen(CLIENT, self.factory)

    def _store(self, clock: ProcessClock) -> IStore:
        store = UnsteadyStore(self.disk.open(clock), clock, self._random, self.troubles, self._committed)
        return cast("IStore", store)

    def _files(self, clock: ProcessClock) -> IFileStore:
        files = MemoryFileStore(self.files, now=clock.seconds)
        return cast("IFileStore", UnsteadyFiles(files, clock, self._random, self.troubles))

    def listen(self, port: str, factory: IProtocolFactory) -> None:
        """Let others connect."""
        self.machine.listen(port, factory)

    def random(self) -> float:
        """Return a number below 1 that the seed decides."""
        return self._random.random()

    def entropy(self, count: int) -> bytes:
        """Return random bytes that the seed decides."""
        return self._random.randbytes(count)

    def _committed(self, batch: Batch, failed: Sequence[int]) -> None:
        for call in self.on_commit:
            call(self, batch, failed)

    def _not_started(self, failure: Failure, clock: ProcessClock) -> None:
        failure.trap(StoreError, ChatError)
        self._store_failed(clock, failure)

    def _store_failed(self, clock: ProcessClock, failure: Failure) -> None:
        if not clock.ended:
            self._network.note(f"{self.name} ends: {failure.type}")
            self.crash()
            if self.supervised:
                self._network.time.nobody.callLater(RESTART_SECONDS, self.start_again)

    def start_again(self) -> None:
        """Start, unless it runs; if it is stopping, when it is gone."""
        if not self.machine.running:
            self.start()
        elif self._stopping is self.clock:
            self._wanted = True

    def crash(self, *, power: bool = False) -> None:
        """End the process in the middle of whatever it does; with ``power`` the machine goes dark, too."""
        self._network.note(f"{self.name} crashes{' with its machine' if power else ''}")
        self.machine.end(power=power)
        self.disk.crash()
        self.files.crash(self._random if power else None)
        self.outages += power
        self.realm = self.factory = self.links = None

    def stop(self) -> Deferred[None]:
        """End as ``chatproto serve`` does when it is told to; fires when the process is gone."""
        self._network.note(f"{self.name} stops")
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        assert self.realm is not None
        assert self.factory is not None
        realm, clock = self.realm, self.clock
        self._stopping, self._wanted = clock, False
        for name in (CLIENT, PEER):
            port = self.machine.listening(name)
            if port is not None:
                await port.stopListening()
        if self.links is not None:
            await self.links.end()
        await self.factory.drain()
        with contextlib.suppress(StoreError):
            await realm.close()
        if not clock.ended:
            self.realm = self.factory = self.links = None
            self.machine.end()
            if self._wanted:
                self.start()

    def be_honest(self) -> None:
        """Do from now on what a gateway should, as after somebody has looked; for that it is killed."""
        if self.tampering is not None and self.tampering.active:
            self.tampering.active = False
            if self.machine.running:
                self.crash()
                self.start()

    def copy(self) -> Any:
        """Return a copy of what its disk has now."""
        return self.disk.copy()

    def put_back(self, copy: Any, *, unnoticed: bool = False) -> None:
        """Crash it if it runs, and replace its store by an older copy, the lock file too if ``unnoticed``."""
        if self.machine.running:
            self.crash()
        self._network.note(f"{self.name} gets an older copy")
        self.disk.put_back(copy, unnoticed=unnoticed)
