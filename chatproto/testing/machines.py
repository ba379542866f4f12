"""Machines: what listens on them, what is connected, and how a process and a machine end."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from zope.interface import implementer

from chatproto.testing.clock import ProcessClock, Time
from chatproto.testing.transports import MemoryTransport

#: Where ports are counted from; the numbers mean nothing.
_FIRST_PORT = 40000


class Machine:
    """A machine with one address and one process at a time."""

    def __init__(self, time: Time, name: str, host: str) -> None:
        self._time = time
        self.name = name
        self.host = host
        #: Of the process that runs, or ran last.
        self.clock = ProcessClock(time, name)
        self.clock.end()
        #: Whether its kernel answers.
        self.powered = True
        self._ports: dict[str, MemoryPort] = {}
        self._transports: dict[MemoryTransport, None] = {}
        self._number = _FIRST_PORT

    @property
    def running(self) -> bool:
        """Whether there is a process, be it stopped."""
        return not self.clock.ended

    def begin(self) -> ProcessClock:
        """Begin a process, with the power back if it was away."""
        assert not self.running, f"{self.name} runs already"
        self.powered = True
        for transport in self._transports:
            transport.wake()
        self._transports.clear()
        self.clock = ProcessClock(self._time, self.name, self.clock.offset)
        return self.clock

    def end(self, *, power: bool = False) -> None:
        """End the process in the middle of whatever it does; with ``power`` the machine goes dark."""
        self.clock.end()
        self._ports.clear()
        self.powered = self.powered and not power
        for transport in list(self._transports):
            transport.vanish(power=power)

    def next_address(self) -> IPv4Address:
        """Return an address for the next connection."""
        self._number += 1
        return IPv4Address("TCP", self.host, self._number)

    def add(self, transport: MemoryTransport) -> None:
        """Note a connection."""
        self._transports[transport] = None

    def transports(self) -> list[MemoryTransport]:
        """Return the connections there are, oldest first."""
        self._transports = {each: None for each in self._transports if each.connected or not each.known}
        return [each for each in self._transports if each.connected]

    def listening(self, name: str) -> MemoryPort | None:
        """Return what listens under a name."""
        return self._ports.get(name)

    def listen(self, name: str, factory: IProtocolFactory) -> MemoryPort:
        """Listen under a name.

        :raises CannotListenError: somebody does already.
        """
        if name in self._ports:
            raise CannotListenError(self.host, name, OSError("in use"))
        port = self._ports[name] = MemoryPort(factory, self.clock, self.next_address(), self._close(name))
        factory.doStart()
        return port

    def _close(self, name: str) -> Callable[[], object]:
        return lambda: self._ports.pop(name, None)


@implementer(IListeningPort)
class MemoryPort:
    """Something that listens."""

    def __init__(
        self,
        factory: IProtocolFactory,
        clock: ProcessClock,
        address: IPv4Address,
        close: Callable[[], object],
    ) -> None:
        self.factory = factory
        self._clock = clock
        self._address = address
        self._close = close

    def accept(self, transport: MemoryTransport) -> None:
        """Take a connection, as soon as the process runs."""
        self._clock.callLater(0, self._accept, transport)

    def _accept(self, transport: MemoryTransport) -> None:
        protocol = self.factory.buildProtocol(transport.getPeer())
        if protocol is None:
            transport.refuse()
        else:
            transport.attach(protocol)

    def startListening(self) -> None:
        """Do nothing: it listens from the start."""

    def stopListening(self) -> Deferred[None]:
        """Listen no more."""
        self._close()
        self.factory.doStop()
        return succeed(None)

    def getHost(self) -> IPv4Address:
        """Return the address."""
        return self._address


@implementer(IStreamServerEndpoint)
class MemoryServerEndpoint:
    """Listens on a machine under a name."""

    def __init__(self, machine: Machine, name: str) -> None:
        self._machine = machine
        self._name = name

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:  # noqa: N803 - Twisted's name
        """Listen now."""
        try:
            return succeed(self._machine.listen(self._name, protocolFactory))
        except CannotListenError:
            return fail()
