"""One connection of a link, from the proof of who is there to its end.

Each side says where it stands as a receiver (``ready``). The answer to that says what follows (``start``).
When both are told the link is up. The streams, and everything durable, belong to the link and stay.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.faults import Discreet
from chatproto.federation.bounds import EARLY_FRAMES, FILE_WINDOW, FILES, WRONG
from chatproto.federation.bulk import Bulk
from chatproto.federation.connection import Connection
from chatproto.federation.errand import Errand
from chatproto.federation.files import FileEnd
from chatproto.federation.groups import CAPABILITY, GroupEnd
from chatproto.federation.living import Life
from chatproto.federation.questions import Questions
from chatproto.federation.sending import Sender
from chatproto.frames import (
    Ack,
    Answer,
    Ask,
    Chunk,
    Digest,
    Entry,
    Frame,
    Freight,
    Goodbye,
    Got,
    Item,
    Lacking,
    Live,
    Ping,
    Pong,
    Ready,
    Receipt,
    Skip,
    Start,
    Want,
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
        # Who speaks, and never says where it stands, is late: another connection may do better.
        silent, late = partial(self.abort, "silent"), partial(self.give_up, "not-ready")
        self._life = Life(link.clock, link.limits, self._write, silent, late)
        #: Ask for a sign of life; without one the connection ends soon.
        self.prove_life = self._life.prove
        #: By which bytes of files go, of this realm's own and of others'; and what is said of them.
        self.lane = Bulk(connection, link.writer, link.clock)
        self.files: FileEnd | None = None
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
        self._life.begin()
        connection, link = self._connection, self._link
        if CAPABILITY in connection.capabilities:
            self.groups = GroupEnd(link, self._write, self.flush, self.give_up, connection.peer_limits)
        if FILES in connection.capabilities:
            self.files = FileEnd(
                link, self._write, lambda: self.lane, lambda chunk, _: chunk, FILE_WINDOW, WRONG
            )
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
            self._life.opening = False
            self._link.up(self)
            if self.files is not None:
                self.files.begin()
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
        self._life.stop()
        if self._attached:
            self._link.incoming.detach()
        if self._sender is not None:
            self._sender.close()
            self._link.outgoing.stop_marking()
        if self.groups is not None:
            self.groups.close()
        for part in (self.files, self.lane, self.questions):
            if part is not None:
                part.close()
        self._link.over(self, reason)

    # -- what comes

    def received(self, frame: Frame) -> None:
        """See :class:`~chatproto.federation.connection.LinkEnd`."""
        if self._state is State.SECOND:
            if isinstance(frame, Goodbye) or len(self._early) >= EARLY_FRAMES:
                self.give_up("unexpected-frame")
            else:
                self._early.append(frame)
        elif self._state is not State.OVER:
            self._guard(self._take, frame)

    def _guard(self, take: Callable[..., None], *what: Any) -> None:
        try:
            if self._life.heard():
                self._link.proved(self)
            take(*what)
        except Exception:
            self._log.failure("a frame could not be taken", failure=Discreet(Failure()))
            self.give_up("internal-error")

    def raw_received(self, frame: Chunk | Freight, data: bytes) -> None:
        """See :class:`~chatproto.federation.connection.LinkEnd`."""
        if self._state in (State.OPENING, State.UP):
            self._guard(self._take_raw, frame, data)

    def _take_raw(self, frame: Chunk | Freight, data: bytes) -> None:
        if isinstance(frame, Freight):
            if self._link.carrier is not None:
                self._link.carrier.freight(self._link, frame, data)
        elif self.files is None or not self.files.chunk(frame, data):
            self.give_up("credit-exceeded")

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
            case Receipt() | Live():
                link.receipts.heard(frame)
            case Ask() | Answer():
                self.questions.heard(frame)
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
            case Want() | Lacking() | Got() if self.files is not None:
                self.files.received(frame)
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
        """Send what waits, if there is room: acks, then what passes."""
        if self._ack_due and not self._full:
            self._ack_due = False
            ack = self._link.incoming.ack()
            if ack is not None:
                self._write(ack)
        if self.groups is not None and not self._full:
            self.groups.flush()
        if self._state is State.UP and not self._full:
            self._link.receipts.flush(self._write)

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
        self.lane.drained()
