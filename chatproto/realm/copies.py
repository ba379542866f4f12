"""Groups whose home is here, for other realms: who has a copy, from which number on, and how far it is.

A subscription begins and ends in the very change in which the first member of a realm comes or the last one
goes. What is known here is on disk, or in a change that is on its way there; then only the newest of these is
to be put. How far a realm is, is written at most once a second: it says itself where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from chatproto.errors import BadName, NoSuchGroup
from chatproto.events import Message
from chatproto.frames import Digest
from chatproto.interfaces import IStore
from chatproto.names import RealmName, fold
from chatproto.realm.conversations import Group
from chatproto.realm.digests import digest_of
from chatproto.realm.log import entries_after
from chatproto.realm.routes import Routes
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import EpochRow, MemberList, MessageRow, Position, SubscriptionRow

#: A place that is a second old costs a realm a few entries that it passes over.
_SETTLE_SECONDS = 1.0
#: Above every seq.
_END = 2**53
#: Members in one answer: with the longest addresses well below a line between realms.
_MEMBERS = 1000

_Key = tuple[str, int]


class Realms:
    """The realms that hear of a group, as its routes have them."""

    __slots__ = ("_conversation", "_copies")

    def __init__(self, copies: Copies, conversation: int) -> None:
        self._copies = copies
        self._conversation = conversation

    def deliver(self, message: Message, device: int) -> None:
        """Let them know that there is a new entry."""
        self._copies.wake(self._conversation)


class Copies:
    """All subscriptions. ``on_entry`` is replaced once, by whoever carries entries to other realms."""

    def __init__(
        self,
        realm: RealmName,
        store: IStore,
        writer: Writer,
        clock: Clock,
        epochs: Sequence[EpochRow],
        routes: Routes,
    ) -> None:
        self.on_entry: Callable[[RealmName, int], None] = lambda realm, conversation: None
        self._routes = routes
        routes.elsewhere = self.audiences
        self._realm = realm
        self._store = store
        self._writer = writer
        self._clock = clock
        self._epochs = epochs
        #: As on disk, but for how far they are.
        self._rows: dict[_Key, SubscriptionRow] = {}
        #: What changes on their way to the disk make of them.
        self._open: dict[_Key, SubscriptionRow] = {}
        #: The realms of each group, whether anything is left for them or not.
        self._realms: dict[int, dict[RealmName, None]] = {}
        #: How far they are is not on disk.
        self._moved: dict[_Key, None] = {}
        self._call: IDelayedCall | None = None
        self._closed = False
        writer.on_reset(self._open.clear)

    async def load(self) -> None:
        """Read what there is, before anything else happens."""
        for row in await self._store.subscriptions(0):
            self._keep(row)

    def close(self) -> None:
        """Write how far they are, before the writer is closed."""
        self._closed = True
        if self._call is not None:
            self._call.cancel()
            self._write()

    def _keep(self, row: SubscriptionRow) -> None:
        self._rows[row.realm, row.conversation] = row
        self._realms.setdefault(row.conversation, {})[RealmName(row.realm)] = None

    # -- as members come and go

    def audiences(self, conversation: int) -> Sequence[Realms]:
        """Return who of other realms hears of a group, as something to deliver to."""
        if conversation not in self._realms:
            return ()
        return (Realms(self, conversation),)

    def follow(self, group: Group, realm: str, first: tuple[int, int], last: int) -> SubscriptionRow | None:
        """Return what becomes of a subscription by a change that is complete, if anything does.

        ``first`` is (seq, gseq) of the change's first entry, ``last`` the number of the one with which the
        last member of the realm went.
        """
        number = group.row.conversation
        row = self.find(RealmName(realm), number)
        is_open = row is not None and not row.until
        has_members = any(member.endswith(f"@{realm}") for member in group.members)
        if has_members == is_open:
            return None
        if row is not None and is_open:
            new = replace(row, until=last)
        elif row is not None and row.number < row.until:
            new = replace(row, until=0)  # it goes on, as the end of the one before is not there yet
        else:
            new = self._new(group, realm, row, *first)
        self._open[realm, number] = new
        self._realms.setdefault(number, {})[RealmName(realm)] = None
        return new

    def _new(
        self, group: Group, realm: str, before: SubscriptionRow | None, seq: int, gseq: int
    ) -> SubscriptionRow:
        shown, number = group.row.shown_a, group.row.conversation
        if group.settings.history != "all":
            return SubscriptionRow(realm, number, gseq, 0, self.epoch_of(seq - 1), gseq - 1, seq - 1, shown)
        if before is None:
            return SubscriptionRow(realm, number, 1, 0, self.epoch_of(0), 0, 0, shown)
        return replace(before, first=before.until + 1, until=0)

    def committed(self, row: SubscriptionRow) -> None:
        """Hear that a subscription is on disk."""
        key = row.realm, row.conversation
        if self._open.get(key) is row:
            del self._open[key]
        before = self._rows.get(key)
        if before is not None and before.number > row.number:  # it went further meanwhile
            row = replace(row, epoch=before.epoch, number=before.number, seq=before.seq)
        self._keep(row)
        self.on_entry(RealmName(row.realm), row.conversation)

    def wake(self, conversation: int) -> None:
        """Hear of a new entry."""
        for realm in self._realms.get(conversation, ()):
            row = self._rows.get((realm, conversation))
            if row is not None and _is_wanted(row):
                self.on_entry(realm, conversation)

    def realms(self, group: str = "") -> Sequence[RealmName]:
        """Return the realms that get the log of a group, by its address, or of any."""
        rows = self._rows.values()
        return [RealmName(row.realm) for row in rows if not group or fold(row.group) == fold(group)]

    # -- for links

    def of(self, realm: RealmName) -> Sequence[SubscriptionRow]:
        """Return the subscriptions of a realm that are not delivered to their end."""
        return [row for row in self._rows.values() if row.realm == realm and _is_wanted(row)]

    def find(self, realm: RealmName, conversation: int) -> SubscriptionRow | None:
        """Return a subscription as the open batch has it."""
        key = realm, conversation
        return self._open.get(key) or self._rows.get(key)

    def address(self, conversation: int) -> str:
        """Return the address, as shown, of a group that has a subscription."""
        rows = (self._rows.get((realm, conversation)) for realm in self._realms[conversation])
        return next(row.group for row in rows if row is not None)

    def epoch_of(self, seq: int) -> str:
        """Return the life of this store in which an entry was written."""
        for row in reversed(self._epochs):
            if row.first <= seq:
                return row.epoch
        return self._epochs[0].epoch

    async def entries(self, conversation: int, after: int, limit: int, size: int) -> Sequence[MessageRow]:
        """Return a part of a log, as :meth:`~chatproto.interfaces.IStore.entries` does."""
        return await self._store.entries(conversation, after, limit, size)

    def reaches(self, realm: RealmName, group: str, number: int) -> bool:
        """Tell whether a realm gets this entry of a group."""
        return any(
            row.first <= number and (not row.until or number <= row.until)
            for row in self._rows.values()
            if row.realm == realm and fold(row.group) == fold(group)
        )

    async def entry_of(self, group: str, mid: str, number: int = 0) -> MessageRow | None:
        """Return the entry of a group here with a mid, by its number; without one, if it came over a link."""
        try:
            conversation = (await self._group(group)).row.conversation
        except (BadName, NoSuchGroup):
            return None
        if not number:
            return next(iter(await self._store.copied(conversation, [mid])), None)
        low, high = 0, self._writer.newest_seq
        while low < high:  # numbers rise with seqs
            seq = (low + high) // 2
            page = await self._store.entries(conversation, seq, 1, 1)
            if not page or page[0].gseq >= number:
                high = seq
            else:
                low = page[0].seq
        page = await self._store.entries(conversation, low, 1, 1)
        found = page[0] if page else None
        return found if found is not None and (found.gseq, found.mid) == (number, mid) else None

    async def resume(self, subscription: SubscriptionRow, lives: Sequence[tuple[str, int]]) -> Position:
        """Return the newest position that a replica and this store both have.

        What the replica has of a life of this store is also here, unless an older copy of it was put back;
        then what is here of that life is also there.
        """
        conversation, before = subscription.conversation, subscription.first - 1
        known = {row.epoch: index for index, row in enumerate(self._epochs)}
        for epoch, last in lives:
            index = known.get(epoch)
            if index is None:
                continue
            end = self._epochs[index + 1].first if index + 1 < len(self._epochs) else _END
            seq, number = await self._store.entry(conversation, last, end)
            if number > before:
                return Position(self.epoch_of(seq), number, seq)
        seq, number = await self._store.entry(conversation, before, _END)
        return Position(self.epoch_of(seq), before, seq)

    async def history(self, subscription: SubscriptionRow, place: Position) -> str:
        """Return what newcomers to a group might read at a position: an entry behind it may have changed it.

        :raises Unavailable: not now.
        """
        group = await self._group(subscription.group)
        history = group.settings.history
        await self._writer.save()  # what is set is in the log then
        async for page in entries_after(self._store, subscription.conversation, place.seq):
            for message in page:
                if message.kind == "history":
                    return "joined" if message.text == "all" else "all"
        return history

    def settled(self, realm: RealmName, conversation: int, epoch: str, number: int, seq: int) -> None:
        """Hear that a realm has everything up to a position."""
        key = realm, conversation
        row = self._rows.get(key)
        if row is None or number <= row.number:
            return
        self._rows[key] = replace(row, epoch=epoch, number=number, seq=seq)
        self._moved[key] = None
        self._write_soon()

    def _write_soon(self) -> None:
        if self._call is None and not self._closed:
            self._call = self._clock.callLater(_SETTLE_SECONDS, self._write)

    def _write(self) -> None:
        self._call = None
        # One that changes takes its place along, if it is known by then, or is written next time.
        keys = [key for key in self._moved if key not in self._open]
        rows = [self._rows[key] for key in keys]
        for key in keys:
            del self._moved[key]
        if self._moved:
            self._write_soon()
        if rows:
            self._writer.save(puts=rows).addErrback(self._not_written, keys)

    def _not_written(self, _: Failure, keys: Sequence[_Key]) -> None:
        self._moved.update(dict.fromkeys(keys))
        self._write_soon()

    async def digest(self, conversation: int) -> Digest:
        """Return what a group is now."""
        group = await self._group(self.address(conversation))
        settings = group.settings
        return Digest(
            stream=group.row.shown_a,
            number=group.gseq,
            members=digest_of(group.members.values()),
            topic=settings.topic,
            history=settings.history,
            access=settings.access,
            created=settings.created,
        )

    async def members(self, realm: RealmName, group: str, after: str, limit: int) -> MemberList:
        """Return members of a group by name, to a realm that has a copy of it.

        :raises NoSuchGroup: it has none.
        """
        found = await self._group(group)
        row = self._rows.get((realm, found.row.conversation))
        if row is None or not _is_wanted(row):
            raise NoSuchGroup
        limit = min(limit, _MEMBERS)
        names = sorted(name for name in found.members if name > fold(after))
        page = [(name, found.members[name].role) for name in names[:limit]]
        return MemberList(page, found.gseq, found.changed, len(names) <= limit)

    async def _group(self, address: str) -> Group:
        """Return a group of this realm, deleted or not."""
        name, _, realm = fold(address).partition("@")
        group = await self._routes.group_ever(name) if realm == self._realm else None
        if group is None:
            raise NoSuchGroup
        return group


def _is_wanted(row: SubscriptionRow) -> bool:
    return not row.until or row.number < row.until
