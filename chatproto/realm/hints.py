"""What passes: receipts, and that somebody is writing. Told to those who are there now, and stored nowhere.

A hint that finds no room, or nobody who asked for it, is dropped: the next one says more, and the list of
conversations always has the present state.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from chatproto.events import Hint, IsTyping, Receipt
from chatproto.interfaces import IRemotes, ISubscriber
from chatproto.limits import HINTED_MEMBERS
from chatproto.names import fold
from chatproto.realm.blocks import Blocks
from chatproto.realm.conversations import Group, Route
from chatproto.realm.logins import Login
from chatproto.realm.remotes import NoRemotes
from chatproto.realm.router import Audience, Router
from chatproto.realm.routes import Routes
from chatproto.realm.times import Clock

#: A hint that somebody is writing holds for some seconds, so more of them in that time say nothing new.
_TYPING_SECONDS = 2.0


class Hints:
    """Tells hints to those whom they concern. Whom an account blocks hears no receipts of it in private.

    To other realms go receipts, by ``remotes``, and nothing else.
    """

    def __init__(self, routes: Routes, router: Router, blocks: Blocks, clock: Clock) -> None:
        self.remotes: IRemotes = NoRemotes()
        self._routes = routes
        self._router = router
        self._blocks = blocks
        self._clock = clock

    def delivered(self, login: Login, with_: str, seq: int, mid: str) -> None:
        """Tell that a conversation has reached a device of a session's account, up to a seq, or a mid.

        The device listens.
        """
        group = self._group(with_)
        if group is None and self._routes.is_far(with_):
            blocked = self._router.account(login.account).blocked
            if fold(with_) not in blocked and self._routes.is_foreign(mid):
                self.remotes.receipt(login.address, with_, delivered=mid)
            return
        shown = login.address if group is None else group.row.shown_a
        receipt = Receipt(with_=shown, by=login.address, delivered=seq)
        for audience in self._others(login, with_, group, self._router.account(login.account).blocked):
            audience.hint(receipt)

    async def read(self, login: Login, with_: str, seq: int, mid: str, by: ISubscriber | None) -> None:
        """Tell that a conversation was read up to a seq, the account's other devices too.

        ``with_`` is its address as the account has it; ``mid`` is that of the newest message up to there that
        came from another realm, if it is with one there. ``by`` hears nothing.
        """
        blocked = await self._blocks.of(login.account)
        group = self._group(with_)
        far = group is None and self._routes.is_far(with_)
        if mid and far and fold(with_) not in blocked:
            self.remotes.receipt(login.address, with_, read=mid)
        shown = login.address if group is None else group.row.shown_a
        receipt = Receipt(with_=shown, by=login.address, read=seq)
        for audience in () if far else self._others(login, with_, group, blocked):
            audience.hint(receipt)
        own = Receipt(with_=with_, by=login.address, read=seq)
        self._router.account(login.account).hint(own, by)

    def typing(self, login: Login, route: Route) -> None:
        """Tell that a session's user is writing."""
        if route.peer is not None and route.copy is None:
            return
        now = self._clock.seconds()
        if 0 <= now - route.typed_at < _TYPING_SECONDS:
            return
        route.typed_at = now
        event: Hint = IsTyping(from_=login.address, to=route.to)
        for audience in self._others(login, route.to, route.group or route.copy):
            audience.hint(event)

    def _group(self, address: str) -> Group | None:
        """Return a group, or the copy of one, that is in memory."""
        far = self._routes.is_far(address)
        return self._routes.group_in_memory(fold(address) if far else _name(address))

    def _others(
        self, login: Login, with_: str, group: Group | None, but: Container[str] = ()
    ) -> Iterator[Audience]:
        """Yield who hears of what a session's account does in a conversation; of a group its members do."""
        if group is None:
            name = _name(with_)
            if name != login.account and fold(with_) not in but:
                yield self._router.account(name)
        elif fold(login.address) in group.members and len(group.members) <= HINTED_MEMBERS:
            audience = self._router.group(group.row.conversation)
            yield from (other for account, other in audience.accounts.items() if account != login.account)


def _name(address: str) -> str:
    return fold(address.partition("@")[0])
