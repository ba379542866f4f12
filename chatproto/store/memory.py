"""The reference store: plain dicts and sorted lists, and every rule in the shortest form.

It is what the other stores are compared with, and the store of tests and simulations. A
:class:`MemoryDisk` plays the disk: it outlives a crash of the process that used it. Nothing here
waits: every Deferred has fired when it is returned.
"""

# ruff: noqa: D102 - the methods of IStore are described there

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from operator import attrgetter
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from chatproto.errors import StoreError, StoreFailed, StoreInUse
from chatproto.interfaces import IStore
from chatproto.names import RealmName
from chatproto.records import (
    NOTICES,
    AccountRow,
    Batch,
    BlockRow,
    CidRow,
    ConversationRow,
    CursorRow,
    DeviceRow,
    Entry,
    EpochRow,
    GroupRow,
    InviteRow,
    LoginRow,
    MemberRow,
    Membership,
    MessageRow,
    NameRow,
    PasswordRow,
    Record,
    ReplayPage,
    StoreState,
)
from chatproto.store.keys import MAXIMUM, VOID
from chatproto.store.memory_boxes import MemoryBoxes
from chatproto.store.memory_files import MemoryFiles
from chatproto.store.memory_groups import MemoryGroups
from chatproto.store.memory_links import MemoryLinks
from chatproto.store.memory_routes import MemoryRoutes
from chatproto.store.tables import MemoryTables

T = TypeVar("T")

_by_seq = attrgetter("seq")


class MemoryDisk:
    """What a :class:`MemoryStore` has written; it stays when the store, and its process, are gone."""

    def __init__(self) -> None:
        self.tables = MemoryTables()
        #: The newest batch that was ever committed here, whatever was put back since.
        self.newest_batch = 0
        #: Who has the disk open.
        self.owner: object | None = None

    @property
    def locked(self) -> bool:
        """Tell whether a store has the disk open."""
        return self.owner is not None

    def crash(self) -> None:
        """End the process that uses the disk: what it still tries to write gets nowhere."""
        self.owner = None

    def backup(self) -> MemoryTables:
        """Return a copy of what is committed now."""
        return deepcopy(self.tables)

    def restore(self, backup: MemoryTables) -> None:
        """Put back an older copy, as an operator does after losing a disk."""
        self.tables = deepcopy(backup)


@implementer(IStore)
class MemoryStore(MemoryLinks, MemoryGroups, MemoryRoutes, MemoryFiles, MemoryBoxes):
    """An :class:`~chatproto.interfaces.IStore` over a :class:`MemoryDisk`."""

    def __init__(self, disk: MemoryDisk) -> None:
        self._disk = disk

    def open(self, realm: RealmName) -> Deferred[StoreState]:
        """Take the disk."""
        disk, tables = self._disk, self._disk.tables
        if disk.locked:
            return fail(StoreInUse("the disk in memory is in use by another store"))
        if tables.realm not in (None, realm):
            return fail(StoreError(f"this store belongs to the realm {tables.realm}, not to {realm}"))
        disk.owner = self
        tables.realm = realm
        older = disk.newest_batch if tables.batch < disk.newest_batch else 0
        epoch = max(tables.every(EpochRow), key=attrgetter("number"), default=None)
        vouched = tables.batch == disk.newest_batch
        return succeed(StoreState(tables.batch, tables.seq, tables.serial, epoch, older, vouched))

    def close(self) -> Deferred[None]:
        """Give the disk back, if it still is ours."""
        if self._disk.owner is self:
            self._disk.owner = None
        return succeed(None)

    def commit(self, batch: Batch) -> Deferred[Sequence[int]]:
        """Store the entries one after another."""
        return self._now(lambda tables: self._commit(tables, batch))

    def _commit(self, tables: MemoryTables, batch: Batch) -> Sequence[int]:
        failed = [index for index, entry in enumerate(batch.entries) if not self._store(tables, entry)]
        tables.batch, tables.seq, tables.serial = batch.number, batch.seq, batch.serial
        self._disk.newest_batch = batch.number
        return failed

    def _store(self, tables: MemoryTables, entry: Entry) -> bool:
        if tables.store(entry.inserts, entry.puts):
            tables.remove(entry.removes)
            return True
        tables.store(entry.otherwise, ())
        return False

    def _now(self, read: Callable[[MemoryTables], T]) -> Deferred[T]:
        if self._disk.owner is not self:
            return fail(StoreFailed("the disk in memory is not open, or no longer"))
        return succeed(read(self._disk.tables))

    def name(self, name: str) -> Deferred[NameRow | None]:
        return self._now(lambda tables: tables.find(NameRow, name))

    def account(self, name: str) -> Deferred[AccountRow | None]:
        return self._now(lambda tables: tables.find(AccountRow, name))

    def accounts(self, after: str, limit: int) -> Deferred[list[AccountRow]]:
        return self._now(
            lambda tables: sorted(
                (row for row in tables.every(AccountRow) if row.name > after and not row.deleted),
                key=attrgetter("name"),
            )[:limit]
        )

    def password(self, account: str) -> Deferred[str | None]:
        return self._now(lambda tables: _field(tables.find(PasswordRow, account), "hash", None))

    def device(self, account: str, name: str) -> Deferred[int | None]:
        return self._now(lambda tables: _field(tables.find(DeviceRow, (account, name)), "device", None))

    def login(self, token_hash: bytes) -> Deferred[LoginRow | None]:
        return self._now(lambda tables: tables.find(LoginRow, token_hash))

    def logins(self, account: str) -> Deferred[list[LoginRow]]:
        return self._now(
            lambda tables: sorted(
                (row for row in tables.every(LoginRow) if row.account == account and not row.ended),
                key=attrgetter("login"),
            )
        )

    def old_logins(self, before: int, unused: int, limit: int) -> Deferred[list[LoginRow]]:
        def read(tables: MemoryTables) -> list[LoginRow]:
            found = [
                row
                for row in tables.every(LoginRow)
                if 0 < row.ended < before or row.expires < before or row.used < unused
            ]
            return sorted(found, key=attrgetter("login"))[:limit]

        return self._now(read)

    def invite(self, token_hash: bytes) -> Deferred[InviteRow | None]:
        return self._now(lambda tables: tables.find(InviteRow, token_hash))

    def invites(self) -> Deferred[list[InviteRow]]:
        return self._now(lambda tables: sorted(tables.every(InviteRow), key=attrgetter("number")))

    def blocks(self, account: str) -> Deferred[list[BlockRow]]:
        return self._now(
            lambda tables: sorted(
                (row for row in tables.every(BlockRow) if row.account == account), key=attrgetter("address")
            )
        )

    def group(self, name: str) -> Deferred[GroupRow | None]:
        return self._now(lambda tables: tables.find(GroupRow, name))

    def groups(self, after: str, limit: int) -> Deferred[list[GroupRow]]:
        return self._now(
            lambda tables: sorted(
                (
                    row
                    for row in tables.every(GroupRow)
                    if row.name > after and not row.deleted and not row.home
                ),
                key=attrgetter("name"),
            )[:limit]
        )

    def conversation(self, a: str, b: str) -> Deferred[ConversationRow | None]:
        return self._now(lambda tables: tables.find_unique(ConversationRow, (a, b)))

    def newest(self, conversation: int) -> Deferred[tuple[int, int]]:
        def read(tables: MemoryTables) -> tuple[int, int]:
            log = tables.range(MessageRow, conversation, 0, MAXIMUM)
            return (log[-1].seq, log[-1].gseq) if log else (0, 0)

        return self._now(read)

    def member(self, conversation: int, member: str) -> Deferred[MemberRow | None]:
        return self._now(lambda tables: tables.find(MemberRow, (conversation, member)))

    def members(self, conversation: int) -> Deferred[list[MemberRow]]:
        return self._now(
            lambda tables: sorted(
                (
                    row
                    for row in tables.every(MemberRow)
                    if row.conversation == conversation and not row.until
                ),
                key=attrgetter("member"),
            )
        )

    def memberships(self, member: str) -> Deferred[list[Membership]]:
        return self._now(lambda tables: _memberships(tables, member))

    def messages(
        self, conversation: int, after: int, before: int, limit: int, newest: bool, but: Sequence[str]
    ) -> Deferred[list[MessageRow]]:
        def read(tables: MemoryTables) -> list[MessageRow]:
            log = tables.range(MessageRow, conversation, after, before)
            found = [row for row in _not_void(log) if row.sender not in but]
            return found[max(0, len(found) - limit) :] if newest else found[:limit]

        return self._now(read)

    def replay(self, member: str, after: int, limit: int) -> Deferred[ReplayPage]:
        def read(tables: MemoryTables) -> ReplayPage:
            memberships = {m.conversation.conversation: m for m in _memberships(tables, member)}
            found = [
                row
                for m in memberships.values()
                for row in _readable(tables, m.member, max(after, m.member.joined))
            ]
            found.sort(key=_by_seq)
            page = found[:limit]
            conversations = {row.conversation: memberships[row.conversation].conversation for row in page}
            return ReplayPage(page, conversations, len(found) <= limit)

        return self._now(read)

    def unread(
        self, conversation: int, after: int, until: int, but: Sequence[str], limit: int
    ) -> Deferred[int]:
        def read(tables: MemoryTables) -> int:
            found = _not_void(tables.range(MessageRow, conversation, after, until + 1 if until else MAXIMUM))
            return min(limit, sum(row.kind not in NOTICES and row.sender not in but for row in found))

        return self._now(read)

    def cursor(self, account: str, kind: str, scope: int) -> Deferred[int]:
        return self._now(lambda tables: _field(tables.find(CursorRow, (account, kind, scope)), "seq", 0))

    def cursors(self, account: str, kind: str) -> Deferred[dict[int, int]]:
        return self._now(
            lambda tables: {
                row.scope: row.seq
                for row in tables.every(CursorRow)
                if row.account == account and row.kind == kind
            }
        )

    def cid(self, account: str, prefix: str, counter: int, ordered: bool) -> Deferred[CidRow | None]:
        return self._now(lambda tables: tables.find(CidRow, (account, prefix, counter, ordered)))

    def newest_counter(self, account: str, prefix: str) -> Deferred[int | None]:
        return self._now(
            lambda tables: max(
                (
                    row.counter
                    for row in tables.every(CidRow)
                    if row.ordered and row.account == account and row.prefix == prefix
                ),
                default=None,
            )
        )

    def epochs(self) -> Deferred[list[EpochRow]]:
        return self._now(lambda tables: sorted(tables.every(EpochRow), key=attrgetter("number")))


def _field(row: Record | None, name: str, default: Any) -> Any:
    return default if row is None else getattr(row, name)


def _not_void(rows: Iterable[MessageRow]) -> list[MessageRow]:
    return [row for row in rows if row.kind != VOID]


def _readable(tables: MemoryTables, member: MemberRow, after: int) -> list[MessageRow]:
    before = member.until + 1 if member.until else MAXIMUM
    return _not_void(tables.range(MessageRow, member.conversation, max(member.since, after), before))


def _memberships(tables: MemoryTables, address: str) -> list[Membership]:
    members = [row for row in tables.every(MemberRow) if row.member == address]
    members.sort(key=attrgetter("conversation"))
    found = []
    for member in members:
        conversation = tables.find(ConversationRow, member.conversation)
        assert conversation is not None  # a constraint
        readable = _readable(tables, member, 0)
        found.append(Membership(conversation, member, readable[-1].seq if readable else 0))
    return found
