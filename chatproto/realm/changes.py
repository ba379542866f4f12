"""Changes of groups: rows and notices that are stored together, and who comes and goes when they are.

A change is built in one go between two waits, so that nothing can come between what it was judged by and what
it does; then it is saved.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatproto.errors import ChatError
from chatproto.interfaces import IStore
from chatproto.realm.cache import Cache
from chatproto.realm.log import Log
from chatproto.realm.logins import Login
from chatproto.realm.router import Router
from chatproto.realm.routes import Group, Route, Routes
from chatproto.realm.writer import Work, Writer
from chatproto.records import GroupRow, MemberRow, MessageRow, Record

#: Called with an account and a conversation when it stopped to be a member.
Left = Callable[[str, int], None]


def is_member(row: MemberRow | None) -> bool:
    """Tell whether a row is that of somebody who is a member now."""
    return row is not None and not row.until


class Change(Work):
    """A change on its way to the disk."""

    __slots__ = ("_changes", "_entered", "_inserts", "_puts", "_spare", "_steps", "done", "moved")

    def __init__(self, changes: Changes) -> None:
        self._inserts: list[Record] = []
        self._puts: list[Record] = []
        self._spare: list[Record] = []
        super().__init__(self._inserts, self._puts, self._spare)
        self._changes = changes
        self._entered: list[tuple[str, int]] = []
        #: What is told, and who hears no more of it, in order: nobody hears more than it may read.
        self._steps: list[Callable[[], None]] = []
        #: Accounts that come or go by it.
        self.moved: list[str] = []
        self.done: Deferred[None] = Deferred()

    def insert(self, *rows: Record) -> None:
        """Add rows that must be new."""
        self._inserts += rows

    def put(self, *rows: Record) -> None:
        """Add rows that replace others."""
        self._puts += rows

    def notice(
        self, login: Login | None, group: Group, kind: str, text: str = "", author: str = ""
    ) -> MessageRow:
        """Say in a group's log what happened, by the ``author`` where no session did it, or by the group."""
        row = self._changes.notice(login, group, kind, text, author or group.row.shown_a)
        self.insert(row)
        self._spare.append(msgspec.structs.replace(row, kind="void", text=""))
        audiences = [self._changes.router.group(group.row.conversation)]
        self._steps.append(partial(self._changes.log.publish, row, group.row.shown_a, audiences))
        return row

    def message(self, login: Login, route: Route, kind: str, text: str) -> None:
        """Say something in a conversation of two."""
        row = self._changes.log.entry_by(
            login, route.conversation.row.conversation, login.address, kind, 0, text
        )
        self.insert(*self._changes.born(route), row)
        self._steps.append(partial(self._changes.log.publish, row, route.to, route.audiences))

    def member(self, group: Group, row: MemberRow) -> None:
        """Give somebody in a group another row: as a member, or as one no longer."""
        self.put(row)
        account = row.member.partition("@")[0]
        if is_member(row):
            if row.member not in group.members:
                self.moved.append(account)
                self._entered.append((account, row.conversation))
            group.members[row.member] = row
        else:
            if not group.settings.deleted:  # or nobody asks for them any more, and they may be very many
                self._changes.outsiders.change((row.conversation, row.member), row)
            if group.members.pop(row.member, None) is not None:
                self.moved.append(account)
                self._steps.append(partial(self._changes.exit, account, row.conversation))
        self._changes.changed(group)

    def settings(self, group: Group, row: GroupRow) -> None:
        """Give a group other settings."""
        group.settings = row
        self.put(row)
        self._changes.changed(group)

    def committed(self) -> None:
        """Let newcomers hear; answer; then tell everybody, also those who leave, up to that."""
        for account, conversation in self._entered:
            self._changes.router.enter(account, conversation)
        self.done.callback(None)
        try:
            for step in self._steps:
                step()
        finally:  # or who waits for the end of the move would wait for ever
            self._changes.router.end_moves(self.moved)

    def failed(self, error: ChatError) -> None:
        """See :class:`Work`."""
        self.done.errback(error)
        self._changes.router.end_moves(self.moved)

    def abandoned(self, failure: Failure) -> None:
        """See :class:`Work`."""
        self.done.errback(failure)
        self._changes.router.end_moves(self.moved)


class Changes:
    """Makes changes, and saves them."""

    def __init__(
        self, store: IStore, writer: Writer, routes: Routes, router: Router, log: Log, size: int, left: Left
    ) -> None:
        self._store = store
        self._writer = writer
        self._routes = routes
        self.router = router
        self.log = log
        self._left = left
        #: Rows of those who left a group, were kicked or are invited; of no meaning for members.
        self.outsiders: Cache[tuple[int, str], MemberRow] = Cache(size, writer)

    def begin(self) -> Change:
        """Return a change with nothing in it."""
        return Change(self)

    async def save(self, change: Change) -> None:
        """Return when a change is on disk.

        :raises Unavailable: it is not, and never will be.
        """
        self.router.begin_moves(change.moved)
        self._writer.append(change)
        await change.done

    def exit(self, account: str, conversation: int) -> None:
        """Let an account that left a group hear nothing of it any more."""
        if self.router.hears(account, conversation):
            self.router.exit(account, conversation)
            self._left(account, conversation)

    async def outsider(self, group: Group, address: str) -> MemberRow | None:
        """Return the row of somebody who is not a member; None if there is none.

        Of who is a member it may be that of an earlier time.
        """
        key = (group.row.conversation, address)
        return await self.outsiders.find(key, lambda: self._store.member(*key))

    @property
    def newest_seq(self) -> int:
        """The newest seq given."""
        return self._writer.newest_seq

    def notice(self, login: Login | None, group: Group, kind: str, text: str, author: str) -> MessageRow:
        """Return the next message of a group."""
        gseq = self._routes.next_gseq(group)
        return self.log.entry_by(login, group.row.conversation, author, kind, gseq, text)

    def born(self, route: Route) -> tuple[Record, ...]:
        """Return the rows that make a conversation, if nobody has spoken in it yet."""
        return self._routes.born(route.conversation) if route.conversation.unborn else ()

    def changed(self, group: Group) -> None:
        """Note that the open batch changes a group."""
        self._routes.group_changed(group)
