"""System A's program for two: callers are paired as they come, and what they say is passed on by turns.

Each caller says its name, hears the other one's, and waits to be spoken to. So the server speaks first to the
one who came first, in the place of a listener; what that one answers is the other one's first turn.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from chatproto.protocols.factory import ChatServerFactory
from chatproto.protocols.live import SILENCE_SECONDS
from chatproto.protocols.order import Pause
from chatproto.protocols.outbox import Outbox
from chatproto.protocols.server import ChatServerProtocol
from chatproto.protocols.spaced import APART_SECONDS, Spaced
from chatproto.protocols.stranger import is_http, is_tls
from chatproto.realm import Realm
from chatproto.realm.times import Clock
from chatproto.wire.talk import TURN_BYTES, TalkDialect, name_of, opening, turns_of

if TYPE_CHECKING:
    from chatproto.protocols.lines_factory import LinesFactory

#: Bytes of one caller that may wait for their turn, or for the other one to read; then it is not read. Nobody
#: types so much in a turn. A short turn counts for one read, so that they are few.
_WAITING_BYTES = 64 * TURN_BYTES


class TalkProtocol(ChatServerProtocol):
    """One caller's connection."""

    def __init__(self, factory: LinesFactory, address: str) -> None:
        super().__init__(factory, address)
        self.name = ""
        self.talk: Talk | None = None
        #: What it said and is not passed on.
        self.turns: deque[bytes] = deque()
        self._coming = bytearray()
        self._silence: IDelayedCall | None = None

    def make_outbox(self, outbox: Outbox) -> Spaced:
        """See :meth:`ChatServerProtocol.make_outbox`: what is told is read one by one."""
        spaced = Spaced(outbox, self._factory.clock, self._limits.push_bytes)
        spaced.begin(APART_SECONDS)
        return spaced

    def dataReceived(self, data: bytes) -> None:
        """Take what came; a silence says that it is a name, or a turn."""
        if self._linger is not None:
            self._linger.heard()
            return
        if not data:
            return
        if not self.name and not self._coming and (is_http(data) or is_tls(data)):
            self.abort()
            return
        self._coming += data
        self._forget_silence()
        self._silence = self._factory.clock.callLater(SILENCE_SECONDS, self._silent)
        self.look_at_room()

    def look_at_room(self) -> None:
        """Read no more while too much waits."""
        if len(self._coming) + sum(max(len(turn), TURN_BYTES) for turn in self.turns) >= _WAITING_BYTES:
            self.pause(Pause.HELD)
        else:
            self.resume(Pause.HELD)

    def _silent(self) -> None:
        self._silence = None
        data = bytes(self._coming)
        self._coming.clear()
        if not data:
            return
        if self.name:
            self.turns += turns_of(data)
            if self.talk is not None:
                self.talk.pass_on()
            self.look_at_room()
            return
        self.name = name_of(data)
        if self._stranger is not None:  # nothing else is asked of anybody here
            self._stranger.end()
            self._stranger = None
        cast("TalkFactory", self._factory).came(self)

    def tell(self, data: bytes) -> None:
        """Let the caller read something."""
        if self._outbox is not None:
            self._outbox.write(data)

    @property
    def full(self) -> bool:
        """Whether nothing more should be told: as much waits as may."""
        return self._outbox is not None and self._outbox.full

    def _drained(self) -> None:
        super()._drained()
        if self.talk is not None:
            self.talk.pass_on()

    def readConnectionLost(self) -> None:
        """Hear that the caller says no more: it is gone once that is passed on."""
        self._forget_silence()
        self._silent()
        self._leave()
        super().readConnectionLost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Let the other one go, too."""
        self._forget_silence()
        self._leave()
        super().connectionLost(reason)

    def _leave(self) -> None:
        cast("TalkFactory", self._factory).left(self)
        talk, self.talk = self.talk, None
        if talk is not None:
            talk.end(self)

    def _forget_silence(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None


class Talk:
    """Two callers who talk by turns."""

    def __init__(self, first: TalkProtocol, second: TalkProtocol) -> None:
        self._next, self._after = first, second
        for one, other in ((first, second), (second, first)):
            one.talk = self
            one.tell(other.name.encode())
        first.tell(opening(second.name))
        self.pass_on()

    def pass_on(self) -> None:
        """Pass on what may be, as long as the one whose turn it is has said something and is read.

        Two programs may say more than is written to them, one turn at a time.
        """
        while self._next.turns and not self._after.full:
            self._after.tell(self._next.turns.popleft())
            self._next.look_at_room()
            self._next, self._after = self._after, self._next

    def end(self, gone: TalkProtocol) -> None:
        """Let the other one go, and tell it before what was said in turn and had to wait."""
        other = self._after if gone is self._next else self._next
        other.talk = None
        if gone is self._next and gone.turns:
            other.tell(gone.turns.popleft())
        other.goodbye("left")


class TalkFactory(ChatServerFactory):
    """Makes the connections of callers, and pairs them."""

    protocol = TalkProtocol

    def __init__(self, realm: Realm, reactor: Clock, **options: Any) -> None:
        super().__init__(realm, reactor, dialects={b"": TalkDialect()}, **options)
        #: Who came and is alone.
        self._alone: TalkProtocol | None = None

    def came(self, caller: TalkProtocol) -> None:
        """Pair a caller who has said a name with the one who waits, or let it wait."""
        alone, self._alone = self._alone, None
        if alone is None:
            self._alone = caller
        else:
            Talk(alone, caller)

    def left(self, caller: TalkProtocol) -> None:
        """Hear that a caller is gone."""
        if self._alone is caller:
            self._alone = None
