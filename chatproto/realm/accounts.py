"""The users of a realm: who exists, what they are called, and who proved to be one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from chatproto.errors import (
    BadName,
    NameTaken,
    NoSuchUser,
    NotSupported,
    UserExists,
    WrongPassword,
)
from chatproto.interfaces import IAuthenticator, IStore
from chatproto.names import LocalName, UserName, fold, parse_display_name
from chatproto.realm.authentication import StoredPasswords
from chatproto.realm.cache import Cache
from chatproto.realm.passwords import PasswordHasher
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
    """Makes, finds and authenticates accounts. Without ``authenticator`` passwords are in the store."""

    _log = Logger()

    def __init__(
        self,
        store: IStore,
        writer: Writer,
        clock: Clock,
        names: Names,
        hasher: PasswordHasher,
        size: int,
        authenticator: IAuthenticator | None = None,
    ) -> None:
        self._store = store
        self._writer = writer
        self._clock = clock
        self._names = names
        self._passwords = StoredPasswords(store, writer, hasher, self.find, size)
        self._authenticator: IAuthenticator = authenticator or self._passwords
        self._known: Cache[str, AccountRow] = Cache(size, writer)
        #: Counts passwords that were replaced, for logins that were under way meanwhile.
        self.password_changes = 0
        #: Accounts that are being deleted: nobody finds them any more.
        self._ending: Counter[str] = Counter()
        self._deleted: list[Callable[[], None]] = []

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

    def check_own(self) -> None:
        """Return if accounts and passwords are kept here.

        :raises NotSupported: somebody else knows them.
        """
        elsewhere = self._authenticator.elsewhere()
        if elsewhere:
            raise NotSupported(f"accounts and passwords of this realm are kept {elsewhere}")

    async def add(
        self,
        user: str,
        password: str,
        display: str | None,
        country: str | None,
        removes: Sequence[Record] = (),
        puts: Sequence[Record] = (),
    ) -> AccountRow:
        """Make an account and return it when it is stored, with ``puts``, and ``removes`` removed with that.

        :raises UserExists: a user or a group has the name.
        :raises BadName: the user name or the name to show is malformed.
        :raises NotSupported: accounts are not kept here.
        """
        self.check_own()
        name = UserName.parse(user)
        shown = parse_display_name(display or "") or str(name)
        where = parse_display_name(country or "")
        hashed = await self._passwords.hash(password)
        await self._names.check_free(name, UserExists)
        return await self._save(name, shown, where, (PasswordRow(name.folded, hashed), *puts), removes)

    async def authenticate(self, user: str, password: str) -> AccountRow:
        """Return the account whose password this is, which is made at the first login from elsewhere.

        :raises LoginFailed: as the authenticator says, or who logs in cannot be a user here.
        """
        proved = await self._authenticator.authenticate(user, password)
        try:
            name = UserName.parse(proved)
            account = await self.find(name)
            if account is None:
                await self._names.check_free(name, UserExists)
                account = await self._save(name, str(name), "", (), ())
        except BadName:
            account = None
        except UserExists:
            account = await self.find(name)  # another connection of the same user may have been quicker
        if account is None:
            self._log.warn(
                "{user} knows the password but cannot be a user here: no such name, or one that is taken",
                user=proved,
            )
            raise WrongPassword
        return account

    async def _save(
        self, name: UserName, shown: str, where: str, puts: Sequence[Record], removes: Sequence[Record]
    ) -> AccountRow:
        """Make an account of a name that is free now."""
        account = AccountRow(name.folded, str(name), shown, where, int(self._clock.seconds() * 1000))
        taken = self._names.claim(name, "user")
        self._known.change(name.folded, account)
        await self._writer.save(inserts=(taken, account), puts=puts, removes=removes)
        return account

    async def set_password(self, user: str, password: str) -> AccountRow:
        """Replace an account's password.

        :raises NoSuchUser: there is no such account.
        :raises NotSupported: passwords are not kept here.
        """
        self.check_own()
        account = await self.find(user)
        if account is None:
            raise NoSuchUser
        hashed = await self._passwords.hash(password)
        if await self.find(account.name) is None:  # it was deleted meanwhile
            raise NoSuchUser
        await self._passwords.replace(account.name, hashed)
        self.password_changes += 1
        return account

    def begin_to_delete(self, account: AccountRow) -> None:
        """Let nobody find an account any more; logins that are under way come to nothing."""
        self._ending[account.name] += 1
        self.password_changes += 1
        for call in self._deleted:
            call()

    def end_to_delete(self, account: AccountRow) -> None:
        """Hear that the account's last row is appended, or that deleting it failed."""
        self._ending[account.name] -= 1
        if not self._ending[account.name]:  # another of its devices may be deleting it too
            del self._ending[account.name]

    def deleted(self, account: AccountRow) -> tuple[Record, ...]:
        """Return the rows of an account that is deleted, without a password and what it told of itself."""
        now = int(self._clock.seconds() * 1000)
        gone = msgspec.structs.replace(account, display=account.shown, country="", deleted=now)
        self._known.change(account.name, gone)
        return gone, self._passwords.removed(account.name)
