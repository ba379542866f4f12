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
from chatproto.realm.accounts import Names
from chatproto.realm.actors import Actor, Guest
from chatproto.realm.changes import Change, Changes, is_member
from chatproto.realm.conversations import Group, Route
from chatproto.realm.gate import Gate
from chatproto.realm.logins import Login
from chatproto.realm.mail import Mail
from chatproto.realm.routes import Routes
from chatproto.realm.spelling import Spelling
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


def allow(group: Group, actor: Actor | None, what: str) -> None:
    """Return if somebody may do something to a group.

    :raises NotMember: it is no member.
    :raises NotAllowed: it takes a role that the account does not have.
    """
    if actor is None:
        return
    member = group.members.get(fold(actor.address))
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
        spelling: Spelling,
        changes: Changes,
        mail: Mail,
        store: IStore,
        limits: Limits,
    ) -> None:
        self._routes = routes
        self._names = names
        self._spelling = spelling
        self._changes = changes
        self._mail = mail
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
        await self.check_quota(login)
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
        await self.check_quota(login)
        while True:
            group = await self._routes.group(name)
            before = await self._changes.outsider(group, fold(login.address))
            if self._routes.holds(group):
                break
        if login.ended:  # or the account is being deleted
            raise BadToken
        await self._changes.save(self.admit(login, group, before))
        return GroupChanged(group=group.row.shown_a)

    def admit(self, actor: Actor, group: Group, before: MemberRow | None) -> Change:
        """Let somebody join, of whom as a stranger to the group the row is known.

        :raises ChatError: as :meth:`join`.
        """
        own = fold(actor.address)
        if own in group.members:
            raise AlreadyMember
        self._check_welcome(group, before)
        newest = self._changes.newest_seq
        since = 0 if group.settings.history == "all" else newest
        # Nobody is left who could make one the owner; a room never had one.
        role = "member" if group.members or not group.settings.owner else "owner"
        change = self._changes.begin()
        change.member(group, MemberRow(group.row.conversation, own, since, 0, role, newest))
        change.notice(actor, group, "joined")
        if role == "owner" and isinstance(actor, Guest):  # the log tells other realms all that there is
            change.notice(None, group, "owner", actor.address)
        return change

    def _check_welcome(self, group: Group, before: MemberRow | None) -> None:
        role = "" if before is None else before.role
        if role != "invited":
            if role == "kicked":
                raise NotAllowed("you were removed from this group; somebody in it has to invite you")
            if group.settings.access == "invited":
                raise NotAllowed("this group is for those who are invited")
        if len(group.members) >= self._limits.members_per_group:
            raise QuotaReached(f"a group has at most {self._limits.members_per_group} members")

    async def check_quota(self, login: Login) -> None:
        """Return if an account may join one more group.

        :raises QuotaReached: it may not.
        """
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
        group = await self._find(name)
        await self._changes.save(self.part(login, group))
        return GroupChanged(group=group.row.shown_a)

    def part(self, actor: Actor, group: Group) -> Change:
        """Let somebody leave.

        :raises NotMember: it is not a member.
        """
        own = fold(actor.address)
        if own not in group.members:
            raise NotMember
        change = self._changes.begin()
        self.depart(change, actor, group, own)
        return change

    def depart(self, change: Change, actor: Actor | None, group: Group, address: str) -> None:
        """Let a member leave a group."""
        notice = change.notice(actor, group, "left", author=self._spelling.shown(address))
        self._go(change, group, address, notice, "left")

    def _go(
        self,
        change: Change,
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
            change.notice(None, group, "owner", self._spelling.shown(heir.member))

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
            if route.group is not None or route.copy is not None:
                raise NoSuchUser
            if route.peer is not None:
                await self._mail.prepare(route.peer)
            # Last, as it may change while something else is read.
            before = await self._changes.outsider(group, fold(route.to))
            if self._routes.known(login, user) is route and self._routes.holds(group):
                break
        if not self.may_invite(login, group, fold(route.to), before):
            return
        if route.peer is not None:
            self._mail.check(route.peer, group.row.shown_a)
        gate.delivery(login, [route], "")
        await self._changes.save(self.invited(login, group, route, before))

    def may_invite(self, actor: Actor, group: Group, address: str, before: MemberRow | None) -> bool:
        """Tell whether an invitation changes anything.

        :raises ChatError: as :meth:`invite`.
        """
        if fold(actor.address) not in group.members:
            raise NotMember
        if address in group.members:
            raise AlreadyMember("the user is a member already")
        role = "" if before is None else before.role
        if group.settings.access == "invited" or role == "kicked":
            allow(group, actor, "invite")
        return role != "invited"

    def invited(self, actor: Actor, group: Group, route: Route, before: MemberRow | None) -> Change:
        """Let somebody join who may be invited, and tell it so; of another realm in the group's name."""
        # A window that nothing is in, as until 0 would be that of a member.
        blank = MemberRow(group.row.conversation, fold(route.to), 1, 1, "invited", 1)
        change = self._changes.begin()
        change.member(group, blank if before is None else msgspec.structs.replace(before, role="invited"))
        shown = group.row.shown_a
        if route.peer is None:
            change.message(actor, route, "invitation", shown)
        else:
            self._mail.add(change, shown, 0, route.to, "invitation", shown)
        return change

    async def kick(self, login: Login | None, name: str, user: str) -> None:
        """Remove a member, who reads nothing of the group any more but that.

        :raises NoSuchGroup: there is no such group.
        :raises NotMember: the caller, or the user, is not a member.
        :raises NotAllowed: the caller's role is not above the user's.
        """
        address = self._routes.any_address(user).folded
        group = await self._find(name, address)
        await self._changes.save(self.remove(login, group, address))

    def remove(self, actor: Actor | None, group: Group, address: str) -> Change:
        """Remove a member.

        :raises ChatError: as :meth:`kick`.
        """
        allow(group, actor, "kick")
        if address not in group.members:
            raise NotMember("there is no such member in the group")
        if actor is not None:
            if address == fold(actor.address):
                raise NotAllowed("to go yourself, leave")
            if group.members[address].role == "owner":
                raise NotAllowed("the owner of a group cannot be kicked")
            if group.members[address].role != "member":
                allow(group, actor, "role")
        change = self._changes.begin()
        notice = change.notice(actor, group, "kicked", self._spelling.shown(address))
        self._go(change, group, address, notice, "kicked")
        return change

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
            await self._spelling.look_up(address)

    async def members(self, login: Login, name: str, after: str, limit: int) -> MemberPage:
        """Return members by name, to members.

        :raises NoSuchGroup: there is no such group.
        :raises NotMember: the caller is not a member.
        """
        group = await self._routes.any_group(name)
        if fold(login.address) not in group.members:
            raise NotMember
        return await self.page(group, after, limit)

    async def page(self, group: Group, after: str, limit: int) -> MemberPage:
        """Return members of a group by name, with the roles of those that have one."""
        rows = sorted(group.members.items())
        start = bisect_right(rows, self._routes.key(after), key=lambda item: item[0])
        limit = min(limit, _PAGE)
        page = rows[start : start + limit]
        shown = {address: await self._spelling.look_up(address) for address, _ in page}
        return MemberPage(
            members=list(shown.values()),
            roles={shown[address]: row.role for address, row in page if row.role != "member"},
            complete=start + limit >= len(rows),
        )
