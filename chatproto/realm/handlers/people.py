"""What each command about other people does."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.errors import BadName, NoSuchRealm
from chatproto.events import Reply
from chatproto.limits import LIST_ITEMS
from chatproto.names import RealmName, fold
from chatproto.realm.authentication import may_be_user
from chatproto.realm.logins import Login
from chatproto.realm.times import Timestamps

if TYPE_CHECKING:
    from chatproto.realm.realm import Realm
    from chatproto.realm.session import ClientSession


async def active(session: ClientSession, login: Login, command: commands.Active) -> Reply:
    """List the users who have a connection."""
    realm = session.realm
    if command.realm is not None and fold(command.realm) != realm.name:
        return await _active_elsewhere(realm, command)
    names = realm.present.accounts()
    start = bisect_right(names, fold(command.after).partition("@")[0]) if command.after else 0
    end = start + (command.limit or LIST_ITEMS)
    found = [await realm.accounts.find(name) for name in names[start:end]]
    return events.ActivePage(
        users=[f"{account.shown}@{realm.name}" for account in found if account is not None],
        as_of=Timestamps().text(int(realm.clock.seconds() * 1000)),
        complete=end >= len(names),
    )


async def _active_elsewhere(realm: Realm, command: commands.Active) -> Reply:
    """Ask another realm, which tells as many as fit into one answer."""
    try:
        name = RealmName.parse(fold(command.realm or ""))
    except BadName:
        raise NoSuchRealm from None
    found, as_of = await realm.routes.remotes.active(name)
    now = int(realm.clock.seconds() * 1000)
    users = sorted((f"{user}@{name}" for user, _ in found if may_be_user(user)), key=fold)
    after = command.after or ""
    after = after if not after or "@" in after else f"{after}@{name}"
    start = bisect_right(users, fold(after), key=fold)
    end = start + (command.limit or LIST_ITEMS)
    return events.ActivePage(
        users=users[start:end], as_of=Timestamps().text(max(0, min(as_of, now))), complete=end >= len(users)
    )


async def block(session: ClientSession, login: Login, command: commands.Block) -> Reply:
    """Hear nothing more from an address."""
    await session.realm.blocks.block(login, command.address)
    return events.Done()


async def unblock(session: ClientSession, login: Login, command: commands.Unblock) -> Reply:
    """Hear an address again."""
    await session.realm.blocks.unblock(login, command.address)
    return events.Done()


async def blocks(session: ClientSession, login: Login, command: commands.Blocks) -> Reply:
    """List whom the account blocks."""
    blocked = await session.realm.blocks.of(login.account)
    return events.BlockList(addresses=[blocked[address] for address in sorted(blocked)])
