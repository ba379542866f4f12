"""What each command about groups does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.errors import AlreadyMember, NoSuchGroup
from chatproto.events import Reply
from chatproto.limits import LIST_ITEMS
from chatproto.realm.logins import Login

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession


async def create(session: ClientSession, login: Login, command: commands.Create) -> Reply:
    """Make a group."""
    return await session.realm.groups.create(login, command)


async def join(session: ClientSession, login: Login, command: commands.Join) -> Reply:
    """Join a group, also if one was in it only to be live there: then its mail comes from now on."""
    try:
        joined = await _join(session, login, command)
    except AlreadyMember:
        if not await _has_mail_again(session, login, command.group):
            raise
        return events.GroupChanged(group=(await session.realm.routes.any_group(command.group)).row.shown_a)
    await _has_mail_again(session, login, joined.group)
    return joined


async def _has_mail_again(session: ClientSession, login: Login, name: str) -> bool:
    realm = session.realm
    try:
        group = await realm.routes.any_group(name)
    except NoSuchGroup:  # its copy is not here yet
        return False
    return await realm.older.screens.join(login.account, group.row.conversation, realm.router.published)


async def _join(session: ClientSession, login: Login, command: commands.Join) -> events.GroupChanged:
    """Join a group; one that is named without a realm is looked for in the linked ones, too."""
    realm = session.realm
    if realm.routes.is_far(command.group):
        return await realm.distant.join(login, command.group, session.gate)
    try:
        return await realm.groups.join(login, command.group)
    except NoSuchGroup:
        if "@" in command.group:
            raise
    found = await realm.distant.find(command.group)
    return await realm.distant.join(login, found, session.gate)


async def leave(session: ClientSession, login: Login, command: commands.Leave) -> Reply:
    """Leave a group."""
    if session.realm.routes.is_far(command.group):
        return await session.realm.distant.act(login, command.group, session.gate, "leave")
    return await session.realm.groups.leave(login, command.group)


async def _elsewhere(session: ClientSession, login: Login, group: str, kind: str, text: str = "") -> Reply:
    """Do something to a group of another realm."""
    changed = await session.realm.distant.act(login, group, session.gate, kind, text)
    return events.Done(state=changed.state, mid=changed.mid)


def _address(session: ClientSession, user: str) -> str:
    """Return the full address of a user, who may be of another realm than the group."""
    return str(session.realm.routes.any_address(user))


async def members(session: ClientSession, login: Login, command: commands.Members) -> Reply:
    """List a group's members."""
    limit = command.limit or LIST_ITEMS
    return await session.realm.groups.members(login, command.group, command.after or "", limit)


async def groups(session: ClientSession, login: Login, command: commands.Groups) -> Reply:
    """List the account's groups."""
    return await session.realm.catalogue.own(login, command.after or "", command.limit or LIST_ITEMS)


async def group(session: ClientSession, login: Login, command: commands.Group) -> Reply:
    """Describe a group."""
    return await session.realm.catalogue.describe(login, command.group)


async def invite(session: ClientSession, login: Login, command: commands.Invite) -> Reply:
    """Invite a user to a group."""
    if session.realm.routes.is_far(command.group):
        return await _elsewhere(session, login, command.group, "invite", _address(session, command.user))
    await session.realm.groups.invite(login, command.group, command.user, session.gate)
    return events.Done()


async def kick(session: ClientSession, login: Login, command: commands.Kick) -> Reply:
    """Remove a member of a group."""
    if session.realm.routes.is_far(command.group):
        return await _elsewhere(session, login, command.group, "kick", _address(session, command.user))
    await session.realm.groups.kick(login, command.group, command.user)
    return events.Done()


async def set_topic(session: ClientSession, login: Login, command: commands.SetTopic) -> Reply:
    """Say what a group is about."""
    if session.realm.routes.is_far(command.group):
        return await _elsewhere(session, login, command.group, "topic", command.topic)
    await session.realm.moderation.set_topic(login, command.group, command.topic)
    return events.Done()


async def set_role(session: ClientSession, login: Login, command: commands.SetRole) -> Reply:
    """Make a member an admin, or an admin a member."""
    if session.realm.routes.is_far(command.group):
        text = f"{_address(session, command.user)} {command.role}"
        return await _elsewhere(session, login, command.group, "role", text)
    await session.realm.moderation.set_role(login, command.group, command.user, command.role)
    return events.Done()


async def transfer(session: ClientSession, login: Login, command: commands.Transfer) -> Reply:
    """Make another member the owner."""
    if session.realm.routes.is_far(command.group):
        return await _elsewhere(session, login, command.group, "transfer", _address(session, command.user))
    await session.realm.moderation.transfer(login, command.group, command.user)
    return events.Done()


async def configure(session: ClientSession, login: Login, command: commands.Configure) -> Reply:
    """Set a group's options."""
    if session.realm.routes.is_far(command.group):
        options = {"history": command.history, "access": command.access}
        text = " ".join(f"{name}={value}" for name, value in options.items() if value is not None)
        return await _elsewhere(session, login, command.group, "configure", text)
    await session.realm.moderation.configure(login, command)
    return events.Done()


async def delete(session: ClientSession, login: Login, command: commands.DeleteGroup) -> Reply:
    """Delete a group."""
    if session.realm.routes.is_far(command.group):
        return await _elsewhere(session, login, command.group, "delete-group")
    await session.realm.moderation.delete(login, command.group)
    return events.Done()
