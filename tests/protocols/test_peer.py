"""One end of a connection to another realm, on virtual time: bounds, pauses, ends."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.errors import LinkError
from chatproto.federation.connection import Connection
from chatproto.frames import Chunk, Frame, Goodbye, Hello, PeerLimits, Ping, Pong
from chatproto.limits import Limits
from chatproto.protocols.peer import HANDSHAKE_LINE_BYTES, RealmPeerProtocol, Stage
from chatproto.protocols.peer_factory import STRANGERS
from chatproto.wire.peer import decode_frame, encode_frame
from tests.protocols.peering import ALPHA, BETA, SECRET, LinkingRealm, item, two_realms
from tests.protocols.wires import Wire

HERE = IPv4Address("TCP", "127.0.0.1", 40000)


class Side:
    """One end, on a wire whose other end is the test."""

    def __init__(self, clock: Clock, protocol: Any, *, reading: bool = True) -> None:
        assert isinstance(protocol, RealmPeerProtocol)
        self.clock = clock
        self.wire = Wire(reading=reading)
        self.protocol = protocol
        self._lost = False
        protocol.makeConnection(self.wire)
        clock.advance(0)

    def say(self, *lines: bytes | Frame) -> None:
        """Let the other end say lines, in one write."""
        data = [each + b"\n" if isinstance(each, bytes) else encode_frame(each) for each in lines]
        self.protocol.dataReceived(b"".join(data))
        self.clock.advance(0)
        self.settle()

    def settle(self) -> None:
        """Lose the connection if this side closed it."""
        if self.wire.disconnecting:
            self.lose()

    def lose(self) -> None:
        """Lose the connection."""
        if not self._lost:
            self._lost = True
            self.protocol.connectionLost(Failure(ConnectionDone()))

    def heard(self) -> bytes:
        """Return what this side said since the last time."""
        self.clock.advance(0)
        taken, self.wire.taken = self.wire.taken, b""
        return taken

    def frames(self) -> list[Frame | None]:
        """Return the frames that this side said since the last time."""
        return [decode_frame(line) for line in self.heard().split(b"\n")[:-1]]

    def goodbye(self) -> Goodbye:
        """Return the goodbye that was all this side said."""
        (frame,) = self.frames()
        assert isinstance(frame, Goodbye)
        return frame


class Two:
    """Two realms on one clock."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.alpha, self.beta = two_realms(self.clock, **options)

    def listening(self, realm: LinkingRealm | None = None, **options: Any) -> Side:
        """Return an end that somebody dialled, of beta by default."""
        return Side(self.clock, (realm or self.beta).factory.buildProtocol(HERE), **options)

    def dialling(self, **options: Any) -> Side:
        """Return alpha's end of a connection to beta."""
        factory = self.alpha.factory.dialling(BETA, self.alpha.failures.append)
        return Side(self.clock, cast("Any", factory).buildProtocol(HERE), **options)

    def linked(self, **options: Any) -> tuple[Side, Side]:
        """Return alpha's end, which dialled, and beta's: both have proved who they are."""
        dialler, listener = self.dialling(**options), self.listening()
        for _ in range(2):
            listener.protocol.dataReceived(dialler.heard())
            dialler.protocol.dataReceived(listener.heard())
        assert dialler.protocol.stage is listener.protocol.stage is Stage.LINKED
        return dialler, listener


@pytest.fixture
def two() -> Two:
    return Two()


class TestHandshake:
    @pytest.mark.parametrize("secret", ["", SECRET])
    def test_both_links_get_the_connection(self, secret: str) -> None:
        two = Two(secret=secret, limits=None)
        two.linked()
        for here, there in ((two.alpha, two.beta), (two.beta, two.alpha)):
            name = there.identity.realm
            told = [("trust_of", name), ("approved", name, there.identity.key), ("authenticated", name)]
            assert here.told == told
            assert here.end.realm == name
            assert here.factory.traffic.linked == 1
        assert (two.alpha.end.connection.dialled, two.beta.end.connection.dialled) == (True, False)
        assert two.alpha.failures == []

    def test_the_links_learn_what_the_other_takes_and_both_can_do(self) -> None:
        two = Two()
        two.alpha.identity.capabilities = ("files", "old")
        two.beta.identity.capabilities = ("files", "new")
        two.beta.identity.limits = PeerLimits(items=7)
        two.linked()
        connection: Connection = two.alpha.end.connection
        assert connection.peer_limits == PeerLimits(items=7)
        assert connection.capabilities == two.beta.end.connection.capabilities == {"files"}
        assert repr(connection) == "<a connection to beta>"

    def test_frames_that_come_with_the_proof_are_not_lost(self, two: Two) -> None:
        dialler, listener = two.dialling(), two.listening()
        listener.protocol.dataReceived(dialler.heard())
        dialler.protocol.dataReceived(listener.heard())
        listener.protocol.dataReceived(dialler.heard())
        dialler.protocol.dataReceived(listener.heard() + encode_frame(Ping(number=1)) * 2)
        assert two.alpha.end.frames == [Ping(number=1)] * 2

    @pytest.mark.parametrize("size", [1, 7, 100])
    def test_bytes_may_come_in_any_pieces(self, two: Two, size: int) -> None:
        dialler, listener = two.dialling(), two.listening()
        for _ in range(2):
            for one, other in ((dialler, listener), (listener, dialler)):
                said = one.heard()
                for start in range(0, len(said), size):
                    other.protocol.dataReceived(said[start : start + size])
        assert (len(two.alpha.ends), len(two.beta.ends)) == (1, 1)

    def test_a_stranger_is_told_so_and_nothing_is_done_for_him(self, two: Two) -> None:
        del two.beta.trusts[ALPHA]
        dialler, listener = two.dialling(), two.listening()
        listener.say(dialler.heard()[:-1])
        # It hears who was dialled, so that an operator there can compare the key.
        hello, goodbye = listener.frames()
        assert isinstance(hello, Hello)
        assert hello.key == two.beta.identity.key
        assert goodbye == Goodbye(reason="not-linked", message="there is no link to that realm")
        assert listener.wire.disconnecting
        assert two.beta.told == [("trust_of", ALPHA)]
        assert two.beta.factory.traffic.refusals == {"not-linked": 1}
        assert not two.beta.factory.strangers

    def test_frames_before_the_proof_are_not_taken(self, two: Two) -> None:
        listener = two.listening()
        listener.say(item(1), item(2))
        assert listener.goodbye().reason == "unexpected-frame"
        assert (two.beta.told, two.beta.ends) == ([], [])
        dialler, listener = two.dialling(), two.listening()
        listener.say(dialler.heard()[:-1], item(1))
        assert [type(each) for each in listener.frames()] == [Hello, Goodbye]
        assert two.beta.ends == []

    def test_who_uses_the_name_of_another_is_told_of(self, two: Two) -> None:
        dialler, listener = two.dialling(), two.listening()
        listener.say(dialler.heard()[:-1], b'{"frame":"auth","signature":"00"}')
        assert [getattr(each, "reason", "") for each in listener.frames()] == ["", "bad-proof"]
        assert two.beta.told == [("trust_of", ALPHA), ("refused", ALPHA, "bad-proof")]

    def test_the_log_hears_of_impostors_now_and_then(self, two: Two) -> None:
        lines: list[str] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            lines.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        try:
            for seconds in (0, 1, 1, 10):
                two.clock.advance(seconds)
                dialler, listener = two.dialling(), two.listening()
                listener.say(dialler.heard()[:-1], b'{"frame":"auth","signature":"00"}')
        finally:
            globalLogPublisher.removeObserver(observe)
        said = "who dialled as alpha did not prove it: the proof does not hold for this connection"
        assert lines == [f"{said}; {more} more since the last such line" for more in (0, 2)]

    def test_who_dialled_learns_once_why_it_failed(self, two: Two) -> None:
        two.alpha.trusts[BETA] = two.beta.trusts[ALPHA]  # the wrong key
        dialler, listener = two.dialling(), two.listening()
        listener.protocol.dataReceived(dialler.heard())
        dialler.say(listener.heard()[:-1])
        (error,) = two.alpha.failures
        assert (error.code, error.final) == ("wrong-key", True)
        listener.say(dialler.heard()[:-1])
        assert two.beta.told[1:] == [("refused", ALPHA, "refused-by-peer")]
        assert listener.heard() == b""  # a goodbye is not answered

    @pytest.mark.parametrize("said", [b"", b'{"frame":"goodbye","reason":"not-linked"}\n'])
    def test_who_dialled_learns_of_a_silent_end_too(self, two: Two, said: bytes) -> None:
        dialler = two.dialling()
        dialler.protocol.dataReceived(said)
        dialler.lose()
        (error,) = two.alpha.failures
        assert error.code == ("refused-by-peer" if said else "link-lost")
        assert not error.final

    def test_there_are_ten_seconds(self, two: Two) -> None:
        dialler, listener = two.dialling(), two.listening()
        listener.protocol.dataReceived(dialler.heard())
        dialler.clock.advance(Limits().link_handshake_seconds - 0.1)
        assert not listener.wire.disconnecting
        dialler.clock.advance(0.2)
        assert b"handshake-timeout" in listener.heard()
        assert dialler.goodbye().reason == "handshake-timeout"
        assert [error.code for error in two.alpha.failures] == ["handshake-timeout"]
        assert listener.wire.disconnecting
        assert dialler.wire.disconnecting

    def test_afterwards_there_is_no_such_time(self, two: Two) -> None:
        dialler, listener = two.linked()
        two.clock.advance(10 * Limits().link_handshake_seconds)
        assert dialler.protocol.stage is listener.protocol.stage is Stage.LINKED

    @pytest.mark.parametrize("ended", [True, False])
    def test_a_long_line_before_the_proof_ends_the_connection(self, two: Two, ended: bool) -> None:
        listener = two.listening()
        listener.protocol.dataReceived(b"x" * (HANDSHAKE_LINE_BYTES + 2) + b"\n" * ended)
        assert listener.goodbye().reason == "line-too-long"
        assert two.beta.told == []

    def test_a_link_may_refuse_the_connection(self, two: Two) -> None:
        two.beta.refuses = "blocked"
        dialler, listener = two.dialling(), two.listening()
        listener.protocol.dataReceived(dialler.heard())
        dialler.protocol.dataReceived(listener.heard())
        listener.say(dialler.heard()[:-1], item(1))
        dialler.protocol.dataReceived(listener.heard())
        assert two.alpha.end.frames == [Goodbye(reason="blocked", retry_after=7.0)]
        assert listener.wire.disconnecting
        dialler.lose()
        assert two.alpha.failures == []
        assert two.alpha.end.reasons == ["goodbye"]


class TestRoom:
    def test_of_too_many_strangers_the_oldest_makes_room(self) -> None:
        two = Two(limits=Limits(connections_per_address=0))
        sides = [two.listening() for _ in range(STRANGERS)]
        linked = two.dialling()
        newest = two.listening()
        assert [side.wire.aborted for side in sides] == [True] + [False] * (STRANGERS - 1)
        assert two.beta.factory.strangers == STRANGERS
        newest.protocol.dataReceived(linked.heard())
        linked.protocol.dataReceived(newest.heard())
        newest.protocol.dataReceived(linked.heard())
        assert two.beta.end.realm == ALPHA
        assert two.beta.factory.strangers == STRANGERS - 1
        for side in (*sides, newest, linked):
            side.lose()
        assert two.beta.factory.strangers == 0
        assert two.beta.end.reasons == ["closed"]

    def test_all_who_are_linked_may_come_back_at_once(self) -> None:
        two = Two(limits=Limits(connections_per_address=0))
        two.beta.links = [ALPHA] * 100
        sides = [two.listening() for _ in range(STRANGERS + 100)]
        assert not any(side.wire.aborted for side in sides)
        two.listening()
        assert [side.wire.aborted for side in sides[:2]] == [True, False]

    def test_those_who_are_known_count_no_more(self) -> None:
        two = Two(limits=Limits(connections_per_address=0))
        sides = [two.linked()[1] for _ in range(3)]
        assert two.beta.factory.strangers == 0
        for _ in range(STRANGERS):
            two.listening()
        assert not any(side.wire.aborted for side in sides)

    def test_an_address_has_its_share(self) -> None:
        two = Two(limits=Limits(connections_per_address=2))
        first = two.listening()
        two.listening()
        assert two.beta.factory.buildProtocol(HERE) is None
        assert two.beta.factory.traffic.turned_away == 1
        first.lose()
        assert two.beta.factory.buildProtocol(HERE) is not None


class TestLink:
    def test_frames_go_both_ways_in_order(self, two: Two) -> None:
        dialler, listener = two.linked()
        frames = [item(number) for number in range(1, 50)]
        assert two.alpha.end.connection.send(*frames)
        assert two.alpha.end.connection.send(Ping(number=1))
        listener.protocol.dataReceived(dialler.heard())
        assert two.beta.end.frames == [*frames, Ping(number=1)]
        two.beta.end.connection.send(Pong(number=1))
        dialler.protocol.dataReceived(listener.heard())
        assert two.alpha.end.frames == [Pong(number=1)]

    def test_what_is_sent_in_a_turn_is_one_write(self, two: Two) -> None:
        dialler, _ = two.linked()
        before = dialler.wire.writes
        for number in range(1, 100):
            two.alpha.end.connection.send(item(number))
        two.clock.advance(0)
        assert dialler.wire.writes == before + 1

    def test_who_does_not_read_is_not_sent_to(self, two: Two) -> None:
        dialler, _ = two.linked()
        dialler.wire.reading = False
        connection = two.alpha.end.connection
        number = 1
        while connection.send(item(number, "x" * 8000)):
            number += 1
        assert 8 <= number <= 40
        assert two.alpha.end.drains == 0
        while dialler.wire.waiting:
            dialler.wire.take()
            two.clock.advance(0)
        assert two.alpha.end.drains == 1
        assert connection.send(item(number + 1))

    def test_who_reads_nothing_at_all_is_given_up(self, two: Two) -> None:
        dialler, _ = two.linked()
        dialler.wire.reading = False
        while two.alpha.end.connection.send(item(1, "x" * 8000)):
            pass
        two.clock.advance(29)
        assert not dialler.wire.aborted
        two.clock.advance(2)
        dialler.settle()
        assert dialler.wire.aborted
        assert two.alpha.end.reasons == ["stuck"]

    def test_small_frames_for_who_reads_nothing_have_a_bound(self, two: Two) -> None:
        dialler, _ = two.linked()
        dialler.wire.reading = False
        most = 0
        for _ in range(1000):
            two.alpha.end.connection.send(*[Pong(number=1)] * 100)
            most = max(most, two.alpha.end.connection._protocol._outbox.unsent)  # type: ignore[attr-defined]
        assert 1024 * 1024 < most < 2 * 1024 * 1024
        assert dialler.wire.aborted
        dialler.settle()
        assert two.alpha.end.reasons == ["overrun"]

    def test_a_link_may_leave_it_unread(self, two: Two) -> None:
        _, listener = two.linked()
        end = two.beta.end
        end.hook = lambda _: end.connection.pause(True)
        listener.say(item(1), item(2), item(3))
        assert end.frames == [item(1)]
        assert listener.wire.paused
        end.hook = lambda _: None
        end.connection.pause(False)
        assert end.frames == [item(1)]  # not from within the call
        two.clock.advance(0)
        assert end.frames == [item(1), item(2), item(3)]
        assert not listener.wire.paused

    def test_who_pauses_again_at_once_stays_paused(self, two: Two) -> None:
        _, listener = two.linked()
        end = two.beta.end
        end.connection.pause(True)
        listener.say(item(1))
        end.connection.pause(False)
        end.connection.pause(True)
        two.clock.advance(0)
        assert end.frames == []
        end.connection.pause(False)
        end.connection.pause(False)
        two.clock.advance(0)
        assert end.frames == [item(1)]

    def test_unknown_frames_are_counted(self, two: Two) -> None:
        _, listener = two.linked()
        listener.say(b'{"frame":"new"}', item(1), b'{"frame":"newer","x":[1]}')
        assert two.beta.end.frames == [item(1)]
        assert two.beta.factory.traffic.unknown_frames == 2

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (b"halo", "bad-frame"),
            (b"\xff", "bad-frame"),
            (b'{"frame":"ping"}', "bad-frame"),
            (b'{"frame":"ping","number":1,"number":2}', "bad-frame"),
            (b'{"frame":"new","must":true}', "unknown-frame"),
            (b'{"frame":"auth","signature":""}', "unexpected-frame"),
            (b"x" * (256 * 1024 + 2), "line-too-long"),
        ],
    )
    def test_what_is_no_frame_ends_it(self, two: Two, line: bytes, reason: str) -> None:
        _, listener = two.linked()
        listener.say(item(1), line, item(2))
        assert two.beta.end.frames == [item(1)]
        assert listener.goodbye().reason == reason
        assert two.beta.end.reasons == [reason]
        assert two.beta.told[-1] == ("authenticated", ALPHA)  # this is nobody's false name

    def test_a_line_may_be_as_long_as_the_hello_says(self) -> None:
        two = Two()
        two.beta.identity.limits = PeerLimits(line=10_000)
        _, listener = two.linked()
        listener.say(item(1, "x" * 9000))
        assert two.beta.end.frames == [item(1, "x" * 9000)]
        listener.say(item(2, "x" * 10_000))
        assert two.beta.end.reasons == ["line-too-long"]


class TestEnd:
    def test_a_goodbye_comes_after_all_that_was_sent(self, two: Two) -> None:
        dialler, listener = two.linked()
        end = two.alpha.end
        end.connection.send(item(1))
        end.connection.goodbye("shutdown", 3.5)
        assert not end.connection.send(item(2))
        end.connection.goodbye("again")
        listener.protocol.dataReceived(dialler.heard())
        goodbye = Goodbye(reason="shutdown", retry_after=3.5)
        assert two.beta.end.frames == [item(1), goodbye]
        for side in (dialler, listener):
            assert side.wire.disconnecting
            side.lose()
        assert (end.reasons, two.beta.end.reasons) == (["closed"], ["goodbye"])

    def test_nothing_is_received_after_it(self, two: Two) -> None:
        _, listener = two.linked()
        end = two.beta.end
        end.hook = lambda _: end.connection.goodbye("enough")
        listener.say(item(1), item(2))
        listener.protocol.dataReceived(encode_frame(item(3)))
        assert end.frames == [item(1)]

    @pytest.mark.parametrize("in_between", [True, False])
    def test_an_abort_says_nothing_more(self, two: Two, in_between: bool) -> None:
        dialler, listener = two.linked()
        end = two.beta.end
        if in_between:
            end.hook = lambda _: end.connection.abort()
        else:
            end.connection.send(item(1))
            end.connection.abort()
        listener.say(item(1), item(2))
        assert len(end.frames) == in_between
        assert listener.heard() == b""
        assert listener.wire.aborted
        assert end.reasons == ["aborted"]
        assert not end.connection.send(item(1))
        end.connection.pause(False)
        two.clock.advance(0)
        dialler.lose()
        assert two.alpha.end.reasons == ["closed"]

    def test_a_link_may_abort_at_a_goodbye(self, two: Two) -> None:
        _, listener = two.linked()
        end = two.beta.end
        end.hook = lambda _: end.connection.abort()
        listener.say(Goodbye(reason="shutdown"))
        assert end.reasons == ["goodbye"]

    def test_all_connections_end_when_the_realm_does(self, two: Two) -> None:
        dialler, listener = two.linked()
        stranger = two.listening()
        drained = two.beta.factory.drain("shutdown")
        two.clock.advance(0)
        assert [side.goodbye().reason for side in (listener, stranger)] == ["shutdown"] * 2
        assert not drained.called
        for side in (listener, stranger, dialler):
            side.lose()
        assert drained.called
        assert not two.clock.getDelayedCalls()

    def test_or_are_cut_after_a_while(self, two: Two) -> None:
        _, listener = two.linked()
        listener.wire.reading = False
        while two.beta.end.connection.send(item(1, "x" * 8000)):
            pass
        drained = two.beta.factory.drain()
        two.clock.advance(5.1)
        assert listener.wire.aborted
        listener.lose()
        assert drained.called

    def test_a_realm_whose_store_failed_says_nothing(self, two: Two) -> None:
        dialler, listener = two.linked()
        two.beta.factory.abort()
        listener.settle()
        assert listener.heard() == b""
        assert two.beta.end.reasons == ["aborted"]
        dialler.lose()

    def test_nothing_is_left_on_the_clock(self, two: Two) -> None:
        for side in (*two.linked(), two.dialling(), two.listening()):
            side.lose()
        two.clock.advance(0)
        assert two.clock.getDelayedCalls() == []


class TestRawBytes:
    DATA = bytes(range(256)) * 3 + b"\n{}\n"

    def chunk(self, offset: int = 0) -> Chunk:
        return Chunk(mid="alpha/1", offset=offset, size=len(self.DATA))

    @pytest.mark.parametrize("size", [1, 7, 100, 10_000])
    def test_they_follow_their_frame_whatever_they_are(self, two: Two, size: int) -> None:
        dialler, listener = two.linked()
        connection = two.alpha.end.connection
        assert connection.idle
        connection.send(Ping(number=1))
        connection.send_raw(self.chunk(), self.DATA)
        assert not connection.idle
        connection.send_raw(self.chunk(9), self.DATA)
        connection.send(Ping(number=2))
        said = dialler.heard()
        assert connection.idle
        for start in range(0, len(said), size):
            listener.protocol.dataReceived(said[start : start + size])
        assert two.beta.end.frames == [Ping(number=1), self.chunk(), self.chunk(9), Ping(number=2)]
        assert two.beta.end.raw == [self.DATA] * 2

    def test_nothing_of_them_comes_before_the_proof(self, two: Two) -> None:
        listener = two.listening()
        listener.say(encode_frame(self.chunk())[:-1] + b"\n" + self.DATA)
        assert two.beta.ends == []
        assert listener.wire.disconnecting

    @pytest.mark.parametrize("size", [-1, 0, 64 * 1024 + 1, 1.5])
    def test_a_size_that_is_none_ends_the_connection(self, two: Two, size: float) -> None:
        _, listener = two.linked()
        listener.heard()
        listener.say(f'{{"frame":"chunk","mid":"alpha/1","offset":0,"size":{size}}}'.encode())
        assert listener.goodbye().reason == "bad-frame"

    def test_one_that_ends_has_room_for_nothing(self, two: Two) -> None:
        dialler, _ = two.linked()
        connection = two.alpha.end.connection
        assert connection.idle
        assert not connection.full
        connection.goodbye("shutdown")
        assert connection.full
        assert not connection.idle
        dialler.lose()

    def test_a_connection_that_ends_in_the_middle_tells_nothing(self, two: Two) -> None:
        _, listener = two.linked()
        listener.protocol.dataReceived(encode_frame(self.chunk()) + self.DATA[:-1])
        listener.lose()
        assert two.beta.end.raw == []


def test_a_recorded_connection_is_worth_nothing(two: Two) -> None:
    dialler, listener = two.dialling(), two.listening()
    recorded = dialler.heard()
    listener.protocol.dataReceived(recorded)
    dialler.protocol.dataReceived(listener.heard())
    recorded += dialler.heard()
    again = two.listening()
    again.protocol.dataReceived(recorded + encode_frame(item(1)))
    assert [json.loads(line)["frame"] for line in again.heard().split(b"\n")[:-1]] == ["hello", "goodbye"]
    assert two.beta.ends == []
    assert two.beta.told[-1] == ("refused", ALPHA, "bad-proof")


def test_errors_of_links_have_different_codes() -> None:
    codes = [kind.code for kind in _all(LinkError)]
    assert len(codes) == len(set(codes))


def _all(kind: type[LinkError]) -> list[type[LinkError]]:
    return [kind, *(each for sub in kind.__subclasses__() for each in _all(sub))]
