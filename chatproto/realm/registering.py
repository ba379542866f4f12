"""Accounts in realms that are called by a name: in this one, or in a linked one, which then makes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from chatproto.errors import BadField, BadName, NameTaken, NoSuchRealm, NotAllowed, RateLimited
from chatproto.interfaces import IAdding, IRemotes
from chatproto.names import RealmName, UserName, fold
from chatproto.realm.accounts import Accounts
from chatproto.realm.aliases import Aliases
from chatproto.realm.passwords import PASSWORD_BYTES
from chatproto.realm.policy import Policy, Registration
from chatproto.realm.rates import Buckets, Rate
from chatproto.realm.times import Clock
from chatproto.records import Record

_HOUR = 3600.0
#: Linked realms whose rate is known; there are never so many.
_PEERS = 1024
#: The question by which a neighbour is asked to make one.
REGISTER = "register"


class Registering:
    """Where accounts are made. ``remotes`` and ``adding`` are replaced once, before anybody asks."""

    def __init__(
        self,
        realm: RealmName,
        accounts: Accounts,
        aliases: Aliases,
        policy: Policy,
        clock: Clock,
        remotes: IRemotes,
        adding: Callable[[], IAdding],
    ) -> None:
        self.remotes = remotes
        self._realm = realm
        self._accounts = accounts
        self._aliases = aliases
        self._open = policy.registration is Registration.OPEN
        self._clock = clock
        self._adding = adding
        self._rate = Rate(policy.limits.registrations_per_hour, _HOUR)
        self._made: Buckets[str] = Buckets(_PEERS)

    async def register(
        self, word: str, user: str, password: str, make: Callable[[Sequence[Record]], Awaitable[object]]
    ) -> None:
        """Make an account in the realm of a name: by ``make`` in this one, which a lab has many names for.

        A new name is stored with the account, so there are no more of them than accounts.

        :raises NoSuchRealm: no realm is called so.
        :raises ChatError: it is not made.
        """
        realm = self._find(word)
        if realm is None:
            with self._aliases.own(word) as rows:
                await make(rows)
            return
        if realm == self._realm:
            await make(())
            return
        if realm not in self.remotes.realms():  # a password is for those only whom the operator calls near
            raise NoSuchRealm
        UserName.parse(user)
        if len(password.encode()) > PASSWORD_BYTES:
            raise BadField(f"a password has at most {PASSWORD_BYTES} bytes")
        refused = (await self.remotes.ask(realm, REGISTER, user, password)).get("refused")
        if refused is not None:
            raise BadName if refused == BadName.code else NameTaken

    def _find(self, word: str) -> RealmName | None:
        """Return the realm that a word means, None if it may become a name of this one."""
        try:
            return self._realm if fold(word) == self._realm else self._aliases.here(word)[0]
        except NoSuchRealm:
            if not self._adding().open():
                raise
        return None

    async def answer(self, peer: RealmName, user: str, password: str) -> dict[str, Any]:
        """Make an account for somebody who asked a neighbour.

        :raises NotAllowed: nobody may make one here, or the other realm is no neighbour.
        :raises RateLimited: it made too many.
        """
        if not self._open or peer not in self.remotes.realms():
            raise NotAllowed
        if self._made.take(peer, self._rate, self._clock.seconds()):
            raise RateLimited
        try:
            await self._accounts.add(user, password, None, None)
        except (BadName, NameTaken) as error:
            return {"refused": error.code}
        return {}
