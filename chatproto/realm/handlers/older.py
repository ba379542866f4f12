"""What each command that only the older systems know does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.events import Reply
from chatproto.realm.logins import Login

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession


async def inbox(session: ClientSession, login: Login, command: commands.Inbox) -> Reply:
    """Take what came."""
    return await session.realm.inboxes.take_all(login)


async def inbox_group(session: ClientSession, login: Login, command: commands.InboxGroup) -> Reply:
    """Take what came in one group."""
    return await session.realm.inboxes.take_group(login, command.group)


async def info(session: ClientSession, _: Login | None, command: commands.Info) -> Reply:
    """Tell who is logged in."""
    found = [await session.realm.accounts.find(name) for name in session.realm.present.accounts()]
    return events.InfoTaken(
        users=[
            events.UserInfo(username=account.shown, name=account.display, country=account.country)
            for account in found
            if account is not None
        ]
    )
