"""A main server and fronts before it in memory, whose links can be cut, and clients of any of them."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from chatproto.errors import LinkError
from chatproto.federation.fronts import FrontHandshake, Main
from chatproto.federation.identity import Key
from chatproto.federation.trust import Kind, Trust
from chatproto.protocols.front_end import FrontProtocol, MainLink
from chatproto.protocols.front_factory import FrontFactory
from chatproto.protocols.front_main import Fronts
from chatproto.realm import ClientSession
from chatproto.realm.listening import Sink
from tests.protocols.wires import Peer, Wire
from tests.realm.house import House

TOFU = Trust(Kind.TOFU)


def _bytes(size: int) -> bytes:
    return bytes(size)


class FrontBefore:
    """A front; ``main`` takes it, and may be the realm's or another front's."""

    def __init__(self, house: House, main: Fronts) -> None:
        self.house = house
        self._main_server = main
        self._key = Key(b"f" * 32)
        self.main = Main("")
        self.ends: list[LinkError | None] = []
        self.link = MainLink(house.clock, house.policy.limits, self._handshake, self._met, self.ends.append)
        self.factory = FrontFactory(self.link.new_session, house.clock, house.policy.limits)
        self.fronts = Fronts(
            lambda: self.main,
            self._key,
            lambda *_: TOFU,
            self.link.new_session,
            house.clock,
            house.policy.limits,
        )
        self.near: Wire | None = None
        self.far: Wire | None = None

    def connect(self) -> None:
        """Make a link, and let it stand."""
        end = self.link.factory().buildProtocol(None)
        over_there = self._main_server.take("127.0.0.1")
        assert isinstance(end, FrontProtocol)
        assert over_there is not None
        self.end, self.over_there = end, over_there
        self.near, self.far = Wire(), Wire()
        end.makeConnection(self.near)
        over_there.makeConnection(self.far)
        self.settle()

    def settle(self) -> None:
        """Carry what was written to the other side, until nothing is."""
        while True:
            self.house.turn()
            moved = False
            for wire, protocol in ((self.near, self.over_there), (self.far, self.end)):
                if wire is None or not wire.taken:
                    continue
                data, wire.taken = wire.taken, b""
                moved = True
                for start in range(0, len(data), 60_000):
                    protocol.dataReceived(data[start : start + 60_000])
            if not moved:
                return

    def cut(self, *, quietly: bool = False) -> None:
        """Lose the link, on both sides or only on the front's."""
        self.near = self.far = None
        if not quietly:
            self.over_there.connectionLost(Failure(ConnectionLost()))
        self.end.connectionLost(Failure(ConnectionDone()))
        self.house.turn()

    def _handshake(self) -> FrontHandshake:
        return FrontHandshake("front", self._key, TOFU, _bytes)

    def _met(self, main: Main, key: str) -> None:
        self.main = main
        self.factory.speak_for(main.realm)


class Town:
    """A realm, its main server's side, and a row of fronts: each before the one made last."""

    def __init__(self, hops: int = 1, **options: Any) -> None:
        self.house = House(**options)
        self.sessions: list[ClientSession] = []
        first = Fronts(
            lambda: Main("alpha"),
            Key(b"m" * 32),
            lambda *_: TOFU,
            self._new_session,
            self.house.clock,
            self.house.policy.limits,
        )
        self.main = first
        self.fronts: list[FrontBefore] = []
        for _ in range(hops):
            self.fronts.append(FrontBefore(self.house, first))
            self.fronts[-1].connect()
            first = self.fronts[-1].fronts

    @property
    def front(self) -> FrontBefore:
        """The one that is farthest from the main server."""
        return self.fronts[-1]

    def _new_session(self, sink: Sink, address: str) -> ClientSession:
        session = ClientSession(self.house.realm, sink, address=address)
        self.sessions.append(session)
        return session

    def settle(self) -> None:
        """Let everything happen that needs no time."""
        while True:
            for front in self.fronts:
                front.settle()
            wires = [wire for front in self.fronts for wire in (front.near, front.far)]
            if not any(wire is not None and wire.taken for wire in wires):
                return

    def client(self, front: FrontBefore | None = None, **options: Any) -> FrontClient:
        """Return a client of a front."""
        return FrontClient(self, front or self.front, **options)


class FrontClient(Peer):
    """A client of a front."""

    def __init__(self, town: Town, front: FrontBefore, **options: Any) -> None:
        self._town = town
        super().__init__(front, **options)  # type: ignore[arg-type]

    def say(self, *lines: str | bytes | dict[str, Any]) -> None:
        super().say(*lines)
        self._town.settle()
        self.settle()

    def register(self, name: str) -> None:
        """Make an account in the JSON dialect, and log in."""
        assert self.ask({"do": "register", "user": name, "password": "rahasia"})["status"] == "OK"

    def texts(self) -> list[str]:
        """Return the texts of the messages that came."""
        return [each["text"] for each in self.heard() if each.get("event") == "message"]
