"""Framing: any bytes, cut anywhere, give the same lines."""

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


@given(st.binary(min_size=1, max_size=40), st.data())
def test_raw_bytes_may_start_in_the_middle_of_a_read(raw: bytes, data: st.DataObject) -> None:
    stream = b"a\r\nraw %d\r\n" % len(raw) + raw + b"b\r\nc"
    protocol = recorder()
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        protocol.dataReceived(stream[:cut])
        stream = stream[cut:]
    assert protocol.seen == [b"a", b"raw %d" % len(raw), ("raw", raw), b"b"]


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


def test_a_new_limit_holds_from_the_next_line_on() -> None:
    class Growing(Recorder):
        def lineReceived(self, line: bytes) -> None:
            super().lineReceived(line)
            self.line_limit = 20

    protocol = Growing()
    protocol.makeConnection(StringTransport())
    protocol.dataReceived(b"grow\n" + b"x" * 20 + b"\n")
    assert protocol.seen == [b"grow", b"x" * 20]
