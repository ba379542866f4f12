"""Connections in memory: to a server's protocol, from a client that reads as slowly as the test wants."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from chatproto.limits import Limits
from chatproto.protocols.factory import ChatServerFactory
from tests.realm.house import PASSWORD, House

#: Where Twisted's transports begin to say that they are full.
FULL = 64 * 1024


class Wire(StringTransport):
    """A transport whose other end takes what was written at once, or when it is told to."""

    def __init__(self, *, reading: bool = True) -> None:
        super().__init__()
        self.reading = reading
        self.writes = 0
        #: What each write was of.
        self.pieces: list[bytes] = []
        self.taken = b""
        self.waiting = b""
        self.aborted = False

    def write(self, data: bytes) -> None:
        assert not self.disconnecting, "written after the end"
        self.writes += 1
        self.pieces.append(data)
        self.waiting += data
        if self.reading:
            self.taken += self.waiting
            self.waiting = b""
        elif len(self.waiting) > FULL and self.producer is not None:
            self.producer.pauseProducing()

    def take(self, count: int | None = None) -> None:
        """Let the other end read so many bytes, or all there are."""
        count = len(self.waiting) if count is None else count
        self.taken += self.waiting[:count]
        self.waiting = self.waiting[count:]
        if not self.waiting and self.producer is not None:
            self.producer.resumeProducing()

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()

    @property
    def paused(self) -> bool:
        """Whether nothing is read from the other end."""
        return bool(self.producerState == "paused")


class Peer:
    """The client's end of a connection to a server's protocol."""

    def __init__(self, served: Served, address: str = "192.0.2.1", *, reading: bool = True) -> None:
        self.house = served.house
        self.wire = self.make_wire(reading=reading)
        protocol = served.factory.buildProtocol(IPv4Address("TCP", address, 40000))
        assert isinstance(protocol, Protocol)
        self.protocol = protocol
        self._lost = False
        protocol.makeConnection(self.wire)

    def make_wire(self, *, reading: bool) -> Wire:
        """Return the connection."""
        return Wire(reading=reading)

    def say(self, *lines: str | bytes | dict[str, Any]) -> None:
        """Send lines in one write, and let everything happen that needs no time."""
        self.protocol.dataReceived(b"".join(as_line(line) for line in lines))
        self.house.turn()
        self.settle()

    def settle(self) -> None:
        """End the connection if the server ended it and all was taken."""
        if self.wire.disconnecting and not self._lost and (self.wire.aborted or not self.wire.waiting):
            self.lose()

    def lose(self) -> None:
        """Lose the connection."""
        if not self._lost:
            self._lost = True
            reason = ConnectionAborted() if self.wire.aborted else ConnectionDone()
            self.protocol.connectionLost(Failure(reason))

    def heard(self) -> list[dict[str, Any]]:
        """Return the replies and events since the last time."""
        taken, self.wire.taken = self.wire.taken, b""
        return [json.loads(line) for line in taken.split(b"\r\n") if line]

    def ask(self, line: str | bytes | dict[str, Any]) -> dict[str, Any]:
        """Say a line, and return the one reply."""
        self.say(line)
        (reply,) = self.heard()
        return reply

    def log_in(self, name: str, **fields: str) -> None:
        """Log in with the JSON dialect."""
        reply = self.ask({"do": "login", "user": name, "password": PASSWORD, **fields})
        assert reply["status"] == "OK"

    @property
    def closed(self) -> bool:
        """Whether the connection has ended."""
        return self._lost


class Served:
    """A realm with a server factory over it."""

    def __init__(self, limits: Limits | None = None, *, rates: bool = False, **options: Any) -> None:
        self.house = House(limits=limits, rates=rates)
        self.factory = ChatServerFactory(self.house.realm, self.house.clock, random=lambda: 0.5, **options)

    def peer(self, name: str | None = None, **options: Any) -> Peer:
        """Return a new connection, logged in if a name is given; the account is made if it is missing."""
        peer = Peer(self, **options)
        if name is not None:
            if self.house.wait(self.house.realm.accounts.find(name)) is None:
                self.house.add(name)
            peer.log_in(name)
        return peer


def as_line(line: str | bytes | dict[str, Any]) -> bytes:
    """Return a line as it is sent; bytes go as they are."""
    if isinstance(line, bytes):
        return line
    return (line if isinstance(line, str) else json.dumps(line)).encode() + b"\r\n"
