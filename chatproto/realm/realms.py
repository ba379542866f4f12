"""Users of other realms, as the older systems' realm commands name them: by an alias and a bare name."""

from __future__ import annotations

from twisted.internet.defer import Deferred, DeferredList, TimeoutError

from chatproto.errors import BadField, BadName, ChatError, NoSuchUser
from chatproto.limits import LISTED_NAMES
from chatproto.names import RealmName, UserName, fold
from chatproto.realm.accounts import Accounts
from chatproto.realm.aliases import Aliases
from chatproto.realm.outbound import VERDICT_SECONDS
from chatproto.realm.times import Clock

#: Names of a list that are asked for at a time: half as many as questions may be under way on a link.
_AT_ONCE = 32


class Realms:
    """Finds whom a realm command means."""

    def __init__(self, realm: RealmName, aliases: Aliases, accounts: Accounts, clock: Clock) -> None:
        self.aliases = aliases
        self._clock = clock
        self._realm = realm
        self._accounts = accounts

    async def user(self, realm: RealmName, word: str) -> str:
        """Return the address of a user of a realm.

        One that does not answer now may have them.

        :raises NoSuchUser: the realm says that it has no such user.
        """
        try:
            name = UserName.parse(word)
        except BadName:
            raise NoSuchUser from None
        if realm == self._realm:
            account = await self._accounts.find(name)
            if account is None:
                raise NoSuchUser
            return f"{account.shown}@{realm}"
        asked = self.aliases.remotes.ask(realm, "user", name)
        asked.addTimeout(VERDICT_SECONDS, self._clock)  # type: ignore[arg-type]  # it needs no more of a clock
        try:
            found = (await asked).get("user")
        except NoSuchUser:
            raise
        except (ChatError, TimeoutError):
            found = None
        return f"{found if isinstance(found, str) and fold(found) == name.folded else name}@{realm}"

    async def users(self, realm: RealmName, listed: str) -> list[str]:
        """Return the addresses of a list with commas.

        :raises NoSuchUser: there is no name, or the realm says of one that it has no such user.
        :raises BadField: the list is too long.
        """
        names = list(dict.fromkeys(name for name in listed.split(",") if name))
        if len(names) > LISTED_NAMES:
            raise BadField(f"a list has at most {LISTED_NAMES} names")
        known: dict[str, None] = {}
        unknown: list[str] = []
        for start in range(0, len(names), _AT_ONCE):
            piece = names[start : start + _AT_ONCE]
            asked = [Deferred.fromCoroutine(self._known(realm, name)) for name in piece]
            found = await DeferredList(asked, fireOnOneErrback=True)
            for name, (_, address) in zip(piece, found, strict=True):
                known.update({address: None} if address else {})
                unknown += [] if address else [name]
        if unknown:
            raise NoSuchUser(f"{NoSuchUser.message}: {', '.join(unknown)}")
        if not known:
            raise NoSuchUser
        return list(known)

    async def _known(self, realm: RealmName, word: str) -> str:
        try:
            return await self.user(realm, word)
        except NoSuchUser:
            return ""
