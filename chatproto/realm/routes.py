"""Where a message to an address goes: which conversation, who may read it, who is listening.

Users and groups share one namespace, so ``to`` is never ambiguous. Each session keeps the routes that it
used; they are made anew when the rules that they stand on may have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from chatproto.errors import (
    BadName,
    Blocked,
    NoSuchGroup,
    NoSuchRealm,
    NoSuchUser,
    NotMember,
)
from chatproto.interfaces import IRemotes, IStore
from chatproto.names import Address, RealmName, fold
from chatproto.realm.accounts import Accounts
from chatproto.realm.blocks import Blocks
from chatproto.realm.cache import Registry
from chatproto.realm.conversations import Conversation, Group, Route
from chatproto.realm.logins import Login
from chatproto.realm.remotes import NoRemotes
from chatproto.realm.router import Hearer, Router
from chatproto.realm.writer import Writer
from chatproto.records import NOWHERE, AccountRow, ConversationRow, GroupRow, MemberRow, Record

#: Routes that one session keeps; a client that writes to more people at a time pays for a look-up.
_ROUTES = 128


class Routes:
    """Finds conversations and groups, and makes routes."""

    def __init__(
        self,
        realm: RealmName,
        store: IStore,
        writer: Writer,
        accounts: Accounts,
        blocks: Blocks,
        router: Router,
        size: int,
    ) -> None:
        self.remotes: IRemotes = NoRemotes()
        #: Who of other realms hears of a group, by its conversation; replaced once.
        self.elsewhere: Callable[[int], Sequence[Hearer]] = lambda conversation: ()
        self._realm = realm
        self._store = store
        self._writer = writer
        self._accounts = accounts
        self._blocks = blocks
        self._router = router
        self._conversations: Registry[tuple[str, str], Conversation] = Registry(size, writer)
        self._groups: Registry[str, Group] = Registry(size, writer)
        #: Routes of an earlier generation are made anew.
        self.generation = 0
        writer.on_reset(self.rules_changed)
        accounts.on_delete(self.rules_changed)
        blocks.on_change(self.rules_changed)

    def rules_changed(self) -> None:
        """Make every route anew when it is used next: who may write to whom changed, or a batch was lost."""
        self.generation += 1

    def address(self, name: str) -> Address:
        """Return the address in this realm that a client's word means.

        :raises NoSuchUser: nothing can have that address.
        :raises NoSuchRealm: it is in another realm.
        """
        address = self.any_address(name)
        if address.realm != self._realm:
            raise NoSuchRealm("this works within one realm only")
        return address

    def any_address(self, name: str) -> Address:
        """Return the address, of whatever realm, that a client's word means.

        :raises NoSuchUser: nothing can have that address.
        """
        try:
            return Address.parse(name, self._realm)
        except BadName:
            raise NoSuchUser from None

    def is_far(self, name: str) -> bool:
        """Tell whether a client's word names another realm."""
        _, at, realm = name.partition("@")
        return bool(at) and fold(realm) != self._realm

    def is_foreign(self, mid: str) -> bool:
        """Tell whether a mid was made by another realm."""
        return not mid.startswith(f"{self._realm}/")

    def key(self, name: str) -> str:
        """Return the folded address that a client's word means, as something to compare others with."""
        return fold(name) if not name or "@" in name else f"{fold(name)}@{self._realm}"

    def shown(self, name: str) -> str:
        """Return the full address of a name of this realm."""
        return f"{name}@{self._realm}"

    def known(self, login: Login, to: str) -> Route | None:
        """Return the route of a session to an address, if it is in memory and still holds."""
        route = login.routes.get(to)
        return route if route is not None and route.generation == self.generation else None

    async def find(self, login: Login, to: str) -> Route:
        """Return the route of a session to an address, and keep it.

        Of an address in another realm only that realm knows whether it is somebody's.

        :raises NoSuchUser: nothing has the address.
        :raises NotMember: it is a group that the session's account is not a member of.
        :raises Blocked: the user does not want to hear from the session's account.
        :raises NoSuchRealm: there is no link to the realm of the address.
        :raises PeerBlocked: nothing goes to that realm.
        """
        address = self.any_address(to)
        while True:
            generation = self.generation
            if address.realm != self._realm:
                route = await self._to_other_realm(login, address)
            elif (account := await self._accounts.find(address.name)) is not None:
                route = await self._to_account(login, account)
            else:
                route = self._to_group(login, await self._living_group(address.name.folded))
            if generation == self.generation:  # else a rule changed while this was read
                break
        if len(login.routes) >= _ROUTES:
            login.routes.clear()
        login.routes[to] = route
        return route

    def audience(self, account: str) -> Hearer:
        """Return who hears of what an account sends."""
        return self._router.account(account)

    async def _to_account(self, login: Login, account: AccountRow) -> Route:
        if await self._blocks.has(account.name, fold(login.address)):
            raise Blocked
        conversation = await self.direct(login, account)
        audiences = [self._router.account(name) for name in dict.fromkeys((login.account, account.name))]
        return Route(conversation, None, f"{account.shown}@{self._realm}", audiences, self.generation)

    async def _to_other_realm(self, login: Login, address: Address) -> Route:
        await self.remotes.prepare(address.realm)
        copy = await self.group_ever(address.folded)
        if copy is not None:
            return await self._to_copy(login, copy, address.realm)
        conversation = await self.between(login.address, str(address))
        audiences = [self._router.account(login.account)]
        to = conversation.row.recipient(login.address)
        return Route(conversation, None, to, audiences, self.generation, address.realm)

    def _to_group(self, login: Login, group: Group) -> Route:
        if not login.is_in(group):
            raise NotMember
        number = group.row.conversation
        audiences = [self._router.group(number), *self.elsewhere(number)]
        return Route(group, group, group.row.shown_a, audiences, self.generation)

    async def _to_copy(self, login: Login, copy: Group, realm: RealmName) -> Route:
        if fold(login.address) not in copy.members:
            raise NotMember
        waiting = await self.nowhere()
        return Route(waiting, None, copy.row.shown_a, (), self.generation, realm, copy)

    async def nowhere(self) -> Conversation:
        """Return the conversation of what waits for groups elsewhere."""

        async def load() -> Conversation:
            row = await self._store.conversation("", "")
            made = ConversationRow(NOWHERE, "", "", "", "")
            return Conversation(made, (made,)) if row is None else Conversation(row)

        conversation = await self._conversations.find(("", ""), load)
        assert conversation is not None
        return conversation

    async def direct(self, login: Login, other: AccountRow) -> Conversation:
        """Return the conversation of a session's account with another, unborn if they never spoke."""
        return await self.between(login.address, f"{other.shown}@{self._realm}")

    async def between(self, ours: str, theirs: str) -> Conversation:
        """Return the conversation of two addresses as shown, unborn if they never spoke."""
        if fold(theirs) < fold(ours):
            ours, theirs = theirs, ours
        key = (fold(ours), fold(theirs))

        async def load() -> Conversation:
            row = await self._store.conversation(*key)
            return self._new_direct(ours, theirs) if row is None else Conversation(row)

        conversation = await self._conversations.find(key, load)
        assert conversation is not None
        return conversation

    def _new_direct(self, a: str, b: str) -> Conversation:
        row = ConversationRow(self._writer.next_serial(), fold(a), fold(b), a, b)
        members = [
            MemberRow(row.conversation, name, 0, 0, "member")
            for name in dict.fromkeys((row.a, row.b))
            if not self.is_far(name)  # what they may read is for their realm to say
        ]
        return Conversation(row, (row, *members))

    def born(self, conversation: Conversation) -> tuple[Record, ...]:
        """Return the rows that make a conversation, for the message that is stored with them."""
        rows, conversation.unborn = conversation.unborn, ()
        self._conversations.change((conversation.row.a, conversation.row.b), conversation)
        return rows

    def respell(self, conversation: Conversation, shown: str) -> tuple[Record, ...]:
        """Let one of two be shown otherwise, who is of another realm; return what has to be put for that.

        It is called before the conversation is :meth:`born`.
        """
        row = conversation.row
        changed = {"shown_a": shown} if fold(shown) == row.a else {"shown_b": shown}
        conversation.row = row = msgspec.structs.replace(row, **changed)
        if conversation.unborn:
            conversation.unborn = (row, *conversation.unborn[1:])
            return ()
        self._conversations.change((row.a, row.b), conversation)
        return (row,)

    async def group(self, name: str) -> Group:
        """Return a group of this realm by what a client calls it.

        :raises NoSuchGroup: there is none.
        """
        try:
            return await self._living_group(self.address(name).name.folded)
        except NoSuchUser:
            raise NoSuchGroup from None

    async def any_group(self, name: str) -> Group:
        """Return a group of this realm, or the copy here of one of another, by what a client calls it.

        :raises NoSuchGroup: there is none.
        """
        try:
            return await self._living_group(self._group_key(self.any_address(name)))
        except NoSuchUser:
            raise NoSuchGroup from None

    def _group_key(self, address: Address) -> str:
        return address.name.folded if address.realm == self._realm else address.folded

    def group_in_memory(self, name: str) -> Group | None:
        """Return a group by its folded name, or a copy by its folded address, if it is in memory."""
        return self._groups.get(name)

    def copy_in_memory(self, address: str) -> Group | None:
        """Return the copy of a group of another realm by its address, if it is in memory."""
        return self._groups.get(fold(address))

    def holds(self, group: Group) -> bool:
        """Tell whether a group is still what it was when it was found: not deleted, nor of a lost batch."""
        return self._groups.get(group.name) is group and not group.settings.deleted

    def groups_in_memory(self) -> list[Group]:
        """Return the groups that are in memory."""
        return self._groups.values()

    async def _living_group(self, name: str) -> Group:
        group = await self._group(name)
        if group.settings.deleted:
            raise NoSuchUser
        return group

    async def _group(self, name: str) -> Group:
        group = await self.group_ever(name)
        if group is None:
            raise NoSuchUser
        return group

    async def group_ever(self, name: str) -> Group | None:
        """Return a group by its folded name, or a copy by its folded address, deleted or not."""

        async def load() -> Group | None:
            row = await self._store.group(name)
            if row is None:
                return None
            address = name if row.home else f"{name}@{self._realm}"
            conversation = await self._store.conversation(address, "")
            members = await self._store.members(row.conversation)
            _, gseq = await self._store.newest(row.conversation)
            assert conversation is not None
            return Group(row, conversation, {member.member: member for member in members}, gseq)

        return await self._groups.find(name, load)

    def new_group(self, settings: GroupRow) -> Group:
        """Return a new group without members; its ``conversation`` is given here."""
        shown = f"{settings.shown}@{self._realm}"
        row = ConversationRow(self._writer.next_serial(), fold(shown), "", shown, "")
        group = Group(msgspec.structs.replace(settings, conversation=row.conversation), row, {}, 0)
        self.group_changed(group)
        return group

    def new_copy(self, address: Address, shown: str, created: int) -> Group:
        """Return a new copy, without members, of a group of another realm."""
        row = ConversationRow(self._writer.next_serial(), address.folded, "", shown, "")
        name = str(address.name)
        settings = GroupRow(address.folded, name, row.conversation, "", created, home=str(address.realm))
        group = Group(settings, row, {}, 0)
        self.group_changed(group)
        return group

    def next_gseq(self, group: Group) -> int:
        """Give a message of the open batch its number in a group."""
        group.gseq += 1
        self._groups.change(group.name, group)
        return group.gseq

    def group_changed(self, group: Group) -> None:
        """Note that the open batch changes a group."""
        self._groups.change(group.name, group)
        self.rules_changed()

    async def conversation(self, login: Login, name: str) -> Conversation | None:
        """Return the conversation that a session's account has, or had, with an address; None if never.

        :raises NoSuchUser: nothing has the address.
        """
        address = self.any_address(name)
        if address.realm != self._realm:
            copy = await self.group_ever(address.folded)
            if copy is not None:
                return copy
            far = await self.between(login.address, str(address))
            return None if far.unborn else far
        account = await self._accounts.ever(address.name)
        found = (
            await self._group(address.name.folded) if account is None else await self.direct(login, account)
        )
        return None if found.unborn else found
