"""Connections that turn out to be somebody else's: at the first line they are handed over.

One port may be where users connect and where other servers do. The first line tells, and from it on another
protocol has the connection. The one that took it stays between: so whoever counts and ends connections knows
one of them only, and no transport has to bear another protocol in the middle of a read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from chatproto.protocols.pausing import PausingFraming


class Successor(Protocol):
    """A protocol that takes over a connection which another one counts."""

    def makeConnection(self, transport: Any) -> None: ...  # noqa: D102
    def dataReceived(self, data: bytes) -> None: ...  # noqa: D102
    def connectionLost(self, reason: Failure = ...) -> None: ...  # noqa: D102
    def goodbye(self, reason: str) -> None: ...  # noqa: D102


#: Returns who takes a connection from an address over, or None if there is no room for it.
Take = Callable[[str], Successor | None]
#: Who takes a connection over, by how its first line begins.
Successors = Mapping[bytes, Take]


def take_of(successors: Successors, line: bytes) -> Take | None:
    """Return who takes over a connection with this first line, if somebody does."""
    return next((take for start, take in successors.items() if line.startswith(start)), None)


class Handing(PausingFraming):
    """Lines of a connection that may be handed over at its first one."""

    #: Of the class until it is needed: few connections are.
    _successor: Successor | None = None

    def hand_over(self, take: Take, line: bytes) -> None:
        """Let another protocol have the connection from its first line on; nothing was written to it."""
        transport = cast("Any", self.transport)
        transport.unregisterProducer()  # the outbox of this one
        successor = take(str(getattr(transport.getPeer(), "host", "")))
        unread = b"\n".join([line, *reversed(self._lines), bytes(self._tail)]) + b"".join(self._reads)
        self.clear()
        if successor is None:
            transport.abortConnection()
            return
        self._successor = successor
        successor.makeConnection(transport)
        successor.dataReceived(unread)

    def heir_lost(self, reason: Failure = connectionDone) -> None:
        """Tell who has the connection that it is gone."""
        if self._successor is not None:
            self._successor.connectionLost(reason)
