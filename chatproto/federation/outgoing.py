"""The sender's side of a stream, as durable as it is: numbers, epochs, and up to where the other side has it.

What makes an item neither be lost nor end twice, on this side:

* Its number and its row come with the message, in one transaction. A number is never without a row.
* It is sent only when a mark that covers its number (``offered``) is on disk. So what is above the mark after
  a crash was never sent, and may be withdrawn here alone; what is below it only the other side decides.
* ``settled`` moves in the transaction that has the bounces of everything up to it. So a verdict is either not
  known yet, and told again by the other side, or it has its effect.
* Where to go on after a connection, the other side says. If what it says does not fit what is known here,
  one of the two has an older copy of its store. Then the stream begins a new *epoch*, and everything that is
  kept is sent again; the other side knows by the mids what it has.

The state in memory is as of the last append. When the writer loses entries, it is read again before anything
else is numbered or put; whoever waits finds out by :attr:`OutgoingStream.generation`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace
from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import QueueFull, Unavailable
from chatproto.federation.bounds import EXPIRES, QUEUE_RETRY
from chatproto.federation.errand import Step, come_to_rest
from chatproto.federation.marking import Mark
from chatproto.frames import Ready
from chatproto.interfaces import IStore
from chatproto.limits import Limits
from chatproto.names import RealmName
from chatproto.realm.audit import Audit
from chatproto.realm.writer import Work, Writer
from chatproto.records import ITEMS, MessageRow, OutboxRow, StreamRow
from chatproto.records.audit import DROPPED, RENEWED

W = TypeVar("W", bound=Work)

#: Above every number.
MAXIMUM = 2**53
#: Random bytes in the name of an epoch: it is never met again.
_EPOCH_BYTES = 8


class OutgoingStream:
    """Items on their way to one realm."""

    _log = Logger()

    def __init__(
        self,
        realm: RealmName,
        store: IStore,
        writer: Writer,
        limits: Limits,
        entropy: Callable[[int], bytes],
        audit: Audit,
        now: Callable[[], int] = lambda: 0,
    ) -> None:
        """``now`` is in milliseconds; epochs are told from older ones by it."""
        self.realm = realm
        self.audit = audit
        self._now = now
        self._store = store
        self._writer = writer
        self._limits = limits
        self._entropy = entropy
        self._loaded = False
        self._waiters: list[Deferred[None]] = []
        #: Counts how often what was known here was forgotten.
        self.generation = 0
        #: As of the last append; valid while :attr:`loaded`.
        self.row = StreamRow(realm, ITEMS, "", "", 1, 0, 0, 0)
        self.newest = 0
        #: The oldest row that is kept, or the next one.
        self.oldest = 1
        self.waiting_items = 0
        self.waiting_bytes = 0
        #: What is known to be on disk: the marks of the present epoch, and whether it has a row at all.
        self.offered = 0
        self.settled = 0
        self._stored = False
        #: Whether what is numbered is marked at once, as there is a link.
        self.marking = False
        self._mark: Mark | None = None
        #: Entries under way that put a row and may break a constraint. Meanwhile no other entry puts one: if
        #: the first is not stored, the other would say that it is.
        self._risks = 0
        #: Called when more is marked.
        self.on_marked: Callable[[], None] = lambda: None
        #: For what reads the oldest rows and then writes by what it read.
        self.alone = DeferredLock()
        #: Epochs that were begun because something did not fit.
        self.renewals = 0
        writer.on_reset(self._forget)

    # -- what is known

    @property
    def loaded(self) -> bool:
        """Whether the state is known, so that numbers can be given and rows be put."""
        return self._loaded

    def load(self) -> Deferred[None]:
        """Fire when the state is known; it is in that turn, and perhaps not in the next.

        :raises StoreRefused: it cannot be read now.
        :raises Unavailable: the store takes nothing now.
        """
        done: Deferred[None] = Deferred()
        if self._loaded:
            done.callback(None)
            return done
        self._waiters.append(done)
        if len(self._waiters) == 1:
            Deferred.fromCoroutine(self._load()).addBoth(self._tell_waiters)
        return done

    def _tell_waiters(self, outcome: Failure | None) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(outcome)  # a failure goes to their errbacks

    async def _load(self) -> None:
        while not self._loaded:
            generation = self.generation
            # Rows that were numbered before may be on their way to the disk.
            await come_to_rest(self._writer)
            rows = {(row.realm, row.stream): row for row in await self._store.streams()}
            row = rows.get((self.realm, ITEMS))
            stored = row is not None
            row = row or StreamRow(self.realm, ITEMS, self._new_epoch(), "", 1, 0, 0, 0, since=self._now())
            oldest = await self._store.outbox(self.realm, 0, MAXIMUM, 1, False)
            newest = await self._store.outbox(self.realm, 0, MAXIMUM, 1, True)
            waiting = await self._store.waiting(self.realm, row.settled)
            if generation != self.generation:
                continue
            self.row = row
            self._stored = stored
            self.newest = max(row.offered, row.first - 1, *(each.number for each in newest))
            self.oldest = oldest[0].number if oldest else self.newest + 1
            self.offered, self.settled = row.offered, row.settled
            self.waiting_items, self.waiting_bytes = waiting.items, waiting.bytes
            self._loaded = True
        if self.marking and self.newest > self.row.offered:
            self._offer()

    def _forget(self) -> None:
        self._loaded = False
        self._mark = None
        self.generation += 1

    def _new_epoch(self) -> str:
        return self._entropy(_EPOCH_BYTES).hex()

    def next_since(self, known: int = 0) -> int:
        """Return when the next epoch begins: after the present one, and any that the other side knows."""
        return max(self._now(), self.row.since + 1, known + 1)

    # -- numbering

    def check(self, size: int) -> None:
        """Return if an item may wait, too.

        :raises QueueFull: too much waits.
        """
        limits = self._limits
        if self.waiting_items >= limits.outbox_items or self.waiting_bytes + size > limits.outbox_bytes:
            raise QueueFull(retry_after=QUEUE_RETRY)

    def number(self, message: MessageRow, size: int) -> OutboxRow:
        """Return the row of the next item, to be appended before anything else happens."""
        assert self._loaded, "numbers are given only when the newest one is known"
        self.newest += 1
        self.waiting_items += 1
        self.waiting_bytes += size
        if self.marking:
            self._offer()
        return OutboxRow(
            str(self.realm), self.newest, message.mid, message.seq, size, message.at, message.at + EXPIRES
        )

    def begin_marking(self) -> None:
        """Mark what waits, and from now on whatever is numbered, so that it may be sent."""
        self.marking = True
        if self._loaded and self.newest > self.row.offered:
            self._offer()

    def stop_marking(self) -> None:
        """Mark nothing more: there is no link on which it could be sent."""
        self.marking = False
        self.on_marked = lambda: None

    @property
    def at_risk(self) -> bool:
        """Whether no row may be put now."""
        return self._risks > 0

    def risk(self) -> None:
        """Hear that an entry which puts the row may break a constraint."""
        self._risks += 1

    def risk_over(self) -> None:
        """Hear what became of it."""
        self._risks -= 1
        if self._loaded and self.marking and self.newest > self.row.offered:
            self._offer()

    def _offer(self) -> None:
        if self.at_risk:
            return  # it is done when that is over
        row = replace(self.row, offered=self.newest)
        mark = self._mark
        if mark is not None and mark.batch == self._writer.open_number:
            self.row = row
            mark.puts = [row]  # the batch is still open
            return
        self._writer.append(self.put(Mark(self, row, self._writer.open_number), row))

    def put(self, work: W, row: StreamRow) -> W:
        """Take a row as the newest state; the work that has it is appended in this turn."""
        if row.epoch != self.row.epoch:
            self._stored = False
            self.offered = self.settled = row.first - 1
        self.row = row
        # What stands in an older entry of the same batch would be overwritten by this one.
        self._mark = work if isinstance(work, Mark) else None
        return work

    def marked(self, row: StreamRow) -> None:
        """Hear that a row of this stream is on disk."""
        if row.epoch != self.row.epoch:
            return
        self._stored = True
        self.offered = max(self.offered, row.offered)
        self.settled = max(self.settled, row.settled)
        self.on_marked()

    # -- where the other side stands

    async def resume(self, ready: Ready, wanted: Callable[[], bool]) -> int:
        """Return the number after which to go on for a peer that says where it stands; the row is on disk.

        :raises Unavailable: not now, or it is not ``wanted`` any more.
        """
        # What an older connection withdrew may be on its way to the disk; read before that, it would be sent.
        await come_to_rest(self._writer)
        while wanted():
            await self.load()
            generation = self.generation
            named = await self._store.outbox(self.realm, ready.number - 1, ready.number + 1, 1, False)
            if generation != self.generation:
                continue
            after = self._after(ready, named[0].mid if named else "")
            if after is not None and self._stored:
                return after
            # Afterwards it is looked once more: another connection may have begun an epoch meanwhile.
            if after is not None:
                await self._save(self.row)
            else:
                await self.alone.run(self._renewed, ready, self.row.epoch, wanted)
        raise Unavailable

    def _after(self, ready: Ready, mid: str) -> int | None:
        """Return the number after which to go on; None if that does not fit what is known here."""
        row = self.row
        if ready.epoch == row.epoch:
            fits = ready.settled <= row.settled <= ready.number <= row.offered
            same = ready.number == row.first - 1 or (mid != "" and ready.mid == mid)
            return ready.number if fits and same else None
        # It has not heard of this epoch, which is well if it has never said more.
        unheard = ready.epoch in (row.previous, "") and row.settled == row.first - 1
        return row.first - 1 if unheard else None

    def _renewed(self, ready: Ready, epoch: str, wanted: Callable[[], bool]) -> Deferred[None]:
        return Deferred.fromCoroutine(self._renew(ready, epoch, wanted))

    async def _renew(self, ready: Ready, epoch: str, wanted: Callable[[], bool]) -> None:
        """End an epoch and repeat everything kept: one of the realms has an older copy of its store."""
        self._forget()
        await self.load()
        if (self._stored and self.row.epoch != epoch) or not wanted():
            return  # another connection's answer has begun one, or will
        self._log.error(
            "{realm} is at {number} of epoch {epoch!r}, which does not fit: an older copy of a store was put "
            "back, there or here. All that is kept is sent again",
            realm=self.realm,
            number=ready.number,
            epoch=ready.epoch,
        )
        row = StreamRow(
            realm=str(self.realm),
            stream=ITEMS,
            epoch=self._new_epoch(),
            previous=ready.epoch,
            first=self.oldest,
            repeats=self.newest,
            settled=self.oldest - 1,
            offered=self.newest,
            late=self.row.late,
            since=self.next_since(ready.since),
        )
        self.renewals += 1
        await self.replace(row, RENEWED)

    async def replace(self, row: StreamRow, why: str = DROPPED) -> None:
        """Go on with a row of another epoch.

        ``why`` is what the audit log says.

        :raises Unavailable: it was not stored.
        """
        self._forget()  # nothing is numbered until it is there
        await self._save(row, why)
        self._forget()
        await self.load()
        if self.row.epoch != row.epoch:
            raise Unavailable

    async def keep(self) -> None:
        """Return when the row is on disk, so that others may hear of its epoch."""
        # What was withdrawn may be on its way to the disk; read before that, it would be sent.
        await come_to_rest(self._writer)
        await self.load()
        if not self._stored:
            await self._save(self.row)

    async def mid_of(self, number: int) -> str:
        """Return the mid of an item that is kept, ``""`` if it is not."""
        found = await self._store.outbox(self.realm, number - 1, number + 1, 1, False)
        return found[0].mid if found else ""

    async def count_as_offered(self) -> None:
        """Let only the other side decide on what there is: that it was sent may be forgotten here."""
        await self.load()
        if self.newest > self.row.offered:
            await self._save(replace(self.row, offered=self.newest))

    async def _save(self, row: StreamRow, why: str = "") -> None:
        told = [self.audit.row(why, realm=row.realm, number=row.first, code=row.epoch)] if why else []
        step = Step(told, [row])
        self._writer.append(self.put(step, row))
        error = await step.done
        if error is not None:
            raise error
        self.marked(row)
