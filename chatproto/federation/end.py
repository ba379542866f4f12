"""One connection of a link, from the proof of who is there to its end.

Each side says where it stands as a receiver (``ready``). The answer to that says what follows (``start``).
When both are told the link is up. The streams, and everything durable, belong to the link and stay.
"""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING

from msgspec.structs import replace
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.faults import Discreet
from chatproto.federation.bounds import ASK_AFTER, EARLY_FRAMES, PROOF_OF_LIFE
from chatproto.federation.connection import Connection
from chatproto.federation.errand import Errand
from chatproto.federation.groups import CAPABILITY, GroupEnd
from chatproto.federation.questions import Questions
from chatproto.federation.sending import Sender
from chatproto.frames import (
    Ack,
    Answer,
    Ask,
    Digest,
    Entry,
    Frame,
    Goodbye,
    Item,
    Ping,
    Pong,
    Ready,
    Receipt,
    Skip,
    Start,
)
from chatproto.frames.routing import ROUTING
from chatproto.records import ITEMS

if TYPE_CHECKING:
    from chatproto.federation.link import PeerLink


class State(enum.Enum):
    """Where a connection stands; see :data:`_NEXT`."""

    SECOND = "second"  # it is not decided yet whether it takes the place of another one
    OPENING = "opening"  # both sides say where they stand
    UP = "up"
    OVER = "over"


#: What may follow what.
_NEXT = {
    State.SECOND: {State.OPENING, State.OVER},
    State.OPENING: {State.UP, State.OVER},
    State.UP: {State.OVER},
    State.OVER: {State.OVER},
}


class End:
    """Hears of one connection, and speaks on it for its link."""

    _log = Logger()

    def __init__(self, link: PeerLink, connection: Connection) -> None:
        self._link = link
        self._connection = connection
        self._clock = link.clock
        self._state = State.SECOND
        self._early: list[Frame] = []
        self._opening = Errand(link.writer, link.clock, "opening a link", self._open)
        self._attached = False
        self._ready: Ready | None = None
        self._sender: Sender | None = None
        self._started = False
        #: What is said of groups, if both sides can.
        self.groups: GroupEnd | None = None
        self.questions = Questions(link.clock, link.answer, self._write)
        self._full = False
        self._ack_due = False
        #: Ticks in which nothing was heard.
        self._silent = 0
        self._tick_seconds = link.limits.link_quiet_seconds / ASK_AFTER
        self._dead_after = math.ceil(link.limits.link_dead_seconds / self._tick_seconds)
        self._pings = 0
        self._ticks = 0
        self._tick_call: IDelayedCall | None = None
        self._proof: IDelayedCall | None = None
        #: What the other side said when it left: a reason, and when to come again.
        self.farewell: Goodbye | None = None

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state

    @property
    def dialled(self) -> bool:
        """Whether this side dialled."""
        return self._connection.dialled

    @property
    def sender(self) -> Sender | None:
        """What is being sent, once that has begun."""
        return self._sender

    def _become(self, state: State) -> None:
        assert state in _NEXT[self._state], (self._state, state)
        self._state = state

    # -- how it begins and ends

    def begin(self) -> None:
        """Become the connection of the link."""
        self._become(State.OPENING)
        self._tick_call = self._clock.callLater(self._tick_seconds, self._tick)
        connection = self._connection
        if CAPABILITY in connection.capabilities:
            limits = connection.peer_limits
            self.groups = GroupEnd(self._link, self._write, self.flush, self.give_up, limits)
        self._opening.wake()
        early, self._early = self._early, []
        for frame in early:
            self.received(frame)

    async def _open(self) -> None:
        link = self._link
        if not self._attached:
            ready = await link.incoming.ready()
            if self._state is not State.OVER:  # or another connection may be further
                await link.groups.quiet()
            if self._state is State.OVER:
                return
            link.incoming.attach(self._acknowledge, self.give_up)
            self._attached = True
            copies = () if self.groups is None else link.rules.replicas.of(link.realm)
            if self.groups is not None:
                self.groups.begin(copies)
            self._write(replace(ready, last=not copies))
        if self._ready is None or self._sender is not None:
            return
        after = await link.outgoing.resume(self._ready, lambda: self._state is not State.OVER)
        if self._state is State.OVER:
            return
        row = link.outgoing.row
        self._sender = Sender(
            link.outgoing,
            link.store,
            link.writer,
            link.clock,
            link.rules.bounces,
            link.ended,
            link.rules.display_name,
            self._write,
            self.give_up,
            self._connection.peer_limits,
            after,
        )
        self._write(
            Start(
                epoch=row.epoch,
                first=row.first,
                next=after + 1,
                repeats=row.repeats,
                settled=link.outgoing.settled,
                since=row.since,
            )
        )
        link.outgoing.on_marked = self._sender.wake
        link.outgoing.begin_marking()
        self._sender.wake()
        self._check_up()

    def _check_up(self) -> None:
        if self._state is State.OPENING and self._started and self._sender is not None:
            self._become(State.UP)
            self._link.up(self)
            self.flush()

    def give_up(self, reason: str, retry_after: float = 0) -> None:
        """End the connection with a goodbye."""
        if self._state is not State.OVER:
            self._connection.goodbye(reason, retry_after)
            self._end(reason)

    def abort(self, reason: str) -> None:
        """End a connection on which nobody hears a goodbye."""
        if self._state is not State.OVER:
            self._connection.abort()
            self._end(reason)

    def lost(self, reason: str) -> None:
        """See :class:`~chatproto.federation.connection.LinkEnd`."""
        if self._state is not State.OVER:
            self._end(reason)

    def _end(self, reason: str) -> None:
        """Stop everything that belongs to the connection, before the link can have another one."""
        self._become(State.OVER)
        self._opening.stop()
        for call in (self._tick_call, self._proof):
            if call is not None and call.active():
                call.cancel()
        if self._attached:
            self._link.incoming.detach()
        if self._sender is not None:
            self._sender.close()
            self._link.outgoing.stop_marking()
        if self.groups is not None:
            self.groups.close()
        self.questions.close()
        self._link.over(self, reason)

    # -- signs of life

    def _tick(self) -> None:
        # By ticks, so that a clock that jumps ends no link.
        self._tick_call = self._clock.callLater(self._tick_seconds, self._tick)
        self._silent += 1
        self._ticks += 1
        if self._silent > self._dead_after:
            self.abort("silent")
        elif self._state is State.OPENING and self._ticks > self._dead_after:
            # It speaks, and never says where it stands: another connection may do better.
            self.give_up("not-ready")
        elif self._silent % ASK_AFTER == 0:
            self._ping()

    def _ping(self) -> None:
        self._pings += 1
        self._write(Ping(number=self._pings))

    def prove_life(self) -> None:
        """Ask for a sign of life; without one the connection ends soon."""
        if self._proof is None:
            self._proof = self._clock.callLater(PROOF_OF_LIFE, self.abort, "silent")
            self._ping()

    def _heard(self) -> None:
        self._silent = 0
        if self._proof is not None:
            self._proof.cancel()
            self._proof = None
            self._link.proved(self)

    # -- what comes

    def received(self, frame: Frame) -> None:
        """See :class:`~chatproto.federation.connection.LinkEnd`."""
        if self._state is State.SECOND:
            if isinstance(frame, Goodbye) or len(self._early) >= EARLY_FRAMES:
                self.give_up("unexpected-frame")
            else:
                self._early.append(frame)
        elif self._state is not State.OVER:
            try:
                self._heard()
                self._take(frame)
            except Exception:
                self._log.failure("a frame could not be taken", failure=Discreet(Failure()))
                self.give_up("internal-error")

    def _take(self, frame: Frame) -> None:  # noqa: PLR0912 - one line for each frame
        link = self._link
        match frame:
            case Item() | Skip():
                link.incoming.receive(frame)
            case Ack(stream="items") if self._sender is not None:
                self._sender.acked(frame)
            case Ping():
                if not self._full:  # who does not read gets none, and is no danger
                    self._write(Pong(number=frame.number))
            case Pong():
                pass
            case Receipt():
                link.rules.bounces.receipt(link.realm, frame)
            case Ask():
                self.questions.asked(frame)
            case Answer():
                self.questions.answered(frame)
            case Goodbye():
                self.farewell = frame
            case Ready() if frame.stream == ITEMS and self._ready is None:
                self._ready = frame
                if frame.last and self.groups is not None:
                    self.groups.sender.all_ready()
                self._opening.wake()
            case Start() if frame.stream == ITEMS and self._attached:
                link.incoming.start(frame)
                self._started = True
                self._check_up()
            case _ if isinstance(frame, ROUTING):
                if link.carrier is not None:
                    link.carrier.received(link, frame)
            case Entry() | Digest():
                self._take_of_group(frame)
            case Ready() | Start() | Ack() if frame.stream != ITEMS:
                self._take_of_group(frame)
            case _:
                self.give_up("unexpected-frame")

    def _take_of_group(self, frame: Ready | Start | Ack | Entry | Digest) -> None:
        if self.groups is not None:  # or it is of a newer version, which learns from our silence
            self.groups.received(frame)

    # -- what goes

    def _write(self, *frames: Frame) -> bool:
        if self._state is State.OVER:
            return False
        if not self._connection.send(*frames):
            self._full = True
        return not self._full

    @property
    def capabilities(self) -> frozenset[str]:
        """What both sides can do beyond the least."""
        return self._connection.capabilities

    @property
    def has_room(self) -> bool:
        """Whether more may be sent now."""
        return not self._full

    post = _write

    def _acknowledge(self) -> None:
        self._ack_due = True
        self.flush()

    def flush(self) -> None:
        """Send what waits, if there is room: acks, then receipts."""
        if self._ack_due and not self._full:
            self._ack_due = False
            ack = self._link.incoming.ack()
            if ack is not None:
                self._write(ack)
        if self.groups is not None and not self._full:
            self.groups.flush()
        if self._state is State.UP and not self._full and self._link.receipts:
            self._write(*self._link.receipts.take())

    def drained(self) -> None:
        """See :class:`~chatproto.federation.connection.LinkEnd`."""
        if self._state is State.OVER:
            return
        self._full = False
        self.flush()
        if self._sender is not None:
            self._sender.drained()
        if self.groups is not None:
            self.groups.drained()
        if self._link.carrier is not None:
            self._link.carrier.drained(self._link)
