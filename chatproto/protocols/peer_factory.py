"""The factory of connections to other realms, from either side: what they share, how many there are."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sized
from typing import Protocol as Typed

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, ServerFactory
from twisted.logger import Logger

from chatproto.errors import LinkError, TooManyConnections
from chatproto.federation.connection import Connection, LinkEnd
from chatproto.federation.handshake import Trusts
from chatproto.federation.identity import Identity
from chatproto.limits import Limits
from chatproto.names import RealmName
from chatproto.protocols.connections import Connections
from chatproto.protocols.handover import Take
from chatproto.protocols.meeting import Meet, MeetingPeerProtocol
from chatproto.protocols.outbox import Turn
from chatproto.protocols.peer import RealmPeerProtocol
from chatproto.realm.meters import Traffic
from chatproto.realm.times import Clock

#: Connections at once whose other side has not proved who it is, beyond one for each link: after a restart
#: all dial at once. The oldest makes room for the next: a handshake takes two round trips, so that who is so
#: old among so many is only in the way.
STRANGERS = 64
#: The log hears at most so often (seconds) that somebody used the name of a realm and did not prove it: it
#: costs a stranger one line to do so again.
_TELLING_SECONDS = 10.0


class Links(Trusts, Typed):
    """Who keeps the links: all that connections ask for is memory, since strangers make them ask."""

    @property
    def identity(self) -> Identity:
        """Who this realm is."""
        ...

    @property
    def links(self) -> Sized:
        """The realms that may dial."""
        ...

    def approved(self, realm: RealmName, key: str) -> None:
        """Hear that a realm has proved to have a key, as it is trusted to; :meth:`authenticated` follows."""
        ...

    def authenticated(self, realm: RealmName, connection: Connection) -> LinkEnd | None:
        """Take a connection whose other end is a realm; None if it is not wanted, and was told so."""
        ...

    def refused(self, realm: RealmName, key: str, error: LinkError) -> None:
        """Hear that somebody dialled who said to be a linked realm and did not prove it."""
        ...


class PeerTraffic(Traffic):
    """What went through the connections to other realms."""

    __slots__ = ("linked", "unknown_frames")

    def __init__(self) -> None:
        super().__init__()
        #: Connections whose other side has proved who it is.
        self.linked = 0
        #: Frames of other versions, which were passed over.
        self.unknown_frames = 0


class Impostors:
    """Tells the log of who dials under the name of a linked realm and does not prove it, now and then."""

    _log = Logger()

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: When the log heard of a name last, and how often that was used since.
        self._told: dict[RealmName, tuple[float, int]] = {}

    def add(self, realm: RealmName, error: LinkError) -> None:
        """Count one more; there are only as many names as links."""
        told_at, more = self._told.get(realm, (float("-inf"), 0))
        now = self._clock.seconds()
        # A clock that went back is no reason to be silent.
        if 0 <= now - told_at < _TELLING_SECONDS:
            self._told[realm] = told_at, more + 1
            return
        self._log.warn(
            "who dialled as {realm} did not prove it: {reason}; {more} more since the last such line",
            realm=realm,
            reason=error.text,
            more=more,
        )
        self._told[realm] = now, 0


class RealmPeerFactory(ServerFactory):
    """Makes the ends of connections to other realms: of those that come in, and by ``dialling``.

    With ``meet``, of a lab, realms of this machine need not be linked to be heard. A store that fails has
    to end all of them by :meth:`abort`.
    """

    noisy = False

    def __init__(
        self,
        links: Links,
        clock: Clock,
        *,
        limits: Limits | None = None,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        meet: Meet | None = None,
    ) -> None:
        self.links = links
        self.clock = clock
        self.limits = limits or Limits()
        self.random_bytes = random_bytes
        self._meet = meet
        self.turn = Turn(clock)
        #: Who takes over connections that are no realm's, by how their first line begins.
        self.successors: dict[bytes, Take] = {}
        self.traffic = PeerTraffic()
        self.impostors = Impostors(clock)
        self._connections = Connections(self.limits, clock)
        #: Those that dialled and have proved nothing, the oldest first.
        self._strangers: dict[RealmPeerProtocol, None] = {}

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """Return the end of a connection that comes in; None closes it at once."""
        return self.take(str(getattr(addr, "host", "")))

    def take(self, address: str) -> RealmPeerProtocol | None:
        """Return the end of a connection that comes in from an address, or that another port hands over."""
        try:
            self._connections.check_room(address)
        except TooManyConnections:
            self.traffic.turned_away += 1
            return None
        if len(self._strangers) >= STRANGERS + len(self.links.links):
            self._evict(next(iter(self._strangers)))
        meet = self._meet
        protocol = RealmPeerProtocol(self, None) if meet is None else MeetingPeerProtocol(self, meet)
        self._strangers[protocol] = None
        return self._begun(protocol, address)

    def dialling(self, realm: RealmName, failed: Callable[[LinkError], None]) -> IProtocolFactory:
        """Return the factory for one attempt to connect to a realm.

        ``failed`` is called once if a connection is made, and ends before it is given to a link.
        """
        return _Dialling(lambda: self._begun(RealmPeerProtocol(self, realm, failed), ""))

    def _begun(self, protocol: RealmPeerProtocol, address: str) -> RealmPeerProtocol:
        protocol.factory = self
        self.traffic.opened += 1
        self._connections.add(protocol, address)
        return protocol

    def _evict(self, protocol: RealmPeerProtocol) -> None:
        del self._strangers[protocol]
        self.traffic.turned_away += 1
        protocol.abort("too-many-connections")

    def linked(self, protocol: RealmPeerProtocol) -> None:
        """Hear that the other side of a connection has proved who it is."""
        self._strangers.pop(protocol, None)
        self.traffic.linked += 1

    def left(self, protocol: RealmPeerProtocol) -> None:
        """Hear that a connection was handed over, to who has a bound of its own on strangers."""
        self._strangers.pop(protocol, None)

    def disconnected(self, protocol: RealmPeerProtocol) -> None:
        """Hear that a connection is gone."""
        self._strangers.pop(protocol, None)
        self._connections.remove(protocol)

    @property
    def strangers(self) -> int:
        """How many connections have dialled and proved nothing yet."""
        return len(self._strangers)

    def abort(self) -> None:
        """End all connections without another word."""
        self._connections.abort()

    def drain(self, reason: str = "shutdown") -> Deferred[None]:
        """Say goodbye on all connections, and fire when they are closed: in a few seconds at the latest."""
        return self._connections.drain(reason)


class _Dialling(Factory):
    """Makes the end of one connection that this side opens."""

    noisy = False

    def __init__(self, build: Callable[[], RealmPeerProtocol]) -> None:
        self._build = build

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """Return the end of the connection."""
        return self._build()
