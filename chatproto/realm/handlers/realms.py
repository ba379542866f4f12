"""What each command of older systems about other realms does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.events import Reply
from chatproto.realm.handlers.older import instead, send_content
from chatproto.realm.logins import Login
from chatproto.realm.sending import Answer

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession


async def add_realm(session: ClientSession, login: Login, command: commands.AddRealm) -> Reply:
    """Link the realm at an address."""
    await session.realm.older.adding.add(command.realm, command.host, command.port)
    return events.Done()


async def send(session: ClientSession, login: Login, command: commands.SendRealm, answer: Answer) -> None:
    """Send to one, and wait for what the other realm says of it."""
    session.gate.message(login, 1, command.text)
    realms = session.realm.older.realms
    realm, box = realms.aliases.there(command.realm)
    to = await realms.user(realm, command.to)
    await _send(session, login, to, command.text, box, instead(answer, events.SentToRealm()))


async def send_group(
    session: ClientSession, login: Login, command: commands.SendGroupRealm, answer: Answer
) -> None:
    """Send to all of a list."""
    session.gate.message(login, command.to.count(",") + 1, command.text)
    realms = session.realm.older.realms
    realm, box = realms.aliases.there(command.realm)
    to = await realms.users(realm, command.to)
    await _send(session, login, to, command.text, box, instead(answer, events.SentToGroupInRealm()))


async def _send(
    session: ClientSession, login: Login, to: str | list[str], text: str, box: str, answer: Answer
) -> None:
    send = commands.Send(to=to, text=text, wait=True)
    await session.realm.sending.send_slowly(login, send, answer, session.gate, box=box)


async def send_file(
    session: ClientSession, login: Login, command: commands.SendFileRealm, answer: Answer
) -> None:
    """Send a file to one."""
    realms = session.realm.older.realms
    realm, box = realms.aliases.there(command.realm)
    to = await realms.user(realm, command.to)
    await send_content(session, login, to, command, instead(answer, events.FileSentToRealm()), box)


async def send_group_file(
    session: ClientSession, login: Login, command: commands.SendGroupFileRealm, answer: Answer
) -> None:
    """Send a file to all of a list."""
    realms = session.realm.older.realms
    realm, box = realms.aliases.there(command.realm)
    to = await realms.users(realm, command.to)
    await send_content(session, login, to, command, instead(answer, events.SentToGroupInRealm()), box)


async def inbox(session: ClientSession, login: Login, command: commands.RealmInbox) -> Reply:
    """Take what came into a box."""
    older = session.realm.older
    _, box = older.realms.aliases.here(command.realm)
    return await older.inboxes.take_box(login, box, session.share())
