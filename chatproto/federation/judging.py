"""From items as they arrive to one entry of a batch: what was judged before keeps its verdict."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from msgspec import Struct, field
from msgspec.structs import replace
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.errors import ChatError, StoreError
from chatproto.faults import Discreet
from chatproto.federation.bounds import EXPIRES, REFUSAL_KEPT
from chatproto.federation.errand import Step, tell
from chatproto.federation.rules import Arrival, Arrivals
from chatproto.frames import Item, Skip
from chatproto.interfaces import IStore
from chatproto.names import RealmName, fold
from chatproto.realm.audit import Audit
from chatproto.realm.times import Clock
from chatproto.records import (
    ITEMS,
    AppliedRow,
    AuditRow,
    MessageRow,
    Record,
    RefusalRow,
)
from chatproto.records.audit import APPLIED, REFUSED
from chatproto.records.keys import key_of

#: Items in one entry: a question of the store for their mids stays short.
_ENTRY_ITEMS = 256
#: How often the rules may read for one item and still not be able to judge it.
_PREPARATIONS = 10
#: Items that are messages themselves; what any other one did need not stand in a message.
_MESSAGES = ("text", "file", "invitation")


class Known(Struct):
    """What the store says of some mids; of one mid there may be several recipients."""

    mids: set[str] = field(default_factory=set)
    arrived: set[tuple[str, str]] = field(default_factory=set)
    refused: dict[tuple[str, str], RefusalRow] = field(default_factory=dict)


class Sent(Struct):
    """What the other side said of its stream: its epoch, which items may be repeats, what is settled."""

    epoch: str = ""
    repeats: int = 0
    settled: int = 0
    since: int = 0


class Entry(Step):
    """The effects of items, and how far their stream is with them."""

    __slots__ = ("codes", "connection", "effects", "frames", "row", "stored")

    row: AppliedRow

    def __init__(self, stored: Callable[[Entry], None], connection: int) -> None:
        super().__init__()
        self.stored = stored
        #: By which connection they came.
        self.connection = connection
        self.frames: list[Item | Skip] = []
        self.effects: list[Arrival] = []
        #: The refusals by number.
        self.codes: dict[int, str] = {}

    def committed(self) -> None:
        """Tell recipients, then the other realm."""
        for effect in self.effects:
            tell(effect.told)
        self.stored(self)
        super().committed()

    def failed(self, error: ChatError) -> None:
        """Undo what was begun for them."""
        for effect in self.effects:
            effect.lost()
        super().failed(error)


class Judge:
    """Decides what becomes of the items of one realm."""

    _log = Logger()

    def __init__(
        self,
        realm: RealmName,
        store: IStore,
        clock: Clock,
        arrivals: Arrivals,
        is_blocked: Callable[[], bool],
        audit: Audit,
    ) -> None:
        self._realm = realm
        self._audit = audit
        self._store = store
        self._clock = clock
        self._arrivals = arrivals
        self._is_blocked = is_blocked
        #: Whether mids are looked up that should be new.
        self.suspects = False
        #: An item that is refused as it cannot be judged or stored.
        self.hopeless: int | None = None
        self._preparations = 0
        #: Items that came again.
        self.repeated = 0

    def _must_look_up(self, frame: Item | Skip, sent: Sent) -> bool:
        return isinstance(frame, Item) and (self.suspects or frame.number <= sent.repeats)

    async def look_up(self, frames: Iterable[Item | Skip], sent: Sent) -> Known:
        """Return what the store says of those items that may have come before."""
        mids = list(dict.fromkeys(frame.mid for frame in frames if self._must_look_up(frame, sent)))
        if not mids:
            return Known()
        mids = mids[:_ENTRY_ITEMS]
        arrived = await self._store.arrived(mids)
        refused = await self._store.refusals(mids)
        return Known(
            set(mids),
            {(row.mid, row.recipient) for row in arrived},
            {(row.mid, row.recipient): row for row in refused if row.realm == self._realm},
        )

    async def prepare(self, frame: Item | Skip) -> None:
        """Let the rules read what they need for an item. One that they fail at is refused."""
        self._preparations += 1
        try:
            if isinstance(frame, Item):
                await self._arrivals.prepare(self._realm, frame)
        except (StoreError, ChatError):
            raise
        except Exception:
            self._log.failure("an item could not be judged", failure=Discreet(Failure()))
            self.hopeless = frame.number
        if self._preparations > _PREPARATIONS:
            self._log.error("{mid} cannot be judged", mid=frame.mid)
            self.hopeless = frame.number

    def judge(
        self, entry: Entry, queue: deque[Item | Skip], sent: Sent, known: Known, *, alone: bool
    ) -> bool:
        """Move items from the front of a queue to an entry; tell whether there was one that can be judged."""
        inserts: dict[object, Record] = {}
        puts: dict[object, Record] = {}
        told: list[Record] = []
        items: set[tuple[str, str]] = set()
        while queue and len(entry.frames) < (1 if alone else _ENTRY_ITEMS):
            frame = queue[0]
            if isinstance(frame, Item):
                item = frame.mid, fold(frame.to)
                if item in items:
                    self.suspects = True
                    break
                verdict = self._verdict(frame, sent, known)
                if verdict is None:
                    break
                items.add(item)
                if isinstance(verdict, RefusalRow):
                    puts[key_of(verdict)] = verdict
                    entry.codes[frame.number] = verdict.code
                    if item not in known.refused:
                        told.append(self._told(REFUSED, frame, verdict.code))
                elif not isinstance(verdict, str):
                    inserts.update((key_of(row), row) for row in verdict.inserts)
                    for row in verdict.puts:  # several items may change one row; an entry names it once
                        (inserts if key_of(row) in inserts else puts)[key_of(row)] = row
                    if not _is_found_again(frame, verdict):
                        done = self._refusal(frame, sent, "")
                        puts[key_of(done)] = done
                    entry.effects.append(verdict)
                    told.append(self._told(APPLIED, frame))
            entry.frames.append(queue.popleft())
        if not entry.frames:
            return False
        self._preparations = 0
        last = entry.frames[-1]
        entry.row = AppliedRow(
            str(self._realm), ITEMS, sent.epoch, last.number, last.mid, sent.settled, sent.repeats, sent.since
        )
        entry.inserts = [*inserts.values(), *told]
        entry.otherwise = [row for effect in entry.effects for row in effect.otherwise]
        entry.puts = [*puts.values(), entry.row]
        entry.size = sum(map(size_of, entry.frames))
        return True

    def _told(self, event: str, item: Item, code: str = "") -> AuditRow:
        return self._audit.row(event, item.mid, self._realm, item.to, item.number, code)

    def _verdict(self, item: Item, sent: Sent, known: Known) -> Arrival | RefusalRow | str | None:
        """Return what becomes of an item: an effect, a refusal, ``""`` if it has had its effect, or None."""
        if self._must_look_up(item, sent):
            if item.mid not in known.mids:
                return None
            key = item.mid, fold(item.to)
            if key in known.arrived:
                self.repeated += 1
                return ""
            before = known.refused.get(key)
            if before is not None:
                self.repeated += 1
                return replace(before, epoch=sent.epoch, number=item.number) if before.code else ""
        if item.number == self.hopeless:
            return self._refusal(item, sent, "internal-error")
        if self._is_blocked():
            return self._refusal(item, sent, "blocked")
        try:
            verdict = self._arrivals.judge(self._realm, item)
        except Exception:
            self._log.failure("an item could not be judged", failure=Discreet(Failure()))
            verdict = "internal-error"
        return self._refusal(item, sent, verdict) if isinstance(verdict, str) else verdict

    def _refusal(self, item: Item, sent: Sent, code: str) -> RefusalRow:
        now = int(self._clock.seconds() * 1000)
        return RefusalRow(
            mid=item.mid,
            recipient=fold(item.to),
            realm=str(self._realm),
            epoch=sent.epoch,
            number=item.number,
            code=code,
            until=min(item.expires, now + EXPIRES) + REFUSAL_KEPT,
        )


def _is_found_again(item: Item, effect: Arrival) -> bool:
    """Tell whether an item leaves a message with its mid: otherwise a repeat could not be told from it."""
    if item.kind in _MESSAGES:
        return True
    return any(isinstance(row, MessageRow) and row.mid == item.mid for row in effect.inserts)


def size_of(frame: Item | Skip) -> int:
    """Return the bytes that a frame takes of the credit."""
    return len(frame.text.encode()) if isinstance(frame, Item) else 0
