"""Connections in memory that behave as TCP does, also where that hurts.

Bytes take time, come in other pieces than they were written in, and wait while nobody reads; a writer is told
to pause when too much waits. A machine that lost its power says nothing; after it is back, it answers what it
does not know with a reset. Callbacks come in turns of the owner's reactor, never from within a call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableProtocol,
    IProtocol,
    IPushProducer,
    ITCPTransport,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.testing.clock import ProcessClock
from chatproto.testing.paths import Lane, Path
from chatproto.testing.shaping import Shape

#: Bytes that may be under way to, or wait in, the other side's kernel.
WINDOW = 64 * 1024
#: What one turn reads.
READ = 64 * 1024
#: A writer is paused when more than this waits; Twisted's figure.
FULL = 64 * 1024


@implementer(ITCPTransport, IConsumer, IPushProducer)
class MemoryTransport:
    """One end of a connection. Made in pairs by :func:`pair`; :meth:`attach` gives it its protocol."""

    def __init__(self, clock: ProcessClock, path: Path, shape: Shape, here: IPv4Address) -> None:
        self._clock = clock
        self._path = path
        self._lane = Lane()
        self._shape = shape
        self._here = here
        #: The other end.
        self.other: MemoryTransport
        self.protocol: IProtocol | None = None
        #: Whether the protocol is told anything any more.
        self.connected = False
        self.disconnecting = False
        #: Whether the kernel still knows of it.
        self._open = True
        #: Whether the machine under it is without power; then nobody answers.
        self._dark = False
        self._out: deque[bytes] = deque()
        self._waiting = 0
        self._pumping = False
        self._flying = 0  # bytes sent that the other side has not read
        self._in: deque[bytes] = deque()
        self._in_bytes = 0
        self._ended = self._end_told = False  # the other side writes no more
        self._reading = True
        self._read_planned = False
        self._unreleased = 0
        self._producer: Any = None
        self._streaming = False
        self._paused = False
        self._half_closing = self._half_closed = False
        #: Hear what the protocol writes, when it writes it.
        self.taps: list[Callable[[bytes], None]] = []
        #: When it was made.
        self.made = clock.time.seconds()

    def __repr__(self) -> str:
        return f"<{self._here.host}:{self._here.port} to {self.other._here.host}:{self.other._here.port}>"

    # -- for the protocol

    def attach(self, protocol: IProtocol) -> None:
        """Connect a protocol; called in a turn of its reactor."""
        self.protocol = protocol
        self.connected = True
        protocol.makeConnection(self)
        self._plan_read()

    def write(self, data: bytes) -> None:
        """Send bytes, some time."""
        if not self.connected or self._half_closing or not data:
            return
        for tap in self.taps:
            tap(bytes(data))
        self._out.append(bytes(data))
        self._waiting += len(data)
        if self._producer is not None and self._streaming and self._waiting > FULL:
            self._paused = True
            self._producer.pauseProducing()
        self._plan_pump()

    def writeSequence(self, data: Any) -> None:
        """Send bytes, some time."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close when everything was sent, and no producer is registered; nothing is read any more."""
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            self._plan_pump()

    def loseWriteConnection(self) -> None:
        """Write no more."""
        if self.connected:
            self._half_closing = True
            self._plan_pump()

    def abortConnection(self) -> None:
        """Close at once, and let the other side notice."""
        if self.connected:
            self.disconnecting = True
            self._close(ConnectionAborted(), reset=True)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Let somebody know when to write no more."""
        if self._producer is not None:
            raise RuntimeError("there is a producer already")
        if not self.connected:
            producer.stopProducing()
            return
        self._producer, self._streaming = producer, streaming
        if not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """Let nobody know any more."""
        self._producer = None
        self._paused = False
        if self.connected and self.disconnecting:
            self._plan_pump()

    def pauseProducing(self) -> None:
        """Read no more for now; then the end of the other side is not noticed either."""
        self._reading = False

    def resumeProducing(self) -> None:
        """Read again."""
        if self.connected and not self.disconnecting:
            self._reading = True
            self._plan_read()

    def stopProducing(self) -> None:
        """Close."""
        self.loseConnection()

    def getHost(self) -> IPv4Address:
        """Return this end's address."""
        return self._here

    def getPeer(self) -> IPv4Address:
        """Return the other end's address."""
        return self.other._here

    def getTcpNoDelay(self) -> bool:
        """Return that nothing waits for more."""
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Do nothing: nothing waits for more."""

    def getTcpKeepAlive(self) -> bool:
        """Return that no kernel looks after the connection."""
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Do nothing: two hours are longer than anybody waits."""

    @property
    def unsent(self) -> int:
        """Bytes that were written and have not left."""
        return self._waiting

    # -- for the network

    @property
    def known(self) -> bool:
        """Whether it has, or had, a protocol."""
        return self.protocol is not None

    def refuse(self) -> None:
        """Close a connection that nobody wants."""
        if self._open:
            self._open = False
            self._tell_end(reset=False)

    def vanish(self, *, power: bool) -> None:
        """Lose the process; with ``power`` the machine as well, which then tells nobody."""
        self.connected = False
        if not self._open:
            return
        self._open = False
        self._dark = power
        if not power:
            self._tell_end(reset=self._in_bytes > 0)

    def wake(self) -> None:
        """Hear that the machine is back: it does not know the connection, and says so."""
        self._dark = False

    def cut(self) -> None:
        """Lose the connection as if somebody in between had reset it: both sides are told, in the middle."""
        for end in (self, self.other):
            if end._open:
                end._close(ConnectionLost(), reset=False, quiet=True)

    # -- sending

    def _plan_pump(self) -> None:
        if not self._pumping:
            self._pumping = True
            self._clock.callLater(0, self._pump)

    def _pump(self) -> None:
        self._pumping = False
        if not self._open:
            return
        while self._out and self._flying < WINDOW:
            data = self._cut_piece(WINDOW - self._flying)
            self._flying += len(data)
            self._waiting -= len(data)
            self._path.carry(self._lane, len(data), partial(self.other._arrived, data))
        if self._out:
            return
        if self._producer is not None and (self._paused or not self._streaming):
            self._paused = False
            self._producer.resumeProducing()
        elif self.disconnecting and self._producer is None:
            self._close(ConnectionDone(), reset=self._in_bytes > 0)
        elif self._half_closing and not self._half_closed:
            self._half_closed = True
            self._path.carry(self._lane, 0, self.other._end_arrived)
            if IHalfCloseableProtocol.providedBy(self.protocol):
                self.protocol.writeConnectionLost()

    def _cut_piece(self, room: int) -> bytes:
        size = self._shape.piece(min(room, self._waiting))
        pieces: list[bytes] = []
        left = size
        while left:
            data = self._out.popleft()
            if len(data) > left:
                self._out.appendleft(data[left:])
                data = data[:left]
            pieces.append(data)
            left -= len(data)
        return b"".join(pieces)

    def _released(self, count: int) -> None:
        self._flying -= count
        if self._out:
            self._plan_pump()

    # -- receiving

    def _arrived(self, data: bytes) -> None:
        if not self._open:
            self._answer_unknown()
            return
        self._in.append(data)
        self._in_bytes += len(data)
        self._plan_read()

    def _answer_unknown(self) -> None:
        if not self._dark:
            self._path.carry(self._lane, 0, self.other._reset_arrived, again=False)

    def _end_arrived(self) -> None:
        if self._open:
            self._ended = True
            self._plan_read()

    def _reset_arrived(self) -> None:
        """Lose the connection, and with it what was not read."""
        if self._open:
            self._open = False
            self._in.clear()
            self._in_bytes = 0
            if self.connected:
                self._lose(ConnectionLost())

    def _plan_read(self) -> None:
        if self._read_planned or not self.connected or not self._reading:
            return
        if self._in or (self._ended and not self._end_told):
            self._read_planned = True
            self._clock.callLater(self._shape.read_pause(self._in_bytes), self._read)

    def _read(self) -> None:
        self._read_planned = False
        if not self.connected or not self._reading or self.disconnecting or self.protocol is None:
            return
        if self._in:
            data = self._take()
            self.protocol.dataReceived(data)
            self._plan_read()
        elif self._ended and not self._end_told:
            self._end_told = True
            if IHalfCloseableProtocol.providedBy(self.protocol):
                self.protocol.readConnectionLost()
            else:
                self._close(ConnectionDone(), reset=False)

    def _take(self) -> bytes:
        pieces = [self._in.popleft()]
        size = len(pieces[0])
        while self._in and not self._shape.shred and size + len(self._in[0]) <= READ:
            pieces.append(self._in.popleft())
            size += len(pieces[-1])
        self._in_bytes -= size
        self._unreleased += size
        if self._unreleased >= WINDOW // 4:
            count, self._unreleased = self._unreleased, 0
            self._path.carry(self._lane, 0, lambda: self.other._released(count))
        return b"".join(pieces)

    # -- the end

    def _close(self, reason: Exception, *, reset: bool, quiet: bool = False) -> None:
        self._open = False
        self._out.clear()
        self._waiting = 0
        if not quiet:
            self._tell_end(reset=reset)
        self._lose(reason)

    def _tell_end(self, *, reset: bool) -> None:
        if reset:
            self._path.carry(self._lane, 0, self.other._reset_arrived, again=False)
        else:
            self._path.carry(self._lane, 0, self.other._end_arrived)

    def _lose(self, reason: Exception) -> None:
        """Tell the protocol, in a turn of its own."""
        if self.connected:
            self.connected = False
            self._clock.callLater(0, self._lost, reason)

    def _lost(self, reason: Exception) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        assert self.protocol is not None
        self.protocol.connectionLost(Failure(reason))


def pair(one: MemoryTransport, two: MemoryTransport) -> None:
    """Make two ends the two ends of one connection."""
    one.other, two.other = two, one
