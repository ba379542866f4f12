"""What each command that only the older systems know does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.errors import BadField, ChatError
from chatproto.events import Reply
from chatproto.realm.contents import decode_content
from chatproto.realm.logins import Login
from chatproto.realm.sending import Answer

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession


async def inbox(session: ClientSession, login: Login, command: commands.Inbox) -> Reply:
    """Take what came."""
    return await session.realm.older.inboxes.take_all(login, session.share())


async def inbox_group(session: ClientSession, login: Login, command: commands.InboxGroup) -> Reply:
    """Take what came in one group."""
    return await session.realm.older.inboxes.take_group(login, command.group, session.share())


async def receive_file(session: ClientSession, login: Login, command: commands.ReceiveFile) -> Reply:
    """Take the files that came."""
    return await session.realm.older.inboxes.take_files(login, session.share())


async def send_file(session: ClientSession, login: Login, command: commands.SendFile, answer: Answer) -> None:
    """Send a file whose content came with the command."""
    await send_content(session, login, command.to, command, instead(answer, events.FileSent()))


async def send_group_file(
    session: ClientSession, login: Login, command: commands.SendGroupFile, answer: Answer
) -> None:
    """Send a file to whom an older client's target stands for."""
    to = await session.realm.sending.known_recipients(login, command.to)
    await send_content(session, login, to, command, instead(answer, events.FileSent()))


async def send_content(
    session: ClientSession,
    login: Login,
    to: str | list[str],
    command: (
        commands.SendFile | commands.SendGroupFile | commands.SendFileRealm | commands.SendGroupFileRealm
    ),
    answer: Answer,
    box: str = "",
) -> None:
    """Send a file whose content came with a command, answered as ``send`` is.

    :raises BadField: no content came.
    :raises ChatError: the file is refused.
    """
    if command.content is None:
        raise BadField("a file is sent with its content in base64 behind its name; the server opens no path")
    realm, limits = session.realm, session.limits
    data, plain = await decode_content(command.content, limits.sendfile_bytes, realm.clock)
    await realm.files.store_small(
        login, to, command.path, data, answer, session.gate, limits, plain=plain, box=box
    )


def instead(answer: Answer, reply: Reply) -> Answer:
    """Return what answers a success with another reply."""
    return lambda outcome: answer(outcome if isinstance(outcome, ChatError) else reply)


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
