"""Our end of a connection to an original server that has a live group, byte by byte."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from chatproto.errors import QueueFull, Unavailable
from chatproto.protocols.older_live import LEAVE_SECONDS, SPACE_SECONDS, OlderRelays, RelayProtocol
from chatproto.wire.older_live import Ending, texts_of

CHECK = b"check group messi bola other \r\n"
PENDING = b'{"status": "PENDING", "message": "Tidak ada grup bola di server"}\r\n\r\n'
LEFT = b'{"status": "OK", "message": "Telah keluar dari grup bola"}\r\n\r\n'


class Far:
    """The original server's end of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.wire = StringTransport()
        self.relay = RelayProtocol(self.clock, "messi", "bola")
        self.opened: list[bool] = []
        self.relay.opened.addCallback(self.opened.append)
        self.shown: list[str] = []
        self.lost = 0
        self.takes = True
        self.relay.makeConnection(self.wire)

    def show(self, data: bytes) -> None:
        self.relay.dataReceived(data)

    def begin(self) -> Far:
        """Let the user be there."""
        self.show(b"messi telah bergabung")
        self.relay.begin(self._hear, self._lost)
        self.wire.clear()
        return self

    def _hear(self, text: str) -> bool:
        self.shown.append(text)
        return self.takes

    def _lost(self) -> None:
        self.lost += 1

    def close(self) -> None:
        self.relay.connectionLost(Failure(ConnectionDone()))

    def heard(self) -> bytes:
        data: bytes = self.wire.value()
        self.wire.clear()
        return data

    def rest(self, seconds: float) -> None:
        self.clock.pump([0.01] * round(seconds / 0.01))


@pytest.fixture
def far() -> Far:
    return Far()


def test_what_is_asked_and_that_there_is_no_such_group(far: Far) -> None:
    assert far.heard() == CHECK
    far.show(PENDING[:30])
    assert far.opened == []
    far.show(PENDING[30:])
    assert far.opened == [False]
    assert far.wire.disconnecting


@pytest.mark.parametrize(
    "answer", [b'{"status": "ERROR", "message": "**Protocol Tidak Benar"}\r\n\r\n', b"{" * 20_000]
)
def test_any_other_reply_is_none(far: Far, answer: bytes) -> None:
    far.show(answer)
    assert far.opened == [False]


def test_a_connection_that_ends_at_once_is_none(far: Far) -> None:
    far.close()
    assert far.opened == [False]


def test_text_goes_as_it_is_one_write_each_with_a_pause(far: Far) -> None:
    far.begin()
    assert far.shown == ["messi telah bergabung"]
    for text in ("halo", "apa kabar", "café"):
        far.relay.say(text)
    assert far.heard() == b"halo"
    far.rest(SPACE_SECONDS - 0.02)
    assert far.heard() == b""
    far.rest(0.03)
    assert far.heard() == b"apa kabar"
    far.rest(SPACE_SECONDS)
    assert far.heard() == "café".encode()
    far.rest(1)
    assert far.heard() == b""


def test_what_comes_is_shown_as_it_is(far: Far) -> None:
    far.begin()
    far.show(b"amsal: caf\xc3")
    far.show(b"\xa9")
    far.show(b"amsal: satu\r\namsal: dua\n")
    assert far.shown[1:] == ["amsal: caf", "é", "amsal: satu", "amsal: dua"]


def test_what_comes_before_somebody_listens_is_kept(far: Far) -> None:
    far.show(b"messi telah bergabung")
    far.show(b"amsal: halo")
    far.relay.begin(far._hear, far._lost)
    assert far.shown == ["messi telah bergabungamsal: halo"]


def test_who_reads_slowly_is_waited_for(far: Far) -> None:
    far.begin()
    far.takes = False
    far.show(b"amsal: halo")
    assert far.wire.producerState == "paused"
    far.relay.resume()
    assert far.wire.producerState == "producing"


@pytest.mark.parametrize(
    "pieces", [[b"exit", LEFT], [b"exit" + LEFT], [b"exit" + LEFT[:9], LEFT[9:]], [b"messi: daexit", LEFT]]
)
def test_leaving_whatever_is_glued_together(far: Far, pieces: list[bytes]) -> None:
    far.begin()
    far.relay.say("da")
    left = far.relay.leave()
    far.rest(0.2)
    assert far.heard() == b"daexit"
    shown = len(far.shown)
    for piece in pieces:
        far.show(piece)
    assert left.called
    assert "".join(far.shown[shown:]) in ("", "messi: da")
    assert far.wire.disconnecting
    far.close()
    assert far.lost == 0


def test_a_server_that_does_not_let_go_is_left_all_the_same(far: Far) -> None:
    far.begin()
    left = far.relay.leave()
    assert far.heard() == b"exit"
    far.rest(LEAVE_SECONDS - 0.05)
    assert not left.called
    far.rest(0.1)
    assert left.called
    assert not far.clock.getDelayedCalls()


def test_a_server_that_goes_away_is_told_of_once(far: Far) -> None:
    far.begin()
    far.close()
    assert far.lost == 1
    with pytest.raises(Unavailable):
        far.relay.say("halo")
    assert far.relay.leave().called


def test_a_server_that_went_away_before_anybody_listened(far: Far) -> None:
    far.show(b"messi telah bergabung")
    far.close()
    far.relay.begin(far._hear, far._lost)
    assert (far.shown, far.lost) == (["messi telah bergabung"], 1)


def test_what_waits_is_bounded(far: Far) -> None:
    far.begin()
    for number in range(65):  # one of them is written
        far.relay.say(str(number))
    with pytest.raises(QueueFull):
        far.relay.say("and another one")


def test_who_loses_its_connection_leaves(far: Far) -> None:
    far.begin()
    far.relay.close()
    assert far.heard() == b"exit"
    far.show(b"exit")
    far.show(LEFT)
    assert far.wire.disconnecting
    assert (far.shown, far.lost) == (["messi telah bergabung"], 0)


@pytest.mark.parametrize("how", ["refused", "silent", "bad"])
def test_a_server_that_cannot_be_reached_is_passed_over(how: str) -> None:
    clock = Clock()

    class Nowhere:
        def connect(self, factory: object) -> Deferred[object]:
            done: Deferred[object] = Deferred()
            if how == "refused":
                done.errback(ConnectionRefusedError())
            return done

    def connect(text: str) -> Nowhere:
        if how == "bad":
            raise ValueError(text)
        return Nowhere()

    make: Callable[..., OlderRelays] = OlderRelays
    opened = Deferred.fromCoroutine(make(connect, clock).open("nowhere", "messi", "bola"))
    found: list[object] = []
    opened.addCallback(found.append)
    clock.advance(3)
    assert found == [None]
    assert not clock.getDelayedCalls()


def test_texts_of_a_read() -> None:
    assert texts_of("") == []
    assert texts_of("satu\r\n\r\ndua") == ["satu", "dua"]


def test_the_end_that_was_a_text() -> None:
    ending = Ending()
    assert ending.take("amsal: exit") == ("amsal: ", False)
    assert ending.take("budi: da") == ("exitbudi: da", False)
    assert ending.take('exit{"status": "OK"}') == ("", True)
