"""How copies of groups begin, go on after a time, and end, as their homes say."""

from __future__ import annotations

from msgspec.structs import replace
from twisted.logger import Logger

from chatproto.errors import BadName
from chatproto.frames import Start
from chatproto.interfaces import IStore
from chatproto.names import Address, RealmName
from chatproto.realm.changes import Changes
from chatproto.realm.conversations import Group
from chatproto.realm.copying import leave_all
from chatproto.realm.log import entries_after
from chatproto.realm.rewinding import Rewinding
from chatproto.realm.routes import Routes
from chatproto.realm.standing import LIVES, Standing
from chatproto.realm.welcome import Welcome
from chatproto.realm.writer import Writer
from chatproto.records import GroupRow, LifeRow, ReplicaRow

#: Copies of one realm's groups: its first lines on a connection have one of each.
_COPIES = 10_000
#: Entries that are looked up behind what may come again, or after one broke a constraint: more are never
#: stored at once.
DOUBTED = 256
#: Above every seq.
_END = 2**53


class Resuming:
    """Makes copies and moves them; ``suspects`` are those of which entries may come again, up to a number."""

    _log = Logger()

    def __init__(
        self,
        realm: RealmName,
        store: IStore,
        writer: Writer,
        routes: Routes,
        changes: Changes,
        standing: Standing,
        suspects: dict[str, int],
        welcome: Welcome,
    ) -> None:
        self._realm = realm
        self._store = store
        self._writer = writer
        self._routes = routes
        self._changes = changes
        self._standing = standing
        self._suspects = suspects
        self._welcome = welcome
        self._rewinding = Rewinding(realm, store, changes)

    async def begin(self, realm: RealmName, start: Start) -> str:
        """Go on where the home says; return ``""``, or the code why that cannot be.

        :raises Unavailable: not now.
        """
        try:
            address = Address.parse(start.stream, realm)
        except BadName:
            return "bad-name"
        if address.realm != realm or "@" not in start.stream:
            return "not-yours"
        row = self._standing.row(address.folded)
        if row is not None:
            await self._move(row, start)
        elif self._standing.count(realm) >= _COPIES:
            return "quota-reached"
        else:
            await self._make(address, start)
        return ""

    async def _make(self, address: Address, start: Start) -> None:
        group = self._routes.new_copy(address, start.stream, self._changes.log.now())
        change = self._changes.begin()
        group.settings = _set_up(group, start)
        change.insert(group.row, group.settings)
        row = ReplicaRow(
            group=group.name,
            home=str(address.realm),
            conversation=group.row.conversation,
            first=start.first,
            epoch=start.epoch,
            number=start.next - 1,
        )
        self._standing.put(change, row)
        await self._changes.save(change)

    async def _move(self, row: ReplicaRow, start: Start) -> None:
        """Let a copy go on: where it is, later as it had no members, or where the home has an older copy."""
        number = start.next - 1
        lives = await self._store.lives(row.group)
        if number < row.number:
            await self._take_out(row, start)
        group = await self._standing.group(row)
        settings = _set_up(group, start)
        moved = replace(row, first=start.first, epoch=start.epoch, number=number, over=False)
        if moved == row and settings == group.settings:
            return
        change = self._changes.begin()
        if settings != group.settings:
            change.settings(group, settings)
        if start.epoch != row.epoch and 0 < row.number <= number:
            change.put(LifeRow(row.group, row.epoch, row.number))
        self._standing.put(change, moved)
        gone = [life for life in lives if life.last > number and life.epoch != start.epoch]
        change.remove(*gone, *(life for life in lives[2 * LIVES :] if life not in gone))
        await self._changes.save(change)
        self._standing.let_go(moved)

    async def _take_out(self, row: ReplicaRow, start: Start) -> None:
        """Keep what the home lost outside of the order."""
        number = start.next - 1
        if not row.over:  # what had ended here begins anew
            self._log.error(
                "{home} has an older copy of its store: what {group} has here above {number} is kept, and "
                "has no place there",
                home=row.home,
                group=row.group,
                number=number,
            )
        self._suspects[row.group] = row.number + DOUBTED
        group = await self._standing.group(row)
        seq, _ = await self._store.entry(row.conversation, number, _END)
        # First, as it reads what is taken out then: who is interrupted does both again.
        await self._rewinding.rewind(row, group, seq, start)
        async for page in entries_after(self._store, row.conversation, seq):
            await self._writer.save(puts=[replace(each, gseq=0) for each in page])

    async def end(self, realm: RealmName, group: str, *, dropped: bool = False) -> None:
        """Hear that the home knows of no subscription, or was ``dropped``: nothing more comes.

        :raises Unavailable: not now.
        """
        row = self._standing.row(group)
        if row is None or row.home != realm or row.over:
            return
        found = await self._standing.group(row)
        change = self._changes.begin()
        if dropped:  # the home cannot be told; if it is linked again, it may take them for members
            for address in filter(self._welcome.is_own, found.members):
                self._welcome.over(change, address.partition("@")[0], row.group)
        leave_all(change, found, self._changes, self._realm)
        self._standing.put(change, replace(row, over=True))
        await self._changes.save(change)

    async def drop(self, realm: RealmName) -> None:
        """End all copies of a realm's groups: there is no link to it any more.

        :raises Unavailable: not now.
        """
        for row in self._standing.of(realm):
            await self.end(realm, row.group, dropped=True)


def _set_up(group: Group, start: Start) -> GroupRow:
    """Return the settings of a copy as of where it begins, which entries from there on change."""
    if not start.history:
        return group.settings
    return replace(group.settings, history="all" if start.history == "all" else "joined")
