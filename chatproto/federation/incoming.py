"""The receiver's side of a stream: what arrives becomes durable in order, once, and is acked after that.

What makes an item have one effect, on this side:

* One entry of a batch has the effects of some items and the number of the last of them. There is never a
  second entry of a stream on its way to the disk, so none is stored without those before it. After a crash
  the stream stands where its effects do.
* The number is acked when it is on disk. What was not acked is sent again, and is passed over by its number.
* A refusal is an effect like any other: a row. So a repeat gets the same verdict, and refusals that the other
  side may not know are told in every ack until it says that they are settled.
* A new epoch sends again what came before under other numbers. Up to ``repeats`` each mid is looked up first.
  Beyond it mids are new; where one is not, a constraint of the store finds it, and from then on all are
  looked up.
* The place of a stream is told to a new connection only when nothing of an older one is on its way.

Memory: what was received and is not on disk, which is bounded by the credit that this realm gives, and the
refusals that are not settled.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from twisted.logger import Logger

from chatproto.bells import Bell
from chatproto.errors import Conflict
from chatproto.federation.bounds import RATE_PAUSE, REFUSALS
from chatproto.federation.errand import Errand
from chatproto.federation.judging import Entry, Judge, Sent, size_of
from chatproto.federation.rules import Arrivals
from chatproto.frames import Ack, Item, PeerLimits, Ready, Skip, Start
from chatproto.frames.routing import Ruling
from chatproto.interfaces import IStore
from chatproto.names import RealmName
from chatproto.realm.audit import Audit
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import AppliedRow
from chatproto.records.audit import EPOCH

T = TypeVar("T")


class IncomingStream:
    """Items of one realm on their way to their recipients here."""

    _log = Logger()

    def __init__(
        self,
        realm: RealmName,
        store: IStore,
        writer: Writer,
        clock: Clock,
        arrivals: Arrivals,
        limits: PeerLimits,
        row: AppliedRow | None,
        is_blocked: Callable[[], bool],
        audit: Audit,
        rate: float = 0.0,
    ) -> None:
        """Take at most ``rate`` items a second, and a second's worth at once; 0: as they come."""
        self.realm = realm
        self._clock = clock
        self._rate = rate
        #: When what was taken so far would be due at that rate.
        self._due = 0.0
        self._store = store
        self._writer = writer
        #: What this realm takes.
        self.limits = limits
        self._judge = Judge(realm, store, clock, arrivals, is_blocked, audit)
        self._audit = audit
        #: As on disk.
        self.row = row
        #: Refusals that the other side may not know, of the epoch that it sends.
        self._refusals: dict[int, str] = {}
        self._refusals_of = ""
        #: What the other side sends, and the first number of that epoch.
        self._sent = Sent()
        self._first = 1
        #: The newest number on this connection; None before its ``start``.
        self._received: int | None = None
        self._queue: deque[Item | Skip] = deque()
        #: What is received and not on disk.
        self._items = 0
        self._bytes = 0
        self._entry: Entry | None = None
        self._quiet = Bell()
        #: Counts connections; 0 in :attr:`_attached` is none.
        self._connections = 0
        self._attached = 0
        self._on_stored: Callable[[], None] = lambda: None
        self._give_up: Callable[[str], None] = lambda reason: None
        #: Items that have to go alone, as one of them broke a constraint.
        self._alone = 0
        self._broken: int | None = None
        self._errand = Errand(writer, clock, "storing what another realm sent", self._apply)
        #: Numbers that came again, and epochs that the other side began.
        self._again = 0
        self.renewals = 0
        #: What became of items since the start: how many were taken (``""``), and refused, by code.
        self.verdicts: Counter[str] = Counter()

    @property
    def under_way(self) -> tuple[int, int]:
        """Items that are received and not on disk, and their bytes."""
        return self._items, self._bytes

    @property
    def repeated(self) -> int:
        """How many items came more than once."""
        return self._again + self._judge.repeated

    # -- connections

    async def ready(self) -> Ready:
        """Return where the stream stands, when nothing of an older connection is on its way any more."""
        assert not self._attached
        while self._entry is not None:
            await self._quiet.wait()
        row = self.row
        if row is None:
            return Ready()
        # Who settled them may have been replaced by an older copy, and may not know them any more.
        if self._refusals_of != row.epoch or self._sent.settled != row.settled:
            rows = await self._store.refused(str(self.realm), row.epoch, row.settled, REFUSALS)
            self._refusals = {each.number: each.code for each in rows}
            self._refusals_of = row.epoch
            self._sent.settled = row.settled
        return Ready(epoch=row.epoch, number=row.number, mid=row.mid, settled=row.settled, since=row.since)

    def attach(self, on_stored: Callable[[], None], give_up: Callable[[str], None]) -> None:
        """Take items of a connection, in the turn in which it was told where the stream stands."""
        self._connections += 1
        self._attached = self._connections
        self._on_stored = on_stored
        self._give_up = give_up
        self._count(())
        self._alone = 0
        self._broken = self._judge.hopeless = None

    def detach(self) -> None:
        """Drop what is not on its way to the disk."""
        self._attached = 0
        self._received = None
        self._queue.clear()
        self._count(self._entry.frames if self._entry is not None else ())

    def stop(self) -> None:
        """Take nothing any more."""
        self.detach()
        self._errand.stop()

    # -- what comes

    def start(self, start: Start) -> None:
        """Hear what follows."""
        row = self.row
        if self._received is not None or not self._attached:
            self._give_up("unexpected-frame")
        elif row is not None and start.epoch == row.epoch:
            if start.next != row.number + 1 or start.settled > row.number:
                self._give_up("bad-start")
                return
            self._begin(start)
            self._settle(start.settled)
            if row.number > start.settled:  # it may not know the verdicts
                self._on_stored()
        elif not start.epoch or start.next != start.first or start.settled != start.first - 1:
            self._give_up("bad-start")
        else:
            if row is not None:
                self.renewals += 1
                self._log.error(
                    "{realm} begins a new epoch at {first}: an older copy of a store was put back, there or "
                    "here, or the link was dropped there",
                    realm=self.realm,
                    first=start.first,
                )
            self._refusals, self._refusals_of = {}, start.epoch
            self._sent.settled = start.settled
            self._begin(start)

    def _begin(self, start: Start) -> None:
        self._sent.epoch, self._sent.repeats = start.epoch, start.repeats
        self._sent.since = start.since
        self._first = start.first
        self._received = start.next - 1

    def receive(self, frame: Item | Skip) -> None:
        """Take the next number."""
        if self._received is None:
            self._give_up("unexpected-frame")
            return
        if frame.settled is not None:
            if frame.settled > self._applied():
                self._give_up("bad-settled")
                return
            self._settle(frame.settled)
        if frame.number <= self._received:
            self._again += 1
        elif frame.number > self._received + 1:
            self._give_up("gap")
        elif self._items >= self.limits.items or self._bytes >= self.limits.bytes:
            self._give_up("credit-exceeded")
        elif len(self._refusals) + self._items >= REFUSALS:  # each of these may become one
            self._give_up("not-settled")
        else:
            self._received = frame.number
            self._queue.append(frame)
            self._items += 1
            self._bytes += size_of(frame)
            self._errand.soon()

    @property
    def received(self) -> int | None:
        """The newest number that came; None as long as nothing is said of the epoch."""
        return self._received

    @property
    def epoch(self) -> str:
        """The epoch of what comes now."""
        return self._sent.epoch

    @property
    def since(self) -> int:
        """When that epoch began, as the other side says."""
        return self._sent.since

    def takes(self, frame: Item | Skip) -> bool:
        """Tell whether a frame is the next one, and there is room for it."""
        room = self._items < self.limits.items and self._bytes < self.limits.bytes
        known = len(self._refusals) + self._items < REFUSALS
        return self._received is not None and frame.number == self._received + 1 and room and known

    def settled(self, number: int) -> None:
        """Hear up to where the other side has made our verdicts durable."""
        self._settle(min(number, self._applied()))

    def ruling(self) -> Ruling | None:
        """Return where the stream stands, with the verdicts; None if they are not at hand."""
        row = self.row
        if row is None:
            return Ruling()
        if self._refusals_of != row.epoch:
            return None
        return Ruling(
            epoch=row.epoch,
            since=row.since,
            number=row.number,
            mid=row.mid,
            settled=min(self._sent.settled, row.number),
            refused=sorted(self._refusals.items()),
        )

    def _applied(self) -> int:
        """Return the number up to which items of the present epoch are on disk."""
        row = self.row
        return row.number if row is not None and row.epoch == self._sent.epoch else self._first - 1

    def _settle(self, number: int) -> None:
        self._sent.settled = max(self._sent.settled, number)
        for settled in [each for each in self._refusals if each <= number]:
            del self._refusals[settled]

    def ack(self) -> Ack | None:
        """Return what there is to be acked; None if that is nothing yet."""
        row = self.row
        if row is None or row.epoch != self._sent.epoch or not self._attached:
            return None
        return Ack(epoch=row.epoch, number=row.number, refused=sorted(self._refusals.items()))

    # -- to the disk

    async def _apply(self) -> None:
        while self._queue and self._attached:
            if self._writer.links_full:
                await self._writer.room()
                continue
            if self._is_too_early():
                return
            judge, queue, sent = self._judge, self._queue, self._sent
            known = await judge.look_up(queue, sent)
            entry = Entry(self._stored, self._attached)
            alone = self._alone > 0
            judged = judge.judge(entry, queue, sent, known, alone=alone)
            if not judged and queue:
                await judge.prepare(queue[0])
                entry = Entry(self._stored, self._attached)
                judged = judge.judge(entry, queue, sent, known, alone=alone)  # in the same turn
            if judged and not await self._store_entry(entry):
                return

    def _is_too_early(self) -> bool:
        """Tell whether the next item has to wait, and go on when it is time."""
        if not self._rate:
            return False
        ahead = self._due - self._clock.seconds() - 1.0
        if ahead > 0:
            self._errand.rest(min(ahead, RATE_PAUSE))  # a clock may be set back
        return ahead > 0

    async def _store_entry(self, entry: Entry) -> bool:
        """Store an entry; tell whether to go on at once."""
        if self.row is not None and self.row.epoch != entry.row.epoch:
            began = self._audit.row(EPOCH, realm=self.realm, number=self._first, code=entry.row.epoch)
            entry.inserts = [*entry.inserts, began]
        self._entry = entry
        entry.done.addBoth(self._over)
        self._writer.append(entry)
        error = await entry.done
        if error is None:
            self._alone = max(0, self._alone - len(entry.frames))
            return True
        if entry.connection != self._attached:
            return bool(self._attached)
        self._queue.extendleft(reversed(entry.frames))
        if not isinstance(error, Conflict):
            self._errand.rest_after_loss()
            return False
        self._judge.suspects = True
        if len(entry.frames) > 1:
            self._alone = len(entry.frames)
        elif self._broken == entry.row.number:
            self._judge.hopeless = entry.row.number
        else:
            self._broken = entry.row.number  # it may have been another entry's fault
        return True

    def _over(self, outcome: T) -> T:
        """Hear that nothing is on its way to the disk, whatever became of it."""
        self._entry = None
        self._quiet.ring()
        return outcome

    def _stored(self, entry: Entry) -> None:
        """Hear that an entry is on disk."""
        self.row = entry.row
        if self._rate:
            self._due = max(self._due, self._clock.seconds()) + len(entry.frames) / self._rate
        self.verdicts.update(entry.codes.values())
        self.verdicts[""] += len(entry.frames) - len(entry.codes)
        self._refusals.update(entry.codes)
        self._settle(self._sent.settled)
        if entry.connection == self._attached:
            self._items -= len(entry.frames)
            self._bytes -= entry.size
            self._on_stored()

    def _count(self, frames: Sequence[Item | Skip]) -> None:
        self._items = len(frames)
        self._bytes = sum(map(size_of, frames))
