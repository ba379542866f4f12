"""Connections to an original server that end where nobody looks: behind a reply, before the next request."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import StringTransport

from chatproto.federation.link import State
from chatproto.federation.original_requests import NotAnswered, NotAsked
from chatproto.federation.originals import OwnPlace
from chatproto.names import RealmName
from chatproto.protocols.older_peer import OlderPeerFactory, OlderPeerProtocol
from tests.federation.town import Place, Town

OK = b'{"status": "OK"}\r\n\r\n'
OLD = RealmName("old")


class Dials:
    """An original server's ends of all connections that are dialled."""

    def __init__(self, place: Place) -> None:
        self.ends: list[OlderPeerProtocol] = []
        self.said: list[StringTransport] = []
        make = partial(OlderPeerFactory, place.clock)
        place.peers.originals.serve(lambda _: self, make, OwnPlace("", 7))  # type: ignore[arg-type,return-value]
        place.peers.start(lambda _: self, lambda *_: None)  # type: ignore[arg-type,return-value]

    def connect(self, factory: Any) -> Deferred[Any]:
        """Be there."""
        protocol = factory.buildProtocol(None)
        self.ends.append(protocol)
        self.said.append(StringTransport())
        protocol.makeConnection(self.said[-1])
        return succeed(protocol)


def test_a_server_that_closes_behind_its_first_reply_is_dialled_again() -> None:
    place = Town().alpha
    dials = Dials(place)
    adding = Deferred.fromCoroutine(place.peers.originals.add("old", "127.0.0.1", 9))
    assert dials.said[0].value() == b"recvrealm old 10.0.0.1 7\r\n"
    dials.ends[0].dataReceived(OK)
    dials.ends[0].connectionLost()  # before a row of it is on disk
    assert place.wait(adding) == OLD
    messi = place.person("messi")
    messi.send("amsal@old", "halo")
    place.turn(30)
    assert len(dials.ends) == 2
    assert dials.said[1].value() == b"server send messi amsal halo \r\n"
    dials.ends[1].dataReceived(OK)
    place.turn()
    assert place.peers.links[OLD].state is State.UP
    assert place.texts("bounce") == []


def test_what_is_asked_on_a_connection_that_is_gone_was_not_asked() -> None:
    place = Town().alpha
    wires: list[Any] = []
    for end in (OlderPeerProtocol.close, OlderPeerProtocol.connectionLost):
        protocol = OlderPeerFactory(place.clock, wires.append).buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        before = protocol.ask(b"one", 9)
        end(protocol)
        protocol.connectionLost()
        after = protocol.ask(b"two", 9)
        assert before.addErrback(lambda failure: failure.type).result is NotAnswered
        assert after.addErrback(lambda failure: failure.type).result is NotAsked
        assert transport.value() == b"one"
