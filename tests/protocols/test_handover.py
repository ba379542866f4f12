"""A connection that turns out to be somebody else's, on the port where users connect."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tests.protocols.wires import Peer, Served

FIRST = b'{"frame":"other"'


class Heir(Protocol):
    def __init__(self) -> None:
        self.came: list[bytes] = []
        self.goodbyes: list[str] = []
        self.lost = 0

    def dataReceived(self, data: bytes) -> None:
        self.came.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost += 1

    def goodbye(self, reason: str) -> None:
        self.goodbyes.append(reason)


class Port:
    """A port where others connect, too."""

    def __init__(self) -> None:
        self.served = Served()
        self.heirs: list[Heir] = []
        self.asked: list[str] = []
        self.served.factory.successors[FIRST] = self._take

    def _take(self, address: str) -> Heir:
        self.asked.append(address)
        self.heirs.append(Heir())
        return self.heirs[-1]

    def dial(self, *lines: Any) -> tuple[Peer, Heir]:
        peer = self.served.peer()
        peer.say(*lines)
        return peer, self.heirs[-1]


def test_it_gets_everything_from_the_first_line_on() -> None:
    port = Port()
    peer, heir = port.dial(FIRST + b"}\r\nsecond\nthi")
    assert b"".join(heir.came) == FIRST + b"}\nsecond\nthi"
    peer.say(b"rd\n")
    assert heir.came[-1] == b"rd\n"
    assert (port.asked, peer.heard()) == (["192.168.1.1"], [])
    assert heir.transport is peer.wire


def test_the_connection_is_still_counted_and_ended_where_it_came_in() -> None:
    port = Port()
    peer, heir = port.dial(FIRST + b"}\n")
    assert len(port.served.factory.connections()) == 1
    port.served.factory.drain()
    assert heir.goodbyes == ["shutdown"]
    peer.lose()
    assert (heir.lost, port.served.factory.connections()) == (1, [])


def test_who_ends_its_side_is_gone() -> None:
    port = Port()
    peer, _ = port.dial(FIRST + b"}\n")
    peer.protocol.readConnectionLost()  # type: ignore[attr-defined]
    assert peer.wire.aborted


def test_only_a_first_line_hands_over() -> None:
    port = Port()
    peer = port.served.peer()
    peer.say("foo", FIRST + b"}\r\n")
    assert port.heirs == []
    assert len(peer.wire.taken.split(b"\r\n")) > 1


def test_nobody_who_takes_it_is_the_end() -> None:
    served = Served()
    served.factory.successors[FIRST] = lambda _: None
    peer = served.peer()
    peer.say(FIRST + b"}\n")
    assert peer.wire.aborted
