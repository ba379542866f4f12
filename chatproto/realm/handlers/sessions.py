"""Who is asking: what each command about sessions and accounts does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chatproto import commands, events
from chatproto.errors import (
    BadInvite,
    BadToken,
    NothingToLogOut,
    RegistrationClosed,
    Unavailable,
    WrongPassword,
)
from chatproto.events import Reply
from chatproto.limits import CHUNK_BYTES, LIST_ITEMS, RECIPIENTS, SERVER_LINE_BYTES, TEXT_BYTES
from chatproto.names import fold
from chatproto.realm.authentication import may_be_user
from chatproto.realm.files.upload import WINDOW_BYTES
from chatproto.realm.logins import Login
from chatproto.realm.policy import Registration
from chatproto.realm.times import Timestamps
from chatproto.records import AccountRow, Record
from chatproto.version import VERSION

if TYPE_CHECKING:
    from chatproto.realm.realm import Realm
    from chatproto.realm.session import ClientSession


async def hello(session: ClientSession, _: Login | None, command: commands.Hello) -> Reply:
    """Describe the realm to a client."""
    limits = session.limits
    return events.Greeting(
        realm=str(session.realm.name),
        version=VERSION,
        epoch=session.realm.lives.epoch,
        commands=[known.wire_name() for known in commands.all_commands() if known.json],
        limits={
            "line": limits.line_bytes,
            "line_before_login": limits.line_bytes_before_login,
            "server_line": SERVER_LINE_BYTES,
            "text": TEXT_BYTES,
            "recipients": RECIPIENTS,
            "pipeline": limits.pipeline,
            "chunk": CHUNK_BYTES,
            "window": WINDOW_BYTES,
            "uploads": limits.uploads,
            "file_bytes": limits.file_bytes,
            "file_bytes_a_day": limits.file_bytes_a_day,
        },
    )


def _logged_in(session: ClientSession, login: Login, token: str) -> Reply:
    session.bind(login)
    return events.LoggedIn(address=login.address, token=token)


async def register(session: ClientSession, _: Login | None, command: commands.Register) -> Reply:
    """Make an account and log in to it."""
    realm = session.realm
    account = await make_account(session, command)
    login, token = await realm.logins.begin(account, None, compact=bool(command.compact))
    if await realm.accounts.find(account.name) is None:  # an operator was quick to delete it
        await realm.logins.end(login)
        raise BadToken
    return _logged_in(session, login, token)


async def make_account(
    session: ClientSession, command: commands.Register, more: Sequence[Record] = ()
) -> AccountRow:
    """Make an account, if whoever asks may have one, and store ``more`` with it."""
    realm = session.realm
    realm.accounts.check_own()
    if realm.policy.registration is Registration.CLOSED:
        raise RegistrationClosed
    by_invitation = realm.policy.registration is Registration.INVITE
    session.gate.registration(session.address, by_invitation=by_invitation)
    invite = None
    if by_invitation:
        if not command.invite:  # an older client knows of none
            raise BadInvite("registering here takes an invitation; ask the operator of this realm for one")
        invite = await realm.invites.take(command.invite)
    account = None
    try:
        account = await realm.accounts.add(
            command.user, command.password, command.name, command.country, [invite] if invite else [], more
        )
    finally:
        if invite is not None:
            realm.invites.release(invite, used=account is not None)
    realm.attempts.right(session.address, account.name)
    return account


async def login_(session: ClientSession, _: Login | None, command: commands.Login) -> Reply:
    """Check a password and begin a session."""
    return _logged_in(session, *await begin_session(session, command))


async def begin_session(session: ClientSession, command: commands.Login) -> tuple[Login, str]:
    """Check a password, and return a new session with its token."""
    realm = session.realm
    name, _at, where = command.user.partition("@")
    user = name if fold(where) == realm.name else command.user  # who keeps the address may use it
    while True:
        changes = realm.accounts.password_changes
        account = await _authenticate(session, user, command.password)
        if session.gone:  # nobody would ever use the session
            raise Unavailable
        login, token = await realm.logins.begin(account, command.device, compact=bool(command.compact))
        if changes == realm.accounts.password_changes:
            return login, token
        # A password was replaced meanwhile, perhaps this one, and the sessions that it began were ended.
        await realm.logins.end(login)


async def _authenticate(session: ClientSession, user: str, password: str) -> AccountRow:
    """Return the account whose password this is; too many attempts are delayed, or refused."""
    accounts = session.realm.accounts
    # What can be no user's name may be a password that was typed in its place: nothing is kept under it.
    account = fold(user) if may_be_user(user) else ""
    return await session.try_password(account, lambda: accounts.authenticate(user, password))


async def resume(session: ClientSession, _: Login | None, command: commands.Resume) -> Reply:
    """Bind an earlier session to this connection."""
    login = await session.find_login(command.token)
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
    """List the account's sessions."""
    return await session_list(session.realm, login.account, login.row.login)


async def session_list(realm: Realm, account: str, current: int) -> Reply:
    """Return an account's sessions, the newest of them if there are very many."""
    text = Timestamps().text
    rows = (await realm.logins.listed(account))[-LIST_ITEMS:]
    return events.SessionList(
        sessions=[
            events.SessionState(
                session=row.login,
                created=text(row.created),
                used=text(row.used),
                expires=text(realm.logins.deadline(row)),
                device=row.device_name,
                current=row.login == current,
            )
            for row in rows
        ]
    )


async def revoke(session: ClientSession, login: Login, command: commands.Revoke) -> Reply:
    """End one of the account's sessions."""
    await session.realm.logins.end_number(login.account, command.session)
    return events.Done()


async def new_password(session: ClientSession, login: Login, command: commands.NewPassword) -> Reply:
    """Replace the account's password; whoever knew the old one is logged out."""
    realm = session.realm
    realm.accounts.check_own()
    account = await _authenticate(session, login.account, command.old)
    await realm.accounts.set_password(account.name, command.new)
    await realm.logins.end_all(account.name, but=login)
    return events.Done()


async def delete_account(session: ClientSession, login: Login, command: commands.DeleteAccount) -> Reply:
    """Delete the account."""
    # As it is shown: whoever knows the passwords may tell capitals apart.
    user = login.address.partition("@")[0]
    account = await _authenticate(session, user, command.password)
    if account.name != login.account:
        raise WrongPassword
    await session.realm.delete_account(account)
    return events.Done()
