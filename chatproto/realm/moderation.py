"""What owners and admins do with a group beside letting people in and out: roles, topic, options, its end."""

from __future__ import annotations

import contextlib

import msgspec

from chatproto.commands import Configure
from chatproto.errors import NoSuchGroup, NotAllowed, NotMember
from chatproto.interfaces import IStore
from chatproto.limits import TOPIC_CHARACTERS
from chatproto.names import parse_shown
from chatproto.realm.accounts import Accounts
from chatproto.realm.changes import Change, Changes, is_member
from chatproto.realm.groups import Groups, allow, with_role
from chatproto.realm.logins import Login
from chatproto.realm.routes import Group, Routes
from chatproto.records import AccountRow, MemberRow


class Moderation:
    """Changes what a group is. ``login`` is None where an operator acts, who may do everything.

    All methods raise ``NoSuchGroup``; ``NotMember`` and ``NotAllowed`` if the caller may not do it.
    """

    def __init__(
        self, routes: Routes, accounts: Accounts, changes: Changes, groups: Groups, store: IStore
    ) -> None:
        self._routes = routes
        self._accounts = accounts
        self._changes = changes
        self._groups = groups
        self._store = store

    async def set_topic(self, login: Login, name: str, text: str) -> None:
        """Say what a group is about.

        :raises BadName: the topic has more than one line, or other characters that it must not have.
        """
        topic = parse_shown(text, TOPIC_CHARACTERS, "a topic")
        group = await self._routes.group(name)
        allow(group, login, "topic")
        if topic == group.settings.topic:
            return
        change = self._changes.begin()
        change.settings(group, msgspec.structs.replace(group.settings, topic=topic))
        change.notice(login, group, "topic", topic)
        await self._changes.save(change)

    async def configure(self, login: Login, command: Configure) -> None:
        """Say what newcomers may read, and who may join."""
        group = await self._routes.group(command.group)
        allow(group, login, "configure")
        settings = group.settings
        change = self._changes.begin()
        if command.history not in (None, settings.history):
            settings = msgspec.structs.replace(settings, history=command.history)
            if settings.history == "all":
                _open_past(change, group)
            change.notice(login, group, "history", settings.history)
        if command.access not in (None, settings.access):
            settings = msgspec.structs.replace(settings, access=command.access)
            change.notice(login, group, "access", settings.access)
        if settings is not group.settings:
            change.settings(group, settings)
            await self._changes.save(change)

    async def set_role(self, login: Login, name: str, user: str, role: str) -> None:
        """Make a member an admin, or an admin a member."""
        group, address = await self._member(name, user)
        allow(group, login, "role")
        member = _require(group, address)
        if member.role == "owner":
            raise NotAllowed("transfer the group first")
        if member.role == role:
            return
        change = self._changes.begin()
        change.member(group, msgspec.structs.replace(member, role=role))
        kind = "promoted" if role == "admin" else "demoted"
        change.notice(login, group, kind, self._accounts.shown(address))
        await self._changes.save(change)

    async def transfer(self, login: Login | None, name: str, user: str) -> None:
        """Make a member the owner; the one before becomes an admin."""
        group, address = await self._member(name, user)
        allow(group, login, "transfer")
        member = _require(group, address)
        owner = with_role(group, "owner")
        if owner is member:
            return
        change = self._changes.begin()
        if owner is not None:
            change.member(group, msgspec.structs.replace(owner, role="admin"))
        change.member(group, msgspec.structs.replace(member, role="owner"))
        change.notice(login, group, "owner", self._accounts.shown(address))
        await self._changes.save(change)

    async def _member(self, name: str, user: str) -> tuple[Group, str]:
        """Return a group and the folded address of a user, whose shown name is then at hand."""
        address = self._routes.address(user)
        await self._accounts.ever(address.name)
        return await self._routes.group(name), address.folded

    async def delete(self, login: Login | None, name: str) -> None:
        """Delete a group; its name stays taken, and what was said readable to those who could read it."""
        group = await self._routes.group(name)
        allow(group, login, "delete")
        change = self._changes.begin()
        change.settings(group, msgspec.structs.replace(group.settings, deleted=self._changes.log.now()))
        notice = change.notice(login, group, "deleted")
        for member in list(group.members.values()):
            change.member(group, msgspec.structs.replace(member, until=notice.seq, role="left"))
        await self._changes.save(change)

    async def delete_account(self, account: AccountRow) -> None:
        """Delete an account, whose sessions have ended, and let it leave its groups.

        The caller has begun to delete it, so that nobody finds it, and it joins no group any more.
        """
        address = self._routes.address(account.name).folded
        while True:
            own = await self._groups_of(address)
            for group in own:
                await self._groups.look_up(group)
            if all(self._routes.holds(group) for group in own):
                break
        change = self._changes.begin()
        change.put(*self._accounts.deleted(account))
        for group in own:
            if address in group.members:
                self._groups.depart(change, None, group, address)
        await self._changes.save(change)

    async def _groups_of(self, address: str) -> list[Group]:
        """Return the groups that an address is in, also if that is not on disk yet."""
        memberships = await self._store.memberships(address)
        found: dict[str, Group] = {}
        for entry in memberships:
            if entry.conversation.is_group and is_member(entry.member):
                with contextlib.suppress(NoSuchGroup):  # it was deleted just now
                    group = await self._routes.group(entry.conversation.a)
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


def _open_past(change: Change, group: Group) -> None:
    """Let everybody in a group read everything."""
    for member in list(group.members.values()):
        if member.since:
            change.member(group, msgspec.structs.replace(member, since=0))
