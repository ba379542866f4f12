"""What each command does that only clients of system A give."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.errors import BadToken, NotAllowed, NotLoggedIn, Unavailable, UnknownUser
from chatproto.events import Reply
from chatproto.names import fold
from chatproto.realm.handlers.messages import new_listener
from chatproto.realm.handlers.sessions import begin_session, make_account
from chatproto.realm.logins import Login
from chatproto.realm.sending import Answer
from chatproto.records import AccountRow, Record

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession


async def sign_in(session: ClientSession, _: Login | None, command: commands.SignIn, answer: Answer) -> None:
    """Check a password, answer, and only then begin to tell."""
    realm, earlier = session.realm, list(session.logins)
    login, _token = await begin_session(session, commands.Login(user=command.user, password=command.password))
    if session.gone:
        await realm.logins.end(login)
        raise Unavailable
    # Nobody is told its token: without the connection it is of no use.
    session.passing = {each for each in session.passing if not each.ended} | {login}
    session.bind(login)
    listener = new_listener(session, login)
    try:
        await listener.prepare()
        telling = await realm.older.pickups.begin(login, lambda: realm.router.published)
    except BaseException:
        session.stop_listening()
        raise
    # From here on nothing waits.
    if session.listener is not listener:
        telling.end()
        raise Unavailable
    session.telling = telling
    if login.ended:
        session.stop_listening()
        raise BadToken
    answer(events.LoggedIn(address=login.address))
    listener.start_now()
    session.watch_expiry()
    for before in earlier:
        await realm.logins.end(before)


async def as_(session: ClientSession, login: Login | None, command: commands.As, answer: Answer) -> None:
    """Carry out a command for the user who is named, if that is the connection's."""
    if login is None:
        if not command.trusting or command.user is None:
            raise NotLoggedIn
        await _as_trusted(session, command.user, command.command, answer)
        return
    if command.user is not None and fold(command.user) not in (login.account, fold(login.address)):
        raise NotAllowed("somebody else is logged in on this connection")
    await _carry_out(session, login, command.command, answer)


async def _as_trusted(session: ClientSession, user: str, command: commands.Command, answer: Answer) -> None:
    realm = session.realm
    account = await realm.accounts.find(user)
    if account is None:
        raise UnknownUser
    login, _token = await realm.logins.begin(account, None, compact=False)
    try:
        await _carry_out(session, login, command, answer)
    finally:
        await realm.logins.end(login)


async def _carry_out(session: ClientSession, login: Login, command: commands.Command, answer: Answer) -> None:
    waiting = session.dispatch(command, login, answer)
    if waiting is not None:
        await waiting


async def pick_up(session: ClientSession, login: Login, command: commands.PickUp) -> Reply:
    """Take what waits."""
    return await session.realm.older.pickups.take(login)


async def register_at(session: ClientSession, _: Login | None, command: commands.RegisterAt) -> Reply:
    """Make an account in the realm that is named."""
    register = commands.Register(user=command.user, password=command.password)

    def make(more: Sequence[Record]) -> Awaitable[AccountRow]:
        return make_account(session, register, more)

    registering = session.realm.older.registering
    await registering.register(command.realm, command.user, command.password, make)
    return events.Done()
