"""Writing fields to a client that tells them apart by pauses, and between them the bytes of files.

Such a client takes what one read gives it for a field. So each is a write of its own, and the next one comes
when some time has passed and the other side's system has all of what was before. The bytes of a file have
such a pause before and behind them, and none within. The one behind is the longer, the longer they took: one
byte too many, and an older client reads for ever, and what its system has it may not have read.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import termios
from collections import deque
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall

from chatproto.protocols.outbox import Outbox
from chatproto.realm.times import Clock

#: Between two fields: half as long again as the older programs wait, for clients on a busy machine.
PAUSE_SECONDS = 0.15
#: Bytes of a file that the slowest client is thought to read in a second, beside what is seen of it.
_PACE = 4 * 1024 * 1024
#: What an older client reads at a time, and so the least that a waiting field counts for.
_READ = 1024


class Stream(Protocol):
    """A file on its way to one client. Each call is answered by :meth:`Fields.came`, or ``missed``."""

    def begin(self) -> None:
        """Have the first bytes fetched."""
        ...

    def go_on(self) -> None:
        """Have the next bytes fetched."""
        ...


class Fields:
    """Fields on their way to one connection, one write each, by way of its outbox.

    It is ``full`` when as much as ``bound`` waits, which is 64 short fields where that is 64 KiB, sent in
    some seconds; and as long as a file is on its way, so that only one of them is in memory, in part. When
    all were sent, what the outbox had as ``drained`` is called. ``stuck`` is called when the other side's
    system took nothing for ``progress_seconds``.
    """

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        bound: int,
        transport: object,
        progress_seconds: float,
        stuck: Callable[[], None],
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._bound = bound
        self._handle = getattr(transport, "socket", None)
        self._progress_seconds = progress_seconds
        self._stuck = stuck
        self._queue: deque[bytes | Stream] = deque()
        self._waiting = 0
        #: The file whose turn it is, what stands before its next bytes, these, and whether they have begun.
        self._stream: Stream | None = None
        self._head: deque[bytes] = deque()
        self._bytes = b""
        self._flowing = False
        self._last = True
        self._fetching = False
        self._running = False
        #: Since when there is a pause, and how long it is; when the bytes of a file began, and how many.
        self._since = 0.0
        self._pause = 0.0
        self._began_at = 0.0
        self._streamed = 0
        #: What the other side has not taken, and since when it is so much.
        self._untaken = (0, 0.0)
        self._timer: IDelayedCall | None = None
        self._finish: Callable[[], None] | None = None
        self._lost = False
        self._drained = outbox.drained
        outbox.drained = self._go_on

    @property
    def unsent(self) -> int:
        """Bytes that wait here, a short field counted as one read, and in the outbox."""
        return self._waiting + len(self._bytes) + self._outbox.unsent

    @property
    def full(self) -> bool:
        """Whether no more should be written."""
        return self._outbox.full or self._waiting >= self._bound or self._has_stream

    @property
    def _has_stream(self) -> bool:
        return self._stream is not None or any(not isinstance(each, bytes) for each in self._queue)

    def write(self, data: bytes) -> None:
        """Write a field after everything before it; no bytes are none."""
        if data and not self._lost:
            self._queue.append(data)
            self._waiting += max(len(data), _READ)
            self._send()

    def send(self, stream: Stream) -> None:
        """Write a file after everything before it."""
        if not self._lost:
            self._queue.append(stream)
            self._send()

    def came(self, data: bytes, *, head: tuple[bytes, ...] = (), last: bool) -> None:
        """Take the next bytes of the file whose turn it is, and fields that stand before them."""
        if self._lost:
            return
        self._fetching = False
        self._head.extend(head)
        self._bytes, self._last = data, last
        if not data:  # an empty file
            self._stream = None
        self._go_on()

    def missed(self, instead: bytes) -> None:
        """Hear that the file whose turn it is cannot begin: a field stands for it."""
        if not self._lost:
            self._fetching = False
            self._stream = None
            self._head.append(instead)
            self._go_on()

    def flush(self) -> None:
        """Hand on what need not wait."""
        self._outbox.flush()

    def close(self, finish: Callable[[], None]) -> None:
        """Call ``finish`` when everything was taken."""
        self._finish = finish
        if self._idle:
            self._outbox.close(finish)

    def lost(self) -> None:
        """Hear that the connection is gone, or will be at once."""
        self._lost = True
        self._queue.clear()
        self._head.clear()
        self._waiting = 0
        self._bytes = b""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._outbox.lost()

    @property
    def _idle(self) -> bool:
        return not (self._queue or self._head or self._stream is not None)

    def _send(self) -> None:
        """Write what may be written now."""
        if self._running:
            return  # called from within: the loop below goes on by itself
        self._running = True
        try:
            while not (self._fetching or self._outbox.full or self._timer is not None or self._lost):
                if self._flowing:
                    self._write_bytes()
                elif self._idle and not self._streamed:
                    break
                # Behind a file the wait begins with its last byte, also if nothing is to come yet.
                elif not self._must_wait() and not self._idle:
                    self._write_next()
        finally:
            self._running = False

    def _write_next(self) -> None:
        """Write what has a pause before it."""
        if self._head:
            self._write(self._head.popleft())
        elif self._stream is not None:
            self._flowing = True
            self._began_at = self._clock.seconds()
            self._write_bytes()
        else:
            first = self._queue.popleft()
            if isinstance(first, bytes):
                self._waiting -= max(len(first), _READ)
                self._write(first)
            else:
                self._stream = first
                self._fetching = True
                first.begin()

    def _write_bytes(self) -> None:
        assert self._stream is not None
        data, self._bytes = self._bytes, b""
        self._streamed += len(data)
        self._write(data)
        if self._last:
            self._stream = None
            self._flowing = False
        else:
            self._fetching = True
            self._stream.go_on()

    def _write(self, data: bytes) -> None:
        self._since, self._pause = self._clock.seconds(), PAUSE_SECONDS
        self._outbox.write(data)
        self._outbox.flush()

    def _must_wait(self) -> bool:
        """Tell whether what was written last may still be read together with what comes next."""
        now = self._clock.seconds()
        untaken = self._count_untaken()
        if untaken:
            if untaken != self._untaken[0]:
                self._untaken = (untaken, now)
            elif now - self._untaken[1] >= self._progress_seconds:
                self._stuck()
                return True
            self._since, self._pause = now, PAUSE_SECONDS
        elif self._streamed:
            took = max(now - self._began_at, 0.0)
            self._since, self._pause = now, PAUSE_SECONDS + took + self._streamed / _PACE
            self._streamed = 0
        wait = min(self._since + self._pause - now, self._pause)  # a clock may be set back
        if wait > 0:
            self._timer = self._clock.callLater(wait, self._wake)
        return wait > 0

    def _count_untaken(self) -> int:
        """Return how many bytes the other side's system has not taken yet, where that can be told."""
        if isinstance(self._handle, socket.socket):
            with contextlib.suppress(OSError, ValueError):
                (count,) = struct.unpack("i", fcntl.ioctl(self._handle, termios.TIOCOUTQ, b"\0" * 4))
                return int(count)
        return 0

    def _wake(self) -> None:
        self._timer = None
        self._go_on()

    def _go_on(self) -> None:
        """Write what may be written; tell when nothing is left."""
        self._send()
        if self._lost or self._running or not self._idle or self._outbox.full:
            return
        if self._finish is not None:
            self._outbox.close(self._finish)
        else:
            self._drained()
