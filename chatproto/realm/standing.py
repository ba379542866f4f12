"""Where each copy of a group stands: on the disk, and with what is on its way there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from chatproto.interfaces import IStore
from chatproto.names import RealmName, fold
from chatproto.realm.changes import Change
from chatproto.realm.conversations import Group
from chatproto.realm.routes import Routes
from chatproto.realm.writer import Writer
from chatproto.records import ReplicaRow

#: Lives of a home's store that are told to it: it was put back from a copy that old, or the copy begins anew.
LIVES = 16
#: Groups that are kept at hand: those where something is said at the same time.
_AT_HAND = 4096


class Standing:
    """The rows of all copies, and those groups among them that are at hand."""

    def __init__(self, store: IStore, writer: Writer, routes: Routes) -> None:
        self._store = store
        self._routes = routes
        self._rows: dict[str, ReplicaRow] = {}
        self._open: dict[str, ReplicaRow] = {}
        self._groups: dict[str, Group] = {}
        writer.on_reset(self._forget)

    async def load(self) -> None:
        """Read what there is, before anything else happens."""
        self._rows = {row.group: row for row in await self._store.replicas()}

    def _forget(self) -> None:
        self._open.clear()
        self._groups.clear()

    def row(self, group: str) -> ReplicaRow | None:
        """Return where a copy stands by the address of its group, as of the open batch."""
        key = fold(group)
        return self._open.get(key) or self._rows.get(key)

    def put(self, change: Change, row: ReplicaRow) -> None:
        """Let a change move a copy."""
        self._open[row.group] = row
        change.put(row)
        change.first(partial(self._stored, row))

    def _stored(self, row: ReplicaRow) -> None:
        if self._open.get(row.group) is row:
            del self._open[row.group]
        self._rows[row.group] = row

    def of(self, realm: RealmName) -> Sequence[ReplicaRow]:
        """Return the copies of a realm's groups that go on."""
        return [row for row in self._rows.values() if row.home == realm and not row.over]

    def count(self, realm: RealmName) -> int:
        """Return how many copies there are of a realm's groups, also of those that do not go on."""
        return sum(row.home == realm for row in self._rows.values())

    async def lives(self, group: str) -> Sequence[tuple[str, int]]:
        """Return the newest lives of the home's store, the newest first, with the last number of each."""
        row = self.row(group)
        if row is None:
            return []
        older = [life for life in await self._store.lives(row.group) if life.epoch != row.epoch]
        return [(row.epoch, row.number), *((life.epoch, life.last) for life in older[: LIVES - 1])]

    def at_hand(self, row: ReplicaRow) -> Group | None:
        """Return the group of a copy, if nothing has to be read for that."""
        group = self._groups.get(row.group)
        return group if group is not None and self._routes.group_in_memory(row.group) is group else None

    async def group(self, row: ReplicaRow) -> Group:
        """Return the group of a copy, which is at hand then."""
        while True:
            group = await self._routes.group_ever(row.group)
            assert group is not None, "a copy is stored with its group"
            if self._routes.group_in_memory(row.group) is group:
                break
        if self._groups.get(row.group) is not group:
            if len(self._groups) >= _AT_HAND:
                self._groups.clear()
            # It may have been read behind what was taken out of the order.
            group.gseq = group.changed = (self.row(row.group) or row).number
            self._groups[row.group] = group
        return group

    def let_go(self, row: ReplicaRow) -> None:
        """Have a group at hand no more: its copy was moved."""
        self._groups.pop(row.group, None)
