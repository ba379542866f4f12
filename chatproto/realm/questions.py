"""What other realms may ask, and what ours answers. Only a realm that proved who it is gets so far."""

from __future__ import annotations

from typing import Any

from chatproto.errors import BadName, NoSuchGroup, NoSuchUser, NotAllowed, NotSupported, RealmExists
from chatproto.frames import Ask
from chatproto.names import RealmName, UserName
from chatproto.realm.accounts import Accounts
from chatproto.realm.live import Live
from chatproto.realm.older import Older
from chatproto.realm.present import Present
from chatproto.realm.registering import REGISTER
from chatproto.realm.routes import Routes
from chatproto.realm.times import Clock
from chatproto.realm.tracing import Tracing

#: Users in one answer: with the longest names of four bytes a character well below a line between realms.
MOST_USERS = 500


class Questions:
    """Answers other realms."""

    def __init__(
        self,
        realm: RealmName,
        accounts: Accounts,
        routes: Routes,
        present: Present,
        clock: Clock,
        tracing: Tracing,
        live: Live,
        older: Older,
    ) -> None:
        self._meetings = live.meetings
        self._older = older
        self._routes = routes
        self._realm = realm
        self._accounts = accounts
        self._present = present
        self._clock = clock
        self._tracing = tracing

    async def answer(self, peer: RealmName, ask: Ask) -> dict[str, Any]:
        """Return what was asked for.

        ``active``: ``users``, as pairs of a name and a name to show, ``as_of`` and ``complete``. ``user``:
        ``user`` and ``name`` likewise. ``group``: ``group``, the address of one that everybody may join.
        ``live``: likewise, and the ``users`` who are live there; ``vacant``, if it is as good as not there.
        ``trace``: ``rows`` of the audit log about a mid.
        ``register``: nothing if an account was made, or why it was ``refused``.
        ``alias``: nothing if the link is called so from now on, or ``taken``.

        :raises NoSuchUser: the realm has no such user.
        :raises NoSuchGroup: it has no such group.
        :raises NotAllowed: this realm lets nobody name links, or the other one no strangers in.
        :raises NotSupported: that is no question that it knows.
        :raises Unavailable: not now.
        """
        if ask.about == "active":
            return await self._active()
        if ask.about == "user":
            return await self._user(ask.name)
        if ask.about == "group":
            return await self._group(ask.name)
        if ask.about == "live":
            return await self._meetings.answer(peer, ask.name)
        if ask.about == "trace":
            return await self._tracing.answer(peer, ask.name, ask.after)
        return await self._answer_neighbour(peer, ask)

    async def _answer_neighbour(self, peer: RealmName, ask: Ask) -> dict[str, Any]:
        if ask.about == "alias":
            return await self._alias(peer, ask.name)
        if ask.about == REGISTER:
            return await self._older.registering.answer(peer, ask.name, ask.after)
        raise NotSupported("that is no question that this realm knows")

    async def _active(self) -> dict[str, Any]:
        names = self._present.accounts()
        found = [await self._accounts.find(name) for name in names[:MOST_USERS]]
        return {
            "users": [[account.shown, account.display] for account in found if account is not None],
            "as_of": int(self._clock.seconds() * 1000),
            "complete": len(names) <= MOST_USERS,
        }

    async def _alias(self, peer: RealmName, word: str) -> dict[str, Any]:
        if not self._older.adding.open():
            raise NotAllowed
        try:
            await self._older.aliases.add(word, peer)
        except (RealmExists, BadName):
            return {"taken": True}
        return {}

    async def _group(self, word: str) -> dict[str, Any]:
        group = await self._routes.group(word)
        if group.settings.access != "open":
            raise NoSuchGroup
        return {"group": group.row.shown_a}

    async def _user(self, word: str) -> dict[str, Any]:
        name, _, realm = word.partition("@")
        try:
            user = UserName.parse(name)
        except BadName:
            raise NoSuchUser from None
        account = await self._accounts.find(user) if realm in ("", self._realm) else None
        if account is None:
            raise NoSuchUser
        return {"user": account.shown, "name": account.display}
