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

from msgspec import Struct, field
from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import ChatError, Conflict, StoreError
from chatproto.faults import Discreet
from chatproto.federation.bounds import EXPIRES, REFUSAL_KEPT, REFUSALS
from chatproto.federation.errand import Errand, Step, tell
from chatproto.federation.rules import Arrival, Arrivals, Effect
from chatproto.frames import Ack, Item, PeerLimits, Ready, Skip, Start
from chatproto.interfaces import IStore
from chatproto.names import RealmName, fold
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import ITEMS, AppliedRow, MemberRow, Record, RefusalRow

#: Items in one entry: a question of the store for their mids stays short.
_ENTRY_ITEMS = 256
#: How often the rules may read for one item and still not be able to judge it.
_PREPARATIONS = 10


#: Fields of the key where it is not only the first one.
_KEYS: dict[type[Record], int] = {MemberRow: 2, RefusalRow: 2}


class _Known(Struct):
    """What the store says of some mids."""

    mids: set[str] = field(default_factory=set)
    arrived: set[str] = field(default_factory=set)
    refused: dict[tuple[str, str], RefusalRow] = field(default_factory=dict)


class _Entry(Step):
    """The effects of items, and how far the stream is with them."""

    __slots__ = ("codes", "connection", "effects", "frames", "row", "stream")

    row: AppliedRow

    def __init__(self, stream: IncomingStream, connection: int) -> None:
        super().__init__()
        self.stream = stream
        self.connection = connection
        self.frames: list[Item | Skip] = []
        self.effects: list[Effect] = []
        #: The refusals by number.
        self.codes: dict[int, str] = {}

    def committed(self) -> None:
        """Tell recipients, then the other realm."""
        for effect in self.effects:
            tell(effect.told)
        self.stream.stored(self)
        super().committed()


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
    ) -> None:
        self.realm = realm
        self._store = store
        self._writer = writer
        self._clock = clock
        self._arrivals = arrivals
        self._limits = limits
        self._is_blocked = is_blocked
        #: As on disk.
        self.row = row
        #: Refusals that the other side may not know, of the epoch that it sends.
        self._refusals: dict[int, str] = {}
        self._refusals_of = ""
        self._settled = 0
        #: The epoch that the other side sends, its first number, and those that may be repeats.
        self._epoch = ""
        self._first = 1
        self._repeats = 0
        #: The newest number on this connection; None before its ``start``.
        self._received: int | None = None
        self._queue: deque[Item | Skip] = deque()
        #: What is received and not on disk.
        self._items = 0
        self._bytes = 0
        self._entry: _Entry | None = None
        self._quiet: list[Deferred[None]] = []
        #: Counts connections; 0 in :attr:`_attached` is none.
        self._connections = 0
        self._attached = 0
        self._on_stored: Callable[[], None] = lambda: None
        self._give_up: Callable[[str], None] = lambda reason: None
        self._looks_up_all = False
        #: Items that have to go alone, as one of them broke a constraint.
        self._alone = 0
        self._broken: int | None = None
        self._preparations = 0
        self._hopeless: int | None = None
        self._errand = Errand(writer, clock, "storing what another realm sent", self._apply)
        #: Items that came again, and epochs that the other side began.
        self.repeated = 0
        self.renewals = 0
        #: What became of items since the start: how many were taken (``""``), and refused, by code.
        self.verdicts: Counter[str] = Counter()

    @property
    def under_way(self) -> tuple[int, int]:
        """Items that are received and not on disk, and their bytes."""
        return self._items, self._bytes

    # -- connections

    async def ready(self) -> Ready:
        """Return where the stream stands, when nothing of an older connection is on its way any more."""
        assert not self._attached
        while self._entry is not None:
            quiet: Deferred[None] = Deferred()
            self._quiet.append(quiet)
            await quiet
        row = self.row
        if row is None:
            return Ready()
        if self._refusals_of != row.epoch:
            rows = await self._store.refused(str(self.realm), row.epoch, row.settled, REFUSALS)
            self._refusals = {each.number: each.code for each in rows}
            self._refusals_of = row.epoch
            self._settled = row.settled
        return Ready(epoch=row.epoch, number=row.number, mid=row.mid, settled=row.settled)

    def attach(self, on_stored: Callable[[], None], give_up: Callable[[str], None]) -> None:
        """Take items of a connection, in the turn in which it was told where the stream stands."""
        self._connections += 1
        self._attached = self._connections
        self._on_stored = on_stored
        self._give_up = give_up
        self._count(())
        self._alone = 0
        self._broken = self._hopeless = None

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
                    "here",
                    realm=self.realm,
                    first=start.first,
                )
            self._refusals, self._refusals_of = {}, start.epoch
            self._settled = start.settled
            self._begin(start)

    def _begin(self, start: Start) -> None:
        self._epoch, self._first, self._repeats = start.epoch, start.first, start.repeats
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
            self.repeated += 1
        elif frame.number > self._received + 1:
            self._give_up("gap")
        elif self._items >= self._limits.items or self._bytes >= self._limits.bytes:
            self._give_up("credit-exceeded")
        elif len(self._refusals) >= REFUSALS:
            self._give_up("not-settled")
        else:
            self._received = frame.number
            self._queue.append(frame)
            self._items += 1
            self._bytes += _size(frame)
            self._errand.soon()

    def _applied(self) -> int:
        """Return the number up to which items of the present epoch are on disk."""
        row = self.row
        return row.number if row is not None and row.epoch == self._epoch else self._first - 1

    def _settle(self, number: int) -> None:
        self._settled = max(self._settled, number)
        for settled in [each for each in self._refusals if each <= number]:
            del self._refusals[settled]

    def ack(self) -> Ack | None:
        """Return what there is to be acked; None if that is nothing yet."""
        row = self.row
        if row is None or row.epoch != self._epoch or not self._attached:
            return None
        return Ack(epoch=row.epoch, number=row.number, refused=sorted(self._refusals.items()))

    # -- to the disk

    async def _apply(self) -> None:
        while self._queue and self._attached:
            if self._writer.links_full:
                await self._writer.room()
                continue
            known = await self._look_up()
            entry = self._judge(known)
            if entry is None and self._queue:
                await self._prepare(self._queue[0])
                entry = self._judge(known)  # in the same turn
            if entry is not None and not await self._store_entry(entry):
                return

    def _must_look_up(self, frame: Item | Skip) -> bool:
        return isinstance(frame, Item) and (self._looks_up_all or frame.number <= self._repeats)

    async def _look_up(self) -> _Known:
        mids = list(dict.fromkeys(frame.mid for frame in self._queue if self._must_look_up(frame)))
        if not mids:
            return _Known()
        mids = mids[:_ENTRY_ITEMS]
        arrived = await self._store.arrived(mids)
        refused = await self._store.refusals(mids)
        return _Known(
            set(mids), {row.mid for row in arrived}, {(row.mid, row.recipient): row for row in refused}
        )

    async def _prepare(self, frame: Item | Skip) -> None:
        """Let the rules read what they need for an item. One that they fail at is refused."""
        self._preparations += 1
        try:
            if isinstance(frame, Item):
                await self._arrivals.prepare(self.realm, frame)
        except (StoreError, ChatError):
            raise
        except Exception:
            self._log.failure("an item could not be judged", failure=Discreet(Failure()))
            self._hopeless = frame.number
        if self._preparations > _PREPARATIONS:
            self._log.error("{mid} cannot be judged", mid=frame.mid)
            self._hopeless = frame.number

    def _judge(self, known: _Known) -> _Entry | None:
        """Make an entry of items from the front of the queue; None if the first cannot be judged yet."""
        entry = _Entry(self, self._attached)
        inserts: dict[object, Record] = {}
        puts: dict[object, Record] = {}
        mids: set[str] = set()
        while self._queue and len(entry.frames) < (1 if self._alone else _ENTRY_ITEMS):
            frame = self._queue[0]
            if isinstance(frame, Item):
                if frame.mid in mids:
                    self._looks_up_all = True
                    break
                verdict = self._verdict(frame, known)
                if verdict is None:
                    break
                mids.add(frame.mid)
                if isinstance(verdict, RefusalRow):
                    puts[_key(verdict)] = verdict
                    entry.codes[frame.number] = verdict.code
                elif verdict != "":
                    assert not isinstance(verdict, str)
                    inserts.update((_key(row), row) for row in verdict.inserts)
                    for row in verdict.puts:  # several items may change one row; an entry names it once
                        (inserts if _key(row) in inserts else puts)[_key(row)] = row
                    entry.effects.append(verdict)
            self._queue.popleft()
            entry.frames.append(frame)
        if not entry.frames:
            return None
        self._preparations = 0
        last = entry.frames[-1]
        entry.row = AppliedRow(
            realm=str(self.realm),
            stream=ITEMS,
            epoch=self._epoch,
            number=last.number,
            mid=last.mid,
            settled=self._settled,
            repeats=self._repeats,
        )
        entry.inserts = [*inserts.values()]
        entry.puts = [*puts.values(), entry.row]
        entry.size = sum(map(_size, entry.frames))
        return entry

    def _verdict(self, item: Item, known: _Known) -> Arrival | RefusalRow | str | None:
        """Return what becomes of an item: an effect, a refusal, ``""`` if it has had its effect, or None."""
        if self._must_look_up(item):
            if item.mid not in known.mids:
                return None
            if item.mid in known.arrived:
                self.repeated += 1
                return ""
            before = known.refused.get((item.mid, fold(item.to)))
            if before is not None:
                return replace(before, epoch=self._epoch, number=item.number, realm=str(self.realm))
        if item.number == self._hopeless:
            return self._refusal(item, "internal-error")
        if self._is_blocked():
            return self._refusal(item, "blocked")
        try:
            verdict = self._arrivals.judge(self.realm, item)
        except Exception:
            self._log.failure("an item could not be judged", failure=Discreet(Failure()))
            verdict = "internal-error"
        return self._refusal(item, verdict) if isinstance(verdict, str) else verdict

    def _refusal(self, item: Item, code: str) -> RefusalRow:
        now = int(self._clock.seconds() * 1000)
        return RefusalRow(
            mid=item.mid,
            recipient=fold(item.to),
            realm=str(self.realm),
            epoch=self._epoch,
            number=item.number,
            code=code,
            until=min(item.expires, now + EXPIRES) + REFUSAL_KEPT,
        )

    async def _store_entry(self, entry: _Entry) -> bool:
        """Store an entry; tell whether to go on at once."""
        self._entry = entry
        self._writer.append(entry)
        try:
            error = await entry.done
        finally:
            self._entry = None
            quiet, self._quiet = self._quiet, []
            for each in quiet:
                each.callback(None)
        if error is None:
            self._alone = max(0, self._alone - len(entry.frames))
            return True
        if entry.connection != self._attached:
            return bool(self._attached)
        self._queue.extendleft(reversed(entry.frames))
        if not isinstance(error, Conflict):
            self._errand.rest_after_loss()
            return False
        self._looks_up_all = True
        if len(entry.frames) > 1:
            self._alone = len(entry.frames)
        elif self._broken == entry.row.number:
            self._hopeless = entry.row.number
        else:
            self._broken = entry.row.number  # it may have been another entry's fault
        return True

    def stored(self, entry: _Entry) -> None:
        """Hear that an entry is on disk."""
        self.row = entry.row
        self.verdicts.update(entry.codes.values())
        self.verdicts[""] += len(entry.frames) - len(entry.codes)
        self._refusals.update(entry.codes)
        self._settle(self._settled)
        if entry.connection == self._attached:
            self._items -= len(entry.frames)
            self._bytes -= entry.size
            self._on_stored()

    def _count(self, frames: Sequence[Item | Skip]) -> None:
        self._items = len(frames)
        self._bytes = sum(map(_size, frames))


def _key(row: Record) -> tuple[object, ...]:
    """Return what tells a row from the others of an entry."""
    return (type(row), *(getattr(row, name) for name in row.__struct_fields__[: _KEYS.get(type(row), 1)]))


def _size(frame: Item | Skip) -> int:
    return len(frame.text.encode()) if isinstance(frame, Item) else 0
