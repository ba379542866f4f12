"""What owners and admins do with a group beside letting people in and out: roles, topic, options, its end."""

from __future__ import annotations

import contextlib

import msgspec

from chatproto.commands import Configure
from chatproto.errors import ChatError, NoSuchGroup, NotAllowed, NotMember
from chatproto.interfaces import IStore
from chatproto.limits import TOPIC_CHARACTERS
from chatproto.names import RealmName, parse_shown
from chatproto.realm.accounts import Accounts
from chatproto.realm.actors import Actor
from chatproto.realm.changes import Change, Changes, is_member
from chatproto.realm.conversations import Group
from chatproto.realm.groups import Groups, allow, with_role
from chatproto.realm.logins import Login
from chatproto.realm.mail import Mail
from chatproto.realm.routes import Routes
from chatproto.realm.spelling import Spelling
from chatproto.records import AccountRow, MemberRow


class Moderation:
    """Changes what a group is. ``login`` is None where an operator acts, who may do everything.

    All methods raise ``NoSuchGroup``; ``NotMember`` and ``NotAllowed`` if the caller may not do it.
    """

    def __init__(
        self,
        routes: Routes,
        accounts: Accounts,
        spelling: Spelling,
        changes: Changes,
        groups: Groups,
        mail: Mail,
        store: IStore,
    ) -> None:
        self._spelling = spelling
        self._mail = mail
        self._routes = routes
        self._accounts = accounts
        self._changes = changes
        self._groups = groups
        self._store = store

    async def set_topic(self, login: Login, name: str, text: str) -> None:
        """Say what a group is about.

        :raises BadName: the topic has more than one line, or other characters that it must not have.
        """
        await self._save(self.describe(login, await self._routes.group(name), text))

    async def _save(self, change: Change | None) -> None:
        if change is not None:
            await self._changes.save(change)

    def describe(self, actor: Actor, group: Group, text: str) -> Change | None:
        """Return what another topic changes, None if it is the same."""
        topic = parse_shown(text, TOPIC_CHARACTERS, "a topic")
        allow(group, actor, "topic")
        if topic == group.settings.topic:
            return None
        change = self._changes.begin()
        change.settings(group, msgspec.structs.replace(group.settings, topic=topic))
        change.notice(actor, group, "topic", topic)
        return change

    async def configure(self, login: Login, command: Configure) -> None:
        """Say what newcomers may read, and who may join."""
        group = await self._routes.group(command.group)
        await self._save(self.set_up(login, group, command.history, command.access))

    def set_up(self, actor: Actor, group: Group, history: str | None, access: str | None) -> Change | None:
        """Return what other options change, None if they are the same."""
        allow(group, actor, "configure")
        settings = group.settings
        change = self._changes.begin()
        if history not in (None, settings.history):
            settings = msgspec.structs.replace(settings, history=history)
            if settings.history == "all":
                open_past(change, group)
            change.notice(actor, group, "history", settings.history)
        if access not in (None, settings.access):
            settings = msgspec.structs.replace(settings, access=access)
            change.notice(actor, group, "access", settings.access)
        if settings is group.settings:
            return None
        change.settings(group, settings)
        return change

    async def set_role(self, login: Login, name: str, user: str, role: str) -> None:
        """Make a member an admin, or an admin a member."""
        await self._save(self.raise_to(login, *await self._member(name, user), role))

    def raise_to(self, actor: Actor, group: Group, address: str, role: str) -> Change | None:
        """Return what another role of a member changes, None if it is the same."""
        allow(group, actor, "role")
        member = _require(group, address)
        if member.role == "owner":
            raise NotAllowed("transfer the group first")
        if member.role == role:
            return None
        change = self._changes.begin()
        change.member(group, msgspec.structs.replace(member, role=role))
        kind = "promoted" if role == "admin" else "demoted"
        change.notice(actor, group, kind, self._spelling.shown(address))
        return change

    async def transfer(self, login: Login | None, name: str, user: str) -> None:
        """Make a member the owner; the one before becomes an admin."""
        await self._save(self.pass_on(login, *await self._member(name, user)))

    def pass_on(self, actor: Actor | None, group: Group, address: str) -> Change | None:
        """Return what another owner changes, None if it is the same."""
        allow(group, actor, "transfer")
        member = _require(group, address)
        owner = with_role(group, "owner")
        if owner is member:
            return None
        change = self._changes.begin()
        if owner is not None:
            change.member(group, msgspec.structs.replace(owner, role="admin"))
        change.member(group, msgspec.structs.replace(member, role="owner"))
        change.notice(actor, group, "owner", self._spelling.shown(address))
        return change

    async def _member(self, name: str, user: str) -> tuple[Group, str]:
        """Return a group and the folded address of a user, whose shown name is then at hand."""
        address = self._routes.any_address(user).folded
        await self._spelling.look_up(address)
        return await self._routes.group(name), address

    async def delete(self, login: Login | None, name: str) -> None:
        """Delete a group; its name stays taken, and what was said readable to those who could read it."""
        await self._changes.save(self.end(login, await self._routes.group(name)))

    def end(self, actor: Actor | None, group: Group) -> Change:
        """Return what the end of a group changes."""
        allow(group, actor, "delete")
        change = self._changes.begin()
        change.settings(group, msgspec.structs.replace(group.settings, deleted=self._changes.log.now()))
        notice = change.notice(actor, group, "deleted")
        for member in list(group.members.values()):
            change.member(group, msgspec.structs.replace(member, until=notice.seq, role="left"))
        return change

    async def delete_account(self, account: AccountRow) -> None:
        """Delete an account, whose sessions have ended, and let it leave its groups.

        The caller has begun to delete it, so that nobody finds it, and it joins no group any more.
        """
        address = self._routes.address(account.name).folded
        while True:
            own = await self._groups_of(address)
            for group in own:
                await self._groups.look_up(group)
            homes = await self._homes(own)
            if all(self._routes.holds(group) for group in own) and all(map(self._mail.ready, homes)):
                break
        change = self._changes.begin()
        change.put(*self._accounts.deleted(account))
        for group in own:
            if address not in group.members:
                continue
            if not group.settings.home:
                self._groups.depart(change, None, group, address)
            elif group.settings.home in homes:
                self._mail.add(change, self._spelling.shown(address), 0, group.row.shown_a, "leave")
        await self._changes.save(change)

    async def _homes(self, groups: list[Group]) -> set[RealmName]:
        """Return the other realms that have to be told, as far as anything goes there."""
        homes = set()
        for realm in {RealmName(group.settings.home) for group in groups if group.settings.home}:
            with contextlib.suppress(ChatError):
                await self._mail.prepare(realm)
                homes.add(realm)
        return homes

    async def _groups_of(self, address: str) -> list[Group]:
        """Return the groups that an address is in, also if that is not on disk yet."""
        memberships = await self._store.memberships(address)
        found: dict[str, Group] = {}
        for entry in memberships:
            if entry.conversation.is_group and is_member(entry.member):
                with contextlib.suppress(NoSuchGroup):  # it was deleted just now
                    group = await self._routes.any_group(entry.conversation.a)
                    found[group.name] = group
        for group in self._routes.groups_in_memory():
            if address in group.members:
                found[group.name] = group
        return list(found.values())


def _require(group: Group, address: str) -> MemberRow:
    member = group.members.get(address)
    if member is None:
        raise NotMember("there is no such member in the group")
    return member


def open_past(change: Change, group: Group) -> None:
    """Let everybody in a group read everything."""
    for member in list(group.members.values()):
        if member.since:
            change.member(group, msgspec.structs.replace(member, since=0))
