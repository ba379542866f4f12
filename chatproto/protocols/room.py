"""System E's end of a connection: fields that are told apart by silences, and what is done with them.

Reading goes on while a field is carried out, since what comes meanwhile could not be told apart any more once
it stands together in the system's buffer. It stops only when very much waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.commands import Command, EnterRoom, Request
from chatproto.errors import BadRequest, ChatError
from chatproto.events import EnteredRoom, Event, Message, Reply
from chatproto.faults import Discreet
from chatproto.limits import Limits
from chatproto.protocols.factory import ChatServerFactory
from chatproto.protocols.fields import Fields
from chatproto.protocols.order import Pause
from chatproto.protocols.outbox import Outbox
from chatproto.protocols.room_files import Incoming, Outgoing
from chatproto.protocols.server import ChatServerProtocol
from chatproto.protocols.speaking import carry_out
from chatproto.protocols.stranger import is_tls
from chatproto.realm import Realm
from chatproto.realm.sending import Answer
from chatproto.realm.times import Clock
from chatproto.wire.room import Brackets, Bytes, Entered, RoomDialect, RoomReader, Said, Token

if TYPE_CHECKING:
    from chatproto.protocols.lines_factory import LinesFactory

#: Fields, and bytes of a file, that wait to be carried out while reading goes on.
_TOKENS = 64
_BYTES = 256 * 1024


class RoomProtocol(ChatServerProtocol):
    """One guest's connection."""

    exact = True
    _log = Logger()

    def __init__(self, factory: LinesFactory, address: str) -> None:
        super().__init__(factory, address)
        self._reader = RoomReader()
        self._room = cast("RoomDialect", factory.dialect)
        self._incoming = Incoming(self._ask)
        self._silence: IDelayedCall | None = None
        #: Whether a field is being carried out, and whether no more will come.
        self._carrying = False
        self._all_came = False

    # -- reading

    def dataReceived(self, data: bytes) -> None:
        """Take a read, or drop it at the end of the connection."""
        if self._linger is not None:
            self._linger.heard()
            return
        if self._pause & Pause.ENDING:
            return
        if self._dialect is None:
            if is_tls(data):
                self.pause(Pause.ENDING)
                self._refuse(self._room, BadRequest("TLS is not spoken on this port"))
                return
            if not self._may_begin(data):
                return
            self._dialect = self._room
        self._reader.feed(data)
        self._go_on_reading()

    def readConnectionLost(self) -> None:
        """Hear that the guest has said all it will: carry out what came, and close."""
        if self._linger is not None:
            super().readConnectionLost()
            return
        self._all_came = True
        self._reader.finish()
        self._go_on_reading()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget everything."""
        self._forget_silence()
        super().connectionLost(reason)

    def clear(self) -> None:
        """Forget what was received and not carried out."""
        super().clear()
        self._reader.tokens.clear()

    def pause(self, why: Pause) -> None:
        """Carry out no more for a reason; only at the end, nothing is read for it."""
        self._pause |= why
        self.paused = True
        self._steer()

    def resume(self, why: Pause) -> None:
        """Take back a reason to carry out nothing."""
        if self._pause & why:
            self._pause &= ~why
            if not self._pause:
                self.paused = False
                self._go_on_reading()

    def _go_on_reading(self) -> None:
        """Carry out what came, and wait for more, or for a silence."""
        if self._reader.tokens and not self._carrying and not self.paused:
            self._carrying = True
            Deferred.fromCoroutine(self._carry_out()).addErrback(self._broken)
        self._steer()
        if self._all_came and not self._carrying and not self._reader.tokens and self._linger is None:
            self._all_came = False
            super().readConnectionLost()

    def _steer(self) -> None:
        """Read, or do not; silences count only while it is read."""
        self._forget_silence()
        tokens = self._reader.tokens
        waiting = sum(len(token.data) for token in tokens if isinstance(token, Said | Bytes))
        transport = cast("Any", self.transport)
        if self._linger is not None:
            return
        if self._pause & Pause.ENDING or len(tokens) >= _TOKENS or waiting >= _BYTES:
            transport.pauseProducing()
            return
        transport.resumeProducing()
        if self._reader.patience:
            self._silence = self._factory.clock.callLater(self._reader.patience, self._silent)

    def _silent(self) -> None:
        self._silence = None
        self._reader.silent()
        self._go_on_reading()

    def _forget_silence(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    # -- carrying out

    async def _carry_out(self) -> None:
        """Carry out what came, one after the other."""
        try:
            while self._reader.tokens and not self.paused:
                room = self.session.room
                if room.full:
                    space: Deferred[None] = Deferred()
                    room.when_room(lambda space=space: space.callback(None))  # type: ignore[misc]
                    await space
                    continue
                token = self._reader.tokens.popleft()
                slot = self._take_slot(self._room, None)
                slot(await self._outcome(token))
        finally:
            self._carrying = False
        self._go_on_reading()

    def _broken(self, failure: Failure) -> None:
        self._log.failure("a field could not be carried out", failure=Discreet(failure))
        self.abort()

    async def _outcome(self, token: Token) -> Reply | ChatError:
        if isinstance(token, Entered):
            return await self._enter(token)
        if not isinstance(token, Said):
            return await self._incoming.take(token, self._room.group)
        try:
            request = self._room.request(token)
        except ChatError as error:
            return error
        return await self._ask(request.command)

    async def _enter(self, entered: Entered) -> Reply | ChatError:
        outcome = await self._ask(EnterRoom(name=entered.name, room=entered.room))
        if isinstance(outcome, EnteredRoom):
            self._room = self._room.within(outcome.group)
        else:  # there is nothing else that one could do here
            self.pause(Pause.ENDING)
        return outcome

    async def _ask(self, command: Command) -> Reply | ChatError:
        """Return what becomes of a command."""
        answer: Deferred[Reply | ChatError] = Deferred()
        self._order(command, answer.callback)
        return await answer

    def _order(self, command: Command, answer: Answer) -> None:
        waiting = carry_out(self.session, Request(command), answer)
        if waiting is not None:
            Deferred.fromCoroutine(waiting).addErrback(self.session.failed, answer)

    # -- writing

    def make_outbox(self, outbox: Outbox) -> Fields:
        """See :meth:`ChatServerProtocol.make_outbox`."""
        limits = self._limits
        return Fields(
            outbox,
            self._factory.clock,
            limits.push_bytes,
            self.transport,
            limits.progress_seconds,
            self.abort,
        )

    def push(self, event: Event) -> bool:
        """See :class:`~chatproto.realm.listening.Sink`."""
        fields = self._outbox
        assert isinstance(fields, Fields)
        arrival = self._room.arrival(event)
        if arrival is None:
            fields.write(self._room.encode_event(event))
            if isinstance(event, Message) and event.kind == "deleted":
                # Not now: others are being told, and nobody may go while they are.
                self._factory.clock.callLater(0, self._room_closed)
        else:
            fields.send(Outgoing(arrival, fields, self._order, self.abort))
        return not fields.full

    def _room_closed(self) -> None:
        if not self._pause & Pause.ENDING:
            self.goodbye("deleted")


class RoomFactory(ChatServerFactory):
    """Makes the server's ends of the connections of guests, whose names stand in ``brackets``."""

    protocol = RoomProtocol

    def __init__(
        self,
        realm: Realm,
        reactor: Clock,
        *,
        limits: Limits | None = None,
        brackets: Brackets = Brackets.ANGLE,
        tls: bool = False,
        proxied: bool = False,
    ) -> None:
        dialect = RoomDialect(str(realm.name), brackets)
        super().__init__(realm, reactor, limits=limits, dialects={b"": dialect}, tls=tls, proxied=proxied)
