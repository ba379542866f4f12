"""System A's program for two: callers are paired, and what they say is passed on by turns."""

from __future__ import annotations

import pytest

from chatproto.limits import Limits
from chatproto.protocols.live import SILENCE_SECONDS
from chatproto.protocols.spaced import APART_SECONDS
from chatproto.protocols.talk import TalkFactory, TalkProtocol
from chatproto.wire.talk import TURN_BYTES, name_of, opening, turns_of
from tests.protocols.wires import Peer, Served


class TalkServed(Served):
    """A realm with the listener for callers."""

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__(limits)
        self.factory: TalkFactory = TalkFactory(self.house.realm, self.house.clock)

    def caller(self, name: str | bytes) -> Caller:
        caller = Caller(self)
        caller.name = name if isinstance(name, str) else ""
        caller.type(name)
        return caller


class Caller(Peer):
    """The older program: it shows what each write was."""

    protocol: TalkProtocol
    name = ""

    def type(self, text: str | bytes, wait: float = 0.5) -> None:
        """Send a text in one go, and let some time pass."""
        self.protocol.dataReceived(text if isinstance(text, bytes) else text.encode())
        self.rest(wait)

    def rest(self, seconds: float = 0.5) -> None:
        for _ in range(round(seconds / 0.01)):
            self.house.turn(0.01)
        self.settle()

    def shown(self) -> list[str]:
        pieces = [piece.decode() for piece in self.wire.pieces]
        self.wire.pieces.clear()
        return pieces


@pytest.fixture
def served() -> TalkServed:
    return TalkServed()


def pair(served: TalkServed) -> tuple[Caller, Caller]:
    ani, budi = served.caller("ani"), served.caller("budi")
    assert ani.shown() == ["budi", opening("budi").decode()]
    assert budi.shown() == ["ani"]
    return ani, budi


def test_two_callers_talk_by_turns(served: TalkServed) -> None:
    ani, budi = pair(served)
    ani.type("halo")
    assert (ani.shown(), budi.shown()) == ([], ["halo"])
    budi.type("hai")
    assert (ani.shown(), budi.shown()) == (["hai"], [])
    ani.type("apa kabar?")
    assert (ani.shown(), budi.shown()) == ([], ["apa kabar?"])


def test_nothing_is_told_to_who_is_alone(served: TalkServed) -> None:
    ani = served.caller("ani")
    ani.rest(60)
    assert ani.shown() == []
    assert not ani.closed


def test_who_speaks_out_of_turn_is_heard_in_turn(served: TalkServed) -> None:
    ani, budi = pair(served)
    budi.type("aku dulu")
    budi.type("lagi")
    assert ani.shown() == []
    ani.type("halo")
    assert (ani.shown(), budi.shown()) == (["aku dulu"], ["halo"])
    ani.type("ya")
    assert (ani.shown(), budi.shown()) == (["lagi"], ["ya"])


def test_what_is_told_is_read_one_by_one(served: TalkServed) -> None:
    ani = served.caller("ani")
    served.caller("budi").shown()
    ani.shown()
    fresh, other = Caller(served), Caller(served)
    for caller, name in ((fresh, b"cici"), (other, b"dedi")):
        caller.protocol.dataReceived(name)
    times: list[float] = []
    for _ in range(60):
        served.house.turn(0.01)
        if len(fresh.wire.pieces) > len(times):
            times.append(served.house.clock.seconds())
    assert len(times) == 2
    assert times[1] - times[0] >= APART_SECONDS - 0.001


def test_a_turn_may_come_in_pieces(served: TalkServed) -> None:
    ani, budi = pair(served)
    for piece in (b"ha", b"lo ", "é".encode()[:1], "é".encode()[1:]):
        ani.type(piece, SILENCE_SECONDS / 2)
    ani.rest()
    assert budi.shown() == ["halo é"]


def test_a_long_text_takes_several_turns(served: TalkServed) -> None:
    ani, budi = pair(served)
    text = "é" * TURN_BYTES
    ani.type(text)
    heard = ""
    for number in range(3):
        (turn,) = budi.shown()
        assert len(turn.encode()) <= TURN_BYTES
        heard += turn
        budi.type(str(number))
        assert ani.shown() == [str(number)]
        if heard == text:
            break
    assert heard == text


def test_who_says_too_much_is_not_read(served: TalkServed) -> None:
    ani, budi = pair(served)
    budi.type(b"x" * 70_000)
    assert budi.wire.paused
    for _ in range(8):
        ani.type("ya")
    assert not budi.wire.paused
    assert budi.shown() == ["ya"] * 8


def talk_fast(ani: Caller, budi: Caller, turns: range) -> list[int]:
    """Have both say a text every 60 ms, unless they are not read; return what waits for each in the end."""
    for number in turns:
        for caller in (ani, budi):
            if not caller.wire.paused:
                caller.protocol.dataReceived(f"{caller.name} {number} ".encode().ljust(TURN_BYTES, b"."))
        for _ in range(6):
            ani.house.turn(0.01)
    return [caller.protocol.unsent for caller in (ani, budi)]


def test_who_says_more_than_can_be_told_has_to_wait(served: TalkServed) -> None:
    ani, budi = pair(served)
    waiting = talk_fast(ani, budi, range(600))
    assert max(waiting) <= 66 * TURN_BYTES
    assert ani.wire.paused or budi.wire.paused
    for _ in range(40):  # what was said is told all the same, each text once and in order
        ani.rest(1)
        budi.settle()
    assert [caller.wire.paused for caller in (ani, budi)] == [False, False]
    for caller in (ani, budi):
        numbers = [int(text.split()[1]) for text in caller.shown()]
        assert len(numbers) > 150
        assert numbers == sorted(set(numbers))
    ani.type("masih di sini?", 2)
    budi.type("ya", 2)
    assert (ani.shown()[-1], budi.shown()[-1]) == ("ya", "masih di sini?")


def test_short_texts_out_of_turn_are_bounded_too(served: TalkServed) -> None:
    _, budi = pair(served)
    for _ in range(70):
        if not budi.wire.paused:
            budi.type(b"x", 0.06)
    assert budi.wire.paused
    assert len(budi.protocol.turns) <= 64


def test_when_one_leaves_the_other_is_let_go(served: TalkServed) -> None:
    ani, budi = pair(served)
    ani.protocol.dataReceived(b"sampai nanti")
    ani.protocol.readConnectionLost()
    budi.rest(1)
    assert budi.shown() == ["sampai nanti"]
    assert budi.closed
    ani.settle()
    assert ani.closed


def test_a_lost_connection_ends_the_other(served: TalkServed) -> None:
    ani, budi = pair(served)
    budi.lose()
    ani.rest(1)
    assert ani.closed


def test_who_waits_and_leaves_is_forgotten(served: TalkServed) -> None:
    served.caller("ani").lose()
    budi = served.caller("budi")
    assert budi.shown() == []
    cici = served.caller("cici")
    assert (budi.shown()[0], cici.shown()) == ("cici", ["budi"])


def test_pairs_do_not_hear_each_other(served: TalkServed) -> None:
    (ani, budi), (cici, dedi) = pair(served), (served.caller("cici"), served.caller("dedi"))
    for caller in (cici, dedi):
        caller.shown()
    ani.type("satu")
    cici.type("dua")
    assert [caller.shown() for caller in (ani, budi, cici, dedi)] == [[], ["satu"], [], ["dua"]]


def test_the_end_of_the_server(served: TalkServed) -> None:
    callers = [*pair(served), served.caller("cici")]
    done = served.factory.drain()
    for caller in callers:
        caller.rest(1)
        assert caller.closed
    assert done.called


def test_who_says_no_name_in_time_is_told(served: TalkServed) -> None:
    served = TalkServed(Limits(login_seconds=10.0))
    silent, ani = Caller(served), served.caller("ani")
    ani.rest(20)
    silent.settle()
    assert silent.closed
    assert not ani.closed


def test_browsers_are_not_answered(served: TalkServed) -> None:
    client = Caller(served)
    client.type(b"GET / HTTP/1.1\r\n\r\n")
    assert client.wire.aborted


def test_names_and_texts_are_such_that_can_be_shown() -> None:
    assert name_of(b"  ani\r\n") == "ani"
    assert name_of(b"a\x1b[2Jb") == "a [2Jb"
    assert name_of(b"\r\n") == "tamu"
    assert name_of(("x" * 99).encode()) == "x" * 64
    assert turns_of(b"a\xffb") == ["a\ufffdb".encode()]
    assert turns_of(b"") == []
