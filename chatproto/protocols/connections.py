"""The connections of one listener: how many there may be, from where, and when the last one is gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.bells import Bell
from chatproto.endpoints import network_of
from chatproto.errors import TooManyConnections
from chatproto.limits import Limits
from chatproto.protocols.lingering import Linger
from chatproto.realm.meters import Traffic
from chatproto.realm.rates import Buckets, Rate
from chatproto.realm.times import Clock

#: When to try again where there was no room; others have to leave first.
_FULL_SECONDS = 10.0
#: The time in which ``connects_per_ten_minutes`` is counted.
_TEN_MINUTES = 600.0
#: Addresses of which it is known how often they connected; with more, the oldest are forgotten.
_ADDRESSES = 10_000
#: How long connections may take to read their last bytes when the server ends.
_DRAIN_SECONDS = 5.0
#: The log hears at most so often of connections for which there is no room: who comes too often should not
#: fill the disk with it.
_TELLING_SECONDS = 10.0
#: One that is refused has so long to read why.
_REFUSING_SECONDS = 5.0


class Connection(Protocol):
    """What is counted."""

    def goodbye(self, reason: str) -> None:
        """Answer what was read, and end the connection."""
        ...

    def abort(self) -> None:
        """End the connection without another word."""
        ...


class Connections:
    """Open connections, bounded in all and for each address; ``""`` is an address without a bound."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._clock = clock
        self._most = limits.connections
        self._most_of_address = limits.connections_per_address
        self._rate = Rate(limits.connects_per_ten_minutes, _TEN_MINUTES)
        self._connects: Buckets[str] = Buckets(_ADDRESSES)
        #: From which network each one is.
        self._open: dict[Connection, str] = {}
        self._by_network: Counter[str] = Counter()
        self._empty = Bell()

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._open))

    def check_room(self, address: str) -> None:
        """Return if one more from an address may be opened, and count that it is.

        :raises TooManyConnections: it may not; that is not counted.
        """
        if len(self._open) >= self._most:
            raise TooManyConnections(retry_after=_FULL_SECONDS)
        self._check_address(network_of(address))

    def _check_address(self, network: str) -> None:
        if not network:
            return
        if self._most_of_address and self._by_network[network] >= self._most_of_address:
            raise TooManyConnections("too many connections from your address", retry_after=_FULL_SECONDS)
        wait = self._connects.take(network, self._rate, self._clock.seconds())
        if wait:
            raise TooManyConnections("your address connects too often", retry_after=round(wait, 3))

    def add(self, connection: Connection, address: str) -> None:
        """Count a connection."""
        self._open[connection] = network = network_of(address)
        self._by_network[network] += 1

    def move(self, connection: Connection, address: str) -> None:
        """Count a connection at another address: it came through somebody who tells only now from where.

        :raises TooManyConnections: there are too many from there.
        """
        self._check_address(network_of(address))
        self._uncount(connection)
        self.add(connection, address)

    def remove(self, connection: Connection) -> None:
        """Count one less."""
        self._uncount(connection)
        del self._open[connection]
        if not self._open:
            self._empty.ring()

    def _uncount(self, connection: Connection) -> None:
        network = self._open[connection]
        self._by_network[network] -= 1
        if not self._by_network[network]:
            del self._by_network[network]

    def when_empty(self) -> Deferred[None]:
        """Fire when there is none."""
        return self._empty.wait() if self._open else succeed(None)

    def drain(self, reason: str) -> Deferred[None]:
        """Say goodbye on all of them, and fire when they are closed; after 5 seconds they are aborted."""
        for connection in self:
            connection.goodbye(reason)
        late = self._clock.callLater(_DRAIN_SECONDS, self.abort)

        def drained(_: None) -> None:
            if late.active():
                late.cancel()

        return self.when_empty().addCallback(drained)

    def abort(self) -> None:
        """End all of them without another word."""
        for connection in self:
            connection.abort()


class TurnedAway:
    """Counts connections that found no room, and tells the log of the first of them in ten seconds."""

    _log = Logger()

    def __init__(self, clock: Clock, traffic: Traffic) -> None:
        self._clock = clock
        self._traffic = traffic
        self._told = 0
        self._told_at = float("-inf")

    def add(self, address: str, error: TooManyConnections) -> None:
        """Count one more; ``error`` is what it was refused with."""
        self._traffic.turned_away = count = self._traffic.turned_away + 1
        now = self._clock.seconds()
        # A clock that went back is no reason to be silent.
        if 0 <= now - self._told_at < _TELLING_SECONDS:
            return
        self._log.info(
            "turned away {address}: {reason}; {more} more since the last such line",
            address=address or "a connection",
            reason=error.text,
            more=count - self._told - 1,
        )
        self._told, self._told_at = count, now


@implementer(IHalfCloseableProtocol)
class Refusing(TwistedProtocol):
    """A connection for which there is no room: it is told so, as older clients spin on a silent end.

    ``gone`` is called when it has ended.
    """

    def __init__(self, line: bytes, clock: Clock, gone: Callable[[], None]) -> None:
        self._line = line
        self._clock = clock
        self._gone = gone
        self._linger: Linger | None = None
        self._late: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """Say it, and close when it was read."""
        transport = cast("Any", self.transport)
        self._late = self._clock.callLater(_REFUSING_SECONDS, transport.abortConnection)
        transport.write(self._line)
        self._linger = Linger(transport, self._clock, input_ended=False)
        self._linger.begin()

    def dataReceived(self, data: bytes) -> None:
        """Drop what comes."""
        if self._linger is not None:
            self._linger.heard()

    def readConnectionLost(self) -> None:
        """Hear that nothing more will come."""
        if self._linger is not None:
            self._linger.input_ended()

    def writeConnectionLost(self) -> None:
        """Never heard: this side ends its writing by itself."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Be done."""
        if self._linger is not None:
            self._linger.stop()
        if self._late is not None and self._late.active():
            self._late.cancel()
        self._gone()
