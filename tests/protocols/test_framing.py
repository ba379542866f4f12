"""Framing: any bytes, cut anywhere, give the same lines."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport

from chatproto.protocols.framing import RAW_BYTES, LineFraming


class Recorder(LineFraming):
    line_limit = 10

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[object] = []

    def lineReceived(self, line: bytes) -> None:
        self.seen.append(line)
        if line.startswith(b"raw "):
            self.expect_raw(int(line[4:]))
        if line == b"pause":
            self.pauseProducing()

    def line_too_long(self, start: bytes) -> None:
        self.seen.append("too long")

    def raw_received(self, data: bytes) -> None:
        self.seen.append(("raw", data))


def recorder() -> Recorder:
    protocol = Recorder()
    protocol.makeConnection(StringTransport())
    return protocol


def expected_lines(data: bytes) -> list[object]:
    lines = [line.removesuffix(b"\r") for line in data.split(b"\n")[:-1]]
    rest = data.rpartition(b"\n")[2]
    seen: list[object] = [line if len(line) <= 10 else "too long" for line in lines]
    return [*seen, "too long"] if len(rest) > 11 else seen


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"0123456789"]), max_size=30), st.data())
def test_lines_do_not_depend_on_where_the_bytes_are_cut(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    protocol = recorder()
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        protocol.dataReceived(stream[:cut])
        stream = stream[cut:]
    assert protocol.seen == expected_lines(b"".join(parts))


def test_the_line_after_an_over_long_one_is_read_correctly() -> None:
    protocol = recorder()
    for piece in (b"x" * 20, b"y" * 9, b"yyy\nnext\n"):
        protocol.dataReceived(piece)
    assert protocol.seen == ["too long", b"next"]


def test_no_line_comes_while_paused_and_all_come_after() -> None:
    protocol = recorder()
    protocol.dataReceived(b"one\npause\ntwo\nthr")
    protocol.dataReceived(b"ee\n")
    assert protocol.seen == [b"one", b"pause"]
    protocol.resumeProducing()
    assert protocol.seen == [b"one", b"pause", b"two", b"three"]


def test_a_line_that_resumes_at_once_is_followed_in_order() -> None:
    class Resuming(Recorder):
        def lineReceived(self, line: bytes) -> None:
            super().lineReceived(line)
            if line == b"pause":
                self.resumeProducing()

    protocol = Resuming()
    protocol.makeConnection(StringTransport())
    protocol.dataReceived(b"pause\none\npause\ntwo\n")
    assert protocol.seen == [b"pause", b"one", b"pause", b"two"]


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=4), st.data())
def test_raw_bytes_may_start_in_the_middle_of_a_read(raws: list[bytes], data: st.DataObject) -> None:
    pieces = [b"raw %d\r\n" % len(raw) + raw for raw in raws]
    stream = b"a\r\n" + b"".join(pieces) + b"b\r\nc\r\nd"
    protocol = recorder()
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        protocol.dataReceived(stream[:cut])
        stream = stream[cut:]
    seen = [each for raw in raws for each in (b"raw %d" % len(raw), ("raw", raw))]
    assert protocol.seen == [b"a", *seen, b"b", b"c"]


def test_a_bad_length_of_raw_bytes_closes_the_connection() -> None:
    for length in (-1, RAW_BYTES + 1):
        protocol = recorder()
        protocol.dataReceived(b"raw %d\nnever\n" % length)
        assert protocol.seen == [b"raw %d" % length]
        assert isinstance(protocol.transport, StringTransport)
        assert protocol.transport.disconnecting


def test_no_raw_bytes_at_all_are_fine() -> None:
    protocol = recorder()
    protocol.dataReceived(b"raw 0\nnext\n")
    assert protocol.seen == [b"raw 0", ("raw", b""), b"next"]


def test_nothing_comes_after_clear() -> None:
    protocol = recorder()
    protocol.dataReceived(b"pause\nlost\npart")
    protocol.clearLineBuffer()
    protocol.resumeProducing()
    protocol.dataReceived(b"ial\n")
    assert protocol.seen == [b"pause", b"ial"]


class Patient(Recorder):
    """Lines that begin with ``long`` may have 100 bytes, once somebody has said so."""

    allowed = False

    def limit_of(self, start: bytes) -> int | None:
        if not start.startswith(b"long"):
            return self.line_limit
        if self.allowed:
            return 100
        self.pauseProducing()
        return None


@given(st.integers(1, 120), st.lists(st.sampled_from([0, 60, 97, 120]), max_size=4))
def test_a_line_may_be_longer_than_others_if_it_is_allowed(cut: int, sizes: list[int]) -> None:
    stream = b"".join(b"long%b\r\nnext\r\n" % (b"x" * size) for size in sizes)
    protocol = Patient()
    protocol.makeConnection(StringTransport())
    for start in range(0, len(stream), cut):
        protocol.dataReceived(stream[start : start + cut])
    if any(sizes):
        assert protocol.seen == [b"long", b"next"] * sizes.index(next(filter(None, sizes)))
    protocol.allowed = True
    protocol.resumeProducing()
    expected: list[object] = []
    for size in sizes:
        expected += [b"long" + b"x" * size if size <= 96 else "too long", b"next"]
    assert protocol.seen == expected


def test_a_line_that_is_coming_can_be_refused_and_the_next_is_read_correctly() -> None:
    protocol = Patient()
    protocol.allowed = True
    protocol.makeConnection(StringTransport())
    protocol.dataReceived(b"long" + b"x" * 50)
    protocol.skip_line()
    protocol.dataReceived(b"x" * 30 + b"\r\nnext\r\n")
    assert protocol.seen == ["too long", b"next"]


def test_a_line_that_has_come_and_is_not_looked_at_yet_can_be_refused_too() -> None:
    protocol = Patient()
    protocol.makeConnection(StringTransport())
    protocol.dataReceived(b"long" + b"x" * 50 + b"\nnext\nla")
    protocol.skip_line()
    protocol.dataReceived(b"st\n")
    protocol.resumeProducing()
    assert protocol.seen == ["too long", b"next", b"last"]


def test_a_long_line_in_tiny_pieces_costs_no_more_than_its_bytes() -> None:
    protocol = Patient()
    protocol.allowed = True
    protocol.makeConnection(StringTransport())
    tracemalloc.start()
    for _ in range(90):
        protocol.dataReceived(b"l")
    protocol.clear()
    protocol.line_limit = 1024 * 1024
    before = tracemalloc.get_traced_memory()[0]
    for number in range(300_000):
        protocol.dataReceived(bytes([65 + number % 26]))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 600_000


def test_a_new_limit_holds_from_the_next_line_on() -> None:
    class Growing(Recorder):
        def lineReceived(self, line: bytes) -> None:
            super().lineReceived(line)
            self.line_limit = 20

    protocol = Growing()
    protocol.makeConnection(StringTransport())
    protocol.dataReceived(b"grow\n" + b"x" * 20 + b"\n")
    assert protocol.seen == [b"grow", b"x" * 20]
