"""Bytes to lines, and to counted raw bytes between them, for every protocol of chatproto.

Twisted's ``LineReceiver`` keeps the contract (``lineReceived``, pausing, ``clearLineBuffer``), but splits
one line off its buffer at a time, which is quadratic in the size of a read, and loses its place at an
over-long line. This framing splits a whole read at once and knows nothing of what the lines mean.
"""

from __future__ import annotations

from twisted.protocols.basic import LineReceiver

#: Largest piece of raw bytes: one chunk of a file, which is also the size of one read.
RAW_BYTES = 64 * 1024
#: What is shown of the beginning of a line that is too long: it tells the dialect, a verb and a token.
START_BYTES = 256


class LineFraming(LineReceiver):
    """Lines ended by LF or CRLF, bounded by ``line_limit``, with raw bytes in between on request.

    Lines come in order, and none comes while the protocol is paused or after the connection is lost.
    Subclasses implement ``lineReceived`` and, if they have use for them, :meth:`line_too_long`,
    :meth:`raw_received` and :meth:`ends_with_crlf`.
    """

    #: Longest line in bytes, without its end. May change between any two lines.
    line_limit: int = 64 * 1024
    #: Whether raw bytes were behind the newest line, as they may be behind the next one. Of the class until
    #: it is needed, since connections that carry no files should not pay for it.
    _after_raw = False

    def __init__(self) -> None:
        # Plain lists: an idle connection keeps these for hours, and an empty deque takes ten times as much.
        self._reads: list[bytes] = []  # as received; more than one only while paused
        self._lines: list[bytes] = []  # complete but for their CR, the next one last
        self._tail = bytearray()  # what came of a line whose end has not come; it grows in place
        self._tail_limit = 0  # how long that may become, where it is more than others
        self._skipping = False  # inside an over-long line
        self._raw_wanted = 0
        self._raw: list[bytes] = []
        self._running = False

    def dataReceived(self, data: bytes) -> None:
        """Take a read; also called with nothing by ``resumeProducing``, to go on."""
        if data:
            self._reads.append(data)
        if self._running:
            return  # resumed from within lineReceived: the loop below goes on by itself
        self._running = True
        try:
            while not self.paused and self._step():
                pass
        finally:
            self._running = False

    def expect_raw(self, length: int) -> None:
        """Take the ``length`` bytes after the current line as they are, then lines again.

        They arrive whole in :meth:`raw_received`. A length outside 0 to RAW_BYTES closes the connection, as
        nothing after it could be told apart.
        """
        if not 0 <= length <= RAW_BYTES:
            self.clear()
            if self.transport is not None:
                self.transport.loseConnection()
            return
        if length == 0:
            self.raw_received(b"")
            return
        rest = b"\n".join([*reversed(self._lines), bytes(self._tail)])
        self._forget_lines()
        if rest:
            self._reads.insert(0, rest)
        self._raw_wanted = length
        self._after_raw = True

    def raw_received(self, data: bytes) -> None:
        """Take the raw bytes that were asked for."""

    def line_too_long(self, start: bytes) -> None:
        """Hear of a line above the limit, which began so; it is skipped, and the next line comes as usual."""

    def limit_of(self, start: bytes) -> int | None:
        """Return how long a line may be that began so and is above ``line_limit``.

        None if that is not known yet: the protocol has paused itself then, and is asked again later.
        """
        return self.line_limit

    def ends_with_crlf(self, line: bytes) -> bool:
        """Tell whether a lone LF may stand inside a line of this side; this one is its next up to a LF."""
        return False

    def skip_line(self) -> None:
        """Refuse the next line, whether its end has come or not, as if it were too long."""
        if self._lines:
            start = self._lines.pop()[:START_BYTES]
        else:
            start = bytes(self._tail[:START_BYTES])
            self._begin_tail(bytes(self._tail[-1:]))  # it may be the CR of the line's end
            self._skipping = True
        self.line_too_long(start)

    @property
    def partial(self) -> bool:
        """Whether something came of a line whose end has not come."""
        return len(self._tail) > 0 or self._skipping

    def end_line(self) -> None:
        """Take what came of a line as all of it."""
        if self.partial:
            data = bytes(self._tail)
            self._begin_tail(b"")
            LineFraming.dataReceived(self, data + b"\n")

    def clear(self) -> None:
        """Forget everything that was received and not handled."""
        self._reads.clear()
        self._forget_lines()
        self._raw_wanted = 0
        self._raw.clear()

    def clearLineBuffer(self) -> bytes:
        """Forget everything that was received and not handled; for callers that know LineReceiver."""
        self.clear()
        return b""

    def _forget_lines(self) -> None:
        self._lines.clear()
        self._begin_tail(b"")
        self._skipping = False

    def _begin_tail(self, data: bytes) -> None:
        self._tail = bytearray(data)
        self._tail_limit = 0

    def _step(self) -> bool:
        """Do what can be done next; tell whether there was anything."""
        if self._raw_wanted:
            return self._take_raw()
        if self._lines:
            self._take_lines()
        elif len(self._tail) > max(self.line_limit, self._tail_limit) + 1:  # the last may be a CR
            limit = self.limit_of(bytes(self._tail[:START_BYTES]))
            self._tail_limit = limit or 0
            if limit is not None and len(self._tail) > limit + 1:
                self.skip_line()
        elif self._reads:
            self._split(self._reads.pop(0))
        else:
            return False
        return True

    def _split(self, data: bytes) -> None:
        if self._after_raw:
            # Bytes of a file are not to be split into what would be 256 lines, and put together again.
            end = data.find(b"\n") + 1
            self._after_raw = not end
            if 0 < end < len(data):
                self._reads.insert(0, data[end:])
                data = data[:end]
        pieces = data.split(b"\n")
        last = pieces.pop()
        if not pieces:
            if self._skipping:
                self._begin_tail(last[-1:])
            else:
                self._tail += last
            return
        if self._tail:
            self._tail += pieces[0]
            pieces[0] = bytes(self._tail)
        crlf = self.ends_with_crlf(pieces[0])
        if self._skipping:
            end = next((at for at, piece in enumerate(pieces, 1) if not crlf or piece.endswith(b"\r")), 0)
            self._skipping = not end
            del pieces[: end or len(pieces)]
        if crlf:
            pieces, last = _joined(pieces, last)
        pieces.reverse()
        self._lines = pieces
        self._begin_tail(last)

    def _take_lines(self) -> None:
        while self._lines and not self.paused and not self._raw_wanted:
            whole = self._lines.pop()
            line = whole[:-1] if whole.endswith(b"\r") else whole
            limit: int | None = self.line_limit
            if len(line) > self.line_limit:
                limit = self.limit_of(line[:START_BYTES])
            if limit is None:
                self._lines.append(whole)
            elif len(line) > limit:
                self.line_too_long(line[:START_BYTES])
            else:
                del whole
                self.lineReceived(line)

    def _take_raw(self) -> bool:
        if not self._reads:
            return False
        data = self._reads.pop(0)
        if len(data) > self._raw_wanted:
            self._reads.insert(0, data[self._raw_wanted :])
            data = data[: self._raw_wanted]
        self._raw.append(data)
        self._raw_wanted -= len(data)
        if not self._raw_wanted:
            raw = b"".join(self._raw)
            self._raw.clear()
            self.raw_received(raw)
        return True


def _joined(pieces: list[bytes], last: bytes) -> tuple[list[bytes], bytes]:
    """Return the lines that CRLF ends, with what LF alone has cut of them, and what came of the next one.

    JSON has no LF inside. And what came at once and ends with LF was typed by somebody whose lines do.
    """
    lines: list[bytes] = []
    begun: list[bytes] = []
    for piece in pieces:
        begun.append(piece)
        if piece.endswith(b"\r") or begun[0].startswith(b"{"):
            lines.append(b"\n".join(begun))
            begun = []
    rest = b"\n".join([*begun, last])
    if last or not rest:
        return lines, rest
    return [*lines, *rest.split(b"\n")[:-1]], b""
