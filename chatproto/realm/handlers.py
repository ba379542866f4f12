"""What each command does: one function each, and the tables that find it.

A handler contains its subject only: guards were passed, errors are raised as :class:`ChatError`, nothing is
written to a connection. Those in :data:`REPLIES` return their reply; those in :data:`DIRECT` belong to
pipelined commands and the hot path, and answer by themselves.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from chatproto import commands, events
from chatproto.commands import Command
from chatproto.errors import NoSuchRealm, NothingToLogOut, RegistrationClosed
from chatproto.events import Reply
from chatproto.limits import LIST_ITEMS, RECIPIENTS, SERVER_LINE_BYTES, TEXT_BYTES
from chatproto.names import fold
from chatproto.realm.cursors import Key
from chatproto.realm.listening import Listener
from chatproto.realm.logins import Login
from chatproto.realm.policy import Registration
from chatproto.realm.sending import Answer
from chatproto.realm.times import Timestamps
from chatproto.version import VERSION

if TYPE_CHECKING:
    from chatproto.realm.realm import Realm
    from chatproto.realm.session import ClientSession, Waiting

_log = Logger()

#: Accounts in one page: with the longest names, of four bytes a character, just below SERVER_LINE_BYTES.
_USERS = 400


async def hello(session: ClientSession, _: Login | None, command: commands.Hello) -> Reply:
    """Describe the realm to a client."""
    limits = session.realm.policy.limits
    return events.Greeting(
        realm=str(session.realm.name),
        version=VERSION,
        epoch=session.realm.epoch,
        commands=[known.wire_name() for known in commands.all_commands() if known.json],
        limits={
            "line": limits.line_bytes,
            "line_before_login": limits.line_bytes_before_login,
            "server_line": SERVER_LINE_BYTES,
            "text": TEXT_BYTES,
            "recipients": RECIPIENTS,
            "pipeline": limits.pipeline,
        },
    )


# -- sessions


def _logged_in(session: ClientSession, login: Login, token: str) -> Reply:
    session.bind(login)
    return events.LoggedIn(address=login.address, token=token)


async def register(session: ClientSession, _: Login | None, command: commands.Register) -> Reply:
    """Make an account and log in to it."""
    realm = session.realm
    if realm.policy.registration is not Registration.OPEN:
        raise RegistrationClosed
    account = await realm.accounts.add(command.user, command.password, command.name, command.country)
    return _logged_in(session, *await realm.logins.begin(account, None, compact=bool(command.compact)))


async def login_(session: ClientSession, _: Login | None, command: commands.Login) -> Reply:
    """Check a password and begin a session."""
    realm = session.realm
    name, _at, where = command.user.partition("@")
    user = name if fold(where) == realm.name else command.user  # who keeps the address may use it
    while True:
        changes = realm.accounts.password_changes
        account = await realm.accounts.authenticate(user, command.password)
        login, token = await realm.logins.begin(account, command.device, compact=bool(command.compact))
        if changes == realm.accounts.password_changes:
            return _logged_in(session, login, token)
        # A password was replaced meanwhile, perhaps this one, and the sessions that it began were ended.
        await realm.logins.end(login)


async def resume(session: ClientSession, _: Login | None, command: commands.Resume) -> Reply:
    """Bind an earlier session to this connection."""
    login = await session.realm.logins.find(command.token)
    session.bind(login)
    return events.LoggedIn(address=login.address)


async def logout(session: ClientSession, login: Login | None, command: commands.Logout) -> Reply:
    """End the session of the token; without one, all that are bound to the connection."""
    if login is None:
        raise NothingToLogOut
    if command.everywhere:
        await session.realm.logins.end_all(login.account)
    elif session.by_token:
        await session.realm.logins.end(login)
    else:
        for bound in list(session.logins):
            await session.realm.logins.end(bound)
    return events.Done()


async def sessions(session: ClientSession, login: Login, command: commands.Sessions) -> Reply:
    """List the account's sessions, the newest of them if there are very many."""
    text = Timestamps().text
    rows = (await session.realm.logins.listed(login.account))[-LIST_ITEMS:]
    return events.SessionList(
        sessions=[
            events.SessionState(
                session=row.login,
                created=text(row.created),
                used=text(row.used),
                expires=text(session.realm.logins.deadline(row)),
                device=row.device_name,
                current=row.login == login.row.login,
            )
            for row in rows
        ]
    )


async def revoke(session: ClientSession, login: Login, command: commands.Revoke) -> Reply:
    """End one of the account's sessions."""
    await session.realm.logins.end_number(login.account, command.session)
    return events.Done()


# -- messages


def send(session: ClientSession, login: Login, command: commands.Send, answer: Answer) -> Waiting | None:
    """Send at once if everything needed is in memory."""
    if session.realm.sending.send(login, command, answer):
        return None
    return session.realm.sending.send_slowly(login, command, answer)


def send_group(session: ClientSession, login: Login, command: commands.SendGroup, answer: Answer) -> Waiting:
    """Send to whom an older client's target stands for."""
    return _send_to_known(session.realm, login, command, answer)


async def _send_to_known(realm: Realm, login: Login, command: commands.SendGroup, answer: Answer) -> None:
    to = await realm.sending.known_recipients(login, command.to)
    await realm.sending.send_slowly(login, commands.Send(to=to, text=command.text), answer)


async def listen(session: ClientSession, login: Login, command: commands.Listen, answer: Answer) -> None:
    """Subscribe, answer, and only then begin to tell."""
    realm = session.realm
    session.stop_listening()
    session.listener = listener = Listener(realm.router, realm.reading, login, session.sink)
    device = await realm.cursors.load(_device_cursor(login))
    newest = await listener.prepare()
    after, reset = realm.position(command.after, command.epoch, newest, device)
    if reset:
        _log.warn("{account} heard another life of the log than this store has", account=login.account)
    answer(events.Listening(seq=newest, after=after, epoch=realm.epoch, reset=reset))
    listener.start(after, own=bool(command.own))
    session.watch_expiry()


def _device_cursor(login: Login) -> Key:
    return (login.account, "device", login.device)


def ack(session: ClientSession, login: Login, command: commands.Ack, answer: Answer) -> Waiting | None:
    """Move the device's cursor."""
    if session.realm.cursors.known(_device_cursor(login)) is None:
        return _load_and_ack(session, login, command, answer)
    session.realm.cursors.move(_device_cursor(login), min(command.seq, session.realm.router.published))
    answer(events.Done())
    return None


async def _load_and_ack(session: ClientSession, login: Login, command: commands.Ack, answer: Answer) -> None:
    await session.realm.cursors.load(_device_cursor(login))
    ack(session, login, command, answer)


async def history(session: ClientSession, login: Login, command: commands.History) -> Reply:
    """Give a page of a conversation."""
    return await session.realm.reading.history(login, command)


async def conversations(session: ClientSession, login: Login, command: commands.Conversations) -> Reply:
    """List the account's conversations."""
    return await session.realm.reading.conversations(login, command)


async def read(session: ClientSession, login: Login, command: commands.Read, answer: Answer) -> None:
    """Move the reading cursor of a conversation."""
    key = await session.realm.reading.read_cursor(login, command.with_)
    if key is not None:
        session.realm.cursors.move(key, min(command.seq, session.realm.router.published))
    answer(events.Done())


# -- groups and people


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


# -- older clients


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


# -- administration


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


#: Commands whose handler returns the reply.
REPLIES: dict[type[Command], Callable[[ClientSession, Any, Any], Coroutine[Any, Any, Reply]]] = {
    commands.Hello: hello,
    commands.Register: register,
    commands.Login: login_,
    commands.Resume: resume,
    commands.Logout: logout,
    commands.Sessions: sessions,
    commands.Revoke: revoke,
    commands.History: history,
    commands.Conversations: conversations,
    commands.Create: create,
    commands.Join: join,
    commands.Leave: leave,
    commands.Members: members,
    commands.Active: active,
    commands.Inbox: inbox,
    commands.InboxGroup: inbox_group,
    commands.Info: info,
    commands.UserAdd: user_add,
    commands.UserPasswd: user_passwd,
    commands.UserList: user_list,
}

#: Commands whose handler answers by itself.
DIRECT: dict[type[Command], Callable[[ClientSession, Any, Any, Answer], Waiting | None]] = {
    commands.Send: send,
    commands.SendGroup: send_group,
    commands.Listen: listen,
    commands.Ack: ack,
    commands.Read: read,
}
