"""The front's end of the link to its main server, and the link itself, which outlives its connections."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from chatproto.errors import LinkError, RefusedByPeer
from chatproto.federation.fronts import FrontHandshake, Main
from chatproto.frames.fronts import Beat, Close, Farewell, FrontFrame, Heard, Open, Over, Part, Refusal, Told
from chatproto.limits import Limits
from chatproto.protocols.front_link import ChannelLink
from chatproto.protocols.front_session import FrontSession
from chatproto.protocols.outbox import Turn
from chatproto.realm.listening import Sink
from chatproto.realm.times import Clock
from chatproto.wire.front import decode_from_main, outcome_of

#: Bytes that wait to be sent to the main server; then no client is read.
_WAITING_BYTES = 8 * 1024 * 1024
#: So long a command that may be repeated waits for a new link.
_REPEAT_SECONDS = 10.0
#: Random bytes in the name of an attempt.
_NAME_BYTES = 16


class Hub(Protocol):
    """What the front's end of a connection tells."""

    def connected(self, end: FrontProtocol, main: Main, key: str) -> None:
        """Hear that the main server has proved who it is."""
        ...

    def disconnected(self, end: FrontProtocol, error: LinkError | None) -> None:
        """Hear that the connection is gone."""
        ...

    def session_of(self, channel: int) -> FrontSession | None:
        """Return the session that has a channel."""
        ...

    def has_room(self) -> None:
        """Hear that less waits to be sent."""
        ...


class FrontProtocol(ChannelLink):
    """The front's end of one connection to its main server."""

    def __init__(self, hub: Hub, handshake: FrontHandshake, clock: Clock, turn: Turn, limits: Limits) -> None:
        super().__init__(handshake, clock, turn, limits)
        self._hub = hub
        self._shaking = handshake
        #: Whether its end was told.
        self.told = False

    def connectionMade(self) -> None:
        """See :class:`ChannelLink`; the front speaks first."""
        super().connectionMade()
        assert self._outbox is not None
        self._outbox.write(self._shaking.begin())

    def linked(self) -> None:
        """See :class:`ChannelLink`."""
        self._hub.connected(self, self._shaking.main, self._shaking.peer_key)

    def lost(self, error: LinkError | None) -> None:
        """See :class:`ChannelLink`."""
        self._hub.disconnected(self, error)

    def room_made(self) -> None:
        """See :class:`ChannelLink`."""
        self._hub.has_room()

    def frame_received(self, line: bytes) -> None:
        """See :class:`ChannelLink`."""
        frame = decode_from_main(line)
        if isinstance(frame, Part):
            # Of a client that is gone the rest of a line may never come.
            self.expect_part(frame, wanted=self._hub.session_of(frame.channel) is not None)
        elif isinstance(frame, Farewell):
            self.ending = RefusedByPeer(frame.reason)
            self.abort()
        elif not isinstance(frame, Beat):
            session = self._hub.session_of(frame.channel)
            if session is not None:
                self._tell(session, frame, len(line) + 1)

    def _tell(self, session: FrontSession, frame: Told | Refusal | Heard | Over, size: int) -> None:
        match frame:
            case Told():
                outcome = outcome_of(frame)
                session.answered(frame.number, outcome, trusted=frame.trusted, boxes=frame.boxes)
            case Refusal():
                session.answered(frame.number, outcome_of(frame), trusted=frame.trusted, boxes=False)
            case Heard():
                session.heard(frame.event, size)
            case Over():
                session.over(frame.reason)


class MainLink:
    """The link to the main server: one connection at a time, and the sessions of all clients of this front.

    ``met`` is called when the main server has proved who it is, ``gone`` when that connection is lost.
    """

    _log = Logger()

    def __init__(
        self,
        clock: Clock,
        limits: Limits,
        handshake: Callable[[], FrontHandshake],
        met: Callable[[Main, str], None],
        gone: Callable[[LinkError | None], None],
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._clock = clock
        self._limits = limits
        self._handshake = handshake
        self._met = met
        self._gone = gone
        self._turn = Turn(clock)
        #: How many links there were.
        self.links = 0
        self._end: FrontProtocol | None = None
        #: The connection that has been made last; it may not be the link yet.
        self._made: FrontProtocol | None = None
        self._closed = False
        self._sessions: dict[int, FrontSession] = {}
        self._newest = 0
        #: What the names of attempts begin with, which nobody else can know, and how many there were.
        self._own = random_bytes(_NAME_BYTES).hex()
        self._attempts = 0
        self._waiting: list[Callable[[], None]] = []
        self._late: IDelayedCall | None = None

    def factory(self) -> Factory:
        """Return the factory of one connection to the main server."""
        return _Dialling(self._make)

    def _make(self) -> FrontProtocol:
        self._made = FrontProtocol(self, self._handshake(), self._clock, self._turn, self._limits)
        return self._made

    def new_session(self, sink: Sink, address: str) -> FrontSession:
        """Return the session of a connection from an address."""
        return FrontSession(self, sink, address)

    def close(self, session: FrontSession | None = None) -> None:
        """Hear that a client is gone, or be done."""
        if session is not None:
            del self._sessions[session.channel]
            if self._end is not None:
                self._end.drop(session.channel)
                self._end.send(session.channel, Close(channel=session.channel))
            return
        self._closed = True
        self._forget_late()
        if self._end is not None:
            self._end.goodbye("shutdown")
        elif self._made is not None:
            self._made.abort()

    # -- for sessions

    @property
    def up(self) -> bool:
        """Whether there is a link now."""
        return self._end is not None

    @property
    def full(self) -> bool:
        """Whether much waits to be sent."""
        return self._end is not None and self._end.waiting >= _WAITING_BYTES

    @property
    def load(self) -> tuple[int, int, int]:
        """Clients that have a channel, requests on their way, and bytes that wait to be sent."""
        requests = sum(session.under_way for session in self._sessions.values())
        return len(self._sessions), requests, 0 if self._end is None else self._end.waiting

    def when_room(self, call: Callable[[], None]) -> None:
        """Call once, as soon as it is not full any more."""
        self._waiting.append(call)

    def open(self, session: FrontSession) -> int:
        """Let a session have a channel, and return its number."""
        self._newest += 1
        self._sessions[self._newest] = session
        self._open(self._newest, session)
        return self._newest

    def _open(self, channel: int, session: FrontSession) -> None:
        if self._end is not None:
            frame = Open(channel=channel, address=session.address, tokens=list(session.kept.tokens))
            self._end.send(channel, frame)

    def send(self, session: FrontSession, frame: FrontFrame) -> int:
        """Send a frame in a session's channel; return how long it is."""
        return 0 if self._end is None else self._end.send(session.channel, frame)

    def new_attempt(self) -> str:
        """Return a name for an attempt that no other has, here or elsewhere."""
        self._attempts += 1
        return f"{self._own}.{self._attempts}"

    def later(self, call: Callable[[], None], seconds: float = 0.0) -> None:
        """Call at the end of this turn, or after some time."""
        self._clock.callLater(seconds, call)

    # -- for the connection

    def session_of(self, channel: int) -> FrontSession | None:
        """See :class:`Hub`."""
        return self._sessions.get(channel)

    def connected(self, end: FrontProtocol, main: Main, key: str) -> None:
        """See :class:`Hub`. All that was on its way through the last link goes on."""
        self._forget_late()
        self._end = end
        self.links += 1
        self._met(main, key)
        for channel, session in list(self._sessions.items()):
            self._open(channel, session)
            session.back()

    def disconnected(self, end: FrontProtocol, error: LinkError | None) -> None:
        """See :class:`Hub`. A connection that never was the link is only told of."""
        if self._made is end:
            self._made = None
        if self._end is end:
            self._end = None
            for session in list(self._sessions.values()):
                session.lost()
            self._forget_late()
            if self._closed:
                self._give_up()
            else:
                self._late = self._clock.callLater(_REPEAT_SECONDS, self._give_up)
            self.has_room()
        elif end.told:
            return
        end.told = True
        self._gone(end.ending)

    def has_room(self) -> None:
        """See :class:`Hub`."""
        if self._waiting and not self.full:
            waiting, self._waiting = self._waiting, []
            for call in waiting:
                call()

    def _give_up(self) -> None:
        self._late = None
        for session in list(self._sessions.values()):
            session.give_up()

    def _forget_late(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class _Dialling(Factory):
    """Makes the end of one connection."""

    noisy = False

    def __init__(self, build: Callable[[], FrontProtocol]) -> None:
        self._build = build

    def buildProtocol(self, addr: object) -> FrontProtocol:
        """Return the end of the connection."""
        return self._build()
