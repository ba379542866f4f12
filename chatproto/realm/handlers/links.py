"""What each command of an operator about other realms does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.errors import BadName, NoSuchRealm
from chatproto.events import Reply
from chatproto.names import RealmName
from chatproto.realm.logins import Login

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession

#: Entries in one page: with the longest addresses, endpoints and errors below SERVER_LINE_BYTES.
_ENTRIES = 150


async def key(session: ClientSession, _: Login | None, command: commands.RealmKey) -> Reply:
    """Tell the fingerprint of the realm's key."""
    realm = session.realm
    return events.RealmKey(realm=str(realm.name), fingerprint=realm.links.fingerprint())


async def list_(session: ClientSession, _: Login | None, command: commands.RealmList) -> Reply:
    """List the links."""
    limit = _limit(command.limit)
    after = command.after or ""
    found = [each for each in await session.realm.links.states(bool(command.clocks)) if each.realm > after]
    return events.LinkPage(links=found[:limit], complete=len(found) <= limit)


async def add(session: ClientSession, _: Login | None, command: commands.RealmAdd) -> Reply:
    """Add a realm."""
    return await session.realm.links.add(RealmName.parse(command.realm), command.connect, command.pin or "")


async def approve(session: ClientSession, _: Login | None, command: commands.RealmApprove) -> Reply:
    """Take the key that a realm showed."""
    await session.realm.links.approve(_realm(command.realm), command.fingerprint or "")
    return events.Done()


async def retry(session: ClientSession, _: Login | None, command: commands.RealmRetry) -> Reply:
    """Dial a realm now."""
    await session.realm.links.retry(_realm(command.realm))
    return events.Done()


async def park(session: ClientSession, _: Login | None, command: commands.RealmPark) -> Reply:
    """Dial a realm no more."""
    await session.realm.links.park(_realm(command.realm))
    return events.Done()


async def block(session: ClientSession, _: Login | None, command: commands.RealmBlock) -> Reply:
    """Have nothing to do with a realm."""
    await session.realm.links.block(_realm(command.realm))
    return events.Done()


async def drop(session: ClientSession, _: Login | None, command: commands.RealmDrop) -> Reply:
    """End a link."""
    return events.LinkDropped(bounced=await session.realm.links.drop(_realm(command.realm)))


async def queue(session: ClientSession, _: Login | None, command: commands.RealmQueue) -> Reply:
    """List what waits for a realm."""
    realm = _realm(command.realm)
    return await session.realm.links.queue(realm, command.after or 0, _limit(command.limit))


async def dead_letters(session: ClientSession, _: Login | None, command: commands.RealmDeadLetters) -> Reply:
    """List what came back."""
    realm = "" if command.realm is None else str(_realm(command.realm))
    return await session.realm.links.dead_letters(realm, command.after or 0, _limit(command.limit))


def _limit(said: int | None) -> int:
    return min(said or _ENTRIES, _ENTRIES)


def _realm(text: str) -> RealmName:
    try:
        return RealmName.parse(text)
    except BadName:
        raise NoSuchRealm from None
