"""What each command of an operator does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.events import Reply
from chatproto.realm.logins import Login
from chatproto.realm.times import Timestamps

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession

#: Accounts in one page: with the longest names, of four bytes a character, just below SERVER_LINE_BYTES.
_USERS = 400


async def user_add(session: ClientSession, _: Login | None, command: commands.UserAdd) -> Reply:
    """Make an account."""
    await session.realm.accounts.add(command.user, command.password, command.name, command.country)
    return events.Done()


async def user_passwd(session: ClientSession, _: Login | None, command: commands.UserPasswd) -> Reply:
    """Replace a password; whoever knew the old one is logged out."""
    account = await session.realm.accounts.set_password(command.user, command.password)
    await session.realm.logins.end_all(account.name)
    return events.Done()


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
