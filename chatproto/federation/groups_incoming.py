"""Groups of one other realm of which there are copies here: what comes of them, in order, once.

It is like the stream of items, with these differences. There are many streams, and one queue for all of them.
Nothing is refused: what cannot be an entry becomes a placeholder with its number, and a line in the log.
Where a stream goes on, and what a group is by now, stands between its entries and takes its turn among them.

Memory: what was received and is not on disk, which is bounded by the credit that this realm gives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from msgspec.structs import replace
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatproto.bells import Bell
from chatproto.errors import Conflict
from chatproto.faults import Discreet
from chatproto.federation.bounds import GROUPS
from chatproto.federation.errand import Errand
from chatproto.federation.groups_taken import Place, Taken, size_of
from chatproto.federation.rules import Arrival, Replicas
from chatproto.frames import Ack, Digest, Entry, PeerLimits, Start
from chatproto.names import RealmName, fold
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer

#: Frames of one entry of a batch.
_ENTRY_ITEMS = 256
#: How often the rules may read for one entry and still not be able to judge it.
_PREPARATIONS = 10
#: How often an entry alone may break a constraint: it may have been another's fault, then it is looked up.
_CONFLICTS = 3


class GroupReceiver:
    """Takes what one realm says of its groups."""

    _log = Logger()

    def __init__(
        self,
        realm: RealmName,
        replicas: Replicas,
        writer: Writer,
        clock: Clock,
        limits: PeerLimits,
        is_blocked: Callable[[], bool],
    ) -> None:
        self._realm = realm
        self._replicas = replicas
        self._writer = writer
        self._limits = limits
        self._is_blocked = is_blocked
        #: Counts connections; 0 in :attr:`_attached` is none.
        self._connections = 0
        self._attached = 0
        self._on_acks: Callable[[], None] = lambda: None
        self._give_up: Callable[[str], None] = lambda reason: None
        self._on_doubt: Callable[[str], None] = lambda group: None
        self._places: dict[str, Place] = {}
        #: Groups that are taken, as of what was applied.
        self._begun: set[str] = set()
        self._queue: deque[Start | Entry | Digest] = deque()
        #: What is received and not on disk: entries, their bytes, and what stands between them.
        self._items = 0
        self._bytes = 0
        self._others = 0
        self._acks: dict[str, Ack] = {}
        self._busy = False
        self._quiet = Bell()
        #: Entries that have to go alone, as one of them broke a constraint; and how often one alone did.
        self._alone = 0
        self._conflicts = 0
        self._preparations = 0
        self._errand = Errand(writer, clock, "storing what another realm says of groups", self._apply)
        #: Entries that came again; that are only a placeholder; and digests that did not fit.
        self.repeated = 0
        self.placeholders = 0
        self.differing = 0
        #: Hears that there may be more to do.
        self.wake = self._errand.soon

    @property
    def under_way(self) -> tuple[int, int]:
        """Entries that are received and not on disk, and their bytes."""
        return self._items, self._bytes

    # -- connections

    async def quiet(self) -> None:
        """Return when nothing of an older connection is on its way any more."""
        assert not self._attached
        await self.quiet_again()

    async def quiet_again(self) -> None:
        """Return when nothing is on its way, though another connection may have begun."""
        while self._busy:
            await self._quiet.wait()

    def attach(
        self, on_acks: Callable[[], None], give_up: Callable[[str], None], on_doubt: Callable[[str], None]
    ) -> None:
        """Take groups from a connection, in the turn in which nothing is on its way.

        ``on_doubt`` hears of a group whose members are not those that it has at home.
        """
        self._connections += 1
        self._attached = self._connections
        self._on_acks, self._give_up, self._on_doubt = on_acks, give_up, on_doubt
        self._alone = self._conflicts = self._preparations = 0

    def detach(self) -> None:
        """Drop what is not on its way to the disk."""
        self._attached = 0
        self._places.clear()
        self._begun.clear()
        self._queue.clear()
        self._acks.clear()
        self._items = self._bytes = self._others = 0

    def stop(self) -> None:
        """Take nothing any more."""
        self.detach()
        self._errand.stop()

    # -- what comes

    def start(self, start: Start) -> None:
        """Hear where a group goes on."""
        if fold(start.stream).rpartition("@")[2] != self._realm or (start.next < 1) is not start.over:
            self._give_up("bad-start")
        elif start.stream not in self._places and len(self._places) >= GROUPS:
            self._turn_away(start, "quota-reached")
        elif not start.over:
            self._places[start.stream] = Place(start.next - 1, start.epoch)
            self._add(start)
        else:
            self._add(start)

    def digest(self, digest: Digest) -> None:
        """Hear what a group is."""
        if digest.stream in self._places:
            self._add(digest)

    def _add(self, frame: Start | Digest) -> None:
        self._others += 1
        if self._others > 4 * GROUPS:
            self._give_up("credit-exceeded")
            return
        self._queue.append(frame)
        self.wake()

    def entry(self, entry: Entry) -> None:
        """Take the next number of a group."""
        place = self._places.get(entry.stream)
        if place is None:
            return  # it was turned away
        if entry.number <= place.number:
            self.repeated += 1
        elif entry.number > place.number + 1:
            self._give_up("gap")
        elif self._items >= self._limits.entries or self._bytes >= self._limits.bytes:
            self._give_up("credit-exceeded")
        else:
            place.number = entry.number
            place.epoch = entry.epoch or place.epoch
            if not entry.epoch:
                entry = replace(entry, epoch=place.epoch)
            self._queue.append(entry)
            self._items += 1
            self._bytes += size_of(entry)
            self.wake()

    def acks(self) -> list[Ack]:
        """Return what there is to be acked; it is not returned again."""
        acks, self._acks = self._acks, {}
        return list(acks.values())

    def _turn_away(self, start: Start, code: str) -> None:
        """Let the home send no more of a group."""
        number = max(1, start.next)
        self._log.error("nothing is taken of {group}: {code}", group=start.stream, code=code)
        self._acks[start.stream] = Ack(
            stream=start.stream, epoch=start.epoch, number=number - 1, refused=[(number, code)]
        )
        self._on_acks()

    # -- to the disk

    async def _apply(self) -> None:
        self._busy = True
        try:
            while self._queue and self._attached and not self._is_blocked():
                if self._writer.links_full:
                    await self._writer.room()
                elif not await self._apply_next():
                    return
        finally:
            self._busy = False
            self._quiet.ring()

    async def _apply_next(self) -> bool:
        """Do what is next; tell whether to go on at once."""
        frame = self._queue[0]
        if isinstance(frame, Start):
            await self._begin(frame)
        elif frame.stream not in self._begun:
            self._drop()
        elif isinstance(frame, Digest):
            await self._compare(frame)
        else:
            return await self._take_entries(frame)
        return True

    def _drop(self) -> None:
        """Pass over what is next."""
        frame = self._queue.popleft()
        if isinstance(frame, Entry):
            self._items -= 1
            self._bytes -= size_of(frame)
        else:
            self._others -= 1

    async def _begin(self, start: Start) -> None:
        connection = self._attached
        if start.over:
            await self._replicas.end(self._realm, start.stream)
            code = ""
        else:
            code = await self._replicas.begin(self._realm, start)
        if connection != self._attached:
            return
        self._drop()
        self._begun.discard(start.stream)
        if code:
            self._turn_away(start, code)
        elif not start.over:
            self._begun.add(start.stream)

    async def _compare(self, digest: Digest) -> None:
        """See whether a group is here what it is at home, if both speak of the same number."""
        connection, group = self._attached, digest.stream
        if self._replicas.number(group) == digest.number:
            self._replicas.settings(self._realm, digest)
            members = await self._replicas.digest(group)
            if connection != self._attached:
                return
            if int(members or "0", 16) != int(digest.members or "0", 16):
                self.differing += 1
                self._on_doubt(group)
        self._drop()

    async def _take_entries(self, first: Entry) -> bool:
        work = self._judge()
        if not work.frames:
            connection = self._attached
            self._preparations += 1
            await self._replicas.prepare(self._realm, first)
            if connection != self._attached:
                return False
            work = self._judge()  # in the same turn
        if not work.frames:
            return True
        self._preparations = 0
        work.fill()
        self._writer.append(work)
        error = await work.done
        if error is None:
            self._alone = max(0, self._alone - len(work.frames))
            self._conflicts = 0
        elif work.connection == self._attached:
            return self._take_back(work, isinstance(error, Conflict))
        return True

    def _take_back(self, work: Taken, broken: bool) -> bool:
        """Put entries that were not stored back into the queue; tell whether to go on at once."""
        self._queue.extendleft(reversed(work.frames))
        if not broken:
            self._errand.rest_after_loss()
            return False
        for group in {frame.stream for frame in work.frames}:
            self._replicas.suspect(group)
        if len(work.frames) == 1:
            self._conflicts += 1
        self._alone = max(self._alone, len(work.frames))
        return True

    def _judge(self) -> Taken:
        """Move entries from the front of the queue into an entry of a batch."""
        work = Taken(self._stored, self._attached)
        most = 1 if self._alone else _ENTRY_ITEMS
        while self._queue and len(work.frames) < most:
            frame = self._queue[0]
            if not isinstance(frame, Entry) or frame.stream not in self._begun:
                break
            effect = self._effect(frame, 0 if work.frames else self._tries)
            if effect is None:
                break
            if isinstance(effect, str):
                self._end(frame, effect)
                break
            work.effects.append(effect)
            work.frames.append(frame)
            self._queue.popleft()
        return work

    @property
    def _tries(self) -> int:
        """How often what is next has been given up: as an entry, as a placeholder."""
        return max(self._conflicts // _CONFLICTS, self._preparations // _PREPARATIONS)

    def _effect(self, entry: Entry, tries: int) -> Arrival | str | None:
        """Return what an entry does, or else its placeholder; None if something has to be read."""
        effect = self._judged(entry) if tries == 0 else "internal-error"
        if isinstance(effect, str) and tries < 2:
            self._log.error("{mid} cannot be an entry: {code}", mid=entry.mid, code=effect)
            self.placeholders += 1
            effect = self._judged(replace(entry, kind="void", text="", name="", from_=entry.stream))
        return effect

    def _judged(self, entry: Entry) -> Arrival | str | None:
        try:
            return self._replicas.judge(self._realm, entry)
        except Exception:
            self._log.failure("an entry could not be judged", failure=Discreet(Failure()))
            return "internal-error"

    def _end(self, entry: Entry, code: str) -> None:
        """Go on without a group of which not even a placeholder can be stored."""
        self._conflicts = self._preparations = 0
        self._begun.discard(entry.stream)
        number = entry.number
        self._turn_away(Start(stream=entry.stream, epoch=entry.epoch, first=number, next=number), code)

    def _stored(self, work: Taken) -> None:
        """Hear that entries are on disk."""
        if work.connection != self._attached:
            return
        for frame in work.frames:
            self._items -= 1
            self._bytes -= size_of(frame)
            if frame.stream in self._begun:
                ack = Ack(stream=frame.stream, epoch=frame.epoch, number=frame.number)
                self._acks[frame.stream] = ack
        self._on_acks()
