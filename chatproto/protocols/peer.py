"""One end of a connection to another realm.

The protocol owns bytes, the time and the size of the handshake, and the end. Who the other side is says
:class:`~chatproto.federation.handshake.Handshake`, what its frames mean the link. Until the other side has
proved who it is nothing is done for it but that.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import (
    BadFrame,
    FrameTooLong,
    HandshakeTimeout,
    LinkError,
    LinkLost,
    RefusedByPeer,
    UnexpectedFrame,
    WrongKey,
)
from chatproto.federation.connection import LinkEnd
from chatproto.federation.handshake import Handshake
from chatproto.frames import RAW, Auth, Chunk, Freight, Goodbye, Hello
from chatproto.names import RealmName
from chatproto.protocols.handover import Handing, take_of
from chatproto.protocols.lingering import Linger, in_handshake
from chatproto.protocols.order import Pause
from chatproto.protocols.outbox import Outbox, Transport
from chatproto.protocols.peer_connection import PeerConnection
from chatproto.protocols.tcp import hold_little_unsent, send_at_once
from chatproto.tls.binding import binding_of
from chatproto.wire.peer import decode_frame, encode_frame

if TYPE_CHECKING:
    from chatproto.protocols.peer_factory import RealmPeerFactory

#: Longest line before the other side has proved who it is: a hello with all it may have is shorter.
HANDSHAKE_LINE_BYTES = 4 * 1024
#: Unsent bytes at which what was written is handed over within the turn of the reactor.
_PIECE = 64 * 1024
#: Unsent bytes of a connection that is full at which it is given up: only small frames are sent then, and who
#: has so many of them to get reads nothing.
_UNSENT_BYTES = 1024 * 1024
#: Frames that are not the link's, or not only.
_OURS = frozenset({Hello, Auth, Goodbye})


class Stage(enum.Enum):
    """Where a connection stands; see :data:`_NEXT`."""

    HANDSHAKE = "handshake"
    LINKED = "linked"  # the other side has proved who it is
    ENDING = "ending"  # nothing more is received


#: What may follow what.
_NEXT = {
    Stage.HANDSHAKE: {Stage.LINKED, Stage.ENDING},
    Stage.LINKED: {Stage.ENDING},
    Stage.ENDING: {Stage.ENDING},
}


class RealmPeerProtocol(Handing):
    """One end of a connection to another realm.

    ``dialled`` is the realm to which this side connected, None if the other side did. ``failed`` is called
    once, with the reason, if the connection ends before the other side has proved who it is.
    """

    _log = Logger()

    def __init__(
        self,
        factory: RealmPeerFactory,
        dialled: RealmName | None,
        failed: Callable[[LinkError], None] | None = None,
    ) -> None:
        super().__init__()
        self.line_limit = HANDSHAKE_LINE_BYTES
        self._factory = factory
        self._links = links = factory.links
        self._failed = failed
        self._told = False  # that the handshake failed
        self._handshake = Handshake(links.identity, links, factory.random_bytes, dialled=dialled)
        self._stage = Stage.HANDSHAKE
        #: Why the connection ends, as a code for operators.
        self._reason = "closed"
        self._link: LinkEnd | None = None
        self._held = False
        #: The frame whose raw bytes come next.
        self._raw_of: Chunk | Freight | None = None
        self._outbox: Outbox | None = None
        self._deadline: IDelayedCall | None = None
        self._linger: Linger | None = None

    @property
    def stage(self) -> Stage:
        """Where the connection stands."""
        return self._stage

    # -- the connection

    def connectionMade(self) -> None:
        """Begin the handshake, and to count its time."""
        transport = cast("Any", self.transport)
        send_at_once(transport)
        hold_little_unsent(transport)
        factory = self._factory
        self._outbox = Outbox(
            transport,
            factory.turn,
            factory.clock,
            factory.limits.progress_seconds,
            self._drained,
            self._stuck,
            exact=True,
        )
        self._deadline = factory.clock.callLater(factory.limits.link_handshake_seconds, self._too_late)
        self._outbox.write(self._handshake.begin())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget everything, and tell whoever relied on it."""
        self._stop_deadline()
        self._move(Stage.ENDING)
        self._pause |= Pause.ENDING
        self.clear()
        if self._outbox is not None:
            self._outbox.lost()
        if self._linger is not None:
            self._linger.stop()
        self.heir_lost(reason)
        self._factory.disconnected(self)
        if self._successor is None:
            self._tell_failure(LinkLost())
        if self._link is not None:
            self._link.lost(self._reason)

    def goodbye(self, reason: str, retry_after: float = 0.0, message: str = "") -> None:
        """Say goodbye after all that is written, and close; nothing more is received."""
        if self._successor is not None:
            self._successor.goodbye(reason)
        outbox = self._outbox
        if self._stage is Stage.ENDING or outbox is None:
            return
        self._end_reading()
        outbox.write(encode_frame(Goodbye(reason=reason, message=message, retry_after=retry_after)))
        # The other side may be in the middle of much: unread, that would take the goodbye from it.
        self._linger = Linger(cast("Transport", self.transport), self._factory.clock, input_ended=False)
        outbox.close(self._linger.begin)

    def abort(self, reason: str = "aborted") -> None:
        """Close without another word; nothing more is received."""
        if self._stage is not Stage.ENDING:
            self._reason = reason
        self._end_reading()
        if self._outbox is not None:
            self._outbox.lost()
        if self.transport is not None:
            cast("Any", self.transport).abortConnection()

    def fail(self, error: LinkError) -> None:
        """End the connection for a reason of ours, of which the other side is told."""
        if self._stage is Stage.ENDING:
            return
        self._reason = error.code
        self._factory.traffic.refuse(error.code)
        self._log_end(error)
        self._tell_failure(error)
        if isinstance(error, RefusedByPeer) or in_handshake(self.transport):
            self.abort(error.code)
        else:
            self.goodbye(error.code, message=error.text)

    def _move(self, stage: Stage) -> None:
        assert stage in _NEXT[self._stage], f"{self._stage} to {stage}"
        self._stage = stage

    def _end_reading(self) -> None:
        self._stop_deadline()
        self._move(Stage.ENDING)
        self.pause(Pause.ENDING)
        self.clear()

    def _tell_failure(self, error: LinkError) -> None:
        """Tell that nobody has proved anything, if so: who asked to dial, and which key is not trusted."""
        handshake = self._handshake
        if self._told or handshake.done:
            return
        self._told = True
        if handshake.realm is not None and (self._failed is None or isinstance(error, WrongKey)):
            self._links.refused(handshake.realm, handshake.hello.key, error)
        if self._failed is not None:
            self._failed(error)

    def _log_end(self, error: LinkError) -> None:
        """Log an end that is of interest: who names no realm of ours is only counted."""
        realm = self._handshake.realm
        if realm is not None and (self._handshake.done or self._failed is not None):
            self._log.warn("{realm}: the connection ends: {reason}", realm=realm, reason=error.text)
        elif realm is not None:
            self._factory.impostors.add(realm, error)

    def _too_late(self) -> None:
        self.fail(HandshakeTimeout())

    def _stop_deadline(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None

    # -- reading

    def dataReceived(self, data: bytes) -> None:
        """Take a read, or drop it at the end of the connection."""
        if self._successor is not None:
            self._successor.dataReceived(data)
        elif self._stage is Stage.ENDING:
            if self._linger is not None:
                self._linger.heard()
        else:
            super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        """Take a line: of the handshake, and then frames for the link."""
        if self._link is not None:
            self._take(self._link, line)
        else:
            self._shake(line)

    def line_too_long(self, start: bytes) -> None:
        """End the connection: the other side was told the bound, or is a stranger."""
        self.fail(FrameTooLong())

    def _shake(self, line: bytes) -> None:
        take = take_of(self._factory.successors, line)
        if take is not None and self._handshake.untouched:
            self._stop_deadline()
            self._outbox = None
            self._factory.left(self)
            self.hand_over(take, line)  # it is not that of a realm
            return
        try:
            said = self._handshake.received(line, binding_of(self.transport))
        except LinkError as error:
            self._write(self._handshake.parting)
            self.fail(error)
            return
        self._write(said)
        if self._handshake.done:
            self._begin_link()

    def _write(self, said: bytes) -> None:
        if self._outbox is not None and said:
            self._outbox.write(said)

    def _begin_link(self) -> None:
        """Give the connection to the link: the other side is who it says."""
        handshake, links = self._handshake, self._links
        assert handshake.realm is not None
        self._stop_deadline()
        self._move(Stage.LINKED)
        self._factory.linked(self)
        self.line_limit = links.identity.limits.line
        links.approved(handshake.realm, handshake.hello.key)
        self._link = links.authenticated(handshake.realm, PeerConnection(self, self._handshake))
        if self._link is None and self._stage is Stage.LINKED:
            self.abort()  # it should have been told why

    def _take(self, link: LinkEnd, line: bytes) -> None:
        try:
            frame = decode_frame(line)
        except BadFrame as error:
            self.fail(error)
            return
        if frame is None:
            self._factory.traffic.unknown_frames += 1
        elif isinstance(frame, RAW):
            self._raw_of = frame
            self.expect_raw(frame.size)
        elif type(frame) not in _OURS:
            link.received(frame)
        elif isinstance(frame, Goodbye):
            self._leave()
            link.received(frame)
        else:
            self.fail(UnexpectedFrame())

    def raw_received(self, data: bytes) -> None:
        """Take the raw bytes that follow a frame."""
        frame, self._raw_of = self._raw_of, None
        if self._link is not None and frame is not None and self._stage is Stage.LINKED:
            self._link.raw_received(frame, data)

    def _leave(self) -> None:
        """Close: the other side has said that it ends."""
        assert self._outbox is not None
        self._reason = "goodbye"
        self._end_reading()
        self._outbox.close(cast("Transport", self.transport).loseConnection)

    # -- for the link

    def hold(self, on: bool) -> None:
        """Read nothing, or go on in a later turn of the reactor: the caller is not called back from here."""
        self._held = on
        if on:
            self.pause(Pause.WRITER)
        else:
            self._factory.clock.callLater(0, self._go_on)

    def _go_on(self) -> None:
        if not self._held and self._stage is Stage.LINKED:
            self.resume(Pause.WRITER)

    @property
    def full(self) -> bool:
        """Whether the link will be told when there is room again, or that there never will be."""
        return self._stage is not Stage.LINKED or self._outbox is None or self._outbox.full

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be sent."""
        outbox = self._outbox
        return self._stage is Stage.LINKED and outbox is not None and not (outbox.full or outbox.unsent)

    def send(self, data: bytes) -> bool:
        """Write at the end of this turn of the reactor; False if no more should be until ``drained``."""
        outbox = self._outbox
        if self._stage is not Stage.LINKED or outbox is None:
            return False
        if outbox.full and outbox.unsent > _UNSENT_BYTES:
            self.abort("overrun")
            return False
        outbox.write(data)
        if outbox.unsent >= _PIECE:
            outbox.flush()
        return not outbox.full

    def _drained(self) -> None:
        if self._link is not None and self._stage is Stage.LINKED:
            self._link.drained()

    def _stuck(self) -> None:
        self.abort("stuck")
