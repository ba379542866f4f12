"""Being told of messages as they are stored, without a gap and without a repeat.

A listener is *behind* at first, after its connection was full, and after nothing else: pages are then read
from the log. It goes live in the turn of the reactor in which a page reaches the newest published message.
What is published while that page is being read is kept in a small tail, so nothing falls between the two.
"""

from __future__ import annotations

import enum
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.errors import StoreRefused
from chatproto.events import Event, FileChange, Hint, IsTyping, LiveChange, Message, Receipt
from chatproto.faults import Discreet
from chatproto.interfaces import ISubscriber
from chatproto.limits import PAGE_ITEMS
from chatproto.names import fold
from chatproto.realm.blocks import Blocks
from chatproto.realm.log import told
from chatproto.realm.logins import Login
from chatproto.realm.reading import Reading
from chatproto.realm.router import Router
from chatproto.realm.times import Timestamps
from chatproto.records import ReplayPage

#: Messages kept while a page is read. If more arrive, another page is read instead.
_TAIL = 256
#: Conversations of which a device was told and has not acknowledged it; of more there are no receipts.
_UNACKED = 1024
#: Fewest messages in a page for a connection that was full before it had taken a page.
_SMALLEST_PAGE = 8


class Sink(Protocol):
    """What a session may do with its connection, beside answering."""

    def push(self, event: Event) -> bool:
        """Send an event; False if no more of them should be sent before the session's ``drained``."""
        ...

    def goodbye(self, reason: str) -> None:
        """Tell a listener that the connection ends, and end it."""
        ...


class State(enum.Enum):
    """Where a listener stands; see :data:`_NEXT`."""

    STARTING = "starting"  # its groups are being read
    BEHIND = "behind"  # a page is being read
    FULL = "full"  # the connection has to drain first
    LIVE = "live"
    CLOSED = "closed"


#: What may follow what.
_NEXT = {
    State.STARTING: {State.BEHIND, State.LIVE, State.CLOSED},
    State.BEHIND: {State.LIVE, State.FULL, State.CLOSED},
    State.FULL: {State.BEHIND, State.CLOSED},
    State.LIVE: {State.FULL, State.CLOSED},
    State.CLOSED: {State.CLOSED},
}


@implementer(ISubscriber)
class Listener:
    """One connection's subscription to everything its account may read."""

    _log = Logger()

    def __init__(self, router: Router, reading: Reading, blocks: Blocks, login: Login, sink: Sink) -> None:
        self._router = router
        self._reading = reading
        self._blocks = blocks
        self.login = login
        self._sink = sink
        self._state = State.STARTING
        self._told = 0
        self._own = False
        self._wanted: set[type[Hint]] = {FileChange, LiveChange}
        #: Of each conversation the first and the newest message told that the device has not acknowledged.
        self._unacked: dict[str, tuple[int, str, int, str]] = {}
        self._audience = router.account(login.account)
        self._tail: list[tuple[Message, int]] = []
        self._tail_full = False
        self._page_items = PAGE_ITEMS
        self._timestamps = Timestamps()

    @property
    def state(self) -> State:
        """Where the listener stands."""
        return self._state

    async def prepare(self) -> int:
        """Subscribe, and return the newest published message: what follows it will be delivered."""
        account = self.login.account
        if self._state is State.STARTING:  # the connection may be gone already
            self._router.subscribe(account, self)
        while True:
            # What is on disk and not yet told would be believed too early, and the rest of it be missed.
            await self._router.rest(account)
            moves = self._router.moves(account)
            numbers = await self._reading.groups(self.login)
            blocked = await self._blocks.of(account)
            if moves == self._router.moves(account):
                break
        if self._state is not State.CLOSED:
            self._audience.blocked = blocked
            for number in numbers:
                self._router.enter(account, number)
        return self._router.published

    def start(self, after: int, *, own: bool, receipts: bool, typing: bool) -> None:
        """Tell everything past a position; the device's own messages, and what passes, if asked for."""
        if self._state is State.CLOSED:
            return
        self._told = after
        self._own = own
        self._wanted |= {Receipt} if receipts else set()
        self._wanted |= {IsTyping} if typing else set()
        self._catch_up()

    def start_now(self, *, own: bool = True) -> None:
        """Tell what follows, the device's own messages if asked for.

        Nothing may have waited since it was prepared.
        """
        if self._state is not State.CLOSED:
            self._told = self._router.published
            self._own = own
            self._go_live()

    def close(self) -> None:
        """Tell nothing any more."""
        if self._state is not State.CLOSED:
            self._become(State.CLOSED)
            self._tail.clear()
            self._router.unsubscribe(self.login.account, self)

    def drained(self) -> None:
        """Go on: the connection has room again."""
        if self._state is State.FULL:
            self._catch_up()

    def deliver(self, message: Message, device: int) -> None:
        """See :meth:`ISubscriber.deliver`."""
        if self._state is State.LIVE:
            self._tell(message, device)
        elif self._state in (State.BEHIND, State.STARTING):
            if len(self._tail) < _TAIL:
                self._tail.append((message, device))
            else:
                self._tail_full = True

    def hint(self, event: Hint) -> None:
        """See :meth:`ISubscriber.hint`."""
        if self._state is not State.LIVE or type(event) not in self._wanted:
            return
        if not isinstance(event, FileChange):  # of these who tells them leaves out what is not to be heard
            author = event.by if isinstance(event, Receipt) else event.from_
            if self._is_blocked(author):
                return
        if not self._sink.push(event):
            self._become(State.FULL)

    def acknowledged(self, seq: int) -> list[tuple[str, int, str]]:
        """Return how far each conversation has reached the device, where that is news.

        Up to a seq, which may lie between two messages, and certainly up to a mid.
        """
        reached = []
        for with_, (first, first_mid, newest, mid) in list(self._unacked.items()):
            if newest <= seq:
                del self._unacked[with_]
                reached.append((with_, newest, mid))
            elif first <= seq:
                self._unacked[with_] = (newest, mid, newest, mid)
                reached.append((with_, seq, first_mid))
        return reached

    def _tell(self, message: Message, device: int) -> None:
        if message.seq <= self._told:
            return
        self._told = message.seq
        login = self.login
        if message.from_ != login.address:
            direct = message.to == login.address
            if not direct and self._is_blocked(message.from_) and not self._is_removed_by(message):
                return
            with_ = message.from_ if direct else message.to
            if with_ in self._unacked or len(self._unacked) < _UNACKED:
                seq, mid = message.seq, message.mid
                first, first_mid, _, _ = self._unacked.get(with_) or (seq, mid, seq, mid)
                self._unacked[with_] = (first, first_mid, seq, mid)
        if (device != login.device or self._own) and not self._sink.push(message):
            self._become(State.FULL)

    def _is_blocked(self, address: str) -> bool:
        return bool(self._audience.blocked) and fold(address) in self._audience.blocked

    def _is_removed_by(self, message: Message) -> bool:
        """Tell whether a message says that the account is in a group no more, which it has to know."""
        return message.kind == "kicked" and fold(message.about or "") == fold(self.login.address)

    def _become(self, state: State) -> None:
        assert state in _NEXT[self._state], (self._state, state)
        self._state = state

    def _catch_up(self) -> None:
        self._become(State.BEHIND)
        Deferred.fromCoroutine(self._read_pages()).addErrback(self._lost)

    def _lost(self, failure: Failure) -> None:
        """End the connection: it would stay silent for ever. The client comes back and tries again."""
        if failure.check(StoreRefused):
            self._log.warn("the log could not be replayed: {reason}", reason=failure.getErrorMessage())
        else:
            self._log.failure("the log could not be replayed", failure=Discreet(failure))
        if self._state is not State.CLOSED:
            self._sink.goodbye("unavailable")

    async def _read_pages(self) -> None:
        while self._state is State.BEHIND:
            self._tail.clear()
            self._tail_full = False
            page = await self._reading.replay(self.login, self._told, self._page_items)
            self._tell_page(page)
            if page.complete and not self._tail_full and self._state is State.BEHIND:
                self._go_live()

    def _tell_page(self, page: ReplayPage) -> None:
        for sent, row in enumerate(page.messages):
            if self._state is not State.BEHIND:
                # It did not fit, and is read again from here; do not read all of such a page for that.
                self._page_items = min(max(2 * sent, _SMALLEST_PAGE), PAGE_ITEMS)
                return
            if row.seq > self._router.published:
                break  # on disk, but the realm has not heard so yet; it is delivered when it has
            to = page.conversations[row.conversation].recipient(row.sender)
            self._tell(told(Message, row, to, self._timestamps.text(row.at)), row.device)
        self._page_items = PAGE_ITEMS

    def _go_live(self) -> None:
        self._become(State.LIVE)
        tail, self._tail = self._tail, []
        for message, device in tail:
            if self._state is State.LIVE:
                self._tell(message, device)
