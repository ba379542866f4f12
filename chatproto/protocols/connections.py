"""The connections of one listener: how many there may be, from where, and when the last one is gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol as TwistedProtocol

from chatproto.limits import Limits


class Connection(Protocol):
    """What is counted."""

    address: str

    def goodbye(self, reason: str) -> None:
        """Answer what was read, and end the connection."""
        ...

    def abort(self) -> None:
        """End the connection without another word."""
        ...


class Connections:
    """Open connections, bounded in all and for each address."""

    def __init__(self, limits: Limits) -> None:
        self._most = limits.connections
        self._most_of_address = limits.connections_per_address
        self._open: dict[Connection, None] = {}
        self._by_address: Counter[str] = Counter()
        self._empty: list[Deferred[None]] = []

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._open))

    def has_room(self, address: str) -> bool:
        """Tell whether one more from an address may be opened."""
        share = self._most_of_address
        return len(self._open) < self._most and not (share and self._by_address[address] >= share)

    def add(self, connection: Connection) -> None:
        """Count a connection."""
        self._open[connection] = None
        self._by_address[connection.address] += 1

    def remove(self, connection: Connection) -> None:
        """Count one less."""
        del self._open[connection]
        self._by_address[connection.address] -= 1
        if not self._by_address[connection.address]:
            del self._by_address[connection.address]
        if not self._open:
            empty, self._empty = self._empty, []
            for done in empty:
                done.callback(None)

    def when_empty(self) -> Deferred[None]:
        """Fire when there is none."""
        done: Deferred[None] = Deferred()
        if self._open:
            self._empty.append(done)
        else:
            done.callback(None)
        return done

    def abort(self) -> None:
        """End all of them without another word."""
        for connection in self:
            connection.abort()


class Refusing(TwistedProtocol):
    """A connection for which there is no room: it is told so, as older clients spin on a silent end."""

    def __init__(self, line: bytes) -> None:
        self._line = line

    def connectionMade(self) -> None:
        """Say it, and close."""
        transport = cast("Any", self.transport)
        transport.write(self._line)
        transport.loseConnection()
