"""The lane of one connection for what may wait: bytes of files, which delay no message.

A piece is read only when it is its turn, and goes out only while nothing else waits to be sent, one in each
turn of the reactor. So a message never stands behind more than one piece here, whatever else there is; and on
a slow line pieces are small. Who has something to send is asked in turns, by bytes: who has small pieces is
not much the poorer for it, and nobody's turn has so many that others wait long.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred

from chatproto.federation.bounds import PIECE_BYTES
from chatproto.federation.connection import Connection
from chatproto.federation.errand import Errand
from chatproto.frames import CHUNK_BYTES, Chunk, Freight
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer

#: Bytes of a piece at first and at least. A piece that took longer than the one time halves the next ones,
#: one that took less than the other doubles them.
_FIRST_BYTES = 16 * 1024
_LEAST_BYTES = 4 * 1024
_SLOW_SECONDS = 0.02
_FAST_SECONDS = 0.005

#: What one turn of a source may cost: not less than a piece, so that after one it always has another.
_TURN_BYTES = CHUNK_BYTES + PIECE_BYTES

#: A frame, and the raw bytes that follow it.
Piece = tuple[Chunk | Freight, bytes]


class Source(Protocol):
    """Who has pieces to send."""

    @property
    def ready(self) -> bool:
        """Whether there is something to send now."""
        ...

    async def next(self, most: int) -> Piece | None:
        """Return the next piece, of so many bytes if it can be; None if there was none after all.

        Nothing is repeated.
        """
        ...


class Bulk:
    """The bulk lane of one connection."""

    def __init__(self, connection: Connection, writer: Writer, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        #: Who has its turn comes first; with each, the bytes that it may still send in it.
        self._sources: dict[Source, int] = {}
        self._pause: Deferred[None] | None = None
        self._closed = False
        self._piece_bytes = _FIRST_BYTES
        self._sending = Errand(writer, clock, "sending bytes of files", self._send_some)
        #: Hears that a source has something to send.
        self.wake = self._sending.soon
        #: Bytes of files that were sent.
        self.sent = 0

    def add(self, source: Source) -> None:
        """Let a source send, too."""
        self._sources.setdefault(source, 0)
        self.wake()

    def remove(self, source: Source) -> None:
        """Take nothing of a source any more."""
        self._sources.pop(source, None)

    def drained(self) -> None:
        """Hear that the connection has room again."""
        self._go_on()

    def close(self) -> None:
        """Send nothing more."""
        self._closed = True
        self._sending.stop()
        self._go_on()

    def _go_on(self) -> None:
        pause, self._pause = self._pause, None
        if pause is not None:
            pause.callback(None)

    async def _send_some(self) -> None:
        while not self._closed and (source := self._turn()) is not None:
            piece = await source.next(self._piece_bytes)
            if piece is None:
                continue
            await self._until_idle()
            if self._closed:
                return
            began = self._clock.seconds()
            self._connection.send_raw(*piece)
            size = len(piece[1])
            self.sent += size
            if source in self._sources:
                self._sources[source] -= size + PIECE_BYTES
            await self._next_turn()
            await self._until_idle()
            self._fit(self._clock.seconds() - began)

    def _fit(self, seconds: float) -> None:
        """Choose the size of pieces by how long one was on its way to the kernel."""
        if seconds > _SLOW_SECONDS:
            self._piece_bytes = max(_LEAST_BYTES, self._piece_bytes // 2)
        elif seconds < _FAST_SECONDS:
            self._piece_bytes = min(CHUNK_BYTES, self._piece_bytes * 2)

    def _turn(self) -> Source | None:
        """Return whose turn it is; None if nobody has anything to send."""
        for _ in range(len(self._sources)):
            source, left = next(iter(self._sources.items()))
            if source.ready and left > 0:
                return source
            del self._sources[source]
            self._sources[source] = min(left, 0) + _TURN_BYTES if source.ready else 0
        return next((source for source, left in self._sources.items() if left > 0), None)

    async def _until_idle(self) -> None:
        while not self._closed and not self._connection.idle:
            if self._connection.full:
                self._pause = Deferred()  # until it is drained
                await self._pause
            else:
                await self._next_turn()  # what is said in this turn is written at its end

    async def _next_turn(self) -> None:
        pause: Deferred[None] = Deferred()
        self._pause = pause
        self._clock.callLater(0, self._end_pause, pause)
        await pause

    def _end_pause(self, pause: Deferred[None]) -> None:
        if self._pause is pause:
            self._go_on()
