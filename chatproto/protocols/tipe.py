"""The server's end of a connection of system A: a realm server, and the main server that makes accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from chatproto.commands import Request, SignIn
from chatproto.errors import ChatError
from chatproto.events import Event, LoggedIn, Message, Reply
from chatproto.protocols.factory import ChatServerFactory
from chatproto.protocols.objects import ObjectFraming
from chatproto.protocols.order import Pause, Slot
from chatproto.protocols.outbox import Outbox
from chatproto.protocols.server import ChatServerProtocol
from chatproto.protocols.spaced import Spaced
from chatproto.realm import ClientSession, Realm
from chatproto.realm.times import Clock
from chatproto.wire.dialect import Dialect
from chatproto.wire.tipe import TipeDialect

if TYPE_CHECKING:
    from chatproto.protocols.lines_factory import LinesFactory

#: Between two objects: the client's thread ends over two of them in one read.
SPACE_SECONDS = 0.05
#: What the client reads at a time. A longer object would end its thread, so it waits to be asked for.
READ_BYTES = 1024


class TipeServerProtocol(ChatServerProtocol, ObjectFraming):
    """One connection. It stays open if it begins with a login, and else ends when that is answered."""

    def __init__(self, factory: LinesFactory, address: str) -> None:
        super().__init__(factory, address)
        self._tipe = cast("TipeDialect", factory.dialect)
        if self._tipe.trusting:  # nobody has to log in, and what is asked may be long
            self.line_limit = self._limits.line_bytes
        #: Whether it ends when everything is answered; None until the first request.
        self._once: bool | None = None

    def make_outbox(self, outbox: Outbox) -> Spaced:
        """See :meth:`ChatServerProtocol.make_outbox`: no two objects go out together."""
        spaced = Spaced(outbox, self._factory.clock, self._limits.push_bytes)
        spaced.begin(SPACE_SECONDS)
        return spaced

    def _dialect_of(self, line: bytes) -> Dialect:
        return self._tipe

    def take(self, dialect: Dialect, request: Request) -> None:
        """See :meth:`CommandFraming.take`."""
        if type(request.command) is SignIn:
            self._once = False
        elif self._once is None:
            self._once = True
        super().take(dialect, request)

    def change_mode(self, slot: Slot, token: str | None, outcome: Reply | ChatError) -> None:
        """Let whoever signed in be told, and answer."""
        if isinstance(outcome, LoggedIn):
            self._heard_in = self._tipe.of(outcome.address)
        slot(outcome)

    def push(self, event: Event) -> bool:
        """See :class:`~chatproto.realm.listening.Sink`: what cannot be told here is kept."""
        outbox, telling = self._outbox, cast("ClientSession", self.session).telling
        assert isinstance(outbox, Spaced)
        data = self._heard_in.encode_event(event)
        if data and telling is not None and isinstance(event, Message):
            if len(data) > READ_BYTES:
                telling.keep(event.seq)
            else:
                outbox.write(data, telling.claim(event.seq))
        return not outbox.full

    def reply(self) -> None:
        """See :meth:`CommandFraming.reply`."""
        super().reply()
        if not self.paused and not self._lines and not self._reads:
            self.came_to_rest()

    def came_to_rest(self) -> None:
        """End a connection that did not begin with a login, when all is answered."""
        if self._once and not self._slots and self._held is None and not self.partial:
            self._once = False
            self.pause(Pause.ENDING)
            self.reply()


class TipeServerFactory(ChatServerFactory):
    """Makes the server's ends of connections of system A.

    With ``trusting`` whoever is named in a request without a login is believed, as of old.
    """

    protocol = TipeServerProtocol

    def __init__(self, realm: Realm, reactor: Clock, *, trusting: bool = False, **options: Any) -> None:
        super().__init__(realm, reactor, dialects={b"": TipeDialect(trusting=trusting)}, **options)
