"""What each command about groups and people does."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.errors import NoSuchRealm
from chatproto.events import Reply
from chatproto.limits import LIST_ITEMS
from chatproto.names import fold
from chatproto.realm.logins import Login
from chatproto.realm.times import Timestamps

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession


async def create(session: ClientSession, login: Login, command: commands.Create) -> Reply:
    """Make a group."""
    return await session.realm.groups.create(login, command.group)


async def join(session: ClientSession, login: Login, command: commands.Join) -> Reply:
    """Join a group."""
    return await session.realm.groups.join(login, command.group)


async def leave(session: ClientSession, login: Login, command: commands.Leave) -> Reply:
    """Leave a group."""
    return await session.realm.groups.leave(login, command.group)


async def members(session: ClientSession, login: Login, command: commands.Members) -> Reply:
    """List a group's members."""
    limit = command.limit or LIST_ITEMS
    return await session.realm.groups.members(login, command.group, command.after or "", limit)


async def active(session: ClientSession, login: Login, command: commands.Active) -> Reply:
    """List the users who have a connection."""
    realm = session.realm
    if command.realm is not None and fold(command.realm) != realm.name:
        raise NoSuchRealm
    names = realm.present.accounts()
    start = bisect_right(names, fold(command.after).partition("@")[0]) if command.after else 0
    end = start + (command.limit or LIST_ITEMS)
    found = [await realm.accounts.find(name) for name in names[start:end]]
    return events.ActivePage(
        users=[f"{account.shown}@{realm.name}" for account in found if account is not None],
        as_of=Timestamps().text(int(realm.clock.seconds() * 1000)),
        complete=end >= len(names),
    )
