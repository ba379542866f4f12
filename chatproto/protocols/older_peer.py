"""The dialling end of a connection to an original server of an older system.

Such a server reads one request at a time, whole, and answers it before it reads on. So there is never more
than one under way; who asks keeps the order. What comes unasked cannot be told from a reply, and ends the
connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from chatproto.federation.original_requests import NotAnswered, NotAsked, Wire
from chatproto.limits import INBOX_BYTES
from chatproto.protocols.tcp import send_at_once
from chatproto.realm.times import Clock
from chatproto.wire.older_peer import is_whole

#: Bytes of a reply: a box with as much in it as one of ours gives at a time.
_REPLY_BYTES = 2 * INBOX_BYTES


class OlderPeerProtocol(Protocol):
    """One connection; see :class:`~chatproto.federation.original_requests.Wire`."""

    def __init__(self, clock: Clock, made: Callable[[Wire], None]) -> None:
        self._clock = clock
        self._made = made
        self._reply: Deferred[bytes] | None = None
        self._limit: IDelayedCall | None = None
        self._came = bytearray()
        self.gone = False
        self.on_lost: Callable[[], None] = lambda: None
        self.host = self.own_host = ""

    def connectionMade(self) -> None:
        """Tell who dialled."""
        transport = cast("Any", self.transport)
        send_at_once(transport)
        self.host = str(getattr(transport.getPeer(), "host", ""))
        self.own_host = str(getattr(transport.getHost(), "host", ""))
        self._made(self)

    def ask(self, request: bytes, seconds: float) -> Deferred[bytes]:
        """See :meth:`Wire.ask`."""
        assert self._reply is None, "one request at a time"
        reply: Deferred[bytes] = Deferred()
        if self.gone or self.transport is None:
            reply.errback(NotAsked())
            return reply
        self._reply = reply
        self._limit = self._clock.callLater(seconds, self.close)
        self.transport.write(request)
        return reply

    def dataReceived(self, data: bytes) -> None:
        """Take a part of a reply."""
        self._came += data
        if self._reply is None or len(self._came) > _REPLY_BYTES:
            self.close()
        elif is_whole(self._came):
            reply, self._came = bytes(self._came), bytearray()
            self._answered().callback(reply)

    def _answered(self) -> Deferred[bytes]:
        reply, self._reply = self._reply, None
        assert reply is not None
        if self._limit is not None and self._limit.active():
            self._limit.cancel()
        return reply

    def close(self) -> None:
        """See :meth:`Wire.close`."""
        if not self.gone and self.transport is not None:
            self.gone = True
            cast("Any", self.transport).abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell who waits for a reply, and who dialled."""
        self.gone = True
        if self._reply is not None:
            self._answered().errback(NotAnswered())
        self.on_lost()


class OlderPeerFactory(Factory):
    """Makes the end of one connection; ``made`` is called with it when it stands."""

    noisy = False

    def __init__(self, clock: Clock, made: Callable[[Wire], None]) -> None:
        self._clock = clock
        self._made = made

    def buildProtocol(self, addr: IAddress | None) -> OlderPeerProtocol:
        """Return the end of the connection."""
        return OlderPeerProtocol(self._clock, self._made)
