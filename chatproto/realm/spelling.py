"""How addresses are written, of this realm and of others."""

from __future__ import annotations

from chatproto.names import RealmName
from chatproto.realm.accounts import Accounts
from chatproto.realm.others import Others


class Spelling:
    """Finds for a folded address how its user registered it, or wrote it last."""

    def __init__(self, realm: RealmName, accounts: Accounts, others: Others) -> None:
        self._realm = realm
        self._accounts = accounts
        self._others = others

    async def look_up(self, address: str) -> str:
        """Return how an address is shown, and have it at hand."""
        name, _, realm = address.partition("@")
        if realm == self._realm:
            await self._accounts.ever(name)
        else:
            await self._others.find(address)
        return self.shown(address)

    def shown(self, address: str) -> str:
        """Return how an address is shown, if that is in memory."""
        if address.endswith(f"@{self._realm}"):
            return self._accounts.shown(address)
        row = self._others.get(address)
        return address if row is None else row.shown
