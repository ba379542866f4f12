"""What both ends of a link between a front and its main server have in common: bytes, time and turns.

Many clients share the link. What is to be sent waits in a lane for each of them, and long lines are cut into
parts, so that a large box or file of one does not keep the others waiting.
"""

from __future__ import annotations

import enum
from typing import Any, cast

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import FrameTooLong, HandshakeTimeout, LinkError, RefusedByPeer, Silent
from chatproto.federation.fronts import FrontHandshake, MainHandshake
from chatproto.frames.fronts import Beat, Farewell, FrontFrame, MainFrame, Part
from chatproto.limits import Limits
from chatproto.protocols.lanes import Lanes
from chatproto.protocols.lingering import Linger
from chatproto.protocols.order import Pause
from chatproto.protocols.outbox import Outbox, Transport, Turn
from chatproto.protocols.pausing import PausingFraming
from chatproto.protocols.tcp import send_at_once
from chatproto.realm.times import Clock
from chatproto.tls.binding import binding_of
from chatproto.wire.front import LINE_BYTES, encode, parts_of

#: Longest line before the other side has proved who it is.
_OPENING_BYTES = 4 * 1024
#: Unsent bytes at which what was written is handed over within the turn of the reactor.
_PIECE = 64 * 1024
#: Bytes of lines that came in parts and are not whole: what the longest lines of a few clients take, of which
#: a front reads four at a time, and the boxes that a realm keeps in memory.
_ASSEMBLED_BYTES = 192 * 1024 * 1024
#: How often either side gives a sign of life, and after how long a silence the other one is gone.
BEAT_SECONDS = 5.0
DEAD_SECONDS = 20.0
#: The lane of what is about no client.
_NOBODY = -1


class Stage(enum.Enum):
    """Where a link stands; it only goes on."""

    HANDSHAKE = "handshake"
    LINKED = "linked"  # both sides have proved who they are
    ENDING = "ending"  # nothing more is received


class ChannelLink(PausingFraming):
    """One end of a link between a front and its main server."""

    _log = Logger()

    def __init__(
        self, handshake: FrontHandshake | MainHandshake, clock: Clock, turn: Turn, limits: Limits
    ) -> None:
        super().__init__()
        self.line_limit = _OPENING_BYTES
        self._handshake = handshake
        self._clock = clock
        self._turn = turn
        self._limits = limits
        self.stage = Stage.HANDSHAKE
        #: Why it ended; None: the connection just did.
        self.ending: LinkError | None = None
        self._lanes = Lanes()
        self._outbox: Outbox | None = None
        #: The frame whose raw bytes come next, and by channel what came of lines.
        self._part: Part | None = None
        self._parts: dict[int, list[bytes]] = {}
        self._assembled = 0
        self._deadline: IDelayedCall | None = None
        self._linger: Linger | None = None
        self._heard_at = 0.0
        self._watch = LoopingCall(self._beat)
        self._watch.clock = cast("IReactorTime", clock)

    # -- for subclasses

    def linked(self) -> None:
        """Hear that the other side has proved who it is."""
        raise NotImplementedError

    def frame_received(self, line: bytes) -> None:
        """Take a frame, which came in one line or in parts.

        :raises LinkError: it is none.
        """
        raise NotImplementedError

    def room_made(self) -> None:
        """Hear that less waits to be sent."""

    def lost(self, error: LinkError | None) -> None:
        """Hear once that the link is gone."""
        raise NotImplementedError

    # -- the connection

    def connectionMade(self) -> None:
        """Begin the handshake, and to count its time."""
        transport = cast("Any", self.transport)
        send_at_once(transport)
        progress = self._limits.progress_seconds
        self._outbox = Outbox(transport, self._turn, self._clock, progress, self._pump, self.abort)
        self._deadline = self._clock.callLater(self._limits.link_handshake_seconds, self._too_late)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget everything, and tell whoever relied on it."""
        self._end_reading()
        if self._outbox is not None:
            self._outbox.lost()
        if self._linger is not None:
            self._linger.stop()
        self.lost(None)

    def goodbye(self, reason: str, message: str = "") -> None:
        """Say that the link ends, after all that is written, and close."""
        outbox = self._outbox
        if self.stage is Stage.ENDING or outbox is None:
            return
        self._end_reading()
        while piece := self._lanes.take():
            outbox.write(piece)
        outbox.write(encode(Farewell(reason=reason, message=message)))
        self._linger = Linger(cast("Transport", self.transport), self._clock, input_ended=False)
        outbox.close(self._linger.begin)

    def abort(self) -> None:
        """Close without another word."""
        self._end_reading()
        if self._outbox is not None:
            self._outbox.lost()
        cast("Any", self.transport).abortConnection()

    def fail(self, error: LinkError) -> None:
        """End the link for a reason of ours, of which the other side is told."""
        if self.stage is Stage.ENDING:
            return
        self.ending = error
        self.lost(error)
        if isinstance(error, RefusedByPeer):
            self.abort()
        else:
            self.goodbye(error.code, error.text)

    def _too_late(self) -> None:
        self.fail(HandshakeTimeout())

    def _end_reading(self) -> None:
        self.stage = Stage.ENDING
        self.pause(Pause.ENDING)
        self.clear()
        self._parts.clear()
        if self._watch.running:
            self._watch.stop()
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()

    def _beat(self) -> None:
        now = self._clock.seconds()
        if self.paused:
            self._heard_at = now  # it may have said much that was not read
        if now - self._heard_at >= DEAD_SECONDS:
            self.ending = Silent()
            self.abort()
        else:
            self.send(_NOBODY, Beat())

    # -- reading

    def dataReceived(self, data: bytes) -> None:
        """Take a read, or drop it at the end of the link."""
        if self.stage is not Stage.ENDING:
            self._heard_at = self._clock.seconds()
            super().dataReceived(data)
        elif self._linger is not None:
            self._linger.heard()

    def lineReceived(self, line: bytes) -> None:
        """Take a line: of the handshake, and then frames."""
        try:
            if self.stage is Stage.HANDSHAKE:
                self._shake(line)
            else:
                self.frame_received(line)
        except LinkError as error:
            self.fail(error)

    def line_too_long(self, start: bytes) -> None:
        """End the link: the other side knows the bound, or is a stranger."""
        self.fail(FrameTooLong())

    def _shake(self, line: bytes) -> None:
        said = self._handshake.received(line, binding_of(self.transport))
        if said and self._outbox is not None:
            self._outbox.write(said)
        if self._handshake.done:
            self.stage = Stage.LINKED
            self.line_limit = 2 * LINE_BYTES
            if self._deadline is not None:
                self._deadline.cancel()
            self._heard_at = self._clock.seconds()
            self._watch.start(BEAT_SECONDS, now=False)
            self.linked()

    def expect_part(self, part: Part, *, wanted: bool) -> None:
        """Take the bytes behind a line for a piece of a longer one, or throw them away."""
        if wanted:
            self._assembled += part.size
            self._part = part
        if self._assembled > _ASSEMBLED_BYTES:
            raise FrameTooLong
        self.expect_raw(part.size)

    def raw_received(self, data: bytes) -> None:
        """Take the bytes of a part; with the last one the line is whole."""
        part, self._part = self._part, None
        if part is None or self.stage is not Stage.LINKED:
            return
        pieces = self._parts.setdefault(part.channel, [])
        pieces.append(data)
        if part.last:
            line = b"".join(pieces)
            self.forget_parts(part.channel)
            try:
                self.frame_received(line.removesuffix(b"\n"))
            except LinkError as error:
                self.fail(error)

    def forget_parts(self, channel: int) -> None:
        """Drop what came of a line in a channel."""
        self._assembled -= sum(map(len, self._parts.pop(channel, ())))
        if self._part is not None and self._part.channel == channel:
            self._assembled -= self._part.size
            self._part = None  # its bytes are thrown away when they come

    # -- writing

    @property
    def waiting(self) -> int:
        """Bytes that wait to be sent."""
        return self._lanes.size

    def send(self, channel: int, frame: FrontFrame | MainFrame) -> int:
        """Send a frame when its turn comes; return how long it is."""
        line = encode(frame)
        if self.stage is Stage.LINKED:
            self._lanes.put(channel, parts_of(channel, line))
            self._pump()
        return len(line)

    def drop(self, channel: int) -> None:
        """Forget what waits to be sent in a channel, and what came of a line."""
        self._lanes.drop(channel)
        self.forget_parts(channel)

    def _pump(self) -> None:
        """Hand on what there is room for."""
        outbox = self._outbox
        if outbox is None or self.stage is not Stage.LINKED:
            return
        while not outbox.full and (piece := self._lanes.take()):
            outbox.write(piece)
            if outbox.unsent >= _PIECE:
                outbox.flush()
        self.room_made()
