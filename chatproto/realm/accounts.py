"""The users of a realm: who exists, what they are called, and whether a password is theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from chatproto.errors import (
    BadName,
    ChatError,
    NameTaken,
    NoSuchUser,
    UnknownUser,
    UserExists,
    WrongPassword,
)
from chatproto.interfaces import IStore
from chatproto.names import LocalName, UserName, fold, parse_display_name
from chatproto.realm.cache import Cache
from chatproto.realm.passwords import PASSWORD_BYTES, PasswordHasher
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import AccountRow, NameRow, PasswordRow, Record


class Names:
    """The one namespace of users and groups; a name once taken stays taken."""

    def __init__(self, store: IStore, writer: Writer, size: int) -> None:
        self._store = store
        self._taken: Cache[str, NameRow] = Cache(size, writer)

    async def check_free(self, name: LocalName, taken: type[NameTaken]) -> None:
        """Return if nothing has the name. The caller claims it before it waits for anything else.

        :raises NameTaken: as the class that the caller gave.
        """
        if await self._taken.find(name.folded, lambda: self._store.name(name.folded)) is not None:
            raise taken

    def claim(self, name: LocalName, kind: str) -> NameRow:
        """Return the row that takes a free name; the caller stores it with what has the name."""
        row = NameRow(name.folded, kind)
        self._taken.change(name.folded, row)
        return row


class Accounts:
    """Makes, finds and authenticates accounts."""

    _log = Logger()

    def __init__(
        self, store: IStore, writer: Writer, clock: Clock, names: Names, hasher: PasswordHasher, size: int
    ) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock
        self._names = names
        self._hasher = hasher
        self._known: Cache[str, AccountRow] = Cache(size, writer)
        #: Counts passwords that were replaced, for logins that were under way meanwhile.
        self.password_changes = 0
        #: Accounts that are being deleted: nobody finds them any more.
        self._ending: set[str] = set()
        self._deleted: list[Callable[[], None]] = []
        #: Hashes of passwords as of the open batch, for who replaces one.
        self._hashes: Cache[str, str] = Cache(size, writer)

    async def find(self, name: str) -> AccountRow | None:
        """Return an account by its name in any case, None if there is none, or none any more."""
        account = await self.ever(name)
        gone = account is None or account.deleted or account.name in self._ending
        return None if gone else account

    async def ever(self, name: str) -> AccountRow | None:
        """Return an account that there is or was, since what it said stays."""
        key = fold(name)
        return await self._known.find(key, lambda: self._store.account(key))

    def shown(self, address: str) -> str:
        """Return a folded address as it was registered, if that is in memory."""
        name, _, realm = address.partition("@")
        account = self._known.get(name)
        return address if account is None else f"{account.shown}@{realm}"

    def on_delete(self, call: Callable[[], None]) -> None:
        """Call when an account is deleted, as of the open batch."""
        self._deleted.append(call)

    def page(self, after: str, limit: int) -> Deferred[list[AccountRow]]:
        """Return accounts by name."""
        return self._store.accounts(fold(after), limit)

    async def add(
        self,
        user: str,
        password: str,
        display: str | None,
        country: str | None,
        removes: Sequence[Record] = (),
    ) -> AccountRow:
        """Make an account and return it when it is stored, and ``removes`` removed with that.

        :raises UserExists: a user or a group has the name.
        :raises BadName: the user name or the name to show is malformed.
        """
        name = UserName.parse(user)
        shown = parse_display_name(display or "") or str(name)
        where = parse_display_name(country or "")
        hashed = await self._hasher.hash(password)
        await self._names.check_free(name, UserExists)
        now = int(self._clock.seconds() * 1000)
        account = AccountRow(name.folded, str(name), shown, where, now)
        taken = self._names.claim(name, "user")
        self._known.change(name.folded, account)
        hash_row = PasswordRow(name.folded, hashed)
        await self._writer.save(inserts=(taken, account), puts=(hash_row,), removes=removes)
        return account

    async def authenticate(self, user: str, password: str) -> AccountRow:
        """Return the account whose password this is. An unknown user takes as long as a wrong password.

        :raises UnknownUser: there is no such user; only older dialects may tell it from the next.
        :raises WrongPassword: it is not the password.
        """
        name = fold(user) if may_be_user(user) else ""
        await self._store.account(name)  # known or not: it takes as long
        stored = await self._store.password(name)
        if len(password.encode()) > PASSWORD_BYTES:
            password = ""  # no password is empty: refused after the usual time
        correct = await self._hasher.check(stored, password)
        account = await self.find(name)
        if account is None:
            raise UnknownUser
        if not correct:
            raise WrongPassword
        if stored is not None and self._hasher.outdated(stored):
            await self._rehash(account.name, password, stored)
        return account

    async def set_password(self, user: str, password: str) -> AccountRow:
        """Replace an account's password.

        :raises NoSuchUser: there is no such account.
        """
        account = await self.find(user)
        if account is None:
            raise NoSuchUser
        await self._replace(account.name, await self._hasher.hash(password))
        self.password_changes += 1
        return account

    def begin_to_delete(self, account: AccountRow) -> None:
        """Let nobody find an account any more; logins that are under way come to nothing."""
        self._ending.add(account.name)
        self.password_changes += 1
        for call in self._deleted:
            call()

    def end_to_delete(self, account: AccountRow) -> None:
        """Hear that the account's last row is appended, or that deleting it failed."""
        self._ending.discard(account.name)

    def deleted(self, account: AccountRow) -> tuple[Record, ...]:
        """Return the rows of an account that is deleted, without a password and what it told of itself."""
        now = int(self._clock.seconds() * 1000)
        gone = msgspec.structs.replace(account, display=account.shown, country="", deleted=now)
        self._known.change(account.name, gone)
        return gone, PasswordRow(account.name, "")

    async def _replace(self, account: str, hashed: str) -> None:
        self._hashes.change(account, hashed)
        await self._writer.save(puts=(PasswordRow(account, hashed),))

    async def _rehash(self, account: str, password: str, stored: str) -> None:
        """Store a password again at today's cost, unless it was changed. The login does not depend on it."""
        try:
            hashed = await self._hasher.hash(password)
            if await self._hashes.find(account, lambda: self._store.password(account)) == stored:
                await self._replace(account, hashed)
        except ChatError as error:
            self._log.warn(
                "the password of {account} keeps its old cost: {code}", account=account, code=error.code
            )


def may_be_user(user: str) -> bool:
    """Tell whether a word may be a user's name."""
    try:
        UserName.parse(user)
    except BadName:
        return False
    return True
