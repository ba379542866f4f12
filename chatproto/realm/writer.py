"""Group commit: commands append to the open batch, and one commit makes them all durable.

While one batch is being synced the next one fills, so that the cost of a sync is shared by everything that
arrived meanwhile. What waits for a batch is told when it is on disk and not before, in the order in
which it was appended. This module does not know what the rows mean.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.bells import Bell
from chatproto.errors import ChatError, Conflict, StoreRefused, Unavailable
from chatproto.faults import Discreet
from chatproto.interfaces import IStore
from chatproto.limits import Limits
from chatproto.realm.meters import Meters
from chatproto.realm.times import Clock
from chatproto.records import Batch, Entry, Record, StoreState

#: Of the open and waiting rows clients may fill this share; the rest is kept for links to other realms.
_CLIENTS_SHARE = 7 / 8


class Work(Entry):
    """An entry that hears what became of it: exactly one of the three methods is called, once."""

    __slots__ = ("size",)

    def __init__(
        self,
        inserts: Sequence[Record] = (),
        puts: Sequence[Record] = (),
        otherwise: Sequence[Record] = (),
        removes: Sequence[Record] = (),
        size: int = 0,
    ) -> None:
        super().__init__(inserts, puts, otherwise, removes)
        self.size = size

    def committed(self) -> None:
        """Go on: the entry is on disk."""

    def failed(self, error: ChatError) -> None:
        """Give up: the entry is not stored and never will be. ``Conflict``: it broke a constraint itself."""

    def abandoned(self, failure: Failure) -> None:
        """Hear that the store failed: what became of the entry is unknown, and no client may be answered."""


class Saved(Work):
    """An entry that fires a Deferred."""

    __slots__ = ("done",)

    def __init__(self, inserts: Sequence[Record], puts: Sequence[Record], removes: Sequence[Record]) -> None:
        super().__init__(inserts, puts, removes=removes)
        self.done: Deferred[None] = Deferred()

    def committed(self) -> None:
        """See :class:`Work`."""
        self.done.callback(None)

    def failed(self, error: ChatError) -> None:
        """See :class:`Work`."""
        self.done.errback(error)

    def abandoned(self, failure: Failure) -> None:
        """See :class:`Work`."""
        self.done.errback(failure)


class Writer:
    """The one who writes to a store, and gives the numbers that have to follow the order of writing."""

    _log = Logger()

    def __init__(
        self, store: IStore, clock: Clock, state: StoreState, limits: Limits, meters: Meters | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        #: Counted here are batches; the messages and sessions in them by who makes them.
        self.meters = meters or Meters()
        #: When the open batch got its first entry; the same of the one being committed, and its start.
        self._opened_at = 0.0
        self._times = (0.0, 0.0)
        self._most_rows, self._most_bytes = limits.open_rows, limits.open_bytes
        self._max_rows = max(1, int(limits.open_rows * _CLIENTS_SHARE))
        self._max_bytes = max(1, int(limits.open_bytes * _CLIENTS_SHARE))
        self._open: list[Work] = []
        self._committing: list[Work] = []
        self._rows = 0
        self._bytes = 0
        self._start_call: IDelayedCall | None = None
        self._starting = False
        self._refusing = False
        self._closed = False
        self._seq = state.seq
        self._serial = state.serial
        #: Number of the newest batch that is on disk.
        self.committed = state.batch
        self._resets: list[Callable[[], None]] = []
        self._waiting_for_room: deque[Callable[[], None]] = deque()
        self._idle = Bell()
        #: Set when the store failed; nothing is written or answered any more.
        self.failure: Failure | None = None
        self._fatal: list[Callable[[Failure], None]] = []

    @property
    def open_number(self) -> int:
        """The number that the open batch will have."""
        return self.committed + 1 + bool(self._committing)

    @property
    def newest_seq(self) -> int:
        """The newest seq given, durable or not."""
        return self._seq

    def next_seq(self) -> int:
        """Give the next message its number."""
        self._seq += 1
        return self._seq

    def next_serial(self) -> int:
        """Give the next conversation, device, session or row of the audit log its number."""
        self._serial += 1
        return self._serial

    def on_reset(self, forget: Callable[[], None]) -> None:
        """Call ``forget`` when appended entries were lost, so that what was derived from them goes too."""
        self._resets.append(forget)

    def on_fatal(self, call: Callable[[Failure], None]) -> None:
        """Call when the store failed."""
        self._fatal.append(call)

    @property
    def load(self) -> tuple[int, int]:
        """Rows and bytes that are open or being committed."""
        return self._rows, self._bytes

    @property
    def bounds(self) -> tuple[int, int]:
        """Rows and bytes at which the writer is full."""
        return self._max_rows, self._max_bytes

    @property
    def full(self) -> bool:
        """Whether clients have to wait before they append more."""
        return self._rows >= self._max_rows or self._bytes >= self._max_bytes

    @property
    def links_full(self) -> bool:
        """Whether links to other realms have to wait, too."""
        return self._rows >= self._most_rows or self._bytes >= self._most_bytes

    @property
    def refusing(self) -> bool:
        """Whether the store refused the newest batch."""
        return self._refusing

    def when_room(self, call: Callable[[], None]) -> None:
        """Call once, as soon as the writer is not full any more."""
        self._waiting_for_room.append(call)

    def room(self) -> Deferred[None]:
        """Fire as soon as the writer is not full any more; somebody else may have taken the room since."""
        found: Deferred[None] = Deferred()
        self.when_room(lambda: found.callback(None))
        return found

    def append(self, work: Work) -> None:
        """Add an entry to the open batch. After a failure, or :meth:`close`, it is turned away."""
        if self.failure is not None:
            work.abandoned(self.failure)
            return
        if self._closed:
            work.failed(Unavailable())
            return
        if not self._open:
            self._opened_at = self._clock.seconds()
        self._open.append(work)
        self._rows += len(work.inserts) + len(work.puts) + len(work.removes)
        self._bytes += work.size
        if self._start_call is None and not self._committing:
            # At the end of this turn of the reactor, so that all lines of a read share the batch.
            self._start_call = self._clock.callLater(0, self._start_now)

    def save(
        self, inserts: Sequence[Record] = (), puts: Sequence[Record] = (), removes: Sequence[Record] = ()
    ) -> Deferred[None]:
        """Add an entry, and fire when it is on disk.

        :raises Unavailable: it is not, and never will be.
        """
        work = Saved(inserts, puts, removes)
        self.append(work)
        return work.done

    def when_idle(self) -> Deferred[None]:
        """Fire when everything appended so far is on disk, or the store failed."""
        if self.failure is not None or not (self._open or self._committing):
            return succeed(None)
        return self._idle.wait()

    async def close(self) -> None:
        """Take no more entries; return when those appended so far are on disk, or the store failed."""
        self._closed = True
        await self.when_idle()

    def _start_now(self) -> None:
        self._start_call = None
        self._start()

    def _start(self) -> None:
        """Commit the open batch, and those after it for as long as the store answers at once."""
        if self._starting:
            return
        self._starting = True
        while self._open and not self._committing and self.failure is None:
            self._committing, self._open = self._open, []
            self._times = (self._opened_at, self._clock.seconds())
            batch = Batch(self.committed + 1, self._seq, self._serial, self._committing)
            self._store.commit(batch).addCallbacks(self._stored, self._not_stored).addErrback(self._broken)
        self._starting = False

    def _stored(self, broken: Sequence[int]) -> None:
        works, self._committing = self._committing, []
        self.committed += 1
        self._count(len(works), len(broken))
        if self._refusing:
            self._refusing = False
            self._log.info("the store takes batches again")
        if broken:
            self._log.error(
                "{count} entries of batch {batch} broke a constraint", count=len(broken), batch=self.committed
            )
            self._reset([works[index] for index in broken], Conflict())
        self._release(works)
        lost = set(broken)
        for index, work in enumerate(works):
            if index not in lost:
                self._tell(work)
        self._go_on()

    def _count(self, entries: int, broken: int) -> None:
        opened, begun = self._times
        now = self._clock.seconds()
        self.meters.entries.observe(entries)
        self.meters.commit_seconds.observe(now - begun)
        self.meters.batch_seconds.observe(now - opened)
        self.meters.broken += broken

    def _tell(self, work: Work) -> None:
        try:
            work.committed()
        except Exception:
            self._log.failure("a stored entry could not be told", failure=Discreet(Failure()))

    def _not_stored(self, failure: Failure) -> None:
        failure.trap(StoreRefused)
        assert isinstance(failure.value, StoreRefused)
        if not self._refusing:  # a full disk would otherwise fill it with these lines
            self._log.error("the store takes nothing now: {reason}", reason=failure.getErrorMessage())
        self._refusing = True
        self.meters.refused += 1
        works, self._committing = self._committing, []
        self._release(works)
        error = failure.value.told()
        self._reset(works, error, error)
        self._go_on()

    def _reset(self, works: list[Work], error: ChatError, others: ChatError | None = None) -> None:
        """Refuse entries, and all of the open batch with them: it was made from a state that never came."""
        waiting, self._open = self._open, []
        self._release(waiting)
        for forget in self._resets:
            forget()
        others = others or Unavailable()
        for work, why in [*((work, error) for work in works), *((work, others) for work in waiting)]:
            try:
                work.failed(why)
            except Exception:
                self._log.failure(
                    "an entry that was not stored could not be told", failure=Discreet(Failure())
                )

    def _release(self, works: Sequence[Work]) -> None:
        for work in works:
            self._rows -= len(work.inserts) + len(work.puts) + len(work.removes)
            self._bytes -= work.size

    def _go_on(self) -> None:
        self._start()
        if not self._open and not self._committing:
            self._idle.ring()
        while self._waiting_for_room and not self.full:  # one by one: each may take the room again
            self._call(self._waiting_for_room.popleft())

    def _call(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            self._log.failure("who waited for room could not go on", failure=Discreet(Failure()))

    def fail(self, failure: Failure) -> None:
        """Hear that the store failed somebody else, while reading: it is the end all the same."""
        if self.failure is None and not self._closed:
            self._broken(failure)

    def _broken(self, failure: Failure) -> None:
        """End: whether the batch is on disk is unknown, so nobody is told anything."""
        self.failure = failure
        self._log.failure("the store failed; the realm stops", failure=Discreet(failure))
        works = [*self._committing, *self._open]
        self._open.clear()
        self._committing.clear()
        for call in self._fatal:
            call(failure)
        for work in works:
            work.abandoned(failure)
        self._idle.ring()
