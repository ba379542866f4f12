"""The main server's end of links with fronts: it carries out what their clients ask."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from twisted.logger import Logger

from chatproto.errors import BadFrame, BadProof, LinkError, RefusedByPeer, TooManyConnections
from chatproto.federation.fronts import Main, MainHandshake
from chatproto.federation.identity import Key
from chatproto.federation.trust import Trust
from chatproto.frames.fronts import Arrived, Ask, Beat, Close, Farewell, Find, Open, Over, Part, Taken
from chatproto.limits import Limits
from chatproto.protocols.channels import Channel
from chatproto.protocols.front_link import ChannelLink
from chatproto.protocols.order import Pause
from chatproto.protocols.outbox import Turn
from chatproto.protocols.speaking import NewSession
from chatproto.realm.times import Clock
from chatproto.wire.front import decode_from_front, told

#: How the first line of a front begins.
FIRST = b'{"frame":"front"'
#: Fronts that have not proved who they are: they have four lines to do so.
_STRANGERS = 64
#: Fronts of one main server: a course has a few, and each may bring ten thousand clients.
_FRONTS = 256
#: Bytes of commands of one front that wait to be carried out; then it is not read for a while.
_HELD_BYTES = 8 * 1024 * 1024
#: The log hears at most so often (seconds) that a link with a front ended for a reason.
_TELLING_SECONDS = 10.0
#: A client for which there is no room is told to come again after so long (seconds).
_FULL_SECONDS = 10.0

#: What a front has to prove, by its name, its key, and the address from where it comes; None: it is unknown.
TrustOf = Callable[[str, str, str], Trust | None]


class MainProtocol(ChannelLink):
    """The main server's end of a link with one front."""

    def __init__(self, fronts: Fronts, address: str) -> None:
        handshake = MainHandshake(
            fronts.main(),
            fronts.key,
            lambda name, key: fronts.trust_of(name, key, address),
            fronts.random_bytes,
        )
        super().__init__(handshake, fronts.clock, fronts.turn, fronts.limits)
        self._fronts = fronts
        self._address = address
        self._name = handshake
        self._channels: dict[int, Channel] = {}
        #: The highest number of a channel so far: what is asked in a lower one that is not there was refused.
        self._newest = -1
        self._held = 0
        #: Why the link is to end, once everything is answered.
        self._goodbye: str | None = None

    @property
    def front(self) -> str:
        """What the front is called."""
        return self._name.name

    @property
    def where(self) -> str:
        """What the front is called, and where it is; of a stranger the name may be any, or none."""
        return f"{self.front or '?'} at {self._address or 'this machine'}"

    def linked(self) -> None:
        """See :class:`ChannelLink`."""
        self._fronts.linked(self)
        self._log.info("the front {front} is linked", front=self.where)

    def lost(self, error: LinkError | None) -> None:
        """See :class:`ChannelLink`."""
        if error is not None:
            self._fronts.ended(self.where, error)
        self._fronts.lost(self)
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            channel.close()

    def goodbye(self, reason: str, message: str = "") -> None:
        """Read no more, answer what was read, and end the link."""
        if not self._channels:
            super().goodbye(reason, message)
        elif self._goodbye is None:
            self._goodbye = reason
            self.pause(Pause.ENDING)
            self.answered()

    def frame_received(self, line: bytes) -> None:
        """See :class:`ChannelLink`."""
        frame = decode_from_front(line)
        match frame:
            case Ask() | Find():
                self._ask(frame, len(line))
            case Taken():
                if frame.channel in self._channels:
                    self._channels[frame.channel].taken(frame)
            case Arrived():
                if frame.channel in self._channels:
                    self._channels[frame.channel].session.arrived(frame.attempt)
            case Open():
                self._open(frame)
            case Close():
                self._close(frame.channel)
            case Part():
                self.expect_part(frame, wanted=frame.channel <= self._newest)  # a refusal is an answer, too
            case Farewell():
                self.abort()
            case Beat():
                pass

    def _open(self, frame: Open) -> None:
        if frame.channel in self._channels:
            raise BadFrame("there are two channels of one number")
        self._newest = max(self._newest, frame.channel)
        if len(self._channels) >= self._limits.connections:
            # Only this client has no room: the front, which has a bound of its own, does not know ours.
            self._fronts.full(self.where)
            self.send(frame.channel, Over(channel=frame.channel, reason=TooManyConnections.code))
            return
        channel = Channel(self, frame.channel, frame.address, self._fronts.new_session)
        self._channels[frame.channel] = channel
        channel.bind(frame.tokens)

    def _ask(self, frame: Ask | Find, size: int) -> None:
        channel = self._channels.get(frame.channel)
        if channel is not None:
            channel.ask(frame, size)
        elif frame.channel <= self._newest:
            refusal = TooManyConnections(retry_after=_FULL_SECONDS)
            self.send(frame.channel, told(frame.channel, frame.number, refusal, trusted=False, boxes=False))
        else:
            raise BadFrame("there is no such channel")

    def _close(self, number: int) -> None:
        channel = self._channels.pop(number, None)
        self.drop(number)
        if channel is not None:
            channel.close()

    # -- for channels

    def hold(self, size: int) -> None:
        """See :class:`~chatproto.protocols.channels.Carrier`."""
        self._held += size
        if self._held > _HELD_BYTES:
            self.pause(Pause.WRITER)
        elif self._pause & Pause.WRITER:
            self._clock.callLater(0, self.resume, Pause.WRITER)

    def answered(self) -> None:
        """See :class:`~chatproto.protocols.channels.Carrier`."""
        if self._goodbye is not None and not any(each.under_way for each in self._channels.values()):
            super().goodbye(self._goodbye)


def _why(error: LinkError) -> str:
    """Return why a link with a front ends, for the operator of the main server."""
    match error:
        case BadProof():
            return "its proof does not hold; the secret in its [fronts.NAME] is not the one that it has"
        case RefusedByPeer():
            return f"it ended the handshake: {error.reason}"
    return error.text


class Fronts:
    """All fronts of a main server: who they are, how many there may be, and what their clients' sessions are.

    ``main`` says what this main server is, or that it does not know yet; ``new_session`` makes the session of
    a client at an address, which only authenticated fronts tell.
    """

    _log = Logger()

    def __init__(
        self,
        main: Callable[[], Main],
        key: Key,
        trust_of: TrustOf,
        new_session: NewSession,
        clock: Clock,
        limits: Limits,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.main = main
        self.key = key
        self.trust_of = trust_of
        self.new_session = new_session
        self.clock = clock
        self.limits = limits
        self.random_bytes = random_bytes
        self.turn = Turn(clock)
        self._strangers: dict[MainProtocol, None] = {}
        self._linked: set[MainProtocol] = set()
        self._told_at = float("-inf")

    def take(self, address: str) -> MainProtocol | None:
        """Return the end of a link with who has just connected from an address; see :class:`Handing`."""
        if not self.main().realm or len(self._linked) >= _FRONTS:
            return None
        if len(self._strangers) >= _STRANGERS:
            next(iter(self._strangers)).abort()
        protocol = MainProtocol(self, address)
        self._strangers[protocol] = None
        return protocol

    def linked(self, protocol: MainProtocol) -> None:
        """Hear that a front has proved who it is."""
        self._strangers.pop(protocol, None)
        self._linked.add(protocol)

    def lost(self, protocol: MainProtocol) -> None:
        """Hear that a link is gone."""
        self._strangers.pop(protocol, None)
        if protocol in self._linked:
            self._linked.discard(protocol)
            self._log.info("the front {front} is gone", front=protocol.where)

    def ended(self, where: str, error: LinkError) -> None:
        """Tell the log why a link ends, now and then: it costs a stranger a line to end one."""
        if self._may_tell():
            self._log.warn("the link with the front {front} ends: {why}", front=where, why=_why(error))

    def full(self, where: str) -> None:
        """Tell the log that a front has more clients than there is room for, now and then."""
        if self._may_tell():
            self._log.warn("a client of the front {front} is turned away: too many connections", front=where)

    def _may_tell(self) -> bool:
        now = self.clock.seconds()
        if 0 <= now - self._told_at < _TELLING_SECONDS:
            return False
        self._told_at = now
        return True

    @property
    def names(self) -> list[str]:
        """What the fronts that are linked are called."""
        return sorted(each.front for each in self._linked)
