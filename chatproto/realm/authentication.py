"""Who proves to be whom: by the passwords in the realm's own store, or asked of somebody outside.

An :class:`~chatproto.interfaces.IAuthenticator` only knows names and passwords. What an account is, and that
a name once retired stays so, is the business of :mod:`chatproto.realm.accounts`.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernameHashedPassword, UsernamePassword
from twisted.cred.error import LoginFailed as CredLoginFailed
from twisted.cred.error import Unauthorized, UnhandledCredentials
from twisted.internet.defer import CancelledError, Deferred, fail, maybeDeferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from chatproto.errors import BadName, Busy, ChatError, Unavailable, UnknownUser, WrongPassword
from chatproto.interfaces import IAuthenticator, IStore
from chatproto.limits import Limits
from chatproto.names import UserName, fold
from chatproto.realm.cache import Cache
from chatproto.realm.passwords import PASSWORD_BYTES, PasswordHasher
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import AccountRow, PasswordRow

#: Frames of an authenticator's failure that are logged: enough to find the line.
_FRAMES = 8


def may_be_user(user: str) -> bool:
    """Tell whether a word may be a user's name."""
    try:
        UserName.parse(user)
    except BadName:
        return False
    return True


@implementer(IAuthenticator)
class StoredPasswords:
    """The realm's own: argon2id hashes beside the accounts. ``find`` returns an account that there is."""

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        writer: Writer,
        hasher: PasswordHasher,
        find: Callable[[str], Awaitable[AccountRow | None]],
        size: int,
    ) -> None:
        self._store = store
        self._writer = writer
        self._hasher = hasher
        self._find = find
        #: As of the open batch, for who replaces one.
        self._hashes: Cache[str, str] = Cache(size, writer)

    def authenticate(self, user: str, password: str) -> Deferred[str]:
        """See :meth:`IAuthenticator.authenticate`. An unknown user takes as long as a wrong password.

        :raises UnknownUser: there is no such user; only older dialects may tell it from the next.
        :raises WrongPassword: it is not the password.
        """
        return Deferred.fromCoroutine(self._authenticate(user, password))

    def elsewhere(self) -> str:
        """See :meth:`IAuthenticator.elsewhere`: nowhere else."""
        return ""

    async def _authenticate(self, user: str, password: str) -> str:
        name = fold(user) if may_be_user(user) else ""
        await self._store.account(name)  # known or not: it takes as long
        stored = await self._store.password(name)
        if len(password.encode()) > PASSWORD_BYTES:
            password = ""  # no password is empty: refused after the usual time
        correct = await self._hasher.check(stored, password)
        account = await self._find(name)
        if account is None:
            raise UnknownUser
        if not correct:
            raise WrongPassword
        if stored is not None and self._hasher.outdated(stored):
            await self._rehash(account.name, password, stored)
        return account.shown

    def hash(self, password: str) -> Deferred[str]:
        """Return the hash of a new password.

        :raises BadField: it is empty or too long.
        :raises Busy: too many wait already.
        """
        return self._hasher.hash(password)

    async def replace(self, account: str, hashed: str) -> None:
        """Store the hash of another password."""
        self._hashes.change(account, hashed)
        await self._writer.save(puts=(PasswordRow(account, hashed),))

    def removed(self, account: str) -> PasswordRow:
        """Return the row that no password opens, for the caller to store."""
        self._hashes.change(account, "")
        return PasswordRow(account, "")

    async def _rehash(self, account: str, password: str, stored: str) -> None:
        """Store a password again at today's cost, unless it was changed. The login does not depend on it."""
        try:
            hashed = await self._hasher.hash(password)
            if await self._hashes.find(account, lambda: self._store.password(account)) == stored:
                await self.replace(account, hashed)
        except ChatError as error:
            self._log.warn(
                "the password of {account} keeps its old cost: {code}", account=account, code=error.code
            )


@implementer(IUsernameHashedPassword)
class _Typed(UsernamePassword):
    """A name and a password as they came in, for checkers that compare themselves and for those that ask."""

    def checkPassword(self, password: bytes) -> bool:
        """Compare in a time that does not tell how much is right."""
        return hmac.compare_digest(self.password, password)


@implementer(IAuthenticator)
class CredAuthenticator:
    """Asks any checker of :mod:`twisted.cred` that takes a name and a password.

    Its avatar id, bytes in UTF-8 or text, is the user's name. ``elsewhere`` completes the sentence "accounts
    and passwords of this realm are kept", for who wants to register or to change a password.
    """

    _log = Logger()

    def __init__(
        self, checker: ICredentialsChecker, elsewhere: str = "outside of it; ask its operator"
    ) -> None:
        if not any(taken.providedBy(_Typed(b"", b"")) for taken in checker.credentialInterfaces):
            raise ValueError("the checker takes no user names with passwords")
        self._checker = checker
        self._elsewhere = elsewhere

    def authenticate(self, user: str, password: str) -> Deferred[str]:
        """See :meth:`IAuthenticator.authenticate`."""
        typed = _Typed(user.encode(), password.encode())
        asked: Deferred[object] = maybeDeferred(self._checker.requestAvatarId, typed)
        return asked.addCallbacks(self._name, _refused)

    def elsewhere(self) -> str:
        """See :meth:`IAuthenticator.elsewhere`."""
        return self._elsewhere

    def _name(self, avatar: object) -> str:
        try:
            name = avatar.decode() if isinstance(avatar, bytes) else avatar
        except UnicodeDecodeError:
            name = None
        if not isinstance(name, str) or not name:  # twisted.cred's ANONYMOUS is an empty tuple
            self._log.warn("the checker says that {avatar!r} logs in, which is no name", avatar=avatar)
            raise WrongPassword
        return name


def _refused(failure: Failure) -> Failure:
    """Turn what a checker says of a wrong password into what a client is told."""
    if failure.check(UnhandledCredentials) or not failure.check(CredLoginFailed, Unauthorized):
        return failure
    return Failure(WrongPassword())


@implementer(IAuthenticator)
class Bounded:
    """An authenticator from outside, which may be slow, silent or broken, and must not harm the realm."""

    _log = Logger()

    def __init__(self, authenticator: IAuthenticator, clock: Clock, limits: Limits) -> None:
        self._authenticator = authenticator
        self._clock = clock
        self._seconds = limits.check_seconds
        self._most = limits.checks
        self._asked: set[Deferred[str]] = set()

    def authenticate(self, user: str, password: str) -> Deferred[str]:
        """See :meth:`IAuthenticator.authenticate`; what cannot be right is not asked.

        :raises Busy: too many are asked already.
        :raises Unavailable: there was no answer in time, or none that is one.
        """
        # An empty password is none to some directories, which then let everybody in; a NUL ends one in C.
        if not may_be_user(user) or not password or "\0" in password:
            return fail(WrongPassword())
        if len(self._asked) >= self._most:
            return fail(Busy("too many logins at once; try again", retry_after=2.0))
        asked: Deferred[str] = maybeDeferred(self._authenticator.authenticate, user, password)
        self._asked.add(asked)
        asked.addTimeout(self._seconds, self._clock)  # type: ignore[arg-type]  # it needs no more of a clock

        def done(result: str | Failure) -> str | Failure:
            self._asked.discard(asked)
            return result

        return asked.addBoth(done).addErrback(self._failed)

    def elsewhere(self) -> str:
        """See :meth:`IAuthenticator.elsewhere`."""
        return self._authenticator.elsewhere()

    def stop(self) -> None:
        """Wait for no answer any more."""
        for asked in list(self._asked):
            asked.cancel()

    def _failed(self, failure: Failure) -> Failure:
        """Log what went wrong without its text, in which there may be a password."""
        if failure.check(ChatError):
            return failure
        if failure.check(DeferredTimeoutError):
            self._log.error("the authenticator does not answer within {seconds} s", seconds=self._seconds)
        elif not failure.check(CancelledError):
            frames = [f"{file}:{line} in {name}" for name, file, line, *_ in failure.frames]
            self._log.error(
                "the authenticator failed: {kind} at {place}",
                kind=getattr(failure.type, "__qualname__", failure.type),
                place=" < ".join(reversed(frames[-_FRAMES:])),
            )
        return Failure(Unavailable())
