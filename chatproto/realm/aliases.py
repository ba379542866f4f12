"""By which other names realms are known: the ``R`` of the older systems' commands, the same at both ends.

An alias goes before the name of a realm: it may be that of this very realm at the other end of the link. What
stands in a box stands under the alias by which its sender called the link, or without one under the realm.
"""

from __future__ import annotations

from chatproto.errors import BadName, NoSuchRealm, RealmExists
from chatproto.interfaces import IRemotes, IStore
from chatproto.names import LocalName, RealmName, fold
from chatproto.realm.remotes import NoRemotes
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import AliasRow

#: All are in memory; a course has some dozens of links.
_MOST = 1024


class Aliases:
    """All aliases. ``remotes`` is replaced once, before anybody asks."""

    def __init__(self, realm: RealmName, store: IStore, writer: Writer, clock: Clock) -> None:
        self.remotes: IRemotes = NoRemotes()
        self._realm = realm
        self._store = store
        self._writer = writer
        self._clock = clock
        self._rows: dict[str, AliasRow] = {}
        #: Of those, what is on its way to the disk.
        self._adding: set[str] = set()

    async def load(self) -> None:
        """Read what there is, before anybody asks."""
        self._rows = {row.alias: row for row in await self._store.aliases()}

    def find(self, word: str) -> RealmName | None:
        """Return the realm that an alias means, this one or another; None if it is no alias."""
        row = self._rows.get(fold(word))
        return None if row is None else RealmName(row.realm)

    def here(self, word: str) -> tuple[RealmName, str]:
        """Return the realm that a client's word means, and what its box is called at this end.

        :raises NoSuchRealm: it is neither an alias nor a linked realm.
        """
        realm = self.find(word)
        if realm is not None:
            return realm, fold(word)
        try:
            realm = RealmName.parse(fold(word))
        except BadName:
            raise NoSuchRealm from None
        if realm == self._realm or not self.remotes.knows(realm):
            raise NoSuchRealm
        return realm, str(realm)

    def there(self, word: str) -> tuple[RealmName, str]:
        """Return the same with what the box is called at the other end, as it was first written."""
        realm, box = self.here(word)
        row = self._rows.get(box)
        return realm, str(self._realm) if row is None else row.shown

    def box(self, peer: RealmName, name: str) -> str:
        """Return the box at this end for what a realm calls so: it cannot fill those of others."""
        return fold(name) if self.find(name) == peer else str(peer)

    def is_free(self, word: str) -> bool:
        """Tell whether a word means no realm here, but perhaps this one."""
        if fold(word) in self._adding:
            return False
        try:
            self.here(word)
        except NoSuchRealm:
            return True
        return False

    async def add(self, word: str, realm: RealmName) -> None:
        """Let an alias mean a realm from now on, this one or a linked one; it may do so already.

        :raises RealmExists: it means another one.
        :raises BadName: it is malformed, or there are too many.
        """
        alias = LocalName.parse(word).folded
        if self.find(alias) == realm:
            return
        if self.find(alias) is not None or (alias != realm and not self.is_free(alias)):
            raise RealmExists
        if len(self._rows) + len(self._adding) >= _MOST:
            raise BadName(f"there are at most {_MOST} aliases")
        self._adding.add(alias)
        try:
            row = AliasRow(alias, word, str(realm), int(self._clock.seconds() * 1000))
            await self._writer.save(inserts=[row])
        finally:
            self._adding.discard(alias)
        self._rows[alias] = row
