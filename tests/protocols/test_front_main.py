"""The main server's end of a link with a front that does not keep to what was agreed."""

from __future__ import annotations

import pytest

from chatproto import commands
from chatproto.federation.fronts import FrontHandshake, Main
from chatproto.federation.identity import Key
from chatproto.federation.trust import Kind, Trust
from chatproto.frames.fronts import (
    Ask,
    Beat,
    Close,
    Farewell,
    FrontFrame,
    Open,
    Over,
    Part,
    Refusal,
    Taken,
    Told,
)
from chatproto.limits import Limits
from chatproto.protocols.front_main import Fronts, MainProtocol
from chatproto.realm import ClientSession
from chatproto.wire.front import decode_from_main, encode
from tests.protocols.wires import Wire
from tests.realm.house import House

TOFU = Trust(Kind.TOFU)
LIMITS = Limits(connections=3)


class Rogue:
    """A front that says what the test wants."""

    def __init__(self, house: House, *, linked: bool = True, trust: Trust | None = TOFU) -> None:
        self.house = house
        self.fronts = Fronts(
            lambda: Main("alpha"),
            Key(b"m" * 32),
            lambda *_: trust,
            lambda sink, address: ClientSession(house.realm, sink, address=address),
            house.clock,
            LIMITS,
        )
        taken = self.fronts.take("127.0.0.1")
        assert taken is not None
        self.there: MainProtocol = taken
        self.wire = Wire()
        self.there.makeConnection(self.wire)
        if linked:
            self._shake()

    def _shake(self) -> None:
        handshake = FrontHandshake("rogue", Key(b"r" * 32), TOFU, bytes)
        said = handshake.begin()
        while said:
            self.there.dataReceived(said)
            self.house.turn()
            line, self.wire.taken = self.wire.taken, b""
            said = handshake.received(line.rstrip(b"\n"), b"")

    def say(self, *frames: FrontFrame | bytes) -> None:
        for frame in frames:
            self.there.dataReceived(frame if isinstance(frame, bytes) else encode(frame))
        self.house.turn()

    def heard(self) -> list[object]:
        taken, self.wire.taken = self.wire.taken, b""
        return [decode_from_main(line) for line in taken.splitlines()]

    def ended(self) -> str:
        """Return why the link was ended."""
        last = self.heard()[-1]
        assert isinstance(last, Farewell)
        return last.reason


HELLO = commands.Hello()


def ask(channel: int, number: int = 1, command: commands.Command = HELLO) -> Ask:
    return Ask(channel=channel, number=number, command=command)


def test_what_it_asks_is_answered() -> None:
    rogue = Rogue(House())
    rogue.say(Open(channel=1, address="192.0.2.1"), ask(1), Beat(), ask(1, 2, commands.Inbox()))
    told, refused = rogue.heard()
    assert isinstance(told, Told)
    assert (told.kind, told.number, told.trusted) == ("Greeting", 1, False)
    assert isinstance(refused, Refusal)
    assert (refused.kind, refused.number) == ("NotLoggedIn", 2)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([ask(1)], "bad-frame"),
        ([Open(channel=1), Open(channel=1)], "bad-frame"),
        ([b"foo\n"], "bad-frame"),
        ([b"x" * 70_000], "line-too-long"),
        ([Open(channel=1), encode(Part(channel=1, size=3, last=True)) + b"foo"], "bad-frame"),
        ([b'{"frame":"told","channel":1,"number":1,"kind":"Done","reply":{}}\n'], "bad-frame"),
    ],
)
def test_what_makes_no_sense_ends_the_link(frames: list[FrontFrame | bytes], reason: str) -> None:
    rogue = Rogue(House())
    rogue.say(*frames)
    assert rogue.ended() == reason


def test_a_client_too_many_is_refused_and_the_others_stay() -> None:
    rogue = Rogue(House())
    rogue.say(*(Open(channel=number) for number in range(4)), ask(3))
    over, refused = rogue.heard()
    assert over == Over(channel=3, reason="too-many-connections")
    assert isinstance(refused, Refusal)
    assert (refused.kind, refused.retry_after) == ("TooManyConnections", 10.0)
    line = encode(ask(3, 2))
    rogue.say(encode(Part(channel=3, size=len(line), last=True)) + line)
    (refused,) = rogue.heard()
    assert isinstance(refused, Refusal)
    rogue.say(Close(channel=3), Close(channel=0), Open(channel=4), ask(4))
    (told,) = rogue.heard()
    assert isinstance(told, Told)


def test_what_is_about_a_client_that_is_gone_is_passed_over() -> None:
    rogue = Rogue(House())
    rogue.say(
        Open(channel=1), Close(channel=1), Taken(channel=1, bytes=5), Close(channel=1), Close(channel=9)
    )
    assert rogue.heard() == []
    assert not rogue.wire.aborted


def test_parts_that_never_end_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatproto.protocols.front_link._ASSEMBLED_BYTES", 200_000)
    rogue = Rogue(House())
    part = encode(Part(channel=1, size=65_536)) + b"x" * 65_536
    rogue.say(*[part] * 5)  # nobody's are thrown away
    rogue.say(Open(channel=1), part, part, part)
    assert rogue.heard() == []
    rogue.say(part)
    assert rogue.ended() == "line-too-long"


def test_an_administrators_command_is_not_for_fronts() -> None:
    rogue = Rogue(House())
    rogue.say(Open(channel=1), ask(1, 1, commands.UserList()))
    (refused,) = rogue.heard()
    assert isinstance(refused, Refusal)
    assert refused.kind == "NotAllowed"


def test_who_is_unknown_is_told_so_and_says_nothing_more() -> None:
    rogue = Rogue(House(), linked=False, trust=None)
    rogue.say(FrontHandshake("rogue", Key(b"r" * 32), TOFU, bytes).begin(), Open(channel=1))
    assert rogue.ended() == "not-linked"


def test_who_does_not_shake_hands_is_not_waited_for() -> None:
    rogue = Rogue(House(), linked=False)
    rogue.house.turn(LIMITS.link_handshake_seconds)
    assert rogue.ended() == "handshake-timeout"


def test_strangers_make_room_for_each_other() -> None:
    rogue = Rogue(House(), linked=False)
    others = [rogue.fronts.take("192.0.2.1") for _ in range(64)]
    for other in others:
        assert other is not None
        other.makeConnection(Wire())
    assert rogue.wire.aborted


def test_commands_of_a_channel_run_in_their_order_whatever_the_front_does() -> None:
    house = House()
    rogue = Rogue(house)
    register = commands.Register(user="ani", password="rahasia")
    rogue.say(Open(channel=1), ask(1, 1, register), ask(1, 2, commands.Inbox()), ask(1, 3))
    assert [frame.number for frame in rogue.heard() if isinstance(frame, Told)] == [1, 2, 3]


def test_tokens_that_are_none_are_no_attempts() -> None:
    house = House(rates=True)
    rogue = Rogue(house)
    for channel in range(3):
        rogue.say(Open(channel=channel, address="192.0.2.1", tokens=["no"] * 16))
    rogue.say(ask(2, 1, commands.Resume(token="no")))
    (refused,) = rogue.heard()
    assert isinstance(refused, Refusal)
    assert refused.kind == "BadToken"
