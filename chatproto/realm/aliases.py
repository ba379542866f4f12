"""By which other names realms are known: the ``R`` of the older systems' commands, the same at both ends.

An alias goes before the name of a realm: it may be that of this very realm at the other end of the link. One
that means this realm came with an account of it, which anybody may make; so a link may take it.

What stands in a box stands under the alias by which its sender called the link, or else under the realm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chatproto.errors import BadName, NoSuchRealm, RealmExists
from chatproto.interfaces import IRemotes, IStore
from chatproto.names import LocalName, RealmName, fold
from chatproto.realm.remotes import NoRemotes
from chatproto.realm.times import Clock
from chatproto.realm.writer import Writer
from chatproto.records import AliasRow

#: All are in memory; a course has some dozens of links. One other realm does not take the room of all.
_MOST = 1024
_EACH = 256


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
            return self.here(word)[0] == self._realm
        except NoSuchRealm:
            return True

    async def add(self, word: str, realm: RealmName) -> None:
        """Let an alias mean a realm from now on, this one or a linked one; it may do so already.

        :raises RealmExists: it means another one, which is linked.
        :raises BadName: it is malformed, or there are too many.
        """
        alias = LocalName.parse(word).folded
        before = self.find(alias)
        if before == realm:
            return
        if before not in (None, self._realm) or (alias != realm and not self.is_free(alias)):
            raise RealmExists
        row = self._row(word, realm)
        self._adding.add(alias)
        try:
            await self._writer.save(puts=[row])
        finally:
            self._adding.discard(alias)
        self._rows[alias] = row

    @contextmanager
    def own(self, word: str) -> Iterator[Sequence[AliasRow]]:
        """Return what to store for an alias to mean this realm; it does so if the block ends well.

        If somebody is adding the alias just now, that is nothing.

        :raises BadName: it is malformed, or there are too many.
        """
        alias = LocalName.parse(word).folded
        if alias in self._adding:
            yield ()
            return
        row = self._row(word, self._realm)
        self._adding.add(alias)
        try:
            yield (row,)
        finally:
            self._adding.discard(alias)
        self._rows[alias] = row

    def _row(self, word: str, realm: RealmName) -> AliasRow:
        realms = [row.realm for row in self._rows.values()]
        own = realms.count(self._realm)
        if realms.count(realm) >= _EACH or (realm != self._realm and len(realms) - own >= _MOST):
            raise BadName("there are too many aliases")
        return AliasRow(fold(word), word, str(realm), int(self._clock.seconds() * 1000))
