"""One stream on its way through this realm: what is held of it, and how it is passed on.

What one neighbour brings of a stream is a *run*: numbers without a gap, of the newest epoch, each of which
names the mid of the one before. It is passed on in order when it is on disk, and freed when the destination
has said that it has it. Nothing in it expires, and nothing is judged: that is for the destination.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twisted.logger import Logger

from chatproto.errors import ChatError
from chatproto.federation.bounds import FREED_AT_ONCE, WINDOW_BYTES
from chatproto.federation.errand import Errand, Step
from chatproto.federation.holding import Copy, Fit, Holding, Key, parcel_of
from chatproto.federation.pacing import Pace, Patience
from chatproto.frames import Held
from chatproto.frames.routing import Letter
from chatproto.realm.writer import Work
from chatproto.records import HeldRow, Record
from chatproto.records.audit import HELD, PASSED

if TYPE_CHECKING:
    from chatproto.federation.relaying import Relaying


class Run:
    """What one neighbour brought of one stream."""

    _log = Logger()

    def __init__(self, relaying: Relaying, key: Key) -> None:
        self.key = key
        self.hop, self.origin, self.to, self.stream = key
        self._relaying = relaying
        #: As of the last append: the epoch, the numbers that are held of it, and the mid of the last.
        self.epoch = ""
        self.since = 0
        self.first = 1
        self.last = 0
        self.mid = ""
        self.items = 0
        self.bytes = 0
        #: What is held, as far as this process has stored it.
        self._copies: dict[int, Copy] = {}
        #: Bytes on their way to the disk that take the place of others.
        self._replacing = 0
        #: The last that is on disk.
        self.on_disk = 0
        #: Up to here the origin was told that more is taken.
        self._told_most = 0
        #: The newest that was ever passed on.
        self._passed = 0
        #: Rows up to here are to go, and whether some are going.
        self._free_to = 0
        self._freeing = False
        #: What is here may not be what is on disk.
        self.unknown = False
        self.pace = Pace(0, 0)
        self.pace.most = 2**53
        self._patience = Patience(relaying.clock, self.repeat)
        self._forwarding = Errand(
            relaying.writer, relaying.clock, "passing on what another realm sent", self._forward
        )
        self._telling = Errand(relaying.writer, relaying.clock, "telling what is held", self._tell)
        self._again = False

    # -- what comes

    def fit(self, letter: Letter, number: int) -> Fit:
        """Tell how a letter stands to what is held."""
        start = number == letter.settled + 1
        if letter.epoch != self.epoch:
            if letter.since <= self.since and self.epoch:
                return Fit.OLD
            return Fit.NEXT if start else Fit.GAP
        if number <= self.last:
            return Fit.AGAIN
        chained = number == self.last + 1 and letter.after == self.mid
        return Fit.NEXT if chained or (start and letter.settled >= self.last) else Fit.GAP

    def hold(self, row: HeldRow, letter: Letter) -> None:
        """Put the next number on disk, and what it makes needless away."""
        removes: list[Record] = []
        if row.epoch != self.epoch or row.number != self.last + 1:
            removes = self._rows(self.first, self.last)
            self._begin(row)
        self.last, self.mid = row.number, row.mid
        self.items += 1
        self._append(row, removes)

    def again(self, row: HeldRow) -> None:
        """Take a number that came before: what is new goes in the place of what is held, all else only on."""
        known = self._copies.get(row.number)
        if row.number < self.first or (known is not None and known.content == Copy.of(row).content):
            # The destination had it once, but may have an older copy of its store. Or it got lost.
            if row.number <= self.on_disk:
                self.post([row])
        elif row.number <= self.on_disk:
            self._replace(row, known or Copy(self._average, 0, 0))
        self.tell()

    def _replace(self, row: HeldRow, known: Copy) -> None:
        """Put a row in the place of one that is held: its origin may know better."""
        fits = row.size - known.size <= max(0, self._left)
        if not fits or self._relaying.writer.links_full or self._replacing + row.size > WINDOW_BYTES:
            return
        if row.number == self.last:
            self.mid = row.mid
        self._replacing += row.size
        self._append(row, [], known)

    def _begin(self, row: HeldRow) -> None:
        self.epoch, self.since = row.epoch, row.since
        self.first, self.last = row.number, row.number - 1
        self.on_disk = self._told_most = self.last
        self._free_to = self._passed = 0
        self._forget_copies()
        self.pace.rewind(self.last)
        self.pace.most = 2**53

    def _forget_copies(self) -> None:
        self._add(-self.bytes)
        self.items = self._replacing = 0
        self._copies.clear()

    def _add(self, size: int) -> None:
        self.bytes += size
        self._relaying.shares.add(self.hop, size)

    def _append(self, row: HeldRow, removes: Sequence[Record], before: Copy | None = None) -> None:
        relaying, copy = self._relaying, Copy.of(row)
        self._add(row.size - (before.size if before is not None else 0))
        self._copies[row.number] = copy
        told = []
        if before is None or before.mid != copy.mid:
            told.append(relaying.audit.row(HELD, row.mid, self.hop, self.to, row.number))
        relaying.writer.append(Holding(self, row, told, removes))

    def _rows(self, first: int, last: int) -> list[Record]:
        """Return rows with the keys of some that are held."""
        return [
            HeldRow(*self.key, self.since, number, "", "", "", 0, "", "", 0)
            for number in range(first, last + 1)
        ]

    def stored(self, row: HeldRow) -> None:
        """Hear that a row is on disk."""
        if row.epoch != self.epoch:
            return
        if row.number > self.on_disk:
            self.on_disk = row.number
            self._forwarding.soon()
        else:
            self._replacing = max(0, self._replacing - row.size)
            self.post([row])  # it took the place of one that may be of no use
        self.tell()

    def lost(self) -> None:
        """Hear that rows were not stored: what is known here has to be read again."""
        self.unknown = True
        self._telling.soon()

    # -- back to who brought it

    def tell(self, *, again: bool = False) -> None:
        """Say soon what is held; ``again``: what came did not follow that."""
        self._again |= again
        self._telling.soon()

    async def _tell(self) -> None:
        relaying = self._relaying
        if self.unknown:
            await relaying.read(self)
            self._again = True
        if not self.epoch:
            return
        if relaying.writer.links_full:
            await relaying.writer.room()
        self._told_most = self.on_disk + self._room()
        again, self._again = self._again, False
        mid = self.mid if self.on_disk == self.last else ""
        relaying.back(
            self.hop,
            Held(
                origin=self.origin,
                to=self.to,
                stream=self.stream,
                epoch=self.epoch,
                number=self.on_disk,
                mid=mid,
                most=self._told_most,
                again=again,
            ),
        )

    def known(self, first: HeldRow, last: HeldRow, items: int, size: int) -> None:
        """Take what is on disk as what is held."""
        self._begin(first)
        self.last = self.on_disk = self._told_most = last.number
        self.mid = last.mid
        self.items = items
        self._add(size)
        self.unknown = False
        self._forwarding.soon()

    def forget(self) -> None:
        """Hear that nothing is on disk."""
        self._forget_copies()
        self.epoch, self.since, self.mid = "", 0, ""
        self.first, self.last, self.on_disk = 1, 0, 0
        self._patience.stop()
        self.unknown = False

    def remove(self) -> None:
        """Let go of everything, by decision of the operator."""
        for first in range(self.first, self.on_disk + 1, FREED_AT_ONCE):
            last = min(self.on_disk, first + FREED_AT_ONCE - 1)
            self._relaying.writer.append(Work(removes=self._rows(first, last)))
        self.forget()

    def _room(self) -> int:
        """Return how many more items are taken, beyond those on disk."""
        return max(0, self._relaying.limits.held_items - self.items) if self._left > 0 else 0

    @property
    def _left(self) -> int:
        """Bytes that may still be held."""
        return min(self._relaying.limits.held_bytes - self.bytes, self._relaying.shares.left(self.hop))

    @property
    def _average(self) -> int:
        return self.bytes // max(1, self.items)

    @property
    def full(self) -> bool:
        """Whether nothing more is taken."""
        return self._room() <= 0

    # -- on

    def linked(self) -> None:
        """Hear that the next realm is linked, perhaps anew: what was sent may not have arrived."""
        self.pace.rewind(self.first - 1)
        self.pace.most = 2**53
        self._patience.stop()
        self._forwarding.wake()

    def repeat(self) -> None:
        """Pass on again from the oldest: nothing moved for a while."""
        if self.first <= self.on_disk:
            self.pace.rewind(self.first - 1)
            self._forwarding.wake()

    def wake(self) -> None:
        """Hear that the next realm's connection has room."""
        self._forwarding.soon()

    def held(self, held: Held) -> None:
        """Hear what the next realm holds, if it is not the destination."""
        if held.epoch != self.epoch:
            return
        self.pace.most = held.most
        if held.again:
            self.pace.go_back(max(held.number, self.first - 1))
        elif held.number <= self.on_disk and self.pace.confirm(held.number):
            self._patience.moved(self.first <= self.on_disk)
        self._forwarding.soon()

    async def _forward(self) -> None:
        relaying, pace = self._relaying, self.pace
        while relaying.has_room(self.to, self.hop) and (room := pace.room()) is not None:
            after = max(pace.sent, self.first - 1)
            items = min(room[0], self.on_disk - after)
            if items <= 0:
                return
            rows = await relaying.store.relayed(*self.key, self.since, after, items, room[1])
            rows = [row for row in rows if row.number <= self.on_disk and row.since == self.since]
            if not rows or max(pace.sent, self.first - 1) != after:
                return
            self.post(rows, paced=True)

    def post(self, rows: Sequence[HeldRow], *, paced: bool = False) -> None:
        """Pass rows on."""
        relaying = self._relaying
        told = []
        for row in rows:
            if not relaying.has_room(self.to, self.hop):
                break
            hop = relaying.on(self.to, self.hop, parcel_of(row))
            if hop is None:
                break
            if paced:
                self.pace.went(row.number, row.size)
            if row.number > self._passed:
                self._passed = row.number
                told.append(relaying.audit.row(PASSED, row.mid, hop, self.to, row.number))
        if rows:
            self._patience.begin()
        if told:
            relaying.writer.append(Work(told))

    # -- when the destination has it

    def settled(self, epoch: str, since: int, number: int) -> None:
        """Hear up to where the destination has the stream, by its own word."""
        if epoch == self.epoch:
            self._free(min(number, self.on_disk))
            self._patience.moved(self.first <= self.on_disk)
            if self.pace.confirm(min(number, self.on_disk)):
                self._forwarding.soon()
        elif since > self.since:
            self._free(self.on_disk)
            self._patience.stop()

    def _free(self, number: int) -> None:
        self._free_to = max(self._free_to, number)
        if not self._freeing and self._free_to >= self.first and not self.unknown:
            self._freeing = True
            self._free_some()

    def _free_some(self) -> None:
        number = min(self._free_to, self.first + FREED_AT_ONCE - 1)
        step = Step(removes=self._rows(self.first, number))
        self._relaying.writer.append(step)
        step.done.addCallbacks(self._freed, self._not_freed, (self.epoch, number))

    def _freed(self, error: ChatError | None, epoch: str, number: int) -> None:
        self._freeing = False
        if error is not None or epoch != self.epoch or number < self.first:
            return  # they go the next time
        usual = Copy(self._average, 0, 0)
        size = sum(self._copies.pop(each, usual).size for each in range(self.first, number + 1))
        self.items -= number + 1 - self.first
        self._add(-min(size, self.bytes) if self.items else -self.bytes)
        self.first = number + 1
        if self._told_most <= self.on_disk + self._relaying.limits.held_items // 2:
            self.tell()
        self._free(self._free_to)

    def _not_freed(self, failure: object) -> None:
        self._freeing = False

    @property
    def idle(self) -> bool:
        """Whether nothing is held."""
        return self.items == 0 and self.on_disk == self.last

    def close(self) -> None:
        """End for good."""
        self._patience.stop()
        self._forwarding.stop()
        self._telling.stop()
