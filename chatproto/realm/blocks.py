"""From whom an account wants to hear nothing.

A message to such an account is refused where it is sent; in groups only the blocker's own view leaves it out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from chatproto.errors import BadField, NoSuchUser, QuotaReached, Unavailable
from chatproto.interfaces import IStore
from chatproto.names import Address, RealmName
from chatproto.realm.accounts import Accounts
from chatproto.realm.cache import Cache
from chatproto.realm.logins import Login
from chatproto.realm.router import Router
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import BlockRow

#: Blocked addresses as shown, by folded address. Never changed in place.
Blocked = Mapping[str, str]


class Blocks:
    """The lists of all accounts."""

    def __init__(
        self,
        realm: RealmName,
        store: IStore,
        writer: Writer,
        clock: Clock,
        accounts: Accounts,
        router: Router,
        size: int,
        most: int,
    ) -> None:
        self._realm = realm
        self._store = store
        self._writer = writer
        self._clock = clock
        self._accounts = accounts
        self._router = router
        self._most = most
        self._known: Cache[str, Blocked] = Cache(size, writer)
        self._changed: list[Callable[[], None]] = []

    def on_change(self, call: Callable[[], None]) -> None:
        """Call when a list changed, as of the open batch."""
        self._changed.append(call)

    async def of(self, account: str) -> Blocked:
        """Return whom an account blocks."""

        async def read() -> Blocked:
            return {row.address: row.shown for row in await self._store.blocks(account)}

        blocked = await self._known.find(account, read)
        assert blocked is not None
        return blocked

    async def has(self, account: str, address: str) -> bool:
        """Tell whether an account blocks a folded address."""
        return address in await self.of(account)

    async def block(self, login: Login, name: str) -> None:
        """Put an address on the list of a session's account; once is enough.

        :raises NoSuchUser: the realm has no such user.
        :raises QuotaReached: the list is full.
        """
        address = Address.parse(name, self._realm)
        shown = str(address)
        if address.realm == self._realm:
            account = await self._accounts.find(address.name)
            if account is None:
                raise NoSuchUser
            if account.name == login.account:
                raise BadField("you cannot block yourself")
            shown = f"{account.shown}@{self._realm}"
        blocked = await self.of(login.account)
        if address.folded in blocked:
            return
        if len(blocked) >= self._most:
            raise QuotaReached(f"you block {self._most} addresses already, and no more are kept")
        now = int(self._clock.seconds() * 1000)
        row = BlockRow(login.account, address.folded, shown, now)
        await self._change(login.account, {**blocked, address.folded: shown}, puts=(row,))

    async def unblock(self, login: Login, name: str) -> None:
        """Take an address from the list of a session's account, if it is on it."""
        address = Address.parse(name, self._realm).folded
        blocked = dict(await self.of(login.account))
        shown = blocked.pop(address, None)
        if shown is None:
            return
        await self._change(login.account, blocked, removes=(BlockRow(login.account, address, shown, 0),))

    async def _change(
        self, account: str, blocked: Blocked, puts: Sequence[BlockRow] = (), removes: Sequence[BlockRow] = ()
    ) -> None:
        self._known.change(account, blocked)
        self._router.account(account).blocked = blocked
        for call in self._changed:
            call()
        try:
            await self._writer.save(puts=puts, removes=removes)
        except Unavailable:
            self._router.account(account).blocked = await self.of(account)  # as it was
            raise
