"""The last moments of a connection on which everything was said.

The kernel answers input that nobody reads with a reset, and a reset takes from the other side what it was
sent and has not read yet: the last replies of a client that still writes. So the end is told first, and what
still comes is read and dropped, until the other side ends too or falls silent.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.tcp import Connection
from twisted.protocols.tls import TLSMemoryBIOProtocol

from chatproto.protocols.outbox import Transport
from chatproto.realm.times import Clock

#: Silence after which nothing more is expected. Who writes all the time has no larger gaps.
_QUIET_SECONDS = 0.2


def in_handshake(transport: object) -> bool:
    """Tell whether a transport is one of TLS that is not ready yet: nobody can be told anything over it."""
    return isinstance(transport, TLSMemoryBIOProtocol) and transport.getHandle().get_peer_finished() is None


class Linger:
    """Ends one connection, once :meth:`begin` is called. The caller bounds the time that this may take."""

    def __init__(self, transport: Transport, clock: Clock, *, input_ended: bool) -> None:
        self._transport = transport
        self._clock = clock
        self._input_ended = input_ended
        self._begun = False
        self._close = transport.loseConnection
        self._quiet: IDelayedCall | None = None

    def begin(self) -> None:
        """Tell the end; or close at once, where nothing can come any more or only that is possible."""
        self._begun = True
        transport = self._transport
        if isinstance(transport, TLSMemoryBIOProtocol):
            self._begin_tls(transport)
        elif self._input_ended or not isinstance(transport, Connection):
            transport.loseConnection()
        else:
            transport.loseWriteConnection()
            transport.resumeProducing()
            self.heard()

    def _begin_tls(self, transport: TLSMemoryBIOProtocol) -> None:
        """Tell the end in TLS's own way, which is answered with the end of the other side."""
        below = cast("Transport", transport.transport)
        self._close = below.loseConnection
        transport.loseConnection()
        if in_handshake(transport):
            below.abortConnection()
            return
        cast("Any", transport).resumeProducing()
        self.heard()

    def heard(self) -> None:
        """Hear that something came, which is dropped."""
        if self._begun:
            self.stop()
            self._quiet = self._clock.callLater(_QUIET_SECONDS, self._close)

    def input_ended(self) -> None:
        """Hear that nothing more will come."""
        self._input_ended = True
        if self._begun:
            self.stop()
            self._transport.loseConnection()

    def stop(self) -> None:
        """Wait no longer."""
        if self._quiet is not None and self._quiet.active():
            self._quiet.cancel()
        self._quiet = None
