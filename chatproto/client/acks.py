"""Telling the realm how far the application has got, now and then."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from chatproto.commands import Ack
from chatproto.errors import ChatError
from chatproto.events import Done
from chatproto.protocols.client import ChatClientProtocol

#: A position is told after so long, or after so many messages. What is lost with a crash is only that the
#: realm believes the device to be a little further behind.
SECONDS = 1.0
MESSAGES = 100


class Acks:
    """Coalesces acknowledgements: only the newest position counts."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._protocol: ChatClientProtocol | None = None
        self._seq: int | None = None
        self._count = 0
        self._soon: IDelayedCall | None = None

    def start(self, protocol: ChatClientProtocol) -> None:
        """Acknowledge over a new session."""
        self._protocol = protocol

    def stop(self) -> None:
        """The session is over. What was not told is told after the next message."""
        self._protocol = None
        self._cancel()

    def taken(self, seq: int) -> None:
        """The application is done with a message."""
        self._seq = seq
        self._count += 1
        if self._count >= MESSAGES:
            self.flush()
        elif self._soon is None and self._protocol is not None:
            self._soon = self._clock.callLater(SECONDS, self.flush)

    def flush(self) -> None:
        """Tell the newest position now."""
        self._cancel()
        if self._protocol is None or self._seq is None:
            return
        seq, self._seq, self._count = self._seq, None, 0
        self._protocol.request(Ack(seq=seq), Done).addErrback(_not_needed)

    def _cancel(self) -> None:
        if self._soon is not None and self._soon.active():
            self._soon.cancel()
        self._soon = None


def _not_needed(failure: Failure) -> None:
    """A later acknowledgement says the same and more."""
    failure.trap(ChatError)
