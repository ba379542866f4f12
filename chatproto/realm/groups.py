"""Groups whose home is this realm: make, join, leave, invite, kick, and who may do what."""

from __future__ import annotations

from bisect import bisect_right

import msgspec

from chatproto.commands import Create
from chatproto.errors import (
    AlreadyMember,
    BadToken,
    GroupExists,
    NoSuchUser,
    NotAllowed,
    NotMember,
    QuotaReached,
)
from chatproto.events import GroupChanged, MemberPage
from chatproto.interfaces import IStore
from chatproto.limits import TOPIC_CHARACTERS, Limits
from chatproto.names import GroupName, fold, parse_shown
from chatproto.realm.accounts import Accounts, Names
from chatproto.realm.changes import Change, Changes, is_member
from chatproto.realm.gate import Gate
from chatproto.realm.logins import Login
from chatproto.realm.routes import Group, Routes
from chatproto.records import GroupRow, MemberRow, MessageRow

#: Members in one page, all of whom may be admins with the longest names: just below SERVER_LINE_BYTES.
_PAGE = 900

#: Who may do what to a group, by role; where an operator acts, nobody asks.
_RIGHTS = {
    "configure": ("owner", "admin"),
    "delete": ("owner",),
    "invite": ("owner", "admin"),
    "kick": ("owner", "admin"),
    "role": ("owner",),
    "topic": ("owner", "admin"),
    "transfer": ("owner",),
}


def allow(group: Group, login: Login | None, what: str) -> None:
    """Return if a session's account may do something to a group.

    :raises NotMember: it is no member.
    :raises NotAllowed: it takes a role that the account does not have.
    """
    if login is None:
        return
    member = group.members.get(fold(login.address))
    if member is None:
        raise NotMember
    if member.role not in _RIGHTS[what]:
        raise NotAllowed(f"this is for the group's {' and '.join(_RIGHTS[what])}")


def with_role(group: Group, role: str) -> MemberRow | None:
    """Return the first member that has a role, by time of joining."""

    def joined(row: MemberRow) -> tuple[int, bool]:
        # Every join is a message; only making the group is none.
        return row.joined, row.member.partition("@")[0] != group.settings.owner

    return min((row for row in group.members.values() if row.role == role), key=joined, default=None)


class Groups:
    """The rules of membership."""

    def __init__(
        self,
        routes: Routes,
        names: Names,
        accounts: Accounts,
        changes: Changes,
        store: IStore,
        limits: Limits,
    ) -> None:
        self._routes = routes
        self._names = names
        self._accounts = accounts
        self._changes = changes
        self._store = store
        self._limits = limits

    async def create(self, login: Login, command: Create) -> GroupChanged:
        """Make a group with the caller as its owner and first member.

        :raises BadName: the name or the topic is malformed.
        :raises GroupExists: a user or a group has it.
        :raises QuotaReached: the caller is in too many groups.
        """
        name = GroupName.parse(command.group)
        topic = parse_shown(command.topic or "", TOPIC_CHARACTERS, "a topic")
        await self._check_quota(login)
        await self._names.check_free(name, GroupExists)
        if login.ended:
            raise BadToken
        taken = self._names.claim(name, "group")
        settings = GroupRow(
            name.folded,
            str(name),
            0,
            login.account,
            self._changes.log.now(),
            topic,
            command.history or "joined",
            command.access or "open",
        )
        group = self._routes.new_group(settings)
        change = self._changes.begin()
        change.insert(taken, group.row, group.settings)
        newest = self._changes.newest_seq
        owner = MemberRow(group.row.conversation, fold(login.address), 0, 0, "owner", newest)
        change.member(group, owner)
        await self._changes.save(change)
        return GroupChanged(group=group.row.shown_a)

    async def join(self, login: Login, name: str) -> GroupChanged:
        """Make the caller a member, who reads from here on, or everything if the group is set up so.

        :raises NoSuchGroup: there is no such group.
        :raises AlreadyMember: the caller is one.
        :raises NotAllowed: the caller was kicked, or the group is for the invited.
        :raises QuotaReached: the group is full, or the caller is in too many.
        """
        own = fold(login.address)
        await self._check_quota(login)
        while True:
            group = await self._routes.group(name)
            before = await self._changes.outsider(group, own)
            if self._routes.holds(group):
                break
        if own in group.members:
            raise AlreadyMember
        if login.ended:  # or the account is being deleted
            raise BadToken
        self._check_welcome(group, before)
        newest = self._changes.newest_seq
        since = 0 if group.settings.history == "all" else newest
        # Nobody is left who could make one the owner.
        role = "member" if group.members else "owner"
        change = self._changes.begin()
        change.member(group, MemberRow(group.row.conversation, own, since, 0, role, newest))
        change.notice(login, group, "joined")
        await self._changes.save(change)
        return GroupChanged(group=group.row.shown_a)

    def _check_welcome(self, group: Group, before: MemberRow | None) -> None:
        role = "" if before is None else before.role
        if role != "invited":
            if role == "kicked":
                raise NotAllowed("you were removed from this group; somebody in it has to invite you")
            if group.settings.access == "invited":
                raise NotAllowed("this group is for those who are invited")
        if len(group.members) >= self._limits.members_per_group:
            raise QuotaReached(f"a group has at most {self._limits.members_per_group} members")

    async def _check_quota(self, login: Login) -> None:
        most = self._limits.groups_per_account
        memberships = await self._store.memberships(fold(login.address))
        if sum(entry.conversation.is_group and is_member(entry.member) for entry in memberships) >= most:
            raise QuotaReached(f"an account is in at most {most} groups")

    async def leave(self, login: Login, name: str) -> GroupChanged:
        """Make the caller no longer a member; what was said until now stays readable to it.

        A group that it owned goes to the admin, or else the member, who is in it longest.

        :raises NoSuchGroup: there is no such group.
        :raises NotMember: the caller is not a member.
        """
        own = fold(login.address)
        group = await self._find(name)
        if own not in group.members:
            raise NotMember
        change = self._changes.begin()
        self.depart(change, login, group, own)
        await self._changes.save(change)
        return GroupChanged(group=group.row.shown_a)

    def depart(self, change: Change, login: Login | None, group: Group, address: str) -> None:
        """Let a member leave a group."""
        notice = change.notice(login, group, "left", author=self._accounts.shown(address))
        self._go(change, login, group, address, notice, "left")

    def _go(
        self,
        change: Change,
        login: Login | None,
        group: Group,
        address: str,
        notice: MessageRow,
        role: str,
    ) -> None:
        """End a membership with the notice that says so: the last message that the member may read."""
        member = group.members[address]
        row = msgspec.structs.replace(member, until=notice.seq, role=role)
        if role == "kicked":  # only this one
            row = msgspec.structs.replace(row, since=notice.seq - 1, joined=notice.seq - 1)
        change.member(group, row)
        heir = with_role(group, "admin") or with_role(group, "member")
        if member.role == "owner" and heir is not None:
            change.member(group, msgspec.structs.replace(heir, role="owner"))
            change.notice(None, group, "owner", self._accounts.shown(heir.member))

    async def invite(self, login: Login, name: str, user: str, gate: Gate) -> None:
        """Let a user join, and tell it so by a message.

        :raises NoSuchGroup: there is no such group.
        :raises NoSuchUser: there is no such user.
        :raises NotMember: the caller is not a member.
        :raises NotAllowed: the group is for the invited, or the user was kicked, and the caller is no admin.
        :raises AlreadyMember: the user is one.
        :raises Blocked: the user does not want to hear from the caller.
        :raises RateLimited: the caller sends too many messages, or to too many strangers.
        """
        gate.message(login, 1, "")
        while True:
            group = await self._routes.group(name)
            route = await self._routes.find(login, user)
            if route.group is not None:
                raise NoSuchUser
            address = fold(route.to)
            before = await self._changes.outsider(group, address)
            if self._routes.known(login, user) is route and self._routes.holds(group):
                break
        if fold(login.address) not in group.members:
            raise NotMember
        if address in group.members:
            raise AlreadyMember("the user is a member already")
        role = "" if before is None else before.role
        if group.settings.access == "invited" or role == "kicked":
            allow(group, login, "invite")
        if role == "invited":
            return
        gate.delivery(login, [route], "")
        # A window that nothing is in, as until 0 would be that of a member.
        blank = MemberRow(group.row.conversation, address, 1, 1, "invited", 1)
        change = self._changes.begin()
        change.member(group, blank if before is None else msgspec.structs.replace(before, role="invited"))
        change.message(login, route, "invitation", group.row.shown_a)
        await self._changes.save(change)

    async def kick(self, login: Login | None, name: str, user: str) -> None:
        """Remove a member, who reads nothing of the group any more but that.

        :raises NoSuchGroup: there is no such group.
        :raises NotMember: the caller, or the user, is not a member.
        :raises NotAllowed: the caller's role is not above the user's.
        """
        address = self._routes.address(user).folded
        group = await self._find(name, address)
        allow(group, login, "kick")
        if address not in group.members:
            raise NotMember("there is no such member in the group")
        if login is not None:
            if address == fold(login.address):
                raise NotAllowed("to go yourself, leave")
            if group.members[address].role == "owner":
                raise NotAllowed("the owner of a group cannot be kicked")
            if group.members[address].role != "member":
                allow(group, login, "role")
        change = self._changes.begin()
        notice = change.notice(login, group, "kicked", self._accounts.shown(address))
        self._go(change, login, group, address, notice, "kicked")
        await self._changes.save(change)

    async def _find(self, name: str, *addresses: str) -> Group:
        """Return a group, with what those are called whom a notice may name."""
        while True:
            group = await self._routes.group(name)
            await self.look_up(group, *addresses)
            if self._routes.holds(group):
                return group

    async def look_up(self, group: Group, *addresses: str) -> None:
        """Have at hand what those are called whom a notice may name."""
        heir = with_role(group, "admin") or with_role(group, "member")
        for address in (*addresses, *([heir.member] if heir else [])):
            await self._accounts.ever(address.partition("@")[0])

    async def members(self, login: Login, name: str, after: str, limit: int) -> MemberPage:
        """Return members by name, to members.

        :raises NoSuchGroup: there is no such group.
        :raises NotMember: the caller is not a member.
        """
        group = await self._routes.group(name)
        if fold(login.address) not in group.members:
            raise NotMember
        return await self.page(group, after, limit)

    async def page(self, group: Group, after: str, limit: int) -> MemberPage:
        """Return members of a group by name, with the roles of those that have one."""
        rows = sorted(group.members.items())
        if after and "@" not in after:
            after = f"{after}@{group.row.a.partition('@')[2]}"
        start = bisect_right(rows, fold(after), key=lambda item: item[0])
        limit = min(limit, _PAGE)
        page = rows[start : start + limit]
        shown = {address: await self.shown(address) for address, _ in page}
        return MemberPage(
            members=list(shown.values()),
            roles={shown[address]: row.role for address, row in page if row.role != "member"},
            complete=start + limit >= len(rows),
        )

    async def shown(self, address: str) -> str:
        """Return a folded address as it was registered."""
        await self._accounts.ever(address.partition("@")[0])
        return self._accounts.shown(address)
