"""Groups whose home is this realm: make, join, leave, and who is in them."""

from __future__ import annotations

from bisect import bisect_right

import msgspec

from chatproto.errors import AlreadyMember, GroupExists, NotMember
from chatproto.events import GroupChanged, MemberPage
from chatproto.names import GroupName, fold
from chatproto.realm.accounts import Accounts, Names
from chatproto.realm.logins import Login
from chatproto.realm.router import Router
from chatproto.realm.routes import Routes
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import MemberRow


class Groups:
    """The rules of membership."""

    def __init__(
        self,
        routes: Routes,
        names: Names,
        accounts: Accounts,
        router: Router,
        writer: Writer,
        clock: Clock,
    ) -> None:
        self._routes = routes
        self._names = names
        self._accounts = accounts
        self._router = router
        self._writer = writer
        self._clock = clock

    async def create(self, login: Login, name: str) -> GroupChanged:
        """Make a group with the caller as its owner and first member.

        :raises BadName: the name is malformed.
        :raises GroupExists: a user or a group has it.
        """
        group_name = GroupName.parse(name)
        await self._names.check_free(group_name, GroupExists)
        taken = self._names.claim(group_name, "group")
        group, rows = self._routes.new_group(login, group_name, int(self._clock.seconds() * 1000))
        await self._writer.save(inserts=(taken, *rows))
        self._entered(login, group.row.conversation)
        return GroupChanged(group=group.row.shown_a)

    async def join(self, login: Login, name: str) -> GroupChanged:
        """Make the caller a member, who reads from here on.

        :raises NoSuchGroup: there is no such group.
        :raises AlreadyMember: the caller is one.
        """
        group = await self._routes.group(name)
        own = fold(login.address)
        if own in group.members:
            raise AlreadyMember
        member = MemberRow(group.row.conversation, own, self._writer.newest_seq, 0, "member")
        group.members[own] = member
        self._routes.group_changed(group)
        await self._writer.save(puts=(member,))
        self._entered(login, group.row.conversation)
        return GroupChanged(group=group.row.shown_a)

    async def leave(self, login: Login, name: str) -> GroupChanged:
        """Make the caller no longer a member; what was said until now stays readable to it.

        :raises NoSuchGroup: there is no such group.
        :raises NotMember: the caller is not a member.
        """
        group = await self._routes.group(name)
        member = group.members.pop(fold(login.address), None)
        if member is None:
            raise NotMember
        self._routes.group_changed(group)
        # A number of its own: 0 would mean that the window is open, and the newest may not exist yet.
        left = msgspec.structs.replace(member, until=self._writer.next_seq())
        await self._writer.save(puts=(left,))
        self._router.exit(login.account, group.row.conversation)
        return GroupChanged(group=group.row.shown_a)

    async def members(self, login: Login, name: str, after: str, limit: int) -> MemberPage:
        """Return members by name, to members.

        :raises NoSuchGroup: there is no such group.
        :raises NotMember: the caller is not a member.
        """
        group = await self._routes.group(name)
        if fold(login.address) not in group.members:
            raise NotMember
        names = sorted(group.members)
        if after and "@" not in after:
            after = f"{after}@{group.row.a.partition('@')[2]}"
        start = bisect_right(names, fold(after))
        shown = [await self._shown(member) for member in names[start : start + limit]]
        return MemberPage(members=shown, complete=start + limit >= len(names))

    async def _shown(self, address: str) -> str:
        name, _, realm = address.partition("@")
        account = await self._accounts.find(name)
        return address if account is None else f"{account.shown}@{realm}"

    def _entered(self, login: Login, conversation: int) -> None:
        self._router.enter(login.account, conversation)
