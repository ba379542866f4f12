"""Fields that are told apart by pauses, over a pair of sockets, of which the system tells what was read."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from chatproto.protocols.fields import PAUSE_SECONDS, Fields
from chatproto.protocols.outbox import Outbox, Turn


class SocketTransport(StringTransport):
    """A transport that hands everything to a socket at once."""

    def __init__(self, own: socket.socket) -> None:
        super().__init__()
        self.socket = own

    def write(self, data: bytes) -> None:
        assert self.socket.send(data) == len(data)


class Line:
    """Fields on their way to the other end of a pair of sockets."""

    def __init__(self) -> None:
        own, self.other = socket.socketpair()
        own.setblocking(False)
        self.other.setblocking(False)
        self.transport = SocketTransport(own)
        self.clock = Clock()
        self.stuck: list[float] = []
        self.drained = 0
        outbox = Outbox(self.transport, Turn(self.clock), self.clock, 30.0, self._drained, self._stuck)
        self.fields = Fields(outbox, self.clock, 64 * 1024, self.transport, 30.0, self._stuck)

    def _drained(self) -> None:
        self.drained += 1

    def _stuck(self) -> None:
        self.stuck.append(self.clock.seconds())
        self.fields.lost()

    def read(self, wait: float = 0.0) -> bytes:
        """Let time pass in small steps, and return what came."""
        for _ in range(round(wait / 0.01)):
            self.clock.advance(0.01)
        try:
            return self.other.recv(65536)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        self.fields.lost()
        self.clock.advance(0)
        self.transport.socket.close()
        self.other.close()


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


class File:
    """A file in pieces, fetched at once; ``size`` is how many."""

    def __init__(self, fields: Fields, *pieces: bytes) -> None:
        self._fields = fields
        self._pieces = list(pieces)
        self._head: tuple[bytes, ...] = (b"FILE",)

    def begin(self) -> None:
        self.go_on()

    def go_on(self) -> None:
        head, self._head = self._head, ()
        if not self._pieces:
            self._fields.missed(b"instead")
            return
        piece = self._pieces.pop(0)
        self._fields.came(piece, head=head, last=not self._pieces)


def test_a_pause_is_between_two_fields(line: Line) -> None:
    for field in (b"one", b"two", b""):
        line.fields.write(field)
    assert line.read() == b"one"
    assert line.read(PAUSE_SECONDS - 0.01) == b""
    assert line.drained == 0
    assert line.read(0.02) == b"two"
    assert line.drained == 1


def test_who_has_not_read_a_field_gets_no_other(line: Line) -> None:
    line.fields.write(b"one")
    line.fields.write(b"two")
    for _ in range(100):
        line.clock.advance(0.1)
    assert line.read() == b"one"
    assert line.read(2 * PAUSE_SECONDS) == b"two"


def test_who_reads_nothing_for_long_is_given_up(line: Line) -> None:
    line.fields.write(b"one")
    line.fields.write(b"two")
    for _ in range(290):
        line.clock.advance(0.1)
    assert not line.stuck
    for _ in range(20):
        line.clock.advance(0.1)
    assert len(line.stuck) == 1


def test_who_stops_in_front_of_a_file_is_given_up_too(line: Line) -> None:
    line.fields.send(File(line.fields, b"abcdef"))
    for _ in range(310):
        line.clock.advance(0.1)
    assert len(line.stuck) == 1


def test_bytes_come_at_once_between_two_pauses(line: Line) -> None:
    line.fields.send(File(line.fields, b"ab", b"cd", b"ef"))
    line.fields.write(b"next")
    assert line.fields.full
    assert line.read() == b"FILE"
    assert line.read(0.2) == b"abcdef"
    assert not line.fields.full
    assert line.read(0.5) == b"next"


def test_the_pause_behind_bytes_is_as_long_again_as_they_took(line: Line) -> None:
    line.fields.send(File(line.fields, b"abcdef"))
    line.fields.write(b"next")
    assert line.read() == b"FILE"
    for _ in range(20):
        line.clock.advance(0.1)  # so slowly does it read
    assert line.read() == b"abcdef"
    assert line.read(1.9) == b""
    assert line.read(0.4) == b"next"


def test_a_file_that_is_not_there_is_a_field(line: Line) -> None:
    line.fields.send(File(line.fields))
    line.fields.write(b"next")
    assert line.read() == b"instead"
    assert line.read(0.2) == b"next"


def test_a_long_file_needs_no_long_stack(line: Line) -> None:
    line.fields.send(File(line.fields, *[b"x"] * 250))
    assert line.read() == b"FILE"
    assert len(line.read(0.2)) == 250


def test_it_is_full_with_64_short_fields(line: Line) -> None:
    line.fields.write(b"sent")
    for _ in range(63):
        line.fields.write(b"x")
    assert not line.fields.full
    line.fields.write(b"x")
    assert line.fields.full
    assert line.fields.unsent == 64 * 1024


def test_a_clock_that_is_put_back_delays_nothing_for_long(line: Line) -> None:
    line.fields.write(b"one")
    line.clock.rightNow -= 3600
    line.fields.write(b"two")
    assert line.read() == b"one"
    assert line.read(0.2) == b"two"


def test_what_was_written_is_sent_before_the_end(line: Line) -> None:
    ended: list[bool] = []
    line.fields.write(b"one")
    line.fields.write(b"two")
    line.fields.close(lambda: ended.append(True))
    assert line.read() == b"one"
    assert not ended
    assert line.read(0.2) == b"two"
    assert ended


def test_who_took_a_file_long_ago_is_not_kept_waiting(line: Line) -> None:
    line.fields.send(File(line.fields, b"abcdef"))
    assert line.read() == b"FILE"
    assert line.read(0.2) == b"abcdef"
    line.read(3.0)
    line.fields.write(b"next")
    assert line.read(PAUSE_SECONDS) == b"next"
