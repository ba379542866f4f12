"""Writing plain lines to a client that takes what one read gives it for one line.

Such a client has nothing else to tell lines apart. So each is a write of its own, and between two of them
passes enough time for a client that reads at once to have read the first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall

from chatproto.protocols.outbox import Outbox
from chatproto.realm.times import Clock

#: Between two lines: one group may have 50 messages a second, and they are shown as fast as they come.
SPACE_SECONDS = 0.02
#: Around a line by which a client changes what it does: a slow one must not miss it.
APART_SECONDS = 0.1
#: What an older client reads at a time, and so the least that a waiting line counts for.
_READ = 1024

#: Tells whether a line is still to be written.
Claim = Callable[[], bool]


class Spaced:
    """Lines on their way to one connection, one write each, by way of its outbox.

    Between :meth:`begin` and :meth:`end`; otherwise it only passes on. It is ``full`` when as much as
    ``bound`` waits, which is 64 short lines, sent in little more than a second, where that is 64 KiB. When
    all were sent, what the outbox had as ``drained`` is called.
    """

    def __init__(self, outbox: Outbox, clock: Clock, bound: int) -> None:
        self._outbox = outbox
        self._clock = clock
        self._bound = bound
        #: Each with how long nothing may have been written before it, and what is asked when it is written.
        self._lines: deque[tuple[float, bytes, Claim | None]] = deque()
        self._waiting = 0
        self._space = self._next_space = 0.0
        self._written_at = 0.0
        self._timer: IDelayedCall | None = None
        self._finish: Callable[[], None] | None = None
        self._lost = False
        self._drained = outbox.drained
        outbox.drained = self._go_on

    @property
    def unsent(self) -> int:
        """Bytes that wait here, a short line counted as one read, and in the outbox."""
        return self._waiting + self._outbox.unsent

    @property
    def full(self) -> bool:
        """Whether no more lines should be written."""
        return self._outbox.full or self._waiting >= self._bound

    def begin(self, space: float = SPACE_SECONDS) -> None:
        """Space what is written from now on, also from what was written before."""
        self.flush()
        self._written_at = self._clock.seconds()
        self._space = self._next_space = space

    def end(self) -> None:
        """Space no more than what waits and the next write."""
        self._space = 0.0

    def write(self, data: bytes, claim: Claim | None = None) -> None:
        """Write bytes after everything before them; none are no line.

        With a ``claim`` they are dropped if that says so when their turn has come.
        """
        if not data or self._lost:
            return
        space, self._next_space = self._next_space, self._space
        if space or self._lines or claim is not None:
            self._append(space, data, claim)
        else:
            self._outbox.write(data)

    def write_apart(self, data: bytes) -> None:
        """Write a line that must be read alone."""
        if not self._lost:
            self._next_space = APART_SECONDS
            self._append(APART_SECONDS, data)

    def flush(self) -> None:
        """Hand on what need not wait."""
        self._outbox.flush()

    def close(self, finish: Callable[[], None]) -> None:
        """Call ``finish`` when everything was taken."""
        self._finish = finish
        if not self._lines:
            self._outbox.close(finish)

    def lost(self) -> None:
        """Hear that the connection is gone, or will be at once."""
        self._lost = True
        self._lines.clear()
        self._waiting = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._outbox.lost()

    def _append(self, space: float, data: bytes, claim: Claim | None = None) -> None:
        self._lines.append((space, data, claim))
        self._waiting += max(len(data), _READ)
        if self._timer is None:
            self._send()

    def _send(self) -> None:
        while self._lines and not self._outbox.full:
            space, data, claim = self._lines[0]
            now = self._clock.seconds()
            wait = min(self._written_at + space - now, space)  # a clock may be set back
            if wait > 0:
                self._timer = self._clock.callLater(wait, self._wake)
                return
            self._lines.popleft()
            self._waiting -= max(len(data), _READ)
            if claim is not None and not claim():
                continue
            self._written_at = now
            self._outbox.write(data)
            self._outbox.flush()

    def _wake(self) -> None:
        self._timer = None
        self._go_on()

    def _go_on(self) -> None:
        """Send what may be sent; tell when nothing is left."""
        if self._timer is not None:
            return
        self._send()
        if self._lines or self._outbox.full:
            return
        if self._finish is not None:
            self._outbox.close(self._finish)
        else:
            self._drained()
