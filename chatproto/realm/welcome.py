"""Whether somebody of this realm may be a member of a group elsewhere: the home says so, but not alone.

An address without an account is nobody, and who was let leave as its realm was dropped stays away until it
asks to join again. Of a realm from which not everything is taken, a group has here only members who asked, or
whom the operator lets it have. Who may be none leaves at once, by an item like any other: so the home and its
copies agree in the end.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable

from chatproto.errors import ChatError
from chatproto.interfaces import IStore
from chatproto.names import RealmName, fold
from chatproto.realm.accounts import Accounts
from chatproto.realm.changes import Change
from chatproto.realm.mail import Mail
from chatproto.realm.policy import Acceptance, PeerPolicy
from chatproto.realm.spelling import Spelling
from chatproto.records import CursorRow

#: The kind of cursor that says whether an account asked to join a group elsewhere, or that this is over.
JOINING = "joining"
_ASKED, _OVER = 1, 2
#: A group stands for a number below 2**52 there, by its hash.
_SCOPE_BITS = 52
#: Members that leave with one change; of more the rest does when members are compared again.
_LEAVING = 64


class Welcome:
    """Knows who asked, and lets leave who may be no member."""

    def __init__(
        self, realm: RealmName, store: IStore, accounts: Accounts, spelling: Spelling, mail: Mail
    ) -> None:
        self._realm = realm
        self._store = store
        self._accounts = accounts
        self._spelling = spelling
        self._mail = mail
        self.policy_of: Callable[[RealmName], PeerPolicy] = lambda _: PeerPolicy()

    def is_own(self, address: str) -> bool:
        """Tell whether an address is one of this realm."""
        return fold(address).endswith(f"@{self._realm}")

    def asked(self, change: Change, account: str, group: str) -> None:
        """Note that an account asks to join a group."""
        change.put(CursorRow(account, JOINING, _scope(group), _ASKED))

    def over(self, change: Change, account: str, group: str) -> None:
        """Note that an account was let leave a group, of which nobody there can be told."""
        change.put(CursorRow(account, JOINING, _scope(group), _OVER))

    async def strangers(self, home: RealmName, group: str, addresses: Iterable[str]) -> set[str]:
        """Return those of this realm's addresses, folded, that may be no members; :meth:`leave` may come."""
        found = {
            address
            for address in map(fold, addresses)
            if self.is_own(address) and not await self._is_welcome(home, group, address)
        }
        if found:
            with contextlib.suppress(ChatError):  # then they leave when members are compared
                await self._mail.prepare(home)
        return found

    async def _is_welcome(self, home: RealmName, group: str, address: str) -> bool:
        name = address.partition("@")[0]
        if await self._accounts.find(name) is None:
            return False
        await self._spelling.look_up(address)
        asked = await self._store.cursor(name, JOINING, _scope(group))
        policy = self.policy_of(home)
        if asked == _OVER or policy.accept is Acceptance.BLOCK:
            return False
        return policy.accept is Acceptance.OPEN or asked == _ASKED or fold(group) in policy.addresses

    def leave(self, change: Change, home: RealmName, group: str, addresses: Iterable[str]) -> None:
        """Let some leave a group elsewhere, if that can be said now."""
        for address in sorted(addresses)[:_LEAVING]:
            try:
                self._mail.check(home, "")
            except ChatError:
                return
            if self._mail.ready(home):
                self._mail.add(change, self._spelling.shown(address), 0, group, "leave")


def _scope(group: str) -> int:
    digest = hashlib.sha256(fold(group).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _SCOPE_BITS)
