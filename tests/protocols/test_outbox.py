"""The outbox: one write a turn, nothing for a transport that is full, and an end that comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from chatproto.protocols.outbox import Outbox, Turn
from tests.protocols.wires import FULL, Wire


class Sender:
    """An outbox with what it needs, and what it said."""

    def __init__(self, *, reading: bool = True) -> None:
        self.clock = Clock()
        self.wire = Wire(reading=reading)
        self.said: list[str] = []
        self.outbox = Outbox(
            self.wire,
            Turn(self.clock),
            self.clock,
            30.0,
            lambda: self.said.append("drained"),
            lambda: self.said.append("stuck"),
        )

    def close(self) -> None:
        self.outbox.close(lambda: self.said.append("finished"))

    def turn(self, seconds: float = 0) -> None:
        self.clock.advance(seconds)


@pytest.fixture
def sender() -> Sender:
    return Sender()


@pytest.fixture
def slow() -> Sender:
    return Sender(reading=False)


def test_it_is_the_producer_of_its_transport(sender: Sender) -> None:
    assert sender.wire.producer is sender.outbox
    assert verifyObject(IPushProducer, sender.outbox)


def test_all_of_a_turn_is_one_write(sender: Sender) -> None:
    for data in (b"a", b"b", b"c"):
        sender.outbox.write(data)
    assert (sender.wire.taken, sender.outbox.unsent) == (b"", 3)
    sender.turn()
    assert (sender.wire.taken, sender.wire.writes, sender.outbox.unsent) == (b"abc", 1, 0)
    sender.outbox.write(b"d")
    sender.turn()
    assert (sender.wire.taken, sender.wire.writes) == (b"abcd", 2)


def test_one_turn_serves_all_outboxes() -> None:
    clock = Clock()
    turn = Turn(clock)
    wires = [Wire() for _ in range(3)]
    for wire in wires:
        Outbox(wire, turn, clock, 30.0, lambda: None, lambda: None).write(b"x")
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(0)
    assert [wire.taken for wire in wires] == [b"x"] * 3


def test_a_full_transport_gets_no_more(slow: Sender) -> None:
    for _ in range(10):
        slow.outbox.write(b"x" * FULL)
    slow.turn()
    assert slow.outbox.full
    assert len(slow.wire.waiting) <= 2 * FULL
    assert slow.outbox.unsent == 10 * FULL - len(slow.wire.waiting)


def test_one_large_reply_goes_out_in_pieces(slow: Sender) -> None:
    data = bytes(range(256)) * 4096
    slow.outbox.write(data)
    slow.turn()
    assert len(slow.wire.waiting) <= 2 * FULL
    while slow.wire.waiting:
        slow.wire.take()
    assert slow.wire.taken == data


def test_it_says_once_when_all_was_taken(slow: Sender) -> None:
    slow.outbox.write(b"x" * 3 * FULL)
    slow.turn()
    while slow.wire.waiting:
        assert slow.said == []
        slow.wire.take()
    assert (slow.said, slow.outbox.full, slow.outbox.unsent) == (["drained"], False, 0)


def test_a_transport_that_takes_nothing_is_stuck_in_the_end(slow: Sender) -> None:
    slow.outbox.write(b"x" * 4 * FULL)
    slow.turn()
    slow.turn(29)
    slow.wire.take()  # progress
    slow.turn(29)
    assert slow.said == []
    slow.turn(1)
    assert slow.said == ["stuck"]


def test_one_that_is_not_full_is_never_stuck(slow: Sender) -> None:
    slow.outbox.write(b"x")
    slow.turn(1000)
    assert slow.said == []


def test_an_end_comes_after_what_was_written(sender: Sender) -> None:
    sender.outbox.write(b"last")
    sender.close()
    assert (sender.wire.taken, sender.said, sender.wire.producer) == (b"last", ["finished"], None)


def test_an_end_waits_until_all_was_taken(slow: Sender) -> None:
    slow.outbox.write(b"x" * 4 * FULL)
    slow.close()
    while slow.wire.waiting:
        assert slow.said == []
        slow.turn(4)
        slow.wire.take()
    assert slow.said == ["finished"]
    assert len(slow.wire.taken) == 4 * FULL


def test_it_does_not_wait_long_for_who_does_not_read(slow: Sender) -> None:
    slow.outbox.write(b"x" * 4 * FULL)
    slow.close()
    slow.turn(4.9)
    assert not slow.wire.aborted
    slow.turn(0.2)
    assert slow.wire.aborted
    assert slow.said == []


def test_a_lost_connection_leaves_nothing_behind(slow: Sender) -> None:
    slow.outbox.write(b"x" * 4 * FULL)
    slow.turn()
    slow.outbox.lost()
    assert slow.clock.getDelayedCalls() == []
    slow.outbox.write(b"late")
    slow.outbox.lost()
    slow.turn(1000)
    assert slow.said == []


@given(st.lists(st.one_of(st.binary(max_size=200_000), st.just("take"), st.just("turn")), max_size=30))
def test_what_was_written_arrives_in_order_and_the_transport_is_never_overfilled(
    steps: list[bytes | str],
) -> None:
    sender = Sender(reading=False)
    written = b""
    for step in steps:
        if isinstance(step, bytes):
            sender.outbox.write(step)
            written += step
        elif step == "take":
            sender.wire.take()
        else:
            sender.turn()
        assert len(sender.wire.waiting) <= 3 * FULL
    sender.turn()
    while sender.wire.waiting:
        sender.wire.take()
    assert sender.wire.taken == written
