"""Changes of groups: rows and notices that are stored together, and who comes and goes when they are.

A change is built in one go between two waits, so that nothing can come between what it was judged by and what
it does; then it is saved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatproto.errors import ChatError
from chatproto.interfaces import IStore
from chatproto.names import RealmName
from chatproto.realm.actors import Actor
from chatproto.realm.cache import Cache
from chatproto.realm.conversations import Group, Route
from chatproto.realm.copies import Copies
from chatproto.realm.log import Log
from chatproto.realm.logins import Login
from chatproto.realm.router import Hearer, Router
from chatproto.realm.routes import Routes
from chatproto.realm.writer import Work, Writer
from chatproto.records import GroupRow, MemberRow, MessageRow, Record

#: Called with an account and a conversation when it stopped to be a member.
Left = Callable[[str, int], None]


def is_member(row: MemberRow | None) -> bool:
    """Tell whether a row is that of somebody who is a member now."""
    return row is not None and not row.until


class Change(Work):
    """A change on its way to the disk."""

    __slots__ = (
        "_changed",
        "_changes",
        "_ends",
        "_entered",
        "_first",
        "_inserts",
        "_puts",
        "_removes",
        "_spare",
        "_steps",
        "_touched",
        "done",
        "moved",
    )

    def __init__(self, changes: Changes) -> None:
        self._inserts: list[Record] = []
        self._puts: list[Record] = []
        self._spare: list[Record] = []
        self._removes: list[Record] = []
        super().__init__(self._inserts, self._puts, self._spare, self._removes)
        self._changes = changes
        self._entered: list[tuple[str, int]] = []
        #: Groups that get other members.
        self._changed: dict[Group, None] = {}
        #: Groups of which members of another realm come or go, and the message with which one goes.
        self._touched: dict[tuple[Group, str], int] = {}
        #: The numbers of notices in their groups, by seq.
        self._ends: dict[int, int] = {}
        #: What whoever waits for the change relies on.
        self._first: list[Callable[[], None]] = []
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

    def remove(self, *rows: Record) -> None:
        """Add rows that are not to be there any more."""
        self._removes += rows

    def spare(self, *rows: Record) -> None:
        """Add rows that are to be stored if the others cannot be."""
        self._spare += rows

    def notice(
        self, actor: Actor | None, group: Group, kind: str, text: str = "", author: str = ""
    ) -> MessageRow:
        """Say in a group's log what happened, by the ``author`` where nobody did it, or by the group."""
        row = self._changes.notice(actor, group, kind, text, author or group.row.shown_a)
        self._ends[row.seq] = row.gseq
        self.entry(group, row)
        return row

    def entry(self, group: Group, row: MessageRow) -> None:
        """Add a message to a group's log."""
        self.insert(row)
        # The number is used even if the rest cannot be stored; the mid may come again.
        self._spare.append(msgspec.structs.replace(row, kind="void", text="", device=0))
        self.publish(row, group.row.shown_a, self._changes.audiences(group))

    def message(self, actor: Actor, route: Route, kind: str, text: str) -> None:
        """Say something in a conversation of two."""
        author, conversation = actor.address, route.conversation.row.conversation
        login = actor if isinstance(actor, Login) else None
        row = self._changes.log.entry_by(login, conversation, author, kind, 0, text)
        self.insert(*self._changes.born(route), row)
        self.publish(row, route.to, route.audiences)

    def publish(self, row: MessageRow, to: str, audiences: Sequence[Hearer]) -> None:
        """Tell listeners of a message when it is durable."""
        self.then(partial(self._changes.log.publish, row, to, audiences))

    def first(self, step: Callable[[], None]) -> None:
        """Do something when the change is durable, before anybody is answered."""
        self._first.append(step)

    def then(self, step: Callable[[], None]) -> None:
        """Do something when the change is durable, after what was said before."""
        self._steps.append(step)

    def member(self, group: Group, row: MemberRow) -> None:
        """Give somebody in a group another row: as a member, or as one no longer."""
        self.put(row)
        self._changed[group] = None
        account, _, realm = row.member.partition("@")
        here = realm == self._changes.realm
        if is_member(row):
            if row.member not in group.members:
                self._came(group, account, realm, here=here)
            group.members[row.member] = row
        else:
            if not group.settings.deleted:  # or nobody asks for them any more, and they may be very many
                self._changes.outsiders.change((row.conversation, row.member), row)
            if group.members.pop(row.member, None) is not None and here:
                self.moved.append(account)
                self.then(partial(self._changes.exit, account, row.conversation))
            elif not here:
                self._touched[group, realm] = row.until
        self._changes.changed(group)

    def _came(self, group: Group, account: str, realm: str, *, here: bool) -> None:
        if here:
            self.moved.append(account)
            self._entered.append((account, group.row.conversation))
        else:
            self._touched.setdefault((group, realm), 0)

    def settings(self, group: Group, row: GroupRow) -> None:
        """Give a group other settings."""
        group.settings = row
        self.put(row)
        self._changes.changed(group)

    def seal(self) -> None:
        """Add what follows for the copies of a group: they begin and end with the members of their realm."""
        for group in self._changed:
            group.changed = group.gseq
        for (group, realm), until in self._touched.items():
            if not group.settings.home:
                first = min(self._ends, default=0)
                row = self._changes.copies.follow(
                    group, realm, (first, self._ends.get(first, 0)), self._ends.get(until, 0)
                )
                if row is not None:
                    self.put(row)
                    self.then(partial(self._changes.copies.committed, row))

    def told(self) -> None:
        """Hear that the rows are on disk, as part of another entry."""
        self.committed()

    def lost(self) -> None:
        """Hear that they are not."""
        self._changes.router.end_moves(self.moved)

    def committed(self) -> None:
        """Let newcomers hear; answer; then tell everybody, also those who leave, up to that."""
        for account, conversation in self._entered:
            self._changes.router.enter(account, conversation)
        for step in self._first:
            step()
        self.done.callback(None)
        try:
            for step in self._steps:
                step()
        finally:  # or who waits for the end of the move would wait for ever
            self._changes.router.end_moves(self.moved)

    def failed(self, error: ChatError) -> None:
        """See :class:`Work`."""
        self.done.errback(error)
        self.lost()

    def abandoned(self, failure: Failure) -> None:
        """See :class:`Work`."""
        self.done.errback(failure)
        self._changes.router.end_moves(self.moved)


class Changes:
    """Makes changes, and saves them."""

    def __init__(
        self,
        realm: RealmName,
        store: IStore,
        writer: Writer,
        routes: Routes,
        router: Router,
        log: Log,
        copies: Copies,
        size: int,
        left: Left,
    ) -> None:
        self.realm = realm
        self.copies = copies
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
        self._writer.append(self.hand_over(change))
        await change.done

    def hand_over(self, change: Change) -> Change:
        """Return a change that is complete, for whoever appends its rows in this turn."""
        change.seal()
        self.router.begin_moves(change.moved)
        return change

    def audiences(self, group: Group) -> Sequence[Hearer]:
        """Return who hears of a group's messages: those who listen here, and other realms with a copy."""
        number = group.row.conversation
        return [self.router.group(number), *self.copies.audiences(number)]

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

    def notice(self, actor: Actor | None, group: Group, kind: str, text: str, author: str) -> MessageRow:
        """Return the next message of a group."""
        gseq = self._routes.next_gseq(group)
        return self.log.entry_by(actor, group.row.conversation, author, kind, gseq, text)

    def born(self, route: Route) -> tuple[Record, ...]:
        """Return the rows that make a conversation, if nobody has spoken in it yet."""
        return self._routes.born(route.conversation) if route.conversation.unborn else ()

    def changed(self, group: Group) -> None:
        """Note that the open batch changes a group."""
        self._routes.group_changed(group)
