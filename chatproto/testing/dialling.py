"""Connecting by name, with everything that can go wrong: nobody there, nobody answers, it takes too long."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError, TimeoutError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.testing.clock import ProcessClock, Time
from chatproto.testing.machines import Machine
from chatproto.testing.paths import Lane, Path
from chatproto.testing.transports import MemoryTransport

#: When a kernel asks again that got no answer.
_AGAIN = (1.0, 2.0, 4.0, 8.0, 16.0)
#: When it is told that there is none; Twisted's figure.
_TIMEOUT = 30.0


class Wiring(Protocol):
    """What an endpoint needs to know of the network."""

    @property
    def time(self) -> Time:
        """The time there."""
        ...

    def machine_of(self, name: str, port: str) -> Machine:
        """Return the machine that a name leads to now."""
        ...

    def path(self, here: str, there: str) -> Path:
        """Return the way from one machine to another."""
        ...

    def wire(self, here: Machine, there: Machine, port: str) -> tuple[MemoryTransport, MemoryTransport]:
        """Return the two ends of a new connection."""
        ...

    def dialled(self, machine: Machine, to: str, port: str) -> None:
        """Hear of an attempt."""


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    """Connects from a machine to a name of another machine."""

    def __init__(self, network: Wiring, machine: Machine, to: str, port: str) -> None:
        self._network = network
        self._machine = machine
        self._to = to
        self._port = port

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:  # noqa: N803 - Twisted's name
        """Connect; the Deferred may be cancelled."""
        target = self._network.machine_of(self._to, self._port)
        self._network.dialled(self._machine, self._to, self._port)
        return Dial(self._network, self._machine, target, self._port, protocolFactory).answer


class Dial:
    """One attempt."""

    def __init__(
        self, network: Wiring, machine: Machine, target: Machine, port: str, factory: IProtocolFactory
    ) -> None:
        self._network = network
        self._clock: ProcessClock = machine.clock
        self._machine = machine
        self._target = target
        self._port = port
        self._factory = factory
        self._lane = Lane()
        self._there = network.path(machine.name, target.name)
        self._back = network.path(target.name, machine.name)
        self._over = False
        self._accepted = False
        self._mine: MemoryTransport | None = None
        self.answer: Deferred[IProtocol] = Deferred(self._cancelled)
        self._late = self._clock.callLater(_TIMEOUT, self._fail, TimeoutError())
        self._knock(0)

    def _knock(self, attempt: int) -> None:
        if self._over:
            return
        self._there.carry(self._lane, 0, self._knocked, again=False)
        if attempt < len(_AGAIN):
            self._network.time.nobody.callLater(_AGAIN[attempt], self._knock, attempt + 1)

    def _knocked(self) -> None:
        """Be at the other machine."""
        if not self._target.powered:
            return
        port = self._target.listening(self._port)
        if port is None:
            self._back.carry(self._lane, 0, lambda: self._fail(ConnectionRefusedError()), again=False)
            return
        if not self._accepted:
            self._accepted = True
            self._mine, theirs = self._network.wire(self._machine, self._target, self._port)
            port.accept(theirs)
        self._back.carry(self._lane, 0, self._connected, again=False)

    def _connected(self) -> None:
        """Be back."""
        if self._clock.ended or self._over:
            self._let_go()
        elif self._late.active():
            self._late.cancel()
            self._clock.callLater(0, self._attach)

    def _attach(self) -> None:
        if self._over:
            return
        self._over = True
        assert self._mine is not None
        protocol = self._factory.buildProtocol(self._mine.getPeer())
        if protocol is None:
            self._let_go()
            self.answer.errback(Failure(ConnectionRefusedError()))
            return
        self._mine.attach(protocol)
        self.answer.callback(protocol)

    def _fail(self, error: Exception) -> None:
        """Be told, in a turn of one's own."""
        if not self._over:
            self._end()
            self._clock.callLater(0, self._failed, error)

    def _failed(self, error: Exception) -> None:
        if not self.answer.called:  # it may have been cancelled meanwhile
            self.answer.errback(Failure(error))

    def _cancelled(self, answer: Deferred[IProtocol]) -> None:
        self._end()

    def _end(self) -> None:
        self._over = True
        if self._late.active():
            self._late.cancel()
        self._let_go()

    def _let_go(self) -> None:
        if self._mine is not None and self._mine.protocol is None:
            self._mine.refuse()
