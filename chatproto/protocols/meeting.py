"""How realms of a lab meet that know nothing of each other: who asks is told, who says hello is linked.

Nothing of that is done anywhere else: there a realm that is not linked is told nothing, and no row is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from chatproto.endpoints import is_loopback
from chatproto.errors import BadFrame, BadName, RealmUnreachable
from chatproto.federation.handshake import Handshake
from chatproto.frames import Frame, Goodbye, Hello
from chatproto.names import RealmName
from chatproto.protocols.order import Pause
from chatproto.protocols.peer import RealmPeerProtocol, Stage
from chatproto.realm.times import Clock
from chatproto.wire.peer import decode_frame

if TYPE_CHECKING:
    from chatproto.protocols.peer_factory import RealmPeerFactory

#: So long it may take until somebody is there, and again until it says who it is; an original server may be
#: silent, as it waits for a command that it knows.
FIND_SECONDS = 2.0
#: A hello is shorter, and so is what others answer.
_LINE_BYTES = 4 * 1024
#: How a hello of ours begins.
HELLO = b'{"frame":"hello"'
#: The name of a realm of which only its place is known.
_WHOEVER = RealmName("")

#: Links a realm of which nothing is known, if it may be; fires when it is done.
Meet = Callable[[RealmName], Deferred[None]]


class MeetingPeerProtocol(RealmPeerProtocol):
    """The end of a connection that comes in to a realm of a lab."""

    def __init__(self, factory: RealmPeerFactory, meet: Meet) -> None:
        super().__init__(factory, None)
        self._meet: Meet | None = meet

    def lineReceived(self, line: bytes) -> None:
        """Take a line; before a first hello is looked at, the realm gets to know who says it."""
        meet, self._meet = self._meet, None
        hello = None if meet is None else _hello(line)
        local = is_loopback(str(getattr(cast("Any", self.transport).getPeer(), "host", "")))
        realm = None if hello is None or not local else _name(hello)
        if meet is None or hello is None or realm is None:
            super().lineReceived(line)
        elif not hello.to:
            self._write(hello_to(realm, self._factory))
            self.goodbye("introduced")
        else:
            self.pause(Pause.COMMAND)
            meet(realm).addBoth(lambda _: self._go_on_with(line))

    def _go_on_with(self, line: bytes) -> None:
        if self._stage is not Stage.ENDING:
            super().lineReceived(line)
            self.resume(Pause.COMMAND)


def hello_to(realm: RealmName, factory: RealmPeerFactory) -> bytes:
    """Return a hello that nothing follows."""
    links = factory.links
    return Handshake(links.identity, links, factory.random_bytes, dialled=realm).begin()


def _hello(line: bytes) -> Hello | None:
    frame = _frame(line)
    return frame if isinstance(frame, Hello) else None


def _frame(line: bytes) -> Frame | None:
    try:
        return decode_frame(line)
    except BadFrame:
        return None


def _name(hello: Hello) -> RealmName | None:
    try:
        return RealmName.parse(hello.realm)
    except BadName:
        return None


class Finder:
    """Finds out which realm is at an endpoint."""

    def __init__(self, factory: RealmPeerFactory, connect: Callable[[str], IStreamClientEndpoint]) -> None:
        self._factory = factory
        self._connect = connect

    async def find(self, endpoint: str) -> RealmName | None:
        """Return the name of the realm at an endpoint; None if somebody is there who is none of ours.

        :raises RealmUnreachable: nobody is there, or one who does not want to be found.
        """
        hello = hello_to(_WHOEVER, self._factory)
        asking = _Asking(hello.rstrip(b"\n") + b"\r\n", self._factory.clock)
        connecting = self._connect(endpoint).connect(Factory.forProtocol(lambda: asking))
        clock: Any = self._factory.clock
        try:
            await connecting.addTimeout(FIND_SECONDS, clock)
        except Exception:  # whatever keeps an endpoint from connecting
            raise RealmUnreachable from None
        return await asking.answer


class _Asking(Protocol):
    """Says hello to whoever is there, and hears one line."""

    def __init__(self, hello: bytes, clock: Clock) -> None:
        self.answer: Deferred[RealmName | None] = Deferred()
        self._hello = hello
        self._clock = clock
        self._heard = b""
        self._call: IDelayedCall | None = None
        self._over = False

    def connectionMade(self) -> None:
        """Ask, and wait for a while."""
        self._call = self._clock.callLater(FIND_SECONDS, self._end, None)
        cast("Any", self.transport).write(self._hello)

    def dataReceived(self, data: bytes) -> None:
        """Hear who it is, by the first line or the end of something else."""
        self._heard += data
        line, end, _ = self._heard.partition(b"\n")
        if not end and len(line) < _LINE_BYTES:
            return
        frame = _frame(line)
        realm = _name(frame) if isinstance(frame, Hello) else None
        self._end(RealmUnreachable() if isinstance(frame, Goodbye) else realm)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Hear that nobody is there any more."""
        self._end(RealmUnreachable())

    def _end(self, found: RealmName | RealmUnreachable | None) -> None:
        if self._over:
            return
        self._over = True
        if self._call is not None and self._call.active():
            self._call.cancel()
        cast("Any", self.transport).abortConnection()
        if isinstance(found, RealmUnreachable):
            self.answer.errback(found)
        else:
            self.answer.callback(found)
