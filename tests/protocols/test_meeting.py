"""Realms of a lab that meet, and strangers who are asked who they are: on virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from chatproto.errors import RealmUnreachable
from chatproto.federation.identity import Identity
from chatproto.federation.trust import Kind, Trust
from chatproto.frames import Goodbye, Hello
from chatproto.limits import Limits, without_rates
from chatproto.names import RealmName
from chatproto.protocols.meeting import FIND_SECONDS, Finder
from chatproto.protocols.peer_factory import RealmPeerFactory
from chatproto.wire.peer import decode_frame, encode_frame
from tests.protocols.peering import ALPHA, BETA, LinkingRealm

HERE, ELSEWHERE = "127.0.0.1", "192.0.2.7"


class Aborting(StringTransport):
    """A transport that can be aborted."""

    def abortConnection(self) -> None:
        self.loseConnection()


class Meeting:
    """Beta, in a lab, and what comes in there."""

    def __init__(self, clock: Clock) -> None:
        self.beta = LinkingRealm(BETA, clock)
        self.met: list[tuple[RealmName, Deferred[None]]] = []
        limits = without_rates(Limits())
        self.factory = RealmPeerFactory(self.beta, clock, limits=limits, meet=self._meet)
        self.clock = clock

    def _meet(self, realm: RealmName) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self.met.append((realm, done))
        return done

    def dial(self, host: str = HERE) -> tuple[Any, StringTransport]:
        """Return both ends of a connection that comes in."""
        address = IPv4Address("TCP", host, 5)
        protocol = cast("Any", self.factory.buildProtocol(address))
        transport = Aborting(peerAddress=address)
        protocol.makeConnection(transport)
        return protocol, transport

    def said(self, transport: StringTransport) -> list[object]:
        """Return the frames that were sent."""
        self.clock.advance(0)
        return [decode_frame(line) for line in transport.value().splitlines()]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def meeting(clock: Clock) -> Meeting:
    return Meeting(clock)


def hello(to: str = "beta", realm: str = "alpha") -> bytes:
    identity = Identity(ALPHA, b"a" * 32)
    return encode_frame(Hello(realm=realm, to=to, nonce="00" * 32, key=identity.key, versions=[1]))


class TestALab:
    def test_tells_who_it_is(self, meeting: Meeting) -> None:
        protocol, transport = meeting.dial()
        protocol.dataReceived(hello(to=""))
        told, goodbye = meeting.said(transport)
        assert isinstance(told, Hello)
        assert (told.realm, told.to) == ("beta", "alpha")
        assert isinstance(goodbye, Goodbye)
        assert meeting.met == []

    def test_gets_to_know_who_dials_before_it_answers(self, meeting: Meeting) -> None:
        protocol, transport = meeting.dial()
        protocol.dataReceived(hello() + b'{"frame":"later"}\n')
        ((realm, done),) = meeting.met
        assert realm == ALPHA
        assert meeting.said(transport) == []
        meeting.beta.trusts[ALPHA] = Trust(Kind.TOFU)
        done.callback(None)
        told, goodbye = meeting.said(transport)
        assert isinstance(told, Hello)
        assert isinstance(goodbye, Goodbye)  # what came meanwhile was read after it

    def test_answers_as_ever_if_that_fails(self, meeting: Meeting) -> None:
        protocol, transport = meeting.dial()
        protocol.dataReceived(hello())
        meeting.met[0][1].errback(RealmUnreachable())
        *_, goodbye = meeting.said(transport)
        assert isinstance(goodbye, Goodbye)
        assert goodbye.reason == "not-linked"

    def test_forgets_who_went_away_meanwhile(self, meeting: Meeting) -> None:
        protocol, transport = meeting.dial()
        protocol.dataReceived(hello())
        protocol.abort()
        meeting.met[0][1].callback(None)
        assert meeting.said(transport) == []

    @pytest.mark.parametrize(
        ("host", "line"), [(ELSEWHERE, hello()), (ELSEWHERE, hello(to="")), (HERE, hello(realm="A b"))]
    )
    def test_meets_nobody_else(self, meeting: Meeting, host: str, line: bytes) -> None:
        protocol, transport = meeting.dial(host)
        protocol.dataReceived(line)
        assert meeting.met == []
        assert isinstance(meeting.said(transport)[-1], Goodbye)


class Somebody:
    """An endpoint at which a connection succeeds or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.transport: Any = Aborting()
        self.asking: Any = None

    def connect(self, factory: Any) -> Deferred[Any]:
        if self.error is not None:
            return fail(self.error)
        self.asking = factory.buildProtocol(None)
        self.asking.makeConnection(self.transport)
        return succeed(self.asking)


def find(clock: Clock, somebody: Somebody) -> list[Any]:
    """Begin to look who is there, and return the list that gets what is found."""
    factory = LinkingRealm(ALPHA, clock).factory
    connect = cast("Callable[[str], IStreamClientEndpoint]", lambda _: somebody)
    found: list[Any] = []
    Deferred.fromCoroutine(Finder(factory, connect).find("tcp:there")).addBoth(found.append)
    return found


class TestWhoIsThere:
    def test_one_of_ours(self, clock: Clock) -> None:
        somebody = Somebody()
        found = find(clock, somebody)
        line = somebody.transport.value()
        said = decode_frame(line.removesuffix(b"\r\n"))
        assert isinstance(said, Hello)
        assert (said.realm, said.to) == ("alpha", "")
        for word in (b"server", b"check", b" "):  # which an original of system D would look for anywhere
            assert word not in line.replace(b'"agent":"chatproto ', b"")
        for piece in (hello(to="alpha", realm="beta")[:20], hello(to="alpha", realm="beta")[20:]):
            assert found == []
            somebody.asking.dataReceived(piece)
        assert found == [BETA]
        assert somebody.transport.disconnecting
        assert clock.getDelayedCalls() == []

    @pytest.mark.parametrize(
        "said",
        [b'{"status": "ERROR", "message": "**Protocol Tidak Benar"}\r\n\r\n', b"x" * 5000, b"HTTP/1.1 400\n"],
    )
    def test_somebody_else(self, clock: Clock, said: bytes) -> None:
        somebody = Somebody()
        found = find(clock, somebody)
        somebody.asking.dataReceived(said)
        assert found == [None]

    def test_somebody_who_is_silent(self, clock: Clock) -> None:
        found = find(clock, Somebody())
        clock.advance(FIND_SECONDS - 0.1)
        assert found == []
        clock.advance(0.2)
        assert found == [None]

    def test_nobody(self, clock: Clock) -> None:
        closing, unwilling = Somebody(), Somebody()
        found = [*find(clock, Somebody(ConnectionRefusedError())), *find(clock, Somebody(ValueError()))]
        for somebody in (closing, unwilling):
            found.append(find(clock, somebody))
        closing.asking.connectionLost()
        unwilling.asking.dataReceived(encode_frame(Goodbye(reason="not-linked")))
        failures = [each[0] if isinstance(each, list) else each for each in found]
        assert [each.type for each in failures] == [RealmUnreachable] * 4
