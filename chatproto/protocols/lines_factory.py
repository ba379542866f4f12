"""What all factories of clients' connections share: how many there are, and how they end."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, ServerFactory

from chatproto.errors import TooManyConnections
from chatproto.limits import Limits
from chatproto.protocols.connections import Connections, Refusing, TurnedAway
from chatproto.protocols.handover import Take
from chatproto.protocols.large_lines import LargeLines
from chatproto.protocols.outbox import Turn
from chatproto.protocols.server import ChatServerProtocol
from chatproto.protocols.speaking import Speaker
from chatproto.realm.listening import Sink
from chatproto.realm.meters import Traffic
from chatproto.realm.times import Clock
from chatproto.wire.dialect import Dialect

#: Connections that are told at a time that there is no room; further ones are closed without a word.
_REFUSING = 64
#: Clients that were sent away come back spread over this time.
_COME_BACK_SECONDS = 5.0


class LinesFactory(ServerFactory):
    """Makes the server's ends of client connections, for which a subclass makes sessions.

    ``dialects`` has the dialect of a line by the line's first byte, and under ``b""`` the one of all other
    lines. With ``tls`` below, who finds no room is not told so: that would take a handshake, and nobody would
    count it. With ``proxied`` a connection's address is known only when its first line has come.
    """

    noisy = False
    #: What speaks on each connection.
    protocol: type[ChatServerProtocol] = ChatServerProtocol

    def __init__(
        self,
        reactor: Clock,
        limits: Limits,
        dialects: Mapping[bytes, Dialect],
        *,
        live_lines: bool = False,
        tls: bool = False,
        proxied: bool = False,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.clock = reactor
        self.limits = limits
        self._dialects = dialects
        #: What ends each line that is shown in live mode.
        self.live_line_end = b"\n" if live_lines else b""
        self.turn = Turn(reactor)
        self.large_lines = LargeLines(reactor)
        self.traffic = Traffic()
        #: Who takes over connections that are no client's, by how their first line begins.
        self.successors: dict[bytes, Take] = {}
        self._tls = tls
        self.proxied = proxied
        self._refusing = 0
        self._random = random
        self._connections = Connections(self.limits, reactor)
        self._turned_away = TurnedAway(reactor, self.traffic)

    @property
    def dialect(self) -> Dialect:
        """That of lines whose first byte has no other, and of what is said before the first line."""
        return self._dialects[b""]

    def new_session(self, sink: Sink, address: str) -> Speaker:
        """Return who carries out the commands of a connection from an address."""
        raise NotImplementedError

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """Return a connection's protocol, or one that refuses it, or None to close it at once."""
        address = "" if self.proxied else str(getattr(addr, "host", ""))
        try:
            self._connections.check_room(address)
        except TooManyConnections as error:
            self._turned_away.add(address, error)
            return self._refuse(error)
        protocol = self.protocol(self, address)
        protocol.factory = self
        self.traffic.opened += 1
        self._connections.add(protocol, address)
        return protocol

    def _refuse(self, error: TooManyConnections) -> Protocol | None:
        if self._tls or self._refusing >= _REFUSING:
            return None
        self._refusing += 1
        return Refusing(self.dialect.encode_refusal(error, None), self.clock, self._refused)

    def _refused(self) -> None:
        self._refusing -= 1

    def begun(self, protocol: ChatServerProtocol) -> TooManyConnections | None:
        """Hear that a connection's first line has come: a proxy has said by now for whom it was opened.

        Returns why there is no room for one more from there, if there is none.
        """
        if self.proxied:
            address = str(getattr(cast("Any", protocol.transport).getPeer(), "host", ""))
            protocol.session.address = address
            try:
                self._connections.move(protocol, address)
            except TooManyConnections as error:
                self._turned_away.add(address, error)
                return error
        return None

    def dialect_of(self, line: bytes) -> Dialect:
        """Return the dialect of a line, or of the beginning of one."""
        return self._dialects.get(line[:1], self.dialect)

    def connections(self) -> list[ChatServerProtocol]:
        """Return the open connections."""
        return cast("list[ChatServerProtocol]", list(self._connections))

    def disconnected(self, protocol: ChatServerProtocol) -> None:
        """Hear that a connection is gone."""
        self._connections.remove(protocol)

    def retry_after(self) -> float:
        """Return how long a client that is sent away should wait, spread so that not all come at once."""
        return round(_COME_BACK_SECONDS * self._random(), 1)

    def drain(self, reason: str = "shutdown") -> Deferred[None]:
        """Read no more, answer what was read, say goodbye, and fire when all connections are closed.

        A connection that does not read its last bytes is closed without them after 5 seconds. The caller has
        stopped to listen before.
        """
        return self._connections.drain(reason)
