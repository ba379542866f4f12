"""What each command of an original server of an older system does. That it is one has been looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.commands import Command
from chatproto.errors import BadField, TooFewWords, UnknownCommand
from chatproto.events import Reply
from chatproto.realm.logins import Login

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession

_PORTS = range(65536)


def words_of(command: Command) -> list[str]:
    """Return the fields of a command, all of which have to be there.

    :raises TooFewWords: they are not.
    """
    words: list[str] = []
    for name in command.__struct_fields__:
        word = getattr(command, name)
        if word is None:
            raise TooFewWords
        words.append(word)
    return words


async def recv_realm(session: ClientSession, _: Login | None, command: commands.RecvRealm) -> Reply:
    """Learn by which name an original server calls this way."""
    alias, host, port = words_of(command)
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) in _PORTS):
        raise BadField("Gagal")
    await session.realm.older.originals.introduced(session.address, alias, host, int(port))
    session.trusted = True
    return events.Done()


async def recv_text(session: ClientSession, _: Login | None, command: commands.RecvRealmText) -> Reply:
    """Take a text for one."""
    sender, alias, to, text = words_of(command)
    await session.realm.older.originals.receive(session.address, alias, sender, [to], text)
    return events.SentToRealm()


async def recv_group_text(
    session: ClientSession, _: Login | None, command: commands.RecvRealmGroupText
) -> Reply:
    """Take a text for several."""
    sender, alias, to, text = words_of(command)
    await session.realm.older.originals.receive(session.address, alias, sender, to.split(","), text)
    return events.SentToGroupInRealm()


async def recv_file(session: ClientSession, _: Login | None, command: commands.RecvRealmFile) -> Reply:
    """Take a file for one."""
    sender, alias, to, path, content = words_of(command)
    await session.realm.older.originals.receive_file(session.address, alias, sender, [to], path, content)
    return events.FileReceivedInRealm()


async def recv_group_file(
    session: ClientSession, _: Login | None, command: commands.RecvRealmGroupFile
) -> Reply:
    """Take a file for several."""
    sender, alias, to, path, content = words_of(command)
    names = to.split(",")
    await session.realm.older.originals.receive_file(session.address, alias, sender, names, path, content)
    return events.SentToGroupInRealm()


async def get_realm_chat(session: ClientSession, _: Login | None, command: commands.GetRealmChat) -> Reply:
    """Give what waits for somebody of the original server."""
    alias, user = words_of(command)
    originals = session.realm.older.originals
    taken = await originals.hand_out(session.address, alias, user, lambda: session.gone)
    return events.RealmBoxTaken(entries=taken)


async def server_send(session: ClientSession, _: Login | None, command: commands.ServerSend) -> Reply:
    """Take a text for an inbox."""
    if command.what != "send":
        raise UnknownCommand
    sender, to, text = words_of(command)[1:]
    entry = await session.realm.older.originals.receive(session.address, "", sender, [to], text)
    return events.SentBack(entry=entry)
