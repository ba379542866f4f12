"""Guests of rooms on virtual time, who see each write by itself and when it came."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec

from chatproto.limits import Limits
from chatproto.protocols.factory import ChatServerFactory
from chatproto.protocols.room import RoomFactory, RoomProtocol
from tests.protocols.wires import Peer, Served, Wire

NEW, KNOWN = b"New Group created", b"Welcome to chat room"


class TimedWire(Wire):
    """A wire that knows when each write was."""

    def __init__(self, house: Any) -> None:
        super().__init__()
        self._house = house
        self.times: list[float] = []

    def write(self, data: bytes) -> None:
        super().write(data)
        self.times.append(self._house.clock.seconds())


class Rooms(Served):
    """A realm whose clients connect to a port for rooms, and with :meth:`user` to the one for lines."""

    def __init__(
        self, limits: Limits | None = None, *, shared: bool = False, rates: bool = False, **options: Any
    ) -> None:
        super().__init__(limits, rates=rates)
        self.house.policy = msgspec.structs.replace(self.house.policy, shared_rooms=shared)
        self.house.restart()
        self._options = options
        self.serve()

    def serve(self) -> None:
        """Make the factories of the realm as it is now."""
        self.lines = ChatServerFactory(self.house.realm, self.house.clock)
        self.factory = RoomFactory(self.house.realm, self.house.clock, **self._options)

    def guest(self, name: str = "ani", room: str = "r1", *, answer: bytes | None = None) -> Guest:
        """Return a guest that is in a room."""
        guest = Guest(self)
        guest.type(name, room)
        shown = guest.shown()
        assert len(shown) == 1
        assert answer is None or shown == [answer]
        return guest

    def user(self, name: str) -> Peer:
        """Return a connection of a user of the realm."""
        served = Served.__new__(Served)
        served.house, served.factory = self.house, self.lines
        return served.peer(name)


class Guest(Peer):
    """The client's end of a guest's connection."""

    wire: TimedWire

    def make_wire(self, *, reading: bool) -> Wire:
        """Return a connection that knows when each write was."""
        return TimedWire(self.house)

    @property
    def server(self) -> RoomProtocol:
        """The server's end."""
        assert isinstance(self.protocol, RoomProtocol)
        return self.protocol

    def type(self, *fields: str | bytes, wait: float = 0.1) -> None:
        """Send fields, with a pause behind each."""
        for field in fields:
            self.say(field if isinstance(field, bytes) else field.encode())
            self.rest(wait)

    def send_file(self, name: str, content: bytes) -> None:
        """Send a file."""
        self.type("FILE", f"client_{name}", str(len(content)))
        self.type(content)

    def rest(self, seconds: float) -> None:
        """Let time pass in small steps."""
        for _ in range(round(seconds / 0.01)):
            self.house.turn(0.01)
        self.settle()

    def shown(self, wait: float = 0.0) -> list[bytes]:
        """Return what was written since the last time, write by write."""
        self.rest(wait)
        pieces, times = self.wire.pieces[:], self.wire.times[:]
        assert all(b - a > 0.149 for a, b in itertools.pairwise(times)), times
        self.wire.pieces.clear()
        del self.wire.times[:-1]
        return pieces
