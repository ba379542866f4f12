"""Writing to one connection: joined, bounded, and with an eye on whether the other side reads.

A transport takes whatever it is given and never refuses. So everything that a protocol sends goes through
here: it is joined and written once per turn of the reactor, kept back while the transport is full, and
counted. The outbox, not the protocol, is the transport's producer: to a ``LineReceiver`` pausing means
to stop reading.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.internet.tcp import Connection
from zope.interface import implementer

from chatproto.realm.times import Clock

#: Bytes handed to the transport at a time; each time it takes them all, the other side has read something.
_PIECE = 64 * 1024
#: How long the other side may read nothing of what is left at the end of a connection.
_CLOSE_SECONDS = 5.0


class Transport(Protocol):
    """What an outbox needs of a transport; TCP, TLS, Unix sockets and the test transports have it."""

    def write(self, data: bytes) -> None: ...  # noqa: D102
    def loseConnection(self) -> None: ...  # noqa: D102
    def abortConnection(self) -> None: ...  # noqa: D102
    def registerProducer(self, producer: object, streaming: bool) -> None: ...  # noqa: D102
    def unregisterProducer(self) -> None: ...  # noqa: D102


class Writing(Protocol):
    """Through what is written to a connection."""

    @property
    def unsent(self) -> int: ...  # noqa: D102
    @property
    def full(self) -> bool: ...  # noqa: D102
    def write(self, data: bytes) -> None: ...  # noqa: D102
    def flush(self) -> None: ...  # noqa: D102
    def close(self, finish: Callable[[], None]) -> None: ...  # noqa: D102
    def lost(self) -> None: ...  # noqa: D102


class Turn:
    """One turn of the reactor: what was sent in it is written at its end, one write a connection."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._touched: list[Outbox] = []

    def touch(self, outbox: Outbox) -> None:
        """Write an outbox at the end of this turn."""
        if not self._touched:
            self._clock.callLater(0, self._end)
        self._touched.append(outbox)

    def _end(self) -> None:
        touched, self._touched = self._touched, []
        for outbox in touched:
            outbox.flush()


@implementer(IPushProducer)
class Outbox:
    """What is on its way to one connection.

    ``drained`` is called when all of it was taken after some had to wait, ``stuck`` when nothing was taken
    for ``progress_seconds``.
    """

    def __init__(
        self,
        transport: Transport,
        turn: Turn,
        clock: Clock,
        progress_seconds: float,
        drained: Callable[[], None],
        stuck: Callable[[], None],
        *,
        exact: bool = False,
    ) -> None:
        """With ``exact`` the transport is given nothing that it cannot send at once, where that can be told.

        So nothing waits there, and :attr:`full` is known as soon as something has to wait at all.
        """
        self._transport = transport
        self._turn = turn
        self._clock = clock
        self._progress_seconds = progress_seconds
        #: Called when all of it was taken; who writes by way of this one may take its place.
        self.drained = drained
        self._stuck = stuck
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._touched = False
        #: Whether the transport holds more than it should; nothing is handed to it then.
        self.full = False
        self._closing = False
        self._lost = False
        self._finish: Callable[[], None] = transport.loseConnection
        self._timer: IDelayedCall | None = None
        #: Sends at once, past the transport's buffer, as long as that has never held anything: it saves two
        #: changes to what the reactor polls, and one turn of it, for each reply of a client that waits.
        self._direct: Callable[[bytes], object] | None = None
        if isinstance(transport, Connection) and not transport.TLS:
            self._direct = transport.writeSomeData
        self._exact = exact
        transport.registerProducer(self, True)

    @property
    def unsent(self) -> int:
        """Bytes that wait here, beside those that the transport has taken."""
        return self._waiting

    def write(self, data: bytes) -> None:
        """Send bytes after everything before them."""
        if self._lost:
            return
        if len(data) <= _PIECE:
            self._pieces.append(data)
        else:
            self._pieces.extend(data[start : start + _PIECE] for start in range(0, len(data), _PIECE))
        self._waiting += len(data)
        if not self._touched:
            self._touched = True
            self._turn.touch(self)

    def flush(self) -> None:
        """Hand to the transport what it has room for."""
        self._touched = False
        while self._pieces and not self.full:
            data = self._take()
            if self._direct is not None:
                sent = self._direct(data)
                if sent == len(data):
                    continue
                if self._exact and isinstance(sent, int):
                    self._wait_for_room(data[sent:])
                    return
                # From here on the transport has bytes of its own, and nothing may overtake them.
                self._direct = None
                data = data[sent:] if isinstance(sent, int) else data
            self._transport.write(data)

    def _wait_for_room(self, rest: bytes) -> None:
        """Keep what was not sent until the transport finds that more can be: it resumes its producer then."""
        self._pieces.insert(0, rest)
        self._waiting += len(rest)
        transport = cast("Connection", self._transport)
        transport.producerPaused = True
        transport.startWriting()
        self.pauseProducing()

    def _take(self) -> bytes:
        """Take what to hand over at once: all if that is little, otherwise about one piece."""
        count = len(self._pieces)
        if self._waiting > 2 * _PIECE:
            count = size = 0
            while size < _PIECE:
                size += len(self._pieces[count])
                count += 1
        data = b"".join(self._pieces[:count])
        del self._pieces[:count]
        self._waiting -= len(data)
        return data

    def close(self, finish: Callable[[], None]) -> None:
        """Call ``finish`` when everything was taken; abort the connection if that, or its end, takes long."""
        if not self._closing:
            self._closing = True
            self._finish = finish
            self.flush()
            self._restart_timer(_CLOSE_SECONDS, self._transport.abortConnection)
            self._finish_if_sent()

    def lost(self) -> None:
        """Hear that the connection is gone, or will be at once."""
        self._lost = self._closing = True
        self._pieces.clear()
        self._waiting = 0
        self._cancel_timer()

    def pauseProducing(self) -> None:
        """Hear that the transport is full; it says so at every write above its bound."""
        if not self.full:
            self.full = True
            if not self._closing:
                self._restart_timer(self._progress_seconds, self._stuck)

    def resumeProducing(self) -> None:
        """Hear that the transport has sent everything."""
        self.full = False
        if self._closing:
            self._restart_timer(_CLOSE_SECONDS, self._transport.abortConnection)
            self.flush()
            self._finish_if_sent()
            return
        self._cancel_timer()
        self.flush()
        if not self.full:
            self.drained()

    def stopProducing(self) -> None:
        """Hear that the transport takes nothing any more; ``connectionLost`` follows."""

    def _finish_if_sent(self) -> None:
        # With a producer registered a transport would wait for it and never close.
        if not self.full:
            self._transport.unregisterProducer()
            self._finish()

    def _restart_timer(self, delay: float, call: Callable[[], None]) -> None:
        self._cancel_timer()
        self._timer = self._clock.callLater(delay, call)

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
