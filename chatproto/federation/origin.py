"""The origin's end of a route: our items for a realm that is reached through another one.

The stream is the one that a direct connection sends, with the same numbers, marks and settlements; here its
items go as letters that only this realm can have signed. What becomes of them only the destination says, in
rulings that only it can have signed. A ruling is believed when it fits what is known here. One that does not
may be old, or mean that one of the two has an older copy of its store. So the destination is asked where it
stands, with a nonce; only an answer with that nonce begins a new epoch.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from chatproto.federation.bounds import ROUTE_PAUSE
from chatproto.federation.errand import Errand, come_to_rest
from chatproto.federation.identity import Identity
from chatproto.federation.pacing import Pace, Patience
from chatproto.federation.routed import RoutedSender
from chatproto.federation.sealing import seal
from chatproto.frames import Held, Noted, Parcel, Ready
from chatproto.frames.routing import Letter, Ruling
from chatproto.names import RealmName
from chatproto.wire.letters import encode_body

if TYPE_CHECKING:
    from chatproto.federation.link import PeerLink

_NONCE_BYTES = 8


class State(enum.Enum):
    """How the origin's end of a route stands; see :data:`_NEXT`."""

    OFF = "off"  # there is a direct connection, or no way
    IDLE = "idle"  # there is nothing to send
    OPENING = "opening"  # the next realm was asked whether it passes on
    OPEN = "open"
    REFUSED = "refused"  # it does not


#: What may follow what.
_NEXT = {
    State.OFF: {State.OFF, State.IDLE},
    State.IDLE: {State.OFF, State.OPENING},
    State.OPENING: {State.OFF, State.OPENING, State.OPEN, State.REFUSED},
    State.OPEN: {State.OFF, State.OPENING},
    State.REFUSED: {State.OFF, State.OPENING},
}


class Origin:
    """Sends what there is for one realm by a route, while there is one."""

    _log = Logger()

    def __init__(self, link: PeerLink, identity: Identity, entropy: Callable[[int], bytes]) -> None:
        self._link = link
        self._identity = identity
        self._entropy = entropy
        self._stream = link.outgoing
        self._state = State.OFF
        self._hop: PeerLink | None = None
        self._sender: RoutedSender | None = None
        self._work = Errand(link.writer, link.clock, "sending by a route", self._go_on)
        self._patience = Patience(link.clock, self._lost_patience)
        self._nonce = ""
        self._answered = True
        #: What was settled when the newest nonce was made: who answers with it stands there at least.
        self._floor = 0
        self._must_ask = False
        #: Whether it has to say where it stands: since the start, as this store may be an older copy, and
        #: when it said something that does not fit.
        self._doubt = True
        self._asked_at = float("-inf")
        self._ask_call: IDelayedCall | None = None
        self._held: Held | None = None
        self._ruling: Ruling | None = None
        #: Who brought the newest ruling.
        self._brought: PeerLink | None = None
        #: Why the route was refused last.
        self.error = ""

    @property
    def state(self) -> State:
        """How it stands."""
        return self._state

    @property
    def hop(self) -> RealmName | None:
        """The next realm, if it takes what there is."""
        return self._hop.realm if self._hop is not None and self._state is State.OPEN else None

    def _is_off(self) -> bool:
        return self._state is State.OFF

    def _become(self, state: State) -> None:
        assert state in _NEXT[self._state], (self._state, state)
        self._state = state

    # -- there is a way, or not

    def attach(self, hop: PeerLink) -> None:
        """Send by a linked realm."""
        self.detach()
        self._hop = hop
        self._become(State.IDLE)
        self._stream.on_marked = self._numbered
        self._work.wake()

    def detach(self) -> None:
        """Send nothing more by the route."""
        if self._state is State.OFF:
            return
        self._become(State.OFF)
        self._hop = None
        self._stop_sender()
        self._stream.stop_marking()
        self._patience.stop()
        if self._ask_call is not None:
            self._ask_call.cancel()
            self._ask_call = None

    def close(self) -> None:
        """End for good."""
        self.detach()
        self._work.stop()

    def drained(self) -> None:
        """Hear that the next realm's connection has room again."""
        if self._sender is not None:
            self._sender.drained()

    def _stop_sender(self) -> None:
        if self._sender is not None:
            self._sender.close()
            self._sender = None
        self._held = None

    def _numbered(self) -> None:
        if self._state is State.IDLE and (self._doubt or self._stream.waiting_items):
            self._open()

    def _open(self) -> None:
        self._become(State.OPENING)
        self._held = None
        self._must_ask = True
        self._patience.begin()
        self._work.wake()

    def _lost_patience(self) -> None:
        """Begin anew: nothing has moved for a while."""
        if self._state in (State.OPENING, State.REFUSED):
            self._open()
        elif self._waits():
            if self._sender is not None:
                self._sender.repeat()
            self._ask_soon()
            self._patience.begin()

    def _waits(self) -> bool:
        """Tell whether the destination should say something."""
        sender = self._sender
        return self._doubt or (sender is not None and self._stream.settled < sender.pace.sent)

    # -- one thing after another

    async def _go_on(self) -> None:
        """Do what there is to do, in the order in which one thing builds on another."""
        stream = self._stream
        if self._is_off():
            # A direct connection tells more. Without one it is thought about when there is a way again.
            ruling = self._ruling if self._link.end is not None else None
            if ruling is not None and self._note_if_settled(ruling):
                self._ruling = None
            return
        if self._state is State.IDLE:
            # How much waits is known when nothing is on its way to the disk.
            await come_to_rest(self._link.writer)
            await stream.load()
            self._doubt = self._doubt and stream.newest > 0
            self._numbered()
        if self._must_ask:
            await stream.keep()
            if not self._is_off():
                self._must_ask = False
                self._ask()
        if self._held is not None and self._state is State.OPENING:
            await self._begin(self._held)
        # While it is being opened there is nobody yet who could settle anything.
        if self._ruling is not None and self._state not in (State.OFF, State.OPENING):
            ruling, self._ruling = self._ruling, None
            await self._rule(ruling)

    def _ask(self) -> None:
        """Ask the next realm whether it passes on, and the destination where it stands."""
        row = self._stream.row
        if self._answered:  # otherwise the answer is still on its way, and answers this question, too
            self._nonce = self._entropy(_NONCE_BYTES).hex()
            self._floor = self._stream.settled
            self._answered = False
        self._asked_at = self._link.clock.seconds()
        self._post(
            Letter(
                epoch=row.epoch,
                since=row.since,
                first=row.first,
                repeats=row.repeats,
                settled=self._stream.settled,
                nonce=self._nonce,
            )
        )

    def _ask_soon(self) -> None:
        """Ask again, but not all the time."""
        if self._ask_call is None:
            wait = self._asked_at + ROUTE_PAUSE - self._link.clock.seconds()
            self._ask_call = self._link.clock.callLater(min(max(wait, 0.0), ROUTE_PAUSE), self._ask_now)

    def _ask_now(self) -> None:
        self._ask_call = None
        self._must_ask = True
        self._work.wake()

    def _post(self, letter: Letter) -> bool:
        hop, link = self._hop, self._link
        if hop is None:
            return False
        parcel = Parcel(origin=str(link.home), to=str(link.realm), body=encode_body(letter), signature="")
        self._patience.begin()
        return hop.post(seal(self._identity, parcel))

    async def _begin(self, held: Held) -> None:
        stream, hop = self._stream, self._hop
        await stream.keep()
        after = stream.row.settled
        further = held.epoch == stream.row.epoch and after < held.number <= stream.offered
        if further and await stream.mid_of(held.number) == held.mid:
            after = held.number
        if self._state is not State.OPENING or self._hop is not hop or self._held is not held:
            return
        self._become(State.OPEN)
        self._held = None
        self.error = ""
        most = held.most if held.epoch == stream.row.epoch else after + 1
        self._sender = RoutedSender(
            self._link, self._post, lambda: hop is not None and hop.has_room, self._settled, Pace(after, most)
        )
        stream.on_marked = self._sender.wake
        stream.begin_marking()
        self._sender.wake()
        self._moved()  # what the next realm holds may be waited for

    # -- what comes back

    def held(self, held: Held) -> None:
        """Hear what the next realm has, or that it is willing."""
        if self._state is State.OPENING:
            self._held = held
            self._work.wake()
        elif self._sender is not None:
            self._sender.held(held)

    def no_route(self, code: str) -> None:
        """Hear that the next realm, or one behind it, does not pass on."""
        self.error = code
        if self._state is State.OPENING and self._held is None:
            self._become(State.REFUSED)

    def ruled(self, ruling: Ruling, hop: PeerLink) -> None:
        """Hear where the destination stands; it has signed that, some time ago."""
        self._brought = hop
        waiting = self._ruling
        if waiting is None or (ruling.since, ruling.number) >= (waiting.since, waiting.number):
            self._ruling = ruling
        self._work.wake()

    async def _rule(self, ruling: Ruling) -> None:
        stream, nonce = self._stream, self._nonce
        await stream.load()
        row = stream.row
        fresh = ruling.nonce == nonce != ""
        self._doubt = self._doubt and not fresh
        self._answered = self._answered or fresh
        if not ruling.nonce:
            self._ask_soon()  # it was started, and says so until it hears of us
        if ruling.epoch == row.epoch and ruling.settled <= row.settled and ruling.number <= stream.offered:
            if ruling.number > row.settled:
                if await stream.mid_of(ruling.number) == ruling.mid and stream.row.epoch == ruling.epoch:
                    if self._sender is not None:
                        self._sender.ruled(ruling)
                        self._moved()
                    return
            elif ruling.number == row.settled or (fresh and ruling.number >= self._floor):
                self._note_if_settled(ruling)
                return
        elif ruling.epoch in (row.previous, "") and row.settled == row.first - 1:
            self._note(ruling.epoch, ruling.number)  # it has not heard of this epoch
            return
        if self._state is State.OFF:
            return
        if fresh and nonce == self._nonce:
            await self._renew(ruling)
        else:
            self._doubt = True
            self._ask_soon()

    async def _renew(self, ruling: Ruling) -> None:
        """Begin a new epoch: the destination says that one of us has an older copy."""
        self._nonce, self._answered, self._doubt = "", True, True
        self._patience.begin()
        self._stop_sender()
        self._stream.stop_marking()
        self._stream.on_marked = self._numbered
        if self._state is State.OPEN:
            self._become(State.OPENING)
        await self._stream.resume(
            Ready(
                epoch=ruling.epoch,
                number=ruling.number,
                mid=ruling.mid,
                settled=ruling.settled,
                since=ruling.since,
            ),
            lambda: self._state is not State.OFF,
        )
        self._doubt = False
        if self._state is State.OPENING:
            self._ask_soon()
        self._numbered()

    def _moved(self) -> None:
        if self._state is State.OPEN:  # what is settled now may be of a sender before
            self._patience.moved(self._waits())

    def _settled(self) -> None:
        """Hear that verdicts are on disk: whoever keeps them for us need not any more."""
        self._moved()
        row = self._stream.row
        self._note(row.epoch, self._stream.settled)

    def _note_if_settled(self, ruling: Ruling) -> bool:
        """Let go of a ruling that tells nothing new."""
        row = self._stream.row
        known = ruling.epoch == row.epoch and ruling.number <= self._stream.settled
        if not self._stream.loaded or not (known or ruling.since < row.since):
            return False
        self._note(ruling.epoch, ruling.number)
        return True

    def _note(self, epoch: str, number: int) -> None:
        hop = self._brought or self._hop
        if hop is not None:
            link = self._link
            hop.post(Noted(origin=str(link.home), to=str(link.realm), epoch=epoch, number=number))
