"""A user of ours in a live group of an original server of an older system: one connection for each.

Such a server answers ``check group`` with a JSON reply if it has no group of that name. Otherwise the
connection is in live mode at once: what is written is said, one read for one text, and what comes is shown.
"""

from __future__ import annotations

import codecs
import enum
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import QueueFull, Unavailable
from chatproto.protocols.live import SILENCE_SECONDS
from chatproto.protocols.tcp import send_at_once
from chatproto.realm.relays import Relay
from chatproto.realm.times import Clock
from chatproto.wire.live import EXIT
from chatproto.wire.older_live import Ending, check_group, is_reply, texts_of

#: So long an original server may take to be reached, and to answer: somebody waits for it.
OPEN_SECONDS = 3.0
#: So long it may take to let somebody go; the user is gone by then in any case.
LEAVE_SECONDS = 1.0
#: Between two texts: more than the silence after which such a server, or one of ours, takes one for whole.
SPACE_SECONDS = SILENCE_SECONDS + 0.03
#: Texts that wait to be written: what one types or pastes in some seconds.
_MOST = 64
#: Characters of a reply, and of what comes before anybody listens.
_EARLY = 16 * 1024


class _State(enum.Enum):
    """Where a connection stands; see :data:`_NEXT`."""

    ASKING = "asking"
    LIVE = "live"
    LEAVING = "leaving"
    OVER = "over"


#: What may follow what.
_NEXT = {
    _State.ASKING: {_State.LIVE, _State.OVER},
    _State.LIVE: {_State.LEAVING, _State.OVER},
    _State.LEAVING: {_State.OVER},
    _State.OVER: {_State.OVER},
}


class RelayProtocol(Protocol):
    """One connection; see :class:`~chatproto.realm.relays.Relay`."""

    def __init__(self, clock: Clock, user: str, group: str) -> None:
        self._clock = clock
        self._request = check_group(user, group)
        self._state = _State.ASKING
        #: Fires with whether there is such a group.
        self.opened: Deferred[bool] = Deferred()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._early = ""
        self._hear: Callable[[str], bool] | None = None
        self._lost: Callable[[], object] = lambda: None
        self._texts: deque[bytes] = deque()
        self._pause: IDelayedCall | None = None
        self._ending = Ending()
        self._left: Deferred[None] | None = None
        self._limit: IDelayedCall | None = None

    def _become(self, state: _State) -> None:
        assert state in _NEXT[self._state], (self._state, state)
        self._state = state

    # -- the connection

    def connectionMade(self) -> None:
        """Ask for the group."""
        transport = cast("Any", self.transport)
        send_at_once(transport)
        transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        """Take what the server shows."""
        text = self._decoder.decode(data)
        if self._state is _State.ASKING:
            self._answered(text)
        elif self._state is _State.LEAVING:
            shown, over = self._ending.take(text)
            self._tell(shown)
            if over:
                self._gone()
        elif self._state is _State.LIVE:
            self._tell(text)

    def _answered(self, text: str) -> None:
        self._early += text
        if not self._early:
            return
        if self._early.startswith("{"):
            if is_reply(self._early) or len(self._early) > _EARLY:
                self.close()
            return
        self._become(_State.LIVE)
        self.opened.callback(True)

    def _tell(self, text: str) -> None:
        if self._hear is None:
            self._early = (self._early + text)[:_EARLY]
            return
        for piece in texts_of(text):
            if not self._hear(piece) and self._state is _State.LIVE:
                cast("Any", self.transport).pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Hear that nothing more will come."""
        before = self._state
        self._gone()
        if before is _State.LIVE:
            self._lost()

    def _gone(self) -> None:
        """End everything; whoever waits goes on."""
        before = self._state
        self._become(_State.OVER)
        for call in (self._pause, self._limit):
            if call is not None and call.active():
                call.cancel()
        self._texts.clear()
        if before is _State.ASKING:
            self.opened.callback(False)
        left, self._left = self._left, None
        if left is not None:
            left.callback(None)
        if before is not _State.OVER and self.transport is not None:
            cast("Any", self.transport).loseConnection()

    # -- who is there by it

    def begin(self, hear: Callable[[str], bool], lost: Callable[[], object]) -> None:
        """See :meth:`Relay.begin`."""
        self._hear, self._lost = hear, lost
        early, self._early = self._early, ""
        self._tell(early)
        if self._state is _State.OVER:
            lost()

    def say(self, text: str) -> None:
        """See :meth:`Relay.say`."""
        if self._state is not _State.LIVE:
            raise Unavailable("the other server has ended this")
        if len(self._texts) >= _MOST:
            raise QueueFull(retry_after=SPACE_SECONDS * _MOST)
        self._write(text)

    def leave(self) -> Deferred[None]:
        """See :meth:`Relay.leave`."""
        left: Deferred[None] = Deferred()
        if self._state is not _State.LIVE:
            left.callback(None)
            return left
        self._left = left
        self._write(EXIT)
        self._become(_State.LEAVING)
        self.resume()
        seconds = LEAVE_SECONDS + SPACE_SECONDS * len(self._texts)
        self._limit = self._clock.callLater(seconds, self._gone)
        return left

    def resume(self) -> None:
        """See :meth:`Relay.resume`."""
        if self.transport is not None and self._state in (_State.LIVE, _State.LEAVING):
            cast("Any", self.transport).resumeProducing()

    def close(self) -> None:
        """See :meth:`Relay.close`."""
        self._lost = lambda: None
        self._hear = lambda text: True
        if self._state is _State.LIVE:
            self.leave()  # others hear of it sooner than by the end of the connection
        elif self._state is _State.ASKING:
            self._gone()

    def _write(self, text: str) -> None:
        self._texts.append(text.encode())
        if self._pause is None:
            self._write_next()

    def _write_next(self) -> None:
        self._pause = None
        if self._texts and self.transport is not None:
            self.transport.write(self._texts.popleft())
            self._pause = self._clock.callLater(SPACE_SECONDS, self._write_next)


class _Factory(Factory):
    """Makes one connection."""

    noisy = False

    def __init__(self, protocol: RelayProtocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: IAddress | None) -> RelayProtocol:
        """Return it."""
        return self._protocol


class OlderRelays:
    """Connects to original servers; see :class:`~chatproto.realm.relays.Relays`."""

    _log = Logger()

    def __init__(self, connect: Callable[[str], IStreamClientEndpoint], clock: Clock) -> None:
        """``connect`` makes an endpoint of a text."""
        self._connect = connect
        self._clock = clock

    async def open(self, endpoint: str, user: str, group: str) -> Relay | None:
        """See :meth:`Relays.open`."""
        protocol = RelayProtocol(self._clock, user, group)
        limit = self._clock.callLater(OPEN_SECONDS, protocol.close)
        try:
            connecting = self._connect(endpoint).connect(_Factory(protocol))
        except ValueError:
            self._log.error("{endpoint} cannot be dialled", endpoint=endpoint)
            protocol.close()
        else:
            connecting.addErrback(lambda _: protocol.close())
            protocol.opened.addBoth(self._give_up, connecting)
        is_there = await protocol.opened
        if limit.active():
            limit.cancel()
        return protocol if is_there else None

    def _give_up(self, is_there: bool, connecting: Deferred[Any]) -> bool:
        if not is_there:
            connecting.cancel()
        return is_there
