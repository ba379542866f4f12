"""What each command that only the older systems know does."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from chatproto import commands, events
from chatproto.errors import (
    AlreadyMember,
    BadField,
    BadToken,
    ChatError,
    GroupExists,
    NoSuchGroup,
    NotMember,
    Unavailable,
    UnknownCommand,
)
from chatproto.events import Reply
from chatproto.names import fold
from chatproto.realm.contents import decode_content
from chatproto.realm.handlers.messages import new_listener
from chatproto.realm.live import Visit
from chatproto.realm.logins import Login
from chatproto.realm.sending import Answer

if TYPE_CHECKING:
    from chatproto.realm.realm import Realm
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
    await _send_file(session, login, command.to, command, answer)


async def send_group_file(
    session: ClientSession, login: Login, command: commands.SendGroupFile, answer: Answer
) -> None:
    """Send a file to whom an older client's target stands for."""
    to = await session.realm.sending.known_recipients(login, command.to)
    await _send_file(session, login, to, command, answer)


async def _send_file(
    session: ClientSession,
    login: Login,
    to: str | list[str],
    command: commands.SendFile | commands.SendGroupFile,
    answer: Answer,
) -> None:
    if command.content is None:
        raise BadField("a file is sent with its content in base64 behind its name; the server opens no path")
    realm, limits = session.realm, session.limits
    data, plain = await decode_content(command.content, limits.sendfile_bytes, realm.clock)

    def sent(outcome: Reply | ChatError) -> None:
        answer(outcome if isinstance(outcome, ChatError) else events.FileSent())

    await realm.files.store_small(login, to, command.path, data, sent, session.gate, limits, plain=plain)


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


async def enter_group(
    session: ClientSession, login: Login, command: commands.EnterGroup, answer: Answer
) -> None:
    """Make the user a member, and the connection one that hears the group and is live in it."""
    realm = session.realm
    await _be_member(realm, login, command.group)
    group = await realm.routes.group(command.group)
    number = group.row.conversation
    if session.gone:
        raise Unavailable
    listener = new_listener(session, login)
    await listener.prepare()  # and from here on nothing waits
    if session.listener is not listener:
        raise Unavailable
    visit = Visit(group, login, listener.hint)
    try:
        if login.ended:
            raise BadToken
        if fold(login.address) not in group.members or not realm.router.hears(login.account, number):
            raise NotMember
        realm.live.enter(visit, None)
    except ChatError:
        session.stop_listening()
        raise
    session.visits[number] = visit
    session.in_live_mode = True
    session.bind(login)  # if it was named by a token: when the session ends, the connection hears no more
    answer(events.EnteredGroup(group=group.row.shown_a, user=login.address))
    listener.start_now()
    session.watch_expiry()


async def _be_member(realm: Realm, login: Login, name: str) -> None:
    """Join a group, or make it; neighbours are not asked whether they have one of that name."""
    with contextlib.suppress(AlreadyMember):
        try:
            await realm.groups.join(login, name)
        except NoSuchGroup:
            await _make(realm, login, name)


async def _make(realm: Realm, login: Login, name: str) -> None:
    try:
        await realm.groups.create(login, commands.Create(group=name))
    except GroupExists as taken:
        try:  # somebody may have been faster
            await realm.groups.join(login, name)
        except NoSuchGroup:
            raise taken from None


async def exit_group(session: ClientSession, _: Login | None, command: commands.ExitGroup) -> Reply:
    """Let the connection be live no longer, and hear no more."""
    if not session.in_live_mode:
        raise UnknownCommand
    # What was said before this was answered, and is told to those who listen only after that.
    told: Deferred[None] = Deferred()
    session.realm.clock.callLater(0, told.callback, None)
    await told
    session.stop_listening()
    return events.ExitedGroup()
