"""Items for other realms that no ``send`` makes: what is done to groups elsewhere, and invitations.

Like a post to a group elsewhere such an item stands in no conversation that anybody reads. It goes along with
the change that it belongs to.
"""

from __future__ import annotations

from functools import partial

from chatproto.names import RealmName, fold
from chatproto.realm.changes import Change
from chatproto.realm.conversations import Conversation, Route
from chatproto.realm.log import Log
from chatproto.realm.outbound import Outbound, size_of
from chatproto.realm.routes import Routes
from chatproto.records import NOWHERE, MessageRow


class Mail:
    """Adds items to changes."""

    def __init__(self, routes: Routes, log: Log, outbound: Outbound) -> None:
        self._routes = routes
        self._log = log
        self._outbound = outbound
        self._nowhere: Conversation | None = None

    async def prepare(self, realm: RealmName) -> None:
        """Return when an item for a realm can be added, in that very turn.

        :raises NoSuchRealm: there is no link to it.
        :raises PeerBlocked: nothing goes there.
        :raises Unavailable: not now.
        """
        remotes = self._outbound.remotes
        while True:
            await remotes.prepare(realm)
            self._nowhere = await self._routes.nowhere()
            if remotes.ready(realm):
                return

    def ready(self, realm: RealmName) -> bool:
        """Tell whether an item for a realm can be added now."""
        return self._outbound.remotes.ready(realm)

    def check(self, realm: RealmName, text: str) -> None:
        """Return if there is room for an item.

        :raises ChatError: there is none, or the realm takes none of that size.
        """
        self._outbound.remotes.check(realm, size_of(text))

    def add(self, change: Change, sender: str, device: int, to: str, kind: str, text: str = "") -> MessageRow:
        """Add an item of a kind to a change; ``to`` is as shown, in a realm for which this was prepared."""
        realm = RealmName(fold(to.rpartition("@")[2]))
        nowhere = self._nowhere
        assert nowhere is not None
        if nowhere.unborn:
            change.insert(*self._routes.born(nowhere))
        message = self._log.entry(NOWHERE, sender, device, self._log.now(), kind, 0, text)
        route = Route(nowhere, None, to, (), self._routes.generation, realm)
        _, inserts, puts, spare = self._outbound.number([route], [message])
        change.insert(message, *inserts)
        change.put(*puts)
        change.spare(*spare)
        change.then(partial(self._outbound.remotes.wake, realm))
        return message
