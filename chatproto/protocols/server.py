"""The server's end of a client's connection.

The protocol owns bytes, time-outs and the order of replies. Who speaks is the session's business, what a
line means the dialect's. Dialects share the port: a line's first byte says which one it is in (``{`` is JSON,
any other is text, unless the factory was given others), and each line is answered in its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.commands import Chunk
from chatproto.errors import BadRequest, ChatError, LineTooLong, LoginTimeout
from chatproto.events import EnteredGroup, Event, ExitedGroup, Goodbye, Reply
from chatproto.protocols.carrying import CommandFraming
from chatproto.protocols.handover import Handing, take_of
from chatproto.protocols.haste import Haste, is_hasty
from chatproto.protocols.large_lines import LargeLine
from chatproto.protocols.lingering import Linger, in_handshake
from chatproto.protocols.live import LiveMode
from chatproto.protocols.order import Pause, Slot
from chatproto.protocols.outbox import Outbox, Transport, Writing
from chatproto.protocols.spaced import Spaced
from chatproto.protocols.stranger import Stranger, is_http, is_tls
from chatproto.protocols.tcp import send_at_once
from chatproto.wire.dialect import Dialect, TagValue
from chatproto.wire.json import JsonDialect, chunk_size

if TYPE_CHECKING:
    from chatproto.protocols.lines_factory import LinesFactory


@implementer(IHalfCloseableProtocol)
class ChatServerProtocol(Handing, CommandFraming):
    """One client's connection."""

    #: Of the class until it is needed: from 30 attributes on an object takes five times the memory.
    _haste: Haste | None = None
    _large: LargeLine | None = None
    #: Whether its lines are text that CRLF ends, as those of older clients: a message may have lines itself.
    _has_feeds = False
    #: Whether the outbox has to know when there is nothing left that was not sent.
    exact = False

    def __init__(self, factory: LinesFactory, address: str) -> None:
        super().__init__(factory)
        self.traffic = factory.traffic
        self.session = factory.new_session(self, address)
        self.line_limit = self._limits.line_bytes_before_login
        self._stranger: Stranger | None = None
        self._dialect: Dialect | None = None  # that of the newest line
        self._heard_in: Dialect = factory.dialect  # that of the newest ``listen``
        self._outbox: Writing | None = None
        self._live = LiveMode(self, factory.clock, factory.live_line_end)
        self._goodbye: str | None = None
        self._input_ended = False
        self._linger: Linger | None = None

    @property
    def unsent(self) -> int:
        """Bytes that the client has not taken, beside those that the transport has."""
        return 0 if self._outbox is None else self._outbox.unsent

    # -- the connection

    def connectionMade(self) -> None:
        """Begin to count the time until login."""
        transport = cast("Any", self.transport)
        send_at_once(transport)
        clock = self._factory.clock
        progress = self._limits.progress_seconds
        outbox = Outbox(
            transport, self._factory.turn, clock, progress, self._drained, self.abort, exact=self.exact
        )
        self._outbox = self.make_outbox(outbox)
        self._stranger = Stranger(self._limits, clock, self._too_late, lambda: Pause.COMMAND in self._pause)
        self.look_at_trust()

    def make_outbox(self, outbox: Outbox) -> Writing:
        """Return through what is written to the client from its first byte on."""
        return outbox

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget everything; lines that wait are not carried out."""
        self.clear()
        self._pause |= Pause.ENDING
        self._held = None
        self._slots.clear()
        for rule in (self._stranger, self._haste, self._large):
            if rule is not None:
                rule.end()
        if self._outbox is not None:
            self._outbox.lost()
        self._live.lost()
        if self._linger is not None:
            self._linger.stop()
        self.session.closed()
        self.heir_lost(reason)
        self._factory.disconnected(self)

    def readConnectionLost(self) -> None:
        """Hear that the client has said all it will, as a script does: answer what was read, and close."""
        if self._successor is not None:
            self.abort()  # who has the connection says nothing more to whoever has ended it
            return
        self._live.input_ended()
        self._input_ended = True
        if self._linger is not None:
            self._linger.input_ended()
        self.pause(Pause.ENDING)
        self.reply()

    def writeConnectionLost(self) -> None:
        """Never heard: only this side ends its writing, and then it closes."""

    def abort(self) -> None:
        """End the connection without another word."""
        self.pause(Pause.ENDING)
        if self._outbox is not None:
            self._outbox.lost()
        cast("Any", self.transport).abortConnection()

    def goodbye(self, reason: str) -> None:
        """Read no more, answer what was read, tell a listener that this is the end, and close."""
        if self._successor is not None:
            self._successor.goodbye(reason)
            return
        self._goodbye = reason
        self.pause(Pause.ENDING)
        self.reply()

    def _too_late(self) -> None:
        if self.session.is_peer:
            return  # it dialled back, and says nothing until one of its users does
        if in_handshake(self.transport):
            self.abort()
            return
        # Whoever said nothing may be an older client, which would wait for the end of such a reply; a JSON
        # client reads its first line.
        self._refuse(self._dialect or self._factory.dialect, LoginTimeout())

    def look_at_trust(self) -> None:
        """Lift the limits for strangers once the session is a user's."""
        if self._stranger is not None and self.session.trusted:
            self._stranger.end()
            self._stranger = None
            self.line_limit = self._limits.line_bytes

    # -- reading

    def dataReceived(self, data: bytes) -> None:
        """Take a read, or drop it at the end of the connection."""
        if self._successor is not None:
            self._successor.dataReceived(data)
        elif self._linger is not None:
            self._linger.heard()
        elif self._dialect is None and is_tls(data):
            # Such a client would wait for its handshake, and this tells it that there will be none.
            self.pause(Pause.ENDING)
            self._refuse(self._factory.dialect, BadRequest("TLS is not spoken on this port"))
        else:
            super().dataReceived(data)
            self._live.heard()

    def lineReceived(self, line: bytes) -> None:
        """Carry out one line, or refuse it."""
        if self._has_feeds and b"\n" in line and self._live.dialect is not None:
            self._lines += reversed(line.split(b"\n"))  # it was cut before live mode began
            return
        if self._large is not None:
            self._large.came()
        if self._dialect is None and not self._may_begin(line):
            return
        dialect = self._dialect = self._dialect_of(line)
        if dialect is self._live.dialect and not line.strip():
            return  # nothing was said, and nobody waits for a reply
        try:
            request = dialect.decode(line)
        except ChatError as error:
            if isinstance(dialect, JsonDialect):
                self.skip_chunk(line)
            self._refuse_line(dialect, error, dialect.tag_of(line))
            return
        if type(request.command) is Chunk:
            self.expect_chunk(dialect, request)
        else:
            self.take(dialect, request)

    def _dialect_of(self, line: bytes) -> Dialect:
        return self._live.dialect or self._factory.dialect_of(line)

    def _may_begin(self, line: bytes) -> bool:
        """Look at a connection's first line, and at where it comes from."""
        if is_http(line):
            self.abort()
            return False
        no_room = self._factory.begun(self)
        if no_room is not None:
            self._refuse(self._factory.dialect, no_room)
            return False
        take = take_of(self._factory.successors, line)
        if take is not None:
            if self._stranger is not None:
                self._stranger.end()
            self._stranger = self._outbox = None
            self.hand_over(take, line)  # it is no client's
        return take is None

    def ends_with_crlf(self, line: bytes) -> bool:
        """See :meth:`LineFraming.ends_with_crlf`: the first line tells; in live mode each LF ends a text."""
        if self._dialect is None and line.endswith(b"\r") and not line.startswith(b"{"):
            self._has_feeds = True
        return self._has_feeds and self._live.dialect is None

    def line_too_long(self, start: bytes) -> None:
        """Refuse an over-long line; a stranger's connection then ends."""
        if self._stranger is not None or chunk_size(start) != 0:
            self.pause(Pause.ENDING)
        self._refuse(self._dialect_of(start), LineTooLong() if self._large is None else self._large.refused())

    def limit_of(self, start: bytes) -> int | None:
        """See :meth:`LineFraming.limit_of`: a user's line may be longer if it carries a file."""
        if self._dialect is None and not self._may_begin(start):
            return None
        self._dialect = self._dialect_of(start)
        if self._large is None:
            self._large = LargeLine(self, self._limits, self._factory.large_lines)
        return self._large.limit_of(self._dialect, start)

    def _refuse_line(self, dialect: Dialect, error: ChatError, tag: TagValue) -> None:
        if self._stranger is not None and self._stranger.mistake():
            self.pause(Pause.ENDING)
        self._refuse(dialect, error, tag)

    def _refuse(self, dialect: Dialect, error: ChatError, tag: TagValue = None) -> None:
        self._take_slot(dialect, tag)(error)

    def will_listen(self, dialect: Dialect) -> None:
        """See :meth:`CommandFraming.will_listen`."""
        self._heard_in = dialect

    def change_mode(self, slot: Slot, token: str | None, outcome: Reply | ChatError) -> None:
        """Begin or end live mode, and answer as is done there."""
        if isinstance(outcome, EnteredGroup) and isinstance(self._outbox, Outbox | Spaced):
            self._heard_in = slot.dialect = self._live.begin(outcome, token)
            self._outbox = self._live.writer(self._outbox, self._limits.push_bytes)
        elif isinstance(outcome, ExitedGroup):
            self._live.end()
        slot(outcome)

    def refused(self, error: ChatError) -> None:
        """Hear that a command was refused: who only goes on is left unread for a while."""
        if is_hasty(error, self._limits):
            if self._haste is None:
                self._haste = Haste(self, self._factory.clock)
            self._haste.refused()

    # -- writing

    def reply(self) -> None:
        """Send the replies whose turn has come, and go on with what waited for them."""
        outbox = self._outbox
        if outbox is None:
            return
        slots = self._slots
        while slots and (data := slots[0].data) is not None:
            slots.popleft()
            outbox.write(data)
        if self._large is not None and not slots and self._held is None:
            self._large.answered()
        if self._stranger is not None:
            self.look_at_trust()
        if outbox.unsent >= self._limits.push_bytes or self.session.keeps_boxes:
            outbox.flush()
            if outbox.full:
                self.pause(Pause.OUTBOX)
            elif not slots:
                self.session.took_boxes()
        if self.paused:
            self._go_on(outbox)

    def _go_on(self, outbox: Writing) -> None:
        """Do what waited for replies to be sent."""
        if self._pause & Pause.ENDING:
            self._held = None
            if not self._slots and self._linger is None:
                self._end(outbox)
            return
        if self._held is not None:
            self._start_held()
        if len(self._slots) < self._limits.pipeline:
            self.resume(Pause.PIPELINE)

    def _end(self, outbox: Writing) -> None:
        self.clear()
        if self._goodbye is not None and self.session.listening:
            goodbye = Goodbye(reason=self._goodbye, retry_after=self._factory.retry_after())
            outbox.write(self._heard_in.encode_event(goodbye))
        self.session.stop_listening()
        transport = cast("Transport", self.transport)
        self._linger = Linger(transport, self._factory.clock, input_ended=self._input_ended)
        outbox.close(self._linger.begin)

    def push(self, event: Event) -> bool:
        """See :class:`~chatproto.realm.listening.Sink`."""
        outbox = self._outbox
        assert outbox is not None
        data = self._heard_in.encode_event(event)
        claim = self.session.claim(event)
        if claim is not None and isinstance(outbox, Spaced):
            outbox.write(data, claim)
        else:
            outbox.write(data)
        if outbox.unsent >= self._limits.push_bytes:
            outbox.flush()
        return not outbox.full

    def _drained(self) -> None:
        """Hear that everything sent was taken."""
        self.resume(Pause.OUTBOX)
        self.session.drained(all_taken=not self._slots and not self.unsent)
