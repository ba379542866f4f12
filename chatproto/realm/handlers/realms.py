"""What each command of older systems about other realms does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.errors import BadField, ChatError
from chatproto.events import Reply
from chatproto.realm.contents import decode_content
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
    await _send(session, login, to, command.text, box, _instead(answer, events.SentToRealm()))


async def send_group(
    session: ClientSession, login: Login, command: commands.SendGroupRealm, answer: Answer
) -> None:
    """Send to the known ones of a list."""
    session.gate.message(login, command.to.count(",") + 1, command.text)
    realms = session.realm.older.realms
    realm, box = realms.aliases.there(command.realm)
    to = await realms.users(realm, command.to)
    await _send(session, login, to, command.text, box, _instead(answer, events.SentToGroupInRealm()))


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
    await _send_file(session, login, to, command, box, _instead(answer, events.FileSentToRealm()))


async def send_group_file(
    session: ClientSession, login: Login, command: commands.SendGroupFileRealm, answer: Answer
) -> None:
    """Send a file to the known ones of a list."""
    realms = session.realm.older.realms
    realm, box = realms.aliases.there(command.realm)
    to = await realms.users(realm, command.to)
    await _send_file(session, login, to, command, box, _instead(answer, events.SentToGroupInRealm()))


async def _send_file(
    session: ClientSession,
    login: Login,
    to: str | list[str],
    command: commands.SendFileRealm | commands.SendGroupFileRealm,
    box: str,
    answer: Answer,
) -> None:
    if command.content is None:
        raise BadField("a file is sent with its content in base64 behind its name; the server opens no path")
    realm, limits = session.realm, session.limits
    data, plain = await decode_content(command.content, limits.sendfile_bytes, realm.clock)
    await realm.files.store_small(
        login, to, command.path, data, answer, session.gate, limits, plain=plain, box=box
    )


def _instead(answer: Answer, reply: Reply) -> Callable[[Reply | ChatError], None]:
    """Return what answers a success with another reply."""
    return lambda outcome: answer(outcome if isinstance(outcome, ChatError) else reply)


async def inbox(session: ClientSession, login: Login, command: commands.RealmInbox) -> Reply:
    """Take what came into a box."""
    older = session.realm.older
    _, box = older.realms.aliases.here(command.realm)
    return await older.inboxes.take_box(login, box, session.share())
