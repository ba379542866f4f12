"""The handshake between a front and its main server."""

from __future__ import annotations

import pytest

from chatproto.errors import (
    BadFrame,
    BadProof,
    LinkError,
    NoCommonVersion,
    NotLinked,
    RefusedByPeer,
    UnexpectedFrame,
    WrongKey,
)
from chatproto.federation.fronts import FrontHandshake, Main, MainHandshake
from chatproto.federation.identity import Key
from chatproto.federation.trust import Kind, Trust
from chatproto.frames.fronts import Farewell
from chatproto.wire.front import decode_opening, encode

FRONT, MAIN, OTHER = (Key(bytes([number]) * 32) for number in (1, 2, 3))
TOFU = Trust(Kind.TOFU)
SECRET = Trust(Kind.SECRET, secret="at least 16 characters")


class Pair:
    """Both sides, and the lines between them."""

    def __init__(self, there: Trust | None = TOFU, here: Trust = TOFU) -> None:
        self.asked: list[tuple[str, str]] = []
        self.front = FrontHandshake("lobby", FRONT, here, bytes)

        def trust_of(name: str, key: str) -> Trust | None:
            self.asked.append((name, key))
            return there

        self.main = MainHandshake(Main("alpha", lab=True), MAIN, trust_of, bytes)

    def run(self, binding: tuple[bytes, bytes] = (b"", b"")) -> None:
        line = self.front.begin()
        while line:
            line = self.main.received(line.rstrip(b"\n"), binding[0])
            if line:
                line = self.front.received(line.rstrip(b"\n"), binding[1])


@pytest.mark.parametrize(
    ("there", "here"),
    [(TOFU, TOFU), (SECRET, SECRET), (Trust.pin(FRONT.key), Trust.pin(MAIN.key))],
)
def test_both_know_who_the_other_is(there: Trust, here: Trust) -> None:
    pair = Pair(there, here)
    pair.run((b"tls", b"tls"))
    assert pair.front.done
    assert pair.main.done
    assert pair.asked == [("lobby", FRONT.key)]
    assert (pair.main.name, pair.main.peer_key, pair.front.peer_key) == ("lobby", FRONT.key, MAIN.key)
    assert pair.front.main == Main("alpha", lab=True)


@pytest.mark.parametrize(
    ("there", "here", "error"),
    [
        (None, TOFU, NotLinked),
        (SECRET, TOFU, BadProof),
        (SECRET, Trust(Kind.SECRET, secret="another secret, as long"), BadProof),
        (TOFU, SECRET, BadProof),
        (Trust.pin(OTHER.key), TOFU, WrongKey),
        (TOFU, Trust.pin(OTHER.key), WrongKey),
    ],
)
def test_who_is_not_trusted_gets_nowhere(there: Trust | None, here: Trust, error: type[LinkError]) -> None:
    pair = Pair(there, here)
    with pytest.raises(error):
        pair.run()
    assert not pair.front.done


def test_a_proof_is_worth_nothing_on_another_tls_connection() -> None:
    with pytest.raises(BadProof):
        Pair().run((b"one", b"two"))


def test_a_proof_cannot_be_given_back_to_its_maker() -> None:
    pair = Pair()
    hello = pair.main.received(pair.front.begin().rstrip(b"\n"), b"")
    proof = pair.front.received(hello.rstrip(b"\n"), b"")
    with pytest.raises(BadProof):
        pair.front.received(proof.rstrip(b"\n"), b"")


def test_a_hello_that_was_changed_on_the_way_is_not_proved() -> None:
    pair = Pair()
    hello = pair.main.received(pair.front.begin().rstrip(b"\n"), b"")
    changed = hello.replace(b'"alpha"', b'"gamma"').rstrip(b"\n")
    with pytest.raises(BadProof):
        pair.main.received(pair.front.received(changed, b"").rstrip(b"\n"), b"")


def test_what_comes_out_of_turn_ends_it() -> None:
    pair = Pair()
    hello = pair.front.begin().rstrip(b"\n")
    pair.main.received(hello, b"")
    with pytest.raises(UnexpectedFrame):
        pair.main.received(hello, b"")
    with pytest.raises(UnexpectedFrame):
        Pair().front.received(hello, b"")
    for line in (b'{"status":"ERROR"}', b"**Protocol Tidak Benar", b"\xff"):
        with pytest.raises(BadFrame):
            Pair().front.received(line, b"")


def test_a_farewell_says_why() -> None:
    line = encode(Farewell(reason="not-linked")).rstrip(b"\n")
    with pytest.raises(RefusedByPeer, match="not-linked"):
        Pair().front.received(line, b"")


def test_versions_have_to_meet() -> None:
    hello = Pair().front.begin().rstrip(b"\n").replace(b"[1]", b"[7]")
    assert decode_opening(hello)
    with pytest.raises(NoCommonVersion):
        Pair().main.received(hello, b"")
