"""What each command of an operator does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.errors import NoSuchUser, NotSupported
from chatproto.events import Reply
from chatproto.limits import LIST_ITEMS
from chatproto.realm.handlers.sessions import session_list as sessions_of
from chatproto.realm.logins import Login
from chatproto.realm.policy import Registration
from chatproto.realm.times import Timestamps
from chatproto.records import AccountRow

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession

#: Accounts in one page: with the longest names, of four bytes a character, just below SERVER_LINE_BYTES.
_USERS = 400
#: Groups in one page: the same, with topics.
_GROUPS = 150


async def user_add(session: ClientSession, _: Login | None, command: commands.UserAdd) -> Reply:
    """Make an account."""
    await session.realm.accounts.add(command.user, command.password, command.name, command.country)
    return events.Done()


async def user_passwd(session: ClientSession, _: Login | None, command: commands.UserPasswd) -> Reply:
    """Replace a password; whoever knew the old one is logged out."""
    account = await session.realm.accounts.set_password(command.user, command.password)
    await session.realm.logins.end_all(account.name)
    return events.Done()


async def user_delete(session: ClientSession, _: Login | None, command: commands.UserDelete) -> Reply:
    """Delete an account."""
    await session.realm.delete_account(await _account(session, command.user))
    return events.Done()


async def _account(session: ClientSession, user: str) -> AccountRow:
    account = await session.realm.accounts.find(user)
    if account is None:
        raise NoSuchUser
    return account


async def user_list(session: ClientSession, _: Login | None, command: commands.UserList) -> Reply:
    """List accounts."""
    limit = min(command.limit or _USERS, _USERS)
    rows = await session.realm.accounts.page(command.after or "", limit + 1)
    text = Timestamps().text
    users = [
        events.UserState(user=row.shown, name=row.display, country=row.country, created=text(row.created))
        for row in rows[:limit]
    ]
    return events.UserPage(users=users, complete=len(rows) <= limit)


async def session_list(session: ClientSession, _: Login | None, command: commands.SessionList) -> Reply:
    """List an account's sessions."""
    account = await _account(session, command.user)
    return await sessions_of(session.realm, account.name, 0)


async def session_revoke(session: ClientSession, _: Login | None, command: commands.SessionRevoke) -> Reply:
    """End one session of an account, or all."""
    account = await _account(session, command.user)
    if command.session is None:
        await session.realm.logins.end_all(account.name)
    else:
        await session.realm.logins.end_number(account.name, command.session)
    return events.Done()


async def invite_add(session: ClientSession, _: Login | None, command: commands.InviteAdd) -> Reply:
    """Make an invitation to register."""
    session.realm.accounts.check_own()
    registration = session.realm.policy.registration
    if registration is not Registration.INVITE:
        raise NotSupported(
            f"an invitation would be of no use: registration is {registration.value} here, not invite"
        )
    return await session.realm.invites.make(command.seconds, command.note or "")


async def invite_list(session: ClientSession, _: Login | None, command: commands.InviteList) -> Reply:
    """List the invitations to register."""
    return await session.realm.invites.listed()


async def invite_revoke(session: ClientSession, _: Login | None, command: commands.InviteRevoke) -> Reply:
    """Take back an invitation to register."""
    await session.realm.invites.revoke(command.number)
    return events.Done()


async def group_list(session: ClientSession, _: Login | None, command: commands.GroupList) -> Reply:
    """List all groups."""
    limit = min(command.limit or _GROUPS, _GROUPS)
    return await session.realm.catalogue.all(command.after or "", limit)


async def group_show(session: ClientSession, _: Login | None, command: commands.GroupShow) -> Reply:
    """Describe a group with its members."""
    limit = command.limit or LIST_ITEMS
    return await session.realm.catalogue.details(command.group, command.after or "", limit)


async def group_kick(session: ClientSession, _: Login | None, command: commands.GroupKick) -> Reply:
    """Remove a member of a group."""
    await session.realm.groups.kick(None, command.group, command.user)
    return events.Done()


async def group_transfer(session: ClientSession, _: Login | None, command: commands.GroupTransfer) -> Reply:
    """Make a member the owner."""
    await session.realm.moderation.transfer(None, command.group, command.user)
    return events.Done()


async def group_delete(session: ClientSession, _: Login | None, command: commands.GroupDelete) -> Reply:
    """Delete a group."""
    await session.realm.moderation.delete(None, command.group)
    return events.Done()
