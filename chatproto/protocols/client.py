"""The client's end of a connection: commands out, replies and events in, bytes of files both ways.

:class:`ChatClientProtocol` matches replies with commands and bounds what is under way. It knows nothing of
logging in, of reconnecting or of what is worth repeating: that is :mod:`chatproto.client`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import structs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.bells import Bell
from chatproto.commands import Chunk, Command, Download, Finish, Hello
from chatproto.errors import BadRequest, Busy, ChatError, ConnectionUnavailable, LineTooLong, TlsNeeded
from chatproto.events import Event, Greeting, Piece, Reply
from chatproto.limits import SERVER_LINE_BYTES
from chatproto.protocols.framing import LineFraming
from chatproto.wire.json import Answer, decode_from_server, encode_command

R = TypeVar("R", bound=Reply)

#: Commands sent and not answered: what a server takes from one connection before it stops reading.
WINDOW = 256
#: Commands that wait for a place in the window; beyond it the caller is faster than the realm.
WAITING = 4096
#: Longest line a server takes after login; a longer one is not sent.
LINE_BYTES = 64 * 1024
#: A server that says nothing for so long while a reply is due is gone.
REPLY_SECONDS = 30.0
#: The same while it puts a large file on its disk.
FINISH_SECONDS = 300.0
#: After so long a silence the client asks whether anybody is there: routers forget idle connections, and a
#: peer that lost its power says no goodbye.
IDLE_SECONDS = 60.0
#: How often silence is measured; a reply is overdue up to so much later than said.
CHECK_SECONDS = 5.0
#: How a server that speaks TLS answers one that does not; no line begins so.
_TLS_ALERT = b"\x15\x03"
#: A connection that cannot flush for so long while it closes is aborted.
CLOSING_SECONDS = 5.0


class _Request:
    """A command whose reply is due."""

    __slots__ = ("answer", "expected", "line", "most", "patience", "tag")

    def __init__(self, tag: int, line: bytes, expected: type[Reply], command: Command) -> None:
        self.tag = tag
        self.line = line
        self.expected = expected
        self.patience = FINISH_SECONDS if isinstance(command, Finish) else REPLY_SECONDS
        #: Raw bytes that may follow the reply.
        self.most = command.size if isinstance(command, Download) else 0
        self.answer: Deferred[Any] = Deferred()


class ChatClientProtocol(LineFraming):
    """One connection to a realm, speaking the JSON dialect.

    ``on_event`` hears every event, in order, and between the right replies: a reply's callbacks have run
    before the event behind it comes. Reading never pauses, since whoever is slow to take events may at the
    same time wait for a reply.
    """

    line_limit = SERVER_LINE_BYTES
    _log = Logger()

    def __init__(self, clock: IReactorTime, on_event: Callable[[Event], None]) -> None:
        super().__init__()
        #: What the server said about the connection as a whole before it closed it.
        self.farewell: ChatError | None = None
        self._clock = clock
        self._on_event = on_event
        self._tag = 0
        self._waiting: deque[_Request] = deque()
        self._sent: deque[_Request] = deque()
        self._piece: tuple[_Request, Piece] | None = None  # whose bytes come now
        self._flushing: IDelayedCall | None = None
        self._aborting: IDelayedCall | None = None
        self._ended = False
        self._loss = Bell()
        self._heard_at = 0.0
        self._spoken = False  # the server has said something
        self._watch = LoopingCall(self._check)
        self._watch.clock = clock

    def request(self, command: Command, expected: type[R]) -> Deferred[R]:
        """Send a command, with the bytes behind it if it is a chunk, and fire with its reply.

        Commands of one reactor turn leave in one write, in order. Cancelling the Deferred stops the waiting,
        not the command.

        :raises ChatError: the server refused; the class is that of the server's error.
        :raises ConnectionUnavailable: the connection was lost before the reply; the outcome is unknown.
        :raises Busy: too many commands are waiting; this one was not sent.
        :raises LineTooLong: no server would read it; it was not sent.
        """
        if self._ended:
            return fail(ConnectionUnavailable())
        if len(self._waiting) >= WAITING:
            return fail(Busy("too many commands are waiting for the connection"))
        line = encode_command(command, self._tag + 1)
        if len(line) - (len(command.data) if isinstance(command, Chunk) else 0) > LINE_BYTES:
            return fail(LineTooLong())
        self._tag += 1
        request = _Request(self._tag, line, expected, command)
        self._waiting.append(request)
        self._flush_soon()
        return request.answer

    def close(self) -> None:
        """End the connection after what was sent has left; what is not answered by then fails."""
        if self._ended or self._aborting is not None or self.transport is None:
            return
        self._flush()
        self.transport.loseConnection()
        self._aborting = self._clock.callLater(CLOSING_SECONDS, self._abort)

    def when_lost(self) -> Deferred[None]:
        """Fire when the connection is gone and every command has failed that was not answered."""
        return succeed(None) if self._ended else self._loss.wait()

    def connectionMade(self) -> None:
        """Begin to measure silence."""
        self._heard_at = self._clock.seconds()
        self._watch.start(CHECK_SECONDS, now=False)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Fail what has not been answered, in order, then tell that the connection is gone."""
        self._ended = True
        self.clear()
        if self._watch.running:
            self._watch.stop()
        for call in (self._flushing, self._aborting):
            if call is not None and call.active():
                call.cancel()
        if self._piece is not None:
            self._sent.appendleft(self._piece[0])
        while unanswered := self._sent or self._waiting:  # their callbacks may look at what is left
            unanswered.popleft().answer.errback(ConnectionUnavailable())
        self._loss.ring()

    def dataReceived(self, data: bytes) -> None:
        """Note that the server lives, then take the lines."""
        self._heard_at = self._clock.seconds()
        if not self._spoken and data.startswith(_TLS_ALERT):  # later these may be bytes of a file
            self._give_up(TlsNeeded())
            return
        self._spoken = True
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        """Take a reply or an event; nothing has a meaning after a farewell."""
        if self.farewell is not None:
            return
        try:
            said = decode_from_server(line)
        except BadRequest as error:
            self._give_up(error)
            return
        if isinstance(said, Answer):
            self._answered(said)
        elif said is not None:
            self._tell(said)

    def line_too_long(self, start: bytes) -> None:
        """Give up: a reply that was skipped could have been anybody's."""
        self._give_up(BadRequest("the server sent a line that is too long"))

    def _answered(self, answer: Answer) -> None:
        if answer.tag is None and answer.error is not None:
            self.farewell = answer.error  # about no command of ours, so about the connection
            self.close()
            return
        if not self._sent or self._sent[0].tag != answer.tag:
            self._give_up(BadRequest("the server sent a reply that is not the next one"))
            return
        request = self._sent.popleft()
        if self._waiting:
            self._flush_soon()
        try:
            reply = answer.reply(request.expected)
        except ChatError as error:
            if request.most and answer.error is None:
                self._give_up(error)  # bytes follow that nobody could tell from lines
            request.answer.errback(error)
            return
        if not isinstance(reply, Piece):
            request.answer.callback(reply)
        elif 0 <= reply.size <= request.most:
            self._piece = (request, reply)
            self.expect_raw(reply.size)
        else:
            self._give_up(BadRequest("the server sent more bytes of a file than were asked for"))
            request.answer.errback(ConnectionUnavailable())

    def raw_received(self, data: bytes) -> None:
        """Take the bytes that belong to a reply."""
        assert self._piece is not None
        (request, piece), self._piece = self._piece, None
        request.answer.callback(structs.replace(piece, data=data))

    def _tell(self, event: Event) -> None:
        try:
            self._on_event(event)
        except Exception:
            self._log.failure("an event's callback failed")

    def _flush_soon(self) -> None:
        if self._flushing is None:
            self._flushing = self._clock.callLater(0, self._flush)

    def _flush(self) -> None:
        if self._flushing is not None and self._flushing.active():
            self._flushing.cancel()
        self._flushing = None
        if not self._sent:
            self._heard_at = self._clock.seconds()  # the silence before a command is not its server's fault
        lines = []
        while self._waiting and len(self._sent) < WINDOW:
            request = self._waiting.popleft()
            lines.append(request.line)
            request.line = b""
            self._sent.append(request)
        if lines and self.transport is not None:
            self.transport.write(b"".join(lines))

    def _check(self) -> None:
        silence = self._clock.seconds() - self._heard_at
        due = self._piece[0] if self._piece is not None else self._sent[0] if self._sent else None
        if due is not None and silence >= due.patience:
            self._log.warn("no reply for {seconds} s, giving the connection up", seconds=silence)
            self._abort()
        elif due is None and silence >= IDLE_SECONDS:
            self.request(Hello(), Greeting).addErrback(_hush)  # any reply will do

    def _give_up(self, error: ChatError) -> None:
        self._log.warn("the server broke the protocol: {error}", error=error.text)
        self.farewell = error
        self.clear()
        self._abort()

    def _abort(self) -> None:
        transport = self.transport
        if transport is not None:
            # Pipes and the like cannot be aborted.
            getattr(transport, "abortConnection", transport.loseConnection)()


def _hush(failure: Failure) -> None:
    failure.trap(ChatError)


class ChatClientFactory(Factory):
    """Makes client protocols that share a callback for events."""

    protocol = ChatClientProtocol
    noisy = False

    def __init__(self, clock: IReactorTime, on_event: Callable[[Event], None]) -> None:
        self._clock = clock
        self._on_event = on_event

    def buildProtocol(self, address: IAddress | None) -> ChatClientProtocol:
        """Return a protocol for a new connection."""
        return self.protocol(self._clock, self._on_event)
